//! Pooling estimates of many jobs: random effects and shrinkage (empirical Bayes).

use super::error::{Result, StatisticsError, require, require_positive, require_same_length};
use super::root::brent;

/// How the variance between units is estimated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BetweenVariance {
    /// DerSimonian & Laird (1986), by moments.
    DerSimonianLaird,
    /// Restricted maximum likelihood.
    RestrictedLikelihood,
    /// Paule & Mandel (1982): generalised Q equals its expectation.
    PauleMandel,
}

/// A pooled mean, the spread between units and each unit's shrunken estimate.
#[derive(Debug, Clone, PartialEq)]
pub struct RandomEffects {
    /// Pooled mean.
    pub mean: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// Variance between units.
    pub between_variance: f64,
    /// Cochran's Q.
    pub q: f64,
    /// Share of the spread that is not sampling error, percent.
    pub i_squared: f64,
    /// Shrunken estimates B y + (1 - B) mean.
    pub shrunken: Vec<f64>,
    /// Their standard errors.
    pub shrunken_errors: Vec<f64>,
}

impl RandomEffects {
    /// The prior for the next unit: mean and variance tau^2 + se^2.
    #[must_use]
    pub fn next_prior(&self) -> (f64, f64) {
        (
            self.mean,
            self.between_variance + self.standard_error.powi(2),
        )
    }
}

/// Random-effects pooling of estimates `y` with sampling variances `v`.
///
/// # Errors
/// Fewer than two units, variances not above zero, values not finite, no convergence.
pub fn random_effects(y: &[f64], v: &[f64], method: BetweenVariance) -> Result<RandomEffects> {
    require("estimates", y, 2)?;
    require_same_length("estimates", y.len(), "variances", v.len())?;
    for &v in v {
        require_positive("variance", v)?;
    }
    let k = y.len() as f64;
    let (_, q) = weighted_mean_and_q(y, v, 0.0);
    let sum: f64 = v.iter().map(|v| 1.0 / v).sum();
    let squares: f64 = v.iter().map(|v| 1.0 / (v * v)).sum();
    let moment_divisor = sum - squares / sum;
    let by_moments = ((q - (k - 1.0)) / moment_divisor).max(0.0);
    let tau2 = match method {
        BetweenVariance::DerSimonianLaird => by_moments,
        BetweenVariance::PauleMandel => paule_mandel(y, v),
        BetweenVariance::RestrictedLikelihood => restricted_likelihood(y, v, by_moments)?,
    };
    let (mean, _) = weighted_mean_and_q(y, v, tau2);
    let variance = 1.0 / v.iter().map(|v| 1.0 / (v + tau2)).sum::<f64>();
    let typical = (k - 1.0) / moment_divisor;
    let shares: Vec<f64> = v.iter().map(|v| tau2 / (tau2 + v)).collect();
    Ok(RandomEffects {
        mean,
        standard_error: variance.sqrt(),
        between_variance: tau2,
        q,
        i_squared: 100.0 * tau2 / (tau2 + typical),
        shrunken: shares
            .iter()
            .zip(y)
            .map(|(b, y)| b * y + (1.0 - b) * mean)
            .collect(),
        shrunken_errors: shares
            .iter()
            .zip(v)
            .map(|(b, v)| (b * v + (1.0 - b).powi(2) * variance).sqrt())
            .collect(),
    })
}

fn weighted_mean_and_q(y: &[f64], v: &[f64], tau2: f64) -> (f64, f64) {
    let weights: Vec<f64> = v.iter().map(|v| 1.0 / (v + tau2)).collect();
    let total: f64 = weights.iter().sum();
    let mean = weights.iter().zip(y).map(|(w, y)| w * y).sum::<f64>() / total;
    (
        mean,
        weights
            .iter()
            .zip(y)
            .map(|(w, y)| w * (y - mean).powi(2))
            .sum(),
    )
}

fn paule_mandel(y: &[f64], v: &[f64]) -> f64 {
    let excess = |tau2: f64| weighted_mean_and_q(y, v, tau2).1 - (y.len() as f64 - 1.0);
    if excess(0.0) <= 0.0 {
        return 0.0;
    }
    let mut high = v.iter().copied().fold(0.0, f64::max);
    while excess(high) > 0.0 {
        high *= 2.0;
    }
    brent(excess, 0.0, high, 0.0)
}

/// Fisher scoring on the restricted likelihood, held at zero from below.
fn restricted_likelihood(y: &[f64], v: &[f64], start: f64) -> Result<f64> {
    let mut tau2 = start;
    for _ in 0..1000 {
        let w: Vec<f64> = v.iter().map(|v| 1.0 / (v + tau2)).collect();
        let (s1, s2, s3) = w.iter().fold((0.0, 0.0, 0.0), |s, w| {
            (s.0 + w, s.1 + w * w, s.2 + w * w * w)
        });
        let (mean, _) = weighted_mean_and_q(y, v, tau2);
        let fit: f64 = w.iter().zip(y).map(|(w, y)| (w * (y - mean)).powi(2)).sum();
        let score = fit - (s1 - s2 / s1);
        let information = s2 - 2.0 * s3 / s1 + (s2 / s1).powi(2);
        let next = (tau2 + score / information).max(0.0);
        let moved = (next - tau2).abs();
        tau2 = next;
        if moved <= 1e-13 * (1e-3 + tau2) {
            return Ok(tau2);
        }
    }
    Err(StatisticsError::NoConvergence {
        what: "restricted likelihood",
        iterations: 1000,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_that_agree_pool_completely() {
        let pooled = random_effects(
            &[1.0, 1.01, 0.99],
            &[0.1, 0.1, 0.1],
            BetweenVariance::PauleMandel,
        )
        .unwrap();
        assert_eq!(pooled.between_variance, 0.0);
        assert!(pooled.shrunken.iter().all(|s| (s - 1.0).abs() < 1e-12));
        assert!(random_effects(&[1.0], &[0.1], BetweenVariance::DerSimonianLaird).is_err());
        assert!(
            random_effects(&[1.0, 2.0], &[0.1, 0.0], BetweenVariance::DerSimonianLaird).is_err()
        );
    }
}
