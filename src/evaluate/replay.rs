//! What a load needs, by replaying it against the lag that users accept: a short burst is worked off, and is no peak to be paid for.

use super::arrivals::Arrival;

/// Part of the accepted lag that the replay may use: the rest is for what a restart adds.
const PART: f64 = 0.75;
/// A hole longer than this begins anew, milliseconds.
const HOLE_MS: i64 = 3_600_000;
const ROUNDS: usize = 30;

/// The smallest rate, records/s, at which the lag stays within a part of what users accept; at most the highest five minutes, and at
/// least what arrived through the last two of them: a rise that has not ended is no burst.
pub(super) fn needed(found: &[Arrival], lag_limit_seconds: f64) -> f64 {
    let highest = found.iter().map(|one| one.per_second).fold(0.0, f64::max);
    let allowed = lag_limit_seconds.max(0.0) * PART;
    let latest = found.iter().rev().take(2).map(|one| one.per_second);
    let (mut low, mut high) = (latest.fold(highest, f64::min), highest);
    for _ in 0..ROUNDS {
        let middle = (low + high) / 2.0;
        if stays(found, middle, allowed) {
            high = middle;
        } else {
            low = middle;
        }
    }
    high
}

fn stays(found: &[Arrival], capacity: f64, allowed: f64) -> bool {
    let mut waiting = 0.0f64;
    let mut before = i64::MIN;
    for one in found {
        if one.from_ms.saturating_sub(before) > HOLE_MS {
            waiting = 0.0;
        }
        before = one.to_ms;
        let seconds = (one.to_ms - one.from_ms) as f64 / 1000.0;
        waiting = (waiting + (one.per_second - capacity) * seconds).max(0.0);
        if waiting > allowed * one.per_second.max(1e-9) {
            return false;
        }
    }
    true
}

/// Where a rising load leads within some hours: the slope of the last ninety minutes less half of its error; the level now where it
/// does not rise, or only within what was seen before. Where the same hours of the day before are known, no more than they rose, and a
/// little.
pub(super) fn ahead(found: &[Arrival], hours: f64) -> Option<Ahead> {
    const SPAN_MS: i64 = 90 * 60_000;
    const BLOCK_MS: i64 = 30 * 60_000;
    const DAY_MS: i64 = 24 * 3_600_000;
    let last = found.last()?;
    let recent: Vec<(f64, f64)> = found
        .iter()
        .rev()
        .take_while(|one| one.from_ms >= last.to_ms - SPAN_MS)
        .map(|one| {
            (
                one.to_ms.saturating_sub(last.to_ms) as f64 / 3.6e6,
                one.per_second,
            )
        })
        .collect();
    if recent.len() < 6 {
        return None;
    }
    let n = recent.len() as f64;
    let mean = |pick: &dyn Fn(&(f64, f64)) -> f64| recent.iter().map(pick).sum::<f64>() / n;
    let (x, y) = (mean(&|one| one.0), mean(&|one| one.1));
    let sxx: f64 = recent.iter().map(|one| (one.0 - x).powi(2)).sum();
    let sxy: f64 = recent.iter().map(|one| (one.0 - x) * (one.1 - y)).sum();
    if sxx <= 0.0 {
        return None;
    }
    let slope = sxy / sxx;
    let rest: f64 = recent
        .iter()
        .map(|one| (one.1 - y - slope * (one.0 - x)).powi(2))
        .sum();
    // Neighbouring five minutes of a load are alike: the error is larger than independent ones would have.
    let error = 2.0 * (rest / (n - 2.0) / sxx).sqrt();
    let level = (y - slope * x).max(0.0);
    // A burst is no trend: each half hour lies above the one before, and above all that was seen.
    let block = |back: i64| {
        let end = last.to_ms - back * BLOCK_MS;
        mean_between(found, end - BLOCK_MS, end)
    };
    let rises = match (block(2), block(1), block(0)) {
        (Some(first), Some(second), Some(third)) => {
            let highest = (3..48).filter_map(&block).fold(0.0, f64::max);
            first < second && second < third && third >= highest * 0.97
        }
        _ => false,
    };
    let slope = if rises { slope } else { slope.min(0.0) };
    let surely = (slope.abs() - 0.5 * error).max(0.0) * slope.signum();
    let mut to = level + surely.max(0.0) * hours;
    let first = found.first()?.from_ms;
    if last.to_ms - first > DAY_MS {
        let back = last.to_ms - DAY_MS;
        let long = (hours * 3.6e6) as i64;
        if let (Some(level_then), Some(later)) = (
            mean_between(found, back - BLOCK_MS, back),
            found
                .iter()
                .filter(|one| one.from_ms >= back && one.to_ms <= back + long)
                .map(|one| one.per_second)
                .reduce(f64::max),
        ) && level_then > 0.0
        {
            to = to.min(later * (level / level_then).clamp(1.0, 1.5));
        }
    }
    Some(Ahead {
        level,
        to: to.min(level * 2.5).max(level),
    })
}

fn mean_between(found: &[Arrival], from_ms: i64, to_ms: i64) -> Option<f64> {
    let rates: Vec<f64> = found
        .iter()
        .filter(|one| one.from_ms >= from_ms && one.to_ms <= to_ms)
        .map(|one| one.per_second)
        .collect();
    (!rates.is_empty()).then(|| rates.iter().sum::<f64>() / rates.len() as f64)
}

/// A load that may rise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Ahead {
    /// Now, records/s.
    pub(super) level: f64,
    /// Then.
    pub(super) to: f64,
}
