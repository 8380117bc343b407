//! History → [`VertexCapacity`]: what does each vertex carry now?
//!
//! Two measurements, neither trusted alone: records over busy share (an extrapolation, which misses contention at low
//! load), and the rate while the vertex was busy all the time (direct, but low while caches are cold). Points in which
//! the cores were used up say how much the *cores* carry, not the vertex: its busy time contains waiting for a core.

use super::catch_up::{CatchUp, catch_ups};
use super::cpu_cost::cpu_cost;
use super::regime::{cpu_share, regime, seconds};
use super::{Demand, VertexCapacity};
use crate::snapshot::{History, Point, Vertex};

/// CPU share from which threads wait for cores.
const THROTTLED: f64 = 0.93;
/// What a vertex could do with a core for each subtask is believed up to this factor over what it did: part of its busy
/// time may be waiting for something else.
const UNTHROTTLED: f64 = 2.5;
/// CPU share from which a rate at full busy time is no longer taken for the vertex's own limit.
const SCARCE: f64 = 0.85;
/// Busy share from which a subtask counts as busy all the time.
const SATURATED: f64 = 0.95;
/// Saturated points from which the direct measurement stands alone.
const SUSTAINED: usize = 6;
/// Gap between the two measurements from which they disagree.
const GAP: f64 = 0.15;
/// sd of ln(rate): a moderately loaded vertex, a hardly loaded or contradictory one, one measured near its limit.
const SD: (f64, f64, f64) = (0.12, 0.30, 0.05);

/// One point of a vertex.
struct Sample {
    rate: f64,
    busy: f64,
    source_rate: f64,
    seconds: f64,
    /// Records wait before it.
    pushed: bool,
    /// A backlog was read flat out through all of it, and this vertex was the busiest.
    catching_up: bool,
    /// A source that read a backlog all through it while nothing below held it back: what it read is what it can.
    flat_out: bool,
    throttled: bool,
    /// Cores were scarce: what it carried may be theirs to say.
    scarce: bool,
    held_back: bool,
}

/// What each vertex carries, and must carry for the demand; in topological order. A vertex of which rate or busy time
/// are unknown is left out: unknown is not zero.
pub fn capacities(history: &History, demand: &Demand) -> Vec<VertexCapacity> {
    let points = regime(history);
    let Some(seen) = history.latest_running.as_ref() else {
        return Vec::new();
    };
    let cpu = cpu_cost(history);
    let backlogs = catch_ups(history);
    let threads = |point: &Point| -> f64 {
        let busy = |vertex: &Vertex| {
            let busy = point.vertices.get(&vertex.id).and_then(|seen| seen.busy);
            busy.map_or(0.0, |busy| busy.mean * f64::from(vertex.parallelism))
        };
        seen.vertices.iter().map(busy).sum()
    };
    let all_threads: f64 = points
        .iter()
        .map(|point| threads(point) * seconds(point))
        .sum();
    let mut found = Vec::new();
    for vertex in &seen.vertices {
        let samples: Vec<Sample> = points
            .iter()
            .filter_map(|point| sample(vertex, point, &seen.vertices, &backlogs))
            .collect();
        let own_threads: f64 = points
            .iter()
            .filter_map(|point| Some(point.vertices.get(&vertex.id)?.busy?.mean * seconds(point)))
            .sum();
        let share = own_threads * f64::from(vertex.parallelism) / all_threads;
        let cores = cpu
            .as_ref()
            .map(|cpu| cpu.cores_per_record_per_second * share)
            .filter(|cores| cores.is_finite());
        found.extend(measure(vertex, &points, &samples, cores, demand));
    }
    found
}

fn sample(
    vertex: &Vertex,
    point: &Point,
    vertices: &[Vertex],
    backlogs: &[CatchUp],
) -> Option<Sample> {
    let own = point.vertices.get(&vertex.id)?;
    let rate = if vertex.is_source() {
        own.in_per_second.or(own.out_per_second)?
    } else {
        own.in_per_second?
    }
    .mean;
    let busy = own.busy_max.or(own.busy)?.mean;
    let mut source_rate = 0.0;
    for source in vertices.iter().filter(|other| other.is_source()) {
        let read = point.vertices.get(&source.id)?;
        source_rate += read.in_per_second.or(read.out_per_second)?.mean;
    }
    let backpressured = |id: &str| {
        let share = point
            .vertices
            .get(id)
            .and_then(|seen| seen.backpressured.or(seen.backpressured_max));
        share.map_or(0.0, |share| share.mean)
    };
    let pushed = if vertex.is_source() {
        own.pending
            .is_some_and(|pending| pending.mean > rate * 10.0)
    } else {
        vertex
            .inputs
            .iter()
            .any(|input| backpressured(&input.vertex) >= 0.2)
    };
    let within = |one: &&CatchUp| one.from_ms <= point.from_ms && point.to_ms <= one.to_ms;
    let backlog = backlogs.iter().find(within);
    let catching_up = backlog.is_some_and(|one| one.bottleneck.as_ref() == Some(&vertex.id));
    let flat_out = vertex.is_source()
        && backlog.is_some_and(|one| one.bottleneck.is_none())
        && backpressured(&vertex.id) < 0.2;
    (rate.is_finite() && busy.is_finite() && rate >= 0.0).then(|| Sample {
        rate,
        busy,
        source_rate,
        seconds: seconds(point),
        pushed,
        catching_up,
        flat_out,
        throttled: cpu_share(point).is_some_and(|share| share >= THROTTLED),
        scarce: cpu_share(point).is_some_and(|share| share >= SCARCE),
        held_back: backpressured(&vertex.id) >= 0.2,
    })
}

fn measure(
    vertex: &Vertex,
    points: &[&Point],
    samples: &[Sample],
    cores_per_source_record: Option<f64>,
    demand: &Demand,
) -> Option<VertexCapacity> {
    let per_source_record = selectivity(samples)?;
    let cores = cores_per_source_record
        .map(|cores| cores / per_source_record)
        .filter(|cores| cores.is_finite());
    let free: Vec<&Sample> = samples
        .iter()
        .filter(|sample| !sample.throttled && !sample.held_back)
        .collect();
    let direct = direct_rate(samples);
    let by_busy = rate_by_busy(if free.len() >= SUSTAINED {
        &free[..]
    } else {
        &[]
    })
    .or_else(|| throttled_rate(vertex, samples, cores))
    .or_else(|| rate_by_busy(&samples.iter().collect::<Vec<_>>()));
    let (rate, sd, disagree) = combine(by_busy, direct, samples)?;
    // A source that waits for what it fetches is not busy, so busy time promises what never flowed: a backlog shows what does.
    let (rate, sd, disagree, direct) = match flat_out_rate(samples) {
        Some((most, count)) if most < rate => (most, SD.0, true, Some((most, count))),
        _ => (rate, sd, disagree, direct),
    };
    let mut busy: Vec<f64> = samples.iter().map(|sample| sample.busy).collect();
    busy.sort_by(f64::total_cmp);
    let skew = points
        .iter()
        .rev()
        .take(12)
        .filter_map(|point| Some(point.vertices.get(&vertex.id)?.in_skew?.mean));
    let mut skew: Vec<f64> = skew.filter(|skew| skew.is_finite()).collect();
    skew.sort_by(f64::total_cmp);
    Some(VertexCapacity {
        id: vertex.id.clone(),
        name: vertex.name.clone(),
        parallelism: vertex.parallelism,
        max_parallelism: vertex.max_parallelism,
        records_per_source_record: per_source_record,
        true_rate_per_second: rate,
        sd_ln: sd,
        required_per_second: demand.required_per_second * per_source_record,
        busy_median: busy[busy.len() / 2].clamp(0.0, 1.0),
        busy_highest: busy[busy.len() - 1].clamp(0.0, 1.0),
        cores_per_record_per_second: cores,
        observed_per_second: direct.map(|(rate, _)| rate),
        by_busy_per_second: by_busy,
        disagree,
        skew: skew.get(skew.len() / 2).map_or(1.0, |skew| skew.max(1.0)),
        partitions: vertex.source_partitions,
        keyed: vertex
            .inputs
            .iter()
            .any(|input| input.ship_strategy.eq_ignore_ascii_case("HASH")),
    })
}

/// Records into the vertex for each that the sources emit, from sums over the window; the higher of all points and the
/// busier half, since windows and joins emit in bursts. Absent when nothing flowed.
fn selectivity(samples: &[Sample]) -> Option<f64> {
    let ratio = |samples: &mut dyn Iterator<Item = &Sample>| {
        let (mut own, mut read) = (0.0, 0.0);
        for sample in samples {
            own += sample.rate * sample.seconds;
            read += sample.source_rate * sample.seconds;
        }
        (own > 0.0 && read > 0.0).then(|| own / read)
    };
    let mut rates: Vec<f64> = samples.iter().map(|sample| sample.source_rate).collect();
    rates.sort_by(f64::total_cmp);
    let median = *rates.get(rates.len() / 2)?;
    let all = ratio(&mut samples.iter())?;
    let loaded = ratio(&mut samples.iter().filter(|sample| sample.source_rate >= median));
    Some(loaded.map_or(all, |loaded| loaded.max(all)))
}

/// Rate while busy all the time, pushed from above, or while it held up a backlog, with cores to spare: the median, with how
/// many points say so.
fn direct_rate(samples: &[Sample]) -> Option<(f64, usize)> {
    let full = samples.iter().filter(|sample| {
        let full = sample.busy >= SATURATED && sample.pushed;
        !sample.scarce && (full || sample.catching_up) && sample.rate > 0.0
    });
    let mut rates: Vec<f64> = full.map(|sample| sample.rate).collect();
    rates.sort_by(f64::total_cmp);
    rates.get(rates.len() / 2).map(|rate| (*rate, rates.len()))
}

/// The highest rate at which a source read a backlog for a good while (the ninth of ten points), with how many points say so.
fn flat_out_rate(samples: &[Sample]) -> Option<(f64, usize)> {
    let flat_out = samples
        .iter()
        .filter(|sample| sample.flat_out && sample.rate > 0.0);
    let mut rates: Vec<f64> = flat_out.map(|sample| sample.rate).collect();
    rates.sort_by(f64::total_cmp);
    (rates.len() >= SUSTAINED)
        .then(|| rates.get((rates.len() - 1) * 9 / 10).copied())
        .flatten()
        .map(|rate| (rate, rates.len()))
}

/// Records over busy share, over the quarter of the points with the highest load: busy time at low load misses
/// contention, and its fixed part counts too much there.
fn rate_by_busy(samples: &[&Sample]) -> Option<f64> {
    let mut loaded: Vec<&&Sample> = samples
        .iter()
        .filter(|sample| sample.rate > 0.0 && sample.busy > 0.0)
        .collect();
    loaded.sort_by(|a, b| b.rate.total_cmp(&a.rate));
    loaded.truncate(loaded.len().div_ceil(4).max(3));
    let records: f64 = loaded
        .iter()
        .map(|sample| sample.rate * sample.seconds)
        .sum();
    let busy: f64 = loaded
        .iter()
        .map(|sample| sample.busy.min(1.0) * sample.seconds)
        .sum();
    (records > 0.0 && busy > 0.0).then(|| records / busy)
}

/// Where the cores were used up in nearly every point: what the subtasks could compute with a core each, no less than
/// what they did.
fn throttled_rate(vertex: &Vertex, samples: &[Sample], cores: Option<f64>) -> Option<f64> {
    let throttled = samples.iter().filter(|sample| sample.throttled).count();
    if throttled * 2 < samples.len() {
        return None;
    }
    let highest = samples
        .iter()
        .map(|sample| sample.rate / sample.busy.max(0.05))
        .fold(0.0, f64::max);
    let alone = f64::from(vertex.parallelism) / cores.filter(|cores| *cores > 0.0)?;
    Some(alone.clamp(highest, highest * UNTHROTTLED))
}

/// One rate with its uncertainty, and whether the two measurements contradict each other.
fn combine(
    by_busy: Option<f64>,
    direct: Option<(f64, usize)>,
    samples: &[Sample],
) -> Option<(f64, f64, bool)> {
    let throttled =
        samples.iter().filter(|sample| sample.throttled).count() * 2 >= samples.len().max(1);
    match (by_busy, direct) {
        (Some(rate), Some((observed, count))) if !throttled => {
            let differ = (rate / observed).ln().abs() > (1.0 + GAP).ln();
            match (differ, count >= SUSTAINED) {
                (false, _) => Some(((rate * observed).sqrt(), SD.2, false)),
                (true, true) => Some((observed, SD.0, true)),
                (true, false) => Some(((rate * observed).sqrt(), SD.1, true)),
            }
        }
        (None, Some((observed, count))) => Some((
            observed,
            if count >= SUSTAINED { SD.2 } else { SD.0 },
            false,
        )),
        (Some(rate), _) => Some((
            rate,
            if throttled { SD.0 } else { sd_by_busy(samples) },
            false,
        )),
        (None, None) => None,
    }
}

/// The busier a vertex was seen, the less is extrapolated: 0.30 below a busy share of 0.3, then from 0.12 down to 0.05
/// at 0.8; half as much again while there are few points.
fn sd_by_busy(samples: &[Sample]) -> f64 {
    let mut busy: Vec<f64> = samples.iter().map(|sample| sample.busy).collect();
    busy.sort_by(f64::total_cmp);
    let loaded = busy.get(busy.len() * 9 / 10).copied().unwrap_or(0.0);
    let few = if samples.len() < 12 { 1.5 } else { 1.0 };
    let sd = if loaded < 0.3 {
        // No step at 0.3: a job that hovers there must not change its mind from hour to hour.
        SD.1 - (SD.1 - SD.0) * (loaded / 0.3).clamp(0.0, 1.0).powi(2)
    } else {
        SD.0 - (SD.0 - SD.2) * ((loaded - 0.3) / 0.5).clamp(0.0, 1.0)
    };
    sd * few
}
