//! Jobs that run side by side on one simulated clock, as a cluster behind [`crate::ports::Cluster`].

use super::controller;
use super::model::job::{Change, Job, Truth};
use super::model::truth::{self, Need};
use super::rest::{self, Reply};
use super::snapshot::snapshot;
use crate::ports::{Cluster, ObserveError};
use crate::recommend::Size;
use crate::snapshot::{JobKey, Snapshot};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Why the fleet could not do what it was told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FleetError {
    /// No such job.
    #[error("the simulated fleet has no job `{job}`; it has those that `GET /fleet` lists")]
    Unknown {
        /// `namespace/name`.
        job: String,
    },
    /// A manifest that the simulated controller can't read.
    #[error("manifest `{path}` can't be applied: {reason}")]
    Manifest {
        /// Its path.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// A simulated fleet. Everything it tells is simulated.
#[derive(Debug)]
pub struct Fleet {
    jobs: BTreeMap<JobKey, Mutex<Job>>,
    manifests: BTreeMap<String, String>,
    clock_ms: AtomicI64,
}

/// A job's figures that no metric tells.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    /// Whose.
    pub job: JobKey,
    /// What was counted.
    pub truth: Truth,
    /// Its lag now, seconds.
    pub lag_seconds: f64,
    /// The size it runs at.
    pub size: Size,
    /// Cost so far, US dollars at the simulation's list prices.
    pub cost: f64,
    /// The verdict it stands for in the demo.
    pub stands_for: Option<&'static str>,
}

impl Fleet {
    /// A fleet of jobs, the manifests that they were deployed from, and the time that it is.
    pub fn new(jobs: Vec<Job>, manifests: BTreeMap<String, String>, clock_ms: i64) -> Fleet {
        Fleet {
            jobs: jobs
                .into_iter()
                .map(|job| (job.spec.key.clone(), Mutex::new(job)))
                .collect(),
            manifests,
            clock_ms: AtomicI64::new(clock_ms),
        }
    }

    /// The manifests that the jobs were first deployed from: path in the repository → text.
    pub fn manifests(&self) -> BTreeMap<String, String> {
        self.manifests.clone()
    }

    /// The jobs' keys, in order.
    pub fn keys(&self) -> Vec<JobKey> {
        self.jobs.keys().cloned().collect()
    }

    /// The time, Unix milliseconds.
    pub fn now_ms(&self) -> i64 {
        self.clock_ms.load(Ordering::SeqCst)
    }

    /// Sets the clock. Going back is allowed, and plays the jobs again from their start.
    pub fn set_clock(&self, now_ms: i64) {
        self.clock_ms.store(now_ms, Ordering::SeqCst);
    }

    /// Puts the clock on by some milliseconds and says what it shows then.
    pub fn advance_clock(&self, by_ms: i64) -> i64 {
        self.clock_ms.fetch_add(by_ms, Ordering::SeqCst) + by_ms
    }

    /// The job of that key, locked.
    pub fn job(&self, key: &JobKey) -> Result<MutexGuard<'_, Job>, FleetError> {
        let job = self
            .jobs
            .get(key)
            .ok_or_else(|| FleetError::Unknown { job: key.short() })?;
        // A panic elsewhere leaves a job between two steps at worst: its numbers stay sound.
        Ok(job.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The key of the job with that namespace and name.
    pub fn find(&self, namespace: &str, name: &str) -> Option<&JobKey> {
        self.jobs
            .keys()
            .find(|key| key.namespace == namespace && key.name == name)
    }

    /// What a collector would write down of a job at a time.
    pub fn snapshot(&self, key: &JobKey, at_ms: i64) -> Result<Snapshot, FleetError> {
        Ok(snapshot(&mut *self.job(key)?, at_ms))
    }

    /// The answer of a job's JobManager to a GET request at a time. `path_and_query` begins with a slash.
    pub fn answer(
        &self,
        key: &JobKey,
        path_and_query: &str,
        at_ms: i64,
    ) -> Result<Reply, FleetError> {
        Ok(rest::answer(&mut *self.job(key)?, path_and_query, at_ms))
    }

    /// Redeploys a job at a size. Does nothing when that size is what runs or was last applied.
    pub fn apply(&self, key: &JobKey, size: &Size, at_ms: i64) -> Result<bool, FleetError> {
        let mut job = self.job(key)?;
        job.at(at_ms);
        if job.size() == size {
            return Ok(false);
        }
        job.change(at_ms, Change::Size(Box::new(size.clone())));
        job.at(at_ms);
        Ok(true)
    }

    /// Applies every FlinkDeployment of a manifest as a GitOps controller and the operator would; the jobs whose size changed restart
    /// and are named. Deployments of other jobs are passed over.
    pub fn apply_manifest(
        &self,
        path: &str,
        text: &str,
        at_ms: i64,
    ) -> Result<Vec<JobKey>, FleetError> {
        let found = controller::deployments(text).map_err(|reason| FleetError::Manifest {
            path: path.to_string(),
            reason,
        })?;
        let mut restarted = Vec::new();
        for deployment in found {
            let Some(key) = self.find(&deployment.namespace, &deployment.name) else {
                continue;
            };
            let size = deployment.size(&self.job(key)?.spec);
            if self.apply(key, &size, at_ms)? {
                restarted.push(key.clone());
            }
        }
        Ok(restarted)
    }

    /// From `at_ms` on, `factor` times as many records arrive at a job, rising over ten minutes.
    pub fn raise_load(&self, key: &JobKey, factor: f64, at_ms: i64) -> Result<(), FleetError> {
        self.job(key)?.change(at_ms, Change::Load(factor));
        Ok(())
    }

    /// How many times the highest load between two times a job's present size would carry: below 1 it falls behind. 0 when it can't
    /// start or runs out of memory. A raise of load by more than this hurts for certain.
    pub fn carries(&self, key: &JobKey, from_ms: i64, to_ms: i64) -> Result<f64, FleetError> {
        let mut job = self.job(key)?;
        job.at(from_ms);
        let need = Need::over(&job, from_ms, to_ms, 0.0);
        Ok(truth::carries(&job.spec, &job.graph, job.size(), &need))
    }

    /// The figures of all jobs that no metric tells, at a time.
    pub fn accounts(&self, at_ms: i64) -> Vec<Account> {
        self.keys()
            .iter()
            .filter_map(|key| {
                let mut job = self.job(key).ok()?;
                let at = at_ms.max(job.spec.start_ms);
                let figures = job.at(at).truth;
                Some(Account {
                    job: key.clone(),
                    truth: figures,
                    lag_seconds: job.lag_seconds(),
                    size: job.size().clone(),
                    cost: truth::money(figures.core_hours, figures.gib_hours),
                    stands_for: job.spec.stands_for,
                })
            })
            .collect()
    }
}

impl Cluster for Fleet {
    async fn jobs(&self) -> Result<Vec<JobKey>, ObserveError> {
        Ok(self.keys())
    }

    async fn observe(&self, job: &JobKey, now_ms: Option<i64>) -> Result<Snapshot, ObserveError> {
        let at_ms = now_ms.unwrap_or_else(|| self.now_ms());
        self.snapshot(job, at_ms).map_err(|error| ObserveError {
            what: format!("job {job}"),
            endpoint: "the simulated fleet".to_string(),
            reason: error.to_string(),
        })
    }
}
