//! Whether an experiment may and should begin.

use super::super::error::Result;
use super::problem::Problem;
use super::step::step;

/// What must hold before the first run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Readiness {
    /// The job's class earns an experiment: over-provisioned, CPU-bound or memory-bound.
    pub class_earns_experiment: bool,
    /// Days of history.
    pub history_days: f64,
    /// The last savepoint succeeded.
    pub savepoint_healthy: bool,
    /// A service level is stated.
    pub service_level_stated: bool,
    /// Restoring was tried.
    pub rollback_tested: bool,
    /// Cost of the whole experiment in the unit of cost(x).
    pub experiment_cost: f64,
}

/// Why no experiment begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The job's capacity does not answer to resources.
    WrongClass,
    /// Fewer than seven full days.
    InsufficientHistory,
    /// No healthy savepoint to return to.
    SavepointUnhealthy,
    /// Nothing to hold the job to.
    NoServiceLevel,
    /// Rollback was never tried.
    RollbackUntested,
    /// The predicted saving does not pay for the runs; the observational recommendation stands,
    /// labelled "not tested".
    NotWorthIt,
}

/// All reasons against an experiment; none means go. The predicted saving is that of the cheapest
/// candidate with P(C >= D*) >= 1/2 under the prior.
///
/// # Errors
/// As [`step`].
pub fn gate(problem: &Problem, readiness: &Readiness) -> Result<Vec<Refusal>> {
    let before = step(problem, &[], &[])?;
    let likely = (0..problem.candidates.len()).filter(|&i| before.p_ok[i] >= 0.5);
    let cheapest = likely
        .map(|i| problem.cost(i))
        .fold(f64::INFINITY, f64::min);
    let saving = problem.cost(problem.baseline) - cheapest;
    let checks = [
        (readiness.class_earns_experiment, Refusal::WrongClass),
        (readiness.history_days >= 7.0, Refusal::InsufficientHistory),
        (readiness.savepoint_healthy, Refusal::SavepointUnhealthy),
        (readiness.service_level_stated, Refusal::NoServiceLevel),
        (readiness.rollback_tested, Refusal::RollbackUntested),
        (saving > readiness.experiment_cost, Refusal::NotWorthIt),
    ];
    Ok(checks
        .into_iter()
        .filter(|(holds, _)| !holds)
        .map(|(_, refusal)| refusal)
        .collect())
}
