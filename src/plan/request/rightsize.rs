//! A rightsizing that is asked for → the edited manifest, or why not.

use super::difference::{Wanted, prove};
use super::sizing::is_sizing;
use super::{CheckedEdit, Locate, Unfit, forged, paths, stale, wanted};
use crate::flink::deployment::Deployment;
use crate::manifest::{self, Catalog, Change};
use crate::plan::fields::{changes, value_at};
use crate::plan::{Item, PlannedChange};
use crate::record::{ChangeKind, EVIDENCE_SCHEMA};
use crate::watch::same_value;
use std::collections::BTreeSet;

/// The edit of a planned change on the files as they are. The job's manifest is found as planning finds it, what the recommendation means
/// for it is worked out again, and the edit must change exactly the fields of the evidence.
///
/// # Errors
/// [`Unfit`], one sentence.
pub fn rightsizing(
    catalog: &Catalog<'_>,
    locate: &Locate<'_>,
    item: &Item,
    change: &PlannedChange,
) -> Result<CheckedEdit, Unfit> {
    agrees(item, change)?;
    let paths = paths(&change.fields)?;
    let located = locate(catalog, &item.job).map_err(stale)?;
    let deployment = Deployment::from_value(&located.value).map_err(stale)?;
    if let Some(path) = paths.iter().find(|path| !is_sizing(&deployment, path)) {
        return Err(forged(format!(
            "it asks for `{path}`, which does not size a job"
        )));
    }
    wanted(&located)?;
    for (field, path) in change.fields.iter().zip(&paths) {
        let now = value_at(&located.value, path);
        if !same_value(&field.path, now.as_ref(), field.before.as_ref()) {
            return Err(stale(format!(
                "{}: {} has changed since the plan was made: plan again",
                located.file, field.path
            )));
        }
    }
    let recommendation = &change.recommendation;
    let meant: Vec<Change> = changes(
        &deployment,
        &located.value,
        &recommendation.now,
        &recommendation.proposed,
    )
    .map_err(stale)?;
    let asked = change.fields.iter().zip(&paths);
    let same = meant.len() == paths.len()
        && asked.clone().all(|(field, path)| {
            meant
                .iter()
                .any(|one| one.path == *path && Some(&one.value) == field.after.as_ref())
        });
    if !same {
        return Err(stale(format!(
            "{}: its recommendation means other fields than those that it asks for: plan again",
            located.file
        )));
    }
    catalog.says_sizes(&located).map_err(stale)?;
    manifest::check(&located, &meant).map_err(stale)?;
    let create = paths
        .iter()
        .any(|path| value_at(&located.value, path).is_none());
    let files = catalog
        .change(&located, &meant, create)
        .map_err(stale)?
        .files;
    let named: BTreeSet<&String> = change.fields.iter().map(|field| &field.file).collect();
    let written: BTreeSet<&String> = files.keys().collect();
    let elsewhere = files.keys().next() != Some(&change.file) || named != written;
    if elsewhere {
        return Err(stale(format!(
            "it names the file `{}`, and the job's manifest is `{}`: plan again",
            change.file, located.file
        )));
    }
    let wanted: Vec<Wanted<'_>> = asked
        .map(|(field, path)| (path, field.after.as_ref()))
        .collect();
    prove(catalog.tree, &files, &item.job, locate, &located, &wanted)?;
    Ok(CheckedEdit { files })
}

/// Whether the parts of a planned change tell of the same job and the same fields.
fn agrees(item: &Item, change: &PlannedChange) -> Result<(), Unfit> {
    let evidence = &change.evidence;
    let job = &item.job;
    if change.recommendation.job != *job || evidence.job != *job {
        return Err(forged(format!(
            "its recommendation is for {}, its evidence for {}",
            change.recommendation.job, evidence.job
        )));
    }
    if evidence.schema != EVIDENCE_SCHEMA
        || evidence.kind != ChangeKind::Rightsize
        || evidence.reverts.is_some()
    {
        return Err(forged("its evidence is not that of a rightsizing"));
    }
    if evidence.fields != change.fields {
        return Err(forged("its evidence tells of other fields than it sets"));
    }
    if change.fields.is_empty() || change.fields.iter().any(|field| field.after.is_none()) {
        return Err(forged("it sets no field, or takes one away"));
    }
    Ok(())
}
