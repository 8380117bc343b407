//! SQLite's errors in words that name the file and the way out.

use crate::ports::HistoryError;
use rusqlite::ErrorCode;
use std::path::Path;

pub(super) fn told(path: &Path, error: &rusqlite::Error) -> HistoryError {
    let reason = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another process is writing to it: wait until that has ended, or end it".to_string()
        }
        Some(ErrorCode::NotADatabase) => {
            "it is not a history file, or its beginning is damaged: name another file, or move it away, and a new one is created"
                .to_string()
        }
        Some(ErrorCode::DatabaseCorrupt) => format!(
            "it is damaged ({error}): restore it from a copy, or move it away, and a new one is created"
        ),
        Some(ErrorCode::CannotOpen) => {
            "it cannot be opened: is there such a folder, and may it be written to?".to_string()
        }
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            "it may not be written to: change its permissions, or name another file".to_string()
        }
        Some(ErrorCode::DiskFull) => {
            "the disk is full: make room; what was written before is kept".to_string()
        }
        _ => error.to_string(),
    };
    of(path, reason)
}

pub(super) fn of(path: &Path, reason: impl Into<String>) -> HistoryError {
    HistoryError {
        place: format!("`{}`", path.display()),
        reason: reason.into(),
    }
}
