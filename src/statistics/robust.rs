//! Standard errors that survive unequal variances or dependence in time.

use nalgebra::DMatrix;

use super::error::{Result, StatisticsError};
use super::linear::LinearFit;

/// Heteroscedasticity-consistent covariances (MacKinnon & White 1985).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeteroscedasticKind {
    /// White's e^2.
    Hc0,
    /// e^2 n / (n - p).
    Hc1,
    /// e^2 / (1 - h).
    Hc2,
    /// e^2 / (1 - h)^2: the default for small samples.
    Hc3,
}

/// Heteroscedasticity-consistent covariance of the coefficients.
///
/// # Errors
/// [`StatisticsError::FullLeverage`] when HC2 or HC3 meet a run of leverage one.
pub fn heteroscedastic_covariance(
    fit: &LinearFit,
    kind: HeteroscedasticKind,
) -> Result<DMatrix<f64>> {
    let divides = matches!(kind, HeteroscedasticKind::Hc2 | HeteroscedasticKind::Hc3);
    if let Some(run) = fit
        .leverages
        .iter()
        .position(|h| divides && *h > 1.0 - 1e-10)
    {
        return Err(StatisticsError::FullLeverage { run });
    }
    let scale = fit.runs() as f64 / fit.df_residual();
    let weights: Vec<f64> = fit
        .residuals
        .iter()
        .zip(&fit.leverages)
        .map(|(e, h)| match kind {
            HeteroscedasticKind::Hc0 => e * e,
            HeteroscedasticKind::Hc1 => e * e * scale,
            HeteroscedasticKind::Hc2 => e * e / (1.0 - h),
            HeteroscedasticKind::Hc3 => (e / (1.0 - h)).powi(2),
        })
        .collect();
    let weighted = DMatrix::from_fn(fit.runs(), fit.parameters(), |i, j| {
        fit.x[(i, j)] * weights[i]
    });
    let meat = fit.x.transpose() * weighted;
    Ok(&fit.inverse * meat * &fit.inverse)
}

/// Newey-West covariance with Bartlett weights 1 - l / (lag + 1), without small-sample factor.
/// Runs must be in order of time.
///
/// # Errors
/// [`StatisticsError::TooFew`] when the lag reaches the number of runs.
pub fn newey_west_covariance(fit: &LinearFit, lag: usize) -> Result<DMatrix<f64>> {
    let (n, p) = (fit.runs(), fit.parameters());
    if lag >= n {
        return Err(StatisticsError::TooFew {
            what: "runs",
            have: n,
            needed: lag + 1,
        });
    }
    let scores = DMatrix::from_fn(n, p, |i, j| fit.x[(i, j)] * fit.residuals[i]);
    let mut meat = scores.transpose() * &scores;
    for l in 1..=lag {
        let weight = 1.0 - l as f64 / (lag + 1) as f64;
        let cross = scores.rows(l, n - l).transpose() * scores.rows(0, n - l);
        meat += (&cross + cross.transpose()) * weight;
    }
    Ok(&fit.inverse * meat * &fit.inverse)
}

/// The lag for Newey-West errors of `n` blocks: floor(4 (n / 100)^(2/9)), at least `least`.
#[must_use]
pub fn newey_west_lag(n: usize, least: usize) -> usize {
    ((4.0 * (n as f64 / 100.0).powf(2.0 / 9.0)).floor() as usize).max(least)
}

/// Square roots of the diagonal of a covariance.
#[must_use]
pub fn standard_errors_of(covariance: &DMatrix<f64>) -> Vec<f64> {
    covariance
        .diagonal()
        .iter()
        .map(|v| v.max(0.0).sqrt())
        .collect()
}
