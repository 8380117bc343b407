//! Readings → the joint Gaussian of the parameters, by Gauss and Newton's method on the robust log-posterior; and seeded draws of it.

use crate::statistics::distribution::normal_quantile;
use nalgebra::{Cholesky, DMatrix, DVector};

/// Steps of the method; it settles in four or five.
const STEPS: usize = 8;
/// The largest step of a logarithm.
const LONGEST: f64 = 1.5;
/// A residual beyond so many sd counts linearly (Huber): a broken reading must not carry the fit away.
const HUBER: f64 = 2.5;

/// ln of what the parameters foretell, from their values.
pub(super) type Foretold<'a> = Box<dyn Fn(&[f64]) -> f64 + 'a>;

/// Something seen, with the parameters that it depends on.
pub(super) struct Observation<'a> {
    /// ln of what was seen.
    pub(super) seen: f64,
    /// sd of it.
    pub(super) sd: f64,
    /// Places of the parameters that it depends on.
    pub(super) depends: Vec<usize>,
    /// ln of what the parameters foretell, from their values (not the logarithms).
    pub(super) foretold: Foretold<'a>,
}

/// The joint Gaussian.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Posterior {
    pub(super) mean: Vec<f64>,
    /// Lower triangle L of the covariance LLᵀ.
    root: DMatrix<f64>,
}

impl Posterior {
    /// From prior means, prior sds and what was seen: the likelier of the modes that are reached from the prior means and from `others`
    /// (a place, and the value of its logarithm to begin at). `None` where numbers are no numbers.
    pub(super) fn fit(
        prior: &[(f64, f64)],
        seen: &[Observation<'_>],
        others: &[(usize, f64)],
    ) -> Option<Posterior> {
        let begin: Vec<f64> = prior.iter().map(|(mean, _)| *mean).collect();
        let mut best = Posterior::from(prior, seen, begin.clone());
        for (place, value) in others {
            let mut elsewhere = begin.clone();
            elsewhere[*place] = *value;
            let found = Posterior::from(prior, seen, elsewhere);
            let cost = |one: &Option<Posterior>| {
                one.as_ref()
                    .map_or(f64::INFINITY, |one| unlikely(&one.mean, prior, seen))
            };
            if cost(&found) < cost(&best) {
                best = found;
            }
        }
        best
    }

    fn from(prior: &[(f64, f64)], seen: &[Observation<'_>], mut at: Vec<f64>) -> Option<Posterior> {
        let n = prior.len();
        let mut precision = DMatrix::<f64>::zeros(n, n);
        for _ in 0..STEPS {
            precision.fill(0.0);
            let mut pull = DVector::<f64>::zeros(n);
            for (place, (mean, sd)) in prior.iter().enumerate() {
                let weight = 1.0 / (sd * sd);
                precision[(place, place)] += weight;
                pull[place] += weight * (mean - at[place]);
            }
            let mut values: Vec<f64> = at.iter().map(|one| one.exp()).collect();
            for one in seen {
                accumulate(one, &mut values, &mut precision, &mut pull);
            }
            let step = Cholesky::new(precision.clone())?.solve(&pull);
            let longest = step
                .iter()
                .fold(0.0f64, |longest, one| longest.max(one.abs()));
            if !longest.is_finite() {
                return None;
            }
            let short = (LONGEST / longest.max(1e-12)).min(1.0);
            for (place, one) in at.iter_mut().enumerate() {
                *one += step[place] * short;
            }
            if longest < 1e-4 {
                break;
            }
        }
        let covariance = Cholesky::new(precision)?.inverse();
        let root = Cholesky::new(covariance)?.l();
        at.iter()
            .all(|one| one.is_finite())
            .then_some(Posterior { mean: at, root })
    }

    /// sd of a parameter.
    pub(super) fn sd(&self, place: usize) -> f64 {
        self.root
            .row(place)
            .iter()
            .map(|one| one * one)
            .sum::<f64>()
            .sqrt()
    }

    /// A draw of the parameters' values; the same for the same seed.
    pub(super) fn draw(&self, seed: u64) -> Vec<f64> {
        let normals = DVector::from_iterator(
            self.mean.len(),
            (0..self.mean.len()).map(|place| normal(seed, place as u64)),
        );
        let off = &self.root * normals;
        self.mean
            .iter()
            .zip(off.iter())
            .map(|(mean, off)| (mean + off).exp())
            .collect()
    }
}

/// How unlikely a mode is: half the squares of the gaps, those far out counted linearly.
fn unlikely(at: &[f64], prior: &[(f64, f64)], seen: &[Observation<'_>]) -> f64 {
    let values: Vec<f64> = at.iter().map(|one| one.exp()).collect();
    let own: f64 = at
        .iter()
        .zip(prior)
        .map(|(at, (mean, sd))| ((at - mean) / sd).powi(2) / 2.0)
        .sum();
    let of_seen = seen.iter().map(|one| {
        let z = ((one.seen - (one.foretold)(&values)) / one.sd).abs();
        if z <= HUBER {
            z * z / 2.0
        } else {
            HUBER * (z - HUBER / 2.0)
        }
    });
    own + of_seen.filter(|cost| cost.is_finite()).sum::<f64>()
}

fn accumulate(
    one: &Observation<'_>,
    values: &mut [f64],
    precision: &mut DMatrix<f64>,
    pull: &mut DVector<f64>,
) {
    const STEP: f64 = 1e-4;
    let foretold = (one.foretold)(values);
    let gap = one.seen - foretold;
    if !gap.is_finite() || one.sd <= 0.0 {
        return;
    }
    let z = (gap / one.sd).abs();
    let weight = (HUBER / z.max(HUBER)) / (one.sd * one.sd);
    let slopes: Vec<f64> = one
        .depends
        .iter()
        .map(|place| {
            let kept = values[*place];
            values[*place] = kept * (1.0 + STEP);
            let moved = (one.foretold)(values);
            values[*place] = kept;
            (moved - foretold) / STEP
        })
        .collect();
    for (i, slope) in one.depends.iter().zip(&slopes) {
        pull[*i] += weight * slope * gap;
        for (j, other) in one.depends.iter().zip(&slopes) {
            precision[(*i, *j)] += weight * slope * other;
        }
    }
}

/// A standard normal for a seed and a place, always the same.
pub(super) fn normal(seed: u64, place: u64) -> f64 {
    normal_quantile(uniform(seed, place)).unwrap_or(0.0)
}

/// A number between nought and one for a seed and a place, always the same (splitmix64).
pub(super) fn uniform(seed: u64, place: u64) -> f64 {
    let mut mixed = seed
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .wrapping_add(place.wrapping_mul(0xd1b5_4a32_d192_ed03))
        .wrapping_add(0x9e37_79b9_7f4a_7c15);
    for (shift, factor) in [(30, 0xbf58_476d_1ce4_e5b9_u64), (27, 0x94d0_49bb_1331_11eb)] {
        mixed = (mixed ^ (mixed >> shift)).wrapping_mul(factor);
    }
    mixed ^= mixed >> 31;
    ((mixed >> 11) as f64 + 0.5) / (1u64 << 53) as f64
}
