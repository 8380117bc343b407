//! What the operator says of a merged change: whether it acted upon it.

use super::revert::same_value;
use crate::record::Evidence;
use crate::snapshot::{History, Lifecycle, LiveResource, kept_path};
use serde_json::Value;

/// Why the operator's word contradicts that a change is live, by the latest look since the merge; none when it agrees, or when nothing is
/// known.
pub(super) fn contradiction(
    evidence: &Evidence,
    merged_at_ms: i64,
    history: &History,
) -> Option<String> {
    let latest = history.latest.as_ref()?;
    if latest.taken_at_ms < merged_at_ms.min(evidence.at_ms) {
        return None;
    }
    let resource = latest.resource.as_deref()?;
    if matches!(
        resource.lifecycle,
        Some(Lifecycle::RollingBack | Lifecycle::RolledBack)
    ) {
        return Some("the operator rolled it back to the last stable spec".to_string());
    }
    let reconciled = resource.reconciled.as_ref()?;
    evidence.fields.iter().find_map(|field| {
        let path = kept_path(&field.path)?;
        let deployed = reconciled.get(&path).cloned().map(Value::String);
        (!same_value(&field.path, deployed.as_ref(), field.after.as_ref())).then(|| {
            format!(
                "the operator deployed {} = {} last{}",
                field.path,
                reconciled.get(&path).map_or("nothing", String::as_str),
                behind(resource)
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
