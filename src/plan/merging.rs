//! What merging a change does, from the operator's own rules and what was observed.

use super::arithmetic::{key_groups, partitions, slots_left};
use super::item::{MergeEffect, MergeKind};
use crate::flink::deployment::{Deployment, Kind, Mode};
use crate::flink::field_path::FieldPath;
use crate::flink::in_force::{Effect, OVERRIDES};
use crate::flink::options::{SCHEDULER, SCHEDULER_MODE};
use crate::flink::version::FlinkVersion;
use crate::manifest::Change;
use crate::recommend::Size;
use crate::snapshot::History;

/// What the operator does once the changes are applied.
pub fn effect(
    deployment: &Deployment,
    changes: &[Change],
    proposed: &Size,
    history: &History,
    now_ms: i64,
) -> MergeEffect {
    let kind = kind(deployment, changes, history);
    let restarts = kind == MergeKind::Restart;
    let upgrade_mode = deployment
        .job
        .as_ref()
        .and_then(|job| job.upgrade_mode.clone());
    let checkpoints = history
        .latest_running
        .as_ref()
        .and_then(|snapshot| snapshot.checkpoints.as_ref());
    let restore_at =
        checkpoints.and_then(|seen| seen.latest_completed_at_ms.max(seen.latest_savepoint_at_ms));
    let state_bytes = checkpoints.and_then(|seen| seen.latest_state_bytes);
    let savepoint = checkpoints
        .and_then(|seen| Some((seen.latest_savepoint_at_ms?, seen.latest_savepoint_bytes)));
    let stateless = upgrade_mode
        .as_deref()
        .is_none_or(|mode| mode.eq_ignore_ascii_case("stateless"));
    let data_loss = (restarts && stateless).then(|| {
        let named = if upgrade_mode.is_some() { "upgradeMode is stateless" } else { "upgradeMode is not set, which means stateless" };
        match state_bytes.filter(|bytes| *bytes > 0) {
            Some(_) => format!("{named}: the restart drops the job's state, and sources start where their configuration says. Merge only if that is what each deployment of this job does."),
            None => format!("{named}: the job starts anew, and sources start where their configuration says."),
        }
    });
    MergeEffect {
        kind,
        restarts,
        savepoint_at_ms: savepoint.map(|(at, _)| at.min(now_ms)),
        savepoint_bytes: savepoint.and_then(|(_, bytes)| bytes),
        slots_left: slots_left(history, proposed),
        partitions: partitions(history, proposed),
        in_place: in_place(deployment, changes, history, kind),
        beside: beside(deployment, proposed, restarts),
        restore_at_ms: if stateless {
            None
        } else {
            restore_at.map(|at| at.min(now_ms))
        },
        restore_bytes: if stateless { None } else { state_bytes },
        pause_ms: pauses(history),
        data_loss,
        key_groups: key_groups(history, proposed),
        upgrade_mode,
    }
}

/// A blue-green deployment starts the new cluster while the old one still runs.
fn beside(deployment: &Deployment, proposed: &Size, restarts: bool) -> Option<String> {
    let blue_green = deployment.kind == Kind::FlinkBlueGreenDeployment && restarts;
    blue_green.then(|| {
        format!(
            "Blue-green: the operator starts the new cluster beside the old one and deletes that when the new one is ready, so both need room at once: {} TaskManagers more until then.",
            proposed.task_managers
        )
    })
}

/// Option that forbids the operator to rescale in place.
const IN_PLACE: &str = "kubernetes.operator.job.upgrade.inplace-scaling.enabled";
/// The first Flink whose adaptive scheduler takes new resource requirements from outside.
const FIRST_IN_PLACE: FlinkVersion = FlinkVersion {
    major: 1,
    minor: 18,
};

/// The strongest of what the changed fields set off. A field that only asks for a scaling ends in a full upgrade where the
/// operator cannot scale: vertex overrides without the adaptive scheduler, Flink 1.18 or its permission, and standalone
/// clusters that are not reactive.
fn kind(deployment: &Deployment, changes: &[Change], history: &History) -> MergeKind {
    let each = changes
        .iter()
        .map(|change| match deployment.effect_of(&change.path) {
            Effect::Ignored => MergeKind::Nothing,
            Effect::Upgrade => MergeKind::Restart,
            Effect::Scale if can_scale(deployment, &change.path, history) => MergeKind::InPlace,
            Effect::Scale => MergeKind::Restart,
        });
    each.max_by_key(|kind| match kind {
        MergeKind::Nothing => 0,
        MergeKind::InPlace => 1,
        MergeKind::Restart => 2,
    })
    .unwrap_or(MergeKind::Nothing)
}

fn can_scale(deployment: &Deployment, path: &FieldPath, history: &History) -> bool {
    if path.option().is_none() {
        let mode = deployment.configuration.get(SCHEDULER_MODE.key);
        return deployment.mode == Mode::Standalone
            && mode.is_some_and(|mode| mode.trim().eq_ignore_ascii_case("reactive"));
    }
    let permitted = deployment.configuration.get(IN_PLACE);
    let permitted = permitted.is_none_or(|text| !text.trim().eq_ignore_ascii_case("false"));
    permitted && version(deployment, history).is_some_and(|version| version >= FIRST_IN_PLACE)
}

fn version(deployment: &Deployment, history: &History) -> Option<FlinkVersion> {
    let seen = history.latest_running.as_ref();
    let seen = seen.and_then(|seen| seen.flink_version.as_deref());
    let written = deployment.flink_version.as_deref();
    written.or(seen).and_then(|text| text.parse().ok())
}

/// Where a restart comes of a parallelism alone: what would spare it.
fn in_place(
    deployment: &Deployment,
    changes: &[Change],
    history: &History,
    kind: MergeKind,
) -> Option<String> {
    let parallelism = |change: &Change| match change.path.option() {
        Some(option) => option.starts_with(OVERRIDES),
        None => change.path.words().ends_with(&["job", "parallelism"]),
    };
    if kind != MergeKind::Restart || changes.is_empty() || !changes.iter().all(parallelism) {
        return None;
    }
    let version = version(deployment, history)?;
    if version < FIRST_IN_PLACE {
        return Some(format!(
            "Flink {version} has no way to change a parallelism without a restart; 1.18 has."
        ));
    }
    if deployment.mode != Mode::Native {
        return None;
    }
    let scheduler = deployment.configuration.get(SCHEDULER.key);
    let adaptive = scheduler.is_some_and(|text| text.trim().eq_ignore_ascii_case("adaptive"));
    Some(if adaptive {
        format!("written as `{OVERRIDES}` it would be rescaled in place.")
    } else {
        format!(
            "with `jobmanager.scheduler: adaptive` and `{OVERRIDES}` it could be rescaled in place."
        )
    })
}

/// Shortest and longest pause around the restarts in the history: from the last point in which the job ran to the time since which it
/// runs again. Only as sharp as the time between two looks, so pauses inside one point are left out.
fn pauses(history: &History) -> Option<(i64, i64)> {
    let mut range: Option<(i64, i64)> = None;
    for pair in history.points.windows(2) {
        let (before, after) = (&pair[0], &pair[1]);
        let restarted =
            before.job_id != after.job_id || before.running_since_ms != after.running_since_ms;
        let Some(since) = after.running_since_ms else {
            continue;
        };
        let pause = since - before.to_ms;
        if restarted && pause > 0 && pause < 3_600_000 {
            range = Some(range.map_or((pause, pause), |(low, high)| {
                (low.min(pause), high.max(pause))
            }));
        }
    }
    range
}
