//! The lines of `check` about clusters behind Kubernetes: credentials, rights, what is there, the way to a JobManager.

use super::{Line, line, seen};
use crate::clients::kubernetes::KubernetesCluster;
use crate::ports::Cluster;
use crate::quantity::count;
use crate::snapshot::{JobKey, Role};
use crate::world::Clusters;

/// One line for each thing that a stranger would have to mend.
pub async fn lines(clusters: &Clusters) -> Vec<Line> {
    let mut lines: Vec<Line> = clusters
        .unconnected()
        .map(|(name, error)| line(format!("cluster {name}"), Err(error.reason.clone())))
        .collect();
    for (name, cluster) in clusters.kubernetes() {
        lines.extend(of_cluster(name, cluster).await);
    }
    lines
}

async fn of_cluster(name: &str, cluster: &KubernetesCluster) -> Vec<Line> {
    let jobs = cluster.jobs().await;
    let mut lines = Vec::new();
    match &jobs {
        Ok(jobs) => lines.push(line(
            format!("cluster {name}"),
            Ok(format!(
                "{}, {}",
                cluster.endpoint(),
                count(jobs.len(), "job")
            )),
        )),
        Err(error) => lines.push(line(format!("cluster {name}"), Err(error.to_string()))),
    }
    if let Ok(jobs) = &jobs {
        // Where some can be listed, what can't is said apart.
        lines.extend(
            cluster
                .problems()
                .iter()
                .filter(|_| !jobs.is_empty())
                .map(|problem| line(format!("list in {name}"), Err(problem.error.to_string()))),
        );
    }
    let rights = match cluster.missing_rights().await {
        Err(error) => Err(error.to_string()),
        Ok(missing) if missing.is_empty() => Ok("all that are needed".to_string()),
        Ok(missing) => Err(format!(
            "{}: apply what `plimsoll rbac --cluster {name}` prints",
            missing.join("; ")
        )),
    };
    lines.push(line(format!("rights in {name}"), rights));
    lines.push(reach(name, cluster, &jobs.unwrap_or_default()).await);
    lines
}

/// Tries the way to one job that should be running.
async fn reach(name: &str, cluster: &KubernetesCluster, jobs: &[JobKey]) -> Line {
    let what = format!("reach in {name}");
    let runs = |job: &&JobKey| {
        cluster.resource(job).is_some_and(|resource| {
            matches!(resource.role, Role::Application | Role::SessionJob)
                && resource.job_state.as_deref() == Some("RUNNING")
        })
    };
    match jobs.iter().find(runs) {
        None => line(what, Ok("not tried: no job is running".to_string())),
        Some(job) => {
            let look = cluster.observe(job, None).await;
            let told = |text: String| format!("tried on {}: {text}", job.short());
            line(
                what,
                seen(look, "the JobManager does not answer")
                    .map(told)
                    .map_err(told),
            )
        }
    }
}
