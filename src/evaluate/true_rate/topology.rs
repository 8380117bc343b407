//! The job graph in the order in which rates flow through it.

use std::collections::{BTreeMap, BTreeSet};

use super::input::{ShipStrategy, Vertex, VertexId};

/// Why vertices do not make a job graph.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TopologyError {
    /// No vertices at all: the job has no execution plan yet.
    #[error("the job has no vertices yet; wait until Flink shows its plan")]
    Empty,
    /// The same id twice.
    #[error("vertex `{id}` is in the plan twice")]
    Duplicate {
        /// The repeated id.
        id: VertexId,
    },
    /// An input that is no vertex of the job.
    #[error("vertex `{id}` reads from `{input}`, which is not in the plan")]
    UnknownInput {
        /// The reading vertex.
        id: VertexId,
        /// What it reads from.
        input: VertexId,
    },
    /// Inputs form a circle.
    #[error("vertex `{id}` reads, over others, from itself; a plan has no circles")]
    Circle {
        /// A vertex of the circle.
        id: VertexId,
    },
}

/// A checked job graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topology {
    vertices: BTreeMap<VertexId, Vertex>,
    outputs: BTreeMap<VertexId, BTreeMap<VertexId, ShipStrategy>>,
    order: Vec<VertexId>,
}

impl Topology {
    /// Checks vertices and sorts them so that inputs come first.
    pub fn new(list: Vec<Vertex>) -> Result<Topology, TopologyError> {
        let mut vertices = BTreeMap::new();
        for vertex in list {
            if let Some(twin) = vertices.insert(vertex.id, vertex) {
                return Err(TopologyError::Duplicate { id: twin.id });
            }
        }
        if vertices.is_empty() {
            return Err(TopologyError::Empty);
        }
        let mut outputs: BTreeMap<VertexId, BTreeMap<VertexId, ShipStrategy>> =
            vertices.keys().map(|id| (*id, BTreeMap::new())).collect();
        for vertex in vertices.values() {
            for (input, strategy) in &vertex.inputs {
                let Some(behind) = outputs.get_mut(input) else {
                    return Err(TopologyError::UnknownInput {
                        id: vertex.id,
                        input: *input,
                    });
                };
                behind.insert(vertex.id, *strategy);
            }
        }
        let order = inputs_first(&vertices, &outputs)?;
        Ok(Topology {
            vertices,
            outputs,
            order,
        })
    }

    /// The vertex with this id.
    pub fn vertex(&self, id: VertexId) -> Option<&Vertex> {
        self.vertices.get(&id)
    }

    /// All vertices by id.
    pub fn vertices(&self) -> impl ExactSizeIterator<Item = &Vertex> {
        self.vertices.values()
    }

    /// All vertices, each behind its inputs.
    pub fn in_order(&self) -> impl Iterator<Item = &Vertex> {
        self.order.iter().filter_map(|id| self.vertices.get(id))
    }

    /// Whether a vertex reads from no other.
    pub fn is_source(&self, id: VertexId) -> bool {
        self.vertices
            .get(&id)
            .is_some_and(|vertex| vertex.inputs.is_empty())
    }

    /// The vertices that read from this one.
    pub fn outputs(&self, id: VertexId) -> impl ExactSizeIterator<Item = (VertexId, ShipStrategy)> {
        static NONE: BTreeMap<VertexId, ShipStrategy> = BTreeMap::new();
        let outputs = self.outputs.get(&id).unwrap_or(&NONE);
        outputs.iter().map(|(id, strategy)| (*id, *strategy))
    }

    /// Vertices by slot sharing group; those without a known group are left out.
    pub fn slot_sharing_groups(&self) -> BTreeMap<&str, Vec<VertexId>> {
        let mut groups: BTreeMap<&str, Vec<VertexId>> = BTreeMap::new();
        for vertex in self.vertices.values() {
            if let Some(group) = &vertex.slot_sharing_group {
                groups.entry(group).or_default().push(vertex.id);
            }
        }
        groups
    }
}

fn inputs_first(
    vertices: &BTreeMap<VertexId, Vertex>,
    outputs: &BTreeMap<VertexId, BTreeMap<VertexId, ShipStrategy>>,
) -> Result<Vec<VertexId>, TopologyError> {
    let mut open: BTreeMap<VertexId, usize> = vertices
        .values()
        .map(|vertex| (vertex.id, vertex.inputs.len()))
        .collect();
    let mut ready: BTreeSet<VertexId> = open
        .iter()
        .filter_map(|(id, inputs)| (*inputs == 0).then_some(*id))
        .collect();
    let mut order = Vec::with_capacity(vertices.len());
    while let Some(id) = ready.pop_first() {
        open.remove(&id);
        order.push(id);
        for output in outputs.get(&id).into_iter().flat_map(BTreeMap::keys) {
            if let Some(inputs) = open.get_mut(output) {
                *inputs -= 1;
                if *inputs == 0 {
                    ready.insert(*output);
                }
            }
        }
    }
    match open.keys().next() {
        Some(id) => Err(TopologyError::Circle { id: *id }),
        None => Ok(order),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u8) -> VertexId {
        format!("{n:032x}").parse().unwrap()
    }

    fn vertex(n: u8, inputs: &[u8]) -> Vertex {
        Vertex {
            id: id(n),
            parallelism: 1,
            max_parallelism: 128,
            finished: false,
            slot_sharing_group: None,
            inputs: inputs
                .iter()
                .map(|n| (id(*n), ShipStrategy::Hash))
                .collect(),
        }
    }

    #[test]
    fn inputs_come_before_their_readers() {
        let list = vec![vertex(1, &[3, 2]), vertex(2, &[3]), vertex(3, &[])];
        let topology = Topology::new(list).unwrap();
        let order: Vec<VertexId> = topology.in_order().map(|vertex| vertex.id).collect();
        assert_eq!(order, [id(3), id(2), id(1)]);
        assert!(topology.is_source(id(3)));
        assert_eq!(topology.outputs(id(3)).len(), 2);
    }

    #[test]
    fn what_is_no_graph_is_refused() {
        let table = [
            (vec![], TopologyError::Empty),
            (
                vec![vertex(1, &[]), vertex(1, &[])],
                TopologyError::Duplicate { id: id(1) },
            ),
            (
                vec![vertex(1, &[9])],
                TopologyError::UnknownInput {
                    id: id(1),
                    input: id(9),
                },
            ),
            (
                vec![vertex(1, &[2]), vertex(2, &[1]), vertex(3, &[])],
                TopologyError::Circle { id: id(1) },
            ),
        ];
        for (list, error) in table {
            assert_eq!(Topology::new(list).unwrap_err(), error);
        }
    }
}
