//! The history as runs: each size that the job ever had, with what was seen of it in quiet moments.

use crate::snapshot::{History, Point, Shape, Vertex};

/// The first minutes after a start are dear: code is compiled, caches fill.
const WARM_MS: i64 = 10 * 60_000;
/// Points that cover more than one look are no younger than this.
const BACKLOG_SECONDS: f64 = 15.0;

/// A stretch of time in which the job ran undisturbed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Moment {
    pub(super) from_ms: i64,
    pub(super) to_ms: i64,
    /// Records per second of all sources together.
    pub(super) load: f64,
    /// Records per second into each vertex, in the model's order.
    pub(super) records: Vec<Option<f64>>,
    /// Busy share of each vertex, mean over its subtasks.
    pub(super) busy: Vec<Option<f64>>,
    /// Busy share of each vertex's median subtask.
    pub(super) busy_median: Vec<Option<f64>>,
    /// Cores in use, all TaskManagers together.
    pub(super) cores: Option<f64>,
    /// Share of its cores that the busiest TaskManager used.
    pub(super) used: Option<f64>,
    pub(super) collecting: Option<f64>,
    /// Lowest heap in use, bytes.
    pub(super) heap: Option<f64>,
    pub(super) heap_max: Option<f64>,
    pub(super) state: Option<f64>,
    pub(super) checkpoint_ms: Option<f64>,
    pub(super) interval_ms: Option<f64>,
    /// Managed memory of a TaskManager, bytes.
    pub(super) managed: Option<f64>,
    /// Records that wait outside, all sources together.
    pub(super) pending: f64,
    /// More wait than are under way.
    pub(super) waiting: bool,
    /// A vertex waits for another one.
    pub(super) held_back: bool,
    /// The job had run for long enough.
    pub(super) warm: bool,
}

/// One size over one stretch of the history.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Run {
    pub(super) shape: Shape,
    /// Begin and end, Unix milliseconds.
    pub(super) from_ms: i64,
    pub(super) to_ms: i64,
    pub(super) moments: Vec<Moment>,
}

/// The runs of a history, by time; those of another graph than the present one are left out: they were another job.
pub(super) fn runs(history: &History, vertices: &[&Vertex]) -> Vec<Run> {
    let mut found: Vec<Run> = Vec::new();
    let mut disturbed_ms = i64::MIN;
    let mut before: Option<&Point> = None;
    for point in &history.points {
        let previous = before.replace(point);
        let same_graph = vertices
            .iter()
            .all(|vertex| point.shape.parallelism.contains_key(&vertex.id));
        if !same_graph || point.running <= 0.0 || point.to_ms <= point.from_ms {
            continue;
        }
        let began_within = point.pairs <= 1
            && point
                .running_since_ms
                .is_some_and(|since| since > point.from_ms);
        let changed = previous
            .is_some_and(|before| before.shape != point.shape || before.job_id != point.job_id);
        let disturbed = point.restarts > 0 || point.running < 0.99 || began_within || changed;
        if disturbed {
            disturbed_ms = point.to_ms;
        }
        match found.last_mut() {
            Some(run) if run.shape == point.shape => run.to_ms = point.to_ms,
            _ => found.push(Run {
                shape: point.shape.clone(),
                from_ms: point.from_ms,
                to_ms: point.to_ms,
                moments: Vec::new(),
            }),
        }
        let warm = point.pairs > 1 || point.from_ms >= disturbed_ms.saturating_add(WARM_MS);
        if let Some(run) = found.last_mut().filter(|_| !disturbed) {
            run.moments.extend(moment(point, vertices, warm));
        }
    }
    found
}

fn moment(point: &Point, vertices: &[&Vertex], warm: bool) -> Option<Moment> {
    let seen = |vertex: &&Vertex| point.vertices.get(&vertex.id);
    let rate = |vertex: &&Vertex| -> Option<f64> {
        let own = seen(vertex)?;
        let stat = if vertex.is_source() {
            own.in_per_second.or(own.out_per_second)?
        } else {
            own.in_per_second?
        };
        (stat.mean.is_finite() && stat.mean >= 0.0).then_some(stat.mean)
    };
    let mut load = 0.0;
    let mut waiting = false;
    let mut outside = 0.0;
    for source in vertices.iter().filter(|vertex| vertex.is_source()) {
        let read = rate(source)?;
        load += read;
        let pending = seen(source).and_then(|own| own.pending);
        let pending = pending.map_or(0.0, |pending| pending.mean);
        outside += pending;
        waiting |= pending > read * BACKLOG_SECONDS && pending > 1.0;
    }
    let limit = point.shape.cpu_millis as f64 / 1000.0;
    let cores = point
        .task_managers
        .cpu_cores
        .map(|cores| cores.mean)
        .filter(|cores| cores.is_finite() && *cores > 0.0);
    let busiest = point.task_managers.cpu_cores_max.map(|cores| cores.mean);
    let each = cores.map(|cores| cores / f64::from(point.shape.task_managers.max(1)));
    Some(Moment {
        from_ms: point.from_ms,
        to_ms: point.to_ms,
        load,
        records: vertices.iter().map(rate).collect(),
        busy: vertices
            .iter()
            .map(|vertex| Some(seen(vertex)?.busy?.mean))
            .collect(),
        busy_median: vertices
            .iter()
            .map(|vertex| Some(seen(vertex)?.busy_median?.mean))
            .collect(),
        cores,
        used: busiest
            .or(each)
            .filter(|_| limit > 0.0)
            .map(|used| used / limit),
        collecting: point.task_managers.gc_share.map(|share| share.mean),
        heap: point.task_managers.heap_used.map(|used| used.min),
        heap_max: point.task_managers.heap_max,
        state: point.checkpoints.state_bytes.map(|state| state.mean),
        checkpoint_ms: point.checkpoints.duration_ms.map(|took| took.p50),
        interval_ms: point.checkpoints.interval_ms.map(|ms| ms as f64),
        managed: point.task_managers.pools.map(|pools| pools.managed as f64),
        pending: outside,
        waiting,
        held_back: vertices.iter().any(|vertex| {
            seen(vertex)
                .and_then(|own| own.backpressured)
                .is_some_and(|share| share.mean >= 0.2)
        }),
        warm,
    })
}

impl Moment {
    pub(super) fn seconds(&self) -> f64 {
        (self.to_ms - self.from_ms).max(0) as f64 / 1000.0
    }
}

impl Run {
    /// Parallelism of each vertex.
    pub(super) fn parallelism(&self, vertices: &[&Vertex]) -> Vec<u32> {
        let own = |vertex: &&Vertex| self.shape.parallelism.get(&vertex.id).copied();
        vertices
            .iter()
            .map(|vertex| own(vertex).unwrap_or(1).max(1))
            .collect()
    }

    /// The median of what its moments say, of those that say it.
    pub(super) fn median(&self, pick: impl Fn(&Moment) -> Option<f64>) -> Option<f64> {
        let mut values: Vec<f64> = self
            .moments
            .iter()
            .filter_map(pick)
            .filter(|value| value.is_finite())
            .collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied()
    }
}
