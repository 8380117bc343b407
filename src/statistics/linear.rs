//! The linear model y = X beta + e by Householder QR, with its usual inference.

use nalgebra::{DMatrix, DVector};

use super::distribution::{f_sf, t_quantile, t_two_sided};
use super::error::{Result, StatisticsError, require, require_open_unit, require_same_length};
use super::terms::ModelMatrix;

/// Above this condition number (columns scaled to length one) a fit is refused.
const CONDITION_LIMIT: f64 = 1e10;

/// The least-squares solution and what inference needs of it.
#[derive(Debug, Clone)]
pub(crate) struct Solution {
    pub coefficients: DVector<f64>,
    /// (X'X)^-1.
    pub inverse: DMatrix<f64>,
    /// Squared row norms of Q.
    pub leverages: Vec<f64>,
    pub residuals: DVector<f64>,
}

/// Solves min |y - X b| by QR after scaling columns to length one.
pub(crate) fn least_squares(
    x: &DMatrix<f64>,
    y: &DVector<f64>,
    names: &[String],
) -> Result<Solution> {
    let (n, p) = x.shape();
    if n < p || p == 0 {
        return Err(StatisticsError::TooFewRuns {
            runs: n,
            parameters: p,
        });
    }
    let name = |j: usize| {
        names
            .get(j)
            .cloned()
            .unwrap_or_else(|| format!("column {j}"))
    };
    let norms: Vec<f64> = x.column_iter().map(|c| c.norm()).collect();
    if let Some(j) = norms.iter().position(|norm| *norm <= f64::MIN_POSITIVE) {
        return Err(StatisticsError::Singular { term: name(j) });
    }
    let scaled = DMatrix::from_fn(n, p, |i, j| x[(i, j)] / norms[j]);
    let qr = scaled.qr();
    let (q, r) = (qr.q(), qr.r());
    if let Some(j) = (0..p).find(|&j| r[(j, j)].abs() < 1e-11) {
        return Err(StatisticsError::Singular { term: name(j) });
    }
    let singular = r.singular_values();
    let condition = singular.max() / singular.min();
    if condition.is_nan() || condition > CONDITION_LIMIT {
        return Err(StatisticsError::IllConditioned { condition });
    }
    let mut r_inverse = DMatrix::identity(p, p);
    r.solve_upper_triangular_mut(&mut r_inverse);
    for (i, norm) in norms.iter().enumerate() {
        r_inverse.row_mut(i).scale_mut(1.0 / norm);
    }
    let coefficients = &r_inverse * (q.transpose() * y);
    let residuals = y - x * &coefficients;
    let leverages = q.row_iter().map(|row| row.norm_squared()).collect();
    Ok(Solution {
        coefficients,
        inverse: &r_inverse * r_inverse.transpose(),
        leverages,
        residuals,
    })
}

/// A fitted linear model.
#[derive(Debug, Clone)]
pub struct LinearFit {
    /// Names of the parameters.
    pub names: Vec<String>,
    /// Estimates, in the order of `names`.
    pub coefficients: Vec<f64>,
    /// y - fitted, one a run (unweighted).
    pub residuals: Vec<f64>,
    /// Fitted values.
    pub fitted: Vec<f64>,
    /// Diagonal of the hat matrix (of the weighted problem when weighted).
    pub leverages: Vec<f64>,
    /// Weighted residual sum of squares.
    pub rss: f64,
    /// Total sum of squares, about the (weighted) mean when there is an intercept.
    pub sst: f64,
    /// (X'WX)^-1.
    pub inverse: DMatrix<f64>,
    /// The model matrix.
    pub x: DMatrix<f64>,
    has_intercept: bool,
    log_weights: f64,
}

/// Ordinary least squares.
///
/// # Errors
/// Not more runs than parameters; singular or ill-conditioned design; a response that is not
/// finite or does not vary; lengths that differ.
pub fn ordinary(model: &ModelMatrix, y: &[f64]) -> Result<LinearFit> {
    weighted(model, y, &vec![1.0; y.len()])
}

/// Weighted least squares with weights proportional to 1 / variance.
///
/// # Errors
/// As [`ordinary`], and when a weight is not above zero.
pub fn weighted(model: &ModelMatrix, y: &[f64], weights: &[f64]) -> Result<LinearFit> {
    require("response", y, 1)?;
    require("weights", weights, 1)?;
    let (n, p) = model.x.shape();
    require_same_length("response", y.len(), "runs", n)?;
    require_same_length("weights", weights.len(), "runs", n)?;
    for &w in weights {
        super::error::require_positive("weight", w)?;
    }
    if n <= p {
        return Err(StatisticsError::TooFewRuns {
            runs: n,
            parameters: p,
        });
    }
    let has_intercept = model.has_intercept();
    refuse_one_level(model)?;
    let centre = if has_intercept {
        weights.iter().zip(y).map(|(w, y)| w * y).sum::<f64>() / weights.iter().sum::<f64>()
    } else {
        0.0
    };
    let sst: f64 = weights
        .iter()
        .zip(y)
        .map(|(w, y)| w * (y - centre).powi(2))
        .sum();
    let size: f64 = y.iter().map(|y| y.abs()).fold(0.0, f64::max);
    if sst <= (size * 1e-14).powi(2) * n as f64 {
        return Err(StatisticsError::ZeroVariance { what: "response" });
    }
    let roots: Vec<f64> = weights.iter().map(|w| w.sqrt()).collect();
    let x = DMatrix::from_fn(n, p, |i, j| model.x[(i, j)] * roots[i]);
    let z = DVector::from_fn(n, |i, _| y[i] * roots[i]);
    let solved = least_squares(&x, &z, &model.names)?;
    let fitted = &model.x * &solved.coefficients;
    Ok(LinearFit {
        names: model.names.clone(),
        coefficients: solved.coefficients.iter().copied().collect(),
        residuals: y.iter().zip(fitted.iter()).map(|(y, f)| y - f).collect(),
        fitted: fitted.iter().copied().collect(),
        leverages: solved.leverages,
        rss: solved.residuals.norm_squared(),
        sst,
        inverse: solved.inverse,
        x: model.x.clone(),
        has_intercept,
        log_weights: weights.iter().map(|w| w.ln()).sum(),
    })
}

/// A main effect whose column never changes is named as such, which says more than "singular".
fn refuse_one_level(model: &ModelMatrix) -> Result<()> {
    for (j, name) in model.names.iter().enumerate() {
        let term = &model.terms[model.term_of[j]];
        let main = term.powers().len() == 1 && term.powers()[0].1 == 1;
        let column = model.x.column(j);
        if main && model.has_intercept() && column.iter().all(|v| *v == column[0]) {
            return Err(StatisticsError::OneLevel {
                factor: name.clone(),
            });
        }
    }
    Ok(())
}

/// A prediction at one point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prediction {
    /// Estimated mean.
    pub mean: f64,
    /// Its standard error.
    pub se_mean: f64,
    /// Two-sided interval of the mean at 1 - alpha.
    pub mean_interval: (f64, f64),
    /// Two-sided interval of one future run at 1 - alpha.
    pub prediction_interval: (f64, f64),
    /// One-sided lower limit of one future run at 1 - alpha: the one decisions use.
    pub lower_prediction_limit: f64,
}

impl LinearFit {
    /// Number of runs.
    #[must_use]
    pub fn runs(&self) -> usize {
        self.x.nrows()
    }

    /// Number of parameters.
    #[must_use]
    pub fn parameters(&self) -> usize {
        self.x.ncols()
    }

    /// Residual degrees of freedom, n - p.
    #[must_use]
    pub fn df_residual(&self) -> f64 {
        (self.runs() - self.parameters()) as f64
    }

    /// Residual standard deviation sqrt(RSS / (n - p)).
    #[must_use]
    pub fn sigma(&self) -> f64 {
        (self.rss / self.df_residual()).sqrt()
    }

    /// Standard errors s sqrt([M^-1]_jj).
    #[must_use]
    pub fn standard_errors(&self) -> Vec<f64> {
        let s = self.sigma();
        self.inverse
            .diagonal()
            .iter()
            .map(|v| s * v.sqrt())
            .collect()
    }

    /// t statistics; infinite for a perfect fit.
    #[must_use]
    pub fn t_values(&self) -> Vec<f64> {
        let errors = self.standard_errors();
        self.coefficients
            .iter()
            .zip(errors)
            .map(|(b, se)| if *b == 0.0 { 0.0 } else { b / se })
            .collect()
    }

    /// Two-sided p-values of the coefficients.
    ///
    /// # Errors
    /// None for a fit made by this module.
    pub fn p_values(&self) -> Result<Vec<f64>> {
        self.t_values()
            .into_iter()
            .map(|t| t_two_sided(t, self.df_residual()))
            .collect()
    }

    /// Two-sided confidence intervals at `level`.
    ///
    /// # Errors
    /// When `level` is not strictly between 0 and 1.
    pub fn confidence_intervals(&self, level: f64) -> Result<Vec<(f64, f64)>> {
        require_open_unit("level", level)?;
        let t = t_quantile(0.5 + level / 2.0, self.df_residual())?;
        let errors = self.standard_errors();
        Ok(self
            .coefficients
            .iter()
            .zip(errors)
            .map(|(b, se)| (b - t * se, b + t * se))
            .collect())
    }

    /// R2 = 1 - RSS / SST.
    #[must_use]
    pub fn r2(&self) -> f64 {
        1.0 - self.rss / self.sst
    }

    /// Adjusted R2.
    #[must_use]
    pub fn r2_adjusted(&self) -> f64 {
        let total = self.runs() as f64 - if self.has_intercept { 1.0 } else { 0.0 };
        1.0 - (1.0 - self.r2()) * total / self.df_residual()
    }

    /// F statistic of all terms but the intercept and its p-value; `None` without such a term.
    ///
    /// # Errors
    /// None for a fit made by this module.
    pub fn f_test(&self) -> Result<Option<(f64, f64)>> {
        let df = self.parameters() - usize::from(self.has_intercept);
        if df == 0 {
            return Ok(None);
        }
        let f = (self.sst - self.rss) / df as f64 / (self.rss / self.df_residual());
        Ok(Some((f, f_sf(f, df as f64, self.df_residual())?)))
    }

    /// Gaussian log-likelihood at the maximum-likelihood variance RSS / n.
    #[must_use]
    pub fn log_likelihood(&self) -> f64 {
        let n = self.runs() as f64;
        -0.5 * n * ((2.0 * std::f64::consts::PI).ln() + (self.rss / n).ln() + 1.0)
            + 0.5 * self.log_weights
    }

    /// Akaike's criterion with p parameters (the variance is not counted).
    #[must_use]
    pub fn aic(&self) -> f64 {
        2.0 * self.parameters() as f64 - 2.0 * self.log_likelihood()
    }

    /// Schwarz's criterion with p parameters.
    #[must_use]
    pub fn bic(&self) -> f64 {
        (self.runs() as f64).ln() * self.parameters() as f64 - 2.0 * self.log_likelihood()
    }

    /// The coefficient called `name`.
    #[must_use]
    pub fn coefficient(&self, name: &str) -> Option<f64> {
        self.names
            .iter()
            .position(|n| n == name)
            .map(|j| self.coefficients[j])
    }

    /// Predictions at the rows of `at` (a model matrix of the same terms).
    ///
    /// # Errors
    /// When `alpha` is not strictly between 0 and 1 or the columns do not match.
    pub fn predict(&self, at: &DMatrix<f64>, alpha: f64) -> Result<Vec<Prediction>> {
        require_open_unit("alpha", alpha)?;
        require_same_length(
            "prediction columns",
            at.ncols(),
            "parameters",
            self.parameters(),
        )?;
        let (df, s2) = (self.df_residual(), self.sigma().powi(2));
        let (two, one) = (
            t_quantile(1.0 - alpha / 2.0, df)?,
            t_quantile(1.0 - alpha, df)?,
        );
        let beta = DVector::from_column_slice(&self.coefficients);
        Ok(at
            .row_iter()
            .map(|f| {
                let mean = (f * &beta)[0];
                let variance = s2 * (f * &self.inverse * f.transpose())[0];
                let (se_mean, se_run) = (variance.sqrt(), (variance + s2).sqrt());
                Prediction {
                    mean,
                    se_mean,
                    mean_interval: (mean - two * se_mean, mean + two * se_mean),
                    prediction_interval: (mean - two * se_run, mean + two * se_run),
                    lower_prediction_limit: mean - one * se_run,
                }
            })
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::terms::{lettered_columns, parse_terms};

    fn model(points: &[Vec<f64>], terms: &[&str]) -> ModelMatrix {
        ModelMatrix::new(
            &lettered_columns(points).unwrap(),
            &parse_terms(terms).unwrap(),
            true,
        )
        .unwrap()
    }

    fn square() -> Vec<Vec<f64>> {
        [
            (-1., -1.),
            (1., -1.),
            (-1., 1.),
            (1., 1.),
            (0., 0.),
            (0., 0.),
        ]
        .map(|(a, b)| vec![a, b])
        .to_vec()
    }

    #[test]
    fn scaling_the_response_scales_the_fit_and_order_does_not_matter() {
        let points = square();
        let y = [1.0, 3.0, 2.0, 5.0, 2.5, 2.7];
        let fit = ordinary(&model(&points, &["A", "B"]), &y).unwrap();
        let scaled: Vec<f64> = y.iter().map(|v| 3.0 * v).collect();
        let tripled = ordinary(&model(&points, &["A", "B"]), &scaled).unwrap();
        let mut back = points.clone();
        back.reverse();
        let reversed: Vec<f64> = y.iter().rev().copied().collect();
        let other = ordinary(&model(&back, &["A", "B"]), &reversed).unwrap();
        for j in 0..3 {
            assert!((tripled.coefficients[j] - 3.0 * fit.coefficients[j]).abs() < 1e-12);
            assert!((other.coefficients[j] - fit.coefficients[j]).abs() < 1e-12);
        }
    }

    #[test]
    fn bad_designs_are_named() {
        let y = [1.0, 3.0, 2.0, 5.0, 2.5, 2.7];
        let few = ordinary(&model(&square()[..3], &["A", "B"]), &y[..3]);
        assert!(matches!(
            few,
            Err(StatisticsError::TooFewRuns {
                runs: 3,
                parameters: 3
            })
        ));
        let twins: Vec<Vec<f64>> = square().iter().map(|p| vec![p[0], p[0]]).collect();
        let singular = ordinary(&model(&twins, &["A", "B"]), &y);
        assert!(matches!(singular, Err(StatisticsError::Singular { term }) if term == "B"));
        let level: Vec<Vec<f64>> = square().iter().map(|p| vec![p[0], 1.0]).collect();
        assert!(matches!(
            ordinary(&model(&level, &["A", "B"]), &y),
            Err(StatisticsError::OneLevel { factor }) if factor == "B"
        ));
        assert!(matches!(
            ordinary(&model(&square(), &["A"]), &[4.0; 6]),
            Err(StatisticsError::ZeroVariance { .. })
        ));
        let broken = [1.0, f64::INFINITY, 2.0, 5.0, 2.5, 2.7];
        assert!(matches!(
            ordinary(&model(&square(), &["A"]), &broken),
            Err(StatisticsError::NotFinite { index: 1, .. })
        ));
    }
}
