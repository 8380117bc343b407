//! Far less CPU is used than is paid for, and nothing is blocked.

use super::profile::{Unit, Verdict, VerdictId};
use super::window::{Window, signal};

pub(super) fn judge(window: &Window<'_>) -> Option<Verdict> {
    let used = window
        .series(|point| window.cpu_share_paid(point))
        .quantile(0.95)?;
    let held = window
        .series(|point| window.backpressure(point))
        .quantile(0.90)?;
    if used >= window.settings.cpu_low || window.blocked() {
        return None;
    }
    let mut signals = vec![
        signal(
            "CPU used, 95 % of the time at most",
            used,
            Unit::Share,
            window.settings.cpu_low,
        ),
        signal(
            "backpressured, the worst vertex",
            held,
            Unit::Share,
            window.settings.backpressure_low,
        ),
    ];
    if let Some(cores) = window
        .series(|point| Some(point.task_managers.cpu_cores?.mean))
        .quantile(0.95)
    {
        signals.push(signal("cores used", cores, Unit::Cores, None));
    }
    Some(Verdict {
        id: VerdictId::OverprovisionedCpu,
        vertex: None,
        signals,
    })
}
