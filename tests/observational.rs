//! What past sizes of simulated jobs say about sizes that never ran.

#![allow(clippy::unwrap_used)]

use plimsoll::experiment::observational::{
    Basis, Question, observational_slope, observe, past_runs,
};
use plimsoll::experiment::procedure::{Candidate, Outcome, Prices, Requirement};
use plimsoll::simulate::{Fleet, demo};
use plimsoll::snapshot::{History, JobKey, Point, Snapshot};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
/// 2026-03-02 00:00 UTC, a Monday.
const START_MS: i64 = 1_772_409_600_000;

/// A job observed every five minutes, at a third of its parallelism at first and at all of it later.
fn observed(fleet: &Fleet, key: &JobKey, hours: i64, grows_at: Option<i64>) -> History {
    let full = fleet.job(key).unwrap().size().clone();
    if grows_at.is_some() {
        let mut small = full.clone();
        small.parallelism = (full.parallelism / 2).max(1);
        small.task_managers = small
            .parallelism
            .div_ceil(small.slots_per_task_manager.max(1));
        for p in small.vertex_parallelism.values_mut() {
            *p = (*p / 2).max(1);
        }
        fleet.apply(key, &small, START_MS).unwrap();
    }
    let mut history = History::empty(key.clone());
    let mut before: Option<Snapshot> = None;
    let mut now = START_MS + 10 * MINUTE_MS;
    while now <= START_MS + hours * HOUR_MS {
        if grows_at.is_some_and(|at| now - START_MS == at * HOUR_MS) {
            fleet.apply(key, &full, now).unwrap();
        }
        let snapshot = fleet.snapshot(key, now).unwrap();
        if let Some(point) = before.as_ref().and_then(|b| Point::between(b, &snapshot)) {
            history.points.push(point);
        }
        if snapshot.state == plimsoll::snapshot::JobState::Running {
            history.latest_running = Some(snapshot.clone());
        }
        history.latest = Some(snapshot.clone());
        before = Some(snapshot);
        now += 5 * MINUTE_MS;
    }
    history
}

fn question(size: Candidate, required: f64) -> Question {
    Question {
        candidates: vec![
            Candidate {
                parallelism: 1.0,
                ..size
            },
            size,
            Candidate {
                parallelism: 4.0 * size.parallelism,
                ..size
            },
        ],
        max_parallelism: 128.0,
        requirement: Requirement {
            required_capacity: required,
            window_load: required,
            observed_peak_gib_per_slot: 0.0,
            alpha: 0.05,
            judge_a_day: false,
        },
        prices: Prices {
            core: 1.0,
            gib: 0.13,
            cores_per_slot: 1.0,
        },
        stateful: true,
        cores_per_slot: None,
    }
}

#[test]
fn one_size_gives_one_run_and_no_slope() {
    let fleet = demo::fleet(1, START_MS, 0).unwrap();
    let mut spoke = 0;
    for key in fleet.keys() {
        let history = observed(&fleet, &key, 8, None);
        assert_eq!(observational_slope(&history, (0.8, 0.12)), None, "{key:?}");
        let runs = past_runs(&history);
        assert!(runs.len() <= 2, "{key:?}: {runs:?}");
        if let Some(run) = runs.last() {
            spoke += 1;
            let Outcome::Measured(capacity) = run.outcome else {
                continue;
            };
            let asked = observe(&history, &question(run.size, capacity))
                .unwrap()
                .unwrap();
            // One subtask carries less than all, all less than four times as many.
            let chances = [0, 1, 2].map(|i| asked.chance(i));
            assert!(
                chances[0] <= chances[1] && chances[1] < chances[2],
                "{chances:?}"
            );
            assert!((chances[1] - 0.5).abs() < 0.1, "{chances:?}");
            assert_eq!(asked.words(2), "not tested");
            assert!(asked.words(1).contains("not tested by an experiment"));
        }
    }
    assert!(spoke >= 3, "{spoke} jobs spoke");
}

#[test]
fn a_change_of_parallelism_long_ago_is_a_measurement_of_the_slope() {
    let fleet = demo::fleet(1, START_MS, 0).unwrap();
    let mut found = Vec::new();
    for key in fleet.keys() {
        let history = observed(&fleet, &key, 20, Some(9));
        let runs = past_runs(&history);
        if let Some(slope) = observational_slope(&history, (0.8, 0.12)) {
            assert!(slope.sd < 0.12 && slope.sd > 0.02, "{key:?}: {slope:?}");
            assert!((0.5..1.1).contains(&slope.mean), "{key:?}: {slope:?}");
            assert!(slope.periods >= 2 && slope.parallelism.0 < slope.parallelism.1);
            found.push(slope);
        }
        for run in runs {
            assert!(run.basis != Basis::CatchUp || matches!(run.outcome, Outcome::Measured(_)));
        }
    }
    assert!(found.len() >= 3, "{} jobs gave a slope", found.len());
}

#[test]
fn nothing_seen_says_nothing() {
    let fleet = demo::fleet(1, START_MS, 0).unwrap();
    let key = fleet.keys().remove(0);
    let empty = History::empty(key);
    assert!(past_runs(&empty).is_empty());
    assert_eq!(observational_slope(&empty, (0.8, 0.12)), None);
    let size = Candidate {
        parallelism: 4.0,
        memory_gib: 4.0,
        slots: 2.0,
    };
    assert_eq!(observe(&empty, &question(size, 100.0)), Ok(None));
}

#[test]
fn a_recommendation_names_the_sizes_that_it_learned_from() {
    use plimsoll::classify::{self, classify};
    use plimsoll::recommend::{Advice, Bounds, Present, Settings, recommend};
    let fleet = demo::fleet(1, START_MS, 0).unwrap();
    let mut learned = 0;
    for key in fleet.keys() {
        let history = observed(&fleet, &key, 40, Some(20));
        let prices = plimsoll::recommend::Prices::default();
        let Some(present) = Present::observed(&history, &prices) else {
            continue;
        };
        let profile = classify(&history, &classify::Settings::default());
        // Of a job that is short right now no size is foretold.
        if profile.has(classify::VerdictId::FallingBehind) {
            continue;
        }
        let load = plimsoll::evaluate::Settings::default();
        let advice = recommend(
            &history,
            &profile,
            &present,
            &Bounds::default(),
            &load,
            &Settings::default(),
        );
        let steps = match &advice {
            Advice::Change(change) => {
                assert_eq!(change.model, "job-model");
                &change.steps
            }
            Advice::Keep(keep) => &keep.steps,
            Advice::Undetermined(_) => continue,
        };
        let step = |name: &str| {
            let found = steps.iter().find(|step| step.name == name);
            found.unwrap_or_else(|| panic!("{key:?}: {name}: {steps:#?}"))
        };
        assert!(
            step("what the size in force carries")
                .result
                .contains("by limit")
        );
        let runs = step("sizes so far, latest first")
            .result
            .matches("slots")
            .count();
        learned += u32::from(runs >= 2);
    }
    assert!(learned >= 3, "{learned} jobs had two sizes");
}
