//! Gaussian-process regression with a fixed kernel (Rasmussen & Williams 2006, ch. 2).

use nalgebra::{Cholesky, DMatrix, DVector, Dyn};

use super::error::{Result, StatisticsError, require, require_positive, require_same_length};

/// Stationary correlation functions of the scaled distance r.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kernel {
    /// exp(-r).
    Matern12,
    /// (1 + sqrt3 r) exp(-sqrt3 r).
    Matern32,
    /// (1 + sqrt5 r + 5 r^2 / 3) exp(-sqrt5 r): the default.
    Matern52,
    /// exp(-r^2 / 2).
    SquaredExponential,
}

impl Kernel {
    /// Correlation at scaled distance `r`.
    #[must_use]
    pub fn correlation(self, r: f64) -> f64 {
        match self {
            Self::Matern12 => (-r).exp(),
            Self::Matern32 => {
                let s = 3f64.sqrt() * r;
                (1.0 + s) * (-s).exp()
            }
            Self::Matern52 => {
                let s = 5f64.sqrt() * r;
                (1.0 + s + s * s / 3.0) * (-s).exp()
            }
            Self::SquaredExponential => (-0.5 * r * r).exp(),
        }
    }
}

/// Distance after dividing each coordinate by its length scale; one scale serves all coordinates.
#[must_use]
pub fn scaled_distance(a: &[f64], b: &[f64], scales: &[f64]) -> f64 {
    let scale = |j: usize| scales[j.min(scales.len() - 1)];
    a.iter()
        .zip(b)
        .enumerate()
        .map(|(j, (x, y))| ((x - y) / scale(j)).powi(2))
        .sum::<f64>()
        .sqrt()
}

/// What is fixed before the data.
#[derive(Debug, Clone, PartialEq)]
pub struct GaussianProcess {
    /// Correlation function.
    pub kernel: Kernel,
    /// One length scale, or one a coordinate.
    pub length_scales: Vec<f64>,
    /// Prior variance of the function.
    pub signal_variance: f64,
    /// Variance of the noise of one observation.
    pub noise_variance: f64,
    /// Constant prior mean.
    pub mean: f64,
}

/// The process after the data.
#[derive(Debug, Clone)]
pub struct GaussianPosterior {
    prior: GaussianProcess,
    x: Vec<Vec<f64>>,
    weights: DVector<f64>,
    cholesky: Cholesky<f64, Dyn>,
    /// Log marginal likelihood of the observations.
    pub log_marginal_likelihood: f64,
}

impl GaussianProcess {
    /// Conditions on observations `y` at the points `x`.
    ///
    /// # Errors
    /// Values not finite or not above zero where they must be; lengths that differ;
    /// [`StatisticsError::NotPositiveDefinite`] when points repeat without noise.
    pub fn posterior(&self, x: &[Vec<f64>], y: &[f64]) -> Result<GaussianPosterior> {
        require("response", y, 1)?;
        require_same_length("points", x.len(), "response", y.len())?;
        require("length scales", &self.length_scales, 1)?;
        for &scale in &self.length_scales {
            require_positive("length scale", scale)?;
        }
        require_positive("signal variance", self.signal_variance)?;
        for point in x {
            require("point", point, 1)?;
        }
        let n = y.len();
        let mut covariance = DMatrix::from_fn(n, n, |i, j| self.covariance(&x[i], &x[j]));
        for i in 0..n {
            covariance[(i, i)] += self.noise_variance;
        }
        let cholesky = with_jitter(covariance)?;
        let gap = DVector::from_iterator(n, y.iter().map(|v| v - self.mean));
        let weights = cholesky.solve(&gap);
        let log_det: f64 = 2.0
            * cholesky
                .l_dirty()
                .diagonal()
                .iter()
                .map(|d| d.ln())
                .sum::<f64>();
        let log_marginal_likelihood =
            -0.5 * (gap.dot(&weights) + log_det + n as f64 * (2.0 * std::f64::consts::PI).ln());
        Ok(GaussianPosterior {
            prior: self.clone(),
            x: x.to_vec(),
            weights,
            cholesky,
            log_marginal_likelihood,
        })
    }

    fn covariance(&self, a: &[f64], b: &[f64]) -> f64 {
        self.signal_variance
            * self
                .kernel
                .correlation(scaled_distance(a, b, &self.length_scales))
    }
}

impl GaussianPosterior {
    /// Posterior mean and standard deviation of the function (not of a new observation) at a point.
    #[must_use]
    pub fn at(&self, point: &[f64]) -> (f64, f64) {
        let k = DVector::from_iterator(
            self.x.len(),
            self.x.iter().map(|x| self.prior.covariance(x, point)),
        );
        let mean = self.prior.mean + k.dot(&self.weights);
        let variance = self.prior.signal_variance - k.dot(&self.cholesky.solve(&k));
        (mean, variance.max(0.0).sqrt())
    }
}

/// Cholesky factor; a matrix that fails by rounding gets 1e-10 of its mean diagonal, once.
pub(crate) fn with_jitter(matrix: DMatrix<f64>) -> Result<Cholesky<f64, Dyn>> {
    let n = matrix.nrows();
    let jitter = 1e-10 * matrix.trace() / n as f64;
    if let Some(cholesky) = Cholesky::new(matrix.clone()) {
        return Ok(cholesky);
    }
    Cholesky::new(matrix + DMatrix::identity(n, n) * jitter)
        .ok_or(StatisticsError::NotPositiveDefinite { what: "covariance" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_more_run_never_raises_the_variance() {
        let gp = GaussianProcess {
            kernel: Kernel::Matern52,
            length_scales: vec![0.7],
            signal_variance: 1.0,
            noise_variance: 0.01,
            mean: 0.0,
        };
        let x: Vec<Vec<f64>> = [0.0, 0.4, 1.1].map(|v| vec![v]).to_vec();
        let y = [0.1, 0.5, -0.2];
        let two = gp.posterior(&x[..2], &y[..2]).unwrap();
        let three = gp.posterior(&x, &y).unwrap();
        for q in [-0.3, 0.2, 0.9, 3.0] {
            assert!(three.at(&[q]).1 <= two.at(&[q]).1 + 1e-12);
        }
        assert!(gp.posterior(&x, &y[..2]).is_err());
    }
}
