//! A file that carries a plan or due reverts from the job with cluster credentials to the one with a write token. Its first line holds
//! the digest of everything in it: whatever was changed on the way is refused whole.

use super::canonical::sha256_hex;
use serde_json::Value;

const BEGIN: &str = "{\n  \"digest\": \"sha256:";
const DIGITS: usize = 64;

/// Why an artifact is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArtifactError {
    /// It has no digest.
    #[error(
        "it holds no digest: write it with `plimsoll plan --out` or `plimsoll watch --out` of this version"
    )]
    Unsealed,
    /// Its content has another digest.
    #[error(
        "its digest does not fit its content: it was changed or cut short on the way, and nothing of it is used; make it again"
    )]
    Broken,
    /// It is no JSON object.
    #[error("it can't be read: {0}")]
    Unreadable(String),
}

/// The text of an artifact: the object's pretty JSON, its digest (SHA-256 of the text with zeros in the digest's place) on the first line.
///
/// # Errors
/// A content that is no JSON object.
pub fn seal(content: &Value) -> Result<String, ArtifactError> {
    let pretty = serde_json::to_string_pretty(content)
        .map_err(|error| ArtifactError::Unreadable(error.to_string()))?;
    let rest = pretty.strip_prefix("{\n").ok_or_else(|| {
        ArtifactError::Unreadable("it is not an object, or it is empty".to_owned())
    })?;
    let zeros = format!("{BEGIN}{}\",\n{rest}\n", "0".repeat(DIGITS));
    Ok(zeros.replacen(&"0".repeat(DIGITS), &sha256_hex(zeros.as_bytes()), 1))
}

/// The content of an artifact, without its digest.
///
/// # Errors
/// No digest, another one than the content's, no JSON.
pub fn unseal(text: &str) -> Result<Value, ArtifactError> {
    let digest = text
        .strip_prefix(BEGIN)
        .and_then(|rest| rest.get(..DIGITS))
        .ok_or(ArtifactError::Unsealed)?;
    let zeros = format!(
        "{BEGIN}{}{}",
        "0".repeat(DIGITS),
        &text[BEGIN.len() + DIGITS..]
    );
    if sha256_hex(zeros.as_bytes()) != digest {
        return Err(ArtifactError::Broken);
    }
    let mut value: Value =
        serde_json::from_str(text).map_err(|error| ArtifactError::Unreadable(error.to_string()))?;
    if let Some(object) = value.as_object_mut() {
        object.remove("digest");
    }
    Ok(value)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_sealed_opens_and_any_changed_byte_is_refused() {
        let content =
            json!({"schema": "x/1", "at_ms": 5, "items": [{"digest": "sha256:0", "share": 0.1}]});
        let text = seal(&content).unwrap();
        assert_eq!(unseal(&text).unwrap(), content);
        for at in [text.len() - 4, text.find("0.1").unwrap(), BEGIN.len() + 3] {
            let mut bytes = text.clone().into_bytes();
            bytes[at] = if bytes[at] == b'7' { b'8' } else { b'7' };
            let changed = String::from_utf8(bytes).unwrap();
            assert_eq!(unseal(&changed), Err(ArtifactError::Broken), "byte {at}");
        }
        assert_eq!(unseal(&text[..text.len() - 9]), Err(ArtifactError::Broken));
        assert_eq!(unseal("{}"), Err(ArtifactError::Unsealed));
        assert_eq!(unseal(""), Err(ArtifactError::Unsealed));
        assert_eq!(unseal(&text[..30]), Err(ArtifactError::Unsealed));
        assert!(seal(&json!([])).is_err());
    }
}
