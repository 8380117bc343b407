//! The history in a Prometheus-compatible store: where it is, how it is asked, and which labels say whose series they are.

use super::{AccessConfig, BasicConfig, TlsConfig};
use crate::quantity::{FlinkDuration, carries_credentials, without_secrets};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A Prometheus, or anything with its query API (Mimir, Thanos, Cortex, VictoriaMetrics).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PrometheusConfig {
    /// Its address, with the path in front of `/api/v1` where it has one: `https://mimir.example.com/prometheus`. Credentials do not
    /// belong into it.
    pub url: String,
    /// Which labels name a job: what is usual for a way of scraping.
    pub preset: LabelPreset,
    /// Labels that differ from the preset.
    pub labels: LabelsConfig,
    /// Further matchers for every query, as in PromQL without the braces: `env="prod"`.
    pub matchers: String,
    /// What metrics' names begin with.
    pub metric_prefix: String,
    /// Length of a point of the history.
    #[schemars(extend("shortest" = "1 s"))]
    pub step: FlinkDuration,
    /// Distance of the values that the store takes quantiles of within a step; not shorter than the scrape interval.
    #[schemars(extend("shortest" = "1 s"))]
    pub resolution: FlinkDuration,
    /// Points of a series asked for at once at most; Prometheus refuses more than 11,000.
    #[schemars(range(min = 1))]
    pub max_points: u32,
    /// Series asked for at once at most.
    #[schemars(range(min = 1))]
    pub max_series: u32,
    /// Values asked for at once at most: series times points.
    #[schemars(range(min = 1))]
    pub max_values: u32,
    /// Values held at once at most, 4 bytes each: sets how many jobs are read together.
    #[schemars(range(min = 1))]
    pub max_held: u32,
    /// Largest answer that is read, MiB.
    #[schemars(range(min = 1))]
    pub max_answer_mib: u32,
    /// Queries under way at once.
    #[schemars(range(min = 1))]
    pub concurrency: u32,
    /// Longest wait for one answer.
    #[schemars(extend("shortest" = "1 ms"))]
    pub timeout: FlinkDuration,
    /// Further attempts after a 429, a 5xx or a timeout.
    pub retries: u32,
    /// Environment variable that holds a bearer token.
    pub bearer_token_env: Option<String>,
    /// File that holds a bearer token; read anew for each run.
    pub bearer_token_file: Option<String>,
    /// User and password.
    pub basic: Option<BasicConfig>,
    /// Further headers, for example `X-Scope-OrgID` for a tenant. Their values are no secrets.
    pub headers: BTreeMap<String, String>,
    /// Further headers by the environment variable that holds the value.
    pub headers_env: BTreeMap<String, String>,
    /// Certificates.
    pub tls: TlsConfig,
    /// A proxy to go through: `http://proxy:3128`, or `none`. The environment's is not used.
    pub proxy: Option<String>,
}

impl Default for PrometheusConfig {
    fn default() -> Self {
        PrometheusConfig {
            url: String::new(),
            preset: LabelPreset::default(),
            labels: LabelsConfig::default(),
            matchers: String::new(),
            metric_prefix: "flink_".to_string(),
            step: FlinkDuration::from_millis(600_000),
            resolution: FlinkDuration::from_millis(60_000),
            max_points: 11_000,
            max_series: 20_000,
            max_values: 1_000_000,
            max_held: 24_000_000,
            max_answer_mib: 256,
            concurrency: 2,
            timeout: FlinkDuration::from_millis(120_000),
            retries: 3,
            bearer_token_env: None,
            bearer_token_file: None,
            basic: None,
            headers: BTreeMap::new(),
            headers_env: BTreeMap::new(),
            tls: TlsConfig::default(),
            proxy: None,
        }
    }
}

/// Usual ways of scraping Flink's reporter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LabelPreset {
    /// `namespace` and the pod label `app`, which Flink's native Kubernetes mode sets to the deployment's name (a PodMonitor with
    /// `podTargetLabels: [app]`).
    #[default]
    App,
    /// `kubernetes_namespace` and `app`, as in Prometheus' own example for Kubernetes.
    Kubernetes,
    /// `namespace` and `pod`; the deployment's name is cut out of the pod's (a PodMonitor without further labels).
    Pod,
    /// `exported_namespace` and `exported_app`: labels that a federation or a gateway renamed.
    Exported,
    /// `job_name` alone: the name of the job in Flink is the resource's, and namespaces are not told apart.
    JobName,
}

/// The labels by what they say. All may be left out; an empty text means that the store has no such label.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LabelsConfig {
    /// The cluster's name in this configuration; needed where one store holds several clusters.
    pub cluster: Option<String>,
    /// Namespace of the resource.
    pub namespace: Option<String>,
    /// Name of the resource.
    pub name: Option<String>,
    /// Regular expression (RE2, anchored) whose groups, one after the other, are the resource's name in the label `name`.
    pub name_pattern: Option<String>,
    /// Name of the job in Flink.
    pub job_name: Option<String>,
    /// Flink's id of the job.
    pub job_id: Option<String>,
    /// Id of the vertex.
    pub task_id: Option<String>,
    /// Name of the vertex.
    pub task_name: Option<String>,
    /// Number of the subtask.
    pub subtask_index: Option<String>,
    /// Number of the subtask's attempt.
    pub task_attempt_num: Option<String>,
    /// Name of the operator.
    pub operator_name: Option<String>,
    /// Id of the operator.
    pub operator_id: Option<String>,
    /// Id of the TaskManager.
    pub tm_id: Option<String>,
    /// Host of the process.
    pub host: Option<String>,
}

impl PrometheusConfig {
    /// What makes no sense in it, in one sentence.
    pub(super) fn wrong(&self) -> Option<String> {
        let http =
            url::Url::parse(&self.url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
        if !http {
            return Some(format!(
                "history.prometheus.url: `{}` is not an http address; write for example http://prometheus.monitoring:9090",
                without_secrets(&self.url)
            ));
        }
        if carries_credentials(&self.url) {
            return Some("history.prometheus.url holds credentials: move them to `basic: {user, password_env}`".to_string());
        }
        let (step, resolution) = (self.step.millis(), self.resolution.millis());
        if step < 1_000 || resolution < 1_000 || resolution > step {
            return Some(format!(
                "history.prometheus: step {} and resolution {}: both are at least 1s, and the resolution is not longer than the step",
                self.step, self.resolution
            ));
        }
        let limits = [
            ("max_points", self.max_points),
            ("max_series", self.max_series),
            ("max_values", self.max_values),
            ("max_held", self.max_held),
            ("max_answer_mib", self.max_answer_mib),
            ("concurrency", self.concurrency),
        ];
        if let Some((name, _)) = limits.iter().find(|(_, limit)| *limit == 0) {
            return Some(format!(
                "history.prometheus.{name} is 0: nothing could be read"
            ));
        }
        self.access().wrong("history.prometheus")
    }

    /// How it is entered.
    pub fn access(&self) -> AccessConfig {
        AccessConfig {
            bearer_token_env: self.bearer_token_env.clone(),
            bearer_token_file: self.bearer_token_file.clone(),
            basic: self.basic.clone(),
            headers: self.headers.clone(),
            headers_env: self.headers_env.clone(),
            tls: self.tls.clone(),
            proxy: self.proxy.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_no_sense_is_said() {
        let good = PrometheusConfig {
            url: "http://prometheus:9090".to_string(),
            ..PrometheusConfig::default()
        };
        assert_eq!(good.wrong(), None);
        type Bend = fn(&mut PrometheusConfig);
        let table: [(&str, Bend); 6] = [
            ("not an http address", |config| {
                config.url = "prometheus".into()
            }),
            ("holds credentials", |config| {
                config.url = "http://a:secret@b".into();
            }),
            ("resolution", |config| {
                config.step = FlinkDuration::from_millis(10_000);
            }),
            ("max_points is 0", |config| config.max_points = 0),
            ("exclude each other", |config| {
                config.bearer_token_env = Some("A".into());
                config.basic = Some(BasicConfig::default());
            }),
            ("need each other", |config| {
                config.tls.key = Some("key.pem".into());
            }),
        ];
        for (words, bend) in table {
            let mut config = good.clone();
            bend(&mut config);
            let wrong = config.wrong().unwrap_or_default();
            assert!(wrong.contains(words), "{words}: {wrong}");
            assert!(!wrong.contains("secret"), "{wrong}");
        }
    }
}
