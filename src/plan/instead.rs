//! Growing in spite of a change that is not settled: a job that is short is not kept waiting by its last change.

use super::item::{Answer, Findings, State};
use crate::recommend::{Direction, Recommendation, Size};
use crate::watch::{Assessment, Breach, Signal, is_shortage};

/// How much more memory than a slot has must be needed until it has too little, a share.
const TOO_SMALL_SHARE: f64 = 0.05;

/// Whether an answer that was found takes the place of what the watcher says: the job grows, and its last change was never applied, or hurts
/// although the size before it would be short too.
pub(super) fn grows_instead(
    found: &Findings,
    answer: &Answer,
    watched: Option<&Assessment>,
    before: Option<&Size>,
) -> bool {
    let Some(change) = &found.change else {
        return false;
    };
    if change.recommendation.direction != Direction::Grow {
        return false;
    }
    match watched {
        Some(Assessment::Waiting { .. }) => true,
        Some(Assessment::Regressed { breaches, .. }) => {
            let wanted = &change.recommendation;
            answer.state == State::Propose
                && breaches.iter().all(|breach| is_shortage(breach.signal))
                && before.is_some_and(|before| would_be_short(before, wanted, breaches))
        }
        _ => false,
    }
}

/// Whether a size would be short, too, of what the job lacks: it carries less than the load while it hurt (what the wanted size carries, in
/// proportion to slots and cores), or its slots have less memory than is needed.
fn would_be_short(before: &Size, wanted: &Recommendation, breaches: &[Breach]) -> bool {
    let proposed = &wanted.proposed;
    let lacks_memory = |breach: &Breach| {
        matches!(
            breach.signal,
            Signal::GarbageCollection | Signal::OutOfMemory
        )
    };
    if breaches.iter().any(lacks_memory) {
        let per_slot =
            |size: &Size| size.memory_bytes as f64 / f64::from(size.slots_per_task_manager.max(1));
        return per_slot(proposed) > per_slot(before) * (1.0 + TOO_SMALL_SHARE);
    }
    let cores = |size: &Size| f64::from(size.task_managers) * size.cpu_millis as f64;
    let slots = |size: &Size| f64::from(size.slots());
    let share = (slots(before) / slots(proposed)).min(cores(before) / cores(proposed));
    let load = breaches
        .iter()
        .filter_map(|breach| breach.load_per_second)
        .fold(wanted.demand.mean_per_second, f64::max);
    // What can't be compared is no reason to leave a change that hurts.
    share.is_finite() && wanted.carries_per_second * share < load
}
