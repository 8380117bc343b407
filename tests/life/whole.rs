//! What a person sees of the whole loop: quiet hours, a no by hand, a job that is short in spite of everything.

use super::play::Play;
use crate::life::stage::HOUR;
use crate::record::MONDAY_MS;
use plimsoll::pass::Done;
use plimsoll::plan::State as Planned;
use plimsoll::ports::PullRequestState;
use plimsoll::ports::rules::SUPERSEDED_LABEL;
use plimsoll::recommend::{Advice, Direction};
use plimsoll::record::State;

const ORDERS: &str = "payments/orders-enrich";
const ORDERS_FILE: &str = "apps/payments/flink.yaml";

/// The five jobs of the demo that pay for far more than they use.
const WASTEFUL: [&str; 5] = [
    ORDERS,
    "search/click-sessions",
    "logistics/parcel-tracking",
    "marketing/campaign-attribution",
    "telemetry/device-metrics",
];

#[tokio::test]
async fn life_24_quiet_hourly_runs_write_nothing() {
    let all: &[&str] = match std::env::var_os("PLIMSOLL_WHOLE_FLEET") {
        Some(_) => &[],
        None => &WASTEFUL,
    };
    let mut play = Play::of(all);
    let first = play.run().await;
    let opened = first
        .did()
        .iter()
        .filter(|done| **done == Done::Opened)
        .count();
    assert!(opened >= 3, "{:?}", first.done);
    let bodies = play.open().await;
    let mut writes = Vec::new();
    for hour in 1..=24 {
        let ran = play.at(hour).await;
        // A limit of yesterday's may end within the day: what it held is opened then.
        writes.extend(
            ran.done
                .iter()
                .filter(|done| !matches!(done.done, Done::Unchanged | Done::LeftAlone))
                .map(|done| format!("hour {hour}: {} {}", done.done.as_str(), done.job)),
        );
    }
    assert_eq!(writes, [] as [String; 0]);
    assert_eq!(play.open().await, bodies);
}

#[tokio::test]
async fn life_values_set_back_by_hand_are_a_no_for_three_windows() {
    let mut play = Play::of(&[ORDERS]);
    let old = play.world.file("main", ORDERS_FILE).unwrap();
    assert_eq!(play.run().await.did(), [Done::Opened]);
    play.look(MONDAY_MS + HOUR);
    let merged = play.merge().await;
    play.deploy();
    play.at(3).await;
    // A person does not like it.
    play.by_hand(ORDERS_FILE, &old);
    play.deploy();
    let mut held = 0;
    for hours in [4, 10, 24, 48, 100, 160, 210] {
        let ran = play.at(hours).await;
        assert!(play.open().await.is_empty(), "at {hours}: {:?}", ran.done);
        if ran.item().reason.to_string() == "changed-by-hand" {
            held += 1;
            let said = &ran.item().message;
            assert!(said.contains("Grace") && said.contains("by hand"), "{said}");
        }
    }
    assert!(held >= 3, "{held}");
    // The windows are over: what comes then says what was said before.
    let mut told = None;
    for hours in [222, 228, 252] {
        play.at(hours).await;
        told = told.or(play.open().await.pop());
    }
    let told = told.unwrap();
    assert_ne!(told.id, merged.id);
    assert!(told.body.contains("by hand"), "{}", told.body);
}

#[tokio::test]
async fn life_a_job_that_is_short_grows_though_its_last_change_was_never_applied() {
    let mut play = Play::of(&[ORDERS]);
    play.run().await;
    play.look(MONDAY_MS + HOUR);
    play.merge().await;
    // Nothing brings it to the cluster, and the load rises beyond what runs.
    let carries = play
        .simulated
        .carries(play.job(), MONDAY_MS - 24 * HOUR, MONDAY_MS)
        .unwrap();
    let (job, rises_ms) = (play.job().clone(), MONDAY_MS + 2 * HOUR);
    play.simulated
        .raise_load(&job, carries * 1.3, rises_ms)
        .unwrap();
    let ran = play.at(26).await;
    assert!(
        ran.problems
            .iter()
            .any(|problem| problem.contains("never applied")),
        "{:?}",
        ran.problems
    );
    assert_eq!(
        ran.item().state,
        Planned::Propose,
        "{:?}",
        ran.item().message
    );
    let open = play.open().await;
    assert_eq!(open.len(), 1, "{:?}", ran.done);
    assert!(State::find(&open[0].body).unwrap().stance.unwrap().grows);
}

#[tokio::test]
async fn life_where_the_old_size_would_be_short_too_growth_comes_instead_of_the_revert() {
    let mut play = Play::of(&[ORDERS]);
    let before = play
        .simulated
        .carries(play.job(), MONDAY_MS - 24 * HOUR, MONDAY_MS)
        .unwrap();
    play.run().await;
    play.look(MONDAY_MS + HOUR);
    play.merge().await;
    play.deploy();
    let job = play.job().clone();
    play.simulated
        .raise_load(&job, before * 1.3, MONDAY_MS + 4 * HOUR)
        .unwrap();
    let mut seen = false;
    for hours in 2..14 {
        let ran = play.at(hours).await;
        for watched in &ran.watched {
            if let Some(revert) = &watched.revert {
                assert_eq!(revert.done, Done::LeftAlone, "at {hours}: {revert:?}");
                seen |= revert.what.contains("growth is proposed instead");
            }
        }
    }
    assert!(seen, "it never hurt");
    let open = play.open().await;
    assert_eq!(open.len(), 1);
    assert!(
        open[0].branch.starts_with("plimsoll/"),
        "{}",
        open[0].branch
    );
    assert!(State::find(&open[0].body).unwrap().stance.unwrap().grows);
}

#[tokio::test]
async fn life_a_smaller_size_that_is_open_is_closed_once_the_job_falls_behind() {
    let mut play = Play::of(&[ORDERS]);
    play.run().await;
    let open = play.open().await.remove(0);
    let carries = play
        .simulated
        .carries(play.job(), MONDAY_MS - 24 * HOUR, MONDAY_MS)
        .unwrap();
    let job = play.job().clone();
    play.simulated
        .raise_load(&job, carries * 1.3, MONDAY_MS + HOUR)
        .unwrap();
    for hours in 2..14 {
        let ran = play.at(hours).await;
        if let Some(Advice::Change(wanted)) = &ran.item().advice
            && wanted.direction == Direction::Grow
        {
            break;
        }
    }
    let all = play.all().await;
    let old = all.iter().find(|one| one.id == open.id).unwrap();
    let state = State::find(&old.body).unwrap();
    // Either it was closed with its reason, or its page was rewritten into the growth; a smaller size is open nowhere.
    if old.state == PullRequestState::Closed {
        assert!(old.labels.iter().any(|label| label == SUPERSEDED_LABEL));
        let said = play.comments(&old.id);
        assert!(said.contains("Closed by Plimsoll"), "{said}");
    } else {
        assert!(state.stance.unwrap().grows);
    }
    for one in play.open().await {
        assert!(State::find(&one.body).unwrap().stance.unwrap().grows);
    }
}

#[tokio::test]
async fn life_bodies_tell_no_ages_and_a_merge_on_old_evidence_is_said() {
    let mut play = Play::of(&[ORDERS]);
    play.run().await;
    let body = play.open().await.remove(0).body;
    assert!(!body.contains(" ago"), "{body}");
    assert!(body.contains("last checkpoint at "), "{body}");
    // Nobody runs anything for eight days, and then a person merges what is there.
    let merged_h = 8 * 24;
    play.look(MONDAY_MS + merged_h * HOUR);
    let merged = play.merge().await;
    play.deploy();
    for hours in [1, 2] {
        let ran = play.at(merged_h + hours).await;
        let old = ran.watched[0].old_evidence.clone().unwrap_or_default();
        assert!(old.contains("on evidence of"), "{old}");
        let said = play.comments(&merged.id);
        assert_eq!(said.matches("Merged on old evidence").count(), 1, "{said}");
    }
}

#[tokio::test]
async fn life_what_is_no_longer_meant_counts_against_no_limit() {
    let mut play = Play::of(&[ORDERS, "marketing/campaign-attribution"]);
    play.limit_open(1);
    let first = play.run().await;
    let held = first
        .plan
        .items
        .iter()
        .find(|item| item.state == Planned::Held);
    let held = held.unwrap();
    assert_eq!(held.reason.to_string(), "limit.open-pull-requests");
    let wanted =
        "the limit of 1 open pull request is reached: 0 open, 1 more in this plan, 1 waits";
    assert_eq!(held.message, wanted);
    let open = play.open().await;
    assert_eq!(open.len(), 1);
    let stance = State::find(&open[0].body).unwrap().stance.unwrap();
    play.world.commit("main", &stance.fields[0].file, None);
    play.at(1).await;
    let now = play.open().await;
    assert_eq!(now.len(), 1);
    assert_ne!(
        now[0].branch, open[0].branch,
        "the other job's turn has come"
    );
    let all = play.all().await;
    let closed = all.iter().find(|one| one.id == open[0].id).unwrap();
    assert_eq!(closed.state, PullRequestState::Closed);
    assert!(closed.labels.iter().any(|label| label == SUPERSEDED_LABEL));
}

#[tokio::test]
async fn life_a_renamed_file_moves_the_pull_request_along() {
    let mut play = Play::of(&[ORDERS]);
    play.run().await;
    let open = play.open().await.remove(0);
    let bytes = play.world.file("main", ORDERS_FILE).unwrap();
    play.world.commit("main", ORDERS_FILE, None);
    play.world
        .commit("main", "teams/payments.yaml", Some(&bytes));
    assert_eq!(play.at(1).await.did(), [Done::Updated]);
    let now = play.open().await;
    assert_eq!((now.len(), &now[0].id), (1, &open.id));
    let branch = &now[0].branch;
    let edited = play.world.file(branch, "teams/payments.yaml").unwrap();
    assert_ne!(edited, bytes);
    assert_eq!(play.world.file(branch, ORDERS_FILE), None);
    assert_eq!(play.at(2).await.did(), [Done::Unchanged]);
}

#[tokio::test]
async fn life_a_job_that_is_gone_from_its_cluster_ends_its_pull_request_and_its_watch() {
    let both = [ORDERS, "marketing/campaign-attribution"];
    let branch = format!("plimsoll/{}/{ORDERS}", plimsoll::simulate::demo::CLUSTER);
    // While its pull request is open.
    let mut play = Play::of(&both);
    play.run().await;
    assert_eq!(play.open().await.len(), 2);
    play.lose(ORDERS);
    play.at(1).await;
    let all = play.all().await;
    let closed = all.iter().find(|one| one.branch == branch).unwrap();
    assert_eq!(closed.state, PullRequestState::Closed);
    let said = play.comments(&closed.id);
    assert!(said.contains("is gone from its cluster"), "{said}");
    assert_eq!(play.open().await.len(), 1, "the other one stays");
    // After it was merged.
    let mut play = Play::of(&[ORDERS]);
    play.run().await;
    play.look(MONDAY_MS + HOUR);
    play.merge().await;
    play.deploy();
    assert_eq!(play.at(3).await.watched.len(), 1);
    let mut play = play.with("marketing/campaign-attribution");
    play.lose(ORDERS);
    for hours in [4, 5] {
        assert!(play.at(hours).await.watched.is_empty());
        assert_eq!(play.events("gone"), 1);
    }
}
