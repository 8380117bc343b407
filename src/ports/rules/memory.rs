//! What people said by closing pull requests, from the forge's list and from the ledger, which remembers what the list no longer shows.

use super::labels::{is_superseded, reason};
use crate::plan::{Opinion, Said};
use crate::ports::{PullRequest, PullRequestState};
use crate::record::{
    ChangeKind, Event, LedgerEntry, Stance, State, branch, evidence_digest, evidence_path,
};
use crate::snapshot::JobKey;
use std::collections::BTreeMap;

/// How long the word that the data are wrong holds where the history's length is not known: what was measured then is gone from it after.
const WRONG_DATA_MS: i64 = 14 * 24 * 3_600_000;

/// People's opinions by job, from closed pull requests and the ledger. What is no longer in force because something was merged since is for
/// the caller to leave out.
pub fn declined(
    pull_requests: &[PullRequest],
    entries: &[LedgerEntry],
) -> BTreeMap<JobKey, Vec<Opinion>> {
    let mut found: BTreeMap<JobKey, Vec<Opinion>> = BTreeMap::new();
    let mut shown = Vec::new();
    for pull_request in pull_requests {
        let Some(state) = ours(pull_request) else {
            continue;
        };
        shown.push((state.change.clone(), pull_request.id.clone()));
        if let Some(opinion) = said(pull_request, &state) {
            found.entry(state.job).or_default().push(opinion);
        }
    }
    for entry in entries {
        let Event::Declined {
            pull_request,
            reason,
            until_ms,
            stance,
        } = &entry.event
        else {
            continue;
        };
        // What the forge shows counts as it is now: a label taken off, one opened again.
        let is_shown = shown
            .iter()
            .any(|(change, id)| *change == entry.change && id == pull_request);
        if !is_shown {
            let said = match reason.as_deref() {
                Some("wontfix") => Said::WontFix,
                Some("wrong-data") => Said::WrongData,
                Some("later") if until_ms.is_some() => Said::Later,
                _ => Said::Closed,
            };
            let stance = stance.as_deref().cloned();
            let opinion = opinion(said, pull_request, entry.at_ms, *until_ms, stance);
            found.entry(entry.job.clone()).or_default().push(opinion);
        }
    }
    found
}

/// The entries that the ledger lacks about closed pull requests.
pub fn missing_declined(
    pull_requests: &[PullRequest],
    entries: &[LedgerEntry],
    now_ms: i64,
) -> Vec<LedgerEntry> {
    pull_requests
        .iter()
        .filter(|pull_request| {
            pull_request.state == PullRequestState::Closed && !is_superseded(pull_request)
        })
        .filter_map(|pull_request| {
            let state = ours(pull_request)?;
            evidence_digest(&evidence_path(&state.change))?;
            let known = entries.iter().any(|entry| {
                entry.change == state.change && matches!(&entry.event, Event::Declined { pull_request: id, .. } if *id == pull_request.id)
            });
            if known {
                return None;
            }
            let (said, until_ms) = reason(pull_request).unwrap_or((Said::Closed, None));
            let event = Event::Declined {
                pull_request: pull_request.id.clone(),
                reason: match said {
                    Said::WontFix => Some("wontfix".to_string()),
                    Said::WrongData => Some("wrong-data".to_string()),
                    Said::Later => Some("later".to_string()),
                    Said::Closed | Said::ByHand => None,
                },
                until_ms,
                stance: state.stance.clone(),
            };
            let at_ms = pull_request.ended_at_ms.unwrap_or(now_ms).min(now_ms);
            Some(LedgerEntry::new(&state.change, &state.job, at_ms, event))
        })
        .collect()
}

/// The state of a rightsizing on its own branch. A body may have been edited by anybody, so that the branch has to be that of the job.
fn ours(pull_request: &PullRequest) -> Option<State> {
    State::find(&pull_request.body).filter(|state| {
        state.kind == ChangeKind::Rightsize && pull_request.branch == branch(state.kind, &state.job)
    })
}

/// What a person said with a pull request.
fn said(pull_request: &PullRequest, state: &State) -> Option<Opinion> {
    let stance = state.stance.as_deref().cloned();
    let at_ms = pull_request
        .ended_at_ms
        .unwrap_or(pull_request.opened_at_ms);
    let (said, until_ms) = match (pull_request.state, reason(pull_request)) {
        // An open one that is put off is not touched either way.
        (PullRequestState::Merged | PullRequestState::Open, _) => return None,
        (PullRequestState::Closed, _) if is_superseded(pull_request) => return None,
        (PullRequestState::Closed, reason) => reason.unwrap_or((Said::Closed, None)),
    };
    Some(opinion(said, &pull_request.id, at_ms, until_ms, stance))
}

fn opinion(
    said: Said,
    id: &str,
    at_ms: i64,
    until_ms: Option<i64>,
    stance: Option<Stance>,
) -> Opinion {
    let label = match said {
        Said::WontFix => " with the label `plimsoll/wontfix`",
        Said::WrongData => " with the label `plimsoll/wrong-data`",
        Said::Later => " with the label `plimsoll/later`",
        Said::Closed | Said::ByHand => "",
    };
    let until_ms = match said {
        Said::WrongData => until_ms.or_else(|| {
            let length = stance.as_ref().map_or(0, |stance| stance.history_ms);
            let length = if length > 0 { length } else { WRONG_DATA_MS };
            Some(at_ms.saturating_add(length))
        }),
        _ => until_ms,
    };
    Opinion {
        said,
        told: format!("a person closed pull request {id} with much the same advice{label}"),
        at_ms,
        until_ms,
        grows: stance.as_ref().is_some_and(|stance| stance.grows),
        stance,
    }
}
