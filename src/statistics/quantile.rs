//! Quantiles of a sample and distribution-free bounds on the quantile behind it.

use super::distribution::binomial_cdf;
use super::error::{Result, StatisticsError, require, require_open_unit};
use super::summary::sorted;

/// The nine sample quantiles of Hyndman & Fan (1996), "Sample quantiles in statistical packages".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum QuantileType {
    /// Inverse of the empirical distribution function.
    Type1,
    /// As type 1, with averaging at jumps.
    Type2,
    /// Nearest even order statistic.
    Type3,
    /// Linear interpolation of the empirical distribution function.
    Type4,
    /// Knots at the middle of the steps.
    Type5,
    /// Expected order statistics of a uniform: suits tolerance arguments.
    Type6,
    /// Modes of order statistics: the default of numpy and R.
    Type7,
    /// Approximately median-unbiased whatever the distribution.
    Type8,
    /// Approximately unbiased for a normal sample.
    Type9,
}

impl QuantileType {
    /// All nine, in order.
    pub const ALL: [Self; 9] = [
        Self::Type1,
        Self::Type2,
        Self::Type3,
        Self::Type4,
        Self::Type5,
        Self::Type6,
        Self::Type7,
        Self::Type8,
        Self::Type9,
    ];

    /// Plotting-position parameters (alpha, beta) of the continuous types.
    fn plotting_position(self) -> Option<(f64, f64)> {
        match self {
            Self::Type1 | Self::Type2 | Self::Type3 => None,
            Self::Type4 => Some((0.0, 1.0)),
            Self::Type5 => Some((0.5, 0.5)),
            Self::Type6 => Some((0.0, 0.0)),
            Self::Type7 => Some((1.0, 1.0)),
            Self::Type8 => Some((1.0 / 3.0, 1.0 / 3.0)),
            Self::Type9 => Some((3.0 / 8.0, 3.0 / 8.0)),
        }
    }
}

/// The `p` quantile of the samples, 0 <= p <= 1.
///
/// # Errors
/// When the sample is empty or not finite, or `p` lies outside [0, 1].
pub fn quantile(samples: &[f64], p: f64, kind: QuantileType) -> Result<f64> {
    require("samples", samples, 1)?;
    if !(0.0..=1.0).contains(&p) {
        return Err(StatisticsError::OutOfRange {
            what: "p",
            value: p,
            range: "in [0, 1]",
        });
    }
    Ok(quantile_of_sorted(&sorted(samples), p, kind))
}

/// As [`quantile`], for a non-empty, finite sample already in ascending order.
pub(crate) fn quantile_of_sorted(ordered: &[f64], p: f64, kind: QuantileType) -> f64 {
    let n = ordered.len();
    // A position that rounding pushed just below a whole number counts as that number.
    let fuzz = 4.0 * f64::EPSILON * (n as f64).max(1.0);
    let at = |j: f64| ordered[(j.max(1.0) as usize).min(n) - 1];
    match kind.plotting_position() {
        None => {
            let shift = if kind == QuantileType::Type3 {
                -0.5
            } else {
                0.0
            };
            let position = n as f64 * p + shift;
            let j = (position + fuzz).floor();
            let on_step = position - j <= fuzz;
            let upper_weight = match kind {
                QuantileType::Type2 if on_step => 0.5,
                QuantileType::Type3 if on_step && j.rem_euclid(2.0) == 0.0 => 0.0,
                QuantileType::Type1 if on_step => 0.0,
                _ => 1.0,
            };
            blend(at(j), at(j + 1.0), upper_weight)
        }
        Some((a, b)) => {
            let position = a + p * (n as f64 + 1.0 - a - b);
            let j = (position + fuzz).floor();
            let rest = position - j;
            blend(
                at(j),
                at(j + 1.0),
                if rest.abs() < fuzz { 0.0 } else { rest },
            )
        }
    }
}

fn blend(low: f64, high: f64, upper_weight: f64) -> f64 {
    if upper_weight == 0.0 {
        low
    } else if upper_weight == 1.0 {
        high
    } else {
        low + upper_weight * (high - low)
    }
}

/// The largest r such that the r-th largest of `n` independent observations is an upper confidence
/// limit of the quantile `q`: P(Bin(n, q) <= n - r) >= confidence (Wilks 1941). `None` when even
/// the maximum is not.
///
/// # Errors
/// When `q` or `confidence` is not strictly between 0 and 1.
pub fn upper_limit_rank_from_top(n: usize, q: f64, confidence: f64) -> Result<Option<usize>> {
    require_open_unit("quantile", q)?;
    require_open_unit("confidence", confidence)?;
    let holds = |r: usize| -> Result<bool> {
        Ok(r <= n && binomial_cdf((n - r) as u64, n as u64, q)? >= confidence)
    };
    if n == 0 || !holds(1)? {
        return Ok(None);
    }
    let (mut low, mut high) = (1, n + 1);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if holds(middle)? {
            low = middle;
        } else {
            high = middle;
        }
    }
    Ok(Some(low))
}

/// The fewest observations whose maximum bounds the quantile `q` with `confidence`: the least n
/// with q^n <= 1 - confidence.
///
/// # Errors
/// When an argument is not strictly between 0 and 1.
pub fn least_samples_for_maximum(q: f64, confidence: f64) -> Result<usize> {
    require_open_unit("quantile", q)?;
    require_open_unit("confidence", confidence)?;
    let mut n = ((1.0 - confidence).ln() / q.ln()).ceil().max(1.0) as usize;
    while n > 1 && 1.0 - q.powf((n - 1) as f64) >= confidence {
        n -= 1;
    }
    while 1.0 - q.powf(n as f64) < confidence {
        n += 1;
    }
    Ok(n)
}

/// Distribution-free upper confidence limit of the quantile `q`: the r-th largest sample, with r
/// from [`upper_limit_rank_from_top`]. Samples must be independent; for a series divide its length
/// by [`super::autocorrelation::variance_inflation`] first or use daily maxima.
///
/// # Errors
/// [`StatisticsError::QuantileNotIdentifiable`] when too few samples are given; empty or
/// non-finite samples; arguments out of range.
pub fn quantile_upper_limit(samples: &[f64], q: f64, confidence: f64) -> Result<f64> {
    require("samples", samples, 1)?;
    match upper_limit_rank_from_top(samples.len(), q, confidence)? {
        Some(rank) => Ok(sorted(samples)[samples.len() - rank]),
        None => Err(StatisticsError::QuantileNotIdentifiable {
            quantile: q,
            confidence,
            have: samples.len(),
            needed: least_samples_for_maximum(q, confidence)?,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_sample_sizes() {
        assert_eq!(least_samples_for_maximum(0.99, 0.95), Ok(299));
        assert_eq!(least_samples_for_maximum(0.95, 0.95), Ok(59));
        assert_eq!(upper_limit_rank_from_top(298, 0.99, 0.95), Ok(None));
        assert_eq!(upper_limit_rank_from_top(299, 0.99, 0.95), Ok(Some(1)));
    }

    #[test]
    fn a_short_sample_says_how_many_are_needed() {
        let error = quantile_upper_limit(&[1.0; 14], 0.99, 0.95).unwrap_err();
        assert!(matches!(
            error,
            StatisticsError::QuantileNotIdentifiable {
                needed: 299,
                have: 14,
                ..
            }
        ));
        let x: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(quantile_upper_limit(&x, 0.95, 0.95), Ok(99.0));
    }

    #[test]
    fn one_observation_is_every_quantile() {
        for kind in QuantileType::ALL {
            for p in [0.0, 0.3, 1.0] {
                assert_eq!(quantile(&[7.0], p, kind), Ok(7.0));
            }
        }
        assert!(quantile(&[7.0], 1.1, QuantileType::Type7).is_err());
    }
}
