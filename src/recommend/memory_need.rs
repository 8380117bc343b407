//! What the memory pools of a TaskManager must hold, and the process that gives it to them.

use super::raised::{Kinds, raising};
use super::{Present, Settings};
use crate::flink::memory::{
    Minimum, Needs, NetworkBuffers, Pools, minimum_process_size, network_bytes_per_task_manager,
    pools,
};
use crate::flink::options::{Configuration, MANAGED_SIZE, STATE_BACKEND};
use crate::flink::topology::{Edge, Node, Topology};
use crate::quantity::{Memory, Parallelism};
use crate::snapshot::{History, Point, Snapshot};
use crate::statistics::upper_tolerance_limit;
use std::collections::BTreeMap;
use std::num::NonZeroU32;

const MIB: f64 = 1024.0 * 1024.0;
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: f64 = 24.0 * 3_600_000.0;
/// Coverage and confidence of tolerance limits.
const TOLERANCE: f64 = 0.95;
/// State is carried on for so many days of the growth seen.
const GROWTH_DAYS: f64 = 7.0;
/// The same in the first day, of which a trend is not told from the day's wave for long.
const YOUNG_GROWTH_DAYS: f64 = 0.5;
/// Managed memory for each byte of checkpointed state from which a bigger cache hardly helps: the cache gets about 70 %
/// of it, and not all state is touched.
const CACHE_PER_STATE: f64 = 1.2;
/// Managed memory that each slot of a RocksDB job keeps for write buffers.
const WRITE_BUFFERS: f64 = 64.0 * MIB;
/// Heap asked for because of pauses, over the heap there is, in one change at most.
const MOST_GROWTH: f64 = 2.0;
/// Room for threads and the JVM's own structures where the container was not measured.
const THREADS: f64 = 96.0 * MIB;
/// Median absolute deviations beyond the median from which a heap in use is no garbage: evenly scattered readings end at two.
const STANDS_OUT: f64 = 4.0;
/// Factor over network memory seen in use.
const NETWORK_FACTOR: f64 = 1.2;

/// What a history says about the memory of a job at its present size.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct MemorySeen {
    /// Pools of a TaskManager at present.
    pub(super) pools: Pools,
    /// Heap that stays after collections, bytes: the upper tolerance limit of the hourly lows.
    pub(super) live: f64,
    /// The highest hourly low, bytes.
    pub(super) live_highest: f64,
    /// Heap that must be there at the present size, bytes.
    pub(super) heap: f64,
    /// The highest heap seen, garbage included.
    pub(super) heap_highest: f64,
    /// A peak of the heap that returns and that garbage does not explain, bytes; 0 where there is none.
    pub(super) heap_peak: f64,
    /// Share of the time in collections, 95 % of the time at most.
    pub(super) gc_share: f64,
    /// Managed memory of all TaskManagers that the state has a use for, bytes.
    pub(super) managed_total: f64,
    /// What write buffers need of it, bytes.
    pub(super) managed_least: f64,
    /// Network memory in use at most, bytes.
    pub(super) network_used: f64,
    /// By pool, highest seen.
    pub(super) seen: BTreeMap<String, u64>,
    /// State at its growth's end, over the state now, >= 1.
    pub(super) growth: f64,
    /// Part of the live heap that is state, 0..=0.8.
    pub(super) state_part: f64,
    /// Tasks failed for want of heap at the present size, or of a memory that was not told.
    pub(super) killed: bool,
    /// Overhead that a process must keep, bytes: what was seen outside of the pools, no more than it has now.
    pub(super) overhead: u64,
    /// Whether the container's own memory was seen.
    pub(super) container_seen: bool,
    /// What tasks failed for want of at the present size.
    pub(super) kinds: Kinds,
    /// Whether state lives in managed memory.
    pub(super) managed_state: bool,
}

/// How the work of the fullest TaskManager at another size compares with now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Share {
    /// Slots with tasks, against now.
    pub(super) slots: f64,
    /// Part of the job's state (and load), against now.
    pub(super) work: f64,
    /// That part itself, 0..=1.
    pub(super) part: f64,
}

/// Reads the memory of a job off its history; absent when heap or pools are unknown.
pub(super) fn memory_seen(
    history: &History,
    present: &Present,
    settings: &Settings,
) -> Option<MemorySeen> {
    let shape = history
        .points
        .iter()
        .rev()
        .find(|point| point.running > 0.0)
        .map(|point| &point.shape)?;
    let same: Vec<&Point> = history
        .points
        .iter()
        .filter(|point| &point.shape == shape && point.running > 0.0)
        .collect();
    let pools = pools(
        &present.configuration,
        Some(present.size.memory_bytes),
        present.version,
    )
    .ok()?;
    let lows = hourly_lows(&same);
    let live_highest = lows.iter().copied().fold(0.0, f64::max);
    let highest = |pick: &dyn Fn(&Point) -> Option<f64>| {
        same.iter()
            .filter_map(|point| pick(point))
            .fold(0.0, f64::max)
    };
    let heap_highest = highest(&|point| Some(point.task_managers.heap_used?.max));
    if lows.is_empty() || live_highest <= 0.0 {
        return None;
    }
    let growth = state_growth(&history.points);
    // The factor of a handful of lows is all uncertainty, and says nothing about memory.
    let live = match lows.len() {
        0..6 => live_highest * 1.1,
        _ => upper_tolerance_limit(&lows, TOLERANCE, TOLERANCE).unwrap_or(live_highest),
    };
    let live = live.clamp(live_highest, live_highest * 1.3);
    let state = same
        .iter()
        .rev()
        .find_map(|point| Some(point.checkpoints.state_bytes?.max))
        .unwrap_or(0.0);
    let managed_used = highest(&|point| Some(point.task_managers.managed_used?.max));
    let backend = history
        .latest_running
        .as_ref()
        .and_then(|seen| seen.checkpoints.as_ref()?.state_backend.clone());
    let managed_state = keeps_state_managed(present, backend.as_deref());
    let knows_managed = same
        .iter()
        .any(|point| point.task_managers.managed_used.is_some());
    let task_managers = f64::from(present.size.task_managers.max(1));
    let slots = f64::from(present.size.parallelism);
    let managed_now = pools.managed as f64 * task_managers;
    let managed_total = match (managed_state, knows_managed) {
        // RocksDB takes all it is given, so use says nothing: what the state could fill does.
        (true, _) if state > 0.0 => {
            managed_now.min((CACHE_PER_STATE * state * growth).max(WRITE_BUFFERS * slots))
        }
        (false, true) => managed_used * task_managers * 1.1,
        _ => managed_now,
    };
    let state_on_heap = if managed_state {
        0.0
    } else {
        state / task_managers
    };
    let kinds = Kinds::at(history, shape);
    let mut seen = MemorySeen {
        pools,
        live,
        live_highest,
        heap: 0.0,
        heap_highest,
        heap_peak: heap_peak(&same).unwrap_or(0.0) * settings.heap_factor.max(1.0),
        gc_share: gc_share(&same),
        managed_total,
        managed_least: WRITE_BUFFERS,
        network_used: highest(&|point| Some(point.task_managers.network_used?.max)),
        seen: BTreeMap::new(),
        growth,
        state_part: (state_on_heap / live_highest).clamp(0.0, 0.8),
        overhead: overhead(&same, &pools),
        container_seen: same
            .iter()
            .any(|point| point.task_managers.container_used.is_some()),
        killed: kinds.heap,
        kinds,
        managed_state,
    };
    seen.heap = heap_now(&seen, settings);
    seen.seen = by_pool(
        &seen,
        managed_used,
        highest(&|point| Some(point.task_managers.metaspace_used?.max)),
    );
    Some(seen)
}

/// The highest heap in use, where it stands out and returns. Garbage fills a heap and is collected, so that readings at any time scatter
/// over all of it; a window that fires, or a batch that is built, stands out of readings that hardly scatter.
fn heap_peak(points: &[&Point]) -> Option<f64> {
    let mut used: Vec<f64> = points
        .iter()
        .filter_map(|point| Some(point.task_managers.heap_used?.max))
        .filter(|bytes| bytes.is_finite())
        .collect();
    used.sort_by(f64::total_cmp);
    let middle = *used.get(used.len() / 2)?;
    let mut apart: Vec<f64> = used.iter().map(|bytes| (bytes - middle).abs()).collect();
    apart.sort_by(f64::total_cmp);
    let scatter = apart[apart.len() / 2];
    let stands_out = middle + (STANDS_OUT * scatter).max(0.2 * middle);
    let peaks = used.iter().filter(|bytes| **bytes > stands_out).count();
    (peaks >= 2).then(|| *used.last().unwrap_or(&0.0))
}

/// Overhead that a process must keep: memory outside the heap that is no metaspace (compiled code), and what the container holds beyond every
/// pool; where no container was measured, room for threads. Never more than there is: what it lacks is told apart.
fn overhead(points: &[&Point], pools: &Pools) -> u64 {
    let largest = |pick: &dyn Fn(&Point) -> Option<f64>| {
        points
            .iter()
            .filter_map(|point| pick(point))
            .fold(0.0, f64::max)
    };
    let code = largest(&|point| {
        let used = &point.task_managers;
        Some((used.non_heap_used?.max - used.metaspace_used?.max).max(0.0))
    });
    let native = points
        .iter()
        .filter_map(|point| point.task_managers.native_bytes())
        .reduce(f64::max)
        .map_or(THREADS, |native| native * 1.1);
    ((code + native) as u64).min(pools.overhead)
}

/// Heap for the present work: what stays may fill a share of it; and a factor over the highest seen, of which garbage
/// counts only up to half as much again as what stays (a heap fills with garbage until it is collected).
fn heap_now(seen: &MemorySeen, settings: &Settings) -> f64 {
    let peak = seen.heap_highest.min(1.5 * seen.live_highest);
    let need = (seen.live / settings.heap_share.clamp(0.1, 1.0)).max(settings.heap_factor * peak);
    let given = seen.pools.heap() as f64;
    if seen.killed || seen.gc_share > 0.10 {
        need.max(given * 1.3)
    } else {
        need
    }
}

impl MemorySeen {
    /// Heap that a TaskManager with another share of the work must have at least, bytes: more than now where tasks died of it or
    /// collections take the time.
    pub(super) fn heap_at_least(&self, share: Share) -> f64 {
        if self.killed || self.gc_share > 0.10 {
            // How deaths and pauses fall with memory is known near what there is, and not far from it.
            let more = share.work.max(share.slots).max(1.0);
            self.pools.heap() as f64 * (1.3 * more).min(MOST_GROWTH * more)
        } else {
            self.heap_peak * share.work.max(1.0)
        }
    }

    /// Managed memory that a TaskManager with this part of the work gets, bytes: `level` times what all have together now, where state
    /// lives there.
    pub(super) fn managed_at(&self, share: Share, level: f64) -> f64 {
        if self.managed_state {
            (self.managed_total * level).max(self.managed_least) * share.part
        } else {
            self.managed_total * share.part
        }
    }
}

/// The smallest process that holds what is needed at a size.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Process {
    pub(super) minimum: Minimum,
    pub(super) needs: Needs,
    /// Options that must change with it.
    pub(super) options: BTreeMap<String, String>,
}

/// The smallest process for these needs: with the configuration as it is, or, where that is smaller by a step or the
/// only way, with the size of managed memory written out. `floor` is the least size allowed, bytes.
pub(super) fn smallest_process(
    present: &Present,
    needs: Needs,
    floor: u64,
    settings: &Settings,
) -> Option<Process> {
    let step = NonZeroU32::new(settings.memory_step_mib)?;
    // A pool that failed and has a size of its own gets a larger one.
    let raised = raising(
        &present.configuration,
        present.size.memory_bytes,
        present.version,
        &needs,
    );
    let mut configuration = present.configuration.clone();
    configuration.extend(raised.clone());
    let as_is = at_least(present, &configuration, &needs, floor, step);
    let (key, text) = managed_option(&configuration, needs.managed);
    let mut written = configuration.clone();
    written.insert(key.clone(), text.clone());
    let changed = at_least(present, &written, &needs, floor, step);
    let mut with_managed = raised.clone();
    with_managed.insert(key, text);
    let process = |minimum: Minimum, options| Process {
        minimum,
        needs,
        options,
    };
    match (as_is, changed) {
        (Some(as_is), Some(changed)) if changed.process < as_is.process => {
            Some(process(changed, with_managed))
        }
        (Some(as_is), _) => Some(process(as_is, raised)),
        (None, Some(changed)) => Some(process(changed, with_managed)),
        (None, None) => None,
    }
}

/// The smallest process for these needs with all options as they are.
pub(super) fn process_as_is(
    present: &Present,
    needs: Needs,
    floor: u64,
    settings: &Settings,
) -> Option<Process> {
    let step = NonZeroU32::new(settings.memory_step_mib)?;
    let minimum = at_least(present, &present.configuration, &needs, floor, step)?;
    Some(Process {
        minimum,
        needs,
        options: BTreeMap::new(),
    })
}

/// The process as it is, if it holds these needs and is no smaller than the floor.
pub(super) fn kept_process(present: &Present, needs: Needs, floor: u64) -> Option<Process> {
    let now = present.size.memory_bytes;
    let pools = pools(&present.configuration, Some(now), present.version).ok()?;
    let holds = pools.heap() >= needs.heap
        && pools.framework_off_heap + pools.task_off_heap >= needs.off_heap
        && pools.managed >= needs.managed
        && pools.network >= needs.network
        && pools.metaspace >= needs.metaspace
        && pools.overhead >= needs.overhead
        && now >= floor;
    holds.then(|| Process {
        minimum: Minimum {
            process: now,
            pools,
        },
        needs,
        options: BTreeMap::new(),
    })
}

fn at_least(
    present: &Present,
    configuration: &Configuration,
    needs: &Needs,
    floor: u64,
    step: NonZeroU32,
) -> Option<Minimum> {
    let found = minimum_process_size(configuration, needs, step, present.version).ok()?;
    if found.process >= floor {
        return Some(found);
    }
    let step = u64::from(step.get()) << 20;
    let process = floor.div_ceil(step) * step;
    let pools = pools(configuration, Some(process), present.version).ok()?;
    Some(Minimum { process, pools })
}

fn managed_option(configuration: &Configuration, bytes: u64) -> (String, String) {
    let key = MANAGED_SIZE
        .written(configuration)
        .map_or(MANAGED_SIZE.key, |(key, _)| key);
    (
        key.to_owned(),
        Memory::from_mib(bytes.div_ceil(MIB as u64)).to_string(),
    )
}

/// Network memory that a TaskManager needs at a size: what Flink's edges ask for, times what was used over what they ask for
/// now (up to three times as much). Without a graph, what was used, grown with the channels (slots times parallelism).
pub(super) fn network_at(
    seen: &MemorySeen,
    latest: &Snapshot,
    present: &Present,
    parallelism: u32,
    slots: u32,
) -> f64 {
    let size = &present.size;
    let used = seen.network_used * NETWORK_FACTOR;
    let now = channels(
        latest,
        present,
        size.parallelism,
        size.slots_per_task_manager,
    );
    let then = channels(latest, present, parallelism, slots);
    match now.zip(then).filter(|(now, _)| *now > 0.0) {
        Some((now, then)) => then * (used / now).clamp(1.0, 3.0),
        None => {
            let now = f64::from(size.parallelism) * f64::from(size.slots_per_task_manager);
            used * (f64::from(parallelism) * f64::from(slots) / now.max(1.0)).max(0.5)
        }
    }
}

fn channels(latest: &Snapshot, present: &Present, parallelism: u32, slots: u32) -> Option<f64> {
    let own = |id: &str, now: u32| match present.size.vertex_parallelism.contains_key(id) {
        true => now,
        false => parallelism,
    };
    let nodes = latest.vertices.iter().map(|vertex| {
        let edges = vertex.inputs.iter().map(|input| Edge {
            from: input.vertex.clone(),
            ship_strategy: input.ship_strategy.clone().into(),
        });
        Some(Node {
            id: vertex.id.clone(),
            name: vertex.name.clone(),
            parallelism: Parallelism::new(own(&vertex.id, vertex.parallelism)).ok()?,
            max_parallelism: vertex.max_parallelism,
            slot_sharing_group: vertex.slot_sharing_group.clone(),
            inputs: edges.collect(),
        })
    });
    let topology = Topology::new(nodes.collect::<Option<Vec<Node>>>()?).ok()?;
    let buffers =
        NetworkBuffers::from_configuration(&present.configuration, present.version).ok()?;
    Some(network_bytes_per_task_manager(&topology, slots, &buffers) as f64)
}

/// The lowest heap in use within each hour: what collections leave. With less than three hours, thirds of the time.
fn hourly_lows(points: &[&Point]) -> Vec<f64> {
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return Vec::new();
    };
    let long = ((last.to_ms - first.from_ms) / 3).clamp(1, HOUR_MS);
    let mut lows: BTreeMap<i64, f64> = BTreeMap::new();
    for point in points {
        if let Some(used) = point
            .task_managers
            .heap_used
            .filter(|used| used.min.is_finite())
        {
            let low = lows
                .entry((point.to_ms - first.from_ms - 1) / long)
                .or_insert(f64::INFINITY);
            *low = low.min(used.min);
        }
    }
    lows.into_values().filter(|low| *low > 0.0).collect()
}

fn gc_share(points: &[&Point]) -> f64 {
    let mut shares: Vec<f64> = points
        .iter()
        .filter_map(|point| Some(point.task_managers.gc_share?.mean))
        .collect();
    shares.sort_by(f64::total_cmp);
    shares
        .get(shares.len() * 19 / 20)
        .copied()
        .unwrap_or(0.0)
        .clamp(0.0, 1.0)
}

/// Growth of the state over the days ahead, from first and last quarter of the time; at most doubled.
fn state_growth(points: &[Point]) -> f64 {
    let sizes: Vec<(f64, f64)> = points
        .iter()
        .filter(|point| point.running > 0.0)
        .filter_map(|point| Some((point.to_ms as f64, point.checkpoints.state_bytes?.mean)))
        .filter(|(_, bytes)| *bytes > 0.0 && bytes.is_finite())
        .collect();
    let quarter = sizes.len() / 4;
    if quarter == 0 {
        return 1.0;
    }
    let mean = |part: &[(f64, f64)]| {
        let n = part.len() as f64;
        (
            part.iter().map(|(at, _)| at).sum::<f64>() / n,
            part.iter().map(|(_, bytes)| bytes).sum::<f64>() / n,
        )
    };
    let quarters: Vec<(f64, f64)> = sizes.chunks(quarter).take(4).map(mean).collect();
    let (begin, small) = mean(&sizes[..quarter]);
    let (end, large) = mean(&sizes[sizes.len() - quarter..]);
    let days = (end - begin) / DAY_MS;
    if large <= small || days <= 0.0 {
        return 1.0;
    }
    if days < 1.0 {
        // Hours of a daily wave are no trend: only what rises from quarter to quarter is, and it is followed for half a day.
        let rises = quarters.windows(2).all(|pair| pair[1].1 > pair[0].1 * 1.02);
        let last = sizes.last().map_or(large, |(_, bytes)| *bytes);
        return if rises && days > 0.05 {
            (1.0 + (large - small) / days * YOUNG_GROWTH_DAYS / last.max(large)).clamp(1.0, 1.6)
        } else {
            1.0
        };
    }
    (1.0 + (large - small) / days * GROWTH_DAYS / large).clamp(1.0, 2.0)
}

fn keeps_state_managed(present: &Present, backend: Option<&str>) -> bool {
    let configured = STATE_BACKEND
        .in_force(&present.configuration, present.version)
        .unwrap_or_default();
    [configured, backend.unwrap_or_default()]
        .iter()
        .any(|name| {
            let name = name.to_ascii_lowercase();
            name.contains("rocksdb") || name.contains("forst")
        })
}

fn by_pool(seen: &MemorySeen, managed: f64, metaspace: f64) -> BTreeMap<String, u64> {
    let mut pools = BTreeMap::from([("heap".to_owned(), seen.heap_highest as u64)]);
    pools.insert(
        "heap after collections".to_owned(),
        seen.live_highest as u64,
    );
    for (name, bytes) in [
        ("managed", managed),
        ("network", seen.network_used),
        ("metaspace", metaspace),
    ] {
        if bytes > 0.0 {
            pools.insert(name.to_owned(), bytes as u64);
        }
    }
    pools
}
