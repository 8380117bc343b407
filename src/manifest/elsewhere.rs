//! Formats that are read for a name and never edited: programs and templates that make manifests.

use serde_json::Value;

use super::catalog::{Catalog, is_manifest};
use super::kustomize::is_kustomization;
use super::owners::documents;
use super::refusal::{Code, Refusal};
use super::{ObjectKey, links};
use crate::flink::deployment::Kind;
use crate::flink::field_path::{FieldPath, Segment};

/// Endings of templates that are no YAML by name but may be what someone looks for.
pub(crate) const TEMPLATES: [&str; 11] = [
    ".tpl",
    ".ftl",
    ".j2",
    ".jinja",
    ".jinja2",
    ".gotmpl",
    ".tmpl",
    ".erb",
    ".mustache",
    ".hbs",
    ".template",
];

/// Endings of other formats that make manifests, with their names.
const FORMATS: [(&str, &str); 21] = [
    (".tf", "Terraform"),
    (".tofu", "OpenTofu"),
    (".hcl", "HCL"),
    (".jsonnet", "Jsonnet"),
    (".libsonnet", "Jsonnet"),
    (".cue", "CUE"),
    (".dhall", "Dhall"),
    (".pkl", "Pkl"),
    (".k", "KCL"),
    (".star", "Starlark"),
    (".nix", "Nix"),
    (".ts", "TypeScript"),
    (".js", "JavaScript"),
    (".py", "Python"),
    (".go", "Go"),
    (".java", "Java"),
    (".kt", "Kotlin"),
    (".scala", "Scala"),
    (".rb", "Ruby"),
    (".sh", "a shell script"),
    (".groovy", "Groovy"),
];

/// Whether a file that is no YAML or JSON by its name is worth reading: for what it says of a job, or because manifests are built
/// with it.
pub fn is_of_use(path: &str, bytes: &[u8]) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let lower = name.to_ascii_lowercase();
    let template = TEMPLATES.iter().any(|ending| lower.ends_with(ending));
    if is_kustomization(path) || name == "Kptfile" || template {
        return true;
    }
    let known = FORMATS.iter().any(|(ending, _)| lower.ends_with(ending));
    known
        && std::str::from_utf8(bytes)
            .is_ok_and(|text| Kind::ALL.iter().any(|kind| text.contains(kind.name())))
}

/// Whether a path has the name of a file that [`is_of_use`] may take.
pub fn may_be_of_use(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let lower = name.to_ascii_lowercase();
    is_kustomization(path)
        || name == "Kptfile"
        || TEMPLATES.iter().any(|ending| lower.ends_with(ending))
        || FORMATS.iter().any(|(ending, _)| lower.ends_with(ending))
}

impl Catalog<'_> {
    /// The refusal that names the place where a job's object stands in a form that is not edited.
    pub(crate) fn elsewhere(&self, key: &ObjectKey) -> Option<Refusal> {
        self.nested(key).or_else(|| self.in_program(key))
    }

    /// An object within another one: Crossplane, Pulumi, a workflow, a list of manifests.
    fn nested(&self, key: &ObjectKey) -> Option<Refusal> {
        for (file, bytes) in self.tree {
            let text = std::str::from_utf8(bytes).unwrap_or_default();
            if !is_manifest(file) || !text.contains(&key.kind) || !text.contains(&key.name) {
                continue;
            }
            for document in documents(file, bytes) {
                let mut way = Vec::new();
                if !inside(&document.value, key, &mut way) || way.is_empty() {
                    continue;
                }
                let outer = document.value["kind"].as_str().unwrap_or("another format");
                let path = FieldPath::new(way.clone());
                let memory = path.join(&FieldPath::of(&[
                    "spec",
                    "taskManager",
                    "resource",
                    "memory",
                ]));
                let part = if is_text(&document.value, &way) {
                    "a string"
                } else {
                    "a part"
                };
                let refusal = Refusal::new(
                    Code::NotFound,
                    format!(
                        "`{key}` stands in {part} of another object (`{outer}`, at `{path}`), which is not edited by itself"
                    ),
                    format!(
                        "map its fields in `repository.values` of plimsoll.yaml: `{{jobs: [{}/{}], file: {file}, fields: {{spec.taskManager.resource.memory: {memory}}}}}`, one entry for each field that may change",
                        key.namespace.as_deref().unwrap_or("NAMESPACE"),
                        key.name
                    ),
                );
                let line = line_of_name(text, &key.name).unwrap_or(document.line);
                return Some(refusal.at(file, line));
            }
        }
        None
    }

    /// A program or template that names the object.
    fn in_program(&self, key: &ObjectKey) -> Option<Refusal> {
        self.tree.iter().find_map(|(file, bytes)| {
            if links::target_of(bytes).is_some() {
                return None;
            }
            let text = std::str::from_utf8(bytes).ok()?;
            let (_, format) = FORMATS.iter().find(|(ending, _)| file.ends_with(ending))?;
            if !text.contains(&key.kind) {
                return None;
            }
            let line = line_of_name(text, &key.name)?;
            let refusal = Refusal::new(
                Code::NotFound,
                format!("`{key}` is made by {format}, a format that is not edited"),
                "edit it by hand; or let it read the sizes from a YAML or JSON file, and map that file's keys in `repository.values` of plimsoll.yaml",
            );
            Some(refusal.at(file, line))
        })
    }
}

/// Whether the way leads to a text.
fn is_text(value: &Value, way: &[Segment]) -> bool {
    let found = way.iter().fold(value, |value, segment| match segment {
        Segment::Key(key) => &value[key.as_str()],
        Segment::Index(index) => &value[*index],
    });
    found.is_string()
}

/// Finds an object within a value, and the way to it.
fn inside(value: &Value, key: &ObjectKey, way: &mut Vec<Segment>) -> bool {
    let own = value["kind"] == key.kind.as_str()
        && value["metadata"]["name"] == key.name.as_str()
        && value["metadata"]["namespace"]
            .as_str()
            .is_none_or(|of| Some(of) == key.namespace.as_deref());
    if own {
        return true;
    }
    let way_is_empty = way.is_empty();
    let mut step = |segment: Segment, value: &Value| {
        way.push(segment);
        let found = inside(value, key, way);
        if !found {
            way.pop();
        }
        found
    };
    match value {
        // A manifest in a text, as ConfigMaps and workflows hold it.
        Value::String(text) => {
            let kind = format!("kind: {}", key.kind);
            !way_is_empty && text.contains(&kind) && line_of_name(text, &key.name).is_some()
        }
        Value::Object(entries) => entries
            .iter()
            .any(|(name, value)| step(Segment::Key(name.clone()), value)),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .any(|(index, item)| step(Segment::Index(index), item)),
        _ => false,
    }
}

/// The first line, counted from 1, that holds a name as a word of its own.
pub(crate) fn line_of_name(text: &str, name: &str) -> Option<usize> {
    let part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    text.lines()
        .position(|line| {
            line.match_indices(name).any(|(at, _)| {
                let before = line[..at].chars().next_back().is_some_and(part);
                let after = line[at + name.len()..].chars().next().is_some_and(part);
                !before && !after
            })
        })
        .map(|line| line + 1)
}
