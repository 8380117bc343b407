//! Growth that is not in proportion, growth that did not help, growth that a neighbour or a limit stops.

use super::*;
use plimsoll::recommend::{Recommendation, Step};

/// A job whose work is full for the last three hours, while a little more arrives than it carries.
fn short(parallelism: u32) -> History {
    let mut history = history(2 * DAY, |place, point| {
        let full = place >= 2 * DAY - 36;
        *of(point, 0) = seen(0.3, if full { 0.6 } else { 0.0 }, 1000.0);
        *of(point, 1) = seen(if full { 1.0 } else { 0.99 }, 0.0, 1000.0);
        let late = place.saturating_sub(2 * DAY - 37) as f64;
        of(point, 0).pending = one(100.0 + late * 200.0 * 300.0);
    });
    widen(&mut history, parallelism);
    history
}

/// The same parallelism everywhere.
fn widen(history: &mut History, parallelism: u32) {
    for snapshot in [history.latest.as_mut(), history.latest_running.as_mut()]
        .into_iter()
        .flatten()
    {
        for vertex in &mut snapshot.vertices {
            vertex.parallelism = parallelism;
        }
    }
    for point in &mut history.points {
        at_parallelism(point, parallelism);
    }
}

fn at_parallelism(point: &mut Point, parallelism: u32) {
    point.shape.task_managers = parallelism.div_ceil(2);
    for own in point.shape.parallelism.values_mut() {
        *own = parallelism;
    }
}

fn advice_within(history: &History, bounds: &Bounds) -> Advice {
    let profile = classify(history, &classify::Settings::default());
    recommend(
        history,
        &profile,
        &present(history),
        bounds,
        &evaluate::Settings::default(),
        &recommend::Settings::default(),
    )
}

/// The change, which may well be cheaper in spite of more subtasks.
fn changed(advice: Advice) -> Recommendation {
    match advice {
        Advice::Change(change) => *change,
        other => panic!("no change: {other:?}"),
    }
}

fn steps(advice: &Advice) -> &[Step] {
    match advice {
        Advice::Change(change) => &change.steps,
        Advice::Keep(keep) => &keep.steps,
        Advice::Undetermined(unknown) => panic!("{unknown:?}"),
    }
}

fn grouped(history: &mut History) {
    for snapshot in [history.latest.as_mut(), history.latest_running.as_mut()]
        .into_iter()
        .flatten()
    {
        for vertex in &mut snapshot.vertices {
            vertex.slot_sharing_group = Some("default".into());
        }
    }
}

#[test]
fn w05_growth_is_not_in_proportion() {
    let history = short(4);
    let work = theirs(&history).vertices[&id(1)].clone();
    // Theirs takes the factor of the load for the factor of the subtasks.
    assert!(work.wanted > 4, "{work:?}");
    let change = changed(advice(&history));
    let proposed = f64::from(change.proposed.parallelism);
    let carrier = carries(&history, 1);
    let straight = carrier.true_rate_per_second * proposed / 4.0;
    assert!(
        change.carries_per_second < straight,
        "{} of {straight}",
        change.carries_per_second
    );
    let step = change
        .steps
        .iter()
        .find(|step| step.name == "what the size proposed carries")
        .unwrap();
    assert!(step.result.contains("Work"), "{}", step.result);
    // So it takes more subtasks than a straight line would for the same load.
    assert!(
        proposed >= 4.0 * carrier.required_per_second / carrier.true_rate_per_second,
        "{proposed}"
    );
}

#[test]
fn w05_nothing_grows_past_the_optimum_that_past_sizes_show() {
    let mut history = history(5 * DAY, |_, _| {});
    widen(&mut history, 16);
    let carried = |n: f64| 250.0 * n / (1.0 + 0.02 * (n - 1.0) + 0.005 * n * (n - 1.0));
    let sizes = [2, 4, 32, 8, 16];
    for (place, point) in history.points.iter_mut().enumerate() {
        let parallelism = sizes[place / DAY];
        at_parallelism(point, parallelism);
        let rate = carried(f64::from(parallelism));
        let late = place.saturating_sub(5 * DAY - 37) as f64;
        *of(point, 0) = seen(0.2, if late > 0.0 { 0.7 } else { 0.0 }, rate);
        of(point, 0).pending = one(100.0 + late * 200.0 * 300.0);
        *of(point, 1) = seen(if late > 0.0 { 1.0 } else { 0.99 }, 0.0, rate);
        *of(point, 2) = seen(0.1, 0.0, rate);
    }
    assert!(theirs(&history).vertices[&id(1)].wanted > 16);
    let told = advice(&history);
    assert!(ours(&history).parallelism <= 16, "{told:?}");
    // What the larger sizes did is in the model: contention and coherency are those of a job that bends.
    let step = steps(&told)
        .iter()
        .find(|step| step.name == "sizes so far, latest first")
        .unwrap();
    assert!(step.result.contains("32 slots"), "{}", step.result);
}

#[test]
fn w10_growth_that_did_not_help_is_remembered_by_rates_not_by_a_pair() {
    let mut history = short(8);
    for point in &mut history.points[..DAY] {
        at_parallelism(point, 4);
        *of(point, 1) = seen(0.95, 0.0, 940.0);
        *of(point, 0) = seen(0.3, 0.0, 940.0);
    }
    // Twice the subtasks brought a few percent; theirs, which keeps no scaling by default, grows again.
    assert!(theirs(&history).vertices[&id(1)].wanted > 8);
    // Ours knows that the rate did not follow the parallelism.
    let told = advice(&history);
    assert!(ours(&history).parallelism <= 8, "{told:?}");
}

#[test]
fn w11_a_capped_bottleneck_limits_what_is_above_it() {
    let mut history = short(4);
    for snapshot in [history.latest.as_mut(), history.latest_running.as_mut()]
        .into_iter()
        .flatten()
    {
        snapshot.vertices[2].max_parallelism = Some(4);
    }
    for point in &mut history.points {
        *of(point, 2) = seen(0.99, 0.0, 1000.0);
    }
    let theirs = theirs(&history);
    assert_eq!(theirs.vertices[&id(2)].wanted, 4, "{theirs:?}");
    assert!(theirs.vertices[&id(1)].wanted > 4, "grown for nothing");
    match advice(&history) {
        Advice::Keep(keep) => {
            assert_eq!(keep.reason.as_str(), "max-parallelism", "{keep:?}");
        }
        Advice::Change(change) => {
            assert!(change.proposed.parallelism <= 6, "{change:?}");
            assert!(change.saving.per_month > 0.0, "nothing is paid for growth");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn w14_limits_count_whole_task_managers() {
    let mut history = short(4);
    grouped(&mut history);
    let mut configuration = configuration();
    configuration.insert("taskmanager.numberOfTaskSlots".into(), "4".into());
    let asked = |configuration: &BTreeMap<String, String>| {
        true_rate(&true_rate_input(&history, configuration, Profile::Next).unwrap()).unwrap()
    };
    let free = asked(&configuration);
    assert!(free.slots % 4 != 0, "a partial TaskManager: {free:?}");
    // Cores of the TaskManagers that are full: the partial one is free in their sum.
    let quota = 2 * (free.slots / 4);
    configuration.insert("job.autoscaler.quota.cpu".into(), quota.to_string());
    let within = asked(&configuration);
    assert_eq!(within.hold, None);
    assert!(within.task_managers * 2 > quota, "{within:?}");
    // Ours has no partial TaskManager to leave out: cost and limits are those of whole ones, of the whole job.
    let size = changed(advice(&history)).proposed;
    let whole = size.parallelism.div_ceil(size.slots_per_task_manager);
    assert!(size.task_managers >= whole, "{size:?}");
    let each = Size {
        task_managers: 1,
        ..size.clone()
    };
    let prices = Prices::default();
    let sum = prices.per_month(&each) * f64::from(size.task_managers);
    assert!((prices.per_month(&size) / sum - 1.0).abs() < 1e-9);
}

#[test]
fn w15_where_the_whole_does_not_fit_a_part_is_taken() {
    let mut history = short(4);
    grouped(&mut history);
    let mut configuration = configuration();
    configuration.insert("job.autoscaler.quota.cpu".into(), "5".into());
    let theirs =
        true_rate(&true_rate_input(&history, &configuration, Profile::Next).unwrap()).unwrap();
    assert_eq!(theirs.hold, Some(Hold::Quota), "nothing is scaled");
    let bounds = Bounds {
        max_parallelism: Some(6),
        ..Bounds::default()
    };
    let change = changed(advice_within(&history, &bounds));
    assert!((5..=6).contains(&change.proposed.parallelism), "{change:?}");
    assert!(
        change
            .risks
            .iter()
            .any(|risk| risk.code == "parallelism-limit"),
        "{:?}",
        change.risks
    );
}

#[test]
fn w24_a_blind_source_is_no_reason_to_cut() {
    let history = history(2 * DAY, |_, point| {
        of(point, 0).in_per_second = None;
        of(point, 0).out_per_second = None;
        *of(point, 1) = seen(0.1, 0.0, 1000.0);
    });
    let input = window(&history);
    // Theirs ends with an error for the whole job.
    assert!(true_rate(&input).is_err(), "{:?}", true_rate(&input));
    match advice(&history) {
        Advice::Undetermined(unknown) => {
            assert_eq!(unknown.reason, plimsoll::recommend::SizingReason::Blind);
            assert!(unknown.settles.contains("sources"), "{unknown:?}");
        }
        other => panic!("{other:?}"),
    }
}
