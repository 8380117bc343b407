//! What travels from the job with cluster credentials to the one with a write token: a plan, or the reverts that are due.

use super::heartbeat::Blind;
use crate::plan::{Plan, RevertRequest, SCHEMA};
use crate::record::{ArtifactError, SealKey, is_heartbeat, seal, unseal};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// What the schema field of due reverts says.
const WATCH_SCHEMA: &str = "plimsoll.watch/2";

/// Why a sealed file is not taken.
#[derive(Debug, thiserror::Error)]
pub enum SealedError {
    /// It was changed on the way, never sealed, or not signed as it has to be.
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
        "it has schema `{found}`, and this Plimsoll reads {SCHEMA} and {WATCH_SCHEMA}: make it again"
    )]
    Schema {
        /// What stands there.
        found: String,
    },
}

/// A sealed file that was read. Whoever wrote it, it is a request: nothing of it is carried out before it was checked.
pub enum Sealed {
    /// Of `plan --out`.
    Plan(Box<Plan>),
    /// Of `watch --out`.
    Reverts(Due),
}

/// What a watch without a forge leaves to be written. It holds no branch, no path and no bytes of a change.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Due {
    /// `plimsoll.watch/2`.
    schema: String,
    /// The head of the base branch that it was made on.
    pub(super) base: String,
    /// The time before in which nobody looked, if it was too long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blind: Option<Blind>,
    /// The verdicts, for people.
    changes: Value,
    /// The reverts that are due.
    pub(super) reverts: Vec<RevertRequest>,
    /// What the ledger is to learn: path → text.
    pub(super) ledger: BTreeMap<String, String>,
}

impl Due {
    /// From the verdicts, the due reverts, the base that they were made on, the ledger's new entries (the heartbeat is one) and what was
    /// missed before.
    pub(super) fn new(
        verdicts: &impl Serialize,
        reverts: Vec<RevertRequest>,
        base: &str,
        ledger: &BTreeMap<String, Vec<u8>>,
        blind: Option<Blind>,
    ) -> Due {
        Due {
            schema: WATCH_SCHEMA.to_string(),
            base: base.to_string(),
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
}

/// The text of a file for the other job, sealed, and signed where there is a key.
///
/// # Errors
/// When it can't be written as JSON.
pub fn sealed(content: &impl Serialize, key: Option<&SealKey>) -> Result<String, SealedError> {
    let content = serde_json::to_value(content).map_err(|source| SealedError::Content {
        what: "not to be written as JSON",
        source,
    })?;
    Ok(seal(&content, key)?)
}

impl Sealed {
    /// Reads a sealed file; one that was changed on the way, or that has to be signed and is not, is refused whole.
    ///
    /// # Errors
    /// See [`SealedError`].
    pub fn read(text: &str, key: Option<&SealKey>) -> Result<Sealed, SealedError> {
        let content = unseal(text, key)?;
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
