//! Configuration, annotations and sealed files.

use super::fuzz;
use plimsoll::config::{parse, parse_policies};
use plimsoll::flink::deployment::Deployment;
use plimsoll::owner::Owner;
use plimsoll::plan::{Plan, RevertRequest};
use plimsoll::record::{Evidence, LedgerEntry, SealKey, State, seal, unseal};
use serde_json::{Value, json};
use std::path::Path;

fn text(file: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}

/// The YAML blocks of a page.
fn blocks(page: &str) -> Vec<Vec<u8>> {
    let page = String::from_utf8(text(page)).unwrap();
    page.split("```yaml\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap().as_bytes().to_vec())
        .collect()
}

#[test]
fn fuzz_configuration_and_policies_are_read_or_refused() {
    let mut corpus = blocks("docs/configuration.md");
    corpus.extend(blocks("docs/prometheus.md"));
    corpus.extend(blocks("docs/policies.md"));
    fuzz("configuration", &corpus, |bytes| {
        let text = String::from_utf8_lossy(bytes);
        let _ = parse("plimsoll.yaml", &text).map_err(|error| error.to_string());
        let policies = parse_policies([("own.yaml", text.as_ref())]);
        let _ = policies.map_err(|error| error.to_string());
    });
}

#[test]
fn fuzz_annotations_are_read_or_refused() {
    let corpus: Vec<Vec<u8>> = [
        "ignore",
        "report",
        "2026-12-01",
        "gold",
        "true_rate",
        "2026-03-02T08:00:00Z",
    ]
    .map(|value| value.as_bytes().to_vec())
    .to_vec();
    fuzz("annotations", &corpus, |bytes| {
        let value = String::from_utf8_lossy(bytes);
        let mut annotations = json!({});
        for key in [
            "mode",
            "reason",
            "tier",
            "owner",
            "evaluator",
            "collector",
            "realizer",
            "hold-until",
            value.as_ref(),
        ] {
            annotations[format!("plimsoll.dev/{key}")] = json!(value);
        }
        let object = json!({
            "apiVersion": "flink.apache.org/v1beta1", "kind": "FlinkDeployment",
            "metadata": {"name": "j", "annotations": annotations, "labels": {"a": value}},
            "spec": {"job": {"parallelism": value}, "flinkConfiguration": {"a": value}},
        });
        if let Ok(deployment) = Deployment::from_value(&object) {
            let _ = (deployment.parallelism(), deployment.slots());
        }
        // The key that is none of ours holds the job, and so does a mode that is none.
        let owner = Owner::read(&object["metadata"]);
        if value.contains('!') {
            assert!(owner.not_understood().is_some(), "{value:?}");
        }
    });
}

#[test]
fn fuzz_sealed_files_are_whole_or_refused() {
    let key = SealKey::new("0123456789abcdef").unwrap();
    let contents = [
        json!({"schema": "plimsoll.plan/1", "plimsoll": "0", "at_ms": 1, "base": "b", "items": []}),
        json!({"schema": "plimsoll.watch/2", "base": "b", "changes": [], "reverts": [], "ledger": {}}),
    ];
    let corpus: Vec<Vec<u8>> = contents
        .iter()
        .flat_map(|content| [None, Some(&key)].map(|key| seal(content, key).unwrap().into_bytes()))
        .collect();
    fuzz("sealed files", &corpus, |bytes| {
        let text = String::from_utf8_lossy(bytes);
        if let Ok(content) = unseal(&text, None) {
            assert!(
                contents.contains(&content),
                "another content under a digest: {text}"
            );
        }
        if let Ok(content) = unseal(&text, Some(&key)) {
            assert!(
                contents.contains(&content),
                "another content under a signature: {text}"
            );
        }
        // Sealed anew, as anybody can: whatever it says is read as what it is, or refused.
        if let Ok(Value::Object(content)) = serde_json::from_str::<Value>(&text) {
            let content = Value::Object(content);
            let _ = serde_json::from_value::<Plan>(content.clone());
            let _ = serde_json::from_value::<RevertRequest>(content);
        }
        let _ = LedgerEntry::from_file("a/b.json", bytes);
        let _ = Evidence::from_file(".plimsoll/evidence/x.evidence", bytes);
        let _ = State::find(&text);
    });
}
