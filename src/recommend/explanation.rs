//! The numbers behind a recommendation, in words: steps, margins, risks.

use super::advice::{Margin, MemoryNeed, Money, Risk, Saving, Step};
use super::carrying::Capacity;
use super::job::Job;
use super::search::{Candidate, Search};
use super::sizing::Shortage;
use super::{Prices, Settings, Size};
use crate::classify::{JobProfile, VerdictId};
use crate::evaluate::DemandBasis;
use crate::experiment::observational::observational_slope;
use crate::snapshot::{History, Point};
use std::collections::BTreeMap;

const MIB: f64 = 1024.0 * 1024.0;

pub(super) fn money(per_month: f64, prices: &Prices) -> Money {
    Money {
        per_month,
        currency: prices.currency.clone(),
    }
}

/// The cost is known; that the size holds is not: the interval's lower end counts the change as often lost as it may
/// turn out short.
pub(super) fn saving(now: f64, best: &Candidate, prices: &Prices) -> Saving {
    let per_month = now - best.per_month;
    Saving {
        per_month,
        low: per_month.min(per_month * (1.0 - best.probability_short)),
        high: per_month,
        share: if now > 0.0 { per_month / now } else { 0.0 },
        currency: prices.currency.clone(),
    }
}

/// Whether the size ever ran: how long, by the history.
pub(super) fn tested(history: &History, size: &Size) -> String {
    let ran = |point: &&Point| {
        let shape = &point.shape;
        point.running > 0.0
            && shape.task_managers == size.task_managers
            && shape.slots_per_task_manager == size.slots_per_task_manager
            && shape.memory_bytes == size.memory_bytes
            && shape.cpu_millis == size.cpu_millis
            && shape.parallelism.values().max() == Some(&size.parallelism)
    };
    let millis: i64 = history
        .points
        .iter()
        .filter(ran)
        .map(|point| point.to_ms - point.from_ms)
        .sum();
    if millis > 0 {
        format!(
            "ran for {:.1} hours of the history",
            millis as f64 / 3_600_000.0
        )
    } else {
        "not tested".to_owned()
    }
}

pub(super) fn memory(job: &Job<'_>, best: &Candidate) -> MemoryNeed {
    let Some((seen, process)) = job.memory.as_ref().zip(best.process.as_ref()) else {
        return MemoryNeed {
            process_bytes: best.size.memory_bytes,
            ..MemoryNeed::default()
        };
    };
    let needs = &process.needs;
    let needed = [
        ("heap", needs.heap),
        ("managed", needs.managed),
        ("network", needs.network),
    ];
    MemoryNeed {
        seen: seen.seen.clone(),
        needed: needed
            .into_iter()
            .map(|(name, bytes)| (name.to_owned(), bytes))
            .collect::<BTreeMap<_, _>>(),
        process_bytes: best.size.memory_bytes,
        process_seen_bytes: None,
    }
}

/// What lies between the load and what the size surely carries, by cause.
pub(super) fn margins(job: &Job<'_>, best: &Candidate) -> Vec<Margin> {
    let margin = |name: &str, share: f64| Margin {
        name: name.to_owned(),
        share,
    };
    let mut margins = vec![
        margin("growth", job.demand.growth - 1.0),
        margin("restart headroom", job.demand.restart_headroom),
    ];
    if let Some(Capacity { rate, sd_ln }) = best.opinion.capacity() {
        let uncertain = (1.645 * sd_ln).exp();
        margins.push(margin("model uncertainty", uncertain - 1.0));
        let left = rate / (job.required * uncertain).max(1e-9) - 1.0;
        if left.is_finite() {
            margins.push(margin(
                "rounding to whole slots and TaskManagers",
                left.max(0.0),
            ));
        }
    }
    margins
}

pub(super) fn risks(
    profile: &JobProfile,
    job: &Job<'_>,
    best: &Candidate,
    tested: &str,
) -> Vec<Risk> {
    let mut risks = Vec::new();
    let mut say = |code: &str, message: String| {
        risks.push(Risk {
            code: code.to_owned(),
            message,
        })
    };
    if job.demand.basis == DemandBasis::ShortHistory {
        let days = job.demand.history_ms as f64 / 86_400_000.0;
        say(
            "short-history",
            format!(
                "the load is the highest of {days:.1} days × growth; a weekly peak may not be among them"
            ),
        );
    }
    if let Some(Risk { code, message }) = super::measured::unseen_hours(job.demand) {
        say(&code, message);
    }
    if job.demand.basis == DemandBasis::Plugin {
        say(
            "load-named",
            "the load was named by a plug-in, and is not what was seen".to_owned(),
        );
    }
    if job.demand.lower_bound {
        say(
            "lag-unknown",
            "the sources were held back and their lag is unknown: more may arrive than was seen"
                .to_owned(),
        );
    }
    if let Some(cap) = &job.cap {
        say(
            cap.reason.as_str(),
            format!(
                "`{}` keeps every size from carrying more than {:.0} records/s",
                cap.vertex, cap.carries
            ),
        );
    }
    for (id, code, what) in [
        (
            VerdictId::Skewed,
            "skew",
            "one subtask carries far more than the others; more subtasks do not split a key",
        ),
        (
            VerdictId::ExternalWait,
            "external-wait",
            "it waits for something outside: whether more subtasks are served faster is not known",
        ),
    ] {
        if profile.has(id) {
            say(code, what.to_owned());
        }
    }
    for carrier in job
        .carriers
        .iter()
        .filter(|carrier| carrier.vertex.disagree)
    {
        let message = format!(
            "capacity of `{}` by busy time and by what flowed when it was full differ by more than 15 %; what flowed counts",
            carrier.vertex.name
        );
        say("measurements-differ", message);
    }
    if let Some(memory) = job.memory.as_ref().filter(|memory| memory.growth > 1.05) {
        say(
            "state-growth",
            format!(
                "state grows by {:.0} % a week; memory and checkpoints are sized for a week of it",
                (memory.growth - 1.0) * 100.0
            ),
        );
    }
    if job.memory.is_none() {
        say(
            "memory-unknown",
            "heap in use is unknown: memory stays as it is".to_owned(),
        );
    }
    if tested == "not tested"
        && best.size.slots_per_task_manager != job.present.size.slots_per_task_manager
    {
        say(
            "not-tested",
            "this number of slots in a TaskManager was never observed".to_owned(),
        );
    } else if tested == "not tested" {
        say("not-tested", "this size was never observed".to_owned());
    }
    risks
}

/// The settings with the scaling that the job's own past sizes speak for, and a step that shows both; as they were
/// where the past is silent.
pub(super) fn scaling(history: &History, settings: &Settings) -> (Settings, Option<Step>) {
    let prior = (settings.scaling, settings.scaling_sd);
    let Some(seen) = observational_slope(history, prior) else {
        return (settings.clone(), None);
    };
    let step = Step {
        name: "scaling with parallelism".to_owned(),
        result: format!(
            "{:.2} ± {:.2} after {} at parallelism {} to {}; {:.2} ± {:.2} was assumed before",
            seen.mean,
            seen.sd,
            counted(seen.periods, "past period"),
            seen.parallelism.0,
            seen.parallelism.1,
            prior.0,
            prior.1
        ),
    };
    let learned = Settings {
        scaling: seen.mean,
        scaling_sd: seen.sd,
        ..settings.clone()
    };
    (learned, Some(step))
}

/// A number with its noun, in the plural where there is not exactly one.
pub(super) fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

/// What both models say of a size, and which one counts.
pub(super) fn opinion_step(job: &Job<'_>, size: &Size) -> Step {
    let opinion = job.opinion(size);
    let told = |capacity: Capacity, short: f64| {
        format!(
            "{:.1} records/s (sd {:.2}), too little with probability {short:.3}",
            capacity.rate, capacity.sd_ln
        )
    };
    let by_vertices = opinion.vertices.map_or_else(
        || "the vertices' true rates: not measured".to_owned(),
        |capacity| {
            let short = capacity.probability_below(job.required);
            format!("the vertices' true rates: {}", told(capacity, short))
        },
    );
    let by_past = match (&job.past, opinion.past) {
        (Ok(past), Some((capacity, short))) => format!(
            "the experiments' model of {} at {}, not tested: {}",
            counted(past.periods, "past period"),
            counted(past.sizes, "size"),
            told(capacity, short)
        ),
        (Err(why), _) => format!("the experiments' model of past sizes: nothing, {why}"),
        (Ok(_), None) => "the experiments' model of past sizes: nothing".to_owned(),
    };
    let counts = if opinion.past_counts {
        "the past counts, as the surer"
    } else {
        "the vertices count"
    };
    Step {
        name: format!(
            "capacity at parallelism {} with {} slots in a TaskManager",
            size.parallelism, size.slots_per_task_manager
        ),
        result: format!("{by_vertices}; {by_past}; {counts}"),
    }
}

pub(super) fn steps(job: &Job<'_>, short: &[Shortage]) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut say = |name: String, result: String| steps.push(Step { name, result });
    let demand = job.demand;
    say(
        "load observed".to_owned(),
        format!(
            "mean {:.1}, highest {:.1} records/s in {} readings",
            demand.mean_per_second, demand.highest_per_second, demand.points
        ),
    );
    say(
        "load to carry (D)".to_owned(),
        format!(
            "{:.1} records/s = {:.1} × growth {:.2}",
            demand.load_per_second, demand.upper_per_second, demand.growth
        ),
    );
    say(
        "with restart headroom (D*)".to_owned(),
        format!(
            "{:.1} records/s = D × (1 + {:.2})",
            demand.required_per_second, demand.restart_headroom
        ),
    );
    if let Some(cap) = &job.cap {
        say(
            "held down to what is possible".to_owned(),
            format!(
                "{:.1} records/s: `{}`, {}",
                job.required, cap.vertex, cap.reason
            ),
        );
    }
    for carrier in &job.carriers {
        let vertex = carrier.vertex;
        let observed = vertex
            .observed_per_second
            .map_or(String::new(), |rate| format!(", {rate:.1} seen when full"));
        say(
            format!("true rate of {}", vertex.name),
            format!(
                "{:.1} records/s at parallelism {} (sd {:.2}{observed}); must carry {:.1}; busiest subtask {:.0} % busy at most, hot part {:.0} %",
                vertex.true_rate_per_second,
                vertex.parallelism,
                vertex.sd_ln,
                vertex.required_per_second,
                vertex.busy_highest * 100.0,
                carrier.spread.hot * 100.0
            ),
        );
    }
    if let Some(cpu) = &job.cpu {
        say(
            "cores".to_owned(),
            format!(
                "{:.2} cores for 1000 records/s, at most {:.2} used; the busiest TaskManager had {:.0} %",
                cpu.cores_per_record_per_second * 1000.0,
                cpu.highest_cores,
                cpu.busiest_part * 100.0
            ),
        );
    }
    if let Some(memory) = &job.memory {
        say(
            "heap".to_owned(),
            format!(
                "{:.0} MiB at most, {:.0} MiB after collections (tolerance limit {:.0}); {:.0} MiB needed of {:.0}; collections take {:.1} %",
                memory.heap_highest / MIB,
                memory.live_highest / MIB,
                memory.live / MIB,
                memory.heap / MIB,
                memory.pools.heap() as f64 / MIB,
                memory.gc_share * 100.0
            ),
        );
        let kind = if memory.managed_state {
            "state lives there"
        } else {
            "no state there"
        };
        say(
            "managed memory".to_owned(),
            format!(
                "{:.0} MiB of all TaskManagers have a use ({kind}); {:.0} MiB each now",
                memory.managed_total / MIB,
                memory.pools.managed as f64 / MIB
            ),
        );
    }
    if let Some(checkpoints) = &job.checkpoints {
        say(
            "checkpoints".to_owned(),
            format!(
                "95 % within {:.1} s; at most {:.1} s allowed",
                checkpoints.duration_ms / 1000.0,
                checkpoints.limit_ms / 1000.0
            ),
        );
    }
    let list: Vec<&str> = short.iter().map(shortage).collect();
    say(
        "short of".to_owned(),
        if list.is_empty() {
            "nothing".to_owned()
        } else {
            list.join(", ")
        },
    );
    steps
}

fn shortage(shortage: &Shortage) -> &'static str {
    match shortage {
        Shortage::Capacity => "capacity",
        Shortage::Cores => "cores",
        Shortage::Memory => "memory",
        Shortage::Checkpoints => "checkpoint bandwidth",
    }
}

pub(super) fn search_step(search: &Search<'_>, best: Option<&Candidate>) -> Step {
    let result = match best {
        None => format!(
            "{} shapes looked at, none holds everything within the limits",
            search.looked_at
        ),
        Some(best) => {
            let size = &best.size;
            let cores = best.cores.map_or(String::new(), |cores| {
                format!(", busiest needs {cores:.2} cores")
            });
            let checkpoint = best.checkpoint_ms.map_or(String::new(), |ms| {
                format!(", checkpoints {:.1} s", ms / 1000.0)
            });
            format!(
                "{} shapes looked at; cheapest: parallelism {} on {} × ({} slots, {:.2} cores, {:.0} MiB), {:.2} a month, too small with probability {:.3}{cores}{checkpoint}",
                search.looked_at,
                size.parallelism,
                size.task_managers,
                size.slots_per_task_manager,
                size.cpu_millis as f64 / 1000.0,
                size.memory_bytes as f64 / MIB,
                best.per_month,
                best.probability_short
            )
        }
    };
    Step {
        name: "search".to_owned(),
        result,
    }
}
