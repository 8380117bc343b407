//! Rows that can't be read, found by whoever writes, before somebody needs them.

use super::{codec, compaction, failure};
use crate::snapshot::{Point, Snapshot};
use rusqlite::{Connection, params};
use serde::de::DeserializeOwned;
use std::path::Path;
use std::time::{Duration, Instant};

/// What of the file can't be read, one sentence for each job. A look takes `slice` at most and begins with another job each minute, so that a
/// large file is seen in parts.
pub(super) fn damage(
    path: &Path,
    connection: &Connection,
    now_ms: i64,
    slice: Duration,
) -> Vec<String> {
    let mut found = Vec::new();
    if let Err(error) = by_job(path, connection, now_ms, slice, &mut found) {
        found.push(failure::told(path, &error).to_string());
    }
    found
}

fn by_job(
    path: &Path,
    connection: &Connection,
    now_ms: i64,
    slice: Duration,
    found: &mut Vec<String>,
) -> rusqlite::Result<()> {
    let began = Instant::now();
    let mut name = connection.prepare("SELECT namespace, name FROM job WHERE id = ?1")?;
    for job in compaction::jobs_from(connection, now_ms)? {
        if began.elapsed() >= slice {
            break;
        }
        let rows = unreadable::<Point>(connection, "block", job)?
            + unreadable::<Snapshot>(connection, "snapshot", job)?;
        if rows > 0 {
            let (namespace, name) = name.query_row(params![job], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
            })?;
            found.push(format!("{namespace}/{name}: {}", left_out(rows, path)));
        }
    }
    Ok(())
}

fn unreadable<T: DeserializeOwned>(
    connection: &Connection,
    table: &str,
    job: i64,
) -> rusqlite::Result<usize> {
    let mut query =
        connection.prepare_cached(&format!("SELECT body FROM {table} WHERE job = ?1"))?;
    let mut rows = query.query(params![job])?;
    let mut unreadable = 0;
    while let Some(row) = rows.next()? {
        let body = row.get_ref(0)?;
        let is_read = body
            .as_blob()
            .is_ok_and(|body| codec::unpack::<T>(body).is_ok());
        unreadable += usize::from(!is_read);
    }
    Ok(unreadable)
}

/// Says how many rows of the file are lost.
pub(super) fn left_out(rows: usize, file: &Path) -> String {
    let file = file.display();
    match rows {
        1 => format!("1 row of `{file}` is damaged and left out"),
        _ => format!("{rows} rows of `{file}` are damaged and left out"),
    }
}
