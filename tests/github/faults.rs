//! What goes wrong: refusals, limits, kills, answers that are none.

use super::Hub;
use super::fake::{Fault, TOKEN};
use crate::record::MONDAY_MS;
use crate::repository::{FILE, HOUR, manifest, opened, proposal, proposal_of};
use plimsoll::clients::github::{GithubForge, Place};
use plimsoll::ports::{Forge, Repository, Written};
use plimsoll::record::ChangeKind;
use secrecy::SecretString;

/// What proposing says, with a fault on.
async fn told(fault: Fault) -> String {
    let hub = Hub::new().await;
    hub.fake.fail(fault);
    let error = hub
        .forge()
        .propose(&proposal(8, MONDAY_MS), MONDAY_MS)
        .await
        .unwrap_err();
    let text = error.to_string();
    assert!(text.contains("/repos/acme/flink-manifests"), "{text}");
    assert!(!text.contains(TOKEN), "{text}");
    text
}

#[tokio::test]
async fn github_each_refusal_says_what_and_what_to_do() {
    let with = |on: &str, status: u16, headers: Vec<(&'static str, String)>, body: &str| Fault {
        headers,
        body: body.to_string(),
        ..Fault::new(on, 99, status)
    };
    let permission = vec![(
        "x-accepted-github-permissions",
        "contents=write".to_string(),
    )];
    let cases = [
        (
            with("GET", 401, vec![], r#"{"message":"Bad credentials"}"#),
            vec!["401", "GITHUB_TOKEN", "expired"],
        ),
        (
            with(
                "POST",
                403,
                permission,
                r#"{"message":"Resource not accessible by integration"}"#,
            ),
            vec!["403", "`contents: write`", "not accessible"],
        ),
        (
            with("/pulls", 403, vec![], "{}"),
            vec!["403", "`pull requests: read`"],
        ),
        (
            with("GET /api/v3/repos/acme/flink-manifests", 404, vec![], "{}"),
            vec!["404", "acme/flink-manifests", "contents: read"],
        ),
        (
            with(
                "git/trees",
                409,
                vec![],
                r#"{"message":"Git Repository is empty."}"#,
            ),
            vec!["409", "empty"],
        ),
        (
            with(
                "POST /api/v3/repos/acme/flink-manifests/pulls",
                422,
                vec![],
                r#"{"message":"Validation Failed","errors":[{"field":"base","code":"invalid"}]}"#,
            ),
            vec!["422", "base invalid"],
        ),
        (
            with(
                "git/refs",
                422,
                vec![],
                r#"{"message":"Repository rule violations found"}"#,
            ),
            vec!["422", "rule violations"],
        ),
        (
            with("git/blobs", 502, vec![], "<html>"),
            vec!["502", "githubstatus"],
        ),
        (
            with("GET", 200, vec![], "<html>Please sign in</html>"),
            vec!["can't be read", "proxy"],
        ),
        (
            with("GET", 200, vec![("x-cut-off", "1".to_string())], "{\"full"),
            vec!["broke off"],
        ),
        (with("GET", 301, vec![], "{}"), vec!["301"]),
    ];
    for (fault, words) in cases {
        let text = told(fault).await;
        for word in words {
            assert!(text.contains(word), "no `{word}` in: {text}");
        }
    }
}

#[tokio::test]
async fn github_a_rate_limit_says_until_when_and_is_not_asked_again() {
    let hub = Hub::new().await;
    let reset = jiff::Timestamp::now().as_second() + 3_000;
    hub.fake.fail(Fault {
        headers: vec![
            ("x-ratelimit-remaining", "0".into()),
            ("x-ratelimit-reset", reset.to_string()),
        ],
        ..Fault::new("GET", 1, 403)
    });
    let forge = hub.forge();
    let until = jiff::Timestamp::from_second(reset).unwrap().to_string();
    for to in [8, 6] {
        let text = forge
            .propose(&proposal(to, MONDAY_MS), MONDAY_MS)
            .await
            .unwrap_err()
            .to_string();
        assert!(text.contains(&until) && text.contains("App"), "{text}");
    }
    assert_eq!(hub.fake.state().log.len(), 1, "silence is kept");
}

#[tokio::test]
async fn github_short_limits_and_passing_failures_are_waited_for() {
    let hub = Hub::new().await;
    for fault in [
        Fault {
            headers: vec![("retry-after", "0".into())],
            ..Fault::new("POST /api/v3/repos/acme/flink-manifests/pulls", 1, 403)
        },
        Fault {
            headers: vec![("retry-after", "0".into())],
            ..Fault::new("git/blobs", 2, 429)
        },
        Fault::new("git/trees", 2, 502),
        Fault::new("git/commits", 1, 500),
        Fault::new("GET", 1, 503),
    ] {
        hub.fake.fail(fault);
    }
    opened(
        hub.forge()
            .propose(&proposal(8, MONDAY_MS), MONDAY_MS)
            .await
            .unwrap(),
    );
    assert_eq!(hub.fake.open().len(), 1);
}

#[tokio::test]
async fn github_writes_of_unknown_fate_are_looked_for_before_they_are_repeated() {
    // Each write in turn is carried out, and its answer is lost.
    for lost in [
        "POST /api/v3/repos/acme/flink-manifests/pulls",
        "git/refs",
        "git/commits",
        "git/trees",
        "git/blobs",
        "/labels",
    ] {
        let hub = Hub::new().await;
        hub.fake.fail(Fault {
            done: true,
            ..Fault::new(lost, 1, 504)
        });
        let written = hub
            .forge()
            .propose(&proposal(8, MONDAY_MS), MONDAY_MS)
            .await
            .unwrap();
        opened(written);
        assert_eq!(hub.fake.open().len(), 1, "{lost}");
        assert_eq!(
            hub.fake.pull(1).labels,
            ["plimsoll", "team/payments"],
            "{lost}"
        );
        assert_eq!(
            hub.world.commits("plimsoll/prod/payments/orders"),
            2,
            "{lost}"
        );
    }
    // Not carried out, and no answer: tried once more.
    let hub = Hub::new().await;
    hub.fake.fail(Fault::new(
        "POST /api/v3/repos/acme/flink-manifests/pulls",
        1,
        502,
    ));
    opened(
        hub.forge()
            .propose(&proposal(8, MONDAY_MS), MONDAY_MS)
            .await
            .unwrap(),
    );
    assert_eq!(hub.fake.open().len(), 1);
}

#[tokio::test]
async fn github_labels_that_can_not_be_set_stop_nothing() {
    let hub = Hub::new().await;
    hub.fake.fail(Fault::new("/labels", 1, 403));
    let open = opened(
        hub.forge()
            .propose(&proposal(8, MONDAY_MS), MONDAY_MS)
            .await
            .unwrap(),
    );
    assert_eq!(open.labels, [] as [String; 0]);
    // The next run completes it.
    let again = hub
        .forge()
        .propose(&proposal(8, MONDAY_MS + HOUR), MONDAY_MS + HOUR)
        .await
        .unwrap();
    assert!(matches!(again, Written::Unchanged(_)), "{again:?}");
    assert_eq!(hub.fake.pull(1).labels, ["plimsoll", "team/payments"]);
}

/// Kills a run at each of its writes, before and after the write was carried out, and runs again.
async fn killed_at_each_write(
    prepare: impl AsyncFn(&Hub),
    run: impl AsyncFn(&Hub) -> Result<(), String>,
    whole: impl Fn(&Hub, &str),
) {
    let mut at = 1;
    loop {
        let mut finished = true;
        for done in [false, true] {
            let hub = Hub::new().await;
            prepare(&hub).await;
            let before = hub.fake.state().writes;
            hub.fake.state().dies_at = Some((before + at, done));
            finished &= run(&hub).await.is_ok();
            hub.fake.state().dies_at = None;
            run(&hub).await.unwrap();
            whole(&hub, &format!("killed at write {at}, carried out: {done}"));
        }
        if finished {
            assert!(at > 4, "there were writes to die at: {at}");
            return;
        }
        at += 1;
    }
}

#[tokio::test]
async fn github_a_kill_at_any_write_of_opening_is_made_good_by_the_next_run() {
    killed_at_each_write(
        async |_| {},
        async |hub| {
            let it = proposal(8, MONDAY_MS);
            let written = hub
                .forge()
                .propose(&it, MONDAY_MS)
                .await
                .map_err(|error| error.to_string())?;
            match written {
                Written::Opened(pull) | Written::Unchanged(pull) | Written::Updated(pull)
                    if !pull.labels.is_empty() =>
                {
                    Ok(())
                }
                other => Err(format!("{other:?}")),
            }
        },
        |hub, when| {
            assert_eq!(hub.fake.open().len(), 1, "{when}");
            assert_eq!(
                hub.fake.pull(1).labels,
                ["plimsoll", "team/payments"],
                "{when}"
            );
            assert_eq!(
                hub.fake.files("plimsoll/prod/payments/orders")[FILE],
                manifest(8),
                "{when}"
            );
            assert_eq!(
                hub.world.commits("plimsoll/prod/payments/orders"),
                2,
                "{when}"
            );
        },
    )
    .await;
}

#[tokio::test]
async fn github_a_kill_at_any_write_of_a_revert_is_made_good_by_the_next_run() {
    killed_at_each_write(
        async |hub| {
            opened(
                hub.forge()
                    .propose(&proposal(8, MONDAY_MS), MONDAY_MS)
                    .await
                    .unwrap(),
            );
        },
        async |hub| {
            let it = proposal_of(ChangeKind::Revert, 14, MONDAY_MS + HOUR, &manifest(14));
            let written = hub
                .forge()
                .propose(&it, MONDAY_MS + HOUR)
                .await
                .map_err(|error| error.to_string())?;
            match written {
                Written::Opened(pull) | Written::Unchanged(pull) if !pull.labels.is_empty() => {
                    Ok(())
                }
                other => Err(format!("{other:?}")),
            }
        },
        |hub, when| {
            let closed = hub.fake.pull(1);
            assert_eq!(
                (closed.state.as_str(), closed.comments.len()),
                ("closed", 1),
                "{when}"
            );
            assert_eq!(
                closed
                    .labels
                    .iter()
                    .filter(|label| label.contains("superseded"))
                    .count(),
                1,
                "{when}"
            );
            let open = hub.fake.open();
            assert_eq!(open.len(), 1, "{when}");
            assert_eq!(
                hub.fake.files(&open[0].branch)[FILE],
                manifest(14),
                "{when}"
            );
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn github_one_jobs_failure_does_not_stop_another_and_secrets_stay_secret() {
    let hub = Hub::new().await;
    let forge = hub.forge();
    hub.fake.fail(Fault::new("git/blobs", 1, 403));
    assert!(
        forge
            .propose(&proposal(8, MONDAY_MS), MONDAY_MS)
            .await
            .is_err()
    );
    opened(
        forge
            .propose(&proposal(8, MONDAY_MS), MONDAY_MS)
            .await
            .unwrap(),
    );
    assert!(!format!("{forge:?} {:?}", hub.place).contains(TOKEN));
    // Nobody there, or not a GitHub: one sentence each.
    let gone = Place {
        api: "http://127.0.0.1:9/api".into(),
        ..hub.place.clone()
    };
    let lost = GithubForge::new(&gone, hub.checkout(), None).unwrap();
    let text = lost.pull_requests().await.unwrap_err().to_string();
    assert!(
        text.contains("127.0.0.1:9") && !text.contains('\n'),
        "{text}"
    );
    let wrong = Place {
        token: SecretString::from("other".to_string()),
        ..hub.place.clone()
    };
    let text = plimsoll::clients::github::GithubRepository::new(wrong, hub.checkout())
        .ledger()
        .unwrap_err()
        .to_string();
    assert!(text.contains("401"), "{text}");
}
