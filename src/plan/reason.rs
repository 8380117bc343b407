//! Why a job is in its state: one stable code.

use crate::manifest;
use crate::quantity::codes;
use crate::recommend::SizingReason;
use crate::watch::WaitingFor;
use serde::{Deserialize, Serialize};
use std::fmt;

codes! {
    /// Reasons that are the plan's own.
    pub enum PlanReason {
        /// The owner, or the configuration, wants no look at it.
        OptedOut = "opted-out",
        /// The owner says something on the job that is not understood.
        OwnerUnreadable = "owner-unreadable",
        /// Nobody answers where the job should be.
        Unreachable = "unreachable",
        /// Its history could not be read, or a fault in Plimsoll stopped its planning.
        NotPlanned = "not-planned",
        /// Its custom resource has a shape that is not known.
        UnknownResource = "unknown-resource",
        /// It runs two clusters by turns, which are not sized.
        BlueGreen = "blue-green",
        /// It is being deleted.
        Deleting = "deleting",
        /// The operator went back to the last stable spec.
        RolledBack = "rolled-back",
        /// The job failed for good.
        Failed = "failed",
        /// The job is suspended.
        Suspended = "suspended",
        /// The operator is upgrading it.
        Upgrading = "upgrading",
        /// A job of a session cluster: its size is the cluster's.
        SessionJob = "session-job",
        /// Its merged change is watched.
        Watching = "watching",
        /// Its merged change hurts.
        Regressed = "regressed",
        /// The manifest's size cannot be read.
        SizeUnreadable = "size-unreadable",
        /// The rules leave no size that pays for its restart.
        StepDown = "step-down",
        /// The cluster does not run what the manifest says.
        Drift = "drift",
        /// The manifest says already what is wanted.
        Applied = "applied",
        /// A cheaper size carries the load.
        Cheaper = "cheaper",
        /// The job is short of what it needs.
        Short = "short",
        /// The limit of open pull requests is reached.
        OpenPullRequests = "limit.open-pull-requests",
        /// The limit of new pull requests in 24 hours is reached.
        PullRequestsPerDay = "limit.pull-requests-per-day",
        /// The limit of new pull requests in an hour is reached.
        PullRequestsPerHour = "limit.pull-requests-per-hour",
        /// The limit of open pull requests of its owner is reached.
        OpenPullRequestsPerOwner = "limit.open-pull-requests-per-owner",
        /// Another job of its group is watched.
        Group = "group",
        /// The history holds newer samples than the time that the run goes by.
        Clock = "clock",
        /// A person closed a pull request with much the same advice.
        Declined = "declined",
        /// A person put it off by a label.
        Later = "later",
        /// A person set the fields of the last change back or to others.
        ChangedByHand = "changed-by-hand",
    }
}

/// Why a job is in its state. In JSON and on paper it is its code.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub enum Reason {
    /// The plan's own.
    Plan(PlanReason),
    /// What sizing said.
    Sizing(SizingReason),
    /// What a merged change waits for; as a code, `waiting.` stands before it.
    Waiting(WaitingFor),
    /// Why its manifest is not edited.
    Refused(manifest::Code),
    /// The id of the rule that holds it, with the rule's number where it has one: `cooldown.72h`.
    Rule(String),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Plan(reason) => reason.fmt(f),
            Reason::Sizing(reason) => reason.fmt(f),
            Reason::Waiting(reason) => write!(f, "{WAITING}{reason}"),
            Reason::Refused(code) => code.fmt(f),
            Reason::Rule(id) => f.write_str(id),
        }
    }
}

const WAITING: &str = "waiting.";

impl From<PlanReason> for Reason {
    fn from(reason: PlanReason) -> Reason {
        Reason::Plan(reason)
    }
}

impl From<SizingReason> for Reason {
    fn from(reason: SizingReason) -> Reason {
        Reason::Sizing(reason)
    }
}

impl From<WaitingFor> for Reason {
    fn from(reason: WaitingFor) -> Reason {
        Reason::Waiting(reason)
    }
}

impl From<manifest::Code> for Reason {
    fn from(code: manifest::Code) -> Reason {
        match code {
            // The owner's word is one reason, whoever comes across it first.
            manifest::Code::OptedOut => Reason::Plan(PlanReason::OptedOut),
            manifest::Code::OwnerUnreadable => Reason::Plan(PlanReason::OwnerUnreadable),
            code => Reason::Refused(code),
        }
    }
}

impl From<Reason> for String {
    fn from(reason: Reason) -> String {
        reason.to_string()
    }
}

impl From<String> for Reason {
    /// Reads a code; one that is nobody else's is a rule's id.
    fn from(code: String) -> Reason {
        let plan = || Some(Reason::Plan(code.parse().ok()?));
        let sizing = || Some(Reason::Sizing(code.parse().ok()?));
        let waiting = || Some(Reason::Waiting(code.strip_prefix(WAITING)?.parse().ok()?));
        let refused = || Some(Reason::Refused(code.parse().ok()?));
        let known = plan().or_else(sizing).or_else(waiting).or_else(refused);
        known.unwrap_or(Reason::Rule(code))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn every() -> Vec<Reason> {
        let plan = PlanReason::ALL.iter().map(|code| Reason::from(*code));
        let sizing = SizingReason::ALL.iter().map(|code| Reason::from(*code));
        let waiting = WaitingFor::ALL.iter().map(|code| Reason::from(*code));
        let refused = manifest::Code::ALL.iter().map(|code| Reason::from(*code));
        let rule = Reason::Rule("cooldown.72h".to_string());
        plan.chain(sizing)
            .chain(waiting)
            .chain(refused)
            .chain([rule])
            .collect()
    }

    #[test]
    fn every_reason_is_read_back_from_its_code() {
        for reason in every() {
            let json = serde_json::to_string(&reason).unwrap();
            assert_eq!(json, format!("\"{reason}\""));
            assert_eq!(serde_json::from_str::<Reason>(&json).unwrap(), reason);
        }
    }

    #[test]
    fn no_two_reasons_have_the_same_code() {
        let reasons: BTreeSet<Reason> = every().into_iter().collect();
        let codes: BTreeSet<String> = reasons.iter().map(ToString::to_string).collect();
        assert_eq!(codes.len(), reasons.len());
    }
}
