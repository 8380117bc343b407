//! The same job seen by REST and by Prometheus gives the same verdicts: a simulated fleet is looked at every two minutes as over REST,
//! and the same looks are turned into what a Prometheus would answer to our queries.

use super::store::Store;
use plimsoll::classify::{self, classify};
use plimsoll::clients::prometheus::{Labels, PrometheusHistory, STATS, Signal};
use plimsoll::config::PrometheusConfig;
use plimsoll::simulate::demo;
use plimsoll::snapshot::{
    Checkpoints, History, JobKey, JobState, Point, Snapshot, Spread, TaskManager, Vertex,
};
use std::path::Path;

const STEP_MS: i64 = 600_000;
const LOOK_MS: i64 = 120_000;
const HOURS: i64 = 26;
/// A multiple of the step.
const NOW_MS: i64 = 1_772_409_600_000;

/// What a Prometheus holds of a job, step by step.
struct Scraped<'a> {
    store: &'a Store,
    job: &'a JobKey,
    looks: &'a [Snapshot],
}

/// Sum of a counter's growth over looks that follow each other; one that went down counts from zero.
fn growth(values: impl IntoIterator<Item = Option<f64>>) -> Option<f64> {
    let mut before: Option<f64> = None;
    let mut sum = None;
    for value in values.into_iter().flatten() {
        if let Some(before) = before {
            *sum.get_or_insert(0.0) += if value < before {
                value
            } else {
                value - before
            };
        }
        before = Some(value);
    }
    sum
}

fn mean(values: impl IntoIterator<Item = Option<f64>>) -> Option<f64> {
    let values: Vec<f64> = values.into_iter().flatten().collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

impl Scraped<'_> {
    fn labels(&self, more: &[(&str, &str)]) -> Labels {
        let own = [
            ("namespace", self.job.namespace.as_str()),
            ("app", &self.job.name),
            ("job_name", &self.job.name),
        ];
        own.iter()
            .chain(more)
            .map(|(label, value)| (label.to_string(), value.to_string()))
            .collect()
    }

    fn put(&self, signal: Signal, more: &[(&str, &str)], at_ms: i64, value: Option<f64>) {
        let Some(value) = value else { return };
        let labels = self.labels(more);
        self.store.with(|held| {
            let all = held.series.entry(signal.name()).or_default();
            match all
                .iter_mut()
                .rev()
                .take(400)
                .find(|(other, _)| *other == labels)
            {
                Some((_, values)) => {
                    values.insert(at_ms, value);
                }
                None => all.push((labels, [(at_ms, value)].into())),
            }
        });
    }

    fn put_stats(&self, signal: Signal, at_ms: i64, values: impl IntoIterator<Item = Option<f64>>) {
        let mut values: Vec<f64> = values.into_iter().flatten().collect();
        values.sort_by(f64::total_cmp);
        if values.is_empty() {
            return;
        }
        let rank = |q: f64| values[((values.len() - 1) as f64 * q).round() as usize];
        let told = [
            values.iter().sum::<f64>() / values.len() as f64,
            rank(0.0),
            rank(0.5),
            rank(0.95),
            rank(1.0),
        ];
        for (stat, value) in STATS.iter().zip(told) {
            self.put(signal, &[("plimsoll_stat", stat)], at_ms, Some(value));
        }
    }

    fn step(&self, to_ms: i64) {
        let within =
            |look: &&Snapshot| look.taken_at_ms > to_ms - STEP_MS && look.taken_at_ms <= to_ms;
        let looks: Vec<&Snapshot> = self.looks.iter().filter(within).collect();
        let begin = self
            .looks
            .iter()
            .rfind(|look| look.taken_at_ms <= to_ms - STEP_MS);
        let Some(last) = looks.last() else { return };
        let counted: Vec<&Snapshot> = begin.into_iter().chain(looks.iter().copied()).collect();
        let id = last.job_id.as_deref().unwrap_or("");
        let id = [("job_id", id)];
        let age = last.running_since_ms.map(|since| (to_ms - since) as f64);
        self.put(Signal::Age, &id, to_ms, age.filter(|age| *age > 0.0));
        let ran = looks
            .iter()
            .map(|look| Some(f64::from(u8::from(look.state == JobState::Running))));
        self.put(Signal::Running, &[], to_ms, mean(ran));
        self.put(
            Signal::Restarts,
            &id,
            to_ms,
            last.restarts.map(|count| count as f64),
        );
        let checkpoints = |pick: fn(&Checkpoints) -> Option<u64>| {
            looks.iter().map(move |look| {
                look.checkpoints
                    .as_ref()
                    .and_then(pick)
                    .map(|value| value as f64)
            })
        };
        self.put(
            Signal::CheckpointsCompleted,
            &id,
            to_ms,
            last.checkpoints.as_ref().map(|all| all.completed as f64),
        );
        self.put(
            Signal::CheckpointsFailed,
            &id,
            to_ms,
            last.checkpoints.as_ref().map(|all| all.failed as f64),
        );
        self.put_stats(
            Signal::CheckpointDuration,
            to_ms,
            checkpoints(|all| all.latest_duration_ms),
        );
        self.put_stats(
            Signal::StateBytes,
            to_ms,
            checkpoints(|all| all.latest_state_bytes),
        );
        self.put(
            Signal::CheckpointedBytes,
            &[],
            to_ms,
            mean(checkpoints(|all| all.latest_checkpointed_bytes)),
        );
        self.processes(to_ms, &looks, &counted);
        for vertex in &last.vertices {
            self.vertex(to_ms, vertex, &looks, &counted);
        }
    }

    fn processes(&self, to_ms: i64, looks: &[&Snapshot], counted: &[&Snapshot]) {
        let last = looks[looks.len() - 1];
        let managers = last.task_managers.len() as f64;
        self.put(
            Signal::TaskManagers,
            &[],
            to_ms,
            (managers > 0.0).then_some(managers),
        );
        self.put(
            Signal::Registered,
            &[],
            to_ms,
            (managers > 0.0).then_some(managers),
        );
        self.put(
            Signal::SlotsTotal,
            &[],
            to_ms,
            last.slots.map(|slots| f64::from(slots.total)),
        );
        let used = looks.iter().map(|look| {
            look.slots
                .map(|slots| f64::from(slots.total - slots.available))
        });
        self.put(Signal::SlotsUsed, &[], to_ms, mean(used));
        let each = |pick: fn(&TaskManager) -> Option<u64>| -> Vec<f64> {
            let of = |id: &str| {
                growth(counted.iter().map(|look| {
                    look.task_managers
                        .iter()
                        .find(|one| one.id == id)
                        .and_then(pick)
                        .map(|value| value as f64)
                }))
            };
            last.task_managers
                .iter()
                .filter_map(|one| of(&one.id))
                .collect()
        };
        let cores: Vec<f64> = each(|one| one.cpu_time_ns)
            .iter()
            .map(|ns| ns / 1e6 / STEP_MS as f64)
            .collect();
        self.put(
            Signal::CpuCores,
            &[],
            to_ms,
            (!cores.is_empty()).then(|| cores.iter().sum()),
        );
        self.put(
            Signal::CpuCoresMax,
            &[],
            to_ms,
            cores.iter().copied().reduce(f64::max),
        );
        let collecting = each(|one| one.gc_time_ms)
            .iter()
            .map(|ms| ms / STEP_MS as f64)
            .reduce(f64::max);
        self.put(Signal::GcShare, &[], to_ms, collecting);
        let highest = |pick: fn(&TaskManager) -> Option<u64>| {
            looks.iter().map(move |look| {
                look.task_managers
                    .iter()
                    .filter_map(pick)
                    .max()
                    .map(|value| value as f64)
            })
        };
        self.put_stats(Signal::HeapUsed, to_ms, highest(|one| one.heap_used));
        self.put_stats(Signal::ManagedUsed, to_ms, highest(|one| one.managed_used));
        self.put_stats(Signal::NetworkUsed, to_ms, highest(|one| one.network_used));
        self.put_stats(
            Signal::MetaspaceUsed,
            to_ms,
            highest(|one| one.metaspace_used),
        );
        self.put_stats(Signal::NonHeapUsed, to_ms, highest(|one| one.non_heap_used));
        self.put_stats(Signal::DirectUsed, to_ms, highest(|one| one.direct_used));
        let at_end = |pick: fn(&TaskManager) -> Option<u64>| {
            last.task_managers
                .iter()
                .filter_map(pick)
                .max()
                .map(|value| value as f64)
        };
        self.put(Signal::HeapMax, &[], to_ms, at_end(|one| one.heap_max));
        self.put(
            Signal::ManagedTotal,
            &[],
            to_ms,
            at_end(|one| one.managed_total),
        );
        self.put(
            Signal::NetworkTotal,
            &[],
            to_ms,
            at_end(|one| one.network_total),
        );
    }

    fn vertex(&self, to_ms: i64, vertex: &Vertex, looks: &[&Snapshot], counted: &[&Snapshot]) {
        let of = |look: &Snapshot| {
            look.vertices
                .iter()
                .find(|other| other.id == vertex.id)
                .cloned()
        };
        let seen: Vec<Vertex> = looks.iter().filter_map(|look| of(look)).collect();
        let counters: Vec<Vertex> = counted.iter().filter_map(|look| of(look)).collect();
        let id = [("task_id", vertex.id.as_str())];
        let put = |signal, value| self.put(signal, &id, to_ms, value);
        let subtasks = f64::from(vertex.parallelism);
        put(Signal::Parallelism, vertex.running.then_some(subtasks));
        let share = |gauge: fn(&Vertex) -> Option<Spread>| {
            mean(seen.iter().map(|vertex| Some(gauge(vertex)?.mean / 1000.0)))
        };
        put(Signal::Busy, share(|v| v.busy_ms_per_second));
        put(
            Signal::Backpressured,
            share(|v| v.backpressured_ms_per_second),
        );
        put(Signal::Idle, share(|v| v.idle_ms_per_second));
        put(
            Signal::BusyMax,
            mean(
                seen.iter()
                    .map(|v| Some(v.busy_ms_per_second?.max / 1000.0)),
            ),
        );
        put(
            Signal::BusyMedian,
            mean(
                seen.iter()
                    .map(|v| Some(v.busy_median_ms_per_second? / 1000.0)),
            ),
        );
        put(
            Signal::BackpressuredMax,
            mean(
                seen.iter()
                    .map(|v| Some(v.backpressured_ms_per_second?.max / 1000.0)),
            ),
        );
        let rate = |pick: fn(&Vertex) -> Option<u64>| {
            growth(counters.iter().map(|v| pick(v).map(|count| count as f64)))
                .map(|count| count * 1000.0 / STEP_MS as f64)
        };
        put(Signal::RecordsIn, rate(|v| v.records_in));
        put(Signal::RecordsOut, rate(|v| v.records_out));
        let skew = |v: &Vertex| {
            v.records_in_spread
                .filter(|spread| spread.mean > 0.0)
                .map(|spread| spread.max / spread.mean)
        };
        put(Signal::Skew, mean(seen.iter().map(skew)));
        put(
            Signal::Pending,
            mean(seen.iter().map(|v| v.pending_records)),
        );
    }
}

/// The history that looks over REST leave, in blocks of a step as the embedded store merges them.
fn over_rest(looks: &[Snapshot]) -> History {
    let mut history = History::from_snapshots(looks.to_vec()).unwrap();
    let mut blocks: Vec<Point> = Vec::new();
    for lot in history.points.chunk_by(|left, right| {
        (left.to_ms - 1).div_euclid(STEP_MS) == (right.to_ms - 1).div_euclid(STEP_MS)
    }) {
        blocks.extend(Point::merge(lot));
    }
    history.points = blocks;
    history
}

fn verdicts(history: &History) -> Vec<String> {
    let profile = classify(history, &classify::Settings::default());
    profile
        .verdicts
        .iter()
        .map(|verdict| {
            format!(
                "{} {}",
                verdict.id,
                verdict
                    .vertex
                    .as_ref()
                    .map_or("", |vertex| vertex.name.as_str())
            )
        })
        .chain(
            profile
                .bottlenecks
                .iter()
                .map(|vertex| format!("bottleneck {}", vertex.name)),
        )
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rest_and_prometheus_give_the_same_verdicts() {
    compare(|_| true).await;
}

/// As Thanos and Mimir keep older data: a value every five minutes or so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn downsampled_data_gives_the_same_verdicts() {
    compare(|at_ms| [0, 2 * LOOK_MS].contains(&at_ms.rem_euclid(STEP_MS))).await;
}

/// Compares what looks over REST give with what a store gives that holds some of them.
async fn compare(holds: fn(i64) -> bool) {
    let fleet = demo::fleet(7, NOW_MS, HOURS * 3_600_000).unwrap();
    let keys = fleet.keys();
    assert!(keys.len() >= 10);
    let store = Store::start().await;
    let config = PrometheusConfig {
        url: store.1.clone(),
        ..PrometheusConfig::default()
    };
    let from_ms = NOW_MS - HOURS * 3_600_000;
    let mut rest = Vec::new();
    for key in &keys {
        let looks: Vec<Snapshot> = (0..=HOURS * 3_600_000 / LOOK_MS)
            .filter_map(|look| fleet.snapshot(key, from_ms + look * LOOK_MS).ok())
            // Before it is deployed a job has no JobManager and no series.
            .skip_while(|look| look.state != JobState::Running)
            .collect();
        let held: Vec<Snapshot> = looks
            .iter()
            .filter(|look| holds(look.taken_at_ms))
            .cloned()
            .collect();
        let scraped = Scraped {
            store: &store,
            job: key,
            looks: &held,
        };
        for step in 1..=HOURS * 3_600_000 / STEP_MS {
            scraped.step(from_ms + step * STEP_MS);
        }
        rest.push(over_rest(&looks));
    }
    let prometheus = PrometheusHistory::open(
        &config,
        Path::new("."),
        keys.iter().map(|key| (key.clone(), None)),
    )
    .unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for (key, rest) in keys.iter().zip(&rest) {
        let known = History {
            points: Vec::new(),
            ..rest.clone()
        };
        let read = prometheus
            .read(key, from_ms, NOW_MS, Some(&known))
            .await
            .unwrap();
        assert!(read.points.len() + 1 >= rest.points.len(), "{key}");
        let (by_rest, by_prometheus) = (verdicts(rest), verdicts(&read));
        seen.extend(by_rest.iter().cloned());
        assert_eq!(by_prometheus, by_rest, "{key}");
        let (left, right) = (rest.points.last().unwrap(), read.points.last().unwrap());
        assert_eq!(right.shape, left.shape, "{key}");
    }
    assert!(seen.len() >= 8, "the fleet shows too little: {seen:?}");
}
