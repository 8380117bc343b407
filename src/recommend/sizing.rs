//! History, profile and the size in force → [`Advice`].

use super::advice::{Advice, Bounds, Direction, Keep, Recommendation, Step, Undetermined};
use super::job::{Job, Load, present_part};
use super::search::{Candidate, Search};
use super::{Present, Prices, Settings, SizingReason, explanation, measured};
use crate::classify::{JobProfile, Resource, VerdictId};
use crate::evaluate::{self, DemandBasis, DemandError, capacities, demand};
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
                None => return Advice::Undetermined(refusal),
            }
        }
        Err(error @ DemandError::NoRates) => {
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
    let (scaling, scaling_step) = explanation::scaling(history, settings);
    let mut own_steps = measured::steps(history, &demand, &capacities);
    own_steps.extend(scaling_step);
    let settings = &scaling;
    let mut job = Job::new(
        history,
        latest,
        profile,
        present,
        &Load {
            demand: &demand,
            capacities: &capacities,
        },
        settings,
        bounds.max_parallelism,
    );
    if load.told.names_capacity() {
        // It is the latest word on the vertices; past sizes were measured before it.
        job.past = Err("a plug-in says what the vertices carry".to_owned());
        job.optimum = None;
    }
    if job.carriers.is_empty() && !profile.has(VerdictId::Idle) {
        let message = "no vertex shows both its rate and its busy time";
        return undetermined(
            SizingReason::Blind,
            message,
            "busy time and record counters of the vertices",
        );
    }
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
    let mut search = Search {
        job,
        bounds,
        looked_at: 0,
    };
    let best = search.cheapest();
    let mut steps = explanation::steps(job, &short);
    steps.extend(own_steps);
    steps.push(explanation::search_step(&search, best.as_ref()));
    let judged = best.as_ref().map_or(&job.present.size, |best| &best.size);
    // Of a size that is short right now no probability is stated.
    if best.is_some() || !profile.has(VerdictId::FallingBehind) {
        steps.push(explanation::opinion_step(job, judged));
    }
    steps.extend(measured::growth(job, judged));
    if best.is_none()
        && let Some(bar) = profile.bar(Resource::Slots)
    {
        return keep(job, SizingReason::FallingBehind, &bar.message, steps);
    }
    let Some(best) = best else {
        return keep_without_candidate(job, &short, steps);
    };
    let same = best.size.options.is_empty() && same_size(&best.size, &job.present.size);
    if let Some(bar) = profile.bar(Resource::Slots).filter(|_| short.is_empty()) {
        return keep(job, SizingReason::FallingBehind, &bar.message, steps);
    }
    let saving = (now - best.per_month) / now.max(1e-9);
    if same {
        return keep(
            job,
            SizingReason::Fits,
            "the cheapest size that carries the load is the one in force",
            steps,
        );
    }
    if short.is_empty() && saving < job.settings.minimum_saving {
        let (code, message) = if saving <= 0.0 {
            (
                SizingReason::Fits,
                "no cheaper size carries the load with the probability asked for".to_owned(),
            )
        } else {
            (
                SizingReason::SavingTooSmall,
                format!(
                    "the cheapest size that carries the load saves {:.1} %",
                    saving * 100.0
                ),
            )
        };
        return keep(job, code, &message, steps);
    }
    let direction = if best.per_month < now {
        Direction::Shrink
    } else {
        Direction::Grow
    };
    if direction == Direction::Grow && !helps(job, &best, &short) {
        return keep_without_candidate(job, &short, steps);
    }
    Advice::Change(Box::new(recommendation(
        history, profile, job, &best, direction, steps,
    )))
}

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
        Shortage::Capacity => {
            let own = |id: &str| {
                size.vertex_parallelism
                    .get(id)
                    .copied()
                    .unwrap_or(size.parallelism)
            };
            best.carries > job.carries(own, 1.0) * 1.02
        }
        Shortage::Cores => true,
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

const DAY_MS: i64 = 24 * 3_600_000;
/// A backlog that is being worked off in twice the time allowed is left alone: growing again would cost a restart.
const STILL_DRAINING: f64 = 0.5;

/// What the job is short of at the size in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shortage {
    /// A vertex is expected to carry less than the load.
    Capacity,
    /// The busiest TaskManager would use all its cores.
    Cores,
    /// Heap: nearly full after collections, or tasks died of it.
    Memory,
    /// Checkpoints take longer than they may.
    Checkpoints,
}

/// Growing needs evidence: the load that was seen (not the one with growth and headroom) is hardly carried. The gap
/// between this and what a shrink must leave is the hysteresis.
fn shortages(profile: &JobProfile, job: &Job<'_>) -> Vec<Shortage> {
    let size = &job.present.size;
    let own = |id: &str| {
        size.vertex_parallelism
            .get(id)
            .copied()
            .unwrap_or(size.parallelism)
    };
    // What the unseen part of the first day may bring is a reason not to cut, not one to grow.
    let arrived = match job.demand.basis {
        // Who names a load knows that it comes: a fair, a migration. That is evidence as if it had been seen.
        DemandBasis::Plugin => job.demand.load_per_second,
        _ if job.demand.history_ms < DAY_MS => job.demand.highest_per_second,
        _ => job.demand.upper_per_second,
    };
    let seen = (arrived * 1.05).max(arrived + job.demand.backlog_per_second * STILL_DRAINING);
    let seen = seen.min(job.required.max(job.demand.mean_per_second));
    let mut short = Vec::new();
    if job.probability_short(seen, own, 1.0) > 0.5 {
        short.push(Shortage::Capacity);
    }
    let cores = job.cores_needed(seen, present_part(job.present));
    if cores.is_some_and(|cores| cores * 1000.0 > size.cpu_millis as f64 * job.settings.cpu_share) {
        short.push(Shortage::Cores);
    }
    if profile.has(VerdictId::MemoryPressure)
        || job.memory.as_ref().is_some_and(|memory| memory.killed)
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

fn recommendation(
    history: &History,
    profile: &JobProfile,
    job: &Job<'_>,
    best: &Candidate,
    direction: Direction,
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
        probability_short: best.probability_short,
        probability_limit: job.settings.probability_limit,
        demand: job.demand.clone(),
        capacities: job
            .carriers
            .iter()
            .map(|carrier| carrier.vertex.clone())
            .collect(),
        carries_per_second: if best.carries.is_finite() {
            best.carries
        } else {
            job.demand.load_per_second
        },
        memory: explanation::memory(job, best),
        cpu_seen_cores: job
            .cpu
            .as_ref()
            .map(|cpu| cpu.highest_cores * cpu.busiest_part),
        margins: explanation::margins(job, best),
        risks: explanation::risks(profile, job, best, &tested),
        steps,
        model: if best.opinion.past_counts {
            "past-sizes"
        } else {
            "true-rate"
        }
        .to_owned(),
        tested,
    }
}

fn keep_without_candidate(job: &Job<'_>, short: &[Shortage], steps: Vec<Step>) -> Advice {
    match (&job.cap, short.is_empty()) {
        (Some(cap), _) => {
            let message = format!(
                "`{}` keeps every size from carrying more than {:.0} records/s ({})",
                cap.vertex, cap.carries, cap.reason
            );
            keep(job, cap.reason, &message, steps)
        }
        (None, false) => keep(
            job,
            SizingReason::OutOfBounds,
            "the job is short, but no size within the limits carries the load",
            steps,
        ),
        (None, true) => keep(
            job,
            SizingReason::Fits,
            "no cheaper size carries the load with the probability asked for",
            steps,
        ),
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
