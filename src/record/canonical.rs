//! JSON with one spelling: keys sorted, floats of nine significant digits, one line a top-level entry, so that equal content
//! has equal bytes and a digest means something.

use serde_json::Value;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

/// SHA-256 of bytes, 64 lower-case hexadecimal digits.
pub fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .fold(String::with_capacity(64), |mut hex, byte| {
            // Writing to a String can't fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}

/// The document's bytes: top-level keys and the elements of top-level arrays stand on lines of their own, because the file is
/// read in reviews; below that there is no white space.
pub(super) fn document(value: &Value) -> String {
    let Value::Object(object) = value else {
        return line(value) + "\n";
    };
    let mut keys: Vec<&String> = object.keys().collect();
    keys.sort();
    let mut text = String::from("{\n");
    for (index, key) in keys.iter().enumerate() {
        let comma = if index + 1 < keys.len() { "," } else { "" };
        text += &format!("{}: ", Value::from(key.as_str()));
        match &object[key.as_str()] {
            Value::Array(elements) if !elements.is_empty() => {
                let lines: Vec<String> = elements.iter().map(line).collect();
                text += &format!("[\n{}\n]", lines.join(",\n"));
            }
            value => text += &line(value),
        }
        text += &format!("{comma}\n");
    }
    text + "}\n"
}

/// A value on one line, keys sorted.
pub(super) fn line(value: &Value) -> String {
    match value {
        Value::Array(elements) => {
            let elements: Vec<String> = elements.iter().map(line).collect();
            format!("[{}]", elements.join(","))
        }
        Value::Object(object) => {
            let mut keys: Vec<&String> = object.keys().collect();
            keys.sort();
            let entries: Vec<String> = keys
                .iter()
                .map(|key| {
                    format!(
                        "{}:{}",
                        Value::from(key.as_str()),
                        line(&object[key.as_str()])
                    )
                })
                .collect();
            format!("{{{}}}", entries.join(","))
        }
        scalar => scalar.to_string(),
    }
}

/// Rounds every float to nine significant digits: what is written then reads back as the same number on every machine, and
/// evidence holds no digits that no measurement has.
pub(super) fn round_floats(value: &mut Value) {
    match value {
        Value::Number(number) if number.is_f64() => {
            let rounded = number
                .as_f64()
                .and_then(|float| format!("{float:.8e}").parse::<f64>().ok());
            if let Some(rounded) = rounded {
                *value = Value::from(rounded);
            }
        }
        Value::Array(elements) => elements.iter_mut().for_each(round_floats),
        Value::Object(object) => object.values_mut().for_each(round_floats),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn order_of_insertion_leaves_no_trace() {
        let one = json!({"b": {"y": 1, "x": [1, 2]}, "a": "t"});
        let two = json!({"a": "t", "b": {"x": [1, 2], "y": 1}});
        assert_eq!(document(&one), document(&two));
        assert_eq!(
            document(&one),
            "{\n\"a\": \"t\",\n\"b\": {\"x\":[1,2],\"y\":1}\n}\n"
        );
    }

    #[test]
    fn rounded_floats_survive_reading() {
        let mut value = json!([0.1 + 0.2, 1.0 / 3.0, 12345678901.234, 1e-300, 5]);
        round_floats(&mut value);
        let again: Value = serde_json::from_str(&value.to_string()).unwrap();
        assert_eq!(value, again);
        assert_eq!(value[0], json!(0.3));
        assert_eq!(value[4], json!(5));
    }

    #[test]
    fn a_known_digest() {
        assert_eq!(
            sha256_hex(b"abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
