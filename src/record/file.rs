//! Evidence as a file: written canonically, within its size, named by its digest; read with every doubt.

use super::blocks::{halve, roughly_fitting};
use super::canonical::{document, round_floats, sha256_hex};
use super::evidence::Evidence;
use serde_json::{Value, json};

/// What the schema field of evidence says.
pub const EVIDENCE_SCHEMA: &str = "plimsoll.evidence/1";

/// The most bytes that evidence may have.
pub const EVIDENCE_LIMIT: usize = 64 * 1024;

/// Where evidence lies in a repository.
pub const EVIDENCE_FOLDER: &str = ".plimsoll/evidence";

/// Why evidence could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// It holds a number that JSON has no word for, or its types do not fit their own schema.
    #[error(
        "evidence of `{job}` does not survive writing and reading (a number that is not finite?)"
    )]
    Unwritable {
        /// Which job.
        job: String,
        /// What the reader said.
        #[source]
        source: serde_json::Error,
    },
    /// Still too large without history and details.
    #[error(
        "evidence of `{job}` has {bytes} bytes without its history; at most {EVIDENCE_LIMIT} are allowed"
    )]
    TooLarge {
        /// Which job.
        job: String,
        /// How large it is.
        bytes: usize,
    },
    /// Larger than any that Plimsoll writes.
    #[error(
        "evidence `{path}` has {bytes} bytes; Plimsoll writes at most {EVIDENCE_LIMIT}, so this one is not read"
    )]
    Oversized {
        /// The file.
        path: String,
        /// How large it is.
        bytes: usize,
    },
    /// Not the bytes that its name promises.
    #[error(
        "evidence `{path}` was changed after it was written: its bytes have the digest `{digest}`; restore it from git"
    )]
    Altered {
        /// The file.
        path: String,
        /// What its bytes add up to.
        digest: String,
    },
    /// Not JSON, or JSON of another form.
    #[error("evidence `{path}` cannot be read; restore it from git")]
    Malformed {
        /// The file.
        path: String,
        /// What the reader said.
        #[source]
        source: serde_json::Error,
    },
    /// Of another version.
    #[error(
        "evidence `{path}` has the schema `{schema}`, this Plimsoll reads `{EVIDENCE_SCHEMA}`; use a newer Plimsoll"
    )]
    Schema {
        /// The file.
        path: String,
        /// What it says.
        schema: String,
    },
    /// A file below the evidence folder whose name is no digest.
    #[error(
        "`{path}` is not named like evidence: `{EVIDENCE_FOLDER}/<64 hexadecimal digits>.evidence`"
    )]
    Name {
        /// The file.
        path: String,
    },
}

/// Evidence as it goes into a commit.
#[derive(Debug, Clone, PartialEq)]
pub struct EvidenceFile {
    /// SHA-256 of the bytes, hexadecimal: what identifies the change.
    pub digest: String,
    /// `.plimsoll/evidence/<digest>.evidence`.
    pub path: String,
    /// At most [`EVIDENCE_LIMIT`] bytes of JSON.
    pub bytes: Vec<u8>,
    /// What is in the file: blocks merged, floats rounded. Pages are rendered from this one, so that replaying gives the same.
    pub evidence: Evidence,
}

/// The JSON Schema of evidence.
pub fn evidence_schema() -> schemars::Schema {
    schemars::schema_for!(Evidence)
}

/// The path of evidence by its digest.
pub fn evidence_path(digest: &str) -> String {
    format!("{EVIDENCE_FOLDER}/{digest}.evidence")
}

/// The digest in a path; none when it is no path of evidence.
pub fn evidence_digest(path: &str) -> Option<&str> {
    let name = path.strip_prefix(EVIDENCE_FOLDER)?.strip_prefix('/')?;
    let digest = name.strip_suffix(".evidence")?;
    let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    (digest.len() == 64 && digest.chars().all(hex)).then_some(digest)
}

impl Evidence {
    /// The evidence as a file. Blocks are merged two by two until it fits; should it be too large without them, the largest
    /// details give way to their digests.
    ///
    /// # Errors
    /// [`EvidenceError::Unwritable`] when a number is not finite, [`EvidenceError::TooLarge`] when nothing more can be left out.
    pub fn to_file(&self) -> Result<EvidenceFile, EvidenceError> {
        let job = self.job.to_string();
        let blocks = roughly_fitting(&self.blocks, EVIDENCE_LIMIT);
        let mut fitting = Evidence {
            blocks,
            ..self.clone()
        };
        let bytes = loop {
            let bytes = canonical_bytes(&fitting).map_err(|source| EvidenceError::Unwritable {
                job: job.clone(),
                source,
            })?;
            if bytes.len() <= EVIDENCE_LIMIT {
                break bytes;
            }
            if !shrink(&mut fitting) {
                return Err(EvidenceError::TooLarge {
                    job,
                    bytes: bytes.len(),
                });
            }
        };
        let evidence = serde_json::from_slice(&bytes)
            .map_err(|source| EvidenceError::Unwritable { job, source })?;
        let digest = sha256_hex(&bytes);
        Ok(EvidenceFile {
            path: evidence_path(&digest),
            digest,
            bytes,
            evidence,
        })
    }

    /// Reads evidence that was found at `path`, and checks that its bytes are those that its name promises.
    ///
    /// # Errors
    /// Any of [`EvidenceError`] but the two of writing; each names the file.
    pub fn from_file(path: &str, bytes: &[u8]) -> Result<Evidence, EvidenceError> {
        let path = path.to_string();
        let Some(promised) = evidence_digest(&path) else {
            return Err(EvidenceError::Name { path });
        };
        if bytes.len() > EVIDENCE_LIMIT {
            let bytes = bytes.len();
            return Err(EvidenceError::Oversized { path, bytes });
        }
        let digest = sha256_hex(bytes);
        if digest != promised {
            return Err(EvidenceError::Altered { path, digest });
        }
        let value: Value =
            serde_json::from_slice(bytes).map_err(|source| EvidenceError::Malformed {
                path: path.clone(),
                source,
            })?;
        let schema = value.get("schema").and_then(Value::as_str).unwrap_or("");
        if schema != EVIDENCE_SCHEMA {
            let schema = schema.to_string();
            return Err(EvidenceError::Schema { path, schema });
        }
        serde_json::from_value(value).map_err(|source| EvidenceError::Malformed { path, source })
    }
}

fn canonical_bytes(evidence: &Evidence) -> Result<Vec<u8>, serde_json::Error> {
    let mut value = serde_json::to_value(evidence)?;
    if let Value::Object(object) = &mut value {
        for (key, part) in object.iter_mut() {
            // Values of a manifest are quoted, not measured: a revert gives them back as they were.
            if key != "fields" {
                round_floats(part);
            }
        }
    }
    Ok(document(&value).into_bytes())
}

/// Leaves out the least that helps; false when nothing is left to leave out.
fn shrink(evidence: &mut Evidence) -> bool {
    if evidence.blocks.len() > 1 {
        evidence.blocks = halve(&evidence.blocks);
        return true;
    }
    if !evidence.blocks.is_empty() {
        evidence.blocks.clear();
        return true;
    }
    let largest = evidence
        .details
        .iter()
        .filter(|(_, value)| value.get("omitted_sha256").is_none())
        .map(|(name, value)| (value.to_string().len(), name.clone()))
        .max();
    let Some((bytes, name)) = largest.filter(|(bytes, _)| *bytes > 256) else {
        return false;
    };
    if let Some(value) = evidence.details.get_mut(&name) {
        round_floats(value);
        let digest = sha256_hex(super::canonical::line(value).as_bytes());
        *value = json!({ "omitted_sha256": digest, "bytes": bytes });
    }
    true
}
