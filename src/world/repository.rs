//! The repository that manifests are read from, behind one type.

use super::{Destination, WorldError};
use crate::clients::github::GithubRepository;
use crate::clients::repository::{FolderRepository, GitRepository};
use crate::config::ForgeName;
use crate::ports::{Commit, Repository, RepositoryError};
use camino::Utf8Path;
use std::collections::BTreeMap;

/// A repository in git, or a plain folder.
pub enum AnyRepository {
    /// In git.
    Git(GitRepository),
    /// A folder without git (the forge `dir`).
    Folder(FolderRepository),
    /// A clone, with the ledger on GitHub.
    Github(Box<GithubRepository>),
}

/// The repository in git at exactly this path.
///
/// # Errors
/// When there is none, or it can't be read.
pub fn at(path: &Utf8Path, base: Option<&str>) -> Result<AnyRepository, WorldError> {
    GitRepository::open(path.as_std_path(), base)
        .map(AnyRepository::Git)
        .map_err(WorldError::outside)
}

impl Destination<'_> {
    /// The repository that the manifests are read from.
    ///
    /// # Errors
    /// When there is none, or its place on GitHub or its token is missing.
    pub fn open_repository(&self) -> Result<AnyRepository, WorldError> {
        let name = self.name();
        if name == Some(ForgeName::Dir) {
            let folder = self.path(&self.forge.dir.folder);
            return FolderRepository::open(folder.as_std_path())
                .map(AnyRepository::Folder)
                .map_err(WorldError::outside);
        }
        let clone = self.git()?;
        if name == Some(ForgeName::Github) {
            let place = self.place(&clone)?;
            let repository = GithubRepository::new(place, clone);
            return Ok(AnyRepository::Github(Box::new(repository)));
        }
        Ok(AnyRepository::Git(clone))
    }
}

/// The repository that is there, whichever it is.
macro_rules! each {
    ($any:expr, $repository:ident => $call:expr) => {
        match $any {
            AnyRepository::Git($repository) => $call,
            AnyRepository::Folder($repository) => $call,
            AnyRepository::Github($repository) => $call,
        }
    };
}

impl Repository for AnyRepository {
    fn head(&self) -> Result<String, RepositoryError> {
        each!(self, repository => repository.head())
    }

    fn tree(&self) -> Result<BTreeMap<String, Vec<u8>>, RepositoryError> {
        each!(self, repository => repository.tree())
    }

    fn left_out(&self) -> Result<BTreeMap<String, String>, RepositoryError> {
        each!(self, repository => repository.left_out())
    }

    fn commits_since(&self, since_ms: i64) -> Result<Vec<Commit>, RepositoryError> {
        each!(self, repository => repository.commits_since(since_ms))
    }

    fn ledger(&self) -> Result<BTreeMap<String, Vec<u8>>, RepositoryError> {
        each!(self, repository => repository.ledger())
    }

    fn append_ledger(
        &self,
        files: &BTreeMap<String, Vec<u8>>,
        message: &str,
        at_ms: i64,
    ) -> Result<(), RepositoryError> {
        each!(self, repository => repository.append_ledger(files, message, at_ms))
    }

    fn recover(&self) -> Result<(), RepositoryError> {
        each!(self, repository => repository.recover())
    }

    fn shortcomings(&self) -> Result<Vec<String>, RepositoryError> {
        each!(self, repository => repository.shortcomings())
    }
}
