//! Rules and their conditions: what is refused when they are loaded, what they say of changes.
#![allow(clippy::unwrap_used)]

use plimsoll::config::parse_policies;
use plimsoll::policy::{Case, Rule, Ruling, shipped};
use std::collections::BTreeMap;

fn rule(condition: &str) -> String {
    format!("id: own\nreason: Ours.\nif: {condition}\nlimit: {{kind: hold}}\n")
}

fn own(text: &str) -> Result<Rule, String> {
    let rules = parse_policies([("own.yaml", text)]).map_err(|error| error.to_string())?;
    Ok(rules.into_iter().find(|rule| rule.id == "own").unwrap())
}

fn ruling(rule: &Rule, case: &Case) -> Ruling {
    rule.judge(case).map_or(Ruling::Passed, |told| told.ruling)
}

#[test]
fn policies_shipped_pass_their_own_tests() {
    for rule in shipped().unwrap() {
        assert_eq!(rule.failed_tests(), Vec::<String>::new());
        assert!(rule.tests.len() >= 2, "{} has too few tests", rule.id);
        assert!(rule.message.is_some(), "{} says nothing", rule.id);
    }
}

#[test]
fn policies_conditions_compute_as_people_expect() {
    let stories = [
        ("before.parallelism * 2 == 24", true),
        ("before.parallelism * 1.5 > 17", true),
        ("1.5 * before.parallelism - 1 > 16.5", true),
        ("after.parallelism / before.parallelism < 0.7", true),
        ("7 / 2 == 3.5", true),
        ("7 % 2 == 1", true),
        ("before.cpu == 2", true),
        ("2 == before.cpu", true),
        ("after.cpu_total + 1 <= before.cpu_total", true),
        ("-before.parallelism < 0", true),
        ("(change.tested ? 1 : 2.5) > 2", true),
        ("change.direction == \"shrink\" && job.tier == \"\"", true),
        ("change.direction.startsWith(\"gr\")", false),
        ("\"overprovisioned-cpu\" in verdicts", true),
        ("verdicts.exists(v, v.contains(\"memory\"))", false),
        (
            "size(verdicts) > 0 && verdicts.all(v, v != \"skewed\")",
            true,
        ),
        ("[1, 2, 3].exists(n, n * 1.5 > 4)", true),
        ("now.weekday in [\"saturday\", \"sunday\"]", false),
        ("\"team\" in job.labels", false),
        (
            "has(job.labels.team) && job.labels.team == \"search\"",
            false,
        ),
        ("double(before.parallelism) / 5.0 > 2.0", true),
        ("!job.autoscaler && last_change.reverted == 0", true),
    ];
    for (condition, holds) in stories {
        let quoted = format!("'{condition}'");
        let rule = own(&rule(&quoted)).unwrap_or_else(|error| panic!("{condition}: {error}"));
        let expected = if holds { Ruling::Held } else { Ruling::Passed };
        assert_eq!(ruling(&rule, &Case::default()), expected, "{condition}");
    }
}

#[test]
fn policies_mistakes_are_found_when_they_are_loaded_with_their_place() {
    let stories = [
        (
            "before.paralelism > 2",
            "own.yaml:3:",
            "did you mean `parallelism`?",
        ),
        ("chang.tested", "own.yaml:3:", "did you mean `change`?"),
        (
            "before.parallelism",
            "own.yaml:3:",
            "must give true or false",
        ),
        (
            "before.parallelism > \"two\"",
            "own.yaml:3:",
            "can't be compared",
        ),
        (
            "change.direction + 1 == 2",
            "own.yaml:3:",
            "can't be computed with",
        ),
        (
            "before.parallelism && true",
            "own.yaml:3:",
            "true or false is needed",
        ),
        ("3 in verdicts", "own.yaml:3:", "holds nothing of this kind"),
        ("before.parallelism >", "own.yaml:3:", ""),
        ("shrinks(after)", "own.yaml:3:", "shrinks"),
        (
            "job.labels.team == \"search\"",
            "own.yaml:3:",
            "sample change",
        ),
        ("verdicts.x == 1", "own.yaml:3:", "has no field `x`"),
        (
            "job.name.exists(c, c == \"x\")",
            "own.yaml:3:",
            "has no elements",
        ),
    ];
    for (condition, place, says) in stories {
        let error = own(&rule(&format!("'{condition}'"))).unwrap_err();
        assert!(error.starts_with(place), "{condition}: {error}");
        assert!(error.contains(says), "{condition}: {error}");
    }
}

#[test]
fn policies_a_mistake_has_its_line_and_column_in_every_style() {
    let wrong = [
        ("if: before.nothing > 1", "own.yaml:3:5:"),
        ("if:   true && before.nothing > 1", "own.yaml:3:15:"),
        ("if: 'true && before.nothing > 1'", "own.yaml:3:14:"),
        ("if: |\n  true &&\n    before.nothing > 1", "own.yaml:5:5:"),
    ];
    for (text, place) in wrong {
        let file = format!("id: own\nreason: Ours.\n{text}\nlimit: {{kind: hold}}\n");
        let error = own(&file).unwrap_err();
        // The column is that of the operand or of its field.
        let (line, _) = place.trim_end_matches(':').rsplit_once(':').unwrap();
        assert!(error.starts_with(line), "{text}: {error}");
        let column: usize = error.split(':').nth(2).unwrap().parse().unwrap();
        let begin: usize = place.split(':').nth(2).unwrap().parse().unwrap();
        assert!(
            (begin..=begin + "before.nothing".len()).contains(&column),
            "{text}: {error}"
        );
    }
}

#[test]
fn policies_a_condition_that_fails_for_a_job_holds_its_change() {
    let condition = "'!has(job.labels.team) ? false : job.annotations.owner == \"me\"'";
    let rule = own(&rule(condition)).unwrap();
    let mut case = Case::default();
    assert_eq!(ruling(&rule, &case), Ruling::Passed);
    case.job.labels = BTreeMap::from([("team".to_string(), "search".to_string())]);
    let told = rule.judge(&case).unwrap();
    assert_eq!(told.ruling, Ruling::Held);
    assert!(told.message.contains("could not be evaluated"), "{told:?}");
    case.job.annotations = BTreeMap::from([("owner".to_string(), "you".to_string())]);
    assert_eq!(ruling(&rule, &case), Ruling::Passed);
    // A number that is none is no reason to let a change pass.
    let rule = own(&self::rule("'change.saving_share < 0.01'")).unwrap();
    case.change.saving_share = f64::NAN;
    assert_eq!(ruling(&rule, &case), Ruling::Held);
}

#[test]
fn policies_tests_in_a_file_name_what_fails() {
    let text = "id: own\nreason: Ours.\nif: change.saving_share < 0.5\nlimit: {kind: hold}\ntests:\n\
                - {name: right, expect: held}\n- {name: wrong, given: {change: {saving_share: 0.6}}, expect: held}\n";
    let failed = own(text).unwrap().failed_tests();
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert!(
        failed[0].contains("`wrong`: expected held, got passed"),
        "{failed:?}"
    );
    let unknown = text.replace("saving_share: 0.6", "savings: 0.6");
    assert!(own(&unknown).unwrap_err().contains("savings"));
}

#[test]
fn policies_the_page_s_example_is_a_policy_that_passes_its_tests() {
    let page = include_str!("../docs/policies.md");
    let example = page
        .split("```yaml\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    let rules = parse_policies([("example.yaml", example)]).unwrap();
    let rule = rules
        .iter()
        .find(|rule| rule.id == "gold-on-weekdays")
        .unwrap();
    assert_eq!(rule.tests.len(), 2);
    assert_eq!(rule.failed_tests(), Vec::<String>::new());
}
