//! Where the series are kept.

use crate::snapshot::{History, JobKey, Snapshot};

/// Why the history could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("history {place}: {reason}")]
pub struct HistoryError {
    /// The file or URL.
    pub place: String,
    /// What happened and what to do.
    pub reason: String,
}

/// A store of snapshots that answers with histories, to several threads at once. Synchronous: the embedded one is a file; a remote one blocks on its own runtime.
pub trait HistoryStore: Send + Sync {
    /// Adds one; a snapshot of the same job and time that is there already is left as it is.
    fn append(&mut self, snapshot: &Snapshot) -> Result<(), HistoryError>;

    /// Adds several; a store that can writes all or none.
    fn append_all(&mut self, snapshots: &[Snapshot]) -> Result<(), HistoryError> {
        snapshots
            .iter()
            .try_for_each(|snapshot| self.append(snapshot))
    }

    /// Tells which jobs will be asked for next, in order of their keys: a remote store reads neighbours together, and no others.
    fn expect(&self, _jobs: &[JobKey]) {}

    /// The jobs it holds, in order of their keys.
    fn jobs(&self) -> Result<Vec<JobKey>, HistoryError>;

    /// The history of one job from `from_ms` (inclusive) to `to_ms` (inclusive): replaying with an earlier `to_ms` shows what was known then.
    fn history(&self, job: &JobKey, from_ms: i64, to_ms: i64) -> Result<History, HistoryError>;

    /// When the newest snapshot that it keeps was taken, Unix milliseconds; none where it keeps none, or is kept by somebody else. Those whose
    /// time differed from the JobManager's clock do not count.
    fn newest_ms(&self) -> Result<Option<i64>, HistoryError> {
        Ok(None)
    }

    /// Merges old snapshots into blocks and drops what is past retention, as seen at the newest snapshot or `now_ms`, whichever is earlier.
    fn compact(&mut self, now_ms: i64) -> Result<(), HistoryError>;

    /// A part of that, which takes some seconds at most; the next one goes on where it ended. For whoever observes.
    fn tend(&mut self, now_ms: i64) -> Result<(), HistoryError> {
        self.compact(now_ms)
    }

    /// What of it can't be read, one sentence each, as far as a second or so shows. For whoever observes: what a plan would stumble over is
    /// named by then.
    fn damage(&self, _now_ms: i64) -> Vec<String> {
        Vec::new()
    }
}
