//! Changes with evidence: the commits of the base branch that brought it.

use super::believed::doubt;
use super::by_hand::Resources;
use super::change::{ChangeRecord, Outcome};
use super::found::{Found, Sources};
use crate::record::{AUTHOR_NAME, Commit, Event, Evidence, evidence_digest};

/// A commit made by a forge on somebody's behalf is its author's.
const FORGES: [&str; 2] = ["GitHub", "GitLab"];

/// What history shows of evidence.
pub(super) struct Merged {
    /// The changes, in order of history.
    pub(super) changes: Vec<Found>,
    /// Earlier forms of them that were never in force by themselves.
    pub(super) replaced: Vec<Found>,
    /// What could not be read.
    pub(super) problems: Vec<String>,
}

/// The changes with evidence.
pub(super) fn changes(sources: Sources<'_>, resources: &Resources<'_>) -> Merged {
    let mut found: Vec<Found> = Vec::new();
    let mut replaced = Vec::new();
    let mut problems = Vec::new();
    for (position, commit) in sources.commits.iter().enumerate() {
        let mut added = Vec::new();
        let mut removed = Vec::new();
        let mut earlier = Vec::new();
        for (path, file) in &commit.files {
            let Some(digest) = evidence_digest(path) else {
                continue;
            };
            match (&file.before, &file.after) {
                (None, Some(bytes)) => match Evidence::from_file(path, bytes) {
                    Ok(evidence) => added.push((digest.to_string(), evidence)),
                    Err(error) => problems.push(format!("commit {}: {}", short(&commit.id), chain(&error))),
                },
                (Some(_), Some(_)) => problems.push(format!(
                    "commit {}: evidence `{path}` was changed after it was written; the first form counts",
                    short(&commit.id)
                )),
                (Some(bytes), None) => {
                    removed.push(digest.to_string());
                    earlier.extend(Evidence::from_file(path, bytes).ok());
                }
                (None, None) => {}
            }
        }
        // An update of an open pull request takes the earlier evidence away in the commit that brings the new one: where the branch
        // was fast-forwarded or rebased that is seen here, and the earlier one was never in force.
        replaced.extend(found.extract_if(.., |change| {
            let digest = change.record.change.as_ref();
            let gone = digest.is_some_and(|digest| removed.contains(digest));
            gone && added
                .iter()
                .any(|(_, evidence)| evidence.job == change.record.job)
        }));
        added.retain(|(digest, evidence)| {
            let doubt = doubt(evidence, digest, commit, &earlier, sources.ledger, resources);
            if let Some(why) = &doubt {
                problems.push(format!(
                    "commit {}: the evidence {} is not believed: {why}; the change is nobody's of Plimsoll, and is not watched",
                    short(&commit.id),
                    short(digest)
                ));
            }
            doubt.is_none()
        });
        for (digest, evidence) in added {
            let known = found
                .iter()
                .any(|change| change.record.change.as_ref() == Some(&digest));
            if !known {
                let record = record(digest, evidence, commit, sources);
                found.push(Found {
                    position: (position, 0),
                    record,
                });
            }
        }
    }
    Merged {
        changes: found,
        replaced,
        problems,
    }
}

fn record(
    digest: String,
    evidence: Evidence,
    commit: &Commit,
    sources: Sources<'_>,
) -> ChangeRecord {
    let entries = || sources.ledger.iter().filter(|entry| entry.change == digest);
    let merge = entries().find_map(|entry| match &entry.event {
        Event::Merged {
            by, pull_request, ..
        } => Some((entry.at_ms, by.clone(), pull_request.clone())),
        _ => None,
    });
    let live_since_ms = entries()
        .find(|entry| entry.event == Event::Live)
        .map(|entry| entry.at_ms);
    let merged_at_ms = match &merge {
        Some((at_ms, _, _)) => *at_ms,
        // Where the evidence is from the future the order of both ends is not ours to mend.
        None => commit.at_ms.min(sources.now_ms).max(evidence.at_ms),
    };
    let by_ledger = merge
        .as_ref()
        .map(|(_, by, _)| by.clone())
        .filter(|by| !by.is_empty());
    let saving = evidence.saving.as_ref();
    ChangeRecord {
        change: Some(digest),
        job: evidence.job,
        kind: Some(evidence.kind),
        commit: commit.id.clone(),
        merged_at_ms,
        merged_by: by_ledger.or_else(|| person(commit)),
        pull_request: merge.and_then(|(_, _, pull_request)| pull_request),
        fields: evidence.fields,
        live_since_ms,
        predicted_per_month: saving
            .map(|saving| saving.cost_before_per_month - saving.cost_after_per_month),
        realised_per_month: None,
        currency: saving.map(|saving| saving.currency.clone()),
        outcome: Outcome::Watching,
        reverts: evidence.reverts,
        reverted_by: None,
        superseded_by: None,
        reasons: Vec::new(),
    }
}

/// The person behind a commit, if one can be told.
pub(super) fn person(commit: &Commit) -> Option<String> {
    let committer = commit.committer.as_str();
    let name = if committer == AUTHOR_NAME || FORGES.contains(&committer) {
        commit.author.as_str()
    } else {
        committer
    };
    // An App's account is nobody who merged.
    let is_person = name != AUTHOR_NAME && !name.ends_with("[bot]");
    (is_person && !FORGES.contains(&name) && !name.is_empty()).then(|| name.to_string())
}

/// The first digits of a commit's id.
pub(super) fn short(id: &str) -> &str {
    id.get(..10).unwrap_or(id)
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text += &format!(": {cause}");
        source = cause.source();
    }
    text
}
