//! Lag is above the job's limit and does not fall: it carries less than arrives.

use super::profile::{Unit, Verdict, VerdictId};
use super::window::{Window, signal};
use crate::snapshot::{Point, Vertex};

/// What is looked at, milliseconds back from the newest point.
const RECENT_MS: i64 = 3_600_000;
/// Fewer points tell no direction.
const LEAST_POINTS: usize = 3;
/// A backlog that is gone within this time at its present pace falls, milliseconds.
const SOON_MS: f64 = 10.0 * 3_600_000.0;

/// A source whose lag is above the job's limit and does not fall.
#[derive(Debug, Clone)]
pub(super) struct Behind {
    /// Its place among the window's vertices.
    pub(super) vertex: usize,
    /// Records that wait.
    pub(super) waiting: f64,
    /// Records per second that it reads.
    pub(super) rate: f64,
    /// By how much the backlog grows, records per second; negative when it falls a little.
    pub(super) growth: f64,
}

impl Behind {
    /// Seconds of reading that wait, at most the limit of what is told of a source that stands still.
    fn seconds(&self) -> f64 {
        (self.waiting / self.rate.max(1e-9)).min(1e9)
    }
}

/// All of them, in topological order.
pub(super) fn behind(window: &Window<'_>) -> Vec<Behind> {
    let sources = window
        .vertices
        .iter()
        .enumerate()
        .filter(|(_, vertex)| vertex.is_source());
    sources
        .filter_map(|(place, vertex)| of(window, place, vertex))
        .collect()
}

fn of(window: &Window<'_>, place: usize, vertex: &Vertex) -> Option<Behind> {
    let end_ms = window.points.last()?.to_ms;
    let seen: Vec<(f64, f64, f64)> = window
        .points
        .iter()
        .filter(|point| point.to_ms > end_ms - RECENT_MS)
        .filter_map(|point| reading(point, vertex))
        .collect();
    if seen.len() < LEAST_POINTS {
        return None;
    }
    let third = (seen.len() / 3).max(1);
    let mean = |part: &[(f64, f64, f64)], pick: fn(&(f64, f64, f64)) -> f64| {
        part.iter().map(pick).sum::<f64>() / part.len() as f64
    };
    let (first, last) = (&seen[..third], &seen[seen.len() - third..]);
    let (begin, waiting) = (mean(first, |one| one.1), mean(last, |one| one.1));
    let rate = mean(&seen, |one| one.2);
    let between = mean(last, |one| one.0) - mean(first, |one| one.0);
    if between <= 0.0
        || waiting < 1.0
        || waiting <= rate * window.settings.lag_limit_seconds.max(0.0)
    {
        return None;
    }
    let per_ms = (waiting - begin) / between;
    let falls = per_ms < 0.0 && waiting / -per_ms <= SOON_MS;
    (!falls).then_some(Behind {
        vertex: place,
        waiting,
        rate,
        growth: per_ms * 1000.0,
    })
}

/// Time, records that wait, records read per second.
fn reading(point: &Point, vertex: &Vertex) -> Option<(f64, f64, f64)> {
    let seen = point.vertices.get(&vertex.id)?;
    let waiting = seen.pending?.mean;
    let rate = seen.in_per_second.or(seen.out_per_second)?.mean;
    (waiting.is_finite() && rate.is_finite() && waiting >= 0.0 && rate >= 0.0).then_some((
        point.to_ms as f64,
        waiting,
        rate,
    ))
}

pub(super) fn judge(window: &Window<'_>) -> Vec<Verdict> {
    behind(window)
        .iter()
        .map(|behind| Verdict {
            id: VerdictId::FallingBehind,
            vertex: Some(window.name(&window.vertices[behind.vertex])),
            signals: vec![
                signal(
                    "lag, as time of reading",
                    behind.seconds() * 1000.0,
                    Unit::Millis,
                    window.settings.lag_limit_seconds * 1000.0,
                ),
                signal(
                    "records waiting outside",
                    behind.waiting,
                    Unit::Records,
                    None,
                ),
                signal(
                    "growth of the backlog",
                    behind.growth,
                    Unit::RecordsPerSecond,
                    0.0,
                ),
            ],
        })
        .collect()
}
