//! Tables of what becomes of a proposal.

use super::super::labels::{SUPERSEDED_LABEL, WONTFIX_LABEL, WRONG_DATA_LABEL};
use super::*;
use crate::record::{BODY_BEGIN, FieldChange};
use crate::snapshot::{JobKey, JobKind};
use serde_json::json;
use std::collections::BTreeMap;

const NOW_MS: i64 = 1_800_000_000_000;
const HOUR_MS: i64 = 3_600_000;

fn job() -> JobKey {
    JobKey {
        cluster: "c".into(),
        kind: JobKind::Deployment,
        namespace: "n".into(),
        name: "j".into(),
    }
}

/// From twelve slots to so many, with a cost of ten each.
fn stance(slots: u32) -> Stance {
    Stance {
        grows: slots > 12,
        fields: vec![FieldChange {
            file: "a.yaml".into(),
            path: "spec.job.parallelism".into(),
            before: Some(json!(12)),
            after: Some(json!(slots)),
        }],
        saving_percent: f64::from(12 - i32::try_from(slots).unwrap()) / 0.12,
        cost_per_month: f64::from(slots) * 10.0,
        probability_short: 0.01,
        load_per_second: 1000.0,
        slots,
        cpu_millis: u64::from(slots) * 1000,
        memory_bytes: 4 << 30,
        memory_total_bytes: u64::from(slots) * (4 << 30),
        history_ms: 4 * DAY_MS,
        at_ms: NOW_MS,
    }
}

fn body(kind: ChangeKind, stance: &Stance) -> String {
    let state = State {
        plimsoll: "0".into(),
        kind,
        job: job(),
        fingerprint: fingerprint(stance),
        change: "c".into(),
        reverts: None,
        stance: (kind == ChangeKind::Rightsize).then(|| Box::new(stance.clone())),
    };
    format!("{BODY_BEGIN}\nwords\n\n{}", state.block())
}

fn fingerprint(stance: &Stance) -> String {
    format!("{:?}", stance.fields)
}

fn proposal(kind: ChangeKind, stance: &Stance) -> Proposal {
    Proposal {
        kind,
        job: job(),
        branch: branch(kind, &job()),
        title: "t".into(),
        body: body(kind, stance),
        commit_message: "t".into(),
        files: BTreeMap::new(),
        labels: Vec::new(),
        fingerprint: fingerprint(stance),
        change: "c".into(),
    }
}

fn known(
    kind: ChangeKind,
    stance: &Stance,
    state: PullRequestState,
    labels: &[&str],
) -> PullRequest {
    PullRequest {
        id: "0001".into(),
        url: String::new(),
        branch: branch(kind, &job()).to_string(),
        title: "t".into(),
        body: body(kind, stance),
        state,
        labels: labels.iter().map(ToString::to_string).collect(),
        opened_at_ms: NOW_MS,
        ended_at_ms: (state != PullRequestState::Open).then_some(NOW_MS),
        merged_by: None,
        has_foreign_commits: false,
    }
}

fn word(step: &Step) -> &'static str {
    match step {
        Step::Open => "open",
        Step::Update(_, Why::Due) => "due",
        Step::Update(_, Why::Better) => "better",
        Step::Update(_, Why::Evidence) => "evidence",
        Step::Unchanged(_) => "unchanged",
        Step::LeaveAlone { reason, .. } => reason,
    }
}

fn rightsize(now: &Stance, pull_request: PullRequest, at_ms: i64) -> &'static str {
    let proposal = proposal(ChangeKind::Rightsize, now);
    word(&rule(&proposal, &[pull_request], at_ms).step)
}

#[test]
fn later_means_nothing_is_written_until_the_label_is_gone_or_its_day_has_come() {
    use PullRequestState::{Closed, Merged, Open};
    let of = |state, label: &str, at_ms| {
        let there = known(
            ChangeKind::Rightsize,
            &stance(6),
            state,
            &["plimsoll", label],
        );
        rightsize(&stance(4), there, at_ms)
    };
    let day_ms = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_millisecond();
    let (before, after) = (
        day_ms("2026-12-23T23:59:59Z"),
        day_ms("2026-12-24T00:00:00Z"),
    );
    for (state, label, at_ms, wanted) in [
        (Open, LATER_LABEL, NOW_MS, "later"),
        (Closed, LATER_LABEL, NOW_MS, "later"),
        (Merged, LATER_LABEL, NOW_MS, "open"),
        (Closed, "plimsoll/later-2026-12-24", before, "later"),
        (Closed, "plimsoll/later-2026-12-24", after, "open"),
        (Closed, "plimsoll/later: 2026-12-24", before, "later"),
        (Closed, "Plimsoll/superseded", NOW_MS, "open"),
        (Closed, "plimsoll/latest", NOW_MS, "open"),
    ] {
        assert_eq!(of(state, label, at_ms), wanted, "{state:?} {label}");
    }
    let unreadable = of(Closed, "plimsoll/later-soon", NOW_MS);
    assert_eq!(
        unreadable, "later",
        "a date that can't be read puts off all the same"
    );
}

#[test]
fn findings_within_the_noise_of_an_estimate_rewrite_nothing() {
    let open = |slots| {
        known(
            ChangeKind::Rightsize,
            &stance(slots),
            PullRequestState::Open,
            &[],
        )
    };
    let riskier = Stance {
        load_per_second: 1200.0,
        ..stance(6)
    };
    let moved = Stance {
        fields: vec![FieldChange {
            before: Some(json!(10)),
            ..stance(6).fields[0].clone()
        }],
        ..stance(6)
    };
    let renamed = Stance {
        fields: vec![FieldChange {
            file: "b.yaml".into(),
            ..stance(6).fields[0].clone()
        }],
        ..stance(6)
    };
    for (there, now, after_ms, wanted) in [
        (6, stance(6), HOUR_MS, "unchanged"),
        // The file was renamed: what is open edits one that is gone.
        (6, renamed, HOUR_MS, "due"),
        (20, stance(19), HOUR_MS, "unchanged"),
        (20, stance(19), 30 * DAY_MS, "unchanged"),
        // Clearly better advice waits a day.
        (8, stance(6), HOUR_MS, "unchanged"),
        (8, stance(6), DAY_MS, "better"),
        // What does not suffice does not wait.
        (6, stance(8), HOUR_MS, "due"),
        (6, riskier.clone(), HOUR_MS, "unchanged"),
        (
            8,
            Stance {
                slots: 7,
                cpu_millis: 7000,
                fields: stance(7).fields,
                ..riskier
            },
            HOUR_MS,
            "due",
        ),
        (6, stance(14), HOUR_MS, "due"),
        // The base says something else: the edit must be another one.
        (6, moved, HOUR_MS, "due"),
        // Old evidence, and evidence of half of what is known.
        (6, stance(6), 7 * DAY_MS, "evidence"),
        (
            6,
            Stance {
                history_ms: 8 * DAY_MS,
                ..stance(6)
            },
            HOUR_MS,
            "evidence",
        ),
        (
            6,
            Stance {
                history_ms: 7 * DAY_MS,
                ..stance(6)
            },
            HOUR_MS,
            "unchanged",
        ),
    ] {
        assert_eq!(
            rightsize(&now, open(there), NOW_MS + after_ms),
            wanted,
            "{there} {now:?}"
        );
    }
}

#[test]
fn a_no_is_remembered_by_its_content() {
    let closed = |slots, labels: &[&str]| {
        known(
            ChangeKind::Rightsize,
            &stance(slots),
            PullRequestState::Closed,
            labels,
        )
    };
    for (then, labels, now, after_ms, wanted) in [
        (9, &[][..], stance(9), HOUR_MS, "closed"),
        // One slot more or less is the same advice.
        (9, &[], stance(10), HOUR_MS, "closed"),
        (9, &[], stance(8), HOUR_MS, "closed"),
        (9, &[], stance(7), HOUR_MS, "open"),
        (9, &[], stance(14), HOUR_MS, "open"),
        (9, &[SUPERSEDED_LABEL], stance(9), HOUR_MS, "open"),
        (9, &[WONTFIX_LABEL], stance(2), 900 * DAY_MS, "closed"),
        (9, &[WRONG_DATA_LABEL], stance(2), 3 * DAY_MS, "closed"),
        (9, &[WRONG_DATA_LABEL], stance(2), 4 * DAY_MS, "open"),
        // A growth comes back when the risk rose.
        (14, &[], stance(14), HOUR_MS, "closed"),
        (
            14,
            &[],
            Stance {
                load_per_second: 1200.0,
                ..stance(14)
            },
            HOUR_MS,
            "open",
        ),
        (
            14,
            &[WONTFIX_LABEL],
            Stance {
                load_per_second: 1200.0,
                ..stance(14)
            },
            HOUR_MS,
            "open",
        ),
    ] {
        assert_eq!(
            rightsize(&now, closed(then, labels), NOW_MS + after_ms),
            wanted,
            "{then} {labels:?} {now:?}"
        );
    }
    // Another dimension is another advice.
    let memory = Stance {
        fields: vec![FieldChange {
            path: "spec.taskManager.resource.memory".into(),
            ..stance(9).fields[0].clone()
        }],
        ..stance(9)
    };
    assert_eq!(rightsize(&memory, closed(9, &[]), NOW_MS), "open");
    // After a merge the job is another one.
    let all = [
        PullRequest {
            id: "2".into(),
            ..known(
                ChangeKind::Rightsize,
                &stance(10),
                PullRequestState::Merged,
                &[],
            )
        },
        closed(9, &[]),
    ];
    let again = proposal(ChangeKind::Rightsize, &stance(9));
    assert_eq!(rule(&again, &all, NOW_MS).step, Step::Open);
}

#[test]
fn growth_closes_an_open_revert_and_a_smaller_size_waits_for_it() {
    let revert = known(ChangeKind::Revert, &stance(12), PullRequestState::Open, &[]);
    let grow = rule(
        &proposal(ChangeKind::Rightsize, &stance(16)),
        std::slice::from_ref(&revert),
        NOW_MS,
    );
    assert_eq!((word(&grow.step), grow.close.len()), ("open", 1));
    let shrink = rule(
        &proposal(ChangeKind::Rightsize, &stance(8)),
        std::slice::from_ref(&revert),
        NOW_MS,
    );
    assert_eq!((word(&shrink.step), shrink.close.len()), ("revert-open", 0));
    let open = known(
        ChangeKind::Rightsize,
        &stance(8),
        PullRequestState::Open,
        &[],
    );
    let back = rule(&proposal(ChangeKind::Revert, &stance(12)), &[open], NOW_MS);
    assert_eq!((word(&back.step), back.close.len()), ("open", 1));
    // A growth that a person said no to closes nothing.
    let no = known(
        ChangeKind::Rightsize,
        &stance(16),
        PullRequestState::Closed,
        &[],
    );
    let left = rule(
        &proposal(ChangeKind::Rightsize, &stance(16)),
        &[revert, no],
        NOW_MS,
    );
    assert_eq!((word(&left.step), left.close.len()), ("closed", 0));
}
