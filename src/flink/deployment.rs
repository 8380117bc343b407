//! FlinkDeployment, FlinkSessionJob and FlinkBlueGreenDeployment as the operator reads them.
//!
//! Reading is tolerant: a field of the wrong type counts as absent, as manifests in the wild carry
//! many that the operator ignores. What has to be right (sizes) is parsed where it is asked for.

use std::collections::BTreeMap;

use serde_json::Value;

use super::field_path::FieldPath;

/// The API group of the operator's resources.
pub const GROUP: &str = "flink.apache.org";

/// The three kinds that hold sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// An application cluster (with a job) or a session cluster (without).
    FlinkDeployment,
    /// One job on a session cluster.
    FlinkSessionJob,
    /// Two application clusters that take turns; its sizes stand in `spec.template.spec`.
    FlinkBlueGreenDeployment,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Kind; 3] = [
        Kind::FlinkDeployment,
        Kind::FlinkSessionJob,
        Kind::FlinkBlueGreenDeployment,
    ];

    /// The name in manifests.
    pub fn name(self) -> &'static str {
        match self {
            Kind::FlinkDeployment => "FlinkDeployment",
            Kind::FlinkSessionJob => "FlinkSessionJob",
            Kind::FlinkBlueGreenDeployment => "FlinkBlueGreenDeployment",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Where the Flink spec stands in objects of this kind.
    pub fn spec_path(self) -> FieldPath {
        match self {
            Kind::FlinkBlueGreenDeployment => FieldPath::of(&["spec", "template", "spec"]),
            _ => FieldPath::of(&["spec"]),
        }
    }
}

/// Who starts the TaskManagers (`spec.mode`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Flink asks Kubernetes for pods as it needs them (the operator's default).
    #[default]
    Native,
    /// A fixed number of pods, `taskManager.replicas`.
    Standalone,
}

/// `spec.job`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Job {
    /// The jar.
    pub jar_uri: Option<String>,
    /// The main class.
    pub entry_class: Option<String>,
    /// Arguments of the main class.
    pub args: Vec<String>,
    /// Subtasks per operator, where nothing else says otherwise; absent when not positive.
    pub parallelism: Option<u32>,
    /// `stateless`, `savepoint` or `last-state`, as written.
    pub upgrade_mode: Option<String>,
    /// `running` or `suspended`, as written.
    pub state: Option<String>,
}

/// `resource` or one half of `resources`: texts as written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sizes {
    /// Memory, in Flink's notation first.
    pub memory: Option<String>,
    /// Cores.
    pub cpu: Option<String>,
    /// Ephemeral storage.
    pub ephemeral_storage: Option<String>,
}

impl Sizes {
    fn read(value: &Value) -> Sizes {
        let storage =
            text(&value["ephemeralStorage"]).or_else(|| text(&value["ephemeral-storage"]));
        Sizes {
            memory: text(&value["memory"]),
            cpu: text(&value["cpu"]),
            ephemeral_storage: storage,
        }
    }
}

/// `spec.jobManager` or `spec.taskManager`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Component {
    /// The older field, one size for request and limit.
    pub resource: Option<Sizes>,
    /// `resources.requests`.
    pub requests: Sizes,
    /// `resources.limits`.
    pub limits: Sizes,
    /// Whether `resources` holds any request or limit: then the operator ignores `resource`.
    pub has_requirements: bool,
    /// `replicas`.
    pub replicas: Option<u32>,
}

impl Component {
    fn read(value: &Value) -> Component {
        let resources = &value["resources"];
        let holds = |part: &str| {
            resources[part]
                .as_object()
                .is_some_and(|map| !map.is_empty())
        };
        Component {
            resource: value["resource"]
                .as_object()
                .map(|_| Sizes::read(&value["resource"])),
            requests: Sizes::read(&resources["requests"]),
            limits: Sizes::read(&resources["limits"]),
            has_requirements: holds("requests") || holds("limits"),
            replicas: number(&value["replicas"]),
        }
    }
}

/// One of the operator's resources, reduced to what rightsizing needs.
#[derive(Debug, Clone, PartialEq)]
pub struct Deployment {
    /// Which resource it is.
    pub kind: Kind,
    /// `metadata.namespace`, if the object says it.
    pub namespace: Option<String>,
    /// `metadata.name`; empty when the object has none.
    pub name: String,
    /// `metadata.labels`.
    pub labels: BTreeMap<String, String>,
    /// `metadata.annotations`.
    pub annotations: BTreeMap<String, String>,
    /// `flinkVersion` as written, e.g. `v1_20`.
    pub flink_version: Option<String>,
    /// Native or standalone.
    pub mode: Mode,
    /// The session cluster that a session job runs on.
    pub deployment_name: Option<String>,
    /// The job; absent for session clusters.
    pub job: Option<Job>,
    /// The JobManager.
    pub job_manager: Component,
    /// The TaskManagers.
    pub task_manager: Component,
    /// `flinkConfiguration`, flattened: nested keys joined by dots, lists by `;`.
    pub configuration: BTreeMap<String, String>,
}

/// Why a value is not one of the operator's resources.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeploymentError {
    /// Another group or kind, or none.
    #[error("`{api_version}` `{kind}` is not a Flink resource of the operator (group {GROUP})")]
    Foreign {
        /// `apiVersion` as found.
        api_version: String,
        /// `kind` as found.
        kind: String,
    },
}

impl Deployment {
    /// Reads a manifest (or a live object) whose aliases and merge keys are already resolved.
    ///
    /// # Errors
    /// When group or kind is another one.
    pub fn from_value(value: &Value) -> Result<Deployment, DeploymentError> {
        let api_version = value["apiVersion"].as_str().unwrap_or_default();
        let kind_name = value["kind"].as_str().unwrap_or_default();
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        let kind = Kind::from_name(kind_name)
            .filter(|_| group == GROUP)
            .ok_or_else(|| DeploymentError::Foreign {
                api_version: api_version.to_owned(),
                kind: kind_name.to_owned(),
            })?;
        let metadata = &value["metadata"];
        let spec = match kind {
            Kind::FlinkBlueGreenDeployment => &value["spec"]["template"]["spec"],
            _ => &value["spec"],
        };
        let standalone = spec["mode"]
            .as_str()
            .is_some_and(|mode| mode.eq_ignore_ascii_case("standalone"));
        Ok(Deployment {
            kind,
            namespace: text(&metadata["namespace"]).filter(|text| !text.is_empty()),
            name: text(&metadata["name"]).unwrap_or_default(),
            labels: texts(&metadata["labels"]),
            annotations: texts(&metadata["annotations"]),
            flink_version: text(&spec["flinkVersion"]),
            mode: if standalone {
                Mode::Standalone
            } else {
                Mode::Native
            },
            deployment_name: text(&spec["deploymentName"]),
            job: spec["job"].as_object().map(|_| read_job(&spec["job"])),
            job_manager: Component::read(&spec["jobManager"]),
            task_manager: Component::read(&spec["taskManager"]),
            configuration: flatten_configuration(&spec["flinkConfiguration"]),
        })
    }

    /// Whether this is a session cluster: a FlinkDeployment without a job.
    pub fn is_session_cluster(&self) -> bool {
        self.kind == Kind::FlinkDeployment && self.job.is_none()
    }
}

fn read_job(job: &Value) -> Job {
    let args = job["args"]
        .as_array()
        .map(|args| args.iter().filter_map(text).collect());
    Job {
        jar_uri: text(&job["jarURI"]),
        entry_class: text(&job["entryClass"]),
        args: args.unwrap_or_default(),
        parallelism: number(&job["parallelism"]).filter(|&number| number > 0),
        upgrade_mode: text(&job["upgradeMode"]),
        state: text(&job["state"]),
    }
}

/// The flat map of Flink options: nested keys joined by dots, lists by `;` (as the operator does since
/// structured configuration exists), nulls left out.
pub fn flatten_configuration(value: &Value) -> BTreeMap<String, String> {
    let mut flat = BTreeMap::new();
    if value.is_object() {
        collect(value, "", &mut flat);
    }
    flat
}

fn collect(value: &Value, prefix: &str, flat: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let path = if prefix.is_empty() {
                    key.clone()
                } else {
                    format!("{prefix}.{key}")
                };
                collect(value, &path, flat);
            }
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().filter_map(text).collect();
            flat.insert(prefix.to_owned(), items.join(";"));
        }
        scalar => {
            if let Some(text) = text(scalar) {
                flat.insert(prefix.to_owned(), text);
            }
        }
    }
}

/// A scalar as text.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

fn texts(value: &Value) -> BTreeMap<String, String> {
    let Some(map) = value.as_object() else {
        return BTreeMap::new();
    };
    map.iter()
        .filter_map(|(key, value)| Some((key.clone(), text(value)?)))
        .collect()
}

/// A whole number that is not negative, also when written as text.
fn number(value: &Value) -> Option<u32> {
    match value {
        Value::Number(number) => number
            .as_u64()
            .and_then(|number| u32::try_from(number).ok()),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}
