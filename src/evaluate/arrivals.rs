//! What arrived at the sources, point by point.
//!
//! What a source emits is what the job *could* take, not what came: under backpressure it is less, while it catches up
//! it is more. The records waiting outside tell the difference: arriving rate = emitted rate + change of the lag.
//! Points in which the job restarted, was redeployed or did not run say neither, and are left out.

use super::Settings;
use crate::snapshot::{History, Point, Vertex};

/// What arrived during a stretch of time.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Arrival {
    pub(super) from_ms: i64,
    pub(super) to_ms: i64,
    /// Records per second of all sources together.
    pub(super) per_second: f64,
    /// The same at its height: of a block the 95 % quantile, else what stands above.
    pub(super) high_per_second: f64,
    /// By source, in the order of the graph.
    pub(super) by_source: Vec<f64>,
    /// The lag is unknown and a source was held back: more came than is seen.
    pub(super) lower_bound: bool,
}

/// Without a lag to look at, a job is taken to catch up for this long after a restart.
const BLIND_CATCH_UP_MS: i64 = 20 * 60_000;
/// Neighbouring points lie no further apart than this.
const SEAM_MS: i64 = 2_000;
/// Rates are judged in pieces of this length.
const PIECE_MS: i64 = 300_000;

/// Whether a point says nothing about rates: the job did not run through it, or restarted within it.
pub(super) fn disturbed(point: &Point, before: Option<&Point>) -> bool {
    let restarted = point.restarts > 0 || point.rescales > 0 || point.running < 0.99;
    let began_within = point.pairs <= 1
        && point
            .running_since_ms
            .is_some_and(|since| since > point.from_ms);
    let redeployed =
        before.is_some_and(|before| before.job_id != point.job_id || before.shape != point.shape);
    restarted || began_within || redeployed || point.to_ms <= point.from_ms
}

/// The sources of the graph, in its order.
pub(super) fn sources(history: &History) -> Vec<&Vertex> {
    let seen = history.latest_running.as_ref().or(history.latest.as_ref());
    seen.map_or_else(Vec::new, |snapshot| {
        snapshot
            .vertices
            .iter()
            .filter(|vertex| vertex.is_source())
            .collect()
    })
}

/// All arrivals of the window, by time, in pieces of at least five minutes where the history is long enough for that.
pub(super) fn arrivals(history: &History, settings: &Settings) -> Vec<Arrival> {
    let sources = sources(history);
    let end = history.points.last().map_or(0, |point| point.to_ms);
    let begin = end.saturating_sub(
        i64::try_from(settings.window_seconds.saturating_mul(1000)).unwrap_or(i64::MAX),
    );
    let knows_lag = sources.iter().any(|source| {
        history.points.iter().any(|point| {
            point
                .vertices
                .get(&source.id)
                .is_some_and(|seen| seen.pending.is_some())
        })
    });
    let mut found = Vec::new();
    let mut before: Option<&Point> = None;
    let mut restarted_ms = i64::MIN;
    for point in &history.points {
        let previous = before.replace(point);
        if disturbed(point, previous) {
            restarted_ms = point.to_ms;
            continue;
        }
        let blind = !knows_lag && point.from_ms < restarted_ms.saturating_add(BLIND_CATCH_UP_MS);
        if blind || point.to_ms <= begin {
            continue;
        }
        let adjoining =
            previous.filter(|previous| (point.from_ms - previous.to_ms).abs() <= SEAM_MS);
        found.extend(arrival(&sources, point, adjoining, knows_lag));
    }
    // Where the lag is told, a backlog is told apart from what arrives.
    if !knows_lag {
        let phase = first_phase(&found, history);
        found.drain(..phase);
    }
    let span = found.last().map_or(0, |last: &Arrival| last.to_ms)
        - found.first().map_or(0, |first| first.from_ms);
    if span >= 12 * PIECE_MS {
        pieces(found)
    } else {
        found
    }
}

/// A first phase reads at least so many times what is read after it.
const PHASE_FACTOR: f64 = 3.0;
/// What comes after a first phase must have been seen for so long, milliseconds.
const AFTER_PHASE_MS: i64 = 24 * 3_600_000;
/// A first phase begins no later than this after the job's start, milliseconds: else it may be the peak of a day.
const AT_THE_START_MS: i64 = 30 * 60_000;

/// How many arrivals at the begin are a phase of their own: the snapshot of a CDC source, a bounded backfill. They are read as fast as the job
/// can, come once, and say nothing of what will arrive. A phase ends for good: nothing after it comes near its slowest part.
fn first_phase(found: &[Arrival], history: &History) -> usize {
    let (Some(first), Some(end_ms)) = (found.first(), found.last().map(|last| last.to_ms)) else {
        return 0;
    };
    let started_ms = history
        .points
        .iter()
        .find_map(|point| point.running_since_ms);
    if started_ms.is_none_or(|started| first.from_ms - started > AT_THE_START_MS) {
        return 0;
    }
    let mut highest_after = vec![0.0_f64; found.len() + 1];
    for at in (0..found.len()).rev() {
        highest_after[at] = highest_after[at + 1].max(found[at].per_second);
    }
    let mut lowest = f64::INFINITY;
    let mut phase = 0;
    for (at, arrival) in found.iter().enumerate() {
        lowest = lowest.min(arrival.per_second);
        let after_ms = end_ms - arrival.to_ms;
        if at * 2 >= found.len() || after_ms < AFTER_PHASE_MS {
            break;
        }
        if highest_after[at + 1] > 0.0 && lowest >= PHASE_FACTOR * highest_after[at + 1] {
            phase = at + 1;
        }
    }
    phase
}

fn arrival(
    sources: &[&Vertex],
    point: &Point,
    before: Option<&Point>,
    knows_lag: bool,
) -> Option<Arrival> {
    let seconds = (point.to_ms - point.from_ms) as f64 / 1000.0;
    let mut by_source = Vec::with_capacity(sources.len());
    let mut lower_bound = false;
    let mut above = 0.0;
    for source in sources {
        let seen = point.vertices.get(&source.id)?;
        let stat = seen.in_per_second.or(seen.out_per_second)?;
        let emitted = stat.mean;
        if point.pairs > 1 && stat.p95.is_finite() {
            above += (stat.p95 - emitted).max(0.0);
        }
        let lag_before = before.and_then(|before| before.vertices.get(&source.id)?.pending);
        let change = match (lag_before, seen.pending) {
            (Some(lag_before), Some(lag)) => (lag.mean - lag_before.mean) / seconds,
            // The lag is told only now (Flink reports it after the first record): nothing to compare with.
            (None, Some(lag)) if lag.mean > emitted * seconds => return None,
            _ => 0.0,
        };
        let held_back = seen.backpressured.is_some_and(|share| share.mean >= 0.5);
        lower_bound |= !knows_lag && held_back;
        let rate = emitted + change;
        by_source.push(if rate.is_finite() {
            rate.max(0.0)
        } else {
            return None;
        });
    }
    (!by_source.is_empty()).then(|| Arrival {
        from_ms: point.from_ms,
        to_ms: point.to_ms,
        per_second: by_source.iter().sum(),
        high_per_second: by_source.iter().sum::<f64>() + above,
        by_source,
        lower_bound,
    })
}

/// Shorter arrivals joined to pieces of five minutes, so that a quantile means the same at any cadence.
fn pieces(found: Vec<Arrival>) -> Vec<Arrival> {
    let mut joined: Vec<Arrival> = Vec::new();
    for arrival in found {
        let long = arrival.to_ms - arrival.from_ms;
        match joined.last_mut() {
            Some(last)
                if last.to_ms - last.from_ms + long <= PIECE_MS
                    && (arrival.from_ms - last.to_ms).abs() <= SEAM_MS =>
            {
                join(last, &arrival);
            }
            _ => joined.push(arrival),
        }
    }
    // A scrap left between two gaps is no rate of five minutes.
    joined.retain(|arrival| arrival.to_ms - arrival.from_ms >= PIECE_MS / 2);
    joined
}

fn join(last: &mut Arrival, next: &Arrival) {
    let (one, other) = (
        (last.to_ms - last.from_ms) as f64,
        (next.to_ms - next.from_ms) as f64,
    );
    let mix = |a: f64, b: f64| (a * one + b * other) / (one + other);
    last.per_second = mix(last.per_second, next.per_second);
    last.high_per_second = mix(last.high_per_second, next.high_per_second);
    for (a, b) in last.by_source.iter_mut().zip(&next.by_source) {
        *a = mix(*a, *b);
    }
    last.lower_bound |= next.lower_bound;
    last.to_ms = next.to_ms;
}
