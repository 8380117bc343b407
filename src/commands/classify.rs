//! `classify`: verdicts from the history.

use super::output::{note, say, say_json};
use super::planning::history;
use super::table::{cut, table};
use super::world::World;
use super::{Ended, Failure};
use crate::classify::{JobProfile, classify};
use crate::cli::{Common, Jobs, Output};
use crate::ports::HistoryStore;
use crate::render::escape::terminal;
use crate::render::words;

/// Carries the command out.
pub async fn run(common: &Common, args: &Jobs) -> Result<Ended, Failure> {
    let world = World::open(common)?;
    let jobs = world.jobs(&args.jobs, common).await?;
    let store = world.history()?;
    let mut profiles = Vec::new();
    store.expect(&jobs);
    for job in jobs {
        profiles.push(classify(
            &history(&world, &store, &job)?,
            &world.rooms(&job).classify,
        ));
    }
    match common.output {
        Output::Json => say_json(&serde_json::json!({ "jobs": profiles }))?,
        _ => say(&text(&profiles))?,
    }
    let problems = world.list_problems();
    for problem in &problems {
        note(&format!("! {}", terminal(problem)));
    }
    Ok(Ended::with(&problems))
}

/// The verdicts as a table.
pub fn text(profiles: &[JobProfile]) -> String {
    let mut rows = Vec::new();
    for profile in profiles {
        for (number, verdict) in profile.verdicts.iter().enumerate() {
            let job = if number == 0 {
                profile.job.short()
            } else {
                String::new()
            };
            rows.push(vec![terminal(&job), verdict_name(verdict), why(verdict)]);
        }
    }
    table(&["JOB", "VERDICT", "WHY"], &rows)
}

/// A verdict with its vertex: `cpu-bound at Join`.
pub fn verdict_name(verdict: &crate::classify::Verdict) -> String {
    match &verdict.vertex {
        Some(vertex) => format!("{} at {}", verdict.id, cut(&terminal(&vertex.name), 28)),
        None => verdict.id.to_string(),
    }
}

/// A verdict's numbers in one line.
pub fn why(verdict: &crate::classify::Verdict) -> String {
    let parts: Vec<String> = verdict
        .signals
        .iter()
        .take(3)
        .map(|signal| format!("{} {}", terminal(&signal.name), words::signal_value(signal)))
        .collect();
    cut(&parts.join(", "), 110)
}
