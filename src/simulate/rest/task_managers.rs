//! TaskManagers: shape, memory, what is in use.

use super::Question;
use crate::simulate::model::spec::Telemetry;
use serde_json::{Value, json};

const MIB: u64 = 1 << 20;

pub(super) fn all(q: &Question) -> Value {
    let all: Vec<Value> = (0..q.view.task_managers.len())
        .map(|t| shape(q, t))
        .collect();
    json!({"taskmanagers": all})
}

fn shape(q: &Question, t: usize) -> Value {
    let tm = &q.view.task_managers[t];
    let pools = &q.view.pools;
    let slots = u64::from(tm.slots.max(1));
    // In whole MiB, as Flink gives them: what a slot has, times the slots meant.
    let resource = |count: u64| {
        json!({
            "cpuCores": count as f64,
            "taskHeapMemory": pools.task_heap / slots * count / MIB,
            "taskOffHeapMemory": 0,
            "managedMemory": pools.managed / slots * count / MIB,
            "networkMemory": pools.network / slots * count / MIB,
            "extendedResources": {},
        })
    };
    json!({
        "id": tm.id,
        "path": format!("pekko.tcp://flink@{}:6122/user/rpc/taskmanager_0", tm.id),
        "dataPort": 6121,
        "jmxPort": -1,
        "timeSinceLastHeartbeat": q.view.at_ms - 2_000,
        "slotsNumber": tm.slots,
        "freeSlots": tm.free_slots,
        "totalResource": resource(slots),
        "freeResource": resource(u64::from(tm.free_slots)),
        "hardware": {
            "cpuCores": q.view.cpus_seen,
            "physicalMemory": pools.total_process,
            "freeMemory": pools.framework_heap + pools.task_heap,
            "managedMemory": pools.managed,
        },
        "memoryConfiguration": {
            "frameworkHeap": pools.framework_heap,
            "taskHeap": pools.task_heap,
            "frameworkOffHeap": pools.framework_off_heap,
            "taskOffHeap": pools.task_off_heap,
            "networkMemory": pools.network,
            "managedMemory": pools.managed,
            "jvmMetaspace": pools.metaspace,
            "jvmOverhead": pools.overhead,
            "totalFlinkMemory": pools.total_flink,
            "totalProcessMemory": pools.total_process,
        },
    })
}

pub(super) fn one(q: &Question, t: usize) -> Value {
    let tm = &q.view.task_managers[t];
    let mut document = shape(q, t);
    let used = tm.slots - tm.free_slots;
    document["allocatedSlots"] = (0..used)
        .map(|_| json!({"jobId": q.view.job_id, "resource": {"cpuCores": 1.0}}))
        .collect();
    if q.job.spec.telemetry == Telemetry::Full {
        let heap = q.view.pools.framework_heap + q.view.pools.task_heap;
        let segments = q.view.pools.network / 32_768;
        let taken = (tm.network_used / 32_768.0) as u64;
        document["metrics"] = json!({
            "heapUsed": tm.heap_used as u64,
            "heapCommitted": heap,
            "heapMax": heap,
            "nonHeapUsed": tm.non_heap_used as u64,
            "nonHeapCommitted": tm.non_heap_used as u64 + 2 * MIB,
            "nonHeapMax": 738_197_504u64,
            "directCount": segments + 12,
            "directUsed": tm.direct_used as u64,
            "directMax": tm.direct_used as u64,
            "mappedCount": 0,
            "mappedUsed": 0,
            "mappedMax": 0,
            "nettyShuffleMemorySegmentsAvailable": segments.saturating_sub(taken),
            "nettyShuffleMemorySegmentsUsed": taken,
            "nettyShuffleMemorySegmentsTotal": segments,
            "nettyShuffleMemoryAvailable": q.view.pools.network.saturating_sub(tm.network_used as u64),
            "nettyShuffleMemoryUsed": tm.network_used as u64,
            "nettyShuffleMemoryTotal": q.view.pools.network,
            "garbageCollectors": [
                {"name": "All", "count": tm.gc_count as u64, "time": tm.gc_ms as u64},
                {"name": "G1_Young_Generation", "count": tm.gc_count as u64, "time": tm.gc_ms as u64},
                {"name": "G1_Old_Generation", "count": 0, "time": 0},
            ],
        });
    }
    document
}
