//! Excluded periods: daily ranges, cron expressions, or one of each. Everything in UTC, as in containers.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::cron::Cron;

/// Why an excluded period cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PeriodError {
    /// Neither a daily range nor a cron expression.
    #[error(
        "`{text}` is neither a daily range like `9:30-10:50` nor a Quartz cron expression like \
         `* * 9-11 * * ?`"
    )]
    Unreadable {
        /// The part that cannot be read.
        text: String,
    },
    /// Two of the same kind, or more than two.
    #[error("`{text}` may join one daily range and one cron expression with `&&`, nothing else")]
    WrongPair {
        /// The whole expression.
        text: String,
    },
}

/// A part of an excluded period.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    /// From and to, in ms of the day, both included.
    Daily(i64, i64),
    Cron(Cron),
}

/// An excluded period: an instant belongs to it when it belongs to every part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Period {
    parts: Vec<Part>,
}

/// Reads one expression.
pub fn read(text: &str) -> Result<Period, PeriodError> {
    let mut parts = Vec::new();
    for part in text.split("&&").map(str::trim) {
        let read = daily(part).or_else(|| Cron::read(part).map(Part::Cron));
        parts.push(read.ok_or_else(|| PeriodError::Unreadable {
            text: part.to_owned(),
        })?);
    }
    let one_of_each = match parts.as_slice() {
        [_] => true,
        [a, b] => matches!(a, Part::Daily(..)) != matches!(b, Part::Daily(..)),
        _ => false,
    };
    if one_of_each {
        Ok(Period { parts })
    } else {
        Err(PeriodError::WrongPair {
            text: text.to_owned(),
        })
    }
}

/// Whether any of the expressions includes the instant (Unix ms). Those behind the first that does are
/// not read.
pub fn any_includes(texts: &[String], at_ms: i64) -> Result<bool, PeriodError> {
    let Ok(instant) = Timestamp::from_millisecond(at_ms) else {
        return Ok(false);
    };
    let at = TimeZone::UTC.to_datetime(instant);
    for text in texts {
        if read(text)?.includes(at) {
            return Ok(true);
        }
    }
    Ok(false)
}

impl Period {
    /// Whether the date and time (UTC) belongs to it.
    pub fn includes(&self, at: DateTime) -> bool {
        let ms_of_day = i64::from(at.hour()) * 3_600_000
            + i64::from(at.minute()) * 60_000
            + i64::from(at.second()) * 1000
            + i64::from(at.millisecond());
        self.parts.iter().all(|part| match part {
            Part::Daily(from, to) => (*from..=*to).contains(&ms_of_day),
            Part::Cron(cron) => cron.includes(at),
        })
    }
}

/// `HH:mm[:ss[:ms]]-HH:mm[:ss[:ms]]`, the first before the second.
fn daily(text: &str) -> Option<Part> {
    let (from, to) = text.split_once('-')?;
    let (from, to) = (ms_of_day(from)?, ms_of_day(to)?);
    (from < to).then_some(Part::Daily(from, to))
}

fn ms_of_day(text: &str) -> Option<i64> {
    let parts: Option<Vec<i64>> = text
        .split(':')
        .map(str::trim)
        .map(|part| {
            part.parse()
                .ok()
                .filter(|_| part.bytes().all(|byte| byte.is_ascii_digit()))
        })
        .collect();
    let parts = parts.filter(|parts| (2..=4).contains(&parts.len()))?;
    let part = |index: usize| parts.get(index).copied().unwrap_or(0);
    let (hour, minute, second, ms) = (part(0), part(1), part(2), part(3));
    let valid = hour < 24 && minute < 60 && second < 60 && ms < 1000;
    valid.then_some(((hour * 60 + minute) * 60 + second) * 1000 + ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_include_their_edges() {
        let table = [
            ("9:30-10:50", "2026-11-21T09:30:00", true),
            ("9:30-10:50", "2026-11-21T10:50:00", true),
            ("9:30-10:50", "2026-11-21T10:50:00.001", false),
            ("09:30:30:500-10:50", "2026-11-21T09:30:30.499", false),
            ("00:00-23:59 && * * * ? * 7", "2026-11-21T12:00:00", true),
            ("* * * ? * 7 && 10:00-11:00", "2026-11-21T12:00:00", false),
            ("* * * ? * 1", "2026-11-21T12:00:00", false),
        ];
        for (text, at, expected) in table {
            let at: DateTime = at.parse().unwrap();
            assert_eq!(read(text).unwrap().includes(at), expected, "{text} at {at}");
        }
    }

    #[test]
    fn what_upstream_refuses_is_refused() {
        for text in [
            "never",
            "10:50-9:30",
            "24:00-25:00",
            "9:30-10:50 && 11:00-12:00",
            "* * * * * ? && * * * * * ?",
            "9:30-10:50 && * * * * * ? && 9:30-10:50",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_first_match_ends_the_search() {
        let texts = ["* * * * * ?".to_owned(), "never".to_owned()];
        assert_eq!(any_includes(&texts, 1_741_219_337_105), Ok(true));
        assert!(any_includes(&texts[1..], 1_741_219_337_105).is_err());
    }
}
