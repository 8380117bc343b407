//! Plackett-Burman and definitive screening designs, from Paley's constructions over finite fields.

use super::error::{ExperimentError, Result};

/// A field of p or p^2 elements (p an odd prime), elements numbered a + p b for a + b sqrt(r).
struct Field {
    p: usize,
    squared: bool,
    /// A non-residue modulo p, whose root extends the field.
    root: usize,
    is_square: Vec<bool>,
}

impl Field {
    /// The field of `order` elements, when it is a prime or a prime's square, and odd.
    fn of_order(order: usize) -> Option<Self> {
        let prime = |n: usize| {
            n > 2
                && n % 2 == 1
                && (3..)
                    .step_by(2)
                    .take_while(|d| d * d <= n)
                    .all(|d| !n.is_multiple_of(d))
        };
        let half = (1..=order).find(|d| d * d >= order)?;
        let (p, squared) = if prime(order) {
            (order, false)
        } else if half * half == order && prime(half) {
            (half, true)
        } else {
            return None;
        };
        let residues: Vec<usize> = (1..p).map(|a| a * a % p).collect();
        let root = (1..p).find(|a| !residues.contains(a)).unwrap_or(0);
        let mut field = Self {
            p,
            squared,
            root,
            is_square: vec![false; order],
        };
        for a in 1..order {
            let square = field.multiply(a, a);
            field.is_square[square] = true;
        }
        Some(field)
    }

    fn order(&self) -> usize {
        self.is_square.len()
    }

    fn multiply(&self, x: usize, y: usize) -> usize {
        let p = self.p;
        if !self.squared {
            return x * y % p;
        }
        let (a, b, c, d) = (x % p, x / p, y % p, y / p);
        (a * c + self.root * b * d) % p + p * ((a * d + b * c) % p)
    }

    fn subtract(&self, x: usize, y: usize) -> usize {
        let p = self.p;
        if !self.squared {
            return (x + p - y) % p;
        }
        (x % p + p - y % p) % p + p * ((x / p + p - y / p) % p)
    }

    /// 0 for zero, 1 for squares, -1 for the others.
    fn character(&self, x: usize) -> f64 {
        if x == 0 {
            0.0
        } else if self.is_square[x] {
            1.0
        } else {
            -1.0
        }
    }
}

/// A conference matrix of order q + 1: zero diagonal, C'C = q I (Paley 1933).
fn conference(order: usize) -> Option<Vec<Vec<f64>>> {
    if order == 2 {
        return Some(vec![vec![0.0, 1.0], vec![1.0, 0.0]]);
    }
    let field = Field::of_order(order.checked_sub(1)?)?;
    let q = field.order();
    // q = 1 mod 4 gives a symmetric matrix, q = 3 mod 4 a skew one.
    let skew = if q % 4 == 1 { 1.0 } else { -1.0 };
    Some(
        (0..order)
            .map(|i| {
                (0..order)
                    .map(|j| match (i, j) {
                        (0, 0) => 0.0,
                        (0, _) => 1.0,
                        (_, 0) => skew,
                        _ => field.character(field.subtract(i - 1, j - 1)),
                    })
                    .collect()
            })
            .collect(),
    )
}

/// A Hadamard matrix: rows +-1, columns orthogonal.
fn hadamard(order: usize) -> Option<Vec<Vec<f64>>> {
    if order == 1 {
        return Some(vec![vec![1.0]]);
    }
    if order % 2 == 1 {
        return None;
    }
    let plus_identity = |c: &[Vec<f64>], sign: f64| -> Vec<Vec<f64>> {
        let at = |i: usize, j: usize| sign * c[i][j] + if i == j { 1.0 } else { 0.0 };
        (0..c.len())
            .map(|i| (0..c.len()).map(|j| at(i, j)).collect())
            .collect()
    };
    if order.is_multiple_of(4)
        && (order - 1) % 4 == 3
        && let Some(c) = conference(order)
    {
        return Some(plus_identity(&c, 1.0));
    }
    if let Some(half) = hadamard(order / 2) {
        let doubled = |sign: f64| {
            half.iter().map(move |row| {
                row.iter()
                    .copied()
                    .chain(row.iter().map(move |v| sign * v))
                    .collect()
            })
        };
        return Some(doubled(1.0).chain(doubled(-1.0)).collect());
    }
    // Paley II: symmetric C of order n/2 gives [C + I, C - I; C - I, -C - I].
    let c = conference(order / 2).filter(|_| (order / 2) % 4 == 2)?;
    let n = c.len();
    let block = |i: usize, j: usize, a: f64, b: f64| a * c[i][j] + if i == j { b } else { 0.0 };
    let rows = |top: bool| {
        let c = &block;
        (0..n).map(move |i| {
            let left = (0..n).map(move |j| {
                if top {
                    c(i, j, 1.0, 1.0)
                } else {
                    c(i, j, 1.0, -1.0)
                }
            });
            let right = (0..n).map(move |j| {
                if top {
                    c(i, j, 1.0, -1.0)
                } else {
                    c(i, j, -1.0, -1.0)
                }
            });
            left.chain(right).collect::<Vec<f64>>()
        })
    };
    Some(rows(true).chain(rows(false)).collect())
}

/// Plackett-Burman design (1946) of `factors` columns: the fewest runs N = 4m > factors. Where
/// N - 1 is prime the rows are cyclic shifts of the published first row and a row of -1.
///
/// # Errors
/// No factor, or no Hadamard matrix of that order is known here (92 runs and a few above).
pub fn plackett_burman(factors: usize) -> Result<Vec<Vec<f64>>> {
    let none = || ExperimentError::NoSuchDesign {
        design: "Plackett-Burman design",
        asked: format!("{factors} factors"),
        instead: "1 to 87 factors, or a regular fraction",
    };
    if factors == 0 {
        return Err(none());
    }
    let runs = 4 * (factors / 4 + 1);
    let cyclic = Field::of_order(runs - 1).filter(|field| !field.squared && field.order() % 4 == 3);
    if let Some(field) = cyclic {
        let q = field.order();
        // The published row: plus at 0 and at the squares.
        let first = |x: usize| if x == 0 { 1.0 } else { field.character(x) };
        let shifted = (0..q).map(|i| (0..factors).map(|j| first((j + q - i) % q)).collect());
        return Ok(shifted
            .chain(std::iter::once(vec![-1.0; factors]))
            .collect());
    }
    let matrix = hadamard(runs).ok_or_else(none)?;
    // With the first column made all ones, the others are balanced.
    Ok(matrix
        .iter()
        .map(|row| (1..=factors).map(|j| row[j] * row[0]).collect())
        .collect())
}

/// Definitive screening design (Jones & Nachtsheim 2011): rows C, -C and 0 with a conference matrix
/// C of the next even order that exists; surplus columns are dropped. 2k + 1 runs for even k, 2k + 3
/// for odd.
///
/// # Errors
/// Fewer than two factors or more than 100.
pub fn definitive_screening(factors: usize) -> Result<Vec<Vec<f64>>> {
    let none = || ExperimentError::NoSuchDesign {
        design: "definitive screening design",
        asked: format!("{factors} factors"),
        instead: "2 to 100 factors",
    };
    if !(2..=100).contains(&factors) {
        return Err(none());
    }
    let start = (factors + factors % 2).max(4);
    let matrix = (start..start + 40)
        .step_by(2)
        .find_map(conference)
        .ok_or_else(none)?;
    let mut rows: Vec<Vec<f64>> = Vec::with_capacity(2 * matrix.len() + 1);
    for row in &matrix {
        rows.push(row[..factors].to_vec());
        rows.push(
            row[..factors]
                .iter()
                .map(|v| if *v == 0.0 { 0.0 } else { -v })
                .collect(),
        );
    }
    rows.push(vec![0.0; factors]);
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dot(rows: &[Vec<f64>], i: usize, j: usize) -> f64 {
        rows.iter().map(|r| r[i] * r[j]).sum()
    }

    #[test]
    fn every_size_is_orthogonal_and_balanced() {
        for factors in 1..=51 {
            let rows = plackett_burman(factors).unwrap();
            assert_eq!(rows.len(), 4 * (factors / 4 + 1));
            for i in 0..factors {
                assert_eq!(rows.iter().map(|r| r[i]).sum::<f64>(), 0.0, "{factors}");
                assert!((0..i).all(|j| dot(&rows, i, j) == 0.0), "{factors}");
            }
        }
        let twelve = plackett_burman(11).unwrap();
        assert_eq!(twelve[0], [1., 1., -1., 1., 1., 1., -1., -1., -1., 1., -1.]);
        assert!(plackett_burman(0).is_err());
    }

    #[test]
    fn definitive_screening_clears_main_effects() {
        for factors in 2..=18 {
            let rows = definitive_screening(factors).unwrap();
            for i in 0..factors {
                assert_eq!(rows.iter().filter(|r| r[i] == 0.0).count(), 3);
                assert!((0..i).all(|j| dot(&rows, i, j) == 0.0), "{factors}");
                for j in 0..factors {
                    let mixed: f64 = rows
                        .iter()
                        .map(|r| r[i] * r[j] * r[(j + 1) % factors])
                        .sum();
                    assert_eq!(mixed, 0.0);
                }
            }
        }
        assert_eq!(definitive_screening(5).unwrap().len(), 13);
        assert_eq!(definitive_screening(10).unwrap().len(), 21);
        assert!(definitive_screening(1).is_err());
    }
}
