//! None of the others: it carries its load with fitting resources.

use super::profile::{Unit, Verdict, VerdictId};
use super::window::{Window, signal};

/// To be asked last, when no other verdict holds.
pub(super) fn judge(window: &Window<'_>) -> Option<Verdict> {
    let used = window
        .series(|point| window.cpu_share(point))
        .quantile(0.95)?;
    let held = window
        .series(|point| window.backpressure(point))
        .quantile(0.90)?;
    let kept = window.heap_after_collection().quantile(0.95);
    let mut signals = vec![
        signal(
            "CPU used, 95 % of the time at most",
            used,
            Unit::Share,
            window.settings.cpu_high,
        ),
        signal(
            "backpressured, the worst vertex",
            held,
            Unit::Share,
            window.settings.backpressure_low,
        ),
    ];
    if let Some(share) = kept {
        signals.push(signal(
            "heap after collections",
            share,
            Unit::Share,
            window.settings.heap_high,
        ));
    }
    Some(Verdict {
        id: VerdictId::Healthy,
        vertex: None,
        signals,
    })
}
