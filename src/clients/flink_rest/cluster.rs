//! Clusters that are a list of jobs with their REST addresses.

use super::{Http, HttpRest, Rest, RestError, Settings, read_job};
use crate::ports::{Cluster, ObserveError};
use crate::snapshot::{JobKey, Snapshot};
use std::collections::BTreeMap;

/// A job of a static cluster entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaticJob {
    /// Which job it is to us.
    pub job: JobKey,
    /// Its JobManager's REST address.
    pub rest: String,
    /// Flink's id or name of it, needed where that JobManager runs several.
    pub flink_job: Option<String>,
}

/// A cluster known by a list. Any transport will do; [`StaticCluster::over_http`] takes the usual one.
#[derive(Debug, Clone)]
pub struct StaticCluster<R> {
    jobs: BTreeMap<JobKey, (R, Option<String>)>,
    settings: Settings,
}

impl StaticCluster<HttpRest> {
    /// A cluster whose JobManagers are asked over HTTP.
    ///
    /// # Errors
    /// When an address is none.
    pub fn over_http(jobs: Vec<StaticJob>, settings: Settings) -> Result<Self, RestError> {
        let http = Http::new(&settings)?;
        let jobs: Result<Vec<_>, RestError> = jobs
            .into_iter()
            .map(|entry| Ok((entry.job, http.at(&entry.rest)?, entry.flink_job)))
            .collect();
        Ok(StaticCluster::new(jobs?, settings))
    }
}

impl<R: Rest> StaticCluster<R> {
    /// A cluster of jobs, each with what carries its requests and Flink's id or name of it.
    pub fn new(jobs: Vec<(JobKey, R, Option<String>)>, settings: Settings) -> Self {
        StaticCluster {
            jobs: jobs
                .into_iter()
                .map(|(job, rest, named)| (job, (rest, named)))
                .collect(),
            settings,
        }
    }
}

impl<R: Rest> Cluster for StaticCluster<R> {
    async fn jobs(&self) -> Result<Vec<JobKey>, ObserveError> {
        Ok(self.jobs.keys().cloned().collect())
    }

    async fn observe(&self, job: &JobKey, now_ms: Option<i64>) -> Result<Snapshot, ObserveError> {
        let Some((rest, named)) = self.jobs.get(job) else {
            return Err(ObserveError {
                what: format!("job {job}"),
                endpoint: format!("cluster {}", job.cluster),
                reason: "the cluster's list does not hold it: add it to plimsoll.yaml".to_string(),
            });
        };
        Ok(read_job(rest, job, named.as_deref(), now_ms, &self.settings).await)
    }
}
