//! The evidence of a planned change.

use super::change::Target;
use crate::policy::Decision;
use crate::recommend::{Recommendation, SideBySide};
use crate::record::{ChangeKind, EVIDENCE_SCHEMA, Evidence, FieldChange, SavingRecord, sha256_hex};
use crate::snapshot::Point;
use crate::watch::{baseline, thresholds};
use std::collections::BTreeMap;

/// Blocks of the history in the evidence, before it is made to fit.
const EVIDENCE_BLOCKS: usize = 96;

/// Everything that backs a recommendation, as it goes into the change's own commit.
pub(super) fn evidence(
    target: &Target<'_>,
    recommendation: &Recommendation,
    evaluators: &SideBySide,
    decision: &Decision,
    fields: Vec<FieldChange>,
) -> Evidence {
    let asked = target.asked;
    let history = asked.facts.history;
    let told = &asked.rooms.evaluate.told;
    let details = [
        ("profile", serde_json::to_value(asked.profile)),
        ("recommendation", serde_json::to_value(recommendation)),
        ("decision", serde_json::to_value(decision)),
        ("evaluators", serde_json::to_value(evaluators)),
    ]
    .into_iter()
    .chain((!told.is_empty()).then(|| ("plugins", serde_json::to_value(told))));
    let digest = serde_json::to_vec(&history.points).map(|bytes| sha256_hex(&bytes));
    Evidence {
        schema: EVIDENCE_SCHEMA.to_string(),
        plimsoll: env!("CARGO_PKG_VERSION").to_string(),
        kind: ChangeKind::Rightsize,
        job: recommendation.job.clone(),
        at_ms: asked.now_ms,
        fields,
        saving: Some(SavingRecord {
            cost_before_per_month: recommendation.cost_now.per_month,
            cost_after_per_month: recommendation.cost_proposed.per_month,
            low_per_month: recommendation.saving.low,
            high_per_month: recommendation.saving.high,
            currency: recommendation.saving.currency.clone(),
        }),
        thresholds: thresholds(&asked.rooms.watch, history),
        baseline: baseline(history),
        reverts: None,
        digests: digest
            .map(|digest| BTreeMap::from([("points".to_string(), digest)]))
            .unwrap_or_default(),
        blocks: blocks(&history.points),
        details: details
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_string(), value.ok()?)))
            .collect(),
    }
}

/// The history in few blocks of equal length.
fn blocks(points: &[Point]) -> Vec<Point> {
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return Vec::new();
    };
    let length = ((last.to_ms - first.from_ms) / EVIDENCE_BLOCKS as i64).max(3_600_000);
    points
        .chunk_by(|a, b| {
            (a.from_ms - first.from_ms) / length == (b.from_ms - first.from_ms) / length
        })
        .filter_map(Point::merge)
        .collect()
}
