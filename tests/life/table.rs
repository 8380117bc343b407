//! The table in docs/pull-requests.md names tests that are there.

use std::fs;
use std::path::Path;

#[test]
fn life_each_line_of_the_table_names_tests_that_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("docs/pull-requests.md")).unwrap();
    let table = text.split("## Checks").nth(1).unwrap();
    let table = table.split("\n## ").next().unwrap();
    let mut sources = String::new();
    read(&root.join("tests"), &mut sources);
    read(&root.join("src"), &mut sources);
    let mut lines = 0;
    for line in table.lines().filter(|line| line.starts_with("| ")).skip(1) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').collect();
        let names: Vec<&str> = cells
            .last()
            .unwrap()
            .split('`')
            .skip(1)
            .step_by(2)
            .collect();
        assert!(!names.is_empty(), "no test: {line}");
        for name in names {
            assert!(
                sources.contains(&format!("fn {name}()")),
                "`{name}` is no test"
            );
        }
        lines += 1;
    }
    assert!(lines >= 20, "{lines}");
}

fn read(folder: &Path, sources: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(&path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            sources.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}
