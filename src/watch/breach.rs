//! The comparison of what is seen since a change is live with the thresholds in its evidence.

use super::assessment::{Breach, Signal};
use super::direction::{grew_in_every_dimension, is_shortage};
use super::growth::{grows, is_old_shortage, was_so_at_this_load};
use super::signals::{
    Graph, backpressure, gc_share, is_hole, length_ms, usual_pair_ms, worst_backpressure,
};
use super::sustained::{
    Run, Sample, failure_shares, hourly_checkpoint_medians, longest_run, most_within, runs_above,
    samples,
};
use super::words::sentence;
use crate::record::{Baseline, Evidence, Thresholds};
use crate::snapshot::{History, Point};
use serde_json::Value;
use std::collections::BTreeSet;
use std::ops::Range;

/// A restart so long after the last one is a single one.
const RESTARTS_APART_MS: i64 = 6 * 3_600_000;

/// Everything that a comparison looks at.
pub(super) struct Watched<'a> {
    pub(super) evidence: &'a Evidence,
    pub(super) graph: &'a Graph,
    pub(super) history: &'a History,
    /// Since when the change is live.
    pub(super) live_since_ms: i64,
    /// Points since it is live.
    pub(super) live: Vec<&'a Point>,
    /// Those of them behind the warm-up.
    pub(super) calm: Vec<&'a Point>,
}

impl<'a> Watched<'a> {
    /// What was seen since a change is live.
    pub(super) fn new(
        evidence: &'a Evidence,
        graph: &'a Graph,
        history: &'a History,
        live_since_ms: i64,
    ) -> Watched<'a> {
        let usual_ms = usual_pair_ms(&history.points);
        let live: Vec<&Point> = history
            .points
            .iter()
            .filter(|point| point.from_ms >= live_since_ms)
            .collect();
        let disturbed = disturbances(&evidence.thresholds, graph, &live, live_since_ms);
        let calm = live
            .iter()
            .copied()
            .filter(|point| !is_hole(point, usual_ms))
            .filter(|point| !disturbed.iter().any(|time| time.contains(&point.from_ms)))
            .collect();
        Watched {
            evidence,
            graph,
            history,
            live_since_ms,
            live,
            calm,
        }
    }

    fn limits(&self) -> &Thresholds {
        &self.evidence.thresholds
    }

    fn before(&self) -> &Baseline {
        &self.evidence.baseline
    }

    /// All thresholds that were passed, hard failures first. Left out is what the change did not do: of a growth the shortage that it
    /// answers, of one that grew in every dimension any shortage, and of any change what was so before it at the same load.
    pub(super) fn breaches(&self) -> Vec<Breach> {
        let grew = grows(self.evidence);
        let only_grew = grew_in_every_dimension(self.evidence);
        [
            self.out_of_memory(),
            self.restarts(),
            self.backpressure(),
            self.lag(),
            self.checkpoint_duration(),
            self.checkpoint_failures(),
            self.garbage_collection(),
        ]
        .into_iter()
        .flatten()
        .filter(|breach| !(only_grew && is_shortage(breach.signal)))
        .filter(|breach| !(grew && is_old_shortage(self, breach)))
        .filter(|breach| !was_so_at_this_load(self, breach))
        .collect()
    }

    /// Whether something is above its limit right now that has not lasted long enough yet: no time to settle.
    pub(super) fn is_suspicious(&self) -> bool {
        let limits = self.limits();
        let Some(last) = self.calm.last() else {
            return false;
        };
        let open = |of: Vec<Sample>, limit: f64| {
            runs_above(&of, limit, limits.backpressure_for_ms)
                .last()
                .is_some_and(|run| run.until_ms == last.to_ms)
        };
        open(
            samples(&self.calm, worst_backpressure),
            limits.backpressure_share,
        ) || open(
            samples(&self.calm, |point| self.graph.lag_ms(point)),
            limits.lag_ms as f64,
        ) || open(samples(&self.calm, gc_share), limits.gc_share)
    }

    fn breach(
        &self,
        signal: Signal,
        vertex: Option<String>,
        run: Run,
        limit: f64,
        before: Option<f64>,
    ) -> Breach {
        let load = load_during(self.graph, &self.live, run);
        let sized_for =
            sized_for_per_second(self.evidence).or(self.before().load_highest_per_second);
        let beyond = matches!((load, sized_for), (Some(load), Some(sized)) if load > sized);
        let mut breach = Breach {
            signal,
            vertex,
            value: run.mean,
            limit,
            before,
            since_ms: run.since_ms,
            until_ms: run.until_ms,
            load_per_second: load,
            sized_for_per_second: sized_for,
            beyond_sized: beyond,
            message: String::new(),
        };
        breach.message = sentence(&breach);
        breach
    }

    fn out_of_memory(&self) -> Option<Breach> {
        let limit = self.limits().out_of_memory.max(1);
        let hit: Vec<&&Point> = self
            .live
            .iter()
            .filter(|point| point.out_of_memory > 0)
            .collect();
        let counted: f64 = hit.iter().map(|point| f64::from(point.out_of_memory)).sum();
        let from = hit.first().map_or(0, |point| point.from_ms);
        let to = hit.last().map_or(0, |point| point.to_ms);
        // The newest snapshots name failures by their own time: those count even between two points.
        let snapshots = [&self.history.latest, &self.history.latest_running];
        let named: BTreeSet<i64> = snapshots
            .into_iter()
            .flatten()
            .flat_map(|snapshot| &snapshot.failures)
            .filter(|failure| failure.out_of_memory && failure.at_ms >= self.live_since_ms)
            .map(|failure| failure.at_ms)
            .collect();
        let (value, since_ms, until_ms) = match (named.first(), named.last()) {
            (Some(first), Some(last)) if named.len() as f64 >= counted => {
                (named.len() as f64, *first, *last)
            }
            _ => (counted, from, to),
        };
        let run = Run {
            since_ms,
            until_ms,
            mean: value,
        };
        (value >= f64::from(limit))
            .then(|| self.breach(Signal::OutOfMemory, None, run, f64::from(limit), None))
    }

    fn restarts(&self) -> Option<Breach> {
        let limits = self.limits();
        let (value, since_ms, until_ms) = most_within(
            &self.live,
            |point| point.restarts,
            limits.restarts_within_ms,
        )?;
        let run = Run {
            since_ms,
            until_ms,
            mean: value,
        };
        (value >= f64::from(limits.restarts.max(1))).then(|| {
            self.breach(
                Signal::Restarts,
                None,
                run,
                f64::from(limits.restarts),
                None,
            )
        })
    }

    /// The vertex that waits most, of those that wait too long.
    fn backpressure(&self) -> Option<Breach> {
        let limits = self.limits();
        let mut ids: Vec<&String> = self
            .calm
            .iter()
            .flat_map(|point| point.vertices.keys())
            .collect();
        ids.sort();
        ids.dedup();
        let worst = ids
            .into_iter()
            .filter_map(|id| {
                let of = samples(&self.calm, |point| backpressure(point.vertices.get(id)?));
                let run = longest_run(&of, limits.backpressure_share, limits.backpressure_for_ms)?;
                Some((id, run))
            })
            .max_by(|(_, one), (_, two)| one.mean.total_cmp(&two.mean))?;
        let (id, run) = worst;
        let before = self.before().backpressure_share;
        Some(self.breach(
            Signal::Backpressure,
            Some(self.graph.name(id)),
            run,
            limits.backpressure_share,
            before,
        ))
    }

    fn lag(&self) -> Option<Breach> {
        let limits = self.limits();
        let of = samples(&self.calm, |point| self.graph.lag_ms(point));
        let run = longest_run(&of, limits.lag_ms as f64, limits.lag_for_ms)?;
        Some(self.breach(
            Signal::Lag,
            None,
            run,
            limits.lag_ms as f64,
            self.before().lag_ms,
        ))
    }

    fn checkpoint_duration(&self) -> Option<Breach> {
        let limit = self.limits().checkpoint_duration_ms as f64;
        let run = worst_sample(&hourly_checkpoint_medians(&self.calm), limit)?;
        let before = self.before().checkpoint_duration_ms;
        Some(self.breach(Signal::CheckpointDuration, None, run, limit, before))
    }

    fn checkpoint_failures(&self) -> Option<Breach> {
        let limits = self.limits();
        let of = failure_shares(&self.calm, limits.checkpoint_failure_of);
        let run = worst_sample(&of, limits.checkpoint_failure_share)?;
        let before = self.before().checkpoint_failure_share;
        Some(self.breach(
            Signal::CheckpointFailures,
            None,
            run,
            limits.checkpoint_failure_share,
            before,
        ))
    }

    fn garbage_collection(&self) -> Option<Breach> {
        let limits = self.limits();
        let run = longest_run(
            &samples(&self.calm, gc_share),
            limits.gc_share,
            limits.backpressure_for_ms,
        )?;
        Some(self.breach(
            Signal::GarbageCollection,
            None,
            run,
            limits.gc_share,
            self.before().gc_share,
        ))
    }
}

/// The times that are not judged: after the change came live, and after a single restart later on (a drained node is not the
/// change's fault; one that restarts again within six hours is judged).
fn disturbances(
    limits: &Thresholds,
    graph: &Graph,
    live: &[&Point],
    live_since_ms: i64,
) -> Vec<Range<i64>> {
    let mut found = vec![settling(limits, graph, live, live_since_ms)];
    let mut last_ms = live_since_ms;
    for started_ms in live.iter().filter_map(|point| point.running_since_ms) {
        if started_ms.saturating_sub(last_ms) >= RESTARTS_APART_MS {
            found.push(settling(limits, graph, live, started_ms));
            last_ms = started_ms;
        }
    }
    found
}

/// The time after a start in which catching up is normal: the warm-up, and while the lag does not grow three times as long.
fn settling(limits: &Thresholds, graph: &Graph, live: &[&Point], started_ms: i64) -> Range<i64> {
    let warm_up = limits.warm_up_ms.max(0);
    let mut calm_from = started_ms.saturating_add(warm_up);
    let latest = started_ms.saturating_add(warm_up.saturating_mul(3));
    let mut last_lag = f64::INFINITY;
    let after = live
        .iter()
        .filter(|point| point.from_ms >= started_ms && point.to_ms <= latest);
    for point in after {
        let Some(lag) = graph.lag_ms(point) else {
            break;
        };
        if lag <= limits.lag_ms as f64 || lag > last_lag * 1.05 {
            break;
        }
        last_lag = lag.min(last_lag);
        calm_from = calm_from.max(point.to_ms);
    }
    started_ms..calm_from
}

/// The highest sample above a limit.
fn worst_sample(of: &[Sample], limit: f64) -> Option<Run> {
    of.iter()
        .filter_map(|sample| Some((sample, sample.value.filter(|value| *value > limit)?)))
        .max_by(|(_, one), (_, two)| one.total_cmp(two))
        .map(|(sample, value)| Run {
            since_ms: sample.from_ms,
            until_ms: sample.to_ms,
            mean: value,
        })
}

/// Mean load while a run lasted.
fn load_during(graph: &Graph, points: &[&Point], run: Run) -> Option<f64> {
    let (mut sum, mut time) = (0.0, 0.0);
    for point in points
        .iter()
        .filter(|point| point.to_ms > run.since_ms && point.from_ms < run.until_ms)
    {
        if let Some(load) = graph.load(point) {
            let weight = length_ms(point).max(1) as f64;
            sum += load * weight;
            time += weight;
        }
    }
    (time > 0.0).then(|| sum / time)
}

/// The load that a change was sized for, records/s: `load_per_second` of a demand among the evidence's details.
pub(super) fn sized_for_per_second(evidence: &Evidence) -> Option<f64> {
    let demand = |value: &Value| value.get("load_per_second").and_then(Value::as_f64);
    let direct = evidence.details.get("demand").and_then(demand);
    direct.or_else(|| {
        let recommendation = evidence.details.get("recommendation")?;
        demand(recommendation.get("demand")?)
    })
}

/// The breach of a job that does not come up.
pub(super) fn not_running(since_ms: i64, now_ms: i64, limit_ms: i64) -> Breach {
    let mut breach = Breach {
        signal: Signal::NotRunning,
        vertex: None,
        value: now_ms.saturating_sub(since_ms) as f64,
        limit: limit_ms as f64,
        before: None,
        since_ms,
        until_ms: now_ms,
        load_per_second: None,
        sized_for_per_second: None,
        beyond_sized: false,
        message: String::new(),
    };
    breach.message = sentence(&breach);
    breach
}
