//! Manifests, histories and git → the fleet's plan.

use super::base::Manifests;
use super::error::PassError;
use super::evaluators::{Asked, are_brought, names, tell};
use super::fleet::Fleet;
use super::history::history;
use super::judge::Judged;
use super::known::Known;
use super::locate::{Neighbours, locate};
use super::opinions::{by_pull_request, of_job};
use super::owner::{offered, owner};
use super::sessions;
use super::settings::Settings;
use super::side_by_side::{contained, sentence, side_by_side};
use super::standing::{Considered, standing};
use super::tidy::states_of;
use crate::audit::ChangeRecord;
use crate::evaluate::plugin::Told;
use crate::manifest::{Located, Refusal};
use crate::owner::Owner;
use crate::plan::{
    self, Facts, FleetFacts, Item, Opinion, Plan, PlanReason, SessionPart, State as ItemState,
    arrange, heed, plan_job,
};
use crate::ports::rules::{Says, goes, says};
use crate::ports::{HistoryError, HistoryStore, Plugins, PullRequest, PullRequestState};
use crate::recommend::{Advice, Direction, Size};
use crate::record::{ChangeKind, Evidence, State};
use crate::snapshot::{Gap, History, JobKey};
use crate::watch::Assessment;
use futures::{FutureExt, StreamExt};
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;

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
    /// The base branch's manifests.
    pub manifests: &'a Manifests<'a>,
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
    neighbours: Neighbours<'a>,
    changes: BTreeMap<&'a JobKey, Vec<&'a ChangeRecord>>,
    watched: BTreeMap<&'a JobKey, &'a Judged>,
    /// What people said by closing pull requests.
    said: BTreeMap<JobKey, Vec<Opinion>>,
}

/// A job whose turn it is, with what plug-in evaluators said of it.
struct Turn<'a> {
    job: &'a JobKey,
    located: Result<Located, Refusal>,
    owner: Owner,
    told: Told,
    /// Its history, where a plug-in was shown it.
    shown: Option<History>,
}

/// What planning one job comes to.
struct Planned {
    item: Item,
    part: Option<SessionPart>,
    /// What plug-in evaluators failed at, each named.
    failures: Vec<String>,
}

/// The whole plan, and what plug-in evaluators say of each job in it. Jobs are planned side by side, and each one's history goes when its
/// item is made; one that fails or panics is an item that says so, and is named among the problems.
///
/// # Errors
/// When the history of no job can be read.
pub async fn plan(of: &Planning<'_>, store: &impl HistoryStore) -> Result<Made, PassError> {
    let by_job = by_job(of);
    let jobs = &of.fleet.jobs;
    let mut items: Vec<Item> = Vec::with_capacity(jobs.len());
    let mut parts = Vec::new();
    let mut failures = Vec::new();
    let mut unread: Vec<HistoryError> = Vec::new();
    let mut owners = BTreeMap::new();
    store.expect(jobs);
    for lot in jobs.chunks(lot_of(of)) {
        let turns = turns(of, &by_job.neighbours, store, lot).await;
        let results = side_by_side(&turns, |turn| one(of, store, &by_job, turn));
        owners.extend(turns.iter().filter_map(|turn| {
            let owner = turn.owner.owner.clone()?;
            Some((turn.job.clone(), owner))
        }));
        for (turn, result) in turns.iter().zip(results) {
            match result {
                Ok(Ok(planned)) => {
                    items.push(planned.item);
                    parts.extend(planned.part);
                    failures.extend(planned.failures);
                }
                Ok(Err(error)) => {
                    failures.push(format!("{}: {error}", turn.job.short()));
                    items.push(Item::not_planned(turn.job, error.to_string()));
                    unread.push(error);
                }
                Err(panic) => {
                    failures.push(format!("{}: {panic}", turn.job.short()));
                    items.push(Item::not_planned(turn.job, panic));
                }
            }
        }
    }
    if unread.len() == jobs.len()
        && let Some(first) = unread.into_iter().next()
    {
        return Err(first.into());
    }
    let (elsewhere, unread) = sessions::elsewhere(of.settings, of.fleet, store, &items, of.now_ms);
    parts.extend(elsewhere);
    failures.extend(unread);
    plan::group_sessions(&mut items, &parts, &of.settings.prices);
    let behind = plan::behind(store.newest_ms()?, of.now_ms);
    let facts = FleetFacts {
        behind: behind.clone(),
        owners,
        ..fleet_facts(&of.known.judged, &of.known.pull_requests, &items)
    };
    let blocked = short_and_blocked(&items);
    let plan = Plan {
        schema: plan::SCHEMA.to_string(),
        plimsoll: env!("CARGO_PKG_VERSION").to_string(),
        at_ms: of.now_ms,
        base: of.manifests.base.head.clone(),
        items: arrange(items, &facts, &of.settings.plan, of.now_ms),
        without_job: if of.fleet.is_whole {
            plan::without_job(of.manifests.catalog.objects(), of.fleet.resources.keys())
        } else {
            Vec::new()
        },
        gone: gone(of),
        behind: behind.clone(),
    };
    // Jobs that could not be looked at, and those whose owner nobody understands.
    let is_unread = |item: &&Item| {
        item.state == ItemState::Unreachable || item.reason == PlanReason::OwnerUnreadable.into()
    };
    let unread: Vec<String> = plan
        .items
        .iter()
        .filter(is_unread)
        .map(|item| format!("{}: {}", item.job.short(), item.message))
        .collect();
    let mut problems = of.known.problems.clone();
    problems.extend(behind);
    problems.extend(failures);
    problems.extend(of.known.books.problems.iter().cloned());
    problems.extend(of.fleet.problems.iter().cloned());
    problems.extend(unread);
    problems.extend(blocked);
    Ok(Made { plan, problems })
}

/// Jobs with an open pull request that are gone from their cluster.
fn gone(of: &Planning<'_>) -> Vec<JobKey> {
    if !of.fleet.is_whole {
        return Vec::new();
    }
    let (live, clusters) = (of.fleet.known(), of.fleet.clusters());
    let mut gone: Vec<JobKey> = states_of(&of.known.pull_requests, ChangeKind::Rightsize)
        .map(|(_, state)| state.job)
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

/// How many jobs are prepared together: all of them, or so many that the histories that plug-ins were shown fit into memory.
fn lot_of(of: &Planning<'_>) -> usize {
    if of.plugins.evaluators.is_empty() {
        of.fleet.jobs.len().max(1)
    } else {
        4 * AT_ONCE
    }
}

/// The jobs of a lot, after plug-in evaluators were asked about them.
async fn turns<'a>(
    of: &Planning<'_>,
    neighbours: &Neighbours<'_>,
    store: &impl HistoryStore,
    lot: &'a [JobKey],
) -> Vec<Turn<'a>> {
    let offered = &offered(of.plugins);
    let asked = lot.iter().map(|job| async move {
        let live = of.fleet.resource(job);
        let catalog = &of.manifests.catalog;
        let located = locate(of.settings, neighbours, live, catalog, job);
        let owner = owner(located.as_ref().ok(), live).choosing_from(offered);
        let names = names(of.settings, &owner);
        let mut told = Told::default();
        let mut shown = None;
        if are_brought(&names, of.plugins) {
            // What can't be read is named where the job is planned.
            let read = contained(|| history(of.settings, store, job, of.now_ms));
            if let Ok(Ok(history)) = &read {
                let asked = Asked {
                    settings: of.settings,
                    plugins: of.plugins,
                    job,
                    now_ms: of.now_ms,
                };
                told = match AssertUnwindSafe(tell(asked, &names, history))
                    .catch_unwind()
                    .await
                {
                    Ok(told) => told,
                    Err(panic) => Told {
                        gaps: vec![Gap::new("evaluators", sentence(panic.as_ref()))],
                        ..Told::default()
                    },
                };
            }
            shown = read.ok().and_then(Result::ok);
        }
        Turn {
            job,
            located,
            owner,
            told,
            shown,
        }
    });
    futures::stream::iter(asked)
        .buffered(AT_ONCE)
        .collect()
        .await
}

fn by_job<'a>(of: &Planning<'a>) -> ByJob<'a> {
    let known = of.known;
    let mut changes: BTreeMap<&JobKey, Vec<&ChangeRecord>> = BTreeMap::new();
    for change in &known.books.audit.changes {
        changes.entry(&change.job).or_default().push(change);
    }
    ByJob {
        neighbours: Neighbours::of(of.settings, Some(of.fleet)),
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
    store: &impl HistoryStore,
    by_job: &ByJob<'_>,
    turn: &Turn<'_>,
) -> Result<Planned, HistoryError> {
    let job = turn.job;
    let read;
    let history = match &turn.shown {
        Some(history) => history,
        None => {
            read = history(of.settings, store, job, of.now_ms)?;
            &read
        }
    };
    let failures = turn
        .told
        .gaps
        .iter()
        .map(|gap| format!("{}: {}: {}", job.short(), gap.what, gap.reason))
        .collect();
    let rooms = of.settings.rooms(job, turn.told.clone());
    let changes = by_job.changes.get(job).map_or(&[][..], Vec::as_slice);
    let located = turn.located.as_ref();
    let considered = Considered {
        job,
        history,
        located: located.ok(),
        owner: &turn.owner,
    };
    let base = of.manifests.base;
    let standing = standing(of.settings, base, changes, considered, &rooms);
    let live = of.fleet.resource(job);
    let opinions = of_job(
        base,
        by_job.said.get(job),
        changes,
        standing.observation_window_ms,
    );
    let watched = by_job.watched.get(job).copied();
    let before = watched.and_then(|judged| size_before(&judged.evidence));
    let facts = Facts {
        history,
        standing,
        manifest: located,
        watched: watched.map(|judged| &judged.assessment),
        before: before.as_ref(),
        resource: live,
    };
    Ok(Planned {
        part: sessions::part(job, live, history),
        item: heed(
            plan_job(job, &facts, &rooms, &of.manifests.catalog, of.now_ms),
            &opinions,
            of.now_ms,
        ),
        failures,
    })
}

/// What a change that hurts asks for instead of its revert: a bigger size, where the size before it would be short too.
pub(super) fn grows_instead(
    of: &Planning<'_>,
    store: &impl HistoryStore,
    judged: &Judged,
) -> Result<bool, HistoryError> {
    let job = &judged.record.job;
    let by_job = by_job(of);
    let live = of.fleet.resource(job);
    let catalog = &of.manifests.catalog;
    let located = locate(of.settings, &by_job.neighbours, live, catalog, job);
    let turn = Turn {
        job,
        owner: owner(located.as_ref().ok(), live),
        located,
        told: Told::default(),
        shown: None,
    };
    let planned = one(of, store, &by_job, &turn)?;
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
        owners: BTreeMap::new(),
        behind: None,
    }
}
