//! Trees resolved to plain values: aliases followed, merge keys merged, the last of duplicates taken.

use serde_json::{Map, Value};

use super::scalar;
use super::tree::{Document, Kind, NodeId, Style};

/// More values than this come from aliases of aliases of aliases, not from a manifest.
const MAX_VALUES: usize = 200_000;

/// Aliases that contain themselves end here.
const MAX_DEPTH: usize = 128;

/// The value of a node. Nothing when aliases blow it up beyond reason.
pub(crate) fn value(document: &Document, node: NodeId) -> Option<Value> {
    let mut budget = MAX_VALUES;
    resolve(document, node, 0, &mut budget)
}

fn resolve(document: &Document, node: NodeId, depth: usize, budget: &mut usize) -> Option<Value> {
    *budget = budget.checked_sub(1)?;
    if depth > MAX_DEPTH {
        return None;
    }
    match &document.nodes[node].kind {
        Kind::Scalar { .. } => Some(scalar::value_of(document, node)),
        Kind::Alias { .. } => match document.target(node) {
            target if target == node => None,
            target => resolve(document, target, depth + 1, budget),
        },
        Kind::Sequence { items, .. } => {
            let items: Option<Vec<Value>> = items
                .iter()
                .map(|item| resolve(document, *item, depth + 1, budget))
                .collect();
            items.map(Value::Array)
        }
        Kind::Mapping { entries, .. } => {
            let mut map = Map::new();
            for &(key, value) in entries {
                if is_merge_key(document, key) {
                    let merged = resolve(document, value, depth + 1, budget)?;
                    merge_into(&mut map, merged);
                }
            }
            for &(key, value) in entries {
                if !is_merge_key(document, key) {
                    let value = resolve(document, value, depth + 1, budget)?;
                    map.insert(key_text(document, key), value);
                }
            }
            Some(Value::Object(map))
        }
    }
}

/// Whether a key is the merge key `<<`.
pub(crate) fn is_merge_key(document: &Document, key: NodeId) -> bool {
    let merge = Kind::Scalar {
        text: "<<".to_owned(),
        style: Style::Plain,
    };
    document.nodes[key].kind == merge
}

/// Of several merged mappings, the first wins.
fn merge_into(map: &mut Map<String, Value>, merged: Value) {
    match merged {
        Value::Object(merged) => {
            for (key, value) in merged {
                map.entry(key).or_insert(value);
            }
        }
        Value::Array(items) => items.into_iter().for_each(|item| merge_into(map, item)),
        _ => {}
    }
}

fn key_text(document: &Document, key: NodeId) -> String {
    document
        .text(document.target(key))
        .unwrap_or_default()
        .to_owned()
}
