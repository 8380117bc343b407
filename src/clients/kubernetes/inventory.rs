//! Everything that a cluster has: each kind in each namespace, and what of it could not be listed.

use super::cluster::KubernetesCluster;
use super::error::ApiError;
use super::list::{Scope, VERSION, list, plural};
use super::listing::{Listing, Problem};
use super::object::{Found, job_kind, read};
use crate::flink::deployment::{GROUP, Kind};
use crate::snapshot::JobKind;
use std::sync::Arc;

impl KubernetesCluster {
    /// Lists everything anew.
    pub(super) async fn refresh(&self) -> Arc<Listing> {
        let mut listing = Listing::default();
        for kind in Kind::ALL {
            for namespace in self.namespaces() {
                match self.listed(kind, namespace).await {
                    Ok(found) => listing
                        .found
                        .extend(found.into_iter().map(|found| (found.job.clone(), found))),
                    // They are recognised only: who may not list them misses nothing, unless there are some.
                    Err(error @ ApiError::Forbidden(_))
                        if kind == Kind::FlinkBlueGreenDeployment
                            && !listing.found.values().any(|found| found.is_part) =>
                    {
                        tracing::debug!("{}", self.problem(kind, namespace, &error).error);
                    }
                    Err(error) => {
                        let problem = self.problem(kind, namespace, &error);
                        // Who is not known, or not there, is so for all that would be asked next.
                        let all = problem.kind.is_none();
                        listing.problems.push(problem);
                        if all {
                            return self.keep(listing);
                        }
                    }
                }
            }
        }
        // What a blue-green deployment owns is its matter. Where those could not be listed, their parts stay.
        let blue_green = |found: &Found| found.job.kind == JobKind::BlueGreen;
        if listing.found.values().any(blue_green) {
            listing.found.retain(|_, found| !found.is_part);
        }
        self.keep(listing)
    }

    fn keep(&self, listing: Listing) -> Arc<Listing> {
        let listing = Arc::new(listing);
        *self
            .listing
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = Arc::clone(&listing);
        listing
    }

    fn problem(&self, kind: Kind, namespace: Option<&str>, error: &ApiError) -> Problem {
        let whole = matches!(
            error,
            ApiError::Unauthorized
                | ApiError::Unreachable(_)
                | ApiError::TimedOut(_)
                | ApiError::Configuration(_)
                | ApiError::Untrusted(_)
                | ApiError::CertificateWanted(_)
        );
        let scope = self.scope(kind, VERSION, namespace);
        let what = if whole {
            "resources".to_string()
        } else {
            scope.named()
        };
        Problem {
            kind: (!whole).then(|| job_kind(kind)),
            namespace: namespace.filter(|_| !whole).map(str::to_string),
            error: self.told(&what, error),
        }
    }

    pub(super) fn scope<'a>(
        &'a self,
        kind: Kind,
        version: &'a str,
        namespace: Option<&'a str>,
    ) -> Scope<'a> {
        Scope {
            kind,
            version,
            namespace,
            selector: self.settings.selector.as_deref(),
            page: self.settings.page,
        }
    }

    /// The resources of a kind; none where the operator does not know the kind.
    async fn listed(&self, kind: Kind, namespace: Option<&str>) -> Result<Vec<Found>, ApiError> {
        let cluster = &self.settings.cluster;
        let mut nobodies = 0_usize;
        let mut reduce = |value| {
            let found = read(cluster, kind, &value);
            nobodies += usize::from(found.is_none());
            found
        };
        let scope = self.scope(kind, VERSION, namespace);
        let found = match list(&self.connection, scope, &mut reduce).await {
            // Older operators have fewer kinds, a newer one may have left the version behind.
            Err(ApiError::NotFound(_)) => match self.served(kind).await? {
                Some(version) => {
                    let scope = self.scope(kind, &version, namespace);
                    list(&self.connection, scope, &mut reduce).await?
                }
                None if kind == Kind::FlinkDeployment => {
                    return Err(ApiError::NotFound(format!(
                        "the API server does not serve {} of {GROUP}: the Flink Kubernetes Operator's CRDs are not installed there",
                        plural(kind)
                    )));
                }
                None => Vec::new(),
            },
            other => other?,
        };
        if nobodies > 0 {
            tracing::warn!(
                "cluster {cluster}: {nobodies} of {} have no name or namespace and are left out",
                scope.named()
            );
        }
        Ok(found.into_iter().flatten().collect())
    }

    /// The version in which the API server serves a kind, where it is not the usual one.
    async fn served(&self, kind: Kind) -> Result<Option<String>, ApiError> {
        let group = match self.connection.json(&format!("/apis/{GROUP}")).await {
            Err(ApiError::NotFound(_)) => return Ok(None),
            group => group?,
        };
        let versions = group["versions"].as_array().cloned().unwrap_or_default();
        for version in versions
            .iter()
            .filter_map(|version| version["version"].as_str())
        {
            let plain = version.chars().all(|one| one.is_ascii_alphanumeric());
            if version == VERSION || !plain {
                continue;
            }
            let resources = self
                .connection
                .json(&format!("/apis/{GROUP}/{version}"))
                .await?;
            let serves = resources["resources"]
                .as_array()
                .into_iter()
                .flatten()
                .any(|resource| resource["name"] == plural(kind));
            if serves {
                return Ok(Some(version.to_string()));
            }
        }
        Ok(None)
    }
}
