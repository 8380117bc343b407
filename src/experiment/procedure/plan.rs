//! The state machine: what to do next, given all that was run. It keeps no state of its own, so a
//! plan can be taken up again from the runs on record; the same seed gives the same plan.

use std::collections::BTreeSet;

use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

use crate::statistics::distribution::normal_quantile;

use super::super::error::Result;
use super::conflict::widened;
use super::history::{History, Origin, Run, read};
use super::problem::Problem;
use super::recommendation::{Recommendation, recommend};
use super::step::{Step, step};

/// The rules of one campaign.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rules {
    /// Whether to make the screening runs: for the first three jobs of a class.
    pub screening: bool,
    /// Most planned runs.
    pub max_runs: usize,
    /// Runs in a block.
    pub block_size: usize,
    /// Budget of harm, lag minutes.
    pub lag_budget_minutes: f64,
    /// Cost of one run in the unit of cost(x) over the horizon the saving is counted for.
    pub run_cost: f64,
    /// Head room rho in D* = D (1 + rho), for the breakdown of margins.
    pub rho: f64,
    /// Orders the screening runs.
    pub seed: u64,
    /// Whether each block of four runs or more starts with the baseline, which estimates block
    /// effects and drift at the price of a run a block.
    pub baseline_each_block: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            screening: true,
            max_runs: 14,
            block_size: 4,
            lag_budget_minutes: 240.0,
            run_cost: 0.0,
            rho: 0.15,
            seed: 0,
            baseline_each_block: false,
        }
    }
}

/// Why a run is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Checks the measurement chain and sets the level.
    Baseline,
    /// Gives each effect once.
    Screening,
    /// The best expected improvement.
    Search,
    /// Repeats the recommendation in another block.
    Confirmation,
}

/// Why the search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// No safe candidate promises enough.
    NothingToGain,
    /// The most runs are used up.
    RunsUsedUp,
    /// Two guards tripped.
    GuardsTripped,
    /// The lag minutes are spent.
    HarmBudgetSpent,
    /// The lower 95 % of the remaining saving is below the cost of a run.
    NotWorthARun,
    /// It has not ended: the evidence was asked for before.
    StillOpen,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Run a candidate in a block.
    Run {
        /// Position of the candidate.
        candidate: usize,
        /// The block; a block after the last one means "another day".
        block: usize,
        /// Why.
        purpose: Purpose,
    },
    /// The campaign has ended.
    Propose(Box<Recommendation>),
}

/// The next action after `runs`.
///
/// # Errors
/// As [`read`] and [`step`].
pub fn next_action(problem: &Problem, runs: &[Run], rules: &Rules) -> Result<Action> {
    problem.check()?;
    let history = read(problem, runs)?;
    let planned: Vec<&Run> = runs
        .iter()
        .filter(|r| r.origin == Origin::Planned)
        .collect();
    let (step, is_prior_widened) = judged(problem, &history)?;
    let left = rules.max_runs.saturating_sub(planned.len());
    let block = open_block(&planned, rules.block_size);
    if left > 0 && !planned.iter().any(|r| r.candidate == problem.baseline) {
        return Ok(Action::Run {
            candidate: problem.baseline,
            block,
            purpose: Purpose::Baseline,
        });
    }
    let stop = early_stop(problem, &history, &step, rules, left);
    if stop.is_none() && starts_with_baseline(problem, &planned, rules, block, left) {
        return Ok(Action::Run {
            candidate: problem.baseline,
            block,
            purpose: Purpose::Baseline,
        });
    }
    if stop.is_none()
        && rules.screening
        && planned.len() < 4
        && let Some(candidate) = screening_run(problem, &planned, &step, rules.seed)
    {
        return Ok(Action::Run {
            candidate,
            block,
            purpose: Purpose::Screening,
        });
    }
    let best = step.recommended;
    let needed = runs_to_confirm(&planned, best);
    if stop.is_none()
        && left > needed
        && let Some(candidate) = step.next_run
    {
        return Ok(Action::Run {
            candidate,
            block,
            purpose: Purpose::Search,
        });
    }
    let harmful = matches!(
        stop,
        Some(StopReason::GuardsTripped | StopReason::HarmBudgetSpent)
    );
    let confirmable = best != problem.baseline && step.safe.contains(&best);
    if !harmful && needed > 0 && left > 0 && confirmable {
        let block = confirmation_block(&planned, best, block);
        return Ok(Action::Run {
            candidate: best,
            block,
            purpose: Purpose::Confirmation,
        });
    }
    let reason = stop.unwrap_or(if left <= needed && step.next_run.is_some() {
        StopReason::RunsUsedUp
    } else {
        StopReason::NothingToGain
    });
    let proposal = recommend(problem, &planned, &step, rules.rho, reason)?;
    Ok(Action::Propose(Box::new(Recommendation {
        is_prior_widened,
        ..proposal
    })))
}

/// The step after the runs, with the prior widened where they contradict it; and whether it was.
///
/// # Errors
/// As [`step`].
pub fn judged(problem: &Problem, history: &History) -> Result<(Step, bool)> {
    let wider = widened(problem, &history.observations)?;
    let in_force = wider.as_ref().unwrap_or(problem);
    let step = step(in_force, &history.observations, &history.excluded)?;
    Ok((step, wider.is_some()))
}

/// What the runs so far support, whether or not the campaign has ended.
///
/// # Errors
/// As [`next_action`].
pub fn standing_recommendation(
    problem: &Problem,
    runs: &[Run],
    rules: &Rules,
) -> Result<Recommendation> {
    if let Action::Propose(proposal) = next_action(problem, runs, rules)? {
        return Ok(*proposal);
    }
    let history = read(problem, runs)?;
    let planned: Vec<&Run> = runs
        .iter()
        .filter(|r| r.origin == Origin::Planned)
        .collect();
    let (step, is_widened) = judged(problem, &history)?;
    let proposal = recommend(problem, &planned, &step, rules.rho, StopReason::StillOpen)?;
    Ok(Recommendation {
        is_prior_widened: is_widened,
        ..proposal
    })
}

/// The block the next run falls into: the last one until it is full.
fn open_block(planned: &[&Run], size: usize) -> usize {
    let Some(last) = planned.iter().map(|r| r.block).max() else {
        return 0;
    };
    let filled = planned.iter().filter(|r| r.block == last).count();
    if filled >= size.max(1) {
        last + 1
    } else {
        last
    }
}

/// Whether the next run opens a block that begins with the baseline; the last two runs are kept for
/// the confirmation.
fn starts_with_baseline(
    problem: &Problem,
    planned: &[&Run],
    rules: &Rules,
    block: usize,
    left: usize,
) -> bool {
    let opens = planned.iter().all(|r| r.block != block);
    let done = planned
        .iter()
        .any(|r| r.block == block && r.candidate == problem.baseline);
    rules.baseline_each_block && rules.block_size >= 4 && left > 2 && opens && !done
}

/// Confirmation wants two blocks: when all runs at the candidate lie in the open block, a new one.
fn confirmation_block(planned: &[&Run], candidate: usize, open: usize) -> usize {
    let mut at = planned
        .iter()
        .filter(|r| r.candidate == candidate)
        .map(|r| r.block);
    match at.next() {
        Some(first) if first == open && at.all(|b| b == first) => open + 1,
        _ => open,
    }
}

/// Runs that a candidate still needs: two runs in two blocks.
pub(crate) fn runs_to_confirm(planned: &[&Run], candidate: usize) -> usize {
    let at: Vec<usize> = planned
        .iter()
        .filter(|r| r.candidate == candidate)
        .map(|r| r.block)
        .collect();
    let blocks: BTreeSet<usize> = at.iter().copied().collect();
    2usize.saturating_sub(at.len().min(blocks.len()))
}

fn early_stop(
    problem: &Problem,
    history: &History,
    step: &Step,
    rules: &Rules,
    left: usize,
) -> Option<StopReason> {
    if history.guard_trips >= 2 {
        return Some(StopReason::GuardsTripped);
    }
    if history.lag_minutes >= rules.lag_budget_minutes {
        return Some(StopReason::HarmBudgetSpent);
    }
    if left == 0 {
        return Some(StopReason::RunsUsedUp);
    }
    // The remaining saving is gain x P; its lower 95 % is nil unless P itself is at least 95 %, so a
    // priced run must pay by its expectation less 1.645 binomial sd.
    if rules.run_cost > 0.0
        && let Some(next) = step.next_run
    {
        let present = problem.cost(problem.baseline);
        let (p, improvement) = (step.p_ok[next], step.expected_improvement[next] * present);
        let gain = if p > 0.0 { improvement / p } else { 0.0 };
        let z = normal_quantile(0.95).unwrap_or(1.645);
        if improvement - z * gain * (p * (1.0 - p)).sqrt() / (left as f64).sqrt() < rules.run_cost {
            return Some(StopReason::NotWorthARun);
        }
    }
    None
}

/// The next run of the half fraction I = ABC with the baseline as (+, +, +): low levels 0.6 p, 0.6 m
/// and half (else double) the slots, each snapped to the nearest safe candidate not yet run. The
/// order is drawn from the seed.
fn screening_run(problem: &Problem, planned: &[&Run], step: &Step, seed: u64) -> Option<usize> {
    let base = &problem.candidates[problem.baseline];
    let has = |slots: f64| problem.candidates.iter().any(|c| c.slots == slots);
    let other = if has(base.slots / 2.0) {
        base.slots / 2.0
    } else {
        base.slots * 2.0
    };
    let (low_p, low_m) = (0.6 * base.parallelism, 0.6 * base.memory_gib);
    let mut corners = [
        [base.parallelism, low_m, other],
        [low_p, base.memory_gib, other],
        [low_p, low_m, base.slots],
    ];
    corners.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    let done: BTreeSet<usize> = planned.iter().map(|r| r.candidate).collect();
    let corner = corners.get(planned.len().checked_sub(1)?)?;
    let distance = |i: &usize| {
        let c = &problem.candidates[*i];
        let slots = (c.slots / corner[2]).log2();
        (c.parallelism / corner[0]).ln().powi(2)
            + (c.memory_gib / corner[1]).ln().powi(2)
            + slots * slots
    };
    let open = step.safe.iter().copied().filter(|i| !done.contains(i));
    open.min_by(|a, b| distance(a).total_cmp(&distance(b)))
}

#[cfg(test)]
mod tests {
    use super::super::history::Outcome;
    use super::super::problem::{Candidate, Prices, Prior, Requirement, Spread};
    use super::super::recommendation::Standing;
    use super::*;
    use crate::experiment::ExperimentError;
    use crate::experiment::simulation::{Job, Scenario};

    fn campaign(seed: u64, number: u64) -> (Vec<Run>, Recommendation, Problem) {
        let mut job = Job::draw(Scenario::Base, 7, number);
        let rules = Rules {
            seed,
            ..Rules::default()
        };
        let mut runs = Vec::new();
        loop {
            match next_action(&job.problem, &runs, &rules).unwrap() {
                Action::Propose(proposal) => return (runs, *proposal, job.problem.clone()),
                Action::Run {
                    candidate, block, ..
                } => {
                    let history = read(&job.problem, &runs).unwrap();
                    let step =
                        step(&job.problem, &history.observations, &history.excluded).unwrap();
                    assert!(candidate == job.problem.baseline || step.safe.contains(&candidate));
                    let outcome = job.run(candidate, block);
                    runs.push(run_of(candidate, block, outcome));
                }
            }
        }
    }

    fn run_of(candidate: usize, block: usize, outcome: Outcome) -> Run {
        let (origin, extra_sd, guard_tripped, lag_minutes) = (Origin::Planned, 0.0, false, 5.0);
        Run {
            candidate,
            block,
            outcome,
            origin,
            extra_sd,
            guard_tripped,
            lag_minutes,
        }
    }

    fn small() -> Problem {
        let at = |parallelism, memory_gib| Candidate {
            parallelism,
            memory_gib,
            slots: 2.0,
        };
        Problem {
            max_parallelism: 128.0,
            candidates: vec![at(8.0, 4.0), at(16.0, 4.0), at(16.0, 8.0), at(32.0, 8.0)],
            baseline: 3,
            prior: Prior::default_about(10.0, 0.12, true),
            spread: Spread::default(),
            requirement: Requirement {
                required_capacity: 10_000.0,
                window_load: 6_000.0,
                observed_peak_gib_per_slot: 0.8,
                alpha: 0.05,
                judge_a_day: false,
            },
            prices: Prices {
                core: 1.0,
                gib: 0.13,
                cores_per_slot: 1.0,
            },
            stop_fraction: 0.015,
        }
    }

    #[test]
    fn campaigns_stay_safe_repeat_and_never_cost_more() {
        for number in 0..12 {
            let (runs, proposal, problem) = campaign(3, number);
            assert_eq!((runs.clone(), proposal.clone()), {
                let again = campaign(3, number);
                (again.0, again.1)
            });
            assert!(runs.len() <= 14 && runs[0].candidate == problem.baseline);
            assert!(proposal.saving >= 0.0);
            if proposal.standing == Standing::Confirmed {
                assert!(proposal.runs >= 2 && proposal.blocks >= 2 && proposal.p_ok >= 0.95);
            }
        }
    }

    #[test]
    fn chance_of_meeting_falls_with_demand() {
        let mut problem = small();
        let observed = read(&problem, &[run_of(3, 0, Outcome::Measured(22_000.0))])
            .unwrap()
            .observations;
        let low = step(&problem, &observed, &[]).unwrap().p_ok;
        problem.requirement.required_capacity = 12_000.0;
        let high = step(&problem, &observed, &[]).unwrap().p_ok;
        assert!(low.iter().zip(&high).all(|(l, h)| h <= l));
    }

    #[test]
    fn failures_exclude_smaller_memory_and_contradictions_are_named() {
        let problem = small();
        let base = run_of(3, 0, Outcome::Measured(22_000.0));
        let failed = [base, run_of(1, 0, Outcome::OutOfMemory)];
        assert_eq!(
            read(&problem, &failed).unwrap().excluded,
            [true, true, false, false]
        );
        let odd = [
            run_of(0, 0, Outcome::Measured(9_000.0)),
            run_of(2, 0, Outcome::OutOfMemory),
        ];
        assert_eq!(
            read(&problem, &odd),
            Err(ExperimentError::Contradiction {
                larger: 2,
                smaller: 0
            })
        );
        let all = [0, 1, 2].map(|i| run_of(i, 0, Outcome::FailedToStart));
        assert_eq!(
            read(&problem, &all),
            Err(ExperimentError::AllRunsFailed { runs: 3 })
        );
        let unknown = [run_of(9, 0, Outcome::Measured(1.0))];
        assert!(matches!(
            read(&problem, &unknown),
            Err(ExperimentError::UnknownCandidate { .. })
        ));
        let nothing = [run_of(0, 0, Outcome::Measured(f64::NAN))];
        assert!(matches!(
            read(&problem, &nothing),
            Err(ExperimentError::OutOfRange { .. })
        ));
    }

    #[test]
    fn censored_readings_move_the_mean_their_way_and_never_widen_it() {
        let problem = small();
        let mean = |outcomes: &[Outcome]| {
            let runs: Vec<Run> = outcomes.iter().map(|o| run_of(3, 0, *o)).collect();
            let fit = step(&problem, &read(&problem, &runs).unwrap().observations, &[])
                .unwrap()
                .posterior;
            (fit.mean[3], fit.sd[3])
        };
        let prior = mean(&[]);
        let above = mean(&[Outcome::NeverSaturated(24_000.0)]);
        let below = mean(&[Outcome::AbortedEarly(20_000.0)]);
        assert!(above.0 > prior.0 && above.1 < prior.1);
        assert!(below.0 < prior.0 && below.1 < prior.1);
        // A bound far on the safe side says nothing.
        assert!((mean(&[Outcome::NeverSaturated(1_000.0)]).0 - prior.0).abs() < 1e-3);
        let exact = mean(&[Outcome::Measured(24_000.0)]);
        assert!(exact.1 < above.1);
    }

    #[test]
    fn guards_and_budgets_end_the_search() {
        let problem = small();
        let mut runs = vec![run_of(3, 0, Outcome::Measured(22_000.0)); 2];
        runs.iter_mut().for_each(|r| r.guard_tripped = true);
        let Action::Propose(proposal) = next_action(&problem, &runs, &Rules::default()).unwrap()
        else {
            panic!("two guard trips end the search");
        };
        assert_eq!(
            (proposal.reason, proposal.candidate),
            (StopReason::GuardsTripped, 3)
        );
        runs.iter_mut().for_each(|r| {
            r.guard_tripped = false;
            r.lag_minutes = 500.0;
        });
        let Action::Propose(proposal) = next_action(&problem, &runs, &Rules::default()).unwrap()
        else {
            panic!("a spent budget ends the search");
        };
        assert_eq!(proposal.reason, StopReason::HarmBudgetSpent);
        let empty = Problem {
            candidates: Vec::new(),
            ..small()
        };
        assert!(matches!(
            next_action(&empty, &[], &Rules::default()),
            Err(ExperimentError::NoCandidates { .. })
        ));
    }

    #[test]
    fn observed_runs_inform_but_do_not_count() {
        let problem = small();
        let past = Run {
            origin: Origin::Observed,
            extra_sd: 0.12,
            ..run_of(3, 9, Outcome::Measured(30_000.0))
        };
        let action = next_action(&problem, &[past], &Rules::default()).unwrap();
        assert!(matches!(
            action,
            Action::Run {
                candidate: 3,
                block: 0,
                purpose: Purpose::Baseline
            }
        ));
    }
}
