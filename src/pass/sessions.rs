//! Which session jobs belong to a session cluster, for its item in the plan.

use super::PassError;
use super::history::history;
use super::plan::Planning;
use crate::plan::{Item, SessionPart};
use crate::ports::HistoryStore;
use crate::snapshot::{History, JobKey, JobKind, LiveResource};
use std::collections::BTreeSet;

/// A job as a part of its session cluster; `None` for jobs that run in none.
pub(super) fn part(
    job: &JobKey,
    live: Option<&LiveResource>,
    history: &History,
) -> Option<SessionPart> {
    let resource = live.or_else(|| history.latest.as_ref()?.resource.as_deref())?;
    let cluster = resource.session_cluster.as_deref()?;
    Some(SessionPart::new(
        job,
        cluster,
        history.latest_running.as_ref(),
    ))
}

/// Session jobs that were not asked for, of session clusters that were: a unit is shown whole.
pub(super) fn elsewhere(
    of: &Planning<'_>,
    store: &impl HistoryStore,
    items: &[Item],
) -> Result<Vec<SessionPart>, PassError> {
    if !items.iter().any(Item::is_session_cluster) {
        return Ok(Vec::new());
    }
    let asked: BTreeSet<&JobKey> = of.fleet.jobs.iter().collect();
    let mut parts = Vec::new();
    for job in of.fleet.known() {
        if job.kind != JobKind::SessionJob || asked.contains(job) {
            continue;
        }
        let resource = of.fleet.resource(job);
        let Some(cluster) = resource.and_then(|resource| resource.session_cluster.as_deref())
        else {
            continue;
        };
        let history = history(of.settings, store, job, of.now_ms)?;
        parts.push(SessionPart::new(
            job,
            cluster,
            history.latest_running.as_ref(),
        ));
    }
    Ok(parts)
}
