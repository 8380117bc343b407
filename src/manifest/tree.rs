//! YAML and JSON as trees of nodes that know their bytes.
//!
//! The parser gives events with byte ranges; here they become one tree per document, in which nothing
//! is resolved: aliases stay aliases, merge keys and duplicate keys stay as they are written.

use std::collections::BTreeMap;
use std::ops::Range;

use granit_parser::{Event, Parser, ScalarStyle, Span, StructureStyle, Tag};

/// Position of a node in [`Document::nodes`].
pub(crate) type NodeId = usize;

/// Nesting beyond this is not a manifest; it also bounds the depth of recursion here.
const MAX_DEPTH: usize = 100;

/// How a scalar is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    Single,
    Double,
    Block,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    Scalar {
        text: String,
        style: Style,
    },
    Mapping {
        flow: bool,
        entries: Vec<(NodeId, NodeId)>,
    },
    Sequence {
        flow: bool,
        items: Vec<NodeId>,
    },
    Alias {
        anchor: usize,
    },
}

/// A tag: its full name, and whether it belongs to YAML's core schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NodeTag {
    pub(crate) name: String,
    pub(crate) core: bool,
}

/// One node. The span covers the value alone, without tag and anchor; of block collections only its
/// start means anything (see [`Document::content_end`]).
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    pub(crate) span: Range<usize>,
    pub(crate) tag: Option<NodeTag>,
    pub(crate) anchor: Option<usize>,
    /// Counted from 1.
    pub(crate) line: usize,
    /// Characters before the node on its line.
    pub(crate) column: usize,
}

/// An anchor and the node that carries it.
#[derive(Debug, Clone)]
pub(crate) struct Anchor {
    pub(crate) name: String,
    pub(crate) node: NodeId,
}

/// One document of a stream.
#[derive(Debug, Clone, Default)]
pub(crate) struct Document {
    pub(crate) nodes: Vec<Node>,
    pub(crate) anchors: BTreeMap<usize, Anchor>,
    pub(crate) span: Range<usize>,
}

/// Where and why parsing stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ParseFailure {
    pub(crate) line: usize,
    pub(crate) reason: String,
}

/// All documents that parse, and the first failure. Documents behind a broken one are still read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stream {
    pub(crate) documents: Vec<Document>,
    pub(crate) failure: Option<ParseFailure>,
}

/// Parses all documents of a text.
pub(crate) fn parse(text: &str) -> Stream {
    let options = granit_parser::options! {
        emit_anchor_events: true,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
        // A templated or generated key may be long; YAML's own limit serves streaming only.
        simple_key_max_lookahead: 16 * 1024,
    };
    let mut parser = Parser::new_from_str_with_options(text, options);
    let mut stream = Stream::default();
    let mut builder = Builder::default();
    while let Some(next) = parser.next() {
        let failure = match next {
            Ok((event, span)) => match builder.take(event, span, &mut stream.documents) {
                Ok(()) => continue,
                Err(failure) => failure,
            },
            Err(error) => ParseFailure {
                line: error.marker().line(),
                reason: error.info(),
            },
        };
        stream.failure.get_or_insert(failure);
        builder = Builder::default();
        if !matches!(parser.proceed_next_document(), Ok(true)) {
            break;
        }
    }
    stream
}

/// The document under construction.
#[derive(Default)]
struct Builder {
    document: Document,
    open: Vec<Open>,
}

/// A collection whose end has not come yet, and the key that waits for its value.
struct Open {
    node: NodeId,
    key: Option<NodeId>,
}

impl Builder {
    fn take(
        &mut self,
        event: Event<'_>,
        span: Span,
        documents: &mut Vec<Document>,
    ) -> Result<(), ParseFailure> {
        let line = span.start.line();
        let fail = |reason: &str| ParseFailure {
            line,
            reason: reason.to_owned(),
        };
        let range = span
            .byte_range()
            .ok_or_else(|| fail("the parser lost its position"))?;
        match event {
            Event::DocumentStart(..) => {
                self.document = Document {
                    span: range.start..range.start,
                    ..Document::default()
                };
            }
            Event::DocumentEnd => {
                let mut document = std::mem::take(&mut self.document);
                document.span.end = range.start.max(document.span.start);
                documents.push(document);
            }
            Event::Scalar(text, style, anchor, tag) => {
                let kind = scalar(text.into_owned(), style, range.is_empty());
                self.add(kind, &span, range, anchor, tag.as_deref());
            }
            Event::SequenceStart(style, anchor, tag) => {
                let flow = style == StructureStyle::Flow;
                let items = Vec::new();
                let kind = Kind::Sequence { flow, items };
                let node = self.add(kind, &span, range, anchor, tag.as_deref());
                self.open.push(Open { node, key: None });
            }
            Event::MappingStart(style, anchor, tag) => {
                let flow = style == StructureStyle::Flow;
                let entries = Vec::new();
                let kind = Kind::Mapping { flow, entries };
                let node = self.add(kind, &span, range, anchor, tag.as_deref());
                self.open.push(Open { node, key: None });
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let open = self
                    .open
                    .pop()
                    .ok_or_else(|| fail("a collection ends twice"))?;
                let span = &mut self.document.nodes[open.node].span;
                span.end = range.end.max(span.end);
            }
            Event::Alias(anchor) => {
                self.add(Kind::Alias { anchor }, &span, range, 0, None);
            }
            Event::Anchor(id, name) => {
                let node = self.document.nodes.len().saturating_sub(1);
                self.document.anchors.insert(
                    id,
                    Anchor {
                        name: name.into_owned(),
                        node,
                    },
                );
            }
            _ => {}
        }
        Ok(())
    }

    fn add(
        &mut self,
        kind: Kind,
        span: &Span,
        range: Range<usize>,
        anchor: usize,
        tag: Option<&Tag>,
    ) -> NodeId {
        let tag = tag.map(|tag| {
            let name = tag.to_string();
            NodeTag {
                core: tag.is_yaml_core_schema(),
                name,
            }
        });
        let node = self.document.nodes.len();
        self.document.nodes.push(Node {
            kind,
            span: range,
            tag,
            anchor: (anchor > 0).then_some(anchor),
            line: span.start.line(),
            column: span.start.col(),
        });
        if let Some(open) = self.open.last_mut() {
            match (&mut self.document.nodes[open.node].kind, open.key.take()) {
                (Kind::Sequence { items, .. }, _) => items.push(node),
                (Kind::Mapping { entries, .. }, Some(key)) => entries.push((key, node)),
                _ => open.key = Some(node),
            }
        }
        node
    }
}

/// A scalar; the parser writes an absent one as `~`, here it is empty.
fn scalar(text: String, style: ScalarStyle, absent: bool) -> Kind {
    let style = match style {
        ScalarStyle::Plain => Style::Plain,
        ScalarStyle::SingleQuoted => Style::Single,
        ScalarStyle::DoubleQuoted => Style::Double,
        _ => Style::Block,
    };
    let absent = absent && style == Style::Plain;
    let text = if absent { String::new() } else { text };
    Kind::Scalar { text, style }
}

impl Document {
    /// The root, unless the document is empty.
    pub(crate) fn root(&self) -> Option<NodeId> {
        (!self.nodes.is_empty()).then_some(0)
    }

    /// The text of a scalar.
    pub(crate) fn text(&self, node: NodeId) -> Option<&str> {
        match &self.nodes[node].kind {
            Kind::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The entries of a mapping; none for anything else.
    pub(crate) fn entries(&self, node: NodeId) -> &[(NodeId, NodeId)] {
        match &self.nodes[node].kind {
            Kind::Mapping { entries, .. } => entries,
            _ => &[],
        }
    }

    /// The items of a sequence; none for anything else.
    pub(crate) fn items(&self, node: NodeId) -> &[NodeId] {
        match &self.nodes[node].kind {
            Kind::Sequence { items, .. } => items,
            _ => &[],
        }
    }

    /// What an alias stands for; the node itself if it is none.
    pub(crate) fn target(&self, node: NodeId) -> NodeId {
        match &self.nodes[node].kind {
            Kind::Alias { anchor } => self.anchors.get(anchor).map_or(node, |anchor| anchor.node),
            _ => node,
        }
    }

    /// The value of a key, following aliases; the first of duplicates.
    pub(crate) fn get(&self, node: NodeId, key: &str) -> Option<NodeId> {
        let entries = self.entries(self.target(node));
        let found = entries
            .iter()
            .find(|(name, _)| self.text(*name) == Some(key))?;
        Some(found.1)
    }

    /// The text at a path of keys, following aliases.
    pub(crate) fn text_at(&self, node: NodeId, keys: &[&str]) -> Option<&str> {
        let mut at = node;
        for key in keys {
            at = self.get(at, key)?;
        }
        self.text(self.target(at))
    }

    /// Whether a node is an absent or explicit null.
    pub(crate) fn is_null(&self, node: NodeId) -> bool {
        let tagged = self.nodes[node].tag.is_some();
        match &self.nodes[node].kind {
            Kind::Scalar {
                text,
                style: Style::Plain,
            } if !tagged => {
                matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL")
            }
            _ => false,
        }
    }

    /// Where the last byte of a node's content ends, without comments and blanks behind it.
    pub(crate) fn content_end(&self, node: NodeId) -> usize {
        let this = &self.nodes[node];
        let children = match &this.kind {
            Kind::Mapping {
                flow: false,
                entries,
            } => entries.last().map(|&(_, value)| value),
            Kind::Sequence { flow: false, items } => items.last().copied(),
            _ => return this.span.end,
        };
        // The value of a last key without value is empty and may stand before the key's colon ends.
        children.map_or(this.span.start, |child| {
            self.content_end(child).max(this.span.start)
        })
    }

    /// The lines on which aliases of an anchor stand.
    pub(crate) fn consumers(&self, anchor: usize) -> Vec<NodeId> {
        let reads = |node: &Node| node.kind == Kind::Alias { anchor };
        let found = self
            .nodes
            .iter()
            .enumerate()
            .filter(|(_, node)| reads(node));
        found.map(|(id, _)| id).collect()
    }
}
