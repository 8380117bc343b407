//! The jobs of a cluster behind an API server.

use super::connection::Connection;
use super::error::ApiError;
use super::list::VERSION;
use super::listing::{Listing, Problem};
use super::object::{Found, job_kind, read};
use super::reach::JobManager;
use super::rules::{Need, needs};
use super::settings::Settings;
use super::{access, state};
use crate::clients::flink_rest::{Http, read_job};
use crate::flink::deployment::Kind;
use crate::ports::{Cluster, ObserveError};
use crate::snapshot::{Gap, JobKey, JobKind, JobState, LiveResource, Snapshot};
use std::sync::{Arc, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

/// A cluster behind an API server. What was listed last serves the looks that follow.
pub struct KubernetesCluster {
    pub(super) settings: Settings,
    pub(super) connection: Connection,
    http: Http,
    pub(super) listing: RwLock<Arc<Listing>>,
}

impl KubernetesCluster {
    /// Reads the credentials; nothing is asked yet.
    ///
    /// # Errors
    /// When kubeconfig or service account can't be used.
    pub async fn connect(settings: Settings) -> Result<Self, ObserveError> {
        let failed = |reason: String| ObserveError {
            what: format!("cluster {}", settings.cluster),
            endpoint: "its credentials".to_string(),
            reason,
        };
        let connection = Connection::open(&settings)
            .await
            .map_err(|error| failed(error.to_string()))?;
        let http = Http::new(&settings.rest).map_err(|error| failed(error.to_string()))?;
        Ok(KubernetesCluster {
            settings,
            connection,
            http,
            listing: RwLock::default(),
        })
    }

    /// The API server's address.
    pub fn endpoint(&self) -> &str {
        self.connection.endpoint()
    }

    /// What the last list could not read.
    pub fn problems(&self) -> Vec<Problem> {
        self.listing().problems.clone()
    }

    /// A job's resource as it was listed last.
    pub fn resource(&self, job: &JobKey) -> Option<Arc<LiveResource>> {
        Some(self.listing().found.get(job)?.resource.clone())
    }

    /// The rights that are needed and missing, each as a sentence; an error when the server can't be asked.
    ///
    /// # Errors
    /// When the API server does not answer, or not as one.
    pub async fn missing_rights(&self) -> Result<Vec<String>, ObserveError> {
        let mut missing = Vec::new();
        for Need {
            group,
            resource,
            verbs,
            why,
        } in needs(&self.settings.reach)
        {
            for namespace in self.namespaces() {
                let mut refused = Vec::new();
                for verb in &verbs {
                    let allowed = access::may(&self.connection, group, resource, verb, namespace)
                        .await
                        .map_err(|error| self.told("access reviews", &error))?;
                    if !allowed {
                        refused.push(*verb);
                    }
                }
                if !refused.is_empty() {
                    let place = namespace.map_or_else(
                        || "in all namespaces".to_string(),
                        |namespace| format!("in namespace {namespace}"),
                    );
                    let group = if group.is_empty() { "" } else { " of " }.to_string() + group;
                    missing.push(format!(
                        "may not {} {resource}{group} {place} ({why})",
                        refused.join(", ")
                    ));
                }
            }
        }
        Ok(missing)
    }

    /// The namespaces to look into, one by one; a single `None` for all at once.
    pub(super) fn namespaces(&self) -> Vec<Option<&str>> {
        match &self.settings.namespaces {
            Some(names) => names.iter().map(|name| Some(name.as_str())).collect(),
            None => vec![None],
        }
    }

    fn listing(&self) -> Arc<Listing> {
        self.listing
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone()
    }

    pub(super) fn told(&self, what: &str, error: &ApiError) -> ObserveError {
        ObserveError {
            what: format!("{what} of cluster {}", self.settings.cluster),
            endpoint: self.connection.endpoint().to_string(),
            reason: error.to_string(),
        }
    }

    /// Asks Flink.
    async fn look(&self, found: &Found, now_ms: Option<i64>) -> Snapshot {
        let job = &found.job;
        let opened = JobManager::open(
            &self.settings,
            &self.connection,
            &self.http,
            &job.namespace,
            &found.deployment,
        )
        .await;
        match opened {
            Ok(rest) if job.kind == JobKind::SessionJob => {
                let id = found.flink_job.as_deref();
                let Some(id) = id else {
                    let state = state::when_silent(&found.resource);
                    let gap = Gap::new("job", "the operator names no Flink job of it yet");
                    return unasked(job, now_ms, state, gap);
                };
                let snapshot = read_job(&rest, job, Some(id), now_ms, &self.settings.rest).await;
                // In a session cluster the only job left may be another one.
                match snapshot.job_id.as_deref() {
                    Some(other) if other != id => unasked(
                        job,
                        now_ms,
                        JobState::Starting,
                        Gap::new("job", format!("its session cluster does not run job {id}")),
                    ),
                    _ => snapshot,
                }
            }
            // The operator's id of an application's job would be a stale one after a restart.
            Ok(rest) => read_job(&rest, job, None, now_ms, &self.settings.rest).await,
            Err(error) => unasked(
                job,
                now_ms,
                JobState::Unreachable,
                Gap::new("JobManager", error.to_string()),
            ),
        }
    }

    /// The resource as it is now; none when it is gone.
    async fn again(&self, found: &Found) -> Result<Option<Found>, ApiError> {
        let job = &found.job;
        let (kind, version) = kind_and_version(found);
        let scope = self.scope(kind, &version, Some(&job.namespace));
        match self
            .connection
            .json(&format!("{}/{}", scope.path(), job.name))
            .await
        {
            Ok(value) => Ok(read(&job.cluster, kind, &value)),
            Err(ApiError::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn kind_and_version(found: &Found) -> (Kind, String) {
    let kind = Kind::ALL
        .into_iter()
        .find(|kind| job_kind(*kind) == found.job.kind)
        .unwrap_or(Kind::FlinkDeployment);
    let version = found
        .resource
        .api_version
        .rsplit_once('/')
        .map_or(VERSION, |(_, version)| version);
    (kind, version.to_string())
}

fn unasked(job: &JobKey, now_ms: Option<i64>, state: JobState, gap: Gap) -> Snapshot {
    let mut snapshot = Snapshot::new(job.clone(), now_ms.unwrap_or_else(wall_clock_ms), state);
    snapshot.gaps.push(gap);
    snapshot
}

/// Stamps a look in which no JobManager told the time.
fn wall_clock_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_millis()).ok())
        .unwrap_or(0)
}

impl Cluster for KubernetesCluster {
    /// Lists anew. An error only when nothing at all could be listed; what could not be is in [`KubernetesCluster::problems`].
    async fn jobs(&self) -> Result<Vec<JobKey>, ObserveError> {
        let listing = self.refresh().await;
        match listing.problems.first() {
            Some(problem) if listing.found.is_empty() => Err(problem.error.clone()),
            _ => Ok(listing.found.keys().cloned().collect()),
        }
    }

    async fn observe(&self, job: &JobKey, now_ms: Option<i64>) -> Result<Snapshot, ObserveError> {
        let listing = self.listing();
        let Some(found) = listing.found.get(job) else {
            return Err(ObserveError {
                what: format!("job {job}"),
                endpoint: self.connection.endpoint().to_string(),
                reason: "the cluster does not have it (any more)".to_string(),
            });
        };
        if let Some((state, why)) = state::without_asking(&found.resource) {
            let mut snapshot = unasked(job, now_ms, state, Gap::new("job", why));
            snapshot.resource = Some(Box::new((*found.resource).clone()));
            return Ok(snapshot);
        }
        let mut snapshot = self.look(found, now_ms).await;
        snapshot.resource = Some(Box::new((*found.resource).clone()));
        if snapshot.state != JobState::Unreachable {
            return Ok(snapshot);
        }
        // It may have been stopped, upgraded or deleted since it was listed.
        match self.again(found).await {
            Ok(Some(now)) => {
                snapshot.state = state::when_silent(&now.resource);
                snapshot.resource = Some(Box::new((*now.resource).clone()));
            }
            Ok(None) => {
                snapshot.state = JobState::Stopped;
                snapshot.resource = None;
                snapshot.gaps.insert(
                    0,
                    Gap::new("resource", "it was deleted after it was listed"),
                );
            }
            Err(error) => {
                snapshot.state = state::when_silent(&found.resource);
                snapshot
                    .gaps
                    .push(Gap::new("resource", format!("asked again: {error}")));
            }
        }
        Ok(snapshot)
    }
}
