//! The operator's autoscaler is on, and its overrides do not run or its metrics are missing.

use super::profile::{Unit, Verdict, VerdictId};
use super::window::{Window, signal};
use crate::snapshot::{JobState, Snapshot};
use std::collections::BTreeMap;

/// The operator acts upon an override within its reconcile interval and a restart; what still differs after this is not under way.
const SETTLED_MS: i64 = 15 * 60_000;
const OVERRIDES: &str = "pipeline.jobvertex-parallelism-overrides";

pub(super) fn judge(window: &Window<'_>) -> Option<Verdict> {
    let latest = window.latest?;
    if !is_on(latest) || latest.state != JobState::Running {
        return None;
    }
    let overrides = overrides(latest);
    let settled = latest
        .running_since_ms
        .is_none_or(|since| latest.taken_at_ms.saturating_sub(since) >= SETTLED_MS);
    let otherwise = window
        .vertices
        .iter()
        .filter(|vertex| {
            overrides
                .get(&vertex.id)
                .is_some_and(|wanted| *wanted != vertex.parallelism)
        })
        .count();
    let unseen = window
        .vertices
        .iter()
        .filter(|vertex| {
            window
                .vertex_series(&vertex.id, |seen| seen.busy_max.or(seen.busy))
                .quantile(0.5)
                .is_none()
        })
        .count();
    if !(settled && otherwise > 0) && (unseen == 0 || window.points.is_empty()) {
        return None;
    }
    Some(Verdict {
        id: VerdictId::AutoscalerInert,
        vertex: None,
        signals: vec![
            signal(
                "vertices that run otherwise than overridden",
                otherwise as f64,
                Unit::Count,
                1.0,
            ),
            signal(
                "vertices with an override",
                overrides.len() as f64,
                Unit::Count,
                None,
            ),
            signal(
                "vertices without a busy time",
                unseen as f64,
                Unit::Count,
                1.0,
            ),
        ],
    })
}

/// Whether the custom resource switches the autoscaler on, and lets it scale.
fn is_on(latest: &Snapshot) -> bool {
    let Some(resource) = latest.resource.as_deref() else {
        return false;
    };
    let option = |key: &str| {
        ["", "kubernetes.operator."]
            .iter()
            .find_map(|prefix| {
                resource
                    .spec
                    .get(&format!("spec.flinkConfiguration.{prefix}{key}"))
            })
            .map(|text| text.trim().eq_ignore_ascii_case("true"))
    };
    option("job.autoscaler.enabled") == Some(true)
        && option("job.autoscaler.scaling.enabled") != Some(false)
}

/// Parallelism by vertex as the resource, or the JobManager's configuration, overrides it.
fn overrides(latest: &Snapshot) -> BTreeMap<String, u32> {
    let spec = latest.resource.as_deref().and_then(|resource| {
        resource
            .spec
            .get(&format!("spec.flinkConfiguration.{OVERRIDES}"))
    });
    let text = latest.configuration.get(OVERRIDES).or(spec);
    text.into_iter()
        .flat_map(|text| text.split(','))
        .filter_map(|pair| {
            let (vertex, parallelism) = pair.split_once(':')?;
            Some((vertex.trim().to_owned(), parallelism.trim().parse().ok()?))
        })
        .collect()
}
