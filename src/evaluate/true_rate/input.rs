//! What the autoscaler is told about a job: ids, topology, one pass of REST values, remembered scalings.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use super::rounding::round3;

/// The id of a job vertex: 128 bits, written as 32 lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VertexId(u128);

/// A text that is not a vertex id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a vertex id; Flink writes 32 hexadecimal digits")]
pub struct VertexIdError {
    /// What was read.
    pub text: String,
}

impl FromStr for VertexId {
    type Err = VertexIdError;

    fn from_str(text: &str) -> Result<VertexId, VertexIdError> {
        let digits = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        match u128::from_str_radix(text, 16) {
            Ok(bits) if digits => Ok(VertexId(bits)),
            _ => Err(VertexIdError {
                text: text.to_owned(),
            }),
        }
    }
}

impl fmt::Display for VertexId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:032x}", self.0)
    }
}

/// How the records of an edge are distributed over the subtasks behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ShipStrategy {
    /// By key, so that key groups matter.
    Hash,
    /// Round robin over all.
    Rebalance,
    /// Round robin over some.
    Rescale,
    /// To the subtask with the same number.
    Forward,
    /// By a partitioner of the user.
    Custom,
    /// To all.
    Broadcast,
    /// To the first.
    Global,
    /// At random.
    Shuffle,
    /// A text Flink's autoscaler does not know.
    Unknown,
}

impl ShipStrategy {
    /// Reads the text of Flink's plan; letter case is ignored and unknown texts are [`Self::Unknown`].
    pub fn read(text: &str) -> ShipStrategy {
        match text.to_ascii_uppercase().as_str() {
            "HASH" => ShipStrategy::Hash,
            "REBALANCE" => ShipStrategy::Rebalance,
            "RESCALE" => ShipStrategy::Rescale,
            "FORWARD" => ShipStrategy::Forward,
            "CUSTOM" => ShipStrategy::Custom,
            "BROADCAST" => ShipStrategy::Broadcast,
            "GLOBAL" => ShipStrategy::Global,
            "SHUFFLE" => ShipStrategy::Shuffle,
            _ => ShipStrategy::Unknown,
        }
    }
}

/// One vertex of the job as Flink describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vertex {
    /// Its id.
    pub id: VertexId,
    /// Current number of subtasks, at least 1.
    pub parallelism: u32,
    /// Number of key groups: the largest parallelism its state allows.
    pub max_parallelism: u32,
    /// Whether all its subtasks are FINISHED.
    pub finished: bool,
    /// The slot sharing group's id, on Flink versions that report it.
    pub slot_sharing_group: Option<String>,
    /// Its inputs. Of several edges from one vertex Flink's autoscaler sees only the last.
    pub inputs: BTreeMap<VertexId, ShipStrategy>,
}

/// Min, max, average and sum over subtasks or TaskManagers; NaN where a value does not exist.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Aggregate {
    /// Smallest value.
    pub min: f64,
    /// Largest value.
    pub max: f64,
    /// Arithmetic mean.
    pub avg: f64,
    /// Sum.
    pub sum: f64,
}

impl Aggregate {
    /// All zero, which is what a finished vertex reads.
    pub(super) const ZERO: Aggregate = Aggregate {
        min: 0.0,
        max: 0.0,
        avg: 0.0,
        sum: 0.0,
    };
}

/// The counters of a vertex in the job details, cumulative since its execution started.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct IoCounters {
    /// Records read over the network.
    pub read_records: f64,
    /// Records written, all outputs together.
    pub write_records: f64,
    /// Busy time in ms, summed over subtasks.
    pub accumulated_busy_ms: f64,
}

/// What REST says of one vertex in one pass.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RawVertex {
    /// Aggregated subtask metrics under their REST names. A name that is absent does not exist.
    pub metrics: BTreeMap<String, Aggregate>,
    /// The counters of the job details.
    pub io: IoCounters,
    /// Further names in the metric listing, without values (per-partition metrics).
    pub further_names: Vec<String>,
}

/// One pass of reading over REST.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RawSample {
    /// When, in Unix milliseconds.
    pub at_ms: i64,
    /// By vertex.
    pub vertices: BTreeMap<VertexId, RawVertex>,
    /// Metrics aggregated over TaskManagers, under their REST names.
    pub task_managers: BTreeMap<String, Aggregate>,
    /// The JobManager's metrics as texts, under their REST names.
    pub job_manager: BTreeMap<String, String>,
}

/// A past scaling of one vertex, as the autoscaler remembers it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PastScaling {
    /// Parallelism before.
    pub current_parallelism: u32,
    /// Parallelism asked for.
    pub new_parallelism: u32,
    /// True processing rate before it, records/s of the vertex; may be NaN or infinite.
    pub true_processing_rate: f64,
    /// The rate it was expected to bring, records/s; NaN when unknown.
    pub expected_processing_rate: f64,
}

impl PastScaling {
    /// A past scaling with its rates rounded as the autoscaler's state keeps them.
    pub fn new(current: u32, new: u32, true_rate: f64, expected_rate: f64) -> PastScaling {
        PastScaling {
            current_parallelism: current,
            new_parallelism: new,
            true_processing_rate: round3(true_rate),
            expected_processing_rate: round3(expected_rate),
        }
    }
}

/// Past scalings by vertex and by their time in Unix milliseconds.
pub type ScalingHistory = BTreeMap<VertexId, BTreeMap<i64, PastScaling>>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_32_hexadecimal_digits() {
        let text = "00a1914b345382dce4fba2c351ca6320";
        assert_eq!(text.parse::<VertexId>().unwrap().to_string(), text);
        for bad in ["", "a1", "+0a1914b345382dce4fba2c351ca6320", "zz"] {
            assert!(bad.parse::<VertexId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn ship_strategies_ignore_letter_case() {
        assert_eq!(ShipStrategy::read("hash"), ShipStrategy::Hash);
        assert_eq!(ShipStrategy::read("weird"), ShipStrategy::Unknown);
    }
}
