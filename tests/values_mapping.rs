//! Jobs whose objects a chart makes: found and edited through the values that the configuration maps.
#![allow(clippy::unwrap_used)]

use assert_cmd::Command;
use plimsoll::config::{ValuesMapping, parse};
use plimsoll::flink::deployment::Deployment;
use plimsoll::manifest::{Catalog, Change, ObjectKey, Sought, Tree};
use plimsoll::snapshot::{JobKey, JobKind};
use serde_json::json;
use std::fs;

const TEMPLATE: &str = "apiVersion: flink.apache.org/v1beta1
kind: FlinkDeployment
metadata:
  name: orders
  namespace: payments
spec:
  flinkConfiguration:
    taskmanager.numberOfTaskSlots: {{ .Values.flink.slots | quote }}
  taskManager:
    resource:
      memory: {{ .Values.flink.taskManager.memory }}
      cpu: {{ .Values.flink.taskManager.cpu }}
  job:
    parallelism: {{ .Values.flink.parallelism }}
";
const VALUES: &str = "# Values of the orders job.
flink:
  parallelism: 8   # of which two would do
  slots: 4
  taskManager: {memory: \"4096m\", cpu: 2}
";
const CONFIG: &str = "repository:
  path: .
  values:
  - jobs: [payments/orders]
    file: charts/{name}/values.yaml
    fields:
      spec.job.parallelism: flink.parallelism
      spec.taskManager.resource.memory: flink.taskManager.memory
      spec.taskManager.resource.cpu: flink.taskManager.cpu
      spec.flinkConfiguration[\"taskmanager.numberOfTaskSlots\"]: flink.slots
";

fn tree() -> Tree {
    Tree::from([
        (
            "charts/orders/Chart.yaml".into(),
            b"name: orders\n".to_vec(),
        ),
        ("charts/orders/templates/job.yaml".into(), TEMPLATE.into()),
        ("charts/orders/values.yaml".into(), VALUES.into()),
        ("charts/other/values.yaml".into(), VALUES.into()),
    ])
}

fn job() -> JobKey {
    JobKey {
        cluster: "prod".into(),
        kind: JobKind::Deployment,
        namespace: "payments".into(),
        name: "orders".into(),
    }
}

fn key() -> ObjectKey {
    plimsoll::plan::object_key(&job())
}

fn sought(mapping: &ValuesMapping) -> Sought {
    Sought {
        values: mapping.layers_of(&job()).unwrap(),
        values_are_its_own: true,
        ..Sought::new(key())
    }
}

#[test]
fn values_mapped_in_the_configuration_are_read_and_edited() {
    let config = parse("plimsoll.yaml", CONFIG).unwrap();
    let mapping = &config.repository.values[0];
    assert!(mapping.is_about(&job()));
    let tree = tree();
    let catalog = Catalog::read(&tree);
    assert_eq!(
        catalog.locate(&key(), None).unwrap_err().code(),
        "templated-file"
    );
    let located = catalog.find(&sought(mapping)).unwrap();
    assert_eq!(located.file, "charts/orders/values.yaml");
    let deployment = Deployment::from_value(&located.value).unwrap();
    assert_eq!(deployment.name, "orders");
    assert_eq!(
        located.value["spec"]["taskManager"]["resource"]["memory"],
        "4096m"
    );
    assert_eq!(located.value["spec"]["job"]["parallelism"], 8);
    let changes = [
        ("spec.job.parallelism", json!(2)),
        ("spec.taskManager.resource.memory", json!("2560m")),
        (
            "spec.flinkConfiguration[\"taskmanager.numberOfTaskSlots\"]",
            json!("2"),
        ),
    ]
    .map(|(path, value)| Change {
        path: path.parse().unwrap(),
        value,
    });
    let edited = catalog.change(&located, &changes, false).unwrap();
    let text = String::from_utf8(edited.files["charts/orders/values.yaml"].clone()).unwrap();
    let wanted = VALUES
        .replace("parallelism: 8", "parallelism: 2")
        .replace("slots: 4", "slots: 2")
        .replace("4096m", "2560m");
    assert_eq!(text, wanted);
    assert_eq!(edited.files.len(), 1);
}

#[test]
fn values_that_can_not_be_told_apart_are_refused() {
    let config = parse("plimsoll.yaml", CONFIG).unwrap();
    let mut mapping = config.repository.values[0].clone();
    let tree = tree();
    let catalog = Catalog::read(&tree);
    mapping.file = Some("charts/none.yaml".into());
    let refusal = catalog.find(&sought(&mapping)).unwrap_err();
    assert_eq!(refusal.code(), "not-found", "{refusal}");
    // Without a file, the one whose path holds the job's name.
    mapping.file = None;
    let located = catalog.find(&sought(&mapping)).unwrap();
    assert_eq!(located.file, "charts/orders/values.yaml");
    for (more, said) in [
        ("    files: [a.yaml]\n", "keep one of them"),
        (
            "  - {jobs: [payments/orders], file: b.yaml, fields: {spec.job.parallelism: p}}\n",
            "two mappings",
        ),
        (
            "  - {jobs: [payments/risk], file: b.yaml}\n",
            "without `fields`",
        ),
    ] {
        let error = parse("plimsoll.yaml", &format!("{CONFIG}{more}")).unwrap_err();
        assert!(error.to_string().contains(said), "{error}");
    }
    let wrong = CONFIG.replace("spec.job.parallelism", "spec..job");
    let error = parse("plimsoll.yaml", &wrong).unwrap_err().to_string();
    assert!(
        error.contains("repository.values") && error.contains("spec..job"),
        "{error}"
    );
}

#[test]
fn values_mapped_are_what_check_finds_a_job_in() {
    let folder = tempfile::tempdir().unwrap();
    for (path, bytes) in tree() {
        let file = folder.path().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, bytes).unwrap();
    }
    let config = format!(
        "{CONFIG}clusters:\n- name: prod\n  jobs: [{{namespace: payments, name: orders, rest: \"http://127.0.0.1:9\"}}]\n\
         forge: {{kind: dir, dir: {{folder: .}}}}\n"
    );
    fs::write(folder.path().join("plimsoll.yaml"), config).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_plimsoll"))
        .current_dir(folder.path())
        .arg("check")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("manifest of payments/orders: charts/orders/values.yaml:"),
        "{text}"
    );
}
