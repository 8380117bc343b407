//! Designs for a quadratic surface: central composite and Box-Behnken.

use super::error::{ExperimentError, Result};
use super::factorial::two_level;

/// How far out the star of a central composite design lies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum StarRule {
    /// (2^k)^(1/4): equal prediction variance at equal distance.
    Rotatable,
    /// Cube and star are orthogonal blocks: alpha^2 = k (1 + n_ca / 2k) / (1 + n_c0 / 2^k).
    Orthogonal,
    /// 1: on the faces.
    FaceCentred,
    /// A distance of one's own.
    Fixed(f64),
}

/// Which of the points leave the box.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompositeKind {
    /// The star sticks out of the cube.
    Circumscribed,
    /// The cube is shrunk by 1 / alpha, the star lies at 1.
    Inscribed,
    /// The star lies on the faces.
    FaceCentred,
}

/// A central composite design (Box & Wilson 1951).
#[derive(Debug, Clone, PartialEq)]
pub struct Composite {
    /// Cube, its centres, star, its centres.
    pub matrix: Vec<Vec<f64>>,
    /// The distance of the star by the rule.
    pub alpha: f64,
    /// Rows of the first block: cube and its centres.
    pub cube_rows: usize,
}

/// Central composite design of `k` factors with `centre_cube` and `centre_star` centre points.
///
/// # Errors
/// Fewer than two or more than ten factors; a distance that is not above zero.
pub fn central_composite(
    k: usize,
    centre_cube: usize,
    centre_star: usize,
    rule: StarRule,
    kind: CompositeKind,
) -> Result<Composite> {
    if !(2..=10).contains(&k) {
        return Err(ExperimentError::NoSuchDesign {
            design: "central composite design",
            asked: format!("{k} factors"),
            instead: "2 to 10 factors",
        });
    }
    let cube = (1u32 << k) as f64;
    let alpha = match (kind, rule) {
        (CompositeKind::FaceCentred, _) | (_, StarRule::FaceCentred) => 1.0,
        (_, StarRule::Rotatable) => cube.powf(0.25),
        (_, StarRule::Orthogonal) => (k as f64 * (1.0 + centre_star as f64 / (2 * k) as f64)
            / (1.0 + centre_cube as f64 / cube))
            .sqrt(),
        (_, StarRule::Fixed(alpha)) => alpha,
    };
    if !(alpha.is_finite() && alpha > 0.0) {
        return Err(ExperimentError::OutOfRange {
            what: "alpha",
            value: alpha,
            range: "above zero",
        });
    }
    let (corner, star) = if kind == CompositeKind::Inscribed {
        (1.0 / alpha, 1.0)
    } else {
        (1.0, alpha)
    };
    let mut matrix: Vec<Vec<f64>> = two_level(k)?
        .iter()
        .map(|row| row.iter().map(|v| v * corner).collect())
        .collect();
    matrix.extend(std::iter::repeat_n(vec![0.0; k], centre_cube));
    let cube_rows = matrix.len();
    for j in 0..k {
        for sign in [-1.0, 1.0] {
            let mut point = vec![0.0; k];
            point[j] = sign * star;
            matrix.push(point);
        }
    }
    matrix.extend(std::iter::repeat_n(vec![0.0; k], centre_star));
    Ok(Composite {
        matrix,
        alpha,
        cube_rows,
    })
}

/// Box-Behnken design (1960) with a 2^2 on every pair of factors and `centre` centre points.
///
/// # Errors
/// Fewer than three or more than 16 factors.
pub fn box_behnken(k: usize, centre: usize) -> Result<Vec<Vec<f64>>> {
    if !(3..=16).contains(&k) {
        return Err(ExperimentError::NoSuchDesign {
            design: "Box-Behnken design",
            asked: format!("{k} factors"),
            instead: "3 to 16 factors, or a central composite design",
        });
    }
    let mut matrix = Vec::new();
    for i in 0..k {
        for j in i + 1..k {
            for corner in two_level(2)? {
                let mut point = vec![0.0; k];
                (point[i], point[j]) = (corner[0], corner[1]);
                matrix.push(point);
            }
        }
    }
    matrix.extend(std::iter::repeat_n(vec![0.0; k], centre));
    Ok(matrix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_and_refusals() {
        let inscribed =
            central_composite(2, 1, 1, StarRule::Rotatable, CompositeKind::Inscribed).unwrap();
        assert!(inscribed.matrix.iter().flatten().all(|v| v.abs() <= 1.0));
        assert_eq!(inscribed.matrix.len(), 10);
        assert_eq!(box_behnken(4, 3).unwrap().len(), 27);
        assert!(box_behnken(2, 3).is_err());
        assert!(
            central_composite(1, 0, 0, StarRule::Rotatable, CompositeKind::Circumscribed).is_err()
        );
        let fixed = StarRule::Fixed(f64::NAN);
        assert!(central_composite(2, 0, 0, fixed, CompositeKind::Circumscribed).is_err());
    }
}
