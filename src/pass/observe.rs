//! A look at each job, added to the history.

use super::collectors::collect;
use super::error::PassError;
use super::fleet::Fleet;
use super::settings::Settings;
use super::side_by_side::sentence;
use crate::ports::{Clock, Cluster, HistoryStore, Plugins};
use crate::snapshot::{Gap, JobKey, JobState, Snapshot};
use futures::{FutureExt, StreamExt};
use serde::Serialize;
use std::panic::AssertUnwindSafe;

/// Jobs looked at at once.
const AT_ONCE: usize = 16;
/// Jobs whose looks are held in memory together.
const LOT: usize = 256;

/// What one pass saw.
#[derive(Debug, Default, Serialize)]
pub struct Observed {
    /// Unix milliseconds.
    pub at_ms: i64,
    /// Jobs that answered.
    pub observed: usize,
    /// Jobs that did not, each with its reason.
    pub unreachable: Vec<String>,
    /// What collectors failed at, each with job and plug-in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub plugins: Vec<String>,
    /// Things that were missing, over all jobs.
    pub gaps: usize,
    /// Why nothing of it was kept, if so: whoever watches goes on with what was kept before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unkept: Option<String>,
    /// What of the history can't be read any more, one sentence each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub damaged: Vec<String>,
}

/// Whom a look asks.
#[derive(Clone, Copy)]
pub struct Observing<'a> {
    /// What is configured.
    pub settings: &'a Settings,
    /// The jobs.
    pub fleet: &'a Fleet,
    /// The plug-ins that may be asked.
    pub plugins: &'a Plugins,
    /// What stamps the looks.
    pub clock: Clock,
}

/// One look at each job, added to the history lot by lot, and each lot shown to `also`. One that fails or panics is named. A part of the
/// history's compaction follows.
///
/// # Errors
/// None by now: what could not be asked or kept is said in the answer.
pub async fn observe(
    of: Observing<'_>,
    cluster: &impl Cluster,
    store: &mut impl HistoryStore,
    mut also: impl FnMut(&[Snapshot]),
) -> Result<Observed, PassError> {
    let mut seen = Observed {
        unreachable: of.fleet.problems.clone(),
        ..Observed::default()
    };
    // Of jobs whose cluster could not be listed nothing can be seen; that is said once, not for each of them.
    let there: Vec<&JobKey> = of
        .fleet
        .jobs
        .iter()
        .filter(|job| !of.fleet.is_only_known(job))
        .collect();
    for lot in there.chunks(LOT) {
        let looks = futures::stream::iter(lot.iter().map(|job| look(of, cluster, job)))
            .buffered(AT_ONCE)
            .collect::<Vec<_>>()
            .await;
        let mut snapshots = Vec::with_capacity(looks.len());
        for look in looks {
            match look {
                Ok(snapshot) => {
                    match unreachable(&snapshot) {
                        Some(reason) => seen.unreachable.push(reason),
                        None => seen.observed += 1,
                    }
                    snapshots.push(snapshot);
                }
                Err(reason) => seen.unreachable.push(reason),
            }
        }
        seen.plugins
            .extend(collect(of.settings, of.plugins, &mut snapshots).await);
        seen.gaps += snapshots
            .iter()
            .map(|snapshot| snapshot.gaps.len())
            .sum::<usize>();
        if let Err(error) = store.append_all(&snapshots) {
            seen.unkept.get_or_insert(error.to_string());
        }
        also(&snapshots);
    }
    seen.at_ms = of.clock.now_ms();
    if let Err(error) = store.tend(seen.at_ms) {
        seen.unkept.get_or_insert(error.to_string());
    }
    seen.damaged = store.damage(seen.at_ms);
    Ok(seen)
}

/// A look, or one sentence that names the job.
async fn look(of: Observing<'_>, cluster: &impl Cluster, job: &JobKey) -> Result<Snapshot, String> {
    let look = AssertUnwindSafe(cluster.observe(job, of.clock.fixed_ms()))
        .catch_unwind()
        .await;
    match look {
        Ok(look) => look.map_err(|error| error.to_string()),
        Err(panic) => Err(format!("{}: {}", job.short(), sentence(panic.as_ref()))),
    }
}

/// Why nothing was seen of a job, with its name; absent when something was.
fn unreachable(snapshot: &Snapshot) -> Option<String> {
    // A name that fits two jobs is the configuration's mistake: nobody was looked at.
    let ambiguous = snapshot.gaps.iter().any(Gap::is_ambiguous_job);
    if snapshot.state != JobState::Unreachable && !ambiguous {
        return None;
    }
    let reason = snapshot
        .gaps
        .first()
        .map_or_else(String::new, |gap| format!(": {}: {}", gap.what, gap.reason));
    Some(format!("{}{reason}", snapshot.job.short()))
}
