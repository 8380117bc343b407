//! A realizer: asked in place of pull requests, and only where they would be opened.

use super::schema::valid;
use super::*;

#[test]
fn plugins_a_realizer_gets_what_would_be_proposed_and_needs_no_forge() {
    let config = |mode: &str| {
        format!(
            "mode: {mode}\nplugins:\n  mover: {{kind: realizer, exec: [sh, mover]}}\nrealizer: mover\n"
        )
    };
    let waiting = plain()
        .values()
        .filter(|item| item["state"] == "propose")
        .count();
    assert!(waiting >= 1);
    let place = Place::new(&config("propose"));
    let answer = |outcome: &str| {
        format!(
            "cat >moved-$$.json\necho '{{\"schema\":\"plimsoll.dev/plugin/v1\",\"outcome\":\"{outcome}\",\"message\":\"ticket 7\"}}'\n"
        )
    };
    place.script("mover", &answer("done"));
    let (done, _) = place.json(&["propose"], 0);
    let done = done["pull_requests"].as_array().unwrap();
    assert_eq!(done.len(), waiting);
    assert!(done.iter().all(|one| one["done"] == "realized"), "{done:?}");
    assert!(
        done.iter()
            .any(|one| one["what"] == "payments/orders-enrich by plug-in mover: ticket 7"),
        "{done:?}"
    );
    let asked = place.written("moved-");
    assert_eq!(asked.len(), waiting);
    let own = asked
        .iter()
        .find(|request| request["job"]["name"] == "orders-enrich")
        .unwrap();
    valid("RealizeRequest", own);
    let planned = &plain()[JOBS[0]]["change"];
    assert_eq!(own["fields"], planned["fields"]);
    assert_eq!(own["wanted"], planned["recommendation"]["proposed"]);
    assert_eq!(own["now"], planned["recommendation"]["now"]);

    for (script, reason) in [
        (answer("failed"), "by plug-in mover: ticket 7"),
        (
            "exit 9\n".to_string(),
            "by plug-in mover: it ended with exit status: 9",
        ),
        (
            "echo '{\"schema\":\"plimsoll.dev/plugin/v1\"}'\n".to_string(),
            "by plug-in mover: its answer can't be read",
        ),
    ] {
        place.script("mover", &script);
        let (done, stderr) = place.json(&["propose"], 3);
        assert!(
            done["pull_requests"]
                .as_array()
                .unwrap()
                .iter()
                .all(|one| one["done"] == "failed")
        );
        assert!(stderr.contains(reason), "{stderr}");
    }

    // A sealed plan is carried out the same way, and so is a scheduled run, whose text says what was done.
    place.script("mover", &answer("done"));
    assert_eq!(
        place.run(&["plan", "--out", "plan.sealed"]).status.code(),
        Some(0)
    );
    let (done, _) = place.json(&["propose", "--from", "plan.sealed"], 0);
    assert_eq!(done["pull_requests"].as_array().unwrap().len(), waiting);
    let output = place.run(&["run"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let text = said(&output);
    assert!(
        text.contains("realized   payments/orders-enrich by plug-in mover: ticket 7"),
        "{text}"
    );

    let quiet = Place::new(&config("report"));
    quiet.script("mover", &answer("done"));
    let (done, _) = quiet.json(&["propose"], 0);
    assert_eq!(done["pull_requests"], serde_json::json!([]));
    assert!(quiet.written("moved-").is_empty());
}
