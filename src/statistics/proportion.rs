//! Intervals for a proportion k of n.

use super::distribution::{beta_quantile, normal_quantile};
use super::error::{Result, StatisticsError, require_open_unit};

fn check(k: u64, n: u64, level: f64) -> Result<()> {
    require_open_unit("level", level)?;
    if n == 0 {
        return Err(StatisticsError::Empty {
            what: "trials",
            needed: 1,
        });
    }
    if k > n {
        return Err(StatisticsError::OutOfRange {
            what: "successes",
            value: k as f64,
            range: "at most the trials",
        });
    }
    Ok(())
}

/// Exact two-sided interval (Clopper & Pearson 1934).
///
/// # Errors
/// No trials, more successes than trials, a level not strictly between 0 and 1.
pub fn clopper_pearson(k: u64, n: u64, level: f64) -> Result<(f64, f64)> {
    check(k, n, level)?;
    let tail = (1.0 - level) / 2.0;
    Ok((exact_lower(k, n, tail)?, exact_upper(k, n, tail)?))
}

/// Exact one-sided limits (lower, upper), each at `level`.
///
/// # Errors
/// As [`clopper_pearson`].
pub fn one_sided_limits(k: u64, n: u64, level: f64) -> Result<(f64, f64)> {
    check(k, n, level)?;
    Ok((
        exact_lower(k, n, 1.0 - level)?,
        exact_upper(k, n, 1.0 - level)?,
    ))
}

fn exact_lower(k: u64, n: u64, tail: f64) -> Result<f64> {
    if k == 0 {
        Ok(0.0)
    } else {
        beta_quantile(tail, k as f64, (n - k + 1) as f64)
    }
}

fn exact_upper(k: u64, n: u64, tail: f64) -> Result<f64> {
    if k == n {
        Ok(1.0)
    } else {
        beta_quantile(1.0 - tail, (k + 1) as f64, (n - k) as f64)
    }
}

/// Score interval (Wilson 1927).
///
/// # Errors
/// As [`clopper_pearson`].
pub fn wilson(k: u64, n: u64, level: f64) -> Result<(f64, f64)> {
    check(k, n, level)?;
    let z = normal_quantile(0.5 + level / 2.0)?;
    let (k, n) = (k as f64, n as f64);
    let p = k / n;
    let centre = (k + z * z / 2.0) / (n + z * z);
    let half = z / (n + z * z) * (n * p * (1.0 - p) + z * z / 4.0).sqrt();
    let low = if k == 0.0 {
        0.0
    } else {
        (centre - half).max(0.0)
    };
    Ok((
        low,
        if k == n {
            1.0
        } else {
            (centre + half).min(1.0)
        },
    ))
}

/// Equal-tailed Jeffreys interval, Beta(k + 1/2, n - k + 1/2), without adjustment at the ends.
///
/// # Errors
/// As [`clopper_pearson`].
pub fn jeffreys(k: u64, n: u64, level: f64) -> Result<(f64, f64)> {
    check(k, n, level)?;
    let (a, b) = (k as f64 + 0.5, (n - k) as f64 + 0.5);
    let tail = (1.0 - level) / 2.0;
    Ok((beta_quantile(tail, a, b)?, beta_quantile(1.0 - tail, a, b)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_are_closed() {
        assert_eq!(clopper_pearson(0, 5, 0.95).unwrap().0, 0.0);
        assert_eq!(clopper_pearson(5, 5, 0.95).unwrap().1, 1.0);
        assert_eq!(wilson(5, 5, 0.95).unwrap().1, 1.0);
        assert!(wilson(6, 5, 0.95).is_err() && jeffreys(0, 0, 0.9).is_err());
    }
}
