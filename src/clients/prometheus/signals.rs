//! What is asked for: one query a signal, for all jobs of a shard at once.

/// Whose value a signal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// The processes of a resource together.
    Cluster,
    /// A job.
    Job,
    /// An execution of a job, by its id.
    Execution,
    /// A vertex.
    Vertex,
}

/// How a step's values are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// The value at the step's end.
    AtEnd,
    /// The mean over the step.
    Mean,
    /// Mean, smallest, median, 95 % quantile and largest over the step, in the order of [`STATS`].
    Stats,
}

/// The label that names a statistic, and its values.
pub const STAT_LABEL: &str = "plimsoll_stat";
/// Mean, smallest, median, 95 % quantile, largest.
pub const STATS: [&str; 5] = ["mean", "min", "p50", "p95", "max"];

/// A signal: its query has its name in a comment, so that a store's query log can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "each is described where its query is written")]
pub enum Signal {
    Age,
    Running,
    Restarts,
    CheckpointsCompleted,
    CheckpointsFailed,
    CheckpointDuration,
    StateBytes,
    CheckpointedBytes,
    TaskManagers,
    SlotsTotal,
    Registered,
    SlotsUsed,
    CpuCores,
    CpuCoresMax,
    HeapUsed,
    HeapMax,
    ManagedUsed,
    ManagedTotal,
    NetworkUsed,
    NetworkTotal,
    MetaspaceUsed,
    NonHeapUsed,
    DirectUsed,
    GcShare,
    ContainerUsed,
    ContainerLimit,
    CpuRequested,
    MemoryRequested,
    Parallelism,
    Busy,
    BusyMax,
    BusyMedian,
    Backpressured,
    BackpressuredMax,
    Idle,
    RecordsIn,
    RecordsOut,
    Skew,
    Pending,
}

/// All signals, those of jobs first.
pub const ALL: [Signal; 39] = [
    Signal::Age,
    Signal::Running,
    Signal::Restarts,
    Signal::CheckpointsCompleted,
    Signal::CheckpointsFailed,
    Signal::CheckpointDuration,
    Signal::StateBytes,
    Signal::CheckpointedBytes,
    Signal::TaskManagers,
    Signal::SlotsTotal,
    Signal::Registered,
    Signal::SlotsUsed,
    Signal::CpuCores,
    Signal::CpuCoresMax,
    Signal::HeapUsed,
    Signal::HeapMax,
    Signal::ManagedUsed,
    Signal::ManagedTotal,
    Signal::NetworkUsed,
    Signal::NetworkTotal,
    Signal::MetaspaceUsed,
    Signal::NonHeapUsed,
    Signal::DirectUsed,
    Signal::GcShare,
    Signal::ContainerUsed,
    Signal::ContainerLimit,
    Signal::CpuRequested,
    Signal::MemoryRequested,
    Signal::Parallelism,
    Signal::Busy,
    Signal::BusyMax,
    Signal::BusyMedian,
    Signal::Backpressured,
    Signal::BackpressuredMax,
    Signal::Idle,
    Signal::RecordsIn,
    Signal::RecordsOut,
    Signal::Skew,
    Signal::Pending,
];

/// Signals of vertices: most of the volume.
pub const OF_VERTICES: usize = 11;

pub(super) const UPTIME: &str = "jobmanager_job_uptime";
pub(super) const BUSY: &str = "taskmanager_job_task_busyTimeMsPerSecond";
/// What every collector's time is called, without its name and `_Time`.
pub(super) const COLLECTOR: &str = "taskmanager_Status_JVM_GarbageCollector_";
/// Collectors that pause the application, as the reporter writes them.
pub(super) const PAUSING: [&str; 11] = [
    "G1_Young_Generation",
    "G1_Old_Generation",
    "PS_Scavenge",
    "PS_MarkSweep",
    "Copy",
    "MarkSweepCompact",
    "ParNew",
    "ZGC_Pauses",
    "ZGC_Minor_Pauses",
    "ZGC_Major_Pauses",
    "Shenandoah_Pauses",
];
/// Those that work beside it: where one is, the sum over all collectors is no time in pauses.
pub(super) const CONCURRENT: [&str; 5] = [
    "ZGC",
    "ZGC_Cycles",
    "ZGC_Minor_Cycles",
    "ZGC_Major_Cycles",
    "Shenandoah_Cycles",
];
/// Of cAdvisor, whole: what a container holds is none of Flink's metrics.
pub(super) const WORKING_SET: &str = "container_memory_working_set_bytes";
/// Of cAdvisor, whole.
pub(super) const LIMIT: &str = "container_spec_memory_limit_bytes";
/// Of kube-state-metrics, whole: the size of a pod is none of Flink's metrics.
pub(super) const REQUESTS: &str = "kube_pod_container_resource_requests";

impl Signal {
    /// Whose value it is.
    pub fn scope(self) -> Scope {
        match self {
            Signal::Age
            | Signal::Restarts
            | Signal::CheckpointsCompleted
            | Signal::CheckpointsFailed => Scope::Execution,
            Signal::Running
            | Signal::CheckpointDuration
            | Signal::StateBytes
            | Signal::CheckpointedBytes => Scope::Job,
            Signal::Parallelism
            | Signal::Busy
            | Signal::BusyMax
            | Signal::BusyMedian
            | Signal::Backpressured
            | Signal::BackpressuredMax
            | Signal::Idle
            | Signal::RecordsIn
            | Signal::RecordsOut
            | Signal::Skew
            | Signal::Pending => Scope::Vertex,
            _ => Scope::Cluster,
        }
    }

    /// How a step's values are told.
    pub fn form(self) -> Form {
        match self {
            Signal::CheckpointDuration
            | Signal::StateBytes
            | Signal::HeapUsed
            | Signal::ManagedUsed
            | Signal::NetworkUsed
            | Signal::MetaspaceUsed
            | Signal::NonHeapUsed
            | Signal::DirectUsed
            | Signal::ContainerUsed => Form::Stats,
            Signal::Age
            | Signal::Restarts
            | Signal::CheckpointsCompleted
            | Signal::CheckpointsFailed
            | Signal::TaskManagers
            | Signal::SlotsTotal
            | Signal::Registered
            | Signal::HeapMax
            | Signal::ManagedTotal
            | Signal::NetworkTotal
            | Signal::ContainerLimit
            | Signal::CpuRequested
            | Signal::MemoryRequested
            | Signal::Parallelism => Form::AtEnd,
            _ => Form::Mean,
        }
    }

    /// Its name in comments and gaps, in the reader's words.
    pub fn name(self) -> &'static str {
        match self {
            Signal::Age => "time since the job's start",
            Signal::Running => "whether the job ran",
            Signal::Restarts => "restarts",
            Signal::CheckpointsCompleted => "completed checkpoints",
            Signal::CheckpointsFailed => "failed checkpoints",
            Signal::CheckpointDuration => "checkpoint duration",
            Signal::StateBytes => "state size",
            Signal::CheckpointedBytes => "bytes of a checkpoint",
            Signal::TaskManagers => "TaskManagers",
            Signal::SlotsTotal => "slots",
            Signal::Registered => "registered TaskManagers",
            Signal::SlotsUsed => "slots used",
            Signal::CpuCores => "CPU used",
            Signal::CpuCoresMax => "CPU used by the busiest TaskManager",
            Signal::HeapUsed => "heap used",
            Signal::HeapMax => "largest heap",
            Signal::ManagedUsed => "managed memory used",
            Signal::ManagedTotal => "managed memory",
            Signal::NetworkUsed => "network memory used",
            Signal::NetworkTotal => "network memory",
            Signal::MetaspaceUsed => "metaspace used",
            Signal::NonHeapUsed => "non-heap memory used",
            Signal::DirectUsed => "direct memory used",
            Signal::GcShare => "GC time",
            Signal::ContainerUsed => "memory of containers",
            Signal::ContainerLimit => "memory limit of containers",
            Signal::CpuRequested => "CPU requested",
            Signal::MemoryRequested => "memory requested",
            Signal::Parallelism => "parallelism",
            Signal::Busy => "busy time",
            Signal::BusyMax => "busy time of the busiest subtask",
            Signal::BusyMedian => "busy time of the median subtask",
            Signal::Backpressured => "backpressure",
            Signal::BackpressuredMax => "backpressure of the most backpressured subtask",
            Signal::Idle => "idle time",
            Signal::RecordsIn => "records read",
            Signal::RecordsOut => "records written",
            Signal::Skew => "skew of the records read",
            Signal::Pending => "lag of sources",
        }
    }

    /// The metrics it needs, without the prefix: of each line one is enough.
    pub fn metrics(self) -> &'static [&'static str] {
        match self {
            Signal::Age | Signal::Running => &[UPTIME],
            Signal::Restarts => &["jobmanager_job_numRestarts"],
            Signal::CheckpointsCompleted => &["jobmanager_job_numberOfCompletedCheckpoints"],
            Signal::CheckpointsFailed => &["jobmanager_job_numberOfFailedCheckpoints"],
            Signal::CheckpointDuration => &["jobmanager_job_lastCheckpointDuration"],
            Signal::StateBytes => &["jobmanager_job_lastCheckpointFullSize"],
            Signal::CheckpointedBytes => &["jobmanager_job_lastCheckpointSize"],
            Signal::SlotsTotal => &["jobmanager_taskSlotsTotal"],
            Signal::Registered => &["jobmanager_numRegisteredTaskManagers"],
            Signal::SlotsUsed => &["jobmanager_taskSlotsTotal", "jobmanager_taskSlotsAvailable"],
            Signal::CpuCores | Signal::CpuCoresMax => &["taskmanager_Status_JVM_CPU_Time"],
            Signal::HeapUsed | Signal::TaskManagers => &["taskmanager_Status_JVM_Memory_Heap_Used"],
            Signal::HeapMax => &["taskmanager_Status_JVM_Memory_Heap_Max"],
            Signal::ManagedUsed => &["taskmanager_Status_Flink_Memory_Managed_Used"],
            Signal::ManagedTotal => &["taskmanager_Status_Flink_Memory_Managed_Total"],
            Signal::NetworkUsed => &["taskmanager_Status_Shuffle_Netty_UsedMemory"],
            Signal::NetworkTotal => &["taskmanager_Status_Shuffle_Netty_TotalMemory"],
            Signal::MetaspaceUsed => &["taskmanager_Status_JVM_Memory_Metaspace_Used"],
            Signal::NonHeapUsed => &["taskmanager_Status_JVM_Memory_NonHeap_Used"],
            Signal::DirectUsed => &["taskmanager_Status_JVM_Memory_Direct_MemoryUsed"],
            Signal::GcShare => &[
                "taskmanager_Status_JVM_GarbageCollector_G1_Young_Generation_Time",
                "taskmanager_Status_JVM_GarbageCollector_PS_Scavenge_Time",
                "taskmanager_Status_JVM_GarbageCollector_Copy_Time",
                "taskmanager_Status_JVM_GarbageCollector_ParNew_Time",
                "taskmanager_Status_JVM_GarbageCollector_ZGC_Pauses_Time",
                "taskmanager_Status_JVM_GarbageCollector_ZGC_Minor_Pauses_Time",
                "taskmanager_Status_JVM_GarbageCollector_Shenandoah_Pauses_Time",
                "taskmanager_Status_JVM_GarbageCollector_All_Time",
            ],
            Signal::ContainerUsed => &[WORKING_SET],
            Signal::ContainerLimit => &[LIMIT],
            Signal::CpuRequested | Signal::MemoryRequested => &[REQUESTS],
            Signal::Parallelism | Signal::Busy | Signal::BusyMax | Signal::BusyMedian => &[BUSY],
            Signal::Backpressured | Signal::BackpressuredMax => {
                &["taskmanager_job_task_backPressuredTimeMsPerSecond"]
            }
            Signal::Idle => &["taskmanager_job_task_idleTimeMsPerSecond"],
            Signal::RecordsIn => &[
                "taskmanager_job_task_operator_numRecordsOut",
                "taskmanager_job_task_numRecordsIn",
            ],
            Signal::RecordsOut => &["taskmanager_job_task_numRecordsOut"],
            Signal::Skew => &[
                "taskmanager_job_task_operator_numRecordsOutPerSecond",
                "taskmanager_job_task_numRecordsInPerSecond",
            ],
            Signal::Pending => &["taskmanager_job_task_operator_pendingRecords"],
        }
    }
}
