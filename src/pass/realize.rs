//! Planned changes carried out by plug-ins, in place of pull requests.

use super::base::Manifests;
use super::owner::{PULL_REQUEST, offered, owner};
use super::proposed::{Done, Proposed};
use super::request::found;
use super::settings::Settings;
use super::side_by_side::sentence;
use crate::plan::{Item, Plan, PlannedChange, RealizeOutcome, RealizeRequest};
use crate::ports::{Plugins, ScalingRealizer};
use crate::snapshot::JobKey;
use futures::FutureExt;
use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;

/// Characters of a realizer's sentence that are kept.
const MOST_CHARACTERS: usize = 300;

/// What realizers did.
#[derive(Debug, Default)]
pub struct Realized {
    /// What became of the changes that are theirs, in the plan's order.
    pub done: Vec<Proposed>,
    /// The jobs of those changes: no pull request is opened for them.
    pub jobs: BTreeSet<JobKey>,
}

/// Lets realizers carry out what is theirs of a plan. The owner names a job's realizer in its manifest, else the configuration names one for all;
/// `pull-request` is none. One that can't be told fails its change, and opens nothing.
pub async fn realize(
    settings: &Settings,
    plugins: &Plugins,
    manifests: &Manifests<'_>,
    plan: &Plan,
    now_ms: i64,
) -> Realized {
    let mut realized = Realized::default();
    for (item, change) in plan.proposals() {
        let one = match chosen(settings, plugins, manifests, item, change) {
            Ok(None) => continue,
            Ok(Some(name)) => match plugins.realizers.get(&name) {
                Some(realizer) => carried_out(&**realizer, &name, item, change, now_ms).await,
                None => Proposed::failed(
                    &item.job.to_string(),
                    format!("there is no realizer `{name}`: add it to plugins"),
                ),
            },
            Err(why) => Proposed::failed(&item.job.to_string(), why),
        };
        realized.done.push(one);
        realized.jobs.insert(item.job.clone());
    }
    realized
}

/// The name of the realizer of a job; none where a pull request carries its change out.
fn chosen(
    settings: &Settings,
    plugins: &Plugins,
    manifests: &Manifests<'_>,
    item: &Item,
    change: &PlannedChange,
) -> Result<Option<String>, String> {
    let locate = found(settings, &change.file);
    // A job without a manifest is refused where it is written.
    let located = locate(&manifests.catalog, &item.job).ok();
    let owner = owner(located.as_ref(), None).choosing_from(&offered(plugins));
    if let Some(why) = owner.not_understood() {
        return Err(why);
    }
    let named = owner.realizer.or_else(|| settings.realizer.clone());
    Ok(named.filter(|name| name != PULL_REQUEST))
}

async fn carried_out(
    realizer: &dyn ScalingRealizer,
    name: &str,
    item: &Item,
    change: &PlannedChange,
    now_ms: i64,
) -> Proposed {
    let request = RealizeRequest::new(name, now_ms, change);
    let by = |message: &str| {
        let message: String = message.chars().take(MOST_CHARACTERS).collect();
        let colon = if message.is_empty() { "" } else { ": " };
        format!("{} by plug-in {name}{colon}{message}", item.job.short())
    };
    let job = item.job.to_string();
    let asked = AssertUnwindSafe(realizer.realize(&request));
    match asked.catch_unwind().await {
        Ok(Ok(answer)) if answer.outcome == RealizeOutcome::Done => {
            Proposed::new(&job, Done::Realized, by(&answer.message))
        }
        Ok(Ok(answer)) => Proposed::failed(&job, by(&answer.message)),
        Ok(Err(error)) => Proposed::failed(&job, by(&error.to_string())),
        Err(panic) => Proposed::failed(&job, by(&sentence(panic.as_ref()))),
    }
}
