//! The Flink autoscaler's whole computation, as the Flink Kubernetes Operator does it.
//!
//! REST values become samples ([`collect`]), samples a window ([`window`]), a window evaluated metrics
//! ([`evaluate`]), and those a decision for each vertex ([`vertex`]) and for the job ([`decision`]).
//! Every step is a pure function that can be asked alone; [`job::run`] runs them in a row over recorded
//! passes. It answers what *their* autoscaler would do, weaknesses included; ours stands elsewhere.
//!
//! [`options::Profile`] chooses the generation: the development head of July 2026, or release 1.10.

pub mod alignment;
pub mod capacity;
pub mod collect;
pub mod columns;
pub mod cron;
pub mod decision;
pub mod delay;
pub mod evaluate;
pub mod event;
pub mod input;
pub mod job;
pub mod options;
pub mod partitions;
pub mod periods;
pub mod quota;
pub mod ratio;
pub mod sample;
pub mod scalability;
pub mod series;
pub mod topology;
pub mod tracking;
pub mod vertex;
pub mod window;

pub(crate) mod option_text;
pub(crate) mod rounding;
