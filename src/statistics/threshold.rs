//! Adaptive search of a threshold: QUEST+ (Watson 2017) on a grid of means and spreads.

use super::distribution::normal_cdf;
use super::error::{Result, StatisticsError, require, require_positive};

/// The grid and the psychometric function lower + (1 - lower - lapse) Phi((x - mean) / sd).
#[derive(Debug, Clone, PartialEq)]
pub struct ThresholdSearch {
    stimuli: Vec<f64>,
    means: Vec<f64>,
    sds: Vec<f64>,
    /// P(yes) by stimulus, then by (mean, sd) pair.
    yes: Vec<Vec<f64>>,
    posterior: Vec<f64>,
}

impl ThresholdSearch {
    /// A search with a uniform prior over the grid.
    ///
    /// # Errors
    /// Empty or non-finite lists, spreads not above zero, asymptotes that leave no room.
    pub fn new(
        stimuli: &[f64],
        means: &[f64],
        sds: &[f64],
        lower: f64,
        lapse: f64,
    ) -> Result<Self> {
        require("stimuli", stimuli, 1)?;
        require("means", means, 1)?;
        require("spreads", sds, 1)?;
        for &sd in sds {
            require_positive("spread", sd)?;
        }
        if !(lower >= 0.0 && lapse >= 0.0 && lower + lapse < 1.0) {
            return Err(StatisticsError::OutOfRange {
                what: "asymptotes",
                value: lower + lapse,
                range: "in [0, 1) together",
            });
        }
        let yes = stimuli
            .iter()
            .map(|x| {
                let at = |mean: &f64, sd: &f64| {
                    lower + (1.0 - lower - lapse) * normal_cdf((x - mean) / sd)
                };
                means
                    .iter()
                    .flat_map(|mean| sds.iter().map(move |sd| at(mean, sd)))
                    .collect()
            })
            .collect();
        let cells = means.len() * sds.len();
        Ok(Self {
            stimuli: stimuli.to_vec(),
            means: means.to_vec(),
            sds: sds.to_vec(),
            yes,
            posterior: vec![1.0 / cells as f64; cells],
        })
    }

    /// Position of the stimulus with the least expected posterior entropy; ties go to the first.
    #[must_use]
    pub fn next(&self) -> usize {
        let mut best = (f64::INFINITY, 0);
        for (i, yes) in self.yes.iter().enumerate() {
            let entropy = self.expected_entropy(yes);
            // Symmetric stimuli differ by rounding only; that must not decide.
            if entropy < best.0 - 1e-12 {
                best = (entropy, i);
            }
        }
        best.1
    }

    fn expected_entropy(&self, yes: &[f64]) -> f64 {
        let outcome = |chance: &dyn Fn(f64) -> f64| -> f64 {
            let joint: Vec<f64> = self
                .posterior
                .iter()
                .zip(yes)
                .map(|(p, y)| p * chance(*y))
                .collect();
            let total: f64 = joint.iter().sum();
            joint
                .iter()
                .filter(|j| **j > 0.0)
                .map(|j| -j * (j / total).ln())
                .sum()
        };
        outcome(&|y| y) + outcome(&|y| 1.0 - y)
    }

    /// The stimulus at a position.
    #[must_use]
    pub fn stimulus(&self, index: usize) -> Option<f64> {
        self.stimuli.get(index).copied()
    }

    /// Learns the outcome of a trial at the stimulus of that position.
    ///
    /// # Errors
    /// A position off the list; an outcome the grid holds impossible.
    pub fn learn(&mut self, index: usize, success: bool) -> Result<()> {
        let yes = self.yes.get(index).ok_or(StatisticsError::OutOfRange {
            what: "stimulus",
            value: index as f64,
            range: "on the list",
        })?;
        let joint: Vec<f64> = self
            .posterior
            .iter()
            .zip(yes)
            .map(|(p, y)| p * if success { *y } else { 1.0 - y })
            .collect();
        let total: f64 = joint.iter().sum();
        if total <= 0.0 {
            return Err(StatisticsError::OutOfRange {
                what: "probability of the outcome",
                value: total,
                range: "above zero; allow for a lapse rate",
            });
        }
        self.posterior = joint.iter().map(|j| j / total).collect();
        Ok(())
    }

    /// Posterior means of the threshold and the spread.
    #[must_use]
    pub fn posterior_means(&self) -> (f64, f64) {
        let mut sums = (0.0, 0.0);
        for (i, p) in self.posterior.iter().enumerate() {
            sums.0 += p * self.means[i / self.sds.len()];
            sums.1 += p * self.sds[i % self.sds.len()];
        }
        sums
    }

    /// P(threshold <= x) under the posterior.
    #[must_use]
    pub fn probability_at_most(&self, x: f64) -> f64 {
        let cells = self.posterior.iter().enumerate();
        cells
            .filter(|(i, _)| self.means[i / self.sds.len()] <= x)
            .map(|(_, p)| p)
            .sum()
    }
}
