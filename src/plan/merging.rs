//! What merging a change does, from the operator's own rules and what was observed.

use super::item::MergeEffect;
use crate::flink::deployment::Deployment;
use crate::flink::in_force::Effect;
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
    let restarts = changes
        .iter()
        .any(|change| deployment.effect_of(&change.path) == Effect::Upgrade);
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
        restarts,
        restore_age_ms: if stateless {
            None
        } else {
            restore_at.map(|at| now_ms.saturating_sub(at).max(0))
        },
        restore_bytes: if stateless { None } else { state_bytes },
        pause_ms: pauses(history),
        data_loss,
        key_groups: key_groups(history, proposed),
        upgrade_mode,
    }
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

fn key_groups(history: &History, proposed: &Size) -> Option<String> {
    let vertices = &history.latest_running.as_ref()?.vertices;
    let keyed = vertices.iter().filter(|vertex| {
        vertex
            .inputs
            .iter()
            .any(|input| input.ship_strategy.eq_ignore_ascii_case("HASH"))
    });
    let widest = keyed.filter_map(|vertex| vertex.max_parallelism).max()?;
    let parallelism = proposed.parallelism.max(1);
    if widest.is_multiple_of(parallelism) {
        Some(format!(
            "its maxParallelism {widest} spreads evenly over {parallelism}."
        ))
    } else {
        let (most, fewest) = (widest.div_ceil(parallelism), widest / parallelism);
        Some(format!(
            "its maxParallelism {widest} over {parallelism} subtasks: {fewest} to {most} key groups each."
        ))
    }
}
