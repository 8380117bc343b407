//! Time from outside: the binary is driven through simulated days against a fleet served over HTTP, the way a scheduler would
//! run it: `observe --now T` every five minutes, `run --now T` every hour, and what it writes is applied.
#![allow(clippy::unwrap_used)]

use crate::hostile::forged;
use plimsoll::clients::forges::LocalForge;
use plimsoll::clients::repository::{GitRepository, MergeStyle};
use plimsoll::ports::{Forge, PullRequestState, Repository};
use plimsoll::recommend::Size;
use plimsoll::simulate::model::truth::{self, Need};
use plimsoll::simulate::random::{self, Drawn};
use plimsoll::simulate::{Account, Fleet, serve};
use plimsoll::snapshot::JobKey;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;
/// 2026-03-02 00:00 UTC, a Monday.
const START_MS: i64 = 1_772_409_600_000;

/// A served fleet, a folder with the configuration and the manifests, and the time.
struct Outside {
    fleet: Arc<Fleet>,
    address: SocketAddr,
    folder: TempDir,
    now_ms: i64,
    /// Manifests as they were last applied.
    applied: BTreeMap<String, String>,
    /// Failures for want of memory, by job and time.
    out_of_memory: BTreeSet<(JobKey, i64)>,
    _runtime: tokio::runtime::Runtime,
}

/// What is added to the clusters and the forge: the settings of a test.
fn settings(minimum: &str, window: &str) -> String {
    format!(
        "history: {{file: history.sqlite, minimum: {minimum}}}\nwatch: {{window: {window}}}\n\
         demand: {{growth: 0.05}}\n\
         plan: {{open_pull_requests: 100, pull_requests_per_day: 1000, group: job}}\npolicies: policies\n"
    )
}

impl Outside {
    fn new(drawn: &[Drawn], forge: &str, settings: &str) -> Outside {
        let fleet = Arc::new(random::fleet(drawn, START_MS));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
            .unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(serve(
            fleet.clone(),
            listener,
            0.0,
            std::future::pending::<()>(),
        ));
        let folder = tempfile::tempdir().unwrap();
        let applied = fleet.manifests();
        for (path, text) in &applied {
            let file = folder.path().join("manifests").join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        let policies = folder.path().join("policies");
        fs::create_dir_all(&policies).unwrap();
        fs::write(
            policies.join("step-down.yaml"),
            "id: step-down\nreason: Half at most.\nlimit: {kind: step-down, share: 0.5}\n",
        )
        .unwrap();
        let jobs: String = fleet
            .keys()
            .iter()
            .map(|job| {
                format!(
                    "  - {{namespace: {}, name: {}, rest: \"http://{address}/{}\"}}\n",
                    job.namespace,
                    job.name,
                    job.short()
                )
            })
            .collect();
        fs::write(
            folder.path().join("plimsoll.yaml"),
            format!(
                "mode: propose\nclusters:\n- name: simulated\n  jobs:\n{jobs}{forge}{settings}"
            ),
        )
        .unwrap();
        Outside {
            fleet,
            address,
            folder,
            now_ms: START_MS,
            applied,
            out_of_memory: BTreeSet::new(),
            _runtime: runtime,
        }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn tried(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_plimsoll"))
            .current_dir(self.path())
            .env_clear()
            .args(arguments)
            .args(["--now", &self.now_ms.to_string()])
            .output()
            .unwrap()
    }

    fn plimsoll(&self, arguments: &[&str]) -> Output {
        let output = self.tried(arguments);
        assert_eq!(
            output.status.code(),
            Some(0),
            "{arguments:?} at hour {:.2}: {}{}",
            self.hour(),
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        output
    }

    fn hour(&self) -> f64 {
        (self.now_ms - START_MS) as f64 / HOUR_MS as f64
    }

    /// A request to the simulated fleet's controls, as any HTTP client would make it.
    fn post(&self, path: &str, body: &str) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        write!(
            stream,
            "POST {path} HTTP/1.1\r\nHost: simulated\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
    }

    /// Five minutes pass, and are observed.
    fn step(&mut self) {
        self.now_ms += 5 * MINUTE_MS;
        self.post("/clock", &format!("{{\"now_ms\": {}}}", self.now_ms));
        self.plimsoll(&["observe", "--quiet"]);
        for job in self.fleet.keys() {
            let snapshot = self.fleet.snapshot(&job, self.now_ms).unwrap();
            let failures = snapshot.failures.iter();
            let died = failures.filter(|failure| failure.out_of_memory);
            self.out_of_memory
                .extend(died.map(|failure| (job.clone(), failure.at_ms)));
        }
    }

    fn run(&self) -> Value {
        let output = self.plimsoll(&["run", "--output", "json"]);
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Applies the manifests that differ from those that were applied last, and names their files.
    fn apply(&mut self, files: &BTreeMap<String, String>) -> Vec<String> {
        let changed: Vec<String> = files
            .iter()
            .filter(|(path, text)| self.applied.get(*path) != Some(text))
            .map(|(path, _)| path.clone())
            .collect();
        for path in &changed {
            self.post("/apply", &files[path]);
            self.applied.insert(path.clone(), files[path].clone());
        }
        changed
    }

    /// The manifests in the folder, as they are now.
    fn written(&self) -> BTreeMap<String, String> {
        self.applied
            .keys()
            .map(|path| {
                let file = self.path().join("manifests").join(path);
                (path.clone(), fs::read_to_string(file).unwrap())
            })
            .collect()
    }

    fn accounts(&self) -> BTreeMap<JobKey, Account> {
        let accounts = self.fleet.accounts(self.now_ms);
        accounts
            .into_iter()
            .map(|account| (account.job.clone(), account))
            .collect()
    }

    /// Files below a folder of `.plimsoll` that hold evidence of a kind, by job.
    fn evidence(&self, kind: &str) -> BTreeMap<String, usize> {
        let mut found = BTreeMap::new();
        for file in files_below(&self.path().join("manifests/.plimsoll")) {
            let Ok(text) = fs::read_to_string(&file) else {
                continue;
            };
            if let Ok(value) = serde_json::from_str::<Value>(&text)
                && value["kind"] == kind
                && value["fields"].is_array()
            {
                let name = value["job"]["name"]
                    .as_str()
                    .or(value["job"].as_str())
                    .unwrap_or_default();
                let name = name.rsplit('/').next().unwrap_or_default();
                *found.entry(name.to_string()).or_insert(0) += 1;
            }
        }
        found
    }
}

fn files_below(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    let Ok(entries) = fs::read_dir(folder) else {
        return files;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}

const DIR: &str = "forge: {kind: dir, dir: {folder: manifests}}\n";

#[test]
fn outside_a_day_with_the_forge_dir() {
    let drawn = random::jobs(3, 4, START_MS, 2);
    let mut outside = Outside::new(&drawn, DIR, &settings("2h", "4h"));
    let keys = outside.fleet.keys();
    let mut raised: Option<(JobKey, u64)> = None;
    let mut changed = BTreeSet::new();
    for _ in 0..18 {
        for _ in 0..12 {
            outside.step();
        }
        outside.run();
        let files = outside.applied_by_dir();
        changed.extend(files);
        let hour = outside.hour() as i64;
        // The first job whose change has settled gets more than it can carry.
        if raised.is_none() && hour >= 9 {
            let job = keys
                .iter()
                .find(|job| changed.iter().any(|file| file.contains(&job.name)))
                .unwrap();
            let carries = outside
                .fleet
                .carries(job, outside.now_ms, outside.now_ms + 6 * HOUR_MS)
                .unwrap();
            let body = format!(
                "{{\"job\": \"{}\", \"factor\": {}}}",
                job.short(),
                carries * 1.4
            );
            outside.post("/load", &body);
            let account = &outside.accounts()[job];
            raised = Some((job.clone(), strength(account)));
        }
    }
    let again = outside.run();
    assert!(
        again["pull_requests"].as_array().unwrap().is_empty(),
        "{again}"
    );
    let before: Vec<_> = snapshot_of(outside.path());
    outside.run();
    assert_eq!(
        before,
        snapshot_of(outside.path()),
        "a second run at the same time writes nothing"
    );
    let started = Instant::now();
    outside.plimsoll(&["run", &keys[0].short(), "--quiet"]);
    assert!(
        started.elapsed() < Duration::from_secs(5),
        "{:?}",
        started.elapsed()
    );
    let (raised, was) = raised.unwrap();
    let accounts = outside.accounts();
    assert!(
        strength(&accounts[&raised]) > was,
        "{}: {:?}",
        raised.short(),
        accounts[&raised]
    );
    assert!(
        accounts[&raised].lag_seconds < 120.0,
        "it caught up: {:?}",
        accounts[&raised]
    );
    for (job, account) in accounts.iter().filter(|(job, _)| **job != raised) {
        assert!(
            account.truth.late_ms < 10.0 * 60_000.0,
            "{}: {account:?}",
            job.short()
        );
    }
    let rightsized = outside.evidence("rightsize");
    assert!(rightsized.len() >= 3, "{rightsized:?}");
    let ledger = files_below(&outside.path().join("manifests/.plimsoll"))
        .into_iter()
        .filter(|file| file.to_string_lossy().contains("ledger"))
        .count();
    assert!(ledger > 0, "the ledger has entries");
    assert!(
        outside.out_of_memory.is_empty(),
        "{:?}",
        outside.out_of_memory
    );
}

/// A copy of a sealed file with one digit changed.
fn tampered(outside: &Outside, file: &str) -> String {
    let text = fs::read_to_string(outside.path().join(file)).unwrap();
    let at = text.rfind(|c: char| c.is_ascii_digit()).unwrap();
    let other = if &text[at..=at] == "7" { "8" } else { "7" };
    let name = format!("tampered-{file}");
    let changed = format!("{}{other}{}", &text[..at], &text[at + 1..]);
    fs::write(outside.path().join(&name), changed).unwrap();
    name
}

#[test]
fn outside_credentials_and_write_token_share_the_work_by_sealed_files() {
    let drawn = random::jobs(3, 1, START_MS, 1);
    let every = format!("{}schedule: {{every: 1h}}\n", settings("2h", "6h"));
    let mut outside = Outside::new(&drawn, DIR, &every);
    let job = outside.fleet.keys().remove(0);
    for _ in 0..3 * 12 {
        outside.step();
    }
    let refused = |outside: &Outside, file: &str| {
        let before = snapshot_of(outside.path());
        let name = tampered(outside, file);
        let output = outside.tried(&["propose", "--from", &name]);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert!(error.contains("digest"), "{error}");
        fs::remove_file(outside.path().join(name)).unwrap();
        assert_eq!(
            before,
            snapshot_of(outside.path()),
            "nothing of it is written"
        );
    };
    outside.plimsoll(&["plan", "--out", "plan.json"]);
    refused(&outside, "plan.json");
    forgeries_are_refused(&outside, "plan.json", forged::PLANS);
    let output = outside.plimsoll(&["propose", "--from", "plan.json"]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(outside.applied_by_dir().len(), 1);
    for _ in 0..6 {
        outside.step();
    }
    let to_ms = outside.now_ms + 6 * HOUR_MS;
    // More than the new size carries, and less than the one before: where that would be short too, growth comes instead of the revert.
    let factor = 1.2 * outside.fleet.carries(&job, outside.now_ms, to_ms).unwrap();
    let body = format!("{{\"job\": \"{}\", \"factor\": {factor}}}", job.short());
    outside.post("/load", &body);
    let due = (0..24).any(|_| {
        for _ in 0..3 {
            outside.step();
        }
        outside.plimsoll(&["watch", "--out", "watch.json"]);
        let text = fs::read_to_string(outside.path().join("watch.json")).unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        !value["reverts"].as_array().unwrap().is_empty()
    });
    assert!(due, "the overloaded size hurts");
    assert!(
        outside.evidence("revert").is_empty(),
        "nothing is written yet"
    );
    // Damage of a history costs rows, and keeps no revert back.
    let history = outside.path().join("history.sqlite");
    let whole = fs::read(&history).unwrap();
    let damage =
        "UPDATE snapshot SET body = 'text' WHERE at_ms = (SELECT max(at_ms) FROM snapshot)";
    let connection = rusqlite::Connection::open(&history).unwrap();
    assert_eq!(connection.execute(damage, []).unwrap(), 1);
    drop(connection);
    outside.tried(&["watch", "--out", "damaged.json"]);
    let text = fs::read_to_string(outside.path().join("damaged.json")).unwrap();
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["reverts"].as_array().unwrap().len(), 1, "{value}");
    fs::remove_file(outside.path().join("damaged.json")).unwrap();
    fs::write(&history, whole).unwrap();
    refused(&outside, "watch.json");
    forgeries_are_refused(&outside, "watch.json", forged::REVERTS);
    let output = outside.plimsoll(&["propose", "--from", "watch.json"]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(outside.evidence("revert").len(), 1);
    let ledger = files_below(&outside.path().join("manifests/.plimsoll"));
    let told = |what: &str| {
        ledger
            .iter()
            .any(|file| file.to_string_lossy().contains(what))
    };
    assert!(told("-regressed.json") && told("-live.json"), "{ledger:?}");
    let beats = |outside: &Outside| {
        files_below(&outside.path().join("manifests/.plimsoll/ledger/heartbeats")).len()
    };
    assert_eq!(
        beats(&outside),
        1,
        "the watch left its heartbeat through the file"
    );
    // A file that has been used fits no longer, and is not used twice.
    let output = outside.tried(&["propose", "--from", "watch.json"]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    // The cluster follows what was written.
    outside.applied_by_dir();
    for _ in 0..3 {
        outside.step();
    }
    // Runs leave heartbeats, and one that comes late says since when nobody looked.
    let report = outside.run();
    assert!(
        !report["problems"].to_string().contains("blind from"),
        "{report}"
    );
    outside.applied_by_dir();
    outside.now_ms += 6 * HOUR_MS;
    outside.step();
    // Of the two jobs the first says so, and leaves it in the file for the second.
    let late = outside.tried(&["watch", "--out", "late.json"]);
    let told = String::from_utf8_lossy(&late.stderr).into_owned();
    assert!(
        told.contains("blind from") && late.status.code() == Some(3),
        "{told}"
    );
    let text = fs::read_to_string(outside.path().join("late.json")).unwrap();
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["blind"]["to_ms"], outside.now_ms);
    assert!(value["blind"]["from_ms"].as_i64().unwrap() < outside.now_ms - 2 * HOUR_MS);
    // The late one says so and exits with 3.
    let late = outside.tried(&["run", "--output", "json"]);
    let told = String::from_utf8_lossy(&late.stdout).into_owned();
    assert!(told.contains("blind from"), "{told}");
    assert_eq!(late.status.code(), Some(3));
    outside.applied_by_dir();
    outside.step();
    let report = outside.run();
    assert!(
        !report["problems"].to_string().contains("blind from"),
        "{report}"
    );
}

/// Files that were made by somebody else: the digest fits, and nothing of them is written.
fn forgeries_are_refused(outside: &Outside, file: &str, forgeries: &[forged::Forgery]) {
    let before = snapshot_of(outside.path());
    for (name, change) in forgeries {
        let text = forged::forge(&outside.path().join(file), change);
        let place = outside.path().join("forged.json");
        fs::write(&place, text).unwrap();
        let output = outside.tried(&["propose", "--from", "forged.json"]);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{name}: {error}");
        assert!(error.contains("--from forged.json"), "{name}: {error}");
        fs::remove_file(place).unwrap();
        assert_eq!(before, snapshot_of(outside.path()), "{name}");
    }
}

/// All the cores of a size: what grows when a job is helped.
fn strength(account: &Account) -> u64 {
    account.size.cpu_millis * u64::from(account.size.task_managers)
}

/// Every file that a run may write, but the history.
fn snapshot_of(folder: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    files_below(folder)
        .into_iter()
        .filter(|file| !file.to_string_lossy().contains("sqlite"))
        .map(|file| (file.clone(), fs::read(file).unwrap()))
        .collect()
}

impl Outside {
    fn applied_by_dir(&mut self) -> Vec<String> {
        let files = self.written();
        self.apply(&files)
    }
}

#[test]
fn outside_some_hours_with_the_forge_local() {
    let drawn = random::jobs(3, 2, START_MS, 1);
    let forge = "forge: {kind: local, local: {pull_requests: pull-requests}}\nrepository: {path: manifests.git, base: main}\n";
    let every = format!("{}schedule: {{every: 1h}}\n", settings("2h", "2h"));
    let mut outside = Outside::new(&drawn, forge, &every);
    let place = outside.path().join("manifests.git");
    let repository = GitRepository::create(
        &place,
        &outside.fleet.manifests(),
        "Ada",
        "Deploy",
        START_MS,
    )
    .unwrap();
    let pages = outside.path().join("pull-requests");
    let forge = LocalForge::new(repository, &pages);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut merged = 0;
    for hour in 0..6 {
        for _ in 0..12 {
            outside.step();
        }
        // One run does it all, or two jobs share it: what they leave is the same.
        if hour % 2 == 0 {
            outside.run();
        } else {
            for arguments in [
                ["watch", "--out", "watch.json"],
                ["plan", "--out", "plan.json"],
                ["propose", "--from", "watch.json"],
                ["propose", "--from", "plan.json"],
            ] {
                outside.plimsoll(&arguments);
            }
        }
        let open = runtime.block_on(forge.pull_requests()).unwrap();
        for pull_request in open
            .iter()
            .filter(|pull_request| pull_request.state == PullRequestState::Open)
        {
            forge
                .merge(pull_request, MergeStyle::Squash, "Ada", outside.now_ms)
                .unwrap();
            merged += 1;
        }
        let repository = GitRepository::open(&place, Some("main")).unwrap();
        let files = repository
            .tree()
            .unwrap()
            .into_iter()
            .filter(|(path, _)| outside.applied.contains_key(path))
            .map(|(path, bytes)| (path, String::from_utf8(bytes).unwrap()))
            .collect();
        outside.apply(&files);
    }
    assert!(merged >= 2, "{merged}");
    let repository = GitRepository::open(&place, Some("main")).unwrap();
    let files = repository.ledger().unwrap();
    let beats = files
        .keys()
        .filter(|path| plimsoll::record::is_heartbeat(path));
    assert_eq!(beats.count(), 6, "{:?}", files.keys());
    let (ledger, damaged) = plimsoll::record::read_ledger(&files);
    assert!(!ledger.is_empty() && damaged.is_empty(), "{ledger:?}");
    let merges = ledger.iter().filter(|entry| {
        matches!(&entry.event, plimsoll::record::Event::Merged { by, pull_request, .. }
            if by == "Ada" && pull_request.is_some())
    });
    assert!(merges.count() >= 1, "{ledger:?}");
    for account in outside.accounts().values() {
        assert!(account.truth.late_ms < 10.0 * 60_000.0, "{account:?}");
    }
    assert!(
        outside.out_of_memory.is_empty(),
        "{:?}",
        outside.out_of_memory
    );
}

#[test]
fn outside_the_example_in_the_documents_works() {
    let drawn = random::jobs(3, 1, START_MS, 1);
    let mut outside = Outside::new(&drawn, DIR, "");
    let job = outside.fleet.keys().remove(0);
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operations.md");
    let page = fs::read_to_string(page).unwrap();
    let blocks: Vec<&str> = page
        .split("```yaml\n# ")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    assert_eq!(blocks.len(), 3);
    for block in blocks {
        let (file, text) = block.split_once('\n').unwrap();
        let text = text
            .replace(
                "namespace: payments, name: orders",
                &format!("namespace: {}, name: {}", job.namespace, job.name),
            )
            .replace(
                "http://127.0.0.1:8081/payments/orders",
                &format!("http://{}/{}", outside.address, job.short()),
            );
        fs::write(outside.path().join(file), text).unwrap();
    }
    for _ in 0..3 {
        for _ in 0..12 {
            outside.step();
        }
        outside.run();
    }
    assert_eq!(outside.applied_by_dir().len(), 1);
}

#[test]
fn outside_a_job_that_is_short_grows_within_hours_whatever_the_limits_say() {
    let drawn = random::jobs(3, 2, START_MS, 1);
    let limits = "history: {file: history.sqlite, minimum: 1 d}\nwatch: {window: 72h}\n\
                  plan: {open_pull_requests: 0, pull_requests_per_day: 0, changes_per_group: 1, max_growth_per_month: 20}\npolicies: policies\n";
    let mut outside = Outside::new(&drawn, DIR, limits);
    let keys = outside.fleet.keys();
    let (short, fine) = (&keys[0], &keys[1]);
    let mut strengths = vec![strength(&outside.accounts()[short])];
    let calm = strength(&outside.accounts()[fine]);
    for _ in 0..2 {
        // More than it carries from now on, the second time while its first change is still being watched.
        let to_ms = outside.now_ms + 8 * HOUR_MS;
        let factor = 1.3 * outside.fleet.carries(short, outside.now_ms, to_ms).unwrap();
        let body = format!("{{\"job\": \"{}\", \"factor\": {factor}}}", short.short());
        outside.post("/load", &body);
        for _ in 0..3 {
            for _ in 0..12 {
                outside.step();
            }
            outside.run();
            outside.applied_by_dir();
        }
        strengths.push(strength(&outside.accounts()[short]));
    }
    assert!(
        strengths.is_sorted_by(|one, next| one < next),
        "{strengths:?}"
    );
    assert_eq!(
        strength(&outside.accounts()[fine]),
        calm,
        "too little is known of a job that is fine"
    );
    assert!(
        outside.out_of_memory.is_empty(),
        "{:?}",
        outside.out_of_memory
    );
}

fn number(name: &str, default: f64) -> f64 {
    std::env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(default)
}

/// Every settings key may be overridden by the environment, to see what a setting does.
#[test]
#[ignore = "a table to look at: takes many minutes"]
fn outside_days_of_random_jobs() {
    let days = number("PLIMSOLL_DAYS", 3.0) as i64;
    let count = number("PLIMSOLL_JOBS", 32.0) as usize;
    let short = number("PLIMSOLL_SHORT", 0.0) as usize;
    let mut drawn = random::jobs(number("PLIMSOLL_SEED", 11.0) as u64, count, START_MS, days);
    let minimum = std::env::var("PLIMSOLL_MINIMUM").unwrap_or_else(|_| "1 d".to_string());
    let window = std::env::var("PLIMSOLL_WINDOW").unwrap_or_else(|_| "6h".to_string());
    let mut outside = Outside::new(&drawn, DIR, &settings(&minimum, &window));
    let mut out = std::io::stdout();
    // The first jobs get more load than they carry from the start; of some no size would carry it.
    let mut beyond: Vec<JobKey> = Vec::new();
    for job in outside.fleet.keys().iter().take(short) {
        let carries = outside
            .fleet
            .carries(job, START_MS + HOUR_MS, START_MS + DAY_MS)
            .unwrap();
        let body = format!(
            "{{\"job\": \"{}\", \"factor\": {}}}",
            job.short(),
            carries * 1.3
        );
        outside.post("/load", &body);
        // They are held against the best size for the load that they have now.
        let raised = outside.fleet.job(job).unwrap();
        let need = Need::over(&raised, START_MS + HOUR_MS, START_MS + days * DAY_MS, 0.15);
        let best = truth::best_size(&raised.spec, &raised.graph, &Size::default(), &need);
        let of = drawn.iter_mut().find(|of| of.job.spec.key == *job).unwrap();
        match best {
            Some(best) => of.best = best,
            None => beyond.push(job.clone()),
        }
    }
    let mut changes: BTreeMap<String, usize> = BTreeMap::new();
    let mut last: BTreeMap<String, String> = BTreeMap::new();
    for hour in 0..days * 24 {
        for _ in 0..12 {
            outside.step();
        }
        let started = Instant::now();
        let report = outside.run();
        let took = started.elapsed();
        for item in report["plan"]["items"].as_array().unwrap() {
            let job = item["job"]["name"].as_str().unwrap_or_default().to_string();
            last.insert(
                job,
                format!("{} {} {}", item["state"], item["reason"], item["message"]),
            );
        }
        for watched in report["changes"].as_array().unwrap() {
            if watched["revert"].is_object() {
                let _ = writeln!(
                    out,
                    "h{hour} revert {} {}",
                    watched["job"], watched["breaches"][0]["message"]
                );
            }
        }
        for file in outside.applied_by_dir() {
            *changes.entry(file.clone()).or_insert(0) += 1;
        }
        if hour % 6 == 5 {
            let _ = writeln!(out, "h{hour} run took {took:?}");
        }
    }
    let reverts = outside.evidence("revert");
    let (mut paid, mut least, mut late) = (0.0, 0.0, 0.0);
    for (job, account) in outside.accounts() {
        let drawn = drawn
            .iter()
            .find(|drawn| drawn.job.spec.key == job)
            .unwrap();
        let best = truth::monthly_cost(&drawn.best);
        let average = account.cost / (days as f64 * 24.0) * 730.0;
        if !beyond.contains(&job) {
            paid += average;
            least += best;
        }
        late += account.truth.late_ms / 60_000.0;
        let _ = writeln!(
            out,
            "{:<16} start {:.2} mean {:.2} end {:.2} of best; late {:.0} min, {} restarts, {} failures, {} out of memory, {} changes, {} reverts; {}",
            job.short(),
            truth::monthly_cost(drawn.job.size()) / best,
            average / best,
            truth::monthly_cost(&account.size) / best,
            account.truth.late_ms / 60_000.0,
            account.truth.redeployments,
            account.truth.failures,
            outside
                .out_of_memory
                .iter()
                .filter(|(died, _)| *died == job)
                .count(),
            changes
                .iter()
                .find(|(file, _)| file.contains(&job.name))
                .map_or(0, |(_, count)| *count),
            reverts.get(&job.name).unwrap_or(&0),
            last.get(&job.name).map_or("", String::as_str),
        );
    }
    let _ = writeln!(
        out,
        "in all: {:.2} times the best, late {late:.0} min",
        paid / least
    );
}
