//! One request to GitHub: time limit, repetition, rate limits. What may be repeated says so; a write whose fate is unknown is never
//! repeated blindly.

use super::connector::connect;
use super::place::{Pace, Place};
use super::refusal::{explain, limited_until};
use crate::clients::access::{self, AccessError};
use crate::clients::tls::{Distrust, distrust};
use crate::ports::ForgeError;
use http::header::{ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH};
use octocrab::Octocrab;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What is being done, and the permission that it needs.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    /// For example `reading pull requests`.
    pub(super) what: String,
    /// For example `pull requests: read`.
    pub(super) needs: &'static str,
}

/// Shorthand for an [`Ask`].
pub(super) fn ask(what: impl Into<String>, needs: &'static str) -> Ask {
    Ask {
        what: what.into(),
        needs,
    }
}

/// Permissions of a token, in GitHub's words.
pub(super) const READ: &str = "contents: read";
pub(super) const WRITE: &str = "contents: write";
pub(super) const PULLS_READ: &str = "pull requests: read";
pub(super) const PULLS_WRITE: &str = "pull requests: write";

/// Methods that are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Get,
    Post,
    Patch,
}

/// Whether a request may be sent again when nobody knows what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    /// It changes nothing, or the second time changes nothing.
    Harmless,
    /// It would be done twice.
    Never,
}

/// An answer with its status.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: String,
    pub(super) limits: Limits,
    /// `etag`.
    pub(super) tag: Option<String>,
}

/// What the headers say of limits and rights.
#[derive(Debug, Clone, Default)]
pub(super) struct Limits {
    /// `retry-after`, seconds.
    pub(super) retry_after: Option<u64>,
    /// `x-ratelimit-remaining`.
    pub(super) remaining: Option<u64>,
    /// `x-ratelimit-reset`, Unix seconds.
    pub(super) reset: Option<i64>,
    /// `x-accepted-github-permissions`.
    pub(super) permissions: Option<String>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Trouble {
    /// Nobody knows whether it was done.
    Unclear(String),
    /// It was not done.
    Refused(ForgeError),
}

/// The connection to one repository's API. Bound to the runtime in which it was made.
#[derive(Debug)]
pub(super) struct Api {
    client: Octocrab,
    pub(super) place: Place,
    /// Until when GitHub asked for silence, Unix seconds. Asking on would make it longer.
    silent_until: Mutex<Option<i64>>,
    /// Lists that were read before, by path. Asked for with their tags they cost nothing of the rate limit while nothing has changed.
    lists: Mutex<BTreeMap<String, Tagged>>,
}

/// A body, and the tag that GitHub gave it.
#[derive(Debug, Clone)]
struct Tagged {
    tag: String,
    body: String,
}

impl Api {
    /// Connects to nothing yet.
    ///
    /// # Errors
    /// When the address is none, or certificates can't be loaded.
    pub(super) fn new(place: &Place) -> Result<Api, ForgeError> {
        let failed = |reason: String| ForgeError {
            place: place.shown(),
            reason,
        };
        let setup = |error: AccessError| failed(format!("forge.github.{error}"));
        let builder = access::client(&place.access, &place.folder)
            .map_err(setup)?
            .connect_timeout(place.pace.timeout)
            .redirect(reqwest::redirect::Policy::limited(3));
        let client = access::built(builder, &place.access).map_err(setup)?;
        let address = place.api.trim_end_matches('/');
        let client = connect(client, address, &place.token).map_err(failed)?;
        Ok(Api {
            client,
            place: place.clone(),
            silent_until: Mutex::new(None),
            lists: Mutex::default(),
        })
    }

    /// An error about this repository.
    pub(super) fn error(&self, reason: impl Into<String>) -> ForgeError {
        ForgeError {
            place: self.place.shown(),
            reason: reason.into(),
        }
    }

    /// The error that a refusal is.
    pub(super) fn refusal(&self, ask: &Ask, answer: &Answer) -> ForgeError {
        self.error(explain(&self.place, ask, answer))
    }

    /// The error that trouble is.
    pub(super) fn trouble(&self, ask: &Ask, trouble: Trouble) -> ForgeError {
        match trouble {
            Trouble::Refused(error) => error,
            Trouble::Unclear(reason) => self.error(format!("{} failed: {reason}", ask.what)),
        }
    }

    /// Reads; the answer may be a refusal.
    pub(super) async fn get(&self, ask: &Ask, path: &str) -> Result<Answer, ForgeError> {
        self.send(ask, Method::Get, path, None, Again::Harmless)
            .await
            .map_err(|trouble| self.trouble(ask, trouble))
    }

    /// Reads what must be there.
    pub(super) async fn read<T: DeserializeOwned>(
        &self,
        ask: &Ask,
        path: &str,
    ) -> Result<T, ForgeError> {
        let answer = self.get(ask, path).await?;
        self.content(ask, &answer)
    }

    /// Reads what may be missing.
    pub(super) async fn find<T: DeserializeOwned>(
        &self,
        ask: &Ask,
        path: &str,
    ) -> Result<Option<T>, ForgeError> {
        let answer = self.get(ask, path).await?;
        if answer.status == 404 {
            return Ok(None);
        }
        self.content(ask, &answer).map(Some)
    }

    /// Writes what may be written twice, and gives what was made.
    pub(super) async fn make<T: DeserializeOwned>(
        &self,
        ask: &Ask,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ForgeError> {
        let body = self.body(ask, body)?;
        let answer = self
            .send(ask, Method::Post, path, Some(&body), Again::Harmless)
            .await
            .map_err(|trouble| self.trouble(ask, trouble))?;
        self.content(ask, &answer)
    }

    /// A request's body.
    pub(super) fn body(&self, ask: &Ask, body: &impl Serialize) -> Result<Value, ForgeError> {
        serde_json::to_value(body)
            .map_err(|error| self.error(format!("{} failed: {error}", ask.what)))
    }

    /// What an answer holds; a refusal is an error.
    pub(super) fn content<T: DeserializeOwned>(
        &self,
        ask: &Ask,
        answer: &Answer,
    ) -> Result<T, ForgeError> {
        if !(200..300).contains(&answer.status) {
            return Err(self.refusal(ask, answer));
        }
        serde_json::from_str(&answer.body).map_err(|error| {
            self.error(format!(
                "{} failed: the answer can't be read ({error}): is this GitHub's API, and not the page of a proxy?",
                ask.what
            ))
        })
    }

    /// Sends a request, again where that is harmless or was asked for by GitHub. Refusals other than for a rate limit are answers.
    pub(super) async fn send(
        &self,
        ask: &Ask,
        method: Method,
        path: &str,
        body: Option<&Value>,
        again: Again,
    ) -> Result<Answer, Trouble> {
        let Pace {
            tries,
            first_pause,
            longest_wait,
            ..
        } = self.place.pace;
        let mut pause = first_pause;
        let mut attempt = 1;
        loop {
            self.heed_silence(ask)?;
            let last = attempt >= tries;
            let result = self.tagged(method, path, body).await;
            tracing::debug!(
                ?method,
                path,
                status = result.as_ref().map(|answer| answer.status).ok(),
                "github"
            );
            match result {
                Ok(answer) if matches!(answer.status, 403 | 429) => {
                    let now_s = jiff::Timestamp::now().as_second();
                    let Some(until_s) = limited_until(&answer, now_s) else {
                        return Ok(answer);
                    };
                    let wait = Duration::from_secs(u64::try_from(until_s - now_s).unwrap_or(0));
                    if last || wait > longest_wait {
                        *self.silence() = Some(until_s);
                        self.heed_silence(ask)?;
                        return Err(Trouble::Refused(self.refusal(ask, &answer)));
                    }
                    tokio::time::sleep(wait).await;
                }
                Ok(answer) if answer.status >= 500 => match (again, last) {
                    (Again::Never, _) => {
                        return Err(Trouble::Unclear(format!(
                            "GitHub answered {}",
                            answer.status
                        )));
                    }
                    (Again::Harmless, true) => return Ok(answer),
                    (Again::Harmless, false) => tokio::time::sleep(pause).await,
                },
                Ok(answer) => return Ok(answer),
                Err(reason) if again == Again::Never || last => {
                    return Err(Trouble::Unclear(reason));
                }
                Err(_) => tokio::time::sleep(pause).await,
            }
            attempt += 1;
            pause = pause.saturating_mul(2).min(longest_wait);
        }
    }

    fn silence(&self) -> std::sync::MutexGuard<'_, Option<i64>> {
        self.silent_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn heed_silence(&self, ask: &Ask) -> Result<(), Trouble> {
        let Some(until_s) = *self.silence() else {
            return Ok(());
        };
        if jiff::Timestamp::now().as_second() >= until_s {
            return Ok(());
        }
        let until = jiff::Timestamp::from_second(until_s)
            .map_or_else(|_| "later".to_string(), |until| until.to_string());
        Err(Trouble::Refused(self.error(format!(
            "{} was not done: GitHub's rate limit for this token is used up until {until}; run again then, or use the token of an App, which has a limit of its own",
            ask.what
        ))))
    }

    fn lists(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Tagged>> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One exchange; a list that has not changed since it was read is what it was.
    async fn tagged(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, String> {
        let is_list = method == Method::Get && path.contains("/pulls?");
        let known = is_list.then(|| self.lists().get(path).cloned()).flatten();
        let tag = known.as_ref().map(|known| known.tag.as_str());
        let answer = self.once(method, path, body, tag).await?;
        if let (304, Some(known)) = (answer.status, known) {
            return Ok(Answer {
                status: 200,
                body: known.body,
                ..answer
            });
        }
        if let (true, 200, Some(tag)) = (is_list, answer.status, &answer.tag) {
            let (tag, body) = (tag.clone(), answer.body.clone());
            self.lists().insert(path.to_string(), Tagged { tag, body });
        }
        Ok(answer)
    }

    async fn once(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        tag: Option<&str>,
    ) -> Result<Answer, String> {
        let mut headers = HeaderMap::new();
        if let Some(tag) = tag.and_then(|tag| HeaderValue::from_str(tag).ok()) {
            headers.insert(IF_NONE_MATCH, tag);
        }
        let exchange = async {
            let response = match method {
                Method::Get => self.client._get_with_headers(path, Some(headers)).await,
                Method::Post => self.client._post(path, body).await,
                Method::Patch => self.client._patch(path, body).await,
            }
            .map_err(|error| why(&error))?;
            let number = |name: &str| -> Option<i64> {
                response
                    .headers()
                    .get(name)?
                    .to_str()
                    .ok()?
                    .trim()
                    .parse()
                    .ok()
            };
            let limits = Limits {
                retry_after: number("retry-after").and_then(|value| u64::try_from(value).ok()),
                remaining: number("x-ratelimit-remaining")
                    .and_then(|value| u64::try_from(value).ok()),
                reset: number("x-ratelimit-reset"),
                permissions: response
                    .headers()
                    .get("x-accepted-github-permissions")
                    .and_then(|value| value.to_str().ok())
                    .map(str::to_string),
            };
            let status = response.status().as_u16();
            let tag = response
                .headers()
                .get(ETAG)
                .and_then(|value| value.to_str().ok())
                .map(str::to_string);
            let body = self
                .client
                .body_to_string(response)
                .await
                .map_err(|error| {
                    format!("the answer broke off or is not text: {}", causes(&error))
                })?;
            Ok(Answer {
                status,
                body,
                limits,
                tag,
            })
        };
        match tokio::time::timeout(self.place.pace.timeout, exchange).await {
            Ok(result) => result,
            Err(_) => Err(format!(
                "no answer within {} s",
                self.place.pace.timeout.as_secs_f64()
            )),
        }
    }
}

/// Why there is no answer: a certificate, where it is one, else all causes.
fn why(error: &octocrab::Error) -> String {
    match distrust(error) {
        Some(Distrust::OfServer(reason)) => format!(
            "its certificate is not accepted ({reason}): put the certificate of its authority into a file, and name that in \
             forge.github.tls.ca"
        ),
        Some(Distrust::OfUs(reason)) => format!(
            "it does not let us in without another certificate ({reason}): check forge.github.tls.certificate and key"
        ),
        None => causes(error),
    }
}

/// An error with its causes, each once.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let said = error.to_string();
        // Some errors print a backtrace behind their first line.
        let line = said.lines().next().unwrap_or_default().trim();
        if !line.is_empty() && !text.contains(line) {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(line);
        }
        next = error.source();
    }
    text
}

/// A path as it stands in an address: everything but letters, digits, `-._~` and `/` is escaped.
pub(super) fn escaped(path: &str) -> String {
    path.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_escaped_for_addresses() {
        assert_eq!(escaped("plimsoll/prod/a_b.c"), "plimsoll/prod/a_b.c");
        assert_eq!(escaped("a b#c?ü"), "a%20b%23c%3F%C3%BC");
    }
}
