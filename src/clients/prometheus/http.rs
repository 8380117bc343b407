//! Requests to the store.

use super::answer::{self, Outcome, Sink};
use super::error::{PrometheusError, speaks_of_a_limit};
use crate::clients::access::{self, AccessError, innermost, page};
use crate::clients::flink_rest::within_origin;
use crate::clients::tls::{Distrust, distrust};
use crate::config::PrometheusConfig;
use crate::quantity::without_secrets;
use backon::{ExponentialBuilder, Retryable};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use url::form_urlencoded;

/// A store asks for patience at most so long.
const LONGEST_PATIENCE: Duration = Duration::from_secs(30);
/// Of a store's words so much is repeated.
const WORDS_SHOWN: usize = 300;

/// The connections to one store.
#[derive(Debug)]
pub struct Api {
    client: reqwest::Client,
    base: String,
    /// Its address without what may be secret in it.
    shown: String,
    limit_mib: u32,
    retries: usize,
    seconds: f64,
    /// The proxy that it goes through, as it may be shown.
    proxy: Option<String>,
    /// Whether we show a certificate.
    certified: bool,
    queries: AtomicU64,
}

/// A failed attempt.
struct Attempt {
    error: PrometheusError,
    again: bool,
    after: Option<Duration>,
}

impl Api {
    /// Connections as the configuration says; files are relative to `folder`, environment variables are read now.
    ///
    /// # Errors
    /// When a secret, certificate, header or proxy is missing or unreadable.
    pub fn new(config: &PrometheusConfig, folder: &Path) -> Result<Api, PrometheusError> {
        let setup = |error: AccessError| PrometheusError::Setup(error.to_string());
        let way_in = config.access();
        let timeout = config.timeout.to_std();
        let builder = access::client(&way_in, folder)
            .map_err(setup)?
            .connect_timeout(Duration::from_secs(5).min(timeout))
            .timeout(timeout)
            .redirect(reqwest::redirect::Policy::custom(within_origin));
        Ok(Api {
            client: access::built(builder, &way_in).map_err(setup)?,
            base: config.url.trim_end_matches('/').to_string(),
            shown: without_secrets(&config.url)
                .trim_end_matches('/')
                .to_string(),
            limit_mib: config.max_answer_mib,
            retries: config.retries as usize,
            seconds: timeout.as_secs_f64(),
            proxy: access::shown_proxy(&way_in),
            certified: config.tls.certificate.is_some(),
            queries: AtomicU64::new(0),
        })
    }

    /// The store's address, without what may be secret in it.
    pub fn place(&self) -> &str {
        &self.shown
    }

    /// Requests so far, further attempts among them.
    pub fn requests(&self) -> u64 {
        self.queries.load(Ordering::Relaxed)
    }

    /// `query` at a time (Unix milliseconds).
    ///
    /// # Errors
    /// See [`PrometheusError`].
    pub async fn query(
        &self,
        query: &str,
        at_ms: i64,
        sink: &mut Sink<'_>,
    ) -> Result<Outcome, PrometheusError> {
        let time = seconds(at_ms);
        self.series("/api/v1/query", &[("query", query), ("time", &time)], sink)
            .await
    }

    /// `query_range` from the first to the last time (Unix milliseconds, both included).
    ///
    /// # Errors
    /// See [`PrometheusError`].
    pub async fn query_range(
        &self,
        query: &str,
        (from_ms, to_ms, step_ms): (i64, i64, i64),
        sink: &mut Sink<'_>,
    ) -> Result<Outcome, PrometheusError> {
        let (start, end, step) = (seconds(from_ms), seconds(to_ms), seconds(step_ms));
        let form = [
            ("query", query),
            ("start", &start),
            ("end", &end),
            ("step", &step),
        ];
        self.series("/api/v1/query_range", &form, sink).await
    }

    /// The names of labels, or with a label's name its values, of series that match.
    ///
    /// # Errors
    /// See [`PrometheusError`].
    pub async fn names(
        &self,
        label: Option<&str>,
        matching: &str,
        from_ms: i64,
        to_ms: i64,
    ) -> Result<Vec<String>, PrometheusError> {
        let (start, end) = (seconds(from_ms), seconds(to_ms));
        let form = [
            ("match[]", matching),
            ("start", start.as_str()),
            ("end", end.as_str()),
        ];
        // Values of a label can only be read with GET.
        let body = match label {
            None => self.post("/api/v1/labels", &form).await?,
            Some(label) => {
                self.ask(&format!("/api/v1/label/{label}/values"), &form, true)
                    .await?
            }
        };
        let path = "/api/v1/labels";
        let (names, outcome) =
            answer::read_names(&body).map_err(|error| self.unreadable(path, &body, &error))?;
        self.accepted(path, &outcome)?;
        Ok(names)
    }

    async fn series(
        &self,
        path: &str,
        form: &[(&str, &str)],
        sink: &mut Sink<'_>,
    ) -> Result<Outcome, PrometheusError> {
        let body = self.post(path, form).await?;
        let outcome =
            answer::read(&body, sink).map_err(|error| self.unreadable(path, &body, &error))?;
        self.accepted(path, &outcome)?;
        Ok(outcome)
    }

    fn unreadable(&self, path: &str, body: &[u8], error: &serde_json::Error) -> PrometheusError {
        let url = format!("{}{path}", self.shown);
        let reason = error.to_string();
        if let Some(title) = page(body) {
            let reason = format!("an HTML page answers, titled `{title}`");
            return PrometheusError::NotPrometheus { url, reason };
        }
        if error.is_eof() {
            PrometheusError::Truncated { url, reason }
        } else {
            PrometheusError::NotPrometheus { url, reason }
        }
    }

    fn accepted(&self, path: &str, outcome: &Outcome) -> Result<(), PrometheusError> {
        if outcome.status == "success" {
            return Ok(());
        }
        Err(self.refusal(path, 200, &outcome.error))
    }

    fn refusal(&self, path: &str, status: u16, said: &str) -> PrometheusError {
        let url = format!("{}{path}", self.shown);
        let said = shortened(said);
        if status == 413 || speaks_of_a_limit(&said) {
            return PrometheusError::Limit { url, said };
        }
        let said = if said.is_empty() {
            said
        } else {
            format!(": {said}")
        };
        match status {
            401 | 403 => PrometheusError::Forbidden { url, status, said },
            404 => PrometheusError::NotPrometheus {
                url,
                reason: format!("404{said}"),
            },
            429 | 500..=599 => PrometheusError::Busy {
                url,
                status,
                said,
                attempts: self.retries + 1,
            },
            _ => PrometheusError::Refused { url, status, said },
        }
    }

    async fn post(&self, path: &str, form: &[(&str, &str)]) -> Result<Vec<u8>, PrometheusError> {
        self.ask(path, form, false).await
    }

    async fn ask(
        &self,
        path: &str,
        form: &[(&str, &str)],
        get: bool,
    ) -> Result<Vec<u8>, PrometheusError> {
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let patience = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(200))
            .with_max_delay(Duration::from_secs(10))
            .with_max_times(self.retries)
            .with_jitter();
        (|| self.attempt(path, &form, get))
            .retry(patience)
            .when(|attempt| attempt.again)
            .adjust(|attempt, delay| {
                delay.map(|delay| attempt.after.map_or(delay, |after| after.max(delay)))
            })
            .await
            .map_err(|attempt| attempt.error)
    }

    async fn attempt(&self, path: &str, form: &str, get: bool) -> Result<Vec<u8>, Attempt> {
        self.queries.fetch_add(1, Ordering::Relaxed);
        let url = format!("{}{path}", self.shown);
        let address = format!("{}{path}", self.base);
        let request = if get {
            self.client.get(format!("{address}?{form}"))
        } else {
            self.client
                .post(&address)
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(form.to_string())
        };
        let mut response = request
            .send()
            .await
            .map_err(|error| self.failed(&url, &error))?;
        let status = response.status().as_u16();
        let after = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.trim().parse().ok())
            .map(|seconds| Duration::from_secs(seconds).min(LONGEST_PATIENCE));
        let limit = (self.limit_mib as usize) << 20;
        let mut body = Vec::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| self.failed(&url, &error))?
        {
            if body.len() + chunk.len() > limit {
                return Err(Attempt {
                    error: PrometheusError::TooLarge {
                        url,
                        limit_mib: self.limit_mib,
                    },
                    again: false,
                    after: None,
                });
            }
            body.extend_from_slice(&chunk);
        }
        tracing::debug!(%url, status, bytes = body.len(), "prometheus");
        if status == 200 {
            return Ok(body);
        }
        let said = answer::read(&body, &mut |_, _| {})
            .ok()
            .map(|outcome| outcome.error)
            .filter(|said| !said.is_empty())
            .unwrap_or_else(|| match page(&body) {
                Some(title) => format!("an HTML page, titled `{title}`"),
                None => String::from_utf8_lossy(&body).into_owned(),
            });
        let error = self.refusal(path, status, &said);
        Err(Attempt {
            again: matches!(error, PrometheusError::Busy { .. }),
            error,
            after,
        })
    }

    fn failed(&self, url: &str, error: &reqwest::Error) -> Attempt {
        let url = url.to_string();
        let reason = innermost(error);
        let (error, again) = if error.is_timeout() {
            let seconds = self.seconds;
            (PrometheusError::TimedOut { url, seconds }, true)
        } else if let Some(distrust) = distrust(error) {
            (self.distrusted(url, distrust), false)
        } else if error.is_redirect() {
            (PrometheusError::Redirected { url, reason }, false)
        } else if error.is_body() || error.is_decode() {
            (PrometheusError::Truncated { url, reason }, false)
        } else {
            let reason = match &self.proxy {
                Some(proxy) => format!("{reason}; by way of the proxy {proxy}"),
                None => reason,
            };
            (
                PrometheusError::Unreachable { url, reason },
                error.is_connect(),
            )
        };
        Attempt {
            error,
            again,
            after: None,
        }
    }

    fn distrusted(&self, url: String, distrust: Distrust) -> PrometheusError {
        match distrust {
            Distrust::OfServer(reason) => PrometheusError::Untrusted { url, reason },
            Distrust::OfUs(reason) => PrometheusError::CertificateWanted {
                url,
                reason,
                remedy: if self.certified {
                    "check history.prometheus.tls.certificate"
                } else {
                    "set history.prometheus.tls.certificate and key"
                },
            },
        }
    }
}

/// Unix milliseconds as the API writes times.
fn seconds(ms: i64) -> String {
    format!("{}.{:03}", ms.div_euclid(1000), ms.rem_euclid(1000))
}

fn shortened(said: &str) -> String {
    let line = said.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(WORDS_SHOWN) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
