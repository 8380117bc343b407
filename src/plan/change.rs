//! A recommendation that the rules let pass → the fields it changes, the diff, what merging does, the evidence.

use super::evidence::evidence;
use super::item::PlannedChange;
use super::job::Question;
use super::{fields, merging};
use crate::flink::deployment::Deployment;
use crate::manifest::{self, Change, Located, Refusal};
use crate::policy::Decision;
use crate::recommend::{Advice, Present, Recommendation, side_by_side};
use crate::record::FieldChange;

/// The manifest that is to change, with what is known of its job.
pub(super) struct Target<'a> {
    pub(super) located: &'a Located,
    /// Its object, with what a chart sets filled in from what runs.
    pub(super) object: &'a serde_json::Value,
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
            self.object,
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
        let edited = self.asked.catalog.change(located, &changes, creates)?;
        let Some((file, _)) = edited.files.first_key_value() else {
            return Ok(None);
        };
        let diff = edited
            .files
            .iter()
            .map(|(path, bytes)| {
                let before = self.asked.catalog.bytes(path);
                manifest::unified(path, before, bytes, &shown(located, &changes))
            })
            .collect::<String>();
        let fields: Vec<FieldChange> = changes
            .iter()
            .map(|change| FieldChange {
                file: self.file_of(change, creates, edited.files.len(), file),
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

impl Target<'_> {
    /// The file that a change goes into, where an edit touches several: one change alone touches its own.
    fn file_of(&self, change: &Change, creates: bool, files: usize, first: &str) -> String {
        if files < 2 {
            return first.to_owned();
        }
        let alone = std::slice::from_ref(change);
        let edited = self.asked.catalog.change(self.located, alone, creates);
        let file = edited
            .ok()
            .and_then(|edited| edited.files.into_keys().next());
        file.unwrap_or_else(|| first.to_owned())
    }
}

/// The last keys of what changes, as the files spell them: their values may be shown in a diff.
fn shown(located: &Located, changes: &[Change]) -> Vec<String> {
    let mut keys: Vec<String> = Vec::new();
    for path in changes.iter().map(|change| &change.path) {
        let mapped = located.values.iter().filter_map(|layer| layer.key_of(path));
        let own = mapped.map(|(key, option)| option.or(key.last_key().map(str::to_owned)));
        keys.extend(own.flatten());
        if let Some(key) = path.last_key() {
            keys.push(key.to_owned());
            // Options may be spelled as nested keys.
            keys.extend(key.rsplit('.').next().map(str::to_owned));
        }
    }
    keys
}
