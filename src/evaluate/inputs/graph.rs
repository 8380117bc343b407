//! The job graph as plain data, and as the autoscaler's own topology.

use super::EvaluatorError;
use crate::evaluate::true_rate::input::{ShipStrategy, Vertex as ScaledVertex, VertexId};
use crate::evaluate::true_rate::topology::Topology;
use crate::flink::key_groups;
use crate::snapshot;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An edge into a vertex.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Edge {
    /// Id of the vertex it comes from.
    pub vertex: String,
    /// `FORWARD`, `HASH`, `REBALANCE`, … as Flink's plan says.
    pub ship_strategy: String,
}

/// A vertex of the graph.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GraphVertex {
    /// Flink's id, 32 hexadecimal digits.
    pub id: String,
    /// Subtasks, at least 1.
    pub parallelism: u32,
    /// Key groups; Flink's own default for the parallelism where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_parallelism: Option<u32>,
    /// Its slot sharing group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot_sharing_group: Option<String>,
    /// Edges into it; a source has none.
    #[serde(default)]
    pub inputs: Vec<Edge>,
    /// Partitions that a source reads, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partitions: Option<u32>,
}

impl From<&snapshot::Vertex> for GraphVertex {
    fn from(seen: &snapshot::Vertex) -> GraphVertex {
        let edges = seen.inputs.iter().map(|input| Edge {
            vertex: input.vertex.clone(),
            ship_strategy: input.ship_strategy.clone(),
        });
        GraphVertex {
            id: seen.id.clone(),
            parallelism: seen.parallelism,
            max_parallelism: seen.max_parallelism,
            slot_sharing_group: seen.slot_sharing_group.clone(),
            inputs: edges.collect(),
            partitions: seen.source_partitions,
        }
    }
}

/// The autoscaler's topology of a graph.
pub(super) fn topology(vertices: &[GraphVertex]) -> Result<Topology, EvaluatorError> {
    let mut list = Vec::with_capacity(vertices.len());
    for vertex in vertices {
        let mut inputs = BTreeMap::new();
        for edge in &vertex.inputs {
            let strategy = ShipStrategy::read(&edge.ship_strategy);
            inputs.insert(edge.vertex.parse::<VertexId>()?, strategy);
        }
        let parallelism = vertex.parallelism.max(1);
        list.push(ScaledVertex {
            id: vertex.id.parse()?,
            parallelism,
            max_parallelism: vertex
                .max_parallelism
                .unwrap_or_else(|| key_groups::by_default(parallelism)),
            finished: false,
            slot_sharing_group: vertex.slot_sharing_group.clone(),
            inputs,
        });
    }
    Ok(Topology::new(list)?)
}

/// Slots that the graph takes: of each slot sharing group the widest vertex.
pub(super) fn slots(vertices: &[GraphVertex], parallelism: &BTreeMap<String, u32>) -> u32 {
    let mut widest: BTreeMap<Option<&str>, u32> = BTreeMap::new();
    for vertex in vertices {
        let own = parallelism.get(&vertex.id).copied();
        let group = widest
            .entry(vertex.slot_sharing_group.as_deref())
            .or_insert(0);
        *group = own.unwrap_or(vertex.parallelism).max(*group);
    }
    widest.values().fold(0, |sum, own| sum.saturating_add(*own))
}
