//! Flink's REST API → snapshots.
//!
//! The reader sees only the trait `Rest`, so a real JobManager (`HttpRest`), recorded answers and a simulated one are read by the
//! same code. One look at a job with V vertices (S of them sources, B of parallelism 3 or more, or without a busy time) and T TaskManagers takes
//! 10 + V + S + B + T requests, more only when a list of metric names does not fit into one request line (Flink refuses lines
//! from 4 KiB) or a vertex answers without some of them; where the configuration switches latency markers on, two more for each
//! vertex behind the sources.

mod answers;
mod checkpoints;
mod choice;
mod cluster;
mod configuration;
mod counted;
mod failures;
mod graph;
mod http;
mod identity;
mod latency;
mod metric_names;
mod pass;
mod reader;
mod settings;
mod stream;
mod subtasks;
mod task_managers;
mod transport;
mod vertex_metrics;

pub use choice::{Listing, list_jobs};
pub use cluster::{StaticCluster, StaticJob};
pub use counted::Counted;
pub(super) use http::within_origin;
pub use http::{Http, HttpRest};
pub use identity::{Identity, identify};
pub use reader::read_job;
pub use settings::Settings;
pub(super) use stream::limit_of;
pub use transport::{Answer, Pieces, Rest, RestError};
