//! What a job runs with: all that the physics of a size needs to know besides the parameters (`theta`, in their own units).

use super::parameters::{Layout, Shared};
use super::spread::Spread;

/// How smooth the corner is between a cache that holds everything and one that misses.
const CORNER: f64 = 0.08;

/// A size with its state, as the physics see it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Conditions {
    /// Parallelism of each vertex.
    pub(super) parallelism: Vec<u32>,
    pub(super) task_managers: f64,
    /// Slots of a TaskManager that hold tasks.
    pub(super) slots: f64,
    /// Cores of a TaskManager.
    pub(super) cores: f64,
    /// Managed memory of all TaskManagers, bytes; `None`: no state lives there.
    pub(super) managed: Option<f64>,
    /// Share of the time in which a checkpoint is under way, 0..=1.
    pub(super) duty: f64,
    /// Share of the time in collections.
    pub(super) collecting: f64,
    /// State, bytes.
    pub(super) state: f64,
    /// Whether the state lives on the heap.
    pub(super) on_heap: bool,
}

impl Conditions {
    fn widest(&self) -> f64 {
        f64::from(self.parallelism.iter().copied().max().unwrap_or(1).max(1))
    }

    /// How much dearer a record is than alone, undisturbed and with all state in the cache.
    pub(super) fn dearer(&self, theta: &[f64], layout: Layout) -> f64 {
        self.state_factor(theta, layout) * self.checkpoint_factor(theta, layout)
            / (1.0 - self.collecting.clamp(0.0, 0.8))
    }

    fn state_factor(&self, theta: &[f64], layout: Layout) -> f64 {
        let Some(managed) = self.managed else {
            return 1.0;
        };
        let working_set = theta[layout.at(Shared::WorkingSet)];
        // A smooth corner, so that a reading on either side of it moves the estimate.
        let gap = 1.0 - managed / working_set;
        let missed = CORNER * (1.0 + (gap / CORNER).clamp(-40.0, 40.0).exp()).ln();
        1.0 + theta[layout.at(Shared::Miss)] * missed.clamp(0.0, 1.0)
    }

    fn checkpoint_factor(&self, theta: &[f64], layout: Layout) -> f64 {
        1.0 + theta[layout.at(Shared::Checkpoint)] * self.duty.clamp(0.0, 1.0).powi(2)
    }

    /// Cores in use by all TaskManagers at a load, records/s of the sources.
    pub(super) fn cores_used(&self, theta: &[f64], layout: Layout, load: f64) -> f64 {
        let idle = theta[layout.at(Shared::Idle)];
        idle * self.task_managers + load * self.core_seconds(theta, layout)
    }

    /// Core seconds of a record of the sources.
    pub(super) fn core_seconds(&self, theta: &[f64], layout: Layout) -> f64 {
        theta[layout.at(Shared::Cpu)]
            * scalability(theta, layout, self.widest())
            * self.dearer(theta, layout)
    }

    /// Rate at which the busiest subtask of a vertex is always busy, records/s into the vertex, when `used` of the cores are in use.
    pub(super) fn vertex_rate(
        &self,
        theta: &[f64],
        layout: Layout,
        vertex: usize,
        spread: &Spread,
        keyed: bool,
        used: f64,
    ) -> f64 {
        let own = self.parallelism.get(vertex).copied().unwrap_or(1).max(1);
        let alone = theta[layout.rate(vertex)];
        let dearer = if keyed {
            self.dearer(theta, layout)
        } else {
            1.0 / (1.0 - self.collecting.clamp(0.0, 0.8))
        };
        let stretch = 1.0 + theta[layout.at(Shared::Stretch)] * used.clamp(0.0, 1.0).powi(3);
        alone * spread.effective(own)
            / (scalability(theta, layout, f64::from(own)) * dearer * stretch)
    }

    /// Heap that stays in the fullest TaskManager, bytes, at a flow of `records` a second into all vertices together, when it has
    /// `part` of the job's work.
    pub(super) fn heap(&self, theta: &[f64], layout: Layout, records: f64, part: f64) -> f64 {
        let of = |shared: Shared| theta[layout.at(shared)];
        let state = if self.on_heap {
            of(Shared::HeapState) * self.state * part
        } else {
            0.0
        };
        of(Shared::HeapBase)
            + of(Shared::HeapSlot) * self.slots
            + of(Shared::HeapRate) * records * part
            + state
    }
}

/// `1 + α(p − 1) + βp(p − 1)` (Gunther, universal scalability law).
fn scalability(theta: &[f64], layout: Layout, parallelism: f64) -> f64 {
    let contention = theta[layout.at(Shared::Contention)];
    let coherency = theta[layout.at(Shared::Coherency)];
    1.0 + contention * (parallelism - 1.0) + coherency * parallelism * (parallelism - 1.0)
}
