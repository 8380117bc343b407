//! Requests over HTTP.

use super::stream::limit_of;
use super::{Answer, Pieces, Rest, RestError, Settings};
use crate::clients::access::{self, AccessError, innermost};
use crate::clients::tls::{Distrust, distrust};
use crate::quantity::without_secrets;
use backon::{ExponentialBuilder, Retryable};
use futures::{StreamExt, TryStreamExt};
use reqwest::Response;
use std::time::Duration;
use url::Url;

/// Redirects that are followed.
const MOST_REDIRECTS: usize = 3;

/// The connections to all JobManagers; cheap to clone.
#[derive(Debug, Clone)]
pub struct Http {
    client: reqwest::Client,
    settings: Settings,
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
    Busy(Response),
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

    /// The address of a path as it is shown.
    fn shown(&self, path_and_query: &str) -> String {
        format!("{}{}", self.endpoint(), shortened(path_and_query))
    }

    async fn attempt(&self, path_and_query: &str) -> Result<Response, Attempt> {
        let shown = self.shown(path_and_query);
        tracing::debug!(url = %shown, "asking Flink");
        let response = self
            .http
            .client
            .get(self.url(path_and_query))
            .send()
            .await
            .map_err(|error| Attempt::Failed(self.as_rest_error(&error, shown)))?;
        if matches!(response.status().as_u16(), 502..=504) {
            return Err(Attempt::Busy(response));
        }
        Ok(response)
    }

    /// The answer once its head is there, asked for again where that may help.
    async fn begun(&self, path_and_query: &str) -> Result<Response, RestError> {
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
            Ok(response) | Err(Attempt::Busy(response)) => Ok(response),
            Err(Attempt::Failed(error)) => Err(error),
        }
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
        let Pieces { status, body } = self.stream(path_and_query).await?;
        let append = |mut whole: Vec<u8>, piece: Vec<u8>| async move {
            whole.extend_from_slice(&piece);
            Ok(whole)
        };
        let body = body.try_fold(Vec::new(), append).await?;
        Ok(Answer { status, body })
    }

    async fn stream(&self, path_and_query: &str) -> Result<Pieces<'_>, RestError> {
        let response = self.begun(path_and_query).await?;
        let status = response.status().as_u16();
        let url = self.shown(path_and_query);
        let limit_bytes = limit_of(path_and_query);
        let too_large = move |url: String| RestError::TooLarge { url, limit_bytes };
        if response
            .content_length()
            .is_some_and(|length| length > limit_bytes as u64)
        {
            return Err(too_large(url));
        }
        let body = futures::stream::try_unfold(
            (response, 0, url),
            move |(mut response, read, url)| async move {
                match response.chunk().await {
                    Err(error) => Err(self.as_rest_error(&error, url)),
                    Ok(None) => {
                        tracing::debug!(%url, status, bytes = read, "flink");
                        Ok(None)
                    }
                    Ok(Some(piece)) if read + piece.len() > limit_bytes => Err(too_large(url)),
                    Ok(Some(piece)) => {
                        let read = read + piece.len();
                        Ok(Some((piece.to_vec(), (response, read, url))))
                    }
                }
            },
        );
        Ok(Pieces {
            status,
            body: body.boxed(),
        })
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
