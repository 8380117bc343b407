//! How often jobs are looked at, and whether the windows that are configured are long enough for that.

use super::settings::Settings;
use crate::quantity::FlinkDuration;
use crate::snapshot::History;

/// The usual time between two looks at a job, milliseconds: the median over its points; none with fewer than three.
fn interval_ms(history: &History) -> Option<i64> {
    let ends = history.points.windows(2);
    let mut gaps: Vec<i64> = ends
        .map(|pair| pair[1].to_ms.saturating_sub(pair[0].to_ms))
        .collect();
    if gaps.len() < 2 {
        return None;
    }
    gaps.sort_unstable();
    gaps.get(gaps.len() / 2).copied()
}

/// Windows that are shorter than two intervals of observation, as the histories show them: one sentence each.
pub fn short_windows(settings: &Settings, histories: &[History]) -> Vec<String> {
    let mut intervals: Vec<i64> = histories.iter().filter_map(interval_ms).collect();
    intervals.sort_unstable();
    let Some(interval) = intervals.get(intervals.len() / 2) else {
        return Vec::new();
    };
    let interval = u64::try_from(*interval).unwrap_or(0);
    let least = interval.saturating_mul(2);
    let windows = [
        ("history.minimum", Some(&settings.minimum)),
        ("history.window", Some(&settings.window)),
        ("watch.window", Some(&settings.watch.window)),
        (
            "watch.window_weekend",
            settings.watch.window_weekend.as_ref(),
        ),
    ];
    windows
        .into_iter()
        .filter_map(|(name, window)| Some((name, window?)))
        .filter(|(_, window)| window.millis() < least)
        .map(|(name, window)| {
            format!(
                "{name} ({window}) is shorter than two intervals of observation (the history has a look every {}): write {} or more, \
                 or observe more often",
                FlinkDuration::from_millis(interval),
                FlinkDuration::from_millis(least)
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::sample::history;
    use crate::config::parse;

    #[test]
    fn a_window_is_held_against_the_looks_that_there_are() {
        let settings = |text: &str| Settings::new(&parse("f", text).unwrap(), Vec::new());
        // A look every five minutes.
        let seen = [history(20)];
        assert_eq!(
            short_windows(&settings("watch: {window: 10 min}\n"), &seen),
            Vec::<String>::new()
        );
        let short = short_windows(&settings("watch: {window: 9 min}\n"), &seen);
        assert!(
            short.len() == 1
                && short[0].contains("a look every 5 min")
                && short[0].contains("10 min or more"),
            "{short:?}"
        );
        assert!(short_windows(&settings("watch: {window: 9 min}\n"), &[]).is_empty());
    }
}
