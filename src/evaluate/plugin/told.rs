//! What plug-in evaluators said of one job, checked, and put in place of what was estimated.

use super::{EvaluateAnswer, LARGEST};
use crate::evaluate::{Demand, DemandBasis, VertexCapacity};
use crate::snapshot::Gap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Gaps that one plug-in causes at most in one answer.
pub(super) const MOST_GAPS: usize = 10;
/// Characters of a plug-in's sentence that are kept.
const MOST_CHARACTERS: usize = 300;
/// The largest standard deviation of a logarithm that still says something: a factor of 20.
const WIDEST: f64 = 3.0;

/// A value that a plug-in may replace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Value {
    /// The load to carry, records/s.
    Load,
    /// The load with headroom for catching up, records/s.
    Required,
    /// True processing rate of a vertex, records/s.
    TrueRate,
    /// How well that is known: sd of its logarithm.
    SdLn,
    /// Rate that a vertex must carry, records/s.
    Target,
}

impl Value {
    fn name(self) -> &'static str {
        match self {
            Value::Load => "load",
            Value::Required => "required rate",
            Value::TrueRate => "true rate",
            Value::SdLn => "uncertainty of the true rate",
            Value::Target => "target",
        }
    }
}

/// One value that a plug-in replaced.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Replacement {
    /// The plug-in.
    pub plugin: String,
    /// Of which vertex, by id; absent for the whole job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vertex: Option<String>,
    /// Which value.
    pub value: Value,
    /// What it was.
    pub before: f64,
    /// What it became.
    pub after: f64,
}

/// A plug-in's sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Said {
    /// The plug-in.
    pub plugin: String,
    /// The sentence: foreign text.
    pub message: String,
}

/// All that the plug-in evaluators of one job said, in the order in which they were asked.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Told {
    /// Values that they replaced.
    #[serde(default)]
    pub replacements: Vec<Replacement>,
    /// Their sentences.
    #[serde(default)]
    pub said: Vec<Said>,
    /// What failed or was refused, each with the plug-in's name.
    #[serde(default)]
    pub gaps: Vec<Gap>,
}

impl Told {
    /// Whether nothing was said and nothing failed.
    pub fn is_empty(&self) -> bool {
        self.replacements.is_empty() && self.said.is_empty() && self.gaps.is_empty()
    }

    /// A plug-in that could not be asked, or gave no answer that can be used.
    pub fn failed(&mut self, plugin: &str, reason: impl Into<String>) {
        self.gaps
            .push(Gap::new(format!("evaluator {plugin}"), reason));
    }

    /// Takes an answer in: each value is checked and put in place of the estimate so far, or refused as a gap.
    pub fn hear(
        &mut self,
        plugin: &str,
        answer: &EvaluateAnswer,
        demand: &mut Demand,
        capacities: &mut [VertexCapacity],
    ) {
        let mut values = vec![
            (None, Value::Load, answer.demand.load_per_second),
            (None, Value::Required, answer.demand.required_per_second),
        ];
        for (id, vertex) in &answer.vertices {
            let id = Some(id.as_str());
            values.extend([
                (id, Value::TrueRate, vertex.true_rate_per_second),
                (id, Value::SdLn, vertex.sd_ln),
                (id, Value::Target, vertex.required_per_second),
            ]);
        }
        let mut refused = 0;
        for (vertex, value, after) in values {
            let Some(after) = after else { continue };
            let replaced = before(vertex, value, demand, capacities)
                .and_then(|before| sane(value, after, demand).map(|()| before));
            match replaced {
                Ok(before) => {
                    let replacement = Replacement {
                        plugin: plugin.to_owned(),
                        vertex: vertex.map(str::to_owned),
                        value,
                        before,
                        after,
                    };
                    replacement.apply(demand, capacities);
                    self.replacements.push(replacement);
                }
                Err(reason) => {
                    refused += 1;
                    if refused <= MOST_GAPS {
                        let of = vertex.map_or_else(String::new, |id| {
                            format!(" of vertex {}", id.chars().take(64).collect::<String>())
                        });
                        let what = format!("{}{of} by evaluator {plugin}", value.name());
                        self.gaps.push(Gap::new(what, reason));
                    }
                }
            }
        }
        if refused > MOST_GAPS {
            let more = format!("{} more of its values were refused", refused - MOST_GAPS);
            self.failed(plugin, more);
        }
        if let Some(message) = &answer.message {
            self.said.push(Said {
                plugin: plugin.to_owned(),
                message: message.chars().take(MOST_CHARACTERS).collect(),
            });
        }
    }

    /// Whether what a vertex carries, or must carry, was replaced.
    pub fn names_capacity(&self) -> bool {
        let of_a_vertex = |replacement: &Replacement| replacement.vertex.is_some();
        self.replacements.iter().any(of_a_vertex)
    }

    /// Puts everything that was said in place again, over the same estimate.
    pub fn apply(&self, demand: &mut Demand, capacities: &mut [VertexCapacity]) {
        for replacement in &self.replacements {
            replacement.apply(demand, capacities);
        }
    }

    /// A name and a line for each replaced value and each sentence.
    pub fn lines(&self, capacities: &[VertexCapacity]) -> Vec<(String, String)> {
        let replaced = self.replacements.iter().map(|replacement| {
            let of = replacement.vertex.as_ref().map_or_else(String::new, |id| {
                let known = capacities.iter().find(|vertex| vertex.id == *id);
                format!(" of {}", known.map_or(id, |vertex| &vertex.name))
            });
            let unit = if replacement.value == Value::SdLn {
                ""
            } else {
                " records/s"
            };
            (
                format!(
                    "{}{of} by plug-in {}",
                    replacement.value.name(),
                    replacement.plugin
                ),
                format!(
                    "{} in place of {}{unit}",
                    short(replacement.after),
                    short(replacement.before)
                ),
            )
        });
        let said = self
            .said
            .iter()
            .map(|said| (format!("plug-in {}", said.plugin), said.message.clone()));
        replaced.chain(said).collect()
    }
}

impl Replacement {
    fn apply(&self, demand: &mut Demand, capacities: &mut [VertexCapacity]) {
        let spread = |demand: &Demand, capacities: &mut [VertexCapacity]| {
            for vertex in capacities {
                vertex.required_per_second =
                    demand.required_per_second * vertex.records_per_source_record;
            }
        };
        let own = |vertex: &&mut VertexCapacity| Some(&vertex.id) == self.vertex.as_ref();
        match self.value {
            Value::Load => {
                let factor = self.after / demand.load_per_second;
                if factor.is_finite() {
                    demand
                        .by_source
                        .values_mut()
                        .for_each(|rate| *rate *= factor);
                }
                demand.basis = DemandBasis::Plugin;
                demand.load_per_second = self.after;
                // What a plug-in says arrives counts as what arrives: a job that does not carry it is short.
                demand.held_per_second = demand.held_per_second.max(self.after);
                demand.required_per_second = (self.after * (1.0 + demand.restart_headroom))
                    .max(self.after + demand.backlog_per_second);
                spread(demand, capacities);
            }
            Value::Required => {
                demand.required_per_second = self.after;
                let without_headroom = self.after / (1.0 + demand.restart_headroom.max(0.0));
                demand.held_per_second = demand.held_per_second.max(without_headroom);
                spread(demand, capacities);
            }
            Value::TrueRate => {
                if let Some(vertex) = capacities.iter_mut().find(own) {
                    vertex.true_rate_per_second = self.after;
                    // The two readings that contradicted each other are both replaced.
                    vertex.disagree = false;
                }
            }
            Value::SdLn => {
                if let Some(vertex) = capacities.iter_mut().find(own) {
                    vertex.sd_ln = self.after;
                }
            }
            Value::Target => {
                if let Some(vertex) = capacities.iter_mut().find(own) {
                    vertex.required_per_second = self.after;
                    vertex.records_per_source_record = self.after / demand.required_per_second;
                }
            }
        }
    }
}

/// The value that stands there now; why it can't be replaced otherwise.
fn before(
    vertex: Option<&str>,
    value: Value,
    demand: &Demand,
    capacities: &[VertexCapacity],
) -> Result<f64, String> {
    let of = |get: fn(&VertexCapacity) -> f64| {
        capacities
            .iter()
            .find(|known| Some(known.id.as_str()) == vertex)
            .map(get)
            .ok_or_else(|| "no vertex of this id was measured".to_owned())
    };
    match value {
        Value::Load => Ok(demand.load_per_second),
        Value::Required => Ok(demand.required_per_second),
        Value::TrueRate => of(|vertex| vertex.true_rate_per_second),
        Value::SdLn => of(|vertex| vertex.sd_ln),
        Value::Target => of(|vertex| vertex.required_per_second),
    }
}

fn sane(value: Value, after: f64, demand: &Demand) -> Result<(), String> {
    let most = if value == Value::SdLn {
        WIDEST
    } else {
        LARGEST
    };
    if !after.is_finite() || after <= 0.0 || after > most {
        return Err(format!("{after} is not above 0 and at most {most:e}"));
    }
    if value == Value::Required && after < demand.load_per_second {
        return Err(format!(
            "{} is below the load of {} records/s",
            short(after),
            short(demand.load_per_second)
        ));
    }
    let required = demand.required_per_second;
    if value == Value::Target && !(required.is_finite() && required > 0.0) {
        return Err("the job's required rate is not above 0".to_owned());
    }
    Ok(())
}

/// A number with four digits that count, without zeros at its end: `41200`, `0.125`, `1.5`.
fn short(number: f64) -> String {
    if !(number.is_finite() && number != 0.0) {
        return number.to_string();
    }
    let before_the_point = number.abs().log10().floor() + 1.0;
    let places = (4.0 - before_the_point).clamp(0.0, 12.0) as usize;
    let text = format!("{number:.places$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}
