//! The binary as a user meets it: help, exit codes, errors, the demo.

use assert_cmd::Command;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Output;

fn plimsoll(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_plimsoll"))
        .current_dir(folder)
        .env_clear()
        .args(arguments)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn cli_help_is_as_documented() {
    let folder = tempfile::tempdir().unwrap();
    let help = plimsoll(folder.path(), &["help"]);
    assert_eq!(help.status.code(), Some(0));
    insta::assert_snapshot!(text(&help.stdout));
}

#[test]
fn cli_every_command_has_help_and_takes_the_common_options() {
    let folder = tempfile::tempdir().unwrap();
    for command in [
        "try",
        "demo",
        "check",
        "observe",
        "classify",
        "plan",
        "propose",
        "watch",
        "run",
        "explain",
        "audit",
        "report",
        "rbac",
        "evaluate",
        "schema",
        "completions",
    ] {
        let help = plimsoll(folder.path(), &[command, "--help"]);
        assert_eq!(help.status.code(), Some(0), "{command}");
        for option in [
            "--config",
            "--output",
            "--quiet",
            "--now",
            "--cluster",
            "--shard",
            "--selector",
        ] {
            assert!(text(&help.stdout).contains(option), "{command} {option}");
        }
    }
}

#[test]
fn cli_usage_and_configuration_errors_exit_with_2_and_say_where() {
    let folder = tempfile::tempdir().unwrap();
    let wrong = |arguments: &[&str], said: &str| {
        let output = plimsoll(folder.path(), arguments);
        assert_eq!(
            output.status.code(),
            Some(2),
            "{arguments:?}: {}",
            text(&output.stderr)
        );
        assert!(
            text(&output.stderr).contains(said),
            "{arguments:?}: {}",
            text(&output.stderr)
        );
        assert!(output.stdout.is_empty(), "{arguments:?}");
    };
    wrong(&["plan", "--shard", "5/4"], "5/4");
    wrong(&["plan", "--now", "yesterday"], "RFC 3339");
    wrong(&["--config", "nowhere.yaml", "plan"], "nowhere.yaml");
    wrong(&["observe"], "no jobs are listed");
    fs::write(
        folder.path().join("plimsoll.yaml"),
        "mode: report\nhistori:\n  file: x\n",
    )
    .unwrap();
    wrong(&["plan"], "plimsoll.yaml:2:1");
    wrong(&["plan"], "did you mean `history`?");
    fs::write(folder.path().join("plimsoll.yml"), "mode: report\n").unwrap();
    wrong(&["plan"], "plimsoll.yaml and plimsoll.yml");
}

#[test]
fn cli_unreachable_jobmanagers_are_named_and_the_rest_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let config = "clusters:\n- name: c\n  jobs:\n  - {namespace: n, name: gone, rest: \"http://127.0.0.1:1\"}\n";
    fs::write(folder.path().join("plimsoll.yaml"), config).unwrap();
    let output = plimsoll(folder.path(), &["observe", "--output", "json"]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    let seen: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(seen["observed"], 0);
    assert!(
        seen["unreachable"][0]
            .as_str()
            .unwrap()
            .contains("127.0.0.1:1"),
        "{seen}"
    );
    let classified = plimsoll(folder.path(), &["classify", "--output", "json"]);
    assert_eq!(
        classified.status.code(),
        Some(0),
        "{}",
        text(&classified.stderr)
    );
}

#[test]
fn cli_schemas_are_json_schemas() {
    let folder = tempfile::tempdir().unwrap();
    for of in ["config", "policy", "snapshot", "plan", "evidence"] {
        let output = plimsoll(folder.path(), &["schema", of]);
        let schema: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(
            schema["$schema"]
                .as_str()
                .unwrap()
                .contains("json-schema.org"),
            "{of}"
        );
        assert!(schema["properties"].is_object(), "{of}");
    }
}

/// A page that a forge can show and a reviewer can use: whole tables, every section, the state block last.
fn reads_well(pull_request: &Value) {
    let page = fs::read_to_string(pull_request["file"].as_str().unwrap()).unwrap();
    let sections: &[&str] = if pull_request["kind"] == "revert" {
        &[
            "Live since",
            "Restores exactly the",
            "**What merging does.**",
            "**Say no:**",
            "Plimsoll-Reverts: ",
        ]
    } else {
        &[
            " a month",
            "**What merging does.** The operator restarts the job once",
            "**Why it is safe.** ",
            "**Chance that it falls short: ",
            "**Reverted by itself**",
            "**Say no:**",
            "<details><summary>Evidence</summary>",
            "plimsoll explain ",
            "Plimsoll-Evidence: sha256:",
        ]
    };
    for section in sections {
        assert!(page.contains(section), "{section} in {page}");
    }
    let lines: Vec<&str> = page.lines().collect();
    for (number, line) in lines.iter().enumerate() {
        if line.starts_with("|---") {
            let columns = line.matches('|').count();
            let rows: Vec<&&str> = lines[number + 1..]
                .iter()
                .take_while(|line| line.starts_with('|'))
                .collect();
            assert!(
                !rows.is_empty(),
                "the table after line {number} has rows: {page}"
            );
            for row in rows {
                assert_eq!(
                    row.replace("\\|", "").matches('|').count(),
                    columns,
                    "{row}"
                );
            }
        }
    }
    assert!(
        page.trim_end().ends_with("-->"),
        "the state block stands last"
    );
    for wrong in ["NaN", "inf ", "undefined", "none"] {
        assert!(!page.contains(wrong), "{wrong} in {page}");
    }
}

#[test]
fn cli_demo_opens_merges_and_reverts() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("demo");
    let output = plimsoll(
        folder.path(),
        &["demo", "--out", out.to_str().unwrap(), "--output", "json"],
    );
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["simulated"], true);
    assert!(told["jobs"].as_array().unwrap().len() >= 12);
    let pull_requests = told["pull_requests"].as_array().unwrap();
    let of = |kind: &str| {
        pull_requests
            .iter()
            .filter(|pull_request| pull_request["kind"] == kind)
            .collect::<Vec<_>>()
    };
    assert!(of("rightsize").len() >= 4, "{told}");
    assert_eq!(of("revert").len(), 1, "{told}");
    assert!(
        of("revert")[0]["title"]
            .as_str()
            .unwrap()
            .starts_with("Revert \"rightsize(")
    );
    let namespaces: std::collections::BTreeSet<&str> = of("rightsize")
        .iter()
        .map(|pull_request| {
            pull_request["job"]
                .as_str()
                .unwrap()
                .split('/')
                .nth(2)
                .unwrap()
        })
        .collect();
    assert!(namespaces.len() >= 4, "in different groups: {namespaces:?}");
    for pull_request in pull_requests {
        assert!(Path::new(pull_request["file"].as_str().unwrap()).is_file());
    }
    assert!(
        fs::read_to_string(told["report"].as_str().unwrap())
            .unwrap()
            .contains("imulated")
    );
    for pull_request in pull_requests {
        reads_well(pull_request);
    }
    // The audit needs nothing but the repository.
    let audit = plimsoll(
        folder.path(),
        &[
            "audit",
            "--repository",
            told["repository"].as_str().unwrap(),
            "--output",
            "json",
            "--now",
            "2026-04-01T00:00:00Z",
        ],
    );
    let changes: Value = serde_json::from_slice(&audit.stdout).unwrap();
    let outcomes: Vec<&str> = changes["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| change["outcome"].as_str().unwrap())
        .collect();
    assert!(
        outcomes.contains(&"settled") && outcomes.contains(&"reverted"),
        "{outcomes:?}"
    );
}

#[test]
fn cli_completions_know_every_command_and_the_version_is_that_of_the_crate() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = plimsoll(folder.path(), &["completions", shell]);
        assert_eq!(script.status.code(), Some(0), "{shell}");
        for command in ["try", "propose", "completions"] {
            assert!(text(&script.stdout).contains(command), "{shell} {command}");
        }
    }
    let version = plimsoll(folder.path(), &["--version"]);
    let expected = format!("plimsoll {}", env!("CARGO_PKG_VERSION"));
    assert!(text(&version.stdout).starts_with(&expected));
}
