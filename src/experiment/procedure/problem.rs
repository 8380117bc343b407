//! What one job asks: candidates, prices, loads, the prior and the noise.

use super::super::error::{ExperimentError, Result};
use crate::flink::key_groups::effective_parallelism;

/// One configuration that could be run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// Parallelism p.
    pub parallelism: f64,
    /// Memory of a TaskManager m, GiB.
    pub memory_gib: f64,
    /// Slots of a TaskManager s.
    pub slots: f64,
}

impl Candidate {
    /// Memory per slot, GiB: the physical factor.
    #[must_use]
    pub fn memory_per_slot(&self) -> f64 {
        self.memory_gib / self.slots
    }

    /// TaskManagers needed: ceil(p / s).
    #[must_use]
    pub fn task_managers(&self) -> f64 {
        (self.parallelism / self.slots).ceil()
    }
}

/// What a unit of resources costs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prices {
    /// Per core.
    pub core: f64,
    /// Per GiB.
    pub gib: f64,
    /// Cores a slot asks for.
    pub cores_per_slot: f64,
}

/// Prior of the five coefficients of ln C: constant, u, u^2, q, w with u = ln(p_eff / p_eff0),
/// q = s/m - s0/m0 (1/GiB), w = log2(s / s0).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prior {
    /// Means.
    pub mean: [f64; 5],
    /// Standard deviations.
    pub sd: [f64; 5],
}

impl Prior {
    /// The weakly informative default about ln C0 = `ln_capacity` with sd `sd`; the slope 0.8 is
    /// also what published capacities give.
    #[must_use]
    pub fn default_about(ln_capacity: f64, sd: f64, stateful: bool) -> Self {
        let (q, q_sd) = if stateful {
            (-0.20, 0.20)
        } else {
            (-0.02, 0.05)
        };
        Self {
            mean: [ln_capacity, 0.80, -0.08, q, -0.03],
            sd: [sd, 0.12, 0.10, q_sd, 0.05],
        }
    }

    /// All standard deviations widened, for a prior that conflicts with the runs.
    #[must_use]
    pub fn widened(self, factor: f64) -> Self {
        Self {
            sd: self.sd.map(|s| s * factor),
            ..self
        }
    }
}

/// How far the surface may leave the polynomial, and how noisy runs are (all on ln C).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// sd of the Gaussian-process remainder.
    pub remainder_sd: f64,
    /// Its length scales in ln p_eff, ln(m/s), log2 s.
    pub length_scales: [f64; 3],
    /// sd of one run.
    pub run_sd: f64,
    /// sd of a block (day).
    pub block_sd: f64,
}

impl Default for Spread {
    fn default() -> Self {
        Self {
            remainder_sd: 0.05,
            length_scales: [0.5, 0.5, 1.5],
            run_sd: 0.04,
            block_sd: 0.03,
        }
    }
}

/// What the decision is held to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Requirement {
    /// D*, records/s: the demand quantile times 1 + rho.
    pub required_capacity: f64,
    /// Highest load forecast for the window of the runs, records/s.
    pub window_load: f64,
    /// Highest memory use seen per slot, GiB.
    pub observed_peak_gib_per_slot: f64,
    /// Accepted probability of missing D*.
    pub alpha: f64,
    /// Judge a single day (adds the block variance) instead of the average day.
    pub judge_a_day: bool,
}

/// Everything that is fixed before the first run.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// Key groups.
    pub max_parallelism: f64,
    /// Configurations that satisfy all constraints.
    pub candidates: Vec<Candidate>,
    /// Position of the present configuration.
    pub baseline: usize,
    /// Prior of the surface.
    pub prior: Prior,
    /// Remainder and noise.
    pub spread: Spread,
    /// Demand and risk.
    pub requirement: Requirement,
    /// Prices.
    pub prices: Prices,
    /// Searching stops when the best expected improvement is below this share of the present cost.
    pub stop_fraction: f64,
}

impl Problem {
    /// Checks the numbers once, so that everything after is finite.
    ///
    /// # Errors
    /// No candidates, a baseline off the list, a quantity that is not above zero or not finite.
    pub fn check(&self) -> Result<()> {
        if self.candidates.is_empty() {
            return Err(ExperimentError::NoCandidates {
                constraint: "all constraints".to_owned(),
            });
        }
        self.candidate(self.baseline)?;
        let r = &self.requirement;
        let positive = [
            ("max parallelism", self.max_parallelism),
            ("required capacity", r.required_capacity),
            ("run sd", self.spread.run_sd),
            ("alpha", r.alpha),
            ("window load", r.window_load),
        ];
        let of_candidates = self.candidates.iter().flat_map(|c| {
            [
                ("parallelism", c.parallelism),
                ("memory", c.memory_gib),
                ("slots", c.slots),
            ]
        });
        let scales = self.spread.length_scales.map(|l| ("length scale", l));
        let sds = self.prior.sd.map(|s| ("prior sd", s));
        for (what, value) in positive
            .into_iter()
            .chain(of_candidates)
            .chain(scales)
            .chain(sds)
        {
            if !(value.is_finite() && value > 0.0) {
                return Err(ExperimentError::OutOfRange {
                    what,
                    value,
                    range: "above zero and finite",
                });
            }
        }
        let others = [
            ("observed peak", r.observed_peak_gib_per_slot),
            ("remainder sd", self.spread.remainder_sd),
            ("block sd", self.spread.block_sd),
            ("price of a core", self.prices.core),
            ("price of a GiB", self.prices.gib),
            ("cores per slot", self.prices.cores_per_slot),
        ];
        for (what, value) in others {
            if !(value.is_finite() && value >= 0.0) {
                return Err(ExperimentError::OutOfRange {
                    what,
                    value,
                    range: "at least zero and finite",
                });
            }
        }
        if r.alpha >= 1.0 {
            return Err(ExperimentError::OutOfRange {
                what: "alpha",
                value: r.alpha,
                range: "below 1",
            });
        }
        match self.prior.mean.iter().find(|m| !m.is_finite()) {
            Some(&value) => Err(ExperimentError::OutOfRange {
                what: "prior mean",
                value,
                range: "finite",
            }),
            None if self.cost(self.baseline) > 0.0 => Ok(()),
            None => Err(ExperimentError::OutOfRange {
                what: "cost of the baseline",
                value: self.cost(self.baseline),
                range: "above zero; set prices",
            }),
        }
    }

    /// The candidate at a position.
    ///
    /// # Errors
    /// [`ExperimentError::UnknownCandidate`].
    pub fn candidate(&self, index: usize) -> Result<&Candidate> {
        let candidates = self.candidates.len();
        self.candidates
            .get(index)
            .ok_or(ExperimentError::UnknownCandidate {
                candidate: index,
                candidates,
            })
    }

    /// Cost of a candidate: n (price_core s cores_per_slot + price_gib m). Known exactly.
    #[must_use]
    pub fn cost(&self, index: usize) -> f64 {
        let c = &self.candidates[index];
        c.task_managers()
            * (self.prices.core * self.prices.cores_per_slot * c.slots
                + self.prices.gib * c.memory_gib)
    }

    /// Features of the polynomial part at a candidate.
    pub(crate) fn features(&self, index: usize) -> [f64; 5] {
        self.features_of(&self.candidates[index])
    }

    /// The same of a size that need not be among the candidates.
    pub(crate) fn features_of(&self, c: &Candidate) -> [f64; 5] {
        let base = &self.candidates[self.baseline];
        let u = self.log_effective(c) - self.log_effective(base);
        let q = c.slots / c.memory_gib - base.slots / base.memory_gib;
        [1.0, u, u * u, q, (c.slots / base.slots).log2()]
    }

    /// Coordinates of the remainder, divided by their length scales.
    pub(crate) fn coordinates(&self, index: usize) -> [f64; 3] {
        let c = &self.candidates[index];
        let scales = self.spread.length_scales;
        [
            self.log_effective(c) / scales[0],
            c.memory_per_slot().ln() / scales[1],
            c.slots.log2() / scales[2],
        ]
    }

    /// The candidate against the baseline in doublings: of effective parallelism, of memory per
    /// slot, of slots.
    #[must_use]
    pub fn doublings(&self, index: usize) -> [f64; 3] {
        let (c, base) = (&self.candidates[index], &self.candidates[self.baseline]);
        [
            (self.log_effective(c) - self.log_effective(base)) / std::f64::consts::LN_2,
            (c.memory_per_slot() / base.memory_per_slot()).log2(),
            (c.slots / base.slots).log2(),
        ]
    }

    fn log_effective(&self, c: &Candidate) -> f64 {
        effective_parallelism(self.max_parallelism, c.parallelism).ln()
    }

    /// Whether memory per slot keeps the guard of 1.2 times the peak seen.
    #[must_use]
    pub fn keeps_memory_guard(&self, index: usize) -> bool {
        let needed = 1.2 * self.requirement.observed_peak_gib_per_slot;
        self.candidates[index].memory_per_slot() >= needed - 1e-9
    }
}
