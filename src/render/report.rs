//! The fleet on one self-contained HTML page: no scripts, no links to elsewhere, the same bytes for the same input.

use super::escape::terminal;
use super::template::{self, TemplateError, safe};
use super::{cost_chart, number, words};
use crate::audit::ChangeRecord;
use crate::plan::{Item, Plan, PlannedChange, State, Until};
use crate::record::ChangeKind;
use minijinja::{Value, context};

/// What the page is written from.
pub struct ReportPage<'a> {
    /// The plan of the fleet.
    pub plan: &'a Plan,
    /// Every change that git knows, oldest first.
    pub changes: &'a [ChangeRecord],
    /// What could not be read.
    pub problems: &'a [String],
    /// Whether the fleet is a simulated one: then the page says so first.
    pub simulated: bool,
}

/// The page.
pub fn html(page: &ReportPage<'_>) -> Result<String, TemplateError> {
    let plan = page.plan;
    let currency = currency(plan);
    let money = |amount: f64| number::money(amount, &currency);
    let amounts = |states: &[State]| -> Vec<f64> {
        let items = plan
            .items
            .iter()
            .filter(|item| states.contains(&item.state));
        items
            .filter_map(|item| item.saving.as_ref())
            .map(|saving| saving.per_month)
            .collect()
    };
    let saved = |amounts: &[f64]| amounts.iter().filter(|amount| **amount > 0.0).sum::<f64>();
    let ready = amounts(&[State::Propose, State::Report]);
    let short: f64 = ready.iter().filter(|amount| **amount < 0.0).sum();
    let realised: f64 = page
        .changes
        .iter()
        .filter_map(|change| change.realised_per_month)
        .sum();
    let count = |state: State| plan.items.iter().filter(|item| item.state == state).count();
    template::fill(
        "report.html",
        context! {
            at => number::moment(plan.at_ms),
            simulated => page.simulated,
            jobs => plan.items.len(),
            ready => money(saved(&ready)),
            short => (short < 0.0).then(|| money(-short)),
            held => money(saved(&amounts(&[State::Held]))),
            realised => money(realised),
            states => [State::Propose, State::Report, State::Held, State::Watching, State::Reverting, State::Keep, State::Undetermined, State::Refused, State::Ignored, State::Unreachable]
                .into_iter()
                .filter(|state| count(*state) > 0)
                .map(|state| context! { name => state.as_str(), count => count(state) })
                .collect::<Vec<_>>(),
            chart => cost_chart::svg(plan).map(safe),
            items => plan.items.iter().map(item).collect::<Vec<_>>(),
            changes => page.changes.iter().rev().map(change).collect::<Vec<_>>(),
            problems => page.problems.to_vec(),
            version => plan.plimsoll.clone(),
        },
    )
}

fn currency(plan: &Plan) -> String {
    plan.items
        .iter()
        .find_map(|item| item.saving.as_ref())
        .map_or_else(|| "USD".to_string(), |saving| saving.currency.clone())
}

fn item(item: &Item) -> Value {
    let verdicts: Vec<Value> = item
        .profile
        .iter()
        .flat_map(|profile| &profile.verdicts)
        .map(|verdict| {
            context! {
                id => verdict.id.as_str(),
                vertex => verdict.vertex.as_ref().map(|vertex| vertex.name.clone()),
                signals => verdict
                    .signals
                    .iter()
                    .map(|signal| format!("{} {}", signal.name, words::signal_value(signal)))
                    .collect::<Vec<_>>()
                    .join(" · "),
            }
        })
        .collect();
    let mut names: Vec<&str> = item
        .profile
        .iter()
        .flat_map(|profile| &profile.verdicts)
        .map(|verdict| verdict.id.as_str())
        .collect();
    names.dedup();
    let shown = matches!(
        item.state,
        State::Propose | State::Report | State::Held | State::Watching
    );
    context! {
        job => item.job.short(),
        cluster => item.job.cluster.clone(),
        state => item.state.as_str(),
        reason => item.reason.to_string(),
        message => item.message.clone(),
        until => item.until.as_ref().map(until),
        names => names.join(", "),
        saving => item.saving.as_ref().filter(|_| shown).map(|saving| number::money(saving.per_month, &saving.currency)),
        verdicts,
        gaps => item
            .profile
            .iter()
            .flat_map(|profile| &profile.gaps)
            .map(|gap| format!("{}: {}", gap.what, gap.reason))
            .collect::<Vec<_>>(),
        change => item.change.as_deref().map(planned),
    }
}

fn until(until: &Until) -> String {
    match until {
        Until::AtMs(at) => number::moment(*at),
        Until::Event(event) => event.clone(),
    }
}

fn planned(change: &PlannedChange) -> Value {
    let recommendation = &change.recommendation;
    context! {
        what => words::what_changes(&recommendation.now, &recommendation.proposed, &change.fields).join(", "),
        probability => number::probability(recommendation.probability_short),
        load => number::rate(recommendation.demand.required_per_second),
        carries => number::rate(recommendation.carries_per_second),
        risks => recommendation.risks.iter().map(|risk| risk.message.clone()).collect::<Vec<_>>(),
        steps => recommendation
            .steps
            .iter()
            .map(|step| context! { name => step.name.clone(), result => step.result.clone() })
            .collect::<Vec<_>>(),
        diff => change.diff.lines().map(terminal).collect::<Vec<_>>().join("\n"),
    }
}

fn change(change: &ChangeRecord) -> Value {
    let money = |amount: Option<f64>| {
        amount.map(|amount| number::money(amount, change.currency.as_deref().unwrap_or("USD")))
    };
    context! {
        at => number::moment(change.merged_at_ms),
        job => change.job.short(),
        kind => match change.kind {
            Some(ChangeKind::Rightsize) => "rightsize",
            Some(ChangeKind::Revert) => "revert",
            None => "by hand",
        },
        fields => change
            .fields
            .iter()
            .map(|field| format!("{}: {} → {}", field.path, words::plain(field.before.as_ref()), words::plain(field.after.as_ref())))
            .collect::<Vec<_>>(),
        by => change.merged_by.clone().unwrap_or_default(),
        predicted => money(change.predicted_per_month),
        realised => money(change.realised_per_month),
        outcome => change.outcome.as_str(),
        reasons => change.reasons.clone(),
    }
}
