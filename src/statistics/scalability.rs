//! The universal scalability law C(n) = lambda n / (1 + sigma (n - 1) + kappa n (n - 1))
//! (Gunther 2007).

use nalgebra::{Matrix3, Vector3};

use super::error::{Result, StatisticsError, require, require_positive, require_same_length};

/// A fitted scalability curve.
#[derive(Debug, Clone, PartialEq)]
pub struct ScalabilityFit {
    /// Capacity of one worker.
    pub lambda: f64,
    /// Contention.
    pub sigma: f64,
    /// Coherency; negative is noise and means "no peak seen".
    pub kappa: f64,
    /// Standard errors of lambda, sigma, kappa by the linear approximation; `None` when a bound
    /// is active.
    pub standard_errors: Option<[f64; 3]>,
    /// Residual sum of squares in the scale of the fit.
    pub rss: f64,
    /// Residual standard error sqrt(rss / (n - 3)).
    pub residual_se: f64,
}

impl ScalabilityFit {
    /// The capacity at `n` workers.
    #[must_use]
    pub fn capacity(&self, n: f64) -> f64 {
        self.lambda * n / denominator(n, self.sigma, self.kappa)
    }

    /// The number of workers at the peak, sqrt((1 - sigma) / kappa), when there is one.
    #[must_use]
    pub fn peak(&self) -> Option<f64> {
        (self.kappa > 0.0 && self.sigma < 1.0).then(|| ((1.0 - self.sigma) / self.kappa).sqrt())
    }
}

fn denominator(n: f64, sigma: f64, kappa: f64) -> f64 {
    1.0 + sigma * (n - 1.0) + kappa * n * (n - 1.0)
}

/// Unconstrained least squares on the natural scale, by Levenberg-Marquardt from the linear start
/// n / y = (1 + sigma (n - 1) + kappa n (n - 1)) / lambda.
///
/// # Errors
/// Fewer than four distinct n; values not above zero; no convergence.
pub fn scalability(n: &[f64], y: &[f64]) -> Result<ScalabilityFit> {
    check(n, y)?;
    let start = linear_start(n, y)?;
    let residual = |theta: &Vector3<f64>, i: usize| {
        y[i] - theta[0] * n[i] / denominator(n[i], theta[1], theta[2])
    };
    let gradient = |theta: &Vector3<f64>, i: usize| {
        let d = denominator(n[i], theta[1], theta[2]);
        let base = n[i] / d;
        Vector3::new(
            base,
            -theta[0] * base * (n[i] - 1.0) / d,
            -theta[0] * base * n[i] * (n[i] - 1.0) / d,
        )
    };
    let (theta, inverse) = marquardt(start, n.len(), residual, gradient)?;
    let rss: f64 = (0..n.len()).map(|i| residual(&theta, i).powi(2)).sum();
    let s2 = rss / (n.len() as f64 - 3.0).max(1.0);
    let se = [0, 1, 2].map(|j| (s2 * inverse[(j, j)]).sqrt());
    Ok(ScalabilityFit {
        lambda: theta[0],
        sigma: theta[1],
        kappa: theta[2],
        standard_errors: Some(se),
        rss,
        residual_se: s2.sqrt(),
    })
}

/// Least squares of ln y with sigma, kappa >= 0: the form decisions use, since a free kappa on few
/// points is noise. Each bound is tried in turn and the best admissible fit is taken.
///
/// # Errors
/// As [`scalability`].
pub fn scalability_bounded(n: &[f64], y: &[f64]) -> Result<ScalabilityFit> {
    check(n, y)?;
    let start = linear_start(n, y)?;
    let mut best: Option<(f64, Vector3<f64>, bool)> = None;
    for (free_sigma, free_kappa) in [(true, true), (true, false), (false, true), (false, false)] {
        let mask = Vector3::new(
            1.0,
            f64::from(u8::from(free_sigma)),
            f64::from(u8::from(free_kappa)),
        );
        let begin = Vector3::new(
            start[0].ln(),
            start[1].max(1e-6) * mask[1],
            start[2].max(1e-8) * mask[2],
        );
        let residual = |theta: &Vector3<f64>, i: usize| {
            y[i].ln() - theta[0] - n[i].ln() + denominator(n[i], theta[1], theta[2]).ln()
        };
        let gradient = |theta: &Vector3<f64>, i: usize| {
            let d = denominator(n[i], theta[1], theta[2]);
            Vector3::new(
                1.0,
                -mask[1] * (n[i] - 1.0) / d,
                -mask[2] * n[i] * (n[i] - 1.0) / d,
            )
        };
        let Ok((theta, _)) = marquardt(begin, n.len(), residual, gradient) else {
            continue;
        };
        let rss: f64 = (0..n.len()).map(|i| residual(&theta, i).powi(2)).sum();
        let admissible = theta[1] >= 0.0 && theta[2] >= 0.0;
        if admissible && best.as_ref().is_none_or(|(least, ..)| rss < *least) {
            best = Some((rss, theta, !(free_sigma && free_kappa)));
        }
    }
    let (rss, theta, _) = best.ok_or(StatisticsError::NoConvergence {
        what: "bounded scalability law",
        iterations: 500,
    })?;
    Ok(ScalabilityFit {
        lambda: theta[0].exp(),
        sigma: theta[1],
        kappa: theta[2],
        standard_errors: None,
        rss,
        residual_se: (rss / (n.len() as f64 - 3.0).max(1.0)).sqrt(),
    })
}

fn check(n: &[f64], y: &[f64]) -> Result<()> {
    require("workers", n, 1)?;
    require_same_length("workers", n.len(), "capacities", y.len())?;
    for (&n, &y) in n.iter().zip(y) {
        require_positive("workers", n)?;
        require_positive("capacity", y)?;
    }
    let distinct = super::summary::tie_sizes(n).len();
    if distinct < 4 {
        return Err(StatisticsError::TooFew {
            what: "distinct worker counts",
            have: distinct,
            needed: 4,
        });
    }
    Ok(())
}

/// n / y is linear in 1, n - 1 and n (n - 1).
fn linear_start(n: &[f64], y: &[f64]) -> Result<Vector3<f64>> {
    let x = nalgebra::DMatrix::from_fn(n.len(), 3, |i, j| match j {
        0 => 1.0,
        1 => n[i] - 1.0,
        _ => n[i] * (n[i] - 1.0),
    });
    let z = nalgebra::DVector::from_fn(n.len(), |i, _| n[i] / y[i]);
    let b = super::linear::least_squares(&x, &z, &[])?.coefficients;
    if b[0] > 0.0 {
        return Ok(Vector3::new(1.0 / b[0], b[1] / b[0], b[2] / b[0]));
    }
    // A curve that starts above the data's reach: fall back to the first point, nearly linear.
    Ok(Vector3::new(y[0] / n[0], 0.03, 0.0003))
}

/// Levenberg-Marquardt with Marquardt's scaling; masked parameters have a zero gradient.
fn marquardt(
    start: Vector3<f64>,
    runs: usize,
    residual: impl Fn(&Vector3<f64>, usize) -> f64,
    gradient: impl Fn(&Vector3<f64>, usize) -> Vector3<f64>,
) -> Result<(Vector3<f64>, Matrix3<f64>)> {
    let cost = |theta: &Vector3<f64>| (0..runs).map(|i| residual(theta, i).powi(2)).sum::<f64>();
    let (mut theta, mut damping) = (start, 1e-3);
    let mut here = cost(&theta);
    for _ in 0..500 {
        let (mut normal, mut score) = (Matrix3::zeros(), Vector3::zeros());
        for i in 0..runs {
            let g = gradient(&theta, i);
            normal += g * g.transpose();
            score += g * residual(&theta, i);
        }
        // A masked parameter gets a unit diagonal, so that it stays where it is.
        for j in 0..3 {
            if normal[(j, j)] == 0.0 {
                normal[(j, j)] = 1.0;
            }
        }
        let mut damped = normal;
        for j in 0..3 {
            damped[(j, j)] *= 1.0 + damping;
        }
        let Some(step) = damped.lu().solve(&score) else {
            break;
        };
        let next = theta + step;
        let there = cost(&next);
        if there.is_finite() && there <= here {
            let small = (0..3).all(|j| step[j].abs() <= 1e-12 * (1e-9 + next[j].abs()));
            // A drop of the cost at rounding level leaves nothing to gain.
            let flat = here - there <= 1e-15 * here;
            theta = next;
            here = there;
            damping = (damping * 0.1).max(1e-15);
            if small || flat {
                return invert(&normal).map(|inverse| (theta, inverse));
            }
        } else {
            damping *= 10.0;
            if damping > 1e12 {
                return invert(&normal).map(|inverse| (theta, inverse));
            }
        }
    }
    Err(StatisticsError::NoConvergence {
        what: "scalability law",
        iterations: 500,
    })
}

/// Inverse after scaling the diagonal to one, since lambda and kappa differ by many decades.
fn invert(normal: &Matrix3<f64>) -> Result<Matrix3<f64>> {
    let scale = normal.diagonal().map(|d| 1.0 / d.sqrt());
    let scaled = Matrix3::from_fn(|i, j| normal[(i, j)] * scale[i] * scale[j]);
    let inverse = scaled.try_inverse().ok_or(StatisticsError::Singular {
        term: "kappa".to_owned(),
    })?;
    Ok(Matrix3::from_fn(|i, j| {
        inverse[(i, j)] * scale[i] * scale[j]
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_data_give_the_parameters_back() {
        let n = [1.0, 2.0, 4.0, 8.0, 16.0];
        let y = n.map(|n| 100.0 * n / denominator(n, 0.05, 0.001));
        let fit = scalability(&n, &y).unwrap();
        assert!((fit.lambda - 100.0).abs() < 1e-6 && (fit.kappa - 0.001).abs() < 1e-9);
        assert!((fit.peak().unwrap() - (0.95f64 / 0.001).sqrt()).abs() < 1e-3);
        let bounded = scalability_bounded(&n, &y).unwrap();
        assert!((bounded.sigma - 0.05).abs() < 1e-6);
        assert!(scalability(&n[..3], &y[..3]).is_err());
    }

    #[test]
    fn a_negative_kappa_is_held_at_zero() {
        let n = [1.0, 2.0, 4.0, 8.0, 16.0];
        let y = n.map(|n| 100.0 * n / denominator(n, 0.05, -0.001));
        let fit = scalability_bounded(&n, &y).unwrap();
        assert!(fit.kappa == 0.0 && fit.sigma >= 0.0 && fit.peak().is_none());
    }
}
