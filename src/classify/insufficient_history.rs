//! Too short a history to judge sizes.

use super::profile::{Unit, Verdict, VerdictId};
use super::window::{Window, millis, signal};

pub(super) fn judge(window: &Window<'_>) -> Option<Verdict> {
    let needed = millis(window.settings.minimum_history_seconds);
    if window.span_ms() >= needed && !window.points.is_empty() {
        return None;
    }
    let signals = vec![
        signal(
            "history",
            window.span_ms() as f64,
            Unit::Millis,
            needed as f64,
        ),
        signal(
            "observations of the running job",
            window.points.len() as f64,
            Unit::Count,
            1.0,
        ),
    ];
    Some(Verdict {
        id: VerdictId::InsufficientHistory,
        vertex: None,
        signals,
    })
}
