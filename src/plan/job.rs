//! One job → its item in the plan. Everything here is a function of this one job.

use super::bound::bound;
use super::decide::decide;
use super::instead::grows_instead;
use super::item::{Answer, Findings, Item, State, Until};
use super::lifecycle::standstill;
use super::link::link;
use super::present::with_paid_cpu;
use super::reach::completed;
use super::reason::PlanReason;
use super::size::size;
use crate::classify::{self, JobProfile, classify};
use crate::flink::deployment::Deployment;
use crate::manifest::{Catalog, Located, ObjectKey, Refusal};
use crate::policy::{Mode, Rule, Standing};
use crate::recommend::{Prices, Size, no_size};
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
    pub(super) fn live(&self) -> Option<&LiveResource> {
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

/// One job with all that its answer depends on.
pub(super) struct Question<'a> {
    pub(super) facts: &'a Facts<'a>,
    pub(super) rooms: &'a Rooms,
    pub(super) catalog: &'a Catalog<'a>,
    pub(super) now_ms: i64,
    pub(super) profile: &'a JobProfile,
    /// Its manifest, where its sizes are to be read and its own to set.
    pub(super) manifest: Result<&'a Located, &'a Refusal>,
    /// That manifest's object, with what a chart sets filled in from what runs.
    pub(super) whole: Option<&'a serde_json::Value>,
}

/// Plans one job: verdicts, advice, rules, edit. Where the configuration in force does not say how much CPU a TaskManager asks for, the manifest
/// does.
pub fn plan_job(
    job: &JobKey,
    facts: &Facts<'_>,
    rooms: &Rooms,
    catalog: &Catalog<'_>,
    now_ms: i64,
) -> Item {
    let deployment = facts
        .manifest
        .ok()
        .and_then(|located| Deployment::from_value(&located.value).ok());
    let paid = deployment.and_then(|deployment| with_paid_cpu(facts.history, &deployment));
    match &paid {
        Some(history) => {
            let facts = Facts {
                history,
                standing: facts.standing.clone(),
                ..*facts
            };
            planned(job, &facts, rooms, catalog, now_ms)
        }
        None => planned(job, facts, rooms, catalog, now_ms),
    }
}

fn planned(
    job: &JobKey,
    facts: &Facts<'_>,
    rooms: &Rooms,
    catalog: &Catalog<'_>,
    now_ms: i64,
) -> Item {
    let link = facts
        .manifest
        .ok()
        .map(|located| link(located, facts.resource));
    let mut found = Findings::default();
    // The first that has an answer ends it.
    let answer = before_sizing(facts).and_then(|()| {
        let profile = profile(facts, rooms);
        found.profile = Some(profile.clone());
        // A size is not computed around a field that cannot be read, nor written where something else decides.
        let located = facts.manifest.ok();
        let unsaid = located.and_then(|located| catalog.says_sizes(located).err());
        let whole = located
            .filter(|_| unsaid.is_none())
            .map(|located| completed(located, facts.history, facts.live()));
        let asked = Question {
            manifest: match &unsaid {
                Some(refusal) => Err(refusal),
                None => facts.manifest,
            },
            whole: whole.as_ref(),
            facts,
            rooms,
            catalog,
            now_ms,
            profile: &profile,
        };
        let Err(held) = watched(facts) else {
            return sized(job, &mut found, &asked);
        };
        let mut grown = Findings {
            profile: Some(profile.clone()),
            ..Findings::default()
        };
        match sized(job, &mut grown, &asked) {
            Ok(answer) if grows_instead(&grown, &answer, facts.watched, facts.before) => {
                found = grown;
                Ok(answer)
            }
            _ => Err(held),
        }
    });
    let answer = heeding(&facts.standing, answer.unwrap_or_else(|answer| answer));
    Item::new(job.clone(), link, found, answer)
}

/// Sizes a job and decides about the change.
fn sized(job: &JobKey, found: &mut Findings, asked: &Question<'_>) -> Result<Answer, Answer> {
    in_session(job, asked.facts)?;
    has_a_size(asked.profile)?;
    let wanted = size(found, asked)?;
    let bounded = bound(&wanted, asked)?;
    decide(found, wanted, bounded, asked)
}

/// The answer, unless the owner says something that is not understood: that holds the job, whatever was found out.
fn heeding(standing: &Standing, answer: Answer) -> Answer {
    match &standing.unreadable {
        Some(sentence) if !matches!(answer.state, State::Ignored | State::Unreachable) => {
            Answer::new(
                State::Held,
                PlanReason::OwnerUnreadable,
                sentence.clone(),
                "the annotation is mended",
            )
        }
        _ => answer,
    }
}

/// What leaves nothing to look at: the owner's word, the operator's doing, a JobManager that does not answer.
fn before_sizing(facts: &Facts<'_>) -> Result<(), Answer> {
    if facts.standing.mode == Mode::Ignore {
        let reason = facts.standing.mode_reason.clone();
        return Err(Answer::new(
            State::Ignored,
            PlanReason::OptedOut,
            reason.unwrap_or_else(|| "its mode is ignore".to_string()),
            "its annotation or the configuration changes",
        ));
    }
    // A change that hurts is undone, whatever the operator makes of the job meanwhile.
    let hurts = matches!(facts.watched, Some(Assessment::Regressed { .. }));
    if let Some(stands) = facts.live().and_then(standstill).filter(|_| !hurts) {
        return Err(stands);
    }
    let latest = facts.history.latest.as_ref();
    if let Some(latest) = latest.filter(|latest| latest.state == JobState::Unreachable) {
        let reason = latest.gaps.first().map_or_else(
            || "nobody answers".to_string(),
            |gap| format!("{}: {}", gap.what, gap.reason),
        );
        return Err(Answer::new(
            State::Unreachable,
            PlanReason::Unreachable,
            reason,
            "its JobManager answers",
        ));
    }
    Ok(())
}

/// What kind of job it is. A plug-in that failed is missing from its estimate, and is named with the other gaps.
fn profile(facts: &Facts<'_>, rooms: &Rooms) -> JobProfile {
    let mut profile = classify(facts.history, &rooms.classify);
    profile
        .gaps
        .extend(rooms.evaluate.told.gaps.iter().cloned());
    profile
}

/// What a watched change makes of the job, when it decides the state by itself.
fn watched(facts: &Facts<'_>) -> Result<(), Answer> {
    match facts.watched {
        Some(Assessment::Waiting {
            reason, message, ..
        }) => Err(Answer::new(
            State::Watching,
            *reason,
            message.clone(),
            "the cluster runs what was merged",
        )),
        Some(Assessment::Regressed { breaches, .. }) => {
            let message = breaches.first().map_or_else(
                || "the merged change hurts".to_string(),
                |breach| breach.message.clone(),
            );
            let event = "its revert is merged";
            Err(Answer::new(
                State::Reverting,
                PlanReason::Regressed,
                message,
                event,
            ))
        }
        _ => Ok(()),
    }
}

/// A session job has no size of its own.
fn in_session(job: &JobKey, facts: &Facts<'_>) -> Result<(), Answer> {
    if job.kind != JobKind::SessionJob {
        return Ok(());
    }
    let cluster = facts
        .live()
        .and_then(|resource| resource.session_cluster.as_deref())
        .map_or_else(String::new, |name| format!(" {name}"));
    Err(Answer::new(
        State::Undetermined,
        PlanReason::SessionJob,
        format!(
            "memory, CPU and slots belong to its session cluster{cluster}, which is a unit of its own"
        ),
        "session clusters are sized as units",
    ))
}

/// Before anything is computed for it: a size of one job of a shared cluster would be paid for by the others, and work that ends has none.
fn has_a_size(profile: &JobProfile) -> Result<(), Answer> {
    match no_size(profile.workload) {
        None => Ok(()),
        Some(state) => Err(Answer::new(
            State::Undetermined,
            state.reason,
            state.message,
            state.settles,
        )),
    }
}

/// Until when a merged change is watched, where one is.
pub(super) fn watching_until(facts: &Facts<'_>) -> Option<Until> {
    match facts.watched? {
        Assessment::Watching { until_ms, .. } => Some(Until::AtMs(*until_ms)),
        Assessment::Blind { .. } => {
            Some(Until::Event("there is data of the job again".to_string()))
        }
        _ => None,
    }
}
