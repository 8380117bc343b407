//! What may not shrink, whatever a model says of it.

use super::native::native;
use super::profile::{Bar, Resource, Verdict, VerdictId, kinds_in_words};
use super::window::Window;

/// Every bar that holds, by resource.
pub(super) fn bars(window: &Window<'_>, verdicts: &[Verdict]) -> Vec<Bar> {
    let mut bars = Vec::new();
    let mut bar = |resources: &[Resource], code: &str, message: String| {
        bars.extend(resources.iter().map(|resource| Bar {
            resource: *resource,
            code: code.to_owned(),
            message: message.clone(),
        }));
    };
    if let Some(verdict) = verdicts
        .iter()
        .find(|verdict| verdict.id == VerdictId::FallingBehind)
    {
        let source = verdict
            .vertex
            .as_ref()
            .map_or_else(String::new, |vertex| format!(" of `{}`", vertex.name));
        bar(
            &Resource::ALL,
            VerdictId::FallingBehind.as_str(),
            format!(
                "the lag{source} is above its limit and does not fall: what is short now gets no smaller"
            ),
        );
    }
    let killed = window.killed_at_present_memory();
    if killed.count > 0 {
        bar(
            &[Resource::Process],
            "out-of-memory",
            format!(
                "tasks failed for want of {} with this much memory or more, {} times: a TaskManager's process gets no smaller",
                kinds_in_words(killed.kinds.keys().copied()),
                killed.count
            ),
        );
    }
    if let Some(native) = native(window) {
        let mib = |bytes: f64| bytes / (1024.0 * 1024.0);
        if let Some(growth) = native.growth {
            bar(
                &[Resource::Process],
                "native-growth",
                format!(
                    "memory of the container that no pool explains grew by {:.0} MiB to {:.0} MiB: a TaskManager's process gets no smaller",
                    mib(growth),
                    mib(native.highest)
                ),
            );
        } else if native.room.is_some_and(|room| native.highest > room) {
            bar(
                &[Resource::Process],
                "native-memory",
                format!(
                    "the container holds {:.0} MiB that no pool explains, more than the overhead that the process has for it: a TaskManager's process gets no smaller",
                    mib(native.highest)
                ),
            );
        }
    }
    bars.sort_by_key(|bar: &Bar| bar.resource);
    bars
}
