//! A revert that is asked for → the edited manifest, or why not.

use super::difference::{Wanted, prove};
use super::sizing::is_sizing;
use super::{Locate, Unfit, forged, paths, stale, wanted};
use crate::flink::deployment::Deployment;
use crate::flink::field_path::FieldPath;
use crate::manifest::{Catalog, Change, Located, Tree};
use crate::plan::{MergeEffect, value_at};
use crate::record::{ChangeKind, EVIDENCE_SCHEMA, Evidence, FieldChange, evidence_path};
use crate::watch::{Breach, Restoration, part_that_hurts, restoration};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// A revert as the job that watches asks for it. What it writes is not in it: that follows from the evidence of the change that it undoes,
/// which is in the base branch, and from the manifest there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RevertRequest {
    /// Its evidence; `reverts` names the change that it undoes.
    pub evidence: Evidence,
    /// What hurts, hard failures first.
    pub breaches: Vec<Breach>,
    /// Since when that change was live, Unix milliseconds; absent when the job never came up with it.
    pub live_since_ms: Option<i64>,
    /// The pull request of that change, if known.
    pub pull_request: Option<String>,
    /// What merging does.
    pub effect: MergeEffect,
}

/// A revert that was checked.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckedRevert {
    /// The evidence of the change that it undoes, from the base.
    pub original: Evidence,
    /// The digest of that evidence.
    pub original_digest: String,
    /// What is restored, and what is not.
    pub restoration: Restoration,
    /// The files that it writes, without its evidence.
    pub files: Tree,
}

/// The edit of a revert on the files as they are. The change that it undoes must be in the base with its evidence, and be of the same job;
/// exactly those fields of it are restored that still hold what it set.
///
/// # Errors
/// [`Unfit`], one sentence.
pub fn restoring(
    catalog: &Catalog<'_>,
    locate: &Locate<'_>,
    request: &RevertRequest,
) -> Result<CheckedRevert, Unfit> {
    let evidence = &request.evidence;
    let job = &evidence.job;
    if evidence.schema != EVIDENCE_SCHEMA || evidence.kind != ChangeKind::Revert {
        return Err(forged("its evidence is not that of a revert"));
    }
    if request.breaches.is_empty()
        || evidence.details.get("breaches") != Some(&json!(request.breaches))
    {
        return Err(forged("its evidence tells of other breaches than it does"));
    }
    let Some(digest) = evidence.reverts.clone() else {
        return Err(forged("its evidence does not say which change it undoes"));
    };
    let original = original(catalog.tree, &digest)?;
    if original.kind != ChangeKind::Rightsize || original.job != *job {
        return Err(forged(format!(
            "the change {digest} is not a rightsizing of this job"
        )));
    }
    if original.thresholds != evidence.thresholds {
        return Err(forged(
            "its evidence has other thresholds than the change that it undoes",
        ));
    }
    let located = locate(catalog, job).map_err(stale)?;
    wanted(&located)?;
    let restoration = restores(&original, &request.breaches, &located);
    if restoration.restore.is_empty() || restoration.restore != evidence.fields {
        return Err(stale(format!(
            "{} has changed since the revert was made: watch again",
            located.file
        )));
    }
    let paths = paths(&evidence.fields)?;
    let deployment = Deployment::from_value(&located.value).map_err(stale)?;
    if let Some(path) = paths.iter().find(|path| !is_sizing(&deployment, path)) {
        return Err(forged(format!(
            "it asks for `{path}`, which does not size a job"
        )));
    }
    let files = restored(catalog, &located, &evidence.fields, &paths)?;
    let wanted: Vec<Wanted<'_>> = evidence
        .fields
        .iter()
        .zip(&paths)
        .map(|(field, path)| (path, field.after.as_ref()))
        .collect();
    prove(catalog.tree, &files, job, locate, &located, &wanted)?;
    Ok(CheckedRevert {
        original,
        original_digest: digest,
        restoration,
        files,
    })
}

/// What undoing a change would do to a manifest as it is.
pub fn restores(original: &Evidence, breaches: &[Breach], located: &Located) -> Restoration {
    let answered = Evidence {
        fields: part_that_hurts(original, breaches),
        ..original.clone()
    };
    restoration(&answered, &|field: &FieldChange| {
        let path = field.path.parse::<FieldPath>().ok()?;
        Some(value_at(&located.value, &path))
    })
}

fn original(tree: &Tree, digest: &str) -> Result<Evidence, Unfit> {
    let path = evidence_path(digest);
    let bytes = tree.get(&path).ok_or_else(|| {
        stale(format!(
            "{path} is not in the base branch: the change that the revert undoes was not merged, or its evidence was removed"
        ))
    })?;
    Evidence::from_file(&path, bytes).map_err(stale)
}

/// The files with the fields set back: those that had a value before get it again, those that the change added are taken away.
fn restored(
    catalog: &Catalog<'_>,
    located: &Located,
    fields: &[FieldChange],
    paths: &[FieldPath],
) -> Result<Tree, Unfit> {
    let mut changes = Vec::new();
    let mut added = Vec::new();
    for (field, path) in fields.iter().zip(paths) {
        match &field.after {
            Some(value) => changes.push(Change {
                path: path.clone(),
                value: value.clone(),
            }),
            None => added.push(path),
        }
    }
    let mut files = catalog
        .change(located, &changes, false)
        .map_err(stale)?
        .files;
    for path in added {
        let mut edited = catalog.tree.clone();
        edited.extend(files.clone());
        let less = Catalog::read(&edited)
            .without(located, path)
            .map_err(stale)?;
        files.extend(less);
    }
    Ok(files)
}
