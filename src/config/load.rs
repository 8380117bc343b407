//! Text → configuration, with errors that say where and what was meant.

use super::error::{ConfigError, positioned};
use super::inherit::inherit;
use super::meaning::{self, Wrong};
use super::place::place;
use super::{Config, ranges};
use crate::policy::{Rule, RuleError, with_overrides};
use schemars::JsonSchema;
use serde_json::Value;
use std::sync::OnceLock;

/// Where the configuration is looked for, in order; two at once are an error.
pub const NAMES: [&str; 4] = [
    "plimsoll.yaml",
    "plimsoll.yml",
    ".github/plimsoll.yaml",
    ".github/plimsoll.yml",
];

/// Reads a configuration. An empty file is the default one.
pub fn parse(file: &str, text: &str) -> Result<Config, ConfigError> {
    if text
        .lines()
        .all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'))
    {
        return Ok(Config::default());
    }
    ranges::check(file, text, config_schema())?;
    let mut config: Config =
        yaml_serde::from_str(text).map_err(|error| positioned(file, &error))?;
    meaning::check(&config).map_err(|wrong| misplaced(file, text, wrong))?;
    inherit(&mut config);
    Ok(config)
}

/// Reads the user's policies, one rule a file, and puts them over the shipped ones.
pub fn parse_policies<'a>(
    files: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<Vec<Rule>, ConfigError> {
    let mut own = Vec::new();
    for (file, text) in files {
        ranges::check(file, text, policy_schema())?;
        let mut rule: Rule =
            yaml_serde::from_str(text).map_err(|error| positioned(file, &error))?;
        rule.prepare()
            .map_err(|error| rule_error(file, text, &error))?;
        own.push(rule);
    }
    with_overrides(own).map_err(|error| senseless("policies", &error))
}

/// A rule's mistake, at its place in the policy file.
fn rule_error(file: &str, text: &str, error: &RuleError) -> ConfigError {
    let at = |path: &str| misplaced(file, text, Wrong::at(path, error.to_string()));
    match error {
        RuleError::Condition {
            line,
            column,
            message,
            ..
        } => {
            let (line, column) = place_in_file(text, *line, *column);
            ConfigError::Parse {
                file: file.to_string(),
                line,
                column,
                message: format!("`if`: {message}"),
            }
        }
        RuleError::Range { field, .. } => at(&format!("limit.{field}")),
        RuleError::Inverted(_) => at("limit"),
        RuleError::Twice(_) => at("id"),
        RuleError::Shipped(_) => senseless(file, error),
    }
}

/// Where a place in the value of the top-level key `if` stands in the file. In a block (`|`, `>`) the text begins on the next line.
fn place_in_file(text: &str, line: usize, column: usize) -> (usize, usize) {
    let Some((at, of)) = text
        .lines()
        .enumerate()
        .find(|(_, line)| line.starts_with("if:"))
    else {
        return (1, 1);
    };
    let value = of["if:".len()..].trim_start();
    if value.starts_with(['|', '>']) {
        let of = text.lines().nth(at + line).unwrap_or_default();
        let indent = of.len() - of.trim_start().len();
        return (at + 1 + line, indent + column);
    }
    let quote = usize::from(value.starts_with(['"', '\'']));
    (at + line, of.len() - value.len() + quote + column)
}

fn senseless(file: &str, error: &RuleError) -> ConfigError {
    ConfigError::Meaning {
        file: file.to_string(),
        message: error.to_string(),
    }
}

/// The schema of a document, as `plimsoll schema` prints it.
fn schema_of<T: JsonSchema>() -> Value {
    schemars::schema_for!(T).to_value()
}

fn config_schema() -> &'static Value {
    static SCHEMA: OnceLock<Value> = OnceLock::new();
    SCHEMA.get_or_init(schema_of::<Config>)
}

fn policy_schema() -> &'static Value {
    static SCHEMA: OnceLock<Value> = OnceLock::new();
    SCHEMA.get_or_init(schema_of::<Rule>)
}

/// What makes no sense, at its place.
fn misplaced(file: &str, text: &str, wrong: Wrong) -> ConfigError {
    let (line, column) = place(text, &wrong.path).unwrap_or((1, 1));
    ConfigError::Parse {
        file: file.to_string(),
        line,
        column,
        message: wrong.message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_keys_have_a_position_and_a_suggestion() {
        let error = parse(
            "plimsoll.yaml",
            "mode: report\nplan:\n  open_pull_request: 3\n",
        )
        .unwrap_err()
        .to_string();
        assert!(error.starts_with("plimsoll.yaml:3:"), "{error}");
        assert!(
            error.contains("did you mean `open_pull_requests`?"),
            "{error}"
        );
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let job = "clusters:\n- name: a\n  jobs:\n  - {namespace: n, name: j, rest: nowhere}\n";
        assert!(
            parse("f", job)
                .unwrap_err()
                .to_string()
                .contains("is not a URL")
        );
        let twice = "clusters:\n- name: a\n- name: a\n";
        assert!(
            parse("f", twice)
                .unwrap_err()
                .to_string()
                .contains("listed twice")
        );
        assert!(
            parse("f", "mode: perhaps")
                .unwrap_err()
                .to_string()
                .contains("report")
        );
        assert_eq!(parse("f", "# nothing\n").unwrap(), Config::default());
    }

    #[test]
    fn a_github_that_can_not_be_is_refused_and_no_token_repeated() {
        for (github, told) in [
            ("{api: api.github.com}", "is not an address"),
            ("{repository: acme}", "owner/name"),
            ("{repository: a/b/c}", "owner/name"),
            ("{token_env: \"ghp secret\"}", "environment variable"),
            ("{tokenenv: X}", "did you mean `token_env`"),
        ] {
            let error = parse("f", &format!("forge: {{kind: github, github: {github}}}"))
                .unwrap_err()
                .to_string();
            assert!(error.contains(told) && !error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn own_policies_take_the_place_of_shipped_ones() {
        let own = "id: step-down\nreason: mine\nlimit: {kind: step-down, share: 0.5}\n";
        let rules = parse_policies([("own.yaml", own)]).unwrap();
        assert_eq!(
            rules.iter().filter(|rule| rule.id == "step-down").count(),
            1
        );
        assert_eq!(rules[0].reason, "mine");
        let off = "id: cooldown\nreason: not here\nlimit: {kind: off}\n";
        assert!(
            parse_policies([("off.yaml", off)])
                .unwrap()
                .iter()
                .all(|rule| rule.id != "cooldown")
        );
        let wrong = "id: x\nreason: y\nlimit: {kind: step-down, share: 2}\n";
        assert!(parse_policies([("wrong.yaml", wrong)]).is_err());
    }
}
