//! A job whose object a chart makes: its fields read from, and written to, the values that the configuration maps.
//!
//! Values are linked by positive evidence alone: a file that the configuration names, a release of the job's name, a path or key that
//! holds the name. Of several files the last that has a key is in force, and the edit goes there.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::catalog::{Catalog, Located, is_manifest};
use super::edit::{Edit, Spot};
use super::find::{Sought, Tie};
use super::refusal::{Code, Refusal};
use super::scalar::{self, Meaning};
use super::source::SourceId;
use super::walk::Walk;
use super::{Change, Edited, ObjectKey, Tree, resolve, template};
use crate::flink::deployment::GROUP;
use crate::flink::field_path::{FieldPath, Segment};

/// One file of a chart's values, and which of its keys set which fields.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ValuesLayer {
    /// The file; absent: the one that evidence ties to the job.
    pub file: Option<String>,
    /// Field of the object → key in the values. A mapping stands for all fields below it.
    pub fields: BTreeMap<FieldPath, FieldPath>,
    /// The configuration lists all files that are read, in order: no other one counts.
    pub complete: bool,
    /// The job's name is part of a file or key here, so that the values can be nobody else's.
    pub names_job: bool,
}

/// A document of values with its keys.
#[derive(Debug, Clone)]
pub(super) struct Page {
    pub(super) source: SourceId,
    pub(super) document: usize,
    pub(super) layer: ValuesLayer,
}

/// What values say about one field.
enum Said {
    Sets(Spot),
    Lacks(Spot),
    Nothing,
}

impl ValuesLayer {
    /// The key that sets a field, and for a mapped `flinkConfiguration` the option below it.
    pub fn key_of(&self, field: &FieldPath) -> Option<(FieldPath, Option<String>)> {
        if let Some(key) = self.fields.get(field) {
            return Some((key.clone(), None));
        }
        self.fields.iter().find_map(|(mapped, key)| {
            let rest = field.below(mapped)?;
            match field.option() {
                Some(option) => Some((key.clone(), Some(option.to_owned()))),
                None => Some((key.join(&rest), None)),
            }
        })
    }
}

impl Located {
    /// Whether a field can be changed at all: values must be mapped for it.
    pub fn maps(&self, field: &FieldPath) -> bool {
        self.values.is_empty()
            || self
                .values
                .iter()
                .any(|layer| layer.key_of(field).is_some())
    }
}

impl Catalog<'_> {
    /// The object of a job as far as mapped values tell it.
    ///
    /// # Errors
    /// `not-found` without evidence, `ambiguous-target` where more than one file may be in force, and what keeps a value from
    /// being read.
    pub(crate) fn locate_mapped(&self, sought: &Sought) -> Result<Located, Refusal> {
        if let Some(other) = sought.values_shared_with.first() {
            return Err(Refusal::new(
                Code::AmbiguousTarget,
                format!(
                    "`repository.values` of plimsoll.yaml maps the same file and keys for `{}` and for {other}",
                    sought.key
                ),
                "put `{name}` or `{namespace}` into `file` or into the keys, or give each job a mapping of its own",
            ));
        }
        let mut values = Catalog::empty(self.tree);
        let pages = values.pages(sought)?;
        let releases = self.releases_of(sought, &pages, &values);
        values.no_later_file(&pages)?;
        let mut value = skeleton(&sought.key);
        let mut place: Option<(usize, usize)> = None;
        for (at, page) in pages.iter().enumerate() {
            for (field, key) in &page.layer.fields {
                let Said::Sets(spot) = values.ask_page(page, field, key, None)? else {
                    continue;
                };
                let Walk::Found { node, .. } = spot.walk else {
                    continue;
                };
                let document = &values.sources[spot.source].stream.documents[spot.document];
                let Some(found) = resolve::value(document, node) else {
                    continue;
                };
                if found.is_null() {
                    values
                        .walker(spot.source, spot.document, field)
                        .may_replace(node)?;
                }
                if !found.is_object() && !found.is_array() {
                    values.readable_value(&spot, node, field, &sought.key)?;
                }
                let found = values.with_unit(&spot, node, field, key, found)?;
                let line = document.nodes[node].line + values.sources[spot.source].first_line();
                put(&mut value, field.segments(), found);
                place = Some((at, line));
            }
        }
        let Some((at, line)) = place else {
            return Err(nothing_mapped(&pages, &values));
        };
        let mut fields: Vec<&FieldPath> =
            pages.iter().flat_map(|p| p.layer.fields.keys()).collect();
        fields.sort();
        fields.dedup();
        for field in fields {
            for release in &releases {
                release.leaves(field, &pages, &values, &sought.key)?;
            }
        }
        let page = &pages[at];
        Ok(Located {
            key: sought.key.clone(),
            file: values.sources[page.source].file.clone(),
            document: page.document,
            line,
            value,
            cluster: None,
            values: pages
                .iter()
                .map(|page| ValuesLayer {
                    file: Some(values.sources[page.source].file.clone()),
                    ..page.layer.clone()
                })
                .collect(),
            tie: Tie::Values,
            build: None,
        })
    }

    /// Edits the values behind changed fields, each in the last file that has its key.
    pub(crate) fn change_values(
        &self,
        located: &Located,
        changes: &[Change],
        create: bool,
    ) -> Result<Edited, Refusal> {
        let mut values = Catalog::empty(self.tree);
        let sought = Sought {
            values: located.values.clone(),
            ..Sought::new(located.key.clone())
        };
        let pages = values.pages(&sought)?;
        let releases = self.releases_of(&sought, &pages, &values);
        let mut edits: Vec<(Spot, Change)> = Vec::new();
        for change in changes {
            for release in &releases {
                release.applies(change)?;
            }
            let (spot, key) = values.place_of_value(&pages, &change.path, create, &located.file)?;
            let change = values.in_its_unit(&spot, &key, change)?;
            edits.push((spot, change));
        }
        let mut edit = Edit::new(&values);
        for (spot, change) in &edits {
            edit.add(spot, change, None)?;
        }
        edit.finish(None)
    }

    /// Takes the value behind a field away.
    pub(crate) fn remove_value(
        &self,
        located: &Located,
        field: &FieldPath,
    ) -> Result<Tree, Refusal> {
        let mut values = Catalog::empty(self.tree);
        let sought = Sought {
            values: located.values.clone(),
            ..Sought::new(located.key.clone())
        };
        let pages = values.pages(&sought)?;
        match values.place_of_value(&pages, field, false, &located.file) {
            Err(refusal) if refusal.code == Code::PathMissing => Ok(Tree::new()),
            Err(refusal) => Err(refusal),
            Ok((spot, _)) => values.cut_value(&spot, field),
        }
    }

    /// Where a change of a field goes: the last page that sets it, or the last one that has a key for it.
    fn place_of_value(
        &mut self,
        pages: &[Page],
        field: &FieldPath,
        create: bool,
        file: &str,
    ) -> Result<(Spot, FieldPath), Refusal> {
        let mut host: Option<(Spot, FieldPath)> = None;
        let mut mapped = false;
        for page in pages.iter().rev() {
            let Some((key, option)) = page.layer.key_of(field) else {
                continue;
            };
            mapped = true;
            match self.ask_page(page, field, &key, option.as_deref())? {
                Said::Sets(spot) => return Ok((spot, key)),
                Said::Lacks(spot) => {
                    host.get_or_insert((spot, key));
                }
                Said::Nothing => {}
            }
        }
        match host {
            Some(host) if create => Ok(host),
            _ if mapped => Err(Refusal::new(
                Code::PathMissing,
                "the mapped values key is not in the file",
                "add the key with the value that is in force, or correct the mapping in `repository.values` of plimsoll.yaml",
            )
            .at(file, 0)
            .on(field)),
            _ => Err(unmapped(field).at(file, 0)),
        }
    }

    fn ask_page(
        &mut self,
        page: &Page,
        field: &FieldPath,
        key: &FieldPath,
        option: Option<&str>,
    ) -> Result<Said, Refusal> {
        let change = Change {
            path: field.clone(),
            value: Value::Null,
        };
        let spot = match self.values_spot(page.source, page.document, &change, key) {
            Ok(spot) => spot,
            Err(refusal) if refusal.code == Code::PathMissing => return Ok(Said::Nothing),
            Err(refusal) => return Err(refusal),
        };
        let spot = match (option, &spot.walk) {
            (Some(option), Walk::Found { node, .. }) => {
                let walker = self.walker(spot.source, spot.document, field);
                let walk = walker.walk_option(*node, option)?;
                Spot { walk, ..spot }
            }
            (Some(option), Walk::Missing { host, rest }) => {
                let mut rest = rest.clone();
                rest.push(option.to_owned());
                let walk = Walk::Missing { host: *host, rest };
                Spot { walk, ..spot }
            }
            (None, _) => spot,
        };
        Ok(match spot.walk {
            Walk::Found { .. } => Said::Sets(spot),
            Walk::Missing { .. } => Said::Lacks(spot),
        })
    }

    /// The documents of the layers, weakest first.
    fn pages(&mut self, sought: &Sought) -> Result<Vec<Page>, Refusal> {
        let mut pages = Vec::new();
        for layer in &sought.values {
            let page = match &layer.file {
                Some(file) => self.named_page(file, layer, sought)?,
                None => self.proven_page(layer, sought)?,
            };
            pages.push(page);
        }
        Ok(pages)
    }

    fn named_page(
        &mut self,
        named: &str,
        layer: &ValuesLayer,
        sought: &Sought,
    ) -> Result<Page, Refusal> {
        let file = self.place(".", named);
        if !self.tree.contains_key(&file) {
            return Err(Refusal::new(
                Code::NotFound,
                format!(
                    "`repository.values` of plimsoll.yaml names the file `{named}`, and the repository has none"
                ),
                "correct the path (from the repository's root), and commit the file",
            ));
        }
        let Some(source) = self.source_of(&file) else {
            let problem = self.problems.last().cloned();
            return Err(problem.unwrap_or_else(|| nothing_mapped(&[], self)));
        };
        if let Some(refusal) = self.sources[source].broken() {
            return Err(refusal);
        }
        let documents = self.sources[source].stream.documents.len();
        let page = |document| Page {
            source,
            document,
            layer: layer.clone(),
        };
        if documents < 2 {
            return Ok(page(0));
        }
        let mut own = Vec::new();
        for document in 0..documents {
            if self.holds_any(&page(document))? {
                own.push(document);
            }
        }
        if own.len() > 1 {
            let belongs = |at: &usize| self.proves(&page(*at), sought);
            let belonging: Vec<usize> = own.iter().copied().filter(belongs).collect();
            if belonging.len() == 1 {
                own = belonging;
            }
        }
        match own.as_slice() {
            [] => Ok(page(0)),
            [one] => Ok(page(*one)),
            _ => Err(Refusal::new(
                Code::AmbiguousTarget,
                "several documents of the file hold the mapped keys",
                "give each job a file of its own, or put the document's own keys into `fields`",
            )
            .at(&file, 1)),
        }
    }

    /// The one document that holds mapped keys and is proven to be the job's.
    fn proven_page(&mut self, layer: &ValuesLayer, sought: &Sought) -> Result<Page, Refusal> {
        let tree = self.tree;
        let (mut proven, mut others) = (Vec::new(), Vec::new());
        let mut broken = None;
        for (file, bytes) in tree {
            if !is_manifest(file) || !may_hold_any(bytes, layer) {
                continue;
            }
            let Some(source) = self.source_of(file) else {
                continue;
            };
            if let Some(refusal) = self.sources[source].broken() {
                if path_names(file, &sought.key.name) {
                    broken.get_or_insert(refusal);
                }
                continue;
            }
            for document in 0..self.sources[source].stream.documents.len() {
                let page = Page {
                    source,
                    document,
                    layer: layer.clone(),
                };
                match self.holds_any(&page) {
                    Ok(false) => {}
                    Ok(true) if self.proves(&page, sought) => proven.push(page),
                    Ok(true) => others.push(file.clone()),
                    Err(refusal) if self.proves(&page, sought) => return Err(refusal),
                    Err(_) => {}
                }
            }
        }
        let key = &sought.key;
        match proven.as_slice() {
            [one] => Ok(one.clone()),
            [] => Err(broken.unwrap_or_else(|| {
                let near = match others.as_slice() {
                    [] => "no file holds them".to_owned(),
                    others => format!("{} hold them, and nothing shows that they are this job's", others.join(", ")),
                };
                Refusal::new(
                    Code::NotFound,
                    format!("no values with the mapped keys are known to be those of `{key}`: {near}"),
                    "name the job's file as `file:` in `repository.values` of plimsoll.yaml (`{name}` stands for the job's name)",
                )
            })),
            several => {
                let files: Vec<String> = several
                    .iter()
                    .map(|page| self.sources[page.source].file.clone())
                    .collect();
                Err(Refusal::new(
                    Code::AmbiguousTarget,
                    format!("the mapped values of `{key}` stand in more than one place: {}", files.join(", ")),
                    format!(
                        "list those that are read for this job, in the order in which Helm reads them, in `repository.values` of plimsoll.yaml: `files: [{}]`",
                        files.join(", ")
                    ),
                )
                .at(&files[0], 1))
            }
        }
    }

    fn holds_any(&mut self, page: &Page) -> Result<bool, Refusal> {
        for (field, key) in &page.layer.fields {
            if let Said::Sets(_) = self.ask_page(page, field, key, None)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether something shows that a document's values are the job's.
    fn proves(&self, page: &Page, sought: &Sought) -> bool {
        let this = &self.sources[page.source];
        let tree = &this.stream.documents[page.document];
        let Some(root) = tree.root() else {
            return false;
        };
        let text = |keys: &[&str]| tree.text_at(root, keys);
        let key = &sought.key;
        if text(&["kind"]).is_none() {
            return page.layer.names_job || path_names(&this.file, &key.name);
        }
        let namespace = text(&["spec", "targetNamespace"])
            .or_else(|| text(&["spec", "destination", "namespace"]))
            .or_else(|| {
                text(&["metadata", "namespace"]).filter(|_| text(&["kind"]) == Some("HelmRelease"))
            });
        let near = namespace.is_none() || namespace == key.namespace.as_deref();
        let names = [
            text(&["spec", "releaseName"]),
            text(&["spec", "source", "helm", "releaseName"]),
            text(&["metadata", "name"]),
        ];
        // An ApplicationSet is a job's by the element of its list that names the job.
        let listed = text(&["kind"]) == Some("ApplicationSet")
            && self
                .value_of(page.source, page.document)
                .is_some_and(|value| {
                    value["spec"]["generators"]
                        .to_string()
                        .contains(&format!("\"{}\"", key.name))
                });
        let own = |name: &str| {
            let released = sought.owner.as_ref().map(|(_, release)| release.as_str());
            name == key.name || released == Some(name)
        };
        near && (names.into_iter().flatten().any(own) || page.layer.names_job) || listed
    }

    /// Whether no file beside a named one sets the same key and is read after it.
    fn no_later_file(&mut self, pages: &[Page]) -> Result<(), Refusal> {
        let listed: Vec<String> = pages
            .iter()
            .map(|page| self.sources[page.source].file.clone())
            .collect();
        for page in pages.iter().filter(|page| !page.layer.complete) {
            let file = self.sources[page.source].file.clone();
            let others: Vec<String> = self
                .tree
                .keys()
                .filter(|other| !listed.contains(other) && may_override(&file, other))
                .cloned()
                .collect();
            for other in others {
                let Some(source) = self.source_of(&other) else {
                    continue;
                };
                let templated = self.sources[source].broken();
                if self.sources[source].stream.documents.is_empty() {
                    continue;
                }
                let rival = Page {
                    source,
                    document: 0,
                    layer: page.layer.clone(),
                };
                for (field, key) in &page.layer.fields {
                    let line = match self.ask_page(&rival, field, key, None) {
                        Ok(Said::Sets(spot)) => match spot.walk {
                            Walk::Found { node, .. } => {
                                self.walker(spot.source, spot.document, field).line(node)
                            }
                            Walk::Missing { .. } => continue,
                        },
                        Err(refusal) if templated.is_none() => refusal.line.unwrap_or(1),
                        _ => continue,
                    };
                    return Err(Refusal::new(
                        Code::AmbiguousTarget,
                        format!("`{key}` is set in {file} and again in {other}:{line}: which of them is in force for this job cannot be told"),
                        format!("list the files that are read for this job, in the order in which Helm reads them, in `repository.values` of plimsoll.yaml: `files: [{file}, {other}]`; for this one alone `files: [{file}]`"),
                    )
                    .at(&file, 1)
                    .on(field));
                }
            }
        }
        Ok(())
    }

    fn readable_value(
        &self,
        spot: &Spot,
        node: usize,
        field: &FieldPath,
        key: &ObjectKey,
    ) -> Result<(), Refusal> {
        let walker = self.walker(spot.source, spot.document, field);
        match walker.may_replace(node) {
            Err(mut refusal) if refusal.code == Code::TemplatedValue => {
                let text = walker.document.text(node).unwrap_or_default();
                if let Some(element) = self.element(spot, text, key) {
                    refusal.message = format!("{}; {element}", refusal.message);
                    refusal.way_out =
                        "change the element by hand, or give the job an Application of its own"
                            .to_owned();
                }
                Err(refusal)
            }
            _ => Ok(()),
        }
    }

    /// Where an ApplicationSet's list holds what fills a value.
    fn element(&self, spot: &Spot, text: &str, key: &ObjectKey) -> Option<String> {
        let document = self.value_of(spot.source, spot.document)?;
        let name = text.trim_matches(['{', '}', ' ', '.', '"']).to_owned();
        let generators = document["spec"]["generators"].as_array()?;
        generators.iter().enumerate().find_map(|(at, generator)| {
            let elements = generator["list"]["elements"].as_array()?;
            let number = elements.iter().position(|element| {
                element.as_object().is_some_and(|all| {
                    all.contains_key(&name) && all.values().any(|value| value == key.name.as_str())
                })
            })?;
            let way = [
                Segment::Key("spec".into()),
                Segment::Key("generators".into()),
                Segment::Index(at),
                Segment::Key("list".into()),
                Segment::Key("elements".into()),
                Segment::Index(number),
                Segment::Key(name.clone()),
            ];
            let line = self.line_at(spot.source, spot.document, &way);
            let file = &self.sources[spot.source].file;
            Some(format!(
                "the generator's element of `{}` sets `{name}` at {file}:{line}",
                key.name
            ))
        })
    }

    /// A memory that stands as a bare number, with the unit that the chart's template gives it.
    fn with_unit(
        &self,
        spot: &Spot,
        node: usize,
        field: &FieldPath,
        key: &FieldPath,
        value: Value,
    ) -> Result<Value, Refusal> {
        let Some(bare) = bare_number(field, &value) else {
            return Ok(value);
        };
        match self.unit_of(spot, key) {
            Some((unit, _)) => Ok(Value::String(format!("{bare}{unit}"))),
            None => {
                let walker = self.walker(spot.source, spot.document, field);
                Err(Refusal::new(
                    Code::TemplatedValue,
                    format!("`{bare}` is a bare number, which Flink reads as bytes: its unit must stand in the chart's template, and no template here shows it"),
                    format!("write the value with its unit (for example `{bare}m` or `{bare}g`) and take the unit out of the template, or add the chart to this repository"),
                )
                .at(walker.file, walker.line(node))
                .on(field))
            }
        }
    }

    /// A change of a memory that stands as a bare number, as one.
    fn in_its_unit(
        &self,
        spot: &Spot,
        key: &FieldPath,
        change: &Change,
    ) -> Result<Change, Refusal> {
        let Walk::Found { node, .. } = spot.walk else {
            return Ok(change.clone());
        };
        let document = &self.sources[spot.source].stream.documents[spot.document];
        let old = scalar::value_of(document, node);
        let Some(bare) = bare_number(&change.path, &old) else {
            return Ok(change.clone());
        };
        let walker = self.walker(spot.source, spot.document, &change.path);
        let text = scalar::text_of(&change.value).unwrap_or_default();
        let number = self
            .unit_of(spot, key)
            .and_then(|(unit, _)| text.strip_suffix(&unit)?.parse::<u64>().ok());
        match number {
            Some(number) => Ok(Change {
                path: change.path.clone(),
                value: json!(number),
            }),
            None => Err(Refusal::new(
                Code::TemplatedValue,
                format!("`{bare}` is a bare number whose unit stands in the chart's template, and `{text}` is no whole number of that unit"),
                "write the value with its unit, and take the unit out of the template",
            )
            .at(walker.file, walker.line(node))
            .on(&change.path)),
        }
    }

    /// The unit that the chart's templates write behind a key, and where, if they all agree.
    fn unit_of(&self, spot: &Spot, key: &FieldPath) -> Option<(String, String)> {
        let file = &self.sources[spot.source].file;
        let folder = super::links::parent(file);
        let wanted = format!(".Values.{}", key.words().join("."));
        let mut found: Vec<(String, String)> = Vec::new();
        for (path, bytes) in self.tree {
            let chart = path.contains("/templates/") || path.starts_with("templates/");
            if !chart || !super::links::within(&folder, path) {
                continue;
            }
            let Ok(text) = std::str::from_utf8(bytes) else {
                continue;
            };
            for (number, line) in text.lines().enumerate() {
                let Some((_, rest)) = line.split_once(&wanted) else {
                    continue;
                };
                let Some((inside, behind)) = rest.split_once("}}") else {
                    continue;
                };
                if inside.starts_with(|c: char| c.is_alphanumeric() || "_.-".contains(c)) {
                    continue;
                }
                let unit: String = behind
                    .chars()
                    .take_while(char::is_ascii_alphabetic)
                    .collect();
                found.push((unit, format!("{path}:{}", number + 1)));
            }
        }
        let (unit, _) = found.first()?.clone();
        let agree = !unit.is_empty() && found.iter().all(|(other, _)| *other == unit);
        agree.then(|| found[0].clone())
    }
}

/// The digits of a memory that is too small to be bytes.
fn bare_number(field: &FieldPath, value: &Value) -> Option<String> {
    if scalar::meaning_of(field) != Meaning::Memory {
        return None;
    }
    let text = scalar::text_of(value)?;
    let number: u64 = text.trim().parse().ok()?;
    // The smallest process that Flink starts with has far more bytes.
    (number > 0 && number < 16 << 20).then_some(text)
}

pub(crate) fn unmapped(field: &FieldPath) -> Refusal {
    Refusal::new(
        Code::UnmappedField,
        "the configuration does not say which key of the values sets this field",
        format!("add it to `fields` in `repository.values` of plimsoll.yaml: `{field}: KEY`"),
    )
    .on(field)
}

fn nothing_mapped(pages: &[Page], values: &Catalog<'_>) -> Refusal {
    let refusal = Refusal::new(
        Code::PathMissing,
        "the values file holds none of the keys that the configuration maps for this job",
        "correct `fields` in `repository.values` of plimsoll.yaml: each is FIELD: KEY, the key as a dotted path from the file's root",
    );
    match pages.first() {
        Some(page) => refusal.at(&values.sources[page.source].file, 1),
        None => refusal,
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
fn put(value: &mut Value, way: &[Segment], found: Value) {
    let Some((first, rest)) = way.split_first() else {
        merge(value, found);
        return;
    };
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    if let (Segment::Key(key), Some(map)) = (first, value.as_object_mut()) {
        put(map.entry(key.clone()).or_insert(Value::Null), rest, found);
    }
}

/// Helm merges mappings key by key, and replaces everything else.
fn merge(value: &mut Value, found: Value) {
    match (value, found) {
        (Value::Object(map), Value::Object(more)) => {
            for (key, found) in more {
                merge(map.entry(key).or_insert(Value::Null), found);
            }
        }
        (value, found) => *value = found,
    }
}

/// Whether a file's path names a job: a folder of that name, or a file whose name is it but for `values` and what dots part off.
pub(super) fn path_names(file: &str, name: &str) -> bool {
    let mut parts: Vec<&str> = file.split('/').collect();
    let last = parts.pop().unwrap_or_default();
    let plain = |word: &str| {
        let word = ["values-", "values_"]
            .iter()
            .find_map(|start| word.strip_prefix(start))
            .unwrap_or(word);
        let word = ["-values", "_values"]
            .iter()
            .find_map(|end| word.strip_suffix(end))
            .unwrap_or(word);
        word == name
    };
    parts.contains(&name) || last.split('.').any(plain)
}

/// Whether a values file may be read after another one: beside it with more in its name (`values-prod.yaml` after `values.yaml`), or
/// in a folder below it.
fn may_override(file: &str, other: &str) -> bool {
    let lower = other.to_ascii_lowercase();
    let yaml = [".yaml", ".yml", ".yaml.gotmpl", ".yml.gotmpl"];
    if !yaml.iter().any(|ending| lower.ends_with(ending)) {
        return false;
    }
    let split = |path: &str| {
        let (folder, name) = path.rsplit_once('/').unwrap_or((".", path));
        let words: Vec<String> = name
            .split(['.', '-', '_'])
            .filter(|word| !["yaml", "yml", "gotmpl"].contains(word))
            .map(str::to_ascii_lowercase)
            .collect();
        (folder.to_owned(), words)
    };
    let ((folder, own), (place, words)) = (split(file), split(other));
    if place == folder {
        return words.len() > own.len() && own.iter().all(|word| words.contains(word));
    }
    let below = super::links::within(&folder, &place) && folder != ".";
    let apart = ["templates", "charts", "crds", "tests", "ci"];
    below && !place.split('/').any(|part| apart.contains(&part))
}

/// Whether a file may hold the last word of some mapped key.
fn may_hold_any(bytes: &[u8], layer: &ValuesLayer) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    layer.fields.values().any(|path| {
        path.last_key()
            .is_none_or(|key| text.contains(key.rsplit('.').next().unwrap_or(key)))
    })
}

/// Whether a text is a template's expression.
pub(super) fn is_template(text: &str) -> bool {
    template::in_scalar(text).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_may_be_read_later_has_more_in_its_name_or_stands_below() {
        for (file, other, may) in [
            ("c/values.yaml", "c/values-prod.yaml", true),
            ("c/values.yaml", "c/prod.values.yaml", true),
            ("c/values.yaml", "c/values_prod.yml", true),
            ("c/values-prod.yaml", "c/values.yaml", false),
            ("c/values-prod.yaml", "c/values-staging.yaml", false),
            ("c/values-prod.yaml", "c/values-prod-eu.yaml", true),
            ("c/values.yaml", "c/Chart.yaml", false),
            ("c/values.yaml", "c/env/prod.yaml", true),
            ("c/values.yaml", "c/templates/job.yaml", false),
            ("c/values.yaml", "c/charts/sub/values.yaml", false),
            ("c/values.yaml", "other/values-prod.yaml", false),
        ] {
            assert_eq!(may_override(file, other), may, "{file} {other}");
        }
    }

    #[test]
    fn a_path_names_a_job_between_separators_only() {
        for (file, names) in [
            ("charts/orders/values.yaml", true),
            ("values/values-orders.yaml", true),
            ("values/orders.prod.yaml", true),
            ("values/orders-enrich.yaml", false),
            ("values/orders-values.yaml", true),
            ("values/reorders.yaml", false),
            ("charts/risk/values.yaml", false),
        ] {
            assert_eq!(path_names(file, "orders"), names, "{file}");
        }
    }
}
