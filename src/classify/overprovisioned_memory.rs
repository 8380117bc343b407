//! Far less memory is used than is paid for.

use super::profile::{Unit, Verdict, VerdictId};
use super::window::{Window, signal};

pub(super) fn judge(window: &Window<'_>) -> Option<Verdict> {
    // Who died for want of memory has none to spare, whichever it was.
    if window.killed().count > 0 {
        return None;
    }
    let kept = window.heap_after_collection().quantile(0.95)?;
    let used = window
        .series(|point| heap_share(point, |used| used.mean))
        .quantile(0.50)?;
    let low = window.settings.heap_low;
    // A heap that is half full between collections has its use for what it has.
    if kept >= low || used >= (low + window.settings.heap_high) / 2.0 {
        return None;
    }
    let mut signals = vec![
        signal("heap after collections", kept, Unit::Share, low),
        signal("heap used, median", used, Unit::Share, None),
    ];
    if let Some(share) = window
        .series(|point| Some(point.task_managers.gc_share?.mean))
        .quantile(0.95)
    {
        if share >= window.settings.gc_high {
            return None;
        }
        signals.push(signal(
            "time in garbage collection",
            share,
            Unit::Share,
            window.settings.gc_high,
        ));
    }
    Some(Verdict {
        id: VerdictId::OverprovisionedMemory,
        vertex: None,
        signals,
    })
}

fn heap_share(
    point: &crate::snapshot::Point,
    of: impl Fn(crate::snapshot::Stat) -> f64,
) -> Option<f64> {
    let largest = point.task_managers.heap_max.filter(|bytes| *bytes > 0.0)?;
    Some(of(point.task_managers.heap_used?) / largest)
}
