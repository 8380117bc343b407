//! How much network memory a job's edges ask for.

use super::MemoryError;
use super::configured::Configured;
use crate::flink::options::{BUFFERS_PER_CHANNEL, Configuration, FLOATING_BUFFERS_PER_GATE};
use crate::flink::topology::{Node, ShipStrategy, Topology};
use crate::flink::version::FlinkVersion;

/// How Flink deals network buffers to channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NetworkBuffers {
    /// Buffers that each channel owns.
    pub per_channel: u32,
    /// Buffers that the channels of a gate share.
    pub floating_per_gate: u32,
    /// Size of a buffer, bytes.
    pub segment_bytes: u64,
}

impl Default for NetworkBuffers {
    /// Flink's defaults, which 2.0 and later have without options.
    fn default() -> NetworkBuffers {
        NetworkBuffers {
            per_channel: 2,
            floating_per_gate: 8,
            segment_bytes: 32 << 10,
        }
    }
}

impl NetworkBuffers {
    /// As a configuration sets them. Errors for what Flink could not read.
    pub fn from_configuration(
        configuration: &Configuration,
        version: FlinkVersion,
    ) -> Result<NetworkBuffers, MemoryError> {
        let configured = Configured {
            configuration,
            version,
            process_size: None,
        };
        let defaults = NetworkBuffers::default();
        let per_channel = configured.whole_number(&BUFFERS_PER_CHANNEL)?;
        let floating_per_gate = configured.whole_number(&FLOATING_BUFFERS_PER_GATE)?;
        Ok(NetworkBuffers {
            per_channel: per_channel.unwrap_or(defaults.per_channel),
            floating_per_gate: floating_per_gate.unwrap_or(defaults.floating_per_gate),
            segment_bytes: configured.segment_size()?,
        })
    }
}

/// Network memory that one TaskManager needs when each of its slots runs one subtask of every vertex,
/// bytes: `slots * segment * sum over vertices and their edges, in and out, of channels * per channel +
/// floating`. Channels of a subtask: 1 for FORWARD between equal parallelisms; the other side's share
/// (`ceil(p_x / p_v)`) for FORWARD between unequal ones and for RESCALE; all of the other side otherwise.
/// The Flink Kubernetes operator's autotuning reckons so. Use it as a floor.
pub fn network_bytes_per_task_manager(
    topology: &Topology,
    slots_per_task_manager: u32,
    buffers: &NetworkBuffers,
) -> u64 {
    let of_vertex = |vertex: &Node| {
        let edges = topology
            .inputs(&vertex.id)
            .chain(topology.outputs(&vertex.id));
        edges
            .map(|(other, strategy)| segments(vertex, other, strategy, buffers))
            .fold(0u64, u64::saturating_add)
    };
    let segments = topology
        .nodes()
        .iter()
        .map(of_vertex)
        .fold(0u64, u64::saturating_add);
    segments
        .saturating_mul(u64::from(slots_per_task_manager))
        .saturating_mul(buffers.segment_bytes)
}

fn segments(vertex: &Node, other: &Node, strategy: &ShipStrategy, buffers: &NetworkBuffers) -> u64 {
    let (own, theirs) = (vertex.parallelism.get(), other.parallelism.get());
    let channels = if strategy.is_pointwise() {
        theirs.div_ceil(own)
    } else {
        theirs
    };
    u64::from(channels) * u64::from(buffers.per_channel) + u64::from(buffers.floating_per_gate)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flink::topology::Edge;
    use crate::quantity::Parallelism;

    fn node(id: &str, parallelism: u32, input: Option<(&str, ShipStrategy)>) -> Node {
        let edge = |(from, ship_strategy): (&str, ShipStrategy)| Edge {
            from: from.to_owned(),
            ship_strategy,
        };
        Node {
            id: id.to_owned(),
            name: id.to_owned(),
            parallelism: Parallelism::new(parallelism).unwrap(),
            max_parallelism: None,
            slot_sharing_group: None,
            inputs: input.map(edge).into_iter().collect(),
        }
    }

    #[test]
    fn channels_by_ship_strategy() {
        let segment = 32 << 10;
        let table = [
            // (strategy, upstream, downstream, segments of both sides)
            (ShipStrategy::Forward, 4, 4, 10 + 10),
            (ShipStrategy::Forward, 4, 10, (3 * 2 + 8) + (2 + 8)),
            (ShipStrategy::Rescale, 9, 3, (2 + 8) + (3 * 2 + 8)),
            (ShipStrategy::Hash, 4, 10, (10 * 2 + 8) + (4 * 2 + 8)),
            (
                ShipStrategy::Other("CUSTOM".to_owned()),
                2,
                2,
                2 * (2 * 2 + 8),
            ),
        ];
        for (strategy, up, down, segments) in table {
            let nodes = [
                node("a", up, None),
                node("b", down, Some(("a", strategy.clone()))),
            ];
            let graph = Topology::new(nodes).unwrap();
            let bytes = network_bytes_per_task_manager(&graph, 3, &NetworkBuffers::default());
            assert_eq!(bytes, 3 * segments * segment, "{strategy} {up} {down}");
        }
        let lone = Topology::new([node("a", 4, None)]).unwrap();
        assert_eq!(
            network_bytes_per_task_manager(&lone, 4, &NetworkBuffers::default()),
            0
        );
    }

    #[test]
    fn options_count_only_where_flink_knows_them() {
        let written = [
            ("taskmanager.network.memory.buffers-per-channel", "3"),
            ("taskmanager.network.memory.floating-buffers-per-gate", "16"),
            ("taskmanager.memory.segment-size", "16kb"),
        ];
        let configuration: Configuration = written
            .iter()
            .map(|(key, text)| ((*key).to_owned(), (*text).to_owned()))
            .collect();
        let read = |version| NetworkBuffers::from_configuration(&configuration, version).unwrap();
        let (per_channel, floating_per_gate, segment_bytes) = (3, 16, 16 << 10);
        let old = NetworkBuffers {
            per_channel,
            floating_per_gate,
            segment_bytes,
        };
        assert_eq!(read(FlinkVersion::V1_20), old);
        assert_eq!(
            read(FlinkVersion::V2_2),
            NetworkBuffers {
                segment_bytes,
                ..NetworkBuffers::default()
            }
        );
    }
}
