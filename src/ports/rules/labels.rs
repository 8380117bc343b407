//! The labels with which people and Plimsoll tell each other something.

use crate::plan::Said;
use crate::ports::PullRequest;

/// The label of those that Plimsoll closed itself: no person said no to them.
pub const SUPERSEDED_LABEL: &str = "plimsoll/superseded";

/// The label with which a person says: not now. `plimsoll/later-2026-12-24` says until when; without a date it holds until it is taken off.
pub const LATER_LABEL: &str = "plimsoll/later";

/// The label with which a person says: never.
pub const WONTFIX_LABEL: &str = "plimsoll/wontfix";

/// The label with which a person says: this was measured wrongly.
pub const WRONG_DATA_LABEL: &str = "plimsoll/wrong-data";

/// Whether Plimsoll closed it.
pub(super) fn is_superseded(pull_request: &PullRequest) -> bool {
    has(pull_request, SUPERSEDED_LABEL)
}

/// A person's reason by label, and until when it holds, Unix milliseconds, where the label names a day.
pub(super) fn reason(pull_request: &PullRequest) -> Option<(Said, Option<i64>)> {
    if let Some(later) = later(pull_request) {
        return Some((Said::Later, later));
    }
    if has(pull_request, WONTFIX_LABEL) {
        return Some((Said::WontFix, None));
    }
    has(pull_request, WRONG_DATA_LABEL).then_some((Said::WrongData, None))
}

/// Whether one is put off, and until when.
fn later(pull_request: &PullRequest) -> Option<Option<i64>> {
    let mut labels = pull_request
        .labels
        .iter()
        .filter_map(|label| label.strip_prefix(LATER_LABEL));
    labels.find_map(|rest| {
        if rest.is_empty() {
            return Some(None);
        }
        let day = rest.strip_prefix('-').or_else(|| rest.strip_prefix(':'));
        // A date that can't be read puts it off all the same: better too long than against a person's word.
        day.map(|day| midnight_ms(day.trim()))
    })
}

/// The begin of a day (UTC), Unix milliseconds.
fn midnight_ms(day: &str) -> Option<i64> {
    let date: jiff::civil::Date = day.parse().ok()?;
    let zoned = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(zoned.timestamp().as_millisecond())
}

fn has(pull_request: &PullRequest, label: &str) -> bool {
    // Forges compare labels without case.
    pull_request
        .labels
        .iter()
        .any(|there| there.eq_ignore_ascii_case(label))
}
