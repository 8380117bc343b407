//! A planned change, or the revert of one, with the bytes of its edit → the whole [`Proposal`].

use super::revert::{self, RevertPage};
use super::rightsize;
use super::{Proposal, TemplateError};
use crate::plan::PlannedChange;
use crate::record::{
    ChangeKind, Evidence, EvidenceError, EvidenceFile, FieldChange, State, Trailers, branch,
    sha256_hex,
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
///
/// # Errors
/// When its evidence or its page can't be written.
pub fn rightsize(
    change: &PlannedChange,
    files: BTreeMap<String, Vec<u8>>,
) -> Result<Proposal, ProposalError> {
    let title = rightsize::title(change);
    let mut evidence = change.evidence.clone();
    evidence.details.insert("title".to_string(), json!(title));
    let draft = Draft {
        evidence,
        title,
        summary: rightsize::plain_summary(change),
        labels: &["plimsoll"],
        files,
    };
    draft.assemble(|written, trailers| {
        let rounded = PlannedChange {
            evidence: written.evidence.clone(),
            ..change.clone()
        };
        rightsize::body(&rounded, &written.digest, trailers)
    })
}

/// The pull request that takes a change back. `original` is that change's title, `page` what its own page is written from (but for digest
/// and trailers, which are made here), `files` are the edited manifests.
///
/// # Errors
/// When its evidence or its page can't be written.
pub fn revert(
    evidence: Evidence,
    original: &str,
    page: RevertPage<'_>,
    files: BTreeMap<String, Vec<u8>>,
) -> Result<Proposal, ProposalError> {
    let first = page.breaches.first();
    let draft = Draft {
        evidence,
        title: revert::title(original),
        summary: first.map_or_else(String::new, |breach| {
            breach.message.replace(['\n', '\r'], " ")
        }),
        labels: &["plimsoll", "plimsoll/revert"],
        files,
    };
    draft.assemble(|written, trailers| {
        revert::body(&RevertPage {
            digest: &written.digest,
            trailers,
            ..page
        })
    })
}

/// What every proposal is made of.
struct Draft {
    evidence: Evidence,
    title: String,
    /// One sentence for the commit message, without markup.
    summary: String,
    labels: &'static [&'static str],
    /// The edited manifests.
    files: BTreeMap<String, Vec<u8>>,
}

impl Draft {
    /// The whole proposal: evidence, trailers, state block and page in one.
    fn assemble(
        self,
        page: impl FnOnce(&EvidenceFile, &str) -> Result<String, TemplateError>,
    ) -> Result<Proposal, ProposalError> {
        let (title, summary) = (self.title, self.summary);
        let kind = self.evidence.kind;
        let fingerprint = fingerprint(kind, &self.evidence.job, &self.evidence.fields);
        let written = self.evidence.to_file()?;
        let trailers = Trailers::new(&written.evidence, &written.digest).to_string();
        let body = page(&written, &trailers)?;
        let job = self.evidence.job;
        let state = State {
            plimsoll: self.evidence.plimsoll,
            kind,
            job: job.clone(),
            fingerprint: fingerprint.clone(),
            change: written.digest.clone(),
        };
        let mut files = self.files;
        files.insert(written.path, written.bytes);
        Ok(Proposal {
            kind,
            branch: branch(kind, &job),
            job,
            commit_message: format!("{title}\n\n{summary}\n\n{trailers}\n"),
            body: format!("{}\n\n{}\n", body.trim_end(), state.block()),
            title,
            files,
            labels: self.labels.iter().map(ToString::to_string).collect(),
            fingerprint,
            change: written.digest,
        })
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
