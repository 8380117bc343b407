//! What was run: outcomes, what they exclude, what they measure.

use std::collections::BTreeSet;

use super::super::error::{ExperimentError, Result};
use super::posterior::{Observation, Reading};
use super::problem::Problem;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Outcome {
    /// Capacity measured, records/s: saturated sources, also when a guard stopped it under growing
    /// lag.
    Measured(f64),
    /// Aborted before the measuring window: capacity is below this load, records/s.
    AbortedEarly(f64),
    /// The backlog drained before the window: capacity is above this rate, records/s.
    NeverSaturated(f64),
    /// Ran out of memory.
    OutOfMemory,
    /// Did not start.
    FailedToStart,
    /// Not usable: incident, noisy neighbour, baseline off by more than 3 sd.
    Invalid,
}

/// Where a run came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Planned by the procedure.
    Planned,
    /// A restart, deployment or watched day of the past.
    Observed,
}

/// One run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Run {
    /// Position of the candidate.
    pub candidate: usize,
    /// Block (day or trough window).
    pub block: usize,
    /// How it ended.
    pub outcome: Outcome,
    /// Where it came from.
    pub origin: Origin,
    /// sd of ln C beyond the run noise: 0 for catch-up, 0.12 for a busy-time rate, 0.30 for a poor
    /// one.
    pub extra_sd: f64,
    /// Whether a guard stopped it.
    pub guard_tripped: bool,
    /// Lag spent, minutes.
    pub lag_minutes: f64,
}

/// The runs of one job, read.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    /// Readings of ln C.
    pub observations: Vec<Observation>,
    /// Candidates ruled out by failures.
    pub excluded: Vec<bool>,
    /// Guard trips of planned runs.
    pub guard_trips: usize,
    /// Lag minutes spent.
    pub lag_minutes: f64,
    /// Planned runs, invalid ones too: they cost as much.
    pub planned: usize,
}

/// Reads the runs: readings for the model, exclusions by monotonicity (everything with as little or
/// less memory per slot as a failed candidate is out; it is not given an imputed capacity).
///
/// # Errors
/// Unknown candidates, capacities not above zero, all planned runs failed (three or more), or a
/// failure with more memory per slot, and no more subtasks, than a candidate that passed.
pub fn read(problem: &Problem, runs: &[Run]) -> Result<History> {
    let n = problem.candidates.len();
    let mut history = History {
        observations: Vec::new(),
        excluded: vec![false; n],
        guard_trips: 0,
        lag_minutes: 0.0,
        planned: 0,
    };
    let (mut failed, mut passed) = (BTreeSet::new(), BTreeSet::new());
    for run in runs {
        problem.candidate(run.candidate)?;
        if run.origin == Origin::Planned {
            history.planned += 1;
            history.guard_trips += usize::from(run.guard_tripped);
            history.lag_minutes += run.lag_minutes.max(0.0);
        }
        let reading = match run.outcome {
            Outcome::Measured(c) => Reading::Measured(log_of(c)?),
            Outcome::AbortedEarly(c) => Reading::Below(log_of(c)?),
            Outcome::NeverSaturated(c) => Reading::Above(log_of(c)?),
            Outcome::OutOfMemory | Outcome::FailedToStart => {
                failed.insert(run.candidate);
                continue;
            }
            Outcome::Invalid => continue,
        };
        passed.insert(run.candidate);
        let (candidate, block, extra_sd) = (run.candidate, run.block, run.extra_sd);
        history.observations.push(Observation {
            candidate,
            block,
            reading,
            extra_sd,
        });
    }
    if failed.len() >= 3 && passed.is_empty() {
        return Err(ExperimentError::AllRunsFailed { runs: runs.len() });
    }
    for &larger in &failed {
        let (big, memory) = (
            &problem.candidates[larger],
            problem.candidates[larger].memory_per_slot(),
        );
        let contradicts = |i: &&usize| {
            let small = &problem.candidates[**i];
            small.memory_per_slot() < memory - 1e-9 && small.parallelism <= big.parallelism
        };
        if let Some(&smaller) = passed.iter().find(contradicts) {
            return Err(ExperimentError::Contradiction { larger, smaller });
        }
        for (i, excluded) in history.excluded.iter_mut().enumerate() {
            *excluded |= problem.candidates[i].memory_per_slot() <= memory + 1e-9;
        }
    }
    Ok(history)
}

fn log_of(capacity: f64) -> Result<f64> {
    if capacity.is_finite() && capacity > 0.0 {
        return Ok(capacity.ln());
    }
    Err(ExperimentError::OutOfRange {
        what: "measured capacity",
        value: capacity,
        range: "above zero and finite",
    })
}
