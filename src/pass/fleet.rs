//! The jobs that a pass is about.

use crate::snapshot::{JobKey, LiveResource};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The jobs that a pass is about, with what their clusters had when they were listed.
#[derive(Debug, Clone, Default)]
pub struct Fleet {
    /// The jobs asked for, in order.
    pub jobs: Vec<JobKey>,
    /// The jobs of static lists, asked for or not.
    pub listed: BTreeSet<JobKey>,
    /// The custom resources of clusters behind Kubernetes, of jobs asked for or not.
    pub resources: BTreeMap<JobKey, Arc<LiveResource>>,
    /// Whether every cluster is behind Kubernetes and was listed without a problem: only then can a job be missing.
    pub is_whole: bool,
    /// What could not be listed, each named.
    pub problems: Vec<String>,
}

impl Fleet {
    /// These jobs, of which nothing else is known.
    pub fn of(jobs: Vec<JobKey>) -> Fleet {
        Fleet {
            listed: jobs.iter().cloned().collect(),
            jobs,
            ..Fleet::default()
        }
    }

    /// A job's custom resource as it was listed, where its cluster is behind Kubernetes.
    pub fn resource(&self, job: &JobKey) -> Option<&LiveResource> {
        self.resources.get(job).map(Arc::as_ref)
    }

    /// The jobs of static lists, and those behind Kubernetes as they were listed.
    pub fn known(&self) -> BTreeSet<&JobKey> {
        self.listed.iter().chain(self.resources.keys()).collect()
    }

    /// The clusters that the pass is about: jobs of others are somebody else's, though their manifests may lie beside.
    pub fn clusters(&self) -> BTreeSet<&str> {
        self.known()
            .into_iter()
            .chain(&self.jobs)
            .map(|job| job.cluster.as_str())
            .collect()
    }

    /// Whether a job is known from the past alone: its cluster could not be listed.
    pub fn is_only_known(&self, job: &JobKey) -> bool {
        !self.resources.contains_key(job) && !self.listed.contains(job)
    }
}
