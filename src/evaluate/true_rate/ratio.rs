//! How many records a vertex sends along an edge for each one it reads.

use std::collections::BTreeMap;

use super::input::VertexId;
use super::topology::Topology;

/// Rates of one vertex over the window; NaN is unknown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Flow {
    /// Records read per second.
    pub records_in: f64,
    /// Records written per second, all outputs together.
    pub records_out: f64,
    /// Growth of the lag, records per second.
    pub lag: f64,
    /// Busy ms per second, all subtasks together.
    pub busy_ms: f64,
}

impl Flow {
    /// Nothing known.
    pub const UNKNOWN: Flow = Flow {
        records_in: f64::NAN,
        records_out: f64::NAN,
        lag: f64::NAN,
        busy_ms: f64::NAN,
    };
}

/// Output ratios of a job's edges.
#[derive(Debug, Clone, Copy)]
pub struct Edges<'a> {
    topology: &'a Topology,
    flows: &'a BTreeMap<VertexId, Flow>,
}

impl<'a> Edges<'a> {
    /// Over the flows of a window.
    pub fn new(topology: &'a Topology, flows: &'a BTreeMap<VertexId, Flow>) -> Edges<'a> {
        Edges { topology, flows }
    }

    /// Records sent from `from` to `to` for each record `from` reads; 0 when it reads or sends nothing,
    /// or nothing is known (which upstream does not tell apart).
    pub fn output_ratio(&self, from: VertexId, to: VertexId) -> f64 {
        let input = self.flow(from).records_in;
        let data = self.data_rate(from, to);
        if input > 0.0 && data > 0.0 {
            data / input
        } else {
            0.0
        }
    }

    /// Records per second along an edge. Flink counts per vertex only, so that the edge's share is known
    /// exactly for a single input, by subtraction where the other inputs feed nobody else, and otherwise
    /// guessed as all that `from` writes.
    fn data_rate(&self, from: VertexId, to: VertexId) -> f64 {
        let read = self.flow(to).records_in;
        let Some(vertex) = self.topology.vertex(to) else {
            return f64::NAN;
        };
        if vertex.inputs.len() == 1 {
            return read;
        }
        let others = vertex.inputs.keys().filter(|input| **input != from);
        let from_others: f64 = others
            .map(|input| match self.topology.outputs(*input).len() {
                1 => self.flow(*input).records_out,
                _ => f64::NAN,
            })
            .sum();
        if from_others.is_nan() {
            self.flow(from).records_out
        } else {
            read - from_others
        }
    }

    fn flow(&self, id: VertexId) -> Flow {
        self.flows.get(&id).copied().unwrap_or(Flow::UNKNOWN)
    }
}

#[cfg(test)]
mod tests {
    use super::super::input::{ShipStrategy, Vertex};
    use super::*;

    fn id(n: u8) -> VertexId {
        format!("{n:032x}").parse().unwrap()
    }

    fn topology(edges: &[(u8, u8)], count: u8) -> Topology {
        let vertex = |n: u8| Vertex {
            id: id(n),
            parallelism: 1,
            max_parallelism: 128,
            finished: false,
            slot_sharing_group: None,
            inputs: edges
                .iter()
                .filter(|(_, to)| *to == n)
                .map(|(from, _)| (id(*from), ShipStrategy::Hash))
                .collect(),
        };
        Topology::new((1..=count).map(vertex).collect()).unwrap()
    }

    fn flows(rates: &[(f64, f64)]) -> BTreeMap<VertexId, Flow> {
        let numbered = (1u8..).zip(rates);
        numbered
            .map(|(n, (records_in, records_out))| {
                let flow = Flow {
                    records_in: *records_in,
                    records_out: *records_out,
                    ..Flow::UNKNOWN
                };
                (id(n), flow)
            })
            .collect()
    }

    #[test]
    fn three_ways_to_know_an_edge() {
        // 1 → 3 ← 2, and 2 → 4 in the second job.
        let join = topology(&[(1, 3), (2, 3)], 3);
        let shared = topology(&[(1, 3), (2, 3), (2, 4)], 4);
        let rates = flows(&[(10.0, 40.0), (20.0, 30.0), (80.0, 0.0), (5.0, 0.0)]);
        assert_eq!(Edges::new(&join, &rates).output_ratio(id(1), id(3)), 5.0);
        assert_eq!(Edges::new(&join, &rates).output_ratio(id(2), id(3)), 2.0);
        assert_eq!(Edges::new(&shared, &rates).output_ratio(id(1), id(3)), 4.0);
        assert_eq!(Edges::new(&shared, &rates).output_ratio(id(2), id(4)), 0.25);
    }

    #[test]
    fn the_unknown_and_the_idle_send_nothing() {
        let line = topology(&[(1, 2)], 2);
        for rates in [
            [(f64::NAN, 1.0), (1.0, 1.0)],
            [(0.0, 1.0), (1.0, 1.0)],
            [(1.0, 1.0), (-1.0, 1.0)],
        ] {
            assert_eq!(
                Edges::new(&line, &flows(&rates)).output_ratio(id(1), id(2)),
                0.0
            );
        }
    }
}
