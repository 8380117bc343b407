//! From configuration to pools.

use super::Pools;
use super::configured::Configured;
use super::error::MemoryError;
use crate::flink::options::{
    Configuration, FLINK_SIZE, FRAMEWORK_HEAP, FRAMEWORK_OFF_HEAP, MANAGED_FRACTION, MANAGED_SIZE,
    METASPACE, NETWORK_FRACTION, NETWORK_MAX, NETWORK_MIN, OVERHEAD_FRACTION, OVERHEAD_MAX,
    OVERHEAD_MIN, TASK_HEAP, TASK_OFF_HEAP,
};
use crate::flink::version::FlinkVersion;
use crate::quantity::Memory;

/// The pools that a TaskManager gets from a flattened configuration. `process_size` is what the custom
/// resource asks for, in bytes; it counts instead of `taskmanager.memory.process.size`.
///
/// Errors where Flink refuses to start, and nowhere else.
pub fn pools(
    configuration: &Configuration,
    process_size: Option<u64>,
    version: FlinkVersion,
) -> Result<Pools, MemoryError> {
    let configured = Configured {
        configuration,
        version,
        process_size,
    }
    .with_legacy_process_size()?;
    if configured.has(&TASK_HEAP) && configured.has(&MANAGED_SIZE) {
        let pools = flink_from_parts(&configured)?;
        return with_jvm_beside(&configured, pools);
    }
    if let Some(flink) = configured.size(&FLINK_SIZE)? {
        let pools = flink_from_total(&configured, flink)?;
        return with_jvm_beside(&configured, pools);
    }
    let process = configured
        .process_size()?
        .ok_or(MemoryError::NothingConfigured)?;
    let metaspace = configured.size_or_zero(&METASPACE)?;
    let overhead = configured
        .range(&OVERHEAD_MIN, &OVERHEAD_MAX, &OVERHEAD_FRACTION)?
        .of(process)?;
    let flink =
        process
            .checked_sub(sum([metaspace, overhead])?)
            .ok_or(MemoryError::JvmExceedsProcess {
                metaspace,
                overhead,
                process,
            })?;
    Ok(Pools {
        metaspace,
        overhead,
        ..flink_from_total(&configured, flink)?
    })
}

/// Task heap and managed memory are given; network memory follows from them, or from Flink's size.
fn flink_from_parts(configured: &Configured<'_>) -> Result<Pools, MemoryError> {
    let pools = Pools {
        task_heap: configured.size_or_zero(&TASK_HEAP)?,
        managed: configured.size_or_zero(&MANAGED_SIZE)?,
        ..fixed_pools(configured)?
    };
    let without_network = flink_sum(&pools)?;
    let network = match configured.size(&FLINK_SIZE)? {
        Some(flink) => network_from_rest(configured, without_network, flink)?,
        None => match configured.legacy_network()? {
            Some(network) => network,
            None => network_range(configured)?.beside(without_network)?,
        },
    };
    Ok(Pools { network, ..pools })
}

/// Flink's size is given; task heap takes what is left, or, where it is given too, network memory does.
fn flink_from_total(configured: &Configured<'_>, flink: u64) -> Result<Pools, MemoryError> {
    let fixed = fixed_pools(configured)?;
    let task_heap = configured.size(&TASK_HEAP)?;
    let managed = match configured.size(&MANAGED_SIZE)? {
        Some(managed) => managed,
        None => configured.unbounded(&MANAGED_FRACTION)?.of(flink)?,
    };
    if let Some(task_heap) = task_heap {
        let pools = Pools {
            task_heap,
            managed,
            ..fixed
        };
        let network = network_from_rest(configured, flink_sum(&pools)?, flink)?;
        return Ok(Pools { network, ..pools });
    }
    let network = match configured.legacy_network()? {
        Some(network) => network,
        None => network_range(configured)?.of(flink)?,
    };
    let pools = Pools {
        managed,
        network,
        ..fixed
    };
    let sum = flink_sum(&pools)?;
    let task_heap = flink
        .checked_sub(sum)
        .ok_or(MemoryError::PoolsExceedFlink {
            sum,
            rest: "task heap",
            flink,
        })?;
    Ok(Pools { task_heap, ..pools })
}

fn network_from_rest(
    configured: &Configured<'_>,
    sum: u64,
    flink: u64,
) -> Result<u64, MemoryError> {
    let network = flink
        .checked_sub(sum)
        .ok_or(MemoryError::PoolsExceedFlink {
            sum,
            rest: "network",
            flink,
        })?;
    if let Some(legacy) = configured.legacy_network()? {
        return match legacy == network {
            true => Ok(network),
            false => Err(MemoryError::NetworkNotAsConfigured {
                network,
                configured: legacy,
            }),
        };
    }
    let range = network_range(configured)?;
    if network < range.min {
        return Err(MemoryError::NetworkBelowMin {
            network,
            min: range.min,
        });
    }
    if network > range.max {
        return Err(MemoryError::NetworkAboveMax {
            network,
            max: range.max,
        });
    }
    Ok(network)
}

/// Flink's pools are known; overhead follows from them, or takes what is left of the process.
fn with_jvm_beside(configured: &Configured<'_>, pools: Pools) -> Result<Pools, MemoryError> {
    let flink = flink_sum(&pools)?;
    let metaspace = configured.size_or_zero(&METASPACE)?;
    let inner = sum([flink, metaspace])?;
    let process = configured.process_size()?;
    if let Some(process) = process {
        let overhead = process
            .checked_sub(inner)
            .ok_or(MemoryError::FlinkExceedsProcess {
                flink,
                metaspace,
                process,
            })?;
        let range = configured.range(&OVERHEAD_MIN, &OVERHEAD_MAX, &OVERHEAD_FRACTION)?;
        if overhead < range.min {
            return Err(MemoryError::OverheadBelowMin {
                overhead,
                min: range.min,
            });
        }
        if overhead > range.max {
            return Err(MemoryError::OverheadAboveMax {
                overhead,
                max: range.max,
            });
        }
        return Ok(Pools {
            metaspace,
            overhead,
            ..pools
        });
    }
    let range = configured.range(&OVERHEAD_MIN, &OVERHEAD_MAX, &OVERHEAD_FRACTION)?;
    let overhead = range.beside(inner)?;
    sum([inner, overhead])?;
    Ok(Pools {
        metaspace,
        overhead,
        ..pools
    })
}

/// The pools that only ever have the size that is written.
fn fixed_pools(configured: &Configured<'_>) -> Result<Pools, MemoryError> {
    Ok(Pools {
        framework_heap: configured.size_or_zero(&FRAMEWORK_HEAP)?,
        framework_off_heap: configured.size_or_zero(&FRAMEWORK_OFF_HEAP)?,
        task_off_heap: configured.size_or_zero(&TASK_OFF_HEAP)?,
        ..Pools::default()
    })
}

fn network_range(configured: &Configured<'_>) -> Result<super::configured::Range, MemoryError> {
    configured.range(&NETWORK_MIN, &NETWORK_MAX, &NETWORK_FRACTION)
}

fn flink_sum(pools: &Pools) -> Result<u64, MemoryError> {
    sum([
        pools.framework_heap,
        pools.task_heap,
        pools.framework_off_heap,
        pools.task_off_heap,
        pools.managed,
        pools.network,
    ])
}

/// Adds as Java does with `long`: beyond it is an error.
fn sum<const N: usize>(parts: [u64; N]) -> Result<u64, MemoryError> {
    parts
        .into_iter()
        .try_fold(0u64, u64::checked_add)
        .filter(|sum| *sum <= Memory::MAX_BYTES)
        .ok_or(MemoryError::TooLarge)
}
