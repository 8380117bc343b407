//! The lines of `check` about a Prometheus: does it answer, does it hold what is needed, under which labels, since when?

use super::{Line, line};
use crate::clients::prometheus::{Probe, PrometheusHistory, collisions, place, places};
use crate::config::{HistoryConfig, PrometheusConfig};
use crate::snapshot::JobKey;
use crate::world::prometheus::store;
use camino::Utf8Path;
use std::collections::BTreeSet;

/// What is asked of the store.
pub struct Asked<'a> {
    /// The history as configured.
    pub history: &'a HistoryConfig,
    /// The folder that its files are relative to.
    pub folder: &'a Utf8Path,
    /// The jobs that are known, each with its name in Flink.
    pub known: Vec<(JobKey, Option<String>)>,
    /// The jobs of which the configuration says something.
    pub configured: BTreeSet<JobKey>,
    /// Now, Unix milliseconds.
    pub now_ms: i64,
}

/// The lines about the store; none where none is configured.
pub async fn lines(asked: Asked<'_>) -> Vec<Line> {
    let Some(config) = &asked.history.prometheus else {
        return Vec::new();
    };
    let what = "prometheus";
    let store = match store(asked.history, asked.folder, asked.known.iter().cloned()) {
        Ok(Some(store)) => store,
        Ok(None) => return Vec::new(),
        Err(error) => return vec![line(what, Err(error.to_string()))],
    };
    let now_ms = asked.now_ms;
    let window_ms = i64::try_from(asked.history.window.millis()).unwrap_or(i64::MAX);
    let from_ms = now_ms.saturating_sub(window_ms);
    let probe = match Probe::of(
        store.api(),
        &config.metric_prefix,
        &config.matchers,
        from_ms,
        now_ms,
    )
    .await
    {
        Ok(probe) => probe,
        Err(error) => return vec![line(what, Err(error.to_string()))],
    };
    let mut lines = vec![
        line(
            what,
            Ok(format!(
                "{} answers, {} metrics of Flink",
                store.api().place(),
                probe.metrics.len()
            )),
        ),
        metrics(&probe),
    ];
    if probe.metrics.is_empty() {
        return lines;
    }
    lines.push(labels(&probe, &store, config));
    lines.push(jobs(&asked, &store).await);
    lines.extend(collisions_line(&store, asked.now_ms).await);
    lines.push(reach(&asked, &probe));
    lines
}

fn metrics(probe: &Probe) -> Line {
    let what = "prometheus metrics";
    if let Some(advice) = probe.advice() {
        let missing: Vec<&str> = probe
            .missing()
            .iter()
            .map(|(_, signal)| signal.name())
            .collect();
        return line(
            what,
            Err(format!("missing: {}; {advice}", missing.join(", "))),
        );
    }
    let lesser: Vec<&str> = probe.lesser().iter().map(|signal| signal.name()).collect();
    line(
        what,
        Ok(if lesser.is_empty() {
            "all are there".to_string()
        } else {
            format!(
                "all that are needed are there; absent, and only wished for: {}",
                lesser.join(", ")
            )
        }),
    )
}

fn labels(probe: &Probe, store: &PrometheusHistory, config: &PrometheusConfig) -> Line {
    match probe.label_problem(store.dialect(), config.preset) {
        Some(problem) => line("prometheus labels", Err(problem)),
        None => line(
            "prometheus labels",
            Ok(format!(
                "a job is named by {}",
                store.dialect().job().join(", ")
            )),
        ),
    }
}

/// Names that two executions have at once.
async fn collisions_line(store: &PrometheusHistory, now_ms: i64) -> Option<Line> {
    let what = "prometheus names";
    match collisions(store.api(), store.dialect(), now_ms).await {
        Ok(found) if found.is_empty() => None,
        Ok(found) => Some(line(
            what,
            Err(format!(
                "more than one execution runs under the name {}: their series can't be told apart; give each job a name of its own (pipeline.name), or name a label that tells them apart in history.prometheus.labels",
                found.join(", ")
            )),
        )),
        Err(error) => Some(line(what, Err(error.to_string()))),
    }
}

async fn jobs(asked: &Asked<'_>, store: &PrometheusHistory) -> Line {
    let what = "prometheus jobs";
    let held = match places(store.api(), store.dialect(), asked.now_ms).await {
        Ok(held) => held,
        Err(error) => return line(what, Err(error.to_string())),
    };
    let unseen: Vec<String> = asked
        .configured
        .iter()
        .filter(|job| !held.contains(&place(job, store.dialect())))
        .map(JobKey::short)
        .collect();
    let listed = asked.configured.len();
    if unseen.is_empty() {
        return line(
            what,
            Ok(format!(
                "{} run now, all {listed} listed ones among them",
                held.len()
            )),
        );
    }
    let some: Vec<&str> = unseen.iter().take(10).map(String::as_str).collect();
    line(
        what,
        Err(format!(
            "{} run now; {} of {listed} listed ones have no series: {}{}",
            held.len(),
            unseen.len(),
            some.join(", "),
            if unseen.len() > some.len() {
                ", …"
            } else {
                ""
            }
        )),
    )
}

fn reach(asked: &Asked<'_>, probe: &Probe) -> Line {
    let what = "prometheus reach";
    let Some(oldest_ms) = probe.oldest_ms else {
        return line(
            what,
            Err("no task reported within history.window".to_string()),
        );
    };
    let held_ms = u64::try_from(asked.now_ms - oldest_ms).unwrap_or(0);
    let minimum = &asked.history.minimum;
    let hours = held_ms as f64 / 3_600_000.0;
    let told = if hours >= 48.0 {
        format!("{:.1} d", hours / 24.0)
    } else {
        format!("{hours:.1} h")
    };
    if held_ms < minimum.millis() {
        return line(
            what,
            Err(format!(
                "it holds {told} of Flink; sizes are judged after {minimum} (history.minimum): wait, or keep more (`--storage.tsdb.retention.time`)"
            )),
        );
    }
    line(
        what,
        Ok(format!(
            "{told} of Flink within history.window ({})",
            asked.history.window
        )),
    )
}
