//! A plain folder of manifests, for those without git: the forge `dir` writes into it, `.plimsoll/` holds evidence and ledger.

use super::paths::{
    FILE_LIMIT, TELLING_LIMIT, is_kept, is_manifest, is_read, may_tell, refuse_content,
    stays_inside, too_large,
};
use crate::clients::disk::{Disk, EntryKind, Folder};
use crate::manifest::link_to;
use crate::ports::{Commit, Repository, RepositoryError};
use crate::record::{AUTHOR_NAME, Event, FileChange, evidence_path, read_ledger, sha256_hex};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

const LEDGER: &str = ".plimsoll/ledger";

/// A folder of manifests. No git is needed, and none is looked for above it.
#[derive(Debug, Clone)]
pub struct FolderRepository {
    folder: Folder,
}

impl FolderRepository {
    /// The repository in a folder.
    ///
    /// # Errors
    /// When there is no folder.
    pub fn open(place: &Path) -> Result<FolderRepository, RepositoryError> {
        if !place.is_dir() {
            return Err(RepositoryError {
                place: place.display().to_string(),
                reason: "there is no such folder".to_string(),
            });
        }
        Ok(FolderRepository {
            folder: Folder::new(place, Disk::default()),
        })
    }

    fn failed(&self, what: &str, error: &io::Error) -> RepositoryError {
        RepositoryError {
            place: self.folder.path().display().to_string(),
            reason: format!("{what} failed: {error}"),
        }
    }

    /// Files and what is left out, of the folder `below` and deeper; paths are relative to the repository.
    fn walk(&self, below: &str) -> Result<Walked, RepositoryError> {
        let mut walked = Walked::default();
        let mut open = vec![below.to_string()];
        while let Some(folder) = open.pop() {
            let entries = match self.folder.entries(&folder) {
                Ok(entries) => entries.unwrap_or_default(),
                Err(error) if !folder.is_empty() => {
                    walked
                        .left_out
                        .insert(folder, format!("it can't be read: {error}"));
                    continue;
                }
                Err(error) => return Err(self.failed("reading the folder", &error)),
            };
            for (name, kind) in entries {
                let shown = name.to_string_lossy().into_owned();
                let path = if folder.is_empty() {
                    shown.clone()
                } else {
                    format!("{folder}/{shown}")
                };
                if kind == EntryKind::Folder && name == ".git" {
                    continue;
                }
                let reason = match kind {
                    _ if name.to_str().is_none() => "its name is not UTF-8",
                    EntryKind::Folder => {
                        open.push(path);
                        continue;
                    }
                    EntryKind::Link if !path.starts_with(".plimsoll/") => {
                        let target = self.folder.target(&path);
                        walked.link(target.ok().flatten(), path);
                        continue;
                    }
                    _ if !is_read(&path) => continue,
                    EntryKind::File => {
                        walked.take(&self.folder, path);
                        continue;
                    }
                    EntryKind::Link => "it is a symbolic link; only plain files are read",
                    EntryKind::Other => {
                        "it is a FIFO, a socket or a device; only plain files are read"
                    }
                };
                if kind == EntryKind::Folder || is_read(&path) {
                    walked.left_out.insert(path, reason.to_string());
                }
            }
        }
        Ok(walked)
    }
}

#[derive(Debug, Default)]
struct Walked {
    files: BTreeMap<String, Vec<u8>>,
    left_out: BTreeMap<String, String>,
}

impl Walked {
    /// Notes a symbolic link: where it leads inside the folder is followed there; where it leads out it never is.
    fn link(&mut self, target: Option<String>, path: String) {
        match target.as_deref() {
            Some(target) if stays_inside(&path, target) => {
                self.files.insert(path, link_to(target));
            }
            target if is_manifest(&path) => {
                let shown = target.unwrap_or("a name that can't be read");
                let reason = format!("it is a symbolic link to `{shown}`, outside of the folder");
                self.left_out.insert(path, reason);
            }
            _ => {}
        }
    }

    /// Reads one file, or notes why it is left out. One bad file is no reason to read no other.
    fn take(&mut self, folder: &Folder, path: String) {
        let size = folder.size(&path).unwrap_or(0);
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        if !is_manifest(&path) && may_tell(&path) {
            let small = size <= TELLING_LIMIT;
            let read = small.then(|| folder.read(&path).ok().flatten()).flatten();
            if let Some(bytes) = read.filter(|bytes| is_kept(&path, bytes)) {
                self.files.insert(path, bytes);
            }
            return;
        }
        if size > FILE_LIMIT {
            self.left_out.insert(path, too_large(size));
            return;
        }
        let refusal = match folder.read(&path) {
            Ok(Some(bytes)) => match refuse_content(&path, &bytes) {
                Some(reason) => reason,
                None => {
                    self.files.insert(path, bytes);
                    return;
                }
            },
            // Removed meanwhile.
            Ok(None) => return,
            Err(error) => format!("it can't be read: {error}"),
        };
        self.left_out.insert(path, refusal);
    }
}

impl Repository for FolderRepository {
    fn head(&self) -> Result<String, RepositoryError> {
        let listing: String = self
            .tree()?
            .iter()
            .map(|(path, bytes)| format!("{} {path}\n", sha256_hex(bytes)))
            .collect();
        Ok(sha256_hex(listing.as_bytes()))
    }

    fn tree(&self) -> Result<BTreeMap<String, Vec<u8>>, RepositoryError> {
        let mut files = self.walk("")?.files;
        files.retain(|path, _| {
            !path.starts_with(".plimsoll/") || path.starts_with(".plimsoll/evidence/")
        });
        Ok(files)
    }

    fn left_out(&self) -> Result<BTreeMap<String, String>, RepositoryError> {
        Ok(self.walk("")?.left_out)
    }

    /// A folder has no history but its ledger: each change that was written is one commit, with its evidence as its file.
    fn commits_since(&self, since_ms: i64) -> Result<Vec<Commit>, RepositoryError> {
        let tree = self.tree()?;
        let (entries, _) = read_ledger(&self.ledger()?);
        let mut commits = Vec::new();
        for entry in entries {
            let path = evidence_path(&entry.change);
            let Some(bytes) = tree.get(&path) else {
                continue;
            };
            let Event::Merged { by, .. } = &entry.event else {
                continue;
            };
            if entry.at_ms < since_ms {
                continue;
            }
            let evidence = FileChange {
                before: None,
                after: Some(bytes.clone()),
            };
            commits.push(Commit {
                id: entry.change[..40].to_string(),
                parent: None,
                author: AUTHOR_NAME.to_string(),
                committer: by.clone(),
                at_ms: entry.at_ms,
                message: String::new(),
                files: BTreeMap::from([(path, evidence)]),
            });
        }
        Ok(commits)
    }

    fn ledger(&self) -> Result<BTreeMap<String, Vec<u8>>, RepositoryError> {
        let files = self.walk(LEDGER)?.files;
        let prefix = format!("{LEDGER}/");
        Ok(files
            .into_iter()
            .filter_map(|(path, bytes)| Some((path.strip_prefix(&prefix)?.to_string(), bytes)))
            .collect())
    }

    fn append_ledger(
        &self,
        files: &BTreeMap<String, Vec<u8>>,
        _message: &str,
        _at_ms: i64,
    ) -> Result<(), RepositoryError> {
        let _held = self
            .folder
            .hold()
            .map_err(|error| self.failed("opening the folder", &error))?;
        for (path, bytes) in files {
            let place = format!("{LEDGER}/{path}");
            let failed = |error: io::Error| self.failed(&format!("writing `{place}`"), &error);
            if !self.folder.has(&place).map_err(failed)? {
                self.folder.write(&place, bytes).map_err(failed)?;
            }
        }
        Ok(())
    }
}
