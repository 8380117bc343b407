//! What is known before anything is planned: read once, and handed on.

use super::base::Manifests;
use super::books::{Books, books};
use super::ended::{bury, disown, keep};
use super::error::PassError;
use super::judge::{Judged, judge};
use super::watching::Watching;
use crate::ports::{HistoryStore, PullRequest, PullRequestState, Repository};
use crate::record::{Event, LedgerEntry, State, branch};
use std::collections::BTreeSet;

/// The repository's books, the verdicts on what is watched, and the forge's pull requests.
pub struct Known {
    /// What git says.
    pub books: Books,
    /// The changes that are watched, with their verdicts.
    pub judged: Vec<Judged>,
    /// Those of the forge; none where none is named.
    pub pull_requests: Vec<PullRequest>,
    /// What ended the watch on a change and is not in the ledger yet.
    pub ended: Vec<LedgerEntry>,
    /// Changes that could not be judged, one sentence each.
    pub problems: Vec<String>,
}

/// Reads the repository and judges what is watched. Without a list of pull requests (no forge, or one that does not answer) what git and the
/// ledger say counts alone.
///
/// # Errors
/// When repository or history can't be read.
pub fn know(
    of: Watching<'_>,
    store: &impl HistoryStore,
    repository: &impl Repository,
    manifests: &Manifests<'_>,
    pull_requests: Option<Vec<PullRequest>>,
) -> Result<Known, PassError> {
    let (jobs, now_ms) = (&of.fleet.jobs, of.now_ms);
    let mut books = books(repository, jobs, now_ms)?;
    if let Some(listed) = &pull_requests {
        let disowned = disown(&mut books, listed, now_ms);
        books.problems.extend(disowned);
    }
    let pull_requests = pull_requests.unwrap_or_default();
    credit(&mut books, &pull_requests);
    let mut ended = keep(&mut books, &pull_requests, now_ms);
    ended.extend(bury(of, &mut books, manifests));
    let (judged, problems) = judge(store, manifests.base, &books, jobs, now_ms);
    Ok(Known {
        books,
        judged,
        pull_requests,
        ended,
        problems,
    })
}

/// Says of the changes in the books who merged them and by which pull request, as the forge has it: a squashed commit names its author and
/// the forge, and no person who merged. What the ledger says already stays. A body may have been edited by anybody, so that the branch has
/// to be that of the job, too.
fn credit(books: &mut Books, pull_requests: &[PullRequest]) {
    let named: BTreeSet<&str> = books
        .entries
        .iter()
        .filter(|entry| matches!(&entry.event, Event::Merged { by, .. } if !by.is_empty()))
        .map(|entry| entry.change.as_str())
        .collect();
    for record in &mut books.audit.changes {
        let (Some(change), Some(kind)) = (&record.change, record.kind) else {
            continue;
        };
        let own = branch(kind, &record.job);
        let merged = pull_requests.iter().find(|pull_request| {
            pull_request.state == PullRequestState::Merged
                && pull_request.branch == own
                && State::find(&pull_request.body).is_some_and(|state| state.change == *change)
        });
        let Some(merged) = merged else { continue };
        if !named.contains(change.as_str()) && merged.merged_by.is_some() {
            record.merged_by.clone_from(&merged.merged_by);
        }
        if record.pull_request.is_none() {
            record.pull_request = Some(merged.id.clone());
        }
    }
}
