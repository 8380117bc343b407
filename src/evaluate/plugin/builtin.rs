//! The built-in evaluators behind the plug-in protocol.

use super::{
    DemandAnswer, EvaluateAnswer, EvaluateRequest, LARGEST, Latencies, PROTOCOL, VertexAnswer,
};
use crate::evaluate::inputs::{
    EvaluatorError, LatencyInput, autotune, autotune_input, backlog, backlog_input, latency,
    latency_input, true_rate, true_rate_input,
};
use crate::evaluate::true_rate::options::Profile;
use crate::evaluate::{DemandError, Settings, capacities, demand};
use serde::Serialize;

/// Their names.
pub const BUILT_IN: [&str; 5] = [
    "plimsoll",
    "true_rate",
    "autotune",
    "backlog",
    "latency_violation",
];

/// Why a built-in evaluator gives no answer.
#[derive(Debug, thiserror::Error)]
pub enum BuiltInError {
    /// There is none of that name.
    #[error(
        "there is no evaluator `{0}`: name one of plimsoll, true_rate, autotune, backlog, latency_violation"
    )]
    Unknown(String),
    /// The request is for another version.
    #[error("the request's schema is `{0}`, and this Plimsoll speaks {PROTOCOL}")]
    Schema(String),
    /// A latency that none can be.
    #[error("latency: {ms} ms is not between 0 and 1e15")]
    Latency {
        /// What was said.
        ms: f64,
    },
    /// It can't judge the job.
    #[error("{0}")]
    Evaluator(#[from] EvaluatorError),
    /// The history shows no demand.
    #[error("{0}")]
    Demand(#[from] DemandError),
    /// Its answer can't be written.
    #[error("the answer can't be written: {0}")]
    Write(#[from] serde_json::Error),
}

/// Asks a built-in evaluator. `plimsoll`, our own estimate, answers with demand and vertices; the others answer with what they
/// would do, in `detail`.
///
/// # Errors
/// [`BuiltInError`]: an unknown name, another schema, or a history that does not hold what the evaluator needs.
pub fn built_in(name: &str, request: &EvaluateRequest) -> Result<EvaluateAnswer, BuiltInError> {
    if request.schema != PROTOCOL {
        return Err(BuiltInError::Schema(request.schema.clone()));
    }
    let history = &request.history;
    let configuration = history
        .latest_running
        .as_ref()
        .map(|snapshot| snapshot.configuration.clone())
        .unwrap_or_default();
    match name {
        "plimsoll" => own(request),
        "true_rate" => {
            let window = true_rate_input(history, &configuration, Profile::Next)?;
            detail(&true_rate(&window)?)
        }
        "autotune" => {
            let window = true_rate_input(history, &configuration, Profile::Next)?;
            let wanted = true_rate(&window)?
                .vertices
                .into_iter()
                .map(|(id, vertex)| (id, vertex.wanted))
                .collect();
            detail(&autotune(&autotune_input(window, wanted))?)
        }
        "backlog" => detail(&backlog(&backlog_input(history, &configuration)?)?),
        "latency_violation" => {
            let mut input = latency_input(history, request.lag_limit_seconds * 1_000.0)?;
            if let Some(measured) = &request.latency {
                fill_in(&mut input, measured)?;
            }
            detail(&latency(&input)?)
        }
        other => Err(BuiltInError::Unknown(other.chars().take(64).collect())),
    }
}

fn fill_in(input: &mut LatencyInput, measured: &Latencies) -> Result<(), BuiltInError> {
    let said = measured.job_ms.iter().flatten();
    for &ms in said.chain(measured.vertices_ms.values()) {
        if !(0.0..=LARGEST).contains(&ms) {
            return Err(BuiltInError::Latency { ms });
        }
    }
    input.job.latencies_ms.clone_from(&measured.job_ms);
    for operator in &mut input.job.operators {
        operator.latency_ms = measured.vertices_ms.get(&operator.id).copied();
    }
    input.missing.clear();
    Ok(())
}

fn own(request: &EvaluateRequest) -> Result<EvaluateAnswer, BuiltInError> {
    let mut settings = Settings {
        lag_limit_seconds: request.lag_limit_seconds,
        ..Settings::default()
    };
    if let Some(seconds) = request.minimum_history_seconds {
        settings.minimum_history_seconds = seconds;
    }
    let demand = demand(&request.history, &settings)?;
    let vertices = capacities(&request.history, &demand)
        .into_iter()
        .map(|vertex| {
            let answer = VertexAnswer {
                true_rate_per_second: Some(vertex.true_rate_per_second),
                sd_ln: Some(vertex.sd_ln),
                required_per_second: Some(vertex.required_per_second),
            };
            (vertex.id, answer)
        })
        .collect();
    Ok(EvaluateAnswer {
        demand: DemandAnswer {
            load_per_second: Some(demand.load_per_second),
            required_per_second: Some(demand.required_per_second),
        },
        vertices,
        ..detail(&demand)?
    })
}

fn detail(answer: &impl Serialize) -> Result<EvaluateAnswer, BuiltInError> {
    Ok(EvaluateAnswer {
        schema: PROTOCOL.to_owned(),
        detail: Some(serde_json::to_value(answer)?),
        ..EvaluateAnswer::default()
    })
}
