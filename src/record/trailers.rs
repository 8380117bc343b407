//! Trailers of a commit message: a convenience for people. Evidence says what a change is; trailers are never trusted.

use super::evidence::{Evidence, FieldChange};
use super::file::evidence_path;
use serde_json::Value;
use std::fmt;

/// The longest value that a trailer may have, characters.
const VALUE_LIMIT: usize = 300;

/// The trailers of one change.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trailers {
    /// `Plimsoll-Job`: `cluster/kind/namespace/name`.
    pub job: Option<String>,
    /// `Plimsoll-Change`, one a field: `path old -> new`.
    pub changes: Vec<String>,
    /// `Plimsoll-Evidence`: the digest, 64 hexadecimal digits.
    pub evidence: Option<String>,
    /// `Plimsoll-Reverts`: the digest of the change that is undone.
    pub reverts: Option<String>,
    /// `Plimsoll-Saving`: what it is said to save.
    pub saving: Option<String>,
}

impl Trailers {
    /// The trailers of a change with its evidence's digest.
    pub fn new(evidence: &Evidence, digest: &str) -> Trailers {
        let saving = evidence.saving.as_ref().map(|saving| {
            let amount = saving.cost_before_per_month - saving.cost_after_per_month;
            format!("{amount:.2} {}/month", saving.currency)
        });
        Trailers {
            job: Some(evidence.job.to_string()),
            changes: evidence.fields.iter().map(change_text).collect(),
            evidence: Some(digest.to_string()),
            reverts: evidence.reverts.clone(),
            saving,
        }
    }

    /// Reads the trailers of a commit message or of a pull request's body, wherever in it they stand: forges that squash put
    /// them into the middle. A digest that is none is left out. Of a trailer that may stand once the last one counts.
    pub fn parse(text: &str) -> Trailers {
        let mut trailers = Trailers::default();
        for line in text.lines() {
            let Some((key, value)) = line.split_once(": ") else {
                continue;
            };
            let value = value.trim().to_string();
            match key {
                "Plimsoll-Job" => trailers.job = Some(value),
                "Plimsoll-Change" => trailers.changes.push(value),
                "Plimsoll-Evidence" => trailers.evidence = digest(&value),
                "Plimsoll-Reverts" => trailers.reverts = digest(&value),
                "Plimsoll-Saving" => trailers.saving = Some(value),
                _ => {}
            }
        }
        trailers
    }
}

impl fmt::Display for Trailers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = Vec::new();
        if let Some(job) = &self.job {
            lines.push(format!("Plimsoll-Job: {}", safe(job)));
        }
        for change in &self.changes {
            lines.push(format!("Plimsoll-Change: {}", safe(change)));
        }
        if let Some(saving) = &self.saving {
            lines.push(format!("Plimsoll-Saving: {}", safe(saving)));
        }
        if let Some(digest) = &self.evidence {
            lines.push(format!("Plimsoll-Evidence: sha256:{}", safe(digest)));
        }
        if let Some(digest) = &self.reverts {
            lines.push(format!("Plimsoll-Reverts: sha256:{}", safe(digest)));
        }
        f.write_str(&lines.join("\n"))
    }
}

/// The digest behind `sha256:`, if it is one.
fn digest(value: &str) -> Option<String> {
    let digest = value.strip_prefix("sha256:")?;
    super::evidence_digest(&evidence_path(digest)).map(str::to_string)
}

/// `path old -> new`, as text.
fn change_text(field: &FieldChange) -> String {
    let (before, after) = (
        value_text(field.before.as_ref()),
        value_text(field.after.as_ref()),
    );
    format!("{} {before} -> {after}", field.path)
}

/// A manifest's value as people write it; `absent` where there is none.
fn value_text(value: Option<&Value>) -> String {
    match value {
        None => "absent".to_string(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => super::canonical::line(other),
    }
}

/// One line without control characters or anything that turns or hides text, cut at [`VALUE_LIMIT`].
fn safe(value: &str) -> String {
    let mut text: String = value
        .chars()
        .map(|c| if harmless(c) { c } else { '\u{fffd}' })
        .take(VALUE_LIMIT + 1)
        .collect();
    if text.chars().count() > VALUE_LIMIT {
        text = text.chars().take(VALUE_LIMIT - 1).collect();
        text.push('…');
    }
    text
}

/// Whether a character neither ends a line nor turns, hides or joins what stands beside it.
fn harmless(c: char) -> bool {
    !(c.is_control()
        || matches!(
            c,
            '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{ad}' | '\u{61c}'
        )
        || ('\u{200b}'..='\u{200f}').contains(&c)
        || ('\u{202a}'..='\u{202e}').contains(&c)
        || ('\u{2060}'..='\u{206f}').contains(&c))
}
