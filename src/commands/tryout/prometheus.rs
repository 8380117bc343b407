//! `try URL` of a Prometheus: verdicts of every job that it holds, from the series that are there already.

use super::verdicts::{Tried, ending, judged, rows};
use crate::cli::{Common, Output, Try};
use crate::commands::ending::{Ended, Failure};
use crate::commands::output::{say, say_json};
use crate::commands::start::Start;
use crate::quantity::without_secrets;
use crate::render::escape::terminal;
use crate::world::tryout::{StoreLook, store};
use std::collections::BTreeSet;

const HOUR_MS: i64 = 3_600_000;

/// Whether a Prometheus answers there; none when something else does.
pub async fn run(common: &Common, args: &Try, start: &Start) -> Result<Option<Ended>, Failure> {
    let opened = &start.opened;
    let history = &opened.config.history;
    let found = store(&args.url, history, &opened.folder, start.now_ms()).await?;
    let Some(look) = found else {
        return Ok(None);
    };
    let mut tried: Vec<Tried> = Vec::new();
    for job in &look.jobs {
        let history = look
            .history(job)
            .await
            .map_err(|error| Failure::Failed(error.into()))?;
        tried.push(judged(
            &start.settings,
            &job.short(),
            &history,
            look.seconds,
        ));
    }
    show(common, args, &look, &tried)?;
    Ok(Some(ending(&tried)))
}

fn show(common: &Common, args: &Try, look: &StoreLook, tried: &[Tried]) -> Result<(), Failure> {
    let hours = look.held_ms as f64 / HOUR_MS as f64;
    if common.output == Output::Json {
        return say_json(&serde_json::json!({
            "url": without_secrets(&args.url),
            "seconds": look.held_ms as f64 / 1000.0,
            "jobs": tried,
        }));
    }
    if tried.is_empty() {
        return say(&format!(
            "No job reports to {} now.",
            terminal(&without_secrets(&args.url))
        ));
    }
    let mut out = format!(
        "Prometheus at {} · {} jobs by labels `{}` · last {hours:.1} h · {} queries, changes nothing\n\n{}",
        terminal(&without_secrets(&args.url)),
        tried.len(),
        look.preset,
        look.queries(),
        rows(tried),
    );
    let mut gaps: BTreeSet<String> = BTreeSet::new();
    for gap in tried.iter().flat_map(|tried| &tried.gaps) {
        gaps.insert(format!(
            "{} ({})",
            terminal(&gap.what),
            terminal(&gap.reason)
        ));
    }
    out.push_str("\n! Prometheus does not hold a job's graph, configuration and memory pools. Next: list the jobs with their `rest` in\n  plimsoll.yaml, with `history: {prometheus: {url: …}}`, then plimsoll check\n");
    if !gaps.is_empty() {
        out.push_str(&format!(
            "  Missing: {}\n",
            gaps.into_iter().collect::<Vec<_>>().join(", ")
        ));
    }
    say(&out)
}
