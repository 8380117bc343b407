//! Manifests, histories and git → the fleet's plan. Shared by the commands that plan, propose, explain and report.

use super::world::World;
use super::{Failure, sessions};
use crate::audit::{self, Audit, ChangeRecord, JobResources, Outcome, Sources};
use crate::flink::deployment::Deployment;
use crate::flink::field_path::FieldPath;
use crate::manifest::{Catalog, Located, Refusal, Tree};
use crate::plan::{self, Facts, FleetFacts, Item, Plan, arrange, object_key, plan_job, value_at};
use crate::policy::{Mode, Standing};
use crate::ports::{HistoryStore, PullRequest, PullRequestState, Repository};
use crate::recommend::{Recommendation, RevertedSize};
use crate::record::{ChangeKind, Evidence, LedgerEntry, State, evidence_path, read_ledger};
use crate::snapshot::{History, JobKey, JobKind};
use crate::watch::{Assessment, assess};

/// How far back changes are looked for: a reverted size is remembered as long.
const LOOK_BACK_MS: i64 = 400 * 24 * 3_600_000;

/// What git says: manifests, ledger, changes.
pub struct Books {
    /// The base branch's head.
    pub head: String,
    /// Its files.
    pub tree: Tree,
    /// The ledger's files.
    pub ledger: std::collections::BTreeMap<String, Vec<u8>>,
    /// The ledger's entries, by time.
    pub entries: Vec<LedgerEntry>,
    /// Every change.
    pub audit: Audit,
    /// What could not be read.
    pub problems: Vec<String>,
}

/// A change that is not settled yet, with the verdict on it.
pub struct Judged {
    /// The change.
    pub record: ChangeRecord,
    /// Its evidence.
    pub evidence: Evidence,
    /// The verdict.
    pub assessment: Assessment,
}

/// Reads the repository and works out every change in it.
pub fn books(
    world: &World,
    repository: &impl Repository,
    jobs: &[JobKey],
) -> Result<Books, Failure> {
    let failed = |error: crate::ports::RepositoryError| Failure::Failed(error.into());
    let now_ms = world.now_ms();
    let tree = repository.tree().map_err(failed)?;
    let ledger = repository.ledger().map_err(failed)?;
    let (entries, damaged) = read_ledger(&ledger);
    let commits = repository
        .commits_since(now_ms.saturating_sub(LOOK_BACK_MS))
        .map_err(failed)?;
    let resources = |file: &str, bytes: &[u8]| resources(file, bytes, jobs);
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
    problems.extend(repository.shortcomings().map_err(failed)?);
    problems.extend(
        repository
            .left_out()
            .map_err(failed)?
            .into_iter()
            .map(|(file, why)| format!("{file}: {why}")),
    );
    Ok(Books {
        head: repository.head().map_err(failed)?,
        tree,
        ledger,
        entries,
        audit,
        problems,
    })
}

/// The fields of a manifest that size its jobs.
fn resources(file: &str, bytes: &[u8], jobs: &[JobKey]) -> Vec<JobResources> {
    let tree = Tree::from([(file.to_string(), bytes.to_vec())]);
    let objects = crate::manifest::discover(&tree).objects;
    objects
        .iter()
        .filter_map(|object| {
            let deployment = Deployment::from_value(&object.value).ok()?;
            let kind = [JobKind::Deployment, JobKind::SessionJob, JobKind::BlueGreen]
                .into_iter()
                .find(|kind| kind.resource_kind() == object.key.kind)?;
            let namespace = object
                .key
                .namespace
                .clone()
                .unwrap_or_else(|| "default".to_string());
            let known = jobs.iter().find(|job| {
                job.kind == kind
                    && job.name == object.key.name
                    && (object.key.namespace.is_none() || job.namespace == namespace)
            });
            let job = known.cloned().unwrap_or(JobKey {
                cluster: jobs
                    .first()
                    .map_or_else(|| "unknown".to_string(), |job| job.cluster.clone()),
                kind,
                namespace,
                name: object.key.name.clone(),
            });
            Some(JobResources {
                job,
                fields: sizing_paths(&deployment)
                    .into_iter()
                    .filter_map(|path| Some((path.to_string(), value_at(&object.value, &path)?)))
                    .collect(),
            })
        })
        .collect()
}

fn sizing_paths(deployment: &Deployment) -> Vec<FieldPath> {
    let spec = |keys: &[&str]| deployment.spec_field(keys);
    let option = |name: &str| deployment.option_field(name);
    vec![
        spec(&["job", "parallelism"]),
        spec(&["taskManager", "replicas"]),
        spec(&["taskManager", "resource", "memory"]),
        spec(&["taskManager", "resource", "cpu"]),
        spec(&["taskManager", "resources", "requests", "memory"]),
        spec(&["taskManager", "resources", "requests", "cpu"]),
        spec(&["taskManager", "resources", "limits", "memory"]),
        spec(&["taskManager", "resources", "limits", "cpu"]),
        option("taskmanager.numberOfTaskSlots"),
        option("taskmanager.memory.process.size"),
        option("taskmanager.memory.managed.fraction"),
        option("taskmanager.memory.managed.size"),
        option("pipeline.jobvertex-parallelism-overrides"),
        option("parallelism.default"),
    ]
}

/// One job's history up to now.
pub fn history(world: &World, store: &impl HistoryStore, job: &JobKey) -> Result<History, Failure> {
    let now_ms = world.now_ms();
    store
        .history(job, now_ms.saturating_sub(world.window_ms()), now_ms)
        .map_err(|error| Failure::Failed(error.into()))
}

/// Judges the changes that are not settled yet. Only rightsizings are watched; a merged revert is done.
pub fn judge(
    world: &World,
    store: &impl HistoryStore,
    books: &Books,
    jobs: &[JobKey],
) -> Result<(Vec<Judged>, Vec<String>), Failure> {
    let mut judged = Vec::new();
    let mut problems = Vec::new();
    let open = |record: &&ChangeRecord| {
        record.outcome == Outcome::Watching
            && record.kind == Some(ChangeKind::Rightsize)
            && jobs.contains(&record.job)
    };
    let watched: Vec<JobKey> = books
        .audit
        .changes
        .iter()
        .filter(open)
        .map(|record| record.job.clone())
        .collect();
    store.expect(&watched);
    for record in books.audit.changes.iter().filter(open) {
        let Some(digest) = &record.change else {
            continue;
        };
        match evidence(books, digest) {
            Ok(evidence) => {
                // The evidence holds what was before; the day before the merge shows how often the job is looked at.
                let from_ms = record.merged_at_ms.saturating_sub(24 * 3_600_000);
                let history = store
                    .history(&record.job, from_ms, world.now_ms())
                    .map_err(|error| Failure::Failed(error.into()))?;
                let assessment = assess(&evidence, &record.merge(), &history, world.now_ms());
                judged.push(Judged {
                    record: record.clone(),
                    evidence,
                    assessment,
                });
            }
            Err(problem) => problems.push(problem),
        }
    }
    Ok((judged, problems))
}

fn evidence(books: &Books, digest: &str) -> Result<Evidence, String> {
    let path = evidence_path(digest);
    let bytes = books.tree.get(&path).ok_or_else(|| {
        format!(
            "{path} is gone from the base branch: its change can't be watched; restore the file"
        )
    })?;
    Evidence::from_file(&path, bytes).map_err(|error| error.to_string())
}

/// The whole plan. A job whose history can't be read is one item that says so.
pub fn plan(
    world: &World,
    store: &impl HistoryStore,
    books: &Books,
    judged: &[Judged],
    pull_requests: &[PullRequest],
    jobs: &[JobKey],
    mut progress: impl FnMut(),
) -> Result<Plan, Failure> {
    let now_ms = world.now_ms();
    let catalog = Catalog::read(&books.tree);
    let mut items: Vec<Item> = Vec::with_capacity(jobs.len());
    let mut parts = Vec::new();
    store.expect(jobs);
    for job in jobs {
        let history = history(world, store, job)?;
        let mut rooms = world.rooms(job);
        let located = locate(world, &catalog, job);
        let standing = standing(world, books, job, located.as_ref().ok(), &history, &rooms);
        super::plugins::refuse_unknown(world, job, &standing, &mut rooms.evaluate.told);
        let watched = judged
            .iter()
            .rev()
            .find(|judged| judged.record.job == *job)
            .map(|judged| &judged.assessment);
        let live = world.resource(job);
        let facts = Facts {
            history: &history,
            standing,
            manifest: located.as_ref(),
            watched,
            resource: live.as_deref(),
        };
        parts.extend(sessions::part(job, live.as_deref(), &history));
        items.push(plan_job(job, &facts, &rooms, &catalog, now_ms));
        progress();
    }
    parts.extend(sessions::elsewhere(world, store, &items, jobs)?);
    plan::group_sessions(&mut items, &parts, &world.config.prices);
    let facts = FleetFacts {
        behind: behind(world, store)?,
        ..fleet_facts(judged, pull_requests)
    };
    Ok(Plan {
        schema: plan::SCHEMA.to_string(),
        plimsoll: env!("CARGO_PKG_VERSION").to_string(),
        at_ms: now_ms,
        base: books.head.clone(),
        items: arrange(items, &facts, &world.config.plan, now_ms),
        without_job: match world.listed_whole() {
            Some(live) => plan::without_job(&crate::manifest::discover(&books.tree).objects, &live),
            None => Vec::new(),
        },
    })
}

/// A job's manifest: in the file that the configuration names, else wherever its object is.
pub fn locate(world: &World, catalog: &Catalog<'_>, job: &JobKey) -> Result<Located, Refusal> {
    let file = world
        .entries
        .get(job)
        .and_then(|entry| entry.manifest.as_deref());
    let key = object_key(job);
    let found = catalog.locate(&key, file).or_else(|refusal| {
        // A manifest may leave its namespace to whoever applies it.
        let without = crate::manifest::ObjectKey {
            namespace: None,
            ..key
        };
        catalog.locate(&without, file).map_err(|_| refusal)
    });
    found.or_else(|refusal| by_values(world, catalog, job).unwrap_or(Err(refusal)))
}

/// The job as a chart's values tell it, where the configuration maps them.
fn by_values(
    world: &World,
    catalog: &Catalog<'_>,
    job: &JobKey,
) -> Option<Result<Located, Refusal>> {
    let mappings = &world.config.repository.values;
    let mapping = mappings.iter().find(|mapping| mapping.is_about(job))?;
    // The configuration was checked when it was read.
    let map = mapping.map_of(job).ok()?;
    let file = mapping.file_of(job);
    Some(catalog.locate_values(&object_key(job), &map, file.as_deref()))
}

/// Whether this run goes by a time that lies behind the newest sample: one sentence.
pub fn behind(world: &World, store: &impl HistoryStore) -> Result<Option<String>, Failure> {
    let newest_ms = store
        .newest_ms()
        .map_err(|error| Failure::Failed(error.into()))?;
    Ok(plan::behind(newest_ms, world.now_ms()))
}

fn fleet_facts(judged: &[Judged], pull_requests: &[PullRequest]) -> FleetFacts {
    let open = pull_requests
        .iter()
        .filter(|pull_request| pull_request.state == PullRequestState::Open)
        .filter_map(|pull_request| State::find(&pull_request.body))
        .map(|state| state.job)
        .collect();
    let watched = judged
        .iter()
        .map(|judged| {
            let until = match &judged.assessment {
                Assessment::Watching { until_ms, .. } => Some(*until_ms),
                _ => None,
            };
            (judged.record.job.clone(), until)
        })
        .collect();
    FleetFacts {
        open,
        opened_at_ms: pull_requests
            .iter()
            .map(|pull_request| pull_request.opened_at_ms)
            .collect(),
        watched,
        behind: None,
    }
}

fn standing(
    world: &World,
    books: &Books,
    job: &JobKey,
    located: Option<&Located>,
    history: &History,
    rooms: &plan::Rooms,
) -> Standing {
    let deployment = located.and_then(|located| Deployment::from_value(&located.value).ok());
    let wishes = deployment.as_ref().map(Deployment::wishes);
    let wished = wishes.as_ref().and_then(|wishes| wishes.mode.as_deref());
    let mode = match wished {
        Some("ignore") => Mode::Ignore,
        Some("report") => Mode::Report,
        Some("propose") if world.config.mode != Mode::Ignore => Mode::Propose,
        _ => world.config.mode,
    };
    let own = books
        .audit
        .changes
        .iter()
        .filter(|change| change.job == *job && change.change.is_some());
    let checkpoints = history
        .latest_running
        .as_ref()
        .and_then(|snapshot| snapshot.checkpoints.as_ref());
    Standing {
        mode,
        mode_reason: wishes.as_ref().and_then(|wishes| wishes.reason.clone()),
        tier: wishes
            .as_ref()
            .and_then(|wishes| wishes.tier.clone())
            .or_else(|| world.entries.get(job).and_then(|entry| entry.tier.clone())),
        labels: deployment
            .as_ref()
            .map(|deployment| deployment.labels.clone())
            .unwrap_or_default(),
        annotations: deployment
            .as_ref()
            .map(|deployment| deployment.annotations.clone())
            .unwrap_or_default(),
        verdicts: Vec::new(),
        hold_until_ms: wishes
            .as_ref()
            .and_then(|wishes| wishes.hold_until.as_deref())
            .and_then(date_ms),
        autoscaler: deployment
            .as_ref()
            .is_some_and(Deployment::autoscaler_enabled),
        last_merged_ms: own.clone().map(|change| change.merged_at_ms).max(),
        observation_window_ms: i64::try_from(rooms.watch.window.millis()).unwrap_or(i64::MAX),
        reverted: own
            .filter(|change| change.outcome == Outcome::Reverted)
            .filter_map(|change| reverted_size(books, change.change.as_deref()?))
            .collect(),
        last_checkpoint_ms: checkpoints.and_then(|checkpoints| checkpoints.latest_completed_at_ms),
        checkpointing: checkpoints.is_some_and(|checkpoints| checkpoints.interval_ms.is_some()),
    }
}

/// A date (`2026-12-01`) or a time, as Unix milliseconds.
fn date_ms(text: &str) -> Option<i64> {
    let time = text.parse::<jiff::Timestamp>().ok();
    let day = || {
        let date = text.parse::<jiff::civil::Date>().ok()?;
        Some(date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
    };
    time.or_else(day).map(|time| time.as_millisecond())
}

fn reverted_size(books: &Books, digest: &str) -> Option<RevertedSize> {
    let evidence = evidence(books, digest).ok()?;
    let recommendation: Recommendation =
        serde_json::from_value(evidence.details.get("recommendation")?.clone()).ok()?;
    Some(RevertedSize {
        size: recommendation.proposed,
        load_per_second: recommendation.demand.load_per_second,
    })
}
