//! Options of the operator's autoscaler beside its bounds and its target: how long it may catch up, when it begins to grow, and what its
//! memory tuning leaves above what was used.

use crate::evaluate::Swing;
use crate::snapshot::History;
use crate::statistics::quantile::{QuantileType, quantile};

/// Pieces of a swing are so long, milliseconds.
const PIECE_MS: i64 = 300_000;
/// Neighbouring windows must differ by less than the band is wide, at this share of the times.
const USUALLY: f64 = 0.95;
/// A vertex is not allowed to be busier than this before growth begins.
const FULL: f64 = 0.95;
/// Least width of the band above the target.
const LEAST_BAND: f64 = 0.05;
/// Looks from which a memory peak is known.
const LEAST_LOOKS: usize = 288;
/// Most that is proposed above what was used, a share: beyond it the mean is the wrong measure.
const MOST_OVERHEAD: f64 = 1.0;

/// Longest catch-up, seconds, that keeps the time beyond the lag that users accept within `allowed_s`, and that asks for no more than
/// the load once more while it lasts. A restart of `restart_s` leaves as many seconds of lag, which fall evenly. `None`: the
/// restart stays within the accepted lag, so that nothing bounds the duration from above.
pub(super) fn longest_catch_up_s(restart_s: f64, lag_limit_s: f64, allowed_s: f64) -> Option<f64> {
    let beyond = 1.0 - lag_limit_s / restart_s;
    let known = restart_s > 0.0 && lag_limit_s >= 0.0 && allowed_s > 0.0;
    (known && beyond > 0.0).then(|| (allowed_s / beyond).max(restart_s))
}

/// Where growth should begin, for a target: above it by what the load usually changes from one window to the next, so that noise is
/// no reason to rescale, and never so high that nothing is left. With the change, a share. `None` with too few windows.
pub(super) fn growth_begins(swing: &Swing, target: f64, window_ms: i64) -> Option<(f64, f64)> {
    let long = usize::try_from(window_ms / PIECE_MS).unwrap_or(1).max(1);
    let mean = |rates: &[f64]| rates.iter().sum::<f64>() / rates.len().max(1) as f64;
    let windows: Vec<f64> = swing.rates.chunks_exact(long).map(mean).collect();
    let changes: Vec<f64> = windows
        .windows(2)
        .filter(|pair| pair[0] > 0.0 && pair[1] > 0.0)
        .map(|pair| (pair[1] / pair[0]).ln().abs())
        .collect();
    if changes.len() < 2 * LEAST_LOOKS / long / 3 {
        return None;
    }
    let usual = quantile(&changes, USUALLY, QuantileType::Type7).ok()?;
    let begins = (target * usual.exp()).clamp(target + LEAST_BAND, FULL.max(target + LEAST_BAND));
    Some(((begins * 20.0 - 1e-9).ceil() / 20.0, usual.exp() - 1.0))
}

/// Share above the mean heap in use of a window that its highest use takes: memory tuning adds its overhead to the mean of the looks,
/// and a window without a peak would forget it. With the highest and the mean, bytes. `None` with less than a day of looks.
pub(super) fn heap_over_mean(history: &History) -> Option<(f64, f64, f64)> {
    let looks: Vec<(f64, f64)> = history
        .points
        .iter()
        .filter_map(|point| point.task_managers.heap_used)
        .map(|heap| (heap.mean, heap.max))
        .filter(|(mean, most)| mean.is_finite() && most.is_finite() && *mean > 0.0)
        .collect();
    if looks.len() < LEAST_LOOKS {
        return None;
    }
    let mean = looks.iter().map(|look| look.0).sum::<f64>() / looks.len() as f64;
    let most = looks.iter().map(|look| look.1).fold(0.0, f64::max);
    let over = ((most / mean - 1.0) * 20.0 - 1e-9).ceil() / 20.0;
    Some((over.clamp(0.0, MOST_OVERHEAD), most, mean))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::classify::sample::{history, one};

    fn swing(rates: Vec<f64>) -> Swing {
        Swing {
            low_per_second: 1.0,
            high_per_second: 2.0,
            rise: 1.0,
            rates,
        }
    }

    #[test]
    fn a_catch_up_is_bounded_by_the_lag_that_users_accept() {
        // 240 s of lag, 120 accepted: half of the catch-up is beyond it.
        assert_eq!(longest_catch_up_s(240.0, 120.0, 600.0), Some(1200.0));
        assert_eq!(longest_catch_up_s(240.0, 0.0, 600.0), Some(600.0));
        // Never less than the restart itself: that would ask for more than twice the load.
        assert_eq!(longest_catch_up_s(900.0, 0.0, 600.0), Some(900.0));
        for (restart, limit, allowed) in [
            (60.0, 120.0, 600.0),
            (0.0, 0.0, 600.0),
            (f64::NAN, 10.0, 600.0),
            (240.0, 120.0, 0.0),
        ] {
            assert_eq!(longest_catch_up_s(restart, limit, allowed), None);
        }
    }

    #[test]
    fn growth_begins_above_the_noise_and_below_full() {
        let steady = swing(vec![100.0; 600]);
        let (begins, change) = growth_begins(&steady, 0.7, 900_000).unwrap();
        assert!((begins - 0.75).abs() < 1e-6 && change.abs() < 1e-9);
        // Each window differs from the one before by a fifth.
        let rates = (0..600).map(|i| if i / 3 % 2 == 0 { 100.0 } else { 120.0 });
        let (begins, change) = growth_begins(&swing(rates.collect()), 0.7, 900_000).unwrap();
        assert!((begins - 0.85).abs() < 1e-6, "{begins}");
        assert!((change - 0.2).abs() < 1e-6);
        let wild = (0..600).map(|i| if i / 3 % 2 == 0 { 100.0 } else { 900.0 });
        let (begins, _) = growth_begins(&swing(wild.collect()), 0.7, 900_000).unwrap();
        assert!((begins - 0.95).abs() < 1e-6);
        assert_eq!(growth_begins(&swing(vec![100.0; 20]), 0.7, 900_000), None);
    }

    #[test]
    fn the_highest_heap_is_held_against_the_mean() {
        let mut seen = history(300);
        for point in &mut seen.points {
            point.task_managers.heap_used = one(500.0);
        }
        seen.points[7].task_managers.heap_used = one(800.0);
        let (over, most, mean) = heap_over_mean(&seen).unwrap();
        assert_eq!(most, 800.0);
        assert!(
            (mean - 501.0).abs() < 1.0 && (over - 0.6).abs() < 1e-6,
            "{over}"
        );
        assert_eq!(heap_over_mean(&history(10)), None);
        for point in &mut seen.points {
            point.task_managers.heap_used = None;
        }
        assert_eq!(heap_over_mean(&seen), None);
    }
}
