//! Paired differences: t, Wilcoxon's signed ranks, sign test.

use super::distribution::{binomial_cdf, t_two_sided};
use super::error::{Result, StatisticsError, require};
use super::summary::{mean, mid_ranks, standard_deviation};

/// t statistic of the mean difference and its two-sided p-value.
///
/// # Errors
/// Fewer than two differences, values not finite, all equal.
pub fn paired_t(differences: &[f64]) -> Result<(f64, f64)> {
    let se = standard_deviation(differences)? / (differences.len() as f64).sqrt();
    if se <= 0.0 {
        return Err(StatisticsError::ZeroVariance {
            what: "differences",
        });
    }
    let t = mean(differences)? / se;
    Ok((t, t_two_sided(t, (differences.len() - 1) as f64)?))
}

/// Wilcoxon's signed-rank test: the smaller rank sum and the exact two-sided p-value (zeros are
/// dropped; tied ranks are shared and the distribution is conditional on them).
///
/// # Errors
/// No difference other than zero, values not finite.
pub fn signed_rank(differences: &[f64]) -> Result<(f64, f64)> {
    require("differences", differences, 1)?;
    let moved: Vec<f64> = differences.iter().copied().filter(|d| *d != 0.0).collect();
    if moved.is_empty() {
        return Err(StatisticsError::ZeroVariance {
            what: "differences",
        });
    }
    let sizes: Vec<f64> = moved.iter().map(|d| d.abs()).collect();
    // Twice the mid-ranks are whole numbers, so sums can be counted.
    let ranks: Vec<usize> = mid_ranks(&sizes)
        .iter()
        .map(|r| (2.0 * r).round() as usize)
        .collect();
    let total: usize = ranks.iter().sum();
    let positive: usize = ranks
        .iter()
        .zip(&moved)
        .filter(|(_, d)| **d > 0.0)
        .map(|(r, _)| r)
        .sum();
    let smaller = positive.min(total - positive);
    let mut chance = vec![0.0; total + 1];
    chance[0] = 1.0;
    for &rank in &ranks {
        for sum in (0..=total).rev() {
            let with = if sum >= rank { chance[sum - rank] } else { 0.0 };
            chance[sum] = 0.5 * (chance[sum] + with);
        }
    }
    let tail: f64 = chance[..=smaller].iter().sum();
    Ok((smaller as f64 / 2.0, (2.0 * tail).min(1.0)))
}

/// Two-sided exact sign test of a zero median (zeros are dropped).
///
/// # Errors
/// No difference other than zero, values not finite.
pub fn sign_test(differences: &[f64]) -> Result<f64> {
    require("differences", differences, 1)?;
    let positive = differences.iter().filter(|d| **d > 0.0).count() as u64;
    let negative = differences.iter().filter(|d| **d < 0.0).count() as u64;
    if positive + negative == 0 {
        return Err(StatisticsError::ZeroVariance {
            what: "differences",
        });
    }
    Ok((2.0 * binomial_cdf(positive.min(negative), positive + negative, 0.5)?).min(1.0))
}
