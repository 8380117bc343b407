//! The example in another language, `docs/plugins/calendar.py`, asked by the binary.

use super::*;
use std::io::Write;

#[test]
fn plugins_the_example_in_python_sizes_for_an_event() {
    let python = Command::new("python3").arg("--version").output();
    if !python.is_ok_and(|output| output.status.success()) {
        let _ = writeln!(
            std::io::stderr(),
            "skipped: there is no python3 to run docs/plugins/calendar.py"
        );
        return;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/plugins/calendar.py");
    let config = |calendar: &str| {
        format!(
            "mode: propose\nplugins:\n  calendar: {{kind: evaluator, exec: [python3, {}, {calendar}], timeout: 60s}}\nevaluators: [calendar]\n",
            script.display()
        )
    };
    let place = Place::new(&config("events.json"));
    // Hours before the time of the plan, hours after it, and one that is on; of another job.
    let events = |factor: &str| {
        format!(
            r#"[{{"job": "payments/*", "from": "2026-03-02T06:00:00Z", "to": "2026-03-02T20:00:00Z", "factor": {factor}, "name": "spring sale"}},
               {{"job": "*", "from": "2026-02-01T00:00:00Z", "to": "2026-02-02T00:00:00Z", "factor": 50, "name": "over"}},
               {{"job": "*", "from": "2027-02-01T00:00:00Z", "to": "2027-02-02T00:00:00Z", "factor": 50, "name": "far away"}}]"#
        )
    };
    place.script("events.json", &events("10"));
    let (plan, _) = place.plan(0);
    let item = &plan[JOBS[0]];
    assert_eq!(
        item["change"]["recommendation"]["direction"], "grow",
        "{}",
        item["message"]
    );
    let told = &item["change"]["evidence"]["details"]["plugins"];
    let replaced = &told["replacements"][0];
    let factor = replaced["after"].as_f64().unwrap() / replaced["before"].as_f64().unwrap();
    assert!((factor - 10.0).abs() < 1e-9, "{told}");
    assert_eq!(
        told["said"][0]["message"],
        "spring sale: 10 times the load until 2026-03-02T20:00:00Z"
    );
    for job in &JOBS[1..] {
        assert_eq!(decided(&plan[*job]), decided(&plain()[*job]), "{job}");
    }
    // A calendar that can't be read is an error in its words, and no size is changed by it.
    for bad in [&events("-1"), "[{", "[{\"job\": \"*\"}]"] {
        place.script("events.json", bad);
        let (plan, stderr) = place.plan(3);
        assert!(
            stderr.contains("evaluator calendar: it ended with exit status: 1: events.json"),
            "{stderr}"
        );
        assert_eq!(decided(&plan[JOBS[0]]), decided(&plain()[JOBS[0]]));
    }
}
