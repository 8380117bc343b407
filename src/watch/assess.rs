//! The verdict on one merged change.

use super::assessment::{Assessment, Shift, WaitingFor};
use super::baseline::measure;
use super::breach::{Watched, not_running};
use super::live::{Liveness, Match, liveness, matches, told};
use super::reconciled::rolled_back;
use super::signals::{Graph, is_hole, length_ms, usual_pair_ms};
use crate::record::{Evidence, FieldChange, Thresholds};
use crate::snapshot::{History, JobState, Point};

const DAY_MS: i64 = 24 * 3_600_000;

/// The share of the window that must be covered by data before a change settles.
const COVERAGE: f64 = 0.8;

/// What git says of a change.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Merge {
    /// When it was merged, Unix milliseconds.
    pub at_ms: i64,
    /// What took its place, if something did: the digest of a later change of the same fields, or a person's commit.
    pub superseded_by: Option<String>,
    /// Its merged revert, if there is one.
    pub reverted_by: Option<String>,
}

/// Judges a merged change by its evidence and the job's history, as known at `now_ms`; later points are not looked at.
///
/// Hard failures (memory that ran out, a crash loop, a job that does not come up) regress at once, all other thresholds when they are
/// sustained. Without data there is no verdict: neither regressed nor settled.
pub fn assess(evidence: &Evidence, merge: &Merge, history: &History, now_ms: i64) -> Assessment {
    if let Some(by) = &merge.reverted_by {
        return Assessment::Reverted { by: by.clone() };
    }
    if let Some(by) = &merge.superseded_by {
        return Assessment::Superseded { by: by.clone() };
    }
    // The graph may be told by a later snapshot too: vertices keep their names.
    let graph = Graph::of(history);
    let known;
    let history = if history
        .points
        .last()
        .is_some_and(|point| point.to_ms > now_ms)
    {
        known = until(history, now_ms);
        &known
    } else {
        history
    };
    let (live_since_ms, left, pending) = match liveness(evidence, merge.at_ms, history) {
        Liveness::Since(since_ms) => (Some(since_ms), None, String::new()),
        Liveness::Left {
            since_ms,
            left_ms,
            message,
        } => (Some(since_ms), Some((left_ms, message)), String::new()),
        Liveness::NotYet(message) => (None, None, message),
    };
    let watched = live_since_ms.map(|since| Watched::new(evidence, &graph, history, since));
    let mut breaches = watched.as_ref().map(Watched::breaches).unwrap_or_default();
    // What hurts while something else runs is not the change's doing; an operator that rolled a crash back does not undo it.
    if let Some((left_ms, _)) = &left {
        breaches.retain(|breach| breach.since_ms < *left_ms);
    }
    let down = down(evidence, merge, history, live_since_ms, now_ms);
    breaches.splice(0..0, down.filter(|_| left.is_none()));
    // The cluster no longer runs what git says: the revert brings git back to it.
    breaches.splice(0..0, tried_in_vain(evidence, merge, history));
    if !breaches.is_empty() {
        return Assessment::Regressed {
            live_since_ms,
            breaches,
        };
    }
    if let Some(blind) = blind(evidence, merge, history, now_ms) {
        return blind;
    }
    if let Some((_, message)) = left {
        return Assessment::Waiting {
            reason: WaitingFor::NotInForce,
            message: format!("the cluster no longer runs what was merged: {message}"),
            since_ms: live_since_ms.unwrap_or(merge.at_ms),
        };
    }
    match watched {
        Some(watched) => watch(evidence, &graph, &watched, now_ms),
        None => waiting(merge, history, pending),
    }
}

/// The history as it was known then.
fn until(history: &History, now_ms: i64) -> History {
    let mut known = history.clone();
    known.points.retain(|point| point.to_ms <= now_ms);
    for snapshot in [&mut known.latest, &mut known.latest_running] {
        if snapshot
            .as_ref()
            .is_some_and(|snapshot| snapshot.taken_at_ms > now_ms)
        {
            *snapshot = None;
        }
    }
    known
}

fn waiting(merge: &Merge, history: &History, message: String) -> Assessment {
    let state = history
        .latest
        .as_ref()
        .filter(|latest| latest.taken_at_ms >= merge.at_ms);
    let (reason, message) = match state.map(|latest| latest.state) {
        Some(JobState::Stopped) => (
            WaitingFor::Stopped,
            "the job is stopped: there is nothing to watch".to_string(),
        ),
        Some(JobState::Starting) => (WaitingFor::Starting, "the job is starting".to_string()),
        _ => (WaitingFor::NotLive, message),
    };
    Assessment::Waiting {
        reason,
        message,
        since_ms: merge.at_ms,
    }
}

/// The breach of a job that is down since the change: failed for longer than the warm-up, or starting for three times as long.
/// One that was down before the merge already is not the change's fault.
fn down(
    evidence: &Evidence,
    merge: &Merge,
    history: &History,
    live_since_ms: Option<i64>,
    now_ms: i64,
) -> Option<super::Breach> {
    let limits = &evidence.thresholds;
    let latest = history.latest.as_ref()?;
    let fresh = now_ms.saturating_sub(latest.taken_at_ms) <= limits.blind_after_ms;
    let limit_ms = match latest.state {
        JobState::Failed => limits.warm_up_ms,
        JobState::Starting => limits.warm_up_ms.saturating_mul(3),
        _ => return None,
    };
    let ran_until = history
        .points
        .iter()
        .rev()
        .find(|point| point.running_since_ms.is_some() && point.running > 0.0)
        .map(|point| point.to_ms)?;
    let ran_when_merged =
        live_since_ms.is_some() || ran_until.saturating_add(limits.blind_after_ms) >= merge.at_ms;
    let since_ms = ran_until.max(merge.at_ms);
    let long = latest.taken_at_ms.saturating_sub(since_ms) >= limit_ms.max(1);
    (fresh && ran_when_merged && long).then(|| not_running(since_ms, latest.taken_at_ms, limit_ms))
}

/// The breach of a change that the operator tried and rolled back.
fn tried_in_vain(evidence: &Evidence, merge: &Merge, history: &History) -> Option<super::Breach> {
    let seen_ms = rolled_back(evidence, merge.at_ms, history)?;
    let limit_ms = evidence.thresholds.warm_up_ms;
    Some(super::Breach {
        message: "the operator rolled the change back: the job did not become stable with it"
            .to_string(),
        ..not_running(merge.at_ms, seen_ms, limit_ms)
    })
}

/// Says that nothing was heard of the job for too long.
fn blind(evidence: &Evidence, merge: &Merge, history: &History, now_ms: i64) -> Option<Assessment> {
    let limit = evidence.thresholds.blind_after_ms;
    let answered = |snapshot: &crate::snapshot::Snapshot| {
        (snapshot.state != JobState::Unreachable).then_some(snapshot.taken_at_ms)
    };
    let points = history
        .points
        .iter()
        .rev()
        .find(|point| tells_something(point))
        .map(|point| point.to_ms);
    let idle = history
        .latest
        .iter()
        .filter(|latest| latest.state != JobState::Running)
        .find_map(answered);
    let heard = points.into_iter().chain(idle).max();
    let since_ms = heard.unwrap_or(merge.at_ms).max(merge.at_ms);
    (now_ms.saturating_sub(since_ms) > limit).then(|| Assessment::Blind {
        since_ms,
        message: format!(
            "no data of the job for {:.1} h: the change is neither judged nor settled until there is",
            now_ms.saturating_sub(since_ms) as f64 / 3_600_000.0
        ),
    })
}

/// Whether a point holds anything that can be judged.
fn tells_something(point: &Point) -> bool {
    point.running > 0.0 && (!point.vertices.is_empty() || point.restarts > 0)
}

/// The verdict on a live change that nothing speaks against so far.
fn watch(evidence: &Evidence, graph: &Graph, watched: &Watched<'_>, now_ms: i64) -> Assessment {
    let live_since_ms = watched.live_since_ms;
    let window_ms = window_ms(&evidence.thresholds, live_since_ms);
    let until_ms = live_since_ms.saturating_add(window_ms);
    let usual_ms = usual_pair_ms(&watched.history.points);
    let in_window: Vec<&Point> = watched
        .live
        .iter()
        .copied()
        .filter(|point| tells_something(point) && !is_hole(point, usual_ms))
        .collect();
    let seen_ms: i64 = in_window.iter().map(|point| length_ms(point)).sum();
    let shifts = shifts(evidence, graph, &watched.calm);
    let note = if now_ms < until_ms {
        None
    } else if (seen_ms as f64) < window_ms as f64 * COVERAGE {
        Some("the window is over, but too little of it was seen; it is watched until that is made up".to_string())
    } else if watched.is_suspicious() {
        Some("the window is over, but a signal is above its limit just now".to_string())
    } else {
        let told = told(evidence, watched.history);
        return settled(evidence, &told, &in_window, live_since_ms, until_ms, shifts);
    };
    Assessment::Watching {
        live_since_ms,
        until_ms,
        seen_ms,
        shifts,
        note,
    }
}

fn settled(
    evidence: &Evidence,
    told: &[FieldChange],
    in_window: &[&Point],
    live_since_ms: i64,
    at_ms: i64,
    shifts: Vec<Shift>,
) -> Assessment {
    let (mut ran, mut all) = (0.0, 0.0);
    for point in in_window {
        let length = length_ms(point) as f64;
        all += length;
        if !matches!(matches(told, &point.shape), Match::No(_)) {
            ran += length;
        }
    }
    let predicted = evidence
        .saving
        .as_ref()
        .map(|saving| saving.cost_before_per_month - saving.cost_after_per_month);
    Assessment::Settled {
        live_since_ms,
        at_ms,
        shifts,
        predicted_per_month: predicted,
        realised_per_month: predicted
            .filter(|_| all > 0.0)
            .map(|predicted| predicted * ran / all),
        currency: evidence
            .saving
            .as_ref()
            .map(|saving| saving.currency.clone()),
    }
}

/// The window's length from when the change is live: the longer one when a Saturday or Sunday (UTC) falls into the plain one.
fn window_ms(limits: &Thresholds, live_since_ms: i64) -> i64 {
    let first = live_since_ms.div_euclid(DAY_MS);
    let last = live_since_ms
        .saturating_add(limits.window_ms.max(1) - 1)
        .div_euclid(DAY_MS);
    // The first of January 1970 was a Thursday: day 2 after it a Saturday, day 3 a Sunday.
    let weekend = last - first >= 6 || (first..=last).any(|day| matches!(day.rem_euclid(7), 2 | 3));
    if weekend {
        limits.window_weekend_ms.max(limits.window_ms)
    } else {
        limits.window_ms
    }
}

fn shifts(evidence: &Evidence, graph: &Graph, calm: &[&Point]) -> Vec<Shift> {
    let before = &evidence.baseline;
    let after = measure(graph, calm);
    let shift = |name: &str, unit: &str, before: Option<f64>, after: Option<f64>| Shift {
        name: name.to_string(),
        unit: unit.to_string(),
        before,
        after,
    };
    let all = [
        shift(
            "load",
            "records/s",
            before.load_per_second,
            after.load_per_second,
        ),
        shift("busy", "share", before.busy_share, after.busy_share),
        shift(
            "backpressure",
            "share",
            before.backpressure_share,
            after.backpressure_share,
        ),
        shift("lag", "ms", before.lag_ms, after.lag_ms),
        shift(
            "restarts",
            "a day",
            before.restarts_per_day,
            after.restarts_per_day,
        ),
        shift(
            "checkpoint duration",
            "ms",
            before.checkpoint_duration_ms,
            after.checkpoint_duration_ms,
        ),
        shift(
            "failed checkpoints",
            "share",
            before.checkpoint_failure_share,
            after.checkpoint_failure_share,
        ),
        shift(
            "garbage collection",
            "share",
            before.gc_share,
            after.gc_share,
        ),
    ];
    all.into_iter()
        .filter(|shift| shift.before.is_some() || shift.after.is_some())
        .collect()
}
