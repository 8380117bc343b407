//! Conjugate update of linear coefficients with known noise.

use nalgebra::{DMatrix, DVector};

use super::error::{Result, StatisticsError, require, require_positive, require_same_length};

/// A normal distribution of coefficients.
#[derive(Debug, Clone, PartialEq)]
pub struct Coefficients {
    /// Means.
    pub mean: DVector<f64>,
    /// Covariance.
    pub covariance: DMatrix<f64>,
}

impl Coefficients {
    /// The posterior after observations `y` at the rows of `x` with noise variance s^2:
    /// precision S0^-1 + X'X / s^2 (Gelman et al. 2013, ch. 14).
    ///
    /// # Errors
    /// Shapes that differ, values not finite, a covariance that is not positive definite.
    pub fn update(&self, x: &DMatrix<f64>, y: &[f64], noise_variance: f64) -> Result<Self> {
        require("response", y, 1)?;
        require_positive("noise variance", noise_variance)?;
        require_same_length("response", y.len(), "rows", x.nrows())?;
        require_same_length("columns", x.ncols(), "coefficients", self.mean.len())?;
        let bad = || StatisticsError::NotPositiveDefinite {
            what: "prior covariance",
        };
        let prior = self
            .covariance
            .clone()
            .cholesky()
            .ok_or_else(bad)?
            .inverse();
        let precision = &prior + x.transpose() * x / noise_variance;
        let covariance = precision.cholesky().ok_or_else(bad)?.inverse();
        let pull =
            prior * &self.mean + x.transpose() * DVector::from_column_slice(y) / noise_variance;
        Ok(Self {
            mean: &covariance * pull,
            covariance,
        })
    }

    /// Mean and variance of one future observation at `point`.
    ///
    /// # Errors
    /// A point of the wrong length.
    pub fn predict(&self, point: &[f64], noise_variance: f64) -> Result<(f64, f64)> {
        require("point", point, 1)?;
        require_same_length("point", point.len(), "coefficients", self.mean.len())?;
        let f = DVector::from_column_slice(point);
        Ok((
            f.dot(&self.mean),
            f.dot(&(&self.covariance * &f)) + noise_variance,
        ))
    }
}
