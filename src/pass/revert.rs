//! The revert of a change that hurts, asked for on the manifests as they are.

use super::base::Manifests;
use super::history::history;
use super::judge::Judged;
use super::locate::locate_again;
use super::owner::owner;
use super::settings::Settings;
use crate::flink::deployment::Deployment;
use crate::flink::field_path::FieldPath;
use crate::manifest::{Change, Located};
use crate::plan::{RevertRequest, merge_effect, restores};
use crate::ports::HistoryStore;
use crate::recommend::{Recommendation, Size};
use crate::record::{ChangeKind, EVIDENCE_SCHEMA, Evidence};
use crate::snapshot::LiveResource;
use crate::watch::{Assessment, Restoration, baseline, part_that_hurts};
use serde_json::json;
use std::collections::BTreeMap;

/// What is to be done about a change that hurts.
pub enum Revert {
    /// Propose this.
    Propose(Box<RevertRequest>),
    /// Nothing: its owner wants none, its fields are back already, or a person set them to something else. One sentence.
    LetBe(String),
}

/// The revert of a judged change. Restores exactly the fields that it set, where they still hold what it set, and where the job's
/// owner allows it.
///
/// # Errors
/// One sentence: why it could not be made.
pub fn revert(
    settings: &Settings,
    store: &impl HistoryStore,
    manifests: &Manifests<'_>,
    judged: &Judged,
    resource: Option<&LiveResource>,
    now_ms: i64,
) -> Result<Revert, String> {
    let Assessment::Regressed {
        live_since_ms,
        breaches,
    } = &judged.assessment
    else {
        return Ok(Revert::LetBe("it does not hurt".to_string()));
    };
    let job = &judged.record.job;
    let file = judged.record.fields.first();
    let file = file.map_or("", |field| field.file.as_str());
    let located = locate_again(settings, &manifests.catalog, job, file)
        .map_err(|refusal| refusal.to_string())?;
    if let Some(why) = owner(Some(&located), resource).bars() {
        return Ok(Revert::LetBe(format!("its revert is not opened: {why}")));
    }
    if part_that_hurts(&judged.evidence, breaches).is_empty() {
        return Ok(Revert::LetBe(
            "the change gave the job more and took nothing from it: going back would not help"
                .to_string(),
        ));
    }
    let restoration = restores(&judged.evidence, breaches, &located);
    if restoration.restore.is_empty() {
        return Ok(Revert::LetBe(let_be(&restoration)));
    }
    let history = history(settings, store, job, now_ms).map_err(|error| error.to_string())?;
    let evidence = Evidence {
        schema: EVIDENCE_SCHEMA.to_string(),
        plimsoll: env!("CARGO_PKG_VERSION").to_string(),
        kind: ChangeKind::Revert,
        job: job.clone(),
        at_ms: now_ms,
        fields: restoration.restore.clone(),
        saving: None,
        thresholds: judged.evidence.thresholds.clone(),
        baseline: baseline(&history),
        reverts: judged.record.change.clone(),
        digests: BTreeMap::new(),
        blocks: history
            .points
            .iter()
            .rev()
            .take(48)
            .rev()
            .cloned()
            .collect(),
        details: BTreeMap::from([("breaches".to_string(), json!(breaches))]),
    };
    Ok(Revert::Propose(Box::new(RevertRequest {
        effect: effect(&located, &restoration, judged, &history, now_ms)?,
        evidence,
        breaches: breaches.clone(),
        live_since_ms: *live_since_ms,
        pull_request: judged.record.pull_request.clone(),
    })))
}

fn let_be(restoration: &Restoration) -> String {
    if restoration.taken_over.is_empty() {
        "the fields that it set are back already".to_string()
    } else {
        let fields: Vec<&str> = restoration
            .taken_over
            .iter()
            .map(|field| field.field.path.as_str())
            .collect();
        format!(
            "a person has changed {} since: that is not fought over",
            fields.join(", ")
        )
    }
}

fn effect(
    located: &Located,
    restoration: &Restoration,
    judged: &Judged,
    history: &crate::snapshot::History,
    now_ms: i64,
) -> Result<crate::plan::MergeEffect, String> {
    let mut changes = Vec::new();
    for field in &restoration.restore {
        let path: FieldPath = field
            .path
            .parse()
            .map_err(|error| format!("{}: {error}", field.path))?;
        changes.extend(field.after.clone().map(|value| Change { path, value }));
    }
    let recommendation: Option<Recommendation> = judged
        .evidence
        .details
        .get("recommendation")
        .and_then(|value| serde_json::from_value(value.clone()).ok());
    let size = recommendation.map_or_else(Size::default, |recommendation| recommendation.now);
    Ok(match Deployment::from_value(&located.value) {
        Ok(deployment) => merge_effect(&deployment, &changes, &size, history, now_ms),
        Err(_) => crate::plan::MergeEffect {
            restarts: true,
            ..crate::plan::MergeEffect::default()
        },
    })
}
