//! Moving refs so that a kill at any moment blocks nobody: objects are on the disk before a ref names them, Plimsoll's writers take turns, and
//! a lock file of git's that a killed run left is told from one that somebody holds.

use super::branches::CommitOutcome;
use super::git::GitRepository;
use crate::ports::RepositoryError;
use crate::record::{LEDGER_BRANCH, OwnBranch};
use git2::{ErrorCode, ObjectType, Oid};
use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

/// Plimsoll's own lock, in git's folder. It is held by the process, not by the file: a kill lets go of it. While a ref is written the file
/// holds the ref's name, so that the next run knows whose lock file it finds.
const OWN_LOCK: &str = "plimsoll.lock";

/// How long other runs of Plimsoll are waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a lock file of one of our branches stays untouched before it counts as left by a killed process: a process that writes a ref
/// holds it for milliseconds.
const STALE: Duration = Duration::from_secs(10);

/// Time between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// Plimsoll's turn in a repository.
struct Turn {
    file: File,
}

impl Turn {
    /// Waits for it, and removes the lock file that the holder before left, if it was killed while it wrote a ref.
    fn take(folder: &Path) -> io::Result<Turn> {
        let path = folder.join(OWN_LOCK);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let file = options.open(&path)?;
        let began = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if began.elapsed() < PATIENCE => sleep(PAUSE),
                Err(TryLockError::WouldBlock) => {
                    return Err(io::Error::other(format!(
                        "another run of Plimsoll has held `{}` for {} s: let it end, or end it",
                        path.display(),
                        PATIENCE.as_secs()
                    )));
                }
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
        let mut turn = Turn { file };
        turn.finish(folder)?;
        Ok(turn)
    }

    /// The turn of a run that was killed, where there was one and nobody has it now.
    fn take_left(folder: &Path) -> io::Result<Option<Turn>> {
        let mut options = OpenOptions::new();
        let file = match options.read(true).write(true).open(folder.join(OWN_LOCK)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        match file.try_lock() {
            Ok(()) => Ok(Some(Turn { file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Removes the lock file that the holder before left, if it was killed while it wrote a ref.
    fn finish(&mut self, folder: &Path) -> io::Result<()> {
        if let Some(name) = self.unfinished()? {
            remove(&lock_of(folder, &name))?;
            self.write("")?;
        }
        Ok(())
    }

    /// The ref that a killed run was writing. Only our own branches are believed.
    fn unfinished(&mut self) -> io::Result<Option<String>> {
        let mut text = String::new();
        self.file.rewind()?;
        // Longer than any name of ours, and whatever is no text names nothing.
        let read = (&mut self.file).take(4096).read_to_string(&mut text);
        if read.is_err() {
            return Ok(None);
        }
        let name = text.trim_end();
        Ok(is_ours(name).then(|| name.to_string()))
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        self.file.rewind()?;
        self.file.set_len(0)?;
        self.file.write_all(text.as_bytes())
    }
}

/// Whether a full name is that of a branch that only Plimsoll writes.
fn is_ours(name: &str) -> bool {
    let safe = !name.contains("..") && !name.contains(['\\', '\0', '\n']) && !name.ends_with('/');
    let ours = ["plimsoll/", "plimsoll-revert/", "plimsoll-campaign/"]
        .iter()
        .any(|prefix| {
            name.strip_prefix("refs/heads/")
                .is_some_and(|branch| branch.starts_with(prefix))
        });
    safe && (ours || name == "refs/heads/plimsoll-ledger")
}

/// Git's lock file of a ref.
fn lock_of(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.lock"))
}

fn remove(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

impl GitRepository {
    /// Removes the lock file of a ref that a killed run of ours was writing, and that of the ledger where nobody touches it: no later run may
    /// have anything to write there. Whoever is writing now is left alone.
    pub(super) fn remove_left_locks(&self) -> Result<(), RepositoryError> {
        let git = self.git()?;
        let folder = git.commondir();
        let failed =
            |error: io::Error| self.refused(format!("a lock that was left stays: {error}"));
        // Without a lock of our own no run of ours ever wrote here.
        let Some(mut turn) = Turn::take_left(folder).map_err(failed)? else {
            return Ok(());
        };
        turn.finish(folder).map_err(failed)?;
        let ledger = lock_of(folder, &format!("refs/heads/{LEDGER_BRANCH}"));
        match fs::symlink_metadata(&ledger) {
            Ok(lock) if lock.is_file() && age(&lock) >= STALE => remove(&ledger).map_err(failed),
            _ => Ok(()),
        }
    }

    /// Moves one of our branches from where it was seen, or creates it where it was not; somebody else's move wins. The objects of the new
    /// head that `before` lacks are synced first.
    pub(super) fn move_own(
        &self,
        git: &git2::Repository,
        branch: OwnBranch<'_>,
        from: Option<Oid>,
        to: Oid,
        before: Option<Oid>,
    ) -> Result<CommitOutcome, RepositoryError> {
        if let Some(reason) = branch.refuse_as_base(&self.base) {
            return Err(self.refused(reason));
        }
        let name = format!("refs/heads/{branch}");
        let folder = git.commondir();
        let failed = |error: io::Error| self.refused(format!("writing `{branch}` failed: {error}"));
        let mut turn = Turn::take(folder).map_err(failed)?;
        sync_objects(git, to, before)
            .map_err(|error| self.failed(&format!("syncing the objects of `{branch}`"), &error))?;
        turn.write(&name).map_err(failed)?;
        let moved = self.move_when_free(git, folder, &name, from, to);
        turn.write("").map_err(failed)?;
        if moved.is_ok() {
            sync(&folder.join(&name));
        }
        moved
    }

    /// Moves a ref. Where git's lock file of it is there it is waited for, and one that nobody touches is removed.
    fn move_when_free(
        &self,
        git: &git2::Repository,
        folder: &Path,
        name: &str,
        from: Option<Oid>,
        to: Oid,
    ) -> Result<CommitOutcome, RepositoryError> {
        let lock = lock_of(folder, name);
        let mut seen: Option<(Metadata, Instant)> = None;
        loop {
            match point(git, name, from, to) {
                Err(error) if error.code() == ErrorCode::Locked => {}
                moved => {
                    return moved
                        .map_err(|error| self.failed(&format!("writing `{name}`"), &error));
                }
            }
            let held = |why: String| {
                self.refused(format!(
                    "`{name}` is locked, not moved: `{}` is there{why}; if no git process runs there, remove that file and run again",
                    lock.display()
                ))
            };
            let Ok(now) = fs::symlink_metadata(&lock) else {
                // It went, or something else stands in the way: one more look tells which.
                if seen.is_none() {
                    sleep(PAUSE);
                    if let Ok(moved) = point(git, name, from, to) {
                        return Ok(moved);
                    }
                    if fs::symlink_metadata(&lock).is_err() {
                        return Err(held(", or a folder of that name".to_string()));
                    }
                }
                seen = None;
                continue;
            };
            let since = match &seen {
                Some((before, since)) if same(before, &now) => *since,
                _ => {
                    let since = Instant::now();
                    seen = Some((now.clone(), since));
                    since
                }
            };
            if since.elapsed().max(age(&now)) >= STALE {
                remove(&lock).map_err(|error| held(format!(", and can't be removed: {error}")))?;
                seen = None;
                continue;
            }
            sleep(PAUSE);
        }
    }
}

/// One try.
fn point(
    git: &git2::Repository,
    name: &str,
    from: Option<Oid>,
    to: Oid,
) -> Result<CommitOutcome, git2::Error> {
    let moved = match from {
        Some(from) => git.reference_matching(name, to, true, from, "plimsoll"),
        None => git.reference(name, to, false, "plimsoll"),
    };
    match moved {
        Ok(_) => Ok(CommitOutcome::Written(to.to_string())),
        Err(error) if matches!(error.code(), ErrorCode::Modified | ErrorCode::Exists) => {
            Ok(CommitOutcome::Moved)
        }
        Err(error) => Err(error),
    }
}

/// Whether a file was not touched between two looks.
fn same(one: &Metadata, two: &Metadata) -> bool {
    one.len() == two.len() && one.modified().ok() == two.modified().ok()
}

/// How long ago a file was touched, by the clock; nothing where its time lies ahead.
fn age(metadata: &Metadata) -> Duration {
    let modified = metadata.modified().unwrap_or_else(|_| SystemTime::now());
    modified.elapsed().unwrap_or_default()
}

/// Syncs the objects of a commit that the tree of another one lacks: a ref must not outlive what it names. Objects in packs were synced by
/// whoever wrote those.
fn sync_objects(
    git: &git2::Repository,
    commit: Oid,
    before: Option<Oid>,
) -> Result<(), git2::Error> {
    let objects = git.commondir().join("objects");
    let tree = git.find_commit(commit)?.tree_id();
    let old = match before {
        Some(before) => Some(git.find_commit(before)?.tree_id()),
        None => None,
    };
    let mut new = vec![commit];
    let mut open = vec![(tree, old)];
    while let Some((id, old)) = open.pop() {
        if Some(id) == old {
            continue;
        }
        new.push(id);
        let old = match old {
            Some(old) => Some(git.find_tree(old)?),
            None => None,
        };
        for entry in git.find_tree(id)?.iter() {
            let name = entry.name_bytes();
            let known = old.as_ref().and_then(|old| {
                old.iter()
                    .find(|old| old.name_bytes() == name)
                    .map(|old| (old.id(), old.kind()))
            });
            match (entry.kind(), known) {
                (Some(ObjectType::Tree), Some((known, Some(ObjectType::Tree)))) => {
                    open.push((entry.id(), Some(known)));
                }
                (Some(ObjectType::Tree), _) => open.push((entry.id(), None)),
                (Some(ObjectType::Blob), known)
                    if known.map(|known| known.0) != Some(entry.id()) =>
                {
                    new.push(entry.id());
                }
                _ => {}
            }
        }
    }
    for id in new {
        let id = id.to_string();
        sync(&objects.join(&id[..2]).join(&id[2..]));
    }
    Ok(())
}

/// Makes a file and its name last. One that is not there lies in a pack; a file system that can't sync keeps its own promises.
fn sync(file: &Path) {
    for place in [Some(file), file.parent()].into_iter().flatten() {
        if let Ok(opened) = File::open(place) {
            let _ = opened.sync_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_ours;

    #[test]
    fn only_our_branches_have_their_locks_removed() {
        for name in [
            "refs/heads/plimsoll/c/n/j",
            "refs/heads/plimsoll-revert/c/n/j",
            "refs/heads/plimsoll-ledger",
        ] {
            assert!(is_ours(name), "{name}");
        }
        for name in [
            "",
            "refs/heads/main",
            "refs/heads/plimsoll",
            "refs/heads/plimsoll-ledger2",
            "refs/heads/plimsoll/../main",
            "refs/heads/plimsoll/a\nrefs/heads/main",
            "refs/tags/plimsoll/a",
            "../refs/heads/plimsoll/a",
        ] {
            assert!(!is_ours(name), "{name:?}");
        }
    }
}
