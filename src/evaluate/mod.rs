//! History → [`Demand`] and [`VertexCapacity`]: what must the job carry, and what does each vertex carry now?
//!
//! Every known evaluator is a pure function over plain input of its own, so that each can be asked
//! alone, compared with the others and replayed: [`true_rate`] is the Flink autoscaler's whole
//! computation, [`autotune`] its memory tuning, [`backlog`] the Beam autoscaler's rule, and
//! [`latency_violation`] a rule on end-to-end latency.

mod arrivals;
mod capacity;
mod catch_up;
mod cpu_cost;
mod demand;
mod regime;
mod replay;
mod restart;
mod settings;
mod sizing_load;
mod swing;
#[cfg(test)]
mod tests;
mod week;
// Autotuning of TaskManager memory, as the Flink Kubernetes Operator does it.
pub mod autotune;
// The Beam autoscaler's rule: TaskManagers from backlog, its growth, and CPU.
pub mod backlog;
// Growth of the slowest operators after a row of latency violations.
pub mod latency_violation;
// History and configuration → the input and the answer of each of them.
pub mod inputs;
// The plug-in protocol: requests, answers, and what becomes of them.
pub mod plugin;
// The Flink autoscaler's parallelism decision, from REST values to overrides.
pub mod true_rate;

pub use capacity::capacities;
pub use catch_up::{CatchUp, CatchUpReading, NoCatchUp, catch_up_reading, catch_ups};
pub use cpu_cost::{CpuCost, cpu_cost};
pub use demand::{Demand, DemandBasis, VertexCapacity};
pub use settings::{LatencyRule, Settings};
pub use sizing_load::{DemandError, demand};
pub use swing::{Swing, swing};
pub use week::{HourSpan, Week, WeekPeak, hour_text};
