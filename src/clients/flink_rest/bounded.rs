//! Documents of servers that may be anybody: no more is read, and no more is made of it, than a JobManager's answer needs.

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::cell::Cell;
use std::fmt;

/// What a value costs in memory, about: itself, and the room of the mapping or list that holds it, bytes.
const A_VALUE: usize = 64;
/// What a mapping costs before anything is in it, bytes.
const A_MAPPING: usize = 640;

/// How much of an answer is read, and how much memory its document may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limit {
    pub(super) body: usize,
    pub(super) document: usize,
}

/// The limit of an endpoint. Lists of metric names are the longest: a name for each metric of each subtask. A document takes some ten times its
/// text.
pub(super) fn limit_of(path_and_query: &str) -> Limit {
    let mib = |body: usize, document: usize| Limit {
        body: body << 20,
        document: document << 20,
    };
    let path = path_and_query.split('?').next().unwrap_or_default();
    let is_list = path == path_and_query && path.ends_with("/metrics");
    if is_list {
        mib(16, 96)
    } else if path.contains("/vertices/") || path.starts_with("/taskmanagers") {
        mib(8, 32)
    } else if path.starts_with("/jobs") {
        mib(4, 32)
    } else {
        mib(2, 8)
    }
}

/// The document, made as it is read; one that would take more than so many bytes of memory is refused while it is read.
pub(super) fn parse(body: &[u8], most: usize) -> Result<Value, serde_json::Error> {
    let left = Cell::new(most);
    let mut reader = serde_json::Deserializer::from_slice(body);
    let value = Within { left: &left }.deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

#[derive(Clone, Copy)]
struct Within<'a> {
    left: &'a Cell<usize>,
}

impl Within<'_> {
    fn take<E: Error>(self, bytes: usize) -> Result<(), E> {
        match self.left.get().checked_sub(bytes) {
            Some(left) => {
                self.left.set(left);
                Ok(())
            }
            None => Err(E::custom("it holds more values than are read")),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Within<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        self.take(A_VALUE)?;
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Within<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        self.take(value.len())?;
        Ok(Value::String(value.to_owned()))
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        self.take(A_MAPPING)?;
        let mut map = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            self.take(key.len())?;
            let value = entries.next_value_seed(self)?;
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_what_serde_json_makes_of_them() {
        for text in [
            r#"{"a": [1, -2, 3.5, 1e300, true, null, "x\u00e9"], "b": {"c": {}}, "a2": []}"#,
            "[]",
            "\"x\"",
            " 3 ",
        ] {
            let whole: Value = serde_json::from_str(text).unwrap();
            assert_eq!(parse(text.as_bytes(), 1 << 20).unwrap(), whole);
        }
        for text in ["", "{", "[1,]", "{} x", "\u{0}", "NaN"] {
            assert!(parse(text.as_bytes(), 1 << 20).is_err(), "{text:?}");
        }
        let deep = "[".repeat(100_000);
        assert!(parse(deep.as_bytes(), 1 << 30).is_err());
    }

    #[test]
    fn what_would_fill_the_memory_is_refused_while_it_is_read() {
        let zeros = format!("[{}0]", "0,".repeat(1 << 20));
        let empty = format!("[{}{{}}]", "{},".repeat(1 << 18));
        let long = format!("\"{}\"", "x".repeat(1 << 20));
        for text in [zeros, empty, long] {
            let error = parse(text.as_bytes(), 1 << 19).unwrap_err().to_string();
            assert!(error.contains("more values"), "{error}");
        }
    }
}
