//! Which subtasks of a vertex still run.
//!
//! Flink keeps the last values of finished subtasks in its metric store for ever, and counts them into every aggregate. Of a vertex that goes
//! on while some of its subtasks have finished (fewer splits than subtasks, bounded splits) only the others are asked for.

use super::Rest;
use super::answers::{List, Number, Object, Text};
use super::pass::Pass;
use crate::snapshot::Vertex;
use serde::Deserialize;
use std::collections::BTreeSet;

/// The subtasks of a vertex whose metrics mean something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Live {
    /// All.
    All,
    /// These, with the same as ranges for a request.
    Some(BTreeSet<u32>, String),
    /// Some have finished, and which is not known, because of this.
    Untold(String),
}

/// Subtasks that are read of one vertex: Flink's largest parallelism.
const MOST_SUBTASKS: usize = 32_768;

/// `/jobs/:id/vertices/:id`
#[derive(Default, Deserialize)]
#[serde(default)]
struct Details {
    subtasks: List<Object<Subtask>, MOST_SUBTASKS>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Subtask {
    subtask: Number,
    #[serde(deserialize_with = "runs")]
    status: Option<bool>,
}

/// Whether a subtask's state is one in which it has not finished; none where it has no state.
fn runs<'de, D: serde::Deserializer<'de>>(reader: D) -> Result<Option<bool>, D::Error> {
    let state = Text::deserialize(reader)?;
    Ok(state.as_str().map(|state| state != "FINISHED"))
}

/// Asks which subtasks of a vertex have not finished, where some have.
pub(super) async fn live<R: Rest>(pass: &Pass<'_, R>, place: &str, vertex: &Vertex) -> Live {
    if vertex.finished_subtasks == 0 || vertex.finished_subtasks >= vertex.parallelism {
        return Live::All;
    }
    let document = match pass.read::<Object<Details>>(place).await {
        Ok(document) => document,
        Err(error) => return Live::Untold(error.to_string()),
    };
    let running: BTreeSet<u32> = document
        .subtasks
        .iter()
        .filter(|subtask| subtask.status == Some(true))
        .filter_map(|subtask| subtask.subtask.small_count())
        .collect();
    if running.is_empty() {
        return Live::Untold("the vertex's details list no subtask that runs".to_string());
    }
    let ranges = ranges(&running);
    Live::Some(running, ranges)
}

impl Live {
    /// The subtasks to ask for, where not all are.
    pub(super) fn chosen(&self) -> Option<&str> {
        match self {
            Live::Some(_, ranges) => Some(ranges),
            _ => None,
        }
    }

    /// How many subtasks an aggregate is over.
    pub(super) fn counted(&self, vertex: &Vertex) -> u32 {
        match self {
            Live::Some(running, _) => u32::try_from(running.len()).unwrap_or(u32::MAX),
            _ => vertex.parallelism,
        }
    }

    /// Whether a subtask is one of them, by its number.
    pub(super) fn holds(&self, subtask: Number) -> bool {
        match self {
            Live::Some(running, _) => subtask
                .small_count()
                .is_some_and(|number| running.contains(&number)),
            _ => true,
        }
    }

    /// Takes from a vertex what is over all of its subtasks and does not grow: of finished ones it never changes again.
    pub(super) fn forget_gauges(&self, vertex: &mut Vertex) {
        vertex.busy_ms_per_second = None;
        vertex.backpressured_ms_per_second = None;
        vertex.idle_ms_per_second = None;
        vertex.busy_median_ms_per_second = None;
        vertex.records_in_per_second = None;
        vertex.records_out_per_second = None;
        vertex.records_in_spread = None;
        vertex.pending_records = None;
    }
}

/// `0-3,7`
fn ranges(numbers: &BTreeSet<u32>) -> String {
    let mut parts: Vec<(u32, u32)> = Vec::new();
    for number in numbers {
        match parts.last_mut() {
            Some((_, last)) if *last + 1 == *number => *last = *number,
            _ => parts.push((*number, *number)),
        }
    }
    let text = |(first, last): &(u32, u32)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    };
    parts.iter().map(text).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subtasks_are_asked_for_in_ranges() {
        for (numbers, expected) in [
            (&[0, 1, 2, 3][..], "0-3"),
            (&[0, 2, 3, 7], "0,2-3,7"),
            (&[5], "5"),
        ] {
            assert_eq!(ranges(&numbers.iter().copied().collect()), expected);
        }
    }
}
