//! A JobManager behind the API server's service proxy.

use super::connection::{Connection, whole};
use super::error::{ApiError, message};
use crate::clients::flink_rest::{Answer, Pieces, Rest, RestError, limit_of};
use futures::{StreamExt, TryStreamExt};
use serde_json::{Value, json};

/// A JobManager behind the API server's service proxy.
pub(super) struct ServiceProxy {
    connection: Connection,
    /// `/api/v1/namespaces/<namespace>/services/<name>-rest:rest/proxy`
    path: String,
}

impl ServiceProxy {
    pub fn new(connection: Connection, namespace: &str, deployment: &str) -> Self {
        ServiceProxy {
            connection,
            // The port by its name: the operator calls it `rest`, whatever `rest.port` says.
            path: format!("/api/v1/namespaces/{namespace}/services/{deployment}-rest:rest/proxy"),
        }
    }

    fn failed(&self, error: ApiError) -> RestError {
        let url = self.endpoint();
        match error {
            ApiError::TimedOut(seconds) => RestError::TimedOut { url, seconds },
            other => RestError::Unreachable {
                url,
                reason: other.to_string(),
            },
        }
    }

    /// What the API server itself says is no answer of Flink's. That nothing behind the service is ready is: a JobManager that starts.
    fn refusal(&self, Answer { status, body }: Answer) -> Result<Answer, RestError> {
        if !is_of_the_api_server(&body) {
            return Ok(Answer { status, body });
        }
        let said = message(&body);
        if status == 503 {
            let body = json!({ "errors": [said] }).to_string().into_bytes();
            return Ok(Answer { status, body });
        }
        Err(self.failed(match ApiError::of_status(status, &body) {
            ApiError::NotFound(said) => ApiError::Unreachable(format!(
                "{said} (404): the service of the JobManager is not there"
            )),
            other => other,
        }))
    }
}

/// Flink's errors are lists `errors`; the API server's are `Status` objects.
fn is_of_the_api_server(body: &[u8]) -> bool {
    serde_json::from_slice::<Value>(body).is_ok_and(|document| document["kind"] == "Status")
}

impl Rest for ServiceProxy {
    async fn get(&self, path_and_query: &str) -> Result<Answer, RestError> {
        let Pieces { status, mut body } = self.stream(path_and_query).await?;
        let mut all = Vec::new();
        while let Some(piece) = body.next().await {
            all.extend_from_slice(&piece?);
        }
        Ok(Answer { status, body: all })
    }

    async fn stream(&self, path_and_query: &str) -> Result<Pieces<'_>, RestError> {
        let path = format!("{}{path_and_query}", self.path);
        let most = limit_of(path_and_query);
        let (status, body) = self
            .connection
            .patient(|| async {
                let (status, body) = self.connection.get(&path, most).await?;
                // 503 is said while a JobManager starts, and will not pass within a second.
                if matches!(status, 429 | 502 | 504) {
                    return Err(ApiError::of_status(status, &whole(body).await?));
                }
                Ok((status, body))
            })
            .await
            .map_err(|error| self.failed(error))?;
        if (200..300).contains(&status) {
            let body = body.map_err(|error| self.failed(error)).boxed();
            return Ok(Pieces { status, body });
        }
        let body = whole(body).await.map_err(|error| self.failed(error))?;
        let Answer { status, body } = self.refusal(Answer { status, body })?;
        let body = futures::stream::iter([Ok(body)]).boxed();
        Ok(Pieces { status, body })
    }

    fn endpoint(&self) -> String {
        format!("{}{}", self.connection.endpoint(), self.path)
    }
}
