//! A table of histories, each with the verdicts that must and must not hold.

use super::sample::{STEP_MS, at, history, one, seen, vertex};
use super::{Settings, VerdictId, classify};
use crate::snapshot::{History, Point};
use VerdictId::*;

fn bent(points: usize, bend: impl Fn(&mut Point)) -> History {
    let mut history = history(points);
    history.points.iter_mut().for_each(bend);
    history
}

/// Twenty-five hours of five minutes.
const DAY: usize = 300;

fn blocked_by_work(point: &mut Point, cores: f64) {
    *at(point, "source") = seen(0.05, 0.95, 900.0);
    *at(point, "work") = seen(0.98, 0.0, 900.0);
    point.task_managers.cpu_cores = one(cores);
    point.task_managers.cpu_cores_max = one(cores / 2.0);
}

fn check(
    name: &str,
    history: &History,
    must: &[VerdictId],
    must_not: &[VerdictId],
    bottleneck: Option<&str>,
) {
    let profile = classify(history, &Settings::default());
    let held: Vec<VerdictId> = profile.verdicts.iter().map(|verdict| verdict.id).collect();
    for id in must {
        assert!(held.contains(id), "{name}: {id} is missing among {held:?}");
    }
    for id in must_not {
        assert!(!held.contains(id), "{name}: {id} must not hold: {held:?}");
    }
    for verdict in &profile.verdicts {
        assert!(
            verdict.signals.len() >= 2,
            "{name}: {} has too few signals",
            verdict.id
        );
        assert!(
            verdict
                .signals
                .iter()
                .all(|signal| signal.value.is_finite()),
            "{name}: {}",
            verdict.id
        );
    }
    let found = profile.bottlenecks.first().map(|vertex| vertex.id.as_str());
    assert_eq!(found, bottleneck, "{name}");
    let order = |id: &VerdictId| VerdictId::ALL.iter().position(|known| known == id);
    assert!(
        held.windows(2)
            .all(|pair| order(&pair[0]) <= order(&pair[1])),
        "{name}: order {held:?}"
    );
}

#[test]
fn fitting_jobs_are_healthy() {
    check(
        "fits",
        &history(DAY),
        &[Healthy],
        &[OverprovisionedCpu, Idle, InsufficientHistory],
        None,
    );
    check(
        "short",
        &history(12),
        &[InsufficientHistory],
        &[Healthy, Blind],
        None,
    );
    check(
        "nothing",
        &history(0),
        &[InsufficientHistory],
        &[Healthy, Idle, Blind],
        None,
    );
}

#[test]
fn spare_resources_are_seen() {
    let small = bent(DAY, |point| {
        point.task_managers.cpu_cores = one(0.4);
        point.task_managers.cpu_cores_max = one(0.2);
        point.task_managers.heap_used = one(150.0 * 1024.0 * 1024.0);
        *at(point, "work") = seen(0.1, 0.0, 1000.0);
    });
    let all = [
        OverprovisionedCpu,
        OverprovisionedMemory,
        OverprovisionedSlots,
    ];
    check(
        "spare",
        &small,
        &all,
        &[Healthy, Idle, ExternalWait, CpuBound],
        None,
    );
    let empty = bent(DAY, |point| point.task_managers.slots_used = one(1.0));
    check(
        "empty slots",
        &empty,
        &[OverprovisionedSlots],
        &[Healthy],
        None,
    );
}

#[test]
fn garbage_is_no_live_memory() {
    let mut sawtooth = history(DAY);
    for (place, point) in sawtooth.points.iter_mut().enumerate() {
        let share = 0.2 + 0.55 * (place % 6) as f64 / 5.0;
        point.task_managers.heap_used = one(share * 1000.0 * 1024.0 * 1024.0);
    }
    check(
        "sawtooth",
        &sawtooth,
        &[OverprovisionedMemory],
        &[MemoryPressure],
        None,
    );
}

#[test]
fn computing_and_waiting_are_told_apart() {
    let computes = bent(DAY, |point| blocked_by_work(point, 3.6));
    check(
        "computes",
        &computes,
        &[CpuBound],
        &[ExternalWait, SinkBound, OverprovisionedCpu],
        Some("work"),
    );
    let waits = bent(DAY, |point| blocked_by_work(point, 0.1));
    check(
        "waits",
        &waits,
        &[ExternalWait],
        &[CpuBound, SinkBound, OverprovisionedCpu, Healthy],
        Some("work"),
    );
    let one_core = bent(DAY, |point| {
        blocked_by_work(point, 1.0);
        point.shape.cpu_millis = 500;
    });
    check(
        "throttled",
        &one_core,
        &[CpuBound],
        &[ExternalWait, OverprovisionedCpu],
        Some("work"),
    );
}

#[test]
fn a_sink_is_a_vertex_without_outputs() {
    let sink = bent(DAY, |point| {
        *at(point, "source") = seen(0.0, 0.99, 50.0);
        *at(point, "work") = seen(0.01, 0.99, 50.0);
        *at(point, "sink") = seen(1.0, 0.0, 50.0);
        point.task_managers.cpu_cores = one(0.1);
        point.task_managers.cpu_cores_max = one(0.06);
    });
    check(
        "sink",
        &sink,
        &[SinkBound],
        &[CpuBound, OverprovisionedCpu, Healthy],
        Some("sink"),
    );
    let hot = bent(DAY, |point| {
        *at(point, "source") = seen(0.0, 0.99, 50.0);
        *at(point, "work") = seen(0.01, 0.99, 50.0);
        *at(point, "sink") = seen(1.0, 0.0, 50.0);
        point.task_managers.cpu_cores = one(3.9);
        point.task_managers.cpu_cores_max = one(1.95);
    });
    check(
        "computing sink",
        &hot,
        &[CpuBound],
        &[SinkBound],
        Some("sink"),
    );
}

/// Measured on a real Flink: with little work of its own the vertex above a slow sink waits for records half of the time, and
/// for buffers the other half.
#[test]
fn a_vertex_that_is_held_back_in_bursts_passes_it_on() {
    let bursts = |source_held: f64, work_busy: f64| {
        bent(DAY, move |point| {
            *at(point, "source") = seen(0.0, source_held, 50.0);
            *at(point, "work") = seen(work_busy, 0.42_f64.min(1.0 - work_busy), 50.0);
            *at(point, "sink") = seen(0.98, 0.0, 50.0);
            point.task_managers.cpu_cores = one(0.1);
            point.task_managers.cpu_cores_max = one(0.06);
        })
    };
    let table = [
        ("passes on", 1.0, 0.0, Some("sink")),
        ("is the cause itself", 1.0, 0.85, Some("work")),
        ("nothing above is held back", 0.3, 0.0, None),
    ];
    for (name, source_held, work_busy, bottleneck) in table {
        let sink_bound = [SinkBound];
        let (must, must_not): (&[_], &[_]) = match bottleneck {
            Some("sink") => (&sink_bound, &[Healthy]),
            _ => (&[], &sink_bound),
        };
        check(
            name,
            &bursts(source_held, work_busy),
            must,
            must_not,
            bottleneck,
        );
    }
}

#[test]
fn each_branch_has_its_own_bottleneck() {
    let mut fork = bent(DAY, |point| blocked_by_work(point, 0.1));
    for snapshot in [fork.latest.as_mut(), fork.latest_running.as_mut()]
        .into_iter()
        .flatten()
    {
        snapshot.vertices.push(vertex("other", 4, &["source"]));
        snapshot.vertices.push(vertex("slow", 4, &["work"]));
    }
    for point in &mut fork.points {
        *at(point, "work") = seen(0.02, 0.98, 900.0);
        point.vertices.insert("other".into(), seen(0.9, 0.0, 900.0));
        point.vertices.insert("slow".into(), seen(0.95, 0.0, 900.0));
    }
    let profile = classify(&fork, &Settings::default());
    let found: Vec<&str> = profile
        .bottlenecks
        .iter()
        .map(|vertex| vertex.id.as_str())
        .collect();
    assert_eq!(found, ["other", "slow"]);
}

#[test]
fn one_hot_subtask_is_skew() {
    let skewed = bent(DAY, |point| {
        *at(point, "source") = seen(0.05, 0.95, 900.0);
        let mut work = seen(0.33, 0.0, 900.0);
        work.busy_max = one(1.0);
        work.busy_median = one(0.1);
        work.in_skew = one(3.0);
        *at(point, "work") = work;
        point.task_managers.cpu_cores = one(0.5);
        point.task_managers.cpu_cores_max = one(0.4);
    });
    check(
        "hot key",
        &skewed,
        &[Skewed],
        &[OverprovisionedCpu, Healthy],
        Some("work"),
    );
}

#[test]
fn sources_without_partitions_are_bound() {
    let mut bound = bent(DAY, |point| {
        let mut source = seen(0.5, 0.0, 400.0);
        source.busy_max = one(1.0);
        source.busy_median = one(0.5);
        source.pending = one(100_000.0);
        source.partitions = Some(2);
        *at(point, "source") = source;
        *at(point, "work") = seen(0.02, 0.0, 400.0);
        point.task_managers.cpu_cores = one(0.5);
        point.task_managers.cpu_cores_max = one(0.4);
    });
    for snapshot in [bound.latest.as_mut(), bound.latest_running.as_mut()]
        .into_iter()
        .flatten()
    {
        snapshot.vertices[0].source_partitions = Some(2);
    }
    check(
        "partitions",
        &bound,
        &[SourceBound],
        &[CpuBound, SinkBound, Skewed, Healthy],
        Some("source"),
    );
}

#[test]
fn memory_checkpoints_restarts() {
    let full = bent(DAY, |point| {
        point.task_managers.heap_used = one(900.0 * 1024.0 * 1024.0)
    });
    check(
        "full heap",
        &full,
        &[MemoryPressure],
        &[OverprovisionedMemory, Healthy],
        None,
    );
    let collecting = bent(DAY, |point| point.task_managers.gc_share = one(0.2));
    check(
        "collecting",
        &collecting,
        &[MemoryPressure],
        &[OverprovisionedMemory],
        None,
    );
    let mut killed = history(DAY);
    killed.points[200].out_of_memory = 1;
    check(
        "killed",
        &killed,
        &[MemoryPressure],
        &[Unstable, Healthy],
        None,
    );
    let failing = bent(DAY, |point| point.checkpoints.failed = 2);
    check(
        "failing checkpoints",
        &failing,
        &[CheckpointThrash],
        &[Healthy, Unstable],
        None,
    );
    let slow = bent(DAY, |point| point.checkpoints.duration_ms = one(45_000.0));
    check(
        "slow checkpoints",
        &slow,
        &[CheckpointThrash],
        &[Healthy],
        None,
    );
    let mut restarting = history(DAY);
    for place in [100, 150, 200] {
        restarting.points[place].restarts = 1;
        restarting.points[place].checkpoints.failed = 1;
    }
    check(
        "restarts",
        &restarting,
        &[Unstable],
        &[CheckpointThrash, Healthy],
        None,
    );
}

#[test]
fn silence_is_idle_and_missing_is_blind() {
    let silent = bent(DAY, |point| {
        for id in ["source", "work", "sink"] {
            *at(point, id) = seen(0.005, 0.0, 0.0);
        }
        point.task_managers.cpu_cores = one(0.05);
    });
    check(
        "silent",
        &silent,
        &[Idle],
        &[Healthy, Blind, ExternalWait],
        None,
    );
    let blind = bent(DAY, |point| {
        point.task_managers.cpu_cores = None;
        point.task_managers.cpu_cores_max = None;
    });
    check(
        "no CPU",
        &blind,
        &[Blind],
        &[Healthy, OverprovisionedCpu, Idle],
        None,
    );
}

#[test]
fn the_present_size_is_judged() {
    let mut resized = bent(DAY, |point| blocked_by_work(point, 3.6));
    for point in resized.points.iter_mut().skip(DAY - 40) {
        *at(point, "source") = seen(0.3, 0.0, 1000.0);
        *at(point, "work") = seen(0.5, 0.0, 1000.0);
        point.shape.task_managers = 4;
    }
    check("after a change", &resized, &[Healthy], &[CpuBound], None);
}

#[test]
fn absurd_values_make_no_verdict() {
    let mut absurd = history(3);
    for point in &mut absurd.points {
        point.to_ms = point.from_ms;
        point.task_managers.heap_max = Some(0.0);
        point.shape.cpu_millis = 0;
        point.task_managers.cpus_seen = Some(0.0);
        point.vertices.clear();
    }
    check(
        "absurd",
        &absurd,
        &[InsufficientHistory, Blind],
        &[Healthy, Idle],
        None,
    );
    assert_eq!(STEP_MS, 300_000);
}

#[test]
fn lag_that_does_not_fall_is_behind_and_bars_every_shrink() {
    use super::Resource;
    // Waiting at the beginning of the last hour and at its end; 1,000 records/s are read.
    let table = [
        ("within the limit", 100_000.0, 100_000.0, false),
        ("stands above it", 200_000.0, 200_000.0, true),
        ("grows", 200_000.0, 400_000.0, true),
        (
            "falls too slowly to be gone within ten hours",
            2_000_000.0,
            1_990_000.0,
            true,
        ),
        ("falls", 400_000.0, 200_000.0, false),
    ];
    for (name, begin, end, behind) in table {
        let mut history = history(DAY);
        let from = DAY - 12;
        for (place, point) in history.points.iter_mut().enumerate() {
            let share = place.saturating_sub(from) as f64 / 12.0;
            at(point, "source").pending = one(begin + (end - begin) * share);
        }
        let profile = classify(&history, &Settings::default());
        assert_eq!(profile.has(FallingBehind), behind, "{name}");
        for resource in Resource::ALL {
            assert_eq!(
                profile.bar(resource).is_some(),
                behind,
                "{name}: {resource:?}"
            );
        }
    }
    let silent = bent(DAY, |point| at(point, "source").pending = None);
    check("no lag told", &silent, &[], &[FallingBehind], None);
}

#[test]
fn native_memory_that_grows_bars_a_smaller_process() {
    use super::Resource;
    const MIB: f64 = 1024.0 * 1024.0;
    let bars = |native: &dyn Fn(usize) -> Option<f64>| {
        let mut history = history(DAY);
        for (place, point) in history.points.iter_mut().enumerate() {
            // Heap, non-heap and direct memory explain 1,190 MiB.
            let used = native(place).map(|native| (1_190.0 + native) * MIB);
            point.task_managers.container_used = used.and_then(one);
            point.task_managers.container_limit = Some(4096.0 * MIB);
        }
        let profile = classify(&history, &Settings::default());
        let bar = profile.bar(Resource::Process).map(|bar| bar.code.clone());
        assert_eq!(profile.bar(Resource::Slots), None);
        bar
    };
    assert_eq!(
        bars(&|place| Some(100.0 + place as f64)).as_deref(),
        Some("native-growth")
    );
    assert_eq!(bars(&|place| Some(100.0 + (place % 20) as f64)), None);
    assert_eq!(bars(&|_| None), None);
}

#[test]
fn an_autoscaler_whose_overrides_do_not_run_is_inert() {
    use crate::snapshot::{LiveResource, Role};
    let with = |enabled: &str, overrides: &str| {
        let mut history = history(DAY);
        let mut resource = LiveResource::new(Role::Application, "flink.apache.org/v1beta1");
        for (key, value) in [
            ("job.autoscaler.enabled", enabled),
            ("pipeline.jobvertex-parallelism-overrides", overrides),
        ] {
            let path = format!("spec.flinkConfiguration.{key}");
            resource.spec.insert(path, value.to_owned());
        }
        for look in [history.latest.as_mut(), history.latest_running.as_mut()]
            .into_iter()
            .flatten()
        {
            look.resource = Some(Box::new(resource.clone()));
        }
        history
    };
    let inert = [AutoscalerInert];
    check(
        "runs otherwise",
        &with("true", "work:8,sink:4"),
        &inert,
        &[Healthy],
        None,
    );
    check(
        "runs as overridden",
        &with("true", "work:4"),
        &[Healthy],
        &inert,
        None,
    );
    check(
        "decided nothing",
        &with("true", ""),
        &[Healthy],
        &inert,
        None,
    );
    check("off", &with("false", "work:8"), &[Healthy], &inert, None);
}
