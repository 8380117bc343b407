//! Numbers, durations and sizes of a document, held against the ranges that its JSON Schema states: what is outside is refused
//! where it is written, with what may be written there. The schema that editors use and the one that counts here are the same.

use super::error::{ConfigError, positioned};
use crate::quantity::{Cpu, FlinkDuration, Memory};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::fmt;
use yaml_serde::Value as Yaml;

/// Refuses the first value of a YAML text that is outside of the range in `schema`.
pub(super) fn check(file: &str, text: &str, schema: &Value) -> Result<(), ConfigError> {
    let failed = |error: yaml_serde::Error| positioned(file, &error);
    let document: Yaml = yaml_serde::from_str(text).map_err(failed)?;
    Checked {
        schema,
        node: Some(Node::of(schema, schema)),
        value: Some(&document),
    }
    .deserialize(yaml_serde::Deserializer::from_str(text))
    .map_err(failed)
}

/// A place in the schema: what is said there, then what it refers to.
#[derive(Clone)]
struct Node<'s> {
    said: Vec<&'s Value>,
}

/// What a leaf holds.
enum Kind {
    Duration,
    Memory,
    Cpu,
    Integer,
    Number,
    Other,
}

impl<'s> Node<'s> {
    fn of(root: &'s Value, place: &'s Value) -> Node<'s> {
        let mut said = vec![place];
        let mut at = place;
        loop {
            let alternatives = at["anyOf"].as_array().into_iter().flatten();
            let present = alternatives
                .into_iter()
                .find(|alternative| alternative["type"] != "null");
            let target = at["$ref"]
                .as_str()
                .and_then(|to| root.pointer(to.trim_start_matches('#')));
            match present.or(target) {
                Some(next) => {
                    said.push(next);
                    at = next;
                }
                None => return Node { said },
            }
        }
    }

    fn get(&self, keyword: &str) -> Option<&'s Value> {
        self.said.iter().find_map(|said| said.get(keyword))
    }

    fn number(&self, keyword: &str) -> Option<f64> {
        self.get(keyword)?.as_f64()
    }

    fn refers_to(&self, name: &str) -> bool {
        let named = |said: &Value| {
            let to = said["$ref"].as_str();
            to.is_some_and(|to| to.rsplit('/').next() == Some(name))
        };
        self.said.iter().any(|said| named(said))
    }

    fn kind(&self) -> Kind {
        let is = |name: &str| match self.get("type") {
            Some(Value::String(kind)) => kind == name,
            Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == name),
            _ => false,
        };
        if self.refers_to("FlinkDuration") {
            Kind::Duration
        } else if self.refers_to("Memory") {
            Kind::Memory
        } else if self.refers_to("Cpu") {
            Kind::Cpu
        } else if is("integer") {
            Kind::Integer
        } else if is("number") {
            Kind::Number
        } else {
            Kind::Other
        }
    }

    /// The place of a key; of several forms of a mapping the one that has the mapping's `kind`.
    fn property(&self, root: &'s Value, key: &str, mapping: Option<&Yaml>) -> Option<Node<'s>> {
        let kind = mapping.and_then(|mapping| mapping.get("kind")?.as_str());
        let forms = self.get("oneOf").and_then(Value::as_array);
        let form = forms.into_iter().flatten().find(|form| {
            let named = form["properties"]["kind"]["const"].as_str();
            named.is_some() && named == kind
        });
        let own = form.and_then(|form| form["properties"].get(key));
        let place = own
            .or_else(|| self.get("properties")?.get(key))
            .or_else(|| {
                // Keys may be written with either mark between their words.
                self.get("properties")?.get(key.replace('-', "_"))
            })
            .or_else(|| {
                self.get("additionalProperties")
                    .filter(|any| any.is_object())
            })?;
        Some(Node::of(root, place))
    }

    /// What may be written here.
    fn allowed(&self) -> Option<String> {
        match self.kind() {
            Kind::Duration => {
                let least = self.get("shortest").and_then(Value::as_str);
                let most = self.get("longest").and_then(Value::as_str);
                let range = match (least, most) {
                    (Some(least), Some(most)) => format!(" from {least} to {most}"),
                    (Some(least), None) => format!(" of at least {least}"),
                    (None, Some(most)) => format!(" of at most {most}"),
                    (None, None) => String::new(),
                };
                Some(format!(
                    "a duration with its unit{range}, such as `90s`, `10 min` or `72h`"
                ))
            }
            Kind::Memory => Some("a size with its unit, such as `2048m` or `2g`".to_string()),
            Kind::Cpu => Some("cores above 0, such as `0.5`, `2` or `1500m`".to_string()),
            Kind::Integer => Some(format!("a whole number{}", self.range())),
            Kind::Number => Some(format!("a number{}", self.range())),
            Kind::Other => None,
        }
    }

    fn range(&self) -> String {
        let (least, above) = (self.number("minimum"), self.number("exclusiveMinimum"));
        let (most, below) = (self.number("maximum"), self.number("exclusiveMaximum"));
        match (least, above, most, below) {
            (Some(least), None, Some(most), None) => format!(" from {least} to {most}"),
            (Some(least), None, None, None) => format!(" of at least {least}"),
            (least, above, most, below) => {
                let parts = [
                    least.map(|least| format!("at least {least}")),
                    above.map(|above| format!("above {above}")),
                    most.map(|most| format!("at most {most}")),
                    below.map(|below| format!("below {below}")),
                ];
                let parts: Vec<String> = parts.into_iter().flatten().collect();
                if parts.is_empty() {
                    String::new()
                } else {
                    format!(" {}", parts.join(" and "))
                }
            }
        }
    }

    fn refuse(&self, why: &str) -> String {
        match self.allowed() {
            Some(allowed) => format!("{why}: write {allowed}"),
            None => why.to_string(),
        }
    }

    fn check_number(&self, number: f64) -> Result<(), String> {
        let text = number.to_string();
        match self.kind() {
            Kind::Duration | Kind::Memory | Kind::Cpu => return self.check_text(&text),
            Kind::Other => return Ok(()),
            Kind::Integer if number.fract() != 0.0 => {
                return Err(self.refuse(&format!("`{text}` is not a whole number")));
            }
            Kind::Integer | Kind::Number => {}
        }
        let widest = match (self.kind(), self.get("format").and_then(Value::as_str)) {
            (_, Some("uint32")) => f64::from(u32::MAX),
            (Kind::Integer, _) => i64::MAX as f64,
            _ => f64::MAX,
        };
        let outside = !number.is_finite()
            || number > widest
            || self.number("minimum").is_some_and(|least| number < least)
            || self
                .number("exclusiveMinimum")
                .is_some_and(|above| number <= above)
            || self.number("maximum").is_some_and(|most| number > most)
            || self
                .number("exclusiveMaximum")
                .is_some_and(|below| number >= below);
        if outside {
            return Err(self.refuse(&format!("`{text}` is out of range")));
        }
        Ok(())
    }

    fn check_text(&self, text: &str) -> Result<(), String> {
        let text = text.trim();
        let bare = text.parse::<f64>().is_ok();
        match self.kind() {
            Kind::Duration if bare && text != "0" => {
                let meant =
                    format!("`{text}` has no unit (is it `{text}s`, `{text} min` or `{text}h`?)");
                Err(self.refuse(&meant))
            }
            Kind::Duration => self.check_duration(text),
            Kind::Memory if bare => {
                let meant = format!("`{text}` has no unit (is it `{text}m` or `{text}g`?)");
                Err(self.refuse(&meant))
            }
            Kind::Memory => match text.parse::<Memory>() {
                Ok(memory) if memory.bytes() > 0 => Ok(()),
                Ok(_) => Err(self.refuse(&format!("`{text}` is nothing"))),
                Err(_) => Err(self.refuse(&format!("`{text}` is not a size"))),
            },
            Kind::Cpu => match text.parse::<Cpu>() {
                Ok(cpu) if cpu.millicores() > 0 => Ok(()),
                _ => Err(self.refuse(&format!("`{text}` is out of range"))),
            },
            Kind::Integer | Kind::Number => {
                let share = text
                    .strip_suffix('%')
                    .and_then(|share| share.trim().parse::<f64>().ok());
                let meant = match share {
                    Some(share) => format!("`{text}` is not a number (is it `{}`?)", share / 100.0),
                    None => format!("`{text}` is not a number"),
                };
                Err(self.refuse(&meant))
            }
            Kind::Other => Ok(()),
        }
    }

    fn check_duration(&self, text: &str) -> Result<(), String> {
        let Ok(duration) = text.parse::<FlinkDuration>() else {
            return Err(self.refuse(&format!("`{text}` is not a duration")));
        };
        let limit =
            |keyword: &str| -> Option<FlinkDuration> { self.get(keyword)?.as_str()?.parse().ok() };
        if limit("shortest").is_some_and(|least| duration < least) {
            return Err(self.refuse(&format!("`{text}` is too short")));
        }
        if limit("longest").is_some_and(|most| duration > most) {
            return Err(self.refuse(&format!("`{text}` is too long")));
        }
        Ok(())
    }
}

/// A place of the document, read only to be held against the schema.
struct Checked<'s, 'v> {
    schema: &'s Value,
    node: Option<Node<'s>>,
    value: Option<&'v Yaml>,
}

impl Checked<'_, '_> {
    fn held<E: Error>(&self, check: impl Fn(&Node<'_>) -> Result<(), String>) -> Result<(), E> {
        match &self.node {
            Some(node) => check(node).map_err(E::custom),
            None => Ok(()),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Checked<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Checked<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let allowed = self.node.as_ref().and_then(Node::allowed);
        f.write_str(allowed.as_deref().unwrap_or("a value without a tag"))
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<(), E> {
        self.held(|node| match node.kind() {
            Kind::Other => Ok(()),
            _ => Err(node.refuse(&format!("`{flag}` is not a number"))),
        })
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<(), E> {
        self.held(|node| node.check_number(number as f64))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        self.held(|node| node.check_number(number as f64))
    }

    fn visit_i128<E: Error>(self, number: i128) -> Result<(), E> {
        self.held(|node| node.check_number(number as f64))
    }

    fn visit_u128<E: Error>(self, number: u128) -> Result<(), E> {
        self.held(|node| node.check_number(number as f64))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<(), E> {
        self.held(|node| node.check_number(number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.held(|node| node.check_text(text))
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_none<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let mut at = 0;
        loop {
            let node = self.node.as_ref().and_then(|node| node.get("items"));
            let item = Checked {
                schema: self.schema,
                node: node.map(|items| Node::of(self.schema, items)),
                value: self.value.and_then(|value| value.get(at)),
            };
            if items.next_element_seed(item)?.is_none() {
                return Ok(());
            }
            at += 1;
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        while let Some(key) = entries.next_key::<String>()? {
            let node = self.node.as_ref();
            entries.next_value_seed(Checked {
                schema: self.schema,
                node: node.and_then(|node| node.property(self.schema, &key, self.value)),
                value: self.value.and_then(|value| value.get(key.as_str())),
            })?;
        }
        Ok(())
    }
}
