//! Distribution functions: both tails computed directly, inverses by root search on the nearer tail.
//!
//! statrs supplies the incomplete beta and gamma functions and erfc; tails are taken from them
//! without the subtraction `1 - cdf`, so a far tail keeps its digits.

use statrs::function::{beta::beta_reg, erf, gamma::gamma_ur};

use super::error::{Result, StatisticsError, require_open_unit, require_positive};
use super::root::brent;

/// Standard normal density.
#[must_use]
pub fn normal_density(z: f64) -> f64 {
    (-0.5 * z * z).exp() / (2.0 * std::f64::consts::PI).sqrt()
}

/// Standard normal P(Z <= z).
#[must_use]
pub fn normal_cdf(z: f64) -> f64 {
    normal_sf(-z)
}

/// Standard normal P(Z > z), to about 1e-15 of itself below 3 and 1e-14 beyond.
///
/// Own evaluation because the erfc at hand is right to 1e-11 only, too little for derivatives by
/// difference: the series Phi(z) = 1/2 + phi(z) (z + z^3/3 + z^5/15 + ...) near the middle
/// (Marsaglia 2004), Laplace's continued fraction in the tail.
#[must_use]
pub fn normal_sf(z: f64) -> f64 {
    if z.is_nan() {
        return f64::NAN;
    }
    if z < -3.0 {
        return 1.0 - normal_sf(-z);
    }
    if z < 3.0 {
        let (mut term, mut sum, mut k) = (z, z, 1.0);
        while term.abs() > 1e-18 * sum.abs() {
            k += 2.0;
            term *= z * z / k;
            sum += term;
        }
        return 0.5 - normal_density(z) * sum;
    }
    if z > 39.0 {
        return 0.0;
    }
    let mut fraction = z;
    for k in (1..=80).rev() {
        fraction = z + f64::from(k) / fraction;
    }
    normal_density(z) / fraction
}

/// Standard normal quantile.
///
/// # Errors
/// When `p` is not strictly between 0 and 1.
pub fn normal_quantile(p: f64) -> Result<f64> {
    require_open_unit("probability", p)?;
    // One Newton step polishes the rational start to the last digits.
    let start = -std::f64::consts::SQRT_2 * erf::erfc_inv(2.0 * p);
    let step = (normal_cdf(start) - p) / normal_density(start);
    Ok(if step.is_finite() {
        start - step
    } else {
        start
    })
}

/// Student t: P(T > t) on `df` degrees of freedom.
///
/// # Errors
/// When `df` is not positive or `t` is NaN.
pub fn t_sf(t: f64, df: f64) -> Result<f64> {
    require_positive("degrees of freedom", df)?;
    if t.is_nan() {
        return Err(not_a_number("t"));
    }
    let tail = 0.5 * beta_reg(df / 2.0, 0.5, df / (df + t * t));
    Ok(if t >= 0.0 { tail } else { 1.0 - tail })
}

/// Student t: P(T <= t).
///
/// # Errors
/// As [`t_sf`].
pub fn t_cdf(t: f64, df: f64) -> Result<f64> {
    t_sf(-t, df)
}

/// Two-sided p-value of a t statistic; zero for an infinite statistic.
///
/// # Errors
/// As [`t_sf`].
pub fn t_two_sided(t: f64, df: f64) -> Result<f64> {
    Ok((2.0 * t_sf(t.abs(), df)?).min(1.0))
}

/// Student t quantile.
///
/// # Errors
/// When `p` is not strictly between 0 and 1 or `df` is not positive.
pub fn t_quantile(p: f64, df: f64) -> Result<f64> {
    require_open_unit("probability", p)?;
    require_positive("degrees of freedom", df)?;
    if p == 0.5 {
        return Ok(0.0);
    }
    let tail = p.min(1.0 - p);
    let upper = positive_root(|t| tail - 0.5 * beta_reg(df / 2.0, 0.5, df / (df + t * t)));
    Ok(if p > 0.5 { upper } else { -upper })
}

/// F: P(X > x) on `df1` and `df2` degrees of freedom.
///
/// # Errors
/// When a degree of freedom is not positive or `x` is NaN.
pub fn f_sf(x: f64, df1: f64, df2: f64) -> Result<f64> {
    require_positive("numerator degrees of freedom", df1)?;
    require_positive("denominator degrees of freedom", df2)?;
    if x.is_nan() {
        return Err(not_a_number("F"));
    }
    if x <= 0.0 {
        return Ok(1.0);
    }
    if x.is_infinite() {
        return Ok(0.0);
    }
    Ok(beta_reg(df2 / 2.0, df1 / 2.0, df2 / (df2 + df1 * x)))
}

/// F: P(X <= x).
///
/// # Errors
/// As [`f_sf`].
pub fn f_cdf(x: f64, df1: f64, df2: f64) -> Result<f64> {
    if x <= 0.0 {
        f_sf(x, df1, df2)?;
        return Ok(0.0);
    }
    f_sf(1.0 / x, df2, df1)
}

/// F quantile.
///
/// # Errors
/// As [`f_sf`], and when `p` is not strictly between 0 and 1.
pub fn f_quantile(p: f64, df1: f64, df2: f64) -> Result<f64> {
    let b = beta_quantile(p, df1 / 2.0, df2 / 2.0)?;
    // The odds of the beta quantile, with the complement taken from the other tail near one.
    let complement = if b > 0.5 {
        beta_quantile_complement(p, df1 / 2.0, df2 / 2.0)?
    } else {
        1.0 - b
    };
    Ok(df2 * b / (df1 * complement))
}

/// Chi-squared: P(X > x).
///
/// # Errors
/// When `df` is not positive or `x` is NaN.
pub fn chi_squared_sf(x: f64, df: f64) -> Result<f64> {
    require_positive("degrees of freedom", df)?;
    if x.is_nan() {
        return Err(not_a_number("chi-squared"));
    }
    if x <= 0.0 {
        return Ok(1.0);
    }
    if x.is_infinite() {
        return Ok(0.0);
    }
    Ok(gamma_ur(df / 2.0, x / 2.0))
}

/// Chi-squared: P(X <= x).
///
/// # Errors
/// As [`chi_squared_sf`].
pub fn chi_squared_cdf(x: f64, df: f64) -> Result<f64> {
    chi_squared_sf(x, df)?;
    if x <= 0.0 {
        return Ok(0.0);
    }
    if x.is_infinite() {
        return Ok(1.0);
    }
    Ok(statrs::function::gamma::gamma_lr(df / 2.0, x / 2.0))
}

/// Chi-squared quantile.
///
/// # Errors
/// As [`chi_squared_sf`], and when `p` is not strictly between 0 and 1.
pub fn chi_squared_quantile(p: f64, df: f64) -> Result<f64> {
    require_open_unit("probability", p)?;
    require_positive("degrees of freedom", df)?;
    Ok(if p < 0.5 {
        positive_root(|x| {
            if x <= 0.0 {
                -p
            } else {
                statrs::function::gamma::gamma_lr(df / 2.0, x / 2.0) - p
            }
        })
    } else {
        positive_root(|x| {
            if x <= 0.0 {
                -p
            } else {
                (1.0 - p) - gamma_ur(df / 2.0, x / 2.0)
            }
        })
    })
}

/// Beta: P(X <= x).
///
/// # Errors
/// When a shape is not positive or `x` is NaN.
pub fn beta_cdf(x: f64, a: f64, b: f64) -> Result<f64> {
    require_positive("first shape", a)?;
    require_positive("second shape", b)?;
    if x.is_nan() {
        return Err(not_a_number("beta variate"));
    }
    Ok(if x <= 0.0 {
        0.0
    } else if x >= 1.0 {
        1.0
    } else {
        beta_reg(a, b, x)
    })
}

/// Beta: P(X > x).
///
/// # Errors
/// As [`beta_cdf`].
pub fn beta_sf(x: f64, a: f64, b: f64) -> Result<f64> {
    beta_cdf(1.0 - x, b, a)
}

/// Beta quantile.
///
/// # Errors
/// As [`beta_cdf`], and when `p` is not strictly between 0 and 1.
pub fn beta_quantile(p: f64, a: f64, b: f64) -> Result<f64> {
    require_open_unit("probability", p)?;
    require_positive("first shape", a)?;
    require_positive("second shape", b)?;
    // Root in ln x, so that quantiles near zero keep their digits.
    let excess = |ln_x: f64| beta_reg(a, b, ln_x.exp().min(1.0)) - p;
    let mut low = -1.0;
    while excess(low) > 0.0 && low > -1e6 {
        low *= 2.0;
    }
    Ok(brent(excess, low, 0.0, 0.0).exp())
}

/// `1 - beta_quantile(p, a, b)` without cancellation.
fn beta_quantile_complement(p: f64, a: f64, b: f64) -> Result<f64> {
    beta_quantile(1.0 - p, b, a)
}

/// Binomial: P(X <= k) of `n` trials with success probability `q`.
///
/// # Errors
/// When `q` lies outside [0, 1].
pub fn binomial_cdf(k: u64, n: u64, q: f64) -> Result<f64> {
    if !(0.0..=1.0).contains(&q) {
        return Err(StatisticsError::OutOfRange {
            what: "probability",
            value: q,
            range: "in [0, 1]",
        });
    }
    if k >= n || q == 0.0 {
        return Ok(1.0);
    }
    if q == 1.0 {
        return Ok(0.0);
    }
    Ok(beta_reg((n - k) as f64, (k + 1) as f64, 1.0 - q))
}

/// Binomial: P(X > k) of `n` trials with success probability `q`, without cancellation.
///
/// # Errors
/// When `q` lies outside [0, 1].
pub fn binomial_sf(k: u64, n: u64, q: f64) -> Result<f64> {
    if binomial_cdf(k, n, q)? >= 1.0 && (k >= n || q == 0.0) {
        return Ok(0.0);
    }
    if q == 1.0 {
        return Ok(1.0);
    }
    Ok(beta_reg((k + 1) as f64, (n - k) as f64, q))
}

/// Binomial: the smallest `k` with P(X <= k) >= p.
///
/// # Errors
/// When `q` or `p` lie outside [0, 1].
pub fn binomial_quantile(p: f64, n: u64, q: f64) -> Result<u64> {
    if !(0.0..=1.0).contains(&p) {
        return Err(StatisticsError::OutOfRange {
            what: "probability",
            value: p,
            range: "in [0, 1]",
        });
    }
    let (mut low, mut high) = (0, n);
    while low < high {
        let middle = low + (high - low) / 2;
        if binomial_cdf(middle, n, q)? >= p {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Ok(low)
}

/// Root of an increasing function on (0, inf), bracketed by powers of two.
fn positive_root(excess: impl Fn(f64) -> f64) -> f64 {
    let mut high = 1.0;
    while excess(high) < 0.0 && high < 1e300 {
        high *= 2.0;
    }
    let mut low = high / 2.0;
    while excess(low) > 0.0 && low > 1e-300 {
        low /= 2.0;
    }
    brent(excess, low, high, 0.0)
}

fn not_a_number(what: &'static str) -> StatisticsError {
    StatisticsError::OutOfRange {
        what,
        value: f64::NAN,
        range: "on the real line",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn far_tails_keep_their_digits() {
        // t, 3 degrees of freedom: sf(x) ~ 1e-6 at 103.299...
        let t = t_quantile(1.0 - 1e-6, 3.0).unwrap();
        assert!((t_sf(t, 3.0).unwrap() / 1e-6 - 1.0).abs() < 1e-8);
        assert!((t + t_quantile(1e-6, 3.0).unwrap()).abs() < 1e-6);
        assert!((normal_sf(10.0) / 7.619_853_024_160_527e-24 - 1.0).abs() < 1e-9);
        assert!((normal_quantile(0.975).unwrap() - 1.959_963_984_540_054).abs() < 1e-14);
    }

    #[test]
    fn inverses_invert() {
        for p in [0.001, 0.2, 0.5, 0.9, 0.9999] {
            for df in [1.0, 2.5, 30.0] {
                assert!((t_cdf(t_quantile(p, df).unwrap(), df).unwrap() - p).abs() < 1e-12);
                let x = chi_squared_quantile(p, df).unwrap();
                assert!((chi_squared_cdf(x, df).unwrap() - p).abs() < 1e-12);
                let f = f_quantile(p, df, 7.0).unwrap();
                assert!((f_cdf(f, df, 7.0).unwrap() - p).abs() < 1e-12);
                let b = beta_quantile(p, df, 0.5).unwrap();
                assert!((beta_cdf(b, df, 0.5).unwrap() - p).abs() < 1e-9);
            }
        }
        for (k, n, q) in [(0, 10, 0.5), (3, 10, 0.2), (10, 10, 0.9), (59, 123, 0.4)] {
            let (cdf, sf) = (
                binomial_cdf(k, n, q).unwrap(),
                binomial_sf(k, n, q).unwrap(),
            );
            assert!((cdf + sf - 1.0).abs() < 1e-12, "{k} {n} {q}: {cdf} {sf}");
            assert_eq!(binomial_quantile(cdf - 1e-9, n, q).unwrap(), k);
        }
        assert_eq!(binomial_quantile(0.0, 5, 0.5).unwrap(), 0);
        assert_eq!(binomial_quantile(1.0, 5, 0.5).unwrap(), 5);
        assert!((binomial_cdf(0, 10, 0.5).unwrap() - 0.5f64.powi(10)).abs() < 1e-15);
    }

    #[test]
    fn impossible_arguments_are_refused() {
        assert!(t_sf(1.0, 0.0).is_err());
        assert!(t_quantile(1.0, 3.0).is_err());
        assert!(f_sf(f64::NAN, 1.0, 1.0).is_err());
        assert!(beta_quantile(0.5, -1.0, 1.0).is_err());
        assert!(binomial_cdf(1, 2, 1.5).is_err());
        assert!(binomial_sf(1, 2, f64::NAN).is_err());
        assert!(binomial_quantile(1.5, 2, 0.5).is_err());
    }
}
