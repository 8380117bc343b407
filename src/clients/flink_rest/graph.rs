//! A job's details → its state, clock and graph.

use super::answers::{Flag, List, Number, Object, Text, unwrapped};
use crate::snapshot::{Gap, Input, JobState, Vertex};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// Vertices of a job at most. Part of a graph is no graph: a job with more is not read.
pub(super) const MOST_VERTICES: usize = 1000;
/// Inputs of one vertex at most.
pub(super) const MOST_INPUTS: usize = 256;

/// `/jobs/:id`
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct JobDocument {
    state: Text,
    now: Number,
    #[serde(rename = "job-type")]
    job_type: Text,
    timestamps: Object<Timestamps>,
    vertices: List<Object<VertexDocument>, MOST_VERTICES>,
    /// It may arrive wrapped as text.
    #[serde(deserialize_with = "unwrapped")]
    plan: Object<Plan>,
}

/// `/jobs/:id/plan`
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct PlanDocument {
    #[serde(deserialize_with = "unwrapped")]
    plan: Object<Plan>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Timestamps {
    #[serde(rename = "RUNNING")]
    running: Number,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct VertexDocument {
    id: Text,
    name: Text,
    parallelism: Number,
    #[serde(rename = "maxParallelism")]
    max_parallelism: Number,
    #[serde(rename = "slotSharingGroupId")]
    slot_sharing_group: Text,
    status: Text,
    tasks: Object<Tasks>,
    metrics: Object<Metrics>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "UPPERCASE")]
struct Tasks {
    running: Number,
    finished: Number,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Metrics {
    read_records: Number,
    read_records_complete: Flag,
    write_records: Number,
    write_records_complete: Flag,
    accumulated_busy_time: Number,
    accumulated_backpressured_time: Number,
    accumulated_idle_time: Number,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Plan {
    nodes: List<Object<Node>, MOST_VERTICES>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Node {
    id: Text,
    inputs: List<Object<Edge>, MOST_INPUTS>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Edge {
    id: Text,
    ship_strategy: Text,
}

impl JobDocument {
    /// Whether it says how the vertices are connected.
    pub(super) fn has_plan(&self) -> bool {
        self.plan.nodes.is_given()
    }

    /// Why the graph is not read, where it is larger than any job's.
    pub(super) fn too_large(&self) -> Option<String> {
        let vertices = self.vertices.len() + self.vertices.more();
        if vertices > MOST_VERTICES {
            return Some(format!(
                "its graph has {vertices} vertices, more than the {MOST_VERTICES} that are read"
            ));
        }
        self.plan.too_large()
    }
}

impl PlanDocument {
    /// Why the graph is not read, where it is larger than any job's.
    pub(super) fn too_large(&self) -> Option<String> {
        self.plan.too_large()
    }
}

impl Plan {
    fn too_large(&self) -> Option<String> {
        if self.nodes.more() > 0 {
            return Some(format!(
                "its plan has more than the {MOST_VERTICES} vertices that are read"
            ));
        }
        self.nodes
            .iter()
            .any(|node| node.inputs.more() > 0)
            .then(|| format!("a vertex has more than the {MOST_INPUTS} inputs that are read"))
    }
}

/// What `/jobs/:id` says.
pub(super) struct Details {
    pub state: JobState,
    /// Flink's own word for it.
    pub word: String,
    pub now_ms: Option<i64>,
    pub running_since_ms: Option<i64>,
    /// Whether Flink calls it a batch job.
    pub batch: bool,
    /// In topological order, without those that have finished.
    pub vertices: Vec<Vertex>,
    /// Names of those that have.
    pub finished: Vec<String>,
    pub gaps: Vec<Gap>,
}

/// Reads a job's details; `plan` is used when the details hold none.
pub(super) fn details(job: &JobDocument, plan: Option<&PlanDocument>) -> Details {
    let mut gaps = Vec::new();
    let word = job.state.text().unwrap_or_default();
    let inputs = inputs(&job.plan).or_else(|| inputs(&plan?.plan));
    if inputs.is_none() && !job.vertices.is_empty() {
        gaps.push(Gap::new(
            "graph",
            "neither the job's details nor its plan say how its vertices are connected",
        ));
    }
    let inputs = inputs.unwrap_or_default();
    let all: Vec<Vertex> = job
        .vertices
        .iter()
        .filter_map(|found| vertex(found, &inputs))
        .collect();
    let batch = job
        .job_type
        .as_str()
        .is_some_and(|kind| kind.eq_ignore_ascii_case("BATCH"));
    // The adaptive batch scheduler has not decided the parallelism of stages to come: -1.
    let skipped = job.vertices.len() - all.len();
    if skipped > 0 && !batch {
        gaps.push(Gap::new(
            "graph",
            format!("{skipped} of the job's vertices have no id or no parallelism"),
        ));
    }
    if all.is_empty() {
        gaps.push(Gap::new("graph", "the job lists no vertices"));
    }
    let state = state(&word, &all, &job.vertices);
    let (finished, vertices) = without_finished(all);
    let running = job.timestamps.running.time_ms();
    Details {
        state,
        word,
        now_ms: job.now.time_ms(),
        running_since_ms: running.filter(|_| state == JobState::Running),
        batch,
        vertices: in_order(vertices),
        finished,
        gaps,
    }
}

/// Vertices all of whose subtasks have finished, by name, and the others. Whoever reads from a vertex that goes on goes on itself, so what
/// is left is a graph of its own; its edges from finished vertices bring nothing any more.
fn without_finished(all: Vec<Vertex>) -> (Vec<String>, Vec<Vertex>) {
    let (finished, mut live): (Vec<Vertex>, Vec<Vertex>) = all
        .into_iter()
        .partition(|vertex| vertex.finished_subtasks >= vertex.parallelism);
    if live.is_empty() {
        return (
            finished.iter().map(|vertex| vertex.name.clone()).collect(),
            finished,
        );
    }
    let gone: BTreeSet<&str> = finished.iter().map(|vertex| vertex.id.as_str()).collect();
    for vertex in &mut live {
        let feeds = |input: &Input| !gone.contains(input.vertex.as_str());
        // A vertex that only read from finished ones is about to finish: it is no source for it.
        if vertex.inputs.iter().any(feeds) {
            vertex.inputs.retain(feeds);
        }
    }
    (
        finished.iter().map(|vertex| vertex.name.clone()).collect(),
        live,
    )
}

/// Flink calls a job RUNNING as soon as it is scheduled; it runs when all its tasks do (FLINK-34906).
fn state(word: &str, vertices: &[Vertex], documents: &[Object<VertexDocument>]) -> JobState {
    match word {
        "RUNNING" => {
            let all_run = vertices.iter().all(|vertex| vertex.running)
                || documents.iter().all(|vertex| !vertex.tasks.is_given());
            if all_run {
                JobState::Running
            } else {
                JobState::Starting
            }
        }
        "FAILED" => JobState::Failed,
        "CANCELED" | "CANCELLING" | "FINISHED" | "SUSPENDED" => JobState::Stopped,
        _ => JobState::Starting,
    }
}

fn vertex(found: &VertexDocument, inputs: &BTreeMap<String, Vec<Input>>) -> Option<Vertex> {
    let id = found.id.text()?;
    let parallelism = found
        .parallelism
        .small_count()
        .filter(|parallelism| *parallelism > 0)?;
    let task = |state: Number| state.count().unwrap_or(0);
    let finished = task(found.tasks.finished);
    let running = if found.tasks.is_given() {
        task(found.tasks.running).saturating_add(finished) >= u64::from(parallelism)
    } else {
        found.status.is("RUNNING")
    };
    let metrics = &found.metrics;
    // A sum that Flink calls incomplete lacks subtasks, and would look like a counter that fell.
    let whole = |sum: Number, complete: Flag| sum.count().filter(|_| complete.0 != Some(false));
    let inputs = inputs.get(&id).cloned().unwrap_or_default();
    let written = whole(metrics.write_records, metrics.write_records_complete);
    let read = whole(metrics.read_records, metrics.read_records_complete);
    let name = found.name.text().unwrap_or_else(|| id.clone());
    Some(Vertex {
        records_in: if inputs.is_empty() {
            written.max(read)
        } else {
            read
        },
        records_out: written,
        max_parallelism: found.max_parallelism.small_count().filter(|most| *most > 0),
        slot_sharing_group: found.slot_sharing_group.text(),
        inputs,
        running,
        finished_subtasks: u32::try_from(finished).unwrap_or(u32::MAX).min(parallelism),
        accumulated_busy_ms: metrics.accumulated_busy_time.amount(),
        accumulated_backpressured_ms: metrics.accumulated_backpressured_time.amount(),
        accumulated_idle_ms: metrics.accumulated_idle_time.amount(),
        ..Vertex::new(id, name, parallelism)
    })
}

/// Edges by the vertex that they lead into; none without a plan.
fn inputs(plan: &Plan) -> Option<BTreeMap<String, Vec<Input>>> {
    if !plan.nodes.is_given() {
        return None;
    }
    let edge = |input: &Object<Edge>| {
        Some(Input {
            vertex: input.id.text()?,
            ship_strategy: input.ship_strategy.text().unwrap_or_default(),
        })
    };
    Some(
        plan.nodes
            .iter()
            .filter_map(|node| {
                let edges = node.inputs.iter().filter_map(edge).collect();
                Some((node.id.text()?, edges))
            })
            .collect(),
    )
}

/// Upstream before downstream, else as Flink lists them. Vertices in a loop (which Flink never builds) keep their place at the end.
fn in_order(vertices: Vec<Vertex>) -> Vec<Vertex> {
    let known: BTreeSet<String> = vertices.iter().map(|vertex| vertex.id.clone()).collect();
    let mut placed: BTreeSet<String> = BTreeSet::new();
    let mut ordered = Vec::with_capacity(vertices.len());
    let mut waiting = vertices;
    while !waiting.is_empty() {
        let (mut ready, rest): (Vec<Vertex>, Vec<Vertex>) =
            waiting.into_iter().partition(|vertex| {
                vertex
                    .inputs
                    .iter()
                    .all(|input| placed.contains(&input.vertex) || !known.contains(&input.vertex))
            });
        if ready.is_empty() {
            ordered.extend(rest);
            break;
        }
        placed.extend(ready.iter().map(|vertex| vertex.id.clone()));
        ordered.append(&mut ready);
        waiting = rest;
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(job: Value) -> Details {
        let job: Object<JobDocument> = serde_json::from_value(job).expect("a job");
        details(&job, None)
    }

    #[test]
    fn vertices_come_upstream_first_and_plans_may_be_text() {
        let plan = json!({"nodes": [
            {"id": "c", "inputs": [{"id": "b", "ship_strategy": "HASH"}]},
            {"id": "b", "inputs": [{"id": "a", "ship_strategy": "FORWARD"}]},
            {"id": "a"}]});
        let job = json!({"state": "RUNNING", "now": 5, "plan": plan.to_string(), "vertices": [
            {"id": "c", "parallelism": 1}, {"id": "b", "parallelism": 1}, {"id": "a", "parallelism": 1}]});
        let details = read(job);
        let ids: Vec<&str> = details
            .vertices
            .iter()
            .map(|vertex| vertex.id.as_str())
            .collect();
        assert_eq!(ids, ["a", "b", "c"]);
        assert_eq!(details.vertices[2].inputs[0].ship_strategy, "HASH");
        assert_eq!(details.state, JobState::Running);
    }

    #[test]
    fn finished_vertices_are_told_apart() {
        let job = json!({"state": "RUNNING", "job-type": "STREAMING", "plan": {"nodes": [
            {"id": "bounded"}, {"id": "live"},
            {"id": "join", "inputs": [{"id": "bounded", "ship_strategy": "HASH"}, {"id": "live", "ship_strategy": "HASH"}]}]},
            "vertices": [
            {"id": "bounded", "name": "Source: files", "parallelism": 2, "tasks": {"FINISHED": 2}},
            {"id": "live", "parallelism": 4, "tasks": {"RUNNING": 3, "FINISHED": 1}},
            {"id": "join", "parallelism": 4, "tasks": {"RUNNING": 4}}]});
        let details = read(job);
        assert_eq!(details.finished, ["Source: files"]);
        let left: Vec<(&str, usize, u32)> = details
            .vertices
            .iter()
            .map(|vertex| {
                (
                    vertex.id.as_str(),
                    vertex.inputs.len(),
                    vertex.finished_subtasks,
                )
            })
            .collect();
        assert_eq!(left, [("live", 0, 1), ("join", 1, 0)]);
        assert_eq!(details.state, JobState::Running);
        assert!(!details.batch);
    }

    #[test]
    fn a_running_job_with_a_task_that_does_not_run_is_starting() {
        let job = json!({"state": "RUNNING", "plan": {"nodes": []}, "vertices": [
            {"id": "a", "parallelism": 2, "tasks": {"RUNNING": 1, "DEPLOYING": 1}}]});
        assert_eq!(read(job).state, JobState::Starting);
    }

    #[test]
    fn incomplete_sums_and_negative_counters_are_absent() {
        let job = json!({"state": "RUNNING", "plan": {"nodes": [{"id": "a", "inputs": [{"id": "z"}]}]}, "vertices": [
            {"id": "a", "parallelism": 1, "metrics": {"read-records": 5, "read-records-complete": false,
             "write-records": -7, "accumulated-busy-time": "NaN"}}]});
        let vertex = &read(job).vertices[0];
        assert_eq!(vertex.records_in, None);
        assert_eq!(vertex.records_out, None);
        assert_eq!(vertex.accumulated_busy_ms, None);
    }
}
