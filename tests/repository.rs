//! Real git on temporary folders: reading, committing, and the three forges with their faults.

use crate::record::{MONDAY_MS, evidence, field};
use git2::{Oid, Signature, Time};
use plimsoll::clients::Disk;
use plimsoll::clients::forges::{DirForge, LocalForge, PatchForge};
use plimsoll::clients::repository::{CommitOutcome, FolderRepository, GitRepository, MergeStyle};
use plimsoll::ports::{Forge, PullRequest, PullRequestState, Repository, Written};
use plimsoll::record::{
    ChangeKind, Event, Evidence, LedgerEntry, State, Trailers, branch, read_ledger,
};
use plimsoll::render::Proposal;
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

const HOUR: i64 = 3_600_000;
const FILE: &str = "apps/orders.yaml";

fn manifest(parallelism: u32) -> Vec<u8> {
    format!("# ours\r\nkind: FlinkDeployment\r\nspec:\r\n  image: app:1\r\n  job:\r\n    parallelism: {parallelism} # slots\r\n").into_bytes()
}

/// A proposal that takes `orders` to this parallelism.
fn proposal(to: u32, at_ms: i64) -> Proposal {
    proposal_of(ChangeKind::Rightsize, to, at_ms, &manifest(to))
}

fn proposal_of(kind: ChangeKind, to: u32, at_ms: i64, bytes: &[u8]) -> Proposal {
    let evidence = Evidence {
        kind,
        fields: vec![field("spec.job.parallelism", json!(12), json!(to))],
        ..evidence("orders", at_ms)
    };
    let file = evidence.to_file().unwrap();
    let fingerprint = format!("parallelism={to}");
    let state = State {
        plimsoll: "0.1.0".into(),
        kind,
        job: evidence.job.clone(),
        fingerprint: fingerprint.clone(),
        change: file.digest.clone(),
    };
    let trailers = Trailers::new(&evidence, &file.digest);
    let title = format!("rightsize(payments/orders): 12 → {to}: “smaller”");
    Proposal {
        kind,
        branch: branch(kind, &evidence.job),
        body: format!("Why: it fits.\n\n---\n\n{trailers}\n\n{}\n", state.block()),
        commit_message: format!("{title}\n\nWhy: it fits.\n\n{trailers}\n"),
        title,
        files: BTreeMap::from([
            (FILE.to_string(), bytes.to_vec()),
            (file.path.clone(), file.bytes.clone()),
        ]),
        labels: vec!["plimsoll".into()],
        fingerprint,
        change: file.digest,
        job: evidence.job,
    }
}

/// A bare repository with one manifest on `main`, and a folder for pull requests.
struct World {
    folder: TempDir,
    git: git2::Repository,
}

impl World {
    fn new() -> World {
        let folder = TempDir::new().unwrap();
        let mut options = git2::RepositoryInitOptions::new();
        options.bare(true).initial_head("main");
        let git = git2::Repository::init_opts(folder.path().join("remote.git"), &options).unwrap();
        let world = World { folder, git };
        world.commit("main", FILE, Some(&manifest(12)));
        world
    }

    /// A person's commit of one file on a branch.
    fn commit(&self, branch: &str, path: &str, bytes: Option<&[u8]>) -> Oid {
        let name = format!("refs/heads/{branch}");
        let parent = self
            .git
            .find_reference(&name)
            .ok()
            .map(|head| head.peel_to_commit().unwrap());
        let mut index = git2::Index::new().unwrap();
        if let Some(parent) = &parent {
            index.read_tree(&parent.tree().unwrap()).unwrap();
        }
        match bytes {
            Some(bytes) => {
                let id = self.git.blob(bytes).unwrap();
                index.add(&entry(path, id, 0o100644)).unwrap();
            }
            None => index.remove_path(Path::new(path)).unwrap(),
        }
        let tree = self
            .git
            .find_tree(index.write_tree_to(&self.git).unwrap())
            .unwrap();
        let who = person();
        let parents: Vec<&git2::Commit<'_>> = parent.iter().collect();
        self.git
            .commit(Some(&name), &who, &who, "by hand", &tree, &parents)
            .unwrap()
    }

    fn repository(&self) -> GitRepository {
        GitRepository::open(&self.folder.path().join("remote.git"), None).unwrap()
    }

    fn forge(&self) -> LocalForge {
        self.forge_on(Disk::default())
    }

    fn forge_on(&self, disk: Disk) -> LocalForge {
        LocalForge::on(self.repository(), &self.folder.path().join("pulls"), disk)
    }

    fn page(&self, number: u32) -> std::path::PathBuf {
        self.folder.path().join(format!("pulls/{number:04}.md"))
    }

    fn head(&self, branch: &str) -> Option<Oid> {
        self.git.refname_to_id(&format!("refs/heads/{branch}")).ok()
    }

    /// A file's bytes at a branch.
    fn file(&self, branch: &str, path: &str) -> Option<Vec<u8>> {
        let tree = self
            .git
            .find_commit(self.head(branch)?)
            .unwrap()
            .tree()
            .unwrap();
        let entry = tree.get_path(Path::new(path)).ok()?;
        Some(self.git.find_blob(entry.id()).unwrap().content().to_vec())
    }

    fn commits(&self, branch: &str) -> usize {
        let mut walk = self.git.revwalk().unwrap();
        walk.push(self.head(branch).unwrap()).unwrap();
        walk.count()
    }

    /// Puts the branch's one commit on top of `main` anew, as a forge's "rebase and merge".
    fn rebase_merge(&self, branch: &str) {
        let ours = self.git.find_commit(self.head(branch).unwrap()).unwrap();
        let onto = self.git.find_commit(self.head("main").unwrap()).unwrap();
        let mut index = self.git.cherrypick_commit(&ours, &onto, 0, None).unwrap();
        let tree = self
            .git
            .find_tree(index.write_tree_to(&self.git).unwrap())
            .unwrap();
        let message = ours.message().unwrap();
        self.git
            .commit(
                Some("refs/heads/main"),
                &ours.author(),
                &person(),
                message,
                &tree,
                &[&onto],
            )
            .unwrap();
    }
}

fn person() -> Signature<'static> {
    Signature::new("Ada", "ada@example.org", &Time::new(MONDAY_MS / 1000, 60)).unwrap()
}

fn entry(path: &str, id: Oid, mode: u32) -> git2::IndexEntry {
    let zero = git2::IndexTime::new(0, 0);
    git2::IndexEntry {
        ctime: zero,
        mtime: zero,
        dev: 0,
        ino: 0,
        mode,
        uid: 0,
        gid: 0,
        file_size: 0,
        id,
        flags: 0,
        flags_extended: 0,
        path: path.as_bytes().to_vec(),
    }
}

fn opened(written: Written) -> PullRequest {
    match written {
        Written::Opened(pull_request) => pull_request,
        other => panic!("{other:?}"),
    }
}

fn reason(written: &Written) -> &str {
    match written {
        Written::LeftAlone { reason, .. } => reason,
        other => panic!("{other:?}"),
    }
}

// ---- reading

#[test]
fn repository_reads_manifests_from_the_object_database_and_names_the_rest() {
    let world = World::new();
    world.commit("main", "notes.md", Some(b"no manifest"));
    world.commit("main", "big.yaml", Some(&vec![b'#'; 3 << 20]));
    world.commit(
        "main",
        "lfs.json",
        Some(b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n"),
    );
    world.commit("main", ".plimsoll/evidence/any", Some(b"ours"));
    let head = world.git.find_commit(world.head("main").unwrap()).unwrap();
    let mut index = git2::Index::new().unwrap();
    index.read_tree(&head.tree().unwrap()).unwrap();
    let link = |target: &str| world.git.blob(target.as_bytes()).unwrap();
    index
        .add(&entry("out.yaml", link("../../etc/passwd.yaml"), 0o120000))
        .unwrap();
    index
        .add(&entry("in.yaml", link("apps/orders.yaml"), 0o120000))
        .unwrap();
    index
        .add(&entry("vendor/charts", head.id(), 0o160000))
        .unwrap();
    let tree = world
        .git
        .find_tree(index.write_tree_to(&world.git).unwrap())
        .unwrap();
    world
        .git
        .commit(
            Some("refs/heads/main"),
            &person(),
            &person(),
            "odd",
            &tree,
            &[&head],
        )
        .unwrap();

    let repository = world.repository();
    assert_eq!(repository.base(), "main");
    let tree = repository.tree().unwrap();
    assert_eq!(
        tree.keys().collect::<Vec<_>>(),
        [".plimsoll/evidence/any", FILE]
    );
    assert_eq!(tree[FILE], manifest(12));
    let left_out = repository.left_out().unwrap();
    assert_eq!(
        left_out.keys().collect::<Vec<_>>(),
        [
            "big.yaml",
            "in.yaml",
            "lfs.json",
            "out.yaml",
            "vendor/charts"
        ]
    );
    assert!(left_out["out.yaml"].contains("outside"));
    assert!(left_out["lfs.json"].contains("LFS"));
    assert!(left_out["vendor/charts"].contains("submodule"));

    // Nothing is written through a link or a submodule, or out of the repository.
    for path in [
        "in.yaml",
        "in.yaml/x",
        "vendor/charts/x.yaml",
        "../x.yaml",
        ".git/hooks/x",
        "apps/orders.yaml/x",
        "apps",
    ] {
        let files = BTreeMap::from([(path.to_string(), b"x".to_vec())]);
        let refused = repository.commit_on_branch("plimsoll/x", None, &files, "m", MONDAY_MS);
        assert!(refused.is_err(), "{path}");
    }
    assert_eq!(world.head("plimsoll/x"), None);
}

#[test]
fn repository_history_is_the_first_parent_line_with_both_sides_of_each_file() {
    let world = World::new();
    world.commit("main", "notes.md", Some(b"not a manifest"));
    world.commit("main", FILE, Some(&manifest(10)));
    world.commit("main", FILE, None);
    let commits = world.repository().commits_since(i64::MIN).unwrap();
    assert_eq!(commits.len(), 3);
    assert_eq!(commits[0].files[FILE].before, None);
    assert_eq!(commits[1].files[FILE].before, Some(manifest(12)));
    assert_eq!(commits[1].files[FILE].after, Some(manifest(10)));
    assert_eq!(commits[2].files[FILE].after, None);
    assert_eq!(
        (commits[1].author.as_str(), commits[1].at_ms),
        ("Ada", MONDAY_MS)
    );
    assert_eq!(world.repository().commits_since(MONDAY_MS + 1).unwrap(), []);
}

#[test]
fn repository_says_clearly_what_is_not_there() {
    let empty = TempDir::new().unwrap();
    let error = GitRepository::open(empty.path(), None)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("no git repository") && error.contains("dir"),
        "{error}"
    );
    git2::Repository::init_bare(empty.path()).unwrap();
    let error = GitRepository::open(empty.path(), Some("trunk"))
        .unwrap_err()
        .to_string();
    assert!(error.contains("`trunk`"), "{error}");
    let world = World::new();
    let error = GitRepository::open(world.git.path(), Some("nope"))
        .unwrap_err()
        .to_string();
    assert!(error.contains("no branch `nope`"), "{error}");
    assert!(FolderRepository::open(&empty.path().join("x")).is_err());
}

#[test]
fn repository_never_touches_working_tree_and_index() {
    let folder = TempDir::new().unwrap();
    let mut options = git2::RepositoryInitOptions::new();
    options.initial_head("main");
    let git = git2::Repository::init_opts(folder.path(), &options).unwrap();
    let world = World { folder, git };
    world.commit("main", FILE, Some(&manifest(12)));
    world
        .git
        .checkout_head(Some(git2::build::CheckoutBuilder::new().force()))
        .unwrap();
    let place = world.folder.path();
    fs::write(place.join(FILE), b"edited by hand").unwrap();
    let index = fs::read(place.join(".git/index")).unwrap();

    let repository = GitRepository::discover(&place.join("apps"), None).unwrap();
    assert_eq!(repository.tree().unwrap()[FILE], manifest(12));
    let it = proposal(8, MONDAY_MS);
    let done = repository
        .commit_on_branch(&it.branch, None, &it.files, "m", MONDAY_MS)
        .unwrap();
    assert!(matches!(done, CommitOutcome::Written(_)));
    assert_eq!(world.file(&it.branch, FILE), Some(manifest(8)));
    assert_eq!(fs::read(place.join(FILE)).unwrap(), b"edited by hand");
    assert_eq!(fs::read(place.join(".git/index")).unwrap(), index);

    // A branch that is checked out would look edited under a person's hands.
    let refused = repository.commit_on_branch(
        "main",
        Some(&repository.head().unwrap()),
        &it.files,
        "m",
        MONDAY_MS,
    );
    assert!(refused.unwrap_err().to_string().contains("checked out"));
}

// ---- committing

#[test]
fn repository_commits_are_deterministic_and_children_of_what_was_seen() {
    let (one, two) = (World::new(), World::new());
    let it = proposal(8, MONDAY_MS);
    let commit = |world: &World, seen: Option<&str>, it: &Proposal| {
        world
            .repository()
            .commit_on_branch(&it.branch, seen, &it.files, &it.commit_message, MONDAY_MS)
            .unwrap()
    };
    let first = commit(&one, None, &it);
    assert_eq!(first, commit(&two, None, &it));
    let CommitOutcome::Written(head) = first else {
        panic!()
    };
    assert_eq!(
        commit(&one, Some(&head), &it),
        CommitOutcome::Unchanged(head.clone())
    );
    // Seen elsewhere, or not at all: somebody was faster, and wins.
    assert_eq!(commit(&one, None, &it), CommitOutcome::Moved);
    let theirs = one.commit(&it.branch, "x.yaml", Some(b"x")).to_string();
    assert_eq!(commit(&one, Some(&head), &it), CommitOutcome::Moved);
    assert_eq!(one.head(&it.branch).unwrap().to_string(), theirs);
    let CommitOutcome::Written(next) = commit(&two, Some(&head), &proposal(6, MONDAY_MS)) else {
        panic!()
    };
    let next = two.git.find_commit(Oid::from_str(&next).unwrap()).unwrap();
    assert_eq!(next.parent_id(0).unwrap().to_string(), head);
    assert_eq!(next.author().name().unwrap(), "plimsoll");
    // The branch holds the base and the edit, not the earlier evidence.
    assert_eq!(
        two.file(
            &it.branch,
            &format!(".plimsoll/evidence/{}.evidence", it.change)
        ),
        None
    );
}

#[test]
fn repository_the_ledger_only_grows() {
    let world = World::new();
    let repository = world.repository();
    assert_eq!(repository.ledger().unwrap(), BTreeMap::new());
    let change = "a".repeat(64);
    let entry = LedgerEntry::new(&change, &proposal(8, MONDAY_MS).job, MONDAY_MS, Event::Live);
    let files = BTreeMap::from([(entry.path(), entry.to_bytes().unwrap())]);
    repository.append_ledger(&files, "live", MONDAY_MS).unwrap();
    let forged = BTreeMap::from([(entry.path(), b"other".to_vec())]);
    repository
        .append_ledger(&forged, "forged", MONDAY_MS)
        .unwrap();
    assert_eq!(read_ledger(&repository.ledger().unwrap()).0, [entry]);
    assert_eq!(world.commits("plimsoll-ledger"), 1);
    // It shares no history with the manifests.
    assert!(
        world
            .git
            .merge_base(
                world.head("main").unwrap(),
                world.head("plimsoll-ledger").unwrap()
            )
            .is_err()
    );
}

#[test]
fn repository_appends_of_two_runs_at_once_are_both_kept() {
    let world = World::new();
    let threads: Vec<_> = (0..4)
        .map(|i| {
            let repository = world.repository();
            std::thread::spawn(move || {
                let change = format!("{i}").repeat(64);
                let entry =
                    LedgerEntry::new(&change, &proposal(8, MONDAY_MS).job, MONDAY_MS, Event::Live);
                let files = BTreeMap::from([(entry.path(), entry.to_bytes().unwrap())]);
                repository.append_ledger(&files, "live", MONDAY_MS)
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap().unwrap();
    }
    assert_eq!(
        read_ledger(&world.repository().ledger().unwrap()).0.len(),
        4
    );
}

// ---- forge local

#[tokio::test]
async fn repository_local_the_same_findings_write_nothing_and_new_ones_update() {
    let world = World::new();
    let forge = world.forge();
    let first = opened(
        forge
            .propose(&proposal(8, MONDAY_MS), MONDAY_MS)
            .await
            .unwrap(),
    );
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
async fn repository_local_leaves_a_persons_branch_alone_and_says_so_once() {
    let world = World::new();
    let forge = world.forge();
    let open = opened(
        forge
            .propose(&proposal(8, MONDAY_MS), MONDAY_MS)
            .await
            .unwrap(),
    );
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
async fn repository_local_sees_every_way_of_merging() {
    for way in ["merge", "fast-forward", "squash", "rebase"] {
        let world = World::new();
        let forge = world.forge();
        // The base goes on, so that none of the ways is trivial.
        let open = opened(
            forge
                .propose(&proposal(8, MONDAY_MS), MONDAY_MS)
                .await
                .unwrap(),
        );
        if way != "fast-forward" {
            world.commit("main", "other.yaml", Some(b"x: 1\n"));
        }
        match way {
            "merge" => forge
                .merge(&open, MergeStyle::Merge, "Ada", MONDAY_MS + HOUR)
                .await_nothing(),
            "squash" => forge
                .merge(&open, MergeStyle::Squash, "Ada", MONDAY_MS + HOUR)
                .await_nothing(),
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
        let next = opened(
            forge
                .propose(&proposal(6, MONDAY_MS + 2 * HOUR), MONDAY_MS + 2 * HOUR)
                .await
                .unwrap(),
        );
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

/// Makes a result of `merge` readable in a match.
trait Nothing {
    fn await_nothing(self);
}

impl Nothing for Result<(), plimsoll::ports::ForgeError> {
    fn await_nothing(self) {
        self.unwrap();
    }
}

#[tokio::test]
async fn repository_local_a_closed_one_stays_closed_until_the_findings_differ() {
    let world = World::new();
    let forge = world.forge();
    let open = opened(
        forge
            .propose(&proposal(8, MONDAY_MS), MONDAY_MS)
            .await
            .unwrap(),
    );
    let text = fs::read_to_string(world.page(1)).unwrap();
    fs::write(world.page(1), text.replace("state: open", "state: closed")).unwrap();
    let left = forge
        .propose(&proposal(8, MONDAY_MS + HOUR), MONDAY_MS + HOUR)
        .await
        .unwrap();
    assert_eq!(reason(&left), "closed");
    let again = opened(
        forge
            .propose(&proposal(6, MONDAY_MS + HOUR), MONDAY_MS + HOUR)
            .await
            .unwrap(),
    );
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
async fn repository_local_a_revert_closes_the_open_rightsizing_and_comes_first() {
    let world = World::new();
    let forge = world.forge();
    opened(
        forge
            .propose(&proposal(8, MONDAY_MS), MONDAY_MS)
            .await
            .unwrap(),
    );
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
    opened(
        forge
            .propose(&proposal(8, MONDAY_MS + 2 * HOUR), MONDAY_MS + 2 * HOUR)
            .await
            .unwrap(),
    );
}

#[tokio::test]
async fn repository_local_a_base_that_moved_matters_only_when_it_conflicts() {
    let world = World::new();
    let forge = world.forge();
    let open = opened(
        forge
            .propose(&proposal(8, MONDAY_MS), MONDAY_MS)
            .await
            .unwrap(),
    );
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
async fn repository_local_a_forged_state_block_or_state_line_decides_nothing() {
    let world = World::new();
    let forge = world.forge();
    opened(
        forge
            .propose(&proposal(8, MONDAY_MS), MONDAY_MS)
            .await
            .unwrap(),
    );
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
async fn repository_local_a_kill_at_any_step_is_made_good_by_the_next_run() {
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
async fn repository_local_two_runs_at_once_open_one_pull_request() {
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
async fn repository_local_a_spoilt_pull_request_file_is_named_and_nothing_doubled() {
    let world = World::new();
    let forge = world.forge();
    opened(
        forge
            .propose(&proposal(8, MONDAY_MS), MONDAY_MS)
            .await
            .unwrap(),
    );
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
async fn repository_local_hostile_text_stays_in_its_place() {
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
async fn repository_patches_apply_with_git() {
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
async fn repository_dir_a_written_change_is_merged_at_once_and_reverted_the_same_way() {
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
async fn repository_dir_a_kill_at_any_step_leaves_old_or_new_and_the_next_run_completes_it() {
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
async fn repository_dir_a_person_who_was_faster_than_the_completion_wins() {
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
async fn repository_dir_writes_through_no_link_and_keeps_permissions() {
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
async fn repository_what_cannot_be_written_is_one_clear_line() {
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
