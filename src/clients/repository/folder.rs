//! A plain folder of manifests, for those without git: the forge `dir` writes into it, `.plimsoll/` holds evidence and ledger.

use super::paths::{
    FILE_LIMIT, TELLING_LIMIT, is_kept, is_manifest, is_read, may_tell, refuse_content,
    refuse_path, stays_inside, too_large,
};
use crate::clients::disk::Disk;
use crate::manifest::link_to;
use crate::ports::{Commit, Repository, RepositoryError};
use crate::record::{AUTHOR_NAME, Event, FileChange, evidence_path, read_ledger, sha256_hex};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

const LEDGER: &str = ".plimsoll/ledger";

/// A folder of manifests. No git is needed, and none is looked for above it.
#[derive(Debug, Clone)]
pub struct FolderRepository {
    place: PathBuf,
    disk: Disk,
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
            place: place.to_path_buf(),
            disk: Disk::default(),
        })
    }

    fn failed(&self, what: &str, error: &io::Error) -> RepositoryError {
        RepositoryError {
            place: self.place.display().to_string(),
            reason: format!("{what} failed: {error}"),
        }
    }

    /// Files and what is left out, of the folder `below` and deeper; paths are relative to the repository.
    fn walk(&self, below: &str) -> Result<Walked, RepositoryError> {
        let mut walked = Walked::default();
        let mut open = vec![below.to_string()];
        while let Some(folder) = open.pop() {
            let here = self.place.join(&folder);
            let entries = match fs::read_dir(&here) {
                Ok(entries) => entries,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) if !folder.is_empty() => {
                    walked
                        .left_out
                        .insert(folder, format!("it can't be read: {error}"));
                    continue;
                }
                Err(error) => return Err(self.failed("reading the folder", &error)),
            };
            for entry in entries {
                let entry = entry.map_err(|error| self.failed("reading the folder", &error))?;
                let name = entry.file_name().to_string_lossy().into_owned();
                let path = if folder.is_empty() {
                    name.clone()
                } else {
                    format!("{folder}/{name}")
                };
                let kind = entry
                    .file_type()
                    .map_err(|error| self.failed("reading the folder", &error))?;
                if kind.is_dir() {
                    if name != ".git" {
                        open.push(path);
                    }
                } else if kind.is_symlink() {
                    walked.link(&entry.path(), path);
                } else if is_read(&path) && entry.file_name().to_str().is_some() {
                    walked.take(&entry.path(), path);
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
    fn link(&mut self, place: &Path, path: String) {
        let target = fs::read_link(place).ok();
        match target.as_deref().and_then(Path::to_str) {
            Some(target) if stays_inside(&path, target) => {
                self.files.insert(path, link_to(target));
            }
            target if is_manifest(&path) => {
                let shown = target.unwrap_or("a name that is not UTF-8");
                let reason = format!("it is a symbolic link to `{shown}`, outside of the folder");
                self.left_out.insert(path, reason);
            }
            _ => {}
        }
    }

    /// Reads one file, or notes why it is left out. One bad file is no reason to read no other.
    fn take(&mut self, place: &Path, path: String) {
        let size = fs::metadata(place)
            .map(|metadata| metadata.len())
            .unwrap_or(0);
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        if !is_manifest(&path) && may_tell(&path) {
            let bytes = fs::read(place).unwrap_or_default();
            if size <= TELLING_LIMIT && is_kept(&path, &bytes) {
                self.files.insert(path, bytes);
            }
            return;
        }
        if size > FILE_LIMIT {
            self.left_out.insert(path, too_large(size));
            return;
        }
        match fs::read(place) {
            Ok(bytes) => match refuse_content(&path, &bytes) {
                Some(reason) => self.left_out.insert(path, reason).map(|_| ()),
                None => self.files.insert(path, bytes).map(|_| ()),
            },
            Err(error) => self
                .left_out
                .insert(path, format!("it can't be read: {error}"))
                .map(|_| ()),
        };
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
        for (path, bytes) in files {
            if let Some(reason) = refuse_path(path) {
                let place = self.place.display().to_string();
                return Err(RepositoryError { place, reason });
            }
            let file = self.place.join(LEDGER).join(path);
            if !file.exists() {
                self.disk
                    .write(&file, bytes)
                    .map_err(|error| self.failed(&format!("writing `{LEDGER}/{path}`"), &error))?;
            }
        }
        Ok(())
    }
}
