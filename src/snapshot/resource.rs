//! What Kubernetes says of a job's custom resource.

use crate::flink::sizing;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::str::FromStr;

/// What a custom resource is to us.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// A FlinkDeployment with a job.
    Application,
    /// A FlinkDeployment without one: its memory belongs to no one job, so it is a unit of its own.
    SessionCluster,
    /// A FlinkSessionJob.
    SessionJob,
    /// A FlinkBlueGreenDeployment.
    BlueGreen,
    /// Of a version or shape that is not known.
    Unknown,
}

/// `status.lifecycleState` of the operator.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Lifecycle {
    /// Accepted, and not deployed yet.
    Created,
    /// The job is suspended.
    Suspended,
    /// The old spec is being stopped, the new one not deployed yet.
    Upgrading,
    /// Deployed, and not called stable yet.
    Deployed,
    /// Deployed, and it ran.
    Stable,
    /// The operator goes back to the last stable spec.
    RollingBack,
    /// The last stable spec runs, not the one in the resource.
    RolledBack,
    /// The job failed for good.
    Failed,
    /// It is being deleted, or was.
    Deleting,
}

impl FromStr for Lifecycle {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text {
            "CREATED" => Lifecycle::Created,
            "SUSPENDED" => Lifecycle::Suspended,
            "UPGRADING" => Lifecycle::Upgrading,
            "DEPLOYED" => Lifecycle::Deployed,
            "STABLE" => Lifecycle::Stable,
            "ROLLING_BACK" => Lifecycle::RollingBack,
            "ROLLED_BACK" => Lifecycle::RolledBack,
            "FAILED" => Lifecycle::Failed,
            "DELETING" | "DELETED" => Lifecycle::Deleting,
            other => return Err(format!("the lifecycle state `{other}` is not known")),
        })
    }
}

/// What puts a resource into the cluster, as its labels and annotations hint: nothing that is relied on alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Owner {
    /// `argo-cd`, `flux-kustomization`, `flux-helmrelease` or `helm`.
    pub tool: String,
    /// The Application, Kustomization or release. Foreign text: escape it.
    pub name: String,
    /// Its namespace, where the hint names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

/// Fields of a Flink spec that matter to sizing, by their path with dots only
/// (`spec.flinkConfiguration.taskmanager.numberOfTaskSlots`), as text. What names or hides something is never among them.
pub type SpecFields = BTreeMap<String, String>;

/// A job's custom resource when it was listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LiveResource {
    /// What it is to us.
    pub role: Role,
    /// `flink.apache.org/v1beta1`.
    pub api_version: String,
    /// It changes when the resource is deleted and made again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// `metadata.generation`: counts the changes of the spec.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<i64>,
    /// The generation that the operator acted upon last: `status.observedGeneration`, before operator 1.12 the one noted in the last
    /// reconciled spec.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The operator's word for its state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifecycle: Option<Lifecycle>,
    /// `status.jobStatus.state`: `RUNNING`, `RECONCILING`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_state: Option<String>,
    /// `status.jobManagerDeploymentStatus`: `READY`, `DEPLOYING`, `MISSING`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_manager: Option<String>,
    /// The operator's error, its message alone, shortened. Foreign text: escape it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// `status.conditions`: type → status.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub conditions: BTreeMap<String, String>,
    /// The session cluster of a session job, a FlinkDeployment of its namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_cluster: Option<String>,
    /// What puts it there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
    /// Its labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Its annotations that Plimsoll reads.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// What it asks for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub spec: SpecFields,
    /// What the operator deployed last; absent when it says nothing of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reconciled: Option<SpecFields>,
    /// Why it could not be read, where its role is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unreadable: Option<String>,
}

/// Leaves below `spec` that are kept beside those that size something.
const LEAVES: [&str; 5] = [
    "mode",
    "flinkVersion",
    "job.state",
    "job.upgradeMode",
    "deploymentName",
];

/// Beginnings of options that are kept beside those that size a job: who else scales it, checkpoints' times.
const OPTIONS: [&str; 5] = [
    "pipeline.max-parallelism",
    "job.autoscaler.",
    "kubernetes.operator.job.autoscaler.",
    "execution.checkpointing.interval",
    "execution.checkpointing.timeout",
];

/// All leaves that are kept, besides options.
fn leaves() -> impl Iterator<Item = &'static str> {
    let sizing = sizing::FIELDS.into_iter().chain(sizing::JOB_MANAGER);
    sizing.chain(LEAVES)
}

/// The path that a field of an object stands under in [`SpecFields`], if fields there are kept: brackets and quotes become dots.
pub fn kept_path(path: &str) -> Option<String> {
    let plain = path
        .replace("[\"", ".")
        .replace("['", ".")
        .replace(['[', ']', '"', '\''], "");
    // The spec of a blue-green deployment stands two levels deeper.
    let plain = match plain.strip_prefix("spec.template.spec.") {
        Some(rest) => format!("spec.{rest}"),
        None => plain,
    };
    let below = plain.strip_prefix("spec.")?;
    let kept = match below.strip_prefix("flinkConfiguration.") {
        Some(option) => {
            sizing::is_sizing_option(option)
                || OPTIONS.iter().any(|begin| option.starts_with(begin))
        }
        None => leaves().any(|leaf| leaf == below),
    };
    kept.then_some(plain)
}

/// The kept fields of a Flink spec, with its flattened options.
pub fn spec_fields(spec: &Value, options: &BTreeMap<String, String>) -> SpecFields {
    let mut fields = SpecFields::new();
    for leaf in leaves() {
        let value = leaf.split('.').fold(spec, |value, key| &value[key]);
        let text = match value {
            Value::String(text) => text.trim().to_string(),
            Value::Number(number) => number.to_string(),
            _ => continue,
        };
        fields.insert(format!("spec.{leaf}"), text);
    }
    for (option, value) in options {
        let path = format!("spec.flinkConfiguration.{option}");
        if let Some(path) = kept_path(&path) {
            fields.insert(path, value.clone());
        }
    }
    fields
}

impl LiveResource {
    /// One of which nothing is known yet but what it is.
    pub fn new(role: Role, api_version: impl Into<String>) -> Self {
        LiveResource {
            role,
            api_version: api_version.into(),
            uid: None,
            generation: None,
            observed_generation: None,
            lifecycle: None,
            job_state: None,
            job_manager: None,
            error: None,
            conditions: BTreeMap::new(),
            session_cluster: None,
            owner: None,
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            spec: SpecFields::new(),
            reconciled: None,
            unreadable: None,
        }
    }

    /// Whether the operator has not acted upon the latest spec yet; false when either generation is unknown.
    pub fn lags_behind(&self) -> bool {
        matches!((self.generation, self.observed_generation), (Some(wanted), Some(seen)) if seen < wanted)
    }

    /// Whether the job is, or is to be, suspended.
    pub fn is_suspended(&self) -> bool {
        self.lifecycle == Some(Lifecycle::Suspended)
            || self.spec.get("spec.job.state").map(String::as_str) == Some("suspended")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_sizing_fields_are_kept_in_one_spelling() {
        for (path, kept) in [
            (
                "spec.taskManager.resource.memory",
                Some("spec.taskManager.resource.memory"),
            ),
            (
                "spec.flinkConfiguration[\"taskmanager.numberOfTaskSlots\"]",
                Some("spec.flinkConfiguration.taskmanager.numberOfTaskSlots"),
            ),
            (
                "spec.template.spec.job.parallelism",
                Some("spec.job.parallelism"),
            ),
            ("spec.flinkConfiguration[\"s3.secret-key\"]", None),
            ("spec.podTemplate.spec", None),
            ("metadata.name", None),
        ] {
            assert_eq!(kept_path(path).as_deref(), kept, "{path}");
        }
    }

    #[test]
    fn a_spec_is_reduced_to_texts() {
        let spec = json!({
            "job": {"parallelism": 2, "jarURI": "s3://secret/x.jar"},
            "taskManager": {"resource": {"memory": "1200m", "cpu": 0.3}},
            "podTemplate": {"spec": {}},
        });
        let options = BTreeMap::from([
            ("taskmanager.numberOfTaskSlots".to_string(), "2".to_string()),
            ("s3.secret-key".to_string(), "hidden".to_string()),
        ]);
        let fields = spec_fields(&spec, &options);
        assert_eq!(fields["spec.taskManager.resource.cpu"], "0.3");
        assert_eq!(
            fields["spec.flinkConfiguration.taskmanager.numberOfTaskSlots"],
            "2"
        );
        assert_eq!(fields.len(), 4);
    }

    #[test]
    fn generations_compare_only_when_both_are_known() {
        let mut resource = LiveResource::new(Role::Application, "flink.apache.org/v1beta1");
        for (wanted, seen, behind) in [
            (None, None, false),
            (Some(2), None, false),
            (Some(2), Some(2), false),
            (Some(3), Some(2), true),
        ] {
            (resource.generation, resource.observed_generation) = (wanted, seen);
            assert_eq!(resource.lags_behind(), behind);
        }
    }
}
