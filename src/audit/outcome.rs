//! What became of each change.

use super::by_hand::same_field;
use super::change::{ChangeRecord, Outcome};
use super::found::Found;
use crate::record::{ChangeKind, Event, LedgerEntry};
use crate::watch::same_value;

/// Decides the outcomes of all changes; they stand in order of history.
pub(super) fn decide(changes: &mut [Found], ledger: &[LedgerEntry]) {
    for at in 0..changes.len() {
        let (earlier, later) = changes.split_at_mut(at + 1);
        if let Some(found) = earlier
            .last_mut()
            .filter(|found| found.record.change.is_some())
        {
            let later: Vec<&ChangeRecord> = later
                .iter()
                .map(|found| &found.record)
                .filter(|record| record.job == found.record.job)
                .collect();
            outcome(&mut found.record, &later, ledger);
        }
    }
}

/// The outcome of one change with evidence, given the later ones of its job.
fn outcome(record: &mut ChangeRecord, later: &[&ChangeRecord], ledger: &[LedgerEntry]) {
    let mut settled = record.kind == Some(ChangeKind::Revert);
    let entries = ledger
        .iter()
        .filter(|entry| Some(&entry.change) == record.change.as_ref());
    for entry in entries {
        match &entry.event {
            Event::Settled {
                predicted_per_month,
                realised_per_month,
                currency,
            } => {
                settled = true;
                record.predicted_per_month = predicted_per_month.or(record.predicted_per_month);
                record.realised_per_month = *realised_per_month;
                record.currency = currency.clone().or(record.currency.take());
            }
            Event::Regressed { reasons } => record.reasons.extend(reasons.iter().cloned()),
            Event::Reverted { by } => record.reverted_by = Some(by.clone()),
            Event::Superseded { by } => record.superseded_by = Some(by.clone()),
            Event::Kept { pull_request } => {
                settled = true;
                record.reasons.push(format!(
                    "kept by a person, who closed its revert {pull_request}"
                ));
            }
            Event::NeverApplied { reason } => record
                .reasons
                .push(format!("the cluster did not run it: {reason}")),
            Event::Gone => {
                let by = "the end of its job, which is gone".to_string();
                record.superseded_by.get_or_insert(by);
            }
            _ => {}
        }
    }
    for change in later {
        let undoes = change.reverts.is_some() && change.reverts == record.change;
        if record.reverted_by.is_none() && (undoes || restores(change, record)) {
            record.reverted_by = Some(name(change));
        }
        if record.superseded_by.is_none() && !undoes && overlaps(change, record) {
            record.superseded_by = Some(name(change));
        }
    }
    record.outcome = match (&record.reverted_by, settled, &record.superseded_by) {
        (Some(_), _, _) => Outcome::Reverted,
        (None, true, _) => Outcome::Settled,
        (None, false, Some(_)) => Outcome::Superseded,
        (None, false, None) => Outcome::Watching,
    };
}

/// A change's digest, or its commit.
fn name(change: &ChangeRecord) -> String {
    change
        .change
        .clone()
        .unwrap_or_else(|| change.commit.clone())
}

fn overlaps(later: &ChangeRecord, earlier: &ChangeRecord) -> bool {
    later.fields.iter().any(|field| {
        earlier
            .fields
            .iter()
            .any(|other| same_field(&field.path, &other.path))
    })
}

/// Whether a person's commit set every field of a change back: a revert with plain git.
fn restores(later: &ChangeRecord, earlier: &ChangeRecord) -> bool {
    later.change.is_none()
        && earlier.kind == Some(ChangeKind::Rightsize)
        && !earlier.fields.is_empty()
        && earlier.fields.iter().all(|set| {
            later.fields.iter().any(|field| {
                same_field(&field.path, &set.path)
                    && same_value(&set.path, field.before.as_ref(), set.after.as_ref())
                    && same_value(&set.path, field.after.as_ref(), set.before.as_ref())
            })
        })
}
