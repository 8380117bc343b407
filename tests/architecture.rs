//! The first four invariants of `docs/ARCHITECTURE.md`, each kept by a test. They read the sources as text: a rule that a
//! newcomer can check by eye needs no compiler plug-in.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The first module of the edge; everything above it is vocabulary or the line.
const FIRST_OF_THE_EDGE: &str = "config";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The modules in the order of `src/lib.rs`.
fn modules() -> Vec<String> {
    fs::read_to_string(root().join("src/lib.rs"))
        .unwrap()
        .lines()
        .filter_map(|line| {
            line.strip_prefix("pub mod ")?
                .strip_suffix(';')
                .map(str::to_string)
        })
        .collect()
}

/// Every Rust file below `src/` with its module, without comments and without what stands behind `#[cfg(test)]`.
fn sources() -> BTreeMap<PathBuf, (String, String)> {
    let mut found = BTreeMap::new();
    collect(&root().join("src"), &mut found);
    found
}

fn collect(folder: &Path, found: &mut BTreeMap<PathBuf, (String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let below = path.strip_prefix(root().join("src")).unwrap().to_path_buf();
            let module = below
                .components()
                .next()
                .unwrap()
                .as_os_str()
                .to_string_lossy()
                .trim_end_matches(".rs")
                .to_string();
            let is_test_file = below.file_name().is_some_and(|name| name == "tests.rs")
                || below.components().any(|part| part.as_os_str() == "tests");
            if !is_test_file {
                found.insert(below, (module, code(&fs::read_to_string(&path).unwrap())));
            }
        }
    }
}

/// The code of a file: no comment lines, nothing from the test module on.
fn code(text: &str) -> String {
    text.lines()
        .take_while(|line| line.trim() != "#[cfg(test)]")
        .filter(|line| !line.trim_start().starts_with("//"))
        .map(|line| line.split(" // ").next().unwrap_or(line))
        .collect::<Vec<_>>()
        .join("\n")
}

fn assert_none(broken: Vec<String>) {
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn architecture_imports_point_up_the_list() {
    let modules = modules();
    assert!(modules.len() > 10, "lib.rs lists the modules");
    let place = |module: &str| modules.iter().position(|other| other == module);
    let mut broken = Vec::new();
    for (file, (module, code)) in sources() {
        let Some(own) = place(&module) else { continue };
        for (below, other) in modules.iter().enumerate().skip(own + 1) {
            let imported = code.contains(&format!("crate::{other}::"))
                || code.contains(&format!("crate::{other};"))
                || code.lines().any(|line| {
                    line.contains("use crate::{") && line.contains(&format!("{other}::"))
                });
            if imported {
                broken.push(format!(
                    "{}: {module} (no. {own}) imports {other} (no. {below}), which stands below it",
                    file.display()
                ));
            }
        }
    }
    assert_none(broken);
}

#[test]
fn architecture_the_line_is_pure() {
    let forbidden = [
        "async fn",
        ".await",
        "std::fs",
        "std::env",
        "std::net",
        "std::process",
        "std::thread",
        "SystemTime",
        "Instant::now",
        "Timestamp::now",
        "Zoned::now",
        "thread_rng",
        "from_os_rng",
        "rand::rng()",
        "reqwest",
        "octocrab",
        "git2",
        "tokio",
        "rusqlite",
        "axum",
    ];
    let modules = modules();
    let edge = modules
        .iter()
        .position(|module| module == FIRST_OF_THE_EDGE)
        .unwrap();
    let mut broken = Vec::new();
    for (file, (module, code)) in sources() {
        if modules
            .iter()
            .position(|other| *other == module)
            .is_none_or(|place| place >= edge)
        {
            continue;
        }
        for word in forbidden {
            if code.contains(word) {
                broken.push(format!("{}: the line may not say `{word}`", file.display()));
            }
        }
    }
    assert_none(broken);
}

#[test]
fn architecture_one_client_crate_in_one_room() {
    let homes = [
        ("git2::", "clients/repository"),
        ("rusqlite::", "clients/sqlite"),
        ("reqwest::", "clients/flink_rest|clients/prometheus"),
        ("octocrab::", "clients/github"),
        ("kube::", "clients/kubernetes"),
        ("axum::", "simulate/serve"),
        ("indicatif::", "commands/"),
    ];
    let mut broken = Vec::new();
    for (file, (_, code)) in sources() {
        for (word, home) in homes {
            let at_home = home
                .split('|')
                .any(|home| file.to_string_lossy().starts_with(home));
            if code.contains(word) && !at_home {
                broken.push(format!("{}: `{word}` belongs to {home}", file.display()));
            }
        }
    }
    assert_none(broken);
}

#[test]
fn architecture_only_the_outside_names_clients_prints_and_parses_arguments() {
    let mut broken = Vec::new();
    for (file, (module, code)) in sources() {
        let words: [(&str, bool); 4] = [
            ("crate::clients", module == "world" || module == "clients"),
            ("println!", module == "commands"),
            ("print!(", module == "commands"),
            ("clap::", module == "main" || module == "cli"),
        ];
        for (word, allowed) in words {
            let said = code.lines().any(|line| line.contains(word));
            if said && !allowed {
                broken.push(format!("{}: {module} may not say `{word}`", file.display()));
            }
        }
    }
    assert_none(broken);
}
