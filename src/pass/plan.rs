//! Manifests, histories and git → the fleet's plan.

use super::evaluators::{Asked, names, tell};
use super::history::history;
use super::locate::locate;
use super::opinions::{by_pull_request, of_job};
use super::sessions;
use super::standing::standing;
use super::tidy::jobs_of;
use super::{Fleet, Judged, Known, PassError, Settings};
use crate::audit::ChangeRecord;
use crate::evaluate::plugin::Told;
use crate::manifest::{Catalog, Located, Refusal, discover};
use crate::plan::{
    self, Facts, FleetFacts, Item, Opinion, Plan, SessionPart, State as ItemState, arrange, heed,
    plan_job,
};
use crate::ports::rules::{Says, goes, says};
use crate::ports::{HistoryStore, Plugins, PullRequest, PullRequestState};
use crate::recommend::{Advice, Direction, Size};
use crate::record::{ChangeKind, Evidence, State};
use crate::snapshot::{History, JobKey};
use crate::watch::Assessment;
use std::collections::{BTreeMap, BTreeSet};

/// Jobs about which plug-ins are asked at once.
const AT_ONCE: usize = 8;

/// What a plan is made from.
#[derive(Clone, Copy)]
pub struct Planning<'a> {
    /// What is configured.
    pub settings: &'a Settings,
    /// The jobs.
    pub fleet: &'a Fleet,
    /// The plug-ins that may be asked.
    pub plugins: &'a Plugins,
    /// What git, the watcher and the forge say.
    pub known: &'a Known,
    /// Now, Unix milliseconds.
    pub now_ms: i64,
}

/// A plan with what could not be read for it.
#[derive(Debug)]
pub struct Made {
    /// The plan.
    pub plan: Plan,
    /// What could not be read or asked, each named.
    pub problems: Vec<String>,
}

/// What planning reads of git, by job.
struct ByJob<'a> {
    catalog: Catalog<'a>,
    changes: BTreeMap<&'a JobKey, Vec<&'a ChangeRecord>>,
    watched: BTreeMap<&'a JobKey, &'a Judged>,
    /// What people said by closing pull requests.
    said: BTreeMap<JobKey, Vec<Opinion>>,
}

/// What planning one job comes to.
struct Planned {
    item: Item,
    part: Option<SessionPart>,
    /// What plug-in evaluators failed at, each named.
    failures: Vec<String>,
}

/// The whole plan, and what plug-in evaluators say of each job in it.
///
/// # Errors
/// When the history can't be read.
pub async fn plan(of: &Planning<'_>, store: &impl HistoryStore) -> Result<Made, PassError> {
    let books = &of.known.books;
    let by_job = by_job(of.known);
    let jobs = &of.fleet.jobs;
    let mut items: Vec<Item> = Vec::with_capacity(jobs.len());
    let mut parts = Vec::new();
    let mut failures = Vec::new();
    store.expect(jobs);
    for lot in jobs.chunks(AT_ONCE) {
        let mut waiting = Vec::with_capacity(lot.len());
        for job in lot {
            let history = history(of.settings, store, job, of.now_ms)?;
            let located = locate(of.settings, &by_job.catalog, job);
            waiting.push((job, history, located));
        }
        let answers = waiting.iter().map(|(job, history, located)| {
            let names = names(of.settings, located.as_ref().ok());
            let asked = Asked {
                settings: of.settings,
                plugins: of.plugins,
                job,
                now_ms: of.now_ms,
            };
            tell(asked, names, history)
        });
        let answers = futures::future::join_all(answers).await;
        for ((job, history, located), told) in waiting.into_iter().zip(answers) {
            let planned = one(of, &by_job, job, &history, &located, told);
            items.push(planned.item);
            parts.extend(planned.part);
            failures.extend(planned.failures);
        }
    }
    parts.extend(sessions::elsewhere(of, store, &items)?);
    plan::group_sessions(&mut items, &parts, &of.settings.prices);
    let facts = fleet_facts(&of.known.judged, &of.known.pull_requests, &items);
    let blocked = short_and_blocked(&items);
    let plan = Plan {
        schema: plan::SCHEMA.to_string(),
        plimsoll: env!("CARGO_PKG_VERSION").to_string(),
        at_ms: of.now_ms,
        base: books.head.clone(),
        items: arrange(items, &facts, &of.settings.plan, of.now_ms),
        without_job: if of.fleet.is_whole {
            let live: BTreeSet<JobKey> = of.fleet.resources.keys().cloned().collect();
            plan::without_job(&discover(&books.tree).objects, &live)
        } else {
            Vec::new()
        },
        gone: gone(of),
    };
    let unreachable = plan
        .items
        .iter()
        .filter(|item| item.state == ItemState::Unreachable)
        .map(|item| format!("{}: {}", item.job.short(), item.message));
    let mut problems = of.known.problems.clone();
    problems.extend(failures);
    problems.extend(books.problems.iter().cloned());
    problems.extend(of.fleet.problems.iter().cloned());
    problems.extend(unreachable);
    problems.extend(blocked);
    Ok(Made { plan, problems })
}

/// Jobs with an open pull request that are gone from their cluster.
fn gone(of: &Planning<'_>) -> Vec<JobKey> {
    if !of.fleet.is_whole {
        return Vec::new();
    }
    let (live, clusters) = (of.fleet.known(), of.fleet.clusters());
    let mut gone: Vec<JobKey> = jobs_of(&of.known.pull_requests, ChangeKind::Rightsize)
        .map(|(_, job)| job)
        .filter(|job| clusters.contains(job.cluster.as_str()) && !live.contains(job))
        .collect();
    gone.sort();
    gone.dedup();
    gone
}

/// Jobs that are short and may not grow, each with what holds it: nobody may find that out by the lag.
fn short_and_blocked(items: &[Item]) -> Vec<String> {
    items
        .iter()
        .filter(|item| matches!(item.state, ItemState::Held | ItemState::Refused))
        .filter(|item| match &item.advice {
            Some(Advice::Change(wanted)) => wanted.direction == Direction::Grow,
            _ => false,
        })
        .map(|item| {
            format!(
                "{} is short, and does not grow: {} ({})",
                item.job.short(),
                item.message,
                item.reason
            )
        })
        .collect()
}

fn by_job(known: &Known) -> ByJob<'_> {
    let mut changes: BTreeMap<&JobKey, Vec<&ChangeRecord>> = BTreeMap::new();
    for change in &known.books.audit.changes {
        changes.entry(&change.job).or_default().push(change);
    }
    ByJob {
        catalog: Catalog::read(&known.books.tree),
        changes,
        // Of several changes the last one counts.
        watched: known
            .judged
            .iter()
            .map(|judged| (&judged.record.job, judged))
            .collect(),
        said: by_pull_request(known),
    }
}

fn one(
    of: &Planning<'_>,
    by_job: &ByJob<'_>,
    job: &JobKey,
    history: &History,
    located: &Result<Located, Refusal>,
    told: Told,
) -> Planned {
    let failures = told
        .gaps
        .iter()
        .map(|gap| format!("{}: {}: {}", job.short(), gap.what, gap.reason))
        .collect();
    let rooms = of.settings.rooms(job, told);
    let changes = by_job.changes.get(job).map_or(&[][..], Vec::as_slice);
    let standing = standing(
        of.settings,
        &of.known.books,
        changes,
        job,
        located.as_ref().ok(),
        history,
        &rooms,
    );
    let live = of.fleet.resource(job);
    let opinions = of_job(
        &of.known.books,
        by_job.said.get(job),
        changes,
        standing.observation_window_ms,
    );
    let watched = by_job.watched.get(job).copied();
    let before = watched.and_then(|judged| size_before(&judged.evidence));
    let facts = Facts {
        history,
        standing,
        manifest: located.as_ref(),
        watched: watched.map(|judged| &judged.assessment),
        before: before.as_ref(),
        resource: live,
    };
    Planned {
        part: sessions::part(job, live, history),
        item: heed(
            plan_job(job, &facts, &rooms, &by_job.catalog, of.now_ms),
            &opinions,
            of.now_ms,
        ),
        failures,
    }
}

/// What a change that hurts asks for instead of its revert: a bigger size, where the size before it would be short too.
pub(super) fn grows_instead(
    of: &Planning<'_>,
    store: &impl HistoryStore,
    judged: &Judged,
) -> Result<bool, PassError> {
    let job = &judged.record.job;
    let by_job = by_job(of.known);
    let history = history(of.settings, store, job, of.now_ms)?;
    let located = locate(of.settings, &by_job.catalog, job);
    let planned = one(of, &by_job, job, &history, &located, Told::default());
    Ok(planned.item.state == ItemState::Propose)
}

/// The size before a change, as its evidence tells.
fn size_before(evidence: &Evidence) -> Option<Size> {
    let now = evidence.details.get("recommendation")?.get("now")?;
    serde_json::from_value(now.clone()).ok()
}

/// What limits count. A pull request that the plan means no longer is closed by this run, and counts no more.
fn fleet_facts(judged: &[Judged], pull_requests: &[PullRequest], items: &[Item]) -> FleetFacts {
    let items: BTreeMap<&JobKey, &Item> = items.iter().map(|item| (&item.job, item)).collect();
    let open = pull_requests
        .iter()
        .filter(|pull_request| pull_request.state == PullRequestState::Open)
        .filter_map(|pull_request| Some((pull_request, State::find(&pull_request.body)?)))
        .filter(|(pull_request, state)| {
            let item = items.get(&state.job);
            state.kind == ChangeKind::Revert
                || pull_request.has_foreign_commits
                || !item
                    .is_some_and(|item| matches!(says(item, goes(pull_request)), Says::Over { .. }))
        })
        .map(|(_, state)| state.job)
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
    }
}
