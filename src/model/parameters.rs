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

    /// Name of a parameter for people, and what it is counted in.
    pub(super) fn name(shared: Shared) -> (&'static str, Unit) {
        match shared {
            Shared::Contention => ("contention for each further subtask", Unit::Share),
            Shared::Coherency => ("coherency for each pair of subtasks", Unit::Share),
            Shared::Stretch => (
                "stretch of busy time when all cores are in use",
                Unit::Share,
            ),
            Shared::Cpu => ("CPU for a record", Unit::Seconds),
            Shared::Idle => ("cores of an idle TaskManager", Unit::Cores),
            Shared::Checkpoint => ("cost of a checkpoint that is always under way", Unit::Share),
            Shared::WorkingSet => ("state in use", Unit::Bytes),
            Shared::Miss => ("cost of finding no state in the cache", Unit::Share),
            Shared::HeapBase => ("heap of an idle TaskManager", Unit::Bytes),
            Shared::HeapSlot => ("heap of a slot", Unit::Bytes),
            Shared::HeapRate => ("heap of a record a second", Unit::Bytes),
            Shared::HeapState => ("heap of a byte of state", Unit::Bytes),
        }
    }

    /// The shared parameters, in order.
    pub(super) fn shared(self) -> [Shared; 12] {
        SHARED
    }
}

/// What a parameter is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A share of 1.
    Share,
    /// Seconds.
    Seconds,
    /// Cores.
    Cores,
    /// Bytes.
    Bytes,
}
