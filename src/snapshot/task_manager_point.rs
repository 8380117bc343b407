//! The TaskManagers over the time between two snapshots.

use super::between::{ProcessTime, Window, growth};
use super::{Stat, TaskManager, TaskManagerPoint};

/// A process may seem to use a little more than all its CPUs (the looks are not exact); more is a broken counter.
const LARGEST_LOAD: f64 = 1.1;

pub(super) fn task_managers(window: &Window) -> TaskManagerPoint {
    let all = &window.after.task_managers;
    let cores: Vec<f64> = all
        .iter()
        .filter_map(|task_manager| cores_used(window, task_manager))
        .collect();
    let highest = |pick: fn(&TaskManager) -> Option<u64>| {
        all.iter()
            .filter_map(pick)
            .max()
            .and_then(|bytes| Stat::one(bytes as f64))
    };
    TaskManagerPoint {
        cpu_cores: together(&cores, all.len()).and_then(Stat::one),
        cpu_cores_max: largest(&cores).and_then(Stat::one),
        cpus_seen: largest(
            &all.iter()
                .filter_map(|one| one.cpus_seen)
                .collect::<Vec<_>>(),
        ),
        heap_used: highest(|one| one.heap_used),
        heap_max: all
            .iter()
            .filter_map(|one| one.heap_max)
            .max()
            .map(|bytes| bytes as f64),
        managed_used: highest(|one| one.managed_used),
        network_used: highest(|one| one.network_used),
        metaspace_used: highest(|one| one.metaspace_used),
        non_heap_used: highest(|one| one.non_heap_used),
        direct_used: highest(|one| one.direct_used),
        container_used: highest(|one| one.container_used),
        container_limit: all
            .iter()
            .filter_map(|one| one.container_limit)
            .max()
            .map(|bytes| bytes as f64),
        gc_share: largest(
            &all.iter()
                .filter_map(|one| gc_share(window, one))
                .collect::<Vec<_>>(),
        )
        .and_then(Stat::one),
        slots_used: window.after.slots.and_then(|slots| {
            slots
                .total
                .checked_sub(slots.available)
                .and_then(|used| Stat::one(f64::from(used)))
        }),
        pools: all.iter().find_map(|one| one.pools),
    }
}

/// All together, from at least half of them: those that could not be read are taken to use as much as the others on average.
fn together(known: &[f64], count: usize) -> Option<f64> {
    if known.is_empty() || known.len() * 2 < count {
        return None;
    }
    Some(known.iter().sum::<f64>() / known.len() as f64 * count as f64)
}

fn largest(values: &[f64]) -> Option<f64> {
    values.iter().copied().reduce(f64::max)
}

fn earlier<'a>(window: &'a Window, id: &str) -> Option<&'a TaskManager> {
    window.before.task_managers.iter().find(|one| one.id == id)
}

fn cores_used(window: &Window, now: &TaskManager) -> Option<f64> {
    let most = now.cpus_seen.filter(|cpus| *cpus > 0.0);
    let plausible = |cores: &f64| {
        cores.is_finite() && *cores >= 0.0 && most.is_none_or(|cpus| *cores <= cpus * LARGEST_LOAD)
    };
    let grown = earlier(window, &now.id).and_then(|before| {
        let (before, after) = (before.cpu_time_ns?, now.cpu_time_ns?);
        // A running process always uses some: a counter that stands still was not refreshed.
        (before != after).then(|| growth(before as f64, after as f64) / 1e6)
    });
    let gauge = now
        .cpu_load
        .filter(|load| (0.0..=1.0).contains(load))
        .zip(most)
        .map(|(load, cpus)| load * cpus);
    counted_or_gauge(window, grown, gauge, plausible)
}

fn gc_share(window: &Window, now: &TaskManager) -> Option<f64> {
    let grown = earlier(window, &now.id).and_then(|before| {
        if before.cpu_time_ns.is_some() && before.cpu_time_ns == now.cpu_time_ns {
            return None;
        }
        Some(growth(before.gc_time_ms? as f64, now.gc_time_ms? as f64))
    });
    // Parallel collectors can count more than the time that passed.
    let sane = |share: &f64| share.is_finite() && (0.0..=1.5).contains(share);
    let gauge = now.gc_ms_per_second.map(|gc| gc / 1000.0);
    counted_or_gauge(window, grown, gauge, sane).map(|share| share.min(1.0))
}

/// Growth, milliseconds, over the time that it covers; the gauge where that is doubtful or there is no growth.
fn counted_or_gauge(
    window: &Window,
    grown: Option<f64>,
    gauge: Option<f64>,
    sane: impl Fn(&f64) -> bool,
) -> Option<f64> {
    let gauge = gauge.filter(&sane);
    let (time, doubtful) = match window.process {
        ProcessTime::Known(time) => (time, false),
        ProcessTime::Doubtful(time) => (time, true),
    };
    let counted = grown.map(|grown| grown / time).filter(&sane);
    if doubtful {
        gauge.or(counted)
    } else {
        counted.or(gauge)
    }
}
