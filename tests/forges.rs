//! The forges that need no server, on real folders and real git, with their faults: kills, races, forgeries, people.
#![allow(clippy::unwrap_used)]

use crate::record::MONDAY_MS;
use crate::repository::{
    FILE, HOUR, World, manifest, opened, person, proposal, proposal_of, proposed, reason,
};
use plimsoll::clients::Disk;
use plimsoll::clients::forges::{DirForge, PatchForge};
use plimsoll::clients::repository::{FolderRepository, MergeStyle};
use plimsoll::ports::{Forge, PullRequestState, Repository, Written};
use plimsoll::record::{ChangeKind, State, read_ledger};
use plimsoll::render::Proposal;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

// ---- forge local

#[tokio::test]
async fn forges_local_the_same_findings_write_nothing_and_new_ones_update() {
    let world = World::new();
    let forge = world.forge();
    let first = proposed(&forge, 8, MONDAY_MS).await;
    assert_eq!(
        (first.id.as_str(), first.branch.as_str()),
        ("0001", "plimsoll/prod/payments/orders")
    );
    let (head, page) = (world.head(&first.branch), fs::read(world.page(1)).unwrap());
    // Later evidence with the same findings.
    let again = forge
        .propose(&proposal(8, MONDAY_MS + HOUR), MONDAY_MS + HOUR)
        .await
        .unwrap();
    assert!(matches!(again, Written::Unchanged(_)), "{again:?}");
    assert_eq!(
        (world.head(&first.branch), fs::read(world.page(1)).unwrap()),
        (head, page)
    );
    // A person writes below the body and labels it; new findings keep both.
    let text = fs::read_to_string(world.page(1))
        .unwrap()
        .replace(r#"labels: ["plimsoll"]"#, r#"labels: ["plimsoll","mine"]"#);
    fs::write(world.page(1), text + "\nAsk Grace first.\n").unwrap();
    let updated = forge
        .propose(&proposal(6, MONDAY_MS + HOUR), MONDAY_MS + HOUR)
        .await
        .unwrap();
    let Written::Updated(updated) = updated else {
        panic!("{updated:?}")
    };
    assert_eq!(updated.id, "0001");
    assert!(updated.title.contains("12 → 6") && updated.body.ends_with("Ask Grace first."));
    assert_eq!(updated.labels, ["plimsoll", "mine"]);
    assert_eq!(world.file(&updated.branch, FILE), Some(manifest(6)));
    assert_eq!(world.commits(&updated.branch), 3);
    assert_eq!(forge.pull_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn forges_local_leaves_a_persons_branch_alone_and_says_so_once() {
    let world = World::new();
    let forge = world.forge();
    let open = proposed(&forge, 8, MONDAY_MS).await;
    let theirs = world.commit(&open.branch, FILE, Some(&manifest(9)));
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
    assert_eq!(world.head(&open.branch), Some(theirs));
    let comments = fs::read_to_string(world.folder.path().join("pulls/0001.comments.md")).unwrap();
    assert_eq!(comments.matches("person's commit").count(), 1, "{comments}");
    assert!(forge.pull_requests().await.unwrap()[0].has_foreign_commits);
}

#[tokio::test]
async fn forges_local_sees_every_way_of_merging() {
    for way in ["merge", "fast-forward", "squash", "rebase"] {
        let world = World::new();
        let forge = world.forge();
        // The base goes on, so that none of the ways is trivial.
        let open = proposed(&forge, 8, MONDAY_MS).await;
        if way != "fast-forward" {
            world.commit("main", "other.yaml", Some(b"x: 1\n"));
        }
        match way {
            "merge" => forge
                .merge(&open, MergeStyle::Merge, "Ada", MONDAY_MS + HOUR)
                .unwrap(),
            "squash" => forge
                .merge(&open, MergeStyle::Squash, "Ada", MONDAY_MS + HOUR)
                .unwrap(),
            "fast-forward" => {
                let head = world.head(&open.branch).unwrap();
                world
                    .git
                    .reference("refs/heads/main", head, true, "ff")
                    .unwrap();
            }
            _ => world.rebase_merge(&open.branch),
        }
        let seen = forge.pull_requests().await.unwrap();
        assert_eq!(seen[0].state, PullRequestState::Merged, "{way}");
        let by = (way != "fast-forward").then_some("Ada");
        assert_eq!(seen[0].merged_by.as_deref(), by, "{way}");
        assert_eq!(world.file("main", FILE), Some(manifest(8)), "{way}");

        // The next change of the job is a new pull request whose difference is its own edit only.
        let next = proposed(&forge, 6, MONDAY_MS + 2 * HOUR).await;
        assert_eq!(next.id, "0002", "{way}");
        let repository = world.repository();
        assert!(!repository.conflicts(&next.branch).unwrap(), "{way}");
        assert!(
            !forge.pull_requests().await.unwrap()[0].has_foreign_commits,
            "{way}"
        );
        let page = fs::read_to_string(world.page(1)).unwrap();
        assert!(page.contains("state: merged"), "{way}: {page}");
        // Git's history tells the audit the same, whichever way it was.
        let commits = repository.commits_since(i64::MIN).unwrap();
        let sources = plimsoll::audit::Sources {
            commits: &commits,
            ledger: &[],
            now_ms: MONDAY_MS + 9 * HOUR,
        };
        let audit = plimsoll::audit::audit(sources, &|_, _| Vec::new());
        assert_eq!(audit.changes.len(), 1, "{way}");
        assert_eq!(
            audit.changes[0].change.as_ref(),
            Some(&proposal(8, MONDAY_MS).change),
            "{way}"
        );
    }
}

#[tokio::test]
async fn forges_local_a_closed_one_stays_closed_until_the_findings_differ() {
    let world = World::new();
    let forge = world.forge();
    let open = proposed(&forge, 8, MONDAY_MS).await;
    let text = fs::read_to_string(world.page(1)).unwrap();
    fs::write(world.page(1), text.replace("state: open", "state: closed")).unwrap();
    let left = forge
        .propose(&proposal(8, MONDAY_MS + HOUR), MONDAY_MS + HOUR)
        .await
        .unwrap();
    assert_eq!(reason(&left), "closed");
    let again = proposed(&forge, 6, MONDAY_MS + HOUR).await;
    assert_eq!(again.id, "0002");
    // Deleting the branch is a no as well.
    world
        .git
        .find_reference(&format!("refs/heads/{}", open.branch))
        .unwrap()
        .delete()
        .unwrap();
    let left = forge
        .propose(&proposal(6, MONDAY_MS + 2 * HOUR), MONDAY_MS + 2 * HOUR)
        .await
        .unwrap();
    assert_eq!(reason(&left), "closed");
}

#[tokio::test]
async fn forges_local_a_revert_closes_the_open_rightsizing_and_comes_first() {
    let world = World::new();
    let forge = world.forge();
    proposed(&forge, 8, MONDAY_MS).await;
    let revert = proposal_of(ChangeKind::Revert, 16, MONDAY_MS, &manifest(16));
    let revert = opened(forge.propose(&revert, MONDAY_MS + HOUR).await.unwrap());
    assert_eq!(revert.branch, "plimsoll-revert/prod/payments/orders");
    let all = forge.pull_requests().await.unwrap();
    assert_eq!(
        all.iter()
            .filter(|pr| pr.state == PullRequestState::Open)
            .count(),
        1
    );
    assert_eq!(all[1].state, PullRequestState::Closed);
    let left = forge
        .propose(&proposal(8, MONDAY_MS + HOUR), MONDAY_MS + HOUR)
        .await
        .unwrap();
    assert_eq!(reason(&left), "revert-open");
    // We closed it, nobody said no: with the revert out of the way the same findings may come back.
    forge
        .close_by_person(&revert, MONDAY_MS + 2 * HOUR)
        .unwrap();
    proposed(&forge, 8, MONDAY_MS + 2 * HOUR).await;
}

#[tokio::test]
async fn forges_local_a_base_that_moved_matters_only_when_it_conflicts() {
    let world = World::new();
    let forge = world.forge();
    let open = proposed(&forge, 8, MONDAY_MS).await;
    let head = world.head(&open.branch).unwrap();
    let bumped = |parallelism: u32| {
        String::from_utf8(manifest(parallelism))
            .unwrap()
            .replace("app:1", "app:2")
            .into_bytes()
    };
    world.commit("main", FILE, Some(&bumped(12)));
    let same = proposal_of(ChangeKind::Rightsize, 8, MONDAY_MS + HOUR, &bumped(8));
    assert!(matches!(
        forge.propose(&same, MONDAY_MS + HOUR).await.unwrap(),
        Written::Unchanged(_)
    ));
    assert_eq!(world.head(&open.branch), Some(head));

    world.commit("main", FILE, Some(&bumped(14)));
    let same = proposal_of(ChangeKind::Rightsize, 8, MONDAY_MS + 2 * HOUR, &bumped(8));
    assert!(matches!(
        forge.propose(&same, MONDAY_MS + 2 * HOUR).await.unwrap(),
        Written::Updated(_)
    ));
    let merged = world
        .git
        .find_commit(world.head(&open.branch).unwrap())
        .unwrap();
    assert_eq!(
        merged.parent_ids().collect::<Vec<_>>(),
        [head, world.head("main").unwrap()]
    );
    assert_eq!(world.file(&open.branch, FILE), Some(bumped(8)));
    assert!(!world.repository().conflicts(&open.branch).unwrap());
}

#[tokio::test]
async fn forges_local_a_forged_state_block_or_state_line_decides_nothing() {
    let world = World::new();
    let forge = world.forge();
    proposed(&forge, 8, MONDAY_MS).await;
    // A stranger's block claims the findings of tomorrow, so that they would never be written.
    let tomorrow = proposal(6, MONDAY_MS + HOUR);
    let stolen = tomorrow
        .body
        .lines()
        .last()
        .unwrap()
        .replace("v1 e", "v1 f");
    let text = fs::read_to_string(world.page(1)).unwrap();
    fs::write(
        world.page(1),
        format!("{text}\n{stolen}\n").replace("state: open", "state: merged"),
    )
    .unwrap();
    assert_eq!(
        forge.pull_requests().await.unwrap()[0].state,
        PullRequestState::Open
    );
    let updated = forge.propose(&tomorrow, MONDAY_MS + HOUR).await.unwrap();
    assert!(matches!(updated, Written::Updated(_)), "{updated:?}");
    assert_eq!(world.file(&tomorrow.branch, FILE), Some(manifest(6)));
}

#[tokio::test]
async fn forges_local_a_kill_at_any_step_is_made_good_by_the_next_run() {
    let count =
        |world: &World| fs::read_dir(world.folder.path().join("pulls")).map_or(0, Iterator::count);
    for steps in 0..12 {
        let world = World::new();
        let disk = Disk::dying_after(steps);
        let died = world
            .forge_on(disk.clone())
            .propose(&proposal(8, MONDAY_MS), MONDAY_MS)
            .await
            .is_err();
        assert_eq!(died, disk.is_dead());
        let forge = world.forge();
        // Later, with evidence of that time.
        let now = MONDAY_MS + HOUR;
        forge.propose(&proposal(8, now), now).await.unwrap();
        let all = forge.pull_requests().await.unwrap();
        assert_eq!(
            (all.len(), all[0].state),
            (1, PullRequestState::Open),
            "{steps} steps"
        );
        assert_eq!(
            count(&world),
            1,
            "{steps} steps: nothing half-written stays"
        );
        assert_eq!(world.file(&all[0].branch, FILE), Some(manifest(8)));
        // The branch holds exactly the evidence that the pull request names.
        let state = State::find(&all[0].body).unwrap();
        assert!(
            world
                .file(
                    &all[0].branch,
                    &format!(".plimsoll/evidence/{}.evidence", state.change)
                )
                .is_some()
        );
        if !died {
            assert!(steps >= 3);
            return;
        }
    }
    panic!("it never came to an end");
}

#[tokio::test]
async fn forges_local_two_runs_at_once_open_one_pull_request() {
    let world = World::new();
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let forge = world.forge();
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .build()
                    .unwrap();
                runtime
                    .block_on(forge.propose(&proposal(8, MONDAY_MS), MONDAY_MS))
                    .unwrap()
            })
        })
        .collect();
    let written: Vec<Written> = threads
        .into_iter()
        .map(|thread| thread.join().unwrap())
        .collect();
    assert_eq!(
        written
            .iter()
            .filter(|one| matches!(one, Written::Opened(_)))
            .count(),
        1,
        "{written:?}"
    );
    assert_eq!(world.forge().pull_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn forges_local_a_spoilt_pull_request_file_is_named_and_nothing_doubled() {
    let world = World::new();
    let forge = world.forge();
    proposed(&forge, 8, MONDAY_MS).await;
    fs::write(world.page(1), "---\nstate: [\n---\n").unwrap();
    let error = forge
        .propose(&proposal(6, MONDAY_MS), MONDAY_MS)
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("0001.md"), "{error}");
    assert!(!world.page(2).exists());
}

#[tokio::test]
async fn forges_local_hostile_text_stays_in_its_place() {
    let world = World::new();
    let mut it = proposal(8, MONDAY_MS);
    it.title = "a\n---\nstate: merged\nb: \"c\" 'd' \u{1}".into();
    let open = opened(world.forge().propose(&it, MONDAY_MS).await.unwrap());
    assert_eq!(open.title, it.title);
    let read = world.forge().pull_requests().await.unwrap();
    assert_eq!(
        (&read[0].title, read[0].state),
        (&it.title, PullRequestState::Open)
    );
}

// ---- forge patch

#[tokio::test]
async fn forges_patches_apply_with_git() {
    let world = World::new();
    world.commit("main", "bare.yaml", Some(b"a: 1\nb: 2"));
    let folder = world.folder.path().join("patches");
    let forge = PatchForge::new(world.repository(), &folder);
    let mut it = proposal(8, MONDAY_MS);
    it.files.insert("bare.yaml".into(), b"a: 1\nb: 3".to_vec());
    let open = opened(forge.propose(&it, MONDAY_MS).await.unwrap());
    assert!(matches!(
        forge.propose(&it, MONDAY_MS).await.unwrap(),
        Written::Unchanged(_)
    ));
    let patch = fs::read(folder.join("0001.patch")).unwrap();
    let diff = git2::Diff::from_buffer(&patch).unwrap();
    let base = world.git.find_commit(world.head("main").unwrap()).unwrap();
    let mut index = world
        .git
        .apply_to_tree(&base.tree().unwrap(), &diff, None)
        .unwrap();
    let tree = world
        .git
        .find_tree(index.write_tree_to(&world.git).unwrap())
        .unwrap();
    for (path, bytes) in &it.files {
        let id = tree.get_path(Path::new(path)).unwrap().id();
        assert_eq!(
            world.git.find_blob(id).unwrap().content(),
            &bytes[..],
            "{path}"
        );
    }
    let text = String::from_utf8(patch).unwrap();
    assert!(
        text.contains("Subject: [PATCH] rightsize(payments/orders)")
            && text.contains("\nPlimsoll-Evidence: sha256:")
    );
    assert!(
        text.contains("\nDate: Mon, 16 Nov 2026 00:00:00 +0000\n"),
        "{text}"
    );
    // Applied and committed, it counts as merged.
    world
        .git
        .commit(
            Some("refs/heads/main"),
            &person(),
            &person(),
            "applied",
            &tree,
            &[&base],
        )
        .unwrap();
    let seen = forge.pull_requests().await.unwrap();
    assert_eq!(
        (&seen[0].id, seen[0].state),
        (&open.id, PullRequestState::Merged)
    );
}

// ---- forge dir

fn folder_with_manifest() -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("apps")).unwrap();
    fs::write(folder.path().join(FILE), manifest(12)).unwrap();
    fs::write(folder.path().join("notes.md"), "mine").unwrap();
    folder
}

#[tokio::test]
async fn forges_dir_a_written_change_is_merged_at_once_and_reverted_the_same_way() {
    let folder = folder_with_manifest();
    let repository = FolderRepository::open(folder.path()).unwrap();
    let before = repository.head().unwrap();
    let forge = DirForge::new(folder.path());
    let it = proposal(8, MONDAY_MS);
    let written = opened(forge.propose(&it, MONDAY_MS + HOUR).await.unwrap());
    assert_eq!(
        (written.state, written.ended_at_ms),
        (PullRequestState::Merged, Some(MONDAY_MS + HOUR))
    );
    assert_eq!(fs::read(folder.path().join(FILE)).unwrap(), manifest(8));
    assert_ne!(repository.head().unwrap(), before);
    assert!(matches!(
        forge.propose(&it, MONDAY_MS + 2 * HOUR).await.unwrap(),
        Written::Unchanged(_)
    ));

    let revert = proposal_of(ChangeKind::Revert, 12, MONDAY_MS + 3 * HOUR, &manifest(12));
    opened(forge.propose(&revert, MONDAY_MS + 3 * HOUR).await.unwrap());
    assert_eq!(fs::read(folder.path().join(FILE)).unwrap(), manifest(12));
    let (ledger, errors) = read_ledger(&repository.ledger().unwrap());
    assert_eq!(errors, []);
    assert_eq!(
        ledger.iter().map(|entry| entry.at_ms).collect::<Vec<_>>(),
        [MONDAY_MS + HOUR, MONDAY_MS + 3 * HOUR]
    );
    let commits = repository.commits_since(i64::MIN).unwrap();
    let sources = plimsoll::audit::Sources {
        commits: &commits,
        ledger: &ledger,
        now_ms: MONDAY_MS + 9 * HOUR,
    };
    let audit = plimsoll::audit::audit(sources, &|_, _| Vec::new());
    assert_eq!((audit.changes.len(), audit.problems.len()), (2, 0));
    assert_eq!(audit.changes[0].merged_at_ms, MONDAY_MS + HOUR);
    assert!(!folder.path().join(".git").exists());
    assert_eq!(repository.tree().unwrap().len(), 3);
}

#[tokio::test]
async fn forges_dir_a_kill_at_any_step_leaves_old_or_new_and_the_next_run_completes_it() {
    for steps in 0..40 {
        let folder = folder_with_manifest();
        let mut it = proposal(8, MONDAY_MS);
        it.files
            .insert("apps/second.yaml".into(), b"new: 1\n".to_vec());
        let disk = Disk::dying_after(steps);
        let died = DirForge::on(folder.path(), disk)
            .propose(&it, MONDAY_MS)
            .await
            .is_err();
        let now = fs::read(folder.path().join(FILE)).unwrap();
        assert!(
            now == manifest(12) || now == manifest(8),
            "{steps} steps: half-written"
        );
        let evidence = folder
            .path()
            .join(format!(".plimsoll/evidence/{}.evidence", it.change));
        if now == manifest(8) {
            assert_eq!(
                fs::read(&evidence).unwrap(),
                it.files[evidence_key(&it)],
                "evidence comes first"
            );
        }
        // The next run asks the forge first; what began is completed, as of the time it began.
        let forge = DirForge::new(folder.path());
        let known = forge.pull_requests().await.unwrap();
        if known.is_empty() {
            assert_eq!(
                fs::read(folder.path().join(FILE)).unwrap(),
                manifest(12),
                "{steps}"
            );
            opened(forge.propose(&it, MONDAY_MS).await.unwrap());
        }
        let known = forge.pull_requests().await.unwrap();
        assert_eq!(
            (known.len(), known[0].ended_at_ms),
            (1, Some(MONDAY_MS)),
            "{steps}"
        );
        for (path, bytes) in &it.files {
            assert_eq!(
                &fs::read(folder.path().join(path)).unwrap(),
                bytes,
                "{steps} steps: {path}"
            );
        }
        let ledger = FolderRepository::open(folder.path())
            .unwrap()
            .ledger()
            .unwrap();
        assert_eq!(read_ledger(&ledger).0.len(), 1, "{steps}");
        assert_eq!(
            fs::read_dir(folder.path().join(".plimsoll/pending"))
                .unwrap()
                .count(),
            0
        );
        assert_eq!(left_behind(folder.path()), Vec::<String>::new(), "{steps}");
        if !died {
            assert!(steps > 10);
            return;
        }
    }
    panic!("it never came to an end");
}

fn evidence_key(it: &Proposal) -> &str {
    it.files
        .keys()
        .find(|path| path.starts_with(".plimsoll/"))
        .unwrap()
}

/// Temporary files anywhere below.
fn left_behind(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if entry.path().is_dir() {
            found.extend(left_behind(&entry.path()));
        } else if entry.file_name().to_string_lossy().ends_with("-tmp") {
            found.push(entry.path().display().to_string());
        }
    }
    found
}

#[tokio::test]
async fn forges_dir_a_person_who_was_faster_than_the_completion_wins() {
    // Dies after the journal and the evidence, before the manifest.
    let folder = folder_with_manifest();
    let it = proposal(8, MONDAY_MS);
    DirForge::on(folder.path(), Disk::dying_after(4))
        .propose(&it, MONDAY_MS)
        .await
        .unwrap_err();
    assert_eq!(fs::read(folder.path().join(FILE)).unwrap(), manifest(12));
    fs::write(folder.path().join(FILE), manifest(20)).unwrap();
    let forge = DirForge::new(folder.path());
    assert_eq!(forge.pull_requests().await.unwrap(), []);
    assert_eq!(fs::read(folder.path().join(FILE)).unwrap(), manifest(20));
    assert_eq!(
        FolderRepository::open(folder.path())
            .unwrap()
            .tree()
            .unwrap()
            .len(),
        1
    );
}

#[cfg(unix)]
#[tokio::test]
async fn forges_dir_writes_through_no_link_and_keeps_permissions() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let outside = TempDir::new().unwrap();
    fs::write(outside.path().join("orders.yaml"), manifest(12)).unwrap();
    let folder = TempDir::new().unwrap();
    symlink(outside.path(), folder.path().join("apps")).unwrap();
    let forge = DirForge::new(folder.path());
    let error = forge
        .propose(&proposal(8, MONDAY_MS), MONDAY_MS)
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("symbolic link"), "{error}");
    assert_eq!(
        fs::read(outside.path().join("orders.yaml")).unwrap(),
        manifest(12)
    );
    assert!(
        !FolderRepository::open(folder.path())
            .unwrap()
            .tree()
            .unwrap()
            .contains_key(FILE)
    );

    let folder = folder_with_manifest();
    let file = folder.path().join(FILE);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    opened(
        DirForge::new(folder.path())
            .propose(&proposal(8, MONDAY_MS), MONDAY_MS)
            .await
            .unwrap(),
    );
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o640
    );
}

#[tokio::test]
async fn forges_what_cannot_be_written_is_one_clear_line() {
    // A file where a folder should be: the same for every user, root included.
    let folder = folder_with_manifest();
    fs::write(folder.path().join(".plimsoll"), "in the way").unwrap();
    let error = DirForge::new(folder.path())
        .propose(&proposal(8, MONDAY_MS), MONDAY_MS)
        .await
        .unwrap_err();
    assert!(error.to_string().contains(".plimsoll"), "{error}");
    assert_eq!(fs::read(folder.path().join(FILE)).unwrap(), manifest(12));
    let world = World::new();
    fs::write(world.folder.path().join("pulls"), "in the way").unwrap();
    let error = world
        .forge()
        .propose(&proposal(8, MONDAY_MS), MONDAY_MS)
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("pulls") && !error.to_string().contains('\n'),
        "{error}"
    );
    assert_eq!(world.head("plimsoll/prod/payments/orders"), None);
}
