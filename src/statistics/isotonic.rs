//! Isotonic regression by pooling adjacent violators.

use super::error::{Result, require, require_positive, require_same_length};

/// The monotone sequence nearest to `values` in weighted squares (Barlow et al. 1972). A block that
/// pools values flags a reversal: interference or drift.
///
/// # Errors
/// Empty or non-finite values, weights not above zero, lengths that differ.
pub fn isotonic(values: &[f64], weights: &[f64], increasing: bool) -> Result<Vec<f64>> {
    require("values", values, 1)?;
    require_same_length("values", values.len(), "weights", weights.len())?;
    for &w in weights {
        require_positive("weight", w)?;
    }
    let sign = if increasing { 1.0 } else { -1.0 };
    // Blocks of (mean, weight, length), means non-decreasing.
    let mut blocks: Vec<(f64, f64, usize)> = Vec::new();
    for (value, weight) in values.iter().zip(weights) {
        let mut block = (sign * value, *weight, 1);
        while let Some(last) = blocks.last().copied().filter(|last| last.0 >= block.0) {
            blocks.pop();
            let total = last.1 + block.1;
            block = (
                (last.0 * last.1 + block.0 * block.1) / total,
                total,
                last.2 + block.2,
            );
        }
        blocks.push(block);
    }
    Ok(blocks
        .iter()
        .flat_map(|(mean, _, length)| std::iter::repeat_n(sign * mean, *length))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pooling_is_idempotent() {
        let w = [1.0, 2.0, 1.0, 1.0];
        let once = isotonic(&[3.0, 1.0, 2.0, 5.0], &w, true).unwrap();
        assert_eq!(isotonic(&once, &w, true).unwrap(), once);
        assert_eq!(once, [5.0 / 3.0, 5.0 / 3.0, 2.0, 5.0]);
        assert!(isotonic(&[1.0], &[0.0], true).is_err());
    }
}
