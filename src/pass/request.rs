//! A sealed file carried out: everything in it is checked against the repository before anything of it is written.

use super::answer::mirror;
use super::base::Manifests;
use super::books::books;
use super::error::PassError;
use super::heard::Heard;
use super::locate::locate_again;
use super::owner::owner;
use super::proposed::Proposed;
use super::sealed::{Due, ledger_message};
use super::settings::Settings;
use crate::audit::KnownChanges;
use crate::manifest::{Catalog, Located, Refusal};
use crate::plan::{Plan, RevertRequest, State, Unfit, restoring, rightsizing};
use crate::policy::Mode;
use crate::ports::{Forge, Repository};
use crate::record::read_ledger;
use crate::render::propose_revert;
use crate::snapshot::JobKey;
use std::collections::{BTreeMap, BTreeSet};

/// How a job's manifest is found for writing: as planning finds it. Where planning knew more of the cluster, the file that it names decides
/// between those that fit.
pub(super) fn found<'a>(
    settings: &'a Settings,
    file: &'a str,
) -> impl Fn(&Catalog<'_>, &JobKey) -> Result<Located, Refusal> + use<'a> {
    move |catalog: &Catalog<'_>, job: &JobKey| locate_again(settings, catalog, job, file)
}

/// The file of a revert's first field.
fn file_of(request: &RevertRequest) -> &str {
    let field = request.evidence.fields.first();
    field.map_or("", |field| field.file.as_str())
}

/// Checks a plan that came in a file: one proposal that contradicts itself, or the base that it was made on, and nothing of it is used.
///
/// # Errors
/// [`PassError::Refused`], or when the repository can't be read.
pub fn check_plan(
    settings: &Settings,
    manifests: &Manifests<'_>,
    plan: &Plan,
) -> Result<(), PassError> {
    once(plan.proposals().map(|(item, _)| &item.job))?;
    for (item, change) in plan.proposals() {
        configured(settings, &item.job)?;
        let checked = rightsizing(
            &manifests.catalog,
            &found(settings, &change.file),
            item,
            change,
        );
        believe(&item.job, checked.err(), plan.base == manifests.base.head)?;
    }
    Ok(())
}

/// Takes from a plan that came in a file what may not be proposed here: the job that made the plan may have another mode than the one that
/// writes. One sentence for each.
pub fn withhold(settings: &Settings, manifests: &Manifests<'_>, plan: &mut Plan) -> Vec<String> {
    let mut withheld = Vec::new();
    for item in plan.items.iter_mut() {
        let Some(change) = item
            .change
            .as_deref()
            .filter(|_| item.state == State::Propose)
        else {
            continue;
        };
        let locate = found(settings, &change.file);
        // A job without a manifest is refused where it is written.
        let Ok(located) = locate(&manifests.catalog, &item.job) else {
            continue;
        };
        let mode = owner(Some(&located), None).mode(settings.mode);
        if mode < Mode::Propose {
            item.state = State::Report;
            withheld.push(format!(
                "{}: not proposed: the mode is `{mode}` where it would be written",
                item.job.short()
            ));
        }
    }
    withheld
}

impl Due {
    /// Appends to the ledger, and proposes the reverts that fit the base as it is. Everything is checked first, and one part that does not
    /// fit refuses all of it. One revert that fails does not stop the others, nor does a ledger that can't be written: what it lacks is found
    /// again by the next watch. Returns what was done, and what was not.
    ///
    /// # Errors
    /// [`PassError::Refused`], or when the repository can't be read; when nothing but the ledger was to be written, and can't be.
    pub async fn carry_out(
        &self,
        settings: &Settings,
        forge: &impl Forge,
        repository: &impl Repository,
        manifests: &Manifests<'_>,
        now_ms: i64,
    ) -> Result<(Vec<Proposed>, Vec<String>), PassError> {
        self.check(settings, repository, manifests, now_ms)?;
        let mut problems: Vec<String> = Vec::new();
        problems.extend(repository.recover().err().map(|error| error.to_string()));
        let heard = match Heard::of(forge, repository, now_ms).await {
            Ok(heard) => Some(heard),
            Err(error) => {
                problems.push(format!("what people closed is not known: {error}"));
                None
            }
        };
        let mut files: BTreeMap<String, Vec<u8>> = self
            .ledger
            .iter()
            .map(|(path, text)| (path.clone(), text.clone().into_bytes()))
            .collect();
        let (mut learnt, _) = read_ledger(&files);
        let told = heard.iter().flat_map(|heard| &heard.entries);
        for entry in told
            .filter(|entry| !learnt.contains(entry))
            .cloned()
            .collect::<Vec<_>>()
        {
            files.insert(entry.path(), entry.to_bytes()?);
            learnt.push(entry);
        }
        if !files.is_empty() {
            match repository.append_ledger(&files, &ledger_message(&files), now_ms) {
                Err(error) if self.reverts.is_empty() => return Err(error.into()),
                Err(error) => problems.push(format!("the ledger was not written: {error}")),
                Ok(()) => {}
            }
        }
        let mut done = Vec::new();
        if let Some(heard) = &heard {
            mirror(forge, &heard.pull_requests, &learnt, now_ms).await;
            done.extend(heard.tidy(settings, forge, manifests, now_ms).await);
        }
        for request in &self.reverts {
            done.push(
                propose_revert_of(settings, forge, repository, manifests, request, now_ms).await?,
            );
        }
        Ok((done, problems))
    }

    fn check(
        &self,
        settings: &Settings,
        repository: &impl Repository,
        manifests: &Manifests<'_>,
        now_ms: i64,
    ) -> Result<(), PassError> {
        let jobs = self.reverts.iter().map(|revert| &revert.evidence.job);
        once(jobs.clone())?;
        for request in &self.reverts {
            let job = &request.evidence.job;
            configured(settings, job)?;
            let checked = restoring(
                &manifests.catalog,
                &found(settings, file_of(request)),
                request,
            );
            believe(job, checked.err(), self.base == manifests.base.head)?;
        }
        if self.ledger.is_empty() {
            return Ok(());
        }
        let jobs: Vec<JobKey> = jobs.cloned().collect();
        let books = books(repository, &jobs, now_ms)?;
        let known = KnownChanges::new(&books.audit, &manifests.base.tree);
        let refusal = self
            .ledger
            .iter()
            .find_map(|(path, text)| known.refuse(path, text.as_bytes(), now_ms));
        match refusal {
            Some(why) => Err(PassError::Refused(why)),
            None => Ok(()),
        }
    }
}

/// Proposes one revert on the base as it is by now.
///
/// # Errors
/// When the repository can't be read.
pub(super) async fn propose_revert_of(
    settings: &Settings,
    forge: &impl Forge,
    repository: &impl Repository,
    manifests: &Manifests<'_>,
    request: &RevertRequest,
    now_ms: i64,
) -> Result<Proposed, PassError> {
    let job = request.evidence.job.to_string();
    let proposal = manifests.newest(repository, |manifests| {
        restoring(
            &manifests.catalog,
            &found(settings, file_of(request)),
            request,
        )
        .map_err(|unfit| unfit.to_string())
        .and_then(|checked| propose_revert(request, checked).map_err(|error| error.to_string()))
    })?;
    Ok(match proposal {
        Ok(proposal) => Proposed::written(&job, forge.propose(&proposal, now_ms).await),
        Err(why) => Proposed::failed(&job, why),
    })
}

/// A job is asked for once.
fn once<'a>(mut jobs: impl Iterator<Item = &'a JobKey>) -> Result<(), PassError> {
    let mut seen = BTreeSet::new();
    match jobs.find(|job| !seen.insert(*job)) {
        Some(twice) => Err(PassError::Refused(format!(
            "{twice}: it asks for two changes of this job"
        ))),
        None => Ok(()),
    }
}

/// The cluster of a job is one that the configuration names.
fn configured(settings: &Settings, job: &JobKey) -> Result<(), PassError> {
    if settings.clusters.is_empty() || settings.clusters.contains(&job.cluster) {
        return Ok(());
    }
    Err(PassError::Refused(format!(
        "{job}: the configuration names no cluster `{}`",
        job.cluster
    )))
}

/// What does not fit was forged, unless the base went on since, or the owner changed their mind: then it is only left out.
fn believe(job: &JobKey, unfit: Option<Unfit>, same_base: bool) -> Result<(), PassError> {
    match unfit {
        Some(Unfit::Forged(why)) => Err(PassError::Refused(format!("{job}: {why}"))),
        Some(Unfit::Stale(why)) if same_base => Err(PassError::Refused(format!(
            "{job}: {why} (it says that it was made on the base branch as it is)"
        ))),
        _ => Ok(()),
    }
}
