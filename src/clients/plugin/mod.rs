//! A plug-in that is a program: one JSON document on its stdin, one on its stdout.

mod process;

pub use process::Program;

use crate::evaluate::plugin::{
    CollectAnswer, CollectRequest, EvaluateAnswer, EvaluateRequest, PROTOCOL,
};
use crate::plan::{RealizeAnswer, RealizeRequest};
use crate::ports::{MetricCollector, MetricEvaluator, PluginError, ScalingRealizer};
use crate::render::escape::terminal;
use futures::future::{BoxFuture, FutureExt};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Characters of an answer's version that an error repeats.
const SHOWN: usize = 60;

/// A program behind the plug-in traits. What is asked decides its role.
#[derive(Debug, Clone)]
pub struct ExecPlugin {
    program: Program,
}

impl ExecPlugin {
    /// The plug-in of a program.
    pub fn new(program: Program) -> ExecPlugin {
        ExecPlugin { program }
    }

    async fn ask<Answer>(&self, request: &impl Serialize) -> Result<Answer, PluginError>
    where
        Answer: DeserializeOwned,
    {
        let request = serde_json::to_vec(request).map_err(|error| {
            PluginError::Other(format!("the request can't be written: {error}"))
        })?;
        let program = self.program.clone();
        let output = tokio::task::spawn_blocking(move || program.ask(request))
            .await
            .map_err(|error| PluginError::Other(format!("asking it was cut off: {error}")))??;
        read(&output)
    }
}

/// What stands in every answer.
#[derive(Deserialize)]
struct Head {
    schema: String,
}

/// One JSON document of this version, with nothing behind it.
fn read<Answer: DeserializeOwned>(output: &[u8]) -> Result<Answer, PluginError> {
    if output.iter().all(u8::is_ascii_whitespace) {
        return Err(PluginError::Empty);
    }
    let unreadable = |error: serde_json::Error| PluginError::Unreadable {
        reason: terminal(&error.to_string()),
    };
    let head: Head = serde_json::from_slice(output).map_err(unreadable)?;
    if head.schema != PROTOCOL {
        let found: String = head.schema.chars().take(SHOWN).collect();
        return Err(PluginError::Schema {
            found: terminal(&found),
        });
    }
    serde_json::from_slice(output).map_err(unreadable)
}

impl MetricCollector for ExecPlugin {
    fn collect<'a>(
        &'a self,
        request: &'a CollectRequest,
    ) -> BoxFuture<'a, Result<CollectAnswer, PluginError>> {
        self.ask(request).boxed()
    }
}

impl MetricEvaluator for ExecPlugin {
    fn evaluate<'a>(
        &'a self,
        request: &'a EvaluateRequest,
    ) -> BoxFuture<'a, Result<EvaluateAnswer, PluginError>> {
        self.ask(request).boxed()
    }
}

impl ScalingRealizer for ExecPlugin {
    fn realize<'a>(
        &'a self,
        request: &'a RealizeRequest,
    ) -> BoxFuture<'a, Result<RealizeAnswer, PluginError>> {
        self.ask(request).boxed()
    }
}
