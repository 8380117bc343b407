//! Sizing against a world with a known truth: simulated jobs are observed every five minutes for days, every advice is applied
//! (with a restart), and what it cost and broke is held against the best size that a full search of the truth finds.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use plimsoll::classify::{self, classify};
use plimsoll::evaluate;
use plimsoll::recommend::{Advice, Bounds, Present, Prices, Settings, Size, recommend};
use plimsoll::simulate::model::job::Job;
use plimsoll::simulate::model::truth::{self, Need};
use plimsoll::simulate::{Fleet, demo};
use plimsoll::snapshot::{History, JobKey, Point, Snapshot};
use std::collections::BTreeMap;
use std::io::Write;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;
/// 2026-03-02 00:00 UTC, a Monday.
const START_MS: i64 = 1_772_409_600_000;

/// How the loop is played.
struct Play {
    days: i64,
    decide_every_ms: i64,
    cooldown_ms: i64,
    step_down: Option<f64>,
}

/// What came of it.
#[derive(Debug)]
struct Outcome {
    changes: Vec<(f64, Size)>,
    first: Size,
    last: Size,
    late_minutes: f64,
    failures: u32,
    cost: f64,
    advice: String,
}

fn play(fleet: &Fleet, key: &JobKey, play: &Play) -> Outcome {
    let first = fleet.job(key).unwrap().size().clone();
    let mut history = History::empty(key.clone());
    let mut before: Option<Snapshot> = None;
    let mut changed_ms = 0i64;
    let (mut changes, mut advice) = (Vec::new(), String::new());
    let end = START_MS + play.days * DAY_MS;
    let mut now = START_MS + 10 * MINUTE_MS;
    while now <= end {
        let snapshot = fleet.snapshot(key, now).unwrap();
        if let Some(point) = before
            .as_ref()
            .and_then(|before| Point::between(before, &snapshot))
        {
            history.points.push(point);
        }
        if snapshot.state == plimsoll::snapshot::JobState::Running {
            history.latest_running = Some(snapshot.clone());
        }
        history.latest = Some(snapshot.clone());
        before = Some(snapshot);
        if (now - START_MS) % play.decide_every_ms < 5 * MINUTE_MS && now - START_MS >= DAY_MS {
            let size = fleet.job(key).unwrap().size().clone();
            let settled = now - changed_ms >= play.cooldown_ms;
            match advise(&history, &size, play) {
                Advice::Change(change) => {
                    let grows = change.cost_proposed.per_month > change.cost_now.per_month;
                    advice = format!("change {:?}", change.proposed);
                    if grows || settled {
                        let mut next = change.proposed.clone();
                        let mut options = size.options.clone();
                        options.extend(next.options);
                        next.options = options;
                        if std::env::var_os("PLIMSOLL_STEPS").is_some() {
                            for step in &change.steps {
                                println!("      {}: {}", step.name, step.result);
                            }
                        }
                        changes.push(((now - START_MS) as f64 / DAY_MS as f64, next.clone()));
                        fleet.apply(key, &next, now).unwrap();
                        changed_ms = now;
                    }
                }
                Advice::Keep(keep) => {
                    advice = format!("keep {}: {}", keep.reason, keep.message);
                    if std::env::var_os("PLIMSOLL_STEPS").is_some() && now + 2 * HOUR_MS > end {
                        for step in &keep.steps {
                            println!("      {}: {}", step.name, step.result);
                        }
                    }
                }
                Advice::Undetermined(unknown) => {
                    advice = format!("{}: {}", unknown.reason, unknown.message)
                }
            }
        }
        now += 5 * MINUTE_MS;
    }
    let mut job = fleet.job(key).unwrap();
    let figures = job.at(end).truth;
    let last = job.size().clone();
    Outcome {
        changes,
        first,
        last,
        late_minutes: figures.late_ms / 60_000.0,
        failures: figures.failures,
        cost: truth::money(figures.core_hours, figures.gib_hours),
        advice,
    }
}

fn advise(history: &History, size: &Size, play: &Play) -> Advice {
    let profile = classify(history, &classify::Settings::default());
    let Some(mut present) = Present::observed(history, &Prices::default()) else {
        let unknown = plimsoll::recommend::Undetermined {
            reason: plimsoll::recommend::SizingReason::SizeUnknown,
            message: "the simulated job shows no size".to_owned(),
            settles: String::new(),
        };
        return Advice::Undetermined(unknown);
    };
    present.size = size.clone();
    let bounds = Bounds {
        step_down: play.step_down,
        ..Bounds::default()
    };
    let load = evaluate::Settings {
        growth: 0.05,
        ..evaluate::Settings::default()
    };
    recommend(
        history,
        &profile,
        &present,
        &bounds,
        &load,
        &Settings::default(),
    )
}

fn text(size: &Size) -> String {
    let options: Vec<String> = size
        .options
        .iter()
        .filter(|(key, _)| key.starts_with("taskmanager.memory"))
        .map(|(key, value)| {
            format!(
                "{}={value}",
                key.rsplit_once("memory.").map_or("", |(_, key)| key)
            )
        })
        .collect();
    format!(
        "p{} {}x({} slots, {}m, {} MiB{})",
        size.parallelism,
        size.task_managers,
        size.slots_per_task_manager,
        size.cpu_millis,
        size.memory_bytes >> 20,
        options.join(" ")
    )
}

fn best(job: &Job, days: i64) -> Option<Size> {
    let need = Need::over(job, START_MS, START_MS + days * DAY_MS, 0.0);
    let options = Size {
        options: BTreeMap::new(),
        ..job.size().clone()
    };
    truth::best_size(&job.spec, &job.graph, &options, &need)
}

#[test]
#[ignore = "a table to look at: takes minutes"]
fn sizing_loop_table() {
    let number = |name: &str, default: f64| {
        std::env::var(name)
            .ok()
            .and_then(|text| text.parse().ok())
            .unwrap_or(default)
    };
    let rules = Play {
        days: number("PLIMSOLL_DAYS", 8.0) as i64,
        decide_every_ms: 2 * HOUR_MS,
        cooldown_ms: (number("PLIMSOLL_COOLDOWN_HOURS", 12.0) * HOUR_MS as f64) as i64,
        step_down: Some(number("PLIMSOLL_STEP", 0.25)).filter(|step| *step < 1.0),
    };
    let only = std::env::var("PLIMSOLL_JOB").unwrap_or_default();
    let fleet = demo::fleet(7, START_MS + rules.days * DAY_MS, rules.days * DAY_MS).unwrap();
    let mut out = std::io::stdout();
    for key in fleet
        .keys()
        .into_iter()
        .filter(|key| key.short().contains(&only))
    {
        let best = best(&fleet.job(&key).unwrap(), rules.days);
        let outcome = play(&fleet, &key, &rules);
        let stands_for = fleet.job(&key).unwrap().spec.stands_for;
        let monthly = |size: &Size| truth::monthly_cost(size);
        let best_text = best.as_ref().map_or("none".to_owned(), |size| {
            format!("{} {:.0}", text(size), monthly(size))
        });
        let ratio = best
            .as_ref()
            .map_or(f64::NAN, |size| monthly(&outcome.last) / monthly(size));
        let _ = writeln!(
            out,
            "{} {stands_for:?}\n   {} {:.0} -> {} {:.0}, best {best_text}: ratio {ratio:.2}\n   {} changes, late {:.0} min, {} failures, cost {:.1}; {}",
            key.short(),
            text(&outcome.first),
            monthly(&outcome.first),
            text(&outcome.last),
            monthly(&outcome.last),
            outcome.changes.len(),
            outcome.late_minutes,
            outcome.failures,
            outcome.cost,
            outcome.advice
        );
        for (day, size) in &outcome.changes {
            let _ = writeln!(
                out,
                "      day {day:.2}: {} {:.0}",
                text(size),
                monthly(size)
            );
        }
    }
}

/// Jobs like the demo's with other loads and starting sizes, all from a seed.
fn varied(count: usize) -> Vec<Job> {
    use plimsoll::simulate::model::noise::between;
    let fleet = demo::fleet(7, START_MS + DAY_MS, DAY_MS).unwrap();
    let kinds = [
        "orders-enrich",
        "click-sessions",
        "device-metrics",
        "limits-check",
        "fraud-score",
        "parcel-tracking",
        "geo-lookup",
        "invoice-aggregate",
    ];
    let mut jobs = Vec::new();
    for index in 0..count {
        let kind = kinds[index % kinds.len()];
        let key = fleet
            .keys()
            .into_iter()
            .find(|key| key.name == kind)
            .unwrap();
        let (mut spec, size) = {
            let job = fleet.job(&key).unwrap();
            (job.spec.clone(), job.size().clone())
        };
        let any = |stream: u64, low: f64, high: f64| between(99, stream, index as u64, low, high);
        spec.seed = spec.seed.wrapping_add(index as u64 * 7919);
        spec.key.name = format!("{kind}-{index}");
        spec.start_ms = START_MS;
        for vertex in &mut spec.vertices {
            vertex.cpu_us *= any(1, 0.6, 1.6);
            vertex.wait_us *= any(2, 0.5, 1.5);
            if let Some(source) = &mut vertex.source {
                source.load.base_per_second *= any(3, 0.5, 1.5);
                source.load.daily_swing = any(4, 0.1, 0.7);
                source.load.growth_per_day = any(5, -0.01, 0.03);
                source.load.weekend = any(6, 0.6, 1.3);
                source.load.spikes_per_week = any(7, 0.0, 3.0);
                source.load.spike_factor = any(8, 1.2, 2.0);
                source.load.spike_minutes = any(9, 5.0, 40.0);
            }
        }
        spec.state.hot_share = any(10, 0.1, 0.8);
        spec.state.growth_per_day = spec.state.bytes * any(11, 0.0, 0.02);
        jobs.push(Job::new(spec, size));
    }
    jobs
}

#[test]
#[ignore = "a table to look at: takes minutes"]
fn sizing_loop_varied() {
    let number = |name: &str, default: f64| {
        std::env::var(name)
            .ok()
            .and_then(|text| text.parse().ok())
            .unwrap_or(default)
    };
    let rules = Play {
        days: number("PLIMSOLL_DAYS", 10.0) as i64,
        decide_every_ms: 2 * HOUR_MS,
        cooldown_ms: (number("PLIMSOLL_COOLDOWN_HOURS", 12.0) * HOUR_MS as f64) as i64,
        step_down: Some(number("PLIMSOLL_STEP", 0.25)).filter(|step| *step < 1.0),
    };
    let only = std::env::var("PLIMSOLL_JOB").unwrap_or_default();
    let jobs = varied(number("PLIMSOLL_JOBS", 24.0) as usize);
    let fleet = Fleet::new(jobs, BTreeMap::new(), START_MS);
    let mut out = std::io::stdout();
    let (mut paid, mut least, mut late, mut killed) = (0.0, 0.0, 0.0, 0);
    for key in fleet
        .keys()
        .into_iter()
        .filter(|key| key.short().contains(&only))
    {
        let best = best(&fleet.job(&key).unwrap(), rules.days);
        let outcome = play(&fleet, &key, &rules);
        let monthly = |size: &Size| truth::monthly_cost(size);
        let best_text = best.as_ref().map_or("none".to_owned(), |size| {
            format!("{} {:.0}", text(size), monthly(size))
        });
        let ratio = best
            .as_ref()
            .map_or(f64::NAN, |size| monthly(&outcome.last) / monthly(size));
        if let Some(best) = &best {
            paid += monthly(&outcome.last);
            least += monthly(best);
        }
        late += outcome.late_minutes;
        killed += outcome.failures;
        let _ = writeln!(
            out,
            "{}: {:.0} -> {} {:.0}, best {best_text}: ratio {ratio:.2}; {} changes, late {:.0} min, {} failures; {}",
            key.short(),
            monthly(&outcome.first),
            text(&outcome.last),
            monthly(&outcome.last),
            outcome.changes.len(),
            outcome.late_minutes,
            outcome.failures,
            outcome.advice
        );
        if std::env::var_os("PLIMSOLL_CHANGES").is_some() {
            for (day, size) in &outcome.changes {
                let _ = writeln!(
                    out,
                    "      day {day:.2}: {} {:.0}",
                    text(size),
                    monthly(size)
                );
            }
        }
    }
    let _ = writeln!(
        out,
        "in all: {:.2} times the best, late {late:.0} min, {killed} failures",
        paid / least
    );
}

#[test]
fn sizing_loop_holds_what_the_truth_allows() {
    let rules = Play {
        days: 4,
        decide_every_ms: 6 * HOUR_MS,
        cooldown_ms: 12 * HOUR_MS,
        step_down: None,
    };
    let fleet = demo::fleet(7, START_MS + rules.days * DAY_MS, rules.days * DAY_MS).unwrap();
    let mut out = std::io::stdout();
    let (mut passed, mut failed) = (0, Vec::new());
    for name in [
        "orders-enrich",
        "invoice-aggregate",
        "limits-check",
        "click-sessions",
        "device-metrics",
    ] {
        let key = fleet
            .keys()
            .into_iter()
            .find(|key| key.name == name)
            .unwrap();
        let best = best(&fleet.job(&key).unwrap(), rules.days).unwrap();
        let outcome = play(&fleet, &key, &rules);
        let ratio = truth::monthly_cost(&outcome.last) / truth::monthly_cost(&best);
        let before = truth::monthly_cost(&outcome.first) / truth::monthly_cost(&best);
        let holds =
            outcome.late_minutes < 10.0 && outcome.failures == 0 && outcome.changes.len() <= 4;
        if holds && ratio <= 1.9 && ratio <= before {
            passed += 1;
        } else {
            failed.push(format!(
                "{name}: {ratio:.2} times the best (was {before:.2}), {outcome:?}"
            ));
        }
    }
    let _ = writeln!(out, "sizing_loop: {passed} passed, {} failed", failed.len());
    assert!(failed.is_empty(), "{failed:#?}");
}
