//! What becomes of a proposal, given the pull requests that there are. Every forge rules the same.

use crate::ports::{PullRequest, PullRequestState};
use crate::record::{ChangeKind, State, branch};
use crate::render::Proposal;

/// The label of those that Plimsoll closed itself: no person said no to them.
pub const SUPERSEDED_LABEL: &str = "plimsoll/superseded";

/// The label with which a person says: not now. Nothing is written while the newest pull request of a job has it.
pub const LATER_LABEL: &str = "plimsoll/later";

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Open a new one.
    Open,
    /// Update this one, which holds other findings.
    Update(PullRequest),
    /// Nothing: this one holds the same findings.
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

/// A step, and the pull requests that close before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ruling {
    /// What to do with the proposal.
    pub step: Step,
    /// The job's open rightsizings that a revert closes, with the sentence that says why.
    pub close: Vec<(PullRequest, String)>,
}

/// Rules on a proposal. `known` are all pull requests of ours, newest first. A job has at most one open pull request of any kind:
/// a revert closes an open rightsizing, and none is opened beside a revert. The same findings write nothing; a person's
/// commit on the branch means hands off; one that a person closed stays closed until the findings differ.
pub fn rule(proposal: &Proposal, known: &[PullRequest]) -> Ruling {
    let other_kind = match proposal.kind {
        ChangeKind::Rightsize => ChangeKind::Revert,
        ChangeKind::Revert => ChangeKind::Rightsize,
    };
    let other_branch = branch(other_kind, &proposal.job);
    let other = known
        .iter()
        .find(|pr| pr.branch == other_branch && pr.state == PullRequestState::Open);
    if let (ChangeKind::Rightsize, Some(revert)) = (proposal.kind, other) {
        return leave(
            "revert-open",
            format!(
                "the revert {} of {} is open; it comes first",
                revert.id,
                proposal.job.short()
            ),
            None,
        );
    }
    let own: Vec<&PullRequest> = known
        .iter()
        .filter(|pr| pr.branch == proposal.branch)
        .collect();
    let close = match (proposal.kind, other) {
        (ChangeKind::Revert, Some(rightsizing)) => vec![(
            rightsizing.clone(),
            "Closed by Plimsoll: the last change of this job hurt, and its revert comes first."
                .into(),
        )],
        _ => Vec::new(),
    };
    Ruling {
        step: step(proposal, &own),
        close,
    }
}

fn leave(reason: &'static str, message: String, tell: Option<PullRequest>) -> Ruling {
    Ruling {
        step: Step::LeaveAlone {
            reason,
            message,
            tell,
        },
        close: Vec::new(),
    }
}

/// The step among the pull requests of the proposal's own branch, newest first.
fn step(proposal: &Proposal, own: &[&PullRequest]) -> Step {
    let newest = own
        .first()
        .filter(|pr| pr.state != PullRequestState::Merged);
    if let Some(later) = newest.filter(|pr| pr.labels.iter().any(|label| label == LATER_LABEL)) {
        return Step::LeaveAlone {
            reason: "later",
            message: format!(
                "{} is labelled `{LATER_LABEL}`: nothing is written until the label is taken off",
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
        return if same_findings(proposal, open) {
            Step::Unchanged((*open).clone())
        } else {
            Step::Update((*open).clone())
        };
    }
    // A no counts until something was merged after it: the job is another one then.
    let no = own
        .iter()
        .take_while(|pr| pr.state == PullRequestState::Closed)
        .filter(|pr| !pr.labels.iter().any(|label| label == SUPERSEDED_LABEL))
        .find(|pr| same_findings(proposal, pr));
    match no {
        Some(closed) => Step::LeaveAlone {
            reason: "closed",
            message: format!(
                "{} was closed with the same findings; it stays closed until they change",
                closed.id
            ),
            tell: None,
        },
        None => Step::Open,
    }
}

/// Whether a pull request's state block, if it is one of this job and kind, tells of the same findings.
fn same_findings(proposal: &Proposal, known: &PullRequest) -> bool {
    State::find(&known.body).is_some_and(|state| {
        state.fingerprint == proposal.fingerprint
            && state.job == proposal.job
            && state.kind == proposal.kind
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{JobKey, JobKind};
    use std::collections::BTreeMap;

    #[test]
    fn later_means_nothing_is_written_until_the_label_is_gone() {
        let job = JobKey {
            cluster: "c".into(),
            kind: JobKind::Deployment,
            namespace: "n".into(),
            name: "j".into(),
        };
        let branch = branch(ChangeKind::Rightsize, &job);
        let proposal = Proposal {
            kind: ChangeKind::Rightsize,
            job,
            branch: branch.clone(),
            title: "t".into(),
            body: String::new(),
            commit_message: "t".into(),
            files: BTreeMap::new(),
            labels: Vec::new(),
            fingerprint: "f".into(),
            change: "c".into(),
        };
        let labelled = |state, labels: &[&str]| PullRequest {
            id: "0001".into(),
            url: String::new(),
            branch: branch.to_string(),
            title: "t".into(),
            body: String::new(),
            state,
            labels: labels.iter().map(ToString::to_string).collect(),
            opened_at_ms: 0,
            ended_at_ms: None,
            merged_by: None,
            has_foreign_commits: false,
        };
        let reason = |known: PullRequest| match rule(&proposal, &[known]).step {
            Step::LeaveAlone { reason, .. } => reason,
            Step::Open => "open",
            Step::Update(_) => "update",
            Step::Unchanged(_) => "unchanged",
        };
        let later = ["plimsoll", LATER_LABEL];
        assert_eq!(reason(labelled(PullRequestState::Open, &later)), "later");
        assert_eq!(reason(labelled(PullRequestState::Closed, &later)), "later");
        assert_eq!(reason(labelled(PullRequestState::Merged, &later)), "open");
        assert_eq!(
            reason(labelled(PullRequestState::Open, &["plimsoll"])),
            "update"
        );
    }
}
