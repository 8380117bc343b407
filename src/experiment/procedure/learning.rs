//! What one job teaches the next: priors pooled by class.

use std::collections::BTreeMap;

use crate::statistics::pooling::{BetweenVariance, random_effects};

use super::super::error::Result;
use super::problem::Prior;

/// The shape a finished job showed: the four coefficients after the constant, with variances.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LearnedShape {
    /// Estimates of ln p_eff, its square, slots per GiB, log2 slots.
    pub estimate: [f64; 4],
    /// Their variances.
    pub variance: [f64; 4],
}

/// Fewer jobs than this do not replace the default.
pub const LEAST_JOBS: usize = 3;

/// The prior for the next job of a class: each coefficient N(mu, tau^2 + se^2) by Paule-Mandel below
/// six jobs, DerSimonian-Laird from six on; the default with fewer than three jobs. The constant
/// stays the job's own. Returns the prior and whether it is pooled (then screening is skipped).
///
/// # Errors
/// Variances not above zero, values not finite.
pub fn pooled_prior<K: Ord>(
    class: &K,
    learned: &BTreeMap<K, Vec<LearnedShape>>,
    default: Prior,
) -> Result<(Prior, bool)> {
    let Some(jobs) = learned.get(class).filter(|jobs| jobs.len() >= LEAST_JOBS) else {
        return Ok((default, false));
    };
    let method = if jobs.len() < 6 {
        BetweenVariance::PauleMandel
    } else {
        BetweenVariance::DerSimonianLaird
    };
    let mut prior = default;
    for j in 0..4 {
        let y: Vec<f64> = jobs.iter().map(|s| s.estimate[j]).collect();
        let v: Vec<f64> = jobs.iter().map(|s| s.variance[j]).collect();
        let (mean, variance) = random_effects(&y, &v, method)?.next_prior();
        prior.mean[j + 1] = mean;
        prior.sd[j + 1] = variance.sqrt();
    }
    Ok((prior, true))
}

/// The capacity of a job of several vertices is the least of theirs, each mapped to source records:
/// position and capacity of the bottleneck.
#[must_use]
pub fn bottleneck(capacities: &[f64]) -> Option<(usize, f64)> {
    let finite = capacities
        .iter()
        .copied()
        .enumerate()
        .filter(|(_, c)| c.is_finite());
    finite.min_by(|a, b| a.1.total_cmp(&b.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_jobs_replace_the_default() {
        let shape = LearnedShape {
            estimate: [0.7, -0.05, -0.3, 0.0],
            variance: [0.01; 4],
        };
        let default = Prior::default_about(9.0, 0.12, true);
        let two = BTreeMap::from([("kafka", vec![shape; 2])]);
        assert_eq!(
            pooled_prior(&"kafka", &two, default).unwrap(),
            (default, false)
        );
        let three = BTreeMap::from([("kafka", vec![shape; 3])]);
        let (prior, pooled) = pooled_prior(&"kafka", &three, default).unwrap();
        assert!(pooled && (prior.mean[1] - 0.7).abs() < 1e-12 && prior.mean[0] == 9.0);
        assert_eq!(bottleneck(&[3.0, f64::NAN, 2.0]), Some((2, 2.0)));
    }
}
