//! The tables of the evidence page.

use super::charts::plain;
use crate::experiment::evidence::{Evidence, Interval};
use crate::experiment::procedure::{Origin, Outcome, Problem, Purpose};
use crate::render::number::{percent, rate};
use minijinja::{Value, context};

/// `parallelism 12 on 3 TaskManagers of 4 GiB with 4 slots`.
pub(super) fn size(problem: &Problem, candidate: usize) -> String {
    let c = problem.candidates[candidate];
    let managers = c.task_managers();
    format!(
        "parallelism {} on {} TaskManager{} of {} GiB with {} slot{}",
        plain(c.parallelism),
        plain(managers),
        if managers == 1.0 { "" } else { "s" },
        plain(c.memory_gib),
        plain(c.slots),
        if c.slots == 1.0 { "" } else { "s" },
    )
}

/// The runs, failures among them.
pub(super) fn run_rows(evidence: &Evidence) -> Vec<Value> {
    let problem = &evidence.problem;
    let required = problem.requirement.required_capacity;
    let present = problem.cost(problem.baseline);
    evidence
        .runs
        .iter()
        .enumerate()
        .map(|(i, line)| {
            let run = &line.run;
            let c = problem.candidates[run.candidate];
            let coded = problem.doublings(run.candidate);
            let (outcome, capacity, against) = outcome(run.outcome, required);
            context! {
                number => i + 1,
                day => run.block + 1,
                why => why(line.purpose, run.origin),
                parallelism => plain(c.parallelism),
                memory => format!("{} GiB", plain(c.memory_gib)),
                slots => plain(c.slots),
                coded => coded.map(|v| format!("{v:+.1}").replace('-', "−").replace("+0.0", "0").replace("−0.0", "0")).join(" / "),
                cost => percent(problem.cost(run.candidate) / present),
                capacity,
                against,
                outcome,
                failed => matches!(run.outcome, Outcome::OutOfMemory | Outcome::FailedToStart | Outcome::Invalid),
                guard => run.guard_tripped,
                lag => format!("{:.0}", run.lag_minutes),
                is_proposed => run.candidate == evidence.recommendation.candidate,
            }
        })
        .collect()
}

fn why(purpose: Option<Purpose>, origin: Origin) -> &'static str {
    match (purpose, origin) {
        (_, Origin::Observed) => "seen in the past",
        (Some(Purpose::Baseline), _) => "present size, for comparison",
        (Some(Purpose::Screening), _) => "shows each factor's effect",
        (Some(Purpose::Search), _) => "most promising safe size",
        (Some(Purpose::Confirmation), _) => "tests the proposal so far",
        (None, _) => "by hand",
    }
}

fn outcome(outcome: Outcome, required: f64) -> (&'static str, String, String) {
    let none = || "–".to_owned();
    let share = |c: f64| percent(c / required);
    match outcome {
        Outcome::Measured(c) if c >= required => ("carries it", rate(c), share(c)),
        Outcome::Measured(c) => ("too small", rate(c), share(c)),
        Outcome::AbortedEarly(c) => (
            "stopped early, lag grew",
            format!("below {}", rate(c)),
            none(),
        ),
        Outcome::NeverSaturated(c) => (
            "caught up before it was measured",
            format!("above {}", rate(c)),
            none(),
        ),
        Outcome::OutOfMemory => ("out of memory", none(), none()),
        Outcome::FailedToStart => ("did not start", none(), none()),
        Outcome::Invalid => ("not used: disturbed", none(), none()),
    }
}

/// The effects.
pub(super) fn effect_rows(evidence: &Evidence) -> Vec<Value> {
    let range = |i: &Interval| format!("{} to {}", signed(i.low), signed(i.high));
    evidence
        .effects
        .iter()
        .map(|effect| {
            context! {
                factor => effect.factor,
                prior => format!("{} ({})", signed(effect.prior.estimate), range(&effect.prior)),
                estimate => signed(effect.posterior.estimate),
                interval => range(&effect.posterior),
                p => effect.adjusted_p.map_or("the runs alone can't tell".to_owned(), p_value),
                shows => effect.adjusted_p.is_some_and(|p| p < 0.05),
                detectable => effect.detectable.map_or("–".to_owned(), percent),
            }
        })
        .collect()
}

/// What each part of the margin costs.
pub(super) fn margin_rows(evidence: &Evidence) -> Vec<Value> {
    let m = &evidence.recommendation.margins;
    let row = |what: &str, share: f64, pays: &str, counted: bool| context! { what, share => signed(share), pays, counted };
    vec![
        row(
            "restart headroom",
            m.restart_headroom,
            "catching up after a restart while the load is at its highest",
            true,
        ),
        row(
            "model uncertainty",
            m.model_uncertainty,
            "what these runs leave unknown about the capacity",
            true,
        ),
        row(
            "whole steps",
            m.level_rounding,
            "parallelism and memory come in whole steps, so a little is left over",
            true,
        ),
        row(
            "day to day",
            m.day_to_day,
            "what judging single days instead of the average day would add",
            evidence.problem.requirement.judge_a_day,
        ),
    ]
}

/// Measured capacity by run against the requirement, in Mermaid.
pub(super) fn run_chart(evidence: &Evidence) -> String {
    let required = evidence.problem.requirement.required_capacity;
    let measured: Vec<(usize, f64)> = evidence
        .runs
        .iter()
        .enumerate()
        .filter_map(|(i, line)| match line.run.outcome {
            Outcome::Measured(c) => Some((i + 1, c)),
            _ => None,
        })
        .collect();
    let top = measured.iter().map(|m| m.1).fold(required, f64::max);
    let list = |values: Vec<String>| values.join(", ");
    format!(
        "xychart-beta\n  title \"Capacity of each run and the required rate, records/s\"\n  x-axis [{}]\n  y-axis \"records/s\" 0 --> {:.0}\n  bar [{}]\n  line [{}]",
        list(
            measured
                .iter()
                .map(|m| format!("\"run {}\"", m.0))
                .collect()
        ),
        (1.1 * top).ceil(),
        list(measured.iter().map(|m| format!("{:.0}", m.1)).collect()),
        list(measured.iter().map(|_| format!("{required:.0}")).collect()),
    )
}

/// A share with its sign.
pub(super) fn signed(share: f64) -> String {
    if share > 0.0 {
        format!("+{}", percent(share))
    } else {
        percent(share).replace('-', "−")
    }
}

/// A p value as it is shown.
pub(super) fn p_value(p: f64) -> String {
    if p < 0.001 {
        "under 0.001".to_owned()
    } else {
        format!("{p:.3}")
    }
}
