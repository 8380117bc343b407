//! Whether the job's new size fits into the cluster and its quota.

use std::collections::BTreeMap;

use super::evaluate::{EvaluatedGlobal, EvaluatedVertex};
use super::input::VertexId;
use super::options::Options;
use super::topology::Topology;

/// What a cluster's capacity check is asked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CapacityRequest {
    /// TaskManagers now.
    pub current_task_managers: i32,
    /// TaskManagers after the change.
    pub new_task_managers: i32,
    /// Cores of one.
    pub cpu_per_task_manager: f64,
    /// Bytes of one.
    pub memory_bytes_per_task_manager: u64,
}

/// One TaskManager's size, as far as known.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct TaskManagerSize {
    /// Cores; 0 is unknown.
    pub cpu: f64,
    /// Bytes; 0 is unknown.
    pub memory_bytes: u64,
}

/// Parallelism of every vertex after `changes`.
pub fn parallelisms_after(
    vertices: &BTreeMap<VertexId, EvaluatedVertex>,
    changes: &BTreeMap<VertexId, u32>,
) -> BTreeMap<VertexId, u32> {
    let each = vertices.iter().map(|(id, metrics)| {
        let current = metrics.parallelism as u32;
        (*id, changes.get(id).copied().unwrap_or(current))
    });
    each.collect()
}

/// Slots taken now, cut to a whole number; 0 when unknown.
pub fn slots_used(global: &EvaluatedGlobal) -> i32 {
    global.slots_used.current as i32
}

/// Slots needed after a change. Slots are taken to be shared only if exactly as many are used now as
/// the largest vertex has subtasks; else each subtask is given its own, which usually is too many.
pub fn slots_after(
    vertices: &BTreeMap<VertexId, EvaluatedVertex>,
    after: &BTreeMap<VertexId, u32>,
    slots_used: i32,
) -> i32 {
    let largest = vertices
        .values()
        .map(|metrics| metrics.parallelism as i32)
        .max()
        .unwrap_or(0);
    let parallelisms = after.values().map(|parallelism| i64::from(*parallelism));
    let slots = if largest == slots_used {
        parallelisms.max().unwrap_or(0)
    } else {
        parallelisms.sum()
    };
    i32::try_from(slots).unwrap_or(i32::MAX)
}

/// TaskManagers that hold so many slots.
pub fn task_managers(slots: i32, slots_per_task_manager: i32) -> i32 {
    (f64::from(slots) / f64::from(slots_per_task_manager)).ceil() as i32
}

/// What to ask the cluster; `None` when a TaskManager's size is unknown.
pub fn capacity_request(
    vertices: &BTreeMap<VertexId, EvaluatedVertex>,
    after: &BTreeMap<VertexId, u32>,
    global: &EvaluatedGlobal,
    size: TaskManagerSize,
    slots_per_task_manager: i32,
) -> Option<CapacityRequest> {
    let known = size.cpu > 0.0 && size.memory_bytes > 0;
    let used = slots_used(global);
    known.then(|| CapacityRequest {
        current_task_managers: task_managers(used, slots_per_task_manager),
        new_task_managers: task_managers(
            slots_after(vertices, after, used),
            slots_per_task_manager,
        ),
        cpu_per_task_manager: size.cpu,
        memory_bytes_per_task_manager: size.memory_bytes,
    })
}

/// Whether the change goes beyond the quota. Only growth is refused, only where slot sharing groups are
/// known, and only vertices that change count, in whole TaskManagers rounded down: what upstream does.
pub fn exceeds_quota(
    topology: &Topology,
    current: &BTreeMap<VertexId, EvaluatedVertex>,
    changes: &BTreeMap<VertexId, u32>,
    size: TaskManagerSize,
    options: &Options,
) -> bool {
    let groups = topology.slot_sharing_groups();
    if groups.is_empty() || (options.quota_cpu.is_none() && options.quota_memory_bytes.is_none()) {
        return false;
    }
    let slots = |parallelism: &dyn Fn(&VertexId) -> Option<u32>| -> u64 {
        let largest = groups
            .values()
            .map(|ids| ids.iter().filter_map(parallelism).max());
        largest.map(|largest| u64::from(largest.unwrap_or(0))).sum()
    };
    let per_task_manager = u64::try_from(options.slots_per_task_manager)
        .unwrap_or(0)
        .max(1);
    let before = |id: &VertexId| {
        let metrics = changes.get(id).and(current.get(id))?;
        Some(metrics.parallelism as u32)
    };
    let before = slots(&before) / per_task_manager;
    let after = slots(&|id| changes.get(id).copied()) / per_task_manager;
    if after <= before {
        return false;
    }
    let too_much_cpu = options
        .quota_cpu
        .is_some_and(|quota| size.cpu * after as f64 > quota);
    let memory = size.memory_bytes.saturating_mul(after);
    too_much_cpu
        || options
            .quota_memory_bytes
            .is_some_and(|quota| memory > quota)
}
