//! Every number, duration and size of the configuration and of the policies: what is out of range is refused where it is written.
//! The keys are taken from the schemas, so that a new one is covered, or fails here, from its first day.

use plimsoll::config::{Config, parse, parse_policies};
use plimsoll::policy::Rule;
use proptest::prelude::*;
use serde_json::Value;

/// A key whose value has a range.
#[derive(Debug, Clone)]
struct Leaf {
    /// The way there: keys, `[]` for the items of a list, `*` for any key of a mapping.
    path: Vec<String>,
    /// The `kind` of the mapping around it, where there are several forms.
    form: Option<String>,
    kind: Kind,
    /// What the schema says at the key itself and at what it refers to.
    said: Vec<Value>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Duration,
    Memory,
    Cpu,
    Integer,
    Number,
}

impl Leaf {
    fn get(&self, keyword: &str) -> Option<&Value> {
        self.said.iter().find_map(|said| said.get(keyword))
    }

    fn number(&self, keyword: &str) -> Option<f64> {
        self.get(keyword)?.as_f64()
    }

    fn name(&self) -> String {
        let form = self.form.as_ref();
        let form = form.map_or_else(String::new, |form| format!(" ({form})"));
        format!("{}{form}", self.path.join("."))
    }

    /// A document of one line with a value at the key, and the value's column from 1.
    fn document(&self, value: &str) -> (String, usize) {
        let (mut before, mut behind) = (String::new(), String::new());
        for (at, step) in self.path.iter().enumerate() {
            let last = at + 1 == self.path.len();
            match step.as_str() {
                "[]" => {
                    before.push('[');
                    behind.insert(0, ']');
                }
                key => {
                    let key = if key == "*" { "any" } else { key };
                    before.push('{');
                    if let Some(form) = self.form.as_ref().filter(|_| last) {
                        before.push_str(&format!("kind: {form}, "));
                    }
                    before.push_str(&format!("{key}: "));
                    behind.insert(0, '}');
                }
            }
        }
        (
            format!("{before}{value}{behind}\n"),
            before.chars().count() + 1,
        )
    }
}

fn leaves(schema: &Value) -> Vec<Leaf> {
    let mut found = Vec::new();
    walk(
        schema,
        vec![schema.clone()],
        &mut Vec::new(),
        None,
        &mut found,
    );
    found
}

fn walk(
    root: &Value,
    said: Vec<Value>,
    path: &mut Vec<String>,
    form: Option<String>,
    found: &mut Vec<Leaf>,
) {
    let at = said.last().unwrap().clone();
    let alternatives = at["anyOf"].as_array().cloned().unwrap_or_default();
    let present = alternatives.into_iter().find(|one| one["type"] != "null");
    let target = at["$ref"]
        .as_str()
        .map(|to| root.pointer(&to[1..]).unwrap().clone());
    if let Some(next) = present.or(target) {
        return walk(root, [said, vec![next]].concat(), path, form, found);
    }
    let refers = |name: &str| {
        said.iter().any(|one| {
            one["$ref"]
                .as_str()
                .is_some_and(|to| to.ends_with(&format!("/{name}")))
        })
    };
    let is = |name: &str| match said.iter().find_map(|one| one.get("type")) {
        Some(Value::String(kind)) => kind == name,
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == name),
        _ => false,
    };
    let kinds = [
        (refers("FlinkDuration"), Kind::Duration),
        (refers("Memory"), Kind::Memory),
        (refers("Cpu"), Kind::Cpu),
        (is("integer"), Kind::Integer),
        (is("number"), Kind::Number),
    ];
    if let Some((_, kind)) = kinds.into_iter().find(|(fits, _)| *fits) {
        found.push(Leaf {
            path: path.clone(),
            form,
            kind,
            said,
        });
        return;
    }
    let mut below = |step: &str, place: &Value, form: Option<String>| {
        path.push(step.to_string());
        walk(root, vec![place.clone()], path, form, found);
        path.pop();
    };
    for (key, place) in at["properties"].as_object().into_iter().flatten() {
        below(key, place, None);
    }
    for form in at["oneOf"].as_array().into_iter().flatten() {
        let kind = form["properties"]["kind"]["const"]
            .as_str()
            .map(str::to_string);
        for (key, place) in form["properties"].as_object().into_iter().flatten() {
            below(key, place, kind.clone());
        }
    }
    if at["additionalProperties"].is_object() {
        below("*", &at["additionalProperties"], None);
    }
    if at["items"].is_object() {
        below("[]", &at["items"], None);
    }
}

fn of_config() -> Vec<Leaf> {
    leaves(&schemars::schema_for!(Config).to_value())
}

/// Those of a rule; the made-up changes of its own tests are facts, and may be anything.
fn of_policies() -> Vec<Leaf> {
    let mut leaves = leaves(&schemars::schema_for!(Rule).to_value());
    leaves.retain(|leaf| leaf.path[0] != "tests");
    leaves
}

/// Counts that may be 0, and what that means.
const MAY_BE_NONE: [&str; 4] = [
    // Nothing is opened.
    "plan.open_pull_requests",
    "plan.pull_requests_per_day",
    // A window gets no more channels than it has.
    "demand.latency_rule.window_channels",
    // The first answer counts.
    "history.prometheus.retries",
];

/// Amounts without an upper end: money, factors, seconds, rates.
const WITHOUT_END: [&str; 15] = [
    "prices.core_month",
    "prices.gib_month",
    "classify.skew",
    "classify.idle_records_per_second",
    "classify.lag_seconds",
    "plan.max_growth_per_month",
    "demand.downtime_seconds",
    "demand.catch_up_seconds",
    "demand.backlog_seconds",
    "demand.backlog_rule.grow_backlog_s",
    "demand.backlog_rule.clear_within_s",
    "demand.backlog_rule.shrink_backlog_s",
    "recommend.heap_factor",
    "recommend.max_growth",
    "limit.per_month (min-saving)",
];

#[test]
fn fail_closed_every_number_has_its_range() {
    let all = [of_config(), of_policies()].concat();
    assert!(all.len() > 60, "{}", all.len());
    for leaf in &all {
        let name = leaf.name();
        let ends = (
            leaf.number("minimum").or(leaf.number("exclusiveMinimum")),
            leaf.number("maximum").or(leaf.number("exclusiveMaximum")),
        );
        match leaf.kind {
            Kind::Duration => assert!(
                leaf.get("shortest").is_some(),
                "{name}: say its shortest duration: #[schemars(extend(\"shortest\" = \"1 ms\"))]"
            ),
            Kind::Integer => assert!(
                ends.0 >= Some(1.0) || MAY_BE_NONE.contains(&name.as_str()),
                "{name}: say its least: #[schemars(range(min = 1))], or say here what 0 means"
            ),
            Kind::Number => {
                assert!(ends.0 >= Some(0.0), "{name}: say its least");
                assert!(
                    ends.1.is_some() || WITHOUT_END.contains(&name.as_str()),
                    "{name}: say its most, or add it to those without an end"
                );
            }
            Kind::Memory | Kind::Cpu => {}
        }
    }
    for listed in MAY_BE_NONE.iter().chain(&WITHOUT_END) {
        assert!(
            all.iter().any(|leaf| leaf.name() == *listed),
            "{listed} is gone: take it out"
        );
    }
}

/// What may never be written at a key.
fn wrong_values(leaf: &Leaf) -> Vec<String> {
    let mut wrong: Vec<String> = match leaf.kind {
        Kind::Duration => vec![
            "72", "'72'", "7.5", "-1", "-1h", "soon", "1.5h", ".nan", ".inf", "true",
        ],
        Kind::Memory => vec!["2048", "'2048'", "0", "0m", "-2g", "much", ".nan", "false"],
        Kind::Cpu => vec!["0", "-1", "'0m'", "many", ".nan", ".inf", "true"],
        Kind::Integer => vec!["-1", "3.5", ".nan", ".inf", "'7'", "many", "true", "1e300"],
        Kind::Number => vec![
            "-1", "-0.5", ".nan", ".inf", "-.inf", "1e999", "'0.5'", "10%", "many", "true",
        ],
    }
    .into_iter()
    .map(str::to_string)
    .collect();
    if leaf.kind == Kind::Duration && leaf.get("shortest").is_some_and(|least| least != "0 ms") {
        wrong.extend(["0s".to_string(), "PT0S".to_string(), "0".to_string()]);
    }
    let outside = [
        (leaf.number("minimum"), -0.001),
        (leaf.number("exclusiveMinimum"), 0.0),
        (leaf.number("maximum"), 0.001),
        (leaf.number("exclusiveMaximum"), 0.0),
    ];
    if leaf.kind == Kind::Number {
        let beyond = outside.iter().filter_map(|(end, by)| Some((*end)? + by));
        wrong.extend(beyond.map(|value| format!("{value:?}")));
    }
    wrong
}

fn refused(
    leaf: &Leaf,
    value: &str,
    read: impl Fn(&str) -> Result<(), String>,
) -> Result<(), TestCaseError> {
    let (document, column) = leaf.document(value);
    let error = read(&document).err().unwrap_or_default();
    let place = format!("f.yaml:1:{column}: ");
    prop_assert!(
        error.starts_with(&place),
        "{}: {value}: `{error}` in {document}",
        leaf.name()
    );
    prop_assert!(
        error.contains(": write "),
        "{}: {value}: {error}",
        leaf.name()
    );
    Ok(())
}

fn configuration(text: &str) -> Result<(), String> {
    parse("f.yaml", text)
        .map(drop)
        .map_err(|error| error.to_string())
}

fn policy(text: &str) -> Result<(), String> {
    parse_policies([("f.yaml", text)])
        .map(drop)
        .map_err(|error| error.to_string())
}

#[test]
fn fail_closed_what_is_out_of_range_is_refused_where_it_is_written() {
    for leaf in of_config() {
        for value in wrong_values(&leaf) {
            refused(&leaf, &value, configuration).unwrap();
        }
    }
    for leaf in of_policies() {
        for value in wrong_values(&leaf) {
            refused(&leaf, &value, policy).unwrap();
        }
    }
}

#[test]
fn fail_closed_the_defaults_may_be_written_down() {
    let text = yaml_serde::to_string(&Config::default()).unwrap();
    assert_eq!(parse("f.yaml", &text).unwrap(), Config::default());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Whatever number is written: it is within the range, or refused at its place.
    #[test]
    fn fail_closed_any_number_is_in_range_or_refused(number in any::<f64>(), at in any::<prop::sample::Index>()) {
        let numbers: Vec<Leaf> = of_config().into_iter().filter(|leaf| leaf.kind == Kind::Number).collect();
        let leaf = at.get(&numbers);
        let inside = number.is_finite()
            && leaf.number("minimum").is_none_or(|least| number >= least)
            && leaf.number("exclusiveMinimum").is_none_or(|least| number > least)
            && leaf.number("maximum").is_none_or(|most| number <= most)
            && leaf.number("exclusiveMaximum").is_none_or(|most| number < most);
        if !inside && !number.is_nan() {
            let text = if number.is_finite() { format!("{number:?}") } else { ".inf".to_string() };
            refused(leaf, &text, configuration)?;
        }
    }
}

#[test]
fn fail_closed_what_does_not_fit_together_is_refused_where_it_is_written() {
    for (text, line, said) in [
        (
            "classify:\n  cpu_low: 0.9\n",
            2,
            "write a cpu_low below cpu_high",
        ),
        ("classify: {heap_high: 0.2}\n", 1, "below heap_high"),
        (
            "history:\n  retention: 2 d\n  minimum: 5 d\n",
            2,
            "no decision could ever be made",
        ),
        (
            "history:\n  window: 1h\n",
            2,
            "shorter than history.minimum",
        ),
        (
            "schedule: {every: 6h}\nwatch:\n  window: 11h\n",
            3,
            "write 12 h or more",
        ),
        (
            "schedule: {every: 6h}\nhistory: {minimum: 11h}\n",
            2,
            "two intervals of observation",
        ),
        (
            "schedule: {every: 6h}\nwatch: {window: 72h, window_weekend: 2h}\n",
            2,
            "watch.window_weekend",
        ),
        (
            "history:\n  prometheus: {url: 'http://p:9090', step: 10 min}\nwatch:\n  window: 15 min\n",
            4,
            "history.prometheus.step",
        ),
        (
            "mode: report\nclusters:\n- name: a\n- name: a\n",
            4,
            "listed twice",
        ),
        ("plugins:\n  x: {kind: evaluator, exec: []}\n", 2, "exec"),
    ] {
        let error = configuration(text).expect_err(text);
        assert!(
            error.starts_with(&format!("f.yaml:{line}:")),
            "{text}: {error}"
        );
        assert!(error.contains(said), "{text}: {error}");
    }
    for fine in [
        "schedule: {every: 6h}\nwatch: {window: 12h}\n",
        "schedule: {every: 1h}\n",
        "history: {minimum: 10 min, window: 1h, retention: 1 d}\n",
    ] {
        configuration(fine).expect(fine);
    }
}

#[test]
fn fail_closed_a_duration_without_a_unit_is_refused_with_what_may_be_meant() {
    let error = configuration("watch:\n  window: 72\n").unwrap_err();
    assert_eq!(
        error,
        "f.yaml:2:11: watch.window: `72` has no unit (is it `72s`, `72 min` or `72h`?): write a duration with its unit of at least \
         1 ms, such as `90s`, `10 min` or `72h`"
    );
    let error = configuration("demand: {growth: 10%}\n").unwrap_err();
    assert!(
        error.contains("is it `0.1`?") && error.contains("from 0 to 1"),
        "{error}"
    );
}

#[test]
fn fail_closed_a_rule_is_refused_where_it_is_wrong() {
    for (limit, said) in [
        ("{kind: step-down, share: 2}", "above 0 and at most 1"),
        (
            "{kind: cooldown, for: 72}",
            "is it `72s`, `72 min` or `72h`?",
        ),
        ("{kind: memory, min: 2048}", "is it `2048m` or `2048g`?"),
        ("{kind: memory, min: 4g, max: 2g}", "min is above max"),
        (
            "{kind: freeze, from: '2026-12-02T00:00:00Z', to: '2026-12-01T00:00:00Z'}",
            "min is above max",
        ),
    ] {
        let error = policy(&format!("id: own\nreason: Ours.\nlimit: {limit}\n")).unwrap_err();
        assert!(
            error.starts_with("f.yaml:3:") && error.contains(said),
            "{limit}: {error}"
        );
    }
}
