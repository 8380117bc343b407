//! The file and its rows.

use super::{Settings, codec, compaction, damage, failure};
use crate::ports::{HistoryError, HistoryStore};
use crate::snapshot::{Gap, History, JobKey, JobKind, JobState, Point, Snapshot};
use rusqlite::{Connection, OptionalExtension, params};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The version of the tables; a file with a larger one was written by a newer Plimsoll.
const TABLES: i64 = 1;

/// Pages large enough that several bodies fit into one: in smaller ones a third of the file would be empty.
/// Whole snapshots younger than a day, one an hour (`keyframe`) of the days before; blocks of the rest.
const SCHEMA: &str = "
    CREATE TABLE job (
        id INTEGER PRIMARY KEY,
        cluster TEXT NOT NULL, kind TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
        UNIQUE (cluster, kind, namespace, name));
    CREATE TABLE snapshot (
        job INTEGER NOT NULL REFERENCES job (id), at_ms INTEGER NOT NULL,
        running INTEGER NOT NULL, keyframe INTEGER NOT NULL DEFAULT 0, body BLOB NOT NULL,
        PRIMARY KEY (job, at_ms));
    CREATE TABLE block (
        job INTEGER NOT NULL REFERENCES job (id), bucket_ms INTEGER NOT NULL,
        from_ms INTEGER NOT NULL, to_ms INTEGER NOT NULL, body BLOB NOT NULL,
        PRIMARY KEY (job, bucket_ms));";

/// How long the compaction after a look may take.
const SLICE: Duration = Duration::from_secs(5);
/// How long the look for damage after it may take.
const LOOK: Duration = Duration::from_secs(1);

/// A history in one file.
#[derive(Debug)]
pub struct SqliteHistory {
    path: PathBuf,
    /// One thread reads at a time; what was read is unpacked side by side.
    connection: Mutex<Connection>,
    settings: Settings,
}

impl SqliteHistory {
    /// Opens the file; where there is none a new one is begun.
    ///
    /// # Errors
    /// When it is no history, damaged, locked, from a newer version, or the folder is missing.
    pub fn open(path: &Path, settings: Settings) -> Result<SqliteHistory, HistoryError> {
        let told = |error: rusqlite::Error| failure::told(path, &error);
        let connection = Connection::open(path).map_err(told)?;
        connection.busy_timeout(settings.patience).map_err(told)?;
        let version = tables_of(path, &connection)?;
        if version == 0 {
            begin(path, &connection)?;
        }
        // The rollback journal makes each write whole or not at all, also after a kill; NORMAL leaves out
        // only what guards against a power cut on old file systems.
        connection
            .execute_batch("PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;")
            .map_err(told)?;
        Ok(SqliteHistory {
            path: path.to_path_buf(),
            connection: Mutex::new(connection),
            settings,
        })
    }

    /// A history without a past that is gone with the process, for whoever goes on without the file.
    ///
    /// # Errors
    /// When SQLite has no memory left.
    pub fn in_memory(settings: Settings) -> Result<SqliteHistory, HistoryError> {
        SqliteHistory::open(Path::new(":memory:"), settings)
    }

    fn told(&self, error: &rusqlite::Error) -> HistoryError {
        failure::told(&self.path, error)
    }

    fn compact_for(&mut self, now_ms: i64, slice: Duration) -> Result<(), HistoryError> {
        let connection = self
            .connection
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        compaction::compact(&self.path, connection, &self.settings, now_ms, slice)
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        // A statement that panicked left nothing half-done: each write is a transaction.
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn job_id(&self, job: &JobKey) -> Result<Option<i64>, HistoryError> {
        self.connection()
            .prepare_cached(
                "SELECT id FROM job WHERE cluster = ?1 AND kind = ?2 AND namespace = ?3 AND name = ?4",
            )
            .and_then(|mut query| {
                query
                    .query_row(
                        params![job.cluster, job.kind.to_string(), job.namespace, job.name],
                        |row| row.get(0),
                    )
                    .optional()
            })
            .map_err(|error| self.told(&error))
    }

    /// Adds several at once, all or none.
    fn append_in_one(&mut self, snapshots: &[Snapshot]) -> Result<(), HistoryError> {
        let path = self.path.clone();
        let told = |error: rusqlite::Error| failure::told(&path, &error);
        // Begun for writing at once: a lock that came between reading and writing could not be waited for.
        let transaction = self
            .connection
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
            .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
            .map_err(told)?;
        for snapshot in snapshots {
            let body = codec::pack(snapshot).map_err(|error| {
                failure::of(
                    &path,
                    format!(
                        "the snapshot of {} cannot be written: {error}",
                        snapshot.job
                    ),
                )
            })?;
            let job = &snapshot.job;
            transaction
                .execute(
                    "INSERT OR IGNORE INTO job (cluster, kind, namespace, name) VALUES (?1, ?2, ?3, ?4)",
                    params![job.cluster, job.kind.to_string(), job.namespace, job.name],
                )
                .and_then(|_| {
                    transaction.execute(
                        "INSERT OR IGNORE INTO snapshot (job, at_ms, running, body)
                         SELECT id, ?5, ?6, ?7 FROM job
                         WHERE cluster = ?1 AND kind = ?2 AND namespace = ?3 AND name = ?4",
                        params![
                            job.cluster,
                            job.kind.to_string(),
                            job.namespace,
                            job.name,
                            snapshot.taken_at_ms,
                            snapshot.state == JobState::Running,
                            body
                        ],
                    )
                })
                .map_err(told)?;
        }
        transaction.commit().map_err(told)
    }

    /// Blocks of a job whose end lies in the range, by time; unreadable ones are counted.
    fn blocks(
        &self,
        job: i64,
        from_ms: i64,
        to_ms: i64,
    ) -> Result<(Vec<Point>, usize), HistoryError> {
        self.rows(
            "SELECT body FROM block WHERE job = ?1 AND to_ms > ?2 AND to_ms <= ?3 ORDER BY bucket_ms",
            params![job, from_ms, to_ms],
        )
    }

    fn rows<T: serde::de::DeserializeOwned>(
        &self,
        query: &str,
        parameters: impl rusqlite::Params,
    ) -> Result<(Vec<T>, usize), HistoryError> {
        let told = |error: rusqlite::Error| self.told(&error);
        let mut bodies: Vec<Option<Vec<u8>>> = Vec::new();
        {
            let connection = self.connection();
            let mut query = connection.prepare_cached(query).map_err(told)?;
            let mut rows = query.query(parameters).map_err(told)?;
            while let Some(row) = rows.next().map_err(told)? {
                let body = row.get_ref(0).map_err(told)?;
                bodies.push(body.as_blob().ok().map(<[u8]>::to_vec));
            }
        }
        let mut read = Vec::with_capacity(bodies.len());
        let mut unreadable = 0;
        for body in bodies {
            match body.and_then(|body| codec::unpack(&body).ok()) {
                Some(document) => read.push(document),
                None => unreadable += 1,
            }
        }
        Ok((read, unreadable))
    }

    /// The newest snapshot up to a time, kept whole or for its hour.
    fn newest(
        &self,
        job: i64,
        to_ms: i64,
        running_only: bool,
    ) -> Result<Option<Snapshot>, HistoryError> {
        let (rows, _) = self.rows(
            "SELECT body FROM snapshot WHERE job = ?1 AND at_ms <= ?2 AND running >= ?3
             ORDER BY at_ms DESC LIMIT 1",
            params![job, to_ms, i64::from(running_only)],
        )?;
        Ok(rows.into_iter().next())
    }
}

/// The version of the tables in the file; 0 when it is empty.
fn tables_of(path: &Path, connection: &Connection) -> Result<i64, HistoryError> {
    let told = |error: rusqlite::Error| failure::told(path, &error);
    let version: i64 = connection
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .map_err(told)?;
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0))
        .map_err(told)?;
    if version > TABLES {
        return Err(failure::of(
            path,
            format!(
                "it was written by a newer Plimsoll (tables {version}, this version knows {TABLES}): use that version, or name another file"
            ),
        ));
    }
    if version == 0 && tables > 0 {
        return Err(failure::of(
            path,
            "it is a database of another program: name another file",
        ));
    }
    Ok(version)
}

fn begin(path: &Path, connection: &Connection) -> Result<(), HistoryError> {
    connection
        .execute_batch(&format!(
            "PRAGMA page_size = 16384; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = DELETE;
             BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version = {TABLES}; COMMIT;"
        ))
        .or_else(|error| {
            // Another process may have begun the same file just now.
            let begun = tables_of(path, connection).is_ok_and(|version| version == TABLES);
            let _ = connection.execute_batch("ROLLBACK");
            if begun { Ok(()) } else { Err(error) }
        })
        .map_err(|error| failure::told(path, &error))
}

impl HistoryStore for SqliteHistory {
    fn append(&mut self, snapshot: &Snapshot) -> Result<(), HistoryError> {
        self.append_in_one(std::slice::from_ref(snapshot))
    }

    fn append_all(&mut self, snapshots: &[Snapshot]) -> Result<(), HistoryError> {
        self.append_in_one(snapshots)
    }

    fn jobs(&self) -> Result<Vec<JobKey>, HistoryError> {
        let told = |error: rusqlite::Error| self.told(&error);
        let connection = self.connection();
        let mut query = connection
            .prepare("SELECT cluster, kind, namespace, name FROM job")
            .map_err(told)?;
        let rows = query
            .query_map([], |row| {
                Ok((
                    row.get::<_, String>(0)?,
                    row.get::<_, String>(1)?,
                    row.get::<_, String>(2)?,
                    row.get::<_, String>(3)?,
                ))
            })
            .map_err(told)?;
        let mut jobs = Vec::new();
        for row in rows {
            let (cluster, kind, namespace, name) = row.map_err(told)?;
            let kind = match kind.as_str() {
                "deployment" => JobKind::Deployment,
                "sessionjob" => JobKind::SessionJob,
                "bluegreen" => JobKind::BlueGreen,
                other => {
                    return Err(failure::of(
                        &self.path,
                        format!("it holds a job of the unknown kind `{other}`"),
                    ));
                }
            };
            jobs.push(JobKey {
                cluster,
                kind,
                namespace,
                name,
            });
        }
        jobs.sort();
        Ok(jobs)
    }

    fn history(&self, job: &JobKey, from_ms: i64, to_ms: i64) -> Result<History, HistoryError> {
        let mut history = History::empty(job.clone());
        let Some(id) = self.job_id(job)? else {
            return Ok(history);
        };
        let (mut points, bad_blocks) = self.blocks(id, from_ms, to_ms)?;
        let (snapshots, bad_snapshots) = self.rows::<Snapshot>(
            "SELECT body FROM snapshot WHERE job = ?1 AND at_ms >= ?2 AND at_ms <= ?3 AND keyframe = 0
             ORDER BY at_ms",
            params![id, from_ms, to_ms],
        )?;
        let blocks_end = points.last().map_or(i64::MIN, |point| point.to_ms);
        if let Some(recent) = History::from_snapshots(snapshots) {
            // A snapshot that came late, into a time that is already a block, makes no second point of it.
            points.extend(
                recent
                    .points
                    .into_iter()
                    .filter(|point| point.from_ms >= blocks_end),
            );
            history.latest = recent.latest;
            history.latest_running = recent.latest_running;
        }
        history.points = points;
        if history.latest.is_none() {
            history.latest = self.newest(id, to_ms, false)?;
        }
        if history.latest_running.is_none() {
            history.latest_running = self.newest(id, to_ms, true)?;
        }
        if let (unreadable @ 1.., Some(latest)) = (bad_blocks + bad_snapshots, &mut history.latest)
        {
            latest.gaps.push(Gap::new(
                "history",
                damage::left_out(unreadable, &self.path),
            ));
        }
        Ok(history)
    }

    fn newest_ms(&self) -> Result<Option<i64>, HistoryError> {
        compaction::newest(&self.connection()).map_err(|error| self.told(&error))
    }

    fn compact(&mut self, now_ms: i64) -> Result<(), HistoryError> {
        self.compact_for(now_ms, Duration::MAX)
    }

    fn tend(&mut self, now_ms: i64) -> Result<(), HistoryError> {
        self.compact_for(now_ms, SLICE)
    }

    fn damage(&self, now_ms: i64) -> Vec<String> {
        damage::damage(&self.path, &self.connection(), now_ms, LOOK)
    }
}
