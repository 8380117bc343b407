//! What the documents show is true: their examples are read as a user's would be.

use plimsoll::config::{parse, parse_policies};
use std::fs;
use std::path::Path;

fn yaml_blocks(page: &str) -> Vec<String> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(page)).unwrap();
    text.split("```yaml\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap().to_string())
        .collect()
}

#[test]
fn configuration_examples_of_the_documents_parse() {
    for page in ["README.md", "docs/configuration.md"] {
        let blocks = yaml_blocks(page);
        assert!(!blocks.is_empty(), "{page} has an example");
        let config = parse(page, &blocks[0]).unwrap();
        assert_eq!(config.clusters.len(), 1, "{page}");
    }
}

#[test]
fn configuration_of_github_is_read_as_its_page_shows_it() {
    let blocks = yaml_blocks("docs/github.md");
    let config = parse("docs/github.md", &blocks[0]).unwrap();
    let github = config.forge.github;
    assert_eq!(github.repository.as_deref(), Some("acme/flink-manifests"));
    assert_eq!(github.labels, ["team/streaming"]);
}

#[test]
fn configuration_example_of_a_chart_maps_its_fields() {
    let blocks = yaml_blocks("docs/configuration.md");
    let chart = blocks
        .iter()
        .find(|block| block.contains("  values:"))
        .unwrap();
    let config = parse("docs/configuration.md", chart).unwrap();
    assert_eq!(config.repository.values[0].fields.len(), 4);
}

#[test]
fn configuration_example_of_the_page_on_kubernetes_parses() {
    let blocks = yaml_blocks("docs/kubernetes.md");
    let config = parse("docs/kubernetes.md", &blocks[0]).unwrap();
    let behind: Vec<bool> = config
        .clusters
        .iter()
        .map(|cluster| cluster.is_kubernetes())
        .collect();
    assert_eq!(behind, [true, true, false]);
    let page =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md"))
            .unwrap();
    let shown = page
        .lines()
        .skip_while(|line| *line != "    clusters:")
        .take_while(|line| line.starts_with("    "))
        .map(|line| format!("{}\n", &line[4..]))
        .collect::<String>();
    assert!(parse("docs/configuration.md", &shown).unwrap().clusters[0].is_kubernetes());
}

#[test]
fn configuration_of_a_prometheus_parses() {
    let blocks = yaml_blocks("docs/prometheus.md");
    let config = parse("docs/prometheus.md", &blocks[0]).unwrap();
    let store = config.history.prometheus.unwrap();
    assert_eq!(store.headers["X-Scope-OrgID"], "flink");
    let wrong = blocks[0].replace("https://", "ftp://");
    let error = parse("plimsoll.yaml", &wrong).unwrap_err().to_string();
    assert!(error.contains("history.prometheus.url"), "{error}");
}

#[test]
fn configuration_example_policy_takes_the_place_of_the_shipped_one() {
    let blocks = yaml_blocks("docs/configuration.md");
    let rules = parse_policies([("own.yaml", blocks[1].as_str())]).unwrap();
    let own = rules.iter().find(|rule| rule.id == "step-down").unwrap();
    assert_eq!(own.when.tiers, ["gold"]);
}

#[test]
fn configuration_policies_that_are_shipped_are_all_loaded() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let files = fs::read_dir(folder).unwrap().count();
    assert_eq!(plimsoll::policy::shipped().unwrap().len(), files);
}

#[test]
fn configuration_example_of_the_page_on_plug_ins_parses() {
    let blocks = yaml_blocks("docs/plugins/README.md");
    let config = parse("docs/plugins/README.md", &blocks[0]).unwrap();
    assert_eq!(config.plugins.len(), 2);
    assert_eq!(config.evaluators, ["calendar"]);
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/plugins/calendar.py");
    assert!(example.is_file());
}
