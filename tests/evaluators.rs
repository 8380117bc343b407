//! The weaknesses of the Flink autoscaler on histories that show them: its answer and ours on the same job, by number
//! (docs/evaluators.md); and all evaluators side by side.

use plimsoll::classify::{self, VerdictId, classify};
use plimsoll::evaluate::inputs::{
    TrueRateAnswer, TrueRateInput, autotune, autotune_input, backlog, backlog_input, latency,
    latency_input, true_rate, true_rate_input,
};
use plimsoll::evaluate::latency_violation::Advice as LatencyAdvice;
use plimsoll::evaluate::true_rate::decision::Hold;
use plimsoll::evaluate::true_rate::options::Profile;
use plimsoll::evaluate::{self, VertexCapacity, capacities, demand};
use plimsoll::recommend::{
    self, Advice, AutoscalerAdvice, Bounds, Present, Prices, Says, Size, autoscaler_advice,
    recommend, side_by_side,
};
use plimsoll::snapshot::{
    History, Input, JobKey, JobKind, JobState, Point, Shape, Snapshot, Stat, Vertex, VertexPoint,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use std::collections::BTreeMap;

// Growth, limits and blind sources.
mod growth;

const STEP_MS: i64 = 300_000;
const DAY: usize = 288;
const MIB: f64 = 1024.0 * 1024.0;
const NAMES: [&str; 3] = ["Source: orders", "Work", "Sink: out"];

fn id(place: usize) -> String {
    format!("{:032x}", place + 1)
}

fn one(value: f64) -> Option<Stat> {
    Stat::one(value)
}

fn seen(busy: f64, backpressured: f64, rate: f64) -> VertexPoint {
    VertexPoint {
        busy: one(busy),
        busy_max: one(busy),
        busy_median: one(busy),
        backpressured: one(backpressured),
        backpressured_max: one(backpressured),
        idle: one((1.0 - busy - backpressured).max(0.0)),
        in_per_second: one(rate),
        out_per_second: one(rate),
        in_skew: one(1.0),
        pending: None,
        partitions: None,
        latency_ms: None,
    }
}

/// `source → work → sink` of parallelism 4 on two TaskManagers of 2 slots, 2 cores and 4 GiB, looked at every five minutes.
fn history(points: usize, bend: impl Fn(usize, &mut Point)) -> History {
    let job = JobKey {
        cluster: "test".into(),
        kind: JobKind::Deployment,
        namespace: "shop".into(),
        name: "orders".into(),
    };
    let mut latest = Snapshot::new(job.clone(), points as i64 * STEP_MS, JobState::Running);
    latest.flink_version = Some("1.20.5".into());
    latest.running_since_ms = Some(0);
    latest.vertices = (0..3).map(vertex).collect();
    let mut all: Vec<Point> = (0..points)
        .map(|place| point(place as i64 * STEP_MS))
        .collect();
    for (place, point) in all.iter_mut().enumerate() {
        bend(place, point);
    }
    History {
        job,
        points: all,
        latest: Some(latest.clone()),
        latest_running: Some(latest),
    }
}

fn vertex(place: usize) -> Vertex {
    let inputs = place
        .checked_sub(1)
        .map(|above| json!([{ "vertex": id(above), "ship_strategy": "HASH" }]));
    let inputs: Vec<Input> =
        inputs.map_or_else(Vec::new, |inputs| serde_json::from_value(inputs).unwrap());
    serde_json::from_value(json!({
        "id": id(place), "name": NAMES[place], "parallelism": 4, "max_parallelism": 128,
        "inputs": inputs, "running": true,
    }))
    .unwrap()
}

fn point(from_ms: i64) -> Point {
    let mut point = Point {
        from_ms,
        to_ms: from_ms + STEP_MS,
        pairs: 1,
        shape: Shape {
            task_managers: 2,
            slots_per_task_manager: 2,
            memory_bytes: 4096 << 20,
            cpu_millis: 2000,
            parallelism: (0..3).map(|place| (id(place), 4)).collect(),
        },
        job_id: Some("a".into()),
        running_since_ms: Some(0),
        running: 1.0,
        restarts: 0,
        rescales: 0,
        memory_failures: BTreeMap::new(),
        external: BTreeMap::new(),
        out_of_memory: 0,
        vertices: BTreeMap::from([
            (id(0), seen(0.2, 0.0, 1000.0)),
            (id(1), seen(0.5, 0.0, 1000.0)),
            (id(2), seen(0.1, 0.0, 1000.0)),
        ]),
        task_managers: Default::default(),
        checkpoints: Default::default(),
    };
    point.vertices.get_mut(&id(0)).unwrap().pending = one(100.0);
    let used = &mut point.task_managers;
    used.cpu_cores = one(2.0);
    used.cpu_cores_max = one(1.0);
    used.cpus_seen = Some(2.0);
    used.heap_max = Some(1530.0 * MIB);
    used.heap_used = one(550.0 * MIB);
    used.managed_used = one(0.0);
    used.network_used = one(20.0 * MIB);
    used.metaspace_used = one(100.0 * MIB);
    used.non_heap_used = one(150.0 * MIB);
    used.direct_used = one(40.0 * MIB);
    used.gc_share = one(0.005);
    used.slots_used = one(4.0);
    point
}

fn of(point: &mut Point, place: usize) -> &mut VertexPoint {
    point.vertices.get_mut(&id(place)).unwrap()
}

fn configuration() -> BTreeMap<String, String> {
    BTreeMap::from(
        [
            ("taskmanager.numberOfTaskSlots", "2"),
            ("taskmanager.memory.process.size", "4096m"),
        ]
        .map(|(key, value)| (key.to_string(), value.to_string())),
    )
}

fn window(history: &History) -> TrueRateInput {
    true_rate_input(history, &configuration(), Profile::Next).unwrap()
}

fn theirs(history: &History) -> TrueRateAnswer {
    true_rate(&window(history)).unwrap()
}

fn present(history: &History) -> Present {
    let mut present = Present::observed(history, &Prices::default()).unwrap();
    present.configuration = configuration();
    present
}

fn advice(history: &History) -> Advice {
    let profile = classify(history, &classify::Settings::default());
    recommend(
        history,
        &profile,
        &present(history),
        &Bounds::default(),
        &evaluate::Settings::default(),
        &recommend::Settings::default(),
    )
}

/// The size that we come to: the present one where we change nothing.
fn ours(history: &History) -> Size {
    match advice(history) {
        Advice::Change(change) => change.proposed,
        _ => present(history).size,
    }
}

fn carried(history: &History) -> Vec<VertexCapacity> {
    let load = demand(history, &evaluate::Settings::default()).unwrap();
    capacities(history, &load)
}

fn carries(history: &History, place: usize) -> VertexCapacity {
    let found = carried(history)
        .into_iter()
        .find(|vertex| vertex.id == id(place));
    found.unwrap()
}

const LAST: usize = 2 * DAY - 4;

#[test]
fn a_steady_job_keeps_its_counters_rates_and_memory_in_the_mapping() {
    let history = history(2 * DAY, |_, _| {});
    let input = window(&history);
    // 15 minutes: three points, and the begin of the first.
    assert_eq!(input.samples.len(), 4);
    let last = &input.samples[3].vertices[&id(1)];
    assert_eq!(last.records_in, Some(900_000.0));
    assert_eq!(last.accumulated_busy_ms, Some(0.5 * 4.0 * 900_000.0));
    assert_eq!(input.task_manager_memory_bytes, Some(4096 << 20));
    let answer = theirs(&history);
    let work = &answer.vertices[&id(1)];
    assert_eq!(work.target_per_second, Some(1000.0));
    assert_eq!(work.true_rate_per_second, Some(2000.0));
    assert!(answer.notes.is_empty(), "{:?}", answer.notes);
}

#[test]
fn a_hole_changes_no_rate_and_what_was_never_seen_is_named() {
    let holed = history(2 * DAY, |place, point| {
        if place == 2 * DAY - 2 {
            of(point, 1).in_per_second = None;
        }
        of(point, 0).pending = None;
        of(point, 2).busy = None;
        of(point, 2).busy_max = None;
    });
    let answer = theirs(&holed);
    assert_eq!(answer.vertices[&id(2)].target_per_second, Some(1000.0));
    assert_eq!(answer.vertices[&id(2)].true_rate_per_second, None);
    assert_eq!(
        answer.vertices[&id(2)].wanted,
        4,
        "a blind vertex is left alone"
    );
    let notes = answer.notes.join(" · ");
    assert!(
        notes.contains("no lag") && notes.contains("no busy time"),
        "{notes}"
    );
}

#[test]
fn w01_a_full_vertex_is_not_shrunk() {
    // Minutes in which the window operator fires: all busy, nothing goes in, and nobody reports lag.
    let history = history(2 * DAY, |place, point| {
        of(point, 0).pending = None;
        *of(point, 1) = seen(0.95, 0.0, 1000.0);
        if place >= LAST {
            *of(point, 0) = seen(0.0, 1.0, 0.0);
            *of(point, 1) = seen(1.0, 0.0, 0.0);
            *of(point, 2) = seen(0.1, 0.0, 0.0);
        }
    });
    let theirs = theirs(&history);
    assert_eq!(theirs.hold, None);
    assert_eq!(theirs.vertices[&id(1)].load, Some(1.0));
    assert_eq!(
        theirs.vertices[&id(1)].wanted,
        2,
        "busy all the time, and halved"
    );
    assert!(ours(&history).slots() >= 4);
}

#[test]
fn w02_throughput_under_backpressure_is_a_lower_bound() {
    let history = history(2 * DAY, |_, point| {
        *of(point, 0) = seen(0.5, 0.5, 1000.0);
        *of(point, 1) = seen(1.0, 0.0, 1000.0);
        *of(point, 2) = seen(0.5, 0.0, 1000.0);
    });
    assert_eq!(theirs(&history).hold, Some(Hold::WithinTarget));
    let load = demand(&history, &evaluate::Settings::default()).unwrap();
    assert!(load.lower_bound, "more may have come than was seen");
}

#[test]
fn w03_incomplete_counters_are_not_believed() {
    let history = history(2 * DAY, |_, _| {});
    let whole = window(&history);
    let mut believed = whole.clone();
    let mut dropped = whole.clone();
    let (last, source) = (whole.samples.len() - 1, id(0));
    // The JobManager lost a TaskManager's metrics: the sum reads 0 and says that it is incomplete.
    believed.samples[last]
        .vertices
        .get_mut(&source)
        .unwrap()
        .records_in = Some(0.0);
    dropped.samples[last]
        .vertices
        .get_mut(&source)
        .unwrap()
        .records_in = None;
    let target = |input| true_rate(&input).unwrap().vertices[&source].target_per_second;
    assert_eq!(target(believed), Some(0.0));
    // Our reader drops such a sum, so that the rate stays what it was.
    assert_eq!(target(dropped), Some(1000.0));
}

#[test]
fn w04_an_unknown_rate_is_not_zero() {
    let history = history(2 * DAY, |_, point| of(point, 1).in_per_second = None);
    let theirs = theirs(&history);
    assert_eq!(theirs.vertices[&id(2)].target_per_second, Some(0.0));
    assert_eq!(theirs.vertices[&id(2)].wanted, 2);
    let ours = carried(&history);
    assert!(
        ours.iter().all(|vertex| vertex.id != id(1)),
        "unknown is left out"
    );
    assert!(carries(&history, 2).required_per_second > 1000.0);
}

#[test]
fn w06_capacity_from_little_load_is_uncertain() {
    let at = |busy: f64| {
        history(2 * DAY, move |_, point| {
            *of(point, 1) = seen(busy, 0.0, 1000.0)
        })
    };
    // Theirs is one number either way.
    assert_eq!(
        theirs(&at(0.02)).vertices[&id(1)].true_rate_per_second,
        Some(50_000.0)
    );
    let (low, high) = (carries(&at(0.02), 1), carries(&at(0.8), 1));
    assert!(
        low.sd_ln > 0.25 && high.sd_ln < 0.1,
        "{} {}",
        low.sd_ln,
        high.sd_ln
    );
}

#[test]
fn w07_used_up_cores_are_seen() {
    let history = history(2 * DAY, |_, point| {
        for vertex in 0..3 {
            *of(point, vertex) = seen(0.5, 0.0, 1000.0);
        }
        of(point, 0).pending = one(100.0);
        point.task_managers.cpu_cores = one(4.0);
        point.task_managers.cpu_cores_max = one(2.0);
    });
    assert_eq!(theirs(&history).hold, Some(Hold::WithinTarget));
    let size = ours(&history);
    let cores = size.cpu_millis * u64::from(size.task_managers);
    assert!(cores > 4000, "{size:?}");
}

#[test]
fn w08_slow_catching_up_is_no_ceiling() {
    let history = history(2 * DAY, |place, point| {
        if place >= LAST {
            *of(point, 0) = seen(0.2, 0.0, 500.0);
            of(point, 0).pending = one(60_000.0);
        }
    });
    assert_eq!(
        theirs(&history).vertices[&id(0)].true_rate_per_second,
        Some(500.0)
    );
    assert!(carries(&history, 0).true_rate_per_second > 2000.0);
}

#[test]
fn w09_a_hot_subtask_is_no_lack_of_parallelism() {
    let history = history(2 * DAY, |place, point| {
        let work = of(point, 1);
        *work = seen(0.3, 0.0, 1000.0);
        work.busy_max = one(1.0);
        work.busy_median = one(0.1);
        work.in_skew = one(3.0);
        of(point, 0).backpressured = one(0.4);
        of(point, 0).pending = one(100.0 * 300.0 * place as f64);
    });
    let theirs = theirs(&history);
    assert!(theirs.vertices[&id(1)].wanted > 4, "{theirs:?}");
    let profile = classify(&history, &classify::Settings::default());
    assert!(profile.has(VerdictId::Skewed));
    assert!(carries(&history, 1).skew > 2.9);
    assert!(
        ours(&history).slots() < theirs.slots,
        "{:?}",
        advice(&history)
    );
}

#[test]
fn w18_peaks_count_for_memory() {
    let history = history(2 * DAY, |place, point| {
        if place % 12 == 0 && place < LAST {
            point.task_managers.heap_used = one(1400.0 * MIB);
        }
    });
    let tuned = autotune(&autotune_input(window(&history), BTreeMap::new())).unwrap();
    let bytes = tuned.process_memory_bytes.unwrap();
    assert!(!tuned.applied);
    assert!(bytes < 1600 << 20, "{bytes}");
    assert!(ours(&history).memory_bytes > 2000 << 20);
}

#[test]
fn w22_one_quiet_quarter_of_an_hour_is_no_reason() {
    let history = history(8 * DAY, |place, point| {
        if place >= 8 * DAY - 4 {
            for vertex in 0..3 {
                *of(point, vertex) = seen(0.05, 0.0, 100.0);
            }
        } else {
            *of(point, 1) = seen(0.9, 0.0, 1000.0);
        }
    });
    let theirs = theirs(&history);
    assert_eq!(theirs.hold, None);
    assert!(theirs.slots < 4 && theirs.waits_ms == 3_600_000);
    assert!(ours(&history).slots() >= 4);
}

#[test]
fn w23_a_restart_leaves_no_reset_in_the_window() {
    let history = history(2 * DAY, |place, point| {
        if place == LAST + 1 {
            point.restarts = 1;
        }
        if place > LAST {
            point.running_since_ms = Some((LAST as i64 + 1) * STEP_MS + 60_000);
        }
    });
    let input = window(&history);
    assert_eq!(input.samples.len(), 3, "only what came after it");
    for pair in input.samples.windows(2) {
        let count = |place: usize| pair[place].vertices[&id(1)].records_in;
        assert!(count(0) < count(1));
    }
    assert!(
        input.missing.iter().any(|said| said.contains("window")),
        "{:?}",
        input.missing
    );
}

#[test]
fn w25_an_idle_source_keeps_what_its_day_needs() {
    let history = history(2 * DAY, |place, point| {
        if place >= LAST {
            for vertex in 0..3 {
                *of(point, vertex) = seen(0.0, 0.0, 0.0);
            }
            of(point, 0).pending = one(0.0);
        } else {
            *of(point, 1) = seen(0.9, 0.0, 1000.0);
        }
    });
    let theirs = theirs(&history);
    assert_eq!(
        theirs.vertices[&id(0)].true_rate_per_second,
        None,
        "without limit"
    );
    assert_eq!(theirs.vertices[&id(0)].wanted, 2);
    assert!(ours(&history).slots() >= 4);
}

#[test]
fn w27_a_job_without_latency_is_told_so() {
    let history = history(2 * DAY, |_, _| {});
    let input = latency_input(&history, 1000.0).unwrap();
    assert!(input.missing[0].contains("sets no `metrics.latency.interval`"));
    let all = sides(&history);
    let latency = all.opinions.last().unwrap();
    assert_eq!(latency.says, Says::Nothing);
    assert!(
        latency.message.contains("reports no latency"),
        "{latency:?}"
    );
}

/// Latency markers: 20 ms to `Work`, and so many milliseconds to `Sink: out`, at the last points.
fn with_markers(to_sink: &[Option<f64>]) -> History {
    let first = 2 * DAY - to_sink.len();
    let mut history = history(2 * DAY, |place, point| {
        if let Some(latency) = place.checked_sub(first).and_then(|at| to_sink[at]) {
            of(point, 1).latency_ms = one(20.0);
            of(point, 2).latency_ms = one(latency);
        }
    });
    let seen = history.latest_running.as_mut().unwrap();
    seen.configuration
        .insert("metrics.latency.interval".into(), "1000".into());
    history
}

#[test]
fn w27_latency_markers_feed_the_latency_rule() {
    let slow = Some(900.0);
    let table: [(&[Option<f64>], usize, &str); 5] = [
        (&[], 0, "it may be 0"),
        (&[slow, slow, None], 0, "no latency at 1 of the last 3"),
        (&[Some(400.0), slow, slow], 2, ""),
        (&[slow, slow, Some(400.0)], 0, ""),
        (&[slow, slow, slow], 3, ""),
    ];
    for (to_sink, violations, missing) in table {
        let history = with_markers(to_sink);
        let input = latency_input(&history, 500.0).unwrap();
        assert_eq!(input.job.latencies_ms.len(), 3, "{to_sink:?}");
        if !to_sink.is_empty() {
            assert_eq!(input.job.latencies_ms, to_sink);
        }
        assert_eq!(input.missing.is_empty(), missing.is_empty(), "{to_sink:?}");
        assert!(input.missing.concat().contains(missing), "{input:?}");
        match latency(&input) {
            Err(error) => assert!(to_sink.is_empty(), "{error}"),
            Ok(LatencyAdvice::Keep { violations: found }) => assert_eq!(found, violations),
            Ok(LatencyAdvice::NothingToGrow) => assert_eq!(violations, 3),
            Ok(other) => panic!("{to_sink:?}: {other:?}"),
        }
    }
}

#[test]
fn w27_the_vertex_with_the_largest_part_of_the_latency_grows() {
    let slow = Some(900.0);
    let mut history = with_markers(&[slow; 3]);
    // Slow is what comes before the sink: all but 100 ms are the work's.
    let last = history.points.len() - 1;
    of(&mut history.points[last], 1).latency_ms = one(800.0);
    let input = latency_input(&history, 500.0).unwrap();
    let parts: Vec<Option<f64>> = input
        .job
        .operators
        .iter()
        .map(|operator| operator.latency_ms)
        .collect();
    assert_eq!(parts, [None, Some(800.0), Some(100.0)]);
    // Windows grow without a rate.
    let seen = history.latest_running.as_mut().unwrap();
    seen.vertices[1].name = "Window(Tumbling)".into();
    let input = latency_input(&history, 500.0).unwrap();
    let Ok(LatencyAdvice::Grow(grown)) = latency(&input) else {
        panic!("{input:?}");
    };
    assert_eq!((grown[0].id.clone(), grown[0].parallelism), (id(1), 6));
    // Without the work's latency, nobody knows what the sink's own part is.
    of(&mut history.points[last], 1).latency_ms = None;
    let input = latency_input(&history, 500.0).unwrap();
    assert!(
        input
            .job
            .operators
            .iter()
            .all(|operator| operator.latency_ms.is_none())
    );
    // Blocks keep latencies.
    let block = Point::merge(&history.points[last - 1..]).unwrap();
    assert_eq!(block.vertices[&id(2)].latency_ms.unwrap().n, 2);
}

fn sides(history: &History) -> plimsoll::recommend::SideBySide {
    side_by_side(
        history,
        &present(history),
        &advice(history),
        &evaluate::Settings::default(),
    )
}

#[test]
fn all_evaluators_stand_side_by_side_with_their_cost() {
    let history = history(2 * DAY, |_, point| {
        for vertex in 0..3 {
            *of(point, vertex) = seen(0.05, 0.0, 1000.0);
        }
        of(point, 0).pending = one(0.0);
        point.task_managers.cpu_cores = one(0.4);
        point.task_managers.cpu_cores_max = one(0.2);
    });
    let all = sides(&history);
    let names: Vec<&str> = all
        .opinions
        .iter()
        .map(|opinion| opinion.evaluator.as_str())
        .collect();
    assert_eq!(
        names,
        [
            "plimsoll",
            "true_rate",
            "autotune",
            "backlog",
            "latency_violation"
        ]
    );
    let prices = Prices::default();
    for opinion in &all.opinions {
        assert_eq!(
            opinion.per_month,
            opinion.size.as_ref().map(|size| prices.per_month(size)),
            "{opinion:?}"
        );
        assert!(!opinion.message.is_empty());
        assert_eq!(
            opinion.differs.is_empty(),
            opinion.evaluator == "plimsoll",
            "{opinion:?}"
        );
    }
    let size = |place: usize| all.opinions[place].size.clone().unwrap();
    // 4 → 2 on one TaskManager; CPU and memory are not theirs to change.
    assert_eq!((size(1).parallelism, size(1).task_managers), (2, 1));
    assert_eq!(
        (size(1).cpu_millis, size(1).memory_bytes),
        (2000, 4096 << 20)
    );
    assert!(size(2).memory_bytes < 4096 << 20);
    // CPU 10 % of 70 %.
    assert_eq!(size(3).task_managers, 1);
}

fn survives<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: &T) {
    let text = serde_json::to_string(value).unwrap();
    assert_eq!(&serde_json::from_str::<T>(&text).unwrap(), value, "{text}");
}

#[test]
fn inputs_and_answers_survive_being_written_as_json() {
    let history = history(2 * DAY, |place, point| {
        if place >= LAST {
            *of(point, 0) = seen(0.0, 0.0, 0.0);
        }
    });
    let window = window(&history);
    survives(&window);
    survives(&true_rate(&window).unwrap());
    let tuning = autotune_input(window, BTreeMap::from([(id(1), 2)]));
    survives(&tuning);
    survives(&autotune(&tuning).unwrap());
    let backlog_input = backlog_input(&history, &configuration()).unwrap();
    survives(&backlog_input);
    survives(&latency_input(&history, 500.0).unwrap());
    survives(&sides(&history));
    assert!(backlog(&backlog_input).is_err(), "no lag in the last looks");
}

#[test]
fn options_with_bad_values_are_named_in_the_answer() {
    let history = history(2 * DAY, |_, _| {});
    let mut configuration = configuration();
    configuration.insert("job.autoscaler.metrics.window".into(), "soon".into());
    configuration.insert(
        "kubernetes.operator.job.autoscaler.utilization.target".into(),
        "0.9".into(),
    );
    let input = true_rate_input(&history, &configuration, Profile::Next).unwrap();
    let answer = true_rate(&input).unwrap();
    assert!(
        answer.notes.iter().any(|said| said.contains("`soon`")),
        "{:?}",
        answer.notes
    );
    let work = &answer.vertices[&id(1)];
    // 0.9 + 0.3 is cut to 1: the job grows only when it is full.
    assert_eq!(work.grows_below_per_second, Some(1000.0));
}

#[test]
fn histories_that_say_nothing_are_refused_by_name() {
    let empty = history(0, |_, _| {});
    let refused = |history: &History| {
        let refused = true_rate_input(history, &configuration(), Profile::Next);
        refused.unwrap_err().to_string()
    };
    assert!(refused(&empty).contains("two looks"));
    let unseen = History {
        latest_running: None,
        ..empty
    };
    assert!(refused(&unseen).contains("running"));
    let mut named = history(DAY, |_, _| {});
    if let Some(seen) = named.latest_running.as_mut() {
        seen.vertices[0].id = "orders".into();
    }
    let input = window(&named);
    assert!(
        true_rate(&input)
            .unwrap_err()
            .to_string()
            .contains("`orders`")
    );
}

/// A load that swings between 100 and 1000 records/s over the day, for a job whose work is `busy` at the top.
fn swinging(busy: f64) -> History {
    history(3 * DAY, move |place, point| {
        let turn = (place % DAY) as f64 / DAY as f64 * std::f64::consts::TAU;
        let rate = 550.0 - 450.0 * turn.cos();
        *of(point, 0) = seen(0.1 * rate / 1000.0, 0.0, rate);
        of(point, 0).pending = one(0.0);
        *of(point, 1) = seen(busy * rate / 1000.0, 0.0, rate);
        *of(point, 2) = seen(0.1 * rate / 1000.0, 0.0, rate);
    })
}

fn advised(history: &History, options: &[(&str, &str)]) -> Option<AutoscalerAdvice> {
    let mut present = present(history);
    let options = options
        .iter()
        .map(|(key, value)| (key.to_string(), value.to_string()));
    present.configuration.extend(options);
    let load = evaluate::Settings {
        catch_up_seconds: 600.0,
        ..evaluate::Settings::default()
    };
    autoscaler_advice(history, &present, &load)
}

#[test]
fn options_of_the_autoscaler_follow_the_data() {
    let on = "kubernetes.operator.job.autoscaler.enabled";
    let most = "kubernetes.operator.job.autoscaler.vertex.max-parallelism";
    let found = advised(
        &swinging(0.9),
        &[
            (on, "true"),
            (most, "2"),
            ("job.autoscaler.utilization.target", "0.5"),
        ],
    );
    let found = found.unwrap();
    assert!(found.on && found.switch_on.is_none());
    let option = |key: &str| found.options.iter().find(|advice| advice.option == key);
    // Under the prefix that the manifest uses.
    let wider = option(most).unwrap();
    assert_eq!(wider.before, "2");
    assert!(wider.after.parse::<u32>().unwrap() > 4, "{wider:?}");
    // The load rises slowly: 0.5 leaves more room than it takes.
    let target = option("job.autoscaler.utilization.target").unwrap();
    assert!(target.after.parse::<f64>().unwrap() > 0.6, "{target:?}");
    assert!(option("job.autoscaler.restart.time").is_none());
    // No restart was seen, and its memory tuning is off: neither is judged.
    assert!(option("job.autoscaler.catch-up.duration").is_none());
    assert!(option("job.autoscaler.memory.tuning.overhead").is_none());
    assert!(
        found.unknown.iter().any(|said| said.contains("restart")),
        "{:?}",
        found.unknown
    );
}

#[test]
fn catching_up_the_band_and_the_overhead_follow_the_data() {
    let on = ("job.autoscaler.enabled", "true");
    let restarted = |pause_s: i64| {
        let mut history = swinging(0.9);
        for (place, point) in history.points.iter_mut().enumerate() {
            point.task_managers.heap_used = one(if place == 300 { 900.0 } else { 500.0 } * MIB);
            if place >= 2 * DAY {
                point.running_since_ms = Some(2 * DAY as i64 * STEP_MS + pause_s * 1000);
            }
        }
        history
    };
    let found = |pause_s: i64, options: &[(&str, &str)]| {
        let mut all = vec![on];
        all.extend(options);
        let advice = advised(&restarted(pause_s), &all);
        advice.map_or_else(Vec::new, |advice| advice.options)
    };
    let after = |options: &[plimsoll::recommend::OptionAdvice], key: &str| {
        let key = format!("job.autoscaler.{key}");
        let found = options.iter().find(|advice| advice.option == key);
        found.map(|advice| advice.after.clone())
    };
    // 240 s of lag, 120 accepted, for ten minutes: twenty to catch up in. The default is thirty.
    let options = found(240, &[("job.autoscaler.catch-up.duration", "45 min")]);
    assert_eq!(
        after(&options, "catch-up.duration").as_deref(),
        Some("1200 s")
    );
    let options = found(240, &[("job.autoscaler.catch-up.duration", "0 s")]);
    assert_eq!(
        after(&options, "catch-up.duration").as_deref(),
        Some("1200 s")
    );
    let options = found(240, &[("job.autoscaler.catch-up.duration", "20 min")]);
    assert_eq!(after(&options, "catch-up.duration"), None);
    // A restart within the accepted lag bounds nothing.
    let options = found(60, &[("job.autoscaler.catch-up.duration", "45 min")]);
    assert_eq!(after(&options, "catch-up.duration"), None);
    // The default band ends at 1: nothing is left when growth begins.
    let options = found(60, &[]);
    let edge = after(&options, "utilization.max").unwrap();
    assert!(
        (0.7..=0.95).contains(&edge.parse::<f64>().unwrap()),
        "{edge}"
    );
    assert_eq!(after(&options, "memory.tuning.overhead"), None);
    let options = found(60, &[("job.autoscaler.memory.tuning.enabled", "true")]);
    assert_eq!(
        after(&options, "memory.tuning.overhead").as_deref(),
        Some("0.80")
    );
}

#[test]
fn switching_the_autoscaler_on_is_advised_only_for_a_load_that_swings() {
    let found = advised(&swinging(0.9), &[]).unwrap();
    assert!(!found.on && found.switch_on.is_some());
    assert_eq!(found.options[0].option, "job.autoscaler.enabled");
    let steady = history(3 * DAY, |_, point| *of(point, 1) = seen(0.9, 0.0, 1000.0));
    assert_eq!(advised(&steady, &[]), None);
}
