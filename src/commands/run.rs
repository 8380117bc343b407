//! `run`: observe, watch, plan, propose and report in one, where one place may do all.

use super::forge::{forge, kind, repository};
use super::observe::{Pass, pass};
use super::output::{note, say, say_json};
use super::plan::{make, make_from, text as plan_text};
use super::propose::{Proposed, propose_or_realize, text as proposed_text};
use super::watch::{Watched, follow, text as watched_text};
use super::world::World;
use super::{Ended, Failure};
use crate::cli::{self, Common, Output};
use crate::plan::Plan;
use crate::render::escape::terminal;
use serde::Serialize;

/// Everything that one run did.
#[derive(Serialize)]
struct Report<'a> {
    observed: &'a Pass,
    changes: &'a [Watched],
    plan: &'a Plan,
    pull_requests: &'a [Proposed],
    problems: &'a [String],
}

/// Carries the command out.
pub async fn run(common: &Common, args: &cli::Run) -> Result<Ended, Failure> {
    let world = World::open(common)?;
    let jobs = world.jobs(&args.jobs.jobs, common).await?;
    let observed = if !world.has_clusters() {
        Pass::default()
    } else {
        pass(&world, &jobs, None).await?
    };
    let mut problems = observed.unreachable.clone();
    problems.extend(observed.plugins.iter().cloned());
    problems.extend(observed.unkept.clone());
    let store = world.history()?;
    let repository = repository(&world, &args.forge)?;
    // What was merged is judged first: a revert comes before any new advice on the same job.
    let proposes = kind(&world, &args.forge).is_some();
    let (watched, known) = if proposes {
        let forge = forge(&world, &args.forge)?;
        let followed = follow(&world, &store, &forge, &repository, &jobs).await?;
        problems.extend(followed.problems);
        (followed.watched, followed.known)
    } else {
        (Vec::new(), None)
    };
    let made = match known {
        Some(known) => make_from(&world, &store, &known, &jobs).await?,
        None => make(&world, &args.forge, &jobs).await?,
    };
    let done = if made.plan.proposals().next().is_some() {
        propose_or_realize(&world, &args.forge, &made.plan).await?
    } else {
        Vec::new()
    };
    problems.extend(
        done.iter()
            .filter(|done| done.done == "failed")
            .map(|done| format!("{}: {}", done.job, done.what)),
    );
    for problem in made.problems.iter().chain(&problems) {
        tracing::info!("{problem}");
    }
    for problem in &made.problems {
        if !problems.contains(problem) {
            problems.push(problem.clone());
        }
    }
    drop(store);
    if let Some(file) = &args.report {
        super::report::write(&world, &args.forge, &jobs, file).await?;
    }
    match common.output {
        Output::Json => say_json(&Report {
            observed: &observed,
            changes: &watched,
            plan: &made.plan,
            pull_requests: &done,
            problems: &problems,
        })?,
        _ if common.quiet => {}
        _ => {
            let mut text = plan_text(&made.plan, false);
            if proposes {
                text.push_str(&format!("\n{}", watched_text(&watched).trim_end()));
            }
            // A realizer needs no forge.
            if proposes || !done.is_empty() {
                text.push_str(&format!("\n{}", proposed_text(&done)));
            }
            say(&text)?;
        }
    }
    for problem in &problems {
        note(&format!("! {}", terminal(problem)));
    }
    Ok(Ended::with(&problems))
}
