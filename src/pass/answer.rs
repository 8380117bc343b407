//! What is said of changes beside their pull requests: the events that the ledger learns, mirrored as comments, and what escalates.

use super::ended::never_applied;
use super::error::PassError;
use super::judge::Judged;
use super::known::Known;
use super::settings::Settings;
use crate::audit::{ChangeRecord, missing_entries};
use crate::ports::rules::{EVIDENCE_MS, missing_declined};
use crate::ports::{Forge, PullRequest, PullRequestState};
use crate::record::{ChangeKind, Event, LedgerEntry, State, branch};
use crate::render::escape::sentence;
use crate::render::number::{moment, money};
use crate::watch::{Assessment, Signal};
use std::collections::BTreeMap;

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;

/// How long the revert of a hard failure may wait before that is said with every run.
const HARD_MS: i64 = 30 * MINUTE_MS;

/// What the ledger lacks.
pub(super) fn lacking(settings: &Settings, known: &Known, now_ms: i64) -> Vec<LedgerEntry> {
    let ledger = &known.books.entries;
    let mut entries = known.ended.clone();
    for judged in &known.judged {
        entries.extend(missing_entries(
            &judged.record,
            &judged.assessment,
            ledger,
            now_ms,
        ));
        let reason = never_applied(judged, &settings.watch.never_applied_after, now_ms);
        if let (Some(reason), Some(change)) = (reason, &judged.record.change) {
            let event = Event::NeverApplied { reason };
            entries.push(LedgerEntry::new(change, &judged.record.job, now_ms, event));
        }
    }
    // A change that was undone or replaced is no longer judged; the ledger still learns its end.
    let changes = known.books.audit.changes.iter();
    for record in changes.filter(|record| record.change.is_some()) {
        entries.extend(end_of(record, known, now_ms));
    }
    entries.extend(missing_declined(&known.pull_requests, ledger, now_ms));
    entries.retain(|entry| {
        !matches!(
            entry.event,
            Event::NeverApplied { .. } | Event::Kept { .. } | Event::Gone
        ) || !ledger
            .iter()
            .any(|known| known.change == entry.change && known.event.name() == entry.event.name())
    });
    entries
}

fn end_of(record: &ChangeRecord, known: &Known, now_ms: i64) -> Vec<LedgerEntry> {
    let gone = known
        .books
        .entries
        .iter()
        .filter(|entry| entry.event == Event::Gone);
    let ended = known
        .ended
        .iter()
        .chain(gone)
        .any(|entry| Some(&entry.change) == record.change.as_ref());
    let assessment = match (&record.reverted_by, &record.superseded_by) {
        (Some(by), _) => Assessment::Reverted { by: by.clone() },
        (None, Some(by)) if !ended => Assessment::Superseded { by: by.clone() },
        _ => return Vec::new(),
    };
    missing_entries(record, &assessment, &known.books.entries, now_ms)
}

/// The files of entries.
///
/// # Errors
/// When an entry holds an amount that is not finite.
pub(super) fn files(entries: &[LedgerEntry]) -> Result<BTreeMap<String, Vec<u8>>, PassError> {
    entries
        .iter()
        .map(|entry| Ok((entry.path(), entry.to_bytes()?)))
        .collect()
}

/// Says on a change's pull request what the ledger has learnt of it. A comment that can't be written stops nothing.
pub(super) async fn mirror(
    forge: &impl Forge,
    pull_requests: &[PullRequest],
    entries: &[LedgerEntry],
    now_ms: i64,
) {
    for entry in entries {
        let Some(text) = words(&entry.event) else {
            continue;
        };
        let Some(pull_request) = pull_request_of(pull_requests, entry) else {
            continue;
        };
        if let Err(error) = forge.comment(pull_request, &text, now_ms).await {
            tracing::warn!("{}: no comment: {error}", pull_request.id);
        }
    }
}

/// That a change was merged on old evidence, if so: what its body told of the job may have been over by then.
pub(super) fn old_evidence(judged: &Judged) -> Option<String> {
    let (seen_ms, merged_ms) = (judged.evidence.at_ms, judged.record.merged_at_ms);
    (merged_ms.saturating_sub(seen_ms) >= EVIDENCE_MS).then(|| {
        format!(
            "it was merged at {} on evidence of {}: the job may have been another one by then",
            moment(merged_ms),
            moment(seen_ms)
        )
    })
}

/// Says so on the pull requests whose merges the ledger has just learnt of.
pub(super) async fn tell_old_evidence(
    forge: &impl Forge,
    known: &Known,
    entries: &[LedgerEntry],
    now_ms: i64,
) {
    for entry in entries {
        let is_merge = matches!(entry.event, Event::Merged { .. });
        let judged = known
            .judged
            .iter()
            .find(|judged| is_merge && judged.record.change.as_ref() == Some(&entry.change));
        let Some(old) = judged.and_then(old_evidence) else {
            continue;
        };
        let Some(pull_request) = pull_request_of(&known.pull_requests, entry) else {
            continue;
        };
        let text = format!("Merged on old evidence: {}.", sentence(&old));
        if let Err(error) = forge.comment(pull_request, &text, now_ms).await {
            tracing::warn!("{}: no comment: {error}", pull_request.id);
        }
    }
}

fn pull_request_of<'a>(
    pull_requests: &'a [PullRequest],
    entry: &LedgerEntry,
) -> Option<&'a PullRequest> {
    let own = branch(ChangeKind::Rightsize, &entry.job);
    pull_requests.iter().find(|pull_request| {
        pull_request.state == PullRequestState::Merged
            && pull_request.branch == own
            && State::find(&pull_request.body).is_some_and(|state| state.change == entry.change)
    })
}

/// An event in Markdown; none for what needs no comment.
fn words(event: &Event) -> Option<String> {
    Some(match event {
        Event::Live => "The cluster runs this change, and it is being watched.".to_string(),
        Event::Settled {
            realised_per_month,
            currency,
            ..
        } => match (realised_per_month, currency) {
            (Some(saved), Some(currency)) => format!(
                "Settled: it survived its window, and saves {} a month.",
                money(*saved, currency)
            ),
            _ => "Settled: it survived its window.".to_string(),
        },
        Event::NeverApplied { reason } => format!(
            "Merged, and never applied: {}. Look at what brings the manifests to the cluster.",
            sentence(reason)
        ),
        Event::Kept { pull_request } => format!(
            "Kept by a person, who closed its revert {}: it is watched no longer.",
            sentence(pull_request)
        ),
        Event::Gone => "The job is gone: there is nothing left to watch.".to_string(),
        Event::Superseded { .. } => {
            "Given up: its fields were changed again before it settled.".to_string()
        }
        _ => return None,
    })
}

/// What must not stay unread: changes that were never applied, and reverts that wait too long.
pub(super) fn escalations(settings: &Settings, known: &Known, now_ms: i64) -> Vec<String> {
    let mut told = Vec::new();
    for judged in &known.judged {
        let record = &judged.record;
        let job = record.job.to_string();
        let id = record
            .pull_request
            .as_ref()
            .map_or_else(String::new, |id| format!(" (pull request {id})"));
        if let Some(why) = never_applied(judged, &settings.watch.never_applied_after, now_ms) {
            told.push(format!(
                "{job}: merged at {}{id} and never applied: {why}",
                moment(record.merged_at_ms)
            ));
        }
        let Assessment::Regressed { breaches, .. } = &judged.assessment else {
            continue;
        };
        let hard = breaches.iter().find(|breach| {
            matches!(
                breach.signal,
                Signal::NotRunning | Signal::OutOfMemory | Signal::Restarts
            )
        });
        let own = branch(ChangeKind::Revert, &record.job);
        let revert = known.pull_requests.iter().find(|pull_request| {
            pull_request.state == PullRequestState::Open && pull_request.branch == own
        });
        let Some(revert) = revert else { continue };
        let waits_ms = now_ms.saturating_sub(revert.opened_at_ms);
        let limit_ms = if hard.is_some() { HARD_MS } else { DAY_MS };
        if waits_ms >= limit_ms {
            told.push(format!(
                "{job}: its revert {} waits to be merged since {}: {}",
                revert.id,
                moment(revert.opened_at_ms),
                hard.or(breaches.first())
                    .map_or("it hurts", |breach| breach.message.as_str())
            ));
        }
    }
    told
}
