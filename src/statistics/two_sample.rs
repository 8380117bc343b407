//! Two independent samples: Welch, Kolmogorov-Smirnov, Brunner-Munzel, Brown-Forsythe.

use super::distribution::{f_sf, t_quantile, t_two_sided};
use super::error::{Result, StatisticsError, require, require_open_unit};
use super::summary::{mean, median, mid_ranks, sorted, variance};

/// Welch's test of equal means.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Welch {
    /// t statistic of mean x - mean y.
    pub t: f64,
    /// Welch-Satterthwaite degrees of freedom.
    pub df: f64,
    /// Two-sided p-value.
    pub p: f64,
    /// Interval of mean x - mean y.
    pub interval: (f64, f64),
}

/// Welch's t test (1947) with the interval at `level`.
///
/// # Errors
/// Fewer than two values a sample, values not finite, no spread in either.
pub fn welch(x: &[f64], y: &[f64], level: f64) -> Result<Welch> {
    require_open_unit("level", level)?;
    let (vx, vy) = (variance(x)? / x.len() as f64, variance(y)? / y.len() as f64);
    let se2 = vx + vy;
    if se2 <= 0.0 {
        return Err(StatisticsError::ZeroVariance { what: "samples" });
    }
    let gap = mean(x)? - mean(y)?;
    let df = se2 * se2 / (vx * vx / (x.len() - 1) as f64 + vy * vy / (y.len() - 1) as f64);
    let half = t_quantile(0.5 + level / 2.0, df)? * se2.sqrt();
    let t = gap / se2.sqrt();
    Ok(Welch {
        t,
        df,
        p: t_two_sided(t, df)?,
        interval: (gap - half, gap + half),
    })
}

/// Two-sample Kolmogorov-Smirnov distance and its exact two-sided p-value by counting lattice paths.
///
/// # Errors
/// Empty or non-finite samples.
pub fn kolmogorov_smirnov(x: &[f64], y: &[f64]) -> Result<(f64, f64)> {
    require("x", x, 1)?;
    require("y", y, 1)?;
    let (x, y) = (sorted(x), sorted(y));
    let (n, m) = (x.len(), y.len());
    let mut worst = 0i64;
    for value in x.iter().chain(&y) {
        let below_x = x.partition_point(|v| v <= value) as i64;
        let below_y = y.partition_point(|v| v <= value) as i64;
        worst = worst.max((below_x * m as i64 - below_y * n as i64).abs());
    }
    // P(path stays strictly inside the band), carried as a probability: at (i, j) the last step
    // came from x with probability i / (i + j).
    let mut row = vec![0.0; m + 1];
    for i in 0..=n {
        for j in 0..=m {
            let inside = (i as i64 * m as i64 - j as i64 * n as i64).abs() < worst;
            let from_x = if i > 0 { row[j] * i as f64 } else { 0.0 };
            let from_y = if j > 0 { row[j - 1] * j as f64 } else { 0.0 };
            row[j] = match (i + j, inside) {
                (0, _) => 1.0,
                (steps, true) => (from_x + from_y) / steps as f64,
                (_, false) => 0.0,
            };
        }
    }
    let p = if worst == 0 {
        1.0
    } else {
        (1.0 - row[m]).clamp(0.0, 1.0)
    };
    Ok((worst as f64 / (n * m) as f64, p))
}

/// Brunner-Munzel test (2000) of P(x < y) = 1/2: the statistic, positive when y lies higher, and
/// its two-sided p-value from t.
///
/// # Errors
/// Fewer than two values a sample, values not finite, samples that do not overlap at all.
pub fn brunner_munzel(x: &[f64], y: &[f64]) -> Result<(f64, f64)> {
    require("x", x, 2)?;
    require("y", y, 2)?;
    let joint = mid_ranks(&[x, y].concat());
    let (n, m) = (x.len() as f64, y.len() as f64);
    let spread = |all: &[f64], own: &[f64]| -> Result<(f64, f64)> {
        let placements: Vec<f64> = all.iter().zip(mid_ranks(own)).map(|(a, o)| a - o).collect();
        Ok((mean(all)?, variance(&placements)?))
    };
    let (mean_x, sx) = spread(&joint[..x.len()], x)?;
    let (mean_y, sy) = spread(&joint[x.len()..], y)?;
    let pooled = n * sx + m * sy;
    if pooled <= 0.0 {
        return Err(StatisticsError::ZeroVariance { what: "placements" });
    }
    let statistic = n * m * (mean_y - mean_x) / ((n + m) * pooled.sqrt());
    let df = pooled * pooled / ((n * sx).powi(2) / (n - 1.0) + (m * sy).powi(2) / (m - 1.0));
    Ok((statistic, t_two_sided(statistic, df)?))
}

/// Brown-Forsythe test of equal spread (1974): one-way F of |value - median| and its p-value.
///
/// # Errors
/// Fewer than two values a sample, values not finite, no spread in either sample.
pub fn brown_forsythe(x: &[f64], y: &[f64]) -> Result<(f64, f64)> {
    require("x", x, 2)?;
    require("y", y, 2)?;
    let deviations = |sample: &[f64]| -> Result<Vec<f64>> {
        let centre = median(sample)?;
        Ok(sample.iter().map(|v| (v - centre).abs()).collect())
    };
    let (dx, dy) = (deviations(x)?, deviations(y)?);
    let (mx, my) = (mean(&dx)?, mean(&dy)?);
    let (n, m) = (dx.len() as f64, dy.len() as f64);
    let grand = (n * mx + m * my) / (n + m);
    let between = n * (mx - grand).powi(2) + m * (my - grand).powi(2);
    let within: f64 = dx.iter().map(|d| (d - mx).powi(2)).sum::<f64>()
        + dy.iter().map(|d| (d - my).powi(2)).sum::<f64>();
    if within <= 0.0 {
        return Err(StatisticsError::ZeroVariance { what: "deviations" });
    }
    let f = between / (within / (n + m - 2.0));
    Ok((f, f_sf(f, 1.0, n + m - 2.0)?))
}
