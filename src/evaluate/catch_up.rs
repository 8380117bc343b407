//! Backlogs as free measurements: while records wait outside, the sources read flat out, and what they emit is what the job
//! carries at that size. After a restart nobody has to hold the load for it.
//!
//! A reading counts once the backlog outlasts the warm-up: before and after each of its looks more waits than the sources
//! emit in ten seconds. Whether the backlog falls (catching up) or grows (saturated) is the same to what flows.

use super::arrivals::{disturbed, sources};
use super::regime::{COLD_MS, cpu_share, seconds};
use crate::snapshot::{History, Point, Shape, Vertex};
use crate::statistics::summary::standard_deviation;
use std::collections::BTreeMap;

/// A source has a backlog when more waits than it emits in so many seconds.
const BACKLOG_SECONDS: f64 = 10.0;
/// Sources with a smaller part of the records need no backlog: the mix is that of the others.
const SMALL_PART: f64 = 0.1;
/// A backlog that outlasts the warm-up by less than this measures nothing, milliseconds.
const LEAST_MS: i64 = 290_000;
/// Neighbouring points lie no further apart than this, milliseconds.
const SEAM_MS: i64 = 2_000;
/// Busy share of the busiest subtask from which the job itself is what limits reading.
const OWN_LIMIT: f64 = 0.85;
/// Share of backpressure from which a vertex waits for another one.
const HELD_BACK: f64 = 0.2;
/// CPU share from which the cores, not the subtasks, may set the rate.
const SCARCE: f64 = 0.85;
/// sd of ln(rate) of one reading beyond its own scatter: nobody held the load still (docs/statistics.md, "Before any experiment").
const READING_SD: f64 = 0.06;

/// One backlog that outlasted the warm-up, at one size.
#[derive(Debug, Clone, PartialEq)]
pub struct CatchUp {
    /// Begin of what is measured, Unix milliseconds.
    pub from_ms: i64,
    /// Its end.
    pub to_ms: i64,
    /// What ran.
    pub shape: Shape,
    /// What all sources emitted together, records/s.
    pub per_second: f64,
    /// Whether less waited at the end than at the begin; else the job was saturated.
    pub drained: bool,
    /// Whether a restart or a redeployment stands right before it.
    pub after_restart: bool,
    /// The busiest vertex that waits for no other one, if a subtask of it was busy for 85 % of the time or more. Absent: what reads from
    /// outside was the limit (a fetch limit, cold storage), and the rate is no capacity of the job.
    pub bottleneck: Option<String>,
    /// Whether the cores were nearly used up: then it is what they carry.
    pub cores_scarce: bool,
}

/// What the backlogs at the present size say together.
#[derive(Debug, Clone, PartialEq)]
pub struct CatchUpReading {
    /// Capacity of the job at the present size, records/s of all sources together.
    pub per_second: f64,
    /// sd of its logarithm: 0.06 for one reading, with the scatter between readings.
    pub sd_ln: f64,
    /// Backlogs behind it.
    pub backlogs: usize,
    /// Those among them that a restart left behind.
    pub after_restarts: usize,
    /// How long they were measured in all, milliseconds.
    pub measured_ms: i64,
    /// Whether the job itself was the limit; else the rate is told and not used.
    pub own_limit: bool,
    /// Whether the cores were nearly used up in one of them.
    pub cores_scarce: bool,
}

/// Why no backlog measures the present size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoCatchUp {
    /// No source says how many records wait.
    #[error("no source says how many records wait outside")]
    NoLag,
    /// Nothing waited for long enough at this size.
    #[error("no backlog outlasted the first 5 minutes after a restart by 5 more at this size")]
    NoBacklog,
}

/// All backlogs of a history that outlasted the warm-up, whatever the size, by time.
pub fn catch_ups(history: &History) -> Vec<CatchUp> {
    let sources = sources(history);
    let mut found = Vec::new();
    let mut open: Vec<&Point> = Vec::new();
    let mut waited = (0.0, 0.0);
    let mut before: Option<&Point> = None;
    let mut restarted_ms = i64::MIN;
    let mut after_restart = false;
    for point in &history.points {
        let previous = before.replace(point);
        let adjoining =
            previous.filter(|previous| (point.from_ms - previous.to_ms).abs() <= SEAM_MS);
        if disturbed(point, previous) {
            found.extend(closed(&open, waited, after_restart));
            open.clear();
            restarted_ms = point.to_ms;
            after_restart = true;
            continue;
        }
        let warm = point.from_ms >= restarted_ms.saturating_add(COLD_MS) || point.pairs > 1;
        let Some((begin, end)) = backlog(&sources, point, adjoining) else {
            found.extend(closed(&open, waited, after_restart));
            open.clear();
            after_restart = false;
            continue;
        };
        if !warm {
            continue;
        }
        let goes_on = open
            .last()
            .is_some_and(|last| (point.from_ms - last.to_ms).abs() <= SEAM_MS);
        if !goes_on {
            if !open.is_empty() {
                found.extend(closed(&open, waited, after_restart));
                open.clear();
                after_restart = false;
            }
            waited.0 = begin;
        }
        waited.1 = end;
        open.push(point);
    }
    found.extend(closed(&open, waited, after_restart));
    let known: Vec<&str> = sources.iter().map(|source| source.id.as_str()).collect();
    found
        .into_iter()
        .filter_map(|(points, waited, after)| measured(&known, &points, waited, after))
        .collect()
}

type Stretch<'a> = (Vec<&'a Point>, (f64, f64), bool);

fn closed<'a>(open: &[&'a Point], waited: (f64, f64), after: bool) -> Option<Stretch<'a>> {
    let long: i64 = open.iter().map(|point| point.to_ms - point.from_ms).sum();
    (long >= LEAST_MS).then(|| (open.to_vec(), waited, after))
}

/// What waits before and after a point, where every source that matters has a backlog all through it.
fn backlog(sources: &[&Vertex], point: &Point, before: Option<&Point>) -> Option<(f64, f64)> {
    let rates: Vec<f64> = sources
        .iter()
        .map(|source| rate(point, &source.id))
        .collect::<Option<_>>()?;
    let total: f64 = rates.iter().sum();
    if !(total.is_finite() && total > 0.0) {
        return None;
    }
    let (mut begin, mut end) = (0.0, 0.0);
    for (source, rate) in sources.iter().zip(&rates) {
        let waits = point.vertices.get(&source.id).and_then(|seen| seen.pending);
        let waited = before
            .and_then(|before| before.vertices.get(&source.id)?.pending)
            .map(|pending| pending.mean);
        let Some(waits) = waits else {
            if *rate > total * SMALL_PART {
                return None;
            }
            continue;
        };
        // A block tells the least that waited within it; a point of two looks what waited at its ends.
        let first = if point.pairs > 1 {
            waits.min
        } else {
            waited.unwrap_or(0.0)
        };
        let last = if point.pairs > 1 {
            waits.p50
        } else {
            waits.mean
        };
        let enough = (rate * BACKLOG_SECONDS).max(1.0);
        if *rate > total * SMALL_PART && !(first > enough && last > enough) {
            return None;
        }
        begin += first;
        end += last;
    }
    Some((begin, end))
}

fn rate(point: &Point, id: &str) -> Option<f64> {
    let seen = point.vertices.get(id)?;
    let rate = seen.in_per_second.or(seen.out_per_second)?.mean;
    (rate.is_finite() && rate >= 0.0).then_some(rate)
}

fn measured(
    sources: &[&str],
    points: &[&Point],
    waited: (f64, f64),
    after_restart: bool,
) -> Option<CatchUp> {
    let (first, last) = (points.first()?, points.last()?);
    let (mut records, mut long) = (0.0, 0.0);
    let mut busiest: BTreeMap<&str, f64> = BTreeMap::new();
    for point in points {
        for source in sources {
            records += rate(point, source)? * seconds(point);
        }
        long += seconds(point);
        for (id, seen) in &point.vertices {
            let held = seen.backpressured.or(seen.backpressured_max);
            if let Some(busy) = seen.busy_max.or(seen.busy)
                && held.is_none_or(|held| held.mean < HELD_BACK)
            {
                *busiest.entry(id).or_insert(0.0) += busy.mean * seconds(point);
            }
        }
    }
    let bottleneck = busiest
        .into_iter()
        .filter(|(_, busy)| *busy >= OWN_LIMIT * long)
        .max_by(|one, other| one.1.total_cmp(&other.1));
    Some(CatchUp {
        from_ms: first.from_ms,
        to_ms: last.to_ms,
        shape: last.shape.clone(),
        per_second: records / long,
        drained: waited.1 < waited.0,
        after_restart,
        bottleneck: bottleneck.map(|(id, _)| id.to_owned()),
        cores_scarce: points
            .iter()
            .any(|point| cpu_share(point).is_some_and(|share| share >= SCARCE)),
    })
}

/// What the backlogs at the present size say together: the mean by time of those that the job itself limited, or, where
/// there are none, of the others.
///
/// # Errors
/// No lag is known, or no backlog outlasted the warm-up at this size.
pub fn catch_up_reading(history: &History, found: &[CatchUp]) -> Result<CatchUpReading, NoCatchUp> {
    let sources = sources(history);
    let knows_lag = history.points.iter().any(|point| {
        let pending = |source: &&Vertex| point.vertices.get(&source.id)?.pending;
        sources.iter().any(|source| pending(source).is_some())
    });
    if !knows_lag {
        return Err(NoCatchUp::NoLag);
    }
    let running = history
        .points
        .iter()
        .rev()
        .find(|point| point.running > 0.0);
    let present = running.ok_or(NoCatchUp::NoBacklog)?;
    let alike: Vec<&CatchUp> = found
        .iter()
        .filter(|one| one.shape == present.shape)
        .collect();
    let own_limit = alike.iter().any(|one| one.bottleneck.is_some());
    let counted: Vec<&CatchUp> = alike
        .into_iter()
        .filter(|one| one.bottleneck.is_some() == own_limit)
        .collect();
    let long = |one: &CatchUp| (one.to_ms - one.from_ms) as f64;
    let measured: f64 = counted.iter().map(|one| long(one)).sum();
    if measured <= 0.0 {
        return Err(NoCatchUp::NoBacklog);
    }
    let records: f64 = counted.iter().map(|one| one.per_second * long(one)).sum();
    let logs: Vec<f64> = counted.iter().map(|one| one.per_second.ln()).collect();
    let scatter = standard_deviation(&logs).unwrap_or(0.0);
    Ok(CatchUpReading {
        per_second: records / measured,
        sd_ln: READING_SD.hypot(scatter / (logs.len() as f64).sqrt()),
        backlogs: counted.len(),
        after_restarts: counted.iter().filter(|one| one.after_restart).count(),
        measured_ms: measured as i64,
        own_limit,
        cores_scarce: counted.iter().any(|one| one.cores_scarce),
    })
}
