//! It restarts again and again.

use super::profile::{Unit, Verdict, VerdictId};
use super::window::{Window, signal};

pub(super) fn judge(window: &Window<'_>) -> Option<Verdict> {
    let begin = window.to_ms - 24 * 3_600_000;
    let day: Vec<_> = window
        .all
        .iter()
        .filter(|point| point.to_ms > begin)
        .collect();
    let restarts: u32 = day.iter().map(|point| point.restarts).sum();
    let limit = window.settings.restarts_per_day;
    if restarts < limit.max(1) {
        return None;
    }
    let weight = |point: &&crate::snapshot::Point| (point.to_ms - point.from_ms) as f64;
    let total: f64 = day.iter().map(|point| weight(point)).sum();
    let ran: f64 = day.iter().map(|point| weight(point) * point.running).sum();
    let span =
        day.last().map_or(0, |last| last.to_ms) - day.first().map_or(0, |first| first.from_ms);
    let signals = vec![
        signal(
            "restarts within a day",
            f64::from(restarts),
            Unit::Count,
            f64::from(limit),
        ),
        signal(
            "time running",
            if total > 0.0 { ran / total } else { 0.0 },
            Unit::Share,
            None,
        ),
        signal("time looked at", span as f64, Unit::Millis, None),
    ];
    Some(Verdict {
        id: VerdictId::Unstable,
        vertex: None,
        signals,
    })
}
