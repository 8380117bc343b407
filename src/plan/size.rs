//! The size in force, and the one that is wanted when no rule limits it.

use super::item::{Answer, Findings, State};
use super::job::{Question, watching_until};
use super::present;
use super::reason::PlanReason;
use crate::classify::VerdictId;
use crate::flink::deployment::Deployment;
use crate::recommend::{
    Advice, Bounds, Present, Recommendation, SizingReason, autoscaler_advice, recommend,
    side_by_side,
};

/// A job whose size is known, and should change.
pub(super) struct Wanted {
    /// Its manifest as a Flink resource, where one was found.
    pub(super) deployment: Option<Deployment>,
    /// The size in force.
    pub(super) present: Present,
    /// What limits the search whatever the rules say.
    pub(super) free: Bounds,
    /// The change that is wanted.
    pub(super) recommendation: Box<Recommendation>,
}

/// Finds the size in force and the one that is wanted; the answer where none is known or nothing is to change.
pub(super) fn size(found: &mut Findings, asked: &Question<'_>) -> Result<Wanted, Answer> {
    let (facts, rooms) = (asked.facts, asked.rooms);
    let located = facts.manifest.ok();
    let deployment = located.and_then(|located| Deployment::from_value(&located.value).ok());
    let present = in_force(deployment.as_ref(), asked)?;
    let free = Bounds {
        reverted: facts.standing.reverted.clone(),
        keep_parallelism: facts.standing.autoscaler,
        ..Bounds::default()
    };
    let advice = within(&free, &present, asked);
    found.autoscaler = autoscaler_advice(facts.history, &present, &rooms.evaluate);
    let beside = side_by_side(facts.history, &present, &advice, &rooms.evaluate);
    found.evaluators = Some(beside);
    found.advice = Some(advice.clone());
    match advice {
        Advice::Change(recommendation) => {
            found.saving = Some(recommendation.saving.clone());
            Ok(Wanted {
                deployment,
                present,
                free,
                recommendation,
            })
        }
        Advice::Undetermined(undetermined) => Err(Answer::new(
            State::Undetermined,
            undetermined.reason,
            undetermined.message,
            undetermined.settles,
        )),
        Advice::Keep(keep) => Err(match watching_until(facts) {
            Some(until) => Answer::until(
                State::Watching,
                PlanReason::Watching,
                "its merged change is being watched",
                until,
            ),
            None => Answer::new(
                State::Keep,
                keep.reason,
                keep.message,
                "its load or its size changes",
            ),
        }),
    }
}

/// The size that is wanted within bounds.
pub(super) fn within(bounds: &Bounds, present: &Present, asked: &Question<'_>) -> Advice {
    recommend(
        asked.facts.history,
        asked.profile,
        present,
        bounds,
        &asked.rooms.evaluate,
        &asked.rooms.recommend,
    )
}

/// The size in force: by the manifest, or as observed where there is none.
fn in_force(deployment: Option<&Deployment>, asked: &Question<'_>) -> Result<Present, Answer> {
    let (history, prices) = (asked.facts.history, &asked.rooms.prices);
    if let Some(deployment) = deployment {
        return present::present(deployment, history, prices).map_err(|error| {
            Answer::new(
                State::Refused,
                PlanReason::SizeUnreadable,
                error.to_string(),
                "the manifest is mended",
            )
        });
    }
    Present::observed(history, prices).ok_or_else(|| {
        if asked.profile.has(VerdictId::InsufficientHistory) {
            Answer::new(
                State::Undetermined,
                SizingReason::InsufficientHistory,
                "it was not observed running yet",
                "a longer history",
            )
        } else {
            Answer::new(
                State::Undetermined,
                SizingReason::SizeUnknown,
                "its CPU, memory or TaskManagers are unknown",
                "its manifest is found",
            )
        }
    })
}
