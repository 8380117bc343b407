//! Sizing against a world with a known truth: simulated jobs are observed every five minutes for days, every advice is applied
//! (with a restart), and what it cost and broke is held against the best size that a full search of the truth finds.

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
            reason: "size-unknown".to_owned(),
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
