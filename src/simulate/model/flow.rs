//! How fast records flow through the graph just now: a fluid model with the bottleneck on the graph.
//!
//! A subtask can be busy all the time and no more; a TaskManager can use its cores and no more. Where the sources want more than
//! the tightest of these allows, they are held back, and everything above the tight place is backpressured.

use super::graph::Graph;
use super::rig::Rig;

/// What a record costs at each vertex just now, microseconds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Costs {
    /// CPU.
    pub cpu_us: Vec<f64>,
    /// Waiting.
    pub wait_us: Vec<f64>,
}

/// Rates and shares of time just now.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Flow {
    /// Records/s that each source emits, in the order of the graph's sources.
    pub emitted: Vec<f64>,
    /// Records/s into each vertex.
    pub rate_in: Vec<f64>,
    /// Busy share, mean over the subtasks of each vertex.
    pub busy: Vec<f64>,
    /// Backpressured share, likewise.
    pub backpressured: Vec<f64>,
    /// Whether the vertex (its busiest subtask) holds the sources back.
    pub bound: Vec<bool>,
    /// Whether any does, or the cores do.
    pub held_back: bool,
    /// Cores in use at each vertex.
    pub cores: Vec<f64>,
    /// How much longer computing takes because the cores are shared (at least 1).
    pub stretch: f64,
    /// Load of each vertex against what its busiest subtask can carry.
    load: Vec<f64>,
}

impl Flow {
    /// An empty flow for a graph.
    pub fn new(graph: &Graph) -> Flow {
        let n = graph.gain.len();
        Flow {
            emitted: vec![0.0; graph.sources.len()],
            rate_in: vec![0.0; n],
            busy: vec![0.0; n],
            backpressured: vec![0.0; n],
            bound: vec![false; n],
            held_back: false,
            cores: vec![0.0; n],
            stretch: 1.0,
            load: vec![0.0; n],
        }
    }

    /// Nothing flows.
    pub fn clear(&mut self) {
        for values in [
            &mut self.emitted,
            &mut self.rate_in,
            &mut self.busy,
            &mut self.backpressured,
            &mut self.cores,
            &mut self.load,
        ] {
            values.fill(0.0);
        }
        self.bound.fill(false);
        self.held_back = false;
        self.stretch = 1.0;
    }

    /// Works out the flow when the sources would like to emit `wanted` records/s each.
    pub fn solve(&mut self, graph: &Graph, rig: &Rig, costs: &Costs, wanted: &[f64]) {
        self.emitted.copy_from_slice(wanted);
        self.bound.fill(false);
        self.held_back = false;
        let mut cores_bind = false;
        // Each round meets one tight place for good, so a few more rounds than vertices always suffice.
        for _ in 0..graph.gain.len() + 2 {
            self.rates(graph, rig, costs);
            let (tight, load) = self.tightest();
            let cores_load = self.cores_load(rig);
            if load.max(cores_load) <= 1.000_001 {
                break;
            }
            self.held_back = true;
            if cores_load >= load {
                cores_bind = true;
                self.emitted.iter_mut().for_each(|r| *r /= cores_load);
            } else {
                self.bound[tight] = true;
                for (s, rate) in self.emitted.iter_mut().enumerate() {
                    if graph.reaches(s, tight) {
                        *rate /= load;
                    }
                }
            }
        }
        self.share_cores(rig, costs, cores_bind);
        self.shares_of_time(graph, rig, costs);
    }

    fn rates(&mut self, graph: &Graph, rig: &Rig, costs: &Costs) {
        for v in 0..self.rate_in.len() {
            let mut rate = 0.0;
            for (gain, emitted) in graph.gain[v].iter().zip(&self.emitted) {
                rate += gain * emitted;
            }
            self.rate_in[v] = rate;
            let cost = costs.cpu_us[v] + costs.wait_us[v];
            self.load[v] = rate * cost * 1e-6 * rig.worst[v] / rig.parallelism[v] as f64;
            self.cores[v] = rate * costs.cpu_us[v] * 1e-6;
        }
    }

    fn tightest(&self) -> (usize, f64) {
        let mut best = (0, 0.0);
        for (v, &load) in self.load.iter().enumerate() {
            if load > best.1 {
                best = (v, load);
            }
        }
        best
    }

    fn cores_load(&self, rig: &Rig) -> f64 {
        let mut highest = 0.0f64;
        for kind in &rig.kinds {
            let mut used = 0.0;
            for (part, cores) in kind.iter().zip(&self.cores) {
                used += part * cores;
            }
            highest = highest.max(used);
        }
        highest / (rig.cores * 0.97).max(1e-6)
    }

    /// Threads that compete for cores compute longer. When the cores are what binds, the heaviest vertex shows it: it is busy all
    /// the time, and is the bottleneck that Flink sees.
    fn share_cores(&mut self, rig: &Rig, costs: &Costs, cores_bind: bool) {
        let used = self.cores_load(rig).min(1.0);
        self.stretch = 1.0 + 0.12 * used.powi(4);
        if !cores_bind {
            return;
        }
        let mut least = f64::INFINITY;
        let mut heaviest = 0;
        for v in 0..self.load.len() {
            let per = rig.worst[v] / rig.parallelism[v] as f64 * 1e-6 * self.rate_in[v];
            let computing = costs.cpu_us[v] * per;
            if computing <= 1e-9 {
                continue;
            }
            let stretch = ((1.0 - costs.wait_us[v] * per) / computing).max(1.0);
            if stretch < least {
                least = stretch;
                heaviest = v;
            }
        }
        if least.is_finite() {
            self.stretch = least;
            self.bound[heaviest] = true;
        }
    }

    fn shares_of_time(&mut self, graph: &Graph, rig: &Rig, costs: &Costs) {
        let n = self.rate_in.len();
        for v in 0..n {
            let cost = (costs.cpu_us[v] * self.stretch + costs.wait_us[v]) * 1e-6;
            let busy = self.rate_in[v] * cost / rig.parallelism[v] as f64;
            self.load[v] = busy * rig.worst[v];
            self.busy[v] = busy.min(1.0);
        }
        for v in 0..n {
            let free = 1.0 - self.busy[v];
            let mut blocked = false;
            let mut near = 0.0f64;
            for below in 0..n {
                if graph.below[v] >> below & 1 == 1 {
                    blocked |= self.bound[below];
                    near = near.max(self.load[below].min(1.0));
                }
            }
            // Below the limit buffers fill now and then: the closer to it, the more often.
            self.backpressured[v] = if blocked {
                free * 0.992
            } else {
                free * 0.3 * near.powi(16)
            };
        }
    }
}
