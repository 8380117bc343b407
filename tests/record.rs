//! What is left in git: evidence, trailers, state block, ledger; and builders of them for other tests.
#![allow(clippy::unwrap_used)]

use plimsoll::record::{
    Baseline, ChangeKind, EVIDENCE_LIMIT, Event, Evidence, EvidenceError, FieldChange, LedgerEntry,
    SavingRecord, State, Thresholds, Trailers, evidence_digest, parts, read_ledger,
};
use plimsoll::snapshot::{
    CheckpointPoint, JobKey, JobKind, Point, Shape, Stat, TaskManagerPoint, VertexPoint,
};
use serde_json::json;
use std::collections::BTreeMap;

/// 2026-11-16 00:00 UTC, a Monday.
pub const MONDAY_MS: i64 = 1_794_787_200_000;

pub fn job(name: &str) -> JobKey {
    JobKey {
        cluster: "prod".into(),
        kind: JobKind::Deployment,
        namespace: "payments".into(),
        name: name.into(),
    }
}

pub fn thresholds() -> Thresholds {
    Thresholds {
        window_ms: 72 * 3_600_000,
        window_weekend_ms: 120 * 3_600_000,
        warm_up_ms: 600_000,
        backpressure_share: 0.5,
        backpressure_for_ms: 900_000,
        lag_ms: 120_000,
        lag_for_ms: 600_000,
        restarts: 3,
        restarts_within_ms: 600_000,
        out_of_memory: 1,
        checkpoint_duration_ms: 30_000,
        checkpoint_failure_share: 0.05,
        checkpoint_failure_of: 20,
        gc_share: 0.25,
        blind_after_ms: 3_600_000,
    }
}

pub fn field(path: &str, before: serde_json::Value, after: serde_json::Value) -> FieldChange {
    FieldChange {
        file: "apps/orders.yaml".into(),
        path: path.into(),
        before: Some(before),
        after: Some(after),
    }
}

/// Evidence that takes a job from parallelism 12 to 8.
pub fn evidence(name: &str, at_ms: i64) -> Evidence {
    Evidence {
        schema: "plimsoll.evidence/1".into(),
        plimsoll: "0.1.0".into(),
        kind: ChangeKind::Rightsize,
        job: job(name),
        at_ms,
        fields: vec![field("spec.job.parallelism", json!(12), json!(8))],
        saving: Some(SavingRecord {
            cost_before_per_month: 460.0,
            cost_after_per_month: 248.0,
            low_per_month: 190.0,
            high_per_month: 228.0,
            currency: "USD".into(),
        }),
        thresholds: thresholds(),
        baseline: Baseline {
            load_per_second: Some(900.0),
            load_highest_per_second: Some(1000.0),
            backpressure_share: Some(0.03),
            ..Baseline::default()
        },
        reverts: None,
        digests: BTreeMap::new(),
        blocks: Vec::new(),
        details: BTreeMap::new(),
    }
}

pub fn stat(value: f64) -> Option<Stat> {
    Some(Stat {
        n: 1,
        mean: value,
        min: value,
        p50: value,
        p95: value,
        max: value,
    })
}

/// A healthy point of a job with a source and a sink, of this parallelism.
pub fn point(from_ms: i64, to_ms: i64, parallelism: u32) -> Point {
    let vertex = |rate: f64, pending: Option<f64>| VertexPoint {
        busy: stat(0.4),
        busy_max: stat(0.5),
        backpressured: stat(0.02),
        in_per_second: stat(rate),
        pending: pending.and_then(stat),
        ..VertexPoint::default()
    };
    Point {
        from_ms,
        to_ms,
        pairs: 1,
        shape: Shape {
            task_managers: parallelism.div_ceil(2),
            slots_per_task_manager: 2,
            memory_bytes: 4 << 30,
            cpu_millis: 2000,
            parallelism: BTreeMap::from([
                ("source".into(), parallelism),
                ("sink".into(), parallelism),
            ]),
        },
        job_id: Some("j1".into()),
        running_since_ms: Some(0),
        running: 1.0,
        restarts: 0,
        rescales: 0,
        memory_failures: Default::default(),
        external: Default::default(),
        out_of_memory: 0,
        vertices: BTreeMap::from([
            ("source".to_string(), vertex(900.0, Some(900.0))),
            ("sink".to_string(), vertex(900.0, None)),
        ]),
        task_managers: TaskManagerPoint {
            gc_share: stat(0.01),
            ..TaskManagerPoint::default()
        },
        checkpoints: CheckpointPoint {
            completed: 5,
            duration_ms: stat(4000.0),
            ..CheckpointPoint::default()
        },
    }
}

#[test]
fn record_evidence_is_the_same_bytes_whatever_the_order_and_reads_back() {
    let mut one = evidence("orders", MONDAY_MS);
    one.details
        .insert("policy".into(), json!({"b": 0.1 + 0.2, "a": [1, 2]}));
    let mut two = evidence("orders", MONDAY_MS);
    two.details
        .insert("policy".into(), json!({"a": [1, 2], "b": 0.3}));
    let (one, two) = (one.to_file().unwrap(), two.to_file().unwrap());
    assert_eq!(one.bytes, two.bytes);
    assert_eq!(
        one.path,
        format!(".plimsoll/evidence/{}.evidence", one.digest)
    );
    assert_eq!(evidence_digest(&one.path), Some(one.digest.as_str()));
    let read = Evidence::from_file(&one.path, &one.bytes).unwrap();
    assert_eq!(read, one.evidence);
    assert_eq!(read.to_file().unwrap().bytes, one.bytes);
}

#[test]
fn record_evidence_keeps_values_of_manifests_to_the_last_digit() {
    let mut it = evidence("orders", MONDAY_MS);
    it.fields = vec![field(
        "spec.taskManager.resource.cpu",
        json!(0.1234567890123),
        json!(0.5),
    )];
    let read = it.to_file().unwrap().evidence;
    assert_eq!(read.fields[0].before, Some(json!(0.1234567890123)));
}

#[test]
fn record_evidence_merges_blocks_until_it_fits() {
    let mut large = evidence("orders", MONDAY_MS);
    large.blocks = (0..5000i64)
        .map(|i| {
            let mut point = point(MONDAY_MS + i * 60_000, MONDAY_MS + (i + 1) * 60_000, 12);
            point.restarts = u32::from(i == 77);
            point.vertices.get_mut("source").unwrap().in_per_second = stat(i as f64);
            point
        })
        .collect();
    let file = large.to_file().unwrap();
    assert!(file.bytes.len() <= EVIDENCE_LIMIT);
    let blocks = &file.evidence.blocks;
    assert!(blocks.len() > 8 && blocks.len() < 100, "{}", blocks.len());
    assert_eq!(blocks[0].from_ms, MONDAY_MS);
    assert_eq!(blocks.last().unwrap().to_ms, MONDAY_MS + 5000 * 60_000);
    assert!(blocks.windows(2).all(|two| two[0].to_ms == two[1].from_ms));
    assert_eq!(blocks.iter().map(|block| block.restarts).sum::<u32>(), 1);
    assert_eq!(blocks.iter().map(|block| block.pairs).sum::<u32>(), 5000);
    let rate = |block: &Point| block.vertices["source"].in_per_second.unwrap();
    assert_eq!(
        blocks
            .iter()
            .map(|block| rate(block).max)
            .fold(0.0, f64::max),
        4999.0
    );
    let mean: f64 = blocks
        .iter()
        .map(|b| rate(b).mean * f64::from(b.pairs))
        .sum::<f64>()
        / 5000.0;
    assert!((mean - 2499.5).abs() < 0.01, "{mean}");
}

#[test]
fn record_evidence_lets_the_largest_details_go_before_it_gives_up() {
    let mut large = evidence("orders", MONDAY_MS);
    large.details.insert(
        "recommendation".into(),
        json!({"demand": {"load_per_second": 41200.0}}),
    );
    large
        .details
        .insert("noise".into(), json!("x".repeat(100_000)));
    let file = large.to_file().unwrap();
    assert!(file.bytes.len() <= EVIDENCE_LIMIT);
    assert_eq!(file.evidence.details["noise"]["bytes"], json!(100_002));
    assert!(file.evidence.details["recommendation"]["demand"].is_object());
    large.fields = vec![field(&"p".repeat(70_000), json!(1), json!(2))];
    assert!(matches!(
        large.to_file(),
        Err(EvidenceError::TooLarge { .. })
    ));
}

#[test]
fn record_evidence_with_numbers_that_are_not_finite_is_refused() {
    let mut bad = evidence("orders", MONDAY_MS);
    bad.thresholds.backpressure_share = f64::NAN;
    assert!(matches!(
        bad.to_file(),
        Err(EvidenceError::Unwritable { .. })
    ));
}

#[test]
fn record_corrupt_evidence_is_named_with_its_file() {
    let file = evidence("orders", MONDAY_MS).to_file().unwrap();
    let mut altered = file.bytes.clone();
    altered[20] ^= 1;
    let error = Evidence::from_file(&file.path, &altered).unwrap_err();
    assert!(matches!(error, EvidenceError::Altered { .. }));
    assert!(error.to_string().contains(&file.path));
    assert!(matches!(
        Evidence::from_file(".plimsoll/evidence/x.evidence", b"{}"),
        Err(EvidenceError::Name { .. })
    ));
    let named = |bytes: &[u8]| {
        let digest = plimsoll::record::sha256_hex(bytes);
        Evidence::from_file(&format!(".plimsoll/evidence/{digest}.evidence"), bytes)
    };
    assert!(matches!(
        named(b"{truncated"),
        Err(EvidenceError::Malformed { .. })
    ));
    assert!(matches!(
        named(br#"{"schema":"plimsoll.evidence/9"}"#),
        Err(EvidenceError::Schema { .. })
    ));
    assert!(matches!(
        named(br#"{"schema":"plimsoll.evidence/1"}"#),
        Err(EvidenceError::Malformed { .. })
    ));
    assert!(matches!(
        named(&vec![b' '; EVIDENCE_LIMIT + 1]),
        Err(EvidenceError::Oversized { .. })
    ));
}

#[test]
fn record_trailers_hold_one_line_each_whatever_a_job_is_called() {
    let mut hostile = evidence("orders", MONDAY_MS);
    hostile.job.name = "a\nPlimsoll-Evidence: sha256:forged\r\u{202e}\u{2028}b".into();
    hostile.fields.push(field(
        "spec.x",
        json!("1\n\nSigned-off-by: root"),
        json!("z".repeat(900)),
    ));
    hostile.reverts = Some("b".repeat(64));
    let digest = "a".repeat(64);
    let text = Trailers::new(&hostile, &digest).to_string();
    assert!(
        text.lines().all(|line| line.starts_with("Plimsoll-")),
        "{text}"
    );
    assert!(
        !text
            .chars()
            .any(|c| (c.is_control() && c != '\n') || c == '\u{202e}' || c == '\u{2028}')
    );
    let read = Trailers::parse(&format!("Title\n\nWords.\n\n{text}\nCo-authored-by: x"));
    assert_eq!(read.evidence, Some(digest));
    assert_eq!(read.reverts, Some("b".repeat(64)));
    assert_eq!(read.changes[0], "spec.job.parallelism 12 -> 8");
    assert_eq!(read.changes.len(), 2);
    assert_eq!(
        Trailers::parse("Plimsoll-Evidence: sha256:short").evidence,
        None
    );
}

#[test]
fn record_the_last_state_block_counts_and_only_with_its_sum() {
    let state = State {
        plimsoll: "0.1.0".into(),
        kind: ChangeKind::Rightsize,
        job: job("a --> <b>"),
        fingerprint: "f1".into(),
        change: "c".repeat(64),
        reverts: None,
        stance: None,
    };
    let block = state.block();
    assert_eq!(block.lines().count(), 1);
    assert_eq!(block.matches("-->").count(), 1);
    let other = State {
        fingerprint: "f2".into(),
        ..state.clone()
    };
    let body = format!("Words\n{}\nmore\n{}\nmy words\n", other.block(), block);
    assert_eq!(State::find(&body), Some(state.clone()));
    assert_eq!(parts(&body).below, "my words");
    let forged = block.replacen("v1 ey", "v1 ez", 1);
    assert_ne!(forged, block);
    // A broken last block is no state: the one before it does not stand in.
    assert_eq!(State::find(&format!("{}\n{forged}", other.block())), None);
    assert_eq!(State::find("<!-- plimsoll:state v1 "), None);
    assert_eq!(State::find("nothing"), None);
}

#[test]
fn record_the_ledger_reads_what_it_wrote_and_names_what_it_does_not_read() {
    let change = "d".repeat(64);
    let events = [
        Event::Live,
        Event::Merged {
            by: "ada".into(),
            commit: "c0".into(),
            pull_request: Some("0001".into()),
        },
        Event::Settled {
            predicted_per_month: Some(212.0),
            realised_per_month: None,
            currency: Some("USD".into()),
        },
        Event::Regressed {
            reasons: vec!["lag".into()],
        },
        Event::Reverted { by: "e".repeat(64) },
        Event::Superseded { by: "c1".into() },
        Event::Blind { since_ms: 7 },
    ];
    let entries: Vec<LedgerEntry> = events
        .into_iter()
        .enumerate()
        .map(|(i, event)| LedgerEntry::new(&change, &job("orders"), MONDAY_MS + i as i64, event))
        .collect();
    let mut files: BTreeMap<String, Vec<u8>> = entries
        .iter()
        .map(|entry| (entry.path(), entry.to_bytes().unwrap()))
        .collect();
    assert!(files.contains_key(&format!("{change}/{MONDAY_MS}-live.json")));
    let moved = files[&entries[0].path()].clone();
    files.insert("elsewhere/1-live.json".into(), moved);
    files.insert("README.md".into(), b"hello".to_vec());
    let (read, errors) = read_ledger(&files);
    assert_eq!(read, entries);
    assert_eq!(errors.len(), 2);
    assert!(errors[0].to_string().contains("README.md"));
}
