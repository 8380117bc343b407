//! What people have said about each job's advice, from closed pull requests, the ledger and their own commits.

use super::base::Base;
use super::known::Known;
use crate::audit::{ChangeRecord, opinion_by_hand};
use crate::plan::Opinion;
use crate::ports::rules::declined;
use crate::record::{Evidence, Stance};
use crate::snapshot::JobKey;
use serde_json::Value;
use std::collections::BTreeMap;

/// Opinions said by closing pull requests, by job.
pub(super) fn by_pull_request(known: &Known) -> BTreeMap<JobKey, Vec<Opinion>> {
    declined(&known.pull_requests, &known.books.entries)
}

/// The opinions about one job that are in force: those that were said after its last merged change, and what a person did to that by hand.
pub(super) fn of_job(
    base: &Base,
    said: Option<&Vec<Opinion>>,
    changes: &[&ChangeRecord],
    window_ms: i64,
) -> Vec<Opinion> {
    let last_merged_ms = changes
        .iter()
        .filter(|change| change.change.is_some())
        .map(|change| change.merged_at_ms)
        .max();
    let mut opinions: Vec<Opinion> = said
        .into_iter()
        .flatten()
        .filter(|opinion| last_merged_ms.is_none_or(|merged_ms| opinion.at_ms >= merged_ms))
        .cloned()
        .collect();
    if let Some((digest, mut opinion)) = opinion_by_hand(changes, window_ms) {
        if let Ok(evidence) = base.evidence(&digest) {
            opinion.grows = grows(&evidence).unwrap_or(opinion.grows);
            opinion.stance = load(&evidence).map(|load_per_second| Stance {
                load_per_second,
                ..Stance::default()
            });
        }
        opinions.push(opinion);
    }
    opinions
}

/// Which way a change went, as its evidence says.
fn grows(evidence: &Evidence) -> Option<bool> {
    let direction = evidence.details.get("recommendation")?.get("direction")?;
    Some(direction == "grow")
}

/// The load that a change was sized for, as its evidence says.
fn load(evidence: &Evidence) -> Option<f64> {
    evidence
        .details
        .get("recommendation")?
        .get("demand")?
        .get("load_per_second")
        .and_then(Value::as_f64)
}
