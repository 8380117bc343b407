//! What people read: the evidence page of an experiment, and a pull request of the demo as a reviewer would check it.

use assert_cmd::Command;
use plimsoll::experiment::simulation::{Method, Scenario, simulate};
use std::fs;
use std::path::Path;

fn page(folder: &Path, name: &str) -> String {
    let file = folder.join(name);
    Command::new(env!("CARGO_BIN_EXE_plimsoll"))
        .current_dir(folder)
        .args(["simulate", "doe", "--jobs", "0", "--page", name])
        .assert()
        .success();
    fs::read_to_string(file).unwrap()
}

#[test]
fn pages_of_an_experiment_say_what_they_are_and_never_optimal() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["one.html", "one.md"] {
        let text = page(folder.path(), name);
        assert!(text.contains("imulated"), "{name}");
        for word in ["floor", "tested", "chance", "Demand"] {
            assert!(text.contains(word), "{name} says {word}");
        }
        assert!(!text.to_lowercase().contains("optimal"), "{name}");
        assert!(!text.contains("NaN") && !text.contains("inf "), "{name}");
    }
    let html = page(folder.path(), "two.html");
    assert_eq!(
        html,
        page(tempfile::tempdir().unwrap().path(), "two.html"),
        "the same bytes for the same seed"
    );
    assert!(html.contains("<svg"), "charts are drawn");
    assert!(
        !html.contains("<script") && !html.contains("src=\"http"),
        "one self-contained page"
    );
}

#[test]
fn pages_table_of_the_simulation_keeps_its_promises() {
    for scenario in Scenario::ALL {
        let row = simulate(scenario, Method::Procedure { screening: true }, 60, 7).unwrap();
        assert!(row.below_required <= 0.05, "{scenario:?}: {row:?}");
        assert!(row.unsafe_runs <= 0.05, "{scenario:?}: {row:?}");
    }
}
