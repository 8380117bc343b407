//! What a size carries, what runs out first, and the probability that it holds: all from the same draws.

use super::conditions::Conditions;
use super::job_model::{Draw, JobModel, duty, part};
use super::parameters::{Shared, Unit};
use super::size::Size;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// So much of a draw's load is one with an edge: two more rounds find what fits itself.
const ROUNDS: usize = 3;

/// sd of ln(load that cores carry) which no reading takes away: at a size that was seen, and for each unit of ln away from it. Set so that
/// 90 % intervals of the simulation's jobs hold (`tests/claims.rs`).
const CORES_MISSED: f64 = 0.025;
const CORES_MISSED_AWAY: f64 = 0.05;

/// Share of the cores in use for which parallelism alone is judged: where cores are cheaper than subtasks, that many are given.
const HALF_USED: f64 = 0.3;

/// The load that a size must carry, records/s of the sources together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Burden {
    /// Its median.
    pub per_second: f64,
    /// sd of its logarithm.
    pub sd_ln: f64,
}

/// A parameter is learned when its sd is no more than so much of what it was before.
const LEARNED: f64 = 0.8;

/// A parameter of the job, with its 90 % interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parameter {
    /// For people.
    pub name: &'static str,
    /// What its value is counted in.
    pub unit: Unit,
    /// The value.
    pub value: Interval,
}

/// What a size needs its memory and CPU for, besides the vertices.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pools {
    /// Heap of a TaskManager, bytes; `None`: not asked.
    pub heap: Option<f64>,
    /// Managed memory of a TaskManager, bytes; `None`: as now, all together.
    pub managed: Option<f64>,
}

/// What may be used of what is paid for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shares {
    /// Of a TaskManager's cores.
    pub cpu: f64,
    /// Of the heap, after collections.
    pub heap: f64,
}

/// A median with the ends of its 90 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Interval {
    /// 5 %.
    pub low: f64,
    /// 50 %.
    pub median: f64,
    /// 95 %.
    pub high: f64,
}

/// One of the things that can run out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Limit {
    /// `CPU`, `heap`, or a vertex's name.
    pub name: String,
    /// The load that it carries, records/s of the sources together; absent for memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_second: Option<Interval>,
    /// Share of the draws in which it runs out.
    pub short: f64,
    /// Share of the draws in which it is what runs out first.
    pub first: f64,
    /// Probability that something outside sets it, so that no size changes it.
    pub outside: f64,
}

/// The judgement of a size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Holds {
    /// Probability that it holds everything.
    pub ok: f64,
    /// What it carries, records/s of the sources together.
    pub capacity: Interval,
    /// All limits, the tightest first.
    pub limits: Vec<Limit>,
}

/// What each draw asks of a shape, so that CPU and memory can be chosen together.
#[derive(Debug, Clone, PartialEq)]
pub struct Need {
    /// Whether the parallelism carries the load.
    pub parallelism: bool,
    /// Cores that the fullest TaskManager needs.
    pub cores: f64,
    /// Heap that it needs, bytes.
    pub heap: f64,
}

impl JobModel {
    /// The conditions of a size.
    pub(super) fn conditions(&self, size: &Size, managed: Option<f64>) -> Conditions {
        let task_managers = f64::from(size.task_managers.max(1));
        let mut then = Conditions {
            parallelism: self
                .places
                .iter()
                .map(|place| {
                    if place.pinned {
                        place.parallelism_now
                    } else {
                        size.parallelism_of(&place.id)
                    }
                })
                .collect(),
            task_managers,
            slots: 1.0,
            cores: size.cpu_millis as f64 / 1000.0,
            managed: self
                .now
                .managed
                .map(|now| managed.map_or(now, |each| each * task_managers)),
            duty: 0.0,
            collecting: self.now.collecting.min(0.03),
            state: self.now.state * self.state_growth,
            on_heap: self.now.on_heap,
        };
        let widest = then.parallelism.iter().copied().max().unwrap_or(1);
        then.slots = f64::from(size.slots_per_task_manager.min(widest).max(1));
        then.duty = self.checkpoint.map_or(0.0, |(took, interval)| {
            let work = part(&then) / part(&self.now);
            duty((500.0 + (took - 500.0).max(0.0) * work, interval))
        });
        then
    }

    fn busiest_part(&self, then: &Conditions) -> f64 {
        (self.uneven + (1.0 - self.uneven) * part(then)).max(self.hottest)
    }

    /// Load at which the fullest TaskManager has `share` of its cores in use.
    fn by_cores(&self, draw: &Draw, then: &Conditions, share: f64) -> f64 {
        if !self.knows_cores {
            return f64::INFINITY;
        }
        let idle = draw.theta[self.layout.at(Shared::Idle)];
        let free = (then.cores * share - idle).max(0.0);
        let each = then.core_seconds(&draw.theta, self.layout) * self.busiest_part(then);
        free / each.max(1e-300) * self.missed(draw, then)
    }

    /// What the physics of cores miss, a factor: little at a size that was seen, more the further from all of them.
    fn missed(&self, draw: &Draw, then: &Conditions) -> f64 {
        let widest = f64::from(then.parallelism.iter().copied().max().unwrap_or(1).max(1));
        let cores = then.cores * then.task_managers;
        let away = self
            .past
            .iter()
            .map(|run| {
                let wider = (widest / f64::from(run.parallelism.max(1))).ln().abs();
                let more = (cores / run.cores.max(1e-9)).ln().abs();
                wider + 0.3 * more
            })
            .fold(f64::INFINITY, f64::min);
        let away = if away.is_finite() { away } else { 1.0 };
        let sd = CORES_MISSED.hypot(CORES_MISSED_AWAY * away);
        (sd * draw.cores).exp()
    }

    fn by_vertex(&self, draw: &Draw, then: &Conditions, at: usize, used: f64) -> f64 {
        let place = &self.places[at];
        if let Some(spare) = draw.capped[at] {
            let own = then.parallelism.get(at).copied().unwrap_or(1);
            let subtasks = place.spread.effective(own) / place.capped_from * spare;
            return place.rate_now * draw.off[at] * subtasks.min(1.0) / place.per_record;
        }
        then.vertex_rate(
            &draw.theta,
            self.layout,
            at,
            &place.spread,
            place.keyed,
            used,
        ) * draw.off[at]
            / place.per_record
    }

    /// The load of a draw that a size is asked for: no more than what is outside lets through.
    fn asked(&self, draw: &Draw, burden: Burden) -> f64 {
        let load = burden.per_second * (burden.sd_ln * draw.demand).exp();
        self.places
            .iter()
            .enumerate()
            .filter(|(at, _)| draw.capped[*at].is_some())
            .map(|(at, place)| place.rate_now * draw.off[at] / place.per_record)
            .fold(load, f64::min)
    }

    /// Judges a size.
    pub fn holds(&self, size: &Size, pools: Pools, burden: Burden, shares: Shares) -> Holds {
        let then = self.conditions(size, pools.managed);
        let n = self.draws.len().max(1) as f64;
        let count = self.places.len();
        let mut all: Vec<Vec<f64>> = vec![Vec::with_capacity(self.draws.len()); count + 1];
        let mut capacity = Vec::with_capacity(self.draws.len());
        let (mut short, mut first) = (vec![0.0; count + 2], vec![0.0; count + 2]);
        let mut ok = 0.0;
        for draw in &self.draws {
            // What a size carries is what all of its cores carry; that some are kept free is asked of it, not claimed.
            let cores = self.by_cores(draw, &then, 1.0);
            let with_reserve = self.by_cores(draw, &then, shares.cpu);
            let mut load = cores;
            let mut own = vec![f64::INFINITY; count];
            for _ in 0..ROUNDS {
                let used = (load / cores.max(1e-300)).clamp(0.0, 1.0);
                for (at, own) in own.iter_mut().enumerate() {
                    *own = self.by_vertex(draw, &then, at, used);
                }
                load = own.iter().copied().fold(cores, f64::min);
            }
            capacity.push(load);
            let asked = self.asked(draw, burden);
            let mut holds = with_reserve >= asked;
            short[count] += f64::from(u8::from(with_reserve < asked));
            all[count].push(cores);
            let mut tightest = (cores, count);
            for (at, own) in own.iter().enumerate() {
                all[at].push(*own);
                if *own < tightest.0 {
                    tightest = (*own, at);
                }
                if *own < asked * 0.999 {
                    short[at] += 1.0;
                    holds = false;
                }
            }
            first[tightest.1] += 1.0;
            if let Some(heap) = pools.heap.filter(|_| self.knows_heap) {
                let stays = self.heap_of(draw, &then, asked);
                if stays > heap * shares.heap {
                    short[count + 1] += 1.0;
                    holds = false;
                }
            }
            ok += f64::from(u8::from(holds));
        }
        let mut limits: Vec<Limit> = self
            .places
            .iter()
            .enumerate()
            .map(|(at, place)| Limit {
                name: place.name.clone(),
                per_second: finite(interval(&mut all[at])),
                short: short[at] / n,
                first: first[at] / n,
                outside: place.capped,
            })
            .collect();
        if self.knows_cores {
            limits.push(Limit {
                name: "CPU".to_owned(),
                per_second: finite(interval(&mut all[count])),
                short: short[count] / n,
                first: first[count] / n,
                outside: 0.0,
            });
        }
        if pools.heap.is_some() && self.knows_heap {
            limits.push(Limit {
                name: "heap".to_owned(),
                per_second: None,
                short: short[count + 1] / n,
                first: 0.0,
                outside: 0.0,
            });
        }
        let median = |limit: &Limit| limit.per_second.map_or(f64::INFINITY, |one| one.median);
        limits.sort_by(|one, other| median(one).total_cmp(&median(other)));
        Holds {
            ok: ok / n,
            capacity: interval(&mut capacity),
            limits,
        }
    }

    fn heap_of(&self, draw: &Draw, then: &Conditions, load: f64) -> f64 {
        then.heap(&draw.theta, self.layout, load * self.flow, part(then))
    }

    /// What each draw asks of a shape; its CPU and heap are free.
    pub fn needs(
        &self,
        size: &Size,
        managed: Option<f64>,
        burden: Burden,
        shares: Shares,
    ) -> Vec<Need> {
        let then = self.conditions(size, managed);
        let busiest = self.busiest_part(&then);
        let of_heap = part(&then);
        self.draws
            .iter()
            .map(|draw| {
                let asked = self.asked(draw, burden);
                let idle = draw.theta[self.layout.at(Shared::Idle)];
                let each = then.core_seconds(&draw.theta, self.layout) / self.missed(draw, &then);
                let cores = each * asked * busiest + idle;
                Need {
                    parallelism: (0..self.places.len())
                        .all(|at| self.by_vertex(draw, &then, at, HALF_USED) >= asked * 0.999),
                    cores: cores / shares.cpu,
                    heap: then.heap(&draw.theta, self.layout, asked * self.flow, of_heap)
                        / shares.heap,
                }
            })
            .collect()
    }

    /// State that is likely in use, bytes: the median.
    pub fn working_set(&self) -> f64 {
        self.posterior.mean[self.layout.at(Shared::WorkingSet)].exp()
    }

    /// Whether cores were measured: else CPU follows what a slot has.
    pub fn knows_cores(&self) -> bool {
        self.knows_cores
    }

    /// Whether heap in use was measured: else memory stays.
    pub fn knows_heap(&self) -> bool {
        self.knows_heap
    }

    /// Probability, by vertex, that something outside limits it.
    pub fn outside(&self) -> Vec<(String, f64, f64)> {
        self.places
            .iter()
            .filter(|place| place.capped > 0.0)
            .map(|place| {
                (
                    place.name.clone(),
                    place.capped,
                    place.rate_now / place.per_record,
                )
            })
            .collect()
    }

    /// The shared parameters that this job taught, and the names of those that are still what is assumed of any job.
    pub fn parameters(&self) -> (Vec<Parameter>, Vec<&'static str>) {
        let (mut learned, mut assumed) = (Vec::new(), Vec::new());
        for shared in self.layout.shared() {
            let at = self.layout.at(shared);
            let (mean, sd) = (self.posterior.mean[at], self.posterior.sd(at));
            let (_, before) = self.layout.prior(shared, self.now.state);
            let to = |z: f64| (mean + z * sd).exp();
            let (name, unit) = super::parameters::Layout::name(shared);
            if sd < before * LEARNED {
                learned.push(Parameter {
                    name,
                    unit,
                    value: Interval {
                        low: to(-1.645),
                        median: to(0.0),
                        high: to(1.645),
                    },
                });
            } else {
                assumed.push(name);
            }
        }
        (learned, assumed)
    }
}

/// A limit that nothing was measured of is no limit.
fn finite(interval: Interval) -> Option<Interval> {
    (interval.high.is_finite() && interval.low.is_finite()).then_some(interval)
}

fn interval(values: &mut [f64]) -> Interval {
    values.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let place = (share * values.len() as f64).floor() as usize;
        values
            .get(place.min(values.len().saturating_sub(1)))
            .copied()
            .unwrap_or(f64::INFINITY)
    };
    Interval {
        low: at(0.05),
        median: at(0.5),
        high: at(0.95),
    }
}
