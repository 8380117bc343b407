//! A custom resource as clusters hold them, for the examples that print figures.

use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A resource of the size that they have in clusters: a pod template, and the spec a second time in the status.
pub fn resource(namespace: &str, number: usize) -> Value {
    let volumes: Vec<Value> = (0..8)
        .map(|volume| json!({"name": format!("volume-{volume}"), "hostPath": {"path": format!("/data/{volume}")}}))
        .collect();
    let mounts: Vec<Value> = (0..8)
        .map(|volume| json!({"name": format!("volume-{volume}"), "mountPath": format!("/mnt/{volume}"), "readOnly": true}))
        .collect();
    let options: BTreeMap<String, String> = (0..20)
        .map(|option| {
            (
                format!("example.option-{option}"),
                format!("value-{option}"),
            )
        })
        .chain([("taskmanager.numberOfTaskSlots".to_string(), "2".to_string())])
        .collect();
    let spec = json!({
        "image": "registry.example/jobs/orders:3.14.0", "flinkVersion": "v1_20",
        "flinkConfiguration": options,
        "podTemplate": {"spec": {"volumes": volumes, "containers": [{"name": "flink-main-container", "volumeMounts": mounts}]}},
        "jobManager": {"resource": {"memory": "1600m", "cpu": 0.5}},
        "taskManager": {"resource": {"memory": "4096m", "cpu": 2}},
        "job": {"jarURI": "local:///opt/flink/usrlib/job.jar", "parallelism": 12, "upgradeMode": "savepoint", "state": "running"},
    });
    let last =
        json!({"spec": spec, "resource_metadata": {"metadata": {"generation": 3}}}).to_string();
    json!({
        "apiVersion": "flink.apache.org/v1beta1", "kind": "FlinkDeployment",
        "metadata": {
            "namespace": namespace, "name": format!("job-{number:05}"),
            "uid": format!("00000000-0000-0000-0000-{number:012}"), "generation": 3,
            "labels": {"app": format!("job-{number:05}"), "team": namespace},
        },
        "spec": spec,
        "status": {
            "lifecycleState": "STABLE", "jobManagerDeploymentStatus": "READY",
            "jobStatus": {"state": "RUNNING", "jobId": "36260b4075badd111f05e4ada132f96a"},
            "reconciliationStatus": {"state": "DEPLOYED", "lastReconciledSpec": last, "lastStableSpec": last},
        },
    })
}
