//! What the model claims of a size against what the simulation knows: capacity inside of its interval, and how often a size that is said to
//! hold falls short. The jobs are drawn from seeds that nothing was tuned to.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use plimsoll::classify::{self, classify};
use plimsoll::evaluate;
use plimsoll::model::Holds;
use plimsoll::recommend::{
    Advice, Bounds, Present, Prices, Recommendation, Settings, Size, recommend,
};
use plimsoll::simulate::model::truth::{self, Need};
use plimsoll::simulate::random;
use plimsoll::snapshot::{History, JobKey, JobState, Point, Snapshot};
use std::io::Write;

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;
/// 2026-03-02 00:00 UTC, a Monday.
const START_MS: i64 = 1_772_409_600_000;

/// One statement about a size, with what is true.
struct Claim {
    of: String,
    low: f64,
    median: f64,
    high: f64,
    /// Records/s that the size carries, by the simulation.
    carries: f64,
    /// The load that it was asked for, records/s.
    asked: f64,
    /// Probability that was stated to be short of it.
    short: f64,
}

/// A job that is looked at every five minutes; at the end of each half day from the first on, what would be advised is applied.
fn claims(seed: u64, jobs: usize, days: i64, found: &mut Vec<Claim>) {
    let drawn = random::jobs(seed, jobs, START_MS, days);
    let fleet = random::fleet(&drawn, START_MS);
    for key in fleet.keys() {
        let mut history = History::empty(key.clone());
        let mut before: Option<Snapshot> = None;
        let mut now = START_MS + 10 * MINUTE_MS;
        while now <= START_MS + days * DAY_MS {
            let snapshot = fleet.snapshot(&key, now).unwrap();
            if let Some(point) = before
                .as_ref()
                .and_then(|before| Point::between(before, &snapshot))
            {
                history.points.push(point);
            }
            if snapshot.state == JobState::Running {
                history.latest_running = Some(snapshot.clone());
            }
            history.latest = Some(snapshot.clone());
            before = Some(snapshot);
            let since = now - START_MS;
            if since >= DAY_MS && since % (DAY_MS / 2) < 5 * MINUTE_MS {
                let size = fleet.job(&key).unwrap().size().clone();
                if let Some(change) = advised(&history, &size) {
                    let at = since as f64 / DAY_MS as f64;
                    let mut say = |what: &str, size: &Size, holds: &Option<Holds>| {
                        let Some(holds) = holds else { return };
                        let job = fleet.job(&key).unwrap();
                        let need = Need::over(&job, now - DAY_MS, now, 0.0);
                        let rates: f64 = need.rates.iter().sum();
                        found.push(Claim {
                            of: format!("seed {seed} {} day {at:.1}: {what}", name(&key)),
                            low: holds.capacity.low,
                            median: holds.capacity.median,
                            high: holds.capacity.high,
                            carries: rates * truth::carries(&job.spec, &job.graph, size, &need),
                            asked: change.demand.required_per_second,
                            short: if what == "proposed" {
                                1.0 - holds.ok
                            } else {
                                f64::NAN
                            },
                        });
                    };
                    say("in force", &size, &change.holds_now);
                    let mut next = change.proposed.clone();
                    let mut options = size.options.clone();
                    options.extend(next.options);
                    next.options = options;
                    say("proposed", &next, &change.holds);
                    fleet.apply(&key, &next, now).unwrap();
                }
            }
            now += 5 * MINUTE_MS;
        }
    }
}

fn name(key: &JobKey) -> String {
    key.short()
}

fn advised(history: &History, size: &Size) -> Option<Box<Recommendation>> {
    let profile = classify(history, &classify::Settings::default());
    let mut present = Present::observed(history, &Prices::default())?;
    present.size = size.clone();
    let bounds = Bounds {
        step_down: Some(0.5),
        ..Bounds::default()
    };
    let (load, settings) = (evaluate::Settings::default(), Settings::default());
    match recommend(history, &profile, &present, &bounds, &load, &settings) {
        Advice::Change(change) => Some(change),
        _ => None,
    }
}

#[test]
fn claims_hold_in_the_simulation() {
    let number = |name: &str, default: u64| {
        let set = std::env::var(name).ok();
        set.and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    let (seeds, jobs) = (
        number("PLIMSOLL_CLAIM_SEEDS", 7),
        number("PLIMSOLL_CLAIM_JOBS", 16),
    );
    let mut found = Vec::new();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..seeds)
            .map(|seed| {
                scope.spawn(move || {
                    let mut of_seed = Vec::new();
                    claims(7001 + seed, jobs as usize, 3, &mut of_seed);
                    of_seed
                })
            })
            .collect();
        for thread in threads {
            found.extend(thread.join().unwrap());
        }
    });
    let inside = |claim: &&Claim| claim.low <= claim.carries && claim.carries <= claim.high;
    let held = found.iter().filter(inside).count();
    let mut widths: Vec<f64> = found.iter().map(|claim| claim.high / claim.low).collect();
    widths.sort_by(f64::total_cmp);
    let proposed: Vec<&Claim> = found
        .iter()
        .filter(|claim| claim.short.is_finite())
        .collect();
    let failed = proposed
        .iter()
        .filter(|claim| claim.carries < claim.asked)
        .count();
    let mut out = std::io::stdout();
    for claim in found.iter().filter(|claim| !inside(claim)) {
        let _ = writeln!(
            out,
            "{}: {:.0} ({:.0} to {:.0}) stated, {:.0} true",
            claim.of, claim.median, claim.low, claim.high, claim.carries
        );
    }
    let share = held as f64 / found.len().max(1) as f64;
    let _ = writeln!(
        out,
        "claims: {} of which {held} ({:.0} %) hold; the median interval is {:.2} wide (high over low); {failed} of {} proposed sizes carry less than was asked",
        found.len(),
        share * 100.0,
        widths.get(widths.len() / 2).copied().unwrap_or(f64::NAN),
        proposed.len()
    );
    assert!(found.len() >= 400, "{}", found.len());
    assert!(share >= 0.87, "{share:.2}");
    assert!(
        (failed as f64) <= 0.05 * proposed.len() as f64 + 1.0,
        "{failed}"
    );
}
