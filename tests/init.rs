//! What `init` writes is what the product reads and has.
#![allow(clippy::unwrap_used)]

use assert_cmd::Command;
use plimsoll::config::parse;
use plimsoll::policy::Mode;
use serde_json::Value;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

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

/// The template with everything that is commented out made active; sentences begin with a capital letter.
fn uncommented(config: &str) -> String {
    config
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
        .collect()
}

/// The files that `init --print` shows.
fn printed(arguments: &[&str]) -> Vec<(String, String)> {
    let folder = tempfile::tempdir().unwrap();
    let arguments = [&["init", "--print", "--output", "json"], arguments].concat();
    let output = plimsoll(folder.path(), &arguments);
    assert!(output.status.success(), "{output:?}");
    assert!(
        fs::read_dir(folder.path()).unwrap().next().is_none(),
        "--print writes nothing"
    );
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let files = answer["files"].as_array().unwrap().iter();
    files
        .map(|file| {
            let text = |key: &str| file[key].as_str().unwrap().to_string();
            (text("path"), text("content"))
        })
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
    assert!(read.clusters[0].is_kubernetes() && !read.clusters[0].in_cluster);
    assert_eq!(read.history.file, "plimsoll.sqlite");
    let all = uncommented(&config);
    let parsed = parse("plimsoll.yaml", &all);
    assert!(parsed.is_ok(), "{parsed:?}\n{all}");
    let workflow =
        fs::read_to_string(folder.path().join(".github/workflows/plimsoll.yaml")).unwrap();
    let shown = printed(&[]);
    assert_eq!(shown[0], ("plimsoll.yaml".to_string(), config));
    assert_eq!(
        shown[1],
        (
            ".github/workflows/plimsoll.yaml".to_string(),
            workflow.clone()
        )
    );

    let jobs = &documents(&workflow)[0]["jobs"];
    let may = |job: &str| -> Vec<(String, String)> {
        let permissions = jobs[job]["permissions"].as_mapping().unwrap();
        let text = |value: &yaml_serde::Value| value.as_str().unwrap().to_string();
        let of = permissions.iter();
        of.map(|(what, how)| (text(what), text(how))).collect()
    };
    let both = |how: &str| {
        ["contents", "pull-requests"]
            .map(|what| (what.to_string(), how.to_string()))
            .to_vec()
    };
    assert_eq!(may("look"), both("read"));
    assert_eq!(may("propose"), both("write"));
    // A token only where a command of ours needs it, and no step's script is put together from anything.
    for job in ["look", "propose"] {
        for step in jobs[job]["steps"].as_sequence().unwrap() {
            let command = step["run"].as_str().unwrap_or_default();
            assert!(!command.contains("${{"), "{command}");
            let token = step["env"]["GITHUB_TOKEN"].as_str();
            let ours = command.starts_with("plimsoll ");
            assert_eq!(token, ours.then_some("${{ github.token }}"), "{command}");
        }
    }
    let (look, propose) = workflow.split_once("\n  propose:\n").unwrap();
    assert!(look.contains("secrets.PLIMSOLL_KUBECONFIG"));
    // The job that may write knows the key of the seal, and no credential of a cluster.
    let secrets: Vec<&str> = propose.split("secrets.").skip(1).collect();
    assert!(
        secrets
            .iter()
            .all(|secret| secret.starts_with("PLIMSOLL_SEAL_KEY")),
        "{secrets:?}"
    );
}

#[test]
fn init_keeps_the_history_after_a_job_that_failed() {
    let workflow = printed(&[]).remove(1).1;
    let look = &documents(&workflow)[0]["jobs"]["look"]["steps"];
    let steps = look.as_sequence().unwrap();
    let at = |what: &str| {
        let step = steps.iter().position(|step| {
            let action = step["uses"].as_str().or(step["run"].as_str());
            action.is_some_and(|action| action.contains(what))
        });
        step.unwrap_or_else(|| panic!("no step {what}"))
    };
    let (restore, save) = (at("cache/restore"), at("cache/save"));
    assert!(restore < at("plimsoll observe") && at("plimsoll observe") < save);
    assert!(steps[save]["if"].as_str().unwrap().contains("always()"));
    let (restored, saved) = (&steps[restore]["with"], &steps[save]["with"]);
    assert_eq!(restored["key"], saved["key"]);
    assert_eq!(restored["path"], saved["path"]);
    let key = saved["key"].as_str().unwrap();
    let start = restored["restore-keys"].as_str().unwrap();
    assert!(key.starts_with(start) && key.contains("run_id") && key.contains("run_attempt"));
}

#[test]
fn init_starts_only_commands_that_there_are() {
    let workflow = printed(&[]).remove(1).1;
    let jobs = documents(&workflow)[0]["jobs"].clone();
    let mut calls: Vec<String> = Vec::new();
    for job in ["look", "propose"] {
        for step in jobs[job]["steps"].as_sequence().unwrap() {
            let run = step["run"].as_str().unwrap_or_default();
            let lines = run
                .lines()
                .filter_map(|line| line.strip_prefix("plimsoll "));
            calls.extend(lines.map(|call| call.split(" ||").next().unwrap().to_string()));
        }
    }
    assert_eq!(calls.len(), 6, "{calls:?}");
    let cronjob = printed(&["--cronjob"]).remove(1).1;
    let pod = pod(&cronjob);
    let command = pod["containers"][0]["command"].as_sequence().unwrap();
    let words: Vec<&str> = command.iter().map(|word| word.as_str().unwrap()).collect();
    assert_eq!(words[0], "plimsoll");
    calls.push(words[1..].join(" "));
    let folder = tempfile::tempdir().unwrap();
    for call in calls {
        let mut words: Vec<&str> = call.split_whitespace().collect();
        words.push("--help");
        let output = plimsoll(folder.path(), &words);
        assert!(output.status.success(), "{call}: {output:?}");
    }
}

/// Everything in a folder: path, and content or where a link leads.
fn everything(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_symlink() {
            found.push(format!("{path:?} -> {:?}", fs::read_link(&path).unwrap()));
        } else if path.is_dir() {
            found.push(format!("{path:?}/"));
            found.extend(everything(&path));
        } else {
            found.push(format!("{path:?} {}", fs::read_to_string(&path).unwrap()));
        }
    }
    found.sort();
    found
}

#[test]
#[cfg(unix)]
fn init_overwrites_nothing_and_writes_all_or_none() {
    let file = |folder: &Path, path: &str| {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "mode: propose\n").unwrap();
    };
    type Prepare<'a> = &'a dyn Fn(&Path);
    let cases: [(&str, &[&str], Prepare<'_>, i32); 9] = [
        (
            "plimsoll.yaml",
            &[],
            &|folder| file(folder, "plimsoll.yaml"),
            2,
        ),
        (
            "plimsoll.yml",
            &[],
            &|folder| file(folder, "plimsoll.yml"),
            2,
        ),
        (
            ".github/plimsoll.yaml",
            &[],
            &|folder| file(folder, ".github/plimsoll.yaml"),
            2,
        ),
        (
            ".github/plimsoll.yml",
            &["--cronjob"],
            &|folder| file(folder, ".github/plimsoll.yml"),
            2,
        ),
        (
            ".github/workflows/plimsoll.yaml",
            &[],
            &|folder| file(folder, ".github/workflows/plimsoll.yaml"),
            2,
        ),
        (
            "plimsoll-cronjob.yaml",
            &["--cronjob"],
            &|folder| file(folder, "plimsoll-cronjob.yaml"),
            2,
        ),
        (
            "plimsoll.yaml",
            &[],
            &|folder| {
                std::os::unix::fs::symlink("nowhere.yaml", folder.join("plimsoll.yaml")).unwrap();
            },
            2,
        ),
        (".github", &[], &|folder| file(folder, ".github"), 1),
        (
            ".github/workflows",
            &[],
            &|folder| file(folder, ".github/workflows"),
            1,
        ),
    ];
    for (named, arguments, prepare, code) in cases {
        let folder = tempfile::tempdir().unwrap();
        prepare(folder.path());
        let before = everything(folder.path());
        let output = plimsoll(folder.path(), &[&["init"], arguments].concat());
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{named}: {error}");
        assert!(
            error.contains(named) && error.contains("nothing was written"),
            "{named}: {error}"
        );
        assert_eq!(before, everything(folder.path()), "{named}");
    }
}

/// The pod of the written CronJob.
fn pod(cronjob: &str) -> yaml_serde::Value {
    documents(cronjob).remove(3)["spec"]["jobTemplate"]["spec"]["template"]["spec"].clone()
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
    // What its configuration says is where its pod is and what it has.
    let config = fs::read_to_string(folder.path().join("deploy/plimsoll.yaml")).unwrap();
    let read = parse("plimsoll.yaml", &config).unwrap();
    assert!(read.clusters[0].in_cluster && read.clusters[0].kubernetes.is_none());
    let all = uncommented(&config);
    let parsed = parse("plimsoll.yaml", &all);
    assert!(parsed.is_ok(), "{parsed:?}\n{all}");
    let mounts = pod(&text)["containers"][0]["volumeMounts"].clone();
    let mounts = mounts.as_sequence().unwrap().iter();
    let mounted = |mount: &yaml_serde::Value| mount["mountPath"].as_str().unwrap().to_string();
    let history = Path::new(&read.history.file);
    assert!(
        mounts
            .map(mounted)
            .any(|mount| history.starts_with(&mount) && mount == "/history")
    );
}

#[test]
fn init_lets_the_cronjob_clone_with_a_token_that_stands_nowhere() {
    const SECRET: &str = "ghs_never-shown";
    let text = printed(&["--cronjob"]).remove(1).1;
    let clone = pod(&text)["initContainers"][0].clone();
    let command = clone["command"].as_sequence().unwrap();
    let mut command: Vec<String> = command
        .iter()
        .map(|word| word.as_str().unwrap().to_string())
        .collect();
    assert!(!command.join(" ").contains("TOKEN"), "{command:?}");
    let folder = tempfile::tempdir().unwrap();
    let git = |arguments: &[String]| {
        let mut git = std::process::Command::new("git");
        git.args(arguments)
            .env_clear()
            .env("PATH", std::env::var("PATH").unwrap())
            .env("HOME", folder.path());
        for variable in clone["env"].as_sequence().unwrap() {
            let name = variable["name"].as_str().unwrap();
            git.env(name, variable["value"].as_str().unwrap_or(SECRET));
        }
        git
    };
    // git's own question is answered with the token.
    let mut asked = git(&["credential".to_string(), "fill".to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    asked
        .stdin
        .take()
        .unwrap()
        .write_all(b"protocol=https\nhost=github.com\n\n")
        .unwrap();
    let answer = asked.wait_with_output().unwrap();
    let answer = String::from_utf8(answer.stdout).unwrap();
    assert!(
        answer.contains("username=x-access-token\n")
            && answer.contains(&format!("password={SECRET}\n")),
        "{answer}"
    );
    // The clone itself, from a repository on the disk.
    let remote = folder.path().join("remote.git");
    git2::Repository::init_bare(&remote).unwrap();
    let target = folder.path().join("clone");
    command[2] = remote.display().to_string();
    command[3] = target.display().to_string();
    assert_eq!(command.remove(0), "git");
    let output = git(&command).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let config = fs::read_to_string(target.join(".git/config")).unwrap();
    assert!(
        config.contains("remote.git") && !config.contains(SECRET) && !config.contains("helper"),
        "{config}"
    );
}

/// A folder that is a git repository with a remote and these files.
fn surroundings(remote: &str, files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let git = git2::Repository::init(folder.path()).unwrap();
    git.remote("origin", remote).unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

const JOB: &str = "apiVersion: flink.apache.org/v1beta1\nkind: FlinkDeployment\nmetadata: {name: audit, namespace: risk}\nspec:\n  job: {parallelism: 2}\n";
const TEMPLATE: &str = "apiVersion: flink.apache.org/v1beta1
kind: FlinkDeployment
metadata:
  name: orders
  namespace: payments
spec:
  flinkConfiguration:
    taskmanager.numberOfTaskSlots: {{ .Values.flink.slots | quote }}
  taskManager:
    resource:
      memory: {{ .Values.flink.memory }}
      cpu: {{ mul .Values.flink.cpu 2 }}
  job:
    parallelism: {{ .Values.flink.parallelism }}
";
const VALUES: &str = "flink: {parallelism: 8, slots: 4, memory: 4096m, cpu: 2}\n";

#[test]
fn init_fills_in_what_it_finds() {
    let folder = surroundings(
        "git@github.com:acme/flink-manifests.git",
        &[
            ("apps/audit.yaml", JOB),
            ("charts/orders/Chart.yaml", "name: orders\n"),
            ("charts/orders/templates/job.yaml", TEMPLATE),
            ("charts/orders/values.yaml", VALUES),
            (
                "flux.yaml",
                "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\n",
            ),
        ],
    );
    let output = plimsoll(folder.path(), &["init", "--cronjob"]);
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{output:?}");
    for line in [
        "found origin is github.com/acme/flink-manifests",
        "found 1 manifest of Flink's operator, namespaces: payments, risk",
        "found manifests of Flux",
        "found a chart in charts/orders: 3 of the fields that size its jobs are set by charts/orders/values.yaml, 1 are not",
    ] {
        assert!(told.contains(line), "{line}\n{told}");
    }
    let config = fs::read_to_string(folder.path().join("plimsoll.yaml")).unwrap();
    let read = parse("plimsoll.yaml", &config).unwrap();
    let namespaces = read.clusters[0].namespaces.clone().unwrap();
    assert_eq!(namespaces, ["payments", "risk"]);
    let mapping = &read.repository.values[0];
    assert_eq!(mapping.jobs, ["payments/orders"]);
    assert_eq!(mapping.file.as_deref(), Some("charts/orders/values.yaml"));
    assert_eq!(
        mapping.fields["spec.flinkConfiguration[\"taskmanager.numberOfTaskSlots\"]"],
        "flink.slots"
    );
    assert!(!mapping.fields.contains_key("spec.taskManager.resource.cpu"));
    assert!(
        config.contains("# Plimsoll can't change spec.taskManager.resource.cpu:"),
        "{config}"
    );
    let parsed = parse("plimsoll.yaml", &uncommented(&config));
    assert!(parsed.is_ok(), "{parsed:?}");
    let cronjob = fs::read_to_string(folder.path().join("plimsoll-cronjob.yaml")).unwrap();
    assert!(cronjob.contains("\"https://github.com/acme/flink-manifests.git\""));
}

#[test]
fn init_takes_the_values_of_the_release_where_one_overrides_the_chart() {
    let release = "apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: orders, namespace: payments}
spec:
  chart: {spec: {chart: ./charts/orders}}
  values:
    flink: {parallelism: 6, slots: 2, memory: 2048m}
";
    let folder = surroundings(
        "https://git.example.com/acme/manifests.git",
        &[
            ("charts/orders/templates/job.yaml", TEMPLATE),
            ("charts/orders/values.yaml", VALUES),
            ("clusters/prod/orders.yaml", release),
        ],
    );
    let output = plimsoll(folder.path(), &["init"]);
    assert!(output.status.success(), "{output:?}");
    let config = fs::read_to_string(folder.path().join("plimsoll.yaml")).unwrap();
    let read = parse("plimsoll.yaml", &config).unwrap();
    assert_eq!(
        read.repository.values[0].file.as_deref(),
        Some("clusters/prod/orders.yaml"),
        "{config}"
    );
    assert!(
        config.contains("https://git.example.com/api/v3"),
        "{config}"
    );
}

#[test]
fn init_looks_into_git_repositories_only_and_hostile_names_stay_text() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("job.yaml"), JOB).unwrap();
    let output = plimsoll(folder.path(), &["init", "--output", "json"]);
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["found"], serde_json::json!([]));

    let template = TEMPLATE.replace("name: orders", "name: \"x], file: y\"");
    let folder = surroundings(
        "https://github.com/a/b",
        &[
            ("charts/a\nmode: propose/templates/job.yaml", &template),
            ("charts/a\nmode: propose/values.yaml", VALUES),
        ],
    );
    let output = plimsoll(folder.path(), &["init"]);
    assert!(output.status.success(), "{output:?}");
    let config = fs::read_to_string(folder.path().join("plimsoll.yaml")).unwrap();
    let read = parse("plimsoll.yaml", &config).unwrap();
    assert_eq!(read.mode, Mode::Report);
    assert_eq!(read.repository.values[0].jobs, ["payments/x], file: y"]);
}

#[test]
fn check_says_what_is_left_after_init() {
    let folder = surroundings(
        "https://github.com/acme/flink-manifests.git",
        &[("apps/audit.yaml", JOB)],
    );
    assert!(plimsoll(folder.path(), &["init"]).status.success());
    let git = git2::Repository::open(folder.path()).unwrap();
    let mut index = git.index().unwrap();
    index
        .add_all(["*"], git2::IndexAddOption::DEFAULT, None)
        .unwrap();
    let tree = git.find_tree(index.write_tree().unwrap()).unwrap();
    let ada = git2::Signature::now("Ada", "ada@example.org").unwrap();
    git.commit(Some("HEAD"), &ada, &ada, "Rightsizing", &tree, &[])
        .unwrap();
    let told = || {
        let output = plimsoll(folder.path(), &["check"]);
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let first = told();
    for line in [
        "todo .github/workflows/plimsoll.yaml: it reads PLIMSOLL_KUBECONFIG, PLIMSOLL_URL, PLIMSOLL_SHA256",
        "ok   cadence: a look every 10 min at least",
        "todo mode: runs only report",
    ] {
        assert!(first.contains(line), "{line}\n{first}");
    }
    // A slower cadence without a Prometheus says what it can't see; an action by its tag is a fault.
    let path = folder.path().join(".github/workflows/plimsoll.yaml");
    let workflow = fs::read_to_string(&path).unwrap();
    let hourly: String = workflow
        .lines()
        .filter(|line| !line.contains("7,27,37,47,57"))
        .map(|line| match line.split_once("actions/checkout@") {
            Some((before, _)) => format!("{before}actions/checkout@v4\n"),
            None => format!("{line}\n"),
        })
        .collect();
    fs::write(&path, hourly).unwrap();
    let second = told();
    assert!(
        second.contains("todo cadence: runs come up to 60 min apart"),
        "{second}"
    );
    assert!(
        second.contains("backpressure of 15 min, lag of 10 min, a crash loop of 10 min"),
        "{second}"
    );
    assert!(
        second.contains("FAIL .github/workflows/plimsoll.yaml: actions/checkout@v4"),
        "{second}"
    );
    // With nothing that starts it, that is said.
    fs::remove_file(&path).unwrap();
    assert!(told().contains("todo schedule: nothing here starts Plimsoll"));
}

#[test]
fn check_local_names_each_tool_and_reads_no_configuration() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("plimsoll.yaml"), "nonsense: [").unwrap();
    let tools = folder.path().join("tools");
    fs::create_dir(&tools).unwrap();
    let git = tools.join("git");
    fs::write(&git, "#!/bin/sh\necho git version 2.39.5\n").unwrap();
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(&git, fs::Permissions::from_mode(0o755)).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_plimsoll"))
        .current_dir(folder.path())
        .env("PATH", &tools)
        .args(["check", "--local", "--output", "json"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let lines: Vec<(&str, bool)> = answer["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| {
            (
                line["what"].as_str().unwrap(),
                line["ok"].as_bool().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        lines,
        [
            ("git", true),
            ("docker", false),
            ("kubectl", false),
            ("helm", false)
        ]
    );
}

/// The files of the kustomize base are what the commands print; `PLIMSOLL_BLESS=1` writes them anew.
#[test]
fn init_and_rbac_print_the_kustomize_base() {
    let folder = tempfile::tempdir().unwrap();
    assert!(
        plimsoll(folder.path(), &["init", "--cronjob"])
            .status
            .success()
    );
    let rbac = plimsoll(folder.path(), &["rbac"]);
    assert!(rbac.status.success(), "{rbac:?}");
    let cronjob = fs::read_to_string(folder.path().join("plimsoll-cronjob.yaml")).unwrap();
    for (file, text) in [
        ("cronjob.yaml", cronjob),
        ("rbac.yaml", String::from_utf8(rbac.stdout).unwrap()),
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("deploy")
            .join(file);
        if std::env::var_os("PLIMSOLL_BLESS").is_some() {
            fs::write(&path, &text).unwrap();
        }
        assert_eq!(
            fs::read_to_string(&path).unwrap_or_default(),
            text,
            "{}",
            path.display()
        );
    }
}
