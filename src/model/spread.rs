//! How evenly records are spread over subtasks: the busiest subtask sets the pace.

use crate::evaluate::VertexCapacity;

/// Data skew below this is noise.
const NOTICEABLE: f64 = 1.1;

/// How a vertex's records fall on its subtasks.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spread {
    /// Units that can't be divided: key groups, partitions; none where records go round in turns.
    pub(super) units: Option<u32>,
    /// Part of the records that one subtask gets whatever the parallelism, 0..1: a hot key.
    pub(super) hot: f64,
}

impl Spread {
    /// From what was seen at the present parallelism.
    pub(super) fn seen(vertex: &VertexCapacity) -> Spread {
        let units = vertex
            .partitions
            .or(vertex.max_parallelism.filter(|_| vertex.keyed))
            .filter(|units| *units > 0);
        let even = Spread { units, hot: 0.0 };
        let lumps = even.busiest_part(vertex.parallelism);
        let seen = vertex.skew / f64::from(vertex.parallelism.max(1));
        let hot = if vertex.parallelism > 1 && seen > lumps * NOTICEABLE {
            (seen - lumps) / (1.0 - lumps)
        } else {
            0.0
        };
        Spread {
            units,
            hot: hot.clamp(0.0, 0.95),
        }
    }

    /// Part of the records that the busiest subtask gets.
    pub(super) fn busiest_part(&self, parallelism: u32) -> f64 {
        let subtasks = parallelism.max(1);
        let even = match self.units {
            Some(units) => f64::from(units.div_ceil(subtasks)) / f64::from(units),
            None => 1.0 / f64::from(subtasks),
        };
        self.hot + (1.0 - self.hot) * even
    }

    /// Subtasks that would carry as much if all were as busy as the busiest.
    pub(super) fn effective(&self, parallelism: u32) -> f64 {
        1.0 / self.busiest_part(parallelism)
    }
}
