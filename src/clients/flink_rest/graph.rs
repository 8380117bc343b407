//! A job's details → its state, clock and graph.

use super::answers::{amount, count, list, small_count, text, time_ms};
use crate::snapshot::{Gap, Input, JobState, Vertex};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

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
pub(super) fn details(job: &Value, plan: Option<&Value>) -> Details {
    let mut gaps = Vec::new();
    let word = text(&job["state"]).unwrap_or_default();
    let inputs =
        inputs(&job["plan"]).or_else(|| inputs(plan.map_or(&Value::Null, |plan| &plan["plan"])));
    if inputs.is_none() && !list(&job["vertices"]).is_empty() {
        gaps.push(Gap::new(
            "graph",
            "neither the job's details nor its plan say how its vertices are connected",
        ));
    }
    let inputs = inputs.unwrap_or_default();
    let all: Vec<Vertex> = list(&job["vertices"])
        .iter()
        .filter_map(|found| vertex(found, &inputs))
        .collect();
    let batch = text(&job["job-type"]).is_some_and(|kind| kind.eq_ignore_ascii_case("BATCH"));
    // The adaptive batch scheduler has not decided the parallelism of stages to come: -1.
    let skipped = list(&job["vertices"]).len() - all.len();
    if skipped > 0 && !batch {
        gaps.push(Gap::new(
            "graph",
            format!("{skipped} of the job's vertices have no id or no parallelism"),
        ));
    }
    if all.is_empty() {
        gaps.push(Gap::new("graph", "the job lists no vertices"));
    }
    let state = state(&word, &all, list(&job["vertices"]));
    let (finished, vertices) = without_finished(all);
    let running = time_ms(&job["timestamps"]["RUNNING"]);
    Details {
        state,
        word,
        now_ms: time_ms(&job["now"]),
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
fn state(word: &str, vertices: &[Vertex], documents: &[Value]) -> JobState {
    match word {
        "RUNNING" => {
            let all_run = vertices.iter().all(|vertex| vertex.running)
                || documents.iter().all(|vertex| vertex["tasks"].is_null());
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

fn vertex(found: &Value, inputs: &BTreeMap<String, Vec<Input>>) -> Option<Vertex> {
    let id = text(&found["id"])?;
    let parallelism = small_count(&found["parallelism"]).filter(|parallelism| *parallelism > 0)?;
    let tasks = &found["tasks"];
    let task = |state: &str| count(&tasks[state]).unwrap_or(0);
    let running = if tasks.is_object() {
        task("RUNNING") + task("FINISHED") >= u64::from(parallelism)
    } else {
        found["status"] == "RUNNING"
    };
    let metrics = &found["metrics"];
    // A sum that Flink calls incomplete lacks subtasks, and would look like a counter that fell.
    let complete = |name: &str| {
        count(&metrics[name]).filter(|_| metrics[format!("{name}-complete")] != Value::Bool(false))
    };
    let inputs = inputs.get(&id).cloned().unwrap_or_default();
    let written = complete("write-records");
    let read = complete("read-records");
    let name = text(&found["name"]).unwrap_or_else(|| id.clone());
    Some(Vertex {
        records_in: if inputs.is_empty() {
            written.max(read)
        } else {
            read
        },
        records_out: written,
        max_parallelism: small_count(&found["maxParallelism"]).filter(|most| *most > 0),
        slot_sharing_group: text(&found["slotSharingGroupId"]),
        inputs,
        running,
        finished_subtasks: u32::try_from(task("FINISHED"))
            .unwrap_or(u32::MAX)
            .min(parallelism),
        accumulated_busy_ms: amount(&metrics["accumulated-busy-time"]),
        accumulated_backpressured_ms: amount(&metrics["accumulated-backpressured-time"]),
        accumulated_idle_ms: amount(&metrics["accumulated-idle-time"]),
        ..Vertex::new(id, name, parallelism)
    })
}

/// Edges by the vertex that they lead into. The plan may arrive wrapped as text.
fn inputs(plan: &Value) -> Option<BTreeMap<String, Vec<Input>>> {
    let unwrapped: Value;
    let plan = match plan {
        Value::String(text) => {
            unwrapped = serde_json::from_str(text).ok()?;
            &unwrapped
        }
        plan => plan,
    };
    let nodes = plan["nodes"].as_array()?;
    let edge = |input: &Value| {
        Some(Input {
            vertex: text(&input["id"])?,
            ship_strategy: text(&input["ship_strategy"]).unwrap_or_default(),
        })
    };
    Some(
        nodes
            .iter()
            .filter_map(|node| {
                let edges = list(&node["inputs"]).iter().filter_map(edge).collect();
                Some((text(&node["id"])?, edges))
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
    use serde_json::json;

    #[test]
    fn vertices_come_upstream_first_and_plans_may_be_text() {
        let plan = json!({"nodes": [
            {"id": "c", "inputs": [{"id": "b", "ship_strategy": "HASH"}]},
            {"id": "b", "inputs": [{"id": "a", "ship_strategy": "FORWARD"}]},
            {"id": "a"}]});
        let job = json!({"state": "RUNNING", "now": 5, "plan": plan.to_string(), "vertices": [
            {"id": "c", "parallelism": 1}, {"id": "b", "parallelism": 1}, {"id": "a", "parallelism": 1}]});
        let details = details(&job, None);
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
        let details = details(&job, None);
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
        assert_eq!(details(&job, None).state, JobState::Starting);
    }

    #[test]
    fn incomplete_sums_and_negative_counters_are_absent() {
        let job = json!({"state": "RUNNING", "plan": {"nodes": [{"id": "a", "inputs": [{"id": "z"}]}]}, "vertices": [
            {"id": "a", "parallelism": 1, "metrics": {"read-records": 5, "read-records-complete": false,
             "write-records": -7, "accumulated-busy-time": "NaN"}}]});
        let vertex = &details(&job, None).vertices[0];
        assert_eq!(vertex.records_in, None);
        assert_eq!(vertex.records_out, None);
        assert_eq!(vertex.accumulated_busy_ms, None);
    }
}
