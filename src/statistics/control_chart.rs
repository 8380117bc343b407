//! Control charts: CUSUM, EWMA, Page-Hinkley, and the run lengths of the first two.

use nalgebra::{DMatrix, DVector};

use super::distribution::{normal_cdf, normal_density};
use super::error::{Result, StatisticsError, require, require_positive};
use super::quadrature::gauss_legendre;

/// A tabular CUSUM of a series.
#[derive(Debug, Clone, PartialEq)]
pub struct Cusum {
    /// Upper sums S = max(0, S + z - k).
    pub upper: Vec<f64>,
    /// Lower sums S = max(0, S - z - k).
    pub lower: Vec<f64>,
    /// First position with an upper sum above h.
    pub first_alarm_upper: Option<usize>,
    /// First position with a lower sum above h.
    pub first_alarm_lower: Option<usize>,
}

/// Design of a CUSUM (Page 1954): all but `mean` and `sd` in standard deviations.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CusumDesign {
    /// In-control mean.
    pub mean: f64,
    /// In-control standard deviation.
    pub sd: f64,
    /// Allowance.
    pub k: f64,
    /// Decision limit; an alarm needs a strict excess.
    pub h: f64,
    /// Value both sums start from.
    pub head_start: f64,
}

/// The CUSUM of a series; sums go on after an alarm.
///
/// # Errors
/// Empty or non-finite series, `sd` not above zero.
pub fn cusum(series: &[f64], design: CusumDesign) -> Result<Cusum> {
    require("series", series, 1)?;
    require_positive("sd", design.sd)?;
    let (mut up, mut down) = (design.head_start, design.head_start);
    let (mut upper, mut lower) = (
        Vec::with_capacity(series.len()),
        Vec::with_capacity(series.len()),
    );
    for x in series {
        let z = (x - design.mean) / design.sd;
        up = (up + z - design.k).max(0.0);
        down = (down - z - design.k).max(0.0);
        upper.push(up);
        lower.push(down);
    }
    let first = |sums: &[f64]| sums.iter().position(|s| *s > design.h);
    Ok(Cusum {
        first_alarm_upper: first(&upper),
        first_alarm_lower: first(&lower),
        upper,
        lower,
    })
}

/// An EWMA chart of a series.
#[derive(Debug, Clone, PartialEq)]
pub struct Ewma {
    /// Weighted means.
    pub z: Vec<f64>,
    /// Half-widths of the limits, which widen to their final value.
    pub half_width: Vec<f64>,
    /// First position outside the limits.
    pub first_alarm: Option<usize>,
}

/// EWMA with weight `lambda` and limits `c` standard deviations wide (Roberts 1959).
///
/// # Errors
/// Empty or non-finite series, `sd` not above zero, `lambda` outside (0, 1].
pub fn ewma(series: &[f64], mean: f64, sd: f64, lambda: f64, c: f64) -> Result<Ewma> {
    require("series", series, 1)?;
    require_positive("sd", sd)?;
    require_weight(lambda)?;
    let mut level = mean;
    let z: Vec<f64> = series
        .iter()
        .map(|x| {
            level = lambda * x + (1.0 - lambda) * level;
            level
        })
        .collect();
    let half_width: Vec<f64> = (1..=series.len())
        .map(|t| {
            let grown = 1.0 - (1.0 - lambda).powf(2.0 * t as f64);
            c * sd * (lambda / (2.0 - lambda) * grown).sqrt()
        })
        .collect();
    let first_alarm = z
        .iter()
        .zip(&half_width)
        .position(|(z, half)| (z - mean).abs() > *half);
    Ok(Ewma {
        z,
        half_width,
        first_alarm,
    })
}

fn require_weight(lambda: f64) -> Result<()> {
    if lambda > 0.0 && lambda <= 1.0 {
        return Ok(());
    }
    Err(StatisticsError::OutOfRange {
        what: "lambda",
        value: lambda,
        range: "in (0, 1]",
    })
}

/// Nodes for the integral equations: far finer than the kernels.
const NODES: usize = 64;

/// Zero-state average run length of a one-sided CUSUM for unit-variance normal data of mean
/// `shift`, from the integral equation L(z) = 1 + L(0) Phi(k - z - shift) + int_0^h L(x)
/// phi(x + k - z - shift) dx (Page 1954) by Gauss-Legendre nodes.
///
/// # Errors
/// `h` not above zero, other arguments not finite.
pub fn cusum_run_length(k: f64, h: f64, shift: f64) -> Result<f64> {
    require_positive("h", h)?;
    require("k and shift", &[k, shift], 2)?;
    let nodes = gauss_legendre(NODES, 0.0, h);
    // Unknown 0 is L(0), which carries the probability of falling to zero.
    let start = |i: usize| if i == 0 { 0.0 } else { nodes[i - 1].0 };
    let system = DMatrix::from_fn(NODES + 1, NODES + 1, |i, j| {
        let kernel = if j == 0 {
            normal_cdf(k - start(i) - shift)
        } else {
            nodes[j - 1].1 * normal_density(nodes[j - 1].0 + k - start(i) - shift)
        };
        f64::from(u8::from(i == j)) - kernel
    });
    solve_first(system, 0)
}

/// Zero-state average run length of a two-sided CUSUM: 1/L = 1/L+ + 1/L- (Kemp 1961).
///
/// # Errors
/// As [`cusum_run_length`].
pub fn cusum_run_length_two_sided(k: f64, h: f64, shift: f64) -> Result<f64> {
    let (up, down) = (
        cusum_run_length(k, h, shift)?,
        cusum_run_length(k, h, -shift)?,
    );
    Ok(1.0 / (1.0 / up + 1.0 / down))
}

/// Zero-state average run length of a two-sided EWMA with fixed limits (Crowder 1987).
///
/// # Errors
/// `c` not above zero, `lambda` outside (0, 1], `shift` not finite.
pub fn ewma_run_length(lambda: f64, c: f64, shift: f64) -> Result<f64> {
    require_positive("c", c)?;
    require_weight(lambda)?;
    require("shift", &[shift], 1)?;
    let limit = c * (lambda / (2.0 - lambda)).sqrt();
    // With lambda near 1 the kernel is as narrow as the noise; with small lambda narrower still, so
    // the nodes follow lambda.
    let count = (NODES as f64 * (0.2 / lambda).clamp(1.0, 6.0)) as usize;
    let nodes = gauss_legendre(count, -limit, limit);
    let start = |i: usize| if i == 0 { 0.0 } else { nodes[i - 1].0 };
    let system = DMatrix::from_fn(count + 1, count + 1, |i, j| {
        let kernel = if j == 0 {
            0.0
        } else {
            let z = (nodes[j - 1].0 - (1.0 - lambda) * start(i)) / lambda - shift;
            nodes[j - 1].1 * normal_density(z) / lambda
        };
        f64::from(u8::from(i == j)) - kernel
    });
    solve_first(system, 0)
}

fn solve_first(system: DMatrix<f64>, index: usize) -> Result<f64> {
    let ones = DVector::from_element(system.nrows(), 1.0);
    system
        .lu()
        .solve(&ones)
        .map(|solution| solution[index])
        .ok_or(StatisticsError::Singular {
            term: "run-length equation".to_owned(),
        })
}

/// Which direction Page-Hinkley watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Rises only.
    Up,
    /// Falls only.
    Down,
    /// Both.
    Both,
}

/// Design of a Page-Hinkley detector.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PageHinkley {
    /// Values before the first test.
    pub min_instances: usize,
    /// Tolerated drift.
    pub delta: f64,
    /// Alarm limit; strict excess.
    pub threshold: f64,
    /// Forgetting factor of the sums.
    pub alpha: f64,
    /// Direction.
    pub direction: Direction,
}

/// Positions of the alarms; the detector starts afresh with the value after an alarm.
///
/// # Errors
/// Empty or non-finite series.
pub fn page_hinkley(series: &[f64], design: PageHinkley) -> Result<Vec<usize>> {
    require("series", series, 1)?;
    let mut alarms = Vec::new();
    let (mut n, mut mean) = (0usize, 0.0);
    let (mut up, mut down) = (0.0f64, 0.0f64);
    let (mut least, mut most) = (f64::INFINITY, -1.0f64);
    for (i, x) in series.iter().enumerate() {
        n += 1;
        mean += (x - mean) / n as f64;
        up = design.alpha * up + (x - mean) - design.delta;
        down = design.alpha * down + (x - mean) + design.delta;
        least = least.min(up);
        most = most.max(down);
        let rises = up - least > design.threshold && design.direction != Direction::Down;
        let falls = most - down > design.threshold && design.direction != Direction::Up;
        if n >= design.min_instances && (rises || falls) {
            alarms.push(i);
            (n, mean, up, down) = (0, 0.0, 0.0, 0.0);
            (least, most) = (f64::INFINITY, -1.0);
        }
    }
    Ok(alarms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cusum_does_not_see_where_zero_lies() {
        let x = [1.0, 2.5, 0.5, 3.0, 4.0];
        let design = CusumDesign {
            mean: 1.0,
            sd: 0.7,
            k: 0.5,
            h: 3.0,
            head_start: 0.0,
        };
        let moved: Vec<f64> = x.iter().map(|v| v + 100.0).collect();
        let a = cusum(&x, design).unwrap();
        let b = cusum(
            &moved,
            CusumDesign {
                mean: 101.0,
                ..design
            },
        )
        .unwrap();
        assert_eq!(a.first_alarm_upper, b.first_alarm_upper);
        assert!(
            a.upper
                .iter()
                .zip(&b.upper)
                .all(|(p, q)| (p - q).abs() < 1e-10)
        );
        assert!(cusum(&x, CusumDesign { sd: 0.0, ..design }).is_err());
    }
}
