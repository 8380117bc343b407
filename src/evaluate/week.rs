//! The hours of the week: when the load peaks, how sure that is, and which hours nobody has seen.
//!
//! One hot hour a week is 0.6 % of the time: a quantile of the whole window dilutes it, and a week in which that hour was not seen
//! forgets it. So each hour is held against itself in the weeks before.

use super::Settings;
use super::arrivals::{Arrival, arrivals};
use crate::snapshot::History;
use crate::statistics::distribution::normal_quantile;
use crate::statistics::summary::median;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const HOUR_MS: i64 = 3_600_000;
const HOURS: u32 = 168;
const WEEK_MS: i64 = HOURS as i64 * HOUR_MS;
/// Hours from a Monday's midnight to the Thursday with which Unix time begins.
const EPOCH_HOUR: i64 = 72;
/// So far back hours of the week are compared, weeks.
const MOST_WEEKS: u64 = 5;
/// Hours that two weeks must share before their levels are compared.
const SHARED_HOURS: usize = 24;
/// A rise between weeks is carried on no further than this a week, a share.
const MOST_GROWTH: f64 = 0.25;
/// Share of the median hour's level from which an hour tells of the spread: a nearly empty hour is all noise.
const TELLING: f64 = 0.5;

/// Hours of the week, UTC, from Monday's midnight (0) on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HourSpan {
    /// First hour, 0..=167.
    pub from: u32,
    /// The hour after the last, 1..=168.
    pub until: u32,
}

/// What the hours of the week say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Week {
    /// How long was looked at, days.
    pub days: f64,
    /// Hours of the week that were never seen, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unseen: Vec<HourSpan>,
    /// The peak of the coming week, from two weeks on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak: Option<WeekPeak>,
}

/// The peak that the coming week is expected to have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WeekPeak {
    /// Its hour of the week, UTC, from Monday's midnight, 0..=167.
    pub hour: u32,
    /// Weeks in which that hour was seen.
    pub weeks: u32,
    /// The expected highest five minutes of that hour, records/s.
    pub expected_per_second: f64,
    /// What they stay below with the confidence asked for, records/s; never above the highest seen, grown as the weeks grow.
    pub upper_per_second: f64,
    /// sd of ln(an hour's peak) about its own level, pooled over the hours.
    pub spread_ln: f64,
    /// Growth from week to week that was carried on, a share; 0 where not every week was above the one before.
    pub growth_per_week: f64,
}

impl HourSpan {
    /// `Sat 00:00 to Mon 06:00`.
    pub fn text(&self) -> String {
        format!("{} to {}", hour_text(self.from), hour_text(self.until))
    }
}

/// An hour of the week, 0..=168, as `Wed 14:00`.
pub fn hour_text(hour: u32) -> String {
    const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let hour = hour % HOURS;
    format!("{} {:02}:00", DAYS[(hour / 24) as usize], hour % 24)
}

/// What the hours of the week say; absent where nothing is known of the load.
pub(super) fn week(history: &History, settings: &Settings) -> Option<Week> {
    let wide = Settings {
        window_seconds: settings.window_seconds.max(MOST_WEEKS * 7 * 24 * 3600),
        ..settings.clone()
    };
    let found = arrivals(history, &wide);
    let first = found.first()?.from_ms;
    let last = found.last()?.to_ms;
    let peaks = peaks(&found, last);
    let peak = (last - first >= 2 * WEEK_MS - HOUR_MS)
        .then(|| peak(&peaks, &found, settings.confidence))
        .flatten();
    Some(Week {
        days: (last - first) as f64 / (24 * HOUR_MS) as f64,
        unseen: unseen(&peaks),
        peak,
    })
}

/// The highest rate by hour of the week and weeks back.
type Peaks = BTreeMap<u32, BTreeMap<i64, f64>>;

fn peaks(found: &[Arrival], last: i64) -> Peaks {
    let mut peaks = Peaks::new();
    let mut say = |middle: i64, rate: f64| {
        let hour = (middle.div_euclid(HOUR_MS) + EPOCH_HOUR).rem_euclid(i64::from(HOURS));
        let back = (last - middle).max(0) / WEEK_MS;
        let hour = u32::try_from(hour).unwrap_or(0);
        let peak = peaks.entry(hour).or_default().entry(back).or_insert(0.0f64);
        *peak = peak.max(rate);
    };
    for arrival in found {
        let long = arrival.to_ms - arrival.from_ms;
        if long <= HOUR_MS {
            say(arrival.from_ms + long / 2, arrival.high_per_second);
            continue;
        }
        // A block of several hours does not tell them apart: each may have been its height.
        let mut middle = arrival.from_ms.div_euclid(HOUR_MS) * HOUR_MS + HOUR_MS / 2;
        while middle < arrival.to_ms {
            if middle >= arrival.from_ms {
                say(middle, arrival.high_per_second);
            }
            middle += HOUR_MS;
        }
    }
    peaks
}

fn unseen(peaks: &Peaks) -> Vec<HourSpan> {
    let mut spans: Vec<HourSpan> = Vec::new();
    for hour in (0..HOURS).filter(|hour| !peaks.contains_key(hour)) {
        match spans.last_mut() {
            Some(span) if span.until == hour => span.until = hour + 1,
            _ => spans.push(HourSpan {
                from: hour,
                until: hour + 1,
            }),
        }
    }
    spans
}

fn peak(peaks: &Peaks, found: &[Arrival], confidence: f64) -> Option<WeekPeak> {
    let highest = found
        .iter()
        .map(|arrival| arrival.high_per_second)
        .fold(0.0, f64::max);
    if !(highest.is_finite() && highest > 0.0) {
        return None;
    }
    let growth = growth(peaks);
    // An hour without a record has no logarithm; a thousandth of the height is as good as none.
    let floor = highest * 1e-3;
    let logs: BTreeMap<u32, Vec<f64>> = peaks
        .iter()
        .map(|(hour, weeks)| {
            let ahead =
                |(back, rate): (&i64, &f64)| rate.max(floor).ln() + growth * (*back as f64 + 1.0);
            (*hour, weeks.iter().map(ahead).collect())
        })
        .collect();
    let levels: BTreeMap<u32, f64> = logs
        .iter()
        .filter_map(|(hour, logs)| Some((*hour, median(logs).ok()?)))
        .collect();
    let spread = spread(&logs, &levels);
    let z = normal_quantile(confidence.clamp(0.5, 0.999)).unwrap_or(1.645);
    let upper = |hour: u32, level: f64| {
        let weeks = logs.get(&hour).map_or(1, Vec::len).max(1) as f64;
        (level + z * spread * (1.0 + 1.0 / weeks).sqrt()).exp()
    };
    let (hour, level) = levels
        .iter()
        .max_by(|one, other| upper(*one.0, *one.1).total_cmp(&upper(*other.0, *other.1)))?;
    let most = highest * growth.exp();
    Some(WeekPeak {
        hour: *hour,
        weeks: u32::try_from(logs.get(hour)?.len()).unwrap_or(u32::MAX),
        expected_per_second: level.exp(),
        upper_per_second: upper(*hour, *level).min(most.max(level.exp())),
        spread_ln: spread,
        growth_per_week: growth.exp() - 1.0,
    })
}

/// ln of the growth a week, where every week lies above the one before by the median of the hours that both saw; else 0.
fn growth(peaks: &Peaks) -> f64 {
    let mut steps = Vec::new();
    for back in 0..MOST_WEEKS as i64 {
        let ratios: Vec<f64> = peaks
            .values()
            .filter_map(|weeks| {
                let (later, earlier) = (weeks.get(&back)?, weeks.get(&(back + 1))?);
                (*later > 0.0 && *earlier > 0.0).then(|| (later / earlier).ln())
            })
            .collect();
        if ratios.len() >= SHARED_HOURS {
            steps.extend(median(&ratios).ok());
        }
    }
    if steps.is_empty() || steps.iter().any(|step| *step <= 0.0) {
        return 0.0;
    }
    median(&steps)
        .unwrap_or(0.0)
        .clamp(0.0, (1.0 + MOST_GROWTH).ln())
}

/// sd of the logarithms about their own hour's level, over the hours that carry a load.
fn spread(logs: &BTreeMap<u32, Vec<f64>>, levels: &BTreeMap<u32, f64>) -> f64 {
    let all: Vec<f64> = levels.values().copied().collect();
    let least = median(&all).unwrap_or(0.0) + TELLING.ln();
    let (mut sum, mut freedom) = (0.0, 0usize);
    for (hour, logs) in logs {
        if logs.len() < 2 || levels.get(hour).is_none_or(|level| *level < least) {
            continue;
        }
        let mean = logs.iter().sum::<f64>() / logs.len() as f64;
        sum += logs.iter().map(|log| (log - mean).powi(2)).sum::<f64>();
        freedom += logs.len() - 1;
    }
    if freedom == 0 {
        0.0
    } else {
        (sum / freedom as f64).sqrt()
    }
}
