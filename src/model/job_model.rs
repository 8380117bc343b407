//! History → [`JobModel`]: what is known of a job, and with what uncertainty.

use super::conditions::Conditions;
use super::moments::{Moment, Run, runs};
use super::parameters::{Layout, Shared};
use super::posterior::{Observation, Posterior, uniform};
use super::size::Size;
use super::spread::Spread;
use crate::evaluate::VertexCapacity;
use crate::snapshot::{History, Vertex};

/// Draws of the posterior: a probability of 5 % is known to within 1.4 points.
const DRAWS: usize = 256;
/// Readings of cores a run, over the range of its loads.
const LEVELS: usize = 6;
/// CPU share from which busy time is waiting for a core, and says nothing of the vertex.
const SCARCE: f64 = 0.85;
/// Part of the cores in use that records are expected to cost, before several loads tell it.
const CPU_OF_RECORDS: f64 = 0.6;
/// sd of ln(cores) of a reading over many minutes, and of a busy time at another size than the present one.
const CORES_SD: f64 = 0.03;
const BUSY_SD: f64 = 0.06;
/// Looks at the end of a size that tell whether its heap was full.
const LAST_LOOKS: usize = 12;
/// Records that wait for so many seconds of the load are late.
const LATE_SECONDS: f64 = 60.0;
/// A subtask before something outside that limits it could do up to so many times what it was seen to.
const SPARE: f64 = 3.0;
/// Ratio of effective parallelisms from which two sizes tell work from a limit outside.
const TELLS: f64 = 0.12;

/// What the caller knows besides the history.
#[derive(Debug, Clone)]
pub struct Known<'a> {
    /// The size in force.
    pub size: &'a Size,
    /// What each vertex carries at the size in force, by busy time and by what flowed.
    pub capacities: &'a [VertexCapacity],
    /// Whether keyed state lives in managed memory.
    pub managed_state: bool,
    /// State at the end of its growth over the state now, at least 1: what a size must hold.
    pub state_growth: f64,
    /// Managed memory of a TaskManager at the size in force, bytes.
    pub managed: f64,
    /// Vertices (ids) whose verdict is that something outside limits them.
    pub outside: Vec<String>,
    /// Vertices (ids) whose parallelism the job's code sets.
    pub pinned: std::collections::BTreeSet<String>,
}

/// A vertex, as the model knows it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Place {
    pub(super) id: String,
    pub(super) name: String,
    /// Records for each of the sources.
    pub(super) per_record: f64,
    pub(super) spread: Spread,
    pub(super) keyed: bool,
    /// sd of ln(rate) that more readings of busy time do not take away.
    pub(super) bias: f64,
    /// Probability that something outside limits it, whatever its parallelism.
    pub(super) capped: f64,
    /// The least effective parallelism at which something outside was seen to limit it.
    pub(super) capped_from: f64,
    /// Rate at the size in force, records/s into it.
    pub(super) rate_now: f64,
    pub(super) parallelism_now: u32,
    /// Whether the job's code sets its parallelism.
    pub(super) pinned: bool,
}

/// One draw of what is not known.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Draw {
    pub(super) theta: Vec<f64>,
    /// Factor on each vertex's rate.
    pub(super) off: Vec<f64>,
    /// By vertex, where something outside limits it: how much more a subtask could do than it was seen to, at least one.
    pub(super) capped: Vec<Option<f64>>,
    /// Standard normal of the demand.
    pub(super) demand: f64,
    /// Standard normal of what the physics of cores miss at another size.
    pub(super) cores: f64,
}

/// One model of a job, with its uncertainty.
#[derive(Debug, Clone, PartialEq)]
pub struct JobModel {
    pub(super) layout: Layout,
    pub(super) places: Vec<Place>,
    pub(super) posterior: Posterior,
    pub(super) draws: Vec<Draw>,
    pub(super) now: Conditions,
    /// Whether cores were measured.
    pub(super) knows_cores: bool,
    /// Whether the heap was.
    pub(super) knows_heap: bool,
    /// Records into all vertices for one of the sources.
    pub(super) flow: f64,
    /// A checkpoint's duration at the size in force and the interval, milliseconds.
    pub(super) checkpoint: Option<(f64, f64)>,
    /// Cores of the busiest TaskManager beyond an even share, 0..1.
    pub(super) uneven: f64,
    /// Part of the cores that the TaskManager of a hot key uses however few slots it has, 0..1: no more than was seen.
    pub(super) hottest: f64,
    /// State at the end of its growth over the state now, at least 1.
    pub(super) state_growth: f64,
    /// The sizes that the job had.
    pub(super) past: Vec<PastRun>,
}

/// A size that the job had, with what flowed.
#[derive(Debug, Clone, PartialEq)]
pub struct PastRun {
    /// Begin, Unix milliseconds.
    pub from_ms: i64,
    /// End, Unix milliseconds.
    pub to_ms: i64,
    /// The widest vertex.
    pub parallelism: u32,
    /// Slots of all TaskManagers.
    pub slots: u32,
    /// Cores of all TaskManagers.
    pub cores: f64,
    /// Memory of all TaskManagers, bytes.
    pub memory_bytes: u64,
    /// Highest load that flowed without a backlog, records/s.
    pub carried_per_second: f64,
    /// What flowed at a backlog, records/s.
    pub full_per_second: Option<f64>,
    /// What it failed at, and for want of what.
    pub failed: Option<Failed>,
    /// Whether its end was in need of more: it fell behind, or its heap was nearly full.
    pub pressed: bool,
}

/// A size that fell behind: at this load, for want of this.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Failed {
    /// What flowed while more and more waited, records/s.
    pub per_second: f64,
    /// Cores were used up; else a subtask was always busy.
    pub of_cores: bool,
}

impl JobModel {
    /// From everything that was seen of a job. `None` where no vertex was measured.
    pub fn learn(history: &History, known: &Known<'_>) -> Option<JobModel> {
        let latest = history.latest_running.as_ref()?;
        let graph: Vec<&Vertex> = latest
            .vertices
            .iter()
            .filter(|vertex| {
                known.capacities.iter().any(|one| one.id == vertex.id) || vertex.is_source()
            })
            .collect();
        if graph.is_empty() || known.capacities.is_empty() {
            return None;
        }
        let runs = runs(history, &graph);
        let layout = Layout {
            vertices: graph.len(),
        };
        let learning = Learning {
            known,
            graph: &graph,
            runs: &runs,
            layout,
        };
        learning.model()
    }

    /// Sizes that the job had.
    pub fn past(&self) -> &[PastRun] {
        &self.past
    }
}

struct Learning<'a> {
    known: &'a Known<'a>,
    graph: &'a [&'a Vertex],
    runs: &'a [Run],
    layout: Layout,
}

impl Learning<'_> {
    fn capacity(&self, vertex: &Vertex) -> Option<&VertexCapacity> {
        self.known.capacities.iter().find(|one| one.id == vertex.id)
    }

    fn model(&self) -> Option<JobModel> {
        let layout = self.layout;
        let size = self.known.size;
        let last = self.runs.last();
        let state = self
            .runs
            .iter()
            .rev()
            .find_map(|run| run.moments.iter().rev().find_map(|moment| moment.state))
            .unwrap_or(0.0);
        let checkpoint = last.and_then(checkpoints);
        let now = Conditions {
            parallelism: self
                .graph
                .iter()
                .map(|vertex| size.parallelism_of(&vertex.id))
                .collect(),
            task_managers: f64::from(size.task_managers.max(1)),
            slots: f64::from(size.slots_per_task_manager.min(size.parallelism).max(1)),
            cores: size.cpu_millis as f64 / 1000.0,
            managed: self
                .known
                .managed_state
                .then(|| self.known.managed * f64::from(size.task_managers.max(1))),
            duty: checkpoint.map_or(0.0, duty),
            collecting: last
                .and_then(|run| run.median(|moment| moment.collecting))
                .unwrap_or(0.0),
            state,
            on_heap: !self.known.managed_state,
        };
        let mut places: Vec<Place> = Vec::new();
        for vertex in self.graph {
            let capacity = self.capacity(vertex);
            places.push(Place {
                id: vertex.id.clone(),
                name: vertex.name.clone(),
                per_record: capacity.map_or(1.0, |one| one.records_per_source_record),
                spread: capacity.map_or(
                    Spread {
                        units: None,
                        hot: 0.0,
                    },
                    Spread::seen,
                ),
                keyed: vertex
                    .inputs
                    .iter()
                    .any(|input| input.ship_strategy.eq_ignore_ascii_case("HASH")),
                bias: capacity.map_or(0.3, |one| one.sd_ln.clamp(0.03, 0.3) * 0.7),
                capped: 0.0,
                capped_from: f64::INFINITY,
                rate_now: capacity.map_or(f64::INFINITY, |one| one.true_rate_per_second),
                parallelism_now: vertex.parallelism.max(1),
                pinned: self.known.pinned.contains(&vertex.id),
            });
        }
        let mut prior: Vec<(f64, f64)> = places
            .iter()
            .map(|place| {
                let each = place.rate_now / place.spread.effective(place.parallelism_now);
                if each.is_finite() && each > 0.0 {
                    (each.ln(), 3.0)
                } else {
                    (16.0, 1.0)
                }
            })
            .collect();
        prior.extend(layout.shared().map(|shared| layout.prior(shared, state)));
        let used_now = last
            .and_then(|run| run.median(|moment| moment.used))
            .unwrap_or(0.5);
        self.capped(&mut places);
        let mut seen = Vec::new();
        self.vertices_now(&places, &now, used_now, &mut seen);
        self.vertices_before(&places, &mut seen);
        // A cache that is too small by a little, and one that is by far: a fit that begins where it is large enough sees no slope.
        let elsewhere: Vec<(usize, f64)> = now
            .managed
            .filter(|managed| *managed > 0.0)
            .map_or_else(Vec::new, |managed| {
                [1.1, 1.6, 3.0]
                    .map(|times| (layout.at(Shared::WorkingSet), (managed * times).ln()))
                    .to_vec()
            });
        let knows_cores = self.cores(&mut prior, &mut seen);
        let knows_heap = self.heaps(&mut seen);
        let posterior = Posterior::fit(&prior, &seen, &elsewhere)?;
        drop(seen);
        let (uneven, busiest) = self.uneven();
        let hot = places
            .iter()
            .map(|place| place.spread.hot)
            .fold(0.0, f64::max);
        let flow = places.iter().map(|place| place.per_record).sum();
        let draws = (0..DRAWS as u64)
            .map(|seed| Draw {
                theta: posterior.draw(seed),
                off: places
                    .iter()
                    .enumerate()
                    .map(|(at, place)| {
                        (place.bias * super::posterior::normal(seed, 1000 + at as u64)).exp()
                    })
                    .collect(),
                capped: places
                    .iter()
                    .enumerate()
                    .map(|(at, place)| {
                        let spare = (uniform(seed, 7000 + at as u64) * SPARE.ln()).exp();
                        (uniform(seed, 5000 + at as u64) < place.capped).then_some(spare)
                    })
                    .collect(),
                demand: super::posterior::normal(seed, 9000),
                cores: super::posterior::normal(seed, 9100),
            })
            .collect();
        Some(JobModel {
            layout,
            places,
            posterior,
            state_growth: self.known.state_growth.max(1.0),
            draws,
            now,
            knows_cores,
            knows_heap,
            flow,
            checkpoint,
            uneven,
            hottest: hot.min(busiest),
            past: self.runs.iter().map(past_run).collect(),
        })
    }

    fn conditions(&self, run: &Run) -> Conditions {
        let shape = &run.shape;
        let parallelism = run.parallelism(self.graph);
        let widest = parallelism.iter().copied().max().unwrap_or(1);
        let managed = run
            .median(|moment| moment.managed)
            .unwrap_or(self.known.managed);
        Conditions {
            task_managers: f64::from(shape.task_managers.max(1)),
            slots: f64::from(shape.slots_per_task_manager.min(widest).max(1)),
            cores: shape.cpu_millis as f64 / 1000.0,
            managed: self
                .known
                .managed_state
                .then(|| managed * f64::from(shape.task_managers.max(1))),
            duty: checkpoints(run).map_or(0.0, duty),
            collecting: run.median(|moment| moment.collecting).unwrap_or(0.0),
            state: run.median(|moment| moment.state).unwrap_or(0.0),
            on_heap: !self.known.managed_state,
            parallelism,
        }
    }

    /// What busy time and flow say of each vertex at the size in force.
    fn vertices_now<'o>(
        &self,
        places: &'o [Place],
        now: &Conditions,
        used: f64,
        seen: &mut Vec<Observation<'o>>,
    ) {
        for (at, place) in places.iter().enumerate() {
            if !(place.rate_now.is_finite() && place.rate_now > 0.0) {
                continue;
            }
            // Where cores are used up a subtask waits for its turn: what it did is the least that it can do, and with a core of its
            // own it could do as much more as there are slots for each core.
            let crowd = (now.slots / now.cores.max(0.05)).max(1.0).ln();
            let (at_least, sd) = match used >= SCARCE {
                true => (0.5 * crowd, (0.5 * crowd).hypot(0.1)),
                false => (0.0, 0.02),
            };
            let rate = place.rate_now.ln() + at_least;
            seen.push(self.vertex(at, place, now.clone(), used.min(SCARCE), rate, sd));
        }
    }

    fn vertex<'o>(
        &self,
        at: usize,
        place: &'o Place,
        conditions: Conditions,
        used: f64,
        seen: f64,
        sd: f64,
    ) -> Observation<'o> {
        let layout = self.layout;
        let mut depends = vec![
            layout.rate(at),
            layout.at(Shared::Contention),
            layout.at(Shared::Coherency),
            layout.at(Shared::Stretch),
        ];
        if place.keyed {
            depends.extend(
                [Shared::WorkingSet, Shared::Miss, Shared::Checkpoint].map(|one| layout.at(one)),
            );
        }
        let (spread, keyed) = (&place.spread, place.keyed);
        Observation {
            seen,
            sd,
            depends,
            foretold: Box::new(move |theta| {
                conditions
                    .vertex_rate(theta, layout, at, spread, keyed, used)
                    .ln()
            }),
        }
    }

    /// What busy time said at other sizes.
    fn vertices_before<'o>(&self, places: &'o [Place], seen: &mut Vec<Observation<'o>>) {
        let (_, others) = match self.runs.split_last() {
            Some(split) => split,
            None => return,
        };
        for run in others.iter().rev().take(12) {
            let conditions = self.conditions(run);
            for (at, place) in places.iter().enumerate() {
                // What is set from outside says nothing of the work.
                let Some((rate, used)) = busy_rate(run, at).filter(|_| place.capped < 0.3) else {
                    continue;
                };
                let own = conditions.parallelism.get(at).copied().unwrap_or(1);
                // Busy time is over all subtasks alike: the busiest one's share is the spread's to say.
                let hottest = rate / f64::from(own) * place.spread.effective(own);
                seen.push(self.vertex(at, place, conditions.clone(), used, hottest.ln(), BUSY_SD));
            }
        }
    }

    /// Cores at several levels of load of each run.
    fn cores<'o>(&self, prior: &mut [(f64, f64)], seen: &mut Vec<Observation<'o>>) -> bool {
        let layout = self.layout;
        let depends = [
            Shared::Cpu,
            Shared::Idle,
            Shared::Contention,
            Shared::Coherency,
            Shared::Checkpoint,
            Shared::WorkingSet,
            Shared::Miss,
        ]
        .map(|shared| layout.at(shared))
        .to_vec();
        let mut any = false;
        for (age, run) in self.runs.iter().rev().take(12).enumerate() {
            let conditions = self.conditions(run);
            for (load, cores, seconds) in levels(run) {
                if !any {
                    // A record costs no more than all that was used, and seldom much less: the rest is an idle JVM's.
                    prior[layout.at(Shared::Cpu)] = ((CPU_OF_RECORDS * cores / load).ln(), 0.6);
                    any = true;
                }
                let few = (600.0 / seconds.max(60.0)).sqrt().min(2.0);
                let sd = CORES_SD * few * (1.0 + 0.1 * age as f64);
                let conditions = conditions.clone();
                seen.push(Observation {
                    seen: cores.ln(),
                    sd,
                    depends: depends.clone(),
                    foretold: Box::new(move |theta| {
                        conditions.cores_used(theta, layout, load).ln()
                    }),
                });
            }
        }
        any
    }

    /// The lowest heap in use of each two hours: what collections leave.
    fn heaps<'o>(&self, seen: &mut Vec<Observation<'o>>) -> bool {
        const LONG_MS: i64 = 2 * 3_600_000;
        let layout = self.layout;
        let depends = [
            Shared::HeapBase,
            Shared::HeapSlot,
            Shared::HeapRate,
            Shared::HeapState,
        ]
        .map(|shared| layout.at(shared))
        .to_vec();
        let mut any = false;
        for run in self.runs.iter().rev().take(8) {
            let conditions = self.conditions(run);
            let part = part(&conditions);
            let first = run.from_ms;
            let chunks = run
                .moments
                .chunk_by(|a, b| (a.from_ms - first) / LONG_MS == (b.from_ms - first) / LONG_MS);
            let chunks: Vec<&[Moment]> = chunks.collect();
            for chunk in chunks.iter().rev().take(12) {
                let lowest = chunk
                    .iter()
                    .filter(|moment| moment.heap.is_some_and(|heap| heap > 0.0))
                    .min_by(|a, b| a.heap.unwrap_or(0.0).total_cmp(&b.heap.unwrap_or(0.0)));
                let Some(lowest) = lowest else { continue };
                let (Some(low), n) = (lowest.heap, chunk.len() as f64) else {
                    continue;
                };
                let most = lowest.heap_max.unwrap_or(low * 2.0);
                // Of few looks even the lowest holds some garbage.
                let garbage = 0.25 / n;
                let stays = ((low - garbage * most) / (1.0 - garbage)).max(low * 0.5);
                let records: f64 = lowest.records.iter().flatten().sum();
                let mut conditions = conditions.clone();
                conditions.state = lowest.state.unwrap_or(conditions.state);
                let sd = 0.06 + 0.4 * garbage * most / low;
                any = true;
                seen.push(Observation {
                    seen: stays.ln(),
                    sd,
                    depends: depends.clone(),
                    foretold: Box::new(move |theta| {
                        conditions.heap(theta, layout, records, part).ln()
                    }),
                });
            }
        }
        any
    }

    /// Probability that something outside limits a vertex: at other parallelisms it was as fast as now.
    fn capped(&self, places: &mut [Place]) {
        let explained = self.explained();
        let sinks: Vec<bool> = self
            .graph
            .iter()
            .map(|vertex| {
                !self
                    .graph
                    .iter()
                    .any(|other| other.inputs.iter().any(|input| input.vertex == vertex.id))
            })
            .collect();
        for (at, place) in places.iter_mut().enumerate() {
            let told = self.known.outside.contains(&place.id);
            let before: f64 = match (told, explained < 0.75, sinks[at]) {
                (true, ..) => 0.8,
                (_, true, true) => 0.3,
                (_, true, false) => 0.05,
                _ => 0.01,
            };
            let mut odds = (before / (1.0 - before)).ln();
            let seen: Vec<(f64, f64)> = self
                .runs
                .iter()
                .filter_map(|run| {
                    let own = *run.parallelism(self.graph).get(at)?;
                    let rate = match busy_rate(run, at) {
                        Some((rate, _)) => rate,
                        None => full_rate(run, at)?,
                    };
                    Some((place.spread.effective(own).ln(), rate.ln()))
                })
                .collect();
            place.capped_from = place.spread.effective(place.parallelism_now);
            if let Some(((now, rate), others)) = seen.split_last() {
                for (then, seen) in others {
                    if (rate - seen).abs() < 0.1 {
                        place.capped_from = place.capped_from.min(then.exp());
                    }
                    let ratio = now - then;
                    if ratio.abs() < TELLS {
                        continue;
                    }
                    // Either the rate follows the parallelism, or it does not.
                    let gap = rate - seen;
                    let sd = 0.08f64;
                    let gain = ((gap - ratio).powi(2) - gap.powi(2)) / (2.0 * sd * sd);
                    odds += gain.clamp(-6.0, 6.0);
                }
            }
            // What once flowed was not held up there.
            let most = self
                .runs
                .iter()
                .flat_map(|run| &run.moments)
                .filter_map(|moment| moment.records[at])
                .fold(0.0, f64::max);
            if most > place.rate_now * 1.07 {
                odds = -12.0;
            }
            place.capped = 1.0 / (1.0 + (-odds.clamp(-12.0, 12.0)).exp());
            if place.capped < 0.01 {
                place.capped = 0.0;
            }
        }
    }

    /// Part of the busy time that CPU time explains.
    fn explained(&self) -> f64 {
        let (mut cores, mut busy) = (0.0, 0.0);
        if let Some(run) = self.runs.last() {
            let parallelism = run.parallelism(self.graph);
            for moment in run.moments.iter().filter(|moment| !moment.held_back) {
                let Some(used) = moment.cores else { continue };
                let threads: f64 = moment
                    .busy
                    .iter()
                    .zip(&parallelism)
                    .filter_map(|(busy, own)| Some((*busy)? * f64::from(*own)))
                    .sum();
                cores += used;
                busy += threads;
            }
        }
        if busy > 0.0 { cores / busy } else { 1.0 }
    }

    /// Part of the cores that the busiest TaskManager uses beyond an even share, and the part itself.
    fn uneven(&self) -> (f64, f64) {
        let Some(run) = self.runs.last() else {
            return (0.0, 0.0);
        };
        let n = f64::from(run.shape.task_managers.max(1));
        let limit = run.shape.cpu_millis as f64 / 1000.0;
        let busiest = run
            .median(|moment| Some(moment.used? * limit / moment.cores?))
            .unwrap_or(1.0 / n);
        let beyond = if n > 1.0 && busiest > 1.1 / n {
            ((busiest - 1.0 / n) / (1.0 - 1.0 / n)).clamp(0.0, 0.95)
        } else {
            0.0
        };
        (beyond, busiest.clamp(0.0, 1.0))
    }
}

/// Part of the job's work that the fullest TaskManager has: Flink fills one after the other.
pub(super) fn part(conditions: &Conditions) -> f64 {
    let widest = conditions.parallelism.iter().copied().max().unwrap_or(1);
    let even = 1.0 / conditions.task_managers.max(1.0);
    (conditions.slots / f64::from(widest.max(1))).clamp(even.min(1.0), 1.0)
}

/// Share of the time in which a checkpoint is under way.
pub(super) fn duty((took, interval): (f64, f64)) -> f64 {
    (took / interval.max(took + 500.0)).clamp(0.0, 1.0)
}

fn checkpoints(run: &Run) -> Option<(f64, f64)> {
    let took = run.median(|moment| moment.checkpoint_ms.filter(|_| !moment.held_back))?;
    let interval = run.median(|moment| moment.interval_ms)?;
    (took > 0.0 && interval > 0.0).then_some((took, interval))
}

/// Rate at which all subtasks of a vertex would always be busy, records/s, and the share of the cores in use then: by busy time
/// in moments with cores to spare in which nothing waited for another vertex.
fn busy_rate(run: &Run, at: usize) -> Option<(f64, f64)> {
    let (mut records, mut busy, mut used, mut seconds) = (0.0, 0.0, 0.0, 0.0);
    for moment in &run.moments {
        let share = moment.used.unwrap_or(0.5);
        if !moment.warm || share >= SCARCE || moment.held_back {
            continue;
        }
        if let (Some(rate), Some(own)) = (moment.records[at], moment.busy[at]) {
            let long = moment.seconds();
            records += rate * long;
            busy += own * long;
            used += share * long;
            seconds += long;
        }
    }
    (seconds >= 600.0 && busy / seconds >= 0.01 && records > 0.0)
        .then(|| (records / busy, used / seconds))
}

/// The same while records waited for a vertex that was always busy, with cores to spare.
fn full_rate(run: &Run, at: usize) -> Option<f64> {
    let rates: Vec<f64> = run
        .moments
        .iter()
        .filter(|moment| {
            moment.warm && moment.waiting && moment.used.is_none_or(|used| used < SCARCE)
        })
        .filter_map(|moment| {
            let busy = moment.busy[at].filter(|busy| *busy >= 0.85)?;
            Some(moment.records[at]? / busy)
        })
        .collect();
    (rates.len() >= 2).then(|| rates.iter().sum::<f64>() / rates.len() as f64)
}

/// Load, cores and seconds at several levels of load.
fn levels(run: &Run) -> Vec<(f64, f64, f64)> {
    let warm: Vec<&Moment> = run
        .moments
        .iter()
        .filter(|moment| moment.warm && moment.load > 0.0 && moment.cores.is_some())
        .collect();
    let mut sorted = if warm.is_empty() {
        run.moments
            .iter()
            .filter(|moment| moment.load > 0.0 && moment.cores.is_some())
            .collect()
    } else {
        warm
    };
    sorted.sort_by(|a, b| a.load.total_cmp(&b.load));
    let each = sorted.len().div_ceil(LEVELS).max(1);
    sorted
        .chunks(each)
        .filter_map(|chunk| {
            let seconds: f64 = chunk.iter().map(|moment| moment.seconds()).sum();
            let mean = |pick: &dyn Fn(&Moment) -> f64| {
                chunk
                    .iter()
                    .map(|moment| pick(moment) * moment.seconds())
                    .sum::<f64>()
                    / seconds
            };
            let load = mean(&|moment| moment.load);
            let cores = mean(&|moment| moment.cores.unwrap_or(0.0));
            (load > 0.0 && cores > 0.0 && load.is_finite() && cores.is_finite())
                .then_some((load, cores, seconds))
        })
        .collect()
}

fn past_run(run: &Run) -> PastRun {
    let shape = &run.shape;
    let free = run.moments.iter().filter(|moment| !moment.waiting);
    let failed = failed(run);
    let full: Vec<f64> = run
        .moments
        .iter()
        .filter(|moment| moment.waiting && moment.warm)
        .map(|moment| moment.load)
        .collect();
    PastRun {
        from_ms: run.from_ms,
        to_ms: run.to_ms,
        parallelism: shape.parallelism.values().copied().max().unwrap_or(1),
        slots: shape.task_managers * shape.slots_per_task_manager,
        cores: shape.cpu_millis as f64 / 1000.0 * f64::from(shape.task_managers),
        memory_bytes: shape.memory_bytes * u64::from(shape.task_managers),
        carried_per_second: free.map(|moment| moment.load).fold(0.0, f64::max),
        full_per_second: (full.len() >= 2).then(|| full.iter().sum::<f64>() / full.len() as f64),
        failed,
        pressed: failed.is_some() || heap_full(run),
    }
}

/// Whether the heap was nearly full in the last looks at a size: collections leave four fifths of it, or take a twentieth of the time.
fn heap_full(run: &Run) -> bool {
    let last = run.moments.iter().rev().take(LAST_LOOKS);
    let (mut low, mut collecting, mut looks) = (f64::INFINITY, 0.0, 0.0f64);
    for moment in last {
        if let (Some(used), Some(most)) = (moment.heap, moment.heap_max)
            && most > 0.0
        {
            low = low.min(used / most);
        }
        collecting += moment.collecting.unwrap_or(0.0);
        looks += 1.0;
    }
    (low.is_finite() && low > 0.8) || collecting / looks.max(1.0) > 0.05
}

/// A warm job that more and more records waited for, over two looks or more and for more than a minute of its load.
fn failed(run: &Run) -> Option<Failed> {
    let mut worst: Option<Failed> = None;
    for three in run.moments.windows(3) {
        let [before, between, after] = three else {
            continue;
        };
        let rises =
            between.pending > before.pending * 1.02 && after.pending > between.pending * 1.02;
        let late = after.pending > after.load * LATE_SECONDS;
        if !(before.warm && rises && late && after.load > 0.0) {
            continue;
        }
        let flowed = between.load.max(after.load);
        if worst.is_none_or(|worst| flowed > worst.per_second) {
            worst = Some(Failed {
                per_second: flowed,
                of_cores: after.used.is_some_and(|used| used >= SCARCE),
            });
        }
    }
    worst
}
