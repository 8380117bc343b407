//! Two snapshots → a point: differences of counters, else the gauges of the second.
//!
//! Flink answers metrics from a cache that it refreshes only when somebody asks, vertex by vertex and process by process, so the
//! numbers of a look can be older than the look, two looks can show the very same numbers, and one look can mix two refreshes. Hence:
//! numbers that did not move are unknown, not zero; and the time to divide by is that of the metrics themselves. Busy, idle and
//! backpressured time of a task add up to the time since it started, so their growth is the time between its two refreshes.
//!
//! Flink's gauges are means over the last minute. They are better than counters over short times (a wait that is still going on is
//! not yet in its counter), and say nothing of most of a long one.

use super::{
    CheckpointPoint, Failure, JobState, OutOfMemory, Point, Shape, Snapshot, Stat, parallelism_of,
};
use super::{task_manager_point, vertex_point};
use crate::quantity::Cpu;
use std::collections::{BTreeMap, BTreeSet};

/// A longer time between two snapshots is a hole, not a measurement.
const LONGEST_PAIR_MS: i64 = 6 * 3600 * 1000;

/// Below this the gauges, which look back a minute, are preferred to counters.
const SHORT_PAIR_MS: f64 = 120_000.0;

/// A task younger than this has no minute behind it, and its gauges are not yet means.
const YOUNG_MS: f64 = 60_000.0;

/// Vertices whose times differ by less than this share of their median were refreshed together.
const REFRESHED_TOGETHER: f64 = 0.15;

/// The time that a process's numbers cover, milliseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum ProcessTime {
    /// Known from the tasks, or taken for the time between the looks.
    Known(f64),
    /// The look mixed two refreshes: a gauge is better than this.
    Doubtful(f64),
}

/// What two snapshots say about the time between them.
pub(super) struct Window<'a> {
    pub before: &'a Snapshot,
    pub after: &'a Snapshot,
    /// Time between the looks.
    pub wall_ms: f64,
    /// Whether no task was restarted as far as the job's id and its last start tell: counters go on.
    pub same_execution: bool,
    /// Time between two refreshes that all vertices agree on, when it can be the time between the looks.
    pub agreed_ms: Option<f64>,
    /// What processes' counters are to be divided by.
    pub process: ProcessTime,
    /// Whether any counter moved.
    pub moved: bool,
}

impl Point {
    /// What happened between two looks at the same job. `None` when they are not in order, of different jobs, more than six hours
    /// apart, or one of them reached nobody.
    ///
    /// A counter that went down, or belongs to a new execution, counts from zero. Where no difference can be taken (the numbers did
    /// not move, or the first look lacked them) the gauges of the second look stand in. What neither gives is absent.
    pub fn between(before: &Snapshot, after: &Snapshot) -> Option<Point> {
        let elapsed = after.taken_at_ms.checked_sub(before.taken_at_ms)?;
        let reached = |snapshot: &Snapshot| snapshot.state != JobState::Unreachable;
        if !(1..=LONGEST_PAIR_MS).contains(&elapsed)
            || before.job != after.job
            || !reached(before)
            || !reached(after)
        {
            return None;
        }
        let window = Window::new(before, after, elapsed as f64);
        let restarted = restarts(&window);
        let memory = memory_failures(&window);
        let running = after.state == JobState::Running;
        Some(Point {
            from_ms: before.taken_at_ms,
            to_ms: after.taken_at_ms,
            pairs: 1,
            shape: Shape::of(after),
            job_id: after.job_id.clone(),
            running_since_ms: after.running_since_ms,
            running: if running { 1.0 } else { 0.0 },
            restarts: restarted.failures,
            rescales: restarted.rescales,
            out_of_memory: u32::try_from(memory.len()).unwrap_or(u32::MAX),
            memory_failures: by_kind(&memory),
            vertices: if running {
                vertex_point::vertices(&window)
            } else {
                Default::default()
            },
            task_managers: task_manager_point::task_managers(&window),
            checkpoints: checkpoints(&window),
            external: after
                .external
                .iter()
                .filter_map(|(name, value)| Some((name.clone(), Stat::one(*value)?)))
                .collect(),
        })
    }
}

impl<'a> Window<'a> {
    fn new(before: &'a Snapshot, after: &'a Snapshot, wall_ms: f64) -> Self {
        let same_execution =
            before.job_id == after.job_id && before.running_since_ms == after.running_since_ms;
        let times = vertex_point::metric_times_ms(before, after, same_execution);
        let median = times.get(times.len() / 2).copied();
        let together = median.filter(|median| {
            times
                .iter()
                .all(|time| (time - median).abs() <= REFRESHED_TOGETHER * median)
        });
        let could_be_wall = |time: &f64| (0.5..=2.0).contains(&(time / wall_ms));
        let agreed_ms = together.filter(|_| same_execution).filter(could_be_wall);
        let process = match (agreed_ms, median) {
            // Far from the time between the looks: the processes may have been refreshed at other times than the tasks.
            (Some(agreed), _) if !(0.75..=1.33).contains(&(agreed / wall_ms)) => {
                ProcessTime::Doubtful(agreed)
            }
            (Some(agreed), _) => ProcessTime::Known(agreed),
            (None, Some(median)) if same_execution && together.is_none() && median > 0.0 => {
                ProcessTime::Doubtful(wall_ms)
            }
            _ => ProcessTime::Known(wall_ms),
        };
        Window {
            before,
            after,
            wall_ms,
            same_execution,
            agreed_ms,
            process,
            moved: any_counter_moved(before, after),
        }
    }

    /// Whether the gauges of the second look tell more than counters.
    pub fn prefers_gauges(&self) -> bool {
        self.wall_ms < SHORT_PAIR_MS && !self.is_young()
    }

    /// Whether the tasks have run for less than a minute.
    pub fn is_young(&self) -> bool {
        execution_age_ms(self.after).is_none_or(|age| age < YOUNG_MS)
    }

    /// What tasks' counters are to be divided by where a vertex does not tell it itself.
    pub fn task_ms(&self) -> f64 {
        match self.agreed_ms {
            Some(agreed) => agreed,
            None if self.same_execution => self.wall_ms,
            // Counted from zero: the execution may be much younger than the time between the looks.
            None => execution_age_ms(self.after).map_or(self.wall_ms, |age| age.min(self.wall_ms)),
        }
    }

    /// Growth of a counter of the running tasks. `None` when it is not known.
    pub fn task_growth(&self, before: Option<f64>, after: Option<f64>) -> Option<f64> {
        let after = after.filter(|value| value.is_finite() && *value >= 0.0)?;
        if !self.same_execution {
            return Some(after);
        }
        let before = before.filter(|value| value.is_finite() && *value >= 0.0)?;
        Some(growth(before, after))
    }
}

/// Growth of a counter; one that went down counts from zero.
pub(super) fn growth(before: f64, after: f64) -> f64 {
    if after < before {
        after
    } else {
        after - before
    }
}

/// How long the execution had run at a look, by the JobManager's clock.
pub(super) fn execution_age_ms(snapshot: &Snapshot) -> Option<f64> {
    let since = snapshot.running_since_ms?;
    let age = snapshot.taken_at_ms.checked_sub(since)?;
    (age > 0).then_some(age as f64)
}

fn any_counter_moved(before: &Snapshot, after: &Snapshot) -> bool {
    let task_manager = after.task_managers.iter().any(|now| {
        before
            .task_managers
            .iter()
            .any(|then| then.id == now.id && then.cpu_time_ns != now.cpu_time_ns)
    });
    task_manager
        || after.vertices.iter().any(|now| {
            before.vertices.iter().any(|then| {
                then.id == now.id
                    && (then.records_in != now.records_in
                        || then.records_out != now.records_out
                        || then.accumulated_busy_ms != now.accumulated_busy_ms)
            })
        })
}

fn same_job(window: &Window) -> bool {
    window.before.job_id == window.after.job_id
}

/// Starts of the job's tasks after the first one.
#[derive(Default)]
struct Restarted {
    failures: u32,
    rescales: u32,
}

/// Restarts, told apart: in the adaptive scheduler Flink counts a rescale as a restart too. `numRescales` tells where Flink has it; a
/// parallelism that changed under the same job is a rescale; and where the adaptive scheduler runs, a restart without an exception is one.
fn restarts(window: &Window) -> Restarted {
    let Some(after) = window.after.restarts else {
        return Restarted::default();
    };
    let count = match window.before.restarts {
        Some(before) if same_job(window) => growth(before as f64, after as f64) as u64,
        // The first look could not tell, so which of them are new is not known.
        None if same_job(window) => 0,
        _ => after,
    };
    let counted = match (window.before.rescales, window.after.rescales) {
        (Some(before), Some(after)) if same_job(window) => {
            Some(growth(before as f64, after as f64) as u64)
        }
        (_, Some(after)) if !same_job(window) => Some(after),
        _ => None,
    };
    let resized = same_job(window)
        && !window.before.vertices.is_empty()
        && !window.after.vertices.is_empty()
        && parallelism_of(&window.before.vertices) != parallelism_of(&window.after.vertices);
    let tells_failures =
        |snapshot: &Snapshot| !snapshot.gaps.iter().any(|gap| gap.what == "exceptions");
    let rescales = match counted {
        Some(rescales) => rescales,
        None if is_adaptive(window.after)
            && tells_failures(window.before)
            && tells_failures(window.after) =>
        {
            count.saturating_sub(new_failures(window).len() as u64)
        }
        None => u64::from(resized),
    }
    .min(count);
    let narrow = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
    Restarted {
        failures: narrow(count - rescales),
        rescales: narrow(rescales),
    }
}

/// Whether the adaptive scheduler runs the job, by its configuration.
fn is_adaptive(snapshot: &Snapshot) -> bool {
    let is = |key: &str, word: &str| {
        snapshot
            .configuration
            .get(key)
            .is_some_and(|value| value.trim().eq_ignore_ascii_case(word))
    };
    is("jobmanager.scheduler", "adaptive") || is("scheduler-mode", "reactive")
}

/// Failures within it that say memory ran out.
fn memory_failures<'a>(window: &Window<'a>) -> Vec<&'a Failure> {
    new_failures(window)
        .into_iter()
        .filter(|failure| failure.out_of_memory)
        .collect()
}

fn by_kind(failures: &[&Failure]) -> BTreeMap<OutOfMemory, u32> {
    let mut kinds = BTreeMap::new();
    for kind in failures.iter().filter_map(|failure| failure.memory) {
        *kinds.entry(kind).or_insert(0) += 1;
    }
    kinds
}

/// Failures that the first look did not list. By identity, not by time: the two looks may be stamped by another clock than Flink's.
fn new_failures<'a>(window: &Window<'a>) -> Vec<&'a Failure> {
    let known: BTreeSet<(i64, &str)> = window
        .before
        .failures
        .iter()
        .map(|failure| (failure.at_ms, failure.class.as_str()))
        .collect();
    let could_not_tell = window
        .before
        .gaps
        .iter()
        .any(|gap| gap.what == "exceptions");
    window
        .after
        .failures
        .iter()
        .filter(|failure| !known.contains(&(failure.at_ms, failure.class.as_str())))
        .filter(|failure| !could_not_tell || failure.at_ms > window.before.taken_at_ms)
        .collect()
}

fn checkpoints(window: &Window) -> CheckpointPoint {
    let Some(after) = &window.after.checkpoints else {
        return CheckpointPoint::default();
    };
    let settings = CheckpointPoint {
        interval_ms: after.interval_ms,
        timeout_ms: after.timeout_ms,
        ..CheckpointPoint::default()
    };
    let before = match &window.before.checkpoints {
        Some(before) if same_job(window) => Some(before),
        None if same_job(window) => return settings,
        _ => None,
    };
    let new = |count: u64, earlier: Option<u64>| {
        let count = earlier.map_or(count as f64, |earlier| growth(earlier as f64, count as f64));
        u32::try_from(count as u64).unwrap_or(u32::MAX)
    };
    let known: BTreeSet<i64> = before
        .iter()
        .flat_map(|before| before.recent.iter().map(|(ended, _, _)| *ended))
        .collect();
    let completed = new(after.completed, before.map(|before| before.completed));
    let mut durations: Vec<f64> = after
        .recent
        .iter()
        .filter(|(ended, _, completed)| *completed && !known.contains(ended))
        .map(|(_, duration, _)| *duration as f64)
        .take(completed as usize)
        .collect();
    if durations.is_empty() && completed > 0 {
        durations.extend(after.latest_duration_ms.map(|duration| duration as f64));
    }
    let latest = |bytes: Option<u64>| {
        bytes
            .filter(|_| completed > 0)
            .and_then(|bytes| Stat::one(bytes as f64))
    };
    CheckpointPoint {
        completed,
        failed: new(after.failed, before.map(|before| before.failed)),
        duration_ms: Stat::of(&durations),
        state_bytes: latest(after.latest_state_bytes),
        checkpointed_bytes: latest(after.latest_checkpointed_bytes),
        ..settings
    }
}

impl Shape {
    /// The size of the job in a snapshot: TaskManagers with their slots and memory as they report them, CPU as the configuration
    /// asks for it (`kubernetes.taskmanager.cpu`, `taskmanager.cpu.cores`), else as its custom resource does, parallelism of each vertex.
    pub fn of(snapshot: &Snapshot) -> Shape {
        let cpu = [
            "kubernetes.taskmanager.cpu.amount",
            "kubernetes.taskmanager.cpu",
            "taskmanager.cpu.cores",
        ]
        .iter()
        .find_map(|key| snapshot.configuration.get(*key)?.trim().parse::<f64>().ok())
        .filter(|cores| cores.is_finite() && *cores > 0.0 && *cores < 1e6)
        .map(|cores| (cores * 1000.0).round() as u64)
        .or_else(|| cpu_asked_for(snapshot));
        let memory = snapshot
            .task_managers
            .iter()
            .filter_map(|task_manager| Some(task_manager.pools?.total_process))
            .max();
        Shape {
            task_managers: u32::try_from(snapshot.task_managers.len()).unwrap_or(u32::MAX),
            slots_per_task_manager: snapshot
                .task_managers
                .iter()
                .map(|task_manager| task_manager.slots)
                .max()
                .unwrap_or(0),
            memory_bytes: memory.unwrap_or(0),
            cpu_millis: cpu.unwrap_or(0),
            parallelism: parallelism_of(&snapshot.vertices),
        }
    }
}

/// CPU of a TaskManager as the custom resource asks for it, thousandths of a core.
fn cpu_asked_for(snapshot: &Snapshot) -> Option<u64> {
    let spec = &snapshot.resource.as_deref()?.spec;
    [
        "spec.taskManager.resource.cpu",
        "spec.taskManager.resources.requests.cpu",
        "spec.taskManager.resources.limits.cpu",
    ]
    .iter()
    .find_map(|path| spec.get(*path)?.parse::<Cpu>().ok())
    .map(|cpu| cpu.millicores())
    .filter(|millis| *millis > 0)
}
