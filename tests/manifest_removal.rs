//! Fields that are taken away again: what was added goes without a trace, everything else stays.

use plimsoll::manifest::{
    Catalog, Change, EditOptions, FieldPath, ObjectKey, Refusal, Tree, check, check_fields,
};
use proptest::prelude::*;
use serde::Serialize;
use serde_json::{Value, json};

const HEAD: &str = "apiVersion: flink.apache.org/v1beta1\nkind: FlinkDeployment\nmetadata: {name: job, namespace: lab}\n";
const MEMORY: &str = "spec.taskManager.resource.memory";

fn key() -> ObjectKey {
    ObjectKey {
        group: "flink.apache.org".to_owned(),
        kind: "FlinkDeployment".to_owned(),
        namespace: Some("lab".to_owned()),
        name: "job".to_owned(),
    }
}

fn path(text: &str) -> FieldPath {
    text.parse().expect("path")
}

fn tree(file: &str, text: &str) -> Tree {
    Tree::from([(file.to_owned(), text.as_bytes().to_vec())])
}

fn file_of(text: &str) -> &'static str {
    let json = text.trim_start_matches('\u{feff}').starts_with('{');
    if json { "job.json" } else { "job.yaml" }
}

fn removed(text: &str, field: &str, keep: Option<&str>) -> Result<String, Refusal> {
    let file = file_of(text);
    let files = tree(file, text);
    let catalog = Catalog::read(&files);
    let mut less = match keep {
        Some(keep) => catalog.remove_keeping(&key(), &path(field), &path(keep), None)?,
        None => catalog.remove(&key(), &path(field), None)?,
    };
    let bytes = less.remove(file).unwrap_or_else(|| text.into());
    Ok(String::from_utf8(bytes).expect("UTF-8"))
}

fn created(text: &str, set: &[(&str, Value)]) -> String {
    let file = file_of(text);
    let changes: Vec<Change> = set
        .iter()
        .map(|(field, value)| Change {
            path: path(field),
            value: value.clone(),
        })
        .collect();
    let options = EditOptions {
        create: true,
        ..EditOptions::default()
    };
    let files = tree(file, text);
    let edited = Catalog::read(&files).edit(&key(), &changes, &options);
    let mut edited = edited.unwrap_or_else(|refusal| panic!("{refusal}\n{text}"));
    let bytes = edited.files.remove(file).expect("a change");
    String::from_utf8(bytes).expect("UTF-8")
}

#[track_caller]
fn becomes(spec: &str, field: &str, expected: &str) {
    let got = removed(&format!("{HEAD}{spec}"), field, None);
    let got = got.unwrap_or_else(|refusal| panic!("refused: {refusal}\n{spec}"));
    assert_eq!(got, format!("{HEAD}{expected}"));
}

#[track_caller]
fn refused(spec: &str, field: &str, code: &str) {
    match removed(&format!("{HEAD}{spec}"), field, None) {
        Ok(text) => panic!("not refused:\n{text}"),
        Err(refusal) => assert_eq!(refusal.code(), code, "{refusal}"),
    }
}

#[test]
fn a_line_goes_with_its_comment_and_no_other() {
    let option = "spec.flinkConfiguration[\"a.b\"]";
    becomes(
        "spec:\n  flinkConfiguration:\n    # above\n    a.b: \"1\" # beside\n    # below\n    c: d\n",
        option,
        "spec:\n  flinkConfiguration:\n    # above\n    # below\n    c: d\n",
    );
    becomes(
        "spec:\n  flinkConfiguration:\n    c: d\n    a.b: '#1'",
        option,
        "spec:\n  flinkConfiguration:\n    c: d",
    );
    becomes(
        "spec:\n  flinkConfiguration:\n    a.b: |\n      1\n\n    c: d\n",
        option,
        "spec:\n  flinkConfiguration:\n\n    c: d\n",
    );
    becomes(
        "spec:\n  flinkConfiguration:\n    a.b: \"1\n      2\"\n    c: d\n",
        option,
        "spec:\n  flinkConfiguration:\n    c: d\n",
    );
}

#[test]
fn mappings_that_become_empty_go_unless_they_were_there_before() {
    becomes(
        "spec:\n  job: {parallelism: 2}\n  taskManager:\n    # sizes\n    resource:\n      memory: 2g\n",
        MEMORY,
        "spec:\n  job: {parallelism: 2}\n    # sizes\n",
    );
    becomes(
        "spec:\n  taskManager:\n    resource: {memory: 2g}\n",
        MEMORY,
        "spec:\n  taskManager:\n    resource: {}\n",
    );
    becomes(
        "spec:\n  taskManager: { resource: { memory: 2g } }\n",
        MEMORY,
        "spec:\n  taskManager: { resource: { } }\n",
    );
    becomes(
        "spec:\n  flinkConfiguration:\n    a:\n      b: 1\n      c:\n        d: 2\n",
        "spec.flinkConfiguration[\"a.c.d\"]",
        "spec:\n  flinkConfiguration:\n    a:\n      b: 1\n",
    );
}

#[test]
fn entries_between_braces_go_with_one_separator() {
    for (spec, expected) in [
        ("{memory: 2g, cpu: 1}", "{cpu: 1}"),
        ("{cpu: 1, memory: 2g}", "{cpu: 1}"),
        ("{cpu: 1 , memory: 2g, }", "{cpu: 1, }"),
        (
            "{ cpu: 1,\n      memory: 2g,\n      x: 2 }",
            "{ cpu: 1,\n      x: 2 }",
        ),
        ("{\"memory\": !!str 2g, cpu: 1}", "{cpu: 1}"),
    ] {
        let spec = format!("spec:\n  taskManager:\n    resource: {spec} # sizes\n");
        let expected = format!("spec:\n  taskManager:\n    resource: {expected} # sizes\n");
        becomes(&spec, MEMORY, &expected);
    }
}

#[test]
fn what_is_not_there_needs_nothing() {
    let text = format!("{HEAD}spec:\n  job: {{parallelism: 2}}\n");
    assert_eq!(removed(&text, MEMORY, None), Ok(text.clone()));
}

#[test]
fn what_others_read_or_bring_stays() {
    refused(
        "spec:\n  taskManager:\n    resource:\n      memory: &m 2g\n      cpu: 1\n  jobManager: {resource: {memory: *m}}\n",
        MEMORY,
        "anchor-has-consumers",
    );
    refused(
        "spec:\n  jobManager: {resource: {memory: &m 2g}}\n  taskManager: {resource: {memory: *m}}\n",
        MEMORY,
        "aliased-value",
    );
    let merged = "x: &x {memory: 1g}\nspec:\n  taskManager:\n    resource:\n      <<: *x\n";
    refused(merged, MEMORY, "value-from-merge-key");
    refused(
        &format!("{merged}      memory: 2g\n"),
        MEMORY,
        "value-from-merge-key",
    );
    refused(
        "spec:\n  taskManager:\n    resource: &r\n      memory: 2g\n  jobManager: {resource: *r}\n",
        MEMORY,
        "anchor-has-consumers",
    );
    refused(
        "spec:\n  taskManager:\n    resource:\n      memory:\n",
        MEMORY,
        "null-value",
    );
    refused(
        "spec:\n  taskManager:\n    resource: {memory: 2g}\n",
        "spec.taskManager.resource",
        "not-a-scalar",
    );
}

#[test]
fn what_shares_its_place_stays() {
    for (spec, field) in [
        (
            "spec:\n  taskManager:\n    resource:\n      ? memory\n      : 2g\n      cpu: 1\n",
            MEMORY,
        ),
        (
            "spec:\n  taskManager:\n    resource: {cpu: 1, # cores\n      memory: 2g}\n",
            MEMORY,
        ),
        (
            "spec:\n  taskManager:\n    resource: &r\n      memory: 2g\n  x: 1\n",
            MEMORY,
        ),
        (
            "spec:\n  taskManager:\n    resource:\n      memory:\n        # odd\n        2g\n      cpu: 1\n",
            MEMORY,
        ),
        ("spec:\n  job:\n    args: [a, b]\n", "spec.job.args[0]"),
        (
            "spec:\n  job:\n    env:\n      - name: a\n        value: b\n",
            "spec.job.env[0].name",
        ),
    ] {
        refused(spec, field, "unsupported-style");
    }
}

/// A kustomization with a base and one patch.
fn built(patch: &str, base: &str) -> Tree {
    Tree::from([
        (
            "kustomization.yaml".to_owned(),
            format!("resources: [base.yaml]\n{patch}").into_bytes(),
        ),
        (
            "base.yaml".to_owned(),
            format!("{HEAD}spec:\n  job: {{parallelism: 2}}\n{base}").into_bytes(),
        ),
    ])
}

#[test]
fn patches_lose_what_they_added_and_never_reveal_a_base() {
    let inline = "patches:\n  - patch: |\n      apiVersion: flink.apache.org/v1beta1\n      kind: FlinkDeployment\n      metadata: {name: job}\n      spec:\n        job: {state: running}\n        taskManager:\n          resource:\n            memory: 2g\n";
    let field = path(MEMORY);
    for last in ["", "    target: {kind: FlinkDeployment}\n"] {
        let files = built(&format!("{inline}{last}"), "");
        let less = Catalog::read(&files)
            .remove(&key(), &field, None)
            .expect("removed");
        let gone = "        taskManager:\n          resource:\n            memory: 2g\n";
        let before = String::from_utf8(files["kustomization.yaml"].clone()).expect("UTF-8");
        assert_eq!(
            less["kustomization.yaml"],
            before.replace(gone, "").into_bytes()
        );
    }
    let base = "  taskManager: {resource: {memory: 1g}}\n";
    let refusal = Catalog::read(&built(inline, base))
        .remove(&key(), &field, None)
        .expect_err("refused");
    assert_eq!(refusal.code(), "unsupported-style", "{refusal}");
    // The value of an operation is all that it does.
    let operation = "patches:\n  - target: {kind: FlinkDeployment}\n    patch: |\n      - op: add\n        path: /spec/taskManager\n        value: {resource: {memory: 2g}}\n      - op: replace\n        path: /spec/job/parallelism\n        value: 4\n";
    let refusal = Catalog::read(&built(operation, ""))
        .remove(&key(), &path("spec.job.parallelism"), None)
        .expect_err("refused");
    assert_eq!(refusal.code(), "unsupported-style", "{refusal}");
}

#[test]
fn owners_who_opt_out_are_told_apart() {
    for (mode, code) in [
        ("ignore", "opted-out"),
        ("Report", "opted-out"),
        ("off", "owner-unreadable"),
        ("propose", "shadowed-field"),
    ] {
        let text = format!(
            "{}spec: {{job: {{parallelism: 2}}, taskManager: {{replicas: 2}}}}\n",
            HEAD.replace(
                "lab}",
                &format!("lab, annotations: {{plimsoll.dev/mode: {mode}}}}}")
            )
        );
        let files = tree("job.yaml", &text);
        let located = Catalog::read(&files).locate(&key(), None).expect("located");
        let change = Change {
            path: path("spec.job.parallelism"),
            value: json!(4),
        };
        let refusal = check(&located, std::slice::from_ref(&change)).expect_err("refused");
        assert_eq!(refusal.code(), code);
        // The owner's wish hides no other reason.
        let refusal = check_fields(&located, &[change]).expect_err("refused");
        assert_eq!(refusal.code(), "shadowed-field");
    }
}

/// Fields that may be added, none below another.
fn additions() -> Vec<(&'static str, Value)> {
    vec![
        ("spec.jobManager.resource.memory", json!("1600m")),
        ("spec.jobManager.resource.cpu", json!(0.5)),
        ("spec.taskManager.resource.ephemeralStorage", json!("2G")),
        ("spec.taskManager.replicas", json!(3)),
        (
            "spec.flinkConfiguration[\"taskmanager.memory.managed.fraction\"]",
            json!("0.3"),
        ),
        (
            "spec.flinkConfiguration[\"taskmanager.memory.managed.size\"]",
            json!("96m"),
        ),
        (
            "spec.flinkConfiguration[\"taskmanager.numberOfTaskSlots\"]",
            json!("2"),
        ),
        (
            "spec.flinkConfiguration[\"state.backend.type\"]",
            json!("rocksdb: #1"),
        ),
        ("spec.job.upgradeMode", json!("savepoint")),
        ("spec.flinkVersion", json!("v1_20")),
    ]
}

#[derive(Debug, Clone)]
struct Layout {
    crlf: bool,
    mark: bool,
    last_break: bool,
    step: usize,
    job: usize,
    resource: usize,
    options: usize,
    behind: usize,
    comment: String,
}

fn layouts() -> impl Strategy<Value = Layout> {
    (
        (any::<bool>(), any::<bool>(), any::<bool>(), 2..5usize),
        (0..3usize, 0..6usize, 0..7usize, 0..3usize),
        "[ -~ä字]{0,12}",
    )
        .prop_map(|(ends, parts, comment)| Layout {
            crlf: ends.0,
            mark: ends.1,
            last_break: ends.2,
            step: ends.3,
            job: parts.0,
            resource: parts.1,
            options: parts.2,
            behind: parts.3,
            comment,
        })
}

fn yaml(layout: &Layout) -> String {
    let comment = &layout.comment;
    let job = [
        "job: {}",
        "job: { parallelism: 2 } # two",
        "job:\n\tparallelism: 2",
    ];
    let resource = [
        "",
        "taskManager: {}",
        "taskManager: { }",
        "taskManager:\n\tresource: {memory: 2g,cpu: 1}",
        "taskManager:\n\tresource:\n\t\tmemory: |+\n\t\t\t2g\n\n",
        "taskManager: {resource: {\n\t\tmemory: 2g\n\t}}",
    ];
    let options = [
        "",
        "flinkConfiguration: {}",
        "flinkConfiguration: {a: b}",
        "flinkConfiguration:\n\t\"a\": \"b\"   #",
        "flinkConfiguration:\n\ttaskmanager:\n\t\tmemory:\n\t\t\tprocess:\n\t\t\t\tsize: 2g #",
        "flinkConfiguration:\n\ttaskmanager.memory:\n\t\tprocess.size: 2g #",
        "flinkConfiguration:\n\ttaskmanager: {x: 1}\n\tstate.backend: {local: true}\n\t#",
    ];
    let mut lines = vec!["spec:".to_owned()];
    let parts = [
        resource[layout.resource],
        job[layout.job],
        options[layout.options],
    ];
    for part in parts.iter().filter(|part| !part.is_empty()) {
        let noted = if part.ends_with('#') {
            format!("{part}{comment}")
        } else {
            (*part).to_owned()
        };
        let indented = noted.split('\n').map(|line| match line {
            "" => String::new(),
            line => format!("\t{line}"),
        });
        lines.extend(indented);
        lines.push(format!("\t# {comment}"));
    }
    let body = lines.join("\n").replace('\t', &" ".repeat(layout.step));
    let other =
        "\n---\nkind: FlinkDeployment\nmetadata: {name: other}\nspec: {taskManager: {replicas: 1}}";
    let mut text = format!("{HEAD}{body}{}", other.repeat(layout.behind));
    if layout.last_break {
        text.push('\n');
    }
    if layout.crlf {
        text = text.replace('\n', "\r\n");
    }
    if layout.mark {
        text.insert(0, '\u{feff}');
    }
    text
}

/// JSON in several layouts, and the mappings in it that are empty.
fn json_text(style: usize, parts: [usize; 3]) -> (String, Vec<&'static str>) {
    let mut spec = serde_json::Map::new();
    let mut empty = Vec::new();
    let choices = [
        (
            "taskManager",
            [json!({}), json!({"resource": {"memory": "2g"}})],
        ),
        ("job", [json!({}), json!({"parallelism": 2, "args": []})]),
        (
            "flinkConfiguration",
            [json!({}), json!({"a": "b", "c": "1"})],
        ),
    ];
    for ((name, values), part) in choices.into_iter().zip(parts) {
        if part < 2 {
            spec.insert(name.to_owned(), values[part].clone());
        }
        if part == 0 {
            empty.push(match name {
                "taskManager" => "spec.taskManager",
                "job" => "spec.job",
                _ => "spec.flinkConfiguration",
            });
        }
    }
    if spec.is_empty() {
        empty.push("spec");
    }
    let object = json!({
        "apiVersion": "flink.apache.org/v1beta1",
        "kind": "FlinkDeployment",
        "metadata": {"name": "job", "namespace": "lab"},
        "spec": spec,
    });
    let indent: &[u8] = match style {
        0 => return (object.to_string(), empty),
        1 => b"  ",
        _ => b"\t",
    };
    let mut bytes = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(indent);
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, formatter);
    object.serialize(&mut serializer).expect("JSON");
    let text = String::from_utf8(bytes).expect("UTF-8");
    (
        if style == 3 {
            text.replace('\n', "\r\n") + "\r\n"
        } else {
            text
        },
        empty,
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn what_was_added_goes_without_a_trace(
        layout in layouts(),
        added in proptest::sample::subsequence(additions(), 1..6).prop_shuffle(),
        order in Just((0..6usize).collect::<Vec<_>>()).prop_shuffle(),
        at_once in any::<bool>(),
    ) {
        let text = yaml(&layout);
        let mut now = if at_once {
            created(&text, &added)
        } else {
            added.iter().fold(text.clone(), |text, one| created(&text, std::slice::from_ref(one)))
        };
        for position in order.into_iter().filter(|position| *position < added.len()) {
            let field = added[position].0;
            let less = removed(&now, field, None);
            prop_assert!(less.is_ok(), "{:?}\n{}", less, now);
            now = less.expect("removed");
        }
        prop_assert_eq!(now, text);
    }

    #[test]
    fn what_was_added_to_json_goes_without_a_trace(
        style in 0..4usize,
        parts in [0..3usize, 0..3usize, 0..3usize],
        added in proptest::sample::subsequence(additions(), 1..6).prop_shuffle(),
        order in Just((0..6usize).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let (text, empty) = json_text(style, parts);
        let mut now = created(&text, &added);
        for position in order.into_iter().filter(|position| *position < added.len()) {
            let field = added[position].0;
            let keep = empty.iter().copied().find(|keep| field.starts_with(&format!("{keep}.")) || field.starts_with(&format!("{keep}[")));
            let less = removed(&now, field, keep);
            prop_assert!(less.is_ok(), "{:?}\n{}", less, now);
            now = less.expect("removed");
            prop_assert!(serde_json::from_str::<Value>(&now).is_ok());
        }
        prop_assert_eq!(now, text);
    }

    #[test]
    fn damaged_files_never_lose_anything_else(
        layout in layouts(),
        cuts in proptest::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..5),
    ) {
        const MARKS: &[u8] = b"{}[]&*!|>'\"%@`:#-\t\n\r ,";
        let mut bytes = yaml(&layout).into_bytes();
        for (index, mark) in cuts {
            bytes.insert(index.index(bytes.len()), MARKS[mark.index(MARKS.len())]);
        }
        let files = Tree::from([("job.yaml".to_owned(), bytes)]);
        let catalog = Catalog::read(&files);
        for field in [MEMORY, "spec.job.parallelism", "spec.flinkConfiguration.a"] {
            if let Ok(less) = catalog.remove(&key(), &path(field), None) {
                let before = catalog.locate(&key(), None).expect("located").value;
                let mut tree = files.clone();
                let lost = !less.is_empty();
                tree.extend(less);
                let after = Catalog::read(&tree).locate(&key(), None).expect("still there").value;
                prop_assert_eq!(lost, before != after);
            }
        }
    }
}
