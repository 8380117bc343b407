//! What becomes a pull request.

use crate::record::ChangeKind;
use crate::snapshot::JobKey;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;

/// Everything a forge needs to open or update one pull request. No choice is left to the forge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// A rightsizing or a revert.
    pub kind: ChangeKind,
    /// Which job.
    pub job: JobKey,
    /// `plimsoll/<cluster>/<namespace>/<job>` or `plimsoll-revert/…`; unsafe or long names become a slug with a hash.
    pub branch: String,
    /// One line, at most 120 characters.
    pub title: String,
    /// Markdown, ending with the trailers and the state block.
    pub body: String,
    /// Subject, body and trailers.
    pub commit_message: String,
    /// Files to write: repository path → bytes. The manifest and the evidence.
    #[serde(serialize_with = "encoded", deserialize_with = "decoded")]
    pub files: BTreeMap<String, Vec<u8>>,
    /// Labels to set.
    pub labels: Vec<String>,
    /// What the findings are, to the rounded value: the same fingerprint writes nothing; a closed one stays closed while it is the same.
    pub fingerprint: String,
    /// Digest of the evidence, which is the change's identity.
    pub change: String,
}

/// Bytes as base64: a manifest need not be UTF-8.
fn encoded<S: Serializer>(
    files: &BTreeMap<String, Vec<u8>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(
        files
            .iter()
            .map(|(path, bytes)| (path, STANDARD.encode(bytes))),
    )
}

fn decoded<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, Vec<u8>>, D::Error> {
    let texts = BTreeMap::<String, String>::deserialize(deserializer)?;
    texts
        .into_iter()
        .map(|(path, text)| {
            let bytes = STANDARD.decode(text).map_err(serde::de::Error::custom)?;
            Ok((path, bytes))
        })
        .collect()
}
