//! The heap is nearly full after collections, or collections take the time.

use super::profile::{Unit, Verdict, VerdictId};
use super::window::{Window, signal};

pub(super) fn judge(window: &Window<'_>) -> Option<Verdict> {
    let settings = window.settings;
    let kept = window.heap_after_collection().quantile(0.95);
    let collecting = window
        .series(|point| Some(point.task_managers.gc_share?.mean))
        .quantile(0.95);
    let kills = window.killed();
    let killed = kills.count;
    let full = kept.is_some_and(|share| share >= settings.heap_high);
    let slow = collecting.is_some_and(|share| share >= settings.gc_high);
    if !full && !slow && killed == 0 {
        return None;
    }
    let mut signals = Vec::new();
    if let Some(share) = kept {
        signals.push(signal(
            "heap after collections",
            share,
            Unit::Share,
            settings.heap_high,
        ));
    }
    if let Some(share) = collecting {
        signals.push(signal(
            "time in garbage collection",
            share,
            Unit::Share,
            settings.gc_high,
        ));
    }
    let mut failures = Vec::new();
    for (kind, count) in &kills.kinds {
        let name = format!("failures for want of {}", kind.words());
        failures.push(signal(&name, f64::from(*count), Unit::Count, 1.0));
    }
    let told: u32 = kills.kinds.values().sum();
    if told == 0 || killed > told {
        let untold = f64::from(killed.saturating_sub(told));
        failures.push(signal(
            "failures for want of memory",
            untold,
            Unit::Count,
            1.0,
        ));
    }
    let count = failures.len();
    signals.extend(failures);
    if killed > 0 {
        signals.rotate_right(count);
    } else if slow && !full && kept.is_some() {
        signals.swap(0, 1);
    }
    (signals.len() >= 2).then_some(Verdict {
        id: VerdictId::MemoryPressure,
        vertex: None,
        signals,
    })
}
