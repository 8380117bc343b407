//! Checkpoints of a simulated job: when they start, how long they take, whether they get done.

use super::noise;
use super::spec::{Backend, CheckpointSpec, JobSpec};
use std::collections::VecDeque;

/// What decides how long a checkpoint takes just now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Conditions {
    /// State of the whole job, bytes.
    pub state_bytes: f64,
    /// TaskManagers.
    pub task_managers: f64,
    /// State of the fullest of them against the mean.
    pub fullest: f64,
    /// Vertices that are backpressured, each counted with its share: what a barrier must wait behind.
    pub backpressured: f64,
    /// Network memory of a TaskManager, bytes: what an unaligned checkpoint may have to write besides.
    pub network_bytes: f64,
}

/// An ended checkpoint.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ended {
    /// Flink's number of it.
    pub id: u64,
    /// When it was triggered, Unix milliseconds.
    pub triggered_at_ms: i64,
    /// When it ended.
    pub ended_at_ms: i64,
    /// Whether it was completed.
    pub completed: bool,
    /// Full state size, bytes.
    pub state_bytes: f64,
    /// Bytes written.
    pub written_bytes: f64,
}

/// Checkpoints since the submission.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Checkpoints {
    /// Completed.
    pub completed: u64,
    /// Failed.
    pub failed: u64,
    /// The ended ones, newest first, at most ten.
    pub recent: VecDeque<Ended>,
    /// The latest completed one, also when it is no longer among the recent ones.
    pub latest: Option<Ended>,
    /// The one under way, with the end that it will have.
    pub under_way: Option<Ended>,
    /// When the next one is triggered, Unix milliseconds.
    pub next_at_ms: i64,
}

impl Checkpoints {
    /// Counters of a new submission.
    pub fn submitted(at_ms: i64, interval_ms: i64) -> Checkpoints {
        Checkpoints {
            next_at_ms: at_ms + interval_ms,
            ..Checkpoints::default()
        }
    }

    /// Goes on to `to_ms`.
    pub fn advance(&mut self, spec: &JobSpec, to_ms: i64, now: &Conditions) {
        loop {
            if let Some(ending) = self.under_way {
                if ending.ended_at_ms > to_ms {
                    return;
                }
                self.under_way = None;
                self.end(ending);
                self.next_at_ms = ending
                    .ended_at_ms
                    .max(ending.triggered_at_ms + spec.checkpoints.interval_ms);
            }
            if self.next_at_ms > to_ms {
                return;
            }
            self.under_way = Some(self.start(spec, self.next_at_ms, now));
        }
    }

    /// The job restarts: what was under way has failed, the next one comes an interval after it runs again.
    pub fn interrupt(&mut self, at_ms: i64) {
        if let Some(mut ending) = self.under_way.take() {
            ending.ended_at_ms = at_ms;
            ending.completed = false;
            self.end(ending);
        }
    }

    /// The job runs again.
    pub fn resume(&mut self, at_ms: i64, interval_ms: i64) {
        self.next_at_ms = at_ms + interval_ms;
    }

    fn end(&mut self, ended: Ended) {
        if ended.completed {
            self.completed += 1;
            self.latest = Some(ended);
        } else {
            self.failed += 1;
        }
        self.recent.push_front(ended);
        self.recent.truncate(10);
    }

    fn start(&self, spec: &JobSpec, at_ms: i64, now: &Conditions) -> Ended {
        let settings = &spec.checkpoints;
        let changed = match spec.state.backend {
            Backend::Heap => 1.0,
            Backend::RocksDb => spec.state.changed_share,
        };
        let written = now.state_bytes * changed;
        let took = duration_ms(settings, now, written)
            * (1.0 + 0.12 * noise::normal(spec.seed, 31, at_ms as u64)).max(0.5);
        let completed = took < settings.timeout_ms as f64;
        let took = (took as i64).clamp(1, settings.timeout_ms);
        Ended {
            id: self.completed + self.failed + 1,
            triggered_at_ms: at_ms,
            ended_at_ms: at_ms + took,
            completed,
            state_bytes: now.state_bytes,
            written_bytes: written,
        }
    }
}

/// How long a checkpoint takes without noise: what is always there, what the barrier waits behind, what the fullest TaskManager writes.
fn duration_ms(settings: &CheckpointSpec, now: &Conditions, written: f64) -> f64 {
    let per_task_manager = written / now.task_managers.max(1.0) * now.fullest;
    let (waiting_ms, in_flight) = if settings.unaligned {
        (0.0, now.network_bytes * 0.5 * now.backpressured.min(1.0))
    } else {
        (4_000.0 * now.backpressured, 0.0)
    };
    settings.base_ms
        + waiting_ms
        + (per_task_manager + in_flight) / settings.bytes_per_second * 1000.0
}
