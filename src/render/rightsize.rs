//! A planned change as a pull request's title and page.

use super::escape::{self, code, markdown};
use super::template::{self, TemplateError, safe};
use super::{chart, evaluators, number, words};
use crate::model::Limit;
use crate::plan::{MergeEffect, MergeKind, PlannedChange};
use crate::policy::Ruling;
use crate::recommend::{Recommendation, Shortage};
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
        .holds
        .iter()
        .flat_map(|holds| &holds.limits)
        .map(|limit| capacity(limit, recommendation))
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

/// What it saves or costs, what the job is short of, and where the step leads.
pub fn summary(change: &PlannedChange) -> String {
    let recommendation = &change.recommendation;
    let saving = &recommendation.saving;
    let money = |amount: f64| number::money(amount.abs(), &saving.currency);
    let from_to = format!(
        "{} → {}",
        money(recommendation.cost_now.per_month),
        money(recommendation.cost_proposed.per_month)
    );
    let mut sentences = Vec::new();
    if !recommendation.short_of.is_empty() {
        let list: Vec<&str> = recommendation.short_of.iter().map(short_of).collect();
        sentences.push(format!("The job is short of {}.", list.join(" and of ")));
    }
    sentences.push(if saving.per_month > 0.0 {
        format!(
            "Saves **{} a month** at the configured prices ({from_to}).",
            money(saving.per_month)
        )
    } else {
        format!(
            "Costs **{} more a month** at the configured prices ({from_to}).",
            money(saving.per_month)
        )
    });
    if let Some(towards) = &recommendation.towards {
        sentences.push(format!(
            "Step 1 of {} towards {} × {} slots, {} a month.",
            towards.steps,
            towards.size.task_managers,
            towards.size.slots_per_task_manager,
            number::money(towards.cost.per_month, &towards.cost.currency)
        ));
    }
    sentences.join(" ")
}

fn short_of(shortage: &Shortage) -> &'static str {
    match shortage {
        Shortage::Capacity => "parallelism",
        Shortage::Cores => "CPU",
        Shortage::Memory => "memory",
        Shortage::Checkpoints => "bandwidth for its checkpoints",
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
        String::new(),
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
            rows.push(row(
                &label,
                of(now),
                of(proposed),
                String::new(),
                String::new(),
            ));
        }
    }
    rows.dedup();
    let (before, after) = words::texts(&change.fields, "memory").unwrap_or_else(|| {
        let same = number::bytes(now.memory_bytes as f64);
        (same, number::bytes(proposed.memory_bytes as f64))
    });
    let pool = |pools: &std::collections::BTreeMap<String, u64>, name: &str| {
        let bytes = pools.get(name).copied().filter(|bytes| *bytes > 0);
        bytes.map(|bytes| number::bytes(bytes as f64))
    };
    let memory = &recommendation.memory;
    rows.push(row(
        "memory per TaskManager",
        markdown(&before),
        markdown(&after),
        pool(&memory.seen, "heap after collections")
            .map_or_else(String::new, |seen| format!("heap after GC {seen}")),
        pool(&memory.limits, "heap after collections")
            .map_or_else(String::new, |most| format!("heap after GC {most}")),
    ));
    let grid = |size: &crate::recommend::Size| {
        format!("{} × {}", size.task_managers, size.slots_per_task_manager)
    };
    rows.push(row(
        "TaskManagers × slots",
        grid(now),
        grid(proposed),
        String::new(),
        String::new(),
    ));
    let cores = |millis: u64| number::cores(millis as f64 / 1000.0);
    rows.push(row(
        "CPU per TaskManager",
        cores(now.cpu_millis),
        cores(proposed.cpu_millis),
        recommendation
            .cpu_seen_cores
            .map_or_else(String::new, |seen| format!("{} cores", number::cores(seen))),
        cores(proposed.cpu_millis),
    ));
    for (option, value) in &proposed.options {
        let before = now.options.get(option).map_or("not set", String::as_str);
        rows.push(row(
            &code(option),
            markdown(before),
            markdown(value),
            String::new(),
            String::new(),
        ));
    }
    rows
}

fn row(name: &str, now: String, proposed: String, seen: String, under: String) -> Value {
    let changed = now != proposed;
    // A limit is only named beside something that was seen.
    let under = if seen.is_empty() {
        String::new()
    } else {
        under
    };
    context! { name => safe(name), changed, now => safe(now), proposed => safe(proposed), seen => safe(seen), under => safe(under) }
}

/// The subtasks that the load takes at the proposed size, by the vertex that carries least of it.
fn needs(recommendation: &Recommendation) -> String {
    let Some(holds) = &recommendation.holds else {
        return String::new();
    };
    let carries = holds
        .limits
        .iter()
        .filter(|limit| limit.name != "CPU" && limit.outside < 0.5)
        .find_map(|limit| Some(limit.per_second?.median));
    let required = recommendation.demand.required_per_second;
    carries
        .map(|carries| f64::from(recommendation.proposed.parallelism) * required / carries)
        .filter(|need| need.is_finite())
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
    if recommendation.holds.is_none() {
        return "What this job carries is not known, so that no chance is stated: only what ran out is raised.".to_string();
    }
    let first = recommendation
        .holds
        .as_ref()
        .and_then(|holds| Some((holds, holds.limits.first()?)))
        .filter(|(_, limit)| limit.per_second.is_some())
        .map_or_else(String::new, |(holds, limit)| {
            let carries = &holds.capacity;
            format!(
                "{} is what runs out first: this size carries {} records/s ({} to {}); the highest five minutes of {} had {}. ",
                limit_name(limit),
                number::rate(carries.median),
                number::rate(carries.low),
                number::rate(carries.high),
                number::span(demand.history_ms),
                number::rate(demand.highest_per_second),
            )
        });
    format!(
        "{first}It is sized for {} records/s ({basis}, plus {} for catching up after a restart). **Chance that it falls short: {}** (limit {}). {}",
        number::rate(demand.required_per_second),
        number::percent(demand.restart_headroom),
        number::probability(recommendation.probability_short),
        number::percent(recommendation.probability_limit),
        match recommendation.tested.as_str() {
            "not tested" => "Not tested: computed from what was observed.".to_string(),
            tested => format!("It {}.", markdown(tested)),
        },
    )
}

/// A limit for people: a vertex in a code span, `CPU` and `heap` as they are.
fn limit_name(limit: &Limit) -> String {
    match limit.name.as_str() {
        "CPU" => "CPU".to_string(),
        "heap" => "Heap".to_string(),
        vertex => words::vertex(vertex),
    }
}

/// A row of what the proposed size carries.
fn capacity(limit: &Limit, recommendation: &Recommendation) -> Value {
    let (carries, interval) = match &limit.per_second {
        Some(one) => (
            format!("{}/s", number::rate(one.median)),
            format!("{} to {}", number::rate(one.low), number::rate(one.high)),
        ),
        None => (String::new(), String::new()),
    };
    let required = limit.per_second.as_ref().map_or_else(String::new, |_| {
        format!(
            "{}/s",
            number::rate(recommendation.demand.required_per_second)
        )
    });
    context! {
        name => safe(limit_name(limit)),
        carries => safe(carries),
        interval => safe(interval),
        required => safe(required),
        short => safe(number::probability(limit.short)),
    }
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
