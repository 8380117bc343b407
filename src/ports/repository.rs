//! The repository that holds the manifests, read from the object database.

use crate::record::Commit;
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

/// A repository of manifests. Synchronous: it works on a local object database.
pub trait Repository {
    /// Id of the base branch's head (for the forge `dir`: a digest of the tree).
    fn head(&self) -> Result<String, RepositoryError>;

    /// The base branch's YAML and JSON files, what tells how manifests are made (templates, `Kustomization`, programs that name a Flink
    /// resource), and everything below `.plimsoll/`: path → bytes. A symbolic link inside the tree is an entry of
    /// [`crate::manifest::link_to`]. Links that leave the tree, submodules and files above a size limit are left out;
    /// [`Repository::left_out`] names them.
    fn tree(&self) -> Result<BTreeMap<String, Vec<u8>>, RepositoryError>;

    /// What [`Repository::tree`] leaves out though it looks like a manifest, with the reason: path → sentence.
    fn left_out(&self) -> Result<BTreeMap<String, String>, RepositoryError>;

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

    /// Clears away what a killed run left in the way of later writes; for whoever is about to write, also where nothing is due. A run that is
    /// under way is left alone.
    fn recover(&self) -> Result<(), RepositoryError> {
        Ok(())
    }

    /// What makes its answers less than whole, one sentence each: only the end of history is there, the base branch went on elsewhere.
    fn shortcomings(&self) -> Result<Vec<String>, RepositoryError> {
        Ok(Vec::new())
    }
}
