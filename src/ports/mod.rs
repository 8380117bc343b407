//! What the world must offer. Small async traits that speak the types of the line; what stands behind them is in `clients`
//! and, for tests, demos and scenario runs, in `simulate`.

mod clock;
mod cluster;
mod forge;
mod history;
mod plugin;
mod repository;
pub mod rules;

pub use crate::record::{Commit, FileChange};
pub use clock::Clock;
pub use cluster::{Cluster, ObserveError};
pub use forge::{Forge, ForgeError, PullRequest, PullRequestState, Written};
pub use history::{HistoryError, HistoryStore};
pub use plugin::{
    MetricCollector, MetricEvaluator, PluginDocument, PluginError, Plugins, ScalingRealizer,
};
pub use repository::{Repository, RepositoryError};
