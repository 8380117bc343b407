//! The noncentral t distribution, which statrs lacks.
//!
//! T = (Z + delta) / sqrt(V / nu). Conditioning on x = sqrt(V / nu) gives
//! P(T <= t) = E[Phi(t x - delta)]; with u = ln x the integrand is analytic and dies at both ends,
//! so the trapezoid rule converges faster than any power of the step (Trefethen & Weideman 2014).

use statrs::function::gamma::ln_gamma;

use super::distribution::normal_cdf;
use super::error::{Result, StatisticsError, require_open_unit, require_positive};
use super::root::increasing_root;

/// P(T <= t) of the noncentral t with `df` degrees of freedom and noncentrality `delta`.
///
/// # Errors
/// When `df` is not positive or an argument is not finite.
pub fn noncentral_t_cdf(t: f64, df: f64, delta: f64) -> Result<f64> {
    check(t, df, delta)?;
    Ok(expected(df, t, |x| normal_cdf(t * x - delta)))
}

/// P(T > t) of the noncentral t.
///
/// # Errors
/// As [`noncentral_t_cdf`].
pub fn noncentral_t_sf(t: f64, df: f64, delta: f64) -> Result<f64> {
    check(t, df, delta)?;
    Ok(expected(df, t, |x| normal_cdf(delta - t * x)))
}

/// Quantile of the noncentral t.
///
/// # Errors
/// As [`noncentral_t_cdf`], and when `p` is not strictly between 0 and 1.
pub fn noncentral_t_quantile(p: f64, df: f64, delta: f64) -> Result<f64> {
    require_open_unit("probability", p)?;
    check(0.0, df, delta)?;
    let excess = |t: f64| {
        if p < 0.5 {
            expected(df, t, |x| normal_cdf(t * x - delta)) - p
        } else {
            (1.0 - p) - expected(df, t, |x| normal_cdf(delta - t * x))
        }
    };
    increasing_root(excess, delta, 1.0 + delta.abs() / df.sqrt()).ok_or(
        StatisticsError::NoConvergence {
            what: "noncentral t quantile",
            iterations: 60,
        },
    )
}

fn check(t: f64, df: f64, delta: f64) -> Result<()> {
    require_positive("degrees of freedom", df)?;
    for (what, value) in [("t", t), ("noncentrality", delta)] {
        if !value.is_finite() {
            return Err(StatisticsError::OutOfRange {
                what,
                value,
                range: "on the real line",
            });
        }
    }
    Ok(())
}

/// E[g(x)], x = sqrt(chi-squared(df) / df), by the trapezoid rule in u = ln x.
/// `steepness` bounds how fast g varies with x.
fn expected(df: f64, steepness: f64, g: impl Fn(f64) -> f64) -> f64 {
    let log_norm = std::f64::consts::LN_2 + 0.5 * df * (0.5 * df).ln() - ln_gamma(0.5 * df);
    let log_density = |u: f64| log_norm + df * u - 0.5 * df * (2.0 * u).exp();
    let width = (1.0 / (2.0 * df).sqrt()).min(1.0 / steepness.abs().max(1.0));
    let step = 0.2 * width.min(0.5);
    let mut total = g(1.0) * log_density(0.0).exp();
    for direction in [-1.0, 1.0] {
        let mut k = 1.0;
        loop {
            let u = direction * k * step;
            let log_weight = log_density(u);
            if log_weight < -45.0 {
                break;
            }
            total += g(u.exp()) * log_weight.exp();
            k += 1.0;
        }
    }
    (total * step).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::distribution::t_cdf;

    #[test]
    fn without_noncentrality_it_is_student() {
        for df in [1.0, 4.5, 60.0] {
            for t in [-3.0, 0.0, 1.0, 12.0] {
                let gap = noncentral_t_cdf(t, df, 0.0).unwrap() - t_cdf(t, df).unwrap();
                assert!(gap.abs() < 1e-13, "{df} {t} {gap}");
            }
        }
    }

    #[test]
    fn quantile_inverts_even_far_out() {
        for (df, delta) in [(9.0, 1.5), (9.0, 5.2), (99.0, 16.4), (2.0, -3.0)] {
            let t = noncentral_t_quantile(0.95, df, delta).unwrap();
            assert!((noncentral_t_cdf(t, df, delta).unwrap() - 0.95).abs() < 1e-11);
        }
        assert!(noncentral_t_cdf(1.0, f64::NAN, 0.0).is_err());
    }
}
