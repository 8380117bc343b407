//! A job whose object is made by a chart: its fields read back from the values that set them.

use super::catalog::{Catalog, Located};
use super::refusal::{Code, Refusal};
use super::walk::Walk;
use super::{Change, EditOptions, ObjectKey, scalar};
use crate::flink::deployment::GROUP;
use crate::flink::field_path::{FieldPath, Segment};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

impl Catalog<'_> {
    /// The object of `key` as far as mapped values tell it: field of the object → dotted path in the values file, in a HelmRelease's or
    /// an Application's values. It is edited by [`Catalog::edit`] with the same map, which [`Located::values`] carries.
    ///
    /// # Errors
    /// No values hold a mapped key, several files do and none is named, a file that can't be read.
    pub fn locate_values(
        &self,
        key: &ObjectKey,
        map: &BTreeMap<FieldPath, FieldPath>,
        file: Option<&str>,
    ) -> Result<Located, Refusal> {
        let mut values = Catalog::empty(self.tree);
        let mut found: Vec<(Located, usize)> = Vec::new();
        let options = EditOptions {
            file: file.map(str::to_owned),
            ..EditOptions::default()
        };
        let mapped: Vec<(Change, FieldPath)> = map
            .iter()
            .map(|(field, path)| {
                let change = Change {
                    path: field.clone(),
                    value: Value::Null,
                };
                (change, path.clone())
            })
            .collect();
        for attempt in values.attempts(&mapped, &options)? {
            let mut value = skeleton(key);
            let mut known = 0;
            let mut line = 1;
            for ((change, _), spot) in mapped.iter().zip(&attempt.spots) {
                let Ok(spot) = spot else { continue };
                let Walk::Found { node, .. } = spot.walk else {
                    continue;
                };
                let source = &values.sources[spot.source];
                let document = &source.stream.documents[spot.document];
                let scalar = scalar::value_of(document, node);
                if scalar.is_null() {
                    continue;
                }
                line = document.nodes[node].line + source.first_line();
                put(&mut value, change.path.segments(), scalar);
                known += 1;
            }
            if known == 0 {
                continue;
            }
            let located = Located {
                key: key.clone(),
                file: values.sources[attempt.source].file.clone(),
                document: attempt.document,
                line,
                value,
                cluster: None,
                values: map.clone(),
            };
            let own = usize::from(values.belongs(&attempt, key)) * mapped.len();
            found.push((located, known + own));
        }
        let most = found.iter().map(|(_, known)| *known).max().unwrap_or(0);
        found.retain(|(_, known)| *known == most);
        let names: Vec<&str> = found.iter().map(|(one, _)| one.file.as_str()).collect();
        match names.as_slice() {
            [] => Err(Refusal::new(
                Code::PathMissing,
                "no values hold a key that the configuration maps for this job",
                "correct `repository.values` in the configuration, or name the file there",
            )),
            [_] => found
                .pop()
                .map(|(located, _)| located)
                .ok_or_else(|| Refusal::new(Code::NotFound, "no values", "name the file")),
            several => Err(Refusal::new(
                Code::AmbiguousTarget,
                format!(
                    "the mapped values stand in more than one place: {}",
                    several.join(", ")
                ),
                "name the file in `repository.values` of the configuration",
            )),
        }
    }
}

fn skeleton(key: &ObjectKey) -> Value {
    json!({
        "apiVersion": format!("{GROUP}/v1beta1"),
        "kind": key.kind,
        "metadata": {"name": key.name, "namespace": key.namespace},
        "spec": {},
    })
}

/// Sets a field, with the mappings on the way to it.
fn put(value: &mut Value, way: &[Segment], scalar: Value) {
    let Some((first, rest)) = way.split_first() else {
        *value = scalar;
        return;
    };
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    if let (Segment::Key(key), Some(map)) = (first, value.as_object_mut()) {
        put(map.entry(key.clone()).or_insert(Value::Null), rest, scalar);
    }
}
