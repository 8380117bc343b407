//! The templates, embedded, with strict undefined and every value escaped for Markdown unless our own code marks it safe.

use super::escape;
use minijinja::value::ValueKind;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value};

const TEMPLATES: [(&str, &str); 5] = [
    (
        "pull_request.md",
        include_str!("../../templates/pull_request.md"),
    ),
    ("revert.md", include_str!("../../templates/revert.md")),
    ("report.html", include_str!("../../templates/report.html")),
    (
        "experiment.html",
        include_str!("../../templates/experiment.html"),
    ),
    (
        "experiment.md",
        include_str!("../../templates/experiment.md"),
    ),
];

/// A page that could not be written: a defect of a template, shipped or overridden.
#[derive(Debug, thiserror::Error)]
#[error("template {name}: {source:#}")]
pub struct TemplateError {
    /// Which template.
    pub name: String,
    /// What is wrong with it.
    #[source]
    pub source: minijinja::Error,
}

/// Text that our own code has already escaped for the page's sink: it passes the template as it is.
pub(super) fn safe(text: impl Into<String>) -> Value {
    Value::from_safe_string(text.into())
}

/// Fills a template.
pub(super) fn fill(name: &str, page: Value) -> Result<String, TemplateError> {
    let wrap = |source| TemplateError {
        name: name.to_string(),
        source,
    };
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|name| {
        if name.ends_with(".html") {
            AutoEscape::Html
        } else {
            AutoEscape::Custom("markdown".into())
        }
    });
    environment.set_formatter(|out, state, value| {
        if value.is_safe() || value.kind() != ValueKind::String {
            return minijinja::escape_formatter(
                out,
                state,
                &Value::from_safe_string(value.to_string()),
            );
        }
        let text = value.to_string();
        let escaped = match state.auto_escape() {
            AutoEscape::Html => escape::html(&text),
            _ => escape::markdown(&text),
        };
        out.write_str(&escaped).map_err(minijinja::Error::from)
    });
    for (name, text) in TEMPLATES {
        environment.add_template(name, text).map_err(wrap)?;
    }
    environment
        .get_template(name)
        .map_err(wrap)?
        .render(page)
        .map_err(wrap)
}
