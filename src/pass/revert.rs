//! The revert of a change that hurts, as a proposal on the manifests as they are.

use super::history::history;
use super::locate::locate;
use super::{Books, Judged, Settings};
use crate::flink::deployment::Deployment;
use crate::flink::field_path::FieldPath;
use crate::manifest::{Catalog, Change, EditOptions, Located, Refusal, Tree};
use crate::plan::{merge_effect, value_at};
use crate::ports::HistoryStore;
use crate::recommend::{Recommendation, Size};
use crate::record::{
    BODY_BEGIN, ChangeKind, EVIDENCE_SCHEMA, Evidence, FieldChange, State, Trailers, branch,
};
use crate::render::revert::{self, RevertPage};
use crate::render::{Proposal, fingerprint};
use crate::watch::{Assessment, Restoration, baseline, part_that_hurts, restoration};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What is to be done about a change that hurts.
pub enum Revert {
    /// Propose this.
    Propose(Box<Proposal>),
    /// Nothing: its fields are back already, or a person set them to something else. One sentence.
    LetBe(String),
}

/// The revert of a judged change. Restores exactly the fields that it set, where they still hold what it set.
///
/// # Errors
/// One sentence: why it could not be made.
pub fn revert(
    settings: &Settings,
    store: &impl HistoryStore,
    books: &Books,
    judged: &Judged,
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
    let catalog = Catalog::read(&books.tree);
    let located = locate(settings, &catalog, job).map_err(|refusal| refusal.to_string())?;
    let current = |field: &FieldChange| {
        Some(value_at(
            &located.value,
            &field.path.parse::<FieldPath>().ok()?,
        ))
    };
    let answered = Evidence {
        fields: part_that_hurts(&judged.evidence, breaches),
        ..judged.evidence.clone()
    };
    if answered.fields.is_empty() {
        return Ok(Revert::LetBe(
            "the change gave the job more and took nothing from it: going back would not help"
                .to_string(),
        ));
    }
    let restoration = restoration(&answered, &current);
    if restoration.restore.is_empty() {
        return Ok(Revert::LetBe(let_be(&restoration)));
    }
    let (changes, added) = edit_of(&restoration)?;
    let mut files = restored(books, &located, &changes, &added)?;
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
    let written = evidence.to_file().map_err(|error| error.to_string())?;
    let original = original_title(judged);
    let title = revert::title(&original);
    let fingerprint = fingerprint(ChangeKind::Revert, job, &evidence.fields);
    let trailers = Trailers::new(&written.evidence, &written.digest).to_string();
    let effect = effect(&located, &changes, judged, &history, now_ms);
    let page = RevertPage {
        original: &judged.evidence,
        original_digest: judged.record.change.as_deref().unwrap_or("unknown"),
        pull_request: judged.record.pull_request.as_deref(),
        breaches,
        restoration: &restoration,
        effect: &effect,
        live_since_ms: *live_since_ms,
        now_ms,
        digest: &written.digest,
        trailers: &trailers,
    };
    let body = revert::body(&page).map_err(|error| error.to_string())?;
    let state = State {
        plimsoll: evidence.plimsoll.clone(),
        kind: ChangeKind::Revert,
        job: job.clone(),
        fingerprint: fingerprint.clone(),
        change: written.digest.clone(),
        reverts: judged.record.change.clone(),
        stance: None,
    };
    files.insert(written.path, written.bytes);
    let first = breaches
        .first()
        .map_or("", |breach| breach.message.as_str());
    Ok(Revert::Propose(Box::new(Proposal {
        kind: ChangeKind::Revert,
        job: job.clone(),
        branch: branch(ChangeKind::Revert, job),
        commit_message: format!(
            "{title}\n\n{}\n\n{trailers}\n",
            first.replace(['\n', '\r'], " ")
        ),
        body: format!("{BODY_BEGIN}\n{}\n\n{}\n", body.trim_end(), state.block()),
        title,
        files,
        labels: vec!["plimsoll".to_string(), "plimsoll/revert".to_string()],
        fingerprint,
        change: written.digest,
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

/// The edit that restores: fields with a value before are set to it, those that the change added are taken away again.
fn edit_of(restoration: &Restoration) -> Result<(Vec<Change>, Vec<FieldPath>), String> {
    let mut changes = Vec::new();
    let mut added = Vec::new();
    for field in &restoration.restore {
        let path: FieldPath = field
            .path
            .parse()
            .map_err(|error| format!("{}: {error}", field.path))?;
        match &field.after {
            Some(value) => changes.push(Change {
                path,
                value: value.clone(),
            }),
            None => added.push(path),
        }
    }
    Ok((changes, added))
}

/// The files with that edit made.
fn restored(
    books: &Books,
    located: &Located,
    changes: &[Change],
    added: &[FieldPath],
) -> Result<Tree, String> {
    let refused = |refusal: Refusal| refusal.to_string();
    let file = Some(located.file.as_str());
    let options = EditOptions {
        file: Some(located.file.clone()),
        map: located.values.clone(),
        ..EditOptions::default()
    };
    let mut files = Catalog::read(&books.tree)
        .edit(&located.key, changes, &options)
        .map_err(refused)?
        .files;
    for path in added {
        let mut tree = books.tree.clone();
        tree.extend(files.clone());
        let less = Catalog::read(&tree)
            .remove(&located.key, path, file)
            .map_err(refused)?;
        files.extend(less);
    }
    Ok(files)
}

fn original_title(judged: &Judged) -> String {
    match judged.evidence.details.get("title") {
        Some(Value::String(title)) => title.clone(),
        _ => format!("rightsize({})", judged.record.job.short()),
    }
}

fn effect(
    located: &Located,
    changes: &[Change],
    judged: &Judged,
    history: &crate::snapshot::History,
    now_ms: i64,
) -> crate::plan::MergeEffect {
    let recommendation: Option<Recommendation> = judged
        .evidence
        .details
        .get("recommendation")
        .and_then(|value| serde_json::from_value(value.clone()).ok());
    let size = recommendation.map_or_else(Size::default, |recommendation| recommendation.now);
    match Deployment::from_value(&located.value) {
        Ok(deployment) => merge_effect(&deployment, changes, &size, history, now_ms),
        Err(_) => crate::plan::MergeEffect {
            restarts: true,
            ..crate::plan::MergeEffect::default()
        },
    }
}
