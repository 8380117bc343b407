//! Sizes that stand in chart values: values files, HelmReleases, Argo CD Applications.

use super::catalog::{Catalog, is_manifest};
use super::edit::{Edit, Spot};
use super::refusal::{Code, Refusal};
use super::source::SourceId;
use super::tree::{Kind, NodeId};
use super::walk::Walk;
use super::{Change, EditOptions, Edited, ObjectKey};
use crate::flink::field_path::{FieldPath, Segment};

/// Where in a document values may start.
enum Root {
    /// A mapping of values.
    Values(Vec<Segment>),
    /// A list of `name` and `value`, names with dots.
    Parameters(Vec<Segment>),
}

/// What a document says about the mapped fields.
pub(super) struct Attempt {
    pub(super) source: SourceId,
    pub(super) document: usize,
    pub(super) spots: Vec<Result<Spot, Refusal>>,
    missing: usize,
}

impl Catalog<'_> {
    /// Edits the values that mapped fields stand for.
    pub(crate) fn edit_values(
        &self,
        key: &ObjectKey,
        changes: &[(Change, FieldPath)],
        options: &EditOptions,
    ) -> Result<Edited, Refusal> {
        let mut values = Catalog::empty(self.tree);
        let attempts = values.attempts(changes, options)?;
        let mut complete: Vec<&Attempt> = attempts.iter().filter(|one| one.missing == 0).collect();
        if complete.len() > 1 {
            let own: Vec<&Attempt> = complete
                .iter()
                .copied()
                .filter(|one| values.belongs(one, key))
                .collect();
            if !own.is_empty() {
                complete = own;
            }
        }
        let attempt = match complete.as_slice() {
            [one] => one,
            [] => values.nearest(&attempts, changes, options)?,
            several => return Err(values.several(several, changes)),
        };
        let mut edit = Edit::new(&values);
        for ((change, _), spot) in changes.iter().zip(&attempt.spots) {
            let spot = spot.clone()?;
            edit.add(&spot, change, None)?;
        }
        edit.finish(None)
    }

    /// Looks for the mapped paths in the named file, or in all.
    pub(super) fn attempts(
        &mut self,
        changes: &[(Change, FieldPath)],
        options: &EditOptions,
    ) -> Result<Vec<Attempt>, Refusal> {
        let tree = self.tree;
        let mut attempts = Vec::new();
        for (file, bytes) in tree {
            let wanted = match &options.file {
                Some(named) => named == file,
                None => is_manifest(file) && may_hold(bytes, changes),
            };
            if !wanted {
                continue;
            }
            let Some(source) = self.source_of(file) else {
                let problem = self.problems.last().cloned();
                match problem.filter(|_| options.file.is_some()) {
                    Some(problem) => return Err(problem),
                    None => continue,
                }
            };
            if let Some(refusal) = self.sources[source].broken() {
                if options.file.is_some() {
                    return Err(refusal);
                }
                continue;
            }
            for document in 0..self.sources[source].stream.documents.len() {
                attempts.push(self.attempt(source, document, changes));
            }
        }
        Ok(attempts)
    }

    fn attempt(
        &mut self,
        source: SourceId,
        document: usize,
        changes: &[(Change, FieldPath)],
    ) -> Attempt {
        let mut missing = 0;
        let mut spots = Vec::new();
        for (change, path) in changes {
            let spot = self.values_spot(source, document, change, path);
            missing += usize::from(matches!(&spot, Ok(spot) if is_missing(spot)));
            missing +=
                usize::from(matches!(&spot, Err(refusal) if refusal.code == Code::PathMissing));
            spots.push(spot);
        }
        Attempt {
            source,
            document,
            spots,
            missing,
        }
    }

    /// The place of one value in a document: parameters win over values objects, those over texts.
    pub(super) fn values_spot(
        &mut self,
        source: SourceId,
        document: usize,
        change: &Change,
        path: &FieldPath,
    ) -> Result<Spot, Refusal> {
        let mut nearest = Err(self.values_missing(source, change));
        for root in self.roots(source, document) {
            let spot = match root {
                Root::Parameters(prefix) => match self.parameter(source, document, &prefix, path) {
                    Some(node) => {
                        let walk = Walk::Found {
                            node,
                            spelling: Vec::new(),
                        };
                        Ok(Spot {
                            source,
                            document,
                            walk,
                        })
                    }
                    None => continue,
                },
                Root::Values(prefix) => {
                    let mut way = prefix;
                    way.extend(path.segments().iter().cloned());
                    self.through_texts(source, document, &way, change)
                }
            };
            match spot {
                Ok(spot) if is_missing(&spot) => nearest = Ok(spot),
                Err(refusal) if refusal.code == Code::PathMissing => {}
                spot => return spot,
            }
        }
        nearest
    }

    /// Walks a path; where it meets a text with more to go, the text is read as YAML itself.
    fn through_texts(
        &mut self,
        source: SourceId,
        document: usize,
        way: &[Segment],
        change: &Change,
    ) -> Result<Spot, Refusal> {
        for length in 1..way.len() {
            let walker = self.walker(source, document, &change.path);
            let Ok(Walk::Found { node, .. }) = walker.walk(0, &way[..length]) else {
                break;
            };
            let text = matches!(walker.document.nodes[node].kind, Kind::Scalar { .. });
            if text && !walker.document.is_null(node) {
                let Some(id) = self.embedded(source, document, node) else {
                    break;
                };
                let inner = &self.sources[id];
                if let Some(refusal) = inner.broken() {
                    return Err(refusal.on(&change.path));
                }
                if inner.stream.documents.is_empty() {
                    break;
                }
                return self.through_texts(id, 0, &way[length..], change);
            }
        }
        if self.sources[source].stream.documents[document]
            .root()
            .is_none()
        {
            return Err(self.values_missing(source, change));
        }
        let walk = self.walker(source, document, &change.path).walk(0, way)?;
        Ok(Spot {
            source,
            document,
            walk,
        })
    }

    /// The text of a scalar as a source, made at most once.
    fn embedded(&mut self, source: SourceId, document: usize, node: NodeId) -> Option<SourceId> {
        let known = self.sources.iter().position(|inner| {
            let place = inner.embedded.as_ref();
            place.is_some_and(|at| (at.parent, at.document, at.node) == (source, document, node))
        });
        if known.is_some() {
            return known;
        }
        let inner = self.sources[source].embed(source, document, node)?;
        self.sources.push(inner);
        Some(self.sources.len() - 1)
    }

    /// Where values may start in a document, the strongest first.
    fn roots(&self, source: SourceId, document: usize) -> Vec<Root> {
        let tree = &self.sources[source].stream.documents[document];
        let Some(root) = tree.root() else {
            return Vec::new();
        };
        let keys = |keys: &[&str]| -> Vec<Segment> {
            keys.iter()
                .map(|key| Segment::Key((*key).to_owned()))
                .collect()
        };
        let mut roots = vec![Root::Values(Vec::new())];
        let spec = match tree.text_at(root, &["kind"]) {
            Some("HelmRelease") => {
                roots.insert(0, Root::Values(keys(&["spec", "values"])));
                return roots;
            }
            Some("Application") => keys(&["spec"]),
            Some("ApplicationSet") => keys(&["spec", "template", "spec"]),
            _ => return roots,
        };
        let mut sources = vec![[spec.clone(), keys(&["source"])].concat()];
        let listed = spec.iter().try_fold(root, |node, segment| match segment {
            Segment::Key(key) => tree.get(node, key),
            Segment::Index(_) => None,
        });
        let listed = listed.and_then(|node| tree.get(node, "sources"));
        let count = listed.map_or(0, |node| tree.items(tree.target(node)).len());
        for index in 0..count {
            let item = vec![Segment::Key("sources".to_owned()), Segment::Index(index)];
            sources.push([spec.clone(), item].concat());
        }
        let mut found = Vec::new();
        for part in ["parameters", "valuesObject", "values"] {
            for source in &sources {
                let way = [source.clone(), keys(&["helm", part])].concat();
                found.push(match part {
                    "parameters" => Root::Parameters(way),
                    _ => Root::Values(way),
                });
            }
        }
        found.append(&mut roots);
        found
    }

    /// The value of the parameter that is named like a path.
    fn parameter(
        &self,
        source: SourceId,
        document: usize,
        prefix: &[Segment],
        path: &FieldPath,
    ) -> Option<NodeId> {
        let tree = &self.sources[source].stream.documents[document];
        let list = prefix
            .iter()
            .try_fold(tree.root()?, |node, segment| match segment {
                Segment::Key(key) => tree.get(node, key),
                Segment::Index(index) => tree.items(tree.target(node)).get(*index).copied(),
            })?;
        let plain = path.words().join(".");
        let escaped: Vec<String> = path
            .words()
            .iter()
            .map(|word| word.replace('.', "\\."))
            .collect();
        let escaped = escaped.join(".");
        let mut named = tree.items(tree.target(list)).iter().filter(|item| {
            let name = tree.text_at(**item, &["name"]);
            name == Some(plain.as_str()) || name == Some(escaped.as_str())
        });
        // The last of several wins in Helm.
        tree.get(*named.next_back()?, "value")
    }

    /// Whether a release or application belongs to an object, by namespace or name.
    pub(super) fn belongs(&self, attempt: &Attempt, key: &ObjectKey) -> bool {
        let tree = &self.sources[attempt.source].stream.documents[attempt.document];
        let Some(root) = tree.root() else {
            return false;
        };
        let text = |keys: &[&str]| tree.text_at(root, keys);
        let namespace = text(&["spec", "targetNamespace"])
            .or_else(|| text(&["spec", "destination", "namespace"]))
            .or_else(|| text(&["metadata", "namespace"]));
        let name = text(&["spec", "releaseName"])
            .or_else(|| text(&["spec", "source", "helm", "releaseName"]))
            .or_else(|| text(&["metadata", "name"]));
        let same_namespace = key.namespace.is_some() && namespace == key.namespace.as_deref();
        let same_name = name == Some(key.name.as_str());
        same_namespace && (same_name || namespace.is_some()) || namespace.is_none() && same_name
    }

    /// Without a document that holds all values: the one in which they may be created, or the reason.
    fn nearest<'b>(
        &self,
        attempts: &'b [Attempt],
        changes: &[(Change, FieldPath)],
        options: &EditOptions,
    ) -> Result<&'b Attempt, Refusal> {
        let near: Vec<&Attempt> = attempts
            .iter()
            .filter(|one| {
                let name = self.sources[one.source]
                    .file
                    .rsplit('/')
                    .next()
                    .unwrap_or_default();
                options.file.is_some() || name.starts_with("values")
            })
            .collect();
        let Some((change, path)) = changes.first() else {
            return Err(Refusal::new(
                Code::PathMissing,
                "nothing to change",
                "name a field",
            ));
        };
        if let [one] = near.as_slice() {
            if options.create && one.spots.iter().all(Result::is_ok) {
                return Ok(one);
            }
            let lacking = changes.iter().zip(&one.spots).find(|(_, spot)| match spot {
                Ok(spot) => is_missing(spot),
                Err(_) => true,
            });
            let file = &self.sources[one.source].file;
            return Err(match lacking {
                Some((_, Err(refusal))) if refusal.code != Code::PathMissing => refusal.clone(),
                Some(((change, path), _)) => values_lack(path).at(file, 1).on(&change.path),
                None => values_lack(path).at(file, 1).on(&change.path),
            });
        }
        Err(values_lack(path).on(&change.path))
    }

    fn several(&self, several: &[&Attempt], changes: &[(Change, FieldPath)]) -> Refusal {
        let files: Vec<&str> = several
            .iter()
            .map(|one| self.sources[one.source].file.as_str())
            .collect();
        let refusal = Refusal::new(
            Code::AmbiguousTarget,
            format!(
                "the mapped values stand in more than one place: {}",
                files.join(", ")
            ),
            "name the values file",
        );
        match changes.first() {
            Some((change, _)) => refusal.at(files[0], 0).on(&change.path),
            None => refusal,
        }
    }

    fn values_missing(&self, source: SourceId, change: &Change) -> Refusal {
        Refusal::new(
            Code::PathMissing,
            "the mapped values key is not in the file",
            "correct the mapping, or add the key",
        )
        .at(&self.sources[source].file, 1)
        .on(&change.path)
    }
}

fn values_lack(path: &FieldPath) -> Refusal {
    Refusal::new(
        Code::PathMissing,
        format!("no values file holds the mapped key `{path}`"),
        "correct the mapping, or add the key to the values",
    )
}

fn is_missing(spot: &Spot) -> bool {
    matches!(spot.walk, Walk::Missing { .. })
}

/// Whether a file holds the last word of each mapped path, so that it is worth reading.
fn may_hold(bytes: &[u8], changes: &[(Change, FieldPath)]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    changes.iter().all(|(_, path)| {
        path.last_key().is_none_or(|key| {
            text.contains(key)
                || key
                    .rsplit('.')
                    .next()
                    .is_some_and(|part| text.contains(part))
        })
    })
}
