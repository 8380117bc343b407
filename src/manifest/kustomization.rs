//! One kustomization read: what it builds on, what it changes, and which of its keys are not understood.

use std::collections::BTreeSet;

use serde_json::Value;

use super::catalog::Catalog;
use super::controllers::{Deployer, Tool, keys};
use super::links::{join, resolved};
use super::patch::Selector;
use super::refusal::{Code, Refusal};
use super::resolve;
use super::source::SourceId;
use super::tree::NodeId;
use crate::flink::field_path::Segment;

/// Keys that leave the sizes of an object alone, or are read elsewhere in this file.
const MODELLED: [&str; 36] = [
    "apiVersion",
    "kind",
    "metadata",
    "namespace",
    "namePrefix",
    "nameSuffix",
    "resources",
    "bases",
    "components",
    "patches",
    "patchesStrategicMerge",
    "patchesJson6902",
    "replacements",
    "transformers",
    "generators",
    "vars",
    "configurations",
    "commonLabels",
    "labels",
    "commonAnnotations",
    "images",
    "imageTags",
    "replicas",
    "configMapGenerator",
    "secretGenerator",
    "generatorOptions",
    "buildMetadata",
    "sortOptions",
    "crds",
    "openapi",
    "inventory",
    "helmCharts",
    "helmGlobals",
    "helmChartInflationGenerator",
    "validators",
    "namespaceTransformer",
];

/// Transformers of kustomize's own that do not touch sizes.
const HARMLESS: [&str; 5] = [
    "LabelTransformer",
    "AnnotationsTransformer",
    "AnnotationTransformer",
    "ImageTagTransformer",
    "HashTransformer",
];

/// One kustomization (or component, or a controller's own layer above one), as far as it matters here.
#[derive(Debug, Clone, Default)]
pub(crate) struct Kustomization {
    pub(crate) component: bool,
    /// Paths of the tree, in order.
    pub(crate) resources: Vec<String>,
    pub(crate) components: Vec<String>,
    /// In the order in which they are applied.
    pub(crate) patches: Vec<Patch>,
    /// Patches of transformers, which come after everything else.
    pub(crate) late: Vec<Patch>,
    pub(crate) namespace: Option<String>,
    /// The namespace goes to objects without one only.
    pub(crate) soft_namespace: bool,
    pub(crate) prefix: String,
    pub(crate) suffix: String,
    pub(crate) replacements: Vec<Replacement>,
    /// What makes the result unknown.
    pub(crate) unknown: Option<Refusal>,
    /// Bases that are fetched from elsewhere: address and place.
    pub(crate) remote: Vec<(String, String, usize)>,
    /// Variables (`vars`) with what fills them.
    pub(crate) variables: Vec<(String, String)>,
    /// Its position among the controllers, for a controller's own layer.
    pub(crate) deployer: Option<usize>,
}

#[derive(Debug, Clone)]
pub(crate) struct Patch {
    pub(crate) source: SourceId,
    pub(crate) target: Option<Selector>,
}

/// A field that kustomize fills in from elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Replacement {
    pub(crate) kind: String,
    pub(crate) name: String,
    /// Normalised: dots only, no brackets.
    pub(crate) field: String,
    /// Where the value comes from, for people.
    pub(crate) origin: String,
    pub(crate) file: String,
    pub(crate) line: usize,
}

/// Where a kustomization stands.
struct At<'a> {
    source: SourceId,
    document: usize,
    /// The way to it in the document; empty for a file of its own.
    way: Vec<Segment>,
    dir: &'a str,
}

impl At<'_> {
    fn key(&self, key: &str) -> Vec<Segment> {
        [self.way.clone(), keys(&[key])].concat()
    }
}

impl Catalog<'_> {
    /// A path named in a folder, with links followed.
    pub(crate) fn place(&self, dir: &str, path: &str) -> String {
        resolved(self.tree, &join(dir, path))
    }

    /// The line of a place in a document, counted from 1; that of the document where it is not there.
    pub(crate) fn line_at(&self, source: SourceId, document: usize, way: &[Segment]) -> usize {
        let this = &self.sources[source];
        let Some(tree) = this.stream.documents.get(document) else {
            return 1;
        };
        let root = tree.root().unwrap_or(0);
        let line = |node: NodeId| tree.nodes.get(node).map_or(1, |node| node.line);
        let mut at = root;
        let mut found = line(root);
        for segment in way {
            let next = match segment {
                Segment::Key(key) => tree
                    .entries(tree.target(at))
                    .iter()
                    .find(|(name, _)| tree.text(*name) == Some(key))
                    .map(|(name, value)| (line(*name), *value)),
                Segment::Index(index) => tree
                    .items(tree.target(at))
                    .get(*index)
                    .map(|item| (line(*item), *item)),
            };
            let Some((line, value)) = next else { break };
            (found, at) = (line, value);
        }
        found + this.first_line()
    }

    pub(crate) fn read_kustomization(
        &mut self,
        source: SourceId,
        dir: &str,
        claimed: &mut BTreeSet<String>,
    ) -> Kustomization {
        let Some(value) = self.value_of(source, 0) else {
            let unknown = self.sources[source].broken();
            return Kustomization {
                unknown,
                ..Kustomization::default()
            };
        };
        let at = At {
            source,
            document: 0,
            way: Vec::new(),
            dir,
        };
        let file = self.sources[source].file.clone();
        let mut read = self.read_block(&at, &value, claimed);
        let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
        let namespace = text("namespace");
        read.component = value["kind"] == "Component";
        read.namespace = (!namespace.is_empty()).then_some(namespace);
        let mut resources = texts(&value["resources"]);
        resources.extend(texts(&value["bases"]));
        for resource in resources {
            if is_remote(&resource) {
                let line = self.line_at(source, 0, &keys(&["resources"]));
                read.remote.push((resource, file.clone(), line));
            } else {
                read.resources.push(self.place(dir, &resource));
            }
        }
        self.read_transformers(&at, &value["transformers"], &mut read, claimed);
        let found = self.read_replacements(&at, &value["replacements"], claimed);
        read.replacements = found;
        read.variables = variables(&value["vars"]);
        let unknown = self
            .unmodelled_key(&at, &value)
            .or_else(|| self.custom_fields(&at, &value))
            .or_else(|| self.strange_generator(&at, &value["generators"]));
        if read.unknown.is_none() {
            read.unknown = unknown;
        }
        read
    }

    /// What a controller does to the files of its folder.
    pub(crate) fn read_deployer(
        &mut self,
        deployer: &Deployer,
        position: usize,
        claimed: &mut BTreeSet<String>,
    ) -> Kustomization {
        let (way, value) = deployer.block.clone();
        let dir = deployer.path.clone().unwrap_or_default();
        let at = At {
            source: deployer.source,
            document: deployer.document,
            way,
            dir: &dir,
        };
        let mut read = self.read_block(&at, &value, claimed);
        read.deployer = Some(position);
        read.namespace = deployer.namespace.clone();
        read.soft_namespace = !deployer.overrides_namespace();
        if deployer.tool == Tool::Argo
            && let Some(namespace) = value["namespace"].as_str()
        {
            read.namespace = Some(namespace.to_owned());
            read.soft_namespace = false;
        }
        let old = ["patchesStrategicMerge", "patchesJson6902"];
        if let Some(key) = old
            .iter()
            .find(|key| value[**key].as_array().is_some_and(|l| !l.is_empty()))
        {
            let message = format!("`{key}` of the {deployer} is not read here");
            let way_out = "write it as an item of `patches`".to_owned();
            let refusal = Refusal::new(Code::UnmodelledBuild, message, way_out);
            let line = self.line_at(at.source, at.document, &at.key(key));
            read.unknown = Some(refusal.at(&deployer.file, line));
        }
        read
    }

    /// What kustomizations and controllers have in common: patches, components, prefix and suffix.
    fn read_block(
        &mut self,
        at: &At<'_>,
        value: &Value,
        claimed: &mut BTreeSet<String>,
    ) -> Kustomization {
        let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
        let mut read = Kustomization {
            prefix: text("namePrefix"),
            suffix: text("nameSuffix"),
            ..Kustomization::default()
        };
        let file = self.sources[at.source].file.clone();
        for component in texts(&value["components"]) {
            let line = self.line_at(at.source, at.document, &at.key("components"));
            if is_remote(&component) {
                read.unknown = Some(fetched(&component).at(&file, line));
            } else {
                read.components.push(self.place(at.dir, &component));
            }
        }
        match self.read_patches(at, value, claimed) {
            Ok(patches) => read.patches = patches,
            Err(refusal) => read.unknown = Some(refusal),
        }
        read
    }

    pub(crate) fn value_of(&self, source: SourceId, document: usize) -> Option<Value> {
        let document = self.sources[source].stream.documents.get(document)?;
        resolve::value(document, document.root()?)
    }

    /// Patches in the order of kustomize: strategic merges, `patches`, JSON 6902.
    fn read_patches(
        &mut self,
        at: &At<'_>,
        value: &Value,
        claimed: &mut BTreeSet<String>,
    ) -> Result<Vec<Patch>, Refusal> {
        let mut patches = Vec::new();
        // A controller's own older lists hold objects, not texts.
        let all = ["patchesStrategicMerge", "patches", "patchesJson6902"];
        let known = if at.way.is_empty() {
            &all[..]
        } else {
            &all[1..2]
        };
        for key in known {
            let items = value[*key].as_array().cloned().unwrap_or_default();
            for (index, item) in items.iter().enumerate() {
                let way = [at.key(key), vec![Segment::Index(index)]].concat();
                let target = item.get("target").map(Selector::read);
                let named = match item {
                    Value::String(text) if text.contains('\n') => None,
                    Value::String(path) => Some(path.as_str()),
                    item => item["path"].as_str(),
                };
                let source = match named {
                    Some(path) => self.patch_file(at, &way, path, claimed)?,
                    None => {
                        let below = match item {
                            Value::String(_) => way,
                            _ => [way, keys(&["patch"])].concat(),
                        };
                        let Some(source) = self.inline(at.source, at.document, &below) else {
                            continue;
                        };
                        source
                    }
                };
                if item["options"]["allowNameChange"] == true
                    || item["options"]["allowKindChange"] == true
                {
                    let line = self.line_at(at.source, at.document, &at.key(key));
                    let refusal = Refusal::new(
                        Code::UnmodelledBuild,
                        "a patch may change the names of objects (`allowNameChange`, `allowKindChange`), so which object it makes is not known",
                        "name the object in its manifest, or by `namePrefix` and `nameSuffix`",
                    );
                    return Err(refusal.at(&self.sources[at.source].file, line));
                }
                patches.push(Patch { source, target });
            }
        }
        Ok(patches)
    }

    fn patch_file(
        &mut self,
        at: &At<'_>,
        way: &[Segment],
        path: &str,
        claimed: &mut BTreeSet<String>,
    ) -> Result<SourceId, Refusal> {
        let file = self.place(at.dir, path);
        claimed.insert(file.clone());
        match self.source_of(&file) {
            Some(source) => Ok(source),
            None => {
                let line = self.line_at(at.source, at.document, way);
                let refusal = Refusal::new(
                    Code::UnmodelledBuild,
                    format!(
                        "the patch `{path}` is not in the repository, so what it sets is not known"
                    ),
                    "add the file, or take the patch out",
                );
                Err(refusal.at(&self.sources[at.source].file, line))
            }
        }
    }

    /// The text of a scalar as a source of its own.
    fn inline(&mut self, source: SourceId, document: usize, way: &[Segment]) -> Option<SourceId> {
        let tree = self.sources[source].stream.documents.get(document)?;
        let mut node: NodeId = tree.root()?;
        for segment in way {
            node = match segment {
                Segment::Key(key) => tree.get(node, key)?,
                Segment::Index(index) => *tree.items(tree.target(node)).get(*index)?,
            };
        }
        let inner = self.sources[source].embed(source, document, tree.target(node))?;
        let id = self.sources.len();
        self.sources.push(inner);
        Some(id)
    }

    /// Transformers: those that patch are patches, those that cannot touch a size are passed over.
    fn read_transformers(
        &mut self,
        at: &At<'_>,
        list: &Value,
        read: &mut Kustomization,
        claimed: &mut BTreeSet<String>,
    ) {
        for (index, item) in texts(list).iter().enumerate() {
            let way = [at.key("transformers"), vec![Segment::Index(index)]].concat();
            let line = self.line_at(at.source, at.document, &way);
            let file = self.sources[at.source].file.clone();
            let source = if item.contains('\n') {
                self.inline(at.source, at.document, &way)
            } else {
                let path = self.place(at.dir, item);
                claimed.insert(path.clone());
                self.source_of(&path)
            };
            let unreadable = |what: &str| {
                Refusal::new(
                    Code::UnmodelledBuild,
                    format!("the transformer {what}, so what it makes of the object is not known"),
                    "write its change as an item of `patches`, or edit by hand",
                )
                .at(&file, line)
            };
            let Some(source) = source else {
                let name = item.lines().next().unwrap_or_default();
                read.unknown = Some(unreadable(&format!(
                    "`{name}` is no file of the repository"
                )));
                continue;
            };
            for document in 0..self.sources[source].stream.documents.len() {
                let Some(value) = self.value_of(source, document) else {
                    continue;
                };
                match self.transformer_patches(source, document, &value, claimed) {
                    Ok(patches) => read.late.extend(patches),
                    Err(what) => read.unknown = Some(unreadable(&what)),
                }
            }
        }
    }

    fn transformer_patches(
        &mut self,
        source: SourceId,
        document: usize,
        value: &Value,
        claimed: &mut BTreeSet<String>,
    ) -> Result<Vec<Patch>, String> {
        let kind = value["kind"].as_str().unwrap_or_default().to_owned();
        let builtin = value["apiVersion"] == "builtin";
        if builtin && HARMLESS.contains(&kind.as_str()) {
            return Ok(Vec::new());
        }
        let dir = super::links::parent(&self.sources[source].file);
        let patching = ["PatchTransformer", "PatchJson6902Transformer"].contains(&kind.as_str());
        if !builtin || !(patching || kind == "PatchStrategicMergeTransformer") {
            return Err(format!("of the kind `{kind}` is not understood"));
        }
        let target = value.get("target").map(Selector::read);
        let mut found = Vec::new();
        let mut paths = texts(&value["paths"]);
        paths.extend(value["path"].as_str().map(str::to_owned));
        for path in paths {
            let file = self.place(&dir, &path);
            claimed.insert(file.clone());
            let source = self
                .source_of(&file)
                .ok_or_else(|| format!("names `{path}`, which is not in the repository"))?;
            let target = target.clone();
            found.push(Patch { source, target });
        }
        for key in ["patch", "jsonOp", "patches"] {
            if value[key].is_string()
                && let Some(source) = self.inline(source, document, &keys(&[key]))
            {
                let target = target.clone();
                found.push(Patch { source, target });
            }
        }
        Ok(found)
    }

    fn read_replacements(
        &mut self,
        at: &At<'_>,
        list: &Value,
        claimed: &mut BTreeSet<String>,
    ) -> Vec<Replacement> {
        let mut found = Vec::new();
        for (index, item) in list.as_array().into_iter().flatten().enumerate() {
            let way = [at.key("replacements"), vec![Segment::Index(index)]].concat();
            let file = self.sources[at.source].file.clone();
            let line = self.line_at(at.source, at.document, &way);
            let Some(path) = item["path"].as_str() else {
                found.extend(replacement(item, &file, line));
                continue;
            };
            let path = self.place(at.dir, path);
            claimed.insert(path.clone());
            let Some(source) = self.source_of(&path) else {
                continue;
            };
            let value = self.value_of(source, 0).unwrap_or_default();
            let items = match &value {
                Value::Array(items) => items.clone(),
                one => vec![one.clone()],
            };
            for (index, item) in items.iter().enumerate() {
                let line = self.line_at(source, 0, &[Segment::Index(index)]);
                found.extend(replacement(item, &path, line));
            }
        }
        found
    }

    fn unmodelled_key(&self, at: &At<'_>, value: &Value) -> Option<Refusal> {
        let known = |key: &String| MODELLED.contains(&key.as_str());
        let key = value.as_object()?.keys().find(|key| !known(key))?;
        let refusal = Refusal::new(
            Code::UnmodelledBuild,
            format!(
                "the kustomization's key `{key}` is not understood here, so what it makes of the object is not known"
            ),
            "take the key out, or edit by hand",
        );
        let line = self.line_at(at.source, at.document, &at.key(key));
        Some(refusal.at(&self.sources[at.source].file, line))
    }

    /// `configurations` can teach kustomize to set a Flink resource's replicas.
    fn custom_fields(&self, at: &At<'_>, value: &Value) -> Option<Refusal> {
        let counts = value["replicas"].as_array().is_some_and(|l| !l.is_empty());
        let taught = texts(&value["configurations"]).into_iter().find(|path| {
            let bytes = self.tree.get(&self.place(at.dir, path));
            let text = bytes.and_then(|bytes| std::str::from_utf8(bytes).ok());
            text.is_none_or(|text| text.contains("replicas"))
        });
        let path = taught.filter(|_| counts)?;
        let refusal = Refusal::new(
            Code::UnmodelledBuild,
            format!(
                "`replicas` may set fields that `{path}` teaches to it, so the number of TaskManagers is not known"
            ),
            "set the number in a patch instead",
        );
        let line = self.line_at(at.source, at.document, &at.key("replicas"));
        Some(refusal.at(&self.sources[at.source].file, line))
    }

    /// A generator may make anything; those of secrets and ConfigMaps make no jobs.
    fn strange_generator(&self, at: &At<'_>, list: &Value) -> Option<Refusal> {
        let harmless = |text: &str| {
            [
                "ksops",
                "ConfigMapGenerator",
                "SecretGenerator",
                "SopsSecretGenerator",
            ]
            .iter()
            .any(|kind| text.contains(&format!("kind: {kind}")))
        };
        let strange = texts(list).into_iter().find(|item| {
            if item.contains('\n') {
                return !harmless(item);
            }
            let bytes = self.tree.get(&self.place(at.dir, item));
            let text = bytes.and_then(|bytes| std::str::from_utf8(bytes).ok());
            text.is_none_or(|text| !harmless(text))
        })?;
        let name = strange.lines().next().unwrap_or_default();
        let refusal = Refusal::new(
            Code::UnmodelledBuild,
            format!(
                "the generator `{name}` is a program of its own, so what comes out of this build is not known"
            ),
            "build the job's kustomization without it, or edit by hand",
        );
        let line = self.line_at(at.source, at.document, &at.key("generators"));
        Some(refusal.at(&self.sources[at.source].file, line))
    }
}

/// The refusal for a component that is fetched from elsewhere.
fn fetched(address: &str) -> Refusal {
    Refusal::new(
        Code::UnmodelledBuild,
        format!(
            "the component `{address}` is fetched from elsewhere, so what it makes of the object is not known"
        ),
        "copy the component into the repository, or edit by hand",
    )
}

/// Whether a resource is fetched: an address, or a git host without a scheme.
pub(crate) fn is_remote(resource: &str) -> bool {
    let hosts = ["github.com/", "gitlab.com/", "bitbucket.org/", "git@"];
    resource.contains("://")
        || resource.contains("?ref=")
        || hosts.iter().any(|host| resource.starts_with(host))
}

fn replacement(item: &Value, file: &str, line: usize) -> Vec<Replacement> {
    let source = &item["source"];
    let text = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let origin = match &item["sourceValue"] {
        Value::String(value) => format!("the text `{value}`"),
        _ => format!(
            "{} {} {}",
            text(source, "kind"),
            text(source, "name"),
            text(source, "fieldPath")
        ),
    };
    let mut found = Vec::new();
    for target in item["targets"].as_array().into_iter().flatten() {
        let select = &target["select"];
        for field in texts(&target["fieldPaths"]) {
            found.push(Replacement {
                kind: text(select, "kind"),
                name: text(select, "name"),
                field: field.replace(['[', ']', '"', '\''], "").replace("\\.", "."),
                origin: origin.trim().to_owned(),
                file: file.to_owned(),
                line,
            });
        }
    }
    found
}

fn variables(list: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let items = list.as_array().into_iter().flatten();
    items
        .map(|item| {
            let object = &item["objref"];
            let field = item["fieldref"]["fieldpath"]
                .as_str()
                .or_else(|| item["fieldref"]["fieldPath"].as_str())
                .unwrap_or("metadata.name");
            let origin = format!(
                "{} {} {field}",
                text(&object["kind"]),
                text(&object["name"])
            );
            (text(&item["name"]), origin)
        })
        .collect()
}

pub(crate) fn texts(value: &Value) -> Vec<String> {
    let items = value.as_array().map_or(&[][..], Vec::as_slice);
    items
        .iter()
        .filter_map(|item| item.as_str().map(str::to_owned))
        .collect()
}
