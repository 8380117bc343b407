//! One subtask carries far more than the others.

use super::profile::{Unit, Verdict, VerdictId};
use super::window::{Window, signal};
use crate::snapshot::Vertex;

/// Load of the busiest subtask from which its skew matters.
const LOADED: f64 = 0.30;

pub(super) fn judge(window: &Window<'_>) -> Vec<Verdict> {
    window
        .vertices
        .iter()
        .filter_map(|vertex| of(window, vertex))
        .collect()
}

fn of(window: &Window<'_>, vertex: &Vertex) -> Option<Verdict> {
    // Subtasks without a partition are idle, which is no skew of the data.
    let starved = vertex
        .source_partitions
        .is_some_and(|partitions| partitions < vertex.parallelism);
    if vertex.parallelism < 2 || starved || vertex.finished_subtasks > 0 {
        return None;
    }
    let limit = window.settings.skew;
    let busiest = window
        .vertex_series(&vertex.id, |seen| seen.busy_max)
        .quantile(0.75)?;
    let median = window
        .vertex_series(&vertex.id, |seen| seen.busy_median)
        .quantile(0.75);
    let data = window
        .vertex_series(&vertex.id, |seen| seen.in_skew)
        .quantile(0.5);
    let mean = window
        .vertex_series(&vertex.id, |seen| seen.busy)
        .quantile(0.75);
    let over_median = median.map(|median| busiest / median.max(0.01));
    let over_mean = mean.map(|mean| busiest / mean.max(0.01));
    let by_time = over_median.is_some_and(|ratio| ratio >= limit)
        || median.is_none() && over_mean.is_some_and(|ratio| ratio >= limit);
    let by_data = data.is_some_and(|ratio| ratio >= limit)
        && over_mean.is_none_or(|ratio| ratio >= limit.sqrt());
    if busiest < LOADED || !(by_time || by_data) {
        return None;
    }
    let mut signals = vec![signal(
        "busy, its busiest subtask",
        busiest,
        Unit::Share,
        LOADED,
    )];
    if let Some(ratio) = over_median {
        signals.push(signal(
            "busiest over median subtask, busy time",
            ratio,
            Unit::Count,
            limit,
        ));
    }
    if let Some(ratio) = data {
        signals.push(signal(
            "busiest over mean subtask, records",
            ratio,
            Unit::Count,
            limit,
        ));
    }
    if let (None, Some(ratio)) = (over_median, over_mean) {
        signals.push(signal(
            "busiest over mean subtask, busy time",
            ratio,
            Unit::Count,
            limit,
        ));
    }
    Some(Verdict {
        id: VerdictId::Skewed,
        vertex: Some(window.name(vertex)),
        signals,
    })
}
