//! The periods of a history in which one size ran, each read as one run.

use crate::evaluate::{CatchUp, catch_ups};
use crate::snapshot::{History, Point, Shape, Vertex};
use crate::statistics::summary::median;

use super::super::procedure::{Candidate, Origin, Outcome};

/// The first minutes after a restart are cold: caches fill, code is compiled.
const COLD_MS: i64 = 5 * 60_000;
/// A shorter undisturbed time says nothing.
const LEAST_MS: i64 = 30 * 60_000;
/// Busy share from which a vertex has no time left.
pub(super) const SATURATED: f64 = 0.95;
/// A source has a backlog when more than so many seconds of its rate wait.
const BACKLOG_SECONDS: f64 = 10.0;
/// So many saturated points measure capacity directly.
const LEAST_SATURATED: usize = 3;
/// Below this busy share a rate over it is mostly noise.
pub(super) const LEAST_BUSY: f64 = 0.02;
/// Busy share under which a busy-time rate is poor.
pub(super) const POOR_BUSY: f64 = 0.3;

/// How a past period measured capacity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// Sources read flat out while a backlog drained: after a restart, a deployment or an outage.
    CatchUp,
    /// Rate over the busy share of the busiest vertex.
    BusyTime,
    /// The same at a busy share under 0.3.
    PoorBusyTime,
    /// It ran out of memory.
    OutOfMemory,
}

impl Basis {
    /// sd of ln C beyond the run noise: nobody held the load still, and busy-time rates are
    /// extrapolations.
    #[must_use]
    pub fn extra_sd(self) -> f64 {
        match self {
            Self::CatchUp => 0.06,
            Self::BusyTime => 0.12,
            Self::PoorBusyTime | Self::OutOfMemory => 0.30,
        }
    }
}

/// One period of the past as a run of lower weight.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PastRun {
    /// The size that ran.
    pub size: Candidate,
    /// Cores that a slot had; 0 is unknown.
    pub cores_per_slot: f64,
    /// Begin, Unix milliseconds.
    pub from_ms: i64,
    /// End, Unix milliseconds.
    pub to_ms: i64,
    /// Capacity in records/s of all sources together, or the failure.
    pub outcome: Outcome,
    /// How it was measured.
    pub basis: Basis,
}

/// A period in which one size ran, with its undisturbed points.
#[derive(Debug)]
pub(super) struct Period<'a> {
    pub(super) shape: &'a Shape,
    pub(super) points: Vec<&'a Point>,
    pub(super) from_ms: i64,
    pub(super) to_ms: i64,
    out_of_memory: u32,
}

/// The periods of one size each, by time. Points around a restart are left out of a period, as are
/// those in which the job did not run throughout.
pub(super) fn periods(history: &History) -> Vec<Period<'_>> {
    let mut periods: Vec<Period<'_>> = Vec::new();
    let mut before: Option<&Point> = None;
    let mut restarted_ms = i64::MIN;
    for point in &history.points {
        let changed = before.is_some_and(|b| b.shape != point.shape);
        let moved = before.is_some_and(|b| b.job_id != point.job_id);
        before = Some(point);
        if changed || periods.is_empty() {
            periods.push(Period {
                shape: &point.shape,
                points: Vec::new(),
                from_ms: point.from_ms,
                to_ms: point.to_ms,
                out_of_memory: 0,
            });
        }
        let Some(period) = periods.last_mut() else {
            continue;
        };
        period.to_ms = point.to_ms;
        period.out_of_memory += point.out_of_memory;
        let disturbed = changed || moved || point.restarts > 0 || point.running < 1.0;
        if disturbed && point.pairs == 1 {
            restarted_ms = point.to_ms;
        } else if point.running >= 1.0
            && (point.pairs > 1 || point.from_ms >= restarted_ms.saturating_add(COLD_MS))
        {
            period.points.push(point);
        }
    }
    periods
}

/// Each past period as one run: within-period samples are autocorrelated, so a period counts once.
/// Periods without half an hour of undisturbed readings, or of a size that is not known whole, are
/// left out; no graph, no runs.
#[must_use]
pub fn past_runs(history: &History) -> Vec<PastRun> {
    let Some(seen) = &history.latest_running else {
        return Vec::new();
    };
    let backlogs = catch_ups(history);
    periods(history)
        .iter()
        .filter_map(|period| {
            let size = size_of(period.shape)?;
            let (capacity, basis) = if period.out_of_memory > 0 {
                (None, Basis::OutOfMemory)
            } else {
                let (capacity, basis) = capacity(period, &seen.vertices, &backlogs)?;
                (Some(capacity), basis)
            };
            let slots = f64::from(period.shape.slots_per_task_manager);
            Some(PastRun {
                size,
                cores_per_slot: period.shape.cpu_millis as f64 / 1000.0 / slots,
                from_ms: period.from_ms,
                to_ms: period.to_ms,
                outcome: capacity.map_or(Outcome::OutOfMemory, Outcome::Measured),
                basis,
            })
        })
        .collect()
}

/// The size of a shape as a candidate; `None` when a part of it is unknown.
fn size_of(shape: &Shape) -> Option<Candidate> {
    let parallelism = f64::from(*shape.parallelism.values().max()?);
    let size = Candidate {
        parallelism,
        memory_gib: shape.memory_bytes as f64 / (1024.0 * 1024.0 * 1024.0),
        slots: f64::from(shape.slots_per_task_manager),
    };
    (size.parallelism > 0.0 && size.memory_gib > 0.0 && size.slots > 0.0).then_some(size)
}

/// Records/s of all sources that the size carries, and how that was measured.
fn capacity(
    period: &Period<'_>,
    vertices: &[Vertex],
    backlogs: &[CatchUp],
) -> Option<(f64, Basis)> {
    let measured_ms: i64 = period.points.iter().map(|p| p.to_ms - p.from_ms).sum();
    if measured_ms < LEAST_MS {
        return None;
    }
    let mut readings: Vec<(f64, f64, bool)> = period
        .points
        .iter()
        .filter_map(|point| reading(point, vertices))
        .filter(|(load, busy, _)| *load > 0.0 && *busy >= LEAST_BUSY)
        .collect();
    let full: Vec<f64> = readings
        .iter()
        .filter(|(_, busy, backlog)| *backlog && *busy >= SATURATED)
        .map(|(load, _, _)| *load)
        .collect();
    if full.len() >= LEAST_SATURATED {
        return Some((median(&full).ok()?, Basis::CatchUp));
    }
    // A backlog that outlasted the warm-up, with a subtask hardly ever idle, measures as well.
    let drained: Vec<f64> = backlogs
        .iter()
        .filter(|one| one.from_ms >= period.from_ms && one.to_ms <= period.to_ms)
        .filter(|one| one.bottleneck.is_some())
        .map(|one| one.per_second)
        .collect();
    if !drained.is_empty() {
        return Some((median(&drained).ok()?, Basis::CatchUp));
    }
    // The busier half: there a rate over its busy share extrapolates least.
    readings.sort_by(|a, b| b.1.total_cmp(&a.1));
    readings.truncate(readings.len().div_ceil(2));
    let rates: Vec<f64> = readings.iter().map(|(load, busy, _)| load / busy).collect();
    let busy: Vec<f64> = readings.iter().map(|(_, busy, _)| *busy).collect();
    let basis = if median(&busy).ok()? < POOR_BUSY {
        Basis::PoorBusyTime
    } else {
        Basis::BusyTime
    };
    Some((median(&rates).ok()?, basis))
}

/// Load of all sources, busy share of the busiest vertex, whether a backlog waits.
fn reading(point: &Point, vertices: &[Vertex]) -> Option<(f64, f64, bool)> {
    let mut load = 0.0;
    let mut backlog = false;
    for source in vertices.iter().filter(|vertex| vertex.is_source()) {
        let seen = point.vertices.get(&source.id)?;
        let rate = seen.in_per_second.or(seen.out_per_second)?.mean;
        load += rate;
        backlog |= seen
            .pending
            .is_some_and(|pending| pending.mean > rate * BACKLOG_SECONDS);
    }
    let busiest = point
        .vertices
        .values()
        .filter_map(|seen| Some(seen.busy_max.or(seen.busy)?.mean))
        .fold(f64::NAN, f64::max);
    (load.is_finite() && busiest.is_finite()).then_some((load, busiest.min(1.0), backlog))
}

impl PastRun {
    /// As a run of the procedure: its own block, lower weight.
    #[must_use]
    pub fn as_run(&self, candidate: usize, block: usize) -> super::super::procedure::Run {
        super::super::procedure::Run {
            candidate,
            block,
            outcome: self.outcome,
            origin: Origin::Observed,
            extra_sd: self.basis.extra_sd(),
            guard_tripped: false,
            lag_minutes: 0.0,
        }
    }
}
