//! The world that a command acts in: configuration, rules, time, history, clusters.

use super::Failure;
use super::history::{self, AnyHistory};
use super::select::select;
use crate::cli::Common;
use crate::clients::flink_rest::{self, HttpRest, StaticCluster, StaticJob};
use crate::config::{self, Config, JobConfig};
use crate::plan::Rooms;
use crate::policy::Rule;
use crate::ports::HistoryStore;
use crate::snapshot::JobKey;
use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};
use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

/// What every command starts from.
pub struct World {
    /// The configuration; the default one where there is no file.
    pub config: Config,
    /// The folder that paths in it are relative to.
    pub folder: Utf8PathBuf,
    /// The rules in force.
    pub rules: Vec<Rule>,
    /// `--now`, if given.
    pub told_now_ms: Option<i64>,
    /// The jobs of static lists with their entries.
    pub entries: BTreeMap<JobKey, JobConfig>,
}

impl World {
    /// Reads configuration and policies.
    pub fn open(common: &Common) -> Result<World, Failure> {
        let (config, folder) = match config_file(common)? {
            Some(file) => (
                read_config(&file)?,
                file.parent()
                    .map_or_else(Utf8PathBuf::new, Utf8Path::to_path_buf),
            ),
            None => (Config::default(), Utf8PathBuf::new()),
        };
        let rules = read_policies(&config, &folder)?;
        let entries = config
            .clusters
            .iter()
            .flat_map(|cluster| {
                cluster
                    .jobs
                    .iter()
                    .map(|job| (key(&cluster.name, job), job.clone()))
            })
            .collect();
        Ok(World {
            config,
            folder,
            rules,
            told_now_ms: common.now.map(|moment| moment.ms),
            entries,
        })
    }

    /// The time to act at.
    pub fn now_ms(&self) -> i64 {
        self.told_now_ms
            .unwrap_or_else(|| jiff::Timestamp::now().as_millisecond())
    }

    /// A path of the configuration.
    pub fn path(&self, path: &str) -> Utf8PathBuf {
        self.folder.join(path)
    }

    /// The history that is configured: the file, or a Prometheus beside it.
    pub fn history(&self) -> Result<AnyHistory, Failure> {
        history::open(self)
    }

    /// The clusters as one, over HTTP.
    pub fn clusters(&self, warm_up: Option<Duration>) -> Result<StaticCluster<HttpRest>, Failure> {
        let jobs = self
            .entries
            .iter()
            .map(|(job, entry)| StaticJob {
                job: job.clone(),
                rest: entry.rest.clone(),
                flink_job: entry.flink_job.clone(),
            })
            .collect();
        let settings = flink_rest::Settings {
            warm_up,
            ..flink_rest::Settings::default()
        };
        StaticCluster::over_http(jobs, settings).map_err(|error| Failure::Usage(error.to_string()))
    }

    /// The jobs asked for: those of the configuration, or, where it lists none, those that the history holds.
    pub fn jobs(&self, named: &[String], common: &Common) -> Result<Vec<JobKey>, Failure> {
        let all: Vec<JobKey> = if self.entries.is_empty() {
            self.history()?
                .jobs()
                .map_err(|error| Failure::Failed(error.into()))?
        } else {
            self.entries.keys().cloned().collect()
        };
        select(all, named, common)
    }

    /// The settings of the rooms below for one job: the configuration's, with its own promises.
    pub fn rooms(&self, job: &JobKey) -> Rooms {
        let slo = self
            .entries
            .get(job)
            .and_then(|entry| entry.slo.as_ref())
            .unwrap_or(&self.config.slo);
        let seconds = |duration: &crate::quantity::FlinkDuration| duration.millis().div_ceil(1000);
        let history = &self.config.history;
        let mut classify = self.config.classify.clone();
        classify.minimum_history_seconds = seconds(&history.minimum);
        classify.window_seconds = seconds(&history.window);
        let mut evaluate = self.config.demand.clone();
        evaluate.minimum_history_seconds = seconds(&history.minimum);
        evaluate.window_seconds = seconds(&history.window);
        evaluate.lag_limit_seconds = slo.lag.seconds();
        let mut watch = self.config.watch.clone();
        watch.lag = slo.lag.clone();
        Rooms {
            classify,
            evaluate,
            recommend: self.config.recommend.clone(),
            watch,
            prices: self.config.prices.clone(),
            rules: self.rules.clone(),
        }
    }

    /// How far back decisions look, milliseconds.
    pub fn window_ms(&self) -> i64 {
        i64::try_from(self.config.history.window.millis()).unwrap_or(i64::MAX)
    }
}

fn key(cluster: &str, job: &JobConfig) -> JobKey {
    JobKey {
        cluster: cluster.to_string(),
        kind: job.kind,
        namespace: job.namespace.clone(),
        name: job.name.clone(),
    }
}

fn config_file(common: &Common) -> Result<Option<Utf8PathBuf>, Failure> {
    if let Some(file) = &common.config {
        return Ok(Some(file.clone()));
    }
    let found: Vec<&str> = config::NAMES
        .into_iter()
        .filter(|name| Utf8Path::new(name).is_file())
        .collect();
    match found[..] {
        [] => Ok(None),
        [name] => Ok(Some(Utf8PathBuf::from(name))),
        _ => Err(Failure::Usage(format!(
            "{} are both here: keep one of them, or name it with --config",
            found.join(" and ")
        ))),
    }
}

fn read_config(file: &Utf8Path) -> Result<Config, Failure> {
    let text =
        fs::read_to_string(file).map_err(|error| Failure::Usage(format!("{file}: {error}")))?;
    config::parse(file.as_str(), &text).map_err(|error| Failure::Usage(error.to_string()))
}

fn read_policies(config: &Config, folder: &Utf8Path) -> Result<Vec<Rule>, Failure> {
    let mut files: Vec<(String, String)> = Vec::new();
    if let Some(policies) = &config.policies {
        let policies = folder.join(policies);
        let listed = policies
            .read_dir_utf8()
            .map_err(|error| Failure::Usage(format!("policies: {policies}: {error}")))?;
        for entry in listed {
            let path = entry.context("policies")?.into_path();
            if matches!(path.extension(), Some("yaml" | "yml")) {
                let text = fs::read_to_string(&path)
                    .map_err(|error| Failure::Usage(format!("{path}: {error}")))?;
                files.push((path.into_string(), text));
            }
        }
    }
    files.sort();
    let texts = files
        .iter()
        .map(|(file, text)| (file.as_str(), text.as_str()));
    config::parse_policies(texts).map_err(|error| Failure::Usage(error.to_string()))
}
