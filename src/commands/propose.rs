//! `propose`: the pull requests of the plan.

use super::ending::{Ended, Failure};
use super::output::{note, say, say_json};
use super::plan::make;
use super::start::Start;
use crate::cli::{self, Common, Output};
use crate::pass::{self, PassError, Proposed, Sealed};
use crate::plan::Plan;
use crate::policy::Mode;
use crate::render::escape::terminal;
use camino::Utf8Path;

/// Carries the command out.
pub async fn run(common: &Common, args: &cli::Propose) -> Result<Ended, Failure> {
    let start = Start::new(common)?;
    let (plan, problems) = match &args.from {
        Some(file) => match start.read_sealed(file)? {
            Sealed::Plan(plan) => {
                let repository = start.repository(&args.forge)?;
                pass::check_plan(&start.settings, &repository, &plan)
                    .map_err(|error| refused(file, error))?;
                (*plan, Vec::new())
            }
            Sealed::Reverts(due) => {
                let forge = start.forge(&args.forge)?;
                let repository = start.repository(&args.forge)?;
                let (done, mut problems) = due
                    .carry_out(&start.settings, &forge, &repository, start.now_ms())
                    .await
                    .map_err(|error| refused(file, error))?;
                problems.extend(due.blind.map(|blind| blind.message));
                return show(common, &done, problems);
            }
        },
        None => {
            let listed = start.listed(&args.jobs.jobs, common).await?;
            let (made, _) = make(&start, &args.forge, &listed).await?;
            (made.plan, made.problems)
        }
    };
    if start.settings.mode == Mode::Report && plan.proposals().next().is_none() {
        note(
            "mode is report: nothing is proposed until the configuration (or a job's annotation) says `mode: propose`",
        );
    }
    let done = propose_or_realize(&start, &args.forge, &plan).await?;
    show(common, &done, problems)
}

/// A refusal names the file.
fn refused(file: &Utf8Path, error: PassError) -> Failure {
    match error {
        PassError::Refused(why) => Failure::Failed(anyhow::anyhow!(
            "--from {file} is refused, and nothing of it was written: {why}"
        )),
        other => other.into(),
    }
}

/// Says what was done; what failed makes it partly done.
fn show(common: &Common, done: &[Proposed], mut problems: Vec<String>) -> Result<Ended, Failure> {
    match common.output {
        Output::Json => say_json(&serde_json::json!({ "pull_requests": done }))?,
        _ => say(&text(done))?,
    }
    problems.extend(done.iter().filter_map(Proposed::problem));
    for problem in &problems {
        note(&format!("! {}", terminal(problem)));
    }
    Ok(Ended::with(&problems))
}

/// Everything in the plan: by the realizer, where the configuration names one, else as pull requests.
pub async fn propose_or_realize(
    start: &Start,
    typed: &cli::Forge,
    plan: &Plan,
) -> Result<Vec<Proposed>, Failure> {
    let now_ms = start.now_ms();
    if let Some(done) = pass::realize(&start.settings, &start.plugins, plan, now_ms).await {
        return Ok(done);
    }
    let (forge, repository) = (start.forge(typed)?, start.repository(typed)?);
    Ok(pass::propose(&start.settings, &forge, &repository, plan, now_ms).await?)
}

/// What was proposed, for people.
pub fn text(done: &[Proposed]) -> String {
    if done.is_empty() {
        return "nothing to propose".to_string();
    }
    done.iter()
        .map(|done| {
            let title = done
                .title
                .as_ref()
                .map_or_else(String::new, |title| format!("  {}", terminal(title)));
            format!(
                "{:<10} {}{title}\n",
                done.done.as_str(),
                terminal(&done.what)
            )
        })
        .collect()
}
