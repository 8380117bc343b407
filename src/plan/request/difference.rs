//! The parsed difference of an edit: every value of the job's object that differs must be one that was asked for.

use super::{Locate, Unfit, forged, stale};
use crate::flink::field_path::FieldPath;
use crate::manifest::{Catalog, Located, Tree};
use crate::plan::value_at;
use crate::snapshot::JobKey;
use crate::watch::same_value;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A field with the value that it has after an edit; absent where the edit takes it away.
pub(super) type Wanted<'a> = (&'a FieldPath, Option<&'a Value>);

/// Reads the edited tree again, and proves that the job's object differs in exactly the wanted fields and no other object differs at all.
pub(super) fn prove(
    tree: &Tree,
    edited: &Tree,
    job: &JobKey,
    locate: &Locate<'_>,
    before: &Located,
    wanted: &[Wanted<'_>],
) -> Result<(), Unfit> {
    let mut after_tree = tree.clone();
    after_tree.extend(edited.clone());
    let after_catalog = Catalog::read(&after_tree);
    let after = locate(&after_catalog, job).map_err(stale)?;
    if (&after.key, &after.file, after.document) != (&before.key, &before.file, before.document) {
        return Err(forged("the edit would make another object the job's"));
    }
    for (path, value) in wanted {
        let now = value_at(&after.value, path);
        if !same_value(&path.to_string(), now.as_ref(), *value) {
            return Err(forged(format!("the edit would not set `{path}` as asked")));
        }
    }
    let asked: BTreeSet<String> = wanted
        .iter()
        .map(|(path, _)| path.words().join("."))
        .collect();
    for place in differing(&before.value, &after.value) {
        let below = format!("{place}.");
        // A mapping that was made for a field, or that a field left empty, stands above it.
        if !asked.contains(&place) && !asked.iter().any(|field| field.starts_with(&below)) {
            return Err(forged(format!(
                "the edit would change `{place}`, which was not asked for"
            )));
        }
    }
    Ok(())
}

/// Where two objects differ: the places of scalars and of empty containers.
fn differing(one: &Value, two: &Value) -> BTreeSet<String> {
    let (one, two) = (leaves(one), leaves(two));
    let places = one.keys().chain(two.keys());
    places
        .filter(|place| one.get(*place) != two.get(*place))
        .cloned()
        .collect()
}

fn leaves(value: &Value) -> BTreeMap<String, &Value> {
    let mut found = BTreeMap::new();
    let mut open = vec![(String::new(), value)];
    while let Some((place, value)) = open.pop() {
        let below = |key: &str| {
            if place.is_empty() {
                key.to_string()
            } else {
                format!("{place}.{key}")
            }
        };
        match value {
            Value::Object(entries) if !entries.is_empty() => {
                open.extend(entries.iter().map(|(key, value)| (below(key), value)));
            }
            Value::Array(items) if !items.is_empty() => {
                let items = items.iter().enumerate();
                open.extend(items.map(|(at, value)| (below(&at.to_string()), value)));
            }
            value => {
                found.insert(place, value);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn differences_are_found_wherever_they_are() {
        let one = json!({"spec": {"a": 1, "list": [1, {"b": 2}], "gone": {}}, "k.l": 1});
        let two = json!({"spec": {"a": 2, "list": [1, {"b": 3}, 4]}, "k": {"m": 1}});
        let found: Vec<String> = differing(&one, &two).into_iter().collect();
        assert_eq!(
            found,
            [
                "k.l",
                "k.m",
                "spec.a",
                "spec.gone",
                "spec.list.1.b",
                "spec.list.2"
            ]
        );
        assert!(differing(&one, &one).is_empty());
    }
}
