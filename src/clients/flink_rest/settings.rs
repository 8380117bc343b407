//! How patiently and how much is read.

use crate::config::AccessConfig;
use std::path::PathBuf;
use std::time::Duration;

/// Limits of one look at one job.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Who we are to the JobManagers, whom we trust, and through which proxy they are reached.
    pub access: AccessConfig,
    /// What the files of `access` are relative to.
    pub folder: PathBuf,
    /// Longest wait for a connection.
    pub connect_timeout: Duration,
    /// Longest wait for one answer.
    pub request_timeout: Duration,
    /// Longest time for all requests of one job; what has not come by then is a gap.
    pub deadline: Duration,
    /// Requests under way at once for one job, at least 1.
    pub concurrency: usize,
    /// Further attempts after a failed connection, a 502, 503 or 504.
    pub retries: usize,
    /// Ask once for metrics, wait so long, then read. Flink fetches metrics from the TaskManagers only when somebody asks, and
    /// answers with those of the fetch before: without this, who asks once a minute reads numbers a minute old (right for series, whose
    /// rates are over just that minute), and the first look of all may see none.
    pub warm_up: Option<Duration>,
    /// TaskManagers read one by one; the others are a gap.
    pub most_task_managers: usize,
    /// Largest parallelism at which the subtasks of a vertex are listed one by one (for the median).
    pub most_subtasks: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            access: AccessConfig::default(),
            folder: PathBuf::new(),
            connect_timeout: Duration::from_secs(3),
            request_timeout: Duration::from_secs(10),
            deadline: Duration::from_secs(20),
            concurrency: 8,
            retries: 2,
            warm_up: None,
            most_task_managers: 1_024,
            most_subtasks: 5_000,
        }
    }
}
