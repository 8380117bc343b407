//! Opening a git repository, and what it says as a [`Repository`].

use super::branches::CommitOutcome;
use super::read::{self, Tree};
use crate::ports::{Commit, Repository, RepositoryError};
use crate::record::LEDGER_BRANCH;
use git2::{ErrorCode, Oid, RepositoryOpenFlags};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// How often an append to the ledger is tried again when somebody else appended meanwhile.
const LEDGER_TRIES: u32 = 8;

/// A local git repository, bare or not. Manifests are read from the object database, so that what is not committed does not count;
/// commits are objects and refs, so that working tree and index are never touched. Opened anew for each operation: it always sees
/// what others wrote, and may be shared by threads.
#[derive(Debug, Clone)]
pub struct GitRepository {
    pub(super) place: PathBuf,
    /// The base branch's name, short.
    pub(super) base: String,
}

impl GitRepository {
    /// Opens the repository at exactly this folder. Its base branch is the one named, or the one that `origin/HEAD` or, without
    /// that, `HEAD` points to.
    ///
    /// # Errors
    /// When there is no repository, it belongs to another user, or its base branch can't be told or has no commit.
    pub fn open(place: &Path, base: Option<&str>) -> Result<GitRepository, RepositoryError> {
        let flags = RepositoryOpenFlags::NO_SEARCH;
        let git = git2::Repository::open_ext(place, flags, [] as [&OsStr; 0])
            .map_err(|error| opening(place, &error))?;
        GitRepository::with(&git, place.to_path_buf(), base)
    }

    /// Opens the repository that this folder lies in, looking upwards.
    ///
    /// # Errors
    /// As [`GitRepository::open`].
    pub fn discover(folder: &Path, base: Option<&str>) -> Result<GitRepository, RepositoryError> {
        let git = git2::Repository::discover(folder).map_err(|error| opening(folder, &error))?;
        let place = git.workdir().unwrap_or_else(|| git.path()).to_path_buf();
        GitRepository::with(&git, place, base)
    }

    fn with(
        git: &git2::Repository,
        place: PathBuf,
        base: Option<&str>,
    ) -> Result<GitRepository, RepositoryError> {
        let base = match base {
            Some(base) => base.to_string(),
            None => default_branch(git).ok_or_else(|| RepositoryError {
                place: place.display().to_string(),
                reason: "its base branch is not known: HEAD points to no branch (as in the checkout of a pull request); name it as `repository.base` in the configuration".into(),
            })?,
        };
        let repository = GitRepository { place, base };
        repository.head_oid(git)?;
        Ok(repository)
    }

    /// The base branch's short name.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Its folder.
    pub fn place(&self) -> &Path {
        &self.place
    }

    pub(super) fn git(&self) -> Result<git2::Repository, RepositoryError> {
        let flags = RepositoryOpenFlags::NO_SEARCH;
        git2::Repository::open_ext(&self.place, flags, [] as [&OsStr; 0])
            .map_err(|error| opening(&self.place, &error))
    }

    /// The base branch's head: the local branch, or what was last fetched of `origin`'s, or what is checked out without a branch.
    pub(super) fn head_oid(&self, git: &git2::Repository) -> Result<Oid, RepositoryError> {
        let names = [
            format!("refs/heads/{}", self.base),
            format!("refs/remotes/origin/{}", self.base),
        ];
        for name in &names {
            match git.refname_to_id(name) {
                Ok(id) => return Ok(id),
                Err(error) if error.code() == ErrorCode::NotFound => {}
                Err(error) => return Err(self.failed("reading its base branch", &error)),
            }
        }
        // A clone of a CI system may hold no branch at all, only the commit that it checked out.
        if git.head_detached().unwrap_or(false)
            && let Ok(id) = git.refname_to_id("HEAD")
        {
            return Ok(id);
        }
        Err(self.refused(format!(
            "it has no branch `{}` with a commit; commit the manifests there, or name another base branch in the configuration",
            self.base
        )))
    }

    pub(super) fn failed(&self, what: &str, error: &git2::Error) -> RepositoryError {
        self.refused(format!("{what} failed: {}", error.message()))
    }

    pub(super) fn refused(&self, reason: String) -> RepositoryError {
        RepositoryError {
            place: self.place.display().to_string(),
            reason,
        }
    }

    fn base_tree(&self) -> Result<Tree, RepositoryError> {
        let git = self.git()?;
        let head = self.head_oid(&git)?;
        read::tree(&git, head)
            .map_err(|error| self.failed("reading the base branch's tree", &error))
    }
}

impl Repository for GitRepository {
    fn head(&self) -> Result<String, RepositoryError> {
        let git = self.git()?;
        Ok(self.head_oid(&git)?.to_string())
    }

    fn tree(&self) -> Result<BTreeMap<String, Vec<u8>>, RepositoryError> {
        Ok(self.base_tree()?.files)
    }

    fn left_out(&self) -> Result<BTreeMap<String, String>, RepositoryError> {
        Ok(self.base_tree()?.left_out)
    }

    fn commits_since(&self, since_ms: i64) -> Result<Vec<Commit>, RepositoryError> {
        let git = self.git()?;
        let head = self.head_oid(&git)?;
        read::commits(&git, head, since_ms)
            .map_err(|error| self.failed("reading the base branch's history", &error))
    }

    fn shortcomings(&self) -> Result<Vec<String>, RepositoryError> {
        let shallow = self.is_shallow()?;
        Ok(shallow
            .then(|| {
                format!(
                    "the clone at {} is shallow: changes merged before its first commit are not seen, nor watched; fetch all of history (`git fetch --unshallow`, or `fetch-depth: 0` for the checkout of a workflow)",
                    self.place.display()
                )
            })
            .into_iter()
            .collect())
    }

    fn ledger(&self) -> Result<BTreeMap<String, Vec<u8>>, RepositoryError> {
        let git = self.git()?;
        let reading = |error: git2::Error| self.failed("reading the ledger", &error);
        match git.refname_to_id(&format!("refs/heads/{LEDGER_BRANCH}")) {
            Ok(head) => read::all_files(&git, head).map_err(reading),
            Err(error) if error.code() == ErrorCode::NotFound => Ok(BTreeMap::new()),
            Err(error) => Err(reading(error)),
        }
    }

    fn recover(&self) -> Result<(), RepositoryError> {
        self.remove_left_locks()
    }

    fn append_ledger(
        &self,
        files: &BTreeMap<String, Vec<u8>>,
        message: &str,
        at_ms: i64,
    ) -> Result<(), RepositoryError> {
        for _ in 0..LEDGER_TRIES {
            match self.append_once(files, message, at_ms)? {
                CommitOutcome::Moved => {}
                CommitOutcome::Written(_) | CommitOutcome::Unchanged(_) => return Ok(()),
            }
        }
        Err(self.refused(format!(
            "its branch `{LEDGER_BRANCH}` moved {LEDGER_TRIES} times while it was appended to; run again"
        )))
    }
}

/// The branch that `origin/HEAD` or `HEAD` points to, whether or not it has a commit.
fn default_branch(git: &git2::Repository) -> Option<String> {
    let target = |name: &str| {
        let reference = git.find_reference(name).ok()?;
        reference
            .symbolic_target()
            .ok()
            .flatten()
            .map(str::to_string)
    };
    target("refs/remotes/origin/HEAD")
        .and_then(|name| {
            name.strip_prefix("refs/remotes/origin/")
                .map(str::to_string)
        })
        .or_else(|| {
            target("HEAD")?
                .strip_prefix("refs/heads/")
                .map(str::to_string)
        })
        .or_else(|| only_remote_branch(git))
}

/// The one branch that was fetched from `origin`, ours not counted, or the one with a usual name: for a detached HEAD.
fn only_remote_branch(git: &git2::Repository) -> Option<String> {
    let references = git.references_glob("refs/remotes/origin/*").ok()?;
    let names: Vec<String> = references
        .filter_map(|reference| {
            let reference = reference.ok()?;
            let name = reference.name().ok()?;
            Some(name.strip_prefix("refs/remotes/origin/")?.to_string())
        })
        .filter(|name| name != "HEAD" && !name.starts_with("plimsoll"))
        .collect();
    match &names[..] {
        [only] => Some(only.clone()),
        _ => ["main", "master"]
            .into_iter()
            .find(|usual| names.iter().any(|name| name == usual))
            .map(str::to_string),
    }
}

fn opening(place: &Path, error: &git2::Error) -> RepositoryError {
    let reason = match error.code() {
        ErrorCode::NotFound => {
            "there is no git repository; name one, or use the forge `dir` for a plain folder"
                .to_string()
        }
        ErrorCode::Owner => format!(
            "it belongs to another user; `git config --global --add safe.directory {}` allows it",
            place.display()
        ),
        _ => format!("it can't be opened: {}", error.message()),
    };
    RepositoryError {
        place: place.display().to_string(),
        reason,
    }
}
