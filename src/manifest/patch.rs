//! Patches as kustomize applies them to custom resources, on plain values.

use serde_json::{Map, Value};

use super::ObjectKey;

/// Which objects a patch is meant for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Selector {
    group: Option<String>,
    version: Option<String>,
    kind: Option<String>,
    name: Option<String>,
    namespace: Option<String>,
    labels: Option<String>,
    annotations: Option<String>,
}

impl Selector {
    pub(crate) fn read(value: &Value) -> Selector {
        let text = |key: &str| {
            value[key]
                .as_str()
                .filter(|t| !t.is_empty())
                .map(str::to_owned)
        };
        Selector {
            group: text("group"),
            version: text("version"),
            kind: text("kind"),
            name: text("name"),
            namespace: text("namespace"),
            labels: text("labelSelector"),
            annotations: text("annotationSelector"),
        }
    }

    pub(crate) fn matches(
        &self,
        object: &Value,
        key: &ObjectKey,
        names: &[String],
        namespaces: &[Option<String>],
    ) -> bool {
        let version = object["apiVersion"].as_str().unwrap_or_default();
        let version = version.rsplit('/').next().unwrap_or_default();
        let fits = |pattern: &Option<String>, text: &str| {
            pattern
                .as_ref()
                .is_none_or(|pattern| expression(pattern, text))
        };
        fits(&self.group, &key.group)
            && fits(&self.version, version)
            && fits(&self.kind, &key.kind)
            && names.iter().any(|name| fits(&self.name, name))
            && namespaces
                .iter()
                .any(|ns| fits(&self.namespace, ns.as_deref().unwrap_or("default")))
            && selected(self.labels.as_deref(), &object["metadata"]["labels"])
            && selected(
                self.annotations.as_deref(),
                &object["metadata"]["annotations"],
            )
    }
}

/// Kustomize's selectors are anchored regular expressions; what people write in them is names,
/// alternatives and `.*`.
fn expression(pattern: &str, text: &str) -> bool {
    let pattern = pattern.trim_start_matches('^').trim_end_matches('$');
    let pattern = pattern
        .strip_prefix('(')
        .and_then(|p| p.strip_suffix(')'))
        .unwrap_or(pattern);
    pattern.split('|').any(|alternative| {
        let parts: Vec<String> = alternative
            .split(".*")
            .map(|p| p.replace('\\', ""))
            .collect();
        let [first, middle @ .., last] = parts.as_slice() else {
            return parts.first().is_some_and(|only| only == text);
        };
        let Some(mut rest) = text.strip_prefix(first.as_str()) else {
            return false;
        };
        for part in middle {
            match rest.find(part.as_str()) {
                Some(at) => rest = &rest[at + part.len()..],
                None => return false,
            }
        }
        rest.ends_with(last.as_str())
    })
}

/// See [`expression`].
pub(crate) fn fits(pattern: &str, text: &str) -> bool {
    expression(pattern, text)
}

/// Equality-based selectors: `a=b,c!=d,e`.
fn selected(selector: Option<&str>, labels: &Value) -> bool {
    selector.is_none_or(|selector| {
        selector
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .all(|part| {
                let label = |key: &str| labels[key.trim()].as_str();
                if let Some((key, value)) = part.split_once("!=") {
                    return label(key) != Some(value.trim());
                }
                match part.split_once('=') {
                    Some((key, value)) => label(key) == Some(value.trim_start_matches('=').trim()),
                    None => label(part).is_some(),
                }
            })
    })
}

/// Merges a strategic-merge patch: mappings by key, null removes, anything else replaces (custom resources
/// have no merge keys for lists).
pub(crate) fn merge(object: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        *object = patch.clone();
        return;
    };
    if !object.is_object() || changes.get("$patch").is_some_and(|how| how == "replace") {
        *object = Value::Object(Map::new());
    }
    let Value::Object(map) = object else { return };
    for (key, change) in changes {
        let removes = change.is_null() || change["$patch"] == "delete";
        if removes {
            map.remove(key);
        } else if key != "$patch" {
            merge(map.entry(key.clone()).or_insert(Value::Null), change);
        }
    }
}

/// Applies one operation of a JSON patch: where it goes, and whether it removes. Nothing for `test` and
/// for operations that do not fit.
pub(crate) fn operation(object: &mut Value, operation: &Value) -> Option<(Vec<String>, bool)> {
    let way = pointer(operation["path"].as_str()?);
    let (last, before) = way.split_last()?;
    let kind = operation["op"].as_str()?;
    let value = match kind {
        "add" | "replace" => Some(operation.get("value")?.clone()),
        "remove" => None,
        // The value then stands elsewhere; for the field it is gone.
        "move" | "copy" => object.pointer(operation["from"].as_str()?).cloned(),
        _ => return None,
    };
    let removes = kind != "add" && kind != "replace";
    let mut at = object;
    for key in before {
        at = match at {
            Value::Object(map) => map.get_mut(key)?,
            Value::Array(items) => items.get_mut(key.parse::<usize>().ok()?)?,
            _ => return None,
        };
    }
    match (at, value) {
        (Value::Object(map), Some(value)) => {
            map.insert(last.clone(), value);
        }
        (Value::Object(map), None) => {
            map.remove(last);
        }
        (Value::Array(items), value) => {
            let index = last.parse::<usize>().unwrap_or(items.len());
            match value {
                Some(value) if kind == "replace" => *items.get_mut(index)? = value,
                Some(value) if index <= items.len() => items.insert(index, value),
                None if index < items.len() => {
                    items.remove(index);
                }
                _ => return None,
            }
        }
        _ => return None,
    }
    Some((way, removes))
}

/// The parts of a JSON pointer.
pub(crate) fn pointer(text: &str) -> Vec<String> {
    text.split('/')
        .skip(1)
        .map(|part| part.replace("~1", "/").replace("~0", "~"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn selectors_read_the_expressions_people_write() {
        for (pattern, text, fits) in [
            ("orders", "orders", true),
            ("orders", "orders-v2", false),
            ("orders.*", "orders-v2", true),
            ("^(orders|bills)$", "bills", true),
            (".*-v2", "orders-v2", true),
            (".*", "anything", true),
            ("a.*b.*c", "axbxc", true),
            ("a.*b.*c", "axc", false),
        ] {
            assert_eq!(expression(pattern, text), fits, "{pattern} on {text}");
        }
    }

    #[test]
    fn merges_and_operations_change_only_what_they_name() {
        let mut object = json!({"spec": {"a": 1, "b": {"c": 2, "d": 3}}});
        merge(&mut object, &json!({"spec": {"b": {"c": 5, "d": null}}}));
        assert_eq!(object, json!({"spec": {"a": 1, "b": {"c": 5}}}));
        let done = operation(
            &mut object,
            &json!({"op": "replace", "path": "/spec/a", "value": 7}),
        );
        assert_eq!(done, Some((vec!["spec".into(), "a".into()], false)));
        assert_eq!(object["spec"]["a"], 7);
        let done = operation(&mut object, &json!({"op": "remove", "path": "/spec/b/c"}));
        assert_eq!(
            done,
            Some((vec!["spec".into(), "b".into(), "c".into()], true))
        );
    }
}
