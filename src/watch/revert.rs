//! What a revert restores: exactly the fields that the change set, on top of whatever happened to the file since.

use crate::quantity::{Cpu, Memory};
use crate::record::{Evidence, FieldChange};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A field that somebody else changed since.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TakenOver {
    /// The field as the change set it.
    pub field: FieldChange,
    /// What stands there now; absent when it was removed or can't be read.
    pub now: Option<Value>,
}

/// What undoing a change would do.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Restoration {
    /// Fields to set back: `before` is what stands there now, `after` what stood there before the change.
    pub restore: Vec<FieldChange>,
    /// Fields that a person changed meanwhile: not fought over, but said.
    pub taken_over: Vec<TakenOver>,
    /// Fields that are back already.
    pub restored: Vec<FieldChange>,
}

/// What undoing a change would do to the manifest as it is. `current` gives a field's value now: the outer option is absent when it
/// can't be read, the inner when the field is not there.
pub fn restoration(
    evidence: &Evidence,
    current: &dyn Fn(&FieldChange) -> Option<Option<Value>>,
) -> Restoration {
    let mut result = Restoration::default();
    for field in &evidence.fields {
        let Some(now) = current(field) else {
            result.taken_over.push(TakenOver {
                field: field.clone(),
                now: None,
            });
            continue;
        };
        if same_value(&field.path, now.as_ref(), field.after.as_ref()) {
            result.restore.push(FieldChange {
                before: now,
                after: field.before.clone(),
                ..field.clone()
            });
        } else if same_value(&field.path, now.as_ref(), field.before.as_ref()) {
            result.restored.push(field.clone());
        } else {
            result.taken_over.push(TakenOver {
                field: field.clone(),
                now,
            });
        }
    }
    result
}

/// Whether two values of the field at `path` mean the same: `2048m` and `2g` of memory, `500m` and `0.5` of CPU, `"2"` and `2`.
pub fn same_value(path: &str, one: Option<&Value>, two: Option<&Value>) -> bool {
    let (Some(one), Some(two)) = (one, two) else {
        return one.is_none() && two.is_none();
    };
    if one == two || text(one) == text(two) {
        return true;
    }
    if let (Some(one), Some(two)) = (number(one), number(two)) {
        return one == two;
    }
    let path = path.to_ascii_lowercase();
    let quantity = |value: &Value| -> Option<u64> {
        if path.contains("memory") {
            Some(text(value).parse::<Memory>().ok()?.bytes())
        } else if path.contains("cpu") {
            Some(text(value).parse::<Cpu>().ok()?.millicores())
        } else {
            None
        }
    };
    matches!((quantity(one), quantity(two)), (Some(one), Some(two)) if one == two)
}

/// A value as it would be written without quotes.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.trim().to_string(),
        other => other.to_string(),
    }
}

/// A number, or a text that is one.
pub(super) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text
            .trim()
            .parse()
            .ok()
            .filter(|number: &f64| number.is_finite()),
        _ => None,
    }
}
