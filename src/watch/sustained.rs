//! What lasts. One bad point is not a verdict: a level counts when consecutive points hold it for the whole time. A fifth of that time
//! may be missing between two of them, so that one failed look does not hide what lasts; whatever misses longer ends a run.

use crate::snapshot::Point;

/// A signal over a point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sample {
    pub(super) from_ms: i64,
    pub(super) to_ms: i64,
    pub(super) value: Option<f64>,
}

/// A time in which a signal stayed above a limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Run {
    pub(super) since_ms: i64,
    pub(super) until_ms: i64,
    /// Mean over that time.
    pub(super) mean: f64,
}

impl Run {
    pub(super) fn length_ms(&self) -> i64 {
        self.until_ms.saturating_sub(self.since_ms)
    }
}

/// A signal's samples.
pub(super) fn samples(points: &[&Point], signal: impl Fn(&Point) -> Option<f64>) -> Vec<Sample> {
    points
        .iter()
        .map(|point| Sample {
            from_ms: point.from_ms,
            to_ms: point.to_ms,
            value: signal(point),
        })
        .collect()
}

/// Whether so little is missing between two samples that they count as neighbours.
fn adjoin(one: &Sample, two: &Sample, for_ms: i64) -> bool {
    two.from_ms.saturating_sub(one.to_ms) <= for_ms / 5
}

/// The runs above a limit, in order; `for_ms` says what may be missing within one.
pub(super) fn runs_above(samples: &[Sample], limit: f64, for_ms: i64) -> Vec<Run> {
    let mut runs = Vec::new();
    let mut open: Vec<(Sample, f64)> = Vec::new();
    for sample in samples {
        let Some(value) = sample.value else {
            continue;
        };
        let joined = open
            .last()
            .is_none_or(|(last, _)| adjoin(last, sample, for_ms));
        if value <= limit || !joined {
            runs.extend(close(&open));
            open.clear();
        }
        if value > limit {
            open.push((*sample, value));
        }
    }
    runs.extend(close(&open));
    runs
}

fn close(open: &[(Sample, f64)]) -> Option<Run> {
    let (first, last) = (open.first()?, open.last()?);
    let weight = |sample: &Sample| (sample.to_ms - sample.from_ms).max(1) as f64;
    let total: f64 = open.iter().map(|(sample, _)| weight(sample)).sum();
    let sum: f64 = open
        .iter()
        .map(|(sample, value)| value * weight(sample))
        .sum();
    Some(Run {
        since_ms: first.0.from_ms,
        until_ms: last.0.to_ms,
        mean: sum / total,
    })
}

/// The longest run above a limit that lasts at least so long, the latest of equals.
pub(super) fn longest_run(samples: &[Sample], limit: f64, for_ms: i64) -> Option<Run> {
    runs_above(samples, limit, for_ms)
        .into_iter()
        .filter(|run| run.length_ms() >= for_ms)
        .max_by_key(Run::length_ms)
}

/// The highest level that lasted so long: a limit at or above it was never breached.
pub(super) fn highest_sustained(samples: &[Sample], for_ms: i64) -> Option<f64> {
    let known: Vec<(&Sample, f64)> = samples
        .iter()
        .filter_map(|sample| Some((sample, sample.value?)))
        .collect();
    let mut highest: Option<f64> = None;
    for (begin, (first, _)) in known.iter().enumerate() {
        let mut lowest = f64::INFINITY;
        let mut last = *first;
        for (sample, value) in &known[begin..] {
            lowest = lowest.min(*value);
            let beaten = highest.is_some_and(|highest| lowest <= highest);
            if beaten || !adjoin(last, sample, for_ms) {
                break;
            }
            if sample.to_ms - first.from_ms >= for_ms {
                highest = Some(lowest);
                break;
            }
            last = *sample;
        }
    }
    highest
}

/// The most that a count adds up to within a time, with begin and end of that time. A point that is longer than the time counts
/// with its share.
pub(super) fn most_within(
    points: &[&Point],
    count: impl Fn(&Point) -> u32,
    within_ms: i64,
) -> Option<(f64, i64, i64)> {
    let mut most: Option<(f64, i64, i64)> = None;
    for (begin, first) in points.iter().enumerate() {
        if count(first) == 0 {
            continue;
        }
        let mut sum = 0.0;
        for (at, point) in points.iter().enumerate().skip(begin) {
            let span = point.to_ms.saturating_sub(first.from_ms);
            if span > within_ms && at > begin {
                break;
            }
            let share = if span > within_ms {
                within_ms as f64 / span as f64
            } else {
                1.0
            };
            sum += f64::from(count(point)) * share;
            if most.is_none_or(|(highest, _, _)| sum > highest) {
                most = Some((sum, first.from_ms, point.to_ms));
            }
        }
    }
    most
}

/// Medians of an hour of checkpoint durations, at the end of each point that completed one: (end, median). An hour counts from
/// three checkpoints on.
pub(super) fn hourly_checkpoint_medians(points: &[&Point]) -> Vec<Sample> {
    const HOUR_MS: i64 = 3_600_000;
    let mut medians = Vec::new();
    let mut begin = 0;
    for at in 0..points.len() {
        let end = points[at].to_ms;
        while points[begin].from_ms < end.saturating_sub(HOUR_MS) && begin < at {
            begin += 1;
        }
        let hour = &points[begin..=at];
        let completed: u32 = hour.iter().map(|point| point.checkpoints.completed).sum();
        if completed < 3 {
            continue;
        }
        let durations = hour.iter().filter_map(|point| {
            let duration = super::signals::checkpoint_duration_ms(point)?;
            Some((duration, f64::from(point.checkpoints.completed)))
        });
        medians.push(Sample {
            from_ms: hour[0].from_ms,
            to_ms: end,
            value: super::signals::weighted_median(durations),
        });
    }
    medians
}

/// Shares of failed checkpoints among the last `of` or just more, at the end of each point.
pub(super) fn failure_shares(points: &[&Point], of: u32) -> Vec<Sample> {
    let of = u64::from(of.max(1));
    let ended = |point: &Point| {
        let failed = u64::from(point.checkpoints.failed);
        (failed, failed + u64::from(point.checkpoints.completed))
    };
    let mut shares = Vec::new();
    let (mut begin, mut failed, mut all) = (0, 0u64, 0u64);
    for point in points {
        let (more_failed, more) = ended(point);
        failed += more_failed;
        all += more;
        // What leaves at the front may not leave fewer than `of`.
        while all - ended(points[begin]).1 >= of {
            let (fewer_failed, fewer) = ended(points[begin]);
            failed -= fewer_failed;
            all -= fewer;
            begin += 1;
        }
        if all >= of {
            shares.push(Sample {
                from_ms: points[begin].from_ms,
                to_ms: point.to_ms,
                value: Some(failed as f64 / all as f64),
            });
        }
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(minute: i64, value: Option<f64>) -> Sample {
        Sample {
            from_ms: minute * 60_000,
            to_ms: (minute + 1) * 60_000,
            value,
        }
    }

    #[test]
    fn the_highest_sustained_level_is_the_smallest_limit_that_is_not_breached() {
        let levels = [0.1, 0.7, 0.6, 0.9, 0.2, 0.8, 0.8, 0.3, 0.3, 0.3, 0.3];
        let samples: Vec<Sample> = levels
            .iter()
            .enumerate()
            .map(|(minute, level)| sample(minute as i64, Some(*level)))
            .collect();
        for minutes in 1..=11 {
            let for_ms = minutes * 60_000;
            let highest = highest_sustained(&samples, for_ms).unwrap();
            assert_eq!(longest_run(&samples, highest, for_ms), None, "{minutes}");
            assert!(
                longest_run(&samples, highest - 1e-9, for_ms).is_some(),
                "{minutes}"
            );
        }
        assert_eq!(highest_sustained(&samples, 12 * 60_000), None);
        assert_eq!(highest_sustained(&[], 60_000), None);
    }

    #[test]
    fn what_is_missing_for_long_ends_a_run() {
        let mut samples: Vec<Sample> = (0..20).map(|minute| sample(minute, Some(1.0))).collect();
        samples[5].value = None;
        samples[6].value = None;
        assert_eq!(runs_above(&samples, 0.5, 10 * 60_000).len(), 1);
        assert_eq!(runs_above(&samples, 0.5, 9 * 60_000).len(), 2);
        assert_eq!(highest_sustained(&samples, 15 * 60_000), Some(1.0));
        samples.retain(|sample| sample.value.is_some());
        assert_eq!(runs_above(&samples, 0.5, 9 * 60_000).len(), 2);
    }
}
