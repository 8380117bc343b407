//! Hidden truths: jobs whose capacity the methods must find. The form (USL, saturating memory
//! effect, slot interference) is not the form of the model.

use std::collections::BTreeMap;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::super::procedure::{Candidate, Outcome, Prices, Prior, Problem, Requirement, Spread};
use crate::flink::key_groups::{balanced_parallelisms, effective_parallelism};

/// What the jobs of a simulation are like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scenario {
    /// Run noise 4 %, block noise 3 %, start biased with sd 10 %.
    Base,
    /// Run and block noise doubled, unknown to the methods.
    Noisy,
    /// USL contention 0.08 to 0.25.
    PoorScaling,
    /// Start biased with sd 30 %.
    BiasedStart,
    /// Memory matters more than the prior thinks: a 0.5 to 0.85, b 0.8 to 2.0 GiB.
    MemoryHungry,
}

impl Scenario {
    /// All five.
    pub const ALL: [Self; 5] = [
        Self::Base,
        Self::Noisy,
        Self::PoorScaling,
        Self::BiasedStart,
        Self::MemoryHungry,
    ];

    /// The name printed.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Noisy => "noisy",
            Self::PoorScaling => "poor scaling",
            Self::BiasedStart => "biased start",
            Self::MemoryHungry => "memory hungry",
        }
    }
}

/// Required capacity over demand: rho of the restart.
pub(crate) const HEADROOM: f64 = 0.15;

/// One simulated job: the question and the hidden truth behind it.
#[derive(Debug, Clone)]
pub struct Job {
    /// What the methods may know.
    pub problem: Problem,
    /// True capacity of each candidate; zero where it runs out of memory.
    capacity: Vec<f64>,
    run_sd: f64,
    block_sd: f64,
    blocks: BTreeMap<usize, f64>,
    rng: ChaCha8Rng,
    /// Runs whose capacity was under the present load or that ran out of memory.
    pub unsafe_runs: usize,
    /// Runs that ran out of memory.
    pub oom_runs: usize,
    /// Runs made.
    pub runs: usize,
}

impl Job {
    /// Draws job `number` of a scenario; the same seed and number give the same job and noise.
    #[must_use]
    pub fn draw(scenario: Scenario, seed: u64, number: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        // Streams keep jobs independent, and scenarios share the draws they do not change.
        rng.set_stream(number);
        let mut between = |low: f64, high: f64| low + (high - low) * rng.random::<f64>();
        let groups = [64u32, 128, 256][between(0.0, 3.0) as usize];
        let p0 = f64::from(groups) * [0.125, 0.25, 0.5][between(0.0, 3.0) as usize];
        let slots0 = [2.0, 4.0][between(0.0, 2.0) as usize];
        let baseline = Candidate {
            parallelism: p0,
            memory_gib: 4.0 * slots0,
            slots: slots0,
        };
        let (u1, u2) = (between(0.0, 1.0), between(0.0, 1.0));
        let sigma = if scenario == Scenario::PoorScaling {
            0.08 + 0.17 * u1
        } else {
            0.005 + 0.075 * u1
        };
        let kappa = 0.0001 * u2;
        let (u1, u2) = (between(0.0, 1.0), between(0.0, 1.0));
        let (a, b) = if scenario == Scenario::MemoryHungry {
            (0.5 + 0.35 * u1, 0.8 + 1.2 * u2)
        } else {
            (0.05 + 0.35 * u1, 0.3 + 0.7 * u2)
        };
        let peak = between(0.45, 0.85);
        let interference = between(0.0, 0.06);
        let unit = 1000.0 * between(-0.7, 0.7).exp();
        let over = between(1.3, 3.0);
        let mut rng2 = rng.clone();
        let bias = normal(&mut rng2)
            * if scenario == Scenario::BiasedStart {
                0.30
            } else {
                0.10
            };
        let candidates = grid(groups, &baseline);
        let limit = 1.05 * peak;
        let truth = |c: &Candidate| {
            let p = effective_parallelism(f64::from(groups), c.parallelism);
            let scaled = unit * p / (1.0 + sigma * (p - 1.0) + kappa * p * (p - 1.0));
            let q = c.memory_per_slot();
            if q < limit {
                return 0.0;
            }
            scaled * (1.0 - a * (-(q - limit) / b).exp()) * (1.0 - interference * c.slots.log2())
        };
        let capacity: Vec<f64> = candidates.iter().map(truth).collect();
        let index = candidates.iter().position(|c| *c == baseline).unwrap_or(0);
        let required = capacity[index] / over;
        let noise = if scenario == Scenario::Noisy {
            2.0
        } else {
            1.0
        };
        let prior = Prior::default_about(capacity[index].ln() + bias, 0.12, true);
        let problem = Problem {
            max_parallelism: f64::from(groups),
            candidates,
            baseline: index,
            prior,
            spread: Spread::default(),
            requirement: Requirement {
                required_capacity: required,
                window_load: 0.6 * required,
                observed_peak_gib_per_slot: peak,
                alpha: 0.05,
                judge_a_day: false,
            },
            prices: Prices {
                core: 1.0,
                gib: 0.13,
                cores_per_slot: 1.0,
            },
            stop_fraction: 0.015,
        };
        Self {
            problem,
            capacity,
            run_sd: 0.04 * noise,
            block_sd: 0.03 * noise,
            blocks: BTreeMap::new(),
            rng: rng2,
            unsafe_runs: 0,
            oom_runs: 0,
            runs: 0,
        }
    }

    /// Runs a candidate in a block.
    pub fn run(&mut self, candidate: usize, block: usize) -> Outcome {
        self.runs += 1;
        let truth = self.capacity[candidate];
        if truth < self.problem.requirement.window_load {
            self.unsafe_runs += 1;
        }
        if truth <= 0.0 {
            self.oom_runs += 1;
            return Outcome::OutOfMemory;
        }
        let (rng, sd) = (&mut self.rng, self.block_sd);
        let shared = *self.blocks.entry(block).or_insert_with(|| sd * normal(rng));
        Outcome::Measured(truth * (shared + self.run_sd * normal(&mut self.rng)).exp())
    }

    /// True capacity of a candidate; only for judging.
    #[must_use]
    pub fn true_capacity(&self, candidate: usize) -> f64 {
        self.capacity[candidate]
    }

    /// Cost of the cheapest candidate that truly reaches D*.
    #[must_use]
    pub fn least_cost(&self) -> f64 {
        let required = self.problem.requirement.required_capacity;
        let reach = (0..self.capacity.len()).filter(|&i| self.capacity[i] >= required);
        reach
            .map(|i| self.problem.cost(i))
            .fold(f64::INFINITY, f64::min)
    }
}

/// Candidates at and below the present size: useful parallelisms from a tenth on, memory in steps.
fn grid(groups: u32, baseline: &Candidate) -> Vec<Candidate> {
    let mut found = Vec::new();
    for p in balanced_parallelisms(groups, baseline.parallelism as u32) {
        let p = f64::from(p);
        if p < 0.1 * baseline.parallelism {
            continue;
        }
        for memory_gib in [1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0] {
            for slots in [1.0, 2.0, 4.0] {
                if memory_gib / slots >= 0.5
                    && memory_gib / slots <= 8.0
                    && memory_gib <= baseline.memory_gib
                {
                    found.push(Candidate {
                        parallelism: p,
                        memory_gib,
                        slots,
                    });
                }
            }
        }
    }
    found
}

/// A standard normal by Box and Muller.
fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let (u, v): (f64, f64) = (rng.random(), rng.random());
    (-2.0 * (1.0 - u).ln()).sqrt() * (2.0 * std::f64::consts::PI * v).cos()
}
