//! A JobManager behind a port-forward to its pod.
//!
//! For the time of one look a port of the loopback address leads to the pod, as `kubectl port-forward` does, so that the same HTTP client
//! reads it; each connection to it is a web socket of its own to the API server.

use super::connection::Connection;
use super::error::{ApiError, innermost, line};
use crate::clients::flink_rest::{Answer, Http, HttpRest, Pieces, Rest, RestError};
use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

type Refusal = Arc<Mutex<Option<String>>>;

/// Flink's REST port where the pod names none `rest`.
const USUAL_PORT: u16 = 8081;
/// Most of a pod's words that is repeated.
const LONGEST_REFUSAL: usize = 300;

/// A JobManager behind a port-forward; the port is closed when this goes.
pub(super) struct Forward {
    rest: HttpRest,
    shown: String,
    /// What the API server or the pod said last about a connection that did not come about.
    refusal: Refusal,
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
        let refusal = Refusal::default();
        let to_pod = ToPod {
            pods,
            pod: pod.clone(),
            port,
            refusal: Arc::clone(&refusal),
        };
        let listening = tokio::spawn(serve(listener, to_pod));
        Ok(Forward {
            rest: http.at(&format!("http://{local}"))?,
            refusal,
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

impl Forward {
    /// What happened, as it may be shown: the address of the tunnel says nothing to a person.
    fn told(&self, error: RestError) -> RestError {
        let url = self.shown.clone();
        // All that shows at the tunnel's end is a connection that closed.
        let told = |reason| {
            let mut refusal = self.refusal.lock().unwrap_or_else(PoisonError::into_inner);
            refusal.take().unwrap_or(reason)
        };
        match error {
            RestError::Unreachable { reason, .. } => {
                let reason = told(reason);
                RestError::Unreachable { url, reason }
            }
            RestError::TimedOut { seconds, .. } => RestError::TimedOut { url, seconds },
            RestError::Truncated { reason, .. } => {
                let reason = told(reason);
                RestError::Truncated { url, reason }
            }
            RestError::TooLarge { limit_bytes, .. } => RestError::TooLarge { url, limit_bytes },
            other => other,
        }
    }
}

impl Rest for Forward {
    async fn get(&self, path_and_query: &str) -> Result<Answer, RestError> {
        let answer = self.rest.get(path_and_query).await;
        answer.map_err(|error| self.told(error))
    }

    async fn stream(&self, path_and_query: &str) -> Result<Pieces<'_>, RestError> {
        let answer = self.rest.stream(path_and_query).await;
        let Pieces { status, body } = answer.map_err(|error| self.told(error))?;
        let body = body.map_err(|error| self.told(error)).boxed();
        Ok(Pieces { status, body })
    }

    fn endpoint(&self) -> String {
        self.shown.clone()
    }
}

/// Where connections are carried to.
#[derive(Clone)]
struct ToPod {
    pods: Api<Pod>,
    pod: String,
    port: u16,
    refusal: Refusal,
}

/// Carries each connection to the pod, until it is aborted; then those under way end too.
async fn serve(listener: TcpListener, to_pod: ToPod) {
    let mut carried = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let to_pod = to_pod.clone();
        carried.spawn(async move { to_pod.carry(stream).await });
        while carried.try_join_next().is_some() {}
    }
}

impl ToPod {
    async fn carry(&self, mut stream: TcpStream) {
        let port = self.port;
        let mut forwarder = match self.pods.portforward(&self.pod, &[port]).await {
            Ok(forwarder) => forwarder,
            Err(error) => return self.refused(opening(&error)),
        };
        let said = forwarder.take_error(port);
        if let Some(mut upstream) = forwarder.take_stream(port) {
            let carried = tokio::io::copy_bidirectional(&mut stream, &mut upstream);
            match said {
                // Either side may end it: the client reads what came until then.
                None => drop(carried.await),
                Some(said) => {
                    let said = async {
                        match said.await {
                            Some(said) => said,
                            // Nothing was said, and nothing will be: the connection's end decides.
                            None => std::future::pending().await,
                        }
                    };
                    tokio::select! {
                        said = said => self.refused(line(&said, LONGEST_REFUSAL)),
                        _ = carried => {}
                    }
                }
            }
        }
        forwarder.abort();
    }

    fn refused(&self, why: String) {
        tracing::warn!("port-forward to {}: {why}", self.pod);
        *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
    }
}

/// Why a port-forward did not begin.
fn opening(error: &kube::Error) -> String {
    let why = match error {
        kube::Error::Api(status) => {
            let said = json!({ "message": status.message }).to_string();
            ApiError::of_status(status.code, said.as_bytes()).to_string()
        }
        other => innermost(other),
    };
    format!("the API server opens no port-forward: {why}")
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
