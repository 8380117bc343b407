//! The memory of a simulated TaskManager: pools, live heap, collections, what the cache of the state backend misses.
//!
//! The pools follow Flink's own derivation from the process size (1.20 and 2.2). It is done here once more, apart from
//! [`crate::flink`], so that the simulated world does not share a mistake with the planner that is tested against it.

use super::spec::{Backend, JobSpec};
use crate::quantity::Memory;
use crate::snapshot::MemoryPools;
use std::collections::BTreeMap;

const MIB: u64 = 1 << 20;
/// Bytes of a GiB.
pub const GIB: f64 = (1u64 << 30) as f64;

/// The pools of a TaskManager whose process has `process_bytes`, or why Flink refuses to start it.
pub fn pools(
    process_bytes: u64,
    options: &BTreeMap<String, String>,
) -> Result<MemoryPools, String> {
    let size = |key: &str, default: u64| -> u64 {
        options
            .get(key)
            .and_then(|text| text.parse::<Memory>().ok())
            .map_or(default, |memory| memory.bytes())
    };
    // Fractions are single-precision floats in Flink, which shows in the last bytes.
    let fraction = |key: &str, default: f32| -> f64 {
        options
            .get(key)
            .and_then(|text| text.parse::<f32>().ok())
            .map_or(f64::from(default), f64::from)
    };
    let share = |of: u64, fraction: f64, low: u64, high: u64| -> u64 {
        ((of as f64 * fraction) as u64).clamp(low, high.max(low))
    };
    let metaspace = size("taskmanager.memory.jvm-metaspace.size", 256 * MIB);
    let overhead = share(
        process_bytes,
        fraction("taskmanager.memory.jvm-overhead.fraction", 0.1),
        size("taskmanager.memory.jvm-overhead.min", 192 * MIB),
        size("taskmanager.memory.jvm-overhead.max", 1024 * MIB),
    );
    let total_flink = process_bytes
        .checked_sub(metaspace + overhead)
        .ok_or_else(|| {
            refusal(
                process_bytes,
                "metaspace and overhead",
                metaspace + overhead,
            )
        })?;
    let framework_heap = size("taskmanager.memory.framework.heap.size", 128 * MIB);
    let framework_off_heap = size("taskmanager.memory.framework.off-heap.size", 128 * MIB);
    let task_off_heap = size("taskmanager.memory.task.off-heap.size", 0);
    let network = share(
        total_flink,
        fraction("taskmanager.memory.network.fraction", 0.1),
        size("taskmanager.memory.network.min", 64 * MIB),
        size("taskmanager.memory.network.max", u64::MAX),
    );
    let managed_share =
        (total_flink as f64 * fraction("taskmanager.memory.managed.fraction", 0.4)) as u64;
    let managed = size("taskmanager.memory.managed.size", managed_share);
    let fixed = framework_heap + framework_off_heap + task_off_heap + network + managed;
    let task_heap = total_flink
        .checked_sub(fixed)
        .ok_or_else(|| refusal(total_flink, "the configured parts of Flink's memory", fixed))?;
    Ok(MemoryPools {
        framework_heap,
        task_heap,
        framework_off_heap,
        task_off_heap,
        network,
        managed,
        metaspace,
        overhead,
        total_flink,
        total_process: process_bytes,
    })
}

fn refusal(have: u64, what: &str, need: u64) -> String {
    format!(
        "org.apache.flink.configuration.IllegalConfigurationException: {what} need {} MiB of {} MiB",
        need.div_ceil(MIB),
        have / MIB
    )
}

/// Heap that stays after a collection in the fullest TaskManager, bytes.
pub fn live_bytes(
    spec: &JobSpec,
    state_bytes: f64,
    task_managers: f64,
    slots_used: f64,
    fullest: f64,
) -> f64 {
    let state = match spec.state.backend {
        Backend::Heap => {
            state_bytes * spec.memory.heap_per_state_byte / task_managers.max(1.0) * fullest
        }
        Backend::RocksDb => 0.0,
    };
    spec.memory.live_bytes + spec.memory.live_bytes_per_slot * slots_used + state
}

/// Share of the time that collections take. The usual cost model of a copying collector: young collections come as often as the
/// free heap fills, and each costs a little plus what it copies; near a full heap old collections come on top.
pub fn gc_share(live: f64, heap: f64, garbage_per_second: f64) -> f64 {
    let free = (heap - live).max(heap * 0.01).max(1.0);
    let young = garbage_per_second / (0.6 * free) * (0.006 + 0.015 * live / GIB);
    let occupied = live / heap.max(1.0);
    let old = if occupied > 0.75 {
        garbage_per_second / free * (live / GIB) * 0.9 * ((occupied - 0.75) / 0.25).min(1.0)
    } else {
        0.0
    };
    (0.0008 + young + old).min(0.85)
}

/// Share of state accesses that miss the cache: what the cache can't hold of the state that is touched often.
pub fn miss_share(spec: &JobSpec, state_bytes: f64, managed_total: f64) -> f64 {
    match spec.state.backend {
        Backend::Heap => 0.0,
        Backend::RocksDb => {
            let hot = (state_bytes * spec.state.hot_share).max(1.0);
            // A part of managed memory holds write buffers; a miss is never quite impossible.
            let cache = managed_total * 0.7;
            (1.0 - cache / hot).clamp(0.01, 1.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pools_of_flinks_documented_default() {
        // Flink's own example: 1728 MiB of process memory.
        let pools = pools(1728 * MIB, &BTreeMap::new()).unwrap();
        // Up to the last bytes, which single-precision fractions cost.
        let close = |bytes: u64, mib: u64| bytes.abs_diff(mib * MIB) < 64;
        assert!(close(pools.total_flink, 1280));
        assert!(close(pools.overhead, 192));
        assert!(close(pools.network, 128));
        assert!(close(pools.managed, 512));
        assert!(close(pools.task_heap, 384));
    }

    #[test]
    fn too_little_memory_is_refused() {
        assert!(pools(600 * MIB, &BTreeMap::new()).is_err());
    }

    #[test]
    fn a_full_heap_collects_more() {
        let heap = GIB;
        assert!(gc_share(0.2 * heap, heap, 5e7) < 0.01);
        assert!(gc_share(0.9 * heap, heap, 5e7) > 0.05);
    }
}
