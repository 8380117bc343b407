//! What is not known of a job, as logarithms, and what is assumed of each before anything was seen of it.
//!
//! The parameters have one joint Gaussian. The first ones are the vertices' ([`rate`]), the others the job's.

/// A parameter of the job, by its place behind those of the vertices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shared {
    /// α: contention of the universal scalability law, a subtask.
    Contention,
    /// β: coherency of the same law, a pair of subtasks.
    Coherency,
    /// How much longer a record takes when the TaskManagers' cores are all in use: `1 + s·U³`.
    Stretch,
    /// CPU seconds for a record of the sources, all vertices together, without contention.
    Cpu,
    /// Cores that a TaskManager uses without load.
    Idle,
    /// How much dearer a record gets when a checkpoint is always under way: `1 + q·duty²`.
    Checkpoint,
    /// State that is in use, bytes: what a cache in managed memory must hold.
    WorkingSet,
    /// How much dearer a record is when no access finds its state in the cache: `1 + m·misses`.
    Miss,
    /// Heap that stays in a TaskManager without load, bytes.
    HeapBase,
    /// Heap that stays for each slot, bytes.
    HeapSlot,
    /// Heap that stays for each record per second that reaches any vertex, bytes.
    HeapRate,
    /// Bytes of heap for each byte of checkpointed state, where state lives on the heap.
    HeapState,
}

/// All of [`Shared`], in the order of their places.
const SHARED: [Shared; 12] = [
    Shared::Contention,
    Shared::Coherency,
    Shared::Stretch,
    Shared::Cpu,
    Shared::Idle,
    Shared::Checkpoint,
    Shared::WorkingSet,
    Shared::Miss,
    Shared::HeapBase,
    Shared::HeapSlot,
    Shared::HeapRate,
    Shared::HeapState,
];

const MIB: f64 = 1024.0 * 1024.0;

/// Where the parameters of a job of so many vertices stand.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Layout {
    pub(super) vertices: usize,
}

impl Layout {
    /// ln of the rate of one subtask of a vertex, records/s, alone and undisturbed.
    pub(super) fn rate(self, vertex: usize) -> usize {
        vertex
    }

    pub(super) fn at(self, shared: Shared) -> usize {
        self.vertices + shared as usize
    }

    /// Mean and sd of a shared parameter's logarithm before anything was seen: weakly informative. Contention and coherency are those
    /// of published Flink scalings (docs/statistics.md), the idle JVM's cores and heap those of an idle TaskManager of Flink 1.17 to
    /// 2.0, the cost of a miss that of a RocksDB read from the operating system's cache over one from its own.
    pub(super) fn prior(self, shared: Shared, state_bytes: f64) -> (f64, f64) {
        let of = |median: f64, sd: f64| (median.ln(), sd);
        match shared {
            Shared::Contention => of(0.01, 1.0),
            Shared::Coherency => of(0.00002, 1.2),
            Shared::Stretch => of(0.2, 0.4),
            Shared::Cpu => of(1e-5, 8.0),
            Shared::Idle => of(0.04, 0.5),
            Shared::Checkpoint => of(0.25, 0.6),
            Shared::WorkingSet => of(0.15 * state_bytes.max(MIB), 0.9),
            Shared::Miss => of(0.8, 0.6),
            Shared::HeapBase => of(140.0 * MIB, 0.35),
            Shared::HeapSlot => of(14.0 * MIB, 0.6),
            Shared::HeapRate => of(800.0, 0.6),
            Shared::HeapState => of(1.4, 0.3),
        }
    }

    /// Name of a parameter for people, with its unit.
    pub(super) fn name(shared: Shared) -> &'static str {
        match shared {
            Shared::Contention => "contention (a subtask)",
            Shared::Coherency => "coherency (a pair of subtasks)",
            Shared::Stretch => "stretch at full CPU",
            Shared::Cpu => "CPU seconds a record",
            Shared::Idle => "cores of an idle TaskManager",
            Shared::Checkpoint => "cost of steady checkpoints",
            Shared::WorkingSet => "state in use, bytes",
            Shared::Miss => "cost of missing the cache",
            Shared::HeapBase => "heap of an idle TaskManager, bytes",
            Shared::HeapSlot => "heap of a slot, bytes",
            Shared::HeapRate => "heap of a record/s, bytes",
            Shared::HeapState => "heap of a byte of state, bytes",
        }
    }

    /// The shared parameters, in order.
    pub(super) fn shared(self) -> [Shared; 12] {
        SHARED
    }
}
