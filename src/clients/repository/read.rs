//! Reading trees and history from the object database.

use super::paths::{
    FILE_LIMIT, TELLING_LIMIT, is_kept, is_manifest, is_read, may_tell, refuse_content,
    stays_inside, too_large,
};
use crate::manifest::link_to;
use crate::record::{Commit, FileChange};
use git2::{DiffOptions, Error, ObjectType, Oid};
use std::collections::BTreeMap;

const SYMBOLIC_LINK: i32 = 0o120000;

/// A tree's files, and what was left out of it.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) files: BTreeMap<String, Vec<u8>>,
    pub(super) left_out: BTreeMap<String, String>,
}

/// Manifests and everything below `.plimsoll/` in a commit's tree.
pub(super) fn tree(git: &git2::Repository, commit: Oid) -> Result<Tree, Error> {
    let mut found = Tree::default();
    walk(git, &git.find_commit(commit)?.tree()?, "", &mut found)?;
    Ok(found)
}

fn walk(
    git: &git2::Repository,
    tree: &git2::Tree<'_>,
    folder: &str,
    found: &mut Tree,
) -> Result<(), Error> {
    for entry in tree.iter() {
        let name = String::from_utf8_lossy(entry.name_bytes()).into_owned();
        let path = format!("{folder}{name}");
        match entry.kind() {
            Some(ObjectType::Tree) => {
                walk(git, &git.find_tree(entry.id())?, &format!("{path}/"), found)?;
            }
            Some(ObjectType::Commit) => {
                let reason = "it is a submodule: its files belong to another repository";
                found.left_out.insert(path, reason.to_string());
            }
            Some(ObjectType::Blob) if entry.filemode() == SYMBOLIC_LINK => {
                link(git, &entry, path, found)?;
            }
            Some(ObjectType::Blob) if is_read(&path) => {
                if !is_manifest(&path) && may_tell(&path) {
                    let size = git.odb()?.read_header(entry.id())?.0;
                    let bytes = git.find_blob(entry.id())?.content().to_vec();
                    if size <= TELLING_LIMIT && is_kept(&path, &bytes) {
                        found.files.insert(path, bytes);
                    }
                    continue;
                }
                let utf8 = std::str::from_utf8(entry.name_bytes()).is_ok();
                match blob(git, entry.id(), &path, utf8)? {
                    Ok(bytes) => found.files.insert(path, bytes).map(|_| ()),
                    Err(reason) => found.left_out.insert(path, reason).map(|_| ()),
                };
            }
            _ => {}
        }
    }
    Ok(())
}

/// Notes a symbolic link: where it leads inside the tree is followed there; where it leads out it never is.
fn link(
    git: &git2::Repository,
    entry: &git2::TreeEntry<'_>,
    path: String,
    found: &mut Tree,
) -> Result<(), Error> {
    let bytes = git.find_blob(entry.id())?.content().to_vec();
    match String::from_utf8(bytes) {
        Ok(target) if stays_inside(&path, &target) => {
            found.files.insert(path, link_to(&target));
        }
        Ok(target) if is_manifest(&path) => {
            let reason = format!("it is a symbolic link to `{target}`, outside of the repository");
            found.left_out.insert(path, reason);
        }
        _ => {}
    }
    Ok(())
}

/// A file's bytes, or why it is left out.
fn blob(
    git: &git2::Repository,
    id: Oid,
    path: &str,
    utf8: bool,
) -> Result<Result<Vec<u8>, String>, Error> {
    if !utf8 {
        return Ok(Err("its name is not UTF-8".to_string()));
    }
    let size = git.odb()?.read_header(id)?.0;
    if size > FILE_LIMIT {
        return Ok(Err(too_large(size)));
    }
    let bytes = git.find_blob(id)?.content().to_vec();
    Ok(match refuse_content(path, &bytes) {
        Some(reason) => Err(reason),
        None => Ok(bytes),
    })
}

/// Every file of a commit's tree: for the ledger, which holds nothing but its own.
pub(super) fn all_files(
    git: &git2::Repository,
    commit: Oid,
) -> Result<BTreeMap<String, Vec<u8>>, Error> {
    let mut files = BTreeMap::new();
    let mut open = vec![(String::new(), git.find_commit(commit)?.tree_id())];
    while let Some((folder, id)) = open.pop() {
        for entry in git.find_tree(id)?.iter() {
            let path = format!("{folder}{}", String::from_utf8_lossy(entry.name_bytes()));
            match entry.kind() {
                Some(ObjectType::Tree) => open.push((format!("{path}/"), entry.id())),
                Some(ObjectType::Blob) if git.odb()?.read_header(entry.id())?.0 <= FILE_LIMIT => {
                    files.insert(path, git.find_blob(entry.id())?.content().to_vec());
                }
                _ => {}
            }
        }
    }
    Ok(files)
}

/// The commits of the first-parent line that touched what is read, oldest first. Commits' clocks may differ, so an old commit does
/// not end the walk. A shallow clone ends before its last commit, which seems to add every file.
pub(super) fn commits(
    git: &git2::Repository,
    head: Oid,
    since_ms: i64,
) -> Result<Vec<Commit>, Error> {
    let mut found = Vec::new();
    let boundary = super::clone::boundary(git);
    let mut next = Some(git.find_commit(head)?);
    while let Some(commit) = next {
        if boundary.contains(&commit.id()) {
            break;
        }
        let parent = commit.parent(0).ok();
        let at_ms = commit.time().seconds().saturating_mul(1000);
        if at_ms >= since_ms {
            let files = changed(git, parent.as_ref(), &commit)?;
            if !files.is_empty() {
                found.push(Commit {
                    id: commit.id().to_string(),
                    parent: parent.as_ref().map(|parent| parent.id().to_string()),
                    author: String::from_utf8_lossy(commit.author().name_bytes()).into_owned(),
                    committer: String::from_utf8_lossy(commit.committer().name_bytes())
                        .into_owned(),
                    at_ms,
                    message: String::from_utf8_lossy(commit.message_bytes()).into_owned(),
                    files,
                });
            }
        }
        next = parent;
    }
    found.reverse();
    Ok(found)
}

/// The files that a commit changed against its first parent.
fn changed(
    git: &git2::Repository,
    parent: Option<&git2::Commit<'_>>,
    commit: &git2::Commit<'_>,
) -> Result<BTreeMap<String, FileChange>, Error> {
    if parent.is_some_and(|parent| parent.tree_id() == commit.tree_id()) {
        return Ok(BTreeMap::new());
    }
    let before = parent.map(git2::Commit::tree).transpose()?;
    let after = commit.tree()?;
    let mut options = DiffOptions::new();
    options.skip_binary_check(true).ignore_submodules(true);
    let diff = git.diff_tree_to_tree(before.as_ref(), Some(&after), Some(&mut options))?;
    let mut files = BTreeMap::new();
    for delta in diff.deltas() {
        let path = delta
            .new_file()
            .path_bytes()
            .or(delta.old_file().path_bytes());
        let Some(path) = path.and_then(|path| std::str::from_utf8(path).ok()) else {
            continue;
        };
        if is_manifest(path) || path.starts_with(".plimsoll/") {
            let change = FileChange {
                before: content(git, &delta.old_file(), path)?,
                after: content(git, &delta.new_file(), path)?,
            };
            files.insert(path.to_string(), change);
        }
    }
    Ok(files)
}

/// A side of a difference; absent where there is no plain file that is read.
fn content(
    git: &git2::Repository,
    file: &git2::DiffFile<'_>,
    path: &str,
) -> Result<Option<Vec<u8>>, Error> {
    let mode = i32::from(file.mode());
    let plain = mode == i32::from(git2::FileMode::Blob)
        || mode == i32::from(git2::FileMode::BlobExecutable)
        || mode == i32::from(git2::FileMode::BlobGroupWritable);
    if file.id().is_zero() || !plain {
        return Ok(None);
    }
    Ok(blob(git, file.id(), path, true)?.ok())
}
