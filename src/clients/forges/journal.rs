//! The journal of a change to a plain folder: written whole before anything else, so that a kill at any later point can be made
//! good by the next run, and a kill before it has changed nothing.

use crate::clients::repository::refuse_path;
use crate::record::{LedgerEntry, sha256_hex};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// One file that a change writes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Write {
    /// Digest of what stood there; absent where there was no file.
    before_sha256: Option<String>,
    /// What will stand there, base64.
    after: String,
}

/// A change under way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Journal {
    /// Digest of the change's evidence.
    pub(super) change: String,
    /// The entry that the ledger gets at the end.
    pub(super) entry: LedgerEntry,
    /// Number and text of the pull request file.
    pub(super) page: (u32, String),
    files: BTreeMap<String, Write>,
}

/// How a file stands against a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Not written yet.
    Before,
    /// Written.
    After,
    /// Somebody else's.
    Foreign,
}

impl Journal {
    /// The journal of a change to `folder`, with what stands there now.
    ///
    /// # Errors
    /// When a path may not be written or a file can't be read: one sentence.
    pub(super) fn new(
        folder: &Path,
        entry: LedgerEntry,
        page: (u32, String),
        files: &BTreeMap<String, Vec<u8>>,
    ) -> Result<Journal, String> {
        let mut writes = BTreeMap::new();
        for (path, bytes) in files {
            let before = read(&place(folder, path)?)
                .map_err(|error| format!("reading `{path}` failed: {error}"))?;
            writes.insert(
                path.clone(),
                Write {
                    before_sha256: before.map(|bytes| sha256_hex(&bytes)),
                    after: STANDARD.encode(bytes),
                },
            );
        }
        Ok(Journal {
            change: entry.change.clone(),
            entry,
            page,
            files: writes,
        })
    }

    /// The files in the order in which they are written: ours first, manifests last.
    pub(super) fn paths(&self) -> Vec<&String> {
        let (ours, theirs): (Vec<&String>, Vec<&String>) = self
            .files
            .keys()
            .partition(|path| path.starts_with(".plimsoll/"));
        ours.into_iter().chain(theirs).collect()
    }

    /// What a file will hold.
    ///
    /// # Errors
    /// When the journal is damaged.
    pub(super) fn after(&self, path: &str) -> Result<Vec<u8>, String> {
        self.files
            .get(path)
            .and_then(|write| STANDARD.decode(&write.after).ok())
            .ok_or_else(|| format!("its journal is damaged at `{path}`"))
    }

    /// How a file stands.
    ///
    /// # Errors
    /// When it can't be read, or the journal is damaged.
    pub(super) fn standing(&self, folder: &Path, path: &str) -> Result<Standing, String> {
        let now = read(&place(folder, path)?)
            .map_err(|error| format!("reading `{path}` failed: {error}"))?;
        let before = self
            .files
            .get(path)
            .and_then(|write| write.before_sha256.clone());
        if now.as_ref() == Some(&self.after(path)?) {
            return Ok(Standing::After);
        }
        Ok(if now.map(|bytes| sha256_hex(&bytes)) == before {
            Standing::Before
        } else {
            Standing::Foreign
        })
    }
}

/// Where a path lies, if it may be written: inside the folder, through no symbolic link.
///
/// # Errors
/// One sentence that says why it may not.
pub(super) fn place(folder: &Path, path: &str) -> Result<PathBuf, String> {
    if let Some(reason) = refuse_path(path) {
        return Err(reason);
    }
    let mut place = folder.to_path_buf();
    for part in path.split('/') {
        place.push(part);
        let is_link = fs::symlink_metadata(&place).is_ok_and(|metadata| metadata.is_symlink());
        if is_link {
            return Err(format!(
                "`{path}` leads through a symbolic link; it is not written"
            ));
        }
    }
    Ok(place)
}

/// A file's bytes, if it is there.
fn read(file: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(file) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
