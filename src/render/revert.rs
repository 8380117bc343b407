//! A revert as a pull request's title and page.

use super::escape::{code, markdown, sentence};
use super::rightsize::merging;
use super::template::{self, TemplateError, safe};
use super::{number, words};
use crate::plan::MergeEffect;
use crate::record::Evidence;
use crate::watch::{Breach, Restoration};
use minijinja::{Value, context};

/// What the page of a revert is written from.
pub struct RevertPage<'a> {
    /// The evidence of the change that it undoes.
    pub original: &'a Evidence,
    /// The digest of that evidence.
    pub original_digest: &'a str,
    /// That change's pull request.
    pub pull_request: Option<&'a str>,
    /// What hurts, hard failures first.
    pub breaches: &'a [Breach],
    /// What is restored, and what is not.
    pub restoration: &'a Restoration,
    /// What merging does.
    pub effect: &'a MergeEffect,
    /// Since when the change was live, Unix milliseconds; absent when the job never came up with it.
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
    let rows: Vec<Value> = page
        .restoration
        .restore
        .iter()
        .map(|field| {
            context! {
                name => safe(code(&field.path)),
                now => safe(code(&words::plain(field.before.as_ref()))),
                proposed => safe(code(&words::plain(field.after.as_ref()))),
            }
        })
        .collect();
    let kept: Vec<String> = page
        .restoration
        .taken_over
        .iter()
        .map(|taken| {
            format!(
                "{} (now {})",
                code(&taken.field.path),
                code(&words::plain(taken.now.as_ref()))
            )
        })
        .collect();
    template::fill(
        "revert.md",
        context! {
            summary => safe(summary(page)),
            breaches => page.breaches.iter().skip(1).map(|breach| safe(sentence(&breach.message))).collect::<Vec<_>>(),
            rows,
            scope => safe(scope(page)),
            kept => (!kept.is_empty()).then(|| safe(kept.join(", "))),
            merging => safe(merging(page.effect)),
            data_loss => page.effect.data_loss.as_deref().map(|text| safe(markdown(text))),
            live_since => page.live_since_ms.map_or_else(|| safe("never"), |at| safe(number::moment(at))),
            now => safe(number::moment(page.now_ms)),
            load => safe(load(page)),
            thresholds => safe(words::thresholds(&page.original.thresholds).join(" · ")),
            evidence => safe(code(&format!(".plimsoll/evidence/{}.evidence", page.digest))),
            reverts => safe(code(page.original_digest)),
            trailers => safe(page.trailers),
        },
    )
}

/// Since when it is live, since when it hurts, and how much.
fn summary(page: &RevertPage<'_>) -> String {
    let live = match page.live_since_ms {
        Some(at) => format!("Live since {}", number::moment(at)),
        None => "The job never came up with it".to_string(),
    };
    match page.breaches.first() {
        Some(breach) => format!(
            "{live}, hurting since {}: {}.",
            number::moment(breach.since_ms),
            markdown(&breach.message)
        ),
        None => format!("{live}."),
    }
}

fn scope(page: &RevertPage<'_>) -> String {
    let count = page.restoration.restore.len();
    let fields = if count == 1 {
        "the field".to_string()
    } else {
        format!("the {count} fields")
    };
    let change = page.pull_request.map_or_else(
        || "the change".to_string(),
        |id| format!("pull request {}", code(id)),
    );
    format!(
        "Restores exactly {fields} that {change} set; whatever else was merged meanwhile stays."
    )
}

fn load(page: &RevertPage<'_>) -> String {
    let Some(breach) = page.breaches.first() else {
        return String::new();
    };
    match (breach.load_per_second, breach.sized_for_per_second) {
        (Some(load), Some(sized)) if breach.beyond_sized => format!(
            "The load was {} records/s, more than the {} that the change was sized for: the size may be right for less.",
            number::rate(load),
            number::rate(sized)
        ),
        (Some(load), Some(sized)) => format!(
            "The load was {} records/s, within the {} that the change was sized for.",
            number::rate(load),
            number::rate(sized)
        ),
        (Some(load), None) => format!("The load was {} records/s.", number::rate(load)),
        _ => "The load was not measured meanwhile.".to_string(),
    }
}
