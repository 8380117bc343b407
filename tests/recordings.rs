//! Recorded answers of real JobManagers, replayed through the reader.
//!
//! `PLIMSOLL_RECORDINGS` names another directory than `fixtures/recordings`. Every folder below it that holds an `expect.json` is a case.

use crate::points::redact_key;
use plimsoll::classify;
use plimsoll::clients::flink_rest::{Answer, Rest, RestError, Settings, read_job};
use plimsoll::snapshot::{History, JobKey, JobState, Snapshot, read_lines, redact, write_line};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Answers from the files of one pass: paths must match, `get=` is a set, ids that were not recorded are absent.
#[derive(Clone)]
pub(crate) struct Recorded {
    /// Path without query → whole answers.
    plain: BTreeMap<String, (u16, Vec<u8>)>,
    /// Path without query → metric values by id.
    values: BTreeMap<String, (u16, Vec<Value>)>,
}

impl Rest for Recorded {
    async fn get(&self, path_and_query: &str) -> Result<Answer, RestError> {
        let (path, query) = path_and_query
            .split_once('?')
            .unwrap_or((path_and_query, ""));
        let path = decoded(path);
        let found = match query.strip_prefix("get=") {
            None => self.plain.get(&path).cloned(),
            Some(names) => {
                let asked: BTreeSet<String> = names.split(',').map(decoded).collect();
                self.values.get(&path).map(|(status, values)| {
                    let answered: Vec<&Value> = values
                        .iter()
                        .filter(|value| value["id"].as_str().is_some_and(|id| asked.contains(id)))
                        .collect();
                    let body = serde_json::to_vec(&answered).expect("values are JSON");
                    (*status, body)
                })
            }
        };
        let (status, body) = found.unwrap_or((404, br#"{"errors":["Not found."]}"#.to_vec()));
        Ok(Answer { status, body })
    }

    fn endpoint(&self) -> String {
        "http://recorded:8081".to_string()
    }
}

pub(crate) fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let code = (bytes[at] == b'%')
            .then(|| text.get(at + 1..at + 3))
            .flatten()
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        out.push(code.unwrap_or(bytes[at]));
        at += if code.is_some() { 3 } else { 1 };
    }
    String::from_utf8(out).expect("paths are UTF-8")
}

impl Recorded {
    fn new() -> Recorded {
        Recorded {
            plain: BTreeMap::new(),
            values: BTreeMap::new(),
        }
    }

    fn add(&mut self, path: &str, status: u16, body: Vec<u8>) {
        match path.split_once("?get=") {
            None => {
                self.plain.insert(decoded(path), (status, body));
            }
            Some((path, _)) => {
                let values: Vec<Value> = serde_json::from_slice(&body).unwrap_or_default();
                let entry = self
                    .values
                    .entry(decoded(path))
                    .or_insert((status, Vec::new()));
                entry.0 = status;
                entry.1.extend(values);
            }
        }
    }
}

pub(crate) fn json(file: &Path) -> Value {
    let bytes = std::fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// What a pass answers: of each file the newest that was recorded up to it.
pub(crate) fn transport(folder: &Path, index: &Value, passes: &[Value]) -> Recorded {
    let mut recorded = Recorded::new();
    let files = index["files"].as_object().expect("files");
    for (name, file) in files {
        let newest = passes.iter().rev().find_map(|pass| {
            let path = folder.join(pass["dir"].as_str().unwrap_or("")).join(name);
            Some((pass, std::fs::read(path).ok()?))
        });
        let Some((pass, body)) = newest else { continue };
        let path = pass["paths"][name]
            .as_str()
            .or(file["path"].as_str())
            .expect("path");
        let status = pass["status"][name]
            .as_u64()
            .or(file["status"].as_u64())
            .unwrap_or(200);
        recorded.add(path, status as u16, body);
    }
    recorded
}

pub(crate) fn snapshots(folder: &Path, index: &Value) -> Vec<Snapshot> {
    let single = [serde_json::json!({"dir": ""})];
    let passes = index["passes"]
        .as_array()
        .map_or(&single[..], Vec::as_slice);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("runtime");
    let job: JobKey = "lab/deployment/default/recorded".parse().expect("key");
    (1..=passes.len())
        .map(|upto| {
            let recorded = transport(folder, index, &passes[..upto]);
            let named = index["job"].as_str();
            let settings = Settings::default();
            runtime.block_on(read_job(&recorded, &job, named, None, &settings))
        })
        .collect()
}

fn check(folder: &Path) -> Result<(), String> {
    let expect = json(&folder.join("expect.json"));
    let index = json(&folder.join("index.json"));
    let snapshots = snapshots(folder, &index);
    travels(&snapshots)?;
    let expected = snapshots.len() - 1;
    let history = History::from_snapshots(snapshots).ok_or("no snapshot")?;
    let latest = history.latest.as_ref().ok_or("no latest snapshot")?;
    if expect["readable"] == Value::Bool(false) {
        if latest.state == JobState::Running || !latest.gaps.iter().any(|gap| gap.what == "job") {
            return Err(format!(
                "no job runs, yet it reads {:?} without saying so",
                latest.state
            ));
        }
        return verdicts(&history, &expect);
    }
    if history.points.len() != expected {
        return Err(format!("{} points of {expected}", history.points.len()));
    }
    verdicts(&history, &expect)?;
    let seen = history.latest_running.as_ref().unwrap_or(latest);
    if seen.vertices.is_empty() || seen.task_managers.is_empty() || seen.flink_version.is_none() {
        return Err(format!(
            "graph, TaskManagers or version missing: {:?}",
            seen.gaps
        ));
    }
    Ok(())
}

/// What a classifier must and must not say. A series lasts minutes, so a minute of history is enough here.
fn verdicts(history: &History, expect: &Value) -> Result<(), String> {
    let settings = classify::Settings {
        minimum_history_seconds: 60,
        ..classify::Settings::default()
    };
    let profile = classify::classify(history, &settings);
    let said: BTreeSet<&str> = profile
        .verdicts
        .iter()
        .map(|verdict| verdict.id.as_str())
        .collect();
    let listed = |name: &str| -> Vec<String> {
        let list = expect[name].as_array().cloned().unwrap_or_default();
        list.iter()
            .filter_map(|id| id.as_str().map(str::to_string))
            .collect()
    };
    let mut wrong: Vec<String> = Vec::new();
    for id in listed("must") {
        if !said.contains(id.as_str()) {
            wrong.push(format!("{id} is missing"));
        }
    }
    for id in listed("must_not") {
        if said.contains(id.as_str()) {
            wrong.push(format!("{id} is wrong"));
        }
    }
    if let Some(name) = expect["bottleneck"].as_str()
        && !profile.bottlenecks.iter().any(|vertex| vertex.name == name)
    {
        wrong.push(format!("`{name}` is no bottleneck"));
    }
    if wrong.is_empty() {
        return Ok(());
    }
    Err(format!("{}; said {said:?}", wrong.join(", ")))
}

/// What is written as a line is read back the same, to the last bit; redacted too, and then without names.
fn travels(taken: &[Snapshot]) -> Result<(), String> {
    for snapshot in taken {
        for one in [snapshot.clone(), redact(snapshot, &redact_key())] {
            let line = write_line(&one).map_err(|error| error.to_string())?;
            let (read, errors) = read_lines(&line);
            if read != [one] {
                return Err(format!(
                    "a snapshot changed on its way through a file: {errors:?}"
                ));
            }
        }
        let shared =
            write_line(&redact(snapshot, &redact_key())).map_err(|error| error.to_string())?;
        for secret in [snapshot.job.name.as_str(), "Source: src", "lab-tm-", "://"] {
            if shared.contains(secret) {
                return Err(format!("`{secret}` stands in a redacted snapshot"));
            }
        }
    }
    Ok(())
}

fn cases(below: &Path, found: &mut Vec<PathBuf>) {
    if below.join("expect.json").is_file() {
        found.push(below.to_path_buf());
    }
    let Ok(entries) = std::fs::read_dir(below) else {
        return;
    };
    for entry in entries.flatten() {
        if entry.path().is_dir() {
            cases(&entry.path(), found);
        }
    }
}

#[test]
fn recordings() {
    let root = std::env::var_os("PLIMSOLL_RECORDINGS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/recordings"),
        PathBuf::from,
    );
    let mut folders = Vec::new();
    cases(&root, &mut folders);
    folders.sort();
    let failed: Vec<(String, String)> = folders
        .iter()
        .filter_map(|folder| {
            let name = folder
                .strip_prefix(&root)
                .unwrap_or(folder)
                .display()
                .to_string();
            check(folder).err().map(|why| (name, why))
        })
        .collect();
    let mut out = std::io::stdout();
    writeln!(
        out,
        "recordings: {} passed, {} failed",
        folders.len() - failed.len(),
        failed.len()
    )
    .expect("stdout");
    for (name, why) in &failed {
        writeln!(out, "  failed: {name}: {why}").expect("stdout");
    }
    assert!(!folders.is_empty(), "no recording below {}", root.display());
    assert!(failed.is_empty(), "{} recordings failed", failed.len());
}
