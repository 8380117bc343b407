//! Derringer & Suich's desirability (1980), for objectives besides cost; constraints stay
//! constraints.

use super::error::{Result, StatisticsError, require, require_positive};

fn check(low: f64, high: f64, weight: f64) -> Result<()> {
    require("limits", &[low, high], 2)?;
    require_positive("weight", weight)?;
    if low < high {
        return Ok(());
    }
    Err(StatisticsError::OutOfRange {
        what: "high",
        value: high,
        range: "above low",
    })
}

/// ((y - low) / (high - low))^weight, clipped to [0, 1].
///
/// # Errors
/// Limits not in order or not finite, a weight not above zero.
pub fn larger_is_better(y: f64, low: f64, high: f64, weight: f64) -> Result<f64> {
    check(low, high, weight)?;
    require("value", &[y], 1)?;
    Ok(((y - low) / (high - low)).clamp(0.0, 1.0).powf(weight))
}

/// ((high - y) / (high - low))^weight, clipped to [0, 1].
///
/// # Errors
/// As [`larger_is_better`].
pub fn smaller_is_better(y: f64, low: f64, high: f64, weight: f64) -> Result<f64> {
    check(low, high, weight)?;
    require("value", &[y], 1)?;
    Ok(((high - y) / (high - low)).clamp(0.0, 1.0).powf(weight))
}

/// Weighted geometric mean; zero as soon as one desirability is zero.
///
/// # Errors
/// No desirability, lengths that differ, weights not above zero, values outside [0, 1].
pub fn overall(desirabilities: &[f64], weights: &[f64]) -> Result<f64> {
    require("desirabilities", desirabilities, 1)?;
    super::error::require_same_length(
        "desirabilities",
        desirabilities.len(),
        "weights",
        weights.len(),
    )?;
    for &w in weights {
        require_positive("weight", w)?;
    }
    for &value in desirabilities {
        if !(0.0..=1.0).contains(&value) {
            return Err(StatisticsError::OutOfRange {
                what: "desirability",
                value,
                range: "in [0, 1]",
            });
        }
    }
    if desirabilities.contains(&0.0) {
        return Ok(0.0);
    }
    let total: f64 = weights.iter().sum();
    let logs: f64 = desirabilities
        .iter()
        .zip(weights)
        .map(|(d, w)| w * d.ln())
        .sum();
    Ok((logs / total).exp())
}
