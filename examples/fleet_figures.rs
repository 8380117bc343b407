//! Prints what it costs to list a whole fleet from a Kubernetes API server and to read and classify it from a Prometheus: seconds, peak
//! memory, requests and queries, with 1, 2 and 4 shards. Both servers are one process of its own that answers with made-up resources and
//! series; what asks them is the product's: `cargo run --release --example fleet_figures [JOBS] [DAYS] [STEP_MINUTES]`.
#![allow(clippy::print_stdout)]

#[path = "shapes/resource.rs"]
mod resource;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::routing::{any, get};
use plimsoll::classify::{self, classify};
use plimsoll::clients::kubernetes::{Access, KubernetesCluster, Settings};
use plimsoll::clients::prometheus::{ALL, Form, PrometheusHistory, STATS, Scope, Signal};
use plimsoll::config::{PrometheusConfig, Reach};
use plimsoll::ports::Cluster;
use plimsoll::quantity::FlinkDuration;
use plimsoll::snapshot::{History, Input, JobKey, JobState, Snapshot, Vertex};
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

const VERTICES: usize = 20;
/// 2026-03-02 00:00 UTC.
const NOW_MS: i64 = 1_772_409_600_000;
const DAY_MS: i64 = 86_400_000;

type Anyhow<T> = anyhow::Result<T>;

/// Requests to the API server so far, of all shards.
static LISTS: AtomicU64 = AtomicU64::new(0);

#[derive(Debug, Clone, Copy)]
struct Fleet {
    jobs: usize,
    days: i64,
    step_minutes: i64,
}

impl Fleet {
    fn from_args(args: &[String]) -> Anyhow<Fleet> {
        let number =
            |at: usize, default: i64| args.get(at).map_or(Ok(default), |text| text.parse());
        Ok(Fleet {
            jobs: usize::try_from(number(0, 10_000)?)?,
            days: number(1, 1)?,
            step_minutes: number(2, 10)?,
        })
    }

    fn to_args(self) -> [String; 3] {
        [
            self.jobs.to_string(),
            self.days.to_string(),
            self.step_minutes.to_string(),
        ]
    }
}

fn name(job: usize) -> String {
    format!("job-{job:05}")
}

fn main() -> Anyhow<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.first().map(String::as_str) {
        Some("serve") => runtime()?.block_on(serve(Fleet::from_args(&args[1..])?)),
        Some("read") => {
            let shard = (args[2].parse()?, args[3].parse()?);
            runtime()?.block_on(read(&args[1], shard, Fleet::from_args(&args[4..])?))
        }
        _ => table(Fleet::from_args(&args)?),
    }
}

fn runtime() -> Anyhow<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?)
}

fn this(args: &[String]) -> Anyhow<(Child, BufReader<std::process::ChildStdout>)> {
    let mut child = Command::new(std::env::current_exe()?)
        .args(args)
        .stdout(Stdio::piped())
        .spawn()?;
    let out = child
        .stdout
        .take()
        .ok_or_else(|| anyhow::anyhow!("no output"))?;
    Ok((child, BufReader::new(out)))
}

fn table(fleet: Fleet) -> Anyhow<()> {
    let args = |first: &[&str]| -> Vec<String> {
        first
            .iter()
            .map(ToString::to_string)
            .chain(fleet.to_args())
            .collect()
    };
    let (mut store, mut address) = this(&args(&["serve"]))?;
    let mut url = String::new();
    address.read_line(&mut url)?;
    println!(
        "| jobs | vertices each | points of each | shards | seconds | of which listing | jobs per second | requests to the API server | queries | values read | peak memory of a shard, MiB | of which after listing |"
    );
    println!(
        "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    );
    for shards in [1usize, 2, 4] {
        let begun = Instant::now();
        let mut readers = Vec::new();
        for shard in 0..shards {
            readers.push(this(&args(&[
                "read",
                url.trim(),
                &shard.to_string(),
                &shards.to_string(),
            ]))?);
        }
        let (mut queries, mut values, mut peak, mut points) = (0u64, 0u64, 0u64, 0u64);
        let (mut listing, mut listed, mut jobs) = (0u64, 0u64, 0u64);
        for (mut child, mut out) in readers {
            let mut line = String::new();
            out.read_line(&mut line)?;
            anyhow::ensure!(child.wait()?.success(), "a shard failed");
            let told: Vec<u64> = line
                .split_whitespace()
                .map(str::parse)
                .collect::<Result<_, _>>()?;
            queries += told[0];
            values += told[1];
            peak = peak.max(told[2]);
            points = told[3];
            listing = listing.max(told[4]);
            listed = listed.max(told[5]);
            jobs += told[6];
        }
        anyhow::ensure!(jobs == fleet.jobs as u64, "{jobs} jobs were read");
        let requests = requests(url.trim())?;
        let seconds = begun.elapsed().as_secs_f64();
        println!(
            "| {} | {VERTICES} | {points} | {shards} | {seconds:.1} | {:.1} | {:.0} | {requests} | {queries} | {:.0} million | {} | {} |",
            fleet.jobs,
            listing as f64 / 1000.0,
            fleet.jobs as f64 / seconds,
            values as f64 / 1e6,
            peak / 1024,
            listed / 1024
        );
    }
    store.kill()?;
    Ok(())
}

/// One shard: the cluster is listed, as each run does, and then every job's history is read, classified and dropped.
async fn read(url: &str, (shard, shards): (usize, usize), fleet: Fleet) -> Anyhow<()> {
    let config = PrometheusConfig {
        url: url.to_string(),
        step: FlinkDuration::from_millis(u64::try_from(fleet.step_minutes * 60_000)?),
        ..PrometheusConfig::default()
    };
    let begun = Instant::now();
    let keys: Vec<JobKey> = listed(url)
        .await?
        .into_iter()
        .enumerate()
        .filter(|(job, _)| job % shards == shard)
        .map(|(_, key)| key)
        .collect();
    let (listing_ms, listed_kib) = (begun.elapsed().as_millis(), peak_kib()?);
    let store = PrometheusHistory::open(
        &config,
        Path::new("."),
        keys.iter().map(|key| (key.clone(), None)),
    )?;
    let from_ms = NOW_MS - fleet.days * DAY_MS;
    let settings = classify::Settings {
        minimum_history_seconds: 3_600,
        ..classify::Settings::default()
    };
    let (mut points, mut values, mut verdicts) = (0, 0u64, BTreeMap::new());
    for key in &keys {
        let known = known(key);
        let history = store.read(key, from_ms, NOW_MS, Some(&known)).await?;
        points = history.points.len();
        let signals = ALL.iter().map(|signal| each(*signal)).sum::<usize>();
        values += (points * signals) as u64;
        for verdict in classify(&history, &settings).verdicts {
            *verdicts.entry(verdict.id.to_string()).or_insert(0) += 1;
        }
    }
    anyhow::ensure!(
        !verdicts.contains_key("blind"),
        "the series are not understood: {verdicts:?}"
    );
    println!(
        "{} {values} {} {points} {listing_ms} {listed_kib} {}",
        store.api().requests(),
        peak_kib()?,
        keys.len()
    );
    Ok(())
}

/// Every job that the API server holds. The listing is kept until the end, as it is in a run: plans look at resources too.
async fn listed(url: &str) -> Anyhow<Vec<JobKey>> {
    let file = std::env::temp_dir().join(format!("plimsoll-figures-{}.json", std::process::id()));
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "simulated",
        "clusters": [{"name": "simulated", "cluster": {"server": url}}],
        "users": [{"name": "anybody", "user": {}}],
        "contexts": [{"name": "simulated", "context": {"cluster": "simulated", "user": "anybody"}}],
    });
    std::fs::write(&file, kubeconfig.to_string())?;
    let access = Access::Kubeconfig {
        file: Some(file.clone()),
        context: None,
    };
    let settings = Settings::new("prod", access, Reach::ServiceProxy);
    let cluster = KubernetesCluster::connect(settings).await?;
    std::fs::remove_file(&file)?;
    let jobs = cluster.jobs().await?;
    anyhow::ensure!(cluster.problems().is_empty(), "not all could be listed");
    // As long as this process: what it holds is part of what is measured.
    std::mem::forget(cluster);
    Ok(jobs)
}

/// Requests that the API server answered since it was last asked.
fn requests(url: &str) -> Anyhow<u64> {
    let address = url.trim_start_matches("http://");
    let mut stream = std::net::TcpStream::connect(address)?;
    write!(
        stream,
        "GET /requests HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (_, body) = answer
        .split_once("\r\n\r\n")
        .ok_or_else(|| anyhow::anyhow!("no body"))?;
    Ok(body.trim().parse()?)
}

/// Series of a signal for one job.
fn each(signal: Signal) -> usize {
    match (signal.scope(), signal.form()) {
        (Scope::Vertex, _) => VERTICES,
        (_, Form::Stats) => STATS.len(),
        _ => 1,
    }
}

fn peak_kib() -> Anyhow<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap_or("");
    Ok(line.split_whitespace().nth(1).unwrap_or("0").parse()?)
}

/// What a look over REST would have told: a chain.
fn known(key: &JobKey) -> History {
    let mut look = Snapshot::new(key.clone(), NOW_MS, JobState::Running);
    look.vertices = (0..VERTICES)
        .map(|at| Vertex {
            max_parallelism: Some(128),
            inputs: (at > 0)
                .then(|| Input {
                    vertex: format!("v{:02}", at - 1),
                    ship_strategy: "HASH".to_string(),
                })
                .into_iter()
                .collect(),
            running: true,
            ..Vertex::new(format!("v{at:02}"), format!("step {at}"), 4)
        })
        .collect();
    History {
        latest: Some(look.clone()),
        latest_running: Some(look),
        ..History::empty(key.clone())
    }
}

async fn serve(fleet: Fleet) -> Anyhow<()> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}", listener.local_addr()?);
    let router = Router::new()
        .route("/requests", get(counted))
        .route("/apis/{*path}", get(list))
        .route("/api/{*path}", any(answer))
        .with_state(Arc::new(fleet));
    axum::serve(listener, router).await?;
    Ok(())
}

async fn counted() -> String {
    LISTS.swap(0, Ordering::Relaxed).to_string()
}

/// A page of FlinkDeployments; of the other kinds there are none.
async fn list(
    State(fleet): State<Arc<Fleet>>,
    Query(query): Query<BTreeMap<String, String>>,
    uri: axum::http::Uri,
) -> Body {
    LISTS.fetch_add(1, Ordering::Relaxed);
    if !uri.path().ends_with("/flinkdeployments") {
        return Body::from(r#"{"kind": "List", "metadata": {}, "items": []}"#);
    }
    let number = |key: &str| query.get(key).and_then(|text| text.parse::<usize>().ok());
    let from = number("continue").unwrap_or(0);
    let to = (from + number("limit").unwrap_or(fleet.jobs)).min(fleet.jobs);
    let items: Vec<serde_json::Value> = (from..to)
        .map(|number| resource::resource("fleet", number))
        .collect();
    let mut metadata = json!({});
    if to < fleet.jobs {
        metadata["continue"] = json!(to.to_string());
    }
    let page = json!({"kind": "FlinkDeploymentList", "metadata": metadata, "items": items});
    Body::from(page.to_string())
}

async fn answer(State(fleet): State<Arc<Fleet>>, body: Bytes) -> Body {
    let form: BTreeMap<String, String> = url::form_urlencoded::parse(&body).into_owned().collect();
    let text = |key: &str| form.get(key).map_or("", String::as_str);
    let query = text("query");
    let said = query
        .rsplit_once("# plimsoll: ")
        .map_or("", |(_, name)| name);
    let chosen: Vec<String> = match query.split_once("app=~\"") {
        Some((_, rest)) => rest
            .split('"')
            .next()
            .unwrap_or("")
            .split('|')
            .map(str::to_string)
            .collect(),
        None => (0..fleet.jobs).map(name).collect(),
    };
    let seconds = |key: &str| text(key).parse::<f64>().unwrap_or(0.0) as i64;
    let (start, end, step) = (seconds("start"), seconds("end"), seconds("step").max(1));
    let signal = ALL.into_iter().find(|signal| signal.name() == said);
    let variants: Vec<String> = (0..4)
        .map(|variant| values(signal, variant, (start, end, step)))
        .collect();
    let mut out = String::from(r#"{"status":"success","data":{"resultType":"matrix","result":["#);
    let mut first = true;
    let mut series = |labels: &str, values: &str, out: &mut String| {
        let comma = if first { "" } else { "," };
        first = false;
        let _ = write!(out, r#"{comma}{{"metric":{{{labels}}},{values}}}"#);
    };
    for (at, job) in chosen.iter().enumerate() {
        let own = format!(
            r#""namespace":"fleet","app":"{job}","job_name":"{}""#,
            job.replace('-', "_")
        );
        match (signal.map(Signal::scope), signal.map(Signal::form)) {
            (None, _) if said == "jobs" => series(
                &own,
                &format!(r#""value":[{},"{VERTICES}"]"#, NOW_MS / 1000),
                &mut out,
            ),
            (None, _) => {}
            (Some(Scope::Vertex), _) => {
                for vertex in 0..VERTICES {
                    let labels = format!(r#"{own},"task_id":"v{vertex:02}""#);
                    series(&labels, &variants[(at + vertex) % 4], &mut out);
                }
            }
            (_, Some(Form::Stats)) => {
                for stat in STATS {
                    series(
                        &format!(r#"{own},"plimsoll_stat":"{stat}""#),
                        &variants[at % 4],
                        &mut out,
                    );
                }
            }
            (Some(Scope::Execution), _) => series(
                &format!(r#"{own},"job_id":"a""#),
                &variants[at % 4],
                &mut out,
            ),
            _ => series(&own, &variants[at % 4], &mut out),
        }
    }
    out.push_str("]}}");
    Body::from(out)
}

/// Values of a signal that make a calm job.
fn values(signal: Option<Signal>, variant: usize, (start, end, step): (i64, i64, i64)) -> String {
    let mut out = String::from(r#""values":["#);
    let mut time = start;
    while time <= end {
        let wave = ((time / step) % 10) as f64 + variant as f64;
        let value = match signal {
            Some(Signal::Age) => ((time + 1000) - (NOW_MS / 1000 - 40 * 86_400)) as f64 * 1000.0,
            Some(Signal::Running) => 1.0,
            Some(Signal::Parallelism) => 4.0,
            Some(Signal::TaskManagers | Signal::Registered | Signal::CpuRequested) => 2.0,
            Some(Signal::SlotsTotal | Signal::SlotsUsed) => 4.0,
            Some(Signal::MemoryRequested | Signal::HeapMax) => 2_147_483_648.0,
            Some(Signal::Busy | Signal::BusyMax | Signal::BusyMedian) => 0.400_123 + wave / 100.0,
            Some(Signal::Backpressured | Signal::BackpressuredMax | Signal::GcShare) => 0.001_234,
            Some(Signal::CpuCores | Signal::CpuCoresMax | Signal::Skew) => 1.100_123 + wave / 100.0,
            Some(Signal::CheckpointsCompleted) => (time / 60) as f64,
            Some(Signal::CheckpointsFailed | Signal::Restarts) => 2.0,
            _ => 1_234.567_89 + wave,
        };
        let comma = if time == start { "" } else { "," };
        let _ = write!(out, r#"{comma}[{time},"{value}"]"#);
        time += step;
    }
    out.push(']');
    out
}
