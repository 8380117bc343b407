//! What a plan says of each job.

use super::link::Link;
use super::reason::{PlanReason, Reason};
use super::session::SessionUnit;
use crate::classify::JobProfile;
use crate::manifest::Refusal;
use crate::policy::Decision;
use crate::quantity::codes;
use crate::recommend::{
    Advice, AutoscalerAdvice, Recommendation, Saving, SideBySide, SizingReason,
};
use crate::record::{Evidence, FieldChange};
use crate::snapshot::JobKey;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The version written into each plan.
pub const SCHEMA: &str = "plimsoll.plan/1";

codes! {
    /// The one state that a job is in.
    pub enum State {
        /// A change is ready: `propose` opens or updates its pull request.
        Propose = "propose",
        /// A change is ready, but the mode is `report`: nothing is opened.
        Report = "report",
        /// A change is known, and a rule or a limit holds it.
        Held = "held",
        /// A merged change is being watched.
        Watching = "watching",
        /// The merged change hurt: its revert is proposed or waits to be merged.
        Reverting = "reverting",
        /// Its size fits, or nothing that Plimsoll may change would help.
        Keep = "keep",
        /// Too little is known.
        Undetermined = "undetermined",
        /// The manifest cannot be edited safely.
        Refused = "refused",
        /// The job opted out.
        Ignored = "ignored",
        /// It could not be looked at.
        Unreachable = "unreachable",
    }
}

/// What could change a state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Until {
    /// A date, Unix milliseconds.
    AtMs(i64),
    /// An event, one sentence.
    Event(String),
}

/// What the operator does with a merged change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MergeKind {
    /// The fields are the operator's own, or nothing reads them: the job runs on.
    Nothing,
    /// The job is rescaled while its pods run on; its tasks restart from the last checkpoint.
    InPlace,
    /// The job is stopped and deployed again.
    #[default]
    Restart,
}

/// What merging a change does, from the operator's own rules.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct MergeEffect {
    /// What the operator does.
    #[serde(default)]
    pub kind: MergeKind,
    /// Whether the operator restarts the job.
    pub restarts: bool,
    /// The job's `upgradeMode`, if the manifest names one.
    pub upgrade_mode: Option<String>,
    /// When the last checkpoint or savepoint that it would restore from was completed, Unix milliseconds.
    #[serde(default)]
    pub restore_at_ms: Option<i64>,
    /// Its size, bytes.
    pub restore_bytes: Option<u64>,
    /// When the last savepoint was completed, Unix milliseconds.
    #[serde(default)]
    pub savepoint_at_ms: Option<i64>,
    /// Its size, bytes.
    #[serde(default)]
    pub savepoint_bytes: Option<u64>,
    /// Slots of the new size that hold no task.
    #[serde(default)]
    pub slots_left: Option<u32>,
    /// How partitions spread over the new parallelism, one sentence.
    #[serde(default)]
    pub partitions: Option<String>,
    /// Whether the same could be had without a restart, one sentence.
    #[serde(default)]
    pub in_place: Option<String>,
    /// What runs beside the job while the change is carried out, one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beside: Option<String>,
    /// Shortest and longest pause of the restarts seen, milliseconds.
    pub pause_ms: Option<(i64, i64)>,
    /// What would be lost; absent when nothing is.
    pub data_loss: Option<String>,
    /// How key groups spread over the new parallelism, one sentence.
    pub key_groups: Option<String>,
}

/// A change so specific that proposing it makes no choice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedChange {
    /// The file with the object.
    pub file: String,
    /// The fields, before and after, as text. A file that holds other values by now is not edited: the plan is stale then.
    pub fields: Vec<FieldChange>,
    /// Whether fields may be added that the manifest does not have.
    pub creates: bool,
    /// Warnings of the edit, one sentence each.
    pub warnings: Vec<String>,
    /// The edit as a unified diff.
    pub diff: String,
    /// What merging does.
    pub effect: MergeEffect,
    /// What the job is.
    pub profile: JobProfile,
    /// What it should be.
    pub recommendation: Recommendation,
    /// By which rules it may be changed.
    pub decision: Decision,
    /// What other evaluators would do; empty in a plan that was written before this was in it.
    #[serde(default)]
    pub evaluators: SideBySide,
    /// What goes into the change's own commit.
    pub evidence: Evidence,
}

/// What is said of a job: its state, why, and until when.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Answer {
    /// The state it is in.
    pub(super) state: State,
    /// Why.
    pub(super) reason: Reason,
    /// One sentence; may hold foreign text.
    pub(super) message: String,
    /// What could change it.
    pub(super) until: Until,
}

impl Answer {
    /// A state that an event could change.
    pub(super) fn new(
        state: State,
        reason: impl Into<Reason>,
        message: impl Into<String>,
        event: impl Into<String>,
    ) -> Answer {
        Answer::until(state, reason, message, Until::Event(event.into()))
    }

    /// A state with what could change it.
    pub(super) fn until(
        state: State,
        reason: impl Into<Reason>,
        message: impl Into<String>,
        until: Until,
    ) -> Answer {
        Answer {
            state,
            reason: reason.into(),
            message: message.into(),
            until,
        }
    }
}

impl From<&Refusal> for Answer {
    fn from(refusal: &Refusal) -> Answer {
        let message = refusal.to_string();
        Answer::new(
            State::Refused,
            refusal.code,
            message,
            refusal.way_out.clone(),
        )
    }
}

/// One job in the plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Item {
    /// Which job.
    pub job: JobKey,
    /// Its one state.
    pub state: State,
    /// Its one reason: a stable code, a rule's id, a refusal's code.
    #[schemars(with = "String")]
    pub reason: Reason,
    /// One sentence for people.
    pub message: String,
    /// What could change it.
    pub until: Option<Until>,
    /// Its file, where one was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<Link>,
    /// What runs in it, where it is a session cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<SessionUnit>,
    /// What the job is, if it could be looked at.
    pub profile: Option<JobProfile>,
    /// What sizing says of it when nothing bounds the search.
    pub advice: Option<Advice>,
    /// What every evaluator would do, where the size in force is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evaluators: Option<SideBySide>,
    /// What the data says about the operator's autoscaler, where it says something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autoscaler: Option<AutoscalerAdvice>,
    /// What the rules say, where a change is known.
    pub decision: Option<Decision>,
    /// What the change saves, where one is known.
    pub saving: Option<Saving>,
    /// The change, where one is ready or held.
    pub change: Option<Box<PlannedChange>>,
}

impl Item {
    /// Whether it is the resource of a session cluster, which is shown with what runs in it. A job that was found to share its JobManager has
    /// the same reason, and verdicts of its own.
    pub fn is_session_cluster(&self) -> bool {
        self.reason == SizingReason::SessionCluster.into() && self.profile.is_none()
    }

    /// The item of a job that could not be planned, with one sentence that tells why.
    pub fn not_planned(job: &JobKey, why: String) -> Item {
        let answer = Answer::new(
            State::Undetermined,
            PlanReason::NotPlanned,
            why,
            "its cause is mended",
        );
        Item::new(job.clone(), None, Findings::default(), answer)
    }

    /// A job's item: what was found out, and the answer.
    pub(super) fn new(job: JobKey, link: Option<Link>, findings: Findings, answer: Answer) -> Item {
        let Answer {
            state,
            reason,
            message,
            until,
        } = answer;
        Item {
            job,
            state,
            reason,
            message,
            until: Some(until),
            link,
            unit: None,
            profile: findings.profile,
            advice: findings.advice,
            evaluators: findings.evaluators,
            autoscaler: findings.autoscaler,
            decision: findings.decision,
            saving: findings.saving,
            change: findings.change.map(Box::new),
        }
    }
}

/// What was found out about a job on the way to its answer.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) profile: Option<JobProfile>,
    pub(super) advice: Option<Advice>,
    pub(super) evaluators: Option<SideBySide>,
    pub(super) autoscaler: Option<AutoscalerAdvice>,
    pub(super) decision: Option<Decision>,
    pub(super) saving: Option<Saving>,
    pub(super) change: Option<PlannedChange>,
}

/// The plan of a fleet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// Version of Plimsoll that made it.
    pub plimsoll: String,
    /// When, Unix milliseconds.
    pub at_ms: i64,
    /// The head of the base branch that the manifests were read from.
    pub base: String,
    /// Those to be proposed first, in order; then the others by state and key.
    pub items: Vec<Item>,
    /// Manifests of which no live job is known, one sentence each; looked for where clusters could be listed whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without_job: Vec<String>,
    /// Jobs with an open pull request that are gone from their cluster; looked for where clusters could be listed whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gone: Vec<JobKey>,
    /// Why nothing is proposed or ended by this plan, one sentence: the run's time lies behind the newest sample.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behind: Option<String>,
}

impl Plan {
    /// The items to be proposed, in order.
    pub fn proposals(&self) -> impl Iterator<Item = (&Item, &PlannedChange)> {
        self.items
            .iter()
            .filter(|item| item.state == State::Propose)
            .filter_map(|item| item.change.as_deref().map(|change| (item, change)))
    }
}

/// A saving with its sign, for one line of text.
pub(super) fn signed_money(saving: &Saving) -> String {
    let sign = if saving.per_month < 0.0 {
        "costs"
    } else {
        "saves"
    };
    format!("{sign} {:.0} {}", saving.per_month.abs(), saving.currency)
}
