//! What a clone knows that was not made for Plimsoll: where it came from, how much of history it holds, objects by their ids.

use super::git::GitRepository;
use super::paths::FILE_LIMIT;
use crate::ports::RepositoryError;
use git2::{ObjectType, Oid};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Whether a folder lies in a git repository, with commits or without.
pub fn is_in_git(folder: &Path) -> bool {
    git2::Repository::discover(folder).is_ok()
}

/// The URL of the remote `origin` of the repository that a folder lies in, if there is one.
pub fn origin_of(folder: &Path) -> Option<String> {
    let git = git2::Repository::discover(folder).ok()?;
    let remote = git.find_remote("origin").ok()?;
    remote.url().ok().map(str::to_string)
}

impl GitRepository {
    /// The URL of the remote `origin`, if there is one.
    pub fn origin(&self) -> Option<String> {
        let git = self.git().ok()?;
        let remote = git.find_remote("origin").ok()?;
        remote.url().ok().map(str::to_string)
    }

    /// Whether the clone holds only the end of history.
    ///
    /// # Errors
    /// When the repository can't be opened.
    pub fn is_shallow(&self) -> Result<bool, RepositoryError> {
        Ok(self.git()?.is_shallow())
    }

    /// The content of a blob, if the clone holds it and it is no larger than what is read.
    pub fn blob(&self, id: &str) -> Option<Vec<u8>> {
        let git = self.git().ok()?;
        let id = Oid::from_str(id).ok()?;
        let (size, kind) = git.odb().ok()?.read_header(id).ok()?;
        if kind != ObjectType::Blob || size > FILE_LIMIT {
            return None;
        }
        git.find_blob(id).ok().map(|blob| blob.content().to_vec())
    }

    /// The id of what stands at a path of the base branch, if anything does.
    ///
    /// # Errors
    /// When the base branch can't be read.
    pub fn entry_id(&self, path: &str) -> Result<Option<String>, RepositoryError> {
        let git = self.git()?;
        let reading = |error: git2::Error| self.failed(&format!("reading `{path}`"), &error);
        let tree = git
            .find_commit(self.head_oid(&git)?)
            .and_then(|commit| commit.tree())
            .map_err(reading)?;
        match tree.get_path(Path::new(path)) {
            Ok(entry) => Ok(Some(entry.id().to_string())),
            Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(None),
            Err(error) => Err(reading(error)),
        }
    }
}

/// The commits at which a shallow clone ends: what they changed is not known. None where the clone is whole.
pub(super) fn boundary(git: &git2::Repository) -> BTreeSet<Oid> {
    if !git.is_shallow() {
        return BTreeSet::new();
    }
    let listed = fs::read_to_string(git.commondir().join("shallow")).unwrap_or_default();
    listed
        .lines()
        .filter_map(|line| Oid::from_str(line.trim()).ok())
        .collect()
}
