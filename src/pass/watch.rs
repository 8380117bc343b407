//! What was merged is judged, the ledger learns of it, and what hurts gets a revert.

use super::answer::{escalations, files, lacking, mirror};
use super::heartbeat::{Beat, Blind, due};
use super::known::{Known, know};
use super::plan::{Planning, grows_instead};
use super::proposed::{Done, Proposed};
use super::revert::{Revert, revert};
use super::sealed::{Due, ledger_message};
use super::tidy::tidy_reverts;
use super::watching::Watching;
use super::{Judged, PassError};
use crate::ports::{Forge, HistoryStore, Plugins, PullRequest, Repository};
use crate::record::LedgerEntry;
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

static NO_PLUGINS: Plugins = Plugins {
    collectors: BTreeMap::new(),
    evaluators: BTreeMap::new(),
    realizers: BTreeMap::new(),
};

/// What a plan is made from, without plug-ins: they were asked when the change was proposed.
fn planning<'a>(of: Watching<'a>, known: &'a Known) -> Planning<'a> {
    Planning {
        settings: of.settings,
        fleet: of.fleet,
        plugins: &NO_PLUGINS,
        known,
        now_ms: of.now_ms,
    }
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
    listed: Result<Option<Vec<PullRequest>>, E>,
) -> Result<(Followed, Due), PassError> {
    let (pull_requests, unlisted) = with_gap(listed);
    let known = know(of, store, repository, pull_requests)?;
    let beat = due(
        of.settings.every.as_ref(),
        &known.books.ledger,
        of.fleet.jobs.len(),
        of.now_ms,
    );
    let mut problems = problems_of(&known, &beat, unlisted);
    problems.extend(escalations(of.settings, &known, of.now_ms));
    let (mut watched, mut proposals) = (Vec::new(), Vec::new());
    for judged in &known.judged {
        let job = judged.record.job.to_string();
        let hurts = matches!(judged.assessment, Assessment::Regressed { .. })
            && !grows_instead(&planning(of, &known), store, judged)?;
        match hurts.then(|| revert(of.settings, store, &known.books, judged, of.now_ms)) {
            Some(Ok(Revert::Propose(proposal))) => proposals.push(*proposal),
            Some(Err(why)) => problems.push(format!("{job}: the revert could not be made: {why}")),
            Some(Ok(Revert::LetBe(_))) | None => {}
        }
        watched.push(verdict(judged, None));
    }
    let mut ledger = files(&lacking(of.settings, &known, of.now_ms))?;
    ledger.extend(beat.file);
    let blind = beat.blind;
    let due = Due::new(
        &watched,
        proposals,
        &known.books.tree,
        &ledger,
        blind.clone(),
    );
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
/// When repository or history can't be read, or the ledger can't be written.
pub async fn follow(
    of: Watching<'_>,
    store: &impl HistoryStore,
    forge: &impl Forge,
    repository: &impl Repository,
) -> Result<Followed, PassError> {
    let (pull_requests, unlisted) = with_gap(forge.pull_requests().await.map(Some));
    let is_listed = unlisted.is_none();
    let known = know(of, store, repository, pull_requests)?;
    let beat = due(
        of.settings.every.as_ref(),
        &known.books.ledger,
        of.fleet.jobs.len(),
        of.now_ms,
    );
    let mut problems = problems_of(&known, &beat, unlisted);
    problems.extend(escalations(of.settings, &known, of.now_ms));
    let learnt = remember(of, repository, &known, beat.file)?;
    mirror(forge, &known, &learnt, of.now_ms).await;
    let (books, pull_requests) = (&known.books, &known.pull_requests);
    let tidied = tidy_reverts(of, forge, books, &known.judged, pull_requests).await;
    problems.extend(tidied.iter().filter_map(Proposed::problem));
    let mut watched = Vec::new();
    for judged in &known.judged {
        let job = judged.record.job.to_string();
        let done = match &judged.assessment {
            Assessment::Regressed { .. }
                if grows_instead(&planning(of, &known), store, judged)? =>
            {
                Some(Proposed::new(
                    &job,
                    Done::LeftAlone,
                    "the job is short, and the size before the change would be short too: growth is proposed instead of the revert",
                ))
            }
            Assessment::Regressed { .. } => {
                match revert(of.settings, store, &known.books, judged, of.now_ms) {
                    Ok(Revert::Propose(proposal)) => Some(Proposed::written(
                        &job,
                        forge.propose(&proposal, of.now_ms).await,
                    )),
                    Ok(Revert::LetBe(why)) => Some(Proposed::new(&job, Done::LeftAlone, why)),
                    Err(why) => {
                        problems.push(format!("{job}: the revert could not be made: {why}"));
                        None
                    }
                }
            }
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
        let known = know(of, store, repository, pull_requests)?;
        remember(of, repository, &known, None)?;
    }
    Ok(Followed {
        watched,
        problems,
        blind: beat.blind,
        known: (is_listed && learnt.is_empty() && tidied.is_empty() && !asked).then_some(known),
    })
}

/// Appends to the ledger what the verdicts add to it and the heartbeat, in one commit. Returns what the verdicts added.
fn remember(
    of: Watching<'_>,
    repository: &impl Repository,
    known: &Known,
    heartbeat: Option<(String, Vec<u8>)>,
) -> Result<Vec<LedgerEntry>, PassError> {
    let learnt = lacking(of.settings, known, of.now_ms);
    let mut files = files(&learnt)?;
    files.extend(heartbeat);
    if !files.is_empty() {
        repository.append_ledger(&files, &ledger_message(&files), of.now_ms)?;
    }
    Ok(learnt)
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
