//! Many points → a block.

use super::{CheckpointPoint, OutOfMemory, Point, Stat, TaskManagerPoint, VertexPoint};
use std::collections::{BTreeMap, BTreeSet};

impl Point {
    /// Merges points in order of time into one block: counts add up, signals are pooled by [`Stat::pool`] (each value counts the same,
    /// however long its pair was), shape and ids are those at the end. `None` when there is none.
    pub fn merge(points: &[Point]) -> Option<Point> {
        let last = points.iter().max_by_key(|point| point.to_ms)?;
        let pairs: u64 = points.iter().map(|point| u64::from(point.pairs)).sum();
        let running = points
            .iter()
            .map(|point| point.running * f64::from(point.pairs))
            .sum::<f64>();
        Some(Point {
            from_ms: points
                .iter()
                .map(|point| point.from_ms)
                .min()
                .unwrap_or(last.from_ms),
            to_ms: last.to_ms,
            pairs: narrow(pairs),
            shape: last.shape.clone(),
            job_id: last.job_id.clone(),
            running_since_ms: last.running_since_ms,
            running: if pairs == 0 {
                0.0
            } else {
                (running / pairs as f64).clamp(0.0, 1.0)
            },
            restarts: narrow(points.iter().map(|point| u64::from(point.restarts)).sum()),
            rescales: narrow(points.iter().map(|point| u64::from(point.rescales)).sum()),
            out_of_memory: narrow(
                points
                    .iter()
                    .map(|point| u64::from(point.out_of_memory))
                    .sum(),
            ),
            memory_failures: memory_failures(points),
            vertices: vertices(points),
            task_managers: task_managers(points),
            checkpoints: checkpoints(points),
            external: external(points),
        })
    }
}

fn external(points: &[Point]) -> BTreeMap<String, Stat> {
    let names: BTreeSet<&String> = points
        .iter()
        .flat_map(|point| point.external.keys())
        .collect();
    names
        .into_iter()
        .filter_map(|name| {
            let stats: Vec<Stat> = points
                .iter()
                .filter_map(|point| point.external.get(name).copied())
                .collect();
            Some((name.clone(), Stat::pool(&stats)?))
        })
        .collect()
}

fn memory_failures(points: &[Point]) -> BTreeMap<OutOfMemory, u32> {
    let mut all = BTreeMap::new();
    for (kind, count) in points.iter().flat_map(|point| &point.memory_failures) {
        let sum: &mut u32 = all.entry(*kind).or_insert(0);
        *sum = sum.saturating_add(*count);
    }
    all
}

fn narrow(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn pool<T>(parts: &[&T], pick: fn(&T) -> Option<Stat>) -> Option<Stat> {
    let stats: Vec<Stat> = parts.iter().filter_map(|part| pick(part)).collect();
    Stat::pool(&stats)
}

/// The last known one.
fn last<T, V>(parts: &[&T], pick: fn(&T) -> Option<V>) -> Option<V> {
    parts.iter().rev().find_map(|part| pick(part))
}

fn vertices(points: &[Point]) -> BTreeMap<String, VertexPoint> {
    let ids: BTreeSet<&String> = points
        .iter()
        .flat_map(|point| point.vertices.keys())
        .collect();
    ids.into_iter()
        .map(|id| {
            let parts: Vec<&VertexPoint> = points
                .iter()
                .filter_map(|point| point.vertices.get(id))
                .collect();
            let merged = VertexPoint {
                busy: pool(&parts, |part| part.busy),
                busy_max: pool(&parts, |part| part.busy_max),
                busy_median: pool(&parts, |part| part.busy_median),
                backpressured: pool(&parts, |part| part.backpressured),
                backpressured_max: pool(&parts, |part| part.backpressured_max),
                idle: pool(&parts, |part| part.idle),
                in_per_second: pool(&parts, |part| part.in_per_second),
                out_per_second: pool(&parts, |part| part.out_per_second),
                in_skew: pool(&parts, |part| part.in_skew),
                pending: pool(&parts, |part| part.pending),
                partitions: last(&parts, |part| part.partitions),
                latency_ms: pool(&parts, |part| part.latency_ms),
            };
            (id.clone(), merged)
        })
        .collect()
}

fn task_managers(points: &[Point]) -> TaskManagerPoint {
    let parts: Vec<&TaskManagerPoint> = points.iter().map(|point| &point.task_managers).collect();
    TaskManagerPoint {
        cpu_cores: pool(&parts, |part| part.cpu_cores),
        cpu_cores_max: pool(&parts, |part| part.cpu_cores_max),
        cpus_seen: last(&parts, |part| part.cpus_seen),
        heap_used: pool(&parts, |part| part.heap_used),
        heap_max: last(&parts, |part| part.heap_max),
        managed_used: pool(&parts, |part| part.managed_used),
        network_used: pool(&parts, |part| part.network_used),
        metaspace_used: pool(&parts, |part| part.metaspace_used),
        non_heap_used: pool(&parts, |part| part.non_heap_used),
        direct_used: pool(&parts, |part| part.direct_used),
        container_used: pool(&parts, |part| part.container_used),
        container_limit: last(&parts, |part| part.container_limit),
        gc_share: pool(&parts, |part| part.gc_share),
        slots_used: pool(&parts, |part| part.slots_used),
        pools: last(&parts, |part| part.pools),
    }
}

fn checkpoints(points: &[Point]) -> CheckpointPoint {
    let parts: Vec<&CheckpointPoint> = points.iter().map(|point| &point.checkpoints).collect();
    CheckpointPoint {
        completed: narrow(parts.iter().map(|part| u64::from(part.completed)).sum()),
        failed: narrow(parts.iter().map(|part| u64::from(part.failed)).sum()),
        duration_ms: pool(&parts, |part| part.duration_ms),
        state_bytes: pool(&parts, |part| part.state_bytes),
        checkpointed_bytes: pool(&parts, |part| part.checkpointed_bytes),
        interval_ms: last(&parts, |part| part.interval_ms),
        timeout_ms: last(&parts, |part| part.timeout_ms),
    }
}
