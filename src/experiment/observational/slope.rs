//! How capacity followed parallelism in the past: a deployment long ago is a measurement.

use crate::snapshot::{History, Shape, Vertex};
use crate::statistics::summary::median;

use super::past::{Basis, LEAST_BUSY, POOR_BUSY, Period, periods};
use crate::flink::key_groups::effective_parallelism;

/// Share of backpressure from which a vertex's rate is not its own.
const HELD_BACK: f64 = 0.2;
/// Sizes whose parallelism differs by less say nothing about the slope.
const LEAST_RATIO: f64 = 1.15;
/// Fewer readings of a vertex in a period are no reading.
const LEAST_POINTS: usize = 6;

/// The slope of ln capacity on ln effective parallelism, after the past was seen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ObservedSlope {
    /// Posterior mean.
    pub mean: f64,
    /// Posterior sd; never above the prior's.
    pub sd: f64,
    /// Past periods that spoke.
    pub periods: usize,
    /// Lowest and highest parallelism among them.
    pub parallelism: (u32, u32),
}

/// One vertex in one period: ln p_eff, ln of rate over busy share, its variance.
struct Reading {
    x: f64,
    y: f64,
    variance: f64,
}

/// Updates the prior (mean, sd) of the slope with past sizes of other parallelism: for each vertex
/// the true rates of all periods are regressed on ln p_eff about their own level, a conjugate update
/// (Gelman et al. 2013) of the slope. The vertices of a job lived through the same days, so their
/// precisions are averaged, not added. Only periods with the present cores a slot (within 5 %) and
/// memory a slot (within 25 %) count, since those change capacity too. `None` when fewer than two
/// such periods differ in parallelism by 15 %.
#[must_use]
pub fn observational_slope(history: &History, prior: (f64, f64)) -> Option<ObservedSlope> {
    let seen = history.latest_running.as_ref()?;
    let all = periods(history);
    let present = all.last()?.shape;
    let alike: Vec<&Period<'_>> = all
        .iter()
        .filter(|period| comparable(period.shape, present))
        .collect();
    let (mut precision, mut moment, mut vertices, mut spoke) = (0.0, 0.0, 0usize, 0usize);
    let mut span = (u32::MAX, 0u32);
    for vertex in &seen.vertices {
        let readings: Vec<(u32, Reading)> = alike
            .iter()
            .filter_map(|period| reading(period, vertex))
            .collect();
        let least = readings.iter().map(|r| r.0).min().unwrap_or(1);
        let most = readings.iter().map(|r| r.0).max().unwrap_or(1);
        if f64::from(most) < LEAST_RATIO * f64::from(least.max(1)) {
            continue;
        }
        let (p, m) = about_own_level(&readings);
        precision += p;
        moment += m;
        vertices += 1;
        spoke = spoke.max(readings.len());
        span = (span.0.min(least), span.1.max(most));
    }
    let valid = prior.0.is_finite() && prior.1.is_finite() && prior.1 > 0.0;
    if vertices == 0 || !valid {
        return None;
    }
    let own = prior.1.powi(-2);
    let total = own + precision / vertices as f64;
    Some(ObservedSlope {
        mean: (own * prior.0 + moment / vertices as f64) / total,
        sd: total.powf(-0.5),
        periods: spoke,
        parallelism: span,
    })
}

/// Precision of the slope and precision times estimate, the vertex's level taken out.
fn about_own_level(readings: &[(u32, Reading)]) -> (f64, f64) {
    let weights = || readings.iter().map(|(_, r)| 1.0 / r.variance);
    let total: f64 = weights().sum();
    let mean = |value: &dyn Fn(&Reading) -> f64| {
        let sum = readings.iter().zip(weights());
        sum.map(|((_, r), w)| w * value(r)).sum::<f64>() / total
    };
    let (x, y) = (mean(&|r| r.x), mean(&|r| r.y));
    let pairs = || readings.iter().map(|(_, r)| r).zip(weights());
    (
        pairs().map(|(r, w)| w * (r.x - x).powi(2)).sum(),
        pairs().map(|(r, w)| w * (r.x - x) * (r.y - y)).sum(),
    )
}

fn comparable(shape: &Shape, present: &Shape) -> bool {
    let near = |a: u64, b: u64, tolerance: f64| {
        let share =
            |total: u64, of: &Shape| total as f64 / f64::from(of.slots_per_task_manager.max(1));
        let (a, b) = (share(a, shape), share(b, present));
        // Unknown on both sides is alike; on one side it is not known to be.
        (a - b).abs() <= tolerance * b
    };
    near(shape.cpu_millis, present.cpu_millis, 0.05)
        && near(shape.memory_bytes, present.memory_bytes, 0.25)
}

fn reading(period: &Period<'_>, vertex: &Vertex) -> Option<(u32, Reading)> {
    let parallelism = *period.shape.parallelism.get(&vertex.id)?;
    let mut rates = Vec::new();
    let mut busy_shares = Vec::new();
    for point in &period.points {
        let Some(seen) = point.vertices.get(&vertex.id) else {
            continue;
        };
        let held = seen.backpressured.or(seen.backpressured_max);
        let rate = seen.in_per_second.or(seen.out_per_second);
        if let (Some(rate), Some(busy)) = (rate, seen.busy)
            && held.is_none_or(|held| held.mean < HELD_BACK)
            && rate.mean > 0.0
            && busy.mean >= LEAST_BUSY
        {
            rates.push((rate.mean / busy.mean).ln());
            busy_shares.push(busy.mean);
        }
    }
    // A block of many pairs is worth many points.
    let pairs: u32 = period.points.iter().map(|point| point.pairs).sum();
    if rates.is_empty() || (pairs as usize) < LEAST_POINTS || parallelism == 0 {
        return None;
    }
    let basis = if median(&busy_shares).ok()? < POOR_BUSY {
        Basis::PoorBusyTime
    } else {
        Basis::BusyTime
    };
    let keyed = vertex
        .inputs
        .iter()
        .any(|input| input.ship_strategy.eq_ignore_ascii_case("HASH"));
    let p = f64::from(parallelism);
    let effective = match vertex.max_parallelism {
        Some(groups) if keyed && groups >= parallelism => {
            effective_parallelism(f64::from(groups), p)
        }
        _ => p,
    };
    Some((
        parallelism,
        Reading {
            x: effective.ln(),
            y: median(&rates).ok()?,
            variance: basis.extra_sd().powi(2),
        },
    ))
}
