//! Where Flink refuses to start a TaskManager.

use crate::quantity::Memory;

/// Why Flink does not start with a memory configuration: one variant a check of Flink's. Sizes in bytes.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MemoryError {
    /// A size that Flink cannot read; it knows no Kubernetes quantities here.
    #[error("`{option}: {value}` is not a size that Flink reads; write it like `512m` or `2g`")]
    UnreadableSize {
        /// The key as written.
        option: String,
        /// The text.
        value: String,
    },
    /// A fraction or number that Flink cannot read.
    #[error("`{option}: {value}` is not a number; write it like `{example}`")]
    UnreadableNumber {
        /// The key as written.
        option: String,
        /// The text.
        value: String,
        /// A text that would do.
        example: &'static str,
    },
    /// None of the three ways is configured.
    #[error(
        "no size of the TaskManager is configured; set the resource's memory, or taskmanager.memory.process.size, \
         or taskmanager.memory.flink.size, or both taskmanager.memory.task.heap.size and taskmanager.memory.managed.size"
    )]
    NothingConfigured,
    /// A fraction outside of 0 up to, but not including, 1.
    #[error("`{option}: {value}` is not at least 0 and below 1; write one that is")]
    FractionOutOfRange {
        /// The option.
        option: &'static str,
        /// What is in force.
        value: f64,
    },
    /// A minimum above its maximum.
    #[error("`{min_option}` ({}) is above `{max_option}` ({}); lower one or raise the other", size(*.min), size(*.max))]
    MinAboveMax {
        /// The minimum's option.
        min_option: &'static str,
        /// The minimum in force.
        min: u64,
        /// The maximum's option.
        max_option: &'static str,
        /// The maximum in force.
        max: u64,
    },
    /// Metaspace and overhead alone are larger than the process.
    #[error(
        "metaspace ({}) and JVM overhead ({}) exceed the process ({}); raise taskmanager.memory.process.size \
         (the resource's memory), or lower taskmanager.memory.jvm-metaspace.size or taskmanager.memory.jvm-overhead.min",
        size(*.metaspace), size(*.overhead), size(*.process)
    )]
    JvmExceedsProcess {
        /// Metaspace.
        metaspace: u64,
        /// JVM overhead.
        overhead: u64,
        /// The process.
        process: u64,
    },
    /// The pools of given or derived size are together larger than Flink's part.
    #[error(
        "memory pools ({} without {rest}) exceed Flink's memory ({}); raise the process (the resource's memory) or \
         lower taskmanager.memory.managed.size or its fraction, taskmanager.memory.network.min, \
         taskmanager.memory.task.heap.size or the framework's sizes",
        size(*.sum), size(*.flink)
    )]
    PoolsExceedFlink {
        /// All pools but one.
        sum: u64,
        /// The pool that was to take what is left: `task heap` or `network`.
        rest: &'static str,
        /// Flink's part.
        flink: u64,
    },
    /// Network memory takes what is left and falls below its minimum.
    #[error(
        "network memory takes what is left ({}) and is below taskmanager.memory.network.min ({}); raise the process, \
         or lower the minimum, taskmanager.memory.task.heap.size or the managed memory",
        size(*.network), size(*.min)
    )]
    NetworkBelowMin {
        /// What is left.
        network: u64,
        /// The minimum.
        min: u64,
    },
    /// Network memory takes what is left and is above its maximum.
    #[error(
        "network memory takes what is left ({}) and is above taskmanager.memory.network.max ({}); lower the process, \
         or raise the maximum, taskmanager.memory.task.heap.size or the managed memory",
        size(*.network), size(*.max)
    )]
    NetworkAboveMax {
        /// What is left.
        network: u64,
        /// The maximum.
        max: u64,
    },
    /// Network memory takes what is left and is not the number of buffers configured.
    #[error(
        "network memory takes what is left ({}) and is not what taskmanager.network.numberOfBuffers gives ({}); \
         remove that option",
        size(*.network), size(*.configured)
    )]
    NetworkNotAsConfigured {
        /// What is left.
        network: u64,
        /// Buffers times their size.
        configured: u64,
    },
    /// A size of network buffers that is not a power of two of at least 4 KiB.
    #[error(
        "`taskmanager.memory.segment-size` ({bytes} bytes) is not a power of two of at least 4096; write `32kb`"
    )]
    SegmentSize {
        /// The size.
        bytes: u64,
    },
    /// Flink's part and metaspace are larger than the process.
    #[error(
        "Flink's memory ({}) and metaspace ({}) exceed the process ({}); raise taskmanager.memory.process.size \
         (the resource's memory), or lower taskmanager.memory.flink.size or the pools that are set",
        size(*.flink), size(*.metaspace), size(*.process)
    )]
    FlinkExceedsProcess {
        /// Flink's part.
        flink: u64,
        /// Metaspace.
        metaspace: u64,
        /// The process.
        process: u64,
    },
    /// JVM overhead takes what is left of the process and falls below its minimum.
    #[error(
        "JVM overhead takes what is left ({}) and is below taskmanager.memory.jvm-overhead.min ({}); raise the process \
         or lower the minimum",
        size(*.overhead), size(*.min)
    )]
    OverheadBelowMin {
        /// What is left.
        overhead: u64,
        /// The minimum.
        min: u64,
    },
    /// JVM overhead takes what is left of the process and is above its maximum.
    #[error(
        "JVM overhead takes what is left ({}) and is above taskmanager.memory.jvm-overhead.max ({}); lower the process \
         or raise the maximum",
        size(*.overhead), size(*.max)
    )]
    OverheadAboveMax {
        /// What is left.
        overhead: u64,
        /// The maximum.
        max: u64,
    },
    /// Sizes that add up to more than 2^63 - 1 bytes.
    #[error("memory sizes add up to more than 2^63 - 1 bytes; write smaller ones")]
    TooLarge,
}

impl MemoryError {
    /// Whether a larger process, all else equal, can be the remedy.
    pub fn asks_for_more(&self) -> bool {
        matches!(
            self,
            MemoryError::JvmExceedsProcess { .. }
                | MemoryError::PoolsExceedFlink { .. }
                | MemoryError::NetworkBelowMin { .. }
                | MemoryError::FlinkExceedsProcess { .. }
                | MemoryError::OverheadBelowMin { .. }
        )
    }
}

fn size(bytes: u64) -> Memory {
    Memory::from_bytes(bytes)
}
