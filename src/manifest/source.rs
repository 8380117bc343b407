//! Texts that hold YAML: whole files, and block scalars within files that are documents themselves.

use super::refusal::{Code, Refusal};
use super::splice::Splice;
use super::template;
use super::tree::{self, Document, NodeId, Stream, Style};

/// Position of a source in its index.
pub(crate) type SourceId = usize;

/// One text and its documents.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) file: String,
    pub(crate) text: String,
    pub(crate) stream: Stream,
    /// The text is a template rather than YAML: line and mark.
    pub(crate) template: Option<(usize, &'static str)>,
    /// Where this text stands within another.
    pub(crate) embedded: Option<Embedded>,
}

/// A block scalar whose text is a source of its own.
#[derive(Debug, Clone)]
pub(crate) struct Embedded {
    pub(crate) parent: SourceId,
    pub(crate) document: usize,
    pub(crate) node: NodeId,
    /// For each line, where it starts in the inner text and in the parent's. Nothing when the scalar is
    /// folded or quoted, so that its lines are not its bytes.
    pub(crate) lines: Option<Vec<(usize, usize)>>,
    /// The indentation of its lines.
    pub(crate) indent: String,
    /// Lines of the file before its first one.
    pub(crate) first_line: usize,
}

impl Source {
    /// Reads a file.
    ///
    /// # Errors
    /// When the bytes are not UTF-8. Broken YAML is no error here; see [`Source::broken`].
    pub(crate) fn read(file: &str, bytes: &[u8]) -> Result<Source, Refusal> {
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let line = bytes[..error.valid_up_to()]
                .iter()
                .filter(|&&b| b == b'\n')
                .count()
                + 1;
            Refusal::new(
                Code::NotUtf8,
                "the file is not UTF-8",
                "save it as UTF-8; nothing in it was read",
            )
            .at(file, line)
        })?;
        let stream = tree::parse(text);
        let template = template::in_file(text, &stream);
        Ok(Source {
            file: file.to_owned(),
            text: text.to_owned(),
            stream,
            template,
            embedded: None,
        })
    }

    /// The text of a scalar as a source of its own.
    pub(crate) fn embed(&self, parent: SourceId, document: usize, node: NodeId) -> Option<Source> {
        let tree = &self.stream.documents[document];
        let text = tree.text(node)?.to_owned();
        let (lines, indent) = match line_map(&self.text, tree, node, &text) {
            Some((lines, indent)) => (Some(lines), indent),
            None => (None, String::new()),
        };
        let first_line = tree.nodes[node].line.saturating_sub(1) + self.first_line();
        let stream = tree::parse(&text);
        let template = template::in_file(&text, &stream);
        let embedded = Some(Embedded {
            parent,
            document,
            node,
            lines,
            indent,
            first_line,
        });
        Some(Source {
            file: self.file.clone(),
            text,
            stream,
            template,
            embedded,
        })
    }

    /// Lines of the file before this text.
    pub(crate) fn first_line(&self) -> usize {
        self.embedded
            .as_ref()
            .map_or(0, |embedded| embedded.first_line)
    }

    /// The refusal for a text of which some document does not parse.
    pub(crate) fn broken(&self) -> Option<Refusal> {
        if let Some((line, mark)) = self.template {
            let refusal = Refusal::new(
                Code::TemplatedFile,
                format!("the file is a template (`{mark}`), not a manifest"),
                super::absent::WAY_OUT,
            );
            return Some(refusal.at(&self.file, line + self.first_line()));
        }
        let failure = self.stream.failure.as_ref()?;
        let refusal = Refusal::new(
            Code::ParseError,
            format!("the file does not parse: {}", failure.reason),
            "correct it; the file is left alone and the others go on",
        );
        Some(refusal.at(&self.file, failure.line + self.first_line()))
    }

    /// Whether a document is JSON, so that its edits must be.
    pub(crate) fn is_json(&self, document: usize) -> bool {
        let span = &self.stream.documents[document].span;
        let text = self.text.get(span.clone()).unwrap_or_default();
        text.trim_start_matches('\u{feff}')
            .trim_start()
            .starts_with(['{', '['])
            && serde_json::from_str::<serde::de::IgnoredAny>(text.trim_start_matches('\u{feff}'))
                .is_ok()
    }
}

/// Whether bytes are YAML or JSON as a whole, and no template.
pub(crate) fn parses(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| {
        let stream = tree::parse(text);
        stream.failure.is_none() && template::in_file(text, &stream).is_none()
    })
}

/// Where the lines of a literal block scalar stand, or the one line of a scalar without escapes; nothing
/// when the text differs from its bytes.
fn line_map(
    outer: &str,
    tree: &Document,
    node: NodeId,
    inner: &str,
) -> Option<(Vec<(usize, usize)>, String)> {
    let this = &tree.nodes[node];
    let tree::Kind::Scalar { style, .. } = &this.kind else {
        return None;
    };
    if *style != Style::Block {
        let quote = usize::from(*style != Style::Plain);
        let content = this.span.start + quote..this.span.end - quote;
        let literal = outer.get(content.clone()) == Some(inner) && !inner.contains('\n');
        return literal.then(|| (vec![(0, content.start)], String::new()));
    }
    let line_start = outer[..this.span.start].rfind('\n').map_or(0, |at| at + 1);
    let indent = &outer[line_start..this.span.start];
    if !indent.chars().all(|c| c == ' ') {
        return None;
    }
    let mut lines = Vec::new();
    let mut at = line_start;
    let mut inner_at = 0;
    for line in inner.split_inclusive('\n') {
        let raw_end = outer[at..].find('\n').map_or(outer.len(), |end| at + end);
        let raw = outer[at..raw_end].trim_end_matches('\r');
        let content = line.trim_end_matches('\n');
        let kept = raw.strip_prefix(indent).unwrap_or("");
        if kept != content {
            return None;
        }
        lines.push((
            inner_at,
            if raw.len() < indent.len() {
                at
            } else {
                at + indent.len()
            },
        ));
        inner_at += line.len();
        at = (raw_end + 1).min(outer.len());
    }
    Some((lines, indent.to_owned()))
}

impl Embedded {
    /// A splice of the inner text as a splice of the parent's. Nothing when it cannot be told.
    pub(crate) fn lift(&self, splice: &Splice, newline: &str) -> Option<Splice> {
        let lines = self.lines.as_ref()?;
        let place = |at: usize| {
            let line = lines
                .partition_point(|&(inner, _)| inner <= at)
                .checked_sub(1)?;
            let (inner, outer) = lines[line];
            Some(outer + (at - inner))
        };
        let start = place(splice.range.start)?;
        let end = if splice.range.is_empty() {
            start
        } else {
            place(splice.range.end)?
        };
        let text = splice
            .text
            .replace('\n', &format!("{newline}{}", self.indent));
        Some(Splice {
            range: start..end,
            text,
        })
    }
}
