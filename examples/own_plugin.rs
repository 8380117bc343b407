//! A Plimsoll of one's own: the whole program, with an evaluator written in Rust.
//!
//!     cargo run --example own_plugin -- explain payments/orders-enrich
//!
//! and in the configuration
//!
//!     evaluators: [black-friday]
//!
//! A collector implements `MetricCollector`, a realizer `ScalingRealizer`, in the same way.

use clap::Parser;
use futures::future::{BoxFuture, FutureExt};
use plimsoll::cli::Cli;
use plimsoll::commands::carry_out_with;
use plimsoll::evaluate::plugin::{DemandAnswer, EvaluateAnswer, EvaluateRequest, PROTOCOL};
use plimsoll::ports::{MetricEvaluator, PluginError, Plugins};
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

/// Sizes every job for so many times the load that was seen.
struct BlackFriday {
    factor: f64,
}

impl MetricEvaluator for BlackFriday {
    fn evaluate<'a>(
        &'a self,
        request: &'a EvaluateRequest,
    ) -> BoxFuture<'a, Result<EvaluateAnswer, PluginError>> {
        async move {
            let Some(demand) = &request.demand else {
                return Err(PluginError::Other("no load is known to multiply".into()));
            };
            Ok(EvaluateAnswer {
                schema: PROTOCOL.to_string(),
                demand: DemandAnswer {
                    load_per_second: Some(demand.load_per_second * self.factor),
                    ..DemandAnswer::default()
                },
                message: Some(format!("Black Friday brings {} times as much", self.factor)),
                ..EvaluateAnswer::default()
            })
        }
        .boxed()
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let mut plugins = Plugins::default();
    plugins.evaluators.insert(
        "black-friday".to_string(),
        Arc::new(BlackFriday { factor: 3.0 }),
    );
    match carry_out_with(Cli::parse(), plugins).await {
        Ok(ended) => ExitCode::from(ended.exit_code()),
        Err(failure) => {
            let _ = writeln!(std::io::stderr(), "error: {failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}
