//! `explain JOB`: why this recommendation, or why not, and until when.

use super::ending::{Ended, Failure};
use super::output::{say, say_json};
use super::plan::{make, until};
use super::start::Start;
use super::verdicts::{verdict_name, why};
use crate::cli::{self, Common, Output};
use crate::plan::{Item, State};
use crate::policy::Ruling;
use crate::recommend::{Advice, AutoscalerAdvice, Step};
use crate::render::escape::terminal;
use crate::render::{number, words};

/// Carries the command out.
pub async fn run(common: &Common, args: &cli::Explain) -> Result<Ended, Failure> {
    let start = Start::new(common)?;
    let named = std::slice::from_ref(&args.job);
    let listed = start.listed(named, common).await?;
    // A missing repository is said before the history is read.
    start.repository(&args.forge)?;
    let (made, _) = make(&start, &args.forge, &listed).await?;
    match common.output {
        Output::Json => say_json(&serde_json::json!({ "jobs": made.plan.items }))?,
        _ => say(&made
            .plan
            .items
            .iter()
            .map(text)
            .collect::<Vec<_>>()
            .join("\n"))?,
    }
    Ok(Ended::with(&made.problems))
}

fn text(item: &Item) -> String {
    let name = terminal(&item.job.short());
    let state = match item.state {
        State::Propose => "is ready to be proposed".to_string(),
        State::Report => "has a change ready, and the mode is report".to_string(),
        State::Held => "is held".to_string(),
        State::Keep => "keeps its size".to_string(),
        State::Watching => "is being watched".to_string(),
        State::Reverting => "is being reverted".to_string(),
        State::Undetermined => "is undetermined".to_string(),
        State::Refused => "is refused: its manifest can't be edited safely".to_string(),
        State::Ignored => "is ignored".to_string(),
        State::Unreachable => "can't be reached".to_string(),
    };
    let mut out = format!(
        "{name} {state}: {} ({}){}\n",
        terminal(&item.message),
        terminal(&item.reason.to_string()),
        until(item)
    );
    if let Some(link) = &item.link {
        out.push_str(&format!(
            "  Its manifest: {}.\n",
            terminal(&link.to_string())
        ));
    }
    if let Some(change) = &item.change {
        let recommendation = &change.recommendation;
        let what = words::what_changes(
            &recommendation.now,
            &recommendation.proposed,
            &change.fields,
        )
        .join(", ");
        out.push_str(&format!(
            "  It {} {}: {} a month, chance of being short {}.\n",
            if item.state == State::Held {
                "would propose"
            } else {
                "proposes"
            },
            terminal(&what),
            number::money(
                -recommendation.saving.per_month,
                &recommendation.saving.currency
            ),
            number::probability(recommendation.probability_short),
        ));
    }
    if let Some(profile) = &item.profile {
        out.push_str("\nVerdicts\n");
        for verdict in &profile.verdicts {
            out.push_str(&format!("  {}: {}\n", verdict_name(verdict), why(verdict)));
        }
        for gap in &profile.gaps {
            out.push_str(&format!(
                "  not seen: {} ({})\n",
                terminal(&gap.what),
                terminal(&gap.reason)
            ));
        }
    }
    out.push_str(&steps("Without limits", item.advice.as_ref()));
    if let Some(change) = &item.change {
        out.push_str("\nWithin the rules\n");
        out.push_str(&lines(&change.recommendation.steps));
    }
    if let Some(evaluators) = &item.evaluators {
        out.push_str(
            "\nWhat each evaluator would do (TaskManagers × slots, memory of each, cost a month)\n",
        );
        out.push_str(&crate::render::evaluators::text(evaluators));
    }
    if let Some(advice) = &item.autoscaler {
        out.push_str(&autoscaler(advice));
    }
    if let Some(decision) = &item.decision {
        out.push_str("\nRules\n");
        for rule in &decision.rules {
            let said = match rule.ruling {
                Ruling::Passed => "passed",
                Ruling::Amended => "amended",
                Ruling::Held => "holds",
            };
            let until = rule
                .until_ms
                .map_or_else(String::new, |at| format!(" (until {})", number::moment(at)));
            out.push_str(&format!(
                "  {} {said}: {}{until}\n",
                terminal(&rule.rule),
                terminal(&rule.message)
            ));
        }
    }
    if let Some(change) = &item.change {
        out.push('\n');
        out.push_str(&change.diff);
    }
    out
}

fn steps(title: &str, advice: Option<&Advice>) -> String {
    match advice {
        Some(Advice::Change(recommendation)) => {
            format!("\n{title}\n{}", lines(&recommendation.steps))
        }
        Some(Advice::Keep(keep)) => format!("\n{title}\n{}", lines(&keep.steps)),
        Some(Advice::Undetermined(undetermined)) => format!(
            "\n{title}\n  {}; what would settle it: {}\n",
            terminal(&undetermined.message),
            terminal(&undetermined.settles)
        ),
        None => String::new(),
    }
}

fn autoscaler(advice: &AutoscalerAdvice) -> String {
    let mut out = match &advice.switch_on {
        None => {
            "\nThe operator's autoscaler, which keeps the parallelism, should have\n".to_string()
        }
        Some(why) => format!(
            "\nSwitching the operator's autoscaler on may pay\n  {}\n",
            terminal(why)
        ),
    };
    for option in &advice.options {
        out.push_str(&format!(
            "  {}: {} → {} ({})\n",
            terminal(&option.option),
            terminal(&option.before),
            terminal(&option.after),
            terminal(&option.why)
        ));
    }
    for unknown in &advice.unknown {
        out.push_str(&format!("  not known: {}\n", terminal(unknown)));
    }
    out
}

fn lines(steps: &[Step]) -> String {
    steps
        .iter()
        .map(|step| format!("  {}: {}\n", terminal(&step.name), terminal(&step.result)))
        .collect()
}
