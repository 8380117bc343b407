//! Busy by Flink's clock, idle by the CPU's: it waits for something outside.

use super::profile::{Signal, Unit, Verdict, VerdictId};
use super::window::{Series, Window, busy, signal};
use crate::snapshot::{Point, Vertex};

pub(super) fn judge(window: &Window<'_>) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    for (place, vertex) in window.vertices.iter().enumerate() {
        let pressed = window
            .pressed
            .iter()
            .find(|pressed| pressed.vertex == place);
        let filled = window
            .vertex_series(&vertex.id, |seen| seen.busy_max.or(seen.busy))
            .quantile(0.5);
        let busy_now = filled.is_some_and(|share| share >= window.settings.busy_high);
        if pressed.is_none() && (!busy_now || vertex.is_source()) {
            continue;
        }
        let signals = match pressed {
            Some(pressed) => waits(window, vertex, |pick| window.series_pressed(pressed, pick)),
            None => waits(window, vertex, |pick| window.series(pick)),
        };
        if let Some(signals) = signals {
            verdicts.push(Verdict {
                id: VerdictId::ExternalWait,
                vertex: Some(window.name(vertex)),
                signals,
            });
        }
    }
    verdicts
}

/// The signals that say so, if it waits: little CPU for each thread that is busy, and CPU to spare.
pub(super) fn waits(
    window: &Window<'_>,
    vertex: &Vertex,
    series: impl Fn(&dyn Fn(&Point) -> Option<f64>) -> Series,
) -> Option<Vec<Signal>> {
    let settings = window.settings;
    let share = series(&|point| window.cpu_share(point)).quantile(0.5)?;
    let busiest = series(&|point| window.cpu_share_busiest(point))
        .quantile(0.5)
        .unwrap_or(share);
    let per_thread = series(&|point| window.cores_per_busy_thread(point)).quantile(0.5)?;
    let filled = series(&|point| busy(point.vertices.get(&vertex.id)?)).quantile(0.5)?;
    let idle_cpu = per_thread < settings.waiting && busiest.max(share) < settings.cpu_high;
    idle_cpu.then(|| {
        vec![
            signal(
                "cores for each busy thread",
                per_thread,
                Unit::Cores,
                settings.waiting,
            ),
            signal(
                "busy, its busiest subtask",
                filled,
                Unit::Share,
                settings.busy_high,
            ),
            signal("CPU used", share, Unit::Share, settings.cpu_high),
        ]
    })
}
