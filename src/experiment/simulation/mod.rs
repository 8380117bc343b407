//! Does it pay? Simulated jobs with a hidden truth, and the methods judged on them. A pure function
//! of scenario, method, number of jobs and seed.

pub mod methods;
pub mod truth;

use super::error::{ExperimentError, Result};
use super::procedure::{Problem, Rules, Run};

pub use methods::Method;
pub use truth::{Job, Scenario};

/// One line of the simulated table.
#[derive(Debug, Clone, PartialEq)]
pub struct SimulationRow {
    /// Scenario.
    pub scenario: Scenario,
    /// Method.
    pub method: Method,
    /// Jobs simulated.
    pub jobs: usize,
    /// Mean number of runs.
    pub runs: f64,
    /// 90th percentile of the number of runs.
    pub runs_90th: usize,
    /// Mean saving, share of the present cost.
    pub saving: f64,
    /// Mean saving of the true optimum.
    pub best_saving: f64,
    /// Mean cost over the true optimum's.
    pub cost_over_optimum: f64,
    /// Share of recommendations whose true capacity is under D*.
    pub below_required: f64,
    /// Share under the demand D itself.
    pub below_demand: f64,
    /// Unsafe runs a job: under the present load or out of memory.
    pub unsafe_runs: f64,
    /// Runs out of memory a job.
    pub oom_runs: f64,
}

/// Simulates one method on `jobs` jobs of a scenario.
///
/// # Errors
/// No jobs; what the procedure refuses.
pub fn simulate(
    scenario: Scenario,
    method: Method,
    jobs: usize,
    seed: u64,
) -> Result<SimulationRow> {
    if jobs == 0 {
        return Err(ExperimentError::OutOfRange {
            what: "jobs",
            value: 0.0,
            range: "at least 1",
        });
    }
    let mut runs = Vec::with_capacity(jobs);
    let (mut saving, mut best, mut ratio) = (0.0, 0.0, 0.0);
    let (mut short, mut shorter, mut harmed, mut oom) = (0usize, 0usize, 0usize, 0usize);
    for number in 0..jobs as u64 {
        let mut job = Job::draw(scenario, seed, number);
        let chosen = method.choose(&mut job, seed ^ number)?;
        let required = job.problem.requirement.required_capacity;
        let (cost, present) = (
            job.problem.cost(chosen),
            job.problem.cost(job.problem.baseline),
        );
        let least = job.least_cost();
        saving += 1.0 - cost / present;
        best += 1.0 - least / present;
        ratio += cost / least;
        short += usize::from(job.true_capacity(chosen) < required);
        shorter += usize::from(job.true_capacity(chosen) < required / (1.0 + truth::HEADROOM));
        harmed += job.unsafe_runs;
        oom += job.oom_runs;
        runs.push(job.runs);
    }
    runs.sort_unstable();
    let n = jobs as f64;
    Ok(SimulationRow {
        scenario,
        method,
        jobs,
        runs: runs.iter().sum::<usize>() as f64 / n,
        runs_90th: runs[(jobs * 9).div_ceil(10).saturating_sub(1).min(jobs - 1)],
        saving: saving / n,
        best_saving: best / n,
        cost_over_optimum: ratio / n,
        below_required: short as f64 / n,
        below_demand: shorter as f64 / n,
        unsafe_runs: harmed as f64 / n,
        oom_runs: oom as f64 / n,
    })
}

/// One simulated experiment, carried out to its end: the question, the runs, the rules. The same
/// seed and number give the same one.
///
/// # Errors
/// What the procedure refuses.
pub fn campaign(scenario: Scenario, seed: u64, number: u64) -> Result<(Problem, Vec<Run>, Rules)> {
    let mut job = Job::draw(scenario, seed, number);
    let rules = Rules {
        seed,
        rho: truth::HEADROOM,
        ..Rules::default()
    };
    let (runs, _) = methods::run_campaign(&mut job, &rules)?;
    Ok((job.problem, runs, rules))
}

/// Every method on every scenario; the full grid only on the base one, where it takes longest.
///
/// # Errors
/// As [`simulate`].
pub fn simulate_all(jobs: usize, seed: u64) -> Result<Vec<SimulationRow>> {
    let mut rows = Vec::new();
    for scenario in Scenario::ALL {
        for method in Method::ALL {
            if scenario == Scenario::Base || !matches!(method, Method::FullGrid { .. }) {
                rows.push(simulate(scenario, method, jobs, seed)?);
            }
        }
    }
    Ok(rows)
}

/// The rows as a Markdown table. Below D*: recommendations whose true capacity misses the
/// requirement; unsafe runs: runs of the search under the present load or out of memory, a job.
#[must_use]
pub fn table(rows: &[SimulationRow]) -> String {
    let mut text = String::from(
        "| scenario | method | runs, mean (90th) | saving (best possible) | cost / optimum | below D* | below D | unsafe runs | OOM runs |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for r in rows {
        text.push_str(&format!(
            "| {} | {} | {:.1} ({}) | {:.1} % ({:.1} %) | {:.2} | {:.1} % | {:.1} % | {:.2} | {:.2} |\n",
            r.scenario.name(),
            r.method.name(),
            r.runs,
            r.runs_90th,
            100.0 * r.saving,
            100.0 * r.best_saving,
            r.cost_over_optimum,
            100.0 * r.below_required,
            100.0 * r.below_demand,
            r.unsafe_runs,
            r.oom_runs
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_procedure_keeps_its_promises_on_a_few_jobs() {
        for scenario in Scenario::ALL {
            let row = simulate(scenario, Method::Procedure { screening: true }, 10, 1).unwrap();
            assert_eq!(row.below_required, 0.0, "{row:?}");
            assert!(
                row.unsafe_runs <= 0.1 && row.cost_over_optimum <= 1.4,
                "{row:?}"
            );
            assert!(row.runs <= 14.0 && row.saving > 0.4, "{row:?}");
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_row_and_no_jobs_are_refused() {
        let method = Method::OneFactorAtATime;
        assert_eq!(
            simulate(Scenario::Noisy, method, 5, 9),
            simulate(Scenario::Noisy, method, 5, 9)
        );
        assert!(simulate(Scenario::Base, method, 0, 9).is_err());
    }
}
