//! A history that can't be read.

use crate::plugin_fleet::{NOW_MS, Place, Served, said};
use std::fs;

const LOCAL: &str = "mode: propose\nforge: {kind: local}\nschedule: {every: 1h}\n";

fn ledger_is_written(place: &Place) -> bool {
    let git = git2::Repository::open(place.path().join("manifests.git")).unwrap();
    git.find_reference("refs/heads/plimsoll-ledger").is_ok()
}

#[test]
fn hostile_a_history_too_damaged_to_open_keeps_no_watch_from_running() {
    let served = Served::at(NOW_MS);
    for clusters in [String::new(), served.clusters()] {
        let place = Place::new(&format!("{LOCAL}{clusters}"));
        let file = place.path().join("h.sqlite");
        let damaged =
            b"this was a history, and its beginning was overwritten by something".repeat(100);
        fs::write(&file, &damaged).unwrap();
        // Whoever needs the history fails, and says by what.
        for arguments in [&["plan"][..], &["propose"]] {
            let told = place.run(arguments);
            assert_eq!(
                told.status.code(),
                Some(1),
                "{arguments:?}: {}",
                said(&told)
            );
            assert!(said(&told).contains("h.sqlite"), "{}", said(&told));
        }
        for arguments in [&["watch"][..], &["run"], &["watch", "--out", "watch.json"]] {
            let told = place.run(arguments);
            assert_eq!(
                told.status.code(),
                Some(3),
                "{arguments:?}: {}",
                said(&told)
            );
            let text = said(&told);
            assert!(
                text.contains("h.sqlite") && text.contains("not a history file"),
                "{text}"
            );
        }
        assert!(ledger_is_written(&place), "the heartbeat was left");
        assert!(place.path().join("watch.json").exists());
        assert!(!place.path().join("pull-requests").exists());
        assert_eq!(fs::read(&file).unwrap(), damaged, "it is left to its owner");
    }
}

#[test]
fn hostile_damage_that_a_plan_sees_an_observation_sees() {
    let served = Served::at(NOW_MS);
    let place = Place::new(&format!("mode: report\n{}", served.clusters()));
    let whole = place.run(&["observe"]);
    assert_eq!(whole.status.code(), Some(0), "{}", said(&whole));
    let damage = |statement: &str| {
        let file = place.path().join("h.sqlite");
        let connection = rusqlite::Connection::open(file).unwrap();
        assert!(
            connection.execute(statement, []).unwrap() > 0,
            "{statement}"
        );
    };
    // A row that is no document, one that is no bytes, and a block.
    damage("UPDATE snapshot SET body = x'0102' WHERE rowid = (SELECT max(rowid) FROM snapshot)");
    damage("UPDATE snapshot SET body = 'text' WHERE rowid = (SELECT min(rowid) FROM snapshot)");
    damage("UPDATE block SET body = x'00' WHERE rowid = (SELECT min(rowid) FROM block)");
    let told = place.run(&["observe", "--output", "json"]);
    assert_eq!(told.status.code(), Some(3), "{}", said(&told));
    let seen: serde_json::Value = serde_json::from_slice(&told.stdout).unwrap();
    let named = seen["damaged"].as_array().unwrap();
    let rows: usize = named
        .iter()
        .map(|sentence| {
            let (_, rest) = sentence.as_str().unwrap().split_once(": ").unwrap();
            rest.split(' ').next().unwrap().parse::<usize>().unwrap()
        })
        .sum();
    assert_eq!(rows, 3, "{seen}");
    assert_eq!(seen["observed"], 3);
    // None of it keeps a plan of the others, nor a watch, from being made.
    assert_eq!(place.run(&["plan"]).status.code(), Some(0));
    let run = place.run(&["run"]);
    assert_eq!(run.status.code(), Some(3), "{}", said(&run));
    assert!(
        said(&run).contains("damaged and left out"),
        "{}",
        said(&run)
    );
}
