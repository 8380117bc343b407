//! What a JVM's CPU load is a share of: of the processors that it sees, or of its container's limit.
//!
//! JDKs differ (JDK-8269851 and its backports take the limit where there is one), and a limit of 1.5 cores is seen as two processors: the
//! same load is 1.5 or 2 cores. A history that was read in the wrong way shows itself: a job's cores for a record jump where the limit
//! changes, or more cores are used than there are.

use crate::snapshot::{History, Point};

/// Runs are compared where they tell the two ways apart by this much.
const TELLS: f64 = 0.08;
/// One way must fit better by this much, ln.
const BETTER: f64 = 0.04;
/// Cores of a TaskManager without load, about.
const IDLE: f64 = 0.04;
/// Cores for a second of busy time from which they can't all be the tasks'.
const MORE_THAN_TASKS: f64 = 1.25;
/// Points of a run that are compared, at least.
const LEAST: usize = 3;

/// The history with its cores counted against the limit, where the history says that the load is a share of that; `None` where it stays.
pub fn against_limits(history: &History) -> Option<History> {
    if !history
        .points
        .iter()
        .any(|point| seen_over_limit(point) > 1.0)
        || !says_limit(history)
    {
        return None;
    }
    let mut mended = history.clone();
    for point in &mut mended.points {
        let over = seen_over_limit(point);
        let used = &mut point.task_managers;
        for stat in [&mut used.cpu_cores, &mut used.cpu_cores_max]
            .into_iter()
            .flatten()
        {
            for value in [
                &mut stat.mean,
                &mut stat.min,
                &mut stat.p50,
                &mut stat.p95,
                &mut stat.max,
            ] {
                *value /= over;
            }
        }
        // Counted: the next look finds nothing more to mend.
        if over > 1.0 {
            used.cpus_seen = used.cpus_seen.map(|seen| seen / over);
        }
    }
    Some(mended)
}

/// Processors that a TaskManager sees over the cores that it may use, where the first is the second rounded up; else one.
fn seen_over_limit(point: &Point) -> f64 {
    let limit = point.shape.cpu_millis as f64 / 1000.0;
    match point.task_managers.cpus_seen {
        Some(seen) if limit > 0.0 && seen > limit * 1.001 && seen <= limit.ceil() + 1e-9 => {
            seen / limit
        }
        _ => 1.0,
    }
}

fn says_limit(history: &History) -> bool {
    let beyond = history.points.iter().filter(|point| {
        let limit = point.shape.cpu_millis as f64 / 1000.0;
        let used = point.task_managers.cpu_cores_max;
        seen_over_limit(point) > 1.0 && used.is_some_and(|used| used.mean > limit * 1.04)
    });
    if beyond.count() >= 2 {
        return true;
    }
    let costs: Vec<(f64, f64)> = history
        .points
        .chunk_by(|a, b| a.shape == b.shape)
        .filter_map(cost)
        .collect();
    // More cores than tasks are busy: what is not a task's (collections, checkpoints, the network) is a small part.
    if costs.iter().any(|(cost, over)| {
        *over > 1.3 && *cost > MORE_THAN_TASKS && *cost / over <= MORE_THAN_TASKS
    }) {
        return true;
    }
    let (mut as_seen, mut as_limit, mut pairs) = (0.0, 0.0, 0);
    for pair in costs.windows(2) {
        let [(before, over_before), (after, over_after)] = pair else {
            continue;
        };
        let differ = (over_after / over_before).ln();
        if differ.abs() < TELLS {
            continue;
        }
        let jump = (after / before).ln();
        as_seen += jump.abs();
        as_limit += (jump - differ).abs();
        pairs += 1;
    }
    pairs > 0 && as_limit + BETTER * f64::from(pairs) < as_seen
}

/// Cores for each second that a task is busy, in the busier half of a run (which neither load nor size change much), and how the
/// processors seen stand to the limit in it.
fn cost(points: &[Point]) -> Option<(f64, f64)> {
    let mut seen: Vec<(f64, f64)> = points
        .iter()
        .skip(1)
        .filter(|point| point.running >= 0.99 && point.restarts == 0)
        .filter_map(|point| {
            let idle = IDLE * f64::from(point.shape.task_managers);
            let cores = point.task_managers.cpu_cores?.mean - idle;
            let busy: f64 = point
                .vertices
                .iter()
                .filter_map(|(id, own)| {
                    Some(own.busy?.mean * f64::from(*point.shape.parallelism.get(id)?))
                })
                .sum();
            (busy > 0.0 && cores > 0.0).then_some((busy, cores))
        })
        .collect();
    if seen.len() < LEAST {
        return None;
    }
    seen.sort_by(|a, b| b.0.total_cmp(&a.0));
    seen.truncate(seen.len().div_ceil(2));
    let busy: f64 = seen.iter().map(|one| one.0).sum();
    let cores: f64 = seen.iter().map(|one| one.1).sum();
    Some((cores / busy, seen_over_limit(points.last()?)))
}
