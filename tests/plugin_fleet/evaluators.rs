//! Evaluators: what they say counts, what they can't say is refused, and whatever they do, it stays with their job.

use super::*;

#[test]
fn plugins_a_named_load_decides_and_is_told_everywhere() {
    let before = &plain()[JOBS[0]];
    let load = before["change"]["recommendation"]["demand"]["load_per_second"]
        .as_f64()
        .unwrap();
    let proposed = |item: &Value| {
        item["change"]["recommendation"]["proposed"]["parallelism"]
            .as_u64()
            .unwrap_or(12)
    };
    let place = Place::new(&with_evaluator(""));
    let answer = |factor: f64| {
        let load = load * factor;
        format!(
            "case \"$(cat)\" in *'\"name\":\"orders-enrich\"'*) echo '{{\"schema\":\"plimsoll.dev/plugin/v1\",\"demand\":{{\"load_per_second\":{load}}},\"message\":\"a fair is on\"}}';; *) echo '{SILENT}';; esac\n"
        )
    };
    // Ten times as much: it grows, though nothing of it was seen.
    place.script("fair", &answer(10.0));
    let (plan, _) = place.plan(0);
    let grown = &plan[JOBS[0]];
    let advice = &grown["change"]["recommendation"];
    assert_eq!(
        advice["direction"], "grow",
        "{}: {}",
        grown["reason"], grown["message"]
    );
    assert!(proposed(grown) > 12, "{}", advice["proposed"]);
    assert_eq!(advice["demand"]["basis"], "plugin");
    for job in &JOBS[1..] {
        assert_eq!(decided(&plan[*job]), decided(&plain()[*job]), "{job}");
    }
    let told = &grown["change"]["evidence"]["details"]["plugins"];
    assert_eq!(told["replacements"][0]["plugin"], "fair");
    assert_eq!(told["replacements"][0]["value"], "load");
    assert!((told["replacements"][0]["before"].as_f64().unwrap() - load).abs() < load * 1e-9);
    assert!((told["replacements"][0]["after"].as_f64().unwrap() - load * 10.0).abs() < load * 1e-6);
    assert_eq!(told["said"][0]["message"], "a fair is on");
    let explained = place.run(&["explain", JOBS[0]]);
    assert_eq!(explained.status.code(), Some(0), "{}", said(&explained));
    let text = said(&explained);
    assert!(text.contains("load by plug-in fair: "), "{text}");
    assert!(
        text.contains(" in place of ") && text.contains("plug-in fair: a fair is on"),
        "{text}"
    );
    // The plan without a plug-in tells nothing of one.
    assert!(
        before["change"]["evidence"]["details"]
            .get("plugins")
            .is_none()
    );
    // Less than was seen is believed too: smaller still, or at least not dearer.
    place.script("fair", &answer(0.3));
    let (plan, _) = place.plan(0);
    let cost = |item: &Value| {
        item["change"]["recommendation"]["cost_proposed"]["per_month"]
            .as_f64()
            .unwrap()
    };
    assert!(cost(&plan[JOBS[0]]) <= cost(before));
}

#[test]
fn plugins_a_replaced_capacity_of_a_vertex_changes_the_size() {
    let before = &plain()[JOBS[0]]["change"]["recommendation"];
    let vertices = before["capacities"].as_array().unwrap();
    let slower: Vec<String> = vertices
        .iter()
        .map(|vertex| {
            let rate = vertex["true_rate_per_second"].as_f64().unwrap() / 8.0;
            format!(
                "{}:{{\"true_rate_per_second\":{rate},\"sd_ln\":0.1}}",
                vertex["id"]
            )
        })
        .collect();
    let place = Place::new(&with_evaluator(""));
    place.script(
        "fair",
        &format!(
            "case \"$(cat)\" in *'\"name\":\"orders-enrich\"'*) echo '{{\"schema\":\"plimsoll.dev/plugin/v1\",\"vertices\":{{{}}}}}';; *) echo '{SILENT}';; esac\n",
            slower.join(",")
        ),
    );
    let (plan, _) = place.plan(0);
    let item = &plan[JOBS[0]];
    let slots = |size: &Value| {
        size["task_managers"].as_u64().unwrap() * size["slots_per_task_manager"].as_u64().unwrap()
    };
    match item["change"]["recommendation"]["proposed"].as_object() {
        Some(_) => assert!(
            slots(&item["change"]["recommendation"]["proposed"]) > slots(&before["proposed"]),
            "{}",
            item["change"]["recommendation"]["proposed"]
        ),
        // Or the size that is there is what it takes.
        None => assert_eq!(item["state"], "keep", "{}", item["message"]),
    }
    assert_ne!(decided(item), decided(&plain()[JOBS[0]]));
    let text = said(&place.run(&["explain", JOBS[0]]));
    let named = text.matches(" by plug-in fair: ").count();
    assert!(named >= 2 * vertices.len(), "{named}: {text}");
    assert!(
        text.contains("true rate of ") && text.contains("uncertainty of the true rate of "),
        "{text}"
    );
}

#[test]
fn plugins_insane_values_are_refused_and_change_nothing() {
    let place = Place::new(&with_evaluator(""));
    for (value, reason) in [
        ("NaN", "its answer can't be read"),
        ("1e999", "its answer can't be read"),
        ("\"12\"", "its answer can't be read"),
        ("0", "0 is not above 0"),
        ("-5", "-5 is not above 0"),
        ("1e300", "is not above 0 and at most 1e15"),
    ] {
        place.script(
            "fair",
            &format!("cat >/dev/null; echo '{{\"schema\":\"plimsoll.dev/plugin/v1\",\"demand\":{{\"load_per_second\":{value}}}}}'\n"),
        );
        let (plan, stderr) = place.plan(3);
        for job in JOBS {
            assert_eq!(decided(&plan[job]), decided(&plain()[job]), "{value} {job}");
            let gaps = gaps(&plan[job]);
            assert!(
                gaps.iter()
                    .any(|gap| gap.contains("evaluator fair") && gap.contains(reason)),
                "{value} {job}: {gaps:?}"
            );
            assert!(
                stderr.contains(job) && stderr.contains("evaluator fair"),
                "{stderr}"
            );
        }
    }
}

#[test]
fn plugins_an_evaluator_that_fails_for_a_job_is_a_gap_of_that_job() {
    let place = Place::new(&with_evaluator(", timeout: 3s"));
    let name = JOBS[0].split_once('/').unwrap().1;
    for (bad, reason) in [
        (
            "echo what a day >&2; exit 3",
            "it ended with exit status: 3: what a day",
        ),
        ("sleep 600", "no answer within 3s"),
        ("echo hello", "its answer can't be read"),
        ("exit 0", "it wrote no answer"),
        ("kill -s KILL $$", "SIGKILL"),
        ("yes", "more than 1048576 bytes on stdout"),
        ("echo '{\"schema\":\"v9\"}'", "its answer has schema `v9`"),
        (
            "sleep 600 & echo '{\"schema\":\"plimsoll.dev/plugin/v1\"}'",
            "it left processes behind",
        ),
    ] {
        place.script(
            "fair",
            &format!(
                "case \"$(cat)\" in *'\"name\":\"{name}\"'*) {bad};; *) echo '{SILENT}';; esac\n"
            ),
        );
        let (plan, stderr) = place.plan(3);
        let own = gaps(&plan[JOBS[0]]);
        assert!(
            own.iter()
                .any(|gap| gap.starts_with("evaluator fair: ") && gap.contains(reason)),
            "{bad}: {own:?}"
        );
        assert!(
            stderr.contains(&format!("{}: evaluator fair: ", JOBS[0])),
            "{bad}: {stderr}"
        );
        for job in JOBS {
            assert_eq!(decided(&plan[job]), decided(&plain()[job]), "{bad} {job}");
            assert_eq!(
                gaps(&plan[job]).iter().any(|gap| gap.contains("fair")),
                job == JOBS[0],
                "{bad} {job}"
            );
        }
    }
    let explained = said(&place.run(&["explain", JOBS[0]]));
    assert!(
        explained.contains("not seen: evaluator fair (it left processes behind"),
        "{explained}"
    );
}

#[test]
fn plugins_of_an_annotation_take_the_fleets_place_and_unknown_ones_are_named() {
    let annotated = |names: &str| {
        let text = format!("    plimsoll.dev/tier: \"2\"\n    plimsoll.dev/evaluator: {names}\n");
        move |manifests: BTreeMap<String, String>| {
            manifests
                .into_iter()
                .map(|(path, manifest)| {
                    let changed = manifest.replacen("    plimsoll.dev/tier: \"2\"\n", &text, 1);
                    (
                        path.clone(),
                        if path.contains("payments") {
                            changed
                        } else {
                            manifest
                        },
                    )
                })
                .collect()
        }
    };
    let config = "mode: propose\nplugins:\n  fair: {kind: evaluator, exec: [sh, say, fair]}\n  own: {kind: evaluator, exec: [sh, say, own]}\nevaluators: [fair]\n";
    let place = Place::with(config, annotated("own"));
    place.script("say", &format!("cat >asked-$1-$$.json\necho '{SILENT}'\n"));
    place.plan(0);
    let name = |request: &Value| request["job"]["name"].as_str().unwrap().to_string();
    assert_eq!(
        place
            .written("asked-own-")
            .iter()
            .map(name)
            .collect::<Vec<_>>(),
        ["orders-enrich"]
    );
    assert_eq!(place.written("asked-fair-").len(), 2);

    for config in [config, "mode: propose\n"] {
        let place = Place::with(config, annotated("\"nobody\""));
        place.script("say", &format!("cat >/dev/null\necho '{SILENT}'\n"));
        let (plan, stderr) = place.plan(3);
        let item = &plan[JOBS[0]];
        assert_eq!(
            (&item["state"], &item["reason"]),
            (&"held".into(), &"owner-unreadable".into())
        );
        assert!(
            stderr.contains("payments/orders-enrich: the annotation plimsoll.dev/evaluator is `nobody`: no such plug-in"),
            "{stderr}"
        );
    }
}
