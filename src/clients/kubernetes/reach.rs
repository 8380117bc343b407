//! The ways to a JobManager behind one type.

use super::connection::Connection;
use super::forward::Forward;
use super::proxy::ServiceProxy;
use super::settings::Settings;
use crate::clients::flink_rest::{Answer, Http, HttpRest, Pieces, Rest, RestError};
use crate::config::Reach;

/// A JobManager, however it is reached.
pub(super) enum JobManager {
    Proxied(ServiceProxy),
    Forwarded(Forward),
    Addressed(HttpRest),
}

impl JobManager {
    /// The JobManager of a FlinkDeployment.
    pub async fn open(
        settings: &Settings,
        connection: &Connection,
        http: &Http,
        namespace: &str,
        deployment: &str,
    ) -> Result<JobManager, RestError> {
        Ok(match &settings.reach {
            Reach::ServiceProxy => {
                JobManager::Proxied(ServiceProxy::new(connection.clone(), namespace, deployment))
            }
            Reach::PortForward => {
                JobManager::Forwarded(Forward::open(connection, http, namespace, deployment).await?)
            }
            Reach::Url(template) => JobManager::Addressed(http.at(&Reach::address(
                template,
                &settings.cluster,
                namespace,
                deployment,
            ))?),
        })
    }
}

impl Rest for JobManager {
    async fn get(&self, path_and_query: &str) -> Result<Answer, RestError> {
        match self {
            JobManager::Proxied(rest) => rest.get(path_and_query).await,
            JobManager::Forwarded(rest) => rest.get(path_and_query).await,
            JobManager::Addressed(rest) => rest.get(path_and_query).await,
        }
    }

    async fn stream(&self, path_and_query: &str) -> Result<Pieces<'_>, RestError> {
        match self {
            JobManager::Proxied(rest) => rest.stream(path_and_query).await,
            JobManager::Forwarded(rest) => rest.stream(path_and_query).await,
            JobManager::Addressed(rest) => rest.stream(path_and_query).await,
        }
    }

    fn endpoint(&self) -> String {
        match self {
            JobManager::Proxied(rest) => rest.endpoint(),
            JobManager::Forwarded(rest) => rest.endpoint(),
            JobManager::Addressed(rest) => rest.endpoint(),
        }
    }
}
