//! Charts in a tree: which values set the sizes of the jobs that their templates make.
//!
//! A template is no YAML, so it is read line by line and by indentation, and only what is certain counts: a field whose whole value is one
//! key of the values, printed as it stands, and that the chart's values file holds. Anything computed is named and left out.

use super::Tree;
use crate::flink::deployment::{GROUP, Kind};
use crate::flink::field_path::{FieldPath, Segment};
use serde::Deserialize;
use std::collections::BTreeMap;
use yaml_serde::Value;

/// Filters that print a value as it stands.
const AS_IT_STANDS: [&str; 6] = ["quote", "squote", "toString", "int", "int64", "float64"];

/// A chart whose templates make objects of the operator's kinds.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// Its folder; empty for the tree's root.
    pub folder: String,
    /// Its values file.
    pub values: String,
    /// Namespace (where it is known) and name of each object that is named in plain text or by the values.
    pub jobs: Vec<(Option<String>, String)>,
    /// Whether each of its objects could be named with its namespace.
    pub all_named: bool,
    /// Field of the object → key in the values.
    pub fields: BTreeMap<FieldPath, FieldPath>,
    /// Fields that size a job and whose value no single key is, each with the reason.
    pub unmapped: BTreeMap<String, String>,
}

/// The charts of a tree, by folder.
pub fn charts(tree: &Tree) -> Vec<Chart> {
    let mut templates: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (path, bytes) in tree {
        let Some((folder, _)) = path.split_once("templates/") else {
            continue;
        };
        let is_folder = folder.is_empty() || folder.ends_with('/');
        let Ok(text) = std::str::from_utf8(bytes) else {
            continue;
        };
        if is_folder && text.contains(GROUP) {
            let folder = folder.trim_end_matches('/');
            templates.entry(folder).or_default().push(text);
        }
    }
    templates
        .into_iter()
        .filter_map(|(folder, templates)| chart(tree, folder, &templates))
        .collect()
}

fn chart(tree: &Tree, folder: &str, templates: &[&str]) -> Option<Chart> {
    let beside = |name: &str| match folder {
        "" => name.to_owned(),
        folder => format!("{folder}/{name}"),
    };
    let values = ["values.yaml", "values.yml"]
        .map(beside)
        .into_iter()
        .find(|path| tree.contains_key(path))?;
    let text = std::str::from_utf8(tree.get(&values)?).ok()?;
    let held = Value::deserialize(yaml_serde::Deserializer::from_str(text)).ok()?;
    let mut chart = Chart {
        folder: folder.to_owned(),
        values,
        jobs: Vec::new(),
        all_named: true,
        fields: BTreeMap::new(),
        unmapped: BTreeMap::new(),
    };
    let mut several: BTreeMap<FieldPath, Vec<FieldPath>> = BTreeMap::new();
    let mut objects = 0;
    for document in templates.iter().flat_map(|text| documents(text)) {
        let lines = lines(&document);
        let kind = plain(&lines, &["kind"]).filter(|kind| {
            let known = Kind::ALL.iter().map(|known| format!("{known:?}"));
            known.into_iter().any(|known| known == *kind)
        });
        if kind.is_none() {
            continue;
        }
        objects += 1;
        chart.name(&lines, &held);
        for line in &lines {
            for (field, reading) in read(line, &held) {
                match reading {
                    Ok(key) => several.entry(field).or_default().push(key),
                    Err(why) => {
                        chart.unmapped.insert(field.to_string(), why);
                    }
                }
            }
        }
    }
    for (field, mut keys) in several {
        keys.dedup();
        match keys.as_slice() {
            [key] if !chart.unmapped.contains_key(&field.to_string()) => {
                chart.fields.insert(field, key.clone());
            }
            keys => {
                let keys: Vec<String> = keys.iter().map(ToString::to_string).collect();
                let why = format!("its templates set it from {}", keys.join(" and "));
                chart.unmapped.entry(field.to_string()).or_insert(why);
            }
        }
    }
    (objects > 0).then_some(chart)
}

impl Chart {
    /// Notes an object's name and namespace, where they can be told.
    fn name(&mut self, lines: &[Line], held: &Value) {
        let told = |key: &str| -> Option<String> {
            let line = lines
                .iter()
                .find(|line| line.path == FieldPath::of(&["metadata", key]))?;
            match expression(&line.value) {
                None => Some(unquoted(&line.value).to_owned()).filter(|text| !text.is_empty()),
                Some(Ok(key)) => at(held, &key).and_then(|value| value.as_str().map(str::to_owned)),
                Some(Err(_)) => None,
            }
        };
        let namespace = told("namespace");
        self.all_named &= namespace.is_some();
        match told("name") {
            Some(name) => self.jobs.push((namespace, name)),
            None => self.all_named = false,
        }
    }
}

/// A line of a template that sets a field, or that puts a part of the values below it.
struct Line {
    path: FieldPath,
    value: String,
}

/// The documents of a template.
fn documents(text: &str) -> Vec<String> {
    let mut documents = vec![String::new()];
    for line in text.lines() {
        match documents.last_mut() {
            Some(last) if !line.starts_with("---") => {
                last.push_str(line);
                last.push('\n');
            }
            _ => documents.push(String::new()),
        }
    }
    documents
}

/// The lines with the path of their key, by indentation. A line of an expression alone belongs to the key above it.
fn lines(document: &str) -> Vec<Line> {
    let mut way: Vec<(usize, String)> = Vec::new();
    let mut found = Vec::new();
    for line in document.lines() {
        let content = line.trim_start();
        let indent = line.len() - content.len();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        let path = |way: &[(usize, String)]| {
            let keys = way.iter().map(|(_, key)| Segment::Key(key.clone()));
            FieldPath::new(keys.collect())
        };
        if content.starts_with("{{") {
            if content.contains("toYaml") && !way.is_empty() {
                found.push(Line {
                    path: path(&way),
                    value: content.trim_end().to_owned(),
                });
            }
            continue;
        }
        let Some((key, value)) = content.split_once(':') else {
            continue;
        };
        way.retain(|(outer, _)| *outer < indent);
        way.push((indent, unquoted(key.trim()).to_owned()));
        found.push(Line {
            path: path(&way),
            value: without_comment(value).trim().to_owned(),
        });
    }
    found
}

/// The plain text of a key.
fn plain(lines: &[Line], keys: &[&str]) -> Option<String> {
    let line = lines.iter().find(|line| line.path == FieldPath::of(keys))?;
    Some(unquoted(&line.value).to_owned())
}

fn without_comment(value: &str) -> &str {
    value.split(" #").next().unwrap_or(value)
}

fn unquoted(text: &str) -> &str {
    let text = text.trim();
    let inner = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote);
    inner('"').or_else(|| inner('\'')).unwrap_or(text)
}

/// What a line says of fields that size a job: the key that sets each, or why there is none.
fn read(line: &Line, held: &Value) -> Vec<(FieldPath, Result<FieldPath, String>)> {
    let Some(read) = expression(&line.value) else {
        // A plain value is the template's own to change; a computed one is nobody's.
        let computed = line.value.contains("{{") && sizes(&line.path);
        let why = "its template computes it".to_owned();
        return computed
            .then_some((line.path.clone(), Err(why)))
            .into_iter()
            .collect();
    };
    let is_block = line.value.contains("toYaml");
    if !is_block {
        if !sizes(&line.path) {
            return Vec::new();
        }
        return vec![(line.path.clone(), read.and_then(|key| held_at(held, key)))];
    }
    let Ok(key) = read else { return Vec::new() };
    let Some(block) = at(held, &key) else {
        return Vec::new();
    };
    leaves(block)
        .into_iter()
        .map(|below| {
            let join = |to: &FieldPath| -> FieldPath {
                let below = below.iter().map(|key| Segment::Key(key.clone()));
                FieldPath::new(to.segments().iter().cloned().chain(below).collect())
            };
            (join(&line.path), join(&key))
        })
        .filter(|(field, _)| sizes(field))
        .map(|(field, key)| (field, Ok(key)))
        .collect()
}

fn held_at(held: &Value, key: FieldPath) -> Result<FieldPath, String> {
    match at(held, &key) {
        Some(Value::String(_) | Value::Number(_)) => Ok(key),
        Some(_) => Err(format!("`{key}` is no plain value in the values file")),
        None => Err(format!("the values file holds no `{key}`")),
    }
}

/// The key of an expression that prints one value as it stands; none for plain text, an error for anything else in braces.
fn expression(value: &str) -> Option<Result<FieldPath, String>> {
    let text = unquoted(value);
    let inner = text.strip_prefix("{{")?.strip_suffix("}}")?;
    if inner.contains("{{") {
        return Some(Err("its template puts it together".to_owned()));
    }
    let inner = inner.trim_matches('-').trim();
    let mut parts = inner.split('|').map(str::trim);
    let first = parts.next().unwrap_or_default();
    let first = first.strip_prefix("toYaml ").unwrap_or(first).trim();
    let key = first.strip_prefix('$').unwrap_or(first);
    let Some(key) = key.strip_prefix(".Values.") else {
        return Some(Err(format!(
            "its template reads `{first}`, which is no value of the chart"
        )));
    };
    let is_key = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-');
    if !key.chars().all(is_key) {
        return Some(Err("its template computes it".to_owned()));
    }
    for filter in parts {
        let name = filter.split_whitespace().next().unwrap_or_default();
        let known = AS_IT_STANDS.contains(&name)
            || matches!(
                name,
                "default" | "nindent" | "indent" | "toYaml" | "required"
            );
        if !known {
            return Some(Err(format!("its template computes it with `{name}`")));
        }
    }
    Some(
        key.parse::<FieldPath>()
            .map_err(|error| format!("its key can't be read: {error}")),
    )
}

/// Whether a field sizes a job, in either generation of the resource.
fn sizes(field: &FieldPath) -> bool {
    if let Some(option) = field.option() {
        return option == "taskmanager.numberOfTaskSlots"
            || option == "parallelism.default"
            || option.starts_with("taskmanager.memory.");
    }
    let words = field.words();
    [
        &["spec", "job", "parallelism"][..],
        &["spec", "taskManager", "replicas"],
        &["spec", "taskManager", "resource", "memory"],
        &["spec", "taskManager", "resource", "cpu"],
        &["spec", "taskManager", "resources", "requests", "memory"],
        &["spec", "taskManager", "resources", "requests", "cpu"],
    ]
    .iter()
    .any(|known| words.ends_with(known))
}

/// The value at a path of keys.
fn at<'a>(held: &'a Value, path: &FieldPath) -> Option<&'a Value> {
    path.segments()
        .iter()
        .try_fold(held, |value, segment| match segment {
            Segment::Key(key) => value.as_mapping()?.get(key.as_str()),
            Segment::Index(_) => None,
        })
}

/// The ways to the plain values below a value.
fn leaves(value: &Value) -> Vec<Vec<String>> {
    match value {
        Value::Mapping(mapping) => mapping
            .iter()
            .filter_map(|(key, value)| Some((key.as_str()?, value)))
            .flat_map(|(key, value)| {
                leaves(value).into_iter().map(move |mut way| {
                    way.insert(0, key.to_owned());
                    way
                })
            })
            .collect(),
        Value::String(_) | Value::Number(_) => vec![Vec::new()],
        _ => Vec::new(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const HEAD: &str = "apiVersion: flink.apache.org/v1beta1\nkind: FlinkDeployment\n";

    fn one(template: &str, values: &str) -> Chart {
        let tree = Tree::from([
            (
                "charts/orders/templates/job.yaml".to_owned(),
                format!("{HEAD}{template}").into_bytes(),
            ),
            (
                "charts/orders/values.yaml".to_owned(),
                values.as_bytes().to_vec(),
            ),
        ]);
        charts(&tree).remove(0)
    }

    fn mapped(chart: &Chart) -> Vec<String> {
        let fields = chart.fields.iter();
        fields
            .map(|(field, key)| format!("{field} = {key}"))
            .collect()
    }

    #[test]
    fn whole_values_are_mapped_and_computed_ones_are_named() {
        let chart = one(
            "metadata:
  name: orders
  namespace: {{ .Values.namespace }}
spec:
  flinkConfiguration:
    taskmanager.numberOfTaskSlots: {{ .Values.flink.slots | quote }}
    taskmanager.memory.managed.fraction: \"{{ $.Values.flink.managed }}\"
    {{- if .Values.debug }}
    env.java.opts: -verbose
    {{- end }}
  taskManager:
    replicas: {{ .Values.flink.replicas | default 3 }}
    resource:
      memory: {{ .Values.flink.memory }}m   # the unit stands here
      cpu: {{ mul .Values.flink.cpu 2 }}
  job:
    parallelism: {{ .Values.flink.parallelism | int }}
",
            "namespace: payments\nflink: {slots: 4, managed: '0.2', memory: 2048, cpu: 1, parallelism: 8}\n",
        );
        assert_eq!(
            mapped(&chart),
            [
                "spec.flinkConfiguration[\"taskmanager.memory.managed.fraction\"] = flink.managed",
                "spec.flinkConfiguration[\"taskmanager.numberOfTaskSlots\"] = flink.slots",
                "spec.job.parallelism = flink.parallelism",
            ]
        );
        let unmapped: Vec<&str> = chart.unmapped.keys().map(String::as_str).collect();
        assert_eq!(
            unmapped,
            [
                "spec.taskManager.replicas",
                "spec.taskManager.resource.cpu",
                "spec.taskManager.resource.memory"
            ]
        );
        assert_eq!(
            chart.jobs,
            [(Some("payments".to_owned()), "orders".to_owned())]
        );
        assert!(chart.all_named);
    }

    #[test]
    fn a_block_of_values_maps_what_it_holds() {
        let chart = one(
            "metadata:
  name: {{ .Release.Name }}
spec:
  taskManager:
    {{- toYaml .Values.tm | nindent 4 }}
  flinkConfiguration: {{ toYaml .Values.options | nindent 4 }}
  job:
    parallelism: 4
",
            "tm:\n  resource: {memory: 2g, cpu: 1}\n  podTemplate: {a: b}\noptions:\n  taskmanager.numberOfTaskSlots: '2'\n  state.backend: rocksdb\n",
        );
        assert_eq!(
            mapped(&chart),
            [
                "spec.flinkConfiguration[\"taskmanager.numberOfTaskSlots\"] = options[\"taskmanager.numberOfTaskSlots\"]",
                "spec.taskManager.resource.cpu = tm.resource.cpu",
                "spec.taskManager.resource.memory = tm.resource.memory",
            ]
        );
        assert!(chart.jobs.is_empty() && !chart.all_named && chart.unmapped.is_empty());
    }

    #[test]
    fn what_is_no_chart_is_none() {
        let job = format!("{HEAD}spec:\n  job: {{parallelism: {{{{ .Values.p }}}}}}\n");
        for (files, why) in [
            (vec![("templates/job.yaml", job.as_str())], "no values"),
            (
                vec![
                    ("mytemplates/job.yaml", job.as_str()),
                    ("values.yaml", "p: 1\n"),
                ],
                "another folder",
            ),
            (
                vec![
                    ("templates/job.yaml", "kind: Deployment\n"),
                    ("values.yaml", "p: 1\n"),
                ],
                "another kind",
            ),
            (
                vec![
                    ("templates/job.yaml", job.as_str()),
                    ("values.yaml", "{{ broken"),
                ],
                "broken values",
            ),
        ] {
            let tree: Tree = files
                .into_iter()
                .map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()))
                .collect();
            assert!(charts(&tree).is_empty(), "{why}");
        }
        // Two jobs that take one field from different keys: which is meant can't be told.
        let two = "spec:\n  job:\n    parallelism: {{ .Values.a }}\n---\napiVersion: flink.apache.org/v1beta1\nkind: FlinkDeployment\nspec:\n  job:\n    parallelism: {{ .Values.b }}\n";
        let chart = one(two, "a: 1\nb: 2\n");
        assert!(chart.fields.is_empty());
        assert_eq!(
            chart.unmapped["spec.job.parallelism"],
            "its templates set it from a and b"
        );
    }
}
