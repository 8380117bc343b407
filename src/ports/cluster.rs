//! Clusters: which jobs there are, and a look at one.

use crate::snapshot::{JobKey, Snapshot};
use std::future::Future;

/// Why a cluster or a job could not be looked at at all. (What is merely missing is a gap in the snapshot.)
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} at {endpoint}: {reason}")]
pub struct ObserveError {
    /// What was tried: `jobs of cluster prod`.
    pub what: String,
    /// Where.
    pub endpoint: String,
    /// What happened and what to do.
    pub reason: String,
}

/// A cluster that can be looked at.
pub trait Cluster: Send + Sync {
    /// The jobs it knows, in a stable order.
    fn jobs(&self) -> impl Future<Output = Result<Vec<JobKey>, ObserveError>> + Send;

    /// One look at one job. An unreachable JobManager gives a snapshot with the state `Unreachable` and a gap, not an error.
    /// `now_ms` stamps it, instead of the JobManager's clock.
    fn observe(
        &self,
        job: &JobKey,
        now_ms: Option<i64>,
    ) -> impl Future<Output = Result<Snapshot, ObserveError>> + Send;
}
