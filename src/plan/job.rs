//! One job → its item in the plan. Everything here is a function of this one job.

use super::change::Target;
use super::item::{Item, PlannedChange, State, Until};
use super::lifecycle::standstill;
use super::link::link;
use super::{drift, present};
use crate::classify::{self, JobProfile, VerdictId, classify};
use crate::flink::deployment::Deployment;
use crate::manifest::{Catalog, Located, ObjectKey, Refusal};
use crate::policy::{Decision, Mode, Rule, Ruling, Standing, bounds, decide};
use crate::recommend::{
    Advice, AutoscalerAdvice, Bounds, Direction, Present, Prices, Recommendation, Risk, Size,
    autoscaler_advice, recommend, side_by_side,
};
use crate::snapshot::{History, JobKey, JobKind, JobState, LiveResource};
use crate::watch::{self, Assessment};
use crate::{evaluate, recommend as sizing};

/// Everything that rooms below need to know, as configured.
#[derive(Debug, Clone, PartialEq)]
pub struct Rooms {
    /// Thresholds of the verdicts.
    pub classify: classify::Settings,
    /// How the demand is taken.
    pub evaluate: evaluate::Settings,
    /// How sizes are searched.
    pub recommend: sizing::Settings,
    /// When a merged change counts as harmful.
    pub watch: watch::Settings,
    /// What a core and a GiB cost.
    pub prices: Prices,
    /// The rules.
    pub rules: Vec<Rule>,
}

/// What is known of a job when it is planned.
pub struct Facts<'a> {
    /// Its past.
    pub history: &'a History,
    /// Its manifest, or why there is none.
    pub manifest: Result<&'a Located, &'a Refusal>,
    /// Whether it may be changed.
    pub standing: Standing,
    /// The verdict on its latest merged change, if one is still being watched.
    pub watched: Option<&'a Assessment>,
    /// The size before that change, where its evidence tells.
    pub before: Option<&'a Size>,
    /// Its custom resource as it is now, where that is known better than by its latest snapshot.
    pub resource: Option<&'a LiveResource>,
}

impl Facts<'_> {
    /// The job's custom resource, as new as it is known.
    fn live(&self) -> Option<&LiveResource> {
        let latest = self.history.latest.as_ref();
        self.resource
            .or_else(|| latest.and_then(|latest| latest.resource.as_deref()))
    }
}

/// The object that a job's manifest holds.
pub fn object_key(job: &JobKey) -> ObjectKey {
    ObjectKey {
        group: crate::flink::deployment::GROUP.to_string(),
        kind: job.kind.resource_kind().to_string(),
        namespace: Some(job.namespace.clone()),
        name: job.name.clone(),
    }
}

/// Plans one job: verdicts, advice, rules, edit.
pub fn plan_job(
    job: &JobKey,
    facts: &Facts<'_>,
    rooms: &Rooms,
    catalog: &Catalog<'_>,
    now_ms: i64,
) -> Item {
    let item = Item {
        job: job.clone(),
        state: State::Undetermined,
        reason: String::new(),
        message: String::new(),
        until: None,
        link: facts
            .manifest
            .ok()
            .map(|located| link(located, facts.resource)),
        unit: None,
        profile: None,
        advice: None,
        evaluators: None,
        autoscaler: None,
        decision: None,
        saving: None,
        change: None,
    };
    if facts.standing.mode == Mode::Ignore {
        let message = facts
            .standing
            .mode_reason
            .clone()
            .unwrap_or_else(|| "its mode is ignore".to_string());
        return item
            .say(State::Ignored, "opted-out", message)
            .until(Until::Event(
                "its annotation or the configuration changes".to_string(),
            ));
    }
    let latest = facts.history.latest.as_ref();
    let resource = facts.live();
    // A change that hurts is undone, whatever the operator makes of the job meanwhile.
    let hurts = matches!(facts.watched, Some(Assessment::Regressed { .. }));
    if let Some(stands) = resource.and_then(standstill).filter(|_| !hurts) {
        return item
            .say(stands.state, stands.reason, stands.message)
            .until(stands.until);
    }
    if let Some(latest) = latest.filter(|latest| latest.state == JobState::Unreachable) {
        let reason = latest.gaps.first().map_or_else(
            || "nobody answers".to_string(),
            |gap| format!("{}: {}", gap.what, gap.reason),
        );
        return item
            .say(State::Unreachable, "unreachable", reason)
            .until(Until::Event("its JobManager answers".to_string()));
    }
    let mut profile = classify(facts.history, &rooms.classify);
    // A plug-in that failed is missing from this job's estimate, and that is said where other gaps are.
    profile
        .gaps
        .extend(rooms.evaluate.told.gaps.iter().cloned());
    let item = Item {
        profile: Some(profile.clone()),
        ..item
    };
    if let Some(held) = watched(&item, facts) {
        // A job that is short is not kept waiting by its last change.
        let bigger = (job.kind != JobKind::SessionJob)
            .then(|| sized(item, &profile, facts, rooms, catalog, now_ms));
        return bigger.filter(|item| answers(item, facts)).unwrap_or(held);
    }
    if job.kind == JobKind::SessionJob {
        let cluster = resource
            .and_then(|resource| resource.session_cluster.as_deref())
            .map_or_else(String::new, |name| format!(" {name}"));
        let message = format!(
            "memory, CPU and slots belong to its session cluster{cluster}, which is a unit of its own"
        );
        return item
            .say(State::Undetermined, "session-job", message)
            .until(Until::Event(
                "session clusters are sized as units".to_string(),
            ));
    }
    sized(item, &profile, facts, rooms, catalog, now_ms)
}

impl Item {
    fn say(self, state: State, reason: impl Into<String>, message: impl Into<String>) -> Item {
        Item {
            state,
            reason: reason.into(),
            message: message.into(),
            ..self
        }
    }

    fn until(self, until: Until) -> Item {
        Item {
            until: Some(until),
            ..self
        }
    }

    fn refused(self, refusal: &Refusal) -> Item {
        self.say(State::Refused, refusal.code(), refusal.to_string())
            .until(Until::Event(refusal.way_out.clone()))
    }
}

/// What a watched change makes of the job, when it decides the state by itself.
fn watched(item: &Item, facts: &Facts<'_>) -> Option<Item> {
    let item = item.clone();
    match facts.watched? {
        Assessment::Waiting {
            reason, message, ..
        } => {
            let event = "the cluster runs what was merged".to_string();
            Some(
                item.say(
                    State::Watching,
                    format!("waiting.{reason}"),
                    message.clone(),
                )
                .until(Until::Event(event)),
            )
        }
        Assessment::Regressed { breaches, .. } => {
            let message = breaches.first().map_or_else(
                || "the merged change hurts".to_string(),
                |breach| breach.message.clone(),
            );
            Some(
                item.say(State::Reverting, "regressed", message)
                    .until(Until::Event("its revert is merged".to_string())),
            )
        }
        _ => None,
    }
}

/// Whether growing is the answer in spite of a change that is not settled: it was never applied, or it hurts and the size before it would
/// be short too.
fn answers(item: &Item, facts: &Facts<'_>) -> bool {
    let Some(change) = item.change.as_deref() else {
        return false;
    };
    if change.recommendation.direction != Direction::Grow {
        return false;
    }
    match facts.watched {
        Some(Assessment::Waiting { .. }) => true,
        Some(Assessment::Regressed { breaches, .. }) => {
            let is_short = breaches
                .iter()
                .all(|breach| watch::is_shortage(breach.signal));
            let needed = &change.recommendation.proposed;
            item.state == State::Propose
                && is_short
                && facts
                    .before
                    .is_some_and(|before| is_too_small(before, needed))
        }
        _ => false,
    }
}

/// Whether a size has clearly less of something than is needed.
fn is_too_small(size: &Size, needed: &Size) -> bool {
    let amounts = |size: &Size| {
        let task_managers = f64::from(size.task_managers);
        [
            f64::from(size.slots()),
            task_managers * size.cpu_millis as f64,
            task_managers * size.memory_bytes as f64,
        ]
    };
    let pairs = amounts(size).into_iter().zip(amounts(needed));
    pairs.into_iter().any(|(has, needs)| needs > has * 1.05)
}

fn sized(
    item: Item,
    profile: &JobProfile,
    facts: &Facts<'_>,
    rooms: &Rooms,
    catalog: &Catalog<'_>,
    now_ms: i64,
) -> Item {
    let located = facts.manifest.ok();
    let deployment = located.and_then(|located| Deployment::from_value(&located.value).ok());
    let present = match deployment
        .as_ref()
        .map(|deployment| present::present(deployment, facts.history, &rooms.prices))
    {
        Some(Ok(present)) => Some(present),
        Some(Err(error)) => {
            return item
                .say(State::Refused, "size-unreadable", error.to_string())
                .until(Until::Event("the manifest is mended".to_string()));
        }
        None => Present::observed(facts.history, &rooms.prices),
    };
    let Some(present) = present else {
        if profile.has(VerdictId::InsufficientHistory) {
            return item
                .say(
                    State::Undetermined,
                    "insufficient-history",
                    "it was not observed running yet",
                )
                .until(Until::Event("a longer history".to_string()));
        }
        return item
            .say(
                State::Undetermined,
                "size-unknown",
                "its CPU, memory or TaskManagers are unknown",
            )
            .until(Until::Event("its manifest is found".to_string()));
    };
    let free = Bounds {
        reverted: facts.standing.reverted.clone(),
        keep_parallelism: facts.standing.autoscaler,
        ..Bounds::default()
    };
    let size = |bounds: &Bounds| {
        recommend(
            facts.history,
            profile,
            &present,
            bounds,
            &rooms.evaluate,
            &rooms.recommend,
        )
    };
    let wanted = size(&free);
    let item = Item {
        autoscaler: autoscaler_advice(facts.history, &present, &rooms.evaluate),
        evaluators: Some(side_by_side(
            facts.history,
            &present,
            &wanted,
            &rooms.evaluate,
        )),
        advice: Some(wanted.clone()),
        saving: match &wanted {
            Advice::Change(recommendation) => Some(recommendation.saving.clone()),
            _ => None,
        },
        ..item
    };
    match &wanted {
        Advice::Undetermined(undetermined) => {
            return item
                .say(
                    State::Undetermined,
                    undetermined.reason.clone(),
                    undetermined.message.clone(),
                )
                .until(Until::Event(undetermined.settles.clone()));
        }
        Advice::Keep(keep) => {
            if let Some(until) = watching_until(facts) {
                return item
                    .say(
                        State::Watching,
                        "watching",
                        "its merged change is being watched",
                    )
                    .until(until);
            }
            return item
                .say(State::Keep, keep.reason.clone(), keep.message.clone())
                .until(Until::Event("its load or its size changes".to_string()));
        }
        Advice::Change(_) => {}
    }
    let standing = Standing {
        verdicts: profile
            .verdicts
            .iter()
            .map(|verdict| verdict.id.to_string())
            .collect(),
        ..facts.standing.clone()
    };
    let limits = match &wanted {
        Advice::Change(wanted) => bounds(wanted, &standing, &rooms.rules, now_ms),
        _ => free.clone(),
    };
    let allowed = if limits == free {
        wanted.clone()
    } else {
        size(&limits)
    };
    let Advice::Change(allowed) = allowed else {
        let message = "the rules leave no smaller size that pays for its restart".to_string();
        return item
            .say(State::Held, "step-down", message)
            .until(Until::Event("a rule or the load changes".to_string()));
    };
    // A change that is watched is let be, unless the job is short now.
    if let Some(until) = watching_until(facts)
        && allowed.direction == Direction::Shrink
    {
        return item
            .say(
                State::Watching,
                "watching",
                "its merged change is being watched",
            )
            .until(until);
    }
    let decision = decide(&wanted, &allowed, &standing, &rooms.rules, now_ms);
    let (located, deployment) = match (facts.manifest, deployment) {
        (Ok(located), Some(deployment)) => (located, deployment),
        (Err(refusal), _) => return item.refused(refusal),
        (Ok(located), None) => {
            let message = format!(
                "{}:{}: the object is no FlinkDeployment that can be read",
                located.file, located.line
            );
            return item
                .say(State::Refused, "parse-error", message)
                .until(Until::Event("the manifest is mended".to_string()));
        }
    };
    let drift = facts
        .live()
        .and_then(|resource| drift::from_resource(&located.value, &deployment, resource))
        .or_else(|| drift::from_shape(&present, facts.history));
    // What the cluster does not run yet is no reason to leave a job short.
    let waits = matches!(facts.watched, Some(Assessment::Waiting { .. }))
        && allowed.direction == Direction::Grow;
    if let Some(drift) = drift.filter(|_| !waits) {
        return item.say(State::Held, "drift", drift).until(Until::Event(
            "the cluster runs what the manifest says".to_string(),
        ));
    }
    let of = Target {
        located,
        deployment: &deployment,
        facts,
        rooms,
        catalog,
        present: &present,
        now_ms,
    };
    let allowed = with_options(*allowed, item.autoscaler.as_ref());
    let change = match of.planned(profile, allowed, decision.clone()) {
        Ok(Some(change)) => change,
        Ok(None) => {
            return item
                .say(State::Keep, "applied", "the manifest says so already")
                .until(Until::Event("its load or its size changes".to_string()));
        }
        Err(refusal) => {
            return Item {
                decision: Some(decision),
                ..item
            }
            .refused(&refusal);
        }
    };
    decided(item, change, decision, facts.standing.mode)
}

/// The change with the options that the operator's autoscaler should have for it. They ride along: alone they are advice, since
/// nothing about them saves money by itself.
fn with_options(change: Recommendation, autoscaler: Option<&AutoscalerAdvice>) -> Recommendation {
    let mut change = change;
    let own = autoscaler.filter(|advice| advice.on);
    for advice in own.into_iter().flat_map(|advice| &advice.options) {
        let (option, after) = (advice.option.clone(), advice.after.clone());
        change.proposed.options.insert(option, after);
        change
            .now
            .options
            .insert(advice.option.clone(), advice.before.clone());
        change.risks.push(Risk {
            code: "autoscaler-option".to_string(),
            message: format!(
                "`{}` {} → {}: {}",
                advice.option, advice.before, advice.after, advice.why
            ),
        });
    }
    change
}

fn watching_until(facts: &Facts<'_>) -> Option<Until> {
    match facts.watched? {
        Assessment::Watching { until_ms, .. } => Some(Until::AtMs(*until_ms)),
        Assessment::Blind { .. } => {
            Some(Until::Event("there is data of the job again".to_string()))
        }
        _ => None,
    }
}

fn decided(item: Item, change: PlannedChange, decision: Decision, mode: Mode) -> Item {
    let held = decision
        .rules
        .iter()
        .find(|rule| rule.ruling == Ruling::Held)
        .cloned();
    let message = format!(
        "{} a month",
        crate::plan::item::signed_money(&change.recommendation.saving)
    );
    let reason = match change.recommendation.direction {
        Direction::Shrink => "cheaper",
        Direction::Grow => "short",
    };
    let item = Item {
        saving: Some(change.recommendation.saving.clone()),
        decision: Some(decision),
        change: Some(Box::new(change)),
        ..item
    };
    match (held, mode) {
        (Some(rule), _) => {
            let until = rule.until_ms.map_or_else(
                || Until::Event("the rule or the job changes".to_string()),
                Until::AtMs,
            );
            item.say(State::Held, rule.rule, rule.message).until(until)
        }
        (None, Mode::Propose) => item
            .say(State::Propose, reason, message)
            .until(Until::Event(
                "its pull request is merged or closed".to_string(),
            )),
        (None, _) => item
            .say(State::Report, reason, message)
            .until(Until::Event("mode: propose".to_string())),
    }
}
