//! The decision for one vertex.

use std::collections::{BTreeMap, BTreeSet};

use super::alignment::{Aligned, Alignment, Target, align};
use super::capacity::{Rates, target_capacity};
use super::decision::DecisionError;
use super::delay::{DelayedScaleDowns, Recommended, Verdict, delay};
use super::evaluate::EvaluatedVertex;
use super::event::Event;
use super::input::{PastScaling, ShipStrategy, Vertex};
use super::options::{Options, Profile};
use super::rounding::round3;
use super::scalability;

/// How urgent a change of a vertex is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// The vertex keeps its parallelism.
    None,
    /// It may change along with others: in release 1.10 a scale-down still within its delay, today a
    /// vertex inside its utilization band.
    Optional,
    /// It must change.
    Required,
}

/// What is decided for one vertex.
#[derive(Debug, Clone, PartialEq)]
pub struct VertexDecision {
    /// How urgent.
    pub change: Change,
    /// To what; the current parallelism if nothing changes.
    pub new_parallelism: u32,
    /// Whether the change alone justifies a rescale of the job.
    pub justifies_rescale: bool,
    /// The rate expected afterwards, records/s of the vertex, if the rule wanted a change.
    pub expected_rate: Option<f64>,
    /// What upstream reports.
    pub events: BTreeSet<Event>,
}

/// What the rule looks at besides the evaluated metrics.
#[derive(Debug, Clone, Copy)]
pub struct VertexCase<'a> {
    /// The vertex.
    pub vertex: &'a Vertex,
    /// Its evaluated metrics.
    pub metrics: &'a EvaluatedVertex,
    /// Its past scalings by time.
    pub history: &'a BTreeMap<i64, PastScaling>,
    /// The restart time to plan with, s.
    pub restart_s: i64,
    /// Now, Unix ms.
    pub now_ms: i64,
}

/// Decides for one vertex; `delayed` remembers scale-downs that wait.
pub fn decide(
    case: VertexCase<'_>,
    delayed: &mut DelayedScaleDowns,
    options: &Options,
) -> Result<VertexDecision, DecisionError> {
    let current = case.metrics.parallelism as i32;
    let mut decision = VertexDecision {
        change: Change::None,
        new_parallelism: u32::try_from(current).unwrap_or(0),
        justifies_rescale: false,
        expected_rate: None,
        events: BTreeSet::new(),
    };
    let Some(factor) = scale_factor(case, options)? else {
        return Ok(decision);
    };
    let aligned = limited_and_aligned(case, factor, options)?;
    if aligned.limited {
        decision.events.insert(Event::ScalingLimited);
    }
    let new = i32::try_from(aligned.parallelism).unwrap_or(i32::MAX);
    if new == current {
        delayed.remove(&case.vertex.id);
        return Ok(decision);
    }
    let true_rate = case.metrics.true_processing_rate;
    let expected = match options.profile {
        Profile::Next => true_rate / f64::from(current) * f64::from(new),
        Profile::V1_10 => true_rate * factor,
    };
    decision.expected_rate = Some(round3(expected));
    let outside_bound = true_rate < case.metrics.scale_up_threshold
        || true_rate > case.metrics.scale_down_threshold;
    let new = match u32::try_from(new) {
        Ok(new) if new > 0 => new,
        _ => return Err(DecisionError::NotPositive { parallelism: new }),
    };
    if new > decision.new_parallelism {
        delayed.remove(&case.vertex.id);
        if ineffective_before(case, options, &mut decision.events) {
            return Ok(decision);
        }
        set_change(&mut decision, new, outside_bound, true, options);
        return Ok(decision);
    }
    let recommended = Recommended {
        at_ms: case.now_ms,
        parallelism: new,
        outside_bound,
    };
    if let Verdict::Shrink {
        parallelism,
        outside_bound,
        required,
    } = delay(delayed, case.vertex.id, recommended, options)
    {
        set_change(&mut decision, parallelism, outside_bound, required, options);
    }
    Ok(decision)
}

fn set_change(
    decision: &mut VertexDecision,
    new: u32,
    outside_bound: bool,
    required: bool,
    options: &Options,
) {
    if new == decision.new_parallelism {
        // The largest recommendation of the delay may be what the vertex has.
        return;
    }
    decision.new_parallelism = new;
    decision.justifies_rescale = required && outside_bound;
    let must = match options.profile {
        Profile::Next => outside_bound,
        Profile::V1_10 => required,
    };
    decision.change = if must {
        Change::Required
    } else {
        Change::Optional
    };
}

/// Needed over measured capacity within the configured steps; `None` when something is unknown.
fn scale_factor(case: VertexCase<'_>, options: &Options) -> Result<Option<f64>, DecisionError> {
    let true_rate = case.metrics.true_processing_rate;
    let rates = Rates {
        target: case.metrics.target_data_rate,
        catch_up: case.metrics.catch_up_data_rate,
    };
    let capacity = target_capacity(rates, case.restart_s, options);
    if true_rate.is_nan() || capacity.is_nan() {
        return Ok(None);
    }
    let mut factor = capacity / true_rate;
    if options.observed_scalability {
        factor /= scalability::coefficient(case.history, options)?;
    }
    let least = 1.0 - options.max_scale_down_factor;
    let most = 1.0 + options.max_scale_up_factor;
    // An undefined factor passes through and ends at the lower limit.
    Ok(Some(if factor < least {
        least
    } else if factor > most {
        most
    } else {
        factor
    }))
}

/// The limits never pull a vertex back that is outside them; they stop it from moving further out.
fn limited_and_aligned(
    case: VertexCase<'_>,
    factor: f64,
    options: &Options,
) -> Result<Aligned, DecisionError> {
    let current = case.metrics.parallelism as i32;
    let max_parallelism = case.metrics.max_parallelism as i32;
    let partitions = case.metrics.source_partitions as i32;
    let raw = (factor * f64::from(current)).ceil() as i32;
    let lower = current.min(options.min_parallelism);
    let upper = max_parallelism.min(current.max(options.max_parallelism));
    let wanted = raw.max(lower).min(upper);
    let keyed = case
        .vertex
        .inputs
        .values()
        .any(|strategy| *strategy == ShipStrategy::Hash);
    let unchanged = wanted == current && options.alignment != Alignment::V1_10;
    if unchanged || !(partitions > 0 || keyed) {
        return Ok(Aligned {
            parallelism: i64::from(wanted),
            limited: false,
        });
    }
    let units = if partitions > 0 {
        partitions
    } else {
        max_parallelism
    };
    let target = Target {
        current: i64::from(current),
        wanted: i64::from(wanted),
        lower: i64::from(lower),
        upper: i64::from(upper),
        units: i64::from(units),
    };
    align(options.alignment, target)
}

/// Whether the last scaling was growth to today's parallelism that brought too little, and growing
/// again is blocked for that.
fn ineffective_before(
    case: VertexCase<'_>,
    options: &Options,
    events: &mut BTreeSet<Event>,
) -> bool {
    let Some((_, last)) = case.history.last_key_value() else {
        return false;
    };
    let reached = f64::from(last.new_parallelism) == case.metrics.parallelism;
    if !reached || last.new_parallelism <= last.current_parallelism {
        return false;
    }
    let gained = case.metrics.true_processing_rate - last.true_processing_rate;
    let expected = last.expected_processing_rate - last.true_processing_rate;
    if gained / expected >= options.effectiveness_threshold {
        return false;
    }
    events.insert(Event::IneffectiveScaling);
    options.effectiveness_detection
}
