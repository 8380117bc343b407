//! Two looks at y against x that ask little: Breusch-Pagan and Theil-Sen.

use nalgebra::{DMatrix, DVector};

use super::distribution::{chi_squared_sf, normal_quantile};
use super::error::{Result, StatisticsError, require, require_open_unit, require_same_length};
use super::linear::least_squares;
use super::summary::{median, median_of_sorted, sorted, tie_sizes};

/// Koenker's studentised Breusch-Pagan test (1981) of constant variance of `residuals` against the
/// columns of `x` (which holds the constant): n R2 of squared residuals, and its p-value.
///
/// # Errors
/// Lengths that differ, a singular design, residuals all of one size.
pub fn breusch_pagan(residuals: &[f64], x: &DMatrix<f64>) -> Result<(f64, f64)> {
    require("residuals", residuals, 3)?;
    require_same_length("residuals", residuals.len(), "rows", x.nrows())?;
    let squares = DVector::from_iterator(residuals.len(), residuals.iter().map(|e| e * e));
    let centre = squares.mean();
    let total: f64 = squares.iter().map(|v| (v - centre).powi(2)).sum();
    if total <= f64::EPSILON * centre * centre {
        return Err(StatisticsError::ZeroVariance {
            what: "squared residuals",
        });
    }
    let rss = least_squares(x, &squares, &[])?.residuals.norm_squared();
    let statistic = residuals.len() as f64 * (1.0 - rss / total);
    Ok((
        statistic,
        chi_squared_sf(statistic, (x.ncols() - 1) as f64)?,
    ))
}

/// [`breusch_pagan`] of the straight line of y on x.
///
/// # Errors
/// As [`breusch_pagan`].
pub fn breusch_pagan_of_line(x: &[f64], y: &[f64]) -> Result<(f64, f64)> {
    require("x", x, 3)?;
    require("y", y, 3)?;
    require_same_length("x", x.len(), "y", y.len())?;
    let design = DMatrix::from_fn(x.len(), 2, |i, j| if j == 0 { 1.0 } else { x[i] });
    let fit = least_squares(
        &design,
        &DVector::from_column_slice(y),
        &["1".to_owned(), "x".to_owned()],
    )?;
    let residuals: Vec<f64> = fit.residuals.iter().copied().collect();
    breusch_pagan(&residuals, &design)
}

/// The median of pairwise slopes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TheilSen {
    /// Median slope.
    pub slope: f64,
    /// median(y) - slope median(x).
    pub intercept: f64,
    /// Sen's interval of the slope (1968).
    pub interval: (f64, f64),
}

/// Theil-Sen line with Sen's interval at `level`.
///
/// # Errors
/// Fewer than two points, values not finite, all x equal.
pub fn theil_sen(x: &[f64], y: &[f64], level: f64) -> Result<TheilSen> {
    require("x", x, 2)?;
    require("y", y, 2)?;
    require_same_length("x", x.len(), "y", y.len())?;
    require_open_unit("level", level)?;
    let mut slopes = Vec::with_capacity(x.len() * x.len() / 2);
    for i in 0..x.len() {
        for j in 0..x.len() {
            if x[j] > x[i] {
                slopes.push((y[j] - y[i]) / (x[j] - x[i]));
            }
        }
    }
    if slopes.is_empty() {
        return Err(StatisticsError::ZeroVariance { what: "x" });
    }
    let slopes = sorted(&slopes);
    let slope = median_of_sorted(&slopes);
    let term = |k: f64| k * (k - 1.0) * (2.0 * k + 5.0);
    let tied = |v: &[f64]| tie_sizes(v).iter().map(|&k| term(k as f64)).sum::<f64>();
    let variance = (term(y.len() as f64) - tied(x) - tied(y)) / 18.0;
    let reach = normal_quantile(0.5 + level / 2.0)? * variance.max(0.0).sqrt();
    let count = slopes.len() as f64;
    let last = slopes.len() - 1;
    let upper = (((count + reach) / 2.0).round_ties_even() as usize).min(last);
    let lower = ((count - reach) / 2.0).round_ties_even() - 1.0;
    Ok(TheilSen {
        slope,
        intercept: median(y)? - slope * median(x)?,
        interval: (slopes[lower.max(0.0) as usize], slopes[upper]),
    })
}
