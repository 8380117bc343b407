//! Names of metrics as Flink's REST interface gives them.
//!
//! A task's own metrics have plain names (`busyTimeMsPerSecond`). Those of an operator in it begin with
//! the operator's name, whose blanks and colons Flink has replaced by `_` and which, for SQL, ends in a
//! number that changes with the plan: `Source__src[38].pendingRecords`.

use std::collections::BTreeSet;

/// Milliseconds per second in which a subtask was busy; `NaN` for legacy sources.
pub const BUSY: &str = "busyTimeMsPerSecond";
/// Milliseconds per second in which a subtask waited for buffers to write to.
pub const BACKPRESSURED: &str = "backPressuredTimeMsPerSecond";
/// Milliseconds per second in which a subtask had nothing to do.
pub const IDLE: &str = "idleTimeMsPerSecond";
/// Records that a subtask read; 0 in a source.
pub const RECORDS_IN: &str = "numRecordsIn";
/// Records per second that a subtask read; 0 in a source.
pub const RECORDS_IN_PER_SECOND: &str = "numRecordsInPerSecond";
/// Records that a subtask wrote.
pub const RECORDS_OUT: &str = "numRecordsOut";
/// Records per second that a subtask wrote.
pub const RECORDS_OUT_PER_SECOND: &str = "numRecordsOutPerSecond";

/// Slots of all TaskManagers (JobManager).
pub const SLOTS_TOTAL: &str = "taskSlotsTotal";
/// Slots without a task (JobManager).
pub const SLOTS_AVAILABLE: &str = "taskSlotsAvailable";

/// Share of all processors that the process used, 0 to 1.
pub const CPU_LOAD: &str = "Status.JVM.CPU.Load";
/// CPU time of the process since its start, nanoseconds.
pub const CPU_TIME: &str = "Status.JVM.CPU.Time";
/// Heap in use, bytes, garbage included.
pub const HEAP_USED: &str = "Status.JVM.Memory.Heap.Used";
/// Limit of the heap, bytes.
pub const HEAP_MAX: &str = "Status.JVM.Memory.Heap.Max";
/// Memory outside the heap in use (metaspace, compiled code), bytes.
pub const NON_HEAP_USED: &str = "Status.JVM.Memory.NonHeap.Used";
/// Metaspace in use, bytes.
pub const METASPACE_USED: &str = "Status.JVM.Memory.Metaspace.Used";
/// Limit of the metaspace, bytes.
pub const METASPACE_MAX: &str = "Status.JVM.Memory.Metaspace.Max";
/// Direct buffers in use, bytes; network buffers among them.
pub const DIRECT_USED: &str = "Status.JVM.Memory.Direct.MemoryUsed";
/// Managed memory in use, bytes.
pub const MANAGED_USED: &str = "Status.Flink.Memory.Managed.Used";
/// Managed memory, bytes.
pub const MANAGED_TOTAL: &str = "Status.Flink.Memory.Managed.Total";
/// Network memory in use, bytes.
pub const NETWORK_USED: &str = "Status.Shuffle.Netty.UsedMemory";
/// Network memory, bytes.
pub const NETWORK_TOTAL: &str = "Status.Shuffle.Netty.TotalMemory";
/// Time of all collectors since the start, milliseconds; newer versions only.
pub const GC_TIME: &str = "Status.JVM.GarbageCollector.All.Time";
/// Time of all collectors, milliseconds per second; newer versions only.
pub const GC_TIME_PER_SECOND: &str = "Status.JVM.GarbageCollector.All.TimeMsPerSecond";

/// What a metric of a source's operator counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SourceMetric {
    /// Records that wait in the outside system. Appears with the first record; several chained sources
    /// give several, which add up.
    PendingRecords,
    /// Records read from outside.
    RecordsIn,
    /// Records read from outside, per second.
    RecordsInPerSecond,
    /// Records emitted.
    RecordsOut,
    /// Records emitted, per second.
    RecordsOutPerSecond,
}

impl SourceMetric {
    /// What `name` counts; none for anything that is no such metric. `pendingRecords` counts under any
    /// operator's name, the others only under one that begins with `Source__` (so not under that of an
    /// operator chained behind the source).
    pub fn of(name: &str) -> Option<SourceMetric> {
        let (operator, metric) = name.rsplit_once('.')?;
        let metric = match metric {
            "pendingRecords" => return Some(SourceMetric::PendingRecords),
            RECORDS_IN => SourceMetric::RecordsIn,
            RECORDS_IN_PER_SECOND => SourceMetric::RecordsInPerSecond,
            RECORDS_OUT => SourceMetric::RecordsOut,
            RECORDS_OUT_PER_SECOND => SourceMetric::RecordsOutPerSecond,
            _ => return None,
        };
        operator.starts_with("Source__").then_some(metric)
    }
}

/// A partition of an outside system that a source reads.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition<'a> {
    /// The Kafka cluster, where the connector names several.
    pub cluster: Option<&'a str>,
    /// The topic.
    pub topic: &'a str,
    /// The number within the topic.
    pub number: u32,
}

impl<'a> Partition<'a> {
    /// The partition that a metric belongs to: of Kafka
    /// (`….KafkaSourceReader.topic.<topic>.partition.<n>.currentOffset`, with an optional
    /// `.kafkaCluster.<cluster>` before) or of Pulsar
    /// (`….PulsarConsumer.<topic>-partition-<n>.<anything>.numMsgsReceived`). None for anything else.
    pub fn of(name: &'a str) -> Option<Partition<'a>> {
        kafka(name).or_else(|| pulsar(name))
    }
}

/// Topics may hold dots, so the ends of the name are cut off first.
fn kafka(name: &str) -> Option<Partition<'_>> {
    let (path, number) = name
        .strip_suffix(".currentOffset")?
        .rsplit_once(".partition.")?;
    let (operator, topic) = path.split_once(".KafkaSourceReader.topic.")?;
    let cluster = operator
        .rsplit_once(".kafkaCluster.")
        .map(|(_, cluster)| cluster);
    partition(cluster, topic, number)
}

fn pulsar(name: &str) -> Option<Partition<'_>> {
    let (path, _consumer) = name.strip_suffix(".numMsgsReceived")?.rsplit_once('.')?;
    let (_, consumed) = path.split_once(".PulsarConsumer.")?;
    let (topic, number) = consumed.rsplit_once("-partition-")?;
    partition(None, topic, number)
}

fn partition<'a>(cluster: Option<&'a str>, topic: &'a str, number: &str) -> Option<Partition<'a>> {
    let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.then(|| number.parse().ok()).flatten()?;
    (!topic.is_empty()).then_some(Partition {
        cluster,
        topic,
        number,
    })
}

/// How many different partitions the metrics of a source name: 0 where they name none.
pub fn partitions<'a>(names: impl IntoIterator<Item = &'a str>) -> usize {
    names
        .into_iter()
        .filter_map(Partition::of)
        .collect::<BTreeSet<_>>()
        .len()
}

/// The collector that a metric is about (`Status.JVM.GarbageCollector.<collector>.Time`, or another ending), `All` included.
pub fn collector<'a>(name: &'a str, ending: &str) -> Option<&'a str> {
    let collector = name
        .strip_prefix("Status.JVM.GarbageCollector.")?
        .strip_suffix(ending)?;
    (!collector.is_empty() && !collector.contains('.')).then_some(collector)
}

/// Whether a collector's time, by its name, is that of cycles that run beside the application: no pause, and no sign of want of memory. ZGC and
/// Shenandoah count cycles and pauses apart (JDK 11 to 14 have only the cycles of `ZGC`), G1 its concurrent part from JDK 20 on, and the
/// concurrent mark-sweep collector counts all of its phases together.
pub fn is_concurrent_collector(collector: &str) -> bool {
    let words = collector.to_ascii_lowercase();
    words.contains("cycles") || words.contains("concurrent") || words == "zgc"
}

/// Time in pauses out of (collector, time) pairs, `All` among them where Flink has it: the sum of the collectors that pause the application.
/// `All` stands in only where it is alone: from Flink 1.19 on it sums concurrent cycles with pauses. None without a collector that pauses.
pub fn pauses<'a>(collectors: impl IntoIterator<Item = (&'a str, f64)>) -> Option<f64> {
    let (mut all, mut pausing, mut known) = (None, None, false);
    for (collector, time) in collectors {
        if collector == "All" {
            all = Some(time);
            continue;
        }
        known = true;
        if !is_concurrent_collector(collector) {
            pausing = Some(pausing.unwrap_or(0.0) + time);
        }
    }
    if known { pausing } else { all }
}

/// A name without the numbers that change with the plan: `Source__src[38].pendingRecords` becomes
/// `Source__src[].pendingRecords`. Use it to compare a metric over restarts.
pub fn without_plan_numbers(name: &str) -> String {
    let mut stable = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(open) = rest.find('[') {
        let (before, inside) = rest.split_at(open + 1);
        stable.push_str(before);
        let digits = inside.bytes().take_while(u8::is_ascii_digit).count();
        let numbered = inside[digits..].starts_with(']');
        rest = if numbered { &inside[digits..] } else { inside };
    }
    stable.push_str(rest);
    stable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn source_metrics_under_changing_numbers() {
        let table = [
            (
                "Source__src[38].pendingRecords",
                Some(SourceMetric::PendingRecords),
            ),
            ("orders.pendingRecords", Some(SourceMetric::PendingRecords)),
            ("Source__src[3].numRecordsIn", Some(SourceMetric::RecordsIn)),
            (
                "Source__a.b.numRecordsInPerSecond",
                Some(SourceMetric::RecordsInPerSecond),
            ),
            ("Source__x.numRecordsOut", Some(SourceMetric::RecordsOut)),
            (
                "Source__x.numRecordsOutPerSecond",
                Some(SourceMetric::RecordsOutPerSecond),
            ),
            ("TableToDataStream.numRecordsIn", None),
            ("numRecordsIn", None),
            ("pendingRecords", None),
            ("Source__src[11].numRecordsInErrors", None),
            ("", None),
        ];
        for (name, expected) in table {
            assert_eq!(SourceMetric::of(name), expected, "{name}");
        }
    }

    #[test]
    fn partitions_of_kafka_and_pulsar() {
        let found = |cluster, topic, number| {
            Some(Partition {
                cluster,
                topic,
                number,
            })
        };
        let table = [
            (
                "Source__src[11].KafkaSourceReader.topic.lab-lag.partition.3.currentOffset",
                found(None, "lab-lag", 3),
            ),
            (
                "0.Source__x.kafkaCluster.west.KafkaSourceReader.topic.a.b.partition.12.currentOffset",
                found(Some("west"), "a.b", 12),
            ),
            (
                "S.KafkaSourceReader.topic.odd.partition.7.partition.1.currentOffset",
                found(None, "odd.partition.7", 1),
            ),
            (
                "S.PulsarConsumer.persistent_//t/ns/topic-partition-2.abc12.numMsgsReceived",
                found(None, "persistent_//t/ns/topic", 2),
            ),
            (
                "S.KafkaSourceReader.topic.t.partition.3.committedOffset",
                None,
            ),
            (
                "S.KafkaSourceReader.topic.t.partition.x.currentOffset",
                None,
            ),
            ("S.KafkaSourceReader.KafkaConsumer.records-lag-max", None),
        ];
        for (name, expected) in &table {
            assert_eq!(Partition::of(name), *expected, "{name}");
        }
        let names: Vec<&str> = table.iter().map(|(name, _)| *name).collect();
        assert_eq!(partitions(names.iter().chain(&names).copied()), 4);
        assert_eq!(partitions(["numRecordsIn"]), 0);
    }

    #[test]
    fn concurrent_cycles_are_no_pauses() {
        type Times = &'static [(&'static str, f64)];
        let table: [(Times, Option<f64>); 10] = [
            (
                &[
                    ("All", 340.5),
                    ("ZGC_Minor_Cycles", 250.0),
                    ("ZGC_Major_Cycles", 90.0),
                    ("ZGC_Minor_Pauses", 0.25),
                    ("ZGC_Major_Pauses", 0.25),
                ],
                Some(0.5),
            ),
            (
                &[
                    ("All", 90.0),
                    ("Shenandoah_Cycles", 89.0),
                    ("Shenandoah_Pauses", 1.0),
                ],
                Some(1.0),
            ),
            (
                &[
                    ("All", 5.0),
                    ("G1_Young_Generation", 2.0),
                    ("G1_Old_Generation", 1.0),
                    ("G1_Concurrent_GC", 2.0),
                ],
                Some(3.0),
            ),
            (&[("PS_Scavenge", 2.0), ("PS_MarkSweep", 1.0)], Some(3.0)),
            (&[("Copy", 2.0), ("MarkSweepCompact", 0.0)], Some(2.0)),
            (&[("ParNew", 2.0), ("ConcurrentMarkSweep", 50.0)], Some(2.0)),
            // A collector that nobody here knows by name pauses, until it says otherwise.
            (&[("global", 4.0), ("scavenge", 1.0)], Some(5.0)),
            (&[("All", 7.0)], Some(7.0)),
            (&[("ZGC", 300.0)], None),
            (&[], None),
        ];
        for (times, expected) in table {
            assert_eq!(pauses(times.iter().copied()), expected, "{times:?}");
        }
    }

    #[test]
    fn collectors_and_stable_names() {
        assert_eq!(collector(GC_TIME, ".Time"), Some("All"));
        let old = "Status.JVM.GarbageCollector.G1_Old_Generation.Time";
        assert_eq!(collector(old, ".Time"), Some("G1_Old_Generation"));
        assert_eq!(collector(GC_TIME_PER_SECOND, ".Time"), None);
        let table = [
            (
                "Source__src[38].pendingRecords",
                "Source__src[].pendingRecords",
            ),
            ("a[1]b[23]", "a[]b[]"),
            ("a[x].[", "a[x].["),
            ("a[[7]]", "a[[]]"),
            ("plain", "plain"),
        ];
        for (name, stable) in table {
            assert_eq!(without_plan_numbers(name), stable);
        }
    }
}
