//! The list of pull requests, asked for once: an idle run asks nothing of each one.

use super::answers::PullAnswer;
use super::pulls::shown;
use crate::clients::repository::GitRepository;
use crate::ports::{ForgeError, PullRequest};
use crate::record::sha256_hex;
use crate::render::Proposal;
use std::collections::{BTreeMap, BTreeSet};

const BEGIN: &str = "<!-- plimsoll:head ";
const END: &str = " -->";
const STATE: &str = "<!-- plimsoll:state ";

/// What was listed, and what was asked of single ones since.
#[derive(Debug, Default)]
pub(super) struct Listed {
    pub(super) pulls: Vec<PullAnswer>,
    /// Whether an open one holds a person's commits, by number, where that had to be asked.
    pub(super) foreign: BTreeMap<u64, bool>,
}

impl Listed {
    /// The heads of ended ones of a branch.
    pub(super) fn ended(&self, branch: &str) -> BTreeSet<String> {
        self.pulls
            .iter()
            .filter(|pull| pull.state != "open" && pull.head.branch == branch)
            .map(|pull| pull.head.sha.clone())
            .collect()
    }

    /// Takes over what became of one.
    pub(super) fn put(&mut self, pull: PullAnswer) {
        self.foreign.remove(&pull.number);
        self.pulls.retain(|other| other.number != pull.number);
        let at = self
            .pulls
            .partition_point(|other| other.number > pull.number);
        self.pulls.insert(at, pull);
    }

    /// As the port shows them.
    pub(super) fn shown(&self) -> Vec<PullRequest> {
        self.pulls
            .iter()
            .map(|pull| PullRequest {
                has_foreign_commits: self.foreign.get(&pull.number).copied().unwrap_or(false),
                ..shown(pull)
            })
            .collect()
    }
}

/// A body that says which commit was written last, and on which files of the base.
pub(super) fn with_head(body: &str, head: &str, made_on: &str) -> String {
    let line = format!("{BEGIN}{head} {made_on}{END}");
    match body.rfind(STATE) {
        Some(at) => format!("{}{line}\n{}", &body[..at], &body[at..]),
        None => body.to_string(),
    }
}

/// Whether the head of one is the commit that was written last, as its body says. Anybody may write that: it spares asking, and is checked
/// before anything is written.
pub(super) fn is_head_ours(pull: &PullAnswer) -> bool {
    head_of(pull).is_some_and(|(head, _)| head == pull.head.sha)
}

/// Whether the files of the base are those that the last commit was made on: then nothing conflicts.
pub(super) fn is_made_on(pull: &PullAnswer, made_on: &str) -> bool {
    head_of(pull).is_some_and(|(_, there)| there == made_on)
}

fn head_of(pull: &PullAnswer) -> Option<(&str, &str)> {
    let body = pull.body.as_deref()?;
    let rest = &body[body.rfind(BEGIN)? + BEGIN.len()..];
    rest[..rest.find(END)?].split_once(' ')
}

/// What a proposal's files are in the clone's base, in a few digits.
///
/// # Errors
/// When the clone can't be read.
pub(super) fn made_on(clone: &GitRepository, proposal: &Proposal) -> Result<String, ForgeError> {
    let mut text = String::new();
    let manifests = proposal
        .files
        .keys()
        .filter(|path| !path.starts_with(".plimsoll/"));
    for path in manifests {
        let id = clone.entry_id(path).map_err(|error| ForgeError {
            place: error.place,
            reason: error.reason,
        })?;
        text += &format!("{path}\n{}\n", id.unwrap_or_default());
    }
    Ok(sha256_hex(text.as_bytes())[..12].to_string())
}
