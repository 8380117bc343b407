//! Prints what one look at a job costs, by its number of vertices: requests and bytes of the answers.
//! The reader is the product's, the JobManager is simulated in Flink's REST shapes:
//! `cargo run --release --example observe_figures`.
#![allow(clippy::print_stdout)]

use plimsoll::clients::flink_rest::{Answer, Counted, Rest, RestError, Settings, read_job};
use plimsoll::recommend::Size;
use plimsoll::simulate::model::job::Job;
use plimsoll::simulate::model::load::Load;
use plimsoll::simulate::model::spec::{
    Backend, CheckpointSpec, Edge, FailureSpec, JobSpec, MemorySpec, Source, StateSpec, Telemetry,
    VertexSpec,
};
use plimsoll::simulate::rest;
use plimsoll::snapshot::{JobKey, JobKind};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

const MIB: f64 = 1_048_576.0;
/// 2026-03-02 00:00 UTC.
const START_MS: i64 = 1_772_409_600_000;
const NOW_MS: i64 = START_MS + 6 * 3_600_000;

/// A simulated JobManager whose clock stands still.
struct JobManager(Mutex<Job>);

impl Rest for JobManager {
    async fn get(&self, path_and_query: &str) -> Result<Answer, RestError> {
        let mut job = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let reply = rest::answer(&mut job, path_and_query, NOW_MS);
        Ok(Answer {
            status: reply.status,
            body: reply.body.to_string().into_bytes(),
        })
    }

    fn endpoint(&self) -> String {
        "http://simulated:8081".to_string()
    }
}

/// A Kafka source, steps one after the other, a sink.
fn chain(vertices: usize) -> Vec<VertexSpec> {
    (0..vertices)
        .map(|index| {
            let name = match index {
                0 => "Source: orders".to_string(),
                last if last + 1 == vertices => "orders: Writer".to_string(),
                step => format!("step-{step} -> Map"),
            };
            let mut vertex = VertexSpec::new(&name, 20.0, 2.0);
            if index == 0 {
                vertex.source = Some(Source {
                    load: Load::steady(2_000.0),
                    topic: Some(("orders".to_string(), 16)),
                });
            } else {
                vertex.inputs = vec![Edge {
                    from: index - 1,
                    strategy: "HASH",
                }];
            }
            if index + 1 == vertices {
                vertex.selectivity = 0.0;
            }
            vertex
        })
        .collect()
}

fn spec(vertices: usize) -> JobSpec {
    JobSpec {
        key: JobKey {
            cluster: "figures".to_string(),
            kind: JobKind::Deployment,
            namespace: "figures".to_string(),
            name: format!("chain-{vertices}"),
        },
        seed: 1,
        flink_version: "1.20.5".to_string(),
        vertices: chain(vertices),
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
        slot_interference: 0.0,
        start_ms: START_MS,
        lag_limit_seconds: 120.0,
        stands_for: None,
    }
}

#[tokio::main]
async fn main() {
    let size = Size {
        parallelism: 4,
        task_managers: 2,
        slots_per_task_manager: 2,
        memory_bytes: 4 << 30,
        cpu_millis: 2_000,
        ..Size::default()
    };
    println!("Simulated: parallelism 4, 2 TaskManagers, one Kafka source of 16 partitions.\n");
    println!("| vertices | requests | bytes of answers | gaps | time in the reader |");
    println!("| ---: | ---: | ---: | ---: | ---: |");
    for vertices in [2, 5, 10, 20, 50] {
        let job = Job::new(spec(vertices), size.clone());
        let key = job.spec.key.clone();
        let rest = Counted::new(JobManager(Mutex::new(job)));
        let settings = Settings {
            // Waiting is no work of the reader.
            warm_up: None,
            ..Settings::default()
        };
        // The first look plays the simulated job up to now.
        read_job(&rest, &key, None, None, &settings).await;
        let (requests, bytes) = (rest.requests(), rest.bytes());
        let begun = Instant::now();
        let snapshot = read_job(&rest, &key, None, None, &settings).await;
        println!(
            "| {vertices} | {} | {} | {} | {:.1} ms |",
            rest.requests() - requests,
            rest.bytes() - bytes,
            snapshot.gaps.len(),
            begun.elapsed().as_secs_f64() * 1e3
        );
    }
}
