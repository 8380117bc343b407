//! One simulated job as it goes through time.
//!
//! Its state at a time is a function of its specification, its first size, the changes applied to it and the time; it is worked out
//! step by step and kept, so that going on is cheap. Asking for an earlier time than the last one, or changing the past, plays it again
//! from its start.

use super::checkpoint::{Checkpoints, Conditions};
use super::graph::Graph;
use super::rig::Rig;
use super::spec::JobSpec;
use super::state::refused;
pub use super::state::{Incident, Phase, State, Truth};
use super::{memory, noise};
use crate::recommend::Size;

/// The longest step, milliseconds: while nothing much happens.
const CALM_STEP_MS: i64 = 60_000;
/// The step while something does: after a restart, while a backlog drains.
const FINE_STEP_MS: i64 = 10_000;
/// How long after a start steps stay fine, milliseconds.
const WARM_UP_MS: i64 = 240_000;

/// A change from outside.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Redeployed at this size.
    Size(Box<Size>),
    /// What arrives is multiplied with this from now on (on top of earlier factors), over ten minutes.
    Load(f64),
}

/// A simulated job.
#[derive(Debug, Clone)]
pub struct Job {
    /// What it is.
    pub spec: JobSpec,
    /// Its graph's arithmetic.
    pub graph: Graph,
    first_size: Size,
    changes: Vec<(i64, Change)>,
    state: State,
}

impl Job {
    /// A job that was deployed at `spec.start_ms` with a size.
    pub fn new(spec: JobSpec, size: Size) -> Job {
        let graph = Graph::of(&spec);
        let state = State::first(&spec, &graph, &size);
        Job {
            spec,
            graph,
            first_size: size,
            changes: Vec::new(),
            state,
        }
    }

    /// Changes it from outside at a time. Changes may come in any order.
    pub fn change(&mut self, at_ms: i64, change: Change) {
        let place = self.changes.partition_point(|(at, _)| *at <= at_ms);
        self.changes.insert(place, (at_ms, change));
        if at_ms < self.state.at_ms {
            self.state = State::first(&self.spec, &self.graph, &self.first_size);
        }
    }

    /// The state as of the last step that ends at or before `at_ms`.
    pub fn at(&mut self, at_ms: i64) -> &State {
        if at_ms < self.state.at_ms {
            self.state = State::first(&self.spec, &self.graph, &self.first_size);
        }
        while let Some(to_ms) = self.next_step(at_ms) {
            self.step(to_ms);
        }
        &self.state
    }

    /// The state as it was last asked for.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The size that is meant to run at the last time asked for.
    pub fn size(&self) -> &Size {
        &self.state.rig.size
    }

    /// Records/s that arrive at source number `s` of the graph.
    pub fn arrival(&self, s: usize, at_ms: i64) -> f64 {
        let vertex = self.graph.sources[s];
        let Some(source) = &self.spec.vertices[vertex].source else {
            return 0.0;
        };
        let seed = self.spec.seed.wrapping_add(s as u64 * 7919);
        source.load.rate(seed, self.spec.start_ms, at_ms) * self.raised(at_ms)
    }

    fn raised(&self, at_ms: i64) -> f64 {
        let mut factor = 1.0;
        for (at, change) in &self.changes {
            if let Change::Load(by) = change
                && *at < at_ms
            {
                let part = ((at_ms - at) as f64 / 600_000.0).min(1.0);
                factor *= 1.0 + (by - 1.0) * part;
            }
        }
        factor
    }

    fn next_step(&self, limit_ms: i64) -> Option<i64> {
        let state = &self.state;
        let step = if self.calm() {
            CALM_STEP_MS
        } else {
            FINE_STEP_MS
        };
        let mut to = (state.at_ms.div_euclid(step) + 1) * step;
        if let Phase::Down { until_ms, .. } = state.phase {
            to = to.min(until_ms.max(state.at_ms + 1));
        }
        if let Some((at, _)) = self.changes.get(state.next_change) {
            to = to.min((*at).max(state.at_ms));
        }
        (to <= limit_ms).then_some(to)
    }

    fn calm(&self) -> bool {
        match self.state.phase {
            Phase::Running { since_ms } => {
                let backlog: f64 = self.state.backlog.iter().sum();
                let arriving: f64 = self.state.arriving.iter().sum();
                let settled = self.state.at_ms - since_ms >= WARM_UP_MS;
                settled && (backlog < 1.0 || backlog > arriving * 180.0)
            }
            _ => true,
        }
    }

    fn step(&mut self, to_ms: i64) {
        let from_ms = self.state.at_ms;
        let seconds = (to_ms - from_ms) as f64 / 1000.0;
        if seconds > 0.0 {
            self.pass(from_ms, to_ms, seconds);
        }
        self.state.at_ms = to_ms;
        while let Some((at, change)) = self.changes.get(self.state.next_change).cloned() {
            if at > to_ms {
                break;
            }
            self.state.next_change += 1;
            if let Change::Size(size) = change {
                self.redeploy(&size, to_ms);
            }
        }
    }

    fn pass(&mut self, from_ms: i64, to_ms: i64, seconds: f64) {
        let middle = (from_ms + to_ms) / 2;
        for s in 0..self.graph.sources.len() {
            let rate = self.arrival(s, middle);
            self.state.arriving[s] = rate;
            self.state.truth.arrived += rate * seconds;
        }
        self.state.state_bytes = state_bytes(&self.spec, middle);
        self.pay(seconds);
        match self.state.phase.clone() {
            Phase::Running { since_ms } => self.run(from_ms, to_ms, seconds, since_ms),
            Phase::Down {
                until_ms, redeploy, ..
            } => {
                self.queue(seconds);
                if to_ms >= until_ms {
                    self.come_up(to_ms, redeploy);
                }
            }
            Phase::Refused { .. } => self.queue(seconds),
        }
        if self.lag_seconds() > self.spec.lag_limit_seconds {
            self.state.truth.late_ms += seconds * 1000.0;
        }
    }

    /// Lag of the source that lags most, in seconds of what arrives now.
    pub fn lag_seconds(&self) -> f64 {
        let state = &self.state;
        let lag = |(backlog, rate): (&f64, &f64)| backlog / rate.max(0.1);
        state
            .backlog
            .iter()
            .zip(&state.arriving)
            .map(lag)
            .fold(0.0, f64::max)
    }

    fn pay(&mut self, seconds: f64) {
        let size = &self.state.rig.size;
        let hours = seconds / 3600.0 * size.task_managers as f64;
        self.state.truth.core_hours += hours * size.cpu_millis as f64 / 1000.0;
        self.state.truth.gib_hours += hours * size.memory_bytes as f64 / memory::GIB;
    }

    /// What arrives while nothing runs waits outside, where a source has an outside.
    fn queue(&mut self, seconds: f64) {
        self.state.flow.clear();
        for s in 0..self.graph.sources.len() {
            if has_topic(&self.spec, &self.graph, s) {
                self.state.backlog[s] += self.state.arriving[s] * seconds;
            }
        }
    }

    fn run(&mut self, from_ms: i64, to_ms: i64, seconds: f64, since_ms: i64) {
        self.set_costs(to_ms - since_ms);
        let state = &mut self.state;
        let wanted: Vec<f64> = state
            .arriving
            .iter()
            .zip(&state.backlog)
            .map(|(rate, backlog)| rate + backlog / seconds)
            .collect();
        state
            .flow
            .solve(&self.graph, &state.rig, &state.costs, &wanted);
        for s in 0..wanted.len() {
            let emitted = state.flow.emitted[s] * seconds;
            state.truth.emitted += emitted;
            if has_topic(&self.spec, &self.graph, s) {
                let left = state.backlog[s] + state.arriving[s] * seconds - emitted;
                state.backlog[s] = if left < 0.5 { 0.0 } else { left };
            }
        }
        for v in 0..self.spec.vertices.len() {
            let subtasks = state.rig.parallelism[v] as f64;
            let ms = subtasks * seconds * 1000.0;
            state.records_in[v] += state.flow.rate_in[v] * seconds;
            state.busy_ms[v] += state.flow.busy[v] * ms;
            state.backpressured_ms[v] += state.flow.backpressured[v] * ms;
            state.cpu_seconds[v] += state.flow.cores[v] * seconds;
        }
        state.gc_ms += state.gc_share * seconds * 1000.0;
        if to_ms - since_ms > 1_800_000 {
            state.streak = 0;
        }
        let conditions = self.conditions();
        self.state
            .checkpoints
            .advance(&self.spec, to_ms, &conditions);
        self.perhaps_fail(from_ms, to_ms, since_ms);
    }

    fn conditions(&self) -> Conditions {
        let state = &self.state;
        Conditions {
            state_bytes: state.state_bytes,
            task_managers: state.rig.task_managers() as f64,
            fullest: state.rig.fullest,
            backpressured: state.flow.backpressured.iter().sum(),
            network_bytes: state.rig.pools.network as f64,
        }
    }

    /// What a record costs at each vertex: the truth, times what the size, a cold start, collections and cache misses make of it.
    fn set_costs(&mut self, up_ms: i64) {
        let state = &mut self.state;
        let rig = &state.rig;
        let managers = rig.task_managers() as f64;
        let emitted: f64 = state.flow.emitted.iter().sum();
        let garbage = emitted * self.spec.memory.garbage_per_record / managers;
        let slots = f64::from(rig.size.slots_per_task_manager);
        state.live_bytes =
            memory::live_bytes(&self.spec, state.state_bytes, managers, slots, rig.fullest);
        state.gc_share = memory::gc_share(state.live_bytes, rig.heap_bytes(), garbage);
        let managed = rig.pools.managed as f64 * managers;
        let miss = memory::miss_share(&self.spec, state.state_bytes, managed);
        let cold = 1.0 + 0.35 * (-(up_ms as f64) / 60_000.0).exp();
        let run = 1.0 + 0.015 * noise::normal(self.spec.seed, 21, u64::from(state.deployment));
        let pause = 1.0 / (1.0 - state.gc_share);
        for (v, vertex) in self.spec.vertices.iter().enumerate() {
            let factor = rig.cost_factor[v] * pause * run;
            let (miss_cpu, miss_wait) = if vertex.stateful {
                (
                    miss * self.spec.state.miss_cpu_us,
                    miss * self.spec.state.miss_wait_us,
                )
            } else {
                (0.0, 0.0)
            };
            state.costs.cpu_us[v] = (vertex.cpu_us * cold + miss_cpu) * factor;
            state.costs.wait_us[v] = (vertex.wait_us + miss_wait) * factor;
        }
    }

    fn perhaps_fail(&mut self, from_ms: i64, to_ms: i64, since_ms: i64) {
        let heap = self.state.rig.heap_bytes();
        if self.state.live_bytes > 0.95 * heap && to_ms - since_ms >= 40_000 {
            return self.fail(to_ms, "java.lang.OutOfMemoryError", true);
        }
        let metaspace = self.spec.memory.metaspace_bytes;
        if metaspace > self.state.rig.pools.metaspace as f64 && to_ms - since_ms >= 20_000 {
            return self.fail(to_ms, "java.lang.OutOfMemoryError", true);
        }
        if self.spec.failures.per_day > 0.0 && self.strikes(from_ms, to_ms) {
            let class = self.spec.failures.class.clone();
            self.fail(to_ms, &class, false);
        }
    }

    /// Whether a failure of its own habit falls into a step: at most one in each ten minutes.
    fn strikes(&self, from_ms: i64, to_ms: i64) -> bool {
        const SLOT_MS: i64 = 600_000;
        let chance = self.spec.failures.per_day / 144.0;
        let first = from_ms.div_euclid(SLOT_MS);
        let last = to_ms.div_euclid(SLOT_MS);
        (first..=last).any(|slot| {
            let index = slot as u64;
            if noise::uniform(self.spec.seed, 41, index) >= chance {
                return false;
            }
            let at = slot * SLOT_MS
                + (noise::uniform(self.spec.seed, 42, index) * SLOT_MS as f64) as i64;
            from_ms < at && at <= to_ms
        })
    }

    fn fail(&mut self, at_ms: i64, class: &str, out_of_memory: bool) {
        let restore = self.restore_ms();
        let state = &mut self.state;
        state.streak += 1;
        state.restarts += 1;
        state.truth.failures += 1;
        state.incidents.insert(
            0,
            Incident {
                at_ms,
                class: class.to_string(),
                out_of_memory,
            },
        );
        state.incidents.truncate(10);
        state.checkpoints.interrupt(at_ms);
        let backoff = (1_000i64 << state.streak.min(8)).min(180_000);
        let process = if out_of_memory { 35_000 } else { 0 };
        if out_of_memory {
            state.generation += 1;
            state.processes_since_ms = at_ms;
            state.cpu_seconds.fill(0.0);
            state.gc_ms = 0.0;
        }
        state.flow.clear();
        state.phase = Phase::Down {
            since_ms: at_ms,
            until_ms: at_ms + 9_000 + backoff + process + restore,
            redeploy: false,
        };
    }

    fn redeploy(&mut self, size: &Size, at_ms: i64) {
        let state = &mut self.state;
        state.rig = Rig::new(&self.spec, size);
        state.savepoint = Some((at_ms, state.state_bytes));
        state.deployment += 1;
        state.generation += 1;
        state.restarts = 0;
        state.truth.redeployments += 1;
        state.incidents.clear();
        if let Some(reason) = &state.rig.refusal {
            state.incidents.push(refused(reason, at_ms));
        }
        state.checkpoints = Checkpoints::submitted(at_ms, self.spec.checkpoints.interval_ms);
        state.flow.clear();
        let restore = self.restore_ms();
        let state = &mut self.state;
        state.submitted_ms = at_ms + 30_000;
        state.phase = match &state.rig.refusal {
            Some(reason) => Phase::Refused {
                since_ms: at_ms,
                reason: reason.clone(),
            },
            None => Phase::Down {
                since_ms: at_ms,
                until_ms: at_ms + 38_000 + restore,
                redeploy: true,
            },
        };
    }

    /// How long state takes to be read back, milliseconds.
    fn restore_ms(&self) -> i64 {
        let rig = &self.state.rig;
        let per = self.state.state_bytes / rig.task_managers() as f64 * rig.fullest;
        4_000 + (per / (self.spec.checkpoints.bytes_per_second * 1.5) * 1000.0) as i64
    }

    fn come_up(&mut self, at_ms: i64, redeploy: bool) {
        let interval_ms = self.spec.checkpoints.interval_ms;
        let state = &mut self.state;
        state.phase = Phase::Running { since_ms: at_ms };
        state.records_in.fill(0.0);
        state.busy_ms.fill(0.0);
        state.backpressured_ms.fill(0.0);
        if redeploy {
            state.processes_since_ms = at_ms - 15_000;
            state.cpu_seconds.fill(0.0);
            state.gc_ms = 0.0;
            state.checkpoints = Checkpoints::submitted(at_ms, interval_ms);
        } else {
            state.checkpoints.resume(at_ms, interval_ms);
        }
    }
}

/// Whether source number `s` reads from something that keeps records.
pub fn has_topic(spec: &JobSpec, graph: &Graph, s: usize) -> bool {
    spec.vertices[graph.sources[s]]
        .source
        .as_ref()
        .is_some_and(|source| source.topic.is_some())
}

/// State of the job at a time, bytes: growth and a slow ripple.
pub fn state_bytes(spec: &JobSpec, at_ms: i64) -> f64 {
    let days = (at_ms - spec.start_ms) as f64 / 86_400_000.0;
    let ripple = 1.0 + 0.02 * noise::smooth(spec.seed, 51, at_ms, 3_600_000);
    ((spec.state.bytes + spec.state.growth_per_day * days) * ripple).max(1024.0)
}
