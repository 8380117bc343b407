//! The heartbeat of a run: left in the ledger, and missed by the next run.

use super::Failure;
use super::forge::AnyRepository;
use super::world::World;
use crate::ports::Repository;
use crate::record::{blind_since, heartbeat};
use crate::render::number;
use std::collections::BTreeMap;

/// Leaves a heartbeat where the configuration says how often a run comes; gives the sentence that this one came too late.
pub fn beat(
    world: &World,
    repository: &AnyRepository,
    jobs: usize,
) -> Result<Option<String>, Failure> {
    let Some(every) = &world.config.schedule.every else {
        return Ok(None);
    };
    let every_ms = i64::try_from(every.millis()).unwrap_or(i64::MAX);
    let broken = |error: crate::ports::RepositoryError| Failure::Failed(error.into());
    let now_ms = world.now_ms();
    let ledger = repository.ledger().map_err(broken)?;
    let since = blind_since(&ledger, now_ms, every_ms);
    let (path, bytes) = heartbeat(now_ms, every_ms, jobs);
    if !ledger.contains_key(&path) {
        repository
            .append_ledger(&BTreeMap::from([(path, bytes)]), "heartbeat", now_ms)
            .map_err(broken)?;
    }
    Ok(since.map(|since_ms| {
        format!(
            "blind from {} to {}: no run came, though one is due every {every}; nothing was watched in that time",
            number::moment(since_ms),
            number::moment(now_ms)
        )
    }))
}
