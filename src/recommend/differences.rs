//! Why ours differs from what another evaluator says: one sentence each, from the numbers of the job.

use super::side_by_side::{Opinion, Says};
use super::{Advice, Present, Size};
use crate::evaluate::backlog::Job as BacklogJob;
use crate::evaluate::inputs::{TrueRateAnswer, VertexSizing};
use crate::evaluate::latency_violation::Advice as LatencyAdvice;
use crate::evaluate::true_rate::decision::Hold;
use crate::snapshot::History;

/// Busy share from which a vertex that is to shrink deserves a word.
const BUSY: f64 = 0.9;
/// Share of its cores from which a TaskManager makes threads wait.
const SCARCE: f64 = 0.85;
/// Records of the busiest subtask over those of the mean one from which a key is called hot.
const SKEWED: f64 = 1.5;

/// What is known beside an opinion.
pub(super) struct Known<'a> {
    pub(super) history: &'a History,
    pub(super) present: &'a Present,
    pub(super) advice: &'a Advice,
    /// Our size; the one in force where we say nothing.
    pub(super) ours: &'a Size,
}

impl Known<'_> {
    fn name(&self, id: &str) -> String {
        let seen = self.history.latest_running.as_ref();
        let vertex = seen.and_then(|seen| seen.vertices.iter().find(|vertex| vertex.id == id));
        let name: String = vertex
            .map_or(id, |vertex| &vertex.name)
            .chars()
            .take(40)
            .collect();
        format!("`{name}`")
    }

    /// Why we give fewer slots than the autoscaler: what holds the vertex that it would grow.
    fn why_less(&self, answer: &TrueRateAnswer) -> String {
        let last = self.history.points.last();
        let share = last.and_then(|point| {
            let cores = point.shape.cpu_millis as f64 / 1000.0;
            let used = point.task_managers.cpu_cores_max?.mean;
            (cores > 0.0).then(|| used / cores)
        });
        if let Some(share) = share.filter(|share| *share >= SCARCE) {
            return format!(
                "the fullest TaskManager uses {:.0} % of its cores, so that busy time there is waiting for a core; it reads no CPU",
                share * 100.0
            );
        }
        let grown = answer
            .vertices
            .iter()
            .filter(|(_, vertex)| vertex.wanted > vertex.parallelism);
        let skew = grown.filter_map(|(id, _)| Some((id, last?.vertices.get(id)?.in_skew?.mean)));
        if let Some((id, skew)) = skew
            .max_by(|a, b| a.1.total_cmp(&b.1))
            .filter(|(_, skew)| *skew >= SKEWED)
        {
            return format!(
                "the busiest subtask of {} gets {skew:.1} times the records of the mean one, and more subtasks do not split a key",
                self.name(id)
            );
        }
        "it aims at its utilization target in every vertex, with an assumed restart and capacity in proportion to parallelism; ours at \
         the load of the whole history, with the chance of being short"
            .to_owned()
    }

    /// Records/s that the sources are taken to get by the autoscaler.
    fn their_load(&self, answer: &TrueRateAnswer) -> f64 {
        let seen = self.history.latest_running.as_ref();
        let sources = seen.into_iter().flat_map(|seen| &seen.vertices);
        sources
            .filter(|vertex| vertex.is_source())
            .filter_map(|vertex| answer.vertices.get(&vertex.id)?.target_per_second)
            .sum()
    }
}

/// The changes of the vertex that moves most, or why nothing is applied.
pub(super) fn true_rate_message(known: &Known<'_>, answer: &TrueRateAnswer) -> String {
    let moved = |vertex: &VertexSizing| vertex.wanted.abs_diff(vertex.parallelism);
    let most = answer
        .vertices
        .iter()
        .filter(|(_, vertex)| moved(vertex) > 0)
        .max_by_key(|(_, vertex)| moved(vertex));
    let change = most.map(|(id, vertex)| {
        let others = answer
            .vertices
            .values()
            .filter(|vertex| moved(vertex) > 0)
            .count()
            - 1;
        let more = match others {
            0 => String::new(),
            others => format!(" and {others} more"),
        };
        let busy = vertex.load.map_or(String::new(), |load| {
            format!(", busy {:.0} %", load * 100.0)
        });
        format!(
            "{} {} → {}{busy}{more}",
            known.name(id),
            vertex.parallelism,
            vertex.wanted
        )
    });
    let change = change.unwrap_or_else(|| "no vertex changes".to_owned());
    match answer.hold {
        Some(Hold::WithinTarget) => "no vertex is outside its utilization band".to_owned(),
        Some(Hold::MemoryPressure) => {
            "garbage collection or heap use forbid it to scale".to_owned()
        }
        Some(Hold::ScalingDisabled) => {
            format!("only recommends ({change}): scaling is switched off")
        }
        Some(Hold::ExcludedPeriod) => format!("waits ({change}): now is an excluded period"),
        Some(Hold::ClusterCapacity) => format!("does nothing ({change}): the cluster has no room"),
        Some(Hold::Quota) => format!("does nothing ({change}): its quota is reached"),
        None if answer.waits_ms > 0 => {
            format!(
                "{change}; what shrinks waits {} min first",
                answer.waits_ms / 60_000
            )
        }
        None => change,
    }
}

pub(super) fn silent(known: &Known<'_>) -> String {
    match known.advice {
        Advice::Undetermined(_) => "neither says anything".to_owned(),
        _ => "ours does without what it lacks: a vertex that is not known is left out, not the job"
            .to_owned(),
    }
}

pub(super) fn true_rate(known: &Known<'_>, answer: &TrueRateAnswer, theirs: &Opinion) -> String {
    if matches!(known.advice, Advice::Undetermined(_)) {
        return "ours says nothing yet: a decision from minutes would be a guess".to_owned();
    }
    let Some(size) = theirs.size.as_ref() else {
        return silent(known);
    };
    let minutes = answer_minutes(known);
    let (slots, own) = (size.slots(), known.ours.slots());
    if slots < own {
        let busy = answer.vertices.iter().find(|(_, vertex)| {
            vertex.wanted < vertex.parallelism && vertex.load.is_some_and(|load| load >= BUSY)
        });
        if let Some((id, vertex)) = busy {
            return format!(
                "it shrinks {}, which is {:.0} % busy, because the sources' rates make its need look small; ours never takes \
                 from what is full",
                known.name(id),
                vertex.load.unwrap_or(0.0) * 100.0
            );
        }
        if let Advice::Change(change) = known.advice {
            let demand = &change.demand;
            return format!(
                "it sizes for the last {minutes} minutes ({:.0} records/s) and takes capacity to follow parallelism; ours carries \
                 {:.0} records/s, from {:.1} days and with catching up after a restart",
                known.their_load(answer),
                demand.required_per_second,
                demand.history_ms as f64 / 86_400_000.0
            );
        }
        return format!(
            "it sizes for the last {minutes} minutes; ours for the highest load of the history, and counts the restart as a cost"
        );
    }
    if slots > own {
        return known.why_less(answer);
    }
    let now = &known.present.size;
    if known.ours.cpu_millis != now.cpu_millis
        || known.ours.memory_bytes != now.memory_bytes
        || known.ours.slots_per_task_manager != now.slots_per_task_manager
    {
        return "as many slots; it never changes CPU or slots of a TaskManager, and knows no price"
            .to_owned();
    }
    "it does not".to_owned()
}

fn answer_minutes(known: &Known<'_>) -> i64 {
    let read = crate::evaluate::inputs::autoscaler_options(
        &known.present.configuration,
        crate::evaluate::true_rate::options::Profile::Next,
    );
    read.options.metrics_window_ms / 60_000
}

pub(super) fn autotune(known: &Known<'_>, theirs: &Opinion) -> String {
    let Some(size) = theirs.size.as_ref() else {
        return silent(known);
    };
    match size.memory_bytes.cmp(&known.ours.memory_bytes) {
        std::cmp::Ordering::Less => {
            "it takes the mean of what the fullest TaskManager used in its window and 20 % more, without a floor; ours keeps the \
             limit of the peaks, growth of state, and Flink's own minimum"
        }
        std::cmp::Ordering::Greater => {
            "it keeps managed memory as configured while any of it is in use, and buffers for every edge; ours keeps what was seen \
             to be needed"
        }
        std::cmp::Ordering::Equal => "it does not",
    }
    .to_owned()
}

/// The numbers behind the backlog rule's size.
pub(super) fn backlog_message(job: &BacklogJob, task_managers: u32) -> String {
    let cpu = job.cpu.unwrap_or(0.0) * 100.0;
    let waits = match (job.backlog, job.throughput) {
        (Some(backlog), Some(throughput)) if throughput > 0.0 => backlog / throughput,
        _ => 0.0,
    };
    format!(
        "TaskManagers {} → {task_managers}: CPU {cpu:.0} %, the backlog takes {waits:.0} s",
        job.task_managers
    )
}

pub(super) fn backlog(known: &Known<'_>, theirs: &Opinion) -> String {
    let Some(size) = theirs.size.as_ref() else {
        return silent(known);
    };
    if theirs.says == Says::Keep && known.ours == &known.present.size {
        return "it does not".to_owned();
    }
    match size.slots().cmp(&known.ours.slots()) {
        std::cmp::Ordering::Less => {
            "it shrinks by the CPU of the last quarter of an hour alone; ours also by the busiest subtask, memory and the highest load"
        }
        std::cmp::Ordering::Greater => {
            "it buys TaskManagers to clear what waits within 60 s, or keeps them; ours has hours for a backlog, and sizes for the load"
        }
        std::cmp::Ordering::Equal => "as many slots; it knows no other size of a TaskManager",
    }
    .to_owned()
}

/// What the latency rule says where it does not grow the job.
pub(super) fn latency_message(advice: &LatencyAdvice) -> String {
    match advice {
        LatencyAdvice::Keep { violations: 0 } => "latency is within its bound".to_owned(),
        LatencyAdvice::Keep { violations } => {
            format!("latency is above its bound {violations} times in a row; it acts on the third")
        }
        LatencyAdvice::NoRoom { missing_slots, .. } => {
            format!("latency is above its bound, but {missing_slots} slots are missing to grow")
        }
        LatencyAdvice::NothingToGrow | LatencyAdvice::Grow(_) => {
            "latency is above its bound, but the slowest vertex needs no more subtasks, or can't have more"
                .to_owned()
        }
    }
}

pub(super) fn latency(theirs: &Opinion) -> String {
    match theirs.says {
        Says::Nothing => {
            "ours goes by lag and backpressure, which this job does report or names as missing"
        }
        _ => "it only ever grows, and only after three violations",
    }
    .to_owned()
}
