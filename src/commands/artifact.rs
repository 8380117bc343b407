//! What travels from the job with cluster credentials to the one with a write token: a plan, or the reverts that are due. Whoever wrote the
//! file, it is a request: everything in it is checked against the repository before anything of it is written.

use super::Failure;
use super::forge::{AnyForge, AnyRepository};
use super::heartbeat::Blind;
use super::planning::{books, locate};
use super::propose::{Proposed, failed, written};
use super::watch::ledger_message;
use super::world::World;
use crate::audit::KnownChanges;
use crate::manifest::{Catalog, Located, Refusal};
use crate::plan::{Plan, RevertRequest, SCHEMA, Unfit, restoring, rightsizing};
use crate::ports::{Forge, Repository, RepositoryError};
use crate::record::{SealKey, seal, unseal};
use crate::render::propose_revert;
use crate::snapshot::JobKey;
use anyhow::Context;
use camino::Utf8Path;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::{env, fs};

/// What the schema field of due reverts says.
const WATCH_SCHEMA: &str = "plimsoll.watch/2";

/// The largest file that is read, bytes.
const LARGEST: u64 = 256 * 1024 * 1024;

/// An artifact that was read.
pub enum Artifact {
    /// Of `plan --out`.
    Plan(Box<Plan>),
    /// Of `watch --out`.
    Reverts(Due),
}

/// What a watch without a forge leaves to be written.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Due {
    /// `plimsoll.watch/2`.
    schema: String,
    /// The head of the base branch that it was made on.
    base: String,
    /// The time before in which nobody looked, if it was too long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blind: Option<Blind>,
    /// The verdicts, for people.
    changes: Value,
    /// The reverts that are due.
    reverts: Vec<RevertRequest>,
    /// What the ledger is to learn: path → text.
    ledger: BTreeMap<String, String>,
}

impl Due {
    /// From the verdicts, the due reverts, the base that they were made on, the ledger's new entries (the heartbeat is one) and what was
    /// missed before.
    pub fn new(
        changes: Value,
        reverts: Vec<RevertRequest>,
        base: &str,
        ledger: &BTreeMap<String, Vec<u8>>,
        blind: Option<Blind>,
    ) -> Due {
        Due {
            schema: WATCH_SCHEMA.to_string(),
            base: base.to_string(),
            blind,
            changes,
            reverts,
            ledger: ledger
                .iter()
                .map(|(path, bytes)| (path.clone(), String::from_utf8_lossy(bytes).into_owned()))
                .collect(),
        }
    }

    /// Why nothing of it is to be written, if so: the first part that contradicts the repository or itself.
    fn refuse(&self, world: &World, repository: &AnyRepository) -> Result<(), Failure> {
        let tree = repository.tree().map_err(broken)?;
        let head = repository.head().map_err(broken)?;
        let jobs: Vec<JobKey> = self
            .reverts
            .iter()
            .map(|revert| revert.evidence.job.clone())
            .collect();
        once(&jobs)?;
        for request in &self.reverts {
            let job = &request.evidence.job;
            configured(world, job)?;
            let checked = restoring(&tree, &found(world), request);
            believe(job, checked.err(), self.base == head)?;
        }
        if self.ledger.is_empty() {
            return Ok(());
        }
        let books = books(world, repository, &jobs)?;
        let known = KnownChanges::new(&books.audit, &books.tree);
        let refusal = self
            .ledger
            .iter()
            .find_map(|(path, text)| known.refuse(path, text.as_bytes(), world.now_ms()));
        match refusal {
            Some(why) => Err(Failure::Failed(anyhow::anyhow!(why))),
            None => Ok(()),
        }
    }

    /// Appends to the ledger, and proposes the reverts that fit the base as it is. One that fails does not stop the others, nor does a
    /// ledger that can't be written: what it lacks is found again by the next watch. Returns what was done, and what was not.
    pub async fn carry_out(
        &self,
        world: &World,
        forge: &AnyForge,
        repository: &AnyRepository,
        file: &Utf8Path,
    ) -> Result<(Vec<Proposed>, Vec<String>), Failure> {
        self.refuse(world, repository)
            .map_err(|failure| refused(file, failure))?;
        let mut problems = Vec::new();
        if !self.ledger.is_empty() {
            let files: BTreeMap<String, Vec<u8>> = self
                .ledger
                .iter()
                .map(|(path, text)| (path.clone(), text.clone().into_bytes()))
                .collect();
            let appended =
                repository.append_ledger(&files, &ledger_message(&files), world.now_ms());
            match appended {
                Err(error) if self.reverts.is_empty() => return Err(broken(error)),
                Err(error) => problems.push(format!("the ledger was not written: {error}")),
                Ok(()) => {}
            }
        }
        let mut done = Vec::new();
        for request in &self.reverts {
            done.push(propose_one(world, forge, repository, request).await?);
        }
        Ok((done, problems))
    }
}

/// Proposes one revert on the base as it is by now.
pub async fn propose_one(
    world: &World,
    forge: &AnyForge,
    repository: &AnyRepository,
    request: &RevertRequest,
) -> Result<Proposed, Failure> {
    let job = request.evidence.job.to_string();
    let tree = repository.tree().map_err(broken)?;
    let checked = restoring(&tree, &found(world), request);
    let proposal = checked
        .map_err(|unfit| unfit.to_string())
        .and_then(|checked| propose_revert(request, checked).map_err(|error| error.to_string()));
    Ok(match proposal {
        Ok(proposal) => written(&job, forge.propose(&proposal, world.now_ms()).await),
        Err(why) => failed(&job, why),
    })
}

/// Checks a plan that came in a file: one proposal that contradicts itself or the base that it was made on, and nothing of it is used.
///
/// # Errors
/// The refusal, with the file and the job.
pub fn check_plan(
    world: &World,
    repository: &AnyRepository,
    plan: &Plan,
    file: &Utf8Path,
) -> Result<(), Failure> {
    let check = || {
        let tree = repository.tree().map_err(broken)?;
        let head = repository.head().map_err(broken)?;
        let jobs: Vec<JobKey> = plan.proposals().map(|(item, _)| item.job.clone()).collect();
        once(&jobs)?;
        for (item, change) in plan.proposals() {
            configured(world, &item.job)?;
            let checked = rightsizing(&tree, &found(world), item, change);
            believe(&item.job, checked.err(), plan.base == head)?;
        }
        Ok(())
    };
    check().map_err(|failure| refused(file, failure))
}

/// How a job's manifest is found: as planning finds it.
pub fn found(
    world: &World,
) -> impl Fn(&Catalog<'_>, &JobKey) -> Result<Located, Refusal> + use<'_> {
    move |catalog: &Catalog<'_>, job: &JobKey| locate(world, catalog, job)
}

/// A job is asked for once.
fn once(jobs: &[JobKey]) -> Result<(), Failure> {
    let mut seen = BTreeSet::new();
    match jobs.iter().find(|job| !seen.insert(*job)) {
        Some(twice) => Err(Failure::Failed(anyhow::anyhow!(
            "{twice}: it asks for two changes of this job"
        ))),
        None => Ok(()),
    }
}

/// The cluster of a job is one that the configuration names.
fn configured(world: &World, job: &JobKey) -> Result<(), Failure> {
    let clusters = &world.config.clusters;
    if clusters.is_empty() || clusters.iter().any(|cluster| cluster.name == job.cluster) {
        return Ok(());
    }
    Err(Failure::Failed(anyhow::anyhow!(
        "{job}: the configuration names no cluster `{}`",
        job.cluster
    )))
}

/// What does not fit was forged, unless the base went on since, or the owner changed their mind: then it is only left out.
fn believe(job: &JobKey, unfit: Option<Unfit>, same_base: bool) -> Result<(), Failure> {
    match unfit {
        Some(Unfit::Forged(why)) => Err(Failure::Failed(anyhow::anyhow!("{job}: {why}"))),
        Some(Unfit::Stale(why)) if same_base => Err(Failure::Failed(anyhow::anyhow!(
            "{job}: {why} (it says that it was made on the base branch as it is)"
        ))),
        _ => Ok(()),
    }
}

fn refused(file: &Utf8Path, failure: Failure) -> Failure {
    match failure {
        Failure::Failed(error) => Failure::Failed(error.context(format!(
            "--from {file} is refused, and nothing of it was written"
        ))),
        other => other,
    }
}

fn broken(error: RepositoryError) -> Failure {
    Failure::Failed(error.into())
}

/// The key that artifacts are signed with, if one is set.
fn key(world: &World) -> Result<Option<SealKey>, Failure> {
    let settings = &world.config.seal;
    let variable = &settings.key_env;
    match env::var(variable) {
        Ok(text) if !text.trim().is_empty() => SealKey::new(&text)
            .map(Some)
            .map_err(|error| Failure::Usage(format!("{variable}: {error}"))),
        _ if settings.required => Err(Failure::Usage(format!(
            "the configuration says `seal: {{required: true}}`, and the environment variable {variable} holds no key: set it in both jobs"
        ))),
        _ => Ok(None),
    }
}

/// Writes what another job is to carry out, sealed, and signed where a key is set.
pub fn write(world: &World, content: &impl Serialize, file: &Utf8Path) -> Result<(), Failure> {
    let content = serde_json::to_value(content).context("--out")?;
    let text = seal(&content, key(world)?.as_ref()).context("--out")?;
    fs::write(file, text).with_context(|| format!("--out {file}"))?;
    Ok(())
}

/// Reads an artifact; one that was changed on the way is refused whole.
pub fn read(world: &World, file: &Utf8Path) -> Result<Artifact, Failure> {
    let key = key(world)?;
    let from = || format!("--from {file}");
    let size = fs::metadata(file).with_context(from)?.len();
    if size > LARGEST {
        return Err(Failure::Failed(anyhow::anyhow!(
            "--from {file} has {size} bytes, more than the {LARGEST} that are read"
        )));
    }
    let text = fs::read_to_string(file).with_context(from)?;
    let content = unseal(&text, key.as_ref()).with_context(from)?;
    drop(text);
    let schema = content["schema"].as_str().unwrap_or_default().to_owned();
    match schema.as_str() {
        SCHEMA => {
            let plan = serde_json::from_value(content)
                .with_context(|| format!("--from {file} is no plan of `plimsoll plan --out`"))?;
            Ok(Artifact::Plan(Box::new(plan)))
        }
        WATCH_SCHEMA => {
            let due = serde_json::from_value(content)
                .with_context(|| format!("--from {file} is nothing of `plimsoll watch --out`"))?;
            Ok(Artifact::Reverts(due))
        }
        _ => Err(Failure::Failed(anyhow::anyhow!(
            "--from {file} has schema `{schema}`, and this Plimsoll reads {SCHEMA} and {WATCH_SCHEMA}: make it again"
        ))),
    }
}
