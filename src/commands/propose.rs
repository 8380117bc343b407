//! `propose`: the pull requests of the plan.

use super::ending::{Ended, Failure};
use super::output::{note, say, say_json};
use super::plan::make;
use super::start::Start;
use crate::cli::{self, Common, Output};
use crate::pass::{self, Base, Manifests, PassError, Proposed, Sealed};
use crate::plan::Plan;
use crate::policy::Mode;
use crate::render::escape::terminal;
use crate::world::AnyRepository;
use camino::Utf8Path;

/// Carries the command out.
pub async fn run(common: &Common, args: &cli::Propose) -> Result<Ended, Failure> {
    let start = Start::new(common)?;
    if let Some(file) = &args.from {
        return from_file(common, &start, &args.forge, file).await;
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

/// What a sealed file asks for, once it was checked against the repository.
async fn from_file(
    common: &Common,
    start: &Start,
    typed: &cli::Forge,
    file: &Utf8Path,
) -> Result<Ended, Failure> {
    let sealed = start.read_sealed(file)?;
    let repository = start.repository(typed)?;
    let base = Base::read(&repository)?;
    let manifests = Manifests::parse(&base);
    let settings = &start.settings;
    match sealed {
        Sealed::Plan(mut plan) => {
            pass::check_plan(settings, &manifests, &plan).map_err(|error| refused(file, error))?;
            let withheld = pass::withhold(settings, &manifests, &mut plan);
            note_mode(start, &plan);
            let done = propose_or_realize(start, typed, &repository, &manifests, &plan).await?;
            show(common, &done, withheld)
        }
        Sealed::Reverts(due) => {
            let forge = start.forge(typed)?;
            let (done, mut problems) = due
                .carry_out(settings, &forge, &repository, &manifests, start.now_ms())
                .await
                .map_err(|error| refused(file, error))?;
            problems.extend(due.blind.map(|blind| blind.message));
            show(common, &done, problems)
        }
    }
}

fn note_mode(start: &Start, plan: &Plan) {
    if start.settings.mode == Mode::Report && plan.proposals().next().is_none() {
        note(
            "mode is report: nothing is proposed until the configuration (or a job's annotation) says `mode: propose`",
        );
    }
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

/// Everything in the plan: by a realizer, where the job's owner or the configuration names one, else as pull requests on these manifests.
pub async fn propose_or_realize(
    start: &Start,
    typed: &cli::Forge,
    repository: &AnyRepository,
    manifests: &Manifests<'_>,
    plan: &Plan,
) -> Result<Vec<Proposed>, Failure> {
    let (settings, now_ms) = (&start.settings, start.now_ms());
    let pass::Realized { mut done, jobs } =
        pass::realize(settings, &start.plugins, manifests, plan, now_ms).await;
    // A realizer needs no forge; where there is one, what is open and no longer meant is closed.
    let has_forge = start.destination(typed).name().is_some();
    if plan.proposals().any(|(item, _)| !jobs.contains(&item.job))
        || (settings.realizer.is_none() && (jobs.is_empty() || has_forge))
    {
        let forge = start.forge(typed)?;
        done.extend(
            pass::propose_others(settings, &forge, repository, manifests, plan, &jobs, now_ms)
                .await?,
        );
    }
    Ok(done)
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
