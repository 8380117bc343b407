//! One step: posterior, safe set, recommendation, next run by expected improvement.

use std::collections::BTreeMap;

use crate::statistics::distribution::normal_cdf;

use super::super::error::Result;
use super::posterior::{Observation, Posterior, posterior};
use super::problem::Problem;

/// Probability that a run must have of carrying 1.05 times the highest load of its window.
const SAFE_PROBABILITY: f64 = 0.95;
/// Head of the load a run must keep.
const SAFE_HEAD: f64 = 1.05;
/// No point is run more often than this.
const MOST_RUNS_AT_A_POINT: usize = 3;

/// What one step found.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The posterior.
    pub posterior: Posterior,
    /// P(C >= D*) by candidate; zero under the memory guard and where a smaller memory failed.
    pub p_ok: Vec<f64>,
    /// Candidates that may be run.
    pub safe: Vec<usize>,
    /// The present recommendation.
    pub recommended: usize,
    /// Whether no candidate met the requirement, so the baseline stands in.
    pub is_baseline_fallback: bool,
    /// Expected improvement as a share of the present cost; zero outside the safe set.
    pub expected_improvement: Vec<f64>,
    /// The next run; `None` when the search has ended.
    pub next_run: Option<usize>,
}

/// Computes one step. `excluded` are candidates ruled out by failed runs (see
/// [`super::history::History`]).
///
/// # Errors
/// As [`posterior`].
pub fn step(problem: &Problem, observations: &[Observation], excluded: &[bool]) -> Result<Step> {
    let posterior = posterior(problem, observations)?;
    let n = problem.candidates.len();
    let out =
        |i: usize| excluded.get(i).copied().unwrap_or(false) || !problem.keeps_memory_guard(i);
    let block = problem.spread.block_sd.powi(2);
    let day = if problem.requirement.judge_a_day {
        block
    } else {
        0.0
    };
    let reaches = |i: usize, capacity: f64, extra: f64| {
        let sd = (posterior.sd[i].powi(2) + extra).sqrt();
        normal_cdf((posterior.mean[i] - capacity.ln()) / sd)
    };
    let required = problem.requirement.required_capacity;
    let p_ok: Vec<f64> = (0..n)
        .map(|i| {
            if out(i) {
                0.0
            } else {
                reaches(i, required, day)
            }
        })
        .collect();
    let least_tested = observations
        .iter()
        .map(|o| problem.candidates[o.candidate].memory_per_slot())
        .fold(f64::INFINITY, f64::min);
    let least = if least_tested.is_finite() {
        0.5 * least_tested
    } else {
        0.0
    };
    // A run happens on one day, so safety is always judged with the block variance.
    let is_safe = |i: usize| {
        !out(i)
            && problem.candidates[i].memory_per_slot() >= least - 1e-9
            && reaches(i, SAFE_HEAD * problem.requirement.window_load, block) >= SAFE_PROBABILITY
    };
    let safe: Vec<usize> = (0..n).filter(|&i| is_safe(i)).collect();
    let meets = |i: &usize| p_ok[*i] >= 1.0 - problem.requirement.alpha;
    let cheapest = (0..n)
        .filter(meets)
        .min_by(|&a, &b| problem.cost(a).total_cmp(&problem.cost(b)));
    let recommended = cheapest.unwrap_or(problem.baseline);
    let mut times: BTreeMap<usize, usize> = BTreeMap::new();
    for o in observations {
        *times.entry(o.candidate).or_default() += 1;
    }
    let present = problem.cost(problem.baseline);
    let mut expected_improvement = vec![0.0; n];
    for &i in safe
        .iter()
        .filter(|i| times.get(i).is_none_or(|t| *t < MOST_RUNS_AT_A_POINT))
    {
        let gain = (problem.cost(recommended) - problem.cost(i)).max(0.0) / present;
        expected_improvement[i] = gain * p_ok[i];
    }
    let next_run = best_of(&expected_improvement, &posterior.sd).filter(|&i| {
        expected_improvement[i] >= problem.stop_fraction && expected_improvement[i] > 0.0
    });
    Ok(Step {
        posterior,
        p_ok,
        safe,
        recommended,
        is_baseline_fallback: cheapest.is_none(),
        expected_improvement,
        next_run,
    })
}

/// The largest improvement; ties go to the larger posterior sd, then to the lower position.
fn best_of(improvement: &[f64], sd: &[f64]) -> Option<usize> {
    (0..improvement.len()).reduce(|best, i| {
        let ahead = improvement[i] > improvement[best]
            || improvement[i] == improvement[best] && sd[i] > sd[best];
        if ahead { i } else { best }
    })
}
