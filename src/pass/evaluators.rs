//! What plug-in evaluators say of a job.

use super::settings::Settings;
use crate::evaluate::plugin::{EvaluateRequest, Told};
use crate::evaluate::{capacities, demand};
use crate::owner::Owner;
use crate::ports::Plugins;
use crate::snapshot::{History, JobKey};

/// The evaluators that are asked about a job: those that its owner names, else those that are configured.
pub(super) fn names(settings: &Settings, owner: &Owner) -> Vec<String> {
    if owner.evaluators.is_empty() {
        settings.evaluators.clone()
    } else {
        owner.evaluators.clone()
    }
}

/// Whether one of them is a plug-in that is there.
pub(super) fn are_brought(names: &[String], plugins: &Plugins) -> bool {
    names
        .iter()
        .any(|name| plugins.evaluators.contains_key(name))
}

/// Whom is asked about which job, and when.
pub(super) struct Asked<'a> {
    pub(super) settings: &'a Settings,
    pub(super) plugins: &'a Plugins,
    pub(super) job: &'a JobKey,
    pub(super) now_ms: i64,
}

/// Asks them in order; each hears what those before it said. Built-in ones are computed for every job anyway.
pub(super) async fn tell(asked: Asked<'_>, names: &[String], history: &History) -> Told {
    let mut told = Told::default();
    let settings = asked.settings.rooms(asked.job, Told::default()).evaluate;
    // Without an estimate there is nothing to augment, and the plan says why.
    let Ok(mut demand) = demand(history, &settings) else {
        return told;
    };
    let mut capacities = capacities(history, &demand);
    for name in names {
        let Some(evaluator) = asked.plugins.evaluators.get(name) else {
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
    told
}
