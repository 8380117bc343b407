//! The part of a history that is judged, and what was measured over it.

use super::Settings;
use super::bottleneck::{self, Pressed};
use super::profile::{Signal, Unit, VertexName};
use crate::snapshot::{
    History, OutOfMemory, Point, Shape, Snapshot, Stat, Vertex, VertexPoint, Workload,
};
use std::collections::BTreeMap;

/// Values of a signal over the window, each with how long it held (milliseconds).
#[derive(Debug, Clone, Default)]
pub(super) struct Series(Vec<(f64, f64)>);

impl Series {
    /// The value below which the signal was for the share `q` of the time; absent without values.
    pub(super) fn quantile(&self, q: f64) -> Option<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
        let total: f64 = sorted.iter().map(|(_, weight)| weight).sum();
        let mut passed = 0.0;
        for (value, weight) in &sorted {
            passed += weight;
            if passed >= q * total {
                return Some(*value);
            }
        }
        sorted.last().map(|(value, _)| *value)
    }
}

impl FromIterator<(f64, f64)> for Series {
    fn from_iter<I: IntoIterator<Item = (f64, f64)>>(values: I) -> Self {
        Series(
            values
                .into_iter()
                .filter(|(value, weight)| value.is_finite() && *weight > 0.0)
                .collect(),
        )
    }
}

/// What a verdict looks at.
pub(super) struct Window<'a> {
    pub(super) settings: &'a Settings,
    /// Every point inside the window, whatever ran.
    pub(super) all: Vec<&'a Point>,
    /// Points in which the job ran in its present shape (in any shape, while there are too few of those).
    pub(super) points: Vec<&'a Point>,
    /// The graph, inputs first.
    pub(super) vertices: &'a [Vertex],
    /// Where the graph held records back.
    pub(super) pressed: Vec<Pressed>,
    /// What runs.
    pub(super) workload: Workload,
    /// The newest look at it while it ran.
    pub(super) latest: Option<&'a Snapshot>,
    /// Checkpoints of the present job that have ended since its submission, whether inside the window or before it.
    pub(super) checkpoints_known: u64,
    pub(super) from_ms: i64,
    pub(super) to_ms: i64,
}

/// Fewer points than this in the present shape say less than the older ones.
const LEAST_POINTS: usize = 6;

impl<'a> Window<'a> {
    pub(super) fn new(history: &'a History, settings: &'a Settings) -> Self {
        let end = history.points.last().map_or(0, |point| point.to_ms);
        let begin = end.saturating_sub(millis(settings.window_seconds));
        let all: Vec<&Point> = history
            .points
            .iter()
            .filter(|point| point.to_ms > begin)
            .collect();
        let ran: Vec<&Point> = all
            .iter()
            .copied()
            .filter(|point| point.running > 0.0)
            .collect();
        let present: Vec<&Point> = match ran.last() {
            Some(last) => ran
                .iter()
                .copied()
                .filter(|point| same_size(&point.shape, &last.shape))
                .collect(),
            None => Vec::new(),
        };
        let points = if present.len() >= LEAST_POINTS.min(ran.len()) {
            present
        } else {
            ran
        };
        let seen = history.latest_running.as_ref().or(history.latest.as_ref());
        let vertices = seen.map_or(&[][..], |snapshot| &snapshot.vertices);
        let mut window = Window {
            settings,
            from_ms: all.first().map_or(end, |point| point.from_ms),
            to_ms: end,
            all,
            points,
            vertices,
            pressed: Vec::new(),
            latest: history.latest_running.as_ref(),
            // A look that found no job says nothing of what runs.
            workload: history
                .latest
                .as_ref()
                .filter(|seen| seen.job_id.is_some())
                .or(history.latest_running.as_ref())
                .map_or(Workload::Streaming, |seen| seen.workload),
            checkpoints_known: history
                .latest
                .as_ref()
                .and_then(|latest| latest.checkpoints.as_ref())
                .map_or(0, |counts| counts.completed.saturating_add(counts.failed)),
        };
        window.pressed = bottleneck::pressed(&window);
        window
    }

    /// How long the window is, milliseconds.
    pub(super) fn span_ms(&self) -> i64 {
        self.to_ms - self.from_ms
    }

    /// Vertices without outputs, whatever their names.
    pub(super) fn is_sink(&self, vertex: &Vertex) -> bool {
        !self
            .vertices
            .iter()
            .any(|other| other.inputs.iter().any(|input| input.vertex == vertex.id))
    }

    /// A signal over the points.
    pub(super) fn series(&self, pick: impl Fn(&Point) -> Option<f64>) -> Series {
        self.points
            .iter()
            .filter_map(|point| Some((pick(point)?, weight(point))))
            .collect()
    }

    /// A signal over those points in which the vertex was the bottleneck.
    pub(super) fn series_pressed(
        &self,
        pressed: &Pressed,
        pick: impl Fn(&Point) -> Option<f64>,
    ) -> Series {
        let points = pressed.points.iter().filter_map(|at| self.points.get(*at));
        points
            .filter_map(|point| Some((pick(point)?, weight(point))))
            .collect()
    }

    /// A signal of one vertex over the points.
    pub(super) fn vertex_series(
        &self,
        id: &str,
        pick: impl Fn(&VertexPoint) -> Option<Stat>,
    ) -> Series {
        self.series(|point| Some(pick(point.vertices.get(id)?)?.mean))
    }

    /// Records per second of all sources together; absent while one of them is unknown.
    pub(super) fn source_rate(&self, point: &Point) -> Option<f64> {
        let mut total = 0.0;
        let mut any = false;
        for source in self.vertices.iter().filter(|vertex| vertex.is_source()) {
            let seen = point.vertices.get(&source.id)?;
            total += seen.in_per_second.or(seen.out_per_second)?.mean;
            any = true;
        }
        any.then_some(total)
    }

    /// The highest backpressured share of all vertices.
    pub(super) fn backpressure(&self, point: &Point) -> Option<f64> {
        highest(point.vertices.values().map(backpressured))
    }

    /// Records per second into or out of the vertex with the most.
    pub(super) fn fastest(&self, point: &Point) -> Option<f64> {
        highest(
            point
                .vertices
                .values()
                .flat_map(|seen| [seen.in_per_second, seen.out_per_second])
                .map(|rate| Some(rate?.mean)),
        )
    }

    /// Busy share of the busiest subtask of all vertices.
    pub(super) fn busiest(&self, point: &Point) -> Option<f64> {
        highest(point.vertices.values().map(busy))
    }

    /// Whether something is held back for more than a tenth of the time: then low use is blocked, not spare.
    pub(super) fn blocked(&self) -> bool {
        let held = self.series(|point| self.backpressure(point)).quantile(0.90);
        !self.pressed.is_empty()
            || held.is_some_and(|share| share >= self.settings.backpressure_low)
    }

    /// Failures for want of memory in the window, whatever ran.
    pub(super) fn killed(&self) -> Killed {
        Killed::of(self.all.iter().copied())
    }

    /// Those of them that struck with at least the process memory that each TaskManager has now.
    pub(super) fn killed_at_present_memory(&self) -> Killed {
        let now = self
            .points
            .last()
            .map_or(0, |point| point.shape.memory_bytes);
        let mut before: Option<&Point> = None;
        let struck = self.all.iter().copied().filter(|point| {
            // A point tells the size at its end: where that is a new one, the death was the old one's.
            let previous = before.replace(point);
            previous.unwrap_or(point).shape.memory_bytes >= now
        });
        Killed::of(struck)
    }

    /// Cores used over cores paid for, all TaskManagers together. Where nobody says how many are paid for, Flink's own rule stands in: one for
    /// each slot, and no more than the JVM sees. What it sees alone is the host's, where a container has no limit.
    pub(super) fn cpu_share_paid(&self, point: &Point) -> Option<f64> {
        let used = point.task_managers.cpu_cores?.mean;
        let paid = match point.shape.cpu_millis {
            0 => f64::from(point.shape.slots_per_task_manager).min(point.task_managers.cpus_seen?),
            millis => millis as f64 / 1000.0,
        };
        let limit = paid * f64::from(point.shape.task_managers.max(1));
        (limit > 0.0).then(|| used / limit)
    }

    /// Cores used over cores that are there (paid for, else those that the JVM sees), all TaskManagers together.
    pub(super) fn cpu_share(&self, point: &Point) -> Option<f64> {
        let used = point.task_managers.cpu_cores?.mean;
        let limit = cores_of_one(point)? * f64::from(point.shape.task_managers.max(1));
        (limit > 0.0).then(|| used / limit)
    }

    /// The same for the busiest TaskManager.
    pub(super) fn cpu_share_busiest(&self, point: &Point) -> Option<f64> {
        let used = point.task_managers.cpu_cores_max?.mean;
        Some(used / cores_of_one(point)?)
    }

    /// Cores used for each thread that is busy by Flink's clock: near 1 it computes, near 0 it waits.
    pub(super) fn cores_per_busy_thread(&self, point: &Point) -> Option<f64> {
        let used = point.task_managers.cpu_cores?.mean;
        let threads: f64 = self
            .vertices
            .iter()
            .filter_map(|vertex| {
                Some(point.vertices.get(&vertex.id)?.busy?.mean * f64::from(vertex.parallelism))
            })
            .sum();
        (threads > 0.0).then(|| used / threads)
    }

    /// What the heap keeps after collections, a share of the largest heap: at each point the lowest use within the
    /// hour before (a third of the window where that is shorter).
    pub(super) fn heap_after_collection(&self) -> Series {
        let reach = (self.span_ms() / 3).min(3_600_000);
        let shares: Vec<(i64, f64, f64)> = self
            .points
            .iter()
            .filter_map(|point| {
                let heap = &point.task_managers;
                let largest = heap.heap_max.filter(|bytes| *bytes > 0.0)?;
                Some((point.to_ms, heap.heap_used?.min / largest, weight(point)))
            })
            .collect();
        let lowest = |at: usize| {
            let begin = shares[at].0 - reach;
            let before = shares[..=at]
                .iter()
                .rev()
                .take_while(|(time, _, _)| *time >= begin);
            before
                .map(|(_, share, _)| *share)
                .fold(f64::INFINITY, f64::min)
        };
        // The first points have no hour before them: they would read garbage as live objects.
        let first = shares.first().map_or(0, |(time, _, _)| *time);
        let filled = |at: &usize| shares[*at].0 - first >= reach.min(self.span_ms() / 3);
        (0..shares.len())
            .filter(filled)
            .map(|at| (lowest(at), shares[at].2))
            .collect()
    }

    /// The name of a vertex for people and machines.
    pub(super) fn name(&self, vertex: &Vertex) -> VertexName {
        VertexName {
            id: vertex.id.clone(),
            name: vertex.name.clone(),
        }
    }
}

/// Failures for want of memory.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Killed {
    /// How many.
    pub(super) count: u32,
    /// Those that tell which memory it was.
    pub(super) kinds: BTreeMap<OutOfMemory, u32>,
}

impl Killed {
    fn of<'a>(points: impl Iterator<Item = &'a Point>) -> Killed {
        let mut killed = Killed::default();
        for point in points {
            killed.count = killed.count.saturating_add(point.out_of_memory);
            for (kind, count) in &point.memory_failures {
                let sum: &mut u32 = killed.kinds.entry(*kind).or_insert(0);
                *sum = sum.saturating_add(*count);
            }
        }
        killed
    }
}

/// Whether two shapes give a task the same resources.
fn same_size(one: &Shape, other: &Shape) -> bool {
    one == other
}

/// Cores that each TaskManager really has: its limit, else the CPUs its JVM sees.
fn cores_of_one(point: &Point) -> Option<f64> {
    let limit = point.shape.cpu_millis as f64 / 1000.0;
    let cores = if limit > 0.0 {
        limit
    } else {
        point.task_managers.cpus_seen?
    };
    (cores > 0.0).then_some(cores)
}

/// Busy share of a vertex's busiest subtask, else of the mean one.
pub(super) fn busy(vertex: &VertexPoint) -> Option<f64> {
    Some(vertex.busy_max.or(vertex.busy)?.mean)
}

/// Backpressured share of a vertex, mean over its subtasks.
pub(super) fn backpressured(vertex: &VertexPoint) -> Option<f64> {
    Some(vertex.backpressured.or(vertex.backpressured_max)?.mean)
}

/// A signal with its threshold.
pub(super) fn signal(
    name: &str,
    value: f64,
    unit: Unit,
    threshold: impl Into<Option<f64>>,
) -> Signal {
    Signal {
        name: name.to_owned(),
        value,
        unit,
        threshold: threshold.into(),
    }
}

fn highest(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    values
        .flatten()
        .filter(|value| value.is_finite())
        .max_by(f64::total_cmp)
}

fn weight(point: &Point) -> f64 {
    (point.to_ms - point.from_ms).max(0) as f64
}

pub(super) fn millis(seconds: u64) -> i64 {
    i64::try_from(seconds.saturating_mul(1000)).unwrap_or(i64::MAX)
}
