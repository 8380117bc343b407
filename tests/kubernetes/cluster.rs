//! The client against a fake API server that keeps state.

use super::server::{ApiServer, Fault, stable};
use plimsoll::clients::kubernetes::{Access, KubernetesCluster, Settings};
use plimsoll::config::Reach;
use plimsoll::ports::{Cluster, ObserveError};
use plimsoll::snapshot::{JobKey, JobKind, JobState, Lifecycle, Role, Snapshot};
use serde_json::json;
use std::time::Duration;

fn settings(server: &ApiServer) -> Settings {
    let access = Access::Kubeconfig {
        file: Some(server.kubeconfig()),
        context: None,
    };
    let mut settings = Settings::new("prod", access, Reach::ServiceProxy);
    settings.connect_timeout = Duration::from_millis(500);
    settings.request_timeout = Duration::from_secs(2);
    settings.retries = 0;
    settings
}

async fn connected(settings: Settings) -> KubernetesCluster {
    KubernetesCluster::connect(settings).await.unwrap()
}

async fn cluster(server: &ApiServer) -> KubernetesCluster {
    connected(settings(server)).await
}

fn key(server: &ApiServer) -> JobKey {
    JobKey {
        cluster: "prod".into(),
        ..server.fleet.keys()[0].clone()
    }
}

fn reason(snapshot: &Snapshot) -> String {
    let gaps = snapshot.gaps.iter();
    gaps.map(|gap| format!("{}: {}\n", gap.what, gap.reason))
        .collect()
}

fn refusal(result: Result<Vec<JobKey>, ObserveError>) -> String {
    result.unwrap_err().to_string()
}

#[tokio::test]
async fn kubernetes_jobs_are_listed_in_pages_and_looked_at_through_the_service_proxy() {
    let server = ApiServer::start().await;
    let jobs = server.fleet.keys().len();
    let mut small = settings(&server);
    small.page = 5;
    let cluster = connected(small).await;
    assert_eq!(cluster.jobs().await.unwrap().len(), jobs);
    assert_eq!(server.asked("/flinkdeployments?"), jobs.div_ceil(5));
    assert_eq!(cluster.problems(), []);
    let job = key(&server);
    let seen = cluster.observe(&job, None).await.unwrap();
    assert_eq!(seen.state, JobState::Running, "{}", reason(&seen));
    assert!(!seen.vertices.is_empty() && !seen.task_managers.is_empty());
    let resource = seen.resource.unwrap();
    assert_eq!(resource.role, Role::Application);
    assert_eq!(resource.lifecycle, Some(Lifecycle::Stable));
    assert_eq!(resource.reconciled.unwrap()["spec.job.parallelism"], "2");
    // Looking asks for no list again.
    assert_eq!(server.asked("/flinkdeployments?"), jobs.div_ceil(5));
}

#[tokio::test]
async fn kubernetes_namespaces_and_labels_choose_at_the_server() {
    let server = ApiServer::start().await;
    let namespace = key(&server).namespace;
    let mut chosen = settings(&server);
    chosen.namespaces = Some(vec![namespace.clone(), "empty".into()]);
    let jobs = connected(chosen).await.jobs().await.unwrap();
    assert!(!jobs.is_empty() && jobs.iter().all(|job| job.namespace == namespace));
    assert_eq!(server.asked("/v1beta1/flinkdeployments?"), 0);
    let mut labelled = settings(&server);
    labelled.selector = Some(format!("team in ({namespace}, none)"));
    assert_eq!(connected(labelled).await.jobs().await.unwrap(), jobs);
}

#[tokio::test]
async fn kubernetes_bad_credentials_are_one_error_of_the_cluster() {
    let server = ApiServer::start().await;
    let mut expired = settings(&server);
    expired.access = Access::Kubeconfig {
        file: Some(server.kubeconfig()),
        context: Some("expired".into()),
    };
    let cluster = connected(expired.clone()).await;
    let said = refusal(cluster.jobs().await);
    assert!(said.contains("401") && said.contains("renew it"), "{said}");
    assert_eq!(cluster.problems().len(), 1);
    assert!(cluster.missing_rights().await.is_err());

    expired.access = Access::Kubeconfig {
        file: Some(server.kubeconfig()),
        context: Some("none".into()),
    };
    let said = KubernetesCluster::connect(expired.clone()).await;
    let said = said.err().unwrap().to_string();
    assert!(
        said.contains("no context `none`: it has fake, expired"),
        "{said}"
    );

    expired.access = Access::Kubeconfig {
        file: Some(server.folder().join("missing")),
        context: None,
    };
    assert!(KubernetesCluster::connect(expired.clone()).await.is_err());
    expired.access = Access::InCluster;
    let said = KubernetesCluster::connect(expired).await;
    let said = said.err().unwrap().to_string();
    assert!(said.contains("not a pod with a service account"), "{said}");
}

#[tokio::test]
async fn kubernetes_what_is_forbidden_costs_only_itself() {
    let server = ApiServer::start().await;
    server.forbid("list", "*", "");
    let said = refusal(cluster(&server).await.jobs().await);
    assert!(
        said.contains("403") && said.contains("plimsoll rbac"),
        "{said}"
    );

    let (mine, other) = (key(&server).namespace, server.fleet.keys());
    let other = other.iter().find(|job| job.namespace != mine).unwrap();
    let other: &'static str = other.namespace.clone().leak();
    server.forbid("list", "*", other);
    let mut two = settings(&server);
    two.namespaces = Some(vec![mine.clone(), other.to_string()]);
    let two = connected(two).await;
    let jobs = two.jobs().await.unwrap();
    assert!(!jobs.is_empty() && jobs.iter().all(|job| job.namespace == mine));
    let problems = two.problems();
    assert_eq!(problems.len(), 2, "one for each kind that holds jobs");
    assert!(problems[0].error.what.contains(other));
    assert!(!problems[0].covers(&jobs[0]));

    let server = ApiServer::start().await;
    server.forbid("list", "flinkbluegreendeployments", "*");
    let some = cluster(&server).await;
    assert!(!some.jobs().await.unwrap().is_empty());
    assert_eq!(some.problems(), [], "recognised only, and there are none");
    let mut blue = stable("shared", "blue");
    blue["metadata"]["ownerReferences"] =
        json!([{"kind": "FlinkBlueGreenDeployment", "name": "bg"}]);
    server.put(blue);
    let jobs = some.jobs().await.unwrap();
    assert_eq!(some.problems().len(), 1);
    let part = jobs.iter().find(|job| job.name == "blue").unwrap();
    assert_eq!(some.resource(part).unwrap().role, Role::BlueGreen);

    let server = ApiServer::start().await;
    server.forbid("list", "flinksessionjobs", "*");
    let some = cluster(&server).await;
    assert!(!some.jobs().await.unwrap().is_empty());
    assert_eq!(some.problems().len(), 1);
    assert_eq!(some.problems()[0].kind, Some(JobKind::SessionJob));
}

#[tokio::test]
async fn kubernetes_a_list_that_breaks_off_is_never_taken_for_a_whole_one() {
    for (fault, said) in [
        (
            Fault::Status(500, "etcdserver: leader changed"),
            "leader changed",
        ),
        (Fault::Status(429, "too many requests"), "429"),
        (Fault::Broken, "no answer"),
        (Fault::Body("<html>Sign in</html>"), "<html>"),
        (Fault::Body("{}"), "no list `items`"),
        (
            Fault::Body("{\"items\": [{\"metadata\""),
            "none of a Kubernetes",
        ),
        (Fault::Silence(Duration::from_secs(30)), "within"),
    ] {
        let server = ApiServer::start().await;
        server.fail("/flinkdeployments?", 1, usize::MAX, fault);
        let mut small = settings(&server);
        small.page = 3;
        small.request_timeout = Duration::from_millis(400);
        let cluster = connected(small).await;
        let told = refusal(cluster.jobs().await);
        assert!(told.contains(said), "{told}");
    }
}

#[tokio::test]
async fn kubernetes_a_list_that_changed_is_begun_again_once() {
    let gone = || Fault::Status(410, "the provided continue parameter is too old");
    let server = ApiServer::start().await;
    let jobs = server.fleet.keys().len();
    let mut small = settings(&server);
    small.page = 4;
    server.fail("continue=from-8", 0, 1, gone());
    assert_eq!(
        connected(small.clone()).await.jobs().await.unwrap().len(),
        jobs
    );
    server.fail("continue=from-8", 0, 2, gone());
    let said = refusal(connected(small).await.jobs().await);
    assert!(said.contains("410"), "{said}");
}

#[tokio::test]
async fn kubernetes_a_failure_that_passes_is_waited_out() {
    let server = ApiServer::start().await;
    server.fail("/flinkdeployments?", 0, 1, Fault::Status(503, "starting"));
    let mut patient = settings(&server);
    patient.retries = 2;
    let cluster = connected(patient).await;
    assert!(cluster.jobs().await.is_ok());
    assert_eq!(cluster.problems(), []);
}

#[tokio::test]
async fn kubernetes_kinds_and_versions_differ_between_operators() {
    // An older operator has no blue-green deployments.
    let server = ApiServer::start().await;
    server
        .content
        .lock()
        .unwrap()
        .unserved
        .insert("flinkbluegreendeployments");
    let older = cluster(&server).await;
    assert!(older.jobs().await.is_ok());
    assert_eq!(older.problems(), []);

    // Without an operator that is what is said.
    server
        .content
        .lock()
        .unwrap()
        .unserved
        .extend(["flinkdeployments", "flinksessionjobs"]);
    let said = refusal(cluster(&server).await.jobs().await);
    assert!(said.contains("CRDs are not installed"), "{said}");

    // A version that is not known is listed, and a state of each of its jobs.
    let server = ApiServer::start().await;
    server.content.lock().unwrap().version = Some("v2");
    let job = key(&server);
    server.edit(&job.namespace, &job.name, |object| {
        object["apiVersion"] = json!("flink.apache.org/v2");
    });
    let newer = cluster(&server).await;
    assert_eq!(newer.jobs().await.unwrap().len(), server.fleet.keys().len());
    let seen = newer.observe(&job, None).await.unwrap();
    assert_eq!(seen.state, JobState::Unreachable);
    assert_eq!(seen.resource.as_ref().unwrap().role, Role::Unknown);
    assert!(
        reason(&seen).contains("flink.apache.org/v2"),
        "{}",
        reason(&seen)
    );
}

#[tokio::test]
async fn kubernetes_one_bad_object_is_one_bad_job() {
    let server = ApiServer::start().await;
    let job = key(&server);
    server.edit(&job.namespace, &job.name, |object| {
        object["spec"] = json!("none");
        object["status"] = json!(["?"]);
        object["metadata"]["labels"] = json!(3);
    });
    let cluster = cluster(&server).await;
    let jobs = cluster.jobs().await.unwrap();
    assert_eq!(jobs.len(), server.fleet.keys().len());
    for other in &jobs {
        let seen = cluster.observe(other, None).await.unwrap();
        let wanted = if *other == job {
            JobState::Unreachable
        } else {
            JobState::Running
        };
        if *other == job {
            assert_eq!(seen.state, wanted);
        } else {
            assert_ne!(
                seen.state,
                JobState::Unreachable,
                "{other}: {}",
                reason(&seen)
            );
        }
    }
}

#[tokio::test]
async fn kubernetes_a_job_deleted_after_the_list_is_no_failure() {
    let server = ApiServer::start().await;
    let job = key(&server);
    let cluster = cluster(&server).await;
    cluster.jobs().await.unwrap();
    server.delete(&job.namespace, &job.name);
    server.fail(
        "/services/",
        0,
        usize::MAX,
        Fault::Status(404, "services not found"),
    );
    let seen = cluster.observe(&job, None).await.unwrap();
    assert_eq!(seen.state, JobState::Stopped);
    assert!(seen.resource.is_none());
    assert!(reason(&seen).contains("deleted after it was listed"));
    // Gone from the next list, it is an error of that job alone.
    assert!(!cluster.jobs().await.unwrap().contains(&job));
    assert!(cluster.observe(&job, None).await.is_err());
}

#[tokio::test]
async fn kubernetes_an_upgrade_begun_after_the_list_explains_the_silence() {
    let server = ApiServer::start().await;
    let job = key(&server);
    let cluster = cluster(&server).await;
    cluster.jobs().await.unwrap();
    server.edit(&job.namespace, &job.name, |object| {
        object["status"]["lifecycleState"] = json!("UPGRADING");
    });
    server.fail(
        "/services/",
        0,
        usize::MAX,
        Fault::Status(404, "services not found"),
    );
    let seen = cluster.observe(&job, None).await.unwrap();
    assert_eq!(seen.state, JobState::Starting);
    assert_eq!(seen.resource.unwrap().lifecycle, Some(Lifecycle::Upgrading));
}

#[tokio::test]
async fn kubernetes_the_service_proxy_says_what_stands_in_the_way() {
    for (fault, state, said) in [
        (
            Fault::Status(503, "no endpoints available for service \"x-rest\""),
            JobState::Starting,
            "no endpoints",
        ),
        (
            Fault::Status(404, "services \"x-rest\" not found"),
            JobState::Unreachable,
            "not there",
        ),
        (
            Fault::Status(403, "cannot get services/proxy"),
            JobState::Unreachable,
            "plimsoll rbac",
        ),
        (
            Fault::Status(502, "bad gateway"),
            JobState::Unreachable,
            "502",
        ),
        (Fault::Body("<html>"), JobState::Unreachable, "HTML page"),
        (Fault::Broken, JobState::Unreachable, "no answer"),
        (
            Fault::Silence(Duration::from_secs(30)),
            JobState::Unreachable,
            "within",
        ),
    ] {
        let server = ApiServer::start().await;
        let mut quick = settings(&server);
        quick.request_timeout = Duration::from_millis(400);
        let cluster = connected(quick).await;
        cluster.jobs().await.unwrap();
        server.fail("/services/", 0, usize::MAX, fault);
        let seen = cluster.observe(&key(&server), None).await.unwrap();
        assert_eq!(seen.state, state, "{said}: {}", reason(&seen));
        assert!(reason(&seen).contains(said), "{said}: {}", reason(&seen));
    }
}

#[tokio::test]
async fn kubernetes_an_error_of_flink_behind_the_proxy_stays_flinks() {
    let server = ApiServer::start().await;
    let cluster = cluster(&server).await;
    cluster.jobs().await.unwrap();
    server.fail(
        "/checkpoints",
        0,
        usize::MAX,
        Fault::Body("{\"errors\": [\"x\"]}"),
    );
    let seen = cluster.observe(&key(&server), None).await.unwrap();
    assert_eq!(seen.state, JobState::Running);
}

#[tokio::test]
async fn kubernetes_units_without_a_job_of_their_own_are_not_asked() {
    let server = ApiServer::start().await;
    let mut session = stable("shared", "cluster");
    session["spec"].as_object_mut().unwrap().remove("job");
    server.put(session);
    let mut suspended = stable("shared", "asleep");
    suspended["status"]["lifecycleState"] = json!("SUSPENDED");
    server.put(suspended);
    let mut green = stable("shared", "green");
    green["metadata"]["ownerReferences"] =
        json!([{"kind": "FlinkBlueGreenDeployment", "name": "bg"}]);
    server.put(green);
    server.put(json!({
        "apiVersion": "flink.apache.org/v1beta1", "kind": "FlinkBlueGreenDeployment",
        "metadata": {"namespace": "shared", "name": "bg"},
        "spec": {"template": {"spec": stable("x", "y")["spec"]}},
    }));
    let cluster = cluster(&server).await;
    let jobs = cluster.jobs().await.unwrap();
    assert!(
        !jobs.iter().any(|job| job.name == "green"),
        "it belongs to bg"
    );
    for (text, role) in [
        ("prod/deployment/shared/cluster", Role::SessionCluster),
        ("prod/deployment/shared/asleep", Role::Application),
        ("prod/bluegreen/shared/bg", Role::BlueGreen),
    ] {
        let job: JobKey = text.parse().unwrap();
        assert!(jobs.contains(&job), "{text}");
        let seen = cluster.observe(&job, None).await.unwrap();
        assert_eq!(seen.state, JobState::Stopped, "{text}");
        assert_eq!(seen.resource.unwrap().role, role, "{text}");
    }
    assert_eq!(server.asked("/services/"), 0);
}

#[tokio::test]
async fn kubernetes_a_session_job_is_read_from_its_session_cluster_and_never_taken_for_another() {
    let server = ApiServer::start().await;
    let host = key(&server);
    let listed = {
        let cluster = cluster(&server).await;
        cluster.jobs().await.unwrap();
        cluster.observe(&host, None).await.unwrap()
    };
    let flink_id = listed.job_id.unwrap();
    let job = |id: &str| {
        json!({
            "apiVersion": "flink.apache.org/v1beta1", "kind": "FlinkSessionJob",
            "metadata": {"namespace": host.namespace, "name": "part"},
            "spec": {"deploymentName": host.name, "job": {"parallelism": 1, "state": "running"}},
            "status": {"lifecycleState": "STABLE", "jobStatus": {"state": "RUNNING", "jobId": id}},
        })
    };
    let own = JobKey {
        kind: JobKind::SessionJob,
        name: "part".into(),
        ..host.clone()
    };
    for (id, state) in [
        (flink_id.as_str(), JobState::Running),
        ("ffffffffffffffffffffffffffffffff", JobState::Starting),
    ] {
        server.put(job(id));
        let cluster = cluster(&server).await;
        cluster.jobs().await.unwrap();
        let seen = cluster.observe(&own, None).await.unwrap();
        assert_eq!(seen.state, state, "{}", reason(&seen));
        assert_eq!(
            seen.resource.unwrap().session_cluster.as_ref(),
            Some(&host.name)
        );
    }
}

#[tokio::test]
async fn kubernetes_port_forward_says_why_there_is_no_way() {
    let server = ApiServer::start().await;
    let mut forward = settings(&server);
    forward.reach = Reach::PortForward;
    forward.rest.retries = 0;
    let cluster = connected(forward).await;
    cluster.jobs().await.unwrap();
    let job = key(&server);
    let look = || async { reason(&cluster.observe(&job, None).await.unwrap()) };
    let said = look().await;
    assert!(said.contains("no pod with labels app="), "{said}");
    let mut pod = json!({
        "metadata": {"name": "jm-0"},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "False"}]},
        "spec": {"containers": [{"ports": [{"name": "rest", "containerPort": 8081}]}]},
    });
    server.content.lock().unwrap().pods = vec![pod.clone()];
    let said = look().await;
    assert!(
        said.contains("none of 1 JobManager pods is ready"),
        "{said}"
    );
    pod["status"]["conditions"][0]["status"] = json!("True");
    server.content.lock().unwrap().pods = vec![pod];
    server.forbid("get", "pods/portforward", "*");
    let said = look().await;
    assert!(said.contains("port-forward to pod"), "{said}");
    server.forbid("list", "pods", "*");
    let said = look().await;
    assert!(said.contains("403"), "{said}");
}

#[tokio::test]
async fn kubernetes_a_url_template_reaches_each_job_at_its_own_address() {
    let server = ApiServer::start().await;
    let fleet = std::sync::Arc::new(
        plimsoll::simulate::demo::fleet(7, super::server::NOW_MS, 86_400_000).unwrap(),
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(plimsoll::simulate::serve(
        fleet,
        listener,
        0.0,
        std::future::pending(),
    ));
    let mut direct = settings(&server);
    direct.reach = Reach::Url(format!("http://{address}/{{namespace}}/{{name}}"));
    let cluster = connected(direct).await;
    cluster.jobs().await.unwrap();
    let seen = cluster.observe(&key(&server), None).await.unwrap();
    assert_eq!(seen.state, JobState::Running, "{}", reason(&seen));
    assert_eq!(server.asked("/services/"), 0);
}

#[tokio::test]
async fn kubernetes_missing_rights_are_named_one_by_one() {
    let server = ApiServer::start().await;
    let all = cluster(&server).await;
    assert_eq!(all.missing_rights().await.unwrap(), Vec::<String>::new());
    server.forbid("list", "flinksessionjobs", "payments");
    server.forbid("get", "services/proxy", "*");
    let mut chosen = settings(&server);
    chosen.namespaces = Some(vec!["payments".into(), "risk".into()]);
    let missing = connected(chosen).await.missing_rights().await.unwrap();
    assert_eq!(missing.len(), 3, "{missing:?}");
    assert!(
        missing[0]
            .contains("may not list flinksessionjobs of flink.apache.org in namespace payments")
    );
    assert!(missing[1].contains("may not get services/proxy in namespace payments"));
}
