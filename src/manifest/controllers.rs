//! What puts files into clusters: Flux Kustomizations, Argo CD Applications and ApplicationSets, as far as they place or change objects.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use super::catalog::{Catalog, holds, is_manifest};
use super::links::{join, resolved};
use super::resolve;
use super::source::SourceId;
use crate::flink::field_path::Segment;

/// Which controller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tool {
    Flux,
    Argo,
}

/// A field of which a controller ignores differences, so that a change of it is not applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ignored {
    /// Absent: every kind.
    pub(crate) kind: Option<String>,
    /// Absent: every name.
    pub(crate) name: Option<String>,
    /// The pointer or expression as written.
    pub(crate) what: String,
    pub(crate) line: usize,
}

/// One thing that puts the files of a folder into a cluster.
#[derive(Debug, Clone)]
pub(crate) struct Deployer {
    pub(crate) tool: Tool,
    pub(crate) name: String,
    pub(crate) file: String,
    pub(crate) line: usize,
    pub(crate) source: SourceId,
    pub(crate) document: usize,
    /// The folder in the tree; absent where it is elsewhere, or a template.
    pub(crate) path: Option<String>,
    /// The namespace that it puts objects into.
    pub(crate) namespace: Option<String>,
    /// Whether a plain folder is read with all below it.
    pub(crate) recursive: bool,
    /// Where its own changes stand in the document, and what they are.
    pub(crate) block: (Vec<Segment>, Value),
    pub(crate) ignored: Vec<Ignored>,
    /// Variables that it fills in, with their lines.
    pub(crate) variables: BTreeMap<String, usize>,
    /// ConfigMaps and Secrets that more variables come from.
    pub(crate) variables_from: Vec<String>,
}

impl fmt::Display for Deployer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.tool {
            Tool::Flux => "Flux Kustomization",
            Tool::Argo => "Argo CD Application",
        };
        write!(f, "{kind} `{}` ({}:{})", self.name, self.file, self.line)
    }
}

impl Deployer {
    /// Whether its namespace wins over the one that an object names itself.
    pub(crate) fn overrides_namespace(&self) -> bool {
        self.tool == Tool::Flux
    }

    /// Where it fills a variable in, for people.
    pub(crate) fn fills(&self, variable: &str) -> Option<String> {
        match self.variables.get(variable) {
            Some(line) => Some(format!("{}:{line} (`postBuild.substitute`)", self.file)),
            None if self.variables_from.is_empty() => None,
            None => Some(format!(
                "{} named in `postBuild.substituteFrom` of {}:{}",
                self.variables_from.join(", "),
                self.file,
                self.line
            )),
        }
    }
}

impl Catalog<'_> {
    /// All controllers' objects in the tree.
    pub(crate) fn read_deployers(&mut self) -> Vec<Deployer> {
        let tree = self.tree;
        let mut found = Vec::new();
        for (file, bytes) in tree {
            let named = holds(bytes, "kustomize.toolkit.fluxcd.io") || holds(bytes, "argoproj.io");
            if !named || !is_manifest(file) || !super::source::parses(bytes) {
                continue;
            }
            let Some(source) = self.source_of(file) else {
                continue;
            };
            for document in 0..self.sources[source].stream.documents.len() {
                found.extend(self.deployers_of(source, document));
            }
        }
        found
    }

    fn deployers_of(&self, source: SourceId, document: usize) -> Vec<Deployer> {
        let this = &self.sources[source];
        let tree = &this.stream.documents[document];
        let Some(value) = tree.root().and_then(|root| resolve::value(tree, root)) else {
            return Vec::new();
        };
        let group = |group: &str| {
            value["apiVersion"]
                .as_str()
                .is_some_and(|version| version.starts_with(group))
        };
        let reader = Reader {
            catalog: self,
            source,
            document,
        };
        match value["kind"].as_str() {
            Some("Kustomization") if group("kustomize.toolkit.fluxcd.io") => {
                vec![reader.flux(&value)]
            }
            Some("Application") if group("argoproj.io") => {
                reader.argo(&value["metadata"]["name"], &value["spec"], keys(&["spec"]))
            }
            Some("ApplicationSet") if group("argoproj.io") => {
                let way = keys(&["spec", "template", "spec"]);
                let template = &value["spec"]["template"];
                self.elements(&value["spec"]["generators"])
                    .iter()
                    .flat_map(|element| {
                        let filled = fill(template, element);
                        reader.argo(&filled["metadata"]["name"], &filled["spec"], way.clone())
                    })
                    .collect()
            }
            _ => Vec::new(),
        }
    }

    /// What the list and git directory generators of an ApplicationSet fill its template with.
    fn elements(&self, generators: &Value) -> Vec<BTreeMap<String, String>> {
        let mut found = Vec::new();
        for generator in generators.as_array().into_iter().flatten() {
            for element in generator["list"]["elements"]
                .as_array()
                .into_iter()
                .flatten()
            {
                let mut all = BTreeMap::new();
                flat(element, "", &mut all);
                found.push(all);
            }
            for directory in generator["git"]["directories"]
                .as_array()
                .into_iter()
                .flatten()
            {
                let pattern = directory["path"].as_str().unwrap_or_default();
                if directory["exclude"] == true {
                    continue;
                }
                for folder in self.folders_like(pattern) {
                    let base = folder.rsplit('/').next().unwrap_or_default().to_owned();
                    found.push(
                        [
                            ("path", folder.clone()),
                            ("path.path", folder.clone()),
                            ("path.basename", base),
                        ]
                        .map(|(key, text)| (key.to_owned(), text))
                        .into(),
                    );
                }
            }
        }
        if found.is_empty() {
            found.push(BTreeMap::new());
        }
        found
    }

    /// The folders of the tree that a pattern with `*` for one part names.
    fn folders_like(&self, pattern: &str) -> Vec<String> {
        let pattern: Vec<&str> = pattern
            .split('/')
            .filter(|part| !part.is_empty() && *part != ".")
            .collect();
        let mut found: Vec<String> = self
            .tree
            .keys()
            .filter_map(|file| {
                let parts: Vec<&str> = file.split('/').collect();
                let folder = parts.get(..pattern.len())?;
                let fits = parts.len() > pattern.len()
                    && pattern
                        .iter()
                        .zip(folder)
                        .all(|(one, part)| *one == "*" || one == part);
                fits.then(|| folder.join("/"))
            })
            .collect();
        found.dedup();
        found
    }
}

/// One document that is read.
struct Reader<'a> {
    catalog: &'a Catalog<'a>,
    source: SourceId,
    document: usize,
}

impl Reader<'_> {
    fn line(&self, way: &[Segment]) -> usize {
        self.catalog.line_at(self.source, self.document, way)
    }

    fn file(&self) -> &str {
        &self.catalog.sources[self.source].file
    }

    /// A folder of the tree, if it is one.
    fn folder(&self, path: &Value) -> Option<String> {
        let path = path.as_str().unwrap_or(".");
        if path.contains("{{") || path.contains("${") {
            return None;
        }
        let path = resolved(self.catalog.tree, &join(".", path));
        let prefix = format!("{path}/");
        let there = path == "."
            || self
                .catalog
                .tree
                .range(prefix.clone()..)
                .next()
                .is_some_and(|(file, _)| file.starts_with(&prefix));
        there.then_some(path)
    }

    fn flux(&self, value: &Value) -> Deployer {
        let spec = &value["spec"];
        let text = |value: &Value| {
            value
                .as_str()
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
        };
        let substitute = keys(&["spec", "postBuild", "substitute"]);
        let variables = spec["postBuild"]["substitute"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, _)| {
                let way = [substitute.clone(), keys(&[name])].concat();
                (name.clone(), self.line(&way))
            })
            .collect();
        let from = spec["postBuild"]["substituteFrom"].as_array();
        let variables_from = from
            .into_iter()
            .flatten()
            .map(|from| {
                format!(
                    "{} `{}`",
                    from["kind"].as_str().unwrap_or("ConfigMap"),
                    from["name"].as_str().unwrap_or_default()
                )
            })
            .collect();
        Deployer {
            tool: Tool::Flux,
            name: text(&value["metadata"]["name"]).unwrap_or_default(),
            file: self.file().to_owned(),
            line: self.line(&[]),
            source: self.source,
            document: self.document,
            path: self.folder(&spec["path"]),
            namespace: text(&spec["targetNamespace"]),
            recursive: true,
            block: (keys(&["spec"]), spec.clone()),
            ignored: Vec::new(),
            variables,
            variables_from,
        }
    }

    fn argo(&self, name: &Value, spec: &Value, way: Vec<Segment>) -> Vec<Deployer> {
        let plain = |value: &Value| {
            let text = value.as_str().filter(|text| !text.contains("{{"))?;
            (!text.is_empty()).then(|| text.to_owned())
        };
        let mut sources = vec![(&spec["source"], keys(&["source"]))];
        for (index, source) in spec["sources"].as_array().into_iter().flatten().enumerate() {
            let way = vec![Segment::Key("sources".into()), Segment::Index(index)];
            sources.push((source, way));
        }
        let ignored = self.ignored(&spec["ignoreDifferences"], &way);
        sources
            .into_iter()
            .filter(|(source, _)| source.is_object())
            .map(|(source, below)| {
                let block = [way.clone(), below, keys(&["kustomize"])].concat();
                Deployer {
                    tool: Tool::Argo,
                    name: name.as_str().unwrap_or_default().to_owned(),
                    file: self.file().to_owned(),
                    line: self.line(&[]),
                    source: self.source,
                    document: self.document,
                    path: match &source["path"] {
                        Value::String(_) => self.folder(&source["path"]),
                        _ => None,
                    },
                    namespace: plain(&spec["destination"]["namespace"]),
                    recursive: source["directory"]["recurse"] == true,
                    block: (block, source["kustomize"].clone()),
                    ignored: ignored.clone(),
                    variables: BTreeMap::new(),
                    variables_from: Vec::new(),
                }
            })
            .collect()
    }

    fn ignored(&self, list: &Value, way: &[Segment]) -> Vec<Ignored> {
        let mut found = Vec::new();
        for (index, item) in list.as_array().into_iter().flatten().enumerate() {
            let at = [
                way,
                &[
                    Segment::Key("ignoreDifferences".into()),
                    Segment::Index(index),
                ],
            ]
            .concat();
            let text = |key: &str| {
                let text = item[key].as_str().filter(|text| *text != "*")?;
                Some(text.to_owned())
            };
            for key in ["jsonPointers", "jqPathExpressions"] {
                for what in item[key].as_array().into_iter().flatten() {
                    found.push(Ignored {
                        kind: text("kind"),
                        name: text("name"),
                        what: what.as_str().unwrap_or_default().to_owned(),
                        line: self.line(&at),
                    });
                }
            }
        }
        found
    }
}

impl Ignored {
    /// Whether it is about this field of this object. Expressions of jq are read as dotted paths.
    pub(crate) fn meets(&self, kind: &str, name: &str, field: &[&str]) -> bool {
        let own = |wanted: &Option<String>, text: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted == text)
        };
        if !own(&self.kind, kind) || !own(&self.name, name) {
            return false;
        }
        let wanted = field.join("\u{0}");
        let mut way = String::new();
        if self.what.starts_with('/') {
            for part in self.what.split('/').skip(1) {
                if !way.is_empty() {
                    way.push('\u{0}');
                }
                way.push_str(&part.replace("~1", "/").replace("~0", "~"));
            }
        } else {
            let text = self.what.trim_start_matches('.').replace("[]", "");
            let text = text.replace("[\"", ".\"").replace("\"]", "\"");
            let mut quoted = false;
            for c in text.chars() {
                match c {
                    '"' => quoted = !quoted,
                    '.' if !quoted => way.push('\u{0}'),
                    c => way.push(c),
                }
            }
        }
        wanted == way || wanted.starts_with(&format!("{way}\u{0}"))
    }
}

/// Keys as steps.
pub(crate) fn keys(keys: &[&str]) -> Vec<Segment> {
    keys.iter()
        .map(|key| Segment::Key((*key).to_owned()))
        .collect()
}

/// The scalars of an element by their dotted names.
fn flat(value: &Value, prefix: &str, all: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(entries) => {
            for (key, value) in entries {
                let name = match prefix {
                    "" => key.clone(),
                    prefix => format!("{prefix}.{key}"),
                };
                flat(value, &name, all);
            }
        }
        Value::String(text) => {
            all.insert(prefix.to_owned(), text.clone());
        }
        Value::Number(number) => {
            all.insert(prefix.to_owned(), number.to_string());
        }
        _ => {}
    }
}

/// A template with `{{name}}` and `{{.name}}` filled in wherever they are known.
fn fill(template: &Value, element: &BTreeMap<String, String>) -> Value {
    match template {
        Value::String(text) if text.contains("{{") => {
            let mut text = text.clone();
            for (name, value) in element {
                for open in ["{{", "{{ ", "{{.", "{{ ."] {
                    for close in ["}}", " }}"] {
                        text = text.replace(&format!("{open}{name}{close}"), value);
                    }
                }
            }
            Value::String(text)
        }
        Value::Array(items) => items.iter().map(|item| fill(item, element)).collect(),
        Value::Object(entries) => entries
            .iter()
            .map(|(key, value)| (key.clone(), fill(value, element)))
            .collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_differences_are_pointers_or_expressions() {
        let field = [
            "spec",
            "flinkConfiguration",
            "taskmanager.numberOfTaskSlots",
        ];
        for (what, field, meets) in [
            (
                "/spec/job/parallelism",
                &["spec", "job", "parallelism"][..],
                true,
            ),
            ("/spec/job", &["spec", "job", "parallelism"], true),
            ("/spec/jobManager", &["spec", "job", "parallelism"], false),
            (
                ".spec.job.parallelism",
                &["spec", "job", "parallelism"],
                true,
            ),
            (
                ".spec.flinkConfiguration[\"taskmanager.numberOfTaskSlots\"]",
                &field,
                true,
            ),
            (".spec.taskManager", &field, false),
        ] {
            let ignored = Ignored {
                kind: Some("FlinkDeployment".into()),
                name: None,
                what: what.into(),
                line: 1,
            };
            assert_eq!(
                ignored.meets("FlinkDeployment", "a", field),
                meets,
                "{what}"
            );
            assert!(!ignored.meets("Service", "a", field));
        }
    }
}
