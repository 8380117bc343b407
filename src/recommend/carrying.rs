//! What a parallelism carries, and how likely it is to be too little.
//!
//! ln C(p) = ln C(p0) + scaling * ln(p_eff / p_eff0), with the variance of the measurement and of the scaling, as far as any
//! parallelism was seen; beyond that the scalability law goes on, which bends.

use super::Settings;
use super::scalability::Law;
use super::spread::Spread;
use crate::evaluate::VertexCapacity;
use crate::statistics::distribution::normal_cdf;

/// Slowdown of a slot for each doubling of slots in its TaskManager (shared caches, memory bandwidth), and its sd.
const SLOT_INTERFERENCE: (f64, f64) = (0.02, 0.02);
/// More uncertainty for each e-fold of parallelism where the load is skewed: where a hot key lands is luck.
const SKEW_SD: f64 = 0.15;

/// A vertex with what sizing knows of it.
#[derive(Debug, Clone)]
pub(super) struct Carrier<'a> {
    pub(super) vertex: &'a VertexCapacity,
    pub(super) spread: Spread,
    /// The largest parallelism that the history saw it at.
    pub(super) reach: u32,
    /// Its capacity does not follow its parallelism: the outside system sets it.
    pub(super) fixed: bool,
    /// The job's code sets its parallelism: it stays when the job's changes.
    pub(super) pinned: bool,
    /// It can't carry D* at any parallelism: then it only keeps at least this one.
    pub(super) floor: Option<u32>,
}

/// Capacity of a vertex at a parallelism.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Capacity {
    /// Expected rate, records/s.
    pub(super) rate: f64,
    /// sd of its logarithm.
    pub(super) sd_ln: f64,
}

impl Carrier<'_> {
    /// The scalability law from the largest parallelism seen on.
    pub(super) fn law(&self, settings: &Settings) -> Law {
        let now = self.spread.effective(self.vertex.parallelism);
        let reach = self.spread.effective(self.reach).max(now);
        Law::anchored(reach, settings.scaling, settings.scaling_sd)
    }

    /// Capacity at a parallelism with so many slots in a TaskManager, `slots_ratio` times as many as now.
    pub(super) fn at(&self, parallelism: u32, slots_ratio: f64, settings: &Settings) -> Capacity {
        let now = self.spread.effective(self.vertex.parallelism);
        let then = self.spread.effective(parallelism);
        let law = self.law(settings);
        let ratio = (then.min(law.seen) / now).ln();
        let (ratio, gain, gain_sd) = if self.pinned {
            (0.0, 0.0, 0.0)
        } else if self.fixed {
            (ratio.min(0.0), 0.0, 0.0)
        } else {
            (ratio, law.gain(then).0, law.sd(then))
        };
        let doublings = slots_ratio.max(1e-6).log2();
        let skew = if self.spread.hot > 0.0 {
            SKEW_SD * (f64::from(parallelism) / f64::from(self.vertex.parallelism.max(1))).ln()
        } else {
            0.0
        };
        let slowdown = SLOT_INTERFERENCE.0 * doublings.max(0.0);
        let variance = self.vertex.sd_ln.powi(2)
            + (settings.scaling_sd * ratio.abs() + gain_sd).powi(2)
            + (SLOT_INTERFERENCE.1 * doublings).powi(2)
            + skew.powi(2);
        Capacity {
            rate: self.vertex.true_rate_per_second
                * (settings.scaling * ratio + gain - slowdown).exp(),
            sd_ln: variance.sqrt(),
        }
    }
}

impl Capacity {
    /// Probability that it is below a rate, 0..=1.
    pub(super) fn probability_below(&self, rate: f64) -> f64 {
        if rate <= 0.0 {
            return 0.0;
        }
        if self.rate <= 0.0 {
            return 1.0;
        }
        normal_cdf((rate / self.rate).ln() / self.sd_ln.max(1e-9))
    }
}
