//! What every evaluator would do with one job, beside what is recommended here.

use super::differences::{self, Known};
use super::{Advice, Present, Size};
use crate::evaluate;
use crate::evaluate::inputs::{
    AutotuneAnswer, BacklogInput, EvaluatorError, LatencyInput, TrueRateAnswer, autotune,
    autotune_input, backlog, backlog_input, latency, latency_input, true_rate, true_rate_input,
};
use crate::evaluate::true_rate::options::Profile;
use crate::evaluate::{backlog as backlog_rule, latency_violation};
use crate::snapshot::History;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Vertices of which an opinion tells the new parallelism; of more only the widest counts.
const MOST_VERTICES: usize = 24;

/// What an evaluator comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Says {
    /// Another size.
    Resize,
    /// The size stays.
    Keep,
    /// It cannot say anything of this job.
    Nothing,
}

/// One evaluator's answer for one job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Opinion {
    /// `plimsoll`, `true_rate`, `autotune`, `backlog`, `latency_violation`.
    pub evaluator: String,
    /// What it comes to.
    pub says: Says,
    /// The size it comes to; absent when it says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<Size>,
    /// What that costs a month.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_month: Option<f64>,
    /// Vertices whose parallelism it changes, by id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub vertices: BTreeMap<String, u32>,
    /// How it comes to that, one sentence. May hold foreign text: escape it.
    pub message: String,
    /// Why ours differs, one sentence; empty for ours.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub differs: String,
    /// What it lacked or did not like, one sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// All opinions on one job, ours first.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct SideBySide {
    /// In a fixed order.
    pub opinions: Vec<Opinion>,
    /// Of the costs.
    pub currency: String,
}

/// Asks every evaluator about a job. `advice` is ours.
pub fn side_by_side(
    history: &History,
    present: &Present,
    advice: &Advice,
    load: &evaluate::Settings,
) -> SideBySide {
    let ours = ours(present, advice);
    let window = true_rate_input(history, &present.configuration, Profile::Next);
    let answer = window.clone().and_then(|window| true_rate(&window));
    let tuned = window.and_then(|window| {
        let wanted = answer.as_ref().map(wanted).unwrap_or_default();
        autotune(&autotune_input(window, wanted))
    });
    let known = Known {
        history,
        present,
        advice,
        ours: ours.size.as_ref().unwrap_or(&present.size),
    };
    let opinions = vec![
        by_true_rate(&known, &answer),
        by_autotune(&known, &answer, &tuned),
        by_backlog(
            &known,
            backlog_input(history, &present.configuration).map(|input| BacklogInput {
                limits: load.backlog_rule,
                ..input
            }),
        ),
        by_latency(&known, load),
    ];
    SideBySide {
        opinions: std::iter::once(ours).chain(opinions).collect(),
        currency: present.prices.currency.clone(),
    }
}

fn opinion(evaluator: &str, known: &Known<'_>, size: Size, message: String) -> Opinion {
    Opinion {
        evaluator: evaluator.to_owned(),
        says: if size == known.present.size {
            Says::Keep
        } else {
            Says::Resize
        },
        per_month: Some(known.present.prices.per_month(&size)),
        size: Some(size),
        vertices: BTreeMap::new(),
        message,
        differs: String::new(),
        notes: Vec::new(),
    }
}

fn silent(evaluator: &str, message: String) -> Opinion {
    Opinion {
        evaluator: evaluator.to_owned(),
        says: Says::Nothing,
        size: None,
        per_month: None,
        vertices: BTreeMap::new(),
        message,
        differs: String::new(),
        notes: Vec::new(),
    }
}

fn ours(present: &Present, advice: &Advice) -> Opinion {
    let mut ours = silent("plimsoll", String::new());
    let (says, size, message) = match advice {
        Advice::Change(change) => {
            let limit = change.probability_limit * 100.0;
            let chance = match change.probability_short * 100.0 {
                small if small < 0.1 => "below 0.1 %".to_owned(),
                chance => format!("{chance:.1} %"),
            };
            let message = format!(
                "carries {:.0} records/s, needed are {:.0}; chance of being short {chance} (limit {limit:.0} %)",
                change.carries_per_second, change.demand.required_per_second,
            );
            (Says::Resize, Some(change.proposed.clone()), message)
        }
        Advice::Keep(keep) => (Says::Keep, Some(present.size.clone()), keep.message.clone()),
        Advice::Undetermined(undetermined) => (Says::Nothing, None, undetermined.message.clone()),
    };
    ours.says = says;
    ours.per_month = size.as_ref().map(|size| present.prices.per_month(size));
    ours.size = size;
    ours.message = message;
    ours
}

/// Parallelism of every vertex after what the autoscaler would do.
fn wanted(answer: &TrueRateAnswer) -> BTreeMap<String, u32> {
    let held = answer.hold.is_some();
    let each = answer.vertices.iter().map(|(id, vertex)| {
        (
            id.clone(),
            if held {
                vertex.parallelism
            } else {
                vertex.wanted
            },
        )
    });
    each.collect()
}

/// The size that results when the autoscaler has its way: only parallelism, and what follows from it.
fn scaled(known: &Known<'_>, answer: &TrueRateAnswer) -> Size {
    let now = &known.present.size;
    let changed = answer
        .vertices
        .values()
        .any(|vertex| vertex.wanted != vertex.parallelism);
    if answer.hold.is_some() || !changed {
        return now.clone();
    }
    let slots_each = now.slots_per_task_manager.max(1);
    let widest = answer.vertices.values().map(|vertex| vertex.wanted).max();
    Size {
        parallelism: widest.unwrap_or(now.parallelism),
        vertex_parallelism: BTreeMap::new(),
        task_managers: answer.slots.div_ceil(slots_each).max(1),
        ..now.clone()
    }
}

fn by_true_rate(known: &Known<'_>, answer: &Result<TrueRateAnswer, EvaluatorError>) -> Opinion {
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            let mut silent = silent("true_rate", error.to_string());
            silent.differs = differences::silent(known);
            return silent;
        }
    };
    let size = scaled(known, answer);
    let changed: BTreeMap<String, u32> = answer
        .vertices
        .iter()
        .filter(|(_, vertex)| vertex.wanted != vertex.parallelism)
        .map(|(id, vertex)| (id.clone(), vertex.wanted))
        .collect();
    let message = differences::true_rate_message(known, answer);
    let mut opinion = opinion("true_rate", known, size, message);
    if answer.hold.is_none() && !changed.is_empty() {
        opinion.says = Says::Resize;
        if changed.len() <= MOST_VERTICES {
            opinion.vertices = changed;
        }
    }
    opinion.differs = differences::true_rate(known, answer, &opinion);
    opinion.notes = answer.notes.clone();
    opinion
}

fn by_autotune(
    known: &Known<'_>,
    answer: &Result<TrueRateAnswer, EvaluatorError>,
    tuned: &Result<AutotuneAnswer, EvaluatorError>,
) -> Opinion {
    let now = &known.present.size;
    let mut opinion = match tuned {
        Err(error) => silent("autotune", error.to_string()),
        Ok(tuned) => match tuned.process_memory_bytes {
            None => silent(
                "autotune",
                "it has nothing to say: the memory options do not resolve, or there is no memory to deal".to_owned(),
            ),
            Some(bytes) => {
                let base = answer.as_ref().map_or_else(|_| now.clone(), |answer| scaled(known, answer));
                let message = format!(
                    "memory {} → {} MiB at the parallelism of true_rate{}",
                    now.memory_bytes >> 20,
                    bytes >> 20,
                    if tuned.applied { "" } else { "; its memory tuning is off" }
                );
                let size = Size { memory_bytes: bytes, ..base };
                opinion("autotune", known, size, message)
            }
        },
    };
    opinion.differs = differences::autotune(known, &opinion);
    opinion
}

fn by_backlog(
    known: &Known<'_>,
    input: Result<crate::evaluate::inputs::BacklogInput, EvaluatorError>,
) -> Opinion {
    let now = &known.present.size;
    let answer = input.as_ref().map_err(Clone::clone).and_then(backlog);
    let mut opinion = match answer {
        Err(error) => silent("backlog", error.to_string()),
        Ok(backlog_rule::Advice::Keep(keep)) => {
            let message = match keep {
                backlog_rule::Keep::WithinLimits => "neither backlog nor CPU is beyond its limits",
                backlog_rule::Keep::AtLimit => {
                    "it would grow, but partitions or key groups are used up"
                }
                backlog_rule::Keep::BusyWithoutBacklog => {
                    "CPU is high, but nothing waits: the rule asks for no more"
                }
            };
            opinion("backlog", known, now.clone(), message.to_owned())
        }
        Ok(backlog_rule::Advice::Resize {
            task_managers,
            parallelism,
        }) => {
            let size = Size {
                parallelism: parallelism
                    .unwrap_or(task_managers.saturating_mul(now.slots_per_task_manager)),
                vertex_parallelism: BTreeMap::new(),
                task_managers,
                ..now.clone()
            };
            let message = match &input {
                Ok(input) => differences::backlog_message(&input.job, task_managers),
                Err(_) => String::new(),
            };
            opinion("backlog", known, size, message)
        }
    };
    if let Ok(input) = input {
        opinion.notes = input.missing;
    }
    opinion.differs = differences::backlog(known, &opinion);
    opinion
}

fn by_latency(known: &Known<'_>, load: &evaluate::Settings) -> Opinion {
    let limits = load.latency_limits();
    let input =
        latency_input(known.history, limits.bound_ms).map(|input| LatencyInput { limits, ..input });
    let answer = input.as_ref().map_err(Clone::clone).and_then(latency);
    let mut opinion = match answer {
        Err(error) => silent("latency_violation", error.to_string()),
        Ok(latency_violation::Advice::Grow(growths)) => {
            let widest = growths.iter().map(|growth| growth.parallelism).max();
            let now = &known.present.size;
            let slots = widest.unwrap_or(0).max(now.parallelism);
            let size = Size {
                parallelism: slots,
                task_managers: slots
                    .div_ceil(now.slots_per_task_manager.max(1))
                    .max(now.task_managers),
                ..now.clone()
            };
            opinion(
                "latency_violation",
                known,
                size,
                "latency was above its bound three times in a row".to_owned(),
            )
        }
        Ok(other) => opinion(
            "latency_violation",
            known,
            known.present.size.clone(),
            differences::latency_message(&other),
        ),
    };
    if let Ok(input) = input {
        opinion.notes = input.missing;
    }
    opinion.differs = differences::latency(&opinion);
    opinion
}
