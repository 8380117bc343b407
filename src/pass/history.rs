//! One job's past, as far back as decisions look.

use super::settings::Settings;
use crate::ports::{HistoryError, HistoryStore};
use crate::snapshot::{History, JobKey};

/// One job's history up to now.
///
/// # Errors
/// When the history can't be read.
pub fn history(
    settings: &Settings,
    store: &impl HistoryStore,
    job: &JobKey,
    now_ms: i64,
) -> Result<History, HistoryError> {
    let from_ms = now_ms.saturating_sub(settings.window_ms());
    store.history(job, from_ms, now_ms)
}
