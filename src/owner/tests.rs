//! What owners write, and what it must never be taken for.

use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn annotated(key: &str, value: Value) -> Owner {
    Owner::read(&json!({"annotations": {key: value}}))
}

fn mode(value: &str) -> Owner {
    annotated("plimsoll.dev/mode", json!(value))
}

#[test]
fn a_mode_is_read_without_regard_to_case_and_blanks() {
    for (text, meant) in [
        ("ignore", Mode::Ignore),
        ("Ignore", Mode::Ignore),
        (" ignore ", Mode::Ignore),
        ("IGNORE\n", Mode::Ignore),
        ("report", Mode::Report),
        ("Report", Mode::Report),
        ("\treport", Mode::Report),
        ("propose", Mode::Propose),
        ("Propose ", Mode::Propose),
    ] {
        let owner = mode(text);
        assert_eq!(owner.mode(Mode::Propose), meant, "{text:?}");
        assert!(owner.unreadable.is_empty(), "{text:?}");
    }
}

#[test]
fn a_mode_that_is_not_understood_opens_nothing_and_is_named() {
    for text in [
        "",
        " ",
        "off",
        "on",
        "no",
        "false",
        "true",
        "none",
        "disabled",
        "ignored",
        "reports",
        "propose!",
        "propose,report",
        "don't propose",
        "\"propose\"",
        "propose\u{200b}",
        "рropose",
        "ｐｒｏｐｏｓｅ",
        "1",
    ] {
        let owner = mode(text);
        assert_eq!(owner.mode(Mode::Propose), Mode::Report, "{text:?}");
        let sentence = owner.bars().expect("a sentence");
        assert!(
            sentence.contains("plimsoll.dev/mode")
                && sentence.contains("`ignore`, `report` or `propose`"),
            "{sentence}"
        );
    }
    for value in [
        json!(null),
        json!(true),
        json!(0),
        json!([]),
        json!(["ignore"]),
        json!({}),
    ] {
        let owner = annotated("plimsoll.dev/mode", value.clone());
        assert_eq!(owner.mode(Mode::Propose), Mode::Report, "{value}");
        assert!(owner.bars().is_some(), "{value}");
    }
}

#[test]
fn the_configuration_may_allow_less_than_the_owner_and_never_more() {
    for (own, fleet, meant) in [
        (None, Mode::Propose, Mode::Propose),
        (None, Mode::Report, Mode::Report),
        (None, Mode::Ignore, Mode::Ignore),
        (Some("propose"), Mode::Report, Mode::Propose),
        (Some("propose"), Mode::Ignore, Mode::Ignore),
        (Some("report"), Mode::Propose, Mode::Report),
        (Some("ignore"), Mode::Propose, Mode::Ignore),
        (Some("off"), Mode::Propose, Mode::Report),
        (Some("off"), Mode::Ignore, Mode::Ignore),
    ] {
        let owner = own.map_or_else(Owner::default, mode);
        assert_eq!(owner.mode(fleet), meant, "{own:?} {fleet}");
    }
}

#[test]
fn a_key_that_is_not_known_holds_with_what_was_meant() {
    for (key, meant) in [
        ("plimsoll.dev/Mode", "did you mean plimsoll.dev/mode?"),
        ("plimsoll.dev/mod", "did you mean plimsoll.dev/mode?"),
        (
            "plimsoll.dev/holduntil",
            "did you mean plimsoll.dev/hold-until?",
        ),
        (
            "plimsoll.dev/hold_until",
            "did you mean plimsoll.dev/hold-until?",
        ),
        (
            "plimsoll.dev/evaluators",
            "did you mean plimsoll.dev/evaluator?",
        ),
        ("Plimsoll.dev/mode", "did you mean plimsoll.dev/mode?"),
        ("plimsol.dev/mode", "did you mean plimsoll.dev/mode?"),
        ("plimsoll.io/mode", "did you mean plimsoll.dev/mode?"),
        ("plimsoll/mode", "did you mean plimsoll.dev/mode?"),
        ("jobs.plimsoll.dev/mode", "did you mean plimsoll.dev/mode?"),
        (
            "plimsoll.dev/colour",
            "mode, reason, tier, owner, hold-until",
        ),
        ("plimsoll.dev/", "mode, reason, tier, owner, hold-until"),
        ("plimsoll.dev", "mode, reason, tier, owner, hold-until"),
    ] {
        let owner = annotated(key, json!("ignore"));
        let sentence = owner.bars().unwrap_or_default();
        assert!(
            sentence.contains(key) && sentence.contains(meant),
            "{key}: {sentence}"
        );
        assert_eq!(owner.mode(Mode::Propose), Mode::Report, "{key}");
    }
}

#[test]
fn what_others_write_is_theirs() {
    let metadata = json!({
        "annotations": {
            "argocd.argoproj.io/sync-wave": "1",
            "kubectl.kubernetes.io/last-applied-configuration": "{\"plimsoll.dev/mode\": 1}",
            "example.com/plimsoll": "off",
            "mode": "ignore",
        },
        "labels": {"app": "plimsoll", "tier": "gold"},
    });
    assert_eq!(Owner::read(&metadata), Owner::default());
    for none in [
        json!({}),
        json!(null),
        json!({"annotations": null, "labels": {}}),
    ] {
        assert_eq!(Owner::read(&none), Owner::default());
    }
    // A shape that Kubernetes would refuse hides what the owner said.
    for odd in [
        json!({"annotations": []}),
        json!({"annotations": "plimsoll.dev/mode: ignore"}),
    ] {
        assert!(Owner::read(&odd).bars().is_some(), "{odd}");
    }
}

#[test]
fn a_label_counts_like_an_annotation_and_may_not_contradict_it() {
    let label = Owner::read(&json!({"labels": {"plimsoll.dev/mode": "ignore"}}));
    assert_eq!(label.mode(Mode::Propose), Mode::Ignore);
    let both = |label: &str| {
        Owner::read(&json!({
            "annotations": {"plimsoll.dev/mode": "propose"},
            "labels": {"plimsoll.dev/mode": label},
        }))
    };
    assert_eq!(both("Propose").bars(), None);
    let sentence = both("ignore").bars().expect("a sentence");
    assert!(sentence.contains("differ"), "{sentence}");
}

#[test]
fn a_hold_is_a_date_or_a_time_with_its_offset() {
    let hold = |text: &str| annotated("plimsoll.dev/hold-until", json!(text));
    assert_eq!(hold(" 2026-12-01 ").hold_until_ms, Some(1_796_083_200_000));
    for text in [
        "",
        "soon",
        "2026-02-30",
        "2026-12-01[Europe/Berlin]",
        "2026-12-01T08:00",
    ] {
        let owner = hold(text);
        assert_eq!(owner.hold_until_ms, None, "{text:?}");
        let sentence = owner.bars().expect("a sentence");
        assert!(sentence.contains("2026-12-01T08:00:00Z"), "{sentence}");
    }
}

#[test]
fn names_are_listed_and_must_be_offered() {
    let set = |names: &[&str]| {
        names
            .iter()
            .map(ToString::to_string)
            .collect::<BTreeSet<_>>()
    };
    let offered = Offered {
        evaluators: set(&["fair", "own"]),
        collectors: set(&[]),
        realizers: set(&["pull-request"]),
    };
    let owner = annotated("plimsoll.dev/evaluator", json!(" own , Fair,"));
    assert_eq!(owner.evaluators, ["own", "Fair"]);
    let owner = owner.choosing_from(&offered);
    assert_eq!(owner.evaluators, ["own", "fair"]);
    assert_eq!(owner.bars(), None);
    for (key, value, named) in [
        ("evaluator", "fare", "fair, own"),
        ("evaluator", ",", "separated by commas"),
        ("collector", "lag", "add it to plugins"),
        ("realizer", "exec", "pull-request"),
    ] {
        let owner = annotated(&format!("plimsoll.dev/{key}"), json!(value)).choosing_from(&offered);
        let sentence = owner.bars().unwrap_or_default();
        assert!(sentence.contains(named), "{key}: {value}: {sentence}");
    }
}

#[test]
fn of_two_places_the_stricter_word_counts() {
    let ours = Owner::read(&json!({"annotations": {
        "plimsoll.dev/mode": "propose", "plimsoll.dev/tier": "2", "plimsoll.dev/hold-until": "2026-01-01",
    }}));
    let live = Owner::read(&json!({"annotations": {
        "plimsoll.dev/mode": "ignore", "plimsoll.dev/reason": "audit", "plimsoll.dev/tier": "1",
        "plimsoll.dev/hold-until": "2026-12-01", "plimsoll.dev/colour": "red",
    }}));
    let both = ours.clone().and(live.clone());
    assert_eq!(both.mode, Some(Mode::Ignore));
    assert_eq!(both.reason.as_deref(), Some("audit"));
    assert_eq!(both.tier.as_deref(), Some("2"));
    assert_eq!(both.hold_until_ms, Some(1_796_083_200_000));
    assert_eq!(both.unreadable.len(), 1);
    assert_eq!(live.and(ours).mode, Some(Mode::Ignore));
}

#[test]
fn long_values_are_cut() {
    let sentence = mode(&"x".repeat(5000)).bars().expect("a sentence");
    assert!(sentence.len() < 200 && sentence.contains('…'), "{sentence}");
}

/// What owners may write: words near the known ones, and anything.
fn words() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ \\t\\n]*(?i:ignore|report|propose)[ \\t\\n]*",
        "(?i:ignore|report|propose)[a-z,.!-]{1,3}",
        "[a-z,.!-]{1,3}(?i:ignore|report|propose)",
        "\\PC{0,12}",
        any::<String>(),
    ]
}

proptest! {
    /// Of all that can be written as a mode only `propose` itself opens anything.
    #[test]
    fn no_other_word_opens_a_pull_request(text in words()) {
        let owner = mode(&text);
        let opens = owner.bars().is_none() && owner.mode(Mode::Propose) == Mode::Propose;
        prop_assert_eq!(opens, text.trim().eq_ignore_ascii_case("propose"));
    }

    /// Whatever stands beside a mode that proposes: it is understood, or nothing is opened.
    #[test]
    fn what_is_not_understood_opens_nothing(key in "[a-zA-Z_ -]{0,12}", value in any::<String>()) {
        let owner = Owner::read(&json!({"annotations": {
            "plimsoll.dev/mode": "propose",
            format!("plimsoll.dev/{key}"): value,
        }}));
        let known = key.parse::<Annotation>().is_ok();
        prop_assert!(known || owner.bars().is_some());
        prop_assert!(owner.bars().is_none() || owner.mode(Mode::Propose) < Mode::Propose);
    }

    /// A hold is understood, or named: no text is taken for no hold.
    #[test]
    fn no_hold_is_passed_over(text in any::<String>()) {
        let owner = annotated("plimsoll.dev/hold-until", json!(text));
        prop_assert!(owner.hold_until_ms.is_some() != owner.bars().is_some());
    }
}
