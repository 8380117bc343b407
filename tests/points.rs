//! Two snapshots → what happened between them.

use plimsoll::snapshot::{
    Checkpoints, Failure, Gap, History, JobKey, JobState, LineError, Point, RedactKey, Snapshot,
    Spread, Stat, TaskManager, Vertex, read_lines, redact, schema, write_line,
};

const BEGIN_MS: i64 = 1_735_689_600_000;

fn key() -> JobKey {
    "prod/deployment/shop/orders".parse().expect("key")
}

fn flat(value: f64) -> Option<Spread> {
    Some(Spread {
        min: value,
        mean: value,
        max: value,
    })
}

/// A look `seconds` after the first, at a job that has run for an hour then: 30 % busy, 100 records and half a core a second.
fn look(seconds: f64) -> Snapshot {
    let age_ms = 3_600_000.0 + seconds * 1000.0;
    let mut snapshot = Snapshot::new(
        key(),
        BEGIN_MS + (seconds * 1000.0) as i64,
        JobState::Running,
    );
    snapshot.job_id = Some("a".repeat(32));
    snapshot.running_since_ms = Some(BEGIN_MS - 3_600_000);
    snapshot.restarts = Some(2);
    snapshot.checkpoints = Some(Checkpoints {
        completed: 60 + (seconds / 60.0) as u64,
        failed: 2,
        ..Checkpoints::default()
    });
    let json = serde_json::json!({
        "id": "b".repeat(32), "name": "work", "parallelism": 2, "running": true,
        "accumulated_busy_ms": age_ms * 2.0 * 0.3,
        "accumulated_backpressured_ms": age_ms * 2.0 * 0.1,
        "accumulated_idle_ms": age_ms * 2.0 * 0.6,
        "records_in": (age_ms / 10.0) as u64, "records_out": (age_ms / 20.0) as u64});
    let mut vertex: Vertex = serde_json::from_value(json).expect("vertex");
    vertex.busy_ms_per_second = flat(400.0);
    vertex.records_in_per_second = Some(90.0);
    snapshot.vertices = vec![vertex];
    let json = serde_json::json!({"id": "tm-1", "slots": 2, "free_slots": 0, "cpus_seen": 2.0,
        "cpu_time_ns": (age_ms * 0.5e6) as u64, "cpu_load": 0.4, "heap_used": 500, "heap_max": 1000,
        "gc_time_ms": (age_ms * 0.01) as u64, "gc_ms_per_second": 30.0});
    let one: TaskManager = serde_json::from_value(json).expect("TaskManager");
    snapshot.task_managers = vec![one];
    snapshot
}

fn between(before: &Snapshot, after: &Snapshot) -> Point {
    Point::between(before, after).expect("point")
}

fn mean(stat: Option<Stat>) -> f64 {
    stat.map_or(f64::NAN, |stat| stat.mean)
}

fn near(left: f64, right: f64) -> bool {
    (left - right).abs() <= 0.01 * right.abs().max(1e-9)
}

fn work(point: &Point) -> &plimsoll::snapshot::VertexPoint {
    point.vertices.values().next().expect("vertex")
}

#[test]
fn long_times_are_counted_and_short_ones_are_read_off_gauges() {
    let long = between(&look(0.0), &look(300.0));
    assert!(near(mean(work(&long).busy), 0.3), "{:?}", work(&long).busy);
    assert!(near(mean(work(&long).backpressured), 0.1));
    assert!(near(mean(work(&long).in_per_second), 100.0));
    assert!(near(mean(work(&long).out_per_second), 50.0));
    assert!(near(mean(long.task_managers.cpu_cores), 0.5));
    assert!(near(mean(long.task_managers.gc_share), 0.01));
    assert_eq!(
        (
            long.restarts,
            long.checkpoints.failed,
            long.checkpoints.completed
        ),
        (0, 0, 5)
    );
    // Flink's gauge looks back a minute; records are counted all the same, by the tasks' own time.
    let short = between(&look(0.0), &look(10.0));
    assert!(near(mean(work(&short).busy), 0.4));
    assert!(near(mean(work(&short).in_per_second), 100.0));
}

#[test]
fn numbers_that_stand_still_are_unknown_not_zero() {
    let before = look(0.0);
    let mut after = before.clone();
    after.taken_at_ms += 300_000;
    let point = between(&before, &after);
    assert!(near(mean(work(&point).busy), 0.4), "the gauge stands in");
    assert!(near(mean(work(&point).in_per_second), 90.0));
    assert!(near(mean(point.task_managers.cpu_cores), 0.8));
    after.vertices[0].busy_ms_per_second = None;
    after.vertices[0].records_in_per_second = None;
    after.task_managers[0].cpu_load = None;
    let point = between(&before, &after);
    assert_eq!(work(&point).busy, None);
    assert_eq!(work(&point).in_per_second, None);
    assert_eq!(point.task_managers.cpu_cores, None);
}

#[test]
fn numbers_a_minute_late_are_divided_by_their_own_time() {
    // The second look answers with numbers of 240 s, 60 s before it.
    let mut late = look(240.0);
    late.taken_at_ms = look(300.0).taken_at_ms;
    let point = between(&look(0.0), &late);
    assert!(near(mean(work(&point).in_per_second), 100.0));
    assert!(
        near(mean(point.task_managers.cpu_cores), 0.5),
        "{:?}",
        point.task_managers.cpu_cores
    );
}

/// Simulators and proxies may count time their own way: then it is no clock, but still says how it was shared.
#[test]
fn counters_that_are_no_clock_are_not_divided_by() {
    let (mut before, mut after) = (look(0.0), look(300.0));
    for snapshot in [&mut before, &mut after] {
        let vertex = &mut snapshot.vertices[0];
        for counter in [
            &mut vertex.accumulated_busy_ms,
            &mut vertex.accumulated_backpressured_ms,
            &mut vertex.accumulated_idle_ms,
        ] {
            *counter = counter.map(|counted| counted / 2.0);
        }
    }
    let point = between(&before, &after);
    assert!(
        near(mean(work(&point).in_per_second), 100.0),
        "{:?}",
        work(&point).in_per_second
    );
    assert!(near(mean(work(&point).busy), 0.3));
    assert!(near(mean(point.task_managers.cpu_cores), 0.5));
}

#[test]
fn a_restart_counts_from_zero() {
    let before = look(0.0);
    let mut after = look(300.0);
    after.running_since_ms = Some(after.taken_at_ms - 100_000);
    after.restarts = Some(3);
    let vertex = &mut after.vertices[0];
    vertex.accumulated_busy_ms = Some(100_000.0);
    vertex.accumulated_backpressured_ms = Some(0.0);
    vertex.accumulated_idle_ms = Some(100_000.0);
    vertex.records_in = Some(20_000);
    let point = between(&before, &after);
    assert_eq!(point.restarts, 1);
    assert!(near(mean(work(&point).busy), 0.5));
    assert!(
        near(mean(work(&point).in_per_second), 200.0),
        "20,000 in the 100 s since the restart"
    );

    // A redeployment resets the job's counters too, and is no restart.
    after.job_id = Some("c".repeat(32));
    after.restarts = Some(0);
    after.checkpoints = Some(Checkpoints {
        completed: 1,
        failed: 0,
        ..Checkpoints::default()
    });
    let point = between(&before, &after);
    assert_eq!(
        (
            point.restarts,
            point.checkpoints.completed,
            point.checkpoints.failed
        ),
        (0, 1, 0)
    );
}

#[test]
fn busy_without_a_record_right_after_a_start_is_dropped() {
    let mut before = look(0.0);
    let mut after = look(30.0);
    for snapshot in [&mut before, &mut after] {
        let vertex = &mut snapshot.vertices[0];
        vertex.records_in = Some(0);
        vertex.records_out = Some(0);
        vertex.records_in_per_second = Some(0.0);
        vertex.busy_ms_per_second = flat(1000.0);
        vertex.accumulated_busy_ms = None;
    }
    assert!(
        near(mean(work(&between(&before, &after)).busy), 1.0),
        "an old job is taken at its word"
    );
    after.running_since_ms = Some(after.taken_at_ms - 15_000);
    assert_eq!(work(&between(&before, &after)).busy, None);
}

#[test]
fn absurd_numbers_make_no_point_of_themselves() {
    let before = look(0.0);
    let mut after = look(300.0);
    after.task_managers[0].cpu_time_ns = Some(u64::MAX / 2);
    after.task_managers[0].cpu_load = None;
    after.vertices[0].records_in = Some(u64::MAX);
    after.vertices[0].records_in_per_second = Some(f64::INFINITY);
    after.vertices[0].pending_records = Some(-5.0);
    let point = between(&before, &after);
    assert_eq!(point.task_managers.cpu_cores, None);
    assert_eq!(work(&point).in_per_second, None);
    assert_eq!(work(&point).pending, None);
}

#[test]
fn memory_failures_count_once() {
    let failure = |at_ms, out_of_memory| Failure {
        at_ms,
        class: "java.lang.OutOfMemoryError".to_string(),
        out_of_memory,
        memory: None,
    };
    let (mut before, mut after) = (look(0.0), look(60.0));
    before.failures = vec![failure(BEGIN_MS - 5, true)];
    after.failures = vec![
        failure(BEGIN_MS + 9, true),
        failure(BEGIN_MS + 8, false),
        failure(BEGIN_MS - 5, true),
    ];
    assert_eq!(between(&before, &after).out_of_memory, 1);
    before.failures.clear();
    before.gaps.push(Gap::new("exceptions", "503"));
    assert_eq!(between(&before, &after).out_of_memory, 1);
}

#[test]
fn what_is_no_pair_is_no_point() {
    let (first, second) = (look(0.0), look(60.0));
    assert_eq!(Point::between(&second, &first), None);
    assert_eq!(Point::between(&first, &first), None);
    let mut other = second.clone();
    other.job.name = "refunds".to_string();
    assert_eq!(Point::between(&first, &other), None);
    let lost = Snapshot::new(key(), BEGIN_MS + 30_000, JobState::Unreachable);
    assert_eq!(Point::between(&first, &lost), None);
    // The hole is bridged: counters tell what happened in it.
    let history =
        History::from_snapshots(vec![second.clone(), lost.clone(), first]).expect("history");
    assert_eq!(history.points.len(), 1);
    assert_eq!(history.latest, Some(second));
    assert_eq!(History::from_snapshots(Vec::new()), None);
    assert_eq!(History::of_each(vec![lost, other]).len(), 2);
}

#[test]
fn blocks_add_up() {
    let points: Vec<Point> = (0..10)
        .map(|minute| {
            between(
                &look(60.0 * f64::from(minute)),
                &look(60.0 * f64::from(minute + 1)),
            )
        })
        .collect();
    let block = Point::merge(&points).expect("block");
    assert_eq!(
        (block.from_ms, block.to_ms),
        (points[0].from_ms, points[9].to_ms)
    );
    assert_eq!((block.pairs, block.checkpoints.completed), (10, 10));
    assert_eq!(work(&block).busy.map(|busy| busy.n), Some(10));
    let halves =
        [Point::merge(&points[..5]), Point::merge(&points[5..])].map(|half| half.expect("half"));
    let again = Point::merge(&halves).expect("block");
    assert_eq!((again.pairs, again.checkpoints.completed), (10, 10));
    assert!(near(
        mean(work(&again).in_per_second),
        mean(work(&block).in_per_second)
    ));
    assert_eq!(Point::merge(&[]), None);
}

#[test]
fn bad_lines_are_named_and_the_rest_goes_on() {
    let good = write_line(&look(0.0)).expect("line");
    let newer = good.replace("plimsoll.snapshot/1", "plimsoll.snapshot/9");
    let text = format!(
        "\u{feff}{good}\n{newer}{{\"schema\":\"plimsoll.snapshot/1\"}}\n{}",
        &good[..40]
    );
    let (read, errors) = read_lines(&text);
    assert_eq!(read.len(), 1);
    assert!(
        matches!(&errors[0], LineError::Schema { line: 3, found } if found == "plimsoll.snapshot/9"),
        "{errors:?}"
    );
    assert!(
        matches!(errors[1], LineError::Invalid { line: 4, .. }),
        "{errors:?}"
    );
    assert!(
        matches!(errors[2], LineError::NotJson { line: 5, .. }),
        "{errors:?}"
    );
    let schema = serde_json::to_value(schema()).expect("schema");
    assert!(schema["properties"]["taken_at_ms"].is_object());
}

/// A key for tests.
pub fn redact_key() -> RedactKey {
    RedactKey::new(b"0123456789abcdef").expect("long enough")
}

#[test]
fn names_are_hashed_with_the_owners_key() {
    let snapshot = look(0.0);
    let other = RedactKey::new(b"fedcba9876543210").expect("long enough");
    let (one, two) = (redact(&snapshot, &redact_key()), redact(&snapshot, &other));
    assert_ne!(one.job, two.job);
    assert!(RedactKey::new(b"short").is_none());
    assert!(!format!("{:?}", redact_key()).contains("0123"));
}

#[test]
fn reasons_lose_every_word_that_may_be_a_name() {
    let mut snapshot = look(0.0);
    snapshot.gaps = vec![Gap::new(
        "vertex Enrich-Acme",
        "failed to lookup acme-gw.corp.example.com at /home/ada/x for com.acme.Foo AcmePay 10.1.2.3:8081 e5f1a2b3c4d5",
    )];
    let text = write_line(&redact(&snapshot, &redact_key())).expect("line");
    for secret in ["corp", "ada", "com.acme", "AcmePay", "10.1", "e5f1", "Acme"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    assert!(text.contains("failed to lookup"), "{text}");
}

#[test]
fn what_is_shared_names_nothing() {
    let mut snapshot = look(0.0);
    snapshot.vertices[0].name = "Source: acme-payments".to_string();
    snapshot.configuration = [
        ("taskmanager.memory.process.size", "4g"),
        ("pipeline.jobvertex-parallelism-overrides", "abc:4"),
        ("kubernetes.taskmanager.annotations", "team:acme"),
    ]
    .map(|(key, value)| (key.to_string(), value.to_string()))
    .into();
    snapshot.failures = vec![Failure {
        at_ms: 1,
        class: "com.acme.Secret".to_string(),
        out_of_memory: false,
        memory: None,
    }];
    snapshot.gaps = vec![Gap::new(
        "lag of Source: acme-payments",
        "503 from http://orders.shop.acme.internal:8081/jobs",
    )];
    let shared = redact(&snapshot, &redact_key());
    let text = write_line(&shared).expect("line");
    for secret in ["acme", "orders", "\"shop\"", "tm-1", "prod"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    assert_eq!(shared.vertices[0].name, "vertex-0");
    assert_eq!(shared.configuration.len(), 1);
    assert_eq!(redact(&snapshot, &redact_key()), shared, "stable");
    assert_eq!(
        shared.vertices[0].records_in,
        snapshot.vertices[0].records_in
    );
}
