//! The audit on made-up commits: what came with evidence, what was done by hand, what became of each.
#![allow(clippy::unwrap_used)]

use crate::record::{MONDAY_MS, evidence, field, job};
use plimsoll::audit::{Audit, JobResources, Outcome, Sources, audit, missing_entries};
use plimsoll::record::{ChangeKind, Commit, Event, Evidence, FileChange, LedgerEntry};
use plimsoll::watch::Assessment;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const HOUR: i64 = 3_600_000;
const FILE: &str = "apps/orders.yaml";

/// A file of a commit: path, before, after.
type File<'a> = (&'a str, Option<&'a [u8]>, Option<&'a [u8]>);

/// A commit by Ada at `hour` with these files: path, before, after.
fn commit(hour: i64, files: &[File<'_>]) -> Commit {
    Commit {
        id: format!("{hour:040x}"),
        parent: None,
        author: "plimsoll".into(),
        committer: "Ada".into(),
        at_ms: MONDAY_MS + hour * HOUR,
        message: format!("at {hour}\n\nwords"),
        files: files
            .iter()
            .map(|(path, before, after)| {
                let change = FileChange {
                    before: before.map(<[u8]>::to_vec),
                    after: after.map(<[u8]>::to_vec),
                };
                (path.to_string(), change)
            })
            .collect(),
    }
}

/// Manifests of these tests are JSON: job → fields.
fn resources(_: &str, bytes: &[u8]) -> Vec<JobResources> {
    let Ok(jobs) = serde_json::from_slice::<BTreeMap<String, BTreeMap<String, Value>>>(bytes)
    else {
        return Vec::new();
    };
    jobs.into_iter()
        .map(|(name, fields)| JobResources {
            job: job(&name),
            fields,
            object: None,
        })
        .collect()
}

fn manifest(parallelism: u32, memory: &str) -> Vec<u8> {
    let fields =
        json!({"spec.job.parallelism": parallelism, "spec.taskManager.resource.memory": memory});
    serde_json::to_vec(&json!({"orders": fields})).unwrap()
}

fn run(commits: &[Commit], ledger: &[LedgerEntry]) -> Audit {
    let now_ms = MONDAY_MS + 1000 * HOUR;
    audit(
        Sources {
            commits,
            ledger,
            now_ms,
        },
        &resources,
    )
}

/// Rightsizing 12 → 8 merged at hour 2, and its digest.
fn merged() -> (Commit, String) {
    let file = evidence("orders", MONDAY_MS).to_file().unwrap();
    let (old, new) = (manifest(12, "4g"), manifest(8, "4g"));
    let commit = commit(
        2,
        &[
            (&file.path, None, Some(&file.bytes)),
            (FILE, Some(&old), Some(&new)),
        ],
    );
    (commit, file.digest)
}

fn revert_of(digest: &str) -> Evidence {
    Evidence {
        kind: ChangeKind::Revert,
        reverts: Some(digest.to_string()),
        fields: vec![field("spec.job.parallelism", json!(8), json!(12))],
        saving: None,
        ..evidence("orders", MONDAY_MS + 3 * HOUR)
    }
}

fn outcomes(audit: &Audit) -> Vec<Outcome> {
    audit.changes.iter().map(|change| change.outcome).collect()
}

#[test]
fn audit_a_merged_change_is_watched_then_settled() {
    let (commit, digest) = merged();
    let found = run(std::slice::from_ref(&commit), &[]);
    assert_eq!(outcomes(&found), [Outcome::Watching]);
    let change = &found.changes[0];
    assert_eq!(change.change.as_deref(), Some(digest.as_str()));
    assert_eq!(change.merged_by.as_deref(), Some("Ada"));
    assert_eq!(change.merged_at_ms, MONDAY_MS + 2 * HOUR);
    assert_eq!(change.predicted_per_month, Some(212.0));
    let entry = |hour: i64, event| {
        LedgerEntry::new(&digest, &job("orders"), MONDAY_MS + hour * HOUR, event)
    };
    let ledger = [
        entry(
            3,
            Event::Merged {
                by: "grace".into(),
                commit: commit.id.clone(),
                pull_request: Some("0007".into()),
            },
        ),
        entry(4, Event::Live),
        entry(
            76,
            Event::Settled {
                predicted_per_month: Some(212.0),
                realised_per_month: Some(200.0),
                currency: Some("USD".into()),
            },
        ),
    ];
    let found = run(&[commit], &ledger);
    assert_eq!(outcomes(&found), [Outcome::Settled]);
    let change = &found.changes[0];
    assert_eq!(
        (change.merged_by.as_deref(), change.pull_request.as_deref()),
        (Some("grace"), Some("0007"))
    );
    assert_eq!(
        (change.merged_at_ms, change.live_since_ms),
        (MONDAY_MS + 3 * HOUR, Some(MONDAY_MS + 4 * HOUR))
    );
    assert_eq!(change.realised_per_month, Some(200.0));
}

#[test]
fn audit_a_revert_undoes_its_change_by_digest() {
    let (first, digest) = merged();
    let revert = revert_of(&digest).to_file().unwrap();
    let (old, new) = (manifest(8, "4g"), manifest(12, "4g"));
    let second = commit(
        9,
        &[
            (&revert.path, None, Some(&revert.bytes)),
            (FILE, Some(&old), Some(&new)),
        ],
    );
    let ledger = [LedgerEntry::new(
        &digest,
        &job("orders"),
        MONDAY_MS + 8 * HOUR,
        Event::Regressed {
            reasons: vec!["lag".into()],
        },
    )];
    let found = run(&[first, second], &ledger);
    assert_eq!(outcomes(&found), [Outcome::Reverted, Outcome::Settled]);
    assert_eq!(found.changes[0].reverted_by.as_ref(), Some(&revert.digest));
    assert_eq!(found.changes[0].reasons, ["lag"]);
    assert_eq!(found.changes[0].merge().reverted_by, Some(revert.digest));
    assert_eq!(found.changes[1].reverts, Some(digest));
}

#[test]
fn audit_what_people_did_by_hand_is_seen() {
    let (first, digest) = merged();
    // An image bump is no resource; a change of another field is; setting ours back by hand reverts it.
    let bump = commit(
        3,
        &[(FILE, Some(&manifest(8, "4g")), Some(&manifest(8, "4096m")))],
    );
    let memory = commit(
        4,
        &[(FILE, Some(&manifest(8, "4g")), Some(&manifest(8, "6g")))],
    );
    let found = run(&[first.clone(), bump, memory.clone()], &[]);
    assert_eq!(outcomes(&found), [Outcome::Watching, Outcome::ByHand]);
    assert_eq!(found.changes[1].fields[0].after, Some(json!("6g")));
    assert_eq!(
        found.changes[1].reasons,
        [format!("commit {}: at 4", &memory.id[..10])]
    );
    let more = commit(
        5,
        &[(FILE, Some(&manifest(8, "6g")), Some(&manifest(10, "6g")))],
    );
    let found = run(&[first.clone(), memory, more.clone()], &[]);
    assert_eq!(
        outcomes(&found),
        [Outcome::Superseded, Outcome::ByHand, Outcome::ByHand]
    );
    assert_eq!(found.changes[0].merge().superseded_by, Some(more.id));
    let evidence = found.changes[0].change.clone().unwrap();
    assert_eq!(evidence, digest);
    let back = commit(
        6,
        &[(FILE, Some(&manifest(8, "4g")), Some(&manifest(12, "4g")))],
    );
    let found = run(&[first, back.clone()], &[]);
    assert_eq!(outcomes(&found), [Outcome::Reverted, Outcome::ByHand]);
    assert_eq!(found.changes[0].reverted_by, Some(back.id));
}

#[test]
fn audit_a_job_that_comes_goes_or_moves_changed_no_resources() {
    let it = manifest(12, "4g");
    let comes = commit(1, &[(FILE, None, Some(&it))]);
    let moves = commit(
        2,
        &[(FILE, Some(&it), None), ("elsewhere.yaml", None, Some(&it))],
    );
    let goes = commit(3, &[("elsewhere.yaml", Some(&it), None)]);
    assert_eq!(run(&[comes, moves, goes], &[]).changes, []);
    let grown = manifest(16, "4g");
    let both = commit(
        2,
        &[
            (FILE, Some(&it), None),
            ("elsewhere.yaml", None, Some(&grown)),
        ],
    );
    assert_eq!(outcomes(&run(&[both], &[])), [Outcome::ByHand]);
}

#[test]
fn audit_a_persons_extra_edit_in_our_pull_request_is_theirs() {
    let file = evidence("orders", MONDAY_MS).to_file().unwrap();
    let (old, new) = (manifest(12, "4g"), manifest(8, "3g"));
    let squashed = commit(
        2,
        &[
            (&file.path, None, Some(&file.bytes)),
            (FILE, Some(&old), Some(&new)),
        ],
    );
    let found = run(&[squashed], &[]);
    assert_eq!(outcomes(&found), [Outcome::Watching, Outcome::ByHand]);
    assert_eq!(found.changes[1].fields.len(), 1);
    assert_eq!(
        found.changes[1].fields[0].path,
        "spec.taskManager.resource.memory"
    );
}

#[test]
fn audit_a_later_change_supersedes_an_unsettled_one() {
    let (first, _) = merged();
    let mut next = evidence("orders", MONDAY_MS + 5 * HOUR);
    next.fields = vec![field("spec.job.parallelism", json!(8), json!(6))];
    let next = next.to_file().unwrap();
    let second = commit(
        6,
        &[
            (&next.path, None, Some(&next.bytes)),
            (FILE, Some(&manifest(8, "4g")), Some(&manifest(6, "4g"))),
        ],
    );
    let found = run(&[first, second], &[]);
    assert_eq!(outcomes(&found), [Outcome::Superseded, Outcome::Watching]);
    assert_eq!(found.changes[0].superseded_by, Some(next.digest));
}

#[test]
fn audit_an_update_of_a_fast_forwarded_pull_request_counts_once() {
    let (first, _) = merged();
    let old = evidence("orders", MONDAY_MS).to_file().unwrap();
    let mut next = evidence("orders", MONDAY_MS + HOUR);
    next.fields = vec![field("spec.job.parallelism", json!(12), json!(6))];
    let next = next.to_file().unwrap();
    let second = commit(
        2,
        &[
            (&old.path, Some(&old.bytes), None),
            (&next.path, None, Some(&next.bytes)),
            (FILE, Some(&manifest(8, "4g")), Some(&manifest(6, "4g"))),
        ],
    );
    let found = run(&[first, second], &[]);
    assert_eq!(outcomes(&found), [Outcome::Watching]);
    assert_eq!(found.changes[0].change, Some(next.digest));
}

#[test]
fn audit_a_clock_that_is_wrong_does_not_leave_the_possible() {
    let (mut first, _) = merged();
    first.at_ms = 0;
    assert_eq!(
        run(std::slice::from_ref(&first), &[]).changes[0].merged_at_ms,
        MONDAY_MS
    );
    first.at_ms = i64::MAX;
    assert_eq!(
        run(&[first], &[]).changes[0].merged_at_ms,
        MONDAY_MS + 1000 * HOUR
    );
}

#[test]
fn audit_corrupt_evidence_is_named_and_the_rest_goes_on() {
    let (good, _) = merged();
    let file = evidence("ledger", MONDAY_MS).to_file().unwrap();
    let bad = commit(1, &[(&file.path, None, Some(b"{"))]);
    let altered = commit(3, &[(&file.path, Some(b"{"), Some(b"{}"))]);
    let found = run(&[bad, good, altered], &[]);
    assert_eq!(outcomes(&found), [Outcome::Watching]);
    assert_eq!(found.problems.len(), 2);
    assert!(
        found.problems[0].contains(&file.path),
        "{:?}",
        found.problems
    );
}

#[test]
fn audit_the_ledger_learns_each_event_once() {
    let (commit, digest) = merged();
    let mut ledger: Vec<LedgerEntry> = Vec::new();
    let live = MONDAY_MS + 3 * HOUR;
    let watching = Assessment::Watching {
        live_since_ms: live,
        until_ms: live + 72 * HOUR,
        seen_ms: 0,
        shifts: vec![],
        note: None,
    };
    let blind = |since_ms| Assessment::Blind {
        since_ms,
        message: String::new(),
    };
    let settled = Assessment::Settled {
        live_since_ms: live,
        at_ms: live + 72 * HOUR,
        shifts: vec![],
        predicted_per_month: Some(212.0),
        realised_per_month: Some(106.0),
        currency: Some("USD".into()),
    };
    let story = [
        (watching.clone(), &["merged", "live"][..]),
        (watching, &[]),
        (blind(live + HOUR), &["blind"]),
        (blind(live + HOUR), &[]),
        (blind(live + 9 * HOUR), &["blind"]),
        (settled.clone(), &["settled"]),
        (settled, &[]),
    ];
    for (hour, (assessment, expected)) in story.into_iter().enumerate() {
        let now_ms = live + (20 + hour as i64) * HOUR;
        let change = run(std::slice::from_ref(&commit), &ledger)
            .changes
            .remove(0);
        let missing = missing_entries(&change, &assessment, &ledger, now_ms);
        let names: Vec<&str> = missing.iter().map(|entry| entry.event.name()).collect();
        assert_eq!(names, expected, "{assessment:?}");
        ledger.extend(missing);
    }
    let change = run(&[commit], &ledger).changes.remove(0);
    assert_eq!(
        (change.outcome, change.change),
        (Outcome::Settled, Some(digest))
    );
    assert_eq!(change.realised_per_month, Some(106.0));
    assert_eq!(change.live_since_ms, Some(live));
}
