//! From computed values to the vectors' JSON.

use plimsoll::evaluate::autotune::{ConfigChanges, TuneError};
use plimsoll::evaluate::true_rate::decision::Decision;
use plimsoll::evaluate::true_rate::delay::DelayedScaleDowns;
use plimsoll::evaluate::true_rate::evaluate::{EvaluatedGlobal, EvaluatedVertex, Reading};
use plimsoll::evaluate::true_rate::event::Event;
use plimsoll::evaluate::true_rate::job::CollectedJob;
use plimsoll::evaluate::true_rate::sample::{GlobalSample, Sample, VertexSample};
use plimsoll::evaluate::true_rate::vertex::{Change, VertexDecision};
use serde_json::{Map, Value, json};

pub(super) fn number(number: f64) -> Value {
    match number {
        n if n.is_nan() => json!("NaN"),
        f64::INFINITY => json!("Infinity"),
        f64::NEG_INFINITY => json!("-Infinity"),
        n => json!(n),
    }
}

fn known<const N: usize>(metrics: [(&str, Option<f64>); N]) -> Value {
    let known = metrics
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), number(value?))));
    Value::Object(known.collect())
}

/// The keys of collection, as far as they are recorded with it.
pub(super) fn collected(job: &CollectedJob, answers: &mut Map<String, Value>) {
    let partitions = job
        .partitions
        .iter()
        .map(|(id, count)| (id.to_string(), json!(count)));
    let tracking = job.restarts.iter();
    let tracking = tracking.map(|(start, took)| json!({"start_ms": start, "restart_ms": took}));
    let kept = job.history.iter().flat_map(|(id, scalings)| {
        let scaling = move |at| json!({"vertex": id.to_string(), "ts_ms": at});
        scalings.keys().map(scaling)
    });
    let samples = job
        .samples
        .iter()
        .map(|(at, sample)| sample_json(*at, sample));
    let pairs = [
        ("source_partitions", Value::Object(partitions.collect())),
        ("fully_collected", json!(job.fully_collected)),
        ("collected", samples.collect()),
        ("scaling_tracking", tracking.collect()),
        ("scaling_history_kept", kept.collect()),
        ("excluded_after_collection", json!(job.excluded)),
    ];
    answers.extend(pairs.map(|(key, value)| (key.to_owned(), value)));
}

fn sample_json(at: i64, sample: &Sample) -> Value {
    let vertices = sample
        .vertices
        .iter()
        .map(|(id, vertex)| (id.to_string(), vertex_json(vertex)));
    let vertices: Map<String, Value> = vertices.collect();
    json!({"ts_ms": at, "vertices": vertices, "global": global_json(&sample.global)})
}

fn vertex_json(vertex: &VertexSample) -> Value {
    known([
        ("LOAD", Some(vertex.load)),
        ("ACCUMULATED_BUSY_TIME", Some(vertex.accumulated_busy_ms)),
        ("NUM_RECORDS_IN", Some(vertex.records_in)),
        ("NUM_RECORDS_OUT", Some(vertex.records_out)),
        ("NUM_RECORDS_IN_PER_SECOND", vertex.records_in_per_second),
        ("LAG", vertex.lag),
        ("OBSERVED_TPR", vertex.observed_rate),
    ])
}

fn global_json(global: &GlobalSample) -> Value {
    known([
        ("GC_PRESSURE", global.gc_pressure),
        ("HEAP_MEMORY_USED", global.heap_used),
        ("HEAP_MAX_USAGE_RATIO", global.heap_max_usage_ratio),
        ("MANAGED_MEMORY_USED", global.managed_used),
        ("METASPACE_MEMORY_USED", global.metaspace_used),
        ("NUM_TASK_SLOTS_USED", global.slots_used),
    ])
}

fn reading(reading: Reading) -> Value {
    json!({"current": number(reading.current), "average": number(reading.average)})
}

pub(super) fn evaluated(vertex: &EvaluatedVertex) -> Value {
    let average = |average| {
        reading(Reading {
            current: f64::NAN,
            average,
        })
    };
    let current = |current| reading(Reading::now(current));
    let mut metrics = json!({
        "LOAD": average(vertex.load),
        "TRUE_PROCESSING_RATE": average(vertex.true_processing_rate),
        "TARGET_DATA_RATE": average(vertex.target_data_rate),
        "CATCH_UP_DATA_RATE": current(vertex.catch_up_data_rate),
        "PARALLELISM": current(vertex.parallelism),
        "MAX_PARALLELISM": current(vertex.max_parallelism),
        "NUM_SOURCE_PARTITIONS": current(vertex.source_partitions),
        "SCALE_UP_RATE_THRESHOLD": current(vertex.scale_up_threshold),
        "SCALE_DOWN_RATE_THRESHOLD": current(vertex.scale_down_threshold),
    });
    if let Some(lag) = vertex.lag {
        metrics["LAG"] = current(lag);
    }
    metrics
}

pub(super) fn evaluated_global(global: &EvaluatedGlobal) -> Value {
    json!({
        "GC_PRESSURE": reading(global.gc_pressure),
        "HEAP_MEMORY_USED": reading(global.heap_used),
        "HEAP_MAX_USAGE_RATIO": reading(global.heap_max_usage_ratio),
        "MANAGED_MEMORY_USED": reading(global.managed_used),
        "METASPACE_MEMORY_USED": reading(global.metaspace_used),
        "NUM_TASK_SLOTS_USED": reading(global.slots_used),
    })
}

fn events<'a>(events: impl IntoIterator<Item = &'a Event>) -> Value {
    let mut texts: Vec<String> = events.into_iter().map(ToString::to_string).collect();
    texts.sort();
    json!(texts)
}

pub(super) fn vertex_decision(decision: &VertexDecision) -> Value {
    let change = match decision.change {
        Change::None => "NO_CHANGE",
        Change::Optional => "OPTIONAL_CHANGE",
        Change::Required => "REQUIRED_CHANGE",
    };
    json!({
        "change": change,
        "new_parallelism": decision.new_parallelism,
        "events": events(&decision.events),
    })
}

pub(super) fn decision(decision: &Decision, delayed: &DelayedScaleDowns) -> Value {
    let recommended = decision
        .recommended
        .iter()
        .map(|(id, p)| (id.to_string(), json!(p)));
    let rates = decision
        .expected_rates
        .iter()
        .map(|(id, rate)| (id.to_string(), number(*rate)));
    let overrides = decision
        .overrides
        .iter()
        .map(|(id, p)| (id.to_string(), json!(p.to_string())));
    let checks = decision.resource_checks.iter().map(|check| {
        json!({
            "current_task_managers": check.current_task_managers,
            "new_task_managers": check.new_task_managers,
            "cpu_per_task_manager": check.cpu_per_task_manager,
            "memory_bytes_per_task_manager": check.memory_bytes_per_task_manager,
        })
    });
    json!({
        "scaled": decision.scaled(),
        "recommended_parallelism": Value::Object(recommended.collect()),
        "expected_processing_rate": Value::Object(rates.collect()),
        "parallelism_overrides": Value::Object(overrides.collect()),
        "config_changes": changes(&decision.config_changes),
        "events": events(&decision.events),
        "resource_checks": checks.collect::<Value>(),
        "delayed_scale_down_after": delayed_json(delayed),
    })
}

fn delayed_json(delayed: &DelayedScaleDowns) -> Value {
    let waiting = delayed.iter().map(|(id, waiting)| {
        let recommended = waiting.recommended.iter().map(|entry| {
            json!({
                "ts_ms": entry.at_ms,
                "parallelism": entry.parallelism,
                "outside_bound": entry.outside_bound,
            })
        });
        json!({
            "vertex": id.to_string(),
            "first_trigger_ms": waiting.first_trigger_ms,
            "recommended": recommended.collect::<Value>(),
        })
    });
    waiting.collect()
}

fn changes(changes: &ConfigChanges) -> Value {
    json!({"overrides": changes.overrides, "removals": changes.removals})
}

pub(super) fn memory(recommendation: &Result<ConfigChanges, TuneError>) -> Value {
    match recommendation {
        Ok(recommended) => changes(recommended),
        Err(error) => json!(format!("error:{}", error.upstream_name())),
    }
}
