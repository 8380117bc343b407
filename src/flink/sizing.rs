//! Which fields size a job: the one list that everything goes by that keeps, compares or shows them.

use super::deployment::Deployment;
use super::field_path::FieldPath;

/// Fields below the Flink spec that size a job's TaskManagers.
pub const FIELDS: [&str; 8] = [
    "job.parallelism",
    "taskManager.replicas",
    "taskManager.resource.memory",
    "taskManager.resource.cpu",
    "taskManager.resources.requests.memory",
    "taskManager.resources.requests.cpu",
    "taskManager.resources.limits.memory",
    "taskManager.resources.limits.cpu",
];

/// Fields below the Flink spec that size its JobManager.
pub const JOB_MANAGER: [&str; 7] = [
    "jobManager.replicas",
    "jobManager.resource.memory",
    "jobManager.resource.cpu",
    "jobManager.resources.requests.memory",
    "jobManager.resources.requests.cpu",
    "jobManager.resources.limits.memory",
    "jobManager.resources.limits.cpu",
];

/// Flink options that size a job.
const OPTIONS: [&str; 9] = [
    "parallelism.default",
    "pipeline.jobvertex-parallelism-overrides",
    "taskmanager.numberOfTaskSlots",
    "taskmanager.cpu.cores",
    "kubernetes.taskmanager.cpu",
    "kubernetes.taskmanager.cpu.amount",
    "kubernetes.taskmanager.cpu.limit-factor",
    "kubernetes.taskmanager.memory.limit-factor",
    "kubernetes.taskmanager.replicas",
];

/// The same by the begin of their key: pools of memory, and overrides that are written as a mapping.
const FAMILIES: [&str; 2] = [
    "taskmanager.memory.",
    "pipeline.jobvertex-parallelism-overrides.",
];

/// Whether a Flink option sizes a job: parallelism, slots, cores, memory and its pools.
pub fn is_sizing_option(option: &str) -> bool {
    let of_family = |family: &&str| option.len() > family.len() && option.starts_with(*family);
    OPTIONS.contains(&option) || FAMILIES.iter().any(of_family)
}

impl Deployment {
    /// The paths of all fields that size the job: those that may be in its spec, and the options that it sets.
    pub fn sizing_paths(&self) -> Vec<FieldPath> {
        let fields = FIELDS
            .iter()
            .map(|field| self.spec_field(&field.split('.').collect::<Vec<_>>()));
        let options = self.configuration.keys();
        let options = options.filter(|option| is_sizing_option(option));
        fields
            .chain(options.map(|option| self.option_field(option)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flink::options;
    use serde_json::json;

    #[test]
    fn every_pool_of_memory_sizes_a_job_and_the_job_manager_does_not() {
        let pools = [
            options::PROCESS_SIZE.key,
            options::TASK_SLOTS.key,
            "taskmanager.memory.managed.fraction",
            "taskmanager.memory.task.off-heap.size",
            "taskmanager.memory.jvm-overhead.max",
            "kubernetes.taskmanager.cpu.limit-factor",
        ];
        for option in pools {
            assert!(is_sizing_option(option), "{option}");
        }
        for option in [
            "jobmanager.memory.process.size",
            "state.backend.type",
            "taskmanager.memory",
            "taskmanager.memory.",
            "kubernetes.taskmanager.cpu.else",
            "pipeline.max-parallelism",
        ] {
            assert!(!is_sizing_option(option), "{option}");
        }
    }

    #[test]
    fn the_paths_are_those_of_the_spec_and_of_the_options_that_are_set() {
        let deployment = Deployment::from_value(&json!({
            "apiVersion": "flink.apache.org/v1beta1", "kind": "FlinkDeployment", "metadata": {"name": "x"},
            "spec": {"flinkConfiguration": {"taskmanager.memory.managed.size": "1g", "s3.secret-key": "x"}},
        }))
        .unwrap();
        let paths: Vec<String> = deployment
            .sizing_paths()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(paths.len(), FIELDS.len() + 1);
        assert!(paths.contains(&"spec.job.parallelism".to_string()));
        assert!(
            paths.contains(
                &"spec.flinkConfiguration[\"taskmanager.memory.managed.size\"]".to_string()
            )
        );
    }
}
