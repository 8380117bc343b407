//! Remembered scalings and the restarts they caused.

use std::collections::BTreeMap;

use super::input::ScalingHistory;
use super::options::Options;
use super::topology::Topology;

/// By the time of the scaling (Unix ms): how long the restart took in ms, `None` until measured.
pub type RestartRecords = BTreeMap<i64, Option<i64>>;

/// Forgets scalings that are too old, too many, or of vertices the job no longer has.
pub fn trim_history(
    history: &ScalingHistory,
    topology: &Topology,
    options: &Options,
    now_ms: i64,
) -> ScalingHistory {
    let from = now_ms.saturating_sub(options.history_max_age_ms);
    let most = usize::try_from(options.history_max_count).unwrap_or(0);
    let mut kept = ScalingHistory::new();
    for (id, scalings) in history
        .iter()
        .filter(|(id, _)| topology.vertex(**id).is_some())
    {
        let recent = scalings.range(from..);
        let surplus = recent.clone().count().saturating_sub(most);
        let recent: BTreeMap<_, _> = recent.skip(surplus).map(|(at, s)| (*at, *s)).collect();
        if !recent.is_empty() {
            kept.insert(*id, recent);
        }
    }
    kept
}

/// Forgets restart records by the same limits, but never the latest.
pub fn trim_restarts(records: &RestartRecords, options: &Options, now_ms: i64) -> RestartRecords {
    let from = now_ms.saturating_sub(options.history_max_age_ms);
    let most = usize::try_from(options.history_max_count).unwrap_or(0);
    let mut kept: RestartRecords = records
        .range(from..)
        .map(|(at, took)| (*at, *took))
        .collect();
    while kept.len() > most {
        kept.pop_first();
    }
    kept.extend(records.last_key_value().map(|(at, took)| (*at, *took)));
    kept
}

/// Measures the latest restart, once the vertices scaled then have the parallelism asked for.
pub fn measure_restart(
    records: &mut RestartRecords,
    history: &ScalingHistory,
    topology: &Topology,
    running_ms: i64,
) {
    let Some(mut latest) = records.last_entry() else {
        return;
    };
    let at = *latest.key();
    let arrived = history.iter().all(|(id, scalings)| {
        let Some(scaling) = scalings.get(&at) else {
            return true;
        };
        let vertex = topology.vertex(*id);
        vertex.is_some_and(|vertex| vertex.parallelism == scaling.new_parallelism)
    });
    if latest.get().is_none() && arrived {
        latest.insert(Some(running_ms.saturating_sub(at)));
    }
}

/// The restart time to plan with, in whole seconds: the longest measured one up to the limit, else the
/// configured one.
pub fn restart_time_s(records: &RestartRecords, options: &Options) -> i64 {
    let measured = records
        .values()
        .flatten()
        .map(|ms| ms.div_euclid(1000))
        .max();
    match measured {
        // -1 is how upstream says that nothing was measured.
        Some(longest) if options.restart_tracking && longest > -1 => {
            longest.min(options.restart_tracking_limit_ms / 1000)
        }
        _ => options.restart_time_ms / 1000,
    }
}

#[cfg(test)]
mod tests {
    use super::super::input::{PastScaling, Vertex, VertexId};
    use super::super::options::Profile;
    use super::*;

    const HOUR: i64 = 3_600_000;

    fn id() -> VertexId {
        format!("{:032x}", 1).parse().unwrap()
    }

    fn topology(parallelism: u32) -> Topology {
        let vertex = Vertex {
            id: id(),
            parallelism,
            max_parallelism: 128,
            finished: false,
            slot_sharing_group: None,
            inputs: BTreeMap::new(),
        };
        Topology::new(vec![vertex]).unwrap()
    }

    fn options(pairs: &[(&str, &str)]) -> Options {
        let pairs = pairs
            .iter()
            .map(|(key, value)| (format!("job.autoscaler.{key}"), (*value).into()));
        Options::read(&pairs.collect(), Profile::Next).unwrap()
    }

    #[test]
    fn old_and_surplus_scalings_go() {
        let scaling = PastScaling::new(1, 2, 10.0, 20.0);
        let times = [0, HOUR, 2 * HOUR, 3 * HOUR];
        let history = [(id(), times.map(|at| (at, scaling)).into())].into();
        let options = options(&[("history.max.age", "2 h"), ("history.max.count", "2")]);
        let kept = trim_history(&history, &topology(1), &options, 3 * HOUR);
        let times: Vec<i64> = kept[&id()].keys().copied().collect();
        assert_eq!(times, [2 * HOUR, 3 * HOUR]);
        assert!(trim_history(&history, &topology(1), &options, 9 * HOUR).is_empty());
    }

    #[test]
    fn the_latest_restart_always_stays() {
        let records = [(0, Some(5)), (HOUR, None)].into();
        let kept = trim_restarts(&records, &options(&[]), 100 * HOUR);
        assert_eq!(kept, [(HOUR, None)].into());
    }

    #[test]
    fn a_restart_is_measured_once_the_parallelism_arrived() {
        let scaling = PastScaling::new(1, 2, 10.0, 20.0);
        let history = [(id(), [(HOUR, scaling)].into())].into();
        let mut records = [(HOUR, None)].into();
        measure_restart(&mut records, &history, &topology(1), HOUR + 90_500);
        assert_eq!(records[&HOUR], None);
        measure_restart(&mut records, &history, &topology(2), HOUR + 90_500);
        assert_eq!(records[&HOUR], Some(90_500));
        measure_restart(&mut records, &history, &topology(2), HOUR + 1);
        assert_eq!(records[&HOUR], Some(90_500));
    }

    #[test]
    fn measured_restarts_count_only_when_asked_for_and_up_to_the_limit() {
        let records = [(0, Some(90_500)), (HOUR, Some(10_000)), (2 * HOUR, None)].into();
        let on = ("restart.time-tracking.enabled", "true");
        let limit = ("restart.time-tracking.limit", "60 s");
        assert_eq!(restart_time_s(&records, &options(&[])), 300);
        assert_eq!(restart_time_s(&records, &options(&[on])), 90);
        assert_eq!(restart_time_s(&records, &options(&[on, limit])), 60);
        assert_eq!(restart_time_s(&RestartRecords::new(), &options(&[on])), 300);
    }
}
