//! What can be seen of a simulated job at a time: one view, from which both snapshots and REST answers are made, so that they agree.

use super::checkpoint::Checkpoints;
use super::job::{Incident, Job, Phase, State, has_topic};
use super::noise;
use super::spec::Backend;
use crate::snapshot::MemoryPools;

const MIB: f64 = 1_048_576.0;

/// A subtask.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SubtaskView {
    /// Busy share just now, 0..=1.
    pub busy: f64,
    /// Backpressured share.
    pub backpressured: f64,
    /// Idle share: the rest.
    pub idle: f64,
    /// Records/s in (for a source: what it emits).
    pub rate_in: f64,
    /// Records/s out.
    pub rate_out: f64,
    /// Records in since the execution began.
    pub records_in: f64,
    /// Records out since then.
    pub records_out: f64,
    /// Busy milliseconds since then.
    pub busy_ms: f64,
    /// Backpressured milliseconds since then.
    pub backpressured_ms: f64,
    /// Idle milliseconds since then.
    pub idle_ms: f64,
    /// Index of its TaskManager.
    pub task_manager: usize,
}

/// A vertex.
#[derive(Debug, Clone, PartialEq)]
pub struct VertexView {
    /// Place in the job's specification.
    pub index: usize,
    /// Flink's id.
    pub id: String,
    /// Its name as Flink shows it now: a number in brackets changes with each submission.
    pub name: String,
    /// Its subtasks; their numbers mean nothing while the job does not run.
    pub subtasks: Vec<SubtaskView>,
    /// Records that wait outside, once a record has been read and if the source can tell.
    pub pending: Option<f64>,
}

/// A TaskManager.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskManagerView {
    /// Its id.
    pub id: String,
    /// Slots.
    pub slots: u32,
    /// Slots without a task.
    pub free_slots: u32,
    /// CPU seconds of its process.
    pub cpu_seconds: f64,
    /// Cores in use just now.
    pub cores_now: f64,
    /// Heap in use, bytes.
    pub heap_used: f64,
    /// Managed memory in use, bytes.
    pub managed_used: f64,
    /// Network buffers in use, bytes.
    pub network_used: f64,
    /// Metaspace in use, bytes.
    pub metaspace_used: f64,
    /// Non-heap in use, bytes.
    pub non_heap_used: f64,
    /// Direct buffers in use, bytes.
    pub direct_used: f64,
    /// Milliseconds in collections since its process began.
    pub gc_ms: f64,
    /// The same just now, milliseconds a second.
    pub gc_ms_per_second: f64,
    /// Collections since its process began.
    pub gc_count: f64,
}

/// A job at a time.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// When, Unix milliseconds.
    pub at_ms: i64,
    /// What it is doing.
    pub phase: Phase,
    /// Flink's id of it.
    pub job_id: String,
    /// When it was submitted.
    pub submitted_ms: i64,
    /// Restarts since then.
    pub restarts: u64,
    /// Vertices in topological order.
    pub vertices: Vec<VertexView>,
    /// TaskManagers; none while the JobManager is being replaced.
    pub task_managers: Vec<TaskManagerView>,
    /// CPUs that each TaskManager's JVM sees.
    pub cpus_seen: u32,
    /// Memory pools of each.
    pub pools: MemoryPools,
    /// Checkpoints.
    pub checkpoints: Checkpoints,
    /// Failures, newest first.
    pub incidents: Vec<Incident>,
    /// The last savepoint: when, bytes.
    pub savepoint: Option<(i64, f64)>,
}

impl View {
    /// Looks at a job.
    pub fn of(job: &mut Job, at_ms: i64) -> View {
        let seen_at = at_ms.max(job.spec.start_ms);
        job.at(seen_at);
        let state = job.state();
        let name = &job.spec.key.name;
        let high = noise::mix(job.spec.seed, 903, u64::from(state.deployment));
        let low = noise::mix(job.spec.seed, 904, u64::from(state.deployment));
        let replaced = matches!(state.phase, Phase::Down { redeploy: true, .. })
            || matches!(state.phase, Phase::Refused { .. });
        View {
            at_ms,
            phase: state.phase.clone(),
            job_id: format!("{high:016x}{low:016x}"),
            submitted_ms: state.submitted_ms,
            restarts: state.restarts,
            vertices: (0..job.spec.vertices.len())
                .map(|v| vertex(job, state, v, seen_at))
                .collect(),
            task_managers: if replaced {
                Vec::new()
            } else {
                (0..state.rig.task_managers())
                    .map(|t| task_manager(job, state, t, seen_at, name))
                    .collect()
            },
            cpus_seen: state.rig.cores.ceil().max(1.0) as u32,
            pools: state.rig.pools,
            checkpoints: state.checkpoints.clone(),
            incidents: state.incidents.clone(),
            savepoint: state.savepoint,
        }
    }

    /// Since when its tasks run, if they do.
    pub fn running_since(&self) -> Option<i64> {
        match self.phase {
            Phase::Running { since_ms } => Some(since_ms),
            _ => None,
        }
    }

    /// Whether its tasks list all their metrics: in their first seconds they list few.
    pub fn measured(&self) -> bool {
        self.running_since()
            .is_some_and(|since_ms| self.at_ms - since_ms >= 10_000)
    }

    /// Whether its JobManager answers.
    pub fn answers(&self) -> bool {
        match self.phase {
            Phase::Down {
                since_ms,
                redeploy: true,
                ..
            } => self.at_ms - since_ms >= 25_000,
            Phase::Refused { since_ms, .. } => self.at_ms - since_ms >= 25_000,
            _ => true,
        }
    }

    /// All slots.
    pub fn slots(&self) -> u32 {
        self.task_managers.iter().map(|tm| tm.slots).sum()
    }

    /// Slots without a task.
    pub fn free_slots(&self) -> u32 {
        self.task_managers.iter().map(|tm| tm.free_slots).sum()
    }
}

/// Seconds that passed since the state's last step while tasks ran.
fn since_step(state: &State, at_ms: i64) -> f64 {
    match state.phase {
        Phase::Running { .. } => (at_ms - state.at_ms).max(0) as f64 / 1000.0,
        _ => 0.0,
    }
}

fn vertex(job: &Job, state: &State, v: usize, at_ms: i64) -> VertexView {
    let spec = &job.spec.vertices[v];
    let shares = &state.rig.shares[v];
    let count = shares.len() as f64;
    let extra = since_step(state, at_ms);
    let up_ms = match state.phase {
        Phase::Running { since_ms } => (at_ms - since_ms) as f64,
        _ => 0.0,
    };
    let records = state.records_in[v] + state.flow.rate_in[v] * extra;
    let busy_ms = state.busy_ms[v] + state.flow.busy[v] * count * extra * 1000.0;
    let held_ms = state.backpressured_ms[v] + state.flow.backpressured[v] * count * extra * 1000.0;
    let passes_on = match (&spec.source, state_has_output(job, v)) {
        (_, false) => 0.0,
        (Some(_), true) => 1.0,
        (None, true) => spec.selectivity,
    };
    let slots = state.rig.size.slots_per_task_manager.max(1) as usize;
    let free = (1.0 - state.flow.busy[v]).max(1e-9);
    let subtasks = shares
        .iter()
        .enumerate()
        .map(|(i, share)| {
            let stream = 600 + v as u64 * 64;
            let jitter = 1.0 + 0.02 * noise::normal(job.spec.seed, stream + i as u64, at_ms as u64);
            let busy = (state.flow.busy[v] * share * jitter).clamp(0.0, 1.0);
            let held = (state.flow.backpressured[v] / free * (1.0 - busy)).clamp(0.0, 1.0 - busy);
            let own_busy = (busy_ms * share / count).min(up_ms);
            let own_held = (held_ms / count).min(up_ms - own_busy);
            SubtaskView {
                busy,
                backpressured: held,
                idle: 1.0 - busy - held,
                rate_in: state.flow.rate_in[v] * share / count,
                rate_out: state.flow.rate_in[v] * share / count * passes_on,
                records_in: (records * share / count).floor(),
                records_out: (records * share / count * passes_on).floor(),
                busy_ms: own_busy,
                backpressured_ms: own_held,
                idle_ms: (up_ms - own_busy - own_held).max(0.0),
                task_manager: (i / slots).min(state.rig.task_managers() - 1),
            }
        })
        .collect();
    VertexView {
        index: v,
        id: job.spec.vertex_id(v),
        name: shown_name(&spec.name, state.deployment),
        subtasks,
        pending: pending(job, state, v, records, extra, at_ms),
    }
}

/// `Source: src[3]` becomes `Source: src[5]` with the next submission, as the planner of a SQL job numbers its nodes.
fn shown_name(name: &str, deployment: u32) -> String {
    let numbered = name.split_once('[').and_then(|(before, rest)| {
        let (number, after) = rest.split_once(']')?;
        let number: u32 = number.parse().ok()?;
        Some(format!(
            "{before}[{}]{after}",
            number + 2 * (deployment - 1)
        ))
    });
    numbered.unwrap_or_else(|| name.to_string())
}

fn state_has_output(job: &Job, v: usize) -> bool {
    job.graph.below[v] != 0
}

fn pending(
    job: &Job,
    state: &State,
    v: usize,
    records: f64,
    extra: f64,
    at_ms: i64,
) -> Option<f64> {
    let s = job.graph.sources.iter().position(|&source| source == v)?;
    if !has_topic(&job.spec, &job.graph, s) || records < 1.0 {
        return None;
    }
    let in_flight = state.arriving[s] * noise::between(job.spec.seed, 71, at_ms as u64, 0.02, 0.4);
    let grown = (state.arriving[s] - state.flow.emitted[s]) * extra;
    Some((state.backlog[s] + grown.max(0.0) + in_flight).floor())
}

fn task_manager(job: &Job, state: &State, t: usize, at_ms: i64, name: &str) -> TaskManagerView {
    let rig = &state.rig;
    let seed = job.spec.seed;
    let place = t as u64 + 1;
    let extra = since_step(state, at_ms);
    let age = (at_ms - state.processes_since_ms).max(0) as f64 / 1000.0;
    let parts = &rig.parts[t];
    let cores: f64 = parts
        .iter()
        .zip(&state.flow.cores)
        .map(|(part, cores)| part * cores)
        .sum();
    let worked: f64 = parts
        .iter()
        .zip(&state.cpu_seconds)
        .map(|(part, seconds)| part * seconds)
        .sum();
    let gc_ms = state.gc_ms + state.gc_share * extra * 1000.0;
    let slots = rig.size.slots_per_task_manager.max(1);
    let used = rig.slots_used[t];
    let heap = rig.heap_bytes();
    let live = state.live_bytes * if used > 0 { 1.0 } else { 0.7 };
    let phase = noise::uniform(seed, 500 + place, at_ms as u64);
    let garbage = ((heap - live).max(0.0) * 0.55).min(garbage_span(job, state));
    let metaspace = job.spec.memory.metaspace_bytes * (1.0 - 0.1 * (-age / 3600.0).exp());
    let network = rig.pools.network as f64;
    let filled = state.flow.backpressured.iter().copied().fold(0.0, f64::max);
    TaskManagerView {
        id: format!("{name}-taskmanager-{}-{place}", state.generation),
        slots,
        free_slots: slots - used.min(slots),
        // A process that does nothing still costs a hundredth of a core; starting costs some seconds.
        cpu_seconds: 9.0 + age * 0.01 + worked + cores * extra + gc_ms / 1000.0 * 0.8,
        cores_now: (0.01 + cores + state.gc_share * 0.8)
            * (1.0 + 0.03 * noise::normal(seed, 520 + place, at_ms as u64)),
        heap_used: (live + garbage * phase).min(heap),
        managed_used: match job.spec.state.backend {
            // RocksDB's share is reserved as a whole as soon as a slot runs, whatever the cache holds.
            Backend::RocksDb => rig.pools.managed as f64 * f64::from(used) / f64::from(slots),
            Backend::Heap => 0.0,
        },
        network_used: (network * 0.02 + network * 0.35 * filled).min(network),
        metaspace_used: metaspace,
        non_heap_used: metaspace + 34.0 * MIB + age.min(86_400.0) * 120.0,
        direct_used: network + 9.0 * MIB + 1.5 * MIB * f64::from(slots),
        gc_ms,
        gc_ms_per_second: state.gc_share * 1000.0,
        gc_count: 6.0 + gc_ms / 11.0,
    }
}

/// How much garbage lies between two collections: what a quarter of a minute leaves, at least 40 MiB.
fn garbage_span(job: &Job, state: &State) -> f64 {
    let emitted: f64 = state.flow.emitted.iter().sum();
    let per_second =
        emitted * job.spec.memory.garbage_per_record / state.rig.task_managers() as f64;
    40.0 * MIB + per_second * 15.0
}
