//! The inverse of the memory model: the smallest process that holds what is needed.

use std::fmt;
use std::num::NonZeroU32;

use super::derive::pools;
use super::{MemoryError, Pools};
use crate::flink::options::{
    Configuration, FLINK_SIZE, FRAMEWORK_OFF_HEAP, FlinkOption, LEGACY_NETWORK_BUFFERS,
    MANAGED_FRACTION, MANAGED_SIZE, METASPACE, NETWORK_FRACTION, NETWORK_MAX, OVERHEAD_MAX,
    TASK_HEAP, TASK_OFF_HEAP,
};
use crate::flink::version::FlinkVersion;
use crate::quantity::Memory;

const MIB: u64 = 1 << 20;

/// Where the search ends: a pebibyte is more than any machine has, and leaves room for sums.
const LARGEST_PROCESS: u64 = 1 << 50;

/// What each pool must hold at least, bytes; 0 asks for nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Needs {
    /// The JVM's heap: framework and tasks together.
    pub heap: u64,
    /// Memory outside the heap of framework and tasks together.
    pub off_heap: u64,
    /// Managed memory.
    pub managed: u64,
    /// Network buffers.
    pub network: u64,
    /// Metaspace.
    pub metaspace: u64,
    /// JVM overhead.
    pub overhead: u64,
}

/// A pool, or a group of pools that one limit holds for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pool {
    /// Framework and task heap.
    Heap,
    /// Framework and task off-heap memory.
    OffHeap,
    /// Managed memory.
    Managed,
    /// Network buffers.
    Network,
    /// Metaspace.
    Metaspace,
    /// JVM overhead.
    Overhead,
}

impl fmt::Display for Pool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Pool::Heap => "heap",
            Pool::OffHeap => "off-heap memory",
            Pool::Managed => "managed memory",
            Pool::Network => "network memory",
            Pool::Metaspace => "metaspace",
            Pool::Overhead => "JVM overhead",
        })
    }
}

/// The smallest process, and what it is cut into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Minimum {
    /// Size of the process, bytes.
    pub process: u64,
    /// Its pools.
    pub pools: Pools,
}

/// Why no process size holds what is needed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MinimumError {
    /// Flink refuses the configuration, or the smallest process that is large enough.
    #[error("Flink refuses the memory configuration at {}", Memory::from_bytes(*.process))]
    Refused {
        /// The process size tried, bytes.
        process: u64,
        /// What Flink says.
        #[source]
        source: MemoryError,
    },
    /// The configuration keeps a pool below what is needed, however large the process.
    #[error(
        "{pool} needs {} but `{option}` keeps it at {}; change that option with the process",
        Memory::from_bytes(*.needed), Memory::from_bytes(*.given)
    )]
    PoolFixed {
        /// The pool.
        pool: Pool,
        /// What it needs, bytes.
        needed: u64,
        /// What it gets at most, bytes.
        given: u64,
        /// The option to change.
        option: &'static str,
    },
}

/// The smallest process size, in steps of `step_mib` mebibytes, with which Flink starts and each pool
/// holds at least what is needed. The process size that the configuration itself names does not count.
///
/// Errors where no size does: an option fixes a pool below its need, or the configuration is refused.
pub fn minimum_process_size(
    configuration: &Configuration,
    needs: &Needs,
    step_mib: NonZeroU32,
    version: FlinkVersion,
) -> Result<Minimum, MinimumError> {
    let step = u64::from(step_mib.get()) * MIB;
    let resolve = |process| pools(configuration, Some(process), version);
    let too_small = |process| match resolve(process) {
        Ok(pools) => lacking(&pools, needs).is_some(),
        Err(error) => error.asks_for_more(),
    };
    // Pools grow with the process (a step is far above the bytes that rounding moves), so the sizes that
    // are too small come first.
    let mut enough = 1;
    while too_small(enough * step) {
        if enough * step >= LARGEST_PROCESS {
            return Err(never(
                configuration,
                needs,
                enough * step,
                resolve(enough * step),
            ));
        }
        enough *= 2;
    }
    let mut too_few = enough / 2;
    while enough - too_few > 1 {
        let middle = too_few + (enough - too_few) / 2;
        if too_small(middle * step) {
            too_few = middle;
        } else {
            enough = middle;
        }
    }
    let process = enough * step;
    match resolve(process) {
        Ok(pools) => Ok(Minimum { process, pools }),
        Err(source) => Err(beyond(configuration, needs, process, step, source, resolve)),
    }
}

/// The first size that is not too small is refused as too large. If a smaller one started, then a pool
/// stands still while the process grows: that is the better reason.
fn beyond(
    configuration: &Configuration,
    needs: &Needs,
    process: u64,
    step: u64,
    source: MemoryError,
    resolve: impl Fn(u64) -> Result<Pools, MemoryError>,
) -> MinimumError {
    match resolve(process - step) {
        Ok(pools) => never(configuration, needs, process - step, Ok(pools)),
        Err(_) => MinimumError::Refused { process, source },
    }
}

fn never(
    configuration: &Configuration,
    needs: &Needs,
    process: u64,
    resolved: Result<Pools, MemoryError>,
) -> MinimumError {
    let pools = match resolved {
        Ok(pools) => pools,
        Err(source) => return MinimumError::Refused { process, source },
    };
    match lacking(&pools, needs) {
        Some((pool, needed, given)) => {
            let option = fixed_by(configuration, pool);
            MinimumError::PoolFixed {
                pool,
                needed,
                given,
                option,
            }
        }
        None => MinimumError::Refused {
            process,
            source: MemoryError::TooLarge,
        },
    }
}

/// The first pool that is smaller than it must be, with what it needs and what it has.
fn lacking(pools: &Pools, needs: &Needs) -> Option<(Pool, u64, u64)> {
    [
        (Pool::Metaspace, needs.metaspace, pools.metaspace),
        (Pool::OffHeap, needs.off_heap, pools.off_heap()),
        (Pool::Heap, needs.heap, pools.heap()),
        (Pool::Managed, needs.managed, pools.managed),
        (Pool::Network, needs.network, pools.network),
        (Pool::Overhead, needs.overhead, pools.overhead),
    ]
    .into_iter()
    .find(|(_, needed, given)| needed > given)
}

/// The option that keeps a pool from growing with the process.
fn fixed_by(configuration: &Configuration, pool: Pool) -> &'static str {
    let set = |option: &FlinkOption| option.written(configuration).is_some();
    let flink_fixed = set(&FLINK_SIZE);
    let option = match pool {
        Pool::Metaspace => &METASPACE,
        Pool::OffHeap if set(&FRAMEWORK_OFF_HEAP) && !set(&TASK_OFF_HEAP) => &FRAMEWORK_OFF_HEAP,
        Pool::OffHeap => &TASK_OFF_HEAP,
        Pool::Heap if set(&TASK_HEAP) => &TASK_HEAP,
        Pool::Managed if set(&MANAGED_SIZE) => &MANAGED_SIZE,
        Pool::Network if set(&NETWORK_MAX) => &NETWORK_MAX,
        Pool::Overhead => &OVERHEAD_MAX,
        _ if flink_fixed => &FLINK_SIZE,
        Pool::Network if set(&LEGACY_NETWORK_BUFFERS) => &LEGACY_NETWORK_BUFFERS,
        Pool::Network => &NETWORK_FRACTION,
        Pool::Heap | Pool::Managed => &MANAGED_FRACTION,
    };
    option.key
}
