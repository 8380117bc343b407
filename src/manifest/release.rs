//! Releases of charts: HelmReleases, Argo CD Applications, helmfiles and kustomize's `helmCharts`, as far as they set a field over the
//! values that the configuration maps.

use serde_json::Value;

use super::catalog::{Catalog, holds};
use super::controllers::Ignored;
use super::find::Sought;
use super::kustomization::texts;
use super::kustomize::is_kustomization;
use super::links::{join, parent};
use super::mapped::{Page, is_template};
use super::owners::{not_applied, pointers};
use super::patch::Selector;
use super::refusal::{Code, Refusal};
use super::source;
use super::tree::{self, Document};
use super::{Change, ObjectKey, resolve};
use crate::flink::field_path::{FieldPath, Segment};

/// Which tool installs a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tool {
    Flux,
    Argo,
    Helmfile,
    Kustomize,
}

/// One release of a chart.
#[derive(Debug, Clone)]
pub(crate) struct Release {
    tool: Tool,
    file: String,
    document: Document,
    /// The whole document.
    value: Value,
    /// The way to the release in it.
    way: Vec<Segment>,
    names: Vec<String>,
    namespace: Option<String>,
    /// Files of values that it reads, weakest first, in the tree.
    files: Vec<(String, usize)>,
    /// Patterns of such files that only the tool can fill in.
    patterns: Vec<(String, usize)>,
    /// The chart's folder in the tree.
    chart: Option<String>,
    ignored: Vec<Ignored>,
}

impl Catalog<'_> {
    /// All releases in the tree.
    pub(super) fn read_releases(&self) -> Vec<Release> {
        let mut all = Vec::new();
        for (file, bytes) in self.tree {
            let name = file.rsplit('/').next().unwrap_or_default();
            let may = ["HelmRelease", "argoproj.io", "helmCharts"]
                .iter()
                .any(|word| holds(bytes, word));
            if !(may || name.starts_with("helmfile")) || !source::parses(bytes) {
                continue;
            }
            let text = std::str::from_utf8(bytes).unwrap_or_default();
            for document in tree::parse(text).documents {
                let value = document
                    .root()
                    .and_then(|root| resolve::value(&document, root));
                if let Some(value) = value {
                    all.extend(self.releases_in(file, &document, &value));
                }
            }
        }
        all
    }

    /// The releases that install a job, or that read the files that are mapped for it.
    pub(super) fn releases_of(
        &self,
        sought: &Sought,
        pages: &[Page],
        values: &Catalog<'_>,
    ) -> Vec<Release> {
        let mapped: Vec<&str> = pages
            .iter()
            .map(|page| values.sources[page.source].file.as_str())
            .collect();
        let key = &sought.key;
        let released = sought.owner.as_ref().map(|(_, name)| name.as_str());
        let named = |release: &Release| {
            let name = |name: &String| *name == key.name || released == Some(name.as_str());
            let near = release.namespace.is_none() || release.namespace == key.namespace;
            near && release.names.iter().any(name)
        };
        let reads = |release: &Release| {
            let own = mapped.contains(&release.file.as_str()) && release.tool != Tool::Kustomize;
            let files = release
                .files
                .iter()
                .any(|(file, _)| mapped.contains(&file.as_str()));
            let chart = release
                .chart
                .as_ref()
                .is_some_and(|chart| mapped.iter().any(|file| parent(file) == *chart));
            own || files || chart
        };
        let by_name: Vec<Release> = self
            .releases
            .iter()
            .filter(|one| named(one))
            .cloned()
            .collect();
        if !by_name.is_empty() {
            return by_name;
        }
        // Without a release of its name: those that read the mapped file, if it is one.
        let reading: Vec<Release> = self
            .releases
            .iter()
            .filter(|one| reads(one))
            .cloned()
            .collect();
        if reading.len() == 1 {
            reading
        } else {
            Vec::new()
        }
    }

    fn releases_in(&self, file: &str, document: &Document, value: &Value) -> Vec<Release> {
        let dir = parent(file);
        let keys = super::controllers::keys;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let new = |tool: Tool, way: Vec<Segment>| Release {
            tool,
            file: file.to_owned(),
            document: document.clone(),
            value: value.clone(),
            way,
            names: Vec::new(),
            namespace: None,
            files: Vec::new(),
            patterns: Vec::new(),
            chart: None,
            ignored: Vec::new(),
        };
        let spec = &value["spec"];
        match value["kind"].as_str() {
            Some("HelmRelease") => {
                let mut one = new(Tool::Flux, keys(&["spec"]));
                one.names = [text(&value["metadata"]["name"]), text(&spec["releaseName"])]
                    .into_iter()
                    .flatten()
                    .collect();
                one.namespace =
                    text(&spec["targetNamespace"]).or(text(&value["metadata"]["namespace"]));
                let chart = &spec["chart"]["spec"];
                let path = chart["chart"].as_str().filter(|path| path.contains('/'));
                one.chart = path.map(|path| self.place(".", path));
                for (index, path) in texts(&chart["valuesFiles"]).iter().enumerate() {
                    let way = [
                        keys(&["spec", "chart", "spec", "valuesFiles"]),
                        vec![Segment::Index(index)],
                    ]
                    .concat();
                    let line = one.line(&way);
                    one.files.push((self.place(".", path), line));
                }
                vec![one]
            }
            Some("Application") => self.argo_releases(&new, spec, keys(&["spec"]), value),
            Some("ApplicationSet") => {
                let template = &spec["template"];
                let way = keys(&["spec", "template", "spec"]);
                self.argo_releases(&new, &template["spec"], way, template)
            }
            Some("Kustomization") | None if value["helmCharts"].is_array() => {
                let charts = value["helmCharts"].as_array().into_iter().flatten();
                charts
                    .enumerate()
                    .map(|(index, chart)| {
                        let way = vec![Segment::Key("helmCharts".into()), Segment::Index(index)];
                        let mut one = new(Tool::Kustomize, way.clone());
                        one.names = [text(&chart["releaseName"]), text(&chart["name"])]
                            .into_iter()
                            .flatten()
                            .collect();
                        one.namespace = text(&chart["namespace"]).or(text(&value["namespace"]));
                        let mut paths: Vec<String> =
                            text(&chart["valuesFile"]).into_iter().collect();
                        paths.extend(texts(&chart["additionalValuesFiles"]));
                        for path in paths {
                            let line = one.line(&way);
                            one.files.push((self.place(&dir, &path), line));
                        }
                        one
                    })
                    .collect()
            }
            _ if value["releases"].is_array() => {
                let releases = value["releases"].as_array().into_iter().flatten();
                releases
                    .enumerate()
                    .map(|(index, release)| {
                        let way = vec![Segment::Key("releases".into()), Segment::Index(index)];
                        let mut one = new(Tool::Helmfile, way.clone());
                        one.names = text(&release["name"]).into_iter().collect();
                        one.namespace = text(&release["namespace"]);
                        for path in texts(&release["values"]) {
                            let line = one.line(&[way.clone(), keys(&["values"])].concat());
                            if path.contains("{{") {
                                one.patterns.push((join(&dir, &path), line));
                            } else {
                                one.files.push((self.place(&dir, &path), line));
                            }
                        }
                        let chart = release["chart"].as_str();
                        let local = chart.filter(|chart| chart.starts_with('.'));
                        one.chart = local.map(|chart| self.place(&dir, chart));
                        one
                    })
                    .collect()
            }
            _ => Vec::new(),
        }
    }

    fn argo_releases(
        &self,
        new: &dyn Fn(Tool, Vec<Segment>) -> Release,
        spec: &Value,
        way: Vec<Segment>,
        object: &Value,
    ) -> Vec<Release> {
        let keys = super::controllers::keys;
        let mut sources = vec![(&spec["source"], keys(&["source"]))];
        for (index, source) in spec["sources"].as_array().into_iter().flatten().enumerate() {
            let below = vec![Segment::Key("sources".into()), Segment::Index(index)];
            sources.push((source, below));
        }
        let ignored: Vec<Ignored> = spec["ignoreDifferences"]
            .as_array()
            .into_iter()
            .flatten()
            .flat_map(|item| {
                let lists = [&item["jsonPointers"], &item["jqPathExpressions"]];
                let kind = item["kind"].as_str().filter(|kind| *kind != "*");
                let name = item["name"].as_str().map(str::to_owned);
                let of = |what: String| Ignored {
                    kind: kind.map(str::to_owned),
                    name: name.clone(),
                    what,
                    line: 1,
                };
                lists
                    .into_iter()
                    .flat_map(texts)
                    .map(of)
                    .collect::<Vec<Ignored>>()
            })
            .collect();
        sources
            .into_iter()
            .filter(|(source, _)| source["helm"].is_object() || source["chart"].is_string())
            .map(|(source, below)| {
                let mut one = new(Tool::Argo, [way.clone(), below, keys(&["helm"])].concat());
                let names = [&object["metadata"]["name"], &source["helm"]["releaseName"]];
                one.names = names
                    .into_iter()
                    .filter_map(|name| name.as_str().map(str::to_owned))
                    .collect();
                let namespace = spec["destination"]["namespace"].as_str();
                one.namespace = namespace
                    .filter(|text| !is_template(text))
                    .map(str::to_owned);
                let chart = source["path"].as_str().map(|path| self.place(".", path));
                for path in texts(&source["helm"]["valueFiles"]) {
                    let line = one.line(&[one.way.clone(), keys(&["valueFiles"])].concat());
                    let place = match path.strip_prefix('$').and_then(|rest| rest.split_once('/')) {
                        Some((_, rest)) => self.place(".", rest),
                        None => self.place(chart.as_deref().unwrap_or("."), &path),
                    };
                    if path.contains("{{") {
                        one.patterns.push((place, line));
                    } else {
                        one.files.push((place, line));
                    }
                }
                one.chart = chart;
                one.ignored = ignored.clone();
                one
            })
            .collect()
    }
}

impl Release {
    fn line(&self, way: &[Segment]) -> usize {
        let mut at = self.document.root().unwrap_or(0);
        let mut line = self.document.nodes.get(at).map_or(1, |node| node.line);
        for segment in way {
            let next = match segment {
                Segment::Key(key) => {
                    let entries = self.document.entries(self.document.target(at));
                    let found = entries
                        .iter()
                        .find(|(name, _)| self.document.text(*name) == Some(key));
                    found.map(|(name, value)| (self.document.nodes[*name].line, *value))
                }
                Segment::Index(index) => {
                    let items = self.document.items(self.document.target(at));
                    let found = items.get(*index);
                    found.map(|item| (self.document.nodes[*item].line, *item))
                }
            };
            let Some((found, value)) = next else { break };
            (line, at) = (found, value);
        }
        line
    }

    fn here(&self) -> &Value {
        self.way
            .iter()
            .fold(&self.value, |value, segment| match segment {
                Segment::Key(key) => &value[key.as_str()],
                Segment::Index(index) => &value[*index],
            })
    }

    fn at(&self, below: &[&str]) -> usize {
        self.line(&[self.way.clone(), super::controllers::keys(below)].concat())
    }

    /// Whether nothing in the release wins over the mapped value of a field.
    pub(super) fn leaves(
        &self,
        field: &FieldPath,
        pages: &[Page],
        values: &Catalog<'_>,
        key: &ObjectKey,
    ) -> Result<(), Refusal> {
        let page = pages
            .iter()
            .rev()
            .find(|page| page.layer.key_of(field).is_some());
        let Some(page) = page else { return Ok(()) };
        let Some((name, _)) = page.layer.key_of(field) else {
            return Ok(());
        };
        let file = values.sources[page.source].file.as_str();
        let own = file == self.file;
        let wins = |what: &str, line: usize| {
            Err(Refusal::new(
                Code::ShadowedField,
                format!("{what} wins over the mapped value of this field in {file}, so changing that would do nothing"),
                "change it there by hand, or take it out; a values key that is in force can be mapped in `repository.values` of plimsoll.yaml",
            )
            .at(&self.file, line)
            .on(field))
        };
        let here = self.here();
        if let Some(line) = self.patched(field, key) {
            let what = match self.tool {
                Tool::Kustomize => "a patch of the kustomization",
                _ => "a patch in `postRenderers`",
            };
            return wins(what, line);
        }
        for from in here["valuesFrom"].as_array().into_iter().flatten() {
            let of = format!(
                "{} `{}`",
                from["kind"].as_str().unwrap_or("ConfigMap"),
                from["name"].as_str().unwrap_or_default()
            );
            if target_of(from, page, values, file) {
                continue;
            }
            let target = from["targetPath"].as_str().unwrap_or_default();
            let plain = target.replace("\\.", ".");
            if !target.is_empty() && covers(&plain, &name.words().join(".")) {
                return wins(
                    &format!("`valuesFrom` with `targetPath: {target}` ({of})"),
                    self.at(&["valuesFrom"]),
                );
            }
            let inline = has(&here["values"], &name);
            if target.is_empty() && !inline && !pages.iter().any(|page| page.layer.complete) {
                return wins(
                    &format!("the {of} in `valuesFrom` may set `{name}`, and"),
                    self.at(&["valuesFrom"]),
                );
            }
        }
        let dotted = name.words().join(".");
        for list in ["parameters", "fileParameters", "set", "setString"] {
            let items = here[list].as_array().into_iter().flatten();
            let mut hits = items.filter(|item| {
                let named = item["name"].as_str().unwrap_or_default();
                covers(&named.replace("\\.", "."), &dotted)
            });
            let inside = own && list == "parameters";
            if hits.next().is_some() && !inside {
                return wins(&format!("`{list}` of the release"), self.at(&[list]));
            }
        }
        if own {
            return Ok(());
        }
        for inline in ["values", "valuesObject", "valuesInline"] {
            let block = &here[inline];
            let parsed = match block {
                Value::String(text) => owned(text),
                block => block.clone(),
            };
            if has(&parsed, &name) {
                return wins(&format!("`{inline}` of the release"), self.at(&[inline]));
            }
            // Helmfile's list holds files and mappings of values.
            for item in block.as_array().into_iter().flatten() {
                if has(item, &name) {
                    return wins("a mapping in `values` of the release", self.at(&[inline]));
                }
            }
        }
        self.later_files(&name, file, pages, values, field)
    }

    /// Whether no file that the release reads after the mapped one has the key too.
    fn later_files(
        &self,
        name: &FieldPath,
        file: &str,
        pages: &[Page],
        values: &Catalog<'_>,
        field: &FieldPath,
    ) -> Result<(), Refusal> {
        if pages.iter().any(|page| page.layer.complete) {
            return Ok(());
        }
        let position = self.files.iter().position(|(one, _)| one == file);
        let later = self.files.iter().skip(position.map_or(0, |at| at + 1));
        let mut rivals: Vec<(String, usize)> = later.cloned().collect();
        for (pattern, line) in &self.patterns {
            let like = values
                .tree
                .keys()
                .filter(|path| fits(pattern, path) && *path != file);
            rivals.extend(like.map(|path| (path.clone(), *line)));
        }
        for (rival, line) in rivals {
            let bytes = values
                .tree
                .get(&rival)
                .map(Vec::as_slice)
                .unwrap_or_default();
            let Ok(text) = std::str::from_utf8(bytes) else {
                continue;
            };
            if has(&owned(text), name) {
                return Err(Refusal::new(
                    Code::AmbiguousTarget,
                    format!("the release reads {rival} after {file}, and both set `{name}`"),
                    format!("list the files that are read for this job, in that order, in `repository.values` of plimsoll.yaml: `files: [{file}, {rival}]`"),
                )
                .at(&self.file, line)
                .on(field));
            }
        }
        Ok(())
    }

    /// The line of a patch that sets a field of the rendered object.
    fn patched(&self, field: &FieldPath, key: &ObjectKey) -> Option<usize> {
        let words = field.words();
        let lists: Vec<(&Value, Vec<Segment>)> = match self.tool {
            Tool::Flux => self.here()["postRenderers"]
                .as_array()
                .into_iter()
                .flatten()
                .enumerate()
                .map(|(index, one)| {
                    let way = [
                        self.way.clone(),
                        vec![
                            Segment::Key("postRenderers".into()),
                            Segment::Index(index),
                            Segment::Key("kustomize".into()),
                        ],
                    ];
                    (&one["kustomize"], way.concat())
                })
                .collect(),
            Tool::Kustomize => vec![(&self.value, Vec::new())],
            _ => Vec::new(),
        };
        for (block, way) in lists {
            for list in ["patches", "patchesStrategicMerge", "patchesJson6902"] {
                for (index, item) in block[list].as_array().into_iter().flatten().enumerate() {
                    let patch = match (item, &item["patch"]) {
                        (Value::String(text), _) | (_, Value::String(text)) => owned(text),
                        (_, Value::Null) => item.clone(),
                        (_, patch) => patch.clone(),
                    };
                    // A file of a patch is not read here: it may set anything.
                    let unread = item["path"].is_string();
                    let meant = match item.get("target") {
                        Some(target) => {
                            let names = [key.name.clone()];
                            let object =
                                serde_json::json!({"apiVersion": "flink.apache.org/v1beta1"});
                            Selector::read(target).matches(
                                &object,
                                key,
                                &names,
                                std::slice::from_ref(&key.namespace),
                            )
                        }
                        None => patch["kind"].is_null() || patch["kind"] == key.kind.as_str(),
                    };
                    let sets = match &patch {
                        Value::Array(_) => pointers(&patch, &words),
                        patch => has(patch, field),
                    };
                    if meant && (sets || unread) {
                        let at = [
                            way.clone(),
                            vec![Segment::Key(list.into()), Segment::Index(index)],
                        ];
                        return Some(self.line(&at.concat()));
                    }
                }
            }
        }
        None
    }

    /// Whether what installs the release applies changes of a field.
    pub(super) fn applies(&self, change: &Change) -> Result<(), Refusal> {
        let words = change.path.words();
        let name = self.names.first().map(String::as_str).unwrap_or_default();
        let ignored = self.ignored.iter();
        let mut hits = ignored.filter(|one| one.meets("FlinkDeployment", name, &words));
        match hits.next() {
            Some(one) => Err(
                not_applied(&format!("the Argo CD Application `{name}`"), &one.what)
                    .at(&self.file, self.line(&[]))
                    .on(&change.path),
            ),
            None => Ok(()),
        }
    }
}

/// Whether a reference of `valuesFrom` is the mapped file itself: a ConfigMap of that name, or one that a kustomization makes of it.
fn target_of(from: &Value, page: &Page, values: &Catalog<'_>, file: &str) -> bool {
    let name = &from["name"];
    let object = values
        .value_of(page.source, page.document)
        .unwrap_or_default();
    if object["kind"] == from["kind"] && object["metadata"]["name"] == *name {
        return true;
    }
    let kustomizations = values
        .tree
        .iter()
        .filter(|(path, _)| is_kustomization(path));
    let mut made = kustomizations.flat_map(|(path, bytes)| {
        let dir = parent(path);
        let text = std::str::from_utf8(bytes).unwrap_or_default();
        let value = owned(text);
        let lists = ["configMapGenerator", "secretGenerator"];
        let items = lists
            .iter()
            .flat_map(|list| value[*list].as_array().cloned().unwrap_or_default());
        let own: Vec<String> = items
            .filter(|item| item["name"] == *name)
            .flat_map(|item| texts(&item["files"]))
            .map(|one| values.place(&dir, one.rsplit('=').next().unwrap_or_default()))
            .collect();
        own
    });
    made.any(|one| one == file)
}

/// A text's first document as a value.
fn owned(text: &str) -> Value {
    let stream = tree::parse(text);
    let document = stream.documents.first();
    document
        .and_then(|document| resolve::value(document, document.root()?))
        .unwrap_or_default()
}

/// Whether a value has a key, in words or as one dotted option.
fn has(value: &Value, key: &FieldPath) -> bool {
    let mut at = value;
    for word in key.words() {
        match at.get(word) {
            Some(found) => at = found,
            None => return false,
        }
    }
    true
}

/// Whether setting one dotted path sets another: it is that one, or above it.
fn covers(set: &str, wanted: &str) -> bool {
    !set.is_empty() && (set == wanted || wanted.starts_with(&format!("{set}.")))
}

/// Whether a path fits a pattern in which templates stand for anything.
fn fits(pattern: &str, path: &str) -> bool {
    let Some((before, rest)) = pattern.split_once("{{") else {
        return pattern == path;
    };
    let after = rest.rsplit_once("}}").map_or("", |(_, after)| after);
    let after = after.trim_end_matches('`');
    path.len() >= before.len() + after.len() && path.starts_with(before) && path.ends_with(after)
}
