//! A file that carries a plan or due reverts from the job with cluster credentials to the one with a write token. Its first line holds
//! the digest of everything in it: whatever was damaged on the way is refused whole. A digest can be made by anybody; with a key that both
//! jobs share the file is signed too.

use super::canonical::sha256_hex;
use hmac::{Hmac, Mac};
use serde_json::Value;
use sha2::Sha256;
use std::fmt;

const BEGIN: &str = "{\n  \"digest\": \"sha256:";
const DIGITS: usize = 64;
const SIGNED: &str = "\",\n  \"signature\": \"hmac-sha256:";

/// The fewest bytes of a key.
const LEAST_KEY: usize = 16;

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
    /// It is not signed, and it has to be.
    #[error(
        "it is not signed, and a key is set here: give the job that writes it the same key, and make it again"
    )]
    Unsigned,
    /// It was signed with another key.
    #[error(
        "its signature was not made with the key that is set here: nothing of it is used; give both jobs the same key, and make it again"
    )]
    Forged,
    /// The key is too short.
    #[error("the key has fewer than {LEAST_KEY} bytes: make one with `openssl rand -hex 32`")]
    ShortKey,
    /// It is no JSON object.
    #[error("it can't be read: {0}")]
    Unreadable(String),
}

/// A key that the job that writes an artifact and the one that reads it share. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct SealKey(Vec<u8>);

impl SealKey {
    /// A key of at least 16 bytes; white space around it does not count, so that it may come from a file.
    ///
    /// # Errors
    /// [`ArtifactError::ShortKey`].
    pub fn new(text: &str) -> Result<SealKey, ArtifactError> {
        let bytes = text.trim().as_bytes();
        if bytes.len() < LEAST_KEY {
            return Err(ArtifactError::ShortKey);
        }
        Ok(SealKey(bytes.to_vec()))
    }

    /// HMAC-SHA256 (RFC 2104) of a text.
    fn mac(&self, text: &str) -> Result<Hmac<Sha256>, ArtifactError> {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.0).map_err(|_| ArtifactError::ShortKey)?;
        mac.update(text.as_bytes());
        Ok(mac)
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKey(…)")
    }
}

/// The text of an artifact: the object's pretty JSON, its digest (SHA-256 of the text with zeros in the digest's place) on the first line.
/// With a key the second line holds a signature: HMAC-SHA256 of the text with zeros in the places of both.
///
/// # Errors
/// A content that is no JSON object.
pub fn seal(content: &Value, key: Option<&SealKey>) -> Result<String, ArtifactError> {
    let pretty = serde_json::to_string_pretty(content)
        .map_err(|error| ArtifactError::Unreadable(error.to_string()))?;
    let rest = pretty.strip_prefix("{\n").ok_or_else(|| {
        ArtifactError::Unreadable("it is not an object, or it is empty".to_owned())
    })?;
    let zeros = "0".repeat(DIGITS);
    let unsigned = match key {
        None => format!("{BEGIN}{zeros}\",\n{rest}\n"),
        Some(key) => {
            let blank = format!("{BEGIN}{zeros}{SIGNED}{zeros}\",\n{rest}\n");
            let signature = hex(&key.mac(&blank)?.finalize().into_bytes());
            format!("{BEGIN}{zeros}{SIGNED}{signature}\",\n{rest}\n")
        }
    };
    Ok(unsigned.replacen(&zeros, &sha256_hex(unsigned.as_bytes()), 1))
}

/// The content of an artifact, without its digest and signature. With a key it has to be signed with that key. The digest shows that it was
/// not damaged, the signature that a holder of the key wrote it; neither makes what it asks for right.
///
/// # Errors
/// No digest, another one than the content's, no signature or another key's, no JSON.
pub fn unseal(text: &str, key: Option<&SealKey>) -> Result<Value, ArtifactError> {
    let (digest, rest) = text
        .strip_prefix(BEGIN)
        .and_then(|rest| rest.split_at_checked(DIGITS))
        .ok_or(ArtifactError::Unsealed)?;
    let zeros = "0".repeat(DIGITS);
    let undigested = format!("{BEGIN}{zeros}{rest}");
    if sha256_hex(undigested.as_bytes()) != digest {
        return Err(ArtifactError::Broken);
    }
    if let Some(key) = key {
        let (signature, rest) = rest
            .strip_prefix(SIGNED)
            .and_then(|rest| rest.split_at_checked(DIGITS))
            .ok_or(ArtifactError::Unsigned)?;
        let blank = format!("{BEGIN}{zeros}{SIGNED}{zeros}{rest}");
        let signature = unhex(signature).ok_or(ArtifactError::Forged)?;
        key.mac(&blank)?
            .verify_slice(&signature)
            .map_err(|_| ArtifactError::Forged)?;
    }
    let mut value: Value =
        serde_json::from_str(text).map_err(|error| ArtifactError::Unreadable(error.to_string()))?;
    if let Some(object) = value.as_object_mut() {
        object.remove("digest");
        object.remove("signature");
    }
    Ok(value)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() {
        return None;
    }
    (0..text.len() / 2)
        .map(|at| u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok())
        .collect()
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
        let text = seal(&content, None).unwrap();
        assert_eq!(unseal(&text, None).unwrap(), content);
        for at in [text.len() - 4, text.find("0.1").unwrap(), BEGIN.len() + 3] {
            let mut bytes = text.clone().into_bytes();
            bytes[at] = if bytes[at] == b'7' { b'8' } else { b'7' };
            let changed = String::from_utf8(bytes).unwrap();
            assert_eq!(
                unseal(&changed, None),
                Err(ArtifactError::Broken),
                "byte {at}"
            );
        }
        assert_eq!(
            unseal(&text[..text.len() - 9], None),
            Err(ArtifactError::Broken)
        );
        assert_eq!(unseal("{}", None), Err(ArtifactError::Unsealed));
        assert_eq!(unseal("", None), Err(ArtifactError::Unsealed));
        assert_eq!(unseal(&text[..30], None), Err(ArtifactError::Unsealed));
        assert!(seal(&json!([]), None).is_err());
    }

    #[test]
    fn a_reader_with_a_key_takes_only_what_a_holder_of_it_wrote() {
        let content = json!({"schema": "x/1", "items": [1, 2]});
        let (ours, theirs) = (
            SealKey::new(" 0123456789abcdef\n").unwrap(),
            SealKey::new("another key of some length").unwrap(),
        );
        assert_eq!(ours, SealKey::new("0123456789abcdef").unwrap());
        assert_eq!(SealKey::new("short"), Err(ArtifactError::ShortKey));
        assert!(!format!("{ours:?}").contains("0123"));
        let signed = seal(&content, Some(&ours)).unwrap();
        assert_eq!(unseal(&signed, Some(&ours)).unwrap(), content);
        assert_eq!(unseal(&signed, None).unwrap(), content);
        assert_eq!(unseal(&signed, Some(&theirs)), Err(ArtifactError::Forged));
        let plain = seal(&content, None).unwrap();
        assert_eq!(unseal(&plain, Some(&ours)), Err(ArtifactError::Unsigned));
        // Another content under the old signature, sealed anew: the digest fits, and the signature does not.
        let at = signed.find("hmac-sha256:").unwrap() + "hmac-sha256:".len();
        let other = json!({"schema": "x/1", "items": [1, 3]});
        let resealed = seal(&other, Some(&theirs)).unwrap();
        let zeros = "0".repeat(DIGITS);
        let forged = format!(
            "{BEGIN}{zeros}{}{}{}",
            &resealed[BEGIN.len() + DIGITS..at],
            &signed[at..at + DIGITS],
            &resealed[at + DIGITS..]
        );
        let forged = forged.replacen(&zeros, &sha256_hex(forged.as_bytes()), 1);
        assert_eq!(unseal(&forged, None).unwrap(), other);
        assert_eq!(unseal(&forged, Some(&ours)), Err(ArtifactError::Forged));
        let misplaced = json!({"a": "x", "signature": "hmac-sha256:0"});
        let text = seal(&misplaced, None).unwrap();
        assert_eq!(unseal(&text, Some(&ours)), Err(ArtifactError::Unsigned));
    }
}
