//! When runs contradict the prior: it is widened, and that is said.

use super::super::error::Result;
use super::posterior::{Observation, Reading, posterior};
use super::problem::Problem;

/// Standard deviations beyond which a run was not foreseen.
const SURPRISE: f64 = 3.0;
/// So many surprises widen the prior.
const SURPRISES: usize = 2;
/// By this factor, all its standard deviations.
const WIDENED: f64 = 2.0;

/// How far each measured run lay from what prior and earlier runs predicted for it, in predictive
/// standard deviations (model, run and block noise).
///
/// # Errors
/// As [`posterior`].
pub fn surprises(problem: &Problem, observations: &[Observation]) -> Result<Vec<f64>> {
    let small = restricted(problem, observations);
    let mut surprises = Vec::new();
    for (i, observation) in observations.iter().enumerate() {
        let Reading::Measured(value) = observation.reading else {
            continue;
        };
        let before = posterior(&small.problem, &small.observations[..i])?;
        let at = small.observations[i].candidate;
        let spread = &problem.spread;
        let noise = spread.run_sd.powi(2) + spread.block_sd.powi(2) + observation.extra_sd.powi(2);
        let sd = (before.sd[at].powi(2) + before.noise_scale * noise).sqrt();
        surprises.push((value - before.mean[at]) / sd);
    }
    Ok(surprises)
}

/// The problem with its prior widened by 2 when two or more runs lay beyond 3 predictive standard
/// deviations; `None` while prior and runs agree.
///
/// # Errors
/// As [`posterior`].
pub fn widened(problem: &Problem, observations: &[Observation]) -> Result<Option<Problem>> {
    if observations.len() < SURPRISES {
        return Ok(None);
    }
    let beyond = surprises(problem, observations)?
        .iter()
        .filter(|z| z.abs() > SURPRISE)
        .count();
    Ok((beyond >= SURPRISES).then(|| Problem {
        prior: problem.prior.widened(WIDENED),
        ..problem.clone()
    }))
}

/// The problem with none but the candidates that were run, and the baseline: predictions of the
/// runs need no others.
struct Restricted {
    problem: Problem,
    observations: Vec<Observation>,
}

fn restricted(problem: &Problem, observations: &[Observation]) -> Restricted {
    let mut kept = vec![problem.baseline];
    let observations = observations
        .iter()
        .map(|o| {
            let place = kept.iter().position(|k| *k == o.candidate);
            let candidate = place.unwrap_or_else(|| {
                kept.push(o.candidate);
                kept.len() - 1
            });
            Observation { candidate, ..*o }
        })
        .collect();
    let candidates = kept.iter().map(|&i| problem.candidates[i]).collect();
    Restricted {
        problem: Problem {
            candidates,
            baseline: 0,
            ..problem.clone()
        },
        observations,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::simulation::{Job, Scenario};

    fn reading(problem: &Problem, candidate: usize, off: f64, block: usize) -> Observation {
        let prior = posterior(problem, &[]).unwrap();
        Observation {
            candidate,
            block,
            reading: Reading::Measured(prior.mean[candidate] + off),
            extra_sd: 0.0,
        }
    }

    #[test]
    fn two_surprises_widen_the_prior_and_one_does_not() {
        let problem = Job::draw(Scenario::Base, 1, 0).problem;
        let base = problem.baseline;
        let far = (0..problem.candidates.len())
            .filter(|&i| problem.keeps_memory_guard(i))
            .min_by(|&a, &b| problem.cost(a).total_cmp(&problem.cost(b)))
            .unwrap();
        let agree = [
            reading(&problem, base, 0.02, 0),
            reading(&problem, far, 0.02, 0),
        ];
        assert_eq!(widened(&problem, &agree).unwrap(), None);
        let z = surprises(&problem, &agree).unwrap();
        assert!(z.iter().all(|z| z.abs() < 1.0), "{z:?}");
        let once = [
            reading(&problem, base, 1.0, 0),
            reading(&problem, base, 1.0, 1),
        ];
        assert_eq!(widened(&problem, &once).unwrap(), None);
        let twice = [
            reading(&problem, base, 1.0, 0),
            reading(&problem, far, -2.5, 1),
        ];
        let wider = widened(&problem, &twice).unwrap().unwrap();
        assert_eq!(wider.prior.sd[1], 2.0 * problem.prior.sd[1]);
        assert_eq!(wider.prior.mean, problem.prior.mean);
    }
}
