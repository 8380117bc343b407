//! Where pull requests live.

use crate::record::HeldNote;
use crate::render::Proposal;
use std::future::Future;

/// Why the forge could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("forge {place}: {reason}")]
pub struct ForgeError {
    /// Its folder or URL.
    pub place: String,
    /// What happened and what to do.
    pub reason: String,
}

/// What became of a pull request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PullRequestState {
    /// Open.
    Open,
    /// Merged.
    Merged,
    /// Closed without merging.
    Closed,
}

/// A pull request of ours as the forge shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullRequest {
    /// Number or file name.
    pub id: String,
    /// Where a person finds it.
    pub url: String,
    /// Its branch.
    pub branch: String,
    /// Title.
    pub title: String,
    /// Body: its state block is checked, never trusted.
    pub body: String,
    /// State.
    pub state: PullRequestState,
    /// Labels.
    pub labels: Vec<String>,
    /// When it was opened, Unix milliseconds.
    pub opened_at_ms: i64,
    /// When it was merged or closed, Unix milliseconds.
    pub ended_at_ms: Option<i64>,
    /// Who merged it, if merged and known.
    pub merged_by: Option<String>,
    /// Whether its branch holds commits that are not ours: hands off then.
    pub has_foreign_commits: bool,
}

/// What proposing did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// A new pull request.
    Opened(PullRequest),
    /// The same one with new findings.
    Updated(PullRequest),
    /// Nothing: the same findings stand there already.
    Unchanged(PullRequest),
    /// Nothing, for a reason that is said: a person's commit on the branch, a closed one with the same findings, …
    LeftAlone {
        /// A stable code.
        reason: String,
        /// One sentence.
        message: String,
    },
}

/// A forge. Proposing is idempotent: the same proposal twice writes once.
pub trait Forge: Send + Sync {
    /// Its name: `github`, `local`, `patch`, `dir`.
    fn name(&self) -> &'static str;

    /// All pull requests of ours, open or not, newest first.
    fn pull_requests(&self) -> impl Future<Output = Result<Vec<PullRequest>, ForgeError>> + Send;

    /// Opens, updates, or leaves alone.
    fn propose(
        &self,
        proposal: &Proposal,
        now_ms: i64,
    ) -> impl Future<Output = Result<Written, ForgeError>> + Send;

    /// Closes an open one with a comment that says why.
    fn close(
        &self,
        pull_request: &PullRequest,
        why: &str,
        now_ms: i64,
    ) -> impl Future<Output = Result<(), ForgeError>> + Send;

    /// Says on top of an open one that it is not to be merged now, as a draft where the forge has them. Without a note it takes that back.
    fn hold(
        &self,
        pull_request: &PullRequest,
        note: Option<&HeldNote>,
        now_ms: i64,
    ) -> impl Future<Output = Result<(), ForgeError>> + Send;

    /// Adds a comment to one, once: not when the same words stand there already.
    fn comment(
        &self,
        pull_request: &PullRequest,
        text: &str,
        now_ms: i64,
    ) -> impl Future<Output = Result<(), ForgeError>> + Send;
}
