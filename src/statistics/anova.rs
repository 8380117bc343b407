//! Analysis of variance and lack of fit.

use std::collections::BTreeMap;

use nalgebra::{DMatrix, DVector};

use super::distribution::f_sf;
use super::error::{Result, StatisticsError, require, require_same_length};
use super::linear::least_squares;
use super::terms::ModelMatrix;

/// How the sum of squares of a term is defined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnovaType {
    /// Sequential, in the order of the terms.
    Sequential,
    /// Each term after all others that do not contain it (type II).
    Marginal,
    /// Each term after all others (type III); sound only with sum-to-zero coding, which
    /// [`ModelMatrix`] uses.
    Partial,
}

/// One line of the table.
#[derive(Debug, Clone, PartialEq)]
pub struct AnovaRow {
    /// The term, or `residual`.
    pub term: String,
    /// Sum of squares.
    pub sum_of_squares: f64,
    /// Degrees of freedom.
    pub df: f64,
    /// F and its p-value; `None` on the residual line.
    pub test: Option<(f64, f64)>,
}

/// The analysis-of-variance table, the residual last, the intercept left out.
///
/// # Errors
/// As [`super::linear::ordinary`].
pub fn anova(model: &ModelMatrix, y: &[f64], kind: AnovaType) -> Result<Vec<AnovaRow>> {
    let fit = super::linear::ordinary(model, y)?;
    let response = DVector::from_column_slice(y);
    let rss = |keep: &dyn Fn(usize) -> bool| residual_sum(&model.only(keep), &response);
    let mut rows = Vec::new();
    for (t, term) in model
        .terms
        .iter()
        .enumerate()
        .filter(|(_, term)| !term.is_intercept())
    {
        let explained = match kind {
            AnovaType::Sequential => rss(&|i| i < t)? - rss(&|i| i <= t)?,
            AnovaType::Marginal => {
                let others = |i: usize| i != t && !model.terms[i].contains(term);
                rss(&others)? - rss(&|i| i == t || others(i))?
            }
            AnovaType::Partial => rss(&|i| i != t)? - fit.rss,
        };
        let df = model.term_of.iter().filter(|&&i| i == t).count() as f64;
        let f = explained / df / (fit.rss / fit.df_residual());
        rows.push(AnovaRow {
            term: term.name().to_owned(),
            sum_of_squares: explained,
            df,
            test: Some((f, f_sf(f, df, fit.df_residual())?)),
        });
    }
    rows.push(AnovaRow {
        term: "residual".to_owned(),
        sum_of_squares: fit.rss,
        df: fit.df_residual(),
        test: None,
    });
    Ok(rows)
}

fn residual_sum(x: &DMatrix<f64>, y: &DVector<f64>) -> Result<f64> {
    if x.ncols() == 0 {
        return Ok(y.norm_squared());
    }
    Ok(least_squares(x, y, &[])?.residuals.norm_squared())
}

/// Lack of fit against pure error.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LackOfFit {
    /// Sum of squares of the model's failure at the distinct points.
    pub ss_lack_of_fit: f64,
    /// Distinct points minus parameters.
    pub df_lack_of_fit: usize,
    /// Sum of squares within replicated points.
    pub ss_pure_error: f64,
    /// Runs minus distinct points.
    pub df_pure_error: usize,
    /// F statistic.
    pub f: f64,
    /// Its p-value.
    pub p: f64,
}

/// F = (SS_lof / (m - p)) / (SS_pe / (N - m)) over `m` distinct points; `points` holds the factor
/// settings of each run.
///
/// # Errors
/// [`StatisticsError::NoReplicates`] without a replicated point; [`StatisticsError::TooFewRuns`]
/// when the distinct points do not outnumber the parameters; as [`super::linear::ordinary`].
pub fn lack_of_fit(model: &ModelMatrix, points: &[Vec<f64>], y: &[f64]) -> Result<LackOfFit> {
    require("response", y, 1)?;
    require_same_length("points", points.len(), "response", y.len())?;
    let fit = super::linear::ordinary(model, y)?;
    let mut groups: BTreeMap<Vec<u64>, Vec<f64>> = BTreeMap::new();
    for (point, value) in points.iter().zip(y) {
        // Adding zero turns -0.0 into 0.0, so both count as one point.
        let key = point.iter().map(|v| (v + 0.0).to_bits()).collect();
        groups.entry(key).or_default().push(*value);
    }
    let (m, n, p) = (groups.len(), y.len(), fit.parameters());
    if m == n {
        return Err(StatisticsError::NoReplicates);
    }
    if m <= p {
        return Err(StatisticsError::TooFewRuns {
            runs: m,
            parameters: p,
        });
    }
    let ss_pure_error: f64 = groups
        .values()
        .map(|group| {
            let centre = group.iter().sum::<f64>() / group.len() as f64;
            group.iter().map(|v| (v - centre).powi(2)).sum::<f64>()
        })
        .sum();
    if ss_pure_error <= 0.0 {
        return Err(StatisticsError::ZeroVariance { what: "replicates" });
    }
    let ss_lack_of_fit = (fit.rss - ss_pure_error).max(0.0);
    let f = ss_lack_of_fit / (m - p) as f64 / (ss_pure_error / (n - m) as f64);
    Ok(LackOfFit {
        ss_lack_of_fit,
        df_lack_of_fit: m - p,
        ss_pure_error,
        df_pure_error: n - m,
        f,
        p: f_sf(f, (m - p) as f64, (n - m) as f64)?,
    })
}

/// Centre-point test of curvature: F = n_f n_c (mean_f - mean_c)^2 / ((n_f + n_c) s^2) on 1 and
/// `df` degrees of freedom, returned with its p-value.
///
/// # Errors
/// When a group is empty or not finite, or `variance` or `df` is not above zero.
pub fn centre_point_curvature(
    factorial: &[f64],
    centre: &[f64],
    variance: f64,
    df: f64,
) -> Result<(f64, f64)> {
    super::error::require_positive("variance", variance)?;
    let gap = super::summary::mean(factorial)? - super::summary::mean(centre)?;
    let (nf, nc) = (factorial.len() as f64, centre.len() as f64);
    let f = nf * nc * gap * gap / ((nf + nc) * variance);
    Ok((f, f_sf(f, 1.0, df)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::terms::{lettered_columns, parse_terms};

    #[test]
    fn balanced_orthogonal_tables_agree_and_pure_error_is_asked_for() {
        let points: Vec<Vec<f64>> = [(-1., -1.), (1., -1.), (-1., 1.), (1., 1.), (0., 0.)]
            .map(|(a, b)| vec![a, b])
            .to_vec();
        let y = [1.0, 3.0, 2.0, 5.0, 2.5];
        let terms = parse_terms(&["A", "B"]).unwrap();
        let model = ModelMatrix::new(&lettered_columns(&points).unwrap(), &terms, true).unwrap();
        let tables = [
            AnovaType::Sequential,
            AnovaType::Marginal,
            AnovaType::Partial,
        ]
        .map(|kind| anova(&model, &y, kind).unwrap());
        let sums = |t: usize| tables[t].iter().map(|r| r.sum_of_squares);
        for other in [1, 2] {
            assert!(sums(0).zip(sums(other)).all(|(a, b)| (a - b).abs() < 1e-12));
        }
        assert_eq!(
            lack_of_fit(&model, &points, &y),
            Err(StatisticsError::NoReplicates)
        );
    }
}
