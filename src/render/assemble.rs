//! A planned change with the bytes of its edit → the whole [`Proposal`].

use super::rightsize;
use super::{Proposal, TemplateError};
use crate::plan::{PlannedChange, stance};
use crate::record::{
    BODY_BEGIN, ChangeKind, EvidenceError, FieldChange, State, Trailers, branch, sha256_hex,
};
use crate::snapshot::JobKey;
use serde_json::json;
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

/// The pull request of a planned change. `files` are the edited manifests.
pub fn rightsize(
    change: &PlannedChange,
    mut files: BTreeMap<String, Vec<u8>>,
) -> Result<Proposal, ProposalError> {
    let title = rightsize::title(change);
    let mut evidence = change.evidence.clone();
    evidence.details.insert("title".to_string(), json!(title));
    let written = evidence.to_file()?;
    let job = &evidence.job;
    let fingerprint = fingerprint(ChangeKind::Rightsize, job, &change.fields);
    let trailers = Trailers::new(&written.evidence, &written.digest).to_string();
    let state = State {
        plimsoll: evidence.plimsoll.clone(),
        kind: ChangeKind::Rightsize,
        job: job.clone(),
        fingerprint: fingerprint.clone(),
        change: written.digest.clone(),
        reverts: None,
        stance: Some(Box::new(stance(change))),
    };
    let rounded = PlannedChange {
        evidence: written.evidence.clone(),
        ..change.clone()
    };
    let body = rightsize::body(&rounded, &written.digest, &trailers)?;
    files.insert(written.path, written.bytes);
    Ok(Proposal {
        kind: ChangeKind::Rightsize,
        job: job.clone(),
        branch: branch(ChangeKind::Rightsize, job),
        commit_message: format!(
            "{title}\n\n{}\n\n{trailers}\n",
            rightsize::plain_summary(change)
        ),
        body: format!("{BODY_BEGIN}\n{}\n\n{}\n", body.trim_end(), state.block()),
        title,
        files,
        labels: vec!["plimsoll".to_string()],
        fingerprint,
        change: written.digest,
    })
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
