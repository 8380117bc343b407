//! The numbers behind a recommendation, in words: steps, margins, risks.

use super::advice::{Margin, MemoryNeed, Money, Risk, Saving, Shortage, Step};
use super::job::Job;
use super::search::{Candidate, Search};
use super::{Bounds, Prices, Size, SizingReason};
use crate::classify::{JobProfile, VerdictId};
use crate::evaluate::{DemandBasis, cpu_cost};
use crate::model::{Holds, Interval, Parameter, Unit};
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
        low: per_month.min(per_month * best.holds.ok),
        high: per_month,
        share: if now > 0.0 { per_month / now } else { 0.0 },
        currency: prices.currency.clone(),
    }
}

/// The saving of a change whose effect on the load is not judged.
pub(super) fn certain_saving(now: f64, then: f64, prices: &Prices) -> Saving {
    Saving {
        per_month: now - then,
        low: now - then,
        high: now - then,
        share: if now > 0.0 { (now - then) / now } else { 0.0 },
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
        limits: BTreeMap::from([(
            "heap after collections".to_owned(),
            (process.minimum.pools.heap() as f64 * job.shares().heap) as u64,
        )]),
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
        margin("CPU kept free", 1.0 - job.shares().cpu),
    ];
    let carries = &best.holds.capacity;
    if carries.median.is_finite() && carries.low > 0.0 {
        let uncertain = carries.median / carries.low;
        margins.push(margin("model uncertainty", uncertain - 1.0));
        let left = carries.low / job.demand.required_per_second.max(1e-9) - 1.0;
        margins.push(margin(
            "rounding to whole slots and TaskManagers",
            left.max(0.0),
        ));
    }
    margins
}

pub(super) fn risks(
    profile: &JobProfile,
    job: &Job<'_>,
    bounds: &Bounds,
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
    for vertex in job
        .capacities
        .iter()
        .filter(|vertex| job.pinned.contains(&vertex.id))
    {
        say(
            "fixed-parallelism",
            format!(
                "the job's code fixes the parallelism of `{}` at {}: it stays whatever the job's parallelism is",
                vertex.name, vertex.parallelism
            ),
        );
    }
    for (vertex, probability, carries) in job.model.outside() {
        if probability > 0.2 {
            say(
                "sink-bound",
                format!(
                    "with probability {probability:.2} `{vertex}` lets {carries:.0} records/s through whatever the size"
                ),
            );
        }
    }
    if best.probability_short() > job.settings.probability_limit
        && let Some(cap) = cap(job, bounds)
    {
        say(cap.code.as_str(), cap.message);
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
    for vertex in job.capacities.iter().filter(|vertex| vertex.disagree) {
        let message = format!(
            "capacity of `{}` by busy time and by what flowed when it was full differ by more than 15 %; what flowed counts",
            vertex.name
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
    if best.per_month > job.present.prices.per_month(&job.present.size) {
        say(
            "room-unchecked",
            "whether the cluster has room for it (ResourceQuota, the largest node) was not checked"
                .to_owned(),
        );
    }
    let cut = best.size.memory_bytes < job.present.size.memory_bytes;
    if cut
        && job
            .memory
            .as_ref()
            .is_some_and(|memory| !memory.container_seen)
    {
        say(
            "native-unseen",
            "memory of the containers was not seen (container_memory_working_set_bytes): what RocksDB, agents and native libraries take beyond the pools is not known, and the process is cut only as far as the pools prove"
                .to_owned(),
        );
    }
    if job.demand.history_ms < 24 * 3_600_000 {
        say(
            "first-day",
            format!(
                "it was seen for {:.1} hours: its first full day is not over, and other hours of the day may bring more",
                job.demand.history_ms as f64 / 3_600_000.0
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

/// A number with its noun, in the plural where there is not exactly one.
pub(super) fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

/// What keeps a job that is short from carrying more.
pub(super) struct Cap {
    /// `sink-bound`, `parallelism-limit`, `max-parallelism`, `source-bound`, `skewed`
    pub(super) code: SizingReason,
    pub(super) message: String,
}

/// The vertex that carries least at the size in force, and why more subtasks would not help it, where that is known.
pub(super) fn cap(job: &Job<'_>, bounds: &Bounds) -> Option<Cap> {
    let size = &job.present.size;
    // Cores that run out first are no limit of a vertex's.
    if job.holds_now.limits.first()?.name == "CPU" {
        return None;
    }
    let tightest = job
        .holds_now
        .limits
        .iter()
        .find(|limit| limit.name != "CPU" && limit.name != "heap")?;
    let carries = tightest.per_second.map_or(0.0, |one| one.median);
    let vertex = job
        .capacities
        .iter()
        .find(|one| one.name == tightest.name)?;
    let own = size.parallelism_of(&vertex.id);
    let groups = job
        .capacities
        .iter()
        .filter_map(|one| one.max_parallelism)
        .min();
    let code = if job.pinned.contains(&vertex.id) {
        SizingReason::FixedParallelism
    } else if tightest.outside > 0.5 {
        SizingReason::SinkBound
    } else if bounds
        .max_parallelism
        .is_some_and(|most| most <= own.saturating_mul(2))
    {
        SizingReason::ParallelismLimit
    } else if vertex.partitions.is_some_and(|most| most <= own) {
        SizingReason::SourceBound
    } else if vertex.skew > 1.3 {
        SizingReason::Skewed
    } else if groups.is_some_and(|most| most <= own.saturating_mul(2)) {
        SizingReason::MaxParallelism
    } else {
        return None;
    };
    Some(Cap {
        code,
        message: format!(
            "`{}` carries {carries:.0} records/s at parallelism {own} and keeps every size within the limits from carrying enough ({code})",
            tightest.name
        ),
    })
}

/// What a size carries by limit, the tightest first.
pub(super) fn limits_step(of: &str, holds: &Holds) -> Step {
    let rate = |one: &Interval| {
        format!(
            "{:.0} records/s ({:.0} to {:.0})",
            one.median, one.low, one.high
        )
    };
    let limits: Vec<String> = holds
        .limits
        .iter()
        .map(|limit| {
            let carries = limit
                .per_second
                .as_ref()
                .map_or(String::new(), |one| format!(" {}", rate(one)));
            let outside = if limit.outside >= 0.005 {
                format!(", set from outside with probability {:.2}", limit.outside)
            } else {
                String::new()
            };
            format!(
                "{}{carries}, too little with probability {:.3}{outside}",
                limit.name, limit.short
            )
        })
        .collect();
    Step {
        name: format!("what {of} carries"),
        result: format!(
            "{}, holds with probability {:.3}; by limit, the tightest first: {}",
            rate(&holds.capacity),
            holds.ok,
            limits.join("; ")
        ),
    }
}

/// What is known of the job, each with its 90 % interval, and what is only assumed.
fn parameters_step(job: &Job<'_>) -> Step {
    let (learned, assumed) = job.model.parameters();
    let known: Vec<String> = learned.iter().map(parameter).collect();
    let learned = match known.is_empty() {
        true => "nothing yet".to_owned(),
        false => known.join("; "),
    };
    let assumed = match assumed.is_empty() {
        true => String::new(),
        false => format!("; assumed as for any job: {}", assumed.join(", ")),
    };
    Step {
        name: "learned of this job (90 % interval)".to_owned(),
        result: format!("{learned}{assumed}"),
    }
}

/// `CPU for a record 0.31 ms (0.29 to 0.32)`
fn parameter(one: &Parameter) -> String {
    let (unit, each) = match one.unit {
        Unit::Share => (" %", 100.0),
        Unit::Cores => ("", 1.0),
        Unit::Seconds if one.value.median < 1e-3 => (" µs", 1e6),
        Unit::Seconds => (" ms", 1e3),
        Unit::Bytes if one.value.median >= MIB => (" MiB", 1.0 / MIB),
        Unit::Bytes => (" bytes", 1.0),
    };
    let said = |value: f64| three_digits(value * each);
    format!(
        "{} {}{unit} ({} to {})",
        one.name,
        said(one.value.median),
        said(one.value.low),
        said(one.value.high)
    )
}

/// A number with the three digits that count.
fn three_digits(number: f64) -> String {
    let places = match number.abs() {
        n if n >= 100.0 => 0,
        n if n >= 10.0 => 1,
        n if n >= 1.0 => 2,
        n if n >= 0.1 => 3,
        _ => 4,
    };
    format!("{number:.places$}")
}

/// The sizes that the job had.
fn runs_step(job: &Job<'_>) -> Step {
    let runs: Vec<String> = job
        .model
        .past()
        .iter()
        .rev()
        .take(8)
        .map(|run| {
            let full = run
                .full_per_second
                .map_or(String::new(), |full| format!(", {full:.0} at a backlog"));
            format!(
                "{:.1} h at {} slots, {:.2} cores, {:.0} MiB: {:.0} records/s carried{full}",
                (run.to_ms - run.from_ms) as f64 / 3.6e6,
                run.slots,
                run.cores,
                run.memory_bytes as f64 / MIB,
                run.carried_per_second
            )
        })
        .collect();
    Step {
        name: "sizes so far, latest first".to_owned(),
        result: runs.join("; "),
    }
}

/// Most cores seen in use, of the busiest TaskManager.
pub(super) fn cores_seen(history: &History) -> Option<f64> {
    cpu_cost(history).map(|cpu| cpu.highest_cores * cpu.busiest_part)
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
    say(
        "arriving now, or within two hours".to_owned(),
        format!("{:.1} records/s", job.arriving().per_second),
    );
    for vertex in job.capacities {
        let observed = vertex
            .observed_per_second
            .map_or(String::new(), |rate| format!(", {rate:.1} seen when full"));
        say(
            format!("true rate of {}", vertex.name),
            format!(
                "{:.1} records/s at parallelism {} (sd {:.2}{observed}); must carry {:.1}; busiest subtask {:.0} % busy at most",
                vertex.true_rate_per_second,
                vertex.parallelism,
                vertex.sd_ln,
                vertex.required_per_second,
                vertex.busy_highest * 100.0
            ),
        );
    }
    steps.push(parameters_step(job));
    steps.push(runs_step(job));
    steps.push(limits_step("the size in force", &job.holds_now));
    let mut say = |name: String, result: String| steps.push(Step { name, result });
    if let Some(memory) = &job.memory {
        say(
            "heap".to_owned(),
            format!(
                "{:.0} MiB at most, {:.0} MiB after collections (tolerance limit {:.0}) of {:.0}; collections take {:.1} %",
                memory.heap_highest / MIB,
                memory.live_highest / MIB,
                memory.live / MIB,
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
                best.probability_short()
            )
        }
    };
    Step {
        name: "search".to_owned(),
        result,
    }
}
