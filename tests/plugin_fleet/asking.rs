//! Collectors, evaluators and realizers where the plan is made: what they say counts, what they can't say is refused, and whatever
//! they do, it stays with their job.

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
    let (seen, _) = {
        let now = (NOW_MS + 20 * MINUTE_MS).to_string();
        let output = run(
            place.path(),
            &["observe", "--output", "json", "--now", &now],
        );
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        (serde_json::from_slice::<Value>(&output.stdout).unwrap(), ())
    };
    assert_eq!(seen["observed"], 3);
    let collected = place.written("collected-");
    assert_eq!(collected.len(), 3);
    for request in &collected {
        valid("CollectRequest", request);
        assert_eq!(request["ask"], "collect");
        assert_eq!(request["plugin"], "queue");
    }
    let now = (NOW_MS + 20 * MINUTE_MS).to_string();
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
}

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
        let own = gaps(&plan[JOBS[0]]);
        assert!(
            own.iter()
                .any(|gap| gap.starts_with("evaluator nobody: the annotation")),
            "{own:?}"
        );
        assert!(
            stderr.contains("payments/orders-enrich: evaluator nobody: "),
            "{stderr}"
        );
        assert_eq!(decided(&plan[JOBS[0]]), decided(&plain()[JOBS[0]]));
    }
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

    let quiet = Place::new(&config("report"));
    quiet.script("mover", &answer("done"));
    let (done, _) = quiet.json(&["propose"], 0);
    assert_eq!(done["pull_requests"], serde_json::json!([]));
    assert!(quiet.written("moved-").is_empty());
}

#[test]
fn plugins_get_a_clean_environment_and_their_stderr_is_logged() {
    let place = Place::new(&with_evaluator(", env: [LISTED, FIXED=yes, ABSENT]"));
    place.script(
        "fair",
        &format!("cat >/dev/null; env >environment-$$; pwd >>environment-$$; printf 'a word of \\033[31mcolour\\n' >&2; echo '{SILENT}'\n"),
    );
    let secrets = [
        ("GITHUB_TOKEN", "ghp_secret"),
        ("KUBECONFIG", "/secret"),
        ("HOME", "/secret"),
        ("LISTED", "listed"),
    ];
    let now = NOW_MS.to_string();
    let output = run_in(place.path(), &["plan", "-v", "--now", &now], &secrets);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(stderr.contains("plug-in fair: a word of "), "{stderr}");
    assert!(!stderr.contains("\u{1b}[31mcolour"), "{stderr}");
    let mut seen = 0;
    for file in fs::read_dir(place.path()).unwrap() {
        let path = file.unwrap().path();
        if !path
            .file_name()
            .unwrap()
            .to_string_lossy()
            .starts_with("environment-")
        {
            continue;
        }
        seen += 1;
        let text = fs::read_to_string(path).unwrap();
        assert!(
            !text.contains("secret") && !text.contains("GITHUB_TOKEN"),
            "{text}"
        );
        assert!(
            text.contains("LISTED=listed\n") && text.contains("FIXED=yes\n"),
            "{text}"
        );
        assert!(text.contains("PATH=") && !text.contains("ABSENT"), "{text}");
    }
    assert_eq!(seen, 3);
    // Without -v the log is silent, and so is the plug-in.
    let output = place.run(&["plan"]);
    assert!(!said(&output).contains("a word of"));
}

#[test]
fn plugins_that_are_configured_wrongly_are_refused_with_exit_code_2() {
    let place = Place::new("");
    for (config, wanted) in [
        (
            "evaluators: [nobody]\n",
            "evaluators: there is no evaluator `nobody`",
        ),
        (
            "collectors: [nobody]\n",
            "collectors: there is no collector `nobody`",
        ),
        (
            "realizer: nobody\n",
            "realizer: there is no realizer `nobody`",
        ),
        (
            "plugins: {x: {kind: collector, exec: [true]}}\nevaluators: [x]\n",
            "there is no evaluator `x`",
        ),
        (
            "plugins: {x: {kind: collector, exec: []}}\n",
            "plugins.x.exec names no program",
        ),
        ("plugins: {x: {kind: judge, exec: [true]}}\n", "judge"),
        (
            "plugins: {x: {kind: collector, exec: [a], timout: 3s}}\n",
            "timeout",
        ),
        (
            "plugins: {x: {kind: collector, exec: [a], timeout: 1h}}\n",
            "plugins.x.timeout is not between",
        ),
        (
            "plugins: {x: {kind: collector, exec: [a], max_output: 1g}}\n",
            "plugins.x.max_output is not between",
        ),
        (
            "plugins: {x: {kind: collector, exec: [a], env: [\"A-B\"]}}\n",
            "plugins.x.env",
        ),
        (
            "plugins: {\"a b\": {kind: collector, exec: [a]}}\n",
            "is no name",
        ),
    ] {
        place.configure(config);
        let output = place.run(&["plan"]);
        assert_eq!(output.status.code(), Some(2), "{config}: {}", said(&output));
        assert!(
            said(&output).contains(wanted),
            "{config}: {}",
            said(&output)
        );
    }
}

#[test]
fn plugins_are_looked_for_by_check() {
    let place = Place::new(
        "plugins:\n  there: {kind: evaluator, exec: [./fair]}\n  shell: {kind: collector, exec: [sh, x]}\n  gone: {kind: realizer, exec: [./nowhere]}\ncollectors: [shell]\n",
    );
    place.script("fair", "");
    let output = place.run(&["check"]);
    let text = said(&output);
    let line = |name: &str| {
        text.lines()
            .find(|line| line.contains(name))
            .unwrap_or_default()
            .to_string()
    };
    assert!(
        line("plug-in there").starts_with("ok")
            && line("plug-in there").contains("whose annotation names it"),
        "{text}"
    );
    assert!(line("plug-in shell").starts_with("ok"), "{text}");
    assert!(
        line("plug-in gone").starts_with("FAIL")
            && line("plug-in gone").contains("plugins.gone.exec"),
        "{text}"
    );
}
