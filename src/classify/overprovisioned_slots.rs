//! Slots that no task uses, or parallelism that the load does not need.

use super::profile::{Unit, Verdict, VerdictId};
use super::window::{Window, signal};

/// Busy share to which a slot may be filled: the rest is for peaks and restarts.
const FILLED: f64 = 0.70;

pub(super) fn judge(window: &Window<'_>) -> Option<Verdict> {
    let low = window.settings.slots_low;
    let last = window.points.last()?;
    let total = last
        .shape
        .task_managers
        .saturating_mul(last.shape.slots_per_task_manager);
    if total < 2 {
        return None;
    }
    let taken = window
        .series(|point| {
            let slots = point
                .shape
                .task_managers
                .saturating_mul(point.shape.slots_per_task_manager);
            (slots > 0).then_some(point.task_managers.slots_used?.mean / f64::from(slots))
        })
        .quantile(0.95);
    let busy = window.series(|point| window.busiest(point)).quantile(0.95);
    let empty = taken.is_some_and(|share| share < low);
    let spare = busy.is_some_and(|share| share / FILLED < low) && !window.blocked();
    if !empty && !spare {
        return None;
    }
    let mut signals = Vec::new();
    if let Some(share) = taken {
        signals.push(signal("slots that hold a task", share, Unit::Share, low));
    }
    if let Some(share) = busy {
        signals.push(signal(
            "busiest subtask, 95 % of the time at most",
            share,
            Unit::Share,
            low * FILLED,
        ));
    }
    signals.push(signal(
        "slots paid for",
        f64::from(total),
        Unit::Count,
        None,
    ));
    if spare && !empty {
        signals.rotate_left(usize::from(taken.is_some()));
    }
    Some(Verdict {
        id: VerdictId::OverprovisionedSlots,
        vertex: None,
        signals,
    })
}
