//! What a set of runs showed, in the terms a reviewer can check: effects in percent per doubling,
//! what the runs say without the prior, and whether the proposal lies inside what was tested.

use crate::statistics::anova::lack_of_fit;
use crate::statistics::distribution::{normal_quantile, t_quantile};
use crate::statistics::influence::influence;
use crate::statistics::linear::{LinearFit, ordinary};
use crate::statistics::multiple::holm;
use crate::statistics::power::detectable_effect;
use crate::statistics::terms::{ModelMatrix, letter, lettered_columns, parse_terms};

use super::error::Result;
use super::hull::is_inside;
use super::procedure::history::read;
use super::procedure::{
    Action, Origin, Outcome, Problem, Purpose, Recommendation, Rules, Run, Step, judged,
    next_action, standing_recommendation,
};

/// The three factors, as they are named to people.
pub const FACTORS: [&str; 3] = ["parallelism", "memory per slot", "slots per TaskManager"];

/// One run with the reason it was made.
#[derive(Debug, Clone, PartialEq)]
pub struct RunLine {
    /// The run.
    pub run: Run,
    /// Why the procedure made it; `None` for runs of another origin or another plan.
    pub purpose: Option<Purpose>,
    /// Leave-one-out residual in standard deviations; `None` when nothing was measured.
    pub residual: Option<f64>,
}

/// The effect of one factor on capacity: exp(b) - 1 for one doubling.
#[derive(Debug, Clone, PartialEq)]
pub struct EffectLine {
    /// One of [`FACTORS`].
    pub factor: &'static str,
    /// Assumed before the first run: estimate and 95 % interval.
    pub prior: Interval,
    /// After the runs.
    pub posterior: Interval,
    /// p-value of the runs alone, adjusted over the factors (Holm); `None` where they cannot tell.
    pub adjusted_p: Option<f64>,
    /// Smallest effect the runs alone would have shown with 80 % power, as a share.
    pub detectable: Option<f64>,
}

/// A share with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The estimate.
    pub estimate: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Interval {
    /// exp of a normal (mean, sd) on logs, less one.
    fn of_log((mean, sd): (f64, f64)) -> Self {
        let z = normal_quantile(0.975).unwrap_or(1.96);
        Self {
            estimate: mean.exp_m1(),
            low: (mean - z * sd).exp_m1(),
            high: (mean + z * sd).exp_m1(),
        }
    }
}

/// Least squares on the measured runs, without the prior: ln C on doublings of each varied factor.
#[derive(Debug, Clone, PartialEq)]
pub struct RunsAlone {
    /// t value by factor; `None` for a factor that the runs did not vary.
    pub t: [Option<f64>; 3],
    /// |t| beyond which an effect is told from noise at 5 %.
    pub critical_t: f64,
    /// p by factor, adjusted (Holm).
    pub adjusted_p: [Option<f64>; 3],
    /// Smallest effect per doubling seen with 80 % power, as a share.
    pub detectable: [Option<f64>; 3],
    /// Share of the variation explained, plain, adjusted and predicted (PRESS).
    pub r2: (f64, f64, Option<f64>),
    /// p of lack of fit against replicates, from three degrees of pure error on.
    pub lack_of_fit_p: Option<f64>,
    /// Change of capacity from run to run and its p: does the result drift?
    pub drift: Option<(f64, f64)>,
    /// Largest externally studentised residual.
    pub largest_residual: Option<f64>,
}

/// Everything a page needs of one experiment.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// What was asked.
    pub problem: Problem,
    /// Under which rules.
    pub rules: Rules,
    /// All runs in order.
    pub runs: Vec<RunLine>,
    /// The last step: posterior, chances, safe set.
    pub step: Step,
    /// What is proposed.
    pub recommendation: Recommendation,
    /// The factors' effects.
    pub effects: Vec<EffectLine>,
    /// What the runs say without the prior; `None` with too few or too alike runs.
    pub runs_alone: Option<RunsAlone>,
    /// Whether the proposal lies inside the convex hull of what was tested.
    pub is_inside_tested: bool,
    /// Guard trips and lag minutes spent.
    pub harm: (usize, f64),
}

/// Gathers the evidence of `runs`.
///
/// # Errors
/// As [`next_action`].
pub fn evidence(problem: &Problem, runs: &[Run], rules: &Rules) -> Result<Evidence> {
    let recommendation = standing_recommendation(problem, runs, rules)?;
    let history = read(problem, runs)?;
    let (step, _) = judged(problem, &history)?;
    let runs_alone = runs_alone(problem, runs);
    let mut residuals = step.posterior.leave_one_out.iter().copied();
    let lines = runs
        .iter()
        .enumerate()
        .map(|(i, run)| RunLine {
            run: *run,
            purpose: purpose_of(problem, &runs[..i], run, rules),
            residual: if is_read(run) { residuals.next() } else { None },
        })
        .collect();
    let tested: Vec<Vec<f64>> = runs
        .iter()
        .filter(|run| is_read(run))
        .map(|run| problem.doublings(run.candidate).to_vec())
        .collect();
    let proposed = problem.doublings(recommendation.candidate);
    Ok(Evidence {
        effects: effects(
            problem,
            &step,
            recommendation.candidate,
            runs_alone.as_ref(),
        ),
        is_inside_tested: is_inside(&tested, &proposed),
        problem: problem.clone(),
        rules: *rules,
        runs: lines,
        step,
        recommendation,
        runs_alone,
        harm: (history.guard_trips, history.lag_minutes),
    })
}

/// Whether a run gave a reading of capacity, exact or one-sided.
fn is_read(run: &Run) -> bool {
    matches!(
        run.outcome,
        Outcome::Measured(_) | Outcome::AbortedEarly(_) | Outcome::NeverSaturated(_)
    )
}

/// Replays the plan: the reason that stood before the run, when the plan asked for this candidate.
fn purpose_of(problem: &Problem, before: &[Run], run: &Run, rules: &Rules) -> Option<Purpose> {
    if run.origin != Origin::Planned {
        return None;
    }
    match next_action(problem, before, rules) {
        Ok(Action::Run {
            candidate, purpose, ..
        }) if candidate == run.candidate => Some(purpose),
        _ => None,
    }
}

fn effects(
    problem: &Problem,
    step: &Step,
    proposed: usize,
    alone: Option<&RunsAlone>,
) -> Vec<EffectLine> {
    let ln2 = std::f64::consts::LN_2;
    let [_, u, _, _, _] = problem.features(proposed);
    // Between the present size and the proposed one; over one halving when they are the same.
    let u = if u.abs() < 1e-9 { -ln2 } else { u };
    let memory = problem.candidates[proposed].memory_per_slot();
    let contrasts = [
        [0.0, ln2, ln2 * u, 0.0, 0.0],
        [0.0, 0.0, 0.0, -0.5 / memory, 0.0],
        [0.0, 0.0, 0.0, 0.0, 1.0],
    ];
    let before = |weights: &[f64; 5]| {
        let terms = || weights.iter().zip(&problem.prior.mean);
        let variance = weights.iter().zip(&problem.prior.sd);
        let mean: f64 = terms().map(|(w, m)| w * m).sum();
        let variance: f64 = variance.map(|(w, s)| (w * s).powi(2)).sum();
        (mean, variance.sqrt())
    };
    contrasts
        .iter()
        .zip(FACTORS)
        .enumerate()
        .map(|(j, (weights, factor))| EffectLine {
            factor,
            prior: Interval::of_log(before(weights)),
            posterior: Interval::of_log(step.posterior.contrast(weights)),
            adjusted_p: alone.and_then(|a| a.adjusted_p[j]),
            detectable: alone.and_then(|a| a.detectable[j]),
        })
        .collect()
}

/// Least squares on the planned, measured runs; `None` when they are too few or too alike for it.
fn runs_alone(problem: &Problem, runs: &[Run]) -> Option<RunsAlone> {
    let measured: Vec<([f64; 3], f64)> = runs
        .iter()
        .filter(|run| run.origin == Origin::Planned)
        .filter_map(|run| match run.outcome {
            Outcome::Measured(capacity) => Some((problem.doublings(run.candidate), capacity.ln())),
            _ => None,
        })
        .collect();
    let varied: Vec<usize> = (0..3)
        .filter(|&j| {
            measured
                .iter()
                .any(|(x, _)| (x[j] - measured[0].0[j]).abs() > 1e-9)
        })
        .collect();
    let y: Vec<f64> = measured.iter().map(|(_, y)| *y).collect();
    let points: Vec<Vec<f64>> = measured
        .iter()
        .map(|(x, _)| varied.iter().map(|&j| x[j]).collect())
        .collect();
    let (model, fit) = fitted(&points, &y)?;
    let raw: Vec<f64> = fit.p_values().ok()?.split_off(1);
    let adjusted = holm(&raw).ok()?;
    let t = fit.t_values();
    let df = fit.df_residual();
    let by_factor = |value: &dyn Fn(usize) -> Option<f64>| {
        let mut all = [None; 3];
        for (k, &j) in varied.iter().enumerate() {
            all[j] = value(k);
        }
        all
    };
    let seen = |k: usize| {
        let sd = detectable_effect(0.8, fit.inverse[(k + 1, k + 1)], df, 0.05).ok()?;
        Some((sd * fit.sigma()).exp_m1())
    };
    let bent = influence(&fit).ok();
    let lack = lack_of_fit(&model, &points, &y).ok();
    Some(RunsAlone {
        t: by_factor(&|k| t.get(k + 1).copied()),
        critical_t: t_quantile(0.975, df).ok()?,
        adjusted_p: by_factor(&|k| adjusted.get(k).copied()),
        detectable: by_factor(&seen),
        r2: (
            fit.r2(),
            fit.r2_adjusted(),
            bent.as_ref().map(|i| i.r2_predicted),
        ),
        lack_of_fit_p: lack.filter(|l| l.df_pure_error >= 3).map(|l| l.p),
        drift: drift(&points, &y),
        largest_residual: bent.map(|i| i.studentised.iter().fold(0.0, |m: f64, r| m.max(r.abs()))),
    })
}

/// The same fit with the run's number as one more factor: change from run to run and its p.
fn drift(points: &[Vec<f64>], y: &[f64]) -> Option<(f64, f64)> {
    let with_order: Vec<Vec<f64>> = points
        .iter()
        .enumerate()
        .map(|(i, x)| x.iter().copied().chain([i as f64]).collect())
        .collect();
    let (_, fit) = fitted(&with_order, y)?;
    let p = fit.p_values().ok()?;
    Some((fit.coefficients.last()?.exp_m1(), *p.last()?))
}

fn fitted(points: &[Vec<f64>], y: &[f64]) -> Option<(ModelMatrix, LinearFit)> {
    let factors = points.first().filter(|x| !x.is_empty())?.len();
    let names: Vec<String> = std::iter::once("1".to_owned())
        .chain((0..factors).map(letter))
        .collect();
    let terms = parse_terms(&names).ok()?;
    let model = ModelMatrix::new(&lettered_columns(points).ok()?, &terms, true).ok()?;
    let fit = ordinary(&model, y).ok()?;
    Some((model, fit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::simulation::{Scenario, campaign};

    #[test]
    fn evidence_of_a_simulated_campaign_names_every_run_and_stays_inside_the_tested() {
        for number in 0..4 {
            let (problem, runs, rules) = campaign(Scenario::Base, 5, number).unwrap();
            let evidence = evidence(&problem, &runs, &rules).unwrap();
            assert_eq!(evidence.runs.len(), runs.len());
            assert_eq!(evidence.runs[0].purpose, Some(Purpose::Baseline));
            assert!(evidence.runs.iter().all(|line| line.purpose.is_some()));
            assert!(evidence.is_inside_tested);
            let slope = &evidence.effects[0];
            assert!(
                slope.posterior.low > 0.0 && slope.posterior.high < 1.2,
                "{slope:?}"
            );
            let narrower = slope.posterior.high - slope.posterior.low;
            assert!(narrower < slope.prior.high - slope.prior.low);
            let alone = evidence.runs_alone.unwrap();
            assert!(alone.t[0].unwrap() > alone.critical_t);
        }
    }

    #[test]
    fn one_run_leaves_the_campaign_open_and_the_runs_alone_silent() {
        let (problem, runs, rules) = campaign(Scenario::Base, 5, 0).unwrap();
        let evidence = evidence(&problem, &runs[..1], &rules).unwrap();
        assert_eq!(
            evidence.recommendation.reason,
            super::super::procedure::StopReason::StillOpen
        );
        assert!(evidence.runs_alone.is_none());
        assert!(evidence.effects.iter().all(|e| e.adjusted_p.is_none()));
    }
}
