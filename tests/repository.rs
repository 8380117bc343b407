//! Real git on temporary folders: reading and committing; and a world of it for the tests of forges.
#![allow(clippy::unwrap_used)]

use crate::record::{MONDAY_MS, evidence, field};
use git2::{Oid, Signature, Time};
use plimsoll::clients::Disk;
use plimsoll::clients::forges::LocalForge;
use plimsoll::clients::repository::{CommitOutcome, FolderRepository, GitRepository};
use plimsoll::ports::{Forge, PullRequest, Repository, Written};
use plimsoll::record::{
    ChangeKind, Event, Evidence, LedgerEntry, State, Trailers, branch, read_ledger,
};
use plimsoll::render::Proposal;
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

pub const HOUR: i64 = 3_600_000;
pub const FILE: &str = "apps/orders.yaml";

pub fn manifest(parallelism: u32) -> Vec<u8> {
    format!("# ours\r\nkind: FlinkDeployment\r\nspec:\r\n  image: app:1\r\n  job:\r\n    parallelism: {parallelism} # slots\r\n").into_bytes()
}

/// A proposal that takes `orders` to this parallelism.
pub fn proposal(to: u32, at_ms: i64) -> Proposal {
    proposal_of(ChangeKind::Rightsize, to, at_ms, &manifest(to))
}

/// The same of another job, in a file of its own.
pub fn proposal_for(name: &str, to: u32, at_ms: i64) -> Proposal {
    let mut proposal = of_job(name, ChangeKind::Rightsize, to, at_ms, &manifest(to));
    let bytes = proposal.files.remove(FILE).unwrap();
    proposal.files.insert(format!("apps/{name}.yaml"), bytes);
    proposal
}

pub fn proposal_of(kind: ChangeKind, to: u32, at_ms: i64, bytes: &[u8]) -> Proposal {
    of_job("orders", kind, to, at_ms, bytes)
}

fn of_job(name: &str, kind: ChangeKind, to: u32, at_ms: i64, bytes: &[u8]) -> Proposal {
    let evidence = Evidence {
        kind,
        fields: vec![field("spec.job.parallelism", json!(12), json!(to))],
        ..evidence(name, at_ms)
    };
    let file = evidence.to_file().unwrap();
    let fingerprint = format!("parallelism={to}");
    let state = State {
        plimsoll: "0.1.0".into(),
        kind,
        job: evidence.job.clone(),
        fingerprint: fingerprint.clone(),
        change: file.digest.clone(),
        reverts: None,
        stance: None,
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
pub struct World {
    pub folder: TempDir,
    pub git: git2::Repository,
}

impl World {
    pub fn new() -> World {
        World::within(TempDir::new().unwrap())
    }

    /// The same in a folder of one's choice.
    pub fn within(folder: TempDir) -> World {
        let mut options = git2::RepositoryInitOptions::new();
        options.bare(true).initial_head("main");
        let git = git2::Repository::init_opts(folder.path().join("remote.git"), &options).unwrap();
        let world = World { folder, git };
        world.commit("main", FILE, Some(&manifest(12)));
        world
    }

    /// A person's commit of one file on a branch.
    pub fn commit(&self, branch: &str, path: &str, bytes: Option<&[u8]>) -> Oid {
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

    /// A person's commit of several files on a branch that is there.
    pub fn commit_all(&self, branch: &str, files: &[(&str, &[u8])]) -> Oid {
        let name = format!("refs/heads/{branch}");
        let parent = self.git.find_commit(self.head(branch).unwrap()).unwrap();
        let mut index = git2::Index::new().unwrap();
        index.read_tree(&parent.tree().unwrap()).unwrap();
        for (path, bytes) in files {
            let id = self.git.blob(bytes).unwrap();
            index.add(&entry(path, id, 0o100644)).unwrap();
        }
        let tree = self
            .git
            .find_tree(index.write_tree_to(&self.git).unwrap())
            .unwrap();
        let who = person();
        self.git
            .commit(Some(&name), &who, &who, "by hand", &tree, &[&parent])
            .unwrap()
    }

    pub fn repository(&self) -> GitRepository {
        GitRepository::open(&self.folder.path().join("remote.git"), None).unwrap()
    }

    pub fn forge(&self) -> LocalForge {
        self.forge_on(Disk::default())
    }

    pub fn forge_on(&self, disk: Disk) -> LocalForge {
        LocalForge::on(self.repository(), &self.folder.path().join("pulls"), disk)
    }

    pub fn page(&self, number: u32) -> std::path::PathBuf {
        self.folder.path().join(format!("pulls/{number:04}.md"))
    }

    pub fn head(&self, branch: &str) -> Option<Oid> {
        self.git.refname_to_id(&format!("refs/heads/{branch}")).ok()
    }

    /// A file's bytes at a branch.
    pub fn file(&self, branch: &str, path: &str) -> Option<Vec<u8>> {
        let tree = self
            .git
            .find_commit(self.head(branch)?)
            .unwrap()
            .tree()
            .unwrap();
        let entry = tree.get_path(Path::new(path)).ok()?;
        Some(self.git.find_blob(entry.id()).unwrap().content().to_vec())
    }

    pub fn commits(&self, branch: &str) -> usize {
        let mut walk = self.git.revwalk().unwrap();
        walk.push(self.head(branch).unwrap()).unwrap();
        walk.count()
    }

    /// Puts the branch's one commit on top of `main` anew, as a forge's "rebase and merge".
    pub fn rebase_merge(&self, branch: &str) {
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

pub fn person() -> Signature<'static> {
    Signature::new("Ada", "ada@example.org", &Time::new(MONDAY_MS / 1000, 60)).unwrap()
}

pub fn entry(path: &str, id: Oid, mode: u32) -> git2::IndexEntry {
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

/// Opens the pull request that takes `orders` to this parallelism.
pub async fn proposed(forge: &impl Forge, to: u32, at_ms: i64) -> PullRequest {
    opened(forge.propose(&proposal(to, at_ms), at_ms).await.unwrap())
}

pub fn opened(written: Written) -> PullRequest {
    match written {
        Written::Opened(pull_request) => pull_request,
        other => panic!("{other:?}"),
    }
}

pub fn reason(written: &Written) -> &str {
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
        [".plimsoll/evidence/any", FILE, "in.yaml"]
    );
    assert_eq!(tree[FILE], manifest(12));
    // A link inside is known by where it leads, and never by what stands there.
    assert_eq!(
        plimsoll::manifest::target_of(&tree["in.yaml"]),
        Some("apps/orders.yaml")
    );
    let left_out = repository.left_out().unwrap();
    assert_eq!(
        left_out.keys().collect::<Vec<_>>(),
        ["big.yaml", "lfs.json", "out.yaml", "vendor/charts"]
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
        let branch = proposal(8, MONDAY_MS).branch;
        let refused = repository.commit_on_branch(&branch, None, &files, "m", MONDAY_MS);
        assert!(refused.is_err(), "{path}");
        assert_eq!(world.head(&branch), None);
    }
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
    let head = world.head(&it.branch).unwrap().to_string();
    world
        .git
        .set_head(&format!("refs/heads/{}", it.branch))
        .unwrap();
    let on_main = GitRepository::open(place, Some("main")).unwrap();
    let refused = on_main.commit_on_branch(&it.branch, Some(&head), &it.files, "m", MONDAY_MS);
    assert!(refused.unwrap_err().to_string().contains("checked out"));

    // Nor is a change ever written to the base branch, whatever it is called.
    let on_itself = GitRepository::open(world.git.path(), Some(&it.branch)).unwrap();
    world.git.set_head("refs/heads/main").unwrap();
    let other = proposal(6, MONDAY_MS);
    let refused =
        on_itself.commit_on_branch(&other.branch, Some(&head), &other.files, "m", MONDAY_MS);
    assert!(refused.unwrap_err().to_string().contains("base branch"));
    assert_eq!(world.head(&it.branch).unwrap().to_string(), head);
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
