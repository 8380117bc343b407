//! Taking fields away again: the key, its value, and the line or the separator that adding it brought along.
//!
//! What [`Catalog::edit`] adds, this takes away to the byte. A mapping that becomes empty goes too if the editor could have
//! written it itself: every block mapping (which cannot be empty), and a flow mapping without blanks within another one. An
//! empty flow mapping anywhere else was there before, and stays as `{}`.

use std::collections::BTreeMap;
use std::ops::Range;

use serde_json::Value;

use super::catalog::{Candidate, Catalog, object_node};
use super::edit::{Edit, Spot};
use super::refusal::{Code, Refusal};
use super::splice::Splice;
use super::tree::{Document, Kind as NodeKind, NodeId, Style};
use super::walk::Walk;
use super::{ObjectKey, Tree, check};
use crate::flink::deployment::Kind;
use crate::flink::field_path::FieldPath;

/// One entry of a mapping on the way to a field.
#[derive(Debug, Clone, Copy)]
struct Step {
    mapping: NodeId,
    entry: usize,
}

/// What goes: an entry, by its place and by its bytes.
struct Cut {
    step: Step,
    ranges: Vec<Range<usize>>,
}

impl Catalog<'_> {
    /// The files without one field of an object. A field that is not there needs nothing: no file is returned.
    ///
    /// # Errors
    /// The refusals of finding the field and of replacing its value; `value-from-merge-key` when a merged value would take its
    /// place; `unsupported-style` when anything else would go or change with it.
    pub fn remove(
        &self,
        key: &ObjectKey,
        field: &FieldPath,
        file: Option<&str>,
    ) -> Result<Tree, Refusal> {
        self.take_away(key, field, None, file)
    }

    /// As [`Catalog::remove`], but the mapping `keep` on the way was there before the field: it stays as `{}` when it becomes
    /// empty. Where flow mappings (JSON) stand within each other, only the caller can know.
    ///
    /// # Errors
    /// As [`Catalog::remove`], and those of finding `keep`.
    pub fn remove_keeping(
        &self,
        key: &ObjectKey,
        field: &FieldPath,
        keep: &FieldPath,
        file: Option<&str>,
    ) -> Result<Tree, Refusal> {
        self.take_away(key, field, Some(keep), file)
    }

    fn take_away(
        &self,
        key: &ObjectKey,
        field: &FieldPath,
        keep: Option<&FieldPath>,
        file: Option<&str>,
    ) -> Result<Tree, Refusal> {
        self.remove_from(self.candidate(key, file)?, field, keep)
    }

    pub(crate) fn remove_from(
        &self,
        candidate: &Candidate,
        field: &FieldPath,
        keep: Option<&FieldPath>,
    ) -> Result<Tree, Refusal> {
        let key = &candidate.located.key;
        let own = |path: &FieldPath| match Kind::from_name(&key.kind) {
            Some(kind) => check::resolved(kind, path),
            None => path.clone(),
        };
        let spot = match self.spot(candidate, field, &own(field), false) {
            Err(refusal) if refusal.code == Code::PathMissing => return Ok(Tree::new()),
            spot => spot?,
        };
        let Walk::Found { node, .. } = spot.walk else {
            return Ok(Tree::new());
        };
        let kept = match keep {
            Some(keep) => match self.spot(candidate, field, &own(keep), false)?.walk {
                Walk::Found { node, .. } => Some(node),
                Walk::Missing { .. } => None,
            },
            None => None,
        };
        let walker = self.walker(spot.source, spot.document, field);
        walker.may_replace(node)?;
        let refuse = || self.shares_its_place(&spot, node, field);
        let steps = self.way(candidate, &spot, node).ok_or_else(refuse)?;
        let source = &self.sources[spot.source];
        let document = &source.stream.documents[spot.document];
        let cut = cut(&source.text, document, &steps, kept).ok_or_else(refuse)?;
        let (name, _) = document.entries(cut.step.mapping)[cut.step.entry];
        let name = document.text(document.target(name)).unwrap_or_default();
        walker.not_behind_merge(cut.step.mapping, name)?;
        let mut edit = Edit::new(self);
        let splice = |range| Splice {
            range,
            text: String::new(),
        };
        let splices = cut.ranges.into_iter().map(splice);
        edit.cut(&spot, splices, (cut.step.mapping, cut.step.entry));
        let files = match edit.finish(None) {
            Err(refusal) if refusal.code == Code::EditorBug => return Err(refuse()),
            edited => edited?.files,
        };
        if self.only_loses(candidate, field, &files) {
            Ok(files)
        } else {
            Err(refuse())
        }
    }

    /// The files without the entry of a values file that a spot holds.
    pub(crate) fn cut_value(&self, spot: &Spot, field: &FieldPath) -> Result<Tree, Refusal> {
        let Walk::Found { node, .. } = spot.walk else {
            return Ok(Tree::new());
        };
        let walker = self.walker(spot.source, spot.document, field);
        walker.may_replace(node)?;
        let refuse = || self.shares_its_place(spot, node, field);
        let source = &self.sources[spot.source];
        let document = &source.stream.documents[spot.document];
        let mut steps = Vec::new();
        let root = document.root().ok_or_else(refuse)?;
        if !way_to(document, root, node, &mut steps) {
            return Err(refuse());
        }
        let cut = cut(&source.text, document, &steps, None).ok_or_else(refuse)?;
        let mut edit = Edit::new(self);
        let splices = cut.ranges.into_iter().map(|range| Splice {
            range,
            text: String::new(),
        });
        edit.cut(spot, splices, (cut.step.mapping, cut.step.entry));
        match edit.finish(None) {
            Err(refusal) if refusal.code == Code::EditorBug => Err(refuse()),
            edited => Ok(edited?.files),
        }
    }

    /// The entries that lead to a value, the innermost first, up to the object, the patch or the nearest list around it.
    fn way(&self, candidate: &Candidate, spot: &Spot, node: NodeId) -> Option<Vec<Step>> {
        let source = &self.sources[spot.source];
        let document = &source.stream.documents[spot.document];
        let own = candidate
            .layers
            .iter()
            .filter(|layer| (layer.source, layer.document) == (spot.source, spot.document));
        let ways = own.filter_map(|layer| {
            let mut steps = Vec::new();
            way_to(document, object_node(source, layer)?, node, &mut steps).then_some(steps)
        });
        // An operation's value lies within no object; of several texts in one document the nearest counts.
        ways.min_by_key(Vec::len)
    }

    /// Whether the object loses exactly one value, the named one, and all other objects nothing.
    fn only_loses(&self, candidate: &Candidate, field: &FieldPath, files: &Tree) -> bool {
        let mut tree = self.tree.clone();
        tree.extend(files.clone());
        let now = Catalog::read(&tree);
        let pairs = self.candidates.iter().zip(&now.candidates);
        now.candidates.len() == self.candidates.len()
            && pairs.into_iter().all(|(old, new)| {
                let (before, after) = (&old.located, &new.located);
                let same = (&before.key, &before.file) == (&after.key, &after.file);
                same && if std::ptr::eq(old, candidate) {
                    loses_one(&before.value, &after.value, field)
                } else {
                    before.value == after.value
                }
            })
    }

    fn shares_its_place(&self, spot: &Spot, node: NodeId, field: &FieldPath) -> Refusal {
        let walker = self.walker(spot.source, spot.document, field);
        Refusal::new(
            Code::UnsupportedStyle,
            "the field cannot be taken away without anything around it",
            "take it away by hand",
        )
        .at(walker.file, walker.line(node))
        .on(field)
    }
}

/// Collects the entries that lead from a node to another, the innermost first. Items of lists end the way: they stay.
fn way_to(document: &Document, at: NodeId, wanted: NodeId, steps: &mut Vec<Step>) -> bool {
    if at == wanted {
        return true;
    }
    for (entry, &(_, value)) in document.entries(at).iter().enumerate() {
        if way_to(document, value, wanted, steps) {
            let nearest = steps.last().map_or(wanted, |inner| inner.mapping);
            if value == nearest {
                steps.push(Step { mapping: at, entry });
            }
            return true;
        }
    }
    let mut items = document.items(at).iter();
    items.any(|&item| way_to(document, item, wanted, steps))
}

/// What has to go for the innermost entry to be gone. Nothing when something else would go along.
fn cut(text: &str, document: &Document, steps: &[Step], kept: Option<NodeId>) -> Option<Cut> {
    let alone = |step: &Step| document.entries(step.mapping).len() == 1;
    let flow = |node: NodeId| {
        matches!(
            document.nodes[node].kind,
            NodeKind::Mapping { flow: true, .. }
        )
    };
    let mut top = 0;
    while let (Some(inner), Some(outer)) = (steps.get(top), steps.get(top + 1)) {
        let own = !flow(inner.mapping) || flow(outer.mapping) && tight(text, document, *inner);
        if !alone(inner) || Some(inner.mapping) == kept || !own {
            break;
        }
        top += 1;
    }
    let step = *steps.get(top)?;
    if flow(step.mapping) {
        let inner = &steps[..top];
        let clean = inner.iter().all(|step| tight(text, document, *step));
        let ranges = vec![flow_range(text, document, step)?];
        return clean.then_some(Cut { step, ranges });
    }
    if alone(&step) {
        // A block mapping without entries would become null.
        return None;
    }
    let lines = steps[..=top].iter().enumerate().rev();
    let ranges: Option<Vec<Range<usize>>> = lines
        .map(|(depth, step)| block_range(text, document, *step, depth == 0))
        .collect();
    ranges.map(|ranges| Cut { step, ranges })
}

/// Whether the only entry of a flow mapping fills its braces, as in `{a: 1}`.
fn tight(text: &str, document: &Document, step: Step) -> bool {
    let (key, value) = document.entries(step.mapping)[step.entry];
    let braces = &document.nodes[step.mapping].span;
    document.nodes[key].span.start == braces.start + 1
        && document.content_end(value) + 1 == braces.end
        && plain_colon(text, document, key, value)
}

/// Whether nothing but a colon stands between a key and its value: no tag, no anchor, no comment.
fn plain_colon(text: &str, document: &Document, key: NodeId, value: NodeId) -> bool {
    let between = document.nodes[key].span.end..document.nodes[value].span.start;
    text.get(between)
        .is_some_and(|between| between.trim() == ":")
}

/// The bytes of an entry between braces, with one separator.
fn flow_range(text: &str, document: &Document, step: Step) -> Option<Range<usize>> {
    let entries = document.entries(step.mapping);
    let (key, value) = entries[step.entry];
    let start = document.nodes[key].span.start;
    let end = document.content_end(value);
    let middle = text.get(document.nodes[key].span.end..document.nodes[value].span.start)?;
    if middle.contains('\n') && middle.contains('#') {
        return None;
    }
    let range = match (step.entry.checked_sub(1), entries.get(step.entry + 1)) {
        (_, Some(&(next, _))) => {
            let range = start..document.nodes[next].span.start;
            (text.get(end..range.end)?.trim() == ",").then_some(range)?
        }
        (Some(previous), None) => {
            let range = document.content_end(entries[previous].1)..end;
            (text.get(range.start..start)?.trim() == ",").then_some(range)?
        }
        (None, None) => {
            let braces = &document.nodes[step.mapping].span;
            let range = braces.start + 1..end;
            let blank = text.get(range.start..start)?.trim().is_empty();
            let behind = text.get(end..braces.end - 1)?.trim().is_empty();
            (blank && behind).then_some(range)?
        }
    };
    Some(range)
}

/// The lines of an entry (of a mapping that goes with its only entry: the line of its key), from the line break before them.
/// A comment behind them goes too.
fn block_range(text: &str, document: &Document, step: Step, leaf: bool) -> Option<Range<usize>> {
    let (key, value) = document.entries(step.mapping)[step.entry];
    let key_span = &document.nodes[key].span;
    let start = text[..key_span.start].rfind('\n').map_or(0, |at| at + 1);
    if !text[start..key_span.start].bytes().all(|byte| byte == b' ') {
        return None;
    }
    let this = &document.nodes[value];
    let between = text.get(key_span.end..this.span.start)?;
    let content_end = if !leaf {
        let colon = between.find(|c: char| !c.is_whitespace())?;
        (between[colon..].starts_with(':')).then_some(key_span.end + colon + 1)?
    } else {
        if between.contains('\n') && between.contains('#') && !is_block_scalar(document, value) {
            return None;
        }
        this.span.start + text.get(this.span.clone())?.trim_end().len()
    };
    let behind = &text[content_end..];
    let line = behind.find('\n').map_or(behind, |end| &behind[..end]);
    let line = line.strip_suffix('\r').unwrap_or(line);
    let comment = line.trim_start_matches([' ', '\t']);
    if !(comment.is_empty() || comment.starts_with('#') && comment.len() < line.len()) {
        return None;
    }
    let end = content_end + line.len();
    let before = text[..start].strip_suffix('\n');
    Some(match before {
        Some(before) => before.strip_suffix('\r').unwrap_or(before).len()..end,
        // The first line of all goes with its own line break.
        None => start..text[end..].find('\n').map_or(text.len(), |at| end + at + 1),
    })
}

fn is_block_scalar(document: &Document, node: NodeId) -> bool {
    matches!(&document.nodes[node].kind, NodeKind::Scalar { style, .. } if *style == Style::Block)
}

/// Whether a value is another one without exactly one leaf, which bears the field's last key.
fn loses_one(before: &Value, after: &Value, field: &FieldPath) -> bool {
    let (mut had, mut has) = (BTreeMap::new(), BTreeMap::new());
    leaves(before, "", &mut had);
    leaves(after, "", &mut has);
    let kept = has.iter().all(|(way, leaf)| had.get(way) == Some(leaf));
    let mut gone = had.keys().filter(|way| !has.contains_key(*way));
    let named = |way: &String| {
        let way = way.replace('\u{0}', ".");
        field
            .last_key()
            .is_none_or(|key| way.ends_with(&format!(".{key}")))
    };
    kept && gone.next().is_some_and(named) && gone.next().is_none()
}

/// All leaves of a value by the way to each.
fn leaves<'a>(value: &'a Value, way: &str, found: &mut BTreeMap<String, &'a Value>) {
    match value {
        Value::Object(entries) => {
            for (key, below) in entries {
                leaves(below, &format!("{way}\u{0}{key}"), found);
            }
        }
        Value::Array(items) => {
            for (place, below) in items.iter().enumerate() {
                leaves(below, &format!("{way}\u{0}{place}"), found);
            }
        }
        leaf => {
            found.insert(way.to_owned(), leaf);
        }
    }
}
