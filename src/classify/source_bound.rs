//! The source cannot read faster (partitions, the outside system), and lag remains.

use super::profile::{Unit, Verdict, VerdictId};
use super::window::{Window, signal};

pub(super) fn judge(window: &Window<'_>) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    for pressed in &window.pressed {
        let vertex = &window.vertices[pressed.vertex];
        if !vertex.is_source() {
            continue;
        }
        let busiest = window.series_pressed(pressed, |point| {
            Some(point.vertices.get(&vertex.id)?.busy_max?.mean)
        });
        let median = window.series_pressed(pressed, |point| {
            Some(point.vertices.get(&vertex.id)?.busy_median?.mean)
        });
        let waiting = window.series_pressed(pressed, |point| {
            Some(point.vertices.get(&vertex.id)?.pending?.mean)
        });
        let cpu = window
            .series_pressed(pressed, |point| window.cpu_share(point))
            .quantile(0.5);
        let (Some(busiest), Some(waiting)) = (busiest.quantile(0.5), waiting.quantile(0.5)) else {
            continue;
        };
        // With a partition for each subtask more subtasks would read faster, unless the outside is slow.
        let starved = match vertex.source_partitions {
            Some(partitions) => partitions <= vertex.parallelism,
            None => median
                .quantile(0.5)
                .is_some_and(|median| median < busiest / 2.0),
        };
        let outside = cpu.is_some_and(|share| share < window.settings.cpu_low);
        if !starved && !outside || cpu.is_some_and(|share| share >= window.settings.cpu_high) {
            continue;
        }
        let mut signals = vec![
            signal("records waiting outside", waiting, Unit::Records, None),
            signal(
                "busy, its busiest subtask",
                busiest,
                Unit::Share,
                window.settings.busy_high,
            ),
        ];
        if let Some(partitions) = vertex.source_partitions {
            let subtasks = f64::from(vertex.parallelism);
            signals.push(signal(
                "partitions, against its subtasks",
                f64::from(partitions),
                Unit::Count,
                subtasks,
            ));
        }
        verdicts.push(Verdict {
            id: VerdictId::SourceBound,
            vertex: Some(window.name(vertex)),
            signals,
        });
    }
    verdicts
}
