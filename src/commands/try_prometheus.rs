//! `try URL` of a Prometheus: verdicts of every job that it holds, from the series that are there already.

use super::output::{say, say_json};
use super::tryout::{Tried, judged, rows};
use super::world::World;
use super::{Ended, Failure};
use crate::cli::{Common, Output, Try};
use crate::clients::prometheus::{Probe, PrometheusError, PrometheusHistory, answers};
use crate::config::PrometheusConfig;
use crate::quantity::FlinkDuration;
use crate::render::escape::terminal;
use crate::snapshot::Gap;
use std::collections::BTreeSet;

const HOUR_MS: i64 = 3_600_000;

/// Whether a Prometheus answers there; none when something else does.
pub async fn run(common: &Common, args: &Try, world: &World) -> Result<Option<Ended>, Failure> {
    // What the configuration says of this store (its token, its labels) holds for it here too.
    let configured = world
        .config
        .history
        .prometheus
        .clone()
        .filter(|config| config.url.trim_end_matches('/') == args.url.trim_end_matches('/'));
    let mut config = configured.clone().unwrap_or_else(|| PrometheusConfig {
        url: args.url.clone(),
        ..PrometheusConfig::default()
    });
    let now_ms = world.now_ms();
    let failed = |error: PrometheusError| Failure::Failed(error.into());
    // Something else may live there: then asking again helps nobody.
    let once = PrometheusConfig {
        retries: 0,
        ..config.clone()
    };
    let store = open(&once, world, Vec::new())?;
    if answers(store.api(), now_ms).await.is_err() {
        return Ok(None);
    }
    let minimum_ms = i64::try_from(world.config.history.minimum.millis()).unwrap_or(24 * HOUR_MS);
    // A little more than is needed: steps stand on a grid.
    let from_ms = now_ms.saturating_sub(minimum_ms + minimum_ms / 8);
    let probe = Probe::of(
        store.api(),
        &config.metric_prefix,
        &config.matchers,
        from_ms,
        now_ms,
    )
    .await
    .map_err(failed)?;
    if let Some(advice) = probe.metrics.is_empty().then(|| probe.advice()).flatten() {
        return Err(Failure::Failed(anyhow::anyhow!(
            "{} is a Prometheus and holds no metric of Flink: {advice}",
            store.api().place()
        )));
    }
    let held_ms = probe.oldest_ms.map_or(0, |oldest| now_ms - oldest);
    if configured.is_none() {
        config.preset = probe.preset();
        if held_ms < 6 * HOUR_MS {
            config.step = FlinkDuration::from_millis(60_000);
            config.resolution = FlinkDuration::from_millis(15_000);
        }
    }
    let jobs = open(&config, world, Vec::new())?
        .discover("try", now_ms)
        .await
        .map_err(failed)?;
    let store = open(&config, world, jobs.clone())?;
    let seconds = if held_ms < minimum_ms {
        u64::try_from(held_ms / 2000).unwrap_or(1).max(1)
    } else {
        world.config.history.minimum.millis() / 1000
    };
    let mut tried: Vec<Tried> = Vec::new();
    for (job, _) in &jobs {
        let history = store
            .read(job, from_ms, now_ms, None)
            .await
            .map_err(|error| Failure::Failed(error.into()))?;
        tried.push(judged(world, &job.short(), &history, seconds));
    }
    if let Some(problem) = probe.label_problem(store.dialect(), config.preset) {
        for tried in &mut tried {
            tried.gaps.push(Gap::new("labels", problem.clone()));
        }
    }
    tell(
        common,
        args,
        &config,
        &tried,
        held_ms.min(now_ms - from_ms),
        store.api().requests(),
    )?;
    let silent: Vec<&str> = tried
        .iter()
        .filter(|tried| tried.verdicts.is_empty() && tried.state.is_none())
        .map(|tried| tried.name.as_str())
        .collect();
    Ok(Some(Ended::with(&silent)))
}

fn open(
    config: &PrometheusConfig,
    world: &World,
    jobs: Vec<(crate::snapshot::JobKey, Option<String>)>,
) -> Result<PrometheusHistory, Failure> {
    PrometheusHistory::open(config, world.folder.as_std_path(), jobs)
        .map_err(|error| Failure::Usage(error.to_string()))
}

fn tell(
    common: &Common,
    args: &Try,
    config: &PrometheusConfig,
    tried: &[Tried],
    held_ms: i64,
    queries: u64,
) -> Result<(), Failure> {
    let hours = held_ms as f64 / HOUR_MS as f64;
    if common.output == Output::Json {
        return say_json(&serde_json::json!({
            "url": args.url,
            "seconds": held_ms as f64 / 1000.0,
            "jobs": tried,
        }));
    }
    if tried.is_empty() {
        return say(&format!("No job reports to {} now.", terminal(&args.url)));
    }
    let preset = serde_json::to_value(config.preset).ok();
    let preset = preset
        .as_ref()
        .and_then(|name| name.as_str())
        .unwrap_or_default()
        .to_string();
    let mut out = format!(
        "Prometheus at {} · {} jobs by labels `{preset}` · last {hours:.1} h · {queries} queries, changes nothing\n\n{}",
        terminal(&args.url),
        tried.len(),
        rows(tried),
    );
    let mut gaps: BTreeSet<String> = BTreeSet::new();
    for gap in tried.iter().flat_map(|tried| &tried.gaps) {
        gaps.insert(format!(
            "{} ({})",
            terminal(&gap.what),
            terminal(&gap.reason)
        ));
    }
    out.push_str("\n! Prometheus does not hold a job's graph, configuration and memory pools. Next: list the jobs with their `rest` in\n  plimsoll.yaml, with `history: {prometheus: {url: …}}`, then plimsoll check\n");
    if !gaps.is_empty() {
        out.push_str(&format!(
            "  Missing: {}\n",
            gaps.into_iter().collect::<Vec<_>>().join(", ")
        ));
    }
    say(&out)
}
