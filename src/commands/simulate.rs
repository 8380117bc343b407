//! `simulate`: the simulated fleet behind Flink's REST shapes, and simulated experiments.

mod doe;

use super::ending::{Ended, Failure};
use super::output::{note, say};
use crate::cli::{Serve, Simulate};
use crate::simulate::{demo, serve};
use anyhow::Context;
use doe::Asked;
use std::sync::Arc;
use tokio::net::TcpListener;

/// History that the fleet has when it starts, milliseconds.
const HISTORY_MS: i64 = 14 * 24 * 3_600_000;

/// Carries the command out.
pub async fn run(args: &Simulate) -> Result<Ended, Failure> {
    match args {
        Simulate::Serve(args) => serve_fleet(args).await,
        Simulate::Doe(args) => doe::run(&Asked {
            seed: args.seed,
            jobs: args.jobs,
            scenarios: args.scenario.clone(),
            method: args.method.clone(),
            page: args.page.clone(),
        }),
    }
}

async fn serve_fleet(args: &Serve) -> Result<Ended, Failure> {
    if !args.speed.is_finite() || args.speed < 0.0 {
        return Err(Failure::Usage("--speed is a number from 0 on".to_string()));
    }
    let now_ms = jiff::Timestamp::now().as_millisecond();
    let fleet = Arc::new(demo::fleet(args.seed, now_ms, HISTORY_MS).context("fleet")?);
    let listener = TcpListener::bind(("127.0.0.1", args.port))
        .await
        .with_context(|| format!("port {}", args.port))?;
    let address = listener.local_addr().context("port")?;
    let roots: String = fleet
        .keys()
        .iter()
        .map(|job| format!("  http://{address}/{}/{}\n", job.namespace, job.name))
        .collect();
    say(&format!(
        "SIMULATED fleet, seed {}. Flink REST addresses:\n{roots}Kubernetes API server (reach: service-proxy): http://{address}\nControl: GET /fleet, /manifests, /clock; POST /clock, /apply, /load",
        args.seed
    ))?;
    note("stop with Ctrl-C");
    let stopped = async {
        // Whether the signal came or could not be waited for: the server ends either way.
        let _ = tokio::signal::ctrl_c().await;
    };
    serve(fleet, listener, args.speed, stopped)
        .await
        .context("simulated fleet")?;
    Ok(Ended::Done)
}
