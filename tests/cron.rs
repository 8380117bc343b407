//! The workflow that `init` writes, run: the commands of its two jobs in order, each in a checkout of its own with its own token, against a
//! simulated fleet and a GitHub that keeps state.
#![allow(clippy::unwrap_used)]

mod stage;

use crate::github::fake::{Fault, READ_TOKEN, TOKEN};
use serde_json::Value;
use stage::{BETWEEN, HOUR_MS, HOURLY, KUBECONFIG, Stage};
use std::collections::BTreeMap;
use std::fs;

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

    // An hour later the next one is on time, and sees the open pull request. By now the repository has the secret: both files are signed, and
    // the second job takes them.
    stage.wait(HOUR_MS);
    stage.seal_key = "0123456789abcdef0123";
    let second = stage.look();
    for file in ["watch.json", "plan.json"] {
        let text = fs::read_to_string(stage.folder.path().join("artifact").join(file)).unwrap();
        assert!(text.contains("\"signature\": \"hmac-sha256:"), "{file}");
    }
    assert!(!second.told.contains("blind from"), "{}", second.told);
    let (done, ran) = stage.job("propose");
    assert!(done, "{} {}", ran[0].told, ran[1].told);
    assert_eq!(stage.fake.open().len(), 1);
    assert_eq!(stage.heartbeats().len(), 2);

    // Between the hours it only observes and watches, and nothing that hurts is nothing to write.
    stage.wait(HOUR_MS / 6);
    stage.schedule = BETWEEN;
    stage.look();
    assert!(!stage.folder.path().join("artifact/plan.json").exists());
    assert!(stage.job("propose").1.is_empty());
    assert_eq!(stage.heartbeats().len(), 2);
    stage.schedule = HOURLY;
    stage.wait(HOUR_MS * 5 / 6);
    stage.look();
    let (done, ran) = stage.job("propose");
    assert!(done && stage.heartbeats().len() == 3, "{}", ran[0].told);

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
    assert_eq!(stage.heartbeats().len(), 4);
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

#[test]
fn cron_an_archive_with_another_digest_is_never_run() {
    let mut stage = Stage::new();
    let digest = "0".repeat(64);
    stage.variables.insert("vars.PLIMSOLL_SHA256", digest);
    let (done, ran) = stage.job("look");
    assert!(!done && ran.len() == 1, "nothing runs after it");
    assert!(ran[0].told.contains("did NOT match"), "{}", ran[0].told);
    // Without the variables the step says what to set.
    stage.variables.insert("vars.PLIMSOLL_URL", String::new());
    let (done, ran) = stage.job("look");
    assert!(
        !done && ran[0].told.contains("set the variables PLIMSOLL_URL"),
        "{}",
        ran[0].told
    );
}

#[test]
fn cron_a_revert_that_is_due_is_written_between_the_hours_too() {
    let folder = tempfile::tempdir().unwrap();
    let workflow = stage::written_workflow(folder.path());
    let steps = workflow["jobs"]["look"]["steps"].as_sequence().unwrap();
    let step = steps.iter().find(|step| step["id"].as_str() == Some("due"));
    let command = step.unwrap()["run"].as_str().unwrap();
    for (plan, watch, due) in [
        ("false", "{\"reverts\": []}", "due=false\n"),
        ("true", "{\"reverts\": []}", "due=true\n"),
        (
            "false",
            "{\"branch\": \"plimsoll-revert/prod/payments/orders\"}",
            "due=true\n",
        ),
    ] {
        fs::write(folder.path().join("watch.json"), watch).unwrap();
        let output = folder.path().join("output");
        fs::write(&output, "").unwrap();
        let status = std::process::Command::new("bash")
            .args(["-e", "-c", command])
            .current_dir(folder.path())
            .env("PLAN", plan)
            .env("GITHUB_OUTPUT", &output)
            .status()
            .unwrap();
        assert!(status.success());
        assert_eq!(fs::read_to_string(&output).unwrap(), due, "{plan} {watch}");
    }
}
