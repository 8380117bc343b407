//! The latency of a vertex, from Flink's latency markers.
//!
//! Flink reports a histogram for each pair of source and operator in each subtask of the operator, as
//! `latency.source_id.S.operator_id.O.operator_subtask_index.N.latency_p95` (less or more in front of `operator_id` where
//! `metrics.latency.granularity` is not `operator`). The head operator of a chain has the id of its vertex.

use super::answers::{List, Number, Object, kept};
use super::metric_names::{LONGEST_REQUEST, Latencies, MetricNames, encoded};
use super::pass::{Pass, ReadError};
use super::{Rest, metric_names};
use crate::quantity::FlinkDuration;
use serde::Deserialize;
use std::collections::BTreeMap;

/// The option that makes sources send markers; off without it.
pub(super) const INTERVAL: &str = "metrics.latency.interval";

/// The largest value of a metric over the subtasks.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Largest {
    max: Number,
}

/// Whether this configuration makes sources send markers. A job that sets the interval in its own code is not seen.
pub(super) fn are_sent(configuration: &BTreeMap<String, String>) -> bool {
    configuration
        .get(INTERVAL)
        .and_then(|text| text.parse::<FlinkDuration>().ok())
        .is_some_and(|interval| interval.millis() > 0)
}

/// The 95 % quantile from the sources to the head operator of a vertex, milliseconds: the largest over the subtasks and sources
/// asked for. `None` where no marker came by yet. Two requests; of many subtasks an even choice, as many as one request holds.
pub(super) async fn p95_ms<R: Rest>(
    pass: &Pass<'_, R>,
    place: &str,
    vertex_id: &str,
) -> Result<Option<f64>, ReadError> {
    let metrics = format!("{place}/subtasks/metrics");
    let names = pass
        .read::<MetricNames<Latencies>>(&metrics)
        .await?
        .into_vec();
    let chosen = chosen(&metrics, vertex_id, &names);
    let Some(request) = metric_names::requests(&metrics, chosen).into_iter().next() else {
        return Ok(None);
    };
    let values: List<Object<Largest>, 1_000> = pass.read(&request).await?;
    let largest = values
        .iter()
        .filter_map(|metric| metric.max.number())
        // Clocks of two machines may differ: less than no time is no measurement.
        .filter(|latency| *latency >= 0.0)
        .reduce(f64::max);
    Ok(largest.map(kept))
}

/// The names to ask for: of every subtask if they fit into one request, else of subtasks evenly apart, each time of another source.
fn chosen<'a>(path: &str, vertex_id: &str, names: &'a [String]) -> Vec<&'a str> {
    let mut by_subtask: BTreeMap<u32, Vec<&str>> = BTreeMap::new();
    for name in names {
        if let Some(subtask) = subtask(name, vertex_id) {
            by_subtask.entry(subtask).or_default().push(name);
        }
    }
    let longest = by_subtask
        .values()
        .flatten()
        .map(|name| encoded(name).len() + 1)
        .max()
        .unwrap_or(1);
    let room = LONGEST_REQUEST.saturating_sub(path.len() + "?get=".len()) / longest;
    let subtasks: Vec<&Vec<&str>> = by_subtask.values().collect();
    let asked = subtasks.len().min(room);
    let mut chosen = Vec::new();
    for turn in 0..asked {
        let of_subtask = subtasks[turn * subtasks.len() / asked];
        let each = of_subtask.len().min((room / asked).max(1));
        for part in 0..each {
            let at = (part * of_subtask.len() / each + turn) % of_subtask.len();
            chosen.push(of_subtask[at]);
        }
    }
    chosen
}

/// The subtask of which a name tells the p95 to the head operator of this vertex.
fn subtask(name: &str, vertex_id: &str) -> Option<u32> {
    let (before, rest) = name.split_once("operator_id.")?;
    if !before.starts_with("latency.") {
        return None;
    }
    rest.strip_prefix(vertex_id)?
        .strip_prefix(".operator_subtask_index.")?
        .strip_suffix(".latency_p95")?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const HEAD: &str = "20ba6b65f97481d5570070de90e4e791";

    fn name(source: u32, subtask: u32) -> String {
        format!(
            "latency.source_id.{source:032x}.operator_id.{HEAD}.operator_subtask_index.{subtask}.latency_p95"
        )
    }

    #[test]
    fn only_the_p95_of_the_head_operator_counts() {
        let head = |text: &str| subtask(&text.replace("HEAD", HEAD), HEAD);
        for (text, expected) in [
            (
                "latency.source_id.a.operator_id.HEAD.operator_subtask_index.7.latency_p95",
                Some(7),
            ),
            (
                "latency.operator_id.HEAD.operator_subtask_index.0.latency_p95",
                Some(0),
            ),
            (
                "latency.source_id.a.source_subtask_index.1.operator_id.HEAD.operator_subtask_index.2.latency_p95",
                Some(2),
            ),
            (
                "latency.source_id.a.operator_id.HEAD.operator_subtask_index.7.latency_p99",
                None,
            ),
            (
                "latency.source_id.HEAD.operator_id.b.operator_subtask_index.7.latency_p95",
                None,
            ),
            (
                "latency.source_id.a.operator_id.HEAD.operator_subtask_index.x.latency_p95",
                None,
            ),
            (
                "Map.latency.operator_id.HEAD.operator_subtask_index.0.latency_p95",
                None,
            ),
            ("numRecordsIn", None),
        ] {
            assert_eq!(head(text), expected, "{text}");
        }
    }

    #[test]
    fn many_subtasks_and_sources_fit_into_one_request() {
        let path = "/jobs/j/vertices/v/subtasks/metrics";
        for (sources, subtasks) in [(1, 1), (2, 3), (1, 400), (2, 400), (60, 2), (3, 25)] {
            let names: Vec<String> = (0..subtasks)
                .flat_map(|subtask| (0..sources).map(move |source| name(source, subtask)))
                .collect();
            let chosen = chosen(path, HEAD, &names);
            let case = format!("{sources} sources, {subtasks} subtasks: {chosen:?}");
            let distinct: BTreeSet<&&str> = chosen.iter().collect();
            assert_eq!(distinct.len(), chosen.len(), "{case}");
            assert_eq!(
                metric_names::requests(path, chosen.iter().copied()).len(),
                1,
                "{case}"
            );
            if names.len() <= 20 {
                assert_eq!(chosen.len(), names.len(), "{case}");
            } else {
                assert!(chosen.len() >= 13, "{case}");
            }
            let seen: BTreeSet<u32> = chosen
                .iter()
                .filter_map(|name| subtask(name, HEAD))
                .collect();
            assert!(
                seen.last() >= Some(&(subtasks * 9 / 10).min(subtasks - 1)),
                "{case}"
            );
            let of_sources: BTreeSet<&str> = chosen.iter().map(|name| &name[..50]).collect();
            assert!(of_sources.len() >= sources.min(13) as usize, "{case}");
        }
    }

    #[test]
    fn markers_are_sent_only_at_an_interval() {
        for (text, expected) in [
            ("1000", true),
            ("30 s", true),
            ("0", false),
            ("0 ms", false),
            ("often", false),
        ] {
            let configuration = BTreeMap::from([(INTERVAL.to_owned(), text.to_owned())]);
            assert_eq!(are_sent(&configuration), expected, "{text}");
        }
        assert!(!are_sent(&BTreeMap::new()));
    }
}
