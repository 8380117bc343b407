//! A Prometheus behind TLS and behind proxies.

use super::front::{LetsIn, pem, tls_front, tunnel};
use crate::prometheus::{config, key, read, steady, store::Store};
use assert_cmd::Command;
use plimsoll::clients::prometheus::PrometheusHistory;
use plimsoll::config::{PrometheusConfig, TlsConfig};
use std::path::Path;

/// What is read of a job, as the number of its points, or why nothing can be.
async fn look(config: &PrometheusConfig) -> Result<usize, String> {
    let history = PrometheusHistory::open(config, Path::new("."), [(key("orders"), None)])
        .map_err(|error| error.to_string())?;
    Ok(read(&history, "orders", 3).await?.points.len())
}

fn files(ca: Option<&str>, ours: Option<&str>) -> TlsConfig {
    let path = |name: String| pem(&name).to_str().unwrap().to_string();
    TlsConfig {
        ca: ca.map(|name| path(format!("{name}.pem"))),
        certificate: ours.map(|name| path(format!("{name}.pem"))),
        key: ours.map(|name| path(format!("{name}-key.pem"))),
    }
}

/// Address, authority that is trusted, our certificate, words of the error; none where it is read.
type Case<'a> = (
    &'a str,
    Option<&'static str>,
    Option<&'static str>,
    &'static [&'static str],
);

#[tokio::test]
async fn tls_of_a_prometheus_is_checked_on_both_sides() {
    let store = Store::start().await;
    steady(&store, "orders", 3);
    let open = tls_front(&store.1, LetsIn::Everybody).await;
    let closed = tls_front(&store.1, LetsIn::Certified).await;
    let good = Some("authority");
    let table: [Case<'_>; 7] = [
        (&open, good, None, &[]),
        (
            &open,
            None,
            None,
            &["UnknownIssuer", "history.prometheus.tls.ca"],
        ),
        (&open, Some("stranger"), None, &["UnknownIssuer", "tls.ca"]),
        (&closed, good, Some("client"), &[]),
        (
            &closed,
            good,
            None,
            &[
                "CertificateRequired",
                "set history.prometheus.tls.certificate and key",
            ],
        ),
        (
            &closed,
            good,
            Some("outsider"),
            &["check history.prometheus.tls.certificate"],
        ),
        (&closed, None, Some("client"), &["tls.ca"]),
    ];
    for (url, ca, ours, words) in table {
        let case = format!("{ca:?} {ours:?}");
        let config = PrometheusConfig {
            url: url.to_string(),
            tls: files(ca, ours),
            ..config(&store)
        };
        match look(&config).await {
            Ok(points) => assert!(points == 3 && words.is_empty(), "{case}: {points} points"),
            Err(error) => {
                assert!(!words.is_empty(), "{case}: {error}");
                for word in words {
                    assert!(error.contains(word), "{case}: {error}");
                }
                assert!(error.contains(url), "{case}: {error}");
            }
        }
    }
    // A certificate for another name is none for this one.
    let elsewhere = open.replace("127.0.0.1", "127.0.0.2");
    let listener = tokio::net::TcpListener::bind(elsewhere.replace("https://", "")).await;
    if let Ok(listener) = listener {
        let to = super::front::address(&open);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut behind = tokio::net::TcpStream::connect(to).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut stream, &mut behind).await;
            }
        });
        let config = PrometheusConfig {
            url: elsewhere,
            tls: files(good, None),
            ..config(&store)
        };
        let error = look(&config).await.unwrap_err();
        assert!(
            error.contains("not accepted") && error.contains("127.0.0.2"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn tls_files_that_can_not_be_used_are_named_before_anything_is_asked() {
    let store = Store::start().await;
    let table = [
        (files(Some("missing"), None), "missing.pem"),
        (files(Some("server-key"), None), "server-key.pem"),
        (
            TlsConfig {
                key: files(None, Some("outsider")).key,
                ..files(None, Some("client"))
            },
            "client.pem",
        ),
    ];
    for (tls, word) in table {
        let config = PrometheusConfig {
            tls,
            ..config(&store)
        };
        let error = look(&config).await.unwrap_err();
        assert!(error.contains(word), "{word}: {error}");
    }
    assert_eq!(store.asked(), 0);
}

#[tokio::test]
async fn tls_a_plain_prometheus_is_asked_by_way_of_its_proxy() {
    // The store is the proxy here: nobody else knows the name that is asked for.
    let store = Store::start().await;
    steady(&store, "orders", 3);
    let mut through = PrometheusConfig {
        url: "http://prometheus.invalid:9090".to_string(),
        proxy: Some(store.1.replace("http://", "http://planner:very-secret@")),
        ..config(&store)
    };
    through
        .headers
        .insert("X-Scope-OrgID".into(), "tenant-7".into());
    assert_eq!(look(&through).await, Ok(3));
    let (targets, headers) = store.with(|held| (held.targets.clone(), held.headers.clone()));
    assert!(
        targets
            .iter()
            .all(|target| target.starts_with("http://prometheus.invalid:9090/")),
        "{targets:?}"
    );
    let last = headers.last().unwrap();
    assert_eq!(last["x-scope-orgid"], "tenant-7");
    assert_eq!(
        last["proxy-authorization"],
        "Basic cGxhbm5lcjp2ZXJ5LXNlY3JldA=="
    );
    // A proxy that nobody answers at is named, without its password.
    through.proxy = Some("http://planner:very-secret@127.0.0.1:1".to_string());
    through.retries = 0;
    let error = look(&through).await.unwrap_err();
    assert!(
        error.contains("by way of the proxy http://127.0.0.1:1"),
        "{error}"
    );
    assert!(!error.contains("very-secret"), "{error}");
}

#[tokio::test]
async fn tls_goes_through_the_tunnel_of_a_proxy() {
    let store = Store::start().await;
    steady(&store, "orders", 3);
    let front = tls_front(&store.1, LetsIn::Certified).await;
    let (proxy, asked) = tunnel().await;
    let config = PrometheusConfig {
        url: front.clone(),
        tls: files(Some("authority"), Some("client")),
        proxy: Some(proxy),
        ..config(&store)
    };
    assert_eq!(look(&config).await, Ok(3));
    let asked = asked.lock().unwrap();
    let target = front.replace("https://", "CONNECT ");
    assert!(
        asked.iter().all(|head| head.starts_with(&target)),
        "{asked:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_the_environment_names_no_proxy_but_may_spare_addresses_one() {
    let store = Store::start().await;
    let folder = tempfile::tempdir().unwrap();
    git2::Repository::init(folder.path()).unwrap();
    // (proxy of the configuration, NO_PROXY, whether the store is reached); the environment's proxy is a dead one all the time.
    for (proxy, spared, reached) in [
        (None, None, true),
        (Some("http://127.0.0.1:1"), None, false),
        (Some("http://127.0.0.1:1"), Some("127.0.0.1"), true),
        (Some("http://127.0.0.1:1"), Some("example.org"), false),
    ] {
        let proxy_line = proxy.map_or(String::new(), |proxy| format!(", proxy: \"{proxy}\""));
        let text = format!(
            "history: {{prometheus: {{url: \"{}\", retries: 0{proxy_line}}}}}\nclusters:\n- {{name: c, jobs: [{{namespace: n, name: j, rest: 'http://127.0.0.1:1'}}]}}\n",
            store.1
        );
        std::fs::write(folder.path().join("plimsoll.yaml"), text).unwrap();
        let path = folder.path().to_path_buf();
        let before = store.asked();
        let said = tokio::task::spawn_blocking(move || {
            let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
            command
                .current_dir(path)
                .env_clear()
                .env("HTTP_PROXY", "http://127.0.0.1:1")
                .env("http_proxy", "http://127.0.0.1:1")
                .arg("check");
            if let Some(spared) = spared {
                command.env("NO_PROXY", spared);
            }
            String::from_utf8(command.output().unwrap().stdout).unwrap()
        })
        .await
        .unwrap();
        assert_eq!(
            store.asked() > before,
            reached,
            "{proxy:?} {spared:?}: {said}"
        );
        assert_eq!(
            said.contains("by way of the proxy"),
            !reached,
            "{proxy:?} {spared:?}: {said}"
        );
    }
}
