//! The cheapest size that holds everything.

use super::job::{Job, part_of, present_part};
use super::memory_need::{
    Process, Share, kept_process, network_at, process_as_is, smallest_process,
};
use super::opinion::Opinion;
use super::{Bounds, RevertedSize, Size};
use crate::classify::Resource;
use crate::flink::memory::Needs;
use std::collections::{BTreeMap, BTreeSet};

const MIB: u64 = 1 << 20;
/// Share of the cost that a change of slots, parallelism or memory options must save beyond the others.
const UNLIKE: f64 = 0.01;

/// A size that holds everything, with what was computed for it.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) size: Size,
    pub(super) per_month: f64,
    pub(super) probability_short: f64,
    pub(super) carries: f64,
    pub(super) opinion: Opinion,
    /// Cores that its busiest TaskManager needs for D*.
    pub(super) cores: Option<f64>,
    pub(super) process: Option<Process>,
    pub(super) checkpoint_ms: Option<f64>,
}

/// A search that counts what it looked at, for the explanation.
pub(super) struct Search<'a> {
    pub(super) job: &'a Job<'a>,
    pub(super) bounds: &'a Bounds,
    pub(super) looked_at: usize,
}

impl Search<'_> {
    /// The cheapest size; among equals the one that changes least.
    pub(super) fn cheapest(&mut self) -> Option<Candidate> {
        let mut best: Option<Candidate> = None;
        for slots in self.slots_each() {
            for parallelism in self.parallelisms(slots) {
                self.looked_at += 1;
                let Some(candidate) = self.candidate(parallelism, slots) else {
                    continue;
                };
                if best
                    .as_ref()
                    .is_none_or(|best| self.better(&candidate, best))
                {
                    best = Some(candidate);
                }
            }
        }
        best
    }

    fn better(&self, one: &Candidate, other: &Candidate) -> bool {
        let (cost, price) = (self.weighed(one), self.weighed(other));
        if (cost - price).abs() > price.max(1e-9) * 1e-6 {
            return cost < price;
        }
        one.probability_short < other.probability_short
    }

    /// The cost with what each unlike dimension adds: a shape that was seen to work is worth a little.
    fn weighed(&self, candidate: &Candidate) -> f64 {
        let (now, then) = (&self.job.present.size, &candidate.size);
        let unlike = u32::from(now.slots_per_task_manager != then.slots_per_task_manager)
            + u32::from(now.parallelism != then.parallelism)
            + u32::from(!then.options.is_empty());
        candidate.per_month * (1.0 + UNLIKE * f64::from(unlike))
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

    /// The smallest parallelism that carries D*, the same filled up to whole TaskManagers, the present one, and, because
    /// steps down are limited, the least that these allow.
    fn parallelisms(&self, slots_each: u32) -> Vec<u32> {
        let now = self.job.present.size.parallelism.max(1);
        if self.bounds.keep_parallelism {
            return vec![now];
        }
        let low = self.bounds.min_parallelism.unwrap_or(1).max(1);
        let widest = self
            .job
            .carriers
            .iter()
            .map(|carrier| self.job.widest(carrier))
            .max()
            .unwrap_or(now)
            .max(now);
        let high = self
            .bounds
            .max_parallelism
            .unwrap_or(u32::MAX)
            .min(widest)
            .max(low);
        let carries =
            |p: u32| self.probability_short(p, slots_each) <= self.job.settings.probability_limit;
        let mut found = BTreeSet::from([now.clamp(low, high)]);
        if let Some(least) = smallest(low, high, &carries) {
            found.insert(least);
            // Filling whole TaskManagers costs nothing, but more subtasks than now have their own cost.
            let most = now.max(least);
            let slots = self.slots_needed(least);
            let filled = slots.div_ceil(slots_each) * slots_each;
            found.insert((least + filled - slots).clamp(low, high).min(most));
            if let Some(floor) = self.least_total(slots_each) {
                found.insert(floor.clamp(low, high).min(most));
            }
        }
        found.into_iter().filter(|p| carries(*p)).collect()
    }

    /// The parallelism that fills the fewest slots that a limited step down allows.
    fn least_total(&self, slots_each: u32) -> Option<u32> {
        let least = (f64::from(self.job.present.size.slots()) * (1.0 - self.bounds.step_down?))
            .ceil() as u32;
        Some(least.div_ceil(slots_each) * slots_each)
    }

    /// With the memory that a slot has now: what it will have is not known yet.
    fn probability_short(&self, parallelism: u32, slots_each: u32) -> f64 {
        let now = &self.job.present.size;
        let of_slot = now.memory_bytes / u64::from(now.slots_per_task_manager.max(1));
        let size = Size {
            parallelism,
            vertex_parallelism: self.own_parallelism(parallelism),
            slots_per_task_manager: slots_each,
            memory_bytes: of_slot * u64::from(slots_each),
            ..now.clone()
        };
        self.job.opinion(&size).probability_short()
    }

    /// Vertices that have a parallelism of their own keep one: theirs, or more where that is too little.
    fn own_parallelism(&self, parallelism: u32) -> BTreeMap<String, u32> {
        let now = &self.job.present.size;
        let mut own = now.vertex_parallelism.clone();
        if parallelism == now.parallelism && self.bounds.keep_parallelism {
            return own;
        }
        for carrier in &self.job.carriers {
            if let Some(value) = own.get_mut(&carrier.vertex.id) {
                let limit = self.job.settings.probability_limit;
                let needed = self.job.required * carrier.vertex.records_per_source_record;
                let carries = |p: u32| match carrier.floor {
                    Some(floor) => p >= floor,
                    None => {
                        carrier
                            .at(p, 1.0, self.job.settings)
                            .probability_below(needed)
                            <= limit
                    }
                };
                let widest = self.job.widest(carrier);
                *value = smallest(*value, widest, &carries).unwrap_or(*value);
            }
        }
        own
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

    fn candidate(&self, parallelism: u32, slots_each: u32) -> Option<Candidate> {
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
        let (cores, cpu_millis) = self.cpu(part, task_managers, share)?;
        let process = self.process(parallelism, slots_each, task_managers, share)?;
        let memory_bytes = process
            .as_ref()
            .map_or(now.memory_bytes, |process| process.minimum.process);
        let size = Size {
            parallelism,
            vertex_parallelism: self.own_parallelism(parallelism),
            task_managers,
            slots_per_task_manager: slots_each,
            memory_bytes,
            cpu_millis,
            options: process
                .as_ref()
                .map_or_else(BTreeMap::new, |process| process.options.clone()),
        };
        if !self.allowed(&size) {
            return None;
        }
        let opinion = job.opinion(&size);
        if opinion.probability_short() > job.settings.probability_limit {
            return None;
        }
        Some(Candidate {
            per_month: job.present.prices.per_month(&size),
            probability_short: opinion.probability_short(),
            carries: opinion.carries(),
            opinion,
            cores,
            process,
            checkpoint_ms: job
                .checkpoints
                .as_ref()
                .map(|seen| seen.duration_at(share.work, growth)),
            size,
        })
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

    /// Cores needed in the fullest TaskManager, and the step of CPU that holds them. Unknown use keeps what each slot has.
    fn cpu(&self, part: f64, task_managers: u32, share: Share) -> Option<(Option<f64>, u64)> {
        let (settings, now) = (self.job.settings, &self.job.present.size);
        let cores = self.job.cores_needed(self.job.computing_load(), part);
        let wanted = match cores {
            Some(cores) => (cores / settings.cpu_share.clamp(0.1, 1.0) * 1000.0).ceil() as u64,
            None => (now.cpu_millis as f64 * share.work.max(share.slots).max(1.0)).ceil() as u64,
        };
        let least = settings.min_cpu_millis.min(now.cpu_millis);
        let least = least.max(self.bounds.min_cpu_millis.unwrap_or(0));
        let least = least
            .max(self.least_each(now.cpu_millis * u64::from(now.task_managers), task_managers));
        let most = self
            .bounds
            .max_cpu_millis
            .unwrap_or(u64::MAX)
            .min(settings.max_cpu_millis.max(now.cpu_millis));
        if self.bounds.kept.cpu {
            return (wanted.max(least) <= now.cpu_millis).then_some((cores, now.cpu_millis));
        }
        let stepped = cpu_step(wanted.max(least), now.cpu_millis);
        (stepped <= most).then_some((cores, stepped))
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
    ) -> Option<Option<Process>> {
        let (job, now) = (self.job, &self.job.present.size);
        let total = now
            .memory_bytes
            .saturating_mul(u64::from(now.task_managers));
        let Some(seen) = job.memory.as_ref() else {
            let same = share.work <= 1.0 && share.slots <= 1.0;
            let least = self
                .least_each(total, task_managers)
                .max(self.bounds.min_memory_bytes.unwrap_or(0));
            return (same && now.memory_bytes >= least).then_some(None);
        };
        let raised = seen.kinds.needs(&seen.pools, now.memory_bytes);
        let needs = Needs {
            heap: seen.heap_at(share, job.settings) as u64,
            managed: seen.managed_at(share) as u64,
            network: network_at(seen, job.latest, job.present, parallelism, slots_each) as u64,
            overhead: raised.overhead.max(seen.overhead),
            ..raised
        };
        let mut least = self
            .least_each(total, task_managers)
            .max(self.bounds.min_memory_bytes.unwrap_or(0));
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

    fn allowed(&self, size: &Size) -> bool {
        let now = &self.job.present.size;
        let down = 1.0
            - self
                .bounds
                .step_down
                .map_or(1.0, |share| share.clamp(0.0, 1.0));
        let enough_slots = f64::from(size.slots()) + 1e-9 >= f64::from(now.slots()) * down;
        let load = self.job.demand.load_per_second;
        let reverted = |reverted: &RevertedSize| {
            no_larger(size, &reverted.size) && load >= reverted.load_per_second * 0.95
        };
        let of_slot = size.memory_bytes / u64::from(size.slots_per_task_manager.max(1));
        let barred = Resource::ALL
            .into_iter()
            .any(|resource| self.job.barred.contains(&resource) && shrinks(resource, now, size));
        enough_slots
            && !barred
            && (self.job.killed_at == 0 || of_slot > self.job.killed_at)
            && !self.bounds.reverted.iter().any(reverted)
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

/// The smallest parallelism in a range that carries enough: capacity rises with it.
fn smallest(low: u32, high: u32, carries: &dyn Fn(u32) -> bool) -> Option<u32> {
    (low..=high).find(|p| carries(*p))
}

/// The next step of CPU: small ones for small TaskManagers, so that a limited step down does not stop at a coarse grid; the
/// present value is a step too.
fn cpu_step(millis: u64, now: u64) -> u64 {
    let step = match millis {
        0..=1000 => 50,
        1001..=2000 => 100,
        2001..=8000 => 250,
        _ => 1000,
    };
    let stepped = millis.div_ceil(step).max(1) * step;
    if (millis..stepped).contains(&now) {
        now
    } else {
        stepped
    }
}
