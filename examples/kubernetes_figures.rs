//! Prints what seeing a cluster costs: requests, bytes, time and memory of a list of all its jobs.
//! The client is the product's, the API server and the jobs are simulated, in a process of their own:
//! `cargo run --example kubernetes_figures`.
#![allow(clippy::print_stdout)]

#[path = "shapes/resource.rs"]
mod resource;

use axum::Router;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Json, Response};
use plimsoll::clients::kubernetes::{Access, KubernetesCluster, Settings};
use plimsoll::config::Reach;
use plimsoll::ports::Cluster;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// What the server counts.
#[derive(Default)]
struct Counts {
    requests: AtomicU64,
    bytes: AtomicU64,
}

struct Server {
    jobs: usize,
    counts: Counts,
}

fn list(server: &Server, query: &BTreeMap<String, String>) -> Value {
    let number = |key: &str| query.get(key).and_then(|text| text.parse::<usize>().ok());
    let from = number("continue").unwrap_or(0);
    let to = (from + number("limit").unwrap_or(usize::MAX)).min(server.jobs);
    let items: Vec<Value> = (from..to)
        .map(|number| resource::resource(&format!("team-{}", number % 40), number))
        .collect();
    let mut metadata = json!({});
    if to < server.jobs {
        metadata["continue"] = json!(to.to_string());
    }
    json!({"kind": "FlinkDeploymentList", "metadata": metadata, "items": items})
}

async fn answer(
    State(server): State<Arc<Server>>,
    Query(query): Query<BTreeMap<String, String>>,
    uri: axum::http::Uri,
) -> Response {
    let text = match uri.path() {
        "/counts" => {
            return Json(json!([
                server.counts.requests.swap(0, Ordering::Relaxed),
                server.counts.bytes.swap(0, Ordering::Relaxed)
            ]))
            .into_response();
        }
        path if path.ends_with("/flinkdeployments") => list(&server, &query).to_string(),
        _ => json!({"kind": "List", "metadata": {}, "items": []}).to_string(),
    };
    server.counts.requests.fetch_add(1, Ordering::Relaxed);
    server
        .counts
        .bytes
        .fetch_add(text.len() as u64, Ordering::Relaxed);
    ([("content-type", "application/json")], text).into_response()
}

/// The child: says its address, serves until its stdin closes.
async fn serve(jobs: usize) -> Result<(), Box<dyn Error>> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    std::io::stdout().flush()?;
    let server = Arc::new(Server {
        jobs,
        counts: Counts::default(),
    });
    let router = Router::new().fallback(answer).with_state(server);
    let parent = tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new()));
    tokio::select! {
        ended = axum::serve(listener, router) => ended?,
        _ = parent => {}
    }
    Ok(())
}

/// Largest memory of this process so far, MiB.
fn peak_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix("kB"))
        .and_then(|kib| kib.trim().parse::<f64>().ok())
        .map_or(f64::NAN, |kib| kib / 1024.0)
}

/// One row, in a process of its own so that its peak memory is its own.
async fn measure(jobs: usize, address: &str) -> Result<(), Box<dyn Error>> {
    let file = std::env::temp_dir().join(format!("plimsoll-figures-{}.json", std::process::id()));
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "simulated",
        "clusters": [{"name": "simulated", "cluster": {"server": format!("http://{address}")}}],
        "users": [{"name": "anybody", "user": {}}],
        "contexts": [{"name": "simulated", "context": {"cluster": "simulated", "user": "anybody"}}],
    });
    std::fs::write(&file, kubeconfig.to_string())?;
    let access = Access::Kubeconfig {
        file: Some(file.clone()),
        context: None,
    };
    let settings = Settings::new("simulated", access, Reach::ServiceProxy);
    let cluster = KubernetesCluster::connect(settings).await?;
    std::fs::remove_file(&file)?;
    let before = peak_mib();
    let begun = Instant::now();
    let found = cluster.jobs().await?;
    let seconds = begun.elapsed().as_secs_f64();
    let after = peak_mib();
    assert_eq!(found.len(), jobs);
    println!("{jobs} {seconds:.2} {before:.0} {after:.0}");
    Ok(())
}

fn child(arguments: &[String]) -> Result<Command, Box<dyn Error>> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(arguments);
    Ok(command)
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Runtime::new()?;
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["serve", jobs] => return runtime.block_on(serve(jobs.parse()?)),
        ["measure", jobs, address] => return runtime.block_on(measure(jobs.parse()?, address)),
        _ => {}
    }
    println!(
        "Simulated: resources of 7 KB, pages of 250, API server in another process of the same machine.\n"
    );
    println!("| jobs | requests | MB of answers | seconds | peak memory before, MiB | after |");
    println!("| ---: | ---: | ---: | ---: | ---: | ---: |");
    for jobs in [1_000_usize, 10_000, 40_000] {
        let mut server = child(&["serve".into(), jobs.to_string()])?
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut address = String::new();
        let said = server.stdout.take().ok_or("no stdout")?;
        BufReader::new(said).read_line(&mut address)?;
        let address = address.trim().to_string();
        let measured = child(&["measure".into(), jobs.to_string(), address.clone()])?.output()?;
        let counts = runtime.block_on(counts(&address))?;
        drop(server.stdin.take());
        server.wait()?;
        let text = String::from_utf8(measured.stdout)?;
        let row: Vec<&str> = text.split_whitespace().collect();
        let [_, seconds, before, after] = row[..] else {
            return Err(String::from_utf8_lossy(&measured.stderr).into());
        };
        println!(
            "| {jobs} | {} | {:.0} | {seconds} | {before} | {after} |",
            counts.0,
            counts.1 as f64 / 1e6
        );
    }
    Ok(())
}

/// What the server counted.
async fn counts(address: &str) -> Result<(u64, u64), Box<dyn Error>> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(address).await?;
    let request = format!("GET /counts HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (_, body) = answer.split_once("\r\n\r\n").ok_or("no body")?;
    Ok(serde_json::from_str(body)?)
}
