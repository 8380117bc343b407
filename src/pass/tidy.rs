//! Open pull requests that the plan means no longer are closed with the reason; those that it does not mean now say so.

use super::locate::locate;
use super::proposed::{Done, Proposed};
use super::watching::Watching;
use super::{Books, Judged, PassError, Settings};
use crate::audit::{ChangeRecord, Outcome};
use crate::flink::field_path::FieldPath;
use crate::manifest::{Catalog, Code, Tree};
use crate::plan::{Plan, value_at};
use crate::ports::rules::{Act, Says, goes, says, sweep};
use crate::ports::{Forge, PullRequest, PullRequestState};
use crate::record::{ChangeKind, FieldChange, State, branch};
use crate::snapshot::JobKey;
use crate::watch::{Assessment, restoration};
use std::collections::{BTreeMap, BTreeSet};

/// Brings the open rightsizings to what the plan says of their jobs. One that fails does not stop the others.
///
/// # Errors
/// When the forge does not give its list.
pub(super) async fn tidy_rightsizings(
    settings: &Settings,
    forge: &impl Forge,
    tree: &Tree,
    plan: &Plan,
    now_ms: i64,
) -> Result<Vec<Proposed>, PassError> {
    let known = forge.pull_requests().await?;
    let said = said_by_plan(settings, tree, plan, &known);
    Ok(act(forge, &known, &said, now_ms).await)
}

/// What the plan says of each open rightsizing, by branch.
fn said_by_plan(
    settings: &Settings,
    tree: &Tree,
    plan: &Plan,
    known: &[PullRequest],
) -> BTreeMap<String, Says> {
    let open: BTreeMap<&str, &PullRequest> = known
        .iter()
        .filter(|pull_request| pull_request.state == PullRequestState::Open)
        .map(|pull_request| (pull_request.branch.as_str(), pull_request))
        .collect();
    let mut said = BTreeMap::new();
    for item in &plan.items {
        let branch = branch(ChangeKind::Rightsize, &item.job);
        if let Some(pull_request) = open.get(branch.as_str()) {
            let says = says(item, goes(pull_request));
            said.insert(branch, says);
        }
    }
    let catalog = Catalog::read(tree);
    // Jobs of other clusters are somebody else's.
    let clusters: BTreeSet<&str> = plan
        .items
        .iter()
        .map(|item| &item.job)
        .chain(settings.jobs.keys())
        .map(|job| job.cluster.as_str())
        .collect();
    for (branch, job) in jobs_of(known, ChangeKind::Rightsize) {
        if said.contains_key(branch) || !clusters.contains(job.cluster.as_str()) {
            continue;
        }
        let over = |why: String| Says::Over { why };
        if plan.gone.contains(&job) {
            let why = format!("the job {} is gone from its cluster", job.short());
            said.insert(branch.to_string(), over(why));
        } else if is_gone(settings, &catalog, &job) {
            let why = format!("the manifest of {} is gone", job.short());
            said.insert(branch.to_string(), over(why));
        }
    }
    said
}

/// The jobs of the open pull requests of a kind, by branch. A body may have been edited by anybody, so that the branch has to be that of
/// the job.
pub(super) fn jobs_of(
    known: &[PullRequest],
    kind: ChangeKind,
) -> impl Iterator<Item = (&str, JobKey)> {
    known
        .iter()
        .filter(|pull_request| pull_request.state == PullRequestState::Open)
        .filter_map(move |pull_request| {
            let state = State::find(&pull_request.body)?;
            let own = state.kind == kind && branch(kind, &state.job) == pull_request.branch;
            own.then_some((pull_request.branch.as_str(), state.job))
        })
}

/// Whether no manifest of a job is in the repository.
pub(super) fn is_gone(settings: &Settings, catalog: &Catalog<'_>, job: &JobKey) -> bool {
    matches!(locate(settings, catalog, job), Err(refusal) if refusal.code == Code::NotFound)
}

/// Brings the open reverts to what became of the changes that they undo.
pub(super) async fn tidy_reverts(
    of: Watching<'_>,
    forge: &impl Forge,
    books: &Books,
    judged: &[Judged],
    known: &[PullRequest],
) -> Vec<Proposed> {
    let (settings, clusters) = (of.settings, of.fleet.clusters());
    let catalog = Catalog::read(&books.tree);
    let said: BTreeMap<String, Says> = known
        .iter()
        .filter(|pull_request| pull_request.state == PullRequestState::Open)
        .filter_map(|pull_request| {
            let state = State::find(&pull_request.body)?;
            let own = state.kind == ChangeKind::Revert
                && clusters.contains(state.job.cluster.as_str())
                && branch(state.kind, &state.job) == pull_request.branch;
            let says = own.then(|| said_of_revert(settings, books, &catalog, judged, &state))?;
            Some((pull_request.branch.clone(), says))
        })
        .collect();
    act(forge, known, &said, of.now_ms).await
}

fn said_of_revert(
    settings: &Settings,
    books: &Books,
    catalog: &Catalog<'_>,
    judged: &[Judged],
    state: &State,
) -> Says {
    let over = |why: String| Says::Over { why };
    if is_gone(settings, catalog, &state.job) {
        return over(format!("the manifest of {} is gone", state.job.short()));
    }
    let Some(record) = undone_by(&books.audit.changes, state) else {
        return Says::Unknown;
    };
    match record.outcome {
        Outcome::Reverted => {
            let by = record.reverted_by.as_deref().unwrap_or("a person");
            return over(format!("its fields are back already, by {}", short(by)));
        }
        Outcome::Superseded => {
            let by = record.superseded_by.as_deref().unwrap_or("a person");
            return over(format!(
                "the fields that it would set back were changed since, by {}",
                short(by)
            ));
        }
        // A person may have opened it again after they had closed it.
        Outcome::Settled | Outcome::ByHand => return Says::Unknown,
        Outcome::Watching => {}
    }
    let Some(judged) = judged
        .iter()
        .find(|judged| judged.record.change == record.change)
    else {
        return Says::Unknown;
    };
    match &judged.assessment {
        Assessment::Watching { .. } => over("what hurt is no longer seen".to_string()),
        Assessment::Regressed { .. } => {
            let Ok(located) = locate(settings, catalog, &state.job) else {
                return Says::Unknown;
            };
            let current = |field: &FieldChange| {
                let path = field.path.parse::<FieldPath>().ok()?;
                Some(value_at(&located.value, &path))
            };
            let restoration = restoration(&judged.evidence, &current);
            if restoration.restore.is_empty() {
                over("the fields that it would set back were changed since".to_string())
            } else {
                Says::Stands
            }
        }
        _ => Says::Unknown,
    }
}

/// The change that a revert undoes: the one that its state block names, else the newest rightsizing of its job.
pub(super) fn undone_by<'a>(
    changes: &'a [ChangeRecord],
    state: &State,
) -> Option<&'a ChangeRecord> {
    changes.iter().rev().find(|record| {
        record.job == state.job
            && record.kind == Some(ChangeKind::Rightsize)
            && (state.reverts.is_none() || record.change == state.reverts)
    })
}

async fn act(
    forge: &impl Forge,
    known: &[PullRequest],
    said: &BTreeMap<String, Says>,
    now_ms: i64,
) -> Vec<Proposed> {
    let mut done = Vec::new();
    for (pull_request, act) in sweep(known, said) {
        let (what, result) = match &act {
            Act::Close(why) => (Done::Closed, forge.close(pull_request, why, now_ms).await),
            Act::Hold(note) => (
                Done::Held,
                forge.hold(pull_request, Some(note), now_ms).await,
            ),
            Act::Release => (Done::Released, forge.hold(pull_request, None, now_ms).await),
            Act::Tell(text) => (
                Done::LeftAlone,
                forge.comment(pull_request, text, now_ms).await,
            ),
        };
        let job = State::find(&pull_request.body).map_or_else(
            || pull_request.branch.clone(),
            |state| state.job.to_string(),
        );
        done.push(match result {
            Ok(()) => Proposed {
                url: Some(pull_request.url.clone()),
                title: Some(pull_request.title.clone()),
                ..Proposed::new(&job, what, pull_request.id.clone())
            },
            Err(error) => Proposed::failed(&job, error.to_string()),
        });
    }
    done
}

fn short(by: &str) -> &str {
    by.get(..10).unwrap_or(by)
}
