//! The operator's own CRDs and what a real one wrote: read where they lie, as they are not ours to copy.

use super::server::ApiServer;
use plimsoll::clients::kubernetes::{Access, KubernetesCluster, Settings};
use plimsoll::config::Reach;
use plimsoll::ports::Cluster;
use plimsoll::snapshot::{Lifecycle, Role, kept_path};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// A folder of what is shared beside the repository, or below `PLIMSOLL_SHARED`; says so when it is not there.
#[allow(clippy::print_stderr)]
fn shared(name: &str) -> Option<PathBuf> {
    let named = std::env::var_os("PLIMSOLL_SHARED").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .skip(1)
        .map(|above| above.join("shared"));
    let found = named
        .into_iter()
        .chain(beside)
        .map(|folder| folder.join(name))
        .find(|folder| folder.is_dir());
    if found.is_none() {
        eprintln!(
            "skipped: there is no folder shared/{name} beside the repository, and PLIMSOLL_SHARED names none"
        );
    }
    found
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
    let Some(folder) = shared("crds") else {
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

#[tokio::test]
async fn kubernetes_what_a_real_operator_wrote_is_read() {
    let Some(folder) = shared("recordings/kubernetes-1.33-operator-1.7.0") else {
        return;
    };
    for (state, lifecycle, job_manager, error, memory) in [
        ("stable", Lifecycle::Stable, "READY", None, "1200m"),
        ("upgrading", Lifecycle::Deployed, "DEPLOYING", None, "1300m"),
        ("upgraded", Lifecycle::Stable, "READY", None, "1300m"),
        (
            "bad-memory",
            Lifecycle::Upgrading,
            "MISSING",
            Some("JVM Overhead"),
            "200m",
        ),
    ] {
        let text =
            std::fs::read_to_string(folder.join(format!("flinkdeployment.{state}.json"))).unwrap();
        let recorded: Value = serde_json::from_str(&text).unwrap();
        let object = match recorded["items"].as_array() {
            Some(items) => items[0].clone(),
            None => recorded,
        };
        let server = ApiServer::start().await;
        server.put(object);
        let access = Access::Kubeconfig {
            file: Some(server.kubeconfig()),
            context: None,
        };
        let settings = Settings::new("lab", access, Reach::ServiceProxy);
        let cluster = KubernetesCluster::connect(settings).await.unwrap();
        cluster.jobs().await.unwrap();
        let job = "lab/deployment/default/orders".parse().unwrap();
        let resource = cluster.resource(&job).unwrap();
        assert_eq!(resource.role, Role::Application, "{state}");
        assert_eq!(resource.lifecycle, Some(lifecycle), "{state}");
        assert_eq!(
            resource.job_manager.as_deref(),
            Some(job_manager),
            "{state}"
        );
        assert!(!resource.lags_behind(), "{state}");
        let reconciled = resource.reconciled.as_ref().unwrap();
        assert_eq!(reconciled["spec.taskManager.resource.memory"], memory);
        match error {
            Some(said) => assert!(resource.error.as_ref().unwrap().contains(said)),
            None => assert_eq!(resource.error, None, "{state}"),
        }
    }
}
