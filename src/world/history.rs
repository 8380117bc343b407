//! The history that is configured, behind one type.

use super::clusters::Clusters;
use super::{WorldError, prometheus};
use crate::clients::prometheus::PrometheusHistory;
use crate::clients::sqlite::{self, SqliteHistory};
use crate::config::HistoryConfig;
use crate::ports::{Clock, Cluster, HistoryError, HistoryStore};
use crate::snapshot::{History, JobKey, Snapshot};
use camino::{Utf8Path, Utf8PathBuf};
use futures::StreamExt;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

/// Jobs looked at together when no look was kept.
const LOOKS_AHEAD: usize = 64;
/// Of those so many at once.
const LOOKS_AT_ONCE: usize = 16;

/// Where the series come from.
pub enum AnyHistory {
    /// The file alone.
    File(SqliteHistory),
    /// A Prometheus, and the file for what it can't tell.
    Prometheus(Box<Beside>),
}

/// A Prometheus with what it can't tell: the graph, the configuration and the memory of a job, from the newest look that the file holds,
/// else from a look of its own.
pub struct Beside {
    store: PrometheusHistory,
    file: Utf8PathBuf,
    settings: sqlite::Settings,
    kept: Option<SqliteHistory>,
    /// Connected when the jobs were asked for; a job that was not listed is not looked at.
    clusters: Option<Arc<Clusters>>,
    listed: Vec<JobKey>,
    expected: Mutex<Vec<JobKey>>,
    clock: Clock,
    looks: Mutex<BTreeMap<JobKey, Option<Snapshot>>>,
}

/// Where a Prometheus-compatible store can't tell enough, a look at the job does.
#[derive(Default)]
pub struct Looks {
    /// The jobs that are known, each with the name or id of its job in Flink where a JobManager runs several.
    pub jobs: Vec<(JobKey, Option<String>)>,
    /// Connected when the jobs were listed; absent: nobody is looked at.
    pub clusters: Option<Arc<Clusters>>,
    /// What stamps the looks.
    pub clock: Clock,
}

/// Opens the history that is configured: the file, or a Prometheus beside it.
///
/// # Errors
/// When the file can't be opened, or a secret or certificate of the store is missing.
pub fn open(
    config: &HistoryConfig,
    folder: &Utf8Path,
    looks: Looks,
) -> Result<AnyHistory, WorldError> {
    match open_without_file(config, folder, looks)? {
        (history, None) => Ok(history),
        (_, Some(error)) => Err(WorldError::outside(error)),
    }
}

/// Opens the history that is configured. Where its file can't be opened it gives why, and a history without what the file held: what was merged
/// is in git, so that whoever watches goes on.
///
/// # Errors
/// When a secret or certificate of the store is missing.
pub fn open_without_file(
    config: &HistoryConfig,
    folder: &Utf8Path,
    looks: Looks,
) -> Result<(AnyHistory, Option<HistoryError>), WorldError> {
    let settings = sqlite::Settings {
        keep_for: config.retention.to_std(),
        ..sqlite::Settings::default()
    };
    let file = folder.join(&config.file);
    let listed: Vec<JobKey> = looks.jobs.iter().map(|(job, _)| job.clone()).collect();
    let Some(store) = prometheus::store(config, folder, looks.jobs)? else {
        return match SqliteHistory::open(file.as_std_path(), settings.clone()) {
            Ok(history) => Ok((AnyHistory::File(history), None)),
            Err(error) => {
                let empty = SqliteHistory::in_memory(settings).map_err(WorldError::outside)?;
                Ok((AnyHistory::File(empty), Some(error)))
            }
        };
    };
    // Reading begins no file: a runner without one needs none.
    let (kept, unread) = match file.is_file() {
        true => match SqliteHistory::open(file.as_std_path(), settings.clone()) {
            Ok(kept) => (Some(kept), None),
            Err(error) => (None, Some(error)),
        },
        false => (None, None),
    };
    let beside = Beside {
        store,
        file,
        settings,
        kept,
        clusters: looks.clusters,
        expected: Mutex::new(listed.clone()),
        listed,
        clock: looks.clock,
        looks: Mutex::new(BTreeMap::new()),
    };
    Ok((AnyHistory::Prometheus(Box::new(beside)), unread))
}

impl Beside {
    fn keeping(&mut self) -> Result<&mut SqliteHistory, HistoryError> {
        let store = match self.kept.take() {
            Some(store) => store,
            None => SqliteHistory::open(self.file.as_std_path(), self.settings.clone())?,
        };
        Ok(self.kept.insert(store))
    }

    /// The newest look at a job, and the newest while it ran.
    fn known(&self, job: &JobKey, to_ms: i64) -> Result<History, HistoryError> {
        let kept = match &self.kept {
            Some(kept) => kept.history(job, to_ms, to_ms)?,
            None => History::empty(job.clone()),
        };
        if kept.latest_running.is_some() {
            return Ok(kept);
        }
        let look = self.look(job, to_ms)?;
        Ok(look
            .and_then(|look| History::from_snapshots(vec![look]))
            .unwrap_or(kept))
    }

    /// A look at a job of which none was kept, and at those that will be asked for next.
    fn look(&self, job: &JobKey, to_ms: i64) -> Result<Option<Snapshot>, HistoryError> {
        let mut looks = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(look) = looks.get(job) {
            return Ok(look.clone());
        }
        looks.clear();
        let expected = self
            .expected
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let at = expected.partition_point(|other| other < job);
        let mut next: BTreeSet<&JobKey> = expected.iter().skip(at).take(LOOKS_AHEAD).collect();
        next.insert(job);
        let mut unseen = Vec::new();
        for job in next {
            let seen = match &self.kept {
                Some(kept) => kept.history(job, to_ms, to_ms)?.latest_running.is_some(),
                None => false,
            };
            if !seen {
                unseen.push(job);
            }
        }
        let Some(clusters) = &self.clusters else {
            return Ok(None);
        };
        let now = self.clock.fixed_ms();
        let look = |job: &JobKey| {
            let job = job.clone();
            async move {
                // A job that can't be looked at says so itself where it matters: its series may still be there.
                let look = clusters.observe(&job, now).await.ok();
                (job, look)
            }
        };
        let found = self
            .store
            .runner()
            .wait(
                futures::stream::iter(unseen.into_iter().map(look))
                    .buffer_unordered(LOOKS_AT_ONCE)
                    .collect::<Vec<_>>(),
            )
            .map_err(|error| self.broken(&error))?;
        looks.extend(found);
        Ok(looks.get(job).cloned().flatten())
    }

    fn broken(&self, error: &std::io::Error) -> HistoryError {
        HistoryError {
            place: self.store.api().place().to_string(),
            reason: error.to_string(),
        }
    }
}

impl HistoryStore for AnyHistory {
    fn append(&mut self, snapshot: &Snapshot) -> Result<(), HistoryError> {
        self.append_all(std::slice::from_ref(snapshot))
    }

    fn append_all(&mut self, snapshots: &[Snapshot]) -> Result<(), HistoryError> {
        match self {
            AnyHistory::File(file) => file.append_all(snapshots),
            AnyHistory::Prometheus(beside) => beside.keeping()?.append_all(snapshots),
        }
    }

    fn expect(&self, jobs: &[JobKey]) {
        if let AnyHistory::Prometheus(beside) = self {
            beside.store.expect(jobs);
            let mut expected = jobs.to_vec();
            expected.sort();
            *beside
                .expected
                .lock()
                .unwrap_or_else(PoisonError::into_inner) = expected;
        }
    }

    fn jobs(&self) -> Result<Vec<JobKey>, HistoryError> {
        match self {
            AnyHistory::File(file) => file.jobs(),
            AnyHistory::Prometheus(beside) => {
                let mut jobs: BTreeSet<JobKey> = beside.listed.iter().cloned().collect();
                if let Some(kept) = &beside.kept {
                    jobs.extend(kept.jobs()?);
                }
                Ok(jobs.into_iter().collect())
            }
        }
    }

    fn history(&self, job: &JobKey, from_ms: i64, to_ms: i64) -> Result<History, HistoryError> {
        match self {
            AnyHistory::File(file) => file.history(job, from_ms, to_ms),
            AnyHistory::Prometheus(beside) => {
                let known = beside.known(job, to_ms)?;
                beside
                    .store
                    .runner()
                    .wait(beside.store.read(job, from_ms, to_ms, Some(&known)))
                    .unwrap_or_else(|error| Err(beside.broken(&error)))
            }
        }
    }

    fn newest_ms(&self) -> Result<Option<i64>, HistoryError> {
        match self {
            AnyHistory::File(file) => file.newest_ms(),
            AnyHistory::Prometheus(_) => Ok(None),
        }
    }

    fn tend(&mut self, now_ms: i64) -> Result<(), HistoryError> {
        match self {
            AnyHistory::File(file) => file.tend(now_ms),
            AnyHistory::Prometheus(beside) => match &mut beside.kept {
                Some(kept) => kept.tend(now_ms),
                None => Ok(()),
            },
        }
    }

    fn damage(&self, now_ms: i64) -> Vec<String> {
        match self {
            AnyHistory::File(file) => file.damage(now_ms),
            AnyHistory::Prometheus(beside) => match &beside.kept {
                Some(kept) => kept.damage(now_ms),
                None => Vec::new(),
            },
        }
    }

    fn compact(&mut self, now_ms: i64) -> Result<(), HistoryError> {
        match self {
            AnyHistory::File(file) => file.compact(now_ms),
            AnyHistory::Prometheus(beside) => match &mut beside.kept {
                Some(kept) => kept.compact(now_ms),
                None => Ok(()),
            },
        }
    }
}
