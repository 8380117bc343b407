//! p-values adjusted for testing many things at once.

use super::error::{Result, StatisticsError, require};

fn check(p: &[f64]) -> Result<Vec<usize>> {
    require("p-values", p, 1)?;
    for &value in p {
        if !(0.0..=1.0).contains(&value) {
            return Err(StatisticsError::OutOfRange {
                what: "p-value",
                value,
                range: "in [0, 1]",
            });
        }
    }
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[a].total_cmp(&p[b]).then(a.cmp(&b)));
    Ok(order)
}

/// Bonferroni: p times the number of tests.
///
/// # Errors
/// No p-value, or one outside [0, 1].
pub fn bonferroni(p: &[f64]) -> Result<Vec<f64>> {
    check(p)?;
    Ok(p.iter().map(|v| (v * p.len() as f64).min(1.0)).collect())
}

/// Holm (1979): step-down, holds the family-wise error; used over the signals of one job.
///
/// # Errors
/// As [`bonferroni`].
pub fn holm(p: &[f64]) -> Result<Vec<f64>> {
    let order = check(p)?;
    let (mut adjusted, mut running) = (vec![0.0; p.len()], 0.0f64);
    for (rank, &i) in order.iter().enumerate() {
        running = running.max(p[i] * (p.len() - rank) as f64).min(1.0);
        adjusted[i] = running;
    }
    Ok(adjusted)
}

/// Benjamini & Hochberg (1995): step-up, holds the false discovery rate; used across the fleet.
///
/// # Errors
/// As [`bonferroni`].
pub fn benjamini_hochberg(p: &[f64]) -> Result<Vec<f64>> {
    let order = check(p)?;
    let (mut adjusted, mut running) = (vec![0.0; p.len()], 1.0f64);
    for (rank, &i) in order.iter().enumerate().rev() {
        running = running.min(p[i] * p.len() as f64 / (rank + 1) as f64);
        adjusted[i] = running;
    }
    Ok(adjusted)
}
