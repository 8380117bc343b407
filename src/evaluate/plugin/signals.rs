//! Standard signals from a collector: what it supplies or replaces in a look.

use super::told::MOST_GAPS;
use super::{CollectAnswer, LARGEST};
use crate::snapshot::{Gap, Snapshot, TaskManager, Vertex};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Signals of a vertex. Each is between 0 and 1e15; what is left out stays.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VertexSignals {
    /// Records that wait outside (lag), of a source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending_records: Option<f64>,
    /// Records per second into it; of a source what it reads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records_in_per_second: Option<f64>,
    /// Records per second out of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records_out_per_second: Option<f64>,
    /// Time from the sources to it, milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<f64>,
}

/// Signals of a TaskManager. Each is between 0 and 1e15; what is left out stays.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskManagerSignals {
    /// Cores in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_cores: Option<f64>,
    /// Heap in use, bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heap_used_bytes: Option<f64>,
    /// Memory that its container holds (working set), bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container_used_bytes: Option<f64>,
    /// The limit of its container, bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container_limit_bytes: Option<f64>,
}

impl CollectAnswer {
    /// Puts the answer's standard signals into a look. A vertex or TaskManager that is not there, and a number that is none, is a gap that
    /// names the plug-in.
    pub fn replace_in(&self, plugin: &str, snapshot: &mut Snapshot) -> Vec<Gap> {
        let mut refused = Vec::new();
        for (name, signals) in &self.vertices {
            let found = snapshot
                .vertices
                .iter_mut()
                .find(|vertex| vertex.id == *name || vertex.name == *name);
            match found {
                Some(vertex) => refused.extend(of_vertex(vertex, signals)),
                None => refused.push(("vertex", name.clone())),
            }
        }
        for (id, signals) in &self.task_managers {
            let found = snapshot
                .task_managers
                .iter_mut()
                .find(|task_manager| task_manager.id == *id);
            match found {
                Some(task_manager) => refused.extend(of_task_manager(task_manager, signals)),
                None => refused.push(("TaskManager", id.clone())),
            }
        }
        // What a collector tells is no gap any more.
        let told: Vec<String> = snapshot
            .vertices
            .iter()
            .filter(|vertex| vertex.pending_records.is_some())
            .map(|vertex| format!("lag of {}", vertex.name))
            .collect();
        snapshot.gaps.retain(|gap| !told.contains(&gap.what));
        let count = refused.len();
        let mut gaps: Vec<Gap> = refused
            .into_iter()
            .take(MOST_GAPS)
            .map(|(kind, name)| {
                let shown: String = name.chars().take(64).collect();
                Gap::new(
                    format!("collector {plugin}"),
                    match kind {
                        "number" => format!("{shown} is no number between 0 and 1e15"),
                        kind => format!("the job has no {kind} `{shown}`"),
                    },
                )
            })
            .collect();
        if count > MOST_GAPS {
            gaps.push(Gap::new(
                format!("collector {plugin}"),
                format!("{} more of its signals were refused", count - MOST_GAPS),
            ));
        }
        gaps
    }
}

type Refused = Vec<(&'static str, String)>;

fn sane(name: &str, value: Option<f64>, refused: &mut Refused) -> Option<f64> {
    let value = value?;
    if (0.0..=LARGEST).contains(&value) {
        return Some(value);
    }
    refused.push(("number", format!("{name} {value}")));
    None
}

fn of_vertex(vertex: &mut Vertex, signals: &VertexSignals) -> Refused {
    let mut refused = Refused::new();
    if let Some(lag) = sane("pending_records", signals.pending_records, &mut refused) {
        vertex.pending_records = Some(lag);
    }
    // A counter of Flink's would be believed before the rate that takes its place.
    if let Some(rate) = sane(
        "records_in_per_second",
        signals.records_in_per_second,
        &mut refused,
    ) {
        vertex.records_in = None;
        vertex.records_in_per_second = Some(rate);
    }
    if let Some(rate) = sane(
        "records_out_per_second",
        signals.records_out_per_second,
        &mut refused,
    ) {
        vertex.records_out = None;
        vertex.records_out_per_second = Some(rate);
    }
    if let Some(latency) = sane("latency_ms", signals.latency_ms, &mut refused) {
        vertex.latency_ms = Some(latency);
    }
    refused
}

fn of_task_manager(task_manager: &mut TaskManager, signals: &TaskManagerSignals) -> Refused {
    let mut refused = Refused::new();
    let bytes = |value: f64| value as u64;
    if let Some(cores) = sane("cpu_cores", signals.cpu_cores, &mut refused) {
        let cpus = task_manager.cpus_seen.unwrap_or(cores).max(cores).max(1e-9);
        task_manager.cpu_time_ns = None;
        task_manager.cpus_seen = Some(cpus);
        task_manager.cpu_load = Some(cores / cpus);
    }
    if let Some(used) = sane("heap_used_bytes", signals.heap_used_bytes, &mut refused) {
        task_manager.heap_used = Some(bytes(used));
    }
    if let Some(used) = sane(
        "container_used_bytes",
        signals.container_used_bytes,
        &mut refused,
    ) {
        task_manager.container_used = Some(bytes(used));
    }
    if let Some(limit) = sane(
        "container_limit_bytes",
        signals.container_limit_bytes,
        &mut refused,
    ) {
        task_manager.container_limit = Some(bytes(limit));
    }
    refused
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{JobKey, JobKind, JobState};

    fn look() -> Snapshot {
        let job = JobKey {
            cluster: "c".into(),
            kind: JobKind::Deployment,
            namespace: "n".into(),
            name: "j".into(),
        };
        let mut look = Snapshot::new(job, 1, JobState::Running);
        let mut source = Vertex::new("a", "Source: x", 2);
        source.records_in = Some(7);
        look.vertices = vec![source];
        look.gaps = vec![Gap::new("lag of Source: x", "none")];
        look
    }

    #[test]
    fn named_signals_are_supplied_and_replaced() {
        let mut look = look();
        let answer = CollectAnswer {
            vertices: [(
                "Source: x".to_owned(),
                VertexSignals {
                    pending_records: Some(500.0),
                    records_in_per_second: Some(9.0),
                    ..VertexSignals::default()
                },
            )]
            .into(),
            ..CollectAnswer::default()
        };
        assert_eq!(answer.replace_in("lag", &mut look), []);
        let source = &look.vertices[0];
        assert_eq!(source.pending_records, Some(500.0));
        assert_eq!(
            (source.records_in, source.records_in_per_second),
            (None, Some(9.0))
        );
        assert_eq!(look.gaps, []);
    }

    #[test]
    fn what_is_not_there_or_no_number_is_a_gap_and_changes_nothing() {
        let bad = VertexSignals {
            pending_records: Some(-1.0),
            latency_ms: Some(f64::NAN),
            ..VertexSignals::default()
        };
        let mut seen = look();
        let answer = CollectAnswer {
            vertices: [("a".to_owned(), bad), ("gone".to_owned(), bad)].into(),
            task_managers: [("tm".to_owned(), TaskManagerSignals::default())].into(),
            ..CollectAnswer::default()
        };
        let gaps = answer.replace_in("lag", &mut seen);
        assert_eq!(gaps.len(), 4, "{gaps:?}");
        assert_eq!(seen, look());
    }
}
