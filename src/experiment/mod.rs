//! Factors, designs, runs → Fit; the campaign as data.
//!
//! From a question ("how small may this job be?") to a small, safe, designed experiment and from
//! its runs to a floor with a margin and a stated probability. Everything is a pure function;
//! randomness comes only from a seed that is an argument, so the same seed gives the same plan.

pub mod candidates;
pub mod composite;
pub mod error;
pub mod evidence;
pub mod factorial;
pub mod fractional;
pub mod hull;
pub mod metrics;
pub mod observational;
pub mod optimal;
pub mod order;
pub mod procedure;
pub mod screening;
pub mod simulation;
pub mod space_filling;

pub use error::ExperimentError;
