//! Quartz cron expressions: which seconds they name.
//!
//! Six or seven fields (seconds, minutes, hours, day of month, month, day of week, perhaps year) as the
//! Quartz scheduler reads them, including `?`, `L`, `W`, `#`, names, steps and ranges that wrap round.

use std::collections::BTreeSet;

use jiff::civil::{Date, DateTime};

/// A cron expression that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron {
    seconds: BTreeSet<i16>,
    minutes: BTreeSet<i16>,
    hours: BTreeSet<i16>,
    months: BTreeSet<i16>,
    /// `None` means every year.
    years: Option<BTreeSet<i16>>,
    day: Day,
}

/// Exactly one of the two day fields counts; the other is `?`.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Day {
    OfMonth(BTreeSet<i16>),
    /// So many days before the last of the month; perhaps the weekday nearest to it.
    Last {
        before: i16,
        nearest_weekday: bool,
    },
    /// The weekday nearest to one of these days.
    NearestWeekday(BTreeSet<i16>),
    /// 1 is Sunday.
    OfWeek(BTreeSet<i16>),
    /// The last such weekday of the month.
    LastOfWeek(i16),
    /// The nth such weekday of the month.
    NthOfWeek {
        weekday: i16,
        nth: i16,
    },
}

impl Cron {
    /// Reads an expression; `None` if Quartz would refuse it.
    pub fn read(text: &str) -> Option<Cron> {
        let upper = text.to_ascii_uppercase();
        let fields: Vec<&str> = upper
            .split([' ', '\t'])
            .filter(|field| !field.is_empty())
            .collect();
        let (times, rest) = fields.split_first_chunk::<6>()?;
        let [seconds, minutes, hours, of_month, months, of_week] = *times;
        let day = match (of_month, of_week) {
            ("?", "?") => return None,
            ("?", of_week) => day_of_week(of_week)?,
            (of_month, "?") => day_of_month(of_month)?,
            _ => return None,
        };
        let years = match rest.first().copied() {
            None | Some("*") => None,
            Some(years) => Some(values(years, &YEARS)?),
        };
        Some(Cron {
            seconds: values(seconds, &SECONDS)?,
            minutes: values(minutes, &SECONDS)?,
            hours: values(hours, &HOURS)?,
            months: values(months, &MONTHS)?,
            years,
            day,
        })
    }

    /// Whether the second of this date and time is named.
    pub fn includes(&self, at: DateTime) -> bool {
        let year = at.year();
        self.seconds.contains(&i16::from(at.second()))
            && self.minutes.contains(&i16::from(at.minute()))
            && self.hours.contains(&i16::from(at.hour()))
            && self.months.contains(&i16::from(at.month()))
            && self
                .years
                .as_ref()
                .is_none_or(|years| years.contains(&year))
            && self.day.includes(at.date())
    }
}

impl Day {
    fn includes(&self, date: Date) -> bool {
        let day = i16::from(date.day());
        let last = i16::from(date.days_in_month());
        let weekday = weekday(date);
        match self {
            Day::OfMonth(days) => days.contains(&day),
            Day::Last {
                before,
                nearest_weekday,
            } => {
                let wanted = last - before;
                let wanted = if *nearest_weekday {
                    nearest(date, wanted)
                } else {
                    Some(wanted)
                };
                wanted == Some(day)
            }
            Day::NearestWeekday(days) => days
                .iter()
                .any(|wanted| nearest(date, *wanted) == Some(day)),
            Day::OfWeek(weekdays) => weekdays.contains(&weekday),
            Day::LastOfWeek(wanted) => weekday == *wanted && day + 7 > last,
            Day::NthOfWeek {
                weekday: wanted,
                nth,
            } => weekday == *wanted && (day + 6) / 7 == *nth,
        }
    }
}

/// 1 is Sunday.
fn weekday(date: Date) -> i16 {
    i16::from(date.weekday().to_sunday_one_offset())
}

/// The weekday nearest to a day of the month of `date`, never in another month.
fn nearest(date: Date, day: i16) -> Option<i16> {
    let last = i16::from(date.days_in_month());
    let there = Date::new(date.year(), date.month(), i8::try_from(day).ok()?).ok()?;
    Some(match weekday(there) {
        7 if day == 1 => 3,
        7 => day - 1,
        1 if day == last => day - 2,
        1 => day + 1,
        _ => day,
    })
}

struct Field {
    least: i16,
    most: i16,
    names: &'static [&'static str],
    wraps: bool,
}

const SECONDS: Field = Field {
    least: 0,
    most: 59,
    names: &[],
    wraps: true,
};
const HOURS: Field = Field {
    least: 0,
    most: 23,
    names: &[],
    wraps: true,
};
const DAYS: Field = Field {
    least: 1,
    most: 31,
    names: &[],
    wraps: true,
};
const MONTHS: Field = Field {
    least: 1,
    most: 12,
    names: &[
        "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
    ],
    wraps: true,
};
const WEEKDAYS: Field = Field {
    least: 1,
    most: 7,
    names: &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
    wraps: true,
};
const YEARS: Field = Field {
    least: 1970,
    most: 2299,
    names: &[],
    wraps: false,
};

impl Field {
    fn value(&self, text: &str) -> Option<i16> {
        let named = self.names.iter().position(|name| *name == text);
        let number = match named {
            Some(index) => i16::try_from(index).ok()? + self.least,
            None if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok()?,
            None => return None,
        };
        (self.least..=self.most).contains(&number).then_some(number)
    }
}

fn values(text: &str, field: &Field) -> Option<BTreeSet<i16>> {
    let mut all = BTreeSet::new();
    for part in text.split(',') {
        part_values(part, field, &mut all)?;
    }
    Some(all)
}

/// `*`, `a`, `a-b`, each perhaps with `/step`; `/step` alone starts at the least value.
fn part_values(part: &str, field: &Field, all: &mut BTreeSet<i16>) -> Option<()> {
    let (range, step) = match part.split_once('/') {
        Some((range, step)) => (range, Some(step)),
        None => (part, None),
    };
    let step = match step {
        Some(step) => {
            let digits = !step.is_empty() && step.bytes().all(|byte| byte.is_ascii_digit());
            let step: i16 = step.parse().ok()?;
            (digits && step <= field.most).then_some(step)?
        }
        None => 0,
    };
    let (from, to) = match range {
        "*" => (field.least, Some(field.most)),
        "" if part.starts_with('/') => (field.least, Some(field.most)),
        _ => match range.split_once('-') {
            Some((from, to)) => (field.value(from)?, Some(field.value(to)?)),
            None => (field.value(range)?, None),
        },
    };
    // A single value with a step runs to the end; a step of 0 is no step.
    let to = match to {
        Some(to) => to,
        None if step > 0 => field.most,
        None => from,
    };
    let span = field.most - field.least + 1;
    let end = match to {
        to if to >= from => to,
        to if field.wraps => to + span,
        _ => return None,
    };
    let stride = usize::try_from(step.max(1)).ok()?;
    all.extend(
        (from..=end)
            .step_by(stride)
            .map(|n| if n > field.most { n - span } else { n }),
    );
    Some(())
}

fn day_of_month(text: &str) -> Option<Day> {
    if let Some(rest) = text.strip_prefix('L') {
        let (rest, nearest_weekday) = match rest.strip_suffix('W') {
            Some(rest) => (rest, true),
            None => (rest, false),
        };
        let before = match rest.strip_prefix('-') {
            Some(number) => number
                .parse()
                .ok()
                .filter(|before| (0..=30).contains(before))?,
            None if rest.is_empty() => 0,
            None => return None,
        };
        return Some(Day::Last {
            before,
            nearest_weekday,
        });
    }
    if text.contains('W') {
        let days = text
            .split(',')
            .map(|part| DAYS.value(part.strip_suffix('W')?));
        return Some(Day::NearestWeekday(days.collect::<Option<_>>()?));
    }
    Some(Day::OfMonth(values(text, &DAYS)?))
}

fn day_of_week(text: &str) -> Option<Day> {
    if text == "L" {
        // Saturday, the last day of the week.
        return Some(Day::OfWeek([7].into()));
    }
    if let Some(weekday) = text.strip_suffix('L') {
        return Some(Day::LastOfWeek(WEEKDAYS.value(weekday)?));
    }
    if let Some((weekday, nth)) = text.split_once('#') {
        let nth = nth.parse().ok().filter(|nth| (1..=5).contains(nth))?;
        let weekday = WEEKDAYS.value(weekday)?;
        return Some(Day::NthOfWeek { weekday, nth });
    }
    Some(Day::OfWeek(values(text, &WEEKDAYS)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn includes(cron: &str, at: &str) -> bool {
        Cron::read(cron).unwrap().includes(at.parse().unwrap())
    }

    #[test]
    fn expressions_name_their_seconds() {
        // 2026-11-21 is a Saturday.
        let table = [
            ("* * * * * ?", "2026-11-21T03:04:05", true),
            ("* * * ? * 7", "2026-11-21T03:04:05", true),
            ("* * * ? * SAT", "2026-11-21T03:04:05", true),
            ("* * * ? * L", "2026-11-21T03:04:05", true),
            ("* * * ? * 2-6", "2026-11-21T03:04:05", false),
            ("* * * ? * FRI-MON", "2026-11-21T03:04:05", true),
            ("* * 9-11,14-16 * * ?", "2026-11-21T11:59:59", true),
            ("* * 9-11,14-16 * * ?", "2026-11-21T12:00:00", false),
            ("* * 22-2 * * ?", "2026-11-21T01:00:00", true),
            ("0 0/15 * * * ?", "2026-11-21T01:45:00", true),
            ("0 */20 * * * ?", "2026-11-21T01:45:00", false),
            ("0 /5 * * * ?", "2026-11-21T01:45:00", true),
            ("* * * L * ?", "2026-11-30T00:00:00", true),
            ("* * * L-1 * ?", "2026-11-29T00:00:00", true),
            ("* * * LW 10 ?", "2026-10-30T00:00:00", true),
            ("* * * 21W * ?", "2026-11-20T00:00:00", true),
            ("* * * 1W 8 ?", "2026-08-03T00:00:00", true),
            ("* * * ? * 7L", "2026-11-28T00:00:00", true),
            ("* * * ? * 7L", "2026-11-21T00:00:00", false),
            ("* * * ? * 7#3", "2026-11-21T00:00:00", true),
            ("* * * ? NOV-JAN *", "2026-12-21T00:00:00", true),
            ("* * * * * ? 2027-2030", "2026-11-21T00:00:00", false),
            ("* * * * * ? *", "2026-11-21T00:00:00", true),
        ];
        for (cron, at, expected) in table {
            assert_eq!(includes(cron, at), expected, "{cron} at {at}");
        }
    }

    #[test]
    fn what_quartz_refuses_is_refused() {
        for text in [
            "",
            "* * * * *",
            "* * * * * *",
            "* * * ? * ?",
            "60 * * * * ?",
            "* * 24 * * ?",
            "* * * 32 * ?",
            "* * * ? * 8",
            "* * * ? * 7#6",
            "* 0/60 * * * ?",
            "* * * X * ?",
            "? * * * * ?",
            "* * * * * ? 2030-2027",
            "9:00-10:00",
        ] {
            assert!(Cron::read(text).is_none(), "{text}");
        }
    }
}
