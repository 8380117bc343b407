//! A view of a simulated job as the snapshot that a collector would have made of it.

use super::model::job::{Job, Phase};
use super::model::spec::{Backend, Telemetry};
use super::model::view::{SubtaskView, TaskManagerView, VertexView, View};
use crate::snapshot::{
    Checkpoints, Failure, Gap, Input, JobState, OutOfMemory, Slots, Snapshot, Spread, TaskManager,
    Vertex,
};
use std::collections::BTreeMap;

/// Looks at a job and writes down what a collector would.
pub fn snapshot(job: &mut Job, at_ms: i64) -> Snapshot {
    if at_ms < job.spec.start_ms {
        let mut none = Snapshot::new(job.spec.key.clone(), at_ms, JobState::Unreachable);
        none.gaps
            .push(Gap::new("everything", "the job was not deployed yet"));
        return none;
    }
    let view = View::of(job, at_ms);
    let state = state_of(&view);
    let running = state == JobState::Running;
    let mut snapshot = Snapshot::new(job.spec.key.clone(), at_ms, state);
    if !view.answers() {
        snapshot.state = JobState::Starting;
        snapshot.gaps.push(Gap::new(
            "everything",
            "the JobManager is being replaced and does not answer",
        ));
        return snapshot;
    }
    snapshot.flink_version = Some(job.spec.flink_version.clone());
    snapshot.job_id = Some(view.job_id.clone());
    snapshot.running_since_ms = view.running_since();
    snapshot.restarts = Some(view.restarts);
    snapshot.vertices = view
        .vertices
        .iter()
        .map(|vertex| vertex_of(job, vertex, view.measured()))
        .map(|vertex| Vertex { running, ..vertex })
        .collect();
    snapshot.task_managers = view
        .task_managers
        .iter()
        .map(|tm| task_manager_of(job, &view, tm))
        .collect();
    snapshot.slots = Some(Slots {
        total: view.slots(),
        available: view.free_slots(),
    });
    snapshot.checkpoints = Some(checkpoints_of(job, &view));
    snapshot.failures = failures_of(&view);
    snapshot.configuration = configuration(job);
    if job.spec.telemetry == Telemetry::Blind && running {
        blind(&mut snapshot);
    }
    legacy_gaps(job, &mut snapshot);
    snapshot
}

fn state_of(view: &View) -> JobState {
    match view.phase {
        Phase::Running { .. } => JobState::Running,
        Phase::Down { .. } => JobState::Starting,
        Phase::Refused { .. } => JobState::Failed,
    }
}

/// Min, mean and max of a number over subtasks.
pub fn spread(subtasks: &[SubtaskView], of: impl Fn(&SubtaskView) -> f64) -> Spread {
    let mut spread = Spread {
        min: f64::INFINITY,
        mean: 0.0,
        max: f64::NEG_INFINITY,
    };
    for subtask in subtasks {
        let value = of(subtask);
        spread.min = spread.min.min(value);
        spread.max = spread.max.max(value);
        spread.mean += value / subtasks.len() as f64;
    }
    spread
}

fn sum(subtasks: &[SubtaskView], of: impl Fn(&SubtaskView) -> f64) -> f64 {
    subtasks.iter().map(of).sum()
}

fn vertex_of(job: &Job, view: &VertexView, measured: bool) -> Vertex {
    let spec = &job.spec.vertices[view.index];
    let legacy = spec.source.as_ref().is_some_and(|s| s.topic.is_none());
    let subtasks = &view.subtasks;
    let partitions = spec
        .source
        .as_ref()
        .and_then(|source| source.topic.as_ref())
        .map(|(_, partitions)| *partitions);
    let mut vertex = Vertex {
        max_parallelism: Some(spec.max_parallelism),
        slot_sharing_group: Some(slot_sharing_group(job)),
        inputs: spec
            .inputs
            .iter()
            .map(|edge| Input {
                vertex: job.spec.vertex_id(edge.from),
                ship_strategy: edge.strategy.to_string(),
            })
            .collect(),
        running: measured,
        ..Vertex::new(view.id.as_str(), view.name.as_str(), subtasks.len() as u32)
    };
    if !measured {
        return vertex;
    }
    if !legacy {
        vertex.busy_ms_per_second = Some(spread(subtasks, |s| s.busy * 1000.0));
        vertex.busy_median_ms_per_second = Some(median(subtasks, |s| s.busy * 1000.0));
        vertex.accumulated_busy_ms = Some(sum(subtasks, |s| s.busy_ms));
    }
    vertex.backpressured_ms_per_second = Some(spread(subtasks, |s| s.backpressured * 1000.0));
    vertex.idle_ms_per_second = Some(spread(subtasks, |s| s.idle * 1000.0));
    vertex.accumulated_backpressured_ms = Some(sum(subtasks, |s| s.backpressured_ms));
    vertex.accumulated_idle_ms = Some(sum(subtasks, |s| s.idle_ms));
    vertex.records_in = Some(sum(subtasks, |s| s.records_in) as u64);
    vertex.records_out = Some(sum(subtasks, |s| s.records_out) as u64);
    vertex.records_in_per_second = Some(sum(subtasks, |s| s.rate_in));
    vertex.records_out_per_second = Some(sum(subtasks, |s| s.rate_out));
    vertex.records_in_spread = Some(spread(subtasks, |s| s.rate_in));
    vertex.pending_records = view.pending;
    vertex.source_partitions = partitions;
    vertex
}

/// The id of the one slot sharing group that all vertices are in.
pub fn slot_sharing_group(job: &Job) -> String {
    format!("{:032x}", u128::from(job.spec.seed))
}

fn median(subtasks: &[SubtaskView], of: impl Fn(&SubtaskView) -> f64) -> f64 {
    let mut values: Vec<f64> = subtasks.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => 0.0,
        n if n % 2 == 1 => values[middle],
        _ => (values[middle - 1] + values[middle]) / 2.0,
    }
}

fn task_manager_of(job: &Job, view: &View, tm: &TaskManagerView) -> TaskManager {
    let seen = job.spec.telemetry == Telemetry::Full;
    let bytes = |value: f64| seen.then_some(value.max(0.0) as u64);
    TaskManager {
        id: tm.id.clone(),
        slots: tm.slots,
        free_slots: tm.free_slots,
        cpus_seen: Some(f64::from(view.cpus_seen)),
        cpu_time_ns: bytes(tm.cpu_seconds * 1e9),
        cpu_load: seen.then_some((tm.cores_now / f64::from(view.cpus_seen)).clamp(0.0, 1.0)),
        heap_used: bytes(tm.heap_used),
        heap_max: bytes((view.pools.framework_heap + view.pools.task_heap) as f64),
        managed_used: bytes(tm.managed_used),
        managed_total: bytes(view.pools.managed as f64),
        network_used: bytes(tm.network_used),
        network_total: bytes(view.pools.network as f64),
        metaspace_used: bytes(tm.metaspace_used),
        non_heap_used: bytes(tm.non_heap_used),
        direct_used: bytes(tm.direct_used),
        container_used: None,
        container_limit: None,
        gc_time_ms: bytes(tm.gc_ms),
        gc_ms_per_second: seen.then_some(tm.gc_ms_per_second),
        pools: Some(view.pools),
    }
}

fn checkpoints_of(job: &Job, view: &View) -> Checkpoints {
    let settings = &job.spec.checkpoints;
    let now = &view.checkpoints;
    let latest = now.latest.as_ref();
    Checkpoints {
        completed: now.completed,
        failed: now.failed,
        in_progress: u64::from(now.under_way.is_some()),
        latest_duration_ms: latest.map(|c| (c.ended_at_ms - c.triggered_at_ms) as u64),
        latest_state_bytes: latest.map(|c| c.state_bytes as u64),
        latest_checkpointed_bytes: latest.map(|c| c.written_bytes as u64),
        latest_completed_at_ms: latest.map(|c| c.ended_at_ms),
        latest_savepoint_at_ms: view.savepoint.map(|(at, _)| at),
        latest_savepoint_bytes: view.savepoint.map(|(_, bytes)| bytes as u64),
        interval_ms: Some(settings.interval_ms as u64),
        timeout_ms: Some(settings.timeout_ms as u64),
        unaligned: Some(settings.unaligned),
        state_backend: Some(backend_name(job).to_string()),
        recent: now
            .recent
            .iter()
            .map(|c| {
                (
                    c.ended_at_ms,
                    (c.ended_at_ms - c.triggered_at_ms).max(0) as u64,
                    c.completed,
                )
            })
            .collect(),
    }
}

/// The state backend as Flink names it.
pub fn backend_name(job: &Job) -> &'static str {
    match job.spec.state.backend {
        Backend::Heap => "HashMapStateBackend",
        Backend::RocksDb => "EmbeddedRocksDBStateBackend",
    }
}

fn failures_of(view: &View) -> Vec<Failure> {
    view.incidents
        .iter()
        .map(|incident| Failure {
            at_ms: incident.at_ms,
            class: incident.class.clone(),
            out_of_memory: incident.out_of_memory,
            memory: incident.out_of_memory.then_some(OutOfMemory::Heap),
        })
        .collect()
}

/// Options in force at the JobManager that sizing depends on.
pub fn configuration(job: &Job) -> BTreeMap<String, String> {
    let size = job.size();
    let mut options = size.options.clone();
    let mut set = |key: &str, value: String| {
        options.insert(key.to_string(), value);
    };
    set(
        "taskmanager.numberOfTaskSlots",
        size.slots_per_task_manager.to_string(),
    );
    set(
        "taskmanager.memory.process.size",
        format!("{}b", size.memory_bytes),
    );
    set("parallelism.default", size.parallelism.to_string());
    set(
        "kubernetes.taskmanager.cpu.amount",
        format!("{:?}", size.cpu_millis as f64 / 1000.0),
    );
    set(
        "execution.checkpointing.interval",
        format!("{} ms", job.spec.checkpoints.interval_ms),
    );
    if !size.vertex_parallelism.is_empty() {
        let overrides: Vec<String> = size
            .vertex_parallelism
            .iter()
            .map(|(id, p)| format!("{id}:{p}"))
            .collect();
        set(
            "pipeline.jobvertex-parallelism-overrides",
            overrides.join(","),
        );
    }
    options
}

fn blind(snapshot: &mut Snapshot) {
    for vertex in &mut snapshot.vertices {
        vertex.busy_ms_per_second = None;
        vertex.backpressured_ms_per_second = None;
        vertex.idle_ms_per_second = None;
        vertex.busy_median_ms_per_second = None;
        vertex.accumulated_busy_ms = None;
        vertex.accumulated_backpressured_ms = None;
        vertex.accumulated_idle_ms = None;
        vertex.records_in = None;
        vertex.records_out = None;
        vertex.records_in_per_second = None;
        vertex.records_out_per_second = None;
        vertex.records_in_spread = None;
        vertex.pending_records = None;
        vertex.source_partitions = None;
        snapshot.gaps.push(Gap::new(
            format!("busy, backpressured and idle time of {}", vertex.name),
            "the vertex lists no such metric",
        ));
    }
    snapshot.gaps.push(Gap::new(
        "CPU, heap and GC of the TaskManagers",
        "the TaskManagers list no Status.JVM metric",
    ));
}

fn legacy_gaps(job: &Job, snapshot: &mut Snapshot) {
    if snapshot.state != JobState::Running {
        return;
    }
    for (spec, vertex) in job.spec.vertices.iter().zip(snapshot.vertices.clone()) {
        if spec.source.as_ref().is_some_and(|s| s.topic.is_none()) {
            snapshot.gaps.push(Gap::new(
                format!("busy time of {}", vertex.name),
                "Flink gives NaN for a legacy source",
            ));
        }
    }
}
