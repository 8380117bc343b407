//! What became of a proposal.

use crate::ports::{ForgeError, PullRequest, Written};
use serde::{Serialize, Serializer};

/// What was done about a change that was to be proposed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// A new pull request.
    Opened,
    /// The same pull request with new findings.
    Updated,
    /// Nothing: the same findings are proposed already.
    Unchanged,
    /// Nothing, for a reason that is given.
    LeftAlone,
    /// Closed, since the plan means it no longer.
    Closed,
    /// It says on top that it is not to be merged now.
    Held,
    /// It no longer says that it is not to be merged now.
    Released,
    /// Carried out by a plug-in.
    Realized,
    /// It could not be done.
    Failed,
}

impl Done {
    /// `opened`, `updated`, `unchanged`, `left-alone`, `closed`, `held`, `released`, `realized` or `failed`.
    pub fn as_str(self) -> &'static str {
        match self {
            Done::Opened => "opened",
            Done::Updated => "updated",
            Done::Unchanged => "unchanged",
            Done::LeftAlone => "left-alone",
            Done::Closed => "closed",
            Done::Held => "held",
            Done::Released => "released",
            Done::Realized => "realized",
            Done::Failed => "failed",
        }
    }

    /// Whether a forge was written to.
    pub fn has_written(self) -> bool {
        matches!(self, Done::Opened | Done::Updated)
    }
}

impl Serialize for Done {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// What became of one proposal.
#[derive(Debug, Clone, Serialize)]
pub struct Proposed {
    /// Which job.
    pub job: String,
    /// What was done.
    pub done: Done,
    /// The pull request, or the reason.
    pub what: String,
    /// Where a person finds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Its title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
}

impl Proposed {
    /// What was done, without a pull request to show.
    pub fn new(job: &str, done: Done, what: impl Into<String>) -> Proposed {
        Proposed {
            job: job.to_string(),
            done,
            what: what.into(),
            url: None,
            title: None,
        }
    }

    /// A proposal that was not made.
    pub fn failed(job: &str, why: impl Into<String>) -> Proposed {
        Proposed::new(job, Done::Failed, why)
    }

    /// What a forge did.
    pub fn written(job: &str, result: Result<Written, ForgeError>) -> Proposed {
        let with = |done, pull_request: PullRequest| Proposed {
            url: Some(pull_request.url),
            title: Some(pull_request.title),
            ..Proposed::new(job, done, pull_request.id)
        };
        match result {
            Ok(Written::Opened(pull_request)) => with(Done::Opened, pull_request),
            Ok(Written::Updated(pull_request)) => with(Done::Updated, pull_request),
            Ok(Written::Unchanged(pull_request)) => with(Done::Unchanged, pull_request),
            Ok(Written::LeftAlone { reason, message }) => {
                Proposed::new(job, Done::LeftAlone, format!("{reason}: {message}"))
            }
            Err(error) => Proposed::failed(job, error.to_string()),
        }
    }

    /// Why it failed, with the job's name; absent when it did not.
    pub fn problem(&self) -> Option<String> {
        (self.done == Done::Failed).then(|| format!("{}: {}", self.job, self.what))
    }
}
