//! The built-in evaluators through the protocol: `plimsoll evaluate NAME < request.json`.

use super::schema::valid;
use super::*;
use std::io::Write;
use std::process::Stdio;

const NAMES: [&str; 5] = [
    "plimsoll",
    "true_rate",
    "autotune",
    "backlog",
    "latency_violation",
];

fn evaluate(name: &str, request: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_plimsoll"))
        .env_clear()
        .args(["evaluate", name])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // One that has seen enough closes its end.
    let _ = child.stdin.take().unwrap().write_all(request);
    child.wait_with_output().unwrap()
}

/// What our own evaluator was asked about the first job.
fn request() -> Value {
    let place = Place::new(&with_evaluator(""));
    place.script("fair", &format!("cat >asked-$$.json\necho '{SILENT}'\n"));
    place.run(&["plan", JOBS[0]]);
    place.written("asked-").remove(0)
}

#[test]
fn plugins_every_built_in_evaluator_speaks_the_protocol() {
    let request = request();
    let bytes = serde_json::to_vec(&request).unwrap();
    // This history holds no latency: without one the rule says so, with one it answers.
    let blind = evaluate("latency_violation", &bytes);
    assert_eq!(blind.status.code(), Some(1), "{}", said(&blind));
    let text = said(&blind);
    assert_eq!(
        text.matches("the job reports no latency").count(),
        1,
        "{text}"
    );
    let mut measured = request.clone();
    let vertex = request["capacities"][0]["id"].as_str().unwrap();
    measured["latency"] =
        serde_json::json!({"job_ms": [null, 9e6, 9e6, 9e6], "vertices_ms": {vertex: 8e6}});
    valid("EvaluateRequest", &measured);
    let with_latency = serde_json::to_vec(&measured).unwrap();
    measured["latency"]["job_ms"][1] = (-1.0).into();
    let wrong = evaluate("latency_violation", &serde_json::to_vec(&measured).unwrap());
    assert_eq!(wrong.status.code(), Some(2), "{}", said(&wrong));
    for name in NAMES {
        let bytes = if name == "latency_violation" {
            &with_latency
        } else {
            &bytes
        };
        let output = evaluate(name, bytes);
        assert_eq!(output.status.code(), Some(0), "{name}: {}", said(&output));
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        valid("EvaluateAnswer", &answer);
        assert!(!answer["detail"].is_null(), "{name}: {answer}");
        if name == "plimsoll" {
            // Our own estimate is what plug-ins are told, to the last digit.
            assert_eq!(
                answer["demand"]["load_per_second"],
                request["demand"]["load_per_second"]
            );
            for vertex in request["capacities"].as_array().unwrap() {
                let told = &answer["vertices"][vertex["id"].as_str().unwrap()];
                assert_eq!(told["true_rate_per_second"], vertex["true_rate_per_second"]);
                assert_eq!(told["required_per_second"], vertex["required_per_second"]);
            }
        }
    }
}

#[test]
fn plugins_what_is_no_request_is_refused_with_exit_code_2() {
    for bad in [
        "",
        "{",
        "[]",
        "null",
        "hello",
        "{\"schema\":\"plimsoll.dev/plugin/v1\"}",
        "\u{0}",
    ] {
        let output = evaluate("backlog", bad.as_bytes());
        assert_eq!(output.status.code(), Some(2), "{bad}: {}", said(&output));
        assert!(
            said(&output).contains("stdin holds no request: "),
            "{bad}: {}",
            said(&output)
        );
        assert!(said(&output).contains("schema plugin"), "{bad}");
        assert!(output.stdout.is_empty(), "{bad}");
    }
    let output = evaluate("backlok", b"");
    assert_eq!(output.status.code(), Some(2));
    assert!(
        said(&output).contains("there is no evaluator `backlok`: name one of plimsoll, true_rate"),
        "{}",
        said(&output)
    );
    let mut other = request();
    other["schema"] = "plimsoll.dev/plugin/v2".into();
    let output = evaluate("plimsoll", &serde_json::to_vec(&other).unwrap());
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("plimsoll.dev/plugin/v2"));
}

/// Every number of the points in turn becomes one that no job has. Whatever is said to it, it is an answer by the schema or an
/// error in words.
#[test]
fn plugins_a_request_of_insane_numbers_gets_an_answer_or_an_error() {
    let request = request();
    for insane in [-1.0, 0.0, 1e300, -1e300, 5e-324] {
        let mut wrong = request.clone();
        spoil(&mut wrong["history"]["points"], insane);
        let bytes = serde_json::to_vec(&wrong).unwrap();
        for name in NAMES {
            let output = evaluate(name, &bytes);
            match output.status.code() {
                Some(0) => valid(
                    "EvaluateAnswer",
                    &serde_json::from_slice(&output.stdout).unwrap(),
                ),
                Some(1 | 2) => assert!(
                    said(&output).starts_with("error: "),
                    "{name}: {}",
                    said(&output)
                ),
                other => panic!("{name} {insane}: {other:?} {}", said(&output)),
            }
        }
    }
}

fn spoil(value: &mut Value, insane: f64) {
    match value {
        Value::Number(number) if number.is_f64() => *value = insane.into(),
        Value::Array(items) => items.iter_mut().for_each(|item| spoil(item, insane)),
        Value::Object(fields) => fields.values_mut().for_each(|field| spoil(field, insane)),
        _ => {}
    }
}
