//! The rules of a pull request's life, on GitHub as on every other forge.

use super::Hub;
use crate::record::MONDAY_MS;
use crate::repository::{FILE, HOUR, manifest, opened, proposal, proposal_of, proposed, reason};
use plimsoll::ports::rules::SUPERSEDED_LABEL;
use plimsoll::ports::{Forge, PullRequestState, Repository, Written};
use plimsoll::record::{ChangeKind, Event, LedgerEntry, evidence_path, read_ledger};
use std::collections::BTreeMap;

#[tokio::test]
async fn github_the_same_findings_write_nothing_and_new_ones_update() {
    let hub = Hub::new().await;
    let forge = hub.forge();
    let it = proposal(8, MONDAY_MS);
    let first = opened(forge.propose(&it, MONDAY_MS).await.unwrap());
    assert_eq!(
        (first.id.as_str(), first.branch.as_str(), first.state),
        ("1", "plimsoll/prod/payments/orders", PullRequestState::Open)
    );
    assert_eq!(first.labels, ["plimsoll", "team/payments"]);
    assert!(first.url.ends_with("/pull/1"));
    // The change is one commit on the base: the manifest byte for byte, and its evidence.
    let files = hub.fake.files(&first.branch);
    assert_eq!(files.len(), 2);
    assert_eq!(files[FILE], manifest(8));
    assert_eq!(
        files[&evidence_path(&it.change)],
        it.files[&evidence_path(&it.change)]
    );
    assert_eq!(hub.world.commits(&first.branch), 2);
    hub.fake.written();
    // Later evidence with the same findings: not one write.
    let again = forge
        .propose(&proposal(8, MONDAY_MS + HOUR), MONDAY_MS + HOUR)
        .await
        .unwrap();
    assert!(matches!(again, Written::Unchanged(_)), "{again:?}");
    assert_eq!(hub.fake.written(), [] as [String; 0]);
    // A person writes below the body; new findings keep that.
    hub.fake.state().pulls[0].body += "\r\n\r\nAsk Grace first.";
    let updated = forge
        .propose(&proposal(6, MONDAY_MS + HOUR), MONDAY_MS + HOUR)
        .await
        .unwrap();
    let Written::Updated(updated) = updated else {
        panic!("{updated:?}")
    };
    assert!(updated.title.contains("12 → 6") && updated.body.ends_with("Ask Grace first."));
    assert_eq!(hub.fake.files(&updated.branch)[FILE], manifest(6));
    assert_eq!(
        hub.fake.files(&updated.branch).len(),
        2,
        "the evidence of before is gone"
    );
    assert_eq!(hub.world.commits(&updated.branch), 3);
    assert_eq!(forge.pull_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn github_leaves_a_persons_branch_alone_and_says_so_once() {
    let hub = Hub::new().await;
    let forge = hub.forge();
    let open = proposed(&forge, 8, MONDAY_MS).await;
    let theirs = hub.world.commit(&open.branch, FILE, Some(&manifest(9)));
    for hour in 1..4 {
        let left = forge
            .propose(
                &proposal(6, MONDAY_MS + hour * HOUR),
                MONDAY_MS + hour * HOUR,
            )
            .await
            .unwrap();
        assert_eq!(reason(&left), "foreign-commits");
    }
    assert_eq!(hub.world.head(&open.branch), Some(theirs));
    assert_eq!(hub.fake.comments(1).len(), 1);
    assert!(hub.fake.comments(1)[0].contains("person's commit"));
    assert!(forge.pull_requests().await.unwrap()[0].has_foreign_commits);
}

#[tokio::test]
async fn github_a_person_who_is_faster_keeps_their_commit() {
    let hub = Hub::new().await;
    let forge = hub.forge();
    let open = proposed(&forge, 8, MONDAY_MS).await;
    // Between our look and our write somebody pushes.
    let branch = open.branch.clone();
    hub.fake.state().before_ref = Some(Box::new(move |git| {
        let name = format!("refs/heads/{branch}");
        let head = git.find_reference(&name).unwrap().peel_to_commit().unwrap();
        let who = crate::repository::person();
        git.commit(
            Some(&name),
            &who,
            &who,
            "by hand",
            &head.tree().unwrap(),
            &[&head],
        )
        .unwrap();
    }));
    let left = forge
        .propose(&proposal(6, MONDAY_MS + HOUR), MONDAY_MS + HOUR)
        .await
        .unwrap();
    assert_eq!(reason(&left), "foreign-commits");
    assert_eq!(hub.world.commits(&open.branch), 3, "theirs is the last");
    assert_eq!(hub.fake.files(&open.branch)[FILE], manifest(8));
}

#[tokio::test]
async fn github_a_branch_of_a_person_without_a_pull_request_is_theirs() {
    let hub = Hub::new().await;
    let it = proposal(8, MONDAY_MS);
    let main = hub.world.head("main").unwrap();
    let name = format!("refs/heads/{}", it.branch);
    hub.world.git.reference(&name, main, false, "x").unwrap();
    hub.world.commit(&it.branch, FILE, Some(&manifest(9)));
    hub.fake.written();
    let left = hub.forge().propose(&it, MONDAY_MS).await.unwrap();
    assert_eq!(reason(&left), "foreign-commits");
    assert_eq!(hub.fake.written(), [] as [String; 0]);
}

#[tokio::test]
async fn github_sees_every_way_of_merging_and_who_did_it() {
    for way in ["merge", "squash", "rebase"] {
        let hub = Hub::new().await;
        let forge = hub.forge();
        let open = proposed(&forge, 8, MONDAY_MS).await;
        hub.world.commit("main", "other.yaml", Some(b"x: 1\n"));
        hub.fake.merge(1, way, "ada");
        let seen = forge.pull_requests().await.unwrap();
        assert_eq!(seen[0].state, PullRequestState::Merged, "{way}");
        assert_eq!(seen[0].merged_by.as_deref(), Some("ada"), "{way}");
        assert!(seen[0].ended_at_ms.is_some(), "{way}");

        // The branch is still there: the next change of the job is a new pull request, with its own edit only.
        hub.fetch();
        let next = opened(
            hub.forge()
                .propose(&proposal(6, MONDAY_MS + 2 * HOUR), MONDAY_MS + 2 * HOUR)
                .await
                .unwrap(),
        );
        assert_eq!((next.id.as_str(), next.branch), ("2", open.branch), "{way}");
        let repository = hub.world.repository();
        assert!(
            !repository
                .conflicts("plimsoll/prod/payments/orders")
                .unwrap(),
            "{way}"
        );
        let pulls = forge.pull_requests().await.unwrap();
        assert!(!pulls[0].has_foreign_commits, "{way}");
        // Git's history tells the audit the same, whichever way it was.
        let commits = hub.checkout().commits_since(i64::MIN).unwrap();
        let sources = plimsoll::audit::Sources {
            commits: &commits,
            ledger: &[],
            now_ms: MONDAY_MS + 9 * HOUR,
        };
        let audit = plimsoll::audit::audit(sources, &|_, _| Vec::new());
        let changes: Vec<Option<&String>> = audit
            .changes
            .iter()
            .map(|change| change.change.as_ref())
            .collect();
        assert_eq!(changes, [Some(&proposal(8, MONDAY_MS).change)], "{way}");
    }
}

#[tokio::test]
async fn github_a_closed_one_stays_closed_until_the_findings_differ() {
    let hub = Hub::new().await;
    let forge = hub.forge();
    proposed(&forge, 8, MONDAY_MS).await;
    hub.fake.close(1);
    // The list is that of one run: the next one sees what people did.
    let forge = hub.forge();
    let left = forge
        .propose(&proposal(8, MONDAY_MS + HOUR), MONDAY_MS + HOUR)
        .await
        .unwrap();
    assert_eq!(reason(&left), "closed");
    let again = proposed(&forge, 6, MONDAY_MS + HOUR).await;
    assert_eq!(again.id, "2");
}

#[tokio::test]
async fn github_a_revert_closes_the_open_rightsizing_and_comes_first() {
    let hub = Hub::new().await;
    let forge = hub.forge();
    proposed(&forge, 8, MONDAY_MS).await;
    let revert = proposal_of(ChangeKind::Revert, 14, MONDAY_MS + HOUR, &manifest(14));
    let open = opened(forge.propose(&revert, MONDAY_MS + HOUR).await.unwrap());
    assert_eq!(open.branch, "plimsoll-revert/prod/payments/orders");
    let closed = hub.fake.pull(1);
    assert_eq!(closed.state, "closed");
    assert!(closed.labels.iter().any(|label| label == SUPERSEDED_LABEL));
    assert_eq!(closed.comments.len(), 1);
    let left = forge
        .propose(&proposal(6, MONDAY_MS + 2 * HOUR), MONDAY_MS + 2 * HOUR)
        .await
        .unwrap();
    assert_eq!(reason(&left), "revert-open");
    // Once it is merged, the rightsizing that nobody said no to may come again.
    hub.fake.merge(2, "squash", "ada");
    hub.fetch();
    let again = opened(
        hub.forge()
            .propose(&proposal(8, MONDAY_MS + 3 * HOUR), MONDAY_MS + 3 * HOUR)
            .await
            .unwrap(),
    );
    assert_eq!(again.id, "3");
}

#[tokio::test]
async fn github_forks_and_strangers_are_not_ours() {
    let hub = Hub::new().await;
    let forge = hub.forge();
    let open = proposed(&forge, 8, MONDAY_MS).await;
    {
        let mut state = hub.fake.state();
        let mut fork = state.pulls[0].clone();
        fork.number = 2;
        fork.from = "mallory/flink-manifests".into();
        state.pulls.push(fork);
    }
    let ours = forge.pull_requests().await.unwrap();
    assert_eq!(
        ours.iter().map(|pull| pull.id.as_str()).collect::<Vec<_>>(),
        [open.id]
    );
}

#[tokio::test]
async fn github_a_conflict_with_the_base_is_resolved_by_a_merge_commit() {
    let hub = Hub::new().await;
    opened(
        hub.forge()
            .propose(&proposal(8, MONDAY_MS), MONDAY_MS)
            .await
            .unwrap(),
    );
    // The line beside it changes on the base: git can't merge, and the branch is made anew on what is there.
    let text = String::from_utf8(manifest(12))
        .unwrap()
        .replace("parallelism: 12", "parallelism: 16");
    hub.world.commit("main", FILE, Some(text.as_bytes()));
    hub.fetch();
    let forge = hub.forge();
    let written = forge
        .propose(&proposal(8, MONDAY_MS + HOUR), MONDAY_MS + HOUR)
        .await
        .unwrap();
    assert!(matches!(written, Written::Updated(_)), "{written:?}");
    let repository = hub.world.repository();
    assert!(
        !repository
            .conflicts("plimsoll/prod/payments/orders")
            .unwrap()
    );
    assert_eq!(
        hub.fake.files("plimsoll/prod/payments/orders")[FILE],
        manifest(8)
    );
    assert!(!forge.pull_requests().await.unwrap()[0].has_foreign_commits);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn github_a_clone_that_is_behind_says_so_and_writes_over_nobody() {
    let hub = Hub::new().await;
    assert_eq!(hub.repository().shortcomings().unwrap(), [] as [String; 0]);
    // Somebody merges something else: the change still fits.
    hub.world.commit("main", "other.yaml", Some(b"x: 1\n"));
    let told = hub.repository().shortcomings().unwrap();
    assert!(told.len() == 1 && told[0].contains("fetch"), "{told:?}");
    let open = opened(
        hub.forge()
            .propose(&proposal(8, MONDAY_MS), MONDAY_MS)
            .await
            .unwrap(),
    );
    assert!(hub.fake.files(&open.branch).contains_key("other.yaml"));
    // Somebody merges an image bump into the same file: the edit of the old one is not written over it.
    hub.fake.close(1);
    let text = String::from_utf8(manifest(12))
        .unwrap()
        .replace("app:1", "app:2");
    hub.world.commit("main", FILE, Some(text.as_bytes()));
    let error = hub
        .forge()
        .propose(&proposal(6, MONDAY_MS), MONDAY_MS)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains(FILE) && error.contains("plan again"),
        "{error}"
    );
    assert_eq!(hub.fake.open().len(), 0);
}

#[test]
fn github_the_ledger_is_an_orphan_branch_that_grows() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let hub = runtime.block_on(Hub::new());
    let repository = hub.repository();
    assert!(repository.ledger().unwrap().is_empty());
    let it = proposal(8, MONDAY_MS);
    let entry = |at_ms, event| LedgerEntry::new(&it.change, &it.job, at_ms, event);
    let files = |entry: &LedgerEntry| BTreeMap::from([(entry.path(), entry.to_bytes().unwrap())]);
    let live = entry(MONDAY_MS, Event::Live);
    repository
        .append_ledger(&files(&live), "ledger: 1", MONDAY_MS)
        .unwrap();
    let blind = entry(
        MONDAY_MS + HOUR,
        Event::Blind {
            since_ms: MONDAY_MS,
        },
    );
    repository
        .append_ledger(&files(&blind), "ledger: 1", MONDAY_MS + HOUR)
        .unwrap();
    // What is there already is left as it is: no write.
    hub.fake.written();
    repository
        .append_ledger(&files(&live), "ledger: 1", MONDAY_MS + HOUR)
        .unwrap();
    assert_eq!(hub.fake.written(), [] as [String; 0]);
    // Another process reads the same.
    let (entries, errors) = read_ledger(&hub.repository().ledger().unwrap());
    assert_eq!((entries, errors), (vec![live, blind], Vec::new()));
    assert_eq!(hub.world.commits("plimsoll-ledger"), 2);
    assert_eq!(hub.fake.files("plimsoll-ledger").len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn github_two_ledgers_appended_at_once_both_stay() {
    let hub = Hub::new().await;
    let it = proposal(8, MONDAY_MS);
    let write = |hours: i64| {
        let entry = LedgerEntry::new(&it.change, &it.job, MONDAY_MS + hours * HOUR, Event::Live);
        (entry.path(), entry.to_bytes().unwrap())
    };
    // Below a runtime too: the port is synchronous.
    hub.repository()
        .append_ledger(&BTreeMap::from([write(0)]), "m", MONDAY_MS)
        .unwrap();
    let (path, bytes) = write(1);
    hub.fake.state().before_ref = Some(Box::new(move |git| {
        let name = "refs/heads/plimsoll-ledger";
        let head = git.find_reference(name).unwrap().peel_to_commit().unwrap();
        let mut index = git2::Index::new().unwrap();
        index.read_tree(&head.tree().unwrap()).unwrap();
        let id = git.blob(&bytes).unwrap();
        index
            .add(&crate::repository::entry(&path, id, 0o100644))
            .unwrap();
        let tree = git.find_tree(index.write_tree_to(git).unwrap()).unwrap();
        let who = crate::repository::person();
        git.commit(Some(name), &who, &who, "theirs", &tree, &[&head])
            .unwrap();
    }));
    hub.repository()
        .append_ledger(&BTreeMap::from([write(2)]), "m", MONDAY_MS)
        .unwrap();
    assert_eq!(hub.repository().ledger().unwrap().len(), 3);
}

#[tokio::test]
async fn github_labels_are_set_once_and_words_above_stay() {
    let hub = Hub::new().await;
    proposed(&hub.forge(), 8, MONDAY_MS).await;
    // A person takes every label off, and writes above the body.
    {
        let mut state = hub.fake.state();
        state.pulls[0].labels.clear();
        let body = state.pulls[0].body.clone();
        state.pulls[0].body = format!("Grace: after the release.\r\n\r\n{body}");
    }
    hub.fake.written();
    let again = hub
        .forge()
        .propose(&proposal(8, MONDAY_MS + HOUR), MONDAY_MS + HOUR)
        .await
        .unwrap();
    assert!(matches!(again, Written::Unchanged(_)), "{again:?}");
    assert_eq!(hub.fake.written(), [] as [String; 0]);
}

#[tokio::test]
async fn github_unsigned_commits_are_not_written() {
    let hub = Hub::new().await;
    hub.fake.state().wants_signatures = true;
    let forge = hub.forge();
    assert!(
        forge
            .check()
            .await
            .unwrap()
            .contains("no commit of Plimsoll yet")
    );
    proposed(&forge, 8, MONDAY_MS).await;
    let entry = ("x".repeat(64), b"{}".to_vec());
    tokio::task::spawn_blocking({
        let repository = hub.repository();
        move || repository.append_ledger(&BTreeMap::from([entry]), "ledger: 1 entry", MONDAY_MS)
    })
    .await
    .unwrap()
    .unwrap();
    assert!(
        forge
            .check()
            .await
            .unwrap()
            .contains("commits are verified")
    );
    // Made in the App's name they are ours all the same.
    assert!(!forge.pull_requests().await.unwrap()[0].has_foreign_commits);
}

#[tokio::test]
async fn github_an_idle_run_asks_nothing_of_a_single_pull_request() {
    let mut asked = Vec::new();
    // The figures of the documents are those of 50 and 500.
    let amounts = match std::env::var_os("PLIMSOLL_FIGURES") {
        Some(_) => [50, 500],
        None => [3, 30],
    };
    for many in amounts {
        let hub = Hub::new().await;
        let all: Vec<_> = (0..many)
            .map(|number| {
                crate::repository::proposal_for(&format!("orders-{number}"), 8, MONDAY_MS)
            })
            .collect();
        let forge = hub.forge();
        for it in &all {
            opened(forge.propose(it, MONDAY_MS).await.unwrap());
        }
        hub.fake.state().log.clear();
        let forge = hub.forge();
        forge.pull_requests().await.unwrap();
        for it in &all {
            let again = forge.propose(it, MONDAY_MS + HOUR).await.unwrap();
            assert!(matches!(again, Written::Unchanged(_)), "{again:?}");
        }
        asked.push(hub.fake.state().log.len());
    }
    // One for the repository, one for what ended lately, one for each hundred that are open.
    let wanted = amounts.map(|many| 2 + many / 100 + 1);
    assert_eq!(asked, wanted);
}

#[tokio::test]
async fn github_a_list_that_has_not_changed_is_asked_for_with_its_tag() {
    let hub = Hub::new().await;
    let forge = hub.forge();
    let first = proposed(&forge, 8, MONDAY_MS).await;
    let listed = forge.pull_requests().await.unwrap();
    hub.fake.state().unchanged = 0;
    assert_eq!(forge.pull_requests().await.unwrap(), listed);
    assert_eq!(hub.fake.state().unchanged, 2, "open ones and ended ones");
    // What has changed is read anew.
    hub.fake.close(first.id.parse().unwrap());
    let closed = forge.pull_requests().await.unwrap();
    assert_eq!(closed[0].state, PullRequestState::Closed);
}

#[tokio::test]
async fn github_an_approval_is_not_spent_on_what_is_only_better() {
    use crate::life::stage::{proposal as advised, stance};
    let hub = Hub::new().await;
    let forge = hub.forge();
    let of =
        |to: u32, at_ms: i64| advised(ChangeKind::Rightsize, &stance(12, to, at_ms), &manifest(to));
    opened(forge.propose(&of(9, MONDAY_MS), MONDAY_MS).await.unwrap());
    hub.fake.state().pulls[0]
        .reviews
        .push(("grace".into(), "APPROVED".into()));
    let later = MONDAY_MS + 30 * HOUR;
    let better = forge.propose(&of(6, later), later).await.unwrap();
    assert!(matches!(better, Written::Unchanged(_)), "{better:?}");
    // What no longer suffices is written in spite of it.
    let due = forge.propose(&of(11, later), later).await.unwrap();
    assert!(matches!(due, Written::Updated(_)), "{due:?}");
}

#[tokio::test]
async fn github_what_is_held_is_a_draft_until_it_is_not() {
    use plimsoll::record::{HeldNote, held_code};
    let hub = Hub::new().await;
    let forge = hub.forge();
    let open = proposed(&forge, 8, MONDAY_MS).await;
    let note = HeldNote {
        code: "freeze".into(),
        why: "a freeze is in force.".into(),
    };
    forge.hold(&open, Some(&note), MONDAY_MS).await.unwrap();
    assert!(hub.fake.pull(1).draft);
    assert_eq!(held_code(&hub.fake.pull(1).body), Some("freeze"));
    hub.fake.written();
    forge.hold(&open, None, MONDAY_MS).await.unwrap();
    assert!(!hub.fake.pull(1).draft);
    assert_eq!(held_code(&hub.fake.pull(1).body), None);
}
