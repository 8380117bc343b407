//! The bottleneck computes: busy by Flink's clock and by the CPU's.

use super::bottleneck::Pressed;
use super::profile::{Unit, Verdict, VerdictId};
use super::window::{Window, busy, signal};

pub(super) fn judge(window: &Window<'_>) -> Vec<Verdict> {
    window
        .pressed
        .iter()
        .filter_map(|pressed| of(window, pressed))
        .collect()
}

fn of(window: &Window<'_>, pressed: &Pressed) -> Option<Verdict> {
    let vertex = &window.vertices[pressed.vertex];
    let settings = window.settings;
    let all = window
        .series_pressed(pressed, |point| window.cpu_share(point))
        .quantile(0.5)?;
    let busiest = window
        .series_pressed(pressed, |point| window.cpu_share_busiest(point))
        .quantile(0.5);
    let share = busiest.map_or(all, |busiest| busiest.max(all));
    let per_thread = window
        .series_pressed(pressed, |point| window.cores_per_busy_thread(point))
        .quantile(0.5);
    // Either the TaskManager's cores are used up, or each busy thread fills a core of its own.
    let computes = per_thread.is_some_and(|cores| cores >= settings.computing);
    if share < settings.cpu_high && !computes {
        return None;
    }
    let filled = window
        .series_pressed(pressed, |point| busy(point.vertices.get(&vertex.id)?))
        .quantile(0.5)?;
    let mut signals = vec![
        signal(
            "CPU used by the busiest TaskManager",
            share,
            Unit::Share,
            settings.cpu_high,
        ),
        signal(
            "busy, its busiest subtask",
            filled,
            Unit::Share,
            settings.busy_high,
        ),
        signal(
            "time as the bottleneck",
            pressed.time,
            Unit::Share,
            settings.bottleneck_time,
        ),
    ];
    if let Some(cores) = per_thread {
        signals.push(signal(
            "cores for each busy thread",
            cores,
            Unit::Cores,
            settings.computing,
        ));
    }
    Some(Verdict {
        id: VerdictId::CpuBound,
        vertex: Some(window.name(vertex)),
        signals,
    })
}
