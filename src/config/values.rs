//! Which values of a chart set which fields of which jobs.

use crate::flink::field_path::FieldPath;
use crate::snapshot::JobKey;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A mapping from a job's fields to a chart's values. `{namespace}` and `{name}` in `file` and in the keys stand for the job's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ValuesMapping {
    /// The jobs, as `namespace/name`; absent: every job that has no manifest of its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub jobs: Vec<String>,
    /// The values file, the HelmRelease or the Application; absent: the one that holds the keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Field of the FlinkDeployment (`spec.taskManager.resource.memory`) → key in the values (`flink.taskManager.memory`).
    pub fields: BTreeMap<String, String>,
}

impl ValuesMapping {
    /// Whether it is about a job.
    pub fn is_about(&self, job: &JobKey) -> bool {
        self.jobs.is_empty() || self.jobs.contains(&job.short())
    }

    /// The file for a job.
    pub fn file_of(&self, job: &JobKey) -> Option<String> {
        self.file.as_deref().map(|file| filled(file, job))
    }

    /// Field → key for a job.
    ///
    /// # Errors
    /// A path that can't be read, named.
    pub fn map_of(&self, job: &JobKey) -> Result<BTreeMap<FieldPath, FieldPath>, String> {
        let path = |text: &str| -> Result<FieldPath, String> {
            text.parse()
                .map_err(|error| format!("repository.values: `{text}`: {error}"))
        };
        self.fields
            .iter()
            .map(|(field, key)| Ok((path(field)?, path(&filled(key, job))?)))
            .collect()
    }
}

fn filled(text: &str, job: &JobKey) -> String {
    text.replace("{namespace}", &job.namespace)
        .replace("{name}", &job.name)
}
