//! `plan`: recommendations, policy and diffs; changes nothing.

use super::forge::repository;
use super::known::{Known, know, pull_requests};
use super::output::{note, say, say_json};
use super::planning::plan;
use super::table::{cut, table};
use super::world::World;
use super::{Ended, Failure};
use crate::classify::VerdictId;
use crate::cli::{self, Common, Output};
use crate::plan::{Item, Plan, State, Until};
use crate::ports::HistoryStore;
use crate::record::seal;
use crate::render::escape::terminal;
use crate::render::number;
use crate::snapshot::JobKey;
use anyhow::Context;
use std::fs;

/// A plan with what it was made from.
pub struct Made {
    /// The plan.
    pub plan: Plan,
    /// What could not be read, each named.
    pub problems: Vec<String>,
}

/// Carries the command out.
pub async fn run(common: &Common, args: &cli::Plan) -> Result<Ended, Failure> {
    let world = World::open(common)?;
    let jobs = world.jobs(&args.jobs.jobs, common).await?;
    let made = make(&world, &args.forge, &jobs).await?;
    if let Some(file) = &args.out {
        let content = serde_json::to_value(&made.plan).context("plan")?;
        let text = seal(&content).context("plan")?;
        fs::write(file, text).with_context(|| format!("--out {file}"))?;
    }
    match common.output {
        Output::Json => say_json(&made.plan)?,
        _ => say(&text(&made.plan, args.diff))?,
    }
    for problem in &made.problems {
        note(&format!("! {}", terminal(problem)));
    }
    let waits = made
        .plan
        .items
        .iter()
        .any(|item| matches!(item.state, State::Propose | State::Report));
    if args.exit_code && waits {
        return Ok(Ended::ChangesWait);
    }
    Ok(Ended::with(&made.problems))
}

/// Makes the plan. Without a forge, no pull request is known to be open.
pub async fn make(world: &World, typed: &cli::Forge, jobs: &[JobKey]) -> Result<Made, Failure> {
    let pull_requests = pull_requests(world, typed).await?;
    let repository = repository(world, typed)?;
    let store = world.history()?;
    let known = know(world, &store, &repository, pull_requests, jobs)?;
    make_from(world, &store, &known, jobs).await
}

/// Makes the plan from what is known already, and from what plug-in evaluators say.
pub async fn make_from(
    world: &World,
    store: &impl HistoryStore,
    known: &Known,
    jobs: &[JobKey],
) -> Result<Made, Failure> {
    let (books, judged) = (&known.books, &known.judged);
    super::plugins::ask(world, store, &books.tree, jobs).await?;
    let plan = plan(
        world,
        store,
        books,
        judged,
        &known.pull_requests,
        jobs,
        || {},
    )?;
    let mut problems = known.problems.clone();
    problems.extend(super::plugins::failures(world, jobs));
    problems.extend(books.problems.iter().cloned());
    problems.extend(world.list_problems());
    problems.extend(
        plan.items
            .iter()
            .filter(|item| item.state == State::Unreachable)
            .map(|item| format!("{}: {}", item.job.short(), item.message)),
    );
    Ok(Made { plan, problems })
}

/// The plan for people.
pub fn text(plan: &Plan, diffs: bool) -> String {
    let rows: Vec<Vec<String>> = plan.items.iter().map(row).collect();
    let mut out = table(
        &["JOB", "STATE", "VERDICTS", "WHAT", "A MONTH", "WHY, UNTIL"],
        &rows,
    );
    let count = |state| plan.items.iter().filter(|item| item.state == state).count();
    let saving: f64 = plan
        .items
        .iter()
        .filter(|item| matches!(item.state, State::Propose | State::Report))
        .filter_map(|item| item.saving.as_ref())
        .map(|saving| saving.per_month)
        .sum();
    let currency = plan
        .items
        .iter()
        .find_map(|item| item.saving.as_ref())
        .map_or("USD", |saving| saving.currency.as_str());
    out.push_str(&format!(
        "\n{} jobs: {} to propose, {} to report, {} held, {} watched; ready to save {} a month\n",
        plan.items.len(),
        count(State::Propose),
        count(State::Report),
        count(State::Held),
        count(State::Watching),
        number::money(saving, currency)
    ));
    let unfiled: Vec<String> = plan
        .items
        .iter()
        .filter(|item| item.link.is_none() && item.state != State::Ignored)
        .map(|item| terminal(&item.job.short()))
        .collect();
    if !unfiled.is_empty() {
        out.push_str(&format!(
            "without a manifest in the repository: {}\n",
            unfiled.join(", ")
        ));
    }
    for sentence in &plan.without_job {
        out.push_str(&format!("! {}\n", terminal(sentence)));
    }
    if diffs {
        for change in plan.items.iter().filter_map(|item| item.change.as_ref()) {
            out.push('\n');
            out.push_str(&change.diff);
        }
    }
    out
}

fn row(item: &Item) -> Vec<String> {
    let verdicts: Vec<&str> = item
        .profile
        .iter()
        .flat_map(|profile| &profile.verdicts)
        .map(|verdict| verdict.id)
        .fold(Vec::new(), |mut seen: Vec<&str>, id: VerdictId| {
            if !seen.contains(&id.as_str()) {
                seen.push(id.as_str());
            }
            seen
        });
    let what = item.change.as_ref().map_or_else(String::new, |change| {
        crate::render::words::what_changes(
            &change.recommendation.now,
            &change.recommendation.proposed,
            &change.fields,
        )
        .join(", ")
    });
    let saving = match (&item.saving, item.state) {
        (Some(saving), State::Propose | State::Report | State::Held | State::Watching) => {
            number::money(saving.per_month, &saving.currency)
        }
        _ => String::new(),
    };
    vec![
        terminal(&item.job.short()),
        item.state.as_str().to_string(),
        cut(&verdicts.join(", "), 44),
        terminal(&cut(&what, 52)),
        saving,
        cut(
            &format!(
                "{}: {}{}",
                terminal(&item.reason.to_string()),
                terminal(&item.message),
                until(item)
            ),
            100,
        ),
    ]
}

/// When or by what a state could change, for people.
pub fn until(item: &Item) -> String {
    match &item.until {
        Some(Until::AtMs(at)) => format!(" (until {})", number::moment(*at)),
        Some(Until::Event(event)) => format!(" (until {})", terminal(event)),
        None => String::new(),
    }
}
