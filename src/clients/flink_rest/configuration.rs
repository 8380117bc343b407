//! The options in force that sizing depends on. An allow-list: a configuration can hold secrets.

use super::answers::{List, Object, Text};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Options kept, by their whole name.
const OPTIONS: [&str; 32] = [
    "taskmanager.numberOfTaskSlots",
    "taskmanager.cpu.cores",
    "parallelism.default",
    "pipeline.max-parallelism",
    "pipeline.jobvertex-parallelism-overrides",
    "jobmanager.scheduler",
    "scheduler-mode",
    "execution.target",
    "state.backend",
    "state.backend.type",
    "state.backend.incremental",
    "state.backend.rocksdb.memory.managed",
    "state.backend.rocksdb.memory.fixed-per-slot",
    "execution.checkpointing.interval",
    "execution.checkpointing.timeout",
    "execution.checkpointing.min-pause",
    "execution.checkpointing.unaligned",
    "execution.checkpointing.unaligned.enabled",
    "execution.checkpointing.incremental",
    "execution.checkpointing.max-concurrent-checkpoints",
    "execution.checkpointing.tolerable-failed-checkpoints",
    "kubernetes.taskmanager.cpu",
    "kubernetes.taskmanager.cpu.amount",
    "kubernetes.taskmanager.cpu.limit-factor",
    "kubernetes.taskmanager.memory.limit-factor",
    "kubernetes.jobmanager.cpu",
    "kubernetes.jobmanager.cpu.amount",
    "kubernetes.jobmanager.cpu.limit-factor",
    "kubernetes.jobmanager.memory.limit-factor",
    "metrics.fetcher.update-interval",
    super::latency::INTERVAL,
    "restart-strategy.type",
];

/// Options kept by their beginning.
const FAMILIES: [&str; 5] = [
    "taskmanager.memory.",
    "jobmanager.memory.",
    "jobmanager.adaptive-scheduler.",
    "cluster.fine-grained-resource-management.",
    "slotmanager.number-of-slots.",
];

/// Options that are read of one JobManager.
const MOST_OPTIONS: usize = 10_000;

/// `/jobmanager/config`
pub(super) type Options = List<Object<Setting>, MOST_OPTIONS>;

/// An option as Flink writes it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Setting {
    key: Text,
    value: Text,
}

/// Whether a document is what `/jobmanager/config` answers.
pub(super) fn is_list_of_options(options: &Options) -> bool {
    options.is_given() && options.iter().all(|option| option.key.as_str().is_some())
}

/// The options that are kept.
pub(super) fn kept(options: &Options) -> BTreeMap<String, String> {
    options
        .iter()
        .filter_map(|option| Some((option.key.text()?, option.value.text()?)))
        .filter(|(key, _)| {
            OPTIONS.contains(&key.as_str()) || FAMILIES.iter().any(|family| key.starts_with(family))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn secrets_are_never_kept() {
        let document: Options = serde_json::from_value(json!([
            {"key": "s3.secret-key", "value": "hunter2"},
            {"key": "taskmanager.memory.process.size", "value": "4g"},
            {"key": "env.java.opts.all", "value": "-Dpassword=x"},
            {"key": "taskmanager.numberOfTaskSlots", "value": "2"}]))
        .expect("options");
        let kept = kept(&document);
        assert_eq!(
            kept.keys().collect::<Vec<_>>(),
            [
                "taskmanager.memory.process.size",
                "taskmanager.numberOfTaskSlots"
            ]
        );
    }
}
