//! What the history measured by itself, in words: the week's hours, and what backlogs showed of capacity.

use super::advice::{Risk, Step};
use super::explanation::counted;
use crate::evaluate::{
    CatchUp, Demand, HourSpan, VertexCapacity, Week, catch_up_reading, catch_ups, hour_text,
};

use crate::snapshot::History;

/// So many spans of unseen hours are named; the rest is counted.
const MOST_SPANS: usize = 6;
/// So many past sizes are named.
const MOST_SIZES: usize = 4;

/// The steps of both.
pub(super) fn steps(
    history: &History,
    demand: &Demand,
    capacities: &[VertexCapacity],
) -> Vec<Step> {
    let mut steps = vec![caught_up(history, capacities)];
    steps.extend(demand.week.as_ref().map(hours_of_the_week));
    steps
}

/// What was never seen of a week, where the load is sized by what was.
pub(super) fn unseen_hours(demand: &Demand) -> Option<Risk> {
    let week = demand.week.as_ref()?;
    (!week.unseen.is_empty()).then(|| Risk {
        code: "hours-unseen".to_owned(),
        message: format!(
            "these hours of the week were never seen, and what arrives then is not known: {}",
            spans(&week.unseen)
        ),
    })
}

fn hours_of_the_week(week: &Week) -> Step {
    let mut result = match &week.peak {
        Some(peak) => {
            let grown = if peak.growth_per_week > 0.0 {
                format!(
                    "; every week lies above the one before, by {:.1} %, which is carried on for one more",
                    peak.growth_per_week * 100.0
                )
            } else {
                String::new()
            };
            format!(
                "the coming week's peak is expected on {} UTC: {:.1} records/s, at most {:.1} (seen in {}, spread of an hour about itself {:.1} %){grown}",
                hour_text(peak.hour),
                peak.expected_per_second,
                peak.upper_per_second,
                counted(peak.weeks as usize, "week"),
                (peak.spread_ln.exp() - 1.0) * 100.0
            )
        }
        None => format!(
            "{:.1} days are too few to hold an hour against itself: it takes two weeks",
            week.days
        ),
    };
    if !week.unseen.is_empty() {
        result.push_str(&format!("; never seen (UTC): {}", spans(&week.unseen)));
    }
    Step {
        name: "hours of the week".to_owned(),
        result,
    }
}

fn spans(unseen: &[HourSpan]) -> String {
    let mut named: Vec<String> = unseen.iter().take(MOST_SPANS).map(HourSpan::text).collect();
    if unseen.len() > MOST_SPANS {
        let hours: u32 = unseen[MOST_SPANS..]
            .iter()
            .map(|span| span.until - span.from)
            .sum();
        named.push(format!("{hours} hours more"));
    }
    named.join(", ")
}

/// The job's capacity by backlogs beside what its busy time promises.
fn caught_up(history: &History, capacities: &[VertexCapacity]) -> Step {
    let found = catch_ups(history);
    let mut result = match catch_up_reading(history, &found) {
        Err(none) => format!("no reading: {none}"),
        Ok(reading) => {
            let mut said = format!(
                "{:.1} records/s (sd {:.2}) flowed through {:.0} minutes of {}, {} of them after a restart",
                reading.per_second,
                reading.sd_ln,
                reading.measured_ms as f64 / 60_000.0,
                counted(reading.backlogs, "backlog"),
                reading.after_restarts
            );
            let promised = capacities
                .iter()
                .filter_map(|vertex| {
                    Some(vertex.by_busy_per_second? / vertex.records_per_source_record)
                })
                .reduce(f64::min);
            match promised {
                _ if !reading.own_limit => said.push_str(
                    "; no subtask was busy for 85 % of the time, so that reading from outside was the limit: not taken for the job's capacity",
                ),
                _ if reading.cores_scarce => said.push_str(
                    "; the cores were nearly used up, so that it is what they carry",
                ),
                Some(promised) if differ(reading.per_second, promised) => {
                    said.push_str(&format!(
                        "; busy time promises {promised:.1}: they differ by more than 15 %, and what flowed counts"
                    ));
                }
                Some(promised) => said.push_str(&format!(
                    "; busy time promises {promised:.1}: they agree, and both count"
                )),
                None => {}
            }
            said
        }
    };
    result.push_str(&past_sizes(history, &found));
    Step {
        name: "capacity by catching up".to_owned(),
        result,
    }
}

/// Whether two rates differ by more than 15 %, or one is none.
fn differ(one: f64, other: f64) -> bool {
    let gap = (one / other).ln().abs();
    gap.is_nan() || gap > 1.15f64.ln()
}

/// Backlogs at other sizes: they belong to the past sizes.
fn past_sizes(history: &History, found: &[CatchUp]) -> String {
    let present = history
        .points
        .iter()
        .rev()
        .find(|point| point.running > 0.0)
        .map(|point| &point.shape);
    let others: Vec<&CatchUp> = found
        .iter()
        .filter(|one| Some(&one.shape) != present)
        .collect();
    if others.is_empty() {
        return String::new();
    }
    let named: Vec<String> = others
        .iter()
        .rev()
        .take(MOST_SIZES)
        .map(|one| {
            let parallelism = one.shape.parallelism.values().max().copied().unwrap_or(0);
            format!("{:.1} at parallelism {parallelism}", one.per_second)
        })
        .collect();
    format!(
        "; at other sizes, latest first of {}: {}",
        counted(others.len(), "backlog"),
        named.join(", ")
    )
}
