//! A look at each job, added to the history.

use super::collectors::collect;
use super::{Fleet, PassError, Settings};
use crate::ports::{Clock, Cluster, HistoryStore, Plugins};
use crate::snapshot::{Gap, JobState, Snapshot};
use futures::StreamExt;
use serde::Serialize;

/// Jobs looked at at once.
const AT_ONCE: usize = 16;

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

/// One look at each job, stored at once: all or none of it. The looks are given back.
///
/// # Errors
/// When the history can't be written.
pub async fn observe(
    of: Observing<'_>,
    cluster: &impl Cluster,
    store: &mut impl HistoryStore,
) -> Result<(Observed, Vec<Snapshot>), PassError> {
    let stamp = of.clock.fixed_ms();
    // Of jobs whose cluster could not be listed nothing can be seen; that is said once, not for each of them.
    let there = of
        .fleet
        .jobs
        .iter()
        .filter(|job| !of.fleet.is_only_known(job));
    let looks = futures::stream::iter(there.map(|job| cluster.observe(job, stamp)))
        .buffered(AT_ONCE)
        .collect::<Vec<_>>()
        .await;
    let mut seen = Observed {
        at_ms: of.clock.now_ms(),
        unreachable: of.fleet.problems.clone(),
        ..Observed::default()
    };
    let mut snapshots = Vec::with_capacity(looks.len());
    for look in looks {
        match look {
            Ok(snapshot) => {
                // A name that fits two jobs is the configuration's mistake: nobody was looked at.
                let ambiguous = snapshot.gaps.iter().any(Gap::is_ambiguous_job);
                if snapshot.state == JobState::Unreachable || ambiguous {
                    let reason = snapshot
                        .gaps
                        .first()
                        .map_or_else(String::new, |gap| format!(": {}: {}", gap.what, gap.reason));
                    seen.unreachable
                        .push(format!("{}{reason}", snapshot.job.short()));
                } else {
                    seen.observed += 1;
                }
                snapshots.push(snapshot);
            }
            Err(error) => seen.unreachable.push(error.to_string()),
        }
    }
    seen.plugins = collect(of.settings, of.plugins, &mut snapshots).await;
    seen.gaps = snapshots.iter().map(|snapshot| snapshot.gaps.len()).sum();
    store.append_all(&snapshots)?;
    Ok((seen, snapshots))
}
