//! Each stage on its own, and all of them in a row.

use std::collections::BTreeMap;

use plimsoll::evaluate::autotune::{self, MemoryCase};
use plimsoll::evaluate::true_rate::capacity::{Rates, target_capacity};
use plimsoll::evaluate::true_rate::columns::Columns;
use plimsoll::evaluate::true_rate::decision::{self, Cluster, JobCase};
use plimsoll::evaluate::true_rate::evaluate::{EvaluateError, Evaluation, evaluate, flows};
use plimsoll::evaluate::true_rate::input::VertexId;
use plimsoll::evaluate::true_rate::job::{Job, Stop, collect_all, run};
use plimsoll::evaluate::true_rate::quota::{CapacityRequest, parallelisms_after};
use plimsoll::evaluate::true_rate::ratio::Edges;
use plimsoll::evaluate::true_rate::sample::History;
use plimsoll::evaluate::true_rate::tracking::restart_time_s;
use plimsoll::evaluate::true_rate::vertex::{self, VertexCase};
use serde_json::{Map, Value, json};

use super::read::{Case, entries, list, restarts};
use super::write;

type Answers = Map<String, Value>;

/// Answers of a stage fed with recorded values; `None` when nothing is recorded for it.
pub(super) fn answers(case: &Case<'_>, stage: &str) -> Option<Answers> {
    let recorded = |key: &str| case.expected.get(key).is_some_and(|value| !value.is_null());
    let mut answers = Answers::new();
    match stage {
        "collect" => collect(case, &mut answers),
        "evaluate" if recorded("evaluated") => evaluate_stage(case, &mut answers),
        "target" if recorded("target_capacity") => {
            answers.insert("target_capacity".into(), target(case, &case.evaluation()));
        }
        "vertex" if recorded("vertex_decisions") => {
            answers.insert(
                "vertex_decisions".into(),
                vertices(case, &case.evaluation()),
            );
        }
        "decision" if recorded("decision") => decision_stage(case, &mut answers),
        "memory" if recorded("memory_recommendation") => {
            let recommended = entries(&case.expected["decision"]["recommended_parallelism"]);
            let recommended = recommended.map(|(id, p)| {
                (
                    id.parse().unwrap(),
                    u32::try_from(p.as_u64().unwrap()).unwrap(),
                )
            });
            let memory = memory(case, &case.evaluation(), &recommended.collect());
            answers.insert("memory_recommendation".into(), memory);
        }
        _ => return None,
    }
    Some(answers)
}

fn job<'a>(case: &'a Case<'a>, cluster: Cluster<'a>) -> Job<'a> {
    Job {
        topology: &case.topology,
        config: &case.config,
        running_ms: case.running_ms,
        passes: &case.passes,
        history: &case.history,
        restarts: &case.restarts,
        delayed: &case.delayed,
        cluster,
    }
}

fn sample_errors<E>(failed: &[(i64, E)], name: impl Fn(&E) -> &'static str) -> Value {
    failed
        .iter()
        .map(|(at, error)| json!({"ts_ms": at, "error": name(error)}))
        .collect()
}

fn collect(case: &Case<'_>, answers: &mut Answers) {
    let mut failed = Vec::new();
    let collected = collect_all(job(case, Cluster::default()), &case.options, &mut failed);
    let errors = sample_errors(&failed, |error| error.upstream_name());
    answers.insert("sample_errors".into(), errors);
    if let Ok(collected) = &collected {
        write::collected(collected, answers);
    }
    if case.expected.get("restart_time_s").is_some() {
        // Fed with the recorded records, so that a fault in trimming shows once.
        let restart = restart_time_s(&restarts(&case.expected["scaling_tracking"]), &case.options);
        answers.insert("restart_time_s".into(), json!(restart));
    }
}

fn evaluate_stage(case: &Case<'_>, answers: &mut Answers) {
    let samples = case.collected();
    let partitions = entries(&case.expected["source_partitions"]);
    let partitions = partitions
        .map(|(id, count)| {
            (
                id.parse().unwrap(),
                u32::try_from(count.as_u64().unwrap()).unwrap(),
            )
        })
        .collect();
    let restart_s = case.expected["restart_time_s"].as_i64().unwrap();
    match evaluate(
        &samples,
        &case.topology,
        &partitions,
        restart_s,
        &case.options,
    ) {
        Ok(evaluation) => evaluated(case, &samples, &evaluation, answers),
        Err(error) => {
            answers.insert("evaluated".into(), json!(error.to_string()));
        }
    }
}

fn evaluated(case: &Case<'_>, samples: &History, evaluation: &Evaluation, answers: &mut Answers) {
    let vertices = evaluation.vertices.iter();
    let vertices = vertices.map(|(id, vertex)| (id.to_string(), write::evaluated(vertex)));
    answers.insert(
        "processing_backlog".into(),
        json!(evaluation.processing_backlog),
    );
    answers.insert("evaluated".into(), Value::Object(vertices.collect()));
    answers.insert(
        "evaluated_global".into(),
        write::evaluated_global(&evaluation.global),
    );
    answers.insert("edges".into(), edges(case, samples));
}

/// Edges in the recorded order, with any that are not recorded behind.
fn edges(case: &Case<'_>, samples: &History) -> Value {
    let flows = flows(&Columns::of(samples, &case.topology), &case.options);
    let edges = Edges::new(&case.topology, &flows);
    let mut all: BTreeMap<(String, String), Value> = BTreeMap::new();
    for vertex in case.topology.vertices() {
        for input in vertex.inputs.keys() {
            let ratio = write::number(edges.output_ratio(*input, vertex.id));
            all.insert((input.to_string(), vertex.id.to_string()), ratio);
        }
    }
    let mut ordered = Vec::new();
    for edge in list(&case.expected["edges"]) {
        let text = |key: &str| edge[key].as_str().unwrap().to_owned();
        if let Some(ratio) = all.remove(&(text("from"), text("to"))) {
            ordered.push(json!({"from": text("from"), "to": text("to"), "output_ratio": ratio}));
        }
    }
    ordered.extend(
        all.into_iter()
            .map(|((from, to), ratio)| json!({"from": from, "to": to, "output_ratio": ratio})),
    );
    Value::Array(ordered)
}

fn restart_s(case: &Case<'_>) -> i64 {
    case.expected["restart_time_s"].as_i64().unwrap()
}

fn target(case: &Case<'_>, evaluation: &Evaluation) -> Value {
    let capacities = evaluation.vertices.iter().map(|(id, metrics)| {
        let rates = Rates {
            target: metrics.target_data_rate,
            catch_up: metrics.catch_up_data_rate,
        };
        let capacity = target_capacity(rates, restart_s(case), &case.options);
        (id.to_string(), write::number(capacity))
    });
    Value::Object(capacities.collect())
}

/// The vertex rule on its own, each vertex with the recorded waiting scale-downs.
fn vertices(case: &Case<'_>, evaluation: &Evaluation) -> Value {
    let history = case.kept_history();
    let none = BTreeMap::new();
    let mut decisions = Map::new();
    for (id, metrics) in &evaluation.vertices {
        let vertex_case = VertexCase {
            vertex: case.topology.vertex(*id).unwrap(),
            metrics,
            history: history.get(id).unwrap_or(&none),
            restart_s: restart_s(case),
            now_ms: case.now_ms(),
        };
        let decided = vertex::decide(vertex_case, &mut case.delayed.clone(), &case.options);
        let decided = match decided {
            Ok(decision) => write::vertex_decision(&decision),
            Err(error) => json!(format!("error:{}", error.upstream_name())),
        };
        decisions.insert(id.to_string(), decided);
    }
    Value::Object(decisions)
}

fn cluster<'a>(case: &Case<'_>, check: &'a dyn Fn(&CapacityRequest) -> bool) -> Cluster<'a> {
    Cluster {
        task_manager_cpu: case.cpu,
        task_manager_memory_bytes: case.options.process_memory_bytes,
        accepts: case.accepts.map(|_| check),
    }
}

fn decision_stage(case: &Case<'_>, answers: &mut Answers) {
    let evaluation = case.evaluation();
    let excluded = list(&case.expected["excluded_after_collection"]);
    let excluded = excluded.map(|id| id.as_str().unwrap().to_owned()).collect();
    let history = case.kept_history();
    let check = |_: &CapacityRequest| case.accepts.unwrap_or(true);
    let job_case = JobCase {
        topology: &case.topology,
        evaluation: &evaluation,
        excluded: &excluded,
        history: &history,
        restart_s: restart_s(case),
        now_ms: case.now_ms(),
        config: &case.config,
        cluster: cluster(case, &check),
    };
    let mut delayed = case.delayed.clone();
    let decided = match decision::decide(job_case, &mut delayed, &case.options) {
        Ok(decision) => write::decision(&decision, &delayed),
        Err(error) => json!(format!("error:{}", error.upstream_name())),
    };
    answers.insert("decision".into(), decided);
}

fn memory(case: &Case<'_>, evaluation: &Evaluation, changes: &BTreeMap<VertexId, u32>) -> Value {
    let after = parallelisms_after(&evaluation.vertices, changes);
    let memory_case = MemoryCase::of_job(
        &case.topology,
        &evaluation.vertices,
        &evaluation.global,
        &after,
        &case.config,
        case.options.process_memory_bytes.unwrap(),
    );
    write::memory(&autotune::recommend(&memory_case, &case.options))
}

/// The recorder asks the vertex rule about every vertex, also before the window is full, and a throwing
/// rule ends its case.
fn vertex_error(case: &Case<'_>, evaluation: &Evaluation) -> Option<String> {
    if case.expected.get("vertex_decisions").is_some() {
        return None;
    }
    let all = vertices(case, evaluation);
    let errors = all.as_object()?.values().filter_map(Value::as_str);
    let mut names = errors.filter_map(|error| error.strip_prefix("error:"));
    names.next().map(|name| format!("decision:{name}"))
}

/// From raw input to the end, with every key that is recorded.
pub(super) fn whole(case: &Case<'_>) -> Answers {
    let check = |_: &CapacityRequest| case.accepts.unwrap_or(true);
    let outcome = run(job(case, cluster(case, &check)), &case.options);
    let mut answers = Answers::new();
    let errors = sample_errors(&outcome.failed_passes, |error| error.upstream_name());
    answers.insert("sample_errors".into(), errors);
    let error = outcome.stop.as_ref().map(|stop| match stop {
        Stop::NoPass | Stop::Sample(_) => "sample".to_owned(),
        Stop::Evaluation(EvaluateError::TooFewSamples { .. }) => "window".to_owned(),
        Stop::Evaluation(_) => "evaluation".to_owned(),
        Stop::Decision(error) => format!("decision:{}", error.upstream_name()),
    });
    let error = error.or_else(|| vertex_error(case, outcome.evaluation.as_ref()?));
    answers.insert("error".into(), json!(&error));
    if let Some(collected) = &outcome.collected {
        write::collected(collected, &mut answers);
        if let Some(evaluation) = &outcome.evaluation {
            evaluated(case, &collected.samples, evaluation, &mut answers);
        }
    }
    if let Some(restart_s) = outcome.restart_s {
        answers.insert("restart_time_s".into(), json!(restart_s));
    }
    if let Some(evaluation) = &outcome.evaluation {
        answers.insert("target_capacity".into(), target(case, evaluation));
        if error.is_none() {
            answers.insert("vertex_decisions".into(), vertices(case, evaluation));
            let decision = outcome.decision.as_ref();
            let decided = decision.map(|decision| write::decision(decision, &outcome.delayed));
            answers.insert("decision".into(), json!(decided));
            let memory = decision
                .filter(|_| case.options.process_memory_bytes.is_some())
                .map(|decision| memory(case, evaluation, &decision.recommended));
            answers.insert("memory_recommendation".into(), json!(memory));
        }
    }
    answers
}
