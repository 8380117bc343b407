//! What people said with their own hands: a commit that moves a field of ours back, or past where it was, is a no to that direction.

use super::by_hand::same_field;
use super::change::ChangeRecord;
use crate::plan::{Opinion, Said};
use crate::record::{ChangeKind, FieldChange};
use crate::watch::{Way, way};

/// How many observation windows a change by hand is heeded for.
const WINDOWS: i64 = 3;

/// The opinion in the changes of one job, oldest first, with the digest of the change that it is about. Only the newest counts, and only while
/// nothing of ours was merged after it.
pub fn by_hand(changes: &[&ChangeRecord], window_ms: i64) -> Option<(String, Opinion)> {
    let at = changes
        .iter()
        .rposition(|change| change.kind == Some(ChangeKind::Rightsize))?;
    let ours = changes[at];
    let digest = ours.change.clone()?;
    let mut opinion = None;
    for theirs in changes[at + 1..]
        .iter()
        .filter(|change| change.kind.is_none())
    {
        let Some((set, field)) = against(ours, theirs) else {
            continue;
        };
        let who = theirs.merged_by.as_deref().unwrap_or("a person");
        let commit = theirs.commit.get(..10).unwrap_or(&theirs.commit);
        opinion = Some(Opinion {
            said: Said::ByHand,
            told: format!(
                "{who} set {} to {} by hand (commit {commit}) after Plimsoll had set it to {}",
                field.path,
                shown(field),
                shown(set)
            ),
            at_ms: theirs.merged_at_ms,
            until_ms: Some(
                theirs
                    .merged_at_ms
                    .saturating_add(window_ms.saturating_mul(WINDOWS)),
            ),
            grows: ours.predicted_per_month.is_some_and(|saved| saved < 0.0),
            stance: None,
        });
    }
    Some((digest, opinion?))
}

/// The first field that a person moved against what ours did to it: what ours set, and what they set.
fn against<'a>(
    ours: &'a ChangeRecord,
    theirs: &'a ChangeRecord,
) -> Option<(&'a FieldChange, &'a FieldChange)> {
    theirs.fields.iter().find_map(|field| {
        let set = ours
            .fields
            .iter()
            .find(|set| same_field(&set.path, &field.path))?;
        let back = crate::watch::same_value(&set.path, field.after.as_ref(), set.before.as_ref());
        let moves = (way(set), way(field));
        let opposite = matches!(
            moves,
            (Way::Bigger, Way::Smaller) | (Way::Smaller, Way::Bigger)
        );
        (back || opposite).then_some((set, field))
    })
}

fn shown(field: &FieldChange) -> String {
    match &field.after {
        None => "nothing".to_string(),
        Some(serde_json::Value::String(text)) => format!("`{text}`"),
        Some(other) => format!("`{other}`"),
    }
}
