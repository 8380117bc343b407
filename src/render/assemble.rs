//! A change that was checked, with the bytes of its edit → the whole [`Proposal`]. Branch, title, body and paths are made here and nowhere
//! else, from the change's own job and evidence.

use super::revert::{self, RevertPage};
use super::rightsize;
use super::{Proposal, TemplateError};
use crate::plan::{CheckedEdit, CheckedRevert, PlannedChange, RevertRequest, stance};
use crate::record::{
    BODY_BEGIN, ChangeKind, Evidence, EvidenceError, EvidenceFile, FieldChange, Stance, State,
    Trailers, branch, sha256_hex,
};
use crate::snapshot::JobKey;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Why a proposal could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ProposalError {
    /// Its evidence could not.
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
    /// Its page could not.
    #[error(transparent)]
    Page(#[from] TemplateError),
}

/// The pull request of a planned change with its checked edit.
///
/// # Errors
/// When its evidence or its page can't be written.
pub fn rightsize(change: &PlannedChange, edit: CheckedEdit) -> Result<Proposal, ProposalError> {
    let title = rightsize::title(change);
    let mut evidence = change.evidence.clone();
    evidence.details.insert("title".to_string(), json!(title));
    let written = evidence.to_file()?;
    let trailers = Trailers::new(&written.evidence, &written.digest).to_string();
    let rounded = PlannedChange {
        evidence: written.evidence.clone(),
        ..change.clone()
    };
    let page = Page {
        body: rightsize::body(&rounded, &written.digest, &trailers)?,
        summary: rightsize::plain_summary(change),
        title,
        trailers,
        labels: &["plimsoll"],
        stance: Some(stance(change)),
    };
    Ok(proposal(&evidence, written, page, edit.files))
}

/// The pull request of a revert that was asked for and checked.
///
/// # Errors
/// When its evidence or its page can't be written.
pub fn revert(request: &RevertRequest, checked: CheckedRevert) -> Result<Proposal, ProposalError> {
    let evidence = &request.evidence;
    let written = evidence.to_file()?;
    let trailers = Trailers::new(&written.evidence, &written.digest).to_string();
    let body = revert::body(&RevertPage {
        original: &checked.original,
        original_digest: &checked.original_digest,
        pull_request: request.pull_request.as_deref(),
        breaches: &request.breaches,
        restoration: &checked.restoration,
        effect: &request.effect,
        live_since_ms: request.live_since_ms,
        now_ms: evidence.at_ms,
        digest: &written.digest,
        trailers: &trailers,
    })?;
    let first = request.breaches.first();
    let page = Page {
        title: revert::title(&title_of(&checked.original)),
        summary: first.map_or_else(String::new, |breach| {
            breach.message.replace(['\n', '\r'], " ")
        }),
        body,
        trailers,
        labels: &["plimsoll", "plimsoll/revert"],
        stance: None,
    };
    Ok(proposal(evidence, written, page, checked.files))
}

/// The title that a change was proposed with.
fn title_of(evidence: &Evidence) -> String {
    match evidence.details.get("title") {
        Some(Value::String(title)) => title.chars().filter(|c| !c.is_control()).collect(),
        _ => format!("rightsize({})", evidence.job.short()),
    }
}

/// What is shown of a change.
struct Page {
    title: String,
    summary: String,
    body: String,
    trailers: String,
    labels: &'static [&'static str],
    /// What a rightsizing advises.
    stance: Option<Stance>,
}

fn proposal(
    evidence: &Evidence,
    written: EvidenceFile,
    page: Page,
    mut files: BTreeMap<String, Vec<u8>>,
) -> Proposal {
    let (kind, job) = (evidence.kind, &evidence.job);
    let fingerprint = fingerprint(kind, job, &evidence.fields);
    let state = State {
        plimsoll: evidence.plimsoll.clone(),
        kind,
        job: job.clone(),
        fingerprint: fingerprint.clone(),
        change: written.digest.clone(),
        reverts: evidence.reverts.clone(),
        stance: page.stance.map(Box::new),
    };
    files.insert(written.path, written.bytes);
    Proposal {
        kind,
        job: job.clone(),
        branch: branch(kind, job),
        commit_message: format!("{}\n\n{}\n\n{}\n", page.title, page.summary, page.trailers),
        body: format!(
            "{BODY_BEGIN}\n{}\n\n{}\n",
            page.body.trim_end(),
            state.block()
        ),
        title: page.title,
        files,
        labels: page.labels.iter().map(ToString::to_string).collect(),
        fingerprint,
        change: written.digest,
    }
}

/// What a change comes down to: kind, job and the values that it sets. Numbers that move from run to run without moving those (load,
/// saving, probability) are no new findings.
pub fn fingerprint(kind: ChangeKind, job: &JobKey, fields: &[FieldChange]) -> String {
    let values: Vec<_> = fields
        .iter()
        .map(|field| json!([field.file, field.path, field.before, field.after]))
        .collect();
    sha256_hex(
        json!([kind, job.to_string(), values])
            .to_string()
            .as_bytes(),
    )
}
