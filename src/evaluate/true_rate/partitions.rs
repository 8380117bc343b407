//! The number of partitions a source reads, found in the names of its metrics.

use std::collections::BTreeSet;

use super::options::Profile;

/// Counts distinct partitions among metric names of Kafka and Pulsar sources; 0 when none matches.
/// The same topic in two clusters counts twice, except in release 1.10.
pub fn count<'a>(names: impl IntoIterator<Item = &'a str>, profile: Profile) -> u32 {
    let partitions: BTreeSet<Partition<'a>> = names
        .into_iter()
        .filter_map(|name| kafka(name, profile).or_else(|| pulsar(name)))
        .collect();
    u32::try_from(partitions.len()).unwrap_or(u32::MAX)
}

/// Cluster (Kafka only, where named), topic, number.
type Partition<'a> = (Option<&'a str>, &'a str, &'a str);

/// `….KafkaSourceReader.topic.<topic>.partition.<n>.currentOffset`, perhaps with `.kafkaCluster.<c>`
/// before it.
fn kafka(name: &str, profile: Profile) -> Option<Partition<'_>> {
    let name = name.strip_suffix(".currentOffset")?;
    let (rest, number) = name.rsplit_once(".partition.")?;
    // The topic may itself contain the marker: what stands before it is as short as possible, unless
    // no cluster is looked for.
    let marker = ".KafkaSourceReader.topic.";
    let (before, topic) = match profile {
        Profile::Next => rest.split_once(marker),
        Profile::V1_10 => rest.rsplit_once(marker),
    }?;
    if topic.is_empty() || !is_number(number) {
        return None;
    }
    let cluster = match profile {
        Profile::Next => before
            .split_once(".kafkaCluster.")
            .map(|(_, cluster)| cluster),
        Profile::V1_10 => None,
    };
    Some((cluster.filter(|cluster| !cluster.is_empty()), topic, number))
}

/// `….PulsarConsumer.<topic>-partition-<n>.<anything>.numMsgsReceived`.
fn pulsar(name: &str) -> Option<Partition<'_>> {
    let name = name.strip_suffix(".numMsgsReceived")?;
    let (_, rest) = name.rsplit_once(".PulsarConsumer.")?;
    let marker = "-partition-";
    let mut from = rest.len();
    while let Some(at) = rest[..from].rfind(marker) {
        let (topic, behind) = (&rest[..at], &rest[at + marker.len()..]);
        if let Some((number, _anything)) = behind.split_once('.')
            && is_number(number)
            && !topic.is_empty()
        {
            return Some((None, topic, number));
        }
        from = at;
    }
    None
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_of_clusters_topics_and_consumers() {
        let kafka = [
            "0.Source__a.KafkaSourceReader.topic.t.partition.0.currentOffset",
            "1.Source__a.KafkaSourceReader.topic.t.partition.0.currentOffset",
            "1.Source__a.KafkaSourceReader.topic.t.partition.1.currentOffset",
            "1.Source__a.KafkaSourceReader.topic.u.partition.1.currentOffset",
            "1.Source__a.KafkaSourceReader.topic.t.partition.x.currentOffset",
            "1.Source__a.KafkaSourceReader.topic.t.partition.1.committedOffset",
        ];
        let clusters = [
            "0.S.kafkaCluster.a.KafkaSourceReader.topic.t.partition.0.currentOffset",
            "0.S.kafkaCluster.b.KafkaSourceReader.topic.t.partition.0.currentOffset",
        ];
        let pulsar = [
            "0.S.PulsarConsumer.persistent://t/n/x-partition-0.q1.numMsgsReceived",
            "0.S.PulsarConsumer.persistent://t/n/x-partition-0.q2.numMsgsReceived",
            "0.S.PulsarConsumer.persistent://t/n/x-partition-1.q1.numMsgsReceived",
            "0.S.PulsarConsumer.persistent://t/n/x-partition-1.numMsgsReceived",
        ];
        assert_eq!(count(kafka, Profile::Next), 3);
        assert_eq!(count(clusters, Profile::Next), 2);
        assert_eq!(count(clusters, Profile::V1_10), 1);
        assert_eq!(count(pulsar, Profile::Next), 2);
        assert_eq!(count(["numRecordsIn"], Profile::Next), 0);
    }
}
