//! What git's history shows of a manifest repository.

use std::collections::BTreeMap;

/// The name that Plimsoll commits under.
pub const AUTHOR_NAME: &str = "plimsoll";

/// The address that Plimsoll commits under; nobody reads mail there.
pub const AUTHOR_EMAIL: &str = "plimsoll@users.noreply.plimsoll.dev";

/// A commit on the base branch that touched `.plimsoll/` or a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Its id, 40 hexadecimal digits.
    pub id: String,
    /// First parent, if any.
    pub parent: Option<String>,
    /// Author's name. Foreign text.
    pub author: String,
    /// Committer's name: who merged, where the forge says nothing better.
    pub committer: String,
    /// When it was committed, Unix milliseconds.
    pub at_ms: i64,
    /// The whole message.
    pub message: String,
    /// Files that it changed against its first parent (merge commits too), by path.
    pub files: BTreeMap<String, FileChange>,
}

/// A file before and after a commit; absent where it did not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChange {
    /// Its bytes before.
    pub before: Option<Vec<u8>>,
    /// Its bytes after.
    pub after: Option<Vec<u8>>,
}
