//! What ends the watch on a change besides its window: a person who closed its revert, a job that is gone, evidence that no pull request of
//! ours brought.

use super::base::Manifests;
use super::books::Books;
use super::judge::Judged;
use super::tidy::{is_gone, undone_by};
use super::watching::Watching;
use crate::audit::{ChangeRecord, Outcome};
use crate::ports::rules::SUPERSEDED_LABEL;
use crate::ports::{PullRequest, PullRequestState};
use crate::quantity::FlinkDuration;
use crate::record::{ChangeKind, Event, LedgerEntry, State, branch};
use crate::watch::{Assessment, WaitingFor};

/// How long a forge shows what ended, at the least: a change that was merged earlier may be missing from its list.
const SHOWN_MS: i64 = 6 * 24 * 3_600_000;

/// Ends the watch on changes whose revert a person closed. Returns what the ledger is to learn of it.
pub(super) fn keep(
    books: &mut Books,
    pull_requests: &[PullRequest],
    now_ms: i64,
) -> Vec<LedgerEntry> {
    let mut entries = Vec::new();
    for pull_request in pull_requests {
        let by_person = pull_request.state == PullRequestState::Closed
            && !pull_request
                .labels
                .iter()
                .any(|label| label.eq_ignore_ascii_case(SUPERSEDED_LABEL));
        let Some(state) = State::find(&pull_request.body).filter(|state| {
            by_person
                && state.kind == ChangeKind::Revert
                && pull_request.branch == branch(state.kind, &state.job)
        }) else {
            continue;
        };
        let at_ms = pull_request.ended_at_ms.unwrap_or(now_ms).min(now_ms);
        let Some(change) = undone_by(&books.audit.changes, &state)
            .filter(|record| record.outcome == Outcome::Watching && record.merged_at_ms <= at_ms)
            .and_then(|record| record.change.clone())
        else {
            continue;
        };
        for record in &mut books.audit.changes {
            if record.change.as_ref() == Some(&change) {
                record.outcome = Outcome::Settled;
                record.reasons.push(format!(
                    "kept by a person, who closed its revert {}",
                    pull_request.id
                ));
            }
        }
        let event = Event::Kept {
            pull_request: pull_request.id.clone(),
        };
        entries.push(LedgerEntry::new(&change, &state.job, at_ms, event));
    }
    entries
}

/// Ends the watch on changes of this fleet's jobs that are gone: without a manifest in the repository, or, where every cluster was listed,
/// not live. Returns what the ledger is to learn of it.
pub(super) fn bury(
    of: Watching<'_>,
    books: &mut Books,
    manifests: &Manifests<'_>,
) -> Vec<LedgerEntry> {
    let (clusters, live) = (of.fleet.clusters(), of.fleet.known());
    let is_dead = |record: &ChangeRecord| {
        let file = record.fields.first();
        let file = file.map_or("", |field| field.file.as_str());
        (of.fleet.is_whole && !live.contains(&record.job))
            || is_gone(of.settings, &manifests.catalog, &record.job, file)
    };
    let mut entries = Vec::new();
    for record in &mut books.audit.changes {
        let is_watched = record.outcome == Outcome::Watching
            && record.kind == Some(ChangeKind::Rightsize)
            && clusters.contains(record.job.cluster.as_str());
        if !is_watched || !is_dead(record) {
            continue;
        }
        record.outcome = Outcome::Superseded;
        record.superseded_by = Some("the end of its job, which is gone".to_string());
        if let Some(change) = &record.change {
            entries.push(LedgerEntry::new(
                change,
                &record.job,
                of.now_ms,
                Event::Gone,
            ));
        }
    }
    entries
}

/// Takes evidence that no pull request of ours brought for what it is: nobody's of Plimsoll. Known is what the ledger knows by its commit,
/// and what a pull request's state block names. What is older than the forge's list was looked at before, or can't be told. Returns
/// what is to be said of each.
pub(super) fn disown(books: &mut Books, pull_requests: &[PullRequest], now_ms: i64) -> Vec<String> {
    let states: Vec<(&str, Option<State>)> = pull_requests
        .iter()
        .map(|pull_request| {
            (
                pull_request.branch.as_str(),
                State::find(&pull_request.body),
            )
        })
        .collect();
    let mut told = Vec::new();
    for record in &mut books.audit.changes {
        let (Some(change), Some(kind)) = (&record.change, record.kind) else {
            continue;
        };
        let in_ledger = books
            .entries
            .iter()
            .any(|entry| entry.change == *change && matches!(entry.event, Event::Merged { .. }));
        let own = branch(kind, &record.job);
        // A body whose state block was damaged may be that of the change: the branch speaks for it.
        let in_list = states.iter().any(|(branch, state)| match state {
            Some(state) => state.change == *change,
            None => *branch == own.as_str(),
        });
        let recent = now_ms.saturating_sub(record.merged_at_ms) < SHOWN_MS;
        if in_ledger || in_list || !recent {
            continue;
        }
        told.push(format!(
            "commit {}: the evidence {} came by no pull request of Plimsoll: it is not believed, and the change is not watched",
            record.commit.get(..10).unwrap_or(&record.commit),
            change.get(..10).unwrap_or(change)
        ));
        record
            .reasons
            .push("it came with evidence that no pull request of Plimsoll brought".to_string());
        record.outcome = Outcome::ByHand;
        record.change = None;
        record.kind = None;
    }
    told
}

/// What is said of a change that was merged and never applied, once that has lasted too long.
pub(super) fn never_applied(judged: &Judged, limit: &FlinkDuration, now_ms: i64) -> Option<String> {
    let Assessment::Waiting {
        reason, message, ..
    } = &judged.assessment
    else {
        return None;
    };
    let limit_ms = i64::try_from(limit.millis()).unwrap_or(i64::MAX);
    let since_ms = judged.record.merged_at_ms;
    (*reason == WaitingFor::NotLive && now_ms.saturating_sub(since_ms) >= limit_ms)
        .then(|| message.clone())
}
