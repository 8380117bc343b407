//! TaskManager memory as the Flink Kubernetes Operator's autotuning would set it.
//!
//! Every pool takes from the process memory of the user's own configuration and gets at most what is
//! left, in the order overheads, network, metaspace, heap, managed, and heap again as compensation for
//! TaskManagers that go:
//!
//! ```text
//! reserve   framework off-heap, task off-heap, JVM overhead        as configured
//! network   = min(buffers all edges may ask for, left)
//! metaspace = min(⌊used · (1 + overhead)⌋, left)
//! heap      = min(⌊used · (1 + overhead)⌋, left)
//! managed   = 0 if unused, else min(as configured, left), or left if maximized
//! heap     += min(⌊k · heap⌋ − heap, left)     k = max(1, TaskManagers now / TaskManagers after)
//! total     = process − left
//! ```
//!
//! Use is the window's mean of the largest TaskManager. Source: `MemoryTuning` and `MemoryScaling` of
//! the Flink Kubernetes Operator, July 2026; the rules have not changed since release 1.10.

mod changes;
mod network;

pub use changes::{ConfigChanges, format_size};
pub use network::{Buffers, network_bytes, segments};

use std::collections::BTreeMap;

use crate::flink::memory::{Pools, pools};
use crate::flink::version::FlinkVersion;

use super::true_rate::evaluate::{EvaluatedGlobal, EvaluatedVertex};
use super::true_rate::input::VertexId;
use super::true_rate::options::{OptionError, Options};
use super::true_rate::quota::{slots_after, slots_used, task_managers};
use super::true_rate::topology::Topology;

/// Why tuning fails where upstream throws.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TuneError {
    /// A measured use is negative.
    #[error("the {pool} in use is measured as `{bytes}` bytes; a negative size cannot be tuned")]
    NegativeUse {
        /// Which pool.
        pool: &'static str,
        /// The mean use in bytes.
        bytes: f64,
    },
    /// The pools together would be negative.
    #[error("Flink's memory would become `{bytes}` bytes; the configured pools do not add up")]
    NegativeTotal {
        /// What came out.
        bytes: i64,
    },
    /// A fraction of nothing.
    #[error("the fraction `{key}` is undefined: its whole is 0 bytes")]
    UndefinedFraction {
        /// The option it would be written to.
        key: &'static str,
    },
    /// An option about network buffers cannot be read.
    #[error("network memory: {0}")]
    Option(#[source] OptionError),
}

impl TuneError {
    /// The class of the exception upstream throws.
    pub fn upstream_name(&self) -> &'static str {
        match self {
            TuneError::UndefinedFraction { .. } => "NumberFormatException",
            _ => "IllegalArgumentException",
        }
    }
}

/// Everything the tuning looks at.
#[derive(Debug, Clone)]
pub struct MemoryCase<'a> {
    /// The user's Flink configuration.
    pub config: &'a BTreeMap<String, String>,
    /// Process memory of a TaskManager in the spec, bytes.
    pub process_bytes: u64,
    /// The job graph.
    pub topology: &'a Topology,
    /// Parallelism of every vertex after the decision.
    pub after: &'a BTreeMap<VertexId, u32>,
    /// Mean heap in use, bytes; NaN counts as 0.
    pub heap_used: f64,
    /// Mean managed memory in use, bytes; NaN counts as 0.
    pub managed_used: f64,
    /// Mean metaspace in use, bytes; NaN counts as 0.
    pub metaspace_used: f64,
    /// Slots taken now.
    pub slots_used: i32,
    /// Slots needed after the decision.
    pub slots_after: i32,
}

impl<'a> MemoryCase<'a> {
    /// From a job's evaluated metrics and the parallelisms after its decision.
    pub fn of_job(
        topology: &'a Topology,
        vertices: &BTreeMap<VertexId, EvaluatedVertex>,
        global: &EvaluatedGlobal,
        after: &'a BTreeMap<VertexId, u32>,
        config: &'a BTreeMap<String, String>,
        process_bytes: u64,
    ) -> MemoryCase<'a> {
        let slots_used = slots_used(global);
        MemoryCase {
            config,
            process_bytes,
            topology,
            after,
            heap_used: global.heap_used.average,
            managed_used: global.managed_used.average,
            metaspace_used: global.metaspace_used.average,
            slots_used,
            slots_after: slots_after(vertices, after, slots_used),
        }
    }
}

/// The sizes that autotuning gives to the pools, bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tuned {
    /// Heap of framework and tasks together.
    pub heap: i64,
    /// Managed memory.
    pub managed: i64,
    /// Network buffers.
    pub network: i64,
    /// Metaspace.
    pub metaspace: i64,
    /// The whole process.
    pub total: i64,
}

/// The changes autotuning recommends; empty when it has none: the configuration does not resolve, or
/// there is no memory to give.
pub fn recommend(case: &MemoryCase<'_>, options: &Options) -> Result<ConfigChanges, TuneError> {
    // Where Flink refuses to start, upstream gives up silently.
    let Ok(spec) = pools(case.config, None, UPSTREAM_FLINK) else {
        return Ok(ConfigChanges::default());
    };
    if case.process_bytes == 0 {
        return Ok(ConfigChanges::default());
    }
    let tuned = tune(case, &spec, options)?;
    if tuned.total <= 0 {
        return Ok(ConfigChanges::default());
    }
    changes::of(&tuned, &spec)
}

/// The Flink version whose memory rules the operator is built with.
const UPSTREAM_FLINK: FlinkVersion = FlinkVersion::V1_20;

/// Deals the process memory to the pools.
pub fn tune(case: &MemoryCase<'_>, spec: &Pools, options: &Options) -> Result<Tuned, TuneError> {
    let process = signed(case.process_bytes);
    let mut left = process;
    let mut take = |wanted: i64| {
        let taken = wanted.min(left);
        left -= taken;
        taken
    };
    take(signed(spec.framework_off_heap));
    take(signed(spec.task_off_heap));
    take(signed(spec.overhead));
    let buffers = Buffers::read(case.config).map_err(TuneError::Option)?;
    let per_slot = network_bytes(case.topology, case.after, buffers);
    let network = take(per_slot.saturating_mul(i64::from(options.slots_per_task_manager)));
    let metaspace = take(with_overhead("metaspace", case.metaspace_used, options)?);
    let mut heap = take(with_overhead("heap", case.heap_used, options)?);
    let managed = if whole_bytes("managed memory", case.managed_used)? <= 0 {
        0
    } else if options.maximize_managed_memory {
        take(i64::MAX)
    } else {
        take(signed(spec.managed))
    };
    if options.memory_scale_down_compensation {
        let compensated = (compensation(case, options) * heap as f64) as i64;
        heap += take(compensated.saturating_sub(heap));
    }
    Ok(Tuned {
        heap,
        managed,
        network,
        metaspace,
        total: process - left,
    })
}

/// How much heap each remaining TaskManager takes over from those that go: at least 1.
fn compensation(case: &MemoryCase<'_>, options: &Options) -> f64 {
    let count = |slots| f64::from(task_managers(slots, options.slots_per_task_manager));
    let factor = count(case.slots_used) / count(case.slots_after);
    // As in Java, an undefined factor stays undefined.
    if factor < 1.0 { 1.0 } else { factor }
}

fn with_overhead(pool: &'static str, used: f64, options: &Options) -> Result<i64, TuneError> {
    let used = whole_bytes(pool, used)?;
    Ok((used as f64 * (1.0 + options.memory_overhead)) as i64)
}

fn whole_bytes(pool: &'static str, used: f64) -> Result<i64, TuneError> {
    let bytes = used as i64;
    if bytes < 0 {
        return Err(TuneError::NegativeUse { pool, bytes: used });
    }
    Ok(bytes)
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
