//! Where the graph holds records back.
//!
//! Backpressure travels upwards: the vertex that causes it is busy, is not held back itself, and stands right below
//! vertices that are. A vertex with little work of its own between a held back one and the cause is held back in bursts and
//! idle in between: it counts as held back too. Each branch of the graph may have one. A source has nothing above it: it is the bottleneck when
//! it is busy, is not held back, and records keep waiting outside.

use super::window::{Window, backpressured, busy};
use crate::snapshot::{Point, Vertex};
use std::collections::BTreeSet;

/// A vertex that was the bottleneck for a good part of the time.
#[derive(Debug, Clone)]
pub(super) struct Pressed {
    /// Its place among the window's vertices.
    pub(super) vertex: usize,
    /// The points (their places in the window) in which it was the bottleneck.
    pub(super) points: Vec<usize>,
    /// Their share of the time, 0..=1.
    pub(super) time: f64,
}

/// All bottlenecks in topological order.
pub(super) fn pressed(window: &Window<'_>) -> Vec<Pressed> {
    let total: f64 = window.points.iter().map(|point| duration(point)).sum();
    let held_back: Vec<BTreeSet<&str>> = window
        .points
        .iter()
        .map(|point| held_back(window, point))
        .collect();
    let mut found = Vec::new();
    for (place, vertex) in window.vertices.iter().enumerate() {
        let holds = |at: &usize| holds_back(window, vertex, window.points[*at], &held_back[*at]);
        let points: Vec<usize> = (0..window.points.len()).filter(holds).collect();
        let time: f64 = points.iter().map(|at| duration(window.points[*at])).sum();
        if total > 0.0 && !points.is_empty() && time / total >= window.settings.bottleneck_time {
            found.push(Pressed {
                vertex: place,
                points,
                time: time / total,
            });
        }
    }
    found
}

fn holds_back(
    window: &Window<'_>,
    vertex: &Vertex,
    point: &Point,
    held_back: &BTreeSet<&str>,
) -> bool {
    let Some(seen) = point.vertices.get(&vertex.id) else {
        return false;
    };
    let settings = window.settings;
    let is_busy = busy(seen).is_some_and(|share| share >= settings.busy_high);
    let is_free = backpressured(seen).is_none_or(|share| share < settings.backpressure_high);
    if !is_busy || !is_free {
        return false;
    }
    if vertex.is_source() {
        let alone = window.vertices.len() == 1;
        let nothing_below = || {
            let free = !held_back.contains(vertex.id.as_str());
            free && nothing_held_back(window, point)
        };
        return lags(window, vertex, point) && (alone || nothing_below());
    }
    let mut inputs = vertex.inputs.iter();
    inputs.any(|input| held_back.contains(input.vertex.as_str()))
}

/// The vertices that can't get rid of their records for most of the time, and those that pass on what holds back one above
/// them: not busy themselves, and held back now and then.
fn held_back<'a>(window: &Window<'a>, point: &Point) -> BTreeSet<&'a str> {
    let settings = window.settings;
    let mut held = BTreeSet::new();
    // Inputs come first.
    for vertex in window.vertices {
        let Some(seen) = point.vertices.get(&vertex.id) else {
            continue;
        };
        let share = backpressured(seen).unwrap_or(0.0);
        let passes_on = || {
            let little_work = busy(seen).is_some_and(|share| share < settings.busy_high);
            let mut inputs = vertex.inputs.iter();
            little_work
                && share >= settings.backpressure_low
                && inputs.any(|input| held.contains(input.vertex.as_str()))
        };
        if share >= settings.backpressure_high || passes_on() {
            held.insert(vertex.id.as_str());
        }
    }
    held
}

/// Whether more records wait outside than some seconds' worth.
pub(super) fn lags(window: &Window<'_>, source: &Vertex, point: &Point) -> bool {
    let Some(seen) = point.vertices.get(&source.id) else {
        return false;
    };
    let rate = seen
        .in_per_second
        .or(seen.out_per_second)
        .map_or(0.0, |rate| rate.mean);
    seen.pending
        .is_some_and(|pending| pending.mean > (rate * window.settings.lag_seconds).max(1.0))
}

fn nothing_held_back(window: &Window<'_>, point: &Point) -> bool {
    window
        .backpressure(point)
        .is_none_or(|share| share < window.settings.backpressure_low)
}

fn duration(point: &Point) -> f64 {
    (point.to_ms - point.from_ms).max(0) as f64
}
