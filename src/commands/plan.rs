//! `plan`: recommendations, policy and diffs; changes nothing.

use super::ending::{Ended, Failure};
use super::output::{note, say, say_json};
use super::start::{Listed, Start};
use super::table::{cut, table};
use crate::classify::VerdictId;
use crate::cli::{self, Common, Output};
use crate::pass::{self, Base, Known, Made, Manifests, know};
use crate::plan::{Item, Plan, State, Until};
use crate::quantity::count as count_of;
use crate::render::escape::terminal;
use crate::render::number;
use crate::world::AnyRepository;

/// Carries the command out.
pub async fn run(common: &Common, args: &cli::Plan) -> Result<Ended, Failure> {
    let start = Start::new(common)?;
    let listed = start.listed(&args.jobs.jobs, common).await?;
    let repository = start.repository(&args.forge)?;
    let base = Base::read(&repository)?;
    let manifests = Manifests::parse(&base);
    let (made, _) = make(&start, &args.forge, &listed, &repository, &manifests).await?;
    if let Some(file) = &args.out {
        start.write_sealed(&made.plan, file)?;
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

/// Makes the plan on these manifests. Without a forge, no pull request is known to be open.
pub async fn make(
    start: &Start,
    typed: &cli::Forge,
    listed: &Listed,
    repository: &AnyRepository,
    manifests: &Manifests<'_>,
) -> Result<(Made, Known), Failure> {
    let pull_requests = start.pull_requests(typed).await?;
    let store = start.history(listed)?;
    let watching = start.watching(&listed.fleet);
    let known = know(watching, &store, repository, manifests, pull_requests)?;
    let planning = start.planning(&listed.fleet, manifests, &known);
    let made = pass::plan(&planning, &store).await?;
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
        "\n{}: {} to propose, {} to report, {} held, {} watched; ready to save {} a month\n",
        count_of(plan.items.len(), "job"),
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
