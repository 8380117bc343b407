//! Named refusals: an edit that is not made, where, why, and the way out.

use crate::quantity::codes;
use std::fmt;

codes! {
    /// Why an edit is refused. The codes are stable; tests, plans and dashboards name them.
    pub enum Code {
        /// No such object in any tracked manifest.
        NotFound = "not-found",
        /// Two documents or files claim the same object.
        AmbiguousTarget = "ambiguous-target",
        /// A document of the file does not parse.
        ParseError = "parse-error",
        /// The bytes are not UTF-8.
        NotUtf8 = "not-utf8",
        /// A key on the way occurs twice in its mapping.
        DuplicateKey = "duplicate-key",
        /// The same Flink option in two spellings.
        DuplicateFlattenedKey = "duplicate-flattened-key",
        /// The field is not there and may not be created.
        PathMissing = "path-missing",
        /// The key is there with a null value.
        NullValue = "null-value",
        /// The scalar, or a mapping on the way, is an alias.
        AliasedValue = "aliased-value",
        /// The value arrives only through `<<`.
        ValueFromMergeKey = "value-from-merge-key",
        /// Something else reads the anchor that the value carries.
        AnchorHasConsumers = "anchor-has-consumers",
        /// The file is a template, not a manifest.
        TemplatedFile = "templated-file",
        /// The scalar holds template syntax.
        TemplatedValue = "templated-value",
        /// The value stands where another overlay reads it too.
        SharedBase = "shared-base",
        /// The value stands in text within a scalar that cannot be edited in place.
        InlinePatchBlockScalar = "inline-patch-block-scalar",
        /// A tag that is not YAML's own.
        UnsupportedTag = "unsupported-tag",
        /// The field holds a mapping or a list.
        NotAScalar = "not-a-scalar",
        /// The value is written in a form that has no unambiguous replacement.
        UnsupportedStyle = "unsupported-style",
        /// Another field wins.
        ShadowedField = "shadowed-field",
        /// The operator's autoscaler decides about the field.
        OwnedByAutoscaler = "owned-by-autoscaler",
        /// The owner said no.
        OptedOut = "opted-out",
        /// The edit would have changed something else: a bug here, and nothing is written.
        EditorBug = "editor-bug",
    }
}

/// An edit that is not made. Prints as one line: `file:line: what (code): way out`.
///
/// It quotes at most the named field's own text, never its neighbours: they may be secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Which of the known reasons.
    pub code: Code,
    /// The file, as named in the tree.
    pub file: Option<String>,
    /// The line, counted from 1.
    pub line: Option<usize>,
    /// The field that was to change.
    pub field: Option<String>,
    /// What is in the way.
    pub message: String,
    /// What a person can do about it.
    pub way_out: String,
}

impl Refusal {
    /// A refusal that does not know its place yet.
    pub fn new(code: Code, message: impl Into<String>, way_out: impl Into<String>) -> Refusal {
        Refusal {
            code,
            file: None,
            line: None,
            field: None,
            message: message.into(),
            way_out: way_out.into(),
        }
    }

    /// The same, in a file and on a line (0: unknown); what is already known stays.
    pub fn at(mut self, file: &str, line: usize) -> Refusal {
        if self.file.is_none() {
            self.file = Some(file.to_owned());
            self.line = (line > 0).then_some(line);
        }
        self
    }

    /// The same, about a field; what is already known stays.
    pub fn on(mut self, field: impl fmt::Display) -> Refusal {
        self.field.get_or_insert_with(|| field.to_string());
        self
    }

    /// The stable name of the reason.
    pub fn code(&self) -> &'static str {
        self.code.as_str()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.file, self.line) {
            (Some(file), Some(line)) => write!(f, "{file}:{line}: ")?,
            (Some(file), None) => write!(f, "{file}: ")?,
            _ => {}
        }
        if let Some(field) = &self.field {
            write!(f, "`{field}`: ")?;
        }
        write!(f, "{} ({}): {}", self.message, self.code, self.way_out)
    }
}

impl std::error::Error for Refusal {}

/// What stands beside an edit that is made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Warning {
    /// Which kind.
    pub code: WarningCode,
    /// The file.
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
    /// What a reviewer should know.
    pub message: String,
}

/// The kinds of warnings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WarningCode {
    /// Memory stood as a bare number, now it is a string.
    NumericMemory,
    /// The file is a dump of a live object.
    StatusInManifest,
}

impl WarningCode {
    /// The stable name.
    pub fn name(self) -> &'static str {
        match self {
            WarningCode::NumericMemory => "numeric-memory",
            WarningCode::StatusInManifest => "status-in-manifest",
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}: {} ({})",
            self.file,
            self.line,
            self.message,
            self.code.name()
        )
    }
}
