//! `plan`: recommendations, policy and diffs; changes nothing.

use super::ending::{Ended, Failure};
use super::output::{note, say, say_json};
use super::start::{Listed, Start};
use super::table::{cut, table};
use crate::classify::VerdictId;
use crate::cli::{self, Common, Output};
use crate::pass::{self, Known, Made, know};
use crate::plan::{Item, Plan, State, Until};
use crate::record::seal;
use crate::render::escape::terminal;
use crate::render::number;
use anyhow::Context;
use std::fs;

/// Carries the command out.
pub async fn run(common: &Common, args: &cli::Plan) -> Result<Ended, Failure> {
    let start = Start::new(common)?;
    let listed = start.listed(&args.jobs.jobs, common).await?;
    let (made, _) = make(&start, &args.forge, &listed).await?;
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
pub async fn make(
    start: &Start,
    typed: &cli::Forge,
    listed: &Listed,
) -> Result<(Made, Known), Failure> {
    let pull_requests = start.pull_requests(typed).await?;
    let repository = start.repository(typed)?;
    let store = start.history(listed)?;
    let known = know(
        start.watching(&listed.fleet),
        &store,
        &repository,
        pull_requests,
    )?;
    let made = pass::plan(&start.planning(&listed.fleet, &known), &store).await?;
    Ok((made, known))
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
