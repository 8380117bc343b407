//! Plug-ins in Rust, brought by a build of one's own: the way of `examples/own_plugin.rs`.

use super::*;
use clap::Parser;
use futures::future::{BoxFuture, FutureExt};
use plimsoll::cli::Cli;
use plimsoll::commands::{Ended, Failure, carry_out_with};
use plimsoll::evaluate::plugin::{DemandAnswer, EvaluateAnswer, EvaluateRequest, PROTOCOL};
use plimsoll::ports::{MetricEvaluator, PluginError, Plugins};

/// Names a load, whatever it is asked.
struct Names(f64);

impl MetricEvaluator for Names {
    fn evaluate<'a>(
        &'a self,
        _: &'a EvaluateRequest,
    ) -> BoxFuture<'a, Result<EvaluateAnswer, PluginError>> {
        let answer = EvaluateAnswer {
            schema: PROTOCOL.to_string(),
            demand: DemandAnswer {
                load_per_second: Some(self.0),
                ..DemandAnswer::default()
            },
            ..EvaluateAnswer::default()
        };
        async move { Ok(answer) }.boxed()
    }
}

async fn plan(place: &Place, load: f64) -> (Result<Ended, Failure>, Value) {
    let mut plugins = Plugins::default();
    plugins
        .evaluators
        .insert("fair".to_string(), Arc::new(Names(load)));
    let at = |name: &str| place.path().join(name).to_string_lossy().into_owned();
    let (config, out, now) = (at("plimsoll.yaml"), at("plan.json"), NOW_MS.to_string());
    let typed = [
        "plimsoll", "plan", JOBS[0], "--config", &config, "--out", &out, "--now", &now,
    ];
    let ended = carry_out_with(Cli::parse_from(typed), plugins).await;
    let plan = fs::read(&out).map_or(Value::Null, |text| serde_json::from_slice(&text).unwrap());
    (ended, plan)
}

#[tokio::test]
async fn plugins_of_a_build_of_ones_own_are_asked_by_name() {
    let place = Place::new("mode: propose\nevaluators: [fair]\n");
    let (ended, written) = plan(&place, 123_456.0).await;
    assert_eq!(ended.unwrap(), Ended::Done);
    assert!(
        written.to_string().contains("\"load_per_second\":123456"),
        "{written}"
    );
    // Rust can say what JSON can't.
    let (ended, written) = plan(&place, f64::NAN).await;
    assert_eq!(ended.unwrap(), Ended::Partly);
    assert!(
        written.to_string().contains("load by evaluator fair"),
        "{written}"
    );
    // A program of the same name is refused: which of the two was meant?
    place.configure(&with_evaluator(""));
    let (ended, _) = plan(&place, 1.0).await;
    assert!(
        matches!(&ended, Err(Failure::Usage(message)) if message.contains("plugins.fair")),
        "{ended:?}"
    );
}
