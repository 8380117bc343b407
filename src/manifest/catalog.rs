//! What a tree of files holds: every object of the operator's kinds, and what could not be read.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::controllers::Deployer;
use super::find::Tie;
use super::kustomization::Replacement;
use super::refusal::{Code, Refusal};
use super::resolve;
use super::source::{Source, SourceId};
use super::tree::NodeId;
use super::{ObjectKey, Tree};
use crate::flink::deployment::{GROUP, Kind};
use crate::flink::field_path::Segment;

/// An object and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Located {
    /// What names it, as it will be in the cluster.
    pub key: ObjectKey,
    /// The file.
    pub file: String,
    /// Which document of the file, counted from 0.
    pub document: usize,
    /// The line on which the object starts, counted from 1.
    pub line: usize,
    /// Its value, with aliases, merge keys and patches resolved.
    pub value: Value,
    /// For a session job: its cluster's value, where that is in the tree too.
    pub cluster: Option<Value>,
    /// Where its fields stand in a chart's values, in the order in which the files are read; empty for an object with a manifest of
    /// its own.
    pub values: Vec<super::ValuesLayer>,
    /// What ties it to the job that was asked for.
    pub tie: Tie,
    /// The build that makes it: a kustomization's folder, or a controller.
    pub build: Option<String>,
}

/// What a tree holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Discovery {
    /// The objects, by file and document.
    pub objects: Vec<Located>,
    /// Files that speak of Flink and could not be read, each with file and line.
    pub problems: Vec<Refusal>,
}

/// A text that contributes to an object: later layers win.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layer {
    pub(crate) source: SourceId,
    pub(crate) document: usize,
    /// From the document's root to the object (or to the operation's value).
    pub(crate) prefix: Vec<Segment>,
    /// For an operation of a JSON patch: where in the object its value goes, and whether it removes.
    pub(crate) operation: Option<(Vec<String>, bool)>,
}

impl Layer {
    /// What makes two layers the same text.
    pub(crate) fn place(&self) -> (SourceId, usize, Vec<Segment>) {
        (self.source, self.document, self.prefix.clone())
    }
}

/// An object with all that contributes to it.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    pub(crate) located: Located,
    pub(crate) layers: Vec<Layer>,
    /// The kustomizations that build it, by directory; none for a manifest that stands alone.
    pub(crate) build: Option<String>,
    /// Fields that kustomize fills in from elsewhere.
    pub(crate) replaced: Vec<Replacement>,
    /// Variables of kustomize (`vars`) and what fills them.
    pub(crate) variables: Vec<(String, String)>,
    /// The controllers that put it into clusters, by position.
    pub(crate) deployers: Vec<usize>,
    /// Whether its own text says the namespace.
    pub(crate) names_namespace: bool,
    /// A patch of its build that cannot be read.
    pub(crate) broken: Option<Refusal>,
}

/// A tree that was read once, for any number of questions.
#[derive(Debug, Clone)]
pub struct Catalog<'a> {
    pub(crate) tree: &'a Tree,
    pub(crate) sources: Vec<Source>,
    pub(crate) by_file: BTreeMap<String, SourceId>,
    pub(crate) candidates: Vec<Candidate>,
    pub(crate) problems: Vec<Refusal>,
    /// Flux Kustomizations and Argo CD Applications.
    pub(crate) deployers: Vec<Deployer>,
    /// Documents that may decide about sizes: scalers and admission policies.
    pub(crate) rulers: Vec<super::owners::Ruler>,
    /// Releases of charts.
    pub(crate) releases: Vec<super::release::Release>,
    /// Bases that kustomizations fetch from elsewhere: address, file and line.
    pub(crate) remote: Vec<(String, String, usize)>,
    /// The kustomizations that build on each text.
    pub(crate) users: BTreeMap<(SourceId, usize, Vec<Segment>), BTreeSet<String>>,
}

impl<'a> Catalog<'a> {
    /// A catalog of nothing yet.
    pub(crate) fn empty(tree: &'a Tree) -> Catalog<'a> {
        Catalog {
            tree,
            sources: Vec::new(),
            by_file: BTreeMap::new(),
            candidates: Vec::new(),
            problems: Vec::new(),
            deployers: Vec::new(),
            rulers: Vec::new(),
            releases: Vec::new(),
            remote: Vec::new(),
            users: BTreeMap::new(),
        }
    }

    /// Reads all files that may hold objects of the operator's kinds.
    pub fn read(tree: &'a Tree) -> Catalog<'a> {
        let mut catalog = Catalog::empty(tree);
        for (file, bytes) in tree {
            if is_manifest(file) && mentions_flink(bytes) {
                catalog.source_of(file);
            }
        }
        catalog.rulers = catalog.read_rulers();
        catalog.releases = catalog.read_releases();
        catalog.deployers = catalog.read_deployers();
        let kustomizations = catalog.read_kustomizations();
        catalog.collect_alone(&kustomizations.claimed);
        catalog.collect_built(&kustomizations);
        catalog.candidates.sort_by(|one, other| {
            let place = |candidate: &Candidate| {
                (
                    candidate.located.file.clone(),
                    candidate.located.document,
                    candidate.located.line,
                )
            };
            place(one).cmp(&place(other))
        });
        catalog.link_session_jobs();
        catalog
    }

    /// The source of a file, read at most once; nothing when it is not there or not UTF-8.
    pub(crate) fn source_of(&mut self, file: &str) -> Option<SourceId> {
        if let Some(id) = self.by_file.get(file) {
            return Some(*id);
        }
        match Source::read(file, self.tree.get(file)?) {
            Ok(source) => {
                self.problems.extend(source.broken());
                let id = self.sources.len();
                self.sources.push(source);
                self.by_file.insert(file.to_owned(), id);
                Some(id)
            }
            Err(refusal) => {
                if !self.problems.contains(&refusal) {
                    self.problems.push(refusal);
                }
                None
            }
        }
    }

    /// Objects in files that no kustomization builds from.
    fn collect_alone(&mut self, claimed: &BTreeSet<String>) {
        for source in 0..self.sources.len() {
            let this = &self.sources[source];
            let apart = this.template.is_some() || this.embedded.is_some();
            if apart || claimed.contains(&this.file) {
                continue;
            }
            for layer in objects_in(&self.sources[source], source) {
                match self.read_object(&layer) {
                    Ok(located) => self.candidates.push(Candidate {
                        names_namespace: located.key.namespace.is_some(),
                        located,
                        layers: vec![layer],
                        build: None,
                        replaced: Vec::new(),
                        variables: Vec::new(),
                        broken: None,
                        deployers: Vec::new(),
                    }),
                    Err(refusal) => self.problems.push(refusal),
                }
            }
        }
    }

    /// The object of a layer, by itself.
    pub(crate) fn read_object(&self, layer: &Layer) -> Result<Located, Refusal> {
        let source = &self.sources[layer.source];
        let document = &source.stream.documents[layer.document];
        let node = object_node(source, layer).unwrap_or(0);
        let line = document.nodes.get(node).map_or(1, |node| node.line) + source.first_line();
        let value = resolve::value(document, node).ok_or_else(|| {
            Refusal::new(
                Code::ParseError,
                "its aliases contain themselves or grow without bound",
                "write the values out",
            )
            .at(&source.file, line)
        })?;
        Ok(Located {
            key: key_of(&value),
            file: source.file.clone(),
            document: layer.document,
            line,
            value,
            cluster: None,
            values: Vec::new(),
            tie: Tie::Key,
            build: None,
        })
    }

    /// Gives each session job its cluster's value.
    fn link_session_jobs(&mut self) {
        let clusters: BTreeMap<(Option<String>, String), Value> = self
            .candidates
            .iter()
            .filter(|candidate| candidate.located.key.kind == Kind::FlinkDeployment.name())
            .map(|candidate| {
                let key = &candidate.located.key;
                (
                    (key.namespace.clone(), key.name.clone()),
                    candidate.located.value.clone(),
                )
            })
            .collect();
        for candidate in &mut self.candidates {
            let located = &mut candidate.located;
            if located.key.kind == Kind::FlinkSessionJob.name() {
                let cluster = located.value["spec"]["deploymentName"]
                    .as_str()
                    .unwrap_or_default();
                let key = (located.key.namespace.clone(), cluster.to_owned());
                located.cluster = clusters.get(&key).cloned();
            }
        }
    }

    /// All supported objects and all problems.
    pub fn into_discovery(mut self) -> Discovery {
        let mut known: Vec<Refusal> = Vec::new();
        for problem in self.problems.drain(..) {
            if !known.contains(&problem) {
                known.push(problem);
            }
        }
        let objects = self
            .candidates
            .into_iter()
            .map(|candidate| candidate.located);
        let supported = |located: &Located| {
            located.key.group == GROUP && Kind::from_name(&located.key.kind).is_some()
        };
        Discovery {
            objects: objects.filter(supported).collect(),
            problems: known,
        }
    }

    /// All objects of the operator's kinds.
    pub fn objects(&self) -> impl Iterator<Item = &Located> {
        self.candidates
            .iter()
            .map(|candidate| &candidate.located)
            .filter(|located| {
                located.key.group == GROUP && Kind::from_name(&located.key.kind).is_some()
            })
    }

    /// Finds one object; `file` decides between several.
    ///
    /// # Errors
    /// `not-found`, `ambiguous-target`, or what keeps the file that seems to hold it from being read.
    pub fn locate(&self, key: &ObjectKey, file: Option<&str>) -> Result<Located, Refusal> {
        self.candidate(key, file)
            .map(|candidate| candidate.located.clone())
    }

    /// The bytes of a file of the tree, as they are.
    pub fn bytes(&self, file: &str) -> Option<&[u8]> {
        self.tree.get(file).map(Vec::as_slice)
    }

    /// The objects of a kind and name, whatever their namespaces.
    pub(super) fn named(&self, key: &ObjectKey) -> Result<Vec<&Candidate>, Refusal> {
        if key.group != GROUP {
            return Err(self.unsupported(key, &key.group));
        }
        let same = |candidate: &&Candidate| {
            let found = &candidate.located.key;
            found.group == key.group && found.kind == key.kind && found.name == key.name
        };
        Ok(self.candidates.iter().filter(same).collect())
    }

    /// Finds one object with its layers.
    pub(crate) fn candidate(
        &self,
        key: &ObjectKey,
        file: Option<&str>,
    ) -> Result<&Candidate, Refusal> {
        let named = self.named(key)?;
        let within = |namespace: &Option<String>| -> Vec<&Candidate> {
            let same = |candidate: &&&Candidate| candidate.located.key.namespace == *namespace;
            named.iter().filter(same).copied().collect()
        };
        let mut found = within(&key.namespace);
        if found.is_empty() {
            // Whoever applies the manifest may add the namespace; and a caller may not know it.
            found = if key.namespace.is_some() {
                within(&None)
            } else {
                named.clone()
            };
        }
        if let (Some(file), 2..) = (file, found.len()) {
            let holds = |candidate: &&Candidate| {
                candidate
                    .layers
                    .iter()
                    .any(|layer| self.sources[layer.source].file == file)
            };
            let narrowed: Vec<&Candidate> = found.iter().copied().filter(holds).collect();
            let files: BTreeSet<&str> = found
                .iter()
                .map(|candidate| candidate.located.file.as_str())
                .collect();
            if narrowed.len() == 1 && files.len() > 1 {
                found = narrowed;
            }
        }
        match found.as_slice() {
            [] => Err(self.not_found(key, &named)),
            [candidate] => match self.broken_layer(candidate) {
                Some(refusal) => Err(refusal),
                None => Ok(candidate),
            },
            several => Err(ambiguous(key, several)),
        }
    }

    /// The file is left alone when any of its documents does not parse.
    pub(crate) fn broken_layer(&self, candidate: &Candidate) -> Option<Refusal> {
        let own = || {
            candidate
                .layers
                .iter()
                .find_map(|layer| self.sources[layer.source].broken())
        };
        candidate.broken.clone().or_else(own)
    }
}

fn ambiguous(key: &ObjectKey, several: &[&Candidate]) -> Refusal {
    let places: Vec<String> = several
        .iter()
        .map(|candidate| match &candidate.build {
            Some(build) => format!("{build} (kustomization)"),
            None => format!("{}:{}", candidate.located.file, candidate.located.line),
        })
        .collect();
    let first = &several[0].located;
    Refusal::new(
        Code::AmbiguousTarget,
        format!(
            "`{key}` stands in more than one place: {}",
            places.join(", ")
        ),
        "keep one of them, or name the right one as `manifest:` of the job in plimsoll.yaml",
    )
    .at(&first.file, first.line)
}

/// Whether a file is YAML or JSON by its name.
pub(crate) fn is_manifest(file: &str) -> bool {
    let lower = file.to_ascii_lowercase();
    [".yaml", ".yml", ".json"]
        .iter()
        .any(|ending| lower.ends_with(ending))
}

/// Whether bytes hold a word, in UTF-8 or in UTF-16.
pub(crate) fn mentions(bytes: &[u8], word: &str) -> bool {
    if word.is_empty() || holds(bytes, word) {
        return true;
    }
    let wide = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
    wide && holds(
        &bytes
            .iter()
            .copied()
            .filter(|&byte| byte != 0)
            .collect::<Vec<u8>>(),
        word,
    )
}

/// Whether bytes hold a word as it stands.
pub(crate) fn holds(bytes: &[u8], word: &str) -> bool {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.contains(word),
        Err(_) => bytes
            .windows(word.len().max(1))
            .any(|window| window == word.as_bytes()),
    }
}

pub(crate) fn mentions_flink(bytes: &[u8]) -> bool {
    Kind::ALL.iter().any(|kind| mentions(bytes, kind.name()))
}

/// The node of a layer's object.
pub(crate) fn object_node(source: &Source, layer: &Layer) -> Option<NodeId> {
    let document = &source.stream.documents[layer.document];
    let mut at = document.root()?;
    for segment in &layer.prefix {
        at = match segment {
            Segment::Key(key) => document.get(at, key)?,
            Segment::Index(index) => *document.items(document.target(at)).get(*index)?,
        };
    }
    Some(at)
}

/// All objects of Flink's kinds in a source, of whatever group, also within lists.
pub(crate) fn objects_in(source: &Source, id: SourceId) -> Vec<Layer> {
    let mut layers = Vec::new();
    for (position, document) in source.stream.documents.iter().enumerate() {
        if let Some(root) = document.root() {
            collect_objects(source, (id, position), root, &mut Vec::new(), &mut layers);
        }
    }
    layers
}

fn collect_objects(
    source: &Source,
    (id, position): (SourceId, usize),
    node: NodeId,
    way: &mut Vec<Segment>,
    layers: &mut Vec<Layer>,
) {
    let document = &source.stream.documents[position];
    let Some(kind) = document.text_at(node, &["kind"]) else {
        return;
    };
    if Kind::from_name(kind).is_some() {
        layers.push(Layer {
            source: id,
            document: position,
            prefix: way.clone(),
            operation: None,
        });
    } else if kind.ends_with("List") && way.len() < 8 {
        let Some(items) = document.get(node, "items") else {
            return;
        };
        way.push(Segment::Key("items".to_owned()));
        for (index, &item) in document.items(document.target(items)).iter().enumerate() {
            way.push(Segment::Index(index));
            collect_objects(source, (id, position), document.target(item), way, layers);
            way.pop();
        }
        way.pop();
    }
}

/// The key that an object gives itself.
pub(crate) fn key_of(value: &Value) -> ObjectKey {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    };
    let api_version = text(&value["apiVersion"]);
    let namespace = text(&value["metadata"]["namespace"]);
    ObjectKey {
        group: api_version
            .split_once('/')
            .map_or("", |(group, _)| group)
            .to_owned(),
        kind: text(&value["kind"]),
        namespace: (!namespace.is_empty()).then_some(namespace),
        name: text(&value["metadata"]["name"]),
    }
}
