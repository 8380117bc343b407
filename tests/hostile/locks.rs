//! Lock files that a killed git or a killed run left, and those that somebody holds.

use crate::record::MONDAY_MS;
use crate::repository::{HOUR, World, opened, proposal};
use plimsoll::ports::{Forge, Repository, Written};
use plimsoll::record::{Event, LedgerEntry};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

const BRANCH: &str = "plimsoll/prod/payments/orders";

fn git_folder(world: &World) -> PathBuf {
    world.folder.path().join("remote.git")
}

fn lock_of(world: &World, branch: &str) -> PathBuf {
    git_folder(world).join(format!("refs/heads/{branch}.lock"))
}

/// A lock file, last touched this long ago.
fn leave(lock: &Path, content: &[u8], ago: Duration) {
    fs::create_dir_all(lock.parent().unwrap()).unwrap();
    fs::write(lock, content).unwrap();
    let file = File::options().write(true).open(lock).unwrap();
    file.set_modified(SystemTime::now() - ago).unwrap();
}

fn entry() -> BTreeMap<String, Vec<u8>> {
    let job = proposal(8, MONDAY_MS).job;
    let entry = LedgerEntry::new(&"a".repeat(64), &job, MONDAY_MS, Event::Live);
    BTreeMap::from([(entry.path(), entry.to_bytes().unwrap())])
}

#[tokio::test]
async fn hostile_stale_locks_of_our_branches_block_nothing() {
    let world = World::new();
    let forge = world.forge();
    // Left by a kill before the first commit, and before an update; empty, cut short, or whole.
    for (to, content) in [(8, &b""[..]), (6, b"0123"), (5, &[b'1'; 41])] {
        leave(&lock_of(&world, BRANCH), content, Duration::from_secs(60));
        let at_ms = MONDAY_MS + i64::from(to) * HOUR;
        let written = forge.propose(&proposal(to, at_ms), at_ms).await.unwrap();
        assert!(
            matches!(written, Written::Opened(_) | Written::Updated(_)),
            "{written:?}"
        );
        assert!(!lock_of(&world, BRANCH).exists());
    }
    leave(
        &lock_of(&world, "plimsoll-ledger"),
        b"",
        Duration::from_secs(60),
    );
    let repository = world.repository();
    repository
        .append_ledger(&entry(), "live", MONDAY_MS)
        .unwrap();
    assert_eq!(repository.ledger().unwrap(), entry());
}

#[tokio::test]
async fn hostile_a_run_knows_the_lock_that_the_killed_one_before_it_left() {
    let world = World::new();
    // What is there after a kill inside of the write of a ref: our own lock names the ref, and nobody holds it.
    let own = git_folder(&world).join("plimsoll.lock");
    fs::write(&own, format!("refs/heads/{BRANCH}")).unwrap();
    leave(&lock_of(&world, BRANCH), b"", Duration::ZERO);
    let began = Instant::now();
    opened(
        world
            .forge()
            .propose(&proposal(8, MONDAY_MS), MONDAY_MS)
            .await
            .unwrap(),
    );
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "it is removed at once"
    );
    assert_eq!(fs::read(&own).unwrap(), b"");

    // It is believed of our own branches only.
    for name in [
        "refs/heads/main",
        "refs/heads/plimsoll/../main",
        "\u{0}",
        "HEAD",
    ] {
        fs::write(&own, name).unwrap();
        let theirs = lock_of(&world, "main");
        leave(&theirs, b"", Duration::from_secs(60));
        let written = world
            .forge()
            .propose(&proposal(8, MONDAY_MS), MONDAY_MS)
            .await;
        assert!(matches!(written, Ok(Written::Unchanged(_))), "{written:?}");
        let next = proposal(6, MONDAY_MS);
        world.forge().propose(&next, MONDAY_MS).await.unwrap();
        world
            .forge()
            .propose(&proposal(8, MONDAY_MS), MONDAY_MS)
            .await
            .unwrap();
        assert!(theirs.exists(), "a person's lock of `main` is theirs");
    }
}

#[test]
fn hostile_a_lock_that_a_kill_left_goes_where_nothing_is_written_any_more() {
    let world = World::new();
    let repository = world.repository();
    let ledger = "plimsoll-ledger";
    let own = git_folder(&world).join("plimsoll.lock");
    // Without a lock of our own no run of ours wrote here: whose lock that is nobody knows.
    leave(&lock_of(&world, ledger), b"", Duration::from_secs(60));
    repository.recover().unwrap();
    assert!(lock_of(&world, ledger).exists() && !own.exists());

    // A kill inside of the write of a ref, of either kind of branch.
    for branch in [ledger, BRANCH] {
        fs::write(&own, format!("refs/heads/{branch}")).unwrap();
        leave(&lock_of(&world, branch), b"", Duration::ZERO);
        repository.recover().unwrap();
        assert!(!lock_of(&world, branch).exists(), "{branch}");
        assert_eq!(fs::read(&own).unwrap(), b"");
    }
    // The ledger's lock, untouched for long; and one that is fresh, or somebody else's branch.
    leave(&lock_of(&world, ledger), b"", Duration::from_secs(60));
    leave(&lock_of(&world, "main"), b"", Duration::from_secs(60));
    repository.recover().unwrap();
    assert!(!lock_of(&world, ledger).exists() && lock_of(&world, "main").exists());
    leave(&lock_of(&world, ledger), b"", Duration::ZERO);
    repository.recover().unwrap();
    assert!(lock_of(&world, ledger).exists());

    // A run that is under way has the turn: nothing is touched.
    fs::write(&own, format!("refs/heads/{ledger}")).unwrap();
    let held = File::options().write(true).open(&own).unwrap();
    held.lock().unwrap();
    repository.recover().unwrap();
    assert!(lock_of(&world, ledger).exists());
    drop(held);
    repository.recover().unwrap();
    assert!(!lock_of(&world, ledger).exists());
}

#[tokio::test]
async fn hostile_a_lock_that_somebody_holds_is_waited_for() {
    let world = World::new();
    let lock = lock_of(&world, BRANCH);
    leave(&lock, b"", Duration::ZERO);
    let held = lock.clone();
    let holder = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(400));
        fs::remove_file(held).unwrap();
    });
    opened(
        world
            .forge()
            .propose(&proposal(8, MONDAY_MS), MONDAY_MS)
            .await
            .unwrap(),
    );
    holder.join().unwrap();
    assert!(!lock.exists());
}

#[tokio::test]
async fn hostile_what_stays_locked_is_named_and_is_not_called_moved() {
    let world = World::new();
    // A folder in the lock's place can't be a lock that was left.
    let lock = lock_of(&world, BRANCH);
    fs::create_dir_all(lock.join("x")).unwrap();
    let error = world
        .forge()
        .propose(&proposal(8, MONDAY_MS), MONDAY_MS)
        .await;
    let said = error.unwrap_err().to_string();
    assert!(said.contains("orders.lock"), "{said}");
    assert!(!said.contains("moved each time"), "{said}");
    fs::remove_dir_all(&lock).unwrap();
    opened(
        world
            .forge()
            .propose(&proposal(8, MONDAY_MS), MONDAY_MS)
            .await
            .unwrap(),
    );
}
