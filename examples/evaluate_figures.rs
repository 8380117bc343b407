//! Prints how fast evaluators answer: `true_rate` for one job of 10, 20 and 100 vertices with 60 samples, on one core and on two,
//! and a fleet: `cargo run --release --example evaluate_figures [jobs]`.
#![allow(clippy::print_stdout)]

use plimsoll::evaluate::inputs::{TrueRateInput, VertexReading, WindowSample, true_rate};
use serde_json::json;
use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

const SAMPLES: i64 = 60;
const STEP_MS: i64 = 15_000;

fn id(place: usize) -> String {
    format!("{:032x}", place + 1)
}

/// A chain of vertices with keyed edges; each job has a load of its own.
fn input(number: usize, vertices: usize) -> Result<TrueRateInput, serde_json::Error> {
    let graph: Vec<_> = (0..vertices)
        .map(|place| {
            let inputs = place
                .checked_sub(1)
                .map(|above| json!({ "vertex": id(above), "ship_strategy": "HASH" }));
            json!({
                "id": id(place), "parallelism": 16, "max_parallelism": 128,
                "inputs": inputs.into_iter().collect::<Vec<_>>(),
            })
        })
        .collect();
    let rate = 400.0 + (number % 97) as f64 * 5.0;
    let samples: Vec<WindowSample> = (0..=SAMPLES)
        .map(|look| {
            let seconds = (look * STEP_MS) as f64 / 1000.0;
            let reading = |place: usize| {
                let busy = 0.05 + (place % 7) as f64 * 0.13;
                VertexReading {
                    busy: Some(busy),
                    accumulated_busy_ms: Some(busy * 16_000.0 * seconds),
                    records_in: Some(rate * seconds),
                    records_out: Some(rate * seconds),
                    records_in_per_second: Some(rate + (look % 10) as f64),
                    backpressured: Some(0.0),
                    lag: (place == 0).then_some(100.0),
                }
            };
            WindowSample {
                at_ms: look * STEP_MS,
                vertices: (0..vertices)
                    .map(|place| (id(place), reading(place)))
                    .collect(),
                gc_share: Some(0.01),
                heap_used: Some(6e8),
                heap_max: Some(1.5e9),
                managed_used: Some(0.0),
                metaspace_used: Some(1e8),
                slots_used: Some(16.0),
            }
        })
        .collect();
    let configuration: BTreeMap<&str, &str> = BTreeMap::from([
        ("taskmanager.numberOfTaskSlots", "4"),
        ("taskmanager.memory.process.size", "4096m"),
    ]);
    serde_json::from_value(json!({
        "configuration": configuration,
        "vertices": graph,
        "samples": samples,
        "task_manager_cpu": 2.0,
        "task_manager_memory_bytes": 4_294_967_296_u64,
    }))
}

/// Answers per second on so many threads, for about two seconds.
fn per_second(input: &TrueRateInput, threads: usize) -> f64 {
    let started = Instant::now();
    let count: usize = std::thread::scope(|scope| {
        let work = || {
            let mut count = 0;
            while started.elapsed() < Duration::from_secs(2) {
                black_box(true_rate(black_box(input)).is_ok());
                count += 1;
            }
            count
        };
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        running
            .into_iter()
            .filter_map(|thread| thread.join().ok())
            .sum()
    });
    count as f64 / started.elapsed().as_secs_f64()
}

/// Peak memory of the process, MiB; where the system does not tell, absent.
fn peak_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? / 1024)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let jobs: usize = std::env::args()
        .nth(1)
        .map_or(Ok(10_000), |text| text.parse())?;
    println!("| vertices | samples | answers per second, one core | two cores |");
    println!("| ---: | ---: | ---: | ---: |");
    for vertices in [10, 20, 100] {
        let input = input(0, vertices)?;
        true_rate(&input)?;
        println!(
            "| {vertices} | {SAMPLES} | {:.0} | {:.0} |",
            per_second(&input, 1),
            per_second(&input, 2)
        );
    }
    let before = peak_mib();
    let started = Instant::now();
    let mut answered = 0;
    for number in 0..jobs {
        // As in a pass over a fleet: one job's window in memory at a time.
        let input = input(number, 20)?;
        answered += usize::from(true_rate(&input).is_ok());
    }
    println!(
        "\n{answered} of {jobs} jobs of 20 vertices answered in {:.1} s, making their windows included; peak memory {} MiB ({} MiB before)",
        started.elapsed().as_secs_f64(),
        peak_mib().map_or_else(|| "?".to_owned(), |mib| mib.to_string()),
        before.map_or_else(|| "?".to_owned(), |mib| mib.to_string())
    );
    Ok(())
}
