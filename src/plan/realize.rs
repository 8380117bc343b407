//! What a realizer is asked: to carry one planned change out in its own way.

use super::PlannedChange;
use crate::evaluate::plugin::PROTOCOL;
use crate::recommend::Size;
use crate::record::FieldChange;
use crate::snapshot::JobKey;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Asks a realizer to carry a planned change out. It may be asked for the same change again, as long as the plan holds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RealizeRequest {
    /// Always `plimsoll.dev/plugin/v1`.
    pub schema: String,
    /// Always `realize`.
    pub ask: RealizeAsk,
    /// The plug-in's name in the configuration.
    pub plugin: String,
    /// The job.
    pub job: JobKey,
    /// The time of the plan, Unix milliseconds.
    pub at_ms: i64,
    /// The size in force: parallelism, TaskManagers, memory, CPU, options.
    pub now: Size,
    /// The size that is wanted.
    pub wanted: Size,
    /// The same as fields of the manifest, before and after.
    pub fields: Vec<FieldChange>,
}

/// What is asked: `realize`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RealizeAsk {
    /// The only one.
    #[default]
    Realize,
}

impl RealizeRequest {
    /// The request for a planned change.
    pub fn new(plugin: &str, at_ms: i64, change: &PlannedChange) -> RealizeRequest {
        let recommendation = &change.recommendation;
        RealizeRequest {
            schema: PROTOCOL.to_owned(),
            ask: RealizeAsk::Realize,
            plugin: plugin.to_owned(),
            job: recommendation.job.clone(),
            at_ms,
            now: recommendation.now.clone(),
            wanted: recommendation.proposed.clone(),
            fields: change.fields.clone(),
        }
    }
}

/// What a realizer says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RealizeAnswer {
    /// Always `plimsoll.dev/plugin/v1`.
    pub schema: String,
    /// Whether it was done.
    pub outcome: RealizeOutcome,
    /// One sentence: what was done, or why not.
    #[serde(default)]
    pub message: String,
}

/// Whether a change was carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RealizeOutcome {
    /// It was, or had been already.
    Done,
    /// It was not.
    Failed,
}
