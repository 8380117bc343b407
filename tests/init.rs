//! What `init` writes is what the product reads and has.
#![allow(clippy::unwrap_used)]

use assert_cmd::Command;
use plimsoll::config::parse;
use plimsoll::policy::Mode;
use std::fs;
use std::path::Path;

fn plimsoll(folder: &Path, arguments: &[&str]) -> std::process::Output {
    Command::new(env!("CARGO_BIN_EXE_plimsoll"))
        .current_dir(folder)
        .args(arguments)
        .output()
        .unwrap()
}

fn documents(text: &str) -> Vec<yaml_serde::Value> {
    use serde::Deserialize;
    yaml_serde::Deserializer::from_str(text)
        .map(|document| yaml_serde::Value::deserialize(document).unwrap())
        .collect()
}

#[test]
fn init_writes_a_configuration_that_reports_and_a_workflow() {
    let folder = tempfile::tempdir().unwrap();
    let output = plimsoll(folder.path(), &["init", "--output", "json"]);
    assert!(output.status.success(), "{output:?}");
    let config = fs::read_to_string(folder.path().join("plimsoll.yaml")).unwrap();
    let read = parse("plimsoll.yaml", &config).unwrap();
    assert_eq!(read.mode, Mode::Report);
    assert!(read.clusters[0].is_kubernetes());
    // What is commented out is right too; sentences begin with a capital letter.
    let all: String = config
        .lines()
        .map(|line| (line, line.trim_start()))
        .filter(|(_, text)| !text.starts_with("# P") && !text.starts_with("# T"))
        .map(|(line, text)| {
            if text.starts_with("# ") {
                line.replacen("# ", "", 1) + "\n"
            } else {
                line.to_string() + "\n"
            }
        })
        .collect();
    let uncommented = parse("plimsoll.yaml", &all);
    assert!(uncommented.is_ok(), "{uncommented:?}\n{all}");
    let workflow =
        fs::read_to_string(folder.path().join(".github/workflows/plimsoll.yaml")).unwrap();
    let jobs = &documents(&workflow)[0]["jobs"];
    assert_eq!(jobs["look"]["permissions"]["contents"], "read");
    assert_eq!(jobs["propose"]["permissions"]["pull-requests"], "write");
    assert!(
        jobs["look"]["env"].is_null()
            && !workflow
                .split("propose:")
                .next()
                .unwrap()
                .contains("GITHUB_TOKEN")
    );
}

#[test]
fn init_starts_only_commands_that_there_are() {
    let folder = tempfile::tempdir().unwrap();
    for kind in [&["init", "--print"][..], &["init", "--cronjob", "--print"]] {
        let output = plimsoll(folder.path(), kind);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(
            fs::read_dir(folder.path()).unwrap().next().is_none(),
            "--print writes nothing"
        );
        let calls = text.lines().filter_map(|line| {
            let call = line
                .split("run: $PLIMSOLL ")
                .nth(1)
                .map(|call| call.split(" ||").next().unwrap().to_string());
            let own = line
                .split("command: [plimsoll, ")
                .nth(1)
                .map(|call| call.trim_end_matches(']').replace(',', ""));
            call.or(own)
        });
        let mut seen = 0;
        for call in calls {
            seen += 1;
            let mut words: Vec<&str> = call.split_whitespace().collect();
            words.push("--help");
            let output = plimsoll(folder.path(), &words);
            assert!(output.status.success(), "{call}: {output:?}");
        }
        assert!(seen >= 1, "{text}");
    }
}

#[test]
fn init_overwrites_nothing_and_writes_all_or_none() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("plimsoll.yaml"), "mode: propose\n").unwrap();
    let output = plimsoll(folder.path(), &["init"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(error.contains("plimsoll.yaml is there already"), "{error}");
    assert!(!folder.path().join(".github").exists());
    assert_eq!(
        fs::read_to_string(folder.path().join("plimsoll.yaml")).unwrap(),
        "mode: propose\n"
    );
}

#[test]
fn init_writes_a_cronjob_for_clusters_out_of_reach() {
    let folder = tempfile::tempdir().unwrap();
    let output = plimsoll(folder.path(), &["init", "--cronjob", "--folder", "deploy"]);
    assert!(output.status.success(), "{output:?}");
    let text = fs::read_to_string(folder.path().join("deploy/plimsoll-cronjob.yaml")).unwrap();
    let kinds: Vec<String> = documents(&text)
        .iter()
        .map(|document| document["kind"].as_str().unwrap().to_string())
        .collect();
    assert_eq!(
        kinds,
        [
            "Namespace",
            "ServiceAccount",
            "PersistentVolumeClaim",
            "CronJob"
        ]
    );
}
