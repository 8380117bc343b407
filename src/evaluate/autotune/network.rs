//! Network memory that a TaskManager's slots may ask for at most.

use std::collections::BTreeMap;

use super::super::true_rate::input::{ShipStrategy, VertexId};
use super::super::true_rate::option_text::{Reader, integer, memory_bytes};
use super::super::true_rate::options::OptionError;
use super::super::true_rate::topology::Topology;

/// How Flink deals network buffers to channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Buffers {
    /// Buffers that each channel owns.
    pub per_channel: i64,
    /// Buffers that the channels of a gate share.
    pub floating_per_gate: i64,
    /// Size of a buffer, bytes.
    pub segment_bytes: i64,
}

impl Buffers {
    /// As a configuration sets them, else Flink's defaults: 2, 8, 32 KiB.
    pub fn read(config: &BTreeMap<String, String>) -> Result<Buffers, OptionError> {
        let from = Reader::new(config);
        let number = |key| integer(from.plain(key));
        let per_channel = number("taskmanager.network.memory.buffers-per-channel")?;
        let floating = number("taskmanager.network.memory.floating-buffers-per-gate")?;
        let segment = memory_bytes(from.plain("taskmanager.memory.segment-size"))?;
        Ok(Buffers {
            per_channel: i64::from(per_channel.unwrap_or(2)),
            floating_per_gate: i64::from(floating.unwrap_or(8)),
            segment_bytes: segment
                .map_or(32 << 10, |bytes| i64::try_from(bytes).unwrap_or(i64::MAX)),
        })
    }
}

/// Bytes that one slot needs when it runs a subtask of every vertex: the segments of all inputs and all
/// outputs of all vertices.
pub fn network_bytes(
    topology: &Topology,
    after: &BTreeMap<VertexId, u32>,
    buffers: Buffers,
) -> i64 {
    let parallelism = |id: &VertexId| after.get(id).copied().unwrap_or(0);
    let mut total: i64 = 0;
    for vertex in topology.vertices() {
        let inputs = vertex.inputs.iter().map(|(id, strategy)| (*id, *strategy));
        for (other, strategy) in inputs.chain(topology.outputs(vertex.id)) {
            let count = segments(
                parallelism(&vertex.id),
                parallelism(&other),
                strategy,
                buffers,
            );
            total = total.saturating_add(count.saturating_mul(buffers.segment_bytes));
        }
    }
    total
}

/// Segments that a subtask of a vertex needs for its connection to another vertex.
pub fn segments(own: u32, other: u32, strategy: ShipStrategy, buffers: Buffers) -> i64 {
    let channels = match strategy {
        ShipStrategy::Forward if own == other => 1,
        ShipStrategy::Forward | ShipStrategy::Rescale => {
            (f64::from(other) / f64::from(own)).ceil() as i64
        }
        _ => i64::from(other),
    };
    channels
        .saturating_mul(buffers.per_channel)
        .saturating_add(buffers.floating_per_gate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_by_strategy() {
        let buffers = Buffers::read(&BTreeMap::new()).unwrap();
        let table = [
            (4, 4, ShipStrategy::Forward, 10),
            (4, 10, ShipStrategy::Forward, 14),
            (4, 4, ShipStrategy::Rescale, 10),
            (10, 4, ShipStrategy::Rescale, 10),
            (4, 10, ShipStrategy::Hash, 28),
            (4, 10, ShipStrategy::Unknown, 28),
        ];
        for (own, other, strategy, expected) in table {
            assert_eq!(
                segments(own, other, strategy, buffers),
                expected,
                "{own} {other} {strategy:?}"
            );
        }
    }
}
