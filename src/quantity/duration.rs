//! Durations as Flink writes them.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::time::Duration;

use super::QuantityError;
use super::decimal::Decimal;
use super::text::serde_as_text;

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// A duration in milliseconds, with the text it was written in.
///
/// Reads Flink's `TimeUtils` form (a whole number and one unit: `5 min`, `30s`, `1 h`, `2 days`; a bare
/// number is milliseconds) and, as Flink 2 does, ISO 8601 (`PT5M`, `P1DT2H`, `PT0.5S`), without sign. Parts of a
/// millisecond are cut off. Prints as it was written; equal when the milliseconds are.
#[derive(Debug, Clone)]
pub struct FlinkDuration {
    millis: u64,
    text: String,
}

impl FlinkDuration {
    /// A duration nobody has written yet, printed in the largest unit that is exact (`5 min`, `1500 ms`).
    pub fn from_millis(millis: u64) -> FlinkDuration {
        let units = [(DAY, "d"), (HOUR, "h"), (MINUTE, "min"), (SECOND, "s")];
        let fitting = units
            .iter()
            .find(|(unit, _)| millis > 0 && millis.is_multiple_of(*unit));
        let text = match fitting {
            Some((unit, name)) => format!("{} {name}", millis / unit),
            None => format!("{millis} ms"),
        };
        FlinkDuration { millis, text }
    }

    /// Reads a duration that somebody writes for Plimsoll: with its unit. Flink takes a bare number for milliseconds, and who writes
    /// `72` mostly means hours.
    ///
    /// # Errors
    /// What is not a duration, and a bare number.
    pub fn with_unit(text: &str) -> Result<FlinkDuration, QuantityError> {
        let text = text.trim();
        if text.parse::<f64>().is_ok() {
            return Err(QuantityError::DurationUnit {
                text: text.to_owned(),
            });
        }
        text.parse()
    }

    /// The duration in whole milliseconds.
    pub fn millis(&self) -> u64 {
        self.millis
    }

    /// The duration in seconds.
    pub fn seconds(&self) -> f64 {
        self.millis as f64 / 1000.0
    }

    /// As the standard library's duration.
    pub fn to_std(&self) -> Duration {
        Duration::from_millis(self.millis)
    }
}

/// Units of Flink's `TimeUtils`; the nanoseconds of one.
fn unit_nanos(unit: &str) -> Option<u128> {
    let millis = match unit.to_ascii_lowercase().as_str() {
        "d" | "day" | "days" => DAY,
        "h" | "hour" | "hours" => HOUR,
        "m" | "min" | "minute" | "minutes" => MINUTE,
        "s" | "sec" | "secs" | "second" | "seconds" => SECOND,
        "" | "ms" | "milli" | "millis" | "millisecond" | "milliseconds" => 1,
        "µs" | "micro" | "micros" | "microsecond" | "microseconds" => return Some(1_000),
        "ns" | "nano" | "nanos" | "nanosecond" | "nanoseconds" => return Some(1),
        _ => return None,
    };
    Some(u128::from(millis) * 1_000_000)
}

fn parse_flink(text: &str) -> Option<u128> {
    let at = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let number: u64 = text[..at].parse().ok()?;
    Some(u128::from(number) * unit_nanos(text[at..].trim())? / 1_000_000)
}

/// `P[nD][T[nH][nM][n[.f]S]]` with at least one part, each at most once and in this order.
fn parse_iso(text: &str) -> Option<u128> {
    let upper = text.to_ascii_uppercase();
    let (days, time) = match upper.strip_prefix('P')?.split_once('T') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (upper.strip_prefix('P')?, ""),
    };
    let mut millis = 0u128;
    let mut parts = 0;
    for (mut rest, units) in [
        (days, &[('D', DAY)][..]),
        (time, &[('H', HOUR), ('M', MINUTE), ('S', SECOND)]),
    ] {
        for (letter, unit) in units {
            let Some((number, behind)) = rest.split_once(*letter) else {
                continue;
            };
            if *letter != 'S' && number.contains('.')
                || !number.starts_with(|c: char| c.is_ascii_digit())
                || number.contains('E')
            {
                return None;
            }
            millis = millis.checked_add(Decimal::parse(number)?.times_floor(u128::from(*unit))?)?;
            parts += 1;
            rest = behind;
        }
        if !rest.is_empty() {
            return None;
        }
    }
    (parts > 0).then_some(millis)
}

impl FromStr for FlinkDuration {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<FlinkDuration, QuantityError> {
        let text = text.trim();
        parse_flink(text)
            .or_else(|| parse_iso(text))
            .and_then(|millis| u64::try_from(millis).ok())
            .map(|millis| FlinkDuration {
                millis,
                text: text.to_owned(),
            })
            .ok_or_else(|| QuantityError::Duration {
                text: text.to_owned(),
            })
    }
}

impl fmt::Display for FlinkDuration {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.text)
    }
}

impl PartialEq for FlinkDuration {
    fn eq(&self, other: &FlinkDuration) -> bool {
        self.millis == other.millis
    }
}

impl Eq for FlinkDuration {}

impl PartialOrd for FlinkDuration {
    fn partial_cmp(&self, other: &FlinkDuration) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for FlinkDuration {
    fn cmp(&self, other: &FlinkDuration) -> Ordering {
        self.millis.cmp(&other.millis)
    }
}

impl Hash for FlinkDuration {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.millis.hash(state);
    }
}

serde_as_text!(
    FlinkDuration,
    "a duration like `30s`, `5 min`, `1 h` or `PT5M`"
);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_flink_and_iso() {
        let table = [
            ("5 min", 5 * MINUTE),
            ("30s", 30 * SECOND),
            ("1 h", HOUR),
            ("2 DAYS", 2 * DAY),
            ("100", 100),
            ("1500 micros", 1),
            ("PT5M", 5 * MINUTE),
            ("pt1h30m", 90 * MINUTE),
            ("P1DT2H", DAY + 2 * HOUR),
            ("PT0.5S", 500),
            ("P2D", 2 * DAY),
        ];
        for (text, expected) in table {
            assert_eq!(
                text.parse::<FlinkDuration>().unwrap().millis(),
                expected,
                "{text}"
            );
        }
        for text in [
            "", "s", "-5s", "5 weeks", "1h 30min", "P", "PT", "PT5", "PT1M1H", "P1H", "1.5s",
            "PT.5S", "P1DT", "P1W", "PT1.5M", "-PT5M",
        ] {
            assert!(text.parse::<FlinkDuration>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_written_for_us_has_a_unit() {
        for text in ["72", " 72 ", "0", "1.5", "-3", "1e3", "inf", "nan"] {
            let error = FlinkDuration::with_unit(text).unwrap_err().to_string();
            assert!(error.contains("has no unit"), "{text}: {error}");
        }
        assert!(FlinkDuration::with_unit("72 hourz").is_err());
        assert_eq!(FlinkDuration::with_unit("72h").unwrap().millis(), 72 * HOUR);
        assert_eq!(FlinkDuration::with_unit("72 ms").unwrap().millis(), 72);
    }

    proptest! {
        #[test]
        fn display_parses_back(millis: u64) {
            let duration = FlinkDuration::from_millis(millis);
            prop_assert_eq!(duration.to_string().parse::<FlinkDuration>().unwrap().millis(), millis);
        }
    }
}
