//! The clusters of the configuration behind one type: static lists and Kubernetes side by side.

use super::WorldError;
use crate::clients::flink_rest::{self, HttpRest, StaticCluster, StaticJob};
use crate::clients::kubernetes::{Access, KubernetesCluster, Settings};
use crate::config::ClusterConfig;
use crate::ports::{Cluster, ObserveError};
use crate::snapshot::{JobKey, LiveResource, Snapshot};
use camino::Utf8Path;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// All clusters.
pub struct Clusters {
    listed: StaticCluster<HttpRest>,
    kubernetes: BTreeMap<String, KubernetesCluster>,
    /// Clusters that can't even be asked, each with its reason.
    unconnected: BTreeMap<String, ObserveError>,
}

/// What the clusters have.
#[derive(Debug, Clone, Default)]
pub struct Listing {
    /// Their jobs.
    pub jobs: BTreeSet<JobKey>,
    /// Their custom resources, of those behind Kubernetes.
    pub resources: BTreeMap<JobKey, Arc<LiveResource>>,
    /// What could not be listed, each named.
    pub problems: Vec<String>,
}

impl Clusters {
    /// Reads addresses and credentials; nothing is asked yet. Files in the configuration are relative to `folder`.
    ///
    /// # Errors
    /// When an address can't be meant. A cluster whose credentials can't be read is named when its jobs are listed.
    pub async fn connect(
        configured: &[ClusterConfig],
        folder: &Utf8Path,
        warm_up: Option<Duration>,
    ) -> Result<Clusters, WorldError> {
        let jobs = configured
            .iter()
            .flat_map(ClusterConfig::entries)
            .filter(|(_, entry)| entry.is_listed())
            .map(|(job, entry)| StaticJob {
                job,
                rest: entry.rest.clone(),
                access: entry.access.clone().unwrap_or_default(),
                flink_job: entry.flink_job.clone(),
            })
            .collect();
        let rest = flink_rest::Settings {
            warm_up,
            folder: folder.as_std_path().to_path_buf(),
            ..flink_rest::Settings::default()
        };
        let listed = StaticCluster::over_http(jobs, rest.clone())
            .map_err(|error| WorldError::Configuration(error.to_string()))?;
        let mut clusters = Clusters {
            listed,
            kubernetes: BTreeMap::new(),
            unconnected: BTreeMap::new(),
        };
        for cluster in configured {
            if !cluster.is_kubernetes() {
                continue;
            }
            let settings = Settings {
                rest: flink_rest::Settings {
                    access: cluster.access.clone().unwrap_or_default(),
                    ..rest.clone()
                },
                ..settings(cluster, folder)
            };
            match KubernetesCluster::connect(settings).await {
                Ok(connected) => {
                    clusters.kubernetes.insert(cluster.name.clone(), connected);
                }
                Err(error) => {
                    clusters.unconnected.insert(cluster.name.clone(), error);
                }
            }
        }
        Ok(clusters)
    }

    /// Asks every cluster what it has (or only the one named). `known` are jobs of the past: where a cluster could not be listed, its
    /// known jobs stand in, and the problem is named.
    pub async fn list(&self, only: Option<&str>, known: &[JobKey]) -> Listing {
        let asked = |name: &str| only.is_none_or(|only| only == name);
        let mut live = Listing::default();
        // A static list needs no asking, and can't fail.
        live.jobs
            .extend(self.listed.jobs().await.unwrap_or_default());
        for (name, error) in self.unconnected.iter().filter(|(name, _)| asked(name)) {
            live.problems.push(error.to_string());
            let of_it = known.iter().filter(|job| job.cluster == *name);
            live.jobs.extend(of_it.cloned());
        }
        let asked_ones = self.kubernetes.iter().filter(|(name, _)| asked(name));
        let lists = asked_ones.map(|(name, cluster)| async move {
            // Problems are kept by the cluster, the error says nothing more.
            let jobs = cluster.jobs().await.unwrap_or_default();
            (name, cluster, jobs)
        });
        for (name, cluster, jobs) in futures::future::join_all(lists).await {
            for job in &jobs {
                if let Some(resource) = cluster.resource(job) {
                    live.resources.insert(job.clone(), resource);
                }
            }
            live.jobs.extend(jobs);
            for problem in cluster.problems() {
                live.problems.push(problem.error.to_string());
                let of_it = known
                    .iter()
                    .filter(|job| job.cluster == *name && problem.covers(job));
                live.jobs.extend(of_it.cloned());
            }
        }
        live
    }

    /// The clusters behind Kubernetes, by name.
    pub fn kubernetes(&self) -> impl Iterator<Item = (&String, &KubernetesCluster)> {
        self.kubernetes.iter()
    }

    /// Clusters that can't even be asked, by name.
    pub fn unconnected(&self) -> impl Iterator<Item = (&String, &ObserveError)> {
        self.unconnected.iter()
    }
}

impl Cluster for Clusters {
    async fn jobs(&self) -> Result<Vec<JobKey>, ObserveError> {
        Ok(self.list(None, &[]).await.jobs.into_iter().collect())
    }

    async fn observe(&self, job: &JobKey, now_ms: Option<i64>) -> Result<Snapshot, ObserveError> {
        match self.kubernetes.get(&job.cluster) {
            Some(cluster) => cluster.observe(job, now_ms).await,
            None => self.listed.observe(job, now_ms).await,
        }
    }
}

fn settings(cluster: &ClusterConfig, folder: &Utf8Path) -> Settings {
    let access = match &cluster.kubernetes {
        Some(kubernetes) if !cluster.in_cluster => Access::Kubeconfig {
            file: kubernetes
                .kubeconfig
                .as_deref()
                .map(|file| folder.join(file).into_std_path_buf()),
            context: kubernetes.context.clone(),
        },
        _ => Access::InCluster,
    };
    Settings {
        namespaces: cluster.namespaces.clone(),
        selector: cluster.selector.clone(),
        ..Settings::new(&cluster.name, access, cluster.reach())
    }
}
