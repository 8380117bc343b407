//! The hours of the week: what they keep that quantiles dilute.

use super::*;

/// Unix time begins on a Thursday: so many hours later it is Wednesday, 10:00.
const WEDNESDAY_TEN: usize = 154;
/// The same from Monday's midnight on.
const HOUR_OF_WEEK: u32 = 58;

fn noise(i: usize) -> f64 {
    (i.wrapping_mul(2_654_435_761) >> 7) as f64 % 200.0
}

fn hour(from_ms: i64) -> usize {
    (from_ms / 3_600_000) as usize
}

/// Three weeks of about 1000 records/s with one hour a week of about 3000, which the last week's looks miss.
fn one_hot_hour() -> History {
    let mut history = fed(21 * DAY, 9000.0, |i| {
        let base = if i / HOUR % 168 == WEDNESDAY_TEN {
            3000.0
        } else {
            1000.0
        };
        base + noise(i)
    });
    history
        .points
        .retain(|point| hour(point.from_ms) != 2 * 168 + WEDNESDAY_TEN);
    history
}

#[test]
fn one_hot_hour_a_week_is_not_diluted() {
    let history = one_hot_hour();
    let found = demand(&history, &Settings::default()).unwrap();
    let week = found.week.as_ref().unwrap();
    let peak = week.peak.as_ref().unwrap();
    assert_eq!((peak.hour, peak.weeks), (HOUR_OF_WEEK, 2));
    assert_eq!(hour_text(peak.hour), "Wed 10:00");
    near(peak.expected_per_second, 3100.0, 0.05);
    assert!(found.upper_per_second >= 3000.0, "{found:?}");
    assert!(found.upper_per_second <= 3300.0, "{found:?}");
    // What the quantiles of the window say.
    let mut rates: Vec<f64> = history
        .points
        .iter()
        .map(|point| point.vertices["source"].in_per_second.unwrap().mean)
        .collect();
    rates.sort_by(f64::total_cmp);
    assert!(rates[rates.len() * 95 / 100] < 1200.0);
    assert!(found.quantile_per_second < 1300.0);
    assert!(week.unseen.is_empty());
}

#[test]
fn older_days_in_blocks_keep_the_hour() {
    let mut history = one_hot_hour();
    let young = history.points.split_off(14 * DAY);
    let mut blocks: Vec<Point> = history
        .points
        .chunks(6 * HOUR)
        .filter_map(Point::merge)
        .collect();
    blocks.extend(young);
    history.points = blocks;
    let found = demand(&history, &Settings::default()).unwrap();
    assert!(found.upper_per_second >= 2800.0, "{found:?}");
}

#[test]
fn weeks_that_rise_are_carried_on_and_told() {
    let rising = fed(21 * DAY, 9000.0, |i| {
        1000.0 * 1.1f64.powi((i / (7 * DAY)) as i32)
    });
    let found = demand(&rising, &Settings::default()).unwrap();
    let peak = found.week.unwrap().peak.unwrap();
    near(peak.growth_per_week, 0.1, 0.02);
    near(peak.expected_per_second, 1331.0, 0.01);
    assert!(found.upper_per_second >= 1330.0);
    let falling = fed(21 * DAY, 9000.0, |i| {
        1000.0 * 0.9f64.powi((i / (7 * DAY)) as i32)
    });
    let found = demand(&falling, &Settings::default()).unwrap();
    let peak = found.week.unwrap().peak.unwrap();
    assert_eq!(peak.growth_per_week, 0.0);
    assert!(peak.upper_per_second <= 1000.0 + 1e-6);
}

#[test]
fn hours_that_were_never_seen_are_named() {
    // Thursday 00:00 to Sunday 00:00.
    let found = demand(&fed(3 * DAY, 9000.0, |_| 500.0), &Settings::default()).unwrap();
    let week = found.week.unwrap();
    assert!(week.peak.is_none());
    let text: Vec<String> = week.unseen.iter().map(HourSpan::text).collect();
    assert_eq!(text, ["Mon 00:00 to Thu 00:00", "Sun 00:00 to Mon 00:00"]);
    let whole = demand(&fed(8 * DAY, 9000.0, |_| 500.0), &Settings::default()).unwrap();
    let week = whole.week.unwrap();
    assert!(week.unseen.is_empty() && week.peak.is_none());
}

#[test]
fn an_idle_job_has_no_peak() {
    let found = demand(&fed(15 * DAY, 9000.0, |_| 0.0), &Settings::default()).unwrap();
    assert!(found.week.unwrap().peak.is_none());
}
