//! The options of Flink that we read or write: names, defaults, old names.
//!
//! Names, defaults and old names were printed from Flink 1.20.5 and 2.2.1 themselves.

use std::collections::BTreeMap;

use super::version::FlinkVersion;

/// A flattened Flink configuration: key to text.
pub type Configuration = BTreeMap<String, String>;

/// An option of Flink.
#[derive(Debug, PartialEq, Eq)]
pub struct FlinkOption {
    /// Its name.
    pub key: &'static str,
    /// Its default as Flink would read it; absent where Flink has none.
    pub default: Option<&'static str>,
    /// Names it had before, in the order in which Flink falls back to them.
    pub old_keys: &'static [&'static str],
    /// The first version that no longer knows it; what is written under its name then counts for nothing.
    pub removed_in: Option<FlinkVersion>,
}

impl FlinkOption {
    const fn new(key: &'static str, default: Option<&'static str>) -> FlinkOption {
        FlinkOption {
            key,
            default,
            old_keys: &[],
            removed_in: None,
        }
    }

    const fn was(mut self, old_keys: &'static [&'static str]) -> FlinkOption {
        self.old_keys = old_keys;
        self
    }

    const fn removed_in(mut self, version: FlinkVersion) -> FlinkOption {
        self.removed_in = Some(version);
        self
    }

    /// Whether `version` knows the option.
    pub fn exists_in(&self, version: FlinkVersion) -> bool {
        self.removed_in.is_none_or(|removed| version < removed)
    }

    /// The key under which the configuration sets the option, and the text: the present name wins over
    /// old names.
    pub fn written<'a>(&self, configuration: &'a Configuration) -> Option<(&'a str, &'a str)> {
        std::iter::once(&self.key)
            .chain(self.old_keys)
            .find_map(|key| configuration.get_key_value(*key))
            .map(|(key, text)| (key.as_str(), text.as_str()))
    }

    /// The text in force in `version`: what is written, else the default; none where neither is, or where
    /// `version` does not know the option.
    pub fn in_force<'a>(
        &self,
        configuration: &'a Configuration,
        version: FlinkVersion,
    ) -> Option<&'a str> {
        if !self.exists_in(version) {
            return None;
        }
        self.written(configuration)
            .map(|(_, text)| text)
            .or(self.default)
    }
}

/// Size of the TaskManager's process; in Kubernetes the container's memory, which the custom resource sets.
pub const PROCESS_SIZE: FlinkOption = FlinkOption::new("taskmanager.memory.process.size", None);
/// Size of Flink's part of the process: all but metaspace and overhead.
pub const FLINK_SIZE: FlinkOption = FlinkOption::new("taskmanager.memory.flink.size", None);
/// Heap that the framework keeps.
pub const FRAMEWORK_HEAP: FlinkOption =
    FlinkOption::new("taskmanager.memory.framework.heap.size", Some("128m"));
/// Memory outside the heap that the framework keeps.
pub const FRAMEWORK_OFF_HEAP: FlinkOption =
    FlinkOption::new("taskmanager.memory.framework.off-heap.size", Some("128m"));
/// Heap of the tasks; what is left over if it is not set.
pub const TASK_HEAP: FlinkOption = FlinkOption::new("taskmanager.memory.task.heap.size", None);
/// Memory of the tasks outside the heap.
pub const TASK_OFF_HEAP: FlinkOption =
    FlinkOption::new("taskmanager.memory.task.off-heap.size", Some("0"));
/// Managed memory, as a size.
pub const MANAGED_SIZE: FlinkOption =
    FlinkOption::new("taskmanager.memory.managed.size", None).was(&["taskmanager.memory.size"]);
/// Managed memory, as a fraction of Flink's memory; counts where no size is set.
pub const MANAGED_FRACTION: FlinkOption =
    FlinkOption::new("taskmanager.memory.managed.fraction", Some("0.4"));
/// Smallest network memory.
pub const NETWORK_MIN: FlinkOption =
    FlinkOption::new("taskmanager.memory.network.min", Some("64m"))
        .was(&["taskmanager.network.memory.min"]);
/// Largest network memory; without limit since 1.17.
pub const NETWORK_MAX: FlinkOption = FlinkOption::new(
    "taskmanager.memory.network.max",
    Some("9223372036854775807"),
)
.was(&["taskmanager.network.memory.max"]);
/// Network memory as a fraction of Flink's memory.
pub const NETWORK_FRACTION: FlinkOption =
    FlinkOption::new("taskmanager.memory.network.fraction", Some("0.1"))
        .was(&["taskmanager.network.memory.fraction"]);
/// Limit of the JVM's metaspace.
pub const METASPACE: FlinkOption =
    FlinkOption::new("taskmanager.memory.jvm-metaspace.size", Some("256m"));
/// Smallest JVM overhead.
pub const OVERHEAD_MIN: FlinkOption =
    FlinkOption::new("taskmanager.memory.jvm-overhead.min", Some("192m"));
/// Largest JVM overhead.
pub const OVERHEAD_MAX: FlinkOption =
    FlinkOption::new("taskmanager.memory.jvm-overhead.max", Some("1g"));
/// JVM overhead as a fraction of the process.
pub const OVERHEAD_FRACTION: FlinkOption =
    FlinkOption::new("taskmanager.memory.jvm-overhead.fraction", Some("0.1"));
/// Size of one network buffer.
pub const SEGMENT_SIZE: FlinkOption =
    FlinkOption::new("taskmanager.memory.segment-size", Some("32kb"));
/// The process size's name before 1.10 (in containers).
pub const LEGACY_HEAP_SIZE: FlinkOption =
    FlinkOption::new("taskmanager.heap.size", None).removed_in(FlinkVersion::V2_0);
/// The same, as a whole number of mebibytes.
pub const LEGACY_HEAP_MB: FlinkOption =
    FlinkOption::new("taskmanager.heap.mb", None).removed_in(FlinkVersion::V2_0);
/// Network memory as a number of buffers; counts where none of min, max and fraction is set.
pub const LEGACY_NETWORK_BUFFERS: FlinkOption =
    FlinkOption::new("taskmanager.network.numberOfBuffers", None).removed_in(FlinkVersion::V2_0);
/// Network buffers that each channel owns; the number is fixed since 2.0.
pub const BUFFERS_PER_CHANNEL: FlinkOption =
    FlinkOption::new("taskmanager.network.memory.buffers-per-channel", Some("2"))
        .removed_in(FlinkVersion::V2_0);
/// Network buffers that float between the channels of a gate; the number is fixed since 2.0.
pub const FLOATING_BUFFERS_PER_GATE: FlinkOption = FlinkOption::new(
    "taskmanager.network.memory.floating-buffers-per-gate",
    Some("8"),
)
.removed_in(FlinkVersion::V2_0);
/// Whether buffers shrink so that what is in flight is consumed within a second.
pub const BUFFER_DEBLOAT: FlinkOption = FlinkOption::new(
    "taskmanager.network.memory.buffer-debloat.enabled",
    Some("false"),
);
/// Process memory of the JobManager.
pub const JOB_MANAGER_PROCESS_SIZE: FlinkOption =
    FlinkOption::new("jobmanager.memory.process.size", None);

/// Slots of one TaskManager.
pub const TASK_SLOTS: FlinkOption = FlinkOption::new("taskmanager.numberOfTaskSlots", Some("1"));
/// Parallelism where nothing else says one.
pub const DEFAULT_PARALLELISM: FlinkOption = FlinkOption::new("parallelism.default", Some("1"));
/// Key groups of every vertex that does not name its own; -1 leaves it to Flink.
pub const MAX_PARALLELISM: FlinkOption = FlinkOption::new("pipeline.max-parallelism", Some("-1"));
/// Parallelism by vertex; wins over the job's parallelism.
pub const PARALLELISM_OVERRIDES: FlinkOption =
    FlinkOption::new("pipeline.jobvertex-parallelism-overrides", None);
/// Which scheduler places the tasks: `Default`, `Adaptive`, `AdaptiveBatch`.
pub const SCHEDULER: FlinkOption = FlinkOption::new("jobmanager.scheduler", Some("Default"));
/// `REACTIVE` makes parallelism follow the TaskManagers.
pub const SCHEDULER_MODE: FlinkOption = FlinkOption::new("scheduler-mode", None);

/// Time between checkpoints; without it there are none.
pub const CHECKPOINT_INTERVAL: FlinkOption =
    FlinkOption::new("execution.checkpointing.interval", None);
/// Time after which a checkpoint counts as failed.
pub const CHECKPOINT_TIMEOUT: FlinkOption =
    FlinkOption::new("execution.checkpointing.timeout", Some("10 min"));
/// Time from the end of one checkpoint to the start of the next, at least.
pub const CHECKPOINT_MIN_PAUSE: FlinkOption =
    FlinkOption::new("execution.checkpointing.min-pause", Some("0"));
/// Checkpoints under way at once.
pub const CHECKPOINT_CONCURRENCY: FlinkOption = FlinkOption::new(
    "execution.checkpointing.max-concurrent-checkpoints",
    Some("1"),
);
/// Failed checkpoints in a row before the job fails.
pub const CHECKPOINT_TOLERATED_FAILURES: FlinkOption = FlinkOption::new(
    "execution.checkpointing.tolerable-failed-checkpoints",
    Some("0"),
);
/// Whether barriers may overtake records.
pub const CHECKPOINT_UNALIGNED: FlinkOption =
    FlinkOption::new("execution.checkpointing.unaligned.enabled", Some("false"))
        .was(&["execution.checkpointing.unaligned"]);
/// Whether a checkpoint writes only what changed.
pub const CHECKPOINT_INCREMENTAL: FlinkOption =
    FlinkOption::new("execution.checkpointing.incremental", Some("false"))
        .was(&["state.backend.incremental"]);
/// Where state lives: `hashmap` (heap), `rocksdb` (managed memory), `forst`.
pub const STATE_BACKEND: FlinkOption =
    FlinkOption::new("state.backend.type", Some("hashmap")).was(&["state.backend"]);

/// Whether the operator's autoscaler decides on parallelism.
pub const AUTOSCALER_ENABLED: FlinkOption =
    FlinkOption::new("job.autoscaler.enabled", Some("false"))
        .was(&["kubernetes.operator.job.autoscaler.enabled"]);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn present_name_wins_over_old_names() {
        let mut configuration = Configuration::new();
        assert_eq!(
            MANAGED_SIZE.in_force(&configuration, FlinkVersion::V1_20),
            None
        );
        configuration.insert("taskmanager.memory.size".to_owned(), "300m".to_owned());
        let written = Some(("taskmanager.memory.size", "300m"));
        assert_eq!(MANAGED_SIZE.written(&configuration), written);
        configuration.insert(MANAGED_SIZE.key.to_owned(), "200m".to_owned());
        assert_eq!(
            MANAGED_SIZE.in_force(&configuration, FlinkVersion::V2_2),
            Some("200m")
        );
    }

    #[test]
    fn removed_options_count_for_nothing() {
        let key = LEGACY_NETWORK_BUFFERS.key.to_owned();
        let configuration = Configuration::from([(key, "4096".to_owned())]);
        let in_force = |version| LEGACY_NETWORK_BUFFERS.in_force(&configuration, version);
        assert_eq!(in_force(FlinkVersion::V1_20), Some("4096"));
        assert_eq!(in_force(FlinkVersion::V2_2), None);
    }
}
