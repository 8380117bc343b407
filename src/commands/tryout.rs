//! `try URL`: verdicts, savings and gaps of whatever runs behind a Flink REST address. No configuration, no repository, no
//! Kubernetes; changes nothing and writes nothing.

mod prometheus;
mod verdicts;

use super::ending::{Ended, Failure};
use super::output::{say, say_json};
use super::start::{Start, duration};
use crate::cli::{Common, Output, Try};
use crate::pass::Settings;
use crate::render::escape::terminal;
use crate::snapshot::{Gap, History, JobState, Snapshot};
use crate::world::tryout::{RestLook, rest};
use std::time::Duration;
use verdicts::{Tried, ending, judged, nothing, rows};

/// Carries the command out.
pub async fn run(common: &Common, args: &Try) -> Result<Ended, Failure> {
    let start = Start::new(common)?;
    let total = duration(&args.duration)?;
    let look = match rest(&args.url, total, start.clock).await? {
        Ok(look) => look,
        Err(error) => {
            return match prometheus::run(common, args, &start).await? {
                Some(ended) => Ok(ended),
                None => Err(Failure::Failed(error.into())),
            };
        }
    };
    if look.jobs.is_empty() {
        none_runs(common, args, &look.ended)?;
        return Ok(Ended::Done);
    }
    let head = head(args, &look, total);
    let version = version(&look);
    let tried: Vec<Tried> = look
        .jobs
        .into_iter()
        .map(|job| judge(&start.settings, &job.name, job.snapshots, total))
        .collect();
    match common.output {
        Output::Json => say_json(&serde_json::json!({
            "url": args.url,
            "flink_version": version,
            "seconds": total.as_secs_f64(),
            "jobs": tried,
        }))?,
        _ => say(&(head + &text(&tried)))?,
    }
    Ok(ending(&tried))
}

fn none_runs(common: &Common, args: &Try, ended: &[Gap]) -> Result<(), Failure> {
    match common.output {
        Output::Json => {
            say_json(&serde_json::json!({ "url": args.url, "jobs": [], "gaps": ended }))
        }
        _ => say(&format!(
            "No job runs at {}: {} ended ones. Start one and try again.",
            terminal(&args.url),
            ended.len()
        )),
    }
}

fn version(look: &RestLook) -> Option<String> {
    look.jobs
        .iter()
        .flat_map(|job| &job.snapshots)
        .find_map(|snapshot| snapshot.flink_version.clone())
}

/// The line above the table: what was looked at.
fn head(args: &Try, look: &RestLook, total: Duration) -> String {
    let last = || look.jobs.iter().filter_map(|job| job.snapshots.last());
    let task_managers = last()
        .map(|snapshot| snapshot.task_managers.len())
        .max()
        .unwrap_or(0);
    let slots = last()
        .filter_map(|snapshot| snapshot.slots)
        .next_back()
        .map_or_else(String::new, |slots| {
            format!(
                " ({} slots, {} used)",
                slots.total,
                slots.total.saturating_sub(slots.available)
            )
        });
    format!(
        "Flink {} at {} · {} jobs · {task_managers} TaskManagers{slots} · sampled {} s, changes nothing\n\n",
        terminal(version(look).as_deref().unwrap_or("?")),
        terminal(&args.url),
        look.jobs.len(),
        total.as_secs(),
    )
}

fn judge(settings: &Settings, name: &str, snapshots: Vec<Snapshot>, total: Duration) -> Tried {
    let gaps = snapshots
        .last()
        .map(|snapshot| snapshot.gaps.clone())
        .unwrap_or_default();
    let reachable = snapshots
        .iter()
        .any(|snapshot| snapshot.state != JobState::Unreachable);
    let history = History::from_snapshots(snapshots);
    let (Some(history), true) = (history, reachable) else {
        return Tried {
            name: name.to_string(),
            state: None,
            verdicts: Vec::new(),
            saving: nothing("it could not be read"),
            gaps,
        };
    };
    // The thresholds are the product's; only the length of the history that they ask for is what this look has.
    let seconds = (total.as_secs() / 2).max(1);
    Tried {
        gaps,
        ..judged(settings, name, &history, seconds)
    }
}

fn text(tried: &[Tried]) -> String {
    let mut out = rows(tried);
    out.push_str("\n! Seconds are not a day: sizes need 24 h of history. Next: list the job in plimsoll.yaml, then\n    plimsoll observe --for 24h --every 60s\n");
    let mut gaps: Vec<String> = tried
        .iter()
        .flat_map(|tried| {
            tried
                .gaps
                .iter()
                .map(|gap| format!("{} ({})", terminal(&gap.what), terminal(&gap.reason)))
        })
        .collect();
    gaps.sort();
    gaps.dedup();
    if !gaps.is_empty() {
        out.push_str(&format!("  Missing: {}\n", gaps.join(", ")));
    }
    out
}
