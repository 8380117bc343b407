//! The Shapiro-Wilk test of normality.

use super::distribution::{normal_quantile, normal_sf};
use super::error::{Result, StatisticsError, require};
use super::summary::{mean, sorted};

fn polynomial(coefficients: &[f64], x: f64) -> f64 {
    coefficients.iter().rev().fold(0.0, |sum, c| sum * x + c)
}

/// W and its p-value by Royston's approximation (1995, AS R94), for 3 to 5000 values.
///
/// # Errors
/// Fewer than 3 or more than 5000 values, values not finite, all equal.
pub fn shapiro_wilk(samples: &[f64]) -> Result<(f64, f64)> {
    require("samples", samples, 3)?;
    let n = samples.len();
    if n > 5000 {
        return Err(StatisticsError::OutOfRange {
            what: "sample size",
            value: n as f64,
            range: "at most 5000; test a part",
        });
    }
    let x = sorted(samples);
    let centre = mean(&x)?;
    let total: f64 = x.iter().map(|v| (v - centre).powi(2)).sum();
    if total <= 0.0 || x[0] == x[n - 1] {
        return Err(StatisticsError::ZeroVariance { what: "samples" });
    }
    let weights = weights(n)?;
    let half = n / 2;
    let contrast: f64 = (0..half).map(|i| weights[i] * (x[n - 1 - i] - x[i])).sum();
    let w = (contrast * contrast / total).min(1.0);
    Ok((w, p_value(w, n)))
}

/// Weights of the pairs (largest - least, ...), all positive.
fn weights(n: usize) -> Result<Vec<f64>> {
    if n == 3 {
        return Ok(vec![std::f64::consts::FRAC_1_SQRT_2]);
    }
    let size = n as f64;
    let half = n / 2;
    let scores = (0..half)
        .map(|i| normal_quantile((i as f64 + 1.0 - 0.375) / (size + 0.25)))
        .collect::<Result<Vec<f64>>>()?;
    let norm2 = 2.0 * scores.iter().map(|m| m * m).sum::<f64>();
    let norm = norm2.sqrt();
    let u = 1.0 / size.sqrt();
    let first = polynomial(
        &[0.0, 0.221157, -0.147981, -2.07119, 4.434685, -2.706056],
        u,
    ) - scores[0] / norm;
    let mut made = vec![first];
    let factor = if n > 5 {
        let second = polynomial(
            &[0.0, 0.042981, -0.293762, -1.752461, 5.682633, -3.582633],
            u,
        ) - scores[1] / norm;
        made.push(second);
        ((norm2 - 2.0 * scores[0].powi(2) - 2.0 * scores[1].powi(2))
            / (1.0 - 2.0 * first * first - 2.0 * second * second))
            .sqrt()
    } else {
        ((norm2 - 2.0 * scores[0].powi(2)) / (1.0 - 2.0 * first * first)).sqrt()
    };
    made.extend(scores[made.len()..].iter().map(|m| -m / factor));
    Ok(made)
}

fn p_value(w: f64, n: usize) -> f64 {
    let size = n as f64;
    if n == 3 {
        let p = 6.0 / std::f64::consts::PI * (w.sqrt().asin() - 0.75f64.sqrt().asin());
        return p.clamp(0.0, 1.0);
    }
    let y = (1.0 - w).ln();
    if n <= 11 {
        let gamma = polynomial(&[-2.273, 0.459], size);
        if y >= gamma {
            return 1e-99;
        }
        let centre = polynomial(&[0.544, -0.39978, 0.025054, -6.714e-4], size);
        let spread = polynomial(&[1.3822, -0.77857, 0.062767, -0.0020322], size).exp();
        return normal_sf((-(gamma - y).ln() - centre) / spread);
    }
    let log_n = size.ln();
    let centre = polynomial(&[-1.5861, -0.31082, -0.083751, 0.0038915], log_n);
    let spread = polynomial(&[-0.4803, -0.082676, 0.0030302], log_n).exp();
    normal_sf((y - centre) / spread)
}
