//! Lenient reading of Flink's JSON into types: absent, null, `"NaN"`, negative and out of range are all absent, and so is a value of another
//! kind than the one that is meant. What no field asks for is skipped while it is read, and never kept.

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

/// A number, also when it is written as text (`/metrics` writes all values so).
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) enum Number {
    #[default]
    Absent,
    /// A whole number that is not negative, exactly.
    Whole(u64),
    /// Any other finite number.
    Real(f64),
}

impl Number {
    /// A finite number.
    pub(super) fn number(self) -> Option<f64> {
        match self {
            Number::Absent => None,
            Number::Whole(number) => Some(kept(number as f64)),
            Number::Real(number) => Some(kept(number)),
        }
    }

    /// A finite number that is not negative.
    pub(super) fn amount(self) -> Option<f64> {
        self.number().filter(|number| *number >= 0.0)
    }

    /// A whole number that is not negative; Flink says -1 where it knows none.
    pub(super) fn count(self) -> Option<u64> {
        if let Number::Whole(whole) = self {
            return Some(whole);
        }
        let number = self.amount()?;
        // CPU time in nanoseconds stays below 2^63 for three centuries.
        (number <= 9.0e18).then_some(number as u64)
    }

    /// A count that fits 32 bits.
    pub(super) fn small_count(self) -> Option<u32> {
        u32::try_from(self.count()?).ok()
    }

    /// A time in Unix milliseconds; Flink says 0 or -1 for never.
    pub(super) fn time_ms(self) -> Option<i64> {
        let number = self.amount()?;
        (number > 0.0 && number < 9.0e15).then_some(number as i64)
    }
}

/// A number as snapshots keep it: whole ones exactly, fractions to seven digits. More is noise, and would not be read back from
/// JSON to the last bit.
pub(super) fn kept(number: f64) -> f64 {
    if number.fract() == 0.0 || !number.is_finite() {
        return number;
    }
    format!("{number:.6e}").parse().unwrap_or(number)
}

/// A text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Text(Option<String>);

impl Text {
    /// The text, also an empty one.
    pub(super) fn as_str(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// A text that is not empty.
    pub(super) fn text(&self) -> Option<String> {
        self.0.clone().filter(|text| !text.is_empty())
    }

    /// Whether it is this one.
    pub(super) fn is(&self, text: &str) -> bool {
        self.as_str() == Some(text)
    }
}

/// Yes or no.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Flag(pub(super) Option<bool>);

/// An object's fields; all of them absent where there is no object.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Object<T> {
    fields: T,
    given: bool,
}

impl<T> Object<T> {
    /// Whether there is an object at all.
    pub(super) fn is_given(&self) -> bool {
        self.given
    }
}

impl<T> Deref for Object<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.fields
    }
}

/// The first `MOST` elements of a list; the others are counted, and not kept.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct List<T, const MOST: usize> {
    items: Vec<T>,
    more: usize,
    given: bool,
}

impl<T, const MOST: usize> List<T, MOST> {
    /// Whether there is a list at all.
    pub(super) fn is_given(&self) -> bool {
        self.given
    }

    /// Elements beyond the `MOST` that are kept.
    pub(super) fn more(&self) -> usize {
        self.more
    }
}

impl<T, const MOST: usize> Default for List<T, MOST> {
    fn default() -> Self {
        List {
            items: Vec::new(),
            more: 0,
            given: false,
        }
    }
}

impl<T, const MOST: usize> Deref for List<T, MOST> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.items
    }
}

/// Takes whatever value comes: each kind that is not meant becomes the type's default.
struct Lenient<T>(PhantomData<T>);

/// What a type makes of each kind of JSON value.
trait Taken: Default {
    fn of_flag(_: bool) -> Self {
        Self::default()
    }
    fn of_number(_: Number) -> Self {
        Self::default()
    }
    fn of_text(_: &str) -> Self {
        Self::default()
    }
    fn of_list<'de, A: SeqAccess<'de>>(mut items: A) -> Result<Self, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Self::default())
    }
    fn of_object<'de, A: MapAccess<'de>>(mut entries: A) -> Result<Self, A::Error> {
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Self::default())
    }
}

impl<'de, T: Taken> Visitor<'de> for Lenient<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<T, E> {
        Ok(T::of_flag(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<T, E> {
        Ok(T::of_number(match u64::try_from(value) {
            Ok(whole) => Number::Whole(whole),
            Err(_) => Number::Real(value as f64),
        }))
    }

    fn visit_u64<E>(self, value: u64) -> Result<T, E> {
        Ok(T::of_number(Number::Whole(value)))
    }

    fn visit_f64<E>(self, value: f64) -> Result<T, E> {
        Ok(T::of_number(real(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<T, E> {
        Ok(T::of_text(value))
    }

    fn visit_unit<E>(self) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_none<E>(self) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<T, A::Error> {
        T::of_list(items)
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<T, A::Error> {
        T::of_object(entries)
    }
}

fn real(value: f64) -> Number {
    if value.is_finite() {
        Number::Real(value)
    } else {
        Number::Absent
    }
}

impl Taken for Number {
    fn of_number(number: Number) -> Self {
        number
    }

    fn of_text(text: &str) -> Self {
        text.trim().parse().map_or(Number::Absent, real)
    }
}

impl Taken for Text {
    fn of_text(text: &str) -> Self {
        Text(Some(text.to_owned()))
    }
}

impl Taken for Flag {
    fn of_flag(value: bool) -> Self {
        Flag(Some(value))
    }
}

impl<T: Default + for<'de> Deserialize<'de>> Taken for Object<T> {
    fn of_object<'de, A: MapAccess<'de>>(entries: A) -> Result<Self, A::Error> {
        Ok(Object {
            fields: T::deserialize(MapAccessDeserializer::new(entries))?,
            given: true,
        })
    }
}

impl<T: for<'de> Deserialize<'de>, const MOST: usize> Taken for List<T, MOST> {
    fn of_list<'de, A: SeqAccess<'de>>(mut list: A) -> Result<Self, A::Error> {
        let mut items = Vec::new();
        while items.len() < MOST {
            match list.next_element()? {
                Some(item) => items.push(item),
                None => break,
            }
        }
        let mut more = 0;
        while list.next_element::<IgnoredAny>()?.is_some() {
            more += 1;
        }
        Ok(List {
            items,
            more,
            given: true,
        })
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        reader.deserialize_any(Lenient(PhantomData))
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        reader.deserialize_any(Lenient(PhantomData))
    }
}

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        reader.deserialize_any(Lenient(PhantomData))
    }
}

impl<'de, T: Default + for<'any> Deserialize<'any>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        reader.deserialize_any(Lenient(PhantomData))
    }
}

impl<'de, T: for<'any> Deserialize<'any>, const MOST: usize> Deserialize<'de> for List<T, MOST> {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        reader.deserialize_any(Lenient(PhantomData))
    }
}

/// Something that may be written into an answer as a document of its own, or as a text that holds one.
pub(super) fn unwrapped<'de, D, T>(reader: D) -> Result<Object<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Default + for<'any> Deserialize<'any>,
{
    reader
        .deserialize_any(Lenient::<Wrapped<T>>(PhantomData))
        .map(|wrapped| wrapped.0)
}

struct Wrapped<T>(Object<T>);

impl<T: Default> Default for Wrapped<T> {
    fn default() -> Self {
        Wrapped(Object {
            fields: T::default(),
            given: false,
        })
    }
}

impl<T: Default + for<'de> Deserialize<'de>> Taken for Wrapped<T> {
    fn of_text(text: &str) -> Self {
        serde_json::from_str(text).map_or_else(|_| Self::default(), Wrapped)
    }

    fn of_object<'de, A: MapAccess<'de>>(entries: A) -> Result<Self, A::Error> {
        Object::of_object(entries).map(Wrapped)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn what_is_no_number_is_absent() {
        for odd in [
            "null",
            "\"NaN\"",
            "\"Infinity\"",
            "\"x\"",
            "[1]",
            "{\"a\": 1}",
            "true",
        ] {
            assert_eq!(number(odd).number(), None, "{odd}");
        }
        assert_eq!(number("\"1.5\"").number(), Some(1.5));
        assert_eq!(number("-2").number(), Some(-2.0));
    }

    #[test]
    fn negative_counts_are_absent() {
        assert_eq!(number("-1").count(), None);
        assert_eq!(number("\"-1\"").count(), None);
        assert_eq!(number("1e300").count(), None);
        assert_eq!(number("\"200010000000\"").count(), Some(200_010_000_000));
        assert_eq!(number("18446744073709551615").count(), Some(u64::MAX));
        assert_eq!(number("0").time_ms(), None);
        assert_eq!(number("5000000000").small_count(), None);
    }

    #[derive(Debug, Default, Deserialize)]
    #[serde(default)]
    struct Pair {
        name: Text,
        flag: Flag,
        inner: Object<Inner>,
        items: List<Object<Inner>, 2>,
    }

    #[derive(Debug, Default, Deserialize)]
    #[serde(default)]
    struct Inner {
        count: Number,
    }

    #[test]
    fn a_value_of_another_kind_is_absent_and_the_rest_is_read() {
        for odd in ["[]", "3", "\"x\"", "null", "false"] {
            let read: Object<Pair> = serde_json::from_str(odd).unwrap();
            assert!(!read.is_given(), "{odd}");
            let text = format!(
                r#"{{"inner": {odd}, "items": {{"a": 1}}, "name": 1, "flag": "yes", "x": [[{odd}]]}}"#
            );
            let read: Object<Pair> = serde_json::from_str(&text).unwrap();
            assert!(read.is_given() && !read.inner.is_given() && !read.items.is_given());
            assert_eq!((read.name.text(), read.flag.0), (None, None));
        }
        let read: Object<Pair> = serde_json::from_str(
            r#"{"inner": {"count": 4}, "items": [{"count": 1}, 7, {"count": 3}, {}], "name": "n", "flag": false}"#,
        )
        .unwrap();
        assert_eq!(read.inner.count.count(), Some(4));
        let counts: Vec<Option<u64>> = read.items.iter().map(|item| item.count.count()).collect();
        assert_eq!((counts, read.items.more()), (vec![Some(1), None], 2));
        assert_eq!(
            (read.name.text(), read.flag.0),
            (Some("n".into()), Some(false))
        );
    }
}
