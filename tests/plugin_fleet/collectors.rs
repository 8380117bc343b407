//! Collectors: what they add is there for evaluators, and what they fail at stays with their job.

use super::schema::valid;
use super::*;

#[test]
fn plugins_collectors_add_metrics_that_evaluators_get() {
    let served = Served::at(NOW_MS + 20 * MINUTE_MS);
    let config = "mode: propose\nplugins:\n  queue: {kind: collector, exec: [sh, queue]}\n  fair: {kind: evaluator, exec: [sh, fair]}\ncollectors: [queue]\nevaluators: [fair]\n";
    let place = Place::new(&format!("{config}{}", served.clusters()));
    place.script(
        "queue",
        "cat >collected-$$.json\necho '{\"schema\":\"plimsoll.dev/plugin/v1\",\"metrics\":{\"queue.depth\":7,\"event.factor\":2.5}}'\n",
    );
    place.script("fair", &format!("cat >asked-$$.json\necho '{SILENT}'\n"));
    let now = (NOW_MS + 20 * MINUTE_MS).to_string();
    let observed = run(
        place.path(),
        &["observe", "--output", "json", "--now", &now],
    );
    assert_eq!(observed.status.code(), Some(0), "{}", said(&observed));
    let seen: Value = serde_json::from_slice(&observed.stdout).unwrap();
    assert_eq!(seen["observed"], 3);
    let collected = place.written("collected-");
    assert_eq!(collected.len(), 3);
    for request in &collected {
        valid("CollectRequest", request);
        assert_eq!(request["ask"], "collect");
        assert_eq!(request["plugin"], "queue");
    }
    let planned = run(place.path(), &["plan", "--now", &now]);
    assert_eq!(planned.status.code(), Some(0), "{}", said(&planned));
    let asked = place.written("asked-");
    assert_eq!(asked.len(), 3);
    for request in &asked {
        valid("EvaluateRequest", request);
        let external = &request["history"]["latest_running"]["external"];
        assert_eq!(external["queue.depth"], 7.0, "{}", request["job"]);
        assert_eq!(external["event.factor"], 2.5);
        assert!(request["demand"]["load_per_second"].as_f64().unwrap() > 0.0);
        assert!(!request["capacities"].as_array().unwrap().is_empty());
    }
}

#[test]
fn plugins_collectors_that_fail_are_gaps_of_the_job_and_the_look_is_kept() {
    let served = Served::at(NOW_MS + 20 * MINUTE_MS);
    let config = "mode: propose\nplugins:\n  good: {kind: collector, exec: [sh, good]}\n  bad: {kind: collector, exec: [sh, bad]}\ncollectors: [bad, good]\n";
    let place = Place::new(&format!("{config}{}", served.clusters()));
    place.script(
        "good",
        "echo '{\"schema\":\"plimsoll.dev/plugin/v1\",\"metrics\":{\"depth\":7,\"two words\":1}}'\n",
    );
    // Of one job it says nothing, of the others what can't be read.
    place.script(
        "bad",
        "case \"$(cat)\" in *'\"name\":\"orders-enrich\"'*) echo no service >&2; exit 4;; esac; echo '{\"schema\":\"plimsoll.dev/plugin/v1\",\"metrics\":{\"x\":NaN}}'\n",
    );
    let now = (NOW_MS + 20 * MINUTE_MS).to_string();
    let arguments = [
        "observe",
        "--output",
        "json",
        "--now",
        &now,
        "--out",
        "seen.jsonl",
    ];
    let output = run(place.path(), &arguments);
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    let seen: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(seen["observed"], 3);
    let problems: Vec<&str> = seen["plugins"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p.as_str().unwrap())
        .collect();
    assert_eq!(problems.len(), 6, "{problems:?}");
    let about = |text: &str| {
        problems
            .iter()
            .filter(|problem| problem.contains(text))
            .count()
    };
    assert_eq!(
        about("payments/orders-enrich: collector bad: it ended with exit status: 4: no service"),
        1,
        "{problems:?}"
    );
    assert_eq!(
        about("collector bad: its answer can't be read"),
        2,
        "{problems:?}"
    );
    assert_eq!(
        about("metric two words of collector good: its name"),
        3,
        "{problems:?}"
    );
    let lines = fs::read_to_string(place.path().join("seen.jsonl")).unwrap();
    assert_eq!(lines.matches("\"external\":{\"depth\":7.0}").count(), 3);
    // What is made to be shared holds nothing that a plug-in said.
    let later = (NOW_MS + 21 * MINUTE_MS).to_string();
    let shared = [
        "observe",
        "--redact",
        "--out",
        "shared.jsonl",
        "--now",
        &later,
    ];
    assert_eq!(run(place.path(), &shared).status.code(), Some(3));
    let lines = fs::read_to_string(place.path().join("shared.jsonl")).unwrap();
    assert_eq!(
        lines
            .matches("{\"what\":\"collector\",\"reason\":\"(redacted)\"}")
            .count(),
        6
    );
    for foreign in ["depth", "two words", "no service", "collector bad"] {
        assert!(!lines.contains(foreign), "{foreign}: {lines}");
    }
}
