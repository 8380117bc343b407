//! What a restart costs: how far the lag jumps, in seconds of the load.

use super::arrivals::{disturbed, sources};
use crate::snapshot::{History, Point, Vertex};

/// A restart costs no less than this, whatever a single observation says, and no more counts as one.
const RANGE_SECONDS: (f64, f64) = (30.0, 900.0);

/// The longest pause that the restarts of the history left behind in the lag, seconds; absent where no restart can be
/// seen in it. What was worked off before the next look is not seen: the default stands below it.
pub(super) fn observed_pause_seconds(history: &History) -> Option<f64> {
    let sources = sources(history);
    let mut longest: Option<f64> = None;
    for pair in history.points.windows(2) {
        let [before, after] = pair else { continue };
        let began_again = after
            .running_since_ms
            .is_some_and(|since| since > after.from_ms);
        if !disturbed(after, Some(before)) || !began_again {
            continue;
        }
        let (Some(lag_before), Some(lag)) = (lag(&sources, before), lag(&sources, after)) else {
            continue;
        };
        let rate: Option<f64> = sources.iter().map(|source| rate(source, before)).sum();
        let Some(rate) = rate.filter(|rate| *rate > 0.0) else {
            continue;
        };
        let seconds = (lag - lag_before) / rate;
        if seconds.is_finite() && seconds > 0.0 {
            let seconds = seconds.clamp(RANGE_SECONDS.0, RANGE_SECONDS.1);
            longest = Some(longest.map_or(seconds, |longest| longest.max(seconds)));
        }
    }
    longest
}

/// Records that wait outside at the end of a point, all sources together; absent when none tells.
pub(super) fn lag(sources: &[&Vertex], point: &Point) -> Option<f64> {
    let mut total = None;
    for source in sources {
        if let Some(pending) = point.vertices.get(&source.id).and_then(|seen| seen.pending) {
            total = Some(total.unwrap_or(0.0) + pending.mean);
        }
    }
    total
}

fn rate(source: &Vertex, point: &Point) -> Option<f64> {
    let seen = point.vertices.get(&source.id)?;
    Some(seen.in_per_second.or(seen.out_per_second)?.mean)
}
