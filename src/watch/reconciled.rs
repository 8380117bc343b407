//! What the operator says of a merged change: whether it acted upon it.

use super::revert::same_value;
use crate::record::Evidence;
use crate::snapshot::{History, Lifecycle, LiveResource, SpecFields, kept_path};
use serde_json::Value;

/// Why the operator's word contradicts that a change is live, by the latest look since the merge; none when it agrees, or when nothing is
/// known.
pub(super) fn contradiction(
    evidence: &Evidence,
    merged_at_ms: i64,
    history: &History,
) -> Option<String> {
    let resource = latest(evidence, merged_at_ms, history)?;
    if is_rolled_back(resource) {
        return Some("the operator rolled it back to the last stable spec".to_string());
    }
    let reconciled = resource.reconciled.as_ref()?;
    not_held(evidence, reconciled).map(|message| format!("{message}{}", behind(resource)))
}

/// When it was seen that the operator tried a change and went back to the spec before it, Unix milliseconds; none when it did not, or
/// went back from something else. (A rollback leaves the spec that failed as the last reconciled one.)
pub(super) fn rolled_back(
    evidence: &Evidence,
    merged_at_ms: i64,
    history: &History,
) -> Option<i64> {
    let resource = latest(evidence, merged_at_ms, history)?;
    let reconciled = resource.reconciled.as_ref()?;
    let told = evidence
        .fields
        .iter()
        .any(|field| kept_path(&field.path).is_some());
    let tried = told && not_held(evidence, reconciled).is_none();
    (is_rolled_back(resource) && tried).then(|| {
        history
            .latest
            .as_ref()
            .map_or(merged_at_ms, |latest| latest.taken_at_ms)
    })
}

/// The resource as it was seen last, if that was since the merge.
fn latest<'a>(
    evidence: &Evidence,
    merged_at_ms: i64,
    history: &'a History,
) -> Option<&'a LiveResource> {
    let latest = history.latest.as_ref()?;
    if latest.taken_at_ms < merged_at_ms.min(evidence.at_ms) {
        return None;
    }
    latest.resource.as_deref()
}

fn is_rolled_back(resource: &LiveResource) -> bool {
    matches!(
        resource.lifecycle,
        Some(Lifecycle::RollingBack | Lifecycle::RolledBack)
    )
}

/// The first field of a change that the operator did not deploy, in a sentence.
fn not_held(evidence: &Evidence, reconciled: &SpecFields) -> Option<String> {
    evidence.fields.iter().find_map(|field| {
        let path = kept_path(&field.path)?;
        let deployed = reconciled.get(&path).cloned().map(Value::String);
        (!same_value(&field.path, deployed.as_ref(), field.after.as_ref())).then(|| {
            format!(
                "the operator deployed {} = {} last",
                field.path,
                reconciled.get(&path).map_or("nothing", String::as_str),
            )
        })
    })
}

/// Whether the operator has still to act upon the latest spec.
pub(super) fn is_behind(history: &History) -> Option<String> {
    let resource = history.latest.as_ref()?.resource.as_deref()?;
    resource.lags_behind().then(|| {
        format!(
            "the operator has not acted upon the latest spec{}",
            behind(resource)
        )
    })
}

fn behind(resource: &LiveResource) -> String {
    match (resource.generation, resource.observed_generation) {
        (Some(wanted), Some(seen)) if seen < wanted => {
            format!(" (generation {wanted}, acted upon {seen})")
        }
        _ => String::new(),
    }
}
