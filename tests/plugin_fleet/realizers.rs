//! A realizer: asked in place of pull requests, and only where they would be opened.

use super::schema::valid;
use super::*;

/// The answer of a realizer that did it.
const DONE: &str = "cat >moved-$$.json\necho '{\"schema\":\"plimsoll.dev/plugin/v1\",\"outcome\":\"done\",\"message\":\"ticket 7\"}'\n";

/// The fleet with a realizer named on the first job.
fn with_realizer_of_first(config: &str, name: &str) -> Place {
    let place = Place::with(config, |mut manifests| {
        let own = format!("    plimsoll.dev/tier: \"2\"\n    plimsoll.dev/realizer: {name}\n");
        for (file, text) in &mut manifests {
            if file.contains("payments") {
                *text = text.replacen("    plimsoll.dev/tier: \"2\"\n", &own, 1);
            }
        }
        manifests
    });
    place.script("mover", DONE);
    place
}

#[test]
fn plugins_an_owner_chooses_what_carries_the_changes_of_a_job_out() {
    let plugins = "mode: propose\nforge: {kind: local}\nplugins:\n  mover: {kind: realizer, exec: [sh, mover]}\n";
    let waiting: Vec<&String> = plain()
        .iter()
        .filter(|(_, item)| item["state"] == "propose")
        .map(|(job, _)| job)
        .collect();
    assert!(waiting.len() >= 2 && waiting.contains(&&JOBS[0].to_string()));
    let opened = |place: &Place| {
        fs::read_dir(place.path().join("pull-requests")).map_or(0, |files| {
            files
                .filter(|file| {
                    let path = file.as_ref().unwrap().path();
                    path.extension().is_some_and(|end| end == "md")
                })
                .count()
        })
    };
    // One job by the realizer that its manifest names, the others as pull requests.
    for sealed in [false, true] {
        let place = with_realizer_of_first(plugins, "mover");
        let arguments: &[&str] = if sealed {
            assert_eq!(
                place.run(&["plan", "--out", "plan.json"]).status.code(),
                Some(0)
            );
            &["propose", "--from", "plan.json"]
        } else {
            &["propose"]
        };
        let (done, _) = place.json(arguments, 0);
        let done = done["pull_requests"].as_array().unwrap();
        let realized: Vec<&Value> = done
            .iter()
            .filter(|one| one["done"] == "realized")
            .collect();
        assert_eq!(realized.len(), 1, "{done:?}");
        assert!(realized[0].to_string().contains(JOBS[0]), "{done:?}");
        assert_eq!(place.written("moved-").len(), 1);
        assert_eq!(opened(&place), waiting.len() - 1, "{done:?}");
    }
    // All by the realizer of the fleet, but one that wants a pull request.
    let place = with_realizer_of_first(&format!("{plugins}realizer: mover\n"), "pull-request");
    let (done, _) = place.json(&["propose"], 0);
    assert_eq!(
        done["pull_requests"].as_array().unwrap().len(),
        waiting.len()
    );
    assert_eq!(place.written("moved-").len(), waiting.len() - 1);
    assert_eq!(opened(&place), 1);
    // One that is not there holds the job by name.
    let place = with_realizer_of_first(plugins, "movr");
    let (plan, said) = place.plan(3);
    assert_eq!(plan[JOBS[0]]["reason"], "owner-unreadable", "{said}");
    assert!(said.contains("movr") && said.contains("mover"), "{said}");
}

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
