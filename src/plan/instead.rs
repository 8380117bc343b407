//! Growing in spite of a change that is not settled: a job that is short is not kept waiting by its last change.

use super::item::{Answer, Findings, State};
use crate::recommend::{Direction, Size};
use crate::watch::{Assessment, is_shortage};

/// How much more than a size has must be needed until that size is too small, a share.
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
            let needed = &change.recommendation.proposed;
            answer.state == State::Propose
                && breaches.iter().all(|breach| is_shortage(breach.signal))
                && before.is_some_and(|before| is_too_small(before, needed))
        }
        _ => false,
    }
}

/// Whether a size has clearly less of something than is needed.
fn is_too_small(size: &Size, needed: &Size) -> bool {
    let amounts = |size: &Size| {
        let task_managers = f64::from(size.task_managers);
        [
            f64::from(size.slots()),
            task_managers * size.cpu_millis as f64,
            task_managers * size.memory_bytes as f64,
        ]
    };
    amounts(size)
        .into_iter()
        .zip(amounts(needed))
        .any(|(has, needs)| needs > has * (1.0 + TOO_SMALL_SHARE))
}
