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
    /// Absent where the history that it is made from can't be read.
    plan: Option<&'a Plan>,
    pull_requests: &'a [Proposed],
    problems: &'a [String],
}

/// Carries the command out.
pub async fn run(common: &Common, args: &cli::Run) -> Result<Ended, Failure> {
    let start = Start::new(common)?;
    let listed = start.listed(&args.jobs.jobs, common).await?;
    let (mut store, unread) = start.history_without_file(&listed)?;
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
    problems.extend(observed.damaged.iter().cloned());
    let has_past = unread.is_none();
    problems.extend(unread);
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
    // Without the past every job would be one of which too little is known; nothing is planned from that.
    let made = match has_past {
        true => {
            let planning = start.planning(&listed.fleet, &manifests, &known);
            let made = pass::plan(&planning, &store).await;
            made.map_err(|error| problems.push(error.to_string())).ok()
        }
        false => None,
    };
    let done = match &made {
        // What is open and no longer meant is closed, also where nothing new is proposed.
        Some(made) if proposes || made.plan.proposals().next().is_some() => {
            propose_or_realize(&start, &args.forge, &repository, &manifests, &made.plan).await?
        }
        _ => Vec::new(),
    };
    problems.extend(done.iter().filter_map(Proposed::problem));
    let of_plan = made.as_ref().map_or(&[][..], |made| &made.problems);
    for problem in of_plan.iter().chain(&problems) {
        tracing::info!("{problem}");
    }
    for problem in of_plan {
        if !problems.contains(problem) {
            problems.push(problem.clone());
        }
    }
    match (&args.report, &made) {
        (Some(file), Some(made)) => write(&made.plan, &known, file, false)?,
        (Some(file), None) => {
            problems.push(format!("--report {file}: not written, there is no plan"))
        }
        (None, _) => {}
    }
    let plan = made.as_ref().map(|made| &made.plan);
    match common.output {
        Output::Json => say_json(&Report {
            observed: &observed,
            changes: &watched,
            plan,
            pull_requests: &done,
            problems: &problems,
        })?,
        _ if common.quiet => {}
        _ => {
            let mut text = plan.map_or_else(String::new, |plan| plan_text(plan, false));
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
