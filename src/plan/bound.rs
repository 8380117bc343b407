//! What the rules let pass of a change that is wanted.

use super::item::{Answer, State};
use super::job::{Question, watching_until};
use super::reason::PlanReason;
use super::size::{Wanted, within};
use crate::policy::{Standing, bounds};
use crate::recommend::{Advice, Bounds, Direction, Recommendation, Size, Towards};

/// A change within the limits of the rules.
pub(super) struct Bounded {
    /// How the job stands when it is judged, with its verdicts.
    pub(super) standing: Standing,
    /// The limits.
    pub(super) limits: Bounds,
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
    let Advice::Change(mut recommendation) = allowed else {
        return Err(Answer::new(
            State::Held,
            PlanReason::StepDown,
            "the rules leave no smaller size that pays for its restart",
            "a rule or the load changes",
        ));
    };
    recommendation.towards = towards(&wanted.recommendation, &recommendation, &limits);
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
        limits,
        recommendation,
    })
}

/// Where a bounded step leads, and in how many such steps. Each total may go down by the same share in a step.
fn towards(wanted: &Recommendation, step: &Recommendation, limits: &Bounds) -> Option<Towards> {
    let share = limits
        .step_down
        .filter(|share| *share > 0.0 && *share < 1.0)?;
    if step.direction != Direction::Shrink || wanted.proposed == step.proposed {
        return None;
    }
    let totals = |size: &Size| {
        let count = f64::from(size.task_managers);
        [
            f64::from(size.slots()),
            size.cpu_millis as f64 * count,
            size.memory_bytes as f64 * count,
        ]
    };
    let pairs = totals(&step.now).into_iter().zip(totals(&wanted.proposed));
    let steps = pairs
        .filter(|(now, then)| *now > 0.0 && *then > 0.0 && then < now)
        .map(|(now, then)| ((then / now).ln() / (1.0 - share).ln() - 1e-6).ceil())
        .fold(1.0, f64::max);
    (steps > 1.0).then(|| Towards {
        size: wanted.proposed.clone(),
        cost: wanted.cost_proposed.clone(),
        steps: steps as u32,
    })
}
