//! The editor of manifests.

use super::fuzz;
use plimsoll::flink::deployment::Deployment;
use plimsoll::flink::field_path::FieldPath;
use plimsoll::manifest::{Catalog, Change, EditOptions, Tree};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Small manifests of the fixtures.
fn corpus() -> Vec<Vec<u8>> {
    let mut open = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/manifests")];
    let mut files: Vec<PathBuf> = Vec::new();
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path
                .extension()
                .is_some_and(|end| end == "yaml" || end == "json")
            {
                files.push(path);
            }
        }
    }
    files.sort();
    let mut corpus: Vec<Vec<u8>> = files
        .iter()
        .filter_map(|file| std::fs::read(file).ok())
        .filter(|bytes| bytes.len() < 4096 && String::from_utf8_lossy(bytes).contains("Flink"))
        .step_by(3)
        .take(40)
        .collect();
    corpus.push(
        b"apiVersion: flink.apache.org/v1beta1\nkind: FlinkDeployment\nmetadata: {name: j, namespace: n}\nspec:\n  job: {parallelism: 4}\n  flinkConfiguration:\n    taskmanager.numberOfTaskSlots: \"2\"\n  taskManager: {resource: {memory: 2g, cpu: 1}}\n"
            .to_vec(),
    );
    corpus
}

#[test]
fn fuzz_an_edit_changes_its_field_alone_and_its_inverse_gives_the_bytes_back() {
    let path: FieldPath = "spec.job.parallelism".parse().unwrap();
    let mut edited = 0;
    fuzz("manifests", &corpus(), |bytes| {
        let tree = Tree::from([("a.yaml".to_string(), bytes.to_vec())]);
        let catalog = Catalog::read(&tree);
        for object in plimsoll::manifest::discover(&tree).objects {
            let _ = Deployment::from_value(&object.value);
            let Some(before) = object.value.pointer("/spec/job/parallelism").cloned() else {
                continue;
            };
            let set = |catalog: &Catalog<'_>, value| {
                let change = Change {
                    path: path.clone(),
                    value,
                };
                catalog.edit(&object.key, &[change], &EditOptions::default())
            };
            let Ok(done) = set(&catalog, json!(31)) else {
                continue;
            };
            for (file, after) in &done.files {
                let after_tree = Tree::from([(file.clone(), after.clone())]);
                let again = Catalog::read(&after_tree);
                let located = again.locate(&object.key, None).unwrap();
                assert_eq!(
                    located
                        .value
                        .pointer("/spec/job/parallelism")
                        .map(ToString::to_string)
                        .map(|text| text.trim_matches('"').to_string()),
                    Some("31".to_string()),
                    "{}",
                    String::from_utf8_lossy(bytes)
                );
                let mut rest = located.value.clone();
                rest["spec"]["job"]["parallelism"] = before.clone();
                assert_eq!(rest, object.value, "{}", String::from_utf8_lossy(bytes));
                // Back to what was there: the same bytes again, unless the old value was written in a way in which the editor writes none.
                let Ok(back) = set(&again, before.clone()) else {
                    continue;
                };
                let back = back.files.get(file).map_or(after, |back| back);
                if back == bytes {
                    edited += 1;
                    continue;
                }
                assert!(
                    spelt_differently(bytes, back),
                    "{}\nbecame\n{}",
                    String::from_utf8_lossy(bytes),
                    String::from_utf8_lossy(back)
                );
            }
        }
    });
    assert!(edited > 0, "no input was edited at all");
}

/// Whether two texts differ in one place only, which is a scalar of the same meaning in another spelling (`0x1f`, `+4`, `4.0`, `"\x34"`): bytes
/// before and behind it are the same, and what differs holds no line end.
fn spelt_differently(one: &[u8], two: &[u8]) -> bool {
    let before = one
        .iter()
        .zip(two)
        .take_while(|(one, two)| one == two)
        .count();
    let (one, two) = (&one[before..], &two[before..]);
    let behind = one
        .iter()
        .rev()
        .zip(two.iter().rev())
        .take_while(|(one, two)| one == two)
        .count();
    let (one, two) = (&one[..one.len() - behind], &two[..two.len() - behind]);
    one.len() + two.len() <= 64 && !one.contains(&b'\n') && !two.contains(&b'\n')
}
