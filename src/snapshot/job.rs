//! Who a job is, and what is known of it as a whole.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The kinds of custom resource that run a job.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum JobKind {
    /// `FlinkDeployment`: an application, or a session cluster.
    Deployment,
    /// `FlinkSessionJob`: a job inside a session cluster.
    SessionJob,
    /// `FlinkBlueGreenDeployment`.
    BlueGreen,
}

impl JobKind {
    /// The resource's kind as Kubernetes spells it.
    pub fn resource_kind(self) -> &'static str {
        match self {
            JobKind::Deployment => "FlinkDeployment",
            JobKind::SessionJob => "FlinkSessionJob",
            JobKind::BlueGreen => "FlinkBlueGreenDeployment",
        }
    }
}

impl fmt::Display for JobKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            JobKind::Deployment => "deployment",
            JobKind::SessionJob => "sessionjob",
            JobKind::BlueGreen => "bluegreen",
        })
    }
}

/// A job's identity: cluster, kind, namespace, name. Prints as `cluster/kind/namespace/name`.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub struct JobKey {
    /// The cluster's name in `plimsoll.yaml`.
    pub cluster: String,
    /// The kind of its custom resource.
    pub kind: JobKind,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// A text that is no job key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a job: write cluster/kind/namespace/name, with kind one of deployment, sessionjob, bluegreen"
)]
pub struct KeyError(pub String);

impl JobKey {
    /// `namespace/name`, what people call it.
    pub fn short(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }
}

impl fmt::Display for JobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}/{}/{}/{}",
            self.cluster, self.kind, self.namespace, self.name
        )
    }
}

impl FromStr for JobKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let parts: Vec<&str> = text.split('/').collect();
        let [cluster, kind, namespace, name] = parts[..] else {
            return Err(KeyError(text.to_string()));
        };
        let kind = match kind {
            "deployment" => JobKind::Deployment,
            "sessionjob" => JobKind::SessionJob,
            "bluegreen" => JobKind::BlueGreen,
            _ => return Err(KeyError(text.to_string())),
        };
        if cluster.is_empty() || namespace.is_empty() || name.is_empty() {
            return Err(KeyError(text.to_string()));
        }
        Ok(JobKey {
            cluster: cluster.to_string(),
            kind,
            namespace: namespace.to_string(),
            name: name.to_string(),
        })
    }
}

/// What a job was doing when it was looked at.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum JobState {
    /// All tasks run.
    Running,
    /// It is starting, restarting or being redeployed: not a failure.
    Starting,
    /// It failed for good, or its pods crash.
    Failed,
    /// It was canceled, suspended or finished: nothing runs.
    Stopped,
    /// Nobody answered: nothing is known.
    Unreachable,
}

/// Slots of a Flink cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Slots {
    /// All slots.
    pub total: u32,
    /// Slots without a task.
    pub available: u32,
}

/// Checkpoints of a job: counters since its submission, the latest, the settings.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Checkpoints {
    /// Completed since the submission (a counter).
    pub completed: u64,
    /// Failed since the submission (a counter).
    pub failed: u64,
    /// Under way now.
    pub in_progress: u64,
    /// End-to-end duration of the latest completed one, milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latest_duration_ms: Option<u64>,
    /// Full state size of the latest completed one, bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latest_state_bytes: Option<u64>,
    /// Bytes that the latest completed one wrote (less than the state when incremental).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latest_checkpointed_bytes: Option<u64>,
    /// When the latest completed one ended, Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latest_completed_at_ms: Option<i64>,
    /// When the latest completed savepoint ended, Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latest_savepoint_at_ms: Option<i64>,
    /// Size of that savepoint, bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latest_savepoint_bytes: Option<u64>,
    /// Configured interval, milliseconds; absent when checkpointing is off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval_ms: Option<u64>,
    /// Configured timeout, milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// Whether checkpoints are unaligned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unaligned: Option<bool>,
    /// `HashMapStateBackend`, `EmbeddedRocksDBStateBackend`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_backend: Option<String>,
    /// Ended checkpoints in Flink's own history, newest first (at most ten): (ended at ms, duration ms, completed).
    #[serde(default)]
    pub recent: Vec<(i64, u64, bool)>,
}

/// An exception that failed the job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Failure {
    /// When, Unix milliseconds.
    pub at_ms: i64,
    /// The exception's class, without the message: messages can hold data.
    pub class: String,
    /// Whether it says that memory ran out (an OutOfMemoryError, or a container killed for its memory).
    pub out_of_memory: bool,
    /// Which memory ran out; absent when none did, or when the exception does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<OutOfMemory>,
}

/// The memory that ran out. Each kind asks for another pool.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum OutOfMemory {
    /// The JVM's heap: `Java heap space`, an array that is too large for it.
    Heap,
    /// The JVM spent nearly all of its time in collections that freed nothing: `GC overhead limit exceeded`.
    GcOverhead,
    /// Metaspace, or the space of compressed classes in it.
    Metaspace,
    /// Direct buffers: `Direct buffer memory`.
    Direct,
    /// The container's limit: the kernel or the cluster killed the process (137, OOMKilled, "running beyond physical memory limits"), or the
    /// operating system gave it nothing more (native threads, `mmap`).
    Container,
}

impl OutOfMemory {
    /// All kinds.
    pub const ALL: [OutOfMemory; 5] = [
        OutOfMemory::Heap,
        OutOfMemory::GcOverhead,
        OutOfMemory::Metaspace,
        OutOfMemory::Direct,
        OutOfMemory::Container,
    ];

    /// What ran out, in a reader's words.
    pub fn words(self) -> &'static str {
        match self {
            OutOfMemory::Heap => "heap",
            OutOfMemory::GcOverhead => "heap (GC overhead limit)",
            OutOfMemory::Metaspace => "metaspace",
            OutOfMemory::Direct => "direct memory",
            OutOfMemory::Container => "the container's memory",
        }
    }

    /// The kind that a stack trace tells; absent when it does not say that memory ran out, or not which.
    pub fn told_by(stack: &str) -> Option<OutOfMemory> {
        const SIGNS: [(&str, OutOfMemory); 15] = [
            ("OutOfMemoryError: Metaspace", OutOfMemory::Metaspace),
            (
                "OutOfMemoryError: Compressed class space",
                OutOfMemory::Metaspace,
            ),
            (
                "OutOfMemoryError: Direct buffer memory",
                OutOfMemory::Direct,
            ),
            ("OutOfMemoryError: Cannot reserve", OutOfMemory::Direct),
            ("OutOfDirectMemoryError", OutOfMemory::Direct),
            (
                "OutOfMemoryError: GC overhead limit exceeded",
                OutOfMemory::GcOverhead,
            ),
            ("OutOfMemoryError: Java heap space", OutOfMemory::Heap),
            (
                "OutOfMemoryError: Requested array size exceeds VM limit",
                OutOfMemory::Heap,
            ),
            ("OutOfMemoryError: unable to create", OutOfMemory::Container),
            ("OutOfMemoryError: Map failed", OutOfMemory::Container),
            ("OOMKilled", OutOfMemory::Container),
            ("exit code 137", OutOfMemory::Container),
            ("exitCode=137", OutOfMemory::Container),
            ("beyond physical memory limits", OutOfMemory::Container),
            ("beyond the 'PHYSICAL' memory limit", OutOfMemory::Container),
        ];
        SIGNS
            .iter()
            .find(|(sign, _)| stack.contains(sign))
            .map(|(_, kind)| *kind)
    }

    /// Whether a stack trace says that memory ran out at all.
    pub fn is_told_by(stack: &str) -> bool {
        stack.contains("OutOfMemoryError") || OutOfMemory::told_by(stack).is_some()
    }
}

/// What runs, as far as a size of its own can be given to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum Workload {
    /// A streaming job with TaskManagers of its own.
    #[default]
    Streaming,
    /// A batch job (`job-type: BATCH`): it works through stages and ends.
    Batch,
    /// A job that has finished.
    Finished,
    /// One of the jobs of a session cluster: TaskManagers, memory and CPU belong to all of them.
    Shared {
        /// Jobs that ran there at once; 1 when only slots that others use tell of them.
        jobs: u32,
    },
}

impl Workload {
    /// Whether it is a streaming job with TaskManagers of its own.
    pub fn is_streaming(&self) -> bool {
        *self == Workload::Streaming
    }
}
