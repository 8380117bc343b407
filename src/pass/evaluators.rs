//! What plug-in evaluators say of a job.

use super::Settings;
use crate::evaluate::plugin::{EvaluateRequest, Told};
use crate::evaluate::{capacities, demand};
use crate::flink::deployment::Deployment;
use crate::manifest::Located;
use crate::ports::Plugins;
use crate::snapshot::{Gap, History, JobKey};
use std::collections::BTreeMap;

/// The annotation that names a job's own evaluators, separated by commas.
const ANNOTATION: &str = "plimsoll.dev/evaluator";

/// The names of the evaluators of one job.
pub(super) struct Names {
    /// Those to ask: what its annotation names, else what is configured.
    ask: Vec<String>,
    /// Whether its annotation names them.
    own: bool,
}

/// Which evaluators are asked about a job with this manifest.
pub(super) fn names(settings: &Settings, located: Option<&Located>) -> Names {
    let deployment = located.and_then(|located| Deployment::from_value(&located.value).ok());
    let own = deployment.map(|deployment| own(&deployment.annotations));
    match own.filter(|own| !own.is_empty()) {
        Some(own) => Names {
            ask: own,
            own: true,
        },
        None => Names {
            ask: settings.evaluators.clone(),
            own: false,
        },
    }
}

fn own(annotations: &BTreeMap<String, String>) -> Vec<String> {
    annotations
        .get(ANNOTATION)
        .into_iter()
        .flat_map(|names| names.split(','))
        .map(|name| name.trim().to_string())
        .filter(|name| !name.is_empty())
        .collect()
}

/// Whom is asked about which job, and when.
pub(super) struct Asked<'a> {
    pub(super) settings: &'a Settings,
    pub(super) plugins: &'a Plugins,
    pub(super) job: &'a JobKey,
    pub(super) now_ms: i64,
}

/// Asks them in order; each hears what those before it said. One that nobody brings is a gap of the job.
pub(super) async fn tell(asked: Asked<'_>, names: Names, history: &History) -> Told {
    let mut told = Told::default();
    let brought = &asked.plugins.evaluators;
    if names.ask.iter().any(|name| brought.contains_key(name)) {
        let settings = asked.settings.rooms(asked.job, Told::default()).evaluate;
        // Without an estimate there is nothing to augment, and the plan says why.
        if let Ok(mut demand) = demand(history, &settings) {
            let mut capacities = capacities(history, &demand);
            for name in &names.ask {
                let Some(evaluator) = brought.get(name) else {
                    continue;
                };
                let request = EvaluateRequest {
                    lag_limit_seconds: settings.lag_limit_seconds,
                    minimum_history_seconds: Some(settings.minimum_history_seconds),
                    demand: Some(demand.clone()),
                    capacities: capacities.clone(),
                    ..EvaluateRequest::new(name, asked.now_ms, history.clone())
                };
                match evaluator.evaluate(&request).await {
                    Ok(answer) => told.hear(name, &answer, &mut demand, &mut capacities),
                    Err(error) => told.failed(name, error.to_string()),
                }
            }
        }
    }
    if names.own {
        told.gaps.extend(unknown(&names.ask, asked.plugins));
    }
    told
}

fn unknown<'a>(names: &'a [String], plugins: &'a Plugins) -> impl Iterator<Item = Gap> + 'a {
    names
        .iter()
        .filter(|name| !plugins.evaluators.contains_key(*name))
        .map(|name| {
            let shown: String = name.chars().take(64).collect();
            let reason = format!(
                "the annotation {ANNOTATION} names it, and there is no such evaluator: add it to plugins, or mend the annotation"
            );
            Gap::new(format!("evaluator {shown}"), reason)
        })
}
