//! Servers that send the reader elsewhere.

use plimsoll::clients::flink_rest::{Http, Rest, RestError, Settings, read_job};
use plimsoll::clients::prometheus::{Api, PrometheusError};
use plimsoll::config::PrometheusConfig;
use plimsoll::snapshot::JobState;
use std::path::Path;
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, ResponseTemplate};

/// A server that answers `/a` with a redirect to this address.
async fn leading_to(address: &str) -> MockServer {
    let server = MockServer::start().await;
    let redirect = ResponseTemplate::new(302).insert_header("location", address);
    Mock::given(path("/a"))
        .respond_with(redirect)
        .mount(&server)
        .await;
    server
}

#[tokio::test]
async fn hostile_redirects_lead_nobody_to_another_origin() {
    let elsewhere = MockServer::start().await;
    Mock::given(path("/b"))
        .respond_with(ResponseTemplate::new(200).set_body_string("{}"))
        .mount(&elsewhere)
        .await;
    let http = Http::new(&Settings::default()).unwrap();
    let near = leading_to(&format!("{}/b", elsewhere.uri())).await;
    let error = http.at(&near.uri()).unwrap().get("/a").await.unwrap_err();
    assert!(matches!(error, RestError::Redirected { .. }), "{error:?}");
    let said = error.to_string();
    assert!(
        said.contains(&elsewhere.uri()) && said.contains("redirect"),
        "{said}"
    );
    assert_eq!(elsewhere.received_requests().await.unwrap().len(), 0);

    // Within the origin it is followed, and not without end.
    let same = leading_to("/b").await;
    Mock::given(path("/b"))
        .respond_with(ResponseTemplate::new(200).set_body_string("{}"))
        .mount(&same)
        .await;
    assert_eq!(
        http.at(&same.uri())
            .unwrap()
            .get("/a")
            .await
            .unwrap()
            .status,
        200
    );
    let round = leading_to("/a").await;
    let error = http.at(&round.uri()).unwrap().get("/a").await.unwrap_err();
    assert!(matches!(error, RestError::Redirected { .. }), "{error:?}");
    assert!(round.received_requests().await.unwrap().len() <= 5);
}

#[tokio::test]
async fn hostile_redirects_of_a_prometheus_stay_within_its_origin() {
    let answer = r#"{"status":"success","data":["namespace","pod"]}"#;
    let names = |server: &MockServer| {
        let config = PrometheusConfig {
            url: server.uri(),
            retries: 0,
            ..PrometheusConfig::default()
        };
        let api = Api::new(&config, Path::new("")).unwrap();
        async move { api.names(None, "up", 0, 1).await }
    };
    // 307 and 308 keep a POST a POST.
    for status in [301, 302, 307, 308] {
        let redirect = |to: &str| ResponseTemplate::new(status).insert_header("location", to);
        let elsewhere = MockServer::start().await;
        Mock::given(wiremock::matchers::any())
            .respond_with(ResponseTemplate::new(200).set_body_string(answer))
            .mount(&elsewhere)
            .await;
        let near = MockServer::start().await;
        Mock::given(path("/api/v1/labels"))
            .respond_with(redirect(&format!("{}/api/v1/labels", elsewhere.uri())))
            .mount(&near)
            .await;
        let error = names(&near).await.unwrap_err();
        assert!(
            matches!(error, PrometheusError::Redirected { .. }),
            "{status}: {error:?}"
        );
        let said = error.to_string();
        assert!(
            said.contains(&near.uri()) && said.contains(&elsewhere.uri()),
            "{said}"
        );
        assert_eq!(elsewhere.received_requests().await.unwrap().len(), 0);

        let same = MockServer::start().await;
        Mock::given(path("/api/v1/labels"))
            .respond_with(redirect("/elsewhere"))
            .mount(&same)
            .await;
        Mock::given(path("/elsewhere"))
            .respond_with(ResponseTemplate::new(200).set_body_string(answer))
            .mount(&same)
            .await;
        assert_eq!(
            names(&same).await.unwrap(),
            ["namespace", "pod"],
            "{status}"
        );
    }
}

#[tokio::test]
async fn hostile_answers_are_read_up_to_the_limit_of_their_endpoint() {
    let server = MockServer::start().await;
    let body = format!("[{}0]", "0,".repeat(3 << 20));
    Mock::given(wiremock::matchers::any())
        .respond_with(ResponseTemplate::new(200).set_body_string(body))
        .mount(&server)
        .await;
    let http = Http::new(&Settings::default()).unwrap();
    let rest = http.at(&server.uri()).unwrap();
    let error = rest.get("/overview").await.unwrap_err();
    assert!(matches!(error, RestError::TooLarge { .. }), "{error:?}");
    // A longer one may be a list of a job's metrics; what it holds is refused while it is read.
    assert_eq!(
        rest.get("/jobs/a/vertices/b/metrics").await.unwrap().status,
        200
    );
    let job = "c/deployment/n/j".parse().unwrap();
    let seen = read_job(&rest, &job, None, Some(1), &Settings::default()).await;
    assert_eq!(seen.state, JobState::Unreachable);
    assert!(
        seen.gaps[0].reason.contains("larger than"),
        "{:?}",
        seen.gaps
    );
}
