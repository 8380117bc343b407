//! `propose`: the pull requests of the plan.

use super::artifact::{self, Artifact};
use super::forge::{AnyForge, AnyRepository, forge, repository};
use super::output::{note, say, say_json};
use super::plan::make;
use super::planning::locate;
use super::world::World;
use super::{Ended, Failure};
use crate::cli::{self, Common, Output};
use crate::flink::field_path::FieldPath;
use crate::manifest::{Catalog, Change, Refusal, Sought, Tree};
use crate::plan::{Plan, PlannedChange, object_key, value_at};
use crate::policy::Mode;
use crate::ports::{Forge, Repository, Written};
use crate::render::escape::terminal;
use crate::render::propose_rightsize;
use crate::watch::same_value;
use serde::Serialize;

/// What became of one proposal.
#[derive(Debug, Clone, Serialize)]
pub struct Proposed {
    /// Which job.
    pub job: String,
    /// `opened`, `updated`, `unchanged`, `left-alone`, `realized` (by a plug-in) or `failed`.
    pub done: &'static str,
    /// The pull request, or the reason.
    pub what: String,
    /// Where a person finds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Its title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
}

/// Carries the command out.
pub async fn run(common: &Common, args: &cli::Propose) -> Result<Ended, Failure> {
    let world = World::open(common)?;
    let (plan, problems) = match &args.from {
        Some(file) => match artifact::read(file)? {
            Artifact::Plan(plan) => (*plan, Vec::new()),
            Artifact::Reverts(due) => {
                let forge = forge(&world, &args.forge)?;
                let repository = repository(&world, &args.forge)?;
                let done = due.carry_out(&world, &forge, &repository).await?;
                let blind = due.blind.map(|blind| blind.message);
                return tell(common, &done, blind.into_iter().collect());
            }
        },
        None => {
            let jobs = world.jobs(&args.jobs.jobs, common).await?;
            let made = make(&world, &args.forge, &jobs).await?;
            (made.plan, made.problems)
        }
    };
    if world.config.mode == Mode::Report && plan.proposals().next().is_none() {
        note(
            "mode is report: nothing is proposed until the configuration (or a job's annotation) says `mode: propose`",
        );
    }
    let done = propose_or_realize(&world, &args.forge, &plan).await?;
    tell(common, &done, problems)
}

/// Says what was done; what failed makes it partly done.
fn tell(common: &Common, done: &[Proposed], mut problems: Vec<String>) -> Result<Ended, Failure> {
    match common.output {
        Output::Json => say_json(&serde_json::json!({ "pull_requests": done }))?,
        _ => say(&text(done))?,
    }
    problems.extend(
        done.iter()
            .filter(|done| done.done == "failed")
            .map(|done| format!("{}: {}", done.job, done.what)),
    );
    for problem in &problems {
        note(&format!("! {}", terminal(problem)));
    }
    Ok(Ended::with(&problems))
}

/// Everything in the plan: by the realizer, where the configuration names one, else as pull requests.
pub async fn propose_or_realize(
    world: &World,
    typed: &cli::Forge,
    plan: &Plan,
) -> Result<Vec<Proposed>, Failure> {
    if let Some(done) = super::plugins::realize(world, plan).await {
        return Ok(done);
    }
    let (forge, repository) = (forge(world, typed)?, repository(world, typed)?);
    propose(world, &forge, &repository, plan).await
}

/// Proposes everything in the plan, in its order. One that fails does not stop the others.
pub async fn propose(
    world: &World,
    forge: &AnyForge,
    repository: &AnyRepository,
    plan: &Plan,
) -> Result<Vec<Proposed>, Failure> {
    let mut done = Vec::new();
    for (item, change) in plan.proposals() {
        // Each proposal is made on the base as it is by now: with the forge `dir` the one before has changed it.
        let tree = repository
            .tree()
            .map_err(|error| Failure::Failed(error.into()))?;
        let job = item.job.to_string();
        let files = match edited(world, &tree, change) {
            Ok(files) => files,
            Err(why) => {
                done.push(outcome(&job, "failed", why));
                continue;
            }
        };
        let proposal = match propose_rightsize(change, files) {
            Ok(proposal) => proposal,
            Err(error) => {
                done.push(outcome(&job, "failed", error.to_string()));
                continue;
            }
        };
        done.push(written(
            &job,
            forge.propose(&proposal, world.now_ms()).await,
        ));
    }
    Ok(done)
}

/// The record of what a forge did.
pub fn written(job: &str, result: Result<Written, crate::ports::ForgeError>) -> Proposed {
    let with = |done, pull_request: crate::ports::PullRequest| Proposed {
        url: Some(pull_request.url),
        title: Some(pull_request.title),
        ..outcome(job, done, pull_request.id)
    };
    match result {
        Ok(Written::Opened(pull_request)) => with("opened", pull_request),
        Ok(Written::Updated(pull_request)) => with("updated", pull_request),
        Ok(Written::Unchanged(pull_request)) => with("unchanged", pull_request),
        Ok(Written::LeftAlone { reason, message }) => {
            outcome(job, "left-alone", format!("{reason}: {message}"))
        }
        Err(error) => outcome(job, "failed", error.to_string()),
    }
}

/// The record of a proposal that was not made.
pub fn failed(job: &str, why: String) -> Proposed {
    outcome(job, "failed", why)
}

fn outcome(job: &str, done: &'static str, what: String) -> Proposed {
    Proposed {
        job: job.to_string(),
        done,
        what,
        url: None,
        title: None,
    }
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
            format!("{:<10} {}{title}\n", done.done, terminal(&done.what))
        })
        .collect()
}

/// The edit on the base as it is now. Values that changed since the plan make it stale: nothing is written over them.
fn edited(world: &World, tree: &Tree, change: &PlannedChange) -> Result<Tree, String> {
    let catalog = Catalog::read(tree);
    let job = &change.recommendation.job;
    let told = |refusal: Refusal| refusal.to_string();
    let located = locate(world, &catalog, job)
        .or_else(|refusal| {
            // A plan's file is a choice that was made where more was known.
            catalog
                .find(&Sought {
                    manifest: Some(change.file.clone()),
                    ..Sought::new(object_key(job))
                })
                .map_err(|_| refusal)
        })
        .map_err(told)?;
    let mut changes = Vec::new();
    for field in &change.fields {
        let path: FieldPath = field
            .path
            .parse()
            .map_err(|error| format!("{}: {error}", field.path))?;
        let now = value_at(&located.value, &path);
        if !same_value(&field.path, now.as_ref(), field.before.as_ref()) {
            return Err(format!(
                "{}: {} has changed since the plan was made: plan again",
                located.file, field.path
            ));
        }
        let Some(value) = field.after.clone() else {
            continue;
        };
        changes.push(Change { path, value });
    }
    catalog
        .change(&located, &changes, change.creates)
        .map(|edited| edited.files)
        .map_err(told)
}
