//! Open pull requests that the plan means no longer are closed with the reason; those that it does not mean now say so.

use super::base::Manifests;
use super::books::Books;
use super::error::PassError;
use super::judge::Judged;
use super::locate::locate_again;
use super::proposed::{Done, Proposed};
use super::settings::Settings;
use crate::audit::{ChangeRecord, Outcome};
use crate::manifest::{Catalog, Code};
use crate::plan::{Plan, restores};
use crate::ports::rules::{Act, Says, goes, says, sweep};
use crate::ports::{Forge, PullRequest, PullRequestState};
use crate::record::{ChangeKind, State, branch};
use crate::snapshot::JobKey;
use crate::watch::Assessment;
use std::collections::{BTreeMap, BTreeSet};

/// Brings the open rightsizings to what the plan says of their jobs. One that fails does not stop the others.
///
/// # Errors
/// When the forge does not give its list.
pub(super) async fn tidy_rightsizings(
    settings: &Settings,
    forge: &impl Forge,
    manifests: &Manifests<'_>,
    plan: &Plan,
    now_ms: i64,
) -> Result<Vec<Proposed>, PassError> {
    // A run behind the newest sample judges the past: it ends nothing either.
    if plan.behind.is_some() {
        return Ok(Vec::new());
    }
    let known = forge.pull_requests().await?;
    let said = said_by_plan(settings, &manifests.catalog, plan, &known);
    Ok(act(forge, &known, &said, now_ms).await)
}

/// What the plan says of each open rightsizing, by branch.
fn said_by_plan(
    settings: &Settings,
    catalog: &Catalog<'_>,
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
            said.insert(branch.to_string(), says);
        }
    }
    // Jobs of other clusters are somebody else's.
    let clusters: BTreeSet<&str> = plan
        .items
        .iter()
        .map(|item| &item.job)
        .chain(settings.jobs.keys())
        .map(|job| job.cluster.as_str())
        .collect();
    for (branch, state) in states_of(known, ChangeKind::Rightsize) {
        let job = &state.job;
        if said.contains_key(branch) || !clusters.contains(job.cluster.as_str()) {
            continue;
        }
        let over = |why: String| Says::Over { why };
        if plan.gone.contains(job) {
            let why = format!("the job {} is gone from its cluster", job.short());
            said.insert(branch.to_string(), over(why));
        } else if is_gone(settings, catalog, job, file_of(&state)) {
            let why = format!("the manifest of {} is gone", job.short());
            said.insert(branch.to_string(), over(why));
        }
    }
    said
}

/// The state blocks of the open pull requests of a kind, by branch. A body may have been edited by anybody, so that the branch has to be that
/// of the job.
pub(super) fn states_of(
    known: &[PullRequest],
    kind: ChangeKind,
) -> impl Iterator<Item = (&str, State)> {
    known
        .iter()
        .filter(|pull_request| pull_request.state == PullRequestState::Open)
        .filter_map(move |pull_request| {
            let state = State::find(&pull_request.body)?;
            let own = state.kind == kind && pull_request.branch == branch(kind, &state.job);
            own.then_some((pull_request.branch.as_str(), state))
        })
}

/// The file that an open pull request edits, as far as its state block tells: only ever looked for, never written.
fn file_of(state: &State) -> &str {
    let stance = state.stance.as_ref();
    let field = stance.and_then(|stance| stance.fields.first());
    field.map_or("", |field| field.file.as_str())
}

/// Whether no manifest of a job is in the repository: neither one that is found, nor `file`, which was edited for it. A file that holds no
/// object of its own (values of a chart, a patch) is the job's as long as it is there: which job it is for only a live look may tell.
pub(super) fn is_gone(
    settings: &Settings,
    catalog: &Catalog<'_>,
    job: &JobKey,
    file: &str,
) -> bool {
    let sought = locate_again(settings, catalog, job, file);
    let holds_none = || !catalog.objects().any(|object| object.file == file);
    matches!(sought, Err(refusal) if refusal.code == Code::NotFound)
        && !(catalog.bytes(file).is_some() && holds_none())
}

/// Open reverts, with what they are judged by.
#[derive(Clone, Copy)]
pub(super) struct Open<'a> {
    pub(super) settings: &'a Settings,
    pub(super) manifests: &'a Manifests<'a>,
    pub(super) books: &'a Books,
    /// The verdicts on what is watched; none where no history is at hand.
    pub(super) judged: &'a [Judged],
    pub(super) pull_requests: &'a [PullRequest],
    pub(super) now_ms: i64,
}

/// Brings the open reverts of these jobs to what became of the changes that they undo.
pub(super) async fn tidy_reverts(
    forge: &impl Forge,
    open: Open<'_>,
    is_asked: impl Fn(&JobKey) -> bool,
) -> Vec<Proposed> {
    let said: BTreeMap<String, Says> = states_of(open.pull_requests, ChangeKind::Revert)
        .filter(|(_, state)| is_asked(&state.job))
        .map(|(branch, state)| (branch.to_string(), said_of_revert(open, &state)))
        .collect();
    act(forge, open.pull_requests, &said, open.now_ms).await
}

fn said_of_revert(open: Open<'_>, state: &State) -> Says {
    let (settings, catalog) = (open.settings, &open.manifests.catalog);
    let (books, judged) = (open.books, open.judged);
    let over = |why: String| Says::Over { why };
    let record = undone_by(&books.audit.changes, state);
    let file = record.and_then(|record| record.fields.first());
    let file = file.map_or("", |field| field.file.as_str());
    if is_gone(settings, catalog, &state.job, file) {
        return over(format!("the manifest of {} is gone", state.job.short()));
    }
    let Some(record) = record else {
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
        Assessment::Regressed { breaches, .. } => {
            let Ok(located) = locate_again(settings, catalog, &state.job, file) else {
                return Says::Unknown;
            };
            let restoration = restores(&judged.evidence, breaches, &located);
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
