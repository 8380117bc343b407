//! Manifests, histories and git → the fleet's plan.

use super::evaluators::{Asked, names, tell};
use super::history::history;
use super::locate::locate;
use super::sessions;
use super::standing::standing;
use super::{Fleet, Judged, Known, PassError, Settings};
use crate::audit::ChangeRecord;
use crate::evaluate::plugin::Told;
use crate::manifest::{Catalog, Located, Refusal, discover};
use crate::plan::{
    self, Facts, FleetFacts, Item, Plan, SessionPart, State as ItemState, arrange, plan_job,
};
use crate::ports::{HistoryStore, Plugins, PullRequest, PullRequestState};
use crate::record::State;
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
    watched: BTreeMap<&'a JobKey, &'a Assessment>,
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
    let facts = fleet_facts(&of.known.judged, &of.known.pull_requests);
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
    Ok(Made { plan, problems })
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
            .map(|judged| (&judged.record.job, &judged.assessment))
            .collect(),
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
    let facts = Facts {
        history,
        standing,
        manifest: located.as_ref(),
        watched: by_job.watched.get(job).copied(),
        resource: live,
    };
    Planned {
        part: sessions::part(job, live, history),
        item: plan_job(job, &facts, &rooms, &by_job.catalog, of.now_ms),
        failures,
    }
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
    }
}
