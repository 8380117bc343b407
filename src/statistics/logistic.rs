//! Logistic regression of outcomes 0 and 1: maximum likelihood, Firth's estimate, thresholds.

use nalgebra::{DMatrix, DVector};

use super::error::{Result, StatisticsError, require, require_open_unit, require_same_length};
use super::terms::ModelMatrix;

/// A fitted logistic model.
#[derive(Debug, Clone, PartialEq)]
pub struct LogisticFit {
    /// Names of the parameters.
    pub names: Vec<String>,
    /// Estimates on the log-odds scale.
    pub coefficients: Vec<f64>,
    /// Inverse information at the estimate.
    pub covariance: DMatrix<f64>,
    /// Log-likelihood.
    pub log_likelihood: f64,
    /// -2 log-likelihood.
    pub deviance: f64,
    /// Deviance of the model with a constant only.
    pub null_deviance: f64,
}

impl LogisticFit {
    /// Standard errors of the coefficients.
    #[must_use]
    pub fn standard_errors(&self) -> Vec<f64> {
        super::robust::standard_errors_of(&self.covariance)
    }

    /// The dose x at which P = `p` in a model of a constant and one slope, with its delta-method
    /// standard error.
    ///
    /// # Errors
    /// When `p` is not strictly between 0 and 1, the model has other parameters, or the slope is 0.
    pub fn dose(&self, p: f64) -> Result<(f64, f64)> {
        require_open_unit("probability", p)?;
        require_same_length(
            "coefficients",
            self.coefficients.len(),
            "constant and slope",
            2,
        )?;
        let (a, b) = (self.coefficients[0], self.coefficients[1]);
        if b == 0.0 {
            return Err(StatisticsError::ZeroVariance {
                what: "outcome probability",
            });
        }
        let x = ((p / (1.0 - p)).ln() - a) / b;
        let v = &self.covariance;
        let variance = (v[(0, 0)] + 2.0 * x * v[(0, 1)] + x * x * v[(1, 1)]) / (b * b);
        Ok((x, variance.max(0.0).sqrt()))
    }
}

/// Maximum likelihood by Newton's method.
///
/// # Errors
/// [`StatisticsError::Separated`] when no maximum exists; [`StatisticsError::OneOutcome`] when all
/// outcomes agree; outcomes other than 0 and 1; a singular or too large model.
pub fn logistic(model: &ModelMatrix, outcomes: &[f64]) -> Result<LogisticFit> {
    check(model, outcomes)?;
    if let Some(first) = outcomes
        .first()
        .filter(|f| outcomes.iter().all(|o| o == *f))
    {
        return Err(StatisticsError::OneOutcome { outcome: *first });
    }
    let mut beta = DVector::zeros(model.x.ncols());
    // With data that overlap, Newton's steps shrink quadratically within about ten steps; separated
    // data move the estimate by a constant amount for ever.
    for _ in 0..40 {
        let state = State::at(model, outcomes, &beta)?;
        let step = &state.inverse * &state.score;
        let mut fraction = 1.0;
        let mut next = &beta + &step;
        while log_likelihood(model, outcomes, &next) < state.log_likelihood - 1e-12
            && fraction > 1e-6
        {
            fraction /= 2.0;
            next = &beta + &step * fraction;
        }
        let moved = (&next - &beta).amax() / (1.0 + next.amax());
        beta = next;
        if moved < 1e-10 {
            let spread = (&model.x * &beta).amax();
            // Beyond this the probabilities round to 0 and 1 and the score vanishes by rounding.
            if spread > 36.0 {
                return Err(StatisticsError::Separated);
            }
            return finish(model, outcomes, &beta);
        }
    }
    Err(StatisticsError::Separated)
}

/// Firth's penalised estimate (Jeffreys prior), finite for separated data (Firth 1993; Heinze &
/// Schemper 2002).
///
/// # Errors
/// As [`logistic`], but separation is no error.
pub fn firth(model: &ModelMatrix, outcomes: &[f64]) -> Result<LogisticFit> {
    check(model, outcomes)?;
    let mut beta = DVector::zeros(model.x.ncols());
    for _ in 0..500 {
        let state = State::at(model, outcomes, &beta)?;
        // Hat values of the weighted problem shift the score by h (1/2 - pi).
        let mut score = DVector::zeros(beta.len());
        for (i, row) in model.x.row_iter().enumerate() {
            let h = state.weights[i] * (row * &state.inverse * row.transpose())[0];
            let pull = outcomes[i] - state.probabilities[i] + h * (0.5 - state.probabilities[i]);
            score += row.transpose() * pull;
        }
        let mut step = &state.inverse * &score;
        // Long steps overshoot on steep data; five log-odds units at a time are plenty.
        let longest = (&model.x * &step).amax();
        if longest > 5.0 {
            step *= 5.0 / longest;
        }
        let penalised = |b: &DVector<f64>| -> f64 {
            State::at(model, outcomes, b)
                .map_or(f64::NEG_INFINITY, |s| s.log_likelihood + 0.5 * s.log_det)
        };
        let here = state.log_likelihood + 0.5 * state.log_det;
        let mut fraction = 1.0;
        while penalised(&(&beta + &step * fraction)) < here - 1e-10 && fraction > 1e-6 {
            fraction /= 2.0;
        }
        let next = &beta + &step * fraction;
        let moved = (&next - &beta).amax() / (1.0 + next.amax());
        beta = next;
        if moved < 1e-11 {
            return finish(model, outcomes, &beta);
        }
    }
    Err(StatisticsError::NoConvergence {
        what: "Firth's estimate",
        iterations: 500,
    })
}

/// Likelihood quantities at one value of the coefficients.
struct State {
    probabilities: Vec<f64>,
    weights: Vec<f64>,
    score: DVector<f64>,
    inverse: DMatrix<f64>,
    log_det: f64,
    log_likelihood: f64,
}

impl State {
    fn at(model: &ModelMatrix, outcomes: &[f64], beta: &DVector<f64>) -> Result<Self> {
        let eta = &model.x * beta;
        let probabilities: Vec<f64> = eta.iter().map(|e| 1.0 / (1.0 + (-e).exp())).collect();
        let weights: Vec<f64> = probabilities.iter().map(|p| p * (1.0 - p)).collect();
        let (n, p) = model.x.shape();
        let weighted = DMatrix::from_fn(n, p, |i, j| model.x[(i, j)] * weights[i]);
        let information = model.x.transpose() * weighted;
        let gap = DVector::from_fn(n, |i, _| outcomes[i] - probabilities[i]);
        let cholesky = information.cholesky().ok_or(StatisticsError::Separated)?;
        let log_det = 2.0 * cholesky.l().diagonal().iter().map(|d| d.ln()).sum::<f64>();
        Ok(Self {
            probabilities,
            weights,
            score: model.x.transpose() * gap,
            inverse: cholesky.inverse(),
            log_det,
            log_likelihood: log_likelihood(model, outcomes, beta),
        })
    }
}

fn log_likelihood(model: &ModelMatrix, outcomes: &[f64], beta: &DVector<f64>) -> f64 {
    let eta = &model.x * beta;
    // ln(1 + e^x) without overflow.
    let softplus = |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p();
    eta.iter()
        .zip(outcomes)
        .map(|(e, y)| y * e - softplus(*e))
        .sum()
}

fn finish(model: &ModelMatrix, outcomes: &[f64], beta: &DVector<f64>) -> Result<LogisticFit> {
    let state = State::at(model, outcomes, beta)?;
    let n = outcomes.len() as f64;
    let share = outcomes.iter().sum::<f64>() / n;
    let entropy = |q: f64| if q <= 0.0 { 0.0 } else { q * q.ln() };
    let null_deviance = -2.0 * n * (entropy(share) + entropy(1.0 - share));
    Ok(LogisticFit {
        names: model.names.clone(),
        coefficients: beta.iter().copied().collect(),
        covariance: state.inverse,
        log_likelihood: state.log_likelihood,
        deviance: -2.0 * state.log_likelihood,
        null_deviance,
    })
}

fn check(model: &ModelMatrix, outcomes: &[f64]) -> Result<()> {
    require("outcomes", outcomes, 1)?;
    require_same_length("outcomes", outcomes.len(), "runs", model.x.nrows())?;
    for &value in outcomes {
        if value != 0.0 && value != 1.0 {
            return Err(StatisticsError::OutOfRange {
                what: "outcome",
                value,
                range: "at 0 or 1",
            });
        }
    }
    if outcomes.len() < model.x.ncols() {
        return Err(StatisticsError::TooFewRuns {
            runs: outcomes.len(),
            parameters: model.x.ncols(),
        });
    }
    let y = DVector::from_column_slice(outcomes);
    super::linear::least_squares(&model.x, &y, &model.names).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::terms::{lettered_columns, parse_terms};

    #[test]
    fn separated_outcomes_have_no_maximum_but_a_firth_estimate() {
        let points: Vec<Vec<f64>> = (0..8).map(|i| vec![f64::from(i)]).collect();
        let terms = parse_terms(&["A"]).unwrap();
        let model = ModelMatrix::new(&lettered_columns(&points).unwrap(), &terms, true).unwrap();
        let complete = [0., 0., 0., 0., 1., 1., 1., 1.];
        assert_eq!(logistic(&model, &complete), Err(StatisticsError::Separated));
        assert!(firth(&model, &complete).unwrap().coefficients[1] > 0.0);
        assert!(matches!(
            logistic(&model, &[1.0; 8]),
            Err(StatisticsError::OneOutcome { .. })
        ));
        assert!(logistic(&model, &[0.5; 8]).is_err());
        // Quasi-complete: one dose with both outcomes at the border.
        let mut border = points.clone();
        border[4] = vec![3.0];
        let model = ModelMatrix::new(&lettered_columns(&border).unwrap(), &terms, true).unwrap();
        assert_eq!(logistic(&model, &complete), Err(StatisticsError::Separated));
    }
}
