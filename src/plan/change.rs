//! A recommendation that the rules let pass → the fields it changes, the diff, what merging does, the evidence.

use super::evidence::evidence;
use super::item::PlannedChange;
use super::job::Question;
use super::{fields, merging};
use crate::flink::deployment::Deployment;
use crate::manifest::{self, EditOptions, Located, Refusal};
use crate::policy::Decision;
use crate::recommend::{Advice, Present, Recommendation, side_by_side};
use crate::record::FieldChange;

/// The manifest that is to change, with what is known of its job.
pub(super) struct Target<'a> {
    pub(super) located: &'a Located,
    pub(super) deployment: &'a Deployment,
    pub(super) present: &'a Present,
    pub(super) asked: &'a Question<'a>,
}

impl Target<'_> {
    /// The change; none where the manifest says so already. Whether the owner wants changes at all was asked before: who asked
    /// for reports only still reads what would change, or why it would be refused.
    pub(super) fn planned(
        &self,
        recommendation: Recommendation,
        decision: Decision,
    ) -> Result<Option<PlannedChange>, Refusal> {
        let profile = self.asked.profile;
        let located = self.located;
        let changes = fields::changes(
            self.deployment,
            &located.value,
            &recommendation.now,
            &recommendation.proposed,
        )
        .map_err(|error| {
            Refusal::new(
                manifest::Code::ParseError,
                error.to_string(),
                "mend the manifest",
            )
            .at(&located.file, located.line)
        })?;
        manifest::check_fields(located, &changes)?;
        let creates = changes
            .iter()
            .any(|change| fields::value_at(&located.value, &change.path).is_none());
        let options = EditOptions {
            create: creates,
            file: Some(located.file.clone()),
            map: located.values.clone(),
        };
        let edited = self.asked.catalog.edit(&located.key, &changes, &options)?;
        let Some((file, _)) = edited.files.first_key_value() else {
            return Ok(None);
        };
        let diff = edited
            .files
            .iter()
            .map(|(path, bytes)| unified(path, self.asked.catalog.bytes(path), bytes))
            .collect::<String>();
        let fields: Vec<FieldChange> = changes
            .iter()
            .map(|change| FieldChange {
                file: file.clone(),
                path: change.path.to_string(),
                before: fields::value_at(&located.value, &change.path),
                after: Some(change.value.clone()),
            })
            .collect();
        let history = self.asked.facts.history;
        let advice = Advice::Change(Box::new(recommendation));
        let evaluators = side_by_side(history, self.present, &advice, &self.asked.rooms.evaluate);
        let Advice::Change(recommendation) = advice else {
            return Ok(None);
        };
        let evidence = evidence(
            self,
            &recommendation,
            &evaluators,
            &decision,
            fields.clone(),
        );
        Ok(Some(PlannedChange {
            file: file.clone(),
            fields,
            creates,
            warnings: edited
                .warnings
                .iter()
                .map(|warning| format!("{}:{}: {}", warning.file, warning.line, warning.message))
                .collect(),
            diff,
            effect: merging::effect(
                self.deployment,
                &changes,
                &recommendation.proposed,
                history,
                self.asked.now_ms,
            ),
            profile: profile.clone(),
            recommendation: *recommendation,
            decision,
            evaluators,
            evidence,
        }))
    }
}

fn unified(path: &str, before: Option<&[u8]>, after: &[u8]) -> String {
    let before = String::from_utf8_lossy(before.unwrap_or_default()).into_owned();
    let after = String::from_utf8_lossy(after).into_owned();
    similar::TextDiff::from_lines(&before, &after)
        .unified_diff()
        .context_radius(2)
        .header(&format!("a/{path}"), &format!("b/{path}"))
        .to_string()
}
