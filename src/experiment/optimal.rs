//! D- and I-optimal designs over a candidate set, with runs that are already there.

use nalgebra::DMatrix;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::statistics::terms::{ModelMatrix, Term};

use super::error::{ExperimentError, Result};

/// What a design is to be best at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Criterion {
    /// Smallest joint confidence region of the coefficients: largest det M.
    D,
    /// Smallest mean prediction variance over the candidates: least trace(M^-1 W). The default when
    /// a plan is extended, since prediction is the aim.
    I,
}

/// A design chosen from candidates.
#[derive(Debug, Clone, PartialEq)]
pub struct OptimalDesign {
    /// Positions of the chosen candidates, ascending; replicates repeat.
    pub chosen: Vec<usize>,
    /// ln det X'X with the earlier runs.
    pub log_det: f64,
    /// 100 det(M)^(1/p) / N over all runs.
    pub d_efficiency: f64,
    /// Mean prediction variance over the candidates.
    pub i_variance: f64,
    /// Whether every design was tried, so that the optimum is proven.
    pub exhaustive: bool,
}

/// Designs up to this many multisets are tried one by one.
const ENUMERATION_LIMIT: usize = 20_000;
/// Random starts of the exchange.
const STARTS: usize = 24;
/// An exchange must gain this share, or the search has ended.
const LEAST_GAIN: f64 = 1e-8;

/// Chooses `runs` of `candidates` (replicates allowed) for `terms`, keeping the `earlier` points in
/// the design. Small problems are enumerated; else Fedorov's exchange (1972) from seeded starts.
///
/// # Errors
/// No candidates, fewer runs than terms, terms no choice can separate, unreadable points.
pub fn optimal_design(
    candidates: &[Vec<f64>],
    terms: &[Term],
    runs: usize,
    earlier: &[Vec<f64>],
    criterion: Criterion,
    seed: u64,
) -> Result<OptimalDesign> {
    if candidates.is_empty() {
        return Err(ExperimentError::NoCandidates {
            constraint: "candidate set".to_owned(),
        });
    }
    let f = ModelMatrix::of_points(candidates, terms)?.x;
    let (m, p) = f.shape();
    if runs + earlier.len() < p || runs == 0 {
        return Err(ExperimentError::TooFewRuns {
            runs: runs + earlier.len(),
            parameters: p,
        });
    }
    let fixed = if earlier.is_empty() {
        DMatrix::zeros(p, p)
    } else {
        let x = ModelMatrix::of_points(earlier, terms)?.x;
        x.transpose() * x
    };
    let moments = f.transpose() * &f / m as f64;
    let problem = Problem {
        f,
        fixed,
        moments,
        criterion,
        runs,
    };
    let (chosen, exhaustive) = if multisets(m, runs) <= ENUMERATION_LIMIT {
        (problem.enumerate(), true)
    } else {
        (
            problem.exchange(&mut ChaCha8Rng::seed_from_u64(seed)),
            false,
        )
    };
    let mut chosen = chosen.ok_or(ExperimentError::SingularCandidates)?;
    chosen.sort_unstable();
    let m = problem.information(&chosen);
    let log_det = log_det(&m).ok_or(ExperimentError::SingularCandidates)?;
    let inverse = m.try_inverse().ok_or(ExperimentError::SingularCandidates)?;
    Ok(OptimalDesign {
        d_efficiency: 100.0 * (log_det / p as f64).exp() / (chosen.len() + earlier.len()) as f64,
        i_variance: (inverse * &problem.moments).trace(),
        chosen,
        log_det,
        exhaustive,
    })
}

/// Number of multisets of `runs` out of `m`, saturating.
fn multisets(m: usize, runs: usize) -> usize {
    let mut count = 1usize;
    for i in 1..=runs {
        count = match count.checked_mul(m + i - 1) {
            Some(product) => product / i,
            None => return usize::MAX,
        };
    }
    count
}

fn log_det(m: &DMatrix<f64>) -> Option<f64> {
    let scale = m.diagonal().max();
    let cholesky = m.clone().cholesky()?;
    let diagonal = cholesky.l_dirty().diagonal();
    let sound = diagonal.iter().all(|d| *d * *d > 1e-10 * scale);
    sound.then(|| 2.0 * diagonal.iter().map(|d| d.ln()).sum::<f64>())
}

struct Problem {
    f: DMatrix<f64>,
    fixed: DMatrix<f64>,
    moments: DMatrix<f64>,
    criterion: Criterion,
    runs: usize,
}

impl Problem {
    fn information(&self, chosen: &[usize]) -> DMatrix<f64> {
        let mut m = self.fixed.clone();
        for &i in chosen {
            let row = self.f.row(i);
            m.ger(1.0, &row.transpose(), &row.transpose(), 1.0);
        }
        m
    }

    /// Larger is better; `None` for a singular design.
    fn merit(&self, m: &DMatrix<f64>) -> Option<f64> {
        let log_det = log_det(m)?;
        match self.criterion {
            Criterion::D => Some(log_det),
            Criterion::I => Some(-(m.clone().cholesky()?.inverse() * &self.moments).trace()),
        }
    }

    fn enumerate(&self) -> Option<Vec<usize>> {
        let mut best: Option<(f64, Vec<usize>)> = None;
        let mut pick = vec![0; self.runs];
        loop {
            if let Some(merit) = self.merit(&self.information(&pick))
                && best.as_ref().is_none_or(|(most, _)| merit > most + 1e-12)
            {
                best = Some((merit, pick.clone()));
            }
            // The next non-decreasing sequence.
            let Some(at) = (0..self.runs).rev().find(|&i| pick[i] + 1 < self.f.nrows()) else {
                break;
            };
            let value = pick[at] + 1;
            pick[at..].fill(value);
        }
        best.map(|(_, chosen)| chosen)
    }

    fn exchange(&self, rng: &mut ChaCha8Rng) -> Option<Vec<usize>> {
        let mut best: Option<(f64, Vec<usize>)> = None;
        for _ in 0..STARTS {
            let mut chosen: Vec<usize> = (0..self.runs)
                .map(|_| rng.random_range(0..self.f.nrows()))
                .collect();
            self.climb(&mut chosen);
            if let Some(merit) = self.merit(&self.information(&chosen))
                && best.as_ref().is_none_or(|(most, _)| merit > most + 1e-12)
            {
                best = Some((merit, chosen));
            }
        }
        best.map(|(_, chosen)| chosen)
    }

    /// Exchanges the best pair until none gains. A small ridge makes a singular start legal.
    fn climb(&self, chosen: &mut [usize]) {
        let p = self.f.ncols();
        for _ in 0..200 {
            let mut m = self.information(chosen);
            let singular = log_det(&m).is_none();
            if singular {
                let ridge = 1e-3 * (m.trace() / p as f64).max(1e-6);
                m += DMatrix::identity(p, p) * ridge;
            }
            let Some(inverse) = m.try_inverse() else {
                return;
            };
            let Some((run, candidate, gain)) = self.best_exchange(chosen, &inverse) else {
                return;
            };
            if gain < LEAST_GAIN {
                return;
            }
            chosen[run] = candidate;
        }
    }

    /// The swap with the largest relative gain. For D it is Fedorov's delta; for I the drop of
    /// trace(M^-1 W) by the two rank-one changes of the inverse.
    fn best_exchange(
        &self,
        chosen: &[usize],
        inverse: &DMatrix<f64>,
    ) -> Option<(usize, usize, f64)> {
        let g = &self.f * inverse;
        let spread: Vec<f64> = (0..self.f.nrows())
            .map(|j| g.row(j).dot(&self.f.row(j)))
            .collect();
        let weighted = (self.criterion == Criterion::I).then(|| inverse * &self.moments * inverse);
        let trace = (inverse * &self.moments).trace();
        let mut best: Option<(usize, usize, f64)> = None;
        for (run, &i) in chosen.iter().enumerate() {
            for j in 0..self.f.nrows() {
                if i == j {
                    continue;
                }
                let cross = g.row(i).dot(&self.f.row(j));
                let delta = spread[j] - (spread[j] * spread[i] - cross * cross) - spread[i];
                let gain = match &weighted {
                    None => delta,
                    Some(w) => {
                        if 1.0 + delta <= 1e-9 {
                            continue;
                        }
                        let form =
                            |a: usize, b: usize| (self.f.row(a) * w * self.f.row(b).transpose())[0];
                        let drop = (1.0 - spread[i]) * form(j, j) + 2.0 * cross * form(i, j)
                            - (1.0 + spread[j]) * form(i, i);
                        drop / (1.0 + delta) / trace
                    }
                };
                if best.is_none_or(|(.., most)| gain > most + 1e-12) {
                    best = Some((run, j, gain));
                }
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::terms::parse_terms;

    fn grid() -> Vec<Vec<f64>> {
        let levels = [-1.0, -0.5, 0.0, 0.5, 1.0];
        levels
            .iter()
            .flat_map(|a| levels.iter().map(|b| vec![*a, *b]))
            .collect()
    }

    #[test]
    fn exchange_finds_the_corners_and_is_the_same_for_the_same_seed() {
        let terms = parse_terms(&["1", "A", "B", "A:B"]).unwrap();
        let design = optimal_design(&grid(), &terms, 8, &[], Criterion::D, 7).unwrap();
        assert!((design.d_efficiency - 100.0).abs() < 1e-6, "{design:?}");
        assert_eq!(
            design,
            optimal_design(&grid(), &terms, 8, &[], Criterion::D, 7).unwrap()
        );
    }

    #[test]
    fn the_determinant_identity_of_an_exchange_holds() {
        let terms = parse_terms(&["1", "A", "B"]).unwrap();
        let f = ModelMatrix::of_points(&grid(), &terms).unwrap().x;
        let moments = f.transpose() * &f / 25.0;
        let problem = Problem {
            f,
            fixed: DMatrix::zeros(3, 3),
            moments,
            criterion: Criterion::D,
            runs: 4,
        };
        let mut chosen = vec![0, 4, 12, 17];
        let before = problem.information(&chosen);
        let (run, candidate, delta) = problem
            .best_exchange(&chosen, &before.clone().try_inverse().unwrap())
            .unwrap();
        chosen[run] = candidate;
        let after = problem.information(&chosen).determinant();
        assert!((after / before.determinant() - (1.0 + delta)).abs() < 1e-9);
    }

    #[test]
    fn prediction_designs_beat_d_designs_at_prediction() {
        let terms = parse_terms(&["1", "A", "B", "A:B", "A^2", "B^2"]).unwrap();
        let earlier = [vec![0.0, 0.0], vec![1.0, 1.0]];
        let d = optimal_design(&grid(), &terms, 8, &earlier, Criterion::D, 1).unwrap();
        let i = optimal_design(&grid(), &terms, 8, &earlier, Criterion::I, 1).unwrap();
        assert!(i.i_variance <= d.i_variance + 1e-9 && d.log_det >= i.log_det - 1e-9);
    }

    #[test]
    fn impossible_requests_are_typed() {
        let terms = parse_terms(&["1", "A", "B"]).unwrap();
        let few = optimal_design(&grid(), &terms, 2, &[], Criterion::D, 1);
        assert!(matches!(few, Err(ExperimentError::TooFewRuns { .. })));
        let none = optimal_design(&[], &terms, 4, &[], Criterion::D, 1);
        assert!(matches!(none, Err(ExperimentError::NoCandidates { .. })));
        let line: Vec<Vec<f64>> = (0..30).map(|i| vec![f64::from(i), 1.0]).collect();
        let flat = optimal_design(&line, &terms, 6, &[], Criterion::D, 1);
        assert_eq!(flat, Err(ExperimentError::SingularCandidates));
    }
}
