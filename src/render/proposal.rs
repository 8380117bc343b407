//! What becomes a pull request.

use crate::record::{ChangeBranch, ChangeKind};
use crate::snapshot::JobKey;
use std::collections::BTreeMap;

/// Everything a forge needs to open or update one pull request. No choice is left to the forge. It can't be read from a file: where another
/// job asks for a change, the proposal is made anew from what was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// A rightsizing or a revert.
    pub kind: ChangeKind,
    /// Which job.
    pub job: JobKey,
    /// `plimsoll/<cluster>/<namespace>/<job>` or `plimsoll-revert/…`; unsafe or long names become a slug with a hash.
    pub branch: ChangeBranch,
    /// One line, at most 120 characters.
    pub title: String,
    /// Markdown, ending with the trailers and the state block.
    pub body: String,
    /// Subject, body and trailers.
    pub commit_message: String,
    /// Files to write: repository path → bytes. The manifest and the evidence.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Labels to set.
    pub labels: Vec<String>,
    /// What the findings are, to the rounded value: the same fingerprint writes nothing; a closed one stays closed while it is the same.
    pub fingerprint: String,
    /// Digest of the evidence, which is the change's identity.
    pub change: String,
}
