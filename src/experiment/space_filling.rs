//! Designs that cover a region evenly, and how evenly they do.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::statistics::StatisticsError;
use crate::statistics::error::{require, require_same_length};

use super::error::{ExperimentError, Result};

/// How evenly points fill the unit cube (Fang, Li & Sudjianto 2006, ch. 3).
#[derive(Debug, Clone, PartialEq)]
pub struct SpaceFilling {
    /// Each column has one point in each of n equal strips.
    pub is_latin: bool,
    /// Squared centred L2 discrepancy.
    pub centred: f64,
    /// Squared wrap-around L2 discrepancy.
    pub wrap_around: f64,
    /// Squared mixture L2 discrepancy.
    pub mixture: f64,
    /// L2 star discrepancy (not squared).
    pub l2_star: f64,
    /// Least Euclidean distance of two points.
    pub least_distance: f64,
    /// Largest absolute correlation of two columns; 0 for one column.
    pub max_correlation: f64,
}

/// The figures of points in [0, 1]^d.
///
/// # Errors
/// Fewer than two points, rows of unequal length, coordinates outside [0, 1].
pub fn space_filling(points: &[Vec<f64>]) -> Result<SpaceFilling> {
    let n = points.len();
    if n < 2 {
        return Err(StatisticsError::TooFew {
            what: "points",
            have: n,
            needed: 2,
        }
        .into());
    }
    let d = points[0].len();
    for point in points {
        require("point", point, 1)?;
        require_same_length("point", point.len(), "first point", d)?;
        if let Some(&value) = point.iter().find(|v| !(0.0..=1.0).contains(*v)) {
            return Err(ExperimentError::OutOfRange {
                what: "coordinate",
                value,
                range: "in [0, 1]",
            });
        }
    }
    let pairs = |kernel: &dyn Fn(f64, f64) -> f64| -> f64 {
        let product = |a: &[f64], b: &[f64]| {
            a.iter()
                .zip(b)
                .map(|(x, y)| kernel(*x, *y))
                .product::<f64>()
        };
        points
            .iter()
            .map(|a| points.iter().map(|b| product(a, b)).sum::<f64>())
            .sum::<f64>()
            / (n * n) as f64
    };
    let singles = |kernel: &dyn Fn(f64) -> f64| -> f64 {
        points
            .iter()
            .map(|a| a.iter().map(|x| kernel(*x)).product::<f64>())
            .sum::<f64>()
            / n as f64
    };
    let power = |base: f64| base.powi(d as i32);
    let off = |x: f64| (x - 0.5).abs();
    let centred = power(13.0 / 12.0)
        - 2.0 * singles(&|x| 1.0 + 0.5 * off(x) - 0.5 * off(x).powi(2))
        + pairs(&|x, y| 1.0 + 0.5 * off(x) + 0.5 * off(y) - 0.5 * (x - y).abs());
    let wrap_around =
        -power(4.0 / 3.0) + pairs(&|x, y| 1.5 - (x - y).abs() * (1.0 - (x - y).abs()));
    let mixture = power(19.0 / 12.0)
        - 2.0 * singles(&|x| 5.0 / 3.0 - 0.25 * off(x) - 0.25 * off(x).powi(2))
        + pairs(&|x, y| {
            1.875 - 0.25 * off(x) - 0.25 * off(y) - 0.75 * (x - y).abs() + 0.5 * (x - y).powi(2)
        });
    let star = power(1.0 / 3.0) - 2.0 * power(0.5) * singles(&|x| 1.0 - x * x)
        + pairs(&|x, y| 1.0 - x.max(y));
    Ok(SpaceFilling {
        is_latin: (0..d).all(|j| is_latin_column(points, j)),
        centred,
        wrap_around,
        mixture,
        l2_star: star.max(0.0).sqrt(),
        least_distance: least_distance(points),
        max_correlation: max_correlation(points, d),
    })
}

fn is_latin_column(points: &[Vec<f64>], j: usize) -> bool {
    let n = points.len();
    let mut strips: Vec<usize> = points
        .iter()
        .map(|p| ((p[j] * n as f64).floor() as usize).min(n - 1))
        .collect();
    strips.sort_unstable();
    strips.iter().enumerate().all(|(i, s)| i == *s)
}

fn least_distance(points: &[Vec<f64>]) -> f64 {
    let distance = |a: &[f64], b: &[f64]| {
        a.iter()
            .zip(b)
            .map(|(x, y)| (x - y).powi(2))
            .sum::<f64>()
            .sqrt()
    };
    let mut least = f64::INFINITY;
    for (i, a) in points.iter().enumerate() {
        for b in &points[..i] {
            least = least.min(distance(a, b));
        }
    }
    least
}

fn max_correlation(points: &[Vec<f64>], d: usize) -> f64 {
    let centred: Vec<Vec<f64>> = (0..d)
        .map(|j| {
            let mean = points.iter().map(|p| p[j]).sum::<f64>() / points.len() as f64;
            points.iter().map(|p| p[j] - mean).collect()
        })
        .collect();
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    let mut most = 0.0f64;
    for i in 0..d {
        for j in 0..i {
            let scale = (dot(&centred[i], &centred[i]) * dot(&centred[j], &centred[j])).sqrt();
            // A constant column correlates with nothing.
            if scale > 0.0 {
                most = most.max((dot(&centred[i], &centred[j]) / scale).abs());
            }
        }
    }
    most
}

/// A Latin hypercube of `n` points in the middle of their strips, the one with the largest least
/// distance (maximin) of `tries` drawn from the seed.
///
/// # Errors
/// Fewer than two points or no dimension.
pub fn maximin_latin_hypercube(
    n: usize,
    dimensions: usize,
    tries: usize,
    seed: u64,
) -> Result<Vec<Vec<f64>>> {
    if n < 2 || dimensions == 0 {
        return Err(ExperimentError::NoSuchDesign {
            design: "Latin hypercube",
            asked: format!("{n} points in {dimensions} dimensions"),
            instead: "at least two points and one dimension",
        });
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut best: Option<(f64, Vec<Vec<f64>>)> = None;
    for _ in 0..tries.max(1) {
        let mut points = vec![vec![0.0; dimensions]; n];
        for j in 0..dimensions {
            let mut strips: Vec<usize> = (0..n).collect();
            strips.shuffle(&mut rng);
            for (point, strip) in points.iter_mut().zip(strips) {
                point[j] = (strip as f64 + 0.5) / n as f64;
            }
        }
        let distance = least_distance(&points);
        if best.as_ref().is_none_or(|(most, _)| distance > *most) {
            best = Some((distance, points));
        }
    }
    Ok(best.map(|(_, points)| points).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawn_hypercube_is_latin_and_repeats_with_its_seed() {
        let points = maximin_latin_hypercube(9, 3, 50, 4).unwrap();
        assert!(space_filling(&points).unwrap().is_latin);
        assert_eq!(points, maximin_latin_hypercube(9, 3, 50, 4).unwrap());
        assert!(space_filling(&points[..1]).is_err());
        assert!(space_filling(&[vec![0.1], vec![1.2]]).is_err());
    }
}
