//! How a run will measure capacity: by catch-up when the backlog outlasts the warm-up, else by busy
//! time.

use super::super::error::{ExperimentError, Result};

/// What is known before the run; rates in records/s, times in minutes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RunConditions {
    /// Input rate during the run.
    pub load: f64,
    /// Expected capacity of the candidate.
    pub expected_capacity: f64,
    /// Downtime of the restart.
    pub downtime_minutes: f64,
    /// Discarded at the start (JIT, caches).
    pub warm_up_minutes: f64,
    /// Length of drain that must be measured.
    pub window_minutes: f64,
    /// Lag minutes left in the budget of harm.
    pub lag_budget_minutes: f64,
    /// Whether the busy-time rate is poor: busy below 0.3, or 15 % off the catch-up rate before.
    pub busy_time_is_poor: bool,
}

/// How capacity is measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Measurement {
    /// Catch-up throughput with saturated sources.
    CatchUp {
        /// Minutes to hold the sources beyond the restart's own downtime.
        hold_minutes: f64,
        /// Lag minutes charged to the budget of harm: outage, hold and drain.
        lag_minutes: f64,
    },
    /// Rate over busy share, with its larger sd of ln C.
    BusyTime {
        /// 0.12, or 0.30 when poor.
        extra_sd: f64,
    },
}

/// Plans the measurement. The backlog B = load (downtime + hold) drains at C - load, which must last
/// warm-up + window.
///
/// # Errors
/// Rates or times that are not finite or not above zero (downtime and budget may be zero).
pub fn plan_measurement(c: &RunConditions) -> Result<Measurement> {
    let positive = [
        ("load", c.load),
        ("expected capacity", c.expected_capacity),
        ("window", c.window_minutes),
    ];
    for (what, value) in positive {
        if !(value.is_finite() && value > 0.0) {
            return Err(ExperimentError::OutOfRange {
                what,
                value,
                range: "above zero and finite",
            });
        }
    }
    let others = [
        ("downtime", c.downtime_minutes),
        ("warm-up", c.warm_up_minutes),
        ("lag budget", c.lag_budget_minutes),
    ];
    for (what, value) in others {
        if !(value.is_finite() && value >= 0.0) {
            return Err(ExperimentError::OutOfRange {
                what,
                value,
                range: "at least zero and finite",
            });
        }
    }
    let drain = c.warm_up_minutes + c.window_minutes;
    let surplus = (c.expected_capacity - c.load).max(0.0) / c.load;
    let hold_minutes = (drain * surplus - c.downtime_minutes).max(0.0);
    let lag_minutes = c.downtime_minutes + hold_minutes + drain;
    if lag_minutes <= c.lag_budget_minutes {
        return Ok(Measurement::CatchUp {
            hold_minutes,
            lag_minutes,
        });
    }
    Ok(Measurement::BusyTime {
        extra_sd: if c.busy_time_is_poor { 0.30 } else { 0.12 },
    })
}

/// Whether the two rates disagree by more than 15 %, which the evidence flags.
#[must_use]
pub fn rates_disagree(catch_up: f64, busy_time: f64) -> bool {
    let gap = (catch_up / busy_time).ln().abs();
    gap.is_nan() || gap > 1.15f64.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_backlog_is_held_longer_or_given_up() {
        let c = RunConditions {
            load: 1000.0,
            expected_capacity: 3000.0,
            downtime_minutes: 2.0,
            warm_up_minutes: 3.0,
            window_minutes: 5.0,
            lag_budget_minutes: 60.0,
            busy_time_is_poor: false,
        };
        let planned = plan_measurement(&c).unwrap();
        assert_eq!(
            planned,
            Measurement::CatchUp {
                hold_minutes: 14.0,
                lag_minutes: 24.0
            }
        );
        let poor = RunConditions {
            lag_budget_minutes: 20.0,
            ..c
        };
        assert_eq!(
            plan_measurement(&poor).unwrap(),
            Measurement::BusyTime { extra_sd: 0.12 }
        );
        assert!(plan_measurement(&RunConditions { load: 0.0, ..c }).is_err());
        assert!(rates_disagree(0.92, 2.02) && !rates_disagree(1.0, 1.1));
    }
}
