//! Old snapshots → blocks; what is past keeping goes.

use super::{Settings, codec, failure};
use crate::ports::HistoryError;
use crate::snapshot::{JobState, Point, Snapshot};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

const HOUR_MS: i64 = 3_600_000;

/// Snapshots of a job that are about to be merged, by time.
type Old = BTreeMap<i64, Snapshot>;

/// How far the newest snapshot may lie ahead of the time of a run that compacts: clocks differ by so much.
const AHEAD_MS: i64 = 300_000;

/// How long nobody may have looked until a run's time is no longer believed: a clock that is ahead looks the same.
const SILENT_MS: i64 = 2 * 24 * HOUR_MS;

/// Merges whole snapshots older than the settings say, job by job, each job in one transaction: a kill between two jobs leaves both whole, and
/// the next run goes on. Ends after `slice`, whatever is left.
///
/// Time is that of the newest snapshot: where a run's clock is far ahead nothing is old by it, and where it is behind the newest nothing is
/// touched at all.
pub(super) fn compact(
    path: &Path,
    connection: &mut Connection,
    settings: &Settings,
    now_ms: i64,
    slice: Duration,
) -> Result<(), HistoryError> {
    let told = |error: rusqlite::Error| failure::told(path, &error);
    let Some(newest_ms) = newest(connection).map_err(told)? else {
        return Ok(());
    };
    if newest_ms > now_ms.saturating_add(AHEAD_MS) {
        return Ok(());
    }
    // What nobody looked at for some days is merged as time goes on; what is dropped goes by the newest snapshot alone.
    let newest_ms = newest_ms.min(now_ms);
    let now_ms = match now_ms.saturating_sub(newest_ms) <= SILENT_MS {
        true => now_ms,
        false => newest_ms,
    };
    let block_ms = millis(settings.block).max(1);
    // Only whole blocks, so that none is written twice.
    let whole_from = now_ms.saturating_sub(millis(settings.whole_for));
    let cutoff = whole_from.div_euclid(block_ms).saturating_mul(block_ms);
    let keep_from = newest_ms.saturating_sub(millis(settings.keep_for));
    let began = Instant::now();
    for job in jobs_from(connection, now_ms).map_err(told)? {
        if began.elapsed() >= slice {
            break;
        }
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(told)?;
        let old = old_snapshots(&transaction, job, cutoff).map_err(told)?;
        if let Some(blocks) = blocks(&old, block_ms) {
            write(&transaction, job, &blocks, &old).map_err(|error| match error {
                WriteError::Sqlite(error) => told(error),
                WriteError::Codec(error) => {
                    failure::of(path, format!("a block cannot be written: {error}"))
                }
            })?;
        }
        transaction
            .execute(
                "DELETE FROM block WHERE job = ?1 AND to_ms < ?2",
                params![job, keep_from],
            )
            .and_then(|_| {
                transaction.execute(
                    "DELETE FROM snapshot WHERE job = ?1 AND at_ms < ?2",
                    params![job, keep_from],
                )
            })
            .map_err(told)?;
        transaction.commit().map_err(told)?;
    }
    give_back(connection).map_err(told)
}

/// When the newest snapshot was taken by a clock that agreed with the JobManager's.
pub(super) fn newest(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    // Times are found in the index alone; bodies are read one by one.
    let times: Vec<(i64, i64)> = connection
        .prepare("SELECT rowid, at_ms FROM snapshot ORDER BY at_ms DESC LIMIT 1000")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let mut query = connection.prepare("SELECT body FROM snapshot WHERE rowid = ?1")?;
    for (row, at_ms) in times {
        let snapshot = query
            .query_row([row], |row| Ok(read(row.get_ref(0)?)))
            .optional()?;
        let agrees = snapshot.flatten().is_some_and(|snapshot| {
            // Of a job that did not answer no clock was read.
            snapshot.state == JobState::Running
                && snapshot.gaps.iter().all(|gap| gap.what != "clock")
        });
        if agrees {
            return Ok(Some(at_ms));
        }
    }
    Ok(None)
}

/// The snapshot of a row; none of a damaged one.
fn read(body: ValueRef<'_>) -> Option<Snapshot> {
    codec::unpack(body.as_blob().ok()?).ok()
}

/// All jobs, beginning with another one each minute, so that slices come to all of them.
pub(super) fn jobs_from(connection: &Connection, now_ms: i64) -> rusqlite::Result<Vec<i64>> {
    let mut jobs: Vec<i64> = connection
        .prepare("SELECT id FROM job ORDER BY id")?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let count = i64::try_from(jobs.len()).unwrap_or(i64::MAX).max(1);
    // Less than the count, which came from a length.
    let first = usize::try_from((now_ms / 60_000).rem_euclid(count)).unwrap_or(0);
    if !jobs.is_empty() {
        jobs.rotate_left(first);
    }
    Ok(jobs)
}

/// Gives the pages that became free back to the file system; each step of the statement gives back one.
fn give_back(connection: &Connection) -> rusqlite::Result<()> {
    let mut statement = connection.prepare("PRAGMA incremental_vacuum")?;
    let mut rows = statement.query([])?;
    while rows.next()?.is_some() {}
    Ok(())
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// The snapshots before the cutoff that no block covers yet. Damaged ones are left out, and go when the blocks are written.
fn old_snapshots(transaction: &Transaction, job: i64, cutoff: i64) -> rusqlite::Result<Old> {
    let mut query = transaction.prepare(
        "SELECT at_ms, body FROM snapshot WHERE job = ?1 AND at_ms < ?2 AND keyframe = 0 ORDER BY at_ms",
    )?;
    let mut rows = query.query(params![job, cutoff])?;
    let mut old = Old::new();
    while let Some(row) = rows.next()? {
        if let Some(snapshot) = read(row.get_ref(1)?) {
            old.insert(row.get(0)?, snapshot);
        }
    }
    Ok(old)
}

/// The blocks, by their begin; `None` when there is nothing to merge.
fn blocks(old: &Old, block_ms: i64) -> Option<BTreeMap<i64, Vec<Point>>> {
    // A single one is the partner that the first whole snapshot is held against.
    if old.len() < 2 {
        return None;
    }
    let mut lots: BTreeMap<i64, Vec<Point>> = BTreeMap::new();
    let mut before: Option<&Snapshot> = None;
    for snapshot in old.values() {
        if snapshot.state == JobState::Unreachable {
            continue;
        }
        if let Some(point) = before.and_then(|before| Point::between(before, snapshot)) {
            lots.entry(point.to_ms.div_euclid(block_ms).saturating_mul(block_ms))
                .or_default()
                .push(point);
        }
        before = Some(snapshot);
    }
    Some(lots)
}

enum WriteError {
    Sqlite(rusqlite::Error),
    Codec(codec::CodecError),
}

impl From<rusqlite::Error> for WriteError {
    fn from(error: rusqlite::Error) -> Self {
        WriteError::Sqlite(error)
    }
}

impl From<codec::CodecError> for WriteError {
    fn from(error: codec::CodecError) -> Self {
        WriteError::Codec(error)
    }
}

fn write(
    transaction: &Transaction,
    job: i64,
    lots: &BTreeMap<i64, Vec<Point>>,
    old: &Old,
) -> Result<(), WriteError> {
    for (bucket, points) in lots {
        let mut points = points.clone();
        // A block of the same time is there when snapshots came late.
        let there: Option<Vec<u8>> = transaction
            .query_row(
                "SELECT body FROM block WHERE job = ?1 AND bucket_ms = ?2",
                params![job, bucket],
                |row| row.get(0),
            )
            .optional()?;
        if let Some(earlier) = there.and_then(|body| codec::unpack::<Point>(&body).ok()) {
            points.retain(|point| point.from_ms >= earlier.to_ms);
            points.insert(0, earlier);
        }
        if let Some(block) = Point::merge(&points) {
            transaction.execute(
                "INSERT OR REPLACE INTO block (job, bucket_ms, from_ms, to_ms, body) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![job, bucket, block.from_ms, block.to_ms, codec::pack_rounded(&block)?],
            )?;
        }
    }
    // The newest that reached the job stays whole: the next one is held against it.
    let partner = old
        .iter()
        .rev()
        .find(|(_, snapshot)| snapshot.state != JobState::Unreachable)
        .or(old.last_key_value())
        .map_or(i64::MAX, |(at, _)| *at);
    for at_ms in keyframes(old) {
        transaction.execute(
            "UPDATE snapshot SET keyframe = 1 WHERE job = ?1 AND at_ms = ?2 AND at_ms < ?3",
            params![job, at_ms, partner],
        )?;
    }
    transaction.execute(
        "DELETE FROM snapshot WHERE job = ?1 AND at_ms < ?2 AND keyframe = 0",
        params![job, partner],
    )?;
    Ok(())
}

/// One snapshot an hour, the newest in which the job ran, else the newest.
fn keyframes(old: &Old) -> BTreeSet<i64> {
    let mut hours: BTreeMap<i64, (bool, i64)> = BTreeMap::new();
    for (at_ms, snapshot) in old {
        let candidate = (snapshot.state == JobState::Running, *at_ms);
        let best = hours.entry(at_ms.div_euclid(HOUR_MS)).or_insert(candidate);
        *best = candidate.max(*best);
    }
    hours.into_values().map(|(_, at_ms)| at_ms).collect()
}
