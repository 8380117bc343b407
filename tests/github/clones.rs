//! Clones as the checkouts of workflows make them: the end of history only, and no branch at all. Real git, and the fake GitHub.

use super::Hub;
use super::fake::{REPOSITORY, TOKEN};
use crate::record::MONDAY_MS;
use crate::repository::{FILE, manifest, opened, proposal};
use assert_cmd::Command as Binary;
use plimsoll::clients::github::{GithubForge, GithubRepository};
use plimsoll::clients::repository::GitRepository;
use plimsoll::ports::{Forge, Repository};
use std::path::{Path, PathBuf};
use std::process::Command;

const REMEDY: &str = "fetch-depth: 0";

fn git(folder: &Path, arguments: &[&str]) {
    let output = Command::new("git")
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .args(arguments)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "git {arguments:?}: {said}");
}

/// What `actions/checkout` does: for a branch (`push`, `schedule`), or for what a pull request would merge (no branch at all).
#[allow(clippy::print_stderr)]
fn checkout(hub: &Hub, name: &str, depth: Option<&str>, branch: bool) -> Option<PathBuf> {
    if Command::new("git").arg("--version").output().is_err() {
        eprintln!("SKIPPED: there is no git on this machine");
        return None;
    }
    let remote = hub.world.folder.path().join("remote.git");
    let folder = hub.world.folder.path().join(name);
    std::fs::create_dir(&folder).unwrap();
    git(&folder, &["init", "--quiet"]);
    let url = format!("file://{}", remote.display());
    git(&folder, &["remote", "add", "origin", &url]);
    let (from, to) = if branch {
        ("refs/heads/main", "refs/remotes/origin/main")
    } else {
        ("refs/pull/5/merge", "refs/remotes/pull/5/merge")
    };
    let refspec = format!("+{from}:{to}");
    let mut fetch = vec!["fetch", "--quiet", "--no-tags"];
    fetch.extend(depth);
    fetch.extend(["origin", &refspec]);
    git(&folder, &fetch);
    match branch {
        true => git(
            &folder,
            &["checkout", "--quiet", "--force", "-B", "main", to],
        ),
        false => git(&folder, &["checkout", "--quiet", "--force", to]),
    }
    // Newer gits set it when they fetch, older ones don't.
    let _ = std::fs::remove_file(folder.join(".git/refs/remotes/origin/HEAD"));
    Some(folder)
}

/// A hub whose history is longer than a shallow clone's.
async fn hub() -> Hub {
    let hub = Hub::new().await;
    for n in 0..3 {
        let bytes = format!("n: {n}\n");
        hub.world
            .commit("main", "other.yaml", Some(bytes.as_bytes()));
    }
    let head = hub.world.commit("main", FILE, Some(&manifest(12)));
    let of_pull_request = "refs/pull/5/merge";
    hub.world
        .git
        .reference(of_pull_request, head, true, "a test's")
        .unwrap();
    hub
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn github_a_shallow_clone_proposes_and_says_what_it_does_not_see() {
    let hub = hub().await;
    let Some(folder) = checkout(&hub, "shallow", Some("--depth=1"), true) else {
        return;
    };
    let clone = GitRepository::open(&folder, None).unwrap();
    assert_eq!(clone.base(), "main");
    assert!(clone.is_shallow().unwrap());
    let repository = GithubRepository::new(hub.place.clone(), clone.clone());
    assert_eq!(repository.tree().unwrap()[FILE], manifest(12));
    // Its one commit seems to add every file, and is nobody's change.
    assert_eq!(repository.commits_since(0).unwrap(), []);
    let said = repository.shortcomings().unwrap().join("\n");
    assert!(said.contains(REMEDY) && said.contains("not seen"), "{said}");
    // Proposing needs no history: the commit is put on GitHub's own base.
    let forge = GithubForge::new(&hub.place, clone, None).unwrap();
    let pull = opened(
        forge
            .propose(&proposal(8, MONDAY_MS), MONDAY_MS)
            .await
            .unwrap(),
    );
    assert_eq!(hub.fake.files(&pull.branch)[FILE], manifest(8));
    assert_eq!(
        hub.world.commits(&pull.branch),
        hub.world.commits("main") + 1
    );

    let whole = checkout(&hub, "whole", None, true).unwrap();
    let whole = GitRepository::open(&whole, None).unwrap();
    let repository = GithubRepository::new(hub.place.clone(), whole);
    assert_eq!(repository.shortcomings().unwrap(), [] as [String; 0]);
    assert_eq!(repository.commits_since(0).unwrap().len(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn github_a_clone_without_a_branch_needs_the_base_by_name() {
    let hub = hub().await;
    let Some(folder) = checkout(&hub, "detached", Some("--depth=1"), false) else {
        return;
    };
    let error = GitRepository::open(&folder, None).unwrap_err().to_string();
    assert!(error.contains("HEAD points to no branch"), "{error}");
    let clone = GitRepository::open(&folder, Some("main")).unwrap();
    assert_eq!(clone.tree().unwrap()[FILE], manifest(12));
    let forge = GithubForge::new(&hub.place, clone.clone(), Some("main")).unwrap();
    opened(
        forge
            .propose(&proposal(8, MONDAY_MS), MONDAY_MS)
            .await
            .unwrap(),
    );
    let said = GithubRepository::new(hub.place.clone(), clone)
        .shortcomings()
        .unwrap();
    assert!(said.iter().any(|said| said.contains(REMEDY)), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn github_a_checkout_that_is_no_longer_the_base_changes_no_file_of_it_unseen() {
    let hub = hub().await;
    let Some(folder) = checkout(&hub, "detached", Some("--depth=1"), false) else {
        return;
    };
    hub.world.commit("main", FILE, Some(&manifest(10)));
    let clone = GitRepository::open(&folder, Some("main")).unwrap();
    let forge = GithubForge::new(&hub.place, clone, Some("main")).unwrap();
    let error = forge
        .propose(&proposal(8, MONDAY_MS), MONDAY_MS)
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("fetch, and plan again"),
        "{error}"
    );
    assert_eq!(hub.fake.state().pulls.len(), 0);
}

/// Exit code, and all that was said.
async fn run(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let folder = folder.to_path_buf();
    let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
    tokio::task::spawn_blocking(move || {
        let output = Binary::new(env!("CARGO_BIN_EXE_plimsoll"))
            .current_dir(folder)
            .env_clear()
            .env("GITHUB_TOKEN", TOKEN)
            .args(arguments)
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        (
            output.status.code().unwrap(),
            String::from_utf8(said).unwrap(),
        )
    })
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn github_commands_name_a_shallow_clone_with_its_remedy_and_go_on() {
    let hub = hub().await;
    let Some(shallow) = checkout(&hub, "shallow", Some("--depth=1"), true) else {
        return;
    };
    let whole = checkout(&hub, "whole", None, true).unwrap();
    let detached = checkout(&hub, "detached", Some("--depth=1"), false).unwrap();
    let commands: [&[&str]; 4] = [
        &["plan", "--forge", "github"],
        &["propose", "--forge", "github"],
        &["audit", "--forge", "github"],
        &["watch", "--forge", "github"],
    ];
    let configure = |folder: &Path, base: &str| {
        let text = format!(
            "mode: report\nrepository: {{path: .{base}}}\nforge: {{kind: github, github: {{api: \"{}\", repository: {REPOSITORY}}}}}\n\
             clusters:\n- {{name: prod, jobs: [{{namespace: payments, name: orders, rest: 'http://127.0.0.1:1'}}]}}\n",
            hub.place.api
        );
        std::fs::write(folder.join("plimsoll.yaml"), text).unwrap();
    };
    configure(&shallow, "");
    configure(&whole, "");
    for command in commands {
        let (code, said) = run(&shallow, command).await;
        assert!(said.contains(REMEDY), "{command:?}: {code} {said}");
        assert_eq!(code, 3, "{command:?}: {said}");
        let (_, said) = run(&whole, command).await;
        assert!(!said.contains("shallow"), "{command:?}: {said}");
    }
    configure(&detached, "");
    let (code, said) = run(&detached, commands[0]).await;
    assert!(
        code != 0 && said.contains("repository.base"),
        "{code} {said}"
    );
    configure(&detached, ", base: main");
    for command in commands {
        let (code, said) = run(&detached, command).await;
        assert!(
            code == 3 && said.contains(REMEDY),
            "{command:?}: {code} {said}"
        );
    }
}
