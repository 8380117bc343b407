//! Scalars: what type a plain text has, when two values mean the same, and how a new text is written
//! in an old scalar's style.

use serde_json::Value;

use super::tree::{self, Document, Kind, NodeId, Style};
use crate::flink::field_path::FieldPath;
use crate::quantity::{Cpu, Memory};

/// What a plain scalar is to Kubernetes, which reads YAML 1.1 with most of 1.2.
pub(crate) fn plain_value(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => {
            return Value::Bool(true);
        }
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => {
            return Value::Bool(false);
        }
        _ => {}
    }
    number(text).unwrap_or_else(|| Value::String(text.to_owned()))
}

/// Integers in any of YAML's bases and floats; not infinities, which JSON cannot hold.
fn number(text: &str) -> Option<Value> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let clean = digits.replace('_', "");
    let radix = |prefix: &str, radix: u32| {
        clean
            .strip_prefix(prefix)
            .and_then(|rest| i64::from_str_radix(rest, radix).ok())
    };
    let old_octal = || {
        let octal = clean.len() > 1 && clean.starts_with('0');
        octal.then(|| i64::from_str_radix(&clean, 8).ok()).flatten()
    };
    let whole = radix("0x", 16)
        .or_else(|| radix("0o", 8))
        .or_else(|| radix("0b", 2))
        .or_else(old_octal)
        .or_else(|| clean.parse::<i64>().ok());
    if let Some(whole) = whole {
        let signed = if text.starts_with('-') { -whole } else { whole };
        return Some(Value::from(signed));
    }
    let looks_right = clean
        .chars()
        .all(|c| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-'));
    let float = clean
        .parse::<f64>()
        .ok()
        .filter(|float| looks_right && float.is_finite())?;
    Some(Value::from(if text.starts_with('-') {
        -float
    } else {
        float
    }))
}

/// Whether some YAML reader would take the plain text for something else than a string.
fn reads_as_other_type(text: &str) -> bool {
    if !plain_value(text).is_string() {
        return true;
    }
    let lower = text.to_ascii_lowercase();
    let words = ["y", "n", ".inf", "+.inf", "-.inf", ".nan", "=", "<<"];
    let sexagesimal = text.contains(':') && text.chars().all(|c| c.is_ascii_digit() || c == ':');
    let bytes = text.as_bytes();
    let date = bytes.len() >= 8 && bytes[4] == b'-' && bytes[..4].iter().all(u8::is_ascii_digit);
    words.contains(&lower.as_str()) || sexagesimal || date
}

/// What a scalar node means, its tag respected.
pub(crate) fn value_of(document: &Document, node: NodeId) -> Value {
    let node = &document.nodes[node];
    let Kind::Scalar { text, style } = &node.kind else {
        return Value::Null;
    };
    match (&node.tag, style) {
        (Some(tag), _) if tag.core && tag.name.ends_with("str") => Value::String(text.clone()),
        (Some(tag), _) if tag.core => plain_value(text),
        (None, Style::Plain) => plain_value(text),
        _ => Value::String(text.clone()),
    }
}

/// The text of a value that is to be written, as given; nothing for mappings, lists and null.
pub(crate) fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// What a field holds, which decides how its values compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    Memory,
    Cpu,
    Other,
}

/// What the field of a Flink resource holds.
pub(crate) fn meaning_of(path: &FieldPath) -> Meaning {
    if let Some(option) = path.option() {
        let memory = option.contains(".memory.") || option.starts_with("memory.");
        let size = [".size", ".min", ".max"]
            .iter()
            .any(|end| option.ends_with(end));
        return match option {
            _ if memory && size => Meaning::Memory,
            "kubernetes.taskmanager.cpu"
            | "kubernetes.taskmanager.cpu.amount"
            | "kubernetes.jobmanager.cpu"
            | "kubernetes.jobmanager.cpu.amount" => Meaning::Cpu,
            _ => Meaning::Other,
        };
    }
    match path.words().as_slice() {
        [.., "resource", "memory" | "ephemeralStorage"]
        | [
            ..,
            "resources",
            "requests" | "limits",
            "memory" | "ephemeral-storage",
        ] => Meaning::Memory,
        [.., "resource", "cpu"] | [.., "resources", "requests" | "limits", "cpu"] => Meaning::Cpu,
        _ => Meaning::Other,
    }
}

/// Whether two texts mean the same in a field.
pub(crate) fn same_meaning(meaning: Meaning, old: &str, new: &str) -> bool {
    if old == new {
        return true;
    }
    match meaning {
        Meaning::Memory => match (old.parse::<Memory>(), new.parse::<Memory>()) {
            (Ok(old), Ok(new)) => old.bytes() == new.bytes(),
            _ => false,
        },
        Meaning::Cpu => match (old.parse::<Cpu>(), new.parse::<Cpu>()) {
            (Ok(old), Ok(new)) => old.millicores() == new.millicores(),
            _ => false,
        },
        Meaning::Other => match (plain_value(old.trim()), plain_value(new.trim())) {
            (Value::Number(old), Value::Number(new)) => old.as_f64() == new.as_f64(),
            (Value::Bool(old), Value::Bool(new)) => old == new,
            _ => old.trim() == new.trim(),
        },
    }
}

/// What type a field has in the CRD.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Field {
    /// A number, or anything.
    #[default]
    Free,
    /// A Flink option: a string, and a number only where the file already says so.
    Option,
    /// A string, always.
    Text,
}

/// Where a scalar stands, as far as it matters for writing it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Place {
    /// The document is JSON.
    pub(crate) json: bool,
    /// Within `{}` or `[]`.
    pub(crate) flow: bool,
    /// What the field takes.
    pub(crate) field: Field,
}

/// The bytes for a new text in the place of an old scalar, in the old one's style. Nothing when the old
/// style cannot hold it.
pub(crate) fn rewrite(
    document: &Document,
    node: NodeId,
    raw: &str,
    wanted: &Value,
    place: Place,
) -> Option<String> {
    let text = text_of(wanted)?;
    let old = value_of(document, node);
    let this = &document.nodes[node];
    let Kind::Scalar {
        text: old_text,
        style,
    } = &this.kind
    else {
        return None;
    };
    match style {
        Style::Double => Some(double_quoted(&text)),
        Style::Single if text.chars().any(char::is_control) => Some(double_quoted(&text)),
        Style::Single => Some(format!("'{}'", text.replace('\'', "''"))),
        Style::Block => {
            let one_line = |text: &str| !text.is_empty() && !text.contains(['\n', '\r']);
            let content = old_text.trim_end_matches('\n');
            let fits = one_line(content) && one_line(&text) && text.trim() == text;
            (fits && raw.matches(content).count() == 1).then(|| raw.replace(content, &text))
        }
        Style::Plain => {
            let tagged_string = this.tag.is_some() && old.is_string();
            // A plain string stays a string; a plain number becomes what its new text is.
            let string = match (old.is_string(), wanted.is_string()) {
                (true, true) => true,
                (true, false) => place.field == Field::Option,
                (false, true) => place.field == Field::Text,
                (false, false) => false,
            };
            Some(plain(&text, string && !tagged_string, place))
        }
    }
}

/// A plain text, or a double-quoted one where plain would be something else.
fn plain(text: &str, string: bool, place: Place) -> String {
    if place.json {
        let literal = matches!(
            serde_json::from_str::<Value>(text),
            Ok(Value::Number(_) | Value::Bool(_))
        );
        return if literal && !string {
            text.to_owned()
        } else {
            double_quoted(text)
        };
    }
    if string && reads_as_other_type(text) || !stays_plain(text, place.flow) {
        double_quoted(text)
    } else {
        text.to_owned()
    }
}

/// The bytes of a value in a new field.
pub(crate) fn fresh(wanted: &Value, place: Place) -> Option<String> {
    let text = text_of(wanted)?;
    let string = wanted.is_string() || place.field != Field::Free;
    Some(if place.json && string {
        double_quoted(&text)
    } else {
        plain(&text, string, place)
    })
}

/// The bytes of a key in a new field.
pub(crate) fn fresh_key(key: &str, place: Place, quoted: bool) -> String {
    if place.json || quoted || reads_as_other_type(key) || !stays_plain(key, place.flow) {
        double_quoted(key)
    } else {
        key.to_owned()
    }
}

/// Whether the parser reads a text, written plain, as exactly this text.
fn stays_plain(text: &str, flow: bool) -> bool {
    let sample = if flow {
        format!("[{text}]")
    } else {
        format!("a: {text}\nb: c\n")
    };
    let stream = tree::parse(&sample);
    let [document] = stream.documents.as_slice() else {
        return false;
    };
    if stream.failure.is_some() || text.contains(['\n', '\r']) {
        return false;
    }
    let found = match document.root() {
        Some(root) if flow => match document.items(root) {
            [item] => Some(*item),
            _ => None,
        },
        Some(root) => match document.entries(root) {
            [(_, value), _] => Some(*value),
            _ => None,
        },
        None => None,
    };
    found.is_some_and(|node| {
        let node = &document.nodes[node];
        let plain = Kind::Scalar {
            text: text.to_owned(),
            style: Style::Plain,
        };
        node.kind == plain && node.tag.is_none() && node.anchor.is_none()
    })
}

/// A double-quoted scalar; JSON's escapes are YAML's, and other scripts stay as they are.
pub(crate) fn double_quoted(text: &str) -> String {
    Value::String(text.to_owned()).to_string()
}
