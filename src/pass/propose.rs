//! The pull requests of a plan.

use super::base::{Base, Manifests};
use super::error::PassError;
use super::locate::locate;
use super::proposed::Proposed;
use super::settings::Settings;
use super::side_by_side::contained;
use crate::flink::field_path::FieldPath;
use crate::manifest::{Catalog, Change, EditOptions, Refusal, Tree};
use crate::plan::{Plan, PlannedChange, object_key, value_at};
use crate::ports::{Forge, Repository};
use crate::render::{Proposal, propose_rightsize};
use crate::watch::same_value;

/// Proposes everything in the plan, in its order. One that fails does not stop the others.
///
/// # Errors
/// When the repository can't be read.
pub async fn propose(
    settings: &Settings,
    forge: &impl Forge,
    repository: &impl Repository,
    manifests: &Manifests<'_>,
    plan: &Plan,
    now_ms: i64,
) -> Result<Vec<Proposed>, PassError> {
    let mut done = Vec::new();
    // Each proposal is made on the base as it is by now: with the forge `dir` the one before has changed it.
    let mut newer: Option<Base> = None;
    for (item, change) in plan.proposals() {
        let job = item.job.to_string();
        let base = newer.as_ref().unwrap_or(manifests.base);
        if let Some(moved) = base.newer(repository)? {
            newer = Some(moved);
        }
        let proposal = contained(|| match &newer {
            Some(base) => proposal(settings, &Manifests::parse(base), change),
            None => proposal(settings, manifests, change),
        });
        done.push(match proposal.and_then(|proposal| proposal) {
            Ok(proposal) => Proposed::written(&job, forge.propose(&proposal, now_ms).await),
            Err(why) => Proposed::failed(&job, why),
        });
    }
    Ok(done)
}

fn proposal(
    settings: &Settings,
    manifests: &Manifests<'_>,
    change: &PlannedChange,
) -> Result<Proposal, String> {
    let files = edited(settings, &manifests.catalog, change)?;
    propose_rightsize(change, files).map_err(|error| error.to_string())
}

/// The edit on the base as it is now. Values that changed since the plan make it stale: nothing is written over them.
fn edited(
    settings: &Settings,
    catalog: &Catalog<'_>,
    change: &PlannedChange,
) -> Result<Tree, String> {
    let job = &change.recommendation.job;
    let told = |refusal: Refusal| refusal.to_string();
    let located = locate(settings, catalog, job)
        .or_else(|_| catalog.locate(&object_key(job), Some(&change.file)))
        .map_err(told)?;
    let mut changes = Vec::new();
    for field in &change.fields {
        let path: FieldPath = field
            .path
            .parse()
            .map_err(|error| format!("{}: {error}", field.path))?;
        let now = value_at(&located.value, &path);
        if !same_value(&field.path, now.as_ref(), field.before.as_ref()) {
            return Err(format!(
                "{}: {} has changed since the plan was made: plan again",
                located.file, field.path
            ));
        }
        let Some(value) = field.after.clone() else {
            continue;
        };
        changes.push(Change { path, value });
    }
    let options = EditOptions::of(&located, change.creates);
    catalog
        .edit(&located.key, &changes, &options)
        .map(|edited| edited.files)
        .map_err(told)
}
