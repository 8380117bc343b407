//! Neighbouring points merged into blocks, to make a history fit into its evidence.

use crate::snapshot::{CheckpointPoint, Point, Stat, TaskManagerPoint, VertexPoint};
use std::collections::BTreeMap;

/// Merges neighbours two by two: half as many points, each over twice the time.
pub(super) fn halve(points: &[Point]) -> Vec<Point> {
    points
        .chunks(2)
        .map(|pair| match pair {
            [one, two] => merge(one, two),
            rest => rest[0].clone(),
        })
        .collect()
}

/// One block of two neighbours; what has no average (shape, job id) is the later one's.
fn merge(one: &Point, two: &Point) -> Point {
    let pairs = one.pairs.saturating_add(two.pairs);
    let running = if pairs == 0 {
        two.running
    } else {
        (one.running * f64::from(one.pairs) + two.running * f64::from(two.pairs)) / f64::from(pairs)
    };
    let mut vertices: BTreeMap<String, VertexPoint> = one.vertices.clone();
    for (id, later) in &two.vertices {
        let merged = match vertices.get(id) {
            Some(earlier) => vertex(earlier, later),
            None => later.clone(),
        };
        vertices.insert(id.clone(), merged);
    }
    Point {
        from_ms: one.from_ms,
        to_ms: two.to_ms,
        pairs,
        shape: two.shape.clone(),
        job_id: two.job_id.clone(),
        running_since_ms: two.running_since_ms,
        running,
        restarts: one.restarts.saturating_add(two.restarts),
        out_of_memory: one.out_of_memory.saturating_add(two.out_of_memory),
        vertices,
        task_managers: task_managers(&one.task_managers, &two.task_managers),
        checkpoints: checkpoints(&one.checkpoints, &two.checkpoints),
    }
}

/// Count, mean, minimum and maximum are exact; the median is the weighted mean of both medians and the 95 % quantile the larger
/// of both, because the values behind them are gone.
fn stat(one: Option<Stat>, two: Option<Stat>) -> Option<Stat> {
    let (Some(a), Some(b)) = (one, two) else {
        return one.or(two);
    };
    let n = a.n.saturating_add(b.n).max(1);
    let weigh = |x: f64, y: f64| (x * f64::from(a.n) + y * f64::from(b.n)) / f64::from(n);
    Some(Stat {
        n,
        mean: weigh(a.mean, b.mean),
        min: a.min.min(b.min),
        p50: weigh(a.p50, b.p50),
        p95: a.p95.max(b.p95),
        max: a.max.max(b.max),
    })
}

fn vertex(one: &VertexPoint, two: &VertexPoint) -> VertexPoint {
    VertexPoint {
        busy: stat(one.busy, two.busy),
        busy_max: stat(one.busy_max, two.busy_max),
        busy_median: stat(one.busy_median, two.busy_median),
        backpressured: stat(one.backpressured, two.backpressured),
        backpressured_max: stat(one.backpressured_max, two.backpressured_max),
        idle: stat(one.idle, two.idle),
        in_per_second: stat(one.in_per_second, two.in_per_second),
        out_per_second: stat(one.out_per_second, two.out_per_second),
        in_skew: stat(one.in_skew, two.in_skew),
        pending: stat(one.pending, two.pending),
        partitions: two.partitions.or(one.partitions),
    }
}

fn task_managers(one: &TaskManagerPoint, two: &TaskManagerPoint) -> TaskManagerPoint {
    TaskManagerPoint {
        cpu_cores: stat(one.cpu_cores, two.cpu_cores),
        cpu_cores_max: stat(one.cpu_cores_max, two.cpu_cores_max),
        cpus_seen: two.cpus_seen.or(one.cpus_seen),
        heap_used: stat(one.heap_used, two.heap_used),
        heap_max: two.heap_max.or(one.heap_max),
        managed_used: stat(one.managed_used, two.managed_used),
        network_used: stat(one.network_used, two.network_used),
        metaspace_used: stat(one.metaspace_used, two.metaspace_used),
        non_heap_used: stat(one.non_heap_used, two.non_heap_used),
        direct_used: stat(one.direct_used, two.direct_used),
        gc_share: stat(one.gc_share, two.gc_share),
        slots_used: stat(one.slots_used, two.slots_used),
        pools: two.pools.or(one.pools),
    }
}

fn checkpoints(one: &CheckpointPoint, two: &CheckpointPoint) -> CheckpointPoint {
    CheckpointPoint {
        completed: one.completed.saturating_add(two.completed),
        failed: one.failed.saturating_add(two.failed),
        duration_ms: stat(one.duration_ms, two.duration_ms),
        state_bytes: stat(one.state_bytes, two.state_bytes),
        checkpointed_bytes: stat(one.checkpointed_bytes, two.checkpointed_bytes),
        interval_ms: two.interval_ms.or(one.interval_ms),
        timeout_ms: two.timeout_ms.or(one.timeout_ms),
    }
}
