//! An API server behind TLS, by a kubeconfig and by the service account of a pod.

use super::front::{LetsIn, pem, tls_front};
use crate::kubernetes::server::{ApiServer, TOKEN};
use plimsoll::clients::kubernetes::{Access, KubernetesCluster, Settings};
use plimsoll::config::Reach;
use plimsoll::ports::Cluster;
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

async fn listed(access: Access) -> Result<usize, String> {
    let mut settings = Settings::new("prod", access, Reach::ServiceProxy);
    settings.connect_timeout = Duration::from_secs(2);
    settings.retries = 0;
    let cluster = KubernetesCluster::connect(settings)
        .await
        .map_err(|error| error.to_string())?;
    let jobs = cluster.jobs().await.map_err(|error| error.to_string())?;
    Ok(jobs.len())
}

fn kubeconfig(folder: &Path, server: &str, ca: Option<&str>, ours: Option<&str>) -> Access {
    let path = |name: String| json!(pem(&name).to_str().unwrap());
    let mut cluster = json!({"server": server});
    if let Some(ca) = ca {
        cluster["certificate-authority"] = path(format!("{ca}.pem"));
    }
    let mut user = json!({"token": TOKEN});
    if let Some(ours) = ours {
        user["client-certificate"] = path(format!("{ours}.pem"));
        user["client-key"] = path(format!("{ours}-key.pem"));
    }
    written(folder, cluster, user)
}

fn written(folder: &Path, cluster: Value, user: Value) -> Access {
    let file = folder.join("kubeconfig");
    let document = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "fake",
        "clusters": [
            {"name": "fake", "cluster": cluster},
            {"name": "other", "cluster": {"server": "https://127.0.0.1:1", "proxy-url": "http://127.0.0.1:1"}},
        ],
        "users": [{"name": "user", "user": user}],
        "contexts": [
            {"name": "fake", "context": {"cluster": "fake", "user": "user"}},
            {"name": "other", "context": {"cluster": "other", "user": "user"}},
        ],
    });
    std::fs::write(&file, document.to_string()).unwrap();
    Access::Kubeconfig {
        file: Some(file),
        context: None,
    }
}

#[tokio::test]
async fn kubernetes_tls_is_checked_on_both_sides() {
    let server = ApiServer::start().await;
    let jobs = server.fleet.keys().len();
    let folder = tempfile::tempdir().unwrap();
    let open = tls_front(&server.address, LetsIn::Everybody).await;
    let closed = tls_front(&server.address, LetsIn::Certified).await;
    let good = Some("authority");
    let table: [(&str, Option<&str>, Option<&str>, &str); 6] = [
        (&open, good, None, ""),
        (&open, None, None, "`certificate-authority`"),
        (&open, Some("stranger"), None, "UnknownIssuer"),
        (&closed, good, Some("client"), ""),
        (&closed, good, None, "check `client-certificate`"),
        (
            &closed,
            good,
            Some("outsider"),
            "check `client-certificate`",
        ),
    ];
    for (url, ca, ours, words) in table {
        match listed(kubeconfig(folder.path(), url, ca, ours)).await {
            Ok(count) => assert!(count == jobs && words.is_empty(), "{ca:?} {ours:?}"),
            Err(error) => assert!(
                !words.is_empty() && error.contains(words) && error.contains(url),
                "{ca:?} {ours:?}: {error}"
            ),
        }
    }
    // A file that is not there is said when the credentials are read.
    let missing = kubeconfig(folder.path(), &open, Some("missing"), None);
    let error = listed(missing).await.unwrap_err();
    assert!(
        error.contains("credentials") && error.contains("missing.pem"),
        "{error}"
    );
}

#[tokio::test]
async fn kubernetes_a_cluster_behind_a_proxy_is_refused_and_those_beside_it_are_not() {
    let server = ApiServer::start().await;
    let folder = tempfile::tempdir().unwrap();
    let access = kubeconfig(folder.path(), &server.address, None, None);
    assert!(listed(access.clone()).await.is_ok());
    let Access::Kubeconfig { file, .. } = access else {
        unreachable!("a kubeconfig was written");
    };
    let other = Access::Kubeconfig {
        file,
        context: Some("other".into()),
    };
    let error = listed(other).await.unwrap_err();
    assert!(
        error.contains("cluster `other` has a `proxy-url`") && error.contains("in-cluster: true"),
        "{error}"
    );
}

#[tokio::test]
async fn kubernetes_a_pod_uses_its_service_account() {
    let server = ApiServer::start().await;
    let jobs = server.fleet.keys().len();
    let url = tls_front(&server.address, LetsIn::Everybody).await;
    let folder = tempfile::tempdir().unwrap();
    let account = || Access::ServiceAccount {
        server: url.clone(),
        folder: folder.path().to_path_buf(),
    };
    let put = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let authority = std::fs::read_to_string(pem("authority.pem")).unwrap();
    // What is missing is named by its file.
    let error = listed(account()).await.unwrap_err();
    assert!(
        error.contains("not a pod with a service account"),
        "{error}"
    );
    assert!(error.contains("token"), "{error}");
    put("token", "");
    let error = listed(account()).await.unwrap_err();
    assert!(error.contains("token is empty"), "{error}");
    put("token", "expired-token");
    let error = listed(account()).await.unwrap_err();
    assert!(error.contains("ca.crt"), "{error}");
    put("ca.crt", "no certificate");
    assert!(listed(account()).await.is_err());
    put(
        "ca.crt",
        &std::fs::read_to_string(pem("stranger.pem")).unwrap(),
    );
    let error = listed(account()).await.unwrap_err();
    assert!(
        error.contains("ca.crt)") && error.contains("UnknownIssuer"),
        "{error}"
    );
    put("ca.crt", &authority);
    let error = listed(account()).await.unwrap_err();
    assert!(error.contains("401"), "{error}");
    // Kubernetes renews the token by writing the file anew: the next run reads it, whether there is a namespace or not.
    put("token", TOKEN);
    assert_eq!(listed(account()).await, Ok(jobs));
    put("namespace", "plimsoll");
    assert_eq!(listed(account()).await, Ok(jobs));
}
