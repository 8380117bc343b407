//! Recorded against computed values, by the rules of the vectors' notes.

use serde_json::{Map, Value};

use super::read::number;

/// Metrics that are whole numbers, compared exactly.
const EXACT: [&str; 5] = [
    "PARALLELISM",
    "MAX_PARALLELISM",
    "NUM_SOURCE_PARTITIONS",
    "SCALE_UP_RATE_THRESHOLD",
    "SCALE_DOWN_RATE_THRESHOLD",
];

/// Differences of the keys that `answers` has.
pub(super) fn differences(expected: &Value, answers: &Map<String, Value>) -> Vec<String> {
    let mut found = Vec::new();
    for (key, answer) in answers {
        compare(&expected[key], answer, key, &mut found);
    }
    found
}

fn compare(expected: &Value, answer: &Value, path: &str, found: &mut Vec<String>) {
    match (expected, answer) {
        (Value::Object(a), Value::Object(b)) => {
            for key in a.keys().chain(b.keys().filter(|key| !a.contains_key(*key))) {
                let path = format!("{path}.{key}");
                match (a.get(key), b.get(key)) {
                    (Some(a), Some(b)) => compare(a, b, &path, found),
                    (a, b) => found.push(format!("{path}: expected {a:?}, got {b:?}")),
                }
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (index, (a, b)) in a.iter().zip(b).enumerate() {
                compare(a, b, &format!("{path}[{index}]"), found);
            }
        }
        _ if same(expected, answer, path) => {}
        _ => found.push(format!("{path}: expected {expected}, got {answer}")),
    }
}

fn same(expected: &Value, answer: &Value, path: &str) -> bool {
    if expected == answer {
        return true;
    }
    if path.contains(".overrides.taskmanager.") {
        return same_setting(expected, answer);
    }
    if expected.is_i64() || !(answer.is_f64() || answer.is_string()) {
        return false;
    }
    let (Some(a), Some(b)) = (number(expected), number(answer)) else {
        return false;
    };
    let exact = EXACT
        .iter()
        .any(|metric| path.contains(&format!(".{metric}")));
    let scale = a.abs().max(b.abs());
    a == b || a.is_nan() && b.is_nan() || !exact && (a - b).abs() <= 1e-9 * scale
}

/// Sizes are the same when their bytes are, fractions when their numbers are.
fn same_setting(expected: &Value, answer: &Value) -> bool {
    let (Some(a), Some(b)) = (expected.as_str(), answer.as_str()) else {
        return false;
    };
    match (a.parse::<f64>(), b.parse::<f64>()) {
        (Ok(a), Ok(b)) => a == b,
        _ => {
            let bytes = |text: &str| {
                text.parse()
                    .ok()
                    .map(|m: plimsoll::quantity::Memory| m.bytes())
            };
            bytes(a).is_some() && bytes(a) == bytes(b)
        }
    }
}
