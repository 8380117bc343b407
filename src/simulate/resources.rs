//! The simulated fleet as the custom resources that an operator would show: what was applied, and the state of each job.

use super::fleet::Fleet;
use super::model::state::Phase;
use crate::flink::deployment::{Deployment, GROUP};
use crate::manifest::{Tree, discover};
use crate::snapshot::JobKey;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The FlinkDeployments that were applied last, by namespace and name, each with how often its spec changed.
#[derive(Debug, Default)]
pub struct Resources {
    applied: BTreeMap<(String, String), (Value, i64)>,
}

impl Resources {
    /// Those that the fleet was first deployed from.
    pub fn of(fleet: &Fleet) -> Resources {
        let mut resources = Resources::default();
        for text in fleet.manifests().values() {
            resources.apply(text);
        }
        resources
    }

    /// Applies every FlinkDeployment of a manifest.
    pub fn apply(&mut self, text: &str) {
        // Manifests are looked for by their ending.
        let tree = Tree::from([("applied.yaml".to_string(), text.as_bytes().to_vec())]);
        for object in discover(&tree).objects {
            let Ok(deployment) = Deployment::from_value(&object.value) else {
                continue;
            };
            let namespace = deployment
                .namespace
                .unwrap_or_else(|| "default".to_string());
            let entry = self
                .applied
                .entry((namespace, deployment.name))
                .or_insert((Value::Null, 0));
            if entry.0["spec"] != object.value["spec"] {
                entry.1 += 1;
            }
            entry.0 = object.value.clone();
        }
    }

    /// The fleet's jobs that were applied, in order.
    pub fn keys<'a>(&self, fleet: &'a Fleet) -> Vec<&'a JobKey> {
        self.applied
            .keys()
            .filter_map(|(namespace, name)| fleet.find(namespace, name))
            .collect()
    }

    /// A job's resource as it is at a time; none when it was never applied or is none of the fleet.
    pub fn resource(&self, fleet: &Fleet, job: &JobKey, at_ms: i64) -> Option<Value> {
        let (object, generation) = self
            .applied
            .get(&(job.namespace.clone(), job.name.clone()))?;
        let phase = {
            let mut job = fleet.job(job).ok()?;
            let at_ms = at_ms.max(job.spec.start_ms);
            job.at(at_ms).phase.clone()
        };
        let (lifecycle, manager, state, error) = match phase {
            Phase::Running { .. } => ("STABLE", "READY", "RUNNING", None),
            Phase::Down { redeploy: true, .. } => ("DEPLOYED", "DEPLOYING", "RECONCILING", None),
            Phase::Down { .. } => ("DEPLOYED", "READY", "RESTARTING", None),
            Phase::Refused { reason, .. } => ("DEPLOYED", "DEPLOYING", "RECONCILING", Some(reason)),
        };
        let mut resource = object.clone();
        resource["apiVersion"] = json!(format!("{GROUP}/v1beta1"));
        resource["metadata"]["namespace"] = json!(job.namespace);
        resource["metadata"]["uid"] = json!(format!("simulated-{}-{}", job.namespace, job.name));
        resource["metadata"]["generation"] = json!(generation);
        let last = json!({
            "spec": object["spec"],
            "resource_metadata": {"metadata": {"generation": generation}},
        });
        resource["status"] = json!({
            "lifecycleState": lifecycle,
            "jobManagerDeploymentStatus": manager,
            "jobStatus": {"state": state},
            "observedGeneration": generation,
            "reconciliationStatus": {"state": "DEPLOYED", "lastReconciledSpec": last.to_string()},
        });
        if let Some(error) = error {
            resource["status"]["error"] = json!(json!({"message": error}).to_string());
        }
        Some(resource)
    }
}
