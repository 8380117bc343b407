//! Interpolation only: whether a configuration lies inside the convex hull of those tested.

/// Distance on the coded axes below which a point counts as inside.
const TOLERANCE: f64 = 1e-3;
/// Sweeps after which the distance is taken as it stands.
const SWEEPS: usize = 20_000;

/// Whether `point` is a weighted mean of `tested`: the non-negative weights that come nearest to it
/// (with their sum held to one as a further coordinate) are found by coordinate descent, which
/// converges for this convex problem (Franc, Hlavac & Navara 2005).
#[must_use]
pub fn is_inside(tested: &[Vec<f64>], point: &[f64]) -> bool {
    if tested.iter().any(|t| t.len() != point.len()) || point.iter().any(|v| !v.is_finite()) {
        return false;
    }
    let columns: Vec<Vec<f64>> = tested
        .iter()
        .map(|t| {
            let centred = t.iter().zip(point).map(|(a, b)| a - b);
            centred.chain([1.0]).collect()
        })
        .collect();
    let mut weights = vec![0.0; columns.len()];
    // What is left of the target: the origin of the centred axes, and a sum of one.
    let mut rest: Vec<f64> = vec![0.0; point.len()];
    rest.push(1.0);
    for _ in 0..SWEEPS {
        let mut moved = 0.0f64;
        for (weight, column) in weights.iter_mut().zip(&columns) {
            let norm: f64 = column.iter().map(|c| c * c).sum();
            let gain: f64 = column.iter().zip(&rest).map(|(c, r)| c * r).sum();
            let change = (gain / norm).max(-*weight);
            *weight += change;
            moved = moved.max(change.abs());
            for (r, c) in rest.iter_mut().zip(column) {
                *r -= change * c;
            }
        }
        if rest.iter().map(|r| r * r).sum::<f64>().sqrt() < TOLERANCE {
            return true;
        }
        if moved < 1e-12 {
            break;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corners_edges_and_means_are_inside_and_nothing_else() {
        let square = vec![
            vec![0.0, 0.0],
            vec![0.0, -1.0],
            vec![-1.0, 0.0],
            vec![-1.0, -1.0],
        ];
        for inside in [[0.0, 0.0], [-0.5, -0.5], [-1.0, -0.3], [-0.9, -0.05]] {
            assert!(is_inside(&square, &inside), "{inside:?}");
        }
        for outside in [[0.1, 0.0], [-1.2, -0.5], [-0.5, 0.05], [f64::NAN, 0.0]] {
            assert!(!is_inside(&square, &outside), "{outside:?}");
        }
        assert!(!is_inside(&[], &[0.0]));
        assert!(is_inside(&[vec![1.0, 2.0]], &[1.0, 2.0]));
        // On a line, beside it.
        let line = vec![vec![0.0, 0.0], vec![-1.0, -1.0]];
        assert!(is_inside(&line, &[-0.25, -0.25]) && !is_inside(&line, &[-0.25, -0.3]));
    }
}
