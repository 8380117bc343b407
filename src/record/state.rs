//! The state block at the end of a pull request's body: what Plimsoll remembers of it. Anyone who may edit the body can write one,
//! so it is checked and only ever compared with: no path, branch or number to write to is taken from it.

use super::canonical::{line, sha256_hex};
use super::evidence::ChangeKind;
use crate::snapshot::JobKey;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

const BEGIN: &str = "<!-- plimsoll:state v1 ";
const END: &str = " -->";

/// The longest block that is read, bytes.
const LIMIT: usize = 8 * 1024;

/// What a pull request stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
}

impl State {
    /// The block: one line, an HTML comment that no page shows. Its payload is base64url and can't end the comment.
    pub fn block(&self) -> String {
        // A struct of strings and enums always becomes JSON; null would be refused by the reader.
        let value = serde_json::to_value(self).unwrap_or_default();
        let payload = URL_SAFE_NO_PAD.encode(line(&value));
        format!("{BEGIN}{payload} {}{END}", sum(&payload))
    }

    /// The state in a body: the last block of it, if its sum is right. An earlier block does not stand in for a broken last one.
    pub fn find(body: &str) -> Option<State> {
        let begin = body.rfind(BEGIN)? + BEGIN.len();
        let content = &body[begin..begin + body[begin..].find(END)?];
        let (payload, written) = content.split_once(' ')?;
        if payload.len() > LIMIT || written != sum(payload) {
            return None;
        }
        let json = URL_SAFE_NO_PAD.decode(payload).ok()?;
        serde_json::from_slice(&json).ok()
    }
}

/// What stands in a body behind its state block: a person's own words, which an update keeps.
pub fn text_behind_state(body: &str) -> &str {
    let Some(begin) = body.rfind(BEGIN) else {
        return "";
    };
    match body[begin..].find(END) {
        Some(end) => body[begin + end + END.len()..].trim(),
        None => "",
    }
}

/// The first eight hexadecimal digits of the payload's SHA-256: against slips, not against forgers.
fn sum(payload: &str) -> String {
    sha256_hex(payload.as_bytes())[..8].to_string()
}
