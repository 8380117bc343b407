//! Which session jobs belong to a session cluster, for its item in the plan.

use super::fleet::Fleet;
use super::history::history;
use super::settings::Settings;
use super::side_by_side::side_by_side;
use crate::plan::{Item, SessionPart};
use crate::ports::{HistoryError, HistoryStore};
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

/// Session jobs that were not asked for, of session clusters that were: a unit is shown whole. What could not be
/// read is named.
pub(super) fn elsewhere(
    settings: &Settings,
    fleet: &Fleet,
    store: &impl HistoryStore,
    items: &[Item],
    now_ms: i64,
) -> (Vec<SessionPart>, Vec<String>) {
    if !items.iter().any(Item::is_session_cluster) {
        return (Vec::new(), Vec::new());
    }
    let asked: BTreeSet<&JobKey> = fleet.jobs.iter().collect();
    let others: Vec<(&JobKey, &str)> = fleet
        .known()
        .into_iter()
        .filter(|job| job.kind == JobKind::SessionJob && !asked.contains(job))
        .filter_map(|job| {
            let resource = fleet.resource(job)?;
            Some((job, resource.session_cluster.as_deref()?))
        })
        .collect();
    let results = side_by_side(&others, |(job, cluster)| {
        let history = history(settings, store, job, now_ms)?;
        let running = history.latest_running.as_ref();
        Ok::<SessionPart, HistoryError>(SessionPart::new(job, cluster, running))
    });
    let mut parts = Vec::new();
    let mut unread = Vec::new();
    for ((job, _), result) in others.iter().zip(results) {
        match result {
            Ok(Ok(part)) => parts.push(part),
            Ok(Err(error)) => unread.push(format!("{}: {error}", job.short())),
            Err(panic) => unread.push(format!("{}: {panic}", job.short())),
        }
    }
    (parts, unread)
}
