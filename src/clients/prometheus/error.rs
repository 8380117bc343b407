//! Why a store gave no answer.

/// A failed request to the store. Addresses are shown without credentials, and no token is ever part of a message.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PrometheusError {
    /// The client cannot be set up.
    #[error("history.prometheus: {0}")]
    Setup(String),
    /// Nobody answers there.
    #[error("nobody answers at {url} ({reason})")]
    Unreachable {
        /// What was asked.
        url: String,
        /// The connection's error.
        reason: String,
    },
    /// Its certificate is not accepted.
    #[error(
        "the certificate of {url} is not accepted ({reason}): put the certificate of its authority into a file and name that in history.prometheus.tls.ca"
    )]
    Untrusted {
        /// What was asked.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// It does not accept our certificate, or wants one.
    #[error("{url} does not let us in without another certificate ({reason}): {remedy}")]
    CertificateWanted {
        /// What was asked.
        url: String,
        /// What it says.
        reason: String,
        /// Which key to set or to check.
        remedy: &'static str,
    },
    /// No answer in time.
    #[error(
        "no answer from {url} within {seconds} s: shorten history.window, or raise history.prometheus.timeout"
    )]
    TimedOut {
        /// What was asked.
        url: String,
        /// How long it waited.
        seconds: f64,
    },
    /// 401 or 403.
    #[error(
        "{url} refuses us ({status}{said}): sign in; check the token, the user and the tenant's header under history.prometheus"
    )]
    Forbidden {
        /// What was asked.
        url: String,
        /// The HTTP status.
        status: u16,
        /// The store's words, with a colon before them; may be empty.
        said: String,
    },
    /// The store is busy or fails, also after further attempts.
    #[error("{url} answers {status}{said}, also after {attempts} attempts")]
    Busy {
        /// What was asked.
        url: String,
        /// The HTTP status.
        status: u16,
        /// The store's words.
        said: String,
        /// How often it was asked.
        attempts: usize,
    },
    /// The query asks for more than the store gives at once.
    #[error("{url}: the query is beyond a limit of the store ({said})")]
    Limit {
        /// What was asked.
        url: String,
        /// The store's words.
        said: String,
    },
    /// The store does not accept the query, for another reason than its size.
    #[error("{url} answers {status}{said}")]
    Refused {
        /// What was asked.
        url: String,
        /// The HTTP status.
        status: u16,
        /// The store's words.
        said: String,
    },
    /// The answer is larger than is read.
    #[error(
        "the answer of {url} is larger than {limit_mib} MiB: lower history.prometheus.max_values or raise max_answer_mib"
    )]
    TooLarge {
        /// What was asked.
        url: String,
        /// How much is read at most.
        limit_mib: u32,
    },
    /// The answer sends the reader to somebody else, whom no token is shown.
    #[error(
        "{url} answers with a redirect that is not followed ({reason}): name the address that answers itself in history.prometheus.url"
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
        /// What was missing.
        reason: String,
    },
    /// The answer is not what Prometheus' API gives.
    #[error("{url} does not answer as a Prometheus does ({reason}): check history.prometheus.url")]
    NotPrometheus {
        /// What was asked.
        url: String,
        /// What came instead.
        reason: String,
    },
}

impl PrometheusError {
    /// Whether asking for less may help.
    pub fn asks_too_much(&self) -> bool {
        match self {
            PrometheusError::Limit { .. }
            | PrometheusError::TooLarge { .. }
            | PrometheusError::TimedOut { .. } => true,
            // A store that gave up on a long query says so with a 503 or 504.
            PrometheusError::Busy { said, .. } => {
                said.contains("timed out") || said.contains("deadline")
            }
            _ => false,
        }
    }

    /// Whether every other query will fail the same way.
    pub fn is_final(&self) -> bool {
        matches!(
            self,
            PrometheusError::Setup(_)
                | PrometheusError::Unreachable { .. }
                | PrometheusError::Untrusted { .. }
                | PrometheusError::CertificateWanted { .. }
                | PrometheusError::Forbidden { .. }
                | PrometheusError::NotPrometheus { .. }
        )
    }
}

/// Words by which stores say that a query is too large, of Prometheus, Thanos, Mimir, Cortex and VictoriaMetrics.
const LIMIT_WORDS: [&str; 10] = [
    "exceeded maximum resolution",
    "too many samples",
    "too many points",
    "too many series",
    "exceeded series limit",
    "exceeded chunks limit",
    "maximum number of series",
    "exceeded the maximum",
    "the limit",
    "query length",
];

/// Whether a refusal speaks of a limit.
pub(super) fn speaks_of_a_limit(said: &str) -> bool {
    let said = said.to_ascii_lowercase();
    LIMIT_WORDS.iter().any(|words| said.contains(words))
        || said.contains("cannot select more than")
        || said.contains("-search.max")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_of_several_stores_are_recognised() {
        let table = [
            (
                "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)",
                true,
            ),
            (
                "query processing would load too many samples into memory in query execution",
                true,
            ),
            (
                "the query exceeded the maximum number of series (limit: 100000 series) (err-mimir-max-series-per-query)",
                true,
            ),
            (
                "cannot select more than -search.maxUniqueTimeseries=300000 time series",
                true,
            ),
            ("exceeded series limit", true),
            ("parse error: unexpected character: '#'", false),
            (
                "vector cannot contain metrics with the same labelset",
                false,
            ),
        ];
        for (said, expected) in table {
            assert_eq!(speaks_of_a_limit(said), expected, "{said}");
        }
    }
}
