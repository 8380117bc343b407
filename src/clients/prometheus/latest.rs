//! The newest state of a job: what the store tells, over what the last look over REST told.

use super::grid::Grid;
use super::series::{JobSeries, VertexSeries};
use super::signals::Signal;
use crate::snapshot::{Checkpoints, Gap, Input, JobKey, JobState, Point, Shape, Snapshot, Vertex};
use std::collections::BTreeSet;

/// What the store knows of a job at the end of what it holds. `known` is the newest look while it ran; the graph, the configuration and
/// the memory pools are taken from there as long as the vertices are still the same.
pub fn newest(
    job: &JobKey,
    series: &JobSeries,
    points: &[Point],
    grid: &Grid,
    known: Option<&Snapshot>,
) -> Option<Snapshot> {
    let last = points.last()?;
    let state =
        if last.running > 0.0 && last.running_since_ms.is_some() || !last.vertices.is_empty() {
            JobState::Running
        } else {
            JobState::Starting
        };
    let mut snapshot = match known {
        Some(known) => known.clone(),
        None => {
            let mut made = Snapshot::new(job.clone(), last.to_ms, state);
            made.gaps.push(Gap::new(
                "configuration, memory pools and checkpoint settings",
                "Prometheus does not hold them, and no look over REST was kept: run `plimsoll observe` once, or list the job's `rest`",
            ));
            made
        }
    };
    let step = grid.index_of(last.to_ms as f64 / 1000.0)?;
    // A look that is newer than the series knows better.
    if known.is_none_or(|known| known.taken_at_ms < last.to_ms) {
        snapshot.taken_at_ms = last.to_ms;
        snapshot.state = state;
        snapshot.job_id = last.job_id.clone();
        snapshot.running_since_ms = last.running_since_ms;
        counters(&mut snapshot, series, step);
    }
    graph(&mut snapshot, series, &last.shape, last);
    Some(snapshot)
}

fn counters(snapshot: &mut Snapshot, series: &JobSeries, step: usize) {
    let Some(columns) = snapshot
        .job_id
        .as_ref()
        .and_then(|id| series.executions.get(id))
    else {
        return;
    };
    let count = |signal| columns.at(signal, step).map(|value| value.round() as u64);
    snapshot.restarts = count(Signal::Restarts).or(snapshot.restarts);
    let (completed, failed) = (
        count(Signal::CheckpointsCompleted),
        count(Signal::CheckpointsFailed),
    );
    if let (Some(completed), Some(failed)) = (completed, failed) {
        let checkpoints = snapshot
            .checkpoints
            .get_or_insert_with(Checkpoints::default);
        checkpoints.completed = completed;
        checkpoints.failed = failed;
        let of = |signal| {
            series
                .columns
                .at(signal, step)
                .filter(|value| *value >= 0.0)
                .map(|value| value.round() as u64)
        };
        checkpoints.latest_duration_ms =
            of(Signal::CheckpointDuration).or(checkpoints.latest_duration_ms);
        checkpoints.latest_state_bytes = of(Signal::StateBytes).or(checkpoints.latest_state_bytes);
        checkpoints.latest_checkpointed_bytes =
            of(Signal::CheckpointedBytes).or(checkpoints.latest_checkpointed_bytes);
    }
}

/// The graph: of the last look, when its vertices are those that report now; else as far as it is certain.
fn graph(snapshot: &mut Snapshot, series: &JobSeries, shape: &Shape, last: &Point) {
    let seen: BTreeSet<&str> = shape.parallelism.keys().map(String::as_str).collect();
    if seen.is_empty() {
        return;
    }
    let known: BTreeSet<&str> = snapshot
        .vertices
        .iter()
        .map(|vertex| vertex.id.as_str())
        .collect();
    if !known.is_empty() && known == seen {
        for vertex in &mut snapshot.vertices {
            vertex.parallelism = shape
                .parallelism
                .get(&vertex.id)
                .copied()
                .unwrap_or(vertex.parallelism);
            let partitions = series
                .vertices
                .get(&vertex.id)
                .and_then(|seen| seen.partitions);
            vertex.source_partitions = partitions.or(vertex.source_partitions);
        }
        return;
    }
    let outdated = !known.is_empty();
    let vertices: Vec<(&str, &VertexSeries)> = series
        .vertices
        .iter()
        .filter(|(id, _)| seen.contains(id.as_str()))
        .map(|(id, vertex)| (id.as_str(), vertex))
        .collect();
    snapshot.vertices = certain(&vertices, shape, last).unwrap_or_default();
    if snapshot.vertices.is_empty() {
        let why = if outdated {
            "the last look over REST shows other vertices than those that report now: run `plimsoll observe`"
        } else {
            "Prometheus does not tell how vertices are connected, and no look over REST was kept: run `plimsoll observe` once"
        };
        snapshot.gaps.push(Gap::new("the job's graph", why));
    }
}

/// A graph that can be no other: one source alone, or a source and the one vertex that can only read from it.
fn certain(vertices: &[(&str, &VertexSeries)], shape: &Shape, last: &Point) -> Option<Vec<Vertex>> {
    let mut ordered = vertices.to_vec();
    ordered.sort_by_key(|(_, vertex)| !is_source(vertex));
    let sources = ordered
        .iter()
        .filter(|(_, vertex)| is_source(vertex))
        .count();
    if sources != 1 || ordered.len() > 2 {
        return None;
    }
    let source = ordered.first()?.0.to_string();
    Some(
        ordered
            .iter()
            .enumerate()
            .map(|(at, (id, vertex))| {
                let inputs = if at == 0 {
                    Vec::new()
                } else {
                    vec![Input {
                        vertex: source.clone(),
                        ship_strategy: "UNKNOWN".to_string(),
                    }]
                };
                named(
                    id,
                    vertex,
                    shape.parallelism.get(*id).copied().unwrap_or(1),
                    inputs,
                    last,
                )
            })
            .collect(),
    )
}

fn is_source(vertex: &VertexSeries) -> bool {
    vertex.source
        || vertex
            .name
            .as_ref()
            .is_some_and(|name| name.starts_with("Source:"))
}

fn named(
    id: &str,
    series: &VertexSeries,
    parallelism: u32,
    inputs: Vec<Input>,
    last: &Point,
) -> Vertex {
    let seen = last.vertices.get(id);
    let mean = |stat: Option<crate::snapshot::Stat>| stat.map(|stat| stat.mean);
    Vertex {
        inputs,
        running: true,
        records_in_per_second: seen.and_then(|seen| mean(seen.in_per_second)),
        records_out_per_second: seen.and_then(|seen| mean(seen.out_per_second)),
        pending_records: seen.and_then(|seen| mean(seen.pending)),
        source_partitions: series.partitions,
        ..Vertex::new(id, series.name.as_deref().unwrap_or(id), parallelism)
    }
}
