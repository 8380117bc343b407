//! Until when an owner holds a job.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// A date (`2026-12-01`: when that day begins, UTC) or a time with its offset (`2026-12-01T08:00:00+01:00`), as Unix
/// milliseconds. Anything else is not understood: a time without an offset, a date with a time zone, a day that does not exist.
pub(super) fn moment_ms(text: &str) -> Option<i64> {
    let shape: String = text
        .chars()
        .map(|c| if c.is_ascii_digit() { '9' } else { c })
        .collect();
    let time = match shape.as_str() {
        "9999-99-99" => text
            .parse::<Date>()
            .ok()?
            .to_zoned(TimeZone::UTC)
            .ok()?
            .timestamp(),
        _ if shape.starts_with("9999-99-99") && !shape.contains('[') => {
            text.parse::<Timestamp>().ok()?
        }
        _ => return None,
    };
    Some(time.as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_and_a_time_with_its_offset_are_understood() {
        let day = 1_796_083_200_000;
        for (text, ms) in [
            ("2026-12-01", day),
            ("2026-12-01T00:00:00Z", day),
            ("2026-12-01t00:00:00z", day),
            ("2026-12-01 00:00:00Z", day),
            ("2026-12-01T08:00:00+08:00", day),
            ("2026-11-30T16:00:00.000-08:00", day),
        ] {
            assert_eq!(moment_ms(text), Some(ms), "{text}");
        }
    }

    #[test]
    fn nothing_else_is() {
        for text in [
            "",
            "tomorrow",
            "never",
            "2026-13-01",
            "2026-02-30",
            "01.12.2026",
            "12/01/2026",
            "2026-12",
            "2026-W49",
            "20261201",
            "2026-12-1",
            "2026-12-01Z",
            "2026-12-01+01:00",
            "2026-12-01T08:00",
            "2026-12-01T08:00:00",
            "2026-12-01 08:00",
            "2026-12-01[Europe/Berlin]",
            "2026-12-01 Europe/Berlin",
            "2026-12-01T08:00:00+01:00[Europe/Berlin]",
            "2026-12-01T08:00:00 CET",
            "2026-12-01T25:00:00Z",
            "+002026-12-01",
            "1796083200",
            "72h",
            "２０２６-12-01",
        ] {
            assert_eq!(moment_ms(text), None, "{text}");
        }
    }
}
