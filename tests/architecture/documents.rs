//! `docs/ARCHITECTURE.md` describes the house that is there.

use super::code::{Crate, exists, root, sources};
use super::{assert_none, rooms};
use std::collections::BTreeSet;
use std::fs;

/// Folders at the root; a path in the document starts with one of them.
const FOLDERS: [&str; 9] = [
    "src/",
    "tests/",
    "docs/",
    "templates/",
    "policies/",
    "fixtures/",
    "examples/",
    "scripts/",
    ".github/",
];

fn document() -> String {
    fs::read_to_string(root().join("docs/ARCHITECTURE.md")).unwrap()
}

/// What is set in backticks.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

fn is_path(text: &str) -> bool {
    FOLDERS.iter().any(|folder| text.starts_with(folder))
}

/// The rows of the table below a heading: their cells.
fn rows(document: &str) -> Vec<(String, String)> {
    let (_, table) = document
        .split_once("## Where things go")
        .expect("the table");
    table
        .lines()
        .filter_map(|line| {
            let cells: Vec<&str> = line.trim().strip_prefix('|')?.split('|').collect();
            Some((cells.first()?.trim(), cells.get(1)?.trim()))
        })
        .filter(|(what, _)| {
            !what.is_empty() && !what.starts_with('-') && *what != "to add or change"
        })
        .map(|(what, files)| (what.to_string(), files.to_string()))
        .collect()
}

#[test]
fn architecture_document_names_paths_that_exist() {
    let document = document();
    let broken: Vec<String> = quoted(&document)
        .into_iter()
        .filter(|text| is_path(text) && !text.contains(['*', '<']) && !exists(text))
        .map(|path| format!("docs/ARCHITECTURE.md names {path}, which is not there"))
        .collect();
    assert_none(&broken);
}

#[test]
fn architecture_document_lists_the_rooms_in_order() {
    let headings: Vec<String> = document()
        .lines()
        .filter_map(|line| line.strip_prefix("### ").map(str::to_string))
        .collect();
    assert_eq!(headings, rooms());
}

#[test]
fn architecture_document_knows_where_things_go() {
    let document = document();
    let rows = rows(&document);
    let asked_for = [
        "a verdict",
        "a rule",
        "a metric",
        "a forge",
        "a version of the CRD",
        "a configuration key",
        "a sentence of a pull request",
    ];
    for what in asked_for {
        assert!(rows.iter().any(|(row, _)| row == what), "no row `{what}`");
    }
    let sources = sources();
    let house = Crate::of(sources);
    let used: BTreeSet<&str> = sources
        .values()
        .flat_map(|source| {
            let handed_on = source.handed_on.iter().map(|(_, from)| from);
            source
                .own
                .iter()
                .chain(handed_on)
                .filter_map(|path| house.find(path))
                .map(|(other, _)| other.file.as_str())
                .filter(|other| *other != source.file)
        })
        .collect();
    let mut broken = Vec::new();
    for (what, files) in &rows {
        let paths: Vec<&str> = quoted(files)
            .into_iter()
            .filter(|text| is_path(text))
            .collect();
        if paths.is_empty() {
            broken.push(format!("`{what}`: its row names no file"));
        }
        for path in paths {
            let rust = path
                .strip_prefix("src/")
                .filter(|file| file.ends_with(".rs") && !file.ends_with("/mod.rs"));
            if rust.is_some_and(|file| !used.contains(file)) {
                broken.push(format!("`{what}`: nobody imports {path}"));
            }
            // Names without a folder are of the file before them; those with one are whole.
            if !exists(path) {
                broken.push(format!("`{what}`: {path} is not there"));
            }
        }
        for text in quoted(files) {
            if (text.ends_with(".rs") || text.ends_with(".md")) && !is_path(text) {
                broken.push(format!("`{what}`: write {text} with its folders"));
            }
        }
    }
    assert_none(&broken);
}

#[test]
fn architecture_a_forge_touches_at_most_six_files() {
    let document = document();
    let (_, files) = rows(&document)
        .into_iter()
        .find(|(what, _)| what == "a forge")
        .unwrap();
    let paths = quoted(&files).into_iter().filter(|text| is_path(text));
    assert!(paths.count() <= 6, "{files}");
}
