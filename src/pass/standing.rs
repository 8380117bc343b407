//! Whether a job may be changed, as its owner and its past have it.

use super::base::Base;
use super::settings::Settings;
use crate::audit::{ChangeRecord, Outcome};
use crate::flink::deployment::Deployment;
use crate::manifest::Located;
use crate::owner::Owner;
use crate::plan::Rooms;
use crate::policy::Standing;
use crate::recommend::{Recommendation, RevertedSize};
use crate::snapshot::{History, JobKey};

/// A job that is planned, with what is known of it.
#[derive(Clone, Copy)]
pub(super) struct Considered<'a> {
    pub(super) job: &'a JobKey,
    pub(super) history: &'a History,
    pub(super) located: Option<&'a Located>,
    pub(super) owner: &'a Owner,
}

/// What its owner, its past changes and its latest look say of a job.
pub(super) fn standing(
    settings: &Settings,
    base: &Base,
    changes: &[&ChangeRecord],
    considered: Considered<'_>,
    rooms: &Rooms,
) -> Standing {
    let Considered {
        job,
        history,
        located,
        owner,
    } = considered;
    let deployment = located.and_then(|located| Deployment::from_value(&located.value).ok());
    let own = changes
        .iter()
        .copied()
        .filter(|change| change.change.is_some());
    let checkpoints = history
        .latest_running
        .as_ref()
        .and_then(|snapshot| snapshot.checkpoints.as_ref());
    Standing {
        mode: owner.mode(settings.mode),
        mode_reason: owner.reason.clone(),
        tier: owner
            .tier
            .clone()
            .or_else(|| settings.jobs.get(job).and_then(|entry| entry.tier.clone())),
        labels: deployment
            .as_ref()
            .map(|deployment| deployment.labels.clone())
            .unwrap_or_default(),
        annotations: deployment
            .as_ref()
            .map(|deployment| deployment.annotations.clone())
            .unwrap_or_default(),
        verdicts: Vec::new(),
        unreadable: owner.not_understood(),
        hold_until_ms: owner.hold_until_ms,
        autoscaler: deployment
            .as_ref()
            .is_some_and(Deployment::autoscaler_enabled),
        last_merged_ms: own.clone().map(|change| change.merged_at_ms).max(),
        observation_window_ms: i64::try_from(rooms.watch.window.millis()).unwrap_or(i64::MAX),
        reverted: own
            .filter(|change| change.outcome == Outcome::Reverted)
            .filter_map(|change| reverted_size(base, change.change.as_deref()?))
            .collect(),
        last_checkpoint_ms: checkpoints.and_then(|checkpoints| checkpoints.latest_completed_at_ms),
        checkpointing: checkpoints.is_some_and(|checkpoints| checkpoints.interval_ms.is_some()),
    }
}

fn reverted_size(base: &Base, digest: &str) -> Option<RevertedSize> {
    let evidence = base.evidence(digest).ok()?;
    let recommendation: Recommendation =
        serde_json::from_value(evidence.details.get("recommendation")?.clone()).ok()?;
    Some(RevertedSize {
        size: recommendation.proposed,
        load_per_second: recommendation.demand.load_per_second,
    })
}
