//! Prints how fast a fleet is planned: jobs of 20 vertices, 60 samples of a minute each, verdicts, sizes, rules, edits and diffs:
//! `cargo run --release --example plan_figures [jobs]`.
#![allow(clippy::print_stdout)]

use plimsoll::manifest::{Catalog, Tree};
use plimsoll::plan::{self, Facts, FleetFacts, Item, Rooms, arrange, plan_job};
use plimsoll::policy::{Mode, Standing, shipped};
use plimsoll::recommend::Prices;
use plimsoll::snapshot::{
    Checkpoints, History, Input, JobKey, JobKind, JobState, MemoryPools, Slots, Snapshot, Spread,
    TaskManager, Vertex,
};
use plimsoll::{classify, evaluate, recommend, watch};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

const VERTICES: usize = 20;
const SAMPLES: i64 = 60;
const MINUTE_MS: i64 = 60_000;
const MIB: u64 = 1 << 20;
/// 2026-03-02 12:00 UTC, a Monday.
const START_MS: i64 = 1_772_452_800_000;
const PARALLELISM: u32 = 16;

fn key(number: usize) -> JobKey {
    JobKey {
        cluster: "figures".to_string(),
        kind: JobKind::Deployment,
        namespace: format!("team-{}", number / 10),
        name: format!("job-{number}"),
    }
}

fn manifest(number: usize) -> String {
    let job = key(number);
    format!(
        "apiVersion: flink.apache.org/v1beta1\nkind: FlinkDeployment\nmetadata:\n  name: {}\n  namespace: {}\nspec:\n  \
         flinkVersion: v1_20\n  flinkConfiguration:\n    taskmanager.numberOfTaskSlots: \"4\"\n  jobManager:\n    \
         resource: {{cpu: 1, memory: 2048m}}\n  taskManager:\n    resource:\n      cpu: 2 # per pod\n      memory: \"4096m\"\n  job:\n    \
         jarURI: local:///opt/job.jar\n    parallelism: {PARALLELISM}\n    upgradeMode: savepoint\n",
        job.name, job.namespace
    )
}

/// The `minute`-th sample of a job that is paid for several times over; each job has a load of its own.
fn sample(number: usize, minute: i64) -> Snapshot {
    let mut snapshot = Snapshot::new(
        key(number),
        START_MS + minute * MINUTE_MS,
        JobState::Running,
    );
    let rate = 400.0 + (number % 97) as f64 * 5.0 + (minute % 10) as f64 * 6.0;
    let seconds = (3_600 + minute * 60) as f64;
    snapshot.job_id = Some(format!("{number:032x}"));
    snapshot.running_since_ms = Some(START_MS - 3_600_000);
    snapshot.flink_version = Some("1.20.5".to_string());
    snapshot.slots = Some(Slots {
        total: PARALLELISM,
        available: 0,
    });
    snapshot.restarts = Some(0);
    snapshot.vertices = (0..VERTICES)
        .map(|index| vertex(number, index, rate, seconds))
        .collect();
    snapshot.task_managers = (0..4)
        .map(|index| task_manager(number, index, minute, seconds))
        .collect();
    snapshot.checkpoints = Some(Checkpoints {
        completed: (60 + minute) as u64,
        failed: 0,
        in_progress: 0,
        latest_duration_ms: Some(900),
        latest_state_bytes: Some(30 * MIB),
        latest_checkpointed_bytes: Some(30 * MIB),
        latest_completed_at_ms: Some(snapshot.taken_at_ms - 20_000),
        latest_savepoint_at_ms: None,
        latest_savepoint_bytes: None,
        interval_ms: Some(60_000),
        timeout_ms: Some(600_000),
        unaligned: Some(false),
        state_backend: Some("hashmap".to_string()),
        recent: Vec::new(),
    });
    snapshot
}

fn vertex(number: usize, index: usize, rate: f64, seconds: f64) -> Vertex {
    let busy = 20.0 + (index % 7) as f64 * 8.0;
    let spread = |mean: f64| {
        Some(Spread {
            min: mean * 0.95,
            mean,
            max: mean * 1.05,
        })
    };
    let subtasks = f64::from(PARALLELISM);
    let id = |index: usize| format!("{:016x}{:016x}", number + 1, index + 1);
    let inputs = index.checked_sub(1).map(|above| Input {
        vertex: id(above),
        ship_strategy: "HASH".to_string(),
    });
    Vertex {
        id: id(index),
        name: match index {
            0 => "Source: orders".to_string(),
            step => format!("step-{step} -> Map"),
        },
        parallelism: PARALLELISM,
        max_parallelism: Some(128),
        slot_sharing_group: None,
        inputs: inputs.into_iter().collect(),
        running: true,
        finished_subtasks: 0,
        reads_input: None,
        busy_ms_per_second: spread(busy),
        backpressured_ms_per_second: spread(0.0),
        idle_ms_per_second: spread(1000.0 - busy),
        busy_median_ms_per_second: Some(busy),
        accumulated_busy_ms: Some(busy * subtasks * seconds),
        accumulated_backpressured_ms: Some(0.0),
        accumulated_idle_ms: Some((1000.0 - busy) * subtasks * seconds),
        records_in: Some((rate * seconds) as u64),
        records_out: Some((rate * seconds) as u64),
        records_in_per_second: Some(rate),
        records_out_per_second: Some(rate),
        records_in_spread: spread(rate / subtasks),
        pending_records: (index == 0).then_some(10.0),
        source_partitions: (index == 0).then_some(32),
        latency_ms: None,
    }
}

fn task_manager(number: usize, index: u64, minute: i64, seconds: f64) -> TaskManager {
    let heap = 1_600 * MIB;
    TaskManager {
        id: format!("job-{number}-taskmanager-1-{index}"),
        slots: 4,
        free_slots: 0,
        cpus_seen: Some(2.0),
        cpu_time_ns: Some((seconds * 0.2e9) as u64),
        cpu_load: Some(0.1),
        heap_used: Some((280 + ((minute as u64 * 17 + index * 5) % 90)) * MIB),
        heap_max: Some(heap),
        managed_used: Some(0),
        managed_total: Some(1_340 * MIB),
        network_used: Some(40 * MIB),
        network_total: Some(343 * MIB),
        metaspace_used: Some(110 * MIB),
        non_heap_used: Some(160 * MIB),
        direct_used: Some(350 * MIB),
        container_used: None,
        container_limit: None,
        gc_time_ms: Some((seconds * 2.0) as u64),
        gc_ms_per_second: Some(2.0),
        pools: Some(MemoryPools {
            framework_heap: 128 * MIB,
            task_heap: heap - 128 * MIB,
            framework_off_heap: 128 * MIB,
            task_off_heap: 0,
            network: 343 * MIB,
            managed: 1_340 * MIB,
            metaspace: 256 * MIB,
            overhead: 409 * MIB,
            total_flink: 3_431 * MIB,
            total_process: 4_096 * MIB,
        }),
    }
}

fn standing(now_ms: i64) -> Standing {
    Standing {
        mode: Mode::Propose,
        mode_reason: None,
        tier: None,
        labels: std::collections::BTreeMap::new(),
        annotations: std::collections::BTreeMap::new(),
        verdicts: Vec::new(),
        unreadable: None,
        hold_until_ms: None,
        autoscaler: false,
        last_merged_ms: None,
        observation_window_ms: 72 * 3_600_000,
        reverted: Vec::new(),
        last_checkpoint_ms: Some(now_ms - 20_000),
        checkpointing: true,
    }
}

/// The most memory that this process ever had, MiB; where `/proc` is missing, nothing.
fn peak_memory_mib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024.0)
}

fn memory_text() -> String {
    peak_memory_mib().map_or_else(|| "unknown".to_string(), |mib| format!("{mib:.0} MiB"))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let jobs: usize = std::env::args().nth(1).map_or(Ok(1000), |a| a.parse())?;
    let mut rooms = Rooms {
        classify: classify::Settings::default(),
        evaluate: evaluate::Settings::default(),
        recommend: recommend::Settings::default(),
        watch: watch::Settings::default(),
        prices: Prices::default(),
        rules: shipped()?,
    };
    // An hour of samples is all there is, and is enough here.
    rooms.classify.minimum_history_seconds = 1_800;
    rooms.evaluate.minimum_history_seconds = 1_800;
    let now_ms = START_MS + SAMPLES * MINUTE_MS;
    let tree: Tree = (0..jobs)
        .map(|number| {
            let path = format!("apps/team-{}/job-{number}.yaml", number / 10);
            (path, manifest(number).into_bytes())
        })
        .collect();
    let before = memory_text();
    let begun = Instant::now();
    let catalog = Catalog::read(&tree);
    let read = begun.elapsed();
    let mut planning = std::time::Duration::ZERO;
    let mut items: Vec<Item> = Vec::with_capacity(jobs);
    for number in 0..jobs {
        // As `plan` does it: one job's samples at a time.
        let snapshots: Vec<Snapshot> = (0..=SAMPLES).map(|minute| sample(number, minute)).collect();
        let begun = Instant::now();
        let history = History::from_snapshots(snapshots).ok_or("a history without snapshots")?;
        let job = key(number);
        let located = catalog.locate(&plan::object_key(&job), None);
        let facts = Facts {
            resource: None,
            history: &history,
            manifest: located.as_ref(),
            standing: standing(now_ms),
            watched: None,
            before: None,
        };
        items.push(plan_job(&job, &facts, &rooms, &catalog, now_ms));
        planning += begun.elapsed();
    }
    let begun = Instant::now();
    let facts = FleetFacts {
        open: BTreeSet::new(),
        opened_at_ms: Vec::new(),
        watched: BTreeMap::new(),
        owners: BTreeMap::new(),
        behind: None,
    };
    let items = arrange(items, &facts, &plan::Settings::default(), now_ms);
    planning += begun.elapsed() + read;
    let mut states: BTreeMap<String, usize> = BTreeMap::new();
    for item in &items {
        *states
            .entry(format!("{:?} ({})", item.state, item.reason))
            .or_default() += 1;
    }
    println!(
        "| jobs | vertices each | samples each | jobs per second | peak memory | before planning |"
    );
    println!("| ---: | ---: | ---: | ---: | ---: | ---: |");
    println!(
        "| {jobs} | {VERTICES} | {SAMPLES} | {:.0} | {} | {before} |",
        jobs as f64 / planning.as_secs_f64(),
        memory_text(),
    );
    println!("\nOne thread. What came of them:");
    for (state, count) in states {
        println!("- {count} × {state}");
    }
    Ok(())
}
