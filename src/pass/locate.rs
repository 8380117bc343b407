//! Where a job's manifest is.

use super::fleet::Fleet;
use super::settings::Settings;
use crate::config::MappedValues;
use crate::manifest::{Catalog, Located, Refusal, Sought};
use crate::plan::object_key;
use crate::snapshot::{JobKey, LiveResource};
use std::collections::{BTreeMap, BTreeSet};

/// The live jobs, as far as they matter to each other's manifests: one file must not be taken for two of them.
#[derive(Debug, Clone, Default)]
pub struct Neighbours<'a> {
    by_name: BTreeMap<&'a str, Vec<&'a JobKey>>,
    namespaces: BTreeSet<&'a str>,
}

impl<'a> Neighbours<'a> {
    /// All jobs that are known: of static lists, and as their clusters were listed.
    pub fn of(settings: &'a Settings, fleet: Option<&'a Fleet>) -> Neighbours<'a> {
        let listed = settings
            .jobs
            .iter()
            .filter(|(_, entry)| !entry.rest.is_empty())
            .map(|(job, _)| job);
        let found = fleet.into_iter().flat_map(Fleet::known);
        let all: BTreeSet<&JobKey> = listed.chain(found).collect();
        let mut neighbours = Neighbours::default();
        for job in all {
            neighbours.namespaces.insert(&job.namespace);
            neighbours.by_name.entry(&job.name).or_default().push(job);
        }
        neighbours
    }
}

/// A job's manifest: the one that the configuration names or maps, else the one that evidence ties to it.
///
/// # Errors
/// Why there is none, as a refusal.
pub fn locate(
    settings: &Settings,
    neighbours: &Neighbours<'_>,
    live: Option<&LiveResource>,
    catalog: &Catalog<'_>,
    job: &JobKey,
) -> Result<Located, Refusal> {
    let manifest = |job: &JobKey| settings.jobs.get(job)?.manifest.clone();
    let same_name = neighbours.by_name.get(job.name.as_str());
    let rivals = same_name.map_or(&[][..], Vec::as_slice).iter();
    let mapped = MappedValues::of(&settings.values, job);
    let namespaces = neighbours.namespaces.iter();
    let owner = live.and_then(|resource| resource.owner.as_ref());
    catalog.find(&Sought {
        key: object_key(job),
        manifest: manifest(job),
        rivals: rivals
            .filter(|other| **other != job && manifest(other).is_none())
            .map(|other| object_key(other))
            .collect(),
        namespaces: namespaces
            .filter(|of| **of != job.namespace)
            .map(|of| (*of).to_owned())
            .collect(),
        owner: owner.map(|owner| (owner.tool.clone(), owner.name.clone())),
        values: mapped.layers,
        values_are_its_own: mapped.own,
        values_shared_with: mapped.shared_with,
    })
}

/// As [`locate`], where less is known than when a change of `file` was planned: then that file is the job's.
///
/// # Errors
/// As [`locate`].
pub(super) fn locate_again(
    settings: &Settings,
    catalog: &Catalog<'_>,
    job: &JobKey,
    file: &str,
) -> Result<Located, Refusal> {
    let neighbours = Neighbours::of(settings, None);
    locate(settings, &neighbours, None, catalog, job).or_else(|refusal| {
        let planned = Sought {
            manifest: Some(file.to_owned()),
            ..Sought::new(object_key(job))
        };
        catalog.find(&planned).map_err(|_| refusal)
    })
}
