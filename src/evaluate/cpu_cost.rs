//! What a record costs in cores, over the whole job.

use super::regime::{regime, seconds};
use crate::snapshot::{History, Point, Vertex};

/// Cores of a job against its load.
#[derive(Debug, Clone, PartialEq)]
pub struct CpuCost {
    /// Cores that one record/s of the sources costs, all TaskManagers together, their upkeep included.
    pub cores_per_record_per_second: f64,
    /// Highest cores seen, all TaskManagers together.
    pub highest_cores: f64,
    /// Part of the cores that the busiest TaskManager used, 0..=1: 1/n where load is even.
    pub busiest_part: f64,
    /// Points behind it.
    pub points: u32,
}

/// Cores over rate, in the quarter of the points with the highest load: at low load upkeep hides the slope.
pub fn cpu_cost(history: &History) -> Option<CpuCost> {
    let points = regime(history);
    let seen = history.latest_running.as_ref()?;
    let mut samples: Vec<(f64, f64, f64, f64)> = points
        .iter()
        .filter_map(|point| {
            let rate = source_rate(point, &seen.vertices)?;
            let cores = point.task_managers.cpu_cores?.mean;
            let busiest = point
                .task_managers
                .cpu_cores_max
                .map_or(cores, |busiest| busiest.mean);
            (rate > 0.0 && cores > 0.0 && cores.is_finite())
                .then(|| (rate, cores, busiest, seconds(point)))
        })
        .collect();
    samples.sort_by(|a, b| b.0.total_cmp(&a.0));
    let highest_cores = samples.iter().map(|sample| sample.1).fold(0.0, f64::max);
    samples.truncate(samples.len().div_ceil(4).max(3));
    let sum = |pick: fn(&(f64, f64, f64, f64)) -> f64| {
        samples
            .iter()
            .map(|sample| pick(sample) * sample.3)
            .sum::<f64>()
    };
    let (records, cores, busiest) = (
        sum(|sample| sample.0),
        sum(|sample| sample.1),
        sum(|sample| sample.2),
    );
    (records > 0.0 && cores > 0.0).then(|| CpuCost {
        cores_per_record_per_second: cores / records,
        highest_cores,
        busiest_part: (busiest / cores).clamp(0.0, 1.0),
        points: u32::try_from(samples.len()).unwrap_or(u32::MAX),
    })
}

fn source_rate(point: &Point, vertices: &[Vertex]) -> Option<f64> {
    let mut total = 0.0;
    for source in vertices.iter().filter(|vertex| vertex.is_source()) {
        let read = point.vertices.get(&source.id)?;
        total += read.in_per_second.or(read.out_per_second)?.mean;
    }
    Some(total)
}
