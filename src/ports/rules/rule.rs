//! What becomes of a proposal, given the pull requests that there are.

use super::labels::{LATER_LABEL, is_superseded, reason};
use crate::plan::Said;
use crate::ports::{PullRequest, PullRequestState};
use crate::record::{ChangeKind, Stance, State, branch};
use crate::render::Proposal;

const DAY_MS: i64 = 24 * 3_600_000;

/// Findings are rewritten once in this time at most, unless the risk rose.
const REWRITE_MS: i64 = DAY_MS;

/// Evidence older than this is refreshed although the findings are the same, milliseconds; what is merged on older evidence is said to be.
pub const EVIDENCE_MS: i64 = 7 * DAY_MS;

/// What to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Open a new one.
    Open,
    /// Update this one, and why.
    Update(PullRequest, Why),
    /// Nothing: this one holds the same findings, or findings that are as good.
    Unchanged(PullRequest),
    /// Nothing, and why.
    LeaveAlone {
        /// `foreign-commits`, `closed`, `later`, `revert-open`.
        reason: &'static str,
        /// One sentence.
        message: String,
        /// The pull request that should say so, once.
        tell: Option<PullRequest>,
    },
}

/// Why an open one is written again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// What it holds no longer suffices, or starts from values that the base no longer has.
    Due,
    /// There is clearly better advice. Not worth a person's approval.
    Better,
    /// Its evidence is old, or rests on half of what is known by now. Not worth a person's approval.
    Evidence,
}

/// A step, and the pull requests that close before it.
#[derive(Debug, Clone, PartialEq)]
pub struct Ruling {
    /// What to do with the proposal.
    pub step: Step,
    /// The job's open ones of the other kind that close, with the sentence that says why.
    pub close: Vec<(PullRequest, String)>,
}

/// Rules on a proposal. `known` are all pull requests of ours, newest first. A job has at most one open pull request of any kind:
/// a revert closes an open rightsizing, growth of a job that is short closes an open revert, and no smaller size is opened beside a revert.
/// The same findings write nothing, and neither do findings that differ by no more than the noise of an estimate; a person's commit on the
/// branch means hands off; one that a person closed stays closed until the content of the advice moves.
pub fn rule(proposal: &Proposal, known: &[PullRequest], now_ms: i64) -> Ruling {
    let ours = State::find(&proposal.body);
    let stance = ours.as_ref().and_then(|state| state.stance.as_deref());
    let grows = stance.is_some_and(|stance| stance.grows);
    let other_kind = match proposal.kind {
        ChangeKind::Rightsize => ChangeKind::Revert,
        ChangeKind::Revert => ChangeKind::Rightsize,
    };
    let other_branch = branch(other_kind, &proposal.job);
    let others: Vec<&PullRequest> = known
        .iter()
        .filter(|pr| pr.branch == other_branch && pr.state == PullRequestState::Open)
        .collect();
    let own: Vec<&PullRequest> = known
        .iter()
        .filter(|pr| pr.branch == proposal.branch)
        .collect();
    if let (ChangeKind::Rightsize, Some(revert), false) = (proposal.kind, others.first(), grows) {
        return Ruling {
            step: Step::LeaveAlone {
                reason: "revert-open",
                message: format!(
                    "the revert {} of {} is open; it comes first",
                    revert.id,
                    proposal.job.short()
                ),
                tell: None,
            },
            close: Vec::new(),
        };
    }
    let step = step(proposal, stance, &own, now_ms);
    let why = match proposal.kind {
        ChangeKind::Revert => {
            "Closed by Plimsoll: the last change of this job hurt, and its revert comes first."
        }
        ChangeKind::Rightsize => {
            "Closed by Plimsoll: the job is short, and the size before the change would be short too: a bigger one is proposed instead."
        }
    };
    // Nothing closes for a proposal that is not written.
    let writes = !matches!(step, Step::LeaveAlone { .. });
    Ruling {
        step,
        close: others
            .into_iter()
            .filter(|_| writes)
            .map(|other| (other.clone(), why.to_string()))
            .collect(),
    }
}

/// The step among the pull requests of the proposal's own branch, newest first.
fn step(proposal: &Proposal, stance: Option<&Stance>, own: &[&PullRequest], now_ms: i64) -> Step {
    let newest = own
        .first()
        .filter(|pr| pr.state != PullRequestState::Merged && !is_superseded(pr));
    if let Some(later) = newest.filter(|pr| puts_off(pr, now_ms)) {
        return Step::LeaveAlone {
            reason: "later",
            message: format!(
                "{} is labelled `{LATER_LABEL}`: nothing is written until the label is taken off, or its day has come",
                later.id
            ),
            tell: None,
        };
    }
    if let Some(open) = own.iter().find(|pr| pr.state == PullRequestState::Open) {
        if open.has_foreign_commits {
            return Step::LeaveAlone {
                reason: "foreign-commits",
                message: format!(
                    "{} holds a person's commit on `{}`: it is theirs now, and Plimsoll leaves it as it is",
                    open.id, open.branch
                ),
                tell: Some((*open).clone()),
            };
        }
        return match rewrite(proposal, stance, open, now_ms) {
            Some(why) => Step::Update((*open).clone(), why),
            None => Step::Unchanged((*open).clone()),
        };
    }
    // A no counts until something was merged after it: the job is another one then.
    let no = own
        .iter()
        .take_while(|pr| pr.state == PullRequestState::Closed)
        .filter(|pr| !is_superseded(pr))
        .find(|pr| stands(proposal, stance, pr, now_ms));
    match no {
        Some(closed) => Step::LeaveAlone {
            reason: "closed",
            message: format!(
                "{} was closed with much the same findings; it stays closed until they move by more than ten points of saving, another dimension, or a higher risk",
                closed.id
            ),
            tell: None,
        },
        None => Step::Open,
    }
}

fn puts_off(pull_request: &PullRequest, now_ms: i64) -> bool {
    matches!(reason(pull_request), Some((Said::Later, until_ms)) if until_ms.is_none_or(|until_ms| now_ms < until_ms))
}

/// Why an open one is written again; none where it stays as it is.
fn rewrite(
    proposal: &Proposal,
    stance: Option<&Stance>,
    open: &PullRequest,
    now_ms: i64,
) -> Option<Why> {
    let there = state(proposal, open);
    let same = there
        .as_ref()
        .is_some_and(|state| state.fingerprint == proposal.fingerprint);
    let then = there.as_ref().and_then(|state| state.stance.as_deref());
    let (Some(now), Some(then)) = (stance, then) else {
        return (!same).then_some(Why::Due);
    };
    let age_ms = now_ms.saturating_sub(then.at_ms);
    if same {
        let doubled = then.history_ms > 0 && now.history_ms >= then.history_ms.saturating_mul(2);
        return (age_ms >= EVIDENCE_MS || doubled).then_some(Why::Evidence);
    }
    if now.grows != then.grows || !now.starts_from(then) || !then.suffices_for(now) {
        return Some(Why::Due);
    }
    (!then.costs_as_much_as(now) && age_ms >= REWRITE_MS).then_some(Why::Better)
}

/// Whether a closed one speaks against a proposal.
fn stands(proposal: &Proposal, stance: Option<&Stance>, closed: &PullRequest, now_ms: i64) -> bool {
    let Some(there) = state(proposal, closed) else {
        return false;
    };
    let then = there.stance.as_deref();
    let (Some(now), Some(then)) = (stance, then) else {
        return there.fingerprint == proposal.fingerprint;
    };
    if now.grows != then.grows {
        return false;
    }
    match reason(closed) {
        Some((Said::WontFix, _)) => !(now.grows && now.risk_rose_since(then)),
        Some((Said::WrongData, _)) => {
            let at_ms = closed.ended_at_ms.unwrap_or(then.at_ms);
            now_ms < at_ms.saturating_add(then.history_ms)
        }
        _ => now.is_same_advice_as(then),
    }
}

/// A pull request's state block, if it is one of this job and kind.
fn state(proposal: &Proposal, known: &PullRequest) -> Option<State> {
    State::find(&known.body)
        .filter(|state| state.job == proposal.job && state.kind == proposal.kind)
}

#[cfg(test)]
#[path = "rule_tests.rs"]
mod tests;
