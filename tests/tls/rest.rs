//! A JobManager behind TLS.

use super::front::{LetsIn, pem, tls_front, tunnel};
use plimsoll::clients::flink_rest::{Http, Settings, list_jobs};
use plimsoll::config::{AccessConfig, TlsConfig};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

async fn jobs(url: &str, access: AccessConfig) -> Result<usize, String> {
    let settings = Settings {
        access,
        retries: 0,
        ..Settings::default()
    };
    let http = Http::new(&settings).map_err(|error| error.to_string())?;
    let rest = http.at(url).map_err(|error| error.to_string())?;
    let jobs = list_jobs(&rest, &settings).await;
    jobs.map(|jobs| jobs.len())
        .map_err(|error| error.to_string())
}

fn with(ca: Option<&str>, ours: Option<&str>) -> AccessConfig {
    let path = |name: String| pem(&name).to_str().unwrap().to_string();
    AccessConfig {
        tls: TlsConfig {
            ca: ca.map(|name| path(format!("{name}.pem"))),
            certificate: ours.map(|name| path(format!("{name}.pem"))),
            key: ours.map(|name| path(format!("{name}-key.pem"))),
        },
        ..AccessConfig::default()
    }
}

#[tokio::test]
async fn tls_of_a_job_manager_is_checked_on_both_sides() {
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(200).set_body_string(r#"{"jobs":[]}"#))
        .mount(&server)
        .await;
    let open = tls_front(&server.uri(), LetsIn::Everybody).await;
    let closed = tls_front(&server.uri(), LetsIn::Certified).await;
    for (url, ca, ours, words) in [
        (&open, Some("authority"), None, vec![]),
        (
            &open,
            None,
            None,
            vec!["the certificate of", "is not accepted", "tls: {ca: FILE}"],
        ),
        (&open, Some("stranger"), None, vec!["is not accepted"]),
        (&closed, Some("authority"), Some("client"), vec![]),
        (
            &closed,
            Some("authority"),
            None,
            vec!["another certificate", "certificate: FILE, key: FILE"],
        ),
        (
            &closed,
            Some("authority"),
            Some("outsider"),
            vec!["another certificate"],
        ),
    ] {
        match jobs(url, with(ca, ours)).await {
            Ok(found) => assert!(found == 0 && words.is_empty(), "{ca:?} {ours:?}"),
            Err(error) => {
                assert!(!words.is_empty(), "{ca:?} {ours:?}: {error}");
                for word in words {
                    assert!(error.contains(word), "{ca:?} {ours:?}: {error}");
                }
            }
        }
    }
    let error = jobs(&open, with(Some("missing"), None)).await.unwrap_err();
    assert!(
        error.contains("access: tls.ca: ") && error.contains("missing.pem"),
        "{error}"
    );
}

#[tokio::test]
async fn tls_to_a_job_manager_goes_through_the_proxy_that_is_named() {
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(200).set_body_string(r#"{"jobs":[]}"#))
        .mount(&server)
        .await;
    let open = tls_front(&server.uri(), LetsIn::Everybody).await;
    let (proxy, asked) = tunnel().await;
    let access = AccessConfig {
        proxy: Some(proxy),
        ..with(Some("authority"), None)
    };
    assert_eq!(jobs(&open, access.clone()).await, Ok(0));
    assert!(
        asked.lock().unwrap()[0].starts_with("CONNECT "),
        "{asked:?}"
    );
    let dead = AccessConfig {
        proxy: Some("http://me:Tr0ub4dor@127.0.0.1:1".to_string()),
        ..access
    };
    let error = jobs(&open, dead).await.unwrap_err();
    assert!(
        error.contains("by way of the proxy http://127.0.0.1:1"),
        "{error}"
    );
}
