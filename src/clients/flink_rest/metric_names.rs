//! Which metrics are asked for, and how their names go into request lines.

use std::collections::BTreeSet;

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
pub(super) const OF_TASK_MANAGERS: [&str; 20] = [
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
    "Status.JVM.GarbageCollector.All.Time",
    "Status.JVM.GarbageCollector.All.TimeMsPerSecond",
    // Flink before 1.19 has no sum over the collectors.
    "Status.JVM.GarbageCollector.G1_Young_Generation.Time",
    "Status.JVM.GarbageCollector.G1_Old_Generation.Time",
    "Status.JVM.GarbageCollector.PS_Scavenge.Time",
    "Status.JVM.GarbageCollector.PS_MarkSweep.Time",
    "Status.JVM.GarbageCollector.Copy.Time",
    "Status.JVM.GarbageCollector.MarkSweepCompact.Time",
    "Status.JVM.GarbageCollector.ZGC_Pauses.Time",
];

/// Metrics that the operators of a source report under their own names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct SourceNames {
    /// `….pendingRecords`
    pub pending: Vec<String>,
    /// `Source__….numRecordsOut`
    pub emitted: Vec<String>,
    /// `Source__….numRecordsOutPerSecond`
    pub emitted_per_second: Vec<String>,
    /// Distinct partitions that Kafka and Pulsar sources name.
    pub partitions: u32,
}

impl SourceNames {
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
        let partitions: BTreeSet<String> =
            names.iter().filter_map(|name| partition(name)).collect();
        SourceNames {
            pending: ending(".pendingRecords"),
            emitted: of_source(".numRecordsOut"),
            emitted_per_second: of_source(".numRecordsOutPerSecond"),
            partitions: u32::try_from(partitions.len()).unwrap_or(u32::MAX),
        }
    }

    /// All that are to be asked for.
    pub fn wanted(&self) -> impl Iterator<Item = &str> {
        [&self.pending, &self.emitted, &self.emitted_per_second]
            .into_iter()
            .flatten()
            .map(String::as_str)
    }
}

/// The partition that a metric is about: `topic.orders.partition.3` (with its Kafka cluster, if named), or Pulsar's `orders-partition-3`.
fn partition(name: &str) -> Option<String> {
    if let Some(rest) = name.strip_suffix(".currentOffset") {
        let (_, partition) = rest.split_once(".KafkaSourceReader.topic.")?;
        let cluster = rest
            .split_once(".kafkaCluster.")
            .map_or("", |(_, cluster)| cluster);
        return partition
            .contains(".partition.")
            .then(|| format!("{cluster}|{partition}"));
    }
    let rest = name.strip_suffix(".numMsgsReceived")?;
    let (_, consumer) = rest.split_once(".PulsarConsumer.")?;
    let (topic, number) = consumer.rsplit_once("-partition-")?;
    let number: String = number.chars().take_while(char::is_ascii_digit).collect();
    (!number.is_empty()).then(|| format!("{topic}|{number}"))
}

/// The requests for these metrics, each short enough for one request line. A name that fits into none is left out.
pub(super) fn requests<'a>(path: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let head = format!("{path}?get=");
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
