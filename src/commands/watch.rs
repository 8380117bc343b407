//! `watch`: judges what was merged, writes the ledger, proposes reverts.

use super::artifact::Due;
use super::forge::{AnyForge, AnyRepository, forge, repository};
use super::heartbeat::beat;
use super::output::{note, say, say_json};
use super::planning::{Books, Judged, books, judge};
use super::propose::{Proposed, written};
use super::reverts::{Revert, revert};
use super::table::table;
use super::world::World;
use super::{Ended, Failure};
use crate::audit::missing_entries;
use crate::cli::{self, Common, Output};
use crate::ports::{Forge, HistoryStore, Repository};
use crate::record::{LedgerEntry, read_ledger};
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

/// Carries the command out.
pub async fn run(common: &Common, args: &cli::Watch) -> Result<Ended, Failure> {
    let world = World::open(common)?;
    let jobs = world.jobs(&args.jobs.jobs, common).await?;
    let store = world.history()?;
    let repository = repository(&world, &args.forge)?;
    let (watched, mut problems) = match &args.out {
        // Without a forge nothing is written but this file.
        Some(file) => {
            let books = books(&world, &repository, &jobs)?;
            let (judged, problems) = judge(&world, &store, &books, &jobs)?;
            let (watched, mut more) = leave(&world, &store, &repository, &books, &judged, file)?;
            more.extend(problems);
            (watched, more)
        }
        None => {
            let forge = forge(&world, &args.forge)?;
            let late = beat(&world, &repository, jobs.len())?;
            let (watched, mut problems) =
                follow(&world, &store, &forge, &repository, &jobs).await?;
            problems.splice(0..0, late);
            (watched, problems)
        }
    };
    problems.extend(world.list_problems());
    match common.output {
        Output::Json => say_json(&serde_json::json!({ "changes": watched }))?,
        _ => say(&text(&watched))?,
    }
    for problem in &problems {
        note(&format!("! {}", terminal(problem)));
    }
    Ok(Ended::with(&problems))
}

/// Leaves the verdicts, the reverts that are due and what the ledger is to learn in a file for `propose --from`.
fn leave(
    world: &World,
    store: &impl HistoryStore,
    repository: &AnyRepository,
    books: &Books,
    judged: &[Judged],
    file: &Utf8Path,
) -> Result<(Vec<Watched>, Vec<String>), Failure> {
    let mut problems = books.problems.clone();
    let (mut watched, mut proposals) = (Vec::new(), Vec::new());
    for judged in judged {
        let job = judged.record.job.to_string();
        let hurts = matches!(judged.assessment, Assessment::Regressed { .. });
        match hurts.then(|| revert(world, store, books, judged)) {
            Some(Ok(Revert::Propose(proposal))) => proposals.push(*proposal),
            Some(Err(why)) => problems.push(format!("{job}: the revert could not be made: {why}")),
            Some(Ok(Revert::LetBe(_))) | None => {}
        }
        watched.push(told(judged, None));
    }
    let ledger = lacking(world, repository, books, judged)?;
    let changes = serde_json::to_value(&watched).context("assessments")?;
    Due::new(changes, proposals, &books.tree, &ledger).write(file)?;
    Ok((watched, problems))
}

/// Judges every open change, appends to the ledger what it lacks, and proposes the reverts that are due.
pub async fn follow(
    world: &World,
    store: &impl HistoryStore,
    forge: &AnyForge,
    repository: &AnyRepository,
    jobs: &[JobKey],
) -> Result<(Vec<Watched>, Vec<String>), Failure> {
    let books = books(world, repository, jobs)?;
    let (judged, mut problems) = judge(world, store, &books, jobs)?;
    problems.extend(books.problems.iter().cloned());
    remember(world, repository, &books, &judged)?;
    let mut watched = Vec::new();
    for judged in &judged {
        let job = judged.record.job.to_string();
        let done = match &judged.assessment {
            Assessment::Regressed { .. } => match revert(world, store, &books, judged) {
                Ok(Revert::Propose(proposal)) => Some(written(
                    &job,
                    forge.propose(&proposal, world.now_ms()).await,
                )),
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
    let wrote = watched.iter().any(|watched| {
        watched
            .revert
            .as_ref()
            .is_some_and(|done| matches!(done.done, "opened" | "updated"))
    });
    if !wrote {
        return Ok((watched, problems));
    }
    // With the forge `dir` a revert is merged at once; the ledger learns of it now.
    let books = self::books(world, repository, jobs)?;
    let (judged, _) = judge(world, store, &books, jobs)?;
    remember(world, repository, &books, &judged)?;
    Ok((watched, problems))
}

/// Appends to the ledger what the verdicts add to it.
fn remember(
    world: &World,
    repository: &AnyRepository,
    books: &Books,
    judged: &[Judged],
) -> Result<(), Failure> {
    let files = lacking(world, repository, books, judged)?;
    if files.is_empty() {
        return Ok(());
    }
    let message = format!("ledger: {} entries", files.len());
    repository
        .append_ledger(&files, &message, world.now_ms())
        .map_err(|error| Failure::Failed(error.into()))
}

/// What the ledger lacks.
fn lacking(
    world: &World,
    repository: &AnyRepository,
    books: &Books,
    judged: &[Judged],
) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
    let failed = |error: crate::ports::RepositoryError| Failure::Failed(error.into());
    let (ledger, _): (Vec<LedgerEntry>, _) = read_ledger(&repository.ledger().map_err(failed)?);
    let mut files = BTreeMap::new();
    for judged in judged {
        for entry in missing_entries(&judged.record, &judged.assessment, &ledger, world.now_ms()) {
            let bytes = entry
                .to_bytes()
                .map_err(|error| Failure::Failed(error.into()))?;
            files.insert(entry.path(), bytes);
        }
    }
    // A change that was undone or replaced is no longer judged; the ledger still learns its end.
    for record in books
        .audit
        .changes
        .iter()
        .filter(|record| record.change.is_some())
    {
        let assessment = match (&record.reverted_by, &record.superseded_by) {
            (Some(by), _) => Assessment::Reverted { by: by.clone() },
            (None, Some(by)) => Assessment::Superseded { by: by.clone() },
            (None, None) => continue,
        };
        for entry in missing_entries(record, &assessment, &ledger, world.now_ms()) {
            let bytes = entry
                .to_bytes()
                .map_err(|error| Failure::Failed(error.into()))?;
            files.insert(entry.path(), bytes);
        }
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
