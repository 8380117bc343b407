//! What collectors add to a look.

use super::settings::Settings;
use super::side_by_side::sentence;
use crate::evaluate::plugin::{CollectAsk, CollectRequest, PROTOCOL};
use crate::owner::Owner;
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
    if plugins.collectors.is_empty() && settings.collectors.is_empty() {
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

/// The collectors that are asked about a job: those that its owner names on the live resource, else those that are configured.
fn names(settings: &Settings, snapshot: &Snapshot) -> Vec<String> {
    let owner = snapshot
        .resource
        .as_deref()
        .map(|resource| Owner::of_texts(&resource.annotations, &resource.labels))
        .unwrap_or_default();
    if owner.collectors.is_empty() {
        settings.collectors.clone()
    } else {
        owner.collectors
    }
}

async fn collect_one(
    settings: &Settings,
    plugins: &Plugins,
    snapshot: &mut Snapshot,
) -> Vec<String> {
    let mut gaps = Vec::new();
    for name in &names(settings, snapshot) {
        let Some(collector) = plugins.collectors.get(name) else {
            let reason = "there is no collector of this name: add it to plugins, or correct the annotation plimsoll.dev/collector";
            gaps.push(Gap::new(format!("collector {name}"), reason));
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::config::parse;
    use crate::snapshot::{LiveResource, Role};

    #[test]
    fn an_annotation_chooses_the_collectors_of_its_job() {
        let text = "plugins: {a: {kind: collector, exec: [a]}}\ncollectors: [a]\n";
        let settings = Settings::new(&parse("f", text).unwrap(), Vec::new());
        let job = "prod/deployment/payments/orders".parse().unwrap();
        let mut snapshot = Snapshot::new(job, 0, JobState::Running);
        assert_eq!(names(&settings, &snapshot), ["a"]);
        let mut resource = LiveResource::new(Role::Application, "flink.apache.org/v1beta1");
        snapshot.resource = Some(Box::new(resource.clone()));
        assert_eq!(names(&settings, &snapshot), ["a"]);
        resource
            .annotations
            .insert("plimsoll.dev/collector".to_string(), "b, c".to_string());
        snapshot.resource = Some(Box::new(resource));
        assert_eq!(names(&settings, &snapshot), ["b", "c"]);
    }
}
