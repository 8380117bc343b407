//! The proof of an edit: the text is parsed again, and must be the old one but for the named values.

use std::collections::{BTreeMap, BTreeSet};

use super::create::New;
use super::scalar;
use super::tree::{Document, Kind, NodeId, Stream};

/// What may differ in one document.
#[derive(Debug, Clone, Default)]
pub(crate) struct Expected {
    /// Scalars with their new texts.
    pub(crate) replaced: BTreeMap<NodeId, String>,
    /// Mappings with the entries they gain at their end.
    pub(crate) gained: BTreeMap<NodeId, Vec<(String, New)>>,
    /// Mappings with the positions of the entries they lose.
    pub(crate) lost: BTreeMap<NodeId, BTreeSet<usize>>,
}

/// Whether exactly the expected differs, by document.
pub(crate) fn holds(old: &Stream, new: &Stream, expected: &BTreeMap<usize, Expected>) -> bool {
    let none = Expected::default();
    new.failure.is_none()
        && old.documents.len() == new.documents.len()
        && old
            .documents
            .iter()
            .zip(&new.documents)
            .enumerate()
            .all(|(position, (old, new))| {
                let expected = expected.get(&position).unwrap_or(&none);
                let comparison = Comparison { old, new, expected };
                match (old.root(), new.root()) {
                    (Some(before), Some(after)) => comparison.same(before, after),
                    (before, after) => before == after,
                }
            })
}

struct Comparison<'a> {
    old: &'a Document,
    new: &'a Document,
    expected: &'a Expected,
}

impl Comparison<'_> {
    fn same(&self, before: NodeId, after: NodeId) -> bool {
        let (old, new) = (&self.old.nodes[before], &self.new.nodes[after]);
        if old.tag != new.tag || !self.same_anchor(old.anchor, new.anchor) {
            return false;
        }
        if let Some(text) = self.expected.replaced.get(&before) {
            return self.new.text(after) == Some(text.as_str());
        }
        match (&old.kind, &new.kind) {
            (
                Kind::Mapping { flow, entries },
                Kind::Mapping {
                    flow: new_flow,
                    entries: now,
                },
            ) => flow == new_flow && self.same_entries(before, entries, now),
            (
                Kind::Sequence { flow, items },
                Kind::Sequence {
                    flow: new_flow,
                    items: now,
                },
            ) => {
                flow == new_flow
                    && items.len() == now.len()
                    && items
                        .iter()
                        .zip(now)
                        .all(|(&old, &new)| self.same(old, new))
            }
            (old, new) => old == new,
        }
    }

    /// Whether all entries are there that were, but for the lost ones, and behind them exactly the gained ones.
    fn same_entries(
        &self,
        mapping: NodeId,
        entries: &[(NodeId, NodeId)],
        now: &[(NodeId, NodeId)],
    ) -> bool {
        let lost = self.expected.lost.get(&mapping);
        let stays = |position: &usize| lost.is_none_or(|lost| !lost.contains(position));
        let kept: Vec<(NodeId, NodeId)> = (0..entries.len())
            .filter(stays)
            .map(|position| entries[position])
            .collect();
        let gained = self.expected.gained.get(&mapping);
        let gained = gained.map_or(&[][..], Vec::as_slice);
        let pairs = kept.iter().zip(now);
        now.len() == kept.len() + gained.len()
            && pairs
                .into_iter()
                .all(|(old, new)| self.same(old.0, new.0) && self.same(old.1, new.1))
            && now[kept.len()..]
                .iter()
                .zip(gained)
                .all(|(entry, new)| self.gained(*entry, new))
    }

    fn same_anchor(&self, old: Option<usize>, new: Option<usize>) -> bool {
        let name = |document: &Document, anchor: Option<usize>| {
            let anchor = document.anchors.get(&anchor?)?;
            Some(anchor.name.clone())
        };
        name(self.old, old) == name(self.new, new)
    }

    fn gained(&self, (key, value): (NodeId, NodeId), (name, new): &(String, New)) -> bool {
        if self.new.text(key) != Some(name) || self.new.nodes[value].anchor.is_some() {
            return false;
        }
        match new {
            New::Leaf { value: wanted, .. } => {
                let text = scalar::text_of(wanted);
                let string = scalar::value_of(self.new, value).is_string();
                text.is_some()
                    && self.new.text(value) == text.as_deref()
                    && (string || !wanted.is_string())
            }
            New::Branch(below) => {
                let entries = self.new.entries(value);
                entries.len() == below.len()
                    && entries
                        .iter()
                        .zip(below)
                        .all(|(entry, new)| self.gained(*entry, new))
            }
        }
    }
}
