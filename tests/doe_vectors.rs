//! Every statistic and design against figures of other programs (`fixtures/doe.json`, or the file
//! that `PLIMSOLL_DOE_VECTORS` names).

mod designs;
mod kinds;
mod models;
mod samples;

use std::collections::BTreeMap;
use std::io::Write;

use serde_json::{Value, json};

pub(crate) type Outcome = Result<Value, String>;

/// Any typed error or missing field becomes the text that names the failure.
pub(crate) fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

pub(crate) fn number(input: &Value, field: &str) -> Result<f64, String> {
    input[field]
        .as_f64()
        .ok_or_else(|| format!("`{field}` is no number"))
}

pub(crate) fn number_or(input: &Value, field: &str, default: f64) -> f64 {
    input[field].as_f64().unwrap_or(default)
}

pub(crate) fn numbers(value: &Value) -> Result<Vec<f64>, String> {
    let list = value
        .as_array()
        .ok_or_else(|| format!("no list: {value}"))?;
    list.iter()
        .map(|v| v.as_f64().ok_or_else(|| format!("no number: {v}")))
        .collect()
}

pub(crate) fn rows(value: &Value) -> Result<Vec<Vec<f64>>, String> {
    value
        .as_array()
        .ok_or("no rows")?
        .iter()
        .map(numbers)
        .collect()
}

/// Where `got` differs from `want`, by path; every field wanted must be there.
fn differences(path: &str, got: &Value, want: &Value, rel: f64, abs: f64, found: &mut Vec<String>) {
    match (got, want) {
        (Value::Object(g), Value::Object(w)) => {
            for (key, value) in w {
                let none = Value::Null;
                let (rel, abs) = field_tolerance(key, rel, abs);
                differences(
                    &format!("{path}/{key}"),
                    g.get(key).unwrap_or(&none),
                    value,
                    rel,
                    abs,
                    found,
                );
            }
        }
        (Value::Array(g), Value::Array(w)) => {
            if g.len() != w.len() {
                found.push(format!("{path}: {} entries, want {}", g.len(), w.len()));
            }
            for (i, (g, w)) in g.iter().zip(w).enumerate() {
                differences(&format!("{path}/{i}"), g, w, rel, abs, found);
            }
        }
        (Value::Number(_), Value::Number(_)) => {
            let (g, w) = (
                got.as_f64().unwrap_or(f64::NAN),
                want.as_f64().unwrap_or(f64::NAN),
            );
            let gap = (g - w).abs();
            if gap.is_nan() || gap > abs + rel * w.abs() {
                found.push(format!("{path}: {g}, want {w}"));
            }
        }
        _ if got == want => {}
        _ => found.push(format!("{path}: {got}, want {want}")),
    }
}

/// Looser tolerances that the README states for single fields.
fn field_tolerance(key: &str, rel: f64, abs: f64) -> (f64, f64) {
    if key.starts_with("shapiro") {
        (rel.max(1e-4), abs)
    } else if key.starts_with("se_lambda")
        || key.starts_with("se_sigma")
        || key.starts_with("se_kappa")
    {
        (rel.max(1e-3), abs)
    } else {
        (rel, abs)
    }
}

fn sorted_rows(value: &Value) -> Value {
    let mut list = rows(value).unwrap_or_default();
    list.iter_mut().flatten().for_each(|v| *v += 0.0);
    list.sort_by(|a, b| {
        let by_entry = |x: &f64, y: &f64| {
            if (x - y).abs() < 1e-9 {
                std::cmp::Ordering::Equal
            } else {
                x.total_cmp(y)
            }
        };
        a.iter()
            .zip(b)
            .map(|(x, y)| by_entry(x, y))
            .find(|o| o.is_ne())
            .unwrap_or(std::cmp::Ordering::Equal)
    });
    json!(list)
}

/// Lists of words are compared as sets.
fn sorted_words(value: &Value) -> Value {
    match value {
        Value::Array(list) if list.iter().all(Value::is_string) => {
            let mut words: Vec<&str> = list.iter().filter_map(Value::as_str).collect();
            words.sort_unstable();
            json!(words)
        }
        Value::Object(map) => map
            .iter()
            .map(|(k, v)| (k.clone(), sorted_words(v)))
            .collect(),
        other => other.clone(),
    }
}

fn check(case: &Value) -> Result<(), String> {
    let (kind, input, expect) = (
        case["kind"].as_str().unwrap_or(""),
        &case["input"],
        &case["expect"],
    );
    let (rel, abs) = (
        number_or(&case["tol"], "rel", 0.0),
        number_or(&case["tol"], "abs", 0.0),
    );
    let got = kinds::run(kind, input, expect)?;
    let (mut got, mut want) = (got, expect.clone());
    match case["compare"].as_str().unwrap_or("numeric") {
        "unordered_rows" => {
            got["matrix"] = sorted_rows(&got["matrix"]);
            want["matrix"] = sorted_rows(&want["matrix"]);
            (got, want) = (sorted_words(&got), sorted_words(&want));
        }
        "properties" => {
            want.as_object_mut()
                .ok_or("no properties")?
                .remove("reference_matrix");
        }
        "at_least" => {
            let reached = number(&got, "relative_d_efficiency")?;
            let least = number(expect, "min_relative_d_efficiency")?;
            let enough = reached >= least - 1e-9;
            return if enough {
                Ok(())
            } else {
                Err(format!("relative efficiency {reached}, want {least}"))
            };
        }
        _ => {}
    }
    let mut found = Vec::new();
    // With ties the oracle falls back to the approximation, whatever was asked for.
    let both = [
        numbers(&input["x"]).unwrap_or_default(),
        numbers(&input["y"]).unwrap_or_default(),
    ]
    .concat();
    let tied = (0..both.len()).any(|i| both[..i].contains(&both[i]));
    let shift = kind == "test.mann_whitney" && (input["exact"] == json!(false) || tied);
    if shift {
        // The oracle finds these by root search; the README allows 1e-3.
        for field in ["shift", "ci"] {
            differences(field, &got[field], &want[field], 1e-3, 1e-3, &mut found);
            want.as_object_mut().ok_or("no fields")?.remove(field);
        }
    }
    differences("", &got, &want, rel, abs, &mut found);
    if found.is_empty() {
        Ok(())
    } else {
        Err(found[..found.len().min(6)].join("; "))
    }
}

#[test]
fn doe_vectors() {
    let path = std::env::var("PLIMSOLL_DOE_VECTORS")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/doe.json").to_owned());
    let data: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    let mut tally: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let mut out = std::io::stdout();
    for case in data["cases"].as_array().unwrap() {
        let kind = case["kind"].as_str().unwrap().to_owned();
        let count = tally.entry(kind).or_default();
        match check(case) {
            Ok(()) => count.0 += 1,
            Err(reason) => {
                count.1 += 1;
                writeln!(
                    out,
                    "doe_vectors failed: {}: {reason}",
                    case["id"].as_str().unwrap_or("?")
                )
                .unwrap();
            }
        }
    }
    for (kind, (passed, failed)) in &tally {
        writeln!(out, "doe_vectors {kind}: {passed} passed, {failed} failed").unwrap();
    }
    let (passed, failed) = tally
        .values()
        .fold((0, 0), |sum, c| (sum.0 + c.0, sum.1 + c.1));
    writeln!(out, "doe_vectors: {passed} passed, {failed} failed").unwrap();
    assert!(passed > 0, "no case in `{path}`");
    assert_eq!(failed, 0, "{failed} cases failed, named above");
}
