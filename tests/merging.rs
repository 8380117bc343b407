//! What merging a change does, by the operator's own diff rules.

use plimsoll::flink::deployment::Deployment;
use plimsoll::manifest::Change;
use plimsoll::plan::{MergeKind, merge_effect};
use plimsoll::recommend::Size;
use plimsoll::snapshot::{Checkpoints, History, JobKey, JobKind, JobState, Snapshot};
use serde_json::{Value, json};

const OVERRIDES: &str = "pipeline.jobvertex-parallelism-overrides";

fn deployment(mode: &str, version: &str, options: Value) -> Deployment {
    Deployment::from_value(&json!({
        "apiVersion": "flink.apache.org/v1beta1",
        "kind": "FlinkDeployment",
        "metadata": { "name": "orders", "namespace": "shop" },
        "spec": {
            "flinkVersion": version, "mode": mode, "flinkConfiguration": options,
            "taskManager": { "resource": { "memory": "4096m", "cpu": 2 } },
            "job": { "jarURI": "local:///a.jar", "parallelism": 8, "upgradeMode": "savepoint" },
        },
    }))
    .unwrap()
}

fn history() -> History {
    let job = JobKey {
        cluster: "test".into(),
        kind: JobKind::Deployment,
        namespace: "shop".into(),
        name: "orders".into(),
    };
    let mut seen = Snapshot::new(job.clone(), 1_000_000, JobState::Running);
    seen.flink_version = Some("1.20.5".into());
    seen.vertices = serde_json::from_value(json!([
        { "id": "a", "name": "Source", "parallelism": 8, "running": true, "source_partitions": 12 },
        { "id": "b", "name": "Work", "parallelism": 8, "max_parallelism": 128, "running": true,
          "inputs": [{ "vertex": "a", "ship_strategy": "HASH" }] },
    ]))
    .unwrap();
    seen.checkpoints = Some(Checkpoints {
        latest_completed_at_ms: Some(940_000),
        latest_state_bytes: Some(5 << 20),
        latest_savepoint_at_ms: Some(400_000),
        latest_savepoint_bytes: Some(7 << 20),
        ..Checkpoints::default()
    });
    History {
        latest: Some(seen.clone()),
        latest_running: Some(seen),
        ..History::empty(job)
    }
}

fn size(parallelism: u32, task_managers: u32) -> Size {
    Size {
        parallelism,
        task_managers,
        slots_per_task_manager: 4,
        memory_bytes: 4096 << 20,
        cpu_millis: 2000,
        ..Size::default()
    }
}

#[test]
fn merging_restarts_rescales_or_does_nothing() {
    let adaptive = json!({ "jobmanager.scheduler": "adaptive" });
    let forbidden = json!({
        "jobmanager.scheduler": "adaptive",
        "kubernetes.operator.job.upgrade.inplace-scaling.enabled": "false",
    });
    let reactive = json!({ "scheduler-mode": "reactive" });
    let memory = "taskmanager.memory.managed.fraction";
    // mode, version, configuration, changed options (or the job's parallelism), what merging does
    let table: [(&str, &str, &Value, &[&str], MergeKind); 10] = [
        (
            "native",
            "v1_20",
            &adaptive,
            &[OVERRIDES],
            MergeKind::InPlace,
        ),
        (
            "native",
            "v1_18",
            &adaptive,
            &[OVERRIDES],
            MergeKind::InPlace,
        ),
        (
            "native",
            "v1_17",
            &adaptive,
            &[OVERRIDES],
            MergeKind::Restart,
        ),
        (
            "native",
            "v1_20",
            &json!({}),
            &[OVERRIDES],
            MergeKind::Restart,
        ),
        (
            "native",
            "v1_20",
            &forbidden,
            &[OVERRIDES],
            MergeKind::Restart,
        ),
        (
            "native",
            "v1_20",
            &adaptive,
            &[OVERRIDES, memory],
            MergeKind::Restart,
        ),
        (
            "native",
            "v1_20",
            &adaptive,
            &["parallelism"],
            MergeKind::Restart,
        ),
        (
            "standalone",
            "v1_20",
            &reactive,
            &["parallelism"],
            MergeKind::InPlace,
        ),
        (
            "standalone",
            "v1_20",
            &json!({}),
            &["parallelism"],
            MergeKind::Restart,
        ),
        (
            "native",
            "v1_20",
            &json!({}),
            &["job.autoscaler.utilization.target"],
            MergeKind::Nothing,
        ),
    ];
    for (mode, version, options, changed, expected) in table {
        let deployment = deployment(mode, version, options.clone());
        let changes: Vec<Change> = changed
            .iter()
            .map(|option| Change {
                path: match *option {
                    "parallelism" => deployment.spec_field(&["job", "parallelism"]),
                    option => deployment.option_field(option),
                },
                value: json!("1"),
            })
            .collect();
        let effect = merge_effect(&deployment, &changes, &size(8, 2), &history(), 1_000_000);
        assert_eq!(
            effect.kind, expected,
            "{mode} {version} {options} {changed:?}"
        );
        assert_eq!(effect.restarts, expected == MergeKind::Restart);
    }
}

#[test]
fn merging_tells_what_would_spare_the_restart() {
    let table = [
        ("v1_20", json!({}), Some("jobmanager.scheduler: adaptive")),
        (
            "v1_20",
            json!({ "jobmanager.scheduler": "adaptive" }),
            Some("in place"),
        ),
        ("v1_17", json!({}), Some("1.18")),
    ];
    for (version, options, says) in table {
        let deployment = deployment("native", version, options);
        let change = |path| Change {
            path,
            value: json!(4),
        };
        let parallelism = change(deployment.spec_field(&["job", "parallelism"]));
        let memory = change(deployment.spec_field(&["taskManager", "resource", "memory"]));
        let effect = |changes: &[Change]| {
            merge_effect(&deployment, changes, &size(4, 1), &history(), 1_000_000).in_place
        };
        let said = effect(std::slice::from_ref(&parallelism));
        assert_eq!(
            said.as_ref().map(|said| said.contains(says.unwrap_or(""))),
            says.map(|_| true),
            "{version} {said:?}"
        );
        assert_eq!(
            effect(&[parallelism, memory]),
            None,
            "memory needs the restart anyway"
        );
    }
}

#[test]
fn merging_counts_slots_partitions_key_groups_and_times() {
    let deployment = deployment("native", "v1_20", json!({}));
    let change = Change {
        path: deployment.spec_field(&["job", "parallelism"]),
        value: json!(5),
    };
    let effect = |parallelism, task_managers| {
        let size = size(parallelism, task_managers);
        merge_effect(
            &deployment,
            std::slice::from_ref(&change),
            &size,
            &history(),
            1_000_000,
        )
    };
    // parallelism, TaskManagers of 4 slots, slots left, partitions, key groups
    let table = [
        (4, 1, Some(0), "3 each", "evenly over 4"),
        (5, 2, Some(3), "2 to 3 each", "25 to 26 key groups"),
        (16, 4, Some(0), "4 of them read nothing", "evenly over 16"),
        (8, 1, None, "1 to 2 each", "evenly over 8"),
    ];
    for (parallelism, managers, left, partitions, groups) in table {
        let effect = effect(parallelism, managers);
        assert_eq!(effect.slots_left, left, "{parallelism}");
        assert!(
            effect.partitions.unwrap().contains(partitions),
            "{parallelism}"
        );
        assert!(effect.key_groups.unwrap().contains(groups), "{parallelism}");
        assert_eq!(effect.savepoint_at_ms, Some(400_000));
        assert_eq!(effect.savepoint_bytes, Some(7 << 20));
        assert_eq!(effect.restore_at_ms, Some(940_000));
        assert_eq!(effect.data_loss, None);
    }
}
