//! One look's requests under one deadline.

use super::answers::{List, Object, Text};
use super::stream::{gathered, parsed};
use super::{Rest, RestError};
use crate::clients::access::page;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::time::Duration;
use tokio::time::Instant;

/// Most of a server's message that is repeated.
const LONGEST_MESSAGE: usize = 160;

/// Why a document could not be read.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(super) enum ReadError {
    #[error(transparent)]
    Transport(#[from] RestError),
    #[error("{status} from {url}{}{}", message_suffix(.message), remedy(*.status))]
    Status {
        status: u16,
        url: String,
        message: String,
    },
    #[error(
        "{url} answered with an HTML page{}: this is a login, a proxy or a web interface, and not Flink's REST API; give the API's \
         address with its path, and sign in{}",
        titled(.title),
        SIGN_IN
    )]
    Page { url: String, title: String },
    #[error("{url} answered with no whole JSON document ({reason}; it begins `{beginning}`)")]
    NotJson {
        url: String,
        reason: String,
        beginning: String,
    },
    #[error("{url} answered with another document than a JobManager's ({reason})")]
    Unfit { url: String, reason: String },
    #[error("the deadline of {seconds} s for this job passed before {url} was read")]
    Deadline { url: String, seconds: f64 },
}

impl ReadError {
    pub(super) fn is_not_found(&self) -> bool {
        matches!(self, ReadError::Status { status: 404, .. })
    }

    /// Flink answers so while it starts or elects a leader, a proxy while nothing behind it is ready: someone is there, and not up yet.
    pub(super) fn is_not_ready(&self) -> bool {
        matches!(self, ReadError::Status { status: 503, .. })
    }
}

/// Where credentials for a REST address are written.
const SIGN_IN: &str = " (`access: {bearer_token_env: …}` or `{basic: {user: …, password_env: …}}` of the cluster in plimsoll.yaml)";

/// What a status asks for.
fn remedy(status: u16) -> String {
    match status {
        401 => format!(": sign in{SIGN_IN}"),
        403 => format!(": these credentials may not; sign in with others{SIGN_IN}"),
        407 => ": the proxy wants credentials: write them into its address".to_string(),
        503 => ": the JobManager is starting or electing a leader: wait".to_string(),
        _ => String::new(),
    }
}

fn titled(title: &str) -> String {
    if title.is_empty() {
        String::new()
    } else {
        format!(" titled `{title}`")
    }
}

fn message_suffix(message: &str) -> String {
    if message.is_empty() {
        String::new()
    } else {
        format!(": {message}")
    }
}

/// One look: what carries its requests, and until when.
pub(super) struct Pass<'a, R: Rest> {
    pub rest: &'a R,
    deadline: Instant,
    allowed: Duration,
}

impl<'a, R: Rest> Pass<'a, R> {
    pub fn new(rest: &'a R, allowed: Duration) -> Self {
        Pass {
            rest,
            deadline: Instant::now() + allowed,
            allowed,
        }
    }

    /// The document at a path, read as it comes into what is kept of it.
    pub async fn read<T: DeserializeOwned + Send + 'static>(
        &self,
        path_and_query: &str,
    ) -> Result<T, ReadError> {
        let reading = self.read_from(path_and_query);
        match tokio::time::timeout_at(self.deadline, reading).await {
            Ok(read) => read,
            Err(_) => Err(ReadError::Deadline {
                url: self.url(path_and_query),
                seconds: self.allowed.as_secs_f64(),
            }),
        }
    }

    fn url(&self, path_and_query: &str) -> String {
        let path = path_and_query.split('?').next().unwrap_or_default();
        format!("{}{path}", self.rest.endpoint())
    }

    async fn read_from<T: DeserializeOwned + Send + 'static>(
        &self,
        path_and_query: &str,
    ) -> Result<T, ReadError> {
        let mut answer = self.rest.stream(path_and_query).await?;
        let status = answer.status;
        let (beginning, is_all) = gathered(&mut answer).await?;
        if !(200..300).contains(&status) {
            return Err(ReadError::Status {
                status,
                url: self.url(path_and_query),
                message: server_message(&beginning),
            });
        }
        let read = if is_all {
            serde_json::from_slice(&beginning).map_err(|error| (error, Beginning::of(&beginning)))
        } else {
            let told = Beginning::of(&beginning);
            let read = parsed(beginning, &mut answer).await?;
            read.map_err(|error| (error, told))
        };
        read.map_err(|(error, told)| {
            let url = self.url(path_and_query);
            match told.title {
                Some(title) => ReadError::Page { url, title },
                None => ReadError::NotJson {
                    url,
                    reason: error.to_string(),
                    beginning: told.shown,
                },
            }
        })
    }
}

/// What is said of an answer that is not the document that was expected.
struct Beginning {
    /// Its title, where it is a page for people.
    title: Option<String>,
    /// Its first characters.
    shown: String,
}

impl Beginning {
    fn of(body: &[u8]) -> Beginning {
        let first = &body[..body.len().min(256)];
        Beginning {
            title: page(body),
            shown: first_line(&String::from_utf8_lossy(first), 40),
        }
    }
}

/// What Flink answers errors with: texts, of which the first is the message and the next a stack trace.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Errors {
    errors: List<Text, 16>,
}

/// The first line of the first error.
fn server_message(body: &[u8]) -> String {
    let Ok(document) = serde_json::from_slice::<Object<Errors>>(body) else {
        return String::new();
    };
    let text = document
        .errors
        .iter()
        .filter_map(Text::as_str)
        .find(|text| !text.trim().is_empty())
        .unwrap_or_default();
    // The class in front says nothing to a person.
    let line = first_line(text, usize::MAX);
    let told = match line.split_once(": ") {
        Some((class, told)) if class.contains('.') && !class.contains(' ') => told.to_string(),
        _ => line,
    };
    first_line(&told, LONGEST_MESSAGE)
}

fn first_line(text: &str, most: usize) -> String {
    let line = text.trim_start().lines().next().unwrap_or_default();
    line.chars()
        .filter(|one| !one.is_control())
        .take(most)
        .collect()
}
