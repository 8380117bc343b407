//! Kustomizations: which files make an object, in which order, and under which name.
//!
//! Built as far as Flink's resources need it: resources, components, strategic-merge and JSON 6902
//! patches (files and inline), `namespace`, `namePrefix`, `nameSuffix`; replacements are recognised.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::catalog::{Candidate, Catalog, Layer, Located, is_manifest, mentions_flink, objects_in};
use super::patch::{self, Selector};
use super::refusal::Refusal;
use super::resolve;
use super::source::SourceId;
use super::tree::NodeId;
use crate::flink::field_path::Segment;

/// One kustomization (or component), as far as it matters here.
#[derive(Debug, Clone, Default)]
pub(crate) struct Kustomization {
    component: bool,
    resources: Vec<String>,
    components: Vec<String>,
    /// In the order in which they are applied.
    patches: Vec<Patch>,
    namespace: Option<String>,
    prefix: String,
    suffix: String,
    replacements: Vec<Replacement>,
}

#[derive(Debug, Clone)]
struct Patch {
    source: SourceId,
    target: Option<Selector>,
}

/// A field that kustomize fills in from elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Replacement {
    kind: String,
    name: String,
    /// Normalised: dots only, no brackets.
    pub(crate) field: String,
    /// Where the value comes from, for people.
    pub(crate) origin: String,
}

/// An object on its way through a build.
#[derive(Debug, Clone)]
struct Built {
    located: Located,
    layers: Vec<Layer>,
    names: Vec<String>,
    namespaces: Vec<Option<String>>,
    replaced: Vec<Replacement>,
    broken: Option<Refusal>,
}

/// All kustomizations of a tree, by directory (`.` for the root).
#[derive(Debug, Clone, Default)]
pub(crate) struct Kustomizations {
    by_dir: BTreeMap<String, Kustomization>,
    /// Files that some kustomization names.
    pub(crate) claimed: BTreeSet<String>,
}

/// Deeper than this is a circle.
const MAX_DEPTH: usize = 32;

impl Catalog<'_> {
    /// Reads all kustomizations and what they name.
    pub(crate) fn read_kustomizations(&mut self) -> Kustomizations {
        let mut all = Kustomizations::default();
        let tree = self.tree;
        for file in tree.keys().filter(|file| is_kustomization(file)) {
            let Some(source) = self.source_of(file) else {
                continue;
            };
            let dir = parent(file);
            let kustomization = self.read_kustomization(source, &dir, &mut all.claimed);
            all.by_dir.insert(dir, kustomization);
        }
        for (dir, kustomization) in &all.by_dir {
            for resource in &kustomization.resources {
                let file = join(dir, resource);
                let flink = tree.get(&file).is_some_and(|bytes| mentions_flink(bytes));
                if flink && is_manifest(&file) {
                    self.source_of(&file);
                }
                all.claimed.insert(file);
            }
        }
        all
    }

    fn read_kustomization(
        &mut self,
        source: SourceId,
        dir: &str,
        claimed: &mut BTreeSet<String>,
    ) -> Kustomization {
        let Some(value) = self.first_value(source) else {
            return Kustomization::default();
        };
        let mut resources = texts(&value["resources"]);
        resources.extend(texts(&value["bases"]));
        let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
        let namespace = text("namespace");
        Kustomization {
            component: value["kind"] == "Component",
            resources,
            components: texts(&value["components"]),
            patches: self.read_patches(source, dir, &value, claimed),
            namespace: (!namespace.is_empty()).then_some(namespace),
            prefix: text("namePrefix"),
            suffix: text("nameSuffix"),
            replacements: replacements(&value["replacements"]),
        }
    }

    fn first_value(&self, source: SourceId) -> Option<Value> {
        let document = self.sources[source].stream.documents.first()?;
        resolve::value(document, document.root()?)
    }

    /// Patches in the order of kustomize: strategic merges, `patches`, JSON 6902.
    fn read_patches(
        &mut self,
        source: SourceId,
        dir: &str,
        value: &Value,
        claimed: &mut BTreeSet<String>,
    ) -> Vec<Patch> {
        let mut patches = Vec::new();
        for key in ["patchesStrategicMerge", "patches", "patchesJson6902"] {
            let items = value[key].as_array().map_or(&[][..], Vec::as_slice);
            for (index, item) in items.iter().enumerate() {
                let target = item.get("target").map(Selector::read);
                let found = match item {
                    Value::String(text) if text.contains('\n') => {
                        self.inline(source, &[Segment::Key(key.into()), Segment::Index(index)])
                    }
                    Value::String(path) => self.patch_file(&join(dir, path), claimed),
                    item => match item["path"].as_str() {
                        Some(path) => self.patch_file(&join(dir, path), claimed),
                        None => self.inline(
                            source,
                            &[
                                Segment::Key(key.into()),
                                Segment::Index(index),
                                Segment::Key("patch".into()),
                            ],
                        ),
                    },
                };
                patches.extend(found.map(|source| Patch { source, target }));
            }
        }
        patches
    }

    fn patch_file(&mut self, file: &str, claimed: &mut BTreeSet<String>) -> Option<SourceId> {
        claimed.insert(file.to_owned());
        self.source_of(file)
    }

    /// The text of a scalar in a kustomization as a source of its own.
    fn inline(&mut self, source: SourceId, way: &[Segment]) -> Option<SourceId> {
        let document = self.sources[source].stream.documents.first()?;
        let mut node: NodeId = document.root()?;
        for segment in way {
            node = match segment {
                Segment::Key(key) => document.get(node, key)?,
                Segment::Index(index) => *document.items(document.target(node)).get(*index)?,
            };
        }
        let inner = self.sources[source].embed(source, 0, document.target(node))?;
        let id = self.sources.len();
        self.sources.push(inner);
        Some(id)
    }

    /// Builds every kustomization that nothing else builds on, and adds what comes out.
    pub(crate) fn collect_built(&mut self, all: &Kustomizations) {
        let used: BTreeSet<String> = all
            .by_dir
            .iter()
            .flat_map(|(dir, one)| {
                one.resources
                    .iter()
                    .chain(&one.components)
                    .map(|path| join(dir, path))
            })
            .collect();
        let mut inner = Vec::new();
        for (dir, kustomization) in &all.by_dir {
            if kustomization.component {
                continue;
            }
            for built in self.build(all, dir, 0) {
                let candidate = Candidate {
                    located: built.located,
                    layers: built.layers,
                    build: Some(dir.clone()),
                    replaced: built.replaced,
                    broken: built.broken,
                };
                if used.contains(dir) {
                    inner.push(candidate);
                    continue;
                }
                for layer in &candidate.layers {
                    self.users
                        .entry(layer.place())
                        .or_default()
                        .insert(dir.clone());
                }
                self.candidates.push(candidate);
            }
        }
        // A base with a namespace of its own may be live too; the overlays then share it.
        for candidate in inner {
            let key = &candidate.located.key;
            let known = self
                .candidates
                .iter()
                .any(|other| other.located.key == *key);
            if key.namespace.is_some() && !known {
                for layer in &candidate.layers {
                    let dir = candidate.build.clone().unwrap_or_default();
                    self.users.entry(layer.place()).or_default().insert(dir);
                }
                self.candidates.push(candidate);
            }
        }
    }

    fn build(&mut self, all: &Kustomizations, dir: &str, depth: usize) -> Vec<Built> {
        let mut objects = Vec::new();
        self.apply(all, dir, &mut objects, depth);
        objects
    }

    /// Adds a kustomization's resources to the objects, then changes all of them.
    fn apply(&mut self, all: &Kustomizations, dir: &str, objects: &mut Vec<Built>, depth: usize) {
        let Some(kustomization) = all.by_dir.get(dir).filter(|_| depth < MAX_DEPTH) else {
            return;
        };
        for resource in &kustomization.resources {
            let path = join(dir, resource);
            if all.by_dir.contains_key(&path) {
                objects.extend(self.build(all, &path, depth + 1));
            } else if let Some(source) = self.by_file.get(&path).copied() {
                objects.extend(self.start(source));
            }
        }
        for component in &kustomization.components {
            self.apply(all, &join(dir, component), objects, depth + 1);
        }
        for patch in &kustomization.patches {
            self.apply_patch(patch, objects);
        }
        for built in objects.iter_mut() {
            built.rename(kustomization);
        }
    }

    fn start(&mut self, source: SourceId) -> Vec<Built> {
        if self.sources[source].template.is_some() {
            return Vec::new();
        }
        let mut objects = Vec::new();
        for layer in objects_in(&self.sources[source], source) {
            match self.read_object(&layer) {
                Ok(located) => objects.push(Built {
                    names: vec![located.key.name.clone()],
                    namespaces: vec![located.key.namespace.clone()],
                    located,
                    layers: vec![layer],
                    replaced: Vec::new(),
                    broken: None,
                }),
                Err(refusal) => self.problems.push(refusal),
            }
        }
        objects
    }

    fn apply_patch(&mut self, patch: &Patch, objects: &mut [Built]) {
        let source = &self.sources[patch.source];
        if let Some(refusal) = source.broken() {
            // What it would do to any object of this build is unknown.
            for built in objects.iter_mut() {
                built.broken.get_or_insert_with(|| refusal.clone());
            }
            return;
        }
        for (position, document) in source.stream.documents.iter().enumerate() {
            let Some(value) = document
                .root()
                .and_then(|root| resolve::value(document, root))
            else {
                continue;
            };
            for built in objects.iter_mut() {
                if !built.is_meant(patch.target.as_ref(), &value) {
                    continue;
                }
                let layer = |prefix, operation| Layer {
                    source: patch.source,
                    document: position,
                    prefix,
                    operation,
                };
                if let Value::Array(operations) = &value {
                    for (index, operation) in operations.iter().enumerate() {
                        let Some((way, removes)) =
                            patch::operation(&mut built.located.value, operation)
                        else {
                            continue;
                        };
                        let prefix = vec![Segment::Index(index), Segment::Key("value".into())];
                        built.layers.push(layer(prefix, Some((way, removes))));
                    }
                } else {
                    patch::merge(&mut built.located.value, &value);
                    built.layers.push(layer(Vec::new(), None));
                }
            }
        }
    }
}

impl Built {
    /// Whether a patch is meant for this object, under its present name or an earlier one.
    fn is_meant(&self, target: Option<&Selector>, patch: &Value) -> bool {
        let key = &self.located.key;
        if let Some(target) = target {
            return target.matches(&self.located.value, key, &self.names, &self.namespaces);
        }
        let group = |value: &Value| {
            let version = value["apiVersion"].as_str().unwrap_or_default();
            version
                .split_once('/')
                .map_or("", |(group, _)| group)
                .to_owned()
        };
        let metadata = &patch["metadata"];
        let name = metadata["name"].as_str().unwrap_or_default();
        let namespace = metadata["namespace"].as_str();
        let known = |namespace: &str| {
            self.namespaces
                .iter()
                .any(|known| known.as_deref() == Some(namespace))
        };
        patch.is_object()
            && patch["kind"] == key.kind.as_str()
            && group(patch) == key.group
            && self.names.iter().any(|known| known == name)
            && namespace.is_none_or(known)
    }

    /// Namespace, prefix, suffix and replacements of a kustomization.
    fn rename(&mut self, kustomization: &Kustomization) {
        let key = &mut self.located.key;
        let metadata = &mut self.located.value["metadata"];
        if let Some(namespace) = &kustomization.namespace {
            key.namespace = Some(namespace.clone());
            metadata["namespace"] = Value::from(namespace.as_str());
            self.namespaces.push(key.namespace.clone());
        }
        if !kustomization.prefix.is_empty() || !kustomization.suffix.is_empty() {
            key.name = format!(
                "{}{}{}",
                kustomization.prefix, key.name, kustomization.suffix
            );
            metadata["name"] = Value::from(key.name.as_str());
            self.names.push(key.name.clone());
        }
        let key = &self.located.key;
        let meant = |replacement: &&Replacement| {
            (replacement.kind.is_empty() || replacement.kind == key.kind)
                && (replacement.name.is_empty() || self.names.contains(&replacement.name))
        };
        self.replaced
            .extend(kustomization.replacements.iter().filter(meant).cloned());
    }
}

fn replacements(value: &Value) -> Vec<Replacement> {
    let mut found = Vec::new();
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    for replacement in list(value) {
        let source = &replacement["source"];
        let text = |key: &str| source[key].as_str().unwrap_or_default().to_owned();
        let origin = format!("{} {} {}", text("kind"), text("name"), text("fieldPath"));
        for target in list(&replacement["targets"]) {
            let select = &target["select"];
            for field in texts(&target["fieldPaths"]) {
                found.push(Replacement {
                    kind: select["kind"].as_str().unwrap_or_default().to_owned(),
                    name: select["name"].as_str().unwrap_or_default().to_owned(),
                    field: field.replace(['[', ']'], ""),
                    origin: origin.trim().to_owned(),
                });
            }
        }
    }
    found
}

fn is_kustomization(file: &str) -> bool {
    let name = file.rsplit('/').next().unwrap_or_default();
    ["kustomization.yaml", "kustomization.yml", "Kustomization"].contains(&name)
}

fn parent(file: &str) -> String {
    file.rsplit_once('/').map_or(".", |(dir, _)| dir).to_owned()
}

/// A path relative to a directory, without `.` and `..`; what leaves the tree or is remote stays as it is.
fn join(dir: &str, path: &str) -> String {
    if path.contains("://") {
        return path.to_owned();
    }
    let mut parts: Vec<&str> = dir
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    if parts.is_empty() {
        ".".to_owned()
    } else {
        parts.join("/")
    }
}

fn texts(value: &Value) -> Vec<String> {
    let items = value.as_array().map_or(&[][..], Vec::as_slice);
    items
        .iter()
        .filter_map(|item| item.as_str().map(str::to_owned))
        .collect()
}
