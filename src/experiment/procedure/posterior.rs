//! The posterior of ln C over the candidates: polynomial prior, Gaussian-process remainder, shared
//! block term, run noise; all in closed form.

use nalgebra::{DMatrix, DVector};

use crate::statistics::distribution::{normal_cdf, normal_density};
use crate::statistics::gaussian_process::{Kernel, with_jitter};

use super::super::error::Result;
use super::problem::Problem;

/// What a run said about ln C.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Reading {
    /// Saturated: ln C measured (also when a guard aborted it with lag growing).
    Measured(f64),
    /// Aborted before the window with load above capacity: ln C < this.
    Below(f64),
    /// The backlog drained before the window: ln C > this.
    Above(f64),
}

/// A reading of one candidate in one block, with extra sd for runs of lower weight.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observation {
    /// Position of the candidate.
    pub candidate: usize,
    /// Block (day or trough window).
    pub block: usize,
    /// What was read.
    pub reading: Reading,
    /// sd beyond the run noise: 0 for a measured run, more for busy-time rates and past changes.
    pub extra_sd: f64,
}

/// Fewer runs than this do not scale the noise.
const RUNS_TO_SCALE_NOISE: usize = 5;
/// Weight of the prior guess of the noise, in runs.
const NOISE_PRIOR_RUNS: f64 = 4.0;

/// Mean and standard deviation of ln C at every candidate.
#[derive(Debug, Clone, PartialEq)]
pub struct Posterior {
    /// Means.
    pub mean: Vec<f64>,
    /// Standard deviations of the average day's capacity.
    pub sd: Vec<f64>,
    /// Factor f^2 on run and block variance.
    pub noise_scale: f64,
    /// Leave-one-out residuals of the observations, standardised.
    pub leave_one_out: Vec<f64>,
    /// Posterior means and sds of the five coefficients.
    pub coefficients: [(f64, f64); 5],
    /// Posterior covariance of the five coefficients.
    pub coefficient_covariance: [[f64; 5]; 5],
}

impl Posterior {
    /// Mean and sd of a combination of the coefficients: an effect in natural units.
    #[must_use]
    pub fn contrast(&self, weights: &[f64; 5]) -> (f64, f64) {
        let mean = weights.iter().zip(&self.coefficients).map(|(w, c)| w * c.0);
        let variance: f64 = (0..5)
            .flat_map(|a| (0..5).map(move |b| (a, b)))
            .map(|(a, b)| weights[a] * weights[b] * self.coefficient_covariance[a][b])
            .sum();
        (mean.sum(), variance.max(0.0).sqrt())
    }
}

/// Conditions the prior on observations.
///
/// # Errors
/// Unknown candidates; values that are not finite; a covariance that is not positive definite.
pub fn posterior(problem: &Problem, observations: &[Observation]) -> Result<Posterior> {
    problem.check()?;
    for o in observations {
        problem.candidate(o.candidate)?;
        let (Reading::Measured(value) | Reading::Below(value) | Reading::Above(value)) = o.reading;
        crate::statistics::error::require("ln capacity", &[value, o.extra_sd], 2)?;
    }
    let surface = Surface::new(problem, observations);
    let mut scale = 1.0;
    let mut fit = surface.fit(observations, scale)?;
    if observations.len() >= RUNS_TO_SCALE_NOISE {
        for _ in 0..3 {
            let squares: f64 = fit.leave_one_out.iter().map(|z| z * z).sum();
            let n = observations.len() as f64;
            let ratio = ((NOISE_PRIOR_RUNS + squares) / (NOISE_PRIOR_RUNS + n)).max(1.0);
            let next: f64 = (scale * ratio).min(9.0);
            if next == scale {
                break;
            }
            scale = next;
            fit = surface.fit(observations, scale)?;
        }
    }
    Ok(surface.predict(problem, &fit, scale))
}

/// Prior moments at the observed candidates and at all candidates.
struct Surface {
    features: Vec<[f64; 5]>,
    coordinates: Vec<[f64; 3]>,
    prior_mean: DVector<f64>,
    signal: DMatrix<f64>,
    noise: DMatrix<f64>,
    extra: DVector<f64>,
    at: Vec<usize>,
    coefficient_variance: [f64; 5],
    coefficient_mean: [f64; 5],
    remainder_variance: f64,
}

struct Fit {
    inverse: DMatrix<f64>,
    weights: DVector<f64>,
    leave_one_out: Vec<f64>,
}

impl Surface {
    fn new(problem: &Problem, observations: &[Observation]) -> Self {
        let features: Vec<_> = (0..problem.candidates.len())
            .map(|i| problem.features(i))
            .collect();
        let coordinates: Vec<_> = (0..problem.candidates.len())
            .map(|i| problem.coordinates(i))
            .collect();
        let at: Vec<usize> = observations.iter().map(|o| o.candidate).collect();
        let n = at.len();
        let mut surface = Self {
            features,
            coordinates,
            prior_mean: DVector::zeros(n),
            signal: DMatrix::zeros(n, n),
            noise: DMatrix::zeros(n, n),
            extra: DVector::from_iterator(n, observations.iter().map(|o| o.extra_sd.powi(2))),
            at,
            coefficient_variance: problem.prior.sd.map(|s| s * s),
            coefficient_mean: problem.prior.mean,
            remainder_variance: problem.spread.remainder_sd.powi(2),
        };
        let (run, block) = (
            problem.spread.run_sd.powi(2),
            problem.spread.block_sd.powi(2),
        );
        surface.prior_mean =
            DVector::from_iterator(n, surface.at.iter().map(|&i| surface.mean_at(i)));
        surface.signal = DMatrix::from_fn(n, n, |i, j| {
            surface.covariance(surface.at[i], surface.at[j])
        });
        surface.noise = DMatrix::from_fn(n, n, |i, j| {
            let shared = if observations[i].block == observations[j].block {
                block
            } else {
                0.0
            };
            shared + if i == j { run } else { 0.0 }
        });
        surface
    }

    fn mean_at(&self, i: usize) -> f64 {
        self.features[i]
            .iter()
            .zip(&self.coefficient_mean)
            .map(|(f, b)| f * b)
            .sum()
    }

    fn covariance(&self, i: usize, j: usize) -> f64 {
        let (a, b) = (&self.features[i], &self.features[j]);
        let linear: f64 = (0..5)
            .map(|k| a[k] * b[k] * self.coefficient_variance[k])
            .sum();
        let (x, y) = (&self.coordinates[i], &self.coordinates[j]);
        let distance = x
            .iter()
            .zip(y)
            .map(|(p, q)| (p - q).powi(2))
            .sum::<f64>()
            .sqrt();
        linear + self.remainder_variance * Kernel::Matern52.correlation(distance)
    }

    /// Solves with the noise scaled by `scale`; censored readings become Gaussian sites.
    fn fit(&self, observations: &[Observation], scale: f64) -> Result<Fit> {
        let n = observations.len();
        if n == 0 {
            let none = DMatrix::zeros(0, 0);
            return Ok(Fit {
                inverse: none,
                weights: DVector::zeros(0),
                leave_one_out: Vec::new(),
            });
        }
        let base = &self.signal + &self.noise * scale + DMatrix::from_diagonal(&self.extra);
        let (site_variance, values) = censored_sites(&base, &self.prior_mean, observations)?;
        let inverse = with_jitter(base + DMatrix::from_diagonal(&site_variance))?.inverse();
        let weights = &inverse * (values - &self.prior_mean);
        let leave_one_out = (0..n)
            .map(|i| weights[i] / inverse[(i, i)].sqrt())
            .collect();
        Ok(Fit {
            inverse,
            weights,
            leave_one_out,
        })
    }

    fn predict(&self, problem: &Problem, fit: &Fit, noise_scale: f64) -> Posterior {
        let n = self.at.len();
        let (mut mean, mut sd) = (Vec::new(), Vec::new());
        for i in 0..problem.candidates.len() {
            let k = DVector::from_iterator(n, self.at.iter().map(|&j| self.covariance(i, j)));
            mean.push(self.mean_at(i) + k.dot(&fit.weights));
            let variance = self.covariance(i, i) - k.dot(&(&fit.inverse * &k));
            sd.push(variance.max(1e-18).sqrt());
        }
        let prior = self.coefficient_variance;
        let shared: Vec<DVector<f64>> = (0..5)
            .map(|b| {
                let with = self.at.iter().map(|&j| self.features[j][b] * prior[b]);
                DVector::from_iterator(n, with)
            })
            .collect();
        let mut coefficients = [(0.0, 0.0); 5];
        let mut coefficient_covariance = [[0.0; 5]; 5];
        for (b, k) in shared.iter().enumerate() {
            let solved = &fit.inverse * k;
            for (a, other) in shared.iter().enumerate() {
                let own = if a == b { prior[b] } else { 0.0 };
                coefficient_covariance[a][b] = own - other.dot(&solved);
            }
            coefficients[b] = (
                self.coefficient_mean[b] + k.dot(&fit.weights),
                coefficient_covariance[b][b].max(0.0).sqrt(),
            );
        }
        Posterior {
            mean,
            sd,
            noise_scale,
            leave_one_out: fit.leave_one_out.clone(),
            coefficients,
            coefficient_covariance,
        }
    }
}

/// A variance that stands for "no information yet".
const WIDE: f64 = 1e6;

/// Expectation propagation for the censored readings (Minka 2001): each inequality becomes a
/// Gaussian pseudo-reading with the moments of the truncated normal. Measured readings keep their
/// value and add no variance.
fn censored_sites(
    base: &DMatrix<f64>,
    prior_mean: &DVector<f64>,
    observations: &[Observation],
) -> Result<(DVector<f64>, DVector<f64>)> {
    let n = observations.len();
    let mut variance = DVector::zeros(n);
    let mut values = prior_mean.clone();
    for (i, o) in observations.iter().enumerate() {
        match o.reading {
            Reading::Measured(value) => values[i] = value,
            Reading::Below(_) | Reading::Above(_) => variance[i] = WIDE,
        }
    }
    if variance.iter().all(|v| *v == 0.0) {
        return Ok((variance, values));
    }
    for _ in 0..20 {
        for (i, o) in observations.iter().enumerate() {
            let (limit, sign) = match o.reading {
                Reading::Measured(_) => continue,
                Reading::Below(limit) => (limit, -1.0),
                Reading::Above(limit) => (limit, 1.0),
            };
            // The cavity: this site removed, the reading predicted from all others.
            variance[i] = WIDE;
            let inverse = with_jitter(base + DMatrix::from_diagonal(&variance))?.inverse();
            let weights = &inverse * (&values - prior_mean);
            let spread = (1.0 / inverse[(i, i)] - WIDE).max(1e-12);
            let centre = values[i] - weights[i] / inverse[(i, i)];
            let z = sign * (centre - limit) / spread.sqrt();
            let ratio = normal_density(z) / normal_cdf(z).max(1e-300);
            let shrink = (1.0 - ratio * (z + ratio)).clamp(1e-6, 1.0 - 1e-9);
            let moved = centre + sign * spread.sqrt() * ratio;
            let precision = 1.0 / (spread * shrink) - 1.0 / spread;
            variance[i] = (1.0 / precision).min(WIDE);
            values[i] = variance[i] * (moved / (spread * shrink) - centre / spread);
        }
    }
    Ok((variance, values))
}
