//! From changes to bytes: each field resolved to one scalar in one text, written in its own style, proven.

use std::collections::BTreeMap;

use super::catalog::{Candidate, Catalog, Layer};
use super::create::{self, New};
use super::prove::{self, Expected};
use super::refusal::{Code, Refusal, Warning, WarningCode};
use super::scalar::{self, Field, Meaning, Place};
use super::source::{Source, SourceId};
use super::splice::{self, Splice};
use super::tree::{self, NodeId};
use super::walk::Walk;
use super::{Change, EditOptions, Edited, ObjectKey, Tree, check, template};
use crate::flink::deployment::Kind;
use crate::flink::field_path::FieldPath;

/// A field's place: a scalar, or a mapping that shall gain keys.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Spot {
    pub(crate) source: SourceId,
    pub(crate) document: usize,
    pub(crate) walk: Walk,
}

/// All edits of one text.
#[derive(Debug, Default)]
struct Pending {
    splices: Vec<Splice>,
    expected: BTreeMap<usize, Expected>,
    creates: BTreeMap<(usize, NodeId), Vec<(String, New)>>,
    /// Lines come or go with the splices.
    moves_lines: bool,
}

impl Catalog<'_> {
    /// Edits one object: all changes, or none.
    ///
    /// # Errors
    /// Any refusal but those of [`check()`](super::check()).
    pub fn edit(
        &self,
        key: &ObjectKey,
        changes: &[Change],
        options: &EditOptions,
    ) -> Result<Edited, Refusal> {
        let kind = Kind::from_name(&key.kind);
        let mapped = |change: &Change| {
            let own = kind.map(|kind| check::resolved(kind, &change.path));
            let found = options
                .map
                .get(&change.path)
                .or_else(|| options.map.get(&own?));
            found.map(|path| (change.clone(), path.clone()))
        };
        let values: Vec<(Change, FieldPath)> = changes.iter().filter_map(mapped).collect();
        let mut edited = Edited::default();
        if values.len() < changes.len() || changes.is_empty() {
            let own: Vec<&Change> = changes.iter().filter(|one| mapped(one).is_none()).collect();
            edited = self.edit_object(key, &own, options)?;
        }
        if !values.is_empty() {
            let more = self.edit_values(key, &values, options)?;
            edited.files.extend(more.files);
            edited.warnings.extend(more.warnings);
        }
        Ok(edited)
    }

    fn edit_object(
        &self,
        key: &ObjectKey,
        changes: &[&Change],
        options: &EditOptions,
    ) -> Result<Edited, Refusal> {
        let candidate = self
            .candidate(key, options.file.as_deref())
            .map_err(|refusal| self.with_values_keys(refusal, changes))?;
        self.edit_candidate(candidate, changes, options.create)
    }

    pub(crate) fn edit_candidate(
        &self,
        candidate: &Candidate,
        changes: &[&Change],
        create: bool,
    ) -> Result<Edited, Refusal> {
        let key = &candidate.located.key;
        let mut edit = Edit::new(self);
        for change in changes {
            let path = match Kind::from_name(&key.kind) {
                Some(kind) => check::resolved(kind, &change.path),
                None => change.path.clone(),
            };
            let spot = self.spot(candidate, &change.path, &path, create)?;
            edit.add(&spot, change, Some(&path))?;
        }
        edit.finish(candidate.layers.first())
    }

    /// Adds the values keys behind the changed fields to the refusal of a template.
    fn with_values_keys(&self, mut refusal: Refusal, changes: &[&Change]) -> Refusal {
        if refusal.code != Code::TemplatedFile {
            return refusal;
        }
        let Some(file) = refusal.file.clone() else {
            return refusal;
        };
        let text = self
            .tree
            .get(&file)
            .and_then(|bytes| std::str::from_utf8(bytes).ok());
        let mut hints = Vec::new();
        for change in changes {
            let line = text.and_then(|text| template::line_of(text, &change.path));
            let keys = line
                .map(|(_, line)| template::values_keys(line))
                .unwrap_or_default();
            let keys = if keys.is_empty() {
                self.likely_values_keys(&change.path)
            } else {
                keys
            };
            if !keys.is_empty() {
                hints.push(format!(
                    "`{}` is likely the values key `{}`",
                    change.path,
                    keys.join("` or `")
                ));
            }
            if refusal.field.is_none() {
                refusal.field = Some(change.path.to_string());
            }
        }
        if !hints.is_empty() {
            refusal.way_out = format!("{}; {}", refusal.way_out, hints.join(", "));
        }
        refusal
    }

    /// Keys of values files that end like a field does.
    fn likely_values_keys(&self, field: &FieldPath) -> Vec<String> {
        let words = field.words();
        let wanted = match words.as_slice() {
            [.., part @ ("taskManager" | "jobManager"), "resource", last] => vec![*part, *last],
            [.., _, "requests" | "limits", last] => vec![*last],
            [.., last] => vec![*last],
            [] => return Vec::new(),
        };
        let mut found = Vec::new();
        for (file, bytes) in self.tree {
            let name = file.rsplit('/').next().unwrap_or_default();
            let yaml = name.ends_with(".yaml") || name.ends_with(".yml");
            let Some(text) = std::str::from_utf8(bytes)
                .ok()
                .filter(|_| name.starts_with("values") && yaml)
            else {
                continue;
            };
            let stream = tree::parse(text);
            if let Some(document) = stream.documents.first().filter(|d| d.root().is_some()) {
                leaves(document, 0, &mut Vec::new(), &mut |way| {
                    let key = format!("{}` in `{file}", way.join("."));
                    if way.ends_with(&wanted) && !found.contains(&key) {
                        found.push(key);
                    }
                });
            }
        }
        found
    }
}

/// Calls back with the way to each scalar below mappings.
fn leaves<'a>(
    document: &'a tree::Document,
    node: NodeId,
    way: &mut Vec<&'a str>,
    found: &mut impl FnMut(&[&str]),
) {
    for &(key, value) in document.entries(node) {
        let Some(key) = document.text(key) else {
            continue;
        };
        way.push(key);
        if document.text(value).is_some() {
            found(way);
        }
        leaves(document, value, way, found);
        way.pop();
    }
}

/// The edits of one call, by text.
pub(crate) struct Edit<'a> {
    catalog: &'a Catalog<'a>,
    pending: BTreeMap<SourceId, Pending>,
    warnings: Vec<Warning>,
}

impl<'a> Edit<'a> {
    pub(crate) fn new(catalog: &'a Catalog<'a>) -> Edit<'a> {
        Edit {
            catalog,
            pending: BTreeMap::new(),
            warnings: Vec::new(),
        }
    }

    /// Adds one change, unless the value there already means the same. `path` is the field's place in the
    /// object; a value that stands for it elsewhere has a type of its own.
    pub(crate) fn add(
        &mut self,
        spot: &Spot,
        change: &Change,
        path: Option<&FieldPath>,
    ) -> Result<(), Refusal> {
        let walker = self
            .catalog
            .walker(spot.source, spot.document, &change.path);
        let source = &self.catalog.sources[spot.source];
        let meaning = scalar::meaning_of(path.unwrap_or(&change.path));
        let field = path.map_or(Field::Free, |path| field_of(path, meaning));
        let Some(text) = scalar::text_of(&change.value) else {
            return Err(Refusal::new(
                Code::NotAScalar,
                "the new value is not a single value",
                "give a text, a number or a flag",
            )
            .at(&source.file, 0)
            .on(&change.path));
        };
        match &spot.walk {
            Walk::Found { node, .. } => {
                walker
                    .may_replace(*node)
                    .map_err(|refusal| self.catalog.with_kptfile(refusal))?;
                self.replace(spot, *node, change, &text, meaning, field)
            }
            Walk::Missing { host, rest } => {
                walker.may_gain(*host, rest)?;
                let leaf = New::Leaf {
                    value: change.value.clone(),
                    field,
                };
                let pending = self.pending.entry(spot.source).or_default();
                let entries = pending.creates.entry((spot.document, *host)).or_default();
                if New::add(entries, rest, leaf) {
                    Ok(())
                } else {
                    Err(walker.path_missing(*host))
                }
            }
        }
    }

    fn replace(
        &mut self,
        spot: &Spot,
        node: NodeId,
        change: &Change,
        text: &str,
        meaning: Meaning,
        field: Field,
    ) -> Result<(), Refusal> {
        let source = &self.catalog.sources[spot.source];
        let document = &source.stream.documents[spot.document];
        let this = &document.nodes[node];
        let line = this.line + source.first_line();
        let refuse = |code, message: &str, way_out: &str| {
            Err(Refusal::new(code, message, way_out)
                .at(&source.file, line)
                .on(&change.path))
        };
        let old = document.text(node).unwrap_or_default();
        let old_value = scalar::value_of(document, node);
        if scalar::same_meaning(meaning, old.trim(), text) {
            return Ok(());
        }
        let place = Place {
            json: source.is_json(spot.document),
            flow: within_flow(document, node),
            field,
        };
        let raw = &source.text[this.span.clone()];
        let Some(bytes) = scalar::rewrite(document, node, raw, &change.value, place) else {
            return refuse(
                Code::UnsupportedStyle,
                "the value is written over several lines",
                "write it on one line first",
            );
        };
        let pending = self.pending.entry(spot.source).or_default();
        let splice = Splice {
            range: this.span.clone(),
            text: bytes,
        };
        if pending.splices.contains(&splice) {
            return Ok(());
        }
        if pending
            .splices
            .iter()
            .any(|other| other.range == splice.range)
        {
            return refuse(
                Code::AmbiguousTarget,
                "two changes give the same place different values",
                "leave one of them out",
            );
        }
        let tail = if matches!(
            this.kind,
            tree::Kind::Scalar {
                style: tree::Style::Block,
                ..
            }
        ) {
            &old[old.trim_end_matches('\n').len()..]
        } else {
            ""
        };
        pending.splices.push(splice);
        let expected = pending.expected.entry(spot.document).or_default();
        expected.replaced.insert(node, format!("{text}{tail}"));
        let number = scalar::plain_value(text).is_number() && field == Field::Free;
        if meaning == Meaning::Memory && old_value.is_number() && !number {
            self.warnings.push(Warning {
                code: WarningCode::NumericMemory,
                file: source.file.clone(),
                line,
                message: format!(
                    "`{}` stood as a bare number of bytes, now it is a text",
                    change.path
                ),
            });
        }
        Ok(())
    }

    /// Takes the bytes of one entry of a mapping away.
    pub(crate) fn cut(
        &mut self,
        spot: &Spot,
        splices: impl Iterator<Item = Splice>,
        (mapping, entry): (NodeId, usize),
    ) {
        let pending = self.pending.entry(spot.source).or_default();
        pending.splices.extend(splices);
        pending.moves_lines = true;
        let expected = pending.expected.entry(spot.document).or_default();
        expected.lost.entry(mapping).or_default().insert(entry);
    }

    /// Writes all edits, from the innermost text to the file, and proves each.
    pub(crate) fn finish(mut self, object: Option<&Layer>) -> Result<Edited, Refusal> {
        let mut files = Tree::new();
        // Texts within others were read after them, so the last source comes first.
        while let Some((id, mut pending)) = self.pending.pop_last() {
            let source = &self.catalog.sources[id];
            // Inner mappings first: where both end at the same place, theirs is the nearer line.
            for (&(document, host), entries) in pending.creates.iter().rev() {
                let splice = create::splice(source, document, host, entries)
                    .ok_or_else(|| no_place(source, document, host))?;
                pending.moves_lines |= splice.text.contains('\n');
                pending.splices.push(splice);
                let expected = pending.expected.entry(document).or_default();
                expected.gained.insert(host, entries.clone());
            }
            if pending.splices.is_empty() {
                continue;
            }
            let text = proven(source, &pending)?;
            match &source.embedded {
                None => {
                    files.insert(source.file.clone(), text.into_bytes());
                }
                Some(_) => self.lift(id, &pending, text)?,
            }
        }
        let mut warnings = std::mem::take(&mut self.warnings);
        if let Some(layer) = object.filter(|_| !files.is_empty()) {
            warnings.extend(self.dump_warning(layer));
        }
        warnings.sort();
        Ok(Edited { files, warnings })
    }

    /// Hands the edits of a text within a scalar to the text around it.
    fn lift(&mut self, id: SourceId, pending: &Pending, text: String) -> Result<(), Refusal> {
        let source = &self.catalog.sources[id];
        let Some(embedded) = &source.embedded else {
            return Ok(());
        };
        let parent = &self.catalog.sources[embedded.parent];
        let newline = if parent.text.contains("\r\n") {
            "\r\n"
        } else {
            "\n"
        };
        let lifted: Option<Vec<Splice>> = pending
            .splices
            .iter()
            .map(|splice| embedded.lift(splice, newline))
            .collect();
        let Some(lifted) = lifted else {
            return Err(Refusal::new(
                Code::InlinePatchBlockScalar,
                "the value stands in text within a quoted or folded scalar",
                "move that text to a file of its own, or write it as a literal block (`|`)",
            )
            .at(&source.file, embedded.first_line + 1));
        };
        let outer = self.pending.entry(embedded.parent).or_default();
        outer.moves_lines |= pending.moves_lines;
        outer.splices.extend(lifted);
        let expected = outer.expected.entry(embedded.document).or_default();
        expected.replaced.insert(embedded.node, text);
        Ok(())
    }

    /// Whether the edited manifest is a dump of a live object.
    fn dump_warning(&self, layer: &Layer) -> Option<Warning> {
        let located = self.catalog.read_object(layer).ok()?;
        let metadata = &located.value["metadata"];
        let status = located.value["status"]
            .as_object()
            .is_some_and(|status| !status.is_empty());
        let dumped = status || metadata["managedFields"].is_array() || metadata["uid"].is_string();
        dumped.then(|| Warning {
            code: WarningCode::StatusInManifest,
            file: located.file,
            line: located.line,
            message: "the manifest is a dump of a live object (status, managed fields); keep only what you mean to set"
                .to_owned(),
        })
    }
}

/// The new text of a source, if it differs in exactly what was asked for.
fn proven(source: &Source, pending: &Pending) -> Result<String, Refusal> {
    let text = splice::apply(&source.text, &pending.splices)
        .ok_or_else(|| bug(source, "two edits overlap"))?;
    let stream = tree::parse(&text);
    if !prove::holds(&source.stream, &stream, &pending.expected) {
        return Err(bug(source, "the edit would change something else too"));
    }
    let breaks = |text: &str| text.matches('\n').count();
    if !pending.moves_lines && breaks(&text) != breaks(&source.text) {
        return Err(bug(source, "the edit would change the number of lines"));
    }
    let json = |text: &str| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
    if json(&source.text) && !json(&text) {
        return Err(bug(source, "the result is not JSON any more"));
    }
    Ok(text)
}

fn no_place(source: &Source, document: usize, host: NodeId) -> Refusal {
    let line = source.stream.documents[document].nodes[host].line + source.first_line();
    Refusal::new(
        Code::UnsupportedStyle,
        "a new field would become part of the text before it",
        "end the file with a line break, or add the field by hand",
    )
    .at(&source.file, line)
}

fn bug(source: &Source, what: &str) -> Refusal {
    Refusal::new(
        Code::EditorBug,
        format!("{what}; nothing was written"),
        "change the field by hand, and report this with the shape of the file around it",
    )
    .at(&source.file, 0)
}

/// What a field takes, by the CRD.
fn field_of(path: &FieldPath, meaning: Meaning) -> Field {
    match (path.option(), meaning) {
        (Some(_), _) => Field::Option,
        (None, Meaning::Memory) => Field::Text,
        _ => Field::Free,
    }
}

/// Whether a node stands within `{}` or `[]`.
fn within_flow(document: &tree::Document, node: NodeId) -> bool {
    let at = document.nodes[node].span.start;
    document.nodes.iter().any(|other| {
        let flow = matches!(
            other.kind,
            tree::Kind::Mapping { flow: true, .. } | tree::Kind::Sequence { flow: true, .. }
        );
        flow && other.span.start < at && at < other.span.end
    })
}
