//! What a simulation knows for certain: what a size carries, what it costs, and the cheapest one that suffices.

use super::flow::{Costs, Flow};
use super::graph::Graph;
use super::job::{Job, state_bytes};
use super::memory::{self, GIB};
use super::rig::Rig;
use super::spec::{Backend, JobSpec};
use crate::quantity::HOURS_PER_MONTH;
use crate::recommend::Size;

/// US dollars for a core and an hour: a public list price's order of magnitude.
pub const CORE_HOUR: f64 = 0.0330;
/// US dollars for a GiB of memory and an hour.
pub const GIB_HOUR: f64 = 0.0040;

/// Money for core-hours and GiB-hours at the simulation's prices, US dollars.
pub fn money(core_hours: f64, gib_hours: f64) -> f64 {
    core_hours * CORE_HOUR + gib_hours * GIB_HOUR
}

/// What the TaskManagers of a size cost a month, US dollars.
pub fn monthly_cost(size: &Size) -> f64 {
    let hours = HOURS_PER_MONTH * f64::from(size.task_managers);
    money(
        hours * size.cpu_millis as f64 / 1000.0,
        hours * size.memory_bytes as f64 / GIB,
    )
}

/// What a job has to carry and to hold over a time.
#[derive(Debug, Clone, PartialEq)]
pub struct Need {
    /// Highest rate of each source, records/s, headroom included.
    pub rates: Vec<f64>,
    /// Largest state, bytes.
    pub state_bytes: f64,
}

impl Need {
    /// What a job needs between two times, with `headroom` (a share) on top of its highest rates.
    pub fn over(job: &Job, from_ms: i64, to_ms: i64, headroom: f64) -> Need {
        let highest = |s: usize| {
            let mut highest = 0.0f64;
            let mut at = from_ms;
            while at <= to_ms {
                highest = highest.max(job.arrival(s, at));
                at += 300_000;
            }
            highest * (1.0 + headroom)
        };
        Need {
            rates: (0..job.graph.sources.len()).map(highest).collect(),
            state_bytes: state_bytes(&job.spec, to_ms).max(state_bytes(&job.spec, from_ms)) * 1.03,
        }
    }
}

/// The largest multiple of given source rates that a size carries when warm and without failures; 0 when it can't start or would
/// run out of memory.
pub fn carries(spec: &JobSpec, graph: &Graph, size: &Size, need: &Need) -> f64 {
    let rig = Rig::new(spec, size);
    let managers = rig.task_managers() as f64;
    let slots = f64::from(size.slots_per_task_manager);
    let live = memory::live_bytes(spec, need.state_bytes, managers, slots, rig.fullest);
    let heap = rig.heap_bytes();
    if rig.refusal.is_some()
        || live > 0.93 * heap
        || spec.memory.metaspace_bytes > rig.pools.metaspace as f64
    {
        return 0.0;
    }
    let miss = memory::miss_share(spec, need.state_bytes, rig.pools.managed as f64 * managers);
    let mut factor = 0.0;
    let mut emitted: f64 = need.rates.iter().sum();
    // Collections depend on the rate and the rate on collections: a few rounds settle it.
    for _ in 0..4 {
        let gc = memory::gc_share(
            live,
            heap,
            emitted * spec.memory.garbage_per_record / managers,
        );
        let costs = costs_at(spec, &rig, miss, gc);
        let mut flow = Flow::new(graph);
        let wanted: Vec<f64> = need.rates.iter().map(|rate| rate * 1e4).collect();
        flow.solve(graph, &rig, &costs, &wanted);
        factor = flow
            .emitted
            .iter()
            .zip(&need.rates)
            .map(|(out, rate)| out / rate.max(1e-9))
            .fold(f64::INFINITY, f64::min);
        emitted = need.rates.iter().sum::<f64>() * factor.min(1.0);
    }
    factor
}

fn costs_at(spec: &JobSpec, rig: &Rig, miss: f64, gc: f64) -> Costs {
    let mut costs = Costs::default();
    for (v, vertex) in spec.vertices.iter().enumerate() {
        let factor = rig.cost_factor[v] / (1.0 - gc);
        let touched = if vertex.stateful { miss } else { 0.0 };
        costs
            .cpu_us
            .push((vertex.cpu_us + touched * spec.state.miss_cpu_us) * factor);
        costs
            .wait_us
            .push((vertex.wait_us + touched * spec.state.miss_wait_us) * factor);
    }
    costs
}

/// Whether checkpoints of a size fit well below their timeout and interval.
fn checkpoints_fit(spec: &JobSpec, size: &Size, need: &Need) -> bool {
    let changed = match spec.state.backend {
        Backend::Heap => 1.0,
        Backend::RocksDb => spec.state.changed_share,
    };
    let per = need.state_bytes * changed / f64::from(size.task_managers.max(1));
    let ms = spec.checkpoints.base_ms + per / spec.checkpoints.bytes_per_second * 1000.0;
    ms < 0.7
        * spec
            .checkpoints
            .timeout_ms
            .min(spec.checkpoints.interval_ms) as f64
}

/// The cheapest size that carries what is needed, found by trying all of a grid: every parallelism up to 48, one to eight slots, CPU in
/// quarters of a core, memory in steps of 256 MiB. `None` when no size of the grid does.
pub fn best_size(spec: &JobSpec, graph: &Graph, options: &Size, need: &Need) -> Option<Size> {
    let mut best: Option<(f64, Size)> = None;
    for slots in [1u32, 2, 4, 8] {
        for parallelism in 1..=48u32 {
            for quarters in 1..=4 * slots.min(4) {
                let mut size = Size {
                    parallelism,
                    vertex_parallelism: Default::default(),
                    task_managers: parallelism.div_ceil(slots),
                    slots_per_task_manager: slots,
                    memory_bytes: 16 << 30,
                    cpu_millis: u64::from(quarters) * 250,
                    options: options.options.clone(),
                };
                // Memory only helps, so if the largest does not do, none does; and the dearer of two sizes need not be tried.
                let cheapest = Size {
                    memory_bytes: 768 << 20,
                    ..size.clone()
                };
                let bar = best.as_ref().map_or(f64::INFINITY, |(cost, _)| *cost);
                if monthly_cost(&cheapest) >= bar
                    || !checkpoints_fit(spec, &size, need)
                    || carries(spec, graph, &size, need) < 1.0
                {
                    continue;
                }
                let (mut low, mut high) = (3u64, 64u64);
                while low < high {
                    let middle = (low + high) / 2;
                    size.memory_bytes = middle << 28;
                    if carries(spec, graph, &size, need) >= 1.0 {
                        high = middle;
                    } else {
                        low = middle + 1;
                    }
                }
                size.memory_bytes = high << 28;
                let cost = monthly_cost(&size);
                if cost < bar {
                    best = Some((cost, size));
                }
            }
        }
    }
    best.map(|(_, size)| size)
}
