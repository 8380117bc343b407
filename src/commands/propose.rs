//! `propose`: the pull requests of the plan.

use super::ending::{Ended, Failure};
use super::output::{note, say, say_json};
use super::plan::make;
use super::start::Start;
use crate::cli::{self, Common, Output};
use crate::pass::{self, Base, Manifests, Proposed, Sealed, SealedError};
use crate::plan::Plan;
use crate::policy::Mode;
use crate::render::escape::terminal;
use crate::world::AnyRepository;
use anyhow::Context;
use camino::Utf8Path;
use std::fs;

/// Carries the command out.
pub async fn run(common: &Common, args: &cli::Propose) -> Result<Ended, Failure> {
    let start = Start::new(common)?;
    if let Some(file) = &args.from {
        let (done, problems) = match read(file)? {
            Sealed::Plan(plan) => (of_plan(&start, &args.forge, &plan).await?, Vec::new()),
            Sealed::Reverts(due) => {
                let forge = start.forge(&args.forge)?;
                let repository = start.repository(&args.forge)?;
                let done = due.carry_out(&forge, &repository, start.now_ms()).await?;
                let blind = due.blind.map(|blind| blind.message);
                (done, blind.into_iter().collect())
            }
        };
        return show(common, &done, problems);
    }
    let listed = start.listed(&args.jobs.jobs, common).await?;
    let repository = start.repository(&args.forge)?;
    let base = Base::read(&repository)?;
    let manifests = Manifests::parse(&base);
    let (made, _) = make(&start, &args.forge, &listed, &repository, &manifests).await?;
    note_mode(&start, &made.plan);
    let done = propose_or_realize(&start, &args.forge, &repository, &manifests, &made.plan).await?;
    show(common, &done, made.problems)
}

/// What a sealed plan asks for. A realizer needs neither forge nor repository.
async fn of_plan(start: &Start, typed: &cli::Forge, plan: &Plan) -> Result<Vec<Proposed>, Failure> {
    note_mode(start, plan);
    let (settings, now_ms) = (&start.settings, start.now_ms());
    if let Some(done) = pass::realize(settings, &start.plugins, plan, now_ms).await {
        return Ok(done);
    }
    let forge = start.forge(typed)?;
    let repository = start.repository(typed)?;
    let base = Base::read(&repository)?;
    let manifests = Manifests::parse(&base);
    Ok(pass::propose(settings, &forge, &repository, &manifests, plan, now_ms).await?)
}

fn note_mode(start: &Start, plan: &Plan) {
    if start.settings.mode == Mode::Report && plan.proposals().next().is_none() {
        note(
            "mode is report: nothing is proposed until the configuration (or a job's annotation) says `mode: propose`",
        );
    }
}

fn read(file: &Utf8Path) -> Result<Sealed, Failure> {
    let text = fs::read_to_string(file).with_context(|| format!("--from {file}"))?;
    Sealed::read(&text).map_err(|error| match error {
        SealedError::Schema { .. } => Failure::Usage(format!("--from {file}: {error}")),
        error => Failure::Failed(anyhow::Error::new(error).context(format!("--from {file}"))),
    })
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

/// Everything in the plan: by the realizer, where the configuration names one, else as pull requests on these manifests.
pub async fn propose_or_realize(
    start: &Start,
    typed: &cli::Forge,
    repository: &AnyRepository,
    manifests: &Manifests<'_>,
    plan: &Plan,
) -> Result<Vec<Proposed>, Failure> {
    let (settings, now_ms) = (&start.settings, start.now_ms());
    if let Some(done) = pass::realize(settings, &start.plugins, plan, now_ms).await {
        return Ok(done);
    }
    let forge = start.forge(typed)?;
    Ok(pass::propose(settings, &forge, repository, manifests, plan, now_ms).await?)
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
