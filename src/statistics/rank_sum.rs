//! The Mann-Whitney test with the Hodges-Lehmann shift and its interval.

use super::distribution::{normal_cdf, normal_quantile, normal_sf};
use super::error::{Result, StatisticsError, require, require_open_unit};
use super::root::brent;
use super::summary::{median_of_sorted, mid_ranks, tie_sizes};

/// The direction tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alternative {
    /// The samples differ in location.
    TwoSided,
    /// The first sample lies higher.
    Greater,
    /// The first sample lies lower.
    Less,
}

/// Result of the test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RankSum {
    /// Pairs with x > y, ties counting one half.
    pub u: f64,
    /// p-value.
    pub p: f64,
    /// Hodges-Lehmann estimate of the shift x - y.
    pub shift: f64,
    /// Interval of the shift; infinite on the open side of a one-sided test.
    pub interval: (f64, f64),
}

/// Above this size of either sample the exact distribution is not counted out.
const EXACT_LIMIT: usize = 50;

/// Mann-Whitney (Wilcoxon rank-sum) test of x against y. Exact by counting when asked for, without
/// ties and with at most 50 values a sample; else the tie-corrected normal approximation, with
/// continuity correction when `continuity`.
///
/// # Errors
/// Empty or non-finite samples, a level not strictly between 0 and 1; all values equal.
pub fn mann_whitney(
    x: &[f64],
    y: &[f64],
    alternative: Alternative,
    exact: bool,
    continuity: bool,
    level: f64,
) -> Result<RankSum> {
    require("x", x, 1)?;
    require("y", y, 1)?;
    require_open_unit("level", level)?;
    let ties = tie_sizes(&[x, y].concat()).iter().any(|size| *size > 1);
    let mut differences: Vec<f64> = x
        .iter()
        .flat_map(|a| y.iter().map(move |b| a - b))
        .collect();
    differences.sort_by(f64::total_cmp);
    if exact && !ties && x.len() <= EXACT_LIMIT && y.len() <= EXACT_LIMIT {
        return Ok(exact_test(x, y, &differences, alternative, 1.0 - level));
    }
    approximate_test(x, y, &differences, alternative, continuity, 1.0 - level)
}

fn u_statistic(x: &[f64], y: &[f64]) -> f64 {
    let ranks = mid_ranks(&[x, y].concat());
    ranks[..x.len()].iter().sum::<f64>() - (x.len() * (x.len() + 1)) as f64 / 2.0
}

/// Cumulative null distribution of U: P(U <= u) for u = 0 ..= n m, by the counting recursion
/// c(u; n, m) = c(u - m; n - 1, m) + c(u; n, m - 1), carried as probabilities.
fn null_distribution(n: usize, m: usize) -> Vec<f64> {
    // The generating function is prod (1 - q^(m + i)) / (1 - q^i), i = 1 ..= n; dividing by
    // (m + i) / i at each step keeps the numbers probabilities.
    let size = n * m;
    let mut counts = vec![0.0; size + 1];
    counts[0] = 1.0;
    for i in 1..=n {
        for u in (m + i..=size).rev() {
            counts[u] -= counts[u - m - i];
        }
        for u in i..=size {
            counts[u] += counts[u - i];
        }
        let scale = i as f64 / (m + i) as f64;
        counts.iter_mut().for_each(|c| *c *= scale);
    }
    let mut total = 0.0;
    counts
        .iter()
        .map(|c| {
            total += c;
            total
        })
        .collect()
}

fn exact_test(
    x: &[f64],
    y: &[f64],
    differences: &[f64],
    alternative: Alternative,
    alpha: f64,
) -> RankSum {
    let u = u_statistic(x, y).round() as usize;
    let size = x.len() * y.len();
    let cumulative = null_distribution(x.len(), y.len());
    // The distribution is symmetric, so an upper tail is a lower one.
    let at_most = |u: usize| cumulative[u.min(size)];
    let at_least = |u: usize| if u > size { 0.0 } else { cumulative[size - u] };
    let p = match alternative {
        Alternative::TwoSided => (2.0
            * if 2 * u > size {
                at_least(u)
            } else {
                at_most(u)
            })
        .min(1.0),
        Alternative::Greater => at_least(u),
        Alternative::Less => at_most(u),
    };
    let lower_count = |tail: f64| {
        cumulative
            .iter()
            .position(|c| *c >= tail * (1.0 - 1e-12))
            .unwrap_or(0)
            .max(1)
    };
    let low = |tail: f64| differences[lower_count(tail) - 1];
    let high = |tail: f64| differences[size - lower_count(tail)];
    let interval = match alternative {
        Alternative::TwoSided => (low(alpha / 2.0), high(alpha / 2.0)),
        Alternative::Greater => (low(alpha), f64::INFINITY),
        Alternative::Less => (f64::NEG_INFINITY, high(alpha)),
    };
    RankSum {
        u: u as f64,
        p,
        shift: median_of_sorted(differences),
        interval,
    }
}

fn approximate_test(
    x: &[f64],
    y: &[f64],
    differences: &[f64],
    alternative: Alternative,
    continuity: bool,
    alpha: f64,
) -> Result<RankSum> {
    let (n, m) = (x.len() as f64, y.len() as f64);
    // The standardised statistic after moving x down by d.
    let standardised = |d: f64, correct: bool| -> Option<f64> {
        let moved: Vec<f64> = x.iter().map(|v| v - d).collect();
        let centred = u_statistic(&moved, y) - n * m / 2.0;
        let correction = match alternative {
            _ if !correct || centred == 0.0 && alternative == Alternative::TwoSided => 0.0,
            Alternative::TwoSided => 0.5 * centred.signum(),
            Alternative::Greater => 0.5,
            Alternative::Less => -0.5,
        };
        let tied: f64 = tie_sizes(&[moved.as_slice(), y].concat())
            .iter()
            .map(|&t| (t as f64).powi(3) - t as f64)
            .sum();
        let total = n + m;
        let variance = n * m / 12.0 * (total + 1.0 - tied / (total * (total - 1.0)));
        (variance > 0.0).then(|| (centred - correction) / variance.sqrt())
    };
    let z =
        standardised(0.0, continuity).ok_or(StatisticsError::ZeroVariance { what: "samples" })?;
    let p = match alternative {
        Alternative::TwoSided => (2.0 * normal_cdf(z).min(normal_sf(z))).min(1.0),
        Alternative::Greater => normal_sf(z),
        Alternative::Less => normal_cdf(z),
    };
    let (least, most) = (differences[0], differences[differences.len() - 1]);
    // The shift at which the statistic passes a normal quantile; the statistic falls in steps, so
    // the search ends at a step, to 1e-4 as the usual program does.
    let crossing = |quantile: f64, correct: bool| -> f64 {
        let f = |d: f64| standardised(d, correct).unwrap_or(0.0) - quantile;
        if f(least) <= 0.0 {
            least
        } else if f(most) >= 0.0 {
            most
        } else {
            brent(f, least, most, 1e-4)
        }
    };
    let interval = match alternative {
        Alternative::TwoSided => {
            let z = normal_quantile(1.0 - alpha / 2.0)?;
            (crossing(z, continuity), crossing(-z, continuity))
        }
        Alternative::Greater => (
            crossing(normal_quantile(1.0 - alpha)?, continuity),
            f64::INFINITY,
        ),
        Alternative::Less => (
            f64::NEG_INFINITY,
            crossing(normal_quantile(alpha)?, continuity),
        ),
    };
    Ok(RankSum {
        u: u_statistic(x, y),
        p,
        shift: crossing(0.0, false),
        interval,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_null_distribution_is_counted() {
        // 2 x 2: U = 0, 1, 2, 3, 4 in 1, 1, 2, 1, 1 of 6 orders.
        let c = null_distribution(2, 2);
        for (got, want) in c.iter().zip([1.0, 2.0, 4.0, 5.0, 6.0]) {
            assert!((got - want / 6.0).abs() < 1e-15);
        }
    }

    #[test]
    fn equal_values_everywhere_are_refused() {
        let equal = mann_whitney(
            &[1.0; 4],
            &[1.0; 4],
            Alternative::TwoSided,
            true,
            true,
            0.95,
        );
        assert!(matches!(equal, Err(StatisticsError::ZeroVariance { .. })));
    }
}
