//! Which session jobs belong to a session cluster, for its item in the plan.

use super::Failure;
use super::planning::history;
use super::world::World;
use crate::plan::{Item, SessionPart};
use crate::ports::HistoryStore;
use crate::snapshot::{History, JobKey, JobKind, LiveResource};

/// A job as a part of its session cluster; `None` for jobs that run in none.
pub fn part(job: &JobKey, live: Option<&LiveResource>, history: &History) -> Option<SessionPart> {
    let resource = live.or_else(|| history.latest.as_ref()?.resource.as_deref())?;
    let cluster = resource.session_cluster.as_deref()?;
    Some(SessionPart::new(
        job,
        cluster,
        history.latest_running.as_ref(),
    ))
}

/// Session jobs that were not asked for, of session clusters that were: a unit is shown whole.
pub fn elsewhere(
    world: &World,
    store: &impl HistoryStore,
    items: &[Item],
    asked: &[JobKey],
) -> Result<Vec<SessionPart>, Failure> {
    if !items.iter().any(Item::is_session_cluster) {
        return Ok(Vec::new());
    }
    let mut parts = Vec::new();
    for job in world.known_jobs() {
        if job.kind != JobKind::SessionJob || asked.contains(&job) {
            continue;
        }
        let resource = world.resource(&job);
        let Some(cluster) = resource.and_then(|resource| resource.session_cluster.clone()) else {
            continue;
        };
        let history = history(world, store, &job)?;
        parts.push(SessionPart::new(
            &job,
            &cluster,
            history.latest_running.as_ref(),
        ));
    }
    Ok(parts)
}
