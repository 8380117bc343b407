//! The simulated fleet: the same seed gives the same numbers, nothing is lost or made on the way, each job shows what it stands for, and
//! its REST answers are read as its snapshots say.

use plimsoll::classify::{Settings as Thresholds, classify};
use plimsoll::clients::flink_rest::{
    Answer, Http, Rest, RestError, Settings as Patience, StaticCluster, StaticJob, read_job,
};
use plimsoll::ports::Cluster;
use plimsoll::recommend::Size;
use plimsoll::simulate::{Fleet, demo, model, random, serve};
use plimsoll::snapshot::{History, JobKey, JobState, Snapshot};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;
/// 2026-03-02 00:00 UTC, a Monday, and two weeks later.
const START_MS: i64 = 1_772_409_600_000;
const NOW_MS: i64 = START_MS + 14 * DAY_MS;

fn fleet() -> Fleet {
    demo::fleet(7, NOW_MS, 14 * DAY_MS).expect("the demo's manifests are read")
}

fn key(fleet: &Fleet, short: &str) -> JobKey {
    let (namespace, name) = short.split_once('/').expect("namespace/name");
    fleet
        .find(namespace, name)
        .expect("the fleet has it")
        .clone()
}

/// Snapshots of a job between two times, `every_ms` apart.
fn series(fleet: &Fleet, key: &JobKey, from_ms: i64, to_ms: i64, every_ms: i64) -> Vec<Snapshot> {
    (from_ms..=to_ms)
        .step_by(every_ms as usize)
        .map(|at_ms| fleet.snapshot(key, at_ms).expect("the fleet has it"))
        .collect()
}

fn backpressured(snapshot: &Snapshot) -> f64 {
    snapshot
        .vertices
        .iter()
        .filter_map(|vertex| Some(vertex.backpressured_ms_per_second?.mean / 1000.0))
        .fold(0.0, f64::max)
}

fn pending(snapshot: &Snapshot) -> f64 {
    snapshot
        .vertices
        .iter()
        .filter_map(|vertex| vertex.pending_records)
        .sum()
}

#[test]
fn simulate_same_seed_same_numbers_whenever_asked() {
    let (often, once, other) = (
        fleet(),
        fleet(),
        demo::fleet(8, NOW_MS, 14 * DAY_MS).unwrap(),
    );
    let mut differ = 0;
    for key in often.keys() {
        let begin = NOW_MS - 4 * HOUR_MS;
        let steps = series(&often, &key, begin, NOW_MS + 7_000, 91_000);
        let at_ms = steps.last().unwrap().taken_at_ms;
        let direct = once.snapshot(&key, at_ms).unwrap();
        assert_eq!(steps.last().unwrap(), &direct, "{key}");
        // Going back plays it again, to the same numbers.
        assert_eq!(
            once.snapshot(&key, steps[0].taken_at_ms).unwrap(),
            steps[0],
            "{key}"
        );
        differ += usize::from(other.snapshot(&key, at_ms).unwrap() != direct);
    }
    assert_eq!(differ, often.keys().len(), "another seed is another fleet");
}

#[test]
fn simulate_nothing_is_lost_or_made_on_the_way() {
    let fleet = fleet();
    for key in fleet.keys() {
        for snapshot in series(&fleet, &key, NOW_MS - 2 * HOUR_MS, NOW_MS, 17 * MINUTE_MS) {
            if snapshot.state != JobState::Running {
                continue;
            }
            conserves(&snapshot);
        }
        let mut job = fleet.job(&key).unwrap();
        let state = job.at(NOW_MS).clone();
        let legacy = job.spec.vertices.iter().any(|vertex| {
            vertex
                .source
                .as_ref()
                .is_some_and(|source| source.topic.is_none())
        });
        let left = state.truth.arrived - state.truth.emitted - state.backlog.iter().sum::<f64>();
        assert!(
            legacy || left.abs() <= state.truth.arrived * 1e-3 + 1.0,
            "{key}: {left} records vanished of {}",
            state.truth.arrived
        );
    }
}

fn conserves(snapshot: &Snapshot) {
    let by_id: BTreeMap<&str, &plimsoll::snapshot::Vertex> = snapshot
        .vertices
        .iter()
        .map(|vertex| (vertex.id.as_str(), vertex))
        .collect();
    for vertex in &snapshot.vertices {
        if let (Some(busy), Some(held), Some(idle)) = (
            vertex.busy_ms_per_second,
            vertex.backpressured_ms_per_second,
            vertex.idle_ms_per_second,
        ) {
            let sum = busy.mean + held.mean + idle.mean;
            assert!((sum - 1000.0).abs() < 1.0, "{}: {sum}", vertex.name);
        }
        let given: Option<u64> = vertex
            .inputs
            .iter()
            .map(|input| by_id[input.vertex.as_str()].records_out)
            .sum();
        if let (false, Some(given), Some(taken)) =
            (vertex.inputs.is_empty(), given, vertex.records_in)
        {
            let slack = 1.0 + 2.0 * f64::from(vertex.parallelism) * 16.0;
            assert!(
                (given as f64 - taken as f64).abs() <= slack + taken as f64 * 1e-6,
                "{}: {} {given} given, {taken} taken",
                snapshot.job,
                vertex.name
            );
        }
    }
}

#[test]
fn simulate_each_demo_job_shows_what_it_stands_for() {
    let fleet = fleet();
    let mut shown = BTreeSet::new();
    let mut wrong = Vec::new();
    for account in fleet.accounts(NOW_MS) {
        let stands_for = account.stands_for.unwrap();
        let history = History::from_snapshots(series(
            &fleet,
            &account.job,
            START_MS,
            NOW_MS,
            10 * MINUTE_MS,
        ))
        .unwrap();
        let profile = classify(&history, &Thresholds::default());
        let found: BTreeSet<&str> = profile.verdicts.iter().map(|v| v.id.as_str()).collect();
        if !found.contains(stands_for) {
            wrong.push(format!("{}: {stands_for}, but {found:?}", account.job));
        }
        shown.insert(stands_for);
        shown.extend(found);
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    for id in plimsoll::classify::VerdictId::ALL {
        assert!(shown.contains(id.as_str()), "nobody shows {}", id.as_str());
    }
}

#[test]
fn simulate_two_weeks_of_the_fleet_take_seconds() {
    let fleet = fleet();
    let begin = std::time::Instant::now();
    for key in fleet.keys() {
        assert!(series(&fleet, &key, START_MS, NOW_MS, 10 * MINUTE_MS).len() > 2000);
    }
    // About a second when alone; the bound leaves room for a machine that does other things.
    assert!(
        begin.elapsed().as_secs() < 15,
        "{:?} for two weeks",
        begin.elapsed()
    );
}

#[test]
fn simulate_smaller_size_and_more_load_hurt_and_the_revert_heals() {
    let fleet = fleet();
    let orders = key(&fleet, "payments/orders-enrich");
    let before = fleet.snapshot(&orders, NOW_MS).unwrap();
    let old_size = fleet.job(&orders).unwrap().size().clone();
    let manifest = fleet.manifests()["apps/payments/flink.yaml"].clone();
    let smaller = manifest.replacen("parallelism: 12", "parallelism: 8", 1);
    let restarted = fleet.apply_manifest("m", &smaller, NOW_MS).unwrap();
    assert_eq!(
        restarted,
        vec![orders.clone()],
        "only what changed restarts"
    );
    assert!(
        fleet
            .apply_manifest("m", &smaller, NOW_MS)
            .unwrap()
            .is_empty()
    );

    let during = fleet.snapshot(&orders, NOW_MS + 30_000).unwrap();
    assert_eq!(during.state, JobState::Starting);
    let after = fleet.snapshot(&orders, NOW_MS + HOUR_MS).unwrap();
    assert_ne!(after.job_id, before.job_id, "a redeployment has a new id");
    assert_eq!(after.vertices[0].id, before.vertices[0].id);
    assert_eq!(after.task_managers.len(), 4);
    assert!(backpressured(&after) < 0.1, "it still carries its load");

    let carries = fleet
        .carries(&orders, NOW_MS + HOUR_MS, NOW_MS + DAY_MS)
        .unwrap();
    assert!((2.0..5.0).contains(&carries), "{carries}");
    fleet
        .raise_load(&orders, carries * 1.25, NOW_MS + HOUR_MS)
        .unwrap();
    let hurt = fleet.snapshot(&orders, NOW_MS + 15 * HOUR_MS).unwrap();
    assert!(backpressured(&hurt) > 0.5);
    let rate = hurt.vertices[0].records_in_per_second.unwrap();
    assert!(pending(&hurt) > 120.0 * rate, "lag: {}", pending(&hurt));

    let reverted = NOW_MS + 15 * HOUR_MS;
    fleet.apply(&orders, &old_size, reverted).unwrap();
    let healed = fleet.snapshot(&orders, reverted + 14 * HOUR_MS).unwrap();
    assert!(backpressured(&healed) < 0.1);
    assert!(pending(&healed) < 10.0 * rate);
}

#[test]
fn simulate_too_little_memory_kills() {
    let fleet = fleet();
    let invoices = key(&fleet, "billing/invoice-aggregate");
    let size = fleet.job(&invoices).unwrap().size().clone();
    let less = Size {
        memory_bytes: 2560 << 20,
        ..size.clone()
    };
    fleet.apply(&invoices, &less, NOW_MS).unwrap();
    let loop_ = fleet.snapshot(&invoices, NOW_MS + 2 * HOUR_MS).unwrap();
    assert!(loop_.restarts.unwrap_or(0) >= 3);
    assert!(loop_.failures.iter().all(|failure| failure.out_of_memory));

    let refused = Size {
        memory_bytes: 600 << 20,
        ..size
    };
    fleet
        .apply(&invoices, &refused, NOW_MS + 2 * HOUR_MS)
        .unwrap();
    let failed = fleet.snapshot(&invoices, NOW_MS + 3 * HOUR_MS).unwrap();
    assert_eq!(failed.state, JobState::Failed);
}

/// The sizes that the simulated operator reads are those that Flink's options say, read by the vocabulary of the planner.
#[test]
fn simulate_pools_agree_with_the_planners() {
    use plimsoll::flink::memory;
    use plimsoll::flink::version::FlinkVersion;
    let options: BTreeMap<String, String> = [(
        "taskmanager.memory.managed.fraction".to_string(),
        "0.1".to_string(),
    )]
    .into();
    for (mib, options) in [
        (1536u64, &options),
        (4096, &BTreeMap::new()),
        (700, &options),
    ] {
        let bytes = mib << 20;
        let simulated = model::memory::pools(bytes, options);
        let planned = memory::pools(options, Some(bytes), FlinkVersion::V1_20);
        match (simulated, planned) {
            (Ok(simulated), Ok(planned)) => {
                let close = |a: u64, b: u64| a.abs_diff(b) <= 16;
                let same = close(simulated.task_heap, planned.task_heap)
                    && close(simulated.managed, planned.managed)
                    && close(simulated.network, planned.network);
                assert!(same, "{mib} MiB: {simulated:?} {planned:?}");
            }
            (simulated, planned) => assert_eq!(simulated.is_ok(), planned.is_ok(), "{mib} MiB"),
        }
    }
}

#[test]
fn simulate_random_jobs_know_their_best_size() {
    let drawn = random::jobs(11, 6, START_MS, 14);
    assert_eq!(drawn.len(), 6);
    for drawn in drawn {
        let name = drawn.job.spec.key.short();
        let cost = model::truth::monthly_cost;
        assert!(cost(&drawn.best) < cost(drawn.job.size()), "{name}");
        assert!(drawn.best_carries >= 1.0, "{name}");
        // It holds in the simulation too, over the busiest days, and a quarter less CPU and parallelism does not.
        let mut best = model::job::Job::new(drawn.job.spec.clone(), drawn.best.clone());
        let state = best.at(START_MS + 5 * DAY_MS).clone();
        assert!(
            state.truth.late_ms < 60.0 * 60_000.0,
            "{name}: {:?}",
            state.truth
        );
    }
}

/// A simulated JobManager as something that is asked directly.
struct Direct<'a> {
    fleet: &'a Fleet,
    key: JobKey,
    at_ms: i64,
}

impl Rest for Direct<'_> {
    async fn get(&self, path_and_query: &str) -> Result<Answer, RestError> {
        let reply = self
            .fleet
            .answer(&self.key, path_and_query, self.at_ms)
            .expect("the fleet has it");
        Ok(Answer {
            status: reply.status,
            body: reply.body.to_string().into_bytes(),
        })
    }

    fn endpoint(&self) -> String {
        format!("http://simulated/{}", self.key.short())
    }
}

/// What a snapshot read over REST cannot have in the same words: gaps name endpoints, and the configuration is what the reader keeps.
fn comparable(mut snapshot: Snapshot) -> Snapshot {
    snapshot.gaps.clear();
    snapshot.configuration.clear();
    for vertex in &mut snapshot.vertices {
        // Sums of floating point numbers in another order.
        vertex.busy_median_ms_per_second = None;
        for value in [
            &mut vertex.accumulated_busy_ms,
            &mut vertex.accumulated_backpressured_ms,
            &mut vertex.accumulated_idle_ms,
            &mut vertex.records_in_per_second,
            &mut vertex.records_out_per_second,
        ] {
            *value = value.map(|value| (value * 10.0).round() / 10.0);
        }
        for spread in [
            &mut vertex.busy_ms_per_second,
            &mut vertex.backpressured_ms_per_second,
            &mut vertex.idle_ms_per_second,
            &mut vertex.records_in_spread,
        ]
        .into_iter()
        .flatten()
        {
            for value in [&mut spread.min, &mut spread.mean, &mut spread.max] {
                *value = (*value * 10.0).round() / 10.0;
            }
        }
    }
    snapshot
}

/// Equal but for the last digits: the reader keeps seven of a fraction, and sums come in another order.
fn alike(one: &serde_json::Value, two: &serde_json::Value) -> bool {
    use serde_json::Value;
    match (one, two) {
        (Value::Number(one), Value::Number(two)) => {
            let (one, two) = (one.as_f64().unwrap(), two.as_f64().unwrap());
            (one - two).abs() <= 1e-5 * one.abs().max(two.abs()).max(1.0)
        }
        (Value::Array(one), Value::Array(two)) => {
            one.len() == two.len() && one.iter().zip(two).all(|(one, two)| alike(one, two))
        }
        (Value::Object(one), Value::Object(two)) => {
            one.len() == two.len()
                && one
                    .iter()
                    .all(|(key, value)| two.get(key).is_some_and(|other| alike(value, other)))
        }
        (one, two) => one == two,
    }
}

#[tokio::test]
async fn simulate_rest_and_snapshots_agree() {
    let fleet = fleet();
    // One that can't start, and one that is between two failures.
    let refused = key(&fleet, "billing/invoice-aggregate");
    let size = Size {
        memory_bytes: 600 << 20,
        ..fleet.job(&refused).unwrap().size().clone()
    };
    fleet
        .apply(&refused, &size, NOW_MS - 20 * MINUTE_MS)
        .unwrap();
    let alerts = key(&fleet, "telemetry/alert-rules");
    let down_at_ms = (NOW_MS - 6 * HOUR_MS..NOW_MS)
        .step_by(5_000)
        .find(|at_ms| fleet.snapshot(&alerts, *at_ms).unwrap().state == JobState::Starting)
        .expect("it restarts all the time");
    for key in fleet.keys() {
        for at_ms in [down_at_ms, NOW_MS - 37 * MINUTE_MS - 3_000, NOW_MS] {
            if at_ms < fleet.job(&key).unwrap().spec.start_ms {
                continue;
            }
            let rest = Direct {
                fleet: &fleet,
                key: key.clone(),
                at_ms,
            };
            let read = read_job(&rest, &key, None, None, &Patience::default()).await;
            let direct = fleet.snapshot(&key, at_ms).unwrap();
            assert_eq!(read.taken_at_ms, at_ms, "the clock is the simulated one");
            for (read, direct) in read.vertices.iter().zip(&direct.vertices) {
                // Ratios of the backpressure endpoint have three decimals.
                let medians = (
                    read.busy_median_ms_per_second,
                    direct.busy_median_ms_per_second,
                );
                let far = match medians {
                    (Some(read), Some(direct)) => (read - direct).abs() > 1.0,
                    (read, direct) => read.is_some() != direct.is_some(),
                };
                assert!(!far, "{key} at {at_ms}, {}: {medians:?}", direct.name);
            }
            let gaps = read.gaps.clone();
            let (read, direct) = (
                serde_json::to_value(comparable(read)).unwrap(),
                serde_json::to_value(comparable(direct)).unwrap(),
            );
            assert!(
                alike(&read, &direct),
                "{key} at {at_ms}: {gaps:?}\n{read}\n{direct}"
            );
        }
    }
}

#[test]
fn simulate_rest_sets_flinks_traps() {
    let fleet = fleet();
    let clicks = key(&fleet, "search/click-sessions");
    let get = |key: &JobKey, path: &str| fleet.answer(key, path, NOW_MS).unwrap();
    let jobs = get(&clicks, "/jobs/overview").body;
    let id = jobs["jobs"][0]["jid"].as_str().unwrap();
    let details = get(&clicks, &format!("/jobs/{id}")).body;
    let source = details["vertices"][0]["id"].as_str().unwrap();
    let place = format!("/jobs/{id}/vertices/{source}/subtasks/metrics");

    let names = get(&clicks, &place).body.to_string();
    assert!(
        names.contains("Source__clicks[1].pendingRecords"),
        "{names}"
    );
    let known = get(
        &clicks,
        &format!("{place}?get=Source__clicks%5B1%5D.pendingRecords,busyTimeMsPerSecond"),
    );
    assert_eq!(known.body.as_array().unwrap().len(), 2);
    let one_unknown = get(
        &clicks,
        &format!("{place}?get=busyTimeMsPerSecond,noSuchMetric"),
    );
    assert_eq!(one_unknown.body, serde_json::json!([]));
    let long = format!("{place}?get={}", "busyTimeMsPerSecond,".repeat(220));
    assert_eq!(get(&clicks, &long).status, 404);
    assert_eq!(get(&clicks, "/jobs/nonsense").status, 400);
    assert_eq!(
        get(&clicks, &format!("/jobs/{}", "0".repeat(32))).status,
        404
    );
    assert_eq!(get(&clicks, "/no/such/page").status, 404);

    // The id and the number in the source's name change with a redeployment, and it answers 503 for a while.
    let size = fleet.job(&clicks).unwrap().size().clone();
    let smaller = Size {
        parallelism: 6,
        task_managers: 3,
        ..size
    };
    fleet.apply(&clicks, &smaller, NOW_MS).unwrap();
    let asked = |at_ms: i64| fleet.answer(&clicks, "/jobs/overview", at_ms).unwrap();
    assert_eq!(asked(NOW_MS + 5_000).status, 503);
    let later = asked(NOW_MS + 10 * MINUTE_MS).body;
    assert_ne!(later["jobs"][0]["jid"], jobs["jobs"][0]["jid"]);
    let new_id = later["jobs"][0]["jid"].as_str().unwrap();
    let details = fleet
        .answer(&clicks, &format!("/jobs/{new_id}"), NOW_MS + 10 * MINUTE_MS)
        .unwrap();
    assert_eq!(details.body["vertices"][0]["name"], "Source: clicks[3]");
    assert_eq!(details.body["vertices"][0]["id"], source);

    // A legacy source: busy time is the text NaN, and no pending records.
    let bridge = key(&fleet, "platform/legacy-bridge");
    let mut spec = fleet.job(&bridge).unwrap().spec.clone();
    spec.telemetry = model::spec::Telemetry::Full;
    let size = fleet.job(&bridge).unwrap().size().clone();
    let mut job = model::job::Job::new(spec, size);
    let jobs = plimsoll::simulate::rest::answer(&mut job, "/jobs", NOW_MS).body;
    let id = jobs["jobs"][0]["id"].as_str().unwrap().to_string();
    let vertex = job.spec.vertex_id(0);
    let path = format!("/jobs/{id}/vertices/{vertex}/subtasks/metrics?get=busyTimeMsPerSecond");
    let busy = plimsoll::simulate::rest::answer(&mut job, &path, NOW_MS).body;
    assert_eq!(busy[0]["max"], "NaN");
}

#[tokio::test]
async fn simulate_serves_over_http() {
    let fleet = Arc::new(fleet());
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
        .await
        .unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = tokio::spawn(serve(fleet.clone(), listener, 0.0, async {
        let _ = stopped.await;
    }));
    let base = format!("http://{address}");
    let http = reqwest_client();
    let fraud = key(&fleet, "risk/fraud-score");
    let cluster = StaticCluster::over_http(
        vec![StaticJob {
            job: fraud.clone(),
            rest: format!("{base}/risk/fraud-score"),
            access: Default::default(),
            flink_job: None,
        }],
        Patience::default(),
    )
    .unwrap();
    let read = cluster.observe(&fraud, None).await.unwrap();
    assert_eq!(read.taken_at_ms, NOW_MS);
    assert_eq!(read.state, JobState::Running);

    let moved: serde_json::Value = http
        .post(format!("{base}/clock?advance_s=600"))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(moved["now_ms"], NOW_MS + 600_000);
    let bigger =
        fleet.manifests()["apps/risk/list.yaml"].replacen("parallelism: 4", "parallelism: 8", 1);
    let applied: serde_json::Value = http
        .post(format!("{base}/apply"))
        .body(bigger)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(applied["restarted"], serde_json::json!([fraud.to_string()]));
    let at_ms = NOW_MS + HOUR_MS;
    http.post(format!("{base}/clock"))
        .body(format!("{{\"now_ms\": {at_ms}}}"))
        .send()
        .await
        .unwrap();
    let read = cluster.observe(&fraud, None).await.unwrap();
    assert_eq!(read.taken_at_ms, at_ms);
    assert_eq!(read.task_managers.len(), 4);
    let listed: serde_json::Value = http
        .get(format!("{base}/fleet"))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(listed["simulated"], true);
    assert_eq!(listed["jobs"].as_array().unwrap().len(), fleet.keys().len());
    let wrong = http
        .post(format!("{base}/clock"))
        .body("{\"then\": 1}")
        .send()
        .await
        .unwrap();
    assert_eq!(wrong.status(), 400);
    stop.send(()).unwrap();
    server.await.unwrap().unwrap();
}

fn reqwest_client() -> reqwest::Client {
    // Installs the TLS provider that the client asks for, though all here is plain HTTP.
    Http::new(&Patience::default()).expect("a TLS provider");
    reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client")
}
