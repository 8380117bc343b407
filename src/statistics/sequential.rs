//! Tests that may be read at any time: mixture SPRT and Wald's SPRT.

use super::error::{Result, StatisticsError, require, require_open_unit, require_positive};

/// The mixture sequential probability ratio test of a zero mean.
#[derive(Debug, Clone, PartialEq)]
pub struct MixtureTest {
    /// ln Lambda_n.
    pub log_lambda: Vec<f64>,
    /// min over n of min(1, 1 / Lambda_n).
    pub always_valid_p: Vec<f64>,
    /// Half-width of the confidence sequence about the running mean.
    pub half_width: Vec<f64>,
    /// First position with Lambda_n > 1 / alpha.
    pub first_rejection: Option<usize>,
}

/// Mixture SPRT (Robbins 1970; Johari et al. 2017) with known variance `variance` of one value and
/// mixing variance `mixing`: Lambda_n = sqrt(v / (v + n t)) exp(t S_n^2 / (2 v (v + n t))).
///
/// # Errors
/// Empty or non-finite series, variances not above zero, `alpha` not strictly between 0 and 1.
pub fn mixture_sprt(series: &[f64], variance: f64, mixing: f64, alpha: f64) -> Result<MixtureTest> {
    require("series", series, 1)?;
    require_positive("variance", variance)?;
    require_positive("mixing variance", mixing)?;
    require_open_unit("alpha", alpha)?;
    let (mut sum, mut smallest) = (0.0, 1.0f64);
    let mut test = MixtureTest {
        log_lambda: Vec::with_capacity(series.len()),
        always_valid_p: Vec::with_capacity(series.len()),
        half_width: Vec::with_capacity(series.len()),
        first_rejection: None,
    };
    for (i, x) in series.iter().enumerate() {
        sum += x;
        let n = (i + 1) as f64;
        let spread = variance + n * mixing;
        let log_lambda =
            0.5 * (variance / spread).ln() + mixing * sum * sum / (2.0 * variance * spread);
        smallest = smallest.min((-log_lambda).exp());
        let bound = (1.0 / alpha).ln() + 0.5 * (spread / variance).ln();
        if test.first_rejection.is_none() && log_lambda > (1.0 / alpha).ln() {
            test.first_rejection = Some(i);
        }
        test.log_lambda.push(log_lambda);
        test.always_valid_p.push(smallest);
        test.half_width
            .push((2.0 * variance * spread / (mixing * n * n) * bound).sqrt());
    }
    Ok(test)
}

/// How a sequential test ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SequentialDecision {
    /// The null hypothesis is rejected.
    Reject,
    /// The null hypothesis is kept.
    Accept,
    /// Neither limit was reached.
    Continue,
}

/// Wald's test of a success probability.
#[derive(Debug, Clone, PartialEq)]
pub struct BernoulliTest {
    /// Log-likelihood ratio after each trial.
    pub log_ratio: Vec<f64>,
    /// Upper limit ln((1 - beta) / alpha).
    pub upper: f64,
    /// Lower limit ln(beta / (1 - alpha)).
    pub lower: f64,
    /// First position at or beyond a limit.
    pub stop: Option<usize>,
    /// The decision there.
    pub decision: SequentialDecision,
}

/// Wald's SPRT (1945) of p0 against p1 for outcomes 0 and 1.
///
/// # Errors
/// Outcomes other than 0 and 1, probabilities not strictly between 0 and 1, p0 = p1.
pub fn bernoulli_sprt(
    outcomes: &[f64],
    p0: f64,
    p1: f64,
    alpha: f64,
    beta: f64,
) -> Result<BernoulliTest> {
    require("outcomes", outcomes, 1)?;
    for (what, value) in [("p0", p0), ("p1", p1), ("alpha", alpha), ("beta", beta)] {
        require_open_unit(what, value)?;
    }
    if p0 == p1 {
        return Err(StatisticsError::OutOfRange {
            what: "p1",
            value: p1,
            range: "away from p0",
        });
    }
    let (upper, lower) = (((1.0 - beta) / alpha).ln(), (beta / (1.0 - alpha)).ln());
    let mut sum = 0.0;
    let mut log_ratio = Vec::with_capacity(outcomes.len());
    for &value in outcomes {
        sum += if value == 1.0 {
            (p1 / p0).ln()
        } else if value == 0.0 {
            ((1.0 - p1) / (1.0 - p0)).ln()
        } else {
            return Err(StatisticsError::OutOfRange {
                what: "outcome",
                value,
                range: "at 0 or 1",
            });
        };
        log_ratio.push(sum);
    }
    let stop = log_ratio.iter().position(|l| *l >= upper || *l <= lower);
    let decision = match stop {
        Some(i) if log_ratio[i] >= upper => SequentialDecision::Reject,
        Some(_) => SequentialDecision::Accept,
        None => SequentialDecision::Continue,
    };
    Ok(BernoulliTest {
        log_ratio,
        upper,
        lower,
        stop,
        decision,
    })
}
