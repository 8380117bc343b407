//! A job that dies of memory before anything can be measured of it: the pool that ran out gets half as much again, and nothing else changes.
//! What such a job carries is not known, so that no probability is stated.

use super::advice::{Advice, Bounds, Direction, MemoryNeed, Recommendation, Risk, Shortage, Step};
use super::memory_need::smallest_process;
use super::raised::Kinds;
use super::{Present, Settings, explanation};
use crate::evaluate::{Demand, DemandBasis};
use crate::flink::memory::{Needs, pools};
use crate::snapshot::History;
use std::collections::BTreeMap;

/// Factor on the heap that ran out.
const HEAP: f64 = 1.5;
/// Failures at the size in force from which it is no accident.
const LEAST_FAILURES: u32 = 3;

/// What keeps the job alive, where tasks die of memory at the size in force again and again. `None` where they do not, where the pools of the
/// manifest are unknown, or where the limits leave no larger process.
pub(super) fn rescue(
    history: &History,
    present: &Present,
    bounds: &Bounds,
    settings: &Settings,
) -> Option<Advice> {
    let shape = &history.points.last()?.shape;
    let failures: u32 = history
        .points
        .iter()
        .filter(|point| &point.shape == shape)
        .map(|point| {
            point
                .out_of_memory
                .max(point.memory_failures.values().sum())
        })
        .sum();
    let kinds = Kinds::at(history, shape);
    if failures < LEAST_FAILURES || !kinds.any() || bounds.kept.memory || bounds.kept.options {
        return None;
    }
    let now = &present.size;
    let seen = pools(
        &present.configuration,
        Some(now.memory_bytes),
        present.version,
    )
    .ok()?;
    let raised = kinds.needs(&seen, now.memory_bytes);
    let heap = seen.heap() as f64 * if kinds.heap { HEAP } else { 1.0 };
    let needs = Needs {
        heap: raised.heap.max(heap as u64),
        managed: seen.managed,
        network: seen.network,
        overhead: raised.overhead.max(seen.overhead),
        ..raised
    };
    let process = smallest_process(present, needs, now.memory_bytes, settings)?;
    let most = (settings.max_memory_mib << 20).max(now.memory_bytes);
    let most = bounds.max_memory_bytes.unwrap_or(u64::MAX).min(most);
    if process.minimum.process > most {
        return None;
    }
    let mut proposed = now.clone();
    proposed.memory_bytes = process.minimum.process;
    proposed.options = process.options.clone();
    let prices = &present.prices;
    let (cost, then) = (prices.per_month(now), prices.per_month(&proposed));
    let message = format!(
        "tasks failed {failures} times for want of memory at this size, before anything could be measured: what the job carries is not known, and nothing but its memory changes"
    );
    Some(Advice::Change(Box::new(Recommendation {
        job: history.job.clone(),
        direction: Direction::Grow,
        now: now.clone(),
        proposed,
        cost_now: explanation::money(cost, prices),
        cost_proposed: explanation::money(then, prices),
        saving: explanation::certain_saving(cost, then, prices),
        probability_short: 1.0,
        probability_limit: settings.probability_limit,
        demand: unknown(history),
        capacities: Vec::new(),
        carries_per_second: 0.0,
        holds: None,
        holds_now: None,
        towards: None,
        short_of: vec![Shortage::Memory],
        memory: MemoryNeed {
            seen: BTreeMap::from([("heap".to_owned(), seen.heap())]),
            needed: BTreeMap::from([("heap".to_owned(), process.minimum.pools.heap())]),
            limits: BTreeMap::new(),
            process_bytes: process.minimum.process,
            process_seen_bytes: None,
        },
        cpu_seen_cores: None,
        margins: Vec::new(),
        risks: vec![Risk {
            code: "not-measured".to_owned(),
            message: message.clone(),
        }],
        steps: vec![Step {
            name: "rescue".to_owned(),
            result: message,
        }],
        model: "rescue".to_owned(),
        tested: "not tested".to_owned(),
    })))
}

/// No load was measured.
fn unknown(history: &History) -> Demand {
    let first = history.points.first().map_or(0, |point| point.from_ms);
    let last = history.points.last().map_or(0, |point| point.to_ms);
    Demand {
        basis: DemandBasis::ShortHistory,
        history_ms: last - first,
        points: 0,
        mean_per_second: 0.0,
        highest_per_second: 0.0,
        quantile_per_second: 0.0,
        upper_per_second: 0.0,
        held_per_second: 0.0,
        ahead_per_second: 0.0,
        pause_seconds: 0.0,
        uncertainty_ln: 0.0,
        growth: 1.0,
        load_per_second: 0.0,
        restart_headroom: 0.0,
        backlog_per_second: 0.0,
        required_per_second: 0.0,
        by_source: BTreeMap::new(),
        lower_bound: true,
        week: None,
    }
}
