//! The journal of a change to a plain folder: written whole before anything else, so that a kill at any later point can be made
//! good by the next run, and a kill before it has changed nothing.

use crate::clients::disk::Folder;
use crate::clients::repository::refuse_change;
use crate::record::{LedgerEntry, evidence_digest, evidence_path, sha256_hex};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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
#[serde(deny_unknown_fields)]
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
        folder: &Folder,
        entry: LedgerEntry,
        page: (u32, String),
        files: &BTreeMap<String, Vec<u8>>,
    ) -> Result<Journal, String> {
        if let Some(reason) = refuse_change(files) {
            return Err(reason);
        }
        let mut writes = BTreeMap::new();
        for (path, bytes) in files {
            let before = read(folder, path)?;
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

    /// Reads a journal that was found under this name. Anybody may have laid it there, so it may say only what [`Journal::new`] would.
    ///
    /// # Errors
    /// When it is damaged, or no journal of ours: one sentence.
    pub(super) fn read(name: &str, bytes: &[u8]) -> Result<Journal, String> {
        let journal: Journal = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        let digest = name.strip_suffix(".journal").unwrap_or_default();
        let named = evidence_digest(&evidence_path(digest)).is_some()
            && journal.change == digest
            && journal.entry.change == digest
            && journal.files.contains_key(&evidence_path(digest));
        if !named {
            return Err("its name is not that of its change".to_string());
        }
        let mut files = BTreeMap::new();
        for path in journal.files.keys() {
            files.insert(path.clone(), journal.after(path)?);
        }
        match refuse_change(&files) {
            Some(reason) => Err(reason),
            None => Ok(journal),
        }
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
    pub(super) fn standing(&self, folder: &Folder, path: &str) -> Result<Standing, String> {
        let now = read(folder, path)?;
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

/// A file's bytes, if it is there.
fn read(folder: &Folder, path: &str) -> Result<Option<Vec<u8>>, String> {
    folder
        .read(path)
        .map_err(|error| format!("reading `{path}` failed: {error}"))
}
