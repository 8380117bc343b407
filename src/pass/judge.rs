//! The verdicts on merged changes that are not settled yet.

use super::base::Base;
use super::books::Books;
use super::side_by_side::side_by_side;
use crate::audit::{ChangeRecord, Outcome};
use crate::ports::{HistoryError, HistoryStore};
use crate::record::{ChangeKind, Evidence};
use crate::snapshot::JobKey;
use crate::watch::{Assessment, assess};
use std::collections::BTreeSet;

/// How far before a merge the history is read.
const BEFORE_MS: i64 = 7 * 24 * 3_600_000;

/// A change that is not settled yet, with the verdict on it.
pub struct Judged {
    /// The change.
    pub record: ChangeRecord,
    /// Its evidence.
    pub evidence: Evidence,
    /// The verdict.
    pub assessment: Assessment,
}

/// Judges the changes that are not settled yet. Only rightsizings are watched; a merged revert is done. What can't be judged is named.
pub fn judge(
    store: &impl HistoryStore,
    base: &Base,
    books: &Books,
    jobs: &[JobKey],
    now_ms: i64,
) -> (Vec<Judged>, Vec<String>) {
    let asked: BTreeSet<&JobKey> = jobs.iter().collect();
    let open: Vec<(&ChangeRecord, &String)> = books
        .audit
        .changes
        .iter()
        .filter(|record| {
            record.outcome == Outcome::Watching
                && record.kind == Some(ChangeKind::Rightsize)
                && asked.contains(&record.job)
        })
        .filter_map(|record| Some((record, record.change.as_ref()?)))
        .collect();
    let watched: Vec<JobKey> = open.iter().map(|(record, _)| record.job.clone()).collect();
    store.expect(&watched);
    let results = side_by_side(&open, |(record, digest)| {
        one(store, base, record, digest, now_ms)
    });
    let mut judged = Vec::new();
    let mut problems = Vec::new();
    for ((record, _), result) in open.iter().zip(results) {
        let job = record.job.short();
        match result {
            Ok(Ok(one)) => judged.push(one),
            Ok(Err(Unjudged::Evidence(problem))) => problems.push(problem),
            Ok(Err(Unjudged::History(error))) => problems.push(format!("{job}: {error}")),
            Err(panic) => problems.push(format!("{job}: {panic}")),
        }
    }
    (judged, problems)
}

/// Why a change could not be judged.
enum Unjudged {
    /// Its evidence; one sentence that names the file.
    Evidence(String),
    /// The history of its job.
    History(HistoryError),
}

fn one(
    store: &impl HistoryStore,
    base: &Base,
    record: &ChangeRecord,
    digest: &str,
    now_ms: i64,
) -> Result<Judged, Unjudged> {
    let evidence = base.evidence(digest).map_err(Unjudged::Evidence)?;
    // The evidence holds what was before; the week before the merge shows how often the job is looked at, and what it did at the same load.
    let from_ms = record.merged_at_ms.saturating_sub(BEFORE_MS);
    let history = store
        .history(&record.job, from_ms, now_ms)
        .map_err(Unjudged::History)?;
    let assessment = assess(&evidence, &record.merge(), &history, now_ms);
    Ok(Judged {
        record: record.clone(),
        evidence,
        assessment,
    })
}
