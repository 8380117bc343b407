//! The pull requests of a plan.

use super::proposed::Proposed;
use super::request::found;
use super::{PassError, Settings};
use crate::plan::{Plan, rightsizing};
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
