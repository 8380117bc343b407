//! `classify`: verdicts from the history.

use super::ending::{Ended, Failure};
use super::output::{note, say, say_json};
use super::start::Start;
use super::table::{cut, table};
use super::verdicts::{causes, verdict_name, why};
use crate::classify::JobProfile;
use crate::cli::{Common, Jobs, Output};
use crate::pass::profiles;
use crate::recommend::no_size;
use crate::render::escape::terminal;

/// Carries the command out.
pub async fn run(common: &Common, args: &Jobs) -> Result<Ended, Failure> {
    let start = Start::new(common)?;
    let listed = start.listed(&args.jobs, common).await?;
    let store = start.history(&listed)?;
    let (jobs, now_ms) = (&listed.fleet.jobs, start.now_ms());
    let (profiles, mut problems) = profiles(&start.settings, &store, jobs, now_ms)
        .map_err(|error| Failure::Failed(error.into()))?;
    problems.extend(listed.fleet.problems);
    match common.output {
        Output::Json => say_json(&serde_json::json!({ "jobs": profiles }))?,
        _ => say(&text(&profiles))?,
    }
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
