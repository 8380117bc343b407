//! Changes without evidence: a commit that changed a job's resources by hand.

use super::change::{ChangeRecord, Outcome};
use super::found::{Found, Sources};
use super::merged::{person, short};
use crate::record::{Commit, FieldChange};
use crate::snapshot::JobKey;
use crate::watch::same_value;
use serde_json::Value;
use std::collections::BTreeMap;

/// The resource fields of one job in a manifest: field path → value.
#[derive(Debug, Clone, PartialEq)]
pub struct JobResources {
    /// Which job.
    pub job: JobKey,
    /// The fields that size it, those that are there.
    pub fields: BTreeMap<String, Value>,
    /// The whole object, where any field of it may be asked for; without it only `fields` are known.
    pub object: Option<Value>,
}

/// Reads the jobs' resources from a manifest (path, bytes).
pub type Resources<'a> = dyn Fn(&str, &[u8]) -> Vec<JobResources> + 'a;

/// A job's fields with the file that each stands in.
type Fields = BTreeMap<String, (String, Value)>;

/// The changes by hand, given those with evidence. A job that comes, goes or moves to another file is none.
pub(super) fn changes(
    sources: Sources<'_>,
    ours: &[&Found],
    resources: &Resources<'_>,
) -> Vec<Found> {
    let mut found = Vec::new();
    for (position, commit) in sources.commits.iter().enumerate() {
        let before = read(commit, resources, |file| file.before.as_deref());
        let after = read(commit, resources, |file| file.after.as_deref());
        for (job, now) in &after {
            let Some(then) = before.get(job) else {
                continue;
            };
            let explained: Vec<&FieldChange> = ours
                .iter()
                .filter(|change| change.position.0 == position && change.record.job == *job)
                .flat_map(|change| &change.record.fields)
                .collect();
            let fields: Vec<FieldChange> = differences(then, now)
                .into_iter()
                .filter(|field| {
                    !explained
                        .iter()
                        .any(|other| same_field(&other.path, &field.path))
                })
                .collect();
            if !fields.is_empty() {
                let record = record(job, fields, commit, sources.now_ms);
                found.push(Found {
                    position: (position, 1),
                    record,
                });
            }
        }
    }
    found
}

/// Whether two spellings name one field: `flinkConfiguration.a.b` and `flinkConfiguration["a.b"]`.
pub(super) fn same_field(one: &str, two: &str) -> bool {
    let plain = |path: &str| path.replace("[\"", ".").replace(['[', ']', '"'], "");
    plain(one) == plain(two)
}

fn read<'a>(
    commit: &'a Commit,
    resources: &Resources<'_>,
    side: impl Fn(&'a crate::record::FileChange) -> Option<&'a [u8]>,
) -> BTreeMap<JobKey, Fields> {
    let mut jobs: BTreeMap<JobKey, Fields> = BTreeMap::new();
    for (path, file) in &commit.files {
        if path.starts_with(".plimsoll/") {
            continue;
        }
        for found in side(file)
            .map(|bytes| resources(path, bytes))
            .unwrap_or_default()
        {
            let fields = jobs.entry(found.job).or_default();
            for (field, value) in found.fields {
                fields.insert(field, (path.clone(), value));
            }
        }
    }
    jobs
}

fn differences(then: &Fields, now: &Fields) -> Vec<FieldChange> {
    let paths: std::collections::BTreeSet<&String> = then.keys().chain(now.keys()).collect();
    paths
        .into_iter()
        .filter_map(|path| {
            let (before, after) = (then.get(path), now.get(path));
            let file = after.or(before).map(|(file, _)| file.clone())?;
            let (before, after) = (
                before.map(|(_, value)| value),
                after.map(|(_, value)| value),
            );
            (!same_value(path, before, after)).then(|| FieldChange {
                file,
                path: path.clone(),
                before: before.cloned(),
                after: after.cloned(),
            })
        })
        .collect()
}

fn record(job: &JobKey, fields: Vec<FieldChange>, commit: &Commit, now_ms: i64) -> ChangeRecord {
    let subject = commit.message.lines().next().unwrap_or_default();
    ChangeRecord {
        change: None,
        job: job.clone(),
        kind: None,
        commit: commit.id.clone(),
        merged_at_ms: commit.at_ms.min(now_ms),
        merged_by: person(commit),
        pull_request: None,
        fields,
        live_since_ms: None,
        predicted_per_month: None,
        realised_per_month: None,
        currency: None,
        outcome: Outcome::ByHand,
        reverts: None,
        reverted_by: None,
        superseded_by: None,
        reasons: vec![format!("commit {}: {subject}", short(&commit.id))],
    }
}
