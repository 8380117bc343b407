//! Documents ↔ compressed JSON.

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::io::{Read, Write};

/// Digits kept of a block's numbers: more than any of them is exact to, and half the bytes.
const BLOCK_DIGITS: usize = 4;

/// A larger document is damage, not a snapshot.
const LARGEST_DOCUMENT: u64 = 256 << 20;

/// A row that could not be written or read.
#[derive(Debug, thiserror::Error)]
pub(super) enum CodecError {
    #[error("it is damaged ({0})")]
    Compression(#[from] std::io::Error),
    #[error("it is not a document of this version ({0})")]
    Json(#[from] serde_json::Error),
}

/// The whole document.
pub(super) fn pack<T: Serialize>(document: &T) -> Result<Vec<u8>, CodecError> {
    compressed(&serde_json::to_vec(document)?, Compression::default())
}

/// The document with its fractions rounded.
pub(super) fn pack_rounded<T: Serialize>(document: &T) -> Result<Vec<u8>, CodecError> {
    let mut value = serde_json::to_value(document)?;
    round(&mut value);
    compressed(&serde_json::to_vec(&value)?, Compression::best())
}

/// What was packed.
pub(super) fn unpack<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    let mut json = Vec::with_capacity(bytes.len() * 6);
    ZlibDecoder::new(bytes)
        .take(LARGEST_DOCUMENT)
        .read_to_end(&mut json)?;
    Ok(serde_json::from_slice(&json)?)
}

fn compressed(json: &[u8], effort: Compression) -> Result<Vec<u8>, CodecError> {
    let mut encoder = ZlibEncoder::new(Vec::new(), effort);
    encoder.write_all(json)?;
    Ok(encoder.finish()?)
}

fn round(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(round),
        Value::Object(fields) => fields.values_mut().for_each(round),
        Value::Number(number) if number.is_f64() => {
            if let Some(rounded) = number.as_f64().map(significant).and_then(as_short) {
                *number = rounded;
            }
        }
        _ => {}
    }
}

/// Whole numbers are written without a fraction: both are read as the same number.
fn as_short(value: f64) -> Option<serde_json::Number> {
    if value.fract() == 0.0 && value.abs() < 9.0e15 {
        return Some(serde_json::Number::from(value as i64));
    }
    serde_json::Number::from_f64(value)
}

fn significant(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    // Through text, so that the result is the number nearest to its decimal form.
    format!("{value:.*e}", BLOCK_DIGITS - 1)
        .parse()
        .unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_four_digits() {
        assert_eq!(significant(0.123_456_789), 0.1235);
        assert_eq!(significant(-1_234_567.8), -1_235_000.0);
        assert_eq!(significant(0.0), 0.0);
    }

    #[test]
    fn packing_is_undone_by_unpacking() {
        let packed = pack(&vec![1.5, 2.0]).expect("packed");
        assert_eq!(unpack::<Vec<f64>>(&packed).expect("unpacked"), [1.5, 2.0]);
        assert!(unpack::<Vec<f64>>(&packed[..packed.len() / 2]).is_err());
        assert!(unpack::<Vec<f64>>(b"no zlib").is_err());
    }
}
