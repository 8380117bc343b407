//! Where a job's manifest is.

use super::settings::Settings;
use crate::manifest::{Catalog, Located, ObjectKey, Refusal};
use crate::plan::object_key;
use crate::snapshot::JobKey;

/// A job's manifest: in the file that the configuration names, else wherever its object is.
///
/// # Errors
/// Why there is none, as a refusal.
pub fn locate(
    settings: &Settings,
    catalog: &Catalog<'_>,
    job: &JobKey,
) -> Result<Located, Refusal> {
    let file = settings
        .jobs
        .get(job)
        .and_then(|entry| entry.manifest.as_deref());
    let key = object_key(job);
    let found = catalog.locate(&key, file).or_else(|refusal| {
        // A manifest may leave its namespace to whoever applies it.
        let without = ObjectKey {
            namespace: None,
            ..key
        };
        catalog.locate(&without, file).map_err(|_| refusal)
    });
    found.or_else(|refusal| by_values(settings, catalog, job).unwrap_or(Err(refusal)))
}

/// The job as a chart's values tell it, where the configuration maps them.
fn by_values(
    settings: &Settings,
    catalog: &Catalog<'_>,
    job: &JobKey,
) -> Option<Result<Located, Refusal>> {
    let mapping = settings
        .values
        .iter()
        .find(|mapping| mapping.is_about(job))?;
    // The configuration was checked when it was read.
    let map = mapping.map_of(job).ok()?;
    let file = mapping.file_of(job);
    Some(catalog.locate_values(&object_key(job), &map, file.as_deref()))
}
