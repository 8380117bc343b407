//! Memory of the container that no pool of the JVM explains: RocksDB beyond its budget, agents, Python workers, arenas of the allocator.

use super::window::Window;

/// Growth from the first to the last quarter of the time that counts, bytes at least, and as a share of the container's limit.
const GROWS: (f64, f64) = (64.0 * 1024.0 * 1024.0, 0.03);
/// Fewer readings tell no growth.
const LEAST_READINGS: usize = 12;

/// Native memory over the window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Native {
    /// The highest, bytes.
    pub(super) highest: f64,
    /// By how much its median rose from the first quarter to the last, bytes, if it rose from each quarter to the next.
    pub(super) growth: Option<f64>,
    /// Overhead that the process has for it, bytes, if known.
    pub(super) room: Option<f64>,
}

/// What was seen; absent where no container was measured.
pub(super) fn native(window: &Window<'_>) -> Option<Native> {
    let seen: Vec<f64> = window
        .points
        .iter()
        .filter_map(|point| point.task_managers.native_bytes())
        .collect();
    let highest = seen.iter().copied().reduce(f64::max)?;
    let last = &window.points.last()?.task_managers;
    let limit = last.container_limit.unwrap_or(0.0);
    let growth = (seen.len() >= LEAST_READINGS).then(|| quarters(&seen));
    let growth = growth.and_then(|medians| {
        let rises = medians.windows(2).all(|pair| pair[1] >= pair[0]);
        let grown = medians[3] - medians[0];
        (rises && grown >= GROWS.0.max(GROWS.1 * limit)).then_some(grown)
    });
    Some(Native {
        highest,
        growth,
        room: last.pools.map(|pools| pools.overhead as f64),
    })
}

/// Medians of the four quarters of the time.
fn quarters(seen: &[f64]) -> [f64; 4] {
    let quarter = seen.len() / 4;
    [0, 1, 2, 3].map(|at| {
        let end = if at == 3 {
            seen.len()
        } else {
            (at + 1) * quarter
        };
        let mut part = seen[at * quarter..end].to_vec();
        part.sort_by(f64::total_cmp);
        part.get(part.len() / 2).copied().unwrap_or(0.0)
    })
}
