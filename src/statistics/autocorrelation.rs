//! Dependence within a series.

use super::distribution::chi_squared_sf;
use super::error::{Result, StatisticsError, require};
use super::summary::mean;

/// Autocorrelations at lags 1 to `lags`, each sum divided by the sum of squares (divisor n).
///
/// # Errors
/// When the series is shorter than `lags + 1`, not finite, or constant.
pub fn autocorrelations(series: &[f64], lags: usize) -> Result<Vec<f64>> {
    require("series", series, lags + 1)?;
    let centre = mean(series)?;
    let total: f64 = series.iter().map(|x| (x - centre).powi(2)).sum();
    if total <= 0.0 {
        return Err(StatisticsError::ZeroVariance { what: "series" });
    }
    Ok((1..=lags)
        .map(|lag| {
            let pairs = series.iter().zip(&series[lag..]);
            pairs.map(|(a, b)| (a - centre) * (b - centre)).sum::<f64>() / total
        })
        .collect())
}

/// Lag-1 autocorrelation of a series.
///
/// # Errors
/// When fewer than two values are given, one is not finite, or all are equal.
pub fn lag1_autocorrelation(series: &[f64]) -> Result<f64> {
    Ok(autocorrelations(series, 1)?[0])
}

/// By how much the lag-1 autocorrelation `phi` inflates the variance of a mean:
/// (1 + phi) / (1 - phi), with phi first clamped to [0, 0.95].
#[must_use]
pub fn variance_inflation(phi: f64) -> f64 {
    let phi = if phi.is_nan() {
        0.0
    } else {
        phi.clamp(0.0, 0.95)
    };
    (1.0 + phi) / (1.0 - phi)
}

/// Number of independent observations that `n` observations of a series are worth.
#[must_use]
pub fn effective_samples(n: usize, phi: f64) -> usize {
    (n as f64 / variance_inflation(phi)).floor() as usize
}

/// Ljung-Box test that the first `lags` autocorrelations are zero: (statistic, p-value).
///
/// # Errors
/// As [`autocorrelations`].
pub fn ljung_box(series: &[f64], lags: usize) -> Result<(f64, f64)> {
    let n = series.len() as f64;
    let r = autocorrelations(series, lags)?;
    let sum: f64 = r
        .iter()
        .enumerate()
        .map(|(i, r)| r * r / (n - (i + 1) as f64))
        .sum();
    let statistic = n * (n + 2.0) * sum;
    Ok((statistic, chi_squared_sf(statistic, lags as f64)?))
}

/// Durbin-Watson statistic of residuals: near 2 without lag-1 dependence, below 2 with positive.
///
/// # Errors
/// When fewer than two residuals are given, one is not finite, or all are zero.
pub fn durbin_watson(residuals: &[f64]) -> Result<f64> {
    require("residuals", residuals, 2)?;
    let total: f64 = residuals.iter().map(|e| e * e).sum();
    if total <= 0.0 {
        return Err(StatisticsError::ZeroVariance { what: "residuals" });
    }
    Ok(residuals
        .windows(2)
        .map(|w| (w[1] - w[0]).powi(2))
        .sum::<f64>()
        / total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alternating_series_is_negatively_correlated() {
        let x = [1.0, -1.0, 1.0, -1.0, 1.0, -1.0];
        assert!((lag1_autocorrelation(&x).unwrap() + 5.0 / 6.0).abs() < 1e-12);
        assert_eq!(effective_samples(100, -0.5), 100);
        assert_eq!(effective_samples(300, 0.5), 100);
        assert!(matches!(
            lag1_autocorrelation(&[2.0; 9]),
            Err(StatisticsError::ZeroVariance { .. })
        ));
    }
}
