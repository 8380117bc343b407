//! The simulated fleet: the same seed gives the same numbers, nothing is lost or made on the way, and each job shows what it stands for.

use plimsoll::simulate::{Fleet, demo};
use plimsoll::snapshot::{JobState, Snapshot};
use std::collections::BTreeMap;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// 2026-03-02 00:00 UTC, a Monday, and two weeks later.
const START_MS: i64 = 1_772_409_600_000;
const NOW_MS: i64 = START_MS + 14 * DAY_MS;

fn fleet() -> Fleet {
    demo::fleet(7, NOW_MS, 14 * DAY_MS).unwrap()
}

/// Snapshots of every job from its start, `every_ms` apart.
fn series(
    fleet: &Fleet,
    from_ms: i64,
    to_ms: i64,
    every_ms: i64,
) -> BTreeMap<String, Vec<Snapshot>> {
    let mut all: BTreeMap<String, Vec<Snapshot>> = BTreeMap::new();
    for key in fleet.keys() {
        let mut at = from_ms;
        while at <= to_ms {
            let snapshot = fleet.snapshot(&key, at).unwrap();
            if snapshot.state != JobState::Unreachable {
                all.entry(key.short()).or_default().push(snapshot);
            }
            at += every_ms;
        }
    }
    all
}

#[test]
fn simulate_table() {
    let fleet = fleet();
    let begin = std::time::Instant::now();
    let all = series(&fleet, START_MS + 600_000, NOW_MS, 600_000);
    println!("14 days: {:?}", begin.elapsed());
    for (name, snapshots) in all {
        let mean = |f: &dyn Fn(&Snapshot) -> Option<f64>| {
            let v: Vec<f64> = snapshots.iter().filter_map(f).collect();
            if v.is_empty() {
                f64::NAN
            } else {
                v.iter().sum::<f64>() / v.len() as f64
            }
        };
        let max = |f: &dyn Fn(&Snapshot) -> Option<f64>| {
            snapshots.iter().filter_map(f).fold(f64::NAN, f64::max)
        };
        let cores = |s: &Snapshot| {
            let v: Vec<f64> = s
                .task_managers
                .iter()
                .filter_map(|t| Some(t.cpu_load? * t.cpus_seen?))
                .collect();
            (!v.is_empty()).then(|| v.iter().sum())
        };
        let heap = |s: &Snapshot| {
            s.task_managers
                .iter()
                .filter_map(|t| Some(t.heap_used? as f64 / t.heap_max? as f64))
                .reduce(f64::max)
        };
        let gc = |s: &Snapshot| {
            s.task_managers
                .iter()
                .filter_map(|t| t.gc_ms_per_second)
                .reduce(f64::max)
        };
        let pend = |s: &Snapshot| s.vertices.first()?.pending_records;
        let last = snapshots.last().unwrap();
        let ck = last.checkpoints.as_ref();
        println!(
            "{name}: n={} cores {:.2} max {:.2} heap {:.2}..{:.2} gc {:.1} ms/s pend {:.0}..{:.0} restarts {:?} ckpt {:?}/{:?} {:?}ms",
            snapshots.len(),
            mean(&cores),
            max(&cores),
            mean(&heap),
            max(&heap),
            mean(&gc),
            mean(&pend),
            max(&pend),
            last.restarts,
            ck.map(|c| c.completed),
            ck.map(|c| c.failed),
            ck.and_then(|c| c.latest_duration_ms)
        );
        for v in 0..last.vertices.len() {
            let g = |s: &Snapshot, f: &dyn Fn(&plimsoll::snapshot::Vertex) -> Option<f64>| {
                s.vertices.get(v).and_then(f)
            };
            println!(
                "   {:30} p={} rate {:.0} busy {:.0} (max sub {:.0}, highest {:.0}) bp {:.0}",
                last.vertices[v].name,
                last.vertices[v].parallelism,
                mean(&|s| g(s, &|v| v.records_in_per_second)),
                mean(&|s| g(s, &|v| v.busy_ms_per_second.map(|b| b.mean))),
                mean(&|s| g(s, &|v| v.busy_ms_per_second.map(|b| b.max))),
                max(&|s| g(s, &|v| v.busy_ms_per_second.map(|b| b.max))),
                mean(&|s| g(s, &|v| v.backpressured_ms_per_second.map(|b| b.max)))
            );
        }
    }
    for a in fleet.accounts(NOW_MS) {
        println!(
            "{} {:?} cost {:.1} late {:.0} min fail {}",
            a.job,
            a.stands_for,
            a.cost,
            a.truth.late_ms / 60000.0,
            a.truth.failures
        );
    }
}
