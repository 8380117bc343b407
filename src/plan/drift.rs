//! What the cluster has and what the manifest says, where no merge explains the difference: a size computed for one would be written
//! into the other.

use crate::flink::deployment::{Deployment, Kind};
use crate::recommend::Present;
use crate::snapshot::{History, LiveResource, spec_fields};
use crate::watch::same_value;
use serde_json::Value;
use std::collections::BTreeMap;

/// Fields that may differ without a size being wrong.
const NO_SIZES: [&str; 4] = [
    "spec.job.state",
    "spec.job.upgradeMode",
    "spec.flinkVersion",
    "spec.mode",
];

/// A sizing field of the manifest that the live resource does not have, or has with another value: one sentence.
pub(super) fn from_resource(
    manifest: &Value,
    deployment: &Deployment,
    resource: &LiveResource,
) -> Option<String> {
    let spec = match deployment.kind {
        Kind::FlinkBlueGreenDeployment => &manifest["spec"]["template"]["spec"],
        _ => &manifest["spec"],
    };
    spec_fields(spec, &deployment.configuration)
        .into_iter()
        .filter(|(path, _)| !NO_SIZES.contains(&path.as_str()))
        .find_map(|(path, wanted)| {
            let live = resource.spec.get(&path);
            let same = same_value(
                &path,
                live.cloned().map(Value::String).as_ref(),
                Some(&Value::String(wanted.clone())),
            );
            (!same).then(|| {
                format!(
                    "the manifest says {path} = {wanted}, and the cluster's resource {}: it was not applied, or changed by hand",
                    live.map_or_else(|| "does not say it".to_string(), |live| format!("says {live}"))
                )
            })
        })
}

/// What the cluster runs differs from what the manifest says, although no merge is under way: one sentence.
pub(super) fn from_shape(present: &Present, history: &History, autoscaled: bool) -> Option<String> {
    let point = history
        .points
        .iter()
        .rev()
        .find(|point| point.running > 0.0)?;
    let (live, wanted) = (point.shape.memory_bytes, present.size.memory_bytes);
    let apart = live > 0 && wanted > 0 && live.abs_diff(wanted) as f64 > 0.02 * wanted as f64;
    if apart {
        return Some(format!(
            "the manifest gives a TaskManager {} MiB, and the cluster runs it with {} MiB",
            wanted >> 20,
            live >> 20
        ));
    }
    let (live, wanted) = (
        point.shape.slots_per_task_manager,
        present.size.slots_per_task_manager,
    );
    if live > 0 && live != wanted {
        return Some(format!(
            "the manifest gives a TaskManager {wanted} slots, and the cluster runs it with {live}"
        ));
    }
    if autoscaled {
        return None;
    }
    other_parallelism(present, &point.shape.parallelism)
}

/// Vertices that run at another parallelism than the manifest's: some have their own in the job's code, but all of them have not.
fn other_parallelism(present: &Present, running: &BTreeMap<String, u32>) -> Option<String> {
    let wanted = present.size.parallelism;
    let own = &present.size.vertex_parallelism;
    let free = running
        .iter()
        .filter(|(vertex, _)| !own.contains_key(*vertex));
    let free: Vec<u32> = free.map(|(_, parallelism)| *parallelism).collect();
    let widest = free.iter().max().copied()?;
    let apart = widest > wanted || !free.contains(&wanted);
    apart.then(|| {
        format!(
            "the manifest says parallelism {wanted}, and the cluster runs the job at {widest}: the job's code, a scaler or a hand sets it"
        )
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::snapshot::Role;
    use serde_json::json;

    #[test]
    fn values_that_mean_the_same_are_no_drift() {
        let manifest = json!({
            "apiVersion": "flink.apache.org/v1beta1", "kind": "FlinkDeployment",
            "metadata": {"name": "j", "namespace": "n"},
            "spec": {
                "job": {"parallelism": 4, "state": "running"},
                "taskManager": {"resource": {"memory": "2048m", "cpu": 0.5}},
                "flinkConfiguration": {"taskmanager.numberOfTaskSlots": 2, "other": "x"},
            },
        });
        let deployment = Deployment::from_value(&manifest).unwrap();
        let live: BTreeMap<String, String> = [
            ("spec.job.parallelism", "4"),
            ("spec.job.state", "suspended"),
            ("spec.taskManager.resource.memory", "2g"),
            ("spec.taskManager.resource.cpu", "500m"),
            ("spec.flinkConfiguration.taskmanager.numberOfTaskSlots", "2"),
        ]
        .map(|(path, value)| (path.to_string(), value.to_string()))
        .into();
        let mut resource = LiveResource::new(Role::Application, "flink.apache.org/v1beta1");
        resource.spec = live.clone();
        assert_eq!(from_resource(&manifest, &deployment, &resource), None);
        for (path, value, said) in [
            ("spec.job.parallelism", Some("8"), "says 8"),
            ("spec.taskManager.resource.memory", Some("3g"), "says 3g"),
            (
                "spec.flinkConfiguration.taskmanager.numberOfTaskSlots",
                None,
                "does not say it",
            ),
        ] {
            resource.spec = live.clone();
            match value {
                Some(value) => resource.spec.insert(path.into(), value.into()),
                None => resource.spec.remove(path),
            };
            let told = from_resource(&manifest, &deployment, &resource).unwrap();
            assert!(told.contains(path) && told.contains(said), "{told}");
        }
    }
}
