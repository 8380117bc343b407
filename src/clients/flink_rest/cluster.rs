//! Clusters that are a list of jobs with their REST addresses.

use super::{Http, HttpRest, Rest, RestError, Settings, read_job};
use crate::config::AccessConfig;
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
    /// How that address is entered.
    pub access: AccessConfig,
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
    /// When an address is none, or a way in cannot be set up.
    pub fn over_http(jobs: Vec<StaticJob>, settings: Settings) -> Result<Self, RestError> {
        // Jobs that are entered alike share their connections.
        let mut ways_in: Vec<(AccessConfig, Http)> = Vec::new();
        let mut listed = Vec::with_capacity(jobs.len());
        for entry in jobs {
            let known = ways_in.iter().find(|(access, _)| *access == entry.access);
            let http = match known {
                Some((_, http)) => http.clone(),
                None => {
                    let http = Http::new(&Settings {
                        access: entry.access.clone(),
                        ..settings.clone()
                    })?;
                    ways_in.push((entry.access.clone(), http.clone()));
                    http
                }
            };
            listed.push((entry.job, http.at(&entry.rest)?, entry.flink_job));
        }
        Ok(StaticCluster::new(listed, settings))
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
