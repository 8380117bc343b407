//! The binary against a fake API server.

use super::server::{ApiServer, Fault, NOW_MS};
use assert_cmd::Command;
use serde_json::{Value, json};
use std::fs;
use std::sync::Arc;

/// A folder with a configuration for the fake cluster, and the binary in it.
struct Stage {
    server: Arc<ApiServer>,
}

impl Stage {
    async fn with(clusters: &str) -> Stage {
        let server = ApiServer::start().await;
        server.kubeconfig();
        let stage = Stage { server };
        stage.configure(clusters);
        let git = git2::Repository::init(stage.server.folder()).unwrap();
        let tree = git.index().unwrap().write_tree().unwrap();
        let who = git2::Signature::now("t", "t@example.com").unwrap();
        let tree = git.find_tree(tree).unwrap();
        git.commit(Some("HEAD"), &who, &who, "begin", &tree, &[])
            .unwrap();
        drop(tree);
        stage
    }

    fn configure(&self, clusters: &str) {
        let text = format!("mode: report\nclusters:\n{clusters}");
        fs::write(self.server.folder().join("plimsoll.yaml"), text).unwrap();
    }

    /// Exit code, stdout, stderr.
    async fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let folder = self.server.folder().to_path_buf();
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        tokio::task::spawn_blocking(move || {
            let output = Command::new(env!("CARGO_BIN_EXE_plimsoll"))
                .current_dir(folder)
                .env_clear()
                .args(arguments)
                .output()
                .unwrap();
            (
                output.status.code().unwrap(),
                String::from_utf8(output.stdout).unwrap(),
                String::from_utf8(output.stderr).unwrap(),
            )
        })
        .await
        .unwrap()
    }

    async fn json(&self, arguments: &[&str], code: i32) -> Value {
        let (ended, out, err) = self.run(&[arguments, &["--output", "json"]].concat()).await;
        assert_eq!(ended, code, "{arguments:?}: {out} {err}");
        serde_json::from_str(&out).unwrap()
    }
}

const ONE: &str = "- {name: prod, kubernetes: {kubeconfig: kubeconfig, context: fake}}\n";

#[tokio::test(flavor = "multi_thread")]
async fn kubernetes_commands_see_the_jobs_as_they_are_now() {
    let stage = Stage::with(ONE).await;
    let jobs = stage.server.fleet.keys().len();
    let seen = stage.json(&["observe"], 0).await;
    assert_eq!(seen["observed"], jobs);
    assert_eq!(
        stage.server.asked("/flinkdeployments?"),
        1,
        "one list a pass"
    );
    let first = stage.server.fleet.keys()[0].clone();
    stage.server.edit(&first.namespace, &first.name, |object| {
        object["status"]["lifecycleState"] = json!("SUSPENDED");
    });
    let plan = stage.json(&["plan"], 0).await;
    let items = plan["items"].as_array().unwrap();
    assert_eq!(items.len(), jobs);
    let item = items
        .iter()
        .find(|item| item["job"]["name"] == first.name)
        .unwrap();
    assert_eq!(item["reason"], "suspended");
    let classified = stage.json(&["classify"], 0).await;
    assert_eq!(classified["jobs"].as_array().unwrap().len(), jobs);
    let (code, text, _) = stage.run(&["explain", &first.short()]).await;
    assert_eq!(code, 0);
    assert!(text.contains("suspended"), "{text}");
    let run = stage.json(&["run"], 0).await;
    assert_eq!(run["observed"]["observed"], jobs);
}

#[tokio::test(flavor = "multi_thread")]
async fn kubernetes_labels_choose_jobs_and_are_refused_without_kubernetes() {
    let stage = Stage::with(ONE).await;
    let first = stage.server.fleet.keys()[0].clone();
    let chosen = format!("app={},team!=none", first.name);
    let seen = stage.json(&["observe", "--selector", &chosen], 0).await;
    assert_eq!(seen["observed"], 1);
    let plan = stage.json(&["plan", "--selector", &chosen], 0).await;
    assert_eq!(plan["items"][0]["job"]["name"], first.name);
    let (code, _, err) = stage.run(&["plan", "--selector", "app=nobody"]).await;
    assert_eq!(code, 2);
    assert!(err.contains("no job has labels"), "{err}");
    let (code, _, err) = stage.run(&["plan", "--selector", "a b"]).await;
    assert_eq!(code, 2);
    assert!(err.contains("label selector"), "{err}");
    stage.configure("- {name: c, jobs: [{namespace: n, name: j, rest: 'http://127.0.0.1:1'}]}\n");
    let (code, _, err) = stage.run(&["plan", "--selector", "app=x"]).await;
    assert_eq!(code, 2);
    assert!(
        err.contains("no cluster of the configuration is behind Kubernetes"),
        "{err}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn kubernetes_a_cluster_that_fails_costs_only_its_jobs() {
    let two = "- {name: prod, kubernetes: {kubeconfig: kubeconfig, context: fake}}\n\
               - {name: old, kubernetes: {kubeconfig: kubeconfig, context: expired}}\n\
               - {name: none, kubernetes: {kubeconfig: nowhere}}\n\
               - {name: listed, jobs: [{namespace: n, name: j, rest: 'http://127.0.0.1:1'}]}\n";
    let stage = Stage::with(two).await;
    let jobs = stage.server.fleet.keys().len();
    let seen = stage.json(&["observe"], 3).await;
    assert_eq!(seen["observed"], jobs);
    let unreachable = seen["unreachable"].to_string();
    for said in [
        "cluster old",
        "401",
        "cluster none",
        "nowhere",
        "127.0.0.1:1",
    ] {
        assert!(unreachable.contains(said), "{said}: {unreachable}");
    }
    // Planning from the history goes on while the API server is away, and says so.
    stage.configure(ONE);
    stage
        .server
        .fail("/apis/", 0, usize::MAX, Fault::Status(503, "away"));
    let plan = stage.json(&["plan"], 3).await;
    assert_eq!(plan["items"].as_array().unwrap().len(), jobs);
    let (code, _, err) = stage.run(&["observe", "payments/none"]).await;
    assert_ne!(code, 0, "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn kubernetes_two_clusters_may_hold_jobs_of_one_name() {
    let two = "- {name: prod, kubernetes: {kubeconfig: kubeconfig}}\n\
               - name: stage\n  \
                 kubernetes: {kubeconfig: kubeconfig}\n";
    let stage = Stage::with(two).await;
    let jobs = stage.server.fleet.keys().len();
    // What is said of a job in the configuration makes none of it.
    let first = stage.server.fleet.keys()[0].clone();
    stage.configure(&format!(
        "{two}  jobs:\n  - {{namespace: {}, name: {}, tier: gold}}\n  - {{namespace: x, name: none}}\n",
        first.namespace, first.name
    ));
    assert_eq!(stage.json(&["observe"], 0).await["observed"], 2 * jobs);
    let plan = stage.json(&["plan", "--cluster", "stage"], 0).await;
    let items = plan["items"].as_array().unwrap();
    assert_eq!(items.len(), jobs);
    assert!(items.iter().all(|item| item["job"]["cluster"] == "stage"));
}

#[tokio::test(flavor = "multi_thread")]
async fn kubernetes_check_names_the_missing_right_and_tries_the_reach() {
    let stage = Stage::with(ONE).await;
    let (_, text, _) = stage.run(&["check"]).await;
    let jobs = stage.server.fleet.keys().len();
    assert!(text.contains(&format!("{jobs} jobs")), "{text}");
    assert!(
        text.contains("ok   rights in prod: all that are needed"),
        "{text}"
    );
    assert!(text.contains("ok   reach in prod: tried on"), "{text}");
    stage.server.forbid("get", "services/proxy", "*");
    let (code, text, _) = stage.run(&["check"]).await;
    assert_eq!(code, 3);
    assert!(
        text.contains("FAIL rights in prod: may not get services/proxy in all namespaces"),
        "{text}"
    );
    assert!(text.contains("plimsoll rbac --cluster prod"), "{text}");
    assert!(text.contains("FAIL reach in prod: tried on"), "{text}");
    stage.server.forbid("list", "*", "*");
    let (_, text, _) = stage.run(&["check"]).await;
    assert!(text.contains("FAIL cluster prod"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn kubernetes_rbac_prints_the_least_that_the_configuration_needs() {
    let stage = Stage::with(ONE).await;
    let documents = |text: &str| -> Vec<Value> {
        text.split("---\n")
            .skip(1)
            .map(|part| yaml_serde::from_str(part).unwrap())
            .collect()
    };
    let (code, text, _) = stage.run(&["rbac"]).await;
    assert_eq!(code, 0);
    let all = documents(&text);
    assert_eq!(all[0]["kind"], "ClusterRole");
    assert_eq!(all[1]["kind"], "ClusterRoleBinding");
    assert_eq!(all[1]["subjects"][0]["kind"], "ServiceAccount");
    let rules = all[0]["rules"].as_array().unwrap();
    assert_eq!(rules.len(), 4);
    assert_eq!(
        rules[3],
        json!({"apiGroups": [""], "resources": ["services/proxy"], "verbs": ["get"]})
    );
    let verbs: Vec<&str> = rules
        .iter()
        .flat_map(|rule| rule["verbs"].as_array().unwrap())
        .filter_map(Value::as_str)
        .collect();
    assert!(
        verbs
            .iter()
            .all(|verb| ["get", "list", "watch"].contains(verb))
    );

    stage.configure(
        "- {name: a, in-cluster: true, namespaces: [x, y]}\n\
         - {name: b, kubernetes: {}, reach: port-forward}\n",
    );
    let (_, text, _) = stage
        .run(&["rbac", "--cluster", "a", "--group", "readers"])
        .await;
    let roles = documents(&text);
    let kinds: Vec<(&str, &str)> = roles
        .iter()
        .map(|role| {
            (
                role["kind"].as_str().unwrap(),
                role["metadata"]["namespace"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        kinds,
        [
            ("Role", "x"),
            ("RoleBinding", "x"),
            ("Role", "y"),
            ("RoleBinding", "y")
        ]
    );
    assert_eq!(
        roles[0]["rules"].as_array().unwrap().len(),
        3,
        "a URL needs no right"
    );
    assert_eq!(
        roles[1]["subjects"][0],
        json!({"kind": "Group", "name": "readers", "apiGroup": "rbac.authorization.k8s.io"})
    );
    let json = stage.json(&["rbac", "--cluster", "b"], 0).await;
    let text = json.to_string();
    assert!(
        text.contains("pods/portforward") && !text.contains("services/proxy"),
        "{text}"
    );

    stage.configure("- {name: c}\n");
    let (code, _, err) = stage.run(&["rbac"]).await;
    assert_eq!(code, 2);
    assert!(err.contains("behind Kubernetes"), "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn kubernetes_a_session_cluster_is_one_unit_with_its_jobs() {
    let stage = Stage::with(ONE).await;
    let host = stage.server.fleet.keys()[0].clone();
    // The first job of the fleet becomes a session cluster: its JobManager runs what two session jobs say is theirs.
    let path = format!("{}/{}", host.namespace, host.name);
    let overview = stage.server.fleet.answer(&host, "/jobs/overview", NOW_MS);
    let id = overview.unwrap().body["jobs"][0]["jid"].clone();
    assert!(id.is_string());
    stage.server.edit(&host.namespace, &host.name, |object| {
        object["spec"].as_object_mut().unwrap().remove("job");
        object["status"]["jobStatus"] = json!({});
    });
    for name in ["part-a", "part-b"] {
        stage.server.put(json!({
            "apiVersion": "flink.apache.org/v1beta1", "kind": "FlinkSessionJob",
            "metadata": {"namespace": host.namespace, "name": name},
            "spec": {"deploymentName": host.name, "job": {"parallelism": 1, "state": "running"}},
            "status": {"lifecycleState": "STABLE", "jobStatus": {"state": "RUNNING", "jobId": id}},
        }));
    }
    stage.json(&["observe"], 0).await;
    let plan = stage.json(&["plan"], 0).await;
    let item = |name: &str| {
        let items = plan["items"].as_array().unwrap();
        let found: Vec<&Value> = items
            .iter()
            .filter(|item| item["job"]["name"] == name)
            .collect();
        assert_eq!(found.len(), 1, "{name}");
        found[0].clone()
    };
    let unit = item(&host.name);
    assert_eq!(unit["reason"], "session-cluster");
    let parts: Vec<&str> = unit["unit"]["jobs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|job| job["name"].as_str().unwrap())
        .collect();
    assert_eq!(parts, ["part-a", "part-b"]);
    assert!(
        unit["unit"]["task_managers"].as_u64().unwrap() > 0,
        "{unit}"
    );
    let message = unit["message"].as_str().unwrap();
    assert!(
        message.contains("its 2 jobs are part-a, part-b; they share"),
        "{message}"
    );
    for name in ["part-a", "part-b"] {
        let part = item(name);
        assert_eq!(part["reason"], "session-job");
        assert!(
            part["message"].as_str().unwrap().contains(&host.name),
            "{part}"
        );
        assert!(part["unit"].is_null() && part["change"].is_null());
    }
    // The unit is whole when it alone is asked for, and what is written for people says the same.
    let (_, text, _) = stage.run(&["explain", &path]).await;
    assert!(text.contains("its 2 jobs are part-a, part-b"), "{text}");
    let (code, _, err) = stage.run(&["report", "--out", "report.html"]).await;
    assert_eq!(code, 0, "{err}");
    let page = fs::read_to_string(stage.server.folder().join("report.html")).unwrap();
    assert_eq!(page.matches("its 2 jobs are part-a, part-b").count(), 1);
}
