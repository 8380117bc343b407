//! A JobManager made from a small document (`fixtures/readings`): counters go with a clock, the rest stands still.

use plimsoll::clients::flink_rest::{Answer, Rest, RestError};
use serde_json::{Map, Value, json};
use std::sync::atomic::{AtomicI64, Ordering};

/// When the first look is taken, Unix milliseconds.
pub const BEGIN_MS: i64 = 1_796_000_000_000;
const HOUR_MS: i64 = 3_600_000;
const MIB: u64 = 1 << 20;

/// A JobManager that answers at its own time.
pub struct JobManager {
    case: Value,
    pub now_ms: AtomicI64,
}

impl JobManager {
    pub fn new(case: Value) -> JobManager {
        JobManager {
            case,
            now_ms: AtomicI64::new(BEGIN_MS),
        }
    }

    fn now(&self) -> i64 {
        self.now_ms.load(Ordering::Relaxed)
    }

    /// Seconds since the job's start, six hours before the first look.
    fn age(&self) -> f64 {
        (self.now() - BEGIN_MS + 6 * HOUR_MS) as f64 / 1000.0
    }

    fn jobs(&self) -> Vec<&Value> {
        match self.case["jobs"].as_array() {
            Some(jobs) => jobs.iter().collect(),
            None => vec![&self.case["job"]],
        }
    }

    fn job(&self, id: &str) -> Option<&Value> {
        self.jobs().into_iter().find(|job| id_of(job) == id)
    }

    fn route(&self, path: &str, wanted: &[String]) -> Option<Value> {
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        Some(match parts[..] {
            ["jobs", "overview"] => {
                let jobs: Vec<Value> = self.jobs().iter().map(|job| self.listing(job)).collect();
                json!({ "jobs": jobs })
            }
            ["overview"] => {
                let sum = |name: &str, usual: f64| -> f64 {
                    self.managers()
                        .iter()
                        .map(|one| number(&one[name], usual))
                        .sum()
                };
                json!({"flink-version": self.case["version"].as_str().unwrap_or("1.20.1"),
                    "taskmanagers": self.managers().len(), "slots-total": sum("slots", 2.0) as u64,
                    "slots-available": sum("free", 0.0) as u64})
            }
            ["jobmanager", "config"] => {
                let options = self.case["configuration"].as_object().cloned();
                let list = options.unwrap_or_default().into_iter();
                list.map(|(key, value)| json!({"key": key, "value": text(&value)}))
                    .collect()
            }
            ["taskmanagers"] => {
                let all: Vec<Value> = self.managers().iter().map(manager).collect();
                json!({ "taskmanagers": all })
            }
            ["taskmanagers", id, "metrics"] => {
                let all = self.managers();
                let found = all.iter().find(|one| one["id"] == id)?;
                listed(&self.process(found), wanted)
            }
            ["jobs", id] => self.details(self.job(id)?),
            ["jobs", id, "metrics"] => {
                let job = self.job(id)?;
                let mut metrics = Map::new();
                metrics.insert(
                    "numRestarts".into(),
                    json!(self.grown(&job["restarts"]) as u64),
                );
                if !job["rescales"].is_null() {
                    metrics.insert(
                        "numRescales".into(),
                        json!(self.grown(&job["rescales"]) as u64),
                    );
                }
                listed(&metrics, wanted)
            }
            ["jobs", id, "exceptions"] => self.exceptions(self.job(id)?),
            ["jobs", id, "checkpoints"] => {
                self.job(id)?;
                let count = (self.age() / 60.0) as u64;
                json!({"counts": {"completed": count, "failed": 0, "in_progress": 0},
                    "latest": {"completed": {"status": "COMPLETED", "trigger_timestamp": self.now() - 20_000,
                        "latest_ack_timestamp": self.now() - 19_000, "state_size": MIB, "end_to_end_duration": 800}},
                    "history": []})
            }
            ["jobs", id, "checkpoints", "config"] => {
                self.job(id)?;
                json!({"interval": 60_000, "timeout": 600_000, "state_backend": "EmbeddedRocksDBStateBackend"})
            }
            ["jobs", id, "vertices", vertex, ref rest @ ..] => {
                let vertex = self.vertex(id, vertex)?;
                return self.of_vertex(vertex, rest, wanted);
            }
            _ => return None,
        })
    }

    fn managers(&self) -> Vec<Value> {
        self.case["task_managers"]
            .as_array()
            .cloned()
            .unwrap_or_default()
    }

    fn listing(&self, job: &Value) -> Value {
        json!({"jid": id_of(job), "name": job["name"], "state": job["state"].as_str().unwrap_or("RUNNING"),
            "start-time": BEGIN_MS - 6 * HOUR_MS, "tasks": {"total": 4}})
    }

    fn details(&self, job: &Value) -> Value {
        let vertices: Vec<Value> = vertices(job)
            .iter()
            .map(|vertex| self.vertex_document(vertex))
            .collect();
        let nodes: Vec<Value> = vertices_of_plan(job);
        json!({"jid": id_of(job), "name": job["name"], "state": job["state"].as_str().unwrap_or("RUNNING"),
            "job-type": job["type"].as_str().unwrap_or("STREAMING"), "now": self.now(),
            "timestamps": {"RUNNING": BEGIN_MS - 6 * HOUR_MS}, "vertices": vertices, "plan": {"nodes": nodes}})
    }

    fn vertex(&self, job: &str, id: &str) -> Option<&Value> {
        vertices(self.job(job)?)
            .iter()
            .find(|vertex| hash(&vertex["name"]) == id)
    }

    fn parallelism(&self, vertex: &Value) -> i64 {
        let hours = (self.now() - BEGIN_MS) / HOUR_MS;
        let later = vertex["parallelism_by_hour"]
            .as_array()
            .and_then(|all| all.get(usize::try_from(hours).unwrap_or(0)).or(all.last()));
        later
            .unwrap_or(&vertex["parallelism"])
            .as_i64()
            .unwrap_or(4)
    }

    fn vertex_document(&self, vertex: &Value) -> Value {
        let parallelism = self.parallelism(vertex);
        let tasks = match &vertex["tasks"] {
            Value::Null => json!({ "RUNNING": parallelism }),
            tasks => tasks.clone(),
        };
        json!({"id": hash(&vertex["name"]), "name": vertex["name"], "parallelism": parallelism, "maxParallelism": 128,
            "slotSharingGroupId": "a", "tasks": tasks,
            "metrics": {"read-records": (number(&vertex["in"], 0.0) * self.age()) as u64, "read-records-complete": true,
                "write-records": (number(&vertex["out"], 0.0) * self.age()) as u64, "write-records-complete": true}})
    }

    fn of_vertex(&self, vertex: &Value, rest: &[&str], wanted: &[String]) -> Option<Value> {
        match rest {
            ["subtasks", "metrics"] => {
                let metrics = self.subtasks(vertex);
                if wanted.is_empty() {
                    return Some(metrics.iter().map(|(id, _)| json!({ "id": id })).collect());
                }
                // As Flink does: one that nobody reports empties the answer.
                let found: Option<Vec<&(String, Vec<f64>)>> = wanted
                    .iter()
                    .map(|name| metrics.iter().find(|(id, _)| id == name))
                    .collect();
                Some(
                    found
                        .unwrap_or_default()
                        .iter()
                        .map(|(id, values)| aggregate(id, values))
                        .collect(),
                )
            }
            ["backpressure"] => {
                let subtasks: Vec<Value> = busies(vertex, self.parallelism(vertex))
                    .iter()
                    .enumerate()
                    .map(|(number, busy)| {
                        json!({"subtask": number, "busyRatio": busy / 1000.0, "ratio": 0.0,
                        "idleRatio": 1.0 - busy / 1000.0})
                    })
                    .collect();
                Some(json!({ "status": "ok", "subtasks": subtasks }))
            }
            [] => {
                let states = vertex["subtask_states"].as_array()?;
                let subtasks: Vec<Value> = states
                    .iter()
                    .enumerate()
                    .map(|(number, state)| json!({"subtask": number, "status": state}))
                    .collect();
                Some(json!({ "subtasks": subtasks }))
            }
            _ => None,
        }
    }

    /// Metrics by subtask.
    fn subtasks(&self, vertex: &Value) -> Vec<(String, Vec<f64>)> {
        let parallelism = self.parallelism(vertex);
        let count = parallelism.max(1) as f64;
        let age = self.age();
        let busies = busies(vertex, parallelism);
        let held = number(&vertex["backpressured"], 0.0);
        let even = |value: f64| vec![value; parallelism.max(1) as usize];
        let mut metrics: Vec<(String, Vec<f64>)> = vec![
            ("busyTimeMsPerSecond".into(), busies.clone()),
            ("backPressuredTimeMsPerSecond".into(), even(held)),
            (
                "idleTimeMsPerSecond".into(),
                busies
                    .iter()
                    .map(|busy| (1000.0 - busy - held).max(0.0))
                    .collect(),
            ),
            (
                "accumulateBusyTimeMs".into(),
                busies.iter().map(|busy| busy * age).collect(),
            ),
            ("accumulateBackPressuredTimeMs".into(), even(held * age)),
            (
                "accumulateIdleTimeMs".into(),
                busies
                    .iter()
                    .map(|busy| (1000.0 - busy - held).max(0.0) * age)
                    .collect(),
            ),
        ];
        for (name, rate) in [
            ("numRecordsIn", &vertex["in"]),
            ("numRecordsOut", &vertex["out"]),
        ] {
            let rate = number(rate, 0.0);
            metrics.push((name.into(), even((rate * age / count).floor())));
            metrics.push((format!("{name}PerSecond"), even(rate / count)));
        }
        for (name, value) in vertex["metrics"].as_object().into_iter().flatten() {
            let values = match value {
                Value::Array(each) => each.iter().map(|one| self.grown(one)).collect(),
                value => even(self.grown(value) / count),
            };
            metrics.retain(|(known, _)| known != name);
            metrics.push((name.clone(), values));
        }
        metrics
    }

    /// A number, or `{at_begin, per_second}`: what it has grown to since the first look; or `{counter}`: what it has counted since the start.
    fn grown(&self, value: &Value) -> f64 {
        match value {
            Value::Object(_) if !value["counter"].is_null() => {
                (number(&value["counter"], 0.0) * self.age()).floor()
            }
            Value::Object(_) => {
                let since = (self.now() - BEGIN_MS) as f64 / 1000.0;
                number(&value["at_begin"], 0.0) + number(&value["per_second"], 0.0) * since
            }
            value => number(value, 0.0),
        }
    }

    fn process(&self, one: &Value) -> Map<String, Value> {
        let age = self.age();
        let mut metrics = Map::new();
        let mut say = |name: &str, value: f64| {
            metrics.insert(name.to_string(), json!(value.to_string()));
        };
        let cpu = number(&one["cpu"], 0.5);
        let cores = number(&one["cores"], 2.0);
        say("Status.JVM.CPU.Time", (cpu * age * 1e9).floor());
        say("Status.JVM.CPU.Load", cpu / cores);
        let mib = |name: &str, usual: f64| {
            self.grown(one.get(name).unwrap_or(&json!(usual))) * MIB as f64
        };
        for (metric, name, usual) in [
            ("JVM.Memory.Heap.Used", "heap_used", 200.0),
            ("JVM.Memory.Heap.Max", "heap_max", 512.0),
            ("JVM.Memory.Metaspace.Used", "metaspace", 90.0),
            ("JVM.Memory.NonHeap.Used", "non_heap", 130.0),
            ("JVM.Memory.Direct.MemoryUsed", "direct", 70.0),
            ("Flink.Memory.Managed.Used", "managed_used", 0.0),
            ("Flink.Memory.Managed.Total", "managed", 128.0),
            ("Shuffle.Netty.UsedMemory", "network_used", 1.0),
            ("Shuffle.Netty.TotalMemory", "network", 64.0),
        ] {
            say(&format!("Status.{metric}"), mib(name, usual).floor());
        }
        let usual = json!({"All": 2.0, "G1_Young_Generation": 2.0, "G1_Old_Generation": 0.0});
        let collectors = one.get("collectors").unwrap_or(&usual);
        for (name, rate) in collectors.as_object().into_iter().flatten() {
            say(
                &format!("Status.JVM.GarbageCollector.{name}.Time"),
                (number(rate, 0.0) * age).floor(),
            );
        }
        metrics
    }

    fn exceptions(&self, job: &Value) -> Value {
        let since = (self.now() - BEGIN_MS) / 60_000;
        let entries: Vec<Value> = job["exceptions"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|one| one["minute"].as_i64().is_some_and(|minute| minute <= since))
            .map(|one| {
                json!({"exceptionName": one["name"], "stacktrace": one["stack"],
                "timestamp": BEGIN_MS + one["minute"].as_i64().unwrap_or(0) * 60_000})
            })
            .collect();
        json!({"exceptionHistory": {"entries": entries}})
    }
}

impl Rest for JobManager {
    async fn get(&self, path_and_query: &str) -> Result<Answer, RestError> {
        let (path, query) = path_and_query
            .split_once('?')
            .unwrap_or((path_and_query, ""));
        let part = |name: &str| {
            query
                .split('&')
                .find_map(|part| part.strip_prefix(name))
                .unwrap_or("")
        };
        let wanted: Vec<String> = part("get=")
            .split(',')
            .filter(|name| !name.is_empty())
            .map(crate::recordings::decoded)
            .collect();
        let mut document = self.route(&crate::recordings::decoded(path), &wanted);
        let subtasks = part("subtasks=");
        if !subtasks.is_empty()
            && let Some(vertex) = path
                .split('/')
                .nth(4)
                .zip(path.split('/').nth(2))
                .and_then(|(vertex, job)| self.vertex(job, vertex))
        {
            let chosen = chosen(subtasks);
            let metrics = self.subtasks(vertex);
            document = Some(
                wanted
                    .iter()
                    .filter_map(|name| metrics.iter().find(|(id, _)| id == name))
                    .map(|(id, values)| {
                        let of: Vec<f64> = chosen
                            .iter()
                            .filter_map(|at| values.get(*at))
                            .copied()
                            .collect();
                        aggregate(id, &of)
                    })
                    .collect(),
            );
        }
        Ok(match document {
            Some(document) => Answer {
                status: 200,
                body: document.to_string().into_bytes(),
            },
            None => Answer {
                status: 404,
                body: br#"{"errors":["Not found."]}"#.to_vec(),
            },
        })
    }

    fn endpoint(&self) -> String {
        "http://case:8081".to_string()
    }
}

fn chosen(ranges: &str) -> Vec<usize> {
    let mut all = Vec::new();
    for range in ranges.split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        all.extend(first.parse::<usize>().expect("a number")..=last.parse().expect("a number"));
    }
    all
}

fn vertices(job: &Value) -> &[Value] {
    job["vertices"].as_array().map_or(&[], Vec::as_slice)
}

fn vertices_of_plan(job: &Value) -> Vec<Value> {
    let all = vertices(job);
    all.iter()
        .map(|vertex| {
            let named = vertex["inputs"].as_array();
            let inputs: Vec<Value> = named
                .into_iter()
                .flatten()
                .map(|name| json!({"id": hash(name), "ship_strategy": "HASH"}))
                .collect();
            json!({"id": hash(&vertex["name"]), "inputs": inputs})
        })
        .collect()
}

fn busies(vertex: &Value, parallelism: i64) -> Vec<f64> {
    match &vertex["busy"] {
        Value::Array(each) => each.iter().map(|one| number(one, 0.0)).collect(),
        value => vec![number(value, 200.0); parallelism.max(1) as usize],
    }
}

fn aggregate(id: &str, values: &[f64]) -> Value {
    let sum: f64 = values.iter().sum();
    json!({"id": id, "min": values.iter().copied().fold(f64::INFINITY, f64::min), "max": values.iter().copied().fold(0.0, f64::max),
        "avg": sum / values.len().max(1) as f64, "sum": sum})
}

fn listed(metrics: &Map<String, Value>, wanted: &[String]) -> Value {
    if wanted.is_empty() {
        return metrics.keys().map(|id| json!({ "id": id })).collect();
    }
    wanted
        .iter()
        .filter_map(|id| Some(json!({"id": id, "value": text(metrics.get(id)?)})))
        .collect()
}

fn manager(one: &Value) -> Value {
    let process = number(&one["process"], 1728.0) as u64 * MIB;
    let heap = number(&one["heap_max"], 512.0) as u64 * MIB;
    let managed = number(&one["managed"], 128.0) as u64 * MIB;
    json!({"id": one["id"], "slotsNumber": number(&one["slots"], 2.0) as u64, "freeSlots": number(&one["free"], 0.0) as u64,
        "hardware": {"cpuCores": number(&one["cores"], 2.0)},
        "memoryConfiguration": {"frameworkHeap": 128 * MIB, "taskHeap": heap - 128 * MIB, "frameworkOffHeap": 128 * MIB,
            "taskOffHeap": 0, "networkMemory": 64 * MIB, "managedMemory": managed, "jvmMetaspace": 256 * MIB,
            "jvmOverhead": 192 * MIB, "totalFlinkMemory": process - 448 * MIB, "totalProcessMemory": process}})
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_string)
}

fn number(value: &Value, usual: f64) -> f64 {
    value.as_f64().unwrap_or(usual)
}

fn id_of(job: &Value) -> String {
    match job["id"].as_str() {
        Some(id) => hash(&json!(id)),
        None => hash(&job["name"]),
    }
}

/// 32 hexadecimal digits that a name always has.
fn hash(name: &Value) -> String {
    let mut sum = [0u64; 2];
    for (at, byte) in name.as_str().unwrap_or_default().bytes().enumerate() {
        let part = &mut sum[at % 2];
        *part = part
            .wrapping_mul(1_099_511_628_211)
            .wrapping_add(u64::from(byte) + 7);
    }
    format!("{:016x}{:016x}", sum[0], sum[1])
}
