//! What a GitOps controller and the operator would make of a manifest: the size that it asks for.
//!
//! Written for the simulation alone, so that the world which a change is tried in does not share a mistake with the planner and
//! the editor that made the change.

use super::model::spec::JobSpec;
use crate::quantity::{Cpu, Memory};
use crate::recommend::Size;
use serde::Deserialize;
use std::collections::BTreeMap;
use yaml_serde::Value;

const DEFAULT_PROCESS_BYTES: u64 = 1728 << 20;

/// A FlinkDeployment of an application, as far as its size goes.
#[derive(Debug, Clone, PartialEq)]
pub struct Deployment {
    /// Its namespace; `default` when none is written.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// `job.parallelism`, or `parallelism.default`, or 1.
    pub parallelism: u32,
    /// `taskManager.replicas`: where it is set, it wins, and the parallelism is replicas × slots.
    pub replicas: Option<u32>,
    /// Memory of a TaskManager's process, bytes.
    pub memory_bytes: u64,
    /// CPU of a TaskManager, thousandths of a core; by default a core for each slot.
    pub cpu_millis: Option<u64>,
    /// Flink's options, flattened.
    pub options: BTreeMap<String, String>,
    /// Whether `job.state` is `suspended`.
    pub suspended: bool,
}

impl Deployment {
    /// The size that results for a job.
    pub fn size(&self, spec: &JobSpec) -> Size {
        let number = |key: &str| self.options.get(key).and_then(|text| text.parse().ok());
        let slots: u32 = number("taskmanager.numberOfTaskSlots").unwrap_or(1).max(1);
        let overrides = self
            .options
            .get("pipeline.jobvertex-parallelism-overrides")
            .map(|text| overrides(text))
            .unwrap_or_default();
        let parallelism = match self.replicas {
            Some(replicas) => replicas.saturating_mul(slots).max(1),
            None => self.parallelism,
        };
        let largest = (0..spec.vertices.len())
            .map(|v| {
                overrides
                    .get(&spec.vertex_id(v))
                    .copied()
                    .unwrap_or(parallelism)
            })
            .max()
            .unwrap_or(parallelism);
        let pools = self
            .options
            .iter()
            .filter(|(key, _)| {
                key.starts_with("taskmanager.memory.")
                    && key.as_str() != "taskmanager.memory.process.size"
            })
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        Size {
            parallelism,
            vertex_parallelism: overrides,
            task_managers: self.replicas.unwrap_or_else(|| largest.div_ceil(slots)),
            slots_per_task_manager: slots,
            memory_bytes: self.memory_bytes,
            cpu_millis: self.cpu_millis.unwrap_or(u64::from(slots) * 1000),
            options: pools,
        }
    }
}

/// All application FlinkDeployments in a file of one or more documents (lists included); anything else is passed over.
pub fn deployments(text: &str) -> Result<Vec<Deployment>, String> {
    let mut found = Vec::new();
    for document in yaml_serde::Deserializer::from_str(text) {
        let value = Value::deserialize(document).map_err(|error| error.to_string())?;
        collect(&value, &mut found)?;
    }
    Ok(found)
}

fn collect(value: &Value, found: &mut Vec<Deployment>) -> Result<(), String> {
    match text_at(value, &["kind"]).as_deref() {
        Some("List") => {
            if let Some(Value::Sequence(items)) = value.get("items") {
                for item in items {
                    collect(item, found)?;
                }
            }
            Ok(())
        }
        Some("FlinkDeployment") if at(value, &["spec", "job"]).is_some() => {
            found.push(deployment(value)?);
            Ok(())
        }
        _ => Ok(()),
    }
}

fn deployment(value: &Value) -> Result<Deployment, String> {
    let mut options = BTreeMap::new();
    if let Some(configuration) = at(value, &["spec", "flinkConfiguration"]) {
        flatten("", configuration, &mut options);
    }
    let name = text_at(value, &["metadata", "name"])
        .ok_or_else(|| "a FlinkDeployment without metadata.name".to_string())?;
    let task_manager = ["spec", "taskManager"];
    let field = |tails: &[&[&str]]| {
        tails.iter().find_map(|tail| {
            let path: Vec<&str> = task_manager.iter().chain(*tail).copied().collect();
            text_at(value, &path)
        })
    };
    // The operator takes `resources` before `resource`, and of it requests before limits.
    let memory = field(&[
        &["resources", "requests", "memory"],
        &["resources", "limits", "memory"],
        &["resource", "memory"],
    ]);
    let cpu = field(&[
        &["resources", "requests", "cpu"],
        &["resources", "limits", "cpu"],
        &["resource", "cpu"],
    ]);
    let memory = memory.or_else(|| options.get("taskmanager.memory.process.size").cloned());
    let cpu = cpu
        .or_else(|| options.get("kubernetes.taskmanager.cpu.amount").cloned())
        .or_else(|| options.get("kubernetes.taskmanager.cpu").cloned());
    let parallelism = text_at(value, &["spec", "job", "parallelism"])
        .or_else(|| options.get("parallelism.default").cloned());
    Ok(Deployment {
        namespace: text_at(value, &["metadata", "namespace"])
            .unwrap_or_else(|| "default".to_string()),
        parallelism: match parallelism {
            Some(text) => text
                .parse::<u32>()
                .map_err(|_| format!("parallelism `{text}` of {name} is not a number"))?
                .max(1),
            None => 1,
        },
        replicas: field(&[&["replicas"]]).and_then(|text| text.parse().ok()),
        memory_bytes: match memory {
            Some(text) => text.parse::<Memory>().map_err(|e| e.to_string())?.bytes(),
            None => DEFAULT_PROCESS_BYTES,
        },
        cpu_millis: match cpu {
            Some(text) => Some(text.parse::<Cpu>().map_err(|e| e.to_string())?.millicores()),
            None => None,
        },
        suspended: text_at(value, &["spec", "job", "state"]).as_deref() == Some("suspended"),
        options,
        name,
    })
}

fn at<'a>(value: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, key| value.get(*key))
}

fn text_at(value: &Value, path: &[&str]) -> Option<String> {
    scalar(at(value, path)?)
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

fn flatten(prefix: &str, value: &Value, options: &mut BTreeMap<String, String>) {
    let Value::Mapping(entries) = value else {
        return;
    };
    for (key, value) in entries {
        let Some(key) = scalar(key) else { continue };
        let full = if prefix.is_empty() {
            key
        } else {
            format!("{prefix}.{key}")
        };
        match scalar(value) {
            Some(text) => {
                options.insert(full, text);
            }
            None => flatten(&full, value, options),
        }
    }
}

fn overrides(text: &str) -> BTreeMap<String, u32> {
    text.split(',')
        .filter_map(|pair| {
            let (id, parallelism) = pair.trim().split_once(':')?;
            Some((id.trim().to_string(), parallelism.trim().parse().ok()?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_both_generations_and_nested_options() {
        let text = "\
kind: FlinkDeployment
metadata: {name: a, namespace: n}
spec:
  flinkConfiguration:
    taskmanager: {numberOfTaskSlots: 2}
  taskManager:
    resources: {requests: {memory: 2Gi, cpu: 500m}}
    resource: {memory: 4g, cpu: 4}
  job: {parallelism: 5}
---
kind: ConfigMap
";
        let found = deployments(text).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].memory_bytes, 2 << 30);
        assert_eq!(found[0].cpu_millis, Some(500));
        assert_eq!(found[0].options["taskmanager.numberOfTaskSlots"], "2");
    }
}
