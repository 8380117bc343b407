//! ln C ~ prior + past runs: the chance that a size carries the requirement, before any experiment.

use crate::statistics::distribution::normal_cdf;

use super::super::error::{ExperimentError, Result};
use super::super::procedure::history::read;
use super::super::procedure::{
    Candidate, Outcome, Prices, Prior, Problem, Requirement, Run, Spread, Step, step,
};
use super::past::{Basis, PastRun, past_runs};
use crate::snapshot::History;
use std::collections::BTreeSet;

/// sd of ln C that all busy-time readings of one job share: they err the same way, so no number of
/// them averages it out.
const SHARED_BIAS_SD: f64 = 0.08;
/// The level is what the past measured; the prior hardly speaks of it.
const VAGUE_LEVEL_SD: f64 = 0.5;

/// What is asked of the past.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// Sizes to judge.
    pub candidates: Vec<Candidate>,
    /// Key groups.
    pub max_parallelism: f64,
    /// What must be carried.
    pub requirement: Requirement,
    /// Prices, for the cost of the sizes.
    pub prices: Prices,
    /// Whether the job keeps state: then memory matters more.
    pub stateful: bool,
    /// Cores of a slot at the sizes asked for: a past size whose slots had others by more than 5 % ran at another capacity, and is
    /// left out. `None`: all count.
    pub cores_per_slot: Option<f64>,
}

impl Question {
    fn is_alike(&self, run: &PastRun) -> bool {
        self.cores_per_slot
            .is_none_or(|cores| (run.cores_per_slot - cores).abs() <= 0.05 * cores)
    }
}

/// What the past says.
#[derive(Debug, Clone, PartialEq)]
pub struct Observed {
    /// The question as a problem; its candidates are those asked for, then the past sizes that are
    /// not among them. The baseline is the latest past size.
    pub problem: Problem,
    /// The periods.
    pub past: Vec<PastRun>,
    /// The periods as runs of lower weight.
    pub runs: Vec<Run>,
    /// Posterior and chances.
    pub step: Step,
    shared_sd: f64,
}

impl Observed {
    /// P(capacity >= required) of a candidate; zero under the memory guard and at or under a memory
    /// per slot that ran out.
    #[must_use]
    pub fn chance(&self, candidate: usize) -> f64 {
        if self.step.p_ok.get(candidate).is_none_or(|p| *p <= 0.0) {
            return 0.0;
        }
        let posterior = &self.step.posterior;
        let sd = posterior.sd[candidate].hypot(self.shared_sd);
        let required = self.problem.requirement.required_capacity.ln();
        normal_cdf((posterior.mean[candidate] - required) / sd)
    }

    /// Mean and sd of ln C at any size, as they stand before it runs: the polynomial's, the remainder that no run has pinned there,
    /// and what all readings of the job share. Memory that ran out is not looked at here.
    #[must_use]
    pub fn at(&self, size: &Candidate) -> (f64, f64) {
        let features = self.problem.features_of(size);
        let (mean, sd) = self.step.posterior.contrast(&features);
        let remainder = self.problem.spread.remainder_sd;
        (mean, sd.hypot(remainder).hypot(self.shared_sd))
    }

    /// How many sizes that differ were measured.
    #[must_use]
    pub fn sizes(&self) -> usize {
        let measured = |run: &&Run| matches!(run.outcome, Outcome::Measured(_));
        let sizes: BTreeSet<usize> = self
            .runs
            .iter()
            .filter(measured)
            .map(|run| run.candidate)
            .collect();
        sizes.len()
    }

    /// What may be said of a candidate: a past period is no test.
    #[must_use]
    pub fn words(&self, candidate: usize) -> &'static str {
        let ran = self
            .runs
            .iter()
            .any(|run| run.candidate == candidate && matches!(run.outcome, Outcome::Measured(_)));
        if ran {
            "ran in the past; not tested by an experiment"
        } else {
            "not tested"
        }
    }
}

/// Answers the question from the history alone. `None` when no past period measured anything.
///
/// # Errors
/// As [`step()`]; contradicting failures of the past as in [`read`].
pub fn observe(history: &History, question: &Question) -> Result<Option<Observed>> {
    let past: Vec<PastRun> = past_runs(history)
        .into_iter()
        .filter(|run| question.is_alike(run))
        .collect();
    let measured = past.iter().rev().find_map(|run| match run.outcome {
        Outcome::Measured(capacity) => Some((run.size, capacity)),
        _ => None,
    });
    let Some((latest, capacity)) = measured else {
        return Ok(None);
    };
    let mut candidates = question.candidates.clone();
    if candidates.is_empty() {
        return Err(ExperimentError::NoCandidates {
            constraint: "the sizes asked for".to_owned(),
        });
    }
    let mut place = |size: Candidate| {
        let known = candidates.iter().position(|c| *c == size);
        known.unwrap_or_else(|| {
            candidates.push(size);
            candidates.len() - 1
        })
    };
    let runs: Vec<Run> = past
        .iter()
        .enumerate()
        .map(|(block, run)| run.as_run(place(run.size), block))
        .collect();
    let baseline = place(latest);
    let problem = Problem {
        max_parallelism: question.max_parallelism,
        candidates,
        baseline,
        prior: Prior::default_about(capacity.ln(), VAGUE_LEVEL_SD, question.stateful),
        spread: Spread::default(),
        requirement: question.requirement,
        prices: question.prices,
        stop_fraction: 0.015,
    };
    let read = read(&problem, &runs)?;
    let step = step(&problem, &read.observations, &read.excluded)?;
    let direct = past.iter().any(|run| run.basis == Basis::CatchUp);
    Ok(Some(Observed {
        problem,
        past,
        runs,
        step,
        shared_sd: if direct { 0.0 } else { SHARED_BIAS_SD },
    }))
}
