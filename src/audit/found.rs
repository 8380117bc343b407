//! What an audit reads, and a change as it is found.

use super::change::ChangeRecord;
use crate::record::{Commit, LedgerEntry};

/// What an audit reads.
#[derive(Debug, Clone, Copy)]
pub struct Sources<'a> {
    /// The base branch's commits that touched manifests or evidence, oldest first.
    pub commits: &'a [Commit],
    /// The ledger, by time.
    pub ledger: &'a [LedgerEntry],
    /// Now, Unix milliseconds.
    pub now_ms: i64,
}

/// A change with its place in history: index of its commit, then ours before those by hand.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) position: (usize, usize),
    pub(super) record: ChangeRecord,
}
