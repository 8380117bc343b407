//! Builds: which files make an object, in which order, and under which name.
//!
//! Built as far as Flink's resources need it: resources, components, patches of every form, `namespace`, `namePrefix`,
//! `nameSuffix`, and above them what Flux and Argo CD do to the folder. What is not understood refuses the build by name.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::catalog::{Candidate, Catalog, Layer, Located, is_manifest, mentions_flink, objects_in};
use super::controllers::{Deployer, Tool};
use super::kustomization::{Kustomization, Patch, Replacement};
use super::links::{parent, within};
use super::patch::{self, Selector};
use super::refusal::Refusal;
use super::resolve;
use super::source::SourceId;
use crate::flink::field_path::Segment;

/// An object on its way through a build.
#[derive(Debug, Clone)]
struct Built {
    located: Located,
    layers: Vec<Layer>,
    names: Vec<String>,
    namespaces: Vec<Option<String>>,
    replaced: Vec<Replacement>,
    variables: Vec<(String, String)>,
    broken: Option<Refusal>,
}

/// All kustomizations of a tree, by directory (`.` for the root); controllers' own layers by their names.
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
            if super::links::target_of(&tree[file]).is_some() {
                continue;
            }
            let Some(source) = self.source_of(file) else {
                continue;
            };
            let dir = parent(file);
            let kustomization = self.read_kustomization(source, &dir, &mut all.claimed);
            all.by_dir.insert(dir, kustomization);
        }
        for position in 0..self.deployers.len() {
            self.add_deployer(position, &mut all);
        }
        for kustomization in all.by_dir.values() {
            for file in &kustomization.resources {
                let flink = tree.get(file).is_some_and(|bytes| mentions_flink(bytes));
                if flink && is_manifest(file) {
                    self.source_of(file);
                }
                all.claimed.insert(file.clone());
            }
        }
        for kustomization in all.by_dir.values() {
            self.remote.extend(kustomization.remote.iter().cloned());
        }
        all
    }

    /// A controller's own layer: above the kustomization of its folder, or above the files in it.
    fn add_deployer(&mut self, position: usize, all: &mut Kustomizations) {
        let deployer = self.deployers[position].clone();
        let Some(path) = deployer.path.clone() else {
            return;
        };
        let mut layer = self.read_deployer(&deployer, position, &mut all.claimed);
        layer.resources = if all.by_dir.contains_key(&path) {
            vec![path]
        } else {
            self.plain_folder(&path, &deployer, all)
        };
        if !layer.resources.is_empty() {
            all.by_dir.insert(deployer.to_string(), layer);
        }
    }

    /// The manifests of a folder without a kustomization: for Flux all below it, and kustomizations found there.
    fn plain_folder(&self, path: &str, deployer: &Deployer, all: &Kustomizations) -> Vec<String> {
        let chart = |dir: &str| {
            let file = if dir == "." {
                "Chart.yaml".to_owned()
            } else {
                format!("{dir}/Chart.yaml")
            };
            self.tree.contains_key(&file)
        };
        let mut found: Vec<String> = Vec::new();
        for (file, bytes) in self.tree {
            if !is_manifest(file) || !within(path, file) || !mentions_flink(bytes) {
                continue;
            }
            let dir = parent(file);
            if !deployer.recursive && dir != path {
                continue;
            }
            // A kustomization on the way takes over; a chart is no plain folder.
            let mut above = dir.clone();
            let mut taken = None;
            loop {
                if chart(&above) {
                    taken = Some(None);
                    break;
                }
                if above == path {
                    break;
                }
                if deployer.tool == Tool::Flux && all.by_dir.contains_key(&above) {
                    taken = Some(Some(above.clone()));
                }
                if above == "." {
                    break;
                }
                above = parent(&above);
            }
            match taken {
                Some(None) => {}
                Some(Some(dir)) if found.contains(&dir) => {}
                Some(Some(dir)) => found.push(dir),
                None => found.push(file.clone()),
            }
        }
        // Links in the folder are files of it too.
        for (file, bytes) in self.tree {
            if within(path, file) && super::links::target_of(bytes).is_some() {
                let target = self.place(".", file);
                let flink = self.tree.get(&target).is_some_and(|b| mentions_flink(b));
                if flink && is_manifest(&target) && !found.contains(&target) {
                    found.push(target);
                }
            }
        }
        found
    }

    /// Builds every kustomization that nothing else builds on, and adds what comes out.
    pub(crate) fn collect_built(&mut self, all: &Kustomizations) {
        let used: BTreeSet<&String> = all
            .by_dir
            .values()
            .flat_map(|one| one.resources.iter().chain(&one.components))
            .collect();
        let mut inner = Vec::new();
        for (dir, kustomization) in &all.by_dir {
            if kustomization.component {
                continue;
            }
            for mut built in self.build(all, dir, 0) {
                built.located.build = Some(dir.clone());
                let candidate = Candidate {
                    names_namespace: built.namespaces.first().is_some_and(Option::is_some),
                    located: built.located,
                    layers: built.layers,
                    build: Some(dir.clone()),
                    replaced: built.replaced,
                    variables: built.variables,
                    broken: built.broken,
                    deployers: kustomization.deployer.into_iter().collect(),
                };
                if used.contains(dir) {
                    inner.push(candidate);
                    continue;
                }
                self.use_layers(&candidate, dir);
                // Two controllers that make the same of the same files are one result.
                let same = self.candidates.iter_mut().find(|other| {
                    other.located.key == candidate.located.key && other.layers == candidate.layers
                });
                match same {
                    Some(other) => other.deployers.extend(candidate.deployers),
                    None => self.candidates.push(candidate),
                }
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
                let dir = candidate.build.clone().unwrap_or_default();
                self.use_layers(&candidate, &dir);
                self.candidates.push(candidate);
            }
        }
    }

    fn use_layers(&mut self, candidate: &Candidate, dir: &str) {
        for layer in &candidate.layers {
            let users = self.users.entry(layer.place()).or_default();
            users.insert(dir.to_owned());
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
        for path in &kustomization.resources {
            if all.by_dir.contains_key(path) {
                objects.extend(self.build(all, path, depth + 1));
            } else if let Some(source) = self.by_file.get(path).copied() {
                objects.extend(self.start(source));
            }
        }
        for component in &kustomization.components {
            self.apply(all, component, objects, depth + 1);
        }
        for patch in &kustomization.patches {
            self.apply_patch(patch, objects);
        }
        for built in objects.iter_mut() {
            built.rename(kustomization);
        }
        for patch in &kustomization.late {
            self.apply_patch(patch, objects);
        }
        if let Some(refusal) = &kustomization.unknown {
            for built in objects.iter_mut() {
                built.broken.get_or_insert_with(|| refusal.clone());
            }
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
                    variables: Vec::new(),
                    broken: None,
                }),
                Err(refusal) => self.problems.push(refusal),
            }
        }
        objects
    }

    fn apply_patch(&mut self, patch: &Patch, objects: &mut Vec<Built>) {
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
            if value["$patch"] == "delete" {
                objects.retain(|built| !built.is_meant(patch.target.as_ref(), &value));
                continue;
            }
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

    /// Namespace, prefix, suffix, replacements and variables of a kustomization.
    fn rename(&mut self, kustomization: &Kustomization) {
        let key = &mut self.located.key;
        let metadata = &mut self.located.value["metadata"];
        let free = key.namespace.is_none() || !kustomization.soft_namespace;
        if let Some(namespace) = kustomization.namespace.as_ref().filter(|_| free) {
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
            let alternatives = |pattern: &str, text: &str| patch::fits(pattern, text);
            (replacement.kind.is_empty() || alternatives(&replacement.kind, &key.kind))
                && (replacement.name.is_empty()
                    || self
                        .names
                        .iter()
                        .any(|name| alternatives(&replacement.name, name)))
        };
        self.replaced
            .extend(kustomization.replacements.iter().filter(meant).cloned());
        self.variables
            .extend(kustomization.variables.iter().cloned());
    }
}

pub(crate) fn is_kustomization(file: &str) -> bool {
    let name = file.rsplit('/').next().unwrap_or_default();
    ["kustomization.yaml", "kustomization.yml", "Kustomization"].contains(&name)
}
