//! Why the API server gave no answer that can be used.

use crate::clients::tls::{Distrust, distrust};
use serde_json::Value;

/// Most of a server's message that is repeated.
const LONGEST_MESSAGE: usize = 300;

/// Why the API server gave no answer that can be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ApiError {
    /// Kubeconfig or service account can't be used.
    #[error("{0}")]
    Configuration(String),
    /// The API server's certificate is not accepted.
    #[error(
        "its certificate is not accepted ({0}): check `certificate-authority` of the cluster in the kubeconfig (in a pod: the service account's ca.crt)"
    )]
    Untrusted(String),
    /// The API server does not accept our certificate, or wants one.
    #[error(
        "it does not let us in without another certificate ({0}): check `client-certificate` and `client-key` of the user in the kubeconfig"
    )]
    CertificateWanted(String),
    /// 401.
    #[error(
        "the API server does not know these credentials (401): the token expired or is wrong; renew it, or name another context"
    )]
    Unauthorized,
    /// 403.
    #[error(
        "forbidden (403){}: `plimsoll rbac` prints the rules that are needed, `plimsoll check` names the missing one",
        suffix(.0)
    )]
    Forbidden(String),
    /// 404.
    #[error("not found (404){}", suffix(.0))]
    NotFound(String),
    /// 410: a page was asked for too late.
    #[error(
        "the list changed while it was read (410 Gone), twice: try again, or choose fewer resources"
    )]
    Gone,
    /// Another error status.
    #[error("status {status}{}", suffix(.message))]
    Status {
        /// The HTTP status.
        status: u16,
        /// What the server says.
        message: String,
    },
    /// Nobody answers, or the connection broke.
    #[error("no answer ({0})")]
    Unreachable(String),
    /// No answer in time.
    #[error("no answer within {0} s")]
    TimedOut(f64),
    /// An answer that is none of Kubernetes.
    #[error("the answer is none of a Kubernetes API server ({reason}; it begins `{beginning}`)")]
    Garbage {
        /// What is wrong with it.
        reason: String,
        /// Its first characters.
        beginning: String,
    },
}

fn suffix(message: &str) -> String {
    if message.is_empty() {
        String::new()
    } else {
        format!(": {message}")
    }
}

impl ApiError {
    /// Whether another attempt may help.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            ApiError::Unreachable(_) => true,
            ApiError::Status { status, .. } => matches!(status, 429 | 500 | 502 | 503 | 504),
            _ => false,
        }
    }

    /// The error of an answer with an error status.
    pub(super) fn of_status(status: u16, body: &[u8]) -> ApiError {
        let message = message(body);
        match status {
            401 => ApiError::Unauthorized,
            403 => ApiError::Forbidden(message),
            404 => ApiError::NotFound(message),
            410 => ApiError::Gone,
            _ => ApiError::Status { status, message },
        }
    }

    /// The error of an answer that can't be read.
    pub(super) fn garbage(reason: impl Into<String>, body: &[u8]) -> ApiError {
        ApiError::Garbage {
            reason: reason.into(),
            beginning: line(&String::from_utf8_lossy(body), 40),
        }
    }

    /// The error of kube's client.
    pub(super) fn of_client(error: &kube::Error) -> ApiError {
        match error {
            kube::Error::Auth(error) => ApiError::Configuration(format!(
                "the credentials cannot be read ({}): log in again, or mend the kubeconfig",
                innermost(error)
            )),
            other => match distrust(other) {
                Some(Distrust::OfServer(reason)) => ApiError::Untrusted(reason),
                Some(Distrust::OfUs(reason)) => ApiError::CertificateWanted(reason),
                None => ApiError::Unreachable(innermost(other)),
            },
        }
    }
}

/// What a `Status` object says; the first line of anything else.
pub(super) fn message(body: &[u8]) -> String {
    match serde_json::from_slice::<Value>(body) {
        Ok(document) => line(
            document["message"].as_str().unwrap_or_default(),
            LONGEST_MESSAGE,
        ),
        Err(_) => line(&String::from_utf8_lossy(body), 80),
    }
}

/// The innermost cause says most: `connection refused`, not `service error`.
pub(super) fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    line(&cause.to_string(), LONGEST_MESSAGE)
}

pub(super) fn line(text: &str, most: usize) -> String {
    let first = text.trim_start().lines().next().unwrap_or_default();
    first
        .chars()
        .filter(|one| !one.is_control())
        .take(most)
        .collect()
}
