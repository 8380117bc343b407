//! What was merged is judged, the ledger learns of it, and what hurts gets a revert.

use super::base::{Base, Manifests};
use super::error::PassError;
use super::fleet::Fleet;
use super::heartbeat::{Beat, Blind, due};
use super::judge::Judged;
use super::known::{Known, know};
use super::proposed::{Done, Proposed};
use super::request::propose_revert_of;
use super::revert::{Revert, revert};
use super::sealed::{Due, ledger_message};
use super::settings::Settings;
use super::side_by_side::contained;
use crate::audit::{ChangeRecord, missing_entries};
use crate::plan::behind;
use crate::ports::{Forge, HistoryStore, PullRequest, Repository};
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

/// What the watcher goes by.
#[derive(Clone, Copy)]
pub struct Watching<'a> {
    /// What is configured.
    pub settings: &'a Settings,
    /// The jobs.
    pub fleet: &'a Fleet,
    /// Now, Unix milliseconds.
    pub now_ms: i64,
}

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
    listed: Result<Vec<PullRequest>, E>,
) -> Result<(Followed, Due), PassError> {
    let (pull_requests, unlisted) = with_gap(listed);
    let (known, beat) = look_up(of, store, repository, manifests.base, pull_requests)?;
    let mut problems = problems_of(&known, &beat, unlisted);
    let behind = late(store, of.now_ms, &mut problems);
    let (mut watched, mut reverts) = (Vec::new(), Vec::new());
    for judged in &known.judged {
        let job = judged.record.job.to_string();
        let hurts = behind.is_none() && matches!(judged.assessment, Assessment::Regressed { .. });
        match hurts.then(|| made(of, store, manifests, judged)) {
            Some(Ok(Revert::Propose(request))) => reverts.push(*request),
            Some(Err(why)) => problems.push(format!("{job}: the revert could not be made: {why}")),
            Some(Ok(Revert::LetBe(_))) | None => {}
        }
        watched.push(verdict(judged, None));
    }
    let mut ledger = match behind {
        Some(_) => BTreeMap::new(),
        None => lacking(&known, of.now_ms)?,
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
fn with_gap<E: Display>(listed: Result<Vec<PullRequest>, E>) -> (Vec<PullRequest>, Option<String>) {
    match listed {
        Ok(pull_requests) => (pull_requests, None),
        Err(error) => (
            Vec::new(),
            Some(format!("who merged is not known: {error}")),
        ),
    }
}

/// What git and the history know of the open changes, and the heartbeat that is due.
fn look_up(
    of: Watching<'_>,
    store: &impl HistoryStore,
    repository: &impl Repository,
    base: &Base,
    pull_requests: Vec<PullRequest>,
) -> Result<(Known, Beat), PassError> {
    let jobs = &of.fleet.jobs;
    let known = know(store, repository, base, pull_requests, jobs, of.now_ms)?;
    let every = of.settings.every.as_ref();
    let beat = due(every, &known.books.ledger, jobs.len(), of.now_ms);
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
    let (pull_requests, unlisted) = with_gap(forge.pull_requests().await);
    let is_listed = unlisted.is_none();
    let (known, beat) = look_up(of, store, repository, manifests.base, pull_requests)?;
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
    let remembered = remember(repository, &known, beat.file, of.now_ms)?;
    problems.extend(remembered.problem);
    let mut watched = Vec::new();
    for judged in &known.judged {
        let job = judged.record.job.to_string();
        let done = match &judged.assessment {
            Assessment::Regressed { .. } => match made(of, store, manifests, judged) {
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
        let (pull_requests, _) = with_gap(forge.pull_requests().await);
        let newer = manifests.base.newer(repository)?;
        let base = newer.as_ref().unwrap_or(manifests.base);
        let known = know(
            store,
            repository,
            base,
            pull_requests,
            &of.fleet.jobs,
            of.now_ms,
        )?;
        problems.extend(remember(repository, &known, None, of.now_ms)?.problem);
    }
    Ok(Followed {
        watched,
        problems,
        blind: beat.blind,
        known: (is_listed && !remembered.learnt && !asked).then_some(known),
    })
}

/// The revert of a change; one that panics is a sentence, too.
fn made(
    of: Watching<'_>,
    store: &impl HistoryStore,
    manifests: &Manifests<'_>,
    judged: &Judged,
) -> Result<Revert, String> {
    let resource = of.fleet.resource(&judged.record.job);
    contained(|| revert(of.settings, store, manifests, judged, resource, of.now_ms))
        .and_then(|made| made)
}

/// What became of an append to the ledger.
struct Remembered {
    /// Whether the verdicts had anything to add.
    learnt: bool,
    /// Why it was not written, if so.
    problem: Option<String>,
}

/// Appends to the ledger what the verdicts add to it and the heartbeat, in one commit. A ledger that can't be written holds nothing else
/// back: what it lacks is found again by the next run.
fn remember(
    repository: &impl Repository,
    known: &Known,
    heartbeat: Option<(String, Vec<u8>)>,
    now_ms: i64,
) -> Result<Remembered, PassError> {
    let mut files = lacking(known, now_ms)?;
    let learnt = !files.is_empty();
    files.extend(heartbeat);
    let problem = if files.is_empty() {
        None
    } else {
        repository
            .append_ledger(&files, &ledger_message(&files), now_ms)
            .err()
            .map(|error| {
                format!("the ledger was not written, the next run writes what it lacks: {error}")
            })
    };
    Ok(Remembered { learnt, problem })
}

/// What the ledger lacks.
fn lacking(known: &Known, now_ms: i64) -> Result<BTreeMap<String, Vec<u8>>, PassError> {
    let ledger = &known.books.entries;
    let mut files = BTreeMap::new();
    let mut learn = |record: &ChangeRecord, assessment: &Assessment| {
        for entry in missing_entries(record, assessment, ledger, now_ms) {
            files.insert(entry.path(), entry.to_bytes()?);
        }
        Ok::<(), PassError>(())
    };
    for judged in &known.judged {
        learn(&judged.record, &judged.assessment)?;
    }
    // A change that was undone or replaced is no longer judged; the ledger still learns its end.
    let changes = known.books.audit.changes.iter();
    for record in changes.filter(|record| record.change.is_some()) {
        let assessment = match (&record.reverted_by, &record.superseded_by) {
            (Some(by), _) => Assessment::Reverted { by: by.clone() },
            (None, Some(by)) => Assessment::Superseded { by: by.clone() },
            (None, None) => continue,
        };
        learn(record, &assessment)?;
    }
    Ok(files)
}

fn verdict(judged: &Judged, revert: Option<Proposed>) -> Watched {
    Watched {
        change: judged.record.change.clone().unwrap_or_default(),
        job: judged.record.job.to_string(),
        merged_at_ms: judged.record.merged_at_ms,
        assessment: judged.assessment.clone(),
        revert,
    }
}
