//! Requests over HTTP.

use super::{Answer, Rest, RestError, Settings};
use backon::{ExponentialBuilder, Retryable};
use std::time::Duration;
use url::Url;

/// No answer of Flink is larger: a job of 10,000 subtasks answers with a few MiB.
const LARGEST_BODY: usize = 64 << 20;

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
    Busy(Answer),
}

impl Http {
    /// Connections with these limits.
    ///
    /// # Errors
    /// When the TLS library cannot be set up.
    pub fn new(settings: &Settings) -> Result<Http, RestError> {
        // Another part of the program may have installed one already; then that one serves.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .connect_timeout(settings.connect_timeout)
            .timeout(settings.request_timeout)
            .redirect(reqwest::redirect::Policy::custom(within_origin))
            // JobManagers are cluster addresses: a proxy of the environment would not know them.
            .no_proxy()
            .user_agent(concat!("plimsoll/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| RestError::BadAddress {
                url: String::new(),
                reason: causes(&error),
            })?;
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
            url: without_credentials(address),
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
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > LARGEST_BODY {
                return Err(Attempt::Failed(RestError::TooLarge {
                    url: shown,
                    limit_bytes: LARGEST_BODY,
                }));
            }
            body.extend_from_slice(&chunk);
        }
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
        let reason = causes(error);
        if error.is_redirect() {
            return RestError::Redirected { url, reason };
        }
        if error.is_body() || error.is_decode() {
            RestError::Truncated { url, reason }
        } else {
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
        without_credentials(self.base.as_str())
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

/// The innermost cause says most: `connection refused`, not `error sending request`.
fn causes(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

fn shortened(path_and_query: &str) -> String {
    match path_and_query.split_once("?get=") {
        Some((path, _)) => format!("{path}?get=…"),
        None => path_and_query.to_string(),
    }
}

fn without_credentials(address: &str) -> String {
    match Url::parse(address.trim()) {
        Ok(mut url) => {
            // Both fail only for addresses that cannot hold credentials.
            let _ = url.set_username("");
            let _ = url.set_password(None);
            url.to_string()
        }
        Err(_) => address.rsplit('@').next().unwrap_or("").to_string(),
    }
}
