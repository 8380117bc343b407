//! `plimsoll.yaml` → [`Config`], composed of each room's own settings. Unknown keys are errors with a position and a suggestion.

mod access;
mod error;
mod forges;
mod github;
mod inherit;
mod kubernetes;
mod load;
mod meaning;
mod origin;
mod place;
mod plugins;
mod prometheus;
mod ranges;
mod schedule;
mod seal;
mod sections;
mod selector;
mod values;

pub use access::{AccessConfig, BasicConfig, TlsConfig};
pub use error::ConfigError;
pub use forges::{DirConfig, ForgeConfig, ForgeName, LocalConfig, PatchConfig};
pub use github::GithubConfig;
pub use kubernetes::{KubernetesConfig, Reach, SERVICE_URL};
pub use load::{NAMES, parse, parse_policies};
pub use origin::{Layers, Setting, settings_of, written};
pub use plugins::{PluginConfig, PluginKind};
pub use prometheus::{LabelPreset, LabelsConfig, PrometheusConfig};
pub use schedule::ScheduleConfig;
pub use seal::SealConfig;
pub use sections::{ClusterConfig, HistoryConfig, JobConfig, RepositoryConfig, SloConfig};
pub use selector::{Selector, SelectorError};
pub use values::{MappedValues, OwnValuesFile, ValuesFile, ValuesMapping};

use crate::policy::Mode;
use crate::recommend::{self, Prices};
use crate::{classify, evaluate, plan, watch};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The whole configuration. Every section may be left out.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// What may be done with jobs that say nothing else: `ignore`, `report` or `propose`.
    pub mode: Mode,
    /// The clusters.
    pub clusters: Vec<ClusterConfig>,
    /// Where the series are kept, and how much of them is needed.
    pub history: HistoryConfig,
    /// Where the manifests are.
    pub repository: RepositoryConfig,
    /// Where pull requests go.
    pub forge: ForgeConfig,
    /// Certificates for every server that is asked; what a section names itself counts instead.
    pub tls: TlsConfig,
    /// A proxy for every server that is asked (`http://proxy:3128`), besides those that the environment's NO_PROXY names; what a
    /// section names itself counts instead, also `none`.
    pub proxy: Option<String>,
    /// How often it is to run.
    pub schedule: ScheduleConfig,
    /// How the files of `plan --out` and `watch --out` are signed.
    pub seal: SealConfig,
    /// What every job promises; each job may promise something else.
    pub slo: SloConfig,
    /// Thresholds of the verdicts.
    pub classify: classify::Settings,
    /// How the demand is taken from the history.
    pub demand: evaluate::Settings,
    /// How sizes are searched.
    pub recommend: recommend::Settings,
    /// When a merged change counts as harmful, and how long it is watched.
    pub watch: watch::Settings,
    /// What a core and a GiB cost.
    pub prices: Prices,
    /// How much may change at once.
    pub plan: plan::Settings,
    /// Folder with policies of your own, one rule a file, relative to this file.
    pub policies: Option<String>,
    /// Programs that collect, evaluate or realize, by name.
    pub plugins: BTreeMap<String, PluginConfig>,
    /// Collectors that are asked at each look at each job.
    pub collectors: Vec<String>,
    /// Evaluators that are asked about each job, in this order; the annotation `plimsoll.dev/evaluator` names another for a job.
    pub evaluators: Vec<String>,
    /// A realizer that carries changes out in place of pull requests.
    pub realizer: Option<String>,
}
