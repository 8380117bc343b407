//! `watch`: judges what was merged, writes the ledger, proposes reverts.

use super::artifact::{self, Due, propose_one};
use super::forge::{AnyForge, AnyRepository, forge, repository};
use super::heartbeat::{Beat, Blind, due};
use super::known::{Known, know, pull_requests};
use super::output::{note, say, say_json};
use super::planning::Judged;
use super::propose::Proposed;
use super::reverts::{Revert, revert};
use super::table::table;
use super::world::World;
use super::{Ended, Failure};
use crate::audit::{ChangeRecord, missing_entries};
use crate::cli::{self, Common, Output};
use crate::ports::{Forge, HistoryStore, PullRequest, Repository};
use crate::record::is_heartbeat;
use crate::render::escape::terminal;
use crate::render::number;
use crate::snapshot::JobKey;
use crate::watch::Assessment;
use anyhow::Context;
use camino::Utf8Path;
use serde::Serialize;
use std::collections::BTreeMap;

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

/// Carries the command out.
pub async fn run(common: &Common, args: &cli::Watch) -> Result<Ended, Failure> {
    let world = World::open(common)?;
    let jobs = world.jobs(&args.jobs.jobs, common).await?;
    let store = world.history()?;
    let repository = repository(&world, &args.forge)?;
    let mut followed = match &args.out {
        // Nothing is written but this file; with a token that may read, the forge says who merged.
        Some(file) => {
            let listed = pull_requests(&world, &args.forge).await;
            leave(&world, &store, &repository, listed, &jobs, file)?
        }
        None => {
            let forge = forge(&world, &args.forge)?;
            follow(&world, &store, &forge, &repository, &jobs).await?
        }
    };
    followed.problems.extend(world.list_problems());
    match common.output {
        Output::Json => {
            let mut told = serde_json::json!({ "changes": followed.watched });
            if let Some(blind) = &followed.blind {
                told["blind"] = serde_json::json!(blind);
            }
            say_json(&told)?;
        }
        _ => say(&text(&followed.watched))?,
    }
    for problem in &followed.problems {
        note(&format!("! {}", terminal(problem)));
    }
    Ok(Ended::with(&followed.problems))
}

/// Leaves the verdicts, the reverts that are due and what the ledger is to learn, a heartbeat too, in a file for `propose --from`.
fn leave(
    world: &World,
    store: &impl HistoryStore,
    repository: &AnyRepository,
    listed: Result<Vec<PullRequest>, Failure>,
    jobs: &[JobKey],
    file: &Utf8Path,
) -> Result<Followed, Failure> {
    let (pull_requests, unlisted) = with_gap(listed);
    let known = know(world, store, repository, pull_requests, jobs)?;
    let beat = due(world, &known.books.ledger, jobs.len());
    let mut problems = problems_of(&known, &beat, unlisted);
    let behind = super::planning::behind(world, store)?;
    let (mut watched, mut reverts) = (Vec::new(), Vec::new());
    for judged in &known.judged {
        let job = judged.record.job.to_string();
        let hurts = behind.is_none() && matches!(judged.assessment, Assessment::Regressed { .. });
        match hurts.then(|| revert(world, store, &known.books, judged)) {
            Some(Ok(Revert::Propose(request))) => reverts.push(*request),
            Some(Err(why)) => problems.push(format!("{job}: the revert could not be made: {why}")),
            Some(Ok(Revert::LetBe(_))) | None => {}
        }
        watched.push(told(judged, None));
    }
    let mut ledger = match behind {
        Some(_) => BTreeMap::new(),
        None => lacking(world, &known)?,
    };
    problems.extend(behind);
    ledger.extend(beat.file);
    let changes = serde_json::to_value(&watched).context("assessments")?;
    let blind = beat.blind;
    let due = Due::new(changes, reverts, &known.books.head, &ledger, blind.clone());
    artifact::write(world, &due, file)?;
    Ok(Followed {
        watched,
        problems,
        blind,
        known: Some(known),
    })
}

/// A list of pull requests that can't be had is a gap: what was merged is in git, and is judged all the same.
fn with_gap<E: std::fmt::Display>(
    listed: Result<Vec<PullRequest>, E>,
) -> (Vec<PullRequest>, Option<String>) {
    match listed {
        Ok(pull_requests) => (pull_requests, None),
        Err(error) => (
            Vec::new(),
            Some(format!("who merged is not known: {error}")),
        ),
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
pub async fn follow(
    world: &World,
    store: &impl HistoryStore,
    forge: &AnyForge,
    repository: &AnyRepository,
    jobs: &[JobKey],
) -> Result<Followed, Failure> {
    let (pull_requests, unlisted) = with_gap(forge.pull_requests().await);
    let is_listed = unlisted.is_none();
    let known = know(world, store, repository, pull_requests, jobs)?;
    let beat = due(world, &known.books.ledger, jobs.len());
    let mut problems = problems_of(&known, &beat, unlisted);
    if let Some(behind) = super::planning::behind(world, store)? {
        problems.push(behind);
        return Ok(Followed {
            watched: known
                .judged
                .iter()
                .map(|judged| told(judged, None))
                .collect(),
            problems,
            blind: beat.blind,
            known: is_listed.then_some(known),
        });
    }
    let learnt = remember(world, repository, &known, beat.file)?;
    problems.extend(learnt.problem);
    let learnt = learnt.learnt;
    let mut watched = Vec::new();
    for judged in &known.judged {
        let job = judged.record.job.to_string();
        let done = match &judged.assessment {
            Assessment::Regressed { .. } => match revert(world, store, &known.books, judged) {
                Ok(Revert::Propose(request)) => {
                    Some(propose_one(world, forge, repository, &request).await?)
                }
                Ok(Revert::LetBe(why)) => Some(Proposed {
                    job,
                    done: "left-alone",
                    what: why,
                    url: None,
                    title: None,
                }),
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
        if let Some(failed) = done.as_ref().filter(|done| done.done == "failed") {
            problems.push(format!("{}: {}", failed.job, failed.what));
        }
        watched.push(told(judged, done));
    }
    // A rule may have closed or commented on one without opening another.
    let asked = watched.iter().any(|watched| watched.revert.is_some());
    let wrote = watched.iter().any(|watched| {
        watched
            .revert
            .as_ref()
            .is_some_and(|done| matches!(done.done, "opened" | "updated"))
    });
    if wrote {
        // With the forge `dir` a revert is merged at once; the ledger learns of it now.
        let (pull_requests, _) = with_gap(forge.pull_requests().await);
        let known = know(world, store, repository, pull_requests, jobs)?;
        problems.extend(remember(world, repository, &known, None)?.problem);
    }
    Ok(Followed {
        watched,
        problems,
        blind: beat.blind,
        known: (is_listed && !learnt && !asked).then_some(known),
    })
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
    world: &World,
    repository: &AnyRepository,
    known: &Known,
    heartbeat: Option<(String, Vec<u8>)>,
) -> Result<Remembered, Failure> {
    let mut files = lacking(world, known)?;
    let learnt = !files.is_empty();
    files.extend(heartbeat);
    let problem = if files.is_empty() {
        None
    } else {
        repository
            .append_ledger(&files, &ledger_message(&files), world.now_ms())
            .err()
            .map(|error| {
                format!("the ledger was not written, the next run writes what it lacks: {error}")
            })
    };
    Ok(Remembered { learnt, problem })
}

/// The message of the commit that appends these files to the ledger.
pub fn ledger_message(files: &BTreeMap<String, Vec<u8>>) -> String {
    match files.keys().filter(|path| !is_heartbeat(path)).count() {
        0 => "heartbeat".to_string(),
        1 => "ledger: 1 entry".to_string(),
        entries => format!("ledger: {entries} entries"),
    }
}

/// What the ledger lacks.
fn lacking(world: &World, known: &Known) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
    let ledger = &known.books.entries;
    let mut files = BTreeMap::new();
    let mut learn = |record: &ChangeRecord, assessment: &Assessment| {
        for entry in missing_entries(record, assessment, ledger, world.now_ms()) {
            let bytes = entry
                .to_bytes()
                .map_err(|error| Failure::Failed(error.into()))?;
            files.insert(entry.path(), bytes);
        }
        Ok::<(), Failure>(())
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

fn told(judged: &Judged, revert: Option<Proposed>) -> Watched {
    Watched {
        change: judged.record.change.clone().unwrap_or_default(),
        job: judged.record.job.to_string(),
        merged_at_ms: judged.record.merged_at_ms,
        assessment: judged.assessment.clone(),
        revert,
    }
}

/// The verdicts for people.
pub fn text(watched: &[Watched]) -> String {
    if watched.is_empty() {
        return "no merged change is being watched".to_string();
    }
    let rows: Vec<Vec<String>> = watched
        .iter()
        .map(|watched| {
            let (state, why) = match &watched.assessment {
                Assessment::Waiting { message, .. } => ("waiting", message.clone()),
                Assessment::Watching { until_ms, note, .. } => (
                    "watching",
                    format!(
                        "until {}{}",
                        number::moment(*until_ms),
                        note.as_ref()
                            .map_or_else(String::new, |note| format!("; {note}"))
                    ),
                ),
                Assessment::Settled {
                    realised_per_month,
                    currency,
                    ..
                } => (
                    "settled",
                    realised_per_month.map_or_else(String::new, |saved| {
                        format!(
                            "saves {} a month",
                            number::money(saved, currency.as_deref().unwrap_or("USD"))
                        )
                    }),
                ),
                Assessment::Regressed { breaches, .. } => (
                    "regressed",
                    breaches
                        .first()
                        .map_or_else(String::new, |breach| breach.message.clone()),
                ),
                Assessment::Blind { since_ms, .. } => (
                    "blind",
                    format!("no data since {}", number::moment(*since_ms)),
                ),
                Assessment::Superseded { by } => ("superseded", format!("by {by}")),
                Assessment::Reverted { by } => ("reverted", format!("by {by}")),
            };
            let done = watched
                .revert
                .as_ref()
                .map_or_else(String::new, |done| format!("{} {}", done.done, done.what));
            vec![
                terminal(&watched.job),
                state.to_string(),
                terminal(&why),
                terminal(&done),
            ]
        })
        .collect();
    table(&["JOB", "VERDICT", "WHY", "REVERT"], &rows)
}
