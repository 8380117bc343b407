//! The Prometheus-compatible store that is configured.

use super::WorldError;
use crate::clients::prometheus::PrometheusHistory;
use crate::config::HistoryConfig;
use crate::snapshot::JobKey;
use camino::Utf8Path;

/// The store for these jobs, which reads as far back as decisions look; absent where none is configured.
pub(super) fn store(
    config: &HistoryConfig,
    folder: &Utf8Path,
    jobs: impl IntoIterator<Item = (JobKey, Option<String>)>,
) -> Result<Option<PrometheusHistory>, WorldError> {
    let Some(prometheus) = &config.prometheus else {
        return Ok(None);
    };
    let window_ms = i64::try_from(config.window.millis()).unwrap_or(i64::MAX);
    PrometheusHistory::open(prometheus, folder.as_std_path(), jobs)
        .map(|store| Some(store.reaching(window_ms)))
        .map_err(|error| WorldError::Configuration(error.to_string()))
}
