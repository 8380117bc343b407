//! New keys: after the last sibling, in its indentation, spacing and quoting.

use serde_json::Value;

use super::scalar::{self, Field, Place};
use super::source::Source;
use super::splice::Splice;
use super::tree::{Document, Kind, NodeId, Style};

/// A value that is not there yet.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum New {
    Leaf { value: Value, field: Field },
    Branch(Vec<(String, New)>),
}

impl New {
    /// Adds a value below a chain of keys. False when something already stands there.
    pub(crate) fn add(entries: &mut Vec<(String, New)>, keys: &[String], leaf: New) -> bool {
        let [first, rest @ ..] = keys else {
            return false;
        };
        let known = entries.iter_mut().find(|(key, _)| key == first);
        match (known, rest) {
            (None, []) => entries.push((first.clone(), leaf)),
            (None, rest) => {
                let mut below = Vec::new();
                let added = New::add(&mut below, rest, leaf);
                entries.push((first.clone(), New::Branch(below)));
                return added;
            }
            (Some((_, New::Branch(below))), rest) if !rest.is_empty() => {
                return New::add(below, rest, leaf);
            }
            (Some(_), _) => return false,
        }
        true
    }
}

/// The splice that adds entries to a mapping. Nothing when a value is no scalar.
pub(crate) fn splice(
    source: &Source,
    document: usize,
    host: NodeId,
    entries: &[(String, New)],
) -> Option<Splice> {
    let tree = &source.stream.documents[document];
    match &tree.nodes[host].kind {
        Kind::Mapping { flow: true, .. } => {
            let json = source.is_json(document);
            flow(
                &source.text,
                tree,
                host,
                entries,
                Place {
                    json,
                    flow: true,
                    field: Field::Free,
                },
            )
        }
        Kind::Mapping { .. } => block(&source.text, tree, host, entries),
        _ => None,
    }
}

fn block(text: &str, tree: &Document, host: NodeId, entries: &[(String, New)]) -> Option<Splice> {
    let &(key, value) = tree.entries(host).last()?;
    let key_at = tree.nodes[key].span.start;
    let line_start = text[..key_at].rfind('\n').map_or(0, |at| at + 1);
    let before = text[line_start..key_at].trim_start_matches('\u{feff}');
    let indent = if before.chars().all(|c| c == ' ') {
        before.to_owned()
    } else {
        " ".repeat(tree.nodes[key].column)
    };
    let (at, behind_break) = end_of_entry(text, tree, value)?;
    let newline = newline_near(text, at);
    let step = " ".repeat(step_of(tree, host));
    let mut lines = Vec::new();
    block_lines(entries, &indent, &step, &mut lines)?;
    let text = if behind_break {
        lines
            .iter()
            .map(|line| format!("{line}{newline}"))
            .collect()
    } else {
        lines
            .iter()
            .map(|line| format!("{newline}{line}"))
            .collect()
    };
    Some(Splice {
        range: at..at,
        text,
    })
}

fn block_lines(
    entries: &[(String, New)],
    indent: &str,
    step: &str,
    lines: &mut Vec<String>,
) -> Option<()> {
    for (key, new) in entries {
        let key = scalar::fresh_key(key, Place::default(), false);
        match new {
            New::Leaf { value, field } => {
                let place = Place {
                    field: *field,
                    ..Place::default()
                };
                lines.push(format!("{indent}{key}: {}", scalar::fresh(value, place)?));
            }
            New::Branch(below) => {
                lines.push(format!("{indent}{key}:"));
                block_lines(below, &format!("{indent}{step}"), step, lines)?;
            }
        }
    }
    Some(())
}

/// Where a new line may follow an entry, and whether that place already stands behind a line break. Nothing
/// when a line break there would become part of the entry's text.
fn end_of_entry(text: &str, tree: &Document, value: NodeId) -> Option<(usize, bool)> {
    let last = last_of(tree, value);
    let end = tree.content_end(value);
    let span = tree.nodes[last].span.clone();
    let block =
        matches!(&tree.nodes[last].kind, Kind::Scalar { style, .. } if *style == Style::Block);
    if !block {
        let line_end = text[end..].find(['\n', '\r']);
        return Some((line_end.map_or(text.len(), |at| end + at), false));
    }
    let header = text[..span.start].trim_end().lines().last();
    let header = header.and_then(|line| line.split('#').next());
    let chomps = |mark: char| header.is_some_and(|header| header.trim_end().ends_with(mark));
    let end = span.start + text[span.clone()].trim_end_matches(' ').len();
    if chomps('+') && text[..end].ends_with('\n') {
        return Some((end, true));
    }
    let written = text[span.start..end]
        .split_inclusive('\n')
        .scan(span.start, |at, line| {
            *at += line.len();
            Some((*at, line))
        })
        .filter(|(_, line)| !line.trim().is_empty())
        .last()
        .map_or(span.start, |(at, line)| {
            at - (line.len() - line.trim_end_matches(['\n', '\r']).len())
        });
    let broken = text[written..].starts_with(['\n', '\r']);
    (broken || chomps('-')).then_some((written, false))
}

fn last_of(tree: &Document, node: NodeId) -> NodeId {
    let child = match &tree.nodes[node].kind {
        Kind::Mapping {
            flow: false,
            entries,
        } => entries.last().map(|&(_, value)| value),
        Kind::Sequence { flow: false, items } => items.last().copied(),
        _ => None,
    };
    child.map_or(node, |child| last_of(tree, child))
}

/// The line end used around a place.
fn newline_near(text: &str, at: usize) -> &'static str {
    let before = text[..at]
        .rfind('\n')
        .map(|line_break| text[..line_break].ends_with('\r'));
    let crlf = before.unwrap_or_else(|| text[at..].starts_with("\r\n"));
    if crlf { "\r\n" } else { "\n" }
}

/// How far a mapping within a mapping is indented: in the host, else anywhere, else two.
fn step_of(tree: &Document, host: NodeId) -> usize {
    let step = |node: &super::tree::Node| {
        let Kind::Mapping {
            flow: false,
            entries,
        } = &node.kind
        else {
            return None;
        };
        entries.iter().find_map(|&(key, value)| {
            let inner = matches!(tree.nodes[value].kind, Kind::Mapping { flow: false, .. });
            let (outer, first) = (tree.nodes[key].column, tree.entries(value).first()?);
            tree.nodes[first.0]
                .column
                .checked_sub(outer)
                .filter(|&step| inner && step > 0)
        })
    };
    step(&tree.nodes[host])
        .or_else(|| tree.nodes.iter().find_map(step))
        .unwrap_or(2)
}

fn flow(
    text: &str,
    tree: &Document,
    host: NodeId,
    entries: &[(String, New)],
    place: Place,
) -> Option<Splice> {
    let own = tree.entries(host);
    let open = tree.nodes[host].span.start + 1;
    let Some(&(key, value)) = own.last() else {
        let close = tree.nodes[host].span.end - 1;
        let pad = if close > open && !text[open..close].contains('\n') {
            " "
        } else {
            ""
        };
        let written = flow_entries(entries, ": ", ", ", false, place)?;
        return Some(Splice {
            range: open..open,
            text: format!("{pad}{written}"),
        });
    };
    let quoted = matches!(
        tree.nodes[key].kind,
        Kind::Scalar {
            style: Style::Double,
            ..
        }
    );
    let colon = &text[tree.nodes[key].span.end..tree.nodes[value].span.start];
    let simple = colon.trim() == ":" && !colon.contains('\n') && (quoted || colon.ends_with(' '));
    let colon = if simple { colon } else { ": " };
    let compact = if colon == ":" { "," } else { ", " };
    let gap = match own {
        [.., (_, previous), _] => {
            text[tree.content_end(*previous)..tree.nodes[key].span.start].to_owned()
        }
        _ => {
            let gap = &text[open..tree.nodes[key].span.start];
            if gap.contains('\n') {
                format!(",{gap}")
            } else {
                compact.to_owned()
            }
        }
    };
    let gap = if gap.trim() == "," {
        gap
    } else {
        compact.to_owned()
    };
    let written = flow_entries(entries, colon, &gap, quoted, place)?;
    let at = tree.content_end(value);
    Some(Splice {
        range: at..at,
        text: format!("{gap}{written}"),
    })
}

fn flow_entries(
    entries: &[(String, New)],
    colon: &str,
    gap: &str,
    quoted: bool,
    place: Place,
) -> Option<String> {
    let mut parts = Vec::new();
    for (key, new) in entries {
        let key = scalar::fresh_key(key, place, quoted);
        let value = match new {
            New::Leaf { value, field } => scalar::fresh(
                value,
                Place {
                    field: *field,
                    ..place
                },
            )?,
            New::Branch(below) => {
                let gap = if gap.contains('\n') { ", " } else { gap };
                format!("{{{}}}", flow_entries(below, colon, gap, quoted, place)?)
            }
        };
        parts.push(format!("{key}{colon}{value}"));
    }
    Some(parts.join(gap))
}
