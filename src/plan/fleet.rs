//! Which of the ready changes go first, and which wait.

use super::item::{Item, State, Until};
use super::reason::{PlanReason, Reason};
use super::settings::{Group, Settings};
use crate::quantity::count;
use crate::recommend::Direction;
use crate::snapshot::JobKey;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// What is known of the fleet's open and merged changes when a plan is made.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FleetFacts {
    /// Jobs with an open pull request: they are updated whatever the limits say.
    pub open: BTreeSet<JobKey>,
    /// When the pull requests of the last 24 hours were opened, Unix milliseconds.
    pub opened_at_ms: Vec<i64>,
    /// Jobs whose merged change is still watched, and until when, Unix milliseconds.
    pub watched: BTreeMap<JobKey, Option<i64>>,
    /// Who owns a job, as its annotation says.
    pub owners: BTreeMap<JobKey, String>,
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
    let mut counts = Counts::of(facts, now_ms);
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
            counts.add(&item.job, now_ms);
            continue;
        }
        let hold = group_hold(item, &groups, settings)
            .or_else(|| counts.hold(&item.job, settings, now_ms));
        match hold {
            Some((reason, message, until)) => {
                item.state = State::Held;
                item.reason = reason.into();
                item.message = message;
                item.until = Some(until);
            }
            None => counts.add(&item.job, now_ms),
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

/// What the limits count: what is so already, and what this plan adds.
struct Counts<'a> {
    owners: &'a BTreeMap<JobKey, String>,
    open: usize,
    open_already: usize,
    opened: Vec<i64>,
    opened_already: usize,
    open_of_owner: BTreeMap<&'a str, usize>,
}

impl<'a> Counts<'a> {
    fn of(facts: &'a FleetFacts, now_ms: i64) -> Counts<'a> {
        let mut opened: Vec<i64> = facts
            .opened_at_ms
            .iter()
            .copied()
            .filter(|at| now_ms.saturating_sub(*at) < DAY_MS)
            .collect();
        opened.sort_unstable();
        let mut open_of_owner = BTreeMap::new();
        for owner in facts.open.iter().filter_map(|job| facts.owners.get(job)) {
            *open_of_owner.entry(owner.as_str()).or_default() += 1;
        }
        Counts {
            owners: &facts.owners,
            open: facts.open.len(),
            open_already: facts.open.len(),
            opened_already: opened.len(),
            opened,
            open_of_owner,
        }
    }

    fn add(&mut self, job: &JobKey, now_ms: i64) {
        self.open += 1;
        self.opened.push(now_ms);
        if let Some(owner) = self.owners.get(job) {
            *self.open_of_owner.entry(owner).or_default() += 1;
        }
    }

    /// The first limit that leaves no room for a new pull request of a job.
    fn hold(
        &self,
        job: &JobKey,
        settings: &Settings,
        now_ms: i64,
    ) -> Option<(PlanReason, String, Until)> {
        let ends = "an open pull request is merged or closed";
        if self.open >= settings.open_pull_requests as usize {
            let limit = count(settings.open_pull_requests, "open pull request");
            let sum = summed("open", self.open_already, self.open);
            let message = format!("the limit of {limit} is reached: {sum}");
            return Some((
                PlanReason::OpenPullRequests,
                message,
                Until::Event(ends.to_string()),
            ));
        }
        let owner = self.owners.get(job).map(String::as_str);
        if let (Some(owner), Some(most)) = (owner, settings.open_pull_requests_per_owner) {
            let open = self.open_of_owner.get(owner).copied().unwrap_or(0);
            if open >= most as usize {
                let limit = count(most, "open pull request");
                return Some((
                    PlanReason::OpenPullRequestsPerOwner,
                    format!("the limit of {limit} of the owner `{owner}` is reached"),
                    Until::Event(format!("{ends} that `{owner}` owns")),
                ));
            }
        }
        if self.opened.len() >= settings.pull_requests_per_day as usize {
            let limit = count(settings.pull_requests_per_day, "new pull request");
            let sum = summed("opened in 24 hours", self.opened_already, self.opened.len());
            let next = self
                .opened
                .first()
                .map_or(now_ms, |first| first.saturating_add(DAY_MS));
            return Some((
                PlanReason::PullRequestsPerDay,
                format!("the limit of {limit} in 24 hours is reached: {sum}"),
                Until::AtMs(next),
            ));
        }
        let most = settings.pull_requests_per_hour? as usize;
        let mut lately = self
            .opened
            .iter()
            .filter(|at| now_ms.saturating_sub(**at) < HOUR_MS);
        if lately.clone().count() < most {
            return None;
        }
        let first = lately.next().copied().unwrap_or(now_ms);
        let limit = count(settings.pull_requests_per_hour?, "new pull request");
        Some((
            PlanReason::PullRequestsPerHour,
            format!("the limit of {limit} in an hour is reached"),
            Until::AtMs(first.saturating_add(HOUR_MS)),
        ))
    }
}

/// What a limit counts, in words.
fn summed(what: &str, already: usize, with_plan: usize) -> String {
    match with_plan.saturating_sub(already) {
        0 => format!("{already} {what}"),
        more => format!("{already} {what}, {more} more in this plan"),
    }
}

/// Adds to what a limit holds how many it holds.
fn tell_how_many_wait(items: &mut [Item]) {
    for limit in [
        PlanReason::OpenPullRequests,
        PlanReason::OpenPullRequestsPerOwner,
        PlanReason::PullRequestsPerDay,
        PlanReason::PullRequestsPerHour,
    ] {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::JobKind;

    const NOW_MS: i64 = 1_800_000_000_000;

    fn job(number: usize) -> JobKey {
        JobKey {
            cluster: "c".into(),
            kind: JobKind::Deployment,
            namespace: format!("n{number}"),
            name: "j".into(),
        }
    }

    fn proposed(number: usize) -> Item {
        serde_json::from_value(serde_json::json!({
            "job": job(number), "state": "propose", "reason": "cheaper", "message": "because", "until": null, "profile": null,
            "advice": null, "decision": null, "saving": null, "change": null,
        }))
        .unwrap()
    }

    fn open(items: &[Item]) -> Vec<JobKey> {
        let ready = items.iter().filter(|item| item.state == State::Propose);
        ready.map(|item| item.job.clone()).collect()
    }

    #[test]
    fn five_hundred_jobs_at_once_are_opened_within_the_limits_and_the_next_runs_go_on() {
        let settings = Settings {
            open_pull_requests: 12,
            ..Settings::default()
        };
        let mut facts = FleetFacts::default();
        let mut counted = Vec::new();
        for day in 0..4 {
            // Two runs a day: the second finds nothing more to open.
            for hour in [0, 12] {
                let now_ms = NOW_MS + day * DAY_MS + hour * HOUR_MS;
                let items = arrange((0..500).map(proposed).collect(), &facts, &settings, now_ms);
                let new: Vec<JobKey> = open(&items)
                    .into_iter()
                    .filter(|job| !facts.open.contains(job))
                    .collect();
                counted.push(new.len());
                let waits = 500 - facts.open.len() - new.len();
                let held = items.iter().find(|item| item.state == State::Held).unwrap();
                assert!(
                    held.message.ends_with(&format!(", {waits} wait")),
                    "{}",
                    held.message
                );
                facts.opened_at_ms.extend(new.iter().map(|_| now_ms));
                facts.open.extend(new);
            }
        }
        assert_eq!(counted, [5, 0, 5, 0, 2, 0, 0, 0]);
    }

    #[test]
    fn an_hour_and_an_owner_have_limits_of_their_own() {
        let settings = Settings {
            pull_requests_per_hour: Some(2),
            open_pull_requests_per_owner: Some(1),
            ..Settings::default()
        };
        let owner = |number: usize| ["ada", "ada", "grace", ""][number];
        let facts = FleetFacts {
            owners: (0..3)
                .map(|one| (job(one), owner(one).to_string()))
                .collect(),
            ..FleetFacts::default()
        };
        let items = arrange((0..4).map(proposed).collect(), &facts, &settings, NOW_MS);
        assert_eq!(open(&items), [job(0), job(2)]);
        let told: Vec<(String, String)> = items
            .iter()
            .filter(|item| item.state == State::Held)
            .map(|item| (item.reason.to_string(), item.message.clone()))
            .collect();
        assert_eq!(told[0].0, "limit.open-pull-requests-per-owner");
        assert!(told[0].1.contains("of the owner `ada`"), "{told:?}");
        assert_eq!(told[1].0, "limit.pull-requests-per-hour");
        // Nobody's job counts for nobody, and an hour later there is room.
        let later = FleetFacts {
            open: [job(0), job(2)].into(),
            opened_at_ms: vec![NOW_MS, NOW_MS],
            ..facts
        };
        let items = arrange(
            (0..4).map(proposed).collect(),
            &later,
            &settings,
            NOW_MS + HOUR_MS,
        );
        assert_eq!(open(&items), [job(0), job(2), job(3)]);
    }
}
