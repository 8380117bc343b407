//! Location and spread of one sample.

use super::error::{Result, require};

/// Factor that makes the median absolute deviation estimate a normal standard deviation.
pub const MAD_TO_SD: f64 = 1.482_602_218_505_602;

/// The arithmetic mean.
///
/// # Errors
/// When the sample is empty or not finite.
pub fn mean(samples: &[f64]) -> Result<f64> {
    require("samples", samples, 1)?;
    Ok(samples.iter().sum::<f64>() / samples.len() as f64)
}

/// The unbiased variance (divisor n - 1), by the two-pass rule.
///
/// # Errors
/// When fewer than two samples are given or one is not finite.
pub fn variance(samples: &[f64]) -> Result<f64> {
    require("samples", samples, 2)?;
    let centre = mean(samples)?;
    let squares: f64 = samples.iter().map(|x| (x - centre).powi(2)).sum();
    Ok(squares / (samples.len() - 1) as f64)
}

/// The standard deviation (divisor n - 1).
///
/// # Errors
/// As [`variance`].
pub fn standard_deviation(samples: &[f64]) -> Result<f64> {
    Ok(variance(samples)?.sqrt())
}

/// The median: the middle value, or the mean of the two middle values.
///
/// # Errors
/// When the sample is empty or not finite.
pub fn median(samples: &[f64]) -> Result<f64> {
    require("samples", samples, 1)?;
    Ok(median_of_sorted(&sorted(samples)))
}

/// The raw median absolute deviation from the median; times [`MAD_TO_SD`] it estimates a normal
/// standard deviation.
///
/// # Errors
/// When the sample is empty or not finite.
pub fn median_absolute_deviation(samples: &[f64]) -> Result<f64> {
    let centre = median(samples)?;
    let deviations: Vec<f64> = samples.iter().map(|x| (x - centre).abs()).collect();
    median(&deviations)
}

/// A sorted copy; the caller has checked that values are finite.
pub(crate) fn sorted(samples: &[f64]) -> Vec<f64> {
    let mut ordered = samples.to_vec();
    ordered.sort_by(f64::total_cmp);
    ordered
}

/// The median of an ordered, non-empty sample.
pub(crate) fn median_of_sorted(ordered: &[f64]) -> f64 {
    let n = ordered.len();
    if n % 2 == 1 {
        ordered[n / 2]
    } else {
        0.5 * (ordered[n / 2 - 1] + ordered[n / 2])
    }
}

/// Mid-ranks from 1: tied values share the mean of their ranks.
pub(crate) fn mid_ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    while start < order.len() {
        let mut end = start + 1;
        while end < order.len() && values[order[end]] == values[order[start]] {
            end += 1;
        }
        let shared = (start + 1 + end) as f64 / 2.0;
        for &i in &order[start..end] {
            ranks[i] = shared;
        }
        start = end;
    }
    ranks
}

/// Sizes of groups of equal values.
pub(crate) fn tie_sizes(values: &[f64]) -> Vec<usize> {
    let ordered = sorted(values);
    let mut sizes = Vec::new();
    let mut start = 0;
    for i in 1..=ordered.len() {
        if i == ordered.len() || ordered[i] != ordered[start] {
            sizes.push(i - start);
            start = i;
        }
    }
    sizes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::StatisticsError;

    #[test]
    fn moments_of_a_small_sample() {
        let x = [2.0, 4.0, 4.0, 5.0, 10.0];
        assert_eq!(mean(&x), Ok(5.0));
        assert_eq!(variance(&x), Ok(9.0));
        assert_eq!(median(&x), Ok(4.0));
        assert_eq!(median_absolute_deviation(&x), Ok(1.0));
        assert_eq!(mid_ranks(&x), vec![1.0, 2.5, 2.5, 4.0, 5.0]);
        assert_eq!(tie_sizes(&x), vec![1, 2, 1, 1]);
    }

    #[test]
    fn empty_short_and_broken_samples_are_refused() {
        assert!(matches!(mean(&[]), Err(StatisticsError::Empty { .. })));
        assert!(matches!(
            variance(&[1.0]),
            Err(StatisticsError::TooFew { .. })
        ));
        assert!(matches!(
            median(&[1.0, f64::NAN]),
            Err(StatisticsError::NotFinite { index: 1, .. })
        ));
    }
}
