//! How much a job's load swings, and how fast it rises: what a size that follows the load could save, and how much room it needs.

use super::Settings;
use super::arrivals::arrivals;
use crate::snapshot::History;
use crate::statistics::quantile::{QuantileType, quantile};

/// A day of five minutes: with less, a swing is not known.
const LEAST_PIECES: usize = 288;
/// Pieces below this share of the mean load say nothing about rises.
const LEAST_SHARE: f64 = 0.05;

/// The swing of a load, records/s of all sources together.
#[derive(Debug, Clone, PartialEq)]
pub struct Swing {
    /// 5 % quantile of the five-minute rates.
    pub low_per_second: f64,
    /// 95 % quantile.
    pub high_per_second: f64,
    /// 99 % quantile of the highest rate within the time asked about over the rate now; at least 1.
    pub rise: f64,
    /// The rates in order of time.
    pub rates: Vec<f64>,
}

/// The swing over the window; absent with less than a day.
pub fn swing(history: &History, settings: &Settings, within_ms: i64) -> Option<Swing> {
    let found = arrivals(history, settings);
    if found.len() < LEAST_PIECES {
        return None;
    }
    let rates: Vec<f64> = found.iter().map(|arrival| arrival.per_second).collect();
    let mean = rates.iter().sum::<f64>() / rates.len() as f64;
    let mut rises = Vec::with_capacity(rates.len());
    for (place, now) in found.iter().enumerate() {
        if now.per_second <= mean * LEAST_SHARE {
            continue;
        }
        let ahead = found[place..]
            .iter()
            .take_while(|later| later.from_ms - now.to_ms < within_ms);
        let highest = ahead.map(|later| later.per_second).fold(0.0, f64::max);
        rises.push(highest / now.per_second);
    }
    let of = |values: &[f64], share: f64| quantile(values, share, QuantileType::Type7).ok();
    Some(Swing {
        low_per_second: of(&rates, 0.05)?,
        high_per_second: of(&rates, 0.95)?,
        rise: of(&rises, 0.99)?.max(1.0),
        rates,
    })
}
