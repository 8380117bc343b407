//! What the rules let pass of a change that is wanted.

use super::item::{Answer, State};
use super::job::{Question, watching_until};
use super::reason::PlanReason;
use super::size::{Wanted, within};
use crate::policy::{Standing, bounds};
use crate::recommend::{Advice, Direction, Recommendation};

/// A change within the limits of the rules.
pub(super) struct Bounded {
    /// How the job stands when it is judged, with its verdicts.
    pub(super) standing: Standing,
    /// The change that the limits leave.
    pub(super) recommendation: Box<Recommendation>,
}

/// Searches again within the limits that the rules set; the answer where they leave nothing, or a watched change is let be.
pub(super) fn bound(wanted: &Wanted, asked: &Question<'_>) -> Result<Bounded, Answer> {
    let facts = asked.facts;
    let standing = Standing {
        verdicts: asked
            .profile
            .verdicts
            .iter()
            .map(|verdict| verdict.id.to_string())
            .collect(),
        ..facts.standing.clone()
    };
    let limits = bounds(
        &wanted.recommendation,
        &standing,
        &asked.rooms.rules,
        asked.now_ms,
    );
    let allowed = if limits == wanted.free {
        Advice::Change(wanted.recommendation.clone())
    } else {
        within(&limits, &wanted.present, asked)
    };
    let Advice::Change(recommendation) = allowed else {
        return Err(Answer::new(
            State::Held,
            PlanReason::StepDown,
            "the rules leave no smaller size that pays for its restart",
            "a rule or the load changes",
        ));
    };
    // A change that is watched is let be, unless the job is short now.
    if let Some(until) = watching_until(facts)
        && recommendation.direction == Direction::Shrink
    {
        return Err(Answer::until(
            State::Watching,
            PlanReason::Watching,
            "its merged change is being watched",
            until,
        ));
    }
    Ok(Bounded {
        standing,
        recommendation,
    })
}
