//! Why sizing changes nothing.

use crate::quantity::codes;

codes! {
    /// Why sizing keeps a size, or cannot say one. The codes are stable: plans, explanations and tests name them.
    pub enum SizingReason {
        /// The job was not seen running.
        NotRunning = "not-running",
        /// CPU, memory or TaskManagers of the size in force are unknown.
        SizeUnknown = "size-unknown",
        /// The history is too short.
        InsufficientHistory = "insufficient-history",
        /// Signals are missing without which no size can be given.
        Blind = "blind",
        /// The job restarts again and again.
        Unstable = "unstable",
        /// Several jobs share the JobManager: TaskManagers belong to no one of them.
        SessionCluster = "session-cluster",
        /// A batch job has no steady load to be sized for.
        Batch = "batch",
        /// The job has finished.
        Finished = "finished",
        /// Its TaskManagers have different sizes.
        UnlikeTaskManagers = "unlike-task-managers",
        /// The lag is above its limit and does not fall: nothing shrinks.
        FallingBehind = "falling-behind",
        /// The job's code fixes the parallelism of a vertex.
        FixedParallelism = "fixed-parallelism",
        /// The size in force is the cheapest that carries the load.
        Fits = "fits",
        /// The cheapest size saves too little to pay for a restart.
        SavingTooSmall = "saving-too-small",
        /// The job is short, and no size within the limits carries the load.
        OutOfBounds = "out-of-bounds",
        /// A sink waits for what it writes to: no size changes that.
        SinkBound = "sink-bound",
        /// A source has fewer partitions than would be needed.
        SourceBound = "source-bound",
        /// One subtask has more to do than the others, at any parallelism.
        Skewed = "skewed",
        /// A rule or the configuration limits the parallelism.
        ParallelismLimit = "parallelism-limit",
        /// The job's key groups limit the parallelism.
        MaxParallelism = "max-parallelism",
    }
}
