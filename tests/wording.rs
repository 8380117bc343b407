//! The words that people read, whole: a pull request of each kind, `plan`, `explain`, `try` and the report, from one run of the demo.
//! Numbers are left out, so that a diff of a snapshot is a change of words. After a change that is meant:
//! `INSTA_UPDATE=always cargo test wording`, and read the diff.

use plimsoll::simulate::{demo, serve};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};
use tempfile::TempDir;

/// 2026-03-02 08:00 UTC, the begin of the demo's story, and its end.
const BEGIN_MS: i64 = 1_772_438_400_000;
const END: &str = "1772726400000";

/// The demo's folder; it is played once.
fn played() -> PathBuf {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        said(folder.path(), &["demo", "--out", "demo"]);
        folder
    });
    folder.path().join("demo")
}

fn said(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_plimsoll"))
        .current_dir(folder)
        .env_clear()
        .args(arguments)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output
            .status
            .code()
            .is_some_and(|code| code != 1 && code != 2),
        "{arguments:?}: {text}{errors}"
    );
    text
}

/// The text without what a number, a digest or a column's width is.
fn words(text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        let plain: Vec<String> = line.split_whitespace().map(word).collect();
        lines.push(format!("{}{}", &line[..indent], plain.join(" ")));
    }
    lines.join("\n").trim_end().to_string() + "\n"
}

/// One word: numbers and digests become `#`.
fn word(text: &str) -> String {
    let mut out = String::new();
    let mut part = String::new();
    for one in text.chars().chain(['\0']) {
        if one.is_ascii_alphanumeric() {
            part.push(one);
            continue;
        }
        let digits = part.chars().any(|one| one.is_ascii_digit());
        if digits && part.len() >= 7 && part.chars().all(|one| one.is_ascii_hexdigit()) {
            out.push('#');
        } else {
            for one in part.chars() {
                let number = one.is_ascii_digit();
                if !(number && out.ends_with('#')) {
                    out.push(if number { '#' } else { one });
                }
            }
        }
        part.clear();
        out.push(one);
    }
    let mut out = out.trim_end_matches('\0').to_string();
    for joined in ["#,#", "#.#", "##"] {
        while out.contains(joined) {
            out = out.replace(joined, "#");
        }
    }
    out
}

/// The pull request whose file holds a text: its body, without the front matter of the forge `local`.
fn body(holding: &str) -> String {
    let folder = played().join("pull-requests");
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    files.sort();
    let text = files
        .iter()
        .map(|file| fs::read_to_string(file).unwrap())
        .find(|text| text.contains(holding))
        .unwrap();
    text.splitn(3, "---\n").nth(2).unwrap().to_string()
}

/// What a reader sees of a page.
fn shown(html: &str) -> String {
    let mut text = String::new();
    let mut rest = html;
    while let Some((before, tag)) = rest.split_once('<') {
        text.push_str(before);
        let hidden = ["style", "script", "svg"]
            .iter()
            .find(|name| tag.starts_with(*name));
        let end = match hidden {
            Some(name) => format!("</{name}>"),
            None => ">".to_string(),
        };
        let Some((tag, behind)) = tag.split_once(&end) else {
            break;
        };
        if ["td", "th"].iter().any(|cell| tag.starts_with(cell)) {
            text.push_str(" | ");
        } else if !["b", "i", "code", "span", "a ", "/"]
            .iter()
            .any(|inline| tag.starts_with(inline))
        {
            text.push('\n');
        }
        rest = behind;
    }
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn wording_of_a_rightsizing() {
    insta::assert_snapshot!(words(&body("title: \"rightsize(payments/orders-enrich)")));
}

#[test]
fn wording_of_a_growth() {
    insta::assert_snapshot!(words(&body("title: \"rightsize(risk/fraud-score)")));
}

#[test]
fn wording_of_a_revert() {
    insta::assert_snapshot!(words(&body("kind: revert")));
}

#[test]
fn wording_of_a_plan() {
    insta::assert_snapshot!(words(&said(&played(), &["plan", "--now", END])));
}

#[test]
fn wording_of_an_explanation() {
    let arguments = ["explain", "payments/orders-enrich", "--now", END];
    insta::assert_snapshot!(words(&said(&played(), &arguments)));
}

#[test]
fn wording_of_the_report() {
    let html = fs::read_to_string(played().join("report.html")).unwrap();
    insta::assert_snapshot!(words(&shown(&html)));
}

#[test]
fn wording_of_a_try() {
    let fleet = Arc::new(demo::fleet(7, BEGIN_MS, 3_600_000).unwrap());
    fleet.set_clock(BEGIN_MS);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let listener = runtime
        .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
        .unwrap();
    let url = format!(
        "http://{}/payments/orders-enrich",
        listener.local_addr().unwrap()
    );
    runtime.spawn(serve(fleet, listener, 0.0, std::future::pending::<()>()));
    let folder = tempfile::tempdir().unwrap();
    insta::assert_snapshot!(words(&said(folder.path(), &["try", &url, "--for", "1s"])));
}
