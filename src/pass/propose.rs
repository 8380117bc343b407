//! The pull requests of a plan.

use super::base::Manifests;
use super::error::PassError;
use super::proposed::Proposed;
use super::request::found;
use super::settings::Settings;
use super::side_by_side::contained;
use super::tidy::tidy_rightsizings;
use crate::plan::{Item, Plan, PlannedChange, rightsizing};
use crate::ports::{Forge, Repository};
use crate::render::{Proposal, propose_rightsize};
use crate::snapshot::JobKey;
use std::collections::BTreeSet;

/// Closes or holds what is open and not meant, then proposes everything in the plan, in its order. One that fails does not stop the others.
///
/// # Errors
/// When the repository can't be read, or the forge does not give its list.
pub async fn propose(
    settings: &Settings,
    forge: &impl Forge,
    repository: &impl Repository,
    manifests: &Manifests<'_>,
    plan: &Plan,
    now_ms: i64,
) -> Result<Vec<Proposed>, PassError> {
    let none = BTreeSet::new();
    propose_others(settings, forge, repository, manifests, plan, &none, now_ms).await
}

/// The same of all jobs but those whose change was carried out otherwise.
///
/// # Errors
/// When the repository can't be read, or the forge does not give its list.
pub async fn propose_others(
    settings: &Settings,
    forge: &impl Forge,
    repository: &impl Repository,
    manifests: &Manifests<'_>,
    plan: &Plan,
    otherwise: &BTreeSet<JobKey>,
    now_ms: i64,
) -> Result<Vec<Proposed>, PassError> {
    if let Err(error) = repository.recover() {
        // Whatever can't be written for it is named where it is.
        tracing::warn!("{error}");
    }
    let mut done = tidy_rightsizings(settings, forge, manifests, plan, now_ms).await?;
    let proposals = plan
        .proposals()
        .filter(|(item, _)| !otherwise.contains(&item.job));
    for (item, change) in proposals {
        let job = item.job.to_string();
        // Each proposal is made on the base as it is by now: with the forge `dir` the one before has changed it.
        let proposal = manifests.newest(repository, |manifests| {
            contained(|| proposal(settings, manifests, item, change))
        })?;
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
    item: &Item,
    change: &PlannedChange,
) -> Result<Proposal, String> {
    let edit = rightsizing(
        &manifests.catalog,
        &found(settings, &change.file),
        item,
        change,
    )
    .map_err(|unfit| unfit.to_string())?;
    propose_rightsize(change, edit).map_err(|error| error.to_string())
}
