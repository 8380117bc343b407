//! What a pass goes by, as configured.

use crate::config::{Config, JobConfig, SloConfig, ValuesMapping};
use crate::evaluate::plugin::Told;
use crate::plan::{self, Rooms};
use crate::policy::{Mode, Rule};
use crate::quantity::FlinkDuration;
use crate::recommend::{self, Prices};
use crate::snapshot::JobKey;
use crate::{classify, evaluate, watch};
use std::collections::BTreeMap;

/// Everything that the rooms of the line and the pass itself need to know, for any job.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What may be done with jobs that say nothing else.
    pub mode: Mode,
    /// The clusters by name; none where the configuration has none.
    pub clusters: Vec<String>,
    /// The jobs of which the configuration says something: those of static lists, and what differs for some behind Kubernetes.
    pub jobs: BTreeMap<JobKey, JobConfig>,
    /// Where a chart's values set the fields of jobs.
    pub values: Vec<ValuesMapping>,
    /// History needed before sizes are judged.
    pub minimum: FlinkDuration,
    /// How far back decisions look.
    pub window: FlinkDuration,
    /// What every job promises, where it promises nothing else.
    pub slo: SloConfig,
    /// Thresholds of the verdicts.
    pub classify: classify::Settings,
    /// How the demand is taken from the history.
    pub demand: evaluate::Settings,
    /// How sizes are searched.
    pub recommend: recommend::Settings,
    /// When a merged change counts as harmful.
    pub watch: watch::Settings,
    /// What a core and a GiB cost.
    pub prices: Prices,
    /// The rules in force.
    pub rules: Vec<Rule>,
    /// How much may change at once.
    pub plan: plan::Settings,
    /// How often a run is due; absent: nothing is missed.
    pub every: Option<FlinkDuration>,
    /// Collectors that are asked at each look at each job.
    pub collectors: Vec<String>,
    /// Evaluators that are asked about each job.
    pub evaluators: Vec<String>,
    /// The realizer that carries changes out in place of pull requests.
    pub realizer: Option<String>,
}

impl Settings {
    /// As configured, with the rules in force.
    pub fn new(config: &Config, rules: Vec<Rule>) -> Settings {
        Settings {
            mode: config.mode,
            clusters: config
                .clusters
                .iter()
                .map(|cluster| cluster.name.clone())
                .collect(),
            jobs: config
                .clusters
                .iter()
                .flat_map(|cluster| cluster.entries())
                .map(|(job, entry)| (job, entry.clone()))
                .collect(),
            values: config.repository.values.clone(),
            minimum: config.history.minimum.clone(),
            window: config.history.window.clone(),
            slo: config.slo.clone(),
            classify: config.classify.clone(),
            demand: config.demand.clone(),
            recommend: config.recommend.clone(),
            watch: config.watch.clone(),
            prices: config.prices.clone(),
            rules,
            plan: config.plan.clone(),
            every: config.schedule.every.clone(),
            collectors: config.collectors.clone(),
            evaluators: config.evaluators.clone(),
            realizer: config.realizer.clone(),
        }
    }

    /// The settings of the rooms for one job, with its own promises and with what plug-in evaluators said of it.
    pub fn rooms(&self, job: &JobKey, told: Told) -> Rooms {
        let slo = self
            .jobs
            .get(job)
            .and_then(|entry| entry.slo.as_ref())
            .unwrap_or(&self.slo);
        let seconds = |duration: &FlinkDuration| duration.millis().div_ceil(1000);
        let mut classify = self.classify.clone();
        classify.minimum_history_seconds = seconds(&self.minimum);
        classify.window_seconds = seconds(&self.window);
        classify.lag_limit_seconds = slo.lag.seconds();
        let mut evaluate = self.demand.clone();
        evaluate.minimum_history_seconds = seconds(&self.minimum);
        evaluate.window_seconds = seconds(&self.window);
        evaluate.lag_limit_seconds = slo.lag.seconds();
        evaluate.latency_limit_ms = slo.latency.as_ref().map(|bound| bound.seconds() * 1000.0);
        evaluate.told = told;
        let mut recommend = self.recommend.clone();
        recommend.max_growth_per_month = self.plan.max_growth_per_month;
        recommend.window_seconds = self.watch.window.millis() as f64 / 1000.0;
        if let Some(entry) = self.jobs.get(job) {
            recommend.vertex_max = entry
                .vertices
                .iter()
                .map(|(name, limits)| (name.clone(), limits.max.get()))
                .collect();
        }
        let mut watch = self.watch.clone();
        watch.lag = slo.lag.clone();
        Rooms {
            classify,
            evaluate,
            recommend,
            watch,
            prices: self.prices.clone(),
            rules: self.rules.clone(),
        }
    }

    /// How far back decisions look, milliseconds.
    pub fn window_ms(&self) -> i64 {
        i64::try_from(self.window.millis()).unwrap_or(i64::MAX)
    }
}
