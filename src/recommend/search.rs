//! The cheapest size that holds everything, by the model's draws.

use super::job::{Job, part_of, present_part};
use super::memory_need::{
    Process, Share, kept_process, network_at, process_as_is, smallest_process,
};
use super::{Bounds, RevertedSize, Size};
use crate::classify::Resource;
use crate::flink::memory::Needs;
use crate::model::{Burden, Holds, Need, Pools};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

const MIB: u64 = 1 << 20;
/// Share of the cost that a change of slots, parallelism or memory options must save beyond the others.
const UNLIKE: f64 = 0.01;
/// Part of the probability allowed that the parallelism may take: CPU and heap have the rest.
const OF_PARALLELISM: f64 = 0.6;
/// Factors on the cores needed: with more to spare, busy time stretches less.
const SPARE_CORES: [f64; 6] = [1.0, 1.12, 1.3, 1.6, 2.1, 2.8];
/// Managed memory, all TaskManagers together, over the present one.
const MANAGED: [f64; 8] = [0.15, 0.25, 0.4, 0.55, 0.75, 1.0, 1.3, 1.7];
/// So many shapes are looked at with other managed memory.
const SHAPES: usize = 6;

/// A size that holds everything, with what was computed for it.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) size: Size,
    pub(super) per_month: f64,
    pub(super) holds: Holds,
    /// Probability to be short of the load that was asked for, 0..=1.
    short_asked: f64,
    /// Cores that its busiest TaskManager needs, by the median draw.
    pub(super) cores: Option<f64>,
    pub(super) process: Option<Process>,
    pub(super) checkpoint_ms: Option<f64>,
}

/// What became of a shape.
enum Tried {
    Holds(Box<Candidate>),
    /// It is within the limits, and too small.
    Short,
    /// It is not.
    Out,
}

impl Candidate {
    pub(super) fn probability_short(&self) -> f64 {
        1.0 - self.holds.ok
    }
}

/// What a job is short of and must not lose any of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Scarce {
    pub(super) parallelism: bool,
    pub(super) cpu: bool,
    pub(super) memory: bool,
}

/// A search that counts what it looked at, for the explanation.
pub(super) struct Search<'a> {
    pub(super) job: &'a Job<'a>,
    pub(super) bounds: &'a Bounds,
    pub(super) burden: Burden,
    /// Largest probability that the size does not hold.
    pub(super) allowed_short: f64,
    pub(super) scarce: Scarce,
    /// Most that the size may cost a month.
    pub(super) most_per_month: f64,
    /// Largest factor on cores and slots.
    pub(super) most_times: f64,
    pub(super) looked_at: usize,
    fails: RefCell<BTreeMap<u32, f64>>,
}

impl<'a> Search<'a> {
    pub(super) fn new(job: &'a Job<'a>, bounds: &'a Bounds, burden: Burden) -> Search<'a> {
        Search {
            job,
            bounds,
            burden,
            allowed_short: job.settings.probability_limit,
            scarce: Scarce::default(),
            most_per_month: f64::INFINITY,
            most_times: f64::INFINITY,
            looked_at: 0,
            fails: RefCell::default(),
        }
    }

    /// Asks for another load.
    pub(super) fn asked(&mut self, burden: Burden) {
        if burden != self.burden {
            self.burden = burden;
            self.fails.borrow_mut().clear();
        }
        self.looked_at = 0;
    }

    /// The cheapest size; among equals the one that changes least.
    pub(super) fn cheapest(&mut self) -> Option<Candidate> {
        let mut shapes: Vec<(f64, u32, u32)> = Vec::new();
        let mut best: Option<Candidate> = None;
        for slots in self.slots_each() {
            for parallelism in self.parallelisms(slots) {
                self.looked_at += 1;
                if let Some(candidate) = self.holding(parallelism, slots, 1.0) {
                    shapes.push((self.weighed(&candidate), parallelism, slots));
                    self.keep_better(&mut best, candidate);
                }
            }
        }
        let memory = self.job.memory.as_ref();
        let managed = memory.filter(|memory| memory.managed_state);
        if let Some(total) = managed.map(|memory| memory.managed_total) {
            shapes.sort_by(|one, other| one.0.total_cmp(&other.0));
            for (_, parallelism, slots) in shapes.into_iter().take(SHAPES) {
                // A cache is not cut below the state that is likely in use; what is short of cores is not made to miss at all.
                let needed = self.job.model.working_set();
                let least = if self.scarce.cpu || self.scarce.parallelism {
                    1.0
                } else {
                    needed / total.max(1.0)
                };
                let levels = MANAGED
                    .into_iter()
                    .filter(|level| *level != 1.0 && (*level > 1.0 || *level >= least));
                for level in levels {
                    self.looked_at += 1;
                    if let Some(candidate) = self.holding(parallelism, slots, level) {
                        self.keep_better(&mut best, candidate);
                    }
                }
            }
        }
        best
    }

    fn keep_better(&self, best: &mut Option<Candidate>, candidate: Candidate) {
        if best
            .as_ref()
            .is_none_or(|best| self.better(&candidate, best))
        {
            *best = Some(candidate);
        }
    }

    fn better(&self, one: &Candidate, other: &Candidate) -> bool {
        let (cost, price) = (self.weighed(one), self.weighed(other));
        if (cost - price).abs() > price.max(1e-9) * 1e-6 {
            return cost < price;
        }
        one.holds.ok > other.holds.ok
    }

    /// The cost with what each unlike dimension adds: a shape that was seen to work is worth a little.
    fn weighed(&self, candidate: &Candidate) -> f64 {
        let (now, then) = (&self.job.present.size, &candidate.size);
        let unlike = u32::from(now.slots_per_task_manager != then.slots_per_task_manager)
            + u32::from(now.parallelism != then.parallelism)
            + u32::from(!then.options.is_empty());
        // Who is short keeps the shape that is known, and gets more of it.
        let each = if self.scarce == Scarce::default() {
            UNLIKE
        } else {
            UNLIKE * 4.0
        };
        candidate.per_month * (1.0 + each * f64::from(unlike))
    }

    fn slots_each(&self) -> Vec<u32> {
        let now = self.job.present.size.slots_per_task_manager.max(1);
        if self.bounds.kept.slots {
            return vec![now];
        }
        let most = self.job.settings.max_slots_per_task_manager.max(1);
        let all: BTreeSet<u32> = (1..=most).chain([now]).collect();
        all.into_iter().collect()
    }

    /// The least parallelism that carries the load, the same filled up to whole TaskManagers and the next ones, the present one, and,
    /// because steps down are limited, the least that these allow.
    fn parallelisms(&self, slots_each: u32) -> Vec<u32> {
        let now = self.job.present.size.parallelism.max(1);
        if self.bounds.keep_parallelism {
            return vec![now];
        }
        let mut low = self.bounds.min_parallelism.unwrap_or(1).max(1);
        if self.scarce.parallelism || self.job.barred.contains(&Resource::Slots) {
            low = low.max(now);
        }
        let high = self
            .bounds
            .max_parallelism
            .unwrap_or(u32::MAX)
            .min(self.widest())
            .max(low);
        let limit = self.allowed_short * OF_PARALLELISM;
        let carries = |p: u32| self.fails(p) <= limit;
        let mut found = BTreeSet::from([now.clamp(low, high)]);
        if let Some(least) = smallest(low, high, &carries) {
            found.insert(least);
            let most = now.max(least);
            let slots = self.slots_needed(least);
            let task_managers = slots.div_ceil(slots_each);
            for more in 0..2 {
                let filled = (task_managers + more) * slots_each;
                found.insert(
                    (least + filled.saturating_sub(slots))
                        .clamp(low, high)
                        .min(most),
                );
            }
            if let Some(floor) = self.least_total(slots_each) {
                found.insert(floor.clamp(low, high).min(most));
            }
        }
        found
            .into_iter()
            .filter(|p| *p == now || carries(*p))
            .collect()
    }

    /// The largest parallelism to look at.
    fn widest(&self) -> u32 {
        let now = self.job.present.size.parallelism.max(1);
        let times = self.job.settings.max_growth.min(self.most_times).max(1.0);
        let grown = (f64::from(now) * times).ceil();
        let groups = self
            .job
            .capacities
            .iter()
            .map(|vertex| {
                let most = self.job.settings.most_of(&vertex.id, &vertex.name);
                vertex.max_parallelism.unwrap_or(u32::MAX).min(most)
            })
            .min();
        let most = groups.unwrap_or(u32::MAX).max(1);
        (grown.min(f64::from(u32::MAX)) as u32).min(most).max(now)
    }

    /// The parallelism that fills the fewest slots that a limited step down allows.
    fn least_total(&self, slots_each: u32) -> Option<u32> {
        let least = (f64::from(self.job.present.size.slots()) * (1.0 - self.bounds.step_down?))
            .ceil() as u32;
        Some(least.div_ceil(slots_each) * slots_each)
    }

    /// Share of the draws in which a parallelism is too little.
    fn fails(&self, parallelism: u32) -> f64 {
        if let Some(known) = self.fails.borrow().get(&parallelism) {
            return *known;
        }
        let size = Size {
            parallelism,
            vertex_parallelism: self.own_parallelism(parallelism),
            ..self.job.present.size.clone()
        };
        let needs = self
            .job
            .model
            .needs(&size, None, self.burden, self.job.shares());
        let failing = needs.iter().filter(|need| !need.parallelism).count();
        let share = failing as f64 / needs.len().max(1) as f64;
        self.fails.borrow_mut().insert(parallelism, share);
        share
    }

    /// Vertices that have a parallelism of their own keep it; in a larger job they grow alike.
    fn own_parallelism(&self, parallelism: u32) -> BTreeMap<String, u32> {
        let now = &self.job.present.size;
        let ratio = (f64::from(parallelism) / f64::from(now.parallelism.max(1))).max(1.0);
        now.vertex_parallelism
            .iter()
            .map(|(id, own)| {
                if self.job.pinned.contains(id) {
                    return (id.clone(), *own);
                }
                let own = (f64::from(*own) * ratio).ceil().min(f64::from(u32::MAX)) as u32;
                let most = self
                    .job
                    .capacities
                    .iter()
                    .find(|vertex| vertex.id == *id)
                    .and_then(|vertex| vertex.max_parallelism);
                (id.clone(), own.min(most.unwrap_or(u32::MAX)))
            })
            .collect()
    }

    /// Slots that the job takes: the widest vertex of each slot sharing group.
    fn slots_needed(&self, parallelism: u32) -> u32 {
        let own = self.own_parallelism(parallelism);
        let mut groups: BTreeMap<&str, u32> = BTreeMap::new();
        for vertex in &self.job.latest.vertices {
            let group = vertex.slot_sharing_group.as_deref().unwrap_or("default");
            let widest = groups.entry(group).or_insert(0);
            *widest = own
                .get(&vertex.id)
                .copied()
                .unwrap_or(parallelism)
                .max(*widest);
        }
        groups
            .values()
            .fold(0u32, |sum, slots| sum.saturating_add(*slots))
            .max(1)
    }

    /// The shape with as many cores as it takes to hold.
    fn holding(&self, parallelism: u32, slots_each: u32, level: f64) -> Option<Candidate> {
        for spare in SPARE_CORES {
            match self.candidate(parallelism, slots_each, level, spare) {
                Tried::Holds(candidate) => return Some(*candidate),
                Tried::Short => {}
                Tried::Out => return None,
            }
        }
        None
    }

    fn candidate(&self, parallelism: u32, slots_each: u32, level: f64, spare: f64) -> Tried {
        match self.tried(parallelism, slots_each, level, spare) {
            // More cores may be what it lacks.
            Some(candidate) if self.excluded(&candidate.size) => Tried::Short,
            Some(candidate) if candidate.short_asked <= self.allowed_short + 1e-9 => {
                Tried::Holds(Box::new(candidate))
            }
            Some(_) => Tried::Short,
            None => Tried::Out,
        }
    }

    fn tried(
        &self,
        parallelism: u32,
        slots_each: u32,
        level: f64,
        spare: f64,
    ) -> Option<Candidate> {
        let (job, now) = (self.job, &self.job.present.size);
        let slots = self.slots_needed(parallelism);
        let task_managers = self.task_managers(slots, slots_each);
        if slots_each > slots && slots_each != now.slots_per_task_manager {
            return None;
        }
        let part = part_of(slots, slots_each, task_managers);
        let share = Share {
            slots: f64::from(slots_each.min(slots))
                / f64::from(now.slots_per_task_manager.min(now.parallelism).max(1)),
            work: part / present_part(job.present),
            part,
        };
        let growth = job.memory.as_ref().map_or(1.0, |memory| memory.growth);
        if job
            .checkpoints
            .as_ref()
            .is_some_and(|checkpoints| !checkpoints.fits(share.work, growth))
        {
            return None;
        }
        let mut size = Size {
            parallelism,
            vertex_parallelism: self.own_parallelism(parallelism),
            task_managers,
            slots_per_task_manager: slots_each,
            memory_bytes: now.memory_bytes,
            cpu_millis: now.cpu_millis,
            options: BTreeMap::new(),
        };
        let managed = job
            .memory
            .as_ref()
            .map(|memory| memory.managed_at(share, level));
        let needs = job.model.needs(&size, managed, self.burden, job.shares());
        let (wanted, heap) = self.together(&needs)?;
        let wanted = wanted.map(|cores| cores * spare);
        size.cpu_millis = self.cpu(wanted, task_managers, share)?;
        let process = self.process(parallelism, slots_each, task_managers, share, heap, managed)?;
        if let Some(process) = &process {
            size.memory_bytes = process.minimum.process;
            size.options = process.options.clone();
        }
        let per_month = job.present.prices.per_month(&size);
        let cores = |size: &Size| size.cpu_millis as f64 * f64::from(size.task_managers);
        let grown = cores(&size) > cores(now) * self.most_times + 1.0;
        if !self.allowed(&size) || per_month > self.most_per_month || grown {
            return None;
        }
        let pools = Pools {
            heap: process
                .as_ref()
                .map(|process| process.minimum.pools.heap() as f64),
            managed: process
                .as_ref()
                .map(|process| process.minimum.pools.managed as f64),
        };
        let mut holds = job.holds(&size, pools, self.burden);
        let short_asked = 1.0 - holds.ok;
        if self.burden != job.burden() {
            holds = job.holds(&size, pools, job.burden());
        }
        Some(Candidate {
            per_month,
            short_asked,
            holds,
            cores: wanted,
            process,
            checkpoint_ms: job
                .checkpoints
                .as_ref()
                .map(|seen| seen.duration_at(share.work, growth)),
            size,
        })
    }

    /// CPU and heap that together with the parallelism fail no more often than allowed.
    fn together(&self, needs: &[Need]) -> Option<(Option<f64>, Option<f64>)> {
        let n = needs.len();
        let allowed = (self.allowed_short * n as f64).floor() as usize;
        let failing = needs.iter().filter(|need| !need.parallelism).count();
        if n == 0 || failing > allowed {
            return None;
        }
        let left = allowed - failing;
        // Memory is cheap beside CPU, and too little of it kills: it gets the smaller part of what may fail.
        let of_heap = (left / 6).min(n - 1);
        let mut heaps: Vec<f64> = needs.iter().map(|need| need.heap).collect();
        heaps.sort_by(f64::total_cmp);
        let heap = heaps[n - 1 - of_heap];
        let mut cores: Vec<f64> = needs
            .iter()
            .filter(|need| need.parallelism && need.heap <= heap)
            .map(|need| need.cores)
            .collect();
        cores.sort_by(f64::total_cmp);
        let of_cores = left
            .saturating_sub(of_heap)
            .min(cores.len().saturating_sub(1));
        let core = *cores.get(cores.len().checked_sub(1 + of_cores)?)?;
        Some((
            self.job.model.knows_cores().then_some(core),
            self.job.model.knows_heap().then_some(heap),
        ))
    }

    /// TaskManagers that so many slots make. Where there are more now than the slots ask for, their number is written
    /// down (`replicas`): then it may only go down by the step allowed.
    fn task_managers(&self, slots: u32, slots_each: u32) -> u32 {
        let now = &self.job.present.size;
        let needed = slots
            .div_ceil(slots_each)
            .max(self.bounds.min_task_managers.unwrap_or(1));
        let asked_for = self
            .slots_needed(now.parallelism)
            .div_ceil(now.slots_per_task_manager.max(1));
        match self.least_total(slots_each) {
            Some(least) if now.task_managers > asked_for => needed.max(least / slots_each),
            _ => needed,
        }
    }

    /// The step of CPU that holds the cores needed. Unknown use keeps what each slot has.
    fn cpu(&self, cores: Option<f64>, task_managers: u32, share: Share) -> Option<u64> {
        let (settings, now) = (self.job.settings, &self.job.present.size);
        let wanted = match cores {
            Some(cores) => (cores * 1000.0).ceil() as u64,
            None => (now.cpu_millis as f64 * share.work.max(share.slots).max(1.0)).ceil() as u64,
        };
        let total = now.cpu_millis * u64::from(now.task_managers);
        let mut least = settings.min_cpu_millis.min(now.cpu_millis);
        least = least.max(self.bounds.min_cpu_millis.unwrap_or(0));
        least = least.max(self.least_each(total, task_managers));
        if self.scarce.cpu || self.job.barred.contains(&Resource::Cpu) {
            least = least.max(total.div_ceil(u64::from(task_managers.max(1))));
        }
        let most = self
            .bounds
            .max_cpu_millis
            .unwrap_or(u64::MAX)
            .min(settings.max_cpu_millis.max(now.cpu_millis));
        if self.bounds.kept.cpu {
            return (wanted.max(least) <= now.cpu_millis).then_some(now.cpu_millis);
        }
        let stepped = cpu_step(wanted.max(least), now.cpu_millis);
        (stepped <= most).then_some(stepped)
    }

    /// What each of so many TaskManagers must have, when a total may only go down so far in one change.
    fn least_each(&self, total: u64, task_managers: u32) -> u64 {
        let step_down = self
            .bounds
            .step_down
            .map_or(1.0, |share| share.clamp(0.0, 1.0));
        (total as f64 * (1.0 - step_down) / f64::from(task_managers.max(1)) - 1e-6)
            .ceil()
            .max(0.0) as u64
    }

    /// The process for a size; the inner absence: memory was not measured, so that it must stay as it is.
    #[allow(clippy::option_option)]
    fn process(
        &self,
        parallelism: u32,
        slots_each: u32,
        task_managers: u32,
        share: Share,
        heap: Option<f64>,
        managed: Option<f64>,
    ) -> Option<Option<Process>> {
        let (job, now) = (self.job, &self.job.present.size);
        let total = now
            .memory_bytes
            .saturating_mul(u64::from(now.task_managers));
        let mut least = self
            .least_each(total, task_managers)
            .max(self.bounds.min_memory_bytes.unwrap_or(0));
        if self.scarce.memory || self.job.barred.contains(&Resource::Memory) {
            least = least.max(total.div_ceil(u64::from(task_managers.max(1))));
        }
        let Some((seen, heap)) = job.memory.as_ref().zip(heap) else {
            let same = share.work <= 1.0 && share.slots <= 1.0;
            return (same && now.memory_bytes >= least).then_some(None);
        };
        let heap = heap.max(seen.heap_at_least(share));
        let raised = seen.kinds.needs(&seen.pools, now.memory_bytes);
        let needs = Needs {
            heap: raised.heap.max(heap as u64),
            managed: managed.unwrap_or(0.0) as u64,
            network: network_at(seen, job.latest, job.present, parallelism, slots_each) as u64,
            overhead: raised.overhead.max(seen.overhead),
            ..raised
        };
        if job.barred.contains(&Resource::Process) {
            least = least.max(now.memory_bytes);
        }
        // The container's limit was too low: more of it must be outside of every pool.
        least = least.max(
            raised.overhead.saturating_sub(seen.pools.overhead)
                + now.memory_bytes * u64::from(seen.kinds.container),
        );
        if self.bounds.kept.memory {
            return kept_process(job.present, needs, least).map(Some);
        }
        let process = match self.bounds.kept.options {
            true => process_as_is(job.present, needs, least, job.settings)?,
            false => smallest_process(job.present, needs, least, job.settings)?,
        };
        let most = (job.settings.max_memory_mib * MIB).max(now.memory_bytes);
        let most = self.bounds.max_memory_bytes.unwrap_or(u64::MAX).min(most);
        (process.minimum.process <= most).then_some(Some(process))
    }

    /// Whether a size goes back, within three windows of the watcher, to one that was in need and was left for a dearer one, in what was made
    /// larger then.
    /// A load that fell by a tenth below what flowed there is new evidence.
    fn left_for_more(&self, size: &Size) -> bool {
        let (job, prices) = (self.job, &self.job.present.prices);
        let past = job.model.past();
        let end = past.last().map_or(0, |run| run.to_ms);
        let count = f64::from(size.task_managers);
        let cores = size.cpu_millis as f64 / 1000.0 * count;
        let memory = size.memory_bytes as f64 * count;
        past.windows(2).any(|pair| {
            let [left, next] = pair else { return false };
            let recent = (end - next.from_ms) as f64 <= job.settings.window_seconds * 3000.0;
            let seen = left
                .carried_per_second
                .max(left.full_per_second.unwrap_or(0.0));
            let as_much = job.burden().per_second >= seen * 0.9;
            let (memory_left, memory_next) = (left.memory_bytes as f64, next.memory_bytes as f64);
            let cost = |cores: f64, memory: f64| {
                prices.core_month * cores + prices.gib_month * memory / (1u64 << 30) as f64
            };
            let grew = cost(next.cores, memory_next) > cost(left.cores, memory_left) * 1.01;
            let back = (next.cores > left.cores * 1.02 && cores <= left.cores * 1.005)
                || (memory_next > memory_left * 1.02 && memory <= memory_left * 1.005)
                || (next.parallelism > left.parallelism && size.parallelism <= left.parallelism);
            recent && left.pressed && as_much && grew && back
        })
    }

    /// Whether a size is within what rules and verdicts allow.
    fn allowed(&self, size: &Size) -> bool {
        let now = &self.job.present.size;
        let down = 1.0
            - self
                .bounds
                .step_down
                .map_or(1.0, |share| share.clamp(0.0, 1.0));
        let enough_slots = f64::from(size.slots()) + 1e-9 >= f64::from(now.slots()) * down;
        let barred = Resource::ALL
            .into_iter()
            .any(|resource| self.job.barred.contains(&resource) && shrinks(resource, now, size));
        enough_slots && !barred
    }

    /// Whether what happened speaks against a size: it was reverted, fell behind, was left for more, or killed tasks; or it has no more than
    /// such a size had of what that lacked.
    fn excluded(&self, size: &Size) -> bool {
        let load = self.job.demand.load_per_second;
        let reverted = |reverted: &RevertedSize| {
            no_larger(size, &reverted.size) && load >= reverted.load_per_second * 0.95
        };
        // A part of the load may be all that growth can serve; what failed is held against all of it.
        let asked = self.job.burden().per_second;
        let cores = size.cpu_millis as f64 / 1000.0 * f64::from(size.task_managers);
        let fell_behind = self.job.model.past().iter().any(|run| {
            run.failed.is_some_and(|failed| {
                let no_larger = if failed.of_cores {
                    cores <= run.cores * 1.001
                } else {
                    size.parallelism <= run.parallelism
                };
                no_larger && asked >= failed.per_second * 0.95
            })
        });
        let of_slot = size.memory_bytes / u64::from(size.slots_per_task_manager.max(1));
        let killed = self.job.killed_at > 0 && of_slot <= self.job.killed_at;
        fell_behind
            || killed
            || self.left_for_more(size)
            || self.bounds.reverted.iter().any(reverted)
    }
}

/// Whether a size has less of a resource than the one in force.
fn shrinks(resource: Resource, now: &Size, then: &Size) -> bool {
    let all = |each: u64, size: &Size| each.saturating_mul(u64::from(size.task_managers));
    match resource {
        Resource::Slots => then.slots() < now.slots() || then.parallelism < now.parallelism,
        Resource::Cpu => all(then.cpu_millis, then) < all(now.cpu_millis, now),
        Resource::Memory => all(then.memory_bytes, then) < all(now.memory_bytes, now),
        Resource::Process => then.memory_bytes < now.memory_bytes,
    }
}

/// Whether a size is no larger than another in every total.
fn no_larger(size: &Size, other: &Size) -> bool {
    let cpu = |size: &Size| size.cpu_millis * u64::from(size.task_managers);
    let memory = |size: &Size| size.memory_bytes * u64::from(size.task_managers);
    size.slots() <= other.slots() && cpu(size) <= cpu(other) && memory(size) <= memory(other)
}

/// The smallest parallelism in a range that carries enough: by doubling, then by halves.
fn smallest(low: u32, high: u32, carries: &dyn Fn(u32) -> bool) -> Option<u32> {
    if carries(low) {
        return Some(low);
    }
    let (mut below, mut step) = (low, 1u32);
    let mut above = loop {
        let next = below.saturating_add(step).min(high);
        if next == below {
            return None;
        }
        if carries(next) {
            break next;
        }
        below = next;
        step = (step * 2).min(16);
    };
    while above - below > 1 {
        let middle = below + (above - below) / 2;
        if carries(middle) {
            above = middle;
        } else {
            below = middle;
        }
    }
    Some(above)
}

/// The next step of CPU: small ones for small TaskManagers, so that a limited step down does not stop at a coarse grid; the
/// present value is a step too.
fn cpu_step(millis: u64, now: u64) -> u64 {
    let step = match millis {
        0..=2000 => 50,
        2001..=4000 => 100,
        4001..=8000 => 250,
        _ => 1000,
    };
    let stepped = millis.div_ceil(step).max(1) * step;
    if (millis..stepped).contains(&now) {
        now
    } else {
        stepped
    }
}
