//! The operator's own CRDs: what is read stands in them. They are not ours to copy, so the test reads them where they lie.

use plimsoll::snapshot::kept_path;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// The folder of the CRDs: `PLIMSOLL_CRDS`, else beside the repository.
fn folder() -> Option<PathBuf> {
    let named = std::env::var_os("PLIMSOLL_CRDS").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .skip(1)
        .map(|above| above.join("shared/crds"))
        .find(|folder| folder.is_dir());
    named.or(beside)
}

fn schema(folder: &Path, plural: &str) -> (String, Value) {
    let file = folder.join(format!("{plural}.flink.apache.org-v1.yml"));
    let text = std::fs::read_to_string(&file).unwrap();
    let crd: Value = yaml_serde::from_str(&text).unwrap();
    let version = &crd["spec"]["versions"][0];
    (
        version["name"].as_str().unwrap().to_string(),
        version["schema"]["openAPIV3Schema"]["properties"].clone(),
    )
}

#[test]
fn kubernetes_every_field_that_is_read_stands_in_the_operators_crds() {
    let Some(folder) = folder() else {
        eprintln!(
            "skipped: no folder shared/crds beside the repository, and PLIMSOLL_CRDS is not set"
        );
        return;
    };
    let at = |schema: &Value, path: &str| {
        path.split('.').fold(schema.clone(), |schema, key| {
            let below = schema["properties"][key].clone();
            if below.is_null() {
                schema[key].clone()
            } else {
                below
            }
        })
    };
    for (plural, spec, status) in [
        (
            "flinkdeployments",
            vec![
                "spec.flinkConfiguration",
                "spec.mode",
                "spec.job.parallelism",
                "spec.job.state",
                "spec.job.upgradeMode",
                "spec.taskManager.replicas",
                "spec.taskManager.resource.memory",
                "spec.taskManager.resources.requests",
                "spec.taskManager.resources.limits",
            ],
            vec![
                "status.lifecycleState",
                "status.observedGeneration",
                "status.jobManagerDeploymentStatus",
                "status.jobStatus.state",
                "status.jobStatus.jobId",
                "status.error",
                "status.conditions",
                "status.reconciliationStatus.lastReconciledSpec",
            ],
        ),
        (
            "flinksessionjobs",
            vec![
                "spec.deploymentName",
                "spec.job.parallelism",
                "spec.job.state",
            ],
            vec![
                "status.lifecycleState",
                "status.observedGeneration",
                "status.jobStatus.jobId",
                "status.reconciliationStatus.lastReconciledSpec",
            ],
        ),
        (
            "flinkbluegreendeployments",
            vec![
                "spec.template.spec.job.parallelism",
                "spec.template.spec.taskManager.resource.memory",
            ],
            vec!["status.jobStatus.state", "status.error"],
        ),
    ] {
        let (version, schema) = schema(&folder, plural);
        assert_eq!(version, "v1beta1", "{plural}");
        for path in spec.iter().chain(&status) {
            assert!(!at(&schema, path).is_null(), "{plural}: {path}");
        }
    }
    let (_, deployment) = schema(&folder, "flinkdeployments");
    let states = at(&deployment, "status.lifecycleState.enum");
    for state in states.as_array().unwrap() {
        let state = state.as_str().unwrap();
        assert!(
            state.parse::<plimsoll::snapshot::Lifecycle>().is_ok(),
            "{state}"
        );
    }
    assert!(kept_path("spec.taskManager.resources.requests.memory").is_some());
}
