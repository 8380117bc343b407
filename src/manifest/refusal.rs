//! Named refusals: an edit that is not made, where, why, and the way out.

use std::fmt;

/// Why an edit is refused. The codes are stable; tests, plans and dashboards name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// No such object in any tracked manifest.
    NotFound,
    /// Two documents or files claim the same object.
    AmbiguousTarget,
    /// A document of the file does not parse.
    ParseError,
    /// The bytes are not UTF-8.
    NotUtf8,
    /// A key on the way occurs twice in its mapping.
    DuplicateKey,
    /// The same Flink option in two spellings.
    DuplicateFlattenedKey,
    /// The field is not there and may not be created.
    PathMissing,
    /// The key is there with a null value.
    NullValue,
    /// The scalar, or a mapping on the way, is an alias.
    AliasedValue,
    /// The value arrives only through `<<`.
    ValueFromMergeKey,
    /// Something else reads the anchor that the value carries.
    AnchorHasConsumers,
    /// The file is a template, not a manifest.
    TemplatedFile,
    /// The scalar holds template syntax.
    TemplatedValue,
    /// The value stands where another overlay reads it too.
    SharedBase,
    /// The value stands in text within a scalar that cannot be edited in place.
    InlinePatchBlockScalar,
    /// A tag that is not YAML's own.
    UnsupportedTag,
    /// The field holds a mapping or a list.
    NotAScalar,
    /// The value is written in a form that has no unambiguous replacement.
    UnsupportedStyle,
    /// Another field wins.
    ShadowedField,
    /// The operator's autoscaler decides about the field.
    OwnedByAutoscaler,
    /// The owner said no.
    OptedOut,
    /// The file is encrypted as a whole, so that an edit would break its checksum.
    EncryptedFile,
    /// Something writes the file: the next run of it would undo the edit.
    GeneratedFile,
    /// Something else than the manifest decides about the field.
    OwnedElsewhere,
    /// The build does something that is not understood here, so what comes out of it is not known.
    UnmodelledBuild,
    /// The configuration does not say which key of the values sets the field.
    UnmappedField,
    /// The edit would have changed something else: a bug here, and nothing is written.
    EditorBug,
}

impl Code {
    /// The stable name.
    pub fn name(self) -> &'static str {
        match self {
            Code::NotFound => "not-found",
            Code::AmbiguousTarget => "ambiguous-target",
            Code::ParseError => "parse-error",
            Code::NotUtf8 => "not-utf8",
            Code::DuplicateKey => "duplicate-key",
            Code::DuplicateFlattenedKey => "duplicate-flattened-key",
            Code::PathMissing => "path-missing",
            Code::NullValue => "null-value",
            Code::AliasedValue => "aliased-value",
            Code::ValueFromMergeKey => "value-from-merge-key",
            Code::AnchorHasConsumers => "anchor-has-consumers",
            Code::TemplatedFile => "templated-file",
            Code::TemplatedValue => "templated-value",
            Code::SharedBase => "shared-base",
            Code::InlinePatchBlockScalar => "inline-patch-block-scalar",
            Code::UnsupportedTag => "unsupported-tag",
            Code::NotAScalar => "not-a-scalar",
            Code::UnsupportedStyle => "unsupported-style",
            Code::ShadowedField => "shadowed-field",
            Code::OwnedByAutoscaler => "owned-by-autoscaler",
            Code::OptedOut => "opted-out",
            Code::EncryptedFile => "encrypted-file",
            Code::GeneratedFile => "generated-file",
            Code::OwnedElsewhere => "owned-elsewhere",
            Code::UnmodelledBuild => "unmodelled-build",
            Code::UnmappedField => "unmapped-field",
            Code::EditorBug => "editor-bug",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
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
        self.code.name()
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
