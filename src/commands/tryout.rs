//! `try URL`: verdicts, savings and gaps of whatever runs behind a Flink REST address. No configuration, no repository, no
//! Kubernetes; changes nothing and writes nothing.

mod prometheus;
mod verdicts;

use super::ending::{Ended, Failure};
use super::output::{say, say_json};
use super::start::{Start, duration};
use crate::cli::{Common, Output, Try};
use crate::pass::Settings;
use crate::quantity::{count, without_secrets};
use crate::render::escape::terminal;
use crate::snapshot::{History, JobState, Snapshot};
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
        none_runs(common, args, &look)?;
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
            "url": without_secrets(&args.url),
            "flink_version": version,
            "seconds": total.as_secs_f64(),
            "jobs": tried,
        }))?,
        _ => say(&(head + &text(&tried)))?,
    }
    Ok(ending(&tried))
}

fn none_runs(common: &Common, args: &Try, look: &RestLook) -> Result<(), Failure> {
    let url = without_secrets(&args.url);
    if common.output == Output::Json {
        let mut found = serde_json::json!({ "url": url, "jobs": [], "gaps": look.ended });
        if let Some(advice) = look.advice {
            found["advice"] = advice.into();
        }
        return say_json(&found);
    }
    let ended = match look.ended.len() {
        0 => "there are none".to_string(),
        1 => "1 job has ended".to_string(),
        ended => format!("{ended} jobs have ended"),
    };
    let advice = look.advice.unwrap_or("start one and try again");
    say(&format!(
        "No job runs at {}: {ended}; {advice}.",
        terminal(&url)
    ))
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
    // Several jobs share the TaskManagers of a session cluster.
    let session = match look.jobs.len() {
        0 | 1 => String::new(),
        _ => "This is a session cluster: its jobs share its TaskManagers, so that none of them has a size of its own.\n"
            .to_string(),
    };
    format!(
        "Flink {} at {} · {} · {}{slots} · sampled {} s, changes nothing\n{session}\n",
        terminal(version(look).as_deref().unwrap_or("?")),
        terminal(&without_secrets(&args.url)),
        count(look.jobs.len(), "job"),
        count(task_managers, "TaskManager"),
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
