//! Tolerance factors and limits of a normal sample, and Wilks' sample sizes.

use super::distribution::{chi_squared_sf, normal_cdf, normal_density, normal_quantile};
use super::error::{Result, StatisticsError, require, require_open_unit};
use super::noncentral::noncentral_t_quantile;
use super::root::brent;
use super::summary::{mean, standard_deviation};

/// One-sided normal tolerance factor k: with `confidence`, at least `coverage` of the population
/// lies below mean + k sd. k = t'(confidence; n - 1, z_coverage sqrt n) / sqrt n (Owen 1968).
///
/// # Errors
/// When n < 2 or a probability is not strictly between 0 and 1.
pub fn normal_upper_tolerance_factor(n: usize, coverage: f64, confidence: f64) -> Result<f64> {
    check(n, coverage, confidence)?;
    let root_n = (n as f64).sqrt();
    let delta = normal_quantile(coverage)? * root_n;
    Ok(noncentral_t_quantile(confidence, (n - 1) as f64, delta)? / root_n)
}

/// Exact two-sided normal tolerance factor (Odeh 1978): mean +- k sd holds at least `coverage`.
///
/// Solves E[P(chi2_{n-1} >= (n - 1) r(z)^2 / k^2)] = confidence over the offset z of the sample
/// mean, where r(z) satisfies Phi(z + r) - Phi(z - r) = coverage.
///
/// # Errors
/// As [`normal_upper_tolerance_factor`].
pub fn normal_two_sided_tolerance_factor(n: usize, coverage: f64, confidence: f64) -> Result<f64> {
    check(n, coverage, confidence)?;
    let (df, root_n) = ((n - 1) as f64, (n as f64).sqrt());
    let step = 0.2 / root_n;
    // Radii do not depend on k, so they are solved once. z runs over |z| sqrt n <= 8.5.
    let nodes: Vec<(f64, f64)> = (0..=43)
        .map(|i| {
            let z = f64::from(i) * step;
            let weight =
                normal_density(z * root_n) * root_n * step * if i == 0 { 1.0 } else { 2.0 };
            (weight, radius(z, coverage))
        })
        .collect();
    let reached = |k: f64| -> f64 {
        nodes
            .iter()
            .map(|(weight, r)| {
                weight * chi_squared_sf(df * r * r / (k * k), df).unwrap_or(f64::NAN)
            })
            .sum()
    };
    let mut high = 2.0;
    while reached(high) < confidence && high < 1e9 {
        high *= 2.0;
    }
    Ok(brent(|k| reached(k) - confidence, 1e-3, high, 0.0))
}

/// Half-width r with Phi(z + r) - Phi(z - r) = coverage.
fn radius(z: f64, coverage: f64) -> f64 {
    let excess = |r: f64| normal_cdf(z + r) - normal_cdf(z - r) - coverage;
    let mut high = z + 2.0;
    while excess(high) < 0.0 {
        high += 2.0;
    }
    brent(excess, 0.0, high, 0.0)
}

/// Upper tolerance limit of a normal sample: mean + k sd (see [`normal_upper_tolerance_factor`]).
///
/// # Errors
/// When fewer than two samples are given, one is not finite, or a probability is out of range.
pub fn upper_tolerance_limit(samples: &[f64], coverage: f64, confidence: f64) -> Result<f64> {
    let (centre, spread, k) = parts(samples, coverage, confidence)?;
    Ok(centre + k * spread)
}

/// Lower tolerance limit of a normal sample: mean - k sd.
///
/// # Errors
/// As [`upper_tolerance_limit`].
pub fn lower_tolerance_limit(samples: &[f64], coverage: f64, confidence: f64) -> Result<f64> {
    let (centre, spread, k) = parts(samples, coverage, confidence)?;
    Ok(centre - k * spread)
}

fn parts(samples: &[f64], coverage: f64, confidence: f64) -> Result<(f64, f64, f64)> {
    require("samples", samples, 2)?;
    let k = normal_upper_tolerance_factor(samples.len(), coverage, confidence)?;
    Ok((mean(samples)?, standard_deviation(samples)?, k))
}

/// The fewest observations whose range (least to largest) holds `coverage` of any continuous
/// population with `confidence` (Wilks 1941): 1 - n c^(n-1) + (n - 1) c^n >= confidence.
///
/// # Errors
/// When a probability is not strictly between 0 and 1.
pub fn least_samples_for_range(coverage: f64, confidence: f64) -> Result<usize> {
    require_open_unit("coverage", coverage)?;
    require_open_unit("confidence", confidence)?;
    let reached = |n: usize| {
        let m = n as f64;
        1.0 - m * coverage.powf(m - 1.0) + (m - 1.0) * coverage.powf(m)
    };
    let mut high = 2;
    while reached(high) < confidence {
        high *= 2;
    }
    let mut low = 1;
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if reached(middle) >= confidence {
            high = middle;
        } else {
            low = middle;
        }
    }
    Ok(high)
}

fn check(n: usize, coverage: f64, confidence: f64) -> Result<()> {
    require_open_unit("coverage", coverage)?;
    require_open_unit("confidence", confidence)?;
    if n < 2 {
        return Err(StatisticsError::TooFew {
            what: "samples",
            have: n,
            needed: 2,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_textbook_factors() {
        assert!((normal_upper_tolerance_factor(10, 0.95, 0.95).unwrap() - 2.911).abs() < 5e-4);
        assert!((normal_upper_tolerance_factor(20, 0.95, 0.95).unwrap() - 2.396).abs() < 5e-4);
        assert!(normal_upper_tolerance_factor(1, 0.95, 0.95).is_err());
    }

    #[test]
    fn a_limit_of_equal_samples_is_their_value() {
        assert_eq!(upper_tolerance_limit(&[3.0; 5], 0.95, 0.95), Ok(3.0));
        assert!(upper_tolerance_limit(&[3.0], 0.95, 0.95).is_err());
    }
}
