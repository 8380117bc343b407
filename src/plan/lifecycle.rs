//! What the operator is doing with a job, where that leaves nothing to size: one state, one reason, before any sizing.

use super::item::{Answer, State};
use super::reason::PlanReason;
use crate::snapshot::{Lifecycle, LiveResource, Role};

/// What keeps a resource from being sized; none when it is an application or session job that the operator calls deployed and that
/// runs.
pub(super) fn standstill(resource: &LiveResource) -> Option<Answer> {
    let say = |reason: PlanReason, message: String, event: &str| {
        Some(Answer::new(State::Undetermined, reason, message, event))
    };
    let told = || match &resource.error {
        Some(error) => format!("; the operator says: {error}"),
        None => String::new(),
    };
    match resource.role {
        Role::Unknown => {
            let why = resource.unreadable.as_deref().unwrap_or("unknown shape");
            return say(
                PlanReason::UnknownResource,
                format!("its custom resource can't be read: {why}"),
                "a version of Plimsoll that knows it, or the resource is mended",
            );
        }
        Role::BlueGreen => {
            return say(
                PlanReason::BlueGreen,
                "a FlinkBlueGreenDeployment runs two clusters by turns: it is recognised, and not sized".to_string(),
                "blue-green deployments are sized",
            );
        }
        Role::Application | Role::SessionCluster | Role::SessionJob => {}
    }
    // Old operators tell no lifecycle, and the job's state all the same.
    let lifecycle = match (resource.lifecycle, resource.job_state.as_deref()) {
        (None, Some("FAILED")) => Some(Lifecycle::Failed),
        (lifecycle, _) => lifecycle,
    };
    match lifecycle {
        Some(Lifecycle::Deleting) => {
            return say(
                PlanReason::Deleting,
                "it is being deleted".to_string(),
                "it is gone",
            );
        }
        Some(Lifecycle::RollingBack | Lifecycle::RolledBack) => {
            return say(
                PlanReason::RolledBack,
                format!(
                    "the operator went back to the last stable spec: the cluster does not run what the manifest says{}",
                    told()
                ),
                "the manifest is set back or mended",
            );
        }
        Some(Lifecycle::Failed) => {
            return say(
                PlanReason::Failed,
                format!("the job failed for good{}", told()),
                "the job runs again",
            );
        }
        _ => {}
    }
    if resource.is_suspended() {
        return say(
            PlanReason::Suspended,
            "the job is suspended: nothing runs".to_string(),
            "the job is resumed",
        );
    }
    if let Some(upgrade) = upgrade(resource) {
        return say(
            PlanReason::Upgrading,
            format!("{upgrade}{}", told()),
            "the operator calls it stable",
        );
    }
    if resource.role == Role::SessionCluster {
        return say(
            PlanReason::SessionCluster,
            "a session cluster is a unit of its own: its memory belongs to no one job, and is not sized yet"
                .to_string(),
            "session clusters are sized as units",
        );
    }
    None
}

/// The upgrade that is under way, in a sentence.
fn upgrade(resource: &LiveResource) -> Option<String> {
    match resource.lifecycle {
        Some(Lifecycle::Created) => {
            return Some("the operator has not deployed it yet".to_string());
        }
        Some(Lifecycle::Upgrading) => return Some("the operator is upgrading it".to_string()),
        _ => {}
    }
    if resource.lags_behind() {
        return Some(format!(
            "the operator has not acted upon its latest spec (generation {}, acted upon {})",
            resource.generation.unwrap_or_default(),
            resource.observed_generation.unwrap_or_default()
        ));
    }
    let job_state = resource.job_state.as_deref();
    let restarting = resource.lifecycle == Some(Lifecycle::Deployed)
        && resource.role != Role::SessionCluster
        && matches!(
            job_state,
            Some("CREATED" | "INITIALIZING" | "RECONCILING" | "RESTARTING")
        );
    restarting.then(|| {
        format!(
            "it is deployed and does not run yet (job {})",
            job_state.unwrap_or_default()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::reason::Reason;
    use super::*;

    fn resource(role: Role, lifecycle: Option<Lifecycle>, job: Option<&str>) -> LiveResource {
        LiveResource {
            lifecycle,
            job_state: job.map(str::to_string),
            ..LiveResource::new(role, "flink.apache.org/v1beta1")
        }
    }

    #[test]
    fn each_lifecycle_has_one_reason() {
        use Lifecycle::*;
        for (role, lifecycle, job, reason) in [
            (Role::Application, Some(Stable), Some("RUNNING"), None),
            (Role::Application, Some(Deployed), Some("RUNNING"), None),
            (Role::SessionJob, Some(Stable), Some("RUNNING"), None),
            (Role::Application, None, None, None),
            (
                Role::Application,
                None,
                Some("FAILED"),
                Some(PlanReason::Failed),
            ),
            (Role::Application, Some(Deployed), Some("FINISHED"), None),
            (
                Role::Application,
                Some(Created),
                None,
                Some(PlanReason::Upgrading),
            ),
            (
                Role::Application,
                Some(Deployed),
                Some("RECONCILING"),
                Some(PlanReason::Upgrading),
            ),
            (
                Role::Application,
                Some(Upgrading),
                Some("FINISHED"),
                Some(PlanReason::Upgrading),
            ),
            (
                Role::Application,
                Some(Suspended),
                Some("FINISHED"),
                Some(PlanReason::Suspended),
            ),
            (
                Role::Application,
                Some(Failed),
                Some("FAILED"),
                Some(PlanReason::Failed),
            ),
            (
                Role::Application,
                Some(RollingBack),
                None,
                Some(PlanReason::RolledBack),
            ),
            (
                Role::Application,
                Some(RolledBack),
                Some("RUNNING"),
                Some(PlanReason::RolledBack),
            ),
            (
                Role::Application,
                Some(Deleting),
                None,
                Some(PlanReason::Deleting),
            ),
            (
                Role::SessionCluster,
                Some(Stable),
                None,
                Some(PlanReason::SessionCluster),
            ),
            (
                Role::SessionCluster,
                Some(Upgrading),
                None,
                Some(PlanReason::Upgrading),
            ),
            (
                Role::BlueGreen,
                Some(Stable),
                Some("RUNNING"),
                Some(PlanReason::BlueGreen),
            ),
            (Role::Unknown, None, None, Some(PlanReason::UnknownResource)),
        ] {
            let found = standstill(&resource(role, lifecycle, job));
            assert_eq!(
                found.map(|found| found.reason),
                reason.map(Reason::Plan),
                "{role:?} {lifecycle:?} {job:?}"
            );
        }
    }

    #[test]
    fn a_spec_that_the_operator_has_not_seen_is_an_upgrade() {
        let mut behind = resource(Role::Application, Some(Lifecycle::Stable), Some("RUNNING"));
        (behind.generation, behind.observed_generation) = (Some(4), Some(3));
        behind.error = Some("metaspace too small".to_string());
        let found = standstill(&behind).map(|found| (found.reason, found.message));
        assert!(
            matches!(&found, Some((Reason::Plan(PlanReason::Upgrading), message)) if message.contains("generation 4") && message.contains("metaspace")),
            "{found:?}"
        );
    }

    #[test]
    fn a_job_that_is_to_be_suspended_counts_as_suspended() {
        let mut resource = resource(Role::Application, Some(Lifecycle::Stable), Some("RUNNING"));
        resource
            .spec
            .insert("spec.job.state".to_string(), "suspended".to_string());
        assert_eq!(
            standstill(&resource).map(|found| found.reason),
            Some(PlanReason::Suspended.into())
        );
    }
}
