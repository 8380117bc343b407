//! History → [`Demand`]: the load to size for.

use super::arrivals::{Arrival, arrivals, sources};
use super::replay::{ahead, needed};
use super::restart::{lag, observed_pause_seconds};
use super::week::week;
use super::{Demand, DemandBasis, Settings};
use crate::snapshot::History;
use crate::statistics::autocorrelation::{effective_samples, lag1_autocorrelation};
use crate::statistics::quantile::upper_limit_rank_from_top;
use std::collections::BTreeMap;

const DAY_MS: i64 = 24 * 3_600_000;
/// Peaks of so many days back are carried even when the quantile is below them.
const RECENT_DAYS: i64 = 7;
/// A trend of the daily peaks is carried on for so many days.
const TREND_DAYS: f64 = 2.0;

/// A look stands for no more than this before it, milliseconds.
const LONGEST_LOOK_MS: i64 = 600_000;
/// A change takes effect within so many hours, and is to hold for so many.
const SOON_HOURS: f64 = 2.0;
const LATER_HOURS: f64 = 4.0;
/// sd of ln of the day's peak over what was seen, before anything was seen.
const UNSEEN_SD: f64 = 0.13;

/// Why no demand can be named.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DemandError {
    /// The history is too short.
    #[error(
        "the history holds {have_hours:.1} of {needed_hours:.1} hours; keep observing, or lower the minimum history"
    )]
    ShortHistory {
        /// What it holds.
        have_hours: f64,
        /// What is needed.
        needed_hours: f64,
    },
    /// No point says what the sources read.
    #[error(
        "no observation says how many records the sources read; the metrics of the sources are missing"
    )]
    NoRates,
}

/// The load the job must carry.
///
/// Up to a full history the highest 5-minute rate; from then on the upper confidence limit of a quantile (by order
/// statistics over as many samples as their autocorrelation leaves), but never below the peaks of the last days, since
/// the quantile of *peaks* can't be told from two weeks, nor below the peak that the hours of the week lead to expect. Growth and restart headroom come on top.
///
/// # Errors
/// [`DemandError::ShortHistory`] below the minimum history, [`DemandError::NoRates`] when the sources' rates are unknown.
pub fn demand(history: &History, settings: &Settings) -> Result<Demand, DemandError> {
    let found = arrivals(history, settings);
    let first = history.points.first().map_or(0, |point| point.from_ms);
    let last = history.points.last().map_or(0, |point| point.to_ms);
    let window_ms = i64::try_from(settings.window_seconds.saturating_mul(1000)).unwrap_or(i64::MAX);
    let history_ms = (last - first).min(window_ms);
    // The first look saw what came before it too: a history is longer than its points by about one of them.
    let whole_ms = history_ms
        + history.points.first().map_or(0, |point| {
            (point.to_ms - point.from_ms).min(LONGEST_LOOK_MS)
        });
    if history.points.is_empty()
        || (whole_ms as f64) < settings.minimum_history_seconds as f64 * 1000.0
    {
        return Err(DemandError::ShortHistory {
            have_hours: history_ms as f64 / 3_600_000.0,
            needed_hours: settings.minimum_history_seconds as f64 / 3600.0,
        });
    }
    if found.is_empty() {
        return Err(DemandError::NoRates);
    }
    let highest = found
        .iter()
        .map(|arrival| arrival.per_second)
        .fold(0.0, f64::max);
    let held = needed(&found, settings.lag_limit_seconds);
    let soon = ahead(&found, SOON_HOURS);
    let later = ahead(&found, LATER_HOURS).map_or(0.0, |ahead| ahead.to);
    let worked_off = if highest > 0.0 { held / highest } else { 1.0 };
    let peaks = daily_peaks(&found, last);
    let trend = peak_by_trend(&peaks).unwrap_or(0.0);
    let week = week(history, settings);
    let (basis, quantile, upper) = if history_ms as f64
        >= settings.full_history_seconds as f64 * 1000.0
    {
        let (quantile, upper) = bounded_quantile(&found, settings).unwrap_or((highest, highest));
        let recent = peaks
            .iter()
            .filter(|(day, _)| **day < RECENT_DAYS)
            .map(|(_, peak)| *peak)
            .fold(0.0, f64::max);
        let expected = week
            .as_ref()
            .and_then(|week| week.peak.as_ref())
            .map_or(0.0, |peak| peak.upper_per_second);
        (
            DemandBasis::Quantile,
            quantile,
            (upper.max(recent).max(trend).max(expected) * worked_off).max(later),
        )
    } else {
        (
            DemandBasis::ShortHistory,
            highest,
            held.max(trend * worked_off).max(later),
        )
    };
    let growth = 1.0 + settings.growth.max(0.0);
    let load = upper * growth;
    let headroom = restart_headroom(history, settings);
    let total: f64 = found.iter().map(|arrival| arrival.per_second).sum();
    let backlog = backlog_rate(history, total / found.len() as f64, settings).min(upper);
    Ok(Demand {
        basis,
        history_ms,
        points: u32::try_from(found.len()).unwrap_or(u32::MAX),
        mean_per_second: total / found.len() as f64,
        highest_per_second: highest,
        quantile_per_second: quantile,
        upper_per_second: upper,
        held_per_second: held,
        ahead_per_second: soon.map_or(0.0, |soon| soon.to),
        pause_seconds: pause(history, settings),
        uncertainty_ln: unseen_day(history_ms),
        growth,
        load_per_second: load,
        restart_headroom: headroom,
        backlog_per_second: backlog,
        required_per_second: (load * (1.0 + headroom)).max(upper + backlog),
        by_source: split(history, &found, load),
        lower_bound: found.iter().any(|arrival| arrival.lower_bound),
        week,
    })
}

/// sd of ln of the load for the part of a day that was not seen yet; only a minimum history below a day lets it come to this.
fn unseen_day(history_ms: i64) -> f64 {
    UNSEEN_SD
        * (1.0 - history_ms as f64 / DAY_MS as f64)
            .clamp(0.0, 1.0)
            .sqrt()
}

fn pause(history: &History, settings: &Settings) -> f64 {
    observed_pause_seconds(history)
        .unwrap_or(0.0)
        .max(settings.downtime_seconds.max(0.0))
}

/// rho = pause / time to catch up, at least the floor.
fn restart_headroom(history: &History, settings: &Settings) -> f64 {
    let ratio = pause(history, settings) / settings.catch_up_seconds.max(1.0);
    ratio.max(settings.headroom_floor.max(0.0)).min(1.0)
}

/// The rate that works off what waits now in the time allowed (the caller bounds it: a backlog of days is no reason for
/// ten times the size); 0 while it is within the lag that users accept.
fn backlog_rate(history: &History, mean: f64, settings: &Settings) -> f64 {
    let latest = history
        .points
        .iter()
        .rev()
        .find_map(|point| lag(&sources(history), point));
    let waiting = latest.filter(|waiting| waiting.is_finite()).unwrap_or(0.0);
    let tolerated = mean * settings.lag_limit_seconds.max(0.0);
    if waiting > tolerated {
        waiting / settings.backlog_seconds.max(60.0)
    } else {
        0.0
    }
}

/// The highest rate of each day, by days back from the end of the history.
fn daily_peaks(found: &[Arrival], end_ms: i64) -> BTreeMap<i64, f64> {
    let mut peaks = BTreeMap::new();
    for arrival in found {
        let day = (end_ms - arrival.to_ms).max(0) / DAY_MS;
        let peak = peaks.entry(day).or_insert(0.0);
        *peak = arrival.per_second.max(*peak);
    }
    peaks
}

/// The peak that a steady rise leads to: median slope between days, only where nearly every day is above the one before.
fn peak_by_trend(peaks: &BTreeMap<i64, f64>) -> Option<f64> {
    let days: Vec<f64> = peaks.values().rev().copied().collect();
    if days.len() < 4 {
        return None;
    }
    let mut steps: Vec<f64> = days.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let rising = steps.iter().filter(|step| **step > 0.0).count();
    steps.sort_by(f64::total_cmp);
    let slope = steps[steps.len() / 2];
    let last = *days.last()?;
    (rising * 5 >= steps.len() * 4 && slope > 0.0)
        .then(|| last + slope.min(last * 0.25) * TREND_DAYS)
}

/// The quantile and its distribution-free upper confidence limit; absent when the sample can't bound it.
fn bounded_quantile(found: &[Arrival], settings: &Settings) -> Option<(f64, f64)> {
    let rates: Vec<f64> = found.iter().map(|arrival| arrival.per_second).collect();
    let mut sorted = rates.clone();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len();
    let at = |share: f64| sorted[((n as f64 * share).ceil() as usize).clamp(1, n) - 1];
    let phi = lag1_autocorrelation(&rates).unwrap_or(0.0);
    let independent = effective_samples(n, phi).max(1);
    let rank =
        upper_limit_rank_from_top(independent, settings.quantile, settings.confidence).ok()?;
    let upper = rank.map(|rank| at(1.0 - (rank as f64 - 1.0) / independent as f64));
    Some((at(settings.quantile), upper.unwrap_or(sorted[n - 1])))
}

/// The load by source, in the proportion in which it arrived.
fn split(history: &History, found: &[Arrival], load: f64) -> BTreeMap<String, f64> {
    let sources = sources(history);
    let mut sums = vec![0.0; sources.len()];
    for arrival in found {
        for (sum, rate) in sums.iter_mut().zip(&arrival.by_source) {
            *sum += rate;
        }
    }
    let total: f64 = sums.iter().sum();
    let share = |sum: f64| {
        if total > 0.0 {
            sum / total
        } else {
            1.0 / sums.len().max(1) as f64
        }
    };
    sources
        .iter()
        .zip(&sums)
        .map(|(source, sum)| (source.id.clone(), load * share(*sum)))
        .collect()
}
