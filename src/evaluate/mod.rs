//! History → [`Demand`] and [`VertexCapacity`]: what must the job carry, and what does each vertex carry now?
//!
//! Every known evaluator is a pure function over plain input of its own, so that each can be asked
//! alone, compared with the others and replayed: [`true_rate`] is the Flink autoscaler's whole
//! computation, [`autotune`] its memory tuning.

/// Autotuning of TaskManager memory, as the Flink Kubernetes Operator does it.
pub mod autotune;
mod demand;
/// The Flink autoscaler's parallelism decision, from REST values to overrides.
pub mod true_rate;

pub use demand::{Demand, DemandBasis, VertexCapacity};
