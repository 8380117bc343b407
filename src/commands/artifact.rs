//! What travels from the job with cluster credentials to the one with a write token: a plan, or the reverts that are due.

use super::Failure;
use super::forge::{AnyForge, AnyRepository};
use super::heartbeat::Blind;
use super::propose::{Proposed, failed, written};
use super::watch::ledger_message;
use super::world::World;
use crate::plan::{Plan, SCHEMA};
use crate::ports::{Forge, Repository};
use crate::record::{seal, sha256_hex, unseal};
use crate::render::Proposal;
use anyhow::Context;
use camino::Utf8Path;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;

/// What the schema field of due reverts says.
const WATCH_SCHEMA: &str = "plimsoll.watch/1";

/// An artifact that was read.
pub enum Artifact {
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
    pub fn new(
        changes: Value,
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
            changes,
            reverts,
            ledger: ledger
                .iter()
                .map(|(path, bytes)| (path.clone(), String::from_utf8_lossy(bytes).into_owned()))
                .collect(),
        }
    }

    /// Writes it, sealed.
    pub fn write(&self, file: &Utf8Path) -> Result<(), Failure> {
        let content = serde_json::to_value(self).context("assessments")?;
        let text = seal(&content).context("assessments")?;
        fs::write(file, text).with_context(|| format!("--out {file}"))?;
        Ok(())
    }

    /// Appends to the ledger, and proposes the reverts whose files are as they were. One that fails does not stop the others.
    pub async fn carry_out(
        &self,
        world: &World,
        forge: &AnyForge,
        repository: &AnyRepository,
    ) -> Result<Vec<Proposed>, Failure> {
        let broken = |error: crate::ports::RepositoryError| Failure::Failed(error.into());
        if !self.ledger.is_empty() {
            let files: BTreeMap<String, Vec<u8>> = self
                .ledger
                .iter()
                .map(|(path, text)| (path.clone(), text.clone().into_bytes()))
                .collect();
            repository
                .append_ledger(&files, &ledger_message(&files), world.now_ms())
                .map_err(broken)?;
        }
        let mut done = Vec::new();
        for due in &self.reverts {
            let job = due.proposal.job.to_string();
            let tree = repository.tree().map_err(broken)?;
            let moved = due.proposal.files.keys().find(|path| {
                tree.get(*path).map(|bytes| sha256_hex(bytes)) != due.made_on.get(*path).cloned()
            });
            done.push(match moved {
                Some(path) => failed(
                    &job,
                    format!("{path} has changed since the revert was made: watch again"),
                ),
                None => written(&job, forge.propose(&due.proposal, world.now_ms()).await),
            });
        }
        Ok(done)
    }
}

/// Reads an artifact; one that was changed on the way is refused whole.
pub fn read(file: &Utf8Path) -> Result<Artifact, Failure> {
    let text = fs::read_to_string(file).with_context(|| format!("--from {file}"))?;
    let content = unseal(&text).with_context(|| format!("--from {file}"))?;
    let schema = content["schema"].as_str().unwrap_or_default().to_owned();
    match schema.as_str() {
        SCHEMA => {
            let plan = serde_json::from_value(content)
                .with_context(|| format!("--from {file} is no plan of `plimsoll plan --out`"))?;
            Ok(Artifact::Plan(Box::new(plan)))
        }
        WATCH_SCHEMA => {
            let due = serde_json::from_value(content)
                .with_context(|| format!("--from {file} is nothing of `plimsoll watch --out`"))?;
            Ok(Artifact::Reverts(due))
        }
        _ => Err(Failure::Usage(format!(
            "{file} has schema `{schema}`, and this Plimsoll reads {SCHEMA} and {WATCH_SCHEMA}: plan again"
        ))),
    }
}
