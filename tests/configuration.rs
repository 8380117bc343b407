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
