//! A second opinion beside the vertices' own rates: the experiments' model, conditioned on the sizes that the job had in the past as
//! runs of lower weight. It knows what memory and slots did to capacity too, and counts where it is the surer of the two.

use super::carrying::Capacity;
use super::{Present, Size};
use crate::experiment::ExperimentError;
use crate::experiment::observational::{Observed, Question, observe};
use crate::experiment::procedure::{Candidate, Prices, Requirement};
use crate::snapshot::History;

const GIB: f64 = 1024.0 * 1024.0 * 1024.0;
/// Upper limit of parallelism where none is known: Flink's default for small jobs.
const KEY_GROUPS: f64 = 128.0;

/// What the job's past sizes say.
#[derive(Debug)]
pub(super) struct Past {
    observed: Observed,
    /// Periods of one size each that were read.
    pub(super) periods: usize,
    /// Sizes among them that differ.
    pub(super) sizes: usize,
}

impl Past {
    /// From the history, for `required` records/s of the sources together. `None` when no past period with the present cores of a slot
    /// measured anything.
    ///
    /// # Errors
    /// Periods that contradict each other.
    pub(super) fn seen(
        history: &History,
        present: &Present,
        required: f64,
        stateful: bool,
    ) -> Result<Option<Past>, ExperimentError> {
        let size = &present.size;
        let Some(latest) = history.latest_running.as_ref() else {
            return Ok(None);
        };
        if !(required.is_finite() && required > 0.0) {
            return Ok(None);
        }
        let cores_per_slot =
            size.cpu_millis as f64 / 1000.0 / f64::from(size.slots_per_task_manager.max(1));
        let groups = latest
            .vertices
            .iter()
            .filter_map(|vertex| vertex.max_parallelism)
            .min();
        let question = Question {
            candidates: vec![candidate(
                size.parallelism,
                size.slots_per_task_manager,
                size.memory_bytes,
            )],
            max_parallelism: groups.map_or(KEY_GROUPS, f64::from),
            requirement: Requirement {
                required_capacity: required,
                window_load: required,
                observed_peak_gib_per_slot: 0.0,
                alpha: 0.05,
                judge_a_day: false,
            },
            prices: Prices {
                core: present.prices.core_month,
                gib: present.prices.gib_month,
                cores_per_slot,
            },
            stateful,
            cores_per_slot: Some(cores_per_slot),
        };
        let observed = observe(history, &question)?;
        Ok(observed.map(|observed| Past {
            periods: observed.past.len(),
            sizes: observed.sizes(),
            observed,
        }))
    }

    /// Capacity of a size, records/s of the sources together.
    pub(super) fn capacity(&self, size: &Size) -> Capacity {
        let (mean, sd_ln) = self.observed.at(&candidate(
            size.parallelism,
            size.slots_per_task_manager,
            size.memory_bytes,
        ));
        Capacity {
            rate: mean.exp(),
            sd_ln,
        }
    }
}

fn candidate(parallelism: u32, slots: u32, memory_bytes: u64) -> Candidate {
    Candidate {
        parallelism: f64::from(parallelism.max(1)),
        memory_gib: (memory_bytes.max(1) as f64) / GIB,
        slots: f64::from(slots.max(1)),
    }
}
