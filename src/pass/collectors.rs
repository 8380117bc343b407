//! What collectors add to a look.

use super::settings::Settings;
use super::side_by_side::sentence;
use crate::evaluate::plugin::{CollectAsk, CollectRequest, PROTOCOL};
use crate::ports::Plugins;
use crate::snapshot::{Gap, JobState, Snapshot};
use futures::{FutureExt, StreamExt};
use std::panic::AssertUnwindSafe;

/// Jobs about which plug-ins are asked at once.
const AT_ONCE: usize = 8;

/// Asks the collectors about each job that was seen running. What fails is a gap of that job, and is given back with its name.
pub(super) async fn collect(
    settings: &Settings,
    plugins: &Plugins,
    snapshots: &mut [Snapshot],
) -> Vec<String> {
    if settings.collectors.is_empty() {
        return Vec::new();
    }
    let running = snapshots
        .iter_mut()
        .filter(|snapshot| snapshot.state == JobState::Running);
    futures::stream::iter(running.map(|snapshot| collect_one(settings, plugins, snapshot)))
        .buffered(AT_ONCE)
        .concat()
        .await
}

async fn collect_one(
    settings: &Settings,
    plugins: &Plugins,
    snapshot: &mut Snapshot,
) -> Vec<String> {
    let mut gaps = Vec::new();
    for name in &settings.collectors {
        let Some(collector) = plugins.collectors.get(name) else {
            continue;
        };
        let request = CollectRequest {
            schema: PROTOCOL.to_string(),
            ask: CollectAsk::Collect,
            plugin: name.clone(),
            job: snapshot.job.clone(),
            at_ms: snapshot.taken_at_ms,
            job_id: snapshot.job_id.clone(),
            configuration: snapshot.configuration.clone(),
        };
        let asked = AssertUnwindSafe(collector.collect(&request));
        let failure = match asked.catch_unwind().await {
            Ok(Ok(answer)) => {
                gaps.extend(answer.add_to(name, &mut snapshot.external));
                gaps.extend(answer.replace_in(name, snapshot));
                continue;
            }
            Ok(Err(error)) => error.to_string(),
            Err(panic) => sentence(panic.as_ref()),
        };
        gaps.push(Gap::new(format!("collector {name}"), failure));
    }
    let named = gaps
        .iter()
        .map(|gap| format!("{}: {}: {}", snapshot.job.short(), gap.what, gap.reason))
        .collect();
    snapshot.gaps.extend(gaps);
    named
}
