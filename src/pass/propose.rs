//! The pull requests of a plan.

<<<<<<< HEAD
use super::locate::locate_again;
=======
>>>>>>> main
use super::proposed::Proposed;
use super::request::found;
use super::{PassError, Settings};
<<<<<<< HEAD
use crate::flink::field_path::FieldPath;
use crate::manifest::{Catalog, Change, Refusal, Tree};
use crate::plan::{Plan, PlannedChange, value_at};
=======
use crate::plan::{Plan, rightsizing};
>>>>>>> main
use crate::ports::{Forge, Repository};
use crate::render::propose_rightsize;

/// Proposes everything in the plan, in its order. One that fails does not stop the others.
///
/// # Errors
/// When the repository can't be read.
pub async fn propose(
    settings: &Settings,
    forge: &impl Forge,
    repository: &impl Repository,
    plan: &Plan,
    now_ms: i64,
) -> Result<Vec<Proposed>, PassError> {
    let mut done = Vec::new();
    for (item, change) in plan.proposals() {
        // Each proposal is made on the base as it is by now: with the forge `dir` the one before has changed it.
        let tree = repository.tree()?;
        let job = item.job.to_string();
        let proposal = rightsizing(&tree, &found(settings), item, change)
            .map_err(|unfit| unfit.to_string())
            .and_then(|edit| propose_rightsize(change, edit).map_err(|error| error.to_string()));
        let proposal = match proposal {
            Ok(proposal) => proposal,
            Err(why) => {
                done.push(Proposed::failed(&job, why));
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
<<<<<<< HEAD

/// The edit on the base as it is now. Values that changed since the plan make it stale: nothing is written over them.
fn edited(settings: &Settings, tree: &Tree, change: &PlannedChange) -> Result<Tree, String> {
    let catalog = Catalog::read(tree);
    let job = &change.recommendation.job;
    let told = |refusal: Refusal| refusal.to_string();
    let located = locate_again(settings, &catalog, job, &change.file).map_err(told)?;
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
    catalog
        .change(&located, &changes, change.creates)
        .map(|edited| edited.files)
        .map_err(told)
}
=======
>>>>>>> main
