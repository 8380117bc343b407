//! `run`: observe, watch, plan, propose and report in one, where one place may do all.

use super::ending::{Ended, Failure};
use super::output::{note, say, say_json};
use super::plan::text as plan_text;
use super::propose::{propose_or_realize, text as proposed_text};
use super::report::write;
use super::start::Start;
use super::watch::text as watched_text;
use crate::cli::{self, Common, Output};
use crate::pass::{self, Base, Manifests, Observed, Proposed, Watched, know};
use crate::plan::Plan;
use crate::render::escape::terminal;
use serde::Serialize;

/// Everything that one run did.
#[derive(Serialize)]
struct Report<'a> {
    observed: &'a Observed,
    changes: &'a [Watched],
    plan: &'a Plan,
    pull_requests: &'a [Proposed],
    problems: &'a [String],
}

/// Carries the command out.
pub async fn run(common: &Common, args: &cli::Run) -> Result<Ended, Failure> {
    let start = Start::new(common)?;
    let listed = start.listed(&args.jobs.jobs, common).await?;
    let mut store = start.history(&listed)?;
    let observed = match &listed.clusters {
        Some(clusters) => {
            let of = start.observing(&listed.fleet);
            pass::observe(of, &**clusters, &mut store, |_| {}).await?
        }
        None => Observed::default(),
    };
    let mut problems = observed.unreachable.clone();
    problems.extend(observed.plugins.iter().cloned());
    problems.extend(observed.unkept.clone());
    let repository = start.repository(&args.forge)?;
    let base = Base::read(&repository)?;
    let manifests = Manifests::parse(&base);
    // What was merged is judged first: a revert comes before any new advice on the same job.
    let proposes = start.destination(&args.forge).name().is_some();
    let (watched, known) = if proposes {
        let forge = start.forge(&args.forge)?;
        let watching = start.watching(&listed.fleet);
        let followed = pass::follow(watching, &store, &forge, &repository, &manifests).await?;
        problems.extend(followed.problems);
        (followed.watched, followed.known)
    } else {
        (Vec::new(), None)
    };
    // With the forge `dir` a revert is on the base by now.
    let newer = base.newer(&repository)?;
    let manifests = match &newer {
        Some(base) => Manifests::parse(base),
        None => manifests,
    };
    let known = match known {
        Some(known) => known,
        None => {
            let pull_requests = start.pull_requests(&args.forge).await?;
            let watching = start.watching(&listed.fleet);
            know(watching, &store, &repository, &manifests, pull_requests)?
        }
    };
    let planning = start.planning(&listed.fleet, &manifests, &known);
    let made = pass::plan(&planning, &store).await?;
    // What is open and no longer meant is closed, also where nothing new is proposed.
    let done = if proposes || made.plan.proposals().next().is_some() {
        propose_or_realize(&start, &args.forge, &repository, &manifests, &made.plan).await?
    } else {
        Vec::new()
    };
    problems.extend(done.iter().filter_map(Proposed::problem));
    for problem in made.problems.iter().chain(&problems) {
        tracing::info!("{problem}");
    }
    for problem in &made.problems {
        if !problems.contains(problem) {
            problems.push(problem.clone());
        }
    }
    if let Some(file) = &args.report {
        write(&made.plan, &known, file, false)?;
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
