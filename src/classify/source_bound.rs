//! The source cannot read faster (partitions, the outside system), and lag remains.

use super::falling_behind::behind;
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
    verdicts.extend(fetching(window, &verdicts));
    order(window, &mut verdicts);
    verdicts
}

/// Sources that fall behind while nothing below holds them back and no core is short: fetching waits without being busy.
fn fetching(window: &Window<'_>, known: &[Verdict]) -> Vec<Verdict> {
    let settings = window.settings;
    let mut verdicts = Vec::new();
    for behind in behind(window) {
        let vertex = &window.vertices[behind.vertex];
        let name = window.name(vertex);
        let named = known
            .iter()
            .any(|verdict| verdict.vertex.as_ref() == Some(&name));
        let held = window
            .vertex_series(&vertex.id, |seen| {
                seen.backpressured.or(seen.backpressured_max)
            })
            .quantile(0.75);
        let busy = window
            .vertex_series(&vertex.id, |seen| seen.busy_max.or(seen.busy))
            .quantile(0.5);
        let cpu = window
            .series(|point| {
                window
                    .cpu_share_busiest(point)
                    .or_else(|| window.cpu_share(point))
            })
            .quantile(0.5);
        let elsewhere = window
            .pressed
            .iter()
            .any(|pressed| pressed.vertex != behind.vertex);
        if named
            || elsewhere
            || held.is_none_or(|share| share >= settings.backpressure_low)
            || busy.is_none_or(|share| share >= settings.busy_high)
            || cpu.is_some_and(|share| share >= settings.cpu_high)
        {
            continue;
        }
        let mut signals = vec![
            signal(
                "records waiting outside",
                behind.waiting,
                Unit::Records,
                None,
            ),
            signal("records read", behind.rate, Unit::RecordsPerSecond, None),
        ];
        signals.extend(held.map(|share| {
            signal(
                "backpressured",
                share,
                Unit::Share,
                settings.backpressure_low,
            )
        }));
        signals.extend(busy.map(|share| {
            signal(
                "busy, its busiest subtask",
                share,
                Unit::Share,
                settings.busy_high,
            )
        }));
        verdicts.push(Verdict {
            id: VerdictId::SourceBound,
            vertex: Some(name),
            signals,
        });
    }
    verdicts
}

/// In topological order.
fn order(window: &Window<'_>, verdicts: &mut [Verdict]) {
    let place = |verdict: &Verdict| {
        window.vertices.iter().position(|vertex| {
            verdict
                .vertex
                .as_ref()
                .is_some_and(|name| name.id == vertex.id)
        })
    };
    verdicts.sort_by_key(place);
}
