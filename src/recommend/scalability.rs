//! Growth beyond any parallelism that was seen, by the universal scalability law (Gunther 2007).
//!
//! C(n) = λ n / (1 + σ (n − 1) + κ n (n − 1)). Within what was seen a power of the parallelism interpolates well enough; beyond, a
//! power never bends, and a straight line over-predicts most where it costs most. The law is anchored at the largest
//! parallelism seen: there its slope in ln C is the one that sizing has for the job, learned or assumed.

use crate::statistics::scalability::scalability_bounded;

/// Largest coherency that is taken for possible before anything was seen (docs/statistics.md, "Simulated: does it pay?").
const MOST_KAPPA: f64 = 0.0001;
/// A prior alone never puts the optimum within this factor of what was seen: only past sizes do.
const FREE: f64 = 3.0;
/// Slopes of ln C on ln n that the law can have at its anchor.
const SLOPE: (f64, f64) = (0.05, 1.0);
/// One-sided 95 %.
const Z: f64 = 1.645;
/// sd of ln of a past reading, for telling a bend from noise.
const READING_SD: f64 = 0.12;
/// Drop of the weighted squares from which a bend is no noise: 95 % of chi-squared with one degree of freedom.
const BEND: f64 = 3.84;

/// The law from an anchor on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Law {
    /// The anchor, effective parallelism.
    pub(super) seen: f64,
    /// Expected contention.
    pub(super) sigma: f64,
    /// The most that is likely (95 %).
    pub(super) most_sigma: f64,
    /// The most coherency that is likely; none is expected.
    pub(super) most_kappa: f64,
}

impl Law {
    /// Anchored at `seen`, where ln C rises with ln n by `slope` ± `sd`.
    pub(super) fn anchored(seen: f64, slope: f64, sd: f64) -> Law {
        let seen = seen.max(1.0);
        // With κ = 0 the slope at n is (1 − σ) / (1 + σ (n − 1)).
        let contention = |slope: f64| {
            let slope = slope.clamp(SLOPE.0, SLOPE.1);
            (1.0 - slope) / (1.0 + slope * (seen - 1.0))
        };
        let most_sigma = contention(slope - Z * sd.abs());
        Law {
            seen,
            sigma: contention(slope),
            most_sigma,
            most_kappa: MOST_KAPPA.min((1.0 - most_sigma) / (FREE * seen).powi(2)),
        }
    }

    /// ln of the gain from the anchor to `n`, expected and at least (95 %). 0 at or below the anchor.
    pub(super) fn gain(&self, n: f64) -> (f64, f64) {
        if n <= self.seen {
            return (0.0, 0.0);
        }
        let ln = |sigma: f64, kappa: f64| {
            let drag = |n: f64| (1.0 + sigma * (n - 1.0) + kappa * n * (n - 1.0)).ln();
            (n / self.seen).ln() - drag(n) + drag(self.seen)
        };
        let expected = ln(self.sigma, 0.0);
        (expected, ln(self.most_sigma, self.most_kappa).min(expected))
    }

    /// sd of ln of the gain, so that its lower 95 % limit is the law's.
    pub(super) fn sd(&self, n: f64) -> f64 {
        let (expected, least) = self.gain(n);
        (expected - least) / Z
    }
}

/// The parallelism from which the job got slower, by what its past sizes carried: the optimum of the law fitted to them, where
/// four sizes or more show a bend that is no noise. (parallelism, records/s) in any order.
pub(super) fn optimum(past: &[(f64, f64)]) -> Option<f64> {
    let n: Vec<f64> = past.iter().map(|one| one.0).collect();
    let y: Vec<f64> = past.iter().map(|one| one.1).collect();
    let fit = scalability_bounded(&n, &y).ok()?;
    let peak = fit.peak()?;
    let straight = without_bend(&n, &y);
    let weighted = (straight - fit.rss) / READING_SD.powi(2);
    (weighted > BEND).then_some(peak)
}

/// Least squares of ln y with κ = 0, over a grid of σ: the level is the mean of what is left.
fn without_bend(n: &[f64], y: &[f64]) -> f64 {
    let squares = |sigma: f64| {
        let left: Vec<f64> = n
            .iter()
            .zip(y)
            .map(|(n, y)| y.ln() - n.ln() + (1.0 + sigma * (n - 1.0)).ln())
            .collect();
        let mean = left.iter().sum::<f64>() / left.len().max(1) as f64;
        left.iter().map(|left| (left - mean).powi(2)).sum::<f64>()
    };
    (0..=1000)
        .map(|step| squares(f64::from(step) / 1000.0))
        .fold(f64::INFINITY, f64::min)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_law_leaves_its_anchor_with_the_slope_asked_for() {
        for (seen, slope) in [(1.0, 0.8), (4.0, 0.8), (64.0, 0.8), (8.0, 0.5), (8.0, 1.0)] {
            let law = Law::anchored(seen, slope, 0.12);
            let step = law.gain(seen * 1.0001).0 / 1.0001f64.ln();
            assert!((step - slope).abs() < 1e-3, "{seen} {slope}: {step}");
            // Beyond it bends below the power.
            assert!(law.gain(seen * 3.0).0 <= slope * 3.0f64.ln() + 1e-9);
        }
    }

    #[test]
    fn the_lower_bound_never_falls_within_a_step_and_is_wider_the_further() {
        for seen in [1.0, 2.0, 16.0, 200.0, 5000.0] {
            let law = Law::anchored(seen, 0.8, 0.12);
            let mut before = 0.0;
            for step in 1..=20 {
                let n = seen * (1.0 + 0.1 * f64::from(step));
                let (expected, least) = law.gain(n);
                assert!(least >= before - 1e-12 && least < expected, "{seen} {n}");
                before = least;
            }
            assert!(law.sd(seen * 3.0) > law.sd(seen * 1.5));
        }
        let law = Law::anchored(4.0, 0.8, 0.12);
        assert_eq!(
            (law.gain(4.0), law.gain(2.0), law.sd(3.0)),
            ((0.0, 0.0), (0.0, 0.0), 0.0)
        );
        // Slopes out of range are held in it, and a certain one leaves only coherency.
        assert!(Law::anchored(4.0, 3.0, 0.0).sigma == 0.0);
        assert!(Law::anchored(f64::NAN, 0.8, 0.1).seen >= 1.0);
    }

    #[test]
    fn an_optimum_needs_four_sizes_and_a_bend_beyond_noise() {
        let at = |n: f64, kappa: f64| {
            (
                n,
                100.0 * n / (1.0 + 0.02 * (n - 1.0) + kappa * n * (n - 1.0)),
            )
        };
        let sizes = [2.0, 4.0, 8.0, 16.0, 32.0];
        let bent: Vec<(f64, f64)> = sizes.iter().map(|n| at(*n, 0.005)).collect();
        let peak = optimum(&bent).unwrap();
        assert!((peak - (0.98f64 / 0.005).sqrt()).abs() < 0.5, "{peak}");
        let straight: Vec<(f64, f64)> = sizes.iter().map(|n| at(*n, 0.0)).collect();
        assert_eq!(optimum(&straight), None);
        assert_eq!(optimum(&bent[..3]), None);
        assert_eq!(optimum(&[]), None);
        assert_eq!(optimum(&[(1.0, f64::NAN); 5]), None);
    }
}
