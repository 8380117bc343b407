//! History and configuration → what each evaluator looks at, and its answer, as plain data.
//!
//! Every evaluator is a function from an input to an answer, both of which can be written and read as JSON, so that it can
//! be asked alone. What a history does not hold is absent from the input and named in `missing`; it never becomes a zero.

mod autoscaler_options;
mod autotune;
mod backlog;
mod graph;
mod latency;
mod recent;
mod true_rate;

pub use autoscaler_options::{AutoscalerOptions, autoscaler_options};
pub use autotune::{AutotuneAnswer, AutotuneInput, autotune, autotune_input};
pub use backlog::{BacklogInput, backlog, backlog_input};
pub use graph::{Edge, GraphVertex};
pub use latency::{LatencyInput, latency, latency_input};
pub use recent::restarts_ms;
pub use true_rate::{
    TrueRateAnswer, TrueRateInput, VertexReading, VertexSizing, WindowSample, true_rate,
    true_rate_input,
};

/// Why an evaluator cannot be asked, or does not answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EvaluatorError {
    /// No look saw the job run, so that its graph is unknown.
    #[error("no look saw the job running; observe it while it runs")]
    NotRunning,
    /// No two looks in a row since the job's last restart.
    #[error("there are no two looks in a row at the running job; keep observing")]
    NoPoints,
    /// A vertex id is not one that Flink writes.
    #[error("{0}")]
    VertexId(#[from] super::true_rate::input::VertexIdError),
    /// The vertices make no graph.
    #[error("the job graph cannot be used: {0}")]
    Graph(#[from] super::true_rate::topology::TopologyError),
    /// The window cannot be evaluated.
    #[error("the Flink autoscaler stops here: {0}")]
    Evaluation(#[from] super::true_rate::evaluate::EvaluateError),
    /// The decision ends in an error of the Flink autoscaler.
    #[error("the Flink autoscaler fails here: {0}")]
    Decision(#[from] super::true_rate::decision::DecisionError),
    /// Memory tuning ends in an error.
    #[error("memory tuning fails here: {0}")]
    Tuning(#[from] super::autotune::TuneError),
    /// The backlog rule says nothing.
    #[error("{0}")]
    Backlog(#[from] super::backlog::BacklogError),
    /// The latency rule says nothing.
    #[error("{0}")]
    Latency(#[from] super::latency_violation::LatencyError),
}
