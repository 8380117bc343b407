//! The true nature of the demo's jobs: what each costs, how it is loaded, what is wrong with it. Here stands what they share.

use super::{CLUSTER, bound, overprovisioned, quiet, troubled};
use crate::simulate::model::load::Load;
use crate::simulate::model::noise;
use crate::simulate::model::spec::{
    Backend, CheckpointSpec, Edge, FailureSpec, JobSpec, MemorySpec, Source, StateSpec, Telemetry,
    VertexSpec,
};
use crate::snapshot::{JobKey, JobKind};

pub(super) const MIB: f64 = 1_048_576.0;
pub(super) const GIB: f64 = 1024.0 * MIB;

/// All jobs of the demo; the young one starts five hours before `now_ms`.
pub(super) fn all(seed: u64, start_ms: i64, now_ms: i64) -> Vec<JobSpec> {
    let mut jobs = overprovisioned::all(start_ms);
    jobs.extend(bound::all(start_ms));
    jobs.extend(troubled::all(start_ms));
    jobs.extend(quiet::all(start_ms, now_ms));
    for (index, job) in jobs.iter_mut().enumerate() {
        job.seed = noise::mix(seed, 1, index as u64);
    }
    jobs
}

/// A job with modest state on the heap, checkpoints that take a second, and no troubles.
pub(super) fn job(
    namespace: &str,
    name: &str,
    start_ms: i64,
    vertices: Vec<VertexSpec>,
) -> JobSpec {
    JobSpec {
        key: JobKey {
            cluster: CLUSTER.to_string(),
            kind: JobKind::Deployment,
            namespace: namespace.to_string(),
            name: name.to_string(),
        },
        seed: 0,
        flink_version: "1.20.5".to_string(),
        vertices,
        state: StateSpec {
            backend: Backend::Heap,
            bytes: 40.0 * MIB,
            growth_per_day: 0.0,
            hot_share: 0.2,
            miss_wait_us: 0.0,
            miss_cpu_us: 0.0,
            changed_share: 1.0,
        },
        memory: MemorySpec {
            live_bytes: 85.0 * MIB,
            live_bytes_per_slot: 18.0 * MIB,
            heap_per_state_byte: 2.0,
            garbage_per_record: 3_000.0,
            metaspace_bytes: 118.0 * MIB,
        },
        checkpoints: CheckpointSpec {
            interval_ms: 60_000,
            timeout_ms: 600_000,
            unaligned: false,
            bytes_per_second: 90.0 * MIB,
            base_ms: 450.0,
        },
        failures: FailureSpec {
            per_day: 0.0,
            class: String::new(),
        },
        telemetry: Telemetry::Full,
        slot_interference: 0.02,
        start_ms,
        lag_limit_seconds: 120.0,
        stands_for: None,
    }
}

pub(super) fn kafka(
    name: &str,
    topic: &str,
    partitions: u32,
    cost: (f64, f64),
    load: Load,
) -> VertexSpec {
    VertexSpec {
        source: Some(Source {
            load,
            topic: Some((topic.to_string(), partitions)),
        }),
        ..VertexSpec::new(name, cost.0, cost.1)
    }
}

pub(super) fn below(from: usize, strategy: &'static str, vertex: VertexSpec) -> VertexSpec {
    VertexSpec {
        inputs: vec![Edge { from, strategy }],
        ..vertex
    }
}

pub(super) fn sink(from: usize, name: &str, cpu_us: f64, wait_us: f64) -> VertexSpec {
    VertexSpec {
        selectivity: 0.0,
        ..below(from, "FORWARD", VertexSpec::new(name, cpu_us, wait_us))
    }
}

pub(super) fn day(base_per_second: f64, daily_swing: f64) -> Load {
    Load {
        daily_swing,
        ..Load::steady(base_per_second)
    }
}

/// A quiet order of things: source, one keyed step, sink.
pub(super) fn line(
    source: VertexSpec,
    keyed: &str,
    cost: (f64, f64),
    out: &str,
    out_cost: (f64, f64),
) -> Vec<VertexSpec> {
    let step = VertexSpec {
        stateful: true,
        ..below(0, "HASH", VertexSpec::new(keyed, cost.0, cost.1))
    };
    vec![source, step, sink(1, out, out_cost.0, out_cost.1)]
}
