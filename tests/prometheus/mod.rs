//! Histories from a Prometheus-compatible store, and what it can do to whoever reads them.

mod same_verdicts;
pub mod store;

use plimsoll::clients::prometheus::{Labels, PrometheusHistory, Signal};
use plimsoll::config::{BasicConfig, PrometheusConfig};
use plimsoll::ports::HistoryStore;
use plimsoll::quantity::FlinkDuration;
use plimsoll::snapshot::{Gap, History, JobKey, JobState};
use std::path::Path;
use std::time::Duration;
use store::{Fault, Store};

const STEP_MS: i64 = 600_000;
const BEGIN_MS: i64 = 1_772_409_600_000;

pub fn key(name: &str) -> JobKey {
    format!("prod/deployment/shop/{name}").parse().unwrap()
}

fn labels(name: &str, more: &[(&str, &str)]) -> Labels {
    let mut all: Labels = [
        ("namespace", "shop"),
        ("app", name),
        ("job_name", &name.replace('-', "_")),
    ]
    .into_iter()
    .map(|(label, value)| (label.to_string(), value.to_string()))
    .collect();
    all.extend(
        more.iter()
            .map(|(label, value)| (label.to_string(), value.to_string())),
    );
    all
}

fn steps(count: i64) -> impl Iterator<Item = i64> + Clone {
    (1..=count).map(|step| BEGIN_MS + step * STEP_MS)
}

/// A job of one source and one other vertex that has run for a day before.
pub fn steady(store: &Store, name: &str, count: i64) {
    let age = |time: i64| (time - BEGIN_MS + 86_400_000) as f64;
    let execution = || labels(name, &[("job_id", "a")]);
    store.put(
        Signal::Age,
        execution(),
        steps(count).map(|time| (time, age(time))),
    );
    store.put(
        Signal::Running,
        labels(name, &[]),
        steps(count).map(|time| (time, 1.0)),
    );
    store.put(
        Signal::Restarts,
        execution(),
        steps(count).map(|time| (time, 3.0)),
    );
    store.put(
        Signal::CheckpointsCompleted,
        execution(),
        steps(count).map(|time| (time, age(time) / 60_000.0)),
    );
    store.put(
        Signal::CheckpointsFailed,
        execution(),
        steps(count).map(|time| (time, 1.0)),
    );
    for (stat, value) in [
        ("mean", 500.0),
        ("min", 400.0),
        ("p50", 480.0),
        ("p95", 900.0),
        ("max", 1000.0),
    ] {
        let labels = labels(name, &[("plimsoll_stat", stat)]);
        store.put(
            Signal::CheckpointDuration,
            labels.clone(),
            steps(count).map(|time| (time, value)),
        );
        store.put(
            Signal::HeapUsed,
            labels,
            steps(count).map(|time| (time, value * 1e6)),
        );
    }
    for (signal, value) in [
        (Signal::TaskManagers, 2.0),
        (Signal::CpuCores, 1.5),
        (Signal::CpuCoresMax, 0.9),
        (Signal::HeapMax, 2e9),
        (Signal::GcShare, 0.01),
    ] {
        store.put(
            signal,
            labels(name, &[]),
            steps(count).map(|time| (time, value)),
        );
    }
    for (vertex, busy) in [("source", 0.1), ("work", 0.6)] {
        let at = labels(name, &[("task_id", vertex)]);
        for (signal, value) in [
            (Signal::Parallelism, 4.0),
            (Signal::Busy, busy),
            (Signal::BusyMax, busy + 0.1),
            (Signal::Backpressured, 0.02),
            (Signal::RecordsIn, 100.0),
            (Signal::RecordsOut, 100.0),
        ] {
            store.put(signal, at.clone(), steps(count).map(|time| (time, value)));
        }
    }
    store.with(|held| {
        let source = (
            labels(name, &[("task_id", "source")]),
            [(BEGIN_MS, 1.0)].into(),
        );
        held.series.entry("sources").or_default().push(source);
        held.series
            .entry("jobs")
            .or_default()
            .push((labels(name, &[]), [(BEGIN_MS, 2.0)].into()));
    });
}

pub fn config(store: &Store) -> PrometheusConfig {
    PrometheusConfig {
        url: store.1.clone(),
        retries: 2,
        timeout: FlinkDuration::from_millis(2_000),
        ..PrometheusConfig::default()
    }
}

fn open(config: &PrometheusConfig, names: &[&str]) -> PrometheusHistory {
    let jobs = names.iter().map(|name| (key(name), None));
    PrometheusHistory::open(config, Path::new("."), jobs).unwrap()
}

pub async fn read(history: &PrometheusHistory, name: &str, count: i64) -> Result<History, String> {
    let to_ms = BEGIN_MS + count * STEP_MS;
    history
        .read(&key(name), BEGIN_MS, to_ms, None)
        .await
        .map_err(|error| error.to_string())
}

fn gaps(history: &History) -> Vec<Gap> {
    history
        .latest
        .as_ref()
        .map_or_else(Vec::new, |latest| latest.gaps.clone())
}

fn says(history: &History, what: &str, why: &str) -> bool {
    gaps(history)
        .iter()
        .any(|gap| gap.what.contains(what) && gap.reason.contains(why))
}

#[tokio::test]
async fn a_steady_job_becomes_points() {
    let store = Store::start().await;
    steady(&store, "orders", 12);
    let history = read(&open(&config(&store), &["orders"]), "orders", 12)
        .await
        .unwrap();
    assert_eq!(history.points.len(), 12);
    let last = history.points.last().unwrap();
    assert_eq!(
        (last.from_ms, last.to_ms, last.pairs),
        (BEGIN_MS + 11 * STEP_MS, BEGIN_MS + 12 * STEP_MS, 10)
    );
    assert_eq!(
        (last.job_id.as_deref(), last.running, last.restarts),
        (Some("a"), 1.0, 0)
    );
    assert_eq!(
        (last.checkpoints.completed, last.checkpoints.failed),
        (10, 0)
    );
    assert_eq!(last.checkpoints.duration_ms.unwrap().p95, 900.0);
    assert_eq!(last.task_managers.heap_used.unwrap().min, 4e8);
    assert_eq!(last.shape.parallelism["work"], 4);
    let work = &last.vertices["work"];
    assert!(
        (work.busy.unwrap().mean - 0.6).abs() < 1e-6
            && (work.busy_max.unwrap().mean - 0.7).abs() < 1e-6
    );
    let starts: Vec<Option<i64>> = history
        .points
        .iter()
        .map(|point| point.running_since_ms)
        .collect();
    assert!(starts.iter().all(|start| *start == starts[0]), "{starts:?}");
    // A source and what can only read from it: the graph is certain. The rest is a gap with its remedy.
    let latest = history.latest.clone().unwrap();
    assert_eq!(
        (latest.state, latest.vertices.len()),
        (JobState::Running, 2)
    );
    assert_eq!(latest.vertices[1].inputs[0].vertex, "source");
    assert!(
        says(&history, "configuration", "plimsoll observe"),
        "{:?}",
        gaps(&history)
    );
}

#[tokio::test]
async fn numbers_that_are_none_and_steps_without_samples_are_holes() {
    let store = Store::start().await;
    steady(&store, "orders", 12);
    store.with(|held| {
        let (third, fifth) = (BEGIN_MS + 3 * STEP_MS, BEGIN_MS + 5 * STEP_MS);
        for (name, series) in &mut held.series {
            for (_, values) in series {
                values.remove(&third);
                if *name == Signal::Busy.name() || *name == Signal::CpuCores.name() {
                    values.insert(fifth, f64::NAN);
                }
                if *name == Signal::RecordsIn.name() || *name == Signal::GcShare.name() {
                    values.insert(fifth, f64::INFINITY);
                }
                if *name == Signal::BusyMax.name() {
                    values.insert(fifth, 1.2);
                }
            }
        }
    });
    let history = read(&open(&config(&store), &["orders"]), "orders", 12)
        .await
        .unwrap();
    assert_eq!(history.points.len(), 11);
    assert!(
        history
            .points
            .iter()
            .all(|point| point.to_ms != BEGIN_MS + 3 * STEP_MS)
    );
    let fifth = history
        .points
        .iter()
        .find(|point| point.to_ms == BEGIN_MS + 5 * STEP_MS)
        .unwrap();
    let work = &fifth.vertices["work"];
    assert_eq!(
        (work.busy, work.busy_max, work.in_per_second),
        (None, None, None)
    );
    assert_eq!(
        (fifth.task_managers.cpu_cores, fifth.task_managers.gc_share),
        (None, None)
    );
    // What a counter grew by over the hole belongs to the step after it.
    let fourth = history
        .points
        .iter()
        .find(|point| point.to_ms == BEGIN_MS + 4 * STEP_MS)
        .unwrap();
    assert_eq!(fourth.checkpoints.completed, 20);
}

#[tokio::test]
async fn a_store_that_holds_less_than_a_value_a_step_is_named() {
    // (every how many steps there is a value, what is said)
    for (every, said) in [
        (1, None),
        (3, Some("set history.prometheus.step to 1 h")),
        (6, Some("every 1 h only")),
    ] {
        let store = Store::start().await;
        steady(&store, "orders", 48);
        store.with(|held| {
            for (_, values) in held.series.values_mut().flatten() {
                values.retain(|time, _| (time - BEGIN_MS) % (every * STEP_MS) == 0);
            }
        });
        let history = read(&open(&config(&store), &["orders"]), "orders", 48)
            .await
            .unwrap();
        assert_eq!(history.points.len() as i64, 48 / every);
        match said {
            Some(said) => assert!(says(&history, "history", said), "{:?}", gaps(&history)),
            None => assert!(!says(&history, "history", "step"), "{:?}", gaps(&history)),
        }
        // With the step that is named the holes are gone, and nothing is said any more.
        if every > 1 {
            let config = PrometheusConfig {
                step: FlinkDuration::from_millis((2 * every * STEP_MS) as u64),
                ..config(&store)
            };
            let history = read(&open(&config, &["orders"]), "orders", 48)
                .await
                .unwrap();
            assert_eq!(history.points.len() as i64, 48 / every / 2);
            assert!(!says(&history, "history", "step"), "{:?}", gaps(&history));
        }
    }
}

#[tokio::test]
async fn restarts_and_redeployments_count_from_zero() {
    let store = Store::start().await;
    steady(&store, "orders", 12);
    store.with(|held| {
        // Restarts 3 3 3 5 5 …; from step 8 another execution, with two restarts of its own, that began within it.
        let restarts = held.series.get_mut(Signal::Restarts.name()).unwrap();
        for (time, value) in &mut restarts[0].1 {
            if *time > BEGIN_MS + 3 * STEP_MS {
                *value = 5.0;
            }
        }
        restarts[0]
            .1
            .retain(|time, _| *time < BEGIN_MS + 8 * STEP_MS);
        restarts.push((
            labels("orders", &[("job_id", "b")]),
            steps(12)
                .filter(|time| *time >= BEGIN_MS + 8 * STEP_MS)
                .map(|time| (time, 2.0))
                .collect(),
        ));
        let ages = held.series.get_mut(Signal::Age.name()).unwrap();
        let begun = BEGIN_MS + 8 * STEP_MS - 120_000;
        ages.push((
            labels("orders", &[("job_id", "b")]),
            steps(12)
                .filter(|time| *time > begun)
                .map(|time| (time, (time - begun) as f64))
                .collect(),
        ));
    });
    let history = read(&open(&config(&store), &["orders"]), "orders", 12)
        .await
        .unwrap();
    let restarts: Vec<u32> = history.points.iter().map(|point| point.restarts).collect();
    assert_eq!(restarts, [0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 0]);
    let ids: Vec<&str> = history
        .points
        .iter()
        .filter_map(|point| point.job_id.as_deref())
        .collect();
    assert_eq!((ids[6], ids[7]), ("a", "b"));
    assert_eq!(
        history.points[7].running_since_ms,
        Some(BEGIN_MS + 8 * STEP_MS - 120_000)
    );
}

#[tokio::test]
async fn many_jobs_cost_as_many_queries_as_one() {
    let store = Store::start().await;
    let names: Vec<String> = (0..150).map(|at| format!("job-{at:03}")).collect();
    for name in &names {
        steady(&store, name, 3);
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let history = open(&config(&store), &names);
    for name in &names {
        let read = read(&history, name, 3).await.unwrap();
        assert_eq!(read.points.len(), 3, "{name}");
    }
    let queries = store.asked();
    assert!(queries <= 45, "{queries} queries for {} jobs", names.len());
}

#[tokio::test]
async fn limits_of_the_store_are_met_with_smaller_queries() {
    let table = [
        (usize::MAX, 11_000),
        (20, 11_000),
        (6, 11_000),
        (usize::MAX, 2),
        (1, 1),
    ];
    let mut all = Vec::new();
    for (values, points) in table {
        let store = Store::start().await;
        for name in ["a", "b", "c"] {
            steady(&store, name, 6);
        }
        store.with(|held| (held.most_values, held.most_points) = (values, points));
        let history = open(&config(&store), &["a", "b", "c"]);
        let read = read(&history, "b", 6).await.unwrap();
        all.push((read.points, store.asked()));
        if values == 1 {
            // Two vertices at one time are two values: that much can't be had, and is said.
            assert!(says(
                &History {
                    job: read.job,
                    points: Vec::new(),
                    latest: read.latest,
                    latest_running: None
                },
                "busy time",
                "limit"
            ));
        }
    }
    assert_eq!(all[0].0.len(), 6);
    for (points, queries) in &all[1..4] {
        assert_eq!(*points, all[0].0);
        assert!(*queries > all[0].1);
    }
    // Limits that are configured are kept beforehand.
    let store = Store::start().await;
    steady(&store, "a", 6);
    store.with(|held| held.most_points = 2);
    let config = PrometheusConfig {
        max_points: 2,
        ..config(&store)
    };
    read(&open(&config, &["a"]), "a", 6).await.unwrap();
    assert!(store.with(|held| {
        held.asked
            .iter()
            .all(|form| !form.contains_key("end") || span(form) < 2 * STEP_MS)
    }));
}

fn span(form: &std::collections::BTreeMap<String, String>) -> i64 {
    let seconds = |key: &str| form[key].parse::<f64>().unwrap();
    ((seconds("end") - seconds("start")) * 1000.0) as i64
}

#[tokio::test]
async fn busy_stores_are_asked_again_and_refusals_are_not() {
    // (fault, times, whether it can be read after all, words of the error)
    let table = [
        (Fault::Status(503, "busy"), 2, true, ""),
        (Fault::Status(429, "slow down"), 2, true, ""),
        (Fault::Status(500, "oops"), 3, false, "after 3 attempts"),
        (Fault::Status(401, "no token"), 1, false, "check the token"),
        (Fault::Status(403, "wrong tenant"), 1, false, "tenant"),
        (
            Fault::Status(404, "not found"),
            1,
            false,
            "does not answer as a Prometheus",
        ),
        (
            Fault::Status(
                422,
                r#"{"status":"error","errorType":"execution","error":"many-to-many matching"}"#,
            ),
            1,
            false,
            "many-to-many",
        ),
        (
            Fault::Body("<html>sign in</html>".into()),
            1,
            false,
            "does not answer as a Prometheus",
        ),
        (Fault::Truncated, 1, false, "broke off"),
    ];
    for (fault, times, readable, words) in table {
        let store = Store::start().await;
        steady(&store, "orders", 3);
        store.with(|held| {
            held.faults
                .extend((0..times).map(|_| (Signal::Age.name(), fault.clone())))
        });
        let history = read(&open(&config(&store), &["orders"]), "orders", 3).await;
        match history {
            Ok(history) => assert!(readable && history.points.len() == 3, "{words}"),
            Err(error) => assert!(!readable && error.contains(words), "{words}: {error}"),
        }
    }
}

#[tokio::test]
async fn a_signal_that_fails_is_a_gap_and_the_rest_is_read() {
    let table = [
        (
            Fault::Status(
                422,
                r#"{"status":"error","error":"found duplicate series"}"#,
            ),
            "duplicate series",
        ),
        (Fault::Truncated, "broke off"),
        (Fault::Slow(Duration::from_millis(1_500)), "within 0.5 s"),
    ];
    for (fault, words) in table {
        let store = Store::start().await;
        steady(&store, "orders", 1);
        store.with(|held| {
            held.faults
                .extend((0..4).map(|_| (Signal::CpuCores.name(), fault.clone())))
        });
        let config = PrometheusConfig {
            timeout: FlinkDuration::from_millis(500),
            retries: 0,
            ..config(&store)
        };
        let history = read(&open(&config, &["orders"]), "orders", 1)
            .await
            .unwrap();
        assert_eq!(history.points.len(), 1, "{words}");
        assert!(
            history.points[0].task_managers.cpu_cores.is_none() || words.contains("within"),
            "{words}"
        );
        assert!(
            says(&history, "CPU used", words),
            "{words}: {:?}",
            gaps(&history)
        );
    }
}

#[tokio::test]
async fn answers_that_are_too_large_are_asked_for_in_parts() {
    let store = Store::start().await;
    let pad = "x".repeat(600_000);
    for name in ["a", "b", "c"] {
        steady(&store, name, 2);
        store.put(
            Signal::Skew,
            labels(name, &[("task_id", "work"), ("pad", &pad)]),
            steps(2).map(|time| (time, 1.5)),
        );
    }
    let config = PrometheusConfig {
        max_answer_mib: 1,
        ..config(&store)
    };
    let history = open(&config, &["a", "b", "c"]);
    for name in ["a", "b", "c"] {
        let read = read(&history, name, 2).await.unwrap();
        assert_eq!(
            read.points[1].vertices["work"].in_skew.unwrap().mean,
            1.5,
            "{name}"
        );
    }
}

#[tokio::test]
async fn warnings_and_absent_jobs_are_told() {
    let store = Store::start().await;
    steady(&store, "orders", 2);
    store.with(|held| held.warning = Some("store eu-west did not answer".into()));
    let history = open(&config(&store), &["orders", "gone"]);
    let orders = read(&history, "orders", 2).await.unwrap();
    assert!(says(&orders, "history", "eu-west"));
    let gone = read(&history, "gone", 2).await.unwrap();
    assert_eq!(
        (gone.points.len(), gone.latest.as_ref().unwrap().state),
        (0, JobState::Unreachable)
    );
    assert!(
        says(&gone, "history", "namespace=shop, app=gone"),
        "{:?}",
        gaps(&gone)
    );
}

#[tokio::test]
async fn two_clusters_with_one_name_need_a_label() {
    let store = Store::start().await;
    steady(&store, "orders", 2);
    let keys: [JobKey; 2] = [
        "east/deployment/shop/orders".parse().unwrap(),
        "west/deployment/shop/orders".parse().unwrap(),
    ];
    let open = |config: &PrometheusConfig| {
        PrometheusHistory::open(
            config,
            Path::new("."),
            keys.iter().map(|key| (key.clone(), None)),
        )
        .unwrap()
    };
    let to_ms = BEGIN_MS + 2 * STEP_MS;
    for key in &keys {
        let history = open(&config(&store))
            .read(key, BEGIN_MS, to_ms, None)
            .await
            .unwrap();
        assert!(history.points.is_empty() && says(&history, "history", "same series"));
    }
    store.with(|held| {
        for series in held.series.values_mut().flatten() {
            series.0.insert("cluster".into(), "west".into());
        }
    });
    let mut labelled = config(&store);
    labelled.labels.cluster = Some("cluster".into());
    let seen: Vec<usize> = [
        open(&labelled)
            .read(&keys[0], BEGIN_MS, to_ms, None)
            .await
            .unwrap()
            .points
            .len(),
        open(&labelled)
            .read(&keys[1], BEGIN_MS, to_ms, None)
            .await
            .unwrap()
            .points
            .len(),
    ]
    .into();
    assert_eq!(seen, [0, 2]);
}

#[tokio::test]
async fn credentials_are_sent_and_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("token"), "very-secret\n").unwrap();
    let store = Store::start().await;
    steady(&store, "orders", 1);
    let open = |config: &PrometheusConfig| {
        PrometheusHistory::open(config, folder.path(), [(key("orders"), None)])
    };
    let mut bearer = config(&store);
    bearer.bearer_token_file = Some("token".into());
    bearer
        .headers
        .insert("X-Scope-OrgID".into(), "tenant-7".into());
    let history = open(&bearer).unwrap();
    read(&history, "orders", 1).await.unwrap();
    let mut basic = config(&store);
    basic.basic = Some(BasicConfig {
        user: "reader".into(),
        password_file: Some("token".into()),
        ..BasicConfig::default()
    });
    read(&open(&basic).unwrap(), "orders", 1).await.unwrap();
    let (first, last) = store.with(|held| {
        (
            held.headers.first().cloned().unwrap(),
            held.headers.last().cloned().unwrap(),
        )
    });
    assert_eq!(first["authorization"], "Bearer very-secret");
    assert_eq!(first["x-scope-orgid"], "tenant-7");
    assert!(
        last["authorization"]
            .to_str()
            .unwrap()
            .starts_with("Basic cmVhZGVyOnZlcnktc2VjcmV0")
    );
    assert!(!format!("{history:?}").contains("very-secret"));
    store.with(|held| {
        held.faults
            .push_back(("", Fault::Status(401, "very bad token")))
    });
    let error = read(&open(&bearer).unwrap(), "orders", 1)
        .await
        .unwrap_err();
    assert!(!error.contains("very-secret"), "{error}");
    // What is configured and not there is said before anything is asked.
    bearer.bearer_token_file = Some("missing".into());
    assert!(
        open(&bearer)
            .unwrap_err()
            .to_string()
            .contains("bearer_token_file: missing")
    );
    let mut tls = config(&store);
    tls.tls.ca = Some("token".into());
    assert!(
        open(&tls)
            .unwrap_err()
            .to_string()
            .contains("tls.ca: token")
    );
    let mut header = config(&store);
    header.headers.insert("X-Scope OrgID".into(), "a".into());
    assert!(
        open(&header)
            .unwrap_err()
            .to_string()
            .contains("no name of a header")
    );
}

#[tokio::test]
async fn a_history_can_be_read_where_nobody_may_wait() {
    let store = Store::start().await;
    steady(&store, "orders", 2);
    let mut history = open(&config(&store), &["orders"]);
    // The port is synchronous; this test's own runtime has one thread, which serves the store: it must be another that waits.
    let read = tokio::task::spawn_blocking(move || {
        let read =
            HistoryStore::history(&history, &key("orders"), BEGIN_MS, BEGIN_MS + 2 * STEP_MS)
                .unwrap();
        let refused = history
            .append(read.latest.as_ref().unwrap())
            .unwrap_err()
            .to_string();
        assert!(refused.contains("only read"), "{refused}");
        read
    })
    .await
    .unwrap();
    assert_eq!(read.points.len(), 2);
}

#[tokio::test]
async fn series_that_stand_still_are_no_running_job() {
    let store = Store::start().await;
    steady(&store, "orders", 12);
    steady(&store, "dead", 12);
    // A gateway is scraped for ever: the uptime is the same at each scrape.
    store.with(|held| {
        for (labels, values) in held.series.entry(Signal::Age.name()).or_default() {
            if labels["app"] == "dead" {
                values.values_mut().for_each(|age| *age = 86_400_000.0);
            }
        }
    });
    let open = open(&config(&store), &["orders", "dead"]);
    let dead = read(&open, "dead", 12).await.unwrap();
    assert!(dead.points.iter().all(|point| point.running == 0.0));
    assert_eq!(dead.latest.as_ref().unwrap().state, JobState::Stopped);
    assert!(says(&dead, "job", "Pushgateway"), "{:?}", gaps(&dead));
    let alive = read(&open, "orders", 12).await.unwrap();
    assert_eq!(alive.latest.unwrap().state, JobState::Running);
}

#[tokio::test]
async fn two_executions_at_once_under_one_name_are_a_gap() {
    for (from_step, to_step, told) in [(1, 12, true), (1, 4, false), (11, 12, false)] {
        let store = Store::start().await;
        steady(&store, "orders", 12);
        let age = |time: i64| (time - BEGIN_MS + 7_200_000) as f64;
        store.put(
            Signal::Age,
            labels("orders", &[("job_id", "b")]),
            steps(12)
                .skip(from_step - 1)
                .take(to_step - from_step + 1)
                .map(|time| (time, age(time))),
        );
        let open = open(&config(&store), &["orders"]);
        let history = read(&open, "orders", 12).await.unwrap();
        let words = "2 executions run under one name and can't be told apart (a, b)";
        assert_eq!(
            says(&history, "history", words),
            told,
            "{from_step}..{to_step}"
        );
        assert_eq!(history.points.is_empty(), told);
    }
}

#[tokio::test]
async fn a_restart_with_another_parallelism_is_a_rescale() {
    for (changes, rescales, restarts) in [(true, 1, 0), (false, 0, 1)] {
        let store = Store::start().await;
        steady(&store, "orders", 12);
        store.with(|held| {
            let seventh = BEGIN_MS + 7 * STEP_MS;
            for (_, values) in held.series.entry(Signal::Restarts.name()).or_default() {
                values
                    .range_mut(seventh..)
                    .for_each(|(_, count)| *count = 4.0);
            }
            for (_, values) in held.series.entry(Signal::Parallelism.name()).or_default() {
                let then = if changes { 6.0 } else { 4.0 };
                values
                    .range_mut(seventh..)
                    .for_each(|(_, value)| *value = then);
            }
        });
        let history = read(&open(&config(&store), &["orders"]), "orders", 12)
            .await
            .unwrap();
        let sum = |pick: fn(&plimsoll::snapshot::Point) -> u32| -> u32 {
            history.points.iter().map(pick).sum()
        };
        assert_eq!(sum(|point| point.rescales), rescales);
        assert_eq!(sum(|point| point.restarts), restarts);
    }
}
