//! How many records arrive at a source, over time.

use super::noise;
use std::f64::consts::TAU;

const HOUR_MS: f64 = 3_600_000.0;
const DAY_MS: i64 = 86_400_000;

/// Records that arrive at a source: a daily and a weekly season, growth, noise and spikes.
#[derive(Debug, Clone, PartialEq)]
pub struct Load {
    /// Level of a workday at its start, records/s.
    pub base_per_second: f64,
    /// How far the peak hour stands above the level, a share of it (0..=1).
    pub daily_swing: f64,
    /// Hour of the peak, UTC (0..24).
    pub peak_hour: f64,
    /// Saturdays and Sundays against workdays (1 means alike).
    pub weekend: f64,
    /// Growth a day, a share of the level (0.01 is 1 %).
    pub growth_per_day: f64,
    /// Standard deviation of the noise, a share of the rate.
    pub noise: f64,
    /// Spikes a week, on average.
    pub spikes_per_week: f64,
    /// What a spike multiplies the rate with at its height.
    pub spike_factor: f64,
    /// How long a spike lasts, minutes.
    pub spike_minutes: f64,
}

impl Load {
    /// A steady load with a mild day and little noise.
    pub fn steady(base_per_second: f64) -> Load {
        Load {
            base_per_second,
            daily_swing: 0.25,
            peak_hour: 14.0,
            weekend: 0.85,
            growth_per_day: 0.0,
            noise: 0.03,
            spikes_per_week: 0.0,
            spike_factor: 1.0,
            spike_minutes: 0.0,
        }
    }

    /// Records per second that arrive at `at_ms`; `start_ms` is where growth counts from.
    pub fn rate(&self, seed: u64, start_ms: i64, at_ms: i64) -> f64 {
        let days = (at_ms - start_ms) as f64 / DAY_MS as f64;
        let hour = at_ms.rem_euclid(DAY_MS) as f64 / HOUR_MS;
        let angle = TAU * (hour - self.peak_hour) / 24.0;
        let season = 1.0 + self.daily_swing * (0.8 * angle.cos() + 0.2 * (2.0 * angle).cos());
        let slow = noise::smooth(seed, 11, at_ms, 1_800_000);
        let fast = noise::smooth(seed, 12, at_ms, 120_000);
        let wobble = (1.0 + self.noise * (0.8 * slow + 0.6 * fast)).max(0.0);
        let growth = (1.0 + self.growth_per_day * days).max(0.0);
        self.base_per_second * season * self.week(at_ms) * growth * wobble * self.spike(seed, at_ms)
    }

    /// The weekend's factor, led over from noon to noon.
    fn week(&self, at_ms: i64) -> f64 {
        if self.weekend == 1.0 {
            return 1.0;
        }
        let shifted = at_ms - DAY_MS / 2;
        let day = shifted.div_euclid(DAY_MS);
        let part = shifted.rem_euclid(DAY_MS) as f64 / DAY_MS as f64;
        let factor = |day: i64| {
            // 1970-01-01 was a Thursday: 0 is Sunday, 6 is Saturday.
            match (day + 4).rem_euclid(7) {
                0 | 6 => self.weekend,
                _ => 1.0,
            }
        };
        factor(day) * (1.0 - part) + factor(day + 1) * part
    }

    /// At most one spike a day, at a random hour: up in a tenth of its time, down in another.
    fn spike(&self, seed: u64, at_ms: i64) -> f64 {
        if self.spikes_per_week <= 0.0 || self.spike_minutes <= 0.0 {
            return 1.0;
        }
        let day = at_ms.div_euclid(DAY_MS);
        if noise::uniform(seed, 13, day as u64) >= self.spikes_per_week / 7.0 {
            return 1.0;
        }
        let length = self.spike_minutes * 60_000.0;
        let begin = noise::uniform(seed, 14, day as u64) * (DAY_MS as f64 - length).max(0.0);
        let part = (at_ms.rem_euclid(DAY_MS) as f64 - begin) / length;
        if !(0.0..=1.0).contains(&part) {
            return 1.0;
        }
        let height = (part / 0.1).min((1.0 - part) / 0.1).min(1.0);
        1.0 + (self.spike_factor - 1.0) * height
    }

    /// The highest rate between two times, looked for every five minutes.
    pub fn highest(&self, seed: u64, start_ms: i64, from_ms: i64, to_ms: i64) -> f64 {
        let mut highest = 0.0f64;
        let mut at = from_ms;
        while at <= to_ms {
            highest = highest.max(self.rate(seed, start_ms, at));
            at += 300_000;
        }
        highest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_peaks_at_its_hour_and_a_weekend_is_lower() {
        let load = Load {
            noise: 0.0,
            daily_swing: 0.5,
            weekend: 0.5,
            ..Load::steady(100.0)
        };
        let wednesday = 6 * DAY_MS;
        let at = |hours: f64| load.rate(1, 0, wednesday + (hours * HOUR_MS) as i64);
        assert!((at(14.0) - 150.0).abs() < 1.0);
        assert!(at(2.0) < 75.0);
        let sunday = 3 * DAY_MS;
        assert!((load.rate(1, 0, sunday + 14 * 3_600_000) - 75.0).abs() < 8.0);
    }
}
