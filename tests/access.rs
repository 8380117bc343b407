//! Getting in: credentials by environment variable, what an answer asks for, what answers at all, and secrets that are never shown.

use plimsoll::clients::flink_rest::{Http, Identity, Settings, identify, list_jobs};
use plimsoll::config::{AccessConfig, BasicConfig};
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use wiremock::matchers::{any, header, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

const JOBS: &str = r#"{"jobs":[{"jid":"0123456789abcdef0123456789abcdef","name":"orders","state":"RUNNING","start-time":1}]}"#;

fn settings(access: AccessConfig) -> Settings {
    Settings {
        access,
        connect_timeout: Duration::from_secs(2),
        request_timeout: Duration::from_secs(5),
        retries: 0,
        ..Settings::default()
    }
}

/// The names of the jobs at an address, or the error.
async fn jobs(url: &str, access: AccessConfig) -> Result<usize, String> {
    let settings = settings(access);
    let http = Http::new(&settings).map_err(|error| error.to_string())?;
    let rest = http.at(url).map_err(|error| error.to_string())?;
    let jobs = list_jobs(&rest, &settings).await;
    jobs.map(|jobs| jobs.len())
        .map_err(|error| error.to_string())
}

/// A variable of this process's environment that holds a text: cargo's own are there in every test.
const VARIABLE: &str = "CARGO_PKG_NAME";

#[tokio::test]
async fn access_by_user_token_and_header_opens_a_rest_address() {
    let server = MockServer::start().await;
    let lets_in = |name: &'static str, value: &'static str| {
        Mock::given(path("/flink/jobs/overview"))
            .and(header(name, value))
            .respond_with(ResponseTemplate::new(200).set_body_string(JOBS))
    };
    // `me:plimsoll` in base 64.
    lets_in("authorization", "Basic bWU6cGxpbXNvbGw=")
        .mount(&server)
        .await;
    lets_in("authorization", "Bearer plimsoll")
        .mount(&server)
        .await;
    lets_in("x-api-key", "plimsoll").mount(&server).await;
    lets_in("x-tenant", "flink").mount(&server).await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(401))
        .with_priority(9)
        .mount(&server)
        .await;
    // A path prefix, as an ingress has it.
    let url = format!("{}/flink/", server.uri());
    let map = |name: &str, value: &str| BTreeMap::from([(name.to_string(), value.to_string())]);
    for access in [
        AccessConfig {
            basic: Some(BasicConfig {
                user: "me".to_string(),
                password_env: Some(VARIABLE.to_string()),
                ..BasicConfig::default()
            }),
            ..AccessConfig::default()
        },
        AccessConfig {
            bearer_token_env: Some(VARIABLE.to_string()),
            ..AccessConfig::default()
        },
        AccessConfig {
            headers_env: map("X-Api-Key", VARIABLE),
            ..AccessConfig::default()
        },
        AccessConfig {
            headers: map("X-Tenant", "flink"),
            ..AccessConfig::default()
        },
    ] {
        assert_eq!(jobs(&url, access.clone()).await, Ok(1), "{access:?}");
    }
    let with_user = url.replace("http://", "http://me:plimsoll@");
    assert_eq!(jobs(&with_user, AccessConfig::default()).await, Ok(1));
    let error = jobs(&url, AccessConfig::default()).await.unwrap_err();
    assert!(
        error.contains("401") && error.contains("sign in"),
        "{error}"
    );
    let missing = AccessConfig {
        bearer_token_env: Some("PLIMSOLL_NOT_SET".to_string()),
        ..AccessConfig::default()
    };
    let error = jobs(&url, missing).await.unwrap_err();
    assert!(
        error.contains("the variable PLIMSOLL_NOT_SET is not set"),
        "{error}"
    );
}

#[tokio::test]
async fn access_that_is_refused_says_what_to_do() {
    const LOGIN: &str = "<!DOCTYPE html><html><head><title>Sign in · SSO</title></head></html>";
    for (status, body, said) in [
        (401, "", vec!["401", "sign in", "bearer_token_env"]),
        (403, "", vec!["403", "sign in with others"]),
        (
            503,
            "",
            vec![
                "503",
                "the JobManager is starting or electing a leader: wait",
            ],
        ),
        (
            503,
            r#"{"errors":["Service temporarily unavailable due to an ongoing leader election."]}"#,
            vec!["leader election", "wait"],
        ),
        (
            200,
            LOGIN,
            vec!["HTML page titled `Sign in · SSO`", "sign in"],
        ),
        (200, "<html></html>", vec!["an HTML page: "]),
        (
            200,
            "hello",
            vec!["no whole JSON document", "Flink JobManager's REST API"],
        ),
        (404, "", vec!["404", "Flink JobManager's REST API"]),
    ] {
        let server = MockServer::start().await;
        Mock::given(any())
            .respond_with(ResponseTemplate::new(status).set_body_string(body))
            .mount(&server)
            .await;
        let error = jobs(&server.uri(), AccessConfig::default())
            .await
            .unwrap_err();
        for word in said {
            assert!(error.contains(word), "{status} {body}: {word}: {error}");
        }
    }
}

#[tokio::test]
async fn access_to_other_parts_of_flink_says_what_they_are() {
    for (answers, identity) in [
        (
            vec![(
                "/config",
                json!({"features": {"web-history": true}, "flink-version": "1.20.0"}),
            )],
            Identity::HistoryServer,
        ),
        (
            vec![(
                "/config",
                json!({"features": {"web-history": false}, "flink-version": "1.20.0"}),
            )],
            Identity::JobManager,
        ),
        (
            vec![(
                "/v1/info",
                json!({"productName": "Apache Flink", "version": "2.0.0"}),
            )],
            Identity::SqlGateway,
        ),
        (
            vec![(
                "/info",
                json!({"productName": "Apache Flink", "version": "1.19.1"}),
            )],
            Identity::SqlGateway,
        ),
        (
            vec![("/v1/info", json!({"productName": "Something"}))],
            Identity::Unknown,
        ),
        (vec![], Identity::Unknown),
    ] {
        let server = MockServer::start().await;
        for (at, body) in &answers {
            Mock::given(path(*at))
                .respond_with(ResponseTemplate::new(200).set_body_json(body))
                .mount(&server)
                .await;
        }
        let settings = settings(AccessConfig::default());
        let rest = Http::new(&settings).unwrap().at(&server.uri()).unwrap();
        assert_eq!(identify(&rest, &settings).await, identity, "{answers:?}");
        let told = matches!(identity, Identity::HistoryServer | Identity::SqlGateway);
        assert_eq!(identity.advice().is_some(), told, "{identity:?}");
    }
}

/// What the binary says in a folder, on both outputs.
async fn said(folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
    command
        .current_dir(folder)
        .env_clear()
        .env("RUST_LOG", "trace")
        .env("FLINK_TOKEN", "Tr0ub4dor")
        .args(arguments);
    tokio::task::spawn_blocking(move || {
        let output = command.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        text(&output.stdout) + &text(&output.stderr)
    })
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn access_never_shows_a_secret() {
    let server = MockServer::start().await;
    Mock::given(path("/jobs/overview"))
        .respond_with(ResponseTemplate::new(200).set_body_string(r#"{"jobs":[]}"#))
        .mount(&server)
        .await;
    let with_secret = |url: &str| url.replace("http://", "http://me:Tr0ub4dor@");
    let folder = tempfile::tempdir().unwrap();
    git2::Repository::init(folder.path()).unwrap();
    let addresses = [
        with_secret(&server.uri()),
        format!("{}/?token=Tr0ub4dor", server.uri()),
        "http://me:Tr0ub4dor@127.0.0.1:1".to_string(),
        "http://me:Tr0ub4dor@127.0.0.1:1/#Tr0ub4dor".to_string(),
        "http://me:Tr0ub 4dor@[::1".to_string(),
        "ftp://me:Tr0ub4dor@host".to_string(),
        "me:Tr0ub4dor@host".to_string(),
    ];
    let shown = |text: &str| text.contains("Tr0ub4dor") || text.contains("4dor@");
    for address in &addresses {
        let arguments = ["try", address, "--for", "1s", "--output", "json", "-v"];
        let text = said(folder.path(), &arguments).await;
        assert!(!shown(&text), "{arguments:?}: {text}");
        for config in [
            format!(
                "clusters:\n- {{name: c, jobs: [{{namespace: n, name: j, rest: '{address}'}}]}}\n"
            ),
            format!(
                "history: {{prometheus: {{url: '{address}', retries: 0}}}}\nclusters:\n- {{name: c, jobs: [{{namespace: n, name: j, rest: 'http://127.0.0.1:1'}}]}}\n"
            ),
            format!(
                "forge: {{kind: github, github: {{api: '{address}', repository: a/b, token_env: FLINK_TOKEN}}}}\n"
            ),
            format!(
                "proxy: '{address}'\nclusters:\n- {{name: c, jobs: [{{namespace: n, name: j, rest: 'http://127.0.0.1:1', access: {{bearer_token_env: FLINK_TOKEN}}}}]}}\n"
            ),
        ] {
            fs::write(folder.path().join("plimsoll.yaml"), &config).unwrap();
            let text = said(folder.path(), &["check", "-v"]).await;
            assert!(!shown(&text), "{config}: {text}");
        }
        fs::remove_file(folder.path().join("plimsoll.yaml")).unwrap();
    }
    let text = said(folder.path(), &["try", &addresses[0], "--for", "1s"]).await;
    assert!(
        text.contains("No job runs at http://127.0.0.1") && !shown(&text),
        "{text}"
    );
}
