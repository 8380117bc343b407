//! A runner for the workflow that `init` writes, with what it runs against.

use crate::github::fake::{Fake, READ_TOKEN, REPOSITORY, TOKEN};
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
pub const HOUR_MS: i64 = 60 * MINUTE_MS;
/// 2026-09-21 13:00 UTC, near the fake GitHub's clock.
const START_MS: i64 = 1_789_995_600_000;
pub const KUBECONFIG: &str = "apiVersion: v1\nkind: Config\n";

/// One step of a job that ran a command.
pub struct Ran {
    pub command: String,
    pub code: i32,
    pub told: String,
}

/// A fleet, a repository on GitHub that `init` wrote into, and what lies between the jobs: a cache and an artifact.
pub struct Stage {
    address: SocketAddr,
    pub fake: Fake,
    pub folder: TempDir,
    workflow: yaml_serde::Value,
    pub now_ms: i64,
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
    pub fn new() -> Stage {
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
    pub fn wait(&mut self, ms: i64) {
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

    pub fn clone_to(&self, place: &Path) {
        let remote = self.folder.path().join("remote.git");
        git2::Repository::clone(remote.to_str().unwrap(), place).unwrap();
    }

    /// A command as the runner gives it to a shell.
    pub fn sh(&self, place: &Path, command: &str, env: &BTreeMap<String, String>) -> Output {
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
    pub fn job(&mut self, name: &str) -> (bool, Vec<Ran>) {
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
    pub fn look(&mut self) -> Ran {
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
    pub fn heartbeats(&self) -> Vec<String> {
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
