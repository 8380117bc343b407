//! One custom resource as it came → what is kept of it.

use super::error::line;
use super::list::VERSION;
use super::owner::owner;
use crate::flink::deployment::{Deployment, GROUP, Kind};
use crate::owner::concerns_us;
use crate::snapshot::{JobKey, JobKind, Lifecycle, LiveResource, Role, SpecFields, spec_fields};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Most of an error or an annotation that is kept.
const LONGEST_TEXT: usize = 300;

/// A resource that was found.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Found {
    pub job: JobKey,
    pub resource: Arc<LiveResource>,
    /// The FlinkDeployment whose service its JobManager has.
    pub deployment: String,
    /// Flink's id of the job, as the operator knows it.
    pub flink_job: Option<String>,
    /// Whether a blue-green deployment owns it: then that one is the unit.
    pub is_part: bool,
}

/// Reads a resource that was listed as `kind`. `None` when it has no name or namespace: then it is nobody.
pub(super) fn read(cluster: &str, kind: Kind, value: &Value) -> Option<Found> {
    let metadata = &value["metadata"];
    let part = |key: &str| {
        metadata[key]
            .as_str()
            .filter(|text| !text.is_empty() && !text.contains('/'))
    };
    let job = JobKey {
        cluster: cluster.to_string(),
        kind: job_kind(kind),
        namespace: part("namespace")?.to_string(),
        name: part("name")?.to_string(),
    };
    let api_version = value["apiVersion"].as_str().unwrap_or_default();
    let resource = match known(kind, api_version, value) {
        Ok(deployment) => known_resource(&deployment, api_version, value),
        Err(why) => LiveResource {
            unreadable: Some(why),
            ..common(
                LiveResource::new(Role::Unknown, line(api_version, 80)),
                &job,
                value,
            )
        },
    };
    let mut resource = match resource.role {
        Role::Unknown => resource,
        _ => common(resource, &job, value),
    };
    let is_part = metadata["ownerReferences"]
        .as_array()
        .into_iter()
        .flatten()
        .any(|owner| owner["kind"] == Kind::FlinkBlueGreenDeployment.name());
    if is_part {
        resource.role = Role::BlueGreen;
    }
    Some(Found {
        deployment: resource
            .session_cluster
            .clone()
            .unwrap_or_else(|| job.name.clone()),
        flink_job: text(&value["status"]["jobStatus"]["jobId"]),
        is_part,
        job,
        resource: Arc::new(resource),
    })
}

pub(super) fn job_kind(kind: Kind) -> JobKind {
    match kind {
        Kind::FlinkDeployment => JobKind::Deployment,
        Kind::FlinkSessionJob => JobKind::SessionJob,
        Kind::FlinkBlueGreenDeployment => JobKind::BlueGreen,
    }
}

/// The resource as the operator reads it, or why it is not of a version and shape that is known.
fn known(kind: Kind, api_version: &str, value: &Value) -> Result<Deployment, String> {
    if api_version != format!("{GROUP}/{VERSION}") {
        return Err(format!(
            "its version is `{}`, and {GROUP}/{VERSION} is known",
            line(api_version, 80)
        ));
    }
    let deployment = Deployment::from_value(value).map_err(|error| error.to_string())?;
    if deployment.kind != kind {
        return Err(format!(
            "it was listed as {} and says {}",
            kind.name(),
            deployment.kind.name()
        ));
    }
    let spec = match kind {
        Kind::FlinkBlueGreenDeployment => &value["spec"]["template"]["spec"],
        _ => &value["spec"],
    };
    if !spec.is_object() {
        return Err("its spec is not a mapping".to_string());
    }
    if kind == Kind::FlinkSessionJob && deployment.deployment_name.is_none() {
        return Err("it is a session job without `spec.deploymentName`".to_string());
    }
    Ok(deployment)
}

fn known_resource(deployment: &Deployment, api_version: &str, value: &Value) -> LiveResource {
    let role = match deployment.kind {
        Kind::FlinkBlueGreenDeployment => Role::BlueGreen,
        Kind::FlinkSessionJob => Role::SessionJob,
        Kind::FlinkDeployment if deployment.is_session_cluster() => Role::SessionCluster,
        Kind::FlinkDeployment => Role::Application,
    };
    let spec = match deployment.kind {
        Kind::FlinkBlueGreenDeployment => &value["spec"]["template"]["spec"],
        _ => &value["spec"],
    };
    LiveResource {
        session_cluster: deployment
            .deployment_name
            .clone()
            .filter(|_| role == Role::SessionJob),
        spec: spec_fields(spec, &deployment.configuration),
        ..LiveResource::new(role, api_version)
    }
}

/// What metadata and status say, of whatever version: where they are of another shape, nothing.
fn common(resource: LiveResource, job: &JobKey, value: &Value) -> LiveResource {
    let (metadata, status) = (&value["metadata"], &value["status"]);
    let labels = texts(&metadata["labels"]);
    let annotations = texts(&metadata["annotations"]);
    let (reconciled, noted_generation) = reconciled(status);
    let lifecycle = if metadata["deletionTimestamp"].is_null() {
        let word = status["lifecycleState"].as_str();
        word.and_then(|word| word.parse().ok())
    } else {
        Some(Lifecycle::Deleting)
    };
    let conditions = status["conditions"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|condition| Some((text(&condition["type"])?, text(&condition["status"])?)))
        .collect();
    LiveResource {
        uid: text(&metadata["uid"]),
        generation: metadata["generation"].as_i64(),
        observed_generation: status["observedGeneration"]
            .as_i64()
            .filter(|generation| *generation > 0)
            .or(noted_generation),
        lifecycle,
        job_state: text(&status["jobStatus"]["state"]),
        job_manager: text(&status["jobManagerDeploymentStatus"]),
        error: text(&status["error"]).map(|error| error_message(&error)),
        conditions,
        owner: owner(job, &labels, &annotations),
        annotations: annotations
            .into_iter()
            .filter(|(key, _)| concerns_us(key) || key == "argocd.argoproj.io/tracking-id")
            .collect(),
        labels,
        reconciled,
        ..resource
    }
}

/// What the operator deployed last, and the generation that it notes there: JSON in a text.
fn reconciled(status: &Value) -> (Option<SpecFields>, Option<i64>) {
    let noted = &status["reconciliationStatus"]["lastReconciledSpec"];
    // Blue-green deployments keep it beside the status's other fields, and in another shape.
    let Some(document) = noted
        .as_str()
        .and_then(|text| serde_json::from_str::<Value>(text).ok())
    else {
        return (None, None);
    };
    let spec = &document["spec"];
    let fields = spec.is_object().then(|| {
        let options = crate::flink::deployment::flatten_configuration(&spec["flinkConfiguration"]);
        spec_fields(spec, &options)
    });
    let generation = document["resource_metadata"]["metadata"]["generation"].as_i64();
    (fields, generation)
}

/// The operator writes its errors as JSON with a class, a message and a stack: the message.
fn error_message(error: &str) -> String {
    let told = serde_json::from_str::<Value>(error)
        .ok()
        .and_then(|document| text(&document["message"]));
    line(told.as_deref().unwrap_or(error), LONGEST_TEXT)
}

fn text(value: &Value) -> Option<String> {
    value
        .as_str()
        .filter(|text| !text.is_empty())
        .map(str::to_string)
}

fn texts(value: &Value) -> BTreeMap<String, String> {
    let entries = value.as_object().into_iter().flatten();
    entries
        .filter_map(|(key, value)| Some((key.clone(), line(value.as_str()?, LONGEST_TEXT))))
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    fn deployment() -> Value {
        json!({
            "apiVersion": "flink.apache.org/v1beta1", "kind": "FlinkDeployment",
            "metadata": {
                "namespace": "payments", "name": "orders", "uid": "u-1", "generation": 3,
                "labels": {"app": "orders"},
            },
            "spec": {
                "flinkVersion": "v1_20",
                "flinkConfiguration": {"taskmanager": {"numberOfTaskSlots": 2}, "s3.secret-key": "x"},
                "taskManager": {"resources": {"requests": {"memory": "2g", "cpu": 1}}},
                "job": {"parallelism": 4, "state": "running"},
            },
            "status": {
                "lifecycleState": "STABLE",
                "jobManagerDeploymentStatus": "READY",
                "jobStatus": {"state": "RUNNING", "jobId": "abc"},
                "reconciliationStatus": {
                    "state": "DEPLOYED",
                    "lastReconciledSpec": "{\"spec\":{\"job\":{\"parallelism\":2},\"taskManager\":{\"resource\":{\"cpu\":1.0}}},\"resource_metadata\":{\"metadata\":{\"generation\":2}}}",
                },
            },
        })
    }

    #[test]
    fn a_deployment_is_read_with_both_specs_and_no_secret() {
        let found = read("prod", Kind::FlinkDeployment, &deployment()).unwrap();
        let resource = &found.resource;
        assert_eq!(found.job.to_string(), "prod/deployment/payments/orders");
        assert_eq!(resource.role, Role::Application);
        assert_eq!(resource.lifecycle, Some(Lifecycle::Stable));
        assert_eq!(
            (resource.generation, resource.observed_generation),
            (Some(3), Some(2))
        );
        assert_eq!(
            resource.spec["spec.taskManager.resources.requests.memory"],
            "2g"
        );
        assert_eq!(
            resource.spec["spec.flinkConfiguration.taskmanager.numberOfTaskSlots"],
            "2"
        );
        assert_eq!(
            resource.reconciled.as_ref().unwrap()["spec.job.parallelism"],
            "2"
        );
        assert!(
            !serde_json::to_string(&**resource)
                .unwrap()
                .contains("secret")
        );
        assert_eq!(found.flink_job.as_deref(), Some("abc"));
    }

    #[test]
    fn what_is_being_deleted_says_so_whatever_its_status() {
        let mut going = deployment();
        going["metadata"]["deletionTimestamp"] = json!("2026-11-21T08:00:00Z");
        let found = read("prod", Kind::FlinkDeployment, &going).unwrap();
        assert_eq!(found.resource.lifecycle, Some(Lifecycle::Deleting));
    }

    #[test]
    fn what_is_not_known_is_one_state_of_that_job() {
        let mut newer = deployment();
        newer["apiVersion"] = json!("flink.apache.org/v2");
        let mut shapeless = deployment();
        shapeless["spec"] = json!([1, 2]);
        let mut bare_job = deployment();
        bare_job["kind"] = json!("FlinkSessionJob");
        for (kind, value, said) in [
            (Kind::FlinkDeployment, newer, "v2"),
            (Kind::FlinkDeployment, shapeless, "no object"),
            (Kind::FlinkSessionJob, bare_job, "deploymentName"),
        ] {
            let found = read("prod", kind, &value).unwrap();
            assert_eq!(found.resource.role, Role::Unknown);
            assert!(found.resource.unreadable.as_ref().unwrap().contains(said));
        }
        for nobody in [
            json!({}),
            json!(3),
            json!({"metadata": {"name": "a/b", "namespace": "n"}}),
        ] {
            assert_eq!(read("prod", Kind::FlinkDeployment, &nobody), None);
        }
    }

    #[test]
    fn session_clusters_session_jobs_and_parts_are_told_apart() {
        let mut session = deployment();
        session["spec"].as_object_mut().unwrap().remove("job");
        let found = read("prod", Kind::FlinkDeployment, &session).unwrap();
        assert_eq!(found.resource.role, Role::SessionCluster);
        let mut job = deployment();
        job["kind"] = json!("FlinkSessionJob");
        job["spec"]["deploymentName"] = json!("shared");
        let found = read("prod", Kind::FlinkSessionJob, &job).unwrap();
        assert_eq!(found.resource.role, Role::SessionJob);
        assert_eq!(found.deployment, "shared");
        let mut blue = deployment();
        blue["metadata"]["ownerReferences"] = json!([{"kind": "FlinkBlueGreenDeployment"}]);
        let part = read("prod", Kind::FlinkDeployment, &blue).unwrap();
        assert!(part.is_part);
        assert_eq!(part.resource.role, Role::BlueGreen);
    }
}
