//! Which values of a chart set which fields of which jobs.

use crate::flink::field_path::FieldPath;
use crate::manifest::ValuesLayer;
use crate::snapshot::JobKey;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A mapping from a job's fields to a chart's values. `{namespace}` and `{name}` in files and in keys stand for the job's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ValuesMapping {
    /// The jobs, as `namespace/name`; absent: every job that has no manifest of its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub jobs: Vec<String>,
    /// The values file, the HelmRelease or the Application; absent: the one of the release that has the job's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// All files that are read for the job, in the order in which Helm reads them: the last one that has a key is in force.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<ValuesFile>,
    /// Field of the FlinkDeployment (`spec.taskManager.resource.memory`) → key in the values (`flink.taskManager.memory`). A whole
    /// mapping (`spec.flinkConfiguration: flink.configuration`) stands for all fields below it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
}

/// One of several files of values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ValuesFile {
    /// Its path; its keys are those of the mapping.
    Path(String),
    /// Its path, with keys of its own.
    Own(OwnValuesFile),
}

/// A file of values with keys of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OwnValuesFile {
    /// Its path.
    pub file: String,
    /// Field → key in this file, in place of the mapping's.
    pub fields: BTreeMap<String, String>,
}

impl ValuesMapping {
    /// Whether it is about a job.
    pub fn is_about(&self, job: &JobKey) -> bool {
        self.jobs.is_empty() || self.jobs.contains(&job.short())
    }

    /// Its files with their keys, for a job.
    ///
    /// # Errors
    /// A path that can't be read, named.
    pub fn layers_of(&self, job: &JobKey) -> Result<Vec<ValuesLayer>, String> {
        let layer = |file: Option<&str>, fields: &BTreeMap<String, String>, complete: bool| {
            let names = |text: &str| text.contains("{name}");
            let keyed = fields.values().any(|key| names(key));
            Ok(ValuesLayer {
                file: file.map(|file| filled(file, job)),
                fields: map_of(fields, job)?,
                complete,
                names_job: keyed || file.is_some_and(names),
            })
        };
        if self.files.is_empty() {
            return Ok(vec![layer(self.file.as_deref(), &self.fields, false)?]);
        }
        self.files
            .iter()
            .map(|file| match file {
                ValuesFile::Path(path) => layer(Some(path), &self.fields, true),
                ValuesFile::Own(own) => layer(Some(&own.file), &own.fields, true),
            })
            .collect()
    }

    /// What makes it unusable, if something does.
    pub(super) fn wrong(&self) -> Option<String> {
        let own = |file: &ValuesFile| matches!(file, ValuesFile::Own(_));
        if self.file.is_some() && !self.files.is_empty() {
            return Some(
                "repository.values: `file` and `files` are both there: keep one of them".to_owned(),
            );
        }
        let own_keys = !self.files.is_empty() && self.files.iter().all(own);
        if self.fields.is_empty() && !own_keys {
            return Some("repository.values: a mapping without `fields`: add FIELD: KEY, for example `spec.job.parallelism: flink.parallelism`".to_owned());
        }
        None
    }

    /// A field that two mappings set for the same job.
    pub(super) fn clashes(&self, other: &ValuesMapping) -> Option<String> {
        let shared = self.jobs.is_empty() && other.jobs.is_empty()
            || self.jobs.iter().any(|job| other.jobs.contains(job));
        let field = self
            .fields
            .keys()
            .find(|field| other.fields.contains_key(*field));
        field.filter(|_| shared).map(|field| {
            format!("repository.values: two mappings say where `{field}` of the same job stands, and which file is read last is not said: make them one, with the files in order as `files:`")
        })
    }

    /// Whether its values are told apart by the job's namespace or name.
    fn tells_jobs_apart(&self) -> bool {
        let says = |text: &str| text.contains("{name}") || text.contains("{namespace}");
        let own = self.files.iter().any(|file| match file {
            ValuesFile::Path(path) => says(path),
            ValuesFile::Own(own) => says(&own.file) || own.fields.values().any(|key| says(key)),
        });
        own || self.fields.values().any(|key| says(key))
            || match &self.file {
                Some(file) => says(file),
                // A file that is found by the job's name is its own.
                None => self.files.is_empty(),
            }
    }
}

/// What the configuration maps for a job: files and keys, whether they are mapped for this very job, and other jobs that the same
/// values would be taken for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MappedValues {
    /// Files and keys, in the order in which the files are read.
    pub layers: Vec<ValuesLayer>,
    /// Whether a mapping names the job.
    pub own: bool,
    /// Other jobs with the same files and keys.
    pub shared_with: Vec<String>,
}

impl MappedValues {
    /// What the mappings say of a job.
    pub fn of(mappings: &[ValuesMapping], job: &JobKey) -> MappedValues {
        let named = |mapping: &&ValuesMapping| mapping.jobs.contains(&job.short());
        let own = mappings.iter().any(|mapping| named(&mapping));
        let mine: Vec<&ValuesMapping> = mappings
            .iter()
            .filter(|mapping| match own {
                true => named(mapping),
                false => mapping.jobs.is_empty(),
            })
            .collect();
        let shared = mine.iter().filter(|mapping| !mapping.tells_jobs_apart());
        let others = shared.flat_map(|mapping| &mapping.jobs);
        MappedValues {
            // The configuration was checked when it was read.
            layers: mine
                .iter()
                .flat_map(|mapping| mapping.layers_of(job).unwrap_or_default())
                .collect(),
            own,
            shared_with: others
                .filter(|other| **other != job.short())
                .cloned()
                .collect(),
        }
    }
}

fn map_of(
    fields: &BTreeMap<String, String>,
    job: &JobKey,
) -> Result<BTreeMap<FieldPath, FieldPath>, String> {
    let path = |text: &str| -> Result<FieldPath, String> {
        text.parse()
            .map_err(|error| format!("repository.values: `{text}`: {error}"))
    };
    fields
        .iter()
        .map(|(field, key)| Ok((path(field)?, path(&filled(key, job))?)))
        .collect()
}

fn filled(text: &str, job: &JobKey) -> String {
    text.replace("{namespace}", &job.namespace)
        .replace("{name}", &job.name)
}
