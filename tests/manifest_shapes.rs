//! The shapes of manifests in the wild: what the editor makes of each.

use plimsoll::manifest::{Catalog, Change, EditOptions, ObjectKey, Refusal, Tree, check};
use serde_json::{Value, json};

const MEMORY: &str = "spec.taskManager.resource.memory";
const CPU: &str = "spec.taskManager.resource.cpu";
const PARALLELISM: &str = "spec.job.parallelism";

fn key(kind: &str, namespace: Option<&str>, name: &str) -> ObjectKey {
    ObjectKey {
        group: "flink.apache.org".to_owned(),
        kind: kind.to_owned(),
        namespace: namespace.map(str::to_owned),
        name: name.to_owned(),
    }
}

fn changes(set: &[(&str, Value)]) -> Vec<Change> {
    set.iter()
        .map(|(path, value)| Change {
            path: path.parse().expect("path"),
            value: value.clone(),
        })
        .collect()
}

fn tree(files: &[(&str, &str)]) -> Tree {
    files
        .iter()
        .map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec()))
        .collect()
}

/// Check and edit, all files.
fn run(
    files: &Tree,
    key: &ObjectKey,
    set: &[(&str, Value)],
    options: &EditOptions,
) -> Result<Tree, Refusal> {
    let changes = changes(set);
    let catalog = Catalog::read(files);
    if let Ok(located) = catalog.locate(key, None) {
        check(&located, &changes)?;
    }
    let mut output = files.clone();
    output.extend(catalog.edit(key, &changes, options)?.files);
    Ok(output)
}

/// Check and edit of one file that holds `FlinkDeployment lab/job`.
fn edit(text: &str, set: &[(&str, Value)], create: bool) -> Result<String, Refusal> {
    let file = if text.starts_with(['{', '[']) {
        "job.json"
    } else {
        "job.yaml"
    };
    let options = EditOptions {
        create,
        ..EditOptions::default()
    };
    let files = tree(&[(file, text)]);
    let output = run(
        &files,
        &key("FlinkDeployment", Some("lab"), "job"),
        set,
        &options,
    )?;
    Ok(String::from_utf8(output[file].clone()).expect("UTF-8"))
}

/// The edit replaces `old` by `new` at its only occurrence and nothing else.
#[track_caller]
fn becomes(text: &str, set: &[(&str, Value)], replacements: &[(&str, &str)]) {
    let mut expected = text.to_owned();
    for (old, new) in replacements {
        assert_eq!(
            expected.matches(old).count(),
            1,
            "`{old}` must be unique in the case"
        );
        expected = expected.replace(old, new);
    }
    let got = edit(text, set, false).unwrap_or_else(|refusal| panic!("refused: {refusal}"));
    assert_eq!(got, expected);
}

#[track_caller]
fn gains(text: &str, set: &[(&str, Value)], expected: &str) {
    let got = edit(text, set, true)
        .unwrap_or_else(|refusal| panic!("refused: {refusal} {set:?}\n{text}"));
    assert_eq!(got, expected);
}

#[track_caller]
fn refused(text: &str, set: &[(&str, Value)], code: &str, words: &[&str]) {
    match edit(text, set, false) {
        Ok(output) => panic!("not refused:\n{output}"),
        Err(refusal) => {
            let said = refusal.to_string();
            assert_eq!(refusal.code(), code, "{said}");
            for word in words {
                assert!(said.contains(word), "`{word}` is not in: {said}");
            }
        }
    }
}

const HEAD: &str = "apiVersion: flink.apache.org/v1beta1\nkind: FlinkDeployment\nmetadata:\n  name: job\n  namespace: lab\n";

fn with(spec: &str) -> String {
    format!("{HEAD}{spec}")
}

#[test]
fn styles_stay() {
    let spec = |memory: &str| {
        with(&format!(
            "spec:\n  taskManager:\n    resource:\n      memory: {memory}\n      cpu: 1\n"
        ))
    };
    for (old, value, new) in [
        ("\"2048m\"", json!("3g"), "\"3g\""),
        ("'2048m'", json!("3g"), "'3g'"),
        ("2048m", json!("3g"), "3g"),
        ("2Gi", json!("3Gi"), "3Gi"),
        ("2g", json!("3221225472"), "\"3221225472\""),
        ("2147483648", json!("3072m"), "3072m"),
        ("2147483648", json!("3221225472"), "\"3221225472\""),
        ("!!str 2048m", json!("3072m"), "!!str 3072m"),
        ("!!str \"2048m\"", json!("3072m"), "!!str \"3072m\""),
        ("!!str 2147483648", json!("3221225472"), "!!str 3221225472"),
        ("&tm \"2048m\"", json!("3072m"), "&tm \"3072m\""),
        ("&tm !!str 2048m # c", json!("3072m"), "&tm !!str 3072m # c"),
        ("\t\"2048m\"\t# tab", json!("3072m"), "\t\"3072m\"\t# tab"),
        ("|-\n        2048m", json!("3072m"), "|-\n        3072m"),
        (">\n        2048m", json!("3072m"), ">\n        3072m"),
        ("\n        2048m", json!("3072m"), "\n        3072m"),
        ("\"20\\u0034\\u0038m\"", json!("3072m"), "\"3072m\""),
    ] {
        let got = edit(&spec(old), &[(MEMORY, value)], false);
        assert_eq!(got.expect(old), spec(new), "{old}");
    }
}

#[test]
fn numbers_and_strings() {
    let spec = |slots: &str, cpu: &str| {
        with(&format!(
            "spec:\n  flinkConfiguration:\n    taskmanager.numberOfTaskSlots: {slots}\n  taskManager:\n    resource: {{memory: 2g, cpu: {cpu}}}\n"
        ))
    };
    let slots = "spec.flinkConfiguration[\"taskmanager.numberOfTaskSlots\"]";
    for (old, value, new) in [
        ("\"4\"", json!("2"), "\"2\""),
        ("'4'", json!("2"), "'2'"),
        ("4", json!("2"), "2"),
        ("4", json!(2), "2"),
        ("\"4\"", json!(2), "\"2\""),
    ] {
        let got = edit(&spec(old, "1"), &[(slots, value)], false);
        assert_eq!(got.expect(old), spec(new, "1"), "{old}");
    }
    for (old, value, new) in [
        ("1", json!(0.5), "0.5"),
        ("0.3", json!(1), "1"),
        (".1", json!(0.5), "0.5"),
        ("1.0", json!(0.5), "0.5"),
        ("\"1\"", json!(0.5), "\"0.5\""),
        ("'1'", json!("500m"), "'500m'"),
    ] {
        let got = edit(&spec("4", old), &[(CPU, value)], false);
        assert_eq!(got.expect(old), spec("4", new), "{old}");
    }
}

#[test]
fn equal_meaning_is_no_change() {
    let text = with(
        "spec:\n  flinkConfiguration:\n    taskmanager.memory.managed.fraction: 0.40\n  taskManager:\n    resource: {memory: 2g, cpu: 1.0}\n  job: {parallelism: \"2\"}\n",
    );
    for (path, value) in [
        (MEMORY, json!("2048m")),
        (MEMORY, json!("2Gi")),
        (MEMORY, json!("2147483648")),
        (CPU, json!(1)),
        (CPU, json!("1000m")),
        (PARALLELISM, json!(2)),
        (
            "spec.flinkConfiguration[\"taskmanager.memory.managed.fraction\"]",
            json!("0.4"),
        ),
    ] {
        assert_eq!(
            edit(&text, &[(path, value)], false).expect(path),
            text,
            "{path}"
        );
    }
}

#[test]
fn line_ends_marks_and_endings_stay() {
    let plain = with(
        "spec:\n  # größe, 大小, 크기 \u{2028} memory: \"2048m\"\n  taskManager:\n    resource:\n      memory: \"2048m\"\n  job:\n    parallelism: 8",
    );
    let set = [(MEMORY, json!("1g")), (PARALLELISM, json!(4))];
    let edited = plain.replace("  memory: \"2048m\"\n  job", "  memory: \"1g\"\n  job");
    let edited = edited.replace("parallelism: 8", "parallelism: 4");
    for (input, output) in [
        (plain.clone(), edited.clone()),
        (plain.replace('\n', "\r\n"), edited.replace('\n', "\r\n")),
        (format!("\u{feff}{plain}"), format!("\u{feff}{edited}")),
        (
            plain.replacen('\n', "\r\n", 4),
            edited.replacen('\n', "\r\n", 4),
        ),
        (
            plain.replace("parallelism: 8", "parallelism: 8   "),
            edited.replace("parallelism: 4", "parallelism: 4   "),
        ),
        (format!("{plain}\n...\n"), format!("{edited}\n...\n")),
        (
            format!("%YAML 1.2\n---\n{plain}\n\n\n"),
            format!("%YAML 1.2\n---\n{edited}\n\n\n"),
        ),
    ] {
        assert_eq!(edit(&input, &set, false).expect("edit"), output);
    }
}

#[test]
fn long_lines_and_deep_lookalikes() {
    let long = "x".repeat(5000);
    let text = with(&format!(
        "  annotations:\n    note: \"{long} memory: 2048m\"\nspec:\n  podTemplate:\n    spec:\n      containers:\n      - name: flink-main-container\n        resources:\n          limits: {{memory: 2048m}}\n      - name: sidecar\n        resources:\n          requests:\n            memory: 2048m\n  taskManager:\n    podTemplate:\n      spec:\n        containers:\n        - {{name: sidecar, resources: {{requests: {{memory: 2048m}}}}}}\n    resource: {{ memory : 2048m , cpu: 1 }} # {long}\n"
    ));
    becomes(
        &text,
        &[(MEMORY, json!("1g"))],
        &[("{ memory : 2048m ,", "{ memory : 1g ,")],
    );
}

#[test]
fn json_of_all_indentations() {
    let object = json!({
        "apiVersion": "flink.apache.org/v1beta1", "kind": "FlinkDeployment",
        "metadata": {"name": "job", "namespace": "lab"},
        "spec": {"taskManager": {"resource": {"cpu": 1, "memory": "2048m"}}, "job": {"parallelism": 2}}
    });
    let pretty = serde_json::to_string_pretty(&object).expect("json");
    for text in [
        pretty.clone(),
        pretty.replace("  ", "\t"),
        pretty.replace("  ", "    ").replace('\n', "\r\n") + "\r\n",
        object.to_string(),
    ] {
        let got = edit(
            &text,
            &[
                (MEMORY, json!("1g")),
                (PARALLELISM, json!(4)),
                (CPU, json!(0.5)),
            ],
            false,
        );
        let expected = text
            .replace("2048m", "1g")
            .replace("lelism\": 2", "lelism\": 4")
            .replace("lelism\":2", "lelism\":4")
            .replace("cpu\": 1", "cpu\": 0.5")
            .replace("cpu\":1", "cpu\":0.5");
        assert_eq!(got.expect("edit"), expected);
    }
}

#[test]
fn json_numbers_become_strings_with_quotes() {
    let text = r#"{"apiVersion":"flink.apache.org/v1beta1","kind":"FlinkDeployment","metadata":{"name":"job","namespace":"lab"},"spec":{"taskManager":{"resource":{"memory":2147483648}}}}"#;
    becomes(text, &[(MEMORY, json!("1g"))], &[("2147483648", "\"1g\"")]);
}

#[test]
fn lists_and_dumps() {
    let text = "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: job, namespace: lab}\n- apiVersion: flink.apache.org/v1beta1\n  kind: FlinkDeployment\n  metadata:\n    annotations:\n      kubectl.kubernetes.io/last-applied-configuration: |\n        {\"spec\":{\"taskManager\":{\"resource\":{\"memory\":\"2048m\"}}}}\n    managedFields:\n    - fieldsV1: {\"f:spec\": {\"f:taskManager\": {}}}\n    name: job\n    namespace: lab\n  spec:\n    taskManager:\n      resource:\n        memory: 2048m\n  status:\n    reconciliationStatus:\n      lastReconciledSpec: '{\"spec\":{\"taskManager\":{\"resource\":{\"memory\":\"2048m\"}}}}'\n";
    becomes(
        text,
        &[(MEMORY, json!("1g"))],
        &[("        memory: 2048m", "        memory: 1g")],
    );
    let files = tree(&[("dump.yaml", text)]);
    let edited = Catalog::read(&files)
        .edit(
            &key("FlinkDeployment", Some("lab"), "job"),
            &changes(&[(MEMORY, json!("1g"))]),
            &EditOptions::default(),
        )
        .expect("edit");
    let codes: Vec<&str> = edited
        .warnings
        .iter()
        .map(|warning| warning.code.name())
        .collect();
    assert_eq!(codes, ["status-in-manifest"]);
}

#[test]
fn bare_bytes_are_warned_about() {
    let text = with("spec:\n  taskManager:\n    resource: {memory: 2147483648, cpu: 1}\n");
    let files = tree(&[("a/job.yml", &text)]);
    let key = key("FlinkDeployment", Some("lab"), "job");
    let catalog = Catalog::read(&files);
    let edited = catalog
        .edit(
            &key,
            &changes(&[(MEMORY, json!("1g"))]),
            &EditOptions::default(),
        )
        .expect("edit");
    assert_eq!(edited.warnings.len(), 1);
    assert_eq!(edited.warnings[0].code.name(), "numeric-memory");
    assert_eq!(edited.warnings[0].line, 8);
}

#[test]
fn anchors_and_aliases() {
    refused(
        &with(
            "spec:\n  jobManager:\n    resource:\n      memory: &m 2048m\n  taskManager:\n    resource:\n      memory: *m\n",
        ),
        &[(MEMORY, json!("1g"))],
        "aliased-value",
        &["*m", "spec.jobManager.resource.memory", "job.yaml:12"],
    );
    refused(
        &with(
            "spec:\n  taskManager:\n    resource:\n      memory: &m 2048m\n  jobManager:\n    resource:\n      memory: *m\n",
        ),
        &[(MEMORY, json!("1g"))],
        "anchor-has-consumers",
        &["&m", "spec.jobManager.resource.memory"],
    );
    refused(
        &with(
            "spec:\n  taskManager:\n    resource: &r\n      memory: 2048m\n  jobManager:\n    resource: *r\n",
        ),
        &[(MEMORY, json!("1g"))],
        "anchor-has-consumers",
        &["&r"],
    );
    refused(
        &with(
            "spec:\n  taskManager:\n    resource: &r\n      memory: 2048m\n      cpu: 1\n  jobManager:\n    resource:\n      <<: *r\n      cpu: 2\n",
        ),
        &[(MEMORY, json!("1g"))],
        "anchor-has-consumers",
        &["&r"],
    );
    refused(
        &with(
            "x-common: &c\n  memory: 2048m\nspec:\n  taskManager:\n    resource:\n      <<: *c\n      cpu: 1\n",
        ),
        &[(MEMORY, json!("1g"))],
        "value-from-merge-key",
        &["<<"],
    );
    // The consumer overrides the field: nothing leaks.
    becomes(
        &with(
            "spec:\n  taskManager:\n    resource: &r\n      memory: 2048m\n      cpu: 1\n  jobManager:\n    resource:\n      <<: *r\n      memory: 1600m\n",
        ),
        &[(MEMORY, json!("1g"))],
        &[("2048m", "1g")],
    );
    // The object overrides the merged value.
    becomes(
        &with(
            "x-common: &c\n  memory: 2048m\nspec:\n  taskManager:\n    resource:\n      <<: *c\n      memory: 4096m\n",
        ),
        &[(MEMORY, json!("1g"))],
        &[("4096m", "1g")],
    );
    // An anchor that nothing reads.
    becomes(
        &with("spec:\n  taskManager: &tm\n    resource:\n      memory: &m \"2048m\"\n"),
        &[(MEMORY, json!("1g"))],
        &[("2048m", "1g")],
    );
}

#[test]
fn the_options_of_flink_in_every_spelling() {
    let slots = "spec.flinkConfiguration[\"taskmanager.numberOfTaskSlots\"]";
    let size = "spec.flinkConfiguration[\"taskmanager.memory.process.size\"]";
    for text in [
        "    taskmanager.memory.process.size: 4g\n",
        "    taskmanager:\n      memory:\n        process:\n          size: 4g\n      numberOfTaskSlots: 2\n",
        "    taskmanager:\n      memory.process.size: 4g\n",
        "    taskmanager.memory:\n      process: {size: 4g}\n    taskmanager.numberOfTaskSlots: 2\n",
    ] {
        let text = with(&format!("spec:\n  flinkConfiguration:\n{text}"));
        becomes(&text, &[(size, json!("3g"))], &[("4g", "3g")]);
    }
    let twice = with(
        "spec:\n  flinkConfiguration:\n    taskmanager.numberOfTaskSlots: 2\n    taskmanager:\n      numberOfTaskSlots: 4\n",
    );
    refused(
        &twice,
        &[(slots, json!("3"))],
        "duplicate-flattened-key",
        &["8, 10"],
    );
    let same = with(
        "spec:\n  flinkConfiguration:\n    taskmanager.numberOfTaskSlots: 2\n    \"taskmanager.numberOfTaskSlots\": 4\n",
    );
    refused(
        &same,
        &[(slots, json!("3"))],
        "duplicate-key",
        &["numberOfTaskSlots"],
    );
    let ancestor = with(
        "spec:\n  flinkConfiguration:\n    taskmanager:\n      numberOfTaskSlots: 4\n    taskmanager:\n      x: 4\n",
    );
    refused(
        &ancestor,
        &[(slots, json!("3"))],
        "duplicate-key",
        &["taskmanager"],
    );
    let merged = with(
        "x-c: &c\n  taskmanager.numberOfTaskSlots: 2\nspec:\n  flinkConfiguration:\n    <<: *c\n    a: b\n",
    );
    refused(&merged, &[(slots, json!("3"))], "value-from-merge-key", &[]);
    let null = with("spec:\n  flinkConfiguration:\n    taskmanager.numberOfTaskSlots:\n    a: b\n");
    refused(&null, &[(slots, json!("3"))], "null-value", &["job.yaml:8"]);
}

#[test]
fn refusals_by_name() {
    let set = [(MEMORY, json!("1g"))];
    let spec = |memory: &str| {
        with(&format!(
            "spec:\n  taskManager:\n    resource:\n      memory: {memory}\n"
        ))
    };
    refused(&spec(""), &set, "null-value", &["job.yaml:9", MEMORY]);
    refused(&spec("~"), &set, "null-value", &[]);
    refused(&spec("null # later"), &set, "null-value", &[]);
    refused(
        &with("spec:\n  taskManager:\n    resource:\n"),
        &set,
        "null-value",
        &[],
    );
    refused(&spec("!size 2048m"), &set, "unsupported-tag", &["!size"]);
    refused(
        &spec("\"{{ .Values.tm.memory }}\""),
        &set,
        "templated-value",
        &["tm.memory"],
    );
    refused(&spec("${TM_MEMORY}"), &set, "templated-value", &["${"]);
    refused(&spec("$TM_MEMORY"), &set, "templated-value", &[]);
    refused(&spec("[1, 2]"), &set, "not-a-scalar", &[]);
    refused(
        &spec("{{ .Values.tm.memory }}"),
        &set,
        "templated-file",
        &["{{", "tm.memory", "job.yaml"],
    );
    refused(
        &with(
            "spec:\n  taskManager:\n    resource: {}\n  taskManager:\n    resource: {memory: 1g}\n",
        ),
        &set,
        "duplicate-key",
        &["taskManager", "7, 9"],
    );
    refused(
        &with("spec:\n  taskManager: {}\n"),
        &set,
        "path-missing",
        &[MEMORY],
    );
    refused(
        &with("spec:\n\ttaskManager: {}\n"),
        &set,
        "parse-error",
        &["job.yaml:7"],
    );
    refused(
        &format!("{}---\na: [\n", spec("2g")),
        &set,
        "parse-error",
        &["job.yaml"],
    );
    refused(
        &format!("{}---\n{}", spec("2g"), spec("2g")),
        &set,
        "ambiguous-target",
        &["job.yaml:1", "job.yaml:11"],
    );
    refused(
        &spec("2g").replace("name: job", "name: other"),
        &set,
        "not-found",
        &["lab/job"],
    );
    refused(
        &spec("2g").replace("space: lab", "space: dev"),
        &set,
        "not-found",
        &["dev/job"],
    );
    refused(
        &spec("2g").replace("flink.apache.org/v1beta1", "nextbreakpoint.com/v1"),
        &set,
        "not-found",
        &["nextbreakpoint.com", "not supported"],
    );
    refused(
        &spec("2g").replace("name: job", "name: \"{{ .Release.Name }}\""),
        &set,
        "templated-file",
        &["{{"],
    );
    refused(
        &spec("2g").replace("name: job", "name: ${NAME}"),
        &set,
        "templated-file",
        &[],
    );
}

#[test]
fn manifests_in_strings_do_not_count() {
    let inner = with("spec:\n  taskManager:\n    resource: {memory: 2g}\n").replace('\n', "\n    ");
    let text = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: job, namespace: lab}}\ndata:\n  job.yaml: |\n    {inner}\n"
    );
    refused(&text, &[(MEMORY, json!("1g"))], "not-found", &["string"]);
}

#[test]
fn files_in_other_encodings_are_named() {
    let text = with("spec:\n  taskManager:\n    resource: {memory: 2g} # gr\u{f6}\u{df}e\n");
    let latin: Vec<u8> = text.chars().map(|c| c as u8).collect();
    let wide: Vec<u8> = [0xff, 0xfe]
        .into_iter()
        .chain(text.encode_utf16().flat_map(u16::to_le_bytes))
        .collect();
    for bytes in [latin, wide] {
        let files = Tree::from([("job.yaml".to_owned(), bytes)]);
        let key = key("FlinkDeployment", Some("lab"), "job");
        let refusal = run(
            &files,
            &key,
            &[(MEMORY, json!("1g"))],
            &EditOptions::default(),
        );
        assert_eq!(refusal.expect_err("refused").code(), "not-utf8");
    }
}

#[test]
fn planner_refusals() {
    let size = "spec.flinkConfiguration[\"taskmanager.memory.process.size\"]";
    let default = "spec.flinkConfiguration[\"parallelism.default\"]";
    let replicas = with("spec:\n  taskManager:\n    replicas: 3\n  job:\n    parallelism: 6\n");
    refused(
        &replicas,
        &[(PARALLELISM, json!(4))],
        "shadowed-field",
        &["spec.taskManager.replicas"],
    );
    let both = with(
        "spec:\n  flinkConfiguration:\n    taskmanager.memory.process.size: 4g\n    parallelism.default: 3\n  taskManager:\n    resource: {memory: 2g}\n  job: {parallelism: 2}\n",
    );
    refused(&both, &[(size, json!("3g"))], "shadowed-field", &[MEMORY]);
    refused(
        &both,
        &[(default, json!("3"))],
        "shadowed-field",
        &[PARALLELISM],
    );
    let empty = with("spec:\n  taskManager:\n    resource: {memory: 2g}\n    resources: {}\n");
    becomes(&empty, &[(MEMORY, json!("1g"))], &[("2g", "1g")]);
    for prefix in ["", "kubernetes.operator."] {
        let scaled = with(&format!(
            "spec:\n  flinkConfiguration:\n    {prefix}job.autoscaler.enabled: true\n    {prefix}job.autoscaler.memory.tuning.enabled: \"true\"\n  taskManager:\n    resource: {{memory: 2g, cpu: 1}}\n  job: {{parallelism: 2}}\n"
        ));
        let option = format!("{prefix}job.autoscaler.");
        refused(
            &scaled,
            &[(PARALLELISM, json!(4))],
            "owned-by-autoscaler",
            &[&option],
        );
        refused(
            &scaled,
            &[(MEMORY, json!("1g"))],
            "owned-by-autoscaler",
            &[&option],
        );
        becomes(&scaled, &[(CPU, json!(2))], &[("cpu: 1", "cpu: 2")]);
    }
    let nested = with(
        "spec:\n  flinkConfiguration:\n    job:\n      autoscaler:\n        enabled: true\n  job: {parallelism: 2}\n",
    );
    refused(
        &nested,
        &[(PARALLELISM, json!(4))],
        "owned-by-autoscaler",
        &[],
    );
    let out = with(
        "  annotations: {plimsoll.dev/mode: ignore, plimsoll.dev/reason: \"see OPS-1\"}\nspec:\n  job: {parallelism: 2}\n",
    );
    refused(&out, &[(PARALLELISM, json!(4))], "opted-out", &["OPS-1"]);
    let container = with(
        "spec:\n  taskManager:\n    resource: {memory: 2g}\n  podTemplate:\n    spec:\n      containers:\n      - name: flink-main-container\n        resources: {limits: {memory: 2g}}\n",
    );
    refused(
        &container,
        &[(
            "spec.podTemplate.spec.containers[0].resources.limits.memory",
            json!("1g"),
        )],
        "shadowed-field",
        &["spec.taskManager"],
    );
}

#[test]
fn blue_green_deployments_are_one_level_deeper() {
    let text = with("spec:\n  template:\n    spec:\n      taskManager:\n        resource: {memory: 2g, cpu: 1}\n      job: {parallelism: 2}\n")
        .replace("FlinkDeployment", "FlinkBlueGreenDeployment");
    let files = tree(&[("job.yaml", &text)]);
    let key = key("FlinkBlueGreenDeployment", Some("lab"), "job");
    for path in [MEMORY, "spec.template.spec.taskManager.resource.memory"] {
        let output = run(
            &files,
            &key,
            &[(path, json!("1g"))],
            &EditOptions::default(),
        )
        .expect("edit");
        assert_eq!(output["job.yaml"], text.replace("2g", "1g").into_bytes());
    }
}

#[test]
fn new_keys_follow_the_last_sibling() {
    gains(
        &with(
            "spec:\n  taskManager:\n    resource:\n      memory: \"2048m\" # big\n\n  # the job\n  job:\n    parallelism: 2\n",
        ),
        &[(CPU, json!(0.5))],
        &with(
            "spec:\n  taskManager:\n    resource:\n      memory: \"2048m\" # big\n      cpu: 0.5\n\n  # the job\n  job:\n    parallelism: 2\n",
        ),
    );
    gains(
        &with("spec:\n  taskManager: {resource: {memory: 2g}}\n"),
        &[(CPU, json!(0.5))],
        &with("spec:\n  taskManager: {resource: {memory: 2g, cpu: 0.5}}\n"),
    );
    gains(
        &with("spec:\n  taskManager:\n    resource: {}\n"),
        &[(MEMORY, json!("1g")), (CPU, json!(0.5))],
        &with("spec:\n  taskManager:\n    resource: {memory: 1g, cpu: 0.5}\n"),
    );
    gains(
        &with("spec:\n    job:\n        parallelism: 2"),
        &[(MEMORY, json!("1g")), (CPU, json!(0.5))],
        &with(
            "spec:\n    job:\n        parallelism: 2\n    taskManager:\n        resource:\n            memory: 1g\n            cpu: 0.5",
        ),
    );
    gains(
        &with("spec:\n  flinkConfiguration:\n    a.b: \"1\"\n  job: {}\n"),
        &[(
            "spec.flinkConfiguration[\"taskmanager.numberOfTaskSlots\"]",
            json!("2"),
        )],
        &with(
            "spec:\n  flinkConfiguration:\n    a.b: \"1\"\n    taskmanager.numberOfTaskSlots: \"2\"\n  job: {}\n",
        ),
    );
    gains(
        &with(
            "spec:\n  flinkConfiguration:\n    taskmanager:\n      memory:\n        process:\n          size: 2g\n",
        ),
        &[(
            "spec.flinkConfiguration[\"taskmanager.memory.managed.fraction\"]",
            json!("0.3"),
        )],
        &with(
            "spec:\n  flinkConfiguration:\n    taskmanager:\n      memory:\n        process:\n          size: 2g\n        managed:\n          fraction: \"0.3\"\n",
        ),
    );
    gains(
        &with(
            "spec:\n  taskManager:\n    resource:\n      memory: |+\n        2g\n\n\n  job: {}\n",
        ),
        &[(CPU, json!(1))],
        &with(
            "spec:\n  taskManager:\n    resource:\n      memory: |+\n        2g\n\n\n      cpu: 1\n  job: {}\n",
        ),
    );
    let crlf =
        with("spec:\n  taskManager:\n    resource:\n      memory: 2g\n").replace('\n', "\r\n");
    gains(
        &crlf,
        &[(CPU, json!(1))],
        &format!("{crlf}      cpu: 1\r\n"),
    );
}

#[test]
fn new_keys_in_json() {
    let head = "{\n\t\"apiVersion\": \"flink.apache.org/v1beta1\",\n\t\"kind\": \"FlinkDeployment\",\n\t\"metadata\": {\"name\": \"job\", \"namespace\": \"lab\"},\n\t\"spec\": {\n\t\t\"taskManager\": {\n\t\t\t\"resource\": {\n\t\t\t\t\"memory\": \"2g\"";
    let tail = "\n\t\t\t}\n\t\t}\n\t}\n}";
    gains(
        &format!("{head}{tail}"),
        &[(CPU, json!(1))],
        &format!("{head},\n\t\t\t\t\"cpu\": 1{tail}"),
    );
    let compact = r#"{"apiVersion":"flink.apache.org/v1beta1","kind":"FlinkDeployment","metadata":{"name":"job","namespace":"lab"},"spec":{"flinkConfiguration":{"a":"1"}}}"#;
    gains(
        compact,
        &[(
            "spec.flinkConfiguration[\"taskmanager.numberOfTaskSlots\"]",
            json!("2"),
        )],
        &compact.replace(
            "\"a\":\"1\"",
            "\"a\":\"1\",\"taskmanager.numberOfTaskSlots\":\"2\"",
        ),
    );
}

#[test]
fn namespaces_that_the_manifest_leaves_out() {
    let text = with("spec:\n  job: {parallelism: 2}\n").replace("  namespace: lab\n", "");
    becomes(
        &text,
        &[(PARALLELISM, json!(4))],
        &[("parallelism: 2", "parallelism: 4")],
    );
}

#[test]
fn odd_but_valid_yaml() {
    let set = [(MEMORY, json!("1g"))];
    for spec in [
        "spec:\n  taskManager:\n    resource:\n      ? memory\n      : 2048m\n",
        "spec:\n  taskManager:\n    resource:\n      memory: # why\n\n        # more\n        2048m\n",
        "\"spec\":\n  'taskManager':\n    \"resource\": {\"memory\":2048m}\n",
        "spec: !!map\n  taskManager: !!map {resource: !!map {memory: 2048m}}\n",
        "spec:\n  taskManager: {\n    resource: { # c\n      memory:\n        2048m, # c\n      cpu: 1,\n    },\n  }\n",
        "spec: {taskManager: {resource: {cpu: 1, memory: 2048m # c\n  }}}\n",
        "spec:\n  args:\n  - a\n  -  - b\n     - c\n  taskManager:\n        resource:\n         memory:    2048m\n",
        "spec:\n  taskManager:\n    resource:\n      memory: 2048m\n  empty:\n",
    ] {
        becomes(&with(spec), &set, &[("2048m", "1g")]);
    }
    let text = with("spec:\n  taskManager:\n    resource:\n      memory: 2048m\n");
    for (head, tail) in [
        ("--- # first\n", "---\n---\n# only a comment\n"),
        ("# c\n---\n# d\n", "\n--- {a: b}\n"),
        ("%TAG !e! tag:example.com,2024:\n--- !!map\n", "...\n"),
        ("---\n---\n", "--- |\n  memory: 2048\n"),
    ] {
        becomes(&format!("{head}{text}{tail}"), &set, &[("2048m", "1g")]);
    }
}

#[test]
fn numbers_as_names_and_lists_of_lists() {
    let text = "kind: FlinkDeploymentList\napiVersion: flink.apache.org/v1beta1\nitems:\n- kind: List\n  apiVersion: v1\n  items:\n  - {apiVersion: flink.apache.org/v1beta1, kind: FlinkDeployment, metadata: {name: job, namespace: lab}, spec: {job: {parallelism: 2}}}\n";
    becomes(
        text,
        &[(PARALLELISM, json!(3))],
        &[("parallelism: 2", "parallelism: 3")],
    );
}

#[test]
fn templates_of_all_sorts_are_named() {
    let set = [(MEMORY, json!("1g"))];
    let spec = "spec:\n  taskManager:\n    resource:\n      memory: 2048m\n";
    for (text, mark) in [
        (
            with(&format!("{spec}{{% if prod %}}\n  x: 1\n{{% endif %}}\n")),
            "{%",
        ),
        (with(&format!("{spec}<#if prod>\n  x: 1\n</#if>\n")), "<#"),
        (with(&format!("{spec}{{{{/* note */}}}}\n")), "{{"),
        (with(&spec.replace("2048m", "{{ tm_memory }}")), "{{"),
        (with(&spec.replace("2048m", "{{.Values.tm}}m")), "{{"),
    ] {
        refused(&text, &set, "templated-file", &["job.yaml", mark]);
    }
    let files = tree(&[("job.yaml.ftl", &with(spec))]);
    let key = key("FlinkDeployment", Some("lab"), "job");
    let refusal = run(&files, &key, &set, &EditOptions::default()).expect_err("refused");
    assert_eq!(refusal.code(), "templated-file");
    // Braces in other quoted values are data.
    becomes(
        &with(&format!("  annotations: {{note: \"{{{{ x }}}}\"}}\n{spec}")),
        &set,
        &[("2048m", "1g")],
    );
}

#[test]
fn session_jobs_inherit_the_autoscaler_of_their_cluster() {
    let cluster = with(
        "spec:\n  flinkConfiguration: {job.autoscaler.enabled: \"true\"}\n  taskManager: {resource: {memory: 8g}}\n",
    );
    let job = "apiVersion: flink.apache.org/v1beta1\nkind: FlinkSessionJob\nmetadata: {name: job, namespace: lab}\nspec:\n  deploymentName: job\n  job: {parallelism: 4}\n";
    let files = tree(&[("all.yaml", &format!("{cluster}---\n{job}"))]);
    let key = key("FlinkSessionJob", Some("lab"), "job");
    let refusal = run(
        &files,
        &key,
        &[(PARALLELISM, json!(2))],
        &EditOptions::default(),
    );
    assert_eq!(refusal.expect_err("refused").code(), "owned-by-autoscaler");
}

#[test]
fn secrets_beside_the_field_are_never_told() {
    let text = with(
        "spec:\n  flinkConfiguration:\n    s3.secret-key: hunter2\n    taskmanager.numberOfTaskSlots:\n    s3.secret-key: hunter2\n",
    );
    let slots = "spec.flinkConfiguration[\"taskmanager.numberOfTaskSlots\"]";
    let refusal = edit(&text, &[(slots, json!("2"))], false).expect_err("refused");
    assert!(!refusal.to_string().contains("hunter2"));
}
