//! The proposal at the end, with its margin broken down.

use std::collections::BTreeSet;

use crate::statistics::distribution::normal_quantile;

use super::super::error::Result;
use super::history::Run;
use super::plan::{StopReason, runs_to_confirm};
use super::problem::Problem;
use super::step::Step;

/// What each part of the margin costs, as a share of the demand D.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Margins {
    /// rho: pays for catching up after a restart.
    pub restart_headroom: f64,
    /// exp(z sd) - 1: what the model does not know.
    pub model_uncertainty: f64,
    /// What judging a single day instead of the average would add.
    pub day_to_day: f64,
    /// Capacity beyond what the probability asks for, because levels are whole.
    pub level_rounding: f64,
}

/// One effect: prior and posterior.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effect {
    /// What it is.
    pub name: &'static str,
    /// Prior mean and sd.
    pub prior: (f64, f64),
    /// Posterior mean and sd.
    pub posterior: (f64, f64),
}

/// How far the recommendation has been tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// At least two runs in at least two blocks.
    Confirmed,
    /// Run, but not in two blocks.
    Tested,
    /// Never run: the present configuration or the prior speaks.
    NotTested,
}

/// The cheapest configuration that met the requirement with the stated probability under the model.
#[derive(Debug, Clone, PartialEq)]
pub struct Recommendation {
    /// Position of the candidate.
    pub candidate: usize,
    /// P(C >= D*).
    pub p_ok: f64,
    /// Its cost.
    pub cost: f64,
    /// 1 - cost / present cost.
    pub saving: f64,
    /// Runs at the candidate.
    pub runs: usize,
    /// Blocks they lie in.
    pub blocks: usize,
    /// How far it was tested.
    pub standing: Standing,
    /// Cheapest tested candidate with P(C >= D) >= 1/2: the floor.
    pub floor: Option<usize>,
    /// The margin's parts.
    pub margins: Margins,
    /// The five effects.
    pub effects: Vec<Effect>,
    /// Leave-one-out residuals beyond 3: prior and runs disagree, or a run is off.
    pub conflicts: usize,
    /// Whether two runs or more were so far off their predictions that the prior was widened.
    pub is_prior_widened: bool,
    /// Why the search ended.
    pub reason: StopReason,
}

/// Chooses among the tested candidates: confirmed ones first, then any run once, at last the
/// present configuration.
///
/// # Errors
/// `alpha` out of range.
pub(crate) fn recommend(
    problem: &Problem,
    planned: &[&Run],
    step: &Step,
    rho: f64,
    reason: StopReason,
) -> Result<Recommendation> {
    let alpha = problem.requirement.alpha;
    let at = |i: usize| planned.iter().filter(move |r| r.candidate == i);
    let cheapest = |keep: &dyn Fn(usize) -> bool| {
        (0..problem.candidates.len())
            .filter(|&i| step.p_ok[i] >= 1.0 - alpha && keep(i))
            .min_by(|&a, &b| problem.cost(a).total_cmp(&problem.cost(b)))
    };
    let confirmed = cheapest(&|i| runs_to_confirm(planned, i) == 0);
    let tested = cheapest(&|i| at(i).next().is_some());
    // A candidate run once stands in when the runs were used up before anything was confirmed;
    // beside a confirmed one it must be clearly safer than asked for.
    let bar = if confirmed.is_some() {
        1.0 - alpha / 2.0
    } else {
        1.0 - alpha
    };
    let single = tested.filter(|&i| step.p_ok[i] >= bar);
    let present = problem.cost(problem.baseline);
    let mut candidate = confirmed.unwrap_or(problem.baseline);
    if let Some(i) = single.filter(|&i| problem.cost(i) < problem.cost(candidate)) {
        candidate = i;
    }
    // Dearer than now only when the present configuration misses the requirement.
    if problem.cost(candidate) > present && step.p_ok[problem.baseline] >= 1.0 - alpha {
        candidate = problem.baseline;
    }
    let demand = problem.requirement.required_capacity / (1.0 + rho);
    let floor = (0..problem.candidates.len())
        .filter(|&i| at(i).next().is_some() && step.posterior.mean[i] >= demand.ln())
        .min_by(|&a, &b| problem.cost(a).total_cmp(&problem.cost(b)));
    let blocks: BTreeSet<usize> = at(candidate).map(|r| r.block).collect();
    let runs = at(candidate).count();
    Ok(Recommendation {
        candidate,
        p_ok: step.p_ok[candidate],
        cost: problem.cost(candidate),
        saving: 1.0 - problem.cost(candidate) / present,
        runs,
        blocks: blocks.len(),
        standing: match runs {
            0 => Standing::NotTested,
            _ if runs_to_confirm(planned, candidate) == 0 => Standing::Confirmed,
            _ => Standing::Tested,
        },
        floor,
        margins: margins(problem, step, candidate, rho)?,
        effects: effects(problem, step),
        conflicts: step
            .posterior
            .leave_one_out
            .iter()
            .filter(|z| z.abs() > 3.0)
            .count(),
        is_prior_widened: false,
        reason,
    })
}

fn margins(problem: &Problem, step: &Step, candidate: usize, rho: f64) -> Result<Margins> {
    let z = normal_quantile(1.0 - problem.requirement.alpha)?;
    let sd = step.posterior.sd[candidate];
    let day = (sd * sd + problem.spread.block_sd.powi(2)).sqrt();
    let needed = problem.requirement.required_capacity.ln() + z * sd;
    Ok(Margins {
        restart_headroom: rho,
        model_uncertainty: (z * sd).exp_m1(),
        day_to_day: (z * (day - sd)).exp_m1(),
        level_rounding: (step.posterior.mean[candidate] - needed).exp_m1(),
    })
}

fn effects(problem: &Problem, step: &Step) -> Vec<Effect> {
    let names = [
        "level ln C0",
        "ln p_eff",
        "(ln p_eff)^2",
        "slots per GiB",
        "log2 slots",
    ];
    let prior = problem.prior.mean.iter().copied().zip(problem.prior.sd);
    let both = names
        .into_iter()
        .zip(prior)
        .zip(step.posterior.coefficients);
    both.map(|((name, prior), posterior)| Effect {
        name,
        prior,
        posterior,
    })
    .collect()
}
