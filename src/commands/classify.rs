//! `classify`: verdicts from the history.

use super::output::{note, say, say_json};
use super::planning::history;
use super::table::{cut, table};
use super::world::World;
use super::{Ended, Failure};
use crate::classify::{JobProfile, cause, classify};
use crate::cli::{Common, Jobs, Output};
use crate::ports::HistoryStore;
use crate::recommend::no_size;
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
        if let Some(state) = no_size(profile.workload) {
            let job = if profile.verdicts.is_empty() {
                profile.job.short()
            } else {
                String::new()
            };
            rows.push(vec![
                terminal(&job),
                state.reason.to_string(),
                cut(&state.message, 110),
            ]);
        }
    }
    let mut out = table(&["JOB", "VERDICT", "WHY"], &rows);
    for profile in profiles {
        let causes = causes(profile);
        if !causes.is_empty() {
            out.push_str(&format!(
                "  Last failures of {}: {}\n",
                terminal(&profile.job.short()),
                causes.join("; ")
            ));
        }
    }
    out
}

/// What failed a job last, newest first, the same causes together: `3 × java.lang.OutOfMemoryError: metaspace ran out`.
pub fn causes(profile: &JobProfile) -> Vec<String> {
    let mut counted: Vec<(String, usize)> = Vec::new();
    for failure in &profile.failures {
        let told = cause(failure);
        match counted.iter_mut().find(|(known, _)| *known == told) {
            Some((_, count)) => *count += 1,
            None => counted.push((told, 1)),
        }
    }
    let line = |(told, count): &(String, usize)| match count {
        1 => terminal(told),
        count => format!("{count} × {}", terminal(told)),
    };
    counted.iter().map(line).collect()
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
