//! What git says: ledger, every change.

use super::error::PassError;
use crate::audit::{self, Audit, JobResources, Sources};
use crate::flink::deployment::Deployment;
use crate::manifest::Tree;
use crate::plan::value_at;
use crate::ports::Repository;
use crate::record::{LedgerEntry, read_ledger};
use crate::snapshot::{JobKey, JobKind};
use std::collections::BTreeMap;

/// How far back changes are looked for: a reverted size is remembered as long.
const LOOK_BACK_MS: i64 = 400 * 24 * 3_600_000;

/// What git says: ledger, changes.
pub struct Books {
    /// The ledger's files.
    pub ledger: BTreeMap<String, Vec<u8>>,
    /// The ledger's entries, by time.
    pub entries: Vec<LedgerEntry>,
    /// Every change.
    pub audit: Audit,
    /// What could not be read.
    pub problems: Vec<String>,
}

/// Reads the repository and works out every change in it.
pub fn books(
    repository: &impl Repository,
    jobs: &[JobKey],
    now_ms: i64,
) -> Result<Books, PassError> {
    let names = Names::of(jobs);
    let ledger = repository.ledger()?;
    let (entries, damaged) = read_ledger(&ledger);
    let commits = repository.commits_since(now_ms.saturating_sub(LOOK_BACK_MS))?;
    let resources = |file: &str, bytes: &[u8]| resources(file, bytes, &names);
    let audit = audit::audit(
        Sources {
            commits: &commits,
            ledger: &entries,
            now_ms,
        },
        &resources,
    );
    let mut problems: Vec<String> = damaged.iter().map(ToString::to_string).collect();
    problems.extend(audit.problems.iter().cloned());
    problems.extend(repository.shortcomings()?);
    problems.extend(
        repository
            .left_out()?
            .into_iter()
            .map(|(file, why)| format!("{file}: {why}")),
    );
    Ok(Books {
        ledger,
        entries,
        audit,
        problems,
    })
}

/// The fields of a manifest that size its jobs.
fn resources(file: &str, bytes: &[u8], names: &Names<'_>) -> Vec<JobResources> {
    let tree = Tree::from([(file.to_string(), bytes.to_vec())]);
    let objects = crate::manifest::discover(&tree).objects;
    objects
        .iter()
        .filter_map(|object| {
            let deployment = Deployment::from_value(&object.value).ok()?;
            let kind = [JobKind::Deployment, JobKind::SessionJob, JobKind::BlueGreen]
                .into_iter()
                .find(|kind| kind.resource_kind() == object.key.kind)?;
            let job = names
                .find(kind, object.key.namespace.as_deref(), &object.key.name)
                .cloned()
                .unwrap_or_else(|| JobKey {
                    cluster: names.cluster().to_string(),
                    kind,
                    namespace: object
                        .key
                        .namespace
                        .clone()
                        .unwrap_or_else(|| "default".to_string()),
                    name: object.key.name.clone(),
                });
            Some(JobResources {
                job,
                fields: deployment
                    .sizing_paths()
                    .into_iter()
                    .filter_map(|path| Some((path.to_string(), value_at(&object.value, &path)?)))
                    .collect(),
                object: Some(object.value.clone()),
            })
        })
        .collect()
}

/// The fleet's jobs by what a manifest says of them.
struct Names<'a> {
    jobs: BTreeMap<(JobKind, &'a str), Vec<&'a JobKey>>,
    cluster: Option<&'a str>,
}

impl<'a> Names<'a> {
    fn of(jobs: &'a [JobKey]) -> Names<'a> {
        let mut by_name: BTreeMap<(JobKind, &str), Vec<&JobKey>> = BTreeMap::new();
        for job in jobs {
            by_name
                .entry((job.kind, job.name.as_str()))
                .or_default()
                .push(job);
        }
        Names {
            jobs: by_name,
            cluster: jobs.first().map(|job| job.cluster.as_str()),
        }
    }

    /// The job of a manifest, which may leave its namespace to whoever applies it.
    fn find(&self, kind: JobKind, namespace: Option<&str>, name: &str) -> Option<&'a JobKey> {
        self.jobs
            .get(&(kind, name))?
            .iter()
            .find(|job| namespace.is_none_or(|namespace| job.namespace == namespace))
            .copied()
    }

    /// The cluster that a job of nobody's list is thought to be of.
    fn cluster(&self) -> &'a str {
        self.cluster.unwrap_or("unknown")
    }
}
