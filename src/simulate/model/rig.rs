//! A job at a size: how its work is spread over subtasks and TaskManagers, and what the size itself costs.

use super::memory;
use super::spec::JobSpec;
use crate::recommend::Size;
use crate::snapshot::MemoryPools;

/// A job's spread at one size. All shares are relative to the mean: 1 is even.
#[derive(Debug, Clone, PartialEq)]
pub struct Rig {
    /// The size.
    pub size: Size,
    /// Subtasks of each vertex.
    pub parallelism: Vec<u32>,
    /// Per vertex, per subtask: its part of the records, against the mean subtask.
    pub shares: Vec<Vec<f64>>,
    /// Per vertex: the largest of them.
    pub worst: Vec<f64>,
    /// Per vertex: what parallelism and shared TaskManagers make of a record's cost (at least 1).
    pub cost_factor: Vec<f64>,
    /// Per TaskManager, per vertex: its part of the vertex's records, 0..=1.
    pub parts: Vec<Vec<f64>>,
    /// The different rows of `parts`: TaskManagers that share a row are loaded alike.
    pub kinds: Vec<Vec<f64>>,
    /// Per TaskManager: slots that hold tasks.
    pub slots_used: Vec<u32>,
    /// State of the fullest TaskManager against the mean.
    pub fullest: f64,
    /// Memory pools of a TaskManager.
    pub pools: MemoryPools,
    /// Cores of a TaskManager.
    pub cores: f64,
    /// Why the job can't start at this size, if it can't: Flink's exception and its message.
    pub refusal: Option<String>,
}

impl Rig {
    /// Spreads a job over a size.
    pub fn new(spec: &JobSpec, size: &Size) -> Rig {
        let parallelism: Vec<u32> = (0..spec.vertices.len())
            .map(|v| {
                let own = size.vertex_parallelism.get(&spec.vertex_id(v)).copied();
                own.unwrap_or(size.parallelism)
                    .clamp(1, spec.vertices[v].max_parallelism)
            })
            .collect();
        let slots = size.slots_per_task_manager.max(1);
        let count = size.task_managers.max(1) as usize;
        let needed = parallelism.iter().copied().max().unwrap_or(1);
        let shares = spread(spec, &parallelism);
        let mut parts = vec![vec![0.0; parallelism.len()]; count];
        for (v, of_vertex) in shares.iter().enumerate() {
            for (subtask, share) in of_vertex.iter().enumerate() {
                let at = (subtask / slots as usize).min(count - 1);
                parts[at][v] += share / parallelism[v] as f64;
            }
        }
        let mut kinds: Vec<Vec<f64>> = Vec::new();
        for row in &parts {
            if !kinds.contains(row) {
                kinds.push(row.clone());
            }
        }
        let (pools, mut refusal) = match memory::pools(size.memory_bytes, &size.options) {
            Ok(pools) => (pools, None),
            Err(reason) => (MemoryPools::default(), Some(reason)),
        };
        if refusal.is_none() && needed > slots * count as u32 {
            refusal = Some(format!(
                "org.apache.flink.runtime.jobmanager.scheduler.NoResourceAvailableException: {needed} slots needed, {} there",
                slots * count as u32
            ));
        }
        if refusal.is_none() && network_need(&parallelism, slots) > pools.network {
            refusal =
                Some("java.io.IOException: Insufficient number of network buffers".to_string());
        }
        let interference = 1.0 + spec.slot_interference * (slots as f64).log2();
        Rig {
            cost_factor: spec
                .vertices
                .iter()
                .zip(&parallelism)
                .map(|(vertex, &p)| scaling(vertex.contention, vertex.crosstalk, p) * interference)
                .collect(),
            worst: shares.iter().map(|of| largest(of)).collect(),
            fullest: fullest(spec, &parts),
            slots_used: (0..count as u32)
                .map(|t| needed.saturating_sub(t * slots).min(slots))
                .collect(),
            size: size.clone(),
            parallelism,
            shares,
            parts,
            kinds,
            pools,
            cores: size.cpu_millis as f64 / 1000.0,
            refusal,
        }
    }

    /// Largest heap of a TaskManager, bytes.
    pub fn heap_bytes(&self) -> f64 {
        (self.pools.framework_heap + self.pools.task_heap) as f64
    }

    /// TaskManagers.
    pub fn task_managers(&self) -> usize {
        self.parts.len()
    }
}

/// Cost of a record against a single subtask, by the universal scalability law: 1 + σ(p−1) + κp(p−1).
fn scaling(contention: f64, crosstalk: f64, parallelism: u32) -> f64 {
    let p = parallelism as f64;
    1.0 + contention * (p - 1.0) + crosstalk * p * (p - 1.0)
}

fn largest(values: &[f64]) -> f64 {
    values.iter().copied().fold(0.0, f64::max)
}

/// The TaskManager with the most state against the mean: state lies where the keyed records go.
fn fullest(spec: &JobSpec, parts: &[Vec<f64>]) -> f64 {
    let stateful: Vec<usize> = (0..spec.vertices.len())
        .filter(|&v| spec.vertices[v].stateful)
        .collect();
    if stateful.is_empty() {
        return 1.0;
    }
    let of = |row: &Vec<f64>| stateful.iter().map(|&v| row[v]).sum::<f64>();
    let total: f64 = parts.iter().map(of).sum();
    let highest = parts.iter().map(of).fold(0.0, f64::max);
    // A hot key means many records, not much state: half of the unevenness carries over.
    let uneven = highest * parts.len() as f64 / total.max(1e-9);
    1.0 + (uneven - 1.0) * 0.5
}

/// Buffers that the fullest TaskManager needs at least, bytes: two for each channel in, one for each subpartition out.
fn network_need(parallelism: &[u32], slots: u32) -> u64 {
    let buffers: u64 = parallelism
        .windows(2)
        .map(|pair| {
            let (up, down) = (u64::from(pair[0]), u64::from(pair[1]));
            up.min(u64::from(slots)) * (down + 1) + down.min(u64::from(slots)) * 2 * up
        })
        .sum();
    buffers * 32_768
}

/// Each subtask's part of its vertex's records, against the mean.
fn spread(spec: &JobSpec, parallelism: &[u32]) -> Vec<Vec<f64>> {
    let mut all: Vec<Vec<f64>> = Vec::with_capacity(parallelism.len());
    for (v, vertex) in spec.vertices.iter().enumerate() {
        let p = parallelism[v];
        let shares = match (&vertex.source, vertex.inputs.first()) {
            (Some(source), _) => match &source.topic {
                Some((_, partitions)) => by_partition(p, *partitions),
                None => vec![1.0; p as usize],
            },
            (None, Some(edge))
                if edge.strategy == "FORWARD" && all[edge.from].len() == p as usize =>
            {
                all[edge.from].clone()
            }
            (None, Some(edge)) if edge.strategy == "HASH" => {
                by_key_group(p, vertex.max_parallelism, vertex.hot_share, spec.seed)
            }
            _ => vec![1.0; p as usize],
        };
        all.push(shares);
    }
    all
}

fn by_partition(p: u32, partitions: u32) -> Vec<f64> {
    let partitions = partitions.max(1);
    (0..p)
        .map(|i| {
            let own = partitions / p + u32::from(i < partitions % p);
            own as f64 * p as f64 / partitions as f64
        })
        .collect()
}

/// Key groups in ranges, as Flink assigns them, and one hot key in one of them.
fn by_key_group(p: u32, groups: u32, hot: f64, seed: u64) -> Vec<f64> {
    let (p64, k) = (u64::from(p), u64::from(groups));
    let hot_group = seed % k;
    (0..p64)
        .map(|i| {
            let begin = (i * k).div_ceil(p64);
            let end = ((i + 1) * k).div_ceil(p64);
            let even = (end - begin) as f64 * p as f64 / groups as f64;
            let has_hot = (begin..end).contains(&hot_group);
            (1.0 - hot) * even + if has_hot { hot * p as f64 } else { 0.0 }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_have_mean_one() {
        for shares in [
            by_partition(4, 6),
            by_partition(8, 3),
            by_key_group(5, 128, 0.0, 9),
            by_key_group(6, 128, 0.4, 9),
        ] {
            let mean = shares.iter().sum::<f64>() / shares.len() as f64;
            assert!((mean - 1.0).abs() < 1e-9, "{shares:?}");
        }
    }

    #[test]
    fn more_subtasks_than_partitions_idle() {
        assert_eq!(by_partition(4, 2), vec![2.0, 2.0, 0.0, 0.0]);
    }
}
