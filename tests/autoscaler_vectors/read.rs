//! From the vectors' JSON to the evaluators' input.

use std::collections::BTreeMap;

use plimsoll::evaluate::true_rate::delay::{DelayedScaleDowns, Recommended, Waiting};
use plimsoll::evaluate::true_rate::evaluate::{
    EvaluatedGlobal, EvaluatedVertex, Evaluation, Reading,
};
use plimsoll::evaluate::true_rate::input::{
    Aggregate, IoCounters, PastScaling, RawSample, RawVertex, ScalingHistory, ShipStrategy, Vertex,
    VertexId,
};
use plimsoll::evaluate::true_rate::options::{Options, Profile};
use plimsoll::evaluate::true_rate::sample::{GlobalSample, History, Sample, VertexSample};
use plimsoll::evaluate::true_rate::topology::Topology;
use plimsoll::evaluate::true_rate::tracking::RestartRecords;
use serde_json::Value;

/// One recorded case.
pub(super) struct Case<'a> {
    pub(super) id: &'a str,
    pub(super) expected: &'a Value,
    pub(super) config: BTreeMap<String, String>,
    pub(super) options: Options,
    pub(super) running_ms: i64,
    pub(super) cpu: Option<f64>,
    pub(super) accepts: Option<bool>,
    pub(super) topology: Topology,
    pub(super) passes: Vec<RawSample>,
    pub(super) history: ScalingHistory,
    pub(super) restarts: RestartRecords,
    pub(super) delayed: DelayedScaleDowns,
}

impl<'a> Case<'a> {
    pub(super) fn read(case: &'a Value, version: &Value) -> Case<'a> {
        let input = &case["input"];
        let config: BTreeMap<String, String> = entries(&input["config"])
            .map(|(key, value)| (key.clone(), value.as_str().unwrap().to_owned()))
            .collect();
        let old = version
            .as_str()
            .is_some_and(|version| version.starts_with("1.10."));
        let profile = if old { Profile::V1_10 } else { Profile::Next };
        Case {
            id: case["id"].as_str().unwrap(),
            expected: &case["expected"],
            options: Options::read(&config, profile).unwrap(),
            config,
            running_ms: input["job_running_ts_ms"].as_i64().unwrap(),
            cpu: number(&input["task_manager_cpu"]),
            accepts: input["resource_check_accepts"].as_bool(),
            topology: Topology::new(list(&input["topology"]).map(vertex).collect()).unwrap(),
            passes: list(&input["samples"]).map(pass).collect(),
            history: history(&input["scaling_history"]),
            restarts: restarts(&input["scaling_tracking"]),
            delayed: list(&input["delayed_scale_down"]).map(waiting).collect(),
        }
    }

    /// The recorded moment of the decision.
    pub(super) fn now_ms(&self) -> i64 {
        self.passes.last().unwrap().at_ms
    }

    /// The past scalings that were kept.
    pub(super) fn kept_history(&self) -> ScalingHistory {
        let mut kept = ScalingHistory::new();
        for entry in list(&self.expected["scaling_history_kept"]) {
            let (id, at) = (id(&entry["vertex"]), entry["ts_ms"].as_i64().unwrap());
            kept.entry(id)
                .or_default()
                .insert(at, self.history[&id][&at]);
        }
        kept
    }

    /// The recorded samples.
    pub(super) fn collected(&self) -> History {
        list(&self.expected["collected"])
            .map(|sample| (sample["ts_ms"].as_i64().unwrap(), collected_sample(sample)))
            .collect()
    }

    /// The recorded evaluation.
    pub(super) fn evaluation(&self) -> Evaluation {
        let vertices = entries(&self.expected["evaluated"]);
        Evaluation {
            processing_backlog: self.expected["processing_backlog"].as_bool().unwrap(),
            vertices: vertices
                .map(|(id, metrics)| (id.parse().unwrap(), evaluated(metrics)))
                .collect(),
            global: evaluated_global(&self.expected["evaluated_global"]),
        }
    }
}

pub(super) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::String(text) => match text.as_str() {
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            _ => None,
        },
        _ => value.as_f64(),
    }
}

pub(super) fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().unwrap().iter()
}

pub(super) fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().unwrap().iter()
}

pub(super) fn id(value: &Value) -> VertexId {
    value.as_str().unwrap().parse().unwrap()
}

fn count(value: &Value) -> u32 {
    u32::try_from(value.as_u64().unwrap()).unwrap()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn vertex(value: &Value) -> Vertex {
    let input = |input: &Value| {
        let strategy = ShipStrategy::read(input["ship_strategy"].as_str().unwrap());
        (id(&input["id"]), strategy)
    };
    Vertex {
        id: id(&value["id"]),
        parallelism: count(&value["parallelism"]),
        max_parallelism: count(&value["max_parallelism"]),
        finished: value["finished"].as_bool().unwrap(),
        slot_sharing_group: value["slot_sharing_group"].as_str().map(str::to_owned),
        inputs: list(&value["inputs"]).map(input).collect(),
    }
}

fn aggregates(value: &Value) -> BTreeMap<String, Aggregate> {
    let aggregate = |value: &Value| {
        let at = |index: usize| number(&value[index]).unwrap_or(f64::NAN);
        Aggregate {
            min: at(0),
            max: at(1),
            avg: at(2),
            sum: at(3),
        }
    };
    entries(value)
        .map(|(name, value)| (name.clone(), aggregate(value)))
        .collect()
}

fn pass(value: &Value) -> RawSample {
    let raw_vertex = |value: &Value| {
        let io = &value["io"];
        RawVertex {
            metrics: aggregates(&value["metrics"]),
            io: IoCounters {
                read_records: number(&io["read_records"]).unwrap(),
                write_records: number(&io["write_records"]).unwrap(),
                accumulated_busy_ms: number(&io["accumulated_busy_ms"]).unwrap(),
            },
            further_names: list(&value["extra_metric_names"]).map(text).collect(),
        }
    };
    let vertices = entries(&value["vertices"]);
    let job_manager = entries(&value["jobmanager"]);
    RawSample {
        at_ms: value["ts_ms"].as_i64().unwrap(),
        vertices: vertices
            .map(|(id, value)| (id.parse().unwrap(), raw_vertex(value)))
            .collect(),
        task_managers: aggregates(&value["taskmanager"]),
        job_manager: job_manager
            .map(|(name, value)| (name.clone(), text(value)))
            .collect(),
    }
}

fn history(value: &Value) -> ScalingHistory {
    let mut history = ScalingHistory::new();
    for entry in list(value) {
        let rate = |key: &str| number(&entry[key]).unwrap_or(f64::NAN);
        let scaling = PastScaling::new(
            count(&entry["current_parallelism"]),
            count(&entry["new_parallelism"]),
            rate("true_processing_rate"),
            rate("expected_processing_rate"),
        );
        let at = entry["ts_ms"].as_i64().unwrap();
        history
            .entry(id(&entry["vertex"]))
            .or_default()
            .insert(at, scaling);
    }
    history
}

pub(super) fn restarts(value: &Value) -> RestartRecords {
    list(value)
        .map(|entry| {
            (
                entry["start_ms"].as_i64().unwrap(),
                entry["restart_ms"].as_i64(),
            )
        })
        .collect()
}

fn waiting(value: &Value) -> (VertexId, Waiting) {
    let recommended = |entry: &Value| Recommended {
        at_ms: entry["ts_ms"].as_i64().unwrap(),
        parallelism: count(&entry["parallelism"]),
        outside_bound: entry["outside_bound"].as_bool().unwrap(),
    };
    let waiting = Waiting {
        first_trigger_ms: value["first_trigger_ms"].as_i64().unwrap(),
        recommended: list(&value["recommended"]).map(recommended).collect(),
    };
    (id(&value["vertex"]), waiting)
}

fn collected_sample(value: &Value) -> Sample {
    let vertex = |metrics: &Value| {
        let metric = |name: &str| metrics.get(name).map(|value| number(value).unwrap());
        VertexSample {
            load: metric("LOAD").unwrap(),
            accumulated_busy_ms: metric("ACCUMULATED_BUSY_TIME").unwrap(),
            records_in: metric("NUM_RECORDS_IN").unwrap(),
            records_out: metric("NUM_RECORDS_OUT").unwrap(),
            records_in_per_second: metric("NUM_RECORDS_IN_PER_SECOND"),
            lag: metric("LAG"),
            observed_rate: metric("OBSERVED_TPR"),
        }
    };
    let global = |name: &str| {
        value["global"]
            .get(name)
            .map(|value| number(value).unwrap())
    };
    let vertices = entries(&value["vertices"]);
    Sample {
        vertices: vertices
            .map(|(id, value)| (id.parse().unwrap(), vertex(value)))
            .collect(),
        global: GlobalSample {
            gc_pressure: global("GC_PRESSURE"),
            heap_used: global("HEAP_MEMORY_USED"),
            heap_max_usage_ratio: global("HEAP_MAX_USAGE_RATIO"),
            managed_used: global("MANAGED_MEMORY_USED"),
            metaspace_used: global("METASPACE_MEMORY_USED"),
            slots_used: global("NUM_TASK_SLOTS_USED"),
        },
    }
}

fn evaluated(metrics: &Value) -> EvaluatedVertex {
    let side = |name: &str, side: &str| number(&metrics[name][side]).unwrap();
    let current = |name: &str| side(name, "current");
    EvaluatedVertex {
        load: side("LOAD", "average"),
        true_processing_rate: side("TRUE_PROCESSING_RATE", "average"),
        target_data_rate: side("TARGET_DATA_RATE", "average"),
        catch_up_data_rate: current("CATCH_UP_DATA_RATE"),
        lag: metrics.get("LAG").map(|_| current("LAG")),
        parallelism: current("PARALLELISM"),
        max_parallelism: current("MAX_PARALLELISM"),
        source_partitions: current("NUM_SOURCE_PARTITIONS"),
        scale_up_threshold: current("SCALE_UP_RATE_THRESHOLD"),
        scale_down_threshold: current("SCALE_DOWN_RATE_THRESHOLD"),
    }
}

fn evaluated_global(metrics: &Value) -> EvaluatedGlobal {
    let reading = |name: &str| Reading {
        current: number(&metrics[name]["current"]).unwrap(),
        average: number(&metrics[name]["average"]).unwrap(),
    };
    EvaluatedGlobal {
        gc_pressure: reading("GC_PRESSURE"),
        heap_max_usage_ratio: reading("HEAP_MAX_USAGE_RATIO"),
        heap_used: reading("HEAP_MEMORY_USED"),
        managed_used: reading("MANAGED_MEMORY_USED"),
        metaspace_used: reading("METASPACE_MEMORY_USED"),
        slots_used: reading("NUM_TASK_SLOTS_USED"),
    }
}
