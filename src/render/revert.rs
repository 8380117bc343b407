//! A revert as a pull request's title and page.

use super::TemplateError;
use crate::plan::MergeEffect;
use crate::record::Evidence;
use crate::watch::{Breach, Restoration};

/// What the page of a revert is written from.
pub struct RevertPage<'a> {
    /// Its own evidence.
    pub evidence: &'a Evidence,
    /// The evidence of the change that it undoes.
    pub original: &'a Evidence,
    /// That change's title.
    pub original_title: &'a str,
    /// That change's pull request.
    pub pull_request: Option<&'a str>,
    /// What hurts.
    pub breaches: &'a [Breach],
    /// What is restored, and what is not.
    pub restoration: &'a Restoration,
    /// What merging does.
    pub effect: &'a MergeEffect,
    /// Since when the change was live, Unix milliseconds.
    pub live_since_ms: Option<i64>,
    /// Now, Unix milliseconds.
    pub now_ms: i64,
    /// Digest of its own evidence.
    pub digest: &'a str,
    /// The trailers that end the page.
    pub trailers: &'a str,
}

/// `Revert "…"`.
pub fn title(original: &str) -> String {
    format!("Revert \"{original}\"")
}

/// The page.
pub fn body(page: &RevertPage<'_>) -> Result<String, TemplateError> {
    let breaches: Vec<&str> = page
        .breaches
        .iter()
        .map(|breach| breach.message.as_str())
        .collect();
    Ok(format!(
        "{}\n\n{}",
        super::escape::markdown(&breaches.join("; ")),
        page.trailers
    ))
}
