//! The series of a job → points, with the units and meanings that looks over REST give them.

use super::grid::Grid;
use super::series::{Columns, JobSeries, ResourceSeries, VertexSeries};
use super::signals::Signal;
use crate::snapshot::{
    CheckpointPoint, Failure, MemoryPools, OutOfMemory, Point, Shape, Snapshot, Stat,
    TaskManagerPoint, VertexPoint,
};
use std::collections::BTreeMap;

/// Shares may come out a little above one (rates reach over the step's ends); more is no share.
const LARGEST_SHARE: f64 = 1.05;
/// No subtask moves more records in a second than this; a larger number is a broken counter.
const FASTEST_SUBTASK: f64 = 1e9;
/// A process may seem to use a little more than all its CPUs.
const LARGEST_LOAD: f64 = 1.1;
/// Counters are not held against each other over a longer hole.
const LONGEST_HOLE_MS: i64 = 6 * 3_600_000;
/// The same start, told at two scrapes, differs by no more than this.
const SAME_START_MS: i64 = 5_000;
/// Two sizes of memory that differ by less are the same (a heap is rounded to regions).
const SAME_SIZE: f64 = 0.01;

/// What is known of a job besides its series.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known<'a> {
    /// The newest look at it while it ran, over REST.
    pub running: Option<&'a Snapshot>,
}

/// The points of a job in the steps that hold anything of it: a step without a sample is a hole, not a zero.
pub fn points(
    resource: &ResourceSeries,
    job: &JobSeries,
    grid: &Grid,
    resolution_ms: i64,
    known: Known<'_>,
) -> Vec<Point> {
    let assembler = Assembler {
        resource,
        job,
        grid,
        pairs: u32::try_from((grid.step_ms / resolution_ms.max(1)).max(1)).unwrap_or(u32::MAX),
        known,
        size: known.running.map(Size::of),
    };
    let mut points: Vec<Point> = Vec::new();
    let mut counted: BTreeMap<(Signal, &str), (i64, f64)> = BTreeMap::new();
    for step in 0..grid.len {
        if let Some(point) = assembler.point(step, points.last(), &mut counted) {
            points.push(point);
        }
    }
    tell_rescales(&mut points);
    points
}

/// A restart of a job whose parallelism changed with it is a rescale. It may be counted in the step before the one that shows the new size.
fn tell_rescales(points: &mut [Point]) {
    for at in 1..points.len() {
        let (before, now) = points.split_at_mut(at);
        let (Some(before), Some(now)) = (before.last_mut(), now.first_mut()) else {
            continue;
        };
        if before.job_id != now.job_id || before.shape.parallelism == now.shape.parallelism {
            continue;
        }
        let same_vertices = before
            .shape
            .parallelism
            .keys()
            .eq(now.shape.parallelism.keys());
        if let Some(point) = [now, before]
            .into_iter()
            .find(|point| same_vertices && point.restarts > 0)
        {
            point.restarts -= 1;
            point.rescales += 1;
        }
    }
}

/// Counters of executions: when and what they were last.
type Counted<'a> = BTreeMap<(Signal, &'a str), (i64, f64)>;

struct Assembler<'a> {
    resource: &'a ResourceSeries,
    job: &'a JobSeries,
    grid: &'a Grid,
    pairs: u32,
    known: Known<'a>,
    size: Option<Size>,
}

/// The size of a TaskManager, and what its metrics say while it has that size.
struct Size {
    memory_bytes: u64,
    cpu_millis: u64,
    slots: u32,
    pools: Option<MemoryPools>,
    heap_max: Option<u64>,
    managed: Option<u64>,
    network: Option<u64>,
    cpus_seen: Option<f64>,
}

impl Size {
    fn of(snapshot: &Snapshot) -> Size {
        let shape = Shape::of(snapshot);
        let all = &snapshot.task_managers;
        Size {
            memory_bytes: shape.memory_bytes,
            cpu_millis: shape.cpu_millis,
            slots: shape.slots_per_task_manager,
            pools: all.iter().find_map(|one| one.pools),
            heap_max: all.iter().filter_map(|one| one.heap_max).max(),
            managed: all.iter().filter_map(|one| one.managed_total).max(),
            network: all.iter().filter_map(|one| one.network_total).max(),
            cpus_seen: all.iter().filter_map(|one| one.cpus_seen).reduce(f64::max),
        }
    }
}

impl<'a> Assembler<'a> {
    fn point(
        &self,
        step: usize,
        before: Option<&Point>,
        counted: &mut Counted<'a>,
    ) -> Option<Point> {
        let to_ms = self.grid.end_ms(step);
        let from_ms = to_ms - self.grid.step_ms;
        let execution = self.execution(step);
        let present: BTreeMap<&String, u32> = self
            .job
            .vertices
            .iter()
            .filter_map(|(id, vertex)| {
                Some((id, count(vertex.columns.at(Signal::Parallelism, step)?)?))
            })
            .collect();
        let told = self
            .job
            .columns
            .at(Signal::Running, step)
            .filter(|share| (0.0..=1.0).contains(share));
        // Tasks that report run, also where nobody scrapes the JobManager.
        let running = told.or((!present.is_empty()).then_some(1.0))?;
        let running = if self.has_ended(step) { 0.0 } else { running };
        let parallelism = match before {
            // While it restarts tasks are missing, and it is no smaller for that; another size shows in the next step.
            Some(before)
                if running < 0.999
                    && present
                        .keys()
                        .all(|id| before.shape.parallelism.contains_key(*id)) =>
            {
                before.shape.parallelism.clone()
            }
            _ => present
                .iter()
                .map(|(id, parallelism)| ((*id).clone(), *parallelism))
                .collect(),
        };
        let vertices = if running > 0.0 {
            self.job
                .vertices
                .iter()
                .filter(|(_, vertex)| reports(vertex, step))
                .map(|(id, vertex)| (id.clone(), self.vertex(id, vertex, step)))
                .collect()
        } else {
            BTreeMap::new()
        };
        let since_ms = execution.map(|(_, age)| to_ms - age.round() as i64);
        let running_since_ms = match (since_ms, before.and_then(|before| before.running_since_ms)) {
            (Some(since), Some(before)) if (since - before).abs() <= SAME_START_MS => Some(before),
            (since, _) => since,
        };
        let growth =
            |counted: &mut Counted<'a>, signal| self.growth(counted, signal, execution, step);
        let restarts = growth(counted, Signal::Restarts);
        let completed = growth(counted, Signal::CheckpointsCompleted);
        let failed = growth(counted, Signal::CheckpointsFailed);
        let same_size = self.has_known_size(step, running_since_ms);
        let memory = self.out_of_memory(from_ms, to_ms);
        Some(Point {
            from_ms,
            to_ms,
            pairs: self.pairs,
            shape: self.shape(step, same_size, parallelism),
            job_id: execution
                .map(|(id, _)| id.to_string())
                .or_else(|| before.and_then(|before| before.job_id.clone())),
            running_since_ms,
            running,
            restarts,
            rescales: 0,
            out_of_memory: u32::try_from(memory.len()).unwrap_or(u32::MAX),
            memory_failures: memory_failures(&memory),
            vertices,
            task_managers: self.task_managers(step, same_size),
            checkpoints: self.checkpoints(step, completed, failed),
            external: BTreeMap::new(),
        })
    }

    /// The youngest execution at a step that goes on, with its age in milliseconds: of one that ended there may be old samples.
    fn execution(&self, step: usize) -> Option<(&'a str, f64)> {
        self.job
            .executions
            .iter()
            .filter(|(_, columns)| !stands_still(columns, self.grid, step))
            .filter_map(|(id, columns)| Some((id.as_str(), columns.at(Signal::Age, step)?)))
            .min_by(|left, right| left.1.total_cmp(&right.1))
    }

    /// Whether all that is told of the job at a step is what an execution told that has ended.
    fn has_ended(&self, step: usize) -> bool {
        let mut told = self
            .job
            .executions
            .values()
            .filter(|columns| columns.at(Signal::Age, step).is_some())
            .peekable();
        told.peek().is_some() && told.all(|columns| stands_still(columns, self.grid, step))
    }

    /// How much a counter of the present execution grew since it was last seen; one that went down, or is new, counts from zero.
    fn growth(
        &self,
        counted: &mut Counted<'a>,
        signal: Signal,
        execution: Option<(&'a str, f64)>,
        step: usize,
    ) -> u32 {
        let to_ms = self.grid.end_ms(step);
        let mut seen: Option<(&'a str, f64)> = None;
        for (id, columns) in &self.job.executions {
            if let Some(value) = columns.at(signal, step)
                && execution.is_none_or(|(running, _)| running == id)
            {
                seen = Some((id, value));
            }
        }
        let Some((id, value)) = seen else { return 0 };
        let another = counted
            .keys()
            .any(|(other, of)| *other == signal && *of != id);
        let growth = match counted.insert((signal, id), (to_ms, value)) {
            Some((at_ms, before)) if to_ms - at_ms <= LONGEST_HOLE_MS => {
                if value < before {
                    value
                } else {
                    value - before
                }
            }
            Some(_) => 0.0,
            // Its first sight: another execution's counters began with it; of the first one of all it is not known how much is old.
            None if another => value,
            None => 0.0,
        };
        growth.clamp(0.0, f64::from(u32::MAX)).round() as u32
    }

    /// Whether the TaskManagers had the size of the last look: their memory metrics are the same, or, where there are none, the job has
    /// not been started anew since.
    fn has_known_size(&self, step: usize, since_ms: Option<i64>) -> bool {
        let Some(size) = &self.size else { return false };
        let same = |signal, then: Option<u64>| {
            let now = self.resource.columns.at(signal, step)?;
            let then = then? as f64;
            Some((now - then).abs() <= SAME_SIZE * then.max(1.0))
        };
        let parts: Vec<bool> = [
            same(Signal::HeapMax, size.heap_max),
            same(Signal::ManagedTotal, size.managed),
            same(Signal::NetworkTotal, size.network),
        ]
        .into_iter()
        .flatten()
        .collect();
        if parts.is_empty() {
            let look = self.known.running.and_then(|look| look.running_since_ms);
            return since_ms
                .zip(look)
                .is_some_and(|(since, look)| (since - look).abs() <= SAME_START_MS);
        }
        parts.iter().all(|same| *same)
    }

    fn shape(&self, step: usize, same_size: bool, parallelism: BTreeMap<String, u32>) -> Shape {
        let columns = &self.resource.columns;
        // Those that are registered, as over REST; else those that report.
        let task_managers = [Signal::Registered, Signal::TaskManagers]
            .into_iter()
            .find_map(|signal| columns.at(signal, step).and_then(count));
        let slots = columns
            .at(Signal::SlotsTotal, step)
            .zip(columns.at(Signal::Registered, step))
            .map(|(slots, managers)| slots / managers)
            .filter(|slots| slots.is_finite() && slots.fract() == 0.0)
            .and_then(count);
        let known = self.size.as_ref().filter(|_| same_size);
        let requested = |signal| columns.at(signal, step).filter(|value| *value > 0.0);
        let near =
            |value: f64, known: u64| (value - known as f64).abs() <= SAME_SIZE * known as f64;
        let memory = match (
            requested(Signal::MemoryRequested),
            known.map(|size| size.memory_bytes),
        ) {
            // To the byte as the look told it, so that shapes compare.
            (Some(bytes), Some(known)) if near(bytes, known) => known,
            (Some(bytes), _) => bytes.round() as u64,
            (None, known) => known.unwrap_or(0),
        };
        Shape {
            task_managers: task_managers.unwrap_or(0),
            slots_per_task_manager: slots.or(known.map(|size| size.slots)).unwrap_or(0),
            memory_bytes: memory,
            cpu_millis: requested(Signal::CpuRequested)
                .map(|cores| (cores * 1000.0).round() as u64)
                .or(known.map(|size| size.cpu_millis))
                .unwrap_or(0),
            parallelism,
        }
    }

    fn vertex(&self, id: &str, vertex: &VertexSeries, step: usize) -> VertexPoint {
        let known = self
            .known
            .running
            .and_then(|look| look.vertices.iter().find(|vertex| vertex.id == id))
            .and_then(|vertex| vertex.reads_input);
        let at = |signal| vertex.columns.at(signal, step);
        let of = |signal| at(signal).and_then(share);
        let (busy, backpressured) = (of(Signal::Busy), of(Signal::Backpressured));
        let at_least = |largest: Option<f64>, mean: Option<f64>| match (largest, mean) {
            (Some(largest), Some(mean)) => Some(largest.max(mean)),
            (largest, _) => largest,
        };
        let subtasks = at(Signal::Parallelism).unwrap_or(1.0).max(1.0);
        let rate =
            |signal| at(signal).filter(|rate| (0.0..=FASTEST_SUBTASK * subtasks).contains(rate));
        let (read, written) = (rate(Signal::RecordsIn), rate(Signal::RecordsOut));
        let read = if known == Some(true) {
            // A reader behind what hands out splits: its input is what it reads.
            written
        } else if vertex.source && known != Some(false) {
            // A source whose operators report nothing of their own reads what it writes.
            match read {
                Some(read) if read > 0.0 => Some(read),
                read => read.into_iter().chain(written).reduce(f64::max),
            }
        } else {
            read
        };
        let last = vertex.columns.last(Signal::Parallelism) == Some(step);
        VertexPoint {
            busy: busy.and_then(Stat::one),
            busy_max: at_least(of(Signal::BusyMax), busy).and_then(Stat::one),
            busy_median: of(Signal::BusyMedian).and_then(Stat::one),
            backpressured: backpressured.and_then(Stat::one),
            backpressured_max: at_least(of(Signal::BackpressuredMax), backpressured)
                .and_then(Stat::one),
            idle: of(Signal::Idle).and_then(Stat::one),
            in_per_second: read.and_then(Stat::one),
            out_per_second: written.and_then(Stat::one),
            in_skew: at(Signal::Skew)
                .filter(|skew| *skew > 0.999)
                .map(|skew| skew.max(1.0))
                .and_then(Stat::one),
            pending: at(Signal::Pending)
                .filter(|pending| *pending >= 0.0)
                .and_then(Stat::one),
            partitions: vertex.partitions.filter(|_| last),
            latency_ms: None,
        }
    }

    fn stat(&self, signal: Signal, step: usize) -> Option<Stat> {
        self.resource
            .columns
            .stats(signal, step)
            .map(|stats| stat(stats, self.pairs))
    }

    fn task_managers(&self, step: usize, same_size: bool) -> TaskManagerPoint {
        let at = |signal| self.resource.columns.at(signal, step);
        let cpus = self.size.as_ref().and_then(|size| size.cpus_seen);
        let managers = at(Signal::TaskManagers).unwrap_or(1.0).max(1.0);
        let cores = |signal, processes: f64| {
            at(signal).filter(|cores| {
                *cores >= 0.0 && cpus.is_none_or(|cpus| *cores <= cpus * processes * LARGEST_LOAD)
            })
        };
        TaskManagerPoint {
            cpu_cores: cores(Signal::CpuCores, managers)
                .and_then(|cores| self.together(cores, managers, step))
                .and_then(Stat::one),
            cpu_cores_max: cores(Signal::CpuCoresMax, 1.0).and_then(Stat::one),
            cpus_seen: cpus,
            heap_used: self.stat(Signal::HeapUsed, step),
            heap_max: at(Signal::HeapMax),
            managed_used: self.stat(Signal::ManagedUsed, step),
            network_used: self.stat(Signal::NetworkUsed, step),
            metaspace_used: self.stat(Signal::MetaspaceUsed, step),
            non_heap_used: self.stat(Signal::NonHeapUsed, step),
            direct_used: self.stat(Signal::DirectUsed, step),
            container_used: self.stat(Signal::ContainerUsed, step),
            container_limit: at(Signal::ContainerLimit),
            // Parallel collectors can count more than the time that passed.
            gc_share: at(Signal::GcShare)
                .filter(|share| (0.0..=1.5).contains(share))
                .map(|share| share.min(1.0))
                .and_then(Stat::one),
            slots_used: at(Signal::SlotsUsed)
                .filter(|slots| *slots >= 0.0)
                .and_then(Stat::one),
            pools: self
                .size
                .as_ref()
                .filter(|_| same_size)
                .and_then(|size| size.pools),
        }
    }

    /// Cores of all TaskManagers, from at least half of them: those that do not report are taken to use as much as the others.
    fn together(&self, cores: f64, reporting: f64, step: usize) -> Option<f64> {
        let registered = self
            .resource
            .columns
            .at(Signal::Registered, step)
            .unwrap_or(reporting)
            .max(reporting);
        (reporting * 2.0 >= registered).then(|| cores / reporting * registered)
    }

    fn checkpoints(&self, step: usize, completed: u32, failed: u32) -> CheckpointPoint {
        let settings = self
            .known
            .running
            .and_then(|snapshot| snapshot.checkpoints.as_ref());
        let columns = &self.job.columns;
        let of = |signal, n: u32| {
            columns
                .stats(signal, step)
                .filter(|_| completed > 0)
                .map(|stats| stat(stats, n))
        };
        CheckpointPoint {
            completed,
            failed,
            duration_ms: of(Signal::CheckpointDuration, completed),
            state_bytes: of(Signal::StateBytes, self.pairs),
            checkpointed_bytes: columns
                .at(Signal::CheckpointedBytes, step)
                .filter(|_| completed > 0)
                .and_then(Stat::one),
            interval_ms: settings.and_then(|settings| settings.interval_ms),
            timeout_ms: settings.and_then(|settings| settings.timeout_ms),
        }
    }

    /// Failures of the last look that fall into the step.
    fn out_of_memory(&self, from_ms: i64, to_ms: i64) -> Vec<&'a Failure> {
        let failures = self
            .known
            .running
            .map_or(&[][..], |snapshot| &snapshot.failures);
        failures
            .iter()
            .filter(|failure| {
                failure.out_of_memory && failure.at_ms > from_ms && failure.at_ms <= to_ms
            })
            .collect()
    }
}

fn memory_failures(failures: &[&Failure]) -> BTreeMap<OutOfMemory, u32> {
    let mut kinds = BTreeMap::new();
    for kind in failures.iter().filter_map(|failure| failure.memory) {
        *kinds.entry(kind).or_insert(0) += 1;
    }
    kinds
}

/// Steps over which an age must grow.
const STILL_STEPS: usize = 5;

/// Whether an execution's age does not grow around a step: a gateway keeps the last values of a job that has ended, and they are scraped for
/// ever. Looks back, or ahead where it has just begun.
pub(super) fn stands_still(execution: &Columns, grid: &Grid, step: usize) -> bool {
    let age = |step: usize| execution.at(Signal::Age, step);
    let Some(now) = age(step) else { return false };
    let back = (1..=STILL_STEPS).rev().find_map(|steps| {
        let before = age(step.checked_sub(steps)?)?;
        (steps >= 2).then_some((now - before, steps))
    });
    let grown = back.or_else(|| {
        (2..=STILL_STEPS)
            .rev()
            .find_map(|steps| Some((age(step + steps)? - now, steps)))
    });
    grown.is_some_and(|(grown, steps)| grown.abs() < 0.5 * steps as f64 * grid.step_ms as f64)
}

/// Executions that run at once under one name at the end of what the store holds, by id: several can't be told apart.
pub fn at_once<'a>(job: &'a JobSeries, grid: &Grid) -> Vec<&'a str> {
    let Some(last) = job.last() else {
        return Vec::new();
    };
    // A redeployment leaves two for a step or two.
    let steps = last.saturating_sub(STILL_STEPS)..=last;
    let goes_on = |columns: &&Columns| {
        let seen = |step: usize| {
            columns.at(Signal::Age, step).is_some() && !stands_still(columns, grid, step)
        };
        steps.clone().all(seen)
    };
    let ids: Vec<&str> = job
        .executions
        .iter()
        .filter(|(_, columns)| goes_on(columns))
        .map(|(id, _)| id.as_str())
        .collect();
    ids
}

/// Whether a vertex was seen within a step, also when it restarts at the step's end.
fn reports(vertex: &VertexSeries, step: usize) -> bool {
    [
        Signal::Parallelism,
        Signal::BusyMax,
        Signal::Backpressured,
        Signal::RecordsIn,
    ]
    .into_iter()
    .any(|signal| vertex.columns.at(signal, step).is_some())
}

fn stat([mean, min, p50, p95, max]: [f64; 5], n: u32) -> Stat {
    Stat {
        n: n.max(1),
        mean,
        min,
        p50,
        p95,
        max,
    }
}

fn share(value: f64) -> Option<f64> {
    (0.0..=LARGEST_SHARE)
        .contains(&value)
        .then(|| value.min(1.0))
}

fn count(value: f64) -> Option<u32> {
    let rounded = value.round();
    (rounded >= 1.0 && rounded <= f64::from(u32::MAX)).then_some(rounded as u32)
}
