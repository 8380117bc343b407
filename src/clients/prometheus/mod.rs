//! A history from a Prometheus-compatible store: Prometheus itself, Mimir, Thanos, Cortex, VictoriaMetrics.
//!
//! One query a signal for all jobs of a shard (`signals`, `queries`), in pieces that the store's limits allow (`fetch`), with the labels that the
//! way of scraping leaves (`dialect`). What comes back is held as columns (`series`) and becomes points job by job (`assemble`).

mod answer;
mod assemble;
mod dialect;
mod error;
mod fetch;
mod grid;
mod http;
mod latest;
mod probe;
mod queries;
mod runner;
mod series;
mod signals;
mod sparse;
mod store;

pub use answer::{Labels, Outcome, Sink, read as read_answer};
pub use dialect::{Choice, Dialect, as_reported};
pub use error::PrometheusError;
pub use grid::Grid;
pub use http::Api;
pub use probe::{Probe, answers, collisions, places};
pub use queries::Asking;
pub use runner::Runner;
pub use series::{Place, place};
pub use signals::{ALL, Form, STAT_LABEL, STATS, Scope, Signal};
pub use store::PrometheusHistory;
