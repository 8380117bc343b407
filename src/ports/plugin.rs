//! Collectors, evaluators and realizers that are not our own: as Rust traits for those who build with the crate, and behind
//! them any program (`clients::plugin`). The roles are those of FLIP-514 and FLINK-38283.

use crate::evaluate::plugin::{CollectAnswer, CollectRequest, EvaluateAnswer, EvaluateRequest};
use crate::plan::{RealizeAnswer, RealizeRequest};
use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Why a plug-in gave no answer that can be used. It concerns one job, never a whole run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PluginError {
    /// Its program can't be started.
    #[error("{program} can't be started: {reason}; check `exec` of the plug-in")]
    NotStarted {
        /// The program.
        program: String,
        /// The system's reason.
        reason: String,
    },
    /// It took too long, and was ended with its children.
    #[error(
        "no answer within {limit:?}; it was ended with its children (`timeout` sets the limit)"
    )]
    TimedOut {
        /// The limit.
        limit: Duration,
    },
    /// It wrote too much, and was ended with its children.
    #[error(
        "more than {limit} bytes on {stream}; it was ended with its children (`max_output` sets the limit)"
    )]
    TooMuchOutput {
        /// `stdout` or `stderr`.
        stream: &'static str,
        /// The limit, bytes.
        limit: u64,
    },
    /// It ended with an exit code other than 0, or by a signal.
    #[error("it ended with {status}{}", last_words(.last_line))]
    Failed {
        /// `exit status: 1`, `signal: 9 (SIGKILL)`
        status: String,
        /// The last line it wrote on stderr; foreign text.
        last_line: String,
    },
    /// It ended and left processes behind, which were ended.
    #[error(
        "it left processes behind, which were ended; a plug-in waits for its children before it ends"
    )]
    LeftChildren,
    /// It wrote nothing.
    #[error("it wrote no answer on stdout")]
    Empty,
    /// Its answer is not the JSON document that the protocol asks for.
    #[error("its answer can't be read: {reason}; `plimsoll schema plugin` prints what is expected")]
    Unreadable {
        /// What is wrong, and where.
        reason: String,
    },
    /// Its answer is of another version.
    #[error("its answer has schema `{found}`, expected plimsoll.dev/plugin/v1")]
    Schema {
        /// What stands there; foreign text.
        found: String,
    },
    /// Something else, in words.
    #[error("{0}")]
    Other(String),
}

fn last_words(line: &str) -> String {
    if line.is_empty() {
        String::new()
    } else {
        format!(": {line}")
    }
}

/// Adds metrics from elsewhere to a job's snapshot.
pub trait MetricCollector: Send + Sync {
    /// Asks for the metrics of one job.
    fn collect<'a>(
        &'a self,
        request: &'a CollectRequest,
    ) -> BoxFuture<'a, Result<CollectAnswer, PluginError>>;
}

/// Augments or replaces what was estimated of a job.
pub trait MetricEvaluator: Send + Sync {
    /// Asks about one job.
    fn evaluate<'a>(
        &'a self,
        request: &'a EvaluateRequest,
    ) -> BoxFuture<'a, Result<EvaluateAnswer, PluginError>>;
}

/// Carries a planned change out, in place of a pull request.
pub trait ScalingRealizer: Send + Sync {
    /// Asks to carry one out. Asked again for the same change, it answers `done` and does nothing.
    fn realize<'a>(
        &'a self,
        request: &'a RealizeRequest,
    ) -> BoxFuture<'a, Result<RealizeAnswer, PluginError>>;
}

/// Plug-ins by name: the name by which the configuration uses them.
#[derive(Clone, Default)]
pub struct Plugins {
    /// Collectors.
    pub collectors: BTreeMap<String, Arc<dyn MetricCollector>>,
    /// Evaluators.
    pub evaluators: BTreeMap<String, Arc<dyn MetricEvaluator>>,
    /// Realizers.
    pub realizers: BTreeMap<String, Arc<dyn ScalingRealizer>>,
}

impl Plugins {
    /// Whether there is one of that name, whatever it does.
    pub fn has(&self, name: &str) -> bool {
        self.collectors.contains_key(name)
            || self.evaluators.contains_key(name)
            || self.realizers.contains_key(name)
    }
}

impl fmt::Debug for Plugins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plugins")
            .field("collectors", &self.collectors.keys())
            .field("evaluators", &self.evaluators.keys())
            .field("realizers", &self.realizers.keys())
            .finish()
    }
}

/// Every document of the protocol, for `plimsoll schema plugin`.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
#[allow(clippy::large_enum_variant)]
pub enum PluginDocument {
    /// To a collector.
    CollectRequest(CollectRequest),
    /// From a collector.
    CollectAnswer(CollectAnswer),
    /// To an evaluator.
    EvaluateRequest(EvaluateRequest),
    /// From an evaluator.
    EvaluateAnswer(EvaluateAnswer),
    /// To a realizer.
    RealizeRequest(RealizeRequest),
    /// From a realizer.
    RealizeAnswer(RealizeAnswer),
}
