//! The pull requests of a plan.

use super::locate::locate;
use super::proposed::Proposed;
use super::tidy::tidy_rightsizings;
use super::{PassError, Settings};
use crate::flink::field_path::FieldPath;
use crate::manifest::{Catalog, Change, EditOptions, Refusal, Tree};
use crate::plan::{Plan, PlannedChange, object_key, value_at};
use crate::ports::{Forge, Repository};
use crate::render::propose_rightsize;
use crate::watch::same_value;

/// Closes or holds what is open and not meant, then proposes everything in the plan, in its order. One that fails does not stop the others.
///
/// # Errors
/// When the repository can't be read, or the forge does not give its list.
pub async fn propose(
    settings: &Settings,
    forge: &impl Forge,
    repository: &impl Repository,
    plan: &Plan,
    now_ms: i64,
) -> Result<Vec<Proposed>, PassError> {
    let mut done = tidy_rightsizings(settings, forge, &repository.tree()?, plan, now_ms).await?;
    for (item, change) in plan.proposals() {
        // Each proposal is made on the base as it is by now: with the forge `dir` the one before has changed it.
        let tree = repository.tree()?;
        let job = item.job.to_string();
        let files = match edited(settings, &tree, change) {
            Ok(files) => files,
            Err(why) => {
                done.push(Proposed::failed(&job, why));
                continue;
            }
        };
        let proposal = match propose_rightsize(change, files) {
            Ok(proposal) => proposal,
            Err(error) => {
                done.push(Proposed::failed(&job, error.to_string()));
                continue;
            }
        };
        done.push(Proposed::written(
            &job,
            forge.propose(&proposal, now_ms).await,
        ));
    }
    Ok(done)
}

/// The edit on the base as it is now. Values that changed since the plan make it stale: nothing is written over them.
fn edited(settings: &Settings, tree: &Tree, change: &PlannedChange) -> Result<Tree, String> {
    let catalog = Catalog::read(tree);
    let job = &change.recommendation.job;
    let told = |refusal: Refusal| refusal.to_string();
    let located = locate(settings, &catalog, job)
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
    let options = EditOptions {
        create: change.creates,
        map: located.values.clone(),
        file: (!located.values.is_empty()).then(|| located.file.clone()),
    };
    catalog
        .edit(&located.key, &changes, &options)
        .map(|edited| edited.files)
        .map_err(told)
}
