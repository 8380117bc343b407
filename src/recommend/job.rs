//! All that sizing knows of a job, read off its history once.

use super::carrying::{Capacity, Carrier};
use super::checkpoint_fit::{CheckpointsSeen, checkpoints_seen};
use super::memory_need::{MemorySeen, killed_shapes, memory_seen};
use super::past::Past;
use super::scalability::optimum;
use super::spread::Spread;
use super::{Present, Settings, SizingReason};
use crate::classify::{JobProfile, VerdictId};
use crate::evaluate::{CpuCost, Demand, VertexCapacity, cpu_cost};
use crate::experiment::observational::past_runs;
use crate::experiment::procedure::Outcome;
use crate::snapshot::{History, Snapshot};
use std::collections::BTreeMap;

/// A gain below this is no reason to grow a vertex.
const WORTH_GROWING: f64 = 1.10;
/// Part of what is possible at most with which a capped vertex is content.
const NEARLY_ALL: f64 = 0.95;

/// A job, ready to be sized.
pub(super) struct Job<'a> {
    pub(super) present: &'a Present,
    pub(super) settings: &'a Settings,
    pub(super) latest: &'a Snapshot,
    /// Largest parallelism that the rules allow.
    pub(super) most_parallelism: Option<u32>,
    /// The parallelism beyond which its past sizes got slower, if they show one.
    pub(super) optimum: Option<u32>,
    pub(super) demand: &'a Demand,
    pub(super) carriers: Vec<Carrier<'a>>,
    pub(super) cpu: Option<CpuCost>,
    /// Part of the load that the busiest TaskManager gets beyond an even one, 0..1.
    pub(super) cpu_hot: f64,
    /// Part of the load that the TaskManager of the hottest subtask gets however few slots it has, 0..1: no more than was seen.
    pub(super) cpu_hottest: f64,
    pub(super) memory: Option<MemorySeen>,
    pub(super) checkpoints: Option<CheckpointsSeen>,
    /// Memory of a slot, bytes, at which tasks died for want of memory: no size may have as little again.
    pub(super) killed_at: u64,
    /// D* as far as any size can carry it, records/s.
    pub(super) required: f64,
    /// The vertex that keeps any size from carrying D*, and why.
    pub(super) cap: Option<Cap>,
    /// What its past sizes say; or why they say nothing.
    pub(super) past: Result<Past, String>,
}

/// What must be carried, and by what.
pub(super) struct Load<'a> {
    pub(super) demand: &'a Demand,
    pub(super) capacities: &'a [VertexCapacity],
}

/// What no size of the job can change.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cap {
    /// The vertex's name.
    pub(super) vertex: String,
    /// `sink-bound`, `skewed`, `source-bound`, `external-wait`, `scaling-optimum`, `parallelism-limit`,
    /// `max-parallelism`
    pub(super) reason: SizingReason,
    /// What the job can carry at most, records/s of its sources.
    pub(super) carries: f64,
}

impl<'a> Job<'a> {
    pub(super) fn new(
        history: &History,
        latest: &'a Snapshot,
        profile: &JobProfile,
        present: &'a Present,
        load: &Load<'a>,
        settings: &'a Settings,
        most_parallelism: Option<u32>,
    ) -> Job<'a> {
        let (demand, capacities) = (load.demand, load.capacities);
        let fixed = |id: &str| {
            profile.verdicts.iter().any(|verdict| {
                verdict.id == VerdictId::SinkBound
                    && verdict
                        .vertex
                        .as_ref()
                        .is_some_and(|vertex| vertex.id == id)
            })
        };
        let carriers: Vec<Carrier<'_>> = capacities
            .iter()
            .map(|vertex| Carrier {
                vertex,
                spread: Spread::seen(vertex),
                reach: reach(history, vertex),
                fixed: fixed(&vertex.id),
                floor: None,
            })
            .collect();
        let cpu = cpu_cost(history);
        let even = present_part(present);
        let cpu_hot = cpu.as_ref().map_or(0.0, |cpu| {
            if present.size.task_managers > 1 && cpu.busiest_part > even * 1.1 {
                ((cpu.busiest_part - even) / (1.0 - even)).clamp(0.0, 0.95)
            } else {
                0.0
            }
        });
        let hottest = carriers.iter().map(|carrier| carrier.spread.hot);
        let hottest = hottest.fold(0.0, f64::max);
        let cpu_hottest = cpu
            .as_ref()
            .map_or(0.0, |cpu| hottest.min(cpu.busiest_part));
        let mut job = Job {
            present,
            settings,
            latest,
            most_parallelism,
            optimum: slower_beyond(history, present),
            demand,
            carriers,
            cpu,
            cpu_hot,
            cpu_hottest,
            memory: memory_seen(history, present, settings),
            checkpoints: checkpoints_seen(history, settings),
            killed_at: killed_at(history),
            required: demand.required_per_second,
            cap: None,
            past: Err(String::new()),
        };
        job.cap_requirement();
        job.past = job.past_sizes(history);
        job
    }

    fn past_sizes(&self, history: &History) -> Result<Past, String> {
        let keyed = self.carriers.iter().any(|carrier| carrier.vertex.keyed);
        match Past::seen(history, self.present, self.required, keyed) {
            Ok(Some(past)) => Ok(past),
            Ok(None) => Err("no half hour at the present cores of a slot was measured".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// The largest parallelism to look at for a vertex: where the rules allow less than the load needs, a smaller step is better than none.
    pub(super) fn widest(&self, carrier: &Carrier<'_>) -> u32 {
        let now = carrier.vertex.parallelism.max(1);
        let grown = (f64::from(now) * self.settings.max_growth.max(1.0))
            .ceil()
            .min(f64::from(u32::MAX)) as u32;
        let most = carrier.vertex.max_parallelism.unwrap_or(u32::MAX);
        let most = most
            .min(self.most_parallelism.unwrap_or(u32::MAX))
            .min(self.optimum.unwrap_or(u32::MAX));
        grown.min(most.max(1)).max(now)
    }

    /// Holds D* down to what the job could carry at any parallelism, and remembers what caps it.
    fn cap_requirement(&mut self) {
        let mut floors: BTreeMap<usize, u32> = BTreeMap::new();
        let mut lowest: Option<Cap> = None;
        for (place, carrier) in self.carriers.iter().enumerate() {
            let per_record = carrier.vertex.records_per_source_record;
            let widest = self.widest(carrier);
            let most = self.surely(carrier, widest) / per_record;
            if most >= self.demand.required_per_second {
                continue;
            }
            let now = self.surely(carrier, carrier.vertex.parallelism);
            let gains = !carrier.fixed && most * per_record > now * WORTH_GROWING;
            let enough = |p: &u32| self.surely(carrier, *p) >= most * per_record * NEARLY_ALL;
            let floor = if gains {
                (carrier.vertex.parallelism..=widest)
                    .find(enough)
                    .unwrap_or(widest)
            } else {
                carrier.vertex.parallelism
            };
            floors.insert(place, floor);
            if lowest.as_ref().is_none_or(|cap| most < cap.carries) {
                lowest = Some(Cap {
                    vertex: carrier.vertex.name.clone(),
                    reason: self.reason(carrier),
                    carries: most,
                });
            }
        }
        for (place, floor) in floors {
            self.carriers[place].floor = Some(floor);
        }
        if let Some(cap) = lowest {
            // The present load flows, whatever the model says.
            self.required = cap
                .carries
                .max(self.demand.mean_per_second)
                .min(self.demand.required_per_second);
            self.cap = Some(cap);
        }
    }

    /// The rate that a vertex carries with the probability asked for.
    fn surely(&self, carrier: &Carrier<'_>, parallelism: u32) -> f64 {
        let Capacity { rate, sd_ln } = carrier.at(parallelism, 1.0, self.settings);
        rate * (-1.645 * sd_ln).exp()
    }

    /// The highest probability, over the vertices, that a vertex is short of `load`; a vertex that caps the job counts
    /// by its floor only.
    pub(super) fn probability_short(
        &self,
        load: f64,
        parallelism: impl Fn(&str) -> u32,
        slots_ratio: f64,
    ) -> f64 {
        let mut highest: f64 = 0.0;
        for carrier in &self.carriers {
            let own = parallelism(&carrier.vertex.id);
            if let Some(floor) = carrier.floor {
                if own < floor {
                    return 1.0;
                }
                continue;
            }
            let capacity = carrier.at(own, slots_ratio, self.settings);
            let needed = load * carrier.vertex.records_per_source_record;
            highest = highest.max(capacity.probability_below(needed));
        }
        highest
    }

    /// Load that the cores must be there for: a capped job runs at its limit all the time, and needs its headroom in cores.
    pub(super) fn computing_load(&self) -> f64 {
        let headroom = 1.0 + self.demand.restart_headroom;
        (self.required * headroom).min(self.demand.required_per_second.max(self.required))
    }

    /// Load that a size carries, expected: of the vertex that carries least.
    pub(super) fn carries(&self, parallelism: impl Fn(&str) -> u32, slots_ratio: f64) -> f64 {
        self.tightest(parallelism, slots_ratio)
            .map_or(f64::INFINITY, |capacity| capacity.rate)
    }

    /// Capacity of the vertex that carries least, in records/s of the sources together.
    pub(super) fn tightest(
        &self,
        parallelism: impl Fn(&str) -> u32,
        slots_ratio: f64,
    ) -> Option<Capacity> {
        let of = |carrier: &Carrier<'_>| {
            let capacity = carrier.at(parallelism(&carrier.vertex.id), slots_ratio, self.settings);
            Capacity {
                rate: capacity.rate / carrier.vertex.records_per_source_record,
                ..capacity
            }
        };
        self.carriers
            .iter()
            .map(of)
            .min_by(|one, other| one.rate.total_cmp(&other.rate))
    }

    fn reason(&self, carrier: &Carrier<'_>) -> SizingReason {
        let own = carrier.vertex.max_parallelism.unwrap_or(u32::MAX);
        if carrier.fixed {
            SizingReason::SinkBound
        } else if carrier.vertex.partitions.is_some() {
            SizingReason::SourceBound
        } else if carrier.spread.hot > 0.0 {
            SizingReason::Skewed
        } else if self
            .optimum
            .is_some_and(|most| most < own && most < self.most_parallelism.unwrap_or(u32::MAX))
        {
            SizingReason::ScalingOptimum
        } else if self.most_parallelism.is_some_and(|most| most < own) {
            SizingReason::ParallelismLimit
        } else {
            SizingReason::MaxParallelism
        }
    }

    /// Cores that the busiest TaskManager needs for a load, when it holds `part` of the job's slots.
    pub(super) fn cores_needed(&self, load: f64, part: f64) -> Option<f64> {
        let cpu = self.cpu.as_ref()?;
        let part = self.cpu_hot + (1.0 - self.cpu_hot) * part;
        Some(cpu.cores_per_record_per_second * load * part.max(self.cpu_hottest))
    }
}

/// The largest parallelism at which a vertex was ever seen.
fn reach(history: &History, vertex: &VertexCapacity) -> u32 {
    let seen = history
        .points
        .iter()
        .filter(|point| point.running > 0.0)
        .filter_map(|point| point.shape.parallelism.get(&vertex.id));
    seen.copied().fold(vertex.parallelism, u32::max)
}

/// The optimum of the job's past sizes with the present cores of a slot, where they show one.
fn slower_beyond(history: &History, present: &Present) -> Option<u32> {
    let size = &present.size;
    let cores = size.cpu_millis as f64 / 1000.0 / f64::from(size.slots_per_task_manager.max(1));
    let past: Vec<(f64, f64)> = past_runs(history)
        .iter()
        .filter(|run| (run.cores_per_slot - cores).abs() <= 0.05 * cores)
        .filter_map(|run| match run.outcome {
            Outcome::Measured(capacity) => Some((run.size.parallelism, capacity)),
            _ => None,
        })
        .collect();
    let peak = optimum(&past)?;
    (peak.is_finite() && peak >= 1.0).then(|| peak.floor().min(f64::from(u32::MAX)) as u32)
}

/// The most memory of a slot with which tasks died for want of memory, bytes; 0 when none did.
fn killed_at(history: &History) -> u64 {
    let shapes = killed_shapes(history).into_iter();
    let each =
        shapes.map(|shape| shape.memory_bytes / u64::from(shape.slots_per_task_manager.max(1)));
    each.max().unwrap_or(0)
}

/// Part of the job's slots that the fullest TaskManager holds at the size in force.
pub(super) fn present_part(present: &Present) -> f64 {
    part_of(
        present.size.parallelism,
        present.size.slots_per_task_manager,
        present.size.task_managers,
    )
}

/// Part of the job's slots that the fullest of so many TaskManagers holds: Flink fills one after the other.
pub(super) fn part_of(slots_needed: u32, slots_each: u32, task_managers: u32) -> f64 {
    let needed = f64::from(slots_needed.max(1));
    let even = 1.0 / f64::from(task_managers.max(1));
    (f64::from(slots_each.min(slots_needed)) / needed).clamp(even.min(1.0), 1.0)
}
