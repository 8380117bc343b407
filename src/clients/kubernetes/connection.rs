//! Requests to one API server.

use super::credentials::config;
use super::error::{ApiError, innermost};
use super::settings::Settings;
use crate::quantity::without_secrets;
use backon::{ExponentialBuilder, Retryable};
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use kube::Client;
use kube::client::Body;
use serde_json::Value;
use std::time::Duration;

/// No page of resources is larger, bytes.
const LARGEST_PAGE: usize = 64 << 20;

/// The body of an answer as it comes, and its status.
pub(super) type Begun = (u16, BoxStream<'static, Result<Vec<u8>, ApiError>>);

/// An answer with whatever status.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    pub status: u16,
    pub body: Vec<u8>,
}

/// The connection to one API server; cheap to clone.
#[derive(Clone)]
pub(super) struct Connection {
    client: Client,
    endpoint: String,
    request_timeout: Duration,
    retries: usize,
}

impl Connection {
    /// Reads the credentials; nothing is asked yet.
    pub async fn open(settings: &Settings) -> Result<Connection, ApiError> {
        // Another part of the program may have installed one already; then that one serves.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut config = config(&settings.access).await?;
        config.connect_timeout = Some(settings.connect_timeout);
        // Each request has its own limit, which also holds while nothing is read.
        config.read_timeout = None;
        // Its own patience would hide for half a minute that a service has no endpoints.
        config.default_retry = false;
        let endpoint = without_secrets(&config.cluster_url.to_string());
        let client = Client::try_from(config).map_err(|error| {
            ApiError::Configuration(format!(
                "no connection can be set up ({}): mend the kubeconfig",
                innermost(&error)
            ))
        })?;
        Ok(Connection {
            client,
            endpoint,
            request_timeout: settings.request_timeout,
            retries: settings.retries,
        })
    }

    /// The API server's address; credentials are never part of it.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// What kube's own types are asked with.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// One GET, as it is answered: its head comes in time, and its body is no longer than `most` bytes.
    pub async fn get(&self, path_and_query: &str, most: usize) -> Result<Begun, ApiError> {
        let begun = self.begun("GET", path_and_query, Vec::new(), most);
        self.in_time(begun).await
    }

    async fn in_time<T>(
        &self,
        exchange: impl Future<Output = Result<T, ApiError>>,
    ) -> Result<T, ApiError> {
        tokio::time::timeout(self.request_timeout, exchange)
            .await
            .unwrap_or(Err(ApiError::TimedOut(self.request_timeout.as_secs_f64())))
    }

    /// The document at a path, asked for again where that may help.
    pub async fn json(&self, path_and_query: &str) -> Result<Value, ApiError> {
        self.patient(|| async {
            document(
                self.send("GET", path_and_query, Vec::new(), LARGEST_PAGE)
                    .await?,
            )
        })
        .await
    }

    /// The answer to a question that is sent as a POST (a review, which changes nothing).
    pub async fn ask(&self, path: &str, question: &Value) -> Result<Value, ApiError> {
        let body = question.to_string().into_bytes();
        self.patient(|| async {
            document(self.send("POST", path, body.clone(), LARGEST_PAGE).await?)
        })
        .await
    }

    /// Does something again after a failure that may pass.
    pub async fn patient<T, F, A>(&self, attempt: A) -> Result<T, ApiError>
    where
        A: FnMut() -> F,
        F: Future<Output = Result<T, ApiError>>,
    {
        let patience = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(150))
            .with_max_delay(Duration::from_secs(3))
            .with_max_times(self.retries)
            .with_jitter();
        attempt.retry(patience).when(ApiError::may_pass).await
    }

    async fn send(
        &self,
        method: &str,
        path_and_query: &str,
        body: Vec<u8>,
        most: usize,
    ) -> Result<Reply, ApiError> {
        self.in_time(async {
            let (status, body) = self.begun(method, path_and_query, body, most).await?;
            let body = whole(body).await?;
            Ok(Reply { status, body })
        })
        .await
    }

    async fn begun(
        &self,
        method: &str,
        path_and_query: &str,
        body: Vec<u8>,
        most: usize,
    ) -> Result<Begun, ApiError> {
        // The request is made by kube, so that nothing but kube has to know its types; its path is ours.
        let bare = kube::core::Request::new("/");
        let made = if method == "POST" {
            bare.create(&kube::api::PostParams::default(), body)
        } else {
            bare.list(&kube::api::ListParams::default())
        };
        let mut request = made.map_err(|error| {
            ApiError::Configuration(format!("the request can't be made: {error}"))
        })?;
        *request.uri_mut() = path_and_query.parse().map_err(|error| {
            ApiError::Configuration(format!("`{path_and_query}` is not a path: {error}"))
        })?;
        let response = self
            .client
            .send(request.map(Body::from))
            .await
            .map_err(|error| ApiError::of_client(&error))?;
        let status = response.status().as_u16();
        let length = response
            .headers()
            .get("content-length")
            .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        tracing::debug!(method, path = path_and_query, status, ?length, "kubernetes");
        if length.is_some_and(|length| length > most as u64) {
            return Err(ApiError::garbage("it is too large", b""));
        }
        let body = Limited::new(response.into_body(), most)
            .into_data_stream()
            .map_ok(|piece| piece.to_vec())
            .map_err(|error| {
                if error.is::<LengthLimitError>() {
                    return ApiError::garbage("it is too large", b"");
                }
                let error: &dyn std::error::Error = error.as_ref();
                ApiError::Unreachable(format!("the answer broke off: {}", innermost(error)))
            });
        Ok((status, body.boxed()))
    }
}

/// All pieces of a body.
pub(super) async fn whole(
    body: BoxStream<'static, Result<Vec<u8>, ApiError>>,
) -> Result<Vec<u8>, ApiError> {
    let append = |mut whole: Vec<u8>, piece: Vec<u8>| async move {
        whole.extend_from_slice(&piece);
        Ok(whole)
    };
    body.try_fold(Vec::new(), append).await
}

/// The JSON object of a good answer.
fn document(reply: Reply) -> Result<Value, ApiError> {
    if !(200..300).contains(&reply.status) {
        return Err(ApiError::of_status(reply.status, &reply.body));
    }
    match serde_json::from_slice::<Value>(&reply.body) {
        Ok(document) if document.is_object() => Ok(document),
        Ok(_) => Err(ApiError::garbage("no JSON object", &reply.body)),
        Err(error) => Err(ApiError::garbage(error.to_string(), &reply.body)),
    }
}
