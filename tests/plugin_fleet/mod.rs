//! Plug-ins as a user meets them: the binary over three jobs of the demo's fleet, two days of history, a configuration that names
//! programs. The programs are shell scripts, so that nothing but `sh` is needed.

mod built_in;
mod calendar;
mod collectors;
mod evaluators;
mod own;
mod owner;
mod realizers;
mod schema;
mod settings;

use plimsoll::clients::repository::GitRepository;
use plimsoll::simulate::{Fleet, demo, serve};
use plimsoll::snapshot::{JobKey, write_line};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, OnceLock};
use tempfile::TempDir;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
/// 2026-03-02 08:00 UTC, the begin of the demo's story.
pub const NOW_MS: i64 = 1_772_438_400_000;
const SEED: u64 = 7;
const PAST_MS: i64 = 48 * HOUR_MS;
/// The jobs, in the order of a plan's keys: the first two can be made smaller.
const JOBS: [&str; 3] = [
    "payments/orders-enrich",
    "search/click-sessions",
    "telemetry/device-metrics",
];
/// An answer that says nothing.
const SILENT: &str = r#"{"schema":"plimsoll.dev/plugin/v1"}"#;

fn fleet() -> Fleet {
    demo::fleet(SEED, NOW_MS, PAST_MS).unwrap()
}

fn keys(fleet: &Fleet) -> Vec<JobKey> {
    let mut keys = fleet.keys();
    keys.retain(|key| JOBS.contains(&key.short().as_str()));
    assert_eq!(keys.len(), JOBS.len());
    keys
}

/// The history that all tests begin with, as a file: it is made once.
fn past() -> &'static Path {
    static PAST: OnceLock<TempDir> = OnceLock::new();
    let folder = PAST.get_or_init(|| {
        let (folder, fleet) = (tempfile::tempdir().unwrap(), fleet());
        let mut lines = String::new();
        for key in keys(&fleet) {
            let mut at = NOW_MS - PAST_MS + 30 * MINUTE_MS;
            while at <= NOW_MS {
                let snapshot = fleet.snapshot(&key, at).unwrap();
                lines.push_str(write_line(&snapshot).unwrap().trim_end());
                lines.push('\n');
                at += 20 * MINUTE_MS;
            }
        }
        let place = folder.path();
        fs::write(place.join("past.jsonl"), lines).unwrap();
        fs::write(place.join("plimsoll.yaml"), "history: {file: h.sqlite}\n").unwrap();
        let added = run(place, &["observe", "--from", "past.jsonl"]);
        assert_eq!(added.status.code(), Some(0), "{}", said(&added));
        folder
    });
    folder.path()
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    run_in(folder, arguments, &[])
}

pub fn run_in(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_plimsoll"))
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .envs(environment.iter().copied())
        .args(arguments)
        .output()
        .unwrap()
}

pub fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

/// A folder with manifests in git, the history, and a configuration.
pub struct Place {
    folder: TempDir,
}

impl Place {
    /// `config`: what stands in the configuration besides history and repository.
    pub fn new(config: &str) -> Place {
        Place::with(config, |manifests| manifests)
    }

    fn with(
        config: &str,
        change: impl Fn(BTreeMap<String, String>) -> BTreeMap<String, String>,
    ) -> Place {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        fs::copy(past().join("h.sqlite"), at.join("h.sqlite")).unwrap();
        let manifests = change(fleet().manifests());
        let (place, begin) = (at.join("manifests.git"), NOW_MS - PAST_MS);
        GitRepository::create(&place, &manifests, "Team", "Add the manifests", begin).unwrap();
        let place = Place { folder };
        place.configure(config);
        place
    }

    pub fn configure(&self, config: &str) {
        let text =
            format!("history: {{file: h.sqlite}}\nrepository: {{path: manifests.git}}\n{config}");
        fs::write(self.path().join("plimsoll.yaml"), text).unwrap();
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A plug-in's program.
    fn script(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).unwrap();
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        let now = NOW_MS.to_string();
        run(self.path(), &[arguments, &["--now", &now]].concat())
    }

    /// The JSON that a command answers with, and what it says on stderr, at this exit code.
    fn json(&self, arguments: &[&str], code: i32) -> (Value, String) {
        let output = self.run(&[arguments, &["--output", "json"]].concat());
        assert_eq!(
            output.status.code(),
            Some(code),
            "{arguments:?}: {}",
            said(&output)
        );
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        (serde_json::from_slice(&output.stdout).unwrap(), text)
    }

    /// The plan's items by short name.
    fn plan(&self, code: i32) -> (BTreeMap<String, Value>, String) {
        let (plan, text) = self.json(&["plan"], code);
        let items = plan["items"].as_array().unwrap();
        let named = |item: &Value| {
            let part = |key: &str| item["job"][key].as_str().unwrap().to_string();
            (
                format!("{}/{}", part("namespace"), part("name")),
                item.clone(),
            )
        };
        (items.iter().map(named).collect(), text)
    }

    /// The JSON documents that plug-ins wrote to files of this beginning.
    fn written(&self, beginning: &str) -> Vec<Value> {
        let named = |path: &Path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with(beginning)
        };
        let files = fs::read_dir(self.path()).unwrap();
        files
            .map(|file| file.unwrap().path())
            .filter(|path| named(path))
            .map(|path| serde_json::from_slice(&fs::read(path).unwrap()).unwrap())
            .collect()
    }
}

/// The plan without any plug-in, made once.
fn plain() -> &'static BTreeMap<String, Value> {
    static PLAIN: OnceLock<BTreeMap<String, Value>> = OnceLock::new();
    PLAIN.get_or_init(|| {
        let (plan, _) = Place::new("mode: propose\n").plan(0);
        assert_eq!(
            plan[JOBS[0]]["state"], "propose",
            "{}",
            plan[JOBS[0]]["message"]
        );
        plan
    })
}

/// What a job's plan says without the estimate's words: to compare plans by what they would do.
fn decided(item: &Value) -> (Value, Value, Value) {
    (
        item["state"].clone(),
        item["change"]["fields"].clone(),
        item["saving"].clone(),
    )
}

/// The gaps of an item as sentences.
fn gaps(item: &Value) -> Vec<String> {
    let gaps = item["profile"]["gaps"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let sentence = |gap: &Value| {
        format!(
            "{}: {}",
            gap["what"].as_str().unwrap(),
            gap["reason"].as_str().unwrap()
        )
    };
    gaps.iter().map(sentence).collect()
}

/// A configuration with one evaluator, `fair`, that is a script of that name.
fn with_evaluator(more: &str) -> String {
    format!(
        "mode: propose\nplugins:\n  fair: {{kind: evaluator, exec: [sh, fair]{more}}}\nevaluators: [fair]\n"
    )
}

/// The fleet over HTTP, standing still at `now`, as clusters of a configuration.
pub struct Served {
    address: SocketAddr,
    _runtime: tokio::runtime::Runtime,
}

impl Served {
    pub fn at(now_ms: i64) -> Served {
        let fleet = Arc::new(fleet());
        fleet.set_clock(now_ms);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0");
        let listener = runtime.block_on(listener).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(serve(fleet, listener, 0.0, std::future::pending::<()>()));
        Served {
            address,
            _runtime: runtime,
        }
    }

    pub fn clusters(&self) -> String {
        let job = |short: &&str| {
            let (namespace, name) = short.split_once('/').unwrap();
            format!(
                "  - {{namespace: {namespace}, name: {name}, rest: \"http://{}/{short}\"}}\n",
                self.address
            )
        };
        let jobs: String = JOBS.iter().map(job).collect();
        format!("clusters:\n- name: {}\n  jobs:\n{jobs}", demo::CLUSTER)
    }
}
