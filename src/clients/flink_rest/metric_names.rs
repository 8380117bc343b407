//! Which metrics are asked for, and how their names go into request lines.

use super::answers::{Object, Text};
use crate::flink::metric_names::{Partition, collector};
use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::collections::BTreeSet;
use std::fmt;
use std::marker::PhantomData;

/// Flink refuses request lines from 4096 bytes on; the method, the version and a path put in front by an ingress need room too.
pub(super) const LONGEST_REQUEST: usize = 3_500;

/// Metrics of every task, asked together: a running task reports them all.
pub(super) const OF_TASKS: [&str; 10] = [
    "busyTimeMsPerSecond",
    "backPressuredTimeMsPerSecond",
    "idleTimeMsPerSecond",
    "accumulateBusyTimeMs",
    "accumulateBackPressuredTimeMs",
    "accumulateIdleTimeMs",
    "numRecordsIn",
    "numRecordsOut",
    "numRecordsInPerSecond",
    "numRecordsOutPerSecond",
];

/// Metrics of a TaskManager's process. Those that it does not have are left out of the answer, without harm to the others.
pub(super) const OF_TASK_MANAGERS: [&str; 11] = [
    "Status.JVM.CPU.Time",
    "Status.JVM.CPU.Load",
    "Status.JVM.Memory.Heap.Used",
    "Status.JVM.Memory.Heap.Max",
    "Status.JVM.Memory.Metaspace.Used",
    "Status.JVM.Memory.NonHeap.Used",
    "Status.JVM.Memory.Direct.MemoryUsed",
    "Status.Flink.Memory.Managed.Used",
    "Status.Flink.Memory.Managed.Total",
    "Status.Shuffle.Netty.UsedMemory",
    "Status.Shuffle.Netty.TotalMemory",
];

/// Names that are kept of one list at most, bytes in all: some twenty thousand partitions.
const MOST_NAMES: usize = 2 << 20;

/// Which names of a list of metrics are kept.
pub(super) trait Wanted {
    fn wants(name: &str) -> bool;
}

/// Those of a task, and those by which a source tells its lag and partitions.
pub(super) struct Tasks;
/// Those of the garbage collectors of a TaskManager's JVM, by the names that it lists itself.
pub(super) struct Collectors;
/// Those of latency markers.
pub(super) struct Latencies;

impl Wanted for Tasks {
    fn wants(name: &str) -> bool {
        OF_TASKS.contains(&name) || SourceNames::holds(name)
    }
}

impl Wanted for Collectors {
    fn wants(name: &str) -> bool {
        [".Time", ".TimeMsPerSecond"]
            .iter()
            .any(|ending| collector(name, ending).is_some())
    }
}

impl Wanted for Latencies {
    fn wants(name: &str) -> bool {
        name.starts_with("latency.") && name.ends_with(".latency_p95")
    }
}

/// The names in a list of metrics that are wanted, in its order. The others are dropped while the list is read, and so is a name that is too
/// long for a request line.
#[derive(Debug)]
pub(super) struct MetricNames<W> {
    names: Vec<String>,
    wanted: PhantomData<W>,
}

impl<W> MetricNames<W> {
    pub(super) fn into_vec(self) -> Vec<String> {
        self.names
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Named {
    id: Text,
}

struct Picking<W>(PhantomData<W>);

impl<'de, W: Wanted> Deserialize<'de> for MetricNames<W> {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        let names = reader.deserialize_any(Picking::<W>(PhantomData))?;
        Ok(MetricNames {
            names,
            wanted: PhantomData,
        })
    }
}

impl<'de, W: Wanted> Visitor<'de> for Picking<W> {
    type Value = Vec<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of metrics")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<String>, A::Error> {
        let mut names = Vec::new();
        let mut left = MOST_NAMES;
        while let Some(metric) = list.next_element::<Object<Named>>()? {
            let Some(name) = metric.id.as_str() else {
                continue;
            };
            if name.len() > LONGEST_REQUEST || !W::wants(name) {
                continue;
            }
            left = left
                .checked_sub(name.len())
                .ok_or_else(|| A::Error::custom("it lists more metrics than are read"))?;
            names.push(name.to_owned());
        }
        Ok(names)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Vec<String>, A::Error> {
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Vec::new())
    }

    fn visit_unit<E>(self) -> Result<Vec<String>, E> {
        Ok(Vec::new())
    }
}

/// Metrics that the operators of a source report under their own names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct SourceNames {
    /// `….pendingRecords`
    pub pending: Vec<String>,
    /// `Source__….numRecordsOut`
    pub emitted: Vec<String>,
    /// `Source__….numRecordsOutPerSecond`
    pub emitted_per_second: Vec<String>,
    /// `….activeSplitCount`: splits that each reader holds now.
    pub active_splits: Vec<String>,
    /// Distinct partitions that Kafka and Pulsar sources name.
    pub partitions: u32,
    /// Distinct clusters among them.
    pub clusters: u32,
}

impl SourceNames {
    /// Whether a name may be one of them, or name a partition.
    fn holds(name: &str) -> bool {
        let counts = [".numRecordsOut", ".numRecordsOutPerSecond"];
        [".pendingRecords", ".activeSplitCount"]
            .iter()
            .any(|ending| name.ends_with(ending))
            || (name.starts_with("Source__") && counts.iter().any(|ending| name.ends_with(ending)))
            || Partition::of(name).is_some()
    }

    /// Picks them out of the names that a vertex lists. Operators' names come and go with each submission, suffixes stay.
    pub fn pick(names: &BTreeSet<String>) -> SourceNames {
        let ending = |suffix: &str| -> Vec<String> {
            names
                .iter()
                .filter(|name| name.ends_with(suffix))
                .cloned()
                .collect()
        };
        let of_source = |suffix: &str| -> Vec<String> {
            ending(suffix)
                .into_iter()
                .filter(|name| name.starts_with("Source__"))
                .collect()
        };
        let partitions: BTreeSet<Partition<'_>> = names
            .iter()
            .filter_map(|name| Partition::of(name))
            .collect();
        let clusters: BTreeSet<&str> = partitions.iter().filter_map(|one| one.cluster).collect();
        let count = |len: usize| u32::try_from(len).unwrap_or(u32::MAX);
        SourceNames {
            pending: ending(".pendingRecords"),
            emitted: of_source(".numRecordsOut"),
            emitted_per_second: of_source(".numRecordsOutPerSecond"),
            active_splits: ending(".activeSplitCount"),
            partitions: count(partitions.len()),
            clusters: count(clusters.len()),
        }
    }

    /// All that are to be asked for.
    pub fn wanted(&self) -> impl Iterator<Item = &str> {
        [
            &self.pending,
            &self.emitted,
            &self.emitted_per_second,
            &self.active_splits,
        ]
        .into_iter()
        .flatten()
        .map(String::as_str)
    }
}

/// The requests for these metrics, each short enough for one request line. A name that fits into none is left out.
pub(super) fn requests<'a>(path: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    requests_of(path, None, names)
}

/// The same of some subtasks only (`0-3,7`), where they are named.
pub(super) fn requests_of<'a>(
    path: &str,
    subtasks: Option<&str>,
    names: impl IntoIterator<Item = &'a str>,
) -> Vec<String> {
    let head = match subtasks {
        Some(subtasks) => format!("{path}?subtasks={subtasks}&get="),
        None => format!("{path}?get="),
    };
    let mut requests = Vec::new();
    let mut current = String::new();
    for name in names {
        let name = encoded(name);
        if head.len() + name.len() > LONGEST_REQUEST {
            continue;
        }
        if !current.is_empty() && current.len() + 1 + name.len() > LONGEST_REQUEST {
            requests.push(std::mem::take(&mut current));
        }
        if current.is_empty() {
            current.push_str(&head);
        } else {
            current.push(',');
        }
        current.push_str(&name);
    }
    if !current.is_empty() {
        requests.push(current);
    }
    requests
}

/// A part of a path or query, with everything encoded that could end it.
pub(super) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_are_split_and_nothing_is_lost() {
        let names: Vec<String> = (0..400)
            .map(|index| format!("Source__orders[{index}].pendingRecords"))
            .collect();
        let requests = requests(
            "/jobs/j/vertices/v/subtasks/metrics",
            names.iter().map(String::as_str),
        );
        assert!(requests.len() > 3);
        assert!(
            requests
                .iter()
                .all(|request| request.len() <= LONGEST_REQUEST)
        );
        let asked: usize = requests
            .iter()
            .map(|request| request.matches("pendingRecords").count())
            .sum();
        assert_eq!(asked, 400);
    }

    #[test]
    fn a_name_too_long_for_any_line_is_left_out() {
        let long = "x".repeat(5000);
        assert_eq!(
            requests("/p", [long.as_str(), "a"]),
            vec!["/p?get=a".to_string()]
        );
    }

    #[test]
    fn partitions_are_counted_once() {
        let names: BTreeSet<String> = [
            "Source__a.KafkaSourceReader.topic.t.partition.0.currentOffset",
            "Source__a.KafkaSourceReader.topic.t.partition.0.committedOffset",
            "Source__a.KafkaSourceReader.topic.t.partition.1.currentOffset",
            "Source__a.kafkaCluster.east.KafkaSourceReader.topic.t.partition.1.currentOffset",
            "Source__p.PulsarConsumer.persistent_//public/t-partition-7.abc.numMsgsReceived",
            "Source__a.pendingRecords",
            "Source__a.numRecordsOut",
        ]
        .map(String::from)
        .into();
        let picked = SourceNames::pick(&names);
        assert_eq!(picked.partitions, 4);
        assert_eq!(picked.pending, ["Source__a.pendingRecords"]);
        assert_eq!(picked.emitted, ["Source__a.numRecordsOut"]);
    }
}
