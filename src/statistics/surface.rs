//! Analysis of response surfaces: Lenth's pseudo error, Box-Cox, canonical form.

use nalgebra::{DMatrix, DVector};

use super::distribution::t_quantile;
use super::error::{Result, StatisticsError, require, require_same_length};
use super::linear::{LinearFit, least_squares};
use super::summary::median;
use super::terms::{ModelMatrix, Term, letter};

/// Effects of an unreplicated two-level design judged by Lenth (1989).
#[derive(Debug, Clone, PartialEq)]
pub struct Lenth {
    /// Effects (mean at + minus mean at -) by word, short words first.
    pub effects: Vec<(String, f64)>,
    /// 1.5 median |effect|.
    pub s0: f64,
    /// Pseudo standard error.
    pub pse: f64,
    /// Margin of error, 95 %.
    pub margin: f64,
    /// Simultaneous margin of error, 95 %.
    pub simultaneous_margin: f64,
}

/// Effects and Lenth's margins of a two-level design of -1 and 1. Words that are aliased with an
/// earlier (shorter) one, or with the mean, are left out.
///
/// # Errors
/// A matrix with other entries than -1 and 1; lengths that differ; fewer than three effects.
pub fn lenth(matrix: &[Vec<f64>], y: &[f64]) -> Result<Lenth> {
    require("response", y, 4)?;
    require_same_length("rows", matrix.len(), "response", y.len())?;
    let k = matrix.first().map_or(0, Vec::len);
    for &value in matrix.iter().flatten() {
        if value.abs() != 1.0 {
            return Err(StatisticsError::OutOfRange {
                what: "level",
                value,
                range: "at -1 or 1",
            });
        }
    }
    let n = y.len();
    let mut words: Vec<u32> = (1..1u32 << k.min(20)).collect();
    words.sort_by_key(|w| (w.count_ones(), w.reverse_bits().wrapping_neg()));
    let mut columns: Vec<Vec<f64>> = vec![vec![1.0; n]];
    let mut effects = Vec::new();
    for word in words {
        if columns.len() == n {
            break;
        }
        let members: Vec<usize> = (0..k).filter(|j| word >> j & 1 == 1).collect();
        let column: Vec<f64> = matrix
            .iter()
            .map(|row| members.iter().map(|&j| row[j]).product())
            .collect();
        let aliased = columns.iter().any(|other| {
            let dot: f64 = other.iter().zip(&column).map(|(a, b)| a * b).sum();
            dot.abs() >= n as f64 - 0.5
        });
        if !aliased {
            let contrast: f64 = column.iter().zip(y).map(|(c, y)| c * y).sum();
            effects.push((
                members.iter().map(|&j| letter(j)).collect(),
                2.0 * contrast / n as f64,
            ));
            columns.push(column);
        }
    }
    let sizes: Vec<f64> = effects
        .iter()
        .map(|(_, e): &(String, f64)| e.abs())
        .collect();
    require("effects", &sizes, 3)?;
    let s0 = 1.5 * median(&sizes)?;
    let small: Vec<f64> = sizes.iter().copied().filter(|e| *e < 2.5 * s0).collect();
    if small.is_empty() {
        return Err(StatisticsError::ZeroVariance { what: "effects" });
    }
    let pse = 1.5 * median(&small)?;
    let m = sizes.len() as f64;
    let gamma = (1.0 + 0.95f64.powf(1.0 / m)) / 2.0;
    Ok(Lenth {
        effects,
        s0,
        pse,
        margin: t_quantile(0.975, m / 3.0)? * pse,
        simultaneous_margin: t_quantile(gamma, m / 3.0)? * pse,
    })
}

/// Profile log-likelihoods of the Box-Cox transformation, -n/2 ln RSS(z) with
/// z = (y^l - 1) / l of y scaled by its geometric mean (Box & Cox 1964).
///
/// # Errors
/// A response that is not above zero; as [`super::linear::ordinary`].
pub fn box_cox_profile(model: &ModelMatrix, y: &[f64], lambdas: &[f64]) -> Result<Vec<f64>> {
    require("response", y, 1)?;
    require("lambdas", lambdas, 1)?;
    for &value in y {
        super::error::require_positive("response", value)?;
    }
    let n = y.len() as f64;
    let log_mean = y.iter().map(|v| v.ln()).sum::<f64>() / n;
    lambdas
        .iter()
        .map(|&l| {
            let z = DVector::from_iterator(
                y.len(),
                y.iter().map(|v| {
                    let u = v.ln() - log_mean;
                    // expm1 keeps the digits near l = 0, where z tends to ln y.
                    if l == 0.0 { u } else { (l * u).exp_m1() / l }
                }),
            );
            let rss = least_squares(&model.x, &z, &model.names)?
                .residuals
                .norm_squared();
            Ok(-0.5 * n * rss.ln())
        })
        .collect()
}

/// The canonical form of a quadratic surface.
#[derive(Debug, Clone, PartialEq)]
pub struct Canonical {
    /// Factors, in the order of the stationary point's coordinates.
    pub factors: Vec<String>,
    /// Where all slopes vanish: -B^-1 b / 2.
    pub stationary_point: Vec<f64>,
    /// The fitted value there.
    pub value: f64,
    /// Eigenvalues of B, ascending: all negative a maximum, mixed a saddle.
    pub eigenvalues: Vec<f64>,
}

/// Stationary point and eigenvalues of a fitted quadratic. A saddle or a point outside the tested
/// region is to be reported, not chased.
///
/// # Errors
/// [`StatisticsError::Singular`] when the quadratic part does not determine a point.
pub fn canonical_form(fit: &LinearFit, terms: &[Term]) -> Result<Canonical> {
    let mut factors: Vec<String> = Vec::new();
    for (name, _) in terms.iter().flat_map(|t| t.powers()) {
        if !factors.contains(name) {
            factors.push(name.clone());
        }
    }
    factors.sort();
    let k = factors.len();
    let at = |name: &str| factors.iter().position(|f| f == name).unwrap_or(0);
    let (mut linear, mut quadratic) = (DVector::zeros(k), DMatrix::zeros(k, k));
    for term in terms {
        let value = fit.coefficient(term.name()).unwrap_or(0.0);
        match term.powers() {
            [(a, 1)] => linear[at(a)] = value,
            [(a, 2)] => quadratic[(at(a), at(a))] = value,
            [(a, 1), (b, 1)] => {
                quadratic[(at(a), at(b))] = value / 2.0;
                quadratic[(at(b), at(a))] = value / 2.0;
            }
            _ => {}
        }
    }
    let singular = || StatisticsError::Singular {
        term: "the quadratic part".to_owned(),
    };
    let point = quadratic.clone().lu().solve(&linear).ok_or_else(singular)? * -0.5;
    if point.iter().any(|v| !v.is_finite()) {
        return Err(singular());
    }
    let mut eigenvalues: Vec<f64> = quadratic.symmetric_eigenvalues().iter().copied().collect();
    eigenvalues.sort_by(f64::total_cmp);
    let value = fit.coefficient("1").unwrap_or(0.0) + 0.5 * linear.dot(&point);
    Ok(Canonical {
        factors,
        stationary_point: point.iter().copied().collect(),
        value,
        eigenvalues,
    })
}
