//! The points that a look of an autoscaler would fall into: the newest ones of the present run.

use crate::evaluate::arrivals::disturbed;
use crate::snapshot::{History, Point};

/// Pauses of longer are no restart of the job but a time in which it was meant to stand still.
const LONGEST_PAUSE_MS: i64 = 3_600_000;

/// Undisturbed points that begin within the last `window_ms` of the history, since the last restart; at least the newest
/// `least` if there are so many, for looks may be further apart than the window is long.
pub(super) fn recent(history: &History, window_ms: i64, least: usize) -> &[Point] {
    let points = &history.points[..];
    let Some(last) = points.last() else {
        return points;
    };
    let from = last.to_ms.saturating_sub(window_ms);
    let mut begin = points.len();
    while begin > 0 {
        let place = begin - 1;
        let before = place.checked_sub(1).map(|place| &points[place]);
        let enough = points.len() - begin >= least;
        if disturbed(&points[place], before) || (enough && points[place].from_ms < from) {
            break;
        }
        begin = place;
    }
    &points[begin..]
}

/// How long each restart in the history took: from the last look at which the job ran to the time since which it ran again,
/// milliseconds. Restarts between two looks are not seen.
pub fn restarts_ms(history: &History) -> Vec<i64> {
    let pairs = history.points.windows(2);
    let pauses = pairs.filter_map(|pair| {
        let [before, after] = pair else { return None };
        let again =
            before.job_id != after.job_id || before.running_since_ms != after.running_since_ms;
        let pause = after.running_since_ms? - before.to_ms;
        (again && pause > 0 && pause < LONGEST_PAUSE_MS).then_some(pause)
    });
    pauses.collect()
}
