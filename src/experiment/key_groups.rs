//! Key groups make parallelism lumpy: the busiest subtask holds ceil(K / p) of K groups.

use super::error::{ExperimentError, Result};

/// How key groups fall on subtasks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KeyGroupSkew {
    /// Groups of the least loaded subtask.
    pub min_groups: u32,
    /// Groups of the most loaded subtask.
    pub max_groups: u32,
    /// Load of the busiest subtask over the mean: ceil(K / p) p / K.
    pub skew: f64,
    /// The least parallelism whose busiest subtask holds as few groups.
    pub smallest_parallelism_as_fast: u32,
}

/// The skew of `parallelism` subtasks over `max_parallelism` key groups, assigned in ranges as
/// Flink does.
///
/// # Errors
/// Either number zero.
pub fn key_group_skew(max_parallelism: u32, parallelism: u32) -> Result<KeyGroupSkew> {
    for (what, value) in [
        ("max parallelism", max_parallelism),
        ("parallelism", parallelism),
    ] {
        if value == 0 {
            return Err(ExperimentError::OutOfRange {
                what,
                value: 0.0,
                range: "at least 1",
            });
        }
    }
    let max_groups = max_parallelism.div_ceil(parallelism);
    Ok(KeyGroupSkew {
        min_groups: max_parallelism / parallelism,
        max_groups,
        skew: f64::from(max_groups) * f64::from(parallelism) / f64::from(max_parallelism),
        smallest_parallelism_as_fast: max_parallelism.div_ceil(max_groups),
    })
}

/// Effective parallelism K / ceil(K / p); fractional parallelism is allowed.
#[must_use]
pub fn effective_parallelism(max_parallelism: f64, parallelism: f64) -> f64 {
    max_parallelism / (max_parallelism / parallelism).ceil()
}

/// The parallelisms worth testing up to `most`, ascending: ceil(K / g) for g = 1 ..= K.
#[must_use]
pub fn useful_parallelisms(max_parallelism: u32, most: u32) -> Vec<u32> {
    let mut found: Vec<u32> = (1..=max_parallelism)
        .map(|g| max_parallelism.div_ceil(g))
        .collect();
    found.dedup();
    found.reverse();
    found.retain(|p| *p <= most);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn useful_levels_are_as_fast_as_any_between() {
        let useful = useful_parallelisms(128, 128);
        for p in 1..=128 {
            let skew = key_group_skew(128, p).unwrap();
            assert!(useful.contains(&skew.smallest_parallelism_as_fast));
        }
        assert!(key_group_skew(0, 1).is_err() && key_group_skew(128, 0).is_err());
    }
}
