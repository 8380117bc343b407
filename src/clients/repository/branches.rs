//! Commits on branches: objects and refs only, each a child of the head that was seen, never forced.

use super::git::GitRepository;
use super::paths::{refuse_change, refuse_path};
use crate::ports::RepositoryError;
use crate::record::{
    AUTHOR_EMAIL, AUTHOR_NAME, ChangeBranch, EVIDENCE_FOLDER, LEDGER_BRANCH, OwnBranch,
    evidence_digest,
};
use git2::build::TreeUpdateBuilder;
use git2::{ErrorCode, FileMode, ObjectType, Oid, Signature, Time};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What became of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommitOutcome {
    /// Written: the branch's new head.
    Written(String),
    /// The branch holds exactly this already: its head.
    Unchanged(String),
    /// The branch is no longer where it was seen; nothing was written.
    Moved,
}

/// How a branch stands to the base branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Its head is part of the base.
    Merged,
    /// It holds all of the base, and more.
    Ahead,
    /// Each holds what the other lacks.
    Apart,
}

/// The parents of a new commit on a branch, given its head if it is there. The new tree is always the base's with an edit: so a branch
/// that is merged starts again from the base, and one that stands apart is joined with it; no commit of a person is lost.
pub fn parents<T>(base: T, head: Option<(T, Standing)>) -> Vec<T> {
    match head {
        None | Some((_, Standing::Merged)) => vec![base],
        Some((head, Standing::Ahead)) => vec![head],
        Some((head, Standing::Apart)) => vec![head, base],
    }
}

/// The commit that brought evidence to the base branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvidenceCommit {
    /// The commit's id.
    pub commit: String,
    /// When it was committed, Unix milliseconds.
    pub at_ms: i64,
    /// Who committed it; absent when Plimsoll's own commit stands in the base branch (fast-forward, rebase).
    pub by: Option<String>,
}

/// How a branch gets into the base branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MergeStyle {
    /// A merge commit.
    Merge,
    /// One new commit.
    Squash,
}

impl GitRepository {
    /// The head of a branch, if it is there.
    ///
    /// # Errors
    /// When the refs can't be read.
    pub fn branch_head(&self, branch: &str) -> Result<Option<String>, RepositoryError> {
        let git = self.git()?;
        Ok(self.branch_oid(&git, branch)?.map(|id| id.to_string()))
    }

    /// Commits files on a branch that was seen at `seen` (absent: the branch was not there). The new tree is the base branch's with
    /// these files, so that the difference to the base is exactly them. The parent is the branch's head; where the base
    /// went on without it, a merge commit joins both; a branch that is merged already starts again from the base.
    ///
    /// # Errors
    /// When a path may not be written, the branch is checked out, or the object database or refs can't be written.
    pub fn commit_on_branch(
        &self,
        branch: &ChangeBranch,
        seen: Option<&str>,
        files: &BTreeMap<String, Vec<u8>>,
        message: &str,
        at_ms: i64,
    ) -> Result<CommitOutcome, RepositoryError> {
        if let Some(reason) = refuse_change(files) {
            return Err(self.refused(reason));
        }
        let git = self.git()?;
        let writing =
            |error: git2::Error| self.failed(&format!("committing on `{branch}`"), &error);
        let head = self.branch_oid(&git, branch)?;
        if head.map(|id| id.to_string()).as_deref() != seen {
            return Ok(CommitOutcome::Moved);
        }
        self.refuse_checked_out(&git, branch)?;
        let base = self.head_oid(&git)?;
        let base_tree = git
            .find_commit(base)
            .and_then(|commit| commit.tree())
            .map_err(writing)?;
        let tree = self.tree_with(&git, &base_tree, files)?;
        let seen = match head {
            None => None,
            Some(head) => {
                let merged =
                    head == base || git.graph_descendant_of(base, head).map_err(writing)?;
                let current = git.graph_descendant_of(head, base).map_err(writing)?;
                let standing = match (merged, current) {
                    (true, _) => Standing::Merged,
                    (false, true) => Standing::Ahead,
                    (false, false) => Standing::Apart,
                };
                let same = git.find_commit(head).map_err(writing)?.tree_id() == tree;
                if same && standing == Standing::Ahead {
                    return Ok(CommitOutcome::Unchanged(head.to_string()));
                }
                Some((head, standing))
            }
        };
        let parents = parents(base, seen);
        let id = commit(&git, tree, &parents, message, at_ms, None).map_err(writing)?;
        self.move_own(&git, OwnBranch::Change(branch), head, id, Some(base))
    }

    /// Whether a branch holds commits that somebody else made or touched, and that are neither in the base nor in the history
    /// of `known`, the head that the branch had when its pull request was opened.
    ///
    /// # Errors
    /// When history can't be read.
    pub fn has_foreign_commits(
        &self,
        branch: &str,
        known: Option<&str>,
    ) -> Result<bool, RepositoryError> {
        let git = self.git()?;
        let reading = |error: git2::Error| self.failed(&format!("reading `{branch}`"), &error);
        let Some(head) = self.branch_oid(&git, branch)? else {
            return Ok(false);
        };
        let mut walk = git.revwalk().map_err(reading)?;
        walk.push(head).map_err(reading)?;
        walk.hide(self.head_oid(&git)?).map_err(reading)?;
        let known = known.and_then(|id| Oid::from_str(id).ok());
        if let Some(known) = known.filter(|id| git.find_commit(*id).is_ok()) {
            walk.hide(known).map_err(reading)?;
        }
        for id in walk {
            let commit = id.and_then(|id| git.find_commit(id)).map_err(reading)?;
            let ours = commit.author().email_bytes() == AUTHOR_EMAIL.as_bytes()
                && commit.committer().email_bytes() == AUTHOR_EMAIL.as_bytes();
            if !ours {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether a commit is part of the base branch. An id that is none, or of no commit here, is not.
    ///
    /// # Errors
    /// When history can't be read.
    pub fn is_in_base(&self, commit: &str) -> Result<bool, RepositoryError> {
        let git = self.git()?;
        let base = self.head_oid(&git)?;
        let Some(id) = Oid::from_str(commit)
            .ok()
            .filter(|id| git.find_commit(*id).is_ok())
        else {
            return Ok(false);
        };
        if id == base {
            return Ok(true);
        }
        git.graph_descendant_of(base, id)
            .map_err(|error| self.failed("reading the base branch's history", &error))
    }

    /// Whether merging a branch into the base would conflict.
    ///
    /// # Errors
    /// When history can't be read.
    pub fn conflicts(&self, branch: &str) -> Result<bool, RepositoryError> {
        let git = self.git()?;
        let reading =
            |error: git2::Error| self.failed(&format!("merging `{branch}` in memory"), &error);
        let Some(head) = self.branch_oid(&git, branch)? else {
            return Ok(false);
        };
        let base = self.head_oid(&git)?;
        let (ours, theirs) = (
            git.find_commit(base).map_err(reading)?,
            git.find_commit(head).map_err(reading)?,
        );
        let index = git.merge_commits(&ours, &theirs, None).map_err(reading)?;
        Ok(index.has_conflicts())
    }

    /// Evidence by digest, with the first-parent commit of the base branch that brought it. Evidence that came and went again
    /// before it was merged (updates of a pull request that was fast-forwarded) is in it too.
    ///
    /// # Errors
    /// When history can't be read.
    pub fn evidence_commits(&self) -> Result<BTreeMap<String, EvidenceCommit>, RepositoryError> {
        let git = self.git()?;
        let head = self.head_oid(&git)?;
        evidence_commits(&git, head)
            .map_err(|error| self.failed("reading the base branch's history", &error))
    }

    /// Merges a branch into the base branch: what a person does elsewhere, for demonstrations and tests.
    ///
    /// # Errors
    /// When the branch is not there, conflicts, or the base branch is checked out.
    pub fn merge(
        &self,
        branch: &str,
        style: MergeStyle,
        by: &str,
        message: &str,
        at_ms: i64,
    ) -> Result<CommitOutcome, RepositoryError> {
        let git = self.git()?;
        let writing = |error: git2::Error| self.failed(&format!("merging `{branch}`"), &error);
        let Some(head) = self.branch_oid(&git, branch)? else {
            return Err(self.refused(format!("there is no branch `{branch}` to merge")));
        };
        self.refuse_checked_out(&git, &self.base)?;
        let base = self.head_oid(&git)?;
        let (ours, theirs) = (
            git.find_commit(base).map_err(writing)?,
            git.find_commit(head).map_err(writing)?,
        );
        let mut index = git.merge_commits(&ours, &theirs, None).map_err(writing)?;
        if index.has_conflicts() {
            return Err(self.refused(format!("`{branch}` conflicts with `{}`", self.base)));
        }
        let tree = index.write_tree_to(&git).map_err(writing)?;
        let parents = match style {
            MergeStyle::Merge => vec![base, head],
            MergeStyle::Squash => vec![base],
        };
        let id = commit(&git, tree, &parents, message, at_ms, Some(by)).map_err(writing)?;
        move_base(&git, &self.base, base, id).map_err(writing)
    }

    pub(super) fn append_once(
        &self,
        files: &BTreeMap<String, Vec<u8>>,
        message: &str,
        at_ms: i64,
    ) -> Result<CommitOutcome, RepositoryError> {
        let git = self.git()?;
        let writing = |error: git2::Error| self.failed("appending to the ledger", &error);
        self.refuse_checked_out(&git, LEDGER_BRANCH)?;
        let head = self.branch_oid(&git, LEDGER_BRANCH)?;
        let present = match head {
            Some(head) => git
                .find_commit(head)
                .and_then(|commit| commit.tree())
                .map_err(writing)?,
            None => {
                let empty = git.treebuilder(None).and_then(|builder| builder.write());
                empty.and_then(|id| git.find_tree(id)).map_err(writing)?
            }
        };
        let missing: BTreeMap<String, Vec<u8>> = files
            .iter()
            .filter(|(path, _)| present.get_path(Path::new(path)).is_err())
            .map(|(path, bytes)| (path.clone(), bytes.clone()))
            .collect();
        if missing.is_empty() {
            let head = head.map(|id| id.to_string()).unwrap_or_default();
            return Ok(CommitOutcome::Unchanged(head));
        }
        let tree = self.tree_with(&git, &present, &missing)?;
        let parents: Vec<Oid> = head.into_iter().collect();
        let id = commit(&git, tree, &parents, message, at_ms, None).map_err(writing)?;
        self.move_own(&git, OwnBranch::Ledger, head, id, head)
    }

    fn branch_oid(
        &self,
        git: &git2::Repository,
        branch: &str,
    ) -> Result<Option<Oid>, RepositoryError> {
        match git.refname_to_id(&format!("refs/heads/{branch}")) {
            Ok(id) => Ok(Some(id)),
            Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
            Err(error) => Err(self.failed(&format!("reading `{branch}`"), &error)),
        }
    }

    /// A branch that somebody has checked out would look edited under their hands.
    fn refuse_checked_out(
        &self,
        git: &git2::Repository,
        branch: &str,
    ) -> Result<(), RepositoryError> {
        let name = format!("refs/heads/{branch}");
        let here = git.find_reference("HEAD").ok();
        let here = here
            .as_ref()
            .and_then(|head| head.symbolic_target().ok().flatten());
        if !git.is_bare() && here == Some(name.as_str()) {
            return Err(self.refused(format!(
                "its branch `{branch}` is checked out; switch to another one, then run again"
            )));
        }
        Ok(())
    }

    /// A tree with these files on top. Links and submodules on the way are refused: what is written must be where it says.
    fn tree_with(
        &self,
        git: &git2::Repository,
        tree: &git2::Tree<'_>,
        files: &BTreeMap<String, Vec<u8>>,
    ) -> Result<Oid, RepositoryError> {
        let writing = |error: git2::Error| self.failed("writing a tree", &error);
        let mut update = TreeUpdateBuilder::new();
        for (path, bytes) in files {
            if let Some(reason) = refuse_path(path) {
                return Err(self.refused(reason));
            }
            let mode = self.mode_for(tree, path)?;
            let blob = git.blob(bytes).map_err(writing)?;
            update.upsert(path.as_str(), blob, mode);
        }
        update.create_updated(git, tree).map_err(writing)
    }

    /// The mode that a file is written with: its own, or a plain file's.
    fn mode_for(&self, tree: &git2::Tree<'_>, path: &str) -> Result<FileMode, RepositoryError> {
        let mut mode = FileMode::Blob;
        let ends = path
            .match_indices('/')
            .map(|(at, _)| at)
            .chain([path.len()]);
        for end in ends {
            let Ok(entry) = tree.get_path(Path::new(&path[..end])) else {
                return Ok(FileMode::Blob);
            };
            let part = &path[..end];
            match (entry.filemode(), end == path.len()) {
                (0o040000, false) | (0o100644 | 0o100664, true) => {}
                (0o100755, true) => mode = FileMode::BlobExecutable,
                (0o120000, _) => {
                    return Err(self.refused(format!(
                        "`{part}` is a symbolic link; `{path}` is not written"
                    )));
                }
                (0o160000, _) => {
                    return Err(
                        self.refused(format!("`{part}` is a submodule; `{path}` is not written"))
                    );
                }
                (0o040000, true) => return Err(self.refused(format!("`{path}` is a folder"))),
                _ => {
                    return Err(
                        self.refused(format!("`{part}` is a file; `{path}` can't lie below it"))
                    );
                }
            }
        }
        Ok(mode)
    }
}

/// Writes a commit object. Author and committer are Plimsoll, or a person who is named for demonstrations and tests.
fn commit(
    git: &git2::Repository,
    tree: Oid,
    parents: &[Oid],
    message: &str,
    at_ms: i64,
    by: Option<&str>,
) -> Result<Oid, git2::Error> {
    let time = Time::new(at_ms.div_euclid(1000), 0);
    let signature = match by {
        None => Signature::new(AUTHOR_NAME, AUTHOR_EMAIL, &time)?,
        Some(name) => Signature::new(name, "person@users.noreply.plimsoll.dev", &time)?,
    };
    let parents = parents
        .iter()
        .map(|id| git.find_commit(*id))
        .collect::<Result<Vec<_>, _>>()?;
    let parents: Vec<&git2::Commit<'_>> = parents.iter().collect();
    let tree = git.find_tree(tree)?;
    git.commit(None, &signature, &signature, message, &tree, &parents)
}

/// Moves the base branch as a person's merge does.
fn move_base(
    git: &git2::Repository,
    base: &str,
    from: Oid,
    to: Oid,
) -> Result<CommitOutcome, git2::Error> {
    let name = format!("refs/heads/{base}");
    match git.reference_matching(&name, to, true, from, "merge") {
        Ok(_) => Ok(CommitOutcome::Written(to.to_string())),
        Err(error) if error.code() == ErrorCode::Modified => Ok(CommitOutcome::Moved),
        Err(error) => Err(error),
    }
}

fn evidence_commits(
    git: &git2::Repository,
    head: Oid,
) -> Result<BTreeMap<String, EvidenceCommit>, git2::Error> {
    let mut found = BTreeMap::new();
    let mut next = Some(git.find_commit(head)?);
    while let Some(commit) = next {
        let parent = commit.parent(0).ok();
        let here = evidence_folder(&commit)?;
        let before = match &parent {
            Some(parent) => evidence_folder(parent)?,
            None => None,
        };
        if here != before {
            let before = digests(git, before)?;
            let ours = commit.committer().email_bytes() == AUTHOR_EMAIL.as_bytes();
            let by = String::from_utf8_lossy(commit.committer().name_bytes()).into_owned();
            for digest in digests(git, here)?.difference(&before) {
                let brought = EvidenceCommit {
                    commit: commit.id().to_string(),
                    at_ms: commit.time().seconds().saturating_mul(1000),
                    by: (!ours).then(|| by.clone()),
                };
                // Walking back: the earliest commit that brought it comes last and stands.
                found.insert(digest.clone(), brought);
            }
        }
        next = parent;
    }
    Ok(found)
}

/// The folder of evidence in a commit's tree, if there is one.
fn evidence_folder(commit: &git2::Commit<'_>) -> Result<Option<Oid>, git2::Error> {
    let tree = commit.tree()?;
    Ok(tree
        .get_path(Path::new(EVIDENCE_FOLDER))
        .ok()
        .filter(|entry| entry.kind() == Some(ObjectType::Tree))
        .map(|entry| entry.id()))
}

/// The digests of the evidence in a folder.
fn digests(git: &git2::Repository, folder: Option<Oid>) -> Result<BTreeSet<String>, git2::Error> {
    let Some(folder) = folder else {
        return Ok(BTreeSet::new());
    };
    Ok(git
        .find_tree(folder)?
        .iter()
        .filter_map(|entry| {
            let name = std::str::from_utf8(entry.name_bytes()).ok()?;
            evidence_digest(&format!("{EVIDENCE_FOLDER}/{name}")).map(str::to_string)
        })
        .collect())
}
