//! The job graph: vertices and the edges between them.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::quantity::Parallelism;

/// How an edge spreads records over the subtasks behind it, as Flink's plan names it.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(from = "String", into = "String")]
#[schemars(with = "String")]
pub enum ShipStrategy {
    /// To the subtask of the same number.
    Forward,
    /// In turns to a few near subtasks.
    Rescale,
    /// In turns to all subtasks.
    Rebalance,
    /// By key, through key groups.
    Hash,
    /// Every record to every subtask.
    Broadcast,
    /// Every record to the first subtask.
    Global,
    /// At random to all subtasks.
    Shuffle,
    /// Whatever else Flink names, such as `CUSTOM`: taken for all-to-all.
    Other(String),
}

impl ShipStrategy {
    /// Whether a subtask reaches only some of the subtasks behind the edge.
    pub fn is_pointwise(&self) -> bool {
        matches!(self, ShipStrategy::Forward | ShipStrategy::Rescale)
    }

    fn name(&self) -> &str {
        match self {
            ShipStrategy::Forward => "FORWARD",
            ShipStrategy::Rescale => "RESCALE",
            ShipStrategy::Rebalance => "REBALANCE",
            ShipStrategy::Hash => "HASH",
            ShipStrategy::Broadcast => "BROADCAST",
            ShipStrategy::Global => "GLOBAL",
            ShipStrategy::Shuffle => "SHUFFLE",
            ShipStrategy::Other(name) => name,
        }
    }
}

impl From<String> for ShipStrategy {
    fn from(name: String) -> ShipStrategy {
        match name.as_str() {
            "FORWARD" => ShipStrategy::Forward,
            "RESCALE" => ShipStrategy::Rescale,
            "REBALANCE" => ShipStrategy::Rebalance,
            "HASH" => ShipStrategy::Hash,
            "BROADCAST" => ShipStrategy::Broadcast,
            "GLOBAL" => ShipStrategy::Global,
            "SHUFFLE" => ShipStrategy::Shuffle,
            _ => ShipStrategy::Other(name),
        }
    }
}

impl From<ShipStrategy> for String {
    fn from(strategy: ShipStrategy) -> String {
        strategy.to_string()
    }
}

impl FromStr for ShipStrategy {
    type Err = Infallible;

    fn from_str(name: &str) -> Result<ShipStrategy, Infallible> {
        Ok(ShipStrategy::from(name.to_owned()))
    }
}

impl fmt::Display for ShipStrategy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

/// An edge into a vertex.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Edge {
    /// Id of the vertex upstream.
    pub from: String,
    /// How it spreads records.
    pub ship_strategy: ShipStrategy,
}

/// A vertex of the job graph: a chain of operators.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Node {
    /// Flink's id.
    pub id: String,
    /// Its name: foreign text.
    pub name: String,
    /// Subtasks.
    pub parallelism: Parallelism,
    /// Key groups; absent where Flink says none.
    pub max_parallelism: Option<u32>,
    /// Id of its slot sharing group; those without one share the default group.
    pub slot_sharing_group: Option<String>,
    /// Edges into it; there may be several from one vertex.
    pub inputs: Vec<Edge>,
}

/// Why vertices make no graph.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TopologyError {
    /// Two vertices have one id.
    #[error("job graph names vertex `{id}` twice; record it again")]
    Duplicate {
        /// The id.
        id: String,
    },
    /// An edge comes from nowhere.
    #[error(
        "vertex `{id}` has an input from `{from}`, which the job graph does not name; record it again"
    )]
    UnknownInput {
        /// The vertex with the edge.
        id: String,
        /// What it names.
        from: String,
    },
}

/// A job graph, possibly empty, possibly with cycles (iterations).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Topology {
    /// In an order in which inputs come first, as far as there are no cycles.
    nodes: Vec<Node>,
    index: BTreeMap<String, usize>,
    outputs: Vec<Vec<(usize, ShipStrategy)>>,
    acyclic: bool,
}

impl Topology {
    /// Errors for an id that comes twice and for edges from unknown vertices.
    pub fn new(nodes: impl IntoIterator<Item = Node>) -> Result<Topology, TopologyError> {
        let nodes: Vec<Node> = nodes.into_iter().collect();
        let mut ids = BTreeSet::new();
        for node in &nodes {
            if !ids.insert(node.id.as_str()) {
                return Err(TopologyError::Duplicate {
                    id: node.id.clone(),
                });
            }
        }
        for node in &nodes {
            if let Some(edge) = node
                .inputs
                .iter()
                .find(|edge| !ids.contains(edge.from.as_str()))
            {
                let (id, from) = (node.id.clone(), edge.from.clone());
                return Err(TopologyError::UnknownInput { id, from });
            }
        }
        let (nodes, acyclic) = inputs_first(nodes);
        let index: BTreeMap<String, usize> = nodes
            .iter()
            .enumerate()
            .map(|(at, node)| (node.id.clone(), at))
            .collect();
        let mut outputs = vec![Vec::new(); nodes.len()];
        for (at, node) in nodes.iter().enumerate() {
            for edge in &node.inputs {
                outputs[index[&edge.from]].push((at, edge.ship_strategy.clone()));
            }
        }
        Ok(Topology {
            nodes,
            index,
            outputs,
            acyclic,
        })
    }

    /// The vertices, inputs before those they feed; the order given where that leaves a choice, and for
    /// what is on or behind a cycle.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The vertex of this id.
    pub fn node(&self, id: &str) -> Option<&Node> {
        self.index.get(id).map(|at| &self.nodes[*at])
    }

    /// Whether no vertex feeds itself, directly or through others.
    pub fn is_acyclic(&self) -> bool {
        self.acyclic
    }

    /// Vertices without inputs.
    pub fn sources(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(|node| node.inputs.is_empty())
    }

    /// Vertices without outputs, whatever their names.
    pub fn sinks(&self) -> impl Iterator<Item = &Node> {
        let last = |(node, outputs): (_, &Vec<_>)| outputs.is_empty().then_some(node);
        self.nodes.iter().zip(&self.outputs).filter_map(last)
    }

    /// Edges out of a vertex: the vertex behind each, and its ship strategy. Empty for an unknown id.
    pub fn outputs(&self, id: &str) -> impl Iterator<Item = (&Node, &ShipStrategy)> {
        let edges = self
            .index
            .get(id)
            .map(|at| self.outputs[*at].as_slice())
            .unwrap_or_default();
        edges
            .iter()
            .map(|(to, strategy)| (&self.nodes[*to], strategy))
    }

    /// Edges into a vertex: the vertex before each, and its ship strategy. Empty for an unknown id.
    pub fn inputs(&self, id: &str) -> impl Iterator<Item = (&Node, &ShipStrategy)> {
        let edges = self
            .node(id)
            .map(|node| node.inputs.as_slice())
            .unwrap_or_default();
        edges
            .iter()
            .map(|edge| (&self.nodes[self.index[&edge.from]], &edge.ship_strategy))
    }

    /// Ids of all vertices that feed this one, directly or through others; itself only on a cycle.
    pub fn upstream(&self, id: &str) -> BTreeSet<&str> {
        self.walk(id, |at| {
            self.nodes[at]
                .inputs
                .iter()
                .map(|edge| self.index[&edge.from])
                .collect()
        })
    }

    /// Ids of all vertices that this one feeds, directly or through others; itself only on a cycle.
    pub fn downstream(&self, id: &str) -> BTreeSet<&str> {
        self.walk(id, |at| {
            self.outputs[at].iter().map(|(to, _)| *to).collect()
        })
    }

    /// Whether records flow from one vertex to the other.
    pub fn reaches(&self, from: &str, to: &str) -> bool {
        self.downstream(from).contains(to)
    }

    /// The same graph with other parallelisms; vertices that are not named keep theirs.
    pub fn with_parallelism(&self, parallelism: &BTreeMap<String, Parallelism>) -> Topology {
        let mut changed = self.clone();
        for node in &mut changed.nodes {
            if let Some(new) = parallelism.get(&node.id) {
                node.parallelism = *new;
            }
        }
        changed
    }

    fn walk(&self, id: &str, next: impl Fn(usize) -> Vec<usize>) -> BTreeSet<&str> {
        let mut seen = BTreeSet::new();
        let mut open: Vec<usize> = self.index.get(id).map(|at| next(*at)).unwrap_or_default();
        while let Some(at) = open.pop() {
            if seen.insert(self.nodes[at].id.as_str()) {
                open.extend(next(at));
            }
        }
        seen
    }
}

/// Sorts so that inputs come first (Kahn's algorithm, the order given breaking ties); what cycles keep
/// from being sorted follows in the order given, and the answer is then false.
fn inputs_first(nodes: Vec<Node>) -> (Vec<Node>, bool) {
    let index: BTreeMap<&str, usize> = nodes
        .iter()
        .enumerate()
        .map(|(at, node)| (node.id.as_str(), at))
        .collect();
    let mut waits_for: Vec<usize> = nodes.iter().map(|node| node.inputs.len()).collect();
    let mut feeds = vec![Vec::new(); nodes.len()];
    for (at, node) in nodes.iter().enumerate() {
        for edge in &node.inputs {
            feeds[index[edge.from.as_str()]].push(at);
        }
    }
    let mut ready: BTreeSet<usize> = (0..nodes.len()).filter(|at| waits_for[*at] == 0).collect();
    let mut place = vec![usize::MAX; nodes.len()];
    let mut placed = 0;
    while let Some(at) = ready.pop_first() {
        place[at] = placed;
        placed += 1;
        for to in &feeds[at] {
            waits_for[*to] -= 1;
            if waits_for[*to] == 0 {
                ready.insert(*to);
            }
        }
    }
    let acyclic = placed == nodes.len();
    let mut sorted: Vec<(usize, Node)> = place.into_iter().zip(nodes).collect();
    sorted.sort_by_key(|(place, _)| *place);
    (sorted.into_iter().map(|(_, node)| node).collect(), acyclic)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn node(id: &str, inputs: &[&str]) -> Node {
        let edge = |from: &&str| Edge {
            from: (*from).to_owned(),
            ship_strategy: ShipStrategy::Hash,
        };
        Node {
            id: id.to_owned(),
            name: format!("{id} -> Sink: not one"),
            parallelism: Parallelism::ONE,
            max_parallelism: Some(128),
            slot_sharing_group: None,
            inputs: inputs.iter().map(edge).collect(),
        }
    }

    fn ids<'a>(nodes: impl IntoIterator<Item = &'a Node>) -> Vec<&'a str> {
        nodes.into_iter().map(|node| node.id.as_str()).collect()
    }

    #[test]
    fn diamond_with_a_side_branch() {
        let given = [
            node("join", &["left", "right"]),
            node("left", &["src"]),
            node("right", &["src"]),
            node("src", &[]),
            node("out", &["join"]),
            node("side", &["left"]),
        ];
        let graph = Topology::new(given).unwrap();
        assert_eq!(
            ids(graph.nodes()),
            ["src", "left", "right", "join", "out", "side"]
        );
        assert_eq!(ids(graph.sources()), ["src"]);
        assert_eq!(ids(graph.sinks()), ["out", "side"]);
        assert_eq!(
            graph.upstream("join"),
            BTreeSet::from(["left", "right", "src"])
        );
        assert_eq!(
            graph.downstream("left"),
            BTreeSet::from(["join", "out", "side"])
        );
        assert!(graph.is_acyclic());
        assert!(graph.reaches("src", "out") && !graph.reaches("right", "side"));
        assert!(graph.downstream("nobody").is_empty());
        assert_eq!(
            ids(graph.outputs("src").map(|(node, _)| node)),
            ["left", "right"]
        );
        assert_eq!(
            ids(graph.inputs("join").map(|(node, _)| node)),
            ["left", "right"]
        );
    }

    #[test]
    fn cycles_and_double_edges_are_kept() {
        let given = [
            node("a", &[]),
            node("b", &["a", "c"]),
            node("c", &["b", "b"]),
        ];
        let graph = Topology::new(given).unwrap();
        assert!(!graph.is_acyclic());
        assert_eq!(ids(graph.nodes()), ["a", "b", "c"]);
        assert_eq!(graph.outputs("b").count(), 2);
        assert!(graph.reaches("b", "b") && !graph.reaches("a", "a"));
        assert_eq!(graph.sinks().count(), 0);
    }

    #[test]
    fn refuses_what_is_no_graph() {
        let twice = Topology::new([node("a", &[]), node("a", &[])]);
        assert_eq!(twice, Err(TopologyError::Duplicate { id: "a".to_owned() }));
        let (id, from) = ("a".to_owned(), "x".to_owned());
        assert_eq!(
            Topology::new([node("a", &["x"])]),
            Err(TopologyError::UnknownInput { id, from })
        );
        let empty = Topology::new([]).unwrap();
        assert!(empty.is_acyclic() && empty.nodes().is_empty());
    }

    #[test]
    fn ship_strategies_keep_their_names() {
        for name in [
            "FORWARD",
            "RESCALE",
            "REBALANCE",
            "HASH",
            "BROADCAST",
            "GLOBAL",
            "CUSTOM",
        ] {
            let strategy = ShipStrategy::from(name.to_owned());
            assert_eq!(strategy.to_string(), name);
            assert_eq!(
                strategy.is_pointwise(),
                ["FORWARD", "RESCALE"].contains(&name)
            );
        }
    }

    proptest! {
        #[test]
        fn inputs_come_first(edges in prop::collection::vec((0usize..12, 0usize..12), 0..30)) {
            let name = |at: usize| format!("v{at:02}");
            // Edges from larger to smaller numbers only: acyclic, and the order given is the worst.
            let given = (0..12).map(|at| {
                let from: Vec<String> =
                    edges.iter().filter(|(to, from)| *to == at && from > to).map(|(_, from)| name(*from)).collect();
                node(&name(at), &from.iter().map(String::as_str).collect::<Vec<_>>())
            });
            let graph = Topology::new(given).unwrap();
            prop_assert!(graph.is_acyclic());
            for (at, vertex) in graph.nodes().iter().enumerate() {
                for edge in &vertex.inputs {
                    prop_assert!(graph.index[&edge.from] < at);
                    prop_assert!(graph.upstream(&vertex.id).contains(edge.from.as_str()));
                    prop_assert!(graph.downstream(&edge.from).contains(vertex.id.as_str()));
                }
            }
        }
    }
}
