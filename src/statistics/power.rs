//! How likely a design is to see an effect.

use super::distribution::{f_quantile, t_quantile};
use super::error::{Result, StatisticsError, require_open_unit, require_positive};
use super::noncentral::{noncentral_t_cdf, noncentral_t_sf};
use super::root::brent;

/// Power of a t test with noncentrality `delta` on `df` degrees of freedom.
///
/// # Errors
/// `alpha` not strictly between 0 and 1, `df` not above zero, `delta` not finite.
pub fn t_test_power(delta: f64, df: f64, alpha: f64, two_sided: bool) -> Result<f64> {
    require_open_unit("alpha", alpha)?;
    if two_sided {
        let t = t_quantile(1.0 - alpha / 2.0, df)?;
        return Ok(noncentral_t_sf(t, df, delta)? + noncentral_t_cdf(-t, df, delta)?);
    }
    noncentral_t_sf(t_quantile(1.0 - alpha, df)?, df, delta)
}

/// Power of the two-sample t test: effect in standard deviations, `n` values in each group (not
/// necessarily whole).
///
/// # Errors
/// As [`t_test_power`]; `n` not above one.
pub fn two_sample_power(effect_sd: f64, n: f64, alpha: f64, two_sided: bool) -> Result<f64> {
    require_positive("values per group beyond one", n - 1.0)?;
    t_test_power(
        effect_sd * (n / 2.0).sqrt(),
        2.0 * n - 2.0,
        alpha,
        two_sided,
    )
}

/// The (fractional) number of values per group at which the two-sided two-sample test reaches
/// `power`.
///
/// # Errors
/// An effect of zero, a power not between `alpha` and 1, other arguments out of range.
pub fn two_sample_size(effect_sd: f64, power: f64, alpha: f64) -> Result<f64> {
    require_open_unit("power", power)?;
    require_open_unit("alpha", alpha)?;
    require_positive("effect", effect_sd.abs())?;
    if power <= alpha {
        return Err(StatisticsError::OutOfRange {
            what: "power",
            value: power,
            range: "above alpha",
        });
    }
    let excess =
        |n: f64| two_sample_power(effect_sd, n, alpha, true).map_or(f64::NAN, |p| p - power);
    let mut high = 2.0;
    while excess(high) < 0.0 {
        high *= 2.0;
        if high > 1e9 {
            return Err(StatisticsError::NoConvergence {
                what: "sample size",
                iterations: 30,
            });
        }
    }
    let low = if high > 2.0 { high / 2.0 } else { 1.0 + 1e-3 };
    if excess(low) >= 0.0 {
        return Ok(low);
    }
    Ok(brent(excess, low, high, 1e-10))
}

/// Power to see a coefficient of `effect_sd` residual standard deviations: noncentrality
/// (beta / sigma)^2 / [M^-1]_jj on 1 and `df` degrees of freedom, two-sided at `alpha`.
///
/// # Errors
/// As [`t_test_power`]; `inverse_diagonal` not above zero.
pub fn coefficient_power(
    effect_sd: f64,
    inverse_diagonal: f64,
    df: f64,
    alpha: f64,
) -> Result<f64> {
    require_positive("[M^-1]_jj", inverse_diagonal)?;
    // The noncentral F on 1 degree of freedom is the square of the noncentral t.
    let critical = f_quantile(1.0 - alpha, 1.0, df)?.sqrt();
    let delta = effect_sd / inverse_diagonal.sqrt();
    Ok(noncentral_t_sf(critical, df, delta)? + noncentral_t_cdf(-critical, df, delta)?)
}

/// The least effect (in residual standard deviations) seen with `power`: what a report says when
/// nothing was significant.
///
/// # Errors
/// As [`coefficient_power`].
pub fn detectable_effect(power: f64, inverse_diagonal: f64, df: f64, alpha: f64) -> Result<f64> {
    require_open_unit("power", power)?;
    if power <= alpha {
        return Err(StatisticsError::OutOfRange {
            what: "power",
            value: power,
            range: "above alpha",
        });
    }
    coefficient_power(0.0, inverse_diagonal, df, alpha)?;
    let excess =
        |e: f64| coefficient_power(e, inverse_diagonal, df, alpha).map_or(f64::NAN, |p| p - power);
    let mut high = inverse_diagonal.sqrt();
    while excess(high) < 0.0 && high < 1e6 {
        high *= 2.0;
    }
    Ok(brent(excess, 0.0, high, 1e-10))
}
