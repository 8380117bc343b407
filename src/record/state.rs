//! The state block at the end of a pull request's body: what Plimsoll remembers of it. Anyone who may edit the body can write one,
//! so it is checked and only ever compared with: no path, branch or number to write to is taken from it.

use super::body::{BLOCK_BEGIN, BLOCK_END, parts};
use super::canonical::{line, sha256_hex};
use super::evidence::ChangeKind;
use super::stance::Stance;
use crate::snapshot::JobKey;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

/// The longest block that is read, bytes.
const LIMIT: usize = 8 * 1024;

/// What a pull request stands for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Version of Plimsoll that wrote it.
    pub plimsoll: String,
    /// A rightsizing or a revert.
    pub kind: ChangeKind,
    /// Which job.
    pub job: JobKey,
    /// The findings, to the rounded value.
    pub fingerprint: String,
    /// Digest of the evidence.
    pub change: String,
    /// Of a revert: the digest of the evidence of the change that it undoes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reverts: Option<String>,
    /// Of a rightsizing: what it advises, for a later run to compare with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stance: Option<Box<Stance>>,
}

impl State {
    /// The block: one line, an HTML comment that no page shows. Its payload is base64url and can't end the comment. What is advised is left
    /// out where it would make the block too long to be read.
    pub fn block(&self) -> String {
        // A struct of strings and enums always becomes JSON; null would be refused by the reader.
        let payload = |state: &State| {
            let value = serde_json::to_value(state).unwrap_or_default();
            URL_SAFE_NO_PAD.encode(line(&value))
        };
        let mut written = payload(self);
        if written.len() > LIMIT {
            written = payload(&State {
                stance: None,
                ..self.clone()
            });
        }
        format!("{BLOCK_BEGIN}{written} {}{BLOCK_END}", sum(&written))
    }

    /// The state in a body: the last block of what is ours, if its sum is right. An earlier block does not stand in for a broken last one,
    /// and none among a person's words counts.
    pub fn find(body: &str) -> Option<State> {
        let ours = parts(body).ours;
        let begin = ours.rfind(BLOCK_BEGIN)? + BLOCK_BEGIN.len();
        let content = &ours[begin..begin + ours[begin..].find(BLOCK_END)?];
        let (payload, written) = content.split_once(' ')?;
        if payload.len() > LIMIT || written != sum(payload) {
            return None;
        }
        let json = URL_SAFE_NO_PAD.decode(payload).ok()?;
        serde_json::from_slice(&json).ok()
    }
}

/// The first eight hexadecimal digits of the payload's SHA-256: against slips, not against forgers.
fn sum(payload: &str) -> String {
    sha256_hex(payload.as_bytes())[..8].to_string()
}
