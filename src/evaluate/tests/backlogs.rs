//! What backlogs measure, and when they measure nothing.

use super::*;

/// From `at` on a restart with a backlog of `looks` looks at 150,000 records each, read at `emitted` records/s while the work is
/// `busy`.
fn restarted(history: &mut History, at_look: usize, emitted: f64, busy: f64, looks: usize) {
    let waits = |left: usize| left as f64 * 150_000.0;
    history.points[at_look].restarts = 1;
    set_rates(
        &mut history.points[at_look],
        emitted,
        emitted / busy,
        waits(looks),
    );
    for look in 1..=looks {
        set_rates(
            &mut history.points[at_look + look],
            emitted,
            emitted / busy,
            waits(looks - look),
        );
    }
}

fn quiet(days: usize) -> History {
    fed(days * DAY, 2000.0, |_| 500.0)
}

fn reading(history: &History) -> Result<CatchUpReading, NoCatchUp> {
    catch_up_reading(history, &catch_ups(history))
}

fn work(history: &History) -> VertexCapacity {
    let load = demand(history, &Settings::default()).unwrap();
    let mut all = capacities(history, &load);
    all.retain(|vertex| vertex.id == "work");
    all.remove(0)
}

#[test]
fn a_backlog_that_outlasts_the_warm_up_measures_the_job() {
    let mut history = quiet(2);
    restarted(&mut history, DAY, 1000.0, 0.9, 6);
    let found = reading(&history).unwrap();
    near(found.per_second, 1000.0, 1e-9);
    near(found.sd_ln, 0.06, 1e-9);
    assert_eq!((found.backlogs, found.after_restarts), (1, 1));
    // The restart's own look and the warm-up are left out, and the look in which it ran dry.
    assert_eq!(found.measured_ms, 4 * STEP_MS);
    assert!(found.own_limit && !found.cores_scarce);
    let seen = &catch_ups(&history)[0];
    assert!(seen.drained && seen.bottleneck.as_deref() == Some("work"));

    let mut history = quiet(3);
    restarted(&mut history, DAY, 1000.0, 0.9, 6);
    restarted(&mut history, 2 * DAY, 1100.0, 0.9, 6);
    let found = reading(&history).unwrap();
    near(found.per_second, 1050.0, 1e-9);
    assert_eq!((found.backlogs, found.after_restarts), (2, 2));
    assert!(found.sd_ln > 0.06);
}

#[test]
fn both_readings_are_kept_and_their_disagreement_is_flagged() {
    // Busy time promises about 2000; what flowed was 1000.
    let mut history = quiet(3);
    restarted(&mut history, DAY, 1000.0, 0.9, 6);
    let few = work(&history);
    assert!(few.disagree && few.sd_ln >= 0.29, "{few:?}");
    near(few.observed_per_second.unwrap(), 1000.0, 1e-9);
    assert!(few.by_busy_per_second.unwrap() > 1500.0);
    // A second one leaves no doubt.
    restarted(&mut history, 2 * DAY, 1000.0, 0.9, 6);
    let sure = work(&history);
    assert!(sure.disagree, "{sure:?}");
    near(sure.true_rate_per_second, 1000.0, 1e-9);
    assert!(sure.sd_ln < few.sd_ln);
    // Where they agree, both count.
    let mut history = quiet(3);
    restarted(&mut history, DAY, 1850.0, 0.9, 6);
    let both = work(&history);
    assert!(!both.disagree && both.sd_ln < 0.1, "{both:?}");
}

#[test]
fn a_job_that_never_catches_up_is_a_reading_too() {
    let history = fed(2 * DAY, 1000.0, |i| if i < DAY { 500.0 } else { 2000.0 });
    let found = reading(&history).unwrap();
    near(found.per_second, 1000.0, 0.01);
    assert_eq!(found.after_restarts, 0);
    let seen = catch_ups(&history);
    assert!(seen.iter().all(|one| !one.drained));
}

#[test]
fn what_measures_nothing_is_named() {
    assert_eq!(reading(&quiet(2)), Err(NoCatchUp::NoBacklog));
    let mut blind = quiet(2);
    restarted(&mut blind, DAY, 1000.0, 0.9, 6);
    for point in &mut blind.points {
        at(point, "source").pending = None;
    }
    assert_eq!(reading(&blind), Err(NoCatchUp::NoLag));
    // A backlog that is gone with the warm-up.
    let mut short = quiet(2);
    restarted(&mut short, DAY, 1000.0, 0.9, 2);
    assert_eq!(reading(&short), Err(NoCatchUp::NoBacklog));
    assert_eq!(
        reading(&History::empty(short.job.clone())),
        Err(NoCatchUp::NoLag)
    );
}

#[test]
fn slow_reading_from_outside_is_no_capacity() {
    let mut history = quiet(2);
    restarted(&mut history, DAY, 600.0, 0.3, 6);
    let found = reading(&history).unwrap();
    assert!(!found.own_limit);
    let work = work(&history);
    assert!(!work.disagree && work.observed_per_second.is_none());
    near(work.true_rate_per_second, 2000.0, 0.02);
}

#[test]
fn another_size_belongs_to_the_past() {
    let mut history = quiet(3);
    restarted(&mut history, DAY / 2, 800.0, 0.9, 6);
    for point in &mut history.points[..DAY] {
        for parallelism in point.shape.parallelism.values_mut() {
            *parallelism = 2;
        }
    }
    assert_eq!(reading(&history), Err(NoCatchUp::NoBacklog));
    let past = catch_ups(&history);
    assert_eq!(past.len(), 1);
    assert_eq!(past[0].shape.parallelism["work"], 2);
    near(past[0].per_second, 800.0, 1e-9);
}

#[test]
fn a_source_that_waits_for_nothing_sets_another_mix() {
    let mut history = quiet(2);
    restarted(&mut history, DAY, 1000.0, 0.9, 6);
    for snapshot in [history.latest.as_mut(), history.latest_running.as_mut()]
        .into_iter()
        .flatten()
    {
        let other = crate::classify::sample::vertex("other", 4, &[]);
        snapshot.vertices.push(other);
    }
    for point in &mut history.points {
        let mut other = seen(0.1, 0.0, 400.0);
        other.pending = one(0.0);
        point.vertices.insert("other".into(), other);
    }
    assert_eq!(reading(&history), Err(NoCatchUp::NoBacklog));
}
