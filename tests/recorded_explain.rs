//! What `explain` says of a job that a real Flink ran: the recorded series, through the binary, beside its manifest.

use crate::recordings::{json, snapshots};
use plimsoll::snapshot::write_line;
use std::fs;
use std::path::Path;
use std::process::Command;

const MANIFEST: &str = r#"apiVersion: flink.apache.org/v1beta1
kind: FlinkDeployment
metadata:
  name: recorded
  namespace: default
spec:
  flinkVersion: v1_20
  flinkConfiguration:
    taskmanager.numberOfTaskSlots: "4"
    taskmanager.memory.segment-size: "4096"
  taskManager:
    resource: {cpu: 2, memory: 1400m}
  job:
    jarURI: local:///opt/flink/usrlib/job.jar
    parallelism: 2
    upgradeMode: savepoint
"#;

const CONFIG: &str = "mode: propose
clusters:
- name: lab
  jobs:
  - {namespace: default, name: recorded, rest: \"http://127.0.0.1:9\"}
history: {file: history.sqlite, minimum: 1 min}
forge: {kind: dir, dir: {folder: manifests}}
";

#[test]
fn evaluators_stand_side_by_side_on_a_recording() {
    let recording = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/recordings/series/1.20.5/overprovisioned");
    let index = json(&recording.join("index.json"));
    let taken = snapshots(&recording, &index);
    let last_ms = index["passes"].as_array().unwrap().last().unwrap()["at_ms"]
        .as_i64()
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let lines: String = taken.iter().map(|one| write_line(one).unwrap()).collect();
    fs::write(folder.path().join("snapshots.jsonl"), lines).unwrap();
    fs::create_dir(folder.path().join("manifests")).unwrap();
    fs::write(folder.path().join("manifests/recorded.yaml"), MANIFEST).unwrap();
    fs::write(folder.path().join("plimsoll.yaml"), CONFIG).unwrap();
    let plimsoll = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_plimsoll"))
            .current_dir(folder.path())
            .env_clear()
            .args(arguments)
            .args(["--now", &last_ms.to_string()])
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {told}");
        String::from_utf8(output.stdout).unwrap()
    };
    plimsoll(&["observe", "--from", "snapshots.jsonl"]);
    let said = plimsoll(&["explain", "default/recorded"]);
    for evaluator in [
        "plimsoll",
        "true_rate",
        "autotune",
        "backlog",
        "latency_violation",
    ] {
        assert!(said.contains(evaluator), "{evaluator} is missing:\n{said}");
    }
    insta::assert_snapshot!(said);
}
