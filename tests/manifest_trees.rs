//! Kustomize trees and chart values: the place in force, and nothing else.

use plimsoll::manifest::{Catalog, Change, EditOptions, ObjectKey, Refusal, Tree, check, discover};
use serde_json::{Value, json};

const MEMORY: &str = "spec.taskManager.resource.memory";
const PARALLELISM: &str = "spec.job.parallelism";

fn key(namespace: &str, name: &str) -> ObjectKey {
    ObjectKey {
        group: "flink.apache.org".to_owned(),
        kind: "FlinkDeployment".to_owned(),
        namespace: Some(namespace.to_owned()),
        name: name.to_owned(),
    }
}

fn tree(files: &[(&str, &str)]) -> Tree {
    files
        .iter()
        .map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec()))
        .collect()
}

fn run(
    files: &Tree,
    key: &ObjectKey,
    set: &[(&str, Value)],
    options: &EditOptions,
) -> Result<Tree, Refusal> {
    let changes: Vec<Change> = set
        .iter()
        .map(|(path, value)| Change {
            path: path.parse().expect("path"),
            value: value.clone(),
        })
        .collect();
    let catalog = Catalog::read(files);
    if let Ok(located) = catalog.locate(key, None) {
        check(&located, &changes)?;
    }
    Ok(catalog.edit(key, &changes, options)?.files)
}

/// One file changes, by one replacement.
#[track_caller]
fn becomes(files: &Tree, key: &ObjectKey, set: (&str, Value), file: &str, old: &str, new: &str) {
    let output = run(files, key, &[set], &EditOptions::default());
    let output = output.unwrap_or_else(|refusal| panic!("refused: {refusal}"));
    let before = String::from_utf8(files[file].clone()).expect("UTF-8");
    assert_eq!(before.matches(old).count(), 1, "`{old}` must be unique");
    let changed: Vec<&String> = output.keys().collect();
    assert_eq!(changed, [file]);
    assert_eq!(
        String::from_utf8_lossy(&output[file]),
        before.replace(old, new)
    );
}

#[track_caller]
fn refused(files: &Tree, key: &ObjectKey, set: (&str, Value), code: &str, words: &[&str]) {
    let refusal = run(files, key, &[set], &EditOptions::default()).expect_err("refused");
    let said = refusal.to_string();
    assert_eq!(refusal.code(), code, "{said}");
    for word in words {
        assert!(said.contains(word), "`{word}` is not in: {said}");
    }
}

const JOB: &str = "apiVersion: flink.apache.org/v1beta1\nkind: FlinkDeployment\nmetadata:\n  name: job\nspec:\n  flinkConfiguration:\n    taskmanager.numberOfTaskSlots: \"2\"\n  taskManager:\n    resource:\n      memory: 2048m\n      cpu: 1\n  job:\n    parallelism: 2\n";

fn overlays(prod: &str, more: &[(&str, &str)]) -> Tree {
    let mut files = tree(&[
        ("base/job.yaml", JOB),
        ("base/kustomization.yaml", "resources:\n- job.yaml\n"),
        (
            "overlays/dev/kustomization.yaml",
            "namespace: dev\nresources: [../../base]\n",
        ),
        ("overlays/prod/kustomization.yaml", prod),
    ]);
    files.extend(tree(more));
    files
}

#[test]
fn a_base_of_one_overlay_may_change() {
    let mut files = overlays(
        "namespace: prod\nnamePrefix: eu-\nnameSuffix: -v1\nresources: [../../base/]\n",
        &[],
    );
    files.remove("overlays/dev/kustomization.yaml");
    let live = key("prod", "eu-job-v1");
    becomes(
        &files,
        &live,
        (MEMORY, json!("1g")),
        "base/job.yaml",
        "2048m",
        "1g",
    );
    refused(
        &files,
        &key("prod", "job"),
        (MEMORY, json!("1g")),
        "not-found",
        &[],
    );
}

#[test]
fn a_shared_base_is_refused_with_its_overlays() {
    let files = overlays("namespace: prod\nresources: [../../base]\n", &[]);
    refused(
        &files,
        &key("prod", "job"),
        (MEMORY, json!("1g")),
        "shared-base",
        &["overlays/dev", "overlays/prod", "base/job.yaml:10"],
    );
}

#[test]
fn a_field_that_the_patch_lacks_is_the_shared_bases() {
    let patch = "apiVersion: flink.apache.org/v1beta1\nkind: FlinkDeployment\nmetadata: {name: job}\nspec:\n  job: {parallelism: 8}\n";
    let files = overlays(
        "namespace: prod\nresources: [../../base]\npatches:\n- path: size.yaml\n",
        &[("overlays/prod/size.yaml", patch)],
    );
    let live = key("prod", "job");
    becomes(
        &files,
        &live,
        (PARALLELISM, json!(4)),
        "overlays/prod/size.yaml",
        "8",
        "4",
    );
    refused(
        &files,
        &live,
        (MEMORY, json!("1g")),
        "shared-base",
        &["overlays/dev"],
    );
    refused(
        &files,
        &key("dev", "job"),
        (PARALLELISM, json!(4)),
        "shared-base",
        &[],
    );
}

#[test]
fn patches_in_every_form() {
    let strategic = "apiVersion: flink.apache.org/v1beta1\n    kind: FlinkDeployment\n    metadata:\n      name: job\n    spec:\n      taskManager:\n        resource:\n          memory: 8g # big\n";
    for (kustomization, more, file) in [
        (
            format!("namespace: prod\nresources: [../../base]\npatches:\n- patch: |-\n    {strategic}"),
            vec![],
            "overlays/prod/kustomization.yaml",
        ),
        (
            format!("namespace: prod\nresources: [../../base]\npatchesStrategicMerge:\n- |\n    {strategic}"),
            vec![],
            "overlays/prod/kustomization.yaml",
        ),
        (
            "namespace: prod\nresources: [../../base]\npatches:\n- target: {kind: FlinkDeployment, name: j.*}\n  path: ops.yaml\n".to_owned(),
            vec![("overlays/prod/ops.yaml", "- op: replace\n  path: /spec/taskManager/resource/memory\n  value: 8g\n")],
            "overlays/prod/ops.yaml",
        ),
        (
            "namespace: prod\nresources: [../../base]\npatchesJson6902:\n- target: {kind: FlinkDeployment, name: job, group: flink.apache.org, version: v1beta1}\n  path: ops.json\n".to_owned(),
            vec![("overlays/prod/ops.json", "[\n  {\"op\": \"add\", \"path\": \"/spec/taskManager/resource\", \"value\": {\"memory\": \"8g\"}}\n]\n")],
            "overlays/prod/ops.json",
        ),
        (
            "namespace: prod\nresources: [../../base]\npatches:\n- target: {kind: FlinkDeployment}\n  patch: |\n    - op: test\n      path: /kind\n      value: FlinkDeployment\n    - op: replace\n      path: /spec/taskManager/resource/memory\n      value: \"8g\"   # big\n".to_owned(),
            vec![],
            "overlays/prod/kustomization.yaml",
        ),
        (
            "namespace: prod\nresources: [../../base]\npatches:\n- target: {kind: FlinkDeployment}\n  patch: '[{\"op\": \"replace\", \"path\": \"/spec/taskManager/resource/memory\", \"value\": \"8g\"}]'\n".to_owned(),
            vec![],
            "overlays/prod/kustomization.yaml",
        ),
        (
            "namespace: prod\nresources: [../../base]\ncomponents: [../../components/big]\n".to_owned(),
            vec![
                ("components/big/kustomization.yaml", "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\npatches:\n- path: p.yaml\n"),
                ("components/big/p.yaml", "kind: FlinkDeployment\napiVersion: flink.apache.org/v1beta1\nmetadata: {name: job}\nspec: {taskManager: {resource: {memory: 8g}}}\n"),
            ],
            "components/big/p.yaml",
        ),
    ] {
        let files = overlays(&kustomization, &more);
        becomes(&files, &key("prod", "job"), (MEMORY, json!("6g")), file, "8g", "6g");
    }
}

#[test]
fn inline_patches_keep_their_line_ends_and_take_new_keys() {
    let kustomization = "namespace: prod\nresources: [../../base]\npatches:\n- target: {kind: FlinkDeployment}\n  patch: |-\n    apiVersion: flink.apache.org/v1beta1\n    kind: FlinkDeployment\n    metadata:\n      name: job\n    spec:\n      taskManager:\n        resource:\n          memory: 8g\n      job:\n        parallelism: 8\n# end\n";
    for text in [
        kustomization.to_owned(),
        kustomization.replace('\n', "\r\n"),
    ] {
        let files = overlays(&text, &[]);
        let live = key("prod", "job");
        let file = "overlays/prod/kustomization.yaml";
        becomes(&files, &live, (MEMORY, json!("6g")), file, "8g", "6g");
        let options = EditOptions {
            create: true,
            ..EditOptions::default()
        };
        let slots = "spec.taskManager.replicas";
        let output = run(&files, &live, &[(slots, json!(3))], &options).expect("edit");
        let newline = if text.contains('\r') { "\r\n" } else { "\n" };
        let expected = text.replace(
            "memory: 8g",
            &format!("memory: 8g{newline}        replicas: 3"),
        );
        assert_eq!(String::from_utf8_lossy(&output[file]), expected);
    }
}

#[test]
fn folded_patches_are_refused_by_name() {
    let files = overlays(
        "namespace: prod\nresources: [../../base]\npatches:\n- target: {kind: FlinkDeployment}\n  patch: >\n    [{\"op\": \"replace\",\n    \"path\": \"/spec/job/parallelism\", \"value\": 9}]\n",
        &[],
    );
    refused(
        &files,
        &key("prod", "job"),
        (PARALLELISM, json!(6)),
        "inline-patch-block-scalar",
        &["overlays/prod/kustomization.yaml"],
    );
}

#[test]
fn operations_on_flink_options() {
    let slots = "spec.flinkConfiguration[\"taskmanager.numberOfTaskSlots\"]";
    let files = overlays(
        "namespace: prod\nresources: [../../base]\npatches:\n- path: ops.yaml\n  target: {kind: FlinkDeployment}\n",
        &[(
            "overlays/prod/ops.yaml",
            "- op: replace\n  path: /spec/flinkConfiguration/taskmanager.numberOfTaskSlots\n  value: \"8\"\n- {op: remove, path: /spec/job/parallelism}\n",
        )],
    );
    let live = key("prod", "job");
    becomes(
        &files,
        &live,
        (slots, json!("4")),
        "overlays/prod/ops.yaml",
        "\"8\"",
        "\"4\"",
    );
    refused(&files, &live, (PARALLELISM, json!(4)), "path-missing", &[]);
}

#[test]
fn replacements_and_broken_patches_are_seen() {
    let live = key("prod", "job");
    let files = overlays(
        "namespace: prod\nresources: [../../base]\nreplacements:\n- source: {kind: ConfigMap, name: sizes, fieldPath: data.p}\n  targets:\n  - select: {kind: FlinkDeployment, name: job}\n    fieldPaths: [spec.job.parallelism]\n",
        &[],
    );
    refused(
        &files,
        &live,
        (PARALLELISM, json!(4)),
        "shadowed-field",
        &["sizes"],
    );
    let files = overlays(
        "namespace: prod\nresources: [../../base]\npatches: [{path: p.yaml}]\n",
        &[("overlays/prod/p.yaml", "kind: FlinkDeployment\nspec: [\n")],
    );
    refused(
        &files,
        &live,
        (PARALLELISM, json!(4)),
        "parse-error",
        &["overlays/prod/p.yaml"],
    );
}

#[test]
fn the_planner_sees_the_built_object() {
    let files = overlays(
        "namespace: prod\nresources: [../../base]\npatches:\n- patch: |\n    apiVersion: flink.apache.org/v1beta1\n    kind: FlinkDeployment\n    metadata: {name: job}\n    spec: {taskManager: {replicas: 4}, job: {parallelism: 8}}\n",
        &[],
    );
    let live = key("prod", "job");
    refused(
        &files,
        &live,
        (PARALLELISM, json!(4)),
        "shadowed-field",
        &["replicas"],
    );
    becomes(
        &files,
        &live,
        ("spec.taskManager.replicas", json!(3)),
        "overlays/prod/kustomization.yaml",
        "replicas: 4",
        "replicas: 3",
    );
}

fn mapped(file: Option<&str>) -> EditOptions {
    let map = [
        (MEMORY, "flink.taskManager.memory"),
        (PARALLELISM, "flink.parallelism"),
    ];
    EditOptions {
        create: false,
        file: file.map(str::to_owned),
        map: map
            .into_iter()
            .map(|(from, to)| (from.parse().expect("path"), to.parse().expect("path")))
            .collect(),
    }
}

#[test]
fn values_in_releases_and_applications() {
    let release = "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: r, namespace: prod}\nspec:\n  values:\n    flink:\n      parallelism: 8 # p\n      taskManager:\n        memory: 4096m\n";
    let object = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: r, namespace: argocd}\nspec:\n  destination: {namespace: prod}\n  source:\n    helm:\n      valuesObject:\n        flink:\n          parallelism: 8\n          taskManager: {memory: 4096m}\n";
    let text = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: r, namespace: argocd}\nspec:\n  destination: {namespace: prod}\n  source:\n    helm:\n      values: |\n        # sizes\n        flink:\n          parallelism: 8   # p\n\n          taskManager:\n            memory: 4096m\n";
    let parameters = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: r, namespace: argocd}\nspec:\n  sources:\n  - ref: values\n  - helm:\n      parameters:\n      - name: flink.parallelism\n        value: \"8\"\n      - {name: flink.taskManager.memory, value: 4096m}\n";
    for manifest in [release, object, text, parameters] {
        let files = tree(&[
            ("apps/r.yaml", manifest),
            ("other/values.yaml", "flink: {}\n"),
        ]);
        for file in [None, Some("apps/r.yaml")] {
            let set = [(MEMORY, json!("3072m")), (PARALLELISM, json!(6))];
            let output = run(&files, &key("prod", "job"), &set, &mapped(file))
                .unwrap_or_else(|e| panic!("{e}\n{manifest}"));
            let expected = manifest.replace("4096m", "3072m").replace("8", "6");
            assert_eq!(String::from_utf8_lossy(&output["apps/r.yaml"]), expected);
        }
    }
}

#[test]
fn several_values_files_need_a_name() {
    let values = "flink:\n  parallelism: 8\n  taskManager: {memory: 4g}\n";
    let files = tree(&[("values.yaml", values), ("values-prod.yaml", values)]);
    let live = key("prod", "job");
    let set = [(PARALLELISM, json!(6))];
    let refusal = run(&files, &live, &set, &mapped(None)).expect_err("refused");
    assert_eq!(refusal.code(), "ambiguous-target");
    let output = run(&files, &live, &set, &mapped(Some("values-prod.yaml"))).expect("edit");
    assert_eq!(output.keys().collect::<Vec<_>>(), ["values-prod.yaml"]);
    let lacking = tree(&[("values.yaml", "flink: {}\n")]);
    let refusal = run(&lacking, &live, &set, &mapped(None)).expect_err("refused");
    assert_eq!(refusal.code(), "path-missing", "{refusal}");
}

#[test]
fn discovery_goes_on_after_bad_files() {
    let files = tree(&[
        ("a/job.yaml", &JOB.replace("name: job", "name: a")),
        ("b/bad.yaml", "kind: FlinkDeployment\nspec: [\n"),
        (
            "c/two.yaml",
            &format!("{JOB}---\n{}", JOB.replace("name: job", "name: c")),
        ),
        (
            "d/template.yaml",
            "kind: FlinkDeployment\n{{- if .x }}\na: 1\n{{- end }}\n",
        ),
        ("e/readme.md", JOB),
    ]);
    let discovery = discover(&files);
    let names: Vec<&str> = discovery
        .objects
        .iter()
        .map(|located| located.key.name.as_str())
        .collect();
    assert_eq!(names, ["a", "job", "c"]);
    let problems: Vec<String> = discovery.problems.iter().map(ToString::to_string).collect();
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems[0].starts_with("b/bad.yaml:") && problems[1].starts_with("d/template.yaml:2"));
}
