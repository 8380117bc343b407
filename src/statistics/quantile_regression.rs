//! Linear quantile regression (Koenker & Bassett 1978) by exchange of exact-fit points.

use nalgebra::{DMatrix, DVector};

use super::error::{Result, StatisticsError, require, require_open_unit, require_same_length};
use super::linear::least_squares;
use super::terms::ModelMatrix;

/// A fitted quantile plane.
#[derive(Debug, Clone, PartialEq)]
pub struct QuantileFit {
    /// Names of the parameters.
    pub names: Vec<String>,
    /// Estimates.
    pub coefficients: Vec<f64>,
    /// Sum of check losses at the optimum.
    pub objective: f64,
}

/// Minimises `sum rho_tau(y - X b)` with `rho_tau(e) = e (tau - [e < 0])`.
///
/// The optimum passes through p of the points. From such a vertex every edge releases one point;
/// the best descending edge is followed to its lowest knot (Barrodale & Roberts 1974), until no
/// edge descends. Ties are broken by a perturbation far below the data's scale, removed at the end.
///
/// # Errors
/// Fewer points than parameters, a singular design, `tau` out of (0, 1), values not finite.
pub fn quantile_regression(model: &ModelMatrix, y: &[f64], tau: f64) -> Result<QuantileFit> {
    require("response", y, 1)?;
    require_open_unit("tau", tau)?;
    require_same_length("response", y.len(), "runs", model.x.nrows())?;
    let x = &model.x;
    least_squares(x, &DVector::from_column_slice(y), &model.names)?;
    let scale = y.iter().fold(0.0f64, |m, v| m.max(v.abs())).max(1.0);
    // Fixed irrational multiples, so that no two points and no p + 1 points tie.
    let shaken: Vec<f64> = y
        .iter()
        .enumerate()
        .map(|(i, v)| v + 1e-9 * scale * (((i + 1) as f64 * 0.618_033_988_749_894_9).fract() - 0.5))
        .collect();
    let mut basis = independent_rows(x)?;
    for _ in 0..(50 * y.len() + 100) {
        let inverse = basis_inverse(x, &basis)?;
        let beta = &inverse * DVector::from_iterator(basis.len(), basis.iter().map(|&i| shaken[i]));
        match descend(x, &shaken, tau, &basis, &inverse, &beta) {
            Some((leaving, entering)) => basis[leaving] = entering,
            None => {
                let exact =
                    &inverse * DVector::from_iterator(basis.len(), basis.iter().map(|&i| y[i]));
                return Ok(QuantileFit {
                    names: model.names.clone(),
                    objective: check_loss(x, y, tau, &exact),
                    coefficients: exact.iter().copied().collect(),
                });
            }
        }
    }
    Err(StatisticsError::NoConvergence {
        what: "quantile regression",
        iterations: 50 * y.len() + 100,
    })
}

fn check_loss(x: &DMatrix<f64>, y: &[f64], tau: f64, beta: &DVector<f64>) -> f64 {
    let fitted = x * beta;
    y.iter()
        .zip(fitted.iter())
        .map(|(y, f)| (y - f) * (tau - f64::from(u8::from(y < f))))
        .sum()
}

/// The best descending edge of a vertex: the position that leaves the basis and the point that
/// enters it; `None` at the optimum.
fn descend(
    x: &DMatrix<f64>,
    y: &[f64],
    tau: f64,
    basis: &[usize],
    inverse: &DMatrix<f64>,
    beta: &DVector<f64>,
) -> Option<(usize, usize)> {
    let residuals: Vec<f64> = (x * beta).iter().zip(y).map(|(f, y)| y - f).collect();
    let outside: Vec<usize> = (0..y.len()).filter(|i| !basis.contains(i)).collect();
    let mut best: Option<(f64, usize, DVector<f64>)> = None;
    for leaving in 0..basis.len() {
        for sign in [1.0, -1.0] {
            // Along this edge the fit at the released point moves by sign, the others stay.
            let moves: DVector<f64> = x * (inverse.column(leaving) * sign);
            // The released point's residual becomes -sign t: slope of its own check loss.
            let own = if sign > 0.0 { 1.0 - tau } else { tau };
            let slope: f64 = outside
                .iter()
                .map(|&i| {
                    let above = residuals[i] > 0.0 || (residuals[i] == 0.0 && moves[i] < 0.0);
                    if above {
                        -tau * moves[i]
                    } else {
                        (1.0 - tau) * moves[i]
                    }
                })
                .sum::<f64>()
                + own;
            if slope < -1e-10 && best.as_ref().is_none_or(|(least, ..)| slope < *least) {
                best = Some((slope, leaving, moves));
            }
        }
    }
    let (slope, leaving, moves) = best?;
    // Knots where a residual changes sign, nearest first; each adds |move| to the slope.
    let mut knots: Vec<(f64, usize)> = outside
        .iter()
        .filter(|&&i| moves[i].abs() > 1e-12 && residuals[i] / moves[i] >= 0.0)
        .map(|&i| (residuals[i] / moves[i], i))
        .collect();
    knots.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let mut rising = slope;
    for (_, i) in knots {
        rising += moves[i].abs();
        if rising >= 0.0 {
            return Some((leaving, i));
        }
    }
    None
}

/// Rows that span the column space, by Gaussian elimination with row choice.
fn independent_rows(x: &DMatrix<f64>) -> Result<Vec<usize>> {
    let mut work = x.clone();
    let mut chosen = Vec::new();
    for j in 0..x.ncols() {
        let row = (0..x.nrows())
            .filter(|i| !chosen.contains(i))
            .max_by(|&a, &b| work[(a, j)].abs().total_cmp(&work[(b, j)].abs()))
            .filter(|&i| work[(i, j)].abs() > 1e-12)
            .ok_or_else(|| StatisticsError::Singular {
                term: format!("column {j}"),
            })?;
        for i in 0..x.nrows() {
            if i != row && !chosen.contains(&i) {
                let factor = work[(i, j)] / work[(row, j)];
                for c in j..x.ncols() {
                    let pivot = work[(row, c)];
                    work[(i, c)] -= factor * pivot;
                }
            }
        }
        chosen.push(row);
    }
    Ok(chosen)
}

fn basis_inverse(x: &DMatrix<f64>, basis: &[usize]) -> Result<DMatrix<f64>> {
    let square = DMatrix::from_fn(basis.len(), x.ncols(), |i, j| x[(basis[i], j)]);
    square
        .try_inverse()
        .ok_or_else(|| StatisticsError::Singular {
            term: "exact-fit points".to_owned(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::terms::{lettered_columns, parse_terms};

    #[test]
    fn the_median_line_ignores_an_outlier_and_ties_do_not_stall_it() {
        let points: Vec<Vec<f64>> = (0..9).map(|i| vec![f64::from(i)]).collect();
        let terms = parse_terms(&["A"]).unwrap();
        let model = ModelMatrix::new(&lettered_columns(&points).unwrap(), &terms, true).unwrap();
        let mut y: Vec<f64> = (0..9).map(|i| 2.0 + 3.0 * f64::from(i)).collect();
        y[4] = 1000.0;
        let fit = quantile_regression(&model, &y, 0.5).unwrap();
        assert!((fit.coefficients[1] - 3.0).abs() < 1e-9, "{fit:?}");
        let flat = quantile_regression(&model, &[5.0; 9], 0.9).unwrap();
        assert!(flat.objective.abs() < 1e-9);
        assert!(quantile_regression(&model, &y, 1.0).is_err());
    }

    #[test]
    fn no_line_through_two_points_does_better() {
        let mut state = 12345u64;
        let mut draw = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f64 / f64::from(1 << 24)
        };
        let terms = parse_terms(&["A"]).unwrap();
        for round in 0..60 {
            let points: Vec<Vec<f64>> = (0..12).map(|_| vec![(10.0 * draw()).floor()]).collect();
            // Every third round is coarse, so that points tie.
            let grain = if round % 3 == 0 { 1.0 } else { 1e-6 };
            let y: Vec<f64> = points
                .iter()
                .map(|p| ((p[0] + 5.0 * draw()) / grain).floor() * grain)
                .collect();
            let tau = [0.5, 0.9, 0.05][round % 3];
            let model =
                ModelMatrix::new(&lettered_columns(&points).unwrap(), &terms, true).unwrap();
            let fit = quantile_regression(&model, &y, tau).unwrap();
            for i in 0..12 {
                for j in 0..i {
                    if points[i][0] != points[j][0] {
                        let slope = (y[i] - y[j]) / (points[i][0] - points[j][0]);
                        let line = DVector::from_vec(vec![y[i] - slope * points[i][0], slope]);
                        let loss = check_loss(&model.x, &y, tau, &line);
                        assert!(
                            fit.objective <= loss + 1e-7,
                            "round {round}: {} > {loss}",
                            fit.objective
                        );
                    }
                }
            }
        }
    }
}
