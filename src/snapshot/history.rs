//! A job's past.

use super::{JobKey, JobState, Point, Snapshot};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A job's past: points in order of time (older ones merged into blocks), and the latest snapshot for all that does not
/// average (graph, configuration, pools, gaps).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct History {
    /// Which job.
    pub job: JobKey,
    /// By time, without overlap; there may be holes.
    pub points: Vec<Point>,
    /// The newest snapshot, if any, whatever the job's state then.
    pub latest: Option<Snapshot>,
    /// The newest snapshot in which the job ran.
    pub latest_running: Option<Snapshot>,
}

impl History {
    /// Of a job of which nothing was seen.
    pub fn empty(job: JobKey) -> History {
        History {
            job,
            points: Vec::new(),
            latest: None,
            latest_running: None,
        }
    }

    /// From the snapshots of one job, in any order; those of another job than the first one's are left out, and of several with the same
    /// time the last counts. A snapshot that reached nobody makes no point: the next one is held against the one before it.
    /// `None` when there is none.
    pub fn from_snapshots(mut snapshots: Vec<Snapshot>) -> Option<History> {
        let job = snapshots.first()?.job.clone();
        snapshots.retain(|snapshot| snapshot.job == job);
        let by_time: BTreeMap<i64, Snapshot> = snapshots
            .into_iter()
            .map(|snapshot| (snapshot.taken_at_ms, snapshot))
            .collect();
        let mut history = History::empty(job);
        let mut before: Option<&Snapshot> = None;
        for snapshot in by_time.values() {
            if snapshot.state == JobState::Unreachable {
                continue;
            }
            history
                .points
                .extend(before.and_then(|before| Point::between(before, snapshot)));
            before = Some(snapshot);
        }
        history.latest_running = by_time
            .values()
            .rev()
            .find(|snapshot| snapshot.state == JobState::Running)
            .cloned();
        history.latest = by_time.into_values().next_back();
        Some(history)
    }

    /// The history of each job in a mixed lot of snapshots, by key.
    pub fn of_each(snapshots: Vec<Snapshot>) -> BTreeMap<JobKey, History> {
        let mut lots: BTreeMap<JobKey, Vec<Snapshot>> = BTreeMap::new();
        for snapshot in snapshots {
            lots.entry(snapshot.job.clone()).or_default().push(snapshot);
        }
        lots.into_iter()
            .filter_map(|(job, lot)| Some((job, History::from_snapshots(lot)?)))
            .collect()
    }
}
