//! Where the graph holds records back.
//!
//! Backpressure travels upwards: the vertex that causes it is busy, is not held back itself, and stands right below
//! vertices that are. Each branch of the graph may have one. A source has nothing above it: it is the bottleneck when
//! it is busy, is not held back, and records keep waiting outside.

use super::window::{Window, backpressured, busy};
use crate::snapshot::{Point, Vertex};

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
    let mut found = Vec::new();
    for (place, vertex) in window.vertices.iter().enumerate() {
        let held = |at: &usize| holds_back(window, vertex, window.points[*at]);
        let points: Vec<usize> = (0..window.points.len()).filter(held).collect();
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

fn holds_back(window: &Window<'_>, vertex: &Vertex, point: &Point) -> bool {
    let Some(seen) = point.vertices.get(&vertex.id) else {
        return false;
    };
    let settings = window.settings;
    let held_back = |id: &str| {
        let above = point.vertices.get(id).and_then(backpressured);
        above.is_some_and(|share| share >= settings.backpressure_high)
    };
    let is_busy = busy(seen).is_some_and(|share| share >= settings.busy_high);
    let is_free = backpressured(seen).is_none_or(|share| share < settings.backpressure_high);
    if !is_busy || !is_free {
        return false;
    }
    if vertex.is_source() {
        return window.vertices.len() == 1 && lags(window, vertex, point)
            || lags(window, vertex, point)
                && !held_back(&vertex.id)
                && nothing_held_back(window, point);
    }
    vertex.inputs.iter().any(|input| held_back(&input.vertex))
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
