//! The evidence of an experiment on one page: for reviewers who know no statistics, as HTML with
//! drawn charts and as Markdown with Mermaid. The same input gives the same bytes.

mod canvas;
mod charts;
mod rows;

use crate::experiment::evidence::Evidence;
use crate::experiment::procedure::{Standing, StopReason};
use crate::render::number::{percent, probability, rate};
use crate::render::template::{TemplateError, fill, safe};
use minijinja::{Value, context};
use rows::{effect_rows, margin_rows, p_value, run_rows, signed, size};

/// What the page says beside the evidence.
#[derive(Debug, Clone, PartialEq)]
pub struct About {
    /// Which job.
    pub job: String,
    /// Whether the runs come from a simulation: then the page says so above everything.
    pub is_simulated: bool,
    /// Plimsoll's version.
    pub version: String,
    /// The command that makes the same page again.
    pub command: String,
    /// Where the required rate comes from, in a sentence.
    pub demand_source: String,
    /// What the present size costs a year, and in which currency; `None` when prices are only
    /// relative.
    pub yearly_cost: Option<(f64, String)>,
}

/// A page that could not be made: a defect of Plimsoll, not of the experiment.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// A template.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// A chart.
    #[error("chart `{chart}`: {reason}")]
    Chart {
        /// Which one.
        chart: &'static str,
        /// What the drawing library says.
        reason: String,
    },
}

/// One self-contained HTML page: no scripts, nothing loaded from elsewhere.
///
/// # Errors
/// [`PageError`].
pub fn html(evidence: &Evidence, about: &About) -> Result<String, PageError> {
    let drawn = |chart: &'static str, svg: Result<String, String>| {
        svg.map(safe)
            .map_err(|reason| PageError::Chart { chart, reason })
    };
    let pareto = charts::pareto(evidence).map_err(|reason| PageError::Chart {
        chart: "pareto",
        reason,
    })?;
    let charts = context! {
        pareto => pareto.map(safe),
        main_effects => drawn("main effects", charts::main_effects(evidence))?,
        interactions => drawn("interactions", charts::interactions(evidence))?,
        chance_map => drawn("chance map", charts::chance_map(evidence))?,
        cost => drawn("cost", charts::cost_against_backpressure(evidence))?,
        residuals => drawn("residuals", charts::residuals(evidence))?,
    };
    let page = context! { charts, ..page(evidence, about) };
    Ok(fill("experiment.html", page)?)
}

/// The same as Markdown, with charts that forges draw from Mermaid.
///
/// # Errors
/// [`PageError`].
pub fn markdown(evidence: &Evidence, about: &About) -> Result<String, PageError> {
    let page = context! {
        run_chart => safe(rows::run_chart(evidence)),
        command_block => safe(about.command.replace('`', "'")),
        ..page(evidence, about)
    };
    Ok(fill("experiment.md", page)?)
}

fn page(evidence: &Evidence, about: &About) -> Value {
    let problem = &evidence.problem;
    let requirement = &problem.requirement;
    let proposal = &evidence.recommendation;
    let demand = requirement.required_capacity / (1.0 + evidence.rules.rho);
    context! {
        job => about.job.clone(),
        is_simulated => about.is_simulated,
        version => about.version.clone(),
        command => about.command.clone(),
        demand_source => about.demand_source.clone(),
        headline => headline(evidence),
        present => size(problem, problem.baseline),
        proposed => size(problem, proposal.candidate),
        stays => proposal.candidate == problem.baseline,
        saving => percent(proposal.saving),
        yearly => about.yearly_cost.as_ref().map(|(cost, currency)| {
            crate::render::number::money(cost * proposal.saving, currency)
        }),
        chance => probability(proposal.p_ok),
        asked => percent(1.0 - requirement.alpha),
        demand => rate(demand),
        rho => percent(evidence.rules.rho),
        required => rate(requirement.required_capacity),
        window_load => rate(requirement.window_load),
        floor => proposal.floor.map(|floor| size(problem, floor)),
        run_count => evidence.runs.len(),
        at_proposal => times(proposal.runs, "run", "runs"),
        days => times(proposal.blocks, "day", "days"),
        standing => standing(proposal.standing),
        reason => reason(proposal.reason),
        guard_trips => times(evidence.harm.0, "time", "times"),
        lag_minutes => format!("{:.0}", evidence.harm.1),
        is_inside_tested => evidence.is_inside_tested,
        runs => run_rows(evidence),
        effects => effect_rows(evidence),
        nothing_shows => nothing_shows(evidence),
        diagnostics => diagnostics(evidence),
        margins => margin_rows(evidence),
        doubts => doubts(evidence),
        seed => evidence.rules.seed,
        candidates => problem.candidates.len(),
    }
}

fn times(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn headline(evidence: &Evidence) -> String {
    let proposal = &evidence.recommendation;
    let chance = probability(proposal.p_ok);
    if proposal.candidate == evidence.problem.baseline {
        return format!(
            "Keep the present size: no tested smaller one carries the required rate with the chance asked for ({} asked)",
            percent(1.0 - evidence.problem.requirement.alpha)
        );
    }
    let direction = if proposal.saving >= 0.0 {
        format!("{} less cost", percent(proposal.saving))
    } else {
        format!("{} more cost", percent(-proposal.saving))
    };
    format!("{direction}; carries the required rate with a chance of {chance}")
}

fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Confirmed => "tested and confirmed on a second day",
        Standing::Tested => "tested, not confirmed on a second day",
        Standing::NotTested => "not tested",
    }
}

fn reason(reason: StopReason) -> &'static str {
    match reason {
        StopReason::NothingToGain => "no further safe size promised enough to be worth a run",
        StopReason::RunsUsedUp => "the agreed number of runs was used up",
        StopReason::GuardsTripped => "two runs were stopped by a guard",
        StopReason::HarmBudgetSpent => "the agreed minutes of lag were spent",
        StopReason::NotWorthARun => "what could still be saved did not pay for another run",
        StopReason::StillOpen => "the experiment has not ended: this page shows its state",
    }
}

/// With no significant effect: what the design could have seen.
fn nothing_shows(evidence: &Evidence) -> Option<String> {
    let shows = evidence
        .effects
        .iter()
        .any(|effect| effect.adjusted_p.is_some_and(|p| p < 0.05));
    let least = evidence
        .effects
        .iter()
        .filter_map(|effect| Some((effect.detectable?, effect.factor)))
        .min_by(|a, b| a.0.total_cmp(&b.0))?;
    (!shows).then(|| {
        format!(
            "No factor's effect stands out in the runs alone. They would have shown, with 80 % power, an effect of {} per doubling of {} or more.",
            percent(least.0),
            least.1
        )
    })
}

fn diagnostics(evidence: &Evidence) -> Vec<Value> {
    let mut lines = Vec::new();
    let mut say = |what: &str, found: String, good: bool| {
        lines.push(context! { what, found, good });
    };
    let conflicts = evidence.recommendation.conflicts;
    say(
        "Do single runs contradict the rest?",
        format!(
            "{} of {} lie more than 3 standard deviations off",
            conflicts,
            evidence.runs.len()
        ),
        conflicts == 0,
    );
    let wider = evidence.recommendation.is_prior_widened;
    say(
        "Do the runs agree with the assumptions?",
        if wider {
            "no: two or more runs were far from what was predicted, so the assumptions were given less weight"
        } else {
            "yes: at most one run was far from what was predicted"
        }
        .to_owned(),
        !wider,
    );
    let noise = evidence.step.posterior.noise_scale.sqrt();
    say(
        "Were the runs as steady as assumed?",
        if noise > 1.01 {
            format!("no: {noise:.1} times the assumed noise, and the margin was widened by it")
        } else {
            "yes: no more noise than assumed".to_owned()
        },
        noise < 1.5,
    );
    let Some(alone) = &evidence.runs_alone else {
        say(
            "What do the runs say without the assumptions?",
            "nothing yet: they are too few or too alike".to_owned(),
            false,
        );
        return lines;
    };
    let (r2, adjusted, predicted) = alone.r2;
    let predicted_words =
        predicted.map_or(String::new(), |p| format!(", predicted {}", percent(p)));
    say(
        "How much of the differences do the factors explain (R²)?",
        format!(
            "{}, adjusted {}{predicted_words}",
            percent(r2),
            percent(adjusted)
        ),
        predicted.is_none_or(|p| adjusted - p <= 0.2),
    );
    if let Some((per_run, p)) = alone.drift {
        say(
            "Did the results drift from run to run?",
            format!("{} a run, p = {}", signed(per_run), p_value(p)),
            p >= 0.05,
        );
    }
    match alone.lack_of_fit_p {
        Some(p) => say(
            "Does a straight line on doublings fit (lack of fit)?",
            format!("p = {}", p_value(p)),
            p >= 0.05,
        ),
        None => say(
            "Does a straight line on doublings fit (lack of fit)?",
            "not judged: fewer than 3 repeats".to_owned(),
            true,
        ),
    }
    if let Some(largest) = alone.largest_residual {
        say(
            "Largest studentised residual",
            format!("{largest:.1}"),
            largest < 3.5,
        );
    }
    lines
}

/// What would make the proposal wrong.
fn doubts(evidence: &Evidence) -> Vec<String> {
    let requirement = &evidence.problem.requirement;
    let mut doubts = vec![
        format!(
            "Load above {} records/s: it lies outside the requirement, and nothing was asked about it.",
            rate(requirement.required_capacity)
        ),
        "Another season: the runs tell about the days they were made on.".to_owned(),
        format!(
            "State that grows: memory was judged with a peak of {} GiB a slot.",
            charts::plain(requirement.observed_peak_gib_per_slot)
        ),
        "Another version of the job, of Flink or of the machines.".to_owned(),
    ];
    if !requirement.judge_a_day {
        doubts.push(
            "A single bad day: the chance is that of the average day; the day-to-day line of the margin says what judging single days would add."
                .to_owned(),
        );
    }
    if !evidence.is_inside_tested {
        doubts.push("The proposed size lies outside what was tested: extrapolated.".to_owned());
    }
    if evidence.recommendation.conflicts > 0 {
        doubts.push("Some runs contradict the others: see the residuals.".to_owned());
    }
    if evidence.step.is_baseline_fallback {
        doubts.push(
            "No candidate reached the chance asked for; the present size is used.".to_owned(),
        );
    }
    doubts
}
