//! Which field of a deployment is in force, and what its change sets off.

use plimsoll::flink::deployment::{Deployment, Kind, Mode};
use plimsoll::flink::in_force::Effect;
use serde_json::{Value, json};

fn deployment(spec: Value) -> Deployment {
    let value = json!({
        "apiVersion": "flink.apache.org/v1beta1", "kind": "FlinkDeployment",
        "metadata": {"name": "job", "namespace": "lab", "annotations": {"plimsoll.dev/tier": " gold "}},
        "spec": spec,
    });
    Deployment::from_value(&value).expect("a FlinkDeployment")
}

#[test]
fn memory_comes_from_the_first_field_that_counts() {
    for (spec, mib, path) in [
        (
            json!({"taskManager": {"resource": {"memory": "2048m"}}}),
            2048.0,
            "spec.taskManager.resource.memory",
        ),
        (
            json!({"taskManager": {"resource": {"memory": 1073741824}}}),
            1024.0,
            "spec.taskManager.resource.memory",
        ),
        (
            json!({"taskManager": {"resource": {"memory": "2g"}, "resources": {"requests": {"memory": "3g"}, "limits": {"memory": "4g"}}}}),
            3072.0,
            "spec.taskManager.resources.requests.memory",
        ),
        (
            json!({"taskManager": {"resource": {"memory": "2g"}, "resources": {"limits": {"memory": "4Gi"}}}}),
            4096.0,
            "spec.taskManager.resources.limits.memory",
        ),
        (
            json!({"taskManager": {"resource": {"memory": "2g"}, "resources": {}}}),
            2048.0,
            "spec.taskManager.resource.memory",
        ),
        (
            json!({"flinkConfiguration": {"taskmanager": {"memory": {"process.size": "5g"}}}}),
            5120.0,
            "spec.flinkConfiguration[\"taskmanager.memory.process.size\"]",
        ),
        (
            json!({"flinkConfiguration": {"taskmanager.memory.process.size": "5g"}, "taskManager": {"resources": {"requests": {"cpu": 1}}, "resource": {"memory": "2g"}}}),
            5120.0,
            "spec.flinkConfiguration[\"taskmanager.memory.process.size\"]",
        ),
    ] {
        let found = deployment(spec)
            .task_manager_memory()
            .expect("size")
            .expect("memory");
        assert_eq!(found.value.mib(), mib);
        assert_eq!(found.path.expect("path").to_string(), path);
    }
    assert_eq!(deployment(json!({})).task_manager_memory(), Ok(None));
    let broken = deployment(json!({"taskManager": {"resource": {"memory": "lots"}}}));
    let error = broken
        .task_manager_memory()
        .expect_err("no size")
        .to_string();
    assert!(error.contains("spec.taskManager.resource.memory") && error.contains("lots"));
}

#[test]
fn parallelism_comes_from_replicas_then_the_job_then_the_default() {
    let options = json!({"taskmanager.numberOfTaskSlots": "4", "parallelism.default": 7});
    for (spec, parallelism, path) in [
        (
            json!({"flinkConfiguration": options, "taskManager": {"replicas": 3}, "job": {"parallelism": 2}}),
            12,
            Some("spec.taskManager.replicas"),
        ),
        (
            json!({"flinkConfiguration": options, "job": {"parallelism": 2}}),
            2,
            Some("spec.job.parallelism"),
        ),
        (
            json!({"flinkConfiguration": options, "job": {"parallelism": 0}}),
            7,
            Some("spec.flinkConfiguration[\"parallelism.default\"]"),
        ),
        (json!({"job": {}}), 1, None),
    ] {
        let found = deployment(spec).parallelism().expect("parallelism");
        assert_eq!(found.value.get(), parallelism);
        assert_eq!(found.path.map(|path| path.to_string()).as_deref(), path);
    }
    let broken =
        deployment(json!({"flinkConfiguration": {"taskmanager.numberOfTaskSlots": "two"}}));
    assert!(broken.slots().is_err());
}

#[test]
fn cores_default_to_slots_and_keep_their_text() {
    let spec = json!({"flinkConfiguration": {"taskmanager.numberOfTaskSlots": 3}});
    let found = deployment(spec).task_manager_cpu().expect("cpu");
    assert_eq!((found.value.millicores(), found.path), (3000, None));
    let spec = json!({"taskManager": {"resources": {"requests": {"cpu": "1500m"}}}});
    let found = deployment(spec).task_manager_cpu().expect("cpu");
    assert_eq!(
        (found.value.millicores(), found.text.as_str()),
        (1500, "1500m")
    );
    let spec = json!({"flinkConfiguration": {"kubernetes.taskmanager.cpu": "2", "kubernetes.taskmanager.cpu.amount": "2.5"}});
    assert_eq!(
        deployment(spec)
            .task_manager_cpu()
            .expect("cpu")
            .value
            .millicores(),
        2500
    );
}

#[test]
fn overrides_and_autoscaler_in_both_spellings() {
    let spec =
        json!({"flinkConfiguration": {"pipeline.jobvertex-parallelism-overrides": "aa:2,bb:4"}});
    let found = deployment(spec)
        .vertex_parallelism_overrides()
        .expect("map")
        .expect("set");
    assert_eq!(found.value.get("bb").map(|size| size.get()), Some(4));
    assert_eq!(found.text, "aa:2,bb:4");
    for (options, enabled, tuning) in [
        (json!({}), false, false),
        (json!({"job.autoscaler.enabled": true}), true, false),
        (
            json!({"kubernetes.operator.job.autoscaler.enabled": "true", "kubernetes.operator.job.autoscaler.memory.tuning.enabled": "true"}),
            true,
            true,
        ),
        (
            json!({"job.autoscaler.enabled": "false", "kubernetes.operator.job.autoscaler.enabled": "true"}),
            false,
            false,
        ),
        (
            json!({"job": {"autoscaler": {"enabled": true, "scaling.enabled": false}}}),
            false,
            false,
        ),
    ] {
        let found = deployment(json!({"flinkConfiguration": options}));
        assert_eq!(
            (found.autoscaler_enabled(), found.memory_tuning_enabled()),
            (enabled, tuning)
        );
    }
}

#[test]
fn effects_follow_the_operators_marks() {
    let native =
        deployment(json!({"job": {}, "flinkConfiguration": {"jobmanager.scheduler": "adaptive"}}));
    let plain = deployment(json!({"job": {}}));
    let standalone = deployment(json!({"mode": "standalone", "job": {}}));
    assert_eq!(
        (native.mode, standalone.mode),
        (Mode::Native, Mode::Standalone)
    );
    let overrides = "spec.flinkConfiguration[\"pipeline.jobvertex-parallelism-overrides\"]";
    for (deployment, path, effect) in [
        (&native, "spec.job.parallelism", Effect::Upgrade),
        (&standalone, "spec.job.parallelism", Effect::Scale),
        (&standalone, "spec.taskManager.replicas", Effect::Scale),
        (&native, "spec.taskManager.resource.memory", Effect::Upgrade),
        (&native, "spec.job.upgradeMode", Effect::Ignored),
        (
            &native,
            "spec.flinkConfiguration[\"parallelism.default\"]",
            Effect::Ignored,
        ),
        (
            &native,
            "spec.flinkConfiguration[\"job.autoscaler.enabled\"]",
            Effect::Ignored,
        ),
        (
            &native,
            "spec.flinkConfiguration[\"kubernetes.operator.x\"]",
            Effect::Ignored,
        ),
        (
            &native,
            "spec.flinkConfiguration[\"taskmanager.numberOfTaskSlots\"]",
            Effect::Upgrade,
        ),
        (&native, overrides, Effect::Scale),
        (&plain, overrides, Effect::Upgrade),
        (&standalone, overrides, Effect::Upgrade),
        (&native, "metadata.labels.a", Effect::Ignored),
    ] {
        assert_eq!(
            deployment.effect_of(&path.parse().expect("path")),
            effect,
            "{path}"
        );
    }
}

#[test]
fn kinds_and_sessions() {
    assert!(deployment(json!({})).is_session_cluster());
    let foreign = json!({"apiVersion": "nextbreakpoint.com/v1", "kind": "FlinkDeployment"});
    assert!(Deployment::from_value(&foreign).is_err());
    let blue_green = json!({
        "apiVersion": "flink.apache.org/v1beta1", "kind": "FlinkBlueGreenDeployment", "metadata": {"name": "x"},
        "spec": {"template": {"spec": {"taskManager": {"resource": {"memory": "2g"}}, "job": {"args": ["a", 1]}}}},
    });
    let found = Deployment::from_value(&blue_green).expect("blue-green");
    assert_eq!(found.kind, Kind::FlinkBlueGreenDeployment);
    assert_eq!(found.job.as_ref().expect("job").args, ["a", "1"]);
    let memory = found.task_manager_memory().expect("size").expect("memory");
    assert_eq!(
        memory.path.expect("path").to_string(),
        "spec.template.spec.taskManager.resource.memory"
    );
    // Fields of the wrong type count as absent.
    let odd =
        deployment(json!({"taskManager": [], "job": "x", "flinkConfiguration": 3, "mode": 1}));
    assert!(odd.job.is_none() && odd.configuration.is_empty());
}
