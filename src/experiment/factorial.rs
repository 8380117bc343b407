//! Full factorial designs.

use super::error::{ExperimentError, Result};

/// More runs than this are never meant.
const MOST_RUNS: usize = 1 << 20;

/// All combinations of `levels` levels numbered from 0; the first factor varies fastest.
///
/// # Errors
/// No factor, a factor with fewer than two levels, or more than a million runs.
pub fn full_factorial(levels: &[usize]) -> Result<Vec<Vec<f64>>> {
    if levels.is_empty() {
        return Err(none("full factorial", "0 factors".to_owned()));
    }
    for (j, &count) in levels.iter().enumerate() {
        if count < 2 {
            let factor = crate::statistics::terms::letter(j);
            return Err(ExperimentError::OneLevel {
                factor,
                levels: count,
            });
        }
    }
    let runs = levels
        .iter()
        .try_fold(1usize, |n, &l| n.checked_mul(l))
        .filter(|n| *n <= MOST_RUNS);
    let runs = runs.ok_or_else(|| none("full factorial", format!("{} factors", levels.len())))?;
    Ok((0..runs)
        .map(|run| {
            let mut rest = run;
            levels
                .iter()
                .map(|&count| {
                    let level = rest % count;
                    rest /= count;
                    level as f64
                })
                .collect()
        })
        .collect())
}

/// The 2^k design in -1 and 1; the last factor varies fastest.
///
/// # Errors
/// No factor, or more than 20.
pub fn two_level(k: usize) -> Result<Vec<Vec<f64>>> {
    if k == 0 || k > 20 {
        return Err(none("two-level factorial", format!("{k} factors")));
    }
    Ok((0..1usize << k)
        .map(|run| {
            (0..k)
                .map(|j| {
                    if run >> (k - 1 - j) & 1 == 1 {
                        1.0
                    } else {
                        -1.0
                    }
                })
                .collect()
        })
        .collect())
}

fn none(design: &'static str, asked: String) -> ExperimentError {
    ExperimentError::NoSuchDesign {
        design,
        asked,
        instead: "1 to 20 factors, fractions beyond 5",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn degenerate_requests_are_refused() {
        assert!(matches!(
            full_factorial(&[2, 1]),
            Err(ExperimentError::OneLevel { .. })
        ));
        assert!(full_factorial(&[]).is_err() && full_factorial(&[1000, 1000, 1000]).is_err());
        assert!(two_level(0).is_err() && two_level(64).is_err());
    }
}
