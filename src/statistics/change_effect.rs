//! The effect of a change: segmented regression and difference in differences.

use super::distribution::t_two_sided;
use super::error::{Result, require, require_same_length};
use super::linear::{LinearFit, ordinary};
use super::robust::{
    HeteroscedasticKind, heteroscedastic_covariance, newey_west_covariance, standard_errors_of,
};
use super::terms::{Column, Columns, ModelMatrix, parse_terms};

/// A fit of a series in time with plain and Newey-West standard errors.
#[derive(Debug, Clone)]
pub struct Segmented {
    /// The fit.
    pub fit: LinearFit,
    /// Standard errors that assume independence.
    pub se_ordinary: Vec<f64>,
    /// Newey-West standard errors.
    pub se_newey_west: Vec<f64>,
}

/// Fits the model to a series in order of time, with Newey-West errors of `lag`.
///
/// # Errors
/// As [`ordinary`]; a lag not below the number of runs.
pub fn segmented(model: &ModelMatrix, y: &[f64], lag: usize) -> Result<Segmented> {
    let fit = ordinary(model, y)?;
    let se_newey_west = standard_errors_of(&newey_west_covariance(&fit, lag)?);
    Ok(Segmented {
        se_ordinary: fit.standard_errors(),
        se_newey_west,
        fit,
    })
}

/// Level and slope change at position `change` of an evenly spaced series: the model
/// 1, t, post, since with `since` the time after the change.
///
/// # Errors
/// As [`segmented`].
pub fn segmented_at(y: &[f64], change: usize, lag: usize) -> Result<Segmented> {
    let column = |f: &dyn Fn(usize) -> f64| Column::Numeric((0..y.len()).map(f).collect());
    let columns = Columns::from([
        ("t".to_owned(), column(&|i| i as f64)),
        (
            "post".to_owned(),
            column(&|i| f64::from(u8::from(i >= change))),
        ),
        (
            "since".to_owned(),
            column(&|i| i.saturating_sub(change) as f64),
        ),
    ]);
    segmented(
        &ModelMatrix::new(&columns, &parse_terms(&["t", "post", "since"])?, true)?,
        y,
        lag,
    )
}

/// The difference-in-differences estimate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DifferenceInDifferences {
    /// (post - pre) of the treated minus (post - pre) of the controls.
    pub estimate: f64,
    /// Its standard error under equal variances.
    pub standard_error: f64,
    /// Its HC1 standard error.
    pub se_hc1: f64,
    /// Two-sided p-value from `standard_error`.
    pub p: f64,
}

/// Two groups, two periods: the interaction of `treated` and `post` (0 or 1).
///
/// # Errors
/// As [`ordinary`], in particular a singular design when one of the four cells is empty.
pub fn difference_in_differences(
    treated: &[f64],
    post: &[f64],
    y: &[f64],
) -> Result<DifferenceInDifferences> {
    require("response", y, 1)?;
    require_same_length("treated", treated.len(), "response", y.len())?;
    require_same_length("post", post.len(), "response", y.len())?;
    let columns = Columns::from([
        ("treated".to_owned(), Column::Numeric(treated.to_vec())),
        ("post".to_owned(), Column::Numeric(post.to_vec())),
    ]);
    let model = ModelMatrix::new(
        &columns,
        &parse_terms(&["treated", "post", "treated:post"])?,
        true,
    )?;
    let fit = ordinary(&model, y)?;
    let robust = standard_errors_of(&heteroscedastic_covariance(&fit, HeteroscedasticKind::Hc1)?);
    let standard_error = fit.standard_errors()[3];
    Ok(DifferenceInDifferences {
        estimate: fit.coefficients[3],
        standard_error,
        se_hc1: robust[3],
        p: t_two_sided(fit.t_values()[3], fit.df_residual())?,
    })
}

/// Share of placebo changes (controls treated as if changed) at least as large as the job's own,
/// the job counted among them: the rank p-value of the end-of-window check.
///
/// # Errors
/// No control, or values not finite.
pub fn placebo_p_value(own: f64, controls: &[f64]) -> Result<f64> {
    require("own change", &[own], 1)?;
    require("control changes", controls, 1)?;
    let as_large = controls.iter().filter(|c| **c >= own).count();
    Ok((as_large + 1) as f64 / (controls.len() + 1) as f64)
}
