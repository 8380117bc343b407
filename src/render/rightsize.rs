//! A planned change as a pull request's title and page.

use super::escape::{self, code, markdown};
use super::template::{self, TemplateError, safe};
use super::{chart, evaluators, number, words};
use crate::plan::{MergeEffect, MergeKind, PlannedChange};
use crate::policy::Ruling;
use crate::recommend::{Direction, Recommendation, Saving};
use minijinja::{Value, context};
use std::collections::BTreeSet;

const TITLE_LIMIT: usize = 120;

/// `rightsize(payments/orders): 12 → 8 slots, 4096m → 2560m per TaskManager (−41 %)`, at most 120 characters.
pub fn title(change: &PlannedChange) -> String {
    let recommendation = &change.recommendation;
    let mut parts = words::what_changes(
        &recommendation.now,
        &recommendation.proposed,
        &change.fields,
    );
    let start = format!("rightsize({}): ", words::job_in_title(&recommendation.job));
    let share = -recommendation.saving.share;
    let end = format!(
        " ({}{})",
        if share < 0.0 { "−" } else { "+" },
        number::percent(share.abs())
    );
    loop {
        let title = format!("{start}{}{end}", parts.join(", "));
        if title.chars().count() <= TITLE_LIMIT || parts.len() < 2 {
            return title.chars().take(TITLE_LIMIT).collect();
        }
        parts.pop();
    }
}

/// The page. `digest` names the evidence; `trailers` ends the page (they are written by `record`).
pub fn body(change: &PlannedChange, digest: &str, trailers: &str) -> Result<String, TemplateError> {
    let recommendation = &change.recommendation;
    let evidence = &change.evidence;
    let verdicts: Vec<Value> = change
        .profile
        .verdicts
        .iter()
        .map(|verdict| {
            context! {
                id => safe(code(verdict.id.as_str())),
                vertex => verdict.vertex.as_ref().map(|vertex| safe(words::vertex(&vertex.name))),
                signals => safe(words::signals(verdict)),
            }
        })
        .collect();
    let capacities: Vec<Value> = recommendation
        .capacities
        .iter()
        .map(|vertex| {
            context! {
                name => safe(words::vertex(&vertex.name)),
                parallelism => vertex.parallelism,
                carries => safe(number::rate(vertex.true_rate_per_second)),
                required => safe(number::rate(vertex.required_per_second)),
                busy => safe(number::percent(vertex.busy_highest)),
            }
        })
        .collect();
    let rules: Vec<String> = change
        .decision
        .rules
        .iter()
        .map(|rule| {
            let said = match rule.ruling {
                Ruling::Passed => "passed".to_string(),
                Ruling::Amended => format!("amended: {}", markdown(&rule.message)),
                Ruling::Held => format!("holds: {}", markdown(&rule.message)),
            };
            format!("{} {said}", code(&rule.rule))
        })
        .collect();
    let gaps: Vec<String> = change
        .profile
        .gaps
        .iter()
        .map(|gap| format!("{} ({})", markdown(&gap.what), markdown(&gap.reason)))
        .collect();
    template::fill(
        "pull_request.md",
        context! {
            summary => safe(summary(change)),
            rows => rows(change),
            merging => safe(merging(&change.effect)),
            data_loss => change.effect.data_loss.as_deref().map(|text| safe(markdown(text))),
            safe => safe(why_safe(change)),
            chart => chart(change).map(safe),
            risks => recommendation.risks.iter().map(|risk| safe(escape::sentence(&risk.message))).collect::<Vec<_>>(),
            window => safe(window(change)),
            thresholds => safe(words::thresholds(&evidence.thresholds).join(" · ")),
            verdicts,
            evaluators => evaluators::rows(&change.evaluators),
            capacities,
            margins => safe(
                recommendation
                    .margins
                    .iter()
                    .map(|margin| format!("{} {}", markdown(&margin.name), number::percent(margin.share)))
                    .collect::<Vec<_>>()
                    .join(" · "),
            ),
            steps => recommendation
                .steps
                .iter()
                .map(|step| safe(format!("{}: {}", markdown(&step.name), markdown(&step.result))))
                .collect::<Vec<_>>(),
            rules => safe(rules.join(" · ")),
            gaps => safe(if gaps.is_empty() { "nothing that was looked for is missing".to_string() } else { gaps.join(" · ") }),
            evidence => safe(code(&format!(".plimsoll/evidence/{digest}.evidence"))),
            model => safe(markdown(&recommendation.model)),
            tested => safe(markdown(&recommendation.tested)),
            command => safe(code(&format!(
                "plimsoll explain {} --now {}",
                recommendation.job.short(),
                evidence.at_ms
            ))),
            trailers => safe(trailers),
        },
    )
}

/// The summary without markup, for a commit message.
pub fn plain_summary(change: &PlannedChange) -> String {
    summary(change).replace("**", "")
}

/// One sentence: what carries which load with how much to spare, and what it saves.
pub fn summary(change: &PlannedChange) -> String {
    let recommendation = &change.recommendation;
    let proposed = &recommendation.proposed;
    let spare = recommendation.carries_per_second / recommendation.demand.load_per_second - 1.0;
    let load = match recommendation.demand.basis {
        crate::evaluate::DemandBasis::Plugin => "the load that a plug-in names".to_string(),
        _ => format!(
            "the highest load of the last {}",
            number::span(recommendation.demand.history_ms)
        ),
    };
    let task_managers = if proposed.task_managers == 1 {
        "one TaskManager".to_string()
    } else {
        format!("{} TaskManagers", proposed.task_managers)
    };
    let saving = &recommendation.saving;
    let money = |amount: f64| number::money(amount.abs(), &saving.currency);
    let spare = if spare.is_finite() && spare >= 0.0 {
        format!(" with {} to spare", number::percent(spare))
    } else {
        String::new()
    };
    match recommendation.direction {
        Direction::Shrink => format!(
            "{} slots on {task_managers} carry {load}{spare}. Saves about **{} a month**{}.",
            proposed.slots(),
            money(saving.per_month),
            interval(saving),
        ),
        Direction::Grow => format!(
            "The job is short of what its load needs: {} slots on {task_managers} carry {load}{spare}. {}",
            proposed.slots(),
            if saving.per_month > 0.0 {
                format!(
                    "It still saves about **{} a month**.",
                    money(saving.per_month)
                )
            } else {
                format!("Costs about **{} more a month**.", money(saving.per_month))
            },
        ),
    }
}

fn rows(change: &PlannedChange) -> Vec<Value> {
    let recommendation = &change.recommendation;
    let (now, proposed) = (&recommendation.now, &recommendation.proposed);
    let mut rows = vec![row(
        "parallelism",
        now.parallelism.to_string(),
        proposed.parallelism.to_string(),
        needs(recommendation),
    )];
    for (vertex, parallelism) in proposed
        .vertex_parallelism
        .iter()
        .chain(&now.vertex_parallelism)
    {
        let name = recommendation
            .capacities
            .iter()
            .find(|capacity| capacity.id == *vertex);
        let label = format!(
            "parallelism of {}",
            name.map_or_else(|| code(vertex), |capacity| words::vertex(&capacity.name))
        );
        let of = |size: &crate::recommend::Size| {
            size.vertex_parallelism
                .get(vertex)
                .unwrap_or(&size.parallelism)
                .to_string()
        };
        if rows.len() < 12 && *parallelism > 0 {
            rows.push(row(&label, of(now), of(proposed), String::new()));
        }
    }
    rows.dedup();
    let (before, after) = words::texts(&change.fields, "memory").unwrap_or_else(|| {
        let same = number::bytes(now.memory_bytes as f64);
        (same, number::bytes(proposed.memory_bytes as f64))
    });
    rows.push(row(
        "memory per TaskManager",
        markdown(&before),
        markdown(&after),
        recommendation
            .memory
            .process_seen_bytes
            .map_or_else(String::new, |seen| {
                format!("{} used", number::bytes(seen as f64))
            }),
    ));
    let grid = |size: &crate::recommend::Size| {
        format!("{} × {}", size.task_managers, size.slots_per_task_manager)
    };
    rows.push(row(
        "TaskManagers × slots",
        grid(now),
        grid(proposed),
        String::new(),
    ));
    let cores = |millis: u64| number::cores(millis as f64 / 1000.0);
    rows.push(row(
        "CPU per TaskManager",
        cores(now.cpu_millis),
        cores(proposed.cpu_millis),
        recommendation
            .cpu_seen_cores
            .map_or_else(String::new, |seen| format!("{} used", number::cores(seen))),
    ));
    for (option, value) in &proposed.options {
        let before = now.options.get(option).map_or("not set", String::as_str);
        rows.push(row(
            &code(option),
            markdown(before),
            markdown(value),
            String::new(),
        ));
    }
    rows
}

fn row(name: &str, now: String, proposed: String, seen: String) -> Value {
    context! { name => safe(name), changed => now != proposed, now => safe(now), proposed => safe(proposed), seen => safe(seen) }
}

fn needs(recommendation: &Recommendation) -> String {
    recommendation
        .capacities
        .iter()
        .filter(|vertex| vertex.true_rate_per_second > 0.0)
        .map(|vertex| {
            f64::from(vertex.parallelism) * vertex.required_per_second / vertex.true_rate_per_second
        })
        .filter(|need| need.is_finite())
        .reduce(f64::max)
        .map_or_else(String::new, |need| format!("needs {need:.1}"))
}

/// What merging does, without the line on lost data.
pub(super) fn merging(effect: &MergeEffect) -> String {
    let mut sentences = Vec::new();
    match effect.kind {
        MergeKind::Restart => {}
        MergeKind::Nothing => {
            sentences.push(
                "Nothing at first: the operator reads these fields itself, and the job runs on."
                    .to_string(),
            );
            return sentences.join(" ");
        }
        MergeKind::InPlace => {
            sentences.push(
                "The operator rescales the job in place: its pods run on, its tasks restart from the last checkpoint."
                    .to_string(),
            );
            sentences.extend(spread(effect));
            return sentences.join(" ");
        }
    }
    let mut facts = Vec::new();
    if let Some(mode) = &effect.upgrade_mode {
        facts.push(code(&format!("upgradeMode: {mode}")));
    }
    if let Some(at_ms) = effect.restore_at_ms {
        let size = effect.restore_bytes.map_or_else(String::new, |bytes| {
            format!(", {}", number::bytes(bytes as f64))
        });
        facts.push(format!(
            "last checkpoint at {}{size}",
            number::moment(at_ms)
        ));
    }
    if let Some(at_ms) = effect.savepoint_at_ms {
        let size = effect.savepoint_bytes.map_or_else(String::new, |bytes| {
            format!(", {}", number::bytes(bytes as f64))
        });
        facts.push(format!("last savepoint at {}{size}", number::moment(at_ms)));
    }
    if let Some((low, high)) = effect.pause_ms {
        facts.push(if low == high {
            format!("the last restart took {}", number::span(high))
        } else {
            format!("restarts took {}–{}", number::span(low), number::span(high))
        });
    }
    let facts = if facts.is_empty() {
        String::new()
    } else {
        format!(" ({})", facts.join("; "))
    };
    sentences.push(format!("The operator restarts the job once{facts}."));
    if effect.data_loss.is_none() {
        sentences.push("No state is lost.".to_string());
    }
    sentences.extend(spread(effect));
    sentences.extend(effect.in_place.as_deref().map(escape::sentence));
    sentences.extend(effect.beside.as_deref().map(escape::sentence));
    sentences.join(" ")
}

/// How what cannot be divided falls on the new size, a sentence each.
fn spread(effect: &MergeEffect) -> Vec<String> {
    let mut sentences: Vec<String> = [&effect.key_groups, &effect.partitions]
        .into_iter()
        .flatten()
        .map(|text| escape::sentence(text))
        .collect();
    match effect.slots_left {
        Some(1) => sentences.push("One slot is left over.".to_string()),
        Some(left) if left > 1 => sentences.push(format!("{left} slots are left over.")),
        _ => {}
    }
    sentences
}

fn why_safe(change: &PlannedChange) -> String {
    let recommendation = &change.recommendation;
    let demand = &recommendation.demand;
    let basis = match demand.basis {
        crate::evaluate::DemandBasis::ShortHistory => format!(
            "the highest of {} (short history) × {} growth",
            number::span(demand.history_ms),
            number::cores(demand.growth)
        ),
        crate::evaluate::DemandBasis::Plugin => format!(
            "the {}/s that a plug-in names",
            number::rate(demand.load_per_second)
        ),
        crate::evaluate::DemandBasis::Quantile => format!(
            "upper limit of the p99 over {}: {}/s, × {} growth",
            number::span(demand.history_ms),
            number::rate(demand.upper_per_second),
            number::cores(demand.growth)
        ),
    };
    format!(
        "Chance that it can't carry the load it is sized for: **{}** (limit {}). Sized for {} records/s ({basis}, plus {} for catching up after a restart). {}",
        number::probability(recommendation.probability_short),
        number::percent(recommendation.probability_limit),
        number::rate(demand.required_per_second),
        number::percent(demand.restart_headroom),
        match recommendation.tested.as_str() {
            "not tested" =>
                "This size was not tested: it is computed from what was observed.".to_string(),
            tested => format!("{}.", markdown(tested)),
        },
    )
}

fn chart(change: &PlannedChange) -> Option<String> {
    let sources: BTreeSet<String> = change
        .recommendation
        .demand
        .by_source
        .keys()
        .cloned()
        .collect();
    chart::load(
        &change.evidence.blocks,
        &sources,
        change.recommendation.carries_per_second,
        change.recommendation.proposed.slots(),
    )
}

fn window(change: &PlannedChange) -> String {
    let thresholds = &change.evidence.thresholds;
    if thresholds.window_weekend_ms > thresholds.window_ms {
        format!(
            "{} ({} over a weekend)",
            hours(thresholds.window_ms),
            hours(thresholds.window_weekend_ms)
        )
    } else {
        hours(thresholds.window_ms)
    }
}

fn hours(ms: i64) -> String {
    if ms >= 3_600_000 && ms % 3_600_000 == 0 {
        format!("{} h", ms / 3_600_000)
    } else {
        number::span(ms)
    }
}

/// The interval of a saving, where it is more than one number.
fn interval(saving: &Saving) -> String {
    let money = |amount: f64| number::money(amount, &saving.currency);
    let (low, high) = (
        money(saving.low.min(saving.high)),
        money(saving.low.max(saving.high)),
    );
    if low == high {
        String::new()
    } else {
        format!(" ({low}–{high})")
    }
}
