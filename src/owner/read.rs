//! Metadata of a job's object → what its owner says.

use super::annotation::{Annotation, Key, PREFIX, key};
use super::date::moment_ms;
use super::mode::Mode;
use super::unreadable::Unreadable;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// What a job's owner says on the job. What is absent is not said.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Owner {
    /// What may be done with the job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// Why. Foreign text: escape it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How critical the job is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<String>,
    /// Who is asked about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Until when nothing is proposed, Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold_until_ms: Option<i64>,
    /// The evaluators that are asked about it, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evaluators: Vec<String>,
    /// The collectors that are asked about it, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub collectors: Vec<String>,
    /// Who carries its changes out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub realizer: Option<String>,
    /// What is not understood. As long as there is any, nothing of the job is changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<Unreadable>,
}

/// The names that annotations may choose from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Offered {
    /// Evaluators.
    pub evaluators: BTreeSet<String>,
    /// Collectors.
    pub collectors: BTreeSet<String>,
    /// Realizers.
    pub realizers: BTreeSet<String>,
}

impl Owner {
    /// Reads the `metadata` of an object: its annotations, and labels of ours, which count like annotations.
    ///
    /// Values are read without regard to case and surrounding blanks. Labels and annotations that contradict each other, keys that
    /// are mistyped and values that are not understood are [`unreadable`](Owner::unreadable).
    pub fn read(metadata: &Value) -> Owner {
        let mut owner = Owner::default();
        let mut said: BTreeMap<Annotation, &Value> = BTreeMap::new();
        for field in ["annotations", "labels"] {
            match &metadata[field] {
                Value::Null => {}
                Value::Object(entries) => {
                    for (text, value) in entries {
                        match key(text) {
                            Key::Foreign => {}
                            Key::Mistyped(meant) => owner.mistyped(text, value, meant),
                            Key::Ours(annotation) => {
                                let before = said.insert(annotation, value);
                                if before.is_some_and(|before| !same(before, value)) {
                                    let allowed =
                                        "the label and the annotation differ: keep one of them";
                                    let word = text_of(value);
                                    owner.unreadable.push(Unreadable::new(text, &word, allowed));
                                }
                            }
                        }
                    }
                }
                other => {
                    let allowed =
                        format!("write a mapping of keys to texts under metadata.{field}");
                    owner.unreadable.push(Unreadable::new(
                        &format!("metadata.{field}"),
                        &text_of(other),
                        allowed,
                    ));
                }
            }
        }
        for (annotation, value) in said {
            owner.hear(annotation, value);
        }
        owner
    }

    /// Reads annotations and labels that are texts already, as those of a live resource.
    pub fn of_texts(
        annotations: &BTreeMap<String, String>,
        labels: &BTreeMap<String, String>,
    ) -> Owner {
        Owner::read(&json!({ "annotations": annotations, "labels": labels }))
    }

    /// What the owner says in two places, such as the manifest and the cluster's resource: of each the stricter word. Names and
    /// words that restrict nothing are those of the first place that has them.
    pub fn and(self, other: Owner) -> Owner {
        let (mode, reason) = match (self.mode, other.mode) {
            (Some(mine), Some(theirs)) if theirs < mine => (other.mode, other.reason),
            (Some(_), _) => (self.mode, self.reason),
            (None, _) => (other.mode, other.reason.or(self.reason)),
        };
        let mut unreadable = self.unreadable;
        for more in other.unreadable {
            if !unreadable.contains(&more) {
                unreadable.push(more);
            }
        }
        let either = |mine: Vec<String>, theirs| if mine.is_empty() { theirs } else { mine };
        Owner {
            mode,
            reason,
            tier: self.tier.or(other.tier),
            owner: self.owner.or(other.owner),
            hold_until_ms: self.hold_until_ms.max(other.hold_until_ms),
            evaluators: either(self.evaluators, other.evaluators),
            collectors: either(self.collectors, other.collectors),
            realizer: self.realizer.or(other.realizer),
            unreadable,
        }
    }

    /// The same, with names that are not offered among what is not understood. Names are found without regard to case, and are
    /// then written as they are offered.
    pub fn choosing_from(mut self, offered: &Offered) -> Owner {
        let mut unknown = Vec::new();
        let mut found = |annotation: Annotation, name: &String, names: &BTreeSet<String>| {
            let known = names.get(name).or_else(|| {
                let same = |known: &&String| known.eq_ignore_ascii_case(name);
                names.iter().find(same)
            });
            if known.is_none() {
                unknown.push(Unreadable::new(&annotation.key(), name, choice(names)));
            }
            known.cloned()
        };
        let evaluators = &offered.evaluators;
        let collectors = &offered.collectors;
        self.evaluators = self
            .evaluators
            .iter()
            .filter_map(|name| found(Annotation::Evaluator, name, evaluators))
            .collect();
        self.collectors = self
            .collectors
            .iter()
            .filter_map(|name| found(Annotation::Collector, name, collectors))
            .collect();
        self.realizer = self
            .realizer
            .as_ref()
            .and_then(|name| found(Annotation::Realizer, name, &offered.realizers));
        self.unreadable.extend(unknown);
        self
    }

    /// What may be done with the job, where the configuration's mode for all jobs is `fleet`. A word that is not understood allows
    /// no more than a report, and nothing is opened where the configuration ignores all jobs.
    pub fn mode(&self, fleet: Mode) -> Mode {
        let mode = match (self.mode, fleet) {
            (Some(Mode::Propose), Mode::Ignore) => Mode::Ignore,
            (Some(own), _) => own,
            (None, fleet) => fleet,
        };
        if self.unreadable.is_empty() {
            mode
        } else {
            mode.min(Mode::Report)
        }
    }

    /// Why nothing may be opened about the job whatever the configuration says, one sentence; none where the owner allows it.
    pub fn bars(&self) -> Option<String> {
        if let Some(sentence) = self.not_understood() {
            return Some(sentence);
        }
        let mode = self.mode.filter(|mode| *mode < Mode::Propose)?;
        let reason = self
            .reason
            .as_ref()
            .map_or_else(String::new, |reason| format!(" ({reason})"));
        Some(format!(
            "the annotation {} is `{mode}`{reason}",
            Annotation::Mode.key()
        ))
    }

    /// What is not understood, in one sentence; may hold foreign text.
    pub fn not_understood(&self) -> Option<String> {
        let sentences: Vec<String> = self.unreadable.iter().map(ToString::to_string).collect();
        (!sentences.is_empty()).then(|| sentences.join("; "))
    }

    fn mistyped(&mut self, text: &str, value: &Value, meant: Option<Annotation>) {
        let allowed = match meant {
            Some(meant) => format!("no such key; did you mean {}?", meant.key()),
            None => {
                let keys: Vec<&str> = Annotation::ALL.iter().map(|known| known.as_str()).collect();
                format!(
                    "no such key; the keys are {PREFIX}/ and one of {}",
                    keys.join(", ")
                )
            }
        };
        self.unreadable
            .push(Unreadable::new(text, &text_of(value), allowed));
    }

    fn hear(&mut self, annotation: Annotation, value: &Value) {
        let text = match value {
            Value::String(text) => text.trim().to_string(),
            // Kubernetes takes texts only; a number that is a name is one all the same.
            Value::Number(number) => number.to_string(),
            other => {
                return self.refuse(annotation, other, "write a text, in quotes");
            }
        };
        if text.is_empty() {
            let allowed = format!("write {}, or take the annotation away", wanted(annotation));
            return self.refuse(annotation, value, &allowed);
        }
        let names = || -> Vec<String> {
            let names = text.split(',').map(|name| name.trim().to_string());
            names.filter(|name| !name.is_empty()).collect()
        };
        match annotation {
            Annotation::Mode => match text.to_ascii_lowercase().parse() {
                Ok(mode) => self.mode = Some(mode),
                Err(_) => self.refuse(annotation, value, &format!("write {}", wanted(annotation))),
            },
            Annotation::HoldUntil => match moment_ms(&text) {
                Some(ms) => self.hold_until_ms = Some(ms),
                None => self.refuse(annotation, value, &format!("write {}", wanted(annotation))),
            },
            Annotation::Evaluator | Annotation::Collector if names().is_empty() => {
                self.refuse(annotation, value, &format!("write {}", wanted(annotation)));
            }
            Annotation::Evaluator => self.evaluators = names(),
            Annotation::Collector => self.collectors = names(),
            Annotation::Realizer => self.realizer = Some(text),
            Annotation::Reason => self.reason = Some(text),
            Annotation::Tier => self.tier = Some(text),
            Annotation::Owner => self.owner = Some(text),
        }
    }

    fn refuse(&mut self, annotation: Annotation, value: &Value, allowed: &str) {
        let refused = Unreadable::new(&annotation.key(), &text_of(value), allowed);
        if !self.unreadable.contains(&refused) {
            self.unreadable.push(refused);
        }
    }
}

/// What may be written as the value of an annotation.
fn wanted(annotation: Annotation) -> &'static str {
    match annotation {
        Annotation::Mode => "`ignore`, `report` or `propose`",
        Annotation::HoldUntil => {
            "a date such as `2026-12-01`, or a time with its offset such as `2026-12-01T08:00:00Z`"
        }
        Annotation::Evaluator => "names of evaluators, separated by commas",
        Annotation::Collector => "names of collectors, separated by commas",
        Annotation::Realizer => "the name of a realizer",
        Annotation::Reason | Annotation::Tier | Annotation::Owner => "a text",
    }
}

fn choice(names: &BTreeSet<String>) -> String {
    if names.is_empty() {
        return "no plug-in of that kind is configured: add it to plugins, or take the name away"
            .to_string();
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    format!(
        "no such plug-in: write one of {}, or add it to plugins",
        names.join(", ")
    )
}

/// Whether two values say the same, case and surrounding blanks aside.
fn same(one: &Value, other: &Value) -> bool {
    let plain = |value: &Value| text_of(value).trim().to_lowercase();
    plain(one) == plain(other)
}

fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
