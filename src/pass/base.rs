//! The base branch, read and parsed once.

use super::error::PassError;
use crate::manifest::{Catalog, Tree};
use crate::ports::Repository;
use crate::record::{Evidence, evidence_path};

/// The base branch as it was read.
#[derive(Debug, Clone)]
pub struct Base {
    /// Its head.
    pub head: String,
    /// Its files.
    pub tree: Tree,
}

impl Base {
    /// Reads it.
    ///
    /// # Errors
    /// When the repository can't be read.
    pub fn read(repository: &impl Repository) -> Result<Base, PassError> {
        Ok(Base {
            head: repository.head()?,
            tree: repository.tree()?,
        })
    }

    /// The base as it is by now, where it has moved on; absent where it is the same.
    ///
    /// # Errors
    /// When the repository can't be read.
    pub fn newer(&self, repository: &impl Repository) -> Result<Option<Base>, PassError> {
        if repository.head()? == self.head {
            return Ok(None);
        }
        Base::read(repository).map(Some)
    }

    /// The evidence of a change.
    ///
    /// # Errors
    /// One sentence when its file is gone or can't be read.
    pub fn evidence(&self, digest: &str) -> Result<Evidence, String> {
        let path = evidence_path(digest);
        let bytes = self.tree.get(&path).ok_or_else(|| {
            format!(
                "{path} is gone from the base branch: its change can't be watched; restore the file"
            )
        })?;
        Evidence::from_file(&path, bytes).map_err(|error| error.to_string())
    }
}

/// A base with its manifests parsed.
#[derive(Debug, Clone)]
pub struct Manifests<'a> {
    /// The base.
    pub base: &'a Base,
    /// Its manifests.
    pub catalog: Catalog<'a>,
}

impl Manifests<'_> {
    /// What work on the base as it is by now comes to: on these manifests, where it has not moved on.
    pub(super) fn newest<T>(
        &self,
        repository: &impl Repository,
        work: impl FnOnce(&Manifests<'_>) -> T,
    ) -> Result<T, PassError> {
        Ok(match self.base.newer(repository)? {
            Some(base) => work(&Manifests::parse(&base)),
            None => work(self),
        })
    }
}

impl<'a> Manifests<'a> {
    /// Parses them.
    pub fn parse(base: &'a Base) -> Manifests<'a> {
        Manifests {
            base,
            catalog: Catalog::read(&base.tree),
        }
    }
}
