//! What was merged is judged, the ledger learns of it, and what hurts gets a revert.

use super::answer::{escalations, files, lacking, mirror, old_evidence, tell_old_evidence};
use super::base::Manifests;
use super::error::PassError;
use super::heartbeat::{Beat, Blind, due};
use super::judge::Judged;
use super::known::{Known, know};
use super::plan::{Planning, grows_instead};
use super::proposed::{Done, Proposed};
use super::request::propose_revert_of;
use super::revert::{Revert, revert};
use super::sealed::{Due, ledger_message};
use super::side_by_side::contained;
use super::tidy::{Open, tidy_reverts};
use super::watching::Watching;
use crate::plan::behind;
use crate::ports::{Forge, HistoryStore, Plugins, PullRequest, Repository};
use crate::record::{Event, LedgerEntry};
use crate::snapshot::JobKey;
use crate::watch::Assessment;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Display;

/// One watched change and the verdict on it.
#[derive(Debug, Serialize)]
pub struct Watched {
    /// Digest of its evidence.
    pub change: String,
    /// Which job.
    pub job: String,
    /// When it was merged, Unix milliseconds.
    pub merged_at_ms: i64,
    /// The verdict.
    #[serde(flatten)]
    pub assessment: Assessment,
    /// That it was merged on old evidence, one sentence, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old_evidence: Option<String>,
    /// What was done about it, if it hurts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revert: Option<Proposed>,
}

/// What watching came to.
pub struct Followed {
    /// The changes with their verdicts.
    pub watched: Vec<Watched>,
    /// What could not be read or done, and that nobody looked before.
    pub problems: Vec<String>,
    /// The time before in which nobody looked, if it was too long.
    pub blind: Option<Blind>,
    /// What was read, where nothing was written that changes it.
    pub known: Option<Known>,
}

/// Why a change that hurts is not undone where its job grows.
const INSTEAD: &str = "the job is short, and the size before the change would be short too: growth is proposed instead of the revert";

static NO_PLUGINS: Plugins = Plugins {
    collectors: BTreeMap::new(),
    evaluators: BTreeMap::new(),
    realizers: BTreeMap::new(),
};

/// Judges every open change and writes nothing: the reverts that are due and what the ledger is to learn, a heartbeat too, are given back
/// for the place that may write. A list of pull requests that the forge does not give is a gap: what was merged is in git.
///
/// # Errors
/// When repository or history can't be read.
pub fn leave<E: Display>(
    of: Watching<'_>,
    store: &impl HistoryStore,
    repository: &impl Repository,
    manifests: &Manifests<'_>,
    listed: Result<Option<Vec<PullRequest>>, E>,
) -> Result<(Followed, Due), PassError> {
    let (pull_requests, unlisted) = with_gap(listed);
    let (known, beat) = look_up(of, store, repository, manifests, pull_requests)?;
    let mut problems = problems_of(&known, &beat, unlisted);
    let behind = late(store, of.now_ms, &mut problems);
    let (mut watched, mut reverts) = (Vec::new(), Vec::new());
    for judged in &known.judged {
        let job = judged.record.job.to_string();
        let hurts = behind.is_none() && matches!(judged.assessment, Assessment::Regressed { .. });
        match hurts.then(|| made(of, store, manifests, &known, judged)) {
            Some(Ok(Revert::Propose(request))) => reverts.push(*request),
            Some(Err(why)) => problems.push(format!("{job}: the revert could not be made: {why}")),
            Some(Ok(Revert::LetBe(_))) | None => {}
        }
        watched.push(verdict(judged, None));
    }
    let mut ledger = match behind {
        Some(_) => BTreeMap::new(),
        None => {
            problems.extend(escalations(of.settings, &known, of.now_ms));
            // Who said no is heard from the forge by whoever may write there.
            let mut lacks = lacking(of.settings, &known, of.now_ms);
            lacks.retain(|entry| !matches!(entry.event, Event::Declined { .. }));
            files(&lacks)?
        }
    };
    problems.extend(behind);
    ledger.extend(beat.file);
    let blind = beat.blind;
    let head = &manifests.base.head;
    let due = Due::new(&watched, reverts, head, &ledger, blind.clone());
    let followed = Followed {
        watched,
        problems,
        blind,
        known: Some(known),
    };
    Ok((followed, due))
}

/// A list of pull requests that can't be had is a gap: what was merged is in git, and is judged all the same.
fn with_gap<E: Display>(
    listed: Result<Option<Vec<PullRequest>>, E>,
) -> (Option<Vec<PullRequest>>, Option<String>) {
    match listed {
        Ok(pull_requests) => (pull_requests, None),
        Err(error) => (None, Some(format!("who merged is not known: {error}"))),
    }
}

/// What git and the history know of the open changes, and the heartbeat that is due.
fn look_up(
    of: Watching<'_>,
    store: &impl HistoryStore,
    repository: &impl Repository,
    manifests: &Manifests<'_>,
    pull_requests: Option<Vec<PullRequest>>,
) -> Result<(Known, Beat), PassError> {
    let known = know(of, store, repository, manifests, pull_requests)?;
    let every = of.settings.every.as_ref();
    let jobs = of.fleet.jobs.len();
    let beat = due(every, &known.books.ledger, jobs, of.now_ms);
    Ok((known, beat))
}

/// Why nothing is written where the run is behind the newest sample. A history too damaged to tell is a problem, and keeps nobody from judging
/// the jobs that it still has.
fn late(store: &impl HistoryStore, now_ms: i64, problems: &mut Vec<String>) -> Option<String> {
    let newest_ms = store.newest_ms().unwrap_or_else(|error| {
        problems.push(error.to_string());
        None
    });
    behind(newest_ms, now_ms)
}

/// What stands in the way before anything is done.
fn problems_of(known: &Known, beat: &Beat, unlisted: Option<String>) -> Vec<String> {
    let blind = beat.blind.iter().map(|blind| blind.message.clone());
    blind
        .chain(unlisted)
        .chain(known.problems.iter().cloned())
        .chain(known.books.problems.iter().cloned())
        .collect()
}

/// Judges every open change, leaves a heartbeat, appends to the ledger what it lacks, and proposes the reverts that are due.
///
/// # Errors
/// When repository or history can't be read.
pub async fn follow(
    of: Watching<'_>,
    store: &impl HistoryStore,
    forge: &impl Forge,
    repository: &impl Repository,
    manifests: &Manifests<'_>,
) -> Result<Followed, PassError> {
    let (pull_requests, unlisted) = with_gap(forge.pull_requests().await.map(Some));
    let is_listed = unlisted.is_none();
    let (known, beat) = look_up(of, store, repository, manifests, pull_requests)?;
    let mut problems = problems_of(&known, &beat, unlisted);
    problems.extend(repository.recover().err().map(|error| error.to_string()));
    if let Some(behind) = late(store, of.now_ms, &mut problems) {
        problems.push(behind);
        return Ok(Followed {
            watched: known
                .judged
                .iter()
                .map(|judged| verdict(judged, None))
                .collect(),
            problems,
            blind: beat.blind,
            known: is_listed.then_some(known),
        });
    }
    problems.extend(escalations(of.settings, &known, of.now_ms));
    let remembered = remember(of, repository, &known, beat.file)?;
    problems.extend(remembered.problem);
    let (pull_requests, learnt) = (&known.pull_requests, &remembered.learnt);
    mirror(forge, pull_requests, learnt, of.now_ms).await;
    tell_old_evidence(forge, &known, learnt, of.now_ms).await;
    let open = Open {
        settings: of.settings,
        manifests,
        books: &known.books,
        judged: &known.judged,
        pull_requests: &known.pull_requests,
        now_ms: of.now_ms,
    };
    let clusters = of.fleet.clusters();
    let is_asked = |job: &JobKey| clusters.contains(job.cluster.as_str());
    let tidied = tidy_reverts(forge, open, is_asked).await;
    problems.extend(tidied.iter().filter_map(Proposed::problem));
    let mut watched = Vec::new();
    for judged in &known.judged {
        let job = judged.record.job.to_string();
        let done = match &judged.assessment {
            Assessment::Regressed { .. } => match made(of, store, manifests, &known, judged) {
                Ok(Revert::Propose(request)) => Some(
                    propose_revert_of(
                        of.settings,
                        forge,
                        repository,
                        manifests,
                        &request,
                        of.now_ms,
                    )
                    .await?,
                ),
                Ok(Revert::LetBe(why)) => Some(Proposed::new(&job, Done::LeftAlone, why)),
                Err(why) => {
                    problems.push(format!("{job}: the revert could not be made: {why}"));
                    None
                }
            },
            Assessment::Blind { .. } => {
                problems.push(format!(
                    "{job}: a merged change can't be judged: there is no data of the job"
                ));
                None
            }
            _ => None,
        };
        problems.extend(done.as_ref().and_then(Proposed::problem));
        watched.push(verdict(judged, done));
    }
    // A rule may have closed or commented on one without opening another.
    let asked = watched.iter().any(|watched| watched.revert.is_some());
    let mut reverts = watched.iter().filter_map(|watched| watched.revert.as_ref());
    if reverts.any(|revert| revert.done.has_written()) {
        // With the forge `dir` a revert is merged at once; the ledger learns of it now.
        let (pull_requests, _) = with_gap(forge.pull_requests().await.map(Some));
        let newer = manifests.base.newer(repository)?;
        let newer = newer.as_ref().map(Manifests::parse);
        let manifests = newer.as_ref().unwrap_or(manifests);
        let known = know(of, store, repository, manifests, pull_requests)?;
        problems.extend(remember(of, repository, &known, None)?.problem);
    }
    Ok(Followed {
        watched,
        problems,
        blind: beat.blind,
        known: (is_listed && remembered.learnt.is_empty() && tidied.is_empty() && !asked)
            .then_some(known),
    })
}

/// What is to be done about a change that hurts; making it can panic, which is a sentence, too.
fn made(
    of: Watching<'_>,
    store: &impl HistoryStore,
    manifests: &Manifests<'_>,
    known: &Known,
    judged: &Judged,
) -> Result<Revert, String> {
    // Plug-ins were asked when the change was proposed.
    let planning = Planning {
        settings: of.settings,
        fleet: of.fleet,
        plugins: &NO_PLUGINS,
        manifests,
        known,
        now_ms: of.now_ms,
    };
    contained(|| {
        if grows_instead(&planning, store, judged).map_err(|error| error.to_string())? {
            return Ok(Revert::LetBe(INSTEAD.to_string()));
        }
        let resource = of.fleet.resource(&judged.record.job);
        revert(of.settings, store, manifests, judged, resource, of.now_ms)
    })
    .and_then(|made| made)
}

/// What became of an append to the ledger.
struct Remembered {
    /// What the verdicts had to add.
    learnt: Vec<LedgerEntry>,
    /// Why it was not written, if so.
    problem: Option<String>,
}

/// Appends to the ledger what the verdicts add to it and the heartbeat, in one commit. A ledger that can't be written holds nothing else
/// back: what it lacks is found again by the next run.
fn remember(
    of: Watching<'_>,
    repository: &impl Repository,
    known: &Known,
    heartbeat: Option<(String, Vec<u8>)>,
) -> Result<Remembered, PassError> {
    let learnt = lacking(of.settings, known, of.now_ms);
    let mut files = files(&learnt)?;
    files.extend(heartbeat);
    let problem = if files.is_empty() {
        None
    } else {
        repository
            .append_ledger(&files, &ledger_message(&files), of.now_ms)
            .err()
            .map(|error| {
                format!("the ledger was not written, the next run writes what it lacks: {error}")
            })
    };
    Ok(Remembered { learnt, problem })
}

fn verdict(judged: &Judged, revert: Option<Proposed>) -> Watched {
    Watched {
        change: judged.record.change.clone().unwrap_or_default(),
        job: judged.record.job.to_string(),
        merged_at_ms: judged.record.merged_at_ms,
        assessment: judged.assessment.clone(),
        old_evidence: old_evidence(judged),
        revert,
    }
}
