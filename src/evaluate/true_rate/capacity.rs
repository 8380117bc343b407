//! The capacity a vertex needs at a given utilization.

use super::options::Options;
use super::rounding::{max_or_nan, min_or_nan, round_to_long};

/// What a vertex must process, records/s.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    /// What arrives.
    pub target: f64,
    /// What works off the backlog in time.
    pub catch_up: f64,
}

/// Catch-up + (with a restart) what a restart leaves behind, caught up in time + arrival over
/// utilization; records/s, rounded half up to a whole number even where that is 0. NaN when a rate is
/// unknown, infinite at a utilization of 0. Utilization is clamped to [0, 1].
///
/// Source: `AutoScalerUtils.getTargetProcessingCapacity` of the Flink Kubernetes Operator.
pub fn needed(rates: Rates, utilization: f64, restart_s: Option<i64>, options: &Options) -> f64 {
    if rates.catch_up.is_nan() || rates.target.is_nan() {
        return f64::NAN;
    }
    let utilization = min_or_nan(1.0, max_or_nan(0.0, utilization));
    if utilization == 0.0 {
        return f64::INFINITY;
    }
    let catch_up_s = (options.catch_up_ms / 1000) as f64;
    let restart = match restart_s {
        Some(restart_s) if catch_up_s != 0.0 => rates.target * restart_s as f64 / catch_up_s,
        _ => 0.0,
    };
    round_to_long(rates.catch_up + restart + rates.target / utilization)
}

/// The band of true processing rates in which a vertex is left alone, records/s.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thresholds {
    /// Grow below this.
    pub scale_up: f64,
    /// Shrink above this.
    pub scale_down: f64,
}

/// The band. While a backlog is worked off, full utilization is allowed and nothing is under-used.
pub fn thresholds(rates: Rates, backlog: bool, restart_s: i64, options: &Options) -> Thresholds {
    let (upper, lower) = if backlog {
        (1.0, 0.0)
    } else {
        let (target, boundary) = (options.utilization_target, options.utilization_boundary);
        (
            options.utilization_max.unwrap_or(target + boundary),
            options.utilization_min.unwrap_or(target - boundary),
        )
    };
    Thresholds {
        scale_up: needed(rates, upper, None, options),
        scale_down: needed(rates, lower, Some(restart_s), options),
    }
}

/// The capacity at the wanted utilization, restart included.
pub fn target_capacity(rates: Rates, restart_s: i64, options: &Options) -> f64 {
    needed(rates, options.utilization_target, Some(restart_s), options)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::options::Profile;
    use super::*;

    fn options() -> Options {
        Options::read(&BTreeMap::new(), Profile::Next).unwrap()
    }

    fn rates(target: f64, catch_up: f64) -> Rates {
        Rates { target, catch_up }
    }

    #[test]
    fn capacity_adds_backlog_restart_and_headroom() {
        // 10 + 700 * 300 / 1800 + 700 / 0.7
        let capacity = target_capacity(rates(700.0, 10.0), 300, &options());
        assert_eq!(capacity, 1127.0);
        assert_eq!(target_capacity(rates(0.1, 0.0), 0, &options()), 0.0);
        assert!(target_capacity(rates(f64::NAN, 0.0), 0, &options()).is_nan());
    }

    #[test]
    fn a_backlog_opens_the_band_downwards() {
        let band = thresholds(rates(700.0, 0.0), true, 300, &options());
        assert_eq!((band.scale_up, band.scale_down), (700.0, f64::INFINITY));
        let band = thresholds(rates(700.0, 0.0), false, 0, &options());
        assert_eq!((band.scale_up, band.scale_down), (700.0, 1750.0));
    }
}
