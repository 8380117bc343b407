//! The latency rule: grow the slowest operators after a row of violations.
//!
//! ```text
//! act           if the last 3 latencies all exceed the bound
//! operators     the k with the largest latency
//! parallelism   = ⌈input rate / throughput of one channel⌉       windows: two channels more
//! ```
//!
//! Latency comes from Flink's latency markers or from whoever asks; a job that has neither
//! cannot be judged, and the rule says so. It never shrinks. A growth that the nodes have no slots for
//! is held as a whole: half of it would move the bottleneck for the price of a restart.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The rule's constants.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Latency above which a measurement is a violation, ms.
    pub bound_ms: f64,
    /// So many violations in a row before it acts, at least 1.
    pub violations: usize,
    /// How many operators grow at once.
    pub top: usize,
    /// Channels that a window gets more.
    pub window_channels: u32,
}

impl Limits {
    /// A bound in ms with three violations in a row, the slowest operator, and two channels a window.
    pub fn of(bound_ms: f64) -> Limits {
        Limits {
            bound_ms,
            violations: 3,
            top: 1,
            window_channels: 2,
        }
    }
}

/// An operator as the rule sees it. `None` is not measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Operator {
    /// Its vertex.
    pub id: String,
    /// Its part of the latency, ms.
    pub latency_ms: Option<f64>,
    /// Records arriving per second, all channels.
    pub input_rate: Option<f64>,
    /// Records one channel (subtask) can process per second.
    pub throughput_per_channel: Option<f64>,
    /// Channels now.
    pub parallelism: u32,
    /// Its key groups, the most channels it can have.
    pub max_parallelism: u32,
    /// Whether it holds a window, whose output comes in bursts so that rates mislead.
    pub window: bool,
}

/// A job as the rule sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// Latencies of the job in time order, ms; `None` where a measurement failed.
    pub latencies_ms: Vec<Option<f64>>,
    /// Its operators.
    pub operators: Vec<Operator>,
    /// Slots that the nodes can still give; `None` when nobody can say.
    pub free_slots: Option<u32>,
}

/// Why the rule says nothing.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LatencyError {
    /// No latency at all.
    #[error(
        "the job reports no latency; set `metrics.latency.interval` so that Flink sends markers"
    )]
    NoLatency,
    /// The bound is no positive number.
    #[error("`{bound_ms}` is not a latency bound; write a number of ms above 0")]
    NoBound {
        /// What was set.
        bound_ms: f64,
    },
    /// Violations, but nothing says which operators are slow.
    #[error("the latency bound is violated, but no operator reports a latency of its own")]
    NoOperatorLatency,
}

/// A new parallelism of one operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Growth {
    /// The vertex.
    pub id: String,
    /// Channels it should have.
    pub parallelism: u32,
}

/// What the rule says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Advice {
    /// Too few violations in a row.
    Keep {
        /// How many there are.
        violations: usize,
    },
    /// The slowest operators need no more channels, cannot have more, or lack a rate.
    NothingToGrow,
    /// They should grow.
    Grow(Vec<Growth>),
    /// They should grow, but the nodes lack slots.
    NoRoom {
        /// What was wanted.
        wanted: Vec<Growth>,
        /// Slots missing.
        missing_slots: u32,
    },
}

/// What the rule says about a job.
pub fn advise(job: &Job, limits: &Limits) -> Result<Advice, LatencyError> {
    let Limits { bound_ms, .. } = *limits;
    if !(bound_ms.is_finite() && bound_ms > 0.0) {
        return Err(LatencyError::NoBound { bound_ms });
    }
    let measured = |latency: &Option<f64>| latency.filter(|latency| !latency.is_nan());
    if !job
        .latencies_ms
        .iter()
        .any(|latency| measured(latency).is_some())
    {
        return Err(LatencyError::NoLatency);
    }
    // A failed measurement ends the row: what is not seen is not a violation.
    let latest_first = job.latencies_ms.iter().rev();
    let violations = latest_first
        .take_while(|latency| measured(latency).is_some_and(|latency| latency > bound_ms))
        .count();
    if violations < limits.violations.max(1) {
        return Ok(Advice::Keep { violations });
    }
    let slowest = slowest(&job.operators, limits.top)?;
    let growths: Vec<(Growth, u32)> = slowest
        .into_iter()
        .filter_map(|operator| grown(operator, limits))
        .collect();
    if growths.is_empty() {
        return Ok(Advice::NothingToGrow);
    }
    let more = slots_more(&job.operators, &growths);
    let wanted: Vec<Growth> = growths.into_iter().map(|(growth, _)| growth).collect();
    match job.free_slots {
        Some(free) if more > free => Ok(Advice::NoRoom {
            wanted,
            missing_slots: more - free,
        }),
        _ => Ok(Advice::Grow(wanted)),
    }
}

/// The slowest operators, slowest first; equally slow ones by id.
fn slowest(operators: &[Operator], top: usize) -> Result<Vec<&Operator>, LatencyError> {
    let known = operators.iter().filter_map(|operator| {
        let latency = operator.latency_ms.filter(|latency| !latency.is_nan())?;
        Some((latency, operator))
    });
    let mut known: Vec<(f64, &Operator)> = known.collect();
    if known.is_empty() {
        return Err(LatencyError::NoOperatorLatency);
    }
    known.sort_by(|(a, left), (b, right)| b.total_cmp(a).then_with(|| left.id.cmp(&right.id)));
    Ok(known
        .into_iter()
        .take(top)
        .map(|(_, operator)| operator)
        .collect())
}

/// The growth of one operator with its current parallelism; `None` if it has none.
fn grown(operator: &Operator, limits: &Limits) -> Option<(Growth, u32)> {
    let wanted = if operator.window {
        operator.parallelism.saturating_add(limits.window_channels)
    } else {
        let rate = operator
            .input_rate
            .filter(|rate| rate.is_finite() && *rate > 0.0)?;
        let channel = operator
            .throughput_per_channel
            .filter(|channel| *channel > 0.0)?;
        (rate / channel).ceil() as u32
    };
    let parallelism = wanted.min(operator.max_parallelism);
    let growth = Growth {
        id: operator.id.clone(),
        parallelism,
    };
    (parallelism > operator.parallelism).then_some((growth, operator.parallelism))
}

/// Slots the job takes more, with slots shared: the widest operator counts.
fn slots_more(operators: &[Operator], growths: &[(Growth, u32)]) -> u32 {
    let before = operators
        .iter()
        .map(|operator| operator.parallelism)
        .max()
        .unwrap_or(0);
    let after = growths
        .iter()
        .map(|(growth, _)| growth.parallelism)
        .max()
        .unwrap_or(0);
    after.saturating_sub(before)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operator(id: &str, latency_ms: f64, rate: f64, channel: f64) -> Operator {
        Operator {
            id: id.to_owned(),
            latency_ms: Some(latency_ms),
            input_rate: Some(rate),
            throughput_per_channel: Some(channel),
            parallelism: 4,
            max_parallelism: 128,
            window: false,
        }
    }

    fn job(latencies: &[f64]) -> Job {
        Job {
            latencies_ms: latencies.iter().copied().map(Some).collect(),
            operators: vec![
                operator("a", 50.0, 1000.0, 100.0),
                operator("b", 300.0, 1000.0, 130.0),
                operator("c", 300.0, 100.0, 100.0),
            ],
            free_slots: None,
        }
    }

    fn grow(list: &[(&str, u32)]) -> Vec<Growth> {
        let each = list.iter().map(|(id, parallelism)| Growth {
            id: (*id).to_owned(),
            parallelism: *parallelism,
        });
        each.collect()
    }

    #[test]
    fn three_violations_in_a_row() {
        let table: [(&[f64], Advice); 4] = [
            (&[200.0, 200.0], Advice::Keep { violations: 2 }),
            (&[200.0, 90.0, 200.0, 200.0], Advice::Keep { violations: 2 }),
            (
                &[200.0, 200.0, 200.0, 100.0],
                Advice::Keep { violations: 0 },
            ),
            (
                &[90.0, 200.0, 200.0, 200.0],
                Advice::Grow(grow(&[("b", 8)])),
            ),
        ];
        for (latencies, expected) in table {
            let advice = advise(&job(latencies), &Limits::of(100.0));
            assert_eq!(advice, Ok(expected), "{latencies:?}");
        }
    }

    #[test]
    fn the_slowest_grow_as_far_as_they_need_and_can() {
        let violated = job(&[200.0; 3]);
        let limits = Limits {
            top: 3,
            ..Limits::of(100.0)
        };
        // c carries its load already.
        assert_eq!(
            advise(&violated, &limits),
            Ok(Advice::Grow(grow(&[("b", 8), ("a", 10)])))
        );
        let mut narrow = violated.clone();
        narrow.operators[1].max_parallelism = 6;
        assert_eq!(
            advise(&narrow, &Limits::of(100.0)),
            Ok(Advice::Grow(grow(&[("b", 6)])))
        );
        narrow.operators[1].max_parallelism = 4;
        assert_eq!(
            advise(&narrow, &Limits::of(100.0)),
            Ok(Advice::NothingToGrow)
        );
        let mut window = violated.clone();
        window.operators[1].window = true;
        assert_eq!(
            advise(&window, &Limits::of(100.0)),
            Ok(Advice::Grow(grow(&[("b", 6)])))
        );
    }

    #[test]
    fn nodes_without_slots_hold_it() {
        let full = Job {
            free_slots: Some(3),
            ..job(&[200.0; 3])
        };
        let wanted = grow(&[("b", 8)]);
        assert_eq!(
            advise(&full, &Limits::of(100.0)),
            Ok(Advice::NoRoom {
                wanted,
                missing_slots: 1
            })
        );
    }

    #[test]
    fn a_job_without_latency_is_told_so() {
        let silent = Job {
            latencies_ms: vec![None, Some(f64::NAN)],
            ..job(&[])
        };
        assert_eq!(
            advise(&silent, &Limits::of(100.0)),
            Err(LatencyError::NoLatency)
        );
        let gap = Job {
            latencies_ms: vec![Some(200.0), Some(200.0), None, Some(200.0)],
            ..job(&[])
        };
        assert_eq!(
            advise(&gap, &Limits::of(100.0)),
            Ok(Advice::Keep { violations: 1 })
        );
        assert!(advise(&job(&[1.0]), &Limits::of(0.0)).is_err());
    }
}
