//! Jobs drawn by seed, over-provisioned in several ways at once, with the truth about the best size they could have.
//!
//! Each job has scaling losses by the universal scalability law (σ up to 0.024 a vertex), a memory effect, slot interference up to 6 % a
//! doubling, and a size of 1.3 to 3 times what it needs in parallelism, CPU and memory.

use super::fleet::Fleet;
use super::model::job::Job;
use super::model::load::Load;
use super::model::noise::{between, mix, uniform};
use super::model::spec::{
    Backend, CheckpointSpec, Edge, FailureSpec, JobSpec, MemorySpec, Source, StateSpec, Telemetry,
    VertexSpec,
};
use super::model::truth::{self, Need};
use crate::recommend::Size;
use crate::snapshot::{JobKey, JobKind};
use std::collections::BTreeMap;

const MIB: f64 = 1_048_576.0;
const DAY_MS: i64 = 86_400_000;

/// The name of the cluster of random jobs.
pub const CLUSTER: &str = "simulated";

/// A random job with the best static size that it could have.
#[derive(Debug, Clone)]
pub struct Drawn {
    /// The job, over-provisioned as people do.
    pub job: Job,
    /// The cheapest static size that carries its highest load with 15 % to spare, by the truth.
    pub best: Size,
    /// What that size carries, as a multiple of the need.
    pub best_carries: f64,
}

/// `n` random jobs, deployed at `start_ms`; `days` is how long the best size has to hold. Same seed, same jobs.
pub fn jobs(seed: u64, n: usize, start_ms: i64, days: i64) -> Vec<Drawn> {
    (0..n as u64)
        .filter_map(|index| draw(mix(seed, 77, index), index, start_ms, days))
        .collect()
}

/// The same jobs as a fleet, with a manifest each.
pub fn fleet(drawn: &[Drawn], clock_ms: i64) -> Fleet {
    let manifests: BTreeMap<String, String> = drawn
        .iter()
        .map(|drawn| {
            let path = format!("apps/{}.yaml", drawn.job.spec.key.short());
            (path, manifest(&drawn.job))
        })
        .collect();
    let jobs = drawn.iter().map(|drawn| drawn.job.clone()).collect();
    Fleet::new(jobs, manifests, clock_ms)
}

fn draw(seed: u64, index: u64, start_ms: i64, days: i64) -> Option<Drawn> {
    let spec = spec(seed, index, start_ms);
    let options = Size {
        options: BTreeMap::new(),
        ..Size::default()
    };
    let probe = Job::new(spec.clone(), first_guess());
    let need = Need::over(&probe, start_ms, start_ms + days * DAY_MS, 0.15);
    let best = truth::best_size(&spec, &probe.graph, &options, &need)?;
    let best_carries = truth::carries(&spec, &probe.graph, &best, &need);
    let size = generous(seed, &best);
    Some(Drawn {
        job: Job::new(spec, size),
        best,
        best_carries,
    })
}

fn first_guess() -> Size {
    Size {
        parallelism: 4,
        task_managers: 2,
        slots_per_task_manager: 2,
        memory_bytes: 4 << 30,
        cpu_millis: 2000,
        ..Size::default()
    }
}

/// What people run: more of everything than the best size.
fn generous(seed: u64, best: &Size) -> Size {
    let slots = if uniform(seed, 1, 90) < 0.5 { 2 } else { 4 };
    let wanted = f64::from(best.parallelism) * between(seed, 1, 91, 1.3, 3.0);
    let parallelism = (wanted.ceil() as u32).clamp(slots, 64).div_ceil(slots) * slots;
    let task_managers = parallelism / slots;
    let total_cpu = best.cpu_millis as f64 * f64::from(best.task_managers);
    let cpu = total_cpu * between(seed, 1, 92, 1.3, 3.0) / f64::from(task_managers);
    let total_memory = best.memory_bytes as f64 * f64::from(best.task_managers);
    let fair = (total_memory / f64::from(task_managers)).max(best.memory_bytes as f64);
    let memory = fair * between(seed, 1, 93, 1.3, 3.0);
    Size {
        parallelism,
        vertex_parallelism: BTreeMap::new(),
        task_managers,
        slots_per_task_manager: slots,
        memory_bytes: ((memory / (256.0 * MIB)).ceil() as u64).max(6) << 28,
        cpu_millis: ((cpu / 250.0).ceil() as u64).max(2) * 250,
        options: BTreeMap::new(),
    }
}

fn spec(seed: u64, index: u64, start_ms: i64) -> JobSpec {
    let rate = 10f64.powf(between(seed, 2, 0, 3.2, 4.4));
    let rocks = uniform(seed, 2, 1) < 0.4;
    JobSpec {
        key: JobKey {
            cluster: CLUSTER.to_string(),
            kind: JobKind::Deployment,
            namespace: format!("team-{}", index % 5),
            name: format!("job-{index:03}"),
        },
        seed,
        flink_version: if uniform(seed, 2, 2) < 0.5 {
            "1.20.5"
        } else {
            "2.2.1"
        }
        .to_string(),
        vertices: vertices(seed, rate),
        state: state(seed, rocks),
        memory: MemorySpec {
            live_bytes: between(seed, 2, 3, 70.0, 140.0) * MIB,
            live_bytes_per_slot: between(seed, 2, 4, 10.0, 35.0) * MIB,
            heap_per_state_byte: between(seed, 2, 5, 1.6, 2.6),
            garbage_per_record: between(seed, 2, 6, 1_000.0, 8_000.0),
            metaspace_bytes: between(seed, 2, 7, 90.0, 150.0) * MIB,
        },
        checkpoints: CheckpointSpec {
            interval_ms: 120_000,
            timeout_ms: 600_000,
            unaligned: false,
            bytes_per_second: between(seed, 2, 8, 60.0, 160.0) * MIB,
            base_ms: between(seed, 2, 9, 200.0, 900.0),
        },
        failures: FailureSpec {
            per_day: 0.03,
            class: "java.net.SocketException".to_string(),
        },
        telemetry: Telemetry::Full,
        slot_interference: between(seed, 2, 10, 0.0, 0.06),
        start_ms,
        lag_limit_seconds: 120.0,
        stands_for: None,
    }
}

fn vertices(seed: u64, rate: f64) -> Vec<VertexSpec> {
    let load = Load {
        base_per_second: rate,
        daily_swing: between(seed, 3, 0, 0.1, 0.5),
        peak_hour: between(seed, 3, 1, 8.0, 22.0),
        weekend: between(seed, 3, 2, 0.6, 1.0),
        growth_per_day: between(seed, 3, 3, 0.0, 0.002),
        noise: between(seed, 3, 4, 0.01, 0.05),
        spikes_per_week: between(seed, 3, 5, 0.0, 1.5),
        spike_factor: between(seed, 3, 6, 1.05, 1.3),
        spike_minutes: between(seed, 3, 7, 10.0, 40.0),
    };
    let partitions = if uniform(seed, 3, 8) < 0.5 { 64 } else { 48 };
    let source = VertexSpec {
        source: Some(Source {
            load,
            topic: Some(("events".to_string(), partitions)),
        }),
        ..VertexSpec::new(
            if uniform(seed, 3, 9) < 0.4 {
                "Source: events[3]"
            } else {
                "Source: events"
            },
            between(seed, 3, 10, 8.0, 25.0),
            0.0,
        )
    };
    let mut all = vec![source];
    let steps = 1 + (uniform(seed, 3, 11) * 3.0) as u64;
    for step in 0..steps {
        let keyed = step > 0 || uniform(seed, 3, 12) < 0.6;
        let heavy = if step + 1 == steps { 3.0 } else { 1.0 };
        all.push(VertexSpec {
            inputs: vec![Edge {
                from: all.len() - 1,
                strategy: if keyed { "HASH" } else { "REBALANCE" },
            }],
            selectivity: between(seed, 4, step, 0.5, 1.2),
            contention: between(seed, 5, step, 0.005, 0.08) * 0.3,
            crosstalk: between(seed, 6, step, 0.0, 0.0002),
            stateful: keyed,
            hot_share: if uniform(seed, 7, step) < 0.2 {
                between(seed, 8, step, 0.01, 0.05)
            } else {
                0.0
            },
            ..VertexSpec::new(
                &format!("Step{}", step + 1),
                between(seed, 9, step, 30.0, 110.0) * heavy,
                between(seed, 10, step, 0.0, 40.0),
            )
        });
    }
    all.push(VertexSpec {
        inputs: vec![Edge {
            from: all.len() - 1,
            strategy: "FORWARD",
        }],
        selectivity: 0.0,
        ..VertexSpec::new(
            "results: Writer",
            between(seed, 3, 13, 15.0, 40.0),
            between(seed, 3, 14, 5.0, 60.0),
        )
    });
    all
}

fn state(seed: u64, rocks: bool) -> StateSpec {
    let bytes = if rocks {
        10f64.powf(between(seed, 11, 0, 3.0, 4.3)) * MIB
    } else {
        10f64.powf(between(seed, 11, 0, 1.0, 2.9)) * MIB
    };
    StateSpec {
        backend: if rocks {
            Backend::RocksDb
        } else {
            Backend::Heap
        },
        bytes,
        growth_per_day: bytes * between(seed, 11, 1, 0.0, 0.003),
        hot_share: between(seed, 11, 2, 0.05, 0.3),
        miss_wait_us: between(seed, 11, 3, 50.0, 250.0),
        miss_cpu_us: between(seed, 11, 4, 10.0, 60.0),
        changed_share: if rocks { 0.08 } else { 1.0 },
    }
}

/// A plain manifest for a job at its size.
fn manifest(job: &Job) -> String {
    let spec = &job.spec;
    let size = job.size();
    let version = if spec.flink_version.starts_with('2') {
        "v2_2"
    } else {
        "v1_20"
    };
    let backend = match spec.state.backend {
        Backend::Heap => "hashmap",
        Backend::RocksDb => "rocksdb",
    };
    format!(
        "apiVersion: flink.apache.org/v1beta1
kind: FlinkDeployment
metadata:
  name: {name}
  namespace: {namespace}
spec:
  image: registry.example/{name}:1
  flinkVersion: {version}
  serviceAccount: flink
  flinkConfiguration:
    taskmanager.numberOfTaskSlots: \"{slots}\"
    state.backend.type: {backend}
    execution.checkpointing.interval: {interval}s
  jobManager:
    resource: {{memory: 1600m, cpu: 0.5}}
  taskManager:
    resource:
      memory: {memory}m
      cpu: {cpu}
  job:
    jarURI: local:///opt/flink/usrlib/{name}.jar
    parallelism: {parallelism}
    upgradeMode: savepoint
",
        name = spec.key.name,
        namespace = spec.key.namespace,
        slots = size.slots_per_task_manager,
        interval = spec.checkpoints.interval_ms / 1000,
        memory = size.memory_bytes >> 20,
        cpu = size.cpu_millis as f64 / 1000.0,
        parallelism = size.parallelism,
    )
}
