//! The sections that belong to no room of the line: clusters, history, repository, promises.

use super::{AccessConfig, KubernetesConfig, PrometheusConfig, Reach, ValuesMapping};
use crate::quantity::FlinkDuration;
use crate::snapshot::{JobKey, JobKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A cluster: a static list of jobs, or one behind a Kubernetes API server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClusterConfig {
    /// Its name in keys, branches and reports.
    pub name: String,
    /// Its jobs; behind Kubernetes only those of which something is said here, the others are found all the same.
    #[serde(default)]
    pub jobs: Vec<JobConfig>,
    /// Its jobs are found through this context of a kubeconfig.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubernetes: Option<KubernetesConfig>,
    /// Its jobs are those of the cluster that Plimsoll itself runs in.
    #[serde(default, alias = "in-cluster")]
    pub in_cluster: bool,
    /// Namespaces to look into; absent: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<Vec<String>>,
    /// Only resources with these labels, for example `app=orders`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,
    /// How JobManagers are reached: `service-proxy` (the default of `kubernetes`), `port-forward`, or `{url: …}` (the default of
    /// `in_cluster`: the service's own address).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reach: Option<Reach>,
    /// How the REST addresses of its jobs are entered: `rest`, and `reach: {url: …}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<AccessConfig>,
}

/// A job of a static list, or what differs for one that is found through Kubernetes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JobConfig {
    /// Namespace of its custom resource.
    pub namespace: String,
    /// Name of its custom resource.
    pub name: String,
    /// Kind of its custom resource.
    #[serde(default = "deployment")]
    pub kind: JobKind,
    /// Flink's REST address of its JobManager, for example `http://orders-rest.payments:8081`; not for jobs found through Kubernetes.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub rest: String,
    /// How that address is entered, where it differs from the cluster's `access`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<AccessConfig>,
    /// Name or id of the job in Flink, where its JobManager runs several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flink_job: Option<String>,
    /// File of its manifest in the repository, where more than one would do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<String>,
    /// Its tier, where the annotation `plimsoll.dev/tier` names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<String>,
    /// What it promises, where that differs from `slo`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slo: Option<SloConfig>,
    /// Limits of single vertices, by their name or id in Flink.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub vertices: BTreeMap<String, VertexConfig>,
}

/// What is known of a vertex that metrics don't tell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VertexConfig {
    /// The most parallelism that it may get, at least 1: a connector that can't scale further.
    #[schemars(range(min = 1))]
    pub max: std::num::NonZeroU32,
}

impl ClusterConfig {
    /// The key of one of its jobs.
    pub fn key(&self, job: &JobConfig) -> JobKey {
        JobKey {
            cluster: self.name.clone(),
            kind: job.kind,
            namespace: job.namespace.clone(),
            name: job.name.clone(),
        }
    }

    /// The jobs of which the configuration says something, by key.
    pub fn entries(&self) -> impl Iterator<Item = (JobKey, &JobConfig)> {
        self.jobs.iter().map(|job| (self.key(job), job))
    }
}

impl JobConfig {
    /// Whether it is a job of a static list, with an address of its own; else it says what differs for a job found through Kubernetes.
    pub fn is_listed(&self) -> bool {
        !self.rest.is_empty()
    }
}

fn deployment() -> JobKind {
    JobKind::Deployment
}

/// What a job promises.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SloConfig {
    /// Lag that it may have at most, as time of input.
    #[schemars(extend("shortest" = "1 ms"))]
    pub lag: FlinkDuration,
    /// Time from the sources to any vertex that it may take at most, by Flink's latency markers; absent: nothing is promised, and the latency
    /// rule takes the lag's limit for its bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("shortest" = "1 ms"))]
    pub latency: Option<FlinkDuration>,
}

impl Default for SloConfig {
    fn default() -> Self {
        SloConfig {
            lag: FlinkDuration::from_millis(120_000),
            latency: None,
        }
    }
}

/// Where the series are kept: the embedded history, one SQLite file, or a Prometheus beside it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HistoryConfig {
    /// The file, relative to the configuration.
    pub file: String,
    /// A Prometheus-compatible store. When set, the series come from there, and the file is only used for what it can't tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prometheus: Option<PrometheusConfig>,
    /// History needed before sizes are judged.
    #[schemars(extend("shortest" = "1 ms"))]
    pub minimum: FlinkDuration,
    /// How far back decisions look.
    #[schemars(extend("shortest" = "1 ms"))]
    pub window: FlinkDuration,
    /// What is older is dropped.
    #[schemars(extend("shortest" = "1 ms"))]
    pub retention: FlinkDuration,
}

impl Default for HistoryConfig {
    fn default() -> Self {
        let days = |days: u64| FlinkDuration::from_millis(days * 24 * 3_600_000);
        HistoryConfig {
            file: "plimsoll.sqlite".to_string(),
            prometheus: None,
            minimum: days(1),
            window: days(14),
            retention: days(21),
        }
    }
}

/// Where the manifests are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RepositoryConfig {
    /// A git repository (its folder or a bare one), relative to the configuration.
    pub path: String,
    /// Its base branch; absent: the one that its HEAD names.
    pub base: Option<String>,
    /// Where a chart's values set the fields of jobs that have no manifest of their own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<ValuesMapping>,
}

impl Default for RepositoryConfig {
    fn default() -> Self {
        RepositoryConfig {
            path: ".".to_string(),
            base: None,
            values: Vec::new(),
        }
    }
}
