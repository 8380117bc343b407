//! What the ledger learns from an assessment: each event of a change once.

use super::ChangeRecord;
use crate::record::{Event, LedgerEntry};
use crate::watch::Assessment;

/// The entries that the ledger lacks, given the assessment of a change at `now_ms`. Asked again with these appended it is none.
/// A change by hand has none ever.
pub fn missing_entries(
    change: &ChangeRecord,
    assessment: &Assessment,
    ledger: &[LedgerEntry],
    now_ms: i64,
) -> Vec<LedgerEntry> {
    let Some(digest) = &change.change else {
        return Vec::new();
    };
    let merged = Event::Merged {
        by: change.merged_by.clone().unwrap_or_default(),
        commit: change.commit.clone(),
        pull_request: change.pull_request.clone(),
    };
    let mut events = vec![(change.merged_at_ms, merged)];
    let live_since_ms = match assessment {
        Assessment::Watching { live_since_ms, .. } | Assessment::Settled { live_since_ms, .. } => {
            Some(*live_since_ms)
        }
        Assessment::Regressed { live_since_ms, .. } => *live_since_ms,
        _ => None,
    };
    events.extend(live_since_ms.map(|since_ms| (since_ms, Event::Live)));
    events.extend(verdict(assessment, now_ms));
    let known = |event: &Event| {
        ledger.iter().any(|entry| {
            entry.change == *digest
                && match (event, &entry.event) {
                    // Silence may fall more than once; everything else happens once.
                    (Event::Blind { since_ms }, Event::Blind { since_ms: known }) => {
                        since_ms == known
                    }
                    (event, known) => event.name() == known.name(),
                }
        })
    };
    events
        .into_iter()
        .filter(|(_, event)| !known(event))
        .map(|(at_ms, event)| LedgerEntry::new(digest, &change.job, at_ms, event))
        .collect()
}

/// The event that an assessment is, with its time.
fn verdict(assessment: &Assessment, now_ms: i64) -> Option<(i64, Event)> {
    match assessment {
        Assessment::Waiting { .. } | Assessment::Watching { .. } => None,
        Assessment::Settled {
            at_ms,
            predicted_per_month,
            realised_per_month,
            currency,
            ..
        } => {
            let event = Event::Settled {
                predicted_per_month: *predicted_per_month,
                realised_per_month: *realised_per_month,
                currency: currency.clone(),
            };
            Some((*at_ms, event))
        }
        Assessment::Regressed { breaches, .. } => {
            let reasons = breaches
                .iter()
                .map(|breach| breach.message.clone())
                .collect();
            Some((now_ms, Event::Regressed { reasons }))
        }
        Assessment::Blind { since_ms, .. } => Some((
            now_ms,
            Event::Blind {
                since_ms: *since_ms,
            },
        )),
        Assessment::Superseded { by } => Some((now_ms, Event::Superseded { by: by.clone() })),
        Assessment::Reverted { by } => Some((now_ms, Event::Reverted { by: by.clone() })),
    }
}
