//! What classification answers with.

use crate::snapshot::{Failure, Gap, JobKey, OutOfMemory, Workload};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The kinds of problem that Plimsoll tells apart. Several may hold at once.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum VerdictId {
    /// Far less CPU is used than is paid for, and nothing is blocked.
    OverprovisionedCpu,
    /// Far less memory is used than is paid for.
    OverprovisionedMemory,
    /// Slots that no task uses, or parallelism that the load does not need.
    OverprovisionedSlots,
    /// The bottleneck computes: busy by Flink's clock and by the CPU's.
    CpuBound,
    /// Busy by Flink's clock, idle by the CPU's: it waits for something outside.
    ExternalWait,
    /// The heap is nearly full after collections, or collections take the time.
    MemoryPressure,
    /// Checkpoints fail, time out, or take as long as their interval.
    CheckpointThrash,
    /// The bottleneck is a sink, and it waits.
    SinkBound,
    /// One subtask carries far more than the others.
    Skewed,
    /// The source cannot read faster (partitions, the outside system), and lag remains.
    SourceBound,
    /// Lag is above the job's limit and does not fall: it carries less than arrives.
    FallingBehind,
    /// The operator's autoscaler is on, and its overrides do not run or its metrics are missing.
    AutoscalerInert,
    /// Hardly any records.
    Idle,
    /// It restarts again and again.
    Unstable,
    /// Too short a history to judge sizes.
    InsufficientHistory,
    /// The signals that a judgement needs are missing.
    Blind,
    /// None of the others: it carries its load with fitting resources.
    Healthy,
}

impl VerdictId {
    /// All, in the order in which they are listed to people.
    pub const ALL: [VerdictId; 17] = [
        VerdictId::OverprovisionedCpu,
        VerdictId::OverprovisionedMemory,
        VerdictId::OverprovisionedSlots,
        VerdictId::CpuBound,
        VerdictId::ExternalWait,
        VerdictId::MemoryPressure,
        VerdictId::CheckpointThrash,
        VerdictId::SinkBound,
        VerdictId::Skewed,
        VerdictId::SourceBound,
        VerdictId::FallingBehind,
        VerdictId::AutoscalerInert,
        VerdictId::Idle,
        VerdictId::Unstable,
        VerdictId::InsufficientHistory,
        VerdictId::Blind,
        VerdictId::Healthy,
    ];

    /// Its name as users write and read it: `overprovisioned-cpu`.
    pub fn as_str(self) -> &'static str {
        match self {
            VerdictId::OverprovisionedCpu => "overprovisioned-cpu",
            VerdictId::OverprovisionedMemory => "overprovisioned-memory",
            VerdictId::OverprovisionedSlots => "overprovisioned-slots",
            VerdictId::CpuBound => "cpu-bound",
            VerdictId::ExternalWait => "external-wait",
            VerdictId::MemoryPressure => "memory-pressure",
            VerdictId::CheckpointThrash => "checkpoint-thrash",
            VerdictId::SinkBound => "sink-bound",
            VerdictId::Skewed => "skewed",
            VerdictId::SourceBound => "source-bound",
            VerdictId::FallingBehind => "falling-behind",
            VerdictId::AutoscalerInert => "autoscaler-inert",
            VerdictId::Idle => "idle",
            VerdictId::Unstable => "unstable",
            VerdictId::InsufficientHistory => "insufficient-history",
            VerdictId::Blind => "blind",
            VerdictId::Healthy => "healthy",
        }
    }
}

impl fmt::Display for VerdictId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a signal's value is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// 0..=1, shown in percent.
    Share,
    /// Bytes.
    Bytes,
    /// Cores.
    Cores,
    /// Records per second.
    RecordsPerSecond,
    /// Records.
    Records,
    /// Milliseconds.
    Millis,
    /// A plain number: slots, restarts, a ratio.
    Count,
}

/// One number behind a verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Signal {
    /// What was measured, in a reader's words: `CPU used`, `busiest vertex`, `heap after GC`.
    pub name: String,
    /// The measured value. Finite.
    pub value: f64,
    /// Its unit.
    pub unit: Unit,
    /// The threshold that it was held against, if any, in the same unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
}

/// A vertex, named for people and for machines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VertexName {
    /// Flink's id.
    pub id: String,
    /// Its name; foreign text.
    pub name: String,
}

/// A verdict with at least two signals.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Verdict {
    /// Which.
    pub id: VerdictId,
    /// Where, when it is about one vertex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vertex: Option<VertexName>,
    /// The numbers that caused it, the strongest first.
    pub signals: Vec<Signal>,
}

/// What a job is: all verdicts that hold, its bottlenecks, and what could not be seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct JobProfile {
    /// Which job.
    pub job: JobKey,
    /// Begin of the history looked at, Unix milliseconds; equal to `to_ms` when there is none.
    pub from_ms: i64,
    /// End of it.
    pub to_ms: i64,
    /// In the order of [`VerdictId::ALL`], vertices in topological order.
    pub verdicts: Vec<Verdict>,
    /// The busy, not backpressured vertices below backpressured ones, one for each branch that has one.
    pub bottlenecks: Vec<VertexName>,
    /// What was missing.
    pub gaps: Vec<Gap>,
    /// What runs: only a streaming job with TaskManagers of its own has a size.
    #[serde(default, skip_serializing_if = "Workload::is_streaming")]
    pub workload: Workload,
    /// What failed it last, newest first, at most five.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<Failure>,
    /// Resources that may not get less, each with why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bars: Vec<Bar>,
}

/// A resource that a size is made of.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Resource {
    /// Slots of all TaskManagers together.
    Slots,
    /// Cores of all TaskManagers together.
    Cpu,
    /// Memory of all TaskManagers together.
    Memory,
    /// Process memory of each TaskManager.
    Process,
}

impl Resource {
    /// All.
    pub const ALL: [Resource; 4] = [
        Resource::Slots,
        Resource::Cpu,
        Resource::Memory,
        Resource::Process,
    ];
}

/// A resource that may not get less, whatever a model says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Bar {
    /// Which.
    pub resource: Resource,
    /// A stable code: a verdict's id, `out-of-memory`, …
    pub code: String,
    /// Why, in one sentence.
    pub message: String,
}

/// The last failures that a profile names.
pub(super) const FAILURES_NAMED: usize = 5;

/// What a failure says of itself: its class, and the memory that ran out.
pub fn cause(failure: &Failure) -> String {
    match (failure.memory, failure.out_of_memory) {
        (Some(kind), _) => format!("{}: {} ran out", failure.class, kind.words()),
        (None, true) => format!("{}: memory ran out", failure.class),
        (None, false) => failure.class.clone(),
    }
}

/// The words for kinds of memory that ran out, joined.
pub(super) fn kinds_in_words(kinds: impl IntoIterator<Item = OutOfMemory>) -> String {
    let words: Vec<&str> = kinds.into_iter().map(OutOfMemory::words).collect();
    if words.is_empty() {
        "memory".to_owned()
    } else {
        words.join(", ")
    }
}

impl JobProfile {
    /// Whether a verdict holds, for the job or any vertex.
    pub fn has(&self, id: VerdictId) -> bool {
        self.verdicts.iter().any(|verdict| verdict.id == id)
    }

    /// Why a resource may not get less; none when nothing that was seen speaks against it. Whoever proposes a size asks for each of
    /// [`Resource::ALL`], and takes nothing from a resource that is barred.
    pub fn bar(&self, resource: Resource) -> Option<&Bar> {
        self.bars.iter().find(|bar| bar.resource == resource)
    }
}
