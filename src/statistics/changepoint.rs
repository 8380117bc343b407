//! Changes of level in a series: exact segmentation under squared error.

use super::error::{Result, StatisticsError, require};

/// Squared error of any stretch of a series in constant time, from running sums.
struct StretchCost {
    sums: Vec<f64>,
    squares: Vec<f64>,
}

impl StretchCost {
    fn new(series: &[f64]) -> Self {
        // Centring first keeps the difference of sums of squares exact enough.
        let centre = series.iter().sum::<f64>() / series.len() as f64;
        let (mut sums, mut squares) = (vec![0.0], vec![0.0]);
        for (i, x) in series.iter().enumerate() {
            sums.push(sums[i] + (x - centre));
            squares.push(squares[i] + (x - centre).powi(2));
        }
        Self { sums, squares }
    }

    fn of(&self, start: usize, end: usize) -> f64 {
        let sum = self.sums[end] - self.sums[start];
        (self.squares[end] - self.squares[start] - sum * sum / (end - start) as f64).max(0.0)
    }
}

/// The best `changes` change points: end positions (exclusive, the last is n) and the total squared
/// error, by dynamic programming over all positions; every stretch holds at least `min_size` values.
///
/// # Errors
/// Empty or non-finite series, or too short for that many stretches.
pub fn best_segmentation(
    series: &[f64],
    changes: usize,
    min_size: usize,
) -> Result<(Vec<usize>, f64)> {
    let min_size = min_size.max(1);
    require("series", series, (changes + 1) * min_size)?;
    let n = series.len();
    let cost = StretchCost::new(series);
    let mut best: Vec<f64> = (0..=n)
        .map(|end| {
            if end >= min_size {
                cost.of(0, end)
            } else {
                f64::INFINITY
            }
        })
        .collect();
    let mut origins: Vec<Vec<usize>> = Vec::new();
    for _ in 0..changes {
        let mut next = vec![f64::INFINITY; n + 1];
        let mut origin = vec![0; n + 1];
        for end in min_size..=n {
            let starts = best
                .iter()
                .enumerate()
                .take((end + 1).saturating_sub(min_size));
            for (start, before) in starts.skip(min_size) {
                let total = before + cost.of(start, end);
                if total < next[end] {
                    next[end] = total;
                    origin[end] = start;
                }
            }
        }
        best = next;
        origins.push(origin);
    }
    let mut ends = vec![n];
    for origin in origins.iter().rev() {
        ends.push(origin[ends[ends.len() - 1]]);
    }
    ends.reverse();
    Ok((ends, best[n]))
}

/// Change points that minimise squared error plus `penalty` each (Killick, Fearnhead & Eckley 2012,
/// PELT): end positions, the last is n.
///
/// # Errors
/// Empty or non-finite series, shorter than `min_size`, a negative penalty.
pub fn penalised_segmentation(series: &[f64], penalty: f64, min_size: usize) -> Result<Vec<usize>> {
    let min_size = min_size.max(1);
    require("series", series, min_size)?;
    if penalty.is_nan() || penalty < 0.0 {
        return Err(StatisticsError::OutOfRange {
            what: "penalty",
            value: penalty,
            range: "at or above zero",
        });
    }
    let n = series.len();
    let cost = StretchCost::new(series);
    let mut best = vec![f64::INFINITY; n + 1];
    best[0] = -penalty;
    let mut origin = vec![0; n + 1];
    // Each start with the end from which on it can no longer win.
    let mut starts = vec![(0, usize::MAX)];
    for end in min_size..=n {
        let open = end - min_size;
        if open >= min_size {
            starts.push((open, usize::MAX));
        }
        starts.retain(|(_, until)| *until > end);
        for &(start, _) in &starts {
            let total = best[start] + cost.of(start, end) + penalty;
            if total < best[end] {
                best[end] = total;
                origin[end] = start;
            }
        }
        // A start that loses to a change here loses for good once a stretch of min_size fits after
        // it: pruning this late stays exact.
        for (start, until) in &mut starts {
            if *until == usize::MAX && best[*start] + cost.of(*start, end) > best[end] {
                *until = end + min_size;
            }
        }
    }
    let mut ends = Vec::new();
    let mut end = n;
    while end > 0 {
        ends.push(end);
        end = origin[end];
    }
    ends.reverse();
    Ok(ends)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_found_where_it_is() {
        let x = [0.0, 0.1, -0.1, 0.0, 5.0, 5.1, 4.9, 5.0];
        assert_eq!(best_segmentation(&x, 1, 2).unwrap().0, [4, 8]);
        assert_eq!(penalised_segmentation(&x, 1.0, 2).unwrap(), [4, 8]);
        assert_eq!(penalised_segmentation(&x, 1e6, 2).unwrap(), [8]);
        assert!(best_segmentation(&x, 4, 2).is_err());
    }

    #[test]
    fn pruning_finds_the_optimum_that_the_full_search_finds() {
        let mut state = 99u64;
        let mut draw = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f64 / f64::from(1 << 24)
        };
        for round in 0..40 {
            let level: Vec<f64> = (0..4).map(|_| 4.0 * draw()).collect();
            let x: Vec<f64> = (0..30).map(|i| level[i / 8] + draw()).collect();
            let penalty = [0.3, 1.0, 3.0][round % 3];
            let total = |ends: &[usize]| {
                let cost = StretchCost::new(&x);
                let starts = std::iter::once(0).chain(ends.iter().copied());
                starts.zip(ends).map(|(s, e)| cost.of(s, *e)).sum::<f64>()
                    + penalty * (ends.len() - 1) as f64
            };
            let pruned = total(&penalised_segmentation(&x, penalty, 3).unwrap());
            for changes in 0..9 {
                let full = total(&best_segmentation(&x, changes, 3).unwrap().0);
                assert!(pruned <= full + 1e-9, "round {round}, {changes} changes");
            }
        }
    }
}
