//! A size → the fields of the manifest that say it, in the unit and spelling that stand there.

use crate::flink::deployment::{Deployment, Sizes};
use crate::flink::field_path::FieldPath;
use crate::flink::in_force::{InForceError, OVERRIDES, SLOTS};
use crate::manifest::Change;
use crate::quantity::{Cpu, Memory};
use crate::recommend::Size;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The changes that turn the size in force into the proposed one. Empty when they say the same.
pub fn changes(
    deployment: &Deployment,
    object: &Value,
    now: &Size,
    proposed: &Size,
) -> Result<Vec<Change>, InForceError> {
    let mut changes = parallelism(deployment, now, proposed)?;
    if now.slots_per_task_manager != proposed.slots_per_task_manager {
        let path = deployment
            .slots()?
            .path
            .unwrap_or_else(|| deployment.option_field(SLOTS));
        changes.push(whole_number(object, path, proposed.slots_per_task_manager));
    }
    if now.memory_bytes != proposed.memory_bytes {
        changes.extend(memory(deployment, now, proposed)?);
    }
    if now.cpu_millis != proposed.cpu_millis {
        changes.extend(cpu(deployment, object, now, proposed)?);
    }
    for (option, text) in &proposed.options {
        if now.options.get(option) != Some(text) {
            changes.push(Change {
                path: deployment.option_field(option),
                value: json!(text),
            });
        }
    }
    Ok(changes)
}

/// What stands at a path of an object now: a Flink option in whatever spelling, or a plain field.
pub fn value_at(object: &Value, path: &FieldPath) -> Option<Value> {
    let words = path.words();
    if let Some(place) = words.iter().position(|word| *word == "flinkConfiguration") {
        let mut below = object;
        for word in &words[..=place] {
            below = below.get(word)?;
        }
        let option = words[place + 1..].join(".");
        if let Some(value) = below.get(&option) {
            return Some(value.clone());
        }
        return crate::flink::deployment::flatten_configuration(below)
            .remove(&option)
            .map(Value::String);
    }
    let mut below = object;
    for word in words {
        below = below.get(word)?;
    }
    Some(below.clone())
}

fn parallelism(
    deployment: &Deployment,
    now: &Size,
    proposed: &Size,
) -> Result<Vec<Change>, InForceError> {
    let mut changes = Vec::new();
    if let Some(path) = deployment.replicas().and_then(|replicas| replicas.path) {
        if now.task_managers != proposed.task_managers {
            changes.push(Change {
                path,
                value: json!(proposed.task_managers),
            });
        }
    } else if now.parallelism != proposed.parallelism {
        let path = deployment
            .parallelism()?
            .path
            .unwrap_or_else(|| deployment.spec_field(&["job", "parallelism"]));
        changes.push(Change {
            path,
            value: json!(proposed.parallelism),
        });
    }
    if now.vertex_parallelism != proposed.vertex_parallelism {
        changes.push(Change {
            path: deployment.option_field(OVERRIDES),
            value: json!(overrides_text(deployment, now, proposed)),
        });
    }
    Ok(changes)
}

/// The overrides in the order that the manifest has them, new ones behind. A vertex that loses its override is written with the
/// job's parallelism, which says the same.
fn overrides_text(deployment: &Deployment, now: &Size, proposed: &Size) -> String {
    let mut wanted: BTreeMap<&str, u32> = now
        .vertex_parallelism
        .keys()
        .map(|vertex| (vertex.as_str(), proposed.parallelism))
        .collect();
    wanted.extend(
        proposed
            .vertex_parallelism
            .iter()
            .map(|(vertex, parallelism)| (vertex.as_str(), *parallelism)),
    );
    let written = deployment
        .configuration
        .get(OVERRIDES)
        .map_or("", String::as_str);
    let mut parts = Vec::new();
    for vertex in written
        .split(',')
        .filter_map(|entry| entry.split_once(':'))
        .map(|(vertex, _)| vertex.trim())
    {
        if let Some(parallelism) = wanted.remove(vertex) {
            parts.push(format!("{vertex}:{parallelism}"));
        }
    }
    parts.extend(
        wanted
            .into_iter()
            .map(|(vertex, parallelism)| format!("{vertex}:{parallelism}")),
    );
    parts.join(",")
}

fn memory(
    deployment: &Deployment,
    now: &Size,
    proposed: &Size,
) -> Result<Vec<Change>, InForceError> {
    let Some(in_force) = deployment.task_manager_memory()? else {
        let path = deployment.spec_field(&["taskManager", "resource", "memory"]);
        let text = Memory::from_mib(proposed.memory_bytes.div_ceil(1 << 20)).to_string();
        return Ok(vec![Change {
            path,
            value: json!(text),
        }]);
    };
    let Some(path) = in_force.path else {
        return Ok(Vec::new());
    };
    let mut changes = vec![Change {
        path: path.clone(),
        value: json!(in_force.value.with_bytes(proposed.memory_bytes).to_string()),
    }];
    // A request lowered alone would raise the ratio of limit to request: the limit follows.
    let limit = other_half(deployment, &path, "memory", |sizes| sizes.memory.clone());
    if let Some((limit_path, text)) = limit
        && let Ok(limit) = text.parse::<Memory>()
    {
        let bytes = scale(limit.bytes(), proposed.memory_bytes, now.memory_bytes);
        changes.push(Change {
            path: limit_path,
            value: json!(limit.with_bytes(bytes).to_string()),
        });
    }
    Ok(changes)
}

fn cpu(
    deployment: &Deployment,
    object: &Value,
    now: &Size,
    proposed: &Size,
) -> Result<Vec<Change>, InForceError> {
    let in_force = deployment.task_manager_cpu()?;
    let path = in_force
        .path
        .unwrap_or_else(|| deployment.spec_field(&["taskManager", "resource", "cpu"]));
    let mut changes = vec![Change {
        value: number_like(
            object,
            &path,
            &in_force.value.with_millicores(proposed.cpu_millis),
        ),
        path: path.clone(),
    }];
    let limit = other_half(deployment, &path, "cpu", |sizes| sizes.cpu.clone());
    if let Some((limit_path, text)) = limit
        && let Ok(limit) = text.parse::<Cpu>()
    {
        let millis = scale(limit.millicores(), proposed.cpu_millis, now.cpu_millis);
        changes.push(Change {
            value: number_like(object, &limit_path, &limit.with_millicores(millis)),
            path: limit_path,
        });
    }
    Ok(changes)
}

/// The limit that stands beside a request, with its text.
fn other_half(
    deployment: &Deployment,
    path: &FieldPath,
    key: &str,
    text: impl Fn(&Sizes) -> Option<String>,
) -> Option<(FieldPath, String)> {
    if !path.words().contains(&"requests") {
        return None;
    }
    let text = text(&deployment.task_manager.limits)?;
    Some((
        deployment.spec_field(&["taskManager", "resources", "limits", key]),
        text,
    ))
}

fn scale(value: u64, by: u64, over: u64) -> u64 {
    if over == 0 {
        return value;
    }
    (u128::from(value) * u128::from(by) / u128::from(over))
        .try_into()
        .unwrap_or(u64::MAX)
}

/// CPU as a number where the manifest has one (or none yet), else as text.
fn number_like(object: &Value, path: &FieldPath, cpu: &Cpu) -> Value {
    match value_at(object, path) {
        Some(Value::String(_)) => json!(cpu.to_string()),
        _ => {
            let cores = cpu.cores();
            if cores.fract() == 0.0 {
                json!(cores as u64)
            } else {
                json!(cores)
            }
        }
    }
}

/// A whole number as the manifest writes it: a number, or text where it has text (or nothing yet: options are text).
fn whole_number(object: &Value, path: FieldPath, number: u32) -> Change {
    let value = match value_at(object, &path) {
        Some(Value::Number(_)) => json!(number),
        _ => json!(number.to_string()),
    };
    Change { path, value }
}
