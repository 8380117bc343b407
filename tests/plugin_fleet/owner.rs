//! What owners write on their jobs, as a user meets it: what is not understood holds the job by name, and opens nothing.

use super::*;

/// The first two jobs with one annotation each, where the fleet's mode is `propose`: their items of the plan, and what is said.
fn planned(first: (&str, &str), second: (&str, &str), code: i32) -> ([Value; 2], String, Place) {
    let place = Place::with("mode: propose\n", |mut manifests| {
        for (file, text) in &mut manifests {
            let quoted = |(key, value): (&str, &str)| format!("\"{key}\": {value}");
            if file.contains("payments") {
                let own = format!("    plimsoll.dev/tier: \"2\"\n    {}\n", quoted(first));
                *text = text.replacen("    plimsoll.dev/tier: \"2\"\n", &own, 1);
            } else if file.contains("click-sessions") {
                let own = format!(
                    "  namespace: search\n  annotations: {{{}}}\n",
                    quoted(second)
                );
                *text = text.replacen("  namespace: search\n", &own, 1);
            }
        }
        manifests
    });
    let (mut plan, said) = place.plan(code);
    let items = [JOBS[0], JOBS[1]].map(|job| plan.remove(job).unwrap());
    (items, said, place)
}

#[test]
fn owner_words_are_read_without_regard_to_case_and_blanks() {
    let mode = "plimsoll.dev/mode";
    let ([first, second], _, _) = planned((mode, "Report"), (mode, "\" ignore \""), 0);
    assert_eq!(
        (&first["state"], &second["state"]),
        (&"report".into(), &"ignored".into())
    );
    assert_eq!(second["reason"], "opted-out");
    let ([first, second], _, _) = planned((mode, "\"Propose \""), (mode, "IGNORE"), 0);
    assert_eq!(
        (&first["state"], &second["state"]),
        (&"propose".into(), &"ignored".into())
    );
}

#[test]
fn owner_words_that_are_not_understood_hold_the_job_by_name() {
    for (first, second) in [
        (
            (
                "plimsoll.dev/mode",
                "\"off\"",
                "`ignore`, `report` or `propose`",
            ),
            (
                "plimsoll.dev/hold-until",
                "2026-13-01",
                "2026-12-01T08:00:00Z",
            ),
        ),
        (
            (
                "plimsoll.dev/mod",
                "ignore",
                "did you mean plimsoll.dev/mode?",
            ),
            (
                "plimsoll.dev/hold-until",
                "\"2027-01-01[Europe/Berlin]\"",
                "2026-12-01T08:00:00Z",
            ),
        ),
        (
            ("plimsoll.dev/mode", "", "in quotes"),
            (
                "plimsol.dev/mode",
                "ignore",
                "did you mean plimsoll.dev/mode?",
            ),
        ),
    ] {
        let ([one, two], said, place) = planned((first.0, first.1), (second.0, second.1), 3);
        for (item, (key, _, allowed)) in [(&one, first), (&two, second)] {
            let message = item["message"].as_str().unwrap();
            assert_eq!(item["state"], "held", "{message}");
            assert_eq!(item["reason"], "owner-unreadable", "{message}");
            assert!(
                message.contains(key) && message.contains(allowed),
                "{message}"
            );
            assert!(said.contains(key), "{said}");
        }
        let done = place.run(&["propose", "--forge", "patch"]);
        let patches = place.path().join("patches");
        let opened = fs::read_dir(&patches).map_or(0, |files| {
            let names = files.map(|file| file.unwrap().file_name().to_string_lossy().into_owned());
            names
                .filter(|name| name.contains("orders-enrich") || name.contains("click-sessions"))
                .count()
        });
        assert_eq!(opened, 0, "{}", super::said(&done));
    }
}

#[test]
fn owner_words_that_are_not_understood_show_in_check() {
    let (_, _, place) = planned(
        ("plimsoll.dev/mode", "\"off\""),
        ("plimsoll.dev/reason", "why not"),
        3,
    );
    let served = Served::at(NOW_MS);
    place.configure(&format!("mode: propose\n{}", served.clusters()));
    let check = said(&place.run(&["check"]));
    assert!(
        check.contains(
            "FAIL owner of payments/orders-enrich: the annotation plimsoll.dev/mode is `off`"
        ),
        "{check}"
    );
    assert!(!check.contains("owner of search/click-sessions"), "{check}");
}
