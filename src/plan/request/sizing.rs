//! Which fields a change may set: those that size a job, and nothing else of its manifest.

use crate::flink::deployment::Deployment;
use crate::flink::field_path::FieldPath;
use crate::flink::sizing::{FIELDS, is_sizing_option};

/// Options that a change may set beside those that size a job, by the begin of their key: what the operator's autoscaler plans with.
const FAMILIES: [&str; 2] = ["job.autoscaler.", "kubernetes.operator.job.autoscaler."];

/// Whether a field of a deployment is one of those.
pub(super) fn is_sizing(deployment: &Deployment, path: &FieldPath) -> bool {
    if let Some(option) = path.option() {
        let of_family = |family: &&str| option.len() > family.len() && option.starts_with(*family);
        let known = is_sizing_option(option) || FAMILIES.iter().any(of_family);
        return known && *path == deployment.option_field(option);
    }
    let Some(below) = path.below(&deployment.kind.spec_path()) else {
        return false;
    };
    FIELDS.contains(&below.words().join(".").as_str())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    fn deployment(kind: &str) -> Deployment {
        Deployment::from_value(&json!({
            "apiVersion": "flink.apache.org/v1beta1", "kind": kind, "metadata": {"name": "j"},
            "spec": {"template": {"spec": {}}},
        }))
        .unwrap()
    }

    #[test]
    fn what_sizes_a_job_may_be_changed_and_nothing_else() {
        let plain = deployment("FlinkDeployment");
        for path in [
            "spec.job.parallelism",
            "spec.taskManager.resource.memory",
            "spec.taskManager.resources.limits.cpu",
            "spec.flinkConfiguration[\"taskmanager.memory.managed.size\"]",
            "spec.flinkConfiguration[\"job.autoscaler.utilization.target\"]",
        ] {
            assert!(is_sizing(&plain, &path.parse().unwrap()), "{path}");
        }
        for path in [
            "spec.image",
            "spec.job.jarURI",
            "spec.job.args",
            "spec.serviceAccount",
            "spec.podTemplate.spec.containers[0].image",
            "spec.taskManager.podTemplate.spec",
            "spec.jobManager.resource.memory",
            "spec.taskManager.resource",
            "metadata.namespace",
            "metadata.annotations[\"plimsoll.dev/mode\"]",
            "kind",
            "spec.flinkConfiguration[\"env.java.opts.all\"]",
            "spec.flinkConfiguration[\"taskmanager.memory.\"]",
            "spec.flinkConfiguration[\"kubernetes.container.image.ref\"]",
            "spec.template.spec.job.parallelism",
            "status.job.parallelism",
        ] {
            assert!(!is_sizing(&plain, &path.parse().unwrap()), "{path}");
        }
        let blue_green = deployment("FlinkBlueGreenDeployment");
        let inner = "spec.template.spec.job.parallelism".parse().unwrap();
        assert!(is_sizing(&blue_green, &inner));
    }
}
