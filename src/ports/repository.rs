//! The repository that holds the manifests, read from the object database.

use std::collections::BTreeMap;

/// Why the repository could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("repository {place}: {reason}")]
pub struct RepositoryError {
    /// Its folder or URL.
    pub place: String,
    /// What happened and what to do.
    pub reason: String,
}

/// A commit on the base branch that touched `.plimsoll/evidence/` or a manifest.
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

/// A repository of manifests. Synchronous: it works on a local object database.
pub trait Repository {
    /// Id of the base branch's head (for the forge `dir`: a digest of the tree).
    fn head(&self) -> Result<String, RepositoryError>;

    /// The base branch's YAML and JSON files and everything below `.plimsoll/`: path → bytes. Symbolic links that leave the tree,
    /// submodules and files above a size limit are left out and named.
    fn tree(&self) -> Result<BTreeMap<String, Vec<u8>>, RepositoryError>;

    /// Commits of the base branch's first-parent line since a time that touched `.plimsoll/` or a YAML or JSON file, oldest first.
    fn commits_since(&self, since_ms: i64) -> Result<Vec<Commit>, RepositoryError>;

    /// The ledger: path → bytes.
    fn ledger(&self) -> Result<BTreeMap<String, Vec<u8>>, RepositoryError>;

    /// Appends files to the ledger, in one commit; a file that is already there is left as it is.
    fn append_ledger(
        &self,
        files: &BTreeMap<String, Vec<u8>>,
        message: &str,
        at_ms: i64,
    ) -> Result<(), RepositoryError>;
}
