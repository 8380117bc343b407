//! History → [`JobProfile`]: what kind of problem is it? One verdict a file, each with at least two signals.

mod autoscaler_inert;
mod bars;
mod blind;
mod bottleneck;
mod checkpoint_thrash;
mod cpu_bound;
mod external_wait;
mod falling_behind;
mod healthy;
mod idle;
mod insufficient_history;
mod memory_pressure;
mod native;
mod overprovisioned_cpu;
mod overprovisioned_memory;
mod overprovisioned_slots;
mod profile;
#[cfg(test)]
pub(crate) mod sample;
mod settings;
mod sink_bound;
mod skewed;
mod source_bound;
#[cfg(test)]
mod tests;
mod unstable;
mod window;

pub use profile::{Bar, JobProfile, Resource, Signal, Unit, Verdict, VerdictId, VertexName, cause};
pub use settings::Settings;

use crate::snapshot::{Gap, History, Workload};
use profile::FAILURES_NAMED;
use window::Window;

/// What a job is, by its history: all verdicts that hold, its bottlenecks, and what could not be seen.
///
/// Points of the present size count where there are enough of them, else all points of the window. Signals that were
/// never reported make no verdict; they are gaps, and `blind` when a judgement needs them.
pub fn classify(history: &History, settings: &Settings) -> JobProfile {
    let window = Window::new(history, settings);
    let verdicts = match window.workload {
        Workload::Streaming => verdicts(&window),
        Workload::Shared { .. } => of_a_shared_cluster(&window),
        // What streams are judged by says nothing of work that ends.
        Workload::Batch | Workload::Finished => Vec::new(),
    };
    let bottlenecks = match window.workload {
        Workload::Batch | Workload::Finished => Vec::new(),
        _ => window
            .pressed
            .iter()
            .map(|pressed| window.name(&window.vertices[pressed.vertex]))
            .collect(),
    };
    let latest = history.latest.as_ref();
    JobProfile {
        job: history.job.clone(),
        from_ms: window.from_ms,
        to_ms: window.to_ms,
        bars: bars::bars(&window, &verdicts),
        verdicts,
        bottlenecks,
        gaps: gaps(history, &window),
        workload: window.workload,
        failures: latest.map_or_else(Vec::new, |latest| {
            latest
                .failures
                .iter()
                .take(FAILURES_NAMED)
                .cloned()
                .collect()
        }),
    }
}

/// Of a job that shares its TaskManagers: what its own tasks tell. CPU, memory and slots are everybody's.
fn of_a_shared_cluster(window: &Window<'_>) -> Vec<Verdict> {
    let of_task_managers = |verdict: &Verdict| {
        matches!(
            verdict.id,
            VerdictId::OverprovisionedCpu
                | VerdictId::OverprovisionedMemory
                | VerdictId::OverprovisionedSlots
                | VerdictId::CpuBound
                | VerdictId::ExternalWait
                | VerdictId::SinkBound
                | VerdictId::Healthy
        )
    };
    let mut all = verdicts(window);
    all.retain(|verdict| !of_task_managers(verdict));
    all
}

fn verdicts(window: &Window<'_>) -> Vec<Verdict> {
    let mut verdicts: Vec<Verdict> = Vec::new();
    if !window.points.is_empty() {
        verdicts.extend(overprovisioned_cpu::judge(window));
        verdicts.extend(overprovisioned_memory::judge(window));
        verdicts.extend(overprovisioned_slots::judge(window));
        verdicts.extend(cpu_bound::judge(window));
        verdicts.extend(external_wait::judge(window));
        verdicts.extend(memory_pressure::judge(window));
        verdicts.extend(checkpoint_thrash::judge(window));
        verdicts.extend(sink_bound::judge(window));
        verdicts.extend(skewed::judge(window));
        verdicts.extend(source_bound::judge(window));
        verdicts.extend(falling_behind::judge(window));
        verdicts.extend(autoscaler_inert::judge(window));
        verdicts.extend(idle::judge(window));
    }
    verdicts.extend(unstable::judge(window));
    verdicts.extend(insufficient_history::judge(window));
    verdicts.extend(blind::judge(window));
    if verdicts.is_empty() {
        verdicts.extend(healthy::judge(window));
    }
    verdicts
}

/// What the newest snapshot could not read, and what was missing all along.
fn gaps(history: &History, window: &Window<'_>) -> Vec<Gap> {
    let mut gaps: Vec<Gap> = history
        .latest
        .iter()
        .flat_map(|snapshot| snapshot.gaps.clone())
        .collect();
    for gap in blind::missing(window) {
        if !gaps.iter().any(|known| known.what == gap.what) {
            gaps.push(gap);
        }
    }
    let unpaid = |point: &&crate::snapshot::Point| point.shape.cpu_millis == 0;
    if !window.points.is_empty() && window.points.iter().all(unpaid) {
        gaps.push(Gap::new(
            "CPU paid for",
            "neither the configuration nor the custom resource says how much a TaskManager asks for; the cores that its JVM sees may be the host's, so no saving is stated",
        ));
    }
    gaps
}
