//! Whether a job may be changed, as its owner and its past have it.

use super::{Books, Settings};
use crate::audit::{ChangeRecord, Outcome};
use crate::flink::deployment::Deployment;
use crate::manifest::Located;
use crate::plan::Rooms;
use crate::policy::{Mode, Standing};
use crate::recommend::{Recommendation, RevertedSize};
use crate::snapshot::{History, JobKey};

/// What its owner, its past changes and its latest look say of a job.
pub(super) fn standing(
    settings: &Settings,
    books: &Books,
    changes: &[&ChangeRecord],
    job: &JobKey,
    located: Option<&Located>,
    history: &History,
    rooms: &Rooms,
) -> Standing {
    let deployment = located.and_then(|located| Deployment::from_value(&located.value).ok());
    let wishes = deployment.as_ref().map(Deployment::wishes);
    let wished = wishes.as_ref().and_then(|wishes| wishes.mode.as_deref());
    let mode = match wished {
        Some("ignore") => Mode::Ignore,
        Some("report") => Mode::Report,
        Some("propose") if settings.mode != Mode::Ignore => Mode::Propose,
        _ => settings.mode,
    };
    let own = changes
        .iter()
        .copied()
        .filter(|change| change.change.is_some());
    let checkpoints = history
        .latest_running
        .as_ref()
        .and_then(|snapshot| snapshot.checkpoints.as_ref());
    Standing {
        mode,
        mode_reason: wishes.as_ref().and_then(|wishes| wishes.reason.clone()),
        tier: wishes
            .as_ref()
            .and_then(|wishes| wishes.tier.clone())
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
        hold_until_ms: wishes
            .as_ref()
            .and_then(|wishes| wishes.hold_until.as_deref())
            .and_then(date_ms),
        autoscaler: deployment
            .as_ref()
            .is_some_and(Deployment::autoscaler_enabled),
        last_merged_ms: own.clone().map(|change| change.merged_at_ms).max(),
        observation_window_ms: i64::try_from(rooms.watch.window.millis()).unwrap_or(i64::MAX),
        reverted: own
            .filter(|change| change.outcome == Outcome::Reverted)
            .filter_map(|change| reverted_size(books, change.change.as_deref()?))
            .collect(),
        last_checkpoint_ms: checkpoints.and_then(|checkpoints| checkpoints.latest_completed_at_ms),
        checkpointing: checkpoints.is_some_and(|checkpoints| checkpoints.interval_ms.is_some()),
    }
}

/// A date (`2026-12-01`) or a time, as Unix milliseconds.
fn date_ms(text: &str) -> Option<i64> {
    let time = text.parse::<jiff::Timestamp>().ok();
    let day = || {
        let date = text.parse::<jiff::civil::Date>().ok()?;
        Some(date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
    };
    time.or_else(day).map(|time| time.as_millisecond())
}

fn reverted_size(books: &Books, digest: &str) -> Option<RevertedSize> {
    let evidence = books.evidence(digest).ok()?;
    let recommendation: Recommendation =
        serde_json::from_value(evidence.details.get("recommendation")?.clone()).ok()?;
    Some(RevertedSize {
        size: recommendation.proposed,
        load_per_second: recommendation.demand.load_per_second,
    })
}
