//! How good a design is for a model: efficiencies, leverages, variance inflation, aliases.

use nalgebra::DMatrix;

use crate::statistics::StatisticsError;
use crate::statistics::power::coefficient_power;
use crate::statistics::terms::{ModelMatrix, Term};

use super::error::{ExperimentError, Result};

/// Figures of a design for a model.
#[derive(Debug, Clone, PartialEq)]
pub struct DesignMetrics {
    /// Runs.
    pub runs: usize,
    /// Parameters.
    pub parameters: usize,
    /// ln det X'X.
    pub log_det: f64,
    /// 100 det(M)^(1/p) / N.
    pub d_efficiency: f64,
    /// 100 p / (N trace M^-1).
    pub a_efficiency: f64,
    /// 100 p / (N max f'M^-1 f) over the region.
    pub g_efficiency: f64,
    /// Mean of f'M^-1 f over the region (I, also called V).
    pub i_variance: f64,
    /// N max f'M^-1 f over the region.
    pub max_scaled_variance: f64,
    /// Leverage of each run.
    pub leverages: Vec<f64>,
    /// Variance inflation of each term but the constant.
    pub vif: Vec<(String, f64)>,
    /// Largest over smallest singular value of X.
    pub condition_number: f64,
}

/// The figures of `points` for `terms`, judged over `region`.
///
/// # Errors
/// [`ExperimentError::TooFewRuns`], [`ExperimentError::SingularCandidates`] for a singular design,
/// [`ExperimentError::NoCandidates`] for an empty region; unreadable points.
pub fn design_metrics(
    points: &[Vec<f64>],
    terms: &[Term],
    region: &[Vec<f64>],
) -> Result<DesignMetrics> {
    let model = ModelMatrix::of_points(points, terms)?;
    if region.is_empty() {
        return Err(ExperimentError::NoCandidates {
            constraint: "region".to_owned(),
        });
    }
    let over = ModelMatrix::of_points(region, terms)?.x;
    let (n, p) = model.x.shape();
    let inverse = information_inverse(&model.x)?;
    let singular = model.x.singular_values();
    let log_det = 2.0 * singular.iter().map(|s| s.ln()).sum::<f64>();
    let variance = |x: &DMatrix<f64>| -> Vec<f64> {
        x.row_iter()
            .map(|f| (f * &inverse * f.transpose())[0])
            .collect()
    };
    let spread = variance(&over);
    let worst = spread.iter().copied().fold(0.0, f64::max);
    let (runs, parameters) = (n as f64, p as f64);
    Ok(DesignMetrics {
        runs: n,
        parameters: p,
        log_det,
        d_efficiency: 100.0 * (log_det / parameters).exp() / runs,
        a_efficiency: 100.0 * parameters / (runs * inverse.trace()),
        g_efficiency: 100.0 * parameters / (runs * worst),
        i_variance: spread.iter().sum::<f64>() / spread.len() as f64,
        max_scaled_variance: runs * worst,
        leverages: variance(&model.x),
        vif: variance_inflation(&model, &inverse),
        condition_number: singular.max() / singular.min(),
    })
}

/// (X'X)^-1 of a design that can estimate its terms.
pub(crate) fn information_inverse(x: &DMatrix<f64>) -> Result<DMatrix<f64>> {
    let (n, p) = x.shape();
    if n < p {
        return Err(ExperimentError::TooFewRuns {
            runs: n,
            parameters: p,
        });
    }
    let singular = x.singular_values();
    if singular.min() <= 1e-10 * singular.max() {
        return Err(ExperimentError::SingularCandidates);
    }
    let inverse = (x.transpose() * x).cholesky().map(|c| c.inverse());
    inverse.ok_or(ExperimentError::SingularCandidates)
}

/// VIF_j = [M^-1]_jj times the sum of squares of column j, about its mean when the model holds the
/// constant.
fn variance_inflation(model: &ModelMatrix, inverse: &DMatrix<f64>) -> Vec<(String, f64)> {
    let constant = model.has_intercept();
    (0..model.names.len())
        .filter(|&j| !model.terms[model.term_of[j]].is_intercept())
        .map(|j| {
            let column = model.x.column(j);
            let centre = if constant { column.mean() } else { 0.0 };
            let total: f64 = column.iter().map(|v| (v - centre).powi(2)).sum();
            (model.names[j].clone(), inverse[(j, j)] * total)
        })
        .collect()
}

/// The alias matrix A = (X1'X1)^-1 X1'X2: how the terms left out (columns) bias those fitted (rows).
///
/// # Errors
/// As [`design_metrics`].
pub fn alias_matrix(
    points: &[Vec<f64>],
    fitted: &[Term],
    left_out: &[Term],
) -> Result<DMatrix<f64>> {
    let x1 = ModelMatrix::of_points(points, fitted)?.x;
    let x2 = ModelMatrix::of_points(points, left_out)?.x;
    Ok(information_inverse(&x1)? * x1.transpose() * x2)
}

/// Power of each coefficient to show an effect of `effect_sd` residual standard deviations.
///
/// # Errors
/// As [`design_metrics`]; no residual degree of freedom.
pub fn design_power(
    points: &[Vec<f64>],
    terms: &[Term],
    effect_sd: f64,
    alpha: f64,
) -> Result<Vec<(String, f64)>> {
    let model = ModelMatrix::of_points(points, terms)?;
    let inverse = information_inverse(&model.x)?;
    let (n, p) = model.x.shape();
    if n == p {
        return Err(StatisticsError::TooFewRuns {
            runs: n,
            parameters: p,
        }
        .into());
    }
    let df = (n - p) as f64;
    model
        .names
        .iter()
        .enumerate()
        .map(|(j, name)| {
            Ok((
                name.clone(),
                coefficient_power(effect_sd, inverse[(j, j)], df, alpha)?,
            ))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::factorial::two_level;
    use crate::statistics::terms::parse_terms;

    #[test]
    fn an_orthogonal_design_is_fully_efficient_and_a_fraction_shows_its_aliases() {
        let points = two_level(2).unwrap();
        let terms = parse_terms(&["1", "A", "B"]).unwrap();
        let metrics = design_metrics(&points, &terms, &points).unwrap();
        assert!((metrics.d_efficiency - 100.0).abs() < 1e-9);
        assert!((metrics.g_efficiency - 100.0).abs() < 1e-9);
        let half: Vec<Vec<f64>> = points
            .iter()
            .map(|p| vec![p[0], p[1], p[0] * p[1]])
            .collect();
        let main = parse_terms(&["1", "A", "B", "C"]).unwrap();
        let aliases = alias_matrix(&half, &main, &parse_terms(&["A:B"]).unwrap()).unwrap();
        assert!((aliases[(3, 0)] - 1.0).abs() < 1e-12);
        assert_eq!(
            design_metrics(
                &half,
                &parse_terms(&["1", "A", "B", "C", "A:B"]).unwrap(),
                &half
            ),
            Err(ExperimentError::TooFewRuns {
                runs: 4,
                parameters: 5
            })
        );
        assert!(matches!(
            design_metrics(&points, &terms, &[]),
            Err(ExperimentError::NoCandidates { .. })
        ));
    }
}
