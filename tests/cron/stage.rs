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
/// The schedules of the workflow.
pub const HOURLY: &str = "17 * * * *";
pub const BETWEEN: &str = "7,27,37,47,57 * * * *";
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
    /// The expression of the schedule that started the run.
    pub schedule: &'static str,
    /// `vars` of the repository: where the binary is fetched, and its digest.
    pub variables: BTreeMap<&'static str, String>,
    /// The secret of that name; a repository without it gives nothing.
    pub seal_key: &'static str,
    outputs: BTreeMap<String, String>,
    jobs_run: usize,
    _runtime: tokio::runtime::Runtime,
}

/// The text with one thing in it replaced, which has to be there.
fn with(text: &str, before: &str, after: &str) -> String {
    assert_eq!(text.matches(before).count(), 1, "{before}\n{text}");
    text.replace(before, after)
}

/// The workflow as `init` writes it into a folder.
pub fn written_workflow(folder: &Path) -> yaml_serde::Value {
    let output = Command::new(env!("CARGO_BIN_EXE_plimsoll"))
        .args(["init", "--folder"])
        .arg(folder)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = fs::read_to_string(folder.join(".github/workflows/plimsoll.yaml")).unwrap();
    yaml_serde::Value::deserialize(yaml_serde::Deserializer::from_str(&text)).unwrap()
}

/// An archive with the program as a runner fetches it, and its digest. The program in it acts at the time that the stage has.
fn served(folder: &Path) -> BTreeMap<&'static str, String> {
    let place = folder.join("served");
    fs::create_dir(&place).unwrap();
    let program = format!(
        "#!/bin/sh\nexec {} --now \"$NOW_MS\" \"$@\"\n",
        env!("CARGO_BIN_EXE_plimsoll")
    );
    fs::write(place.join("plimsoll"), program).unwrap();
    let pack = "chmod +x plimsoll; tar -czf plimsoll.tar.gz plimsoll; sha256sum plimsoll.tar.gz";
    let output = Command::new("sh")
        .args(["-e", "-c", pack])
        .current_dir(&place)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let digest = String::from_utf8(output.stdout).unwrap()[..64].to_string();
    let url = format!("file://{}", place.join("plimsoll.tar.gz").display());
    BTreeMap::from([("vars.PLIMSOLL_URL", url), ("vars.PLIMSOLL_SHA256", digest)])
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
        let simulated = fleet.clone();
        runtime.spawn(serve(
            simulated,
            listener,
            0.0,
            std::future::pending::<()>(),
        ));

        let folder = tempfile::tempdir().unwrap();
        let parsed = written_workflow(&folder.path().join("init"));
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
            workflow: parsed,
            variables: served(folder.path()),
            folder,
            now_ms: START_MS,
            schedule: HOURLY,
            seal_key: "",
            outputs: BTreeMap::new(),
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
        Command::new("bash")
            .args(["-e", "-c", command])
            .current_dir(place)
            .env_clear()
            .env("PATH", std::env::var("PATH").unwrap())
            .env("HOME", self.folder.path().join("home"))
            .env("PLIMSOLL", format!("{binary} --now {}", self.now_ms))
            .env("NOW_MS", self.now_ms.to_string())
            .envs(env)
            .output()
            .unwrap()
    }

    /// What an expression's name stands for in a job.
    fn context(&self, name: &str, token: &str, outputs: &BTreeMap<String, String>) -> String {
        match name {
            "github.token" => token.to_string(),
            "github.event.schedule" => self.schedule.to_string(),
            "github.run_id" => self.jobs_run.to_string(),
            "github.run_attempt" => "1".to_string(),
            "secrets.PLIMSOLL_KUBECONFIG" => KUBECONFIG.to_string(),
            "secrets.PLIMSOLL_SEAL_KEY" => self.seal_key.to_string(),
            "env.PLAN" => (self.schedule != BETWEEN).to_string(),
            name if name.starts_with("vars.") => self.variables[name].clone(),
            name if name.starts_with("steps.") || name.starts_with("needs.") => outputs
                .get(name)
                .or_else(|| self.outputs.get(name))
                .unwrap_or_else(|| panic!("no output {name}"))
                .clone(),
            other => panic!("{other}"),
        }
    }

    /// Whether a condition holds: terms joined by `&&`, each a status function or a comparison with a text.
    fn holds(&self, condition: &str, place: &Path, name: &dyn Fn(&str) -> String) -> bool {
        let condition = condition.trim();
        let inner = condition
            .strip_prefix("${{")
            .and_then(|text| text.strip_suffix("}}"));
        inner.unwrap_or(condition).split("&&").all(|term| {
            let term = term.trim();
            if matches!(term, "always()" | "!cancelled()") {
                return true;
            }
            let (left, equal, right) = match term.split_once("!=") {
                Some((left, right)) => (left, false, right),
                None => {
                    let (left, right) = term.split_once("==").unwrap_or_else(|| panic!("{term}"));
                    (left, true, right)
                }
            };
            let left = left.trim();
            let hashed = left
                .strip_prefix("hashFiles('")
                .and_then(|rest| rest.strip_suffix("')"));
            let value = match hashed {
                Some(file) if place.join(file).exists() => "a digest".to_string(),
                Some(_) => String::new(),
                None => name(left),
            };
            (value == right.trim().trim_matches('\'')) == equal
        })
    }

    /// One job, step by step in a new checkout, as far as it gets; `${{ … }}` becomes what the runner would put there. Given back are the
    /// commands of ours that ran; the others count for whether the job is done.
    pub fn job(&mut self, name: &str) -> (bool, Vec<Ran>) {
        self.jobs_run += 1;
        let place = self.folder.path().join(format!("{name}-{}", self.jobs_run));
        let job = self.workflow["jobs"][name].clone();
        let token = match job["permissions"]["contents"].as_str() {
            Some("write") => TOKEN,
            _ => READ_TOKEN,
        };
        let mut outputs = BTreeMap::new();
        if let Some(condition) = job["if"].as_str() {
            let named = |name: &str| self.context(name, token, &outputs);
            if !self.holds(condition, &place, &named) {
                return (true, Vec::new());
            }
        }
        let runner = self.folder.path().join(format!("runner-{}", self.jobs_run));
        fs::create_dir(&runner).unwrap();
        for file in ["path", "output"] {
            fs::write(runner.join(file), "").unwrap();
        }
        let (mut ran, mut failed) = (Vec::new(), false);
        for step in job["steps"].as_sequence().unwrap() {
            let named = |name: &str| self.context(name, token, &outputs);
            match step["if"].as_str() {
                None if failed => continue,
                None => {}
                Some(condition) => {
                    let always =
                        condition.contains("always()") || condition.contains("!cancelled()");
                    if (failed && !always) || !self.holds(condition, &place, &named) {
                        continue;
                    }
                }
            }
            if let Some(action) = step["uses"].as_str() {
                self.action(action, &step["with"], &place);
                continue;
            }
            let command = step["run"].as_str().unwrap();
            assert!(
                !command.contains("${{"),
                "input comes through the environment: {command}"
            );
            let value = |text: &str| {
                let name = text
                    .strip_prefix("${{")
                    .and_then(|text| text.strip_suffix("}}"));
                match name {
                    Some(name) if name.contains("!=") => {
                        self.holds(name, &place, &named).to_string()
                    }
                    Some(name) => named(name.trim()),
                    None => text.to_string(),
                }
            };
            let mut env = BTreeMap::new();
            for variables in [&self.workflow["env"], &job["env"], &step["env"]] {
                let variables = variables.as_mapping().into_iter().flatten();
                env.extend(variables.map(|(name, text)| {
                    (
                        name.as_str().unwrap().to_string(),
                        value(text.as_str().unwrap()),
                    )
                }));
            }
            let added = fs::read_to_string(runner.join("path")).unwrap();
            let path: Vec<String> = added
                .lines()
                .map(str::to_string)
                .chain(std::env::var("PATH"))
                .collect();
            env.insert("PATH".to_string(), path.join(":"));
            env.insert("RUNNER_TEMP".to_string(), runner.display().to_string());
            for (variable, file) in [("GITHUB_PATH", "path"), ("GITHUB_OUTPUT", "output")] {
                env.insert(
                    variable.to_string(),
                    runner.join(file).display().to_string(),
                );
            }
            let output = self.sh(&place, command, &env);
            if let Some(id) = step["id"].as_str() {
                let told = fs::read_to_string(runner.join("output")).unwrap();
                outputs.extend(
                    told.lines()
                        .filter_map(|line| line.split_once('='))
                        .map(|(key, value)| {
                            (format!("steps.{id}.outputs.{key}"), value.to_string())
                        }),
                );
            }
            let code = output.status.code().unwrap();
            failed |= code != 0 && step["continue-on-error"].as_bool() != Some(true);
            let told = format!(
                "{}{}",
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            );
            if command.starts_with("plimsoll ") || code != 0 {
                ran.push(Ran {
                    command: command.to_string(),
                    code,
                    told,
                });
            }
        }
        let told = job["outputs"].as_mapping().into_iter().flatten();
        for (key, from) in told {
            let from = from
                .as_str()
                .unwrap()
                .trim_start_matches("${{")
                .trim_end_matches("}}");
            let value = outputs.get(from.trim()).cloned().unwrap_or_default();
            let key = format!("needs.{name}.outputs.{}", key.as_str().unwrap());
            self.outputs.insert(key, value);
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
                fs::remove_dir_all(between("artifact")).unwrap();
                fs::create_dir(between("artifact")).unwrap();
                let there = with["path"].as_str().unwrap().lines();
                for path in there.filter(|path| place.join(path).exists()) {
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
        let expected = if self.schedule == BETWEEN { 2 } else { 4 };
        assert!(done && ran.len() == expected);
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
