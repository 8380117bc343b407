//! What becomes of open pull requests that the plan means no longer, or does not mean now.

use crate::manifest::Code;
use crate::plan::{Item, PlanReason, Reason, State as Planned, Until};
use crate::ports::{PullRequest, PullRequestState};
use crate::recommend::Direction;
use crate::record::{HeldNote, State, held_code};
use crate::render::escape::sentence;
use crate::render::number::moment;
use std::collections::BTreeMap;

/// The verdict while which nothing gets smaller.
const FALLING_BEHIND: &str = "falling-behind";

/// What is to be said of an open pull request. The sentences may hold foreign text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Says {
    /// It is meant as it stands.
    Stands,
    /// It may be right, and is not to be merged now.
    Held {
        /// A stable code.
        code: String,
        /// One sentence.
        why: String,
    },
    /// It is meant no longer.
    Over {
        /// One sentence.
        why: String,
    },
    /// Nothing can be said at this moment.
    Unknown,
}

/// What to do with an open pull request. The sentences are Markdown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Close it, with this sentence.
    Close(String),
    /// Say on top that it is not to be merged now.
    Hold(HeldNote),
    /// Take that back.
    Release,
    /// It is a person's by their commits: say this once, and leave it.
    Tell(String),
}

/// What the plan says of the open rightsizing of an item's job, which goes `grows` way as far as its state block tells.
pub fn says(item: &Item, grows: Option<bool>) -> Says {
    let over = |why: String| Says::Over { why };
    let until = || match &item.until {
        Some(Until::AtMs(at_ms)) => format!(" (until {})", moment(*at_ms)),
        Some(Until::Event(event)) => format!(" (until: {event})"),
        None => String::new(),
    };
    let held = || Says::Held {
        code: item.reason.to_string(),
        why: format!("{}{}", item.message, until()),
    };
    let wants_growth = item
        .change
        .as_ref()
        .map(|change| change.recommendation.direction == Direction::Grow);
    let falls_behind = || {
        item.profile.as_ref().is_some_and(|profile| {
            profile
                .verdicts
                .iter()
                .any(|verdict| verdict.id.as_str() == FALLING_BEHIND)
        })
    };
    match item.state {
        Planned::Propose => Says::Stands,
        Planned::Report => over("the mode is `report` by now: nothing is proposed".to_string()),
        Planned::Held if matches!((wants_growth, grows), (Some(now), Some(then)) if now != then) => {
            over(format!(
                "the plan means the opposite by now, and that is held: {}",
                item.message
            ))
        }
        Planned::Held if is_a_persons_word(&item.reason) => over(item.message.clone()),
        Planned::Held => held(),
        Planned::Watching => over(format!(
            "another change of the job was merged, and the plan means nothing else meanwhile: {}",
            item.message
        )),
        Planned::Reverting => {
            over("the last merged change of the job hurts, and its revert comes first".to_string())
        }
        Planned::Keep => over(format!(
            "the plan says by now that the size stays: {}",
            item.message
        )),
        Planned::Ignored => over(format!("the job opted out: {}", item.message)),
        Planned::Refused if item.reason == Reason::from(Code::NotFound) => {
            over(format!("its manifest is gone: {}", item.message))
        }
        Planned::Refused => over(format!(
            "its manifest can no longer be edited safely: {}",
            item.message
        )),
        Planned::Unreachable => Says::Unknown,
        Planned::Undetermined if falls_behind() && grows != Some(true) => over(format!(
            "the job is falling behind, and nothing gets smaller meanwhile: {}",
            item.message
        )),
        Planned::Undetermined if item.reason == Reason::from(PlanReason::Deleting) => {
            over("the job is being deleted".to_string())
        }
        // It passes within minutes, and the operator would not act upon a merge meanwhile.
        Planned::Undetermined if item.reason == Reason::from(PlanReason::Upgrading) => {
            Says::Unknown
        }
        Planned::Undetermined => held(),
    }
}

/// Whether a person said no, by closing a pull request or with their own hands.
fn is_a_persons_word(reason: &Reason) -> bool {
    [PlanReason::Declined, PlanReason::ChangedByHand]
        .into_iter()
        .any(|word| *reason == Reason::from(word))
}

/// What to do with the open pull requests, given what is said of each by its branch. One of a branch of which nothing is said is left.
pub fn sweep<'a>(
    known: &'a [PullRequest],
    said: &BTreeMap<String, Says>,
) -> Vec<(&'a PullRequest, Act)> {
    known
        .iter()
        .filter(|pull_request| pull_request.state == PullRequestState::Open)
        .filter_map(|pull_request| {
            let act = act(pull_request, said.get(&pull_request.branch)?)?;
            Some((pull_request, act))
        })
        .collect()
}

fn act(pull_request: &PullRequest, says: &Says) -> Option<Act> {
    let noted = held_code(&pull_request.body);
    match says {
        Says::Unknown => None,
        Says::Stands => noted.map(|_| Act::Release),
        Says::Held { code, why } if pull_request.has_foreign_commits => Some(Act::Tell(format!(
            "Plimsoll would not merge this now ({code}): {}. It holds a person's commit, and is left as it is.",
            sentence(why)
        ))),
        Says::Held { code, why } => {
            let note = HeldNote {
                code: code.clone(),
                why: format!("{}.", sentence(why)),
            };
            (noted != Some(code)).then_some(Act::Hold(note))
        }
        Says::Over { why } if pull_request.has_foreign_commits => Some(Act::Tell(format!(
            "The plan means this no longer: {}. It holds a person's commit: it is theirs to close or to merge.",
            sentence(why)
        ))),
        Says::Over { why } => Some(Act::Close(format!(
            "Closed by Plimsoll: {}. Nobody said no: should the plan mean it again, it comes back.",
            sentence(why)
        ))),
    }
}

/// Which way an open rightsizing goes, as far as its state block tells.
pub fn goes(pull_request: &PullRequest) -> Option<bool> {
    State::find(&pull_request.body)?
        .stance
        .map(|stance| stance.grows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{ChangeKind, branch, held};
    use crate::snapshot::{JobKey, JobKind};

    fn job() -> JobKey {
        JobKey {
            cluster: "c".into(),
            kind: JobKind::Deployment,
            namespace: "n".into(),
            name: "j".into(),
        }
    }

    fn item(state: Planned, reason: &str) -> Item {
        let text = serde_json::json!({
            "job": job(), "state": state, "reason": reason, "message": "because", "until": null, "profile": null, "advice": null,
            "decision": null, "saving": null, "change": null,
        });
        serde_json::from_value(text).unwrap()
    }

    #[test]
    fn each_state_says_what_becomes_of_an_open_one() {
        for (state, reason, wanted) in [
            (Planned::Propose, "cheaper", "stands"),
            (Planned::Report, "cheaper", "over"),
            (Planned::Held, "freeze", "held"),
            (Planned::Held, "drift", "held"),
            (Planned::Held, "declined", "over"),
            (Planned::Held, "changed-by-hand", "over"),
            (Planned::Watching, "watching", "over"),
            (Planned::Watching, "waiting.not-live", "over"),
            (Planned::Reverting, "regressed", "over"),
            (Planned::Keep, "fits", "over"),
            (Planned::Undetermined, "insufficient-history", "held"),
            (Planned::Undetermined, "suspended", "held"),
            (Planned::Undetermined, "deleting", "over"),
            (Planned::Undetermined, "upgrading", "unknown"),
            (Planned::Refused, "not-found", "over"),
            (Planned::Refused, "shadowed-field", "over"),
            (Planned::Ignored, "opted-out", "over"),
            (Planned::Unreachable, "unreachable", "unknown"),
        ] {
            let said = match says(&item(state, reason), Some(false)) {
                Says::Stands => "stands",
                Says::Held { .. } => "held",
                Says::Over { .. } => "over",
                Says::Unknown => "unknown",
            };
            assert_eq!(said, wanted, "{state:?} {reason}");
        }
    }

    #[test]
    fn only_what_differs_is_done_and_a_persons_branch_is_left() {
        let one = |body: &str, foreign| PullRequest {
            id: "1".into(),
            url: String::new(),
            branch: branch(ChangeKind::Rightsize, &job()).to_string(),
            title: "t".into(),
            body: body.into(),
            state: PullRequestState::Open,
            labels: Vec::new(),
            opened_at_ms: 0,
            ended_at_ms: None,
            merged_by: None,
            has_foreign_commits: foreign,
        };
        let note = |code: &str| HeldNote {
            code: code.into(),
            why: "w".into(),
        };
        let held_by = |code: &str| Says::Held {
            code: code.into(),
            why: "w".into(),
        };
        let over = Says::Over { why: "w".into() };
        let noted = held("b", Some(&note("freeze")));
        for (body, foreign, says, wanted) in [
            ("b", false, Says::Stands, "none"),
            (&noted, false, Says::Stands, "release"),
            ("b", false, held_by("freeze"), "hold"),
            (&noted, false, held_by("freeze"), "none"),
            (&noted, false, held_by("drift"), "hold"),
            ("b", true, held_by("freeze"), "tell"),
            ("b", false, over.clone(), "close"),
            ("b", true, over.clone(), "tell"),
            (&noted, false, Says::Unknown, "none"),
        ] {
            let known = [one(body, foreign)];
            let said = BTreeMap::from([(known[0].branch.clone(), says.clone())]);
            let acts = sweep(&known, &said);
            let done = match acts.first().map(|(_, act)| act) {
                None => "none",
                Some(Act::Close(_)) => "close",
                Some(Act::Hold(_)) => "hold",
                Some(Act::Release) => "release",
                Some(Act::Tell(_)) => "tell",
            };
            assert_eq!(done, wanted, "{says:?} {foreign} {body}");
        }
        // One that ended, and one of which nothing is said.
        let mut closed = one("b", false);
        closed.state = PullRequestState::Closed;
        let said = BTreeMap::from([(closed.branch.clone(), over)]);
        assert!(sweep(&[closed], &said).is_empty());
        assert!(sweep(&[one("b", false)], &BTreeMap::new()).is_empty());
    }
}
