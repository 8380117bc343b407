//! Which of the ready changes go first, and which wait.

use super::item::{Item, State, Until};
use super::reason::{PlanReason, Reason};
use super::settings::{Group, Settings};
use crate::quantity::count;
use crate::recommend::Direction;
use crate::snapshot::JobKey;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

const DAY_MS: i64 = 24 * 3_600_000;

/// What is known of the fleet's open and merged changes when a plan is made.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FleetFacts {
    /// Jobs with an open pull request: they are updated whatever the limits say.
    pub open: BTreeSet<JobKey>,
    /// When the pull requests of the last 24 hours were opened, Unix milliseconds.
    pub opened_at_ms: Vec<i64>,
    /// Jobs whose merged change is still watched, and until when, Unix milliseconds.
    pub watched: BTreeMap<JobKey, Option<i64>>,
    /// Why nothing is proposed at all, one sentence: the run's time lies behind the newest sample.
    pub behind: Option<String>,
}

/// Orders the items and holds those that the limits leave no room for. Growing goes first, counts, and is held by no limit: a job
/// that is short misses its service level now. Then the largest saving; ties by key, so that the order is the same each time.
pub fn arrange(
    mut items: Vec<Item>,
    facts: &FleetFacts,
    settings: &Settings,
    now_ms: i64,
) -> Vec<Item> {
    items.sort_by(|a, b| {
        a.state
            .cmp(&b.state)
            .then_with(|| urgency(b, a))
            .then_with(|| a.job.cmp(&b.job))
    });
    let groups = by_group(facts, settings.group);
    let mut open = facts.open.len();
    let mut opened_today: Vec<i64> = facts
        .opened_at_ms
        .iter()
        .copied()
        .filter(|at| now_ms.saturating_sub(*at) < DAY_MS)
        .collect();
    opened_today.sort_unstable();
    let already = (open, opened_today.len());
    for item in items.iter_mut().filter(|item| item.state == State::Propose) {
        if let Some(behind) = &facts.behind {
            item.state = State::Held;
            item.reason = PlanReason::Clock.into();
            item.message = behind.clone();
            item.until = Some(Until::Event("the clocks agree".to_string()));
            continue;
        }
        if facts.open.contains(&item.job) {
            continue;
        }
        if grows(item) {
            open += 1;
            opened_today.push(now_ms);
            continue;
        }
        let hold = group_hold(item, &groups, settings).or_else(|| {
            if open >= settings.open_pull_requests as usize {
                Some((
                    PlanReason::OpenPullRequests,
                    counted(
                        "open",
                        already.0,
                        open,
                        count(settings.open_pull_requests, "open pull request"),
                    ),
                    Until::Event("an open pull request is merged or closed".to_string()),
                ))
            } else if opened_today.len() >= settings.pull_requests_per_day as usize {
                let next = opened_today
                    .first()
                    .map_or(now_ms, |first| first.saturating_add(DAY_MS));
                Some((
                    PlanReason::PullRequestsPerDay,
                    counted(
                        "opened in 24 hours",
                        already.1,
                        opened_today.len(),
                        count(settings.pull_requests_per_day, "new pull request") + " in 24 hours",
                    ),
                    Until::AtMs(next),
                ))
            } else {
                None
            }
        });
        match hold {
            Some((reason, message, until)) => {
                item.state = State::Held;
                item.reason = reason.into();
                item.message = message;
                item.until = Some(until);
            }
            None => {
                open += 1;
                opened_today.push(now_ms);
            }
        }
    }
    tell_how_many_wait(&mut items);
    items.sort_by_key(|item| item.state);
    items
}

/// The jobs with a watched change, by group: the cluster, and the namespace where that is the group.
type Groups<'a> = BTreeMap<(&'a str, &'a str), Vec<(&'a JobKey, Option<i64>)>>;

fn by_group(facts: &FleetFacts, group: Group) -> Groups<'_> {
    let mut groups = Groups::new();
    for (job, until) in &facts.watched {
        if let Some(of) = group_of(job, group) {
            groups.entry(of).or_default().push((job, *until));
        }
    }
    groups
}

/// The group that a job shares with others; none where each job is a group of its own.
fn group_of(job: &JobKey, group: Group) -> Option<(&str, &str)> {
    match group {
        Group::Namespace => Some((&job.cluster, &job.namespace)),
        Group::Cluster => Some((&job.cluster, "")),
        Group::Job => None,
    }
}

/// Which limit is reached, and what it counts: what is so already, and what this plan adds.
fn counted(what: &str, already: usize, with_plan: usize, limit: String) -> String {
    let sum = match with_plan.saturating_sub(already) {
        0 => format!("{already} {what}"),
        more => format!("{already} {what}, {more} more in this plan"),
    };
    format!("the limit of {limit} is reached: {sum}")
}

/// Adds to what a limit holds how many it holds.
fn tell_how_many_wait(items: &mut [Item]) {
    for limit in [PlanReason::OpenPullRequests, PlanReason::PullRequestsPerDay] {
        let reason = Reason::from(limit);
        let waits = items
            .iter()
            .filter(|item| item.state == State::Held && item.reason == reason)
            .count();
        let verb = if waits == 1 { "waits" } else { "wait" };
        for item in items
            .iter_mut()
            .filter(|item| item.state == State::Held && item.reason == reason)
        {
            item.message += &format!(", {waits} {verb}");
        }
    }
}

fn group_hold(
    item: &Item,
    groups: &Groups<'_>,
    settings: &Settings,
) -> Option<(PlanReason, String, Until)> {
    let group = groups.get(&group_of(&item.job, settings.group)?)?;
    let mut others = group.iter().filter(|(job, _)| **job != item.job);
    if others.clone().count() < settings.changes_per_group as usize {
        return None;
    }
    let first_end = others.clone().filter_map(|(_, until)| *until).min();
    let (other, _) = others.next()?;
    let until = first_end.map_or_else(
        || Until::Event(format!("the change of {} settles", other.short())),
        Until::AtMs,
    );
    Some((
        PlanReason::Group,
        format!("{} of the same group is still being watched", other.short()),
        until,
    ))
}

fn grows(item: &Item) -> bool {
    item.change
        .as_ref()
        .is_some_and(|change| change.recommendation.direction == Direction::Grow)
}

fn urgency(a: &Item, b: &Item) -> Ordering {
    let saving = |item: &Item| item.saving.as_ref().map_or(0.0, |saving| saving.per_month);
    grows(a)
        .cmp(&grows(b))
        .then_with(|| saving(a).total_cmp(&saving(b)))
}
