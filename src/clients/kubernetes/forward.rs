//! A JobManager behind a port-forward to its pod.
//!
//! For the time of one look a port of the loopback address leads to the pod, as `kubectl port-forward` does, so that the same HTTP client
//! reads it; each connection to it is a web socket of its own to the API server.

use super::connection::Connection;
use super::error::{ApiError, innermost};
use crate::clients::flink_rest::{Answer, Http, HttpRest, Rest, RestError};
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Flink's REST port where the pod names none `rest`.
const USUAL_PORT: u16 = 8081;

/// A JobManager behind a port-forward; the port is closed when this goes.
pub(super) struct Forward {
    rest: HttpRest,
    shown: String,
    listening: JoinHandle<()>,
}

impl Forward {
    /// Finds the JobManager's pod and opens the port.
    pub async fn open(
        connection: &Connection,
        http: &Http,
        namespace: &str,
        deployment: &str,
    ) -> Result<Forward, RestError> {
        let shown = format!(
            "{}, port-forward to the JobManager of {namespace}/{deployment}",
            connection.endpoint()
        );
        let failed = |reason: String| RestError::Unreachable {
            url: shown.clone(),
            reason,
        };
        let (pod, port) = pod(connection, namespace, deployment)
            .await
            .map_err(|error| failed(error.to_string()))?;
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .map_err(|error| failed(format!("no local port: {error}")))?;
        let local = listener
            .local_addr()
            .map_err(|error| failed(error.to_string()))?;
        let pods: Api<Pod> = Api::namespaced(connection.client().clone(), namespace);
        let listening = tokio::spawn(serve(listener, pods, pod.clone(), port));
        Ok(Forward {
            rest: http.at(&format!("http://{local}"))?,
            shown: format!(
                "{}, port-forward to pod {namespace}/{pod}",
                connection.endpoint()
            ),
            listening,
        })
    }
}

impl Drop for Forward {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

impl Rest for Forward {
    async fn get(&self, path_and_query: &str) -> Result<Answer, RestError> {
        // The address of the tunnel says nothing to a person.
        self.rest.get(path_and_query).await.map_err(|error| {
            let url = self.shown.clone();
            match error {
                RestError::Unreachable { reason, .. } => RestError::Unreachable { url, reason },
                RestError::TimedOut { seconds, .. } => RestError::TimedOut { url, seconds },
                RestError::Truncated { reason, .. } => RestError::Truncated { url, reason },
                RestError::TooLarge { limit_bytes, .. } => RestError::TooLarge { url, limit_bytes },
                other => other,
            }
        })
    }

    fn endpoint(&self) -> String {
        self.shown.clone()
    }
}

/// Carries each connection to the pod, until it is aborted; then those under way end too.
async fn serve(listener: TcpListener, pods: Api<Pod>, pod: String, port: u16) {
    let mut carried = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        carried.spawn(carry(stream, pods.clone(), pod.clone(), port));
        while carried.try_join_next().is_some() {}
    }
}

async fn carry(mut stream: TcpStream, pods: Api<Pod>, pod: String, port: u16) {
    match pods.portforward(&pod, &[port]).await {
        Ok(mut forwarder) => {
            if let Some(mut upstream) = forwarder.take_stream(port) {
                // Either side may end it: the client reads what came until then.
                let _ = tokio::io::copy_bidirectional(&mut stream, &mut upstream).await;
            }
            forwarder.abort();
        }
        // The client sees a closed connection and says that; the reason is for who looks for it.
        Err(error) => tracing::warn!("port-forward to {pod}: {}", innermost(&error)),
    }
}

/// The pod that answers for a JobManager, and its REST port.
async fn pod(
    connection: &Connection,
    namespace: &str,
    deployment: &str,
) -> Result<(String, u16), ApiError> {
    let selector: String = url::form_urlencoded::byte_serialize(
        format!("app={deployment},component=jobmanager").as_bytes(),
    )
    .collect();
    let answer = connection
        .json(&format!(
            "/api/v1/namespaces/{namespace}/pods?labelSelector={selector}"
        ))
        .await?;
    let pods = answer["items"].as_array().cloned().unwrap_or_default();
    let ready = |pod: &&Value| {
        pod["status"]["phase"] == "Running"
            && pod["metadata"]["deletionTimestamp"].is_null()
            && pod["status"]["conditions"]
                .as_array()
                .into_iter()
                .flatten()
                .any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
    };
    let pod = pods.iter().find(ready).ok_or_else(|| {
        ApiError::Unreachable(match pods.len() {
            0 => format!(
                "there is no pod with labels app={deployment},component=jobmanager in {namespace}"
            ),
            count => format!("none of {count} JobManager pods is ready"),
        })
    })?;
    let name = pod["metadata"]["name"].as_str().unwrap_or_default();
    let port = pod["spec"]["containers"]
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(|container| container["ports"].as_array().cloned().unwrap_or_default())
        .find(|port| port["name"] == "rest")
        .and_then(|port| u16::try_from(port["containerPort"].as_u64()?).ok())
        .unwrap_or(USUAL_PORT);
    Ok((name.to_string(), port))
}
