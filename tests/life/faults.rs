//! Faults that were seen, each standing for its kind.

use super::stage::{FILE, HOUR, Stage, item, manifest, proposal, stance};
use crate::github::Hub;
use crate::record::{MONDAY_MS, evidence, field, job};
use crate::watch::{LIVE, MERGED, history, lag, spoil};
use plimsoll::pass::{self, Base, Done, Followed, Manifests, Watching};
use plimsoll::plan::State as Planned;
use plimsoll::ports::rules::SUPERSEDED_LABEL;
use plimsoll::ports::{Forge, PullRequestState, Repository, Written};
use plimsoll::record::{ChangeKind, Evidence, branch, held_code, read_ledger};
use plimsoll::snapshot::History;
use plimsoll::watch::{Assessment, Merge, assess, part_that_hurts};
use serde_json::json;

const MINUTE: i64 = 60_000;

/// The job's history: lag of ten minutes for two hours from two hours after the change came live.
fn hurting() -> History {
    let mut history = history(5 * MINUTE, 30);
    spoil(&mut history, LIVE + 2 * HOUR, LIVE + 30 * HOUR, |point| {
        lag(point, 600.0);
    });
    history
}

/// A stage on which the change hurts and its revert is open.
async fn hurt() -> (Stage, i64) {
    let mut stage = Stage::new();
    stage.merged().await;
    stage.store.0.insert(job("orders"), hurting());
    let now_ms = LIVE + 6 * HOUR;
    let followed = stage.watch(now_ms).await;
    let done = followed.watched[0].revert.as_ref().unwrap();
    assert_eq!(done.done, Done::Opened, "{done:?} {:?}", followed.problems);
    (stage, now_ms)
}

#[tokio::test]
async fn life_a_person_who_closes_the_revert_keeps_the_change_and_the_watch_ends() {
    let (stage, now_ms) = hurt().await;
    let revert = stage.open_ones().await.remove(0);
    stage.forge.close_by_person(&revert, now_ms + HOUR).unwrap();
    let followed = stage.watch(now_ms + 2 * HOUR).await;
    assert!(followed.watched.is_empty(), "nothing is watched any more");
    assert!(stage.events().contains(&"kept"), "{:?}", stage.events());
    assert!(stage.comments("0001").contains("Kept by a person"));
    // Nothing comes back, and nothing more is written.
    let before = stage.ledger().len();
    let again = stage.watch(now_ms + 3 * HOUR).await;
    assert!(again.watched.is_empty());
    assert_eq!(stage.ledger().len(), before);
    assert!(stage.open_ones().await.is_empty());
}

#[tokio::test]
async fn life_a_revert_closes_itself_once_its_fields_are_back_or_changed() {
    for (by_hand, words) in [(12, "back already"), (10, "changed since")] {
        let (stage, now_ms) = hurt().await;
        stage.world.commit("main", FILE, Some(&manifest(by_hand)));
        stage.watch(now_ms + HOUR).await;
        assert!(stage.open_ones().await.is_empty(), "{by_hand}");
        let all = stage.all().await;
        let revert = all
            .iter()
            .find(|pull_request| pull_request.branch.starts_with("plimsoll-revert/"))
            .unwrap();
        assert_eq!(revert.state, PullRequestState::Closed);
        assert!(revert.labels.iter().any(|label| label == SUPERSEDED_LABEL));
        let said = stage.comments(&revert.id);
        assert!(said.contains(words), "{said}");
    }
}

#[tokio::test]
async fn life_growth_of_a_short_job_comes_before_an_open_revert() {
    let (stage, now_ms) = hurt().await;
    let grow = proposal(ChangeKind::Rightsize, &stance(8, 16, now_ms), &manifest(16));
    let written = stage.forge.propose(&grow, now_ms).await.unwrap();
    assert!(matches!(written, Written::Opened(_)), "{written:?}");
    let open = stage.open_ones().await;
    assert_eq!(open.len(), 1);
    assert_eq!(
        open[0].branch,
        branch(ChangeKind::Rightsize, &job("orders"))
    );
    assert!(stage.comments("0002").contains("would be short too"));
}

#[tokio::test]
async fn life_what_the_plan_no_longer_means_is_closed_with_its_reason() {
    for (state, reason) in [
        (Planned::Keep, "fits"),
        (Planned::Report, "cheaper"),
        (Planned::Ignored, "opted-out"),
        (Planned::Watching, "watching"),
        (Planned::Refused, "shadowed-field"),
    ] {
        let stage = Stage::new();
        stage.open(9, MONDAY_MS).await;
        let done = stage.tidy(state, reason, MONDAY_MS + HOUR).await;
        assert_eq!(done[0].done, Done::Closed, "{state:?}");
        let closed = stage.all().await.remove(0);
        assert_eq!(closed.state, PullRequestState::Closed);
        assert!(closed.labels.iter().any(|label| label == SUPERSEDED_LABEL));
        let said = stage.comments("0001");
        assert!(said.contains("Closed by Plimsoll"), "{state:?}: {said}");
        // Nobody said no: it may come back.
        stage.open(9, MONDAY_MS + 2 * HOUR).await;
    }
    // A manifest that is gone: of a job in the plan and of one that is not, beside another of its cluster.
    let mut other = item(Planned::Keep, "fits");
    other.job = job("other");
    for items in [
        vec![item(Planned::Refused, "not-found")],
        vec![other.clone()],
    ] {
        let stage = Stage::new();
        stage.open(9, MONDAY_MS).await;
        stage.world.commit("main", FILE, None);
        let done = stage.tidy_with(items, MONDAY_MS + HOUR).await;
        assert_eq!(done[0].done, Done::Closed);
    }
    // A job of which nothing is said is left.
    let stage = Stage::new();
    stage.open(9, MONDAY_MS).await;
    assert!(
        stage
            .tidy_with(vec![other], MONDAY_MS + HOUR)
            .await
            .is_empty()
    );
    assert_eq!(stage.open_ones().await.len(), 1);
}

#[tokio::test]
async fn life_what_is_held_says_so_on_top_until_it_is_not() {
    let stage = Stage::new();
    stage.open(9, MONDAY_MS).await;
    let body = stage.open_ones().await[0].body.clone();
    let done = stage.tidy(Planned::Held, "freeze", MONDAY_MS + HOUR).await;
    assert_eq!(done[0].done, Done::Held);
    assert_eq!(held_code(&stage.open_ones().await[0].body), Some("freeze"));
    assert!(
        stage
            .tidy(Planned::Held, "freeze", MONDAY_MS + 2 * HOUR)
            .await
            .is_empty()
    );
    let done = stage
        .tidy(Planned::Propose, "cheaper", MONDAY_MS + 3 * HOUR)
        .await;
    assert_eq!(done[0].done, Done::Released);
    assert_eq!(stage.open_ones().await[0].body, body);
    // What is not known at the moment changes nothing.
    assert!(
        stage
            .tidy(Planned::Unreachable, "unreachable", MONDAY_MS + 4 * HOUR)
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn life_a_persons_commit_keeps_an_obsolete_one_open_and_it_is_said_once() {
    let stage = Stage::new();
    let open = stage.open(9, MONDAY_MS).await;
    let theirs = stage.world.commit(&open.branch, FILE, Some(&manifest(10)));
    for hour in 1..4 {
        let done = stage
            .tidy(Planned::Keep, "fits", MONDAY_MS + hour * HOUR)
            .await;
        assert_eq!(done[0].done, Done::LeftAlone);
    }
    assert_eq!(stage.open_ones().await.len(), 1);
    assert_eq!(stage.world.head(&open.branch), Some(theirs));
    assert_eq!(stage.comments("0001").matches("theirs to close").count(), 1);
}

#[tokio::test]
async fn life_what_is_merged_and_never_applied_is_said() {
    let mut stage = Stage::new();
    stage.merged().await;
    let mut still = history(5 * MINUTE, 30);
    // The job runs on as it did before.
    for point in &mut still.points {
        point
            .shape
            .parallelism
            .values_mut()
            .for_each(|wide| *wide = 12);
        point.running_since_ms = Some(MONDAY_MS - 48 * HOUR);
    }
    stage.store.0.insert(job("orders"), still);
    let early = stage.watch(MERGED + 23 * HOUR).await;
    assert!(!stage.events().contains(&"never-applied"));
    assert!(
        !early
            .problems
            .iter()
            .any(|problem| problem.contains("never applied"))
    );
    for hour in [25, 26] {
        let followed = stage.watch(MERGED + hour * HOUR).await;
        let said = followed
            .problems
            .iter()
            .filter(|problem| problem.contains("never applied"));
        assert_eq!(said.count(), 1, "{:?}", followed.problems);
    }
    let events = stage.events();
    assert_eq!(
        events
            .iter()
            .filter(|event| **event == "never-applied")
            .count(),
        1
    );
    assert_eq!(stage.comments("0001").matches("never applied").count(), 1);
}

#[tokio::test]
async fn life_a_job_that_is_gone_ends_its_watch() {
    let stage = Stage::new();
    stage.merged().await;
    stage.world.commit("main", FILE, None);
    let followed = stage.watch(MERGED + HOUR).await;
    assert!(followed.watched.is_empty());
    assert!(stage.events().contains(&"gone"), "{:?}", stage.events());
    let before = stage.ledger().len();
    stage.watch(MERGED + 2 * HOUR).await;
    assert_eq!(stage.ledger().len(), before);
}

#[test]
fn life_what_was_so_before_at_the_same_load_is_not_the_changes_doing() {
    let judge = |history: &History, evidence: &Evidence| {
        let merge = Merge {
            at_ms: MERGED,
            ..Merge::default()
        };
        let now_ms = history.points.last().unwrap().to_ms;
        matches!(
            assess(evidence, &merge, history, now_ms),
            Assessment::Regressed { .. }
        )
    };
    let shrink = evidence("orders", MONDAY_MS);
    let lagging = |hours: i64| {
        let mut lagged = hurting();
        let from_ms = MONDAY_MS - (hours + 2) * HOUR;
        spoil(&mut lagged, from_ms, MONDAY_MS - 2 * HOUR, |point| {
            lag(point, 600.0);
        });
        lagged
    };
    assert!(judge(&hurting(), &shrink));
    // It lagged the same before: for as long, or for half of the day that was seen.
    assert!(!judge(&lagging(18), &shrink));
    // A quarter of the day is not what it does now.
    assert!(judge(&lagging(6), &shrink));
    // Before it lagged only at twice the load: that is no excuse.
    let mut busier = lagging(18);
    spoil(
        &mut busier,
        MONDAY_MS - 20 * HOUR,
        MONDAY_MS - 2 * HOUR,
        |point| {
            let source = point.vertices.get_mut("source").unwrap();
            source.in_per_second = crate::record::stat(2000.0);
            source.pending = crate::record::stat(2000.0 * 600.0);
        },
    );
    assert!(judge(&busier, &shrink));
    // A moment of catching up before is none either.
    let mut restarted = hurting();
    spoil(
        &mut restarted,
        MONDAY_MS - 12 * HOUR,
        MONDAY_MS - 12 * HOUR + 15 * MINUTE,
        |point| {
            lag(point, 600.0);
        },
    );
    assert!(judge(&restarted, &shrink));
    // What grew in every dimension is never reverted for being short.
    let grown = Evidence {
        fields: vec![field("spec.job.parallelism", json!(4), json!(8))],
        ..shrink
    };
    assert!(!judge(&hurting(), &grown));
}

#[test]
fn life_a_mixed_change_is_answered_in_the_part_that_hurts() {
    let slots = field("spec.job.parallelism", json!(12), json!(8));
    let memory = field("spec.taskManager.resource.memory", json!("4g"), json!("6g"));
    let mixed = Evidence {
        fields: vec![slots.clone(), memory.clone()],
        ..evidence("orders", MONDAY_MS)
    };
    let Assessment::Regressed { breaches, .. } = assess(
        &evidence("orders", MONDAY_MS),
        &Merge {
            at_ms: MERGED,
            ..Merge::default()
        },
        &hurting(),
        LIVE + 6 * HOUR,
    ) else {
        panic!("it hurts")
    };
    assert_eq!(part_that_hurts(&mixed, &breaches), [slots]);
    let only_more = Evidence {
        fields: vec![memory],
        ..mixed
    };
    assert!(part_that_hurts(&only_more, &breaches).is_empty());
}

#[tokio::test]
async fn life_a_no_is_remembered_by_its_content_and_in_the_ledger() {
    let stage = Stage::new();
    let open = stage.open(9, MONDAY_MS).await;
    stage
        .forge
        .close_by_person(&open, MONDAY_MS + HOUR)
        .unwrap();
    stage.watch(MONDAY_MS + 2 * HOUR).await;
    assert_eq!(stage.events(), ["declined"]);
    let mut opened = 0;
    for hour in 2..50 {
        // Numbers wobble by a slot; 13 of 15 came back within two days.
        let to = [8, 9, 10][usize::try_from(hour % 3).unwrap()];
        let at_ms = MONDAY_MS + hour * HOUR;
        let it = proposal(ChangeKind::Rightsize, &stance(12, to, at_ms), &manifest(to));
        let written = stage.forge.propose(&it, at_ms).await.unwrap();
        opened += usize::from(matches!(written, Written::Opened(_)));
    }
    assert_eq!(opened, 0);
    let it = proposal(
        ChangeKind::Rightsize,
        &stance(12, 6, MONDAY_MS),
        &manifest(6),
    );
    assert!(matches!(
        stage
            .forge
            .propose(&it, MONDAY_MS + 60 * HOUR)
            .await
            .unwrap(),
        Written::Opened(_)
    ));
    assert_eq!(
        stage.watch(MONDAY_MS + 61 * HOUR).await.problems,
        [] as [String; 0]
    );
    assert_eq!(stage.events(), ["declined"], "once");
}

#[tokio::test]
async fn life_forged_evidence_is_named_and_never_watched() {
    let forged = |to: u32| {
        let evidence = Evidence {
            fields: vec![field("spec.job.parallelism", json!(12), json!(to))],
            ..evidence("orders", MONDAY_MS)
        };
        evidence.to_file().unwrap()
    };
    // Its fields are not what the commit did.
    let stage = Stage::new();
    let file = forged(8);
    stage.world.commit("main", &file.path, Some(&file.bytes));
    let followed = stage.watch(MONDAY_MS + HOUR).await;
    assert!(followed.watched.is_empty());
    assert!(
        followed
            .problems
            .iter()
            .any(|problem| problem.contains("not believed")),
        "{:?}",
        followed.problems
    );
    assert!(stage.events().is_empty());
    // They are, and no pull request of ours brought it.
    let stage = Stage::new();
    let file = forged(8);
    stage
        .world
        .commit_all("main", &[(FILE, &manifest(8)), (&file.path, &file.bytes)]);
    let followed = stage.watch(MONDAY_MS + HOUR).await;
    assert!(followed.watched.is_empty());
    assert!(
        followed
            .problems
            .iter()
            .any(|problem| problem.contains("no pull request of Plimsoll")),
        "{:?}",
        followed.problems
    );
    assert!(stage.events().is_empty());
}

#[tokio::test]
async fn life_quiet_hours_write_nothing_and_a_moved_base_is_planned_again() {
    let stage = Stage::new();
    let open = stage.open(9, MONDAY_MS).await;
    let (head, page) = (
        stage.world.head(&open.branch),
        std::fs::read(stage.world.page(1)).unwrap(),
    );
    for hour in 1..25 {
        let to = [9, 10, 9, 9][usize::try_from(hour % 4).unwrap()];
        let at_ms = MONDAY_MS + hour * HOUR;
        let it = proposal(
            ChangeKind::Rightsize,
            &stance(12, to.min(9), at_ms),
            &manifest(to.min(9)),
        );
        stage.forge.propose(&it, at_ms).await.unwrap();
    }
    assert_eq!(stage.world.head(&open.branch), head);
    assert_eq!(std::fs::read(stage.world.page(1)).unwrap(), page);
    // The edited line means something else by now.
    stage.world.commit("main", FILE, Some(&manifest(14)));
    let it = proposal(
        ChangeKind::Rightsize,
        &stance(14, 9, MONDAY_MS + HOUR),
        &manifest(9),
    );
    let written = stage.forge.propose(&it, MONDAY_MS + HOUR).await.unwrap();
    assert!(matches!(written, Written::Updated(_)), "{written:?}");
}

/// A change that hurts on GitHub, with its revert open, and what watches it.
struct Hurt {
    hub: Hub,
    stage: Stage,
}

impl Hurt {
    async fn new() -> Hurt {
        let hub = Hub::new().await;
        hub.world.commit("main", FILE, Some(&manifest(12)));
        hub.fetch();
        let it = proposal(
            ChangeKind::Rightsize,
            &stance(12, 8, MONDAY_MS),
            &manifest(8),
        );
        let written = hub.forge().propose(&it, MONDAY_MS).await.unwrap();
        assert!(matches!(written, Written::Opened(_)), "{written:?}");
        hub.fake.state().clock = MERGED / 1000 - 60;
        hub.fake.merge(1, "squash", "ada");
        let mut stage = Stage::new();
        stage.store.0.insert(job("orders"), hurting());
        let hurt = Hurt { hub, stage };
        let followed = hurt.watch(6).await;
        let done = followed.watched[0].revert.as_ref().unwrap();
        assert_eq!(done.done, Done::Opened, "{done:?} {:?}", followed.problems);
        hurt
    }

    /// A watch so many hours after the change came live.
    async fn watch(&self, hours: i64) -> Followed {
        self.hub.fetch();
        let repository = self.hub.repository();
        let base = Base::read(&repository).unwrap();
        let watching = Watching {
            settings: &self.stage.settings,
            fleet: &self.stage.fleet,
            now_ms: LIVE + hours * HOUR,
        };
        self.hub.fake.state().clock = (LIVE + hours * HOUR) / 1000;
        let manifests = Manifests::parse(&base);
        let (store, forge) = (&self.stage.store, self.hub.forge());
        pass::follow(watching, store, &forge, &repository, &manifests)
            .await
            .unwrap()
    }

    fn events(&self, name: &str) -> usize {
        let (entries, _) = read_ledger(&self.hub.repository().ledger().unwrap());
        entries
            .iter()
            .filter(|entry| entry.event.name() == name)
            .count()
    }
}

// The ledger's requests block their thread: the server needs another one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn life_on_github_a_closed_revert_keeps_the_change_and_a_hand_revert_closes_ours() {
    let hurt = Hurt::new().await;
    hurt.hub.fake.close(2);
    for hours in [7, 8] {
        let followed = hurt.watch(hours).await;
        assert!(followed.watched.is_empty(), "{:?}", followed.watched);
        assert_eq!(hurt.events("kept"), 1);
        let said = hurt.hub.fake.comments(1);
        assert_eq!(
            said.iter()
                .filter(|text| text.contains("Kept by a person"))
                .count(),
            1
        );
    }
    assert!(hurt.hub.fake.open().is_empty());
    // A person is faster than the revert.
    let hurt = Hurt::new().await;
    hurt.hub.world.commit("main", FILE, Some(&manifest(12)));
    hurt.watch(7).await;
    let revert = hurt.hub.fake.pull(2);
    assert_eq!(revert.state, "closed");
    assert!(revert.labels.iter().any(|label| label == SUPERSEDED_LABEL));
    assert!(
        revert
            .comments
            .iter()
            .any(|text| text.contains("back already")),
        "{:?}",
        revert.comments
    );
}

#[tokio::test]
async fn life_who_may_write_hears_a_no_by_itself() {
    // The job that looks at clusters has no token for the forge: it knows of no pull request.
    let hand_over = async |stage: &Stage, now_ms: i64| {
        let repository = stage.world.repository();
        let base = Base::read(&repository).unwrap();
        let manifests = Manifests::parse(&base);
        let watching = Watching {
            settings: &stage.settings,
            fleet: &stage.fleet,
            now_ms,
        };
        let unlisted: Result<_, String> = Ok(None);
        let (_, due) =
            pass::leave(watching, &stage.store, &repository, &manifests, unlisted).unwrap();
        let (settings, forge) = (&stage.settings, &stage.forge);
        let (done, problems) = due
            .carry_out(settings, forge, &repository, &manifests, now_ms)
            .await
            .unwrap();
        assert_eq!(problems, [] as [String; 0]);
        done
    };
    let (stage, now_ms) = hurt().await;
    let revert = stage.open_ones().await.remove(0);
    stage.forge.close_by_person(&revert, now_ms + HOUR).unwrap();
    for hour in [2, 3] {
        let done = hand_over(&stage, now_ms + hour * HOUR).await;
        assert!(
            done.iter().all(|done| done.done == Done::LeftAlone),
            "{done:?}"
        );
        let kept = stage
            .events()
            .iter()
            .filter(|event| **event == "kept")
            .count();
        assert_eq!(kept, 1);
    }
    assert!(stage.comments("0001").contains("Kept by a person"));
    assert!(stage.open_ones().await.is_empty());
    // A revert whose fields are back by hand.
    let (stage, now_ms) = hurt().await;
    stage.world.commit("main", FILE, Some(&manifest(12)));
    let done = hand_over(&stage, now_ms + HOUR).await;
    assert_eq!(done[0].done, Done::Closed, "{done:?}");
    assert!(stage.open_ones().await.is_empty());
    // A rightsizing that somebody closed.
    let stage = Stage::new();
    let open = stage.open(9, MONDAY_MS).await;
    stage
        .forge
        .close_by_person(&open, MONDAY_MS + HOUR)
        .unwrap();
    for hour in [2, 3] {
        hand_over(&stage, MONDAY_MS + hour * HOUR).await;
        assert_eq!(stage.events(), ["declined"]);
    }
}
