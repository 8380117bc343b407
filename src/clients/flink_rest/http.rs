//! Requests over HTTP.

use super::bounded::limit_of;
use super::{Answer, Rest, RestError, Settings};
use crate::clients::access::{self, AccessError, innermost};
use crate::clients::tls::{Distrust, distrust};
use crate::quantity::without_secrets;
use backon::{ExponentialBuilder, Retryable};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use url::Url;

/// So much of each answer is read at once, bytes; larger ones take turns.
const FREE: usize = 512 * 1024;
/// Larger answers that are read at once, of all JobManagers together.
const LARGE_AT_ONCE: usize = 4;

/// Redirects that are followed.
const MOST_REDIRECTS: usize = 3;

/// The connections to all JobManagers; cheap to clone.
#[derive(Debug, Clone)]
pub struct Http {
    client: reqwest::Client,
    settings: Settings,
    /// One budget of memory for all jobs in flight.
    large: Arc<Semaphore>,
}

/// One JobManager over HTTP.
#[derive(Debug, Clone)]
pub struct HttpRest {
    http: Http,
    base: Url,
}

/// What may be tried again: a failed connection, or an answer by which a server or proxy says that it is busy.
enum Attempt {
    Failed(RestError),
    Busy(Answer),
}

impl Http {
    /// Connections with these limits.
    ///
    /// # Errors
    /// When a secret, a certificate or the proxy is missing or unreadable.
    pub fn new(settings: &Settings) -> Result<Http, RestError> {
        let setup = |error: AccessError| RestError::Setup(error.to_string());
        let builder = access::client(&settings.access, &settings.folder)
            .map_err(setup)?
            .connect_timeout(settings.connect_timeout)
            .timeout(settings.request_timeout)
            .redirect(reqwest::redirect::Policy::custom(within_origin));
        let client = access::built(builder, &settings.access).map_err(setup)?;
        Ok(Http {
            client,
            settings: settings.clone(),
            large: Arc::new(Semaphore::new(LARGE_AT_ONCE)),
        })
    }

    /// The JobManager at a REST address, for example `http://orders-rest:8081`; it may have a path in front (an ingress).
    ///
    /// # Errors
    /// When the address is none, or neither http nor https.
    pub fn at(&self, address: &str) -> Result<HttpRest, RestError> {
        let bad = |reason: String| RestError::BadAddress {
            url: without_secrets(address),
            reason,
        };
        let mut base = Url::parse(address.trim()).map_err(|error| bad(error.to_string()))?;
        if !matches!(base.scheme(), "http" | "https") {
            return Err(bad(format!("the scheme is `{}`", base.scheme())));
        }
        base.set_query(None);
        base.set_fragment(None);
        // The web UI's address is one people copy: http://host:8081/#/overview
        let path = base.path().trim_end_matches('/').to_string();
        base.set_path(&path);
        Ok(HttpRest {
            http: self.clone(),
            base,
        })
    }
}

impl HttpRest {
    fn url(&self, path_and_query: &str) -> String {
        format!(
            "{}{path_and_query}",
            self.base.as_str().trim_end_matches('/')
        )
    }

    async fn attempt(&self, path_and_query: &str) -> Result<Answer, Attempt> {
        let shown = format!("{}{}", self.endpoint(), shortened(path_and_query));
        tracing::debug!(url = %shown, "asking Flink");
        let failed =
            |error: reqwest::Error| Attempt::Failed(self.as_rest_error(&error, shown.clone()));
        let mut response = self
            .http
            .client
            .get(self.url(path_and_query))
            .send()
            .await
            .map_err(failed)?;
        let status = response.status().as_u16();
        let limit_bytes = limit_of(path_and_query).body;
        let too_large = || {
            Attempt::Failed(RestError::TooLarge {
                url: shown.clone(),
                limit_bytes,
            })
        };
        if response
            .content_length()
            .is_some_and(|length| length > limit_bytes as u64)
        {
            return Err(too_large());
        }
        let mut body = Vec::new();
        let mut turn = None;
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            let length = body.len() + chunk.len();
            if length > limit_bytes {
                return Err(too_large());
            }
            if length > FREE && turn.is_none() {
                // It is never closed; without a turn the answer is read all the same.
                turn = self.http.large.acquire().await.ok();
            }
            body.extend_from_slice(&chunk);
        }
        drop(turn);
        tracing::debug!(url = %shown, status, bytes = body.len(), "flink");
        let answer = Answer { status, body };
        if matches!(status, 502..=504) {
            return Err(Attempt::Busy(answer));
        }
        Ok(answer)
    }

    fn as_rest_error(&self, error: &reqwest::Error, url: String) -> RestError {
        if error.is_timeout() {
            let limit = if error.is_connect() {
                self.http.settings.connect_timeout
            } else {
                self.http.settings.request_timeout
            };
            return RestError::TimedOut {
                url,
                seconds: limit.as_secs_f64(),
            };
        }
        match distrust(error) {
            Some(Distrust::OfServer(reason)) => return RestError::Untrusted { url, reason },
            Some(Distrust::OfUs(reason)) => return RestError::CertificateWanted { url, reason },
            None => {}
        }
        let reason = innermost(error);
        if error.is_redirect() {
            return RestError::Redirected { url, reason };
        }
        if error.is_body() || error.is_decode() {
            RestError::Truncated { url, reason }
        } else {
            let reason = match access::shown_proxy(&self.http.settings.access) {
                Some(proxy) => format!("{reason}; by way of the proxy {proxy}"),
                None => reason,
            };
            RestError::Unreachable { url, reason }
        }
    }
}

impl Rest for HttpRest {
    async fn get(&self, path_and_query: &str) -> Result<Answer, RestError> {
        let patience = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(150))
            .with_max_delay(Duration::from_secs(2))
            .with_max_times(self.http.settings.retries)
            .with_jitter();
        let result = (|| self.attempt(path_and_query))
            .retry(patience)
            .when(|attempt| match attempt {
                Attempt::Busy(_) => true,
                Attempt::Failed(error) => matches!(error, RestError::Unreachable { .. }),
            })
            .await;
        match result {
            Ok(answer) | Err(Attempt::Busy(answer)) => Ok(answer),
            Err(Attempt::Failed(error)) => Err(error),
        }
    }

    fn endpoint(&self) -> String {
        without_secrets(self.base.as_str())
            .trim_end_matches('/')
            .to_string()
    }
}

/// Redirects are followed within an origin only: elsewhere may be anybody, and would be believed as the JobManager.
pub(in crate::clients) fn within_origin(
    attempt: reqwest::redirect::Attempt<'_>,
) -> reqwest::redirect::Action {
    let from = attempt.previous().first().map(Url::origin);
    let to = attempt.url().origin();
    if from.as_ref() != Some(&to) {
        let to = to.ascii_serialization();
        return attempt.error(format!("it leads to {to}"));
    }
    if attempt.previous().len() > MOST_REDIRECTS {
        return attempt.error(format!("it leads on and on, {MOST_REDIRECTS} times"));
    }
    attempt.follow()
}

fn shortened(path_and_query: &str) -> String {
    match path_and_query.split_once("?get=") {
        Some((path, _)) => format!("{path}?get=…"),
        None => path_and_query.to_string(),
    }
}
