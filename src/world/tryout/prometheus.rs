//! Every job that a Prometheus holds, from the series that are there already.

use crate::clients::prometheus::{Probe, PrometheusError, PrometheusHistory, answers};
use crate::config::{HistoryConfig, PrometheusConfig};
use crate::ports::HistoryError;
use crate::quantity::FlinkDuration;
use crate::snapshot::{Gap, History, JobKey};
use crate::world::WorldError;
use camino::Utf8Path;

const HOUR_MS: i64 = 3_600_000;

/// A Prometheus that answers, with what it holds.
#[derive(Debug)]
pub struct StoreLook {
    /// The jobs that it holds.
    pub jobs: Vec<JobKey>,
    /// The labels by which it names a job, as the configuration calls them.
    pub preset: String,
    /// How much of Flink it holds within the time that is looked at, milliseconds.
    pub held_ms: i64,
    /// How much history verdicts may ask for, seconds: what is configured, or what is there.
    pub seconds: u64,
    /// Labels that verdicts need and tasks' metrics do not have, in the words of `check`; absent when all are there.
    label_problem: Option<String>,
    store: PrometheusHistory,
    from_ms: i64,
    now_ms: i64,
}

impl StoreLook {
    /// The history of one of its jobs.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn history(&self, job: &JobKey) -> Result<History, HistoryError> {
        let mut history = self
            .store
            .read(job, self.from_ms, self.now_ms, None)
            .await?;
        if let (Some(problem), Some(latest)) = (&self.label_problem, &mut history.latest) {
            latest.gaps.push(Gap::new("labels", problem.clone()));
        }
        Ok(history)
    }

    /// How many queries were sent.
    pub fn queries(&self) -> u64 {
        self.store.api().requests()
    }
}

/// Whether a Prometheus answers at this address; absent when something else does. What the configuration says of this store (its token,
/// its labels) holds for it here too.
///
/// # Errors
/// When it answers and can't be read, or holds no metric of Flink.
pub async fn store(
    url: &str,
    history: &HistoryConfig,
    folder: &Utf8Path,
    now_ms: i64,
) -> Result<Option<StoreLook>, WorldError> {
    let configured = history
        .prometheus
        .clone()
        .filter(|config| config.url.trim_end_matches('/') == url.trim_end_matches('/'));
    let mut config = configured.clone().unwrap_or_else(|| PrometheusConfig {
        url: url.to_string(),
        ..PrometheusConfig::default()
    });
    // Something else may live there: then asking again helps nobody.
    let once = PrometheusConfig {
        retries: 0,
        ..config.clone()
    };
    let store = open(&once, folder, Vec::new())?;
    if answers(store.api(), now_ms).await.is_err() {
        return Ok(None);
    }
    let minimum_ms = i64::try_from(history.minimum.millis()).unwrap_or(24 * HOUR_MS);
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
    .map_err(WorldError::outside)?;
    if let Some(advice) = probe.metrics.is_empty().then(|| probe.advice()).flatten() {
        return Err(WorldError::Outside(anyhow::anyhow!(
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
    let jobs = open(&config, folder, Vec::new())?
        .discover("try", now_ms)
        .await
        .map_err(WorldError::outside)?;
    let store = open(&config, folder, jobs.clone())?;
    let seconds = if held_ms < minimum_ms {
        u64::try_from(held_ms / 2000).unwrap_or(1).max(1)
    } else {
        history.minimum.millis() / 1000
    };
    let preset = serde_json::to_value(config.preset).ok();
    Ok(Some(StoreLook {
        jobs: jobs.into_iter().map(|(job, _)| job).collect(),
        preset: preset
            .as_ref()
            .and_then(|name| name.as_str())
            .unwrap_or_default()
            .to_string(),
        held_ms: held_ms.min(now_ms - from_ms),
        seconds,
        label_problem: probe.label_problem(store.dialect(), config.preset),
        store,
        from_ms,
        now_ms,
    }))
}

fn open(
    config: &PrometheusConfig,
    folder: &Utf8Path,
    jobs: Vec<(JobKey, Option<String>)>,
) -> Result<PrometheusHistory, WorldError> {
    PrometheusHistory::open(config, folder.as_std_path(), jobs)
        .map_err(|error: PrometheusError| WorldError::Configuration(error.to_string()))
}
