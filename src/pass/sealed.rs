//! What travels from the job with cluster credentials to the one with a write token: a plan, or the reverts that are due.

use super::PassError;
use super::heartbeat::Blind;
use super::proposed::Proposed;
use crate::plan::{Plan, SCHEMA};
use crate::ports::{Forge, Repository};
use crate::record::{ArtifactError, is_heartbeat, seal, sha256_hex, unseal};
use crate::render::Proposal;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// What the schema field of due reverts says.
const WATCH_SCHEMA: &str = "plimsoll.watch/1";

/// Why a sealed file is not taken.
#[derive(Debug, thiserror::Error)]
pub enum SealedError {
    /// It was changed on the way, or never sealed.
    #[error(transparent)]
    Seal(#[from] ArtifactError),
    /// Its content is not what its schema says.
    #[error("it is {what}")]
    Content {
        /// What it is not.
        what: &'static str,
        /// Where it differs.
        source: serde_json::Error,
    },
    /// This version does not read its schema.
    #[error(
        "it has schema `{found}`, and this Plimsoll reads {SCHEMA} and {WATCH_SCHEMA}: plan again"
    )]
    Schema {
        /// What stands there.
        found: String,
    },
}

/// A sealed file that was read.
pub enum Sealed {
    /// Of `plan --out`.
    Plan(Box<Plan>),
    /// Of `watch --out`.
    Reverts(Due),
}

/// What a watch without a forge leaves to be written.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Due {
    /// `plimsoll.watch/1`.
    schema: String,
    /// The time before in which nobody looked, if it was too long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blind: Option<Blind>,
    /// The verdicts, for people.
    changes: Value,
    /// The reverts that are due.
    reverts: Vec<DueRevert>,
    /// What the ledger is to learn: path → text.
    ledger: BTreeMap<String, String>,
}

/// A revert with what it was made on.
#[derive(Debug, Serialize, Deserialize)]
struct DueRevert {
    proposal: Proposal,
    /// SHA-256 of each file that it replaces, as it was then.
    made_on: BTreeMap<String, String>,
}

impl Due {
    /// From the verdicts, the due proposals, the base's files, the ledger's new entries (the heartbeat is one) and what was missed before.
    pub(super) fn new(
        verdicts: &impl Serialize,
        proposals: Vec<Proposal>,
        tree: &BTreeMap<String, Vec<u8>>,
        ledger: &BTreeMap<String, Vec<u8>>,
        blind: Option<Blind>,
    ) -> Due {
        let reverts = proposals
            .into_iter()
            .map(|proposal| DueRevert {
                made_on: proposal
                    .files
                    .keys()
                    .filter_map(|path| Some((path.clone(), sha256_hex(tree.get(path)?))))
                    .collect(),
                proposal,
            })
            .collect();
        Due {
            schema: WATCH_SCHEMA.to_string(),
            blind,
            // They are shown and nothing else: one that can't be written down is left out.
            changes: serde_json::to_value(verdicts).unwrap_or_default(),
            reverts,
            ledger: ledger
                .iter()
                .map(|(path, bytes)| (path.clone(), String::from_utf8_lossy(bytes).into_owned()))
                .collect(),
        }
    }

    /// Its text, sealed.
    ///
    /// # Errors
    /// When it can't be written as JSON.
    pub fn seal(&self) -> Result<String, SealedError> {
        let content = serde_json::to_value(self).map_err(|source| SealedError::Content {
            what: "not to be written as JSON",
            source,
        })?;
        Ok(seal(&content)?)
    }

    /// Appends to the ledger, and proposes the reverts whose files are as they were. One that fails does not stop the others.
    ///
    /// # Errors
    /// When repository or ledger can't be read or written.
    pub async fn carry_out(
        &self,
        forge: &impl Forge,
        repository: &impl Repository,
        now_ms: i64,
    ) -> Result<Vec<Proposed>, PassError> {
        if !self.ledger.is_empty() {
            let files: BTreeMap<String, Vec<u8>> = self
                .ledger
                .iter()
                .map(|(path, text)| (path.clone(), text.clone().into_bytes()))
                .collect();
            repository.append_ledger(&files, &ledger_message(&files), now_ms)?;
        }
        let mut done = Vec::new();
        for due in &self.reverts {
            let job = due.proposal.job.to_string();
            let tree = repository.tree()?;
            let moved = due.proposal.files.keys().find(|path| {
                tree.get(*path).map(|bytes| sha256_hex(bytes)) != due.made_on.get(*path).cloned()
            });
            done.push(match moved {
                Some(path) => Proposed::failed(
                    &job,
                    format!("{path} has changed since the revert was made: watch again"),
                ),
                None => Proposed::written(&job, forge.propose(&due.proposal, now_ms).await),
            });
        }
        Ok(done)
    }
}

impl Sealed {
    /// Reads a sealed file; one that was changed on the way is refused whole.
    ///
    /// # Errors
    /// See [`SealedError`].
    pub fn read(text: &str) -> Result<Sealed, SealedError> {
        let content = unseal(text)?;
        let schema = content["schema"].as_str().unwrap_or_default().to_owned();
        match schema.as_str() {
            SCHEMA => serde_json::from_value(content)
                .map(|plan| Sealed::Plan(Box::new(plan)))
                .map_err(|source| SealedError::Content {
                    what: "no plan of `plimsoll plan --out`",
                    source,
                }),
            WATCH_SCHEMA => serde_json::from_value(content)
                .map(Sealed::Reverts)
                .map_err(|source| SealedError::Content {
                    what: "nothing of `plimsoll watch --out`",
                    source,
                }),
            _ => Err(SealedError::Schema { found: schema }),
        }
    }
}

/// The message of the commit that appends these files to the ledger.
pub(super) fn ledger_message(files: &BTreeMap<String, Vec<u8>>) -> String {
    match files.keys().filter(|path| !is_heartbeat(path)).count() {
        0 => "heartbeat".to_string(),
        1 => "ledger: 1 entry".to_string(),
        entries => format!("ledger: {entries} entries"),
    }
}
