//! Small histories for tests: a steady job that each test bends where it looks.

use crate::snapshot::{
    History, Input, JobKey, JobKind, JobState, Point, Shape, Snapshot, Stat, Vertex, VertexPoint,
};
use std::collections::BTreeMap;

/// Five minutes.
pub(crate) const STEP_MS: i64 = 300_000;
const MIB: f64 = 1024.0 * 1024.0;

/// A single value.
pub(crate) fn one(value: f64) -> Option<Stat> {
    Some(Stat {
        n: 1,
        mean: value,
        min: value,
        p50: value,
        p95: value,
        max: value,
    })
}

/// A vertex of the graph with inputs.
pub(crate) fn vertex(id: &str, parallelism: u32, inputs: &[&str]) -> Vertex {
    Vertex {
        max_parallelism: Some(128),
        inputs: inputs
            .iter()
            .map(|id| Input {
                vertex: (*id).into(),
                ship_strategy: "HASH".into(),
            })
            .collect(),
        running: true,
        ..Vertex::new(id, id, parallelism)
    }
}

/// Busy and backpressured share of all subtasks, and its rate.
pub(crate) fn seen(busy: f64, backpressured: f64, rate: f64) -> VertexPoint {
    VertexPoint {
        busy: one(busy),
        busy_max: one(busy),
        busy_median: one(busy),
        backpressured: one(backpressured),
        backpressured_max: one(backpressured),
        idle: one((1.0 - busy - backpressured).max(0.0)),
        in_per_second: one(rate),
        out_per_second: one(rate),
        in_skew: one(1.0),
        pending: None,
        partitions: None,
        latency_ms: None,
    }
}

/// A job `source → work → sink` of parallelism 4 on two TaskManagers of 2 slots, 2 cores and 4 GiB, half used.
pub(crate) fn history(points: usize) -> History {
    let job = JobKey {
        cluster: "test".into(),
        kind: JobKind::Deployment,
        namespace: "shop".into(),
        name: "orders".into(),
    };
    let vertices = vec![
        vertex("source", 4, &[]),
        vertex("work", 4, &["source"]),
        vertex("sink", 4, &["work"]),
    ];
    let mut latest = Snapshot::new(job.clone(), points as i64 * STEP_MS, JobState::Running);
    latest.vertices = vertices;
    History {
        job,
        points: (0..points).map(|at| point(at as i64 * STEP_MS)).collect(),
        latest: Some(latest.clone()),
        latest_running: Some(latest),
    }
}

fn point(from_ms: i64) -> Point {
    let mut source = seen(0.2, 0.0, 1000.0);
    source.pending = one(100.0);
    let mut point = Point {
        from_ms,
        to_ms: from_ms + STEP_MS,
        pairs: 1,
        shape: Shape {
            task_managers: 2,
            slots_per_task_manager: 2,
            memory_bytes: 4096 * 1024 * 1024,
            cpu_millis: 2000,
            parallelism: ["source", "work", "sink"]
                .map(|id| (id.to_owned(), 4))
                .into(),
        },
        job_id: Some("a".into()),
        running_since_ms: Some(0),
        running: 1.0,
        restarts: 0,
        rescales: 0,
        memory_failures: BTreeMap::new(),
        external: BTreeMap::new(),
        out_of_memory: 0,
        vertices: BTreeMap::from([
            ("source".to_owned(), source),
            ("work".to_owned(), seen(0.5, 0.0, 1000.0)),
            ("sink".to_owned(), seen(0.1, 0.0, 1000.0)),
        ]),
        task_managers: Default::default(),
        checkpoints: Default::default(),
    };
    let used = &mut point.task_managers;
    used.cpu_cores = one(2.0);
    used.cpu_cores_max = one(1.0);
    used.cpus_seen = Some(2.0);
    used.heap_max = Some(1000.0 * MIB);
    used.heap_used = one(550.0 * MIB);
    used.managed_used = one(0.0);
    used.network_used = one(20.0 * MIB);
    used.metaspace_used = one(100.0 * MIB);
    used.non_heap_used = one(150.0 * MIB);
    used.direct_used = one(40.0 * MIB);
    used.gc_share = one(0.005);
    used.slots_used = one(4.0);
    point.checkpoints.completed = 5;
    point.checkpoints.duration_ms = one(500.0);
    point.checkpoints.state_bytes = one(50.0 * MIB);
    point.checkpoints.interval_ms = Some(60_000);
    point.checkpoints.timeout_ms = Some(600_000);
    point
}

/// The vertex of a point; tests know that it is there.
pub(crate) fn at<'a>(point: &'a mut Point, id: &str) -> &'a mut VertexPoint {
    point.vertices.get_mut(id).unwrap()
}
