//! Hardly any records.

use super::profile::{Unit, Verdict, VerdictId};
use super::window::{Window, signal};

/// Busy share above which a job with few records still works.
const WORKING: f64 = 0.10;

pub(super) fn judge(window: &Window<'_>) -> Option<Verdict> {
    let rate = window
        .series(|point| window.source_rate(point))
        .quantile(0.95)?;
    let busy = window.series(|point| window.busiest(point)).quantile(0.5)?;
    let least = window.settings.idle_records_per_second;
    // Whatever the sources say: records that flow anywhere are no silence.
    let flows = window
        .series(|point| window.fastest(point))
        .quantile(0.95)
        .is_some_and(|rate| rate >= least);
    if flows || rate >= least || busy >= WORKING || window.blocked() {
        return None;
    }
    let signals = vec![
        signal(
            "records read, 95 % of the time at most",
            rate,
            Unit::RecordsPerSecond,
            least,
        ),
        signal("busiest subtask, median", busy, Unit::Share, WORKING),
    ];
    Some(Verdict {
        id: VerdictId::Idle,
        vertex: None,
        signals,
    })
}
