//! The workflow that `init` writes, run: the commands of its two jobs in order, each in a checkout of its own with its own token, against a
//! simulated fleet and a GitHub that keeps state.
#![allow(clippy::unwrap_used)]

use crate::github::fake::{Fake, Fault, READ_TOKEN, REPOSITORY, TOKEN};
use plimsoll::clients::repository::GitRepository;
use plimsoll::simulate::random;
use plimsoll::simulate::serve;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use tempfile::TempDir;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
/// 2026-09-21 13:00 UTC, near the fake GitHub's clock.
const START_MS: i64 = 1_789_995_600_000;
const KUBECONFIG: &str = "apiVersion: v1\nkind: Config\n";

/// One step of a job that ran a command.
struct Ran {
    command: String,
    code: i32,
    told: String,
}

/// A fleet, a repository on GitHub that `init` wrote into, and what lies between the jobs: a cache and an artifact.
struct Stage {
    address: SocketAddr,
    fake: Fake,
    folder: TempDir,
    workflow: yaml_serde::Value,
    now_ms: i64,
    jobs_run: usize,
    _runtime: tokio::runtime::Runtime,
}

/// The text with one thing in it replaced, which has to be there.
fn with(text: &str, before: &str, after: &str) -> String {
    assert_eq!(text.matches(before).count(), 1, "{before}\n{text}");
    text.replace(before, after)
}

impl Stage {
    /// Everything set up, and three hours of history in the cache.
    fn new() -> Stage {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let fleet = Arc::new(random::fleet(&random::jobs(3, 1, START_MS, 1), START_MS));
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
            .unwrap();
        let address = listener.local_addr().unwrap();
        let served = fleet.clone();
        runtime.spawn(serve(served, listener, 0.0, std::future::pending::<()>()));

        let folder = tempfile::tempdir().unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_plimsoll"))
            .args(["init", "--folder"])
            .arg(folder.path().join("init"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let written = |path: &str| fs::read_to_string(folder.path().join(path)).unwrap();
        let remote = folder.path().join("remote.git");
        let mut files = fleet.manifests();
        let workflow = written("init/.github/workflows/plimsoll.yaml");
        files.insert(".github/workflows/plimsoll.yaml".into(), workflow.clone());
        files.insert(
            "policies/step-down.yaml".into(),
            "id: step-down\nreason: Half at most.\nlimit: {kind: step-down, share: 0.5}\n".into(),
        );
        GitRepository::create(&remote, &files, "Ada", "Deploy", START_MS).unwrap();
        let fake = runtime.block_on(Fake::over(&remote));
        let job = fleet.keys().remove(0);
        let config = written("init/plimsoll.yaml");
        let cluster = config
            .lines()
            .find(|line| line.starts_with("  kubernetes: {}"))
            .unwrap();
        let config = with(
            &config,
            cluster,
            &format!(
                "  jobs: [{{namespace: {}, name: {}, rest: \"http://{address}/{}\"}}]",
                job.namespace,
                job.name,
                job.short()
            ),
        );
        let config = with(&config, "\nmode: report\n", "\nmode: propose\n");
        let config = with(&config, "minimum: 1 d ", "minimum: 2h ");
        let config = format!(
            "{config}\ndemand: {{growth: 0.05}}\npolicies: policies\n\
             forge: {{kind: github, github: {{api: \"{}\", repository: {REPOSITORY}}}}}\n",
            fake.api
        );
        for place in ["cache", "artifact", "home"] {
            fs::create_dir(folder.path().join(place)).unwrap();
        }
        let mut stage = Stage {
            address,
            fake,
            workflow: yaml_serde::Value::deserialize(yaml_serde::Deserializer::from_str(&workflow))
                .unwrap(),
            folder,
            now_ms: START_MS,
            jobs_run: 0,
            _runtime: runtime,
        };
        let before = stage.folder.path().join("before");
        stage.clone_to(&before);
        // The address of GitHub is known by now: a person commits the configuration that `init` wrote, with it.
        fs::write(before.join("plimsoll.yaml"), config).unwrap();
        let date = format!("{} +0000", START_MS / 1000);
        let who = [
            ("GIT_AUTHOR_NAME", "Ada"),
            ("GIT_AUTHOR_EMAIL", "ada@example.org"),
            ("GIT_AUTHOR_DATE", &date),
            ("GIT_COMMITTER_NAME", "Ada"),
            ("GIT_COMMITTER_EMAIL", "ada@example.org"),
            ("GIT_COMMITTER_DATE", &date),
        ];
        let who = who.map(|(name, value)| (name.to_string(), value.to_string()));
        let commit =
            "git add plimsoll.yaml; git commit -qm Rightsizing; git push -q origin HEAD:main";
        let output = stage.sh(&before, commit, &BTreeMap::from(who));
        assert!(output.status.success(), "{output:?}");
        for _ in 0..37 {
            stage.wait(5 * MINUTE_MS);
            let output = stage.sh(&before, "$PLIMSOLL observe", &BTreeMap::new());
            assert!(output.status.success(), "{output:?}");
        }
        let kept = stage.folder.path().join("cache/plimsoll.sqlite");
        fs::copy(before.join("plimsoll.sqlite"), kept).unwrap();
        stage
    }

    /// Time passes for the fleet and for the commands.
    fn wait(&mut self, ms: i64) {
        self.now_ms += ms;
        let body = format!("{{\"now_ms\": {}}}", self.now_ms);
        let mut stream = TcpStream::connect(self.address).unwrap();
        write!(
            stream,
            "POST /clock HTTP/1.1\r\nHost: simulated\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }

    fn clone_to(&self, place: &Path) {
        let remote = self.folder.path().join("remote.git");
        git2::Repository::clone(remote.to_str().unwrap(), place).unwrap();
    }

    /// A command as the runner gives it to a shell.
    fn sh(&self, place: &Path, command: &str, env: &BTreeMap<String, String>) -> Output {
        let binary = env!("CARGO_BIN_EXE_plimsoll");
        Command::new("sh")
            .args(["-e", "-c", command])
            .current_dir(place)
            .env_clear()
            .env("PATH", std::env::var("PATH").unwrap())
            .env("HOME", self.folder.path().join("home"))
            .env("PLIMSOLL", format!("{binary} --now {}", self.now_ms))
            .envs(env)
            .output()
            .unwrap()
    }

    /// One job, step by step in a new checkout, as far as it gets; `${{ … }}` becomes what the runner would put there.
    fn job(&mut self, name: &str) -> (bool, Vec<Ran>) {
        self.jobs_run += 1;
        let place = self.folder.path().join(format!("{name}-{}", self.jobs_run));
        let job = self.workflow["jobs"][name].clone();
        let token = match job["permissions"]["contents"].as_str() {
            Some("write") => TOKEN,
            _ => READ_TOKEN,
        };
        let variables = |of: &yaml_serde::Value| -> BTreeMap<String, String> {
            let Some(mapping) = of.as_mapping() else {
                return BTreeMap::new();
            };
            let pairs = mapping.iter().map(|(name, value)| {
                let value = match value.as_str().unwrap() {
                    "${{ github.token }}" => token,
                    "${{ secrets.PLIMSOLL_KUBECONFIG }}" => KUBECONFIG,
                    other => panic!("{other}"),
                };
                (name.as_str().unwrap().to_string(), value.to_string())
            });
            pairs.collect()
        };
        let (mut ran, mut failed) = (Vec::new(), false);
        for step in job["steps"].as_sequence().unwrap() {
            let always = match step["if"].as_str() {
                None => false,
                Some(condition) => {
                    assert!(
                        condition.contains("always()") || condition.contains("!cancelled()"),
                        "{condition}"
                    );
                    true
                }
            };
            if failed && !always {
                continue;
            }
            if let Some(action) = step["uses"].as_str() {
                self.action(action, &step["with"], &place);
                continue;
            }
            let command = step["run"].as_str().unwrap();
            let mut env = variables(&job["env"]);
            env.extend(variables(&step["env"]));
            let output = self.sh(&place, command, &env);
            let code = output.status.code().unwrap();
            failed |= code != 0 && step["continue-on-error"].as_bool() != Some(true);
            ran.push(Ran {
                command: command.to_string(),
                code,
                told: format!(
                    "{}{}",
                    String::from_utf8_lossy(&output.stdout),
                    String::from_utf8_lossy(&output.stderr)
                ),
            });
        }
        (!failed, ran)
    }

    /// What the actions do, as far as the jobs need it; one that is not known is no step that may be left out.
    fn action(&self, action: &str, with: &yaml_serde::Value, place: &Path) {
        let copy = |from: PathBuf, to: PathBuf| {
            fs::copy(&from, &to).unwrap_or_else(|error| panic!("{from:?}: {error}"))
        };
        let between = |what: &str| self.folder.path().join(what);
        match action.split('@').next().unwrap() {
            "actions/checkout" => self.clone_to(place),
            "actions/cache/restore" => {
                let path = with["path"].as_str().unwrap();
                copy(between("cache").join(path), place.join(path));
            }
            "actions/cache/save" => {
                let path = with["path"].as_str().unwrap();
                copy(place.join(path), between("cache").join(path));
            }
            "actions/upload-artifact" => {
                for path in with["path"].as_str().unwrap().lines() {
                    copy(place.join(path), between("artifact").join(path));
                }
            }
            "actions/download-artifact" => {
                for entry in fs::read_dir(between("artifact")).unwrap() {
                    let entry = entry.unwrap();
                    copy(entry.path(), place.join(entry.file_name()));
                }
            }
            other => panic!("{other}"),
        }
    }

    /// The first job, which has to succeed and may write nothing; what its `watch` said.
    fn look(&mut self) -> Ran {
        self.fake.written();
        let (done, ran) = self.job("look");
        for ran in &ran {
            assert_eq!(ran.code, 0, "{}: {}", ran.command, ran.told);
        }
        assert!(done && ran.len() == 5);
        let log = self.fake.state().log.clone();
        assert!(
            log.iter().any(|line| line.contains("plimsoll-ledger"))
                && log.iter().any(|line| line.contains("/pulls?state=open")),
            "the ledger and the pull requests were read: {log:?}"
        );
        assert_eq!(
            self.fake.written(),
            [] as [String; 0],
            "nothing was written, or tried to be"
        );
        let watch = |ran: &Ran| ran.command.contains(" watch ");
        ran.into_iter().find(watch).unwrap()
    }

    /// The heartbeats in the ledger, by name, each of which has to be whole.
    fn heartbeats(&self) -> Vec<String> {
        let ledger = self.fake.files("plimsoll-ledger");
        let beats = ledger
            .into_iter()
            .filter(|(path, _)| path.starts_with("heartbeats/"));
        beats
            .map(|(path, bytes)| {
                let value: Value = serde_json::from_slice(&bytes).unwrap();
                assert_eq!(value["schema"], "plimsoll.heartbeat/1", "{path}");
                assert_eq!(value["jobs"], 1, "{path}");
                path
            })
            .collect()
    }
}

#[test]
fn cron_the_written_workflow_proposes_leaves_heartbeats_and_misses_them() {
    let mut stage = Stage::new();
    let first = stage.look();
    assert!(
        !first.told.contains("blind from"),
        "the first run: {}",
        first.told
    );
    let kubeconfig = stage.folder.path().join("home/.kube/config");
    assert_eq!(fs::read_to_string(kubeconfig).unwrap(), KUBECONFIG);
    assert_eq!(
        stage.heartbeats(),
        [] as [String; 0],
        "the first job leaves it in the file"
    );
    let (done, ran) = stage.job("propose");
    assert!(done, "{} {}", ran[0].told, ran[1].told);
    assert_eq!(stage.fake.open().len(), 1, "{}", ran[1].told);
    assert_eq!(stage.heartbeats().len(), 1);

    // An hour later the next one is on time, and sees the open pull request.
    stage.wait(HOUR_MS);
    let second = stage.look();
    assert!(!second.told.contains("blind from"), "{}", second.told);
    let (done, ran) = stage.job("propose");
    assert!(done, "{} {}", ran[0].told, ran[1].told);
    assert_eq!(stage.fake.open().len(), 1);
    assert_eq!(stage.heartbeats().len(), 2);

    // It is merged by squash, and two runs don't come.
    stage.fake.merge(1, "squash", "grace");
    stage.wait(3 * HOUR_MS);
    let late = stage.look();
    assert!(late.told.contains("blind from"), "{}", late.told);
    let sealed = fs::read_to_string(stage.folder.path().join("artifact/watch.json")).unwrap();
    let sealed: Value = serde_json::from_str(&sealed).unwrap();
    assert_eq!(sealed["blind"]["to_ms"], stage.now_ms);
    let (done, ran) = stage.job("propose");
    assert!(!done, "a run that came too late marks the job");
    assert_eq!((ran[0].code, ran[1].code), (3, 0), "{}", ran[1].told);
    assert!(ran[0].told.contains("blind from"), "{}", ran[0].told);
    assert_eq!(stage.heartbeats().len(), 3);
    // Who merged is known from GitHub, since the squashed commit does not say.
    let ledger = stage.fake.files("plimsoll-ledger");
    let merged: Vec<Value> = ledger
        .iter()
        .filter(|(path, _)| path.ends_with("-merged.json"))
        .map(|(_, bytes)| serde_json::from_slice(bytes).unwrap())
        .collect();
    assert_eq!(merged.len(), 1, "{:?}", ledger.keys());
    assert_eq!(
        (&merged[0]["by"], &merged[0]["pull_request"]),
        (&Value::from("grace"), &Value::from("1"))
    );
    let checkout = stage.folder.path().join("audit");
    stage.clone_to(&checkout);
    let token = BTreeMap::from([("GITHUB_TOKEN".to_string(), READ_TOKEN.to_string())]);
    let audit = stage.sh(&checkout, "$PLIMSOLL audit --output json", &token);
    let audit: Value = serde_json::from_slice(&audit.stdout).unwrap();
    assert_eq!(audit["changes"][0]["merged_by"], "grace", "{audit}");

    // The one after it is on time again.
    stage.wait(HOUR_MS);
    let next = stage.look();
    assert!(!next.told.contains("blind from"), "{}", next.told);
    let (done, ran) = stage.job("propose");
    assert!(done, "{} {}", ran[0].told, ran[1].told);
}

#[test]
fn cron_a_run_that_ends_between_its_writes_leaves_a_whole_heartbeat_or_none() {
    let mut stage = Stage::new();
    stage.look();
    // The ledger's branch can't be moved: its objects are written, and nothing shows.
    stage.fake.fail(Fault::new("/git/refs", 1, 403));
    let checkout = stage.folder.path().join("by-hand");
    stage.clone_to(&checkout);
    for file in ["watch.json", "plan.json"] {
        let from = stage.folder.path().join("artifact").join(file);
        fs::copy(from, checkout.join(file)).unwrap();
    }
    let token = BTreeMap::from([("GITHUB_TOKEN".to_string(), TOKEN.to_string())]);
    let propose = |stage: &Stage, file: &str| {
        let command = format!("$PLIMSOLL propose --from {file} --forge github");
        let output = stage.sh(&checkout, &command, &token);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code().unwrap(), error)
    };
    let (code, error) = propose(&stage, "watch.json");
    assert_eq!(code, 1, "{error}");
    assert_eq!(stage.heartbeats(), [] as [String; 0]);
    // The next try writes it, and a pull request that fails after it takes nothing of it away.
    assert_eq!(propose(&stage, "watch.json"), (0, String::new()));
    assert_eq!(stage.heartbeats().len(), 1);
    stage.fake.fail(Fault::new(
        "POST /api/v3/repos/acme/flink-manifests/pulls",
        1,
        403,
    ));
    let (code, error) = propose(&stage, "plan.json");
    assert_eq!(code, 3, "{error}");
    assert_eq!(stage.fake.open().len(), 0);
    assert_eq!(stage.heartbeats().len(), 1);
    // Where pull requests can't be listed, the verdicts and the heartbeat are still made.
    stage.fake.fail(Fault::new("/pulls?state=open", 1, 403));
    let command = "$PLIMSOLL watch --out gap.json";
    let output = stage.sh(&checkout, command, &token);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "{error}");
    assert!(
        error.contains("who merged is not known") && error.contains("403"),
        "{error}"
    );
    assert!(checkout.join("gap.json").exists());
    // The same file again leaves no second one.
    assert_eq!(propose(&stage, "watch.json"), (0, String::new()));
    assert_eq!(stage.heartbeats().len(), 1);
    assert_eq!(propose(&stage, "plan.json").0, 0);
    assert_eq!(stage.fake.open().len(), 1);
}
