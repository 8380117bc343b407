//! The watcher on made-up histories: one table of stories, and the cases that need more.
#![allow(clippy::unwrap_used)]

use crate::record::{MONDAY_MS, evidence, field, job, point, stat};
use plimsoll::record::Evidence;
use plimsoll::snapshot::{Failure, History, Input, JobState, Point, Snapshot, Vertex};
use plimsoll::watch::{
    Assessment, Merge, Settings, Signal, WaitingFor, assess, baseline, restoration, same_value,
    thresholds,
};
use serde_json::json;

const MINUTE: i64 = 60_000;
pub const HOUR: i64 = 60 * MINUTE;
/// Evidence at the begin, merged an hour later, live ten minutes after.
pub const MERGED: i64 = MONDAY_MS + HOUR;
pub const LIVE: i64 = MERGED + 10 * MINUTE;

fn graph(at_ms: i64, state: JobState) -> Snapshot {
    let vertex = |id: &str, inputs: Vec<Input>| Vertex {
        name: format!("{id}-name"),
        id: id.into(),
        inputs,
        ..serde_json::from_value(json!({"id": "", "name": "", "parallelism": 8, "running": true}))
            .unwrap()
    };
    let edge = Input {
        vertex: "source".into(),
        ship_strategy: "HASH".into(),
    };
    Snapshot {
        vertices: vec![vertex("source", vec![]), vertex("sink", vec![edge])],
        ..Snapshot::new(job("orders"), at_ms, state)
    }
}

/// A history that runs 12 wide until the merge and 8 wide from `LIVE` on, every `cadence`, until `hours` after.
pub fn history(cadence: i64, hours: i64) -> History {
    let mut points = Vec::new();
    let mut at = MONDAY_MS - 24 * HOUR;
    while at < MERGED {
        points.push(Point {
            running_since_ms: Some(MONDAY_MS - 48 * HOUR),
            ..point(at, at + cadence, 12)
        });
        at += cadence;
    }
    at = LIVE;
    while at < LIVE + hours * HOUR {
        points.push(Point {
            running_since_ms: Some(LIVE),
            ..point(at, at + cadence, 8)
        });
        at += cadence;
    }
    let end = points.last().unwrap().to_ms;
    History {
        job: job("orders"),
        points,
        latest: Some(graph(end, JobState::Running)),
        latest_running: Some(graph(end, JobState::Running)),
    }
}

fn merge() -> Merge {
    Merge {
        at_ms: MERGED,
        ..Merge::default()
    }
}

pub fn spoil(history: &mut History, from_ms: i64, to_ms: i64, how: impl Fn(&mut Point)) {
    for point in &mut history.points {
        if point.from_ms >= from_ms && point.to_ms <= to_ms {
            how(point);
        }
    }
}

/// Spoils the one point that begins then.
fn once(history: &mut History, from_ms: i64, how: impl Fn(&mut Point)) {
    let point = history
        .points
        .iter_mut()
        .find(|point| point.from_ms == from_ms);
    how(point.unwrap());
}

fn backpressure(point: &mut Point, share: f64) {
    point.vertices.get_mut("source").unwrap().backpressured = stat(share);
}

pub fn lag(point: &mut Point, seconds: f64) {
    point.vertices.get_mut("source").unwrap().pending = stat(900.0 * seconds);
}

fn at_end(history: &History) -> i64 {
    history.points.last().unwrap().to_ms
}

fn judge(history: &History) -> Assessment {
    assess(
        &evidence("orders", MONDAY_MS),
        &merge(),
        history,
        at_end(history),
    )
}

fn signals(assessment: &Assessment) -> Vec<Signal> {
    match assessment {
        Assessment::Regressed { breaches, .. } => {
            breaches.iter().map(|breach| breach.signal).collect()
        }
        _ => Vec::new(),
    }
}

/// One story: its name, what happens to the history, what must be seen.
type Story = (&'static str, fn(&mut History), &'static [Signal]);

#[test]
fn watch_breaches_what_lasts_and_nothing_else() {
    let stories: &[Story] = &[
        ("nothing", |_| {}, &[]),
        (
            "backpressure for 20 minutes",
            |h| {
                spoil(h, LIVE + HOUR, LIVE + HOUR + 20 * MINUTE, |p| {
                    backpressure(p, 0.64)
                })
            },
            &[Signal::Backpressure],
        ),
        (
            "backpressure for 10 minutes",
            |h| {
                spoil(h, LIVE + HOUR, LIVE + HOUR + 10 * MINUTE, |p| {
                    backpressure(p, 0.9)
                })
            },
            &[],
        ),
        (
            "backpressure at the limit",
            |h| spoil(h, LIVE + HOUR, LIVE + 2 * HOUR, |p| backpressure(p, 0.5)),
            &[],
        ),
        (
            "backpressure twice ten minutes with a good point between",
            |h| {
                spoil(h, LIVE + HOUR, LIVE + HOUR + 25 * MINUTE, |p| {
                    backpressure(p, 0.9)
                });
                spoil(
                    h,
                    LIVE + HOUR + 10 * MINUTE,
                    LIVE + HOUR + 15 * MINUTE,
                    |p| backpressure(p, 0.1),
                );
            },
            &[],
        ),
        (
            "backpressure not measured between",
            |h| {
                spoil(h, LIVE + HOUR, LIVE + HOUR + 25 * MINUTE, |p| {
                    backpressure(p, 0.9)
                });
                spoil(
                    h,
                    LIVE + HOUR + 10 * MINUTE,
                    LIVE + HOUR + 15 * MINUTE,
                    |p| {
                        p.vertices.get_mut("source").unwrap().backpressured = None;
                    },
                );
            },
            &[],
        ),
        (
            "backpressure in the warm-up",
            |h| spoil(h, LIVE, LIVE + 10 * MINUTE, |p| backpressure(p, 1.0)),
            &[],
        ),
        (
            "lag for 10 minutes",
            |h| spoil(h, LIVE + HOUR, LIVE + HOUR + 10 * MINUTE, |p| lag(p, 200.0)),
            &[Signal::Lag],
        ),
        (
            "a lag that drains after the restart",
            |h| {
                for (i, seconds) in [900.0, 700.0, 500.0, 300.0, 150.0].into_iter().enumerate() {
                    let at = LIVE + i as i64 * 5 * MINUTE;
                    spoil(h, at, at + 5 * MINUTE, |p| {
                        lag(p, seconds);
                        backpressure(p, 0.9);
                    });
                }
            },
            &[],
        ),
        (
            "a lag that does not drain after the restart",
            |h| spoil(h, LIVE, LIVE + HOUR, |p| lag(p, 900.0)),
            &[Signal::Lag],
        ),
        (
            "nothing is read at all",
            |h| {
                spoil(h, LIVE + HOUR, LIVE + 2 * HOUR, |p| {
                    let source = p.vertices.get_mut("source").unwrap();
                    source.in_per_second = stat(0.0);
                    source.pending = stat(5.0);
                })
            },
            &[Signal::Lag],
        ),
        (
            "one restart",
            |h| once(h, LIVE + HOUR, |p| p.restarts = 1),
            &[],
        ),
        (
            "three restarts in ten minutes",
            |h| {
                once(h, LIVE, |p| p.restarts = 2);
                once(h, LIVE + 5 * MINUTE, |p| p.restarts = 1);
            },
            &[Signal::Restarts],
        ),
        (
            "three restarts in an hour",
            |h| {
                for i in 0..3 {
                    once(h, LIVE + HOUR + i * 20 * MINUTE, |p| p.restarts = 1)
                }
            },
            &[],
        ),
        (
            "one OOM at once, in the warm-up too",
            |h| once(h, LIVE, |p| p.out_of_memory = 1),
            &[Signal::OutOfMemory],
        ),
        (
            "slow checkpoints for two hours",
            |h| {
                spoil(h, LIVE + HOUR, LIVE + 3 * HOUR, |p| {
                    p.checkpoints.duration_ms = stat(45_000.0)
                })
            },
            &[Signal::CheckpointDuration],
        ),
        (
            "one slow checkpoint",
            |h| {
                spoil(h, LIVE + HOUR, LIVE + HOUR + 5 * MINUTE, |p| {
                    p.checkpoints.duration_ms = stat(900_000.0)
                })
            },
            &[],
        ),
        (
            "failing checkpoints",
            |h| {
                spoil(h, LIVE + HOUR, LIVE + 3 * HOUR, |p| {
                    p.checkpoints.failed = 3;
                    p.checkpoints.completed = 2;
                })
            },
            &[Signal::CheckpointFailures],
        ),
        (
            "collecting garbage",
            |h| {
                spoil(h, LIVE + HOUR, LIVE + 2 * HOUR, |p| {
                    p.task_managers.gc_share = stat(0.4)
                })
            },
            &[Signal::GarbageCollection],
        ),
        (
            "an OOM before it was live",
            |h| spoil(h, MONDAY_MS, MERGED, |p| p.out_of_memory = 4),
            &[],
        ),
    ];
    for cadence in [5 * MINUTE, MINUTE] {
        for (name, happens, expected) in stories {
            let mut history = history(cadence, 6);
            happens(&mut history);
            let assessment = judge(&history);
            assert_eq!(
                &signals(&assessment)[..],
                *expected,
                "{name} every {cadence} ms: {assessment:?}"
            );
            if expected.is_empty() {
                assert!(
                    matches!(assessment, Assessment::Watching { .. }),
                    "{name}: {assessment:?}"
                );
            }
        }
    }
}

/// A growth's story: its name, what was before it, what is since it, what must be seen.
type Growth = (
    &'static str,
    fn(&mut Point),
    fn(&mut Point),
    &'static [Signal],
);

#[test]
fn watch_a_growth_is_not_blamed_for_the_shortage_it_answers() {
    let late: fn(&mut Point) = |p| lag(p, 3_600.0);
    let waits: fn(&mut Point) = |p| backpressure(p, 0.9);
    let calm: fn(&mut Point) = |_| {};
    let dies: fn(&mut Point) = |p| p.out_of_memory = 1;
    let crashes: fn(&mut Point) = |p| p.restarts = 3;
    let collects: fn(&mut Point) = |p| p.task_managers.gc_share = stat(0.6);
    let loaded: fn(&mut Point) = |p| {
        backpressure(p, 0.9);
        p.vertices.get_mut("source").unwrap().in_per_second = stat(1500.0);
    };
    let stories: &[Growth] = &[
        ("the old backlog drains", late, late, &[]),
        ("a backlog shows as backpressure too", late, waits, &[]),
        ("and the other way round", waits, late, &[]),
        (
            "the load rose beyond what it was sized for",
            calm,
            loaded,
            &[],
        ),
        ("memory ran out before and still does", dies, dies, &[]),
        ("it crashed before and still does", crashes, crashes, &[]),
        (
            "it collected garbage before and still does",
            collects,
            collects,
            &[],
        ),
        ("lag that is new", calm, late, &[Signal::Lag]),
        (
            "backpressure that is new",
            calm,
            waits,
            &[Signal::Backpressure],
        ),
        (
            "memory runs out at the new shape",
            late,
            dies,
            &[Signal::OutOfMemory],
        ),
        (
            "it crashes at the new shape",
            late,
            crashes,
            &[Signal::Restarts],
        ),
        (
            "garbage at the new shape",
            late,
            collects,
            &[Signal::GarbageCollection],
        ),
    ];
    for (name, before, since, seen) in stories {
        for grew in [true, false] {
            let mut history = history(5 * MINUTE, 6);
            spoil(&mut history, MERGED - 2 * HOUR, MERGED, before);
            spoil(&mut history, LIVE + 2 * HOUR, LIVE + 4 * HOUR, since);
            let mut it = evidence("orders", MONDAY_MS);
            let direction = if grew { "grow" } else { "shrink" };
            it.details.insert(
                "recommendation".into(),
                json!({"direction": direction, "demand": {"load_per_second": 1100.0}}),
            );
            let found = signals(&assess(&it, &merge(), &history, at_end(&history)));
            if grew {
                assert_eq!(found, *seen, "{name}");
            } else {
                assert!(!found.is_empty(), "{name}: a cut is judged by all of them");
            }
        }
    }
}

#[test]
fn watch_says_what_happened_at_which_load() {
    let mut history = history(5 * MINUTE, 6);
    spoil(&mut history, LIVE + HOUR, LIVE + 2 * HOUR, |p| {
        backpressure(p, 0.64);
        p.vertices.get_mut("source").unwrap().in_per_second = stat(1500.0);
    });
    let mut it = evidence("orders", MONDAY_MS);
    it.details.insert(
        "recommendation".into(),
        json!({"demand": {"load_per_second": 1100.0}}),
    );
    let assessment = assess(&it, &merge(), &history, at_end(&history));
    let Assessment::Regressed {
        live_since_ms,
        breaches,
    } = assessment
    else {
        panic!("{assessment:?}");
    };
    assert_eq!(live_since_ms, Some(LIVE));
    assert_eq!(breaches[0].vertex.as_deref(), Some("source-name"));
    assert_eq!(
        (breaches[0].since_ms, breaches[0].until_ms),
        (LIVE + HOUR, LIVE + 2 * HOUR)
    );
    assert!(breaches[0].beyond_sized);
    assert_eq!(
        breaches[0].message,
        "`source-name` was backpressured 64 % of the time for 60 min (limit 50 %, before the change 3 %) \
         at 1500 records/s, more than the 1100 it was sized for"
    );
}

#[test]
fn watch_waits_until_the_cluster_runs_what_was_merged() {
    let all = history(5 * MINUTE, 6);
    let before = |at_ms: i64| {
        let mut known = all.clone();
        known.points.retain(|point| point.to_ms <= at_ms);
        known.latest = Some(graph(known.points.last().unwrap().to_ms, JobState::Running));
        assess(&evidence("orders", MONDAY_MS), &merge(), &known, at_ms)
    };
    let Assessment::Waiting {
        reason, message, ..
    } = before(MERGED + 5 * MINUTE)
    else {
        panic!()
    };
    assert_eq!(reason, WaitingFor::NotLive);
    assert!(
        message.contains("spec.job.parallelism is 12, not 8"),
        "{message}"
    );
    assert!(matches!(
        before(LIVE + 10 * MINUTE),
        Assessment::Watching {
            live_since_ms: LIVE,
            ..
        }
    ));
    // The whole history asked at an earlier time says the same.
    let replayed = assess(
        &evidence("orders", MONDAY_MS),
        &merge(),
        &all,
        MERGED + 5 * MINUTE,
    );
    assert!(matches!(replayed, Assessment::Waiting { .. }));
}

#[test]
fn watch_a_change_that_no_shape_shows_is_live_with_the_next_restart() {
    let mut it = evidence("orders", MONDAY_MS);
    let path = "spec.flinkConfiguration[\"taskmanager.memory.managed.fraction\"]";
    it.fields = vec![field(path, json!("0.4"), json!("0.2"))];
    let mut history = history(5 * MINUTE, 6);
    let judged = assess(&it, &merge(), &history, at_end(&history));
    assert!(
        matches!(
            judged,
            Assessment::Watching {
                live_since_ms: LIVE,
                ..
            }
        ),
        "{judged:?}"
    );
    let running = history.latest_running.as_mut().unwrap();
    running
        .configuration
        .insert("taskmanager.memory.managed.fraction".into(), "0.4".into());
    assert!(matches!(
        assess(&it, &merge(), &history, at_end(&history)),
        Assessment::Waiting { .. }
    ));
    spoil(&mut history, LIVE, i64::MAX, |p| {
        p.running_since_ms = Some(MONDAY_MS)
    });
    assert!(matches!(
        assess(&it, &merge(), &history, at_end(&history)),
        Assessment::Waiting { .. }
    ));
}

#[test]
fn watch_fields_are_read_in_their_own_units() {
    let cases = [
        (
            "spec.taskManager.resource.memory",
            json!("4096m"),
            json!("2g"),
            true,
        ),
        (
            "spec.taskManager.resource.memory",
            json!("2g"),
            json!("4Gi"),
            false,
        ),
        (
            "spec.taskManager.resources.requests.cpu",
            json!(1),
            json!("2000m"),
            false,
        ),
        ("spec.taskManager.resource.cpu", json!(2), json!(1.5), true),
        ("spec.taskManager.replicas", json!(6), json!(4), false),
        (
            "spec.flinkConfiguration.taskmanager.numberOfTaskSlots",
            json!("4"),
            json!("2"),
            false,
        ),
        (
            "spec.flinkConfiguration.pipeline.jobvertex-parallelism-overrides",
            json!("source:12"),
            json!("source:8,sink:8"),
            false,
        ),
        (
            "spec.flinkConfiguration.pipeline.jobvertex-parallelism-overrides",
            json!("source:12"),
            json!("source:4,sink:8"),
            true,
        ),
    ];
    let history = history(5 * MINUTE, 6);
    for (path, before, after, waits) in cases {
        let mut it = evidence("orders", MONDAY_MS);
        it.fields = vec![field(path, before, after.clone())];
        let judged = assess(&it, &merge(), &history, at_end(&history));
        assert_eq!(
            matches!(judged, Assessment::Waiting { .. }),
            waits,
            "{path} {after}: {judged:?}"
        );
    }
}

#[test]
fn watch_a_field_that_the_cluster_tells_otherwise_is_not_waited_for() {
    let mut it = evidence("orders", MONDAY_MS);
    let mut history = history(5 * MINUTE, 6);
    it.fields
        .push(field("spec.taskManager.resource.cpu", json!(4), json!(2)));
    // The configuration tells the node's cores, before and after.
    for point in &mut history.points {
        point.shape.cpu_millis = 16_000;
    }
    let live = |history: &History| {
        let judged = assess(&it, &merge(), history, at_end(history));
        matches!(
            judged,
            Assessment::Watching {
                live_since_ms: LIVE,
                ..
            }
        )
    };
    assert!(live(&history));
    // Where it did tell the old value, it is waited for the new one.
    for point in &mut history.points {
        point.shape.cpu_millis = 4_000;
    }
    assert!(!live(&history));
}

#[test]
fn watch_settles_at_the_end_of_its_window_with_what_it_saved() {
    let history = history(5 * MINUTE, 121);
    let it = evidence("orders", MONDAY_MS);
    let at = |hours: i64| assess(&it, &merge(), &history, LIVE + hours * HOUR);
    assert!(matches!(at(71), Assessment::Watching { note: None, .. }));
    let Assessment::Settled {
        predicted_per_month,
        realised_per_month,
        shifts,
        ..
    } = at(72)
    else {
        panic!("{:?}", at(72))
    };
    assert_eq!(predicted_per_month, Some(212.0));
    assert_eq!(realised_per_month, Some(212.0));
    let load = shifts.iter().find(|shift| shift.name == "load").unwrap();
    assert_eq!((load.before, load.after), (Some(900.0), Some(900.0)));
}

#[test]
fn watch_takes_longer_over_a_weekend() {
    let mut history = history(5 * MINUTE, 130);
    // The same a Thursday's time later.
    let shift = 3 * 24 * HOUR;
    for point in &mut history.points {
        point.from_ms += shift;
        point.to_ms += shift;
        point.running_since_ms = point.running_since_ms.map(|since| since + shift);
    }
    let it = evidence("orders", MONDAY_MS + shift);
    let merge = Merge {
        at_ms: MERGED + shift,
        ..Merge::default()
    };
    let at = |hours: i64| assess(&it, &merge, &history, LIVE + shift + hours * HOUR);
    assert!(
        matches!(at(119), Assessment::Watching { .. }),
        "{:?}",
        at(119)
    );
    assert!(
        matches!(at(120), Assessment::Settled { .. }),
        "{:?}",
        at(120)
    );
}

#[test]
fn watch_neither_judges_nor_settles_without_data() {
    let mut silent = history(5 * MINUTE, 6);
    let last = at_end(&silent);
    let it = evidence("orders", MONDAY_MS);
    let judged = assess(&it, &merge(), &silent, last + 2 * HOUR);
    assert!(
        matches!(judged, Assessment::Blind { since_ms, .. } if since_ms == last),
        "{judged:?}"
    );
    assert!(matches!(
        assess(&it, &merge(), &silent, last + HOUR),
        Assessment::Watching { .. }
    ));
    // Unreachable for days, then back just before the end: not settled, the time is made up.
    silent.points.extend(
        history(5 * MINUTE, 80)
            .points
            .into_iter()
            .filter(|p| p.from_ms >= LIVE + 70 * HOUR),
    );
    let judged = assess(&it, &merge(), &silent, LIVE + 79 * HOUR);
    assert!(
        matches!(&judged, Assessment::Watching { note: Some(note), .. } if note.contains("too little")),
        "{judged:?}"
    );
    // Never seen again after the merge.
    let mut gone = history(5 * MINUTE, 6);
    gone.points.retain(|point| point.to_ms <= MERGED);
    gone.latest = Some(graph(MERGED + 5 * HOUR, JobState::Unreachable));
    let judged = assess(&it, &merge(), &gone, MERGED + 5 * HOUR);
    assert!(
        matches!(
            judged,
            Assessment::Blind {
                since_ms: MERGED,
                ..
            }
        ),
        "{judged:?}"
    );
}

#[test]
fn watch_a_job_that_does_not_come_up_is_the_changes_fault_only_if_it_ran_before() {
    let mut down = history(5 * MINUTE, 6);
    down.points.retain(|point| point.to_ms <= MERGED);
    down.latest = Some(graph(MERGED + 15 * MINUTE, JobState::Failed));
    let it = evidence("orders", MONDAY_MS);
    let judged = assess(&it, &merge(), &down, MERGED + 15 * MINUTE);
    assert_eq!(signals(&judged), [Signal::NotRunning], "{judged:?}");
    down.latest = Some(graph(MERGED + 15 * MINUTE, JobState::Starting));
    assert!(matches!(
        assess(&it, &merge(), &down, MERGED + 15 * MINUTE),
        Assessment::Waiting { .. }
    ));
    down.latest = Some(graph(MERGED + 35 * MINUTE, JobState::Starting));
    assert_eq!(
        signals(&assess(&it, &merge(), &down, MERGED + 35 * MINUTE)),
        [Signal::NotRunning]
    );
    down.latest = Some(graph(MERGED + 50 * MINUTE, JobState::Stopped));
    let stopped = assess(&it, &merge(), &down, MERGED + 50 * MINUTE);
    assert!(
        matches!(&stopped, Assessment::Waiting { reason, .. } if *reason == WaitingFor::Stopped),
        "{stopped:?}"
    );
    down.points.retain(|point| point.to_ms <= MERGED - 5 * HOUR);
    down.latest = Some(graph(MERGED + 50 * MINUTE, JobState::Failed));
    assert_eq!(
        signals(&assess(&it, &merge(), &down, MERGED + 50 * MINUTE)),
        []
    );
}

#[test]
fn watch_counts_failures_that_only_the_newest_snapshot_names() {
    let mut history = history(5 * MINUTE, 2);
    let oom = |at_ms| Failure {
        at_ms,
        class: "java.lang.OutOfMemoryError".into(),
        out_of_memory: true,
        memory: None,
    };
    history.latest.as_mut().unwrap().failures = vec![oom(MERGED - HOUR)];
    assert_eq!(signals(&judge(&history)), []);
    history.latest.as_mut().unwrap().failures = vec![oom(LIVE + HOUR), oom(MERGED - HOUR)];
    assert_eq!(signals(&judge(&history)), [Signal::OutOfMemory]);
}

#[test]
fn watch_a_single_restart_may_catch_up_and_a_second_soon_after_may_not() {
    let mut once_more = history(5 * MINUTE, 12);
    let restart = |h: &mut History, at: i64| {
        once(h, at, |p| p.restarts = 1);
        spoil(h, at, i64::MAX, |p| p.running_since_ms = Some(at));
        spoil(h, at, at + 20 * MINUTE, |p| lag(p, 500.0));
    };
    restart(&mut once_more, LIVE + 7 * HOUR);
    assert_eq!(signals(&judge(&once_more)), []);
    restart(&mut once_more, LIVE + 9 * HOUR);
    assert_eq!(signals(&judge(&once_more)), [Signal::Lag]);
}

#[test]
fn watch_one_failed_look_hides_nothing_and_a_hole_proves_nothing() {
    let mut missed = history(MINUTE, 6);
    spoil(&mut missed, LIVE + HOUR, LIVE + HOUR + 16 * MINUTE, |p| {
        backpressure(p, 0.9)
    });
    missed
        .points
        .retain(|point| point.from_ms != LIVE + HOUR + 7 * MINUTE);
    assert_eq!(signals(&judge(&missed)), [Signal::Backpressure]);
    // Nobody looked for an hour; the look after it saw a bad moment.
    let mut hole = history(MINUTE, 6);
    hole.points
        .retain(|p| p.from_ms <= LIVE + HOUR || p.from_ms >= LIVE + 2 * HOUR);
    once(&mut hole, LIVE + HOUR, |p| {
        p.to_ms = LIVE + 2 * HOUR;
        backpressure(p, 0.9);
    });
    assert_eq!(signals(&judge(&hole)), []);
    once(&mut hole, LIVE + HOUR, |p| p.out_of_memory = 1);
    assert_eq!(signals(&judge(&hole)), [Signal::OutOfMemory]);
}

#[test]
fn watch_a_lost_task_manager_is_no_other_size_and_a_crash_stays_one_when_rolled_back() {
    let mut it = evidence("orders", MONDAY_MS);
    it.fields = vec![field("spec.taskManager.replicas", json!(6), json!(4))];
    let mut history = history(5 * MINUTE, 6);
    once(&mut history, LIVE + 6 * HOUR - 5 * MINUTE, |p| {
        p.shape.task_managers = 3
    });
    let judged = assess(&it, &merge(), &history, at_end(&history));
    assert!(matches!(judged, Assessment::Watching { .. }), "{judged:?}");
    once(&mut history, LIVE + HOUR, |p| p.out_of_memory = 1);
    spoil(&mut history, LIVE + 2 * HOUR, i64::MAX, |p| {
        p.shape.task_managers = 6
    });
    assert_eq!(
        signals(&assess(&it, &merge(), &history, at_end(&history))),
        [Signal::OutOfMemory]
    );
}

#[test]
fn watch_git_goes_before_metrics() {
    let mut bad = history(5 * MINUTE, 6);
    spoil(&mut bad, LIVE, i64::MAX, |p| p.out_of_memory = 1);
    let it = evidence("orders", MONDAY_MS);
    let superseded = Merge {
        superseded_by: Some("c1".into()),
        ..merge()
    };
    assert_eq!(
        assess(&it, &superseded, &bad, at_end(&bad)),
        Assessment::Superseded { by: "c1".into() }
    );
    let reverted = Merge {
        reverted_by: Some("d1".into()),
        ..superseded
    };
    assert_eq!(
        assess(&it, &reverted, &bad, at_end(&bad)),
        Assessment::Reverted { by: "d1".into() }
    );
}

#[test]
fn watch_a_cluster_that_rolled_back_by_itself_is_told() {
    let mut history = history(5 * MINUTE, 6);
    spoil(&mut history, LIVE + 3 * HOUR, i64::MAX, |p| {
        *p = Point {
            running_since_ms: Some(LIVE + 3 * HOUR),
            ..point(p.from_ms, p.to_ms, 12)
        }
    });
    let judged = judge(&history);
    assert!(
        matches!(&judged, Assessment::Waiting { reason, .. } if *reason == WaitingFor::NotInForce),
        "{judged:?}"
    );
}

#[test]
fn watch_thresholds_are_those_of_the_page_for_a_healthy_job() {
    let made = thresholds(&Settings::default(), &history(5 * MINUTE, 0));
    let page = crate::record::thresholds();
    assert_eq!(made, page);
}

#[test]
fn watch_thresholds_are_never_breached_by_the_past_they_were_made_from() {
    let mut bad = history(5 * MINUTE, 80);
    let day = |i: i64| MONDAY_MS - 24 * HOUR + i * HOUR;
    spoil(&mut bad, day(2), day(4), |p| backpressure(p, 0.8));
    spoil(&mut bad, day(5), day(6), |p| lag(p, 700.0));
    spoil(&mut bad, day(7), day(9), |p| {
        p.checkpoints.duration_ms = stat(90_000.0)
    });
    spoil(&mut bad, day(10), day(12), |p| p.checkpoints.failed = 2);
    spoil(&mut bad, day(13), day(14), |p| {
        p.task_managers.gc_share = stat(0.6)
    });
    spoil(&mut bad, day(15), day(15) + 10 * MINUTE, |p| {
        p.restarts = 3;
        p.out_of_memory = 1;
    });
    let mut past = bad.clone();
    past.points.retain(|point| point.to_ms <= MERGED);
    let made = thresholds(&Settings::default(), &past);
    assert!((made.backpressure_share - 0.85).abs() < 1e-9);
    assert_eq!(made.lag_ms, 875_000);
    assert_eq!((made.restarts, made.checkpoint_duration_ms), (7, 112_500));
    // The same past again after the merge breaches nothing.
    let mut again = past.clone();
    let shift = LIVE - past.points[0].from_ms;
    for point in &mut again.points {
        *point = Point {
            from_ms: point.from_ms + shift,
            to_ms: point.to_ms + shift,
            running_since_ms: Some(LIVE),
            shape: crate::record::point(0, 1, 8).shape,
            ..point.clone()
        };
    }
    let it = Evidence {
        thresholds: made,
        baseline: baseline(&past),
        ..evidence("orders", MONDAY_MS)
    };
    let judged = assess(&it, &merge(), &again, at_end(&again));
    assert!(matches!(judged, Assessment::Watching { .. }), "{judged:?}");
    let strict = Evidence {
        thresholds: crate::record::thresholds(),
        ..it
    };
    assert_eq!(
        signals(&assess(&strict, &merge(), &again, at_end(&again))).len(),
        7
    );
}

#[test]
fn watch_settings_read_yaml_and_refuse_unknown_keys() {
    let read: Settings =
        yaml_serde::from_str("window: 2h\nlag: 5 min\nbackpressure: 0.6\n").unwrap();
    let made = thresholds(&read, &history(5 * MINUTE, 0));
    assert_eq!(
        (made.window_ms, made.window_weekend_ms),
        (2 * HOUR, 2 * HOUR)
    );
    assert_eq!((made.lag_ms, made.backpressure_share), (300_000, 0.6));
    assert!(yaml_serde::from_str::<Settings>("windw: 2h\n").is_err());
}

#[test]
fn watch_an_empty_history_is_no_panic() {
    let empty = History {
        job: job("orders"),
        points: vec![],
        latest: None,
        latest_running: None,
    };
    let made = thresholds(&Settings::default(), &empty);
    assert_eq!(made, crate::record::thresholds());
    assert_eq!(baseline(&empty), Default::default());
    let it = evidence("orders", MONDAY_MS);
    assert!(matches!(
        assess(&it, &merge(), &empty, MERGED + MINUTE),
        Assessment::Waiting { .. }
    ));
    assert!(matches!(
        assess(&it, &merge(), &empty, MERGED + 2 * HOUR),
        Assessment::Blind { .. }
    ));
}

#[test]
fn watch_restores_exactly_its_own_fields_and_fights_nobody() {
    let mut it = evidence("orders", MONDAY_MS);
    let memory = field(
        "spec.taskManager.resource.memory",
        json!("4096m"),
        json!("2560m"),
    );
    let cpu = field("spec.taskManager.resource.cpu", json!(2), json!(1));
    let added = plimsoll::record::FieldChange {
        before: None,
        ..field("spec.flinkConfiguration.a", json!(0), json!("x"))
    };
    it.fields.extend([memory, cpu, added]);
    let undone = restoration(&it, &|field| match field.path.as_str() {
        // A person wrote the same value in another way, another one anew, and set the third back.
        "spec.taskManager.resource.memory" => Some(Some(json!("2560Mi"))),
        "spec.job.parallelism" => Some(Some(json!(10))),
        "spec.taskManager.resource.cpu" => Some(Some(json!("2"))),
        "spec.flinkConfiguration.a" => Some(Some(json!("x"))),
        _ => None,
    });
    assert_eq!(undone.restore.len(), 2);
    assert_eq!(undone.restore[0].before, Some(json!("2560Mi")));
    assert_eq!(undone.restore[0].after, Some(json!("4096m")));
    assert_eq!(undone.restore[1].after, None);
    assert_eq!(undone.taken_over.len(), 1);
    assert_eq!(undone.taken_over[0].now, Some(json!(10)));
    assert_eq!(undone.restored.len(), 1);
    let unreadable = restoration(&it, &|_| None);
    assert_eq!(
        (unreadable.restore.len(), unreadable.taken_over.len()),
        (0, 4)
    );
}

#[test]
fn watch_values_are_compared_by_meaning() {
    let same = |path: &str, one: serde_json::Value, two: serde_json::Value| {
        same_value(path, Some(&one), Some(&two))
    };
    assert!(same("a.memory", json!("2048m"), json!("2g")));
    assert!(same("a.cpu", json!("500m"), json!(0.5)));
    assert!(!same("a.memory", json!("500m"), json!(0.5)));
    assert!(same("a.slots", json!("2"), json!(2)));
    assert!(!same("a.slots", json!("2"), json!(3)));
    assert!(!same("a.mode", json!("x"), json!("y")));
    assert!(same_value("a", None, None));
    assert!(!same_value("a", None, Some(&json!(1))));
}
