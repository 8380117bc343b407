//! Where in a YAML text a value is written.

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// Line and column, from 1, of the value at a path such as `clusters[0].jobs[2].rest`, or of the nearest that is written above it.
pub(super) fn place(text: &str, path: &str) -> Option<(usize, usize)> {
    let steps: Vec<Step> = steps(path);
    (0..=steps.len()).rev().find_map(|depth| {
        let seek = Seek {
            steps: &steps[..depth],
        };
        let error = seek
            .deserialize(yaml_serde::Deserializer::from_str(text))
            .err()?;
        let location = error.location()?;
        error
            .to_string()
            .contains(FOUND)
            .then(|| (location.line(), location.column()))
    })
}

const FOUND: &str = "the value that is looked for";

#[derive(Debug, PartialEq)]
enum Step {
    Key(String),
    Item(usize),
}

fn steps(path: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    for part in path.split('.').filter(|part| !part.is_empty()) {
        let (key, items) = part.split_once('[').unwrap_or((part, ""));
        steps.push(Step::Key(key.to_string()));
        let items = items.split(['[', ']']).filter_map(|item| item.parse().ok());
        steps.extend(items.map(Step::Item));
    }
    steps
}

struct Seek<'a> {
    steps: &'a [Step],
}

impl<'de> DeserializeSeed<'de> for Seek<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seek<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.steps.is_empty() {
            FOUND
        } else {
            "a mapping or a list"
        })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let Some((Step::Item(wanted), rest)) = self.steps.split_first() else {
            return Err(A::Error::custom(FOUND));
        };
        for _ in 0..*wanted {
            items.next_element::<IgnoredAny>()?;
        }
        items.next_element_seed(Seek { steps: rest }).map(drop)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let Some((Step::Key(wanted), rest)) = self.steps.split_first() else {
            return Err(A::Error::custom(FOUND));
        };
        while let Some(key) = entries.next_key::<String>()? {
            if key == *wanted || key.replace('-', "_") == *wanted {
                return entries.next_value_seed(Seek { steps: rest });
            }
            entries.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_where_it_is_written() {
        let text = "mode: report\nclusters:\n- name: a\n- name: b\n  jobs:\n  - {name: j, rest: nowhere}\nplan: {group: job}\n";
        for (path, found) in [
            ("mode", (1, 7)),
            ("clusters[1].name", (4, 9)),
            ("clusters[1].jobs[0].rest", (6, 21)),
            ("clusters[1].jobs[0].slo.lag", (6, 5)),
            ("plan.group", (7, 15)),
            ("plan.open", (7, 7)),
        ] {
            assert_eq!(place(text, path), Some(found), "{path}");
        }
    }
}
