//! The embedded history under kills, damage, locks and time.

use plimsoll::clients::sqlite::{Settings, SqliteHistory};
use plimsoll::ports::HistoryStore;
use plimsoll::snapshot::{
    Checkpoints, History, Input, JobKey, JobState, Slots, Snapshot, Spread, TaskManager, Vertex,
};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;
/// Midnight, so that blocks begin on it.
const BEGIN_MS: i64 = 1_735_689_600_000;

fn key() -> JobKey {
    "prod/deployment/shop/orders".parse().expect("key")
}

/// Reproducible numbers between 0 and 1.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        // Four digits: such numbers are read back from JSON to the last bit.
        ((self.0 >> 33) % 10_000) as f64 / 10_000.0
    }
}

/// The look at minute `minute` at a job of `vertices` vertices on four TaskManagers, with counters that go on.
fn snapshot(minute: i64, vertices: usize) -> Snapshot {
    let mut noise = Noise(minute as u64 ^ 0x9e37_79b9);
    let elapsed = (minute + 1) as f64 * 60_000.0;
    let mut snapshot = Snapshot::new(key(), BEGIN_MS + minute * MINUTE_MS, JobState::Running);
    snapshot.job_id = Some("5ee358e1a75417a4c3fc5981f5adec07".to_string());
    snapshot.flink_version = Some("1.20.5".to_string());
    snapshot.running_since_ms = Some(BEGIN_MS - MINUTE_MS);
    snapshot.restarts = Some(0);
    snapshot.slots = Some(Slots {
        total: 16,
        available: 4,
    });
    snapshot.configuration = (0..20)
        .map(|index| {
            (
                format!("taskmanager.memory.option-{index}"),
                format!("{index}m"),
            )
        })
        .collect();
    snapshot.vertices = (0..vertices)
        .map(|index| vertex(index, elapsed, &mut noise))
        .collect();
    snapshot.task_managers = (0..4)
        .map(|index| task_manager(index, elapsed, &mut noise))
        .collect();
    snapshot.checkpoints = Some(Checkpoints {
        completed: minute as u64,
        failed: 1,
        latest_duration_ms: Some(200 + (noise.next() * 300.0) as u64),
        latest_state_bytes: Some(1_000_000_000 + (noise.next() * 1e8) as u64),
        recent: (0..10)
            .map(|back| {
                (
                    BEGIN_MS + (minute - back) * MINUTE_MS,
                    200 + (noise.next() * 300.0) as u64,
                    true,
                )
            })
            .collect(),
        ..Checkpoints::default()
    });
    snapshot
}

fn vertex(index: usize, elapsed: f64, noise: &mut Noise) -> Vertex {
    let busy = 100.0 + 30.0 * index as f64 + 40.0 * noise.next();
    let short = |value: f64| (value * 1e3).round() / 1e3;
    let mut spread = |mean: f64| {
        Some(Spread {
            min: short(mean * 0.9),
            mean: short(mean),
            max: short(mean * (1.0 + noise.next() * 0.2)),
        })
    };
    Vertex {
        id: format!("{index:032x}"),
        name: format!("Operator number {index} -> Map -> Filter"),
        parallelism: 8,
        max_parallelism: Some(128),
        slot_sharing_group: Some("d37d7d909d6bb63983f1cc7195e8bc98".to_string()),
        inputs: (index > 0)
            .then(|| Input {
                vertex: format!("{:032x}", index - 1),
                ship_strategy: "HASH".to_string(),
            })
            .into_iter()
            .collect(),
        running: true,
        finished_subtasks: 0,
        reads_input: None,
        busy_ms_per_second: spread(busy),
        backpressured_ms_per_second: spread(1.0),
        idle_ms_per_second: spread(999.0 - busy),
        busy_median_ms_per_second: Some(short(busy)),
        accumulated_busy_ms: Some((elapsed * 8.0 * 0.3).round()),
        accumulated_backpressured_ms: Some((elapsed * 8.0 * 0.1).round()),
        accumulated_idle_ms: Some((elapsed * 8.0 * 0.6).round()),
        records_in: Some((elapsed * 2.0) as u64),
        records_out: Some((elapsed * 1.5) as u64),
        records_in_per_second: Some(2000.0 + 50.0 * noise.next()),
        records_out_per_second: Some(1500.0 + 50.0 * noise.next()),
        records_in_spread: Some(Spread {
            min: 240.0,
            mean: 250.0,
            max: 250.0 + 20.0 * noise.next(),
        }),
        pending_records: (index == 0).then(|| (noise.next() * 1000.0).round()),
        source_partitions: (index == 0).then_some(16),
        latency_ms: (index > 0).then(|| short(20.0 * noise.next())),
    }
}

fn task_manager(index: usize, elapsed: f64, noise: &mut Noise) -> TaskManager {
    TaskManager {
        id: format!("orders-taskmanager-1-{index}"),
        slots: 4,
        free_slots: 1,
        cpus_seen: Some(4.0),
        cpu_time_ns: Some((elapsed * 1.3e6) as u64),
        cpu_load: Some(0.3 + 0.1 * noise.next()),
        heap_used: Some((4e8 + 3e8 * noise.next()) as u64),
        heap_max: Some(1_000_000_000),
        managed_used: Some(0),
        managed_total: Some(500_000_000),
        network_used: Some(20_000_000),
        network_total: Some(130_000_000),
        metaspace_used: Some((9e7 + 1e6 * noise.next()) as u64),
        non_heap_used: Some((1.3e8 + 1e6 * noise.next()) as u64),
        direct_used: Some((1.5e8 + 1e6 * noise.next()) as u64),
        container_used: None,
        container_limit: None,
        gc_time_ms: Some((elapsed * 0.004) as u64),
        gc_ms_per_second: Some(4.0 + noise.next()),
        pools: Some(Default::default()),
    }
}

fn open(path: &Path) -> SqliteHistory {
    SqliteHistory::open(path, Settings::default()).expect("history")
}

fn fresh() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("history.sqlite");
    (folder, path)
}

#[test]
fn what_was_appended_comes_back() {
    let (_folder, path) = fresh();
    let snapshots: Vec<Snapshot> = (0..5).map(|minute| snapshot(minute, 3)).collect();
    let mut store = open(&path);
    for one in snapshots.iter().rev() {
        store.append(one).expect("appended");
    }
    store.append(&snapshots[2]).expect("appended again");
    drop(store);
    let store = open(&path);
    assert_eq!(store.jobs().expect("jobs"), [key()]);
    let read = store.history(&key(), 0, i64::MAX).expect("history");
    assert_eq!(
        Some(&read),
        History::from_snapshots(snapshots.clone()).as_ref()
    );
    assert_eq!(read.points.len(), 4);
    // As it was known at the third look.
    let earlier = store
        .history(&key(), 0, snapshots[2].taken_at_ms)
        .expect("history");
    assert_eq!(earlier.points.len(), 2);
    assert_eq!(earlier.latest.as_ref(), Some(&snapshots[2]));
    let unknown: JobKey = "prod/deployment/shop/refunds".parse().expect("key");
    assert!(
        store
            .history(&unknown, 0, i64::MAX)
            .expect("history")
            .points
            .is_empty()
    );
}

#[test]
fn old_snapshots_become_blocks_that_say_the_same() {
    let (_folder, path) = fresh();
    let snapshots: Vec<Snapshot> = (0..180).map(|minute| snapshot(minute, 2)).collect();
    let settings = Settings {
        whole_for: Duration::from_secs(3600),
        ..Settings::default()
    };
    let mut store = SqliteHistory::open(&path, settings).expect("history");
    store.append_all(&snapshots).expect("appended");
    let before = store.history(&key(), 0, i64::MAX).expect("history");
    let now = snapshots[179].taken_at_ms;
    store.compact(now).expect("compacted");
    let after = store.history(&key(), 0, i64::MAX).expect("history");
    store.compact(now).expect("compacted again");
    assert_eq!(after, store.history(&key(), 0, i64::MAX).expect("history"));
    assert!(after.points.len() < 90, "{}", after.points.len());
    let pairs = |history: &History| history.points.iter().map(|point| point.pairs).sum::<u32>();
    assert_eq!(pairs(&after), pairs(&before));
    assert!(
        after
            .points
            .windows(2)
            .all(|two| two[0].to_ms == two[1].from_ms)
    );
    assert_eq!(after.latest, before.latest);
    let largest = |history: &History| {
        history
            .points
            .iter()
            .filter_map(|point| point.task_managers.heap_used.map(|heap| heap.max))
            .fold(0.0, f64::max)
    };
    assert!((largest(&after) / largest(&before) - 1.0).abs() < 1e-3);
    // A time that is a block by now still has a snapshot of its hour.
    let replayed = store
        .history(&key(), 0, snapshots[90].taken_at_ms)
        .expect("history");
    assert!(
        replayed
            .latest
            .is_some_and(|latest| latest.taken_at_ms <= snapshots[90].taken_at_ms)
    );
    // The snapshots that follow go on from the newest of the blocks.
    let mut store = open(&path);
    store.append(&snapshot(180, 2)).expect("appended");
    let longer = store.history(&key(), 0, i64::MAX).expect("history");
    assert_eq!(pairs(&longer), pairs(&after) + 1);
    // A run whose clock is far ahead drops nothing; time is that of the newest sample.
    store.compact(now + 400 * DAY_MS).expect("compacted");
    let kept = store.history(&key(), 0, i64::MAX).expect("history");
    assert_eq!(kept.points, longer.points);
    store
        .append(&snapshot(180 + 400 * 1440, 2))
        .expect("appended");
    store.compact(now + 401 * DAY_MS).expect("compacted");
    let dropped = store.history(&key(), 0, now).expect("history");
    assert!(dropped.points.is_empty());
}

#[test]
fn files_that_are_none_are_named_with_a_way_out() {
    let (folder, path) = fresh();
    let error = |path: &Path| {
        SqliteHistory::open(path, Settings::default())
            .expect_err("error")
            .to_string()
    };
    std::fs::write(
        &path,
        "this is a text, long enough to be taken for a header of a file",
    )
    .expect("written");
    assert!(error(&path).contains("no history file"), "{}", error(&path));
    assert!(error(&path).contains("history.sqlite"));

    let newer = folder.path().join("newer.sqlite");
    drop(open(&newer));
    let connection = rusqlite::Connection::open(&newer).expect("connection");
    connection
        .execute_batch("PRAGMA user_version = 99")
        .expect("version");
    drop(connection);
    assert!(
        error(&newer).contains("newer Plimsoll (tables 99"),
        "{}",
        error(&newer)
    );

    let foreign = folder.path().join("foreign.sqlite");
    let connection = rusqlite::Connection::open(&foreign).expect("connection");
    connection
        .execute_batch("CREATE TABLE song (title TEXT)")
        .expect("table");
    drop(connection);
    assert!(
        error(&foreign).contains("another program"),
        "{}",
        error(&foreign)
    );

    let missing = folder.path().join("no/such/folder/history.sqlite");
    assert!(error(&missing).contains("folder"), "{}", error(&missing));
}

#[test]
fn damage_inside_costs_rows_or_is_told() {
    let (_folder, path) = fresh();
    let mut store = open(&path);
    store
        .append_all(&(0..4).map(|minute| snapshot(minute, 2)).collect::<Vec<_>>())
        .expect("appended");
    drop(store);
    let connection = rusqlite::Connection::open(&path).expect("connection");
    connection
        .execute(
            "UPDATE snapshot SET body = x'0102' WHERE at_ms = ?1",
            [BEGIN_MS + MINUTE_MS],
        )
        .expect("damaged");
    drop(connection);
    let history = open(&path).history(&key(), 0, i64::MAX).expect("history");
    assert_eq!(history.points.len(), 2);
    assert!(
        history
            .latest
            .is_some_and(|latest| latest.gaps.iter().any(|gap| gap.what == "history"))
    );

    // Pages in the middle overwritten.
    let mut store = open(&path);
    store
        .append_all(
            &(4..200)
                .map(|minute| snapshot(minute, 5))
                .collect::<Vec<_>>(),
        )
        .expect("appended");
    drop(store);
    let mut bytes = std::fs::read(&path).expect("read");
    let middle = bytes.len() / 2;
    for byte in bytes.iter_mut().skip(8192).take(middle) {
        *byte = 0xa5;
    }
    std::fs::write(&path, bytes).expect("written");
    let told = SqliteHistory::open(&path, Settings::default())
        .and_then(|store| store.history(&key(), 0, i64::MAX))
        .expect_err("damage")
        .to_string();
    assert!(
        told.contains("damaged") && told.contains("history.sqlite"),
        "{told}"
    );
}

#[test]
fn a_lock_is_waited_for_then_told() {
    let (_folder, path) = fresh();
    drop(open(&path));
    let holder = rusqlite::Connection::open(&path).expect("connection");
    holder.execute_batch("BEGIN EXCLUSIVE").expect("lock");
    let settings = Settings {
        patience: Duration::from_millis(200),
        ..Settings::default()
    };
    let told = SqliteHistory::open(&path, settings)
        .and_then(|mut store| store.append(&snapshot(0, 1)))
        .expect_err("lock")
        .to_string();
    assert!(told.contains("another process"), "{told}");
    holder.execute_batch("ROLLBACK").expect("unlock");
    open(&path).append(&snapshot(0, 1)).expect("appended");
}

/// Not a test of its own: what the kill test runs in another process. It appends and compacts until it is killed.
#[test]
fn writer_that_is_killed() {
    let Some(path) = std::env::var_os("PLIMSOLL_TEST_KILLED_WRITER") else {
        return;
    };
    let settings = Settings {
        whole_for: Duration::from_secs(600),
        ..Settings::default()
    };
    let mut store = SqliteHistory::open(Path::new(&path), settings).expect("history");
    for minute in 0..i64::MAX {
        store.append(&snapshot(minute, 3)).expect("appended");
        // Said only after it was written: the other side holds us to it.
        std::fs::write(Path::new(&path).with_extension("said"), minute.to_string()).expect("said");
        if minute % 7 == 0 {
            store
                .compact(BEGIN_MS + minute * MINUTE_MS)
                .expect("compacted");
        }
    }
}

#[test]
fn nothing_is_half_written_after_a_kill() {
    let (_folder, path) = fresh();
    for round in 0..4_u64 {
        let _ = std::fs::remove_file(&path);
        let mut child = std::process::Command::new(std::env::current_exe().expect("this binary"))
            .args([
                "--exact",
                "history_file::writer_that_is_killed",
                "--nocapture",
            ])
            .env("PLIMSOLL_TEST_KILLED_WRITER", &path)
            .stdout(std::process::Stdio::null())
            .spawn()
            .expect("child");
        let said = path.with_extension("said");
        let begun = Instant::now();
        let enough = |text: String| text.trim().parse::<i64>().is_ok_and(|minute| minute >= 20);
        while !std::fs::read_to_string(&said).is_ok_and(enough) {
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "the writer wrote nothing"
            );
            std::thread::sleep(Duration::from_millis(3));
        }
        std::thread::sleep(Duration::from_millis(11 * round));
        child.kill().expect("killed");
        child.wait().expect("ended");
        // Killed while it said so, the writer leaves an empty word: then only that nothing is torn can be checked.
        let last: Option<i64> = std::fs::read_to_string(&said)
            .expect("said")
            .trim()
            .parse()
            .ok();
        let store = open(&path);
        let history = store.history(&key(), 0, i64::MAX).expect("history");
        let pairs: u32 = history.points.iter().map(|point| point.pairs).sum();
        assert!(
            last.is_none_or(|last| (last..=last + 1).contains(&i64::from(pairs))),
            "{pairs} pairs, {last:?} said"
        );
        assert!(
            history
                .points
                .windows(2)
                .all(|two| two[0].to_ms == two[1].from_ms)
        );
        let _ = std::fs::remove_file(&said);
    }
}

/// Bytes that 14 days of minutes of a 20-vertex job take, from what a few hours take.
#[test]
fn two_weeks_fit_into_twenty_megabytes() {
    let (_folder, path) = fresh();
    let mut store = open(&path);
    store
        .append_all(
            &(0..240)
                .map(|minute| snapshot(minute, 20))
                .collect::<Vec<_>>(),
        )
        .expect("appended");
    let mean = |table: &str| {
        rusqlite::Connection::open(&path)
            .expect("connection")
            .query_row(
                &format!("SELECT avg(length(body)) FROM {table}"),
                [],
                |row| row.get::<_, f64>(0),
            )
            .expect("bodies")
    };
    let whole = mean("snapshot");
    let full_pages = std::fs::metadata(&path).expect("file").len() as f64 / (240.0 * whole);
    store
        .compact(BEGIN_MS + 240 * MINUTE_MS + DAY_MS)
        .expect("compacted");
    let block = mean("block");
    let days = 14.0;
    let bodies = 1440.0 * whole + (days - 1.0) * (24.0 * whole + 144.0 * block);
    let total = bodies * full_pages;
    writeln!(
        std::io::stdout(),
        "history: {:.1} kB a snapshot, {:.1} kB a block, 14 days of a 20-vertex job {:.1} MB",
        whole / 1e3,
        block / 1e3,
        total / 1e6
    )
    .expect("stdout");
    assert!(total < 20e6, "{total}");
}

/// The whole of it, for the table of figures: run with `--release -- --ignored`.
#[test]
#[ignore = "takes minutes without --release"]
fn two_weeks_measured() {
    let (_folder, path) = fresh();
    let mut store = open(&path);
    for hour in 0..14 * 24 {
        let minutes: Vec<Snapshot> = (hour * 60..(hour + 1) * 60)
            .map(|minute| snapshot(minute, 20))
            .collect();
        store.append_all(&minutes).expect("appended");
        store
            .compact(BEGIN_MS + (hour + 1) * 60 * MINUTE_MS)
            .expect("compacted");
    }
    let size = std::fs::metadata(&path).expect("file").len();
    let begun = Instant::now();
    let history = store.history(&key(), 0, i64::MAX).expect("history");
    writeln!(
        std::io::stdout(),
        "history: 14 days of a 20-vertex job {:.1} MB, {} points loaded in {:.0} ms",
        size as f64 / 1e6,
        history.points.len(),
        begun.elapsed().as_secs_f64() * 1e3
    )
    .expect("stdout");
    assert!(size < 20_000_000, "{size}");
    let seconds = if cfg!(debug_assertions) { 20 } else { 1 };
    assert!(begun.elapsed() < Duration::from_secs(seconds));
}
