//! What a simulated job is at a time.

use super::checkpoint::Checkpoints;
use super::flow::{Costs, Flow};
use super::graph::Graph;
use super::rig::Rig;
use super::spec::JobSpec;
use crate::recommend::Size;

/// What a job is doing.
#[derive(Debug, Clone, PartialEq)]
pub enum Phase {
    /// Its tasks run.
    Running {
        /// Since when, Unix milliseconds.
        since_ms: i64,
    },
    /// It is restarting or being redeployed.
    Down {
        /// Since when.
        since_ms: i64,
        /// When its tasks run again.
        until_ms: i64,
        /// Whether its JobManager is replaced too.
        redeploy: bool,
    },
    /// It can't start at this size.
    Refused {
        /// Since when.
        since_ms: i64,
        /// Flink's words.
        reason: String,
    },
}

/// A failure that restarted the job.
#[derive(Debug, Clone, PartialEq)]
pub struct Incident {
    /// When, Unix milliseconds.
    pub at_ms: i64,
    /// The exception's class.
    pub class: String,
    /// Whether memory ran out.
    pub out_of_memory: bool,
}

/// What the simulation knows and no metric tells.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Truth {
    /// Core-hours paid for so far.
    pub core_hours: f64,
    /// GiB-hours of TaskManager memory paid for so far.
    pub gib_hours: f64,
    /// Milliseconds with the lag above its limit, or down for longer than that.
    pub late_ms: f64,
    /// Records that arrived.
    pub arrived: f64,
    /// Records that the sources emitted.
    pub emitted: f64,
    /// Failures that restarted the job.
    pub failures: u32,
    /// Redeployments.
    pub redeployments: u32,
}

/// The state that goes through time.
#[derive(Debug, Clone)]
pub struct State {
    /// Up to where it was played, Unix milliseconds.
    pub at_ms: i64,
    /// What it runs at.
    pub rig: Rig,
    /// What it is doing.
    pub phase: Phase,
    /// Deployments so far, from 1: the job's id comes from it.
    pub deployment: u32,
    /// Generations of TaskManagers so far: their ids come from it.
    pub generation: u32,
    /// When the job was submitted with its present id.
    pub submitted_ms: i64,
    /// Since when the TaskManagers' processes run.
    pub processes_since_ms: i64,
    /// Restarts since the submission.
    pub restarts: u64,
    /// Failures, newest first, at most ten.
    pub incidents: Vec<Incident>,
    /// The flow of the last step.
    pub flow: Flow,
    /// What a record cost in the last step.
    pub costs: Costs,
    /// Share of the time that collections took in the last step.
    pub gc_share: f64,
    /// Heap that stays after a collection, bytes, in the last step.
    pub live_bytes: f64,
    /// State, bytes, in the last step.
    pub state_bytes: f64,
    /// Records that wait outside, per source.
    pub backlog: Vec<f64>,
    /// Records/s that arrived in the last step, per source.
    pub arriving: Vec<f64>,
    /// Records into each vertex since its execution began.
    pub records_in: Vec<f64>,
    /// Busy milliseconds of each vertex's subtasks together, likewise.
    pub busy_ms: Vec<f64>,
    /// Backpressured milliseconds, likewise.
    pub backpressured_ms: Vec<f64>,
    /// CPU seconds at each vertex since the processes began.
    pub cpu_seconds: Vec<f64>,
    /// Milliseconds in collections of each process since it began.
    pub gc_ms: f64,
    /// Checkpoints.
    pub checkpoints: Checkpoints,
    /// Failures in a row, for the backoff.
    pub(super) streak: u32,
    /// The last savepoint, taken by a redeployment: when, and its bytes.
    pub savepoint: Option<(i64, f64)>,
    /// What no metric tells.
    pub truth: Truth,
    pub(super) next_change: usize,
}

impl State {
    /// The state at the start.
    pub(super) fn first(spec: &JobSpec, graph: &Graph, size: &Size) -> State {
        let n = spec.vertices.len();
        let rig = Rig::new(spec, size);
        let start = spec.start_ms;
        let incidents = rig
            .refusal
            .iter()
            .map(|reason| refused(reason, start))
            .collect();
        let phase = match &rig.refusal {
            Some(reason) => Phase::Refused {
                since_ms: start,
                reason: reason.clone(),
            },
            None => Phase::Running { since_ms: start },
        };
        State {
            at_ms: start,
            rig,
            phase,
            deployment: 1,
            generation: 1,
            submitted_ms: start - 8_000,
            processes_since_ms: start - 15_000,
            restarts: 0,
            incidents,
            flow: Flow::new(graph),
            costs: Costs {
                cpu_us: vec![0.0; n],
                wait_us: vec![0.0; n],
            },
            gc_share: 0.0,
            live_bytes: 0.0,
            state_bytes: spec.state.bytes,
            backlog: vec![0.0; graph.sources.len()],
            arriving: vec![0.0; graph.sources.len()],
            records_in: vec![0.0; n],
            busy_ms: vec![0.0; n],
            backpressured_ms: vec![0.0; n],
            cpu_seconds: vec![0.0; n],
            gc_ms: 0.0,
            checkpoints: Checkpoints::submitted(start, spec.checkpoints.interval_ms),
            streak: 0,
            savepoint: None,
            truth: Truth::default(),
            next_change: 0,
        }
    }
}

/// A start that Flink refuses, as the exception that it leaves: its class stands before the colon.
pub(super) fn refused(reason: &str, at_ms: i64) -> Incident {
    Incident {
        at_ms,
        class: reason.split(':').next().unwrap_or(reason).to_string(),
        out_of_memory: false,
    }
}
