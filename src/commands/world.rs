//! The world that a command acts in: configuration, rules, time, history, clusters.

use super::Failure;
use super::clusters::{Clusters, Live};
use super::history::{self, AnyHistory};
use super::select::select;
use crate::cli::Common;
use crate::config::{self, ClusterConfig, Config, JobConfig};
use crate::evaluate::plugin::Told;
use crate::plan::Rooms;
use crate::policy::Rule;
use crate::ports::{HistoryStore, Plugins};
use crate::snapshot::{JobKey, LiveResource};
use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::{Arc, Mutex, PoisonError};
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
    /// The jobs of which the configuration says something: those of static lists, and what differs for some behind Kubernetes.
    pub entries: BTreeMap<JobKey, JobConfig>,
    /// The plug-ins.
    pub plugins: Plugins,
    told: Mutex<BTreeMap<JobKey, Told>>,
    live: Mutex<State>,
}

/// What was listed last.
#[derive(Default)]
struct State {
    clusters: Option<Arc<Clusters>>,
    found: Live,
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
        let plugins = super::plugins::assemble(&config, &folder, &common.plugins)?;
        Ok(World {
            plugins,
            told: Mutex::default(),
            config,
            folder,
            rules,
            told_now_ms: common.now.map(|moment| moment.ms),
            entries,
            live: Mutex::default(),
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

    /// The clusters, with what the last list of their jobs found.
    pub async fn clusters(&self, warm_up: Option<Duration>) -> Result<Arc<Clusters>, Failure> {
        if let Some(clusters) = self.live().clusters.clone() {
            return Ok(clusters);
        }
        Clusters::connect(self, warm_up).await.map(Arc::new)
    }

    /// The clusters as the last list of their jobs found them, if they were asked.
    pub fn connected(&self) -> Option<Arc<Clusters>> {
        self.live().clusters.clone()
    }

    /// Whether the configuration names jobs, or clusters that have some.
    pub fn has_clusters(&self) -> bool {
        !self.entries.is_empty() || self.has_kubernetes()
    }

    /// The jobs of static lists with their entries.
    pub fn listed(&self) -> impl Iterator<Item = (&JobKey, &JobConfig)> {
        self.entries
            .iter()
            .filter(|(_, entry)| !entry.rest.is_empty())
    }

    fn has_kubernetes(&self) -> bool {
        self.config
            .clusters
            .iter()
            .any(ClusterConfig::is_kubernetes)
    }

    /// The jobs asked for: those of the configuration's clusters as they are now, or, where it has none, those that the history holds.
    pub async fn jobs(&self, named: &[String], common: &Common) -> Result<Vec<JobKey>, Failure> {
        self.refuse_labels(common)?;
        if !self.has_clusters() {
            return select(self.history_jobs()?, named, common);
        }
        // Each pass asks anew, with credentials as they are now.
        let clusters = Arc::new(Clusters::connect(self, None).await?);
        let known = if self.has_kubernetes() {
            self.history_jobs()?
        } else {
            Vec::new()
        };
        let found = clusters.list(common.cluster.as_deref(), &known).await;
        let mut all: Vec<JobKey> = found.jobs.iter().cloned().collect();
        if let Some(selector) = &common.selector {
            all.retain(|job| {
                let resource = found.resources.get(job);
                resource.is_some_and(|resource| selector.matches(&resource.labels))
            });
            if all.is_empty() && found.problems.is_empty() {
                return Err(Failure::Usage(format!(
                    "no job has labels that fit `--selector {selector}`"
                )));
            }
        }
        let problems = found.problems.clone();
        *self.live() = State {
            clusters: Some(clusters),
            found,
        };
        let unasked = problems.join("; ");
        if all.is_empty() && !problems.is_empty() {
            return Err(Failure::Failed(anyhow::anyhow!("{unasked}")));
        }
        // Who could not be asked may have the cluster or the job that was named.
        match select(all, named, common) {
            Err(Failure::Usage(message)) if !problems.is_empty() => Err(Failure::Failed(
                anyhow::anyhow!("{message}; and what could not be asked may have it: {unasked}"),
            )),
            selected => selected,
        }
    }

    /// All live jobs, where every cluster is behind Kubernetes and was listed without a problem: only then can one be missing.
    pub fn listed_whole(&self) -> Option<BTreeSet<JobKey>> {
        let live = self.live();
        let clusters = &self.config.clusters;
        let asked = |cluster: &ClusterConfig| {
            cluster.is_kubernetes()
                && cluster.namespaces.is_none()
                && cluster.selector.is_none()
                && live
                    .found
                    .resources
                    .keys()
                    .any(|job| job.cluster == cluster.name)
        };
        let whole =
            !clusters.is_empty() && clusters.iter().all(asked) && live.found.problems.is_empty();
        whole.then(|| live.found.resources.keys().cloned().collect())
    }

    /// What could not be listed when the jobs were asked for, each named.
    pub fn list_problems(&self) -> Vec<String> {
        self.live().found.problems.clone()
    }

    /// A job's custom resource as it was listed, where its cluster is behind Kubernetes.
    pub fn resource(&self, job: &JobKey) -> Option<Arc<LiveResource>> {
        self.live().found.resources.get(job).cloned()
    }

    /// The jobs of static lists, and those behind Kubernetes as they were listed.
    pub fn known_jobs(&self) -> BTreeSet<JobKey> {
        let live = self.live();
        self.listed()
            .map(|(job, _)| job)
            .chain(live.found.resources.keys())
            .cloned()
            .collect()
    }

    /// Calls back with the jobs of [`World::known_jobs`]; one may come twice.
    pub fn each_known(&self, mut told: impl FnMut(&JobKey)) {
        self.listed().for_each(|(job, _)| told(job));
        self.live().found.resources.keys().for_each(told);
    }

    /// The jobs that can be known without asking a cluster: those of static lists, and, where there are clusters behind Kubernetes, those
    /// that the history holds.
    pub fn jobs_of_the_past(&self) -> Result<Vec<JobKey>, Failure> {
        let mut jobs: BTreeSet<JobKey> = self.listed().map(|(job, _)| job.clone()).collect();
        if self.has_kubernetes() && self.path(&self.config.history.file).exists() {
            jobs.extend(self.history_jobs()?);
        }
        Ok(jobs.into_iter().collect())
    }

    /// Whether a job is known from the past alone: its cluster could not be listed.
    pub fn is_only_known(&self, job: &JobKey) -> bool {
        let live = self.live();
        !live.found.resources.contains_key(job)
            && self
                .entries
                .get(job)
                .is_none_or(|entry| entry.rest.is_empty())
    }

    fn live(&self) -> std::sync::MutexGuard<'_, State> {
        self.live
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn history_jobs(&self) -> Result<Vec<JobKey>, Failure> {
        self.history()?
            .jobs()
            .map_err(|error| Failure::Failed(error.into()))
    }

    fn refuse_labels(&self, common: &Common) -> Result<(), Failure> {
        match &common.selector {
            Some(selector) if !self.has_kubernetes() => Err(Failure::Usage(format!(
                "`--selector {selector}` chooses by labels, and no cluster of the configuration is behind Kubernetes: name the jobs instead"
            ))),
            _ => Ok(()),
        }
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
        evaluate.told = self.told(job);
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

    /// Keeps what plug-in evaluators said of a job, for its settings.
    pub fn keep_told(&self, job: &JobKey, told: Told) {
        self.all_told().insert(job.clone(), told);
    }

    /// Whether plug-in evaluators were asked about a job.
    pub fn was_told(&self, job: &JobKey) -> bool {
        self.all_told().contains_key(job)
    }

    /// What they said of it.
    pub fn told(&self, job: &JobKey) -> Told {
        self.all_told().get(job).cloned().unwrap_or_default()
    }

    fn all_told(&self) -> std::sync::MutexGuard<'_, BTreeMap<JobKey, Told>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
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
