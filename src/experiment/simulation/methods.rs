//! The methods compared: ours and what people do instead.

use crate::statistics::linear::ordinary;
use crate::statistics::terms::{ModelMatrix, Term, lettered_columns, parse_terms};

use super::super::composite::{CompositeKind, StarRule, central_composite};
use super::super::error::Result;
use super::super::procedure::{Action, Origin, Outcome, Recommendation, Rules, Run, next_action};
use super::truth::{HEADROOM, Job};

/// How a configuration is chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Method {
    /// The sequential procedure.
    Procedure {
        /// With the screening runs.
        screening: bool,
    },
    /// Every candidate once; the cheapest reading that reaches D* times 1 + margin.
    FullGrid {
        /// Extra asked of a reading.
        margin: f64,
    },
    /// Face-centred design in ln p, ln(m/s), log2 s and a quadratic by least squares; the cheapest
    /// lower prediction limit that reaches D*.
    ResponseSurface,
    /// Lower one factor until a reading misses D*, step back, go on with the next.
    OneFactorAtATime,
    /// Linear sizing of parallelism alone from the busy-time estimate.
    LinearSizing {
        /// Utilisation aimed at.
        utilisation: f64,
    },
}

impl Method {
    /// All that the table compares.
    pub const ALL: [Self; 8] = [
        Self::Procedure { screening: true },
        Self::Procedure { screening: false },
        Self::FullGrid { margin: 0.0 },
        Self::FullGrid { margin: 0.08 },
        Self::ResponseSurface,
        Self::OneFactorAtATime,
        Self::LinearSizing { utilisation: 0.7 },
        Self::LinearSizing { utilisation: 0.87 },
    ];

    /// The name printed.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::Procedure { screening: true } => "procedure".to_owned(),
            Self::Procedure { screening: false } => "procedure without screening".to_owned(),
            Self::FullGrid { margin } if margin > 0.0 => {
                format!("full grid, {:.0} % margin", 100.0 * margin)
            }
            Self::FullGrid { .. } => "full grid, no margin".to_owned(),
            Self::ResponseSurface => "response surface (FCC, OLS)".to_owned(),
            Self::OneFactorAtATime => "one factor at a time".to_owned(),
            Self::LinearSizing { utilisation } => {
                format!("linear sizing, utilisation {utilisation}")
            }
        }
    }

    /// Chooses a candidate for the job, making runs as it goes.
    ///
    /// # Errors
    /// What the procedure refuses.
    pub fn choose(self, job: &mut Job, seed: u64) -> Result<usize> {
        match self {
            Self::Procedure { screening } => procedure(job, screening, seed),
            Self::FullGrid { margin } => Ok(full_grid(job, margin)),
            Self::ResponseSurface => response_surface(job),
            Self::OneFactorAtATime => Ok(one_factor_at_a_time(job)),
            Self::LinearSizing { utilisation } => Ok(linear_sizing(job, utilisation)),
        }
    }
}

fn procedure(job: &mut Job, screening: bool, seed: u64) -> Result<usize> {
    let rules = Rules {
        screening,
        seed,
        rho: HEADROOM,
        ..Rules::default()
    };
    Ok(run_campaign(job, &rules)?.1.candidate)
}

/// Carries the procedure out on a job to its end: the runs and the proposal.
pub(super) fn run_campaign(job: &mut Job, rules: &Rules) -> Result<(Vec<Run>, Recommendation)> {
    let mut runs: Vec<Run> = Vec::new();
    loop {
        match next_action(&job.problem, &runs, rules)? {
            Action::Propose(recommendation) => return Ok((runs, *recommendation)),
            Action::Run {
                candidate, block, ..
            } => {
                let outcome = job.run(candidate, block);
                let guard_tripped = match outcome {
                    Outcome::Measured(c) => c < job.problem.requirement.window_load,
                    _ => true,
                };
                runs.push(Run {
                    candidate,
                    block,
                    outcome,
                    origin: Origin::Planned,
                    extra_sd: 0.0,
                    guard_tripped,
                    lag_minutes: 8.0,
                });
            }
        }
    }
}

fn reading(job: &mut Job, candidate: usize) -> f64 {
    let block = job.runs / 4;
    match job.run(candidate, block) {
        Outcome::Measured(capacity) => capacity,
        _ => 0.0,
    }
}

fn full_grid(job: &mut Job, margin: f64) -> usize {
    let needed = job.problem.requirement.required_capacity * (1.0 + margin);
    let passed: Vec<usize> = (0..job.problem.candidates.len())
        .filter(|&i| reading(job, i) >= needed)
        .collect();
    cheapest(job, passed)
}

fn cheapest(job: &Job, passed: Vec<usize>) -> usize {
    let by_cost = |a: &usize, b: &usize| job.problem.cost(*a).total_cmp(&job.problem.cost(*b));
    passed
        .into_iter()
        .min_by(by_cost)
        .unwrap_or(job.problem.baseline)
}

/// Coded factors of the candidates: ln p, ln(m/s), log2 s over the box that keeps the memory guard.
fn coded(job: &Job) -> Vec<(usize, Vec<f64>)> {
    let natural: Vec<(usize, [f64; 3])> = (0..job.problem.candidates.len())
        .filter(|&i| job.problem.keeps_memory_guard(i))
        .map(|i| {
            let c = &job.problem.candidates[i];
            (
                i,
                [c.parallelism.ln(), c.memory_per_slot().ln(), c.slots.log2()],
            )
        })
        .collect();
    let span = |j: usize| {
        let values = natural.iter().map(|(_, x)| x[j]);
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |s, v| {
            (s.0.min(v), s.1.max(v))
        });
        ((low + high) / 2.0, ((high - low) / 2.0).max(1e-9))
    };
    let spans = [span(0), span(1), span(2)];
    let code = |x: &[f64; 3]| (0..3).map(|j| (x[j] - spans[j].0) / spans[j].1).collect();
    natural.iter().map(|(i, x)| (*i, code(x))).collect()
}

fn response_surface(job: &mut Job) -> Result<usize> {
    let terms: Vec<Term> = parse_terms(&["A", "B", "C", "A:B", "A:C", "B:C", "A^2", "B^2", "C^2"])?;
    let design = central_composite(3, 0, 1, StarRule::FaceCentred, CompositeKind::FaceCentred)?;
    let coded = coded(job);
    let (mut points, mut y) = (Vec::new(), Vec::new());
    for point in &design.matrix {
        let distance = |x: &[f64]| {
            x.iter()
                .zip(point)
                .map(|(a, b)| (a - b).powi(2))
                .sum::<f64>()
        };
        let nearest = coded
            .iter()
            .min_by(|a, b| distance(&a.1).total_cmp(&distance(&b.1)));
        let Some((index, x)) = nearest else {
            return Ok(job.problem.baseline);
        };
        let capacity = reading(job, *index);
        if capacity > 0.0 {
            points.push(x.clone());
            y.push(capacity.ln());
        }
    }
    // Failed runs may leave too few points for a quadratic: then nothing is changed.
    let model = ModelMatrix::new(&lettered_columns(&points)?, &terms, true)?;
    let Ok(fit) = ordinary(&model, &y) else {
        return Ok(job.problem.baseline);
    };
    let all: Vec<Vec<f64>> = coded.iter().map(|(_, x)| x.clone()).collect();
    let at = ModelMatrix::new(&lettered_columns(&all)?, &terms, true)?;
    let limits = fit.predict(&at.x, job.problem.requirement.alpha)?;
    let needed = job.problem.requirement.required_capacity.ln();
    let passed = coded
        .iter()
        .zip(&limits)
        .filter(|(_, l)| l.lower_prediction_limit >= needed)
        .map(|((i, _), _)| *i);
    Ok(cheapest(job, passed.collect()))
}

fn one_factor_at_a_time(job: &mut Job) -> usize {
    let needed = job.problem.requirement.required_capacity;
    let mut at = job.problem.baseline;
    for factor in 0..3 {
        loop {
            let here = job.problem.candidates[at];
            let below = |i: &usize| {
                let c = &job.problem.candidates[*i];
                match factor {
                    0 => {
                        c.memory_gib == here.memory_gib
                            && c.slots == here.slots
                            && c.parallelism < here.parallelism
                    }
                    1 => {
                        c.parallelism == here.parallelism
                            && c.slots == here.slots
                            && c.memory_gib < here.memory_gib
                    }
                    _ => {
                        let same =
                            c.parallelism == here.parallelism && c.memory_gib == here.memory_gib;
                        same && c.slots > here.slots && job.problem.cost(*i) < job.problem.cost(at)
                    }
                }
            };
            let size = |i: &usize| {
                let c = &job.problem.candidates[*i];
                [c.parallelism, c.memory_gib, -c.slots][factor]
            };
            let next = (0..job.problem.candidates.len())
                .filter(below)
                .max_by(|a, b| size(a).total_cmp(&size(b)));
            match next {
                Some(next) if reading(job, next) >= needed => at = next,
                _ => break,
            }
        }
    }
    at
}

/// p' = p D* / (utilisation-free capacity x utilisation), repeated from the new reading; demand
/// without the headroom, which the utilisation stands for.
fn linear_sizing(job: &mut Job, utilisation: f64) -> usize {
    let demand = job.problem.requirement.required_capacity / (1.0 + HEADROOM);
    let mut at = job.problem.baseline;
    let mut estimate = job.problem.prior.mean[0].exp();
    for _ in 0..3 {
        let here = job.problem.candidates[at];
        let wanted = here.parallelism * demand / (estimate * utilisation);
        let same = |i: &usize| {
            let c = &job.problem.candidates[*i];
            c.memory_gib == here.memory_gib && c.slots == here.slots && c.parallelism >= wanted
        };
        let size = |i: &usize| job.problem.candidates[*i].parallelism;
        let next = (0..job.problem.candidates.len())
            .filter(same)
            .min_by(|a, b| size(a).total_cmp(&size(b)));
        let next = next.unwrap_or(job.problem.baseline);
        if next == at {
            break;
        }
        at = next;
        // The busy-time rate keeps the bias of the start.
        let bias = job.problem.prior.mean[0] - job.true_capacity(job.problem.baseline).ln();
        estimate = reading(job, at).max(1.0) * bias.exp();
    }
    at
}
