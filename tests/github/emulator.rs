//! The same life on an emulator of GitHub that others wrote, where one runs: `PLIMSOLL_GITHUB_EMULATOR` is the address of its API,
//! `PLIMSOLL_GITHUB_REPOSITORY` and `PLIMSOLL_GITHUB_TOKEN` say where and as whom.

use crate::record::MONDAY_MS;
use crate::repository::{FILE, HOUR, World, manifest, opened, proposal, reason};
use plimsoll::clients::github::{GithubForge, GithubRepository, Pace, Place};
use plimsoll::ports::{Forge, PullRequestState, Repository, Written};
use plimsoll::record::{Event, LedgerEntry, read_ledger};
use secrecy::SecretString;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::env;

/// A plain request to the emulator, as a person's.
async fn person(place: &Place, method: reqwest::Method, rest: &str, body: Value) -> Value {
    use secrecy::ExposeSecret;
    let url = format!("{}/repos/{}/{rest}", place.api, place.repository);
    let _ = rustls::crypto::ring::default_provider().install_default();
    let answer = reqwest::Client::new()
        .request(method, url)
        .bearer_auth(place.token.expose_secret())
        .json(&body)
        .send()
        .await
        .unwrap();
    answer.json().await.unwrap_or(Value::Null)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn github_emulator_plays_the_story() {
    let Ok(api) = env::var("PLIMSOLL_GITHUB_EMULATOR") else {
        eprintln!(
            "SKIPPED: PLIMSOLL_GITHUB_EMULATOR is not set; start an emulator of GitHub and set it to its address"
        );
        return;
    };
    let or = |name: &str, otherwise: &str| env::var(name).unwrap_or_else(|_| otherwise.to_string());
    let place = Place {
        api,
        repository: or("PLIMSOLL_GITHUB_REPOSITORY", "acme/flink-manifests"),
        token: SecretString::from(or("PLIMSOLL_GITHUB_TOKEN", "")),
        token_from: "PLIMSOLL_GITHUB_TOKEN".to_string(),
        labels: Vec::new(),
        access: Default::default(),
        folder: Default::default(),
        pace: Pace::default(),
    };
    // The clone and the emulator hold the same files; the emulator can't be cloned.
    let world = World::new();
    let at = person(
        &place,
        reqwest::Method::GET,
        &format!("contents/{FILE}"),
        Value::Null,
    )
    .await;
    let content = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, manifest(12));
    let mut put = json!({ "message": "the manifest", "content": content });
    if at["sha"].is_string() {
        put["sha"] = at["sha"].clone();
    }
    person(
        &place,
        reqwest::Method::PUT,
        &format!("contents/{FILE}"),
        put,
    )
    .await;

    let forge = GithubForge::new(&place, world.repository(), None).unwrap();
    println!("{}", forge.check().await.unwrap());
    let first = opened(
        forge
            .propose(&proposal(8, MONDAY_MS), MONDAY_MS)
            .await
            .unwrap(),
    );
    let again = forge
        .propose(&proposal(8, MONDAY_MS + HOUR), MONDAY_MS + HOUR)
        .await
        .unwrap();
    assert!(matches!(again, Written::Unchanged(_)), "{again:?}");
    let updated = forge
        .propose(&proposal(6, MONDAY_MS + HOUR), MONDAY_MS + HOUR)
        .await
        .unwrap();
    assert!(
        matches!(&updated, Written::Updated(pull) if pull.id == first.id),
        "{updated:?}"
    );
    person(
        &place,
        reqwest::Method::PATCH,
        &format!("pulls/{}", first.id),
        json!({ "state": "closed" }),
    )
    .await;
    let left = forge
        .propose(&proposal(6, MONDAY_MS + 2 * HOUR), MONDAY_MS + 2 * HOUR)
        .await
        .unwrap();
    assert_eq!(reason(&left), "closed");
    let next = opened(
        forge
            .propose(&proposal(7, MONDAY_MS + 2 * HOUR), MONDAY_MS + 2 * HOUR)
            .await
            .unwrap(),
    );
    person(
        &place,
        reqwest::Method::PUT,
        &format!("pulls/{}/merge", next.id),
        json!({ "merge_method": "squash" }),
    )
    .await;
    let seen = forge.pull_requests().await.unwrap();
    let merged = seen.iter().find(|pull| pull.id == next.id).unwrap();
    assert_eq!(merged.state, PullRequestState::Merged);
    assert!(merged.merged_by.is_some());

    let repository = GithubRepository::new(place.clone(), world.repository());
    let before = repository.ledger().unwrap().len();
    let it = proposal(7, MONDAY_MS);
    let now_ms = jiff::Timestamp::now().as_millisecond();
    for at_ms in [now_ms, now_ms + 1] {
        let entry = LedgerEntry::new(&it.change, &it.job, at_ms, Event::Live);
        let files = BTreeMap::from([(entry.path(), entry.to_bytes().unwrap())]);
        repository
            .append_ledger(&files, "ledger: 1 entries", at_ms)
            .unwrap();
    }
    let (entries, errors) = read_ledger(&repository.ledger().unwrap());
    assert_eq!((entries.len(), errors), (before + 2, Vec::new()));
}
