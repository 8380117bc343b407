//! Promises of the documents that no other test breaks with.

use crate::plugin_fleet::{NOW_MS, Place, run_in, said};
use plimsoll::clients::sqlite::{Settings, SqliteHistory};
use plimsoll::ports::HistoryStore;
use plimsoll::snapshot::{Gap, JobState, Snapshot};
use std::fs;

const LOCAL: &str = "mode: propose\nforge: {kind: local}\n";

fn main_of(place: &Place) -> String {
    let git = git2::Repository::open(place.path().join("manifests.git")).unwrap();
    let head = git.head().unwrap();
    format!("{} {}", head.name().unwrap(), head.target().unwrap())
}

#[test]
fn promised_exit_code_10_says_that_changes_wait() {
    let place = Place::new("mode: report\n");
    assert_eq!(place.run(&["plan", "--exit-code"]).status.code(), Some(10));
    assert_eq!(place.run(&["plan"]).status.code(), Some(0));
    let none = Place::new("mode: ignore\n");
    assert_eq!(none.run(&["plan", "--exit-code"]).status.code(), Some(0));
}

#[test]
fn promised_the_base_branch_is_never_written() {
    let place = Place::new(LOCAL);
    let before = main_of(&place);
    let done = place.run(&["propose"]);
    assert_eq!(done.status.code(), Some(0), "{}", said(&done));
    assert_eq!(main_of(&place), before);
    let git = git2::Repository::open(place.path().join("manifests.git")).unwrap();
    let names: Vec<String> = git
        .references()
        .unwrap()
        .map(|one| one.unwrap().name().unwrap().to_string())
        .filter(|name| !before.starts_with(name))
        .collect();
    assert!(!names.is_empty());
    assert!(
        names
            .iter()
            .all(|name| name.starts_with("refs/heads/plimsoll/")),
        "{names:?}"
    );
}

#[test]
fn promised_a_key_that_is_set_is_demanded() {
    let place = Place::new(LOCAL);
    let now = NOW_MS.to_string();
    let run = |arguments: &[&str], key: &str| {
        let arguments = [arguments, &["--now", &now]].concat();
        let output = run_in(place.path(), &arguments, &[("PLIMSOLL_SEAL_KEY", key)]);
        (output.status.code().unwrap(), said(&output))
    };
    let (ours, theirs) = ("0123456789abcdef0123", "another key of theirs");
    assert_eq!(run(&["plan", "--out", "plain.json"], "").0, 0);
    assert_eq!(run(&["plan", "--out", "signed.json"], ours).0, 0);
    let (code, told) = run(&["propose", "--from", "plain.json"], ours);
    assert!(code == 1 && told.contains("not signed"), "{told}");
    let (code, told) = run(&["propose", "--from", "signed.json"], theirs);
    assert!(code == 1 && told.contains("signature"), "{told}");
    assert!(!told.contains(theirs) && !told.contains(ours), "{told}");
    let (code, told) = run(&["plan", "--out", "short.json"], "short");
    assert!(code == 2 && told.contains("PLIMSOLL_SEAL_KEY"), "{told}");
    assert!(!place.path().join("pull-requests").exists());
    assert_eq!(run(&["propose", "--from", "signed.json"], ours).0, 0);

    let place = Place::new(&format!("{LOCAL}seal: {{required: true}}\n"));
    let told = place.run(&["plan", "--out", "plan.json"]);
    assert_eq!(told.status.code(), Some(2), "{}", said(&told));
    assert!(said(&told).contains("PLIMSOLL_SEAL_KEY"));
}

#[test]
fn promised_a_plan_from_elsewhere_heeds_the_mode_where_it_is_written() {
    let place = Place::new(LOCAL);
    assert_eq!(
        place.run(&["plan", "--out", "plan.json"]).status.code(),
        Some(0)
    );
    for mode in ["report", "ignore"] {
        place.configure(&format!("mode: {mode}\nforge: {{kind: local}}\n"));
        let told = place.run(&["propose", "--from", "plan.json"]);
        assert_eq!(told.status.code(), Some(3), "{}", said(&told));
        assert!(
            said(&told).contains(&format!("the mode is `{mode}`")),
            "{}",
            said(&told)
        );
        assert!(!place.path().join("pull-requests").exists());
    }
    place.configure(LOCAL);
    assert_eq!(
        place.run(&["propose", "--from", "plan.json"]).status.code(),
        Some(0)
    );
    assert!(place.path().join("pull-requests").exists());
}

#[test]
fn promised_a_full_disk_is_said() {
    let place = Place::new("mode: report\n");
    let output = place.run(&["plan", "--out", "/dev/full"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(
        said(&output).to_lowercase().contains("no space left"),
        "{}",
        said(&output)
    );
}

#[test]
fn promised_vv_shows_requests() {
    let place = Place::new("mode: report\n");
    let config = "history: {file: h.sqlite}\nclusters:\n- name: c\n  jobs:\n  - {namespace: n, name: j, rest: \"http://127.0.0.1:9\"}\n";
    fs::write(place.path().join("plimsoll.yaml"), config).unwrap();
    let asked = "http://127.0.0.1:9/jobs/overview";
    let loud = said(&run_in(place.path(), &["observe", "-vv"], &[]));
    assert!(
        loud.contains("asking Flink") && loud.contains(asked),
        "{loud}"
    );
    let quiet = said(&run_in(place.path(), &["observe"], &[]));
    assert!(!quiet.contains("asking Flink"), "{quiet}");
}

#[test]
fn promised_a_ledger_that_can_not_be_written_holds_nothing_back() {
    let place = Place::new(&format!("{LOCAL}schedule: {{every: 1h}}\n"));
    let lock = place
        .path()
        .join("manifests.git/refs/heads/plimsoll-ledger.lock");
    fs::create_dir_all(lock.join("x")).unwrap();
    let told = place.run(&["watch"]);
    assert_eq!(told.status.code(), Some(3), "{}", said(&told));
    assert!(
        said(&told).contains("plimsoll-ledger.lock"),
        "{}",
        said(&told)
    );
    assert_eq!(place.run(&["propose"]).status.code(), Some(0));
    fs::remove_dir_all(&lock).unwrap();
    assert_eq!(place.run(&["watch"]).status.code(), Some(0));
    let git = git2::Repository::open(place.path().join("manifests.git")).unwrap();
    assert!(
        git.find_reference("refs/heads/plimsoll-ledger").is_ok(),
        "written next time"
    );
}

#[test]
fn promised_a_run_behind_the_newest_sample_says_so_and_proposes_nothing() {
    let place = Place::new(LOCAL);
    let early = (NOW_MS - 3 * 3_600_000).to_string();
    let told = run_in(place.path(), &["propose", "--now", &early], &[]);
    assert_eq!(told.status.code(), Some(3), "{}", said(&told));
    assert!(said(&told).contains("ahead of the time"), "{}", said(&told));
    assert!(!place.path().join("pull-requests").exists());
}

#[test]
fn promised_no_clock_deletes_or_replaces_a_sample() {
    let place = Place::new("mode: report\n");
    let file = place.path().join("h.sqlite");
    let mut store = SqliteHistory::open(&file, Settings::default()).unwrap();
    let job = store.jobs().unwrap().remove(0);
    let all = |store: &SqliteHistory| store.history(&job, 0, NOW_MS).unwrap();
    let before = all(&store);
    let newest_ms = store.newest_ms().unwrap().unwrap();
    let years = |count: i64| NOW_MS + count * 365 * 24 * 3_600_000;
    // A sample that was stamped by a time that is not the JobManager's counts for nothing.
    let mut ahead = Snapshot::new(job.clone(), years(30), JobState::Running);
    ahead.gaps.push(Gap::new("clock", "the time given differs"));
    store.append(&ahead).unwrap();
    // Nor does one of a job that did not answer, which this machine's clock stamped.
    let unreachable = Snapshot::new(job.clone(), years(20), JobState::Unreachable);
    store.append(&unreachable).unwrap();
    assert_eq!(store.newest_ms().unwrap(), Some(newest_ms));
    for now_ms in [years(30), years(-1), i64::MAX, i64::MIN] {
        store.compact(now_ms).unwrap();
    }
    let after = all(&store);
    assert_eq!(
        after.points.first().map(|point| point.from_ms),
        before.points.first().map(|point| point.from_ms)
    );
    // Nor is a sample replaced by another one of its time.
    let other = Snapshot::new(job.clone(), newest_ms, JobState::Failed);
    store.append(&other).unwrap();
    assert_eq!(all(&store).latest, before.latest);
}
