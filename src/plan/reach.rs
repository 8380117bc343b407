//! What can be changed of a job: a chart's values set some fields and leave the others to the chart. A size is then made from what
//! runs, and only of what is mapped.

use super::change::Target;
use super::fields;
use super::size::within;
use crate::flink::deployment::Deployment;
use crate::flink::field_path::FieldPath;
use crate::manifest::{Code, Located, Refusal};
use crate::recommend::{Advice, Bounds, Kept, Recommendation};
use crate::snapshot::{History, LiveResource};
use serde_json::{Map, Value, json};

/// A job's object as far as values tell it, the rest from what the cluster says and runs. An object of its own is taken as it is.
pub(super) fn completed(
    located: &Located,
    history: &History,
    resource: Option<&LiveResource>,
) -> Value {
    let mut value = located.value.clone();
    let Ok(deployment) = Deployment::from_value(&value) else {
        return value;
    };
    if located.values.is_empty() {
        return value;
    }
    let shape = history
        .points
        .iter()
        .rev()
        .find(|point| point.running > 0.0)
        .map(|point| &point.shape);
    let live = |path: &FieldPath| {
        let plain = path.words().join(".");
        let text = resource?.spec.get(&plain)?;
        Some(Value::String(text.clone()))
    };
    let slots = deployment.option_field("taskmanager.numberOfTaskSlots");
    let memory = deployment.spec_field(&["taskManager", "resource", "memory"]);
    let cpu = deployment.spec_field(&["taskManager", "resource", "cpu"]);
    let parallelism = deployment.spec_field(&["job", "parallelism"]);
    let widest = shape.and_then(|shape| shape.parallelism.values().max().copied());
    let seen = [
        (
            &slots,
            deployment
                .configuration
                .contains_key("taskmanager.numberOfTaskSlots"),
            shape.map(|shape| json!(shape.slots_per_task_manager.to_string())),
        ),
        (
            &memory,
            !matches!(deployment.task_manager_memory(), Ok(None)),
            shape
                .filter(|shape| shape.memory_bytes > 0)
                .map(|shape| json!(format!("{}m", shape.memory_bytes >> 20))),
        ),
        (
            &cpu,
            !matches!(deployment.task_manager_cpu(), Ok(found) if found.path.is_none()),
            shape
                .filter(|shape| shape.cpu_millis > 0)
                .map(|shape| json!(shape.cpu_millis as f64 / 1000.0)),
        ),
        (
            &parallelism,
            deployment.replicas().is_some()
                || !matches!(deployment.parallelism(), Ok(found) if found.path.is_none()),
            widest.map(|widest| json!(widest)),
        ),
    ];
    for (path, said, seen) in seen {
        if said {
            continue;
        }
        if let Some(found) = live(path).or(seen) {
            put(&mut value, &path.words(), found);
        }
    }
    value
}

fn put(value: &mut Value, way: &[&str], found: Value) {
    let Some((first, rest)) = way.split_first() else {
        *value = found;
        return;
    };
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    if let Some(map) = value.as_object_mut() {
        put(
            map.entry((*first).to_owned()).or_insert(Value::Null),
            rest,
            found,
        );
    }
}

impl Target<'_> {
    /// The recommendation within what can be changed: a field that values do not set keeps what it has, and the size is found anew.
    pub(super) fn within_reach(
        &self,
        recommendation: Recommendation,
        limits: &Bounds,
    ) -> Result<Recommendation, Refusal> {
        let mut recommendation = recommendation;
        let mut kept = Kept::default();
        loop {
            let Some(field) = self.out_of_reach(&recommendation) else {
                return Ok(recommendation);
            };
            let more = self.keeping(&kept, &field);
            if more == kept {
                return Err(self.not_mapped(&field));
            }
            kept = more;
            let bounds = Bounds {
                keep_parallelism: limits.keep_parallelism || kept.parallelism,
                kept,
                ..limits.clone()
            };
            recommendation = match within(&bounds, self.present, self.asked) {
                Advice::Change(change) => *change,
                _ => return Err(self.not_mapped(&field)),
            };
        }
    }

    /// The first field that would change and that no values key is mapped for.
    fn out_of_reach(&self, recommendation: &Recommendation) -> Option<FieldPath> {
        let changes = fields::changes(
            self.deployment,
            self.object,
            &recommendation.now,
            &recommendation.proposed,
        )
        .ok()?;
        let mut changes = changes.into_iter();
        let out = changes.find(|change| !self.located.maps(&change.path));
        out.map(|change| change.path)
    }

    fn keeping(&self, kept: &Kept, field: &FieldPath) -> Kept {
        let words = field.words();
        let mut kept = *kept;
        match (field.option(), words.as_slice()) {
            (Some("taskmanager.numberOfTaskSlots"), _) => kept.slots = true,
            (Some("taskmanager.memory.process.size"), _) | (_, [.., "memory"]) => {
                kept.memory = true
            }
            (Some("parallelism.default" | "pipeline.jobvertex-parallelism-overrides"), _)
            | (_, [.., "parallelism" | "replicas"]) => kept.parallelism = true,
            (Some("kubernetes.taskmanager.cpu" | "kubernetes.taskmanager.cpu.amount"), _)
            | (_, [.., "cpu"]) => kept.cpu = true,
            (Some(_), _) => kept.options = true,
            _ => {}
        }
        kept
    }

    fn not_mapped(&self, field: &FieldPath) -> Refusal {
        Refusal::new(
            Code::UnmappedField,
            "the configuration does not say which key of the values sets this field, and no size that leaves it as it is pays for its restart",
            format!("add it to `fields` in `repository.values` of plimsoll.yaml: `{field}: KEY`"),
        )
        .at(&self.located.file, 0)
        .on(field)
    }
}
