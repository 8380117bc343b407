//! All that sizing knows of a job, read off its history once.

use super::checkpoint_fit::{CheckpointsSeen, checkpoints_seen};
use super::killed::killed_points;
use super::memory_need::{MemorySeen, memory_seen};
use super::{Present, Settings, Size};
use crate::classify::{JobProfile, Resource, VerdictId};
use crate::evaluate::{Demand, VertexCapacity};
use crate::model::{Burden, Holds, JobModel, Known, Pools, Shares};
use crate::snapshot::{History, Snapshot};
use std::collections::BTreeSet;

/// A job, ready to be sized.
pub(super) struct Job<'a> {
    pub(super) present: &'a Present,
    pub(super) settings: &'a Settings,
    pub(super) latest: &'a Snapshot,
    pub(super) demand: &'a Demand,
    pub(super) capacities: &'a [VertexCapacity],
    pub(super) model: JobModel,
    pub(super) memory: Option<MemorySeen>,
    pub(super) checkpoints: Option<CheckpointsSeen>,
    /// Memory of a slot, bytes, at which tasks died for want of memory: no size may have as little again.
    pub(super) killed_at: u64,
    /// What may not get less, whatever a model says.
    pub(super) barred: BTreeSet<Resource>,
    /// Vertices whose parallelism the job's code sets.
    pub(super) pinned: BTreeSet<String>,
    /// The size in force against what arrived.
    pub(super) holds_now: Holds,
    /// Changes of size within the last week.
    pub(super) changes: usize,
    /// Lag that users accept, seconds.
    pub(super) lag_limit_seconds: f64,
}

impl<'a> Job<'a> {
    /// `None` where no vertex was measured.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn new(
        history: &History,
        latest: &'a Snapshot,
        profile: &JobProfile,
        present: &'a Present,
        demand: &'a Demand,
        capacities: &'a [VertexCapacity],
        settings: &'a Settings,
        lag_limit_seconds: f64,
    ) -> Option<Job<'a>> {
        let memory = memory_seen(history, present, settings);
        let outside = profile
            .verdicts
            .iter()
            .filter(|verdict| verdict.id == VerdictId::SinkBound)
            .filter_map(|verdict| Some(verdict.vertex.as_ref()?.id.clone()))
            .collect();
        let pinned: BTreeSet<String> = capacities
            .iter()
            .filter(|vertex| is_pinned(history, &vertex.id))
            .map(|vertex| vertex.id.clone())
            .collect();
        let known = Known {
            pinned: pinned.clone(),
            size: &present.size,
            capacities,
            managed_state: memory.as_ref().is_some_and(|memory| memory.managed_state),
            state_growth: memory.as_ref().map_or(1.0, |memory| memory.growth),
            managed: memory
                .as_ref()
                .map_or(0.0, |memory| memory.pools.managed as f64),
            outside,
        };
        let model = JobModel::learn(history, &known)?;
        let mut job = Job {
            present,
            settings,
            latest,
            demand,
            capacities,
            memory,
            checkpoints: checkpoints_seen(history, settings),
            killed_at: killed_at(history),
            barred: Resource::ALL
                .into_iter()
                .filter(|resource| profile.bar(*resource).is_some())
                .collect(),
            pinned,
            holds_now: Holds {
                ok: 0.0,
                capacity: crate::model::Interval {
                    low: 0.0,
                    median: 0.0,
                    high: 0.0,
                },
                limits: Vec::new(),
            },
            changes: 0,
            lag_limit_seconds,
            model,
        };
        job.holds_now = job.holds(&present.size, job.pools_now(), job.arriving());
        job.changes = job.changes_within(7 * 24 * 3_600_000);
        Some(job)
    }

    /// Changes of size within so long.
    pub(super) fn changes_within(&self, ms: i64) -> usize {
        let past = self.model.past();
        let end = past.last().map_or(0, |run| run.to_ms);
        past.iter()
            .skip(1)
            .filter(|run| end - run.from_ms < ms)
            .count()
    }

    /// What may be used of CPU and heap.
    pub(super) fn shares(&self) -> Shares {
        Shares {
            cpu: self.settings.cpu_share.clamp(0.1, 1.0),
            heap: self.settings.heap_share.clamp(0.1, 1.0),
        }
    }

    /// The load to be sized for, with what is not known of it.
    pub(super) fn burden(&self) -> Burden {
        Burden {
            per_second: self.demand.required_per_second,
            sd_ln: self.demand.uncertainty_ln,
        }
    }

    /// What arrived, or will within the time that a change takes.
    pub(super) fn arriving(&self) -> Burden {
        let demand = self.demand;
        let backlog = demand.mean_per_second + demand.backlog_per_second * STILL_DRAINING;
        Burden {
            per_second: demand.held_per_second.max(demand.ahead_per_second).max(
                if demand.backlog_per_second > 0.0 {
                    backlog
                } else {
                    0.0
                },
            ),
            sd_ln: 0.0,
        }
    }

    fn pools_now(&self) -> Pools {
        Pools {
            heap: self
                .memory
                .as_ref()
                .map(|memory| memory.pools.heap() as f64),
            managed: self
                .memory
                .as_ref()
                .map(|memory| memory.pools.managed as f64),
        }
    }

    /// Judges a size.
    pub(super) fn holds(&self, size: &Size, pools: Pools, burden: Burden) -> Holds {
        self.model.holds(size, pools, burden, self.shares())
    }
}

/// A backlog that is being worked off in twice the time allowed is left alone: growing again would cost a restart.
const STILL_DRAINING: f64 = 0.5;

/// The most memory of a slot with which tasks died for want of memory, bytes; 0 when none did.
fn killed_at(history: &History) -> u64 {
    let shapes = killed_points(history).into_iter();
    let each = shapes
        .map(|(_, shape)| shape.memory_bytes / u64::from(shape.slots_per_task_manager.max(1)));
    each.max().unwrap_or(0)
}

/// Whether a vertex kept its parallelism while that of the job's other vertices changed, in the same graph: the job's code sets it. A narrower
/// vertex of one size alone is not known to be.
pub(super) fn is_pinned(history: &History, id: &str) -> bool {
    let sizes = history
        .points
        .iter()
        .filter(|point| point.running > 0.0)
        .map(|point| &point.shape.parallelism);
    let Some(last) = sizes.clone().next_back() else {
        return false;
    };
    let Some(own) = last.get(id) else {
        return false;
    };
    let mut widest: BTreeSet<u32> = BTreeSet::new();
    for size in sizes.filter(|size| size.keys().eq(last.keys())) {
        if size.get(id) != Some(own) {
            return false;
        }
        widest.extend(size.values().max());
    }
    // One that is as wide as the job may be what the others follow.
    widest.len() > 1 && widest.iter().all(|widest| widest > own)
}

/// Part of the job's slots that the fullest TaskManager holds at the size in force.
pub(super) fn present_part(present: &Present) -> f64 {
    part_of(
        present.size.parallelism,
        present.size.slots_per_task_manager,
        present.size.task_managers,
    )
}

/// Part of the job's slots that the fullest of so many TaskManagers holds: Flink fills one after the other.
pub(super) fn part_of(slots_needed: u32, slots_each: u32, task_managers: u32) -> f64 {
    let needed = f64::from(slots_needed.max(1));
    let even = 1.0 / f64::from(task_managers.max(1));
    (f64::from(slots_each.min(slots_needed)) / needed).clamp(even.min(1.0), 1.0)
}
