//! What Kubernetes says, respected by every step: plan, watch, store, redaction.

use crate::points::redact_key;
use crate::record::{MONDAY_MS, evidence, field, job, point};
use plimsoll::clients::sqlite::{self, SqliteHistory};
use plimsoll::manifest::{Catalog, Refusal, Tree};
use plimsoll::plan::{Facts, Item, Rooms, State, object_key, plan_job};
use plimsoll::policy::{Mode, Standing};
use plimsoll::ports::HistoryStore;
use plimsoll::record::Evidence;
use plimsoll::snapshot::{
    History, JobKey, JobState, Lifecycle, LiveResource, Owner, Point, Role, Snapshot, read_lines,
    redact, write_line,
};
use plimsoll::watch::{Assessment, Merge, assess};
use serde_json::json;
use std::collections::BTreeMap;

const HOUR: i64 = 3_600_000;
const MERGED: i64 = MONDAY_MS + HOUR;
const LIVE: i64 = MERGED + 600_000;

fn resource(lifecycle: Lifecycle) -> LiveResource {
    LiveResource {
        uid: Some("9e571504-6959".into()),
        generation: Some(3),
        observed_generation: Some(3),
        lifecycle: Some(lifecycle),
        job_state: Some("RUNNING".into()),
        error: Some("bucket acme-payroll is gone".into()),
        owner: Some(Owner {
            tool: "argo-cd".into(),
            name: "payroll".into(),
            namespace: None,
        }),
        labels: BTreeMap::from([("app".into(), "payroll".into())]),
        spec: BTreeMap::from([("spec.job.parallelism".into(), "8".into())]),
        reconciled: Some(BTreeMap::from([(
            "spec.job.parallelism".into(),
            "8".into(),
        )])),
        ..LiveResource::new(Role::Application, "flink.apache.org/v1beta1")
    }
}

fn snapshot(key: JobKey, at_ms: i64, resource: Option<LiveResource>) -> Snapshot {
    let mut snapshot = Snapshot::new(key, at_ms, JobState::Running);
    snapshot.resource = resource.map(Box::new);
    snapshot
}

fn planned(
    key: &JobKey,
    latest: Option<LiveResource>,
    now: Option<&LiveResource>,
    watched: Option<&Assessment>,
    mode: Mode,
) -> Item {
    let mut history = History::empty(key.clone());
    history.latest = Some(snapshot(key.clone(), MONDAY_MS, latest));
    let tree = Tree::new();
    let catalog = Catalog::read(&tree);
    let refusal: Refusal = catalog.locate(&object_key(key), None).unwrap_err();
    let facts = Facts {
        history: &history,
        manifest: Err(&refusal),
        standing: Standing {
            mode,
            mode_reason: None,
            tier: None,
            labels: Default::default(),
            annotations: Default::default(),
            verdicts: Vec::new(),
            unreadable: None,
            hold_until_ms: None,
            autoscaler: false,
            last_merged_ms: None,
            observation_window_ms: HOUR,
            reverted: Vec::new(),
            last_checkpoint_ms: None,
            checkpointing: true,
        },
        watched,
        before: None,
        resource: now,
    };
    let rooms = Rooms {
        classify: Default::default(),
        evaluate: Default::default(),
        recommend: Default::default(),
        watch: Default::default(),
        prices: Default::default(),
        rules: plimsoll::policy::shipped().unwrap(),
    };
    plan_job(key, &facts, &rooms, &catalog, MONDAY_MS)
}

#[test]
fn kubernetes_a_plan_gives_what_the_operator_is_at_one_state_before_any_size() {
    let key = job("orders");
    for (lifecycle, reason) in [
        (Lifecycle::Upgrading, "upgrading"),
        (Lifecycle::Suspended, "suspended"),
        (Lifecycle::Failed, "failed"),
        (Lifecycle::RolledBack, "rolled-back"),
        (Lifecycle::RollingBack, "rolled-back"),
    ] {
        let item = planned(&key, Some(resource(lifecycle)), None, None, Mode::Propose);
        assert_eq!(
            (item.state, item.reason.to_string().as_str()),
            (State::Undetermined, reason)
        );
        assert!(item.advice.is_none() && item.change.is_none() && item.until.is_some());
    }
    let item = planned(
        &key,
        Some(resource(Lifecycle::Stable)),
        None,
        None,
        Mode::Propose,
    );
    assert_eq!(item.reason.to_string(), "insufficient-history");
}

#[test]
fn kubernetes_what_was_just_listed_counts_more_than_what_was_seen_last() {
    let key = job("orders");
    let (stable, upgrading) = (resource(Lifecycle::Stable), resource(Lifecycle::Upgrading));
    let item = planned(
        &key,
        Some(upgrading.clone()),
        Some(&stable),
        None,
        Mode::Report,
    );
    assert_eq!(item.reason.to_string(), "insufficient-history");
    let item = planned(&key, Some(stable), Some(&upgrading), None, Mode::Report);
    assert_eq!(item.reason.to_string(), "upgrading");
    // Who opted out is left alone whatever happens.
    let item = planned(&key, Some(upgrading), None, None, Mode::Ignore);
    assert_eq!(item.state, State::Ignored);
}

#[test]
fn kubernetes_a_change_that_hurts_is_reverted_though_the_operator_rolled_it_back() {
    let hurts = Assessment::Regressed {
        live_since_ms: None,
        breaches: Vec::new(),
    };
    let key = job("orders");
    let failed = resource(Lifecycle::RolledBack);
    let item = planned(&key, Some(failed), None, Some(&hurts), Mode::Propose);
    assert_eq!(item.state, State::Reverting);
}

#[test]
fn kubernetes_session_units_are_told_apart() {
    let key = job("shared");
    let mut session = resource(Lifecycle::Stable);
    session.role = Role::SessionCluster;
    let item = planned(&key, Some(session), None, None, Mode::Propose);
    assert_eq!(
        (item.state, item.reason.to_string().as_str()),
        (State::Undetermined, "session-cluster")
    );
    let key = "prod/sessionjob/payments/part".parse().unwrap();
    let mut part = resource(Lifecycle::Stable);
    part.role = Role::SessionJob;
    part.session_cluster = Some("shared".into());
    let item = planned(&key, Some(part), None, None, Mode::Propose);
    assert_eq!(item.reason.to_string(), "session-job");
    assert!(
        item.message.contains("session cluster shared"),
        "{}",
        item.message
    );
}

/// Twelve wide until the merge, eight wide since `LIVE`, for three hours.
fn history(latest: LiveResource) -> History {
    let mut points = Vec::new();
    let mut at = MONDAY_MS - 24 * HOUR;
    while at < MERGED {
        points.push(Point {
            running_since_ms: Some(MONDAY_MS - 48 * HOUR),
            ..point(at, at + 300_000, 12)
        });
        at += 300_000;
    }
    at = LIVE;
    while at < LIVE + 3 * HOUR {
        points.push(Point {
            running_since_ms: Some(LIVE),
            ..point(at, at + 300_000, 8)
        });
        at += 300_000;
    }
    let last = snapshot(job("orders"), at, Some(latest));
    History {
        job: job("orders"),
        points,
        latest: Some(last.clone()),
        latest_running: Some(last),
    }
}

fn judged(evidence: &Evidence, latest: LiveResource) -> Assessment {
    let merge = Merge {
        at_ms: MERGED,
        ..Merge::default()
    };
    let history = history(latest);
    assess(
        evidence,
        &merge,
        &history,
        history.points.last().unwrap().to_ms,
    )
}

fn waits_for(assessment: &Assessment, what: &str) -> bool {
    matches!(assessment, Assessment::Waiting { message, .. } if message.contains(what))
}

#[test]
fn kubernetes_a_change_is_live_when_the_operator_deployed_it() {
    let shown = evidence("orders", MONDAY_MS);
    // A pool's size is nothing that a running job shows: only the operator knows.
    let hidden = Evidence {
        fields: vec![field(
            "spec.flinkConfiguration[\"taskmanager.memory.managed.fraction\"]",
            json!("0.4"),
            json!("0.2"),
        )],
        ..shown.clone()
    };
    let path = "spec.flinkConfiguration.taskmanager.memory.managed.fraction";
    let deployed = |value: Option<&str>, observed: i64| {
        let mut resource = resource(Lifecycle::Stable);
        resource.observed_generation = Some(observed);
        let fields = resource.reconciled.as_mut().unwrap();
        if let Some(value) = value {
            fields.insert(path.to_string(), value.to_string());
        }
        resource
    };
    let live = judged(&hidden, deployed(Some("0.20"), 3));
    assert!(
        matches!(live, Assessment::Watching { live_since_ms, .. } if live_since_ms == LIVE),
        "{live:?}"
    );
    for (latest, said) in [
        (deployed(Some("0.4"), 3), "= 0.4 last"),
        (deployed(None, 3), "= nothing last"),
        (deployed(Some("0.2"), 2), "generation 3, acted upon 2"),
        (resource(Lifecycle::RolledBack), "rolled it back"),
    ] {
        let assessment = judged(&hidden, latest);
        assert!(waits_for(&assessment, said), "{said}: {assessment:?}");
    }
    // The operator tried it, and went back: git is brought back to what runs.
    let mut tried = deployed(Some("0.2"), 3);
    tried.lifecycle = Some(Lifecycle::RolledBack);
    let hurts = judged(&hidden, tried);
    assert!(
        matches!(&hurts, Assessment::Regressed { breaches, .. } if breaches[0].message.contains("rolled the change back")),
        "{hurts:?}"
    );
    // What was seen running was live, whatever is deployed next.
    let live = judged(&shown, resource(Lifecycle::Stable));
    assert!(matches!(live, Assessment::Watching { .. }), "{live:?}");
    let mut next = resource(Lifecycle::Upgrading);
    next.generation = Some(4);
    assert!(matches!(
        judged(&shown, next.clone()),
        Assessment::Watching { .. }
    ));
    next.reconciled
        .as_mut()
        .unwrap()
        .insert("spec.job.parallelism".into(), "12".into());
    let left = judged(&shown, next);
    assert!(waits_for(&left, "no longer runs"), "{left:?}");
}

#[test]
fn kubernetes_the_resource_passes_through_the_store_and_lines_and_old_snapshots_still_read() {
    let key = job("orders");
    let seen = snapshot(key.clone(), MONDAY_MS, Some(resource(Lifecycle::Stable)));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history.sqlite");
    let mut store = SqliteHistory::open(&file, sqlite::Settings::default()).unwrap();
    store.append(&seen).unwrap();
    let history = store.history(&key, 0, MONDAY_MS + 1).unwrap();
    assert_eq!(history.latest.unwrap().resource, seen.resource);
    let (lines, wrong) = read_lines(&write_line(&seen).unwrap());
    assert!(wrong.is_empty());
    assert_eq!(lines[0].resource, seen.resource);
    let old = write_line(&snapshot(key, MONDAY_MS, None)).unwrap();
    assert!(!old.contains("resource"));
    assert_eq!(read_lines(&old).0[0].resource, None);
}

#[test]
fn kubernetes_a_redacted_resource_names_nothing() {
    let mut seen = snapshot(job("orders"), MONDAY_MS, Some(resource(Lifecycle::Failed)));
    let resource = seen.resource.as_mut().unwrap();
    resource.session_cluster = Some("acme-shared".into());
    resource
        .spec
        .insert("spec.deploymentName".into(), "acme-shared".into());
    resource
        .annotations
        .insert("plimsoll.dev/reason".into(), "acme pays for it".into());
    let text = write_line(&redact(&seen, &redact_key())).unwrap();
    for name in ["acme", "payroll", "9e571504", "orders"] {
        assert!(!text.contains(name), "{name}: {text}");
    }
    let shared = redact(&seen, &redact_key()).resource.unwrap();
    assert_eq!(shared.lifecycle, Some(Lifecycle::Failed));
    assert_eq!(shared.spec["spec.job.parallelism"], "8");
}
