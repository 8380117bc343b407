//! Prints what it costs to read and classify a whole fleet from a Prometheus: seconds, peak memory, queries, with 1, 2 and 4 shards.
//! The store is a process of its own that answers with made-up series; the reader is the product's:
//! `cargo run --release --example fleet_figures [JOBS] [DAYS] [STEP_MINUTES]`.
#![allow(clippy::print_stdout)]

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::routing::any;
use plimsoll::classify::{self, classify};
use plimsoll::clients::prometheus::{ALL, Form, PrometheusHistory, STATS, Scope, Signal};
use plimsoll::config::PrometheusConfig;
use plimsoll::quantity::FlinkDuration;
use plimsoll::snapshot::{History, Input, JobKey, JobKind, JobState, Snapshot, Vertex};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

const VERTICES: usize = 20;
/// 2026-03-02 00:00 UTC.
const NOW_MS: i64 = 1_772_409_600_000;
const DAY_MS: i64 = 86_400_000;

type Anyhow<T> = anyhow::Result<T>;

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
        "| jobs | vertices each | points of each | shards | seconds | jobs per second | queries | values read | peak memory of a shard |"
    );
    println!("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
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
        }
        let seconds = begun.elapsed().as_secs_f64();
        println!(
            "| {} | {VERTICES} | {points} | {shards} | {seconds:.1} | {:.0} | {queries} | {:.0} million | {} MiB |",
            fleet.jobs,
            fleet.jobs as f64 / seconds,
            values as f64 / 1e6,
            peak / 1024
        );
    }
    store.kill()?;
    Ok(())
}

/// One shard: every job's history is read and classified, and then dropped.
async fn read(url: &str, (shard, shards): (usize, usize), fleet: Fleet) -> Anyhow<()> {
    let config = PrometheusConfig {
        url: url.to_string(),
        step: FlinkDuration::from_millis(u64::try_from(fleet.step_minutes * 60_000)?),
        ..PrometheusConfig::default()
    };
    let keys: Vec<JobKey> = (0..fleet.jobs)
        .filter(|job| job % shards == shard)
        .map(|job| key(&name(job)))
        .collect();
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
        "{} {values} {} {points}",
        store.api().requests(),
        peak_kib()?
    );
    Ok(())
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

fn key(name: &str) -> JobKey {
    JobKey {
        cluster: "prod".to_string(),
        kind: JobKind::Deployment,
        namespace: "fleet".to_string(),
        name: name.to_string(),
    }
}

/// What a look over REST would have told: a chain.
fn known(key: &JobKey) -> History {
    let mut look = Snapshot::new(key.clone(), NOW_MS, JobState::Running);
    look.vertices = (0..VERTICES)
        .map(|at| Vertex {
            id: format!("v{at:02}"),
            name: format!("step {at}"),
            parallelism: 4,
            max_parallelism: Some(128),
            slot_sharing_group: None,
            inputs: (at > 0)
                .then(|| Input {
                    vertex: format!("v{:02}", at - 1),
                    ship_strategy: "HASH".to_string(),
                })
                .into_iter()
                .collect(),
            running: true,
            busy_ms_per_second: None,
            backpressured_ms_per_second: None,
            idle_ms_per_second: None,
            busy_median_ms_per_second: None,
            accumulated_busy_ms: None,
            accumulated_backpressured_ms: None,
            accumulated_idle_ms: None,
            records_in: None,
            records_out: None,
            records_in_per_second: None,
            records_out_per_second: None,
            records_in_spread: None,
            pending_records: None,
            source_partitions: None,
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
        .route("/{*path}", any(answer))
        .with_state(Arc::new(fleet));
    axum::serve(listener, router).await?;
    Ok(())
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
