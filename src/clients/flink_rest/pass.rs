//! One look's requests under one deadline.

use super::bounded::{self, limit_of};
use super::{Answer, Rest, RestError};
use crate::clients::access::page;
use serde_json::Value;
use std::time::Duration;
use tokio::time::Instant;

/// Most of a server's message that is repeated.
const LONGEST_MESSAGE: usize = 160;

/// Memory that an error's document may take, bytes.
const LARGEST_ERROR: usize = 1 << 20;

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

    /// The document at a path.
    pub async fn json(&self, path_and_query: &str) -> Result<Value, ReadError> {
        let path = path_and_query.split('?').next().unwrap_or_default();
        let url = format!("{}{path}", self.rest.endpoint());
        let Ok(answer) =
            tokio::time::timeout_at(self.deadline, self.rest.get(path_and_query)).await
        else {
            return Err(ReadError::Deadline {
                url,
                seconds: self.allowed.as_secs_f64(),
            });
        };
        let Answer { status, body } = answer?;
        if !(200..300).contains(&status) {
            return Err(ReadError::Status {
                status,
                url,
                message: server_message(&body),
            });
        }
        bounded::parse(&body, limit_of(path_and_query).document).map_err(|error| {
            match page(&body) {
                Some(title) => ReadError::Page { url, title },
                None => ReadError::NotJson {
                    url,
                    reason: error.to_string(),
                    beginning: first_line(&String::from_utf8_lossy(&body), 40),
                },
            }
        })
    }
}

/// Flink answers errors with `{"errors": [text, stack trace]}`: the first line of the first.
fn server_message(body: &[u8]) -> String {
    let Ok(document) = bounded::parse(body, LARGEST_ERROR) else {
        return String::new();
    };
    let text = super::answers::list(&document["errors"])
        .iter()
        .filter_map(Value::as_str)
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
