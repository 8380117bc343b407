//! Recognising what is not YAML but a template of it: Helm, Jinja, FreeMarker, environment variables.

use super::tree::{Document, Kind, Stream};
use crate::flink::field_path::FieldPath;

/// Marks that open a template expression.
const MARKS: [&str; 8] = ["{{", "{%", "{#", "<#", "<%", "[[", "${", "$("];

/// Marks in a scalar by which a program finds what it shall fill in: ciphertext, vaults, mergers of YAML, token replacers.
const FILLED: [&str; 9] = [
    "ENC[", "((", "<path:", "ref+", "vault:", "op://", "#{", "$[", "{vault}",
];

/// Template syntax in a scalar's own text.
pub(crate) fn in_scalar(text: &str) -> Option<String> {
    if let Some(mark) = MARKS.iter().find(|mark| text.contains(**mark)) {
        return Some((*mark).to_owned());
    }
    if let Some(mark) = FILLED
        .iter()
        .find(|mark| text.trim_start().starts_with(**mark))
    {
        return Some((*mark).to_owned());
    }
    let inner = |open: &str| {
        let rest = text.trim().strip_prefix(open)?;
        rest.strip_suffix(open).filter(|name| is_name(name))
    };
    if inner("@").is_some() || inner("__").is_some() || inner("%").is_some() {
        return Some(text.trim().to_owned());
    }
    let variable = text.trim().strip_prefix('$').filter(|name| is_name(name));
    variable.map(|_| text.trim().to_owned())
}

fn is_name(text: &str) -> bool {
    let mut characters = text.chars();
    characters
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && characters.all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
}

/// The line (from 1) and the mark of the first template expression, if the text as a whole is a template
/// rather than YAML: it does not parse, or parses by accident as `{{…}}` read as nested mappings.
pub(crate) fn in_file(text: &str, stream: &Stream) -> Option<(usize, &'static str)> {
    let by_accident = stream.documents.iter().any(has_double_braces);
    if !by_accident && stream.failure.is_none() {
        return None;
    }
    text.lines().enumerate().find_map(|(number, line)| {
        let mark = MARKS[..6].iter().find(|mark| bare(line, mark))?;
        Some((number + 1, *mark))
    })
}

/// Whether a mark stands in a line outside of quotes and comments.
fn bare(line: &str, mark: &str) -> bool {
    line.find(mark)
        .is_some_and(|at| !line[..at].contains(['"', '\'', '#']))
}

/// Whether a document holds `{{` read as a mapping whose key is a mapping.
fn has_double_braces(document: &Document) -> bool {
    document.nodes.iter().any(|node| {
        let Kind::Mapping {
            flow: true,
            entries,
        } = &node.kind
        else {
            return false;
        };
        entries.iter().any(|&(key, _)| {
            let key = &document.nodes[key];
            matches!(key.kind, Kind::Mapping { flow: true, .. })
                && key.span.start == node.span.start + 1
        })
    })
}

/// What fills a mark in, for people.
pub(crate) fn filler(mark: &str) -> &'static str {
    match mark {
        "ENC[" => "it is encrypted (SOPS)",
        "{{" | "{%" | "{#" => "a template (Helm, Jinja or the like) fills it in",
        "${" | "$(" => "a variable fills it in (Flux `postBuild`, envsubst, kustomize `vars`)",
        "((" => "a YAML merger (spruce, Concourse) fills it in",
        "<path:" | "ref+" | "vault:" | "op://" | "{vault}" => "a vault fills it in",
        "#@" => "ytt fills it in",
        _ => "something replaces it before it is applied",
    }
}

/// The names of the variables in a text: `${NAME}`, `${NAME:=default}`, `$(NAME)`, `$NAME`.
pub(crate) fn variables(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    for part in text.split('$').skip(1) {
        let name: String = part
            .trim_start_matches(['{', '('])
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
            .collect();
        if !name.is_empty() && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// The keys of chart values that a text reads: `{{ .Values.a.b | quote }}` gives `a.b`.
pub(crate) fn values_keys(text: &str) -> Vec<String> {
    let mut keys = Vec::new();
    for part in text.split(".Values.").skip(1) {
        let end = part
            .find(|c: char| !(c.is_alphanumeric() || matches!(c, '.' | '_' | '-')))
            .unwrap_or(part.len());
        let key = part[..end].trim_end_matches('.').to_owned();
        if !key.is_empty() && !keys.contains(&key) {
            keys.push(key);
        }
    }
    keys
}

/// The line of a field in a template, found by indentation alone: its number (from 1) and its text.
pub(crate) fn line_of<'a>(text: &'a str, field: &FieldPath) -> Option<(usize, &'a str)> {
    let words = field.words();
    let mut way: Vec<(usize, String)> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let content = line.trim_start_matches([' ', '\t', '-']);
        let indent = line.len() - content.len();
        if content.is_empty() || content.starts_with(['#', '{', '<', '%']) {
            continue;
        }
        let Some((key, _)) = content.split_once(':') else {
            continue;
        };
        let key = key.trim().trim_matches(['"', '\'']).to_owned();
        way.retain(|(outer, _)| *outer < indent);
        way.push((indent, key));
        let joined: Vec<&str> = way.iter().map(|(_, key)| key.as_str()).collect();
        if joined.ends_with(&words) {
            return Some((number + 1, line.trim()));
        }
    }
    None
}
