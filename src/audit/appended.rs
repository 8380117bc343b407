//! What another job asks the ledger to learn, checked: each file must be an entry or a heartbeat as Plimsoll writes them, about a change that
//! git knows.

use super::Audit;
use crate::record::{
    ChangeKind, Event, Evidence, LedgerEntry, check_heartbeat, evidence_digest, is_heartbeat,
};
use crate::snapshot::JobKey;
use serde_json::Value;
use std::collections::BTreeMap;

/// How far the clocks of the two jobs may differ.
const CLOCKS_MS: i64 = 3_600_000;
/// The longest text in an entry, characters.
const LONGEST: usize = 4000;
/// The largest entry, bytes.
const LARGEST: usize = 64 * 1024;
/// The most reasons of an entry.
const MOST_REASONS: usize = 100;

/// The changes that git knows: those of the base branch's history, and those whose evidence is in its tree (a shallow clone has no history).
#[derive(Debug, Default)]
pub struct KnownChanges {
    changes: BTreeMap<String, Known>,
}

#[derive(Debug)]
struct Known {
    job: JobKey,
    kind: Option<ChangeKind>,
    commit: Option<String>,
}

impl KnownChanges {
    /// From an audit, and the files of the base branch.
    pub fn new(audit: &Audit, tree: &BTreeMap<String, Vec<u8>>) -> KnownChanges {
        let mut changes = BTreeMap::new();
        for (path, bytes) in tree {
            if let Some(digest) = evidence_digest(path)
                && let Ok(evidence) = Evidence::from_file(path, bytes)
            {
                let known = Known {
                    job: evidence.job,
                    kind: Some(evidence.kind),
                    commit: None,
                };
                changes.insert(digest.to_string(), known);
            }
        }
        for record in &audit.changes {
            if let Some(digest) = &record.change {
                let known = Known {
                    job: record.job.clone(),
                    kind: record.kind,
                    commit: Some(record.commit.clone()),
                };
                changes.insert(digest.clone(), known);
            }
        }
        KnownChanges { changes }
    }

    /// Why a file may not be appended to the ledger, if so: one sentence.
    pub fn refuse(&self, path: &str, bytes: &[u8], now_ms: i64) -> Option<String> {
        if is_heartbeat(path) {
            return check_heartbeat(path, bytes, now_ms.saturating_add(CLOCKS_MS));
        }
        let entry = match LedgerEntry::from_file(path, bytes) {
            Ok(entry) => entry,
            Err(error) => return Some(error.to_string()),
        };
        let wrong = |why: &str| Some(format!("ledger entry `{path}`: {why}"));
        // Compared as they are read: the last digit of a fraction may differ on the way.
        let written = serde_json::from_slice::<Value>(bytes).ok();
        if written.is_none()
            || written != serde_json::to_value(&entry).ok()
            || bytes.len() > LARGEST
        {
            return wrong("it is not written as Plimsoll writes entries");
        }
        let Some(known) = self.changes.get(&entry.change) else {
            return wrong(
                "git knows no such change: there is no evidence of it in the base branch",
            );
        };
        if known.job != entry.job {
            return wrong(&format!("that change is one of {}", known.job));
        }
        if entry.at_ms > now_ms.saturating_add(CLOCKS_MS) {
            return wrong("it lies in the future");
        }
        self.contradiction(&entry, known)
            .and_then(|why| wrong(&why))
    }

    /// What git says against an event.
    fn contradiction(&self, entry: &LedgerEntry, known: &Known) -> Option<String> {
        let is_text =
            |text: &str| text.chars().count() <= LONGEST && !text.chars().any(char::is_control);
        let of_job = |digest: &str, kind: Option<ChangeKind>| {
            self.changes.get(digest).is_some_and(|other| {
                other.job == entry.job && kind.is_none_or(|kind| other.kind == Some(kind))
            })
        };
        match &entry.event {
            Event::Merged {
                by,
                commit,
                pull_request,
            } => {
                let elsewhere = known
                    .commit
                    .as_ref()
                    .is_some_and(|known| !commit.is_empty() && commit != known);
                let text = is_text(by) && pull_request.as_deref().is_none_or(is_text);
                (elsewhere || !text)
                    .then(|| "it was merged by another commit, or its text is none".to_string())
            }
            Event::Regressed { reasons } => (reasons.len() > MOST_REASONS
                || reasons
                    .iter()
                    .any(|reason| reason.chars().count() > LONGEST))
            .then(|| "it gives more reasons than Plimsoll writes".to_string()),
            Event::Reverted { by } => (!of_job(by, Some(ChangeKind::Revert)) && !is_commit(by))
                .then(|| {
                    "what reverted it is neither a revert of the job nor a commit".to_string()
                }),
            Event::Superseded { by } => (!of_job(by, None) && !is_commit(by)).then(|| {
                "what took its place is neither a change of the job nor a commit".to_string()
            }),
            Event::Settled { currency, .. } => currency
                .as_deref()
                .is_some_and(|currency| !is_text(currency) || currency.len() > 16)
                .then(|| "its currency is none".to_string()),
            Event::Kept { pull_request } => (!is_text(pull_request))
                .then(|| "its pull request is none".to_string()),
            Event::NeverApplied { reason } => {
                (!is_text(reason)).then(|| "its reason is none".to_string())
            }
            // A no is heard from the forge itself, by whoever may write: nobody needs to be told of it.
            Event::Declined { .. } => Some(
                "that a person said no is read from the pull request itself, and is not taken from a file".to_string(),
            ),
            Event::Live | Event::Blind { .. } | Event::Gone => None,
        }
    }
}

/// Whether a text is the id of a commit.
fn is_commit(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
