//! What a resource says of its job where Flink is not asked, or does not answer.

use crate::snapshot::{JobState, Lifecycle, LiveResource, Role};

/// Why Flink need not be asked, with the state that is known without it; none when it is to be asked.
pub(super) fn without_asking(resource: &LiveResource) -> Option<(JobState, String)> {
    match resource.role {
        Role::Unknown => Some((
            JobState::Unreachable,
            resource
                .unreadable
                .clone()
                .unwrap_or_else(|| "its custom resource can't be read".to_string()),
        )),
        Role::BlueGreen => Some((
            JobState::Stopped,
            "a blue-green deployment is recognised, and not looked into".to_string(),
        )),
        Role::SessionCluster => Some((
            JobState::Stopped,
            "a session cluster has no job of its own".to_string(),
        )),
        Role::Application | Role::SessionJob if resource.is_suspended() => {
            Some((JobState::Stopped, "the job is suspended".to_string()))
        }
        Role::Application | Role::SessionJob => None,
    }
}

/// The state of a job whose JobManager can't be reached: an upgrade or a failure explains that; else it is a mystery.
pub(super) fn when_silent(resource: &LiveResource) -> JobState {
    match resource.lifecycle {
        Some(Lifecycle::Failed) => return JobState::Failed,
        Some(Lifecycle::Suspended | Lifecycle::Deleting) => return JobState::Stopped,
        Some(Lifecycle::Created | Lifecycle::Upgrading | Lifecycle::RollingBack) => {
            return JobState::Starting;
        }
        Some(Lifecycle::Deployed | Lifecycle::Stable | Lifecycle::RolledBack) | None => {}
    }
    match resource.job_state.as_deref() {
        Some("FAILED") => JobState::Failed,
        Some("CREATED" | "INITIALIZING" | "RECONCILING" | "RESTARTING")
            if resource.job_manager.as_deref() != Some("READY") =>
        {
            JobState::Starting
        }
        _ => JobState::Unreachable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upgrade_or_failure_explains_a_silent_jobmanager() {
        use Lifecycle::*;
        for (lifecycle, job, job_manager, state) in [
            (Some(Upgrading), "FINISHED", "MISSING", JobState::Starting),
            (Some(Failed), "FAILED", "READY", JobState::Failed),
            (Some(Stable), "RUNNING", "READY", JobState::Unreachable),
            (
                Some(Deployed),
                "RECONCILING",
                "DEPLOYING",
                JobState::Starting,
            ),
            (
                Some(Deployed),
                "RECONCILING",
                "READY",
                JobState::Unreachable,
            ),
            (None, "FAILED", "ERROR", JobState::Failed),
            (Some(Deleting), "RUNNING", "READY", JobState::Stopped),
        ] {
            let resource = LiveResource {
                lifecycle,
                job_state: Some(job.to_string()),
                job_manager: Some(job_manager.to_string()),
                ..LiveResource::new(Role::Application, "flink.apache.org/v1beta1")
            };
            assert_eq!(
                when_silent(&resource),
                state,
                "{lifecycle:?} {job} {job_manager}"
            );
        }
    }
}
