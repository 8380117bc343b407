//! Documents against the schemas that `plimsoll schema plugin` prints: the part of JSON Schema that they use.

use super::*;
use serde_json::Map;

fn schemas() -> &'static Value {
    static SCHEMAS: OnceLock<Value> = OnceLock::new();
    SCHEMAS.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let output = run(folder.path(), &["schema", "plugin"]);
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    })
}

/// Fails unless a document is valid by the schema of this name.
pub fn valid(name: &str, document: &Value) {
    let wrong = wrong(name, document);
    assert!(wrong.is_empty(), "{name}: {wrong:#?}");
}

/// What is wrong with it, each with its place.
fn wrong(name: &str, document: &Value) -> Vec<String> {
    let schema = schemas()["$defs"][name].as_object();
    let schema = schema.unwrap_or_else(|| panic!("no schema {name}"));
    let mut wrong = Vec::new();
    check(schema, document, name, &mut wrong);
    wrong
}

fn check(schema: &Map<String, Value>, value: &Value, at: &str, wrong: &mut Vec<String>) {
    for (keyword, rule) in schema {
        let fits = match keyword.as_str() {
            "$schema" | "title" | "description" | "default" | "format" | "$defs" => true,
            "$ref" => {
                let name = rule.as_str().unwrap().strip_prefix("#/$defs/").unwrap();
                check(
                    schemas()["$defs"][name].as_object().unwrap(),
                    value,
                    at,
                    wrong,
                );
                true
            }
            "type" => match rule {
                Value::String(name) => is(value, name),
                names => names
                    .as_array()
                    .unwrap()
                    .iter()
                    .any(|name| is(value, name.as_str().unwrap())),
            },
            "enum" => rule.as_array().unwrap().contains(value),
            "const" => rule == value,
            "minimum" => value
                .as_f64()
                .is_none_or(|number| number >= rule.as_f64().unwrap()),
            "maximum" => value
                .as_f64()
                .is_none_or(|number| number <= rule.as_f64().unwrap()),
            "anyOf" | "oneOf" => {
                let fitting = rule
                    .as_array()
                    .unwrap()
                    .iter()
                    .filter(|one| matches(one, value))
                    .count();
                fitting == 1 || (keyword == "anyOf" && fitting > 1)
            }
            "allOf" => rule
                .as_array()
                .unwrap()
                .iter()
                .all(|one| matches(one, value)),
            "items" => {
                for (place, item) in value.as_array().into_iter().flatten().enumerate() {
                    any(rule, item, &format!("{at}[{place}]"), wrong);
                }
                true
            }
            "prefixItems" => {
                let items = value.as_array().into_iter().flatten();
                for (rule, item) in rule.as_array().unwrap().iter().zip(items) {
                    any(rule, item, at, wrong);
                }
                true
            }
            "minItems" => value
                .as_array()
                .is_none_or(|items| items.len() as u64 >= rule.as_u64().unwrap()),
            "maxItems" => value
                .as_array()
                .is_none_or(|items| items.len() as u64 <= rule.as_u64().unwrap()),
            "uniqueItems" => true,
            "required" => value.as_object().is_none_or(|fields| {
                let names = rule.as_array().unwrap();
                names
                    .iter()
                    .all(|name| fields.contains_key(name.as_str().unwrap()))
            }),
            "properties" => {
                for (name, rule) in rule.as_object().unwrap() {
                    if let Some(field) = value.get(name) {
                        any(rule, field, &format!("{at}.{name}"), wrong);
                    }
                }
                true
            }
            "additionalProperties" => {
                let known = schema.get("properties").and_then(Value::as_object);
                let fields = value.as_object().into_iter().flatten();
                for (name, field) in
                    fields.filter(|(name, _)| known.is_none_or(|known| !known.contains_key(*name)))
                {
                    any(rule, field, &format!("{at}.{name}"), wrong);
                }
                true
            }
            other => panic!("{at}: the schema has `{other}`, which this test does not know"),
        };
        if !fits {
            let shown: String = value.to_string().chars().take(200).collect();
            wrong.push(format!("{at}: {keyword} {rule}: {shown}"));
        }
    }
}

fn matches(rule: &Value, value: &Value) -> bool {
    let mut wrong = Vec::new();
    any(rule, value, "", &mut wrong);
    wrong.is_empty()
}

/// A schema, or `true` and `false` in the place of one.
fn any(rule: &Value, value: &Value, at: &str, wrong: &mut Vec<String>) {
    match rule {
        Value::Bool(true) => {}
        Value::Bool(false) => wrong.push(format!("{at} is not allowed")),
        rule => check(rule.as_object().unwrap(), value, at, wrong),
    }
}

fn is(value: &Value, name: &str) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => {
            value.is_i64()
                || value.is_u64()
                || value.as_f64().is_some_and(|number| number.fract() == 0.0)
        }
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("no type {other}"),
    }
}

#[test]
fn plugins_schemas_tell_good_answers_from_bad_ones() {
    let names = [
        "CollectRequest",
        "CollectAnswer",
        "EvaluateRequest",
        "EvaluateAnswer",
        "RealizeRequest",
        "RealizeAnswer",
    ];
    for name in names {
        assert!(schemas()["$defs"][name].is_object(), "{name}");
        let wrong = wrong(name, &serde_json::json!({"schema": 1}));
        assert!(!wrong.is_empty(), "{name}");
    }
    assert_eq!(schemas()["anyOf"].as_array().unwrap().len(), names.len());
    valid("EvaluateAnswer", &serde_json::from_str(SILENT).unwrap());
    for (name, text) in [
        ("EvaluateAnswer", r#"{"schema":"v","more":1}"#),
        (
            "EvaluateAnswer",
            r#"{"schema":"v","demand":{"load_per_second":"much"}}"#,
        ),
        (
            "EvaluateAnswer",
            r#"{"schema":"v","vertices":{"a":{"rate":1}}}"#,
        ),
        ("EvaluateAnswer", r#"{"demand":{}}"#),
        ("CollectAnswer", r#"{"schema":"v","metrics":{"a":"b"}}"#),
        ("RealizeAnswer", r#"{"schema":"v","outcome":"perhaps"}"#),
    ] {
        assert!(
            !wrong(name, &serde_json::from_str(text).unwrap()).is_empty(),
            "{text}"
        );
    }
}
