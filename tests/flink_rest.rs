//! The reader of Flink's REST API when things go wrong.

use crate::recordings::{Recorded, decoded, json, transport};
use plimsoll::clients::flink_rest::{
    Answer, Counted, Http, Rest, RestError, Settings, StaticCluster, StaticJob, list_jobs, read_job,
};
use plimsoll::ports::Cluster;
use plimsoll::snapshot::{JobKey, JobState, Snapshot};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use wiremock::{Mock, MockServer, Request, ResponseTemplate, matchers};

fn key() -> JobKey {
    "lab/deployment/default/orders".parse().expect("key")
}

fn recorded() -> Recorded {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/recordings/series/1.20.5/overprovisioned");
    let index = json(&folder.join("index.json"));
    let passes = index["passes"].as_array().expect("passes").clone();
    transport(&folder, &index, &passes)
}

fn quick() -> Settings {
    Settings {
        connect_timeout: Duration::from_millis(500),
        request_timeout: Duration::from_millis(300),
        deadline: Duration::from_secs(5),
        ..Settings::default()
    }
}

async fn look<R: Rest>(rest: &R) -> Snapshot {
    read_job(rest, &key(), None, None, &quick()).await
}

fn says(snapshot: &Snapshot, what: &str, why: &str) -> bool {
    snapshot
        .gaps
        .iter()
        .any(|gap| gap.what.contains(what) && gap.reason.contains(why))
}

/// Another transport with some answers changed; counts requests and refuses long request lines as Flink does.
struct Altered<R, F> {
    inner: R,
    change: F,
    asked: Mutex<Vec<String>>,
}

impl<R: Rest, F: Fn(&str, Answer) -> Answer + Send + Sync> Rest for Altered<R, F> {
    async fn get(&self, path_and_query: &str) -> Result<Answer, RestError> {
        self.asked
            .lock()
            .expect("asked")
            .push(path_and_query.to_string());
        if format!("GET {path_and_query} HTTP/1.1\r\n").len() >= 4096 {
            let body = br#"{"errors":["Unable to load requested file /bad-request."]}"#.to_vec();
            return Ok(Answer { status: 404, body });
        }
        let answer = self.inner.get(path_and_query).await?;
        Ok((self.change)(path_and_query, answer))
    }

    fn endpoint(&self) -> String {
        self.inner.endpoint()
    }
}

fn altered<F: Fn(&str, Answer) -> Answer + Send + Sync>(change: F) -> Altered<Recorded, F> {
    Altered {
        inner: recorded(),
        change,
        asked: Mutex::new(Vec::new()),
    }
}

fn with_json(answer: Answer, edit: impl Fn(&mut Value)) -> Answer {
    let mut document: Value = serde_json::from_slice(&answer.body).expect("JSON");
    edit(&mut document);
    Answer {
        status: answer.status,
        body: serde_json::to_vec(&document).expect("JSON"),
    }
}

fn is_details(path: &str) -> bool {
    path.starts_with("/jobs/") && path.matches('/').count() == 2 && path != "/jobs/overview"
}

#[tokio::test]
async fn http_and_recording_read_the_same() {
    let server = MockServer::start().await;
    let recording = recorded();
    let answers = recording.clone();
    Mock::given(matchers::method("GET"))
        .respond_with(move |request: &Request| {
            let path = match request.url.query() {
                Some(query) => format!("{}?{query}", request.url.path()),
                None => request.url.path().to_string(),
            };
            let answer = futures::executor::block_on(answers.get(&path)).expect("recorded");
            ResponseTemplate::new(answer.status).set_body_bytes(answer.body)
        })
        .mount(&server)
        .await;
    let job = StaticJob {
        job: key(),
        rest: format!("{}/", server.uri()),
        access: Default::default(),
        flink_job: None,
    };
    let settings = Settings::default();
    let cluster = StaticCluster::over_http(vec![job], settings.clone()).expect("cluster");
    assert_eq!(cluster.jobs().await.expect("jobs"), [key()]);
    let over_http = cluster.observe(&key(), Some(42)).await.expect("snapshot");
    let direct = read_job(&recording, &key(), None, Some(42), &settings).await;
    assert_eq!(over_http, direct);
    assert_eq!(over_http.state, JobState::Running);
    assert_eq!(over_http.taken_at_ms, 42);
    assert!(says(&over_http, "clock", "differs"));
    let rest = Http::new(&settings)
        .expect("http")
        .at(&server.uri())
        .expect("address");
    let jobs = list_jobs(&rest, &settings).await.expect("jobs");
    assert_eq!(jobs.len(), 1);
    assert!(jobs[0].is_running());
}

#[tokio::test]
async fn nobody_there_is_unreachable_and_named() {
    let rest = Http::new(&quick())
        .expect("http")
        .at("http://user:hunter2@127.0.0.1:9/flink")
        .expect("address");
    let snapshot = look(&rest).await;
    assert_eq!(snapshot.state, JobState::Unreachable);
    assert!(
        says(&snapshot, "JobManager", "127.0.0.1:9"),
        "{:?}",
        snapshot.gaps
    );
    assert!(!format!("{snapshot:?}").contains("hunter2"));
    for bad in ["", "flink:8081", "ftp://flink", "http://"] {
        let error = Http::new(&quick()).expect("http").at(bad).expect_err(bad);
        assert!(error.to_string().contains("REST address"), "{error}");
    }
}

#[tokio::test]
async fn a_busy_server_is_tried_again_then_named() {
    // A JobManager that starts says 503; a proxy that lost it says 502 or 504.
    for (status, state) in [
        (503, JobState::Starting),
        (502, JobState::Unreachable),
        (504, JobState::Unreachable),
    ] {
        let server = MockServer::start().await;
        Mock::given(matchers::any())
            .respond_with(ResponseTemplate::new(status))
            .expect(3)
            .mount(&server)
            .await;
        let rest = Http::new(&quick())
            .expect("http")
            .at(&server.uri())
            .expect("address");
        let snapshot = look(&rest).await;
        assert_eq!(snapshot.state, state, "{status}");
        assert!(
            says(&snapshot, "JobManager", &status.to_string()),
            "{:?}",
            snapshot.gaps
        );
    }
}

#[tokio::test]
async fn a_restart_between_two_requests_is_a_start() {
    let server = MockServer::start().await;
    Mock::given(matchers::path("/jobs/overview"))
        .respond_with(ResponseTemplate::new(200).set_body_string(
            r#"{"jobs":[{"jid":"0123456789abcdef0123456789abcdef","name":"orders","state":"RUNNING","start-time":1}]}"#,
        ))
        .mount(&server)
        .await;
    Mock::given(matchers::path("/jobs/0123456789abcdef0123456789abcdef"))
        .respond_with(ResponseTemplate::new(503).set_body_string(
            r#"{"errors":["Service temporarily unavailable due to an ongoing leader election. Please refresh."]}"#,
        ))
        .mount(&server)
        .await;
    let rest = Http::new(&quick())
        .expect("http")
        .at(&server.uri())
        .expect("address");
    let snapshot = look(&rest).await;
    assert_eq!(snapshot.state, JobState::Starting);
    assert!(
        says(&snapshot, "job", "leader election"),
        "{:?}",
        snapshot.gaps
    );
}

#[tokio::test]
async fn silence_is_a_gap_after_the_timeout() {
    let server = MockServer::start().await;
    Mock::given(matchers::any())
        .respond_with(ResponseTemplate::new(200).set_delay(Duration::from_secs(30)))
        .mount(&server)
        .await;
    let rest = Http::new(&quick())
        .expect("http")
        .at(&server.uri())
        .expect("address");
    let begun = Instant::now();
    let snapshot = look(&rest).await;
    assert!(begun.elapsed() < Duration::from_secs(4));
    assert!(
        says(&snapshot, "JobManager", "no answer"),
        "{:?}",
        snapshot.gaps
    );
}

#[tokio::test]
async fn a_body_that_breaks_off_is_a_gap() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("listener");
    let address = listener.local_addr().expect("address");
    tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0_u8; 2048];
            let _ = stream.read(&mut request).await;
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"jobs\":[{\"jid\"")
                .await;
        }
    });
    let rest = Http::new(&quick())
        .expect("http")
        .at(&format!("http://{address}"))
        .expect("address");
    let snapshot = look(&rest).await;
    assert_eq!(snapshot.state, JobState::Unreachable);
    assert!(
        says(&snapshot, "JobManager", "broke off"),
        "{:?}",
        snapshot.gaps
    );
}

#[tokio::test]
async fn the_deadline_leaves_what_was_read() {
    struct Slow(Recorded);
    impl Rest for Slow {
        async fn get(&self, path: &str) -> Result<Answer, RestError> {
            if path.contains("/vertices/") {
                tokio::time::sleep(Duration::from_secs(60)).await;
            }
            self.0.get(path).await
        }
        fn endpoint(&self) -> String {
            self.0.endpoint()
        }
    }
    let settings = Settings {
        deadline: Duration::from_millis(400),
        ..Settings::default()
    };
    let snapshot = read_job(&Slow(recorded()), &key(), None, None, &settings).await;
    assert_eq!(snapshot.state, JobState::Running);
    assert!(!snapshot.vertices.is_empty());
    assert!(snapshot.checkpoints.is_some());
    assert!(
        says(&snapshot, "metrics of", "deadline of 0.4 s"),
        "{:?}",
        snapshot.gaps
    );
}

#[tokio::test]
async fn a_new_job_id_is_looked_up_once() {
    let looked = AtomicUsize::new(0);
    let rest = altered(|path, answer| {
        // The first list is of before the restart.
        if path == "/jobs/overview" && looked.fetch_add(1, Ordering::SeqCst) == 0 {
            return with_json(answer, |jobs| {
                jobs["jobs"][0]["jid"] = json!("0".repeat(32))
            });
        }
        answer
    });
    let snapshot = look(&rest).await;
    assert_eq!(snapshot.state, JobState::Running);
    assert_eq!(looked.load(Ordering::SeqCst), 2);

    let gone = altered(|path, answer| {
        if path == "/jobs/overview" {
            return with_json(answer, |jobs| {
                jobs["jobs"][0]["jid"] = json!("0".repeat(32))
            });
        }
        answer
    });
    let snapshot = look(&gone).await;
    assert_eq!(snapshot.state, JobState::Starting);
    assert!(says(&snapshot, "job", "404"), "{:?}", snapshot.gaps);
}

#[tokio::test]
async fn one_missing_metric_that_empties_the_list_is_survived() {
    let rest = altered(|path, answer| {
        let Some((_, names)) = path.split_once("/subtasks/metrics?get=") else {
            return answer;
        };
        let lacking = "accumulateIdleTimeMs";
        let asked: BTreeSet<String> = names.split(',').map(decoded).collect();
        if asked.contains(lacking) {
            return Answer {
                status: 200,
                body: b"[]".to_vec(),
            };
        }
        answer
    });
    // The name is not listed either.
    let rest = Altered {
        inner: rest,
        change: |path: &str, answer: Answer| {
            if path.ends_with("/subtasks/metrics") {
                return with_json(answer, |names| {
                    let names = names.as_array_mut().expect("names");
                    names.retain(|name| name["id"] != "accumulateIdleTimeMs");
                });
            }
            answer
        },
        asked: Mutex::new(Vec::new()),
    };
    let snapshot = look(&rest).await;
    let work = &snapshot.vertices[1];
    assert!(work.busy_ms_per_second.is_some(), "{:?}", snapshot.gaps);
    assert!(work.records_in.is_some());
}

#[tokio::test]
async fn long_lists_of_names_stay_below_the_limit_of_a_request_line() {
    let rest = altered(|path, answer| {
        if !path.ends_with("/subtasks/metrics") {
            return answer;
        }
        with_json(answer, |names| {
            let names = names.as_array_mut().expect("names");
            for index in 0..300 {
                names.push(json!({"id": format!("Source__a-rather-long-name-of-an-operator[{index}].numRecordsOut")}));
            }
        })
    });
    let snapshot = look(&rest).await;
    assert_eq!(snapshot.state, JobState::Running);
    assert!(!says(&snapshot, "metrics", "404"), "{:?}", snapshot.gaps);
    let asked = rest.asked.lock().expect("asked");
    let parts = asked
        .iter()
        .filter(|path| path.contains("/subtasks/metrics?get="))
        .count();
    assert!(parts > 5, "{parts}");
}

#[tokio::test]
async fn requests_are_as_few_as_promised() {
    let rest = altered(|_, answer| answer);
    let snapshot = look(&rest).await;
    let sources = snapshot
        .vertices
        .iter()
        .filter(|vertex| vertex.is_source())
        .count();
    let wide = snapshot
        .vertices
        .iter()
        .filter(|vertex| vertex.parallelism > 2 || vertex.busy_ms_per_second.is_none())
        .count();
    let promised = 10 + snapshot.vertices.len() + sources + wide + snapshot.task_managers.len();
    assert_eq!(rest.asked.lock().expect("asked").len(), promised);
    let counted = Counted::new(recorded());
    look(&counted).await;
    assert_eq!(counted.requests(), promised as u64);
    assert!(counted.bytes() > 1_000);
}

#[tokio::test]
async fn absurd_numbers_are_absent() {
    let rest = altered(|path, answer| {
        if is_details(path) {
            return with_json(answer, |job| {
                for vertex in job["vertices"].as_array_mut().expect("vertices") {
                    vertex["metrics"]["read-records"] = json!(-1);
                    vertex["metrics"]["write-records"] = json!(-9.5e300);
                    vertex["metrics"]["accumulated-busy-time"] = json!("NaN");
                    vertex["maxParallelism"] = json!(-1);
                }
            });
        }
        if path.contains("/subtasks/metrics?get=") {
            return with_json(answer, |metrics| {
                for metric in metrics.as_array_mut().expect("metrics") {
                    for part in ["min", "avg", "max", "sum"] {
                        metric[part] = json!(-5.0);
                    }
                }
            });
        }
        if path.starts_with("/taskmanagers/") && path.contains("?get=") {
            return with_json(answer, |metrics| {
                for metric in metrics.as_array_mut().expect("metrics") {
                    metric["value"] = json!("-1");
                }
            });
        }
        answer
    });
    let snapshot = look(&rest).await;
    assert_eq!(snapshot.state, JobState::Running);
    for vertex in &snapshot.vertices {
        assert_eq!(vertex.records_in, None);
        assert_eq!(vertex.records_out, None);
        assert_eq!(vertex.accumulated_busy_ms, None);
        assert_eq!(vertex.records_in_per_second, None);
        assert_eq!(vertex.max_parallelism, None);
    }
    assert!(
        snapshot
            .task_managers
            .iter()
            .all(|one| one.cpu_time_ns.is_none() && one.heap_used.is_none())
    );
    assert!(
        says(&snapshot, "metrics of TaskManager", "not reported")
            || says(&snapshot, "metrics of TaskManager", "reported")
    );
}

#[tokio::test]
async fn a_job_without_vertices_is_told() {
    let rest = altered(|path, answer| {
        if is_details(path) {
            return with_json(answer, |job| job["vertices"] = json!([]));
        }
        answer
    });
    let snapshot = look(&rest).await;
    assert!(snapshot.vertices.is_empty());
    assert!(says(&snapshot, "graph", "no vertices"));
}

#[tokio::test]
async fn ten_thousand_subtasks_are_not_listed_one_by_one() {
    let rest = altered(|path, answer| {
        if is_details(path) {
            return with_json(answer, |job| {
                for vertex in job["vertices"].as_array_mut().expect("vertices") {
                    vertex["parallelism"] = json!(10_000);
                    vertex["tasks"] = json!({"RUNNING": 10_000});
                }
            });
        }
        answer
    });
    let snapshot = look(&rest).await;
    assert_eq!(snapshot.state, JobState::Running);
    assert!(
        says(&snapshot, "each subtask", "10000 subtasks"),
        "{:?}",
        snapshot.gaps
    );
    assert!(
        !rest
            .asked
            .lock()
            .expect("asked")
            .iter()
            .any(|path| path.ends_with("/backpressure"))
    );
}

#[tokio::test]
async fn of_several_jobs_the_named_one_is_taken() {
    let several = |path: &str, answer: Answer| {
        if path == "/jobs/overview" {
            return with_json(answer, |jobs| {
                let mut other = jobs["jobs"][0].clone();
                other["jid"] = json!("f".repeat(32));
                other["name"] = json!("payments");
                jobs["jobs"].as_array_mut().expect("jobs").push(other);
            });
        }
        answer
    };
    let rest = altered(several);
    let unnamed = look(&rest).await;
    assert!(
        says(&unnamed, "job", "2 jobs run there"),
        "{:?}",
        unnamed.gaps
    );
    let named = read_job(&rest, &key(), Some("overprovisioned"), None, &quick()).await;
    assert_eq!(named.state, JobState::Running);
    let wrong = read_job(&rest, &key(), Some("refunds"), None, &quick()).await;
    assert!(says(&wrong, "job", "`refunds`"), "{:?}", wrong.gaps);
}

/// Each document broken in each way: the reader goes on, and says what is missing.
#[tokio::test]
async fn any_broken_document_costs_only_itself() {
    let whole = look(&recorded()).await;
    let rest = altered(|_, answer| answer);
    look(&rest).await;
    let paths: BTreeSet<String> = rest.asked.lock().expect("asked").iter().cloned().collect();
    let faults: [(&str, u16, &[u8]); 7] = [
        (
            "server error",
            500,
            br#"{"errors":["java.util.concurrent.TimeoutException: too slow"]}"#,
        ),
        ("not found", 404, b"{}"),
        ("not JSON", 200, b"<html>Sign in</html>"),
        ("truncated", 200, br#"{"jobs":[{"jid":"#),
        ("null", 200, b"null"),
        ("a list", 200, b"[[], 1, null]"),
        (
            "an object",
            200,
            br#"{"jobs": 1, "vertices": {}, "taskmanagers": "x", "counts": [], "history": 7}"#,
        ),
    ];
    // Without the list of its metrics, a TaskManager is asked for the collectors that are usual.
    let is_list = |path: &str| path.starts_with("/taskmanagers/") && !path.contains('?');
    for broken in paths.iter().filter(|path| !is_list(path)) {
        for (fault, status, body) in faults {
            let rest = altered(|path, answer| {
                if path == broken {
                    return Answer {
                        status,
                        body: body.to_vec(),
                    };
                }
                answer
            });
            let snapshot = look(&rest).await;
            assert!(
                snapshot != whole && snapshot.gaps != whole.gaps,
                "{broken} ({fault}) was not missed"
            );
            if snapshot.state == JobState::Running && !is_details(broken) {
                assert_eq!(
                    snapshot.vertices.len(),
                    whole.vertices.len(),
                    "{broken} ({fault})"
                );
            }
        }
    }
}

/// The names of latency markers at a vertex and their largest values, as Flink writes them: with others that are not wanted, subtasks without a marker yet, and a chained operator that is slower than the head.
fn latency_names(vertex: &str, subtasks: u32) -> Vec<(String, Value)> {
    let source = "bc764cd8ddf7a0cff126f51c16239658";
    let name = |operator: &str, subtask: u32, what: &str| {
        format!(
            "latency.source_id.{source}.operator_id.{operator}.operator_subtask_index.{subtask}.latency_{what}"
        )
    };
    let mut names = Vec::new();
    for subtask in 0..subtasks {
        let p95 = match subtask {
            0 => json!(41.5),
            1 => json!("NaN"),
            2 => json!(-3.0),
            _ => json!(12.0),
        };
        names.push((name(vertex, subtask, "p95"), p95));
        for other in [
            "min", "max", "mean", "median", "stddev", "p75", "p99", "p999",
        ] {
            names.push((name(vertex, subtask, other), json!(900.0)));
        }
        names.push((
            name("0a448493b4782967b150582570326227", subtask, "p95"),
            json!(700.0),
        ));
    }
    names
}

/// The recorded job with latency markers at every vertex behind its source.
fn with_markers(
    interval: Option<&'static str>,
    subtasks: u32,
) -> Altered<Recorded, impl Fn(&str, Answer) -> Answer + Send + Sync> {
    altered(move |path, answer| {
        if path == "/jobmanager/config" {
            return with_json(answer, |options| {
                if let (Some(interval), Some(options)) = (interval, options.as_array_mut()) {
                    options.push(json!({"key": "metrics.latency.interval", "value": interval}));
                }
            });
        }
        let Some((place, query)) = path.split_once("/subtasks/metrics") else {
            return answer;
        };
        let vertex = place.rsplit('/').next().unwrap_or_default();
        let names = latency_names(vertex, subtasks);
        let found: Vec<Value> = match query.strip_prefix("?get=") {
            None => {
                let listed: Vec<Value> = serde_json::from_slice(&answer.body).unwrap_or_default();
                let more = names.into_iter().map(|(name, _)| json!({ "id": name }));
                listed.into_iter().chain(more).collect()
            }
            Some(asked) if asked.contains("latency_") => names
                .into_iter()
                .filter(|(name, _)| asked.split(',').any(|one| decoded(one) == *name))
                .map(|(name, value)| {
                    json!({"id": name, "min": value, "max": value, "avg": value, "sum": value})
                })
                .collect(),
            Some(_) => return answer,
        };
        Answer {
            status: 200,
            body: serde_json::to_vec(&found).expect("JSON"),
        }
    })
}

fn latencies(snapshot: &Snapshot) -> Vec<Option<f64>> {
    let behind = snapshot.vertices.iter().filter(|one| !one.is_source());
    behind.map(|vertex| vertex.latency_ms).collect()
}

#[tokio::test]
async fn latency_markers_are_read_where_the_configuration_sends_them() {
    let off = with_markers(None, 3);
    let without = look(&off).await;
    assert!(latencies(&without).iter().all(Option::is_none));
    let usual = off.asked.lock().expect("asked").len();
    for (interval, subtasks, expected, more) in [
        ("0", 3, None, 0),
        ("1000", 1, Some(41.5), 2),
        ("30 s", 3, Some(41.5), 2),
        ("1000", 1500, Some(41.5), 2),
        // Nobody has seen a marker: there is nothing to ask for.
        ("1000", 0, None, 1),
    ] {
        let rest = with_markers(Some(interval), subtasks);
        let snapshot = look(&rest).await;
        let case = format!("{interval}, {subtasks} subtasks: {:?}", snapshot.gaps);
        let found = latencies(&snapshot);
        assert!(
            !found.is_empty() && found.iter().all(|one| *one == expected),
            "{case}"
        );
        assert!(
            snapshot
                .vertices
                .iter()
                .all(|one| !one.is_source() || one.latency_ms.is_none())
        );
        assert_eq!(snapshot.gaps, without.gaps, "{case}");
        let asked = rest.asked.lock().expect("asked");
        assert_eq!(asked.len(), usual + more * found.len(), "{case}");
        assert!(asked.iter().all(|path| path.len() < 4000), "{case}");
        // What is written is read back.
        let text = serde_json::to_string(&snapshot).expect("JSON");
        assert_eq!(
            serde_json::from_str::<Snapshot>(&text).expect("read"),
            snapshot
        );
    }
}

#[tokio::test]
async fn latencies_that_are_not_answered_are_gaps_and_harm_nothing_else() {
    let good = with_markers(Some("1000"), 2);
    let whole = look(&good).await;
    for (status, body) in [(500, "{}"), (403, "no"), (200, "[{\"id\":"), (200, "7")] {
        let inner = with_markers(Some("1000"), 2);
        let rest = Altered {
            inner,
            change: |path: &str, answer: Answer| {
                if path.contains("latency_") {
                    return Answer {
                        status,
                        body: body.as_bytes().to_vec(),
                    };
                }
                answer
            },
            asked: Mutex::new(Vec::new()),
        };
        let mut snapshot = look(&rest).await;
        assert!(latencies(&snapshot).iter().all(Option::is_none), "{body}");
        let told = snapshot
            .gaps
            .iter()
            .filter(|gap| gap.what.starts_with("latency of "))
            .count();
        let expected = if body == "7" {
            0
        } else {
            latencies(&whole).len()
        };
        assert_eq!(told, expected, "{status} {body}: {:?}", snapshot.gaps);
        for (vertex, before) in snapshot.vertices.iter_mut().zip(&whole.vertices) {
            vertex.latency_ms = before.latency_ms;
        }
        assert_eq!(snapshot.vertices, whole.vertices);
    }
}
