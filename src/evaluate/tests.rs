//! Demand and capacity from small histories with a known truth.

use super::*;
use crate::classify::sample::{STEP_MS, at, history, one, seen};
use crate::snapshot::{History, Point};

mod backlogs;
mod weeks;

const HOUR: usize = 12;
const DAY: usize = 24 * HOUR;

/// A job that carries `capacity` records/s at `work`, fed with `load(i)`, with a queue in front of it.
fn fed(points: usize, capacity: f64, load: impl Fn(usize) -> f64) -> History {
    let mut history = history(points);
    let mut lag = 0.0;
    for (place, point) in history.points.iter_mut().enumerate() {
        let seconds = STEP_MS as f64 / 1000.0;
        let emitted = (load(place) + lag / seconds).min(capacity);
        lag = (lag + (load(place) - emitted) * seconds).max(0.0);
        set_rates(point, emitted, capacity, lag);
    }
    history
}

fn set_rates(point: &mut Point, emitted: f64, capacity: f64, lag: f64) {
    let busy = emitted / capacity;
    let held = if busy > 0.99 { 0.9 } else { 0.0 };
    *at(point, "source") = seen(0.1, held, emitted);
    at(point, "source").pending = one(lag);
    *at(point, "work") = seen(busy, 0.0, emitted);
    *at(point, "sink") = seen(busy * 0.3, 0.0, emitted);
    point.task_managers.cpu_cores = one(busy * 2.0);
    point.task_managers.cpu_cores_max = one(busy);
}

fn near(value: f64, expected: f64, share: f64) {
    assert!(
        (value / expected - 1.0).abs() <= share,
        "{value} is not near {expected}"
    );
}

#[test]
fn throughput_under_backpressure_is_no_demand() {
    // 2000 records/s arrive for an hour at a job that carries 1000.
    let history = fed(2 * DAY, 1000.0, |i| {
        if (DAY..DAY + HOUR).contains(&i) {
            2000.0
        } else {
            500.0
        }
    });
    let found = demand(&history, &Settings::default()).unwrap();
    near(found.highest_per_second, 2000.0, 0.01);
    assert_eq!(found.basis, DemandBasis::ShortHistory);
    // The hour may end with ninety seconds of its records waiting.
    near(found.load_per_second, 2200.0 * (1.0 - 90.0 / 3600.0), 0.01);
    near(
        found.required_per_second,
        found.load_per_second * (1.0 + Settings::default().headroom_floor),
        0.01,
    );
    assert!(!found.lower_bound);
}

#[test]
fn catching_up_is_no_demand() {
    let mut history = fed(2 * DAY, 3000.0, |_| 500.0);
    // A restart of two minutes: the backlog is read at full speed in the next point.
    let restarted = &mut history.points[DAY];
    restarted.restarts = 1;
    set_rates(restarted, 300.0, 3000.0, 60_000.0);
    set_rates(&mut history.points[DAY + 1], 700.0, 3000.0, 0.0);
    let found = demand(&history, &Settings::default()).unwrap();
    near(found.highest_per_second, 500.0, 0.01);
    // Without a lag to look at, the minutes after a restart are left out.
    for point in &mut history.points {
        at(point, "source").pending = None;
    }
    let blind = demand(&history, &Settings::default()).unwrap();
    near(blind.highest_per_second, 500.0, 0.01);
}

#[test]
fn unknown_lag_under_backpressure_is_a_lower_bound() {
    let mut history = fed(2 * DAY, 1000.0, |_| 2000.0);
    for point in &mut history.points {
        at(point, "source").pending = None;
    }
    assert!(demand(&history, &Settings::default()).unwrap().lower_bound);
}

#[test]
fn a_full_history_bounds_a_quantile_and_keeps_recent_peaks() {
    let day = |i: usize| 600.0 + 400.0 * (i as f64 / DAY as f64 * std::f64::consts::TAU).sin();
    let found = demand(&fed(14 * DAY, 5000.0, day), &Settings::default()).unwrap();
    assert_eq!(found.basis, DemandBasis::Quantile);
    // The top of the day may wait for ninety seconds: some two percent less than the peak carries it.
    near(found.highest_per_second, 1000.0, 0.01);
    near(found.upper_per_second, 985.0, 0.01);
    assert!(found.quantile_per_second <= found.highest_per_second);
    // An hour of 3000 ten days ago is neither a recent peak nor above the quantile's limit's place.
    let spiked = fed(14 * DAY, 5000.0, |i| {
        if (4 * DAY..4 * DAY + 2).contains(&i) {
            3000.0
        } else {
            day(i)
        }
    });
    assert!(
        demand(&spiked, &Settings::default())
            .unwrap()
            .highest_per_second
            > 2900.0
    );
}

#[test]
fn short_and_silent_histories_are_refused() {
    let error = demand(&fed(HOUR, 1000.0, |_| 1.0), &Settings::default()).unwrap_err();
    assert!(matches!(error, DemandError::ShortHistory { .. }));
    let minutes = Settings {
        minimum_history_seconds: 600,
        ..Settings::default()
    };
    assert!(demand(&fed(HOUR, 1000.0, |_| 1.0), &minutes).is_ok());
    let mut silent = history(2 * DAY);
    for point in &mut silent.points {
        point.vertices.clear();
    }
    assert_eq!(
        demand(&silent, &Settings::default()),
        Err(DemandError::NoRates)
    );
}

#[test]
fn a_steady_rise_is_carried_on() {
    let found = demand(
        &fed(5 * DAY, 5000.0, |i| 500.0 + 0.2 * i as f64),
        &Settings::default(),
    )
    .unwrap();
    assert!(
        found.upper_per_second > found.highest_per_second * 1.05,
        "{found:?}"
    );
}

#[test]
fn cadence_does_not_change_the_demand() {
    let fine = {
        let mut history = fed(3 * DAY, 3000.0, |i| if i % 5 == 0 { 1000.0 } else { 250.0 });
        for (place, point) in history.points.iter_mut().enumerate() {
            point.from_ms = place as i64 * 60_000;
            point.to_ms = point.from_ms + 60_000;
            at(point, "source").pending = one(0.0);
        }
        history
    };
    let settings = Settings {
        minimum_history_seconds: 3600,
        ..Settings::default()
    };
    near(
        demand(&fine, &settings).unwrap().highest_per_second,
        400.0,
        0.1,
    );
}

#[test]
fn capacity_by_busy_time_and_by_catching_up_agree() {
    let history = fed(2 * DAY, 1000.0, |i| {
        300.0 + 300.0 * ((i % DAY) as f64 / DAY as f64)
    });
    let found = demand(&history, &Settings::default()).unwrap();
    let work = &capacities(&history, &found)[1];
    near(work.true_rate_per_second, 1000.0, 0.02);
    assert!(!work.disagree && work.observed_per_second.is_none());
    assert!(work.sd_ln < 0.12);
    near(work.required_per_second, found.required_per_second, 0.01);
    near(
        work.cores_per_record_per_second.unwrap(),
        2.0 / 1000.0 * (4.0 / 6.5),
        0.4,
    );

    let saturated = fed(2 * DAY, 1000.0, |i| {
        if (DAY..DAY + HOUR).contains(&i) {
            2000.0
        } else {
            500.0
        }
    });
    let found = demand(&saturated, &Settings::default()).unwrap();
    let work = &capacities(&saturated, &found)[1];
    near(work.observed_per_second.unwrap(), 1000.0, 0.01);
    near(work.true_rate_per_second, 1000.0, 0.05);
    assert!(
        work.true_rate_per_second < work.required_per_second,
        "a fully busy vertex is never shrunk"
    );
}

#[test]
fn busy_time_that_saturation_contradicts_is_flagged() {
    // Busy time promises 2000, catching up shows 1000.
    let mut history = fed(2 * DAY, 2000.0, |_| 500.0);
    for point in &mut history.points[DAY..DAY + 3] {
        set_rates(point, 1000.0, 1000.0, 500_000.0);
    }
    let found = demand(&history, &Settings::default()).unwrap();
    let work = &capacities(&history, &found)[1];
    assert!(work.disagree && work.sd_ln >= 0.29, "{work:?}");
    assert!((1000.0..2000.0).contains(&work.true_rate_per_second));
}

#[test]
fn throttled_points_measure_cores_not_the_vertex() {
    let mut history = fed(2 * DAY, 1000.0, |_| 990.0);
    for point in &mut history.points {
        point.shape.cpu_millis = 500;
        point.task_managers.cpu_cores = one(0.99);
        point.task_managers.cpu_cores_max = one(0.495);
    }
    let found = demand(&history, &Settings::default()).unwrap();
    let cost = cpu_cost(&history).unwrap();
    near(cost.cores_per_record_per_second, 0.001, 0.01);
    near(cost.busiest_part, 0.5, 0.01);
    let work = &capacities(&history, &found)[1];
    assert!(
        work.true_rate_per_second > 2000.0,
        "four subtasks with a core each carry more: {work:?}"
    );
}

#[test]
fn unknown_is_not_zero() {
    let mut history = fed(2 * DAY, 1000.0, |_| 500.0);
    for point in &mut history.points {
        at(point, "work").in_per_second = None;
        at(point, "sink").busy_max = None;
        at(point, "sink").busy = None;
    }
    let found = demand(&history, &Settings::default()).unwrap();
    let known: Vec<String> = capacities(&history, &found)
        .into_iter()
        .map(|vertex| vertex.id)
        .collect();
    assert_eq!(known, ["source"]);
}

/// The snapshot of a CDC source: 5,000 records/s for six hours, then 500. It tells no lag.
fn with_a_first_phase(points: usize) -> History {
    let mut history = fed(
        points,
        6000.0,
        |i| if i < 6 * HOUR { 5000.0 } else { 500.0 },
    );
    for point in &mut history.points {
        at(point, "source").pending = None;
    }
    history
}

#[test]
fn a_first_phase_is_no_demand() {
    let history = with_a_first_phase(3 * DAY);
    let found = demand(&history, &Settings::default()).unwrap();
    near(found.highest_per_second, 500.0, 0.01);

    // The same rates long after the start are the peak of a day.
    let mut later = with_a_first_phase(3 * DAY);
    for point in &mut later.points {
        point.running_since_ms = Some(-7 * 24 * 3_600_000);
    }
    let found = demand(&later, &Settings::default()).unwrap();
    near(found.highest_per_second, 5000.0, 0.01);

    // And so are they while no full day was seen after them.
    let found = demand(&with_a_first_phase(DAY + 4 * HOUR), &Settings::default()).unwrap();
    near(found.highest_per_second, 5000.0, 0.01);
}

#[test]
fn what_a_source_read_from_a_backlog_is_the_most_that_it_carries() {
    let source = |history: &History| {
        let load = demand(history, &Settings::default()).unwrap();
        let all = capacities(history, &load);
        let found = all.iter().find(|vertex| vertex.id == "source");
        found.unwrap().true_rate_per_second
    };
    let reads = |waiting: &dyn Fn(usize) -> f64| {
        let mut history = history(DAY);
        for (place, point) in history.points.iter_mut().enumerate() {
            *at(point, "source") = seen(0.12, 0.0, 5000.0);
            at(point, "source").pending = one(waiting(place));
            *at(point, "work") = seen(0.2, 0.0, 5000.0);
            *at(point, "sink") = seen(0.1, 0.0, 5000.0);
        }
        history
    };
    near(
        source(&reads(&|place| 1e5 + 3e5 * place as f64)),
        5000.0,
        0.02,
    );
    near(source(&reads(&|_| 200.0)), 5000.0 / 0.12, 0.02);
}

#[test]
fn the_latency_rule_has_a_bound_of_its_own() {
    let promised = Settings {
        latency_limit_ms: Some(250.0),
        ..Settings::default()
    };
    assert_eq!(promised.latency_limits().bound_ms, 250.0);
    assert_eq!(Settings::default().latency_limits().bound_ms, 120_000.0);
    let wide = Settings {
        latency_rule: LatencyRule {
            top: 3,
            ..LatencyRule::default()
        },
        ..Settings::default()
    };
    assert_eq!(wide.latency_limits().top, 3);
}
