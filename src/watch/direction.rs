//! Which way a change goes, and which part of it can be to blame: what made a job bigger is not the cause of its being short, and going
//! back to less cures nothing.

use super::assessment::{Breach, Signal};
use super::revert::{number, text};
use crate::quantity::{Cpu, Memory};
use crate::record::{Dimension, Evidence, FieldChange};
use serde_json::Value;

/// Which way one field went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Its value is larger.
    Bigger,
    /// Its value is smaller.
    Smaller,
    /// Its value is the same.
    Same,
    /// It can't be compared: it was added, taken away, or is no amount.
    Unknown,
}

/// Which way a field went.
pub fn way(field: &FieldChange) -> Way {
    let amount = |value: &Option<Value>| amount(&field.path, value.as_ref()?);
    match (amount(&field.before), amount(&field.after)) {
        (Some(before), Some(after)) if after > before => Way::Bigger,
        (Some(before), Some(after)) if after < before => Way::Smaller,
        (Some(_), Some(_)) => Way::Same,
        _ => Way::Unknown,
    }
}

fn amount(path: &str, value: &Value) -> Option<f64> {
    match Dimension::of(path) {
        // A share of the memory is a plain number.
        Dimension::Memory if !path.to_ascii_lowercase().contains("fraction") => {
            Some(text(value).parse::<Memory>().ok()?.bytes() as f64)
        }
        Dimension::Cpu => Some(text(value).parse::<Cpu>().ok()?.millicores() as f64),
        _ => number(value),
    }
}

/// Whether a signal says that a job is short of something, rather than that it is broken.
pub fn is_shortage(signal: Signal) -> bool {
    match signal {
        Signal::Lag
        | Signal::Backpressure
        | Signal::GarbageCollection
        | Signal::OutOfMemory
        | Signal::CheckpointDuration => true,
        Signal::NotRunning | Signal::Restarts | Signal::CheckpointFailures => false,
    }
}

/// Whether a change made its job bigger in every dimension that it touched, and smaller in none: slots, cores and memory of the whole job,
/// and of each slot.
pub fn grew_in_every_dimension(evidence: &Evidence) -> bool {
    match sizes(evidence) {
        Some((now, proposed)) => {
            let pairs = now.iter().zip(&proposed);
            pairs
                .clone()
                .all(|(before, after)| *after >= before * 0.999)
                && pairs.clone().any(|(before, after)| after > before)
        }
        None => {
            let slots_per = |field: &FieldChange| {
                field.path.contains("numberOfTaskSlots") || field.path.contains("fraction")
            };
            !evidence.fields.is_empty()
                && evidence
                    .fields
                    .iter()
                    .all(|field| way(field) == Way::Bigger && !slots_per(field))
        }
    }
}

/// Slots, cores and memory of the whole job and of a slot, before and after, as the evidence's recommendation has them. Memory pools that
/// are set by options can't be compared: then there are none.
fn sizes(evidence: &Evidence) -> Option<([f64; 5], [f64; 5])> {
    let recommendation = evidence.details.get("recommendation")?;
    let (now, proposed) = (recommendation.get("now")?, recommendation.get("proposed")?);
    let options = |size: &Value| size.get("options").cloned().unwrap_or_default();
    if options(now) != options(proposed) {
        return None;
    }
    Some((size(now)?, size(proposed)?))
}

fn size(size: &Value) -> Option<[f64; 5]> {
    let of = |key: &str| size.get(key).and_then(Value::as_f64);
    let (task_managers, slots) = (of("task_managers")?, of("slots_per_task_manager")?);
    let (cpu, memory) = (of("cpu_millis")?, of("memory_bytes")?);
    let per_slot = slots.max(1.0);
    Some([
        task_managers * slots,
        task_managers * cpu,
        task_managers * memory,
        cpu / per_slot,
        memory / per_slot,
    ])
}

/// The part of a change that is answered, given what hurts. A job that is short gets back what was taken from it and keeps what it was
/// given; one that is broken gets everything back. Slots of a TaskManager, its cores and its memory belong together: where the slots
/// changed they are one part.
pub fn part_that_hurts(evidence: &Evidence, breaches: &[Breach]) -> Vec<FieldChange> {
    let only_short = !breaches.is_empty()
        && breaches.iter().all(|breach| {
            is_shortage(breach.signal) || breach.signal == Signal::CheckpointFailures
        });
    let slots_changed = evidence
        .fields
        .iter()
        .any(|field| field.path.contains("numberOfTaskSlots") && way(field) != Way::Same);
    if !only_short {
        return evidence.fields.clone();
    }
    let is_given = |field: &FieldChange| {
        let of_task_manager = slots_changed
            && (matches!(
                Dimension::of(&field.path),
                Dimension::Cpu | Dimension::Memory
            ) || field.path.contains("numberOfTaskSlots"));
        !of_task_manager && way(field) == Way::Bigger
    };
    let part: Vec<FieldChange> = evidence
        .fields
        .iter()
        .filter(|field| !is_given(field))
        .cloned()
        .collect();
    // Options alone would be no answer: what rode along with a growth stays with it.
    let takes = part.iter().any(|field| {
        way(field) == Way::Smaller
            || (Dimension::of(&field.path) != Dimension::Other && way(field) == Way::Unknown)
            || slots_changed
    });
    if takes { part } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn field(path: &str, before: Value, after: Value) -> FieldChange {
        FieldChange {
            file: "a.yaml".into(),
            path: path.into(),
            before: (!before.is_null()).then_some(before),
            after: (!after.is_null()).then_some(after),
        }
    }

    #[test]
    fn amounts_are_compared_in_their_own_units() {
        for (path, before, after, wanted) in [
            ("spec.job.parallelism", json!(8), json!(12), Way::Bigger),
            ("spec.job.parallelism", json!("12"), json!(8), Way::Smaller),
            (
                "spec.taskManager.resource.memory",
                json!("4g"),
                json!("4096m"),
                Way::Same,
            ),
            (
                "spec.taskManager.resource.memory",
                json!("4096m"),
                json!("3g"),
                Way::Smaller,
            ),
            (
                "spec.taskManager.resource.cpu",
                json!(1),
                json!("1500m"),
                Way::Bigger,
            ),
            (
                "spec.taskManager.resource.cpu",
                json!(null),
                json!(1),
                Way::Unknown,
            ),
            (
                "spec.flinkConfiguration[\"taskmanager.memory.managed.fraction\"]",
                json!("0.4"),
                json!("0.1"),
                Way::Smaller,
            ),
            ("spec.x", json!("a"), json!("b"), Way::Unknown),
        ] {
            assert_eq!(way(&field(path, before, after)), wanted, "{path}");
        }
    }
}
