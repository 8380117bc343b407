//! What the reader needs of whatever carries its requests.

use futures::StreamExt;
use futures::stream::BoxStream;
use std::future::Future;

/// An answer with whatever status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The whole body.
    pub body: Vec<u8>,
}

/// An answer of which the body comes in pieces.
pub struct Pieces<'a> {
    /// The HTTP status.
    pub status: u16,
    /// The body, in order; nothing comes after an error.
    pub body: BoxStream<'a, Result<Vec<u8>, RestError>>,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RestError {
    /// The address cannot be asked at all.
    #[error("`{url}` is not a REST address ({reason}): write it like http://host:8081")]
    BadAddress {
        /// As it was given, without credentials.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The client cannot be set up.
    #[error("access: {0}")]
    Setup(String),
    /// Its certificate is not accepted.
    #[error(
        "the certificate of {url} is not accepted ({reason}): put the certificate of its authority into a file, and name that as \
         `tls: {{ca: FILE}}` in plimsoll.yaml"
    )]
    Untrusted {
        /// What was asked.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// It does not accept our certificate, or wants one.
    #[error(
        "{url} does not let us in without another certificate ({reason}): name one as `tls: {{certificate: FILE, key: FILE}}` in \
         plimsoll.yaml"
    )]
    CertificateWanted {
        /// What was asked.
        url: String,
        /// What it says.
        reason: String,
    },
    /// Nobody answers there.
    #[error("nobody answers at {url} ({reason})")]
    Unreachable {
        /// What was asked.
        url: String,
        /// The connection's error.
        reason: String,
    },
    /// No answer in time.
    #[error("no answer from {url} within {seconds} s")]
    TimedOut {
        /// What was asked.
        url: String,
        /// How long it waited.
        seconds: f64,
    },
    /// The answer sends the reader to somebody else.
    #[error(
        "{url} answers with a redirect that is not followed ({reason}): name the address that answers itself"
    )]
    Redirected {
        /// What was asked.
        url: String,
        /// Where it leads.
        reason: String,
    },
    /// The answer broke off.
    #[error("the answer of {url} broke off ({reason})")]
    Truncated {
        /// What was asked.
        url: String,
        /// The connection's error.
        reason: String,
    },
    /// The answer is larger than is read.
    #[error("the answer of {url} is larger than {limit_bytes} bytes")]
    TooLarge {
        /// What was asked.
        url: String,
        /// How much is read at most.
        limit_bytes: usize,
    },
}

/// Something that answers GET requests as a Flink JobManager does.
pub trait Rest: Send + Sync {
    /// The answer to one request; `path_and_query` begins with a slash. An HTTP error status is an answer, not an error.
    fn get(&self, path_and_query: &str) -> impl Future<Output = Result<Answer, RestError>> + Send;

    /// The same answer in pieces, as they come; what carries only whole answers gives one piece.
    fn stream(
        &self,
        path_and_query: &str,
    ) -> impl Future<Output = Result<Pieces<'_>, RestError>> + Send {
        async {
            let Answer { status, body } = self.get(path_and_query).await?;
            let body = futures::stream::iter([Ok(body)]).boxed();
            Ok(Pieces { status, body })
        }
    }

    /// Where it is, for messages; never with credentials.
    fn endpoint(&self) -> String;
}

impl<R: Rest> Rest for &R {
    fn get(&self, path_and_query: &str) -> impl Future<Output = Result<Answer, RestError>> + Send {
        (**self).get(path_and_query)
    }

    fn stream(
        &self,
        path_and_query: &str,
    ) -> impl Future<Output = Result<Pieces<'_>, RestError>> + Send {
        (**self).stream(path_and_query)
    }

    fn endpoint(&self) -> String {
        (**self).endpoint()
    }
}
