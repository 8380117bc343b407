//! The verdicts on merged changes that are not settled yet.

use super::{Books, PassError};
use crate::audit::{ChangeRecord, Outcome};
use crate::ports::HistoryStore;
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

/// Judges the changes that are not settled yet. Only rightsizings are watched; a merged revert is done.
pub fn judge(
    store: &impl HistoryStore,
    books: &Books,
    jobs: &[JobKey],
    now_ms: i64,
) -> Result<(Vec<Judged>, Vec<String>), PassError> {
    let asked: BTreeSet<&JobKey> = jobs.iter().collect();
    let mut judged = Vec::new();
    let mut problems = Vec::new();
    let open = |record: &&ChangeRecord| {
        record.outcome == Outcome::Watching
            && record.kind == Some(ChangeKind::Rightsize)
            && asked.contains(&record.job)
    };
    let watched: Vec<JobKey> = books
        .audit
        .changes
        .iter()
        .filter(open)
        .map(|record| record.job.clone())
        .collect();
    store.expect(&watched);
    for record in books.audit.changes.iter().filter(open) {
        let Some(digest) = &record.change else {
            continue;
        };
        match books.evidence(digest) {
            Ok(evidence) => {
                // The evidence holds what was before; the week before the merge shows how often the job is looked at, and what it did at
                // the same load.
                let from_ms = record.merged_at_ms.saturating_sub(BEFORE_MS);
                let history = store.history(&record.job, from_ms, now_ms)?;
                let assessment = assess(&evidence, &record.merge(), &history, now_ms);
                judged.push(Judged {
                    record: record.clone(),
                    evidence,
                    assessment,
                });
            }
            Err(problem) => problems.push(problem),
        }
    }
    Ok((judged, problems))
}
