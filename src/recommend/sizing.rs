//! History, profile and the size in force → [`Advice`].

use super::advice::{
    Advice, Bounds, Direction, Keep, Recommendation, Shortage, Step, Undetermined,
};
use super::job::Job;
use super::rescue::rescue;
use super::search::{Candidate, Scarce, Search};
use super::{Present, Prices, Settings, SizingReason, explanation, measured};
use crate::classify::{JobProfile, Resource, VerdictId};
use crate::evaluate::{self, DemandError, capacities, demand};
use crate::model::Burden;
use crate::snapshot::{History, JobState, Snapshot, Workload};

/// What the job needs, as the cheapest size that carries the required load with the probability asked for, whose
/// cores, memory pools and checkpoints fit; within `bounds`. A job that is short grows at once to what it needs; one
/// that is not is only ever made cheaper, and only by more than the least saving, since a change costs a restart.
pub fn recommend(
    history: &History,
    profile: &JobProfile,
    present: &Present,
    bounds: &Bounds,
    load: &evaluate::Settings,
    settings: &Settings,
) -> Advice {
    if let Some(refusal) =
        no_size(profile.workload).filter(|_| profile.workload == Workload::Finished)
    {
        return Advice::Undetermined(refusal);
    }
    let Some(latest) = history.latest_running.as_ref() else {
        return undetermined(
            SizingReason::NotRunning,
            "the job was never seen running",
            "an observation of the running job",
        );
    };
    let state = history
        .latest
        .as_ref()
        .map_or(JobState::Running, |snapshot| snapshot.state);
    if matches!(
        state,
        JobState::Failed | JobState::Stopped | JobState::Unreachable
    ) {
        let message = format!(
            "the job was {} when it was last looked at",
            state_name(state)
        );
        return undetermined(
            SizingReason::NotRunning,
            &message,
            "an observation of the running job",
        );
    }
    if let Some(refusal) = no_size(profile.workload) {
        return Advice::Undetermined(refusal);
    }
    if let Some(message) = unlike_task_managers(latest, &present.prices) {
        return undetermined(
            SizingReason::UnlikeTaskManagers,
            &message,
            "TaskManagers of one size",
        );
    }
    let size = &present.size;
    if size.memory_bytes == 0
        || size.cpu_millis == 0
        || size.task_managers == 0
        || size.parallelism == 0
    {
        let message = "CPU, memory or TaskManagers of the size in force are unknown";
        return undetermined(
            SizingReason::SizeUnknown,
            message,
            "the job's manifest, or its resources in the configuration",
        );
    }
    let mut young = None;
    let mut demand = match demand(history, load) {
        Ok(demand) => demand,
        Err(error @ DemandError::ShortHistory { .. }) => {
            let refusal = reason(
                SizingReason::InsufficientHistory,
                &error.to_string(),
                "a longer history",
            );
            match pressing_demand(history, profile, load) {
                Some(demand) => {
                    young = Some(refusal);
                    demand
                }
                None => {
                    return rescue(history, present, bounds, settings)
                        .unwrap_or(Advice::Undetermined(refusal));
                }
            }
        }
        Err(error @ DemandError::NoRates) => {
            if let Some(rescue) = rescue(history, present, bounds, settings) {
                return rescue;
            }
            return undetermined(
                SizingReason::Blind,
                &error.to_string(),
                "record counters of the sources",
            );
        }
    };
    if let Some(refusal) = unusable(profile) {
        return Advice::Undetermined(refusal);
    }
    let mut capacities = capacities(history, &demand);
    load.told.apply(&mut demand, &mut capacities);
    let own_steps = measured::steps(history, &demand, &capacities);
    let Some(job) = Job::new(
        history,
        latest,
        profile,
        present,
        &demand,
        &capacities,
        settings,
        load.lag_limit_seconds,
    ) else {
        if let Some(rescue) = rescue(history, present, bounds, settings) {
            return rescue;
        }
        let message = "no vertex shows both its rate and its busy time";
        return undetermined(
            SizingReason::Blind,
            message,
            "busy time and record counters of the vertices",
        );
    };
    let mut advice = decide(history, profile, &job, bounds, own_steps);
    let told = load.told.lines(&capacities).into_iter();
    let told = told.map(|(name, result)| Step { name, result });
    match &mut advice {
        Advice::Change(change) => change.steps.extend(told),
        Advice::Keep(keep) => keep.steps.extend(told),
        Advice::Undetermined(_) => {}
    }
    let grows = |advice: &Advice| matches!(advice, Advice::Change(change) if change.direction == Direction::Grow);
    match young {
        Some(refusal) if !grows(&advice) => Advice::Undetermined(refusal),
        _ => advice,
    }
}

/// Why what runs has no size of its own; none for a streaming job with TaskManagers of its own.
pub fn no_size(workload: Workload) -> Option<Undetermined> {
    let (code, message, settles) = match workload {
        Workload::Streaming => return None,
        Workload::Shared { jobs } => (
            SizingReason::SessionCluster,
            match jobs {
                0 | 1 => "other jobs use slots of the same JobManager: memory, CPU and slots belong to the session cluster, and to no one job of it".to_owned(),
                jobs => format!(
                    "{jobs} jobs run at the same JobManager: memory, CPU and slots belong to the session cluster, and to no one job of it"
                ),
            },
            "the job runs in a cluster of its own",
        ),
        Workload::Batch => (
            SizingReason::Batch,
            "it is a batch job: it works through stages and ends, and no steady load says what size it needs".to_owned(),
            "nothing: batch jobs are not sized",
        ),
        Workload::Finished => (
            SizingReason::Finished,
            "the job has finished: nothing runs that could be sized".to_owned(),
            "it runs again",
        ),
    };
    Some(reason(code, &message, settles))
}

/// TaskManagers of different sizes, each priced by its own; none where all are alike, to a percent.
pub(super) fn unlike_task_managers(latest: &Snapshot, prices: &Prices) -> Option<String> {
    let sizes: Vec<u64> = latest
        .task_managers
        .iter()
        .filter_map(|one| Some(one.pools?.total_process))
        .collect();
    let (least, most) = (sizes.iter().min()?, sizes.iter().max()?);
    if (most - least) as f64 <= 0.01 * *most as f64 {
        return None;
    }
    let memory = sizes.iter().map(|bytes| *bytes as f64).sum::<f64>() / GIB;
    Some(format!(
        "its {} TaskManagers have between {:.1} and {:.1} GiB, {memory:.1} GiB and {:.0} {} a month for memory together: one size fits no two of them",
        sizes.len(),
        *least as f64 / GIB,
        *most as f64 / GIB,
        memory * prices.gib_month,
        prices.currency
    ))
}

const GIB: f64 = (1u64 << 30) as f64;

/// History from which a job that is in trouble may be judged, seconds.
const PRESSING_HISTORY_SECONDS: u64 = 2_700;

/// The demand of a job that is plainly short before it was seen for long enough. The minimum history is about cutting: who
/// waits for a day's peak before helping a job that falls behind now only makes it later.
fn pressing_demand(
    history: &History,
    profile: &JobProfile,
    load: &evaluate::Settings,
) -> Option<evaluate::Demand> {
    let settings = evaluate::Settings {
        minimum_history_seconds: load.minimum_history_seconds.min(PRESSING_HISTORY_SECONDS),
        ..load.clone()
    };
    let demand = demand(history, &settings).ok()?;
    let pressed = profile.has(VerdictId::CpuBound)
        || profile.has(VerdictId::MemoryPressure)
        || profile.has(VerdictId::FallingBehind)
        || demand.backlog_per_second > 0.0;
    pressed.then_some(demand)
}

/// Verdicts that forbid judging a size.
fn unusable(profile: &JobProfile) -> Option<Undetermined> {
    let starved = profile.has(VerdictId::MemoryPressure);
    if profile.has(VerdictId::Unstable) && !starved {
        return Some(reason(
            SizingReason::Unstable,
            "the job restarts again and again, and not for want of memory",
            "a day without restarts: mend what fails it first",
        ));
    }
    None
}

fn decide(
    history: &History,
    profile: &JobProfile,
    job: &Job<'_>,
    bounds: &Bounds,
    own_steps: Vec<Step>,
) -> Advice {
    let now = job.present.prices.per_month(&job.present.size);
    let short = shortages(profile, job);
    let mut search = Search::new(job, bounds, job.burden());
    let mut beyond_budget = None;
    let mut best = if short.is_empty() {
        search.cheapest()
    } else {
        search.scarce = Scarce {
            parallelism: short.contains(&Shortage::Capacity),
            cpu: short.contains(&Shortage::Cores),
            memory: short.contains(&Shortage::Memory),
        };
        let (most_per_month, most_times) = growth_limits(job);
        search.most_per_month = most_per_month;
        search.most_times = most_times;
        let found = most_helpful(job, &mut search, &short);
        if found.is_none() && most_per_month.is_finite() {
            search.most_per_month = f64::INFINITY;
            beyond_budget = most_helpful(job, &mut search, &short);
        }
        found
    };
    let mut steps = explanation::steps(job, &short);
    steps.extend(own_steps);
    steps.push(explanation::search_step(&search, best.as_ref()));
    if let Some(best) = &best {
        steps.push(explanation::limits_step("the size proposed", &best.holds));
    }
    if let (None, Some(beyond)) = (&best, &beyond_budget) {
        let message = format!(
            "the job is short, and the size that would carry more costs {:.0} a month: `plan.max_growth_per_month` lets it grow to {:.0} times what it cost a month ago",
            beyond.per_month, job.settings.max_growth_per_month
        );
        return keep(job, SizingReason::OutOfBounds, &message, steps);
    }
    let Some(best) = best.take() else {
        let capped = (!short.is_empty())
            .then(|| explanation::cap(job, bounds))
            .flatten();
        return match (profile.bar(Resource::Slots), capped) {
            (Some(bar), None) => keep(job, SizingReason::FallingBehind, &bar.message, steps),
            _ => keep_without_candidate(job, bounds, &short, steps),
        };
    };
    let same = best.size.options.is_empty() && same_size(&best.size, &job.present.size);
    if let Some(bar) = profile.bar(Resource::Slots).filter(|_| short.is_empty()) {
        return keep(job, SizingReason::FallingBehind, &bar.message, steps);
    }
    let saving = (now - best.per_month) / now.max(1e-9);
    if same {
        return fits(
            job,
            "the cheapest size that carries the load is the one in force",
            steps,
        );
    }
    let worth = job.settings.minimum_saving * (1.0 + EACH_CHANGE * job.changes as f64);
    if short.is_empty() && saving < worth {
        if saving <= 0.0 || held_outside(job).is_some() {
            return fits(
                job,
                "no cheaper size carries the load with the probability asked for",
                steps,
            );
        }
        let message = format!(
            "the cheapest size that carries the load saves {:.1} %; after {} within a week {:.1} % pay for a restart",
            saving * 100.0,
            explanation::counted(job.changes, "change"),
            worth * 100.0
        );
        return keep(job, SizingReason::SavingTooSmall, &message, steps);
    }
    if short.is_empty() && saving < LARGE_SAVING && late_by_restarts(job, &best) > LATE_A_DAY {
        let message = format!(
            "it saves {:.1} %, and its restart would leave records late for longer than a day's changes may: a restart pauses the job for {:.0} s",
            saving * 100.0,
            job.demand.pause_seconds
        );
        return keep(job, SizingReason::SavingTooSmall, &message, steps);
    }
    if short.is_empty() && job.demand.backlog_per_second > 0.0 {
        return keep(
            job,
            SizingReason::FallingBehind,
            "records wait for longer than users accept: nothing is made smaller until they are worked off",
            steps,
        );
    }
    // Who serves a job that is short grows it, even where another shape makes that cheaper: nothing waits for it.
    let direction = if short.is_empty() && best.per_month < now {
        Direction::Shrink
    } else {
        Direction::Grow
    };
    if direction == Direction::Grow && !helps(job, &best, &short) {
        return keep_without_candidate(job, bounds, &short, steps);
    }
    Advice::Change(Box::new(recommendation(
        history, profile, job, bounds, &best, direction, short, steps,
    )))
}

/// Seconds beyond the accepted lag that the restarts of a day's changes may take, and the saving that is worth more.
const LATE_A_DAY: f64 = 500.0;
const LARGE_SAVING: f64 = 0.35;
const DAY_MS: i64 = 24 * 3_600_000;

/// Seconds beyond the accepted lag by the restarts of the last day's changes and the one proposed: what a restart lets wait beyond it, and
/// the time to work that off.
fn late_by_restarts(job: &Job<'_>, best: &Candidate) -> f64 {
    let beyond = (job.demand.pause_seconds - job.lag_limit_seconds).max(0.0);
    let spare = best.holds.capacity.median / job.demand.held_per_second.max(1e-9) - 1.0;
    let each = beyond * (1.0 + 1.0 / spare.clamp(0.05, 2.0));
    each * (job.changes_within(DAY_MS) + 1) as f64
}

/// Part of the present cost that a month's growth is held against, and how far growth goes whose cause is not proven.
const UNPROVEN: (f64, f64) = (1.5, 2.0);
const MONTH_MS: i64 = 30 * 24 * 3_600_000;

/// The most that growth may cost a month, and the factor on cores and slots that it may take in one change. Where a backlog proves that
/// the job is short it goes where it needs to; where it is only foretold, it goes half the way and is looked at.
fn growth_limits(job: &Job<'_>) -> (f64, f64) {
    let prices = &job.present.prices;
    let now = prices.per_month(&job.present.size);
    let past = job.model.past();
    let end = past.last().map_or(0, |run| run.to_ms);
    let month = past.iter().find(|run| run.to_ms > end - MONTH_MS);
    let before = month.map_or(now, |run| {
        prices.core_month * run.cores + prices.gib_month * run.memory_bytes as f64 / GIB
    });
    let most = before.max(now / job.settings.max_growth_per_month.max(1.0))
        * job.settings.max_growth_per_month.max(1.0);
    let proven = job.demand.backlog_per_second > 0.0
        || job.demand.basis == evaluate::DemandBasis::Plugin
        || past.last().is_some_and(|run| run.failed.is_some())
        || job.memory.as_ref().is_some_and(|memory| memory.killed);
    if proven {
        (most, f64::INFINITY)
    } else {
        (most.min(now * UNPROVEN.0), UNPROVEN.1)
    }
}

/// The size that helps a short job: one that carries all of the load, or, where none within the limits does, what carries the most of it.
fn most_helpful(job: &Job<'_>, search: &mut Search<'_>, short: &[Shortage]) -> Option<Candidate> {
    parts(job).into_iter().find_map(|(part, allowed)| {
        search.allowed_short = allowed;
        search.asked(Burden {
            per_second: job.burden().per_second * part,
            ..job.burden()
        });
        search.cheapest().filter(|best| helps(job, best, short))
    })
}

/// Parts of the load that are tried where all of it is too much, with the probability to be short of them: down to what the size in force
/// carries, and a little.
fn parts(job: &Job<'_>) -> Vec<(f64, f64)> {
    let carried = job.holds_now.capacity.median * 1.05;
    let least = (carried / job.burden().per_second.max(1e-9)).clamp(0.02, 0.9);
    let less = (1..=LESSER).map(|step| (least.powf(f64::from(step) / f64::from(LESSER)), 0.2));
    [(1.0, 0.05), (1.0, 0.2), (1.0, 0.45)]
        .into_iter()
        .chain(less)
        // What may carry a little more is better than nothing: it is looked at, and learned from.
        .chain([(least, 0.45), (least, 0.65)])
        .collect()
}

/// So many lesser loads are tried.
const LESSER: u32 = 6;

/// What each change of the last week adds to the saving that another one must bring.
const EACH_CHANGE: f64 = 0.3;

fn same_size(one: &super::Size, other: &super::Size) -> bool {
    super::Size {
        options: Default::default(),
        ..one.clone()
    } == super::Size {
        options: Default::default(),
        ..other.clone()
    }
}

/// Whether a dearer size mends something: more load carried, more cores, more memory, more TaskManagers.
fn helps(job: &Job<'_>, best: &Candidate, short: &[Shortage]) -> bool {
    let size = &job.present.size;
    short.iter().any(|shortage| match shortage {
        Shortage::Capacity | Shortage::Cores => {
            best.holds.capacity.median > job.holds_now.capacity.median * 1.02
        }
        Shortage::Memory => {
            let pools = best.process.as_ref().map(|process| process.minimum.pools);
            let now = job.memory.as_ref().map(|memory| memory.pools);
            pools.zip(now).is_some_and(|(then, now)| {
                then.heap() > now.heap()
                    || then.metaspace > now.metaspace
                    || then.off_heap() > now.off_heap()
                    || then.overhead > now.overhead
            })
        }
        Shortage::Checkpoints => best.size.task_managers > size.task_managers,
    })
}

/// Growing needs evidence: what arrived, or will within the time that a change takes (not the load with growth and headroom), is
/// likelier not carried than carried. The gap between this and what a smaller size must leave is the hysteresis.
fn shortages(profile: &JobProfile, job: &Job<'_>) -> Vec<Shortage> {
    let mut short = Vec::new();
    let part = |cpu: bool| {
        let limits = job.holds_now.limits.iter();
        limits
            .filter(|limit| (limit.name == "CPU") == cpu && limit.name != "heap")
            .map(|limit| limit.short)
            .fold(0.0, f64::max)
    };
    if part(false) > 0.5 {
        short.push(Shortage::Capacity);
    }
    if part(true) > 0.5 {
        short.push(Shortage::Cores);
    }
    // Deaths at another size are no shortage of this one.
    let full = job
        .holds_now
        .limits
        .iter()
        .any(|limit| limit.name == "heap" && limit.short > 0.2);
    let pressed = profile.has(VerdictId::MemoryPressure);
    if job
        .memory
        .as_ref()
        .is_some_and(|memory| memory.kinds.any() || pressed && (full || memory.gc_share > 0.05))
        || job.memory.is_none() && pressed
    {
        short.push(Shortage::Memory);
    }
    let slow = job
        .checkpoints
        .as_ref()
        .is_some_and(|seen| seen.duration_ms > seen.limit_ms * 1.6);
    if slow && profile.has(VerdictId::CheckpointThrash) {
        short.push(Shortage::Checkpoints);
    }
    short
}

#[allow(clippy::too_many_arguments)]
fn recommendation(
    history: &History,
    profile: &JobProfile,
    job: &Job<'_>,
    bounds: &Bounds,
    best: &Candidate,
    direction: Direction,
    short_of: Vec<Shortage>,
    steps: Vec<Step>,
) -> Recommendation {
    let prices = &job.present.prices;
    let now = prices.per_month(&job.present.size);
    let tested = explanation::tested(history, &best.size);
    Recommendation {
        job: history.job.clone(),
        direction,
        now: job.present.size.clone(),
        proposed: best.size.clone(),
        cost_now: explanation::money(now, prices),
        cost_proposed: explanation::money(best.per_month, prices),
        saving: explanation::saving(now, best, prices),
        probability_short: best.probability_short(),
        probability_limit: job.settings.probability_limit,
        demand: job.demand.clone(),
        capacities: job.capacities.to_vec(),
        carries_per_second: if best.holds.capacity.median.is_finite() {
            best.holds.capacity.median
        } else {
            job.demand.load_per_second
        },
        holds: Some(best.holds.clone()),
        holds_now: Some(job.holds_now.clone()),
        towards: None,
        short_of,
        memory: explanation::memory(job, best),
        cpu_seen_cores: explanation::cores_seen(history),
        margins: explanation::margins(job, best),
        risks: explanation::risks(profile, job, bounds, best, &tested),
        steps,
        model: "job-model".to_owned(),
        tested,
    }
}

fn keep_without_candidate(
    job: &Job<'_>,
    bounds: &Bounds,
    short: &[Shortage],
    steps: Vec<Step>,
) -> Advice {
    if short.is_empty() {
        return fits(
            job,
            "no cheaper size carries the load with the probability asked for",
            steps,
        );
    }
    match explanation::cap(job, bounds) {
        Some(cap) => keep(job, cap.code, &cap.message, steps),
        None => keep(
            job,
            SizingReason::OutOfBounds,
            "the job is short, but no size within the limits carries more",
            steps,
        ),
    }
}

/// The vertex that something outside likely holds below what arrives: its name, the probability, what it lets through.
fn held_outside(job: &Job<'_>) -> Option<(String, f64, f64)> {
    let arriving = job.arriving().per_second;
    let outside = job.model.outside().into_iter();
    outside
        .filter(|(_, probability, carries)| *probability > 0.5 && *carries < arriving)
        .min_by(|one, other| one.2.total_cmp(&other.2))
}

/// The size in force stays; where something outside holds up what arrives, that is why.
fn fits(job: &Job<'_>, message: &str, steps: Vec<Step>) -> Advice {
    match held_outside(job) {
        Some((vertex, probability, carries)) => {
            let message = format!(
                "`{vertex}` lets {carries:.0} records/s through whatever the size (probability {probability:.2}): what it writes to or asks sets that"
            );
            keep(job, SizingReason::SinkBound, &message, steps)
        }
        None => keep(job, SizingReason::Fits, message, steps),
    }
}

fn keep(_job: &Job<'_>, code: SizingReason, message: &str, steps: Vec<Step>) -> Advice {
    Advice::Keep(Keep {
        reason: code,
        message: message.to_owned(),
        steps,
    })
}

fn undetermined(code: SizingReason, message: &str, settles: &str) -> Advice {
    Advice::Undetermined(reason(code, message, settles))
}

fn reason(code: SizingReason, message: &str, settles: &str) -> Undetermined {
    Undetermined {
        reason: code,
        message: message.to_owned(),
        settles: settles.to_owned(),
    }
}

fn state_name(state: JobState) -> &'static str {
    match state {
        JobState::Running => "running",
        JobState::Starting => "starting",
        JobState::Failed => "failed",
        JobState::Stopped => "stopped",
        JobState::Unreachable => "out of reach",
    }
}
