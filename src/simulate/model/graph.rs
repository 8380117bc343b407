//! The graph's arithmetic: what a record of a source becomes on its way down.

use super::spec::JobSpec;

/// Gains and reachability of a job's graph, worked out once.
#[derive(Debug, Clone, PartialEq)]
pub struct Graph {
    /// Indices of the sources.
    pub sources: Vec<usize>,
    /// For each vertex: records into it for one record of each source, in the order of [`Graph::sources`].
    pub gain: Vec<Vec<f64>>,
    /// For each vertex: bits of all vertices below it.
    pub below: Vec<u64>,
}

impl Graph {
    /// The graph of a job of at most 64 vertices in topological order.
    pub fn of(spec: &JobSpec) -> Graph {
        let vertices = &spec.vertices;
        let sources: Vec<usize> = (0..vertices.len())
            .filter(|&v| vertices[v].source.is_some())
            .collect();
        let mut gain = vec![vec![0.0; sources.len()]; vertices.len()];
        for (s, &v) in sources.iter().enumerate() {
            gain[v][s] = 1.0;
        }
        for v in 0..vertices.len() {
            for edge in &vertices[v].inputs {
                let passes_on = match vertices[edge.from].source {
                    Some(_) => 1.0,
                    None => vertices[edge.from].selectivity,
                };
                let (above, own) = gain.split_at_mut(v);
                for (sum, from) in own[0].iter_mut().zip(&above[edge.from]) {
                    *sum += from * passes_on;
                }
            }
        }
        let mut below = vec![0u64; vertices.len()];
        for v in (0..vertices.len()).rev() {
            for edge in &vertices[v].inputs {
                below[edge.from] |= below[v] | 1 << v;
            }
        }
        Graph {
            sources,
            gain,
            below,
        }
    }

    /// Whether records of source number `s` reach `v`.
    pub fn reaches(&self, s: usize, v: usize) -> bool {
        self.gain[v][s] > 0.0
    }
}
