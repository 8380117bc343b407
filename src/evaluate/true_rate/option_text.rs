//! Reading option values as Flink's `Configuration` reads them.

use std::collections::BTreeMap;

use crate::quantity::{FlinkDuration, Memory};

use super::options::OptionError;

/// Values as texts, looked up under the prefixes of the autoscaler.
pub(crate) struct Reader<'a> {
    config: &'a BTreeMap<String, String>,
    /// By what follows today's prefix: the whole key and its value. Split off once, since every option asks.
    today: BTreeMap<&'a str, (&'a str, &'a str)>,
    /// The same under the old prefix.
    old: BTreeMap<&'a str, (&'a str, &'a str)>,
}

const PREFIX: &str = "job.autoscaler.";
const OLD_PREFIX: &str = "kubernetes.operator.job.autoscaler.";

impl<'a> Reader<'a> {
    pub(crate) fn new(config: &'a BTreeMap<String, String>) -> Reader<'a> {
        let under = |prefix: &str| {
            let all = config.range(prefix.to_owned()..);
            let below = all.map_while(|(key, value)| {
                let rest = key.strip_prefix(prefix)?;
                Some((rest, (key.as_str(), value.as_str())))
            });
            below.collect()
        };
        Reader {
            config,
            today: under(PREFIX),
            old: under(OLD_PREFIX),
        }
    }

    /// The text under the key, else under the key with the old prefix.
    pub(crate) fn text(&self, key: &str) -> Found<'a> {
        self.first_of(&[key], &[])
    }

    /// The text under the first of `names`: with today's prefix only the first counts before the old
    /// prefix is tried on each of `old_names`; retired names with today's prefix come last, as Flink
    /// orders fallback before deprecated keys.
    pub(crate) fn first_of(&self, names: &[&str], old_names: &[&str]) -> Found<'a> {
        let (main, retired) = names.split_first()?;
        let old_names = if old_names.is_empty() {
            &[*main]
        } else {
            old_names
        };
        let old = old_names.iter().find_map(|name| self.old.get(name));
        let retired = || retired.iter().find_map(|name| self.today.get(name));
        self.today.get(main).or(old).or_else(retired).copied()
    }

    /// The text under a key that is not the autoscaler's.
    pub(crate) fn plain(&self, key: &str) -> Found<'a> {
        let (key, value) = self.config.get_key_value(key)?;
        Some((key, value))
    }
}

/// A value with the key it was found under.
pub(crate) type Found<'a> = Option<(&'a str, &'a str)>;

fn parsed<T>(
    found: Found<'_>,
    expected: &'static str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, OptionError> {
    let Some((key, value)) = found else {
        return Ok(None);
    };
    match parse(value.trim()) {
        Some(read) => Ok(Some(read)),
        None => Err(OptionError::Unreadable {
            key: key.to_owned(),
            value: value.to_owned(),
            expected,
        }),
    }
}

pub(crate) fn boolean(found: Found<'_>) -> Result<Option<bool>, OptionError> {
    parsed(found, "`true` or `false`", |text| {
        match text.to_ascii_lowercase().as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    })
}

pub(crate) fn integer(found: Found<'_>) -> Result<Option<i32>, OptionError> {
    parsed(found, "a whole number of 32 bits", |text| text.parse().ok())
}

pub(crate) fn double(found: Found<'_>) -> Result<Option<f64>, OptionError> {
    parsed(found, "a number", |text| text.parse().ok())
}

/// In milliseconds.
pub(crate) fn duration_ms(found: Found<'_>) -> Result<Option<i64>, OptionError> {
    parsed(found, "a duration like `90 s` or `15 min`", |text| {
        let duration: FlinkDuration = text.parse().ok()?;
        i64::try_from(duration.millis()).ok()
    })
}

/// In bytes.
pub(crate) fn memory_bytes(found: Found<'_>) -> Result<Option<u64>, OptionError> {
    parsed(found, "a memory size like `4 gb`", |text| {
        let memory: Memory = text.parse().ok()?;
        Some(memory.bytes())
    })
}

/// One of named values, whatever the letter case.
pub(crate) fn choice<T: Copy>(
    found: Found<'_>,
    expected: &'static str,
    values: &[(&str, T)],
) -> Result<Option<T>, OptionError> {
    parsed(found, expected, |text| {
        let same = |(name, _): &&(&str, T)| name.eq_ignore_ascii_case(text);
        values.iter().find(same).map(|(_, value)| *value)
    })
}

/// A list: `a;b`, with quotes around elements that contain `;`, or YAML's `[a, b]`.
pub(crate) fn list(found: Found<'_>) -> Vec<String> {
    let Some((_, text)) = found else {
        return Vec::new();
    };
    let text = text.trim();
    match text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        Some(inner) => split(inner, ','),
        None => split(text, ';'),
    }
}

fn split(text: &str, delimiter: char) -> Vec<String> {
    let mut elements = vec![String::new()];
    let mut quote = None;
    for letter in text.chars() {
        match quote {
            Some(open) if letter == open => quote = None,
            None if letter == '\'' || letter == '"' => quote = Some(letter),
            None if letter == delimiter => elements.push(String::new()),
            _ => {
                if let Some(last) = elements.last_mut() {
                    last.push(letter);
                }
            }
        }
    }
    let trimmed = elements.iter().map(|element| element.trim().to_owned());
    trimmed.filter(|element| !element.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Found<'_> {
        Some(("key", text))
    }

    #[test]
    fn values_read_as_flink_reads_them() {
        assert_eq!(boolean(found("TRUE")), Ok(Some(true)));
        assert!(boolean(found("yes")).is_err());
        assert_eq!(integer(found(" 12 ")), Ok(Some(12)));
        assert!(integer(found("12.0")).is_err());
        assert_eq!(duration_ms(found("90 s")), Ok(Some(90_000)));
        assert!(duration_ms(found("soon")).is_err());
        assert_eq!(memory_bytes(found("1 gb")), Ok(Some(1 << 30)));
        assert_eq!(double(None), Ok(None));
    }

    #[test]
    fn lists_in_both_forms() {
        assert_eq!(list(found("a; b ;c")), ["a", "b", "c"]);
        assert_eq!(list(found("'a;b';c")), ["a;b", "c"]);
        assert_eq!(list(found("[a, \"b\"]")), ["a", "b"]);
        assert!(list(found("")).is_empty());
        assert!(list(None).is_empty());
    }
}
