//! Load against what the proposed size carries, as a Mermaid chart that the forge draws in place.

use super::escape::mermaid;
use crate::snapshot::Point;
use std::collections::{BTreeMap, BTreeSet};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// The highest load of each day (or of each hour, below three days) and the carried load as a line; `None` with fewer than two values.
pub fn load(
    blocks: &[Point],
    sources: &BTreeSet<String>,
    carries_per_second: f64,
    slots: u32,
) -> Option<String> {
    let (first, last) = (blocks.first()?.from_ms, blocks.last()?.to_ms);
    let (bucket, daily) = if last - first >= 3 * DAY_MS {
        (DAY_MS, true)
    } else {
        (HOUR_MS.max((last - first) / 16), false)
    };
    let mut highest: BTreeMap<i64, f64> = BTreeMap::new();
    for block in blocks {
        let rates: Vec<f64> = block
            .vertices
            .iter()
            .filter(|(id, _)| sources.contains(*id))
            .filter_map(|(_, vertex)| vertex.in_per_second.map(|stat| stat.max))
            .collect();
        if rates.is_empty() {
            continue;
        }
        let sum: f64 = rates.iter().sum();
        // A block that was merged with its neighbour counts for each day that it lies in.
        for part in block.from_ms.div_euclid(bucket)..=(block.to_ms - 1).div_euclid(bucket) {
            let entry = highest.entry(part).or_insert(0.0);
            *entry = entry.max(sum);
        }
    }
    if highest.len() < 2 || !carries_per_second.is_finite() {
        return None;
    }
    let top = highest.values().copied().fold(carries_per_second, f64::max);
    let (divisor, unit) = if top >= 10_000.0 {
        (1000.0, "thousand records/s")
    } else {
        (1.0, "records/s")
    };
    let values = |list: Vec<f64>| {
        list.iter()
            .map(|value| format!("{:.1}", value / divisor))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let labels = highest
        .keys()
        .map(|at| label(at * bucket, daily))
        .collect::<Vec<_>>()
        .join(", ");
    let title = mermaid(&format!(
        "Highest load of each {} and what {slots} slots carry, {unit}",
        if daily { "day" } else { "hour" }
    ));
    Some(format!(
        "xychart-beta\n  title \"{title}\"\n  x-axis [{labels}]\n  y-axis \"{unit}\" 0 --> {:.0}\n  bar [{}]\n  line [{}]",
        (top / divisor * 1.1).ceil(),
        values(highest.values().copied().collect()),
        values(vec![carries_per_second; highest.len()]),
    ))
}

fn label(at_ms: i64, daily: bool) -> String {
    let format = if daily { "%a %d" } else { "%H:%M" };
    let text = jiff::Timestamp::from_millisecond(at_ms).map_or_else(
        |_| at_ms.to_string(),
        |time| time.strftime(format).to_string(),
    );
    format!("\"{text}\"")
}
