//! The table from promise to test names only tests that there are.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The names of all tests of the project.
fn tests() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut open = vec![root.join("src"), root.join("tests")];
    let mut names = BTreeSet::new();
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                names.extend(tests_of(&fs::read_to_string(path).unwrap()));
            }
        }
    }
    names
}

/// Functions behind an attribute `#[test]` or `#[tokio::test]`.
fn tests_of(code: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut is_test = false;
    for line in code.lines().map(str::trim) {
        if line == "#[test]" || line.starts_with("#[tokio::test") {
            is_test = true;
        } else if let Some(rest) = line.strip_prefix("async fn ").or(line.strip_prefix("fn ")) {
            let name = rest.split('(').next().unwrap_or_default();
            if std::mem::take(&mut is_test) {
                names.push(name.to_string());
            }
        }
    }
    names
}

#[test]
fn promises_each_have_a_test_that_there_is() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/promises.md");
    let page = fs::read_to_string(page).unwrap();
    let tests = tests();
    let mut promises = 0;
    for line in page.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [promise, kept] = cells[..] else {
            panic!("`{line}` has other cells than a promise and its tests")
        };
        if promise == "promise" {
            continue;
        }
        let named: Vec<&str> = kept.split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "nothing keeps: {promise}");
        for name in named {
            assert!(
                tests.contains(name),
                "there is no test `{name}`, which is to keep: {promise}"
            );
        }
        promises += 1;
    }
    assert!(promises >= 30, "{promises}");
    assert!(!tests.contains("tests_of"), "helpers are no tests");
}
