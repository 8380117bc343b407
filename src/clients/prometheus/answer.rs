//! A store's answer, read series by series: none of it is kept but what the reader of the series keeps.

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

/// Labels of a series.
pub type Labels = BTreeMap<String, String>;

/// Takes a series: its labels and its values, (Unix seconds, value).
pub type Sink<'a> = dyn FnMut(&Labels, &[(f64, f64)]) + Send + 'a;

/// What an answer says besides its series.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcome {
    /// `success` or `error`.
    pub status: String,
    /// `bad_data`, `execution`, `timeout`, … of a refusal.
    pub error_type: String,
    /// The refusal in words.
    pub error: String,
    /// Warnings: an answer of which a part is missing comes with one.
    pub warnings: Vec<String>,
    /// Hints of newer versions.
    pub infos: Vec<String>,
}

/// Reads the answer of `query`, `query_range` or `series`: each series goes to `sink` with its values, (Unix seconds, value) in order of
/// time. Values can be `NaN` and infinite; native histograms are passed over.
///
/// # Errors
/// When the text is no such answer, or ends too early.
pub fn read(body: &[u8], sink: &mut Sink<'_>) -> serde_json::Result<Outcome> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let outcome = Envelope(sink).deserialize(&mut reader)?;
    reader.end()?;
    Ok(outcome)
}

/// Reads the answer of `labels` or `label/…/values`.
///
/// # Errors
/// When the text is no such answer, or ends too early.
pub fn read_names(body: &[u8]) -> serde_json::Result<(Vec<String>, Outcome)> {
    #[derive(Deserialize)]
    struct Names {
        #[serde(default)]
        status: String,
        #[serde(default)]
        data: Option<Vec<String>>,
        #[serde(default, rename = "errorType")]
        error_type: String,
        #[serde(default)]
        error: String,
        #[serde(default)]
        warnings: Vec<String>,
    }
    let names: Names = serde_json::from_slice(body)?;
    let outcome = Outcome {
        status: names.status,
        error_type: names.error_type,
        error: names.error,
        warnings: names.warnings,
        infos: Vec::new(),
    };
    Ok((names.data.unwrap_or_default(), outcome))
}

struct Envelope<'a>(&'a mut Sink<'a>);

impl<'de> DeserializeSeed<'de> for Envelope<'_> {
    type Value = Outcome;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Outcome, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Envelope<'_> {
    type Value = Outcome;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an answer of Prometheus' API")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Outcome, A::Error> {
        let mut outcome = Outcome::default();
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            match key.as_ref() {
                "status" => outcome.status = map.next_value()?,
                "errorType" => outcome.error_type = map.next_value()?,
                "error" => outcome.error = map.next_value()?,
                "warnings" => {
                    let more: Option<Vec<String>> = map.next_value()?;
                    outcome.warnings.extend(more.unwrap_or_default());
                }
                // VictoriaMetrics says so where a storage node did not answer; Thanos' own word is a warning.
                "isPartial" | "partialResponse" => {
                    if map.next_value::<Option<bool>>()? == Some(true) {
                        outcome.warnings.push(
                            "the answer is partial: a part of the store did not answer".into(),
                        );
                    }
                }
                "infos" => outcome.infos = map.next_value::<Option<_>>()?.unwrap_or_default(),
                "data" => map.next_value_seed(Data(&mut *self.0))?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        if outcome.status.is_empty() {
            return Err(A::Error::missing_field("status"));
        }
        Ok(outcome)
    }
}

struct Data<'a>(&'a mut Sink<'a>);

impl<'de> DeserializeSeed<'de> for Data<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Data<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the data of an answer")
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            if key == "result" {
                map.next_value_seed(List(&mut *self.0))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

struct List<'a>(&'a mut Sink<'a>);

impl<'de> DeserializeSeed<'de> for List<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for List<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of series")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let mut values = Vec::new();
        loop {
            values.clear();
            let series = Series(&mut values);
            let Some(labels) = list.next_element_seed(series)? else {
                return Ok(());
            };
            (self.0)(&labels, &values);
        }
    }
}

struct Series<'a>(&'a mut Vec<(f64, f64)>);

impl<'de> DeserializeSeed<'de> for Series<'_> {
    type Value = Labels;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Labels, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Series<'_> {
    type Value = Labels;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a series")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Labels, A::Error> {
        let mut labels = Labels::new();
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            match key.as_ref() {
                "metric" => labels = map.next_value()?,
                "values" => map.next_value_seed(Values(self.0))?,
                "value" => self.0.push(map.next_value::<Sample>()?.0),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(labels)
    }
}

struct Values<'a>(&'a mut Vec<(f64, f64)>);

impl<'de> DeserializeSeed<'de> for Values<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Values<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of values")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(Sample(sample)) = list.next_element()? {
            self.0.push(sample);
        }
        Ok(())
    }
}

/// `[1435781430.781, "1.5"]`
struct Sample((f64, f64));

impl<'de> Deserialize<'de> for Sample {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Sample, D::Error> {
        struct Pair;
        impl<'de> Visitor<'de> for Pair {
            type Value = Sample;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time and a value in quotes")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut pair: A) -> Result<Sample, A::Error> {
                let time: f64 = pair
                    .next_element()?
                    .ok_or_else(|| A::Error::invalid_length(0, &self))?;
                let text: Cow<'de, str> = pair
                    .next_element::<Text<'de>>()?
                    .ok_or_else(|| A::Error::invalid_length(1, &self))?
                    .0;
                let value = text
                    .parse()
                    .map_err(|_| A::Error::custom(format_args!("`{text}` is not a number")))?;
                Ok(Sample((time, value)))
            }
        }
        deserializer.deserialize_seq(Pair)
    }
}

/// A text that is not copied where it has no escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    type Seen = Vec<(Labels, Vec<(f64, f64)>)>;

    fn all(body: &str) -> serde_json::Result<(Seen, Outcome)> {
        let mut seen = Vec::new();
        let outcome = read(body.as_bytes(), &mut |labels, values| {
            seen.push((labels.clone(), values.to_vec()));
        })?;
        Ok((seen, outcome))
    }

    #[test]
    fn matrices_and_vectors_are_read_in_any_order_of_keys() {
        let (seen, outcome) = all(
            r#"{"data":{"result":[{"values":[[1.5,"2"],[2.5,"NaN"],[3.5,"+Inf"]],"metric":{"a":"b"}},
                {"metric":{},"value":[9,"-1e3"]},{"metric":{"h":"1"},"histograms":[[1,{"count":"2"}]]}],"resultType":"matrix"},
                "warnings":["one store did not answer"],"status":"success"}"#,
        )
        .unwrap();
        assert_eq!(seen.len(), 3);
        assert_eq!(seen[0].0["a"], "b");
        assert_eq!(seen[0].1[0], (1.5, 2.0));
        assert!(seen[0].1[1].1.is_nan() && seen[0].1[2].1.is_infinite());
        assert_eq!(seen[1].1, [(9.0, -1000.0)]);
        assert!(seen[2].1.is_empty());
        assert_eq!(outcome.warnings, ["one store did not answer"]);
        let partial = |flag: &str| {
            let body = format!(
                r#"{{"status":"success","isPartial":{flag},"data":{{"resultType":"matrix","result":[]}}}}"#
            );
            read(body.as_bytes(), &mut |_, _| {})
                .unwrap()
                .warnings
                .len()
        };
        assert_eq!((partial("true"), partial("false")), (1, 0));
    }

    #[test]
    fn refusals_garbage_and_halves_are_told_apart() {
        let (_, refused) =
            all(r#"{"status":"error","errorType":"bad_data","error":"parse error"}"#).unwrap();
        assert_eq!(
            (refused.status.as_str(), refused.error.as_str()),
            ("error", "parse error")
        );
        let half =
            all(r#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"#);
        assert!(half.unwrap_err().is_eof());
        for garbage in [
            "<html>",
            "{}",
            "[]",
            r#"{"status":"success","data":{"result":[{"values":[[1,"x"]]}]}}"#,
        ] {
            assert!(all(garbage).is_err(), "{garbage}");
        }
    }
}
