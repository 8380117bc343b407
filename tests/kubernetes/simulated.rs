//! The simulated fleet behind the shapes of an API server.

use super::server::NOW_MS;
use plimsoll::clients::kubernetes::{Access, KubernetesCluster, Settings};
use plimsoll::config::Reach;
use plimsoll::ports::Cluster;
use plimsoll::simulate::{demo, serve};
use plimsoll::snapshot::JobState;
use serde_json::json;
use std::sync::Arc;

#[tokio::test]
async fn kubernetes_the_simulated_fleet_is_seen_through_a_simulated_api_server() {
    let fleet = Arc::new(demo::fleet(7, NOW_MS, 86_400_000).unwrap());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(
        Arc::clone(&fleet),
        listener,
        0.0,
        std::future::pending(),
    ));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kubeconfig");
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "simulated",
        "clusters": [{"name": "simulated", "cluster": {"server": format!("http://{address}")}}],
        "users": [{"name": "anybody", "user": {}}],
        "contexts": [{"name": "simulated", "context": {"cluster": "simulated", "user": "anybody"}}],
    });
    std::fs::write(&file, kubeconfig.to_string()).unwrap();
    let access = Access::Kubeconfig {
        file: Some(file),
        context: None,
    };
    let mut settings = Settings::new(demo::CLUSTER, access, Reach::ServiceProxy);
    settings.page = 4;
    let cluster = KubernetesCluster::connect(settings).await.unwrap();
    let jobs = cluster.jobs().await.unwrap();
    assert_eq!(jobs, fleet.keys(), "no job is left out, none invented");
    assert_eq!(cluster.problems(), []);
    assert!(cluster.missing_rights().await.unwrap().is_empty());
    let job = &jobs[0];
    let seen = cluster.observe(job, None).await.unwrap();
    assert_eq!(seen.state, JobState::Running);
    let before = seen.resource.unwrap();
    assert_eq!(before.generation, Some(1));
    assert_eq!(before.reconciled.as_ref(), Some(&before.spec));

    // What is applied is seen as a new generation.
    let manifests = fleet.manifests();
    let text = manifests
        .values()
        .find(|text| text.contains(&format!("name: {}\n", job.name)))
        .unwrap();
    let parallelism = &before.spec["spec.job.parallelism"];
    let changed = text.replace(
        &format!("parallelism: {parallelism}"),
        &format!("parallelism: {}", parallelism.parse::<u32>().unwrap() + 1),
    );
    assert_ne!(*text, changed);
    let http = applied(&address.to_string(), &changed).await;
    assert!(http.contains("restarted"), "{http}");
    cluster.jobs().await.unwrap();
    let now = cluster.resource(job).unwrap();
    assert_eq!(now.generation, Some(2));
    assert_eq!(now.job_state.as_deref(), Some("RECONCILING"));
}

/// `POST /apply`, by hand: the tests have no HTTP client of their own.
async fn applied(address: &str, body: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!(
        "POST /apply HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}
