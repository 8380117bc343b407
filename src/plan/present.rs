//! The size in force by the manifest.

use crate::flink::deployment::Deployment;
use crate::flink::in_force::InForceError;
use crate::flink::version::FlinkVersion;
use crate::recommend::{Present, Prices, Size};
use crate::snapshot::{History, Vertex};
use std::collections::BTreeMap;

/// The size that a manifest asks for, with the options it sets over those seen at the JobManager. Memory is 0 when only finer
/// pools are set and none was observed.
pub fn present(
    deployment: &Deployment,
    history: &History,
    prices: &Prices,
) -> Result<Present, InForceError> {
    let seen = history.latest_running.as_ref();
    let vertices = seen.map_or(&[][..], |snapshot| &snapshot.vertices[..]);
    let parallelism = deployment.parallelism()?.value.get();
    let slots_per_task_manager = deployment.slots()?.value.get().max(1);
    let overrides: BTreeMap<String, u32> = deployment
        .vertex_parallelism_overrides()?
        .iter()
        .flat_map(|overrides| overrides.value.iter())
        .map(|(vertex, parallelism)| (vertex.to_string(), parallelism.get()))
        .collect();
    let task_managers = match deployment.replicas() {
        Some(replicas) => replicas.value,
        None => slots_needed(vertices, parallelism).div_ceil(slots_per_task_manager),
    };
    let observed_memory = seen
        .and_then(|snapshot| {
            snapshot
                .task_managers
                .iter()
                .find_map(|manager| manager.pools)
        })
        .map_or(0, |pools| pools.total_process);
    let memory_bytes = deployment
        .task_manager_memory()?
        .map_or(observed_memory, |memory| memory.value.bytes());
    let mut configuration =
        seen.map_or_else(BTreeMap::new, |snapshot| snapshot.configuration.clone());
    configuration.extend(deployment.configuration.clone());
    let written = deployment
        .flink_version
        .as_deref()
        .and_then(|version| version.parse().ok());
    let running = seen
        .and_then(|snapshot| snapshot.flink_version.as_deref())
        .and_then(|version| version.parse().ok());
    Ok(Present {
        size: Size {
            parallelism,
            vertex_parallelism: overrides,
            task_managers: task_managers.max(1),
            slots_per_task_manager,
            memory_bytes,
            cpu_millis: deployment.task_manager_cpu()?.value.millicores(),
            options: BTreeMap::new(),
        },
        prices: prices.clone(),
        configuration,
        version: written.or(running).unwrap_or(FlinkVersion::V1_20),
    })
}

/// The history with the CPU that the manifest asks for, where its own points do not tell; none where they all do, or the manifest does not.
/// A standalone deployment says nothing of it in its configuration, and the cores that its JVMs see may be the host's.
pub fn with_paid_cpu(history: &History, deployment: &Deployment) -> Option<History> {
    let untold = history
        .points
        .iter()
        .any(|point| point.shape.cpu_millis == 0 && point.shape.task_managers > 0);
    let millis = deployment.task_manager_cpu().ok()?.value.millicores();
    if !untold || millis == 0 {
        return None;
    }
    let mut history = history.clone();
    for point in &mut history.points {
        if point.shape.cpu_millis == 0 {
            point.shape.cpu_millis = millis;
        }
    }
    Some(history)
}

/// Slots that the graph takes: of each slot sharing group the widest vertex. Without a graph, the job's parallelism.
fn slots_needed(vertices: &[Vertex], parallelism: u32) -> u32 {
    let mut widest: BTreeMap<Option<&str>, u32> = BTreeMap::new();
    for vertex in vertices {
        let entry = widest
            .entry(vertex.slot_sharing_group.as_deref())
            .or_insert(0);
        *entry = (*entry).max(vertex.parallelism);
    }
    match widest.values().sum() {
        0 => parallelism,
        slots => slots,
    }
}
