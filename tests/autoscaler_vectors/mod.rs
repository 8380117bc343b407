//! Compares the autoscaler's computation with recorded answers of upstream's own classes.
//!
//! Every stage is fed with the previous stage's recorded values, so that one fault does not hide
//! behind another; besides, every case runs from its raw input to the end.

// A vector that does not read is a fault of the test's own input.
#![allow(clippy::unwrap_used)]

mod compare;
mod read;
mod stages;
mod write;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::Value;

use self::compare::differences;
use self::read::Case;

const STAGES: [&str; 6] = [
    "collect", "evaluate", "target", "vertex", "decision", "memory",
];

#[derive(Default)]
struct Count {
    passed: usize,
    failed: usize,
}

impl Count {
    fn add(&mut self, passed: bool) {
        if passed {
            self.passed += 1;
        } else {
            self.failed += 1;
        }
    }
}

fn files() -> Vec<PathBuf> {
    match std::env::var("PLIMSOLL_AUTOSCALER_VECTORS") {
        Ok(paths) => std::env::split_paths(&paths).collect(),
        Err(_) => {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/vectors");
            let names = ["autoscaler.json", "autoscaler-next.json"];
            names.map(|name| folder.join(name)).to_vec()
        }
    }
}

/// Differences of one case by stage; `whole` is the run from raw input to the end. A stage without a
/// recorded answer is absent.
fn differences_of(case: &Case<'_>) -> BTreeMap<&'static str, Vec<String>> {
    let mut found = BTreeMap::new();
    for stage in STAGES {
        if let Some(answers) = stages::answers(case, stage) {
            found.insert(stage, differences(case.expected, &answers));
        }
    }
    found.insert("whole", differences(case.expected, &stages::whole(case)));
    found
}

#[test]
fn autoscaler_vectors() {
    let mut counts: BTreeMap<&str, Count> = BTreeMap::new();
    let mut cases = Count::default();
    let mut failures = Vec::new();
    for file in files() {
        let text = std::fs::read_to_string(&file).unwrap_or_else(|e| panic!("{file:?}: {e}"));
        let vectors: Value = serde_json::from_str(&text).unwrap();
        for case in vectors["cases"].as_array().unwrap() {
            let case = Case::read(case, &vectors["upstream_version"]);
            let found = differences_of(&case);
            for (stage, differences) in &found {
                counts.entry(stage).or_default().add(differences.is_empty());
                failures.extend(
                    differences
                        .iter()
                        .map(|difference| format!("{} {stage} {difference}", case.id)),
                );
            }
            cases.add(found.values().all(Vec::is_empty));
        }
    }
    let mut out = std::io::stdout();
    for failure in failures.iter().take(40) {
        writeln!(out, "autoscaler_vectors failed: {failure}").unwrap();
    }
    for stage in STAGES {
        let count = counts.entry(stage).or_default();
        let (passed, failed) = (count.passed, count.failed);
        writeln!(
            out,
            "autoscaler_vectors {stage}: {passed} passed, {failed} failed"
        )
        .unwrap();
    }
    let (passed, failed) = (cases.passed, cases.failed);
    writeln!(out, "autoscaler_vectors: {passed} passed, {failed} failed").unwrap();
    assert_eq!(failed, 0, "first: {:?}", failures.first());
    assert!(passed > 0, "no cases in {:?}", files());
}
