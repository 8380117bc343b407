//! The verdicts of each job.

use super::history::history;
use super::settings::Settings;
use super::side_by_side::side_by_side;
use crate::classify::{JobProfile, classify};
use crate::evaluate::plugin::Told;
use crate::ports::{HistoryError, HistoryStore};
use crate::snapshot::JobKey;

/// The verdicts of each job, side by side, and what could not be read, each with its job's name.
///
/// # Errors
/// When the history of no job can be read.
pub fn profiles(
    settings: &Settings,
    store: &impl HistoryStore,
    jobs: &[JobKey],
    now_ms: i64,
) -> Result<(Vec<JobProfile>, Vec<String>), HistoryError> {
    store.expect(jobs);
    let results = side_by_side(jobs, |job| {
        let history = history(settings, store, job, now_ms)?;
        let rooms = settings.rooms(job, Told::default());
        Ok::<JobProfile, HistoryError>(classify(&history, &rooms.classify))
    });
    let mut profiles = Vec::with_capacity(jobs.len());
    let mut problems = Vec::new();
    let mut unread: Vec<HistoryError> = Vec::new();
    for (job, result) in jobs.iter().zip(results) {
        match result {
            Ok(Ok(profile)) => profiles.push(profile),
            Ok(Err(error)) => {
                problems.push(format!("{}: {error}", job.short()));
                unread.push(error);
            }
            Err(panic) => problems.push(format!("{}: {panic}", job.short())),
        }
    }
    if unread.len() == jobs.len()
        && let Some(first) = unread.into_iter().next()
    {
        return Err(first);
    }
    Ok((profiles, problems))
}
